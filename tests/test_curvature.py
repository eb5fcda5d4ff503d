"""The three curvatures are what their definitions say, however the data is cut, and the Hessian is the Hessian."""

import tracemalloc
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import CASES, OnlySlices, assert_close, assert_is_derivative, random_problem

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian
from minilaplace.curvature import CURVATURES, contributions, empirical_fisher, ggn, hessian
from minilaplace.network.jacobian import BATCH_FLOATS, batches
from minilaplace.network.subset import select
from minilaplace.structures.full import Full
from minilaplace.structures.kronecker import Diag

FUNCTIONS = {"ggn": ggn, "hessian": hessian, "empirical_fisher": empirical_fisher}
ROUNDING = 1e-13  # of the trace, below which an eigenvalue is zero: tens of P eps


def accumulated(curvature, problem, full=None, batch_size=None):
    """Add up what a problem contributes, to `full` if there is one."""
    subset = select(problem.model.network, "all")
    full = full or Full(subset)
    model, theta, *data = problem
    full.add_up(contributions(curvature, model, theta, model.check_weighted(*data, None), subset, batch_size))
    return full


@pytest.fixture(params=CASES, ids=str)
def problem(request):
    return random_problem(*request.param)


@pytest.fixture
def typical():
    """Return a problem whose every term is at work: two hidden layers, three outputs, eight samples."""
    return random_problem("categorical", (4, 3), "tanh", 3, n_samples=8)


@pytest.fixture(params=FUNCTIONS)
def name(request):
    return request.param


def test_the_functions_are_the_known_curvatures():
    assert CURVATURES.keys() == FUNCTIONS.keys()


def test_ggn_is_its_definition(problem):
    model, theta, X, y = problem
    J, Lambda = model.network.jacobian(theta, X), model.likelihood.hessian(model.network.forward(theta, X), y)
    assert_close(ggn(*problem), np.einsum("ncp,ncd,ndq->pq", J, Lambda, J))


def test_empirical_fisher_is_the_sum_of_squared_per_sample_gradients(problem):
    model, theta, X, y = problem
    g = [model.loss_and_gradient(theta, X[n : n + 1], y[n : n + 1], share=0.0)[1] for n in range(len(X))]
    assert_close(empirical_fisher(*problem), np.einsum("np,nq->pq", g, g))


def test_hessian_is_its_definition_and_the_derivative_of_the_gradient(problem):
    model, theta, X, y = problem
    residual = model.likelihood.gradient(model.network.forward(theta, X), y)
    assert_close(hessian(*problem), ggn(*problem) + model.network.second_order(theta, X, residual))
    assert_is_derivative(hessian(*problem), lambda t: model.loss_and_gradient(t, X, y, share=0.0)[1], theta)


def test_every_curvature_is_symmetric_and_the_sums_of_squares_have_no_negative_eigenvalue(problem):
    for name, function in FUNCTIONS.items():
        H = function(*problem)
        np.testing.assert_array_equal(H, H.T)
        assert name == "hessian" or np.linalg.eigvalsh(H)[0] >= -ROUNDING * np.trace(H)


def test_the_exact_hessian_can_be_indefinite():
    H = hessian(*random_problem("gaussian", (3,), "tanh", 1))
    assert np.linalg.eigvalsh(H)[0] < -0.01 * np.abs(H).max()


@pytest.mark.parametrize(("likelihood", "n_outputs"), [("bernoulli", 1), ("categorical", 3), ("gaussian", 2)])
def test_single_layer_ggn_is_the_exact_hessian(likelihood, n_outputs):
    problem = random_problem(likelihood, (), n_outputs=n_outputs)
    np.testing.assert_array_equal(ggn(*problem), hessian(*problem))


def test_ggn_is_the_exact_hessian_where_residuals_vanish():
    model, theta, X, y = random_problem("gaussian", (4, 3), "tanh", 2)
    perfect = model.network.forward(theta, X)
    assert_close(hessian(model, theta, X, perfect), ggn(model, theta, X, perfect), rtol=1e-15)
    assert not empirical_fisher(model, theta, X, perfect).any()
    assert np.abs(hessian(model, theta, X, y) - ggn(model, theta, X, y)).max() > 1  # elsewhere they differ


