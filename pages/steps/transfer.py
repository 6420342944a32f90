"""Choose a method and run it."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.TRANSFER)
project = shell.require(steps.TRANSFER, "preprocess")
