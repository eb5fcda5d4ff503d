"""Every way to draw parameter vectors draws what it says, and their average is the sum that it is written as.

The oracles: plain sums over stacked predictions, SciPy's adaptive quadrature, the closed form of Bayesian linear
regression, all 2^H masks of a network with H hidden units.
"""

import multiprocessing
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise, product

import numpy as np
import pytest
from problems import LIKELIHOODS, assert_close, assert_is_derivative, random_problem
from scipy.integrate import cubature, quad
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm, special_ortho_group

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    ConvergenceWarning,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    Poisson,
    Prediction,
    average,
    deep_ensemble,
    fit_map,
    mc_dropout,
    toy_data_linear,
    toy_data_non_linear,
    toy_data_regression,
)
from minilaplace.model.weights import WeightedData
from minilaplace.model_average.dropout import dropout_masks, fit_dropout
from minilaplace.model_average.exact import exact_average, exact_posterior
from minilaplace.training import is_mode

N_OUTPUTS = {"bernoulli": 1, "labels": 2, "categorical": 3, "gaussian": 2, "poisson": 2}


def thetas_near(theta, S, rng=0):
    return theta + 0.5 * np.random.default_rng(rng).normal(size=(S, len(theta)))


# --- the average


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_average_is_the_sum_over_predictions(name):
    model, theta, X, _ = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=7)
    thetas = thetas_near(theta, 9)
    received = average(model, thetas, X)
    means = np.stack([model.likelihood.mean(model.network.forward(t, X)) for t in thetas])
    assert isinstance(received, Prediction) == (name in ("gaussian", "poisson"))
    if isinstance(received, Prediction):
        noise = 0.6**2 if name == "gaussian" else means.mean(axis=0)
        assert_close(received.variance, means.var(axis=0, ddof=1) + noise, rtol=1e-14)
        received = received.mean
    assert_close(received, means.mean(axis=0), rtol=1e-14)


def test_a_predicted_noise_is_averaged_too():
    network = MLP(2, 3, 2)
    model, rng = BayesianModel(network, HeteroscedasticGaussian()), np.random.default_rng(0)
    thetas, X = rng.normal(size=(6, network.n_params)), rng.normal(size=(4, 2))
    f = np.stack([network.forward(theta, X) for theta in thetas])  # (S, N, 2)
    mean, variance = average(model, thetas, X)
    assert_close(mean, f[:, :, :1].mean(axis=0), rtol=1e-14)
    assert_close(variance, np.exp(f[:, :, 1:]).mean(axis=0) + f[:, :, :1].var(axis=0, ddof=1), rtol=1e-14)


def test_a_variance_far_smaller_than_the_mean_survives():
    # Squares of 1e8 have no digits left for a variance of 1; differences from the running mean do.
    model = BayesianModel(MLP(1, 1), Gaussian(1e-3))
    biases = 1e8 + np.array([-1.0, 0.0, 1.0])
    thetas = np.column_stack([np.zeros(3), biases])
    mean, variance = average(model, thetas, [[0.0]])
    np.testing.assert_allclose(mean, 1e8, rtol=1e-15)
    np.testing.assert_allclose(variance, 1 + 1e-6, rtol=1e-12)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_average_over_one_theta_is_the_plugin(name):
    model, theta, X, y = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=7)
    plugin = Laplace(model, theta).fit(X, y).predict(X, "plugin")
    np.testing.assert_array_equal(np.array(average(model, theta[None], X)), np.array(plugin))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_average_over_laplaces_samples_is_its_link_nn(name):
    model, theta, X, y = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=7)
    la = Laplace(model, theta).fit(X, y)
    expected = la.predict(X, "nn", n_samples=20, rng=3)
    np.testing.assert_array_equal(np.array(average(model, la.sample(20, rng=3), X)), np.array(expected))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_weighted_average_is_the_weighted_sum_over_predictions(name):
    model, theta, X, _ = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=7)
    thetas, w = thetas_near(theta, 6), np.array([3.0, 0.0, 1.0, 0.5, 0.0, 7.0])
    received = average(model, thetas, X, weights=w)
    w = w / w.sum()
    means = np.stack([model.likelihood.mean(model.network.forward(t, X)) for t in thetas])
    expected = np.tensordot(w, means, axes=1)
    if model.likelihood.has_noise:
        spread = np.tensordot(w, (means - expected) ** 2, axes=1) / (1 - (w**2).sum())
        noise = 0.6**2 if name == "gaussian" else expected  # a count's variance is its mean
        assert_close(received.variance, spread + noise, rtol=1e-14)
        received = received.mean
    assert_close(received, expected, rtol=1e-14)


def test_a_predicted_noise_has_a_weighted_average_too():
    network = MLP(2, 3, 2)
    model, rng = BayesianModel(network, HeteroscedasticGaussian()), np.random.default_rng(0)
    thetas, X, w = rng.normal(size=(6, network.n_params)), rng.normal(size=(4, 2)), rng.dirichlet(np.ones(6))
    f = np.stack([network.forward(theta, X) for theta in thetas])  # (S, N, 2)
    mean, variance = average(model, thetas, X, 1e-200 * w)
    spread = np.tensordot(w, (f[:, :, :1] - mean) ** 2, axes=1) / (1 - w @ w)
    assert_close(mean, np.tensordot(w, f[:, :, :1], axes=1), rtol=1e-14)
    assert_close(variance, np.tensordot(w, np.exp(f[:, :, 1:]), axes=1) + spread, rtol=1e-13)


