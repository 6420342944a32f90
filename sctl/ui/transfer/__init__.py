"""The views of the page Transfer."""
