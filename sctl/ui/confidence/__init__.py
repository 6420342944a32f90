"""The views of the page Confidence."""
