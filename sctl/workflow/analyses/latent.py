"""A map of both datasets in the space that a method learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sctl.analysis.embed import umap
from sctl.data import TransferResult
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Document, Inputs, Params, Whole

MOST_SOURCE = 3_000
"""Of a larger reference so many cells are drawn, as on the other maps of both datasets."""


def latent_map(
    latent: Mapping[str, np.ndarray[Any, Any]], result: TransferResult, run: Run
) -> dict[str, np.ndarray[Any, Any]]:
    """Lay out cells of the reference and of the target together.

    Parameters
    ----------
    latent : mapping
        ``points`` (n_source, n_dims) and ``types`` (n_source,).
    result : TransferResult
        Its embedding lies in the same space.
    run : Run

    Returns
    -------
    dict of str to ndarray
        ``latent_umap_source`` (n_shown, 2), ``latent_umap_target`` (n_target, 2), ``latent_source_index`` (n_shown,)
        and ``latent_source_types`` (n_shown,).
    """
    points = np.asarray(latent["points"], dtype=np.float64)
    n_shown = min(MOST_SOURCE, len(points))
    shown = np.sort(run.rng("cells of the reference shown").choice(len(points), size=n_shown, replace=False))
    both = np.concatenate([points[shown], np.asarray(result.embedding, dtype=np.float64)])
    layout = umap(both, run.within("Map in the method's own space"))
    return {
        "latent_umap_source": layout[:n_shown],
        "latent_umap_target": layout[n_shown:],
        "latent_source_index": shown,
        "latent_source_types": np.asarray(latent["types"], dtype=str)[shown],
    }


def _run(inputs: Inputs, _: Params, run: Run) -> dict[str, np.ndarray[Any, Any]] | None:
    latent = inputs["latent"]
    return None if latent is None else latent_map(latent, inputs["result"], run)


ANALYSIS = Analysis(
    name="latent",
    title="Drawing the map in the method's own space",
    after="transfer",
    inputs=("latent", "result"),
    run=_run,
    form=Whole(
        pack=lambda arrays: Document(arrays=arrays),
        unpack=lambda document, _: dict(document.arrays),
    ),
    weight=2.0,
    follows="explore",
    order=0,
)
