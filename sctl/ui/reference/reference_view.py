"""Building a reference on its page: datasets, settings, curves while it learns, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sctl import jobs, workflow
from sctl.jobs import Job
from sctl.project import Project, as_reference, load_self_test, trained_file
from sctl.sharing import ENDING, Library, TrainedSource
from sctl.ui.data import inputs
from sctl.ui.export import exports
from sctl.ui.frame import caching, errors, shell, state, steps
from sctl.ui.frame import jobs as job_views
from sctl.ui.reference import self_test_view
from sctl.ui.widgets import forms, numbers, training_view

PLACE = "reference"
KIND = "reference"
_MOST_NAMES = 12


def begin() -> None:
    """Offer to start a project for a reference, where none is open."""
    with st.container(border=True):
        st.markdown(
            "A reference is learned from one or more **annotated datasets**. Your own cells are not needed for it: they, and "
            "those of anyone to whom you give it, are mapped onto it later."
        )
        name = st.text_input("Name of the reference", placeholder="e.g. Pancreas atlas", key=state.PROJECT_NAME.name)
        if st.button("Start", type="primary", icon=":material/add:", key="reference:new"):
            with errors.caught():
                shell.open_project(Project.create(name or f"Reference, {datetime.now():%d %b %Y}").id)
                st.rerun()


def trained_already() -> None:
    """Say that the open project's source is a reference, or another trained source, already."""
    st.info("The source of this project is a trained one already. Map your cells onto it on the page Transfer.")
    shell.link(steps.DATA)
    shell.link(steps.LIBRARY)


def draw(project: Project, action: DeltaGenerator) -> None:
    """Draw the page of a project whose source is a dataset, or is yet to come."""
    view = as_reference(project)
    job = _job(project)
    if view is not None and job is not None:
        job_views.watch(job, place=KIND, live=lambda now: _live(view, job))
    elif view is not None and trained_file(view) is not None:
        report(view)
    if view is not None:
        job_views.failed(project, KIND, {})
    left, right = st.columns(2, gap="large")
    with left:
        inputs.side(project, "source", for_reference=True)
    with right:
        _settings(project)
    with action:
        _button(project, view)


def _job(project: Project) -> Job | None:
    job = job_views.running(project)
    return job if job is not None and job.kind == KIND else None


# -- choosing ------------------------------------------------------------------------------------------


def _settings(project: Project) -> None:
    info, keys = project.input_info("source"), project.params("data")
    st.markdown("### :material/tune: How it is learned")
    if info is None:
        st.markdown(":gray[Add datasets first. Several files become one reference, each file a dataset of its own.]")
        return
    st.markdown(_datasets(project, info, keys["batch_key"]))
    kind, own = workflow.reference_method(), _own(project)
    names = caching.groupings(project, "source", info["fingerprint"])
    columns = forms.Columns([name for name in names if name != keys["label_key"]], str(keys["batch_key"] or ""))
    later = sorted(kind.target_settings - {forms.COLUMN})  # they matter only once cells are mapped
    forms.method_form(kind, own, elsewhere=[*later, forms.COLUMN], columns=columns)


def _datasets(project: Project, info: Mapping[str, Any], key: str | None) -> str:
    """Say which datasets the reference tells apart."""
    if key is None:
        return (
            ":gray[All cells count as one dataset. Choose a column of datasets, samples or donors on the left, if there is one: "
            "the differences between them are then learned, and do not pass for differences between types.]"
        )
    names = sorted(set(caching.column(project, "source", info["fingerprint"], key).astype(str)))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"**{len(names)} datasets** by the column {errors.plain(key)}: {errors.plain(', '.join(names[:_MOST_NAMES]))}{more}."


def _own(project: Project) -> dict[str, Any]:
    params = project.params("transfer")
    return dict(params["params"]) if params["method"] == workflow.reference_method().key else {}


def _button(project: Project, view: Project | None) -> None:
    is_running = job_views.running(project) is not None
    why_not = "Add annotated datasets first." if view is None else ""
    if view is not None and project.params("data")["label_key"] is None:
        why_not = "Choose the column of cell types first."
    done = view is not None and trained_file(view) is not None and bool(load_self_test(view)["genes"])
    st.button(
        "Running …" if is_running else "Build it again" if done else "Build the reference",
        type="secondary" if done else "primary", icon="spinner" if is_running else ":material/school:", key="run:reference",
        width="stretch", disabled=is_running or bool(why_not), help=why_not or None, on_click=_start,
    )  # fmt: skip


