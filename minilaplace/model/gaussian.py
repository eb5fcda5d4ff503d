"""The likelihood of real targets with Gaussian noise, whose predictions are means and variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import Array, keep, positive_numbers, refusal, short_repr
from .likelihood import Likelihood, columns

OF_CLASSES = ("mean_field", "bridge", "bridge_norm", "quadrature")
NO_PROBABILITIES = dict.fromkeys(OF_CLASSES, "there are no class probabilities")


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Real targets y_c ~ N(f_c, sigma_c^2), with one standard deviation sigma for all outputs or one for each.

    Outputs f are the means, (N, C), and targets y are (N, C), or (N,) if C = 1. With z = (f - y) / sigma:
    nll = sum_c [z_c^2 / 2 + log(sigma_c sqrt(2 pi))], gradient_c = z_c / sigma_c, Lambda = diag(1 / sigma^2).

    Parameters
    ----------
    sigma_noise
        A number, or one for each output.

    Examples
    --------
    >>> Gaussian(0.5).gradient(np.array([[1.0]]), np.array([[0.0]]))
    array([[4.]])
    """

    sigma_noise: float | tuple[float, ...] = 1.0
    links = ("exact", "probit", "plugin", "mc", "nn")
    meaningless = NO_PROBABILITIES
    __repr__ = short_repr

    def __post_init__(self) -> None:
        keep(self, sigma_noise=positive_numbers("sigma_noise", self.sigma_noise))

    def nll(self, f: Array, y: Any) -> Array:
        z = (f - columns(y, f.shape)) / self.sigma_noise
        return 0.5 * np.sum(z**2, axis=1) + self.log_normalizer(f.shape[1])

    def gradient(self, f: Array, y: Any) -> Array:
        return (f - columns(y, f.shape)) / np.square(self.sigma_noise)

    def hessian(self, f: Array, y: Any) -> Array:
        columns(y, f.shape)
        return np.tile(np.eye(f.shape[1]) / np.square(self.sigma_noise), (len(f), 1, 1))

    def factor(self, f: Array) -> Array:
        N, C = f.shape
        return np.broadcast_to(np.eye(C) / self.sigma_noise, (N, C, C))

    def mean(self, f: Array) -> Array:
        return f

    def noise_variance(self, f: Array) -> Array:
        return np.broadcast_to(np.square(self.sigma_noise), f.shape)

    def moments(self, m: Array, v: Array) -> tuple[Array, Array, Array]:
        return m, self.noise_variance(m), v

    def log_normalizer(self, n_outputs: int) -> float:
        return float(np.log(np.full(n_outputs, self.sigma_noise) * np.sqrt(2 * np.pi)).sum())

    def with_noise(self, sigma_noise: Any) -> Gaussian:
        return Gaussian(sigma_noise)

    def noise_ratio(self, fitted: Likelihood) -> float:
        before = fitted.sigma_noise if isinstance(fitted, Gaussian) else np.nan
        ratios = np.atleast_1d(np.divide(before, self.sigma_noise))
        if not np.allclose(ratios, ratios[0], rtol=1e-12, atol=0):
            expected = f"the noise of the fit, {before}, times one number (or another fit)"
            raise ValueError(refusal("sigma_noise", expected, self.sigma_noise))
        return float(ratios[0])

    def check_outputs(self, n_outputs: int) -> None:
        if np.shape(self.sigma_noise) not in [(), (n_outputs,)]:
            expected = f"{np.size(self.sigma_noise)} outputs, one for each sigma_noise"
            raise ValueError(refusal("network", expected, f"{n_outputs} outputs"))
