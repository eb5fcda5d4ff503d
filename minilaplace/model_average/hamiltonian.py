"""Hamiltonian Monte Carlo, which samples the posterior itself at the price of thousands of gradients.

theta is the position of a particle in the potential U = loss(theta), which is minus the log posterior up to a constant.
A random momentum p sends the particle along Hamilton's equations, which keep the energy. Where it arrives is the next
draw, up to a Metropolis test for the error of the numerical solution:

    d theta / dt = v * p,   d p / dt = -dU / d theta,   energy = U(theta) + 1/2 sum v * p^2,   p ~ N(0, diag(v)^-1)

| symbol | shape | meaning |
|---|---|---|
| p | (P,) | momentum, drawn anew for each trajectory |
| v | (P,) | inverse masses: the variances of theta, as estimated by the warm-up |
| step | | the time of one leapfrog step; a trajectory has at most `n_leapfrog` of them |

Source: Neal (2011); Hoffman and Gelman (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..model.bayesian_model import BayesianModel
from ..parallel import side_by_side
from ..training.convergence import TrainingCallback
from ..validation import (
    Array,
    Seed,
    check_callback,
    check_executor,
    finite,
    instance,
    real_array,
    refusal,
    sampler,
    whole_number,
)
from .chains import Chains
from .warm_up import Point, warm_up

JITTER = 0.2  # the share by which each step is randomly longer or shorter
TOO_FAR = 1000.0  # the energy error above which a trajectory has left the true path and counts as a divergence

Potential = Callable[[Array], "tuple[float, Array]"]


def hmc(
    model: BayesianModel,
    X: Any,
    y: Any,
    n_samples: int = 1000,
    *,
    sample_weight: Any = None,
    n_chains: int = 4,
    n_warmup: int = 500,
    n_leapfrog: int = 32,
    theta0: Any = None,
    rng: Seed = None,
    executor: Executor | None = None,
    callback: TrainingCallback | None = None,
) -> Chains:
    """Draw parameter vectors from the posterior by Hamiltonian Monte Carlo.

    Parameters
    ----------
    model, X, y
        The `BayesianModel`, inputs (N, D) and targets.
    n_samples
        The number of draws to keep from each chain.
    sample_weight
        A weight of at least 0 for each sample, (N,), by default 1.
    n_chains, n_warmup
        The number of chains, and the number of draws of each, at least 20, that only tune the step and the masses.
    n_leapfrog
        The largest number of leapfrog steps, and so of gradients, for each draw. The number is drawn from 1 to
        `n_leapfrog`, because trajectories of equal lengths may all be half a period, and then a chain only alternates
        between theta and its mirror image.
    theta0
        Where to start, (P,) for all chains or (n_chains, P). By default each chain starts from a draw of the prior,
        which is wider than the posterior, so that chains that agree have come from far apart. Chains from one start
        are draws, but `Chains.truth` refuses them: they may all have stayed in one of several modes.
    rng
        Seed or generator, from which each chain gets a generator of its own. The same seed gives the same bits,
        wherever the chains are run.
    executor
        Any `concurrent.futures.Executor`, to run the chains in parallel.
    callback
        Called as `callback(chain, theta, loss)` with the number of each chain, from 1, and its last draw.

    Returns
    -------
    `Chains`, whose `truth()` returns the draws (S, P) for `average(model, thetas, X)` if the chains agree. For a
    network ask whether its outputs agree, by `truth(of=lambda theta: network.forward(theta, X))`.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, toy_data_linear
    >>> X, y = toy_data_linear(20, rng=0)
    >>> chains = hmc(BayesianModel(MLP(2, 1), Bernoulli()), X, y, 20, n_chains=2, n_warmup=20, rng=0)
    >>> chains.samples.shape
    (2, 20, 3)
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    n_samples, n_chains = whole_number("n_samples", n_samples, least=4), whole_number("n_chains", n_chains, least=1)
    n_warmup, n_leapfrog = whole_number("n_warmup", n_warmup, least=20), whole_number("n_leapfrog", n_leapfrog, least=1)
    check_executor(executor)
    check_callback(callback, "(chain, theta, loss)")
    data = model.check_weighted(X, y, sample_weight)
    potential = partial(model.loss_and_gradient, X=data.X, y=data.y, sample_weight=data.weight)
    if theta0 is None:
        mean = np.full(model.network.n_params, model.prior_mean)
        _point("y", "targets whose loss is finite at the prior mean, and its gradient", potential, mean)
    given = [] if theta0 is None else _given_starts(model, potential, theta0, n_chains)
    generators = sampler(rng).spawn(n_chains)
    starts = given or [_start(model, potential, own) for own in generators]
    run = partial(_chain, potential, n_samples, n_warmup, n_leapfrog)
    chains = []
    for chain in side_by_side([partial(run, *own) for own in zip(starts, generators, strict=True)], executor):
        chains.append(chain)
        if callback is not None:
            last = chain[0][-1]
            callback(len(chains), last.copy(), model.loss(last, *data))
    samples, acceptance, step_size, divergences = map(np.array, zip(*chains, strict=True))
    return Chains(samples, acceptance, step_size, divergences, np.array([start.theta for start in starts]))


