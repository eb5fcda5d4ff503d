"""Around the post: find wrong derivatives in your own code, and wrong numbers.

| you have | call |
|---|---|
| `fun: (P,) -> float` and its gradient, (P,) | `check_gradient(fun, grad, theta)` |
| `fun: (P,) -> S` and its Jacobian, S + (P,) | `check_jacobian(fun, jac, theta)` |
| `fun: (P,) -> float` and its Hessian, (P, P) | `check_hessian(fun, hess, theta)` |
| numbers, and what they should be, both S | `check_equal(name, received, expected)` |

Each returns a `Check`, true if every entry agrees, which prints what is worst and where. Where the
finite differences themselves show nothing (a kink, a pole, noise), the check fails and says so. The functions
are plain ones of one vector, not vectorised; S is any shape. What is far below the roundoff of `fun`
cannot be resolved: drop large constants, and check away from optima.

In an exercise a gap is written `...`. A check of what still is a gap, or a function that returns one, fails and
says that it is open.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..validation import Array, finite, instance, real_array, refusal
from .differences import SAFETY, Function, reference
from .verdict import Check, excess, judge, still_open, usual_cause, wrong_shape

UserFunction: TypeAlias = Callable[[Array], Any]

RTOL = 1e-7  # far above the roundoff of a correct derivative, far below a mistake


def check_gradient(fun: UserFunction, grad: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> Check:
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
    return _check_derivative("gradient", fun, ("grad", grad), theta, rtol)


def check_jacobian(fun: UserFunction, jac: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> Check:
    """Check `jac(theta)`, S + (P,), against differences of `fun`, S: `J_si = d fun_s / d theta_i`.

    Tolerance and errors are those of `check_gradient`; S is any shape that is not empty, () included.

    Examples
    --------
    >>> import numpy as np
    >>> bool(check_jacobian(np.sin, lambda t: np.diag(np.cos(t)), np.array([0.1, 0.2, 0.3])))
    True
    """
    return _check_derivative("Jacobian", fun, ("jac", jac), theta, rtol)


def check_hessian(fun: UserFunction, hess: UserFunction, theta: ArrayLike, *, rtol: float = RTOL) -> Check:
    """Check `hess(theta)`, (P, P), against differences: `H_ij = d2 fun / d theta_i d theta_j`.

    Both triangles are compared, so an asymmetric Hessian fails. Tolerance and errors are those of
    `check_gradient`. The cost is some 300 P^2 evaluations of `fun`.

    Examples
    --------
    >>> import numpy as np
    >>> print(check_hessian(lambda t: t[0] * t[1], lambda t: [[0, 1], [0, 0]], np.array([1.0, 3.0])))
    Hessian is wrong at (1, 0): expected 1, received 0 (reference error 4e-11); a missing term?
    """
    return _check_derivative("Hessian", fun, ("hess", hess), theta, rtol, second=True)


def check_equal(name: str, received: ArrayLike, expected: ArrayLike, *, rtol: float = 1e-9) -> Check:
    """Check that numbers, one or an array of any shape, are what they should be.

    An entry agrees when `|received - expected| <= rtol max(|expected|, 0.001 max |expected|)`, the inner maximum
    that of all entries, or 1 if all are zero. Infinities agree with themselves, NaN with nothing; shapes must be equal.

    Raises
    ------
    TypeError, ValueError
        `name` is no string, `received` or `expected` holds no real numbers, or `rtol` is not in [0, 1).

    Examples
    --------
    >>> print(check_equal("covariance", [[2.0, 0.5], [0.1, 3.0]], [[2.0, 0.1], [0.5, 3.0]]))
    covariance is wrong at (0, 1): expected 0.1, received 0.5; transposed?
    >>> print(check_equal("log evidence", ..., -12.3))
    log evidence: the gap `...` is still open
    """
    instance("name", name, str, "a string")
    _check_rtol(rtol)
    if _is_open(received):
        return still_open(name)
    sort = "a number or an array"
    r, e = real_array("received", received, sort), real_array("expected", expected, sort)
    if e.size == 0:
        raise ValueError(refusal("expected", "at least one number", f"shape {e.shape}"))
    if r.shape != e.shape:
        return wrong_shape(name, e.shape, r.shape)
    return judge(name, excess(r, e, rtol), r, e, np.zeros(e.shape), usual_cause(r, e, rtol))


class _OpenGapError(Exception):
    """What is under test still is a gap, or returned one."""


def _check_derivative(
    name: str,
    fun: UserFunction,
    under_test: tuple[str, UserFunction],
    theta: ArrayLike,
    rtol: float,
    second: bool = False,
) -> Check:
    """Compare a derivative with finite differences of `fun`; only a Jacobian is one of more than one number."""
    _check_rtol(rtol)
    point = _parameters(theta)
    try:
        f, derivative = _real(fun, "fun", scalar=name != "Jacobian"), _real(under_test[1], under_test[0])
        received, value = derivative(point), f(point)
    except _OpenGapError:
        return still_open(name)
    shape = 2 * point.shape if second else value.shape + point.shape
    if 0 in shape:
        raise ValueError(refusal("fun(theta)", "at least one number", f"shape {value.shape}"))
    if received.shape != shape:
        return wrong_shape(name, shape, received.shape)
    expected, error, enough = (array.reshape(shape) for array in reference(f, point, second))
    with np.errstate(all="ignore"):
        tolerance = rtol * np.abs(expected) + SAFETY * error + np.finfo(float).tiny
        off = np.abs(received - expected) / tolerance
    unknown = ~np.isfinite(error) | (SAFETY * error > enough)
    off = np.where(unknown & ~(off > 1), 1.0, off)  # `~(>)` holds for NaN
    off = np.where(np.isfinite(received), off, np.inf)
    return judge(name, off, received, expected, error)


def _is_open(value: Any) -> bool:
    """Whether an answer is a gap, `...`, or holds one."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_open, value))
    return value is ... or (isinstance(value, np.ndarray) and value.dtype == object and any(map(_is_open, value.flat)))


def _check_rtol(rtol: float) -> None:
    if np.ndim(real_array("rtol", rtol, "a number in [0, 1)")) or not 0 <= rtol < 1:
        raise ValueError(refusal("rtol", "a number in [0, 1)", rtol))


def _real(function: UserFunction, name: str, scalar: bool = False) -> Function:
    """Guard a user's function: it gets a copy, it returns a copy, and that holds real numbers."""
    if _is_open(function):
        raise _OpenGapError
    if not callable(function):
        raise TypeError(refusal(name, "a function of theta", repr(function)))
    returned = f"{name}(theta)"

    def guarded(theta: Array) -> Array:
        answer = function(theta.copy())
        if _is_open(answer):
            raise _OpenGapError
        result = real_array(returned, answer, "one number" if scalar else "an array")
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
