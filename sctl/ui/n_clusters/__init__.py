"""The views of the page Number of groups."""
