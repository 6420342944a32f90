"""What speaks against a result as a whole: by what is known of any method, and by what its own method knows."""

from __future__ import annotations

from collections.abc import Iterator

from sctl.data import TransferResult
from sctl.methods import METHODS

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
    return (*result.diagnostics.warnings, *_low_depth(result), *own)


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
