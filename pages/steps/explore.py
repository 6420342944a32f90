"""Maps of the target."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.EXPLORE)
project = shell.require(steps.EXPLORE, "theta")
