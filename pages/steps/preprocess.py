"""Preprocess."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.PREPROCESS)
