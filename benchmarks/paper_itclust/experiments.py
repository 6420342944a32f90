"""Which experiments there are, and how each is read and prepared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.data import Pair
from sctl.errors import SctlWarning
from sctl.io import read
from sctl.preprocess import PreprocessParams, RoleParams, linearised, prepare_pair
from sctl.preprocess.variable import variable_genes
from sctl.run import Run
from sctl.workflow import repaired

Setting = Literal["trial", "app"]

LABEL, BATCH = "cell_type", "dataset"
RARE = ("epsilon", "mast", "macrophage", "quiescent_stellate", "schwann")
MAJOR = ("alpha", "beta", "gamma", "delta")
SAME_TYPE = {"T_cell": "t_cell"}  # the two species' files write it in two ways


@dataclass(frozen=True)
class Trial:
    """What the independent trial measured: accuracy, accuracy with names by majority, adjusted Rand index."""

    accuracy: float
    majority: float
    ari: float


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One source, one target, and what is done to them first.

    Parameters
    ----------
    about : str
        What it shows, for the table.
    source, target : tuple of str
        Files, without ending; several are put together on the genes they share, on a linear scale.
    removed : tuple of str
        Types that are taken out of the first source.
    efficiency : float
        Share of the source's counts that is kept on average.
    donors : tuple of str
        Donors of the target; all by default.
    trial : Trial, optional
    """

    about: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    removed: tuple[str, ...] = ()
    efficiency: float = 1.0
    donors: tuple[str, ...] = ()
    trial: Trial | None = field(default=None)


H1, H124, MOUSE, SEG, XIN = (
    "baron_human1", "baron_human124_hvg2000", "baron_mouse", "segerstolpe_hvg2000", "xin_scclassify",
)  # fmt: skip


def _thinned(efficiency: float, trial: Trial | None = None) -> Experiment:
    about = f"other donors, source at {efficiency:.0%}"
    return Experiment(
        about=about, source=(H1,), target=(H124,), donors=("human2", "human4"), efficiency=efficiency, trial=trial
    )


EXPERIMENTS: Mapping[str, Experiment] = {
    "h1_seg": Experiment(
        about="within species", source=(H1,), target=(SEG,), trial=Trial(0.976, 0.989, 0.956)
    ),
    "h1_xin": Experiment(
        about="within species", source=(H1,), target=(XIN,), trial=Trial(0.881, 0.967, 0.817)
    ),
    "h1_h24": Experiment(
        about="other donors", source=(H1,), target=(H124,), donors=("human2", "human4"),
        trial=Trial(0.914, 0.993, 0.916),
    ),
    "m_h1": Experiment(
        about="mouse to human", source=(MOUSE,), target=(H1,), trial=Trial(0.870, 0.874, 0.899)
    ),
    "m_xin": Experiment(
        about="mouse to human", source=(MOUSE,), target=(XIN,), trial=Trial(0.691, 0.898, 0.657)
    ),
    "m_seg": Experiment(
        about="mouse to human", source=(MOUSE,), target=(SEG,), trial=Trial(0.672, 0.761, 0.478)
    ),
    "h1_seg_droprare": Experiment(
        about="5 rare types removed", source=(H1,), target=(SEG,), removed=RARE, trial=Trial(0.984, 0.986, 0.957)
    ),
    "h1_seg_dropmajor": Experiment(
        about="4 major types removed", source=(H1,), target=(SEG,), removed=MAJOR, trial=Trial(0.104, 0.937, 0.665)
    ),
    "h1xin_seg_combined": Experiment(
        about="combined sources", source=(H1, XIN), target=(SEG,), removed=MAJOR, trial=Trial(0.979, 0.993, 0.953)
    ),
    "h1_segxin": Experiment(
        about="combined targets", source=(H1,), target=(SEG, XIN), trial=Trial(0.771, 0.988, 0.689)
    ),
    "h1_h24_e75": _thinned(0.75),
    "h1_h24_e50": _thinned(0.50),
    "h1_h24_e25": _thinned(0.25, Trial(0.926, 0.989, 0.928)),
    "h1_h24_e10": _thinned(0.10, Trial(0.902, 0.988, 0.899)),
    "5cl_drop": Experiment(
        about="cell lines, other protocol", source=("scmixology_celseq2_5cl",), target=("scmixology_dropseq",),
        trial=Trial(0.914, 1.000, 0.881),
    ),
}  # fmt: skip
"""Every experiment by name."""


def _withheld(name: str, *types: str) -> Experiment:
    """Return an experiment with types taken from its source that its target has."""
    return replace(EXPERIMENTS[name], about=f"{name} without {', '.join(types)}", removed=types, trial=None)


WITHHELD: Mapping[str, Experiment] = {
    "h1_seg_dropalpha": _withheld("h1_seg", "alpha"),
    "h1_seg_dropalphabeta": _withheld("h1_seg", "alpha", "beta"),
    "h1_xin_dropalpha": _withheld("h1_xin", "alpha"),
    "h1_xin_dropalphabeta": _withheld("h1_xin", "alpha", "beta"),
    "m_h1_dropbeta": _withheld("m_h1", "beta"),
    "m_seg_dropmajor": _withheld("m_seg", *MAJOR),
    "5cl_drop_droptwo": _withheld("5cl_drop", "H2228", "HCC827"),
}
"""Further ones, on what becomes of types that the source lacks; they run only where named."""