@pytest.mark.parametrize("w", [1.0, 0.3, 1e-300, 1e300])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_equal_weights_are_none_to_the_last_digit(name, w):
    model, theta, X, _ = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=7)
    thetas = thetas_near(theta, 9)
    received, expected = average(model, thetas, X, np.full(9, w)), average(model, thetas, X)
    np.testing.assert_array_equal(np.array(received), np.array(expected))


@pytest.mark.parametrize("rest", [0.0, 1e-320])
def test_one_theta_with_all_the_weight_is_its_plugin(rest):
    model, theta, X, _ = random_problem("gaussian", (4,), "tanh", 2, n_samples=7)
    thetas = thetas_near(theta, 3)
    received, expected = average(model, thetas, X, [rest, 2.0, rest]), average(model, thetas[1:2], X)
    np.testing.assert_allclose(received.mean, expected.mean, rtol=1e-14)
    assert np.isfinite(received.variance).all()
    if rest == 0:
        np.testing.assert_array_equal(received.variance, expected.variance)


def test_the_variance_under_weights_does_not_jump_where_one_theta_has_nearly_all():
    # (means - average)^2 and 1 - sum w^2 both vanish with the smaller weight; their ratio is half a squared distance.
    model = BayesianModel(MLP(1, 1), Gaussian(1e-3))
    for small in (0.1, 1e-8, 1e-20, 1e-100):
        _, variance = average(model, [[0.0, 1.0], [0.0, 3.0]], [[0.0]], [small, 1.0])
        np.testing.assert_allclose(variance, 2 + 1e-6, rtol=1e-14)


def test_the_variance_of_weighted_samples_is_unbiased():
    # The weights do not depend on the samples, whose variance is 4.
    model, w = BayesianModel(MLP(1, 1), Gaussian(1e-3)), [5.0, 1.0, 2.0]
    biases = 2 * np.random.default_rng(0).normal(size=(4000, 3))
    variances = [average(model, np.column_stack([[0] * 3, b]), [[0.0]], w).variance[0, 0] for b in biases]
    assert np.mean(variances) == pytest.approx(4, abs=4 * np.std(variances) / np.sqrt(4000))


def test_preferences_are_averaged_over_pairs():
    model, rng = BayesianModel(MLP(2, 3, 1), BradleyTerry()), np.random.default_rng(0)
    thetas, X = rng.normal(size=(6, model.network.n_params)), rng.normal(size=(5, 2, 2))
    rewards = [[MLP(2, 3, 1).forward(theta, X[:, i])[:, 0] for i in range(2)] for theta in thetas]
    assert_close(average(model, thetas, X), np.mean([expit(r[0] - r[1]) for r in rewards], axis=0), rtol=1e-14)


