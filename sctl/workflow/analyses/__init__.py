"""The analyses on demand, found by name: every module of this folder declares one as ``ANALYSIS``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from sctl.errors import ParameterError
from sctl.workflow.analyses.base import Analysis


@cache
def all_analyses() -> dict[str, Analysis]:
    """Return the analyses by name."""
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__) if info.name != "base"]
    return {analysis.name: analysis for analysis in (module.ANALYSIS for module in modules)}


def get_analysis(name: str) -> Analysis:
    """Return an analysis.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    found = all_analyses()
    if name not in found:
        raise ParameterError(
            f"There is no analysis {name!r}.", expected=f"Analyses are {list(found)}.", do="Choose one of these."
        )
    return found[name]
