"""Files to take away. Nothing is built before its button is pressed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from anndata import AnnData

from sctl import export, workflow
from sctl.analysis import evaluate, unknown_cells
from sctl.data import TransferResult
from sctl.errors import DataError
from sctl.methods import METHODS
from sctl.methods.base import SelectableResult
from sctl.project import Project, annotated, export_project, load_pair, load_report, trained_file
from sctl.run import Run
from sctl.sharing import load_trained, save_adaptor
from sctl.ui.confidence import stability_view
from sctl.ui.data import pretrained, simulation
from sctl.ui.explain import reasons_view
from sctl.ui.explore import methods_view
from sctl.ui.frame import caching, results, shell, steps
from sctl.ui.n_clusters import consensus_files
from sctl.ui.widgets import colors

_MIME = {"csv": "text/csv", "zip": "application/zip", "ipynb": "application/x-ipynb+json"}
_LATER = {"theta": steps.TRANSFER, "explore": steps.EXPLORE, "markers": steps.MARKERS}


def out_of_date(project: Project) -> None:
    """Say which parts are of earlier settings or missing, with the way there."""
    for step, page in _LATER.items():
        where = project.state(step)
        if where in ("done", "running"):
            continue
        text = "of earlier settings" if where == "stale" else "not there yet"
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.warning(f"**{page.short}** is {text}. The files hold what is there.", icon=":material/history:")
        with right:
            shell.link(page, "Go there")


# -- data and tables -----------------------------------------------------------------------------------


def data(project: Project) -> None:
    """Offer the annotated dataset, the tables and the whole project."""
    name = stem(project)
    _offer("Annotated dataset (.h5ad)", lambda: h5ad(project), f"{name}.h5ad", about="Opens in Scanpy. Holds every "
           "result in its slot, the maps, your labels, and how it was made.", primary=True)  # fmt: skip
    _offer("All tables (.zip of .csv)", lambda: _archive(project), f"{name}-tables.zip",
           about="Cells, groups, marker genes, the curve over θ, other numbers of groups, other methods. A README says what is what.")  # fmt: skip
    _offer("Cells and their names (.csv)", lambda: _cells(project), f"{name}-cells.csv",
           about="One row for each cell: group, cell type, confidence, your label.")  # fmt: skip
    _offer("Whole project (.sctl.zip)", lambda: _project_file(project), f"{name}.sctl.zip",
           about="Data, settings and results, to go on with on another computer.")  # fmt: skip


def trained_source(project: Project) -> None:
    """Offer what the method has learned from the source, for other targets; say why where there is nothing."""
    content, why_not = pretrained.to_save(project)
    if content is None:
        st.markdown(f":gray[There is no trained source to save. {why_not}]")
        _reference(project)
        return
    kind = METHODS[project.params("transfer")["method"]]
    cells = "the place and the type of every source cell in its network's space" if kind.array_levels else "no cells"
    _offer("Save the trained source (.sctl)", lambda: content, f"{stem(project)}.sctl", about=f"What {kind.title} has "
           f"learned, with the mean expression of every type and {cells}. Choose it as the source of another "
           "project, or give it to a colleague.")  # fmt: skip
    _reference(project)


def _reference(project: Project) -> None:
    """Offer what was learned of the target on a reference, and the reference with the target's cells."""
    found = results.result(project)
    if not found.uns.get("adaptors") or not workflow.grows(METHODS[found.method]):
        return
    _offer("Weights of your datasets (.sctl)", lambda: _adaptor(found), f"{stem(project)}-adaptor.sctl", about="An adaptor: "
           "a few kilobytes, without anything of single cells. Whoever has the reference maps more cells of your datasets just "
           "as yours were, without training.")  # fmt: skip
    _offer("The reference with your cells (.sctl)", lambda: _grown(project, found), f"{stem(project)}-reference.sctl",
           about="Your named cells become part of the reference, with your own labels where you changed any; the cells it had stay "
           "where they are. Made when you press the button, which takes some seconds.")  # fmt: skip


