"""Groups that the target shows by itself and the source hides: planted kinds of cells, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse
from sklearn.metrics import roc_auc_score

from sctl.data import read_result, write_result
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.methods.transfercluster.biology import merged_subpopulations
from sctl.preprocess import prepare_pair
from sctl.run import Run

KINDS = np.repeat([0, 1, 2], [60, 30, 40])
NAMES = [f"g{i}" for i in range(100)]
HIGH = {0: slice(0, 5), 1: slice(5, 10), 2: slice(10, 30)}


@pytest.fixture(name="X")
def expression(rng):
    means = np.ones((len(KINDS), len(NAMES)))
    for kind, genes in HIGH.items():
        means[kind == KINDS, genes] = 12.0
    return np.log1p(rng.poisson(means))


def found(X, *, clusters=KINDS // 2, labels=KINDS // 2, alone=KINDS):
    return merged_subpopulations(sparse.csr_matrix(X), NAMES, clusters=clusters, labels=labels, alone=alone)


def test_a_joined_kind_is_found_with_the_genes_of_both_sides(X):
    (group,) = found(X)
    np.testing.assert_array_equal(group.cells, KINDS == 1)
    assert (group.cluster, group.n_cells) == (0, 90)
    assert set(group.genes) == {"g5", "g6", "g7", "g8", "g9"}
    assert set(group.other_genes) == {"g0", "g1", "g2", "g3", "g4"}
    pair = KINDS < 2  # the third kind has no say: genes are compared within the group
    auroc = [roc_auc_score(KINDS[pair] == 1, X[pair, NAMES.index(gene)]) for gene in group.genes]
    assert min(auroc) >= 0.85
    assert auroc == sorted(auroc, reverse=True)
    assert "Group 1 may be two kinds of cells" in group.text
    assert "30 of its 90 cells" in group.text
    assert f"{group.genes[0]}, {group.genes[1]}, {group.genes[2]} in these" in group.text


def test_nothing_is_hidden_where_the_groups_are_the_same(X):
    assert found(X, clusters=np.array([2, 0, 1])[KINDS]) == ()


def test_cells_that_were_only_measured_deeper_are_no_kind(rng):
    depth = np.where(KINDS == 1, 3.0, 1.0)[:, None]
    assert found(np.log1p(rng.poisson(4.0 * depth, size=(len(KINDS), len(NAMES))))) == ()


def test_a_part_with_another_name_is_not_hidden(X):
    assert found(X, labels=KINDS) == ()


def test_few_cells_and_scattered_ones_are_no_part(X):
    few = np.where(np.arange(len(KINDS)) < 4, 3, 0)
    assert found(X, clusters=0 * KINDS, labels=0 * KINDS, alone=few) == ()
    scattered = KINDS // 2
    scattered[60:70] = 1  # a third of the kind is elsewhere
    assert found(X, clusters=scattered, labels=0 * KINDS) == ()


def test_two_equal_halves_are_said_once(X):
    halves = np.repeat([0, 1], 30)
    cells = np.r_[0:30, 60:90]
    groups = merged_subpopulations(X[cells], NAMES, clusters=0 * halves, labels=0 * halves, alone=halves)
    assert [int(group.cells.sum()) for group in groups] == [30]


def test_cells_without_a_cluster_are_left_out(X):
    assert found(X, clusters=np.where(KINDS == 2, -1, 0))[0].n_cells == 90


@pytest.fixture
def pair(rng):
    """A source that knows three types: one is two kinds in the target, two hardly differ there."""
    types = np.repeat([0, 1, 2], 80)
    kinds = np.repeat([0, 1, 2, 3], [60, 30, 30, 30])
    levels = np.full((4, 300), 2.0)
    levels[:2, :40], levels[2:, 40:80] = 10.0, 10.0  # what the source knows
    levels[0, 80:120], levels[1, 120:160] = 8.0, 8.0  # what it does not
    levels[2, 160:200], levels[3, 200:240] = 3.0, 3.0
    known = np.vstack([levels[:2].mean(axis=0), levels[2:]])
    source = AnnData(rng.poisson(known[types]).astype(np.float32))
    source.obs["cell_type"] = np.array(["one", "other", "third"])[types]
    target = AnnData(rng.poisson(levels[kinds]).astype(np.float32))
    for side in (source, target):
        side.var_names = [f"g{i}" for i in range(300)]
    return prepare_pair(source, target, label_key="cell_type").pair


def test_the_result_says_what_a_theta_hides(pair):
    method = get_method("transfercluster")(n_clusters=3, theta=0.9, n_permutations=0)
    result = fit_transfer(pair, method, Run())
    (text,) = result.diagnostics.merged_subpopulations
    assert "30 of its 90 cells are a group of their own" in text
    again = read_result(write_result(pair.target, result), "transfercluster")
    assert list(again.diagnostics.merged_subpopulations) == [text]
    apart = fit_transfer(pair, method.with_settings(theta=0.0), Run())
    assert list(apart.diagnostics.merged_subpopulations) == []
