"""θ: order, resuming and files do not matter; the choice is guarded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score, silhouette_score

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.methods.transfercluster import preparation as prepare_module
from sctl.methods.transfercluster.alignment import kernel_target_alignment
from sctl.methods.transfercluster.preparation import n_types_matched, prepare_sweep
from sctl.methods.transfercluster.sc3 import Sc3
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.methods.transfercluster.theta import ThetaPoint, choose_theta, sweep_notes, sweep_warnings
from sctl.numerics.class_means import class_means
from sctl.run import Run


def prepared(pair, n_nulls=0, target_step="hard", n_landmarks=None, **settings):
    H = sweep_dictionary(pair)
    return prepare_sweep(
        pair.target.X, H, pair.labels.categories, settings=Sc3(**settings), run=Run(seed=5),
        n_nulls=n_nulls, target_step=target_step, n_landmarks=n_landmarks,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sweep(pair):
    return prepared(pair)


def same(a: ThetaPoint, b: ThetaPoint) -> bool:
    return bool((a.clusters == b.clusters).all()) and a.kta == b.kta and a.target_kta == b.target_kta


def test_a_theta_does_not_depend_on_the_others(sweep):
    curve = {point.theta: point for point in sweep.points((0.0, 0.3, 0.6), Run())}
    assert same(sweep.at(0.6), curve[0.6])
    assert same(sweep.at(0.0), curve[0.0])


def test_resumed_sweep_equals_an_uninterrupted_one(sweep):
    thetas = (0.0, 0.2, 0.4, 0.6)
    whole = list(sweep.points(thetas, Run()))
    seen = []
    stop = Run(cancelled=lambda: len(seen) >= 2)
    with pytest.raises(Cancelled):
        seen.extend(sweep.points(thetas, stop))  # the stop switch looks at what is there
    assert len(seen) == 2
    marker = ThetaPoint(0.0, seen[0].clusters, -1.0, -1.0, -1.0)
    resumed = list(sweep.points(thetas, Run(), done={0.0: marker, 0.2: seen[1]}))
    assert resumed[0] is marker  # not computed again
    assert all(same(a, b) for a, b in zip(whole[1:], resumed[1:], strict=True))


@pytest.mark.parametrize("distances", [("pearson",), ("euclidean", "spearman")])
def test_survives_a_file(pair, distances, tmp_path):
    sweep = prepared(pair, distances=distances)
    sweep.save(tmp_path / "sweep.npz")
    again = ThetaSweep.load(tmp_path / "sweep.npz")
    assert same(sweep.at(0.35), again.at(0.35))
    assert again.settings == sweep.settings
    assert again.type_names == sweep.type_names


def test_a_damaged_file_is_an_error(tmp_path):
    path = tmp_path / "sweep.npz"
    for content in (b"", b"not a zip", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            ThetaSweep.load(path)


def test_a_pickled_file_is_never_opened(tmp_path):
    path = tmp_path / "sweep.npz"
    np.savez(path, kernels_n_vars=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        ThetaSweep.load(path)


def test_points_survive_json(sweep):
    point = sweep.at(0.5)
    assert same(point, ThetaPoint.from_dict(point.to_dict()))


def test_spearman_distances_are_those_of_scipy(pair):
    sweep = prepared(pair, distances=("spearman",))
    mixed = 0.6 * pair.target.X.toarray() + 0.4 * sweep.dictionary[sweep.kernels.z]
    np.testing.assert_allclose(sweep._distances(0.4, "spearman"), 1 - spearmanr(mixed, axis=1).statistic, atol=1e-9)


def test_embedding_is_the_pca_of_the_mixed_cells(pair, sweep):
    mixed = 0.7 * pair.target.X.toarray() + 0.3 * sweep_dictionary(pair)[sweep.kernels.z]
    centred = mixed - mixed.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    ours = sweep.embedding(0.3, 5)
    np.testing.assert_allclose(np.abs(np.einsum("ij,ij->j", ours, u[:, :5])), s[:5], rtol=1e-5)


def sweep_dictionary(pair):
    return class_means(pair.source.X, pair.labels.codes.astype(np.int64), len(pair.labels.categories))


def test_theta_one_is_label_transfer(sweep):
    assert adjusted_rand_score(sweep.kernels.z, sweep.at(1.0).clusters) == pytest.approx(1.0)


@pytest.mark.parametrize("theta", [-0.1, 1.1, float("nan")])
def test_theta_outside_its_range(sweep, theta):
    with pytest.raises(ParameterError, match="between 0"):
        sweep.at(theta)


def point(theta, kta, target_kta):
    return ThetaPoint(theta, np.zeros(3, dtype=int), kta, target_kta, 0.0)


def test_choice():
    points = [point(0.5, 0.7, 0.9), point(0.0, 0.6, 0.9), point(0.9, 0.8, 0.5), point(1.0, 1.0, 1.0)]
    assert choose_theta(points) == 0.0  # of equal scores the smallest θ; θ = 1 is not eligible
    assert choose_theta(points, "kta") == 0.9
    assert choose_theta([point(1.0, 1.0, 1.0)]) == 1.0
    with pytest.raises(ParameterError, match="No θ"):
        choose_theta([])


def test_the_source_must_earn_its_trust():
    """Nearly equal values of the default score are told apart by the fit to the target, and else the smallest θ is taken."""
    steady = [replace(point(theta, 0.9, fit), stability=0.9) for theta, fit in ((0.0, 0.9), (0.4, 0.9004), (0.6, 0.8))]
    assert choose_theta(steady) == 0.0
    better = replace(point(0.5, 0.9, 0.902), stability=0.9)
    assert choose_theta([*steady, better]) == 0.5
    steadier = replace(point(0.8, 0.9, 0.8995), stability=0.904)
    assert choose_theta([*steady, steadier]) == 0.0
    assert choose_theta([*steady, replace(steadier, stability=0.91)]) == 0.8
    assert choose_theta(steady, "target_kta") == 0.4


def test_choice_by_a_score_that_was_not_computed():
    points = [point(0.5, 0.7, 0.9), point(0.0, 0.6, 0.9)]
    with pytest.raises(ParameterError, match="null_kta"):
        choose_theta(points, "null_kta")


def test_points_of_before_the_newer_scores_are_read(sweep):
    old = {name: value for name, value in sweep.at(0.5).to_dict().items() if name not in ("null_kta", "stability")}
    assert ThetaPoint.from_dict(old).stability is None
    assert ThetaPoint.from_dict(old).balanced == old["target_kta"]
    assert same(ThetaPoint.from_dict(old), sweep.at(0.5))


def test_balanced_is_the_mean_of_fit_and_steadiness(sweep):
    found = sweep.at(0.4)
    assert found.balanced == pytest.approx((found.target_kta + found.stability) / 2)
    steady = [ThetaPoint(0.1 * i, found.clusters, 0.5, (0.5, 0.6)[i], 0.5, stability=(0.9, 0.7)[i]) for i in range(2)]
    assert (choose_theta(steady, "balanced"), choose_theta(steady, "target_kta")) == (0.0, 0.1)


def test_stability_is_the_mean_adjusted_rand_index_of_the_runs(sweep):
    runs = sweep.cluster(0.4).runs
    pairs = [adjusted_rand_score(runs[i], runs[j]) for i in range(len(runs)) for j in range(i)]
    assert sweep.at(0.4).stability == pytest.approx(np.mean(pairs), abs=1e-9)


@pytest.mark.parametrize("target_step", ["hard", "soft", "hard_optimised"])
def test_null_kta_is_the_kta_beyond_that_of_shuffled_genes(pair, target_step):
    """The oracle forms the mixed matrix from a dictionary whose genes are shuffled, and clusters that."""
    with_null = prepared(pair, n_nulls=2, target_step=target_step)
    found = with_null.at(0.6)
    X, H = pair.target.X.toarray().astype(float), sweep_dictionary(pair)
    expected = []
    for number, null in enumerate(with_null.nulls):
        shuffled = H[:, Run(seed=5).rng(f"null {number}").permutation(H.shape[1])]
        other = prepare_sweep(
            X,
            shuffled,
            pair.labels.categories,
            n_clusters=with_null.n_clusters,
            target_step=target_step,
            run=Run(seed=5),
        )
        W = np.eye(len(H))[other.z] if other.kernels.weights is None else other.kernels.weights
        mixed = 0.6 * W @ shuffled + 0.4 * X
        np.testing.assert_allclose(null.gram(0.6), mixed @ mixed.T, rtol=1e-5)
        expected.append(kernel_target_alignment(mixed @ mixed.T, other.cluster(0.6).clusters))
    assert found.null_kta == pytest.approx(found.kta - np.mean(expected), abs=1e-4)
    assert with_null.at(0.0).null_kta == 0.0
    assert found.kta == prepared(pair, target_step=target_step).at(0.6).kta  # asking for it changes nothing else


@pytest.mark.parametrize("target_step", ["hard", "soft"])
def test_nulls_and_weights_survive_a_file(pair, target_step, tmp_path):
    sweep = prepared(pair, n_nulls=2, target_step=target_step)
    sweep.save(tmp_path / "sweep.npz")
    again = ThetaSweep.load(tmp_path / "sweep.npz")
    assert again.at(0.7).null_kta == sweep.at(0.7).null_kta
    assert len(again.nulls) == 2


def test_soft_spearman_distances_are_those_of_scipy(pair):
    sweep = prepared(pair, target_step="soft", n_nulls=1, distances=("spearman",))
    mixed = 0.6 * pair.target.X.toarray() + 0.4 * sweep.loadings @ sweep.dictionary
    np.testing.assert_allclose(sweep._distances(0.4, "spearman"), 1 - spearmanr(mixed, axis=1).statistic, atol=1e-9)
    assert np.isfinite(sweep.at(0.4).null_kta)  # by Pearson distances


def curve(scores, clusters=None, criterion="target_kta"):
    thetas = [round(0.1 * i, 1) for i in range(len(scores))]
    clusters = clusters or [np.array([0, 0, 1, 1])] * len(scores)
    given = {"kta": 0.5, "target_kta": 0.5, "silhouette": 0.5}
    return [
        ThetaPoint(theta, found, **{**given, criterion: score})
        for theta, score, found in zip(thetas, scores, clusters, strict=True)
    ]


def test_sweep_warnings():
    assert sweep_warnings(curve([0.3, 0.6, 0.4])) == ()
    assert sweep_warnings(curve([0.3, 0.9])) == ()  # two values make no curve
    for scores, kind in (([0.5, 0.51, 0.5], "flat"), ([0.9, 0.6, 0.4], "smallest"), ([0.3, 0.6, 0.9], "largest")):
        assert [doubt.kind for doubt in sweep_warnings(curve(scores), "target_kta")] == [kind]
    with pytest.raises(ParameterError, match="stability"):
        sweep_warnings(curve([0.3, 0.6, 0.4]), "stability")


def disagreeing(other, best_kta=2):
    """Four θ: the groups of the third are ``other``, and the paper's KTA is best at the one asked for."""
    groups = [np.array([0, 0, 1, 1])] * 2 + [np.array(other)] * 2
    return [
        ThetaPoint(
            0.1 * i,
            groups[i],
            kta=0.9 - 0.3 * abs(i - best_kta),
            target_kta=(0.1, 0.9, 0.2, 0.1)[i],
            silhouette=0.1 * (i == 0),
        )
        for i in range(4)
    ]


