"""A trained reference that takes in the labelled cells of a target, or what was learned of one elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from anndata import AnnData

    from sctl.methods.base import TransferMethod
    from sctl.run import Run
    from sctl.sharing import SourceSummary, TrainedSource


def grows(method: type[TransferMethod] | TransferMethod) -> bool:
    """Return whether a method learns references that can take in more cells.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> grows(get_method("scarches")), grows(get_method("itclust"))
    (True, False)
    """
    from sctl.methods.base import Grows, has_capability  # noqa: PLC0415

    return has_capability(method, Grows)


def reference_method() -> type[TransferMethod]:
    """Return the method by which a reference is built: the first that learns one which can take in more cells.

    Examples
    --------
    >>> reference_method().title
    'scArches'
    """
    from sctl.methods import METHODS  # noqa: PLC0415

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
    from sctl.errors import ParameterError  # noqa: PLC0415

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
    from sctl.sharing import save_model  # noqa: PLC0415

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
    from sctl.errors import DataError, ParameterError  # noqa: PLC0415
    from sctl.sharing.adaptor import load_adaptor  # noqa: PLC0415

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
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from sctl.numerics.class_means import class_means  # noqa: PLC0415

    codes = pd.Categorical(labels, categories=list(names)).codes.astype(np.int64)
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
