"""Importance weights judge a Gaussian: equal where it is exact, right about the evidence, and alarmed where it is bad.

The oracles: ArviZ's `psislw`, recorded by `record_psislw.py`; `scipy.stats`, for every density of a weight; the closed
form of Bayesian linear regression; the integral over theta on a grid.
"""

import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from problems import OnlySlices, assert_close, log_density, random_problem
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import genpareto, multivariate_normal

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    average,
    fit_map,
    toy_data_linear,
    toy_data_non_linear,
)
from minilaplace.evidence import ImportanceSample, importance_sample, pareto_smoothed
from minilaplace.evidence.pareto import fit_generalised_pareto, quantiles
from minilaplace.model_average import exact_posterior
from minilaplace.structures.fit import STRUCTURES

FILE = np.load(Path(__file__).with_name("psislw.npz"))
RECORDED = sorted({path.rpartition("/")[0] for path in FILE.files} - {""})
TOYS = {"separable": toy_data_linear, "four squares": toy_data_non_linear}


def fitted(model, X, y, theta=None, **options):
    theta = fit_map(model, X, y, rng=0) if theta is None else theta
    return Laplace(model, theta, **options).fit(X, y)


def logistic(toy, prior_precision, **options):
    X, y = TOYS[toy](60, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision)
    return fitted(model, X, y, **options), X, y


@cache
def on_a_grid(toy, prior_precision):
    la, X, y = logistic(toy, prior_precision)
    return exact_posterior(la.model, X, y)


# --- smoothing


@pytest.mark.parametrize("path", RECORDED)
def test_k_hat_and_the_smoothed_weights_are_arvizs(path):
    smoothed, k = pareto_smoothed(FILE[f"{path}/log_weights"])
    assert k == pytest.approx(FILE[f"{path}/k"], rel=0, abs=1e-10)
    np.testing.assert_allclose(smoothed - logsumexp(smoothed), FILE[f"{path}/smoothed"], rtol=0, atol=1e-10)


def test_all_kinds_of_tails_are_recorded():
    k = np.array([FILE[f"{path}/k"] for path in RECORDED])
    assert len(k) == 27
    assert (k < 0.2).any()
    assert (k > 1).any()
    assert np.isinf(k).any()


@pytest.mark.parametrize("k", [-0.3, 0.0, 0.5, 1.2])
def test_the_estimate_finds_the_shape_and_scale_of_a_generalised_pareto(k):
    # Within five standard errors of the most likely values, (1 + k) / sqrt(n) and sigma sqrt(2 (1 + k) / n).
    n = 20_000
    x = np.sort(genpareto(k, scale=3.0).rvs(n, random_state=0))
    received_k, received_sigma = fit_generalised_pareto(x)
    assert received_k == pytest.approx(k, abs=5 * (1 + k) / np.sqrt(n))
    assert received_sigma == pytest.approx(3.0, rel=5 * np.sqrt(2 * (1 + k) / n))


@pytest.mark.parametrize("k", [-0.4, -1e-18, 0.0, 1e-9, 0.7, 3.0])
def test_quantiles_are_scipys(k):
    p = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(quantiles(p, k, 2.0), genpareto(k, scale=2.0).ppf(p), rtol=1e-12)


def test_ten_weights_that_say_one_half_are_added_to_the_tails_own():
    # What the five say themselves is a k that belongs to one b: k = mean log(1 - b x), and sigma = -k / b.
    x = np.sort(np.random.default_rng(0).exponential(size=5))
    shrunk, sigma = fit_generalised_pareto(x)
    own = (shrunk * 15 - 10 * 0.5) / 5
    b = brentq(lambda b: np.log1p(-b * x).mean() - own, -1e3, (1 - 1e-12) / x[-1], xtol=1e-14)
    assert sigma == pytest.approx(-own / b, rel=1e-9)


def test_only_the_tail_changes_and_keeps_its_order_and_its_largest():
    log_weights = FILE["pareto 0.9/500/log_weights"]
    smoothed, _ = pareto_smoothed(log_weights)
    changed = np.flatnonzero(smoothed != log_weights)
    order = np.argsort(log_weights)
    assert set(changed) <= set(order[-68:])  # 3 sqrt(500) = 67.1
    assert len(changed) > 60
    assert np.all(np.diff(smoothed[order]) >= 0)
    assert smoothed.max() <= log_weights.max()


def test_equal_weights_have_no_tail():
    for log_weights in (np.full(30, -7.0), -7 + 1e-5 * np.random.default_rng(0).normal(size=1000)):
        smoothed, k = pareto_smoothed(log_weights)
        assert k == -np.inf
        np.testing.assert_array_equal(smoothed, log_weights)