def _adaptor(found: TransferResult) -> bytes:
    with tempfile.TemporaryDirectory(prefix="sctl-export-") as folder:
        return save_adaptor(found, Path(folder, "adaptor")).read_bytes()


def _grown(project: Project, found: TransferResult) -> bytes:
    path = trained_file(project)
    source = project.trained() if path is None else load_trained(path)
    if source is None:
        raise DataError("The reference is not there any more.", do="Run the transfer again.")
    source = replace(source, method=source.configured(found.params))
    final = _final(project)
    labels = pd.Series(found.labels if final is None else np.asarray(final), index=found.obs_names)
    with tempfile.TemporaryDirectory(prefix="sctl-export-") as folder:
        target = load_pair(project).target
        grown = workflow.extended(source, target, labels.loc[target.obs_names].tolist(), Run(seed=found.seed))
        return workflow.save_grown(grown, Path(folder, "reference")).read_bytes()


def repeat(project: Project) -> None:
    """Offer a script, a notebook and a paragraph for a paper."""
    recipe, found = recipe_of(project), results.result(project)
    _offer("Python script", lambda: export.script_for(recipe).encode(), f"{stem(project)}.py",
           about="Repeats this analysis where sctl is installed.")  # fmt: skip
    kind = METHODS[found.method]
    text = export.methods_paragraph(found, recipe=recipe, title=kind.title, reference=kind.reference)
    title = project.name
    _offer("Notebook (.ipynb)", lambda: export.notebook_for(recipe, title=title, words=text).encode(),
           f"{stem(project)}.ipynb", about="The same for Jupyter, step by step, with a first look at the result.")  # fmt: skip
    st.markdown("**The same from the shell**")
    if beside := export.left_out(recipe):
        st.caption(f"The command does not repeat: {'; '.join(beside)}. The script and the notebook do.")
    st.code(export.command_for(recipe), language="bash", wrap_lines=True)
    st.markdown("**A paragraph for your methods section**")
    st.code(text, language=None, wrap_lines=True)


def recipe_of(project: Project) -> export.Recipe:
    """Return all that must be known to repeat the analysis."""
    keys, transfer = project.params("data"), project.params("transfer")
    infos = {role: project.input_info(role) or {} for role in ("source", "target")}
    simulated = {role: found for role, info in infos.items() if (found := simulation.of(info)) is not None}
    return export.Recipe(
        source=_file(project, "source"),
        target=_file(project, "target"),
        label_key=keys["label_key"],
        batch_key=keys["batch_key"],
        method=transfer["method"],
        params={**project.settings.params.get("transfer", {}).get("params", {}), **_answer(project)},
        theta=project.params("theta")["theta"],
        preprocess=project.settings.params.get("preprocess", {}),
        seed=transfer["seed"],
        demo=frozenset(role for role, info in infos.items() if info.get("demo")),
        all_genes=frozenset(role for role, info in infos.items() if info.get("genes") == "union"),
        simulated={role: found.to_dict() for role, found in simulated.items()},
        trained=pretrained.settled(project) if project.has_trained else None,
        files={role: info["files"] for role, info in infos.items() if len(info.get("files", ())) > 1},
        changes=sorted(
            (change for info in infos.values() for change in info.get("changes", ())),
            key=lambda change: change["number"],
        ),
        edits=_edits(project),
    )


def _edits(project: Project) -> export.LabelEdits:
    """Return the user's own names of cells, as far as they differ from the method's."""
    final = _final(project)
    return export.LabelEdits() if final is None else export.label_edits(results.result(project), final)


def _answer(project: Project) -> dict[str, str]:
    """Return which of two answers the user wants, as a setting of the method that has them."""
    answer = project.params("theta")["answer"]
    has_two = isinstance(workflow.method_of(project.params("transfer")), SelectableResult)
    return {"answer": answer} if answer is not None and has_two else {}


def _file(project: Project, role: str) -> str:
    info = project.input_info(role) or {}
    return str(info.get("filename", f"{role}.h5ad"))


