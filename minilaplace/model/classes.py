"""Likelihoods of classes, whose outputs are logits.

Their Hessian in the outputs does not depend on y, so it equals its expectation over y, the Fisher information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_softmax, softmax

from ..network.mlp import MLP
from ..network.pairs import PairedMLP
from ..validation import Array, check_shape, class_labels, refusal
from .likelihood import Likelihood, diagonal_matrices


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """Two classes y of 0 and 1 by their logit f: p(y = 1 | f) = 1 / (1 + exp(-f)).

    One output is one label a sample, f (N, 1) and y (N,). C outputs are C labels a sample, f (N, C) and y (N, C),
    each with a logit of its own: any number of them can be 1 at once, and given f they are independent.

    With p = p(y = 1 | f): nll = sum_c (log(1 + exp(f_c)) - y_c f_c), gradient = p - y, Lambda = diag(p (1 - p)). With
    s = 1 - 2y, +1 for class 0 and -1 for class 1, the summand is log(1 + exp(s f)), and the others are s sigmoid(s f)
    and sigmoid(f) sigmoid(-f), in which nothing cancels or overflows, however large the logit.

    Examples
    --------
    >>> Bernoulli().nll(np.array([[0.0], [1000.0]]), [1, 0])
    array([6.93147181e-01, 1.00000000e+03])
    >>> Bernoulli().mean(np.array([[0.0, np.log(3)]]))  # two labels of one sample
    array([[0.5 , 0.75]])
    """

    is_classifier = True
    links = ("probit", "plugin", "quadrature", "mc", "nn")
    meaningless = {  # noqa: RUF012
        **dict.fromkeys(["bridge", "bridge_norm"], "the mean of one logit's bridge is the plugin"),
        "mean_field": "of one logit it is 'probit'",
    }

    def nll(self, f: Array, y: Any) -> Array:
        s = 1 - 2 * self._matched(f, y)
        return np.logaddexp(0, s * f).sum(axis=1)

    def gradient(self, f: Array, y: Any) -> Array:
        s = 1 - 2 * self._matched(f, y)
        return s * expit(s * f)

    def hessian(self, f: Array, y: Any) -> Array:
        self._matched(f, y)
        return diagonal_matrices(expit(f) * expit(-f))

    def factor(self, f: Array) -> Array:
        return diagonal_matrices(np.sqrt(expit(f) * expit(-f)))

    def mean(self, f: Array) -> Array:
        return of_labels(expit(f))

    def every_class(self, p: Array) -> Array:
        return np.stack([1 - p, p], axis=-1)

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        if n_outputs > 1 and np.ndim(y) == 1:
            expected = f"shape {n_samples, n_outputs}, a label for each output (one of several classes: Categorical)"
            raise ValueError(refusal("y", expected, f"shape {np.shape(y)}"))
        return class_labels("y", y, n_samples, 2, *_several(n_outputs))

    def _matched(self, f: Array, y: Any) -> Array:
        """Return y as numbers 0.0 and 1.0 in the shape of f (N, C)."""
        if f.ndim != 2:
            check_shape("f", f, (len(f), 1))
        n_labels = _several(f.shape[1])
        check_shape("y", y, (len(f), *n_labels))
        return class_labels("y", y, len(f), 2, *n_labels).astype(np.float64).reshape(f.shape)


def of_labels(p: Array) -> Array:
    """Return probabilities p (N, C), one for each label, in the shape of predictions: (N,) for one label."""
    return p[:, 0] if p.shape[1] == 1 else p


def _several(n_labels: int) -> tuple[int, ...]:
    """Return the shape of a sample's labels: () for one, (C,) for several."""
    return () if n_labels == 1 else (n_labels,)


