"""How right labels by neighbours are for each number of neighbours, in the code and in what it must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from sctl.analysis.evaluate import accuracy, macro_f1
from sctl.data import Pair, TransferResult, canonical
from sctl.errors import DataError, ParameterError
from sctl.methods.base import TransferMethod
from sctl.methods.poisson.latent_space import common_space
from sctl.numerics.neighbors import nearest, winners_over_k
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Columns, Document, Inputs, Params, Setting, Whole

CODE, MAJORITY = "the code", "most frequent type"


def has_neighbors(result: TransferResult) -> bool:
    """Tell whether a result knows the label of each cell for several numbers of neighbours."""
    return "labels_by_k" in result.obsm and bool(result.diagnostics.n_neighbors_tried)


def neighbor_curves(
    pair: Pair, method: TransferMethod, result: TransferResult, truth: pd.Series, *, run: Run
) -> pd.DataFrame:
    """Compare labels with the truth for every number of neighbours from 2 to 25, as Walbech et al. (2022) do.

    Parameters
    ----------
    pair : Pair
        Without the source's cells only the code itself is told.
    method : TransferMethod
        With the settings of the result; it learns nothing.
    result : TransferResult
    truth : Series
        True type by cell; cells without one, or of types that the source lacks, do not count.
    run : Run

    Returns
    -------
    DataFrame
        ``space``, ``k``, ``accuracy`` and ``macro_f1`` (mean over the types): in the code, in raw values, in 50 components of
        the source and in networks as they were before training, compared as the method compares; and where every cell is
        given the most frequent true type.

    Raises
    ------
    ParameterError
        If the result knows no neighbours, or no cell has a known true type.
    """
    if not has_neighbors(result):
        raise ParameterError(f"{result.method} names no cells by neighbours.", do="Choose the Poisson autoencoder.")
    true = truth.reindex(result.obs_names).astype(object).to_numpy()
    known = np.isin(true, result.label_names)
    if not known.any():
        raise ParameterError(
            "No cell has a true type that the source has.",
            expected="Names of types must be the same on both sides.",
            do="Check the true types.",
        )
    names, ks = np.array(result.label_names, dtype=object), list(result.diagnostics.n_neighbors_tried)
    found = {CODE: names[np.asarray(result.obsm["labels_by_k"]).T]}
    if not pair.profiles_only:
        found |= dict(_others(pair, method, names, ks, run))
    common = max(result.label_names, key=lambda name: int((true[known] == name).sum()))
    found[MAJORITY] = np.full((len(ks), len(true)), common, dtype=object)
    return _scores(found, true, known, ks)


def _others(
    pair: Pair, method: Any, names: NDArray[Any], ks: list[int], run: Run
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield what the code must beat, with the labels for each number of neighbours: (len(ks), n_obs)."""
    from sctl.methods.poisson.autoencoder import untrained  # noqa: PLC0415 - torch, which takes seconds

    values, types, genes = method.training_cells(canonical(pair.source), pair.label_key)
    raw = [np.maximum(side.toarray(), 0.0) for side in (values, pair.target[:, genes].X)]
    pca = PCA(min(50, *(size - 1 for size in raw[0].shape)), random_state=run.random_state("components")).fit(raw[0])
    random = [
        untrained(len(genes), config, replace(run, seed=run.random_state(f"untrained {place}"))).as_model()
        for place, config in enumerate(method.configs * method.n_networks)
    ]
    spaces = {
        "raw values": [[side] for side in raw],
        "principal components": [[pca.transform(side)] for side in raw],
        "a random network": [[model.encode(side) for model in random] for side in raw],
    }
    for name, (own, target) in spaces.items():
        weights = method.network_weights if len(own) > 1 else (1.0,)
        options: dict[str, Any] = {"scaling": "none", "unit_length": method.distance == "cosine", "weights": weights}
        source, queries = (common_space(side, own, **options) for side in (own, target))
        index, _ = nearest(source, queries, min(max(ks), len(source)), run=run, stage=f"Compare cells by {name}")
        yield name, names[winners_over_k(index, types, len(names), range(ks[0], ks[-1] + 1))]


def _scores(
    found: dict[str, NDArray[Any]], true: NDArray[Any], known: NDArray[np.bool_], ks: list[int]
) -> pd.DataFrame:
    rows = [
        (name, k, accuracy(labels[known], true[known]), macro_f1(labels[known], true[known]))
        for name, by_k in found.items()
        for k, labels in zip(ks, by_k, strict=True)
    ]
    return pd.DataFrame(rows, columns=["space", "k", "accuracy", "macro_f1"])


# -- on demand -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NeighborsParams(Params):
    """No parameters; the curves are those of the truth that is known."""

    def settings(self) -> tuple[Setting, ...]:
        """Return the setting with the truth."""
        return ("truth",)


def _run(inputs: Inputs, _: NeighborsParams, run: Run) -> pd.DataFrame:
    truth = inputs["truth"]
    if truth is None:
        raise DataError("The true types of the target are not known.", do="Choose a target whose types are known.")
    return neighbor_curves(inputs["pair"], inputs["method"], inputs["result"], truth, run=run)


ANALYSIS = Analysis(
    name="neighbours",
    title="Comparing numbers of neighbours",
    after="theta",
    inputs=("pair", "method", "result", "truth"),
    params=NeighborsParams,
    run=_run,
    form=Whole(
        pack=lambda curves: Document(tables={"curves": curves}),
        unpack=lambda document, _: document.tables["curves"],
        columns={"curves": Columns(("space",), ("k", "accuracy", "macro_f1"), least=1)},
    ),
    weight=2.0,
)
