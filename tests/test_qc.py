from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse, stats

from sctl.errors import ParameterError
from sctl.qc import (
    Thresholds,
    expression_histogram,
    histogram,
    keep,
    kept_by,
    qc_metrics,
    suggest,
    warnings_for,
)


@pytest.fixture
def cells(rng: np.random.Generator) -> AnnData:
    counts = rng.poisson(0.7, size=(60, 40)).astype(np.float32)
    counts[3] = 0
    genes = [f"mt-{i}" if i < 3 else f"gene{i}" for i in range(40)]
    genes[:3] = ["MT-CO1", "MT-ND1", "MT-ND2"]
    return AnnData(counts, var=pd.DataFrame(index=genes), obs=pd.DataFrame(index=[f"c{i}" for i in range(60)]))


def test_metrics_agree_with_scanpy(cells: AnnData):
    cells.var["mt"] = cells.var_names.str.startswith("MT-")
    expected, _ = sc.pp.calculate_qc_metrics(cells, qc_vars=["mt"], percent_top=None, log1p=False)
    found = qc_metrics(cells)
    np.testing.assert_array_equal(found["n_genes"], expected["n_genes_by_counts"])
    np.testing.assert_allclose(found["total_counts"], expected["total_counts"])
    np.testing.assert_allclose(found["pct_mt"], expected["pct_counts_mt"].fillna(0), rtol=1e-6)
    assert found.index.equals(cells.obs_names)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_metrics_do_not_depend_on_the_storage(cells: AnnData, form: type):
    stored = AnnData(form(cells.X), obs=cells.obs, var=cells.var)
    pd.testing.assert_frame_equal(qc_metrics(stored), qc_metrics(cells))


def test_threshold_is_inclusive_and_0_never_counts_empty_genes():
    adata = AnnData(np.array([[0.0, 1.0, 2.0, 3.0]]))
    assert [qc_metrics(adata, expression_threshold=t)["n_genes"].item() for t in (0, 1, 2, 2.5, 9)] == [3, 3, 2, 1, 0]


def test_explicit_zeros_and_missing_values_are_zeros():
    adata = AnnData(sparse.csr_matrix((np.array([0.0, np.nan, 2.0]), [0, 1, 2], [0, 3]), shape=(1, 4)))
    assert qc_metrics(adata).to_numpy().tolist() == [[1, 2]]
    assert np.isnan(adata.X.data[1])


def test_no_mitochondrial_genes_no_column(cells: AnnData):
    assert "pct_mt" not in qc_metrics(cells[:, 3:])


def test_layer(cells: AnnData):
    cells.layers["twice"] = cells.X * 2
    np.testing.assert_allclose(qc_metrics(cells, layer="twice")["total_counts"], 2 * qc_metrics(cells)["total_counts"])


def test_thresholds_survive_json():
    thresholds = Thresholds(n_genes=(200, None), pct_mt=(None, 12.5))
    assert Thresholds.from_dict(json.loads(json.dumps(thresholds.to_dict()))) == thresholds


@pytest.mark.parametrize("limits", [(5, 1), (None,), "ab", (np.nan, None), (True, None), ("1", None), 3])
def test_impossible_limits(limits: object):
    with pytest.raises(ParameterError, match="limits of n_genes"):
        Thresholds(n_genes=limits)


def test_unknown_metric():
    with pytest.raises(ParameterError, match="no metric 'genes'"):
        Thresholds.from_dict({"genes": [1, 2]})


@pytest.mark.parametrize(("preset", "n_mads"), [("auto", 3), ("loose", 5), ("strict", 2)])
def test_suggested_limits_are_median_and_mads(preset: str, n_mads: int, rng: np.random.Generator):
    values = rng.lognormal(8, 0.3, size=2000)
    metrics = pd.DataFrame({"n_genes": values, "total_counts": values, "pct_mt": rng.gamma(9, 1, size=2000)})
    found = suggest(metrics, preset)
    logs = np.log1p(values)
    width = n_mads * stats.median_abs_deviation(logs, scale="normal")
    low, high = found.n_genes
    assert low == pytest.approx(np.expm1(np.median(logs) - width), abs=1)
    assert high == pytest.approx(np.expm1(np.median(logs) + width), abs=1)
    mt = metrics["pct_mt"]
    expected = mt.median() + n_mads * stats.median_abs_deviation(mt, scale="normal")
    assert found.pct_mt == (None, pytest.approx(expected, abs=0.06))


