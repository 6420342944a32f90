"""Why cells have their label: genes, the pathways they belong to, and a check of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sctl.workflow.batches import with_batches

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sctl.analysis.explain import Explanation
    from sctl.data import Pair, TransferResult
    from sctl.genesets import GeneSets
    from sctl.methods.base import TransferMethod
    from sctl.run import Run


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
    """The cells whose label is asked about.

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
    from sctl.methods.base import Explains, has_capability  # noqa: PLC0415

    return has_capability(method, Explains)


def hallmark_of(genes: list[str]) -> GeneSets:
    """Return the bundled Hallmark sets of the species that genes seem to be of."""
    import pandas as pd  # noqa: PLC0415

    from sctl.genes import guess_species  # noqa: PLC0415
    from sctl.genesets import hallmark  # noqa: PLC0415

    return hallmark("mouse" if guess_species(pd.Index(genes)) == "mouse" else "human")


def markers_for(genes: list[str]) -> GeneSets:
    """Return the bundled table of known markers for the species that genes seem to be of."""
    import pandas as pd  # noqa: PLC0415

    from sctl.genes import guess_species  # noqa: PLC0415
    from sctl.genesets import known_markers  # noqa: PLC0415

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
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from sctl.analysis.enrichment import Gsea, enrich  # noqa: PLC0415
    from sctl.analysis.explain import deletion, explain  # noqa: PLC0415
    from sctl.errors import DataError, ParameterError  # noqa: PLC0415
    from sctl.methods.base import Explains, learned  # noqa: PLC0415

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
