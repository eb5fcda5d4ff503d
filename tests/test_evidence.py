"""The evidence is exact where it can be, its gradient is its derivative, and priors chosen by it are stationary."""

import warnings
from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from problems import assert_is_derivative, random_problem
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, norm
from sklearn.datasets import load_wine

import minilaplace.evidence.by_predictions
import minilaplace.evidence.same_inputs
import minilaplace.evidence.tuning
import minilaplace.network.jacobian
import minilaplace.posterior.gaussian
import minilaplace.structures.full
from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    ConvergenceWarning,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    marglik_training,
    toy_data_linear,
    toy_data_non_linear,
    toy_data_regression,
)
from minilaplace.curvature import ggn
from minilaplace.evidence import PriorScore, tune_on_held_out, tune_to_budget
from minilaplace.evidence.by_predictions import GRID
from minilaplace.evidence.marginal_likelihood import LOG_BOUNDS, evidence_function, log_prior
from minilaplace.predictive.links import Prediction
from minilaplace.predictive.outputs import OutOfRangeError
from minilaplace.structures.fit import STRUCTURES
from minilaplace.structures.full import FACTORS
from minilaplace.training import convergence, is_mode, map_estimate
from minilaplace.training.lbfgs import FORBIDDING

each_structure = pytest.mark.parametrize("structure", STRUCTURES)
BLOCKS = {
    "full": "scalar",
    "blockdiag": "layerwise",
    "kron": "layerwise",
    "diag": "diag",
    "lowrank": "scalar",
    "gp": "scalar",
}


def linear_data(C=1, N=30, sigma=0.4):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    return X, X @ rng.normal(size=(3, C)) - 0.4 + sigma * rng.normal(size=(N, C))


def exact_log_evidence(model, X, Y):
    """Return log N(y | J mu0, J Lambda0^-1 J^T + noise) of a linear network with f = J theta."""
    J = model.network.jacobian(np.zeros(model.network.n_params), X).reshape(Y.size, -1)
    everything = np.arange(model.network.n_params)
    prior = model.prior_over(everything)
    covariance = J @ np.linalg.inv(np.diag(prior) if prior.ndim == 1 else prior) @ J.T
    noise = np.tile(np.broadcast_to(np.square(model.likelihood.sigma_noise), Y.shape[1]), len(Y))
    return multivariate_normal.logpdf(
        Y.ravel(), J @ np.broadcast_to(model.prior_mean, len(everything)), covariance + np.diag(noise)
    )


@pytest.mark.parametrize("structure", ["full", "gp"])
@pytest.mark.parametrize("prior", ["scalar", "vector", "matrix"])
@pytest.mark.parametrize("sigma", [0.4, (0.3, 0.8)])
def test_it_is_exact_for_bayesian_linear_regression(structure, prior, sigma):
    # A prior of zero precision would be no prior: the closed form holds at the exact MAP, which is solved for here.
    rng, network = np.random.default_rng(1), MLP(3, 2)
    X, Y = linear_data(C=2)
    A = rng.normal(size=(8, 8))
    precision = {"scalar": 0.7, "vector": rng.uniform(0.3, 3, size=8), "matrix": A @ A.T + np.eye(8)}[prior]
    model = BayesianModel(network, Gaussian(sigma), precision, rng.normal(size=8))
    zero = np.zeros(8)
    P0 = model.prior_over(np.arange(8))
    P0 = np.diag(P0) if P0.ndim == 1 else P0
    J = network.jacobian(zero, X).reshape(Y.size, 8)
    w = np.tile(np.broadcast_to(1 / np.square(sigma), 2), len(X))
    theta = np.linalg.solve((J.T * w) @ J + P0, (J.T * w) @ Y.ravel() + P0 @ model.prior_mean)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, Y)
    assert la.log_marginal_likelihood() == pytest.approx(exact_log_evidence(model, X, Y), rel=1e-10, abs=0)


@pytest.mark.parametrize("curvature", ["ggn", "empirical_fisher"])
@each_structure
def test_another_prior_or_noise_is_that_of_a_fit_under_it(structure, curvature):
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_samples=20, prior_precision=1.3)

    def fitted(model):
        return Laplace(model, theta, temperature=0.8, hessian_structure=structure, curvature=curvature).fit(X, y)

    la = fitted(model)
    before = la.log_marginal_likelihood()
    for prior, sigma in [(5.0, None), (None, 0.2), (0.3, 1.7), ([2.0, 9.0], 0.4)]:
        other = replace(model, prior_precision=1.3 if prior is None else prior, likelihood=Gaussian(sigma or 0.6))
        expected = fitted(other).log_marginal_likelihood()
        assert la.log_marginal_likelihood(prior, sigma) == pytest.approx(expected, rel=1e-11, abs=0)
    assert la.log_marginal_likelihood() == before


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("prior_structure", ["scalar", "layerwise", "diag"])
@each_structure
def test_its_gradient_is_its_derivative(structure, prior_structure, noise):
    if (structure, prior_structure) == ("kron", "diag"):
        prior_structure = "layerwise"  # kron takes no finer prior
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_samples=20, prior_precision=1.3, prior_mean=0.4)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    evidence = evidence_function(la._fit, model, theta, prior_structure, noise)
    at_random = evidence.start + 0.3 * np.random.default_rng(0).normal(size=len(evidence.start))
    for x in (evidence.start, at_random):  # where all precisions are one number, too
        assert_is_derivative(evidence.value_and_gradient(x)[1], lambda x: evidence.value_and_gradient(x)[0], x)


@pytest.mark.parametrize(("subset", "layers"), [("all", [0] * 12 + [1] * 8), ("last_layer", [0] * 8)])
def test_a_layers_weights_and_biases_share_a_prior(subset, layers):
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_inputs=3, n_samples=20)
    la = Laplace(model, theta, subset_of_weights=subset).fit(X, y)
    for prior_structure, groups in [("layerwise", layers), ("scalar", [0] * len(layers)), ("diag", range(len(layers)))]:
        np.testing.assert_array_equal(evidence_function(la._fit, model, theta, prior_structure, False).groups, groups)
        for noise in (False, True):
            la.optimize_prior_precision(prior_structure=prior_structure, optimize_noise=noise)
            assert np.ndim(la.model.prior_precision) == (0 if (prior_structure, subset) == ("scalar", "all") else 1)


def test_mackays_step_counts_what_the_data_has_determined_however_little():
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 1, n_samples=1, prior_precision=50.0)
    la = Laplace(model, theta).fit(X, y)
    values = np.linalg.eigvalsh(ggn(model, theta, X, y))
    gamma = (values / (values + 50.0)).sum()
    assert gamma < 0.5
    step = evidence_function(la._fit, model, theta, "scalar", False).mackay(np.log([50.0]))
    np.testing.assert_allclose(step, np.log(gamma / (theta**2).sum()), rtol=1e-10)


@each_structure
def test_100_evaluations_need_few_posteriors_and_one_eigendecomposition_of_each_part(structure, monkeypatch):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=20)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    priors = np.geomspace(0.1, 10, 100)
    alone = [la.under(delta).log_marginal_likelihood() for delta in priors]
    la.fit(X, y)
    calls, posteriors, of_type = [], [], type(la._fit.structure)
    for name in ("eigvalsh", "eigh", "svdvals"):
        for module in (minilaplace.structures.full, minilaplace.structures.kronecker, minilaplace.structures.low_rank):
            if hasattr(module, name):
                counted = getattr(scipy.linalg, name)
                monkeypatch.setattr(module, name, lambda *a, f=counted, **k: (calls.append(1), f(*a, **k))[1])
    counted = of_type.posterior
    monkeypatch.setattr(of_type, "posterior", lambda *a, f=counted: (posteriors.append(1), f(*a))[1])
    together = [la.log_marginal_likelihood(delta) for delta in priors]
    assert len(posteriors) == (1 if structure in ("kron", "lowrank") else FACTORS)  # which take eigenvalues themselves
    assert len(calls) <= len(la._fit.structure.parts)  # one for each block or factor
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_the_evidence_of_one_prior_takes_no_eigenvalues(monkeypatch):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=20)
    la = Laplace(model, theta).fit(X, y)
    expected = la.under(0.3).log_marginal_likelihood()
    monkeypatch.setattr(minilaplace.structures.full, "eigvalsh", None)
    assert la.log_marginal_likelihood(0.3) == pytest.approx(expected, rel=1e-13)
    layerwise, tuned = la.log_marginal_likelihood([0.3, 2.0]), la.under([0.3, 2.0])
    assert layerwise == pytest.approx(tuned.log_marginal_likelihood(), rel=1e-13)


@each_structure
def test_the_evidence_of_the_models_own_prior_is_that_of_the_posterior_that_there_is(structure, monkeypatch):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=20, prior_precision=0.7)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    expected, _ = la.log_marginal_likelihood(0.7), la.posterior
    monkeypatch.setattr(type(la._fit.structure), "log_det", None)  # no other factor, and no eigenvalues
    assert la.log_marginal_likelihood() == pytest.approx(expected, rel=1e-12)


# --- tuning


