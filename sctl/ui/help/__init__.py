"""The views of the page Help."""
