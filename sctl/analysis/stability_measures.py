"""Two groups of cells, and how much the clusters that they are in differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sctl.errors import ParameterError
from sctl.typing import Bools

Groups = tuple[Bools, Bools]

APART = 0.5
"""Groups whose clusters differ by less than this are not separated, see :func:`total_variation`."""


def groups_from(labels: ArrayLike, one: str, other: str) -> Groups:
    """Return which cells belong to either of two named groups.

    Parameters
    ----------
    labels : array-like of shape (n_obs,)
        Known types of the target cells, or clusters found in them; cells without one belong to neither.
    one, other : str

    Returns
    -------
    tuple of two ndarrays of bool, shape (n_obs,)

    Raises
    ------
    ParameterError
        If the names are the same, or a group has no cell.

    Examples
    --------
    >>> [mask.tolist() for mask in groups_from(["a", "b", None, "a"], "a", "b")]
    [[True, False, False, True], [False, True, False, False]]
    """
    text = pd.Series(np.asarray(labels, dtype=object))
    text = text.where(text.isna(), text.astype(str))
    names = sorted(text.dropna().unique())
    for name in (one, other):
        if name not in names:
            raise ParameterError(
                f"No cell belongs to {name!r}.", expected=f"The groups are {names}.", do="Choose one of these."
            )
    if one == other:
        raise ParameterError(
            f"Both groups are {one!r}.", expected="Two groups are compared.", do="Choose another second group."
        )
    return (text == one).to_numpy(dtype=bool), (text == other).to_numpy(dtype=bool)


def total_variation(clusters: ArrayLike, groups: Groups) -> float:
    """Return how much two groups differ in the clusters that their cells are in.

    The total variation distance between the two groups' shares of cells in each cluster: 0 where both are
    spread alike, 1 where no cluster holds cells of both. Who guesses a cell's group from its cluster, when
    either group is as likely, is right with probability ``(1 + apart) / 2``.

    Parameters
    ----------
    clusters : array-like of shape (n_obs,)
        Cells without a cluster (−1) form one of their own.
    groups : tuple of two ndarrays of bool

    Returns
    -------
    float

    Examples
    --------
    >>> groups = groups_from(["a", "a", "b", "b"], "a", "b")
    >>> (
    ...     total_variation([0, 0, 1, 1], groups),
    ...     total_variation([0, 0, 0, 1], groups),
    ...     total_variation([0, 0, 0, 0], groups),
    ... )
    (1.0, 0.5, 0.0)
    """
    one, other = _shares(clusters, groups)
    return float(np.abs(one - other).sum() / 2)


def separated(clusters: ArrayLike, groups: Groups, *, at_least: float = APART) -> bool:
    """Say whether two groups are in different clusters.

    The released code of Mieth et al. (2019), behind their Table 1, counts groups whose largest shares of cells
    are in different clusters. That alone is also met by chance where both are scattered over the same clusters;
    so :func:`total_variation` must also be ``at_least`` so large. By default, three of four cells can then be told
    by their cluster. ``at_least=0`` gives the published rule.

    Parameters
    ----------
    clusters : array-like of shape (n_obs,)
    groups : tuple of two ndarrays of bool
    at_least : float
        In [0, 1].

    Examples
    --------
    >>> groups = groups_from(["a"] * 5 + ["b"] * 5, "a", "b")
    >>> scattered = [0, 0, 0, 1, 1, 0, 0, 1, 1, 1]
    >>> separated(scattered, groups), separated(scattered, groups, at_least=0)
    (False, True)
    """
    one, other = _shares(clusters, groups)
    return bool(one.argmax() != other.argmax() and total_variation(clusters, groups) >= at_least)


def _shares(clusters: ArrayLike, groups: Groups) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return of each group the share of its cells in each cluster: (n_clusters,) each."""
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    one, other = (np.bincount(codes.ravel()[mask], minlength=len(names)) / mask.sum() for mask in groups)
    return one, other
