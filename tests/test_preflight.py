"""Every finding with its level, and every repair: it mends what was found and changes nothing else."""

import re

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError, ParameterError
from sctl.genes.spelling import spelling_key
from sctl.genes.table import matched
from sctl.io import write_h5ad
from sctl.preflight import Fix, Report, apply_fix, inspect, inspect_file, inspect_pair, label_candidates, named_labels
from sctl.preflight.report import Finding

PAIRS = matched().sort_values("n_sources", ascending=False, kind="stable")
HUMAN, MOUSE = PAIRS["human"].tolist(), PAIRS["mouse"].tolist()


BY_R = [*[name for name in HUMAN if "-" in name][:20], *[name for name in HUMAN[:1100] if "-" not in name]]


def data(n_obs=120, names=None, cell="c", **obs):
    """Counts of known human genes, in three cell types."""
    names = list(HUMAN[:1100] if names is None else names)
    rng = np.random.default_rng(3)
    X = rng.poisson(rng.gamma(0.5, 3, size=len(names)), size=(n_obs, len(names)))
    X[:, 0] += 1
    X[0] += 1
    obs = {"cell_type": np.array(["alpha", "beta", "delta"])[np.arange(n_obs) % 3]} | obs
    return AnnData(
        sparse.csr_matrix(X, dtype=np.float32),
        obs=pd.DataFrame(obs, index=[f"{cell}{i}" for i in range(n_obs)]),
        var=pd.DataFrame(index=pd.Index(names, dtype=object)),
    )


def logged(adata, number=np.e, total=1e4):
    out = adata.copy()
    X = adata.X.toarray()
    out.X = sparse.csr_matrix(np.log1p(X / X.sum(1, keepdims=True) * total) / np.log(number), dtype=np.float32)
    return out


def put(adata, row, column, value):
    X = adata.X.toarray()
    X[row, column] = value
    adata.X = sparse.csr_matrix(X)
    return adata


def scaled(adata):
    out = logged(adata)
    X = out.X.toarray()
    out.X = sparse.csr_matrix((X - X.mean(0)) / (X.std(0) + 1e-3))
    return out


def by_gene(adata):
    adata.X = sparse.csr_matrix(adata.X.toarray() * np.random.default_rng(4).uniform(0.4, 1, adata.n_vars))
    return adata


def corrected(adata):
    """Log values from which a random part was taken, beside the counts."""
    out = logged(adata)
    out.layers["counts"] = adata.X.copy()
    out.X.data *= np.random.default_rng(5).uniform(0.5, 1.5, size=out.X.nnz)
    return out


def with_raw(adata, changed):
    changed.raw = adata
    return changed


def with_layer(adata, changed):
    changed.layers["mine"] = adata.X
    return changed


def ids(adata, column=None, version=""):
    if column:
        adata.var[column] = adata.var_names.to_numpy()
    adata.var_names = [f"ENSG{i:011d}{version}" for i in range(adata.n_vars)]
    return adata


def numbered(adata):
    adata.var_names = [str(1000 + i) for i in range(adata.n_vars)]
    return adata


def noted(adata):
    adata.uns["read_notes"] = "x.h5 also holds 3 features of Antibody Capture."
    return adata


def renamed_to(adata, names, axis="var"):
    setattr(adata, f"{axis}_names", list(names))
    return adata


def dup(names):
    return [*names[:2], names[0], *names[3:]]


def only(adata, **obs):
    adata.obs = pd.DataFrame(obs, index=adata.obs_names)
    return adata


def unfiltered():
    adata = data(200)
    X = adata.X.toarray()
    X[80:] *= np.arange(1100) % 60 == 0
    adata.X = sparse.csr_matrix(X)
    return adata


def linear():
    adata = data()
    X = adata.X.toarray()
    adata.X = sparse.csr_matrix(X / X.sum(1, keepdims=True) * 1e6)
    return adata


def swapped():
    return data().T.copy()


TWENTY = ["alpha", "beta"] * 58 + ["rare"] * 4

