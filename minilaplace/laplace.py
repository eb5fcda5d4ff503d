"""Listing, *Laplace approximation*: `la = laplace(nn, lambda); fit!(la, data)`.

`Laplace` ties the pieces together: `fit` adds up the curvature (`curvature.py`), the Gaussian is factored when it is
first asked for (`posterior.py`), and `predict` averages over it (`predictive.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .curvature import CURVATURES, FullCurvature, accumulate, blocks
from .model import BayesianModel
from .posterior import FullPosterior
from .predictive import LINKS, Outputs, Prediction
from .validation import Array, Seed, instance, matrix, option, real_number, refusal, sampler, truth, whole_number

# How many layers each subset sees, counted from the outputs; None is all of them.
SUBSETS = {"all": None, "last_layer": 1}
STRUCTURES = {"full": FullCurvature}


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
        `"ggn"`, `"hessian"` or `"empirical_fisher"`.
    hessian_structure
        `"full"`.
    subset_of_weights
        `"all"`, or `"last_layer"`: the other layers stay at the MAP.

    Attributes
    ----------
    n_data
        How many samples have been added; 0 before `fit`.

    Source: the post, *Laplace approximation*; Daxberger et al. (2021).
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
    ) -> None:
        instance("model", model, BayesianModel, "a BayesianModel")
        self.model = model
        self.theta = model.check_theta(theta)
        self.theta.setflags(write=False)
        self.temperature = real_number("temperature", temperature, above=0.0)
        self.curvature = option("curvature", curvature, CURVATURES)
        self.hessian_structure = option("hessian_structure", hessian_structure, STRUCTURES)
        self.subset_of_weights = option("subset_of_weights", subset_of_weights, SUBSETS)
        self.n_data = 0
        self._curvature: FullCurvature | None = None
        self._posterior: FullPosterior | None = None

    def fit(self, X: Any, y: Any, *, batch_size: int | None = None, override: bool = True) -> Laplace:
        """Add up the curvature of the data, in blocks of samples; the sum does not depend on the blocks.

        Parameters
        ----------
        X, y
            Inputs (N, D) and targets.
        batch_size
            Samples a block; as many as fit a fixed amount of memory if not given.
        override
            Whether to forget earlier data. `False` adds this data to it.

        Returns
        -------
        self
        """
        X, y = self.model.check_data(X, y)
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, least=1)
        override = truth("override", override)
        curvature = STRUCTURES[self.hessian_structure](len(self._of_subset(self.theta)))
        accumulate(
            curvature,
            self.curvature,
            self.model,
            self.theta,
            X,
            y,
            n_layers=SUBSETS[self.subset_of_weights],
            batch_size=batch_size,
        )
        n_data = len(X)
        if self._curvature is not None and not override:
            curvature.add(self._curvature)
            n_data += self.n_data
        self._curvature, self._posterior, self.n_data = curvature, None, n_data
        return self

    @property
    def posterior(self) -> FullPosterior:
        """N(theta, (curvature / temperature + diag(prior_precision))^-1) over the subset, factored on first use."""
        if self._curvature is None:
            raise ValueError(refusal("Laplace", "a fit to data before this call: la.fit(X, y)", "no fit yet"))
        if self._posterior is None:
            precision = self._curvature.dense() / self.temperature
            np.einsum("pp->p", precision)[...] += self._of_subset(self.model.prior_diagonal())
            self._posterior = FullPosterior(self._of_subset(self.theta), precision)
        return self._posterior

    def predict(self, X: Any, link_approx: str | None = None) -> Array | Prediction:
        """Return the posterior predictive at X (N, D).

        Parameters
        ----------
        X
            Inputs, (N, D).
        link_approx
            One of the likelihood's `minilaplace.predictive.LINKS`; by default `"probit"` for classes and `"exact"`
            for a Gaussian.

        Returns
        -------
        Bernoulli: P(y = 1), (N,). Categorical: class probabilities, (N, C). Gaussian: `Prediction(mean, variance)`,
        each (N, C), the variance including the noise.
        """
        links = LINKS[type(self.model.likelihood)]
        name = next(iter(links)) if link_approx is None else option("link_approx", link_approx, links)
        parts = [links[name](self.model.likelihood, f) for f in self._outputs(X)]
        if isinstance(parts[0], Prediction):
            return Prediction(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        return np.concatenate(parts)

    def glm_predictive_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean (N, C) and covariance (N, C, C) of the linearised outputs, noise excluded."""
        parts = [(f.mean, f.covariance()) for f in self._outputs(X)]
        mean, covariance = (np.concatenate(column) for column in zip(*parts, strict=True))
        return mean, covariance

    def sample(self, n_samples: int, rng: Seed = None) -> Array:
        """Draw whole parameter vectors from the posterior, (S, P); those outside the subset stay at the MAP."""
        n_samples = whole_number("n_samples", n_samples, least=1)
        theta = np.tile(self.theta, (n_samples, 1))
        self._of_subset(theta)[...] = self.posterior.sample(n_samples, sampler(rng))
        return theta

    def _outputs(self, X: Any) -> Iterator[Outputs]:
        """Yield the distribution of the outputs, block by block of X, so that memory does not grow with N."""
        posterior = self.posterior
        network = self.model.network
        X = matrix("X", X, network.n_inputs)
        for block in blocks(len(X), 3 * network.n_outputs * len(posterior.mean)):
            trace = network.trace(self.theta, X[block])
            yield Outputs(trace, posterior, SUBSETS[self.subset_of_weights])

    def _of_subset(self, vectors: Array) -> Array:
        """Return the view of the last axis that belongs to the subset of weights."""
        n_layers = SUBSETS[self.subset_of_weights]
        if n_layers is None:
            return vectors
        layers = self.model.network.layers(self.theta)[-n_layers:]
        return vectors[..., -sum(W.size + b.size for W, b in layers) :]
