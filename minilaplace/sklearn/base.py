"""The common base class of the two scikit-learn estimators.

`LaplaceMLP` puts `fit_map`, `Laplace` and the evidence behind scikit-learn's interface. A subclass reads the targets
(`_read`), chooses the number of outputs and the likelihood (`_outputs`), takes prior and noise from a trained MLP of
scikit-learn (`_take_over`), and predicts. How training and tuning follow from the parameters is in `fitting.py`.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from ..laplace import Laplace
from ..model.weights import WeightedData
from ..predictive.uncertainty import Uncertainty
from ..validation import Array, boolean, instance, refusal, refuse_masked, sample_weights
from .conventions import as_a_whole, present, seed_of
from .files import read_estimator, write_estimator
from .fitting import FittedMLP
from .mlp import carried, warn_of_other_data
from .scales import Scale, as_they_are, standard, warn_of_scales

Self = TypeVar("Self", bound="LaplaceMLP")


class LaplaceMLP(FittedMLP):
    """An estimator that trains an MLP, tunes its prior and keeps its posterior; see `LaplaceClassifier`."""

    _peer: ClassVar[Any]  # scikit-learn's MLP for the same task
    _of_the_mlp: ClassVar[frozenset[str]] = frozenset({"hidden_layer_sizes", "activation", "normalize_X"})
    # The defaults of `from_fitted`: new labels can cost a fifth more than those of the training, and .01 is the aim.
    _around_an_mlp: ClassVar[dict[str, Any]] = {"tune_prior": "budget", "budget": 0.008}

    def fit(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on inputs X (N, D) and targets y, and return self; data of earlier fits are forgotten.

        `sample_weight` (N,), each at least 0: a sample of weight 2 counts twice, one of weight 0 not at all. Issues
        scikit-learn's EfficiencyWarning before the work if the columns of X have scales, or the posterior a size, that
        make it long.
        """
        with as_a_whole(self):
            warm = boolean("warm_start", self.warm_start) and self.__sklearn_is_fitted__()
            self._fit(self._read_weighted(X, y, sample_weight, reset=not warm), self.theta_ if warm else None)
        return self

    @classmethod
    def from_fitted(cls: type[Self], mlp: Any, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Any:
        """Return a fitted estimator around the theta of a trained scikit-learn MLP, or the pipeline it ends.

        Parameters
        ----------
        mlp
            A trained `MLPClassifier`, of one label a sample or several, or a trained `MLPRegressor`, by squared error
            or, for counts, by the Poisson loss. Or a trained `Pipeline` that ends in one: then a pipeline is returned
            with the same transformers, and the estimator in the MLP's place.
        X, y, sample_weight
            The data that it was trained on, as it was given to the MLP or the pipeline, and their weights if it was
            trained with some. Issues a UserWarning if the MLP's loss on them is twice what it was in training.
        **params
            Parameters of the estimator other than `hidden_layer_sizes`, `activation`, and the scales of X and y. By
            default `prior_precision` is the one that corresponds to the MLP's `alpha` (`matching_precision`), and the
            `sigma_noise` of a regressor is the root mean square of its residuals. `tune_prior` is `"budget"`, with a
            `budget` of .008 nats a sample; other values start from that prior, and None keeps it. It cannot be
            `"online"`, which trains another theta.

        Notes
        -----
        Theta stays, and so do a regressor's mean and the side of 1/2 on which a logit of its own is. Among several
        classes the average can prefer another one where two are about as probable: with the default it did so nowhere
        on four data sets, with the prior of the evidence for 2 of 540 digits.

        The usual values of `alpha`, 1e-4 by default, correspond to priors so flat that the averaged predictions are far
        too unsure. Tuning by the evidence improves that only in part, because the MLP's theta is not a mode under the
        tuned prior. The budget asks for no mode: it bounds what the average may cost on the data. New labels can cost
        somewhat more: under .008 the mean over splits was at most .010 on thirteen data sets, of which the README has a
        table.
        """
        expected = f"a trained {cls._peer.__name__}, or a Pipeline that ends in one"
        if isinstance(mlp, Pipeline):
            check_is_fitted(mlp)
            instance("mlp", mlp[-1], cls._peer, expected)
            inner = mlp[:-1].transform(X) if len(mlp) > 1 else X
            estimator = cls.from_fitted(mlp[-1], inner, y, sample_weight, **params)
            return Pipeline([*mlp.steps[:-1], (mlp.steps[-1][0], estimator)])
        instance("mlp", mlp, cls._peer, expected)
        check_is_fitted(mlp)
        for name in cls._of_the_mlp & params.keys():
            raise ValueError(refusal(name, "no value, as the MLP has its own", repr(params[name])))
        validate_data(mlp, X, reset=False)  # raises an error if X has other features than the MLP's training data
        return cls._carried_over(mlp, X, y, sample_weight, params)

    @classmethod
    def _carried_over(cls: type[Self], mlp: Any, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]) -> Self:
        network, theta = carried(mlp)
        estimator = cls(network.sizes[1:-1], mlp.activation).set_params(**cls._around_an_mlp | params)
        if estimator.tune_prior == "online":
            expected = "None, 'budget', 'marglik' or 'mackay' around a given theta"
            raise ValueError(refusal("tune_prior", expected, "'online'"))
        with as_a_whole(estimator):
            X, y, weight = present(X, y, sample_weight)
            X, y = estimator._take_over(mlp, X, y, weight, params.keys())
            data = WeightedData(X, y, sample_weights("sample_weight", weight, len(X)))
            estimator._keep_scales(data, inside=False)
            model = estimator._model(y)
            warn_of_other_data(mlp, model, theta, data)
            estimator._keep(estimator._posterior(model, theta, data), mlp.n_iter_)
        return estimator

    def tune_on_held_out(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose the scalar prior precision that best predicts data X, y that are new to the fit, and return self."""
        check_is_fitted(self)
        with as_a_whole(self):
            X, y, weight = self._read_weighted(X, y, sample_weight, reset=False)
            how: dict[str, Any] = {"sample_weight": weight, "link_approx": self.link_approx}
            la = copy(self.laplace_).optimize_prior_precision("held_out", X=X, y=y, **how)
            self._keep(la, self.n_iter_)
        return self

    def uncertainty(self, X: Any, n_samples: int = 1000) -> Uncertainty:
        """Return how uncertain predictions at X (N, D) are, total = aleatoric (noise) + epistemic, as `Laplace` does.

        They are entropies in nats, (N,), or (N, C) for several labels a sample; of three and more classes over
        `n_samples` samples, of which fewer are quicker. Behind a pipeline:
        `pipe[-1].uncertainty(pipe[:-1].transform(X))`.
        """
        X = self._new_inputs(X)
        return self.laplace_.uncertainty(X, n_samples=n_samples, rng=self._seed)

    def save(self, path: str | Path) -> None:
        """Write parameters, posterior and scales to `path`, one `.npz` without pickle; a file there is replaced.

        `Laplace.load` reads it too, as the `laplace_` alone.
        """
        check_is_fitted(self)
        write_estimator(self, Path(path))

    @classmethod
    def load(cls: type[Self], path: str | Path) -> Self:
        """Return the estimator that `save` wrote to `path`, or raise a ValueError that says why there is none."""
        return read_estimator(cls, Path(path))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "laplace_")

    def _fit(self, data: WeightedData, theta0: Array | None = None) -> None:
        model = self._model(data.y)
        if not self.normalize_X:
            warn_of_scales(model, data.X)
        self._keep(*self._best(model, data, theta0))

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

    def _keep(self, la: Laplace, n_iter: int) -> None:
        self.log_marginal_likelihood_ = la.log_marginal_likelihood()
        self.laplace_, self.model_, self.theta_, self.n_iter_ = la, la.model, la.theta, n_iter

    def _new_inputs(self, X: Any) -> Array:
        check_is_fitted(self)
        refuse_masked(X=X)
        X = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        return Scale(self.X_mean_, self.X_scale_).inside(X)

    def _predict(self, X: Any) -> Any:
        X = self._new_inputs(X)
        return self.laplace_.predict(X, self.link_approx, n_samples=self.n_samples, rng=self._seed)

    def _functions(self, X: Any, n_samples: int, random_state: Any) -> tuple[Array, np.random.Generator]:
        """Return functions drawn from the posterior at X, (S, N, C), and the generator for further draws."""
        X, rng = self._new_inputs(X), np.random.default_rng(seed_of(random_state))
        return self.laplace_.functional_samples(X, n_samples, rng), rng

    def _read_weighted(self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **read: Any) -> WeightedData:
        """Return inputs and targets in the units inside, with their weights; samples of weight 0 are not read at all.

        With `reset`, features, classes and scales are stored, else they are those of before.
        """
        X, y, weight = present(X, y, sample_weight)
        X, y = self._read(X, y, reset=reset, **read)
        data = self._ordered(WeightedData(X, y, sample_weights("sample_weight", weight, len(X))))
        if reset:
            self._keep_scales(data, inside=boolean("normalize_X", self.normalize_X))
        return WeightedData(Scale(self.X_mean_, self.X_scale_).inside(data.X), self._inside(data.y), data.weight)

    def _keep_scales(self, data: WeightedData, *, inside: bool) -> None:
        """Store the scale of the inputs, which is that of the columns if they are standardised inside."""
        self.X_mean_, self.X_scale_ = standard(data.X, data.weight) if inside else as_they_are(data.X)

    def _ordered(self, data: WeightedData) -> WeightedData:
        """Return the data in the order in which it is trained on."""
        return data

    def _inside(self, y: Any) -> Any:
        """Return targets in the units inside."""
        return y

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Any]:
        """Return inputs and targets in the form that the likelihood takes; with `reset`, store features and classes."""
        raise NotImplementedError

    def _take_over(self, mlp: Any, X: Any, y: Any, weight: Any, given: Any) -> tuple[Array, Any]:
        """Return an MLP's training data as `_read` does, and set prior and noise by the MLP, except those `given`."""
        raise NotImplementedError