# code: (dataset, role, level, the fix or None)
ALONE = {
    "values_counts": (data, "source", "ok", None),
    "values_log": (lambda: logged(data(), 2), "source", "advice", "undo_log"),
    "values_log_unsure": (lambda: by_gene(logged(data())), "source", "warn", "undo_log"),
    "values_linear": (linear, "source", "advice", None),
    "values_scaled": (lambda: scaled(data()), "source", "block", None),
    "counts_elsewhere": (lambda: with_raw(data(), logged(data())), "source", "warn", "use_counts"),
    "unscaled_elsewhere": (lambda: with_raw(logged(data()), scaled(data())), "source", "block", "use_counts"),
    "genes_in_raw": (lambda: with_raw(logged(data()), logged(data())[:, :300].copy()), "source", "warn", "use_counts"),
    "counts_unsure": (lambda: corrected(data()), "target", "advice", "choose_values"),
    "values_binned": (lambda: AnnData((data().X > 0) * 1.0, obs=data().obs, var=data().var), "target", "warn", None),
    "names_wrapped": (
        lambda: renamed_to(data(), [f"{name}_human" for name in HUMAN[:1100]]),
        "target",
        "warn",
        "plain_names",
    ),
    "names_spelled": (lambda: renamed_to(data(names=BY_R), spelling_key(BY_R)), "target", "warn", "plain_names"),
    "excel_dates": (lambda: renamed_to(data(), ["1-Mar", "2-Sep", *HUMAN[2:1100]]), "target", "advice", None),
    "missing_values": (lambda: put(data(), 3, 3, np.nan), "target", "block", "set_zero"),
    "infinite_values": (lambda: put(data(), 3, 3, np.inf), "target", "block", "set_zero"),
    "negative_values": (lambda: put(data(), 3, 3, -1), "target", "block", "set_zero"),
    "orientation": (swapped, "target", "block", "transpose"),
    "genes_unknown": (lambda: renamed_to(data(), [f"gene_{i}" for i in range(1100)]), "target", "warn", "transpose"),
    "read_notes": (lambda: noted(data()), "target", "advice", None),
    "duplicate_genes": (lambda: renamed_to(data(), dup(HUMAN[:1100])), "target", "warn", "sum_genes"),
    "duplicate_cells": (lambda: renamed_to(data(), dup(data().obs_names), "obs"), "target", "warn", "unique_cells"),
    "genome_prefix": (
        lambda: renamed_to(data(), [f"hg19_{name}" for name in HUMAN[:1100]]),
        "target",
        "warn",
        "strip_genome",
    ),
    "ensembl_ids": (lambda: ids(data(), "gene_name"), "target", "advice", "use_symbols"),
    "ensembl_versions": (lambda: ids(data(), None, ".2"), "target", "advice", "strip_versions"),
    "entrez_ids": (lambda: numbered(data()), "target", "warn", None),
    "species": (data, "target", "ok", None),
    "all_zero": (lambda: AnnData(data().X * 0, obs=data().obs, var=data().var), "target", "block", None),
    "empty_cells": (lambda: put(data(), 3, slice(None), 0), "target", "advice", "drop_empty_cells"),
    "unfiltered": (unfiltered, "target", "warn", "drop_empty_barcodes"),
    "empty_genes": (lambda: put(data(), slice(None), 3, 0), "target", "advice", None),
    "few_cells": (lambda: data(9), "target", "block", None),
    "small_target": (lambda: data(40), "target", "advice", None),
    "landmarks": (lambda: data(3001), "target", "advice", None),
    "cells": (data, "target", "ok", None),
    "few_genes": (lambda: data(names=HUMAN[:60]), "target", "warn", None),
    "genes": (data, "target", "ok", None),
    "no_labels": (lambda: AnnData(data().X, var=data().var), "source", "warn", None),
    "labels": (data, "source", "ok", None),
    "rare_labels": (lambda: data(cell_type=TWENTY), "source", "warn", "drop_rare_labels"),
    "labels_unsure": (lambda: only(data(), mine=["x", "y"] * 60), "source", "warn", None),
    "labels_spelled_twice": (
        lambda: data(cell_type=["B cell", "b cells", "T"] * 40),
        "source",
        "warn",
        "join_spellings",
    ),
    "unlabelled_cells": (lambda: data(cell_type=[None, "a", "b"] * 40), "source", "warn", "drop_unlabelled"),
    "memory": (data, "target", "ok", None),
}


