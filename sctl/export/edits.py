"""Names that the user gave to cells: what differs from the method's names, short enough for a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import UNASSIGNED, TransferResult
from sctl.errors import DataError

FINAL_LABEL = "sctl_label_final"
"""Column of the labels as the user left them."""


@dataclass(frozen=True, kw_only=True)
class LabelEdits:
    """How the user's labels come from those of the method.

    Parameters
    ----------
    renamed : mapping of str to str
        Label of the method → name that all its cells have, but for those in ``named``.
    named : mapping of str to sequence of str
        Name → cells that have it.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)


def label_edits(result: TransferResult, final: Sequence[Any]) -> LabelEdits:
    """Return what leads from the labels of a result to those of the user.

    Parameters
    ----------
    result : TransferResult
    final : sequence of str, length n_obs

    Returns
    -------
    LabelEdits
        A label whose cells mostly have one other name now is renamed; single cells are named.
    """
    before = pd.Series(result.labels.astype(str))
    after = pd.Series(np.asarray(final, dtype=object)).fillna(UNASSIGNED).astype(str)
    usual = after.groupby(before).agg(lambda names: names.mode().iloc[0])
    share = (after == before.map(usual)).groupby(before).mean()
    renamed = {str(label): name for label, name in usual.items() if name != label and share[str(label)] > 0.5}
    left = after != before.replace(renamed)
    cells = pd.Series(result.obs_names.astype(str))
    named = {name: tuple(cells[left & (after == name)]) for name in sorted(after[left].unique())}
    return LabelEdits(renamed=renamed, named=named)


def edited(result: TransferResult, edits: LabelEdits) -> pd.Series:
    """Return the labels of a result as the user's edits leave them, by cell.

    Raises
    ------
    DataError
        If a named cell is not in the result.
    """
    labels = pd.Series(result.labels.astype(str), index=result.obs_names).replace(dict(edits.renamed))
    for name, cells in edits.named.items():
        unknown = pd.Index(cells).difference(labels.index)
        if len(unknown):
            raise DataError(
                f"{len(unknown)} cells that were named {name!r} are not in the result, e.g. {unknown[0]!r}.",
                expected="Names were given to cells of the same target.",
                do="Use the target for which they were given.",
            )
        labels.loc[list(cells)] = name
    return labels


def with_final_labels(adata: AnnData, labels: Sequence[Any]) -> AnnData:
    """Write the user's labels into ``obs["sctl_label_final"]``, in place, and return the dataset."""
    if len(labels) != adata.n_obs:
        raise DataError(
            f"labels_final has {len(labels)} entries for {adata.n_obs} cells.",
            expected="There must be one for every cell.",
            do="Pass what belongs to this target, before any further filtering.",
        )
    text = pd.Series(np.asarray(labels, dtype=object)).fillna(UNASSIGNED).astype(str)
    adata.obs[FINAL_LABEL] = pd.Categorical(text.to_numpy())
    return adata