def test_memory_grows_neither_with_samples_nor_with_inputs(monkeypatch):
    # All predictions together would take 8 S N C = 13 MB, and one sample's activations 6 MB; in blocks of .5 MB there
    # is little beside the result, .32 MB, and its parts before they are joined.
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 2**16)
    model, rng = BayesianModel(MLP(2, 80, 4), Categorical()), np.random.default_rng(0)
    X, thetas = rng.normal(size=(10_000, 2)), rng.normal(size=(40, model.network.n_params))
    tracemalloc.start()
    p = average(model, thetas, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert p.shape == (10_000, 4)
    assert peak <= 2 * 8 * p.size + 1.5e6


# --- deep ensembles


@pytest.fixture(scope="module", params=["threads", "processes"])
def executor(request):
    with ExitStack() as stack:
        spawning = multiprocessing.get_context("spawn")
        pool = ThreadPoolExecutor(2) if request.param == "threads" else ProcessPoolExecutor(2, mp_context=spawning)
        yield stack.enter_context(pool)


def test_members_differ_and_each_is_a_mode():
    X, y = toy_data_non_linear(40, rng=0)
    model = BayesianModel(MLP(2, 8, 1), Bernoulli(), prior_precision=0.1)
    thetas = deep_ensemble(model, X, y, rng=0)
    assert thetas.shape == (5, model.network.n_params)
    assert all(is_mode(model, theta, X, y) for theta in thetas)
    distances = np.linalg.norm(thetas[:, None] - thetas, axis=2)
    assert np.all(distances[~np.eye(5, dtype=bool)] > 0.1)


def test_members_of_a_convex_loss_are_one():
    # A prior precision of 2 makes the loss 2-strongly convex: a gradient of norm e is at most e / 2 from the optimum.
    model, _, X, y = random_problem(hidden=(), n_samples=30, prior_precision=2.0)
    thetas = deep_ensemble(model, X, y, 3, rng=0)
    slack = 1e-6 * max(1, model.loss(thetas[0], X, y)) * np.sqrt(3)
    np.testing.assert_allclose(thetas, np.tile(thetas[0], (3, 1)), rtol=0, atol=slack)


@pytest.mark.parametrize("options", [{}, {"method": "adam", "epochs": 3}], ids=["lbfgs", "adam"])
def test_an_executor_trains_the_same_members(executor, options):
    model, _, X, y = random_problem(hidden=(3,), n_samples=20, prior_precision=0.1)
    alone = deep_ensemble(model, X, y, 3, rng=4, **options)
    np.testing.assert_array_equal(deep_ensemble(model, X, y, 3, rng=4, executor=executor, **options), alone)
    assert not np.any(deep_ensemble(model, X, y, 3, rng=5, **options) == alone)


def test_members_short_of_a_mode_are_one_warning_wherever_they_are_trained(executor):
    model, _, X, y = random_problem(hidden=(3,), n_samples=20, prior_precision=0.1)
    for pool in (None, executor):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first, *_ = deep_ensemble(model, X, y, 3, rng=4, max_iterations=2, executor=pool)
        (warning,) = caught
        assert warning.category is ConvergenceWarning
        start = "3 of 3 members are not at a mode; of the first, fit_map stopped after 2 iterations at loss "
        assert str(warning.message).startswith(f"{start}{model.loss(first, X, y):.6g} ")


def test_each_member_is_a_task_of_the_executor():
    tasks = []

    class Recorder(ThreadPoolExecutor):
        def submit(self, *task, **how):
            tasks.append(task)
            return super().submit(*task, **how)

    model, _, X, y = random_problem(hidden=(3,), n_samples=20, prior_precision=0.1)
    with Recorder(1) as executor:
        deep_ensemble(model, X, y, 3, rng=4, executor=executor)
    assert len(tasks) == 3


def test_members_short_of_a_mode_are_warned_of_at_the_callers_line():
    model, _, X, y = random_problem(hidden=(3,), n_samples=20, prior_precision=0.1)
    with pytest.warns(ConvergenceWarning) as caught:
        deep_ensemble(model, X, y, 2, rng=4, max_iterations=2)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_larger_ensemble_starts_with_the_smaller_one():
    model, _, X, y = random_problem(hidden=(3,), n_samples=20, prior_precision=0.1)
    five, two = (deep_ensemble(model, X, y, n, rng=4) for n in (5, 2))
    np.testing.assert_array_equal(five[:2], two)


def test_options_go_to_the_optimiser_and_members_to_the_callback():
    model, _, X, y = random_problem(hidden=(3,), n_samples=20)
    calls = []
    options = {"method": "adam", "epochs": 1, "batch_size": 20, "learning_rate": 1e-9}
    thetas = deep_ensemble(model, X, y, 3, rng=0, callback=lambda *call: calls.append(call), **options)
    starts = [model.network.init(own) for own in np.random.default_rng(0).spawn(3)]
    np.testing.assert_allclose(thetas, starts, rtol=0, atol=2e-9)  # one step of Adam
    assert [member for member, _, _ in calls] == [1, 2, 3]
    np.testing.assert_array_equal([theta for _, theta, _ in calls], thetas)
    assert [loss for _, _, loss in calls] == [model.loss(theta, X, y) for theta in thetas]


# --- dropout


def columns_from_hidden(network, mask):
    """Return the multipliers of each column of W, of the layers after the first."""
    for W, _ in network.layers(mask)[1:]:
        assert np.all(W[0] == W)
    return [W[0] for W, _ in network.layers(mask)[1:]]


def test_a_mask_silences_columns_and_nothing_else():
    network = MLP(3, 5, 4, 2)
    masks = dropout_masks(network, 0.3, 2000, rng=0)
    drawn = []
    for mask in masks:
        (W, b), *others = network.layers(mask)
        assert np.all(W == 1)
        assert np.all(b == 1)
        assert all(np.all(b == 1) for _, b in others)
        drawn.append(np.concatenate(columns_from_hidden(network, mask)))
    drawn = np.array(drawn)  # (S, 9)
    assert set(np.unique(drawn)) == {0, 1 / 0.7}
    # A frequency of .3 over 2000 masks has a standard deviation of .0102; correlations of units one of .022.
    np.testing.assert_allclose((drawn == 0).mean(axis=0), 0.3, rtol=0, atol=5 * 0.0102)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(9), rtol=0, atol=5 * 0.0224)


def test_a_masked_theta_is_the_network_whose_units_are_silent():
    network, rng = MLP(2, 4, 3, 1), np.random.default_rng(0)
    theta, X = rng.normal(size=network.n_params), rng.normal(size=(6, 2))
    mask = dropout_masks(network, 0.5, 1, rng=1)[0]
    units = columns_from_hidden(network, mask)
    assert all(0 < np.mean(unit == 0) < 1 for unit in units)
    (W1, b1), (W2, b2), (W3, b3) = network.layers(theta)
    a1 = np.tanh(X @ W1.T + b1) * units[0]
    a2 = np.tanh(a1 @ W2.T + b2) * units[1]
    assert_close(network.forward(mask * theta, X), a2 @ W3.T + b3, rtol=1e-14)


def test_the_average_over_masks_converges_to_that_over_all_of_them():
    # Five standard errors of a mean over S masks, from the variance over all of them; the plugin is further off.
    rate, S = 0.4, 4000
    model, theta, X, _ = random_problem(hidden=(3, 2), n_samples=6)
    network, theta = model.network, 3 * theta
    exact, square = np.zeros(6), np.zeros(6)
    for silent in product([0, 1], repeat=5):
        mask = np.ones(network.n_params)
        (_, _), (W2, _), (W3, _) = network.layers(mask)
        W2 *= (1 - np.array(silent[:3])) / (1 - rate)
        W3 *= (1 - np.array(silent[3:])) / (1 - rate)
        probability = rate ** sum(silent) * (1 - rate) ** (5 - sum(silent))
        p = expit(network.forward(mask * theta, X)[:, 0])
        exact, square = exact + probability * p, square + probability * p**2
    drawn = average(model, dropout_masks(network, rate, S, rng=0) * theta, X)
    plugin = average(model, theta[None], X)
    error = 5 * np.sqrt((square - exact**2) / S)
    assert np.all(np.abs(drawn - exact) <= error)
    assert np.any(np.abs(plugin - exact) > 2 * error)


