from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.data import (
    ClusterTable,
    ConsensusClustering,
    Decoder,
    Depths,
    Diagnostics,
    FineTuning,
    FineTuningComparison,
    FoundGroups,
    GenesFound,
    KeptStage,
    MergedClusters,
    NoveltyModel,
    Pair,
    ReferenceMapping,
    Refreshes,
    SourceTransferability,
    StageTypes,
    TargetOnlyGenes,
    ThetaCurve,
    TrainingLog,
    TrainingPhase,
    TransferResult,
    from_uns,
    read_result,
    result_only,
    slot,
    to_uns,
    writable,
    write_result,
)
from sctl.errors import DataError, ParameterError

LABELS = ("B/NK", "α-cell", "T cell")
EVERYTHING = Diagnostics(
    theta=ThetaCurve(
        theta=0.5, chosen_by="balanced", thetas=(0.0, 0.5), scores={"kta": (0.1, 0.2)}, warnings=("The curve is flat.",)
    ),
    clustering=ConsensusClustering(n_clusters=2, n_landmarks=10, n_source_cells=5),
    transferability=SourceTransferability(score=0.6, p_value=0.01),
    source_groups=FoundGroups(tried=(2, 3), errors=(0.5, 0.4), chosen=2),
    target_genes=TargetOnlyGenes(mode="covariance", n_genes=7),
    merged_subpopulations=(),
    rejection_scores=("margin", "entropy"),
    depths=Depths(source=100.0, target=50.0, source_counts=1000.0, target_counts=400.0),
    confidence_threshold=0.3,
    training=TrainingLog(
        logs={
            name: TrainingPhase(
                phase=name, train=(2.0, 1.0), validation=(float("nan"),) * 2, best_epoch=1, stopped_early=True,
                metrics={"kl": (0.5, 0.25)},
            )
            for name in ("Adapt to your data", "Learn the reference")
        },
        phases=("Learn the reference", "Adapt to your data"),
    ),
    genes=GenesFound(missing=1, lacking=("gene/1",), found_share=0.9),
    warnings=("Genes are missing.",),
    kept=KeptStage(
        answer="before", cluster_types=("α-cell",), types=StageTypes(before=("α-cell",), after=("α-cell", "unassigned"))
    ),
    fine_tuning=FineTuning(
        comparison=FineTuningComparison(
            silhouette_before=0.1, silhouette_after=0.2, silhouette_own=0.3, confidence_before=0.4, confidence_after=0.5,
            flipped=0.6, recommended="after",
        ),
        explained=False,
        cluster_table=ClusterTable(
            cluster=("α-cell",), type=("α-cell",), cells_before=(3,), cells_after=(4,), confidence=(0.5,),
            confidence_released=(0.75,),
        ),
        merged=MergedClusters(cluster=(), by=(), cells_before=(), cells_moved=()),
        refreshes=Refreshes(changed=(1.0, 0.5), loss=(0.25, float("nan")), sizes=((3, 1), (2, 2)), settled=True),
        trajectory_refreshes=(0,),
    ),
    mapping=ReferenceMapping(
        drift=0.0, n_trained=3, n_weights=9, conditions=("a", "b"), n_new_conditions=1, adaptors={"b": {"w": np.array([1.5])}},
        reference_id="x", lineage=(), notes=("It was mapped as it is.",),
    ),
    novelty=NoveltyModel(
        center=(0.0, 1.0, 2.0), scale=(1.0, 1.0, 1.0), coefficients=(0.5, 0.5, 0.5), constant=-1.0, threshold=0.5, usual=0.1,
        accuracy=0.9, kept=0.95, flagged=float("nan"), auroc=0.8, shift=0.25,
    ),
    novelty_columns=("unknown", "ambiguity"),
    decoder=Decoder(beta=1.5, loss="rate"),
    n_neighbors_tried=(2, 3),
)  # fmt: skip
"""A report on every subject."""


