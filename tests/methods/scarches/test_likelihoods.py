"""Against scipy's distributions, loops, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from sctl.methods.scarches.likelihoods import (
    SCALES,
    kl_to_standard_normal,
    mmd,
    negative_binomial_log_prob,
    squared_error,
    zero_inflated_log_prob,
)


@pytest.fixture
def counts(rng):
    """Counts, means and dispersions."""
    means = rng.gamma(1.0, 3.0, size=(6, 5)) + 0.05
    return rng.poisson(means).astype(float), means, rng.gamma(2.0, 2.0, size=5) + 0.1


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(array)) for array in arrays]


def test_negative_binomial(counts):
    x, mean, theta = counts
    found = negative_binomial_log_prob(*tensors(x, np.log(mean), np.log(theta)))
    np.testing.assert_allclose(found, stats.nbinom(theta, theta / (theta + mean)).logpmf(x), rtol=1e-8)


def test_negative_binomial_of_large_dispersion_is_poisson(counts):
    x, mean, _ = counts
    found = negative_binomial_log_prob(*tensors(x, np.log(mean), np.full(5, np.log(1e7))))
    np.testing.assert_allclose(found, stats.poisson(mean).logpmf(x), rtol=1e-4)


def test_zero_inflation(counts):
    x, mean, theta = counts
    logit = np.linspace(-3, 3, 5)
    share = 1 / (1 + np.exp(-logit))
    expected = (1 - share) * stats.nbinom(theta, theta / (theta + mean)).pmf(x) + share * (x == 0)
    found = zero_inflated_log_prob(*tensors(x, np.log(mean), np.log(theta), logit))
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-8)
    with_none = zero_inflated_log_prob(*tensors(x, np.log(mean), np.log(theta), np.full(5, -60.0)))
    plain = negative_binomial_log_prob(*tensors(x, np.log(mean), np.log(theta)))
    np.testing.assert_allclose(with_none, plain)


def test_extreme_parameters_stay_finite():
    x = torch.tensor([[0.0, 0.0, 1e5]])
    for log_mean in (-50.0, 0.0, 12.0):
        for log_dispersion in (-8.0, 12.0):
            shape = torch.full((1, 3), log_mean)
            found = negative_binomial_log_prob(x, shape, torch.full((3,), log_dispersion))
            assert torch.isfinite(found).all()
            assert torch.isfinite(zero_inflated_log_prob(x, shape, torch.full((3,), log_dispersion), shape)).all()


def test_gradients(counts):
    x, mean, theta = counts
    count = torch.from_numpy(x)
    log_mean, log_theta = (torch.from_numpy(np.log(part)).requires_grad_() for part in (mean, theta))
    logit = torch.zeros_like(log_mean).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: negative_binomial_log_prob(count, a, b), (log_mean, log_theta))
    assert torch.autograd.gradcheck(
        lambda a, b, c: zero_inflated_log_prob(count, a, b, c), (log_mean, log_theta, logit)
    )
    points = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    groups = torch.tensor([0, 0, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda z: mmd(z, groups, (0.5, 5.0)), (points,))


def test_divergence_is_torchs(rng):
    mean, log_variance = tensors(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
    cell = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(cell, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)
    assert float(kl_to_standard_normal(torch.zeros(1, 2), torch.zeros(1, 2))) == 0.0


def test_squared_error():
    torch.testing.assert_close(
        squared_error(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]])), torch.tensor([[1.0, 4.0]])
    )


def test_discrepancy_follows_its_definition(rng):
    points, groups = rng.normal(size=(15, 3)), np.repeat([4, 7, 9], [4, 5, 6])  # numbers need not be in a row
    points[groups == 9] += 2.0

    def kernel(a, b):
        squared = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.mean([np.exp(-squared / (2 * scale)).mean() for scale in SCALES])

    parts = [points[groups == group] for group in (4, 7, 9)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [
        kernel(parts[i], parts[i]) + kernel(parts[j], parts[j]) - 2 * kernel(parts[i], parts[j]) for i, j in pairs
    ]
    assert float(mmd(*tensors(points, groups))) == pytest.approx(np.mean(expected), rel=1e-6)


def test_discrepancy_of_one_group_and_of_equal_groups(rng):
    (points,) = tensors(rng.normal(size=(6, 2)))
    assert float(mmd(points, torch.zeros(6, dtype=torch.long))) == 0.0
    twice = torch.cat([points, points])
    assert float(mmd(twice, torch.arange(12) // 6)) == pytest.approx(0.0, abs=1e-12)
