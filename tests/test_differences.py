"""The differences behind the checks: where a function is evaluated, what is small, and how an error is estimated."""

import numpy as np
import pytest

from minilaplace.checks import check_gradient, check_hessian
from minilaplace.checks.differences import EVEN, HALVINGS, SAMPLES, Ladder, _estimates, reference

THETA = np.array([0.3, -0.7, 1200.0])
SCALE = np.array([1.0, 1.0, 2048.0])  # the powers of two above, and at least 1
A = np.array([[2.0, 1.0, 0.5], [1e-9, 3e-9, 1e-13]])


def scalar(f):
    return lambda t: np.atleast_1d(np.asarray(f(t), dtype=float))


# of three parameters, each another case of what is measured: rounding, a staircase, a kink, a pole, a constant
FUNCTIONS = {
    "sines": lambda t: np.sin(t / SCALE).sum(),
    "small": lambda t: 1e-12 * np.cos(t / SCALE).sum(),
    "beside_a_large_constant": lambda t: 1e6 + np.sin(t / SCALE).sum(),
    "float32": lambda t: np.sin(np.asarray(t / SCALE, np.float32)).sum(),
    "float16": lambda t: np.float16(np.exp(t / SCALE).sum()),
    "rounded_to_8_digits": lambda t: np.round(np.sin(t / SCALE).sum(), 8),
    "too_coarse_for_rounding": lambda t: np.floor(10 * np.sin(t / SCALE).sum()) / 10,
    "kink": lambda t: np.abs(t - THETA).sum(),
    "pole": lambda t: (1 / (t - THETA - 2.0**-9)).sum(),
    "root": lambda t: np.sqrt(t - THETA + 2.0**-9).sum(),
    "constant": lambda t: 7.0,
}


# --- where a function is evaluated


def seen_by(derivative, theta):
    """Return the distances from theta, (M, P), at which a smooth function is evaluated."""
    seen = []

    def fun(t):
        seen.append(t - theta)
        return scalar(lambda t: np.exp(t / 8).sum())(t)

    reference(fun, theta, derivative == 2)
    return np.array(seen)


def test_steps_go_from_the_power_of_two_above_a_parameter_to_four_spacings_of_floats():
    theta = np.array([0.3, 1.0, 4.0, -1200.0])
    distance = np.abs(seen_by(1, theta))
    assert (np.count_nonzero(distance, axis=1) <= 1).all()  # one parameter at a time
    np.testing.assert_array_equal(distance.max(axis=0), [1.0, 1.0, 4.0, 2048.0])
    narrowest = np.where(distance > 0, distance, np.inf).min(axis=0)
    np.testing.assert_array_equal(narrowest, 4 * np.spacing(np.abs(theta)))


def test_a_step_is_a_power_of_two_and_the_next_is_half_of_it_on_both_sides():
    # From 0 no step is rounded, so that all halvings are taken.
    ladder = 2.0 ** -np.arange(HALVINGS)
    np.testing.assert_array_equal(seen_by(1, np.zeros(1))[1:, 0], [*ladder, *-ladder])
    for h in seen_by(2, np.zeros(2)).ravel():
        assert h == 0 or np.frexp(abs(h))[0] == 0.5  # a power of two


# --- outputs and units by themselves


