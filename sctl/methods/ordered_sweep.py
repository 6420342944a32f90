"""A θ sweep that does not depend on the order of the target's cells and genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anndata import AnnData

from sctl.data import CanonicalOrder
from sctl.methods.base import SweepsTheta
from sctl.run import Run

if TYPE_CHECKING:  # as in the protocol
    from sctl.methods.transfercluster.sweep import ThetaSweep


def prepared_sweep(method: SweepsTheta, target: AnnData, run: Run) -> ThetaSweep:
    """Let a fitted method compare a target with its source for every θ; the order of cells and genes changes nothing."""
    order = CanonicalOrder.of(target)
    sweep = method.prepare_sweep(order.applied(target), run)
    return sweep if order.is_kept else sweep.of_cells(order.back)
