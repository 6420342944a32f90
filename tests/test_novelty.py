from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from sctl import workflow
from sctl.analysis.unknown_cells import (
    DEFAULT_LIMIT,
    SCORES,
    has_scores,
    outlier_score,
    outlier_table,
    score_table,
)
from sctl.errors import DataError, ParameterError
from sctl.methods.transfercluster.loadings import REJECTION_SCORES
from sctl.run import Run
from sctl.simulate import Simulation

QUICK = {"method": "transfercluster", "params": {"theta_step": 0.5, "theta_max": 0.5}}


@pytest.fixture(scope="module")
def found():
    """A result on data in which some types are new, and which cells are of those."""
    made = Simulation(overlap="incomplete", n_source=200, n_target=100, n_vars=500, seed=2).make()
    prepared = workflow.prepare(made.source, made.target, {"label_key": made.label_key}, Run())
    result = workflow.transfer(prepared.pair, workflow.method_of(QUICK), Run())
    new = ~made.truth.reindex(result.obs_names).isin(set(made.source.obs[made.label_key]))
    return result, new.to_numpy()


def test_every_score_that_is_computed_can_be_chosen():
    assert set(SCORES) == set(REJECTION_SCORES)


def test_strangeness_is_a_mean_of_robust_z_scores(found):
    result, _ = found
    table = score_table(result)
    parts = [
        -(table[name] - table[name].median()) / stats.median_abs_deviation(table[name], scale="normal")
        for name in ("margin", "l2_hard")
    ]
    np.testing.assert_allclose(outlier_score(result, ["margin", "l2_hard"]), np.mean(parts, axis=0), rtol=1e-4)


def test_new_types_stick_out(found):
    result, new = found
    assert 0.05 < new.mean() < 0.6
    assert roc_auc_score(new, outlier_score(result)) > 0.95
    beyond = outlier_score(result) > DEFAULT_LIMIT
    assert beyond[new].mean() > 0.8
    assert beyond[~new].mean() < 0.05


def test_the_table_holds_all_that_is_known_of_each_cell(found):
    result, _ = found
    table = outlier_table(result)
    assert list(table) == ["cell", "outlier_score", "cluster", "label", "confidence", *SCORES]
    assert table["cell"].tolist() == result.obs_names.tolist()
    np.testing.assert_array_equal(table["outlier_score"], outlier_score(result))


@pytest.mark.parametrize("same", [80, 100])
def test_equal_scores_make_no_cell_strange_by_rounding(found, same):
    result, _ = found
    scores = np.full_like(result.obsm["rejection"], 0.1)
    scores[same:] = -1.0
    values = outlier_score(replace(result, obsm={"rejection": scores}))
    np.testing.assert_allclose(values[:same], 0.0, atol=1e-9)
    assert np.isfinite(values).all()
    assert (values[same:] > 1.0).all()


def test_methods_without_scores_say_so(found):
    result, _ = found
    bare = replace(result, obsm={})
    assert has_scores(result)
    assert not has_scores(bare)
    with pytest.raises(DataError, match="does not say how well"):
        outlier_score(bare)


@pytest.mark.parametrize(("scores", "message"), [([], "No score"), (["colour"], "no score 'colour'")])
def test_unknown_scores(found, scores, message):
    with pytest.raises(ParameterError, match=message):
        outlier_score(found[0], scores)
