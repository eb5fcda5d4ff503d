"""The checks pass what is right, find what is wrong and where, and pass nothing they cannot see."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from minilaplace.checks import check_equal, check_gradient, check_hessian, check_jacobian
from minilaplace.checks.verdict import Check

THETA = np.array([1e-3, -0.4, 1.0, -20.0, 1e3])
UNIT = np.maximum(1.0, np.abs(THETA))  # the length on which the functions below vary

# name: (function, gradient, Hessian) of theta, (5,), with entries from 1e-3 to 1e3
SMOOTH: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "tanh": (
        lambda t: np.tanh(t / UNIT).sum(),
        lambda t: np.cosh(t / UNIT) ** -2 / UNIT,
        lambda t: np.diag(-2 * np.tanh(t / UNIT) * np.cosh(t / UNIT) ** -2 / UNIT**2),
    ),
    "sigmoid": (
        lambda t: expit(t @ (1 / UNIT)),
        lambda t: expit(t @ (1 / UNIT)) * expit(-t @ (1 / UNIT)) / UNIT,
        lambda t: (
            expit(t @ (1 / UNIT))
            * expit(-t @ (1 / UNIT))
            * (1 - 2 * expit(t @ (1 / UNIT)))
            * np.outer(1 / UNIT, 1 / UNIT)
        ),
    ),
    "exp": (
        lambda t: np.exp(t / UNIT).sum(),
        lambda t: np.exp(t / UNIT) / UNIT,
        lambda t: np.diag(np.exp(t / UNIT) / UNIT**2),
    ),
    "quadratic": (
        lambda t: ((t / UNIT) ** 2).sum() + (t / UNIT).sum() ** 2,
        lambda t: 2 * t / UNIT**2 + 2 * (t / UNIT).sum() / UNIT,
        lambda t: 2 * np.diag(UNIT**-2) + 2 * np.outer(1 / UNIT, 1 / UNIT),
    ),
    "oscillating": (
        lambda t: np.sin(t).sum(),
        np.cos,
        lambda t: -np.diag(np.sin(t)),
    ),  # on length 1, even at 1e3
    "log": (lambda t: np.log(np.abs(t)).sum(), lambda t: 1 / t, lambda t: -np.diag(t**-2)),  # pole 1e-3 away
}


def planted(derivative: Callable[..., Any], index: tuple[int, ...], change: Callable[[float], float]) -> Any:
    """Return the derivative with `change` applied to its entry at `index`."""

    def wrong(theta: Any) -> Any:
        result = np.array(derivative(theta), dtype=float)
        result[index] = change(result[index])
        return result

    return wrong


def loss(theta: Any) -> Any:
    """Return the loss of a 2-3-1 network on four samples; theta is (13,)."""
    W1, b1, W2, b2 = theta[:6].reshape(3, 2), theta[6:9], theta[9:12], theta[12]
    X, y = np.array([[0.3, -1.2], [2.0, 0.1], [-0.7, 0.8], [1.1, 1.9]]), np.array([0, 1, 1, 0])
    f = np.tanh(X @ W1.T + b1) @ W2 + b2
    return (np.log(1 + np.exp(f)) - y * f).sum()


def loss_gradient(theta: Any) -> Any:
    """Return the gradient of `loss` by complex steps, exact to roundoff and independent of differences."""
    return np.array([loss(theta + 1e-30j * e).imag * 1e30 for e in np.eye(theta.size)])


def loss_hessian(theta: Any) -> Any:
    """Return the Hessian of `loss`: 4th order differences of the complex-step gradient."""
    h = 1e-3
    columns = [
        8 * (loss_gradient(theta + h * e) - loss_gradient(theta - h * e))
        - (loss_gradient(theta + 2 * h * e) - loss_gradient(theta - 2 * h * e))
        for e in np.eye(theta.size)
    ]
    return np.array(columns) / (12 * h)


NETWORK_THETA = np.random.default_rng(0).normal(size=13)


@pytest.mark.parametrize("name", SMOOTH)
def test_correct_derivatives_pass_at_parameters_of_very_different_scale(name: str) -> None:
    fun, grad, hess = SMOOTH[name]
    for check in (check_gradient(fun, grad, THETA), check_hessian(fun, hess, THETA)):
        assert check, check
        assert check.passed is True
        assert "agrees" in str(check)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("index", range(THETA.size))
@pytest.mark.parametrize("name", SMOOTH)
def test_a_relative_error_of_1e_5_in_one_gradient_entry_is_found_there(name: str, index: int, sign: int) -> None:
    fun, grad, _ = SMOOTH[name]
    check = check_gradient(fun, planted(grad, (index,), lambda g: g * (1 + sign * 1e-5)), THETA)
    truth = grad(THETA)[index]
    assert not check
    assert check.index == (index,)
    assert check.expected == pytest.approx(truth, rel=1e-7)
    assert check.received == truth * (1 + sign * 1e-5)
    assert check.error < 1e-6 * abs(truth)


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 12), log_error=st.floats(-5, 2), sign=st.sampled_from([-1, 1]))
def test_any_error_above_1e_5_in_a_network_gradient_is_found_there(index: int, log_error: float, sign: int) -> None:
    wrong = planted(loss_gradient, (index,), lambda g: g + sign * 10**log_error * abs(g))
    check = check_gradient(loss, wrong, NETWORK_THETA)
    assert not check
    assert check.index == (index,)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-3, 0.1, 1.0, 3.0]))
def test_a_correct_network_gradient_passes_anywhere(seed: int, scale: float) -> None:
    theta = scale * np.random.default_rng(seed).normal(size=13)
    check = check_gradient(loss, loss_gradient, theta)
    assert check, check
    assert check.expected == pytest.approx(check.received, rel=1e-7, abs=1e-11)  # abs: an entry may vanish


def test_a_network_hessian_passes_and_an_error_of_1e_5_in_its_largest_entry_fails() -> None:
    H = loss_hessian(NETWORK_THETA)
    worst = tuple(int(i) for i in np.unravel_index(np.abs(H).argmax(), H.shape))
    right = check_hessian(loss, lambda t: H, NETWORK_THETA)
    wrong = check_hessian(loss, planted(lambda t: H, worst, lambda h: h * (1 + 1e-5)), NETWORK_THETA)
    assert right, right
    assert not wrong
    assert wrong.index == worst
    assert wrong.expected == pytest.approx(H[worst], rel=1e-8)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 2)])
def test_a_jacobian_of_any_output_shape_passes_and_its_wrong_entry_is_found(shape: tuple[int, ...]) -> None:
    A = np.random.default_rng(1).normal(size=(*shape, 3))
    theta = np.array([0.2, -0.5, 1.5])

    def jac(t: Any) -> Any:
        return np.cos(A @ t)[..., None] * A

    last = tuple(n - 1 for n in A.shape)
    assert check_jacobian(lambda t: np.sin(A @ t), jac, theta)
    check = check_jacobian(lambda t: np.sin(A @ t), planted(jac, last, lambda j: j + 1e-3), theta)
    assert not check
    assert check.index == last


def test_a_small_output_beside_a_large_one_is_checked_on_its_own_scale() -> None:
    def fun(t: Any) -> Any:
        return np.array([1e6, 1e-6]) * np.sin(t)

    def jac(t: Any) -> Any:
        return np.diag(np.array([1e6, 1e-6]) * np.cos(t))

    theta = np.array([0.3, 0.4])
    assert check_jacobian(fun, jac, theta)
    assert check_jacobian(fun, planted(jac, (1, 1), lambda j: j * (1 + 1e-5)), theta).index == (1, 1)
    assert not check_jacobian(fun, planted(jac, (1, 1), lambda j: j * (1 + 1e-5)), theta)


@pytest.mark.parametrize(
    ("factor", "hint"), [(-1, "wrong sign"), (2, "factor 1/2"), (0.5, "factor 2"), (0, "missing term")]
)
def test_the_message_names_the_place_the_values_and_the_usual_cause(factor: float, hint: str) -> None:
    check = check_gradient(lambda t: (t**2).sum(), planted(lambda t: 2 * t, (1,), lambda g: factor * g), [1, 2, 3])
    assert check.index == (1,)
    assert str(check) == check.message
    for part in (
        "gradient is wrong at (1,)",
        "expected 4",
        f"received {4 * factor:g} ",
        "reference error",
        hint,
    ):
        assert part in str(check)


def test_no_cause_is_guessed_for_a_ratio_that_means_nothing() -> None:
    check = check_gradient(lambda t: (t**2).sum(), planted(lambda t: 2 * t, (1,), lambda g: 1.7 * g), [1, 2, 3])
    assert not check
    assert str(check).endswith(")")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_entry_that_is_not_finite_fails_even_beside_a_larger_mistake(bad: float) -> None:
    wrong = planted(planted(lambda t: 2 * t, (0,), lambda g: 1e9), (2,), lambda g: bad)
    check = check_gradient(lambda t: t @ t, wrong, np.ones(4))
    assert not check
    assert check.index == (2,)
    assert check.expected == pytest.approx(2.0)
    assert np.array_equal(check.received, bad, equal_nan=True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_function_that_is_not_finite_never_passes(value: float) -> None:
    for grad in (lambda t: 0 * t, lambda t: t + np.nan, lambda t: t + np.inf):
        assert not check_gradient(lambda t: value, grad, np.ones(2))
    assert not check_hessian(lambda t: value, lambda t: np.zeros((2, 2)), np.ones(2))


@pytest.mark.parametrize("shape", [(), (1,), (1, 3), (3, 1), (4,)])
def test_a_gradient_whose_shape_only_broadcasts_fails(shape: tuple[int, ...]) -> None:
    check = check_gradient(lambda t: t.sum(), lambda t: np.ones(shape), np.ones(3))
    assert not check
    assert check.index == ()
    assert np.isnan([check.expected, check.received, check.error]).all()
    assert f"expected (3,), received {shape}" in str(check)


def test_jacobians_and_hessians_whose_shape_only_broadcasts_fail() -> None:
    theta = np.ones(3)
    assert "expected (2, 3), received (1, 3)" in str(
        check_jacobian(lambda t: np.array([t.sum(), t.sum()]), lambda t: np.ones((1, 3)), theta)
    )
    assert "expected (1, 3), received (3,)" in str(
        check_jacobian(lambda t: t.sum(keepdims=True), lambda t: np.ones(3), theta)
    )
    assert "expected (3, 3), received (3,)" in str(check_hessian(lambda t: t.sum(), lambda t: 0 * t, theta))


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("kinked", [np.abs, lambda t: np.maximum(t, 0)])
def test_at_a_kink_no_slope_passes_not_even_the_mean_of_both_sides(kinked: Any, slope: float) -> None:
    check = check_gradient(lambda t: kinked(t).sum(), lambda t: np.array([1.0, slope]), np.array([0.7, 0.0]))
    assert not check
    assert check.index == (1,)
    assert check.error > 0.1
    assert "gradient cannot be checked at (1,)" in str(check)
    assert str(check).endswith("; not smooth there, or too noisy: try another theta")


@pytest.mark.parametrize("curvature", [0.0, 1.0, 2.0])
def test_where_the_curvature_jumps_no_hessian_passes(curvature: float) -> None:
    def hess(t: Any) -> Any:
        return np.array([[curvature, 0.0], [0.0, 2.0]])

    check = check_hessian(lambda t: (np.maximum(t, 0) ** 2).sum(), hess, np.array([0.0, 0.7]))
    assert not check
    assert check.index == (0, 0)


@pytest.mark.parametrize("distance", [-1e-2, -1e-3, 1e-3, 1e-2, 2.0**-4, 2.0**-5])
def test_near_a_kink_the_right_side_passes_and_the_other_fails(distance: float) -> None:
    theta = np.array([distance, 0.7])
    assert check_gradient(lambda t: np.maximum(t, 0).sum(), lambda t: (t > 0) * 1.0, theta)
    assert not check_gradient(lambda t: np.maximum(t, 0).sum(), lambda t: np.array([distance < 0, 1.0]), theta)


def test_noise_larger_than_the_derivative_cannot_pass() -> None:
    rng = np.random.default_rng(0)
    check = check_gradient(lambda t: t.sum() + rng.normal(), np.ones_like, np.ones(3))
    assert not check
    assert check.error > 1


@pytest.mark.parametrize("index", [(0, 2), (2, 0)])
def test_a_hessian_with_one_asymmetric_entry_fails_there(index: tuple[int, int]) -> None:
    hess = planted(SMOOTH["quadratic"][2], index, lambda h: -h)
    check = check_hessian(SMOOTH["quadratic"][0], hess, THETA)
    assert not check
    assert check.index == index
    assert check.received == pytest.approx(-check.expected, rel=1e-6)


def test_at_an_optimum_a_zero_derivative_passes_and_a_constant_has_one() -> None:
    zero = np.zeros(3)
    assert check_gradient(lambda t: 100 + np.cosh(t).sum(), np.sinh, zero)
    assert check_gradient(lambda t: t @ t, lambda t: 2 * t, zero)
    assert check_gradient(lambda t: 0.0, np.zeros_like, zero)
    assert check_hessian(lambda t: 5 + t.sum(), lambda t: np.zeros((3, 3)), zero)
    assert not check_gradient(lambda t: 100 + np.cosh(t).sum(), lambda t: t + 1e-8, zero)


def test_functions_that_mutate_their_argument_change_neither_theta_nor_the_verdict() -> None:
    def fun(t: Any) -> Any:
        t *= t
        return t.sum()

    def grad(t: Any) -> Any:
        t *= 2
        return t

    theta = np.array([1.0, 2.0, 3.0])
    assert check_gradient(fun, grad, theta)
    assert not check_gradient(fun, lambda t: 3 * grad(t), theta)
    np.testing.assert_array_equal(theta, [1.0, 2.0, 3.0])


def test_views_of_a_buffer_that_is_reused_do_not_hide_a_mistake() -> None:
    buffer, values = np.zeros(3), np.zeros((3, 3))

    def jac(t: Any) -> Any:
        values[:] = np.diag(2 * t)
        return values[:]

    def fun(t: Any) -> Any:
        values.fill(0.0)  # overwrites what jac returned
        np.multiply(t, t, out=buffer)
        return buffer[:]

    theta = np.array([1.0, 2.0, 3.0])
    assert check_jacobian(fun, jac, theta)
    assert not check_jacobian(fun, lambda t: 2 * jac(t), theta)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_the_units_of_a_function_do_not_change_what_is_checked(unit: float) -> None:
    # An entry of 1e-9 beside one of 1 is compared as one of 1e-6, which differences show; one of 1e-3 is resolved.
    for small, seen in [(1e-9, False), (1e-3, True)]:
        weights = unit * np.array([1.0, small])
        theta = np.array([0.4, 1.1])
        right = weights * np.cos(theta)
        assert check_gradient(lambda t, w=weights: w @ np.sin(t), lambda t, g=right: g, theta)
        wrong = right * [1.0, 1 + 1e-4]
        check = check_gradient(lambda t, w=weights: w @ np.sin(t), lambda t, g=wrong: g, theta)
        assert check.index == (1,)
        assert bool(check) is False
        assert ("is wrong" in str(check)) is seen or not seen


@pytest.mark.parametrize(("factor", "finding"), [(0.9, "cannot be checked"), (1.1, "is wrong"), (1.9, "is wrong")])
def test_what_is_off_by_ten_errors_is_wrong_also_where_no_right_answer_could_be_told(
    factor: float, finding: str
) -> None:
    def fun(t: Any) -> Any:
        return np.sin(half(t[0]))

    first = check_gradient(fun, np.cos, [0.3])
    assert "cannot be checked" in str(first)
    tolerance = 1e-7 * abs(first.expected) + 10 * first.error
    for sign in (-1, 1):
        answer = np.array([first.expected + sign * factor * tolerance])
        assert f"gradient {finding}" in str(check_gradient(fun, lambda t, g=answer: g, [0.3]))


@pytest.mark.parametrize("check", [check_gradient, check_hessian])
def test_what_a_function_returns_beside_theta_is_one_number_or_none(check: Callable[..., Check]) -> None:
    def one(t: Any) -> Any:
        return np.ones(t.shape if check is check_gradient else 2 * t.shape)

    assert "cannot be checked" in str(check(lambda t: t[0] if t[0] == 1 else t, one, [1.0]))
    with pytest.raises(TypeError, match=r"^fun\(theta\): expected real numbers, one number, received None"):
        check(lambda t: t[0] if t[0] == 1 else None, one, [1.0])


def test_a_mistake_beyond_the_range_of_numbers_is_wrong_without_a_warning() -> None:
    check = check_gradient(lambda t: -8e307 * t[0], lambda t: np.array([1.7e308]), [0.5])
    assert "gradient is wrong at (0,): expected -8e+307, received 1.7e+308" in str(check)


def test_rtol_is_the_relative_error_that_is_let_through() -> None:
    def grad(t: Any) -> Any:
        return np.cos(t) * (1 + 1e-4)

    assert check_gradient(lambda t: np.sin(t).sum(), grad, [0.3, 0.5], rtol=2e-4)
    assert not check_gradient(lambda t: np.sin(t).sum(), grad, [0.3, 0.5], rtol=5e-5)


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        (1.0, ValueError, r"theta: expected shape \(P,\) with nothing empty, received shape \(\)"),
        ([[1.0, 2.0]], ValueError, r"theta: expected shape \(P,\) with nothing empty, received shape \(1, 2\)"),
        ([], ValueError, r"theta: expected shape \(P,\) with nothing empty, received shape \(0,\)"),
        ([1.0, np.nan], ValueError, r"theta: expected finite numbers, received nan at index 1"),
        ([-np.inf, 1.0], ValueError, r"theta: expected finite numbers, received -inf at index 0"),
        ([1j, 1.0], TypeError, "theta: expected real numbers, .*, received dtype complex128"),
        (["1", "2"], TypeError, "theta: expected real numbers, .*, received dtype <U1"),
        (None, TypeError, "theta: expected real numbers, .*, received None"),
    ],
)
@pytest.mark.parametrize("check", [check_gradient, check_jacobian, check_hessian])
def test_a_bad_theta_is_named(check: Callable[..., Check], theta: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        check(np.sum, np.ones_like, theta)


@pytest.mark.parametrize(
    ("check", "derivative"), [(check_gradient, "grad"), (check_jacobian, "jac"), (check_hessian, "hess")]
)
def test_bad_functions_are_named(check: Callable[..., Check], derivative: str) -> None:
    theta = np.ones(2)
    with pytest.raises(TypeError, match=r"fun: expected a function of theta, received 1\.0"):
        check(1.0, np.ones_like, theta)
    with pytest.raises(TypeError, match=f"{derivative}: expected a function of theta, received an array of shape"):
        check(np.sum, theta, theta)
    with pytest.raises(TypeError, match=r"fun\(theta\): expected real numbers, .* received dtype complex128"):
        check(lambda t: 1j, np.ones_like, theta)
    with pytest.raises(TypeError, match=f"{derivative}\\(theta\\): expected real numbers, .* received None"):
        check(np.sum, lambda t: None, theta)


@pytest.mark.parametrize("check", [check_gradient, check_hessian])
@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1)])
def test_a_function_that_returns_no_scalar_is_named(check: Callable[..., Check], shape: Any) -> None:
    with pytest.raises(ValueError, match=r"fun\(theta\): expected one number, received shape \("):
        check(lambda t: np.ones(shape), np.ones_like, np.ones(2))


def test_an_empty_output_is_named() -> None:
    with pytest.raises(ValueError, match=r"fun\(theta\): expected at least one number, received shape \(0,\)"):
        check_jacobian(lambda t: np.zeros(0), lambda t: np.zeros((0, 2)), np.ones(2))


@pytest.mark.parametrize("rtol", [-1e-9, 1.0, np.nan, np.inf, np.array([0.1])])
def test_an_rtol_that_would_let_everything_through_is_refused(rtol: Any) -> None:
    with pytest.raises(ValueError, match=r"rtol: expected a number in \[0, 1\), received"):
        check_gradient(np.sum, np.ones_like, np.ones(2), rtol=rtol)


# --- no false alarm and no miss: a right derivative is never called wrong, and a wrong one never passes

A, B = np.array([0.3, -0.7, 1.2]), np.array([0.4, 1.1])
NOISE = np.random.default_rng(5)


def single(t: Any) -> Any:
    """Return the values of t in float32, where they are rounded to 7 digits."""
    return np.asarray(t, np.float32)


def half(t: Any) -> Any:
    """Return the values of t in float16, where they are rounded to 3 digits."""
    return np.asarray(t, np.float16)


def separable(f: Any, g: Any, h: Any, theta: Any) -> tuple[Any, Any, Any, Any]:
    """Return the sum of f over the parameters with its gradient and Hessian, from f, f' and f''."""
    return lambda t: f(t).sum(), g, lambda t: np.diag(h(t)), np.array(theta, dtype=float)


