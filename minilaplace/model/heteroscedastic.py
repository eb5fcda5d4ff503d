"""The likelihood of real targets whose noise the network predicts too, by a second output for each target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..validation import Array, real_targets, refusal
from .gaussian import NO_PROBABILITIES, Gaussian
from .likelihood import Likelihood, columns


@dataclass(frozen=True)
class HeteroscedasticGaussian(Likelihood):
    """Real targets whose noise the network predicts too: y_c ~ N(m_c, exp(s_c)), f = (m, s).

    Outputs f are the means and then the log-variances, (N, 2C), and targets y are (N, C).
    With r = m - y and w = exp(-s): nll = sum_c (r_c^2 w_c + s_c + log 2 pi) / 2, gradient = (r w, (1 - r^2 w) / 2),
    Fisher information = diag(w, 1/2). The Hessian has r^2 w / 2 in place of 1/2, and -r w between m and s: it depends
    on y and need not be positive definite, so the GGN is made with its expectation, the Fisher information.

    Examples
    --------
    >>> f = np.array([[1.0, np.log(4)]])  # mean 1, variance 4
    >>> HeteroscedasticGaussian().gradient(f, np.array([[3.0]]))
    array([[-0.5,  0. ]])
    """

    links = Gaussian.links
    meaningless = NO_PROBABILITIES

    def nll(self, f: Array, y: Any) -> Array:
        r, w = self._residual_and_weight(f, y)
        s = np.split(f, 2, axis=1)[1]
        return 0.5 * np.sum(r**2 * w + s + np.log(2 * np.pi), axis=1)

    def gradient(self, f: Array, y: Any) -> Array:
        r, w = self._residual_and_weight(f, y)
        return np.hstack([r * w, 0.5 * (1 - r**2 * w)])

    def factor(self, f: Array) -> Array:
        s = np.split(f, 2, axis=1)[1]
        rows = np.hstack([np.exp(-0.5 * s), np.full_like(s, np.sqrt(0.5))])
        return rows[:, :, None] * np.eye(f.shape[1])

    def hessian_minus_fisher(self, f: Array, y: Any) -> Array:
        r, w = self._residual_and_weight(f, y)
        E = np.zeros((*f.shape, f.shape[1]))
        C = r.shape[1]
        c = np.arange(C)
        E[:, c, C + c] = E[:, C + c, c] = -r * w
        E[:, C + c, C + c] = 0.5 * (r**2 * w - 1)
        return E

    def mean(self, f: Array) -> Array:
        return np.split(f, 2, axis=1)[0]

    def noise_variance(self, f: Array) -> Array:
        return np.exp(np.split(f, 2, axis=1)[1])

    def moments(self, m: Array, v: Array) -> tuple[Array, Array, Array]:
        (mean, s), (v_mean, v_s) = np.split(m, 2, axis=1), np.split(v, 2, axis=1)
        return mean, np.exp(s + v_s / 2), v_mean  # E[exp(s)] of a Gaussian s

    def check_outputs(self, n_outputs: int) -> None:
        if n_outputs % 2:
            expected = "an even number of outputs, means and then log-variances, for HeteroscedasticGaussian"
            raise ValueError(refusal("network", expected, n_outputs))

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return real_targets("y", y, n_samples, n_outputs // 2)

    def _residual_and_weight(self, f: Array, y: Any) -> tuple[Array, Array]:
        m, s = np.split(f, 2, axis=1)
        return m - columns(y, m.shape), np.exp(-s)
