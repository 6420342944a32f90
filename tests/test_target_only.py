"""Genes that the target has and the source lacks, from the files to the result."""

from __future__ import annotations

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from sctl.data import TARGET_ONLY, read_result, write_result
from sctl.io import read, write_h5ad
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.methods.transfercluster import base
from sctl.preprocess import Prepared, PreprocessParams, RoleParams, prepare_pair
from sctl.run import Run
from sctl.simulate import toy_counts

NAMES = f"{TARGET_ONLY}_genes"
TransferCluster = get_method("transfercluster")
TargetCluster = get_method("targetcluster")


@pytest.fixture(scope="module")
def scarce() -> Prepared:
    """60 shared genes, and 240 that only the target has."""
    source, target = toy_counts()
    return prepare_pair(source[:, :60], target, label_key="cell_type")


# -- preparation ---------------------------------------------------------------------------------


def test_own_genes_lie_beside_the_shared_ones_on_the_same_scale(scarce):
    target = scarce.pair.target
    own = target.obsm[TARGET_ONLY]
    assert sparse.issparse(own)
    assert own.shape == (target.n_obs, len(target.uns[NAMES])) == (target.n_obs, 240)
    assert not set(target.uns[NAMES]) & set(target.var_names)
    np.testing.assert_allclose(own.toarray(), scarce.target_all[:, target.uns[NAMES]].X.toarray(), rtol=1e-6)
    assert TARGET_ONLY not in scarce.pair.source.obsm
    assert scarce.report.n_target_only == scarce.report.to_dict()["n_target_only"] == 240
    assert any(line.startswith("240 variable genes of the target") for line in scarce.report.sentences)


def test_without_own_genes_nothing_is_kept(source: AnnData, target: AnnData):
    prepared = prepare_pair(source, target[:, :250], label_key="cell_type")
    assert TARGET_ONLY not in prepared.pair.target.obsm
    assert NAMES not in prepared.pair.target.uns
    assert prepared.report.n_target_only == 0
    assert not any("not in the source" in line for line in prepared.report.sentences)


def test_as_many_own_genes_as_shared_ones_at_most_and_the_most_variable(source: AnnData, target: AnnData):
    prepared = prepare_pair(source[:, :100], target, PreprocessParams(n_top_genes=70), label_key="cell_type")
    others = prepared.target_all[:, 100:].copy()
    sc.pp.highly_variable_genes(others, n_top_genes=70, flavor="seurat")
    assert list(prepared.pair.target.uns[NAMES]) == list(others.var_names[others.var["highly_variable"]])
    assert prepared.report.n_target_only == 70


def test_genes_that_a_filter_took_from_the_source_do_not_come_back(source: AnnData, target: AnnData):
    params = PreprocessParams(source=RoleParams(min_cell_share=0.9), target=RoleParams(min_cells=2))
    prepared = prepare_pair(source[:, :250], target, params, label_key="cell_type")
    assert prepared.pair.target.n_vars < 250
    assert set(prepared.pair.target.uns[NAMES]) <= set(target.var_names[250:])


def test_genes_that_are_zero_everywhere_are_no_own_genes(source: AnnData, target: AnnData):
    counts = target.X.toarray()
    counts[:, 290:] = 0
    given = AnnData(sparse.csr_matrix(counts), obs=target.obs, var=target.var)
    own = prepare_pair(source[:, :250], given, label_key="cell_type").pair.target.uns[NAMES]
    assert list(own) == list(target.var_names[250:290])


def test_the_target_of_a_pair_survives_a_file(scarce, tmp_path):
    write_h5ad(scarce.pair.target, tmp_path / "target.h5ad")
    back = read(tmp_path / "target.h5ad")
    assert list(back.uns[NAMES]) == list(scarce.pair.target.uns[NAMES])
    np.testing.assert_array_equal(
        sparse.csr_matrix(back.obsm[TARGET_ONLY]).toarray(), scarce.pair.target.obsm[TARGET_ONLY].toarray()
    )


# -- methods -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["constant", "covariance"])
def test_theta_zero_is_the_target_alone_with_all_its_genes(scarce, mode):
    zero = fit_transfer(scarce.pair, TransferCluster(theta=0.0, target_genes=mode, n_clusters=4), Run())
    alone = fit_transfer(scarce.pair, TargetCluster(target_genes=mode, n_clusters=4), Run())
    np.testing.assert_array_equal(zero.clusters, alone.clusters)
    np.testing.assert_allclose(zero.embedding, alone.embedding)
    assert zero.diagnostics.target_genes.n_genes == alone.diagnostics.target_genes.n_genes == 240


@pytest.mark.parametrize("settings", [
    {}, {"target_step": "soft"}, {"distances": "all"}, {"criterion": "null_kta"}, {"clusterer": "leiden"},
])  # fmt: skip
@pytest.mark.parametrize("mode", ["constant", "covariance"])
def test_own_genes_find_easy_types(scarce, mode, settings):
    result = fit_transfer(scarce.pair, TransferCluster(target_genes=mode, **settings), Run())
    truth = scarce.pair.target.obs["cell_type"].astype(str)
    assert adjusted_rand_score(truth, result.labels) > 0.9
    assert (result.labels == truth).mean() > 0.9


def test_own_genes_change_what_is_clustered_and_not_what_cells_resemble(scarce):
    results = {
        mode: fit_transfer(scarce.pair, TransferCluster(theta=0.4, target_genes=mode), Run())
        for mode in ("shared", "constant", "covariance")
    }
    shared, constant, covariance = results.values()
    np.testing.assert_array_equal(shared.obsm["loadings"], constant.obsm["loadings"])
    np.testing.assert_array_equal(shared.obsm["rejection"], covariance.obsm["rejection"])
    assert not np.allclose(shared.embedding, constant.embedding)
    assert not np.allclose(constant.embedding, covariance.embedding)
    assert shared.diagnostics.target_genes is None
    assert covariance.diagnostics.target_genes.mode == "covariance"


@pytest.mark.parametrize(("few", "mode"), [(61, "covariance"), (60, "shared")])
def test_own_genes_are_used_by_themselves_where_few_are_shared(scarce, monkeypatch, few, mode):
    monkeypatch.setattr(base, "FEW_GENES", few)
    by_itself, asked = (
        fit_transfer(scarce.pair, TransferCluster(theta=0.4, target_genes=choice), Run()) for choice in ("auto", mode)
    )
    np.testing.assert_array_equal(by_itself.embedding, asked.embedding)
    used = by_itself.diagnostics.target_genes
    assert ("shared" if used is None else used.mode) == mode


def test_without_own_genes_every_choice_is_the_same(pair):
    shared, covariance = (
        fit_transfer(pair, TransferCluster(theta=0.4, target_genes=mode), Run()) for mode in ("shared", "covariance")
    )
    np.testing.assert_array_equal(shared.embedding, covariance.embedding)
    assert covariance.diagnostics.target_genes is None


def test_the_result_fits_the_target_with_all_genes(scarce):
    result = fit_transfer(scarce.pair, TransferCluster(theta=0.4, target_genes="covariance"), Run())
    back = read_result(write_result(scarce.target_all, result), "transfercluster")
    np.testing.assert_array_equal(back.clusters, result.clusters)
    assert back.params["target_genes"] == "covariance"
