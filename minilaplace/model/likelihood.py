"""*From Bayesian Logistic Regression ...*, logits to probabilities: p(y | f).

A likelihood says how the network's outputs f speak about a target y. Each of them answers the same questions:
the negative log-likelihood and its first two derivatives *in the outputs*; a factor of its curvature; the mean of y
given f; and which targets it accepts. The network's derivatives in the parameters come from `network.py`; the chain
rule that joins them is in `model.py` and `curvature.py`.

| likelihood | outputs f | targets y | -log p(y given f) |
|---|---|---|---|
| `Bernoulli` | (N, 1) logit | (N,) of 0/1 | log(1 + exp((1 - 2y) f)) |
| `BradleyTerry` | (N, 1) difference of rewards | (N,) of 0/1 | the same |
| `Categorical` | (N, C) logits | (N,) of 0..C-1 | -log softmax(f)_y |
| `Gaussian` | (N, C) means | (N, C), or (N,) when C = 1 | |y - f|^2 / (2 sigma^2) + C log(sigma sqrt(2 pi)) |

`factor` gives rows R_n whose R_n^T R_n = Lambda_n is the Fisher information, the expected Hessian in f. For these the
Hessian does not depend on y, and is its own expectation; `heteroscedastic.py` has a likelihood whose is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_softmax, softmax

from ..validation import Array, class_labels, positive_numbers, real_targets, refusal


class Likelihood(ABC):
    """p(y | f), seen from the outputs f of shape (N, C); all derivatives are per sample.

    Attributes
    ----------
    paired
        Whether a sample is a pair of inputs, (2, D), and f the difference of their outputs.
    """

    paired = False

    @abstractmethod
    def nll(self, f: Array, y: Any) -> Array:
        """Return -log p(y_n | f_n), shape (N,)."""

    @abstractmethod
    def gradient(self, f: Array, y: Any) -> Array:
        """Return d nll_n / d f_n, shape (N, C)."""

    @abstractmethod
    def factor(self, f: Array) -> Array:
        """Return rows R_n, shape (N, K, C), with R_n^T R_n = Lambda_n, the Fisher information."""

    def hessian(self, f: Array, y: Any) -> Array:
        """Return d2 nll_n / d f_n2, shape (N, C, C)."""
        self._matched(f, y)
        R = self.factor(f)
        excess = self.excess(f, y)
        return R.transpose(0, 2, 1) @ R + (0.0 if excess is None else excess)

    def excess(self, f: Array, y: Any) -> Array | None:
        """Return the Hessian less the Fisher information, (N, C, C); None where they are the same."""
        return None

    def log_normalizer(self, n_outputs: int) -> float:
        """Return the part of every nll that does not depend on f and y, and that a temperature leaves alone."""
        return 0.0

    def with_noise(self, sigma_noise: Any) -> Likelihood:
        """Return the same likelihood with another noise, or raise a ValueError if it has none to set."""
        raise ValueError(
            refusal("sigma_noise", f"None for {type(self).__name__}, which has no such noise", sigma_noise)
        )

    def noise_ratio(self, fitted: Likelihood) -> float:
        """Return by which number the noise of `fitted` exceeds this one's."""
        return 1.0

    @abstractmethod
    def mean(self, f: Array) -> Array:
        """Return E[y | f]: class probabilities, or the outputs themselves for a Gaussian."""

    @abstractmethod
    def _matched(self, f: Array, y: Any) -> Array:
        """Return y as the formulas take it, or raise if its shape, or that of f, is not the likelihood's."""

    @abstractmethod
    def check_outputs(self, n_outputs: int) -> None:
        """Raise unless a network with this many outputs can feed this likelihood."""

    @abstractmethod
    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        """Return y in the form `nll` computes with, or raise a ValueError that says what is wrong with it."""


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """One logit f, two classes: p(y = 1 | f) = 1 / (1 + exp(-f)).

    With s = 1 - 2y, +1 for class 0 and -1 for class 1: nll = log(1 + exp(s f)), gradient = s sigmoid(s f),
    Lambda = sigmoid(f) sigmoid(-f); none of them cancels or overflows for logits of any size.

    Examples
    --------
    >>> Bernoulli().nll(np.array([[0.0], [1000.0]]), [1, 0])
    array([6.93147181e-01, 1.00000000e+03])
    """

    def nll(self, f: Array, y: Any) -> Array:
        s = 1 - 2 * self._matched(f, y)
        return np.logaddexp(0, s * f[:, 0])

    def gradient(self, f: Array, y: Any) -> Array:
        s = 1 - 2 * self._matched(f, y)
        return (s * expit(s * f[:, 0]))[:, None]

    def factor(self, f: Array) -> Array:
        return np.sqrt(expit(f) * expit(-f))[:, :, None]

    def mean(self, f: Array) -> Array:
        return expit(f[:, 0])

    def check_outputs(self, n_outputs: int) -> None:
        if n_outputs != 1:
            raise ValueError(
                refusal("network", f"1 output (one logit) for {type(self).__name__}", f"{n_outputs} outputs")
            )

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return class_labels("y", y, n_samples, n_classes=2)

    def _matched(self, f: Array, y: Any) -> Array:
        _check_shape("f", f, (len(f), 1))
        _check_shape("y", y, (len(f),))
        return np.asarray(y, dtype=np.float64)


