from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.numerics.normalize import log_normalized
from sctl.preflight import inspect, inspect_pair
from sctl.preprocess import (
    PAPER_FILTERS,
    PreprocessParams,
    RoleParams,
    filter_cells,
    filter_genes,
    linearised,
    log_normalize,
    prepare_pair,
)
from sctl.qc import Thresholds
from sctl.run import Progress, Run
from sctl.simulate import simulate_cells, split_pair, toy_counts


@pytest.fixture
def small() -> AnnData:
    counts = np.array([[5, 0, 1, 9], [5, 3, 0, 0], [0, 0, 0, 2]], dtype=np.float32)
    return AnnData(sparse.csr_matrix(counts), var=pd.DataFrame(index=list("abcd")))


def as_log(adata: AnnData, base: float, to: float | None = None) -> AnnData:
    logs = log_normalized(adata.X, to=to, log="log1p")
    logs.data = logs.data / np.log(base).astype(np.float32)
    return AnnData(logs, obs=adata.obs.copy(), var=adata.var.copy())


def unchanged(adata: AnnData, before: AnnData) -> None:
    assert (adata.X != before.X).nnz == 0
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    pd.testing.assert_frame_equal(adata.var, before.var)
    assert set(adata.layers) == set(before.layers)


# Parameters


def test_params_survive_json():
    params = PreprocessParams(
        source=PAPER_FILTERS, target=RoleParams(thresholds=Thresholds(n_genes=(5, None))), n_top_genes=None, log="log2"
    )
    assert PreprocessParams.from_dict(json.loads(json.dumps(params.to_dict()))) == params


def test_partial_params_have_defaults():
    assert PreprocessParams.from_dict({}) == PreprocessParams()
    assert PreprocessParams.from_dict({"source": {"min_cells": 3}}).source == RoleParams(min_cells=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_top_genes": 5},
        {"n_top_genes": 50.5},
        {"normalize_to": 0},
        {"normalize_to": float("nan")},
        {"log": "ln"},
        {"normalize_on": "some"},
        {"colour": 1},
        {"source": {"min_genes": -1}},
        {"source": {"min_genes": True}},
        {"source": {"max_cell_share": 1.5}},
        {"source": {"min_cell_share": 0.9, "max_cell_share": 0.5}},
        {"target": {"thresholds": {"n_genes": [5, 1]}}},
    ],
)
def test_impossible_params(wrong: dict):
    with pytest.raises(ParameterError):
        PreprocessParams.from_dict(wrong)


# Filters


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (RoleParams(), [0, 1, 2]),
        (RoleParams(min_genes=2), [0, 1]),
        (RoleParams(min_genes=2, expression_threshold=3), [0, 1]),
        (RoleParams(min_genes=2, expression_threshold=4), [0]),
        (RoleParams(thresholds=Thresholds(total_counts=(3, 10))), [1]),
    ],
)
def test_cell_filters(small: AnnData, params: RoleParams, kept: list[int]):
    assert filter_cells(small, params).obs_names.tolist() == [str(i) for i in kept]


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        (RoleParams(), "abcd"),
        (RoleParams(min_cells=2), "ad"),
        (RoleParams(min_cells=1, expression_threshold=3), "abd"),
        (RoleParams(min_cell_share=2 / 3), "ad"),
        (RoleParams(max_cell_share=1 / 3), "bc"),
        # As in the paper: rare is counted from the threshold on, ubiquitous above 0.
        (RoleParams(min_cell_share=0.3, max_cell_share=0.6, expression_threshold=2), "b"),
    ],
)
def test_gene_filters(small: AnnData, params: RoleParams, kept: str):
    assert "".join(filter_genes(small, params).var_names) == kept


def test_nothing_left(small: AnnData):
    with pytest.raises(DataError, match="No cells of the data are left"):
        filter_cells(small, RoleParams(min_genes=9))
    with pytest.raises(DataError, match="No genes of the data are left"):
        filter_genes(small, RoleParams(min_cells=9))


# Normalisation


