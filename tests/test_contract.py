"""What every method promises; a new method is tested by existing. Never edited for one."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from sctl.data import UNASSIGNED, Diagnostics, Pair, TransferResult, read_result, slot, to_uns, write_result
from sctl.errors import Cancelled, DataError, NotFittedError, ParameterError, SctlError
from sctl.methods import METHODS, get_method
from sctl.methods.base import TransferMethod, fit_transfer
from sctl.run import Run
from sctl.simulate import toy_pair
from sctl.workflow import transfer

pytestmark = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())

OURS = ("itclust", "poisson", "scarches", "transfercluster")


@pytest.fixture(scope="module")
def results(pair: Pair):
    """One result a method, shared by the tests that only look."""
    cache = {}

    def result(method):
        if method.key not in cache:
            cache[method.key] = fit_transfer(pair, method(), Run(seed=3))
        return cache[method.key]

    return result


def changed(pair: Pair, **sides: ad.AnnData) -> Pair:
    return dataclasses.replace(pair, **sides)


def test_is_complete(method: type[TransferMethod], pair):
    assert issubclass(method, TransferMethod)
    assert method.key.isidentifier()
    assert method.key == method.key.lower()
    for text in (method.title, method.summary, method.choose_when, method.__doc__):
        assert text
        assert text.strip()
    assert "https://doi.org/" in method.reference
    assert get_method(method.key) is method
    for parameter in method.parameters():
        assert parameter.doc.endswith((".", "?")), parameter.name
        assert parameter.title
    assert all(isinstance(work, str) and work.strip() for work in method.citations)
    cost = method.cost(n_source=1000, n_target=500, n_thetas=10)
    assert cost is None or cost > 0


def test_warnings_are_sentences_and_survive_a_file(method, pair, results):
    found = method.warnings(results(method))
    assert all(text.endswith(".") for text in found)
    assert method.warnings(read_result(write_result(pair.target, results(method)), method.key)) == found


def test_same_seed_same_result(method, pair, results):
    again = fit_transfer(pair, method(), Run(seed=3))
    first = results(method)
    np.testing.assert_array_equal(first.clusters, again.clusters)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_allclose(first.confidence, again.confidence, rtol=1e-12)
    np.testing.assert_allclose(first.embedding, again.embedding, rtol=1e-9, atol=1e-12)


def test_shapes_and_distributions(method, pair, results):
    result = results(method)
    n_obs = pair.target.n_obs
    assert result.obs_names.equals(pair.target.obs_names)
    assert result.clusters.shape == result.labels.shape == result.confidence.shape == (n_obs,)
    assert result.proba.shape == (n_obs, len(result.cluster_names))
    assert result.label_proba.shape == (n_obs, len(result.label_names))
    np.testing.assert_allclose(result.proba.sum(axis=1), 1.0, rtol=1e-6)
    for proba in (result.proba, result.label_proba, result.confidence):
        assert np.isfinite(proba).all()
        assert (proba >= 0).all()
        assert (proba <= 1 + 1e-9).all()
    assert (result.label_proba.sum(axis=1) <= 1 + 1e-9).all()
    assert set(result.labels) <= {*result.label_names, UNASSIGNED}
    assert result.embedding.shape[0] == n_obs
    assert np.isfinite(result.embedding).all()


def test_recovers_the_simulated_types(method, pair, results):
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    result = results(method)
    assert adjusted_rand_score(truth, result.clusters) > 0.8
    assert (result.labels == truth).mean() > 0.9


def test_a_shuffled_source_names_cells_no_better_than_chance(method, pair):
    shuffled = pair.source.copy()
    shuffled.obs[pair.label_key] = np.random.default_rng(1).permutation(shuffled.obs[pair.label_key].astype(str))
    result = fit_transfer(changed(pair, source=shuffled), method(), Run())
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    assert (result.labels == truth).mean() < 0.7


def test_inputs_are_left_as_they_were(method, pair):
    source, target = pair.source.copy(), pair.target.copy()
    fit_transfer(pair, method(), Run())
    for before, after in ((source, pair.source), (target, pair.target)):
        assert (before.X != after.X).nnz == 0
        pd.testing.assert_frame_equal(before.obs, after.obs)
        pd.testing.assert_frame_equal(before.var, after.var)
        assert set(before.obsm) == set(after.obsm)
        assert set(before.uns) == set(after.uns)


def test_transfer_before_fit(method, pair):
    with pytest.raises(NotFittedError, match="has not learned"):
        method().transfer(pair.target, Run())


def test_transfer_twice_is_the_same_and_a_second_target_may_follow(method, pair):
    fitted = method().fit(pair.source, pair.label_key, Run())
    first = fitted.transfer(pair.target, Run())
    half = pair.target[: pair.target.n_obs // 2].copy()
    assert fitted.transfer(half, Run()).n_obs == half.n_obs
    np.testing.assert_array_equal(first.labels, fitted.transfer(pair.target, Run()).labels)


def test_can_be_stopped_at_every_step(method, pair):
    steps = []
    fit_transfer(pair, method(), Run(listener=steps.append))
    assert len(steps) > 2
    for stop_at in sorted({1, len(steps) // 2, len(steps)}):
        seen = []
        run = Run(listener=seen.append, cancelled=lambda seen=seen, stop_at=stop_at: len(seen) >= stop_at)
        if stop_at < len(steps):
            with pytest.raises(Cancelled):
                fit_transfer(pair, method(), run)
        assert len(seen) <= stop_at


def test_progress_reaches_its_total(method, pair):
    steps = []
    fit_transfer(pair, method(), Run(listener=steps.append))
    last = {step.stage: step for step in steps}
    assert all(step.done == step.total for step in last.values()), last
    assert all(0 <= step.done <= step.total for step in steps)


def test_the_confidence_of_a_name_is_its_probability(method, pair, results):
    result = results(method)
    named = np.flatnonzero(result.labels != UNASSIGNED)
    column = pd.Index(result.label_names).get_indexer(pd.Index(result.labels[named].astype(str)))
    np.testing.assert_allclose(result.confidence[named], result.label_proba[named, column], rtol=0, atol=1e-9)


def test_survives_h5ad(method, pair, results, tmp_path):
    result = results(method)
    written = write_result(pair.target, result)
    written.write_h5ad(tmp_path / "result.h5ad")
    back = ad.read_h5ad(tmp_path / "result.h5ad")
    key = slot(method.key)
    assert {key, f"{key}_label", f"{key}_confidence"} <= set(back.obs)
    assert f"X_{key}" in back.obsm
    again = read_result(back, method.key)
    np.testing.assert_array_equal(again.clusters, result.clusters)
    np.testing.assert_array_equal(again.labels, result.labels)
    np.testing.assert_allclose(again.label_proba, result.label_proba)
    if method.__module__.split(".")[2] in OURS:  # the guide's method reports nothing
        assert result.diagnostics != Diagnostics()
    np.testing.assert_equal(to_uns(again.diagnostics), to_uns(result.diagnostics))  # NaN equals NaN


def test_every_parameter_is_read(method):
    """A parameter that no statement of the method's own code reads tunes nothing; words and longer names do not count."""
    classes = [cls for cls in method.__mro__ if cls.__module__.startswith("sctl.") and cls is not TransferMethod]
    read = {
        node.attr
        for cls in classes
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls))))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    assert {p.name for p in method.parameters()} - read == set()


