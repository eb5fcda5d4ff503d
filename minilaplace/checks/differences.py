"""Finite differences with an estimate of their error, for the checks to compare with.

`reference` differentiates a function of one vector, (P,) -> (n,), once, or twice if n = 1. No step suits every
function: a wide one crosses kinks, poles and oscillations, a narrow one drowns in rounding errors. So each parameter
has a ladder of steps, each half of the one before, from the parameter's own size to the spacing of floats. `_estimates`
extrapolates the difference quotients of neighbouring steps to h = 0 (Romberg), and `_limit` walks from the narrow steps
to the wide ones, as long as they agree.

The error of an estimate is what the next wider step changes, and at least the noise over the step. The noise is not
assumed but measured, by how much all narrower steps scatter: `fun` may well compute in float32.

| symbol | shape | meaning |
|---|---|---|
| theta | (P,) | where the function is differentiated |
| h | (K, P) | steps from there, along each parameter |
| f0 | (n,) | values at theta |
| sides | (2, K, P, n) | values at theta + h and theta - h, one parameter at a time |
"""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..validation import Array

Function: TypeAlias = Callable[[Array], Array]

SAFETY = 10.0  # times the estimated error: an estimate is a typical error and no bound
HALVINGS = 64  # from a parameter's size to 5e-20 of it
HALVINGS_AGAIN = 28  # for second derivatives, whose steps start at a good one for the first
SAMPLES = 6  # differences of narrower steps from which the noise is measured
COARSEST = 2.0**-8  # a relative change above it is no rounding error, not even of float16
ABRUPT = 1e3  # halving the step of a smooth function changes a difference by far less
EVEN, ODD = (2, 4, 6, 8), (1, 3, 5, 7)  # powers of h in the error of a quotient


class Ladder(NamedTuple):
    """Quotients at K steps, (K, ...), their rounding errors, and h or h^2, by which the quotients are divided."""

    quotients: Array
    rounding: Array
    divisor: Array
    powers: tuple[int, ...]


def reference(f: Function, theta: Array, second: bool) -> tuple[Array, Array, Array]:
    """Return the derivatives of n outputs, (n, P), or the Hessian of one, (P, P), their errors, and their sizes.

    An entry is NaN and its error infinite if no step gave a number. The size of an entry is what a small one is
    measured by. For first derivatives it is the largest entry of the same output, for parameters in units of their
    scales, or how much the output changes within one scale, whichever is larger. For second ones it is the largest
    entry, and only if all are zero, that change. It is 1 if the output is constant.
    """
    scale = np.exp2(np.ceil(np.log2(np.maximum(1.0, np.abs(theta)))))  # powers of two, so that theta + h is exact
    units = np.outer(scale, scale) if second else scale
    with np.errstate(all="ignore"):  # a step may leave the domain of f
        f0 = f(theta).ravel()
        derivative, error, step, noise, change = _first(f, f0, theta, scale)
        if second:
            derivative, error = _second(f, f0, theta, step[0], noise)
        largest = np.fmax.reduce(np.abs(derivative) * units, axis=None if second else 1, keepdims=True)  # ignores NaN
        if second:
            size = np.where(largest > SAFETY * np.max(error * units), largest, change.max())
        else:
            size = np.fmax(largest, change)
    return derivative, error, np.where(size > 0, size, 1.0) / units


