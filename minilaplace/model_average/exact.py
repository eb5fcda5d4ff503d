"""*The case for Bayesian Deep Learning*, the integral: taken, where theta has few enough dimensions.

For a single layer with up to three parameters (a logistic regression on one or two features) the model average needs no
approximation: the posterior is put on a grid over theta. The trapezoidal rule on a grid of step h is accurate to
rounding for a smooth density that decays, as soon as h is small enough, and soon means a little below one standard
deviation: its error is the density's Fourier transform at frequencies of 2 pi / h and beyond.

    theta = centre + L z,   z / h whole numbers where the density is not negligible,   w(z) ~ exp(-loss(theta))

L L^T is the posterior's covariance, from a coarser grid; the first is from the curvature at the mode. This is the truth
that Laplace, ensembles, dropout and HMC can be held against.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit, logsumexp, roots_legendre

from ..curvature import hessian
from ..model.bayesian_model import BayesianModel
from ..network.jacobian import batches
from ..predictive.links import Prediction
from ..training.map_estimate import fit_map
from ..validation import Array, instance, real_number, refusal

DEPTH = 32.0  # how far, in logs, below the mode the density becomes negligible
STEP = 0.7  # of the widest grid, in standard deviations
MAX_POINTS = 2**20
REACH = 2**20  # grid coordinates are at most this far from 0, so that three fit into one integer


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """A posterior on a grid.

    Attributes
    ----------
    model
        The `BayesianModel`, a single layer.
    thetas, weights
        The grid, (Q, P), and the posterior probability of each of its points, (Q,), adding up to 1.
    mean
        The posterior mean, (P,).
    root, step
        L (P, P) and h of the grid.
    log_marginal_likelihood
        log p(y), the evidence.
    """

    model: BayesianModel
    thetas: Array
    weights: Array
    mean: Array
    root: Array
    step: float
    log_marginal_likelihood: float

    def covariance(self) -> Array:
        """Return the posterior covariance, (P, P)."""
        deviation = self.thetas - self.mean
        return (deviation.T * self.weights) @ deviation

    def predict(self, X: Any) -> Array | Prediction:
        """Return the model average at X (N, D), in the form of `Laplace.predict`."""
        model = self.model
        A = _rows(model, model.check_inputs(X))  # (N, P), f = A theta
        if model.likelihood.has_noise:
            mean = (A @ self.mean)[:, None]
            variance = np.einsum("np,pq,nq->n", A, self.covariance(), A)[:, None]
            return Prediction(mean, variance + model.likelihood.noise_variance(mean))
        return np.array([self._expected_sigmoid(a) for a in A])

    def _expected_sigmoid(self, a: Array) -> float:
        """Return E[sigmoid(f)] of the logit f = a . theta.

        Where f varies by more than .8 from one point to the next, the sigmoid is a step that the grid does not see. As
        1/2 + an integral of sin(t f) / sinh(pi t) over t > 0 it is a sum of waves, and of those the grid sees all that
        the posterior does not average away, up to its own frequency pi / (h s), with s the deviation of f:

            E[sigmoid(f)] = 1/2 + integral of E[sin(t f)] / sinh(pi t) over 0 < t < pi / (h s)

        by Gauss-Legendre quadrature. Its number of nodes rests on the fastest wave, which turns by pi / (h s) max |f|
        radians on the way: one node for every two of them, three to each wavelength, and 64 for the rest.
        """
        f, s = self.thetas @ a, float(np.linalg.norm(a @ self.root))
        if s * self.step <= 0.8:
            return float(self.weights @ expit(f))
        half = np.pi / (2 * self.step * s)
        x, w = roots_legendre(64 + int(half * np.abs(f).max()))
        waves = np.array([self.weights @ np.sin(t * f) for t in half * (1 + x)])
        return float(np.clip(0.5 + half * w @ (waves / np.sinh(np.pi * half * (1 + x))), 0.0, 1.0))


def exact_average(
    model: BayesianModel, X_train: Any, y_train: Any, X: Any, *, tolerance: float = 1e-9
) -> Array | Prediction:
    """Return the model average at X (N, D) given X_train and y_train, in the form of `Laplace.predict`.

    For a single layer with at most 3 parameters; accuracy and errors are those of `exact_posterior`.
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    X = model.check_inputs(X)
    return exact_posterior(model, X_train, y_train, tolerance=tolerance).predict(X)


def exact_posterior(model: BayesianModel, X: Any, y: Any, *, tolerance: float = 1e-9) -> ExactPosterior:
    """Return the posterior given X (N, D) and y on a grid that is fine enough, for a single layer with P <= 3.

    The step h is halved until that changes evidence, mean and covariance, in standard deviations, by less than
    sqrt(tolerance / 10). The error falls like exp(-const / h), so that what is left is about the square of the last
    change, and below the tolerance. Data that a line separates, under a weak prior, takes a fine grid.

    Raises
    ------
    ValueError
        If the model is larger, or the posterior so far from a Gaussian that the grid would have too many points.
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    network = model.network
    if len(network.shapes) > 1 or network.n_params > 3:
        raise ValueError(refusal("model", "a single layer with at most 3 parameters, for a grid over them", network))
    same = np.sqrt(real_number("tolerance", tolerance, above=0.0) / 10)
    X, y = model.check_data(X, y)
    mode = fit_map(model, X, y, theta0=np.zeros(network.n_params))
    precision = hessian(model, mode, X, y) + _prior_matrix(model)
    grid = _Grid(model, _rows(model, X), y, model.loss(mode, X, y), mode, _root_of_inverse(precision))
    for _ in range(2):
        grid = grid.recentred(grid.posterior(grid.explore()))
    points = grid.explore()
    coarse, fine = None, grid.posterior(points)
    while coarse is None or grid.difference(coarse, fine) > same:
        points = grid.halved(points)
        coarse, fine = fine, grid.posterior(points)
    return fine


class _Points(NamedTuple):
    """Points of a grid of this step: as integers, as parameters, and by how much their loss exceeds the mode's."""

    keys: NDArray[np.int64]  # (Q,), sum_p (z_p / h + REACH) (2 REACH)^p
    thetas: Array  # (Q, P)
    excess: Array  # (Q,)
    step: float


