"""The views of the page Reference."""