def test_parameters_out_of_range_are_refused(method):
    for parameter in method.parameters():
        bad = "no such choice" if parameter.choices else None
        if parameter.kind in (int, float) and parameter.high is not None:
            bad = parameter.kind(parameter.high + 1)
        if bad is not None:
            with pytest.raises(ParameterError, match=parameter.name):
                method(**{parameter.name: bad})
        if parameter.kind in (int, float):
            with pytest.raises(ParameterError, match=parameter.name):
                method(**{parameter.name: "a lot"})


def test_order_of_cells_and_genes_does_not_matter(method, pair, results):
    """To the last bit: methods see both sides in the order of their names."""
    rng = np.random.default_rng(0)
    genes, order = rng.permutation(pair.target.n_vars), rng.permutation(pair.target.n_obs)
    source = pair.source[rng.permutation(pair.source.n_obs), genes].copy()
    permuted = changed(pair, source=source, target=pair.target[order, genes].copy())
    plain, again = results(method), fit_transfer(permuted, method(), Run(seed=3))
    assert again.obs_names.equals(permuted.target.obs_names)
    for name in ("clusters", "labels"):
        np.testing.assert_array_equal(getattr(plain, name)[order], getattr(again, name))
    for name in ("confidence", "proba", "label_proba", "embedding"):
        np.testing.assert_allclose(getattr(plain, name)[order], getattr(again, name), rtol=0, atol=1e-12)
    for name, values in (plain.obs | plain.obsm).items():
        np.testing.assert_allclose(values[order], (again.obs | again.obsm)[name], rtol=0, atol=1e-12, err_msg=name)
    for name, values in plain.obsp.items():
        assert abs(values[order][:, order] - again.obsp[name]).max() < 1e-12, name
    assert plain.cluster_names == again.cluster_names


