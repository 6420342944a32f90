"""Of a file with genes of several species, the genes and cells of one."""

from __future__ import annotations

import re

from anndata import AnnData

from sctl.genes import genome_prefixes, mixture_of, without_genome


def one_genome(adata: AnnData, name: str) -> AnnData:
    """Keep the genome that most cells are of, with its cells, and take its name off those of the genes.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    name : str
        The file, as the user knows it.

    Returns
    -------
    AnnData
        ``uns["read_notes"]`` says what was left out.
    """
    mixture = mixture_of(adata)
    if mixture is None:
        found = sorted(set(genome_prefixes(adata.var_names)) - {""})
        if len(found) == 1:
            adata.var_names = without_genome(adata.var_names, found[0])
        return adata
    kept = adata[mixture.own_cells, mixture.own_genes].copy()
    kept.var_names = without_genome(kept.var_names, mixture.main)
    others, n_others = ", ".join(mixture.others), adata.n_obs - kept.n_obs
    note = f"{name} also holds {others}; only {mixture.main}, which most cells are of, was taken."
    if n_others:
        note += f" {n_others:,} of {adata.n_obs:,} cells have more counts of {others} and were left out."
    if mixture.n_mixed:
        note += f" {mixture.n_mixed:,} of the cells that were kept have over a tenth of their counts in {others}: perhaps two cells in one."
    add_note(kept, note)
    return kept


def add_note(adata: AnnData, note: str) -> None:
    """Add a sentence to what reading has to say of a dataset, in place."""
    adata.uns["read_notes"] = " ".join(filter(None, (adata.uns.get("read_notes"), note)))


_ORIENTATION = re.compile(r"The names in .*? do not tell genes from cells; .*? since there are more of them\. ?")


def note_orientation(adata: AnnData, name: str, taken: str) -> None:
    """Say that rows or columns were taken for genes by their number alone, in place."""
    add_note(
        adata,
        f"The names in {name} do not tell genes from cells; the {taken} were taken for genes, since there are more of them.",
    )


def without_orientation(notes: str) -> str:
    """Return notes without that sentence, which is wrong once cells and genes were swapped.

    Examples
    --------
    >>> without_orientation(
    ...     "The names in x do not tell genes from cells; the rows were taken for genes, since there are "
    ...     "more of them. Above the header stands 'T'."
    ... )
    "Above the header stands 'T'."
    """
    return _ORIENTATION.sub("", notes).strip()
