"""A sweep with genes that the source lacks, against the mixed matrix formed on purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse, stats
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf

from sctl.errors import ParameterError
from sctl.methods.transfercluster import preparation as preparing
from sctl.methods.transfercluster.alignment import kernel_target_alignment
from sctl.methods.transfercluster.kernels import rebuilding_weights
from sctl.methods.transfercluster.preparation import prepare_sweep, with_target_only_genes
from sctl.methods.transfercluster.sc3 import Sc3, sc3
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.run import Run

THETAS = (0.0, 0.4, 1.0)
STEPS = ("hard", "soft", "hard_optimised")


@pytest.fixture
def data(rng):
    """Target cells of three types in 60 shared and 30 own genes, and the source's profiles of the shared ones."""
    types = rng.integers(3, size=45)
    profiles = rng.gamma(1.0, size=(3, 90)) * (rng.random((3, 90)) > 0.4)
    X = np.maximum(profiles[types] + rng.normal(0.0, 0.5, size=(45, 90)), 0.0)
    H = profiles[:, :60] * 1.3 + 0.2
    return X[:, :60], X[:, 60:], H


def joined(data, mode, *, target_step="hard", settings=None, n_nulls=0):
    X, own, H = data
    sweep = prepare_sweep(
        sparse.csr_matrix(X), H, ["a", "b", "c"], n_clusters=3, target_step=target_step, settings=settings,
        n_nulls=n_nulls, run=Run(seed=3),
    )  # fmt: skip
    return with_target_only_genes(sweep, sparse.csr_matrix(own), mode)


def mixed(data, sweep, theta, mode, target_step="hard"):
    """The mixed cells, with the covariance learned from the cells that are clustered."""
    X, own, H = data
    Q, M = H @ H.T, H @ X.T
    W = rebuilding_weights(target_step, sweep.loadings, Q, M)
    R = H[sweep.z] if W is None else W @ H
    moved = 0.0
    if mode == "covariance":
        learned = np.arange(len(X)) if sweep.landmarks is None else sweep.landmarks
        shrunken = LedoitWolf().fit(X[learned])
        centred = X[learned] - X[learned].mean(axis=0)
        between = centred.T @ own[learned] / len(learned)
        B = np.linalg.solve(shrunken.covariance_, (1.0 - shrunken.shrinkage_) * between)
        moved = (R - X - (R - X)[learned].mean(axis=0)) @ B
    return np.hstack([(1 - theta) * X + theta * R, own + theta * moved])


@pytest.mark.parametrize("mode", ["constant", "covariance"])
@pytest.mark.parametrize("target_step", STEPS)
@pytest.mark.parametrize("theta", THETAS)
def test_kernels_and_distances(data, mode, target_step, theta):
    sweep = joined(data, mode, target_step=target_step)
    Y = mixed(data, sweep, theta, mode, target_step)
    np.testing.assert_allclose(sweep.kernels.gram(theta), Y @ Y.T, rtol=1e-9)
    np.testing.assert_allclose(sweep.kernels.squared_distances(theta), cdist(Y, Y, "sqeuclidean"), atol=1e-8)
    np.testing.assert_allclose(sweep.kernels.correlation_distances(theta), 1 - np.corrcoef(Y), atol=1e-10)


@pytest.mark.parametrize("mode", ["constant", "covariance"])
def test_scores_and_clusters_are_those_of_all_genes(data, mode):
    sweep, theta = joined(data, mode), 0.4
    point = sweep.at(theta)
    Y = mixed(data, sweep, theta, mode)
    own = np.hstack(data[:2])
    expected = sc3([1 - np.corrcoef(Y)], 3, Sc3(), Run(seed=3).rng("SC3 at θ = 0.400000"))
    np.testing.assert_array_equal(point.clusters, expected.clusters)
    np.testing.assert_allclose(point.kta, kernel_target_alignment(Y @ Y.T, point.clusters), rtol=1e-9)
    np.testing.assert_allclose(point.target_kta, kernel_target_alignment(own @ own.T, point.clusters), rtol=1e-9)


@pytest.mark.parametrize("mode", ["constant", "covariance"])
def test_ranks(data, mode):
    sweep = joined(data, mode, settings=Sc3(distances=("spearman",)))
    Y = mixed(data, sweep, 0.4, mode)
    expected = 1 - np.corrcoef(stats.rankdata(Y, axis=1))
    np.testing.assert_allclose(sweep._distances(0.4, "spearman"), expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["constant", "covariance"])
@pytest.mark.parametrize("target_step", ["hard", "soft"])
@pytest.mark.parametrize("theta", THETAS)
def test_other_cells_and_landmarks(data, mode, target_step, theta, monkeypatch):
    monkeypatch.setattr(preparing, "ALL_CELLS_UP_TO", 30)
    monkeypatch.setattr(preparing, "N_LANDMARKS", 20)
    monkeypatch.setattr("sctl.methods.transfercluster.landmarks.CHUNK", 7)
    sweep = joined(data, mode, target_step=target_step)
    rest = np.setdiff1d(np.arange(45), sweep.landmarks)
    assert len(rest) == 45 - len(sweep.landmarks) > 0
    Y = mixed(data, sweep, theta, mode, target_step)
    for kind, metric in (("euclidean", "sqeuclidean"), ("pearson", "correlation")):
        expected = cdist(Y[rest], Y[sweep.landmarks], metric)
        found = np.vstack([
            sweep.cross.distances(sweep.kernels, theta, cells, kind) for cells in sweep.cross.chunks()
        ])  # fmt: skip
        np.testing.assert_allclose(found, expected, atol=2e-5 * expected.max())
    assert sweep.embedding(theta).shape[0] == 45


@pytest.mark.parametrize("mode", ["constant", "covariance"])
def test_a_stored_sweep_is_the_same(data, mode, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "ALL_CELLS_UP_TO", 30)
    monkeypatch.setattr(preparing, "N_LANDMARKS", 20)
    sweep = joined(data, mode, settings=Sc3(distances=("pearson", "spearman")), n_nulls=2)
    sweep.save(tmp_path / "sweep.npz")
    back = ThetaSweep.load(tmp_path / "sweep.npz")
    expected, found = sweep.at(0.4), back.at(0.4)
    np.testing.assert_array_equal(found.clusters, expected.clusters)
    np.testing.assert_array_equal(back.embedding(0.4), sweep.embedding(0.4))  # of all cells, by the stored landmarks
    assert replace(found, clusters=expected.clusters, seconds=0) == replace(expected, seconds=0)


def test_shuffled_sources_move_own_genes_their_own_way(data):
    sweep = joined(data, "covariance", n_nulls=2)
    moved = [kernels.own.gram(0.9) for kernels in (sweep.kernels, *sweep.nulls)]
    assert not np.allclose(moved[0], moved[1])
    assert not np.allclose(moved[1], moved[2])


def test_left_out_genes_change_nothing(data):
    assert joined(data, "shared").kernels.own is None


def test_own_genes_of_other_cells_are_refused(data):
    sweep = joined(data, "shared")
    with pytest.raises(ParameterError, match="44 cells"):
        with_target_only_genes(sweep, sparse.csr_matrix(data[1][:44]), "constant")
