"""What a method found for the target cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import pandas as pd
from numpy.typing import NDArray

from sctl.data.diagnostics import Diagnostics
from sctl.typing import Floats, Ints

UNASSIGNED = "unassigned"
"""The label of a cell that no source type was given to."""


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """What a method says about the target cells. A value: nothing is written anywhere.

    Parameters
    ----------
    method : str
        Key of the method.
    obs_names : sequence of str
        The target cells, in order.
    clusters : ndarray of shape (n_obs,)
        Index of each cell's cluster into ``cluster_names``; -1 where none.
    cluster_names : tuple of str, length n_clusters
    proba : ndarray of shape (n_obs, n_clusters)
        Probability of each cluster; rows sum to one.
    labels : ndarray of shape (n_obs,)
        Source type given to each cell, or ``"unassigned"``.
    label_names : tuple of str, length n_labels
        The source's types.
    label_proba : ndarray of shape (n_obs, n_labels)
        Probability of each source type; rows sum to one or, where a cell resembles none, to less.
    confidence : ndarray of shape (n_obs,)
        How sure the label is, in [0, 1]: its probability among ``label_proba``, where it is a source type; together with a
        second opinion, where ``diagnostics.calibration`` says so.
    embedding : ndarray of shape (n_obs, n_latent)
        The space in which the method compared the cells.
    params, seed, version
        What makes the result reproducible.
    obs, obsm, obsp, varm : mappings
        What is not always there; names are completed with the method's key when written. ``obs`` holds numbers by cell.
    diagnostics : Diagnostics
        What else the method reports.
    var_names : tuple of str
        The genes that ``varm`` is about.
    """

    method: str
    obs_names: pd.Index
    clusters: Ints
    cluster_names: tuple[str, ...]
    proba: Floats
    labels: NDArray[Any]
    label_names: tuple[str, ...]
    label_proba: Floats
    confidence: Floats
    embedding: Floats
    params: Mapping[str, Any]
    seed: int
    version: str
    var_names: tuple[str, ...] = ()
    obs: Mapping[str, Floats] = field(default_factory=_empty)
    obsm: Mapping[str, Floats] = field(default_factory=_empty)
    obsp: Mapping[str, Any] = field(default_factory=_empty)
    varm: Mapping[str, Floats] = field(default_factory=_empty)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    @property
    def n_obs(self) -> int:
        """Number of target cells."""
        return len(self.obs_names)

    def take(self, cells: Ints) -> Self:
        """Return the result for some of the cells, in a given order; what is said of all of them together stays."""
        return replace(
            self,
            obs_names=self.obs_names[cells],
            **{name: getattr(self, name)[cells] for name in _BY_CELL},
            obs={name: values[cells] for name, values in self.obs.items()},
            obsm={name: values[cells] for name, values in self.obsm.items()},
            obsp={name: values[cells][:, cells] for name, values in self.obsp.items()},
        )


_BY_CELL = ("clusters", "proba", "labels", "label_proba", "confidence", "embedding")
