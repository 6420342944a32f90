"""Trained sources: keep them, give them away, get those of others."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import errors, shell, steps
from sctl.ui.library import library_view, zenodo_view

shell.header(steps.LIBRARY, acts=False)
errors.show_notices("library")

here, fetching, publishing = st.tabs(
    [
        ":material/local_library: Library",
        ":material/cloud_download: Fetch from Zenodo",
        ":material/cloud_upload: Publish on Zenodo",
    ]
)
with here, errors.caught():
    library_view.draw(shell.current())
with fetching:
    zenodo_view.fetching()
with publishing, errors.caught():
    zenodo_view.publishing()
