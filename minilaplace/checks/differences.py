"""Around the post: finite differences that know their own error, what `checks.py` compares with.

`reference` differentiates a plain function of one vector, once or twice, and says of every entry how far it may be
off. Where the differences show nothing (a kink, a pole, noise) the error is larger than what is called enough.

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

SAFETY = 10.0  # an error estimate is a typical error, not a bound
STEPS = (2.0**-4, 2.0**-9, 2.0**-13)  # wide: little roundoff; narrow: clear of a kink or a pole nearby
WEIGHTS = 14.0  # absolute sum of the weights of an 8th order difference, times the step


def reference(f: Function, theta: Array, second: bool = False) -> tuple[Array, Array, Array]:
    """Differentiate n outputs, (n, P), or the only one twice, (P, P): values, errors, errors small enough.

    Differences are taken in u, `theta + scale * u`, so that one step suits parameters of all sizes. Steps
    shrink until every error is small enough; an entry keeps its best value, or NaN and an infinite error.
    """
    scale = np.maximum(1.0, np.sqrt(np.abs(theta)))  # between an absolute and a relative step
    units = np.outer(scale, scale) if second else scale
    along = _vectorised(lambda u: f(theta + scale * u))
    expected, error = np.array(np.nan), np.array(np.inf)
    for step in STEPS:
        with np.errstate(all="ignore"):  # a step may leave the domain of f: NaN becomes an infinite error
            df, df_error, size = _differences(along, theta.size, step, second)
            df_error = np.where(np.isfinite(df), np.nan_to_num(df_error, nan=np.inf), np.inf)
            expected, error = np.where(df_error < error, df, expected), np.minimum(df_error, error)
            largest = np.fmax.reduce(np.abs(expected), axis=None if second else 1, keepdims=True)  # skips NaN
            enough = 1e-5 * np.abs(expected) + 1e-6 * largest + 1e-9 * size
        if np.all(SAFETY * error <= enough):
            break
    return expected / units, error / units, enough / units


def _differences(f: Function, P: int, step: float, second: bool) -> tuple[Array, Array, Array]:
    """Differentiate at u = 0: values, (n, P), their errors, and the size of each output near there, (n, 1).

    At a kink, central differences settle on the mean of both slopes and see no error; one-sided ones differ.
    """
    origin = np.zeros(P)
    size = np.fmax.reduce(np.abs(f(step * np.eye(P, P + 1))), axis=1, keepdims=True)  # at u = step e_i and 0
    noise = 2 * np.finfo(float).eps * WEIGHTS / step * size  # (n, 1), if f is right to 2 eps
    g, g_noise = f, noise
    if second:
        g = _vectorised(lambda u: _slopes(f, u, step, noise).df)
        g_noise = noise * WEIGHTS / step
    central = _slopes(g, origin, step, g_noise)
    smooth = 1e-5 * np.fmax.reduce(np.abs(central.df), axis=1, keepdims=True) + 100 * g_noise  # (n, 1)
    right = _slopes(g, origin, step, smooth / 10, order=4, step_direction=1)
    gap = np.abs(right.df - central.df)
    gap[gap <= smooth] = 0.0  # one-sided differences are less accurate: only a large gap is a kink
    if second:
        gap = np.maximum(gap, np.abs(central.df - central.df.T))
    return central.df, np.maximum(np.maximum(central.error, gap), g_noise), size


def _slopes(f: Function, u: Array, step: float, noise: Array, **options: Any) -> Any:
    """Halve the step until two estimates agree to the roundoff `noise`; beyond, halving makes them worse."""
    tolerances: Any = {"rtol": 1e-11, "atol": np.nan_to_num(noise.min())}
    return jacobian(f, u, tolerances=tolerances, initial_step=step, maxiter=6, **options)


def _vectorised(f: Function) -> Function:
    """Turn a function of one vector, (P,) -> n numbers, into what SciPy calls, (P, ...) -> (n, ...)."""

    def columnwise(u: Array) -> Array:
        columns = [f(column).ravel() for column in u.reshape(len(u), -1).T]
        return np.stack(columns, axis=-1).reshape(-1, *u.shape[1:])

    return columnwise
