"""Corrections of p-values for the number of tests."""

from __future__ import annotations

import numpy as np

from sctl.typing import Doubles


def holm(p_values: Doubles) -> Doubles:
    """Adjust p-values so that with the given probability not a single one is wrong (Holm 1979).

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)

    Returns
    -------
    ndarray of shape (n_tests,)
        At most 1.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.02])).tolist()
    [0.03, 0.04, 0.04]
    """
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(n)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(n, 0, -1)).clip(0.0, 1.0)
    return adjusted
