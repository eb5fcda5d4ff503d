"""A regressor for scikit-learn's pipelines, searches and displays.

Its `fit` standardises the targets, and trains and tunes from several noises, of which the one with the largest evidence
is trained to a mode. Its `from_fitted` takes over a trained MLP of scikit-learn instead.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import validate_data

from ..evidence.tuning import METHODS
from ..laplace import Laplace
from ..model.bayesian_model import BayesianModel
from ..model.gaussian import Gaussian
from ..model.likelihood import Likelihood
from ..model.poisson import Poisson
from ..model.weights import WeightedData
from ..predictive.uncertainty import Uncertainty
from ..training.convergence import warn
from ..validation import Array, boolean, option, refusal, refuse_masked
from .base import LaplaceMLP
from .conventions import as_a_whole, drawn_counts, gathered
from .fitting import Trained
from .mlp import LOSSES, matching_likelihood, matching_precision, residual_noise
from .scales import Scale, as_they_are, standard_targets
from .starts import FEW, KINKED, LEAST, NONE_SEEN, NOT_TOLD, ROUGHLY, STARTS, Attempts, NoNoiseError


@dataclass(eq=False, repr=False)
class LaplaceRegressor(RegressorMixin, LaplaceMLP):
    """An MLP regressor whose predictions have error bars, from a Laplace posterior.

    Predictions have shape (N,) if y had in training, and (N, C) if y had. Targets may have any scale and place; scale
    the inputs, or pass `normalize_X=True`.

    Parameters
    ----------
    hidden_layer_sizes, activation, prior_precision
        As in `LaplaceClassifier`.
    tune_prior, budget, prior_structure
        As in `LaplaceClassifier`. The default trains and tunes in turn, `"online"`: error bars need the noise, which
        the evidence tells, but not around a theta that was trained with another. `"budget"` tunes no noise, and needs a
        `sigma_noise`.
    temperature, curvature, hessian_structure, subset_of_weights, subnetwork_indices, rank
        As in `Laplace`.
    link_approx, n_samples, normalize_X, solver, max_iter, warm_start, verbose, random_state
        As in `LaplaceClassifier`.
    likelihood
        `"gaussian"` for real targets, `"poisson"` for counts, whole numbers of at least 0.
    sigma_noise
        The noise's standard deviation in the units of y, one for all outputs or one for each. The tuning starts from
        it. By default several noises are tried, since the tuning can settle at a line if it starts from much noise, and
        the one with the largest evidence is kept. Only used with `likelihood="gaussian"`, as are the next two: the
        noise of a count is its mean.
    optimize_noise
        Whether `sigma_noise` is tuned along with the prior. If not, it needs a value.
    normalize_y
        Whether the targets are standardised inside, by their weighted mean and standard deviation. All that is reported
        is in the units of y, but `laplace_`, `model_` and `theta_` are of standardised targets.

    Attributes
    ----------
    sigma_noise_
        The noise's standard deviation in the units of y, a float, or (C,) if y is (N, C); none for counts.
    y_mean_, y_scale_
        The zero and the unit of the targets inside, 0 and 1 without `normalize_y`. They stay as they are in later
        calls of `partial_fit`, and under `warm_start`.
    log_marginal_likelihood_
        The evidence, as a density of y in its own units.
    laplace_, model_, theta_, X_mean_, X_scale_, n_features_in_, feature_names_in_, n_iter_
        As in `LaplaceClassifier`.

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
    tune_prior: str | None = "online"
    likelihood: str = "gaussian"
    sigma_noise: Any = None
    optimize_noise: bool = True
    normalize_y: bool = True

    _peer = MLPRegressor
    _of_the_mlp = LaplaceMLP._of_the_mlp | {"normalize_y"}
    _around_an_mlp: ClassVar[dict[str, Any]] = {**LaplaceMLP._around_an_mlp, "normalize_y": False}

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> LaplaceRegressor:
        """Learn from more data as `LaplaceClassifier.partial_fit` does, noise and scales staying, and return self.

        40 points of sin(3x) + .3x, five at a time, ended with errors of .27 to .74, two halves with .09 to .17, and one
        `fit` of all with .05 to .15: where the earlier data are at hand, `fit` all of them again.
        """
        with as_a_whole(self):
            self._learn_more(X, y, sample_weight)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the mean of y at X (N, D), (N,) or (N, C), and if asked its standard deviation with the noise."""
        mean, variance = self._predict(X)
        mean, std = self._y_scale.outside(self._as_y(mean)), np.sqrt(self._as_y(variance)) * self.y_scale_
        return (mean, std) if return_std else mean

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw targets at X, (N, n_samples) or (N, C, n_samples), each from a function of the posterior, plus noise."""
        f, rng = self._functions(X, n_samples, random_state)
        likelihood: Any = self.model_.likelihood
        if isinstance(likelihood, Poisson):
            y: Any = drawn_counts(likelihood.mean(f), rng)  # (S, N, C)
        else:
            y = self._y_scale.outside(rng.normal(f, likelihood.sigma_noise))
        return (y[:, :, 0] if self._one_column else y.transpose(0, 2, 1)).T

    def uncertainty(self, X: Any, n_samples: int = 1000) -> Uncertainty:
        """Return the variances of y at X (N, D), total = aleatoric (noise) + epistemic, in the shape of `predict`.

        They are in the squared units of y, and exact, so that nothing is drawn; see `LaplaceClassifier.uncertainty`.
        """
        variances = super().uncertainty(X, n_samples)
        return Uncertainty(*(self._as_y(variance) * np.square(self.y_scale_) for variance in variances))

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
        C = 1 if y.ndim == 1 else y.shape[1]
        if option("likelihood", self.likelihood, LOSSES) == "poisson":
            return C, Poisson()
        if self.sigma_noise is not None:
            sigma = np.asarray(Gaussian(self.sigma_noise).sigma_noise)
            sigma = sigma / self.y_scale_ if np.size(sigma) in (1, C) else sigma
            return C, Gaussian(float(sigma.flat[0]) if np.all(sigma == sigma.flat[0]) else tuple(sigma))
        if self.tune_prior not in (*METHODS, "online") or not self.optimize_noise:
            expected = "a number in the units of y, as the noise is not tuned"
            received = f"None with tune_prior={self.tune_prior!r}, optimize_noise={self.optimize_noise!r}"
            raise ValueError(refusal("sigma_noise", expected, received))
        return C, Gaussian(STARTS[0][0])

    def _tuning(self) -> dict[str, Any]:
        return {**super()._tuning(), "optimize_noise": self.likelihood == "gaussian" and self.optimize_noise}

    def _best(self, model: BayesianModel, data: WeightedData, theta0: Array | None) -> Trained:
        if self.likelihood != "gaussian" or self.sigma_noise is not None:
            return self._trained(model, data, theta0)
        starts, kinked = Attempts(), self.activation == "relu"
        train = partial(self._trained, to_mode=kinked)
        for share, few in KINKED if kinked else STARTS:
            if not starts.vanished:
                starts.attempt(train, model.under(sigma_noise=share), data, theta0, few)
        ended = starts if kinked else self._ended(starts, data)
        if ended.vanished:
            ended.attempt(self._assumed, model.under(sigma_noise=LEAST), data, theta0, NONE_SEEN)
        if not ended.found():
            return self._assumed(model.under(sigma_noise=STARTS[0][0]), data, theta0, NOT_TOLD)
        if model.network.n_outputs > 1:  # a noise of its own for each output
            la, _ = ended.found()[0]
            residuals = data.y - model.network.forward(la.theta, data.X)  # (N, C)
            sigma = np.sqrt(np.average(residuals**2, axis=0, weights=data.weight))
            start = la.model.under(sigma_noise=tuple(np.maximum(sigma, LEAST)))
            ended.attempt(self._trained, start, data, la.theta, FEW)
        return ended.told()

    def _ended(self, settled: Attempts, data: WeightedData) -> Attempts:
        """Return the most promising of the starts that have settled, trained to a mode."""
        ended = Attempts(settled.vanished)
        for la, _ in settled.found():
            ended.attempt(self._trained, la.model, data, la.theta, FEW)
            if ended.found() or ended.vanished:
                break
        return ended

    def _assumed(self, model: BayesianModel, data: WeightedData, theta0: Array | None, why: str) -> Trained:
        """Return the fit under a noise that stays, and say that it is not the data's."""
        trained = self._trained(model, data, theta0, FEW, optimize_noise=False, tol=ROUGHLY)
        warn(why)
        return trained

    def _in_units_of_y(self, model: BayesianModel) -> BayesianModel:
        sigma = model.likelihood.sigma_noise
        return model if sigma is None else model.under(sigma_noise=np.asarray(sigma) * self.y_scale_)

    def _round(self, step: int, model: BayesianModel, theta: Array) -> None:
        super()._round(step, model, theta)
        if self.sigma_noise is None and self.likelihood == "gaussian" and np.min(model.likelihood.sigma_noise) < LEAST:
            raise NoNoiseError

    def _keep(self, la: Laplace, n_iter: int) -> None:
        super()._keep(la, n_iter)
        self.log_marginal_likelihood_ -= la.n_data * float(np.sum(np.log(self.y_scale_)))
        self.__dict__.pop("sigma_noise_", None)
        if self.likelihood == "gaussian":
            sigma = np.asarray(la.model.likelihood.sigma_noise) * self.y_scale_
            self.sigma_noise_ = sigma if np.ndim(sigma) else float(sigma)

    def _keep_scales(self, data: WeightedData, *, inside: bool) -> None:
        super()._keep_scales(data, inside=inside)
        normal = boolean("normalize_y", self.normalize_y) and self.likelihood == "gaussian"
        self.y_mean_, self.y_scale_ = standard_targets(data.y, data.weight) if normal else as_they_are(data.y)

    @property
    def _y_scale(self) -> Scale:
        return Scale(self.y_mean_, self.y_scale_)

    def _ordered(self, data: WeightedData) -> WeightedData:
        # Turns of training and tuning lead differences of one bit to other modes, so that there must be none.
        return gathered(data) if self.tune_prior == "online" and self.solver == "lbfgs" else data

    def _inside(self, y: Any) -> Any:
        return self._y_scale.inside(y) if self.likelihood == "gaussian" else y

    def _as_y(self, values: Array) -> Array:
        """Return what is (N, C) in the shape of the targets."""
        return values[:, 0] if self._one_column else values