def test_a_few_weights_that_hold_everything_are_the_worst_verdict():
    log_weights = np.full(1000, -2000.0)
    log_weights[:4] = 0
    smoothed, k = pareto_smoothed(log_weights)
    assert k == np.inf
    np.testing.assert_array_equal(smoothed, log_weights)


def test_the_scale_of_the_weights_does_not_matter():
    log_weights = FILE["log-normal/500/log_weights"]
    smoothed, k = pareto_smoothed(log_weights)
    far, same = pareto_smoothed(log_weights + 1e4)
    assert same == pytest.approx(k, abs=1e-9)
    np.testing.assert_allclose(far - 1e4, smoothed, rtol=0, atol=1e-10)


# --- weights


@pytest.mark.parametrize("prior", ["scalar", "vector", "matrix"])
@pytest.mark.parametrize("subset", ["all", "last_layer", "subnetwork"])
@pytest.mark.parametrize("name", ["bernoulli", "categorical", "gaussian"])
def test_a_weight_is_the_joint_density_over_the_gaussians(name, subset, prior):
    # Densities by scipy.stats. Given the rest of theta, a prior matrix is a Gaussian over the subset: the joint one
    # divided by the marginal one of the rest.
    rng, C = np.random.default_rng(1), {"bernoulli": 1, "categorical": 3, "gaussian": 2}[name]
    P = MLP(2, 3, C).n_params
    A = rng.normal(size=(P, P))
    precision = {"scalar": 2.0, "vector": rng.uniform(1, 3, P), "matrix": A @ A.T + 5 * np.eye(P)}[prior]
    model, theta, X, y = random_problem(
        name, (3,), "tanh", C, n_samples=12, prior_precision=precision, prior_mean=rng.normal(size=P)
    )
    indices = [5, 1, 9] if subset == "subnetwork" else None
    la = fitted(model, X, y, theta, subset_of_weights=subset, subnetwork_indices=indices)
    sample = importance_sample(la, X, y, 30, rng=0)

    covariance = np.linalg.inv(np.diag(np.broadcast_to(precision, P)) if np.ndim(precision) < 2 else precision)
    rest = np.setdiff1d(np.arange(P), la.subset.indices)
    marginal = multivariate_normal(model.prior_mean[rest], covariance[np.ix_(rest, rest)]).logpdf if len(rest) else None
    expected = []
    for theta_s in sample.thetas:
        log_joint = log_density(model.likelihood, model.network.forward(theta_s, X), y).sum()
        log_joint += multivariate_normal(model.prior_mean, covariance).logpdf(theta_s)
        log_joint -= marginal(theta[rest]) if marginal else 0
        q = multivariate_normal(la.posterior.mean, la.posterior.covariance())
        expected.append(log_joint - q.logpdf(theta_s[la.subset.indices]))
    smoothed, k = pareto_smoothed(np.array(expected))
    assert_close(sample.log_weights, smoothed - logsumexp(smoothed), rtol=1e-9)
    assert sample.pareto_k == pytest.approx(k, abs=1e-8)
    assert sample.log_marginal_likelihood == pytest.approx(logsumexp(smoothed) - np.log(30), abs=1e-9)
    np.testing.assert_array_equal(sample.thetas, la.sample(30, rng=0))
    np.testing.assert_array_equal(sample.thetas[:, rest], np.tile(theta[rest], (30, 1)))


def linear_gaussian(structure="full", n_outputs=2, **options):
    """Return a linear regression at its mode, to rounding, and its data."""
    rng = np.random.default_rng(0)
    network = MLP(3, n_outputs)
    X = rng.normal(size=(20, 3))
    y = rng.normal(size=(20, n_outputs))
    P = network.n_params
    model = BayesianModel(network, Gaussian(0.4), rng.uniform(0.5, 2, P), rng.normal(size=P))
    J, T = network.jacobian(np.zeros(P), X).reshape(-1, P), options.get("temperature", 1.0)
    precision = J.T @ J / (0.16 * T) + np.diag(model.prior_precision)
    theta = np.linalg.solve(precision, J.T @ y.ravel() / (0.16 * T) + model.prior_precision * model.prior_mean)
    return fitted(model, X, y, theta, hessian_structure=structure, **options), X, y


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize(("structure", "n_outputs"), [("full", 2), ("gp", 2), ("blockdiag", 1), ("lowrank", 1)])
def test_the_weights_of_a_linear_gaussian_model_are_equal(structure, n_outputs, temperature):
    la, X, y = linear_gaussian(structure, n_outputs, temperature=temperature)
    sample = importance_sample(la, X, y, rng=0)
    np.testing.assert_allclose(sample.log_weights, -np.log(1000), rtol=0, atol=1e-10)
    assert sample.log_marginal_likelihood == pytest.approx(la.log_marginal_likelihood(), abs=1e-10)
    assert sample.pareto_k == -np.inf
    assert sample.standard_error < 1e-10
    assert sample.effective_sample_size == pytest.approx(1000, abs=1e-6)


