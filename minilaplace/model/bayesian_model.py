"""The model: a network, a likelihood and a Gaussian prior theta ~ N(mu0, Lambda0^-1), joined in the regularised loss.

Training, Laplace, and every other way to a posterior receive one `BayesianModel`, so that they cannot disagree on the
prior (in the post they do: its training penalises lambda^2 |theta|^2 / 2 for *every sample*, a prior precision of
N lambda^2, and its Laplace step takes lambda). The regularised loss is minus the log joint density, up to the prior's
normaliser:

    loss(theta) = sum_n -log p(y_n | f(x_n, theta)) + 1/2 (theta - mu0)^T Lambda0 (theta - mu0)

Where samples have weights w_n, the sum is that of w_n times each sample's term: a whole number stands for as many
copies of the sample, and 0 for its absence.

| prior_precision | Lambda0 |
|---|---|
| a number | that number times I |
| (L,), one for each layer, inputs first | diagonal; stored as the (P,) numbers that it stands for |
| (P,), one for each parameter | diagonal |
| (P, P), symmetric positive definite | this matrix: yesterday's posterior can be today's prior |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from ..network.jacobian import n_parameters
from ..network.mlp import MLP
from ..validation import (
    Array,
    instance,
    keep,
    matrix,
    number_or_vector,
    positive_definite,
    real_array,
    refusal,
    sample_weights,
    short_repr,
    vector,
)
from .likelihood import Likelihood
from .weights import WeightedData, weighed


@dataclass(frozen=True, eq=False)
class BayesianModel:
    """The model p(y | f(x, theta)) p(theta): a network, a likelihood and a Gaussian prior.

    Parameters
    ----------
    network, likelihood
        An `MLP` and a `Likelihood` that takes its number of outputs.
    prior_precision
        In one of the forms above; biases are parameters like all others.
    prior_mean
        A number, or (P,) numbers.

    Examples
    --------
    >>> from minilaplace import Bernoulli
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=[0.1, 0.1, 1.0])
    >>> round(model.loss(np.array([1.0, 1.0, 0.0]), np.zeros((1, 2)), [1]), 4)  # log 2 + 0.1
    0.7931
    """

    network: MLP
    likelihood: Likelihood
    prior_precision: float | Array = 1.0
    prior_mean: float | Array = 0.0
    __repr__ = short_repr

    def __post_init__(self) -> None:
        instance("network", self.network, MLP, "an MLP")
        instance("likelihood", self.likelihood, Likelihood, "a likelihood such as Bernoulli()")
        self.likelihood.check_outputs(self.network.n_outputs)
        keep(self, network=self.likelihood.seen_through(self.network))
        keep(self, prior_precision=self._checked_precision(self.prior_precision))
        keep(self, prior_mean=number_or_vector("prior_mean", self.prior_mean, self.network.n_params))
        for prior in (self.prior_precision, self.prior_mean):
            if isinstance(prior, np.ndarray):
                prior.setflags(write=False)

    def loss(self, theta: Array, X: Array, y: Any, sample_weight: Array | None = None) -> float:
        """Return sum_n -w_n log p(y_n | f_n) + 1/2 (theta - mu0)^T Lambda0 (theta - mu0), the regularised loss."""
        with np.errstate(under="ignore"):  # a class that is almost sure has an exp that is 0
            nll = self.likelihood.nll(self.network.forward(theta, X), y)
            penalty = 0.5 * (theta - self.prior_mean) @ self.pull(theta)
            return float(weighed(nll, sample_weight).sum() + penalty)

    def gradient(self, theta: Array, X: Array, y: Any, sample_weight: Array | None = None) -> Array:
        """Return the gradient of the loss, sum_n w_n J_n^T d nll_n / d f_n + Lambda0 (theta - mu0), (P,)."""
        return self.loss_and_gradient(theta, X, y, sample_weight)[1]

    def loss_and_gradient(
        self, theta: Array, X: Array, y: Any, sample_weight: Array | None = None, *, share: float = 1.0
    ) -> tuple[float, Array]:
        """Return the loss and its gradient (P,), by one forward and one backward pass.

        The prior's term is multiplied by `share`. A mini-batch that is a tenth of the data passes 0.1, so that the
        losses of all mini-batches add up to the loss.
        """
        with np.errstate(under="ignore"):
            trace = self.network.trace(theta, X)
            nll = float(weighed(self.likelihood.nll(trace.output, y), sample_weight).sum())
            gradient = trace.backward(weighed(self.likelihood.gradient(trace.output, y), sample_weight))
            pull = share * self.pull(theta)
            return nll + float(0.5 * (theta - self.prior_mean) @ pull), gradient + pull

    def under(self, prior_precision: Any = None, sigma_noise: Any = None) -> BayesianModel:
        """Return the model with another prior precision or noise, where one is given."""
        model = self if prior_precision is None else replace(self, prior_precision=prior_precision)
        if sigma_noise is None:
            return model
        return replace(model, likelihood=model.likelihood.with_noise(sigma_noise))

    def pull(self, theta: Array) -> Array:
        """Return the gradient of the loss' second term, Lambda0 (theta - mu0), (P,), or (S, P) for thetas (S, P)."""
        deviation = theta - self.prior_mean
        if np.ndim(self.prior_precision) == 2:
            return deviation @ self.prior_precision
        return self.prior_precision * deviation

    def prior_over(self, indices: NDArray[np.intp]) -> Array:
        """Return the prior precision of some parameters given the others, (P_s,), or (P_s, P_s) for a matrix prior."""
        prior = np.asarray(self.prior_precision)
        if prior.ndim == 2:
            return prior[np.ix_(indices, indices)]
        return np.broadcast_to(prior, self.network.n_params)[indices]

    def prior_mean_over(self, indices: NDArray[np.intp], theta: Array) -> Array:
        """Return the prior mean of some parameters given that the others are those of theta, (P_s,).

        For a matrix prior it is mu0_s - Lambda0_ss^-1 Lambda0_so (theta_o - mu0_o), o being the others.
        """
        mean, prior = np.broadcast_to(self.prior_mean, self.network.n_params), np.asarray(self.prior_precision)
        others = np.setdiff1d(np.arange(len(mean)), indices)
        if prior.ndim < 2 or len(others) == 0:
            return mean[indices]
        cross = prior[np.ix_(indices, others)] @ (theta - mean)[others]
        return mean[indices] - solve(prior[np.ix_(indices, indices)], cross, assume_a="pos")

    def with_prior_over(self, indices: NDArray[np.intp], precision: Array, mean: Array, theta: Array) -> BayesianModel:
        """Return the model with the prior N(mean, precision^-1) for some parameters, given that the others are theta's.

        The others' own prior stays. `precision` is (P_s, P_s); if the whole is diagonal then, it is stored as a vector.
        """
        everything = np.arange(self.network.n_params)
        prior, means = self.prior_over(everything), np.array(self.prior_mean_over(everything, theta))
        prior = np.diag(prior) if prior.ndim == 1 else prior.copy()
        others = np.setdiff1d(everything, indices)
        ss, so, oo = np.ix_(indices, indices), np.ix_(indices, others), np.ix_(others, others)
        cross = prior[so]
        before, after = (solve(M, cross, assume_a="pos") for M in (prior[ss], precision))
        prior[oo] += cross.T @ (after - before)  # what integrating the others out takes off stays the same
        prior[ss], means[indices] = precision, mean + after @ (theta - means)[others]
        diagonal = np.diagonal(prior)
        if np.array_equal(prior, np.diag(diagonal)):
            prior = diagonal
        return replace(self, prior_precision=prior, prior_mean=means)

    def check_theta(self, theta: Any, name: str = "theta") -> Array:
        """Return a copy of theta as (P,) finite floats, or raise a ValueError."""
        return vector(name, theta, self.network.n_params)

    def check_inputs(self, X: Any) -> Array:
        """Return X as (N, D) finite floats, of the network's `input_shape` each, or raise a ValueError."""
        return matrix("X", X, self.network.input_shape)

    def check_data(self, X: Any, y: Any) -> tuple[Array, Any]:
        """Return X as (N, D) finite floats and y in the likelihood's form, or raise a ValueError."""
        X = self.check_inputs(X)
        return X, self.check_targets(y, len(X))

    def check_weighted(self, X: Any, y: Any, sample_weight: Any, *, stored: bool = False) -> WeightedData:
        """Return the data with a weight for each sample, 1 if none is given, or raise a ValueError.

        X is an array as `check_inputs` returns it, or, if it may stay `stored` on a disk, what is read by slices.
        """
        X = self.network.check_readable(X) if stored else self.check_inputs(X)
        return WeightedData(X, self.check_targets(y, len(X)), sample_weights("sample_weight", sample_weight, len(X)))

    def check_targets(self, y: Any, n_samples: int) -> Any:
        """Return y in the likelihood's form, or raise a ValueError."""
        return self.likelihood.check_targets(y, n_samples, self.network.n_outputs)

    def _checked_precision(self, value: Any) -> float | Array:
        """Return a number, (P,) or (P, P), or raise a ValueError."""
        name, P = "prior_precision", self.network.n_params
        shape = real_array(name, value, f"a number or shape ({P},)").shape
        if shape == (P, P):
            return positive_definite(name, value)
        sizes = [n_parameters([layer]) for layer in self.network.shapes]
        if shape not in [(), (P,), (len(sizes),)]:
            expected = f"a number, shape ({len(sizes)},) for layers, ({P},) for parameters, or ({P}, {P})"
            raise ValueError(refusal(name, expected, f"shape {shape}"))
        if shape == (len(sizes),):
            return np.repeat(number_or_vector(name, value, len(sizes), positive=True), sizes)
        return number_or_vector(name, value, P, positive=True)