def unchanged(adata, before):
    assert list(adata.var_names) == list(before.var_names)
    assert list(adata.obs_names) == list(before.obs_names)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    pd.testing.assert_frame_equal(adata.var, before.var)
    np.testing.assert_array_equal(adata.X.toarray(), before.X.toarray())
    return True


@pytest.mark.parametrize("code", ALONE)
@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_each_finding_has_its_level_its_text_and_a_repair_that_mends_it(code, monkeypatch):
    make, role, level, fix = ALONE[code]
    adata = make()
    before = adata.copy()
    report = inspect(adata, role=role)
    finding = report.get(code)
    assert finding is not None, [found.code for found in report]
    assert finding.level == level
    assert finding.text.endswith((".", ";"))
    assert finding.do or level == "ok"
    assert (finding.fix.code if finding.fix else None) == fix
    assert report.ok == (not report.of("block"))
    if finding.fix:
        assert finding.fix.arguments["role"] == role
        mended = apply_fix(adata, finding.fix)
        assert sparse.issparse(mended.X)
        again = inspect(mended, role=role)
        assert again.get(code) is None or code == "genes_unknown"
    assert unchanged(adata, before)


def test_a_good_dataset_gets_no_more_than_ok():
    for role in ("source", "target"):
        assert {finding.level for finding in inspect(data(150), role=role)} == {"ok"}


def test_levels_depend_on_size_and_role():
    assert inspect(data(9), role="source").get("few_cells").level == "warn"
    assert inspect(data(40), role="source").get("small_target") is None
    assert inspect(data(names=HUMAN[:49]), role="target").get("few_genes").level == "block"
    assert inspect(data(), role="target").get("labels") is None
    assert inspect(AnnData(data().X, var=data().var), role="target").get("no_labels") is None


def test_memory_is_compared_with_what_is_free(monkeypatch):
    monkeypatch.setattr("sctl.preflight.matrix.available", lambda: 1000)
    finding = inspect(data(), role="target").get("memory")
    assert finding.level == "warn"
    assert "1.0 kB are free" in finding.text


# --- labels -----------------------------------------------------------------------------------------------


def test_candidates_come_best_first_and_leave_out_what_is_no_label():
    n = 120
    adata = data(
        n,
        barcode=[f"b{i}" for i in range(n)],
        donor=["d1", "d2"] * 60,
        batch=[1, 2] * 60,
        seurat_clusters=pd.Categorical([0, 1, 2] * 40),
        n_genes=np.arange(n) % 30,
        my_labels=["x", "y"] * 60,
        whatever=["u", "v"] * 60,
        one=["same"] * n,
        score=np.linspace(0, 1, n),
        small=[1, 2, 3] * 40,
        leiden=[1, 2, 3] * 40,
    )
    assert label_candidates(adata) == ["cell_type", "my_labels", "seurat_clusters", "leiden", "whatever"]


@pytest.mark.parametrize("name", ["CellType", "celltype", "cell.type", "cell_ontology_class", "annotation", "Annot"])
def test_names_of_cell_type_columns_win(name):
    adata = data(**{"sample_label": ["x", "y"] * 60, name: ["p", "q"] * 60})
    del adata.obs["cell_type"]
    assert label_candidates(adata)[0] == name


def test_a_named_column_is_looked_at():
    adata = data(one=["same"] * 120, many=[f"n{i}" for i in range(120)])
    missing = inspect(adata, role="source", label_key="nope").get("label_missing")
    assert missing.level == "block"
    assert "cell_type" in missing.text
    assert inspect(adata, role="source", label_key="one").get("one_label").level == "warn"
    adata = data(250, many=[f"n{i}" for i in range(250)])
    assert inspect(adata, role="source", label_key="many").get("many_labels").level == "warn"