def sines(constant: float, scale: float = 1.0, size: float = 1.0) -> tuple[Any, Any, Any, Any]:
    return (
        lambda t: constant + size * np.sin(t / scale).sum(),
        lambda t: size * np.cos(t / scale) / scale,
        lambda t: -size * np.diag(np.sin(t / scale)) / scale**2,
        scale * A,
    )


def rounded_network(cast: Any) -> Any:
    return lambda t: float(loss(cast(t))) + t @ t / 2


# (function, gradient, Hessian or None, theta), of ordinary smooth functions: the right derivatives pass
ORDINARY: dict[str, tuple[Any, Any, Any, Any]] = {
    "sines": sines(0.0),
    "sines_plus_1": sines(1.0),
    "sines_plus_1e3": sines(1e3),
    "sines_of_size_1e-150": sines(0.0, size=1e-150),
    "sines_of_size_1e150": sines(0.0, size=1e150),
    "sines_of_length_1e-6": sines(0.0, 1e-6),
    "sines_of_length_1e-12": sines(0.0, 1e-12),
    "sines_of_length_1e6": sines(0.0, 1e6),
    "sines_of_length_1e-3_at_1": separable(
        lambda t: np.sin(1e3 * t), lambda t: 1e3 * np.cos(1e3 * t), lambda t: -1e6 * np.sin(1e3 * t), A
    ),
    "sines_of_two_lengths": separable(
        lambda t: np.sin(t) + 1e-3 * np.sin(1e3 * t),
        lambda t: np.cos(t) + np.cos(1e3 * t),
        lambda t: -np.sin(t) - 1e3 * np.sin(1e3 * t),
        A,
    ),
    "exp": separable(np.exp, np.exp, np.exp, A),
    "exp_of_700": separable(
        lambda t: np.exp(700 * t), lambda t: 700 * np.exp(700 * t), lambda t: 490000 * np.exp(700 * t), [0.3, 0.29]
    ),
    "exp_of_-30": separable(
        lambda t: np.exp(-30 * t), lambda t: -30 * np.exp(-30 * t), lambda t: 900 * np.exp(-30 * t), [0.3, 0.2]
    ),
    "square": separable(lambda t: t**2, lambda t: 2 * t, lambda t: 2 + 0 * t, A),
    "fifth_power": separable(lambda t: t**5, lambda t: 5 * t**4, lambda t: 20 * t**3, A),
    "product": (lambda t: t[0] * t[1], lambda t: t[::-1].copy(), lambda t: np.array([[0.0, 1.0], [1.0, 0.0]]), B),
    "quartic_with_cross_terms": (
        lambda t: t[0] ** 2 * t[1] ** 2 + t[0] * t[1],
        lambda t: np.array([2 * t[0] * t[1] ** 2 + t[1], 2 * t[0] ** 2 * t[1] + t[0]]),
        lambda t: np.array([[2 * t[1] ** 2, 4 * t[0] * t[1] + 1], [4 * t[0] * t[1] + 1, 2 * t[0] ** 2]]),
        B,
    ),
    "linear": separable(lambda t: 3 * t, lambda t: 3 + 0 * t, lambda t: 0 * t, A),
    "constant": (lambda t: 5.0, np.zeros_like, lambda t: np.zeros((2, 2)), B),
    "one_parameter_without_effect": (
        lambda t: np.sin(t[0]),
        lambda t: np.array([np.cos(t[0]), 0.0]),
        lambda t: np.diag([-np.sin(t[0]), 0.0]),
        B,
    ),
    "one_entry_of_1e-6": (
        lambda t: np.sin(t[0]) + 1e-6 * np.sin(t[1]),
        lambda t: np.array([1, 1e-6]) * np.cos(t),
        lambda t: -np.diag(np.array([1, 1e-6]) * np.sin(t)),
        B,
    ),
    "one_entry_of_1e-9": (
        lambda t: np.sin(t[0]) + 1e-9 * np.sin(t[1]),
        lambda t: np.array([1, 1e-9]) * np.cos(t),
        None,
        B,
    ),
    "log_at_a_pole": separable(np.log, lambda t: 1 / t, lambda t: -(t**-2), [1e-8, 1e-3]),
    "near_a_pole_at_1": separable(
        lambda t: 1 / (t - 1), lambda t: -((t - 1) ** -2), lambda t: 2 * (t - 1) ** -3, [1 + 2.0**-13, 3.0]
    ),
    "saturation_in_1e-9": separable(
        lambda t: t / (t + 1.5e-9), lambda t: 1.5e-9 / (t + 1.5e-9) ** 2, lambda t: -3e-9 / (t + 1.5e-9) ** 3, [2e-8]
    ),
    "square_root": separable(np.sqrt, lambda t: 0.5 * t**-0.5, lambda t: -0.25 * t**-1.5, [1e-4, 2.0]),
    "math_domain": (
        lambda t: math.log(t[0]) + math.sqrt(t[1]),
        lambda t: np.array([1 / t[0], 0.5 * t[1] ** -0.5]),
        lambda t: np.diag([-(t[0] ** -2), -0.25 * t[1] ** -1.5]),
        B,
    ),
    "optimum": separable(np.cosh, np.sinh, np.cosh, np.zeros(2)),
    "near_a_kink_times": (
        lambda t: max(t[0], 0) * t[1],
        lambda t: np.array([t[1], t[0]]),
        lambda t: np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.array([3e-4, 0.7]),
    ),
    "very_near_a_kink": (
        lambda t: abs(t[0] - 1e-9) + t[1],
        lambda t: np.array([-1.0, 1.0]),
        None,
        np.array([0.0, 0.3]),
    ),
    "near_a_discontinuity": separable(lambda t: np.sin(t) + (t > 0.301), np.cos, lambda t: -np.sin(t), A),
    "a_cubed_kink": separable(lambda t: np.abs(t) ** 3, lambda t: 3 * t * np.abs(t), lambda t: 6 * np.abs(t), A),
    "network": (loss, loss_gradient, loss_hessian, NETWORK_THETA),
    "relu_network": (
        lambda t: np.maximum(t[:2] @ np.array([[1.0, 2.0], [0.5, -1.0]]), 0).sum() ** 2 + t[2] ** 2,
        lambda t: np.array([2 * (t[0] + 0.5 * t[1]), t[0] + 0.5 * t[1], 2 * t[2]]) if 2 * t[0] < t[1] else 0 * t,
        lambda t: np.array([[2.0, 1, 0], [1, 0.5, 0], [0, 0, 2.0]]),
        np.array([0.3, 0.9, -0.4]),
    ),
}
# functions of which differences show little or nothing: what is right may be beyond a check
HARD: dict[str, tuple[Any, Any, Any, Any]] = {
    **{f"sines_plus_{c:.0e}": sines(c) for c in (1e4, 1e6, 1e8, 1e10, 1e12, 1e14, 1e16, 1e20)},
    "sines_that_are_lost": sines(1e12, size=1e-6),
    "sines_of_length_1e-6_plus_1e8": sines(1e8, 1e-6),
    "difference_of_large_numbers": separable(lambda t: (1e10 + np.sin(t)) - 1e10, np.cos, lambda t: -np.sin(t), A),
    "float32": separable(lambda t: np.sin(single(t)), np.cos, lambda t: -np.sin(t), A),
    "float32_plus_1": separable(lambda t: 1 + np.exp(single(t)), np.exp, np.exp, A),
    "float32_and_a_prior": separable(
        lambda t: np.sin(single(t)) + t**2 / 2, lambda t: np.cos(t) + t, lambda t: 1 - np.sin(t), A
    ),
    "float16": separable(lambda t: np.sin(half(t)), np.cos, lambda t: -np.sin(t), A),
    "float16_and_a_prior": separable(
        lambda t: np.exp(half(t)) + t**2 / 2, lambda t: np.exp(t) + t, lambda t: np.exp(t) + 1, A
    ),
    "float16_that_is_nearly_flat_and_a_prior": separable(
        lambda t: np.tanh(half(t)) + t**2 / 2,
        lambda t: np.cosh(t) ** -2 + t,
        lambda t: 1 - 2 * np.tanh(t) * np.cosh(t) ** -2,
        [0.85820011, 2.57289557],
    ),
    "sines_of_length_1e-6_at_1": separable(
        lambda t: np.sin(t / 1e-6), lambda t: np.cos(t / 1e-6) / 1e-6, lambda t: -np.sin(t / 1e-6) / 1e-12, A
    ),
    "float16_result": separable(lambda t: half(np.exp(t)), np.exp, np.exp, A),
    "network_in_float32": (
        rounded_network(single),
        lambda t: loss_gradient(t) + t,
        lambda t: loss_hessian(t) + np.eye(13),
        NETWORK_THETA,
    ),
    "network_in_float16": (rounded_network(half), lambda t: loss_gradient(t) + t, None, NETWORK_THETA),
    "noise_of_1e-3": (lambda t: np.sin(t).sum() + 1e-3 * NOISE.normal(), np.cos, lambda t: -np.diag(np.sin(t)), A),
    "noise_of_1e-8": (lambda t: np.sin(t).sum() + 1e-8 * NOISE.normal(), np.cos, lambda t: -np.diag(np.sin(t)), A),
    "ripple_of_1e-9": separable(
        lambda t: t + 1e-9 * np.sin(t / 1e-9),
        lambda t: 1 + np.cos(t / 1e-9),
        lambda t: -np.sin(t / 1e-9) / 1e-9,
        [1e-10],
    ),
    "near_a_kink": separable(lambda t: np.maximum(t, 0), lambda t: 1.0 * (t > 0), lambda t: 0 * t, [3e-4, -1e-3, 0.2]),
    "very_near_a_kink_plus_1": (lambda t: 1 + abs(t[0] - 1e-12), lambda t: np.array([-1.0]), None, np.zeros(1)),
    "one_entry_of_1e-10": (
        lambda t: np.sin(t[0]) + 1e-10 * np.sin(t[1]),
        lambda t: np.array([1, 1e-10]) * np.cos(t),
        None,
        B,
    ),
    "step_function": separable(lambda t: np.floor(1e3 * t) / 1e3, lambda t: 1 + 0 * t, lambda t: 0 * t, A),
}


