"""Pareto-smoothed weights: how heavy the tail of importance weights is, and the weights with that tail smoothed.

The largest of S importance weights decide how far their average can be trusted, and they are known worst. Beyond a high
threshold u almost any distribution looks like a generalised Pareto distribution,

    P(w - u > x)  =  (1 + k x / sigma)^(-1/k)

whose shape k says how many moments the weights have: below 1/2 a variance, below 1 a mean. The estimate k-hat, from
the weights themselves, is the verdict on the Gaussian that they come from: above 0.7 it misses mass, and averages with
these weights, however many, mean little. The largest weights are replaced by quantiles of the fitted distribution.

| symbol | shape | meaning |
|---|---|---|
| w | (S,) | importance weights |
| k, sigma | | shape and scale of the generalised Pareto distribution |
| M | | the number of weights in the tail, the smaller of S / 5 and 3 sqrt(S) |
| b | (m,) | -k / sigma, in the estimate of k |
"""

from __future__ import annotations

import numpy as np
from scipy.special import boxcox1p, softmax

from ..validation import Array

EQUAL = 1e-3  # log weights whose whole range is less are equal: no average would tell them apart
LEAST_TAIL = 5  # weights that a distribution can be fitted to
PRIOR_K, PRIOR_COUNT = 0.5, 10  # k-hat is as if ten further weights had said 1/2


def pareto_smoothed(log_weights: Array) -> tuple[Array, float]:
    """Return log weights (S,) with their tail smoothed, on the scale on which they came, and k-hat.

    The M largest become the quantiles at (i - 1/2) / M of the distribution that is fitted to them, at most the largest
    weight that came. k-hat is -inf if all weights are equal, which leaves no tail to fit. It is inf, and nothing is
    smoothed, if fewer than five of the M are above the rest and above the least number of float64: these few hold all
    there is.

    Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024); the same as `psislw` of ArviZ for independent draws, where
    not all weights are equal.
    """
    if np.ptp(log_weights) < EQUAL:
        return log_weights, -np.inf
    S, largest = len(log_weights), log_weights.max()
    w = np.exp(log_weights - largest)
    M = int(np.ceil(min(S / 5, 3 * np.sqrt(S))))
    u = max(np.sort(w)[-M - 1], np.finfo(float).tiny)
    tail = np.flatnonzero(w > u)
    if len(tail) < LEAST_TAIL:
        return log_weights, np.inf
    tail = tail[np.argsort(w[tail])]
    k, sigma = fit_generalised_pareto(w[tail] - u)
    middles = (np.arange(len(tail)) + 0.5) / len(tail)
    smoothed = log_weights.copy()
    smoothed[tail] = largest + np.minimum(np.log(u + quantiles(middles, k, sigma)), 0)
    return smoothed, k


def fit_generalised_pareto(x: Array) -> tuple[float, float]:
    """Return estimates of k and sigma from excesses x > 0, (n,), in ascending order.

    For a given b = -k / sigma the most likely k is mean log(1 - b x), and the log likelihood is then n (log(-b / k) - k
    - 1). The estimate of b is the average over m values with the likelihood as their weight: quantiles of a prior for
    it, whose scale is set by the first quartile of x. The k that follows is drawn towards 1/2.

    Source: Zhang and Stephens (2009); the last step, Vehtari et al. (2024).
    """
    n = len(x)
    m = 30 + int(np.sqrt(n))
    b = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(m) + 0.5))) / (3 * x[int(n / 4 + 0.5) - 1])  # (m,)
    k = np.log1p(-np.outer(b, x)).mean(axis=1)
    average_b = softmax(n * (np.log(-b / k) - k - 1)) @ b
    k_at_average = np.log1p(-average_b * x).mean()
    shrunk = (n * k_at_average + PRIOR_COUNT * PRIOR_K) / (n + PRIOR_COUNT)
    return float(shrunk), float(-k_at_average / average_b)


def quantiles(p: Array, k: float, sigma: float) -> Array:
    """Return the quantiles of the generalised Pareto distribution, sigma ((1 - p)^-k - 1) / k, (n,)."""
    return -sigma * boxcox1p(-p, -k)
