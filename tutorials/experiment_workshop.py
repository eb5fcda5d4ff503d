"""Where the methods of the experiment are made: what they share, what each costs, and what predicts.

The `Workshop` of a split has the data, trains what several methods share, a MAP estimate or five, and keeps account of
what each of them costs. A predictor has `predict(X)`, and `disagreement(X)`: how far plausible parameters disagree on
each input.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from experiment_problems import Array, Problem
from scipy.special import softmax

from minilaplace import BayesianModel, Gaussian, Laplace, fit_map
from minilaplace.calibration import mutual_information_score
from minilaplace.model_average import average, deep_ensemble, mixture, split_r_hat

N_CHAINS = 4
STRUCTURES: dict[str, dict[str, str]] = {
    "full": {},
    "kron": {"hessian_structure": "kron"},
    "last layer": {"subset_of_weights": "last_layer"},
}

# --- what things cost


class Cost(NamedTuple):
    """Seconds of CPU, and evaluations of loss and gradient on the whole data; a batch counts by its share."""

    seconds: float
    gradients: float

    def __add__(self, other: Any) -> Cost:
        return Cost(self.seconds + other.seconds, self.gradients + other.gradients)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.gradients - other.gradients)


@dataclass(frozen=True)
class CountedModel(BayesianModel):
    """A model that counts the samples whose gradients it has been asked for."""

    counted: list[int] = field(default_factory=lambda: [0])

    def loss_and_gradient(self, theta: Array, X: Array, *args: Any, **options: Any) -> tuple[float, Array]:
        """Return what a `BayesianModel` returns."""
        self.counted[0] += len(X)
        return super().loss_and_gradient(theta, X, *args, **options)


class Workshop:
    """The data of a split, what methods share, and what the method that is being made has cost so far."""

    def __init__(self, problem: Problem, seed: int) -> None:
        old = problem.model
        self.model = CountedModel(old.network, old.likelihood, old.prior_precision)
        self.seed = seed
        X, y = problem.X, self.model.check_targets(problem.y, len(problem.X))
        self.all = X, y
        self.fit = X[~problem.held], y[~problem.held]
        self.held = X[problem.held], y[problem.held]
        self.kept: dict[str, tuple[Any, Cost]] = {}
        self.owed = Cost(0.0, 0.0)  # for what was there already, or is not counted by the model

    def now(self) -> Cost:
        """Return what has been paid and is owed."""
        return Cost(time.process_time(), self.model.counted[0] / len(self.all[0])) + self.owed

    def make(self, method: Callable[[Workshop], Any]) -> tuple[Any, Cost]:
        """Return a predictor, and what it costs if nothing is there yet."""
        before = self.now()
        predictor = method(self)
        return predictor, self.now() - before

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is made once; every method that asks for it owes its price."""
        if name in self.kept:
            value, price = self.kept[name]
            self.owed += price
        else:
            before = self.now()
            value = make()
            self.kept[name] = value, self.now() - before
        return value

    def theta(self, part: str = "all") -> Array:
        """Return the MAP estimate (P,) from all data to learn from, or from four fifths of it, `fit`."""
        return self.shared(f"theta {part}", lambda: fit_map(self.model, *getattr(self, part), rng=self.seed))

    def members(self) -> Array:
        """Return five of them, from as many starts, (5, P)."""
        return self.shared("members", lambda: deep_ensemble(self.model, *self.all, 5, rng=self.seed))

    def laplace(self, structure: str, part: str = "all") -> Laplace:
        """Return a Gaussian around the MAP estimate, under the prior of the model."""
        theta = self.theta(part)
        return self.shared(f"{structure} {part}", lambda: self.gaussian(self.model, theta, structure, part)).under()

    def gaussian(self, model: BayesianModel, theta: Array, structure: str = "full", part: str = "all") -> Laplace:
        """Return a Gaussian around theta; its curvature is one backward pass for each output of the network."""
        X, y = getattr(self, part)
        self.owed += Cost(0.0, model.network.n_outputs * len(X) / len(self.all[0]))
        la = Laplace(model, theta, **STRUCTURES[structure]).fit(X, y)
        _ = la.posterior  # factored now, so that its maker pays for it
        return la


# --- what predicts


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


@dataclass(frozen=True)
class OneGaussian:
    """Predict by one Laplace approximation."""

    laplace: Laplace

    def predict(self, X: Array) -> Any:
        """Return what `Laplace.predict` returns."""
        return self.laplace.predict(X)

    def disagreement(self, X: Array) -> Array:
        """Return the mutual information of label and parameters, over a hundred draws, or the variance of the mean."""
        likelihood = self.laplace.model.likelihood
        if isinstance(likelihood, Gaussian):
            return self.laplace.uncertainty(X).epistemic[:, 0]
        return mutual_information_score([likelihood.mean(f) for f in self.laplace.functional_samples(X, 100, rng=0)])


@dataclass(frozen=True)
class Mixture:
    """Predict by a mixture of Laplace approximations, each weighted by its evidence."""

    laplaces: list[Laplace]

    def predict(self, X: Array) -> Any:
        """Return what `Laplace.predict` returns."""
        return mixture(self.laplaces, X)

    def disagreement(self, X: Array) -> Array:
        """Return the mutual information of label and parameters, or the variance of the mean, (N,)."""
        likelihood = self.laplaces[0].model.likelihood
        if isinstance(likelihood, Gaussian):
            prediction = self.predict(X)
            return (prediction.variance - likelihood.noise_variance(prediction.mean))[:, 0]
        weights = softmax([la.log_marginal_likelihood() for la in self.laplaces])
        counts = np.random.default_rng(0).multinomial(100, weights)
        drawn = [
            la.functional_samples(X, n, rng=k) for k, (la, n) in enumerate(zip(self.laplaces, counts, strict=True)) if n
        ]
        return mutual_information_score([likelihood.mean(f) for f in np.concatenate(drawn)])


@dataclass(frozen=True)
class Sure:
    """Predict by a function, without any doubt about it."""

    predict: Callable[[Array], Any]

    def disagreement(self, X: Array) -> Array:
        """Return zeros, (N,)."""
        return np.zeros(len(X))