def mistakes(right: Any) -> dict[str, Any]:
    """Return wrong versions of a derivative by what is wrong.

    Each has an entry whose relative error is above 1e-5, and whose error is above 1e-11 of the largest entry.
    """
    largest, smallest = (
        np.unravel_index(i, right.shape)
        for i in (np.abs(right).argmax(), np.where(right, np.abs(right), np.inf).argmin())
    )
    wrong = {
        "factor": right * (1 + 1e-4),
        "sign": -right,
        "zero": 0 * right,
        "transposed": right.T.copy(),
        "half": right / 2,
    }
    for which, index in {"largest": largest, "smallest": smallest}.items():
        for what, factor in {"missing": 0.0, "off": 1 + 1e-4, "negative": -1.0}.items():
            wrong[f"{which}_{what}"] = right.copy()
            wrong[f"{which}_{what}"][index] *= factor
    if right.ndim == 2:
        wrong["triangle"] = np.tril(right)
    seen = np.maximum(1e-5 * np.abs(right), 1e-11 * np.abs(right).max())
    return {what: value for what, value in wrong.items() if (np.abs(value - right) > seen).any()}


def remembered(fun: Any) -> Any:
    """Return the function, which is evaluated but once at each theta."""
    values: dict[bytes, Any] = {}

    def look_up(t: Any) -> Any:
        key = t.tobytes()
        if key not in values:
            values[key] = fun(t)
        return values[key]

    return look_up


