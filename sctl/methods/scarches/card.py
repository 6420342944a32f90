"""Lines on a reference for the card of its file: its datasets, its tests of itself, and what was added later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def reference_facts(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return of which datasets a reference was made, how well it names its own cells, and what was added later.

    Parameters
    ----------
    facts : mapping
        As :meth:`sctl.methods.scarches.reference.ReferenceModel.state` returns them.

    Examples
    --------
    >>> added = [{"datasets": ["donor 3"], "n_cells": 20}]
    >>> reference_facts({"conditions": ["donor 1", "donor 2"], "novelty": {}, "lineage": added})
    ('Datasets: donor 1, donor 2.', 'Added later: donor 3, 20 cells.')
    """
    found, tables = facts["novelty"], facts.get("self_test", {})
    lines = [f"Datasets: {', '.join(map(str, facts['conditions']))}."]
    if found.get("accuracy") is not None:
        lines.append(
            f"Of its own cells, asked without themselves, {found['kept']:.1%} keep a name, and {found['accuracy']:.1%} of these "
            "are right."
        )
    flagged = (tables.get("types") or {}).get("flagged", [])
    if flagged:
        share = sum(flagged) / len(flagged)
        lines.append(f"Learned anew without one of its types, it gave no name to {share:.0%} of that type's cells.")
    accuracy = (tables.get("datasets") or {}).get("accuracy", [])
    if accuracy:
        share = sum(accuracy) / len(accuracy)
        lines.append(f"In a dataset hidden from it, {share:.1%} of the cells were named rightly.")
    added = facts.get("lineage", ())
    lines += [f"Added later: {' + '.join(map(str, one['datasets']))}, {one['n_cells']} cells." for one in added]
    return tuple(lines)