def experiment_of(name: str) -> Experiment:
    """Return an experiment of either kind."""
    return EXPERIMENTS[name] if name in EXPERIMENTS else WITHHELD[name]


def sides(name: str, folder: Path, seed: int = 0) -> tuple[AnnData, AnnData, pd.Series]:
    """Read an experiment as a user would have it.

    Parameters
    ----------
    name : str
    folder : Path
        Holds the files.
    seed : int
        Of the down-sampling, where there is one.

    Returns
    -------
    source : AnnData
        ``obs["cell_type"]``, ``obs["dataset"]``.
    target : AnnData
        ``obs["dataset"]`` alone.
    truth : Series
        True types of the target cells, by cell name.
    """
    experiment = experiment_of(name)
    first, *others = (_read(folder, file) for file in experiment.source)
    source = joined([_without(first, experiment.removed), *others])
    target = joined([_of_donors(_read(folder, file), experiment.donors) for file in experiment.target])
    if experiment.efficiency < 1:
        source = thinned(source, experiment.efficiency, Run(seed=seed))
    truth = target.obs[LABEL].astype(object)
    target.obs = target.obs[[BATCH]].copy()
    source, target, _ = repaired(source, target)
    return source, target, truth


@lru_cache(maxsize=1)
def prepared(name: str, folder: Path, setting: Setting = "trial", seed: int = 0) -> tuple[Pair, np.ndarray]:
    """Return the pair of an experiment, and the true types of its target cells.

    Parameters
    ----------
    name : str
    folder : Path
    setting : {"trial", "app"}
        "trial" is what the paper's package and the trial did: cells with at least 100 genes, genes in at
        least 10 cells, no mitochondrial genes or spike-ins, totals over all genes, and 500, 1,000 or 2,000
        variable genes of the target by its size. "app" is what the app does by default.
    seed : int
        Of the down-sampling; see :func:`seed_of`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SctlWarning)
        source, target, truth = sides(name, folder, seed)
        pair = as_trial(source, target) if setting == "trial" else prepare_pair(source, target, label_key=LABEL).pair
    return pair, truth.reindex(pair.target.obs_names).to_numpy(dtype=object)


def seed_of(name: str, seed: int) -> int:
    """Return the seed that the data of an experiment depend on: 0 where nothing is drawn."""
    return seed if experiment_of(name).efficiency < 1 else 0


def as_trial(source: AnnData, target: AnnData) -> Pair:
    """Prepare two sides as the trial did, see :func:`prepared`."""
    role = RoleParams(min_genes=100, min_cells=10)
    params = PreprocessParams(source=role, target=role, n_top_genes=None, normalize_on="all")
    pair = prepare_pair(_nuclear(source), _nuclear(target), params, label_key=LABEL).pair
    marks = variable_genes([pair.target.X], n_variable(pair.target.n_obs))
    for side in (pair.source, pair.target):
        for column in marks:
            side.var[column] = marks[column].to_numpy()
    return pair


def n_variable(n_target: int) -> int:
    """Return how many variable genes the paper's package takes for a target of this size."""
    return 500 if n_target <= 1500 else 1000 if n_target <= 3000 else 2000


def joined(parts: list[AnnData]) -> AnnData:
    """Put datasets together on the genes they share; one alone stays as it is."""
    if len(parts) == 1:
        return parts[0]
    linear = [linearised(part) for part in parts]
    return ad.concat([AnnData(X=part.X, obs=part.obs[[LABEL, BATCH]], var=part.var[[]]) for part in linear])


def thinned(adata: AnnData, efficiency: float, run: Run) -> AnnData:
    """Draw counts anew at a lower efficiency, by the paper's recipe.

    A count is Poisson with mean ``τ λ``: ``λ`` is the count that was seen, ``τ`` the efficiency of the cell,
    Gamma with shape 10 and mean ``efficiency``.
    """
    rng = run.rng("thin")
    counts = sparse.csr_matrix(adata.X, dtype=np.float64, copy=True)
    tau = rng.gamma(10.0, efficiency / 10.0, size=adata.n_obs)
    counts.data = rng.poisson(np.repeat(tau, np.diff(counts.indptr)) * counts.data).astype(np.float64)
    counts.eliminate_zeros()
    return AnnData(X=counts.astype(np.float32), obs=adata.obs.copy(), var=adata.var.copy())


def _read(folder: Path, file: str) -> AnnData:
    adata = read(folder / f"{file}.h5ad")
    types = adata.obs[LABEL].astype(str).replace(SAME_TYPE)
    columns = {LABEL: types, BATCH: file, **({"donor": adata.obs["donor"].astype(str)} if "donor" in adata.obs else {})}
    adata.obs = pd.DataFrame(columns, index=adata.obs_names)
    return adata


def _without(adata: AnnData, types: tuple[str, ...]) -> AnnData:
    return adata[~adata.obs[LABEL].isin(types)].copy() if types else adata


def _of_donors(adata: AnnData, donors: tuple[str, ...]) -> AnnData:
    return adata[adata.obs["donor"].isin(donors)].copy() if donors else adata


def _nuclear(adata: AnnData) -> AnnData:
    """Leave out mitochondrial genes and spike-ins, as the paper's package does."""
    return adata[:, ~adata.var_names.str.upper().str.startswith(("MT-", "ERCC-"))].copy()