@pytest.mark.parametrize("noise", [False, True])
@each_structure
def test_evidence_and_mackay_agree_and_are_stationary(structure, noise):
    # MacKay's iteration stops at steps of 1e-10, L-BFGS where the evidence is flat to rounding: 1e-5 in log precision.
    X, y = toy_data_regression(60, rng=0)
    model = BayesianModel(MLP(1, 4, 1), Gaussian(0.4), prior_precision=1.0)
    theta = fit_map(model, X, y, rng=0)
    for prior_structure in {"scalar", "layerwise", BLOCKS[structure]} - {"diag"}:
        tuned = [
            Laplace(model, theta, hessian_structure=structure, rank=6 if structure == "lowrank" else None)
            .fit(X, y)
            .optimize_prior_precision(method, prior_structure=prior_structure, optimize_noise=noise)
            for method in ("marglik", "mackay")
        ]
        priors = [np.log(la.model.prior_precision) for la in tuned]
        np.testing.assert_allclose(priors[0], priors[1], rtol=0, atol=1e-5)
        sigmas = [la.model.likelihood.sigma_noise for la in tuned]
        assert sigmas[0] == pytest.approx(sigmas[1], rel=1e-5)
        assert (sigmas[0] != 0.4) == noise
        for la in tuned:
            evidence = evidence_function(la._fit, la.model, theta, prior_structure, noise)
            gradient = evidence.value_and_gradient(evidence.start)[1]
            np.testing.assert_allclose(gradient, 0, atol=1e-4)  # of terms that are some tens
            assert la.log_marginal_likelihood() > Laplace(model, theta).fit(X, y).log_marginal_likelihood() - 50


def test_a_prior_for_each_parameter_prunes_and_says_so():
    # Two of the four inputs do nothing: their precision runs away, the others' does not.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = X[:, 0] - 2 * X[:, 1] + 0.1 * rng.normal(size=200)
    model = BayesianModel(MLP(4, 1), Gaussian(0.1), prior_precision=1.0)
    la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    la.optimize_prior_precision("marglik", prior_structure="diag")
    assert np.all(la.model.prior_precision[:2] < 2)
    assert np.all(la.model.prior_precision[2:] > 50)


def test_the_tuned_prior_of_a_linear_regression_is_the_exact_evidences():
    # Tuning alternates with the MAP; where both stand still, the exact evidence has its maximum.
    X, Y = linear_data()
    start = BayesianModel(MLP(3, 1), Gaussian(0.4), prior_precision=5.0)
    model, theta = marglik_training(start, X, Y, rng=0, tol=1e-8)

    def loss(log_delta):
        return -exact_log_evidence(replace(start, prior_precision=float(np.exp(log_delta))), X, Y)

    best = minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x
    assert np.log(model.prior_precision) == pytest.approx(best, abs=1e-5)
    assert np.abs(model.gradient(theta, X, Y)).max() < 1e-6 * max(1, model.loss(theta, X, Y))


@pytest.mark.parametrize(("method", "direction"), [("marglik", 1), ("mackay", 1), ("marglik", -1)])
def test_an_optimum_on_the_edge_is_a_warning(method, direction):
    # At theta = prior_mean nothing speaks for any width: the precision runs up. A theta of 1e6 wants it below 1e-8.
    X, y = toy_data_linear(40, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli())
    theta = np.zeros(3) if direction == 1 else np.full(3, 1e6)
    la = Laplace(model, theta).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="^the evidence still rises at the edge of 1e-8 to 1e8 for 1 of 1"):
        la.optimize_prior_precision(method)
    assert np.log(la.model.prior_precision) == pytest.approx(LOG_BOUNDS[direction == 1])


@pytest.mark.parametrize("method", ["marglik", "mackay"])
@pytest.mark.parametrize("start", [1e-12, 1e12])
def test_a_search_from_beyond_its_range_ends_where_any_other_does(method, start):
    model, theta, X, y = random_problem("bernoulli", (3,), "tanh", 1, n_samples=40)
    la = Laplace(model, theta).fit(X, y)
    expected = copy(la).optimize_prior_precision(method).model.prior_precision
    assert la.under(start).optimize_prior_precision(method).model.prior_precision == pytest.approx(expected, rel=1e-5)


def test_an_edge_is_as_wide_as_a_thousandth():
    low, high = LOG_BOUNDS
    at_edge = minilaplace.evidence.tuning.at_edge
    assert at_edge("evidence", np.array([low + 1.01e-3, 0.0, high - 1.01e-3])) == []
    (message,) = at_edge("evidence", np.array([low + 0.99e-3, 0.0, high - 0.99e-3]))
    assert message == "the evidence still rises at the edge of 1e-8 to 1e8 for 2 of 3 tuned numbers"


@pytest.mark.parametrize("method", ["marglik", "mackay", "held_out", "budget"])
def test_a_callback_sees_every_prior_that_is_tried_counted_from_one(method):
    model, theta, X, y = random_problem("bernoulli", (6,), "tanh", 1, n_samples=40)
    la, calls = Laplace(model, theta).fit(X, y), []
    data = {"X": X, "y": y} if method in ("held_out", "budget") else {}
    expected = copy(la).optimize_prior_precision(method, **data).model.prior_precision
    la.optimize_prior_precision(method, callback=lambda *call: calls.append(call), **data)
    assert la.model.prior_precision == expected
    assert [step for step, _ in calls] == list(range(1, len(calls) + 1))
    tried = np.log([trial.prior_precision for _, trial in calls])
    assert len(np.unique(tried)) > 3
    assert np.abs(tried - np.log(expected)).min() < 2e-4  # twice what the searches by predictions are exact to


def climb(value, slope, possible, start):
    """Return where the search by the gradient ends in a function of x, (G,), that is not possible everywhere."""

    def value_and_gradient(x):
        if not possible(x):
            raise np.linalg.LinAlgError("impossible")
        return value(x), slope(x)

    evidence = SimpleNamespace(value_and_gradient=value_and_gradient)
    return minilaplace.evidence.tuning._climb(evidence, np.array(start), lambda x: None)


def test_an_optimum_beside_impossible_priors_is_one_also_at_the_edge():
    # Upwards in the first number without end, and flat in the second but for 5e-4, whose first step is impossible.
    tried, start = [], [LOG_BOUNDS[1], 1.0]
    found = climb(
        lambda x: x[0] - 10 * (x[1] - 1 + 2.5e-5) ** 2,
        lambda x: np.array([1.0, -20 * (x[1] - 1 + 2.5e-5)]),
        lambda x: tried.append(x[1]) is None and x[1] > 0.9998,
        start,
    )
    assert min(tried) < 0.9998
    np.testing.assert_allclose(found, start, rtol=0, atol=1e-4)


def test_an_end_beside_an_impossible_prior_is_none_however_little_the_evidence_rises():
    with pytest.raises(np.linalg.LinAlgError, match="impossible"):
        climb(lambda x: -0.1 * x[0], lambda x: np.array([-0.1]), lambda x: x[0] >= -0.5, [0.0])


def iterate(mackay, tried=lambda x: None):
    """Return where MacKay's iteration ends from 0 if this is its step."""
    evidence = SimpleNamespace(mackay=lambda x: np.array([mackay(x[0])]))
    return minilaplace.evidence.tuning._iterate(evidence, np.array([0.0]), tried)[0]


def test_a_step_of_mackays_iteration_is_halved_as_often_as_it_takes():
    # The first step is to -5; at -5 / 16, the first of its halves that is possible, the next is to the fixed point.
    def mackay(x):
        if x < -0.5:
            raise np.linalg.LinAlgError
        return -5.0 if x == 0 else -0.3

    assert iterate(mackay) == -0.3


@pytest.mark.parametrize("start", [-10.0, 10.0])
def test_a_climb_from_far_away_goes_up_by_boxes_of_e_to_the_third(start):
    # The gradient of -x^4 is so large there that each search but the last ends at the side of its box.
    evidence, tried = SimpleNamespace(value_and_gradient=lambda x: (-float(x[0] ** 4), -4 * x**3)), []
    found = minilaplace.evidence.tuning._climb(evidence, np.array([start]), lambda x: tried.append(x[0]))
    assert found == pytest.approx(0.0, abs=1e-2)  # where the gradient is below 1e-5
    ends = np.sign(start) * np.array([10.0, 7.0, 4.0, 1.0])
    first = [int(np.flatnonzero(np.abs(tried - end) < 1e-12)[0]) for end in ends]
    assert first == sorted(first)


def test_an_iteration_that_does_not_settle_says_so():
    tried = []
    said = r"^MacKay's iteration has not settled in 10,000 steps; method='margl"
    with pytest.warns(ConvergenceWarning, match=said) as caught:
        assert abs(iterate(lambda x: 1.0 if x <= 0 else -1.0, tried.append)) == 1
    assert len(tried) == 10_000
    assert caught[0].filename == __file__  # the caller's line, in whose power it is


def test_a_search_starts_again_from_priors_e_times_as_strong_and_from_the_same_noise():
    starts = []

    def search(evidence, x, tried):
        starts.append(x)
        raise np.linalg.LinAlgError(f"number {len(starts)}")

    evidence, strongest = SimpleNamespace(start=np.array([17.0, 0.0, -1.0]), noise=True), LOG_BOUNDS[1]
    with pytest.raises(np.linalg.LinAlgError, match=r"^number 1$"):
        minilaplace.evidence.tuning._found(search, evidence, None)
    np.testing.assert_array_equal(starts, [[min(17 + k, strongest), min(k, strongest), -1] for k in range(20)])