def test_a_diagonal_of_correlated_parameters_is_judged_to_be_none():
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(3, 1, size=(40, 1)), (1, 3))
    y = X.sum(axis=1) + rng.normal(size=40)
    model = BayesianModel(MLP(3, 1), Gaussian(), 0.1)
    full, diagonal = (fitted(model, X, y, hessian_structure=name) for name in ("full", "diag"))
    assert importance_sample(full, X, y, rng=0).pareto_k == -np.inf
    assert min(importance_sample(diagonal, X, y, 2000, rng=seed).pareto_k for seed in range(5)) > 0.7


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_is_asked(structure):
    # Seen from a Gaussian that is about as wide as the posterior, the evidence is the same whatever its structure is.
    model, theta, X, y = random_problem("bernoulli", (2,), "tanh", 1, n_samples=10, prior_precision=20.0)
    theta = fit_map(model, X, y, theta0=0.1 * theta)
    sample = importance_sample(fitted(model, X, y, theta, hessian_structure=structure), X, y, 4000, rng=0)
    other = importance_sample(fitted(model, X, y, theta, curvature="empirical_fisher"), X, y, 4000, rng=1)
    assert max(sample.pareto_k, other.pareto_k) < 0.7
    difference = sample.log_marginal_likelihood - other.log_marginal_likelihood
    assert abs(difference) < 4 * np.hypot(sample.standard_error, other.standard_error)


def test_another_noise_and_prior_need_no_other_fit():
    la, X, y = linear_gaussian()
    other = la.under(0.3, sigma_noise=0.9)
    again = fitted(other.model, X, y, la.theta)
    received, expected = (importance_sample(one, X, y, 50, rng=0) for one in (other, again))
    np.testing.assert_allclose(received.log_weights, expected.log_weights, rtol=0, atol=1e-9)
    assert received.log_marginal_likelihood == pytest.approx(expected.log_marginal_likelihood, abs=1e-9)


# --- the evidence


@pytest.mark.parametrize(
    ("toy", "prior"),
    [("separable", 100.0), ("separable", 10.0), ("four squares", 10.0), ("four squares", 1.0), ("four squares", 1e-3)],
)
def test_the_evidence_is_the_integrals_within_its_standard_error(toy, prior):
    # Of 12 errors 8 are expected within one standard error, and with probability 0.95 six or more.
    la, X, y = logistic(toy, prior)
    exact = on_a_grid(toy, prior).log_marginal_likelihood
    samples = [importance_sample(la, X, y, 1000, rng=seed) for seed in range(12)]
    errors = np.array([s.log_marginal_likelihood - exact for s in samples]) / [s.standard_error for s in samples]
    assert np.abs(errors).max() < 3
    assert np.count_nonzero(np.abs(errors) < 1) >= 6


def test_it_mends_laplaces_error_where_the_gaussian_is_good():
    la, X, y = logistic("four squares", 1.0)
    exact = on_a_grid("four squares", 1.0).log_marginal_likelihood
    errors = [importance_sample(la, X, y, rng=seed).log_marginal_likelihood - exact for seed in range(10)]
    assert 5 * np.sqrt(np.mean(np.square(errors))) < abs(la.log_marginal_likelihood() - exact)


def test_weighted_averages_are_nearer_to_the_integral_than_plain_ones():
    la, X, y = logistic("separable", 10.0)
    X_new = np.random.default_rng(0).uniform(-8, 8, size=(200, 2))
    exact = on_a_grid("separable", 10.0).predict(X_new)
    plain, weighted = [], []
    for seed in range(3):
        sample = importance_sample(la, X, y, 4000, rng=seed)
        plain.append(np.abs(average(la.model, sample.thetas, X_new) - exact).mean())
        p = average(la.model, sample.thetas, X_new, weights=np.exp(sample.log_weights))
        weighted.append(np.abs(p - exact).mean())
    assert 2 * np.mean(weighted) < np.mean(plain)


# --- the verdict


def test_k_hat_is_small_where_the_posterior_is_nearly_gaussian():
    for prior in (100.0, 1.0, 0.01):
        la, X, y = logistic("four squares", prior)
        assert max(importance_sample(la, X, y, 2000, rng=seed).pareto_k for seed in range(3)) < 0.5


def test_k_hat_is_large_where_a_weak_prior_leaves_separable_data_a_cone():
    # A wedge of the plane, as far as the prior reaches: the Gaussian ends where the posterior goes on.
    la, X, y = logistic("separable", 1e-3)
    assert np.median([importance_sample(la, X, y, 4000, rng=seed).pareto_k for seed in range(3)]) > 0.7


