"""Enrichment: planted pathways are found, none is found in noise, and the score is the published one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import false_discovery_control

from sctl.analysis.enrichment import Gsea, TypedCells, UnitSettings, enrich, significant, unit_pathways, with_controls
from sctl.errors import Cancelled, DataError
from sctl.genesets import GeneSets
from sctl.methods.poisson.autoencoder import PoissonConfig, untrained
from sctl.run import Run

GENES = [f"G{i}" for i in range(200)]
SETS = GeneSets("toy", {f"set {i}": frozenset(GENES[i * 20 : i * 20 + 20]) for i in range(6)})
FEW = Gsea(n_permutations=200, n_threads=1)


@pytest.fixture
def rankings(rng):
    """Set 0 at the top of one ranking, set 3 at the bottom of another, noise in a third."""
    values = pd.DataFrame(rng.normal(size=(200, 3)), index=GENES, columns=["top", "bottom", "noise"])
    values.loc[GENES[:20], "top"] += 2
    values.loc[GENES[60:80], "bottom"] -= 2
    return values


def test_planted_sets_are_found(rankings):
    table = enrich(rankings, SETS, run=Run(), gsea=FEW)
    assert len(table) == 18
    found = significant(table, over="ranking").set_index(["ranking", "set"])["score"]
    assert found["top", "set 0"] > 1.5
    assert found["bottom", "set 3"] < -1.5
    assert "noise" not in found.index.get_level_values("ranking")
    assert table.groupby("ranking").head(1).set_index("ranking")["set"]["top"] == "set 0"


def test_rates_are_those_of_scipy(rankings):
    table = enrich(rankings, SETS, run=Run(), gsea=FEW)
    np.testing.assert_allclose(table["fdr_all"], false_discovery_control(table["p_value"]))
    one = table[table["ranking"] == "top"]
    np.testing.assert_allclose(one["fdr"], false_discovery_control(one["p_value"]))
    plain = enrich(rankings, SETS, run=Run(), gsea=Gsea(n_permutations=200, n_threads=1, method="permutation"))
    assert plain["p_value"].min() >= 1 / 200
    both = table.merge(plain, on=["ranking", "set"])
    np.testing.assert_allclose(both["score_x"], both["score_y"], rtol=0.15)


def test_the_score_is_the_published_one(rankings):
    """The running sum by hand; the normalised score has its sign, and orders sets of one size as it does."""
    ranking = rankings["top"].sort_values(ascending=False)
    by_hand = {}
    for name, members in SETS.sets.items():
        inside = ranking.index.isin(members)
        steps = np.where(inside, ranking.abs() / ranking.abs()[inside].sum(), -1 / (~inside).sum())
        running = np.cumsum(steps)
        by_hand[name] = running[np.abs(running).argmax()]
    table = enrich(rankings[["top"]], SETS, run=Run(), gsea=FEW).set_index("set")["score"]
    by_hand = pd.Series(by_hand)[table.index]
    assert (np.sign(by_hand) == np.sign(table)).all()
    positive = by_hand > 0
    assert table[positive].rank().tolist() == by_hand[positive].rank().tolist()


def test_the_sign_follows_the_ranking(rankings):
    table = enrich(rankings[["top"]], SETS, run=Run(), gsea=FEW).set_index("set")
    turned = enrich(-rankings[["top"]], SETS, run=Run(), gsea=FEW).set_index("set")
    assert turned.loc["set 0", "score"] < -1.5
    assert set(table.loc["set 0", "leading_genes"].split(";")) <= set(GENES[:20])


def test_the_same_seed_gives_the_same(rankings):
    first, again = (enrich(rankings, SETS, run=Run(seed=2), gsea=FEW) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_sets_are_cut_to_the_genes(rankings):
    table = enrich(rankings.iloc[:30], SETS, run=Run(), gsea=FEW)
    assert set(table["set"]) == {"set 0", "set 1"}
    assert table.set_index("set")["size"]["set 1"].max() == 10


def test_what_cannot_be_compared_is_refused(rankings):
    with pytest.raises(DataError, match="No set of toy"):
        enrich(rankings.rename(index=str.lower), SETS, run=Run())
    with pytest.raises(DataError, match="no value"):
        enrich(rankings.replace(rankings.iloc[0, 0], np.nan), SETS, run=Run())


def test_a_ranking_of_ties_works():
    values = pd.DataFrame({"tied": np.zeros(200)}, index=GENES)
    values.iloc[:20, 0] = 3.0
    table = enrich(values, SETS, run=Run(), gsea=FEW)
    assert table["set"].iloc[0] == "set 0"
    assert np.isfinite(table[["score", "p_value", "fdr"]].to_numpy()).all()


def test_reports_and_stops(rankings):
    steps = []
    with pytest.raises(Cancelled):
        enrich(rankings, SETS, run=Run(listener=steps.append, cancelled=lambda: len(steps) >= 2), gsea=FEW)
    assert (len(steps), steps[-1].total) == (2, 3)


@pytest.fixture
def planted(rng):
    """A network whose unit 0 looks at set 0, unit 1 at set 2 wherever a switch gene is on; cells of two types."""
    model = untrained(200, PoissonConfig(n_hidden=4, n_latent=3), Run()).as_model()
    W1, W2 = np.zeros((4, 200)), np.zeros((3, 4))
    W1 += rng.normal(scale=0.02, size=W1.shape)  # ranks are then rarely tied
    W1[0, :20], W1[1, 40:60] = 1.0, 1.0
    W1[0, 180], W1[1, 181] = 5.0, 5.0  # switches: they open the units in their type
    W2[0, 0] = W2[1, 1] = 1.0
    arrays = {**model.to_arrays(), "encoder.layers.0.weight": W1, "encoder.layers.1.weight": W2}
    arrays["encoder.layers.0.bias"] = np.full(4, -12.0)
    arrays["encoder.layers.1.bias"] = np.full(3, 0.0)
    model = type(model).from_arrays(arrays, softplus="smooth", loss="rate")
    types = np.repeat([0, 1], 20)
    X = 0.1 * rng.random((40, 200))
    X[types == 0, 180] = X[types == 1, 181] = 3.0
    return model, TypedCells(sparse.csr_matrix(X), tuple(GENES), types, ("left", "right"))


def test_units_are_given_their_pathways(planted):
    model, cells = planted
    found = unit_pathways(model, cells, SETS, run=Run(), settings=UnitSettings(over="ranking", gsea=FEW))
    best = (
        found.hits.sort_values("score").groupby(["unit", "cell_type"]).tail(1).set_index(["unit", "cell_type"])["set"]
    )
    assert best[0, "left"] == "set 0"
    assert best[1, "right"] == "set 2"
    assert 2 not in found.heatmap.columns  # a unit that looks at nothing
    assert found.sharing.sum() == found.n_units == 3
    assert found.n_any == 2
    assert found.heatmap.to_numpy().max() <= 2
    assert found.directions.shape == found.heatmap.shape


def test_controls_find_less(planted):
    model, cells = planted
    random = untrained(200, PoissonConfig(n_hidden=4, n_latent=3), Run(seed=5)).as_model()
    said = []
    found = with_controls(model, random, cells, SETS, run=Run(listener=said.append), settings=UnitSettings(gsea=FEW))
    assert list(found) == ["trained", "random network", "shuffled types"]
    shares = [each.start + (each.end - each.start) * each.done / each.total for each in said if each.total]
    assert shares == sorted(shares), "the bar never goes back"
    assert all(each.stage[0].isupper() for each in said)
    assert found["random network"].n_any < found["trained"].n_any