def peaked(at, width=1.0):
    """Return a PriorScore of one label whose probability is largest under this log precision."""

    def predict(model):
        return np.array([0.9 * np.exp(-(((np.log(model.prior_precision) - at) / width) ** 2))])

    return PriorScore(BayesianModel(MLP(1, 1), Bernoulli()), predict, np.array([1]))


@pytest.mark.parametrize(("k", "share"), [(0, 0.7), (5, 0.3), (5, 0.7), (31, 0.3)])
def test_the_best_prior_is_found_between_any_two_of_the_grid(k, share):
    best = (1 - share) * GRID[k] + share * GRID[k + 1]
    chosen = tune_on_held_out(peaked(best)).prior_precision
    assert np.log(chosen) == pytest.approx(best, abs=2e-4)


def test_a_prior_that_is_best_on_the_grid_alone_is_taken():
    chosen = tune_on_held_out(peaked(GRID[7], 1e-3)).prior_precision
    assert np.log(chosen) == pytest.approx(GRID[7], rel=1e-12)


def tried_by(loss, tune):
    """Return the log precisions at which a loss is asked for, and the one that is chosen."""
    tried, model = [], BayesianModel(MLP(1, 1), Bernoulli())
    score = PriorScore(model, None, np.array([1]))

    def recorded(x):
        tried.append(x)
        return loss(x)

    score.loss = recorded
    chosen = tune(score)
    return np.array(tried), np.log(chosen.prior_precision)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_a_search_goes_on_between_the_neighbours_of_the_best_of_the_grid(slope):
    # Outside the grid the loss falls towards one side, so that the search ends at its bound.
    tried, chosen = tried_by(lambda x: -99.0 if x == GRID[9] else slope * x, tune_on_held_out)
    assert chosen == pytest.approx(GRID[9], rel=1e-12)
    bounds = tried[33:].min(), tried[33:].max()
    end = 0 if slope > 0 else 1
    assert bounds[end] == pytest.approx(GRID[[8, 10]][end], abs=1e-3)
    assert GRID[8] < bounds[0] < bounds[1] < GRID[10]


def test_a_search_on_held_out_data_takes_what_a_golden_section_takes_to_a_ten_thousandth():
    tried, chosen = tried_by(lambda x: max(3 * (x - 0.3), 0.3 - x), tune_on_held_out)  # no parabola fits this
    sections = np.log((GRID[2] - GRID[0]) / 1e-4) / np.log((1 + np.sqrt(5)) / 2)
    assert len(tried) < len(GRID) + sections + 3
    assert chosen == pytest.approx(0.3, abs=1e-4)


def test_steps_beside_a_prior_that_rounding_forbids_double(monkeypatch):
    # The root that is found is forbidden, and so is what is less than 14 steps above it: 1 + 2 + 4 + 8 are enough.
    monkeypatch.setattr(minilaplace.evidence.by_predictions, "brentq", lambda f, low, high, xtol: low + 0.5)
    root = GRID[9] + 0.5
    tried, chosen = tried_by(
        lambda x: 0.0 if x >= root + 13.5e-4 else FORBIDDING,
        lambda score: tune_to_budget(score, np.array([1.0]), 0.01),
    )
    assert chosen == pytest.approx(root + 15e-4, abs=1e-9)
    np.testing.assert_allclose(tried[-5:], root + 1e-4 * np.array([0, 1, 3, 7, 15]), atol=1e-9)


@pytest.mark.parametrize("k", [0, 1, 20, 31])
def test_a_budget_ends_between_any_two_of_the_grid(k):
    # The cost falls by 1e-3 nats with each e of the prior.
    limit = 0.4 * GRID[k] + 0.6 * GRID[k + 1]
    score = PriorScore(
        BayesianModel(MLP(1, 1), Bernoulli()),
        lambda model: np.array([0.5 * np.exp(1e-3 * (np.log(model.prior_precision) - limit))]),
        np.array([1]),
    )
    chosen = tune_to_budget(score, np.array([0.5 * np.exp(1e-2)]), 1e-2).prior_precision
    assert np.log(chosen) == pytest.approx(limit, abs=2e-4)


def test_a_score_beyond_numbers_is_the_worst_that_there_is():
    score = PriorScore(BayesianModel(MLP(1, 1), Gaussian()), lambda model: None, np.array([[1e60]]))
    assert score.of(Prediction(np.zeros((1, 1)), np.ones((1, 1)))) == FORBIDDING


@pytest.mark.parametrize("link", ["bridge", "probit", "plugin"])
def test_held_out_data_chooses_the_prior_for_the_link_that_is_asked(link):
    model, theta, X, y = random_problem("categorical", (4,), "tanh", 3, n_samples=40)
    la, X_new, y_new = Laplace(model, theta).fit(X[:20], y[:20]), X[20:], y[20:].copy()
    y_new[::3] = (y_new[::3] + 1) % 3  # so that some doubt is worth it
    tried = []
    la.optimize_prior_precision("held_out", X=X_new, y=y_new, link_approx=link, callback=lambda _, m: tried.append(m))

    def score(trial):
        return model.likelihood.log_score(la.under(trial.prior_precision).predict(X_new, link), y_new).mean()

    assert score(la.model) == pytest.approx(max(map(score, tried)), rel=1e-12)


@pytest.mark.filterwarnings("ignore:the held-out score still rises at the edge")
@pytest.mark.parametrize("method", ["held_out", "budget"])
def test_data_of_no_weight_is_not_looked_at(method):
    model, theta, X, y = random_problem("gaussian", (), "tanh", 1, n_samples=20)
    la, far = Laplace(model, theta).fit(X, y), np.vstack([X, [[1e200, 0.0]]])  # whose variance is out of range
    expected = copy(la).optimize_prior_precision(method, X=X, y=y).model.prior_precision
    weight = np.append(np.ones(20), 0.0)
    la.optimize_prior_precision(method, X=far, y=np.vstack([y, [[0.0]]]), sample_weight=weight)
    assert la.model.prior_precision == pytest.approx(expected, rel=1e-9)


def test_held_out_data_chooses_what_predicts_it_best():
    X, y = toy_data_non_linear(80, rng=0)
    X_new, y_new = toy_data_non_linear(80, rng=1)
    y_new[::8] = 1 - y_new[::8]  # labels that no certainty survives: the best precision is neither 0 nor infinite
    model = BayesianModel(MLP(2, 8, 1), Bernoulli(), prior_precision=1.0)
    theta = fit_map(model, X, y, rng=0)

    def score(la):
        p = la.predict(X_new)
        return np.log(np.where(y_new == 1, p, 1 - p)).mean()

    la = Laplace(model, theta).fit(X, y).optimize_prior_precision("held_out", X=X_new, y=y_new)
    grid = [score(Laplace(replace(model, prior_precision=d), theta).fit(X, y)) for d in np.geomspace(1e-3, 1e6, 40)]
    assert score(la) >= max(grid) - 1e-6


def test_held_out_data_that_wants_certainty_is_a_warning():
    # Held-out labels that the plugin gets right beyond doubt speak for any precision, the larger the better.
    X, y = toy_data_linear(40, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=1.0)
    la = Laplace(model, np.array([5.0, 5.0, 0.0])).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="the held-out score still rises at the edge of 1e-8 to 1e8 for 1 of 1"):
        la.optimize_prior_precision("held_out", X=X, y=y)


@pytest.mark.filterwarnings("ignore::minilaplace.ConvergenceWarning")
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_prior_whose_predictions_overflow_scores_worst(structure):
    # E[exp(s)] of a log variance s that few data determine overflows under the weakest priors of the grid.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1))
    y = np.sin(2 * X) + 0.2 * rng.normal(size=X.shape)
    model = BayesianModel(MLP(1, 8, 2), HeteroscedasticGaussian())
    la = Laplace(model, fit_map(model, X, y, rng=0), hessian_structure=structure).fit(X, y)
    X_new = np.array([[0.5], [8.0], [4e4]])
    y_new = np.array([[0.8], [0.0], [-1.0]])
    if structure in ("lowrank", "gp"):  # the others have variances of every parameter, or refuse such a prior
        with pytest.raises(OutOfRangeError, match=r"^X: expected inputs at which predictions and their variances"):
            la.under(1e-8).predict(X_new)

    def score(log_delta):
        return float(model.likelihood.log_score(la.under(np.exp(log_delta)).predict(X_new), y_new).mean())

    chosen = copy(la).optimize_prior_precision("held_out", X=X_new, y=y_new).model.prior_precision
    assert la.model.prior_precision == 1.0
    assert score(np.log(chosen)) >= max(score(x) for x in np.linspace(np.log(1e2), np.log(1e8), 60)) - 1e-6


def test_where_no_prior_gives_an_answer_the_last_error_is_raised():
    model, tried = BayesianModel(MLP(1, 1), Gaussian()), []

    def predict(trial):
        tried.append(trial.prior_precision)
        raise (np.linalg.LinAlgError if len(tried) % 2 == 0 else OutOfRangeError)(f"number {len(tried)}")

    with pytest.raises(OutOfRangeError, match=r"^number 33$"):
        tune_on_held_out(PriorScore(model, predict, np.zeros((2, 1))))
    assert len(tried) == 33


def test_an_error_that_is_not_about_the_prior_ends_the_search():
    def predict(trial):
        raise ValueError("X: expected something else")

    with pytest.raises(ValueError, match="something else"):
        tune_on_held_out(PriorScore(BayesianModel(MLP(1, 1), Gaussian()), predict, np.zeros((2, 1))))


