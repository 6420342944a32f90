"""Whether there is memory for what a file's header announces."""

from __future__ import annotations

import psutil

from sctl.errors import DataError


def readable(n_bytes: float) -> str:
    """Return a number of bytes as people say it.

    Examples
    --------
    >>> readable(1_500_000), readable(8e9)
    ('1.5 MB', '8.0 GB')
    """
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def available() -> int:
    """Return the bytes of memory that can be had without swapping."""
    return int(psutil.virtual_memory().available)


def exhausted(what: str) -> DataError:
    """Return the error for something that could not be read for want of memory, whatever it announced."""
    return DataError(
        f"Reading {what} needs more memory than there is.",
        expected=f"This computer has {readable(available())} free, and a part of that is used for one file.",
        do="Close other programs, use a larger computer, or take fewer cells or genes.",
    )


def require(n_bytes: float, what: str) -> None:
    """Refuse a task before it starts if it needs more memory than there is.

    Parameters
    ----------
    n_bytes : float
        Estimated need, in bytes.
    what : str
        What is about to be read, for the message.

    Raises
    ------
    DataError
        If the need is above the available memory.
    """
    free = available()
    if n_bytes > free:
        raise DataError(
            f"Reading {what} would need about {readable(n_bytes)} of memory.",
            expected=f"This computer has {readable(free)} free.",
            do="Close other programs, use a larger computer, or take fewer cells or genes.",
        )
