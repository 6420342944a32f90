"""What each table is, for whoever opens the archive a year later."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

_TABLES = {
    "cells_beyond_the_source.csv": "how well the source explains each cell. Strangeness counts in spreads of your cells: "
    "0 is typical, above 2 is worth a look. The other scores are as the method gave them, higher = better explained.",
    "cells_*.csv": "one row for each cell: its group, cell type, confidence, the next best type, and your own label.",
    "clusters_*.csv": "one row for each group: size, cell type, confidence, and a verdict.",
    "markers.csv": "every gene for every group: how much higher it is there than in the other cells.",
    "theta_curve.csv": "every θ that was tried, with its scores.",
    "dropped_cells.csv": "cells that were filtered out.",
    "methods.csv": "what each method answered about the same cells: share of cells with a name, how many types and groups, "
    "share of cells named as in the first row, and the adjusted Rand index against its groups.",
    "names_by_method.csv": "every cell's name by every method that was run on the same data.",
    "numbers_of_groups/cells.csv": "every cell's group at every number of groups that was tried (k2 = two groups).",
    "numbers_of_groups/groups.csv": "every group at every number: size, usual cell type, silhouette (1 = clearest), and "
    "stability (1 = the same whatever the number).",
    "numbers_of_groups/estimate.csv": "how many groups the data alone suggest: the eigenvalues above the threshold of "
    "Tracy and Widom's law.",
    "numbers_of_groups/markers.csv": "marker genes at every number of groups: each gene in the group where it is highest "
    "(AUROC at least 0.85, Wilcoxon rank-sum test adjusted by Holm at most 0.01).",
    "numbers_of_groups/differing_genes.csv": "genes that differ between groups at every number (Kruskal-Wallis test, "
    "adjusted by Holm, at most 0.01), the clearest first.",
    "numbers_of_groups/unusual_cells.csv": "cells that lie far outside their group at every number, by robust distance.",
    "explanations/*_genes.csv": "genes for and against a name: contribution (share of the preference for the name over the "
    "other; below 0 it speaks for the other), share of all contributions, and mean expression in these cells and elsewhere.",
    "explanations/*_pathways.csv": "gene sets whose genes gather among the reasons (score above 0: for the name), with the "
    "false discovery rate.",
    "explanations/*_check.csv": "how much the name is preferred after taking out the most important genes, or random ones.",
    "repeats_with_other_seeds.csv": "two groups (their kind and names come first), and whether each method kept them "
    "apart with each seed.",
}
"""Name or pattern → what it is; the first that fits holds."""


def readme_for(names: Iterable[str], *, title: str = "") -> bytes:
    """Return a text that says what every file of an archive is.

    Parameters
    ----------
    names : iterable of str
        Of the files; those that are not known are named without a word.
    title : str
        Of the project.

    Returns
    -------
    bytes

    Examples
    --------
    >>> print(readme_for(["theta_curve.csv"], title="Pancreas").decode().splitlines()[3])
    theta_curve.csv: every θ that was tried, with its scores.
    """
    head = [
        f"Tables of the project {title!r}" if title else "Tables",
        "All are in UTF-8, with commas between columns.",
        "",
    ]
    return "\n".join([*head, *(f"{name}: {_about(name)}".rstrip(": ") for name in sorted(names)), ""]).encode("utf-8")


def _about(name: str) -> str:
    return next((text for pattern, text in _TABLES.items() if fnmatchcase(name, pattern)), "")
