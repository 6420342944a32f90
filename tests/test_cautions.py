"""What a method can know against its own answer is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from sctl.data import Depths, Pair, TransferResult, read_result, result_only
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.preprocess import log_normalize, prepare_pair
from sctl.run import Run
from sctl.simulate import simulate_pair
from sctl.workflow import result_warnings
from tests.conftest import CALIBRATION

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
    return {key: fit_transfer(pair, get_method(key)(**settings), Run()) for key, settings in QUICK.items()}


@EACH
def test_nothing_is_said_where_both_have_the_same_types(results, key):
    assert result_warnings(results[key]) == ()


@pytest.mark.parametrize("key", ["scarches", "poissonautoencoder"])
def test_a_target_of_other_types_is_said_although_its_cells_have_names(key):
    source, target = simulate_pair("none", 400, n_source=200, n_target=80, run=Run(seed=1))
    foreign = prepare_pair(source, target, label_key="cell_type").pair
    assert any(
        SAID[key] in text for text in result_warnings(fit_transfer(foreign, get_method(key)(**QUICK[key]), Run()))
    )


@EACH
def test_what_is_said_survives_a_file(results, key):
    found = worse(results[key])
    assert [SAID[key] in text for text in result_warnings(found)] == [True]
    assert result_warnings(read_result(result_only(found), key)) == result_warnings(found)


def reporting(result: TransferResult, **subjects: object) -> TransferResult:
    """Return a result with other diagnostics."""
    return dataclasses.replace(result, diagnostics=dataclasses.replace(result.diagnostics, **subjects))


def worse(result: TransferResult) -> TransferResult:
    """Return a result as of a target that the source does not explain."""
    match result.method:
        case "itclust":
            return reporting(result, fine_tuning=dataclasses.replace(result.diagnostics.fine_tuning, explained=False))
        case "scarches":
            return reporting(result, novelty=dataclasses.replace(result.diagnostics.novelty, shift=2.0))
        case _:
            far = {**result.obsm, "novelty": np.ones((result.n_obs, 1))}
            return dataclasses.replace(result, obsm=far)


def test_a_few_cells_far_out_are_no_caution(results):
    result = results["poissonautoencoder"]
    distances = np.zeros((result.n_obs, 1))
    distances[:7] = 1.0
    assert result_warnings(dataclasses.replace(result, obsm={**result.obsm, "novelty": distances})) == ()
    distances[:8] = 1.0
    said = result_warnings(dataclasses.replace(result, obsm={**result.obsm, "novelty": distances}))
    assert "8 of your 80 cells" in said[0]


def thinned(adata, share, seed=0):
    """Return the cells as if fewer of their molecules had been read."""
    rng, out = np.random.default_rng(seed), adata.copy()
    out.X = out.X.tocsr().copy()
    out.X.data = rng.binomial(out.X.data.astype(int), share).astype(np.float32)
    out.X.eliminate_zeros()
    return out


def shallow_pair(*, deep, shallow, as_log=False):
    """Return a source of which some share of the molecules was read, and a target of which another."""
    source, target = simulate_pair("none", 400, n_source=200, n_target=80, run=Run(seed=1))
    sides = [thinned(source, deep), thinned(target, shallow)]
    if as_log:
        sides = [log_normalize(side) for side in sides]
        for side in sides:
            del side.layers["counts"]
    return prepare_pair(*sides, label_key="cell_type").pair


def less_deeply(result):
    return [text for text in result_warnings(result) if "less deeply" in text]


@pytest.mark.parametrize("key", ["transfercluster", "targetcluster", "itclust"])
def test_a_target_measured_much_less_deeply_is_said_by_every_method(key):
    pair, method = shallow_pair(deep=0.05, shallow=0.005), get_method(key)(**QUICK.get(key, {}))
    found = fit_transfer(pair, method, Run())
    (said,) = less_deeply(found)
    assert found.diagnostics.depths.target == np.median(np.asarray((pair.target.X > 0).sum(axis=1)))
    assert f"{found.diagnostics.depths.target:,.0f} or fewer of the genes" in said
    assert result_warnings(read_result(result_only(found), key)) == result_warnings(found)


@pytest.mark.parametrize(
    ("deep", "shallow", "as_log", "n_said"),
    [
        (0.05, 0.005, True, 1),  # log values have no counts, but genes that a cell does not show
        (1.0, 0.1, False, 1),  # of few and strong genes all are shown
        (0.05, 0.04, False, 0),
        (0.005, 0.05, False, 0),  # a deeper target is no reason for a caution
    ],
)
def test_depth_is_told_by_genes_or_by_counts(deep, shallow, as_log, n_said):
    found = fit_transfer(shallow_pair(deep=deep, shallow=shallow, as_log=as_log), get_method("targetcluster")(), Run())
    assert len(less_deeply(found)) == n_said


def test_reads_are_no_measure_of_depth(results):
    depth = Depths(source=1000.0, target=600.0, source_counts=220_000.0, target_counts=2_900.0)
    result = results["itclust"]
    assert less_deeply(reporting(result, depths=depth)) == []
    assert len(less_deeply(reporting(result, depths=dataclasses.replace(depth, source_counts=9e3)))) == 1
    assert less_deeply(reporting(result, depths=None)) == []


@pytest.mark.parametrize(("shift", "said"), [(0.99, False), (1.01, True)])
def test_a_shift_is_said_from_where_it_was_measured_to_matter(results, shift, said):
    result = results["scarches"]
    found = reporting(result, novelty=dataclasses.replace(result.diagnostics.novelty, shift=shift))
    assert bool(result_warnings(found)) == said


def test_remarks_of_a_method_are_cautions(results):
    result = results["scarches"]
    found = reporting(result, warnings=("Genes are missing.",))
    assert result_warnings(found) == ("Genes are missing.",)


def judged_so(result: TransferResult, **facts: object) -> tuple[str, ...]:
    opinion = np.roll(np.eye(len(result.label_names))[pd.Categorical(result.labels).codes], 1, axis=1)
    beside = dataclasses.replace(result, obsm={**result.obsm, "second_opinion": opinion})
    return result_warnings(
        reporting(beside, calibration=dataclasses.replace(CALIBRATION, **{"agreement": 1.0, **facts}))
    )


@EACH
def test_what_the_second_opinion_knows_is_said_of_any_method(results, key):
    result = results[key]
    assert judged_so(result) == ()
    (foreign,) = judged_so(result, source_fit=0.31, source_verdict="another tissue")
    assert "seems to be of another tissue: its types match the groups of your cells by 0.31 of 1" in foreign
    (partly,) = judged_so(result, source_fit=0.55, source_verdict="partly")
    assert "fits your cells only in part" in partly
    (unlike,) = judged_so(result, unknown_share=0.62)
    assert unlike.startswith("62% of your cells resemble no type of the source.")
    (alike,) = judged_so(result, held_out_accuracy=0.71)
    assert "71% were named right" in alike
    (other,) = judged_so(result, agreement=0.4)
    assert other.startswith("Simple classifiers give 60% of the named cells another name, most often ")


@EACH
def test_one_name_for_nearly_all_is_said_only_where_the_source_fits_badly(results, key):
    one = dataclasses.replace(
        results[key], labels=np.full(results[key].n_obs, results[key].label_names[0], dtype=object)
    )
    assert not any("of your cells are named" in text for text in judged_so(one))
    said = judged_so(one, source_fit=0.2, source_verdict="another tissue")
    assert f"100% of your cells are named {results[key].label_names[0]}." in said[1]