def test_k_hat_is_large_for_the_posts_network_and_small_for_its_last_layer_under_a_strong_prior():
    X, y = toy_data_non_linear(200, rng=0)
    model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), 1.0)
    theta = fit_map(model, X, y, rng=0)
    whole, last = (fitted(model, X, y, theta, subset_of_weights=name) for name in ("all", "last_layer"))
    assert importance_sample(whole, X, y, rng=0).pareto_k > 5
    assert importance_sample(last, X, y, rng=0).pareto_k < 0.5


# --- behaviour


def test_effective_sample_size_and_standard_error_are_their_definitions():
    w = np.array([0.5, 0.2, 0.2, 0.1])
    sample = ImportanceSample(np.zeros((4, 1)), np.log(w), 0.3, -1.0)
    assert sample.effective_sample_size == pytest.approx(1 / (w**2).sum(), rel=1e-14)
    assert sample.standard_error == pytest.approx(np.std(w, ddof=1) / w.mean() / 2, rel=1e-14)


def test_weights_add_up_to_one_and_the_seed_is_honoured():
    la, X, y = logistic("separable", 1.0)
    first, again, other = (importance_sample(la, X, y, 200, rng=seed) for seed in (0, np.random.default_rng(0), 1))
    assert np.exp(first.log_weights).sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_array_equal(first.log_weights, again.log_weights)
    assert not np.array_equal(first.thetas, other.thetas)


def test_memory_does_not_grow_with_samples_times_data(monkeypatch):
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 2**16)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2))
    y = rng.integers(0, 2, size=20_000)
    model = BayesianModel(MLP(2, 40, 1), Bernoulli())
    la = fitted(model, X, y, model.network.init(0), hessian_structure="diag")
    tracemalloc.start()
    sample = importance_sample(la, X, y, 50, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6  # 6 MB for one theta's activations, 8 MB for all outputs
    assert sample.thetas.shape == (50, 161)


def test_data_is_read_by_slices_and_batches_change_nothing(monkeypatch):
    la, X, y = logistic("separable", 1.0)
    expected = importance_sample(la, X, y, 50, rng=0)
    for batch_floats in (1, 300):
        monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", batch_floats)
        received = importance_sample(la, OnlySlices(X), y, 50, rng=0)
        np.testing.assert_allclose(received.log_weights, expected.log_weights, rtol=0, atol=1e-11)
        assert received.log_marginal_likelihood == pytest.approx(expected.log_marginal_likelihood, rel=1e-12)


def test_other_data_than_the_fits_is_refused_before_a_number_is_drawn():
    la, X, y = logistic("separable", 1.0)
    rng = np.random.default_rng(0)
    for other in [(X[:-1], y[:-1]), (X, 1 - y), (X + 1e-6, y), (np.vstack([X, X]), np.append(y, y))]:
        with pytest.raises(ValueError, match=r"^X: expected the data of the fit, whose "):
            importance_sample(la, *other, rng=rng)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    order = np.random.default_rng(1).permutation(60)
    importance_sample(la, X[order], y[order], 25)  # the same data


def test_data_of_two_fits_is_given_together():
    la, X, y = logistic("separable", 1.0)
    parts = Laplace(la.model, la.theta).fit(X[:40], y[:40]).fit(X[40:], y[40:], override=False)
    whole, added = (importance_sample(one, X, y, 50, rng=0) for one in (la, parts))
    np.testing.assert_allclose(added.log_weights, whole.log_weights, rtol=0, atol=1e-9)


def test_whole_sample_weights_are_repeated_rows():
    la, X, y = logistic("separable", 1.0)
    w = np.arange(60) % 3
    weighted = Laplace(la.model, la.theta).fit(X, y, sample_weight=w)
    repeated = Laplace(la.model, la.theta).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    received = importance_sample(weighted, X, y, 50, rng=0, sample_weight=w)
    expected = importance_sample(repeated, np.repeat(X, w, axis=0), np.repeat(y, w), 50, rng=0)
    np.testing.assert_allclose(received.log_weights, expected.log_weights, rtol=0, atol=1e-10)
    assert received.log_marginal_likelihood == pytest.approx(expected.log_marginal_likelihood, abs=1e-10)
    with pytest.raises(ValueError, match=r"^X: expected the data of the fit, whose "):
        importance_sample(weighted, X, y, 50, rng=0)


def test_losses_beyond_float64_are_refused_by_name():
    # The logarithm of a predicted noise that hardly any data tempers, far below what exp can take.
    model = BayesianModel(MLP(1, 2), HeteroscedasticGaussian(), 1e-8)
    only = {"subset_of_weights": "subnetwork", "subnetwork_indices": [3]}
    la = fitted(model, [[0.0]], [0.0], np.zeros(4), temperature=1e12, **only)
    with pytest.raises(ValueError, match=r"^la: expected a posterior whose samples have losses within float64"):
        importance_sample(la, [[0.0]], [0.0], 25, rng=0)
