"""The script of an analysis as a Jupyter notebook: the same code, cell by cell, and a first look at the result."""

from __future__ import annotations

import ast
import json
from typing import Any

from sctl.export.command import COMMAND, shell_words
from sctl.export.markdown import code_block, plain
from sctl.export.recipe import Recipe
from sctl.export.script import script_for

_LOOK = (
    ("How many cells have which name:", "import pandas as pd\n\npd.Series(result.labels).value_counts()"),
    (
        "What the groups consist of:",
        "groups = pd.Series(result.clusters).map(dict(enumerate(result.cluster_names)))\n"
        "pd.crosstab(groups.rename('group'), pd.Series(result.labels, name='cell type'))",
    ),
    ("How sure the names are, from 0 to 1:", "pd.Series(result.confidence).describe()"),
)
_TITLES = {"import": "### What is needed", "settings": "### Data and settings", "run": "### The analysis"}


def notebook_for(recipe: Recipe, *, title: str = "", words: str = "") -> str:
    """Return a Jupyter notebook that repeats the analysis; it runs where sctl is installed.

    Parameters
    ----------
    recipe : Recipe
    title : str
        Heading; the project's name, for example.
    words : str
        Plain text under it, such as the methods paragraph. Neither is taken as code.

    Returns
    -------
    str
        JSON in version 4.5 of the notebook format, without outputs.
    """
    heading = plain(" ".join(title.split()) or "An analysis made with sctl")
    cells = [_words(f"# {heading}\n\n{plain(words)}".strip())]
    said, _, command = shell_words(recipe).partition(COMMAND)
    cells.append(_words(f"{said}\n\n{code_block(command)}"))
    for kind, code in _parts(script_for(recipe)):
        cells += [_words(_TITLES[kind]), _code(code)]
    cells.append(_words("### A first look"))
    for said, code in _LOOK:
        cells += [_words(said), _code(code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps(
        {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False, indent=1
    )


def _parts(script: str) -> list[tuple[str, str]]:
    """Divide a script into imports, settings and what is done; its docstring is left out."""
    tree, lines = ast.parse(script), script.split("\n")
    starts: dict[str, int] = {}
    for node in tree.body[1:]:
        starts.setdefault(_kind(node), node.lineno - 1)
    ends = [*list(starts.values())[1:], len(lines)]
    return [
        (kind, "\n".join(lines[start:end]).strip()) for (kind, start), end in zip(starts.items(), ends, strict=True)
    ]


def _kind(node: ast.stmt) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "import"
    named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
    return "settings" if named else "run"


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
