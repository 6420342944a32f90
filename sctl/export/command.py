"""The shell command that repeats an analysis, and what it leaves out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from sctl.export.recipe import ROLES, Recipe, file_of_made, files_of, imports_needed, is_edited, made_by, plain_values
from sctl.preprocess import PreprocessParams, RoleParams
from sctl.qc import Thresholds
from sctl.workflow.inputs import REPAIRED_BY_ITSELF


def shell_words(recipe: Recipe) -> str:
    """Return the command of an analysis with a sentence on what it does not repeat."""
    beside = left_out(recipe)
    lacking = f"It does not repeat: {'; '.join(beside)}." if beside else "It repeats all of it."
    return f"The same from the shell. {lacking}{COMMAND}{command_for(recipe)}"


COMMAND = "\n\n    "
"""What stands before the command of an analysis, where words lead to it."""


def command_for(recipe: Recipe) -> str:
    """Return the ``sctl run`` command of an analysis, quoted for a POSIX shell; one line.

    What it cannot repeat is said by :func:`left_out`. Sides of the demo and simulated ones are written to files first.
    """
    made = {role: call for role in ROLES if (call := made_by(recipe, role))}
    names = {role: [file_of_made(recipe, role)] if role in made else files_of(recipe, role) for role in ROLES}
    words = [
        "sctl",
        "run",
        "--source" if recipe.trained is None else "--model",
        *names["source"],
        "--target",
        *names["target"],
        "--out",
        "result.h5ad",
    ]
    words += _learning_words(recipe) if recipe.trained is None else []
    words += [word for role in ROLES if role in recipe.all_genes for word in (f"--{role}-genes", "union")]
    words += ["--theta", str(recipe.theta)] if recipe.theta is not None else []
    words += ["--seed", str(recipe.seed)]
    words += _preprocess_words(recipe.preprocess) if recipe.trained is None else []
    words += _filter_words(recipe)[0]
    words += [word for name in recipe.tables[:1] for word in ("--labels", name)]
    words += ["--fix"] if any(fix["code"] in _WITH_FIX for fix in recipe.repairs) else []
    for name, value in recipe.free_params.items():
        shown = value if isinstance(value, str) else json.dumps(plain_values(value))
        words += ["--param", f"{name}={shown}"]
    if not made:
        return shlex.join(words)
    written = [f'{call}.write_h5ad("{file_of_made(recipe, role)}")' for role, call in made.items()]
    return shlex.join(["python", "-c", "; ".join([*imports_needed(recipe), *written])]) + " && " + shlex.join(words)


def _learning_words(recipe: Recipe) -> list[str]:
    """Return the options that say what is learned from the source, and how."""
    keys = (("--label-key", recipe.label_key), ("--batch-key", recipe.batch_key))
    words = [word for flag, value in keys if value is not None for word in (flag, value)]
    return [*words, "--method", recipe.method]


def _preprocess_words(settings: Mapping[str, Any]) -> list[str]:
    """Return the options of the command for the settings of the preprocessing that it knows."""
    names = ["n_top_genes"]
    names += ["imputation", "imputation_t", "imputation_knn"] if settings.get("imputation", "none") != "none" else []
    names += ["batch_correction"] if settings.get("batch_correction", "none") != "none" else []
    given = [(name, settings[name]) for name in names if settings.get(name) is not None]
    return [word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value))]


def _filter_words(recipe: Recipe) -> tuple[list[str], bool]:
    """Return the options for the filters, and whether they say all of them; the command filters both sides alike."""
    roles = ("target",) if recipe.trained is not None else ROLES
    chosen = [PreprocessParams.from_dict({"target": recipe.preprocess.get(role) or {}}).target for role in roles]
    first = chosen[0]
    most = first.thresholds.to_dict().get("pct_mt")
    expressible = RoleParams(
        min_genes=first.min_genes,
        min_cells=first.min_cells,
        thresholds=Thresholds.from_dict({"pct_mt": [None, most[1]]} if most else {}),
    )
    if any(each != expressible for each in chosen):
        return [], False
    given = [("--min-genes", first.min_genes), ("--min-cells", first.min_cells), ("--max-mt", most[1] if most else 0)]
    return [word for flag, value in given if value for word in (flag, str(value))], True


def left_out(recipe: Recipe) -> tuple[str, ...]:
    """Return what the command of an analysis does not repeat, in a few words each; the script repeats it all.

    Examples
    --------
    >>> left_out(Recipe(source="a.h5ad", target="b.h5ad", label_key=None, preprocess={"log": "log2"}))
    ('the normalisation',)
    """
    others = {name: value for name, value in recipe.preprocess.items() if name in _NORMALISATION}
    usual = PreprocessParams().to_dict()
    changed = any(value != usual[name] for name, value in others.items()) or (
        "n_top_genes" in recipe.preprocess and recipe.preprocess["n_top_genes"] is None
    )
    found = {
        "the filters": not _filter_words(recipe)[1],
        "the normalisation": recipe.trained is None and changed,
        "repairs that you asked for": any(
            fix["code"] not in {*_WITH_FIX, *REPAIRED_BY_ITSELF} for fix in recipe.repairs
        ),
        "further tables of cell types": len(recipe.tables) > 1,
        "your own names of cells": is_edited(recipe),
    }
    return tuple(words for words, holds in found.items() if holds)


_NORMALISATION = ("normalize_to", "log", "normalize_on")


_WITH_FIX = {"transpose", "set_zero"}
"""Repairs that ``sctl run`` makes with ``--fix``."""