# without a Hessian that has no closed form here, or that no difference could show
TABLE = [(name, order) for name, case in (ORDINARY | HARD).items() for order in (1, 2) if case[order] is not None]


@pytest.mark.parametrize(("name", "order"), TABLE)
def test_no_right_derivative_is_called_wrong_and_no_wrong_one_passes(name: str, order: int) -> None:
    fun, *derivatives, theta = (ORDINARY | HARD)[name]
    fun, check = remembered(fun), (check_gradient, check_hessian)[order - 1]
    right = np.asarray(derivatives[order - 1](theta), dtype=float)
    verdict = check(fun, lambda t: right, theta)
    assert "is wrong" not in str(verdict), verdict
    assert verdict or name in HARD, verdict
    for what, wrong in mistakes(right).items():
        verdict = check(fun, lambda t, wrong=wrong: wrong, theta)
        assert not verdict, (what, verdict)
        assert name in HARD or "is wrong" in str(verdict), (what, verdict)


# --- numbers that are known


MATRIX = np.array([[2.0, 0.5, -1.0], [0.1, 3.0, 7.0]])


@pytest.mark.parametrize("value", [3, -2.5, True, np.float32(0.5), [1, 2], MATRIX, MATRIX[:, :, None], [np.inf, -1.0]])
def test_numbers_of_any_shape_are_equal_to_themselves(value: Any) -> None:
    check = check_equal("it", value, value)
    assert check.passed is True
    assert check.error == 0.0
    assert str(check).startswith("it agrees")