def _first(f: Function, f0: Array, theta: Array, scale: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return the derivatives, their errors and steps, (n, P), the noise of f, (n,), and how much it changes, (n, 1)."""
    h = _steps(theta, scale, HALVINGS)
    sides, (plus, minus) = _sides(f, f0, theta, h)
    f_plus, f_minus = sides.swapaxes(2, 3)  # (K, n, P) each
    h, plus, minus, f_0 = h[:, None], plus[:, None], minus[:, None], f0[:, None]
    moves = np.fmax(np.abs(f_plus - f_0), np.abs(f_minus - f_0))
    least = np.fmin.reduce(np.where(moves > 0, moves, np.inf), axis=(0, 2))  # (n,)
    size = np.abs(np.where(np.isfinite(sides), sides, f0)).max(axis=(0, 1, 2))  # (n,)
    noise = np.where((moves == 0).any(axis=(0, 2)) & (least < COARSEST * size), least, 0.0)
    rounding = _spacing(f_plus, f_minus)
    rounding = np.where(moves > 0, rounding, np.fmax(rounding, noise[:, None]))  # a step without a move shows no slope
    slopes = Ladder((f_plus - f_minus) / (plus + minus), rounding / h, h, EVEN)
    jumps = Ladder(((f_plus - f_0) / plus - (f_0 - f_minus) / minus) / 4, rounding / h, h, ODD)
    derivative, error, best = _limit(slopes, [jumps])
    step = np.take_along_axis(np.broadcast_to(h, f_plus.shape), best[None], axis=0)[0]
    step[best < 0] = np.nan  # which leaves second derivatives unknown as well
    change = np.fmax.reduce(np.where(np.isfinite(moves[0]), moves[0], 0.0), axis=1, keepdims=True)
    return derivative, error, step, noise, change


def _second(f: Function, f0: Array, theta: Array, step: Array, noise: Array) -> tuple[Array, Array]:
    """Return the Hessian of one output and its errors, (P, P), by steps that start above those that are given, (P,)."""
    h = _steps(theta, 16 * step, HALVINGS_AGAIN)
    sides, steps = _sides(f, f0, theta, h)
    rounding = np.fmax(_spacing(*sides[..., 0]), noise)  # (K, P)
    sides = sides[..., 0] - f0  # (2, K, P), of which the differences are exact
    hessian, error = np.empty((2, theta.size, theta.size))
    for i in range(theta.size):
        hessian[i, i], error[i, i] = _curvature(sides[..., i], steps[..., i], rounding[:, i], h[:, i])
        for j in range(i):
            pair = [i, j]
            corners = _corners(f, theta, pair, steps[..., pair]) - f0
            entry = _mixed(corners, sides[..., pair], steps[..., pair], rounding[:, pair].max(axis=1), h[:, pair])
            (hessian[i, j], error[i, j]), (hessian[j, i], error[j, i]) = entry, entry
    return hessian, error


def _curvature(sides: Array, steps: Array, rounding: Array, h: Array) -> tuple[Array, Array]:
    """Return d2 f / d theta_i^2 and its error, from the changes of f on both sides and their steps, (2, K)."""
    slopes = sides / steps  # (2, K), away from theta on both sides
    noise = 2 * rounding / h**2
    central = Ladder(2 * slopes.sum(axis=0) / steps.sum(axis=0), noise, h**2, EVEN)
    right, left = 2 * (slopes[:, :-1] - slopes[:, 1:]) / (steps[:, :-1] - steps[:, 1:])  # by h and h / 2, (K - 1,)
    jump = Ladder(np.append(np.nan, right - left) / 8, noise, h**2, ODD)
    return _limit(central, [jump])[:2]


def _mixed(corners: Array, sides: Array, steps: Array, rounding: Array, h: Array) -> tuple[Array, Array]:
    """Return d2 f / d theta_i d theta_j and its error, from the changes of f at the corners, (2, 2, K)."""
    area = steps[:, None, :, 0] * steps[None, :, :, 1]  # (2, 2, K)
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])[..., None]
    quotients = signs * (corners - sides[:, None, :, 0] - sides[None, :, :, 1]) / area  # one for each quadrant
    divisor = h.prod(axis=1)
    (pp, pm), (mp, mm) = quotients
    noise = rounding / divisor
    jumps = [
        Ladder((pp + pm - mp - mm) / 8, noise, divisor, ODD),
        Ladder((pp - pm + mp - mm) / 8, noise, divisor, ODD),
        Ladder((pp - pm - mp + mm) / 8, noise, divisor, EVEN),
    ]
    return _limit(Ladder(quotients.mean(axis=(0, 1)), noise, divisor, EVEN), jumps)[:2]


def _limit(ladder: Ladder, jumps: list[Ladder]) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return the limit of the quotients as h goes to zero, its error, and at which step it was found.

    From narrow steps to wide ones, an estimate replaces the last if its error is smaller and both agree: a derivative
    is a limit, so that a wide step yields to the narrow ones. `jumps` are differences of one-sided quotients, which
    vanish in the limit if f is smooth; where they do not, the mean of both sides is no derivative.

    One kind of function is smooth at narrow steps and at wide ones, with different slopes: the sum of one of float32,
    which is a staircase, and a smooth one of float64. Nobody can say which slope is meant, so the error becomes as
    large as their difference, and the step is -1.
    """
    T, E, hidden = _estimates(ladder)
    for jump in jumps:
        J, J_error, _ = _estimates(jump)
        E = np.fmax(E, np.fmax(np.abs(J), J_error / 8))  # an eighth, as J has larger errors than T where f is smooth
    value, error, best, doubt = map(np.array, (np.nan, np.inf, -1, 0.0))
    for k in reversed(range(len(T))):
        off = np.abs(T[k] - value)
        agrees = np.isinf(error) | (off <= SAFETY * (E[k] + error))
        replaced = agrees & (E[k] < error)
        doubt = np.fmax(doubt, np.where(3 * E[k] < hidden[k], off + E[k], 0.0))  # at a kink, E is no smaller
        value, error, best = (np.where(replaced, *pair) for pair in ((T[k], value), (E[k], error), (k, best)))
    return value, np.fmax(error, doubt), np.where(doubt > error, -1, best)


def _estimates(ladder: Ladder) -> tuple[Array, Array, Array]:
    """Return the extrapolated quotient of the smallest error at each step, its error, and the slope of jumps below.

    A jump is an abrupt change of f from one step to the next, which is no larger than a rounding error may be. Its
    slope is the change of the quotient, or zero if there is no jump at any narrower step.
    """
    T, N, w, powers = ladder
    w = np.broadcast_to(w, T.shape)
    value, error = np.full(T.shape, np.nan), np.full(T.shape, np.inf)
    least = np.fmin.reduce(w * np.abs(T))  # what the narrowest step changes: theta may be rounded within f
    scatter = _largest_below(np.fmax(np.fmax(w * N, least)[:-1], w[:-1] * np.abs(np.diff(T, axis=0))))
    values = np.fmax(w * N, (w * N)[0])[:-2] * 2.0**53  # of f, at least their size
    abrupt = (scatter[1:] > 0) & (scatter[:-1] > ABRUPT * scatter[1:]) & (scatter[:-1] < COARSEST * values)
    hidden = np.zeros(T.shape)
    hidden[: len(abrupt)] = _largest_below(np.where(abrupt, scatter[:-1] / w[:-2], 0.0))
    for order, power in enumerate((0, *powers)):
        if order:
            T, N = T[1:] + np.diff(T, axis=0) / (2.0**power - 1), N[1:] + (N[1:] + N[:-1]) / (2.0**power - 1)
        gap = np.abs(np.diff(T, axis=0))  # from each step to the next narrower one
        measured = np.cumsum(np.isfinite(gap)[::-1], axis=0)[::-1] >= SAMPLES
        noise = _largest_below(w[order:-1] * gap) / w[order:-1]
        E = np.where(measured, np.fmax(noise, N[:-1]), np.inf)[1:]
        E = np.fmax(E, np.where(np.isnan(gap[:-1]), np.inf, gap[:-1]) / 2.0 ** (order + 1))
        here = slice(order + 1, -1)
        better = error[here] > E
        value[here], error[here] = np.where(better, T[1:-1], value[here]), np.where(better, E, error[here])
    return value, error, hidden


def _largest_below(a: Array) -> Array:
    """Return the largest number of each step and all narrower ones, where NaN counts as zero."""
    return np.maximum.accumulate(np.nan_to_num(a, posinf=0.0)[::-1])[::-1]


def _steps(theta: Array, widest: Array, halvings: int) -> Array:
    """Return steps of each parameter, (K, P), or NaN where they are not above the spacing of floats."""
    h = widest * np.exp2(-np.arange(halvings))[:, None]
    return np.where(h < 4 * np.spacing(np.abs(theta)), np.nan, h)


def _sides(f: Function, f0: Array, theta: Array, h: Array) -> tuple[Array, Array]:
    """Return f at theta + h and theta - h along each parameter, (2, K, P, n), and the steps as rounded, (2, K, P)."""
    steps = np.stack([(theta + h) - theta, theta - (theta - h)])
    values = np.full((*steps.shape, f0.size), np.nan)
    for side, k, i in np.argwhere(np.isfinite(steps)):
        u = theta.copy()
        u[i] += steps[side, k, i] * (1 - 2 * side)
        values[side, k, i] = _value(f, u)
    return values, steps


def _corners(f: Function, theta: Array, pair: list[int], steps: Array) -> Array:
    """Return f at theta +- h_i +- h_j for a pair of parameters, (2, 2, K)."""
    values = np.full((2, 2, steps.shape[1]), np.nan)
    for a, b, k in np.ndindex(values.shape):
        u = theta.copy()
        u[pair] += steps[a, k, 0] * (1 - 2 * a), steps[b, k, 1] * (1 - 2 * b)
        values[a, b, k] = _value(f, u)[0]
    return values


def _value(f: Function, u: Array) -> Array:
    """Return f(u), (n,), or NaN outside its domain."""
    with suppress(ArithmeticError, ValueError):  # of Python's `math`, and of decompositions
        if np.isfinite(u).all():
            return f(u).ravel()
    return np.array([np.nan])


def _spacing(*values: Array) -> Array:
    """Return the spacing of floats at the largest of several values, element by element."""
    return np.spacing(np.fmax.reduce(np.abs(values)))
