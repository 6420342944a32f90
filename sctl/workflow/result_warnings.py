"""What speaks against a result as a whole, as far as its method can know: said once, for the shell and the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from sctl.data import TransferResult

SHALLOW, SHALLOW_COUNTS = 1.75, 3.0
"""A source whose cells show so many times the genes of the target's, or hold so many times their molecules, was measured so
much more deeply that names suffer; see docs/decisions/0064."""
READS = 50.0
"""With more counts for each gene that a cell shows they are reads, of which a molecule has many: no measure of depth."""
FAR_SHIFT = 1.0
"""Where the target as a whole lies so far from a reference (in logarithms of squared distances), its types may be others;
measured in docs/decisions/0052."""
FAR_CELL = 0.99
"""A cell is farther out than this share of the source's own cells."""
FAR_CELLS = 0.1
"""From this share of such cells on it is said."""


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence for each reason why names may be wrong although their confidence is high.

    Parameters
    ----------
    result : TransferResult

    Returns
    -------
    tuple of str
        Empty where the method knows of none.
    """
    return (
        *result.diagnostics.warnings,
        *_low_depth(result),
        *_unexplained(result),
        *_far(result),
        *_far_cells(result),
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


def _unexplained(result: TransferResult) -> Iterator[str]:
    """ItClust: the clusters divide the target much worse than it divides by itself."""
    tuned = result.diagnostics.fine_tuning
    if tuned is not None and not tuned.explained:
        yield (
            "The annotated dataset does not explain your cells: its types divide them much worse than your cells divide by "
            "themselves. Look at marker genes before you trust a name, or choose another source."
        )


def _far(result: TransferResult) -> Iterator[str]:
    """scArches: all cells of the target lie far from the reference, which is taken for a technical difference."""
    novelty = result.diagnostics.novelty
    if novelty is not None and novelty.shift > FAR_SHIFT:
        yield (
            "Your cells as a whole lie far from all types of the annotated dataset. That was taken for a technical "
            "difference and allowed for, but they may also be of other types, which then bear wrong names. Look at marker "
            "genes before you trust a name."
        )


def _far_cells(result: TransferResult) -> Iterator[str]:
    """Poisson autoencoder: cells that lie farther out than the source's own cells, and get names all the same."""
    distances = result.obsm.get("novelty")
    if distances is None or distances.shape[1] != 1:
        return
    n_far = int((distances[:, 0] >= FAR_CELL).sum())
    if n_far >= FAR_CELLS * result.n_obs:
        yield (
            f"{n_far} of your {result.n_obs} cells resemble no cell of the annotated dataset: they lie farther out than "
            f"{FAR_CELL:.0%} of its own cells. Their names are those of the nearest cells, and probably wrong."
        )
