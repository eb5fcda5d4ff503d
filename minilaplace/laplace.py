"""*Laplace approximation*: a Gaussian posterior around the MAP estimate, and what one asks it.

`Laplace` joins the rooms: `fit` adds up the curvature of the data (`structures`), the Gaussian is factored on first use
(`posterior`), `predict` averages over it (`predictive`), and its evidence can choose the prior (`evidence`). The
classes that it builds on are in the last two rooms: how uncertain its predictions are, and the tuning of its prior.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .evidence.tunable_fit import TunableFit
from .model.bayesian_model import BayesianModel
from .posterior.gaussian import Posterior
from .predictive.links import Prediction, link_of, mc, nn
from .predictive.outputs import NO_SAMPLES
from .storage import load, save
from .structures.fit import Options, add_up, merged
from .validation import (
    Array,
    Seed,
    boolean,
    check_callback,
    check_executor,
    check_memory,
    instance,
    sampler,
    short,
    whole_number,
)


class Laplace(TunableFit):
    """The Laplace approximation: a Gaussian posterior around the MAP estimate theta.

    Parameters
    ----------
    model, theta
        The `BayesianModel`, and its MAP estimate theta (P,).
    temperature
        Divides the curvature: below 1 every sample counts more than once, above 1 less.
    curvature, hessian_structure
        `"ggn"`, `"hessian"` or `"empirical_fisher"`, see `curvature`; in the form `"full"`, `"kron"`, `"diag"`,
        `"blockdiag"`, `"lowrank"` or `"gp"`, see `structures`.
    subset_of_weights, subnetwork_indices
        `"all"`, `"last_layer"` or `"subnetwork"`, with positions in theta, which functions in `structures` choose, or a
        mask (P,) that is True there: the other parameters stay at the MAP.
    rank
        The number of eigenvalues that `"lowrank"` keeps, 10 if not given.

    Attributes
    ----------
    model, theta, options, subset
        The arguments; `subset.indices` are the positions in theta of the parameters that are uncertain.

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
        self.subset = self.options.subset(model)
        self._fit = self.options.no_data(model.likelihood, self.subset)
        self._posterior = None

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name}={short(value)}" for name, value in vars(self.options).items() if value is not None)
        return f"Laplace({self.model}, {chosen}), n_data={self.n_data}"

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        batch_size: int | None = None,
        executor: Executor | None = None,
        override: bool = True,
        callback: Callable[[int, int], object] | None = None,
    ) -> Laplace:
        """Forget earlier data, add up the curvature of X (N, D) and y, and return self: changes this object.

        With `override=False` this data is added to the earlier data. `sample_weight` (N,), each at least 0, multiplies
        the samples' terms. X may be any array that is read by slices (`numpy.memmap`, h5py, zarr). It is cut into
        batches of `batch_size` samples, by default as many as a fixed amount of memory has room for, and, on an
        `executor` (`concurrent.futures.Executor`: threads, processes, machines), into one shard for each core of this
        machine; the sum does not depend on it. BLAS has threads of its own: give workers `OPENBLAS_NUM_THREADS=1`.
        `callback(done, n_samples)` is called after each batch or shard.
        """
        model = self.model
        data = model.check_weighted(X, y, sample_weight, stored=True)
        batch_size = None if batch_size is None else whole_number("batch_size", batch_size, least=1)
        check_executor(executor)
        check_callback(callback, "(done, n_samples)")
        keep = not boolean("override", override) and self.n_data > 0
        model = replace(model, likelihood=self._fit.likelihood) if keep else model
        how: dict[str, Any] = {"batch_size": batch_size, "executor": executor, "callback": callback}
        new = add_up(self.options, model, self.subset, self.theta, data, **how)
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

        Bernoulli: P(y = 1), (N,), or (N, C) for several labels a sample. Categorical: class probabilities, (N, C).
        Gaussian, Poisson: `Prediction(mean, variance)`, each (N, C), the variance including the noise.

        `link_approx` is one of `model.likelihood.links`, by default the first: `"probit"` for one logit, `"mean_field"`
        for several, `"exact"` for a regression; or `"plugin"`, `"quadrature"`, `"bridge"`, `"bridge_norm"`, `"mc"` or
        `"nn"`, see `predictive`. The last two average over `n_samples` samples, drawn from `rng`.
        """
        likelihood = self.model.likelihood
        link = link_of(likelihood, link_approx, self.model.network.n_outputs)
        X, n_samples, rng = self._checked(X, n_samples, rng)
        thetas = self.sample(n_samples, rng) if link in (mc, nn) else NO_SAMPLES
        return self._ask(lambda f: link(likelihood, f), X, thetas)

    def sample(self, n_samples: int, rng: Seed = None) -> Array:
        """Draw whole parameter vectors from the posterior, (S, P); those outside the subset stay at the MAP."""
        n_samples = whole_number("n_samples", n_samples, least=1)
        n_floats = 2 * n_samples * len(self.theta)  # the samples, and the noise that they are made of
        received = f"{n_samples} of {len(self.theta)} parameters, which take"
        check_memory("n_samples", "fewer samples at a time", received, n_floats)
        thetas = np.tile(self.theta, (n_samples, 1))
        thetas[:, self.subset.indices] = self.posterior.sample(n_samples, sampler(rng))
        return thetas

    def save(self, path: str | Path) -> None:
        """Write model, theta and fit to `path`, one `.npz` without pickle; a file there is replaced as a whole."""
        save(self.model, self.theta, self.options, self._fit, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Laplace:
        """Return the `Laplace` that `save` wrote to `path`, or raise a ValueError that says why there is none."""
        model, theta, options, fit = load(Path(path))
        la = cls(model, theta, **asdict(options))
        la._fit = fit
        return la
