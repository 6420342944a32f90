"""What a job has read or made stays in memory until the job ends, so that each file is read once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from sctl.project.checksums import Stamp, stamp

if TYPE_CHECKING:
    from anndata import AnnData

_KEPT: ContextVar[dict[Path, tuple[Stamp | None, AnnData]] | None] = ContextVar("datasets of this job", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Keep the datasets that are read and written meanwhile; what has changed on the disk is read again.

    For a job, which computes one step after the other from the same values. They are shared: nobody may change them.
    """
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def keep(path: Path, adata: AnnData) -> None:
    """Keep what a file holds, within :func:`reading_once`; elsewhere nothing is kept."""
    kept = _KEPT.get()
    if kept is not None:
        kept[path] = (stamp(path), adata)


def kept(path: Path) -> AnnData | None:
    """Return what a file holds if it was kept and is as it was, else None."""
    written, adata = (_KEPT.get() or {}).get(path, (None, None))
    return adata if written is not None and written == stamp(path) else None
