"""A real, small pair that comes with sctl: human pancreas, two laboratories, two technologies."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

DESCRIPTION = (
    "Human pancreas. Source: 1,937 labelled cells of one donor, sequenced with inDrop (Baron et al. 2016). "
    "Target: 702 cells of three donors, one healthy and two with type 2 diabetes, sequenced with Smart-seq2 "
    "(Segerstolpe et al. 2016). The target's true types are kept aside, so that the answer can be checked."
)
CITATION = (
    "Baron et al. (2016), Cell Systems 3, 346, https://doi.org/10.1016/j.cels.2016.08.011, GEO GSE84133. "
    "Segerstolpe et al. (2016), Cell Metabolism 24, 593, https://doi.org/10.1016/j.cmet.2016.08.020, "
    "ArrayExpress E-MTAB-5061."
)


@dataclass(frozen=True)
class Demo:
    """The demo pair.

    Parameters
    ----------
    source : AnnData
        Raw counts (CSR, float32); ``obs["cell_type"]`` 13 types, ``obs["donor"]``.
    target : AnnData
        Raw counts (CSR, float32); ``obs["donor"]``, ``obs["disease"]``, no types.
    truth : Series
        True type of every target cell, by cell name, in the source's words: 6 of its 13 types.
    label_key : str
        Column of ``source.obs`` with the types.
    description, citation : str
        What it is, and whom to cite.
    """

    source: AnnData
    target: AnnData
    truth: pd.Series
    label_key: str
    description: str
    citation: str


def load_demo() -> Demo:
    """Load the demo pair from the package; nothing is downloaded.

    Returns
    -------
    Demo
        Made anew at every call, so it may be changed.

    Examples
    --------
    >>> demo = load_demo()
    >>> demo.source.shape, demo.target.shape
    ((1937, 6031), (702, 2000))
    """
    with as_file(files("sctl") / "resources" / "demo") as folder:
        source, target = (ad.read_h5ad(folder / f"{role}.h5ad") for role in ("source", "target"))
        truth: pd.Series = pd.read_csv(folder / "target_truth.csv", index_col="cell")["cell_type"]
    for adata in (source, target):
        adata.X = sparse.csr_matrix(adata.X, dtype=np.float32)
    return Demo(source, target, truth, "cell_type", DESCRIPTION, CITATION)