def test_without_dropout_training_is_adams_and_every_sample_is_the_plugin():
    model, _, X, y = random_problem(hidden=(4,), n_samples=20, prior_precision=0.5)
    options = {"epochs": 5, "batch_size": 8, "learning_rate": 0.01}
    theta = fit_map(model, X, y, method="adam", rng=3, **options)
    np.testing.assert_array_equal(fit_dropout(model, X, y, rate=0.0, rng=3, **options), theta)
    np.testing.assert_array_equal(mc_dropout(model, X, y, 4, rate=0.0, rng=3, **options), np.tile(theta, (4, 1)))


def test_each_batch_follows_the_derivative_of_its_masked_loss(monkeypatch):
    # nll(mask * theta) of the batch, and its share of a penalty on theta itself, for each of the batch's samples.
    model, theta, X, y = random_problem(hidden=(3, 2), n_samples=8, prior_precision=0.7, prior_mean=0.2)
    mask = dropout_masks(model.network, 0.5, 1, rng=1)
    assert set(np.unique(mask)) == {0, 1, 2}
    monkeypatch.setattr("minilaplace.model_average.dropout._mask", lambda *_: mask[0])
    optimizers = []
    monkeypatch.setattr(
        "minilaplace.training.adam.Adam.minimise", lambda self, model, data, theta, *_: optimizers.append(self) or theta
    )
    fit_dropout(model, X, y, rate=0.5, rng=0)
    batch = np.array([1, 4, 6])

    def loss(t):
        nll = model.likelihood.nll(model.network.forward(mask[0] * t, X[batch]), y[batch]).sum()
        return nll + 3 / 8 * 0.35 * np.sum((t - 0.2) ** 2)

    data = WeightedData(X[batch], y[batch], np.ones(3))
    assert_is_derivative(optimizers[0].gradient(model, theta, data, 3 / 8), loss, theta)


def test_dropout_trains_a_model_of_a_class_of_ones_own():
    @dataclass(frozen=True, eq=False)
    class Counted(BayesianModel):
        sizes: list = field(default_factory=list)

        def loss_and_gradient(self, theta, X, *rest, **options):
            self.sizes.append(len(X))
            return super().loss_and_gradient(theta, X, *rest, **options)

    X, y = toy_data_linear(40, rng=0)
    model = Counted(MLP(2, 3, 1), Bernoulli())
    fit_dropout(model, X, y, epochs=2, batch_size=30, rng=0)
    assert model.sizes == [30, 10, 30, 10]


def test_training_goes_down_the_expected_loss():
    # The expectation over masks is a sum over all 2^H of them. Adam's steps along noisy gradients wander about a
    # minimum of it, to within a few percent of the loss; the plain MAP is nowhere near.
    rate, H = 0.5, 2
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    model = BayesianModel(MLP(2, H, 1), Gaussian(0.5), prior_precision=0.5)
    y = np.sin(X[:, 0]) + X[:, 1]

    def expected_loss(theta):
        total = 0.0
        for silent in product([0, 1], repeat=H):
            mask = np.ones(model.network.n_params)
            model.network.layers(mask)[1][0][...] *= (1 - np.array(silent)) / (1 - rate)
            nll = model.likelihood.nll(model.network.forward(mask * theta, X), y).sum()
            total += 0.5**H * nll
        return total + 0.25 * theta @ theta

    theta = fit_dropout(model, X, y, rate=rate, rng=0, epochs=600, batch_size=8, learning_rate=0.002)
    plain = fit_map(model, X, y, rng=0)
    assert expected_loss(theta) < 0.6 * expected_loss(plain)

    assert expected_loss(theta) <= 1.05 * minimize(expected_loss, theta).fun


def test_dropouts_seed_gives_the_same_bits_and_its_callback_the_epochs():
    model, _, X, y = random_problem(hidden=(4,), n_samples=20)
    calls = []
    first = mc_dropout(model, X, y, 6, rng=0, epochs=3, callback=lambda *call: calls.append(call))
    np.testing.assert_array_equal(mc_dropout(model, X, y, 6, rng=0, epochs=3), first)
    assert not np.array_equal(mc_dropout(model, X, y, 6, rng=1, epochs=3), first)
    assert [epoch for epoch, _, _ in calls] == [1, 2, 3]
    theta = calls[-1][1]
    assert calls[-1][2] == model.loss(theta, X, y)
    zero_or_louder = first[:, theta != 0] / theta[theta != 0]
    assert np.all(np.isclose(zero_or_louder, 1) | (zero_or_louder == 0) | np.isclose(zero_or_louder, 1 / 0.9))


# --- the integral


