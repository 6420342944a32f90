"""The real pairs: which files, which label column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import Pair
from sctl.io import read
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.workflow import repaired


@dataclass(frozen=True)
class RealPair:
    """A labelled source and target; the target's labels are only for counting what was right."""

    source: str
    target: str
    label_key: str = "cell_type_harmonised"

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.source} → {self.target}"

    def load(self, folder: Path) -> tuple[AnnData, AnnData, pd.Series]:
        """Return source, target without labels, and the target's true types."""
        source, target = read(folder / f"{self.source}.h5ad"), read(folder / f"{self.target}.h5ad")
        truth = target.obs[self.label_key].astype(object)
        target.obs = pd.DataFrame(index=target.obs_names)
        source, target, _ = repaired(source, target)
        return source, target, truth

    def prepared(self, folder: Path, params: PreprocessParams | None = None) -> tuple[Pair, np.ndarray]:
        """Return the pair as `sctl run` would make it, and the true types of its target cells."""
        source, target, truth = self.load(folder)
        pair = prepare_pair(source, target, params, label_key=self.label_key).pair
        return pair, truth.reindex(pair.target.obs_names).to_numpy(dtype=object)


PAIRS = (
    RealPair("baron_human1", "segerstolpe_hvg2000"),
    RealPair("baron_human124_hvg2000", "segerstolpe_hvg2000"),
    RealPair("segerstolpe_hvg2000", "baron_human124_hvg2000"),
    RealPair("baron_human1", "xin_scclassify"),
    RealPair("baron_mouse", "baron_human1"),
    RealPair("baron_human1", "baron_mouse"),
    RealPair("baron_mouse", "segerstolpe_hvg2000"),
    RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"),
    RealPair("scmixology_celseq2", "scmixology_dropseq", "cell_type"),
    RealPair("scmixology_celseq2_5cl", "scmixology_10x_894genes", "cell_type"),
)