@settings(max_examples=50, deadline=None)
@given(
    scale=st.sampled_from([1e-300, 1e-3, 1.0, 1e12]),
    row=st.integers(0, 1),
    column=st.integers(0, 2),
    log_rtol=st.floats(-12, -1),
    sign=st.sampled_from([-1, 1]),
)
def test_twice_rtol_in_one_entry_is_found_there_and_half_of_it_passes(
    scale: float, row: int, column: int, log_rtol: float, sign: int
) -> None:
    expected, rtol, index = scale * MATRIX, 10**log_rtol, (row, column)
    outside, inside = expected.copy(), expected.copy()
    outside[index] *= 1 + 2 * sign * rtol
    inside[index] *= 1 + 0.5 * sign * rtol
    assert check_equal("it", inside, expected, rtol=rtol)
    check = check_equal("it", outside, expected, rtol=rtol)
    assert not check
    assert (check.index, check.expected, check.received) == (index, expected[index], outside[index])


def test_rtol_zero_asks_for_the_same_numbers() -> None:
    assert check_equal("it", MATRIX, MATRIX, rtol=0.0)
    assert not check_equal("it", np.nextafter(MATRIX, np.inf), MATRIX, rtol=0.0)
    assert not check_equal("it", 5e-324, 0.0, rtol=0.0)