@pytest.fixture
def result(pair: Pair, rng: np.random.Generator) -> TransferResult:
    """An answer with every slot in use, and names that files do not like."""
    n = pair.target.n_obs
    clusters = rng.integers(0, 2, size=n)
    clusters[:2] = [-1, 1]
    labels = np.array(LABELS)[rng.integers(0, 3, size=n)]
    labels = labels.astype(object)
    labels[3] = "unassigned"
    return TransferResult(
        method="toy",
        obs_names=pair.target.obs_names,
        clusters=clusters,
        cluster_names=("1/2", "β"),
        proba=rng.dirichlet([1, 1], size=n),
        labels=labels,
        label_names=LABELS,
        label_proba=rng.dirichlet([1, 1, 1], size=n),
        confidence=rng.random(n),
        embedding=rng.normal(size=(n, 3)).astype(np.float32),
        params={"theta": None, "grid": (0.0, 0.5), "name": "a/b", "flag": True},
        seed=7,
        version="0.1.0",
        var_names=tuple(pair.target.var_names[:5]),
        obsm={"loadings": rng.random((n, 2))},
        obsp={"consensus": sparse.csr_matrix(rng.integers(0, 2, size=(n, n)).astype(float))},
        varm={"dictionary": rng.random((5, 3))},
        diagnostics=EVERYTHING,
    )


