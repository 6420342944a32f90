"""What the computer refuses, said in plain words: what the operating system does not let us do, and want of memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sctl.errors import DataError

_REASONS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("it is not allowed", "Ask the owner of the file or folder, or use a folder of your own."),
    errno.EPERM: ("it is not allowed", "Ask the owner of the file or folder, or use a folder of your own."),
    errno.EROFS: ("it lies on a disk that cannot be written to", "Use another folder."),
    errno.ENOSPC: ("the disk is full", "Delete what you no longer need, or use another disk."),
    errno.EDQUOT: ("your share of the disk is used up", "Delete what you no longer need, or use another disk."),
    errno.EFBIG: ("it would be larger than this disk takes", "Use another disk."),
    errno.ENAMETOOLONG: ("its name is too long", "Use a shorter name."),
    errno.EIO: ("the disk does not answer properly", "Copy the file to another disk and try again."),
}


def refused(what: str, error: OSError) -> DataError:
    """Return the error for something that the operating system does not let us do.

    Parameters
    ----------
    what : str
        The beginning of a sentence, such as "x.csv cannot be read".
    error : OSError

    Examples
    --------
    >>> str(refused("x.csv cannot be read", OSError(errno.ENAMETOOLONG, "too long")))
    'x.csv cannot be read: its name is too long. Use a shorter name.'
    """
    number = _number_of(error)
    # The system's own words for the number: those of HDF5 hold the place of the file on the server.
    other = os.strerror(number) if number else "the system refuses it"
    reason, do = _REASONS.get(number, (other, "Try again with a copy of it."))
    return DataError(f"{what}: {reason}.", do=do)


def is_disk_full(error: Exception) -> bool:
    """Say whether the operating system did not let something be written because the disk takes no more."""
    return isinstance(error, OSError) and _number_of(error) in _NO_ROOM


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def _number_of(error: OSError) -> int:
    if error.errno is not None:
        return error.errno
    text = str(error)  # HDF5 gives the number of the reason within its text only
    return next((number for number in _REASONS if f"errno = {number}," in text or f"[Errno {number}]" in text), 0)


@contextmanager
def system_errors(what: str) -> Iterator[None]:
    """Turn a refusal of the operating system into a ``DataError``; see :func:`refused`."""
    try:
        yield
    except OSError as error:
        raise refused(what, error) from error


# -- memory ----------------------------------------------------------------


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
    import psutil  # noqa: PLC0415 - --help does without

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
