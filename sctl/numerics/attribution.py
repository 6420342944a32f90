"""Which inputs a score rests on: integrated gradients, saliency maps of units, and a check by deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from sctl.numerics.encoder_decoder import EncoderDecoder
from sctl.run import Run
from sctl.typing import Floats, Ints

Score = Callable[[Floats], Floats]
"""Cells (n_obs, n_vars) to one number each (n_obs,)."""
Gradient = Callable[[Floats], Floats]
"""Cells (n_obs, n_vars) to the gradient of each cell's score: (n_obs, n_vars)."""
Corrected = Literal["whole", "rest", "none"]


def integrated_gradients(gradient: Gradient, X: Floats, baseline: Floats, *, n_steps: int = 32) -> Floats:
    """Divide what a score rises by between a baseline and each cell among the genes (Sundararajan et al. 2017).

    ``(x − x₀) ∫ ∇f(x₀ + t (x − x₀)) dt`` from 0 to 1, by Gauss–Legendre quadrature.

    Parameters
    ----------
    gradient : callable
    X : ndarray of shape (n_obs, n_vars)
    baseline : ndarray of shape (n_vars,) or (n_obs, n_vars)
        ``x₀``.
    n_steps : int
        Points of the quadrature.

    Returns
    -------
    ndarray of shape (n_obs, n_vars)
        Rows sum to ``f(x) − f(x₀)``, as far as the quadrature is exact.

    Examples
    --------
    >>> integrated_gradients(lambda x: 2 * x, np.array([[3.0, 1.0]]), np.zeros(2), n_steps=4).round(6).tolist()
    [[9.0, 1.0]]
    """
    points, weights = np.polynomial.legendre.leggauss(n_steps)
    step = X - baseline
    total = np.zeros(X.shape)
    for point, weight in zip(points, weights, strict=True):
        total += weight / 2 * gradient(baseline + (point + 1) / 2 * step)
    out: Floats = step * total
    return out


def saliency_map(model: EncoderDecoder, X: Any, *, guided: bool = True) -> Floats:
    """Return how much each gene moves each unit of the code: the mean absolute gradient over cells.

    Parameters
    ----------
    model : EncoderDecoder
    X : ndarray or CSR matrix of shape (n_obs, n_genes)
    guided : bool
        See :meth:`~sctl.numerics.encoder_decoder.EncoderDecoder.gradients`.

    Returns
    -------
    ndarray of shape (n_latent, n_genes)
    """
    total = np.zeros((model.n_latent, model.n_genes))
    for values in model.gradients(X, guided=guided):
        total += np.abs(values)
    out: Floats = total / max(X.shape[0], 1)
    return out


def saliency_by_type(  # noqa: PLR0913 - how maps are made has these options
    model: EncoderDecoder,
    X: Any,
    types: Ints,
    *,
    run: Run,
    against: Corrected = "whole",
    unit_mean: bool = False,
    guided: bool = True,
    most_cells: int | None = 200,
) -> Floats:
    """Return which genes move each unit more in one cell type than elsewhere.

    Parameters
    ----------
    model : EncoderDecoder
    X : CSR matrix of shape (n_obs, n_genes)
    types : ndarray of int, shape (n_obs,)
        Numbers from 0 without gaps.
    run : Run
    against : {"whole", "rest", "none"}
        What is taken from the map of each type: that of all cells (the paper's), of all other cells, or nothing.
    unit_mean : bool
        Whether each unit's map is first scaled to mean 1, so that how active the unit is does not matter.
    guided : bool
    most_cells : int, optional
        So many cells of each type are looked at; None takes all.

    Returns
    -------
    ndarray of shape (n_types, n_latent, n_genes)
        Positive where the gene counts more in the type.
    """
    n_types = int(types.max()) + 1
    sizes = np.bincount(types, minlength=n_types)
    maps: Floats = np.empty((n_types, model.n_latent, model.n_genes))
    for kind in run.track("Look at what each unit responds to", range(n_types)):
        cells = np.flatnonzero(types == kind)
        if most_cells is not None and len(cells) > most_cells:
            cells = np.sort(run.rng(f"cells of type {kind}").choice(cells, most_cells, replace=False))
        maps[kind] = saliency_map(model, X[cells], guided=guided)
    if unit_mean:
        maps /= np.maximum(maps.mean(axis=2, keepdims=True), 1e-12)
    if against == "none":
        return maps
    whole = np.tensordot(sizes / sizes.sum(), maps, axes=1)
    if against == "whole":
        maps -= whole
        return maps
    others = np.maximum(sizes.sum() - sizes, 1)[:, None, None]
    maps -= (whole * sizes.sum() - maps * sizes[:, None, None]) / others
    return maps


def deletion_curve(
    score: Score, X: Floats, contributions: Floats, baseline: Floats, *, numbers: Ints, rng: np.random.Generator | None
) -> Floats:
    """Return the mean score after the genes that speak most for it have been set to a baseline.

    Parameters
    ----------
    score : callable
    X : ndarray of shape (n_obs, n_vars)
    contributions : ndarray of shape (n_obs, n_vars)
        In each cell the genes with the largest are deleted first.
    baseline : ndarray of shape (n_vars,)
    numbers : ndarray of int
        How many genes are deleted, for each point of the curve.
    rng : Generator or None
        With it, genes are deleted in a random order instead: what a curve must be compared with.

    Returns
    -------
    ndarray of shape (len(numbers),)
    """
    by_size = np.argsort(-contributions, axis=1, kind="stable")
    order = by_size if rng is None else rng.permuted(by_size, axis=1)
    out = []
    for number in numbers:
        changed = np.array(X, copy=True)
        first = order[:, :number]
        np.put_along_axis(changed, first, np.broadcast_to(baseline, X.shape)[np.arange(len(X))[:, None], first], axis=1)
        out.append(score(changed).mean())
    return np.array(out)