@pytest.mark.parametrize("structure", ["full", "kron"])
@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "gaussian"])
def test_a_budget_takes_the_weakest_prior_above_which_it_holds_everywhere(kind, structure):
    model, theta, X, y = random_problem(kind, (6,), "tanh", 1 if kind != "categorical" else 3, n_samples=40)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    plugin = model.likelihood.log_score(la.predict(X, "plugin"), y).mean()

    def cost(prior):
        return plugin - model.likelihood.log_score(la.under(prior).predict(X), y).mean()

    chosen = la.optimize_prior_precision("budget", X=X, y=y, budget=0.02).model.prior_precision
    assert cost(chosen) == pytest.approx(0.02, abs=1e-4)
    assert all(cost(prior) <= 0.02 for prior in np.geomspace(chosen, 1e8, 100))


@pytest.mark.parametrize("method", ["budget", "held_out"])
def test_whole_weights_are_repeated_rows_to_the_methods_that_predict(method):
    X, y = toy_data_regression(60, noise=0.3, rng=2)
    model = BayesianModel(MLP(1, 6, 1), Gaussian(0.3))
    theta = fit_map(model, X[:30], y[:30], rng=0)
    weight, X_new, y_new = np.arange(30) % 4, X[30:], y[30:]
    tuned = [
        Laplace(model, theta).fit(X[:30], y[:30]).optimize_prior_precision(method, **data).model.prior_precision
        for data in (
            {"X": X_new, "y": y_new, "sample_weight": weight},
            {"X": np.repeat(X_new, weight, axis=0), "y": np.repeat(y_new, weight, axis=0)},
            {"X": X_new, "y": y_new},
        )
    ]
    assert tuned[0] == pytest.approx(tuned[1], rel=1e-3)  # the search ends within 1e-4 of the log precision
    assert tuned[0] != pytest.approx(tuned[2], rel=1e-2)


def test_a_budget_is_found_without_a_look_at_priors_that_are_too_weak():
    model, theta, X, y = random_problem("bernoulli", (6,), "tanh", 1, n_samples=40)
    tried = []
    la = Laplace(model, theta).fit(X, y)
    la.optimize_prior_precision("budget", X=X, y=y, callback=lambda step, m: tried.append(m.prior_precision))
    assert min(tried) > la.model.prior_precision / 4  # one step of the grid, 10^(1/2), beyond it


SHARED = {  # the problem, the fit's options, and the link
    "one logit": (("bernoulli", (6,), "tanh", 1), {"temperature": 2.0}, None),
    "labels": (("labels", (4,), "sigmoid", 3), {"curvature": "empirical_fisher"}, "quadrature"),
    "differences of logits": (("categorical", (4,), "tanh", 3), {"subset_of_weights": "last_layer"}, None),
    "a Dirichlet": (("categorical", (), "tanh", 4), {}, "bridge"),
    "some parameters": (
        ("gaussian", (5,), "relu", 2),
        {"subset_of_weights": "subnetwork", "subnetwork_indices": [20, 3, 26]},
        None,
    ),
    "counts": (("poisson", (3,), "tanh", 2), {}, None),
}


@pytest.mark.parametrize("name", SHARED)
def test_predictions_by_shared_eigenvectors_are_those_of_each_priors_own_factor(name, monkeypatch):
    problem, options, link = SHARED[name]
    model, theta, X, y = random_problem(*problem, n_samples=30)
    la, X_new = Laplace(model, theta, **options).fit(X, y), 2 * X[:7]
    priors = [model.under(delta) for delta in (0.02, 1.0, 300.0)]
    expected = [la.under(m.prior_precision).predict(X_new, link) for m in priors]
    predict = la._predictor(X_new, link)
    monkeypatch.setattr(type(la), "predict", None)  # which would take a factor
    for m, alone in zip(priors, expected, strict=True):
        np.testing.assert_allclose(predict(m), alone, rtol=1e-11)


def seen_by_the_link(la, X, under, monkeypatch):
    """Return the outputs that a search through priors gives its link under a model."""
    seen = []
    asked = lambda likelihood, outputs: seen.append(outputs) or outputs.mean  # noqa: E731
    monkeypatch.setattr(minilaplace.evidence.same_inputs, "link_of", lambda *_: asked)
    la._predictor(X, None)(under)
    return seen[0]


def test_a_link_may_ask_a_search_for_the_covariance_of_anything_linear_in_the_outputs(monkeypatch):
    model, theta, X, y = random_problem("categorical", (5,), "tanh", 3, n_samples=30)
    la, rng = Laplace(model, theta).fit(X, y), np.random.default_rng(0)
    outputs = seen_by_the_link(la, X, model.under(3.0), monkeypatch)
    Sigma = la.under(3.0).posterior.covariance()
    V = np.stack([J @ Sigma @ J.T for J in model.network.jacobian(theta, X)])
    of_all, of_each = rng.normal(size=(4, 3)), rng.normal(size=(30, 2, 3))
    np.testing.assert_allclose(outputs.covariance(), V, rtol=0, atol=1e-12 * V.max())
    np.testing.assert_allclose(outputs.variance(), np.einsum("ncc->nc", V), rtol=1e-11)
    for R in (of_all, of_each):
        expected = R @ V @ np.swapaxes(R, -1, -2)
        np.testing.assert_allclose(outputs.covariance(R), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("inputs_cached", [0, 1, 7, 40])
def test_a_search_multiplies_rows_of_as_many_inputs_as_the_cache_holds(inputs_cached, monkeypatch):
    model, theta, X, y = random_problem("categorical", (5,), "tanh", 3, n_samples=30)
    la, sizes = Laplace(model, theta).fit(X, y), []
    outputs = seen_by_the_link(la, X, model.under(3.0), monkeypatch)

    def recorded_batches(*args, **how):
        for some in minilaplace.network.jacobian.batches(*args, **how):
            sizes.append(some.stop - some.start)
            yield some

    monkeypatch.setattr(minilaplace.evidence.same_inputs, "batches", recorded_batches)
    monkeypatch.setattr(minilaplace.evidence.same_inputs, "CACHED", inputs_cached * 3 * model.network.n_params)
    outputs.covariance(np.ones((2, 3)))
    assert sum(sizes) == 30
    assert max(sizes) == min(max(inputs_cached, 1), 30)


def test_a_search_through_priors_takes_one_decomposition_and_no_factors(monkeypatch):
    model, theta, X, y = random_problem("bernoulli", (6,), "tanh", 1, n_samples=40)
    la, tried = Laplace(model, theta).fit(X, y), []
    la.predict(X[:1])
    monkeypatch.setattr(minilaplace.posterior.gaussian, "cholesky", None)
    decomposed = [scipy.linalg.eigh(la._fit.structure.matrix())]
    monkeypatch.setattr(minilaplace.evidence.same_inputs, "eigh", lambda *a, **k: decomposed.pop())
    la.optimize_prior_precision("held_out", X=X, y=y, callback=lambda step, m: tried.append(m))
    assert len(tried) > 33
    assert decomposed == []


def test_a_prior_too_weak_for_the_eigenvalues_is_left_to_its_own_factor():
    # In units that differ so much a factor, which does not see units, has the digits that eigenvalues have not.
    X = np.random.default_rng(0).normal(size=(40, 2)) * [1.0, 1e7]
    model, theta = BayesianModel(MLP(2, 1), Gaussian()), np.array([1.0, 1e-7, 0.0])
    la = Laplace(model, theta).fit(X, X @ theta[:2])
    predict, weak = la._predictor(X, None), la.under(1e-3)
    np.testing.assert_array_equal(predict(weak.model), weak.predict(X))


def test_a_prior_that_leaves_a_direction_of_negative_curvature_is_refused_in_a_search_too():
    la, X = indefinite("full"), np.zeros((1, 2))
    predict = la._predictor(X, None)
    smallest = np.linalg.eigvalsh(la._fit.structure.matrix()).min()
    assert predict(la.model.under(-2 * smallest)).shape == (1,)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        predict(la.model.under(-0.5 * smallest))


@pytest.mark.parametrize("link", ["mc", "nn"])
def test_a_search_by_a_link_that_draws_predicts_as_it_does(link):
    model, theta, X, y = random_problem("bernoulli", (6,), "tanh", 1, n_samples=40)
    la = Laplace(model, theta).fit(X, y)
    np.testing.assert_array_equal(la._predictor(X, link)(model.under(3.0)), la.under(3.0).predict(X, link, rng=0))


def test_rows_too_many_to_keep_are_not_kept(monkeypatch):
    model, theta, X, y = random_problem("categorical", (6,), "tanh", 3, n_samples=40)
    la = Laplace(model, theta).fit(X, y)
    calls, decompose, size = [], scipy.linalg.eigh, 40 * 3 * model.network.n_params
    monkeypatch.setattr(
        minilaplace.evidence.same_inputs, "eigh", lambda *a, **k: (calls.append(1), decompose(*a, **k))[1]
    )
    for kept, n_decomposed in ((size - 1, 0), (size, 1)):
        monkeypatch.setattr(minilaplace.evidence.same_inputs, "KEPT", kept)
        la._predictor(X, None)
        assert len(calls) == n_decomposed


def test_all_inputs_are_answered_at_once_however_small_a_batch_is(monkeypatch):
    model, theta, X, y = random_problem("bernoulli", (6,), "tanh", 1, n_samples=40)
    la = Laplace(model, theta).fit(X, y)
    predict, expected = la._predictor(X, None), la.under(3.0).predict(X)
    monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", 1)
    np.testing.assert_allclose(predict(model.under(3.0)), expected, rtol=1e-11)


def test_a_budget_does_not_see_the_units_of_a_regression():
    model, theta, X, y = random_problem("gaussian", (), "tanh", 1, n_samples=40)
    at_home = Laplace(model, theta).fit(X, y).optimize_prior_precision("budget", X=X, y=y, budget=1e-3)
    thousandths = BayesianModel(model.network, model.likelihood.with_noise(600.0))
    abroad = Laplace(thousandths, 1e3 * theta).fit(X, 1e3 * y)
    abroad.optimize_prior_precision("budget", X=X, y=1e3 * y, budget=1e-3)
    assert 1 < at_home.model.prior_precision < 1e4
    assert 1e6 * abroad.model.prior_precision == pytest.approx(at_home.model.prior_precision, rel=1e-3)


def test_a_budget_that_no_prior_keeps_is_said():
    score = PriorScore(BayesianModel(MLP(1, 1), Bernoulli()), lambda model: np.array([0.5, 0.5]), np.array([0, 1]))
    with pytest.warns(ConvergenceWarning, match="more than the budget of 0.01 nats a sample even under"):
        model = tune_to_budget(score, np.array([0.1, 0.9]), 0.01)
    assert model.prior_precision == pytest.approx(1e8)
    assert tune_to_budget(score, np.array([0.6, 0.4]), 0.01).prior_precision == pytest.approx(1e-8)


def test_a_budget_ends_at_a_prior_that_has_a_posterior():
    # Rounding forbids priors below 1e-3, and one that the search between two of its grid would else end at.
    model, forbidden = BayesianModel(MLP(1, 1), Bernoulli()), []

    def predict(m):
        if m.prior_precision < 1e-3 or (len(forbidden) < 9 and 1e-3 < m.prior_precision < 1.001e-3):
            forbidden.append(m.prior_precision)
            raise np.linalg.LinAlgError
        return np.array([0.6, 0.4])

    chosen = tune_to_budget(PriorScore(model, predict, np.array([1, 0])), np.array([0.6, 0.4]), 0.01).prior_precision
    assert chosen not in forbidden
    assert 1e-3 <= chosen < 1.1e-3


@pytest.mark.parametrize("seed", range(20))
def test_rounding_that_forbids_most_priors_beside_the_weakest_costs_no_more_than_it_must(seed):
    # Below 1e-3 no prior is possible, and up to 1.01e-3 one in four: the search passes those of a hundredth, no more.
    forbidden = []

    def predict(m):
        chance = np.random.default_rng([seed, int(1e15 * m.prior_precision)]).uniform()  # the same for the same prior
        if m.prior_precision < 1e-3 or (m.prior_precision < 1.01e-3 and chance < 0.75):
            forbidden.append(m.prior_precision)
            raise np.linalg.LinAlgError
        return np.array([0.6])

    score = PriorScore(BayesianModel(MLP(1, 1), Bernoulli()), predict, np.array([1]))
    chosen = tune_to_budget(score, np.array([0.6]), 0.01).prior_precision
    assert chosen not in forbidden
    assert 1e-3 <= chosen < 1.03e-3


@pytest.mark.parametrize("method", ["marglik", "mackay", "budget", "held_out"])
def test_an_earlier_posterior_is_not_tuned_away(method):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), rng.integers(0, 2, size=20)
    model = BayesianModel(MLP(2, 3, 1), Bernoulli())
    earlier = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y).as_prior()
    la = Laplace(earlier, fit_map(earlier, X, y, rng=0)).fit(X, y)
    given = {"X": X, "y": y} if method in ("budget", "held_out") else {}
    with pytest.raises(ValueError, match=r"^prior_precision: expected a number or \(P,\) to tune, .* \(13, 13\)$"):
        la.optimize_prior_precision(method, **given)
    assert la.model is earlier
    assert la.under(1.0).model.prior_precision == 1.0
    with pytest.raises(ValueError, match="prior_precision: expected a number"):
        marglik_training(earlier, X, y, rng=0)


