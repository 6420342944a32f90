from __future__ import annotations

import numpy as np
import pytest

from sctl.errors import Cancelled, ParameterError
from sctl.run import Measurement, Progress, Run


def test_streams_are_named_and_seeded():
    run = Run(seed=3)
    first = run.rng("a").random(5)
    np.testing.assert_array_equal(first, Run(seed=3).rng("a").random(5))
    assert not np.array_equal(first, run.rng("b").random(5))
    assert not np.array_equal(first, Run(seed=4).rng("a").random(5))


def test_taking_from_one_stream_leaves_the_others():
    run = Run()
    run.rng("a").random(100)
    np.testing.assert_array_equal(run.rng("b").random(3), Run().rng("b").random(3))


def test_the_global_generator_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the global one that is watched
    Run().rng("a").random(3)
    Run().random_state("a")
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_random_state_fits_other_libraries():
    states = [Run(seed=seed).random_state("kmeans") for seed in range(50)]
    assert len(set(states)) == 50
    assert all(isinstance(state, int) and 0 <= state < 2**31 for state in states)


def test_track_reports_before_each_step_and_at_the_end():
    seen: list[Progress] = []
    assert list(Run(listener=seen.append).track("count", ["x", "y"])) == ["x", "y"]
    assert seen == [Progress("count", 0, 2), Progress("count", 1, 2), Progress("count", 2, 2)]


def test_no_steps_are_done_at_once():
    seen: list[Progress] = []
    assert list(Run(listener=seen.append).track("count", [])) == []
    assert seen == [Progress("count", 0, 0)]


def test_stop_between_steps():
    begun: list[Progress] = []
    run = Run(listener=begun.append, cancelled=lambda: len(begun) == 2)
    done: list[int] = []
    with pytest.raises(Cancelled, match="stopped"):
        done += run.track("count", range(5))
    assert [progress.done for progress in begun] == [0, 1]


def test_a_stopped_run_reports_nothing():
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        Run(listener=seen.append, cancelled=lambda: True).report("count", 0, 1)
    assert seen == []


def test_within_prefixes_the_stage_and_keeps_seed_and_stop():
    seen: list[Progress] = []
    inner = Run(seed=5, listener=seen.append, cancelled=lambda: len(seen) > 1).within("outer").within("inner")
    inner.report("stage", 1, 2, "note")
    assert seen == [Progress("outer: inner: stage", 1, 2, "note")]
    assert inner.random_state("a") == Run(seed=5).random_state("a")
    inner.report("stage", 2, 2)
    with pytest.raises(Cancelled):
        inner.report("stage", 2, 2)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "one", None, True])  # files hold whole numbers of 64 bits
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ParameterError, match=f"seed is {seed}"):
        Run(seed=seed)


def test_measurements_reach_the_recorder_without_what_is_no_number():
    seen: list[Measurement] = []
    run = Run(recorder=seen.append).within("part")
    run.record("learn", 1, train=0.5, validation=float("nan"))
    run.record("learn", 2, train=float("inf"))
    assert seen == [Measurement("learn", 1, {"train": 0.5})]
    Run().record("learn", 1, train=0.5)  # nobody listens
