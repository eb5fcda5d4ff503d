"""*Training*: find the MAP estimate.

Laplace's Gaussian is centred where the loss is smallest. `fit_map` finds that theta by one of two optimisers:

- `lbfgs`, SciPy's quasi-Newton method, runs to a true mode, as Laplace's approximation needs. It is the default.
- `adam`, as in the post's listing, follows noisy gradients of mini-batches for a fixed number of epochs. Networks are
  commonly trained by it, and it stops near a mode, not at one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, root

from .model.bayesian_model import BayesianModel
from .validation import (
    Array,
    Seed,
    boolean,
    check_callback,
    instance,
    option,
    real_number,
    refusal,
    sampler,
    whole_number,
)

TrainingCallback = Callable[[int, Array, float], object]  # called with step, theta and loss
FORBIDDING = 1e100  # stands for an infinite loss, so that a line search turns back there


class ConvergenceWarning(UserWarning):
    """The optimiser stopped before it reached a mode.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ConvergenceWarning)  # from here on an error
    """


def fit_map(
    model: BayesianModel,
    X: Any,
    y: Any,
    *,
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
    theta0
        Where to start, (P,), by default drawn by `network.init(rng)`.
    method
        `"lbfgs"` or `"adam"`.
    rng
        Seed or generator for the start and for Adam's shuffling.
    callback
        Called as `callback(step, theta, loss)` after each iteration (`lbfgs`) or epoch (`adam`).
    **options
        The fields of `LBFGS`, `max_iterations`, or of `Adam`: `epochs`, `batch_size`, `learning_rate`, `shuffle`.

    Warns
    -----
    ConvergenceWarning
        If `lbfgs` ends where max abs gradient > 1e-6 max(1, loss).

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
    X, y = model.check_data(X, y)
    rng = sampler(rng)
    theta = model.network.init(rng) if theta0 is None else model.check_theta(theta0, "theta0")
    with np.errstate(all="ignore"):  # a theta that is only tried may overflow; the first and the last may not
        check_finite("theta0", model, theta, X, y)
        theta = optimizer.minimise(model, X, y, theta, rng, callback or (lambda step, theta, loss: None))
        check_finite("learning_rate", model, theta, X, y)
    return theta


def check_finite(name: str, model: BayesianModel, theta: Array, X: Array, y: Any) -> None:
    """Raise a ValueError that names the argument if it led to a loss of infinity or NaN."""
    loss = model.loss(theta, X, y)
    if not np.isfinite(loss):
        expected = "one that leads to a loss within the range of float64"
        raise ValueError(refusal(name, expected, f"one that leads to a loss of {loss:g}"))


def optimizer_of(method: str, options: dict[str, Any]) -> LBFGS | Adam:
    """Return the optimiser of this name with these options, or raise a ValueError that lists the known ones."""
    kind = OPTIMIZERS[option("method", method, OPTIMIZERS)]
    for name in options:
        option(f"option of method {method!r}", name, [field.name for field in fields(kind)])
    return kind(**options)


def is_mode(loss: float, gradient: Array) -> bool:
    """Return whether max abs gradient <= 1e-6 max(1, loss)."""
    return bool(np.abs(gradient).max() <= 1e-6 * max(1.0, loss))


@dataclass(frozen=True)
class LBFGS:
    """SciPy's L-BFGS, until the gradient is that of a mode.

    It can end before: its memory of earlier steps no longer fits, or the changes of the loss are lost in rounding. It
    is then started again from there, as long as that lowers the loss. Last comes a Newton-Krylov method, which uses the
    gradient alone; its result is taken if it is a mode, and its loss no larger.
    """

    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        whole_number("max_iterations", self.max_iterations, least=1)

    def minimise(
        self, model: BayesianModel, X: Array, y: Any, theta: Array, rng: np.random.Generator, callback: TrainingCallback
    ) -> Array:
        """Return the mode that L-BFGS reaches from theta; `rng` is not used."""
        steps, before = 0, np.inf
        loss, gradient = model.loss_and_gradient(theta, X, y)

        def tried(theta: Array) -> tuple[float, Array]:
            loss, gradient = model.loss_and_gradient(theta, X, y)
            finite = np.isfinite(loss) and np.isfinite(gradient).all()
            return (loss, gradient) if finite else (FORBIDDING, np.zeros_like(theta))

        def report(intermediate_result: Any) -> None:
            nonlocal steps
            steps += 1
            callback(steps, intermediate_result.x.copy(), float(intermediate_result.fun))

        while loss < before and steps < self.max_iterations and not is_mode(loss, gradient):
            left = self.max_iterations - steps
            options = {"maxiter": left, "maxfun": 20 * left, "gtol": 1e-6, "ftol": 0.0, "maxcor": 20}
            result = minimize(tried, theta, method="L-BFGS-B", jac=True, callback=report, options=options)
            before, theta, loss, gradient = loss, result.x, float(result.fun), result.jac
        if steps < self.max_iterations and not is_mode(loss, gradient):
            polished = _polished(model, X, y, theta)
            end, slope = model.loss_and_gradient(polished, X, y)
            if is_mode(end, slope) and end <= loss + 1e-12 * abs(loss):
                theta, loss, gradient = polished, end, slope
                callback(steps + 1, theta.copy(), loss)
        if not is_mode(loss, gradient):
            warnings.warn(
                f"fit_map stopped after {steps} iterations at loss {loss:.6g} with max abs gradient "
                f"{np.abs(gradient).max():.2g}, which is not a mode; raise max_iterations, scale the inputs, or "
                "strengthen the prior",
                ConvergenceWarning,
                stacklevel=3,
            )
        return theta


def _polished(model: BayesianModel, X: Array, y: Any, theta: Array) -> Array:
    """Return the theta that some Newton-Krylov steps on the gradient reach, or theta itself if SciPy gives up."""
    options = {"fatol": 5e-7, "maxiter": 20}
    try:
        return root(lambda t: model.gradient(t, X, y), theta, method="krylov", options=options).x
    except ValueError:  # "Jacobian inversion yielded zero vector"
        return theta


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1) on mini-batches, for a fixed number of epochs.

    Each step follows an estimate of the gradient of loss / N from one mini-batch B:
    mean over n in B of d nll_n / d theta, plus (1 / N) Lambda0 (theta - mu0). With `batch_size=1, shuffle=False` and a
    prior precision of N lambda^2 this is the post's listing, which adds lambda^2 |theta|^2 / 2 to every sample's loss.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    shuffle: bool = True

    def __post_init__(self) -> None:
        whole_number("epochs", self.epochs, least=1)
        whole_number("batch_size", self.batch_size, least=1)
        real_number("learning_rate", self.learning_rate, above=0.0)
        boolean("shuffle", self.shuffle)

    def minimise(
        self, model: BayesianModel, X: Array, y: Any, theta: Array, rng: np.random.Generator, callback: TrainingCallback
    ) -> Array:
        """Return theta after the last epoch."""

        def gradient(theta: Array, batch: NDArray[np.intp]) -> Array:
            return model.loss_and_gradient(theta, X[batch], y[batch], share=len(batch) / len(X))[1]

        def report(epoch: int, theta: Array) -> None:
            callback(epoch, theta.copy(), model.loss(theta, X, y))

        return self.descend(gradient, len(X), theta, rng, report)

    def descend(
        self,
        gradient: Callable[[Array, NDArray[np.intp]], Array],
        N: int,
        theta: Array,
        rng: np.random.Generator,
        report: Callable[[int, Array], object],
    ) -> Array:
        """Return theta after all epochs along `gradient(theta, batch)`, the sum over the samples at these positions."""
        beta1, beta2, epsilon = 0.9, 0.999, 1e-8
        mean, square = np.zeros_like(theta), np.zeros_like(theta)  # running moments of the gradient
        step = 0
        for epoch in range(1, self.epochs + 1):
            order = rng.permutation(N) if self.shuffle else np.arange(N)
            for start in range(0, N, self.batch_size):
                batch = order[start : start + self.batch_size]
                step += 1
                g = gradient(theta, batch) / len(batch)
                mean = beta1 * mean + (1 - beta1) * g
                square = beta2 * square + (1 - beta2) * g**2
                corrected = mean / (1 - beta1**step), square / (1 - beta2**step)
                theta = theta - self.learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
            report(epoch, theta)
        return theta


OPTIMIZERS: dict[str, type[LBFGS] | type[Adam]] = {"lbfgs": LBFGS, "adam": Adam}
