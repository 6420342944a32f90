"""Files to take away."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.EXPORT)
project = shell.require(steps.EXPORT, "theta")
