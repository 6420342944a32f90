"""Targets of any composition: sorted, enriched, and where the source lacks types."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sctl.data import Pair
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.methods.itclust.new_clusters import unmatched_cells
from sctl.methods.itclust.profile_names import ProfileNames, TypeProfiles, profile_names
from sctl.numerics.normalize import log_normalized
from sctl.numerics.shift_classifier import correlations, shared_shift
from sctl.run import Run
from sctl.simulate import toy_counts

ItClust = get_method("itclust")
TYPES = ("type A", "type B", "type C", "type D")


@pytest.fixture(scope="module")
def shifted() -> Pair:
    """A target of a shallow protocol that catches some genes four times as well as others."""
    source, target = toy_counts(n_source=300, n_target=600)
    rng = np.random.default_rng(0)
    caught = np.where(rng.random(target.n_vars) < 0.5, 0.03, 0.12)
    target.X = type(target.X)(rng.binomial(target.X.toarray().astype(int), caught).astype(np.float32))
    for side in (source, target):
        side.layers["counts"] = side.X
        side.X = log_normalized(side.X)
        side.var["highly_variable"] = True
    return Pair(source=source, target=target, label_key="cell_type")


def composed(pair: Pair, name: str, share: float) -> tuple[Pair, np.ndarray]:
    """Return the pair with a target of which a share is of one type, and the types of its cells."""
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    of, others = np.flatnonzero(truth == name), np.flatnonzero(truth != name)
    rows = np.sort(np.concatenate([of, others[: round(len(of) * (1 - share) / share)]]))
    return dataclasses.replace(pair, target=pair.target[rows].copy()), truth[rows]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("share", [1.0, 0.95, 0.8])
def test_sorted_and_enriched_targets_get_the_right_names(shifted, name, share):
    pair, truth = composed(shifted, name, share)
    labels = fit_transfer(pair, ItClust(), Run()).labels
    assert (labels == truth).mean() >= 0.9


def test_the_papers_way_knows_nothing_of_unscaled_expression(shifted):
    pair, truth = composed(shifted, "type A", 0.95)
    labels = fit_transfer(pair, ItClust(allow_for_mix=False, n_new_clusters=0), Run()).labels
    assert (labels == truth).mean() < 0.9


def test_a_shift_that_all_types_share_is_taken_off(rng):
    means = rng.normal(5, 1, size=(4, 200))
    codes = np.repeat(np.arange(4), 30)
    shift = np.where(np.arange(200) < 20, 1.0, 0.0)
    values = means[codes] + shift + rng.normal(0, 0.1, size=(120, 200))
    found = shared_shift(values, codes, means, correlations(values, means), and_unshifted=True)
    np.testing.assert_allclose(found[:20], 0.8, atol=0.1)  # one type more is thought of that is not shifted
    np.testing.assert_allclose(found[20:], 0.0, atol=0.02)


def test_profiles_alone_name_cells_of_a_shifted_protocol(shifted):
    truth, X = shifted.target.obs["cell_type"].astype(str).to_numpy(), shifted.target.X
    types = shifted.labels
    profiles = np.array([shifted.source.X[types == name].toarray().mean(axis=0) for name in types.categories])
    codes = types.codes.astype(np.int64)
    both = TypeProfiles.of(shifted.source.X, codes, seed=0)
    np.testing.assert_allclose(both.means, profiles, rtol=1e-5)
    for known in (TypeProfiles(profiles), both):
        found = profile_names(X, known)
        assert (types.categories.to_numpy(dtype=str)[found.codes] == truth).mean() > 0.95
        np.testing.assert_allclose(found.proba.sum(axis=1), 1.0)


def test_known_cells_keep_their_name_where_foreign_ones_are_surer_of_it():
    """Monocytes that the source lacks agree on the name of T cells by a network, and more surely than T cells do."""
    groups = np.repeat([0, 1, 2], 10)
    network = np.repeat([[0.95, 0.05], [0.55, 0.45], [0.05, 0.95]], 10, axis=0)
    assert unmatched_cells(network, groups).tolist() == (groups == 1).tolist()
    proba = np.repeat([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9]], 10, axis=0)
    fit = np.repeat([[0.1, 0.0], [0.8, -0.5], [-0.5, 0.8]], 10, axis=0)
    assert not unmatched_cells(network, groups, ProfileNames(proba, fit)).any()


def test_a_group_that_is_sure_of_a_type_but_does_not_fit_it_is_foreign():
    groups = np.repeat([0, 1, 2], 10)
    network = np.repeat([[0.95, 0.05], [0.4, 0.6], [0.05, 0.95]], 10, axis=0)
    proba = np.repeat([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], 10, axis=0)
    for fit, foreign in ((0.2, True), (0.6, False)):
        fits = np.repeat([[0.8, -0.5], [fit, -fit], [-0.5, 0.8]], 10, axis=0)
        network[10:20] = [0.45, 0.55] if foreign else network[10]
        assert unmatched_cells(network, groups, ProfileNames(proba, fits))[10] == foreign


def test_two_relatives_in_one_group_are_not_new_where_they_are_near_their_types():
    groups = np.repeat([0, 1, 2], 10)
    network = np.repeat([[0.5, 0.4, 0.1], [0.1, 0.1, 0.8]], [20, 10], axis=0)
    network[5:20:2, :2] = [0.4, 0.5]  # neither of the first two groups agrees on a name
    nearness = np.repeat([0.9, 0.3, 1.0], 10)
    found = ProfileNames(network, network, nearness)
    assert unmatched_cells(network, groups, found).tolist() == (groups == 1).tolist()