def test_each_output_is_treated_as_if_there_were_no_other():
    # To the bit: the staircase of one output is not the noise of another, nor is its size.
    together = reference(lambda t: np.array([f(t) for f in FUNCTIONS.values()], dtype=float), THETA, False)
    for row, f in enumerate(FUNCTIONS.values()):
        for received, alone in zip(together, reference(scalar(f), THETA, False), strict=True):
            np.testing.assert_array_equal(received[row], alone[0])


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("factor", [2.0**60, -(2.0**-60)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_units_of_a_function_are_those_of_its_derivatives_their_errors_and_sizes(name, factor, second):
    f = scalar(FUNCTIONS[name])
    derivative, error, size = reference(f, THETA, second)
    received = reference(lambda t: factor * f(t), THETA, second)
    size = np.where(f(THETA) == 7, size, abs(factor) * size)  # that of a constant is 1
    for value, expected in zip(received, (factor * derivative, abs(factor) * error, size), strict=True):
        np.testing.assert_array_equal(value, expected)


# --- what a small entry is measured by


def test_a_linear_functions_entry_is_measured_by_the_largest_of_its_output_over_each_parameters_scale():
    slopes, _, size = reference(lambda t: A @ t, THETA, False)
    np.testing.assert_allclose(slopes, A, rtol=1e-12)
    expected = (A * SCALE).max(axis=1, keepdims=True) / SCALE
    np.testing.assert_allclose(size, expected, rtol=1e-12)


def test_an_entry_that_vanishes_is_measured_by_the_change_of_its_output_within_one_scale():
    # At 0, where d f_0 = 0, f_0 changes by 2 - 2 cos(1); by the next narrower step it would be a quarter of it.
    _, _, size = reference(lambda t: np.array([2 - 2 * np.cos(t[0]), 1e-3 * t[1], 5.0]), np.zeros(2), False)
    np.testing.assert_allclose(size, [[2 - 2 * np.cos(1)] * 2, [1e-3] * 2, [1.0] * 2], rtol=1e-12)


def test_a_change_without_a_number_is_no_size():
    # From 0 a step of 1 ends at log(0) on both sides, and the other parameter's at 1e-3.
    _, _, size = reference(lambda t: scalar(lambda t: 1e-3 * (np.log(1 - t[0] ** 2) + t[1]))(t), np.zeros(2), False)
    np.testing.assert_allclose(size, [[1e-3, 1e-3]], rtol=1e-12)


def test_a_quadratics_curvature_is_measured_by_the_largest_over_both_parameters_scales():
    H = np.array([[2.0, 0.3, 0.1], [0.3, 1e-3, 1e-6], [0.1, 1e-6, 1e-4]])
    curvature, error, size = reference(scalar(lambda t: t @ H @ t / 2), THETA, True)
    units = np.outer(SCALE, SCALE)
    assert (np.abs(curvature - H) <= 10 * error).all()
    np.testing.assert_allclose(size, (H * units).max() / units, rtol=1e-6)


@pytest.mark.parametrize("theta", [[1200.3, 0.7], [1200.3, 1500.7], [3e6, 2e6]])
def test_a_linear_functions_curvature_is_measured_by_how_much_it_changes(theta):
    # All of its curvature is rounding: 0 in units of what it changes, at a parameter of any size.
    def fun(t):
        return 0.1 * t[0] + 0.3 * t[1]

    scale = 2.0 ** np.maximum(np.ceil(np.log2(theta)), 0)
    curvature, _, size = reference(scalar(fun), np.array(theta), True)
    assert (curvature != 0).any()
    np.testing.assert_allclose(size * np.outer(scale, scale), max([0.1, 0.3] * scale), rtol=1e-9)
    assert check_hessian(fun, lambda t: np.zeros((2, 2)), theta)


# --- errors


@pytest.mark.parametrize("digits", [8, 9])
@pytest.mark.parametrize("theta", [0.0, 0.3, -0.7, 1.2])
def test_a_function_that_is_rounded_to_a_few_digits_still_shows_its_slope(digits, theta):
    check = check_gradient(lambda t: np.round(np.sin(t[0]), digits), lambda t: np.cos(t), [theta])
    assert check, check


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, ZeroDivisionError, OverflowError, ValueError])
@pytest.mark.parametrize("distance", [2.0**-45, -(2.0**-20), 1.0])
def test_one_point_without_a_number_hides_no_other(distance, bad):
    def fun(t):
        if t[0] != 0.3 + distance:
            return np.sin(t[0])
        if isinstance(bad, float):
            return bad
        raise bad

    assert check_gradient(fun, np.cos, [0.3])


