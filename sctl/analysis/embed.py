"""Maps of cells: principal components, UMAP, t-SNE, of the target alone or of source and target together.

McInnes et al. (2018), "UMAP", arXiv:1802.03426; van der Maaten & Hinton (2008), "Visualizing data using
t-SNE", JMLR 9:2579; Poličar et al. (2024), "openTSNE", J. Stat. Softw. 109(3).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sctl.analysis.components import pca, require_cells, side_scores
from sctl.data import Pair
from sctl.run import Run
from sctl.typing import Floats, Ints, Matrix

Kind = Literal["umap", "tsne", "pca"]

_ITERATIONS = (250, 500)  # of t-SNE: early exaggeration, then without (openTSNE's defaults)
_EXAGGERATION = 12
_FEW_CELLS = (4, 50.0)
"""Exaggeration and learning rate of t-SNE where a third of the cells are fewer than the perplexity: with openTSNE's own
(12, and a rate of a twelfth of the cells) every cell attracts every other, and 30 cells or fewer end in one point."""


@dataclass(frozen=True)
class JointEmbedding:
    """Source and target cells on one map.

    Parameters
    ----------
    source_index : ndarray of shape (n_shown,)
        Which cells of the source are shown, ascending.
    source : ndarray of shape (n_shown, 2)
    target : ndarray of shape (n_target, 2)
    """

    source_index: Ints
    source: Floats
    target: Floats


def umap(pcs: Floats, run: Run | None = None, *, n_neighbors: int = 15, min_dist: float = 0.3) -> Floats:
    """UMAP of cells given by their principal components.

    Parameters
    ----------
    pcs : ndarray of shape (n_obs, n_components)
    run : Run, optional
    n_neighbors : int
        Neighbours that hold a cell in its place, itself included; at most ``n_obs - 1``.
    min_dist : float
        How closely cells may be packed, in map units.

    Returns
    -------
    ndarray of shape (n_obs, 2)

    Raises
    ------
    DataError
        If there are fewer than 3 cells.
    Cancelled
        If the run was stopped before it began; the layout itself cannot be interrupted.

    Notes
    -----
    Neighbours are exact, and the start is the first two components: faster than the package's
    approximate search and spectral start at these sizes, and the same on every machine.
    """
    run = run or Run()
    require_cells(len(pcs))
    run.report("UMAP", 0, 1)
    # imported here: loading umap-learn takes seconds, which no other page should pay
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)  # nor needed
        from umap import UMAP  # noqa: PLC0415 - as said

    n_neighbors = max(2, min(n_neighbors, len(pcs) - 1))
    data = np.ascontiguousarray(pcs, dtype=np.float32)
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(data)
    distances, neighbors = search.kneighbors(data)
    layout = UMAP(
        n_neighbors=n_neighbors,
        min_dist=min_dist,
        init=_start(data),
        random_state=run.random_state("umap"),
        n_jobs=1,
        precomputed_knn=(neighbors, distances, None),
    )
    with warnings.catch_warnings():
        # placing further cells into the map is not needed, so the search index is not given
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\] \(knn_search_index\)", category=UserWarning)
        coords = layout.fit_transform(data)
    run.report("UMAP", 1, 1)
    return np.asarray(coords, dtype=np.float64)


def tsne(pcs: Floats, run: Run | None = None, *, perplexity: float = 30.0) -> Floats:
    """t-SNE of cells given by their principal components.

    Parameters
    ----------
    pcs : ndarray of shape (n_obs, n_components)
    run : Run, optional
        Progress is reported, and Stop heeded, every 25 iterations.
    perplexity : float
        Roughly, how many neighbours a cell attends to; at most ``(n_obs - 1) / 3``. Where that is less, cells are also
        drawn together less at first.

    Returns
    -------
    ndarray of shape (n_obs, 2)

    Raises
    ------
    DataError
        If there are fewer than 3 cells.
    Cancelled
        If the run was stopped.
    """
    run = run or Run()
    require_cells(len(pcs))
    import openTSNE  # noqa: PLC0415 - here, so that a page without a map does not load it

    data = np.ascontiguousarray(pcs, dtype=np.float64)
    total = sum(_ITERATIONS)
    done = 0

    def report(iteration: int, _error: float, _embedding: Any) -> None:
        run.report("t-SNE", min(done + iteration, total), total)

    run.report("t-SNE", 0, total)
    most = (len(data) - 1) / 3
    early, rate = (_EXAGGERATION, "auto") if perplexity <= most else _FEW_CELLS
    affinities = openTSNE.affinity.PerplexityBasedNN(
        data, perplexity=max(1.0, min(perplexity, most)), method="exact", n_jobs=1
    )
    layout = openTSNE.TSNEEmbedding(
        _small_start(data, run),
        affinities,
        negative_gradient_method="bh" if len(data) < 10_000 else "fft",  # the interpolation pays off beyond
        n_jobs=1,  # sums in another order give another map
        learning_rate=rate,
        callbacks=report,
        callbacks_every_iters=25,
    )
    for iterations, exaggeration, momentum in zip(_ITERATIONS, (early, 1), (0.5, 0.8), strict=True):
        layout = layout.optimize(n_iter=iterations, exaggeration=exaggeration, momentum=momentum)
        done += iterations
    run.report("t-SNE", total, total)
    return np.asarray(layout, dtype=np.float64)


def embedding(X: Matrix, run: Run | None = None, kind: Kind = "umap") -> Floats:  # noqa: N803 - a matrix
    """Map cells from their expression in one call.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression, best of the highly variable genes only.
    run : Run, optional
    kind : {"umap", "tsne", "pca"}

    Returns
    -------
    ndarray of shape (n_obs, 2)
    """
    run = run or Run()
    return _layout(pca(X, run=run), run, kind)


@dataclass(frozen=True)
class JointScores:
    """Source and target in one space of principal components, from which any map of both follows.

    Parameters
    ----------
    source_index : ndarray of shape (n_shown,)
        Positions of the source cells shown.
    scores : ndarray of shape (n_shown + n_target, n_components)
        The source's cells first.
    """

    source_index: Ints
    scores: Floats

    def layout(self, run: Run | None = None, kind: Kind = "umap") -> JointEmbedding:
        """Draw a map of these scores."""
        coords = _layout(self.scores, run or Run(), kind)
        n_shown = len(self.source_index)
        return JointEmbedding(self.source_index, coords[:n_shown], coords[n_shown:])


def joint_scores(
    pair: Pair, run: Run | None = None, *, max_source: int = 3_000, center_each: bool = True
) -> JointScores:
    """Principal components of source and target, by their shared highly variable genes, scaled to unit length.

    Parameters
    ----------
    pair : Pair
    run : Run, optional
    max_source : int
        Of a larger source this many cells are shown, drawn alike from every label.
    center_each : bool
        Whether each side is centred on its own, which takes out most of what the protocols differ by.

    Returns
    -------
    JointScores

    Raises
    ------
    DataError
        If there are fewer than 3 cells.

    Notes
    -----
    A map of them is a picture, not an alignment: cells of a type come near each other where protocols allow it. Measured as
    the share of source cells among a target cell's 30 neighbours, relative to the source's share of its
    type (1 = mixed), centring each side on its own gives 0.08 against 0.01 for centring both together on
    Baron → Segerstolpe, 0.33 against 0.00 on Baron → Xin, and 0.92 against 0.47 on CEL-seq2 → Drop-seq
    cell lines; 96, 95 and 100 % of the neighbours are of the cell's type. Unit length of the components'
    scores raises the accuracy of a neighbour vote from 0.85 to 0.93 on the first. Where the two sides hold
    very different shares of the types, own centres blur them (0.99 for common centring on the first).
    """
    run = run or Run()
    shown = _shown_source(pair, max_source, run)
    genes = _variable_genes(pair)
    both = sparse.vstack([sparse.csr_matrix(pair.source.X[shown][:, genes]), pair.target.X[:, genes]], format="csr")
    sides = np.repeat([0, int(center_each)], [len(shown), pair.target.n_obs])
    scores = side_scores(both, sides, 50, run=run)
    length = np.linalg.norm(scores, axis=1, keepdims=True)
    return JointScores(shown, scores / np.where(length > 0, length, 1.0))


def warm_up() -> None:
    """Load and compile what UMAP needs, on a few made-up cells.

    The very first call on a machine takes some 20 s, the first in a process some 6 s; called while
    something else goes on (after installing, or while a job waits), the user does not notice.
    """
    umap(np.random.default_rng(0).normal(size=(40, 5)))


def _layout(scores: Floats, run: Run, kind: Kind) -> Floats:
    if kind == "umap":
        return umap(scores, run)
    if kind == "tsne":
        return tsne(scores, run)
    return _start(scores)


def _start(scores: Floats) -> Floats:
    """Return the first two components; a missing second one is zero: shape (n_obs, 2)."""
    return np.column_stack([scores[:, :2], np.zeros((len(scores), max(0, 2 - scores.shape[1])))])


def _small_start(scores: Floats, run: Run) -> Floats:
    """Return the start of a t-SNE: small, as the method asks, and never a single point."""
    start = _start(scores)
    spread = start[:, 0].std()
    return start * (1e-4 / spread) if spread > 0 else run.rng("t-SNE").normal(scale=1e-4, size=start.shape)


def _variable_genes(pair: Pair) -> NDArray[np.intp]:
    """Return the genes to compare cells by: the highly variable ones, or all where none are marked."""
    marked = pair.source.var.get("highly_variable", pd.Series(data=False, index=pair.source.var_names))
    genes = np.flatnonzero(marked.to_numpy(dtype=bool))
    return genes if len(genes) >= 2 else np.arange(pair.source.n_vars)


def _shown_source(pair: Pair, most: int, run: Run) -> Ints:
    """Choose at most ``most`` source cells, the same share of every label but at least one of each."""
    n_source = pair.source.n_obs
    if n_source <= most:
        return np.arange(n_source)
    groups = pair.labels.codes if pair.label_key else np.zeros(n_source, dtype=np.int64)
    rng = run.rng("joint embedding")
    # position of a cell within its (shuffled) label, as a share: the smallest shares are taken first
    order = rng.permutation(n_source)
    shuffled = pd.Series(groups[order])
    position = shuffled.groupby(shuffled).cumcount().to_numpy()
    share = position / shuffled.map(shuffled.value_counts()).to_numpy()
    return np.sort(order[np.argsort(share, kind="stable")[:most]])