@pytest.mark.parametrize("prior_precision", [1e-3, 1e3])
def test_the_prior_is_not_in_it(typical, name, prior_precision):
    other = BayesianModel(typical.model.network, typical.model.likelihood, prior_precision, prior_mean=2.0)
    np.testing.assert_array_equal(FUNCTIONS[name](other, *typical[1:]), FUNCTIONS[name](*typical))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_any_block_size_gives_the_same(typical, name, size):
    assert_close(accumulated(name, typical, batch_size=size).matrix(), FUNCTIONS[name](*typical))


@pytest.mark.parametrize("n_floats", [1, 500, 1000])
def test_any_memory_gives_the_same(typical, name, n_floats, monkeypatch):
    expected = FUNCTIONS[name](*typical)
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", n_floats)
    assert_close(FUNCTIONS[name](*typical), expected)


@pytest.mark.parametrize(
    ("name", "n_inputs", "hidden", "n_outputs", "how"),
    [
        *product(FUNCTIONS, [3], [(8, 16, 8)], [2], [{}]),
        *product(FUNCTIONS, [16], [(16,)], [8], [{}]),
        *product(FUNCTIONS, [30], [()], [2], [{}]),
        ("hessian", 2, (16,) * 6, 2, {}),
        ("ggn", 100, (10,), 1, {}),
        ("ggn", 100, (10,), 1, {"factored": True}),
    ],
    ids=str,
)
def test_a_batch_takes_about_as_much_memory_as_there_is_for_one(name, n_inputs, hidden, n_outputs, how, monkeypatch):
    problem = random_problem("gaussian", hidden, "tanh", n_outputs, n_inputs=n_inputs, n_samples=2000)
    model, subset, peaks = problem.model, select(problem.model.network, "all"), []
    structure = Diag if how else Full
    for size in (1000, 2000):
        some = problem._replace(X=problem.X[:size], y=problem.y[:size])
        tracemalloc.start()
        accumulated(name, some, structure(subset), batch_size=size)
        peaks.append(tracemalloc.get_traced_memory()[1] / some.X.itemsize)
        tracemalloc.stop()
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 2**16)
    data = model.check_weighted(problem.X, problem.y, None)
    first = next(contributions(name, model, problem.theta, data, subset, **how))
    assert 1 / 3 < len(first.weight) * (peaks[1] - peaks[0]) / 1000 / 2**16 < 3


def test_shards_add(typical, name):
    total, rest = (accumulated(name, typical._replace(X=typical.X[s], y=typical.y[s])) for s in (slice(3), slice(3, 8)))
    total.add(rest)
    assert_close(total.matrix(), FUNCTIONS[name](*typical))


def test_accumulating_again_adds_to_what_is_there(typical, name):
    full = accumulated(name, typical)
    accumulated(name, typical, full)
    assert_close(full.matrix(), 2 * FUNCTIONS[name](*typical))


def test_sample_order_does_not_matter_and_twice_the_data_is_twice_the_sum(typical, name):
    model, theta, X, y = typical
    order = np.random.default_rng(0).permutation(len(X))
    assert_close(FUNCTIONS[name](model, theta, X[order], y[order]), FUNCTIONS[name](*typical))
    twice = FUNCTIONS[name](model, theta, np.tile(X, (2, 1)), np.tile(y, 2))
    assert_close(twice, 2 * FUNCTIONS[name](*typical))


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_last_layers_curvature_is_a_block_of_the_whole(typical, name, n_layers):
    model, theta, X, y = typical
    n_params = MLP(*model.network.sizes[-n_layers - 1 :]).n_params
    P = len(theta)
    last = Full(select(model.network, "subnetwork", np.arange(P - n_params, P)))
    assert last.subset.n_layers == n_layers
    last.add_up(contributions(name, model, theta, model.check_weighted(X, y, None), last.subset))
    assert_close(last.matrix(), FUNCTIONS[name](*typical)[-n_params:, -n_params:])


@pytest.mark.parametrize(("curvature", "power"), [("ggn", 2), ("hessian", 2), ("empirical_fisher", 4)])
def test_gaussian_curvatures_scale_with_their_power_of_the_noise(curvature, power):
    model, *at = random_problem("gaussian", (4,), "tanh", 2)
    unit, quiet = (FUNCTIONS[curvature](BayesianModel(model.network, Gaussian(s)), *at) for s in (1.0, 0.1))
    assert_close(quiet, unit / 0.1**power)