def test_where_a_quotient_has_no_number_neither_it_nor_the_next_narrower_has_an_estimate():
    T = np.ones(30)
    T[4] = np.nan
    value, error, _ = _estimates(Ladder(T, np.full(30, 1e-9), 2.0 ** -np.arange(30.0), ()))
    np.testing.assert_array_equal(np.flatnonzero(np.isinf(error[:20])), [0, 4, 5])  # 0: the widest has no wider one
    np.testing.assert_array_equal(np.isnan(value), np.isinf(error))


def test_an_error_is_estimated_where_enough_narrower_steps_show_the_noise():
    # Of K quotients the widest has no wider one, and SAMPLES differences of narrower ones belong to an estimate.
    K = 20
    value, error, _ = _estimates(Ladder(np.ones(K), np.full(K, 1e-9), 2.0 ** -np.arange(K), ()))
    with_one = np.arange(1, K - SAMPLES)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(error)), with_one)
    np.testing.assert_array_equal(np.flatnonzero(value == 1), with_one)


@pytest.mark.parametrize(("orders", "coefficients", "change"), [
    (0, [1], 3),  # h^2 is the error of a quotient: the next wider step's is 4 h^2
    (1, [16, 1], 4 * 15),  # 4 h^4 after one extrapolation
    (2, [256, 16, 1], 64 * 63),  # and 64 h^6 after two
])  # fmt: skip
def test_an_error_is_what_the_next_wider_step_changes_halved_once_more_by_each_order(orders, coefficients, change):
    h = 2.0 ** -np.arange(1.0, 17)
    powers = EVEN[: orders + 1]
    T = sum(c * h**power for c, power in zip(coefficients, powers, strict=True))
    _, error, _ = _estimates(Ladder(T, 0 * h, h, EVEN[:orders]))
    few = slice(orders + 1, orders + 4)  # later ones are lost in rounding
    np.testing.assert_allclose(error[few], (change * h ** powers[-1] / 2 ** (orders + 1))[few], rtol=1e-6)


@pytest.mark.parametrize("orders", range(5))
def test_extrapolation_adds_up_what_may_be_rounded_in_each_quotient(orders):
    # It is linear in the quotients, and the weights come from a matrix that is extrapolated in their place.
    N, weights, h = 1e-3 * (1 + np.arange(20) % 3), np.eye(20), 2.0 ** (4 - np.arange(20.0))
    for power in EVEN[:orders]:
        weights = weights[1:] + np.diff(weights, axis=0) / (2.0**power - 1)
    T = 1 + 1e6 * sum((h**power for power in EVEN[:orders]), 0 * h)  # no lower order will do
    _, error, _ = _estimates(Ladder(T, N, np.ones(20), EVEN[:orders]))
    assert error[orders + 2] == pytest.approx((np.abs(weights) @ N)[2], rel=1e-9)


# --- kinks


def test_at_a_kink_the_error_is_half_of_what_the_mean_is_off_on_either_side():
    slope, error, _ = reference(scalar(lambda t: 3 * np.abs(t[0]) + t[0]), np.zeros(1), False)
    assert slope == pytest.approx(1.0)
    assert error == pytest.approx(1.5)


@pytest.mark.parametrize(("fun", "mean", "share"), [
    (lambda t: 4 * np.maximum(t[0], 0) ** 2, [[4.0, 0.0], [0.0, 0.0]], 1 / 4),
    (lambda t: 4 * np.maximum(t[0], 0) * t[1], [[0.0, 2.0], [2.0, 0.0]], 1 / 2),
    (lambda t: 4 * np.maximum(t[1], 0) * t[0], [[0.0, 2.0], [2.0, 0.0]], 1 / 2),
    (lambda t: 2 * np.abs(t[0] * t[1]) + 2 * t[0] * t[1], [[0.0, 2.0], [2.0, 0.0]], 1 / 2),
])  # fmt: skip
def test_where_the_curvature_jumps_the_error_is_a_share_of_what_the_mean_is_off(fun, mean, share):
    curvature, error, _ = reference(scalar(fun), np.zeros(2), True)
    np.testing.assert_allclose(curvature, mean, atol=1e-9)
    worst = np.unravel_index(np.argmax(mean), (2, 2))
    assert error[worst] == pytest.approx(share * np.max(mean))
