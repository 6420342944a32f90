"""Every exception that sctl raises on purpose, and the warnings it gives.

::

    SctlError
    ├── DataError (ValueError)            a file or a dataset cannot be used
    ├── ParameterError (ValueError)       a setting is out of range or does not fit the data
    ├── NotFittedError (ValueError, AttributeError)   ``transfer`` before ``fit``
    ├── ProjectError                      a project folder or a job is missing or damaged
    ├── ServiceError                      a service on the internet refuses, or cannot be reached
    └── Cancelled                         the user pressed Stop
    SctlWarning (UserWarning)
    └── ConvergenceWarning                an iteration ended at its limit

A message says what was found, what was expected, and what to do. The pages and the command line
show it as it is; any other exception is a bug of ours.
"""

from __future__ import annotations


class SctlError(Exception):
    """An error whose text is written for the user.

    Parameters
    ----------
    found : str
        What was found, as a sentence.
    expected : str
        What would have been right, as a sentence. May be empty where ``found`` says it.
    do : str
        What the user can do now, as a sentence.

    Examples
    --------
    >>> str(DataError("The file is empty.", expected="A matrix was expected.", do="Export it again."))
    'The file is empty. A matrix was expected. Export it again.'
    """

    def __init__(self, found: str, *, expected: str = "", do: str = "") -> None:
        self.found, self.expected, self.do = found, expected, do
        super().__init__(" ".join(part for part in (found, expected, do) if part))


class DataError(SctlError, ValueError):
    """A file or a dataset cannot be used."""


class ParameterError(SctlError, ValueError):
    """A setting is out of its range, or does not fit the data."""


class NotFittedError(SctlError, ValueError, AttributeError):
    """``transfer`` was called before ``fit``."""


class ProjectError(SctlError):
    """A project folder or a job is missing, damaged, or in another state than needed."""


class ServiceError(SctlError):
    """A service on the internet refuses, answers strangely, or cannot be reached."""


class Cancelled(SctlError):
    """The user stopped the computation. What was finished is kept by whoever listens."""

    def __init__(self, found: str = "The computation was stopped.") -> None:
        super().__init__(found)


class SctlWarning(UserWarning):
    """Something the user should know, although the result stands."""


class ConvergenceWarning(SctlWarning):
    """An iteration ended at its limit before it met its tolerance."""