def test_a_zero_is_measured_by_the_largest_entry_and_alone_by_one() -> None:
    assert check_equal("it", [1e6, 1e-7], [1e6, 0.0])
    assert check_equal("it", [1e6, 1e-5], [1e6, 0.0]).index == (1,)
    assert check_equal("it", [1e-13, -1e-13], [0.0, 0.0])
    assert not check_equal("it", 1e-11, 0.0)
    assert not check_equal("it", 1.5e-12, 0.0)


def test_an_infinity_does_not_hide_its_neighbours() -> None:
    assert check_equal("it", [np.inf, 1.1], [np.inf, 1.0]).index == (1,)
    for received, expected in [(np.inf, 1e308), (1e308, np.inf), (-np.inf, np.inf), (-1e308, 1e308)]:
        assert not check_equal("it", received, expected, rtol=0.9)


@pytest.mark.parametrize("received", [np.nan, 1.0, np.inf])
@pytest.mark.parametrize("expected", [np.nan, 1.0, np.inf])
def test_nan_equals_nothing_not_even_nan(received: float, expected: float) -> None:
    if np.isnan(received) or np.isnan(expected):
        for shape in [(), (2,)]:
            assert not check_equal("it", np.full(shape, received), np.full(shape, expected), rtol=0.9)
        assert check_equal("it", [1e9, received], [1.0, expected]).index == (1,)  # NaN comes first


