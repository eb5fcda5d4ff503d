"""Around the post: find wrong derivatives in your own code, by finite differences that know their own error.

You have                                          call
fun: (P,) -> float  and its gradient, (P,)        check_gradient(fun, grad, theta)
fun: (P,) -> S      and its Jacobian, S + (P,)    check_jacobian(fun, jac, theta)
fun: (P,) -> float  and its Hessian, (P, P)       check_hessian(fun, hess, theta)

Each returns a `DerivativeCheck`, true if every entry agrees, which prints what is worst and where. Where the
finite differences themselves show nothing (a kink, a pole, noise), the check fails and says so. The functions
are plain ones of one vector, not vectorised; S is any shape. What is far below the roundoff of `fun`
cannot be resolved: drop large constants, and check away from optima.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.differentiate import jacobian

from .validation import Array, finite, real_array, refusal

Function: TypeAlias = Callable[[Array], Array]
UserFunction: TypeAlias = Callable[[Array], Any]

RTOL = 1e-7  # far above the roundoff of a correct derivative, far below a mistake
SAFETY = 10.0  # an error estimate is a typical error, not a bound
STEPS = (2.0**-4, 2.0**-9, 2.0**-13)  # wide: little roundoff; narrow: clear of a kink or a pole nearby
WEIGHTS = 14.0  # absolute sum of the weights of an 8th order difference, times the step
HINTS = {
    -1.0: "wrong sign?",
    0.0: "a missing term?",
    0.5: "a missing factor 2?",
    2.0: "a missing factor 1/2?",
}


@dataclass(frozen=True)
class DerivativeCheck:
    """The verdict of a check: true if it passed, and printed, its message.

    For a wrong shape there is no entry to show: `index` is `()` and the numbers are NaN.
    """

    passed: bool
    index: tuple[int, ...]  # of the worst entry
    expected: float  # by finite differences
    received: float  # from the derivative under test
    error: float  # estimated error of `expected`, infinite if there is none
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return self.message


def check_gradient(fun: UserFunction, grad: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> DerivativeCheck:
    """Check `grad(theta)`, (P,), against differences of `fun`: `g_i = d fun / d theta_i`.

    An entry agrees when `|received - expected| <= rtol |expected| + 10 error`; shapes must be equal.

    Raises
    ------
    TypeError, ValueError
        A function is not callable or returns no real numbers, `fun` returns no scalar, `theta` is not a
        finite real vector with P > 0, or `rtol` is not in [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> print(check_gradient(lambda t: t @ t, lambda t: t, np.array([1.0, 3.0])))
    gradient is wrong at (1,): expected 6, received 3 (reference error 6e-13); a missing factor 2?
    """
    point, f = _parameters(theta), _real(fun, "fun", scalar=True)
    received = _real(grad, "grad")(point)
    return _compare("gradient", received, point.shape, _reference(f, point), rtol)


def check_jacobian(fun: UserFunction, jac: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> DerivativeCheck:
    """Check `jac(theta)`, S + (P,), against differences of `fun`, S: `J_si = d fun_s / d theta_i`.

    Tolerance and errors are those of `check_gradient`; S is any shape that is not empty, () included.

    Examples
    --------
    >>> import numpy as np
    >>> bool(check_jacobian(np.sin, lambda t: np.diag(np.cos(t)), np.array([0.1, 0.2, 0.3])))
    True
    """
    point, f = _parameters(theta), _real(fun, "fun")
    received = _real(jac, "jac")(point)
    shape = f(point).shape + point.shape
    if 0 in shape:
        raise ValueError(refusal("fun(theta)", "at least one number", f"shape {shape[:-1]}"))
    return _compare("Jacobian", received, shape, _reference(f, point), rtol)


def check_hessian(fun: UserFunction, hess: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> DerivativeCheck:
    """Check `hess(theta)`, (P, P), against differences: `H_ij = d2 fun / d theta_i d theta_j`.

    Both triangles are compared, so an asymmetric Hessian fails. Tolerance and errors are those of
    `check_gradient`. The cost is some 300 P^2 evaluations of `fun`.

    Examples
    --------
    >>> import numpy as np
    >>> print(check_hessian(lambda t: t[0] * t[1], lambda t: [[0, 1], [0, 0]], np.array([1.0, 3.0])))
    Hessian is wrong at (1, 0): expected 1, received 0 (reference error 4e-11); a missing term?
    """
    point, f = _parameters(theta), _real(fun, "fun", scalar=True)
    received = _real(hess, "hess")(point)
    return _compare("Hessian", received, 2 * point.shape, _reference(f, point, second=True), rtol)


def _compare(
    name: str, received: Array, shape: tuple[int, ...], reference: tuple[Array, Array, Array], rtol: float
) -> DerivativeCheck:
    """Judge the worst entry: not finite before wrong before unknown before right."""
    if not 0 <= rtol < 1:
        raise ValueError(refusal("rtol", "a number in [0, 1)", rtol))
    if received.shape != shape:
        message = f"{name} has the wrong shape: expected {shape}, received {received.shape}"
        return DerivativeCheck(False, (), np.nan, np.nan, np.nan, message)
    expected, error, enough = (array.reshape(shape) for array in reference)
    with np.errstate(all="ignore"):
        tolerance = rtol * np.abs(expected) + SAFETY * error + np.finfo(float).tiny
        excess = np.abs(received - expected) / tolerance
    unknown = ~np.isfinite(error) | (SAFETY * error > enough)
    excess = np.where(unknown & ~(excess > 1), 1.0, excess)  # `~(>)` holds for NaN
    excess = np.where(np.isfinite(received), excess, np.inf)
    worst = np.unravel_index(np.argmax(excess), shape)
    e, r, err = float(expected[worst]), float(received[worst]), float(error[worst])
    if excess[worst] > 1:
        verdict = "is wrong"
        hint = next(("; " + text for ratio, text in HINTS.items() if e and abs(r / e - ratio) < 1e-6), "")
    elif excess[worst] == 1:
        verdict, hint = "cannot be checked", "; not smooth there, or too noisy: try another theta"
    else:
        verdict, hint = "agrees, worst", ""
    index = tuple(int(i) for i in worst)
    values = f"expected {e:.9g}, received {r:.9g} (reference error {err:.0e})"
    message = f"{name} {verdict} at {index}: {values}{hint}"
    return DerivativeCheck(bool(excess[worst] < 1), index, e, r, err, message)


def _reference(f: Function, theta: Array, second: bool = False) -> tuple[Array, Array, Array]:
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


def _real(function: UserFunction, name: str, scalar: bool = False) -> Function:
    """Guard a user's function: it gets a copy, it returns a copy, and that holds real numbers."""
    if not callable(function):
        raise TypeError(refusal(name, "a function of theta", repr(function)))
    returned = f"{name}(theta)"

    def guarded(theta: Array) -> Array:
        result = real_array(returned, function(theta.copy()), "one number" if scalar else "an array")
        if scalar and result.shape != ():
            raise ValueError(refusal(returned, "one number", f"shape {result.shape}"))
        return result.copy()

    return guarded


def _parameters(theta: ArrayLike) -> Array:
    """Copy `theta` to float64, checked."""
    expected = "shape (P,) with P >= 1"
    array = real_array("theta", theta, expected)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(refusal("theta", expected, f"shape {array.shape}"))
    return finite("theta", array).copy()
