"""The network's forward and backward passes are what the equations say, and its derivatives are derivatives."""

from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CASES, assert_close, assert_is_derivative, random_problem
from scipy.stats import kstest, uniform

from minilaplace import MLP
from minilaplace.network.activation import ACTIVATIONS
from minilaplace.network.pairs import PairedMLP


@st.composite
def drawn(draw):
    """Return a network of any architecture, its theta, inputs X, weights G (N, C) and the generator to draw more."""
    hidden = draw(st.lists(st.integers(1, 4), max_size=3))
    n_inputs, n_outputs, n_samples = (draw(st.integers(1, 4)) for _ in range(3))
    network = MLP(n_inputs, *hidden, n_outputs, activation=draw(st.sampled_from(list(ACTIVATIONS))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = network.n_params, (n_samples, n_inputs), (n_samples, n_outputs)
    return network, *(rng.normal(size=shape) for shape in shapes), rng


def for_all_networks(test):
    return settings(max_examples=40, deadline=None)(given(drawn())(test))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_is_the_written_out_formula_with_theta_in_pytorchs_order(activation):
    network = MLP(2, 3, 2, 1, activation=activation)
    rng = np.random.default_rng(0)
    theta, X = rng.normal(size=network.n_params), rng.normal(size=(4, 2))
    act = ACTIVATIONS[activation].value
    W1, b1 = theta[:6].reshape(3, 2), theta[6:9]
    W2, b2 = theta[9:15].reshape(2, 3), theta[15:17]
    W3, b3 = theta[17:19].reshape(1, 2), theta[19:]
    f = [W3 @ act(W2 @ act(W1 @ x + b1) + b2) + b3 for x in X]
    assert_close(network.forward(theta, X), f, rtol=1e-14)


def test_layers_are_views_in_the_order_of_theta():
    network = MLP(2, 3, 1)
    theta = np.arange(13.0)
    (W1, b1), (W2, b2) = network.layers(theta)
    assert W1.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert b1.tolist() == [6, 7, 8]
    assert W2.tolist() == [[9, 10, 11]]
    assert b2.tolist() == [12]
    for part in (W1, b1, W2, b2):
        part *= -1
    assert theta.tolist() == (-np.arange(13.0)).tolist()


def test_init_is_reproducible_by_seed_and_only_then():
    network = MLP(2, 3, 1)
    np.testing.assert_array_equal(network.init(7), network.init(np.random.default_rng(7)))
    assert np.any(network.init(7) != network.init(8))
    assert np.any(network.init() != network.init())


def test_init_draws_weights_uniformly_within_the_glorot_bound_and_leaves_biases_zero():
    network = MLP(20, 40, 30)
    for (W, b), (n_in, n_out) in zip(network.layers(network.init(0)), pairwise(network.sizes), strict=True):
        bound = np.sqrt(6 / (n_in + n_out))
        assert np.abs(W).max() <= bound
        assert kstest(W.ravel(), uniform(-bound, 2 * bound).cdf).pvalue > 0.01
        assert not b.any()


@pytest.mark.parametrize("name", ["sizes", "activation", "n_params", "something_new"])
def test_a_network_is_immutable(name):
    with pytest.raises(FrozenInstanceError):
        setattr(MLP(2, 3, 1), name, None)


def test_networks_are_equal_when_their_architectures_are():
    assert MLP(2, 3, 1) == MLP(2, 3, 1)
    assert len({MLP(2, 3, 1), MLP(2, 3, 1), MLP(2, 4, 1), MLP(2, 3, 1, activation="relu")}) == 3
    assert eval(repr(MLP(2, 3, 1, activation="relu")), {"MLP": MLP}) == MLP(2, 3, 1, activation="relu")


def test_jacobian_of_a_single_layer_is_its_input():
    X = np.random.default_rng(0).normal(size=(4, 3))
    expected = [np.hstack([np.kron(np.eye(2), x), np.eye(2)]) for x in X]  # f_c = W_c . x + b_c
    np.testing.assert_array_equal(MLP(3, 2).jacobian(np.ones(8), X), expected)


@for_all_networks
def test_backward_is_the_vector_jacobian_product(case):
    network, theta, X, G, _ = case
    assert_close(network.backward(theta, X, G), np.einsum("nc,ncp->p", G, network.jacobian(theta, X)))


@for_all_networks
def test_pulling_rows_back_multiplies_them_with_the_jacobian(case):
    network, theta, X, G, rng = case
    R = rng.normal(size=(len(X), 3, G.shape[1]))  # (N, K, C)
    expected = np.einsum("nkc,ncp->nkp", R, network.jacobian(theta, X))
    for order in "CF":  # in memory, samples first or last
        assert_close(network.trace(theta, X).pull_back(np.array(R, order=order)).dense(), expected)


def test_rows_of_pairs_are_pulled_back_to_some_parameters_of_the_last_layers():
    rng, network, alone = np.random.default_rng(0), PairedMLP(2, 4, 3, 2), MLP(2, 4, 3, 2)
    theta, X, R = rng.normal(size=network.n_params), rng.normal(size=(5, 2, 2)), rng.normal(size=(5, 3, 2))
    J = alone.jacobian(theta, X[:, 0]) - alone.jacobian(theta, X[:, 1])
    columns = np.array([9, 0, 20])  # of the 23 parameters of the last two layers
    rows = network.trace(theta, X).pull_back(R, 2, columns)
    assert_close(rows.dense(), R @ J[:, :, -23:][:, :, columns])


@for_all_networks
def test_pulling_back_through_the_last_layers_gives_the_tail_of_the_whole(case):
    network, theta, X, _, _ = case
    trace = network.trace(theta, X)
    for n_layers in range(1, len(network.sizes)):
        tail = trace.pull_back(n_layers=n_layers).dense()
        n_params = MLP(*network.sizes[-n_layers - 1 :]).n_params
        np.testing.assert_array_equal(tail, trace.pull_back().dense()[:, :, -n_params:])


@for_all_networks
def test_second_order_is_symmetric_and_adds_over_samples_and_is_linear_in_its_weights(case):
    network, theta, X, G, rng = case
    H = network.second_order(theta, X, G)
    assert_close(H, H.T, rtol=1e-14)
    single = sum(network.second_order(theta, X[n : n + 1], G[n : n + 1]) for n in range(len(X)))
    assert_close(H, single)
    other = rng.normal(size=G.shape)
    assert_close(network.second_order(theta, X, 2 * G - other), 2 * H - network.second_order(theta, X, other))


@for_all_networks
def test_second_order_vanishes_within_the_last_layer_and_without_bends_within_every_layer(case):
    network, theta, X, G, _ = case
    H = network.second_order(theta, X, G)
    positions = [np.concatenate([W.ravel(), b]) for W, b in network.layers(np.arange(network.n_params))]
    straight = network.activation in ("relu", "identity")
    for own in positions if straight else positions[-1:]:
        assert not H[np.ix_(own, own)].any()


def test_second_order_of_an_identity_network_is_bilinear_written_out():
    # f = w2 (w1 x + b1) + b2 with theta = (w1, b1, w2, b2)
    H = MLP(1, 1, 1, activation="identity").second_order(np.ones(4), np.array([[3.0]]), np.array([[2.0]]))
    assert H.tolist() == [[0, 0, 6, 0], [0, 0, 2, 0], [6, 2, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_jacobian_backward_and_second_order_are_derivatives(case):
    model, theta, X, _ = random_problem(*case)
    network = model.network
    G = np.random.default_rng(1).normal(size=(len(X), network.n_outputs))
    assert_is_derivative(network.jacobian(theta, X), lambda t: network.forward(t, X), theta)
    assert_is_derivative(network.backward(theta, X, G), lambda t: np.sum(G * network.forward(t, X)), theta)
    assert_is_derivative(network.second_order(theta, X, G), lambda t: network.backward(t, X, G), theta)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.forward(np.ones(13), np.ones((4, 3))), r"X: expected shape \(N, 2\), received shape \(4, 3\)"),
        (lambda net: net.forward(np.ones(13), np.ones(2)), r"X: expected shape \(N, 2\), received shape \(2,\)"),
        (lambda net: net.forward(np.ones(12), np.ones((4, 2))), r"theta: expected shape \(13,\), .* shape \(12,\)"),
        (lambda net: net.layers(np.ones((13, 1))), r"theta: expected shape \(13,\), received shape \(13, 1\)"),
        (lambda net: net.jacobian(np.ones(14), np.ones((4, 2))), r"theta: expected shape \(13,\), .* shape \(14,\)"),
        (lambda net: net.backward(np.ones(13), np.ones((4, 2)), np.ones(4)), r"G: expected shape \(4, 1\), .* \(4,\)"),
        (lambda net: net.second_order(np.ones(13), np.ones((4, 2)), np.ones((1, 1))), r"G: expected shape \(4, 1\)"),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(MLP(2, 3, 1))


@pytest.mark.parametrize(
    ("sizes", "activation", "error", "message"),
    [
        ((), "tanh", ValueError, "sizes: expected at least an input and an output size"),
        ((2,), "tanh", ValueError, "sizes: expected at least an input and an output size"),
        ((2, 0, 1), "tanh", ValueError, "sizes: expected a whole number of at least 1, received 0"),
        ((2, 1.5), "tanh", TypeError, "sizes: expected a whole number of at least 1, received 1.5"),
        (([2, 1],) * 2, "tanh", TypeError, "sizes: expected a whole number"),
        ((2, 1), "tan", ValueError, "activation: expected one of 'tanh', 'sigmoid', .*, received 'tan'"),
        ((2, 1), np.tanh, ValueError, "activation: expected one of 'tanh'"),
    ],
)
def test_impossible_architectures_are_named(sizes, activation, error, message):
    with pytest.raises(error, match=message):
        MLP(*sizes, activation=activation)
