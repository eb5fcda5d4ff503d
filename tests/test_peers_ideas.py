"""What the tests of other libraries ask, asked here too: each test names whose idea it is.

- laplace-torch (`tests/test_baselaplace.py`, `test_matrix.py`, `test_lllaplace.py`, ...): likelihoods against
  distributions, Kronecker algebra against dense, online fits, shapes of joint and marginal predictions.
- LaplaceRedux.jl: refitting changes nothing; its prior and likelihood terms against Distributions.jl.
- BackPACK and curvlinops: the Jacobian of a linear model is its input; the GGN of one is its Hessian.
- scikit-learn's Gaussian processes: interpolation, and the prior where there is no data.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, softmax

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Laplace
from minilaplace.curvature import ggn, hessian
from minilaplace.structures.fit import STRUCTURES
from minilaplace.structures.kronecker import EigenPosterior

RNG = np.random.default_rng(0)
X, X_NEW = RNG.normal(size=(12, 2)), RNG.normal(size=(5, 2))
NETWORKS = {Bernoulli(): MLP(2, 4, 1), Categorical(): MLP(2, 4, 3), Gaussian(0.7): MLP(2, 4, 2)}
each_likelihood = pytest.mark.parametrize("likelihood", NETWORKS, ids=lambda likelihood: type(likelihood).__name__)
each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def problem(likelihood, **prior):
    rng, network = np.random.default_rng(1), NETWORKS[likelihood]
    y = rng.normal(size=(12, 2)) if isinstance(likelihood, Gaussian) else np.arange(12) % max(2, network.n_outputs)
    return BayesianModel(network, likelihood, **prior), rng.normal(size=network.n_params), y


# --- laplace-torch


@each_likelihood
def test_the_log_likelihood_is_that_of_scipys_distribution(likelihood):
    model, theta, y = problem(likelihood)
    f = model.network.forward(theta, X)
    if isinstance(likelihood, Gaussian):
        expected = stats.norm(f, 0.7).logpdf(y).sum()
    elif isinstance(likelihood, Bernoulli):
        expected = stats.bernoulli(expit(f[:, 0])).logpmf(y).sum()
    else:
        expected = stats.multinomial(1, softmax(f, axis=1)).logpmf(np.eye(3)[y]).sum()
    la = Laplace(model, theta).fit(X, y)
    np.testing.assert_allclose(-likelihood.nll(f, y).sum(), expected, rtol=1e-12)
    np.testing.assert_allclose(la._fit.log_likelihood(likelihood), expected, rtol=1e-12)


@each_likelihood
@each_structure
def test_the_log_probability_of_a_sample_is_that_of_the_multivariate_normal(likelihood, structure):
    # From mean, precision and log-determinant alone; SciPy asks the covariance, by its eigenvalues.
    model, theta, y = problem(likelihood, prior_precision=2.0)
    posterior = Laplace(model, theta, hessian_structure=structure).fit(X, y).posterior
    draws = posterior.sample(4, np.random.default_rng(0))
    d = draws - posterior.mean
    quadratic = np.einsum("sp,pq,sq->s", d, posterior.precision(), d)
    received = 0.5 * (posterior.log_det_precision - quadratic - len(theta) * np.log(2 * np.pi))
    expected = stats.multivariate_normal(posterior.mean, posterior.covariance()).logpdf(draws)
    np.testing.assert_allclose(received, expected, rtol=1e-9)


@each_likelihood
@each_structure
def test_three_online_fits_are_three_times_the_curvature(likelihood, structure):
    model, theta, y = problem(likelihood, prior_precision=2.0)
    once, thrice = (Laplace(model, theta, hessian_structure=structure) for _ in range(2))
    once.fit(X, y)
    for _ in range(3):
        thrice.fit(X, y, override=False)
    prior = 2 * np.eye(len(theta))
    one, three = once.posterior.precision() - prior, thrice.posterior.precision() - prior
    np.testing.assert_allclose(three, 3 * one, rtol=0, atol=1e-12 * np.abs(three).max())
    assert thrice.n_data == 36


def test_kronecker_algebra_is_dense_algebra():
    rng, shapes = np.random.default_rng(2), [(3, 2), (2, 3)]
    factors = [(a @ a.T, b @ b.T) for a, b in ((rng.normal(size=(h, h)), rng.normal(size=(i, i))) for h, i in shapes)]
    basis, eigenvalues, blocks = [], [], []
    for B, A in factors:
        (l_B, U_B), (l_A, U_A) = np.linalg.eigh(B), np.linalg.eigh(A)
        basis.append((U_B, U_A))
        eigenvalues += [np.outer(l_B, l_A).ravel() + 0.5, l_B + 0.5]
        blocks += [np.kron(B, A), B]
    dense, start = 0.5 * np.eye(sum(map(len, blocks))), 0
    for block in blocks:
        dense[start : start + len(block), start : start + len(block)] += block
        start += len(block)
    posterior = EigenPosterior(np.zeros(len(dense)), np.concatenate(eigenvalues), basis)
    np.testing.assert_allclose(posterior.precision(), dense, atol=1e-12)
    np.testing.assert_allclose(posterior.covariance(), np.linalg.inv(dense), atol=1e-12)
    np.testing.assert_allclose(posterior.variance(), np.diag(np.linalg.inv(dense)), atol=1e-12)
    np.testing.assert_allclose(posterior.log_det_precision, np.linalg.slogdet(dense)[1], rtol=1e-12)
    network = MLP(2, 3, 2)
    J = network.jacobian(posterior.mean + 1, X)
    rows = network.trace(posterior.mean + 1, X).pull_back()
    expected = J @ np.linalg.inv(dense) @ J.transpose(0, 2, 1)
    np.testing.assert_allclose(posterior.functional_covariance(rows), expected, atol=1e-12)


@each_likelihood
@each_structure
def test_joint_samples_have_the_marginals_of_the_predictions_for_each_input(likelihood, structure):
    # Shapes (N, C) and (N, C, C) of the marginals, (S, N, C) of functions; a row alone or among others is the same.
    model, theta, y = problem(likelihood, prior_precision=2.0)
    la, C = Laplace(model, theta, hessian_structure=structure).fit(X, y), model.network.n_outputs
    mean, covariance = la.glm_predictive_distribution(X_NEW)
    assert (mean.shape, covariance.shape) == ((5, C), (5, C, C))
    functions = la.functional_samples(X_NEW, 20_000, rng=0)
    assert functions.shape == (20_000, 5, C)
    deviation = functions - mean
    empirical = np.einsum("snc,snd->ncd", deviation, deviation) / 20_000
    variances = np.diagonal(covariance, axis1=1, axis2=2)
    error = np.sqrt((variances[:, :, None] * variances[:, None, :] + covariance**2) / 20_000)  # Isserlis
    assert np.all(np.abs(empirical - covariance) < 5 * error)
    for n in range(5):
        alone = la.glm_predictive_distribution(X_NEW[n : n + 1])
        np.testing.assert_allclose(alone[1][0], covariance[n], rtol=1e-10, atol=1e-12)


@each_likelihood
def test_a_last_layer_posterior_is_a_linear_model_on_features(likelihood):
    model, theta, y = problem(likelihood, prior_precision=2.0)
    (W, b), (V, c) = model.network.layers(theta)
    features = np.tanh(X @ W.T + b)
    linear = BayesianModel(MLP(4, model.network.n_outputs), likelihood, 2.0)
    head = np.concatenate([V.ravel(), c])
    last = Laplace(model, theta, subset_of_weights="last_layer").fit(X, y)
    np.testing.assert_allclose(
        last.posterior.precision(), Laplace(linear, head).fit(features, y).posterior.precision(), rtol=1e-12, atol=1e-12
    )


# --- LaplaceRedux.jl


@each_likelihood
@each_structure
def test_fitting_again_changes_nothing(likelihood, structure):
    model, theta, y = problem(likelihood, prior_precision=2.0)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    before = la.posterior.precision(), la.log_marginal_likelihood(), np.asarray(la.predict(X_NEW))
    la.fit(X, y)
    for received, expected in zip(
        (la.posterior.precision(), la.log_marginal_likelihood(), np.asarray(la.predict(X_NEW))), before, strict=True
    ):
        np.testing.assert_array_equal(received, expected)


@each_likelihood
def test_the_loss_is_minus_the_log_joint_density_up_to_the_priors_normaliser(likelihood):
    model, theta, y = problem(likelihood, prior_precision=2.0, prior_mean=0.3)
    f = model.network.forward(theta, X)
    log_prior = stats.multivariate_normal(np.full(len(theta), 0.3), 0.5 * np.eye(len(theta))).logpdf(theta)
    normaliser = 0.5 * len(theta) * np.log(2 / (2 * np.pi))
    np.testing.assert_allclose(model.loss(theta, X, y), likelihood.nll(f, y).sum() - log_prior + normaliser, rtol=1e-12)


# --- BackPACK, curvlinops


def test_the_jacobian_of_a_linear_model_is_its_input():
    network = MLP(2, 3)
    J = network.jacobian(RNG.normal(size=network.n_params), X)
    expected = np.concatenate([np.kron(np.eye(3), X[:, None, :]), np.tile(np.eye(3), (12, 1, 1))], axis=2)
    np.testing.assert_array_equal(J, expected)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(), Gaussian(0.7)], ids=lambda lk: type(lk).__name__)
def test_the_ggn_of_a_linear_model_is_its_hessian(likelihood):
    C = NETWORKS[likelihood].n_outputs
    model = BayesianModel(MLP(2, C), likelihood)
    _, _, y = problem(likelihood)
    theta = RNG.normal(size=model.network.n_params)
    np.testing.assert_allclose(hessian(model, theta, X, y), ggn(model, theta, X, y), rtol=1e-12, atol=1e-12)


# --- Gaussian processes of scikit-learn


def test_a_posterior_of_a_tiny_noise_interpolates_and_of_no_information_is_the_prior():
    network = MLP(2, 30, 1)
    theta = np.random.default_rng(3).normal(size=network.n_params)
    y = network.forward(theta, X)
    J = network.jacobian(theta, X)
    for noise, expected in [(1e-6, np.zeros(12)), (1e6, (J @ J.transpose(0, 2, 1))[:, 0, 0])]:
        model = BayesianModel(network, Gaussian(noise), 1.0)
        la = Laplace(model, theta, hessian_structure="gp").fit(X, y)
        np.testing.assert_allclose(la.glm_predictive_distribution(X)[1][:, 0, 0], expected, rtol=1e-6, atol=1e-11)
