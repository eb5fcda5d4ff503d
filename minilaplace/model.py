"""*From Bayesian Logistic Regression ...*, the Gaussian prior and the regularised loss: what is assumed.

A `BayesianModel` is everything that is assumed before the data: a network, a likelihood, and the prior
theta ~ N(mu0, diag(prior_precision)^-1). Training, Laplace, and every other way to a posterior receive this one
object, so that they cannot disagree on the prior (in the post they do: its training penalises lambda^2 |theta|^2 / 2
for *every sample*, a prior precision of N lambda^2, and its Laplace step takes lambda). The regularised loss is minus
the log joint density, up to the prior's normaliser:

    loss(theta) = sum_n -log p(y_n | f(x_n, theta)) + 1/2 (theta - mu0)^T diag(prior_precision) (theta - mu0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .likelihood import Likelihood
from .network import MLP
from .validation import Array, instance, matrix, number_or_vector, vector


@dataclass(frozen=True, eq=False)
class BayesianModel:
    """p(y | f(x, theta)) p(theta): a network, a likelihood and a Gaussian prior.

    Parameters
    ----------
    network, likelihood
        An `MLP` and a `Likelihood` that takes its number of outputs.
    prior_precision
        A positive number, or (P,) positive numbers, one for each parameter, biases included.
    prior_mean
        A number, or (P,) numbers.
    """

    network: MLP
    likelihood: Likelihood
    prior_precision: float | Array = 1.0
    prior_mean: float | Array = 0.0

    def __post_init__(self) -> None:
        instance("network", self.network, MLP, "an MLP")
        instance("likelihood", self.likelihood, Likelihood, "Bernoulli(), Categorical() or Gaussian()")
        self.likelihood.check_outputs(self.network.n_outputs)
        P = self.network.n_params
        prior_precision = number_or_vector("prior_precision", self.prior_precision, P, positive=True)
        prior_mean = number_or_vector("prior_mean", self.prior_mean, P)
        for name, value in [("prior_precision", prior_precision), ("prior_mean", prior_mean)]:
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def loss(self, theta: Array, X: Array, y: Any) -> float:
        """Return the regularised loss, summed over the data."""
        nll = self.likelihood.nll(self.network.forward(theta, X), y)
        return float(nll.sum()) + self._penalty(theta)

    def gradient(self, theta: Array, X: Array, y: Any) -> Array:
        """Return the gradient of the loss, sum_n J_n^T d nll_n / d f_n + prior_precision * (theta - mu0), (P,)."""
        return self.loss_and_gradient(theta, X, y)[1]

    def loss_and_gradient(self, theta: Array, X: Array, y: Any, share: float = 1.0) -> tuple[float, Array]:
        """Return both, for the price of one forward and one backward pass.

        A mini-batch passes as `share` its part of the data, so that the batches' losses add up to the whole loss:
        every batch carries that part of the prior.
        """
        trace = self.network.trace(theta, X)
        nll = float(self.likelihood.nll(trace.output, y).sum())
        gradient = trace.pull_back_one(self.likelihood.gradient(trace.output, y)).sum()
        pull = self.prior_precision * (theta - self.prior_mean)
        return nll + share * self._penalty(theta), gradient + share * pull

    def prior_diagonal(self) -> Array:
        """Return the prior precision of every parameter, (P,)."""
        return np.full(self.network.n_params, self.prior_precision)

    def check_theta(self, theta: Any, name: str = "theta") -> Array:
        """Return a copy of theta as (P,) finite floats, or raise a ValueError."""
        return vector(name, theta, self.network.n_params)

    def check_data(self, X: Any, y: Any) -> tuple[Array, Any]:
        """Return X as (N, D) finite floats and y in the likelihood's form, or raise a ValueError."""
        X = matrix("X", X, self.network.n_inputs)
        return X, self.likelihood.check_targets(y, len(X), self.network.n_outputs)

    def _penalty(self, theta: Array) -> float:
        return float(0.5 * np.sum(self.prior_precision * (theta - self.prior_mean) ** 2))