def _start() -> None:
    """Keep the settings on the page, then learn and test in the background."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your settings are as they were.", place=PLACE):
        kind, own, values = workflow.reference_method(), _own(project), {}
        for parameter in kind.parameters():
            key = state.PARAMETER.of(kind.key, parameter.name)
            kept = own.get(parameter.name, parameter.default)
            values[parameter.name] = key.get() if key.name in st.session_state else kept
        chosen = {"method": kind.key, "params": values, "seed": project.params("transfer")["seed"]}
        project.set_params("transfer", chosen, note="Settings of the reference")
        view = as_reference(project)
        if view is not None:
            jobs.submit(view, KIND)


# -- while it learns, and what came of it ----------------------------------------------------------------


def _live(view: Project, job: Job) -> None:
    if trained_file(view) is not None:
        st.markdown(
            "**The reference is there. Now it is tested: parts of it are hidden, and it is learned anew without them.**"
        )
        self_test_view.charts(load_self_test(view))
    else:
        training_view.live(job)


def report(view: Project) -> None:
    """Draw what a finished reference is made of, what it is worth, and ways to use it."""
    path = trained_file(view)
    if path is None:
        return
    source = caching.model(str(path), path.stat().st_mtime)
    with st.container(border=True):
        st.markdown(f"#### :material/check_circle: The reference is ready: {errors.plain(view.name)}")
        _numbers(source)
        st.caption(expectation(source.manifest["facts"]))
        _ways_on(view, path)
    training_view.drawer(source.manifest["facts"]["training"])
    found = load_self_test(view)
    with st.expander("How well does the reference know itself?", icon=":material/fact_check:", expanded=True):
        if not found["genes"]:
            st.caption("Not all tests are finished. *Build the reference* goes on with them; what is done is kept.")
        self_test_view.charts(found)


def _numbers(source: TrainedSource) -> None:
    facts = source.manifest["facts"]
    shown = [
        ("Cells", f"{source.n_source:,}", f"{len(facts['conditions'])} datasets"),
        ("Cell types", f"{len(source.label_names):,}", ""),
        ("Genes", f"{len(source.genes):,}", "compared"),
        (
            "Expected right",
            f"{float(facts['novelty']['accuracy'] or 0.0):.0%}",
            "of the named cells",
        ),
    ]
    numbers.row(shown)


def expectation(facts: Mapping[str, Any]) -> str:
    """Say by which limit cells of unknown types are told, as learned from the reference's own cells.

    Examples
    --------
    >>> expectation({"novelty": {"threshold": 0.25, "kept": 0.95, "accuracy": 0.98}})[:44]
    'Cells with more than a 25% chance of a new t'
    """
    found = {name: float("nan") if value is None else float(value) for name, value in facts["novelty"].items()
             if not isinstance(value, list | tuple)}  # fmt: skip
    return (
        f"Cells with more than a {found['threshold']:.0%} chance of a new type will get no name. Of the reference's own cells, "
        f"asked without themselves, {found['kept']:.0%} keep theirs, and {found['accuracy']:.0%} of these names are right."
    )


def _ways_on(view: Project, path: Path) -> None:
    with st.container(horizontal=True):
        pressed = st.button("Map cells onto it", icon=":material/move_down:", type="primary", key="reference:map",
                            help="Starts a project with this reference as its source.")  # fmt: skip
        st.button("Put it into the library", icon=":material/local_library:", key="reference:keep", on_click=_keep,
                  args=(path, view.name))  # fmt: skip
        st.download_button("Save it as a file", data=path.read_bytes, file_name=f"{exports.stem(view)}{ENDING}",
                           icon=":material/download:", on_click="ignore", key="reference:save")  # fmt: skip
    if pressed:
        with errors.caught("Nothing was changed."):
            project = Project.create(f"Mapped onto {view.name}"[:80])
            project.put_trained(path, {"filename": f"{view.name}{ENDING}"}, note=f"Use the reference {view.name}")
            shell.open_project(project.id)
            state.forget_settings()
            shell.go(steps.DATA)


def _keep(path: Path, name: str) -> None:
    with errors.remembered("The library is as it was.", place=PLACE):
        entry = Library().add(path, name=name)
        errors.notify(f"{entry.name} is in the library.")
