"""Write the demo that sctl ships: ``python scripts/make_demo.py FOLDER``.

FOLDER holds the two downloads as .h5ad with raw counts in ``X``: ``baron_human1.h5ad`` (GEO GSE84133, donor 1)
and ``segerstolpe_hvg2000.h5ad`` (ArrayExpress E-MTAB-5061, 2,000 genes), both with the columns
``cell_type_harmonised`` and ``donor``. Running it again gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

OUT = Path(__file__).resolve().parent.parent / "sctl" / "resources" / "demo"
MIN_CELLS = 200  # rarer genes of the source are left out unless the target has them: 8 MB become 4


def main(folder: Path) -> None:
    """Read the downloads and write source, target and truth."""
    source = ad.read_h5ad(folder / "baron_human1.h5ad")
    target = ad.read_h5ad(folder / "segerstolpe_hvg2000.h5ad")
    OUT.mkdir(parents=True, exist_ok=True)
    n_cells = np.asarray((source.X > 0).sum(axis=0)).ravel()
    genes = (n_cells >= MIN_CELLS) | source.var_names.isin(target.var_names)
    source = source[:, genes]
    # Compressed sparse columns of small integers, shuffled, pack best; loading makes rows of them again.
    write(
        sparse.csc_matrix(source.X, dtype=np.uint16),
        pd.DataFrame(
            {"cell_type": category(source.obs["cell_type_harmonised"]), "donor": category(source.obs["donor"])},
            index=source.obs_names,
        ),
        source.var_names,
        OUT / "source.h5ad",
    )
    write(
        target.X.toarray().astype(np.uint32),
        pd.DataFrame(
            {"donor": category(target.obs["donor"]), "disease": category(target.obs["disease"])}, index=target.obs_names
        ),
        target.var_names,
        OUT / "target.h5ad",
    )
    truth = target.obs["cell_type_harmonised"].astype(str).rename("cell_type")
    truth.to_csv(OUT / "target_truth.csv", index_label="cell", lineterminator="\n")
    for path in sorted(OUT.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


def category(values: pd.Series) -> pd.Categorical:
    """Return the values as categories in alphabetical order."""
    return pd.Categorical(values.astype(str))


def write(values: object, obs: pd.DataFrame, genes: pd.Index, path: Path) -> None:
    """Write one dataset, packed as tightly as .h5ad allows."""
    adata = ad.AnnData(X=values, obs=obs, var=pd.DataFrame(index=genes))
    packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
    with h5py.File(path, "w") as file:
        ad.io.write_elem(file, "/", adata, dataset_kwargs=packing)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
