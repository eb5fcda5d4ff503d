"""A classifier and a regressor for scikit-learn's pipelines, searches and displays.

Their `fit` trains an MLP and tunes its prior. Their `from_fitted` takes over a trained MLP of scikit-learn instead.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from ..model.classes import Bernoulli, Categorical
from ..model.gaussian import Gaussian
from ..model.likelihood import Likelihood, every_class
from ..model.poisson import Poisson
from ..validation import Array, option, refusal, refuse_masked
from .base import LaplaceMLP
from .conventions import as_a_whole, codes, drawn_counts
from .mlp import LOSSES, matching_likelihood, matching_precision, residual_noise


class LaplaceClassifier(ClassifierMixin, LaplaceMLP):
    """An MLP classifier whose probabilities are averaged over a Laplace posterior; labels may be of any type.

    Scale the inputs first, as in `make_pipeline(StandardScaler(), LaplaceClassifier())`. Training continues until it
    has found a mode, which with unscaled inputs can take ten thousand steps.

    Parameters
    ----------
    hidden_layer_sizes, activation
        As in `MLP`: `()` is logistic regression, and `"logistic"` is another name of `"sigmoid"`. Two classes share one
        logit (`Bernoulli`); if there are more, each class has its own (`Categorical`). Several labels a sample, y
        (N, C) of 0 and 1, have a logit each; as in `MLPClassifier`, `classes_` then are the columns, `predict` returns
        (N, C) of 0 and 1, `predict_proba` P(y = 1) of each, (N, C), and a sample scores where all of them are right.
    prior_precision
        As in `BayesianModel`. The tuning starts from it.
    tune_prior
        `"marglik"` and `"mackay"` tune the prior once, by the evidence at the theta that was trained under
        `prior_precision`. `"online"` trains and tunes in turn until both have converged (`marglik_training`), which
        takes longer. None keeps `prior_precision`.
    prior_structure
        Whether one precision is tuned for all parameters (`"scalar"`), one for each layer (`"layerwise"`), or one for
        each parameter (`"diag"`).
    temperature, curvature, hessian_structure, subset_of_weights, subnetwork_indices, rank
        As in `Laplace`. The default structure `"full"` keeps P^2 numbers; take `"kron"` for more than some thousand
        parameters.
    link_approx, n_samples
        As in `Laplace.predict`. A change of them takes effect at the next prediction, without another fit. All
        predictions draw the same samples.
    solver, max_iter
        `"lbfgs"` or `"adam"`, and the largest number of its iterations or epochs, by default that of `fit_map`.
    warm_start
        Whether `fit` starts from the theta of the last fit and keeps its classes. The tuning starts from
        `prior_precision` in any case.
    random_state
        Seed or `RandomState` for the initial theta, Adam's batches, and the samples of a link.

    Attributes
    ----------
    laplace_, model_, theta_
        The `Laplace`, its model with the tuned prior, and the MAP estimate.
    log_marginal_likelihood_
        The evidence; after `partial_fit`, the evidence of the last data given the earlier data.
    classes_, n_features_in_, feature_names_in_, n_iter_
        As in scikit-learn; `n_iter_` is the number of training steps before any tuning.

    Examples
    --------
    >>> from minilaplace import toy_data_non_linear
    >>> X, y = toy_data_non_linear(200, rng=0)
    >>> classifier = LaplaceClassifier((16,), random_state=0).fit(X, y)
    >>> classifier.score(X, y)
    1.0
    >>> near, far = classifier.predict_proba([[2.5, 2.5], [50.0, 50.0]]).max(axis=1)
    >>> bool(near > far)
    True
    """

    _peer = MLPClassifier
    classes_: Any

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> LaplaceClassifier:
        """Learn from more data, with the posterior of the earlier data as the prior, and return self.

        The first call is a `fit`, where `classes` are the labels of all data to come, by default those in y. It alone
        tunes the prior. A later call trains on its own data, and its posterior is a Gaussian around the new MAP
        estimate. It needs a `hessian_structure` of `"full"`, `"lowrank"`, `"gp"` or `"diag"`, whose posteriors can be
        priors.
        """
        with as_a_whole(self):
            self._learn_more(X, y, sample_weight, classes=classes)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (N, C) of `classes_` at X (N, D); of several labels, each label's P(y = 1)."""
        return every_class(self._predict(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms (N, C) of what `predict_proba` returns."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """Return the most probable label at each input, (N,); of several labels, which are more probable than not."""
        p = self.predict_proba(X)
        return (p > 0.5).astype(np.intp) if self._multilabel else self.classes_[p.argmax(axis=1)]

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Any:
        """Draw labels at X, (N, n_samples) or (N, C, n_samples), the last axis over functions of the posterior."""
        f, rng = self._functions(X, n_samples, random_state)
        likelihood = self.model_.likelihood
        p = np.stack([likelihood.every_class(likelihood.mean(f_s)) for f_s in f], axis=-2)  # (N, S, C) or (N, C, S, 2)
        u = rng.random((*p.shape[:-1], 1))
        drawn = (u > p.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
        return drawn if self._multilabel else self.classes_[drawn]

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn, which say that a sample may have several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read(self, X: Any, y: Any, *, reset: bool, classes: Any = None) -> tuple[Array, Any]:
        refuse_masked(X=X, y=y)
        X, y = validate_data(self, X, y, dtype=np.float64, order="C", multi_output=True, reset=reset)
        y = column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y
        check_classification_targets(y)
        if reset:
            self._multilabel = y.ndim == 2
            self.classes_ = np.unique(classes if classes is not None else range(y.shape[1]) if y.ndim == 2 else y)
        known = self.classes_
        if classes is not None and not np.array_equal(known, np.unique(classes)):
            raise ValueError(refusal("classes", f"those of the first call, {known.tolist()}", list(classes)))
        return X, codes(y, known, self._multilabel)

    def _take_over(self, mlp: Any, X: Any, y: Any, weight: Any, given: Any) -> tuple[Array, Any]:
        X, y = self._read(X, y, reset=True, classes=mlp.classes_)
        if self._multilabel != (mlp.out_activation_ == "logistic" and mlp.n_outputs_ > 1):
            expected = f"the targets of an MLP with {mlp.n_outputs_} outputs and {mlp.out_activation_} activation"
            raise ValueError(refusal("y", expected, f"shape {y.shape}"))
        if "prior_precision" not in given:
            self.prior_precision = matching_precision(mlp, len(X))
        return X, y

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        C = len(self.classes_)
        if self._multilabel:
            return C, Bernoulli()
        return (1, Bernoulli()) if C == 2 else (C, Categorical())


@dataclass(eq=False, repr=False)
class LaplaceRegressor(RegressorMixin, LaplaceMLP):
    """An MLP regressor whose predictions have error bars, from a Laplace posterior.

    Predictions have shape (N,) if y had in training, and (N, C) if y had. Scale real targets to about one, as the
    defaults of `prior_precision` and `sigma_noise` are meant for such targets; counts are not to be scaled.

    Parameters
    ----------
    hidden_layer_sizes, activation, prior_precision, tune_prior, prior_structure
        As in `LaplaceClassifier`, which explains the attributes too.
    temperature, curvature, hessian_structure, subset_of_weights, subnetwork_indices, rank
        As in `Laplace`.
    link_approx, n_samples, solver, max_iter, warm_start, random_state
        As in `LaplaceClassifier`.
    likelihood
        `"gaussian"` for real targets, `"poisson"` for counts, whole numbers of at least 0.
    sigma_noise
        The noise's standard deviation, one for all outputs or one for each. The tuning starts from it. Only used with
        `likelihood="gaussian"`, as is `optimize_noise`: the noise of a count is its mean.
    optimize_noise
        Whether `sigma_noise` is tuned along with the prior.

    Examples
    --------
    >>> from minilaplace import toy_data_regression
    >>> X, y = toy_data_regression(100, rng=0)
    >>> regressor = LaplaceRegressor((16,), random_state=0).fit(X, y)
    >>> mean, std = regressor.predict([[0.0], [50.0]], return_std=True)
    >>> bool(std[0] < std[1])
    True
    """

    _: KW_ONLY
    likelihood: str = "gaussian"
    sigma_noise: Any = 1.0
    optimize_noise: bool = True

    _peer = MLPRegressor

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> LaplaceRegressor:
        """Learn from more data as `LaplaceClassifier.partial_fit` does, with the same noise, and return self."""
        with as_a_whole(self):
            self._learn_more(X, y, sample_weight)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the mean of y at X (N, D), (N,) or (N, C), and if asked its standard deviation with the noise."""
        mean, variance = self._predict(X)
        if self._one_column:
            mean, variance = mean[:, 0], variance[:, 0]
        return (mean, np.sqrt(variance)) if return_std else mean

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw targets at X, (N, n_samples) or (N, C, n_samples), each from a function of the posterior, plus noise."""
        f, rng = self._functions(X, n_samples, random_state)
        likelihood: Any = self.model_.likelihood
        counts = isinstance(likelihood, Poisson)
        y: Any = drawn_counts(likelihood.mean(f), rng) if counts else rng.normal(f, likelihood.sigma_noise)  # (S, N, C)
        return (y[:, :, 0] if self._one_column else y.transpose(0, 2, 1)).T

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn, which say that y may have several columns, and that counts are positive."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.likelihood == "poisson"
        return tags

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Any]:
        refuse_masked(X=X, y=y)
        X, y = validate_data(self, X, y, dtype=np.float64, order="C", multi_output=True, y_numeric=True, reset=reset)
        if reset:
            self._one_column = y.ndim == 1
        return X, y

    def _take_over(self, mlp: Any, X: Any, y: Any, weight: Any, given: Any) -> tuple[Array, Any]:
        self.likelihood = matching_likelihood(mlp, self.likelihood if "likelihood" in given else None)
        inputs, (X, y) = X, self._read(X, y, reset=True)
        gaussian = self.likelihood == "gaussian"
        if gaussian and "sigma_noise" not in given:
            self.sigma_noise = residual_noise(mlp, inputs, y, weight)
        if "prior_precision" not in given:  # squared error is sigma^2 times the Gaussian's nll
            scale = float(np.mean(np.square(self.sigma_noise))) if gaussian else 1.0
            self.prior_precision = matching_precision(mlp, len(y)) / scale
        return X, y

    def _outputs(self, y: Any) -> tuple[int, Likelihood]:
        gaussian = option("likelihood", self.likelihood, LOSSES) == "gaussian"
        return 1 if y.ndim == 1 else y.shape[1], Gaussian(self.sigma_noise) if gaussian else Poisson()

    def _tuning(self) -> dict[str, Any]:
        return {**super()._tuning(), "optimize_noise": self.optimize_noise if self.likelihood == "gaussian" else False}
