"""What became of a reference when a target was mapped onto it: nothing, and what was adapted instead."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from sctl.data import ReferenceMapping, TransferResult
from sctl.project import Project
from sctl.ui.frame import errors, results
from sctl.ui.widgets import numbers

_ABOUT = (
    "The reference is the network that learned the source, with the place of every source cell in it. Your cells get a few "
    "weights of their own, one set for each of their datasets; only these are adapted to your data. So the source's cells "
    "cannot move, and other targets meet the same reference."
)
_MOST_NAMES = 12


def has(found: TransferResult) -> bool:
    """Tell whether a result was made by mapping onto a reference."""
    return found.diagnostics.mapping is not None


def report(project: Project) -> None:
    """Draw what was adapted, and whether the reference moved."""
    found = results.result(project)
    mapping, genes = found.diagnostics.mapping, found.diagnostics.genes
    if mapping is None or genes is None:
        return
    with st.container(border=True):
        st.markdown(f"#### {headline(mapping)}")
        trained, total = mapping.n_trained, mapping.n_weights
        old, new = _conditions(mapping)
        missing, n_genes = genes.missing, len(found.var_names or ())
        shown = [
            ("Weights adapted to your cells", f"{trained:,}", f"{_percent(trained, total)} of {total:,}"),
            ("Datasets in the reference", f"{len(old):,}", _names(old)),
            ("Datasets of yours", f"{len(new):,}", _names(new)),
            ("Genes your data lacks", f"{missing:,}", f"of the {n_genes:,} compared"),
        ]
        numbers.row(shown)
        _genes(genes.lacking or (), mapping.lineage)
        for note in mapping.notes:
            st.warning(errors.plain(note), icon=":material/info:")
        st.caption(_ABOUT)


def _genes(lacking: Sequence[str], lineage: Sequence[str]) -> None:
    """Name the genes that the target lacks, and what became of them; and the datasets that joined the reference later."""
    if lacking:
        with st.popover("Which genes are missing?", icon=":material/genetics:", type="tertiary"):
            st.markdown(
                "They count as average where your cells are placed, and play no part in adapting. The order of your genes does not "
                "matter; names that were changed to meet the reference's are told on the page *Data*."
            )
            st.code(", ".join(lacking), language=None, wrap_lines=True, height=160)
    if lineage:
        st.caption(f"Added to the reference after it was learned: {errors.plain('; '.join(lineage))}.")


def headline(mapping: ReferenceMapping) -> str:
    """Say whether the source's cells are where they were.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> headline(SimpleNamespace(drift=0.0))
    'The reference did not move'
    """
    if mapping.drift == 0.0:
        return "The reference did not move"
    return f"The reference moved (largest drift {mapping.drift:.2g}): more than your own weights was adapted"


def _conditions(mapping: ReferenceMapping) -> tuple[list[str], list[str]]:
    """Return the names of the datasets of the reference, and of the target."""
    names, n_old = list(mapping.conditions), len(mapping.conditions) - mapping.n_new_conditions
    return names[:n_old], names[n_old:]


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{errors.plain(', '.join(names[:_MOST_NAMES]))}{more}"


def _percent(part: int, whole: int) -> str:
    """Return a share in percent, with a digit more where it is small.

    Examples
    --------
    >>> _percent(768, 512463), _percent(5, 10), _percent(0, 10)
    ('0.15%', '50%', '0%')
    """
    share = 100.0 * part / max(1, whole)
    return f"{share:.2g}%" if share < 10 else f"{share:.0f}%"
