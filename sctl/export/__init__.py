"""Files to take away: annotated ``.h5ad``, tables, one archive, a script and a methods paragraph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.export.command import command_for, left_out
    from sctl.export.edits import FINAL_LABEL, LabelEdits, edited, label_edits, with_final_labels
    from sctl.export.files import annotated, bundle, export_h5ad, export_tables, to_csv
    from sctl.export.methods_text import methods_paragraph
    from sctl.export.notebook import notebook_for
    from sctl.export.readme import readme_for
    from sctl.export.recipe import Recipe
    from sctl.export.script import script_for
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "FINAL_LABEL",
    "LabelEdits",
    "Recipe",
    "annotated",
    "bundle",
    "command_for",
    "edited",
    "export_h5ad",
    "export_tables",
    "label_edits",
    "left_out",
    "methods_paragraph",
    "notebook_for",
    "readme_for",
    "script_for",
    "to_csv",
    "with_final_labels",
]
