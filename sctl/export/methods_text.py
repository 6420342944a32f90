"""A paragraph on an analysis for the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sctl.data import UNASSIGNED, TransferResult
from sctl.export.recipe import Recipe
from sctl.methods import METHODS

_CITATIONS = {
    "umap": "McInnes et al. (2018), UMAP: uniform manifold approximation and projection, arXiv:1802.03426",
    "tsne": "Poličar et al. (2024), openTSNE, Journal of Statistical Software 109(3)",
    "markers": "Soneson & Robinson (2018), Bias, robustness and scalability in single-cell differential expression analysis, Nature Methods 15:255",
    "magic": "van Dijk et al. (2018), Recovering gene interactions from single-cell data using data diffusion, Cell 174:716",
    "combat": "Johnson et al. (2007), Adjusting batch effects in microarray expression data using empirical Bayes methods, Biostatistics 8:118",
    "h5ad": "Virshup et al. (2024), anndata: access and store annotated data matrices, JOSS 9(101):4371",
}


def methods_paragraph(
    result: TransferResult,
    *,
    recipe: Recipe | None = None,
    title: str = "",
    reference: str = "",
    with_tsne: bool = False,
) -> str:
    """Return a paragraph for the methods section of a paper, with its references.

    Parameters
    ----------
    result : TransferResult
    recipe : Recipe, optional
        Adds names of files and the normalisation.
    title : str
        What the method is called in print; by default its key.
    reference : str
        Of the method; by default what it declares, where it is installed.
    with_tsne : bool
        Whether the map shown is a t-SNE rather than a UMAP.

    Returns
    -------
    str
        Plain text.
    """
    assigned = int((result.labels.astype(str) != UNASSIGNED).sum())
    curve = result.diagnostics.theta
    theta = result.params.get("theta", None if curve is None else curve.theta)
    settings = {"seed": result.seed, **({} if theta is None else {"θ": theta})}
    setting_text = ", ".join(f"{name} = {value}" for name, value in settings.items())
    files = f" ({recipe.target}, with {recipe.source} as the source)" if recipe else ""
    normalized = ""
    if recipe and (scale := recipe.preprocess.get("normalize_to", 10_000.0)) is not None:
        normalized = f"Expression was normalised to {scale:,.0f} per cell over the genes shared by both datasets and log-transformed. "
    corrections = _corrections(recipe.preprocess) if recipe else {}
    known = ["tsne" if with_tsne else "umap", *corrections, "markers", "h5ad"]
    cited = [*_own_citations(result.method, reference), *(_CITATIONS[key] for key in known)]
    map_name = "t-SNE" if with_tsne else "UMAP"
    return (
        f"{result.n_obs:,} target cells{files} were clustered and annotated with sctl {result.version}, method "
        f"{title or result.method} ({setting_text}). {normalized}{''.join(corrections.values())}"
        f"{len(np.unique(result.clusters[result.clusters >= 0]))} clusters were found; {assigned:,} cells "
        f"({assigned / max(1, result.n_obs):.1%}) were given one of {len(result.label_names)} source types. "
        f"Cells are shown by {map_name} of their principal components. Marker genes were ranked by two-sided Wilcoxon "
        "rank-sum tests with tie correction, p-values adjusted by the method of Benjamini and Hochberg.\n\n"
        "References: " + "; ".join(cited) + "."
    )


def _own_citations(method: str, reference: str) -> list[str]:
    """Return what a method declares to be cited; nothing of one that is not installed."""
    kind = METHODS.get(method)
    declared = [] if kind is None else [kind.reference, *kind.citations]
    return [reference, *declared[1:]] if reference else declared


def _corrections(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence on each correction of expression that is on, by its key among the citations."""
    said = {}
    if settings.get("imputation", "none") == "magic":
        t, knn = settings.get("imputation_t", 3), settings.get("imputation_knn", 5)
        said["magic"] = (
            f"The highly variable genes of each dataset were imputed by the algorithm of MAGIC (t = {t}, {knn} nearest neighbours). "
        )
    if settings.get("batch_correction", "none") == "combat":
        said["combat"] = (
            "Differences between the datasets were removed from the highly variable genes by ComBat without covariates; negative values were set to 0. "
        )
    return said
