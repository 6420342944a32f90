"""Why a cell or a cluster has its label: the genes for it and against it, for every method that can say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import UNASSIGNED, TransferResult
from sctl.errors import DataError, ParameterError
from sctl.genesets import GeneSets, markers_of
from sctl.methods.base import Explains
from sctl.methods.explainer import Explainer
from sctl.numerics.attribution import deletion_curve
from sctl.run import Run
from sctl.typing import Doubles, Floats, Ints

MOST_CELLS = 200
"""Of a larger cluster so many cells are looked at, drawn at random."""


@dataclass(frozen=True)
class Explanation:
    """Why cells have a label rather than another.

    Parameters
    ----------
    label, against : str
    n_cells : int
        How many cells were looked at.
    margin : float
        How much the method prefers ``label``, on its own scale; below 0 it prefers ``against``.
    genes : DataFrame
        The genes, those that speak most for the label first: ``gene``, ``contribution`` (mean over the cells, on the
        scale of ``margin``), ``share`` (of all contributions, without sign), ``expression`` and ``elsewhere`` (mean in
        these cells and in all others; NaN where the target lacks the gene).
    """

    label: str
    against: str
    n_cells: int
    margin: float
    genes: pd.DataFrame

    @property
    def ranking(self) -> pd.Series:
        """Contributions by gene: what pathways are looked for in."""
        return self.genes.set_index("gene")["contribution"]


def explain(
    method: Explains,
    target: AnnData,
    result: TransferResult,
    cells: Ints,
    *,
    against: str | None = None,
    run: Run | None = None,
) -> Explanation:
    """Say which genes speak for the label of a cell, or of a group of cells, and which against it.

    Parameters
    ----------
    method : Explains
        Fitted.
    target : AnnData
        As it was given to ``transfer``.
    result : TransferResult
        What the method said of it.
    cells : ndarray of int, or of bool and length n_obs
        Their places in the target, or which they are. Of more than 200, so many are drawn.
    against : str, optional
        The label to compare with; the runner-up by default.
    run : Run, optional
        With the seed of the transfer.

    Returns
    -------
    Explanation
        Of the label that most of the cells have.

    Raises
    ------
    ParameterError
        If no cell was chosen, or one that is not there, or the label to compare with is unknown or the same.
    DataError
        If the source has one type only, or the cells have no label.
    """
    run, cells = run or Run(), _places(result, cells)
    label = _common_label(result, cells)
    chosen = _sample(cells, run)
    explainer = method.explainer(target, chosen, run)
    first = explainer.label_names.index(label)
    second = _other(explainer, result, chosen, first) if against is None else _named(explainer, against, first)
    values = explainer.contributions(first, second)
    mean = values.mean(axis=0)
    table = pd.DataFrame(
        {
            "gene": list(explainer.genes),
            "contribution": mean,
            "share": np.abs(mean) / max(float(np.abs(mean).sum()), 1e-300),
            **_expression(target, explainer.genes, cells),
        }
    )
    return Explanation(
        label=label,
        against=explainer.label_names[second],
        n_cells=len(chosen),
        margin=float(explainer.margin(explainer.inputs, first, second).mean()),
        genes=table.sort_values("contribution", ascending=False, kind="stable").reset_index(drop=True),
    )


def marked(genes: pd.DataFrame, label: str, against: str, markers: GeneSets) -> pd.DataFrame:
    """Tell which genes of an explanation are known markers, and whether they are as cells of the label should have them.

    A marker of the label should be high, a marker of the other type low, compared with all other cells. Where it is, and
    speaks for the label, it supports it; where it is the other way round, and speaks against it, it contradicts it. No
    verdict is given on a marker of both types, nor where the method weighs a gene against its direction, nor on a gene that
    the target lacks.

    Parameters
    ----------
    genes : DataFrame
        Of an :class:`Explanation`.
    label, against : str
    markers : GeneSets
        By cell type, such as :func:`sctl.genesets.known_markers`; usual names of a type are recognised.

    Returns
    -------
    DataFrame
        The genes with three more columns of text, empty where a gene is no marker: ``marker_of`` (a label, or both),
        ``here`` (``"high"`` or ``"low"``, compared with all other cells) and ``verdict`` (``"supports"`` or
        ``"contradicts"``).
    """
    own, other = markers_of(label, markers), markers_of(against, markers)
    of = [
        " and ".join(name for name, known in ((label, own), (against, other)) if gene in known)
        for gene in genes["gene"]
    ]
    value = genes["contribution"].to_numpy(dtype=float)
    more = (genes["expression"] - genes["elsewhere"]).to_numpy(dtype=float)
    expected: Doubles = genes["gene"].isin(own).to_numpy(dtype=float) - genes["gene"].isin(other).to_numpy(dtype=float)
    verdict = np.select(
        [(more * expected > 0) & (value > 0), (more * expected < 0) & (value < 0)], ["supports", "contradicts"], ""
    )
    here = np.select([np.array(of) == "", more > 0, more < 0], ["", "high", "low"], "")
    return genes.assign(marker_of=of, here=here, verdict=verdict)


def deletion(
    explainer: Explainer, label: str, against: str, *, run: Run, most: int = 100, n_random: int = 5
) -> pd.DataFrame:
    """Check an explanation: take genes away, and see whether the label is held up less.

    Parameters
    ----------
    explainer : Explainer
    label, against : str
    run : Run
    most : int
        Up to so many genes are set to the baseline.
    n_random : int
        How often genes are drawn at random for comparison.

    Returns
    -------
    DataFrame
        ``genes`` deleted, and the mean margin after deleting those that speak most for the label (``salient``), and
        random ones (``random``).
    """
    first, second = (explainer.label_names.index(name) for name in (label, against))
    most = min(most, len(explainer.genes))
    numbers = np.unique(np.concatenate([[0], np.geomspace(1, most, 10).round()])).astype(np.int64)
    values = explainer.contributions(first, second)

    def curve(rng: np.random.Generator | None) -> Floats:
        return deletion_curve(
            lambda changed: explainer.margin(changed, first, second),
            explainer.inputs,
            values,
            explainer.baseline,
            numbers=numbers,
            rng=rng,
        )

    random = [curve(run.rng(f"random genes {i}")) for i in run.track("Delete random genes", range(n_random))]
    return pd.DataFrame({"genes": numbers, "salient": curve(None), "random": np.mean(random, axis=0)})


def _places(result: TransferResult, cells: Ints) -> Ints:
    """Return the places of the chosen cells, which must be cells of the result."""
    chosen: Ints = np.flatnonzero(cells) if np.asarray(cells).dtype.kind == "b" else np.asarray(cells)
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < result.n_obs):
        raise ParameterError(
            f"Cells {chosen.min()} to {chosen.max()} were chosen.",
            expected=f"The result has {result.n_obs} cells, counted from 0.",
            do="Choose cells of the target that the result is about.",
        )
    return chosen


def _common_label(result: TransferResult, cells: Ints) -> str:
    if not len(cells):
        raise ParameterError("No cell was chosen.", do="Choose a cell or a group.")
    if len(result.label_names) < 2:
        raise DataError(
            "The source has one type only.",
            expected="An explanation compares two types.",
            do="Choose a source with two or more types.",
        )
    given = pd.Series(result.labels[cells]).astype(str)
    known = given[given.isin(result.label_names) & (given != UNASSIGNED)]
    if known.empty:
        known = pd.Series([result.label_names[int(result.label_proba[cells].mean(axis=0).argmax())]])
    return str(known.value_counts().index[0])


def _sample(cells: Ints, run: Run) -> Ints:
    if len(cells) <= MOST_CELLS:
        return cells
    return np.sort(run.rng("explained cells").choice(cells, MOST_CELLS, replace=False))


def _named(explainer: Explainer, against: str, first: int) -> int:
    if against not in explainer.label_names or explainer.label_names.index(against) == first:
        raise ParameterError(
            f"The label cannot be compared with {against!r}.",
            expected=f"Another of the types {list(explainer.label_names)} was expected.",
            do="Choose one of these.",
        )
    return explainer.label_names.index(against)


def _other(explainer: Explainer, result: TransferResult, cells: Ints, first: int) -> int:
    """Return the runner-up: the next likely label, and where none is likely the one that is rejected least."""
    order = [result.label_names.index(name) for name in explainer.label_names]
    mean = result.label_proba[cells].mean(axis=0)[order]
    mean[first] = -1.0
    if mean.max() > 0:
        return int(mean.argmax())
    others = [kind for kind in range(len(explainer.label_names)) if kind != first]
    margins = [float(explainer.margin(explainer.inputs, first, kind).mean()) for kind in others]
    return others[int(np.argmin(margins))]


def _expression(target: AnnData, genes: tuple[str, ...], cells: Ints) -> dict[str, Floats]:
    """Return the mean of each gene in some cells and in all others; NaN where there is none."""
    places = target.var_names.get_indexer(pd.Index(genes))
    inside = np.zeros(target.n_obs, dtype=bool)
    inside[cells] = True
    out = {}
    for name, rows in (("expression", inside), ("elsewhere", ~inside)):
        mean = np.asarray(target.X[rows].mean(axis=0)).ravel() if rows.any() else np.full(target.n_vars, np.nan)
        out[name] = np.where(places >= 0, mean[places], np.nan)
    return out
