"""A trained reference that takes in the labelled cells of a target, or what was learned of one elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.errors import DataError, ParameterError
from sctl.methods import METHODS
from sctl.methods.base import Grows, TransferMethod, has_capability
from sctl.numerics.class_means import class_means
from sctl.run import Run
from sctl.sharing import SourceSummary, TrainedSource, save_model
from sctl.sharing.adaptor import load_adaptor


def grows(method: type[TransferMethod] | TransferMethod) -> bool:
    """Return whether a method learns references that can take in more cells.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> grows(get_method("scarches")), grows(get_method("itclust"))
    (True, False)
    """
    return has_capability(method, Grows)


def reference_method() -> type[TransferMethod]:
    """Return the method by which a reference is built: the first that learns one which can take in more cells.

    Examples
    --------
    >>> reference_method().title
    'scArches'
    """
    return next(kind for kind in METHODS.values() if grows(kind))


def extended(trained: TrainedSource, target: AnnData, labels: Sequence[Any], run: Run) -> TrainedSource:
    """Return a trained source that has a target's labelled cells too.

    Parameters
    ----------
    trained : TrainedSource
    target : AnnData
        Prepared for it, see :func:`sctl.workflow.prepare_trained`.
    labels : sequence of str, length n_obs
        Types, known or new; ``"unassigned"`` where a cell shall stay out.
    run : Run

    Raises
    ------
    ParameterError
        If its method cannot take in cells.
    DataError
        If no cell has a label.
    """
    if not grows(trained.method):
        raise ParameterError(
            f"{trained.method.title} cannot take in more cells.", do="Train it again on all datasets together."
        )
    method: Any = trained.method
    grown = method.extended(target, labels, run)
    _, facts = grown.state()
    summary = _summary(trained.summary, grown.label_names_, target, list(map(str, labels)))
    return replace(trained, method=grown, summary=summary, manifest={**trained.manifest, "facts": facts})


def save_grown(trained: TrainedSource, path: Path) -> Path:
    """Write a trained source, as it came or extended, with what its file said of it."""
    note = str(trained.manifest.get("note") or "")
    return save_model(trained.method, path, seed=trained.seed, source=trained.summary, keep="counts", note=note)


def with_adaptor(method: TransferMethod, path: Path) -> TransferMethod:
    """Return a trained method that knows the datasets of an adaptor's file.

    Raises
    ------
    ParameterError
        If it learns no reference.
    DataError
        If the adaptor belongs to another one.
    """
    if not grows(method):
        raise ParameterError(f"{method.title} has no adaptors.", do="Leave the adaptor out.")
    reference, weights = load_adaptor(path)
    known: Any = method
    if reference != known.reference_id:
        raise DataError(
            f"{path.name} belongs to the reference {reference}, and this one is {known.reference_id}.",
            expected="The adaptor of a dataset that was mapped onto this reference.",
            do="Use it with the reference for which it was made.",
        )
    out: TransferMethod = known.with_adaptors(weights)
    return out


def _summary(
    old: SourceSummary, names: Sequence[str], target: AnnData, labels: Sequence[str]
) -> SourceSummary:  # fmt: skip
    """Return profiles and sizes with the new cells; genes that the target lacks keep the means they had."""
    codes = pd.Categorical(list(labels), categories=list(names)).codes.astype(np.int64)
    named = codes >= 0
    own = np.bincount(codes[named], minlength=len(names))
    before = np.concatenate([old.n_cells, np.zeros(len(names) - len(old.n_cells), dtype=np.int64)])
    usual = np.average(old.profiles, axis=0, weights=old.n_cells)
    profiles = np.vstack([old.profiles, np.tile(usual, (len(names) - len(old.n_cells), 1))]).astype(np.float64)
    places = pd.Index(old.genes).get_indexer(target.var_names)
    found = places >= 0
    means = class_means(target.X[named][:, found], codes[named], len(names))
    share: np.ndarray[Any, Any] = (own / np.maximum(before + own, 1))[:, None]
    profiles[:, places[found]] = (1.0 - share) * profiles[:, places[found]] + share * means
    return replace(old, profiles=profiles.astype(np.float32), n_cells=tuple((before + own).tolist()))
