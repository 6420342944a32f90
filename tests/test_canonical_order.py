"""One order of cells and genes for every method."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from anndata import AnnData

from sctl.data import CanonicalOrder, Pair, canonical
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.preprocess import prepare_pair
from sctl.run import Run
from sctl.simulate import toy_counts


def permuted(adata: AnnData, seed: int) -> AnnData:
    rng = np.random.default_rng(seed)
    return adata[rng.permutation(adata.n_obs), rng.permutation(adata.n_vars)].copy()


def test_any_order_becomes_the_same(pair):
    first, second = (canonical(permuted(pair.target, seed)) for seed in (1, 2))
    assert first.obs_names.equals(second.obs_names)
    assert first.var_names.equals(second.var_names)
    assert (first.X != second.X).nnz == 0
    assert (first.layers["counts"] != second.layers["counts"]).nnz == 0
    assert canonical(first) is first


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_cells_of_one_name_go_by_their_values(pair):
    named = pair.target.copy()
    named.obs_names = np.repeat(["cell 1", "cell 2"], named.n_obs // 2)
    first, second = (canonical(permuted(named, seed)) for seed in (1, 2))
    assert (first.X != second.X).nnz == 0


def test_back_leads_to_the_order_of_the_dataset(pair):
    mixed = permuted(pair.target, 3)
    order = CanonicalOrder.of(mixed)
    assert order.applied(mixed).obs_names[order.back].equals(mixed.obs_names)


@pytest.mark.parametrize("key", ["panel", "itclust"])
def test_the_order_of_a_file_does_not_matter_from_the_start(key):
    source, target = toy_counts(n_vars=1500)
    plain = prepare_pair(source, target, label_key="cell_type").pair
    again = prepare_pair(permuted(source, 1), permuted(target, 2), label_key="cell_type").pair
    marked = plain.target.var["highly_variable"]
    assert again.target.var["highly_variable"].reindex(marked.index).equals(marked)
    first, second = (fit_transfer(given, get_method(key)(), Run()) for given in (plain, again))
    places = second.obs_names.get_indexer(first.obs_names)
    np.testing.assert_array_equal(first.labels, second.labels[places])
    np.testing.assert_allclose(first.confidence, second.confidence[places], rtol=0, atol=1e-12)


def test_groups_found_in_an_unlabelled_source_are_those_of_its_cells(pair):
    from sctl.workflow.source import with_found_groups  # noqa: PLC0415 - the one test of it here

    unlabelled = dataclasses.replace(pair, label_key=None)
    source = permuted(pair.source, 1)
    mixed = Pair(source=source, target=pair.target[:, source.var_names].copy(), label_key=None)
    method = get_method("transfercluster")(source_types="found")
    first, second = (with_found_groups(given, method, Run()) for given in (unlabelled, mixed))
    groups = first.source.obs[first.label_key]
    assert groups.equals(second.source.obs[second.label_key].reindex(groups.index))
