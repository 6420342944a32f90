from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.neighbors import KNeighborsClassifier

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.run import Run
from sctl.simulate import CountModel, Simulation, simulate_cells, simulate_pair, split_pair, toy_counts, toy_pair

POISSON = CountModel(dispersion=0, size_factor_sd=0, log2fc_mean=0, log2fc_sd=0)


def moments(model: CountModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells = simulate_cells(4000, 30, tree=["a"], model=model)
    dense = cells.X.toarray().astype(float)
    return cells.var["baseline"].to_numpy(), dense.mean(axis=0), dense.var(axis=0)


def test_counts_are_whole_sparse_and_named():
    cells = simulate_cells(100, 50)
    assert isinstance(cells.X, sparse.csr_matrix)
    assert cells.X.dtype == np.float32
    assert (cells.X.data == np.rint(cells.X.data)).all()
    assert cells.X.data.min() > 0
    assert cells.obs_names.is_unique
    assert cells.var_names.is_unique
    assert list(cells.obs["branch"].cat.categories) == ["1", "2", "3", "4+5", "6+7+8"]


def test_poisson_limit_has_the_baseline_as_mean_and_variance():
    baseline, mean, variance = moments(POISSON)
    np.testing.assert_allclose(mean, baseline, rtol=0.1)
    np.testing.assert_allclose(variance, baseline, rtol=0.15)


def test_variance_grows_with_the_dispersion():
    model = CountModel(dispersion=0.5, size_factor_sd=0, log2fc_mean=0, log2fc_sd=0)
    baseline, mean, variance = moments(model)
    np.testing.assert_allclose(mean, baseline, rtol=0.1)
    np.testing.assert_allclose(variance, baseline + 0.5 * baseline**2, rtol=0.3)


def test_one_gene_is_negative_binomial():
    model = CountModel(dispersion=0.5, size_factor_sd=0, log2fc_mean=0, log2fc_sd=0)
    cells = simulate_cells(4000, 1, tree=["a"], model=model)
    mean = cells.var["baseline"].iloc[0]
    counts = cells.X.toarray().ravel().astype(int)
    expected = stats.nbinom(2, 2 / (2 + mean)).pmf(np.arange(counts.max() + 1))
    observed = np.bincount(counts) / len(counts)
    assert np.abs(np.cumsum(observed) - np.cumsum(expected)).max() < 1.63 / np.sqrt(len(counts))  # 1 % level


def test_size_factors_scatter_as_asked():
    model = CountModel(dispersion=0, size_factor_sd=0.5, log2fc_mean=0, log2fc_sd=0)
    totals = np.asarray(simulate_cells(2000, 500, tree=["a"], model=model).X.sum(axis=1)).ravel()
    assert np.log2(totals).std() == pytest.approx(0.5, rel=0.05)


def test_siblings_share_their_branch_s_changes():
    changes = simulate_cells(100, 5000, model=CountModel()).varm["log2_fold_change"]
    correlation = np.corrcoef(changes.T)
    assert correlation[3, 4] > correlation[3, 0] + 0.2  # 4 and 5 hang together, 4 and 1 do not
    assert correlation[6, 7] > correlation[5, 6]  # 7 and 8 share one node more than 6 and 7


@pytest.mark.parametrize("effect", ["gene", "node"])
def test_the_effect_is_drawn_per_gene_or_per_node(effect: str):
    changes = simulate_cells(50, 2000, tree=["a", "b"], model=CountModel(effect=effect)).varm["log2_fold_change"]
    for column in changes.T:
        changed = column[column != 0]
        assert 0.07 < len(changed) / 2000 < 0.43
        magnitudes = np.unique(np.abs(changed).round(12))
        assert len(magnitudes) == (1 if effect == "node" else len(changed))
        assert changed.mean() == pytest.approx(0 if effect == "node" else 1, abs=0.2)


def test_the_seed_decides():
    first, again, other = (simulate_cells(60, 40, run=Run(seed=seed)) for seed in (1, 1, 2))
    assert (first.X != again.X).nnz == 0
    assert (first.X != other.X).nnz > 0


def test_stop():
    with pytest.raises(Cancelled):
        simulate_cells(60, 40, run=Run(cancelled=lambda: True))


@pytest.mark.parametrize(
    ("overlap", "common", "own_source", "own_target"),
    [("complete", 5, 0, 0), ("incomplete", 3, 1, 1), ("none", 0, 3, 2)],
)
def test_overlap_of_a_split(overlap: str, common: int, own_source: int, own_target: int):
    cells = simulate_cells(3000, 10)
    source, target = split_pair(cells, overlap, n_source=100, n_target=80)
    assert (source.n_obs, target.n_obs) == (100, 80)
    assert not set(source.obs_names) & set(target.obs_names)
    branches = set(source.obs["branch"]), set(target.obs["branch"])
    assert len(branches[0] & branches[1]) == common
    assert len(branches[0] - branches[1]) == own_source
    assert len(branches[1] - branches[0]) == own_target


def test_pair_is_what_cells_and_split_give_without_drawing_the_rest():
    source, target = simulate_pair("incomplete", 20, n_source=100, n_target=80)
    whole = split_pair(simulate_cells(1800, 20), "incomplete", n_source=100, n_target=80)
    for got, expected in zip((source, target), whole, strict=True):
        assert got.obs_names.tolist() == expected.obs_names.tolist()
        assert got.obs["cell_type"].astype(str).tolist() == expected.obs["cell_type"].astype(str).tolist()
    np.testing.assert_array_equal(source.var["baseline"], whole[0].var["baseline"])


def test_too_few_cells_for_a_split():
    with pytest.raises(DataError, match="too few cells"):
        split_pair(simulate_cells(100, 5), n_source=100, n_target=80)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_obs": 10}, "8 types need at least 16 cells"),
        ({"n_vars": 0}, "n_vars is 0"),
        ({"tree": [1, [1, 2]]}, "must occur once"),
    ],
)
def test_impossible_simulations(arguments: dict, message: str):
    with pytest.raises(ParameterError, match=message):
        simulate_cells(**{"n_obs": 60, "n_vars": 5, **arguments})


