"""Likelihoods p(y | f): how probable a target y is, given the outputs f of the network.

Each likelihood has the same methods: the negative log-likelihood and its first two derivatives *in the outputs*, a
factor of its curvature, the mean and the noise of y given f, and checks of targets; and it names the links that can
average its mean. The network's derivatives in the parameters are in the room `network`; the chain rule that joins the
two is in `bayesian_model.py` and in `curvature`.

To add a likelihood, write a subclass with the four abstract methods: it trains, fits, has an evidence and predicts.
Override other methods for targets that are not real numbers, for a noise, or for a predictive in closed form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..network.mlp import MLP
from ..validation import Array, check_shape, class_labels, real_array, real_targets, refusal


class Likelihood(ABC):
    """p(y | f) as a function of the outputs f (N, C); all its values and derivatives are per sample.

    Attributes
    ----------
    links
        The names of the links by which it can predict; the first is the default.
    meaningless
        The links that have no meaning for it, or for some numbers of outputs, each with the reason.
    is_classifier
        Whether its mean is the probabilities of classes.
    sigma_noise
        The standard deviation of its noise, if that can be set and tuned, else None.
    """

    links: ClassVar[tuple[str, ...]] = ("mc", "plugin", "nn")
    meaningless: ClassVar[Mapping[str, str]] = {}
    is_classifier: ClassVar[bool] = False
    sigma_noise: Any = None

    @abstractmethod
    def nll(self, f: Array, y: Any) -> Array:
        """Return -log p(y_n | f_n), shape (N,)."""

    @abstractmethod
    def gradient(self, f: Array, y: Any) -> Array:
        """Return d nll_n / d f_n, shape (N, C)."""

    @abstractmethod
    def factor(self, f: Array) -> Array:
        """Return rows R_n, shape (N, K, C), with R_n^T R_n = Lambda_n, the Fisher information E[d2 nll_n / d f_n2]."""

    @abstractmethod
    def mean(self, f: Array) -> Array:
        """Return E[y | f]: class probabilities, or the expected target."""

    def every_class(self, p: Array) -> Array:
        """Return class probabilities, in the shape of the mean, with the classes along the last axis.

        By default p (N,) is P(y = 1) and becomes (N, 2), and p (N, C) has the classes along its last axis already.
        """
        return every_class(p)

    def hessian(self, f: Array, y: Any) -> Array:
        """Return d2 nll_n / d f_n2, (N, C, C): the Fisher information R_n^T R_n plus `hessian_minus_fisher`."""
        R, more = self.factor(f), self.hessian_minus_fisher(f, y)
        return R.transpose(0, 2, 1) @ R + (0.0 if more is None else more)

    def hessian_minus_fisher(self, f: Array, y: Any) -> Array | None:
        """Return the Hessian minus the Fisher information, (N, C, C), or None if they are the same for every y."""
        return None

    def noise_variance(self, f: Array) -> Array | None:
        """Return Var[y | f], in the shape of the mean, or None if a prediction is the mean alone, as for classes."""
        return None

    def links_for(self, n_outputs: int) -> tuple[str, ...]:
        """Return the names of the links that have a meaning for C outputs, by default all; the first is the default."""
        return self.links

    @property
    def has_noise(self) -> bool:
        """Whether a prediction is a mean with a variance, and not the mean alone."""
        return type(self).noise_variance is not Likelihood.noise_variance

    def moments(self, m: Array, v: Array) -> tuple[Array, Array, Array]:
        """Return E[y], E[Var[y | f]] and Var[E[y | f]] for outputs f ~ N(m, diag v), where `links` has "exact"."""
        raise NotImplementedError(f"{type(self).__name__} has no closed form of its predictive")

    def log_normalizer(self, n_outputs: int) -> float:
        """Return the part of every nll that depends neither on f nor on y; a temperature does not divide it."""
        return 0.0

    def with_noise(self, sigma_noise: Any) -> Likelihood:
        """Return the same likelihood with another noise, or raise a ValueError if it has none to set."""
        expected = f"None for {type(self).__name__}, which has no such noise"
        raise ValueError(refusal("sigma_noise", expected, sigma_noise))

    def noise_ratio(self, fitted: Likelihood) -> float:
        """Return the standard deviation of the noise of `fitted` divided by that of this likelihood's noise."""
        return 1.0

    def seen_through(self, network: MLP) -> MLP:
        """Return the network whose outputs are f: the given one, unless inputs are pairs, as in `BradleyTerry`."""
        return network

    def check_outputs(self, n_outputs: int) -> None:  # noqa: B027  # by default any number will do
        """Raise a ValueError unless a network with this many outputs can feed this likelihood."""

    def check_targets(self, y: ArrayLike, n_samples: int, n_outputs: int) -> Any:
        """Return y in the form that `nll` takes, by default (N, C) real numbers, or raise a ValueError."""
        return real_targets("y", y, n_samples, n_outputs)

    def log_score(self, prediction: Any, y: Any) -> Array:
        """Return the log probability of the labels, or the Gaussian log density of the prediction's moments, (N,).

        A likelihood whose predictions have another density overrides it.
        """
        if self.is_classifier:
            return class_log_probability(self.every_class(prediction), y)
        if not self.has_noise:
            expected = "one with class probabilities, a noise_variance, or a log_score of its own"
            raise ValueError(refusal("likelihood", expected, type(self).__name__))
        mean, variance = prediction
        return gaussian_log_density(mean, variance, columns(y, np.shape(mean)))


def gaussian_log_density(mean: Array, variance: Array, y: Array) -> Array:
    """Return log N(y_n; mean_n, diag variance_n), (N,), for (N, C) each: -1/2 sum_c (z_c^2 + log(2 pi variance_c))."""
    return -0.5 * ((y - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1)


def class_log_probability(p: Array, y: Any) -> Array:
    """Return log p_n(y_n), (N,), of probabilities moved into [eps, 1 - eps], so that no logarithm is infinite.

    They are those of K classes, p (N, K) with y (N,), or of several labels, p (N, C, K) with y (N, C), whose logarithms
    are added up.
    """
    eps = np.finfo(np.float64).eps
    N, *n_labels, K = p.shape
    y = class_labels("y", y, N, K, *n_labels)
    of_labels = np.take_along_axis(p, y[..., None], axis=-1)  # (N, 1), or (N, C, 1)
    return np.log(np.clip(of_labels, eps, 1 - eps)).reshape(N, -1).sum(axis=1)


def every_class(p: Array, n_axes: int = 1) -> Array:
    """Return p (..., C) as it is; where it has only `n_axes` axes it is P(y = 1): return (1 - p, p), (..., 2)."""
    return np.stack([1 - p, p], axis=-1) if p.ndim == n_axes else p


def diagonal_matrices(values: Array) -> Array:
    """Return the diagonal matrices (N, C, C) of values (N, C)."""
    matrices = np.zeros((*values.shape, values.shape[1]))
    np.einsum("ncc->nc", matrices)[...] = values
    return matrices


def columns(y: Any, shape: tuple[int, ...]) -> Array:
    """Return y if it has this shape (N, C), or y (N,) as one column if C = 1; else raise a ValueError."""
    y = real_array("y", y, f"shape {shape}")
    if shape[1] == 1 and y.ndim == 1:
        y = y[:, None]
    check_shape("y", y, shape)
    return y