@dataclass(frozen=True, eq=False)
class _Grid:
    """Coordinates z of theta = centre + L z, and the posterior in them."""

    model: BayesianModel
    rows: Array  # (N, P), f = rows theta
    y: Any
    least: float  # the loss at the mode
    centre: Array
    root: Array  # L

    def explore(self) -> _Points:
        """Return the points of the widest grid where the density is not negligible.

        They are found from the centre outwards, neighbour by neighbour: the densities are log-concave, so that what is
        not negligible is convex.
        """
        frontier, seen, found = np.array([REACH * self._strides.sum()]), np.array([], dtype=np.int64), []
        while len(frontier):
            found.append(self._relevant(frontier, STEP))
            seen = np.union1d(seen, frontier)
            neighbours = found[-1].keys[:, None] + np.concatenate([self._strides, -self._strides])
            frontier = np.setdiff1d(neighbours, seen)
        keys, thetas, excess = (np.concatenate(column) for column in list(zip(*found, strict=True))[:3])
        return _Points(keys, thetas, excess, STEP)

    def halved(self, points: _Points) -> _Points:
        """Return the points of a grid of half the step, where the density is not negligible."""
        offsets = np.array(list(product([-1, 0, 1], repeat=len(self.centre)))) @ self._strides
        centre = REACH * self._strides.sum()
        keys = centre + 2 * (points.keys - centre)  # twice a key alone is more than 63 bits hold
        return self._relevant(np.unique(keys[:, None] + offsets), points.step / 2)

    @property
    def _strides(self) -> NDArray[np.int64]:
        return (2 * REACH) ** np.arange(len(self.centre), dtype=np.int64)

    def _relevant(self, keys: NDArray[np.int64], step: float) -> _Points:
        if len(keys) > MAX_POINTS:
            expected = f"a posterior that a grid of {MAX_POINTS} points can follow"
            raise ValueError(
                refusal("model", expected, "one far from any Gaussian; strengthen the prior, or raise the tolerance")
            )
        z = step * (keys[:, None] // self._strides % (2 * REACH) - REACH)
        thetas = self.centre + z @ self.root.T
        excess = self._excess(thetas)
        counts = excess < DEPTH
        return _Points(keys[counts], thetas[counts], excess[counts], step)

    def posterior(self, points: _Points) -> ExactPosterior:
        """Return the posterior on these points: their sum times the volume h^P det L of each is the integral."""
        thetas, P = points.thetas, len(self.centre)
        total = float(logsumexp(-points.excess))
        log_volume = P * np.log(points.step) + np.log(np.diagonal(self.root)).sum()
        log_prior = 0.5 * np.linalg.slogdet(_prior_matrix(self.model) / (2 * np.pi))[1]
        weights = np.exp(-points.excess - total)
        evidence = float(total - self.least + log_volume + log_prior)
        return ExactPosterior(self.model, thetas, weights, weights @ thetas, self.root, points.step, evidence)

    def _excess(self, thetas: Array) -> Array:
        """Return by how much the loss exceeds the mode's, (Q,)."""
        model, N = self.model, len(self.rows)
        penalty = 0.5 * np.einsum("qp,qp->q", thetas - model.prior_mean, model.pull(thetas))
        nll = np.empty(len(thetas))
        for block in batches(len(thetas), 8 * N):
            f = thetas[block] @ self.rows.T  # (Q, N)
            y = np.tile(np.ravel(self.y), len(f))
            nll[block] = model.likelihood.nll(f.reshape(-1, 1), y).reshape(f.shape).sum(axis=1)
        return nll + penalty - self.least

    def recentred(self, posterior: ExactPosterior) -> _Grid:
        """Return the coordinates in which this posterior has mean 0 and covariance I."""
        root = cholesky(posterior.covariance(), lower=True)
        return _Grid(self.model, self.rows, self.y, self.least, posterior.mean, root)

    def difference(self, a: ExactPosterior, b: ExactPosterior) -> float:
        """Return by how much evidence, mean or covariance differ on two grids, in the coordinates z."""
        mean = solve_triangular(self.root, a.mean - b.mean, lower=True)
        half = solve_triangular(self.root, a.covariance() - b.covariance(), lower=True)
        covariance = solve_triangular(self.root, half.T, lower=True)
        evidence = a.log_marginal_likelihood - b.log_marginal_likelihood
        return float(max(abs(evidence), np.abs(mean).max(), np.abs(covariance).max()))


def _rows(model: BayesianModel, X: Array) -> Array:
    """Return the rows (N, P) of a single layer with one output, f = rows theta."""
    return model.network.jacobian(np.zeros(model.network.n_params), X)[:, 0]


def _prior_matrix(model: BayesianModel) -> Array:
    prior = model.prior_over(np.arange(model.network.n_params))
    return prior if prior.ndim == 2 else np.diag(prior)


def _root_of_inverse(precision: Array) -> Array:
    """Return a lower triangular L with L L^T = precision^-1."""
    root = solve_triangular(cholesky(precision, lower=True), np.eye(len(precision)), lower=True)
    return cholesky(root.T @ root, lower=True)
