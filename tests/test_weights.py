"""Sample weights: a whole number is that many copies of the sample, zero is its absence, and loss and curvature are
linear in them, for every likelihood, curvature and structure."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from problems import assert_close, assert_is_derivative, random_problem

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    deep_ensemble,
    fit_map,
    hmc,
    marglik_training,
)
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.evidence import log_evidence
from minilaplace.model_average import exact_posterior, fit_dropout
from minilaplace.structures import STRUCTURES
from minilaplace.training import is_mode

N = 12
WHOLE = np.array([2, 0, 1, 3, 1, 0, 1, 5, 1, 1, 2, 1])
ROUNDING = 1e-10  # what is asked of all that is computed at a given theta
KINDS = ["bernoulli", "labels", "categorical", "gaussian", "poisson", "heteroscedastic", "preferences"]


def problem(kind):
    """Return a model, a theta, inputs and targets, all drawn at random."""
    if kind == "preferences":
        rng = np.random.default_rng(1)
        model = BayesianModel(MLP(2, 3, 1), BradleyTerry(), prior_precision=0.7)
        return model, rng.normal(size=model.network.n_params), rng.normal(size=(N, 2, 2)), rng.integers(2, size=N)
    if kind == "heteroscedastic":
        rng = np.random.default_rng(2)
        model = BayesianModel(MLP(2, 3, 4), HeteroscedasticGaussian(), prior_precision=0.7)
        return model, rng.normal(size=model.network.n_params), rng.normal(size=(N, 2)), rng.normal(size=(N, 2))
    return random_problem(kind, (3,), "tanh", {"bernoulli": 1}.get(kind, 3), n_samples=N, prior_precision=0.7)


def repeated(*arrays):
    return tuple(np.repeat(array, WHOLE, axis=0) for array in arrays)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_are_repeated_rows_in_loss_and_curvature(kind):
    model, theta, X, y = problem(kind)
    assert_close(model.loss(theta, X, y, WHOLE), model.loss(theta, *repeated(X, y)), ROUNDING)
    assert_close(model.gradient(theta, X, y, WHOLE), model.gradient(theta, *repeated(X, y)), ROUNDING)
    for curvature in (ggn, hessian, empirical_fisher):
        assert_close(curvature(model, theta, X, y, WHOLE), curvature(model, theta, *repeated(X, y)), ROUNDING)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("curvature", ["ggn", "hessian", "empirical_fisher"])
def test_whole_weights_are_repeated_rows_in_posterior_evidence_and_predictions(structure, kind, curvature):
    if (structure in ("kron", "gp") and curvature == "hessian") or (structure == "kron" and kind == "preferences"):
        pytest.skip("no such curvature")
    model, theta, X, y = problem(kind)
    model = model.under(300.0)  # strong enough for a Hessian away from a mode
    how = {"hessian_structure": structure, "curvature": curvature}
    weighted = Laplace(model, theta, **how).fit(X, y, sample_weight=WHOLE)
    copies = Laplace(model, theta, **how).fit(*repeated(X, y))
    assert weighted.n_data == copies.n_data == WHOLE.sum()
    assert_close(weighted.posterior.precision(), copies.posterior.precision(), ROUNDING)
    assert_close(weighted.log_marginal_likelihood(), copies.log_marginal_likelihood(), ROUNDING)
    for mine, theirs in zip(
        weighted.glm_predictive_distribution(X), copies.glm_predictive_distribution(X), strict=True
    ):
        assert_close(mine, theirs, ROUNDING)
    assert_close(np.array(weighted.predict(X)), np.array(copies.predict(X)), ROUNDING)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_batches_shards_and_additions_carry_the_weights_along(structure):
    model, theta, X, y = problem("categorical")
    weight = np.random.default_rng(0).uniform(0, 3, N)
    whole = Laplace(model, theta, hessian_structure=structure).fit(X, y, sample_weight=weight)
    batched = Laplace(model, theta, hessian_structure=structure).fit(X, y, sample_weight=weight, batch_size=5)
    added = Laplace(model, theta, hessian_structure=structure).fit(X[:7], y[:7], sample_weight=weight[:7])
    added.fit(X[7:], y[7:], sample_weight=weight[7:], override=False)
    seen = []
    with ThreadPoolExecutor(2) as executor:
        sharded = Laplace(model, theta, hessian_structure=structure)
        sharded.fit(X, y, sample_weight=weight, executor=executor, callback=lambda done, n: seen.append((done, n)))
    assert seen[-1] == (N, N)  # samples are counted, not their weights
    for other in (batched, added, sharded):
        assert_close(other.posterior.precision(), whole.posterior.precision(), ROUNDING)
        assert_close(other.n_data, weight.sum(), ROUNDING)
        assert_close(other.log_marginal_likelihood(), whole.log_marginal_likelihood(), ROUNDING)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_linear_in_the_weights_and_the_gradient_is_its_derivative(kind):
    model, theta, X, y = problem(kind)
    a, b = np.random.default_rng(0).uniform(0, 2, (2, N))
    none = model.loss(theta, X, y, np.zeros(N))  # the prior's term
    sums = model.loss(theta, X, y, a) + model.loss(theta, X, y, b) - none
    assert_close(model.loss(theta, X, y, a + b), sums, ROUNDING)
    assert_is_derivative(model.gradient(theta, X, y, a), lambda t: model.loss(t, X, y, a), theta)


def test_no_weights_are_ones():
    model, theta, X, y = problem("gaussian")
    ones = np.ones(N)
    assert model.loss(theta, X, y) == model.loss(theta, X, y, ones)
    np.testing.assert_array_equal(ggn(model, theta, X, y), ggn(model, theta, X, y, ones))
    la = Laplace(model, theta).fit(X, y)
    assert type(la.n_data) is int
    assert la.n_data == N


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_the_map_estimate_is_that_of_repeated_rows(method):
    """L-BFGS ends at the mode. Adam's mini-batches are of samples, so it is asked for the same with one for all."""
    _, _, X, y = problem("bernoulli")
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)  # convex: one mode
    options = {} if method == "lbfgs" else {"epochs": 4000, "batch_size": 100, "learning_rate": 0.01}
    weighted = fit_map(model, X, y, sample_weight=WHOLE, method=method, rng=0, **options)
    copies = fit_map(model, *repeated(X, y), method=method, rng=0, **options)
    assert is_mode(model, weighted, X, y, WHOLE)
    assert not is_mode(model, weighted, X, y)
    np.testing.assert_allclose(weighted, copies, rtol=0, atol=1e-6)


