"""Everything that draws with Streamlit; the page scripts in ``pages/steps`` are thin users of it."""
