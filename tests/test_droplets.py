"""Barcodes without a cell are known from poor cells, and never get a name."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import io as scipy_io
from scipy import sparse

from sctl import workflow
from sctl.cli import main
from sctl.genes.table import matched
from sctl.io import read, write_h5ad
from sctl.methods import get_method
from sctl.preflight import apply_fix, inspect
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.qc import empty_droplets
from sctl.run import Run

GENES = matched()["human"].head(200).tolist()


def lognormal(n, typical, spread, seed=0):
    return np.rint(np.exp(np.random.default_rng(seed).normal(np.log(typical), spread, n)))


def cells(totals, seed=0, prefix="c"):
    """Two types in turn, with so many counts each; whoever is poor is of no type."""
    rng = np.random.default_rng(seed)
    types = rng.gamma(0.5, 1, size=(2, len(GENES))) + 0.01
    profiles = types[np.arange(len(totals)) % 2]
    profiles[np.asarray(totals) < 60] = types.mean(axis=0)
    X = np.array([rng.multinomial(int(n), p / p.sum()) for n, p in zip(totals, profiles, strict=True)])
    obs = pd.DataFrame({"cell_type": ["a", "b"] * (len(X) // 2)}, index=[f"{prefix}{i}" for i in range(len(X))])
    return AnnData(sparse.csr_matrix(X, dtype=np.float32), obs=obs, var=pd.DataFrame(index=GENES))


def unfiltered(n_cells=60, n_empty=300):
    rng = np.random.default_rng(5)
    return cells(np.r_[rng.integers(2000, 5000, n_cells), rng.integers(1, 40, n_empty)], prefix="t")


FILTERED = {
    "shallow": lognormal(400, 400, 0.1),
    "very shallow": lognormal(400, 60, 0.5),
    "a panel of few genes": lognormal(3000, 50, 1.2),
    "wide": lognormal(3000, 300, 0.9),
    "two sizes of cells": np.r_[lognormal(300, 30_000, 0.7), lognormal(3000, 800, 0.6)],
    "some poor cells": np.r_[lognormal(1000, 3000, 0.7), np.arange(1, 40)],
    "all alike": np.full(100, 7),
    "no counts": np.zeros(50),
    "half without counts": np.r_[np.zeros(500), lognormal(500, 900, 0.5)],
    "one cell": np.array([5.0]),
}


@pytest.mark.parametrize("totals", FILTERED.values(), ids=FILTERED)
def test_poor_cells_are_cells(totals):
    assert empty_droplets(totals) is None


RAW = {
    "two thousand of three": (lognormal(200, 4000, 0.3), np.random.default_rng(0).integers(1, 40, 2800)),
    "all barcodes": (lognormal(3000, 3000, 0.7), np.random.default_rng(0).poisson(lognormal(300_000, 4, 1.2))),
    "shallow cells": (lognormal(500, 500, 0.3), np.random.default_rng(0).integers(1, 25, 2000)),
    "a tenth": (lognormal(900, 3000, 0.5), np.random.default_rng(0).integers(1, 60, 100)),
    "mostly nothing at all": (lognormal(100, 3000, 0.5), np.r_[np.zeros(9000), np.arange(1, 60)]),
}


@pytest.mark.parametrize(("of_cells", "of_empty"), RAW.values(), ids=RAW)
def test_empty_droplets_are_found_and_hardly_a_cell_is_lost(of_cells, of_empty):
    found = empty_droplets(np.r_[of_cells, of_empty])
    assert (of_empty < found.min_counts).mean() > 0.995
    assert (of_cells < found.min_counts).mean() < 0.03
    assert found.n_obs == len(of_cells) + len(of_empty)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=400))
def test_any_counts_are_answered(totals):
    found = empty_droplets(np.array(totals, dtype=float))
    assert found is None or 0 < found.n_empty < len(totals)


def test_an_unfiltered_matrix_is_told_with_a_repair():
    target = unfiltered()
    finding = inspect(target, role="target").get("unfiltered")
    assert finding.level == "warn"
    assert "300 of 360 barcodes" in finding.text
    assert "empty droplets" in finding.text
    assert list(apply_fix(target, finding.fix).obs_names) == [f"t{i}" for i in range(60)]
    assert inspect(apply_fix(target, finding.fix), role="target").get("unfiltered") is None


def test_of_a_source_only_what_has_a_label_counts():
    source = unfiltered()
    source.obs.loc[source.obs_names[60:], "cell_type"] = None
    assert inspect(source, role="source", label_key="cell_type").get("unfiltered") is None


def test_empty_droplets_get_no_name(tmp_path, capsys):
    write_h5ad(cells(np.full(80, 3000), prefix="s"), tmp_path / "source.h5ad")
    write_h5ad(unfiltered(), tmp_path / "target.h5ad")
    paths = ["--source", "source.h5ad", "--target", "target.h5ad", "--out", "out.h5ad"]
    paths = [str(tmp_path / item) if item.endswith(".h5ad") else item for item in paths]
    assert main(["run", *paths, "--label-key", "cell_type", "--quiet", "--param", "n_clusters=2"]) == 0
    said = capsys.readouterr().out
    assert "Warning: The target looks unfiltered" in said
    assert "300 cells dropped: empty droplets, with fewer than" in said
    assert list(read(tmp_path / "out.h5ad").obs_names) == [f"t{i}" for i in range(60)]


@pytest.mark.parametrize("own", [{"min_genes": 1}, {"thresholds": {"total_counts": [1, None]}}])
def test_a_limit_of_the_users_own_decides(own):
    source = cells(np.full(80, 3000), prefix="s")
    params = PreprocessParams.from_dict({"target": own})
    assert prepare_pair(source, unfiltered(), params, label_key="cell_type").pair.target.n_obs == 360


def test_barcodes_without_any_count_are_left_out_in_reading(tmp_path):
    full = cells(np.r_[np.full(20, 500), np.zeros(80)])
    scipy_io.mmwrite(tmp_path / "matrix.mtx", full.X.T.astype(int))
    (tmp_path / "barcodes.tsv").write_text("\n".join(full.obs_names))
    (tmp_path / "features.tsv").write_text("\n".join(f"{name}\t{name}\tGene Expression" for name in GENES))
    back = read(tmp_path)
    assert list(back.obs_names) == list(full.obs_names[:20])
    assert "80 of 100 barcodes" in back.uns["read_notes"]


def test_a_result_after_the_repair_goes_to_the_users_own_cells():
    shuffled = unfiltered()[np.random.default_rng(0).permutation(360)].copy()
    fix = inspect(shuffled, role="target").get("unfiltered").fix
    repaired = apply_fix(shuffled, fix)
    prepared = prepare_pair(cells(np.full(80, 3000), prefix="s"), repaired, label_key="cell_type")
    result = workflow.transfer(prepared.pair, get_method("targetcluster")(n_clusters=2), Run())
    out = workflow.annotated(shuffled, [fix], repaired, result)
    assert list(out.obs_names) == list(repaired.obs_names)
    assert (out.X != repaired.X).nnz == 0
