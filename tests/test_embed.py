from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from sctl.analysis.components import pca
from sctl.analysis.embed import embedding, joint_scores, tsne, umap
from sctl.data import Pair
from sctl.errors import Cancelled, DataError
from sctl.run import Run


@pytest.fixture
def blobs(rng):
    """90 cells in 3 groups far apart, in 10 dimensions."""
    centres = rng.normal(scale=12, size=(3, 10))
    groups = np.repeat([0, 1, 2], 30)
    return centres[groups] + rng.normal(size=(90, 10)), groups


@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (400, 300), (300, 400)])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_pca_equals_scikit_learn_up_to_sign(rng, shape, as_sparse):
    X = np.where(rng.random(shape) < 0.3, rng.random(shape), 0) * np.linspace(1, 5, shape[1])
    ours = pca(sparse.csr_matrix(X) if as_sparse else X, n_components=8)
    theirs = PCA(8, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-7, atol=1e-8)


def test_pca_sign_does_not_depend_on_the_seed_or_storage(rng):
    X = rng.random((300, 250))
    np.testing.assert_allclose(pca(X, 5, Run(seed=0)), pca(sparse.csc_matrix(X), 5, Run(seed=9)), atol=1e-8)


def test_pca_never_asks_for_more_components_than_there_are(rng):
    assert pca(rng.random((5, 100))).shape == (5, 4)
    assert pca(rng.random((100, 3))).shape == (100, 2)


@pytest.mark.parametrize("shape", [(20, 10), (200, 200)])
def test_pca_of_cells_all_alike_is_zero(shape):
    np.testing.assert_allclose(pca(np.full(shape, 3.0), 2), 0, atol=1e-9)


@pytest.mark.parametrize("method", [pytest.param(umap, marks=pytest.mark.slow), tsne])  # UMAP compiles itself
def test_groups_far_apart_stay_apart_on_the_map(blobs, method):
    pcs, groups = blobs
    coords = method(pcs)
    assert coords.shape == (90, 2)
    assert KNeighborsClassifier(5).fit(coords[::2], groups[::2]).score(coords[1::2], groups[1::2]) == 1


@pytest.mark.parametrize("method", [umap, tsne])
def test_same_seed_same_map_and_input_untouched(blobs, method):
    pcs, _ = blobs
    before = pcs.copy()
    np.testing.assert_array_equal(method(pcs, Run(seed=3)), method(pcs, Run(seed=3)))
    np.testing.assert_array_equal(pcs, before)


@pytest.mark.parametrize("method", [umap, tsne])
@pytest.mark.parametrize("n_obs", [3, 4, 5, 14])
def test_few_cells_have_a_map_too(rng, method, n_obs):
    coords = method(rng.normal(size=(n_obs, 2)))
    assert coords.shape == (n_obs, 2)
    assert np.isfinite(coords).all()


@pytest.mark.parametrize("method", [umap, tsne])
@pytest.mark.parametrize("n_obs", [4, 5, 12, 30])
@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_map_of_few_cells_distances_follow(method, n_obs, seed):
    """Cells on a ring of random widths, in twenty dimensions."""
    rng = np.random.default_rng(seed)
    angle = rng.permutation(np.linspace(0, 2 * np.pi, n_obs, endpoint=False))
    ring = np.column_stack([9 * np.cos(angle), 6 * np.sin(angle)]) * rng.uniform(0.7, 1.3, size=(n_obs, 1))
    pcs = pca(np.hstack([ring, rng.normal(size=(n_obs, 18))]))
    coords = method(pcs)
    assert np.ptp(coords, axis=0).min() > 0.1
    assert np.corrcoef(pdist(coords), pdist(pcs))[0, 1] > 0.3


@pytest.mark.parametrize("n_obs", [5, 12, 40])
def test_tsne_of_cells_all_alike_is_finite(n_obs):
    assert np.isfinite(tsne(np.zeros((n_obs, 4)))).all()


@pytest.mark.parametrize("method", [pca, umap, tsne])
def test_two_cells_have_none(rng, method):
    with pytest.raises(DataError, match="only 2 cells"):
        method(rng.normal(size=(2, 5)))


def test_one_component_is_enough(rng):
    assert embedding(rng.random((20, 2)), kind="pca").shape == (20, 2)
    assert np.isfinite(embedding(rng.random((20, 2)), kind="tsne")).all()


def test_tsne_stops_when_asked(blobs):
    steps = []

    def asked() -> bool:
        return len(steps) > 3

    with pytest.raises(Cancelled):
        tsne(blobs[0], Run(listener=steps.append, cancelled=asked))
    assert steps[-1].done < steps[-1].total


def test_joint_map_holds_every_target_cell_and_mixes_types(pair):
    joint = joint_scores(pair).layout(kind="tsne")
    assert joint.target.shape == (pair.target.n_obs, 2)
    assert joint.source.shape == (pair.source.n_obs, 2)
    truth = pair.target.obs["cell_type"].astype(str)
    vote = KNeighborsClassifier(7).fit(joint.source, np.asarray(pair.labels))
    assert vote.score(joint.target, truth) > 0.9


def test_own_centres_take_out_a_shift_between_protocols(pair):
    shifted = pair.target.copy()
    shifted.X = sparse.csr_matrix(shifted.X.toarray() + np.linspace(0, 3, shifted.n_vars, dtype=np.float32))
    moved = dataclasses.replace(pair, target=shifted)

    def gap(center_each: bool) -> float:
        joint = joint_scores(moved, center_each=center_each).layout(kind="pca")
        spread = joint.source.std()
        return float(np.linalg.norm(joint.source.mean(axis=0) - joint.target.mean(axis=0)) / spread)

    assert gap(center_each=True) < 0.5 < gap(center_each=False)


def test_large_source_is_thinned_alike_in_every_label(pair):
    joint = joint_scores(pair, Run(seed=1), max_source=50).layout(kind="pca")
    shown = np.asarray(pair.labels)[joint.source_index]
    assert len(shown) == 50
    assert (np.diff(joint.source_index) > 0).all()
    shares = {name: (np.asarray(pair.labels) == name).mean() for name in pair.labels.categories}
    for name, share in shares.items():
        assert (shown == name).mean() == pytest.approx(share, abs=0.04)


def test_pair_without_labels_or_variable_genes_has_a_joint_map(pair):
    source, target = pair.source.copy(), pair.target.copy()
    del source.var["highly_variable"]
    plain = Pair(source=source, target=target, label_key=None)
    assert joint_scores(plain, max_source=20).layout(kind="pca").source.shape == (20, 2)