def indefinite(structure):
    """Return the fit of an exact Hessian with negative eigenvalues, as random labels leave them at a mode."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(12, 2)), rng.integers(0, 2, 12)
    model = BayesianModel(MLP(2, 6, 1), Bernoulli(), 1.0)
    la = Laplace(model, fit_map(model, X, y, rng=5), curvature="hessian", hessian_structure=structure).fit(X, y)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        la.under(1e-2).log_marginal_likelihood()
    return la


@pytest.mark.parametrize("method", ["marglik", "mackay"])
@pytest.mark.parametrize("start", [1.0, 10.0, 1e2, 1e4, 1e6])
def test_a_search_passes_priors_under_which_the_hessian_is_indefinite(method, start):
    la = indefinite("blockdiag")
    best = minimize_scalar(lambda x: -la.log_marginal_likelihood(np.exp(x)), bracket=(-1.0, 1.0, 4.0), tol=1e-10).x
    chosen = la.under(start).optimize_prior_precision(method).model.prior_precision
    assert np.log(chosen) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("method", ["marglik", "mackay"])
@pytest.mark.parametrize("start", [1.0, 1e-6])
def test_an_evidence_that_rises_to_where_the_hessian_is_indefinite_is_an_error(method, start):
    # log det Lambda goes to minus infinity there, and the evidence has no maximum: no prior is chosen in silence.
    la = indefinite("full").under(start)
    with pytest.raises(np.linalg.LinAlgError, match=r"not positive definite.*curvature='ggn', or a larger"):
        la.optimize_prior_precision(method)
    assert la.model.prior_precision == start


@pytest.mark.parametrize("method", ["marglik", "mackay"])
def test_a_search_that_ends_at_an_impossible_prior_starts_again_from_stronger_ones(method):
    # The evidence has a peak near 3, falls to 1.1, and rises again without end to .9, where the Hessian is indefinite.
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = BayesianModel(MLP(13, 16, 3), Categorical())
    la = Laplace(model, fit_map(model, X, y, rng=0), curvature="hessian").fit(X, y)
    best = minimize_scalar(lambda x: -la.log_marginal_likelihood(np.exp(x)), bracket=(0.7, 1.0, 1.5), tol=1e-10).x
    assert 2 < np.exp(best) < 4
    assert la.log_marginal_likelihood(0.95) > la.log_marginal_likelihood(1.1)
    chosen = la.optimize_prior_precision(method).model.prior_precision
    assert np.log(chosen) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("method", ["marglik", "mackay", "online"])
def test_a_prior_for_each_parameter_is_refused_with_kron_by_its_name(method):
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_samples=20)
    expected = r"^prior_structure: expected 'scalar' or 'layerwise' with hessian_structure='kron'"
    la = Laplace(model, theta, hessian_structure="kron").fit(X, y)
    ask = {
        "online": lambda: marglik_training(
            model, X, y, prior_structure="diag", hessian_structure="kron", callback=pytest.fail
        )
    }.get(method, lambda: la.optimize_prior_precision(method, prior_structure="diag"))
    with pytest.raises(ValueError, match=expected):
        ask()


def test_kron_takes_a_prior_for_each_parameter_where_each_w_is_one_number():
    X, y = linear_data()
    models = [
        Laplace(BayesianModel(MLP(1, 1), Gaussian(0.4)), [0.5, -0.4], hessian_structure=structure)
        .fit(X[:, :1], y)
        .optimize_prior_precision(prior_structure="diag")
        .model
        for structure in ("kron", "diag")
    ]
    np.testing.assert_allclose(models[0].prior_precision, models[1].prior_precision, rtol=1e-6)


@pytest.mark.parametrize("method", ["marglik", "mackay"])
@pytest.mark.parametrize("N", [1, 5])
def test_a_noise_that_no_residual_shows_stays_as_it_was(method, N):
    # A network of 13 parameters passes through all targets: the evidence has its maximum at no noise at all, or on a
    # ridge where it depends on the start. The prior is the one that is tuned without the noise.
    network, rng = MLP(2, 3, 1), np.random.default_rng(0)
    theta, X = rng.normal(size=13), rng.normal(size=(N, 2))
    la = Laplace(BayesianModel(network, Gaussian(0.7)), theta).fit(X, network.forward(theta, X))
    with pytest.warns(ConvergenceWarning, match="as many parameters as it has targets, and so not the noise"):
        tuned = copy(la).optimize_prior_precision(method, optimize_noise=True).model
    assert tuned.likelihood.sigma_noise == 0.7
    alone = copy(la).optimize_prior_precision(method).model.prior_precision
    assert tuned.prior_precision == pytest.approx(alone, rel=1e-6)


@pytest.mark.filterwarnings("ignore:the evidence still rises at the edge")
def test_training_with_the_evidence_keeps_a_noise_that_one_target_cannot_show():
    model = BayesianModel(MLP(1, 4, 1), Gaussian(0.5))
    with pytest.warns(ConvergenceWarning, match="not the noise: sigma_noise stays as given"):
        found, theta = marglik_training(model, [[0.3]], [[2.0]], optimize_noise=True, rng=0)
    assert found.likelihood.sigma_noise == 0.5
    assert is_mode(found, theta, np.array([[0.3]]), np.array([[2.0]]))
    alone, at = marglik_training(model, [[0.3]], [[2.0]], rng=0)
    np.testing.assert_array_equal(theta, at)
    assert found.prior_precision == alone.prior_precision


def rounds_of(model, X, y):
    """Return the model that the evidence finds, and for each round its noise, and whether the data determines it."""
    noises, determined = [], []

    def heard(step, tried, theta):
        evidence = evidence_function(Laplace(tried, theta).fit(X, y)._fit, tried, theta, "scalar", True)
        noises.append(tried.likelihood.sigma_noise)
        determined.append(evidence.determines_noise(evidence.mackay(evidence.start)))

    found, _ = marglik_training(model, X, y, optimize_noise=True, rng=0, callback=heard)
    return found, noises, determined


def test_a_noise_that_falls_where_no_residual_is_left_is_given_up_at_once():
    X = np.random.default_rng(6).normal(size=(6, 2))
    model = BayesianModel(MLP(2, 4, 1), Gaussian(0.3))
    with pytest.warns(ConvergenceWarning, match="not the noise: sigma_noise stays as given"):
        found, noises, determined = rounds_of(model, X, np.sign(X[:, :1]))
    assert found.likelihood.sigma_noise == 0.3
    np.testing.assert_allclose(noises[:4], [0.3, 0.125, 0.069, 0.039], rtol=0.02)
    assert determined[:4] == [True, True, True, False]
    assert set(noises[4:]) == {0.3}  # the rounds start again


def test_a_noise_that_was_given_too_small_rises_where_no_residual_is_left():
    rng = np.random.default_rng(2)
    X = rng.uniform(-2, 2, size=(8, 1))
    y = np.sin(X) + 0.5 * rng.normal(size=(8, 1))
    found, noises, determined = rounds_of(BayesianModel(MLP(1, 6, 1), Gaussian(0.03)), X, y)
    assert determined[:3] == [False, False, True]
    assert noises[:3] == sorted(noises[:3])
    assert 0.2 < found.likelihood.sigma_noise < 0.4


@pytest.mark.parametrize("N", [6, 4])
def test_the_noise_is_determined_by_the_targets_beyond_gamma(N):
    # N - gamma is about 2, 2.6, 4.1 and 6 of six targets, and 0, 0.9, 1.4, 2.6 and 4 of four.
    X, Y = linear_data(N=6)
    la = Laplace(BayesianModel(MLP(3, 1), Gaussian(0.4)), np.zeros(4)).fit(X[:N], Y[:N])
    evidence = evidence_function(la._fit, la.model, la.theta, "scalar", True)
    J = np.column_stack([X, np.ones(6)])[:N] / 0.4
    for log_delta in (-15.0, 0.0, 1.0, 3.0, 15.0):
        gamma = sum(l / (l + np.exp(log_delta)) for l in np.linalg.eigvalsh(J.T @ J))
        assert evidence.determines_noise(np.array([log_delta, np.log(0.4)])) == (N - gamma >= 1)


def test_held_out_regression_is_scored_by_its_density():
    X, y = toy_data_regression(8, rng=0)  # so few that the plugin is too sure
    X_new, y_new = toy_data_regression(60, rng=1)
    model = BayesianModel(MLP(1, 6, 1), Gaussian(0.3), prior_precision=1.0)
    theta = fit_map(model, X, y, rng=0)

    def score(la):
        mean, variance = la.predict(X_new)
        return norm.logpdf(y_new, mean[:, 0], np.sqrt(variance[:, 0])).mean()

    la = Laplace(model, theta).fit(X, y).optimize_prior_precision("held_out", X=X_new, y=y_new)
    grid = [score(Laplace(replace(model, prior_precision=d), theta).fit(X, y)) for d in np.geomspace(1e-3, 1e6, 40)]
    assert score(la) >= max(grid) - 1e-6


@pytest.mark.parametrize("noise", [False, True])
@each_structure
def test_nothing_is_stale_after_tuning(structure, noise):
    X, y = toy_data_regression(40, rng=0)
    X_more, y_more = toy_data_regression(20, rng=1)
    model = BayesianModel(MLP(1, 4, 1), Gaussian(0.5), prior_precision=1.0)
    theta = fit_map(model, X, y, rng=0)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    la.predict(X)
    la.optimize_prior_precision(optimize_noise=noise)
    fresh = Laplace(la.model, theta, hessian_structure=structure).fit(X, y)

    def assert_same():
        for received, expected in [
            (la.posterior.precision(), fresh.posterior.precision()),
            (la.predict(X).variance, fresh.predict(X).variance),
            (la.sample(3, rng=0), fresh.sample(3, rng=0)),
            (la.log_marginal_likelihood(), fresh.log_marginal_likelihood()),
        ]:
            np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())

    assert_same()
    for twin in (la, fresh):
        twin.fit(X_more, y_more, override=False)
    assert_same()


# --- training by the evidence


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prior_structure": "layerwise"},
        {"optimize_noise": True},
        {"hessian_structure": "kron", "prior_structure": "layerwise"},
        {"hessian_structure": "diag", "optimize_noise": True},
    ],
    ids=str,
)
def test_training_by_the_evidence_ends_where_map_and_prior_agree(options):
    X, y = toy_data_regression(80, rng=0)
    start = BayesianModel(MLP(1, 6, 1), Gaussian(0.5), prior_precision=1.0)
    rounds = []
    model, theta = marglik_training(start, X, y, rng=0, tol=1e-4, callback=lambda *call: rounds.append(call), **options)
    prior_structure, noise = options.get("prior_structure", "scalar"), options.get("optimize_noise", False)
    structure = options.get("hessian_structure", "full")

    def moves(model, theta):
        """Return how far MacKay's next step would go."""
        la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
        evidence = evidence_function(la._fit, model, theta, prior_structure, noise)
        return np.abs(evidence.mackay(evidence.start) - evidence.start).max()

    assert np.abs(model.gradient(theta, X, y)).max() <= 1e-6 * max(1, model.loss(theta, X, y))
    assert moves(model, theta) < 2e-4
    assert [call[0] for call in rounds] == list(range(1, len(rounds) + 1))
    np.testing.assert_array_equal(rounds[-1][2], theta)
    # Tuning once after MAP alone does not end there: the tuned prior's MAP is another theta.
    once = fit_map(start, X, y, rng=0)
    la = Laplace(start, once, hessian_structure=structure).fit(X, y)
    la.optimize_prior_precision(prior_structure=prior_structure, optimize_noise=noise)
    assert moves(la.model, fit_map(la.model, X, y, theta0=once)) > 1e-2