@dataclass(frozen=True)
class BradleyTerry(Bernoulli):
    """Which of two is preferred: p(y = 1 | r_1, r_2) = 1 / (1 + exp(r_2 - r_1)), r the network's reward of each.

    Inputs are pairs, (N, 2, D), and y_n = 1 if the first is preferred. The model turns the network into a `PairedMLP`,
    whose output for a pair is f = r_1 - r_2, (N, 1), so that this is `Bernoulli` on differences. The data determines
    only differences of rewards; a number added to all rewards is left to the prior.

    Examples
    --------
    >>> BradleyTerry().mean(np.array([[0.0], [np.log(3)]]))
    array([0.5 , 0.75])
    """

    def seen_through(self, network: MLP) -> MLP:
        return PairedMLP(*network.sizes, activation=network.activation)

    def check_outputs(self, n_outputs: int) -> None:
        if n_outputs != 1:
            raise ValueError(refusal("network", "1 output (one logit) for BradleyTerry", f"{n_outputs} outputs"))


@dataclass(frozen=True)
class Categorical(Likelihood):
    """C logits f (N, C), C classes y (N,) of 0 to C - 1: p(y = c | f) = softmax(f)_c.

    With p = softmax(f): nll = -log p_y, gradient = p - onehot(y), Lambda = diag(p) - p p^T.

    Examples
    --------
    >>> Categorical().gradient(np.zeros((1, 4)), [2])
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """

    is_classifier = True
    links = ("mean_field", "probit", "plugin", "bridge", "bridge_norm", "mc", "nn")
    meaningless = {  # noqa: RUF012
        "quadrature": "it is the average of one logit; of many, 'mc' is",
        "bridge": "the mean of two logits' bridge is the plugin",
    }

    def nll(self, f: Array, y: Any) -> Array:
        y = self._matched(f, y)
        return -_over_classes(log_softmax, f)[y, np.arange(len(f))]

    def gradient(self, f: Array, y: Any) -> Array:
        y = self._matched(f, y)
        p = self.mean(f)
        p[np.arange(len(f)), y] -= 1
        return p

    def hessian(self, f: Array, y: Any) -> Array:
        self._matched(f, y)
        p = self.mean(f)
        H = -p[:, :, None] * p[:, None, :]
        diagonal = np.einsum("ncc->nc", H)  # p_c (1 - p_c), where 1 - p_c is the sum of the others: the rows sum to 0
        diagonal[...] = 0
        diagonal[...] = -H.sum(axis=2)
        return H

    def factor(self, f: Array) -> Array:
        """Return the rows of the Cholesky factor of Lambda, of which the last is 0 and left out, (N, C - 1, C).

        With s_c = sum_{j >= c} p_j, row c is sqrt(p_c s_{c+1} / s_c) (e_c - sum_{j > c} p_j / s_{c+1} e_j).
        """
        p = _over_classes(softmax, f)  # (C, N)
        s = np.cumsum(p[::-1], axis=0)[::-1]  # sum_{j >= c} p_j
        floor = np.maximum(s, np.finfo(float).tiny)  # where s is 0, so is what it divides
        scale = np.sqrt(p[:-1] / floor[:-1] * s[1:])  # (C - 1, N)
        R = np.zeros((len(p), *scale.shape))  # samples last: (C, C - 1, N)
        for c in range(len(scale)):
            R[c, c], R[c + 1 :, c] = scale[c], p[c + 1 :] * (-scale[c] / floor[c + 1])
        return R.T

    def mean(self, f: Array) -> Array:
        return np.ascontiguousarray(_over_classes(softmax, f).T)

    def links_for(self, n_outputs: int) -> tuple[str, ...]:
        return tuple(link for link in self.links if n_outputs > 2 or link != "bridge")

    def check_outputs(self, n_outputs: int) -> None:
        if n_outputs < 2:
            raise ValueError(refusal("network", "2 outputs or more for Categorical (Bernoulli takes one)", n_outputs))

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        return class_labels("y", y, n_samples, n_classes=n_outputs)

    def _matched(self, f: Array, y: Any) -> Any:
        check_shape("y", y, f.shape[:1])
        return class_labels("y", y, *f.shape)


def _over_classes(function: Callable[..., Array], f: Array) -> Array:
    """Return `function(f, axis=1)` transposed, (C, N), for f (N, C): NumPy takes long to add up many short rows."""
    return function(np.ascontiguousarray(np.transpose(f)), axis=0)
