"""Confidence per cell and per group."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.UNCERTAINTY)
project = shell.require(steps.UNCERTAINTY, "theta")