def test_no_spread_no_limits():
    metrics = pd.DataFrame({"n_genes": [5] * 9 + [900], "total_counts": [7] * 10, "pct_mt": [0.0] * 8 + [3.0, 50.0]})
    assert suggest(metrics) == Thresholds()


def test_no_cells_no_limits():
    assert suggest(pd.DataFrame({"n_genes": [], "total_counts": []})) == Thresholds()


def test_clean_samples_keep_cells_below_five_per_cent():
    metrics = pd.DataFrame({"n_genes": [5] * 5, "total_counts": [7] * 5, "pct_mt": [0.1, 0.2, 0.3, 0.4, 4.0]})
    assert suggest(metrics).pct_mt == (None, 5.0)


def test_none_and_unknown_presets():
    assert suggest(pd.DataFrame(), "none") == Thresholds()
    with pytest.raises(ParameterError, match="Presets are"):
        suggest(pd.DataFrame(), "best")


def test_keep_is_inclusive_and_passes_over_what_was_not_measured():
    metrics = pd.DataFrame({"n_genes": [1, 2, 3, 4]})
    thresholds = Thresholds(n_genes=(2, 3), pct_mt=(None, 1))
    assert keep(metrics, thresholds).tolist() == [False, True, True, False]


def test_kept_by_group():
    table = kept_by(
        np.array([True, False, True, True]), pd.Categorical(["b", "a", "a", None], categories=["b", "a", "z"])
    )
    assert table.to_dict("list") == {
        "group": ["b", "a", "(none)"],
        "n": [1, 2, 1],
        "kept": [1, 1, 1],
        "share": [1, 0.5, 1],
    }


def test_kept_by_numbers():
    assert kept_by(np.array([True, True]), [2, 1])["group"].tolist() == ["1", "2"]


def test_warnings():
    groups = ["lost"] * 3 + ["few"] * 12 + ["half"] * 40 + ["fine"] * 100
    mask = np.array([False] * 3 + [True] * 9 + [False] * 3 + [True] * 19 + [False] * 21 + [True] * 100)
    found = warnings_for(mask, groups)
    assert len(found) == 3
    assert "'few' falls to 9 of 12" in found[0]
    assert "'half' loses over half of its cells: 19 of 40" in found[1]
    assert "'lost' loses all of its 3 cells" in found[2]
    assert warnings_for(mask) == ()
    assert warnings_for(np.array([True, False])) == ("Only 50% of the cells are kept.",)


def test_live_counts_are_fast_at_a_million_cells(rng: np.random.Generator):
    values = rng.integers(0, 9000, size=1_000_000)
    metrics = pd.DataFrame({"n_genes": values, "total_counts": values * 3.0})
    groups = pd.Categorical.from_codes(rng.integers(0, 20, size=len(values)), categories=[f"t{i}" for i in range(20)])
    start = time.process_time()
    mask = keep(metrics, Thresholds(n_genes=(500, 8000), total_counts=(900, None)))
    kept_by(mask, groups)
    assert time.process_time() - start < 0.5  # measured: 0.03 s


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values", [[0.5], [0, 0, 0], [1, 2, 900], list(range(3000)), [0.1, 0.7, 12.5], [], [np.nan, 4]]
)
def test_every_value_is_in_one_bar_and_bars_are_few(values: list, log: bool):
    bars = histogram(values, bins=50, log=log)
    assert bars.counts.sum() == np.isfinite(np.array(values, dtype=float)).sum()
    assert len(bars.counts) <= 51
    assert len(bars.edges) == len(bars.counts) + 1
    assert (np.diff(bars.edges) > 0).all()


def test_whole_numbers_leave_no_gaps():
    assert (histogram(list(range(70)), bins=50).counts > 0).all()
    assert (histogram(list(range(70)), bins=50, log=True).counts > 0).all()


def test_expression_histogram_shows_values_above_zero(cells: AnnData):
    assert expression_histogram(cells).counts.sum() == (cells.X > 0).sum()
    sparse_cells = AnnData(sparse.csr_matrix(cells.X))
    np.testing.assert_array_equal(expression_histogram(sparse_cells).counts, expression_histogram(cells).counts)


def test_an_upper_limit_below_zero_is_a_slip() -> None:
    with pytest.raises(ParameterError, match="not below 0"):
        Thresholds(pct_mt=(None, -1.0))
