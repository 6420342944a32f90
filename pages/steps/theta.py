"""The sweep over θ, live."""

from __future__ import annotations

from sctl.ui import shell, steps

action = shell.header(steps.THETA)
project = shell.require(steps.THETA, "preprocess")
