"""ItClust's halves: pretraining, the supervised step, and self-training, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from sctl.errors import Cancelled
from sctl.methods.itclust.deep_embedding import (
    EmbeddingNet,
    Pretraining,
    SourceTraining,
    class_centroids,
    divergence,
    embedded,
    layer_widths,
    outputs,
    pretrain,
    train_source,
)
from sctl.methods.itclust.finetuning import SelfTraining, merged_clusters, self_train, sharpened
from sctl.numerics.networks import Autoencoder, draw_weights
from sctl.numerics.training import Cells, TrainingConfig
from sctl.run import Run

FAST = TrainingConfig(learning_rate=5e-3, batch_size=32, max_epochs=15, stop_on="never")


@pytest.fixture
def groups(rng):
    """Three groups of 40 cells, 12 genes: X (120, 12), codes (120,)."""
    codes = np.repeat([0, 1, 2], 40)
    return rng.normal(size=(120, 12)) + 2.5 * rng.normal(size=(3, 12))[codes], codes


def learned(X, codes, run=None):
    run, cells = run or Run(), Cells.all(X)
    autoencoder, _ = pretrain((6, 3), cells, Pretraining(layers=FAST, whole=FAST), run=run)
    net = EmbeddingNet(autoencoder, class_centroids(embedded(autoencoder, cells), codes, 3))
    train_source(net, cells, codes, config=SourceTraining(training=FAST, dropout=0.1), run=run)
    return net


def test_sharpened_is_the_published_distribution(rng):
    q = rng.dirichlet(np.ones(4), size=30)
    frequency = q.sum(0)
    expected = np.array([[q[i, j] ** 2 / frequency[j] for j in range(4)] for i in range(30)])
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(sharpened(q), expected)


def test_sharpened_leaves_the_certain_certain():
    np.testing.assert_allclose(sharpened(np.eye(3)), np.eye(3))


def test_divergence_is_that_of_scipy(rng):
    p, q = rng.dirichlet(np.ones(5), size=20), rng.dirichlet(np.ones(5), size=20)
    found = divergence(torch.from_numpy(p), torch.from_numpy(q))
    assert float(found) == pytest.approx(entropy(p, q, axis=1).mean(), rel=1e-6)


def test_gradient_of_the_divergence_at_a_centroid_is_that_of_the_paper():
    """Xie et al. (2016), equation 5: ∂L/∂μ_j = −2 Σ_i (1 + |z_i − μ_j|²)⁻¹ (p_ij − q_ij)(z_i − μ_j), at α = 1."""
    g = torch.Generator().manual_seed(0)
    net = EmbeddingNet(Autoencoder((4, 2)), torch.randn(3, 2, generator=g)).double()
    draw_weights(net, g)
    x = torch.randn(10, 4, generator=g, dtype=torch.float64)
    p = torch.softmax(torch.randn(10, 3, generator=g, dtype=torch.float64), 1)
    net.loss(x, p).backward()
    with torch.no_grad():
        z, q, mu = net.autoencoder.encoder(x), net(x), net.head.centroids
        gap = z[:, None] - mu[None]
        weight = (p - q) / (1 + gap.square().sum(-1))
        expected = -2 * (weight[:, :, None] * gap).sum(0) / 10
    torch.testing.assert_close(net.head.centroids.grad, expected)


@pytest.mark.parametrize(
    ("n_obs", "widths"),
    [(20_001, (128, 32)), (20_000, (64, 32)), (10_000, (32, 16)), (5_000, (128,)), (2_000, (64,)), (500, (16,))],
)
def test_widths_are_those_of_the_supplement(n_obs, widths):
    assert layer_widths(n_obs) == widths


def test_class_centroids_are_means(rng):
    z, codes = rng.normal(size=(20, 3)), np.arange(20) % 3
    expected = [z[codes == k].mean(0) for k in range(3)]
    np.testing.assert_allclose(class_centroids(z, codes, 4)[:3].numpy(), expected, rtol=1e-5)
    assert not class_centroids(z, codes, 4)[3].any()


def test_pretraining_lowers_the_error_of_every_phase(groups):
    X, _ = groups
    net, logs = pretrain((6, 3), Cells.all(X), Pretraining(layers=FAST, whole=FAST, decays=(1, 1)), run=Run())
    assert [log.phase for log in logs] == [
        "Learn layer 1 of 2",
        "Learn layer 1 of 2, finer (1)",
        "Learn layer 2 of 2",
        "Learn layer 2 of 2, finer (1)",
        "Learn all layers",
        "Learn all layers, finer (1)",
    ]
    assert all(log.epochs[-1].train < log.epochs[0].train for log in (logs[0], logs[2], logs[4]))
    with torch.no_grad():
        x = torch.from_numpy(X.astype(np.float32))
        assert float((net(x) - x).square().mean()) < X.var()


def test_without_epochs_nothing_is_pretrained(groups):
    none = replace(FAST, max_epochs=0)
    assert pretrain((4,), Cells.all(groups[0]), Pretraining(layers=none, whole=none), run=Run())[1] == []


def test_labels_are_learned(groups):
    X, codes = groups
    _, q = outputs(learned(X, codes), Cells.all(X))
    assert (q.argmax(1) == codes).mean() > 0.97
    np.testing.assert_allclose(q.sum(1), 1)


def test_self_training_sharpens_and_tells_what_it_saw(groups):
    X, codes = groups
    net = learned(X, codes)
    before = outputs(net, Cells.all(X))[1]
    out = self_train(
        net, Cells.all(X), SelfTraining(training=TrainingConfig(optimiser="sgd", learning_rate=0.05)), run=Run()
    )
    assert out.settled
    assert out.proba.max(1).mean() > before.max(1).mean()
    assert (out.proba.argmax(1) == codes).mean() > 0.97
    assert len(out.changed) == len(out.sizes) == len(out.losses)
    assert out.changed[-1] < 0.001
    assert (out.sizes.sum(1) == 120).all()
    assert out.snapshots[0].refresh == 0
    assert out.snapshots[-1].refresh == len(out.changed) - 1
    np.testing.assert_array_equal(out.snapshots[0].clusters, before.argmax(1))


def test_self_training_ends_at_its_limit(groups):
    X, codes = groups
    config = SelfTraining(training=FAST, max_refreshes=5, tolerance=0.0, record_every=2)
    out = self_train(learned(X, codes), Cells.all(X), config, run=Run())
    assert not out.settled
    assert [snapshot.refresh for snapshot in out.snapshots] == [0, 1, 2, 4, 5]


def test_same_seed_same_network_other_seed_other_network(groups):
    X, codes = groups
    a, b, c = (learned(X, codes, Run(seed=seed)) for seed in (0, 0, 1))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.head.centroids, c.head.centroids)


def test_self_training_can_be_stopped(groups):
    X, codes = groups
    net = learned(X, codes)
    with pytest.raises(Cancelled):
        self_train(net, Cells.all(X), SelfTraining(training=FAST), run=Run(cancelled=lambda: True))


def test_a_reconstruction_term_adds_its_error(groups):
    X, codes = groups
    net, x = learned(X, codes), torch.from_numpy(groups[0].astype(np.float32))
    p = torch.full((120, 3), 1 / 3)
    with torch.no_grad():
        plain, both = net.loss(x, p), net.loss(x, p, reconstruction=2.0)
        error = (net.autoencoder(x) - x).square().mean()
    assert float(both - plain) == pytest.approx(2 * float(error), rel=1e-5)


def test_swallowed_clusters_are_named():
    start, end = np.array([0] * 6 + [1] * 4 + [2] * 4), np.array([0] * 6 + [0] * 3 + [1] + [2] * 2 + [1] * 2)
    assert merged_clusters(start, end, 3) == [(1, 0, 4, 3)]


def test_curves_are_recorded_as_they_grow(groups):
    X, codes = groups
    seen = []
    config = SelfTraining(training=FAST, max_refreshes=3, tolerance=0.0)
    out = self_train(learned(X, codes), Cells.all(X), config, run=Run(recorder=seen.append))
    assert [point.x for point in seen] == [1, 2, 3]
    assert [point.values["changed"] for point in seen] == list(out.changed[1:])
    assert [point.values["train"] for point in seen] == list(out.losses[:-1])
