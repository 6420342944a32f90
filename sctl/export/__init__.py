"""Everything a user takes home: annotated ``.h5ad``, tables, one archive, a script and a methods paragraph."""

from __future__ import annotations

from sctl.export.files import FINAL_LABEL, annotated, bundle, export_h5ad, export_tables, to_csv
from sctl.export.notebook import notebook_for
from sctl.export.readme import readme_for
from sctl.export.script import Recipe, command_for, methods_paragraph, script_for

__all__ = [
    "FINAL_LABEL",
    "Recipe",
    "annotated",
    "bundle",
    "command_for",
    "export_h5ad",
    "export_tables",
    "methods_paragraph",
    "notebook_for",
    "readme_for",
    "script_for",
    "to_csv",
]
