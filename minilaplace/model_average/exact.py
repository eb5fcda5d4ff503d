"""The posterior of a model with two or three parameters, and the model average over it, as sums over a grid.

For a single layer with up to three parameters, say a logistic or linear regression on one or two inputs, the integral
over theta takes nothing but the trapezoidal rule: a sum over a regular grid, whose error falls faster than any power of
the step if the density is smooth and vanishes at the border. The grid is regular in coordinates z in which the
posterior has mean 0 and covariance I, so that it is fine enough in every direction:

    theta = mean + L z,   L L^T = covariance,   weight of a point = exp(-loss(theta)) / sum of these over the grid

Mean and covariance are first those of Laplace's Gaussian, then those of a coarse grid's own weights. The result is the
truth that Laplace, ensembles, dropout and HMC can be held against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit, logsumexp

from ..curvature import hessian
from ..model.bayesian_model import BayesianModel
from ..model.classes import Bernoulli
from ..model.weights import WeightedData
from ..predictive.links import Prediction
from ..training.map_estimate import fit_map
from ..validation import Array, instance, refusal, short_repr

REACH = 10.0  # standard deviations from the mean to each side of a coarse grid
COARSE, FINE = 31, {2: 201, 3: 101}  # points along each axis; of the fine grid, for P parameters
NEGLIGIBLE = 25.0  # how far below its maximum a log density is left out
UNRESOLVED = 0.01  # the difference between the probabilities of even and odd planes of points that is too large
BLOCK_FLOATS = 2**18  # logits that are computed together, 2 MB


def exact_posterior(model: BayesianModel, X: Any, y: Any, sample_weight: Any = None) -> ExactPosterior:
    """Return the posterior given X (N, D) and y on a grid, for a single layer with at most 3 parameters.

    `sample_weight` (N,), each at least 0, multiplies the samples' terms.

    On the toy data sets, separable or not, log evidence, mean (in standard deviations) and probabilities are within
    2e-6 of the integrals if the prior precision is 0.1 or more, within 2e-4 if it is 0.01, and within 5e-3 below that.
    A Gaussian posterior's covariance is within 2e-9 of itself.

    Raises
    ------
    ValueError
        If the model has a hidden layer or too many parameters, or its posterior has walls too steep for the grid.
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    P = model.network.n_params
    if P > 3:  # a hidden layer has more
        expected = "a single layer with at most 3 parameters (a larger posterior can be sampled by `hmc`)"
        raise ValueError(refusal("model", expected, model.network))
    data = model.check_weighted(X, y, sample_weight)
    mean = fit_map(model, data.X, data.y, sample_weight=data.weight, theta0=np.zeros(P))
    root = solve_triangular(cholesky(hessian(model, mean, *data) + _prior_precision(model)), np.eye(P))  # L
    for _ in range(4):
        corner, edges = mean - REACH * root.sum(axis=1), 2 * REACH / (COARSE - 1) * root
        coarse, index = _on_grid(model, data, corner, edges, COARSE)
        mean, root = coarse.mean, cholesky(coarse.covariance(), lower=True)
    for n in (COARSE, FINE[P]):  # each time in the smallest box around what was not negligible
        low, high = index.min(axis=0) - 1, index.max(axis=0) + 1
        corner, edges = corner + edges @ low, edges * (high - low) / (n - 1)
        posterior, index = _on_grid(model, data, corner, edges, n)
    if np.abs(posterior.weights @ (-1.0) ** index).max() > UNRESOLVED:
        expected = f"a posterior that {FINE[P]} points along each axis resolve"
        raise ValueError(refusal("model", expected, "one with steeper walls; strengthen the prior or scale the inputs"))
    return posterior


