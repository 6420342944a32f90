"""Names of genes as files carry them: wrapped, spelled by R, or under another name on the other side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.genes import counterparts, known_spelling, plain_names, with_plain_names
from sctl.genes.spelling import spelling_key
from sctl.genes.table import matched
from sctl.preflight import apply_fix, inspect, inspect_pair
from sctl.preprocess import prepare_pair
from sctl.workflow import repaired

HUMAN = [name for name in matched()["human"] if name.isalnum()][:400]
DASHED = [name for name in matched()["human"] if "-" in name and "." not in name][:40]
IDS = [f"ENSG{number:011d}" for number in range(len(HUMAN))]
CLONES = [f"RP11-{number}P13.{number % 7}" for number in range(100, 130)]

WRAPPED = {
    "bytes": lambda name, _id, _number: f"b'{name}'",
    "bytes in double quotes": lambda name, _id, _number: f'b"{name}"',
    "quotes": lambda name, _id, _number: f'"{name}"',
    "spaces": lambda name, _id, _number: f" {name} ",
    "symbol|number": lambda name, _id, number: f"{name}|{number}",
    "number|symbol": lambda name, _id, number: f"{number}|{name}",
    "symbol_id": lambda name, id_, _number: f"{name}_{id_}",
    "id_symbol": lambda name, id_, _number: f"{id_}_{name}",
    "id.version|symbol": lambda name, id_, number: f"{id_}.{number % 9}|{name}",
    "symbol (id)": lambda name, id_, _number: f"{name} ({id_})",
    "symbol:id": lambda name, id_, _number: f"{name}:{id_}",
    "symbol__chr": lambda name, _id, number: f"{name}__chr{number % 22 + 1}",
    "symbol.chr": lambda name, _id, number: f"{name}.chr{number % 22 + 1}",
    "symbol:biotype": lambda name, _id, number: f"{name}:{('protein_coding', 'lncRNA', 'TEC')[number % 3]}",
    "brackets": lambda name, _id, _number: f"[{name}]",
    "a sign of no width": lambda name, _id, _number: f"{name}\u200b",
    "symbol;number": lambda name, _id, number: f"{name};{number}",
    "symbol_human": lambda name, _id, _number: f"{name}_human",
    "hg19_symbol": lambda name, _id, _number: f"hg19_{name}",
    "GRCh38___symbol": lambda name, _id, _number: f"GRCh38___{name}",
    "bytes of symbol_id": lambda name, id_, _number: f"b'{name}_{id_}'",
    "gene:id": lambda _name, id_, _number: f"gene:{id_}",
}


def data(names, n_obs=60, cell="c", **var):
    rng = np.random.default_rng(4)
    X = rng.poisson(rng.gamma(0.5, 3, size=len(names)), size=(n_obs, len(names))) + 1.0
    obs = pd.DataFrame({"cell_type": ["a", "b", "c"] * (n_obs // 3)}, index=[f"{cell}{i}" for i in range(n_obs)])
    return AnnData(sparse.csr_matrix(X, dtype=np.float32), obs=obs, var=pd.DataFrame(var, index=list(names)))


def shared(source, target):
    source, target, _ = repaired(source, target)
    return prepare_pair(source, target, label_key="cell_type").report.n_shared


@pytest.mark.parametrize("how", WRAPPED)
def test_the_plain_names_come_back_whatever_is_wrapped_around_them(how):
    wrapped = [WRAPPED[how](*parts) for parts in zip(HUMAN, IDS, range(1, 401), strict=True)]
    plain = IDS if how == "gene:id" else HUMAN
    assert list(plain_names(wrapped).names) == plain
    mixed = [*wrapped[:380], *(f"ERCC-{number:05d}" for number in range(20))]  # not every row is wrapped
    assert list(plain_names(mixed).names[:380]) == plain[:380]
    assert list(plain_names(mixed).names[380:]) == mixed[380:]


@pytest.mark.parametrize(
    ("how", "role"),
    [("bytes", "source"), ("symbol|number", "target"), ("symbol_id", "source"), ("hg19_symbol", "target")],
)
def test_wrapped_names_are_repaired_by_themselves_and_named(how, role):
    wrapped = [WRAPPED[how](*parts) for parts in zip(HUMAN, IDS, range(1, 401), strict=True)]
    source, target = (
        data(wrapped if role == "source" else HUMAN),
        data(wrapped if role == "target" else HUMAN, cell="t"),
    )
    found = repaired(source, target)
    assert list(found[0].var_names) == list(found[1].var_names) == HUMAN
    (finding,) = [finding for finding in found[2] if finding.code == "names_wrapped"]
    assert wrapped[0] in finding.text
    assert (source, target)[role == "target"].var_names[0] == wrapped[0]  # what the user gave is left as it is


@pytest.mark.parametrize(
    "names", [HUMAN, IDS, DASHED, CLONES, [f"cell_{i}" for i in range(50)], [str(i) for i in range(50)], [], ["INS"]]
)
def test_names_that_are_plain_stay(names):
    assert plain_names(names).wrappings == ()
    assert list(plain_names(names).names) == list(names)


def test_two_genes_of_one_plain_name_are_not_made_one():
    names = [f"{name}|{number}" for number, name in enumerate([*HUMAN[:50], HUMAN[0]])]
    found = plain_names(names).names
    assert list(found) == [*HUMAN[:50], f"{HUMAN[0]}|50"]


def test_ids_in_the_names_are_kept_for_the_other_side():
    wrapped = data([f"{name}_{id_}" for name, id_ in zip(HUMAN, IDS, strict=True)])
    assert list(with_plain_names(wrapped).var["gene_ids"]) == IDS
    assert list(with_plain_names(wrapped).var["given_name"]) == list(wrapped.var_names)
    assert shared(data(IDS), data(wrapped.var_names, cell="t")) == 400


def test_genes_spelled_by_r_get_their_own_names_and_nothing_is_made_up():
    names = [*DASHED, *CLONES, *HUMAN]
    found = known_spelling(spelling_key(names))
    assert list(found[:40]) == DASHED
    assert list(found[40:70]) == list(spelling_key(CLONES))  # no table holds them
    assert list(found[70:]) == HUMAN


def test_a_known_gene_that_is_there_already_is_not_given_twice():
    names = pd.Index([*spelling_key(DASHED), *DASHED[:3]])
    found = known_spelling(names)
    assert found.is_unique
    assert list(found[:3]) == list(names[:3])


@pytest.mark.parametrize("by_r", ["source", "target", "both"])
def test_genes_spelled_by_r_on_one_side_meet_those_of_the_other(by_r):
    names = [*DASHED, *CLONES, "7SK", "Y_RNA", *HUMAN]
    source = data(spelling_key(names) if by_r in ("source", "both") else names)
    target = data(spelling_key(names) if by_r in ("target", "both") else names, cell="t")
    assert shared(source, target) == len(names)


def test_one_spelling_of_two_genes_is_not_guessed():
    names = ["AB1-2", "AB1.2", *CLONES, *HUMAN]
    other = list(spelling_key(names[2:]))
    found = counterparts(data(names), data(["AB1_2", *other]))
    assert "AB1-2" not in found
    assert "AB1.2" not in found
    assert len(found) == len(CLONES)


COLUMNS = ["gene_ids", "gene_id", "ensembl_id", "feature_id", "ENSEMBL", "Accession", "whatever"]


@pytest.mark.parametrize(
    ("column", "role", "versions"), list(zip(COLUMNS, ["source", "target"] * 4, ["", "", ".7", ".7"] * 2, strict=False))
)
def test_ids_meet_the_table_of_the_other_side(column, role, versions):
    only_ids = data([id_ + versions for id_ in IDS], cell="x")
    both = data(HUMAN, **{column: [f"{id_}.3" for id_ in IDS]})
    source, target = (only_ids, both) if role == "source" else (both, only_ids)
    finding = inspect_pair(source, target).get("names_differ")
    assert finding.fix.arguments["role"] == role  # ids give way to symbols
    assert shared(source, target) == 400


@pytest.mark.parametrize(
    "column", ["gene_name", "feature_name", "gene_symbols", "gene_short_name", "Gene Symbol", "SYMBOL"]
)
def test_symbols_in_the_table_of_one_side_meet_the_names_of_the_other(column):
    assert shared(data(IDS, **{column: HUMAN}), data(HUMAN, cell="t")) == 400


def test_a_table_of_genes_in_raw_is_read_too():
    both = data(HUMAN)
    both.raw = data(HUMAN, gene_ids=IDS)
    assert shared(data(IDS), both) == 400
    both.raw = data(IDS)
    assert shared(data(IDS), AnnData(both.X, obs=both.obs, var=both.var, raw=both.raw)) == 400


def test_names_that_are_partly_ids_meet_too():
    mixed = [*HUMAN[:300], *IDS[300:]]
    assert shared(data(mixed), data(HUMAN, cell="t", gene_ids=IDS)) == 400


def test_entrez_numbers_meet_a_column_of_them_and_are_else_refused():
    numbers = [str(1000 + i) for i in range(400)]
    assert shared(data(numbers), data(HUMAN, cell="t", entrezgene_id=np.arange(1000, 1400))) == 400
    finding = inspect_pair(data(numbers), data(HUMAN)).get("names_differ")
    assert finding.fix is None
    assert "Entrez" in finding.text


def test_a_spelling_that_one_side_is_told_of_is_no_finding_about_both():
    spelled = data([*spelling_key(DASHED), *HUMAN])
    plain = data([*DASHED, *HUMAN], cell="t")
    assert inspect(spelled, role="source").get("names_spelled") is not None
    assert inspect_pair(spelled, plain).get("names_differ") is None
    assert shared(spelled, plain) == 440


def test_names_that_differ_for_another_cause_too_are_still_said():
    spelled = data([*spelling_key(DASHED), *HUMAN])
    other = data([*DASHED, *HUMAN[:380], *IDS[380:]], cell="t", gene_symbols=[*DASHED, *HUMAN])
    assert inspect_pair(spelled, other).get("names_differ").text.startswith("20 genes bear one name")


def test_wrapped_names_are_to_be_repaired_where_nothing_is_shared():
    found = inspect_pair(data([f"{name}_human" for name in HUMAN]), data(HUMAN, cell="t")).get("shared_genes")
    assert found.level == "block"
    assert found.do.startswith("Repair the names of the genes")


def test_ids_that_are_not_unique_or_belong_to_other_genes_name_nothing():
    assert counterparts(data(IDS), data(HUMAN, gene_ids=[IDS[0]] * 400)) == {}
    assert counterparts(data(IDS), data(HUMAN, gene_ids=[f"ENSG9{id_[5:]}" for id_ in IDS])) == {}


def test_a_column_of_the_user_is_not_overwritten_by_former_names():
    source = data([name.lower() for name in HUMAN], gene_id=IDS)
    finding = inspect_pair(source, data(HUMAN)).get("case_differs")
    mended = apply_fix(source, finding.fix, other=data(HUMAN))
    assert list(mended.var["gene_id"]) == IDS
    assert list(mended.var["former_gene_id"]) == list(source.var_names)


def test_counts_in_raw_are_taken_before_names_are_repaired():
    wrapped = [f"{name}_human" for name in HUMAN]
    counts = data(wrapped)
    log = counts[:, :150].copy()
    total = np.asarray(counts.X.sum(axis=1))
    log.X = sparse.csr_matrix(np.log1p(log.X.toarray() / total * 1e4))
    log.raw = counts
    assert shared(data(HUMAN), log) == 400
    assert inspect(log, role="target").get("names_wrapped") is not None
