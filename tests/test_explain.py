"""Explanations of every method that gives them: the planted marker genes must be found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from sctl.analysis.explain import deletion, explain, marked
from sctl.errors import DataError, NotFittedError, ParameterError
from sctl.genesets import GeneSets, known_markers
from sctl.methods import METHODS, get_method
from sctl.methods.base import Explains
from sctl.run import Run

SETTINGS = {
    "transfercluster": {"theta": 0.5},
    "targetcluster": {},
    "itclust": {"n_pretrain_epochs": 2, "max_refreshes": 5},
    "scarches": {"find_new_types": False},
    "poissonautoencoder": {"n_hidden": 40, "n_latent": 12, "max_epochs": 40, "learning_rate": 2e-3},
}
every = pytest.mark.parametrize("key", SETTINGS)


@pytest.fixture(scope="module")
def cache():
    return {}


@pytest.fixture
def given(key, pair, cache):
    """A fitted method and its result, shared by the tests that only look."""
    if key not in cache:
        method = get_method(key)(**SETTINGS[key]).fit(pair.source, pair.label_key, Run(seed=1))
        cache[key] = method, method.transfer(pair.target, Run(seed=1))
    return cache[key]


def cells_of(result, label):
    return np.flatnonzero(result.labels == label)


def true_markers(pair, label, against):
    """Genes by how much more the simulation gives one type than the other."""
    change = pair.source.varm["log2_fold_change"]
    names = list(pair.labels.categories)
    change = np.asarray(change)
    return change[:, names.index(label)] - change[:, names.index(against)]


@every
def test_every_method_explains(key):
    assert isinstance(METHODS[key](), Explains)


@every
def test_planted_markers_speak_for_their_type(given, pair):
    method, result = given
    label = "type A"
    found = explain(method, pair.target, result, cells_of(result, label), run=Run())
    assert (found.label, found.n_cells) == (label, (result.labels == label).sum())
    assert found.against != label
    truth = true_markers(pair, label, found.against)
    genes = found.genes.set_index("gene")
    planted = pair.source.var_names[np.abs(truth) > 1]
    others = pair.source.var_names[np.abs(truth) < 1e-9]
    mean = genes["contribution"].abs()
    assert mean[mean.index.isin(planted)].mean() > 1.4 * mean[mean.index.isin(others)].mean()
    top = genes.index[:10]
    assert top.isin(planted).mean() >= 0.7
    assert found.margin > 0


@every
def test_an_explanation_is_complete(given, pair):
    """Contributions of all genes are the margin, less that of the baseline, where the score is one function."""
    method, result = given
    cells = cells_of(result, "type B")[:5]
    explainer = method.explainer(pair.target, cells)
    values = explainer.contributions(1, 0)
    assert values.shape == explainer.inputs.shape == (5, len(explainer.genes))
    base = np.tile(explainer.baseline, (5, 1))
    rise = explainer.margin(explainer.inputs, 1, 0) - explainer.margin(base, 1, 0)
    if method.key in ("itclust", "poissonautoencoder", "scarches"):
        np.testing.assert_allclose(values.sum(axis=1), rise, rtol=0.05, atol=0.02)
    assert np.corrcoef(values.sum(axis=1), rise)[0, 1] > 0 or np.allclose(values.sum(axis=1), rise, rtol=0.5)


@pytest.mark.parametrize("key", ["scarches"])
def test_the_explained_network_is_that_of_the_transfer(given, pair):
    """Its margin between the best and the next label has the sign of their votes, in nearly all cells."""
    method, result = given
    cells = np.arange(result.n_obs)
    explainer = method.explainer(pair.target, cells, Run(seed=1))
    best, *others = np.argsort(-result.label_proba.mean(axis=0))
    for other in others:
        margin = explainer.margin(explainer.inputs, int(best), int(other))
        votes = result.label_proba[:, best] - result.label_proba[:, other]
        clear = np.abs(votes) > 0.5
        assert (np.sign(margin[clear]) == np.sign(votes[clear])).mean() > 0.97


@every
def test_turning_the_question_round_turns_the_sign(given, pair):
    method, result = given
    explainer = method.explainer(pair.target, cells_of(result, "type A")[:3])
    np.testing.assert_allclose(explainer.contributions(0, 1), -explainer.contributions(1, 0), atol=1e-5)


@every
def test_deleting_salient_genes_hurts_more_than_random_ones(given, pair):
    method, result = given
    explainer = method.explainer(pair.target, cells_of(result, "type A"))
    curve = deletion(explainer, "type A", "type B", run=Run(), most=40)
    assert curve["genes"].iloc[0] == 0
    assert curve["salient"].iloc[0] == pytest.approx(curve["random"].iloc[0])
    later = curve[curve["genes"] >= 5]
    assert (later["salient"] < later["random"]).all()


@every
def test_explaining_leaves_the_method_and_the_target_alone(given, pair):
    method, result = given
    before = pair.target.X.copy()
    first = explain(method, pair.target, result, np.array([0]), run=Run())
    assert (before != pair.target.X).nnz == 0
    again = explain(method, pair.target, result, np.array([0]), run=Run())
    np.testing.assert_array_equal(first.genes["contribution"], again.genes["contribution"])


@every
def test_an_unfitted_method_says_so(key, pair):
    with pytest.raises(NotFittedError):
        METHODS[key]().explainer(pair.target, np.array([0]))


@pytest.mark.parametrize("key", ["transfercluster"])
def test_what_cannot_be_explained_is_refused(given, pair):
    method, result = given
    for place in (-1, result.n_obs):
        with pytest.raises(ParameterError, match="80 cells, counted from 0"):
            explain(method, pair.target, result, np.array([place]))
    chosen = result.labels == "type A"
    assert explain(method, pair.target, result, chosen).n_cells == chosen.sum()
    with pytest.raises(ParameterError, match="No cell"):
        explain(method, pair.target, result, np.array([], dtype=int))
    own = str(result.labels[0])
    for wrong in (own, "no such type"):
        with pytest.raises(ParameterError, match="cannot be compared"):
            explain(method, pair.target, result, np.array([0]), against=wrong)
    one = dataclasses.replace(result, label_names=("only",))
    with pytest.raises(DataError, match="one type"):
        explain(method, pair.target, one, np.array([0]))


@pytest.mark.parametrize("key", ["transfercluster"])
def test_cells_without_a_label_are_asked_for_their_likeliest(given, pair):
    method, result = given
    labels = np.full(result.n_obs, "unassigned", dtype=object)
    bare = dataclasses.replace(result, labels=labels)
    found = explain(method, pair.target, bare, np.array([0]))
    assert found.label == result.label_names[int(result.label_proba[0].argmax())]


@pytest.mark.parametrize("key", ["transfercluster"])
def test_expression_is_that_of_the_target(given, pair):
    method, result = given
    cells = cells_of(result, "type A")
    found = explain(method, pair.target, result, cells)
    gene = found.genes.iloc[0]
    values = pair.target[:, gene["gene"]].X.toarray().ravel()
    assert gene["expression"] == pytest.approx(values[cells].mean(), rel=1e-5)
    assert gene["elsewhere"] == pytest.approx(np.delete(values, cells).mean(), rel=1e-5)
    assert found.genes["share"].sum() == pytest.approx(1.0)
    assert found.ranking.is_monotonic_decreasing


def test_known_markers_support_or_contradict():
    genes = pd.DataFrame({"gene": ["INS", "GCG", "IAPP", "TTR", "ACTB"], "contribution": [2.0, 1.0, -1.0, -2.0, 3.0],
                          "expression": [5.0, 1.0, 1.0, 4.0, 9.0], "elsewhere": [1.0, 3.0, 2.0, 3.0, 1.0]})  # fmt: skip
    found = marked(genes, "Beta cells", "alpha", known_markers("human")).set_index("gene")
    assert found["marker_of"].to_dict() == {
        "INS": "Beta cells",
        "GCG": "alpha",
        "IAPP": "Beta cells",
        "TTR": "alpha",
        "ACTB": "",
    }
    assert found["here"].tolist() == ["high", "low", "low", "high", ""]
    assert found["verdict"].tolist() == ["supports", "supports", "contradicts", "contradicts", ""]
    assert "verdict" not in genes


@pytest.mark.parametrize(
    ("gene", "contribution", "expression", "elsewhere", "here", "verdict"),
    [
        ("INS", 1.0, 1.0, 5.0, "low", ""),  # a marker of the name that is missing and yet speaks for it
        ("INS", -1.0, 5.0, 1.0, "high", ""),
        ("GCG", 1.0, 5.0, 1.0, "high", ""),  # one of the other type that is there and yet speaks for the name
        ("GCG", -1.0, 1.0, 5.0, "low", ""),
        ("INS", 0.0, 5.0, 1.0, "high", ""),
        ("INS", 1.0, 2.0, 2.0, "", ""),
        ("INS", 1.0, np.nan, np.nan, "", ""),  # the target lacks it
        ("BOTH", 1.0, 5.0, 1.0, "high", ""),
    ],
)
def test_a_marker_is_judged_by_its_direction(gene, contribution, expression, elsewhere, here, verdict):
    table = known_markers("human").merged(
        GeneSets("mine", {"beta": frozenset({"INS", "BOTH"}), "alpha": frozenset({"GCG", "BOTH"})})
    )
    row = {"gene": [gene], "contribution": [contribution], "expression": [expression], "elsewhere": [elsewhere]}
    found = marked(pd.DataFrame(row), "beta", "alpha", table)
    assert found[["here", "verdict"]].iloc[0].tolist() == [here, verdict]


def test_of_many_cells_two_hundred_are_looked_at():
    from sctl.analysis.explain import _sample  # noqa: PLC0415 - what it draws is seen nowhere else so quickly

    many = np.arange(1000, 1500)
    drawn = _sample(many, Run(seed=1))
    assert (len(set(drawn)), set(drawn) <= set(many)) == (200, True)
    np.testing.assert_array_equal(drawn, _sample(many, Run(seed=1)))
    np.testing.assert_array_equal(_sample(many[:200], Run()), many[:200])
