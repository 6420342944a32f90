from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from sctl.analysis.seed_stability import each_seed, one_seed, prepare_trial, separation
from sctl.analysis.stability_measures import groups_from, separated, total_variation
from sctl.analysis.stability_outcomes import Outcome, Separation, wilson
from sctl.errors import Cancelled, DataError, ParameterError
from sctl.methods import METHODS, get_method
from sctl.methods.base import TransferMethod, fit_transfer
from sctl.run import Run
from sctl.simulate import toy_pair

BASELINES = ("transfercluster", "targetcluster", "concatenatecluster")


@pytest.fixture(scope="module")
def pair():
    return toy_pair()


@pytest.fixture(scope="module")
def groups(pair):
    return groups_from(pair.target.obs["cell_type"], "type A", "type B")


# -- What separated means ------------------------------------------------------------------------


def test_apart_is_what_a_guesser_gains(rng):
    """The best guess of the group from the cluster, with even odds, is right with (1 + apart) / 2."""
    clusters, labels = rng.integers(5, size=300), np.where(rng.random(300) < 0.3, "a", "b")
    masks = groups_from(labels, "a", "b")
    right = 0.0
    for cluster in range(5):
        right += max((clusters[mask] == cluster).mean() for mask in masks) / 2
    assert total_variation(clusters, masks) == pytest.approx(2 * right - 1, abs=1e-12)


def test_names_of_clusters_do_not_matter(rng):
    clusters = rng.integers(4, size=60)
    masks = groups_from(rng.choice(["a", "b", "c"], size=60), "a", "b")
    renamed = np.array([17, -1, 3, 8])[clusters]
    assert total_variation(renamed, masks) == pytest.approx(total_variation(clusters, masks), abs=1e-15)
    assert separated(renamed, masks) == separated(clusters, masks)


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 1], True),  # a cluster each
        ([0, 0, 2, 2, 1, 1, 3, 3], True),  # two clusters each
        ([0, 0, 0, 0, 0, 0, 0, 0], False),  # one for both
        ([0, 0, 0, 0, 0, 0, 0, 1], False),  # a stray cell parts nothing
        ([0, 0, 0, 1, 0, 1, 1, 1], True),  # three of four on the right side
        ([0, 0, 0, 1, 0, 0, 0, 1], False),  # scattered alike
        ([0, 0, 0, 0, 0, 0, 1, 2], False),  # half of one group leaves, but most of it is with the other
    ],
)
def test_separated(clusters, expected):
    assert separated(clusters, groups_from(list("aaaabbbb"), "a", "b")) is expected


def test_the_published_rule_asks_for_different_clusters_only():
    masks = groups_from(["a"] * 100 + ["b"] * 100, "a", "b")
    clusters = [0] * 51 + [1] * 49 + [0] * 49 + [1] * 51
    assert separated(clusters, masks, at_least=0)
    assert not separated(clusters, masks)


def test_groups_leave_out_cells_without_a_label():
    one, other = groups_from([1, 2, None, np.nan, 3], "1", "2")
    assert one.tolist() == [True, False, False, False, False]
    assert other.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("names", [("a", "z"), ("a", "a")])
def test_groups_that_cannot_be(names):
    with pytest.raises(ParameterError):
        groups_from(["a", "b"], *names)


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_of_nothing(hits, trials):
    with pytest.raises(ParameterError, match="trial"):
        wilson(hits, trials)


# -- Counting ------------------------------------------------------------------------------------


def test_counts_keep_the_order_and_count(pair, groups):
    outcomes = [Outcome("b", 0, True, 1.0, 4), Outcome("a", 0, False, 0.2, 4), Outcome("b", 1, False, 0.0, 3)]
    counts = Separation(tuple(outcomes)).counts().set_index("method")
    assert list(counts.index) == ["b", "a"]
    assert counts.loc["b", ["separated", "seeds", "share", "total_variation"]].tolist() == [1, 2, 0.5, 0.5]
    assert len(Separation(tuple(outcomes)).rows()) == 3
    assert Separation(()).counts().empty
    assert list(Separation(()).rows()) == ["method", "seed", "separated", "total_variation", "n_clusters"]