def test_rounds_go_on_until_nothing_moves_by_more_than_a_thousandth():
    X, y = toy_data_regression(80, rng=0)
    start, rounds = BayesianModel(MLP(1, 6, 1), Gaussian(0.5), prior_precision=1.0), []
    model, theta = marglik_training(start, X, y, rng=0, callback=lambda *call: rounds.append(call))
    logs = [np.log(each.prior_precision) for _, each, _ in rounds]
    evidence = evidence_function(Laplace(model, theta).fit(X, y)._fit, model, theta, "scalar", False)
    moves = np.abs(np.diff([*logs, *evidence.mackay(evidence.start)]))
    assert moves[-1] <= 1e-3 < moves[:-1].min()
    assert model.likelihood == start.likelihood  # its noise is not tuned unless one asks


def test_targets_that_tell_nothing_are_said_to_ask_for_the_strongest_prior():
    X, Y = linear_data()
    with pytest.warns(ConvergenceWarning, match=r"^the evidence still rises at the edge of 1e-8 to 1e8 for 1 of 1 tu"):
        model, theta = marglik_training(BayesianModel(MLP(3, 1), Gaussian(0.5)), X, 0 * Y, rng=0, max_iterations=1)
    assert model.prior_precision == pytest.approx(1e8)
    np.testing.assert_allclose(theta, 0, atol=1e-6)


def test_training_by_the_evidence_finds_the_noise():
    # The standard error of a standard deviation from 400 residuals is 0.3 / sqrt(800); three of them are allowed.
    X, Y = linear_data(N=400, sigma=0.3)
    model, _ = marglik_training(BayesianModel(MLP(3, 1), Gaussian(1.0)), X, Y, optimize_noise=True, rng=0)
    assert model.likelihood.sigma_noise == pytest.approx(0.3, abs=3 * 0.3 / np.sqrt(800))


def test_too_few_rounds_are_a_warning():
    X, y = toy_data_non_linear(80, rng=0)
    model = BayesianModel(MLP(2, 4, 1), Bernoulli(), prior_precision=10.0)
    with pytest.warns(ConvergenceWarning, match="still move by .* after 1 rounds"):
        marglik_training(model, X, y, rng=0, max_rounds=1)


