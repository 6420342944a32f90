from __future__ import annotations

import json

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.data import Pair
from sctl.errors import Cancelled, DataError, ParameterError
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.preprocess.batch import measured, without_batch_effect
from sctl.run import Run

BOTH = {"imputation": "magic", "batch_correction": "combat"}


def shifted(target: AnnData, rng: np.random.Generator) -> AnnData:
    """The target as another laboratory measures it: each gene is caught better or worse."""
    factors = rng.lognormal(sigma=1.0, size=target.n_vars)
    return AnnData(sparse.csr_matrix(rng.poisson(target.X.toarray() * factors)), obs=target.obs, var=target.var)


def prepared(source: AnnData, target: AnnData, **params):
    settings = PreprocessParams.from_dict({"n_top_genes": 100, **params})
    return prepare_pair(source, target, settings, label_key="cell_type")


def variable(pair: Pair) -> np.ndarray:
    return pair.source.var["highly_variable"].to_numpy()


def test_off_by_default(source, target):
    assert prepared(source, target).report.to_dict().keys().isdisjoint({"imputation", "batch"})


@pytest.mark.parametrize("params", [{"imputation": "magic"}, {"batch_correction": "combat"}, BOTH])
def test_variable_genes_alone_are_corrected(source, target, params):
    plain, found = prepared(source, target), prepared(source, target, **params)
    chosen = variable(plain.pair)
    assert (variable(found.pair) == chosen).all()
    for role in ("source", "target"):
        before, after = getattr(plain.pair, role), getattr(found.pair, role)
        assert (before.X[:, ~chosen] != after.X[:, ~chosen]).nnz == 0
        assert abs(before.X[:, chosen] - after.X[:, chosen]).mean() > 1e-3
        assert after.X.min() >= 0
        assert after.X.dtype == np.float32
        assert sparse.issparse(after.X)
        assert (before.layers["counts"] != after.layers["counts"]).nnz == 0
    assert (plain.target_all.X != found.target_all.X).nnz == 0


def test_inputs_are_left_alone(source, target):
    before = source.X.copy(), target.X.copy()
    prepared(source, target, **BOTH)
    assert (before[0] != source.X).nnz == (before[1] != target.X).nnz == 0


def test_each_side_is_imputed_from_its_own_cells(source, target):
    found = prepared(source, target, imputation="magic").pair.target
    fewer = prepared(source[:120].copy(), target, imputation="magic", n_top_genes=None).pair.target
    whole = prepared(source, target, imputation="magic", n_top_genes=None).pair.target
    np.testing.assert_allclose(fewer.X.toarray(), whole[:, fewer.var_names].X.toarray(), atol=1e-5)
    assert found.n_vars == whole.n_vars


def test_settings_of_imputation_are_heeded(source, target):
    little, much = (prepared(source, target, imputation="magic", imputation_t=t).pair for t in (1, 10))
    spreads = [pair.target.X[:, variable(pair)].toarray().std(axis=0).mean() for pair in (little, much)]
    assert spreads[1] < spreads[0]
    wide = prepared(source, target, imputation="magic", imputation_t=1, imputation_knn=40).pair
    assert abs(wide.target.X - little.target.X).max() > 0.01


def test_what_imputation_did_is_told(source, target):
    effect = prepared(source, target, imputation="magic").report.imputation
    assert effect.n_genes == 100
    for before, after in effect.zeros.values():
        assert 0 <= after < before < 1
    assert effect.correlation[0] < effect.correlation[1]
    first, second = effect.genes
    assert first != second
    shown = prepared(source, target).pair.target[:, [first, second]].X.toarray()
    np.testing.assert_allclose(effect.values[0], shown, atol=1e-3)
    assert "zeros went from" in effect.sentence


def test_a_shift_between_the_datasets_is_removed(source, target, rng):
    other = shifted(target, rng)
    plain, found = prepared(source, other), prepared(source, other, batch_correction="combat")
    gaps = []
    for pair in (plain.pair, found.pair):
        chosen = variable(pair)
        means = [side.X[:, chosen].toarray().mean(axis=0) for side in (pair.source, pair.target)]
        gaps.append(np.abs(means[0] - means[1]).mean())
    assert gaps[1] < gaps[0] / 5
    before, after = found.report.batch.mixing
    assert before < 0.1
    assert after > 0.3
    assert 0 < found.report.batch.clipped < 0.5
    assert "set to 0" in found.report.batch.sentence


def test_a_gene_that_is_silent_on_one_side_or_constant():
    rng = np.random.default_rng(1)
    sides = [rng.gamma(2.0, size=(30, 6)), rng.gamma(2.0, size=(20, 6))]
    sides[0][:, 0] = 0.0
    for side in sides:
        side[:, 1] = 3.0
    found, clipped = without_batch_effect([sparse.csr_matrix(side) for side in sides])
    assert all(np.isfinite(side).all() for side in found)
    assert all((side[:, 1] == 3.0).all() for side in found)
    assert [side.shape for side in found] == [(30, 6), (20, 6)]
    assert 0 <= clipped <= 1


def test_mixing_of_cells_that_are_the_same_and_apart(rng):
    cells = rng.normal(size=(200, 5))
    effect = measured([cells[:100], cells[100:]], [cells[:100], cells[100:] + 50], clipped=0.0)
    assert effect.mixing[0] == pytest.approx(0.5, abs=0.05)
    assert effect.mixing[1] == 0
    assert len(effect.source[0]) == len(effect.target[1]) == 100


def test_too_few_cells_for_a_batch_effect(source, target):
    with pytest.raises(DataError, match="200 and 2 cells"):
        prepared(source, target[:2].copy(), batch_correction="combat")


def test_a_batch_effect_needs_logarithms():
    with pytest.raises(ParameterError, match="without logarithm"):
        PreprocessParams(batch_correction="combat", log="none")


@pytest.mark.parametrize(
    "wrong",
    [{"imputation": "mean"}, {"batch_correction": "harmony"}, {"imputation_t": 0}, {"imputation_knn": 1.5}],
)
def test_impossible_settings(wrong):
    with pytest.raises(ParameterError):
        PreprocessParams.from_dict(wrong)


def test_the_report_survives_json_and_repeats_itself(source, target):
    first, second = (prepared(source, target, **BOTH).report.to_dict() for _ in range(2))
    assert json.loads(json.dumps(first)) == second
    assert {"imputation", "batch"} <= set(first)


def test_stop(source, target):
    stages = []

    def listen(progress):
        stages.append(progress.stage)

    params = PreprocessParams.from_dict(BOTH)
    prepare_pair(source, target, params, run=Run(listener=listen))
    assert "Imputing the target: Finding neighbours" in stages
    assert "Removing the batch effect" in stages
    stages.clear()
    with pytest.raises(Cancelled):
        prepare_pair(
            source, target, params, run=Run(listener=listen, cancelled=lambda: "Removing the batch effect" in stages)
        )
    assert stages[-1] == "Removing the batch effect"