def test_log_normalise_agrees_with_scanpy(source: AnnData):
    expected = source.copy()
    sc.pp.normalize_total(expected, target_sum=1e4)
    sc.pp.log1p(expected)
    found = log_normalize(source)
    np.testing.assert_allclose(found.X.toarray(), expected.X.toarray(), rtol=1e-5)
    assert (found.layers["counts"] != source.X).nnz == 0
    assert found.X.dtype == np.float32


def test_log2_and_none(small: AnnData):
    counts = small.X.toarray()
    np.testing.assert_allclose(log_normalize(small, to=None, log="log2").X.toarray(), np.log2(counts + 1), rtol=1e-6)
    scaled = log_normalize(small, to=100, log="none").X.toarray()
    np.testing.assert_allclose(scaled, 100 * counts / counts.sum(axis=1, keepdims=True), rtol=1e-6)


def test_an_empty_cell_stays_empty():
    found = log_normalized(sparse.csr_matrix(np.array([[0.0, 0.0], [1.0, 1.0]])))
    assert found.toarray()[0].tolist() == [0, 0]


@pytest.mark.parametrize("base", [2.0, np.e, 10.0])
def test_logarithms_of_counts_give_the_counts_back(source: AnnData, base: float):
    found = log_normalize(as_log(source, base))
    np.testing.assert_array_equal(found.layers["counts"].toarray(), source.X.toarray())


def test_normalised_logarithms_have_no_counts(source: AnnData):
    found = log_normalize(as_log(source, 2.0, to=1e4))
    assert "counts" not in found.layers
    np.testing.assert_allclose(found.X.toarray(), log_normalize(source).X.toarray(), rtol=1e-3)


def test_filters_look_at_linear_values(source: AnnData):
    np.testing.assert_allclose(linearised(as_log(source, 2.0)).X.toarray(), source.X.toarray())


def test_counts_in_a_layer_are_preferred_to_other_values(source: AnnData):
    scaled = AnnData(source.X.toarray() - 1, layers={"counts": source.X.copy()}, obs=source.obs, var=source.var)
    assert (log_normalize(scaled).layers["counts"] != source.X).nnz == 0


# Pairs


def test_defaults_keep_everything_that_can_be_used(source: AnnData, target: AnnData):
    before = source.copy(), target.copy()
    prepared = prepare_pair(source, target, label_key="cell_type", batch_key="donor")
    unchanged(source, before[0])
    unchanged(target, before[1])
    pair = prepared.pair
    assert pair.source.shape == source.shape
    assert pair.target.shape == target.shape
    assert pair.batch_key == "donor"
    np.testing.assert_allclose(pair.source.X.toarray(), log_normalize(source).X.toarray(), rtol=1e-6)
    assert (pair.target.layers["counts"] != target.X).nnz == 0
    assert pair.source.X.dtype == pair.target.X.dtype == np.float32
    assert isinstance(pair.source.obs["cell_type"].dtype, pd.CategoricalDtype)
    assert prepared.report.losses == ()


def test_genes_are_matched_by_name_not_by_place(source: AnnData, target: AnnData, rng: np.random.Generator):
    shuffled = source[:, rng.permutation(source.n_vars)].copy()
    found = prepare_pair(shuffled, target, label_key="cell_type").pair.source
    np.testing.assert_array_equal(found.X.toarray(), log_normalize(source).X.toarray())
    assert found.var_names.equals(target.var_names)


def test_only_shared_genes_are_in_the_pair_and_all_genes_are_kept_aside(source: AnnData, target: AnnData):
    prepared = prepare_pair(source[:, :200], target[:, 100:])
    assert prepared.pair.target.var_names.tolist() == target.var_names[100:200].tolist()
    assert prepared.target_all.var_names.equals(target.var_names[100:])
    shared = prepared.target_all[:, prepared.pair.target.var_names]
    np.testing.assert_allclose(shared.X.toarray(), prepared.pair.target.X.toarray(), rtol=1e-6)
    assert (prepared.target_all.layers["counts"] != target[:, 100:].X).nnz == 0


