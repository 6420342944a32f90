"""What speaks against a result as a whole: by what is known of any method, and by what its own method knows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sctl.analysis.second_opinion import OPINION, disagrees, is_foreign
from sctl.data import UNASSIGNED, TransferResult
from sctl.methods import METHODS
from sctl.methods.panel.calibration import SAME_TISSUE

UNLIKE = 0.5
"""Share of cells called unknown from which on the source as a whole is doubted."""
ONE_NAME = 0.95
"""Share of cells with one name from which on that is said of a source that fits badly: a sign that it lacks the others."""
HARD, AGREEMENT = 0.8, 0.85
"""Accuracy on held-out cells, and agreement with simple classifiers, below which that is said."""

SHALLOW, SHALLOW_COUNTS = 1.75, 3.0
"""A source whose cells show so many times the genes of the target's, or hold so many times their molecules, was measured so
much more deeply that names suffer; see docs/decisions/0064."""
READS = 50.0
"""With more counts for each gene that a cell shows they are reads, of which a molecule has many: no measure of depth."""


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence for each reason why names may be wrong although their confidence is high.

    Parameters
    ----------
    result : TransferResult

    Returns
    -------
    tuple of str
        Empty where there are none. What only its method knows is from
        :meth:`~sctl.methods.base.TransferMethod.warnings`, where that method is installed.
    """
    kind = METHODS.get(result.method)
    own = () if kind is None else kind.warnings(result)
    return (*result.diagnostics.warnings, *_foreign(result), *_low_depth(result), *own, *_second_opinion(result))


def _foreign(result: TransferResult) -> Iterator[str]:
    """Any method: a source whose types are not those of the target's tissue."""
    report = result.diagnostics.calibration
    if report is None or report.source_verdict == "same tissue":
        return
    fit = f"its types match the groups of your cells by {report.source_fit:.2f} of 1"
    if is_foreign(result):
        yield (
            f"The annotated dataset seems to be of another tissue: {fit}, and those of the same tissue by {SAME_TISSUE} or more. Do not "
            "trust the names, however sure they look. Choose a source of your tissue."
        )
    else:
        yield (
            f"The annotated dataset fits your cells only in part: {fit}. It may be of another species, measured in another way, or of "
            "another tissue. Look at marker genes before you trust a name."
        )
    names, sizes = np.unique(result.labels[result.labels.astype(str) != UNASSIGNED].astype(str), return_counts=True)
    if len(names) and sizes.max() >= max(ONE_NAME * result.n_obs, 2):
        yield (
            f"{sizes.max() / result.n_obs:.0%} of your cells are named {names[sizes.argmax()]}. If they are of several kinds, "
            "the source lacks most of these."
        )


def _second_opinion(result: TransferResult) -> Iterator[str]:
    """Any method: cells of no known type, types that can hardly be told apart, and names on which simple classifiers disagree."""
    report = result.diagnostics.calibration
    if report is None:
        return
    if report.unknown_share >= UNLIKE and not is_foreign(result):  # else that is said
        yield (
            f"{report.unknown_share:.0%} of your cells resemble no type of the source. It may be of another tissue, or lack "
            "most of your types."
        )
    if report.held_out_accuracy < HARD:
        yield (
            f"Of the source's own cells, {report.held_out_accuracy:.0%} were named right when they were held out: some of "
            "its types can hardly be told apart."
        )
    cells = disagrees(result)
    if report.agreement is not None and report.agreement < AGREEMENT and cells.any():
        theirs = np.array(result.label_names, dtype=object)[np.asarray(result.obsm[OPINION]).argmax(axis=1)]
        pairs, counts = np.unique(
            np.column_stack([result.labels[cells], theirs[cells]]).astype(str), axis=0, return_counts=True
        )
        own, other = pairs[counts.argmax()]
        yield (
            f"Simple classifiers give {1 - report.agreement:.0%} of the named cells another name, most often {other} in place of "
            f"{own} ({counts.max():,} cells). Compare the marker genes of both."
        )


def _low_depth(result: TransferResult) -> Iterator[str]:
    """Every method: cells that show few genes of those by which types of a deeper source are known."""
    depth = result.diagnostics.depths
    if depth is None or not depth.target:
        return
    what = f"half of them show {depth.target:,.0f} or fewer of the genes that both share, there {depth.source:,.0f}"
    fewer = depth.source > SHALLOW * depth.target
    if not fewer and depth.source_counts is not None and depth.target_counts is not None:
        are_reads = depth.source_counts > READS * depth.source or depth.target_counts > READS * depth.target
        fewer = not are_reads and depth.source_counts > SHALLOW_COUNTS * depth.target_counts
        what = f"half of them hold {depth.target_counts:,.0f} counts or fewer, there {depth.source_counts:,.0f}"
    if fewer:
        yield (
            f"Your cells were measured much less deeply than those of the annotated dataset: {what}. Names can be wrong although "
            "their confidence is high, most of all those of similar types. Compare with another method, and look at marker genes."
        )
