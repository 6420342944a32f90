"""The views of the page Library."""
