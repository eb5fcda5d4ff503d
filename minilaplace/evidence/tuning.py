"""Priors and noise chosen by the evidence.

`tune` maximises the evidence at a given theta. But the MAP estimate depends on the prior: the theta of one prior is no
mode under another. `marglik_training` in `joint.py` alternates training and tuning until neither moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
from scipy.optimize import minimize

from ..model.bayesian_model import BayesianModel
from ..training.convergence import warn
from ..training.lbfgs import FORBIDDING
from ..validation import Array, option
from .marginal_likelihood import LOG_BOUNDS, EvidenceFunction

NOT_DETERMINED = (
    "the data determines nearly as many parameters as it has targets, and so not the noise: sigma_noise stays as "
    "given, and only the prior is tuned"
)
Search = Callable[[EvidenceFunction, Array, Callable[[Array], None]], Array]
TuningCallback = Callable[[int, BayesianModel], object]  # called with each model that is tried, counted from 1


def tune(evidence: EvidenceFunction, method: str, callback: TuningCallback | None = None) -> BayesianModel:
    """Return the model whose prior, and noise, maximise the evidence at theta.

    `"marglik"` is SciPy's L-BFGS-B on the evidence and its gradient, `"mackay"` the fixed-point iteration. Issues a
    ConvergenceWarning if an optimum is at the edge of the range that is searched, 1e-8 to 1e8, the iteration does not
    settle, or the data does not determine the noise (`EvidenceFunction.determines_noise`): then the noise stays.

    Under an exact Hessian the evidence rises without end towards the weakest prior that is possible at all, where the
    posterior is wider than the prior. That is no maximum: a search that ends there starts again from stronger priors.
    """
    steps = count(1)

    def tried(x: Array) -> None:
        if callback is not None:
            callback(next(steps), evidence.model_at(x))

    search = METHODS[option("method", method, METHODS)]
    x = _found(search, evidence, tried)
    if evidence.noise and not evidence.determines_noise(x):
        warn(NOT_DETERMINED)
        evidence = replace(evidence, noise=False)
        x = _found(search, evidence, tried)
    for message in at_edge("evidence", x):
        warn(message)
    return evidence.model_at(x)


def _found(search: Search, evidence: EvidenceFunction, tried: Callable[[Array], None]) -> Array:
    """Return what a search finds from the first start at which it does not end at an impossible prior.

    The starts are the evidence's own, and priors that are e times as strong each time; if none will do, the error that
    the first one led to is raised.
    """
    start, refused = np.clip(evidence.start, *LOG_BOUNDS), None
    priors = np.arange(len(start)) < len(start) - evidence.noise
    while True:
        try:
            return search(evidence, start, tried)
        except np.linalg.LinAlgError as error:
            refused = refused or error
        if np.all(start[priors] >= LOG_BOUNDS[1]):
            raise refused
        start = np.where(priors, np.minimum(start + 1, LOG_BOUNDS[1]), start)


def _climb(evidence: EvidenceFunction, x: Array, tried: Callable[[Array], None]) -> Array:
    """Return the maximum by L-BFGS-B, inside boxes: a long first step could end where the prior is lost in rounding.

    A prior under which the precision is not positive definite scores worst. If the search ends beside such a prior, its
    error is raised.
    """
    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-8}
    refused: list[np.linalg.LinAlgError] = []

    def negative(x: Array) -> tuple[float, Array]:
        tried(x)
        try:
            value, gradient = evidence.value_and_gradient(x)
        except np.linalg.LinAlgError as error:
            refused.append(error)
            return FORBIDDING, np.zeros_like(x)
        return -value, -gradient

    evidence.value_and_gradient(x)
    at_side = True
    while at_side:
        low, high = np.maximum(x - 3, LOG_BOUNDS[0]), np.minimum(x + 3, LOG_BOUNDS[1])
        bounds = list(zip(low, high, strict=True))
        x = minimize(negative, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        at_side = bool(np.any(((x <= low) & (low > LOG_BOUNDS[0])) | ((x >= high) & (high < LOG_BOUNDS[1]))))
    if refused:
        _, slope = evidence.value_and_gradient(x)
        inside = np.clip(x + slope, *LOG_BOUNDS) - x  # 0 at a maximum, also at one at the edge
        if np.abs(inside).max() > 1e-3:
            raise refused[-1]
    return x


def _iterate(evidence: EvidenceFunction, x: Array, tried: Callable[[Array], None]) -> Array:
    """Return the fixed point of MacKay's iteration.

    A step to a prior under which the precision is not positive definite is halved until it is; if none is left, the
    error of that prior is raised.
    """
    aim = evidence.mackay(x)
    for _ in range(10_000):
        before, x = x, aim
        tried(x)
        if np.abs(x - before).max() <= 1e-10:
            return x
        while True:
            try:
                aim = evidence.mackay(x)
                break
            except np.linalg.LinAlgError:
                x = (before + x) / 2
                if np.abs(x - before).max() <= 1e-10:
                    raise
    warn("MacKay's iteration has not settled in 10,000 steps; method='marglik' may")
    return x


METHODS: dict[str, Search] = {"marglik": _climb, "mackay": _iterate}


def at_edge(what: str, x: Array) -> list[str]:
    """Return what is to be said of an optimum in log numbers that is within 0.1% of the edge of what is searched."""
    there = np.count_nonzero((x <= LOG_BOUNDS[0] + 1e-3) | (x >= LOG_BOUNDS[1] - 1e-3))
    message = f"the {what} still rises at the edge of 1e-8 to 1e8 for {there} of {len(x)} tuned numbers"
    return [message] if there else []
