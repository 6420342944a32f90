"""Simulated data for the whole suite; nothing is downloaded."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from sctl.data import Pair
from sctl.simulate import toy_counts, toy_pair


@pytest.fixture(scope="session")
def pair() -> Pair:
    """200 source and 80 target cells of 4 easy types; truth in ``target.obs["cell_type"]``. Do not change it."""
    return toy_pair()


@pytest.fixture(scope="session")
def _toy() -> tuple[AnnData, AnnData]:
    return toy_counts()


@pytest.fixture(scope="session")
def source(_toy: tuple[AnnData, AnnData]) -> AnnData:
    """The pair's source as raw counts. Do not change it."""
    return _toy[0]


@pytest.fixture(scope="session")
def target(_toy: tuple[AnnData, AnnData]) -> AnnData:
    """The pair's target as raw counts. Do not change it."""
    return _toy[1]


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh for every test, so that the order of tests does not matter."""
    return np.random.default_rng(0)
