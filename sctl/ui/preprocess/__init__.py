"""The views of the page Preprocess."""
