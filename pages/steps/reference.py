"""Build a reference from annotated datasets alone: choose them, learn, see how well it knows itself, keep it."""

from __future__ import annotations

from sctl.ui.frame import errors, shell, steps
from sctl.ui.reference import reference_view

action = shell.header(steps.REFERENCE)
project = shell.current()

errors.show_notices(reference_view.PLACE)
with errors.caught():
    if project is None:
        reference_view.begin()
    elif project.has_trained:
        reference_view.trained_already()
    else:
        reference_view.draw(project, action)
