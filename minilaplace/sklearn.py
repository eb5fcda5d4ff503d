"""Around the post: scikit-learn estimators that train an MLP, tune its prior, and say how sure they are.

`LaplaceClassifier` and `LaplaceRegressor` put `fit_map`, `Laplace` and the evidence behind scikit-learn's interface,
for its pipelines, searches and displays. Their `from_fitted` takes a trained `MLPClassifier` or `MLPRegressor` instead:
the same point predictions, with error bars. Needs the extra, `minilaplace[sklearn]`.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn import exceptions
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .evidence import PRIOR_STRUCTURES
from .fit import Options
from .laplace import Laplace
from .likelihood import Bernoulli, Categorical, Gaussian, Likelihood, columns
from .model import BayesianModel
from .network import MLP
from .predictive import link_of
from .training import ConvergenceWarning, fit_map
from .tuning import METHODS, marglik_training
from .validation import Array, instance, option, refusal, truth, whole_number

BUDGETS = {"lbfgs": "max_iterations", "adam": "epochs"}  # what each solver calls `max_iter`
FLATTEST = 1e-8  # stands for a precision of zero, which no Gaussian has: the least that tuning looks at

Self = TypeVar("Self", bound="_LaplaceMLP")


@dataclass(eq=False, repr=False)
class _LaplaceMLP(BaseEstimator):
    """What the two estimators share: all but what targets and predictions look like."""

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

    def fit(self: Self, X: Any, y: Any) -> Self:
        """Train on inputs X (N, D) and targets y, and return self; earlier data is forgotten."""
        warm = truth("warm_start", self.warm_start) and hasattr(self, "laplace_")
        X, y = self._read(X, y, reset=not warm)
        return self._fit(X, y, self.theta_ if warm else None)

    @classmethod
    def from_fitted(cls: type[Self], mlp: Any, X: Any, y: Any, **params: Any) -> Self:
        """Return a fitted estimator around a trained scikit-learn MLP: its point predictions, now with error bars.

        Parameters
        ----------
        mlp
            A trained `MLPClassifier` of one label a sample, or an `MLPRegressor` with squared error.
        X, y
            The data that it was trained on, without sample weights.
        params
            Parameters of the estimator other than `hidden_layer_sizes` and `activation`. By default `prior_precision`
            is the one that the MLP was trained under, see `matching_precision`, and for a regressor `sigma_noise` the
            root mean square of its residuals. `tune_prior` starts there; with None they stay. `"online"` would train
            another theta, and is refused.

        Notes
        -----
        The usual alphas, 1e-4 by default, are priors so flat that an average over them is far too unsure. Tuning mends
        much of that, most with `subset_of_weights="last_layer"`. It is an over-confident MLP that gains likelihood;
        one that stopped in time can lose some: compare with `link_approx="plugin"` on data that it has not seen.
        """
        instance("mlp", mlp, cls._peer, f"a trained {cls._peer.__name__}")
        check_is_fitted(mlp)
        for name in {"hidden_layer_sizes", "activation"} & params.keys():
            raise ValueError(refusal(name, "no value, as the MLP has its own", repr(params[name])))
        validate_data(mlp, X, reset=False)  # the same features as in its training?
        estimator = cls(mlp.hidden_layer_sizes, mlp.activation)
        X, y = estimator.set_params(**params)._read_for(mlp, X, y, params)
        if estimator.tune_prior == "online":
            raise ValueError(refusal("tune_prior", "None, 'marglik' or 'mackay' around a given theta", "'online'"))
        model = estimator._model(y)
        layers = zip(mlp.coefs_, mlp.intercepts_, strict=True)
        theta = np.concatenate([np.append(W.T, b) for W, b in layers])  # scikit-learn's W is (in, out)
        with _warnings_of_sklearn():
            return estimator._keep(estimator._posterior(model, theta, X, y), mlp.n_iter_)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a posterior."""
        return hasattr(self, "laplace_")

    def _fit(self: Self, X: Array, y: Any, theta0: Array | None = None) -> Self:
        model = self._model(y)
        with _warnings_of_sklearn():
            theta, n_iter = self._train(model, X, y, theta0)
            if self.tune_prior == "online":
                model, theta = marglik_training(model, X, y, theta0=theta, **self._tuning(), **self._options())
            return self._keep(self._posterior(model, theta, X, y), n_iter)

    def _partial_fit(self: Self, X: Array, y: Any, *, first: bool) -> Self:
        if first:
            return self._fit(X, y)
        if self.subset_of_weights != "all":
            expected = "'all' with partial_fit, which trains all weights and would forget those without a posterior"
            raise ValueError(refusal("subset_of_weights", expected, repr(self.subset_of_weights)))
        with _warnings_of_sklearn():
            model = self.laplace_.as_prior()
            theta, n_iter = self._train(model, X, y, self.theta_)
            return self._keep(Laplace(model, theta, **self._options()).fit(X, y), n_iter)

    def _model(self, y: Any) -> BayesianModel:
        """Return the model before training; all choices are checked, so that none fails after it."""
        n_outputs, likelihood = self._outputs(y)
        activation = "sigmoid" if self.activation == "logistic" else self.activation
        network = MLP(self.n_features_in_, *np.atleast_1d(self.hidden_layer_sizes), n_outputs, activation=activation)
        model = BayesianModel(network, likelihood, self.prior_precision)
        Laplace(model, np.zeros(network.n_params), **self._options())
        if self.tune_prior is not None:
            option("tune_prior", self.tune_prior, (*METHODS, "online"))
        option("prior_structure", self.prior_structure, PRIOR_STRUCTURES)
        link_of(likelihood, self.link_approx)
        whole_number("n_samples", self.n_samples, least=1)
        self._seed = _seed(self.random_state)
        return model

    def _options(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(Options)}

    def _tuning(self) -> dict[str, Any]:
        return {"prior_structure": self.prior_structure}

    def _train(self, model: BayesianModel, X: Array, y: Any, theta0: Array | None) -> tuple[Array, int]:
        """Return the MAP estimate and how many steps led there."""
        steps, most = [0], BUDGETS[option("solver", self.solver, BUDGETS)]
        budget = {} if self.max_iter is None else {most: self.max_iter}
        theta = fit_map(
            model, X, y, theta0=theta0, method=self.solver, rng=self._seed,
            callback=lambda step, theta, loss: steps.append(step), **budget,
        )  # fmt: skip
        return theta, steps[-1]

    def _posterior(self, model: BayesianModel, theta: Array, X: Array, y: Any) -> Laplace:
        la = Laplace(model, theta, **self._options()).fit(X, y)
        return la.optimize_prior_precision(self.tune_prior, **self._tuning()) if self.tune_prior in METHODS else la

    def _keep(self: Self, la: Laplace, n_iter: int) -> Self:
        self.log_marginal_likelihood_ = la.log_marginal_likelihood()
        self.laplace_, self.model_, self.theta_, self.n_iter_ = la, la.model, la.theta, n_iter
        return self

    def _new_inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _predict(self, X: Any) -> Any:
        X = self._new_inputs(X)
        return self.laplace_.predict(X, self.link_approx, n_samples=self.n_samples, rng=self._seed)

    def _functions(self, X: Any, n_samples: int, random_state: Any) -> tuple[Array, np.random.Generator]:
        """Return functions drawn from the posterior, (S, N, C), and the generator of what is drawn next."""
        X, rng = self._new_inputs(X), np.random.default_rng(_seed(random_state))
        return self.laplace_.functional_samples(X, n_samples, rng), rng