def test_permuting_hidden_units_permutes_the_matrix(typical, name):
    model, theta, X, y = typical
    index = np.arange(len(theta))
    (W1, b1), (W2, b2), (W3, _) = model.network.layers(index)
    first, second = [2, 0, 3, 1], [1, 2, 0]
    W1[...], b1[...], W2[...] = W1[first], b1[first], W2[:, first]
    W2[...], b2[...], W3[...] = W2[second], b2[second], W3[:, second]
    expected = FUNCTIONS[name](*typical)[np.ix_(index, index)]
    assert_close(FUNCTIONS[name](model, theta[index], X, y), expected)


def test_neither_parameters_nor_data_are_changed(typical, name):
    before = [np.copy(array) for array in typical[1:]]
    FUNCTIONS[name](*typical)
    for array, copy in zip(typical[1:], before, strict=True):
        np.testing.assert_array_equal(array, copy)


@given(n=st.integers(0, 50), floats_each=st.integers(1, 2**24), size=st.none() | st.integers(1, 60))
def test_blocks_cover_every_index_once_and_in_order(n, floats_each, size):
    cut = list(batches(n, floats_each, size))
    assert [i for block in cut for i in range(n)[block]] == list(range(n))
    lengths, most = [block.stop - block.start for block in cut], max(1, BATCH_FLOATS // floats_each)
    assert all(0 < length <= (size or most) for length in lengths)
    assert size is None or all(length == size for length in lengths[:-1])
    assert size is not None or len(cut) == -(-n // most)  # as few as fit,
    assert size is not None or all(lengths[0] == length for length in lengths[:-1])  # and all but the last alike
    assert all(left.stop == right.start for left, right in pairwise(cut))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"theta": np.ones(8)}, ValueError, r"theta: expected shape \(9,\), received shape \(8,\)"),
        ({"theta": np.full(9, np.nan)}, ValueError, r"theta: expected finite numbers, received nan at index 0"),
        ({"X": np.ones((4, 3))}, ValueError, r"X: expected shape \(N, 2\) with N >= 1, received shape \(4, 3\)"),
        ({"X": np.ones(2)}, ValueError, r"X: .*, received shape \(2,\)"),
        ({"X": np.ones((0, 2)), "y": []}, ValueError, r"X: .*, received shape \(0, 2\)"),
        ({"X": [[1, np.inf]] * 4}, ValueError, r"X: expected finite numbers, received inf at index \(0, 1\)"),
        ({"X": "data"}, TypeError, "X: expected real numbers"),
        ({"y": [0, 1, 2, 3]}, ValueError, "y: expected .* labels 0..2, received 3 at index 3"),
        ({"y": [0, 1, 2]}, ValueError, r"y: expected shape \(4,\) .*, received shape \(3,\)"),
        ({"y": [[0]] * 4}, ValueError, r"y: expected shape \(4,\) .*, received shape \(4, 1\)"),
    ],
)
def test_bad_input_is_named(name, changes, error, message):
    good = {"theta": np.zeros(9), "X": np.ones((4, 2)), "y": [0, 1, 2, 0]}
    with pytest.raises(error, match=message):
        FUNCTIONS[name](BayesianModel(MLP(2, 3), Categorical()), **{**good, **changes})


def test_an_overflow_is_an_error_and_no_warning(name):
    model = BayesianModel(MLP(2, 2, 1, activation="relu"), Gaussian())
    with pytest.raises(ValueError, match="theta: expected parameters at which loss and curvature"):
        FUNCTIONS[name](model, np.full(9, 1e200), np.ones((3, 2)), np.zeros(3))


def test_rows_on_a_disk_are_read_by_slices(typical, name, monkeypatch):
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 1000)
    expected = FUNCTIONS[name](*typical)
    on_disk = typical._replace(X=OnlySlices(typical.X))
    np.testing.assert_array_equal(FUNCTIONS[name](*on_disk), expected)


@pytest.mark.parametrize("kind", [list, bool, float])
def test_lists_bools_and_floats_are_data_too(name, kind):
    model = BayesianModel(MLP(2, 3, 1), Bernoulli())
    theta, X, y = np.linspace(-1, 1, 13), np.array([[1.0, 2.0], [-3.0, 4.0]]), np.array([1, 0])
    given_as = (theta.tolist(), X.tolist(), y.tolist()) if kind is list else (theta, X, y.astype(kind))
    np.testing.assert_array_equal(FUNCTIONS[name](model, *given_as), FUNCTIONS[name](model, theta, X, y))
