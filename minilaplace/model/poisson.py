"""The likelihood of counts, whose predictions are the mean and the variance of a count.

| symbol | shape | meaning |
|---|---|---|
| r | (N, C) | a rate, exp(f) |
| m, v | (N, C) | mean and variance of the log rate f under the posterior |
| mu, s^2 | (N, C) | mean and variance of a count under the posterior |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, wrightomega, xlogy

from ..validation import Array, real_targets, refuse_where
from .gaussian import NO_PROBABILITIES
from .likelihood import Likelihood, columns, diagonal_matrices

NODES = 201  # of an integral over a log rate, right to 1e-9 where the log rate deviates by 5, to 1e-4 where by 18


@dataclass(frozen=True)
class Poisson(Likelihood):
    """Counts y_c of 0, 1, 2, ..., with the log rates f_c: p(y | f) = prod_c exp(f_c)^y_c exp(-exp(f_c)) / y_c!.

    Outputs f are the log rates, (N, C), and targets y are (N, C), or (N,) if C = 1. With the rate r = exp(f):
    nll = sum_c (r_c - y_c f_c + log y_c!), gradient = r - y, Lambda = diag(r), mean = variance = r.

    Under f ~ N(m, diag v) the rate is log-normal, E[r] = exp(m + v/2) and Var[r] = E[r]^2 (exp(v) - 1), so that the
    moments of a count are known exactly: E[y] = E[r] and Var[y] = E[r] + Var[r].

    Examples
    --------
    >>> Poisson().nll(np.array([[np.log(2.0)]]), [0])
    array([2.])
    """

    links = ("exact", "plugin", "mc", "nn")
    meaningless = {**NO_PROBABILITIES, "probit": "the average of exp(f) needs no approximation: 'exact'"}  # noqa: RUF012

    def nll(self, f: Array, y: Any) -> Array:
        y = columns(y, f.shape)
        return (self.mean(f) - y * f + gammaln(y + 1)).sum(axis=1)

    def gradient(self, f: Array, y: Any) -> Array:
        return self.mean(f) - columns(y, f.shape)

    def hessian(self, f: Array, y: Any) -> Array:
        columns(y, f.shape)
        return diagonal_matrices(self.mean(f))

    def factor(self, f: Array) -> Array:
        return diagonal_matrices(self.mean(f / 2))

    def mean(self, f: Array) -> Array:
        with np.errstate(over="ignore", under="ignore"):  # a theta that is only tried may have a rate of infinity
            return np.exp(f)

    def noise_variance(self, f: Array) -> Array:
        return self.mean(f)

    def moments(self, m: Array, v: Array) -> tuple[Array, Array, Array]:
        rate = self.mean(m + v / 2)
        return rate, rate, rate**2 * np.expm1(v)

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        counts = real_targets("y", y, n_samples, n_outputs)
        given = counts.reshape(np.shape(y))
        refuse_where("y", (given < 0) | (given != np.floor(given)), "counts, whole numbers of at least 0", given)
        return counts

    def log_score(self, prediction: Any, y: Any) -> Array:
        """Return the log probability of the counts, (N,), each a Poisson's whose rate is log-normal.

        A count's mean mu and variance s^2 determine the Gaussian of its log rate: v = log(1 + (s^2 - mu) / mu^2) and
        m = log mu - v / 2. So for the link "exact" this is the log of the predictive probability itself, of each output
        by itself. For "plugin", where s^2 = mu, it is that of a Poisson; other links are judged by their moments.

        Source: Aitchison and Ho (1989).
        """
        mu, variance = map(np.asarray, prediction)
        mu = np.maximum(mu, np.finfo(float).tiny)
        with np.errstate(all="ignore"):
            v = np.log1p(np.clip((variance / mu - 1) / mu, 0, np.finfo(float).max))
            return _log_probability(columns(y, mu.shape), np.log(mu) - v / 2, np.maximum(v, 1e-20)).sum(axis=1)


def _log_probability(y: Array, m: Array, v: Array) -> Array:
    """Return log p(y) of counts whose log rates are f ~ N(m, v), in their shape.

    The integrand exp(y f - exp(f) - (f - m)^2 / (2 v)) is largest at the rate r = W(v exp(m + v y)) / v, with Lambert's
    W, where log r - m = v (y - r). Relative to that, at f = log r + t, it is exp(-r (exp(t) - 1 - t) - t^2 / (2 v)):

        log p(y) = y log r - r - log y! - v (y - r)^2 / 2 + log(integral over t / sqrt(2 pi v))

    The integral is taken by the trapezoidal rule from where the exponent is -40 on the left to where it is on the
    right, or beyond: exp(-t) - 1 + t >= t^2 / (2 + t), and exp(t) - 1 - t >= t^2 / 2.
    """
    r = wrightomega(m + v * y + np.log(v)) / v
    left = np.minimum((40 + np.sqrt(1600 + 320 * r)) / (2 * r), np.sqrt(80 * v))
    right = np.sqrt(80 / (r + 1 / v))
    total = np.zeros_like(r)
    for share in np.linspace(0, 1, NODES):
        t = share * right - (1 - share) * left
        total += np.exp(-r * (np.expm1(t) - t) - t**2 / (2 * v))
    integral = total * (left + right) / (NODES - 1)
    return xlogy(y, r) - r - gammaln(y + 1) - v * (y - r) ** 2 / 2 + np.log(integral / np.sqrt(2 * np.pi * v))
