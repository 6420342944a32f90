"""What a method can know against its own answer is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sctl.base import transfer
from sctl.data import Pair, TransferResult, read_result, result_only
from sctl.methods import get_method
from sctl.pipeline import cautions
from sctl.preprocess import prepare_pair
from sctl.run import Run
from sctl.simulate import simulate_pair

QUICK = {
    "itclust": {"n_pretrain_epochs": 2, "n_epochs": 10, "max_refreshes": 5},
    "scarches": {"epochs": 15, "surgery_epochs": 5},
    "poissonautoencoder": {"max_epochs": 30},
}
SAID = {
    "itclust": "does not explain your cells",
    "scarches": "as a whole lie far from all types",
    "poissonautoencoder": "of your 80 cells resemble no cell",
}
EACH = pytest.mark.parametrize("key", QUICK)


@pytest.fixture(scope="module")
def results(pair: Pair):
    """One result of each method on a pair whose types are the same on both sides."""
    return {key: transfer(pair, get_method(key)(**settings), Run()) for key, settings in QUICK.items()}


@EACH
def test_nothing_is_said_where_both_have_the_same_types(results, key):
    assert cautions(results[key]) == ()


@pytest.mark.parametrize("key", ["scarches", "poissonautoencoder"])
def test_a_target_of_other_types_is_said_although_its_cells_have_names(key):
    source, target = simulate_pair("none", 400, n_source=200, n_target=80, run=Run(seed=1))
    foreign = prepare_pair(source, target, label_key="cell_type").pair
    assert any(SAID[key] in text for text in cautions(transfer(foreign, get_method(key)(**QUICK[key]), Run())))


@EACH
def test_what_is_said_survives_a_file(results, key):
    found = worse(results[key])
    assert [SAID[key] in text for text in cautions(found)] == [True]
    assert cautions(read_result(result_only(found), key)) == cautions(found)


def worse(result: TransferResult) -> TransferResult:
    """Return a result as of a target that the source does not explain."""
    match result.method:
        case "itclust":
            return dataclasses.replace(result, uns={**result.uns, "explained": False})
        case "scarches":
            novelty = {**result.uns["novelty"], "shift": 2.0}
            return dataclasses.replace(result, uns={**result.uns, "novelty": novelty})
        case _:
            far = {**result.obsm, "novelty": np.ones((result.n_obs, 1))}
            return dataclasses.replace(result, obsm=far)


def test_a_few_cells_far_out_are_no_caution(results):
    result = results["poissonautoencoder"]
    distances = np.zeros((result.n_obs, 1))
    distances[:7] = 1.0
    assert cautions(dataclasses.replace(result, obsm={**result.obsm, "novelty": distances})) == ()
    distances[:8] = 1.0
    said = cautions(dataclasses.replace(result, obsm={**result.obsm, "novelty": distances}))
    assert "8 of your 80 cells" in said[0]


@pytest.mark.parametrize(("shift", "said"), [(0.99, False), (1.01, True)])
def test_a_shift_is_said_from_where_it_was_measured_to_matter(results, shift, said):
    result = results["scarches"]
    novelty = {**result.uns["novelty"], "shift": shift}
    found = dataclasses.replace(result, uns={**result.uns, "novelty": novelty})
    assert bool(cautions(found)) == said


def test_remarks_of_a_method_are_cautions(results):
    result = results["scarches"]
    found = dataclasses.replace(result, uns={**result.uns, "remarks": ["Genes are missing."]})
    assert cautions(found) == ("Genes are missing.",)
