"""The views of the page θ."""
