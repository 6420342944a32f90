"""What a job does beside the steps where a method learns a reference: where its cells lie in the space that it learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sctl.methods.base import TransferMethod
from sctl.run import Run

Part = Callable[[float, float], Run]


def latent_of(method: TransferMethod) -> dict[str, np.ndarray[Any, Any]] | None:
    """Return where a fitted method has the cells of its reference, and their types; None where it has no such space."""
    points, codes = getattr(method, "latent_", None), getattr(method, "codes_", None)
    if points is None or codes is None:
        return None
    names: Any = getattr(method, "label_names_", ())
    return {"points": np.asarray(points, dtype=np.float32), "types": np.asarray(names, dtype=str)[np.asarray(codes)]}


def waiting(part: Part) -> Callable[[], None]:
    """Return what reports that another process computes the same, and raises ``Cancelled`` when this one is stopped."""

    def report() -> None:
        part(0.0, 0.0).report("Waiting for another computation of the same", 0, 0)

    return report
