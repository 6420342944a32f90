"""Moments of a mix of types, against the mix itself."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.methods.itclust.label_shift import TypeMoments, correct_label_shift
from sctl.methods.itclust.scaling import z_scores

CODES = np.repeat([0, 1, 2], [20, 30, 50])


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    return rng.normal(size=(100, 7)) * np.arange(1, 8) + rng.normal(size=(3, 7))[CODES] * 3


def test_moments_of_a_mix_are_those_of_such_cells(cells):
    mean, spread = TypeMoments.of(cells, CODES, 3).mixed(np.array([0.0, 0.75, 0.25]))
    mix = np.concatenate([np.repeat(cells[CODES == 1], 5, axis=0), cells[CODES == 2]])  # 150 cells and 50
    np.testing.assert_allclose(mean, mix.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(spread, mix.std(axis=0), rtol=1e-5)


def test_a_part_of_the_source_scaled_on_its_own_comes_back(cells):
    part = np.flatnonzero(CODES != 0)
    shares = np.array([0.0, 30 / 80, 50 / 80])
    back = correct_label_shift(z_scores(cells[part], clip=100.0), TypeMoments.of(cells, CODES, 3), shares)
    np.testing.assert_allclose(back, cells[part], rtol=0.02, atol=0.2)  # one counts n cells, the other n − 1


def test_a_gene_that_is_the_same_everywhere_keeps_some_spread():
    moments = TypeMoments.of(np.ones((4, 1)), np.array([0, 0, 1, 1]), 2)
    np.testing.assert_allclose(moments.mixed(np.array([0.5, 0.5]))[1], 0.01)
