"""One side of the data page: bring a dataset in, see what it is, choose its cell types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import streamlit as st

from sctl import preflight, workflow
from sctl.errors import ProjectError
from sctl.jobs import isolated
from sctl.preflight import Role
from sctl.project import Project
from sctl.ui.data import findings, pretrained, simulation
from sctl.ui.frame import caching, errors, shell, state
from sctl.ui.widgets import uploads

TITLES = {
    "source": (":material/library_books: Source", "Large, with known cell types. The app learns from it."),
    "target": (":material/biotech: Target", "Your own cells, usually few. They get groups and names."),
}
FOR_REFERENCE = (
    ":material/library_books: Annotated datasets",
    "Cells whose types are known: one file, or several at once, which become one reference.",
)
_VALUES = {"counts": "raw counts", "log": "log-normalised", "linear": "normalised, not log", "scaled": "scaled"}
_GENES = {"ensembl": "Ensembl ids", "symbol": "gene symbols", "entrez": "Entrez ids"}
_SPECIES = {"human": "human", "mouse": "mouse"}


def side(project: Project, role: Role, *, for_reference: bool = False) -> None:
    """Draw one column of the page; the datasets of a reference are chosen alike."""
    title, sentence = FOR_REFERENCE if for_reference else TITLES[role]
    st.markdown(f"### {title}\n\n:gray[{sentence}]")
    errors.show_notices(role)
    info = project.input_info(role)
    if info is None:
        _bring(project, role, for_reference=for_reference)
        return
    if "trained" in info:
        with errors.caught():
            pretrained.card(project, info)
            findings.show_side(project, role)
    else:
        _dataset(project, role, info, for_reference=for_reference)
    with st.expander("Use other data", icon=":material/swap_horiz:"):
        _bring(project, role, for_reference=for_reference)
        st.button("Remove", icon=":material/delete:", key=f"remove:{role}", on_click=_remove, args=(role,))


def _dataset(project: Project, role: Role, info: Mapping[str, Any], *, for_reference: bool) -> None:
    _summary(project, role, info)
    findings.show_side(project, role)
    if role == "source":
        _labels(project, info, for_reference=for_reference)
    _preview(project, role, info)


def _bring(project: Project, role: str, *, for_reference: bool) -> None:
    """Offer the ways in: upload, a folder of the server, the demo."""
    isolated.warm_up()
    count = state.UPLOAD_ROUND.of(role)
    files = st.file_uploader(
        f"Files of the {role}",
        accept_multiple_files=True,
        key=f"{count.name}:{count.get()}",
        help="`.h5ad` · 10x `.h5` · 10x folder as `.zip` or `.tar.gz`, or its three files together · "
        "`.csv`, `.tsv`, `.txt` · `.loom`; also packed with gzip.",
    )
    if role == "source":
        st.caption("Or a **trained source** (.sctl): what was learned from a source before, here or by a colleague.")
    st.caption("Accepted: .h5ad · 10x .h5 · 10x matrix, barcodes and genes · .csv, .tsv, .txt · .loom · .zip, .tar.gz")
    genes = _genes_of_several(role)
    if files:
        _load(role, lambda: uploads.take(project, role, files, genes=genes), for_reference=for_reference)
    if uploads.roots():
        _from_server(project, role)
    if st.button(f"Use the demo's {role}", type="tertiary", icon=":material/science:", key=f"demo:{role}"):
        _load(role, lambda: uploads.take_demo(project, role))


def _genes_of_several(role: str) -> workflow.Genes:
    """Ask which genes to keep where several datasets are given at once."""
    key = state.JOINED_GENES.of(role)
    key.start_with(key.default)
    with st.expander("Several datasets at once", icon=":material/library_add:"):
        st.caption(
            "Choose several files above, and they are put together; say first which genes to keep. A column "
            f"'{workflow.FILE}' then tells which cell is of which dataset: choose it as the sample, so that each dataset "
            "is scaled on its own."
        )
        st.segmented_control(
            "Genes to keep", workflow.GENES, key=key.name, required=True,
            format_func={"shared": "Those all share", "union": "Those any has"}.__getitem__,
            help="A gene that a dataset lacks counts as 0 there. That does no harm where each dataset is scaled on its own.",
        )  # fmt: skip
    return "union" if key.get() == "union" else "shared"


def _from_server(project: Project, role: str) -> None:
    with st.expander("Open from server folder", icon=":material/dns:"):
        chosen = st.selectbox(
            "File on the server",
            uploads.server_files(),
            index=None,
            format_func=_short,
            key=state.SERVER_FILE.of(role).name,
            placeholder="Choose a file",
        )
        if chosen is not None and st.button("Load", key=f"server:{role}"):
            _load(role, lambda: uploads.take_from_server(project, role, chosen))


def _short(path: Path) -> str:
    root = next((root for root in uploads.roots() if path.is_relative_to(root)), path.parent)
    return str(path.relative_to(root))


def _load(role: str, take: Callable[[], None], *, for_reference: bool = False) -> None:
    """Take a dataset in; whatever comes of it, the uploader is emptied, which frees its memory."""
    project = shell.current()
    kept = f"Your earlier {role} is still in place." if project and project.input_info(role) else "Nothing was changed."
    one_act = project.one_act() if project else nullcontext()
    with st.spinner("Reading and checking the data …"), errors.remembered(kept, place=role), one_act:
        take()
        _choose_labels(role, for_reference=for_reference)
    count = state.UPLOAD_ROUND.of(role)
    count.set(count.get() + 1)
    st.rerun()


def _choose_labels(role: str, *, for_reference: bool) -> None:
    """Choose the likeliest column of cell types of a new source, or none where no name shows it.

    A reference also tells its datasets apart.
    """
    project = shell.current()
    info = project.input_info("source") if project else None
    if role != "source" or project is None or info is None:
        return
    if "trained" in info:
        state.forget_settings()
        return
    params = project.params("data")
    joined = workflow.FILE in info["obs_columns"] and len(info.get("files", ())) > 1
    several = workflow.FILE if joined and for_reference else None
    if params["label_key"] in info["obs_columns"] and several is None:
        return
    named = preflight.named_labels(caching.dataset(project, "source", info["fingerprint"]))
    label_key = named[0] if named else None
    project.set_params("data", {"label_key": label_key, "batch_key": several}, note="Choose the column of cell types")
    state.forget_settings()


def _summary(project: Project, role: str, info: Mapping[str, Any]) -> None:
    badges = [
        f"{info['n_obs']:,} cells",
        f"{info['n_vars']:,} genes",
        _VALUES.get(info["values"], ""),
        _GENES.get(caching.gene_names_kind(project, role, info["fingerprint"]), ""),
        _SPECIES.get(str(info.get("species")), "species not recognised"),
    ]
    with st.container(border=True, gap="small"):
        st.markdown(f":material/description: **{errors.plain(str(info.get('filename', role)))}**")
        st.markdown(" ".join(f":blue-badge[{badge}]" for badge in badges if badge))
        simulated = simulation.of(info)
        if simulated is not None:
            st.caption(simulation.in_words(simulated))
        for text in info.get("notes", ()):
            st.caption(f":material/edit_note: {errors.plain(str(text))}")


def _labels(project: Project, info: Mapping[str, Any], *, for_reference: bool) -> None:
    """Choose the column of cell types, and show how many cells each has."""
    columns = list(info["obs_columns"])
    params = project.params("data")
    key = state.LABEL_KEY
    key.set(params["label_key"] if params["label_key"] in columns else None)
    chosen = st.selectbox(
        "Column with the cell types",
        columns,
        key=key.name,
        on_change=_set_data,
        args=("label_key", key, "Cell types"),
        placeholder="Choose a column",
        disabled=not columns,
        help="The column of the source in which every cell has the name of its type.",
    )
    if chosen is not None:
        _counts(project, info, chosen)
    with st.expander("The cell types are in a separate table", icon=":material/table:"):
        _labels_table(project)
    title = "Datasets, samples or donors (conditions)" if for_reference else "Sample or donor"
    with st.expander(title, icon=":material/group:", expanded=for_reference):
        _batch(project, columns)


def _batch(project: Project, columns: Sequence[str]) -> None:
    """Choose the column of samples, which is optional."""
    key, chosen = state.BATCH_KEY, project.params("data")["batch_key"]
    key.set(chosen if chosen in columns else None)
    st.selectbox(
        "Column with the sample or donor (optional)",
        columns,
        index=None,
        key=key.name,
        on_change=_set_data,
        args=("batch_key", key, "Samples"),
        placeholder="none",
        help="Methods that correct differences between samples use it.",
    )


def _counts(project: Project, info: Mapping[str, Any], chosen: str) -> None:
    counts = caching.column(project, "source", info["fingerprint"], chosen).value_counts()
    table = counts.rename_axis("Cell type").reset_index(name="Cells")
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * (len(table) + 1), 216),
        column_config={
            "Cells": st.column_config.ProgressColumn(
                "Cells", format="%d", min_value=0, max_value=int(counts.max()) if len(counts) else 1
            )
        },
        alt=f"Number of cells of each of {len(table)} cell types",
    )


def _labels_table(project: Project) -> None:
    st.caption("A .csv or .tsv with one row per cell; the first column holds the names of the cells.")
    count = state.LABELS_ROUND
    files = st.file_uploader("Table of cell types", accept_multiple_files=False, key=f"{count.name}:{count.get()}")
    if files is None:
        return
    with st.spinner("Reading the table …"), errors.remembered("The source is as it was.", place="source"):
        _join(project, [files])
    count.set(count.get() + 1)
    st.rerun()


def _join(project: Project, files: Sequence[uploads.Upload]) -> None:
    with uploads.on_disk(files) as (paths, _):
        origin = project.changed_origin("source", {"labels": files[0].name})
        with project.one_act():
            note = "Join the table of cell types"
            report = isolated.join_labels(project, paths[0], files[0].name, origin, note=note)
            if (chosen := report["chosen"]) is not None:
                params = {**project.params("data"), "label_key": chosen}
                project.set_params("data", params, note=f"Take the cell types from {chosen}")
    errors.notify(report["text"])


def _preview(project: Project, role: str, info: Mapping[str, Any]) -> None:
    with st.expander("First cells and genes", icon=":material/table_view:"), errors.caught():
        st.dataframe(
            caching.corner(project, role, info["fingerprint"]),
            alt=f"Values of the first five cells and genes of the {role}",
        )


def _set_data(name: str, key: state.Key[str | None], what: str) -> None:
    project = shell.current()
    if project is not None:
        chosen = key.get()
        project.set_params(
            "data", {**project.params("data"), name: chosen}, note=f"{what} from {chosen or 'no column'}"
        )


def _remove(role: str) -> None:
    project = shell.current()
    with errors.remembered(place=role):
        if project is None:
            raise ProjectError("No project is open.", do="Open one on the home page.")
        project.remove_input(role)