class LaplaceClassifier(ClassifierMixin, _LaplaceMLP):
    """An MLP classifier whose probabilities are averaged over a Laplace posterior; labels may be of any type.

    Parameters
    ----------
    hidden_layer_sizes, activation
        As in `MLP`: `()` is logistic regression; `"logistic"` is another name of `"sigmoid"`. Two classes share one
        logit (`Bernoulli`), more have one each (`Categorical`).
    prior_precision
        As in `BayesianModel`; where the tuning starts.
    tune_prior
        `"marglik"` or `"mackay"`: once, by the evidence at the theta of `prior_precision`; `"online"`: training and
        tuning in turn until they agree (`marglik_training`), which takes longer; None: not at all.
    prior_structure
        `"scalar"`, `"layerwise"` or `"diag"`: what shares one tuned precision.
    temperature, curvature, hessian_structure, subset_of_weights, subnetwork_indices, rank
        As in `Laplace`. The default `"full"` is exact; it keeps P^2 numbers, so take `"kron"` from some thousand on.
    link_approx, n_samples
        As in `Laplace.predict`, and read by each prediction; its samples are the same each time.
    solver, max_iter
        `"lbfgs"` or `"adam"`, and its most iterations or epochs, by default those of `fit_map`.
    warm_start
        Whether `fit` starts from the last theta, with the last one's classes; the prior starts from `prior_precision`.
    random_state
        Seed or `RandomState` of the start, Adam's batches, and the samples of a link.

    Attributes
    ----------
    laplace_, model_, theta_
        The `Laplace`; its model, with the tuned prior; the MAP estimate.
    log_marginal_likelihood_
        The evidence; after `partial_fit` that of the last data, given the earlier.
    classes_, n_features_in_, feature_names_in_, n_iter_
        As in scikit-learn; `n_iter_` counts the training before any tuning.
    """

    _peer = MLPClassifier
    classes_: Any

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> LaplaceClassifier:
        """Learn from more data and return self: yesterday's posterior is today's prior.

        The first call is a `fit`; `classes` are all labels to come, those in y if not given. Later ones train on
        their data alone, with the posterior so far as the prior, and put a Gaussian around where that ends. (To add up
        curvature at the old theta would make it surer without teaching it anything.) Nothing is tuned again. It takes
        a `hessian_structure` of `"full"`, `"lowrank"`, `"gp"` or `"diag"`, whose posterior is a prior it can read.
        """
        first = not hasattr(self, "laplace_")
        X, y = self._read(X, y, reset=first, classes=classes)
        return self._partial_fit(X, y, first=first)

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of `classes_` at X (N, D), (N, C)."""
        p = self._predict(X)
        return np.column_stack([1 - p, p]) if p.ndim == 1 else p

    def predict(self, X: Any) -> Any:
        """Return the most probable labels, (N,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Any:
        """Draw labels at X from the posterior predictive, (N, n_samples), each column from one function."""
        f, rng = self._functions(X, n_samples, random_state)
        p = np.stack([self.model_.likelihood.mean(f_s) for f_s in f], axis=1)  # (N, S) or (N, S, C)
        p = np.stack([1 - p, p], axis=2) if p.ndim == 2 else p
        u = rng.random((*p.shape[:2], 1))
        return self.classes_[(u > p.cumsum(axis=2)[:, :, :-1]).sum(axis=2)]

    def _read(self, X: Any, y: Any, *, reset: bool, classes: Any = None) -> tuple[Array, Any]:
        X, y = validate_data(self, X, y, dtype=np.float64, reset=reset)
        check_classification_targets(y)
        known = np.unique(y if classes is None else classes) if reset else self.classes_
        if len(known) < 2:
            raise ValueError(refusal("y", "at least two classes", f"one class, {known.tolist()}"))
        if len(strange := np.setdiff1d(y, known)):
            raise ValueError(refusal("y", f"labels among the classes {known.tolist()}", strange.tolist()))
        self.classes_ = known
        return X, np.searchsorted(known, y)

    def _read_for(self, mlp: Any, X: Any, y: Any, given: Container[str]) -> tuple[Array, Any]:
        if mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1:
            raise ValueError(refusal("mlp", "one label a sample", f"{mlp.n_outputs_} labels: a multilabel classifier"))
        X, y = self._read(X, y, reset=True, classes=mlp.classes_)
        if "prior_precision" not in given:
            self.prior_precision = matching_precision(mlp, len(X))
        return X, y

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        C = len(self.classes_)
        return (1, Bernoulli()) if C == 2 else (C, Categorical())


@dataclass(eq=False, repr=False)
class LaplaceRegressor(RegressorMixin, _LaplaceMLP):
    """An MLP regressor whose predictions have error bars, from a Laplace posterior.

    It predicts (N,) if it was trained on y (N,), and (N, C) if on (N, C). Bring targets to a scale of about one: the
    prior is about weights, and training starts from `sigma_noise`.

    Parameters
    ----------
    sigma_noise
        The noise's standard deviation, one for all outputs or one for each; where the tuning starts.
    optimize_noise
        Whether to tune it along with the prior.
    others
        As those of `LaplaceClassifier`; so are the attributes.
    """

    sigma_noise: Any = 1.0
    optimize_noise: bool = True

    _peer = MLPRegressor

    def partial_fit(self, X: Any, y: Any) -> LaplaceRegressor:
        """Learn from more data and return self, as `LaplaceClassifier.partial_fit` does; the noise stays."""
        first = not hasattr(self, "laplace_")
        X, y = self._read(X, y, reset=first)
        return self._partial_fit(X, y, first=first)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the mean at X (N, D), or mean and standard deviation of y, noise included; each (N,) or (N, C)."""
        mean, variance = self._predict(X)
        if self._one_column:
            mean, variance = mean[:, 0], variance[:, 0]
        return (mean, np.sqrt(variance)) if return_std else mean

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw targets at X, (N, n_samples) or (N, C, n_samples): a function for each sample, and noise."""
        f, rng = self._functions(X, n_samples, random_state)
        likelihood: Any = self.model_.likelihood
        y = rng.normal(f, likelihood.sigma_noise)  # (S, N, C)
        return (y[:, :, 0] if self._one_column else y.transpose(0, 2, 1)).T

    def __sklearn_tags__(self) -> Any:
        """Say that y may have several columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Any]:
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=reset)
        if reset:
            self._one_column = y.ndim == 1
        return X, y

    def _read_for(self, mlp: Any, X: Any, y: Any, given: Container[str]) -> tuple[Array, Any]:
        if mlp.out_activation_ != "identity":
            raise ValueError(refusal("mlp", "one trained by squared error", f"loss={mlp.loss!r}"))
        f = mlp.predict(X)
        X, y = self._read(X, y, reset=True)
        shape = len(y), mlp.n_outputs_
        residuals = columns(y, shape) - columns(f, shape)
        if "sigma_noise" not in given:
            self.sigma_noise = float(np.sqrt(np.mean(residuals**2)))
            if self.sigma_noise == 0:
                raise ValueError(refusal("sigma_noise", "a value, as the MLP leaves no residuals", "none"))
        if "prior_precision" not in given:  # squared error is sigma^2 times the Gaussian's nll
            self.prior_precision = matching_precision(mlp, len(y)) / float(np.mean(np.square(self.sigma_noise)))
        return X, y

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        return 1 if y.ndim == 1 else y.shape[1], Gaussian(self.sigma_noise)

    def _tuning(self) -> dict[str, Any]:
        return {**super()._tuning(), "optimize_noise": self.optimize_noise}


def matching_precision(mlp: Any, n_samples: int) -> float:
    """Return the prior precision that a scikit-learn MLP was trained under, in units of its loss summed over the data.

    Its `alpha` adds alpha |W|^2 / (2 B) to the mean loss of a batch of B. With `lbfgs` the batch is all N samples: the
    precision is alpha. The steps of `sgd` and `adam` add up to N mean(1 / B) alpha, which is N / B alpha if all batches
    are of one size (200 by default). FLATTEST stands for alpha = 0.

    With several regression outputs, scikit-learn's `lbfgs` receives the sum's gradient with the mean's loss, and stops
    where neither is at its optimum; alpha matches the gradient.

    Biases have no penalty there, but a flat prior is no Gaussian and leaves no evidence: they get the weights'
    precision, as in the rest of this library. So the gradient that is left at scikit-learn's optimum is precision * b.
    """
    sizes = [n_samples]
    if mlp.solver != "lbfgs":
        B = min(200 if mlp.batch_size == "auto" else mlp.batch_size, n_samples)
        sizes = [batch.stop - batch.start for batch in gen_batches(n_samples, B)]
    return max(float(mlp.alpha * n_samples * np.mean(1 / np.array(sizes))), FLATTEST)


def _seed(random_state: Any) -> int:
    """Return a seed for NumPy's generators from what scikit-learn takes as `random_state`."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def _warnings_of_sklearn() -> Iterator[None]:
    """Say that a fit has not converged in scikit-learn's own category, which its users filter by."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=ConvergenceWarning)
        yield
    for warning in caught:
        ours = issubclass(warning.category, ConvergenceWarning)
        message = str(warning.message).replace("max_iterations", "max_iter")
        warnings.warn(message, exceptions.ConvergenceWarning if ours else warning.category, stacklevel=5)