def test_sweep_warnings_name_the_scores_that_would_choose_other_groups():
    (doubt,) = sweep_warnings(disagreeing([0, 1, 0, 1]))
    assert doubt.kind == "disagreement"
    assert doubt.text == (
        "θ = 0.2, which has the best score for the fit to the mixed data, would group some cells differently. "
        "Compare θ = 0.2 before you trust small groups."
    )  # the separation would choose another θ, but the same groups
    assert "differently (3 groups instead of 2)." in sweep_warnings(disagreeing([0, 1, 2, 2]))[0].text


def test_other_groups_without_the_source_are_named_as_those_of_ones_own_data():
    points = disagreeing([0, 1, 0, 1], best_kta=0)
    points[0] = replace(points[0], clusters=np.array([0, 1, 0, 1]))
    (doubt,) = sweep_warnings(points)
    assert doubt.text.startswith("Your own data alone would group some cells differently. Compare θ = 0 before")


def test_scores_that_grow_with_theta_by_construction_are_not_heard_at_its_end():
    assert sweep_warnings(disagreeing([0, 1, 0, 1], best_kta=3)) == ()


def test_a_choice_is_not_called_safe_where_the_scores_disagree():
    points = disagreeing([0, 1, 0, 1])
    flatter = [replace(point, target_kta=score) for point, score in zip(points, (0.1, 0.9, 0.899, 0.1), strict=True)]
    plateau, _ = sweep_notes(flatter)
    assert plateau.kind == "plateau"
    assert "safe" not in plateau.text


