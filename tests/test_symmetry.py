"""The number of equal modes, by counting them: every exchange of units, and every turn of their signs."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from scipy.special import logsumexp

from minilaplace import MLP, BayesianModel, Bernoulli, BradleyTerry, Gaussian, Laplace, fit_map
from minilaplace.evidence import log_symmetries
from minilaplace.network import ACTIVATIONS


def layers(sizes, theta):
    """Return copies of [(W, b), ...] of theta."""
    return [(W.copy(), b.copy()) for W, b in MLP(*sizes).layers(theta)]


def turned(sizes, theta, orders, signs):
    """Return theta with the hidden units of each layer in this order and with these signs."""
    parts = layers(sizes, theta)
    for l, (order, sign) in enumerate(zip(orders, signs, strict=True)):
        (W, b), (W_next, b_next) = parts[l], parts[l + 1]
        order, sign = list(order), np.array(sign)
        parts[l] = W[order] * sign[:, None], b[order] * sign
        parts[l + 1] = W_next[:, order] * sign, b_next
    return np.concatenate([part.ravel() for layer in parts for part in layer])


def copies(sizes, theta, odd):
    """Return theta under all exchanges of units and, if `odd`, all turns of signs."""
    orders = product(*(permutations(range(H)) for H in sizes[1:-1]))
    signs = list(product(*(product(*[(1, -1) if odd else (1,)] * H) for H in sizes[1:-1])))
    return np.array([turned(sizes, theta, order, sign) for order in orders for sign in signs])


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_is_odd_where_it_says_so(name):
    z = np.linspace(-3, 3, 61)
    act = ACTIVATIONS[name]
    assert np.allclose(act.value(-z), -act.value(z), rtol=0, atol=1e-14) == act.odd


@pytest.mark.parametrize("prior", [0.3, [0.1, 2.0, 0.5]])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity"}))
def test_it_is_the_number_of_different_parameters_with_the_same_outputs_and_loss(activation, prior):
    sizes, rng = (2, 3, 2, 1), np.random.default_rng(0)
    network = MLP(*sizes, activation=activation)
    model = BayesianModel(network, Bernoulli(), prior)
    theta, X, y = rng.normal(size=network.n_params), rng.normal(size=(7, 2)), rng.integers(0, 2, size=7)
    thetas = copies(sizes, theta, ACTIVATIONS[activation].odd)
    assert len(np.unique(thetas, axis=0)) == len(thetas) == round(np.exp(log_symmetries(network)))
    for copy in thetas:
        np.testing.assert_allclose(network.forward(copy, X), network.forward(theta, X), rtol=0, atol=1e-13)
        assert model.loss(copy, X, y) == pytest.approx(model.loss(theta, X, y), rel=1e-13)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity", "tanh"}))
def test_turned_signs_change_the_outputs_of_units_that_are_not_odd(activation):
    network, rng = MLP(2, 3, 1, activation=activation), np.random.default_rng(1)
    theta, X = rng.normal(size=network.n_params), rng.normal(size=(7, 2))
    copy = turned((2, 3, 1), theta, [range(3)], [(1, -1, 1)])
    assert np.abs(network.forward(copy, X) - network.forward(theta, X)).max() > 0.01


def test_equal_modes_have_equal_laplace_evidences():
    rng, sizes = np.random.default_rng(2), (1, 2, 1)
    X, y = rng.normal(size=(20, 1)), rng.normal(size=20)
    model = BayesianModel(MLP(*sizes), Gaussian(0.5), 0.3)
    theta = fit_map(model, X, y, rng=0)
    evidences = [Laplace(model, t).fit(X, y).log_marginal_likelihood() for t in copies(sizes, theta, odd=True)]
    np.testing.assert_allclose(evidences, evidences[0], rtol=1e-12)


def test_with_it_laplaces_evidence_is_that_of_the_integral():
    # One tanh unit: given its weight and bias the network is linear regression on the unit and a one, in closed form;
    # the other two parameters are integrated over a grid on which the integrand is smooth, ten prior deviations wide.
    rng, delta, sigma = np.random.default_rng(3), 0.1, 0.2
    x = np.linspace(-3, 3, 30)
    y = 1.5 * np.tanh(1.2 * x - 0.5) + 0.3 + sigma * rng.normal(size=30)
    grid = np.linspace(-30, 30, 1201)
    w, b = grid[:, None, None], grid[None, :, None]
    log_terms = []
    for w_i in w:
        unit = np.tanh(w_i * x + b[0])  # (1201, 30)
        Phi = np.stack([unit, np.ones_like(unit)], axis=2)
        Lambda = delta * np.eye(2) + Phi.transpose(0, 2, 1) @ Phi / sigma**2
        of_y = np.einsum("gnp,n->gp", Phi, y) / sigma**2
        fit = y @ y / sigma**2 - np.einsum("gp,gp->g", of_y, np.linalg.solve(Lambda, of_y[:, :, None])[:, :, 0])
        occam = np.linalg.slogdet(Lambda)[1] - 2 * math.log(delta)
        prior = -delta / 2 * (w_i[0] ** 2 + grid**2) + math.log(delta / (2 * math.pi))
        log_terms.append(prior - 0.5 * (fit + occam + 30 * math.log(2 * math.pi * sigma**2)))
    exact = logsumexp(log_terms) + 2 * math.log(grid[1] - grid[0])
    model = BayesianModel(MLP(1, 1, 1), Gaussian(sigma), delta)
    theta = fit_map(model, x[:, None], y, rng=0)
    laplace = Laplace(model, theta, curvature="hessian").fit(x[:, None], y).log_marginal_likelihood()
    assert log_symmetries(model.network) == pytest.approx(math.log(2))
    assert abs(laplace + math.log(2) - exact) < 0.1  # nats: Laplace's own error


def test_without_hidden_layers_there_is_one_mode():
    assert log_symmetries(MLP(3, 2)) == log_symmetries(MLP(3, 2, activation="identity")) == 0


def test_pairs_have_the_symmetries_of_their_network():
    model = BayesianModel(MLP(2, 4, 1), BradleyTerry())
    assert log_symmetries(model.network) == log_symmetries(MLP(2, 4, 1)) == pytest.approx(math.log(2**4 * 24))


def test_linear_units_have_no_number_of_modes():
    # Rotating them changes neither the outputs nor the loss.
    network, rng = MLP(2, 2, 1, activation="identity"), np.random.default_rng(4)
    theta, X, angle = rng.normal(size=network.n_params), rng.normal(size=(5, 2)), 0.3
    Q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (W, b), (W_next, b_next) = layers((2, 2, 1), theta)
    rotated = np.concatenate([(Q @ W).ravel(), Q @ b, (W_next @ Q.T).ravel(), b_next])
    model = BayesianModel(network, Gaussian())
    assert model.loss(rotated, X, np.zeros(5)) == pytest.approx(model.loss(theta, X, np.zeros(5)), rel=1e-13)
    with pytest.raises(ValueError, match="network: expected a network whose equal modes can be counted"):
        log_symmetries(network)


def test_large_layers_do_not_overflow():
    assert log_symmetries(MLP(2, 1000, 1)) == pytest.approx(1000 * math.log(2) + math.lgamma(1001))
