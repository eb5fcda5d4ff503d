"""A fit whose prior, noise and temperature can be exchanged without adding up the data again."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..posterior.gaussian import Posterior
from ..predictive.distribution import PredictiveDistribution
from ..predictive.links import Prediction, link_of
from ..structures.fit import Fit, Options
from ..validation import Array, check_callback, check_dense, option, real_number, refusal
from .by_predictions import PriorScore, tune_on_held_out, tune_to_budget
from .marginal_likelihood import evidence_function, log_evidence
from .same_inputs import Predict, at_same_inputs
from .tuning import METHODS, tune

BY_PREDICTIONS = {"held_out": "held-out data", "budget": "data"}  # what the methods that predict ask for

Self = TypeVar("Self", bound="TunableFit")


class TunableFit(PredictiveDistribution):
    """The part of `Laplace` that computes the evidence, and that sets or exchanges prior, noise and temperature."""

    options: Options
    _fit: Fit
    _posterior: Posterior | None

    def _fitted(self) -> Fit:
        """Return the fit, or raise a ValueError if no data has been added."""
        if self.n_data == 0:
            raise ValueError(refusal("Laplace", "a fit to data before this call: la.fit(X, y)", "no fit yet"))
        return self._fit

    @property
    def n_data(self) -> float:
        """The number of samples in the fit, or the sum of their weights; an int where it is whole."""
        return int(self._fit.n_data) if float(self._fit.n_data).is_integer() else self._fit.n_data

    def log_marginal_likelihood(self, prior_precision: Any = None, sigma_noise: Any = None) -> float:
        """Return the evidence, log p(y), under the model or under another `prior_precision` or `sigma_noise`.

        Two evidences are comparable, and the larger one is better, if they are of the same y in the same units and have
        the same uncertain parameters, structure and curvature. That of a last layer is not comparable to that of all
        weights: it is given the others, which were fitted to the same data. Other structures and curvatures at the same
        theta approximate the same number, and the larger one need not be nearer to it.

        Where each output has its own noise, `sigma_noise` must be one multiple of all of them. There is an evidence
        wherever there is a posterior: its factor gives the log-determinant, unless eigenvalues give it at less cost.
        """
        fit, model = self._fitted(), self.model.under(prior_precision, sigma_noise)
        log_det = self.posterior.log_det_precision if model is self.model else None
        return log_evidence(fit, model, self.theta, log_det)

    def optimize_prior_precision(
        self: Self,
        method: str = "marglik",
        *,
        prior_structure: str = "scalar",
        optimize_noise: bool = False,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        link_approx: str | None = None,
        budget: float = 0.01,
        callback: Callable[[int, BayesianModel], object] | None = None,
    ) -> Self:
        """Set the prior to the one that explains the data best at this theta, and return self: changes this object.

        `method` is `"marglik"`, which maximises the evidence by its gradient, `"mackay"`, which does so by MacKay's
        iteration. There is one precision (`prior_structure="scalar"`), one for each layer (`"layerwise"`), or one for
        each parameter (`"diag"`), and `optimize_noise` lets the evidence choose a Gaussian's `sigma_noise` too. Under
        the chosen prior theta is no longer the MAP estimate; `marglik_training` finds a prior and a theta that agree.

        Two methods look at predictions of X, y under `link_approx`, and choose a scalar precision: `"held_out"`
        maximises the predictive density of data that the fit has not seen, and `"budget"` takes the weakest prior whose
        averaged predictions cost at most `budget` nats a sample against the plugin's, for which the training data will
        do. `sample_weight` (N,) are weights of X, y in these averages over samples. `callback(step, model)` is called
        with each prior that is tried.

        Raises a ValueError if the prior is a matrix: it is what earlier data has told (`as_prior`), and would be lost.
        """
        evidence = evidence_function(self._fitted(), self.model, self.theta, prior_structure, optimize_noise)
        link_of(self.model.likelihood, link_approx, self.model.network.n_outputs)
        check_callback(callback, "(step, model)")
        if option("method", method, (*METHODS, *BY_PREDICTIONS)) in BY_PREDICTIONS:
            if prior_structure != "scalar" or optimize_noise:
                received = f"{prior_structure!r} and optimize_noise={optimize_noise}"
                raise ValueError(refusal("prior_structure", f"'scalar' and no noise with {method!r}", received))
            budget = real_number("budget", budget, above=0.0)
            X, y, weight = self._asked(method, X, y, sample_weight)
            score = PriorScore(self.model, self._predictor(X, link_approx), y, weight, callback)
            held_out = method == "held_out"
            model = tune_on_held_out(score) if held_out else tune_to_budget(score, self.predict(X, "plugin"), budget)
        else:
            for name, given in {"X": X, "y": y, "sample_weight": sample_weight}.items():
                if given is not None:
                    expected = f"None but for method={' or '.join(map(repr, BY_PREDICTIONS))}"
                    raise ValueError(refusal(name, f"{expected}, as {method!r} asks no new data", "some"))
            model = tune(evidence, method, callback)
        self.model, self._posterior = model, None
        return self

    def _predictor(self, X: Array, link_approx: str | None) -> Predict:
        """Return a function that predicts X (N, D) under models that differ in their scalar prior."""

        def alone(model: BayesianModel) -> Array | Prediction:
            return self._with(model).predict(X, link_approx, rng=0)

        return at_same_inputs(self._fit, self.model, self.theta, X, link_approx, alone)

    def _asked(self, method: str, X: Any, y: Any, sample_weight: Any) -> WeightedData:
        """Return the checked data of a method that predicts, without samples of weight 0."""
        if X is None or y is None:
            expected = f"{BY_PREDICTIONS[method]} for method={method!r}"
            raise ValueError(refusal("X" if X is None else "y", expected, None))
        data = self.model.check_weighted(X, y, sample_weight)
        return data if sample_weight is None else data.some(np.flatnonzero(data.weight))

    def under(self: Self, prior_precision: Any = None, *, sigma_noise: Any = None, temperature: Any = None) -> Self:
        """Return the same fit under another prior precision, noise or temperature.

        Theta and the sums over the data stay; only the Gaussian around theta is made anew.
        """
        la = self._with(self.model.under(prior_precision, sigma_noise))
        if temperature is not None:
            la.options = replace(self.options, temperature=temperature)
            la._fit = replace(self._fit, temperature=la.options.temperature)
        return la

    def as_prior(self) -> BayesianModel:
        """Return the model with this posterior as its prior, for later data; outside the subset the prior stays.

        Its precision is a (P, P) matrix, or (P,) if that is diagonal.

        For a network of one layer with Gaussian noise this loses nothing. Of a deeper network it loses most where the
        data comes in small parts: each Gaussian stands for its data only near its theta, which few samples leave free
        to move far away. 40 samples of sin(3x) + 0.3x in eight parts ended with an error of 0.2 to 0.9, where all at
        once gave 0.05 to 0.15. The remedy is to train on all data again, or to keep some samples: train on these and
        the new ones together, and make a prior of the others alone. With ten kept the error was 0.1 to 0.3.
        """
        posterior = self.posterior
        check_dense("Laplace", self.model.network.n_params, "training on all data again")
        return self.model.with_prior_over(self.subset.indices, posterior.precision(), posterior.mean, self.theta)

    def _with(self: Self, model: BayesianModel) -> Self:
        """Return the same fit under another model."""
        la = copy(self)
        la.model, la._posterior = model, None
        return la
