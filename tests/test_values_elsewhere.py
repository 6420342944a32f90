"""Counts beside the matrix: believed only where the matrix was made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.genes.table import matched
from sctl.preflight import apply_fix, inspect
from sctl.preprocess.linear import linear
from sctl.qc.derivation import follows, logged, same_largest
from sctl.workflow import repaired

HUMAN = matched()["human"].tolist()
RNG = np.random.default_rng(8)
COUNTS = RNG.poisson(RNG.gamma(0.4, 5, size=300) * RNG.uniform(0.5, 2, size=(150, 1)), size=(150, 300)).astype(float)
COUNTS[:, 0] += 1
UNSPLICED = RNG.binomial(COUNTS.astype(int), 0.25).astype(float)
AMBIGUOUS = RNG.binomial(COUNTS.astype(int), 0.03).astype(float)
TOTAL = COUNTS.sum(axis=1, keepdims=True)


def bins(X, n=20):
    """Number the values of each cell by their quantiles, from 1."""
    out = np.zeros_like(X)
    for row, cell in zip(out, X, strict=True):
        edges = np.quantile(cell[cell > 0], np.linspace(0, 1, n))
        row[cell > 0] = np.digitize(cell[cell > 0], edges)
    return out


def scaled(X):
    return np.clip((X - X.mean(axis=0)) / (X.std(axis=0) + 1e-3), None, 10)


WRONG = {
    "unspliced": UNSPLICED,
    "ambiguous": AMBIGUOUS,
    "detected": (COUNTS > 0) * 1.0,
    "X_binned": bins(COUNTS),
    "other cells": COUNTS[::-1],
    "other genes": COUNTS[:, ::-1],
}
MADE = {
    "log1p of counts per 10,000": logged(COUNTS),
    "log2 of counts per million": np.log2(1 + COUNTS / TOTAL * 1e6),
    "log10 of counts": np.log10(1 + COUNTS),
    "counts per million": COUNTS / TOTAL * 1e6,
    "log of values per length": np.log1p(COUNTS / TOTAL * 1e4 / np.exp(RNG.normal(size=300))),
    "rounded to two decimals": np.round(logged(COUNTS), 2),
    "square roots": np.sqrt(COUNTS / TOTAL * 1e4),
    "a selection of genes scaled by all": logged(np.hstack([COUNTS, COUNTS[:, 100:]]))[:, :300],
}


def dataset(X, raw=None, **layers):
    adata = AnnData(
        sparse.csr_matrix(X, dtype=np.float32),
        obs=pd.DataFrame(index=[f"c{i}" for i in range(len(X))]),
        var=pd.DataFrame(index=HUMAN[: X.shape[1]]),
    )
    if raw is not None:
        adata.raw = AnnData(sparse.csr_matrix(raw), obs=adata.obs, var=pd.DataFrame(index=HUMAN[: raw.shape[1]]))
    for key, value in layers.items():
        adata.layers[key] = sparse.csr_matrix(value)
    return adata


@pytest.mark.parametrize("made", MADE)
def test_values_follow_from_their_counts_and_from_no_other_whole_numbers(made):
    assert follows(MADE[made], COUNTS)
    for name, values in WRONG.items():
        assert not follows(MADE[made], values), name
    assert not follows(np.zeros_like(COUNTS), COUNTS)


def test_bins_and_marks_have_one_largest_value_and_counts_do_not():
    assert same_largest(WRONG["detected"])
    assert same_largest(WRONG["X_binned"])
    assert not same_largest(COUNTS)
    assert not same_largest(AMBIGUOUS)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("called", ["counts", None])
def test_whole_numbers_that_are_not_the_counts_are_left_alone(name, called):
    """Neither the repair nor the preparation takes them, whatever they are called."""
    key = called or name
    adata = dataset(logged(COUNTS), **{key: WRONG[name]})
    report = inspect(adata, role="target")
    assert report.get("counts_elsewhere") is None
    assert report.get("values_log") is not None
    assert not any(f"'{key}'" in finding.text for finding in report)
    np.testing.assert_allclose(linear(adata, "target").X.toarray(), COUNTS / TOTAL * 1e4, rtol=1e-3, atol=1e-3)
    assert repaired(adata, adata)[1].X.max() < 10


@pytest.mark.parametrize("form", ["log", "scaled"])
def test_the_counts_are_found_among_others(form):
    X = logged(COUNTS) if form == "log" else scaled(logged(COUNTS))
    adata = dataset(X, **{**WRONG, "original": COUNTS})
    finding = inspect(adata, role="target").get("counts_elsewhere")
    assert finding.fix.arguments["where"] == "layers/original"
    np.testing.assert_array_equal(apply_fix(adata, finding.fix).X.toarray(), COUNTS)


@pytest.mark.parametrize("parts", [["spliced", "unspliced"], ["spliced", "unspliced", "ambiguous"]])
def test_layers_that_add_up_to_the_counts_are_added(parts):
    rest = AMBIGUOUS if len(parts) == 3 else 0 * AMBIGUOUS
    unspliced = np.minimum(UNSPLICED, COUNTS - rest)
    layers = {"spliced": COUNTS - unspliced - rest, "unspliced": unspliced, "ambiguous": rest + 0.0}
    if len(parts) == 2:
        layers["ambiguous"] = AMBIGUOUS
    adata = dataset(logged(COUNTS), **layers)
    finding = inspect(adata, role="target").get("counts_elsewhere")
    assert sorted(finding.fix.arguments["layers"]) == sorted(parts)
    assert all(f"'{name}'" in finding.text for name in parts)
    np.testing.assert_array_equal(apply_fix(adata, finding.fix).X.toarray(), COUNTS)
    np.testing.assert_array_equal(repaired(adata, adata)[1].X.toarray(), COUNTS)


def test_scaled_values_take_counts_that_regression_hides_only_by_their_name():
    log = logged(COUNTS)
    noisy = scaled(log + RNG.normal(scale=0.8, size=log.shape) * log.std(axis=0))
    assert inspect(dataset(noisy, counts=COUNTS), role="target").get("counts_elsewhere") is not None
    report = inspect(dataset(noisy, other=COUNTS), role="target")
    assert report.get("counts_elsewhere") is None
    assert report.get("counts_unsure").level == "block"
    assert not report.ok
    mended = apply_fix(dataset(noisy, other=COUNTS), report.get("counts_unsure").fix)
    np.testing.assert_array_equal(mended.X.toarray(), COUNTS)


@pytest.mark.parametrize("name", WRONG)
def test_scaled_values_do_not_take_what_is_not_theirs(name):
    report = inspect(dataset(scaled(logged(COUNTS)), layer=WRONG[name]), role="target")
    assert report.get("counts_elsewhere") is None
    assert not report.ok


def test_scaled_values_take_the_log_values_they_were_made_of():
    adata = dataset(scaled(logged(COUNTS)), shuffled=logged(COUNTS)[::-1], mine=logged(COUNTS))
    assert inspect(adata, role="target").get("unscaled_elsewhere").fix.arguments["where"] == "layers/mine"
    adata = dataset(scaled(logged(COUNTS)), shuffled=logged(COUNTS)[::-1])
    assert inspect(adata, role="target").get("unscaled_elsewhere") is None


@pytest.mark.parametrize("X", [logged(COUNTS), COUNTS])
def test_more_genes_in_raw_are_used(X):
    adata = dataset(X[:, :120], raw=X, kept=COUNTS[:, :120])
    finding = inspect(adata, role="target").get("genes_in_raw")
    assert "'raw'" in finding.text
    assert repaired(adata, adata)[1].n_vars == 300


def test_a_raw_of_other_values_is_not_used():
    adata = dataset(logged(COUNTS)[:, :120], raw=logged(COUNTS[::-1]))
    assert inspect(adata, role="target").get("genes_in_raw") is None
    assert repaired(adata, adata)[1].n_vars == 120


def test_bins_in_the_matrix_give_way_to_the_counts_they_were_made_of():
    adata = dataset(bins(COUNTS), counts=COUNTS)
    finding = inspect(adata, role="target").get("counts_elsewhere")
    assert finding.fix.arguments["where"] == "layers/counts"
    assert inspect(dataset(bins(COUNTS)), role="target").get("values_binned") is not None
