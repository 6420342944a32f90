"""The views of the page Marker genes."""