@pytest.mark.parametrize(
    "wrong", [{"gamma_rate": 0}, {"dispersion": -1}, {"changed_share": (0.5, 0.1)}, {"effect": "cell"}]
)
def test_impossible_models(wrong: dict):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        CountModel(**wrong)


def test_unknown_overlap():
    with pytest.raises(ParameterError, match="'complete', 'incomplete', 'none'"):
        split_pair(simulate_cells(60, 5), "some", n_source=5, n_target=5)


def test_as_few_cells_as_there_can_be():
    assert simulate_cells(16, 5).obs["cell_type"].value_counts().tolist() == [2] * 8


def test_toy_pair_is_ready_for_any_method():
    pair = toy_pair()
    source, _ = toy_counts()
    assert (pair.source.layers["counts"] != source.X).nnz == 0
    np.testing.assert_allclose(np.expm1(pair.target.X.toarray()).sum(axis=1), 10_000, rtol=1e-4)
    assert pair.source.var["highly_variable"].all()
    assert set(pair.labels) == set(pair.target.obs["cell_type"]) == {"type A", "type B", "type C", "type D"}


def test_toy_types_are_well_separated():
    pair = toy_pair()
    nearest = KNeighborsClassifier(5).fit(pair.source.X.toarray(), np.asarray(pair.labels))
    assert (nearest.predict(pair.target.X.toarray()) == pair.target.obs["cell_type"]).mean() > 0.97


# -- what the paper says of sizes, baseline and smaller targets ------------------------------------------------


def test_sizes_of_types_are_dirichlet():
    flat, concentration = list("abcde"), 10.0
    sizes = np.array(
        [
            simulate_cells(5000, 1, tree=flat, model=POISSON, run=Run(seed=seed))
            .obs["cell_type"]
            .value_counts(sort=False)
            for seed in range(200)
        ]
    )
    shares = sizes / 5000
    law = stats.dirichlet(np.full(5, concentration))
    np.testing.assert_allclose(shares.mean(axis=0), law.mean(), atol=0.03)
    np.testing.assert_allclose(shares.var(axis=0), law.var(), rtol=0.4)


def test_the_baseline_is_gamma():
    baseline = simulate_cells(10, 5000, tree=["a"]).var["baseline"]
    assert stats.kstest(baseline, stats.gamma(2, scale=10).cdf).pvalue > 0.01


@pytest.mark.parametrize("overlap", ["complete", "incomplete", "none"])
def test_the_first_cells_of_a_target_are_a_random_sample_of_it(overlap: str):
    _, target = simulate_pair(overlap, 5, n_source=200, n_target=800, run=Run(seed=3))
    whole = target.obs["cell_type"].value_counts(sort=False)
    whole = whole[whole > 0]
    first = target[:200].obs["cell_type"].value_counts(sort=False)[whole.index]
    assert stats.chisquare(first, whole / 4).pvalue > 0.01


# -- the experiment as a value ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "shared", "new"), [("complete", 8, 0), ("incomplete", 3, 1), ("none", 0, 2)])
def test_a_simulation_hides_the_truth_of_its_target(overlap: str, shared: int, new: int):
    made = Simulation(overlap=overlap, n_source=200, n_target=100, n_vars=200).make()
    assert list(made.target.obs) == []
    assert made.truth.index.equals(made.target.obs_names)
    known, match_genes = set(made.source.obs[made.label_key]), set(made.truth)
    assert len(known & match_genes) >= shared
    assert len(match_genes - known) >= new
    assert known | match_genes <= {f"type {number}" for number in range(1, 9)}
    assert not set(made.source.obs_names) & set(made.target.obs_names)


def test_a_simulation_comes_back_from_json_and_makes_the_same_again():
    simulation = Simulation(overlap="none", n_source=60, n_target=20, n_vars=200, effect="node", seed=5)
    again = Simulation.from_dict(simulation.to_dict())
    assert again == simulation
    assert (again.make().target.X != simulation.make(Run(seed=9)).target.X).nnz == 0
    other = Simulation.from_dict({**simulation.to_dict(), "seed": 6})
    assert (other.make().target.X != simulation.make().target.X).nnz > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_source": 49}, "n_source is 49"),
        ({"n_target": 9}, "n_target is 9"),
        ({"n_vars": 10}, "n_vars is 10"),
        ({"overlap": "some"}, "overlap is 'some'"),
        ({"effect": "cell"}, "effect is 'cell'"),
        ({"seed": -1}, "seed is -1"),
        ({"n_target": 5000, "n_vars": 20_000}, "are 120,000,000 values"),
        ({"colour": "red"}, "no 'colour'"),
    ],
)
def test_impossible_simulations_of_the_page(wrong: dict, message: str):
    with pytest.raises(ParameterError, match=message):
        Simulation.from_dict(wrong)
