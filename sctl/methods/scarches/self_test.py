"""How well a reference knows what it knows: types, datasets and genes are hidden from it, and it is asked about them.

Each test learns a reference anew without what is hidden, so that nothing of it can have left a trace. The tests take any
method; a cell counts as flagged if it is left unassigned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sctl.data import UNASSIGNED, TransferResult
from sctl.methods.base import TransferMethod
from sctl.run import Run
from sctl.typing import Bools, Floats

MIN_CELLS = 5
"""Types and datasets with fewer cells are not hidden."""
ASKED = 0.25
"""Share of the cells of types that are not hidden about which the reference is asked."""
MISSING = (0.0, 0.1, 0.25, 0.4)


@dataclass(frozen=True)
class HeldOutType:
    """What became of a type that the reference had not seen.

    Parameters
    ----------
    type : str
    n_cells : int
    flagged : float
        Share of its cells that were left unassigned.
    taken_for : str
        What most of the others were called; empty if there were none.
    known_kept : float
        Share of the other types' cells that kept a label.
    auroc : float
        Chance that a cell of the type looks less known than one of the others.
    """

    type: str
    n_cells: int
    flagged: float
    taken_for: str
    known_kept: float
    auroc: float


@dataclass(frozen=True)
class HeldOutDataset:
    """How well the cells of a dataset were named that the reference had not seen.

    Parameters
    ----------
    dataset : str
    n_cells : int
        Cells of types that the others have.
    accuracy : float
        Share of them whose likeliest type is the true one.
    called : float
        Share of them that got a label.
    accuracy_called : float
        Share of these that is right; NaN of none.
    """

    dataset: str
    n_cells: int
    accuracy: float
    called: float
    accuracy_called: float


@dataclass(frozen=True)
class MissingGenes:
    """How well held-out cells were named of which a share of the genes was not measured."""

    missing: float
    accuracy: float
    called: float


@dataclass(frozen=True)
class SelfTest:
    """All three tests of a reference."""

    types: tuple[HeldOutType, ...]
    datasets: tuple[HeldOutDataset, ...]
    genes: tuple[MissingGenes, ...]

    def to_dict(self) -> dict[str, dict[str, list[Any]]]:
        """Return a table for each test, as columns."""
        return {
            name: {key: [asdict(row)[key] for row in rows] for key in (asdict(rows[0]) if rows else ())}
            for name, rows in (("types", self.types), ("datasets", self.datasets), ("genes", self.genes))
        }


def self_test(
    method: TransferMethod, source: AnnData, label_key: str, run: Run, *, batch_key: str | None = None
) -> SelfTest:
    """Hide types, datasets and genes.

    Parameters
    ----------
    method : TransferMethod
        Its settings are used; it is left as it is.
    source : AnnData
        As in a :class:`~sctl.data.Pair`.
    label_key : str
    run : Run
    batch_key : str, optional
        Without it, or with one dataset, none is hidden.

    Returns
    -------
    SelfTest
    """
    types = hide_types(method, source, label_key, run)
    datasets = hide_datasets(method, source, label_key, batch_key, run=run) if batch_key else ()
    return SelfTest(types, datasets, hide_genes(method, source, label_key, run))


@dataclass(frozen=True)
class Part:
    """One test that is done by itself, so that others can be kept when it is stopped.

    Parameters
    ----------
    kind : {"types", "datasets", "genes"}
    name : str
        The type or dataset that is hidden; empty for genes.
    query : callable
        Takes a :class:`~sctl.run.Run` and returns rows of :class:`SelfTest`, none where nothing can be judged.
    """

    kind: Literal["types", "datasets", "genes"]
    name: str
    query: Callable[[Run], tuple[Any, ...]]


def parts(method: TransferMethod, source: AnnData, label_key: str, *, batch_key: str | None = None) -> tuple[Part, ...]:
    """Return the tests of :func:`self_test` one by one; together they give the same rows."""
    datasets = np.unique(source.obs[batch_key].astype(str)) if batch_key is not None and batch_key in source.obs else ()

    def held_out_type(name: str) -> Part:
        return Part("types", name, lambda run: (hide_type(method, source, label_key, name, run=run),))

    def held_out_dataset(name: str) -> Part:
        keys = (label_key, str(batch_key))
        return Part("datasets", name, lambda run: hide_dataset(method, source, keys, name, run=run))

    return (
        *map(held_out_type, held_out_in_turn(source, label_key)),
        *map(held_out_dataset, map(str, datasets if len(datasets) > 1 else ())),
        Part("genes", "", lambda run: hide_genes(method, source, label_key, run)),
    )


def held_out_in_turn(source: AnnData, label_key: str) -> list[str]:
    """Return the types with enough cells to be hidden; none where fewer than two would remain."""
    names, sizes = np.unique(source.obs[label_key].astype(str).to_numpy(), return_counts=True)
    return [str(name) for name, size in zip(names, sizes, strict=True) if size >= MIN_CELLS and len(names) > 2]


def hide_types(method: TransferMethod, source: AnnData, label_key: str, run: Run) -> tuple[HeldOutType, ...]:
    """Learn the reference without each type in turn, and ask about it and about some cells of the others."""
    return tuple(hide_type(method, source, label_key, name, run=run) for name in held_out_in_turn(source, label_key))


def hide_type(method: TransferMethod, source: AnnData, label_key: str, name: str, *, run: Run) -> HeldOutType:
    """Learn the reference without a type, and ask about it and about some cells of the others."""
    labels = source.obs[label_key].astype(str).to_numpy()
    new = labels == name
    queried = new | _some(labels, run, f"asked beside {name}")
    result = _query(method, source, label_key, queried, run.within(f"Without {name}"))
    new, flagged = new[queried], result.labels == UNASSIGNED
    given = Counter(result.labels[new & ~flagged].tolist()).most_common(1)
    return HeldOutType(
        type=name,
        n_cells=int(new.sum()),
        flagged=float(flagged[new].mean()),
        taken_for=given[0][0] if given else "",
        known_kept=_mean(~flagged[~new]),
        auroc=_auroc(1.0 - result.label_proba.sum(axis=1), new),
    )


def _auroc(score: Floats, positive: Bools) -> float:
    """Return the area under the ROC curve, NaN where there are no negatives."""
    return float("nan") if positive.all() else float(roc_auc_score(positive, score))


def hide_datasets(
    method: TransferMethod, source: AnnData, label_key: str, batch_key: str, *, run: Run
) -> tuple[HeldOutDataset, ...]:
    """Learn the reference without each dataset in turn, and ask about its cells of types that the others have."""
    names = np.unique(source.obs[batch_key].astype(str))
    found = (hide_dataset(method, source, (label_key, batch_key), str(name), run=run) for name in names)
    return tuple(row for rows in found for row in rows)


def hide_dataset(
    method: TransferMethod, source: AnnData, keys: tuple[str, str], name: str, *, run: Run
) -> tuple[HeldOutDataset, ...]:
    """Learn the reference without one dataset; no row where too few of its cells are of types that the others have.

    Parameters
    ----------
    method : TransferMethod
    source : AnnData
    keys : tuple of str
        Columns of the types and of the datasets.
    name : str
    run : Run
    """
    labels, batches = (source.obs[key].astype(str).to_numpy() for key in keys)
    inside = batches == name
    judged = np.isin(labels[inside], np.intersect1d(labels[inside], labels[~inside]))
    if judged.sum() < MIN_CELLS or len(np.unique(labels[~inside])) < 2:
        return ()
    result = _query(method, source, keys[0], inside, run.within(f"Without {name}"))
    right, called = (part[judged] for part in _judged(result, labels[inside]))
    return (HeldOutDataset(name, int(judged.sum()), _mean(right), _mean(called), _mean(right[called])),)


def hide_genes(
    method: TransferMethod, source: AnnData, label_key: str, run: Run, *, shares: Sequence[float] = MISSING
) -> tuple[MissingGenes, ...]:
    """Learn the reference from three quarters of the cells, and ask about the others with fewer and fewer genes."""
    labels = source.obs[label_key].astype(str).to_numpy()
    queried = _some(labels, run, "asked with few genes")
    named = run.within("Without genes")
    fitted = copy(method).fit(source[~queried].copy(), label_key, named)
    order = run.rng("genes that are missing").permutation(source.n_vars)  # ever more of the same genes
    rows = []
    for share in shares:
        kept = np.sort(order[round(share * source.n_vars) :])
        right, called = _judged(fitted.transfer(_unnamed(source[queried][:, kept], label_key), named), labels[queried])
        rows.append(MissingGenes(float(share), _mean(right), _mean(called)))
    return tuple(rows)


def _some(labels: NDArray[Any], run: Run, name: str) -> Bools:
    """Choose a share of the cells of each type, and leave at least one."""
    rng, chosen = run.rng(name), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        cells = np.flatnonzero(labels == label)
        chosen[rng.permutation(cells)[: min(round(ASKED * len(cells)), len(cells) - 1)]] = True
    return chosen


def _query(method: TransferMethod, source: AnnData, label_key: str, queried: Bools, run: Run) -> TransferResult:
    """Learn from the other cells, and name those asked about; their labels are kept from the method."""
    return copy(method).fit(source[~queried].copy(), label_key, run).transfer(_unnamed(source[queried], label_key), run)


def _unnamed(cells: AnnData, label_key: str) -> AnnData:
    out = cells.copy()
    del out.obs[label_key]
    return out


def _judged(result: TransferResult, truth: NDArray[Any]) -> tuple[Bools, Bools]:
    """Return whether the likeliest type is the true one, and whether a label was given."""
    likeliest = np.array(result.label_names, dtype=object)[result.label_proba.argmax(axis=1)]
    return likeliest == truth, result.labels != UNASSIGNED


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else float("nan")