@pytest.mark.parametrize(
    ("scores", "kind", "said"),
    [
        ((0.500, 0.505, 0.503, 0.501), "flat", "The curve is flat"),
        ((0.7, 0.6, 0.5, 0.4), "smallest", "θ = 0 scores best (0.700, against 0.400 at θ = 0.3). So the source seems"),
        (
            (0.4, 0.5, 0.6, 0.7),
            "largest",
            "θ = 0.3 scores best (0.700, against 0.400 without the source). It is the la",
        ),
        ((0.4, 0.7, 0.5, 0.4), "peak", "so the choice matters"),
        (
            (0.4, 0.7, 0.699, 0.4),
            "plateau",
            "All values from 0.1 to 0.2 lie within 1% of the best, so the choice is safe",
        ),
        ((0.4, 0.7, 0.698, 0.699), "plateau", "All values from 0.1 to 0.3 lie within 1% of the best"),
        ((0.696, 0.7, 0.5, 0.4), "plateau", "hardly better than your data alone"),
        (
            (0.4, 0.7, 0.7, 0.4),
            "plateau",
            "θ = 0.1 is the least help with the best score (0.700, against 0.400 without",
        ),
    ],
)
def test_the_curve_is_put_into_words(scores, kind, said):
    (remark,) = sweep_notes(curve(scores), "target_kta")
    assert remark.kind == kind
    assert said in remark.text
    assert remark.is_warning == (kind not in ("peak", "plateau"))


