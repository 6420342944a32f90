"""What the operating system refuses, said in plain words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sctl.errors import DataError

_REASONS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("it is not allowed", "Ask the owner of the file or folder, or use a folder of your own."),
    errno.EPERM: ("it is not allowed", "Ask the owner of the file or folder, or use a folder of your own."),
    errno.EROFS: ("it lies on a disk that cannot be written to", "Use another folder."),
    errno.ENOSPC: ("the disk is full", "Delete what you no longer need, or use another disk."),
    errno.EDQUOT: ("your share of the disk is used up", "Delete what you no longer need, or use another disk."),
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
    # HDF5 gives the number of the reason within its text only.
    number = error.errno if error.errno is not None else _number_in(str(error))
    reason, do = _REASONS.get(number, (error.strerror or "the system refuses it", "Try again with a copy of it."))
    return DataError(f"{what}: {reason}.", do=do)


def _number_in(text: str) -> int:
    return next((number for number in _REASONS if f"errno = {number}," in text or f"[Errno {number}]" in text), 0)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn a refusal of the operating system into a ``DataError``; see :func:`refused`."""
    try:
        yield
    except OSError as error:
        raise refused(what, error) from error
