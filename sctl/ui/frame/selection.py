"""Which cells the user has picked, and how a new lasso joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import streamlit as st

from sctl import plots
from sctl.project import Project, load_selection, save_selection
from sctl.typing import Bools, Floats
from sctl.ui.frame import state

MODES: Mapping[str, str] = {"new": "New", "add": "Add", "subtract": "Subtract", "intersect": "Intersect"}
"""How cells just drawn around join those selected before."""


@dataclass(frozen=True)
class Selection:
    """Some of the target's cells, packed to a bit each: small, and nobody can change it by accident."""

    bits: bytes
    n_obs: int

    @classmethod
    def of(cls, mask: Bools) -> Self:
        """Pack a mask of shape (n_obs,)."""
        return cls(np.packbits(mask).tobytes(), len(mask))

    @property
    def mask(self) -> Bools:
        """The cells: (n_obs,)."""
        bits = np.frombuffer(self.bits, dtype=np.uint8)
        return np.unpackbits(bits, count=self.n_obs).astype(bool)


def joined(before: Bools, drawn: Bools, mode: str) -> Bools:
    """Return the selection after new cells were drawn around.

    Examples
    --------
    >>> joined(np.array([True, True, False]), np.array([False, True, True]), "subtract").tolist()
    [True, False, False]
    """
    if mode == "add":
        return before | drawn
    if mode == "subtract":
        return before & ~drawn
    return before & drawn if mode == "intersect" else drawn


def current(project: Project, n_obs: int, name: str = "") -> Bools:
    """Return the selected cells, or those kept aside as ``"A"`` or ``"B"``; none where nothing is.  (n_obs,)."""
    key = _key(project, name)
    if key.get() is None:  # a new visit: as the project has it
        key.set(Selection.of(load_selection(project, n_obs, name)))
    kept: Selection | None = key.get()
    return kept.mask if kept is not None and kept.n_obs == n_obs else np.zeros(n_obs, dtype=bool)


def keep(project: Project, mask: Bools, name: str = "") -> None:
    """Make cells the selection, or keep them aside under a name; for callbacks."""
    _key(project, name).set(Selection.of(mask))
    save_selection(project, mask, name)
    state.SELECT_ROUND.set(state.SELECT_ROUND.get() + 1)  # a new map, without the old lasso


def take_shapes(project: Project, key: str, coords: Floats, *, first: int = 0) -> None:
    """Join the cells in the shapes drawn on a map to the selection; for the map's callback.

    Parameters
    ----------
    project : Project
    key : str
        Of the chart.
    coords : ndarray of shape (n_shown, 2)
    first : int
        Where the target's cells begin; the source's lie before them and are not selected.

    Notes
    -----
    Every cell in the shape is taken, whether it was drawn as a point or not. An event without shapes, which the
    browser sends when it forgets an old lasso, changes nothing.
    """
    event = st.session_state.get(key)
    shapes = (event or {}).get("selection") or {}
    if not (shapes.get("lasso") or shapes.get("box")):
        return
    join(project, plots.selection_mask(event, coords[first:]))


def join(project: Project, cells: Bools) -> None:
    """Join cells to the selection as the user has set; for callbacks."""
    before = current(project, len(cells))
    keep(project, joined(before, cells, state.SELECT_MODE.get() if before.any() else "new"))


def _key(project: Project, name: str) -> state.Key[Any]:
    parts = (project.fingerprint("preprocess"), *([name] if name else []))
    return state.SELECTION.of(*parts)