def logistic(n_inputs=1, n=25, prior_precision=0.5, **prior):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, n_inputs))
    y = rng.binomial(1, expit(1.5 * X[:, 0] - 0.5))
    return BayesianModel(MLP(n_inputs, 1), Bernoulli(), prior_precision, **prior), X, y


def data_of(kind, n, seed):
    """Return toy data, which a line separates except for "noisy", with two inputs or, "noisy" and "steps", one."""
    if kind == "toy":
        return toy_data_linear(n, rng=seed)
    rng = np.random.default_rng(seed)
    X = rng.normal(scale=2, size=(n, 1))
    return X, rng.binomial(1, expit(1.5 * X[:, 0] - 1)) if kind == "noisy" else (X[:, 0] > 0.3).astype(int)


def quadrature_in_a_plane(function, atol):
    result = cubature(function, [-12.0, -12.0], [12.0, 12.0], rule="gk15", rtol=0, atol=atol)
    assert result.status == "converged"
    return result.estimate


def sum_over_a_finer_grid(function, n=161):
    """Return the integral of function(z), (Q, K), over z in 3 dimensions, on a grid along other axes.

    Where the integrand has walls, adaptive rules take minutes. This grid has more points in each direction than the
    library's, and at the angle at which it stands it errs in other places.
    """
    rotation = special_ortho_group(3, seed=0).rvs()
    coarse = np.stack(np.meshgrid(*[np.linspace(-12, 12, 49)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    density = function(coarse @ rotation.T)[:, 0]
    inside = coarse[density > 1e-12 * density.max()]
    axes = np.linspace(inside.min(axis=0) - 0.5, inside.max(axis=0) + 0.5, n).T
    plane = np.stack(np.meshgrid(*axes[1:], indexing="ij"), axis=-1).reshape(-1, 2)
    slabs = [function(np.column_stack([np.full(len(plane), x), plane]) @ rotation.T).sum(axis=0) for x in axes[0]]
    return np.sum(slabs, axis=0) * np.prod(axes[:, 1] - axes[:, 0])


def assert_is_the_integral(model, X, y, accuracy):
    """Evidence, mean, covariance and probabilities, near and far, are those of the integral by another rule."""
    posterior = exact_posterior(model, X, y)
    root = np.linalg.cholesky(posterior.covariance())
    P, A, s = len(root), np.column_stack([X, np.ones(len(X))]), 1 - 2 * y
    X_new = np.array([[0.5, -0.2], [-3.0, 3.0], [4.0, 2.5], [30.0, -25.0]])[:, : P - 1]
    A_new = np.column_stack([X_new, np.ones(4)])
    Lambda0 = model.prior_precision * np.eye(P) if np.ndim(model.prior_precision) < 2 else model.prior_precision
    least = model.loss(fit_map(model, X, y), X, y)

    def integrand(z):
        thetas = posterior.mean + z @ root.T
        deviation = thetas - model.prior_mean
        loss = np.logaddexp(0, thetas @ A.T * s).sum(axis=1) + 0.5 * ((deviation @ Lambda0) * deviation).sum(axis=1)
        products = (z[:, :, None] * z[:, None]).reshape(len(z), -1)
        values = np.column_stack([np.ones(len(z)), z, products, expit(thetas @ A_new.T)])
        return values * np.exp(least - loss)[:, None]

    integral = quadrature_in_a_plane(integrand, accuracy / 20) if P == 2 else sum_over_a_finer_grid(integrand)
    total, means = integral[0], integral[1:] / integral[0]
    log_prior = 0.5 * np.linalg.slogdet(Lambda0 / (2 * np.pi))[1]
    evidence = np.log(total * np.diag(root).prod()) - least + log_prior
    assert posterior.log_marginal_likelihood == pytest.approx(evidence, abs=accuracy)
    np.testing.assert_allclose(means[:P], 0, rtol=0, atol=accuracy)  # in standard deviations
    np.testing.assert_allclose(means[P : P + P * P].reshape(P, P), np.eye(P), rtol=0, atol=10 * accuracy)
    np.testing.assert_allclose(posterior.predict(X_new), means[-4:], rtol=0, atol=accuracy)


# What the docstring of `exact_posterior` promises. Variances weigh the tails more: they are given ten times as much.
@pytest.mark.parametrize(
    ("kind", "n", "prior_precision", "seed", "accuracy"),
    [
        ("noisy", 20, 10.0, 0, 2e-6),
        ("noisy", 20, 0.1, 1, 2e-6),
        ("noisy", 200, 0.01, 2, 2e-6),
        ("steps", 2, 0.1, 1, 2e-6),
        ("steps", 30, 0.01, 3, 2e-6),
        ("steps", 30, 1e-4, 4, 1e-4),
        ("toy", 2, 1.0, 0, 2e-6),
        ("toy", 10, 10.0, 1, 2e-6),
        pytest.param("toy", 30, 0.5, 2, 2e-6, marks=pytest.mark.long),
        pytest.param("toy", 60, 0.1, 0, 2e-6, marks=pytest.mark.long),
        ("toy", 2, 0.01, 3, 2e-4),
        pytest.param("toy", 10, 0.01, 2, 2e-4, marks=pytest.mark.long),
        pytest.param("toy", 30, 0.01, 1, 2e-4, marks=pytest.mark.long),
        pytest.param("toy", 10, 1e-4, 0, 5e-3, marks=pytest.mark.long),
        pytest.param("toy", 30, 1e-8, 0, 5e-3, marks=pytest.mark.long),
    ],
)
def test_the_grid_is_the_integral_as_accurately_as_it_says(kind, n, prior_precision, seed, accuracy):
    X, y = data_of(kind, n, seed)
    assert_is_the_integral(BayesianModel(MLP(X.shape[1], 1), Bernoulli(), prior_precision), X, y, accuracy)


@pytest.mark.parametrize(
    "prior", [[0.3, 2.0, 0.1], np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.0], [0.1, 0.0, 0.4]])], ids=["vector", "matrix"]
)
def test_the_grid_is_the_integral_under_any_prior(prior):
    X, y = toy_data_linear(12, rng=4)
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior, prior_mean=[0.5, -0.5, 1.0])
    assert_is_the_integral(model, X, y, 2e-6)