@pytest.mark.parametrize(
    ("received", "expected", "message"),
    [
        (-2.0, 2.0, "it is wrong: expected 2, received -2; wrong sign?"),
        (1.0, 2.0, "it is wrong: expected 2, received 1; a missing factor 2?"),
        (4.0, 2.0, "it is wrong: expected 2, received 4; a missing factor 1/2?"),
        ([1.0, 0.0], [1.0, 2.0], "it is wrong at (1,): expected 2, received 0; a missing term?"),
        ([[1, 2], [3, 4]], [[1, 3], [2, 4]], "it is wrong at (1, 0): expected 2, received 3; transposed?"),
        ([3, 1, 2], [1, 2, 3], "it is wrong at (0,): expected 1, received 3; the right numbers in another order?"),
        (0.92, 0.9189, "it is wrong: expected 0.9189, received 0.92; rounded, or an approximation?"),
        (2.0, 7.0, "it is wrong: expected 7, received 2"),
        (2.0, 0.0, "it is wrong: expected 0, received 2"),
        (1.985, 2.0, "it is wrong: expected 2, received 1.985; rounded, or an approximation?"),
        (1.97, 2.0, "it is wrong: expected 2, received 1.97"),
        (1 / 3, 7.0, "it is wrong: expected 7, received 0.333333333"),
        (np.nan, 2.0, "it is wrong: expected 2, received nan"),
        (1.0000000015, 1.0, "it is wrong: expected 1, received 1.0000000014999999; rounded, or an approximation?"),
        (MATRIX.T, MATRIX, "it has the wrong shape: expected (2, 3), received (3, 2); transposed?"),
        ([1.0], 1.0, "it has the wrong shape: expected (), received (1,)"),
        (1.0, [1.0, 1.0], "it has the wrong shape: expected (2,), received ()"),
        ([[1.0, 1.0]], [1.0, 1.0], "it has the wrong shape: expected (2,), received (1, 2)"),
        ([], [1.0], "it has the wrong shape: expected (1,), received (0,)"),
        (2.0, 2.0, "it agrees: expected 2, received 2"),
        ([1.0, 3.0 + 1e-12], [1.0, 3.0], "it agrees, worst at (1,): expected 3, received 3"),
    ],
)
def test_what_is_printed_of_two_numbers(received: Any, expected: Any, message: str) -> None:
    check = check_equal("it", received, expected)
    assert str(check) == message
    assert check.passed is ("agrees" in message)