def test_order_does_not_matter_step_by_step_either(method, pair):
    """As the workflow goes: a sweep and its points first, where there is one."""
    rng = np.random.default_rng(1)
    genes, order = rng.permutation(pair.target.n_vars), rng.permutation(pair.target.n_obs)
    source = pair.source[rng.permutation(pair.source.n_obs), genes].copy()
    permuted = changed(pair, source=source, target=pair.target[order, genes].copy())
    plain, again = (transfer(given, method(), Run(seed=3)) for given in (pair, permuted))
    np.testing.assert_array_equal(plain.labels[order], again.labels)
    np.testing.assert_array_equal(plain.clusters[order], again.clusters)
    np.testing.assert_allclose(plain.confidence[order], again.confidence, rtol=0, atol=1e-12)
    np.testing.assert_allclose(plain.embedding[order], again.embedding, rtol=0, atol=1e-12)
    assert set(plain.obs) == set(again.obs) >= {"unknown"}
    for name, values in (plain.obs | plain.obsm).items():
        np.testing.assert_allclose(values[order], (again.obs | again.obsm)[name], rtol=0, atol=1e-12, err_msg=name)


def test_sparse_and_dense_agree(method, pair, results):
    def dense(adata):
        out = adata.copy()
        out.X = out.X.toarray()
        return out

    result = fit_transfer(changed(pair, source=dense(pair.source), target=dense(pair.target)), method(), Run(seed=3))
    np.testing.assert_array_equal(result.labels, results(method).labels)
    assert adjusted_rand_score(result.clusters, results(method).clusters) > 0.99


def test_labels_that_files_dislike(method, pair, tmp_path):
    names = {name: f"{name} B/NK; α=1" for name in pair.labels.categories}
    source = pair.source.copy()
    source.obs[pair.label_key] = source.obs[pair.label_key].astype(str).map(names).astype("category")
    result = fit_transfer(changed(pair, source=source), method(), Run())
    write_result(pair.target, result).write_h5ad(tmp_path / "slash.h5ad")
    labels = ad.read_h5ad(tmp_path / "slash.h5ad").obs[f"{slot(method.key)}_label"]
    assert set(labels.astype(str)) <= {*names.values(), UNASSIGNED}
    assert set(labels.astype(str)) & set(names.values())


def result_or_error(pair: Pair, method: type[TransferMethod]) -> TransferResult | SctlError:
    """Return what came out; anything but an error written for the user fails the test."""
    try:
        return fit_transfer(pair, method(), Run())
    except SctlError as error:
        return error


@pytest.mark.parametrize("n_obs", [1, 2, 6, 12])
def test_tiny_targets_work_or_say_why(method, pair, n_obs):
    outcome = result_or_error(changed(pair, target=pair.target[:n_obs].copy()), method)
    if isinstance(outcome, SctlError):
        assert outcome.found
        assert outcome.do
    else:
        assert outcome.n_obs == n_obs


def test_a_silent_cell_works_or_is_refused(method, pair):
    target = pair.target.copy()
    X = target.X.tolil()
    X[0] = 0
    target.X = sparse.csr_matrix(X)
    outcome = result_or_error(changed(pair, target=target), method)
    if isinstance(outcome, SctlError):
        assert outcome.do
    else:
        assert np.isfinite(outcome.confidence).all()
        assert outcome.confidence[0] <= 0.5  # it has no evidence of its own
        assert outcome.confidence[0] < np.quantile(outcome.confidence[1:], 0.1)
        assert outcome.label_proba[0].max() <= 0.5 + 1e-9
        others = pair.target.obs["cell_type"].astype(str).to_numpy()[1:]
        assert (outcome.labels[1:] == others).mean() > 0.9  # whom it does no harm


def test_a_source_without_labels_is_refused(method, pair):
    if method.needs_labels:
        with pytest.raises(DataError, match="no cell-type labels"):
            fit_transfer(dataclasses.replace(pair, label_key=None), method(), Run())


def test_a_source_with_one_type_is_refused_or_names_all_cells_so(method):
    pair = toy_pair()
    pair.source.obs[pair.label_key] = "only"
    outcome = result_or_error(pair, method)
    if isinstance(outcome, SctlError):
        assert "only" in str(outcome)
    else:
        assert set(outcome.labels) <= {"only", UNASSIGNED}
