"""The answer to why cells have their name: genes, one gene in detail, pathways, and a check."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from sctl import export, plots, workflow
from sctl.analysis.enrichment import FDR
from sctl.analysis.explain import marked
from sctl.project import Project, analyses, load_gene_sets
from sctl.ui.explore import explore_view
from sctl.ui.frame import errors, results
from sctl.ui.widgets import charts, colors, embedding_view
from sctl.workflow import ExplainParams, Reasons

_FLAT: dict[str, Any] = {"displayModeBar": False}
_ROWS = 200
_CARD_ROWS = 16
_TOP = 50  # so many of the weightiest genes are looked through for known markers
_SIGNS = {"supports": "✓", "contradicts": "✗", "": ""}


def draw(project: Project, question: ExplainParams, found: Reasons) -> None:
    """Draw the whole answer."""
    st.markdown(f"### {errors.plain(_title(found))}")
    st.markdown(_in_words(found))
    genes = marked_genes(project, question, found)
    st.markdown(known_markers_note(genes, found.explanation.label))
    left, right = st.columns([1, 1.1], gap="large")
    with left:
        _bars(found)
    with right:
        gene = _table(question, found, genes)
    if gene is not None:
        _gene(project, gene)
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        _pathways(question, found)
    with right:
        _check(found)


def card(project: Project, question: ExplainParams) -> bool:
    """Draw a cell's weightiest genes, with the one whose row is chosen on the map; False where it was not explained yet."""
    found = analyses.load(project, "explain", question)
    if found is None:
        return False
    own, genes = found.explanation, marked_genes(project, question, found)
    st.markdown(f"**Genes for {errors.plain(own.label)}, and for {errors.plain(own.against)}, the runner-up**")
    value = genes["contribution"]
    ends = pd.concat([genes.loc[value[value > 0].nlargest(_CARD_ROWS // 2).index],
                      genes.loc[value[value < 0].nsmallest(_CARD_ROWS // 2).index]])  # fmt: skip
    gene = _chosen(found, ends.reset_index(drop=True), key=f"confidence:genes:{stem_of(question)}", height=300)
    st.caption(known_markers_note(genes, own.label))
    if gene is not None:
        _gene(project, gene, key="confidence")
    return True


def marked_genes(project: Project, question: ExplainParams, found: Reasons) -> pd.DataFrame:
    """Return the genes of an answer with what is known of them: the bundled markers, and the user's own sets by type."""
    own, genes = found.explanation, found.explanation.genes
    known = workflow.markers_for(results.genes(project))
    if question.sets:
        known = known.merged(load_gene_sets(project, question.sets))
    return marked(genes, own.label, own.against, known)


def known_markers_note(genes: pd.DataFrame, label: str) -> str:
    """Say which known markers are among the weightiest genes, and whether they are as cells of a label should have them.

    ``genes`` are those of :func:`marked_genes`.
    """
    top = genes.loc[genes["share"].nlargest(_TOP).index]
    if not (top["marker_of"] != "").any():
        return f"None of the {len(top)} weightiest genes is in the table of known markers of these types."
    parts = []
    for verdict, how in (("supports", "as"), ("contradicts", "unlike")):
        rows = top[top["verdict"] == verdict]
        if len(rows):
            directions = [_direction(rows[rows["here"] == here], here) for here in ("high", "low")]
            parts.append(f"{' and '.join(filter(None, directions))}, {how} in {errors.plain(cells_called(label))}")
    if not parts:
        return f"The known markers among the {len(top)} weightiest genes speak neither for the name nor against it."
    return f"Known markers among the {len(top)} weightiest genes: {'; '.join(parts)}."


def _direction(rows: pd.DataFrame, here: str) -> str:
    """Name genes that are high, or low; empty where there are none."""
    named = [f"*{errors.plain(str(row.gene))}* ({errors.plain(str(row.marker_of))})" for row in rows.itertuples()]
    return f"{', '.join(named)} {'is' if len(named) == 1 else 'are'} {here}" if named else ""


def cells_called(label: str) -> str:
    """Return a label as the name of several cells.

    Examples
    --------
    >>> cells_called("alpha"), cells_called("B cell"), cells_called("CD14+ Monocytes"), cells_called("macrophage")
    ('alpha cells', 'B cells', 'CD14+ Monocytes', 'macrophages')
    """
    low = label.lower()
    if low.endswith(("cells", "cytes", "phages", "blasts", "phils")):
        return label
    return f"{label}s" if low.endswith(("cell", "cyte", "phage", "blast", "phil")) else f"{label} cells"


def files(project: Project) -> dict[str, pd.DataFrame]:
    """Return the tables of everything that was explained about the answer shown, by file name."""
    out: dict[str, pd.DataFrame] = {}
    for number, question in enumerate(analyses.stored_params(project, "explain"), start=1):
        found = analyses.load(project, "explain", question)
        if found is not None:
            stem = f"explanations/{number:02d}_{stem_of(question)}"
            out |= {f"{stem}_genes.csv": found.explanation.genes, f"{stem}_check.csv": found.deletion}
            out |= {f"{stem}_pathways.csv": found.pathways} if len(found.pathways) else {}
    return out


def stem_of(question: ExplainParams) -> str:
    """Return what is asked as part of a file's name."""
    against = question.against or "runner-up"
    words = f"{question.of} {question.name} against {against}"
    return "-".join("".join(letter if letter.isalnum() else " " for letter in words).split()).lower()[:60]


def _ends(genes: pd.DataFrame, number: int) -> tuple[list[str], list[str]]:
    value = genes.set_index("gene")["contribution"]
    return list(value[value > 0].nlargest(number).index), list(value[value < 0].nsmallest(number).index)


def _title(found: Reasons) -> str:
    return f"Why {found.explanation.label} rather than {found.explanation.against}?"


def _in_words(found: Reasons) -> str:
    """Say the answer in one or two sentences."""
    own = found.explanation
    best, worst = ([errors.plain(gene) for gene in genes] for genes in _ends(own.genes, 3))
    cells = "this cell" if own.n_cells == 1 else f"these cells ({own.n_cells:,} were looked at)"
    said = f"For {cells}, " + (
        f"**{', '.join(best)}** speak most for the name" if best else "no gene speaks for the name"
    )
    said += f"; **{', '.join(worst)}** speak most against it." if worst else "."
    if own.margin < 0:
        said += f" Taken together the genes speak rather for {errors.plain(own.against)}: doubt this name."
    return said


def _bars(found: Reasons) -> None:
    own = found.explanation
    figure = plots.reasons_figure(own.genes, label=own.label, against=own.against)
    alt = plots.alt_text("reasons", n_genes=len(figure.data[0].y), label=own.label, against=own.against)
    charts.draw(figure, key="explain:bars", config=_FLAT, alt=alt)


def _table(question: ExplainParams, found: Reasons, genes: pd.DataFrame) -> str | None:
    """Draw the genes, the weightiest first, and return the one whose row is chosen."""
    order = genes["contribution"].abs().sort_values(ascending=False, kind="stable").index
    shown = genes.loc[order].head(_ROWS).reset_index(drop=True)
    gene = _chosen(found, shown, key=f"explain:genes:{stem_of(question)}", height=420)
    st.caption("The weightiest first. Click at the left of a row to see the gene on the map.")
    _download("All genes (.csv)", genes, f"{stem_of(question)}_genes")
    return gene


def _chosen(found: Reasons, shown: pd.DataFrame, *, key: str, height: int) -> str | None:
    """Draw rows of genes and return the gene of the row that is chosen, the first by default."""
    own = found.explanation
    event: Any = st.dataframe(
        pd.DataFrame(
            {
                "Gene": shown["gene"],
                "Speaks for": [
                    own.label if value > 0 else own.against if value < 0 else "neither" for value in shown["contribution"]
                ],
                "Weight": 100 * shown["share"],
                "Known marker": [
                    f"{_SIGNS[verdict]} {of}{f', {here} here' if here else ''}".strip()
                    for verdict, of, here in zip(shown["verdict"], shown["marker_of"], shown["here"], strict=True)
                ],
                "In these cells": shown["expression"],
                "Elsewhere": shown["elsewhere"],
            }
        ),
        hide_index=True, height=height, on_select="rerun", selection_mode="single-row", key=key,
        column_config={
            "Weight": st.column_config.NumberColumn(format="%.1f%%", help="Share of all genes' contributions."),
            "Known marker": st.column_config.TextColumn(
                help="Of which type the gene is a known marker, and whether it is high or low here. ✓: as cells of this name "
                "have it; ✗: as they do not."
            ),
            "In these cells": st.column_config.NumberColumn(format="%.2f", help="Mean log-normalised expression."),
            "Elsewhere": st.column_config.NumberColumn(format="%.2f", help="The same in all other cells."),
        },
        alt="Genes for and against the name, the weightiest first. Choose a row to see the gene.",
    )  # fmt: skip
    rows = event["selection"]["rows"]
    return str(shown["gene"].iloc[rows[0] if rows and rows[0] < len(shown) else 0]) if len(shown) else None


def _gene(project: Project, gene: str, *, key: str = "explain") -> None:
    """Draw one gene on the map and in every cell type."""
    st.markdown(f"### *{errors.plain(gene)}* in your cells")
    if gene not in results.genes(project):
        st.caption("Your data lack this gene: the method counted it as average or silent.")
        return
    coords = results.maps(project).get("target_umap")
    left, right = st.columns(2, gap="large")
    if coords is not None:
        with left:
            embedding_view.plain_map(
                coords, results.expression(project, gene), title=gene, key=f"{key}:map:{gene}", height=320
            )
    with right if coords is not None else left:
        explore_view.violin(project, gene, colors.of(project, "label"), key=f"{key}:violin:{gene}")


def _pathways(question: ExplainParams, found: Reasons) -> None:
    st.markdown("### Pathways")
    if found.no_pathways or found.pathways.empty:
        st.info(f"No pathways were looked for. {errors.plain(found.no_pathways)}")
        return
    table = found.pathways.sort_values(["fdr", "p_value"], kind="stable")
    clear = int((table["fdr"] < FDR).sum())
    st.caption(
        f"{clear} of {len(table)} gene sets gather among the reasons (FDR below {FDR:g})."
        if clear
        else f"None of {len(table)} gene sets gathers among the reasons more than chance would have it (FDR below {FDR:g})."
    )
    own = found.explanation
    st.dataframe(
        pd.DataFrame(
            {
                "Pathway": table["set"].map(plots.plain_set),
                "Speaks for": [own.label if score > 0 else own.against for score in table["score"]],
                "FDR": table["fdr"],
                "Score": table["score"],
                "Genes": table["size"],
                "Leading genes": table["leading_genes"].fillna("").str.replace(";", ", "),
            }
        ),
        hide_index=True, height=300,
        column_config={
            "FDR": st.column_config.NumberColumn(
                format="%.3f", help="Expected share of false finds among the sets up to this one."
            ),
            "Score": st.column_config.NumberColumn(format="%.2f", help="Normalised enrichment score."),
            "Genes": st.column_config.NumberColumn(help="Genes of the set that the method looks at."),
        },
        alt=f"{len(table)} gene sets with their false discovery rates, smallest first",
    )  # fmt: skip
    _download("All pathways (.csv)", found.pathways, f"{stem_of(question)}_pathways")


def _check(found: Reasons) -> None:
    """Draw what happens to the preference when genes are taken out."""
    st.markdown("### Does it hold?")
    last = found.deletion.iloc[-1]
    holds = last["salient"] < last["random"]
    st.caption(
        "Taking out the genes for the name changes the answer more than taking out random ones, as it should."
        if holds
        else "Taking out these genes changes the answer no more than random ones: do not rely on this explanation."
    )
    alt = plots.alt_text(
        "deletion", label=found.explanation.label, salient=f"{last['salient']:.3g}", random=f"{last['random']:.3g}"
    )
    charts.draw(plots.deletion_figure(found.deletion), key="explain:deletion", config=_FLAT, alt=alt)


def _download(label: str, table: pd.DataFrame, name: str) -> None:
    st.download_button(
        label, data=lambda: export.to_csv(table), file_name=f"why_{name}.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key=f"explain:csv:{name}",
    )  # fmt: skip