def test_library_sizes_over_shared_or_all_genes(source: AnnData, target: AnnData):
    panel = target[:, :100].copy()
    shared = prepare_pair(source, panel).pair
    np.testing.assert_allclose(np.expm1(shared.source.X.toarray()).sum(axis=1), 1e4, rtol=1e-4)
    over_all = prepare_pair(source, panel, PreprocessParams(normalize_on="all")).pair
    expected = np.log1p(1e4 * source.X.toarray() / source.X.sum(axis=1))[:, :100]
    np.testing.assert_allclose(over_all.source.X.toarray(), expected, rtol=1e-5)


@pytest.mark.parametrize("base", [2.0, np.e])
def test_log_input_gives_the_same_pair(source: AnnData, target: AnnData, base: float):
    expected = prepare_pair(source, target, label_key="cell_type").pair
    found = prepare_pair(as_log(source, base, to=1e4), as_log(target, base), label_key="cell_type").pair
    np.testing.assert_allclose(found.source.X.toarray(), expected.source.X.toarray(), rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(found.target.X.toarray(), expected.target.X.toarray(), rtol=1e-4)
    assert "counts" not in found.source.layers
    assert "counts" in found.target.layers


def test_dense_and_sparse_give_the_same(source: AnnData, target: AnnData):
    dense = AnnData(source.X.toarray(), obs=source.obs, var=source.var)
    found, expected = (prepare_pair(s, target, label_key="cell_type").pair.source for s in (dense, source))
    assert (found.X != expected.X).nnz == 0


def test_what_cannot_be_used_is_dropped_and_counted(source: AnnData, target: AnnData):
    source, target = source.copy(), target.copy()
    source.obs["cell_type"] = source.obs["cell_type"].astype(object)
    source.obs.iloc[0, source.obs.columns.get_loc("cell_type")] = None
    source.obs.iloc[1, source.obs.columns.get_loc("cell_type")] = " "
    counts = target.X.toarray()
    counts[5] = 0
    counts[:, 7] = 0
    target.X = sparse.csr_matrix(counts)
    counts = source.X.toarray()
    counts[:, 7] = 0
    source.X = sparse.csr_matrix(counts)
    prepared = prepare_pair(source, target, label_key="cell_type")
    assert prepared.pair.source.n_obs == 198
    assert target.obs_names[5] not in prepared.pair.target.obs_names
    assert target.var_names[7] not in prepared.pair.target.var_names
    losses = {(loss.role, loss.what, loss.reason): loss.n for loss in prepared.report.losses}
    assert losses == {
        ("source", "cells", "no label in 'cell_type'"): 2,
        ("target", "cells", "no count in the shared genes"): 1,
        ("pair", "genes", "no count on either side"): 1,
    }
    assert "1 cell dropped: no count in the shared genes." in prepared.report.sentences
    assert json.loads(json.dumps(prepared.report.to_dict()))["n_cells"] == {"source": [200, 198], "target": [80, 79]}


def test_filters_act_on_their_own_side(source: AnnData, target: AnnData):
    totals = np.asarray(target.X.sum(axis=1)).ravel()
    limit = float(np.sort(totals)[10])
    params = PreprocessParams(
        target=RoleParams(thresholds=Thresholds(total_counts=(limit, None))), source=RoleParams(max_cell_share=0.9)
    )
    prepared = prepare_pair(source, target, params, label_key="cell_type")
    assert (prepared.pair.source.n_obs, prepared.pair.target.n_obs) == (200, 70)
    ubiquitous = np.asarray((source.X > 0).sum(axis=0)).ravel() > 180
    assert prepared.pair.source.var_names.tolist() == source.var_names[~ubiquitous].tolist()
    assert prepared.target_all.shape == (70, 300)
    reasons = [loss.reason for loss in prepared.report.losses]
    assert reasons == ["above 0 in more than 90% of the cells", f"total_counts outside {limit:g} to ∞"]


def test_types_that_are_filtered_away_are_no_categories(source: AnnData, target: AnnData):
    some = source[source.obs["cell_type"] != "type A"]
    assert set(prepare_pair(some, target, label_key="cell_type").pair.labels.categories) == {
        "type B",
        "type C",
        "type D",
    }


def test_variable_genes_are_those_of_both_sides():
    source, target = split_pair(simulate_cells(1500, 400), n_source=150, n_target=90)
    pair = prepare_pair(source, target, PreprocessParams(n_top_genes=100)).pair
    marked = pair.source.var["highly_variable"]
    pd.testing.assert_series_equal(marked, pair.target.var["highly_variable"])
    assert marked.sum() == 100
    ranks = [
        sc.pp.highly_variable_genes(side, flavor="seurat", inplace=False)["dispersions_norm"].rank(ascending=False)
        for side in (pair.source, pair.target)
    ]
    mean = (ranks[0] + ranks[1]) / 2
    assert mean[marked.to_numpy()].max() <= mean[~marked.to_numpy()].min()


@pytest.mark.parametrize("log", ["log2", "none"])
def test_variable_genes_do_not_depend_on_the_logarithm(source: AnnData, target: AnnData, log: str):
    found, expected = (
        prepare_pair(source, target, PreprocessParams(n_top_genes=50, log=kind)).pair.source.var["highly_variable"]
        for kind in (log, "log1p")
    )
    assert (found & expected).sum() >= 49  # rounding may swap the last two


def test_all_genes_are_used_where_no_number_is_set(source: AnnData, target: AnnData):
    assert prepare_pair(source, target, PreprocessParams(n_top_genes=None)).pair.source.var["highly_variable"].all()


def test_a_gene_silent_on_one_side_is_ranked_last_there(source: AnnData, target: AnnData):
    counts = target.X.toarray()
    counts[:, :30] = 0
    quiet = AnnData(sparse.csr_matrix(counts), obs=target.obs, var=target.var)
    marked = prepare_pair(source, quiet, PreprocessParams(n_top_genes=100)).pair.target.var["highly_variable"]
    assert marked.sum() == 100
    assert not marked[:30].any()  # of these, ten are marked where they are not silent


def test_one_target_cell(source: AnnData, target: AnnData):
    assert (
        prepare_pair(source, target[:1], PreprocessParams(n_top_genes=50), label_key="cell_type").pair.target.n_obs == 1
    )


def test_progress_and_stop(source: AnnData, target: AnnData):
    seen: list[Progress] = []
    prepare_pair(source, target, run=Run(listener=seen.append))
    assert (seen[-1].done, seen[-1].total) == (4, 4)
    with pytest.raises(Cancelled):
        prepare_pair(source, target, run=Run(cancelled=lambda: True))


# Refusals


def renamed(adata: AnnData, names: list[str], axis: str = "var") -> AnnData:
    out = adata.copy()
    setattr(out, f"{axis}_names", names)
    return out


@pytest.mark.filterwarnings("ignore:(Variable|Observation) names are not unique")  # that is what is tested
@pytest.mark.parametrize(("axis", "what"), [("var", "genes"), ("obs", "cells")])
def test_duplicate_names(source: AnnData, target: AnnData, axis: str, what: str):
    names = getattr(target, f"{axis}_names").tolist()
    with pytest.raises(DataError, match=rf"1 {what} of the target have a name that occurs before.*Fix it"):
        prepare_pair(source, renamed(target, [names[1], *names[1:]], axis))


@pytest.mark.parametrize(
    ("rename", "advice"),
    [
        (lambda i: f"ENSG{i:011d}", "ensembl in the target"),
        (lambda i: f"GENE_{i}", "upper and lower case"),
        (lambda i: f"other_{i}", "same species"),
    ],
)
def test_too_few_shared_genes(source: AnnData, target: AnnData, rename: object, advice: str):
    # Names that look like symbols, so that the kind of identifier is clear.
    symbols = renamed(source, [f"Gene_{i}" for i in range(source.n_vars)])
    with pytest.raises(DataError, match=rf"share 0 genes \(of 300 and 300\).*{advice}"):
        prepare_pair(symbols, renamed(target, [rename(i) for i in range(target.n_vars)]))


def test_gene_filters_that_leave_too_few(source: AnnData, target: AnnData):
    with pytest.raises(DataError, match="shared genes pass the gene filters"):
        prepare_pair(source[:, :60], target, PreprocessParams(source=RoleParams(max_cell_share=0.5)))


def test_scaled_values(source: AnnData, target: AnnData):
    scaled = AnnData(source.X.toarray() - 1, obs=source.obs, var=source.var)
    with pytest.raises(DataError, match="source holds negative values"):
        prepare_pair(scaled, target)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])  # the last is infinite in float32
