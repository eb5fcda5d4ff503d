"""L-BFGS to a true mode, and what counts as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, root

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData, weighed
from ..validation import Array, keep, real_number, whole_number
from .advice import cures, has_kinks
from .convergence import TrainingCallback, warn

NEAR = 1e-9  # nats that the best step in a parameter may still gain at a mode
PATIENCE, LITTLE = 1000, 0.01  # a loss with kinks is given up where this many steps gain no more than so many nats
FORBIDDING = 1e100  # stands for a loss of infinity: a line search turns back from it


def is_mode(model: BayesianModel, theta: Array, X: Array, y: Any, sample_weight: Array | None = None) -> bool:
    """Return whether the gradient g of the loss is that of a mode, sum_p g_p^2 / d_p <= 1e-9 nats.

    d is the diagonal of the loss' curvature, the GGN and the prior, (P,), so that g_p^2 / (2 d_p) is what the best step
    in one parameter would gain. It does not depend on the units of X, y and theta, nor on a constant in the loss.
    """
    gradient, d = _slope_and_curvature(model, theta, X, y, sample_weight)
    return bool(gradient @ (gradient / d) <= NEAR)


def _has_small_gradient(model: BayesianModel, theta: Array, data: WeightedData) -> bool:
    """Return whether theta is a mode at which max abs gradient <= 1e-6 max(1, loss) too."""
    loss, gradient = model.loss_and_gradient(theta, *data)
    return bool(np.abs(gradient).max() <= 1e-6 * max(1.0, loss)) and is_mode(model, theta, *data)


def _slope_and_curvature(
    model: BayesianModel, theta: Array, X: Array, y: Any, weight: Array | None
) -> tuple[Array, Array]:
    """Return the gradient of the loss, and the diagonal of the GGN plus the prior's precision, each (P,)."""
    trace = model.network.trace(theta, X)
    gradient = trace.backward(weighed(model.likelihood.gradient(trace.output, y), weight)) + model.pull(theta)
    R = weighed(model.likelihood.factor(trace.output), None if weight is None else np.sqrt(weight))
    prior = model.prior_over(np.arange(len(theta)))
    diagonal = prior if prior.ndim == 1 else np.diagonal(prior)
    return gradient, trace.pull_back(R).squares() + diagonal


def _own_units(model: BayesianModel, theta: Array, data: WeightedData) -> Array:
    """Return the unit of each parameter, (P,), in which its diagonal entry of the curvature is 1."""
    return 1 / np.sqrt(_slope_and_curvature(model, theta, *data)[1])


@dataclass(frozen=True)
class LBFGS:
    """SciPy's L-BFGS, until the gradient is that of a mode.

    It can end before: its memory of earlier steps no longer fits, or the changes of the loss are lost in rounding. It
    is then started again from there, as long as that lowers the loss; then once more with every parameter in units of
    its own curvature. Last comes a Newton-Krylov method, which uses the gradient alone; its result is taken if it is a
    mode, and its loss no larger. In ordinary units this ends at max abs gradient <= 1e-6 max(1, loss); whether it is a
    mode, in any units, `is_mode` decides.

    A loss with kinks, such as that of a network of relu, has its minima on them as a rule, where no gradient is zero.
    L-BFGS would creep along until `max_iterations`; it ends where a thousand steps have gained 0.01 nats or less.
    """

    max_iterations: int = 10_000
    tolerance: float = 1e-6  # L-BFGS goes on until max abs gradient <= tolerance, or until rounding stops it

    def __post_init__(self) -> None:
        keep(self, max_iterations=whole_number("max_iterations", self.max_iterations, least=1))
        keep(self, tolerance=real_number("tolerance", self.tolerance, above=0.0))

    def minimise(
        self,
        model: BayesianModel,
        data: WeightedData,
        theta: Array,
        rng: np.random.Generator,
        callback: TrainingCallback,
    ) -> Array:
        """Return the mode that L-BFGS reaches from theta; `rng` is not used."""
        most = self.max_iterations
        steps = _Steps(callback, most, has_kinks(model))
        options = {"maxiter": most, "maxfun": 20 * most, "gtol": self.tolerance, "ftol": 0.0, "maxcor": 20}
        for scaled in (False, True):
            before = np.inf
            while steps.go_on and not _has_small_gradient(model, theta, data):
                unit = _own_units(model, theta, data) if scaled else np.ones_like(theta)
                theta, loss = _descended(model, data, theta, unit, options, steps.report)
                if not loss < before:
                    break
                before = loss
        if steps.taken < most and not _has_small_gradient(model, theta, data):
            polished, loss = _polished(model, data, theta), model.loss(theta, *data)
            end = model.loss(polished, *data)
            if is_mode(model, polished, *data) and end <= loss + 1e-12 * abs(loss):
                theta = polished
                steps.report(theta, end)
        if not is_mode(model, theta, *data):
            loss, gradient = model.loss_and_gradient(theta, *data)
            cure = cures(model, theta, data, used_up=steps.taken >= most)
            warn(
                f"fit_map stopped after {steps.taken} iterations at loss {loss:.6g} with max abs gradient "
                f"{np.abs(gradient).max():.2g}, which is not a mode; {cure}"
            )
        return theta


class _Steps:
    """The steps that were taken, which are reported to a callback, and whether to take more."""

    def __init__(self, callback: TrainingCallback, most: int, kinks: bool) -> None:
        self._callback, self._most, self._kinks = callback, most, kinks
        self._losses: list[float] = []

    @property
    def taken(self) -> int:
        return len(self._losses)

    @property
    def go_on(self) -> bool:
        losses, at_rest = self._losses, self._kinks and self.taken > PATIENCE
        return self.taken < self._most and not (at_rest and losses[-1 - PATIENCE] - losses[-1] <= LITTLE)

    def report(self, theta: Array, loss: float) -> bool:
        """Count and report a step, and return whether to go on."""
        self._losses.append(loss)
        self._callback(self.taken, theta.copy(), loss)
        return self.go_on


def _descended(
    model: BayesianModel,
    data: WeightedData,
    theta: Array,
    unit: Array,
    options: dict[str, float],
    report: Callable[[Array, float], bool],
) -> tuple[Array, float]:
    """Return where L-BFGS in the coordinates theta / unit ends, and its loss."""

    def tried(u: Array) -> tuple[float, Array]:
        loss, gradient = model.loss_and_gradient(u * unit, *data)
        finite = np.isfinite(loss) and np.isfinite(gradient).all()
        return (loss, gradient * unit) if finite else (FORBIDDING, np.zeros_like(u))

    def reached(intermediate_result: Any) -> None:  # SciPy looks for an argument of this name
        if not report(intermediate_result.x * unit, float(intermediate_result.fun)):
            raise StopIteration

    result = minimize(tried, theta / unit, method="L-BFGS-B", jac=True, callback=reached, options=options)
    return result.x * unit, float(result.fun)


def _polished(model: BayesianModel, data: WeightedData, theta: Array) -> Array:
    """Return the theta that some Newton-Krylov steps on the gradient reach, or theta itself if SciPy gives up."""
    unit = _own_units(model, theta, data)
    options = {"fatol": min(np.sqrt(NEAR / len(theta)), 5e-7 * unit.min()), "maxiter": 20}
    try:
        u = root(lambda u: model.gradient(u * unit, *data) * unit, theta / unit, method="krylov", options=options).x
    except ValueError:  # "Jacobian inversion yielded zero vector"
        return theta
    return u * unit
