"""The app: ``streamlit run app.py``."""

from sctl.ui.frame.entry import main

main()
