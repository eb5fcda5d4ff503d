"""Figures 1 and 2, the posterior predictive: from a Gaussian over logits to probabilities.

Linearised around theta, the network's outputs are Gaussian under the posterior, f ~ N(m, V) with m = f(x, theta) and
V = J Sigma J^T. The predictive averages the likelihood's mean over them; each link approximates that average:

| link | for | p(y given x) |
|---|---|---|
| `plugin` | all | mean(m): the post's left panels, as if theta were certain |
| `probit` | classes | mean(m / sqrt(1 + pi/8 diag V)): the post's right panels (MacKay, 1992) |
| `quadrature` | one logit | the average itself, to rounding |
| `exact` | Gaussian | mean m, variance diag V + sigma^2 |

`LINKS` says which likelihood has which; the first is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr, roots_hermitenorm

from .likelihood import Bernoulli, Categorical, Gaussian, Likelihood
from .network import Trace
from .posterior import FullPosterior
from .validation import Array


class Prediction(NamedTuple):
    """A Gaussian predictive: mean (N, C) and variance (N, C), noise included."""

    mean: Array
    variance: Array


class Outputs:
    """f(x_n) ~ N(m_n, V_n) under the posterior of the last `n_layers`; only what a link asks for is computed."""

    def __init__(self, trace: Trace, posterior: FullPosterior, n_layers: int | None = None) -> None:
        self.mean = trace.output  # (N, C)
        self._trace, self._posterior, self._n_layers = trace, posterior, n_layers

    def covariance(self) -> Array:
        """Return V_n = J_n Sigma J_n^T, (N, C, C)."""
        return self._posterior.functional_covariance(self._trace.pull_back(n_layers=self._n_layers))

    def variance(self) -> Array:
        """Return diag V_n, (N, C)."""
        return np.diagonal(self.covariance(), axis1=1, axis2=2)


def plugin(likelihood: Likelihood, f: Outputs) -> Array:
    """Return mean(m): class probabilities as if the parameters were certain."""
    return likelihood.mean(f.mean)


def probit(likelihood: Likelihood, f: Outputs) -> Array:
    """Return mean(kappa m) with kappa = 1 / sqrt(1 + pi/8 diag V): uncertain logits shrink towards even odds."""
    return likelihood.mean(f.mean / np.sqrt(1 + np.pi / 8 * f.variance()))


def quadrature(likelihood: Likelihood, f: Outputs) -> Array:
    """Return E[sigmoid(f)] for one logit f ~ N(m, s^2), (N,), to rounding.

    For s <= 1 by Gauss-Hermite quadrature: sum_i w_i sigmoid(m + s x_i). For a wide Gaussian the sigmoid looks like a
    step, which no polynomial follows, and the roles are exchanged: sigmoid(f) is the probability that logistic noise
    e stays below f, so the average is E[Phi((m - e) / s)] over e, smooth in e, by the trapezoidal rule.
    """
    m, s = f.mean, np.sqrt(f.variance())  # (N, 1)
    x, w = roots_hermitenorm(32)
    narrow = expit(m + np.minimum(s, 1) * x) @ (w / w.sum())
    e, step = np.linspace(-40, 40, 161, retstep=True)
    wide = ndtr((m - e) / np.maximum(s, 1)) @ (step * expit(e) * expit(-e))
    return np.where(s[:, 0] <= 1, narrow, wide)


def exact(likelihood: Gaussian, f: Outputs) -> Prediction:
    """Return the Gaussian predictive N(m, diag V + sigma^2)."""
    return Prediction(f.mean, f.variance() + likelihood.sigma_noise**2)


def plugin_gaussian(likelihood: Gaussian, f: Outputs) -> Prediction:
    """Return N(m, sigma^2): the noise alone."""
    return Prediction(f.mean, np.full_like(f.mean, likelihood.sigma_noise**2))


Link = Callable[..., "Array | Prediction"]
LINKS: dict[type[Likelihood], dict[str, Link]] = {
    Bernoulli: {"probit": probit, "plugin": plugin, "quadrature": quadrature},
    Categorical: {"probit": probit, "plugin": plugin},
    Gaussian: {"exact": exact, "plugin": plugin_gaussian},
}