@dataclass(frozen=True)
class BradleyTerry(Bernoulli):
    """Which of two is preferred: p(y = 1 | r_1, r_2) = 1 / (1 + exp(r_2 - r_1)), r the network's reward of each.

    Inputs are pairs, (N, 2, D), and y_n = 1 if the first is preferred. The network makes f = r_1 - r_2 of a pair,
    so this is `Bernoulli` on differences. Only differences are determined by data, rewards as such by the prior.

    Examples
    --------
    >>> BradleyTerry().mean(np.array([[0.0], [np.log(3)]]))
    array([0.5 , 0.75])
    """

    paired = True


@dataclass(frozen=True)
class Categorical(Likelihood):
    """C logits f, C classes: p(y = c | f) = softmax(f)_c.

    With p = softmax(f): gradient = p - onehot(y), Lambda = diag(p) - p p^T. A vector of ones is in its null space, so
    C - 1 rows are enough: given that y is none of the classes before c, the odds of c against s = sum_{j > c} p_j are
    what is left to know, R_c = sqrt(p_c s / (p_c + s)) (e_c - sum_{j > c} p_j / s e_j).

    Examples
    --------
    >>> Categorical().gradient(np.zeros((1, 4)), [2])
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """

    def nll(self, f: Array, y: Any) -> Array:
        y = self._matched(f, y)
        return -log_softmax(f, axis=1)[np.arange(len(f)), y]

    def gradient(self, f: Array, y: Any) -> Array:
        y = self._matched(f, y)
        p = self.mean(f)
        p[np.arange(len(f)), y] -= 1
        return p

    def factor(self, f: Array) -> Array:
        p, C = self.mean(f), f.shape[1]
        s = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]  # sum_{j >= c} p_j
        floor = np.maximum(s, np.finfo(float).tiny)  # where no class is left, no numerator is either
        scale = np.sqrt(p[:, :-1] / floor[:, :-1] * s[:, 1:])  # (N, C - 1)
        R = p[:, None, :] * (-scale / floor[:, 1:])[:, :, None]  # (N, C - 1, C)
        R *= np.triu(np.ones((C - 1, C)), k=1)
        np.einsum("ncc->nc", R[:, :, :-1])[...] = scale
        return R

    def mean(self, f: Array) -> Array:
        return softmax(f, axis=1)

    def check_outputs(self, n_outputs: int) -> None:
        if n_outputs < 2:
            raise ValueError(refusal("network", "2 outputs or more for Categorical (Bernoulli takes one)", n_outputs))

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return class_labels("y", y, n_samples, n_classes=n_outputs)

    def _matched(self, f: Array, y: Any) -> Any:
        _check_shape("y", y, (len(f),))
        return np.asarray(y, dtype=np.intp)


class Regression(Likelihood):
    """Real targets: predictions are means and variances."""

    @abstractmethod
    def noise_variance(self, f: Array) -> Array:
        """Return Var[y | f], (N, C)."""


@dataclass(frozen=True)
class Gaussian(Regression):
    """Real targets with noise standard deviation sigma: y_c ~ N(f_c, sigma_c^2), one sigma for all outputs or one each.

    With S = diag(sigma^2): nll = 1/2 (y - f)^T S^-1 (y - f) + sum_c log(sigma_c sqrt(2 pi)),
    gradient = S^-1 (f - y), Lambda = S^-1.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma_noise", positive_numbers("sigma_noise", self.sigma_noise))

    def nll(self, f: Array, y: Any) -> Array:
        z = (f - self._matched(f, y)) / self.sigma_noise
        return 0.5 * np.sum(z**2, axis=1) + self.log_normalizer(f.shape[1])

    def gradient(self, f: Array, y: Any) -> Array:
        return (f - self._matched(f, y)) / np.square(self.sigma_noise)

    def factor(self, f: Array) -> Array:
        N, C = f.shape
        return np.broadcast_to(np.eye(C) / self.sigma_noise, (N, C, C))

    def mean(self, f: Array) -> Array:
        return f

    def noise_variance(self, f: Array) -> Array:
        return np.broadcast_to(np.square(self.sigma_noise), f.shape)

    def log_normalizer(self, n_outputs: int) -> float:
        return float(np.log(np.broadcast_to(self.sigma_noise, n_outputs) * np.sqrt(2 * np.pi)).sum())

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
        if np.ndim(self.sigma_noise) and len(np.atleast_1d(self.sigma_noise)) != n_outputs:
            sizes = np.size(self.sigma_noise)
            raise ValueError(refusal("network", f"{sizes} outputs, one for each sigma_noise", f"{n_outputs} outputs"))

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return real_targets("y", y, n_samples, n_outputs)

    def _matched(self, f: Array, y: Any) -> Array:
        return columns(y, f.shape)


def columns(y: Any, shape: tuple[int, ...]) -> Array:
    """Return y in this shape; for one column (N,) counts as one."""
    y = np.asarray(y)
    if shape[1] == 1 and y.ndim == 1:
        y = y[:, None]
    _check_shape("y", y, shape)
    return y


def _check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ValueError(refusal(name, f"shape {shape}", f"shape {np.shape(array)}"))
