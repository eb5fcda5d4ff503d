"""Training and tuning behind scikit-learn's parameters: from the parameters to a `Laplace`.

`FittedMLP` holds the parameters that both estimators have, checks them before any work, and trains, fits and tunes on
data in the form that the library takes. `LaplaceMLP` in `base.py` adds what scikit-learn's users call.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..evidence.joint import marglik_training
from ..evidence.marginal_likelihood import PRIOR_STRUCTURES, evidence_function
from ..evidence.tuning import METHODS
from ..laplace import Laplace
from ..model.bayesian_model import BayesianModel
from ..model.likelihood import Likelihood
from ..model.weights import WeightedData
from ..network.mlp import MLP
from ..predictive.links import link_of
from ..structures.fit import Options
from ..training.convergence import convergence_heard
from ..training.map_estimate import fit_map
from ..validation import Array, boolean, option, real_number, short, whole_number
from .conventions import seed_of
from .mlp import activation_here
from .scales import warn_of_size

LIMITS = {"lbfgs": "max_iterations", "adam": "epochs"}  # the name of `max_iter` in `fit_map`, by solver
TUNED = ("budget", *METHODS, "online")  # the values of `tune_prior` besides None

ROUNDS: dict[str, Any] = {"tol": 0.02, "max_rounds": 50}  # at 2% of a precision the evidence is flat to .1 nats

EXACT = 1e-8  # the gradient of L-BFGS: predictions must not show whether a row was repeated or had a weight


class Trained(NamedTuple):
    """A fit, and the number of training steps that led to it."""

    la: Laplace
    n_iter: int


@dataclass(eq=False, repr=False)
class FittedMLP(BaseEstimator):
    """The parameters of both estimators, and how a `Laplace` is made by them; see `LaplaceClassifier`."""

    hidden_layer_sizes: Any = (32,)
    activation: str = "tanh"
    _: KW_ONLY
    prior_precision: Any = 1.0
    tune_prior: str | None = "budget"
    budget: float = 0.01
    prior_structure: str = "scalar"
    temperature: float = 1.0
    curvature: str = "ggn"
    hessian_structure: str = "full"
    subset_of_weights: str = "all"
    subnetwork_indices: Any = None
    rank: int | None = None
    link_approx: str | None = None
    n_samples: int = 100
    normalize_X: bool = False  # noqa: N815
    solver: str = "lbfgs"
    max_iter: int | None = None
    warm_start: bool = False
    verbose: bool = False
    random_state: Any = None

    def _model(self, y: Any) -> BayesianModel:
        """Return the model before tuning, after a check of all parameters, so that training is not in vain."""
        n_outputs, likelihood = self._outputs(y)
        hidden = np.atleast_1d(self.hidden_layer_sizes)
        network = MLP(self.n_features_in_, *hidden, n_outputs, activation=activation_here(self.activation))
        model = BayesianModel(network, likelihood, self.prior_precision)
        self._check_tuning(model, y)
        option("solver", self.solver, LIMITS)
        link_of(likelihood, self.link_approx, n_outputs)
        whole_number("n_samples", self.n_samples, least=1)
        boolean("verbose", self.verbose)
        if self.max_iter is not None:
            whole_number("max_iter", self.max_iter, least=1)
        self._seed = seed_of(self.random_state)
        return model

    def _check_tuning(self, model: BayesianModel, y: Any) -> None:
        theta = np.zeros(model.network.n_params)
        empty = Laplace(model, theta, **self._options())
        option("prior_structure", self.prior_structure, PRIOR_STRUCTURES)
        real_number("budget", self.budget, above=0.0)
        if self.tune_prior is not None:
            option("tune_prior", self.tune_prior, TUNED)
            tuning: dict[str, Any] = {"prior_structure": "scalar"} if self.tune_prior == "budget" else self._tuning()
            evidence_function(empty._fit, model, theta, tuning["prior_structure"], tuning.get("optimize_noise", False))
            warn_of_size(self.hessian_structure, len(empty.subset))
        elif np.ndim(model.prior_precision) > 0:  # the same structure of prior and curvature, asked with no information
            check = Laplace(model, theta, **{**self._options(), "curvature": "ggn"})
            with suppress(np.linalg.LinAlgError):
                _ = check.fit(np.zeros((1, self.n_features_in_)), y[:1]).posterior

    def _options(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(Options)}

    def _tuning(self) -> dict[str, Any]:
        return {"prior_structure": self.prior_structure}

    def _best(self, model: BayesianModel, data: WeightedData, theta0: Array | None) -> Trained:
        """Return the fit that is kept: trained and tuned from this model and theta0, or from an initial theta."""
        return self._trained(model, data, theta0)

    def _trained(
        self, model: BayesianModel, data: WeightedData, theta0: Array | None, few: int | None = None, **tuning: Any
    ) -> Trained:
        """Return the fit that training and tuning lead to from one start, by `ROUNDS` and `_tuning`, or by `tuning`.

        Where they take turns, a first training and each round of L-BFGS have at most `few` iterations, see
        `marglik_training`.
        """
        online = self.tune_prior == "online"
        theta, n_iter = self._train(model, data, theta0, few if online else None)
        if online:
            X, y, weight = data
            how = {**self._options(), **ROUNDS, **self._tuning(), **tuning, "max_iterations": few}
            model, theta = marglik_training(
                model, X, y, sample_weight=weight, theta0=theta, callback=self._round, **how
            )
        return Trained(self._posterior(model, theta, data), n_iter)

    def _train(
        self, model: BayesianModel, data: WeightedData, theta0: Array | None, few: int | None = None
    ) -> tuple[Array, int]:
        """Return the MAP estimate, or what a few iterations lead to, and the number of steps of the training."""
        steps = [0]
        limits: dict[str, Any] = {} if self.max_iter is None else {LIMITS[self.solver]: self.max_iter}
        if self.solver == "lbfgs":
            limits["tolerance"] = EXACT
            if few is not None:
                limits["max_iterations"] = min(few, limits.get("max_iterations", few))

        def heard(step: int, theta: Array, loss: float) -> None:
            steps.append(step)
            self._say(f"Iteration {step}, loss = {loss:.8g}")

        with nullcontext() if few is None else convergence_heard():  # a few iterations end at no mode
            theta = fit_map(
                model, data.X, data.y, sample_weight=data.weight, theta0=theta0, method=self.solver, rng=self._seed,
                callback=heard, **limits,
            )  # fmt: skip
        return theta, steps[-1]

    def _posterior(self, model: BayesianModel, theta: Array, data: WeightedData) -> Laplace:
        """Return the fit around theta, tuned if it is to be tuned at a given theta."""
        X, y, weight = data
        la = Laplace(model, theta, **self._options()).fit(X, y, sample_weight=weight)
        if self.tune_prior == "budget":
            link = None if self.link_approx == "plugin" else self.link_approx
            how: dict[str, Any] = {"X": X, "y": y, "sample_weight": weight, "link_approx": link, "budget": self.budget}
            return la.optimize_prior_precision("budget", callback=self._say_trial, **how)
        if self.tune_prior in METHODS:
            la.optimize_prior_precision(self.tune_prior, callback=self._say_trial, **self._tuning())
        return la

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _say_trial(self, step: int, model: BayesianModel) -> None:
        self._say(f"Trial {step}, {_tuned(self._in_units_of_y(model))}")

    def _round(self, step: int, model: BayesianModel, theta: Array) -> None:
        self._say(f"Round {step}, {_tuned(self._in_units_of_y(model))}")

    def _in_units_of_y(self, model: BayesianModel) -> BayesianModel:
        """Return a model whose noise, if it has one, is in the units of the targets."""
        return model

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        """Return the number of outputs of the network, and the likelihood of the targets."""
        raise NotImplementedError


def _tuned(model: BayesianModel) -> str:
    """Return what is tuned in a model as text: its prior, and its noise if it has one."""
    tuned = {"prior_precision": model.prior_precision, "sigma_noise": model.likelihood.sigma_noise}
    return ", ".join(f"{name} = {short(value)}" for name, value in tuned.items() if value is not None)
