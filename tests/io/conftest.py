import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

GENES = [
    "TP53", "INS", "GCG", "SST", "MT-CO1", "C2orf68", "HLA-DQB1", "GAPDH", "ACTB", "CD3E", "CD19", "MS4A1", "NKG7", "LYZ",
]  # fmt: skip
CELLS = [f"AAACATACAAC{a}{b}{c}-1" for a in "ACGT" for b in "AC" for c in "AC"][:9]


@pytest.fixture
def small():
    """Nine cells of fourteen genes: counts, two thirds of them zero."""
    rng = np.random.default_rng(0)
    X = rng.poisson(3, size=(9, 14)) * (rng.random((9, 14)) < 0.33)
    X[0, 0] = 7
    return AnnData(sparse.csr_matrix(X, dtype=np.float32), obs=pd.DataFrame(index=CELLS), var=pd.DataFrame(index=GENES))