@pytest.mark.parametrize("categorical", [True, False])
def test_rare_and_missing_labels_go_without_trace(categorical):
    adata = data(cell_type=[None, *TWENTY[1:]])
    if categorical:
        adata.obs["cell_type"] = adata.obs["cell_type"].astype("category")
    report = inspect(adata, role="source")
    few = apply_fix(adata, report.get("rare_labels").fix)
    assert few.n_obs == 116
    assert set(few.obs["cell_type"].dropna()) == {"alpha", "beta"}
    none = apply_fix(few, report.get("unlabelled_cells").fix)
    assert none.n_obs == 115
    if categorical:
        assert list(none.obs["cell_type"].cat.categories) == ["alpha", "beta"]
    with pytest.raises(DataError, match="Every label"):
        apply_fix(data(9), Fix("drop_rare_labels", "", {"label_key": "cell_type", "min_cells": 10}))


# --- repairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [with_raw, with_layer])
@pytest.mark.parametrize("change", [logged, scaled])
def test_counts_are_found_where_they_lie(place, change):
    counts = data()
    adata = place(counts, change(counts))
    finding = inspect(adata, role="target").get("counts_elsewhere")
    assert finding.level == ("block" if change is scaled else "warn")
    mended = apply_fix(adata, finding.fix)
    np.testing.assert_array_equal(mended.X.toarray(), counts.X.toarray())
    assert list(mended.obs["cell_type"]) == list(counts.obs["cell_type"])


def test_counts_in_raw_bring_back_all_genes_and_win_over_a_layer_with_fewer():
    counts = data()
    adata = with_raw(counts, logged(counts)[:, :60].copy())
    adata.obsm["X_pca"] = np.ones((120, 2))
    mended = apply_fix(adata, inspect(adata, role="target").get("counts_elsewhere").fix)
    assert mended.n_vars == 1100
    assert "X_pca" in mended.obsm
    adata.layers["raw_counts"] = counts[:, :60].X
    assert inspect(adata, role="target").get("counts_elsewhere").fix.arguments["where"] == "raw"


def test_among_equal_counts_the_layer_called_counts_wins():
    counts = data()
    adata = logged(counts)
    adata.layers["spliced"] = counts.X
    adata.layers["raw_counts"] = counts.X
    assert inspect(adata, role="target").get("counts_elsewhere").fix.arguments["where"] == "layers/raw_counts"


def test_a_repair_whose_source_is_gone_says_so():
    for where in ("raw", "layers/x"):
        with pytest.raises(DataError, match="not there"):
            apply_fix(data(), Fix("use_counts", "", {"where": where}))


@pytest.mark.parametrize(("base", "number"), [("e", np.e), ("2", 2), ("10", 10)])
def test_undoing_the_logarithm_gives_back_the_values(base, number):
    counts = data()
    X = counts.X.toarray()
    logs = logged(counts, number)
    fix = inspect(logs, role="target").get("values_log").fix
    assert fix.arguments["base"] == base
    np.testing.assert_allclose(apply_fix(logs, fix).X.toarray(), X / X.sum(1, keepdims=True) * 1e4, rtol=1e-4)
    plain = counts.copy()
    plain.X = sparse.csr_matrix(np.log1p(X) / np.log(number), dtype=np.float32)
    np.testing.assert_array_equal(apply_fix(plain, inspect(plain, role="target").get("values_log").fix).X.toarray(), X)


@pytest.mark.parametrize(("what", "value"), [("missing", np.nan), ("infinite", -np.inf), ("negative", -2)])
def test_only_the_wrong_values_become_zero(what, value):
    good = data()
    mended = apply_fix(put(data(), 3, 3, value), Fix("set_zero", "", {"what": what}))
    np.testing.assert_array_equal(mended.X.toarray(), put(good, 3, 3, 0).X.toarray())


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_genes_of_one_name_are_added_up_in_every_layer():
    adata = renamed_to(data(), dup(HUMAN[:1100]))
    adata.layers["counts"] = adata.X.copy()
    mended = apply_fix(adata, Fix("sum_genes", ""))
    X = adata.X.toarray()
    for values in (mended.X, mended.layers["counts"]):
        np.testing.assert_array_equal(values[:, 0].toarray().ravel(), X[:, 0] + X[:, 2])
        np.testing.assert_array_equal(values[:, 2:].toarray(), X[:, 3:])
    assert mended.var_names.is_unique


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_log_values_of_one_name_are_numbered_instead():
    adata = renamed_to(logged(data()), ["A1", "A1", "A1-1", "A1", *HUMAN[4:1100]])
    fix = inspect(adata, role="target").get("duplicate_genes").fix
    assert fix.code == "unique_genes"
    mended = apply_fix(adata, fix)
    assert list(mended.var_names[:4]) == ["A1", "A1-2", "A1-1", "A1-3"]
    assert mended.var_names.is_unique