def stem(project: Project) -> str:
    """Return the project's name as the beginning of a file name."""
    words = "".join(letter if letter.isalnum() else " " for letter in project.name).split()
    return "-".join(words).lower()[:60] or "sctl"


def _offer(label: str, build: Callable[[], bytes], name: str, *, about: str = "", primary: bool = False) -> None:
    left, right = st.columns([1.1, 1.6], vertical_alignment="center", gap="medium")
    with left:
        st.download_button(
            label,
            data=build,
            file_name=name,
            mime=_MIME.get(name.rsplit(".", 1)[-1], "application/octet-stream"),
            icon=":material/download:",
            on_click="ignore",
            key=f"download:{label}",
            type="primary" if primary else "secondary",
            width="stretch",
        )
    right.caption(about)


def _final(project: Project) -> Any:
    return None if results.final_labels(project) is None else colors.groups(project, "final")


def _all_results(project: Project) -> list[TransferResult]:
    own = results.result(project)
    others = results.baselines(project)
    return [own, *(item for key, item in others.items() if key != own.method)]


def h5ad(project: Project) -> bytes:
    """Return the user's own dataset as a file, with every result in its slot."""
    drawn = results.maps(project)
    maps = {kind: drawn[f"target_{kind}"] for kind in ("umap", "tsne", "pca") if f"target_{kind}" in drawn}
    with tempfile.TemporaryDirectory(prefix="sctl-export-") as folder:
        own = _all_results(project)
        path = export.export_h5ad(
            Path(folder, "result.h5ad"),
            annotated(project, *own, given=_given(project)),
            [],
            embeddings=maps,
            labels_final=_final(project),
            provenance={
                "methods": [each.method for each in own],
                "command": export.command_for(recipe_of(project)),
                "settings": dict(project.settings.params),
            },
        )
        return path.read_bytes()


def _given(project: Project) -> AnnData | None:
    """Return the target as it was given, where the pages have read just that; None where repairs came since."""
    info = project.input_info("target") or {}
    unchanged = info.get("given", info.get("fingerprint")) == info.get("fingerprint")
    return caching.dataset(project, "target", info["fingerprint"]) if info and unchanged else None


def _archive(project: Project) -> bytes:
    tables = _tables(project)
    return export.bundle({**tables, "README.txt": export.readme_for(tables, title=project.name)})


def _tables(project: Project) -> dict[str, bytes | Path]:
    losses = load_report(project)["losses"]
    tables = export.export_tables(
        _all_results(project),
        labels_final=_final(project),
        markers=results.markers(project) if project.state("markers") == "done" else None,
        theta_curve=_curve(project),
        dropped=pd.DataFrame(losses) if losses else None,
    )
    return {**tables, **_further(project)}


def _further(project: Project) -> dict[str, bytes]:
    """Return the tables of single pages: other numbers of groups, cells beyond the source, repeats, reasons."""
    own = results.result(project)
    found = {f"numbers_of_groups/{name}.csv": table for name, table in consensus_files.tables(project).items()}
    if unknown_cells.has_scores(own):
        found["cells_beyond_the_source.csv"] = unknown_cells.outlier_table(own)
    if not (repeated := stability_view.all_outcomes(project)).empty:
        found["repeats_with_other_seeds.csv"] = repeated
    if len(answers := results.answers(project)) > 1:
        found["methods.csv"] = evaluate.compare(answers, methods_view.truth_of(project, own))
        found["names_by_method.csv"] = methods_view.names(answers)
    found |= reasons_view.files(project)
    return {name: export.to_csv(table) for name, table in found.items()}


def _curve(project: Project) -> pd.DataFrame | None:
    rows = [{"theta": p.theta, **p.scores} for p in results.points(project)]
    return pd.DataFrame(rows) if rows else None


def _cells(project: Project) -> bytes:
    own = results.result(project)
    return export.export_tables([own], labels_final=_final(project))[f"cells_{own.method}.csv"]


def _project_file(project: Project) -> bytes:
    with tempfile.TemporaryDirectory(prefix="sctl-export-") as folder:
        return export_project(Project(project.root), Path(folder, "project.sctl.zip")).read_bytes()