def same(left: TransferResult, right: TransferResult) -> None:
    for name in ("method", "cluster_names", "label_names", "seed", "version"):
        assert getattr(left, name) == getattr(right, name), name
    assert left.obs_names.equals(right.obs_names)
    for name in ("clusters", "proba", "label_proba", "confidence", "embedding"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    assert left.labels.tolist() == right.labels.tolist()
    assert set(left.obsm) == set(right.obsm) == {"loadings"}
    np.testing.assert_array_equal(left.obsm["loadings"], right.obsm["loadings"])
    assert (left.obsp["consensus"] != right.obsp["consensus"]).nnz == 0


@pytest.mark.parametrize("whole", [True, False], ids=["target", "result only"])
def test_a_result_survives_a_file(pair: Pair, result: TransferResult, whole: bool, tmp_path: Path):
    written = write_result(pair.target, result) if whole else result_only(result)
    written.write_h5ad(tmp_path / "out.h5ad")
    found = read_result(ad.read_h5ad(tmp_path / "out.h5ad"), "toy")
    same(found, result)
    rows = [found.var_names.index(name) for name in result.var_names]
    np.testing.assert_array_equal(found.varm["dictionary"][rows], result.varm["dictionary"])
    assert found.params["name"] == "a/b"
    assert bool(found.params["flag"]) is True
    np.testing.assert_array_equal(found.params["grid"], [0.0, 0.5])
    assert repr(found.diagnostics) == repr(result.diagnostics)


def test_what_was_not_reported_is_not_written(pair: Pair, result: TransferResult):
    written = write_result(pair.target, replace(result, diagnostics=Diagnostics())).uns["sctl_toy"]
    assert set(written) == {"method", "params", "seed", "version", "clusters", "labels"}
    known = Diagnostics(merged_subpopulations=(), warnings=(), confidence_threshold=0.0)
    assert to_uns(known) == {"merged_subpopulations": [], "confidence_threshold": 0.0}  # looked for, and none was there


def test_keys_of_diagnostics_are_those_users_know():
    curve = ThetaCurve(theta=0.5, chosen_by="kta", thetas=(0.0, 0.5), scores={"kta": (0.1, 0.2)}, warnings=("flat",))
    depths = Depths(source=5.0, target=3.0)
    assert to_uns(Diagnostics(theta=curve, depths=depths)) == {
        "theta": 0.5,
        "theta_chosen_by": "kta",
        "thetas": [0.0, 0.5],
        "kta": [0.1, 0.2],
        "doubts": ["flat"],
        "depth": {"source": 5.0, "target": 3.0},
    }
    phase = TrainingPhase(
        phase="a", train=(2.0,), validation=(3.0,), best_epoch=0, stopped_early=False, metrics={"kl": (1.0,)}
    )
    assert to_uns(TrainingLog(logs={"a": phase}))["training"]["a"] == {
        "phase": "a", "train": [2.0], "validation": [3.0], "best_epoch": 0, "stopped_early": False, "kl": [1.0],
    }  # fmt: skip


def test_scores_of_a_curve_and_of_a_clustering_are_told_apart():
    assert from_uns(Diagnostics, {"kta": 0.5}) == Diagnostics(scores={"kta": 0.5})
    curve = ThetaCurve(theta=0.0, chosen_by="hand", thetas=(0.0,), scores={"kta": (0.5,)})
    assert from_uns(Diagnostics, to_uns(Diagnostics(theta=curve))) == Diagnostics(theta=curve)


@pytest.mark.parametrize(
    "values",
    [
        {"theta": "much", "theta_chosen_by": "kta", "thetas": []},
        {"depth": {"source": 1.0}},
        {"decoder": {"beta": 1.0, "loss": "x"}},
    ],
)
def test_damaged_diagnostics_are_refused(values: dict[str, object]):
    with pytest.raises(ValueError, match=r"could not convert|missing|none of"):
        from_uns(Diagnostics, values)


def test_writing_twice_is_writing_once(pair: Pair, result: TransferResult, tmp_path: Path):
    result_only(result).write_h5ad(tmp_path / "a.h5ad")
    again = read_result(ad.read_h5ad(tmp_path / "a.h5ad"), "toy")
    result_only(again).write_h5ad(tmp_path / "b.h5ad")
    same(read_result(ad.read_h5ad(tmp_path / "b.h5ad"), "toy"), result)


def test_slots(pair: Pair, result: TransferResult):
    out = write_result(pair.target, result)
    assert list(out.obs["sctl_toy"].cat.categories) == ["1/2", "β"]
    assert pd.isna(out.obs["sctl_toy"].iloc[0])
    assert out.obs["sctl_toy"].iloc[1] == "β"
    assert out.obs["sctl_toy_label"].tolist() == result.labels.tolist()
    assert list(out.obs["sctl_toy_label"].cat.categories) == [*LABELS, "unassigned"]
    assert out.obs["sctl_toy_confidence"].between(0, 1).all()
    assert {"X_sctl_toy", "sctl_toy_proba", "sctl_toy_label_proba", "sctl_toy_loadings"} <= set(out.obsm)
    assert list(out.uns["sctl_toy"]["labels"]) == list(LABELS)
    assert out.varm["sctl_toy_dictionary"].shape == (pair.target.n_vars, 3)
    assert np.isnan(out.varm["sctl_toy_dictionary"][5:]).all()


def test_inputs_are_unchanged(pair: Pair, result: TransferResult):
    before = pair.target.copy()
    kept = {item.name: getattr(result, item.name) for item in fields(result)}
    copies = {name: value.copy() for name, value in kept.items() if isinstance(value, np.ndarray)}
    out = write_result(pair.target, result)
    out.X.data[:] = 0
    out.obsm["sctl_toy_proba"][:] = 9
    out.obsm["X_sctl_toy"][:] = 9
    out.obsm["sctl_toy_loadings"][:] = 9
    out.obsp["sctl_toy_consensus"].data[:] = 9
    assert (pair.target.X != before.X).nnz == 0
    assert list(pair.target.obs) == list(before.obs)
    assert not pair.target.uns
    assert not pair.target.obsm
    for name, value in copies.items():
        np.testing.assert_array_equal(getattr(result, name), value, err_msg=name)
    assert result.obsm["loadings"].max() <= 1
    assert result.obsp["consensus"].max() <= 1


def test_reading_gives_values_of_its_own(pair: Pair, result: TransferResult):
    out = write_result(pair.target, result)
    found = read_result(out, "toy")
    assert "method" in out.uns["sctl_toy"]
    same(found, result)


def test_more_cells_than_the_result_are_dropped(pair: Pair, result: TransferResult):
    some = replace(
        result,
        obs_names=result.obs_names[5:9],
        **{
            name: getattr(result, name)[5:9]
            for name in ("clusters", "proba", "labels", "label_proba", "confidence", "embedding")
        },
        obsm={},
        obsp={},
    )
    assert write_result(pair.target, some).obs_names.tolist() == pair.target.obs_names[5:9].tolist()


def test_a_result_of_other_cells_is_refused(pair: Pair, result: TransferResult):
    with pytest.raises(DataError, match="75 cells of the result are not in the target"):
        write_result(pair.target[:5], result)


def test_another_key(pair: Pair, result: TransferResult):
    out = write_result(pair.target, result, key_added="mine")
    assert {"mine", "mine_label", "mine_confidence"} <= set(out.obs)
    assert "mine" in out.uns


def test_methods_whose_names_begin_alike_do_not_mix(pair: Pair, result: TransferResult):
    longer = replace(result, method="toy_net", obsm={"other": np.ones((result.n_obs, 1))}, varm={}, obsp={})
    both = write_result(write_result(pair.target, result), longer)
    same(read_result(both, "toy"), result)
    assert set(read_result(both, "toy_net").obsm) == {"other"}


def test_missing_results(pair: Pair, result: TransferResult):
    with pytest.raises(ParameterError, match="No method has been run"):
        read_result(pair.target, "toy")
    with pytest.raises(ParameterError, match=r"There are results of \['toy'\]"):
        read_result(write_result(pair.target, result), "itclust")


def test_writable():
    given = {"a/b": (1, 2.5), 3: {"x": None, "y": ("p", "q")}, "none": None, "empty": (), "flags": [True, False]}
    found = writable(given)
    assert set(found) == {"a|b", "3", "empty", "flags"}
    np.testing.assert_array_equal(found["a|b"], [1, 2.5])
    assert found["3"] == {"y": ["p", "q"]}
    assert given["a/b"] == (1, 2.5)


def test_slot():
    assert slot("itclust") == "sctl_itclust"


# Pairs


def test_pair_labels_are_used_types_only(pair: Pair):
    some = pair.source[pair.source.obs["cell_type"] != "type A"].copy()
    assert list(replace(pair, source=some).labels.categories) == ["type B", "type C", "type D"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pair: {"target": pair.target[:, ::-1]}, "same genes in the same order"),
        (lambda pair: {"target": pair.target[:0]}, r"target is empty \(0 cells, 300 genes\)"),
        (lambda pair: {"source": pair.source[:, :0], "target": pair.target[:, :0]}, "source is empty"),
        (lambda pair: {"label_key": "celltype"}, r"no column 'celltype'.*'cell_type'"),
        (lambda pair: {"batch_key": "batch"}, "no column 'batch'"),
    ],
)
def test_impossible_pairs(pair: Pair, change: object, message: str):
    with pytest.raises(DataError, match=message):
        replace(pair, **change(pair))