def balanced(scores, fits):
    return [
        replace(point, target_kta=fit, stability=2 * point.target_kta - fit)
        for point, fit in zip(curve(scores), fits, strict=True)
    ]


@pytest.mark.parametrize(
    ("scores", "fits", "chosen", "said"),
    [
        ((0.8, 0.8197, 0.8216, 0.8216), (0.5,) * 4, 0.1,
         "θ = 0.1 is the least help that scores about as well as the best (0.820, against 0.822 at θ = 0.2 and 0.800 without the source)."),
        ((0.8, 0.8197, 0.8216, 0.8210), (0.5, 0.5, 0.6, 0.6), 0.2,
         "Of the values that do, it is the least help that also fits your own data as well as any."),
        ((0.8197, 0.8216, 0.79, 0.79), (0.5,) * 4, 0.0,
         "θ = 0 is the least help that scores about as well as the best (0.820, against 0.822 at θ = 0.1 and 0.790 at θ = 0.3)."),
        ((0.8216, 0.8206, 0.79, 0.79), (0.5, 0.6, 0.5, 0.5), 0.1, "That is no better than your data alone (θ = 0)."),
        ((0.8, 0.85, 0.8479, 0.80), (0.5,) * 4, 0.1, "Of all values below 1, θ = 0.1 scores best (0.850, against 0.800"),
    ],
)  # fmt: skip
def test_what_is_said_of_the_choice_is_what_the_rule_does(scores, fits, chosen, said):
    points = balanced(scores, fits)
    assert choose_theta(points) == chosen
    text = sweep_notes(points)[0].text
    assert said in text
    assert ("scores best" in text) == (max(scores) == scores[round(10 * chosen)] and "Of all" in said)


def test_equal_scores_are_not_called_safe_where_the_groups_differ():
    two, other = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    plateau = sweep_notes(curve([0.4, 0.7, 0.699, 0.4], [two, two, other, two]), "target_kta")[0]
    assert "some of them group your cells differently" in plateau.text
    assert "safe" not in plateau.text
    flat = sweep_notes(curve([0.5, 0.501, 0.5], [two, two, other]), "target_kta")[0]
    assert "Any θ will do" not in flat.text
    assert "Any θ will do" in sweep_notes(curve([0.5, 0.501, 0.5]), "target_kta")[0].text


def test_pure_label_transfer_is_not_judged():
    points = [*curve([0.4, 0.7, 0.4]), replace(curve([0.99])[0], theta=1.0)]
    assert "θ = 0.1" in sweep_notes(points, "target_kta")[0].text
    assert sweep_notes(points[1:], "target_kta") == ()  # two values below 1 are no curve


def test_types_met_ignores_stray_cells():
    assert n_types_matched(np.repeat([0, 3, 4], [60, 39, 1])) == 2
    assert n_types_matched(np.zeros(10, dtype=int)) == 2


@pytest.fixture
def few_landmarks(monkeypatch):
    monkeypatch.setattr(prepare_module, "ALL_CELLS_UP_TO", 50)
    monkeypatch.setattr(prepare_module, "N_LANDMARKS", 40)


def test_landmarks_speak_for_everyone(pair, few_landmarks, sweep, tmp_path):
    with_landmarks = prepared(pair)
    assert len(with_landmarks.landmarks) <= 41
    truth = pair.target.obs["cell_type"].astype(str)
    for theta in (0.0, 0.5):
        found = with_landmarks.cluster(theta)
        np.testing.assert_allclose(found.proba.sum(axis=1), 1.0)
        assert adjusted_rand_score(truth, found.clusters) > 0.9
    with_landmarks.save(tmp_path / "sweep.npz")
    assert same(with_landmarks.at(0.3), ThetaSweep.load(tmp_path / "sweep.npz").at(0.3))


def test_as_many_landmarks_as_asked_for(pair):
    assert prepared(pair, n_landmarks=pair.target.n_obs).landmarks is None
    asked = prepared(pair, n_landmarks=30).landmarks
    assert 28 <= len(asked) <= 32
    assert len(np.unique(asked)) == len(asked)


def test_landmarks_map_the_others_where_all_cells_map_them(pair, few_landmarks, sweep):
    """Types lie apart in the components of the landmarks as they do in those of all cells."""
    truth = pair.target.obs["cell_type"].astype("category").cat.codes.to_numpy()
    coords = prepared(pair).embedding(0.2, 5)
    assert coords.shape == (pair.target.n_obs, 5)
    assert silhouette_score(coords, truth) > 0.5 * silhouette_score(sweep.embedding(0.2, 5), truth) > 0