@pytest.mark.parametrize("key", BASELINES)
@pytest.mark.parametrize("settings", [{}, {"n_clusters": 3}])
def test_a_seed_gives_what_the_method_gives(pair, groups, key, settings):
    """What is prepared once changes nothing: the outcome is that of a whole run with that seed."""
    method = get_method(key)(**settings)
    trial = prepare_trial(key, pair, method, groups, Run(seed=11))
    for seed in (0, 5):
        clusters = fit_transfer(pair, get_method(key)(**settings), Run(seed=seed)).clusters
        found = one_seed(trial, seed)
        assert found.total_variation == total_variation(clusters, groups)
        assert found.separated == separated(clusters, groups)
        assert found.n_clusters == len(set(clusters))
    assert not hasattr(method, "label_names_")  # the method given is left as it was


def test_the_seed_matters_where_structure_is_lacking(pair):
    """More clusters than there are types split one at random: halves of it are parted by some seeds only."""
    one = pair.target.obs["cell_type"].to_numpy() == "type C"
    even = np.arange(len(one)) % 2 == 0
    groups = (one & even, one & ~even)
    method = get_method("transfercluster")(theta=0.0, n_clusters=12)
    trial = prepare_trial("t", pair, method, groups)
    found = [one_seed(trial, seed).total_variation for seed in range(4)]
    assert found == [total_variation(fit_transfer(pair, method, Run(seed=seed)).clusters, groups) for seed in range(4)]
    assert len(set(found)) > 1


def test_a_theta_chosen_by_hand_is_kept(pair, groups):
    trial = prepare_trial("t", pair, get_method("transfercluster")(theta=0.35, n_clusters=5), groups)
    clusters = fit_transfer(pair, get_method("transfercluster")(theta=0.35, n_clusters=5), Run(seed=3)).clusters
    assert trial.sweep is not None
    assert one_seed(trial, 3).total_variation == total_variation(clusters, groups)


def test_what_is_drawn_by_chance_is_not_shared(pair, groups):
    for settings in ({"criterion": "null_kta"}, {"source_types": "found"}):
        assert prepare_trial("t", pair, get_method("transfercluster")(**settings), groups).sweep is None


@pytest.mark.parametrize("key", BASELINES)
def test_a_seed_is_an_independent_unit(pair, groups, key):
    trial = prepare_trial(key, pair, get_method(key)(), groups)
    there = pickle.loads(pickle.dumps(trial))  # as a process pool sends it
    assert one_seed(there, 2) == one_seed(trial, 2)


@dataclass(kw_only=True)
class Moody(METHODS["targetcluster"]):
    """Puts all cells into one cluster when the seed is odd: what is counted is known beforehand."""

    key: ClassVar[str] = "moody"

    def transfer(self, target: Any, run: Run) -> Any:
        result = super().transfer(target, run)
        if run.seed % 2:
            result.clusters[:] = 0
        return result


def test_every_seed_counts(pair, groups):
    method: TransferMethod = Moody()
    found = separation(pair, {"moody": method, "alone": get_method("targetcluster")()}, groups, n_seeds=5)
    counts = found.counts().set_index("method")["separated"].to_dict()
    assert counts == {"moody": 3, "alone": 5}
    assert [outcome.seed for outcome in found.outcomes if outcome.method == "moody"] == [0, 1, 2, 3, 4]
    later = separation(pair, {"moody": method}, groups, n_seeds=2, run=Run(seed=7))
    assert [(outcome.seed, outcome.separated) for outcome in later.outcomes] == [(7, False), (8, True)]


# -- Progress, stop, refusals --------------------------------------------------------------------


def test_progress_and_stop(pair, groups):
    seen = []
    stop = False
    run = Run(
        listener=lambda progress: seen.append((progress.stage, progress.done, progress.total)), cancelled=lambda: stop
    )
    outcomes = each_seed(pair, {"alone": get_method("targetcluster")()}, groups, n_seeds=4, run=run)
    assert next(outcomes).seed == 0
    assert next(outcomes).seed == 1
    stop = True
    with pytest.raises(Cancelled):
        next(outcomes)
    assert ("Clustering again with another seed", 1, 4) in seen


def test_refusals(pair, groups):
    method = {"alone": get_method("targetcluster")()}
    one, other = groups
    for wrong in ((one[:-1], other[:-1]), (one, np.zeros_like(one)), (one, one | other)):
        with pytest.raises(DataError):
            separation(pair, method, wrong, n_seeds=1)
    with pytest.raises(ParameterError):
        separation(pair, method, groups, n_seeds=0)
