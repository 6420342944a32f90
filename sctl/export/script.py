"""The Python script that repeats an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sctl.export.command import shell_words
from sctl.export.recipe import ROLES, Recipe, files_of, is_edited, literal, made_by, plain_values


def script_for(recipe: Recipe) -> str:
    """Return a Python script that repeats the analysis; it runs where sctl is installed.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    str
        All names from outside are written as Python literals, so none of them can add code.
    """
    trained = recipe.trained is not None
    source = "with a source that was trained before" if trained else "with the help of a source"
    place = f"MODEL = {recipe.source!r}" if trained else f"SOURCE = {_place(recipe, 'source')}"
    return f'''"""Repeat an analysis made with sctl: label the cells of a target {source}.

{_indented(shell_words(recipe))}
"""

{_imports(recipe)}

{place}
TARGET = {_place(recipe, "target")}
OUT = "result.h5ad"
PREPROCESS = {literal(recipe.preprocess)}
PARAMS = {literal(recipe.free_params)}
THETA = {recipe.theta!r}  # None: chosen by the method
{_by_hand(recipe)}
run = sctl.Run(seed={recipe.seed!r})
given = {_reading(recipe, "target")}
{_trained_source(recipe) if trained else _two_datasets(recipe)}
out = sctl.annotated(given, [*repairs, *applied], target, result)
{_FINAL if is_edited(recipe) else ""}for note in write_h5ad(out, OUT):
    print(note)
'''


def _two_datasets(recipe: Recipe) -> str:
    """Return the code that computes a result from two datasets."""
    return f"""source, target = {_reading(recipe, "source")}, given
{_changing(recipe)}
prepared = sctl.prepare_pair(
    source,
    target,
    sctl.PreprocessParams.from_dict(PREPROCESS),
    label_key={recipe.label_key!r},
    batch_key={recipe.batch_key!r},
    run=run,
)
target, applied = prepared.target, prepared.repairs
method = sctl.get_method({recipe.method!r})(**PARAMS)
result = sctl.transfer(prepared.pair, method, run, theta=THETA)"""


def _trained_source(recipe: Recipe) -> str:
    """Return the code that computes a result from a source that was trained before."""
    return f"""source, target = load_trained(MODEL).profile_source(), given
{_changing(recipe)}
trained, target, applied = workflow.match_genes(load_trained(MODEL), target)
prepared = workflow.prepare_trained(trained, target, PREPROCESS, run)
result = sctl.transfer(prepared.pair, trained.configured(PARAMS), run, theta=THETA)"""


_FINAL = """final = edited(result, LabelEdits(renamed=RENAMED, named=NAMED))
out = with_final_labels(out, final)
"""


def _several(recipe: Recipe, role: str) -> bool:
    return not made_by(recipe, role) and len(files_of(recipe, role)) > 1


def _imports(recipe: Recipe) -> str:
    several = any(_several(recipe, role) for role in ROLES)
    trained = recipe.trained is not None
    lines = ["from pathlib import Path", ""] if several else []
    lines += ["import sctl"]
    lines += ["from sctl import workflow"] if several or trained else []
    lines += ["from sctl.export import LabelEdits, edited, with_final_labels"] if is_edited(recipe) else []
    lines += [
        "from sctl.io import join_labels, read_labels, write_h5ad"
        if recipe.tables
        else "from sctl.io import write_h5ad"
    ]
    lines += ["from sctl.preflight import Fix, apply_fix"] if recipe.repairs else []
    lines += ["from sctl.sharing import load_trained"] if trained else []
    lines += ["from sctl.simulate import Simulation"] if recipe.simulated else []
    return "\n".join(lines)


def _by_hand(recipe: Recipe) -> str:
    """Return, as literals, what the user did by hand."""
    lines = [f"TABLES = {list(recipe.tables)!r}  # of cell types"] if recipe.tables else []
    lines += [f"REPAIRS = {_literal_list(recipe.repairs)}"] if recipe.repairs else []
    if is_edited(recipe):
        lines += [f"RENAMED = {literal(recipe.edits.renamed)}  # cell types"]
        lines += [f"NAMED = {literal(recipe.edits.named)}  # cells"]
    return "".join(f"{line}\n" for line in lines)


def _changing(recipe: Recipe) -> str:
    """Return the code that does by hand what the user did, in the same order."""
    lines, n_repairs, n_tables = [], 0, 0
    for change in recipe.changes:
        if "labels" in change:
            lines.append(f"source, _ = join_labels(source, read_labels(TABLES[{n_tables}]))")
            n_tables += 1
            continue
        role = "source" if change["fix"]["arguments"]["role"] == "source" else "target"
        other = "target" if role == "source" else "source"
        lines.append(f"{role} = apply_fix({role}, Fix(**REPAIRS[{n_repairs}]), other={other})")
        n_repairs += 1
    lines.append("repairs = [Fix(**values) for values in REPAIRS]" if recipe.repairs else "repairs = []")
    return "\n".join(lines)


def _literal_list(values: Sequence[Any]) -> str:
    return repr([plain_values(value) for value in values])


def _place(recipe: Recipe, role: str) -> str:
    """Return, as a literal, where a side comes from: a file, several that belong together, or how it is made."""
    names = files_of(recipe, role)
    if role in recipe.simulated:
        return f"{literal(recipe.simulated[role])}  # simulated"
    if role in recipe.demo:
        return "None  # the demo, which comes with sctl"
    return repr(names[0]) if len(names) == 1 else repr(names)


def _reading(recipe: Recipe, role: str) -> str:
    """Return the call of the script that brings a side in."""
    if made := made_by(recipe, role, role.upper()):
        return made
    if not _several(recipe, role):
        return f"sctl.read({role.upper()})"
    options = ', genes="union"' if role in recipe.all_genes else ""
    options += ", labeled=True" if role == "source" else ""
    return f"workflow.read_datasets([Path(name) for name in {role.upper()}]{options})"


def _indented(text: str) -> str:
    """Make a text one for a docstring: nothing in it can end it, and all its line breaks are those that are seen."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    shown = (sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text)
    return "".join(shown)
