"""The views of the page Explore."""
