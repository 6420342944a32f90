"""How unlikely values are under a model, as tensors: reconstruction, divergence, and the distance of distributions.

Densities of counts are written in logarithms of their parameters, so that nothing is added to keep a logarithm finite;
terms of the gamma function are computed for counts above zero alone, which a sparse matrix has few of.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALES = (
    1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 1e2, 1e3, 1e4, 1e5, 1e6,
)  # fmt: skip
"""Squared bandwidths of the 19 kernels of the published MMD."""


def squared_error(x: Tensor, mean: Tensor) -> Tensor:
    """Squared differences: (n_obs, n_vars)."""
    return (x - mean).square()


def negative_binomial_log_prob(x: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
    """Log-probability of counts with mean ``μ`` and variance ``μ + μ² / θ``: (n_obs, n_vars).

    Parameters
    ----------
    x, log_mean : Tensor of shape (n_obs, n_vars)
    log_dispersion : Tensor, broadcastable to the same
        Logarithm of ``θ``; the Poisson distribution is its limit at infinity.

    Examples
    --------
    >>> one = torch.zeros(1, 1)
    >>> float(negative_binomial_log_prob(one, one, one).exp())  # of zero, with mean and θ one: a half
    0.5
    """
    log_dispersion = log_dispersion.expand_as(x)
    log_total = torch.logaddexp(log_mean, log_dispersion)
    dispersion = log_dispersion.exp()
    out = dispersion * (log_dispersion - log_total) + x * (log_mean - log_total)
    some = x > 0
    counts, sizes = x[some], dispersion[some]
    own = torch.lgamma(counts + sizes) - torch.lgamma(sizes) - torch.lgamma(counts + 1.0)
    return out.masked_scatter(some, out[some] + own)


def zero_inflated_log_prob(x: Tensor, log_mean: Tensor, log_dispersion: Tensor, dropout_logit: Tensor) -> Tensor:
    """Log-probability under a negative binomial with extra zeros: (n_obs, n_vars).

    Parameters
    ----------
    x, log_mean : Tensor of shape (n_obs, n_vars)
    log_dispersion, dropout_logit : Tensor, broadcastable to the same
        The share of extra zeros is ``sigmoid(dropout_logit)``.
    """
    counts = negative_binomial_log_prob(x, log_mean, log_dispersion) - functional.softplus(dropout_logit)
    extra = -functional.softplus(-dropout_logit)
    return torch.where(x > 0, counts, torch.logaddexp(extra.expand_as(counts), counts))


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each cell's normal distribution from the standard one: (n_obs,).

    Parameters
    ----------
    mean, log_variance : Tensor of shape (n_obs, n_latent)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)


def mmd(points: Tensor, groups: Tensor, scales: tuple[float, ...] = SCALES) -> Tensor:
    """Squared maximum mean discrepancy between groups, averaged over pairs of groups and over kernels: a number.

    Parameters
    ----------
    points : Tensor of shape (n_obs, n_dims)
    groups : Tensor of shape (n_obs,), integer
        Groups without cells are left out; with fewer than two groups it is 0.
    scales : tuple of float
        Kernels are ``exp(-d² / (2 s))``.

    Notes
    -----
    The biased estimate, as published; averages instead of sums, so that its weight means the same for any number of
    datasets.
    """
    _, codes = torch.unique(groups, return_inverse=True)
    member = functional.one_hot(codes).to(points.dtype)
    n_groups = member.shape[1]
    if n_groups < 2:
        return points.new_zeros(())
    member = member / member.sum(dim=0)
    lengths = points.square().sum(dim=1)
    squared = (lengths[:, None] + lengths[None, :] - 2.0 * points @ points.T).clamp_min(0.0)
    kernel = torch.stack([torch.exp(squared / (-2.0 * scale)) for scale in scales]).mean(dim=0)
    means = member.T @ kernel @ member  # (n_groups, n_groups)
    own = torch.diagonal(means)
    apart = own[:, None] + own[None, :] - 2.0 * means
    return torch.triu(apart, diagonal=1).sum() * (2.0 / (n_groups * (n_groups - 1)))