def test_an_unknown_repair_is_refused():
    with pytest.raises(ParameterError, match="'magic'"):
        apply_fix(data(), Fix("magic", "Do magic"))
    with pytest.raises(ParameterError, match="other dataset"):
        apply_fix(data(), Fix("match_case", ""))


# --- pairs ------------------------------------------------------------------------------------------------


def pair(source, target):
    return source, renamed_to(target, [f"t{i}" for i in range(target.n_obs)], "obs")


def test_a_good_pair():
    report = inspect_pair(*pair(data(), data()), label_key="cell_type")
    assert {finding.level for finding in report} == {"ok"}
    assert report.get("labels") is not None


@pytest.mark.parametrize(("shared", "level"), [(49, "block"), (50, "warn"), (999, "warn"), (1000, "ok")])
def test_shared_genes_have_two_limits(shared, level):
    names = HUMAN[:shared] + HUMAN[2000 : 2000 + 1100 - shared]
    finding = inspect_pair(*pair(data(), data(names=names))).get("shared_genes")
    assert finding.level == level
    assert f"share {shared:,} genes" in finding.text


def repaired(source, target, code, fix):
    report = inspect_pair(source, target)
    assert report.get("shared_genes").level == "block"
    finding = report.get(code)
    assert finding.level == "warn"
    assert finding.fix.code == fix
    role = finding.fix.arguments["role"]
    before = (source.copy(), target.copy())
    if role == "source":
        mended = (apply_fix(source, finding.fix, other=target), target)
    else:
        mended = (source, apply_fix(target, finding.fix, other=source))
    unchanged(source, before[0])
    unchanged(target, before[1])
    assert inspect_pair(*mended).get(code) is None
    assert inspect_pair(*mended).get("shared_genes").level == "ok"
    return role


@pytest.mark.parametrize("swap", [True, False])
def test_another_species_is_mapped_to_the_targets(swap):
    source, target = pair(data(names=MOUSE[:1100]), data())
    if swap:
        source, target = target, source
    assert repaired(source, target, "species_differ", "map_orthologs") == "source"
    fix = inspect_pair(source, target).get("species_differ").fix
    assert fix.arguments["to"] == ("mouse" if swap else "human")


@pytest.mark.parametrize("role", ["source", "target"])
def test_ids_on_one_side_are_replaced_by_the_symbols_beside_them(role):
    source, target = pair(data(), data())
    ids(source if role == "source" else target, "Symbol")
    assert repaired(source, target, "names_differ", "use_symbols") == role


def test_ids_without_symbols_get_advice_alone():
    source, target = pair(ids(data()), data())
    finding = inspect_pair(source, target).get("names_differ")
    assert finding.fix is None
    assert "Export one of the two again" in finding.do


@pytest.mark.parametrize("role", ["source", "target"])
def test_versions_that_differ_are_removed(role):
    source, target = pair(ids(data()), ids(data()))
    ids(source if role == "source" else target, None, ".7")
    assert repaired(source, target, "versions_differ", "strip_versions") == role


def test_capitals_that_differ_are_matched():
    source, target = pair(data(names=[name.lower() for name in HUMAN[:1100]]), data())
    assert repaired(source, target, "case_differs", "match_case") == "source"


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_repairs_keep_tables_and_sparse_matrices_of_the_cells():
    for adata, fix in (
        (with_raw(data(), scaled(data())), Fix("use_counts", "", {"where": "raw"})),
        (renamed_to(data(), dup(HUMAN[:1100])), Fix("sum_genes", "")),
    ):
        adata.obsm["table"] = pd.DataFrame({"x": range(adata.n_obs)}, index=adata.obs_names)
        adata.obsm["sparse"] = sparse.csr_matrix(np.eye(adata.n_obs))
        mended = apply_fix(adata, fix)
        assert mended.obsm["table"].equals(adata.obsm["table"])
        assert (mended.obsm["sparse"] != adata.obsm["sparse"]).nnz == 0


