"""Findings about droplets without a cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from anndata import AnnData

from sctl.genes import not_genes
from sctl.preflight.report import Finding, Fix, Role
from sctl.preprocess import named_type
from sctl.qc import empty_droplets
from sctl.qc.values import value_kind


def droplet_findings(adata: AnnData, role: Role, label_key: str | None) -> Iterator[Finding]:
    """Say whether the matrix was not filtered for cells; of a source, only what has a label counts."""
    if value_kind(adata.X) != "counts":
        return
    genes = (not_genes(adata) == "").to_numpy()
    totals = np.asarray(adata.X.sum(axis=1) if genes.all() else adata.X @ genes.astype(np.float64)).ravel()
    if role == "source" and label_key in adata.obs:
        totals = totals[named_type(adata.obs[label_key]).notna().to_numpy(dtype=bool)]
    found = empty_droplets(totals) if len(totals) else None
    if found is None:
        return
    yield Finding(
        "warn",
        "unfiltered",
        f"The {role} looks unfiltered: {found.n_empty:,} of {found.n_obs:,} barcodes have fewer than {found.min_counts:,} "
        f"counts, as empty droplets have; the others have about {found.typical:,}.",
        "Empty droplets are left out when the data are prepared, and get no label. If they are cells after all, set a "
        "lower limit of counts or genes per cell yourself: it then decides alone.",
        Fix(
            "drop_empty_barcodes",
            f"Keep barcodes with at least {found.min_counts:,} counts",
            {"role": role, "min_counts": found.min_counts},
        ),
    )
