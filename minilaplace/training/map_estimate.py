"""The MAP estimate, by one of two optimisers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..validation import Array, Seed, check_callback, instance, option, refusal, sampler
from .adam import Adam
from .advice import warn_of_columns
from .convergence import TrainingCallback
from .lbfgs import LBFGS

OPTIMIZERS: dict[str, type[LBFGS] | type[Adam]] = {"lbfgs": LBFGS, "adam": Adam}


def fit_map(
    model: BayesianModel,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    theta0: Any = None,
    method: str = "lbfgs",
    rng: Seed = None,
    callback: TrainingCallback | None = None,
    **options: Any,
) -> Array:
    """Return the MAP estimate theta (P,): argmin of `model.loss`.

    Parameters
    ----------
    model, X, y
        The `BayesianModel` whose loss to minimise; inputs (N, D); targets, in the form the likelihood takes.
    sample_weight
        A weight of at least 0 for each sample, (N,), by default 1.
    theta0
        Where to start, (P,), by default drawn by `network.init(rng)`.
    method
        `"lbfgs"` or `"adam"`.
    rng
        Seed or generator for the start and for Adam's shuffling.
    callback
        Called as `callback(step, theta, loss)` after each iteration (`lbfgs`) or epoch (`adam`).
    **options
        The fields of `LBFGS`, `max_iterations` and `tolerance`, or of `Adam`: `epochs`, `batch_size`,
        `learning_rate` and `shuffle`.

    Warns
    -----
    ConvergenceWarning
        If `lbfgs` ends where the gradient is not that of a mode, see `is_mode`; it says what to do. Before the work, if
        the columns of X are of very different sizes and the network has hidden units.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli())
    >>> theta = fit_map(model, X, y, rng=0)
    >>> bool(np.abs(model.gradient(theta, X, y)).max() < 1e-5)  # a mode
    True
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    optimizer = optimizer_of(method, options)
    check_callback(callback, "(step, theta, loss)")
    data = model.check_weighted(X, y, sample_weight)
    rng = sampler(rng)
    theta = model.network.init(rng) if theta0 is None else model.check_theta(theta0, "theta0")
    warn_of_columns(model, data.X)
    return descended(model, data, theta, optimizer, rng, callback)


def descended(
    model: BayesianModel,
    data: WeightedData,
    theta: Array,
    optimizer: LBFGS | Adam,
    rng: np.random.Generator,
    callback: TrainingCallback | None = None,
) -> Array:
    """Return where an optimiser ends from theta, given arguments that have been checked."""
    with np.errstate(all="ignore"):  # a theta that is only tried may overflow; the first and the last may not
        check_finite("theta0", model, theta, data)
        theta = optimizer.minimise(model, data, theta, rng, callback or (lambda step, theta, loss: None))
        if isinstance(optimizer, Adam):
            check_finite("learning_rate", model, theta, data)
    return theta


def check_finite(name: str, model: BayesianModel, theta: Array, data: WeightedData) -> None:
    """Raise a ValueError that names the argument if it led to a loss of infinity or NaN."""
    loss = model.loss(theta, *data)
    if not np.isfinite(loss):
        expected = "one that leads to a loss within the range of float64"
        cure = "take a smaller one" if name == "learning_rate" else "scale X and y, or start nearer to 0"
        raise ValueError(refusal(name, expected, f"one that leads to a loss of {loss:g}: {cure}"))


def optimizer_of(method: str, options: dict[str, Any]) -> LBFGS | Adam:
    """Return the optimiser of this name with these options, or raise a ValueError that lists the known ones."""
    kind = OPTIMIZERS[option("method", method, OPTIMIZERS)]
    for name in options:
        option(f"option of method {method!r}", name, [field.name for field in fields(kind)])
    return kind(**options)