def _chain(
    potential: Potential, n_samples: int, n_warmup: int, n_leapfrog: int, start: Point, rng: np.random.Generator
) -> tuple[Array, float, float, int]:
    """Run one chain, and return its draws (n_samples, P), average acceptance, step and number of divergences."""
    samples, accepted, divergences = np.empty((n_samples, len(start.theta))), 0.0, 0
    with np.errstate(all="ignore"):  # a trajectory that overflows is a divergence
        here, step, v = warm_up(partial(_move, potential, rng=rng), start, n_warmup, n_leapfrog)
        for s in range(n_samples):
            here, probability, diverged = _move(potential, here, step, n_leapfrog, v, rng)
            samples[s], accepted, divergences = here.theta, accepted + probability, divergences + diverged
    return samples, accepted / n_samples, step, divergences


def leapfrog(potential: Potential, here: Point, p: Array, step: float, n_steps: int, v: Array) -> tuple[Point, Array]:
    """Solve Hamilton's equations for `n_steps` steps, and return the point and the momentum (P,) at the end.

    Each step changes p by half a step, theta by a whole one, and p by another half. Changing the sign of p reverses
    the trajectory; the solution preserves volumes, and keeps the energy to O(step^2). It stops early where the
    potential is not finite.
    """
    for _ in range(n_steps):
        p = p - step / 2 * here.gradient
        theta = here.theta + step * v * p
        here = Point(theta, *potential(theta))
        p = p - step / 2 * here.gradient
        if not np.isfinite(here.loss):
            break
    return here, p


def _move(
    potential: Potential, here: Point, step: float, n_leapfrog: int, v: Array, rng: np.random.Generator
) -> tuple[Point, float, bool]:
    """Return the next point of the chain, the acceptance probability, and whether the trajectory diverged.

    The end of the trajectory is accepted with Metropolis's probability min(1, exp(-energy gained)).
    """
    p = rng.normal(size=len(v)) / np.sqrt(v)
    step = step * rng.uniform(1 - JITTER, 1 + JITTER)
    n_steps = int(rng.integers(1, n_leapfrog, endpoint=True))
    there, end = leapfrog(potential, here, p, step, n_steps, v)
    gained = float(there.loss - here.loss + 0.5 * (v @ end**2 - v @ p**2))
    diverged = not gained <= TOO_FAR  # also if it is NaN
    probability = 0.0 if diverged else float(np.exp(-max(gained, 0.0)))
    return (there if rng.random() < probability else here), probability, diverged


def _start(model: BayesianModel, potential: Potential, rng: np.random.Generator) -> Point:
    """Draw a start from the prior, mu0 + R^-1 z with R^T R = Lambda0.

    While the loss or its gradient is not finite there, the distance to mu0 is halved, up to 100 times; after that the
    start is mu0.
    """
    z, Lambda0 = rng.normal(size=model.network.n_params), np.asarray(model.prior_precision)
    away = solve_triangular(cholesky(Lambda0), z) if Lambda0.ndim == 2 else z / np.sqrt(Lambda0)
    mean = np.full(model.network.n_params, model.prior_mean)
    with np.errstate(all="ignore"):
        for halvings in range(100):
            theta = mean + away / 2**halvings
            here = Point(theta, *potential(theta))
            if np.isfinite(here.loss) and np.isfinite(here.gradient).all():
                return here
        return Point(mean, *potential(mean))


def _given_starts(model: BayesianModel, potential: Potential, theta0: Any, n_chains: int) -> list[Point]:
    """Return the start of each chain, or raise a ValueError if the loss or its gradient is not finite there."""
    P = model.network.n_params
    expected = f"shape ({P},) or ({n_chains}, {P})"
    thetas = finite("theta0", real_array("theta0", theta0, expected, lambda shape: shape in [(P,), (n_chains, P)]))
    wanted = "a start where the loss is finite, and its gradient"
    return [_point("theta0", wanted, potential, theta) for theta in np.array(np.broadcast_to(thetas, (n_chains, P)))]


def _point(name: str, expected: str, potential: Potential, theta: Array) -> Point:
    """Return the point at theta (P,); if its loss or gradient is not finite, raise a ValueError about `name`."""
    with np.errstate(all="ignore"):
        here = Point(theta, *potential(theta))
        if not np.isfinite(here.loss + here.gradient.sum()):
            raise ValueError(refusal(name, expected, f"a loss of {here.loss:g}"))
    return here
