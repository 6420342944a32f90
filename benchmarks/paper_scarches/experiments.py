"""Which experiments there are, and how each is read and prepared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.errors import SctlWarning
from sctl.io import read
from sctl.numerics.normalize import log_normalized
from sctl.preprocess import linearised
from sctl.preprocess.variable import variable_genes
from sctl.workflow import repaired

TYPE, STUDY = "type", "study"
MOST_GENES = 2000
"""Of more shared genes than this, the most variable of the reference are used."""
N_BEFORE = 20
"""Principal components of a target alone, whose neighbourhoods a good space keeps."""


@dataclass(frozen=True)
class Part:
    """Cells of one file: of some of its donors, or of all. Donors that are named are datasets of their own."""

    file: str
    donors: tuple[str, ...] = ()
    label: str = "cell_type_harmonised"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A reference, and targets that are mapped onto it one after the other.

    Parameters
    ----------
    about : str
        What it shows.
    reference, targets : tuple of Part
    removed : tuple of str
        Types that are taken out of the reference.
    sizes : tuple of int
        The target is mapped again with so many of its cells, drawn at random.
    genes_of : tuple of str
        Genes must be in these files as well, so that experiments can be compared.
    told : bool
        Whether the reference has the types of the targets alone, as if it were known which they are.
    baseline : float, optional
        Accuracy of logistic regression that was told which types occur on both sides.
    """

    about: str
    reference: tuple[Part, ...]
    targets: tuple[Part, ...]
    removed: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    genes_of: tuple[str, ...] = ()
    told: bool = False
    baseline: float | None = None


H1, H124, MOUSE, SEG, XIN, ZHENG, PBMC = (
    "baron_human1", "baron_human124_hvg2000", "baron_mouse", "segerstolpe_hvg2000", "xin_scclassify",
    "zheng_sorted_pbmc2140", "pbmc3k_seurat",
)  # fmt: skip


def _donors(*numbers: int) -> Part:
    return Part(H124, tuple(f"human{number}" for number in numbers))


def _lines(file: str) -> Part:
    return Part(f"scmixology_{file}", label="cell_type")


def _studies(*files: str) -> Experiment:
    about = f"{len(files)} reference stud{'y' if len(files) == 1 else 'ies'}, genes of all four"
    return Experiment(
        about=about, reference=tuple(map(Part, files)), targets=(Part(SEG),), genes_of=(H1, MOUSE, XIN, SEG)
    )


def _without(*types: str) -> Experiment:
    return Experiment(
        about=f"no {' and '.join(types)} in the reference",
        reference=(_donors(1, 2),), targets=(_donors(4), Part(SEG)), removed=types,
    )  # fmt: skip


EXPERIMENTS: Mapping[str, Experiment] = {
    "h12_h4": Experiment(about="another donor", reference=(_donors(1, 2),), targets=(_donors(4),)),
    "h124_seg": Experiment(
        about="another study", reference=(_donors(1, 2, 4),), targets=(Part(SEG),), baseline=0.993
    ),
    "h1_seg": Experiment(about="another study", reference=(Part(H1),), targets=(Part(SEG),), baseline=0.885),
    "h1_xin": Experiment(about="another study", reference=(Part(H1),), targets=(Part(XIN),), baseline=0.967),
    "h1_xin_told": Experiment(
        about="the same, told which types Xin has", reference=(Part(H1),), targets=(Part(XIN),), told=True, baseline=0.967
    ),
    "m_h1": Experiment(about="mouse to human", reference=(Part(MOUSE),), targets=(Part(H1),), baseline=0.835),
    "h1_m": Experiment(about="human to mouse", reference=(Part(H1),), targets=(Part(MOUSE),), baseline=0.869),
    "m_seg": Experiment(about="mouse to human", reference=(Part(MOUSE),), targets=(Part(SEG),), baseline=0.531),
    "zheng_pbmc": Experiment(
        about="blood, sorted to unsorted", reference=(Part(ZHENG),), targets=(Part(PBMC),), baseline=0.721
    ),
    "lines3": Experiment(
        about="three cell lines", reference=(_lines("celseq2"),), targets=(_lines("dropseq"),), baseline=1.0
    ),
    "lines5": Experiment(
        about="five cell lines, of which the target has three",
        reference=(_lines("celseq2_5cl"),), targets=(_lines("10x_894genes"),), baseline=1.0,
    ),
    "no_alpha": _without("alpha"),
    "no_alpha_gamma": _without("alpha", "gamma"),
    "donors_1": Experiment(about="1 reference donor", reference=(_donors(1),), targets=(Part(SEG),)),
    "donors_2": Experiment(about="2 reference donors", reference=(_donors(1, 2),), targets=(Part(SEG),)),
    "studies_1": _studies(H1),
    "studies_2": _studies(H1, MOUSE),
    "studies_3": _studies(H1, MOUSE, XIN),
    "sizes": Experiment(
        about="fewer cells of the target", reference=(Part(SEG),), targets=(Part(H124),), sizes=(100, 300, 1000),
        baseline=0.936,
    ),
}  # fmt: skip
"""Every experiment by name."""


