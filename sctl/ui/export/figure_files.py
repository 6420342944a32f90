"""Figures for print, one at a time; drawn when the button is pressed.

A button's callable runs outside the page's script, so all that the user chose is read before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pandas as pd
import streamlit as st

from sctl import plots, workflow
from sctl.analysis.markers import dot_table, top_markers
from sctl.project import Project
from sctl.ui.export import exports
from sctl.ui.frame import results, state
from sctl.ui.theta import theta_view
from sctl.ui.widgets import colors, gene_picker

_MIME = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_GENE = {"umap": "Map by a gene", "violin": "A gene in every cell type"}
"""Figures that need a gene, by the beginning of their file's name."""
_GROUPS = {"clusters": "cluster", "labels": "label", "final": "final"}

Draw = Callable[[], Any]
"""Returns a matplotlib figure."""


def offer(project: Project) -> None:
    """Let the user choose a figure, and offer it as PNG, SVG and PDF."""
    found = _drawings(project)
    of_genes = {name: title for name, title in _GENE.items() if name != "umap" or _has_map(project)}
    titles = {name: title for name, (title, _) in found.items()} | of_genes
    if state.FIGURE.get() not in titles:
        state.FIGURE.set(next(iter(titles)))
    left, right = st.columns(2)
    with left:
        name = str(
            st.selectbox(
                "Figure", list(titles), format_func=titles.__getitem__, key=state.FIGURE.name, persist_state="session"
            )
        )
    with right:
        gene = gene_picker.pick(project, "export") if name in _GENE else None
    if name in _GENE and gene is None:
        st.caption("Choose a gene first.")
        return
    draw = found[name][1] if gene is None else _of_gene(project, name, gene)
    ending = "" if gene is None else f"-{gene}"
    with st.container(horizontal=True):
        for kind, about in (("png", "for slides"), ("svg", "to edit"), ("pdf", "for print")):
            st.download_button(
                f"{kind.upper()} ({about})",
                data=partial(_printed, draw, kind),
                file_name=f"{exports.stem(project)}-{name}{ending}.{kind}",
                mime=_MIME[kind],
                icon=":material/download:",
                on_click="ignore",
                key=f"figure:{kind}",
            )
    st.caption(
        "300 dots per inch; text in SVG and PDF stays text. The colours can be told apart with any colour vision."
    )


def _drawings(project: Project) -> dict[str, tuple[str, Draw]]:
    """Return what can be drawn without a gene, by the beginning of the file's name: title, and how."""
    found: dict[str, tuple[str, Draw]] = {}
    if _has_map(project):
        titles = {"label": "Map by cell type", "cluster": "Map by cluster", "confidence": "Map by confidence"}
        if results.final_labels(project) is not None:
            titles["final"] = "Map by your labels"
        for name, title in titles.items():
            found[f"umap-{name}"] = (title, partial(_map, project, colors.of(project, name)))
    if results.points(project):
        found["theta"] = ("Curve over θ", partial(_theta, project))
    if project.state("markers") == "done":
        found["markers"] = ("Marker genes as dots", partial(_dots, project))
    return found


def _of_gene(project: Project, name: str, gene: str) -> Draw:
    values = colors.Color(results.expression(project, gene), gene)
    if name == "umap":
        return partial(_map, project, values)
    return partial(_violins, values, colors.of(project, "label"))


def _has_map(project: Project) -> bool:
    return "target_umap" in results.maps(project)


def _publication() -> ModuleType:
    from sctl.plots import publication  # noqa: PLC0415 - matplotlib takes a second to import, and the page shows none

    return publication


def _printed(draw: Draw, kind: Any) -> bytes:
    return bytes(_publication().to_bytes(draw(), kind))


def _map(project: Project, color: colors.Color) -> Any:
    coords = results.maps(project)["target_umap"]
    return _publication().embedding(coords, color.values, color_title=color.title, palette=color.palette)


def _violins(gene: colors.Color, groups: colors.Color) -> Any:
    return _publication().violins(gene.values, groups.values, gene=gene.title, palette=groups.palette)


def _theta(project: Project) -> Any:
    criterion = theta_view.criterion_of(project)
    table = pd.DataFrame([{"theta": p.theta, "kta": getattr(p, criterion)} for p in results.points(project)])
    lines = theta_view.baseline_scores(project, criterion)
    best = workflow.theta_of(results.result(project))
    return _publication().theta_curve(table, best=best, baselines=lines, y_title=theta_view.FITS[criterion])


def _dots(project: Project) -> Any:
    groups = colors.of(project, _GROUPS[project.params("markers")["groups"]])
    names = plots.natural_order(set(groups.values))
    best, target = top_markers(results.markers(project), 3), results.target(project)
    genes = [gene for name in names for gene in best.loc[best["group"] == name, "gene"]]
    order = pd.Categorical(groups.values, categories=names)
    return _publication().dot_plot(dot_table(target.X, order, genes, var_names=list(target.var_names)))
