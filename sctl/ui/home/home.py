"""The three cards of the home page."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from sctl.errors import SctlError
from sctl.jobs import isolated
from sctl.project import Project, ProjectInfo
from sctl.ui.frame import errors, jobs, shell, state, steps
from sctl.ui.widgets import uploads

_LISTED = 3
"""Projects shown at once; the others are behind a drawer."""


def demo_card() -> None:
    """Offer the bundled pair: one click loads it, starts the whole analysis and turns to its live view."""
    st.markdown("### :primary[:material/play_circle:] Try the demo")
    st.markdown(
        "Human pancreas: a published, annotated dataset helps to name the cells of another laboratory's small one. "
        "The names are there in less than a minute, all maps a little later."
    )
    if st.button("Try the demo", type="primary", width="stretch", key="demo"):
        with errors.caught(), st.spinner("Loading the demo …"):
            _start_demo()
            shell.go(steps.THETA)


def new_card() -> None:
    """Offer an empty project."""
    st.markdown("### :material/add_circle: Start new")
    st.markdown(
        "Bring two files: an annotated source and your own target. They are checked and you are led step by step."
    )
    name = st.text_input("Name of the project", placeholder="e.g. Pancreas, March", key=state.PROJECT_NAME.name)
    if st.button("Start a new project", width="stretch", key="new"):
        with errors.caught():
            shell.open_project(Project.create(name or f"Project, {datetime.now():%d %b %Y}").id)
            shell.go(steps.DATA)


def open_card() -> None:
    """List the projects on this server, the latest first."""
    st.markdown("### :material/folder_open: Open a project")
    projects = Project.all()
    if not projects:
        st.markdown(":gray[Projects you start are kept here, with everything in them.]")
    _list(projects[:_LISTED])
    if projects[_LISTED:]:
        with st.expander(f"{len(projects) - _LISTED} earlier"):
            _list(projects[_LISTED:])
    with st.expander("From a file", icon=":material/folder_zip:"):
        _from_file()


def _from_file() -> None:
    count = state.BUNDLE_ROUND
    errors.show_notices("bundle")
    file = st.file_uploader("Project file (.sctl.zip)", type="zip", key=f"{count.name}:{count.get()}")
    if file is None:
        return
    count.set(count.get() + 1)  # whatever comes of it, the uploader is emptied, which frees its memory
    with st.spinner("Opening the project …"), errors.remembered("Nothing was changed.", place="bundle"):
        with uploads.on_disk([file]) as (paths, _):
            project = isolated.import_project(paths[0], file.name)
        shell.open_project(project.id)
        shell.go(steps.DATA)
    st.rerun()


def _list(projects: list[ProjectInfo]) -> None:
    for info in projects:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{errors.plain(info.name)}  \n:small[:gray[{_when(info)}]]", width="stretch")
            pressed = st.button("Open", key=f"open:{info.id}", disabled=bool(info.problem), help=info.problem or None)
        if pressed:
            shell.open_project(info.id)
            shell.go(steps.DATA)


def _when(info: ProjectInfo) -> str:
    if info.problem:
        return "cannot be read"
    return f"{datetime.fromtimestamp(info.modified):%d %b %Y, %H:%M}"


def _start_demo() -> None:
    """Make a project of the bundled pair and start everything."""
    project = Project.create("Demo: human pancreas")
    try:
        with project.one_act(undoable=False):  # without its data there is no demo to go back to
            for role in ("source", "target"):
                uploads.take_demo(project, role)
    except SctlError:
        project.delete()
        raise
    shell.open_project(project.id)
    jobs.start(project, "everything")
