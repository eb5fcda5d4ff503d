"""*Laplace approximation*: `la = laplace(nn, lambda)`, and what one asks it.

`Laplace` ties the pieces together: `fit` adds up the data (`fit.py`), the Gaussian is factored when it is first asked
for (`posterior.py`), `predict` averages over it (`predictive.py`), and its evidence chooses the prior (`evidence.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .evidence.marginal_likelihood import log_evidence, tunable
from .evidence.tuning import METHODS, tune, tune_on_held_out
from .model.bayesian_model import BayesianModel
from .model.likelihood import Regression
from .posterior.gaussian import Posterior
from .predictive.links import SAMPLED, Prediction, Uncertainty, decompose, link_of
from .predictive.outputs import Outputs, answers
from .storage import load, save
from .structures.fit import Fit, Options, add_up, check_executor, merged
from .training import check_callback
from .validation import Array, Rows, Seed, instance, option, refusal, sampler, truth, whole_number


class Laplace:
    """The Laplace approximation: a Gaussian posterior around the MAP estimate theta.

    Parameters
    ----------
    model
        The `BayesianModel` that theta was trained under; its prior is the posterior's.
    theta
        The MAP estimate, (P,), as `fit_map` returns it. Copied.
    temperature
        Divides the curvature: below 1 the data counts more than once, above 1 less.
    curvature
        `"ggn"`, `"hessian"` or `"empirical_fisher"`, see `curvature.py`.
    hessian_structure
        `"full"`, `"kron"`, `"diag"`, `"blockdiag"`, `"lowrank"` or `"gp"`, see `structure.py`.
    subset_of_weights
        `"all"`, `"last_layer"` or `"subnetwork"`: the other parameters stay at the MAP.
    subnetwork_indices
        Positions in theta, for a subnetwork; `subnetwork.py` chooses some.
    rank
        How many eigenvalues `"lowrank"` keeps; 10 if not given.

    Attributes
    ----------
    model, theta, options, subset
        What the posterior is made from; `subset.indices` are the positions of its parameters in theta.
    n_data
        How many samples have been added; 0 before `fit`.

    Notes
    -----
    Source: the post, *Laplace approximation*; Daxberger et al. (2021).

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, fit_map, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    >>> la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    >>> la.predict([[50.0, -50.0]]).round(1)  # where there is no data
    array([0.5])
    """

    def __init__(
        self,
        model: BayesianModel,
        theta: Any,
        *,
        temperature: float = 1.0,
        curvature: str = "ggn",
        hessian_structure: str = "full",
        subset_of_weights: str = "all",
        subnetwork_indices: Any = None,
        rank: int | None = None,
    ) -> None:
        instance("model", model, BayesianModel, "a BayesianModel")
        self.model = model
        self.theta = model.check_theta(theta)
        self.theta.setflags(write=False)
        self.options = Options(temperature, curvature, hessian_structure, subset_of_weights, subnetwork_indices, rank)
        self.options.check_likelihood(model.likelihood)
        self.subset = self.options.subset(model)
        self._fit = self.options.no_data(model)
        self._posterior: Posterior | None = None

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name}={value!r}" for name, value in asdict(self.options).items() if value is not None)
        return f"Laplace({self.model}, {chosen}), n_data={self.n_data}"

    @property
    def n_data(self) -> int:
        """How many samples have been added."""
        return self._fit.n_data

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        batch_size: int | None = None,
        executor: Executor | None = None,
        override: bool = True,
        callback: Callable[[int, int], object] | None = None,
    ) -> Laplace:
        """Add up the curvature of the data, in blocks of samples; the sum does not depend on the blocks.

        Parameters
        ----------
        X, y
            Inputs (N, D), or what gives them by slices (`numpy.memmap`, h5py, zarr), and targets.
        batch_size
            Samples a block; as many as fit a fixed amount of memory if not given.
        executor
            Any `concurrent.futures.Executor`, of threads, processes or machines: gets one large shard of the data for
            each core of this machine. BLAS has threads of its own: give workers `OPENBLAS_NUM_THREADS=1`.
        override
            Whether to forget earlier data. `False` adds this data to it.
        callback
            Called as `callback(done, n_samples)` after each block, or each shard of an executor's.

        Returns
        -------
        self
        """
        X = self.model.check_rows(X)
        y = self.model.check_targets(y, len(X))
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, least=1)
        check_executor(executor)
        check_callback(callback, "(done, n_samples)")
        keep = not truth("override", override) and self.n_data > 0
        model = replace(self.model, likelihood=self._fit.likelihood) if keep else self.model
        new = add_up(self.options, model, self.theta, X, y, batch_size=batch_size, executor=executor, callback=callback)
        self._fit, self._posterior = merged(new, self._fit) if keep else new, None
        return self

    @property
    def posterior(self) -> Posterior:
        """N(theta, (curvature / temperature + prior_precision)^-1) over the subset, factored on first use."""
        fit = self._fitted()
        if self._posterior is None:
            prior = self.model.prior_over(self.subset.indices)
            mean = self.theta[self.subset.indices]
            self._posterior = fit.structure.posterior(mean, prior, fit.scale(self.model.likelihood))
        return self._posterior

    def predict(
        self, X: Any, link_approx: str | None = None, *, n_samples: int = 100, rng: Seed = None
    ) -> Array | Prediction:
        """Return the posterior predictive at X (N, D).

        Parameters
        ----------
        X
            Inputs, (N, D).
        link_approx
            For one logit `"probit"` (the default), `"plugin"`, `"quadrature"`, `"mc"` or `"nn"`; for many `"bridge"`
            and `"bridge_norm"` in the place of quadrature; for a regression `"exact"` (the default), `"plugin"`, `"mc"`
            or `"nn"`: see `predictive.py`.
        n_samples, rng
            How many samples `"mc"` and `"nn"` average over, and their seed or generator.

        Returns
        -------
        Bernoulli: P(y = 1), (N,). Categorical: class probabilities, (N, C). Gaussian: `Prediction(mean, variance)`,
        each (N, C), the variance including the noise.
        """
        link = link_of(self.model.likelihood, link_approx)
        X, n_samples, rng = self._checked(X, n_samples, rng)
        thetas = self.sample(n_samples, rng) if link_approx in SAMPLED else None
        return self._answers(X, lambda f: link(self.model.likelihood, f), thetas)

    def uncertainty(self, X: Any, *, n_samples: int = 1000, rng: Seed = None) -> Uncertainty:
        """Return where the uncertainty of a prediction comes from: total = aleatoric + epistemic.

        Classes: the entropy of the average, the average entropy, and their difference, the mutual information of label
        and parameters, (N,) in nats, over `n_samples` samples of f. Regression: variances, (N, C), exact.
        """
        X, n_samples, rng = self._checked(X, n_samples, rng)
        thetas = None if isinstance(self.model.likelihood, Regression) else self.sample(n_samples, rng)
        return self._answers(X, lambda f: decompose(self.model.likelihood, f), thetas)

    def glm_predictive_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean (N, C) and covariance (N, C, C) of the linearised outputs, noise excluded."""
        self._fitted()
        return self._answers(self.model.check_rows(X), lambda f: (f.mean, f.covariance()))

    def functional_samples(self, X: Any, n_samples: int, rng: Seed = None) -> Array:
        """Draw linearised functions f(x) + J (theta_s - theta) at X, (S, N, C): one theta_s for all inputs."""
        X, n_samples, rng = self._checked(X, n_samples, rng)
        thetas = self.sample(n_samples, rng)
        samples = self._answers(X, lambda f: f.linear_samples().transpose(1, 0, 2), thetas)  # (N, S, C)
        return np.ascontiguousarray(samples.transpose(1, 0, 2))

    def sample(self, n_samples: int, rng: Seed = None) -> Array:
        """Draw whole parameter vectors from the posterior, (S, P); those outside the subset stay at the MAP."""
        n_samples = whole_number("n_samples", n_samples, least=1)
        drawn = self.posterior.sample(n_samples, sampler(rng))
        thetas = np.tile(self.theta, (n_samples, 1))
        thetas[:, self.subset.indices] = drawn
        return thetas

    def log_marginal_likelihood(self, prior_precision: Any = None, sigma_noise: Any = None) -> float:
        """Return the evidence, log p(y), under the model or under another prior precision or noise.

        Parameters
        ----------
        prior_precision
            In any form that `BayesianModel` takes.
        sigma_noise
            For a Gaussian likelihood; one for each output if the model has one for each, in the same proportions.
        """
        fit, model = self._fitted(), self.model.under(prior_precision, sigma_noise)
        fit.structure.check_resolved(model.prior_over(self.subset.indices), fit.scale(model.likelihood))
        return log_evidence(fit, model, self.theta)

    def optimize_prior_precision(
        self,
        method: str = "marglik",
        *,
        prior_structure: str = "scalar",
        optimize_noise: bool = False,
        X: Any = None,
        y: Any = None,
        link_approx: str | None = None,
        callback: Callable[[int, BayesianModel], object] | None = None,
    ) -> Laplace:
        """Choose the prior precision that explains the data best, at this theta.

        The MAP of the chosen prior is another theta than this one; `marglik_training` finds a pair that agrees.

        Parameters
        ----------
        method
            `"marglik"`: maximise the evidence by its gradient; `"mackay"`: the same by MacKay's fixed point;
            `"held_out"`: maximise the predictive density of held-out data X, y, for a scalar.
        prior_structure
            `"scalar"`, `"layerwise"` or `"diag"` (one for each parameter): what shares one precision.
        optimize_noise
            Whether to tune a Gaussian's `sigma_noise` too, by the evidence.
        X, y, link_approx
            The held-out data, and how to predict it.
        callback
            Called as `callback(step, model)` with each prior that is tried.

        Returns
        -------
        self, with `.model` carrying the chosen prior and noise.
        """
        fit = self._fitted()
        link_of(self.model.likelihood, link_approx)
        check_callback(callback, "(step, model)")
        evidence = tunable(fit, self.model, self.theta, prior_structure, optimize_noise)
        if option("method", method, (*METHODS, "held_out")) == "held_out":
            if prior_structure != "scalar" or optimize_noise:
                received = f"{prior_structure!r} and optimize_noise={optimize_noise}"
                raise ValueError(refusal("prior_structure", "'scalar' and no noise with 'held_out'", received))
            if X is None or y is None:
                raise ValueError(refusal("X" if X is None else "y", "held-out data for method='held_out'", None))
            X, y = self.model.check_data(X, y)
            model = tune_on_held_out(
                self.model, lambda model: self._with(model).predict(X, link_approx, rng=0), y, callback
            )
        elif X is not None or y is not None:
            raise ValueError(refusal("X", f"None but for method='held_out', as {method!r} asks no new data", "some"))
        else:
            model = tune(evidence, method, callback)
        self.model, self._posterior = model, None
        return self

    def under(
        self, prior_precision: Any = None, *, sigma_noise: Any = None, temperature: float | None = None
    ) -> Laplace:
        """Return the same fit under another prior precision, noise or temperature.

        Nothing is added up again, and theta stays where it is: only the Gaussian around it is made anew.
        """
        la = self._with(self.model.under(prior_precision, sigma_noise))
        if temperature is not None:
            la.options = replace(self.options, temperature=temperature)
            la._fit = replace(self._fit, temperature=la.options.temperature)
        return la

    def as_prior(self) -> BayesianModel:
        """Return the model with this posterior as its prior, for tomorrow's data; outside the subset the prior stays.

        The precision is a (P, P) matrix, or (P,) if the posterior's is diagonal.
        """
        return self.model.with_prior_over(self.subset.indices, self.posterior.precision(), self.posterior.mean)

    def save(self, path: str | Path) -> None:
        """Write model, theta and fit to `path`, one `.npz` without pickle; a file there is replaced as a whole."""
        save(self.model, self.theta, self.options, self._fit, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Laplace:
        """Return what `save` wrote to `path`, or raise a ValueError that says why that is not what is there."""
        model, theta, options, fit = load(Path(path))
        la = cls(model, theta, **asdict(options))
        la._fit = fit
        return la

    def _checked(self, X: Any, n_samples: Any, rng: Seed) -> tuple[Array | Rows, int, np.random.Generator]:
        """Return what a prediction is asked with, all of it checked before a number is drawn."""
        self._fitted()
        return self.model.check_rows(X), whole_number("n_samples", n_samples, least=1), sampler(rng)

    def _answers(self, X: Array | Rows, ask: Callable[[Outputs], Any], thetas: Array | None = None) -> Any:
        """Return what the distribution of the outputs at X answers."""
        return answers(ask, X, self.model.network, self.theta, self.posterior, self.subset, thetas)

    def _with(self, model: BayesianModel) -> Laplace:
        """Return the same fit under another model."""
        la = copy(self)
        la.model, la._posterior = model, None
        return la

    def _fitted(self) -> Fit:
        if self.n_data == 0:
            raise ValueError(refusal("Laplace", "a fit to data before this call: la.fit(X, y)", "no fit yet"))
        return self._fit
