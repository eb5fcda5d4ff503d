"""Deep ensembles: one model trained from several starts (Lakshminarayanan, Pritzel and Blundell, 2016)."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..parallel import side_by_side
from ..training.adam import Adam
from ..training.advice import warn_of_columns
from ..training.convergence import TrainingCallback, convergence_heard, warn
from ..training.lbfgs import LBFGS
from ..training.map_estimate import descended, optimizer_of
from ..validation import Array, Seed, check_callback, check_executor, instance, refusal, sampler, shown, whole_number


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
        As `fit_map` does, once for all members.

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
        raise ValueError(refusal("theta0", "none, as every member has a start of its own", shown(options["theta0"])))
    optimizer = optimizer_of(options.pop("method", "lbfgs"), options)
    check_executor(executor)
    check_callback(callback, "(member, theta, loss)")
    data = model.check_weighted(X, y, sample_weight)
    warn_of_columns(model, data.X)
    jobs = [partial(_member, model, data, optimizer, own) for own in sampler(rng).spawn(n_members)]
    thetas, heard = [], []
    for theta, messages in side_by_side(jobs, executor):
        thetas.append(theta)
        heard += messages
        if callback is not None:
            callback(len(thetas), theta.copy(), model.loss(theta, *data))
    if heard:
        warn(f"{len(heard)} of {n_members} members are not at a mode; of the first, {heard[0]}")
    return np.array(thetas)


def _member(
    model: BayesianModel, data: WeightedData, optimizer: LBFGS | Adam, rng: np.random.Generator
) -> tuple[Array, list[str]]:
    """Return the theta of one member, and what its training warns of, also where that is another process."""
    with convergence_heard() as heard:
        return descended(model, data, model.network.init(rng), optimizer, rng), heard