def test_values_that_are_no_numbers(source: AnnData, target: AnnData, value: float):
    counts = target.X.toarray().astype(np.float64)
    counts[0, 0] = value
    with pytest.raises(DataError, match="target holds values that are not finite"):
        prepare_pair(source, AnnData(counts, obs=target.obs, var=target.var))


def test_a_column_of_barcodes_is_none_of_batches(source: AnnData, target: AnnData):
    given = source.copy()
    given.obs["donor"] = given.obs_names
    with pytest.raises(DataError, match="'donor' has 200 different values for 200 cells of the source"):
        prepare_pair(given, target, batch_key="donor")
    given.obs["donor"] = [number // 2 for number in range(200)]
    prepare_pair(given, target, batch_key="donor")


def test_a_dataset_that_lies_on_disk(source: AnnData, target: AnnData, tmp_path):
    target.write_h5ad(tmp_path / "target.h5ad")
    backed = ad.read_h5ad(tmp_path / "target.h5ad", backed="r")
    prepared = prepare_pair(source, backed, label_key="cell_type")
    assert (prepared.pair.target.X != prepare_pair(source, target, label_key="cell_type").pair.target.X).nnz == 0
    assert inspect(backed, role="target").ok
    assert inspect_pair(source, backed).ok
    assert backed.isbacked


def test_tables_and_sparse_matrices_beside_the_target(source: AnnData, target: AnnData):
    given = target.copy()
    given.obs_names = [str(number) for number in range(target.n_obs)]
    given.obsm["table"] = pd.DataFrame({"x": range(target.n_obs)}, index=given.obs_names)
    given.obsm["sparse"] = sparse.csr_matrix(np.eye(target.n_obs))
    counts = given.X.toarray()
    counts[3] = 0
    given.X = sparse.csr_matrix(counts)
    beside = prepare_pair(source, given).target_all.obsm
    assert beside["table"]["x"].tolist() == [*range(3), *range(4, target.n_obs)]
    assert beside["sparse"].shape == (target.n_obs - 1, target.n_obs)


@pytest.mark.parametrize("key", ["label_key", "batch_key"])
def test_missing_column(source: AnnData, target: AnnData, key: str):
    with pytest.raises(DataError, match=r"no column 'celltype'. It has \['cell_type', 'donor'\]"):
        prepare_pair(source, target, **{key: "celltype"})


@pytest.mark.parametrize("label", [None, "NA", " "])
def test_no_cell_has_a_label(source: AnnData, target: AnnData, label: str | None):
    empty = source.copy()
    empty.obs["cell_type"] = pd.Categorical([label] * 200)
    with pytest.raises(DataError, match="None of the 200 cells of the source has a label in 'cell_type'"):
        prepare_pair(empty, target, label_key="cell_type")


def test_filter_that_takes_all_cells(source: AnnData, target: AnnData):
    with pytest.raises(DataError, match="No cells of the target are left"):
        prepare_pair(source, target, PreprocessParams(target=RoleParams(min_genes=10_000)))


def test_labels_that_say_nothing_or_differ_by_blanks_only() -> None:
    source, target = toy_counts()
    before = source.obs["cell_type"].astype(str).to_numpy()
    labels = np.where(np.arange(200) % 2, before, [f" {name} " for name in before]).astype(object)
    labels[:6] = ["nan", "NA", "", " ", None, "<NA>"]
    source.obs["cell_type"] = labels
    prepared = prepare_pair(source, target, label_key="cell_type")
    assert set(prepared.pair.labels.categories) == set(before)
    assert any("6 cells dropped: no label" in sentence for sentence in prepared.report.sentences)


def test_numbered_labels_lose_the_decimal_point_that_missing_ones_gave_them() -> None:
    source, target = toy_counts()
    source.obs["cell_type"] = source.obs["cell_type"].cat.codes.astype(float).where(np.arange(200) > 2)
    prepared = prepare_pair(source, target, label_key="cell_type")
    assert list(prepared.pair.labels.categories) == ["0", "1", "2", "3"]