@dataclass(frozen=True)
class Task:
    """What methods are given, and what they are judged by.

    Parameters
    ----------
    reference : AnnData
        ``obs["type"]``, ``obs["study"]``; ``X`` logarithms of normalised expression, ``layers["counts"]`` where known.
    targets : tuple of AnnData
        ``obs["study"]`` alone.
    truths : tuple of ndarray
        True types of each target's cells.
    before : tuple of ndarray
        Principal components of each target alone.
    """

    reference: AnnData
    targets: tuple[AnnData, ...]
    truths: tuple[np.ndarray, ...]
    before: tuple[np.ndarray, ...]


@lru_cache(maxsize=1)
def prepared(name: str, folder: Path) -> Task:
    """Read an experiment: orthologs, shared genes, 10,000 a cell over them, logarithms, variable genes of the reference."""
    experiment = EXPERIMENTS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SctlWarning)
        references, targets, others = _named_alike(experiment, folder)
    shared = _shared([*references, *targets, *others])
    references, targets = ([_logs(side[:, shared]) for side in sides] for sides in (references, targets))
    marks = variable_genes([side.X for side in references], MOST_GENES)["highly_variable"].to_numpy()
    reference = ad.concat(references)[:, marks]
    unseen = set(reference.obs[TYPE]).difference(*(side.obs[TYPE] for side in targets)) if experiment.told else set()
    reference = reference[~reference.obs[TYPE].isin(unseen.union(experiment.removed))].copy()
    targets = [side[:, marks].copy() for side in targets]
    truths = tuple(side.obs[TYPE].to_numpy(dtype=object) for side in targets)
    for side in targets:
        side.obs = side.obs[[STUDY]].copy()
    return Task(reference, tuple(targets), truths, tuple(map(_components, targets)))


def _named_alike(experiment: Experiment, folder: Path) -> tuple[list[AnnData], list[AnnData], list[AnnData]]:
    """Return reference, targets, and other files whose genes count, with the gene names of one species."""
    references = [_read(folder, part) for part in experiment.reference]
    targets = [_read(folder, part) for part in experiment.targets]
    parts = {part.file for part in (*experiment.reference, *experiment.targets)}
    others = [_read(folder, Part(file)) for file in experiment.genes_of if file not in parts]
    if MOUSE not in {*parts, *experiment.genes_of}:
        return references, targets, others
    anchor = targets[0]
    renamed = []
    for side in (*references, *others):
        side, anchor, _ = repaired(side, anchor)  # noqa: PLW2901 - the repaired one takes its place
        renamed.append(side)
    return renamed[: len(references)], [anchor, *targets[1:]], renamed[len(references) :]


def _read(folder: Path, part: Part) -> AnnData:
    adata = read(folder / f"{part.file}.h5ad")
    if part.donors:
        adata = adata[adata.obs["donor"].isin(part.donors)].copy()
    names = [f"{part.file} {'-'.join(part.donors)} {place}" for place in range(adata.n_obs)]
    study = adata.obs["donor"].astype(str).to_numpy() if part.donors else part.file
    types = adata.obs[part.label].astype(str).to_numpy()
    adata.obs = pd.DataFrame({TYPE: types, STUDY: study}, index=names)
    return adata


def _shared(sides: list[AnnData]) -> pd.Index:
    genes: pd.Index = sides[0].var_names
    for side in sides[1:]:
        genes = genes.intersection(side.var_names, sort=False)
    return genes


def _logs(adata: AnnData) -> AnnData:
    linear = linearised(adata)
    out = AnnData(log_normalized(linear.X), obs=adata.obs.copy(), var=pd.DataFrame(index=adata.var_names))
    if np.array_equal(adata.X.data, np.round(adata.X.data)):  # counts; other values can only be rebuilt as they are
        out.layers["counts"] = adata.X.copy()
    return out


def _components(adata: AnnData) -> np.ndarray:
    from sklearn.decomposition import PCA  # noqa: PLC0415 - as in the package

    X = adata.X.toarray()
    return np.asarray(PCA(min(N_BEFORE, *X.shape), svd_solver="randomized", random_state=0).fit_transform(X))
