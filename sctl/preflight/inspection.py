"""Look at one dataset, at two together, or at a file: everything that is found."""

from __future__ import annotations

from pathlib import Path

from anndata import AnnData

from sctl.data import in_memory
from sctl.io import read
from sctl.preflight.droplets import droplet_findings
from sctl.preflight.features import feature_findings, genome_findings
from sctl.preflight.labels import label_findings
from sctl.preflight.matrix import memory_findings, size_findings, value_findings
from sctl.preflight.names import name_findings
from sctl.preflight.pair import pair_findings
from sctl.preflight.report import Report, Role


def inspect(adata: AnnData, *, role: Role, label_key: str | None = None) -> Report:
    """Look at one dataset.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        As :func:`sctl.io.read` returns it; it is not changed.
    role : {"source", "target"}
        Whether it teaches or is to be labelled; a source needs labels, a target at least ten cells.
    label_key : str, optional
        Column of ``obs`` with the labels; by default the likeliest of :func:`named_labels` of a source.

    Returns
    -------
    Report
    """
    adata = in_memory(adata)
    return Report(
        (
            *name_findings(adata, role),
            *feature_findings(adata, role),
            *genome_findings(adata, role),
            *value_findings(adata, role),
            *size_findings(adata, role),
            *droplet_findings(adata, role, label_key),
            *label_findings(adata, role, label_key),
            *memory_findings(adata, role),
        )
    )


def inspect_pair(source: AnnData, target: AnnData, *, label_key: str | None = None) -> Report:
    """Look at a source and a target together: only at what concerns both, and at the labels where named.

    What concerns one alone is said by :func:`inspect`; reports can be added.

    Parameters
    ----------
    source, target : AnnData
    label_key : str, optional
        Column of ``source.obs`` with the labels.

    Returns
    -------
    Report
    """
    source, target = in_memory(source), in_memory(target)
    labels = label_findings(source, "source", label_key) if label_key is not None else ()
    return Report((*pair_findings(source, target), *labels))


def inspect_file(path: Path | str, *, role: Role = "target", label_key: str | None = None) -> tuple[AnnData, Report]:
    """Read a file and look at it.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    adata = read(path)
    return adata, inspect(adata, role=role, label_key=label_key)
