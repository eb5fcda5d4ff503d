"""The methods of the experiment: Laplace in five forms, and its rivals.

A method is a function (model, theta, X, y, rng) -> predictor, theta being the model's MAP estimate; ensemble, mixture,
dropout and HMC do not use it. A predictor has `model`, `predict(X)`, and `disagreement(X)`: how far plausible
parameters disagree on each input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from experiment_problems import Array
from scipy.special import softmax

from minilaplace import BayesianModel, Gaussian, Laplace
from minilaplace.calibration import mutual_information_score
from minilaplace.model_average import average, deep_ensemble, hmc, mc_dropout, mixture, split_r_hat

N_CHAINS = 4


@dataclass(frozen=True)
class Draws:
    """Predict by the average over parameter vectors (S, P)."""

    model: BayesianModel
    thetas: Array

    def predict(self, X: Array) -> Any:
        """Return what `Laplace.predict` returns."""
        return average(self.model, self.thetas, X)

    def each(self, X: Array) -> Array:
        """Return what each parameter vector predicts, (S, N) or (S, N, C)."""
        return np.stack([self.model.likelihood.mean(self.model.network.forward(theta, X)) for theta in self.thetas])

    def disagreement(self, X: Array) -> Array:
        """Return the mutual information of label and parameters, or the variance of the mean, (N,)."""
        if isinstance(self.model.likelihood, Gaussian):
            return self.each(X).var(axis=0)[:, 0]
        return mutual_information_score(self.each(X))

    def r_hat(self, X: Array) -> float:
        """Return the largest R-hat of the predictions, the draws being those of four chains."""
        each = self.each(X)
        return float(split_r_hat(each.reshape(N_CHAINS, -1, *each.shape[1:])).max())


class AskedLaplace(Laplace):
    """A Laplace that answers the same two questions."""

    def disagreement(self, X: Array) -> Array:
        """Return the epistemic part of the uncertainty, (N,)."""
        return self.uncertainty(X, n_samples=100, rng=0).epistemic.reshape(len(X))


@dataclass(frozen=True)
class Mixture:
    """Predict by a mixture of Laplace approximations, each weighted by its evidence."""

    laplaces: list[AskedLaplace]

    @property
    def model(self) -> BayesianModel:
        """The model of the first component; under a tuned prior that of another has another prior precision."""
        return self.laplaces[0].model

    def predict(self, X: Array) -> Any:
        """Return what `Laplace.predict` returns."""
        return mixture(self.laplaces, X)

    def disagreement(self, X: Array) -> Array:
        """Return the mutual information of label and parameters, or the variance of the mean, (N,)."""
        likelihood = self.model.likelihood
        if isinstance(likelihood, Gaussian):
            prediction = self.predict(X)
            return (prediction.variance - likelihood.noise_variance(prediction.mean))[:, 0]
        weights = softmax([la.log_marginal_likelihood() for la in self.laplaces])
        counts = np.random.default_rng(0).multinomial(100, weights)
        drawn = [
            la.functional_samples(X, n, rng=k) for k, (la, n) in enumerate(zip(self.laplaces, counts, strict=True)) if n
        ]
        return mutual_information_score([likelihood.mean(f) for f in np.concatenate(drawn)])


def one_theta(model: BayesianModel, theta: Array, X: Array, y: Array, rng: int) -> Draws:
    """Predict as if the MAP estimate were the truth."""
    return Draws(model, theta[None])


def laplace(
    model: BayesianModel, theta: Array, X: Array, y: Array, rng: int, *, tune: bool = True, **options: str
) -> AskedLaplace:
    """Put a Gaussian around theta, under the prior that its evidence prefers."""
    la = AskedLaplace(model, theta, **options).fit(X, y)
    if tune:
        la.optimize_prior_precision()
    _ = la.posterior  # factored now, so that training pays for it
    return la


def ensemble(model: BayesianModel, theta: Array, X: Array, y: Array, rng: int) -> Draws:
    """Train five networks."""
    return Draws(model, deep_ensemble(model, X, y, 5, rng=rng))


def several(model: BayesianModel, theta: Array, X: Array, y: Array, rng: int, *, tune: bool = True) -> Mixture:
    """Train five networks, the same as the ensemble's, and put a Gaussian around each, under a prior of its own."""
    return Mixture([laplace(model, one, X, y, rng, tune=tune) for one in deep_ensemble(model, X, y, 5, rng=rng)])


def dropout(model: BayesianModel, theta: Array, X: Array, y: Array, rng: int) -> Draws:
    """Train one network that loses a tenth of its hidden units at random, and go on losing them."""
    return Draws(model, mc_dropout(model, X, y, 100, rate=0.1, rng=rng))


def walk(model: BayesianModel, theta: Array, X: Array, y: Array, rng: int, *, n_samples: int) -> Draws:
    """Draw from the posterior itself, by four chains of HMC."""
    return Draws(model, hmc(model, X, y, n_samples, n_chains=N_CHAINS, n_warmup=n_samples // 2, rng=rng).thetas)


RIVALS = {"ensemble": ensemble, "dropout": dropout}
FROM_SCRATCH = {"HMC", "Laplace mixture", *RIVALS}  # these do not need the MAP estimate
METHODS: dict[str, dict[str, Callable[..., Any]]] = {
    "fixed": {
        "HMC": walk,
        "MAP": one_theta,
        "Laplace full": laplace,
        "Laplace kron": partial(laplace, hessian_structure="kron"),
        "Laplace diag": partial(laplace, hessian_structure="diag"),
        "Laplace last layer": partial(laplace, subset_of_weights="last_layer"),
        "Laplace mixture": several,
        **RIVALS,
    },
    "evidence": {
        "MAP": one_theta,
        "Laplace full": partial(laplace, tune=False),
        "Laplace mixture": partial(several, tune=False),
        **RIVALS,
    },
}  # HMC comes first, as the others' distance from it is asked for
