"""Functions that choose the few parameters of a subnetwork, which the posterior is about.

Each function returns positions in theta, in increasing order, for `Laplace(..., subset_of_weights="subnetwork",
subnetwork_indices=...)`:

| function | chooses |
|---|---|
| `largest_magnitude` | the weights farthest from zero |
| `largest_variance` | the weights of largest variance under a diagonal posterior (Daxberger et al., 2021b) |
| `random_weights` | weights at random, as a baseline |
| `weights_of_layers` | all weights of some layers |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.bayesian_model import BayesianModel
from ..network.jacobian import layer_views
from ..network.mlp import MLP
from ..validation import Array, Seed, instance, numbers, refusal, sampler, whole_number
from .fit import Options, add_up

Indices = NDArray[np.intp]


def largest_magnitude(theta: Any, n_weights: int) -> Indices:
    """Return the positions of the `n_weights` entries of theta (P,) that are farthest from zero."""
    return _largest(np.abs(numbers("theta", theta, {1: "(P,)"})), n_weights)


def largest_variance(model: BayesianModel, theta: Any, X: Any, y: Any, n_weights: int) -> Indices:
    """Return the positions of the `n_weights` entries of theta with the largest variance under a `diag` posterior."""
    instance("model", model, BayesianModel, "a BayesianModel")
    theta = model.check_theta(theta)
    data = model.check_weighted(X, y, None)
    options = Options(hessian_structure="diag")
    fit = add_up(options, model, options.subset(model), theta, data)
    prior = model.prior_over(np.arange(len(theta)))
    posterior = fit.structure.posterior(theta, prior if prior.ndim == 1 else np.diagonal(prior), 1.0)
    return _largest(posterior.variance(), n_weights)


def random_weights(network: MLP, n_weights: int, rng: Seed = None) -> Indices:
    """Return `n_weights` different positions, every choice of them equally likely."""
    instance("network", network, MLP, "an MLP")
    n_weights = whole_number("n_weights", n_weights, least=1, most=network.n_params)
    return np.sort(sampler(rng).choice(network.n_params, n_weights, replace=False))


def weights_of_layers(network: MLP, layers: Iterable[int]) -> Indices:
    """Return the positions of the W and b of some layers; 0 is the first layer, -1 the last."""
    instance("network", network, MLP, "an MLP")
    instance("layers", layers, Iterable, "numbers of layers, say [0, -1]")
    positions = layer_views(np.arange(network.n_params), network.shapes)
    chosen: list[Indices] = []
    for layer in layers:
        layer = whole_number("layers", layer, least=-len(positions), most=len(positions) - 1)
        chosen += [part.ravel() for part in positions[layer]]
    if not chosen:
        raise ValueError(refusal("layers", "at least one layer", "none"))
    return np.unique(np.concatenate(chosen))


def _largest(score: Array, n_weights: int) -> Indices:
    """Return the positions of the largest scores, in increasing order."""
    n_weights = whole_number("n_weights", n_weights, least=1, most=len(score))
    return np.sort(np.argsort(-score, kind="stable")[:n_weights])
