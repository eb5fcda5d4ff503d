"""Listing, *Training*: find the MAP estimate.

Laplace's Gaussian is centred where the loss is smallest; `fit_map` goes there. Two optimisers:

- `lbfgs`, SciPy's quasi-Newton method, runs to a true mode. This is the default, and what Laplace asks for.
- `adam`, the post's listing, steps along noisy gradients of mini-batches for a fixed number of epochs. It is what
  networks are trained with, and it stops near a mode, not at one.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from .model import BayesianModel
from .validation import Array, Seed, option, real_number, sampler, whole_number

Callback = Callable[[int, Array, float], object]


class ConvergenceWarning(UserWarning):
    """The optimiser stopped before it reached a mode."""


def fit_map(
    model: BayesianModel,
    X: Any,
    y: Any,
    *,
    theta0: Any = None,
    method: str = "lbfgs",
    rng: Seed = None,
    callback: Callback | None = None,
    **options: Any,
) -> Array:
    """Return the MAP estimate theta (P,): argmin of `model.loss`.

    Parameters
    ----------
    model
        The `BayesianModel` whose loss to minimise.
    X, y
        Inputs (N, D) and targets, in the form the likelihood takes.
    theta0
        Where to start, (P,); drawn by `network.init(rng)` if not given.
    method
        `"lbfgs"`, whose options are those of `lbfgs`, or `"adam"`, whose options are those of `adam`.
    rng
        Seed or generator for the start and for Adam's shuffling.
    callback
        Called as `callback(step, theta, loss)` after each iteration (`lbfgs`) or epoch (`adam`).

    Warns
    -----
    ConvergenceWarning
        If `lbfgs` ends where max abs gradient > 1e-6 max(1, loss).
    """
    optimizer = OPTIMIZERS[option("method", method, OPTIMIZERS)]
    known = [p.name for p in inspect.signature(optimizer).parameters.values() if p.kind == p.KEYWORD_ONLY]
    for name in options:
        option(f"option of method {method!r}", name, known)
    X, y = model.check_data(X, y)
    rng = sampler(rng)
    theta = model.network.init(rng) if theta0 is None else model.check_theta(theta0, "theta0")
    return optimizer(model, X, y, theta, rng, callback, **options)


def lbfgs(
    model: BayesianModel,
    X: Array,
    y: Any,
    theta: Array,
    rng: np.random.Generator,
    callback: Callback | None,
    *,
    max_iterations: int = 10_000,
) -> Array:
    """Minimise the loss by SciPy's L-BFGS until max abs gradient <= 1e-6 max(1, loss).

    L-BFGS can end a little early, when its line search meets rounding or its memory has gone stale; it then starts
    again from where it stands, for as long as that helps.
    """
    left = whole_number("max_iterations", max_iterations, least=1)
    steps, loss, worst = 0, np.inf, np.inf

    def report(intermediate_result: Any) -> None:
        nonlocal steps
        steps += 1
        if callback is not None:
            callback(steps, intermediate_result.x.copy(), float(intermediate_result.fun))

    while left > 0:
        options = {"maxiter": left, "maxfun": 20 * left, "gtol": 1e-6, "ftol": 0.0, "maxcor": 20}
        result = minimize(
            lambda t: model.loss_and_gradient(t, X, y),
            theta,
            method="L-BFGS-B",
            jac=True,
            callback=report,
            options=options,
        )
        before, loss = loss, float(result.fun)
        theta, worst, left = result.x, float(np.abs(result.jac).max()), left - max(result.nit, 1)
        if worst <= 1e-6 * max(1.0, loss) or loss >= before:
            break
    if not worst <= 1e-6 * max(1.0, loss):
        warnings.warn(
            f"fit_map stopped after {steps} iterations at loss {loss:.6g} with max abs gradient {worst:.2g}, "
            "which is not a mode; raise max_iterations, scale the inputs, or strengthen the prior",
            ConvergenceWarning,
            stacklevel=3,
        )
    return theta


def adam(
    model: BayesianModel,
    X: Array,
    y: Any,
    theta: Array,
    rng: np.random.Generator,
    callback: Callback | None,
    *,
    epochs: int = 100,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    shuffle: bool = True,
) -> Array:
    """Minimise the loss by Adam (Kingma and Ba, 2015, algorithm 1) on mini-batches.

    Each step follows the gradient of one batch B's share of loss / N:
    mean_B d nll_n + (1 / N) prior_precision * (theta - mu0). With `batch_size=1, shuffle=False` and a
    prior precision of N lambda^2 this is the post's listing, lambda^2 |theta|^2 / 2 in every sample's loss.
    """
    epochs = whole_number("epochs", epochs, least=1)
    batch_size = whole_number("batch_size", batch_size, least=1)
    learning_rate = real_number("learning_rate", learning_rate, above=0.0)
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    N = len(X)
    mean, square = np.zeros_like(theta), np.zeros_like(theta)  # running moments of the gradient
    step = 0
    for epoch in range(1, epochs + 1):
        order = rng.permutation(N) if shuffle else np.arange(N)
        for start in range(0, N, batch_size):
            batch = order[start : start + batch_size]
            step += 1
            g = model.loss_and_gradient(theta, X[batch], y[batch], share=len(batch) / N)[1] / len(batch)
            mean = beta1 * mean + (1 - beta1) * g
            square = beta2 * square + (1 - beta2) * g**2
            corrected = mean / (1 - beta1**step), square / (1 - beta2**step)
            theta = theta - learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
        if callback is not None:
            callback(epoch, theta.copy(), model.loss(theta, X, y))
    return theta


OPTIMIZERS: dict[str, Callable[..., Array]] = {"lbfgs": lbfgs, "adam": adam}
