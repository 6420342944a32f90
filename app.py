"""The app: ``streamlit run app.py``."""

from sctl.ui.entry import main

main()