def test_rounds_of_few_iterations_come_first_and_end_at_the_mode_of_the_prior_that_settled():
    X, y = toy_data_regression(60, rng=0)
    start, rounds = BayesianModel(MLP(1, 4, 1), Gaussian(0.4)), []
    few = {"max_iterations": 5, "rng": 0, "callback": lambda *call: rounds.append(call)}
    messages, (model, theta) = recorded(lambda: marglik_training(start, X, y, **few))
    assert messages == []  # of a training that was to stop early nothing is said
    models = [each for _, each, _ in rounds]
    _, first = recorded(lambda: fit_map(start, X, y, rng=0, max_iterations=5))
    np.testing.assert_array_equal(rounds[0][2], first)
    assert not is_mode(start, first, X, y)
    _, second = recorded(lambda: fit_map(models[1], X, y, theta0=first, max_iterations=5))
    np.testing.assert_array_equal(rounds[1][2], second)
    assert is_mode(model, theta, X, y)
    # Where the numbers have settled the same model is trained on, to its mode, and every later round ends at one.
    settled = [k for k in range(len(models) - 1) if models[k] is models[k + 1]]
    assert len(settled) == 1
    assert all(is_mode(each, at, X, y) for _, each, at in rounds[settled[0] + 1 :])
    assert (model, theta) == (models[-1], rounds[-1][2])


def test_rounds_of_few_iterations_that_do_not_settle_end_at_a_mode_too():
    X, y = toy_data_regression(60, rng=0)
    start = BayesianModel(MLP(1, 4, 1), Gaussian(0.4), prior_precision=50.0)
    (message,), (model, theta) = recorded(
        lambda: marglik_training(start, X, y, max_iterations=2, max_rounds=2, rng=0, optimize_noise=True)
    )
    assert "still move by" in message
    assert "after 2 rounds; raise tol or max_rounds, or take a smaller network" in message
    assert is_mode(model, theta, X, y)


def test_rounds_may_end_where_they_have_settled_and_go_on_from_there():
    X, y = toy_data_regression(60, rng=0)
    start, few = BayesianModel(MLP(1, 4, 1), Gaussian(0.4)), {"max_iterations": 5, "optimize_noise": True}
    messages, (model, theta) = recorded(lambda: marglik_training(start, X, y, rng=0, to_mode=False, **few))
    assert messages == []
    assert not is_mode(model, theta, X, y)
    evidence = evidence_function(Laplace(model, theta).fit(X, y)._fit, model, theta, "scalar", True)
    assert np.abs(evidence.mackay(evidence.start) - evidence.start).max() <= 1e-3
    as_a_whole = marglik_training(start, X, y, rng=0, **few)
    in_two = marglik_training(model, X, y, theta0=theta, optimize_noise=True)
    assert as_a_whole[0].prior_precision == in_two[0].prior_precision
    assert as_a_whole[0].likelihood == in_two[0].likelihood
    np.testing.assert_array_equal(as_a_whole[1], in_two[1])
    (message,), (_, theta) = recorded(
        lambda: marglik_training(start, X, y, max_iterations=2, max_rounds=2, rng=0, to_mode=False)
    )
    assert "still move by" in message
    with pytest.raises(TypeError, match=r"^max_iterations: expected a whole number of at least 1, received None"):
        marglik_training(start, X, y, to_mode=False)


def test_training_by_the_evidence_starts_where_it_is_told_and_keeps_its_curvature():
    X, y = toy_data_non_linear(60, rng=0)
    model, calls = BayesianModel(MLP(2, 3, 1), Bernoulli()), []
    theta0 = model.network.init(rng=5)
    how = {"hessian_structure": "diag", "curvature": "empirical_fisher", "subset_of_weights": "last_layer"}
    recorded(
        lambda: marglik_training(model, X, y, theta0=theta0, max_rounds=2, callback=lambda *c: calls.append(c), **how)
    )
    (_, first, theta), (_, second, _) = calls
    assert first is model
    np.testing.assert_array_equal(theta, fit_map(model, X, y, theta0=theta0))
    evidence = evidence_function(Laplace(model, theta, **how).fit(X, y)._fit, model, theta, "scalar", False)
    expected = evidence.model_at(evidence.mackay(evidence.start)).prior_precision
    np.testing.assert_allclose(second.prior_precision, expected, rtol=1e-12)


