"""Gradients of any score that torch can compute, as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sctl.numerics.attribution import Gradient, Score
from sctl.numerics.training import one_thread
from sctl.typing import Floats


def score_of(score: Callable[[Tensor], Tensor]) -> Score:
    """Return a score of tensors, (n_obs, n_vars) to (n_obs,), as a function of arrays."""

    def values(X: Floats) -> Floats:
        with torch.no_grad(), one_thread():
            out: Floats = score(torch.from_numpy(np.asarray(X, dtype=np.float32))).numpy().astype(np.float64)
        return out

    return values


def gradient_of(score: Callable[[Tensor], Tensor]) -> Gradient:
    """Return the gradient of each cell's score with respect to its values, as a function of arrays.

    Parameters
    ----------
    score : callable
        Tensor (n_obs, n_vars) to tensor (n_obs,), each cell by itself.
    """

    def gradient(X: Floats) -> Floats:
        x = torch.from_numpy(np.array(X, dtype=np.float32)).requires_grad_()
        with one_thread():
            out: Floats = torch.autograd.grad(score(x).sum(), x)[0].numpy().astype(np.float64)
        return out

    return gradient
