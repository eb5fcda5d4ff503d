"""Checks of a derivative against finite differences of its function.

| you have | call |
|---|---|
| `fun: (P,) -> float` and its gradient, (P,) | `check_gradient(fun, grad, theta)` |
| `fun: (P,) -> S` and its Jacobian, S + (P,) | `check_jacobian(fun, jac, theta)` |
| `fun: (P,) -> float` and its Hessian, (P, P) | `check_hessian(fun, hess, theta)` |

Each call returns a `Check`, which is true if every entry agrees, and prints the worst entry: where it is, what was
expected and what was received. `fun` and the function under test receive one vector theta (P,) at a time; S stands
for any shape.

A derivative with a relative error above 1e-5 does not pass. Where finite differences do not show an entry to 1e-5, the
check fails and says that it "cannot be checked": at a kink or a pole, if `fun` is noisy or computes in float32 or
float16, or if rounding errors hide the derivative beside a large constant. An entry that is smaller than 1e-6 of the
largest is compared as one of this size, and an entry that is zero must be so to 1e-9 of the largest. What no
difference can see is not seen: an oscillation whose size is a few rounding errors of `fun` looks like them.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..validation import Array, instance, numbers, real_array, refusal
from .differences import SAFETY, reference
from .verdict import Check, by_name, check_rtol, is_open, judge, still_open, which, wrong_shape

UserFunction: TypeAlias = Callable[[Array], Any]
Mistakes: TypeAlias = Mapping[str, UserFunction] | None

RTOL = 1e-7  # far above the rounding errors of a correct derivative, far below what a mistake changes
RESOLVED = 1e-5  # the relative error that a difference may leave unseen
LEAST = 1e-6  # an entry below this part of the largest is compared as one of this size
ZERO = 1e-9  # the part of the other entries that may hide in a zero


def check_gradient(
    fun: UserFunction, grad: UserFunction, theta: ArrayLike, *, rtol: float = RTOL, mistakes: Mistakes = None
) -> Check:
    """Check that `grad(theta)`, (P,), is the gradient of `fun`, `g_i = d fun / d theta_i`, by finite differences.

    An entry is wrong if `|received - expected| > rtol |expected| + 10 error`, where `expected` is a finite difference
    and `error` the estimate of its error. It cannot be checked if `10 error` is more than 1e-5 of the entry, and
    agrees otherwise. Shapes must be equal. The check evaluates `fun` about 110 P times, at up to |theta_i| or 1 from
    theta_i, whichever is larger; there an ArithmeticError or ValueError of `fun` counts as NaN. If the gradient agrees
    with one of the `mistakes`, wrong functions by what is wrong with them, the check says with which.

    Raises
    ------
    TypeError, ValueError
        If a function is not callable or returns no real numbers, `fun` returns no scalar, `theta` is not a
        finite real vector with P > 0, or `rtol` is not in [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> print(check_gradient(lambda t: t @ t, lambda t: t, np.array([1.0, 3.0])))
    gradient is wrong at (1,): expected 6, received 3 (reference error 4e-15); a missing factor 2?
    """
    return _check_derivative("gradient", fun, ("grad", grad), theta, rtol, mistakes)


def check_jacobian(
    fun: UserFunction, jac: UserFunction, theta: ArrayLike, *, rtol: float = RTOL, mistakes: Mistakes = None
) -> Check:
    """Check that `jac(theta)`, S + (P,), is the Jacobian of `fun`, `J_si = d fun_s / d theta_i`.

    S is the shape of what `fun` returns: () for one number, or any other that is not empty. Tolerance, `mistakes`, and
    the errors that are raised are those of `check_gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> bool(check_jacobian(np.sin, lambda t: np.diag(np.cos(t)), np.array([0.1, 0.2, 0.3])))
    True
    """
    return _check_derivative("Jacobian", fun, ("jac", jac), theta, rtol, mistakes)


def check_hessian(
    fun: UserFunction, hess: UserFunction, theta: ArrayLike, *, rtol: float = RTOL, mistakes: Mistakes = None
) -> Check:
    """Check that `hess(theta)`, (P, P), is the Hessian of `fun`, `H_ij = d2 fun / d theta_i d theta_j`.

    Both triangles are compared, so an asymmetric Hessian fails. Tolerance, `mistakes`, and the errors that are raised
    are those of `check_gradient`. The check evaluates `fun` about 60 P^2 times. Where differences do not show the first
    derivative by a parameter, they show no second one either.

    Examples
    --------
    >>> import numpy as np
    >>> print(check_hessian(lambda t: t[0] * t[1], lambda t: [[0, 1], [0, 0]], np.array([1.0, 3.0])))
    Hessian is wrong at (1, 0): expected 1, received 0 (reference error 1e-16); a missing term?
    """
    return _check_derivative("Hessian", fun, ("hess", hess), theta, rtol, mistakes)


def _check_derivative(
    name: str,
    fun: UserFunction,
    under_test: tuple[str, UserFunction],
    theta: ArrayLike,
    rtol: float,
    mistakes: Mistakes,
) -> Check:
    """Compare a derivative with finite differences of `fun`, which must return one number unless it is a Jacobian."""
    check_rtol(rtol)
    scalar, second = name != "Jacobian", name == "Hessian"
    point, answers, foreseen = numbers("theta", theta, {1: "(P,)"}).copy(), [], by_name(mistakes, functions=True)
    wrong = {text: [_returned("mistakes", function(point.copy()), False)] for text, function in foreseen.items()}
    for argument, function, one in [(*under_test, False), ("fun", fun, scalar)]:
        if not is_open(function):
            instance(argument, function, Callable, "a function of theta")
        answer = ... if is_open(function) else function(point.copy())
        if is_open(answer):
            return still_open(name)
        answers.append(_returned(argument, answer, one))
    received, value = answers
    shape = 2 * point.shape if second else value.shape + point.shape
    if 0 in shape:
        raise ValueError(refusal("fun(theta)", "at least one number", f"shape {value.shape}"))
    cause = which([received], wrong, rtol)
    if received.shape != shape:
        return wrong_shape(name, shape, received.shape, cause)
    derivatives = reference(lambda t: _returned("fun", fun(t.copy()), scalar), point, second)
    expected, error, size = (array.reshape(shape) for array in derivatives)
    off = _off_from_differences(received, expected, error, size, rtol)
    return judge(name, off, received, expected, error, cause)


def _off_from_differences(received: Array, expected: Array, error: Array, size: Array, rtol: float) -> Array:
    """Return by how many tolerances each entry is off, as `judge` takes it: 1 where differences cannot tell."""
    with np.errstate(all="ignore"):
        doubt = SAFETY * error
        off = np.abs(received - expected) / (rtol * np.abs(expected) + doubt + np.finfo(float).tiny)
        zero = np.maximum(np.abs(received), np.abs(expected)) <= doubt
        enough = np.where(zero, ZERO * size, RESOLVED * np.maximum(np.abs(expected), LEAST * size))
        unknown = ~np.isfinite(error) | (doubt > enough + np.finfo(float).tiny)
    off = np.where(unknown & ~(off > 1), 1.0, off)  # `~(off > 1)` is true of NaN as well
    return np.where(np.isfinite(received), off, np.inf)


def _returned(name: str, answer: Any, scalar: bool) -> Array:
    """Return a copy of what a user's function has returned, real numbers of any shape, or if `scalar` only one."""
    result = real_array(f"{name}(theta)", answer, "one number" if scalar else "an array")
    if scalar and result.shape != ():
        raise ValueError(refusal(f"{name}(theta)", "one number", f"shape {result.shape}"))
    return result.copy()
