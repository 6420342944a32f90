"""The search for settings: found, repeated, resumed, stopped."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.methods.poisson.autoencoder import PoissonConfig
from sctl.methods.poisson.search import configured, search_poisson
from sctl.numerics.hyperparameters import SPACES, Range
from sctl.numerics.training import TrainingConfig
from sctl.numerics.tuning import search
from sctl.run import Run

SPACE = {"x": Range(-3, 3), "rate": Range(1e-4, 1.0, log=True), "n": Range(1, 9, whole=True)}


def bowl(settings, run):
    return (settings["x"] - 1) ** 2 + (math.log10(settings["rate"]) + 2) ** 2 + 0.1 * abs(settings["n"] - 4)


@pytest.mark.parametrize(("sampler", "limit"), [("gp", 0.35), ("tpe", 1.5), ("random", 4.0)])
def test_finds_the_bottom(sampler, limit):
    found = search(bowl, SPACE, n_trials=25, sampler=sampler, run=Run(seed=1))
    assert len(found.trials) == 25
    assert found.best.value < limit
    assert isinstance(found.best.settings["n"], int)
    assert set(found.importance) == set(SPACE)
    assert sum(found.importance.values()) == pytest.approx(1.0)


def test_the_same_seed_tries_the_same():
    first, again, other = (search(bowl, SPACE, n_trials=6, sampler="tpe", run=Run(seed=s)) for s in (1, 1, 2))
    assert first.trials == again.trials
    assert first.trials != other.trials


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_a_resumed_search_is_the_same_search(tmp_path, sampler):
    settings = {"sampler": sampler, "run": Run(seed=1)}
    whole = search(bowl, SPACE, n_trials=13, **settings)
    search(bowl, SPACE, n_trials=5, journal=tmp_path / "j.jsonl", **settings)
    resumed = search(bowl, SPACE, n_trials=13, journal=tmp_path / "j.jsonl", **settings)
    assert [t.value for t in resumed.trials] == pytest.approx([t.value for t in whole.trials])
    for line in (tmp_path / "j.jsonl").read_text().splitlines():
        json.loads(line)


def test_stops_and_keeps_what_was_finished(tmp_path):
    steps = []
    run = Run(listener=steps.append, cancelled=lambda: len(steps) >= 4)
    with pytest.raises(Cancelled):
        search(bowl, SPACE, n_trials=20, sampler="random", journal=tmp_path / "j", run=run)
    kept = search(bowl, SPACE, n_trials=1, sampler="random", journal=tmp_path / "j", run=Run())
    assert len(kept.trials) == 4
    assert steps[-1].note.startswith("best")


def test_settings_that_fail_are_noted_and_passed_over():
    def picky(settings, run):
        if settings["x"] < 0:
            raise ParameterError("The loss is no number.")
        return math.inf if settings["n"] > 7 else bowl(settings, run)

    found = search(picky, SPACE, n_trials=15, sampler="random", run=Run())
    assert any(math.isnan(trial.value) for trial in found.trials)
    assert found.best.settings["x"] >= 0

    with pytest.raises(ParameterError, match="None of the tried"):
        _ = dataclasses.replace(found, trials=tuple(t for t in found.trials if math.isnan(t.value))).best


def test_a_journal_of_another_search_is_refused(tmp_path):
    search(bowl, SPACE, n_trials=2, sampler="random", journal=tmp_path / "j", run=Run())
    with pytest.raises(DataError, match="holds a search of"):
        search(lambda s, r: s["y"], {"y": Range(0, 1)}, n_trials=3, journal=tmp_path / "j", run=Run())


def test_a_damaged_journal_is_refused(tmp_path):
    (tmp_path / "j").write_text("no json\nat all\n")
    with pytest.raises(DataError, match="cannot be read"):
        search(bowl, SPACE, n_trials=2, journal=tmp_path / "j", run=Run())


def test_the_papers_ranges():
    paper = SPACES["paper"]
    assert (paper["n_hidden"].low, paper["n_hidden"].high) == (50, 140)
    assert (paper["n_latent"].low, paper["n_latent"].high) == (35, 75)
    assert set(SPACES["paper_complex"]) == {*paper, "l1", "weight_decay"}
    changed = configured(PoissonConfig(), {"n_latent": 7, "learning_rate": 0.5, "weight_decay": 0.1})
    assert (changed.n_latent, changed.training.learning_rate, changed.training.weight_decay) == (7, 0.5, 0.1)


def test_settings_of_a_network_are_found(rng):
    X = np.log1p(rng.poisson(rng.gamma(0.5, 4.0, size=(2, 15))[np.repeat([0, 1], 30)]))
    config = PoissonConfig(n_hidden=8, training=TrainingConfig(max_epochs=3, batch_size=16), held_out=0.2)
    space = {"learning_rate": Range(1e-5, 1e-1, log=True), "n_latent": Range(2, 6, whole=True)}
    found = search_poisson(X, None, config, space, n_trials=6, sampler="tpe", run=Run())
    assert found.best.value == min(trial.value for trial in found.trials)
    assert np.isfinite(found.best.value)