def test_capitals_alone_make_no_species():
    names = [f"Locus{number}" for number in range(1100)]
    source, target = pair(data(names=names), data(names=[name.upper() for name in names]))
    assert repaired(source, target, "case_differs", "match_case") == "source"


def test_values_beyond_single_precision_count_as_infinite():
    adata = data()
    adata.X = adata.X.astype(np.float64)
    report = inspect(put(adata, 3, 3, 1e300), role="target")
    assert report.get("infinite_values").text.startswith("1 value of the target is infinite, or too large")
    assert np.isfinite(apply_fix(put(adata, 3, 3, 1e300), report.get("infinite_values").fix).X.astype(np.float32).sum())


def test_ids_of_two_species_cannot_be_mapped_yet():
    source, target = pair(ids(data()), ids(data()))
    target.var_names = target.var_names.str.replace("ENSG", "ENSMUSG")
    finding = inspect_pair(source, target).get("species_differ")
    assert finding.fix is None
    assert "symbols" in finding.do


def test_different_values_and_the_same_cells_are_noticed():
    assert inspect_pair(*pair(data(), logged(data()))).get("values_differ").level == "advice"
    assert inspect_pair(data(), data()).get("same_cells").level == "warn"
    assert inspect_pair(data(), data(), label_key="nope").ok is False


# --- reports and files ------------------------------------------------------------------------------------


def test_reports_are_sorted_and_can_be_added():
    ok, block, warn = (Finding(level, level, "Text.") for level in ("ok", "block", "warn"))
    both = Report((ok,)) + Report((warn, block))
    assert [finding.level for finding in both] == ["block", "warn", "ok"]
    assert both.fixes == ()
    assert both.get("nothing") is None


def test_a_file_is_read_and_looked_at(tmp_path):
    write_h5ad(data(9), tmp_path / "x.h5ad")
    adata, report = inspect_file(tmp_path / "x.h5ad")
    assert adata.n_obs == 9
    assert not report.ok
    with pytest.raises(DataError):
        inspect_file(tmp_path / "gone.h5ad")


def test_every_repair_has_been_tried():
    from sctl.preflight.fixes import _FIXES  # noqa: PLC0415 - only here

    tried = {fix for *_, fix in ALONE.values() if fix}
    assert set(_FIXES) == tried | {"unique_genes", "map_orthologs", "sum_layers"}


def test_every_repair_says_what_it_has_done():
    from sctl.preflight.fixes import _FIXES, NEED_OTHER  # noqa: PLC0415 - only here

    settings = {"role": "source", "where": "layers/raw", "genome": "hg19_", "to": "mouse", "what": "missing"}
    numbers = {"min_cells": 10, "min_counts": 100}
    said = {code: Fix(code, "", {**settings, **numbers}).done for code in {*_FIXES, *NEED_OTHER}}
    assert all(re.fullmatch(r"(?:[A-Z]|').*\b(?:was|were) .*[a-z0]\.", text) for text in said.values()), said
    assert said["plain_names"] == "The plain names were used."
    assert said["use_counts"] == "The values from 'raw' were used."
    assert said["match_names"] == "The genes of the source were named as the target names them."


def test_labels_that_say_nothing_count_as_missing():
    labels = ["nan", " ", "NA"] * 2 + ["alpha", " beta"] * 57
    adata = data(cell_type=labels)
    report = inspect(adata, role="source")
    assert "6 of 120 cells" in report.get("unlabelled_cells").text
    assert apply_fix(adata, report.get("unlabelled_cells").fix).n_obs == 114


def test_only_names_that_are_dates_are_dates():
    names = ["MARCH1", "SEPT2", "DEC1", "OCT4", "1-Mar", "Mar-01", "2001-03-01", *HUMAN[7:1100]]
    finding = inspect(renamed_to(data(), names), role="target").get("excel_dates")
    assert finding.text.startswith("3 genes")


