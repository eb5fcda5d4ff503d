"""Deep ensembles: one model trained from several starts (Lakshminarayanan, Pritzel and Blundell, 2016)."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..parallel import side_by_side
from ..training.convergence import TrainingCallback
from ..training.map_estimate import fit_map, optimizer_of
from ..validation import Array, Seed, check_callback, check_executor, instance, refusal, sampler, whole_number


def deep_ensemble(
    model: BayesianModel,
    X: Any,
    y: Any,
    n_members: int = 5,
    *,
    sample_weight: Any = None,
    rng: Seed = None,
    executor: Executor | None = None,
    callback: TrainingCallback | None = None,
    **options: Any,
) -> Array:
    """Train the same model from S independent starts, and return the trained parameter vectors, (S, P).

    Parameters
    ----------
    model, X, y
        The `BayesianModel`, inputs (N, D) and targets.
    n_members
        The number S of starts; five are often enough.
    sample_weight
        A weight of at least 0 for each sample, (N,), by default 1.
    rng
        Seed or generator, from which each member gets a generator of its own. The same seed gives the same members,
        wherever they are trained.
    executor
        Any `concurrent.futures.Executor`, to train the members in parallel.
    callback
        Called as `callback(member, theta, loss)` with the number of each member, from 1, and its theta.
    **options
        `method` and the options of the optimiser, as for `fit_map`.

    Warns
    -----
    ConvergenceWarning
        As `fit_map` does, for each member, in the process that trains it.

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
    X, y, weight = model.check_weighted(X, y, sample_weight)
    train = partial(fit_map, model, X, y, sample_weight=weight, **options)
    jobs = [partial(train, rng=own) for own in sampler(rng).spawn(n_members)]
    thetas = []
    for theta in side_by_side(jobs, executor):
        thetas.append(theta)
        if callback is not None:
            callback(len(thetas), theta.copy(), model.loss(theta, X, y, weight))
    return np.array(thetas)
