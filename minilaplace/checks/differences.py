"""Finite differences with an estimate of their error, for the checks to compare with.

| symbol | shape | meaning |
|---|---|---|
| theta | (P,) | where the function is differentiated |
| u | (P,) | steps from there in units of each parameter's scale, `theta + scale * u` |
| step | | the length of a step in u, halved until the estimates agree |
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy.differentiate import jacobian

from ..validation import Array

Function: TypeAlias = Callable[[Array], Array]

SAFETY = 10.0  # times the estimated error: an estimate is a typical error and no bound
STEPS = (2.0**-4, 2.0**-9, 2.0**-13)  # wide steps have smaller rounding errors, narrow ones avoid a kink nearby
WEIGHTS = 14.0  # sum of the absolute weights of a central difference of 8th order, times its step


def reference(f: Function, theta: Array, second: bool = False) -> tuple[Array, Array, Array]:
    """Return the derivatives of f: (P,) -> (n,), an estimate of each one's error, and the error that is small enough.

    All three are (n, P), or (P, P) for the second derivatives of one output. The function is differentiated in u,
    `theta + scale * u`, so that one step suits parameters of all sizes. The steps become smaller until every error is
    small enough. It never is at a kink or a pole, or if the function is noisy. Each entry is the value with the
    smallest error of all steps, or NaN with an infinite error if no step gave a number.
    """
    scale = np.maximum(1.0, np.sqrt(np.abs(theta)))  # steps of one size would be too small for large parameters
    units = np.outer(scale, scale) if second else scale
    along = _vectorised(lambda u: f(theta + scale * u))
    expected, error = np.array(np.nan), np.array(np.inf)
    for step in STEPS:
        with np.errstate(all="ignore"):  # a step may leave the domain of f: the error of NaN is infinite
            df, df_error, size = _differences(along, theta.size, step, second)
            df_error = np.where(np.isfinite(df), np.nan_to_num(df_error, nan=np.inf), np.inf)
            expected, error = np.where(df_error < error, df, expected), np.minimum(df_error, error)
            largest = np.fmax.reduce(np.abs(expected), axis=None if second else 1, keepdims=True)  # ignores NaN
            enough = 1e-5 * np.abs(expected) + 1e-6 * largest + 1e-9 * size
        if np.all(SAFETY * error <= enough):
            break
    return expected / units, error / units, enough / units


def _differences(f: Function, P: int, step: float, second: bool) -> tuple[Array, Array, Array]:
    """Return the derivatives at u = 0, (n, P), their errors, (n, P), and the size of each output near there, (n, 1).

    At a kink, central differences converge to the mean of the slopes on both sides, and their estimated error is small.
    So they are compared with one-sided differences, and a jump between the two counts as an error.
    """
    origin = np.zeros(P)
    size = np.fmax.reduce(np.abs(f(step * np.eye(P, P + 1))), axis=1, keepdims=True)  # over u = 0 and u = step e_i
    noise = 2 * np.finfo(float).eps * WEIGHTS / step * size  # (n, 1), if the relative error of f is 2 eps
    g, g_noise = f, noise
    if second:
        g = _vectorised(lambda u: _slopes(f, u, step, noise).df)
        g_noise = noise * WEIGHTS / step
    central = _slopes(g, origin, step, g_noise)
    least_jump = 1e-5 * np.fmax.reduce(np.abs(central.df), axis=1, keepdims=True) + 100 * g_noise  # (n, 1)
    right = _slopes(g, origin, step, least_jump / 10, order=4, step_direction=1)
    jump = np.abs(right.df - central.df)
    jump[jump <= least_jump] = 0.0  # as one-sided differences are less accurate, a small jump is no sign of a kink
    if second:
        jump = np.maximum(jump, np.abs(central.df - central.df.T))
    return central.df, np.maximum(np.maximum(central.error, jump), g_noise), size


def _slopes(f: Function, u: Array, step: float, noise: Array, **options: Any) -> Any:
    """Return SciPy's derivative of f at u, by a step that is halved until the error is the roundoff, `noise`.

    Below that, a smaller step makes the error larger.
    """
    tolerances: Any = {"rtol": 1e-11, "atol": np.nan_to_num(noise.min())}
    return jacobian(f, u, tolerances=tolerances, initial_step=step, maxiter=6, **options)


def _vectorised(f: Function) -> Function:
    """Return a function of one vector, (P,) -> n numbers, as one of many, (P, ...) -> (n, ...), as SciPy calls it."""

    def columnwise(u: Array) -> Array:
        columns = [f(column).ravel() for column in u.reshape(len(u), -1).T]
        return np.stack(columns, axis=-1).reshape(-1, *u.shape[1:])

    return columnwise