def exact_average(model: BayesianModel, X_train: Any, y_train: Any, X: Any) -> Array | Prediction:
    """Return the model average at X (N, D) given X_train and y_train, see `exact_posterior`."""
    instance("model", model, BayesianModel, "a BayesianModel")
    X = model.check_inputs(X)
    return exact_posterior(model, X_train, y_train).predict(X)


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """A posterior on a grid.

    Attributes
    ----------
    model
        The `BayesianModel`, a single layer.
    thetas, weights
        The points whose density is not negligible, (Q, P), and their probabilities, (Q,), which add up to 1.
    edges
        The edges of a cell of the grid, from a point to its neighbours, as columns (P, P).
    mean
        The posterior mean, (P,).
    log_marginal_likelihood
        log p(y), the evidence.
    """

    model: BayesianModel
    thetas: Array
    weights: Array
    edges: Array
    mean: Array
    log_marginal_likelihood: float
    __repr__ = short_repr

    def covariance(self) -> Array:
        """Return the posterior covariance, (P, P)."""
        deviation = self.thetas - self.mean
        return (deviation.T * self.weights) @ deviation

    def predict(self, X: Any) -> Array | Prediction:
        """Return the model average at X (N, D), in the form of `Laplace.predict`."""
        A, likelihood = _rows(self.model, self.model.check_inputs(X)), self.model.likelihood
        if isinstance(likelihood, Bernoulli):
            return np.array([self._expected_sigmoid(a) for a in A])
        mean, variance = map(np.array, zip(*(self._moments(self.thetas @ a) for a in A), strict=True))
        return Prediction(mean, variance) if likelihood.has_noise else mean

    def _moments(self, f: Array) -> tuple[Array, Array]:
        """Return the mean and the variance of y, (1,) each, over the outputs f (Q,) of one input at the points."""
        means, noise = self.model.likelihood.mean(f[:, None]), self.model.likelihood.noise_variance(f[:, None])
        mean = self.weights @ means
        variance = self.weights @ (means - mean) ** 2
        return mean, variance if noise is None else variance + self.weights @ noise

    def _expected_sigmoid(self, a: Array) -> float:
        """Return E[sigmoid(f)] of the logit f = a . theta.

        Far from the data the sigmoid is a step between two points of the grid. But it is a sum of waves,

            sigmoid(f) = 1/2 + integral over t > 0 of sin(t f) / sinh(pi t).

        Those with two points or more to a wavelength, t < pi / step, the grid sees; the faster ones, which the
        posterior averages away, are left out. The midpoint rule in t is exact to rounding for |f| < half_period - 30.
        """
        f, step = self.thetas @ a, np.abs(a @ self.edges).max()
        if step < 1.5:
            return min(float(self.weights @ expit(f)), 1.0)
        half_period = np.abs(f).max() + 30
        t = np.arange(0.5, half_period / step) * np.pi / half_period
        table = np.linspace(f.min(), f.max(), 40 * len(t))  # fine enough to interpolate the fastest wave
        smoothed = 0.5 + np.pi / half_period * np.sin(np.outer(table, t)) @ (1 / np.sinh(np.pi * t))
        return float(np.clip(self.weights @ np.interp(f, table, smoothed), 0, 1))


def _on_grid(
    model: BayesianModel, data: WeightedData, corner: Array, edges: Array, n: int
) -> tuple[ExactPosterior, NDArray[np.intp]]:
    """Return the posterior on the points corner + edges @ index, and the index of each, (Q, P) of 0 .. n - 1."""
    A, P = _rows(model, data.X), len(corner)

    def point(index: NDArray[np.intp]) -> Array:
        return corner + index @ edges.T

    def loss(thetas: Array) -> Array:
        f = thetas @ A.T  # (Q, N)
        y = np.tile(data.y.T, len(f)).T  # (Q N,) or (Q N, 1), in the likelihood's form
        nll = model.likelihood.nll(f.reshape(-1, 1), y).reshape(f.shape)
        return nll @ data.weight + 0.5 * ((thetas - model.prior_mean) * model.pull(thetas)).sum(axis=1)

    index = np.indices((n,) * P).reshape(P, -1).T  # (n^P, P)
    n_blocks = 1 + len(index) * len(A) // BLOCK_FLOATS
    with np.errstate(over="ignore"):  # far out a loss may be infinite, and the density 0
        losses = np.concatenate([loss(point(block)) for block in np.array_split(index, n_blocks)])
    kept = losses < losses.min() + NEGLIGIBLE
    thetas, losses, index = point(index[kept]), losses[kept], index[kept]
    log_sum = logsumexp(-losses)
    weights = np.exp(-losses - log_sum)
    log_prior = 0.5 * np.linalg.slogdet(_prior_precision(model) / (2 * np.pi))[1]  # its density at the prior mean
    evidence = float(log_sum + np.linalg.slogdet(edges)[1] + log_prior)
    return ExactPosterior(model, thetas, weights, edges, weights @ thetas, evidence), index


def _rows(model: BayesianModel, X: Array) -> Array:
    """Return the rows (N, P) of a single layer with one output, f = rows @ theta."""
    return model.network.jacobian(np.zeros(model.network.n_params), X)[:, 0]


def _prior_precision(model: BayesianModel) -> Array:
    """Return the prior precision as a matrix, (P, P)."""
    prior = model.prior_over(np.arange(model.network.n_params))
    return prior if prior.ndim == 2 else np.diag(prior)
