"""What is particular to ItClust."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from sctl.data import UNASSIGNED, Pair, read_result, result_only, to_uns, write_result
from sctl.errors import DataError
from sctl.methods import get_method
from sctl.methods.base import Saveable, fit_transfer
from sctl.run import Run

ItClust = get_method("itclust")
QUICK = {"n_pretrain_epochs": 2, "max_refreshes": 20}


@pytest.fixture(scope="module")
def fitted(pair):
    return ItClust(**QUICK).fit(pair.source, pair.label_key, Run(seed=1))


@pytest.fixture(scope="module")
def result(fitted, pair):
    return fitted.transfer(pair.target, Run(seed=1))


def truth_of(pair):
    return pair.target.obs["cell_type"].astype(str).to_numpy()


def without(pair: Pair, *types: str) -> Pair:
    """Return the pair with some types taken from the source."""
    return dataclasses.replace(pair, source=pair.source[~pair.labels.isin(types)].copy())


def test_the_menu_does_not_import_torch():
    code = "import sys, sctl.methods, sctl.cli; sctl.methods.METHODS; assert 'torch' not in sys.modules, 'torch'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_can_be_saved():
    assert isinstance(ItClust(), Saveable)


def test_a_sorted_source_gives_the_same_network(pair, fitted):
    order = np.argsort(pair.labels.codes, kind="stable")
    again = ItClust(**QUICK).fit(pair.source[order].copy(), pair.label_key, Run(seed=1))
    for name, values in fitted.network_.weights.items():
        np.testing.assert_array_equal(values, again.network_.weights[name])


def test_cells_in_another_order_get_the_very_same_answer(pair, fitted, result):
    order = np.random.default_rng(0).permutation(pair.target.n_obs)
    turned = fitted.transfer(pair.target[order].copy(), Run(seed=1))
    np.testing.assert_array_equal(turned.labels, result.labels[order])
    np.testing.assert_allclose(turned.embedding, result.embedding[order])
    np.testing.assert_allclose(turned.obsm["trajectory"], result.obsm["trajectory"][order])


def test_fitting_leaves_the_seeded_generators_of_others_alone(pair):
    import torch  # noqa: PLC0415 - only here

    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit_transfer(pair, ItClust(**QUICK), Run())
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


def test_clusters_keep_their_names_when_a_type_is_absent_in_the_target(pair):
    """The released package shifts every name after the first type that no target cell has."""
    first = sorted(pair.labels.categories)[0]
    target = pair.target[truth_of(pair) != first].copy()
    some = dataclasses.replace(pair, target=target)
    for choice in ("drop", "keep"):
        found = fit_transfer(some, ItClust(answer="after", empty_centroids=choice, **QUICK), Run())
        assert (found.labels == truth_of(some)).mean() > 0.9
        assert found.diagnostics.kept.cluster_types == found.cluster_names
        assert (first in found.cluster_names) == (choice == "keep")


def test_both_answers_are_kept(pair, result):
    n_types, n_obs = len(result.label_names), pair.target.n_obs
    for name in ("before", "after"):
        proba, types = result.obsm[f"{name}_proba"], getattr(result.diagnostics.kept.types, name)
        assert proba.shape == (n_obs, len(types))
        assert result.obsm[f"{name}_embedding"].shape[0] == n_obs
        kept = fit_transfer(pair, ItClust(answer=name, **QUICK), Run(seed=1))
        np.testing.assert_array_equal(np.array(types, dtype=object)[proba.argmax(1)], kept.labels)
        assert kept.diagnostics.kept.answer == name
        assert kept.label_proba.shape == (n_obs, n_types)
    assert result.diagnostics.kept.answer == result.diagnostics.fine_tuning.comparison.recommended


def test_confidence_of_a_cluster_is_the_share_that_began_in_it(result):
    table, names = (
        result.diagnostics.fine_tuning.cluster_table,
        np.array(result.diagnostics.kept.types.before, dtype=object),
    )
    start = names[result.obsm["before_proba"].argmax(1)]
    end = np.array(table.cluster, dtype=object)[result.obsm["after_proba"].argmax(1)]
    for i, name in enumerate(table.cluster):
        expected = np.mean(start[end == name] == name)
        assert table.confidence[i] == pytest.approx(expected)
        assert table.cells_after[i] == (end == name).sum()
        assert table.cells_before[i] == (start == name).sum()


def test_trajectory_leads_from_before_to_after(result):
    steps = result.diagnostics.fine_tuning.trajectory_refreshes
    n_steps = len(steps)
    assert steps[0] == 0
    assert result.obsm["trajectory"].shape == (len(result.labels), 2 * n_steps)
    clusters = result.obsm["trajectory_clusters"]
    assert clusters.shape == (len(result.labels), n_steps)
    np.testing.assert_array_equal(clusters[:, -1], result.obsm["after_proba"].argmax(1))
    assert len(result.diagnostics.fine_tuning.refreshes.changed) == steps[-1] + 1


def test_everything_that_is_told_survives_a_file(pair, result, tmp_path):
    write_result(pair.target, result).write_h5ad(tmp_path / "a.h5ad")
    back = ad.read_h5ad(tmp_path / "a.h5ad").uns["sctl_itclust"]
    for table in ("cluster_table", "swallowed", "refreshes", "comparison"):
        assert set(back[table]) == set(to_uns(result.diagnostics)[table])
    assert set(back["training"]) == {"Learn layer 1 of 1", "Learn all layers", "Learn the cell types"}
    assert len(back["training"]["Learn the cell types"]["validation"]) > 0


def test_a_type_the_source_lacks_can_become_a_new_group(pair):
    lacking = sorted(pair.labels.categories)[1]
    some = without(pair, lacking)
    found = fit_transfer(some, ItClust(answer="after", n_new_clusters=1, **QUICK), Run())
    assert "new group 1" in found.cluster_names
    new = found.clusters == found.cluster_names.index("new group 1")
    assert (truth_of(pair)[new] == lacking).mean() > 0.9
    assert new.sum() > 0.8 * (truth_of(pair) == lacking).sum()
    assert set(found.labels[new]) == {UNASSIGNED}
    plain = fit_transfer(some, ItClust(answer="after", **QUICK), Run())
    assert adjusted_rand_score(truth_of(pair), found.clusters) > adjusted_rand_score(truth_of(pair), plain.clusters)


def test_where_the_source_does_not_explain_the_target_new_groups_are_made(pair, result):
    assert result.diagnostics.fine_tuning.explained
    assert not any(name.startswith("new group") for name in result.cluster_names)
    lacking = sorted(pair.labels.categories)[2:]
    some = without(pair, *lacking)
    found = fit_transfer(some, ItClust(**QUICK), Run())
    truth, known = truth_of(pair), ~np.isin(truth_of(pair), lacking)
    assert not found.diagnostics.fine_tuning.explained
    assert (found.labels[known] == truth[known]).mean() > 0.95  # what the source has keeps its name
    new = found.labels == UNASSIGNED
    assert set(truth[new]) == {lacking[0]}
    assert new.sum() > 0.95 * (truth == lacking[0]).sum()  # the other looks like a known type: there are two only
    plain = fit_transfer(some, ItClust(n_new_clusters=0, **QUICK), Run())
    assert UNASSIGNED not in plain.labels
    gain = adjusted_rand_score(truth, found.clusters) - adjusted_rand_score(truth, plain.clusters)
    assert gain > 0.1


def test_scaling_within_batches_undoes_what_batches_add(pair):
    """Half of the source was measured with every second gene twenty times as strong."""
    rng = np.random.default_rng(0)
    batch = np.where(rng.random(pair.source.n_obs) < 0.5, "a", "b")
    source = pair.source.copy()
    strength = np.where((batch == "b")[:, None] & (rng.random(pair.source.n_vars) < 0.5), 3.0, 0.0)
    source.X = sparse.csr_matrix(source.X.toarray() + strength, dtype=np.float32)
    source.obs["donor"] = batch
    some = dataclasses.replace(pair, source=source)
    sure = [
        fit_transfer(some, ItClust(batch_key=key, answer="before", **QUICK), Run()).confidence.mean()
        for key in ("donor", None)
    ]
    right = (fit_transfer(some, ItClust(batch_key="donor", **QUICK), Run()).labels == truth_of(pair)).mean()
    assert right > 0.9
    assert sure[0] > sure[1]


def test_batches_of_one_type_each_are_refused(pair):
    with pytest.raises(DataError, match="Every batch in 'cell_type' holds cells of one type only"):
        ItClust(batch_key="cell_type", **QUICK).fit(pair.source, pair.label_key, Run())


def test_the_column_of_batches_must_be_in_the_source_but_may_lack_in_the_target(pair):
    with pytest.raises(DataError, match=r"no column 'planet'.*cell_type"):
        ItClust(batch_key="planet").fit(pair.source, pair.label_key, Run())
    source = pair.source.copy()
    source.obs["donor"] = np.where(np.arange(source.n_obs) % 2, "a", "b")
    found = fit_transfer(dataclasses.replace(pair, source=source), ItClust(batch_key="donor", **QUICK), Run())
    assert (found.labels == truth_of(pair)).mean() > 0.9


@pytest.mark.parametrize("n_others", [0, 1, 3])
def test_a_target_of_nearly_one_type_keeps_its_name(pair, fitted, n_others):
    """Scaled on its own, a sorted target has its one type for the average."""
    truth = truth_of(pair)
    for most in pair.labels.categories:
        few = [np.flatnonzero(truth == name)[:n_others] for name in pair.labels.categories if name != most]
        chosen = np.sort(np.concatenate([np.flatnonzero(truth == most), *few]))
        found = fitted.transfer(pair.target[chosen].copy(), Run())
        assert (found.labels == truth[chosen]).mean() > 0.95, most


def test_scaled_by_itself_a_target_of_one_type_is_misnamed(pair, fitted):
    """What the mix is counted for: without it the test above would mean nothing."""
    truth, right = truth_of(pair), []
    method = ItClust(answer="before", allow_for_mix=False, **QUICK).restore(*fitted.state())
    for most in pair.labels.categories:
        found = method.transfer(pair.target[truth == most].copy(), Run())
        right.append((found.labels == most).mean())
    assert min(right) < 0.5


def test_a_network_saved_without_profiles_counts_the_mix_as_it_did(pair, fitted):
    arrays, facts = fitted.state()
    kept = {key: values for key, values in arrays.items() if key != "types.profiles"}
    assert len(kept) == len(arrays) - 1
    earlier = ItClust(**QUICK).restore(kept, facts).transfer(pair.target, Run(seed=1))
    assert (earlier.labels == truth_of(pair)).mean() > 0.95


def test_parts_that_do_not_fit_are_refused(fitted):
    arrays, facts = fitted.state()
    more = {**arrays, "types.certainty": np.ones(len(fitted.label_names_), dtype=np.float32)}  # earlier files had it
    assert ItClust(**QUICK).restore(more, facts).network_.n_types == len(fitted.label_names_)
    wide = {**arrays, "types.profiles": np.ones((len(fitted.label_names_), 3), dtype=np.float32)}
    with pytest.raises(DataError, match="do not fit"):
        ItClust(**QUICK).restore(wide, facts)
    for name in ("types.mean", "types.variance"):
        with pytest.raises(DataError, match="do not fit"):
            ItClust(**QUICK).restore({key: values for key, values in arrays.items() if key != name}, facts)


def test_cells_below_the_confidence_are_unassigned(pair, fitted, result):
    level = float(np.median(result.confidence))
    strict = ItClust(min_confidence=level, **QUICK).restore(*fitted.state()).transfer(pair.target, Run(seed=1))
    np.testing.assert_array_equal(strict.labels == UNASSIGNED, result.confidence < level)


def test_a_few_cells_are_refused(pair, fitted):
    with pytest.raises(DataError, match="9 cells"):
        fitted.transfer(pair.target[:9].copy(), Run())


def test_one_type_is_refused(pair):
    source = pair.source.copy()
    source.obs[pair.label_key] = pd.Categorical(["only"] * source.n_obs)
    with pytest.raises(DataError, match="'only'"):
        ItClust().fit(source, pair.label_key, Run())


@pytest.mark.slow
def test_the_papers_settings_work_too(pair):
    method = ItClust(
        schedule="paper",
        dropout=0.0,
        output="tanh",
        clip_sides="upper",
        allow_for_mix=False,
        n_new_clusters=0,
        answer="after",
    )
    result = fit_transfer(pair, method, Run())
    assert (result.labels == truth_of(pair)).mean() > 0.9


def test_takes_the_most_variable_of_the_marked_genes(pair):
    source = pair.source.copy()
    source.var["variable_rank"] = np.arange(source.n_vars)[::-1]
    source.var["highly_variable"] = np.arange(source.n_vars) < 200
    few = ItClust(n_genes=50, **QUICK).fit(source, pair.label_key, Run())
    assert few.var_names_ == tuple(source.var_names[150:200])
    assert len(ItClust(n_genes=None, **QUICK).fit(source, pair.label_key, Run()).var_names_) == 200


def same(one, other):
    for name in ("clusters", "proba", "label_proba", "confidence", "embedding"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, err_msg=name)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.cluster_names == other.cluster_names
    assert one.diagnostics.kept == other.diagnostics.kept


@pytest.mark.parametrize("answer", ["before", "after"])
def test_the_other_answer_is_taken_without_computing(fitted, pair, answer, tmp_path):
    target = pair.target.copy()
    target.X = sparse.csr_matrix(target.X.multiply((np.arange(target.n_obs) >= 3)[:, None]))  # three silent cells
    settings = {**QUICK, "n_new_clusters": 1, "min_confidence": 0.4}
    direct = ItClust(answer=answer, **settings).restore(*fitted.state()).transfer(target, Run(seed=1))
    method = ItClust(answer={"before": "after", "after": "before"}[answer], **settings)
    other = method.restore(*fitted.state()).transfer(target, Run(seed=1))
    assert (other.labels[:3] == UNASSIGNED).all()
    assert other.proba.shape != direct.proba.shape  # the new group is there only after
    same(ItClust(**settings).answered(other, answer), direct)
    result_only(other).write_h5ad(tmp_path / "other.h5ad")
    same(ItClust(**settings).answered(read_result(ad.read_h5ad(tmp_path / "other.h5ad"), "itclust"), answer), direct)