def test_where_names_cannot_be_repaired_here_the_refusal_says_what_to_do():
    finding = inspect_pair(data(), ids(data())).get("shared_genes")
    assert finding.level == "block"
    assert "Export one of the two again" in finding.do


DESIGN = {
    "HTO_classification.global": ["Singlet", "Doublet", "Negative"],
    "hash.ID": ["HTO1", "HTO2"],
    "stim": ["CTRL", "STIM"],
    "genotype": ["WT", "KO"],
    "DF.classifications_0.25_0.09_13": ["Singlet", "Doublet"],
    "timepoint": ["d0", "d7"],
    "chain": ["TRA", "TRB"],
    "label": ["control", "treated"],
    "group": ["x", "y"],
    "cluster_of_samples": ["x", "y"],
    "arm": ["day 1", "day 2"],
    "sample_annotation": ["x", "y"],
}


@pytest.mark.parametrize("name", DESIGN)
def test_a_column_of_an_experiment_is_never_taken_for_cell_types(name):
    values = DESIGN[name]
    adata = only(data(), **{name: [values[i % len(values)] for i in range(120)]})
    assert named_labels(adata) == []
    report = inspect(adata, role="source")
    assert report.get("labels") is None
    assert (report.get("no_labels") or report.get("labels_unsure")).level == "warn"


@pytest.mark.parametrize("name", ["cell_type", "annotation", "label", "cell_state", "louvain", "population"])
def test_a_column_named_for_cell_types_is_taken(name):
    assert named_labels(only(data(), **{name: ["alpha", "beta", "delta"] * 40, "mine": ["x", "y"] * 60})) == [name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("beta", "Beta"),
        ("beta cell", "beta  cell"),
        ("beta cell", "beta\u00a0cell"),
        ("beta", "beta\u200b"),
        ("beta_cell", "beta-cells"),
        ("β", "beta"),
        ("naïve B", "naive B"),
        ("neuron", "Neurons"),
    ],
)
def test_types_in_two_spellings_are_named_and_joined(one, other):
    adata = data(cell_type=[one, other, one, "else", "unknown", None] * 20)
    finding = inspect(adata, role="source").get("labels_spelled_twice")
    assert f"{one!r} and {other!r}" in finding.text
    joined = apply_fix(adata, finding.fix).obs["cell_type"]
    assert joined.value_counts().to_dict() == {one: 60, "else": 20, "unknown": 20}
    assert joined.isna().sum() == 20


@pytest.mark.parametrize("types", [("CD4+", "CD4-"), ("T1", "T2"), ("CD4- T", "CD4 T"), ("Th1", "Th17"), ("B", "T")])
def test_types_that_signs_and_numbers_tell_apart_are_two(types):
    assert inspect(data(cell_type=list(types) * 60), role="source").get("labels_spelled_twice") is None


def test_counts_that_were_corrected_are_no_logarithms():
    adata = data()
    adata.X = sparse.csr_matrix(np.minimum(np.random.default_rng(1).gamma(0.2, 2, adata.shape), 18))
    report = inspect(adata, role="target")
    assert report.get("values_linear").level == "advice"
    assert report.get("values_log") is None
    assert report.get("values_log_unsure") is None


def test_counts_from_raw_keep_the_symbols_that_stand_beside_the_log_values():
    counts = data()
    counts.var_names = [f"ENSG{i:011d}" for i in range(1100)]
    adata = logged(counts)
    adata.var["feature_name"] = HUMAN[:1100]
    adata.raw = counts
    out = apply_fix(adata, inspect(adata, role="target").get("counts_elsewhere").fix)
    assert out.var["feature_name"].tolist() == HUMAN[:1100]
    assert (out.X != counts.X).nnz == 0


def test_numbered_clusters_may_have_gaps():
    assert label_candidates(data(cluster=[np.nan, 0.0, 1.0] * 40))[-1] == "cluster"
    assert "cluster" not in label_candidates(data(cluster=[0.5, 0.0, 1.0] * 40))
