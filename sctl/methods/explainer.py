"""How a fitted method weighs two labels: what every method that explains itself returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sctl.numerics.attribution import integrated_gradients
from sctl.typing import Floats


@dataclass(frozen=True)
class Explainer:
    """How a fitted method weighs two labels in some cells.

    Parameters
    ----------
    genes : tuple of str, length n_genes
        What the method looks at.
    label_names : tuple of str
        The source's types.
    inputs : ndarray of shape (n_cells, n_genes)
        The cells as the method sees them.
    baseline : ndarray of shape (n_genes,)
        A cell that speaks for no label: contributions say what differs from it.
    margin : callable
        Inputs of the same cells, changed or not, and the numbers of two labels, to how much the method prefers the
        first: (n_cells,).
    contributions : callable
        The numbers of two labels, to each gene's share of that: (n_cells, n_genes).
    """

    genes: tuple[str, ...]
    label_names: tuple[str, ...]
    inputs: Floats
    baseline: Floats
    margin: Callable[[Floats, int, int], Floats]
    contributions: Callable[[int, int], Floats]


def by_gradients(
    genes: tuple[str, ...],
    label_names: tuple[str, ...],
    inputs: Floats,
    baseline: Floats,
    preference: Callable[[int, int], Callable[[Any], Any]],
) -> Explainer:
    """Return an explainer whose contributions are integrated gradients of what a network computes.

    Parameters
    ----------
    genes, label_names, inputs, baseline
        See :class:`Explainer`.
    preference : callable
        The numbers of two labels, to a function of tensors: cells (n_cells, n_genes) to how much each prefers the first
        label, (n_cells,).
    """
    from sctl.numerics.autograd import gradient_of, score_of  # noqa: PLC0415 - torch takes seconds to import

    return Explainer(
        genes,
        label_names,
        inputs,
        baseline,
        margin=lambda x, label, against: score_of(preference(label, against))(x),
        contributions=lambda label, against: integrated_gradients(
            gradient_of(preference(label, against)), inputs, baseline
        ),
    )
