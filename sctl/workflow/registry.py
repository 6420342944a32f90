"""Every kind of job, with its title and its parts: those of the steps, and those of the analyses on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sctl.workflow.analyses import all_analyses
from sctl.workflow.settings import UPSTREAM

LEARN = "learn"
"""A reference is learned from the source alone: no step of the project, and no analysis of its result."""

EVERYTHING = "everything"
"""The kind of job that computes all steps of the path, and the analyses that follow one."""


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Parameters
    ----------
    name : str
    title : str
        What it is called while it runs.
    parts : tuple of str
        Steps and analyses that it sees to, in order; steps that are done are left as they are.
    """

    name: str
    title: str
    parts: tuple[str, ...]


_TITLES: Mapping[str, tuple[str, str]] = {
    "prepare": ("preprocess", "Preparing the data"),
    "transfer": ("theta", "Transferring"),
    "theta": ("theta", "Trying values of θ"),
    "explore": ("explore", "Drawing the maps"),
    "markers": ("markers", "Looking for marker genes"),
    "consensus": ("consensus", "Trying numbers of groups"),
}
"""Kind of a job for steps → the last of them, and its title."""

_EVERYTHING = ("preprocess", "transfer", "theta", "markers", "explore")

_STEP_WEIGHTS: Mapping[str, float] = {
    "preprocess": 1.0,
    "transfer": 4.0,
    "theta": 0.5,
    "explore": 8.0,
    "markers": 0.5,
    "consensus": 4.0,
    LEARN: 4.0,
}


def job_kinds() -> dict[str, JobKind]:
    """Return the kinds of jobs by name.

    Examples
    --------
    >>> job_kinds()["explain"]
    JobKind(name='explain', title='Looking for the reasons', parts=('preprocess', 'transfer', 'theta', 'explain'))
    """
    return {kind.name: kind for kind in _kinds()}


def weight(part: str) -> float:
    """Return the duration of a step or an analysis relative to preparing the data, measured on the demo."""
    return _STEP_WEIGHTS[part] if part in _STEP_WEIGHTS else all_analyses()[part].weight


def _kinds() -> Iterator[JobKind]:
    following = sorted((found for found in all_analyses().values() if found.follows), key=lambda found: found.order)
    for name, (last, title) in _TITLES.items():
        yield JobKind(name, title, (*_chain(last), *(found.name for found in following if found.follows == name)))
    for found in all_analyses().values():
        if not found.follows:
            yield JobKind(found.name, found.title, (*_chain(found.after), found.name))
    yield JobKind("reference", "Building the reference", (LEARN,))
    yield JobKind(EVERYTHING, "Running the whole analysis", (*_EVERYTHING, *(found.name for found in following)))


def _chain(step: str | None) -> tuple[str, ...]:
    """Return a step after those that it is computed from, without the choice of the data."""
    return () if step is None or step == "data" else (*_chain(UPSTREAM[step]), step)
