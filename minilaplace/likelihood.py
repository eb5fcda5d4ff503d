"""*From Bayesian Logistic Regression ...*, logits to probabilities: p(y | f).

A likelihood says how the network's outputs f speak about a target y. Each of the three answers the same questions:
the negative log-likelihood and its first two derivatives *in the outputs*; a factor of its curvature; the mean of y
given f; and which targets it accepts. The network's derivatives in the parameters come from `network.py`; the chain
rule that joins them is in `model.py` and `curvature.py`.

| likelihood | outputs f | targets y | -log p(y given f) |
|---|---|---|---|
| `Bernoulli` | (N, 1) logit | (N,) of 0/1 | log(1 + exp((1 - 2y) f)) |
| `Categorical` | (N, C) logits | (N,) of 0..C-1 | -log softmax(f)_y |
| `Gaussian` | (N, C) means | (N, C), or (N,) when C = 1 | |y - f|^2 / (2 sigma^2) + C log(sigma sqrt(2 pi)) |

For all three the Hessian in f does not depend on y: it is the Fisher information Lambda_n, and `factor` gives rows
R_n with R_n^T R_n = Lambda_n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_softmax, softmax

from .validation import Array, class_labels, real_number, real_targets, refusal


class Likelihood(ABC):
    """p(y | f), seen from the outputs f of shape (N, C); all derivatives are per sample."""

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
        """Return d2 nll_n / d f_n2 = Lambda_n, shape (N, C, C)."""
        self._matched(f, y)
        R = self.factor(f)
        return R.transpose(0, 2, 1) @ R

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
            raise ValueError(refusal("network", "1 output (one logit) for Bernoulli", f"{n_outputs} outputs"))

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return class_labels("y", y, n_samples, n_classes=2)

    def _matched(self, f: Array, y: Any) -> Array:
        _check_shape("f", f, (len(f), 1))
        _check_shape("y", y, (len(f),))
        return np.asarray(y, dtype=np.float64)


@dataclass(frozen=True)
class Categorical(Likelihood):
    """C logits f, C classes: p(y = c | f) = softmax(f)_c.

    With p = softmax(f): gradient = p - onehot(y), Lambda = diag(p) - p p^T = R^T R for R = diag(sqrt p) (I - 1 p^T).
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
        p = self.mean(f)
        return np.sqrt(p)[:, :, None] * (np.eye(f.shape[1]) - p[:, None, :])  # (N, C, C)

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


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Real targets with noise standard deviation sigma: y ~ N(f, sigma^2 I).

    nll = |y - f|^2 / (2 sigma^2) + C log(sigma sqrt(2 pi)), gradient = (f - y) / sigma^2, Lambda = I / sigma^2.
    """

    sigma_noise: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma_noise", real_number("sigma_noise", self.sigma_noise, above=0.0))

    def nll(self, f: Array, y: Any) -> Array:
        z = (f - self._matched(f, y)) / self.sigma_noise
        return 0.5 * np.sum(z**2, axis=1) + f.shape[1] * np.log(self.sigma_noise * np.sqrt(2 * np.pi))

    def gradient(self, f: Array, y: Any) -> Array:
        return (f - self._matched(f, y)) / self.sigma_noise**2

    def factor(self, f: Array) -> Array:
        N, C = f.shape
        return np.broadcast_to(np.eye(C) / self.sigma_noise, (N, C, C))

    def mean(self, f: Array) -> Array:
        return f

    def check_outputs(self, n_outputs: int) -> None:
        pass  # any number of outputs is a mean

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return real_targets("y", y, n_samples, n_outputs)

    def _matched(self, f: Array, y: Any) -> Array:
        y = np.asarray(y)
        if f.shape[1] == 1 and y.ndim == 1:
            y = y[:, None]
        _check_shape("y", y, f.shape)
        return y


def _check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ValueError(refusal(name, f"shape {shape}", f"shape {np.shape(array)}"))