def test_the_model_average_is_what_one_more_sample_adds_to_the_evidence():
    # p(y' = 1 | x', data) = p(data and (x', 1)) / p(data), where the sigmoid is a step between points too.
    X, y = toy_data_linear(20, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli(), 0.1)
    posterior = exact_posterior(model, X, y)
    for x in [[0.3, -0.4], [-4.0, 3.0], [8.0, -6.0], [12.0, -9.0]]:
        more = exact_posterior(model, [*X, x], [*y, 1])
        ratio = np.exp(more.log_marginal_likelihood - posterior.log_marginal_likelihood)
        assert posterior.predict([x])[0] == pytest.approx(ratio, abs=2e-6)
    np.testing.assert_array_equal(exact_average(model, X, y, [x]), posterior.predict([x]))


@pytest.mark.parametrize("reach", [2.0, 10.0, 24.0, 60.0, 1000.0])  # at 24 a cell is 2.5 logits wide
def test_far_out_the_average_is_that_of_the_logits_distribution(reach):
    # The second feature is 0 in all data: its weight u keeps its prior N(0, 1 / 2), apart from w and b. At (0, reach)
    # the logit is b + reach u, and given b a Gaussian, whose average is a one-dimensional integral; b's distribution
    # is that of the model of one feature, on its grid.
    model, X, y = logistic(prior_precision=2.0)
    wide = BayesianModel(MLP(2, 1), Bernoulli(), 2.0)
    received = exact_average(wide, np.column_stack([X, np.zeros(len(X))]), y, [[0.0, reach]])[0]
    narrow = exact_posterior(model, X, y)
    s = reach / np.sqrt(2)

    def given(z):
        return narrow.weights @ expit(narrow.thetas[:, 1] + s * z) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    edges = np.unique(np.clip([-9, -4, -1, *(np.array([-40, -8, -2, 0, 2, 8, 40]) / s), 1, 4, 9], -9, 9))
    pieces = [quad(given, a, b, epsabs=1e-11, epsrel=0)[0] for a, b in pairwise(edges)]
    assert received == pytest.approx(sum(pieces), abs=2e-6)


def test_memory_of_a_grid_does_not_grow_with_the_data(monkeypatch):
    monkeypatch.setattr("minilaplace.model_average.exact.BLOCK_FLOATS", 2**14)
    model, X, y = logistic()
    peaks = []
    for repeats in (1, 8):
        tracemalloc.start()
        exact_posterior(model, np.tile(X, (repeats, 1)), np.tile(y, repeats))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 1e6  # all logits of 201^2 points and 175 samples more would take 57 MB


