"""Expression values brought back to a linear scale, so that both sides can be treated alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError
from sctl.numerics.normalize import Log, log_normalized
from sctl.qc.values import LARGEST, are_its_counts, log_base, stored, value_kind
from sctl.typing import Floats

_LN = {"e": 1.0, "2": float(np.log(2)), "10": float(np.log(10))}


@dataclass(frozen=True)
class Linear:
    """Linear values of one side: ``X`` of shape (n_obs, n_vars), CSR, float32."""

    X: sparse.csr_matrix
    are_counts: bool
    read_as: str
    """What was found, in words."""


def log_normalize(
    adata: AnnData, *, to: float | None = 10_000.0, log: Log = "log1p", sizes: Floats | None = None
) -> AnnData:
    """Return a copy whose values are scaled to the same total per cell, then logarithmic.

    Parameters
    ----------
    adata : AnnData
        ``X`` may hold counts, other linear values, or log values, which are undone first.
    to : float or None
        Total of every cell; None leaves the cells as they are.
    log : {"log1p", "log2", "none"}
    sizes : ndarray of shape (n_obs,), optional
        What counts as the total of a cell; by default the sum over its genes.

    Returns
    -------
    AnnData
        ``X`` (CSR, float32); ``layers["counts"]`` the counts where they are known.

    Raises
    ------
    DataError
        If values are scaled or not finite, so that no counts can be found behind them.

    Examples
    --------
    >>> log_normalize(AnnData(np.array([[1.0, 3.0], [2.0, 2.0]])), to=4, log="none").X.toarray()
    array([[1., 3.],
           [2., 2.]], dtype=float32)
    """
    values = linear(adata, "data")
    layers = {"counts": values.X} if values.are_counts else {}
    return AnnData(
        X=log_normalized(values.X, sizes=sizes, to=to, log=log),
        layers=layers,
        obs=adata.obs.copy(),
        var=adata.var.copy(),
        obsm={key: value.copy() for key, value in adata.obsm.items()},
        uns=dict(adata.uns),
    )


def linearised(adata: AnnData) -> AnnData:
    """Return the cells with the values that filters look at: quality metrics must be computed on these.

    Parameters
    ----------
    adata : AnnData
        ``X`` may hold counts, other linear values, or log values.

    Returns
    -------
    AnnData
        ``X`` linear (CSR, float32), with ``obs`` and ``var``.

    Raises
    ------
    DataError
        If values are scaled or not finite.

    Examples
    --------
    >>> linearised(AnnData(np.log1p(np.array([[1.0, 3.0], [2.0, 2.0]])))).X.toarray()
    array([[1., 3.],
           [2., 2.]], dtype=float32)
    """
    return AnnData(X=linear(adata, "data").X, obs=adata.obs.copy(), var=adata.var.copy())


def linear(adata: AnnData, role: str) -> Linear:
    """Find the linear values of a dataset: ``X`` as it is, ``layers["counts"]``, or ``X`` with its log undone.

    A layer of counts is believed only where ``X`` was made of it (:func:`sctl.qc.values.are_its_counts`).

    Raises
    ------
    DataError
        If values are not finite, or scaled (some are negative).
    """
    X: Any = adata.X  # noqa: N806 - AnnData's own name
    kind = value_kind(X)
    if kind != "counts" and "counts" in adata.layers and are_its_counts(adata.layers["counts"], X):
        X, kind, read_as = adata.layers["counts"], "counts", "counts, from layers['counts']"  # noqa: N806
    else:
        read_as = {"counts": "counts", "linear": "linear values such as TPM"}.get(kind, "")
    values = stored(X)
    if not (np.abs(values) <= LARGEST).all():  # NaN is not either
        raise DataError(
            f"The {role} holds values that are not finite, or too large to compute with.",
            expected="Every value must be a number, as float32 holds it.",
            do="Let the check of the data replace missing values, or export the matrix again.",
        )
    if kind == "scaled":
        raise DataError(
            f"The {role} holds negative values, so it was scaled or corrected already.",
            expected="Counts, TPM or CPM, or their logarithms are needed.",
            do="Use the matrix from before scaling; it is often kept in 'raw' or in a layer.",
        )
    if kind == "log":
        return _undo_log(X)
    return Linear(sparse.csr_matrix(X, dtype=np.float32), kind == "counts", read_as)


def _undo_log(X: Any) -> Linear:  # noqa: N803 - AnnData's own name
    """Undo log(1 + x); where whole numbers come out they are counts."""
    base = log_base(X)
    undone = sparse.csr_matrix(X, dtype=np.float64, copy=True)
    undone.data = np.expm1(undone.data * _LN[base])
    are_counts = value_kind(undone) == "counts"
    if are_counts:
        undone.data = np.rint(undone.data)
    what = "counts" if are_counts else "normalised values"
    return Linear(undone.astype(np.float32), are_counts, f"logarithms (base {base}) of {what}, undone")
