"""Where a method has the cells of its reference in the space that it learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sctl.project.checksums import is_intact
from sctl.project.files import replacing
from sctl.project.soundness import stored_arrays

LATENT = "latent.npz"

Arrays = dict[str, "np.ndarray[Any, Any]"]


def keep_latent(directory: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write ``points`` (n_source, n_dims) and ``types`` (n_source,) of a reference."""
    _write(directory / LATENT, arrays)


def latent_in(directory: Path) -> Arrays | None:
    """Return what :func:`keep_latent` wrote, or None."""
    return _read(directory / LATENT)


def _write(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **dict(arrays))  # type: ignore[arg-type]


def _read(path: Path) -> Arrays | None:
    return stored_arrays(path) if is_intact(path) else None