def test_training_by_the_evidence_is_that_of_repeated_rows():
    model, _, X, y = random_problem("gaussian", (), "tanh", 1, n_samples=N)
    pairs = [
        marglik_training(model, X, y, sample_weight=WHOLE, optimize_noise=True, rng=0, tol=1e-9),
        marglik_training(model, *repeated(X, y), optimize_noise=True, rng=0, tol=1e-9),
    ]
    (one, theta), (other, copy) = pairs
    np.testing.assert_allclose(theta, copy, rtol=0, atol=1e-7)
    assert one.prior_precision == pytest.approx(other.prior_precision, rel=1e-6)
    assert one.likelihood.sigma_noise == pytest.approx(other.likelihood.sigma_noise, rel=1e-6)


def test_rivals_of_laplace_count_the_weights_too():
    _, _, X, y = problem("bernoulli")
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    exact = [exact_posterior(model, X, y, WHOLE), exact_posterior(model, *repeated(X, y))]
    np.testing.assert_allclose(exact[0].mean, exact[1].mean, rtol=0, atol=1e-9)
    assert exact[0].log_marginal_likelihood == pytest.approx(exact[1].log_marginal_likelihood, abs=1e-9)
    members = [
        deep_ensemble(model, X, y, 2, sample_weight=WHOLE, rng=0),
        deep_ensemble(model, *repeated(X, y), 2, rng=0),
    ]
    np.testing.assert_allclose(*members, rtol=0, atol=1e-6)
    # Rounding grows along a trajectory, so these are few steps.
    how = {"n_samples": 4, "n_chains": 1, "n_warmup": 20, "n_leapfrog": 2, "rng": 0}
    chains = [hmc(model, X, y, sample_weight=WHOLE, **how), hmc(model, *repeated(X, y), **how)]
    np.testing.assert_allclose(chains[0].thetas, chains[1].thetas, rtol=0, atol=1e-8)
    deep = BayesianModel(MLP(2, 4, 1), Bernoulli())
    how = {"rng": 0, "epochs": 20, "batch_size": 100}
    dropped = [fit_dropout(deep, X, y, sample_weight=WHOLE, **how), fit_dropout(deep, *repeated(X, y), **how)]
    np.testing.assert_allclose(*dropped, rtol=0, atol=1e-9)


def test_a_sample_is_left_out_with_its_whole_weight():
    _, _, X, y = problem("gaussian")
    model = BayesianModel(MLP(2, 3), Gaussian(0.5), prior_precision=0.7)
    weight = np.random.default_rng(0).uniform(0, 3, N) * (WHOLE > 0)
    zero = np.zeros(model.network.n_params)

    def mode(weight):  # by one step of Newton's method, as the loss is quadratic
        curvature = ggn(model, zero, X, y, weight) + 0.7 * np.eye(len(zero))
        return -np.linalg.solve(curvature, model.gradient(zero, X, y, weight))

    la = Laplace(model, mode(weight)).fit(X, y, sample_weight=weight)
    mean, variance = la.leave_one_out(X, y, sample_weight=weight)
    for n in range(N):
        others = np.where(np.arange(N) == n, 0, weight)
        refit = Laplace(model, mode(others)).fit(X, y, sample_weight=others).predict(X[n : n + 1])
        np.testing.assert_allclose(mean[n], refit.mean[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(variance[n], refit.variance[0], rtol=1e-9)
    with pytest.raises(ValueError, match="X: expected the data of the fit, whose weights"):
        la.leave_one_out(X, y)


def test_an_evidence_counts_the_weights_as_targets():
    """Half the weights are the likelihood at temperature 2, but for the normaliser, of which there is half as much."""
    model, theta, X, y = problem("gaussian")
    halves = Laplace(model, theta).fit(X, y, sample_weight=np.full(N, 0.5))
    tempered = Laplace(model, theta, temperature=2.0).fit(X, y)
    normaliser = N / 2 * model.likelihood.log_normalizer(3)
    assert_close(halves.posterior.precision(), tempered.posterior.precision(), ROUNDING)
    received, expected = halves.log_marginal_likelihood(), tempered.log_marginal_likelihood() + normaliser
    assert received == pytest.approx(expected, abs=1e-9)
    assert log_evidence(halves._fit, model, theta) == pytest.approx(received, abs=1e-9)