@pytest.mark.long
def test_where_the_posterior_is_sure_the_average_is_certain_however_far_out():
    # The weight is 35 deviations from 0, and sigmoid(f) is 1 in float64 beyond f = 37, where all of the grid is. The
    # inputs are so large that the sigmoid is a step between its points.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 1))
    y = rng.binomial(1, expit(2 * X[:, 0]))
    tracemalloc.start()
    posterior = exact_posterior(BayesianModel(MLP(1, 1), Bernoulli(), 0.1), X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e7  # all logits at once would take 1.6 GB
    assert posterior.mean[0] / np.sqrt(posterior.covariance()[0, 0]) > 30
    points = np.array([[50.0], [200.0], [1e4], [1e7]])
    assert np.all(posterior.thetas @ np.array([50.0, 1.0]) > 37)
    certain, impossible = posterior.predict(points), posterior.predict(-points)
    np.testing.assert_allclose(certain, 1, rtol=0, atol=2e-6)
    np.testing.assert_allclose(impossible, 0, rtol=0, atol=2e-6)
    assert np.all(certain <= 1)
    assert np.all(impossible >= 0)


@pytest.mark.parametrize(
    "prior", [0.7, np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.0], [0.1, 0.0, 0.4]])], ids=["", "matrix"]
)
def test_of_a_linear_regression_it_is_the_closed_form(prior):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(15, 2))
    y = X @ [1, 2] + rng.normal(size=15)
    model = BayesianModel(MLP(2, 1), Gaussian(0.8), prior, prior_mean=0.3)
    A = np.column_stack([X, np.ones(15)])
    Lambda0 = prior * np.eye(3) if np.ndim(prior) == 0 else prior
    Lambda = A.T @ A / 0.64 + Lambda0
    mean = np.linalg.solve(Lambda, A.T @ y / 0.64 + Lambda0 @ np.full(3, 0.3))
    posterior = exact_posterior(model, X, y)
    assert_close(posterior.mean, mean, rtol=1e-10)
    # A density of e^-25 is where z^2 = 50: what lies beyond has a probability of 1e-10, and 1e-9 of the variance.
    np.testing.assert_allclose(posterior.covariance(), np.linalg.inv(Lambda), rtol=2e-9)
    la = Laplace(model, fit_map(model, X, y)).fit(X, y)
    assert posterior.log_marginal_likelihood == pytest.approx(la.log_marginal_likelihood(), abs=1e-9)
    for received, expected in zip(posterior.predict(X), la.predict(X), strict=True):
        assert_close(received, expected, rtol=1e-7)  # of a theta that is within 1e-6 of the gradient's zero


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize("prior_precision", [1e-4, 0.1, 10.0])
def test_of_the_toy_regression_it_is_the_closed_form(n, prior_precision):
    X, y = toy_data_regression(n, rng=1)
    model = BayesianModel(MLP(1, 1), Gaussian(0.3), prior_precision)
    A = np.column_stack([X, np.ones(n)])
    posterior = exact_posterior(model, X, y)
    Lambda = A.T @ A / 0.09 + prior_precision * np.eye(2)
    mean = np.linalg.solve(Lambda, A.T @ y / 0.09)
    np.testing.assert_allclose(posterior.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(posterior.covariance(), np.linalg.inv(Lambda), rtol=2e-9)
    joint = norm.logpdf(y, A @ mean, 0.3).sum() + norm.logpdf(mean, scale=prior_precision**-0.5).sum()
    evidence = joint + np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(Lambda)[1]
    assert posterior.log_marginal_likelihood == pytest.approx(evidence, abs=1e-9)


def test_weights_that_move_the_posterior_are_those_of_the_closed_form():
    # Unweighted, the mean is at 0; under the weights it is a hundred deviations from there.
    X, y, w = np.array([[-1.0], [1.0], [-1.0], [1.0]]), np.array([-1.0, -1.0, 1.0, 1.0]), np.array([1, 1, 1e4, 1e4])
    A = np.column_stack([X, np.ones(4)])
    Lambda = (A.T * w) @ A + 0.1 * np.eye(2)
    mean, root = np.linalg.solve(Lambda, A.T @ (w * y)), np.linalg.cholesky(Lambda)
    posterior = exact_posterior(BayesianModel(MLP(1, 1), Gaussian(), 0.1), X, y, w)
    assert mean @ Lambda @ mean > 100**2
    np.testing.assert_allclose(root.T @ (posterior.mean - mean), 0, rtol=0, atol=1e-9)  # in standard deviations
    np.testing.assert_allclose(root.T @ posterior.covariance() @ root, np.eye(2), rtol=0, atol=2e-9)


class Plain(Poisson):
    """Counts as one would write them oneself: nothing is said of overflow."""

    def mean(self, f):
        return np.exp(f)


@pytest.mark.parametrize("likelihood", [Poisson(), Plain()], ids=["library", "own"])
def test_where_rates_overflow_the_density_is_zero(likelihood):
    # At x = 0 the count 0 leaves the bias a density ~ exp(-b^2 / 2 s^2 - e^b), s = 300: e^b overflows within 3 s.
    model = BayesianModel(MLP(1, 1), likelihood, [1.0, 1 / 300**2])
    posterior = exact_posterior(model, [[0.0]], [0])

    def density(b):
        return np.exp(-0.5 * (b / 300) ** 2 - np.exp(b)) / (300 * np.sqrt(2 * np.pi))

    evidence = sum(quad(density, *ends, epsabs=1e-13)[0] for ends in [(-3000, -600), (-600, -20), (-20, 20)])
    assert posterior.log_marginal_likelihood == pytest.approx(np.log(evidence), abs=1e-2)


def test_probabilities_of_what_is_sure_are_within_0_and_1():
    # Weights sharpen the posterior until sigmoid(f) is 0 or 1 at all of its points, where sums round to either side.
    X = np.linspace(-2, 2, 40)[:, None]
    y = (X[:, 0] > 0).astype(int)
    y[[15, 24]] = 1 - y[[15, 24]]
    model = BayesianModel(MLP(1, 1), Bernoulli(), 0.1)
    points = np.array([[30.0], [1e3], [1e5]])
    for weight in (80, 100):
        posterior = exact_posterior(model, X, y, np.full(40, weight))
        assert np.all(posterior.thetas @ [30.0, 1.0] > 37)
        certain, impossible = posterior.predict(points), posterior.predict(-points)
        np.testing.assert_allclose(certain, 1, rtol=0, atol=2e-6)
        np.testing.assert_allclose(impossible, 0, rtol=0, atol=2e-6)
        assert np.all(certain <= 1)
        assert np.all(impossible >= 0)


def test_preferences_are_integrated_over_pairs():
    # A single layer's preference is a logistic regression on the difference; its bias plays no part.
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(20, 2, 1))
    y = rng.binomial(1, expit(pairs[:, 0, 0] - pairs[:, 1, 0]))
    p = exact_average(BayesianModel(MLP(1, 1), BradleyTerry(), 0.5), pairs, y, pairs)
    model = BayesianModel(MLP(1, 1), Bernoulli(), [0.5, 1e12])  # its bias is all but 0
    np.testing.assert_allclose(
        p, exact_average(model, pairs[:, 0] - pairs[:, 1], y, pairs[:, 0] - pairs[:, 1]), atol=1e-8
    )


