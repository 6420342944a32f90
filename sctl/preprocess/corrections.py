"""The optional corrections of expression, both off by default: imputation, then removal of the batch effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sctl.numerics.diffusion import diffused
from sctl.preprocess.batch import BatchEffect, measured, without_batch_effect
from sctl.preprocess.impute import ImputationEffect, shown_pair, zero_share
from sctl.preprocess.params import PreprocessParams
from sctl.run import Run
from sctl.typing import Bools, Floats, Ints

MOST_SHOWN = 1000
"""Cells of each side that effects are measured on and drawn for."""

MOST_COMPARED = 2000
"""Genes among which correlations are measured."""

ROLES = ("source", "target")


@dataclass(frozen=True)
class Effects:
    """What the corrections did; None where one is off."""

    imputation: ImputationEffect | None = None
    batch: BatchEffect | None = None


def corrected(
    logs: list[Any], genes: pd.Index, variable: Bools, params: PreprocessParams, run: Run
) -> tuple[list[Any], Effects]:
    """Correct the highly variable genes as the settings say; all other genes stay as they are.

    Only the genes that cells are compared by are corrected, because corrected values have few zeros: they are dense,
    8 bytes a value in each pair, and ComBat takes about five times the float64 values of both sides while it works.

    Parameters
    ----------
    logs : list of two csr_matrix of shape (n_obs, n_vars)
        Log-normalised expression of source and target.
    genes : Index of length n_vars
    variable : ndarray of bool, shape (n_vars,)
        Genes to correct.
    params : PreprocessParams
    run : Run

    Returns
    -------
    values : list of csr_matrix of shape (n_obs, n_vars), float32
        Not negative.
    effects : Effects
    """
    if params.imputation == "none" and params.batch_correction == "none":
        return logs, Effects()
    parts: list[Any] = [side[:, variable] for side in logs]
    imputation = batch = None
    if params.imputation == "magic":
        parts, imputation = _impute(parts, genes[variable], params, run)
    if params.batch_correction == "combat":
        run.report("Removing the batch effect", 0, 1)
        before = parts
        parts, clipped = without_batch_effect(before)
        n_shown = min(MOST_SHOWN, *(side.shape[0] for side in before))
        cells = [_some(side.shape[0], n_shown, run, role) for side, role in zip(before, ROLES, strict=True)]
        batch = measured(before, parts, clipped=clipped, cells=cells)
    values = [_replaced(side, part, variable) for side, part in zip(logs, parts, strict=True)]
    return values, Effects(imputation, batch)


def _impute(
    parts: list[Any], genes: pd.Index, params: PreprocessParams, run: Run
) -> tuple[list[Floats], ImputationEffect]:
    """Impute each side from its own cells, so that nothing of the source enters the target here."""
    t, knn = params.imputation_t, params.imputation_knn
    out = [
        diffused(side, t=t, knn=knn, run=run.within(f"Imputing the {role}"))
        for side, role in zip(parts, ROLES, strict=True)
    ]
    zeros = {
        role: [zero_share(before), zero_share(after)] for role, before, after in zip(ROLES, parts, out, strict=True)
    }
    cells, compared = _some(len(out[1]), MOST_SHOWN, run, "target"), _some(len(genes), MOST_COMPARED, run, "genes")
    before, after = parts[1][cells][:, compared].toarray(), out[1][np.ix_(cells, compared)]
    shown = shown_pair(before.astype(np.float64), after.astype(np.float64), genes[compared])
    return out, ImputationEffect(n_genes=len(genes), t=t, knn=knn, zeros=zeros, **shown)


def _some(n: int, n_shown: int, run: Run, what: str) -> Ints:
    """Draw cells or genes to measure an effect on, ascending: (n_shown,)."""
    if n <= n_shown:
        return np.arange(n)
    return np.sort(run.rng(f"corrections: {what}").choice(n, n_shown, replace=False))


def _replaced(side: Any, part: Floats, variable: Bools) -> sparse.csr_matrix:
    """Put corrected genes back among the others."""
    back = np.argsort(np.concatenate([np.flatnonzero(variable), np.flatnonzero(~variable)]))
    joined = sparse.hstack([sparse.csr_matrix(part, dtype=np.float32), side[:, ~variable]], format="csr")
    out = sparse.csr_matrix(joined[:, back])
    out.sort_indices()
    return out