@pytest.mark.parametrize("dense", [True, False])
def test_values_that_are_no_numbers(pair: Pair, dense: bool):
    values = pair.target.X.toarray()
    values[0, 0] = np.nan
    broken = AnnData(values if dense else sparse.csr_matrix(values), var=pair.target.var)
    with pytest.raises(DataError, match="target holds values that are not finite"):
        replace(pair, target=broken)


def test_a_pair_without_labels_says_so_when_asked(pair: Pair):
    with pytest.raises(DataError, match="source has no cell-type labels"):
        _ = replace(pair, label_key=None).labels


def test_missing_labels_are_no_type_called_nan(pair: Pair):
    source = pair.source.copy()
    source.obs["cell_type"] = source.obs["cell_type"].astype(object)
    source.obs.iloc[0, source.obs.columns.get_loc("cell_type")] = np.nan
    with pytest.raises(DataError, match="1 source cells have no label"):
        replace(pair, source=source)


def test_a_source_type_may_be_called_as_cells_without_one(pair: Pair, result: TransferResult) -> None:
    named = replace(result, label_names=("unassigned", *LABELS[1:]))
    written = write_result(pair.target, named)
    assert written.obs["sctl_toy_label"].notna().sum() == (result.labels != LABELS[0]).sum()


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_genes_of_the_target_may_share_a_name(pair: Pair, result: TransferResult) -> None:
    target = pair.target.copy()
    target.var_names = [*target.var_names[:-1], target.var_names[0]]
    written = write_result(target, result).varm["sctl_toy_dictionary"]
    np.testing.assert_array_equal(written[:5], result.varm["dictionary"])
    np.testing.assert_array_equal(written[-1], written[0])
    assert np.isnan(written[5:-1]).all()