def recorded(call):
    """Return the texts of all warnings of a call, and what it returns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert all(warning.category is ConvergenceWarning for warning in caught)
    return [str(warning.message) for warning in caught], result


def test_what_every_round_of_training_would_warn_of_is_said_once():
    X, y = toy_data_non_linear(80, rng=0)
    model, rounds = BayesianModel(MLP(2, 4, 1, activation="relu"), Bernoulli()), []
    callback = lambda step, *_: rounds.append(step)  # noqa: E731
    (message,), (model, theta) = recorded(lambda: marglik_training(model, X, y, rng=0, max_rounds=3, callback=callback))
    assert rounds == [1, 2, 3]
    assert message.count("fit_map stopped") == 1
    assert message.startswith("prior and MAP still move by")
    assert "a smaller network; and fit_map stopped" in message
    assert f"at loss {model.loss(theta, X, y):.6g}" in message  # of the theta that is returned


def test_what_training_by_the_evidence_warns_of_is_said_at_the_callers_line():
    X, y = toy_data_non_linear(80, rng=0)
    with pytest.warns(ConvergenceWarning) as caught:
        marglik_training(BayesianModel(MLP(2, 4, 1), Bernoulli()), X * [1, 1e4], y, rng=0, max_rounds=1)
    assert [warning.filename for warning in caught] == [__file__] * 2  # of columns, and of rounds


def test_columns_of_x_that_are_not_scaled_are_said_once_and_first(monkeypatch):
    said = []
    monkeypatch.setattr(warnings, "warn", lambda message, *_, **__: said.append(message))
    X, y = toy_data_non_linear(80, rng=0)
    model = BayesianModel(MLP(2, 2, 1), Bernoulli())
    marglik_training(model, X * [1, 1e4], y, rng=0, max_rounds=2, callback=lambda step, *_: said.append(step))
    assert said[0].startswith("X: column 1 has entries up to")
    assert said[1:3] == [1, 2]
    assert len(said) == 4
    assert "training may be slow" not in said[3]


def test_what_no_longer_holds_of_the_last_theta_is_not_said(monkeypatch):
    trained = []

    def first_short_of_a_mode(*arguments):
        trained.append(arguments)
        if len(trained) == 1:
            convergence.warn("short of a mode")
        return map_estimate.descended(*arguments)

    monkeypatch.setattr("minilaplace.evidence.joint.descended", first_short_of_a_mode)
    X, Y = linear_data()
    messages, _ = recorded(lambda: marglik_training(BayesianModel(MLP(3, 1), Gaussian(0.4)), X, Y, rng=0))
    assert messages == []
    assert len(trained) > 1


# --- yesterday's posterior


def error_after_parts(model, X, y, truth, n_kept):
    """Return the error after eight parts, where the prior takes over all samples but those that are kept."""
    theta, kept = model.network.init(0), np.array([], dtype=int)
    for part in np.array_split(np.arange(len(X)), 8):
        together = np.random.default_rng(part[0]).permutation([*kept, *part])
        theta = fit_map(model, X[together], y[together], theta0=theta)
        kept, let_go = together[:n_kept], together[n_kept:]
        if len(let_go):
            model = Laplace(model, theta).fit(X[let_go], y[let_go]).as_prior()
    return error_of(model, theta, truth)


def error_of(model, theta, truth):
    x = np.linspace(-2, 2, 200)[:, None]
    return np.sqrt(np.mean((model.network.forward(theta, x)[:, 0] - truth(x[:, 0])) ** 2))


@pytest.mark.parametrize("seed", range(3))
def test_in_small_parts_a_network_loses_most_and_a_few_kept_samples_bring_it_back(seed):
    def truth(x):
        return np.sin(3 * x) + 0.3 * x

    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (40, 1))
    y = truth(X[:, 0]) + 0.1 * rng.normal(size=40)
    model = BayesianModel(MLP(1, 8, 1), Gaussian(0.1), 0.3)
    at_once = error_of(model, fit_map(model, X, y, rng=0), truth)
    nothing_kept, ten_kept, all_kept = (error_after_parts(model, X, y, truth, n) for n in (0, 10, 40))
    assert at_once < 0.15
    assert all_kept < 0.15
    assert nothing_kept > 2 * at_once
    assert ten_kept < 0.75 * nothing_kept


@pytest.mark.parametrize("structure", ["full", "gp", "lowrank", "diag"])
def test_yesterdays_posterior_is_todays_prior(structure):
    X, Y = linear_data()
    model = BayesianModel(MLP(3, 1), Gaussian(0.4), prior_precision=0.7, prior_mean=0.2)
    whole = Laplace(model, np.zeros(4), hessian_structure=structure, rank=4 if structure == "lowrank" else None)
    whole.fit(X, Y)
    first = Laplace(model, np.zeros(4), hessian_structure=structure, rank=whole.options.rank).fit(X[:11], Y[:11])
    today = first.as_prior()
    assert np.ndim(today.prior_precision) == (1 if structure == "diag" else 2)
    np.testing.assert_array_equal(today.prior_mean, np.zeros(4))
    second = Laplace(today, np.zeros(4), hessian_structure=structure, rank=whole.options.rank).fit(X[11:], Y[11:])
    np.testing.assert_allclose(second.posterior.precision(), whole.posterior.precision(), rtol=1e-10, atol=1e-9)


def test_of_a_linear_regression_two_days_are_one():
    X, Y = linear_data()
    model = BayesianModel(MLP(3, 1), Gaussian(0.4), prior_precision=0.7)
    theta = fit_map(model, X, Y, rng=0)
    today = Laplace(model, fit_map(model, X[:11], Y[:11], rng=0)).fit(X[:11], Y[:11]).as_prior()
    np.testing.assert_allclose(fit_map(today, X[11:], Y[11:], rng=0), theta, rtol=0, atol=1e-5)  # both end at 1e-6


def test_a_prior_matrix_for_which_there_is_no_memory_is_refused(monkeypatch):
    model, theta, X, y = random_problem("bernoulli", (3,), "tanh", 1, n_samples=20)
    la = Laplace(model, theta, hessian_structure="diag").fit(X, y)
    la.predict(X)
    monkeypatch.setattr("minilaplace.validation.memory.physical_memory", lambda: 8.0 * 13**2 - 1)
    with pytest.raises(ValueError, match=r"^Laplace: expected fewer parameters, or training on all data again, receiv"):
        la.as_prior()


@pytest.mark.parametrize("prior", [2 * np.eye(21), 2 * np.eye(21) + 0.1], ids=["diagonal", "matrix"])
def test_outside_the_subset_the_prior_stays(prior):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, prior_precision=prior, prior_mean=0.5)
    la = Laplace(model, theta, subset_of_weights="last_layer").fit(X, y)
    today, at = la.as_prior(), la.subset.indices
    rest = np.setdiff1d(np.arange(len(theta)), at)
    before, after = (np.linalg.inv(m)[np.ix_(rest, rest)] for m in (prior, today.prior_precision))
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(today.prior_precision[np.ix_(rest, at)], prior[np.ix_(rest, at)])
    np.testing.assert_array_equal(today.prior_mean[rest], 0.5)
    np.testing.assert_allclose(today.prior_mean_over(at, theta), theta[at], rtol=1e-12)
    np.testing.assert_allclose(today.prior_over(at), la.posterior.precision(), rtol=1e-12)


# --- bad input

NO_DATA = "expected None but for method='held_out' or 'budget', as 'marglik' asks no new data, received some"
NOISE = "sigma_noise: expected None for Bernoulli, which has no such noise, received 0.3"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda la: la.optimize_prior_precision("bayes"), "method: expected one of 'marglik', 'mackay', 'held_out'"),
        (lambda la: la.optimize_prior_precision(prior_structure="block"), "prior_structure: expected one of 'scalar'"),
        (lambda la: la.optimize_prior_precision(optimize_noise=True), "optimize_noise: expected False but for a Gaus"),
        (lambda la: la.optimize_prior_precision(optimize_noise="yes"), "optimize_noise: expected True or False"),
        (lambda la: la.optimize_prior_precision("held_out"), "X: expected held-out data"),
        (lambda la: la.optimize_prior_precision("held_out", prior_structure="diag"), "prior_structure: expected 'sc"),
        (lambda la: la.optimize_prior_precision("held_out", X=np.ones((3, 2))), "y: expected held-out data"),
        (lambda la: la.optimize_prior_precision(link_approx="bayes"), "link_approx: expected one of"),
        (
            lambda la: la.optimize_prior_precision("budget", X=np.ones((2, 2)), y=[0, 1], budget=0.0),
            "budget: expected a finite number greater than 0",
        ),
        (lambda la: la.optimize_prior_precision(X=np.ones((2, 2)), y=[0, 1]), f"X: {NO_DATA}"),
        (lambda la: la.optimize_prior_precision(X=np.ones((2, 2))), f"X: {NO_DATA}"),
        (lambda la: la.optimize_prior_precision(y=[0, 1], sample_weight=[1, 1]), f"y: {NO_DATA}"),
        (lambda la: la.optimize_prior_precision(sample_weight=[1, 1]), f"sample_weight: {NO_DATA}"),
        (lambda la: la.log_marginal_likelihood(-1.0), "prior_precision: expected a finite number greater than 0"),
        (
            lambda la: la.log_marginal_likelihood(np.ones(4)),
            r"prior_precision: expected a number, shape",
        ),
        (lambda la: la.log_marginal_likelihood(sigma_noise=0.3), NOISE),
        (lambda la: Laplace(la.model, la.theta).log_marginal_likelihood(), "Laplace: expected a fit to data before"),
        (lambda la: Laplace(la.model, la.theta).optimize_prior_precision(), "Laplace: expected a fit to data before"),
        (lambda la: Laplace(la.model, la.theta).as_prior(), "Laplace: expected a fit to data before"),
        (lambda la: marglik_training(la.model, np.ones((3, 2)), [0, 1, 1], tol=0.0), "tol: expected a finite number"),
        (lambda la: marglik_training(la.model, np.ones((3, 2)), [0, 1, 1], max_rounds=0), "max_rounds: expected"),
        (lambda la: marglik_training(la.model, np.ones((3, 2)), [0, 1, 2]), "y: expected"),
        (lambda la: marglik_training(la.model, np.ones((3, 2)), [0, 1, 1], curvature="x"), "curvature: expected one"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(call, message):
    X, y = toy_data_linear(20, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli())
    la = Laplace(model, np.ones(3)).fit(X, y)
    before = la.predict(X)
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        call(la)
    assert la.model is model
    np.testing.assert_array_equal(la.predict(X), before)


def test_noise_of_several_outputs_is_tuned_in_proportion():
    X, Y = linear_data(C=2)
    model = BayesianModel(MLP(3, 2), Gaussian((0.2, 0.4)))
    la = Laplace(model, fit_map(model, X, Y, rng=0)).fit(X, Y)
    with pytest.raises(ValueError, match="sigma_noise: expected the noise of the fit"):
        la.log_marginal_likelihood(sigma_noise=(0.2, 0.5))
    with pytest.raises(ValueError, match="sigma_noise: expected the noise of the fit"):
        la.log_marginal_likelihood(sigma_noise=(0.2, 0.4 + 1e-9))
    la.optimize_prior_precision(optimize_noise=True)
    one, two = la.model.likelihood.sigma_noise
    assert two == pytest.approx(2 * one, rel=1e-12)
    assert one != 0.2


@pytest.mark.parametrize(("name", "n_outputs"), [("bernoulli", 1), ("categorical", 3)])
def test_a_temperature_divides_the_whole_log_likelihood_of_classes(name, n_outputs):
    model, theta, X, y = random_problem(name, (3,), "tanh", n_outputs, n_samples=20)
    warm, hot = (Laplace(model, theta, temperature=T).fit(X, y) for T in (1.0, 4.0))
    prior = float(model.prior_precision)
    for la, T in [(warm, 1), (hot, 4)]:
        log_det = np.linalg.slogdet(ggn(model, theta, X, y) / T / prior + np.eye(len(theta)))[1]
        nll = model.likelihood.nll(model.network.forward(theta, X), y).sum()
        expected = -nll / T - 0.5 * (prior * theta @ theta + log_det)
        assert la.log_marginal_likelihood() == pytest.approx(expected, rel=1e-11)


def test_a_categorical_model_is_tuned_too():
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=40)
    theta = fit_map(model, X, y, theta0=theta)
    la = Laplace(model, theta).fit(X, y)
    before = la.log_marginal_likelihood()
    assert la.optimize_prior_precision().log_marginal_likelihood() > before
    assert isinstance(la.model.likelihood, Categorical)


def test_the_evidence_of_a_subset_under_a_prior_matrix_is_that_of_the_others_given():
    # y_n = w x_n + b + noise, b at its MAP: then w has the prior N(-theta_b / 2, 1 / 2), and y is Gaussian.
    model = BayesianModel(MLP(1, 1), Gaussian(), [[2.0, 1.0], [1.0, 2.0]])
    X, y = np.array([[1.0], [2.0]]), np.array([3.0, 1.0])
    theta = fit_map(model, X, y, rng=0)
    la = Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=[0]).fit(X, y)
    mean = X[:, 0] * (-theta[1] / 2) + theta[1]
    expected = multivariate_normal.logpdf(y, mean, X @ X.T / 2 + np.eye(2))
    assert la.log_marginal_likelihood() == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(-4.964259, abs=1e-6)


@pytest.mark.parametrize("kind", ["vector", "matrix"])
def test_the_prior_of_some_parameters_is_the_density_of_all_over_that_of_the_others(kind):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 4))
    precision = {"vector": rng.uniform(0.3, 3, size=4), "matrix": A @ A.T + np.eye(4)}[kind]
    model = BayesianModel(MLP(3, 1), Bernoulli(), precision, rng.normal(size=4))
    theta, some, at, other = rng.normal(size=4), rng.normal(size=(5, 3)), np.array([2, 0, 3]), [1]
    covariance = np.linalg.inv(np.diag(precision) if kind == "vector" else precision)
    thetas = np.tile(theta, (5, 1))
    thetas[:, at] = some
    of_other = norm.logpdf(theta[other], model.prior_mean[other], np.sqrt(covariance[other, other]))
    expected = multivariate_normal.logpdf(thetas, model.prior_mean, covariance) - of_other + 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_prior(model, at, theta, some), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", [1246, 7, 42, 99])
def test_training_by_the_evidence_returns_the_pair_that_it_judged(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rng.integers(10, 60), 2))
    f = 2 * np.tanh(X @ rng.normal(size=(2, 1)))
    y = f + 0.3 * rng.normal(size=f.shape)
    model, theta = marglik_training(BayesianModel(MLP(2, 6, 1), Gaussian()), X, y, optimize_noise=True, rng=0)
    assert is_mode(model, theta, X, y)
    evidence = evidence_function(Laplace(model, theta).fit(X, y)._fit, model, theta, "scalar", True)
    assert np.abs(evidence.mackay(evidence.start) - evidence.start).max() <= 1e-3