# --- bad input

MODEL, X, Y = BayesianModel(MLP(2, 3, 1), Bernoulli()), np.ones((4, 2)), np.array([0, 1, 1, 0])
SINGLE, WIDE = (BayesianModel(MLP(D, 1), Bernoulli()) for D in (2, 3))
BAD = [
    (lambda: average("model", np.ones((1, 13)), X), TypeError, "model: expected a BayesianModel, received 'model'"),
    (lambda: average(MODEL, np.ones(13), X), ValueError, "thetas: expected shape (N, 13) with N >= 1, received shape"),
    (lambda: average(MODEL, np.ones((2, 12)), X), ValueError, "thetas: expected shape (N, 13)"),
    (lambda: average(MODEL, np.full((2, 13), np.nan), X), ValueError, "thetas: expected finite numbers"),
    (lambda: average(MODEL, np.ones((2, 13)), X[:, :1]), ValueError, "X: expected shape (N, 2)"),
    (lambda: average(MODEL, np.ones((2, 13)), X, [1, -2]), ValueError,
     "weights: expected shape (2,) of numbers of at least 0, some of them above, received -2 at index 1"),
    (lambda: average(MODEL, np.ones((2, 13)), X, [0, 0]), ValueError,
     "weights: expected shape (2,) of numbers of at least 0, some of them above, received zeros alone"),
    (lambda: average(MODEL, np.ones((2, 13)), X, [1, 2, 3]), ValueError, "weights: expected shape (2,)"),
    (lambda: deep_ensemble(MODEL, X, Y, 0), ValueError, "n_members: expected a whole number of at least 1, received 0"),
    (lambda: deep_ensemble(MODEL, X, Y, 2.0), TypeError, "n_members: expected a whole number"),
    (lambda: deep_ensemble(MODEL, X, [0, 1, 2, 0]), ValueError, "y: expected"),
    (lambda: deep_ensemble(MODEL, X, Y, theta0=np.ones(13)), ValueError, "theta0: expected none"),
    (lambda: deep_ensemble(MODEL, X, Y, epochs=3), ValueError, "option of method 'lbfgs': expected"),
    (lambda: deep_ensemble(MODEL, X, Y, executor=4), TypeError, "executor: expected a concurrent.futures.Executor"),
    (lambda: deep_ensemble(MODEL, X, Y, callback=4), TypeError, "callback: expected a function of (member"),
    (lambda: deep_ensemble(MODEL, X, Y, rng=-1), ValueError, "rng: expected"),
    (lambda: mc_dropout(MODEL, X, Y, 0), ValueError, "n_samples: expected a whole number of at least 1, received 0"),
    (lambda: mc_dropout(MODEL, X, Y, rate=1.0), ValueError, "rate: expected a probability of at least 0 and below 1"),
    (lambda: mc_dropout(MODEL, X, Y, rate=-0.1), ValueError, "rate: expected a probability of at least 0 and below 1"),
    (lambda: mc_dropout(MODEL, X, Y, rate="few"), TypeError, "rate: expected"),
    (lambda: mc_dropout(MODEL, X, Y, epochs=0), ValueError, "epochs: expected a whole number of at least 1"),
    (lambda: mc_dropout(MODEL, X, Y, callback=4), TypeError, "callback: expected a function of (epoch, theta, loss)"),
    (lambda: mc_dropout(SINGLE, X, Y), ValueError, "network: expected a hidden layer"),
    (lambda: fit_dropout(MODEL, X, Y, theta0=np.ones(3)), ValueError, "theta0: expected shape (13,)"),
    (lambda: exact_average(MODEL, X, Y, X), ValueError, "model: expected a single layer with at most 3 parameters"),
    (lambda: exact_average(SINGLE, X, Y, X[:, :1]), ValueError, "X: expected shape (N, 2)"),
    (lambda: exact_posterior(SINGLE, X, Y[:2]), ValueError, "y: expected"),
    (lambda: exact_posterior(WIDE, np.ones((4, 3)), Y), ValueError, "model: expected a single layer with at most 3"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error) as refused:
        call()
    assert str(refused.value).startswith(message)


def test_nothing_is_drawn_or_trained_before_a_refusal():
    rng, calls = np.random.default_rng(0), []
    before = rng.bit_generator.state, rng.bit_generator.seed_seq.n_children_spawned
    options = {"rng": rng, "callback": lambda *call: calls.append(call)}
    for call in (
        lambda: deep_ensemble(MODEL, X, Y[:2], **options),
        lambda: deep_ensemble(MODEL, X, Y, max_iterations=0, **options),
        lambda: mc_dropout(MODEL, X, Y, rate=2, **options),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
    assert not calls
    assert (rng.bit_generator.state, rng.bit_generator.seed_seq.n_children_spawned) == before


def test_a_posterior_that_the_grid_does_not_resolve_is_refused():
    # Separable data far from 0, and hardly any prior: a cone with walls as thin as 1 / |x|, along the grid's planes.
    X = np.array([[1000.0, 0], [-1000, 0.1], [0, 1000], [0.1, -1000]])
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=1e-4)
    with pytest.raises(ValueError, match=r"^model: expected a posterior that 101 points along each axis resolve"):
        exact_posterior(model, X, [1, 0, 1, 0])
