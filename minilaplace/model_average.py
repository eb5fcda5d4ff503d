"""*The case for Bayesian Deep Learning*, the model average: many networks, and what they say together.

    p(y | x, data)  =  integral of p(y | x, theta) p(theta | data)  ~  1/S sum_s p(y | x, theta_s)

Every method is a way to draw parameter vectors theta_s, an array (S, P). `average` does the rest, for all of them:

| method | theta_s |
|---|---|
| `fit_map(...)[None]` | one mode: the plugin |
| `Laplace.sample` | draws from a Gaussian around a mode |
| `deep_ensemble` | modes, each from a start of its own (Lakshminarayanan, Pritzel and Blundell, 2016) |
| `mc_dropout` | one theta with random units silenced (Gal and Ghahramani, 2016), see `dropout.py` |
| `hmc` | draws from the posterior itself, where the chains agree (Neal, 2011), see `hamiltonian.py` |

Where theta has no more than three dimensions, `exact_average` takes the integral itself, see `exact_posterior.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np

from .curvature import blocks
from .dropout import mc_dropout
from .exact_posterior import exact_average, exact_posterior
from .fit import check_executor, results
from .hamiltonian import hmc
from .model import BayesianModel
from .outputs import joined
from .predictive import Prediction
from .predictive import average as average_of_outputs
from .training import check_callback, fit_map, optimizer_of
from .validation import Array, Seed, instance, matrix, refusal, sampler, whole_number

__all__ = ["average", "deep_ensemble", "exact_average", "exact_posterior", "hmc", "mc_dropout"]


def average(model: BayesianModel, thetas: Any, X: Any) -> Array | Prediction:
    """Return the model average over equally likely parameter vectors.

    Parameters
    ----------
    model
        The `BayesianModel` that they are parameters of.
    thetas
        Parameter vectors, (S, P).
    X
        Inputs, (N, D). The work goes block by block of them and one theta after the other: beside the result, memory
        does not grow with S or N.

    Returns
    -------
    What `Laplace.predict` returns. Bernoulli: P(y = 1), (N,). Categorical: class probabilities, (N, C). Gaussian:
    `Prediction(mean, variance)`, each (N, C), the variance being the average noise plus the variance of the means
    over the samples, divided by S - 1 as an estimate of the posterior's (and 0 for a single theta).

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli
    >>> model = BayesianModel(MLP(2, 1), Bernoulli())
    >>> average(model, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [[5.0, 0.0]])  # two that disagree
    array([0.5])
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    network = model.network
    thetas = matrix("thetas", thetas, (network.n_params,))
    X = model.check_rows(X)
    floats = (1 + model.likelihood.paired) * sum(network.sizes) + 4 * network.n_outputs
    return joined(
        [
            average_of_outputs(model.likelihood, (network.forward(theta, rows) for theta in thetas))
            for rows in (X[block] for block in blocks(len(X), 2 * floats))
        ]
    )


def deep_ensemble(
    model: BayesianModel,
    X: Any,
    y: Any,
    n_members: int = 5,
    *,
    rng: Seed = None,
    executor: Executor | None = None,
    callback: Callable[[int, Array, float], object] | None = None,
    **options: Any,
) -> Array:
    """Train the same model from independent starts and return where that ends, (S, P).

    Parameters
    ----------
    model, X, y
        The `BayesianModel`, inputs (N, D) and targets.
    n_members
        S; five often suffice.
    rng
        Seed or generator, from which each member gets one of its own: the same seed gives the same members, wherever
        they are trained.
    executor
        Any `concurrent.futures.Executor`, to train members side by side.
    callback
        Called here as `callback(member, theta, loss)` with each member, in order, from 1.
    **options
        `method` and the optimiser's options, as for `fit_map`.

    Warns
    -----
    ConvergenceWarning
        As `fit_map` does, for each member, where it is trained.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli())
    >>> bool(np.ptp(deep_ensemble(model, X, y, 3, rng=0), axis=0).max() < 1e-4)  # a convex loss: one mode for all
    True
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    n_members = whole_number("n_members", n_members, least=1)
    if "theta0" in options:
        raise ValueError(refusal("theta0", "none, as every member has a start of its own", repr(options["theta0"])))
    optimizer_of(options.get("method", "lbfgs"), {name: options[name] for name in options if name != "method"})
    check_executor(executor)
    check_callback(callback, "(member, theta, loss)")
    X, y = model.check_data(X, y)
    thetas = np.empty((n_members, model.network.n_params))
    jobs = [partial(fit_map, model, X, y, rng=own, **options) for own in sampler(rng).spawn(n_members)]
    for s, theta in enumerate(results(jobs, executor)):
        thetas[s] = theta
        if callback is not None:
            callback(s + 1, theta.copy(), model.loss(theta, X, y))
    return thetas
