"""The activations' derivatives are derivatives, and behave however far out."""

import numpy as np
import pytest
from problems import assert_is_derivative
from scipy.stats import norm

from minilaplace.network.activation import ACTIVATIONS

# No point is within a difference step of relu's kink.
MODERATE = np.concatenate([np.linspace(-8, 8, 41) + 0.05, [-0.01, 0.01, -30.0, 30.0]])
FAR = np.array([40.0, 745.0, 1e4, 1e100])
NEGLIGIBLE = 1e-14  # e^-40, times the 40 and 40^2 of silu and gelu, is far below

TEXTBOOK = {
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * norm.cdf(z),
    "identity": lambda z: z,
}
SATURATING = ("tanh", "sigmoid")


@pytest.fixture(params=ACTIVATIONS)
def name(request):
    return request.param


def derivatives(name, z):
    """Return a, act'(z) and act''(z)."""
    rule = ACTIVATIONS[name]
    a = rule.value(z)
    return a, rule.slope(z, a), rule.bend(z, a)


def test_value_is_the_textbooks(name):
    # The textbook forms cancel next to zero and one: absolute, to a few roundings of the largest value, 30.
    np.testing.assert_allclose(ACTIVATIONS[name].value(MODERATE), TEXTBOOK[name](MODERATE), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2])
def test_slope_is_the_derivative_of_value_and_bend_that_of_slope(name, order):
    for z in MODERATE[:, None]:  # one by one, for the large ones have larger roundoff
        received = derivatives(name, z)[order]
        assert_is_derivative(received[:, None], lambda z: derivatives(name, z)[order - 1], z)


def test_far_out_every_activation_is_a_line_to_rounding_and_nothing_overflows(name):
    right_slope = 0.0 if name in SATURATING else 1.0
    left_slope = 1.0 if name == "identity" else 0.0
    for z, limit in [(FAR, right_slope), (-FAR, left_slope)]:
        a, slope, bend = derivatives(name, z)
        line = np.sign(z) if name == "tanh" else z > 0 if name == "sigmoid" else limit * z
        np.testing.assert_allclose(a, line, rtol=1e-15, atol=NEGLIGIBLE)
        np.testing.assert_allclose(slope, limit, rtol=1e-15, atol=NEGLIGIBLE)
        np.testing.assert_allclose(bend, 0, atol=NEGLIGIBLE)


def test_relu_is_flat_at_its_kink():
    assert [float(x) for x in derivatives("relu", np.float64(0))[:2]] == [0, 0]


def test_shape_is_kept(name):
    assert [x.shape for x in derivatives(name, np.ones((2, 3, 4)))] == [(2, 3, 4)] * 3
