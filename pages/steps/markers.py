"""Marker genes of each group."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.MARKERS)
project = shell.require(steps.MARKERS, "theta")
