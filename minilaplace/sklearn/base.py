"""The common base class of the two scikit-learn estimators.

`LaplaceMLP` puts `fit_map`, `Laplace` and the evidence behind scikit-learn's interface. A subclass reads the targets
(`_read`), chooses the number of outputs and the likelihood (`_outputs`), takes prior and noise from a trained MLP of
scikit-learn (`_take_over`), and predicts.
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

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
from ..training.map_estimate import fit_map
from ..validation import Array, boolean, instance, option, refusal, refuse_masked, sample_weights, whole_number
from .conventions import as_a_whole, present, seed_of
from .mlp import activation_here, carried

BUDGETS = {"lbfgs": "max_iterations", "adam": "epochs"}  # the name of `max_iter` in `fit_map`, by solver

EXACT = 1e-8  # the gradient of L-BFGS: predictions must not show whether a row was repeated or had a weight

Self = TypeVar("Self", bound="LaplaceMLP")


@dataclass(eq=False, repr=False)
class LaplaceMLP(BaseEstimator):
    """An estimator that trains an MLP, tunes its prior and keeps its posterior; see `LaplaceClassifier`."""

    hidden_layer_sizes: Any = (32,)
    activation: str = "tanh"
    _: KW_ONLY
    prior_precision: Any = 1.0
    tune_prior: str | None = "marglik"
    prior_structure: str = "scalar"
    temperature: float = 1.0
    curvature: str = "ggn"
    hessian_structure: str = "full"
    subset_of_weights: str = "all"
    subnetwork_indices: Any = None
    rank: int | None = None
    link_approx: str | None = None
    n_samples: int = 100
    solver: str = "lbfgs"
    max_iter: int | None = None
    warm_start: bool = False
    random_state: Any = None

    _peer: ClassVar[Any]  # scikit-learn's MLP for the same task

    def fit(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on inputs X (N, D) and targets y, and return self; data of earlier fits are forgotten.

        `sample_weight` (N,), each at least 0: a sample of weight 2 counts twice, one of weight 0 not at all.
        """
        with as_a_whole(self):
            warm = boolean("warm_start", self.warm_start) and self.__sklearn_is_fitted__()
            self._fit(self._read_weighted(X, y, sample_weight, reset=not warm), self.theta_ if warm else None)
        return self

    @classmethod
    def from_fitted(cls: type[Self], mlp: Any, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Return a fitted estimator with a trained scikit-learn MLP's point predictions, and error bars around them.

        Parameters
        ----------
        mlp
            A trained `MLPClassifier`, of one label a sample or several, or a trained `MLPRegressor`, by squared error
            or, for counts, by the Poisson loss.
        X, y, sample_weight
            The data that it was trained on, and their weights if it was trained with some.
        **params
            Parameters of the estimator other than `hidden_layer_sizes` and `activation`. By default `prior_precision`
            is the one that corresponds to the MLP's `alpha` (`matching_precision`), and the `sigma_noise` of a
            regressor is the root mean square of its residuals. `tune_prior` starts from them, or keeps them if it is
            None. It cannot be `"online"`, which would train another theta.

        Notes
        -----
        The usual values of `alpha`, 1e-4 by default, correspond to priors so flat that the averaged predictions are far
        too unsure. Tuning by the evidence improves that only in part, because the MLP's theta is not a mode under the
        tuned prior. With `subset_of_weights="last_layer"` and `tune_on_held_out`, held-out data become more likely than
        before if the MLP was over-confident, and about as likely if it was not. The README has a table of the numbers.
        """
        instance("mlp", mlp, cls._peer, f"a trained {cls._peer.__name__}")
        check_is_fitted(mlp)
        for name in {"hidden_layer_sizes", "activation"} & params.keys():
            raise ValueError(refusal(name, "no value, as the MLP has its own", repr(params[name])))
        validate_data(mlp, X, reset=False)  # raises an error if X has other features than the MLP's training data
        network, theta = carried(mlp)
        estimator = cls(network.sizes[1:-1], mlp.activation).set_params(**params)
        if estimator.tune_prior == "online":
            raise ValueError(refusal("tune_prior", "None, 'marglik' or 'mackay' around a given theta", "'online'"))
        with as_a_whole(estimator):
            X, y, weight = present(X, y, sample_weight)
            X, y = estimator._take_over(mlp, X, y, weight, params.keys())
            data = WeightedData(X, y, sample_weights("sample_weight", weight, len(X)))
            estimator._keep(estimator._posterior(estimator._model(y), theta, data), mlp.n_iter_)
        return estimator

    def tune_on_held_out(self: Self, X: Any, y: Any) -> Self:
        """Choose the scalar prior precision that best predicts data X, y that are new to the fit, and return self."""
        check_is_fitted(self)
        with as_a_whole(self):
            X, y = self._read(X, y, reset=False)
            la = copy(self.laplace_)
            self._keep(la.optimize_prior_precision("held_out", X=X, y=y, link_approx=self.link_approx), self.n_iter_)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "laplace_")

    def _fit(self, data: WeightedData, theta0: Array | None = None) -> None:
        model = self._model(data.y)
        theta, n_iter = self._train(model, data, theta0)
        if self.tune_prior == "online":
            X, y, weight = data
            tuning = {**self._tuning(), **self._options()}
            model, theta = marglik_training(model, X, y, sample_weight=weight, theta0=theta, **tuning)
        self._keep(self._posterior(model, theta, data), n_iter)

    def _learn_more(self, X: Any, y: Any, sample_weight: Any, **read: Any) -> None:
        """Fit the first data, and train on later data with the posterior of the earlier data as the prior."""
        first = not self.__sklearn_is_fitted__()
        data = self._read_weighted(X, y, sample_weight, reset=first, **read)
        if first:
            self._fit(data)
            return
        if self.subset_of_weights != "all":
            expected = "'all' with partial_fit, which trains all weights and would forget those without a posterior"
            raise ValueError(refusal("subset_of_weights", expected, repr(self.subset_of_weights)))
        if self.hessian_structure in ("kron", "blockdiag"):
            expected = "'full', 'lowrank', 'gp' or 'diag' with partial_fit, whose posterior can be a prior_precision"
            raise ValueError(refusal("hessian_structure", expected, repr(self.hessian_structure)))
        model = self.laplace_.as_prior()
        theta, n_iter = self._train(model, data, self.theta_)
        self._keep(Laplace(model, theta, **self._options()).fit(data.X, data.y, sample_weight=data.weight), n_iter)

    def _model(self, y: Any) -> BayesianModel:
        """Return the model before tuning, after a check of all parameters, so that training is not in vain."""
        n_outputs, likelihood = self._outputs(y)
        hidden = np.atleast_1d(self.hidden_layer_sizes)
        network = MLP(self.n_features_in_, *hidden, n_outputs, activation=activation_here(self.activation))
        model = BayesianModel(network, likelihood, self.prior_precision)
        theta = np.zeros(network.n_params)
        empty = Laplace(model, theta, **self._options())
        option("prior_structure", self.prior_structure, PRIOR_STRUCTURES)
        if self.tune_prior is not None:
            option("tune_prior", self.tune_prior, (*METHODS, "online"))
            fit = empty.options.no_data(likelihood, empty.subset)
            tuning = {"optimize_noise": False, **self._tuning()}
            evidence_function(fit, model, theta, tuning["prior_structure"], tuning["optimize_noise"])
        elif np.ndim(model.prior_precision) > 0:  # the same structure of prior and curvature, asked with no information
            check = Laplace(model, theta, **{**self._options(), "curvature": "ggn"})
            with suppress(np.linalg.LinAlgError):
                _ = check.fit(np.zeros((1, self.n_features_in_)), y[:1]).posterior
        option("solver", self.solver, BUDGETS)
        link_of(likelihood, self.link_approx, n_outputs)
        whole_number("n_samples", self.n_samples, least=1)
        self._seed = seed_of(self.random_state)
        return model

    def _options(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(Options)}

    def _tuning(self) -> dict[str, Any]:
        return {"prior_structure": self.prior_structure}

    def _train(self, model: BayesianModel, data: WeightedData, theta0: Array | None) -> tuple[Array, int]:
        """Return the MAP estimate and the number of steps of its training."""
        steps = [0]
        budget: dict[str, Any] = {} if self.max_iter is None else {BUDGETS[self.solver]: self.max_iter}
        if self.solver == "lbfgs":
            budget["tolerance"] = EXACT
        theta = fit_map(
            model, data.X, data.y, sample_weight=data.weight, theta0=theta0, method=self.solver, rng=self._seed,
            callback=lambda step, theta, loss: steps.append(step), **budget,
        )  # fmt: skip
        return theta, steps[-1]

    def _posterior(self, model: BayesianModel, theta: Array, data: WeightedData) -> Laplace:
        la = Laplace(model, theta, **self._options()).fit(data.X, data.y, sample_weight=data.weight)
        return la.optimize_prior_precision(self.tune_prior, **self._tuning()) if self.tune_prior in METHODS else la

    def _keep(self, la: Laplace, n_iter: int) -> None:
        self.log_marginal_likelihood_ = la.log_marginal_likelihood()
        self.laplace_, self.model_, self.theta_, self.n_iter_ = la, la.model, la.theta, n_iter

    def _new_inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        refuse_masked(X=X)
        return validate_data(self, X, dtype=np.float64, order="C", reset=False)

    def _predict(self, X: Any) -> Any:
        X = self._new_inputs(X)
        return self.laplace_.predict(X, self.link_approx, n_samples=self.n_samples, rng=self._seed)

    def _functions(self, X: Any, n_samples: int, random_state: Any) -> tuple[Array, np.random.Generator]:
        """Return functions drawn from the posterior at X, (S, N, C), and the generator for further draws."""
        X, rng = self._new_inputs(X), np.random.default_rng(seed_of(random_state))
        return self.laplace_.functional_samples(X, n_samples, rng), rng

    def _read_weighted(self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **read: Any) -> WeightedData:
        """Return inputs and targets as `_read` does, with their weights; samples of weight 0 are not read at all."""
        X, y, weight = present(X, y, sample_weight)
        X, y = self._read(X, y, reset=reset, **read)
        return WeightedData(X, y, sample_weights("sample_weight", weight, len(X)))

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Any]:
        """Return inputs and targets in the form that the likelihood takes; with `reset`, store features and classes."""
        raise NotImplementedError

    def _take_over(self, mlp: Any, X: Any, y: Any, weight: Any, given: Any) -> tuple[Array, Any]:
        """Return an MLP's training data as `_read` does, and set prior and noise by the MLP, except those `given`."""
        raise NotImplementedError

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        """Return the number of outputs of the network, and the likelihood of the targets."""
        raise NotImplementedError
