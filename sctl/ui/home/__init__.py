"""The views of the page Home."""
