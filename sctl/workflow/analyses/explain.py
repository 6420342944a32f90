"""Why cells have their label: genes, the pathways they belong to, and a check of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.analysis.enrichment import Gsea, enrich
from sctl.analysis.explain import Explanation, deletion, explain
from sctl.data import Pair, TransferResult
from sctl.errors import DataError, ParameterError
from sctl.genes import guess_species
from sctl.genesets import GeneSets, hallmark, known_markers
from sctl.methods.base import Explains, TransferMethod, has_capability, learned
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Columns, Document, Inputs, Params, Whole
from sctl.workflow.batches import with_batches
from sctl.workflow.steps import groups_of


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """Why cells have a label rather than another.

    Parameters
    ----------
    explanation : Explanation
    pathways : DataFrame
        Of :func:`sctl.analysis.enrichment.enrich`; without rows where gene sets and data do not meet.
    no_pathways : str
        Why there are none; empty where there are.
    deletion : DataFrame
        Of :func:`sctl.analysis.explain.deletion`.
    """

    explanation: Explanation
    pathways: pd.DataFrame
    no_pathways: str
    deletion: pd.DataFrame


@dataclass(frozen=True)
class ExplanationRequest:
    """The cells whose label is explained.

    Parameters
    ----------
    places : ndarray of int
        In the target.
    against : str, optional
        The type to compare with; the runner-up by default.
    """

    places: NDArray[np.integer]
    against: str | None = None


def explains(method: TransferMethod | type[TransferMethod]) -> bool:
    """Return whether a method can say which genes its labels rest on.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> explains(get_method("transfercluster")), explains(get_method("scarches"))
    (True, True)
    """
    return has_capability(method, Explains)


def hallmark_of(genes: list[str]) -> GeneSets:
    """Return the bundled Hallmark sets of the species that genes seem to be of."""
    return hallmark("mouse" if guess_species(pd.Index(genes)) == "mouse" else "human")


def markers_for(genes: list[str]) -> GeneSets:
    """Return the bundled table of known markers for the species that genes seem to be of."""
    return known_markers("mouse" if guess_species(pd.Index(genes)) == "mouse" else "human")


def reasons(
    pair: Pair,
    method: TransferMethod,
    result: TransferResult,
    request: ExplanationRequest,
    *,
    run: Run,
    sets: GeneSets | None = None,
) -> Reasons:
    """Say why cells have their label, and check it.

    Parameters
    ----------
    pair : Pair
    method : TransferMethod
        Learns from the pair's source unless it comes from a file.
    result : TransferResult
        What it said of the pair's target.
    request : ExplanationRequest
    run : Run
    sets : GeneSets, optional
        Hallmark by default.

    Raises
    ------
    ParameterError
        If the method cannot say, or no cell was chosen, or the types are the same.
    """
    run.report("Take up what was learned", 0, 1)
    fitted = learned(pair, with_batches(pair, method), run)
    if not isinstance(fitted, Explains):
        raise ParameterError(
            f"{fitted.title} cannot say yet which genes its labels rest on.", do="Choose another method to see why."
        )
    run.report("Share the label among the genes", 0, 1)
    found = explain(fitted, pair.target, result, request.places, against=request.against, run=run)
    some = run.rng("checked cells").permutation(request.places)[:_CHECKED]
    checked = deletion(fitted.explainer(pair.target, np.sort(some), run), found.label, found.against, run=run)
    known, why_not = sets or hallmark_of(list(map(str, pair.target.var_names))), ""
    try:
        pathways = enrich(pd.DataFrame({"label": found.ranking}), known, run=run, gsea=Gsea(n_threads=1))
    except DataError as error:  # genes alone are an answer, too
        pathways, why_not = pd.DataFrame(), str(error)
    return Reasons(explanation=found, pathways=pathways, no_pathways=why_not, deletion=checked)


_CHECKED = 60
"""Of a larger group so many cells are checked by taking genes away."""

# -- on demand -------------------------------------------------------------------------------------------

GroupKind = Literal["clusters", "labels", "cell", "selection"]

PATHWAYS = ("size", "score", "p_value", "fdr", "fdr_all")
"""Columns of numbers in a table of pathways, see :func:`sctl.analysis.enrichment.enrich`."""


@dataclass(frozen=True, kw_only=True)
class ExplainParams(Params):
    """Which cells are to be explained.

    Parameters
    ----------
    of : {"clusters", "labels", "cell", "selection"}
    name : str
        Of the cluster, the cell type or the cell; what a selection is called.
    against : str, optional
        The type to compare with; the runner-up by default.
    sets : str
        Reference of uploaded gene sets, see :func:`sctl.project.keep_gene_sets`; Hallmark where it is empty.
    cells : tuple of int
        Places of the selected cells; of a selection only.
    """

    of: GroupKind
    name: str
    against: str | None = None
    sets: str = ""
    cells: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the kind; names are checked where the cells are known."""
        if self.of not in ("clusters", "labels", "cell", "selection"):
            raise ParameterError(f"There are no groups {self.of!r}.", do="Choose a group or a cell.")

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        against = value["against"]
        return cls(
            of=value["of"],
            name=str(value["name"]),
            against=None if against is None else str(against),
            sets=str(value["sets"]),
            cells=tuple(map(int, value["cells"])),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return {**super().to_dict(), "cells": list(self.cells)}

    def places(self, result: TransferResult) -> NDArray[np.integer[Any]]:
        """Return the places of the cells in the target, ascending; none where the group has no cell.

        Raises
        ------
        ParameterError
            If cells were selected that the target does not have.
        """
        if self.of == "selection":
            if not all(0 <= cell < result.n_obs for cell in self.cells):
                raise ParameterError("Some selected cells are not in the target.", do="Select cells again.")
            return np.array(self.cells, dtype=np.int64)
        if self.of == "cell":
            return np.flatnonzero(result.obs_names.astype(str) == self.name)
        return np.flatnonzero(groups_of(result, self.of).astype(str).to_numpy() == self.name)


def _run(inputs: Inputs, params: ExplainParams, run: Run) -> Reasons:
    result = inputs["result"]
    return reasons(
        inputs["pair"],
        inputs["fitted"],
        result,
        ExplanationRequest(params.places(result), params.against),
        run=run,
        sets=inputs["gene_sets"],
    )


def _pack(found: Reasons) -> Document:
    answer = found.explanation
    tables = {"genes": answer.genes, "pathways": found.pathways, "deletion": found.deletion}
    if found.no_pathways:
        del tables["pathways"]
    facts = {name: getattr(answer, name) for name in ("label", "against", "n_cells", "margin")}
    return Document(facts={**facts, "no_pathways": found.no_pathways}, tables=tables)


def _unpack(document: Document, _: ExplainParams) -> Reasons:
    facts, tables = document.facts, document.tables
    return Reasons(
        explanation=Explanation(
            label=str(facts["label"]),
            against=str(facts["against"]),
            n_cells=int(facts["n_cells"]),
            margin=float(facts["margin"]),
            genes=tables["genes"],
        ),
        pathways=pd.DataFrame() if facts["no_pathways"] else tables["pathways"],
        no_pathways=str(facts["no_pathways"]),
        deletion=tables["deletion"],
    )


ANALYSIS = Analysis(
    name="explain",
    title="Looking for the reasons",
    after="theta",
    inputs=("pair", "fitted", "result", "gene_sets"),
    params=ExplainParams,
    run=_run,
    form=Whole(
        pack=_pack,
        unpack=_unpack,
        columns={
            "genes": Columns(("gene",), ("contribution", "share", "expression", "elsewhere"), least=1),
            "pathways": Columns(("set", "leading_genes"), PATHWAYS),
            "deletion": Columns((), ("genes", "salient", "random"), least=1),
        },
    ),
    weight=4.0,
)