def test_numbers_that_differ_in_the_tenth_digit_are_printed_so_that_one_sees_it() -> None:
    # 17 digits tell every float from its neighbours.
    message = str(check_equal("it", 0.1 + 1e-12, 0.1, rtol=1e-14))
    assert message.startswith("it is wrong: expected 0.10000000000000001, received 0.100000000001")


@pytest.mark.parametrize("gap", [..., [1.0, ...], (..., ...), [[1.0], [...]], np.array([1.0, ...]), np.array(...)])
def test_an_open_gap_fails_and_says_so(gap: Any) -> None:
    check = check_equal("log evidence", gap, [1.0, 2.0])
    assert check.passed is False
    assert str(check) == "log evidence: the gap `...` is still open"


@pytest.mark.parametrize("name", ["gradient", "Jacobian", "Hessian"])
def test_a_function_that_is_or_returns_a_gap_fails_and_says_so(name: str) -> None:
    check = {"gradient": check_gradient, "Jacobian": check_jacobian, "Hessian": check_hessian}[name]
    theta = np.ones(2)
    for fun, derivative in [
        (np.sum, ...),
        (np.sum, lambda t: ...),
        (np.sum, lambda t: [t[0], ...]),
        (lambda t: ..., np.ones_like),
        (..., np.ones_like),
    ]:
        verdict = check(fun, derivative, theta)
        assert verdict.passed is False
        assert str(verdict) == f"{name}: the gap `...` is still open"


@pytest.mark.parametrize(
    ("name", "received", "expected", "rtol", "error", "message"),
    [
        (1, 1, 1, 0.1, TypeError, "name: expected a string, received 1"),
        ("it", None, 1, 0.1, TypeError, "received: expected real numbers, .*, received None"),
        ("it", "1", 1, 0.1, TypeError, "received: expected real numbers, .*, received dtype <U1"),
        (
            "it",
            1j,
            1,
            0.1,
            TypeError,
            "received: expected real numbers, .*, received dtype complex128",
        ),
        (
            "it",
            [[1], [1, 2]],
            1,
            0.1,
            ValueError,
            "received: expected .*, received rows of different lengths",
        ),
        ("it", 1, ..., 0.1, TypeError, "expected: expected real numbers, .*, received dtype object"),
        ("it", 1, [], 0.1, ValueError, r"expected: expected at least one number, received shape \(0,\)"),
        ("it", 1, 1, 1.0, ValueError, r"rtol: expected a number in \[0, 1\), received 1\.0"),
        ("it", 1, 1, np.nan, ValueError, r"rtol: expected a number in \[0, 1\), received nan"),
    ],
)
def test_what_are_no_numbers_is_named(
    name: Any, received: Any, expected: Any, rtol: float, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        check_equal(name, received, expected, rtol=rtol)
