"""Bayesian linear regression is in scikit-learn twice: in weight space with its evidence, and in function space.

`BayesianRidge` maximises the evidence over prior precision (its `lambda_`) and noise (its `alpha_` is 1 / sigma^2);
`GaussianProcessRegressor` with a linear kernel is the same posterior over functions. The bias of an `MLP(D, 1)` has the
prior of the weights, so that scikit-learn is given a column of ones and no intercept.
"""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import BayesianRidge

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, fit_map, marglik_training


def regression(seed, N=40, D=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    return X, X @ rng.normal(size=D) + 0.5 + 0.3 * rng.normal(size=N)


def with_ones(X):
    return np.column_stack([X, np.ones(len(X))])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("structure", ["full", "gp"])
def test_training_by_the_evidence_is_bayesian_ridge(structure, seed):
    X, y = regression(seed)
    start = BayesianModel(MLP(4, 1), Gaussian(1.0))
    model, theta = marglik_training(
        start, X, y, optimize_noise=True, tol=1e-10, max_rounds=2000, hessian_structure=structure
    )
    ridge = BayesianRidge(
        max_iter=2000, tol=1e-12, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, fit_intercept=False, compute_score=True
    ).fit(with_ones(X), y)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    assert model.prior_precision == pytest.approx(ridge.lambda_, rel=1e-6)
    assert model.likelihood.sigma_noise == pytest.approx(ridge.alpha_**-0.5, rel=1e-6)
    assert la.log_marginal_likelihood() == pytest.approx(ridge.scores_[-1], rel=1e-6)
    np.testing.assert_allclose(theta, ridge.coef_, rtol=1e-6)
    np.testing.assert_allclose(la.posterior.covariance(), ridge.sigma_, rtol=0, atol=1e-6 * np.abs(ridge.sigma_).max())


@pytest.mark.parametrize(("N", "D"), [(12, 3), (6, 20)])
@pytest.mark.parametrize("structure", ["full", "gp"])
def test_a_linear_model_is_a_gaussian_process_with_the_linear_kernel(structure, N, D):
    delta, sigma = 0.7, 0.3
    X, y = regression(3, N, D)
    X_new = np.random.default_rng(4).normal(size=(5, D))
    kernel = ConstantKernel(1 / delta, "fixed") * DotProduct(1.0, "fixed")  # (1 + x . x') / delta: the bias is the 1
    process = GaussianProcessRegressor(kernel, alpha=sigma**2, optimizer=None).fit(X, y)
    model = BayesianModel(MLP(D, 1), Gaussian(sigma), delta)
    rows = np.vstack([with_ones(X) / sigma, np.sqrt(delta) * np.eye(D + 1)])  # the mode, by least squares
    theta = np.linalg.lstsq(rows, np.concatenate([y / sigma, np.zeros(D + 1)]))[0]
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    f_mean, f_cov = la.glm_predictive_distribution(X_new)
    expected, covariance = process.predict(X_new, return_cov=True)
    # The process solves with a kernel matrix of condition 1e3 and takes differences of its entries.
    np.testing.assert_allclose(f_mean[:, 0], expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(f_cov[:, 0, 0], np.diag(covariance), rtol=0, atol=1e-11 * np.diag(covariance).max())
    evidence = process.log_marginal_likelihood_value_
    assert la.log_marginal_likelihood() == pytest.approx(evidence, rel=1e-11)
    rows_new = with_ones(X_new)
    between = rows_new @ la.posterior.covariance() @ rows_new.T
    np.testing.assert_allclose(between, covariance, rtol=0, atol=1e-11 * np.abs(covariance).max())


def test_samples_of_functions_have_the_processs_covariance():
    X, y = regression(5, 12, 3)
    X_new = np.random.default_rng(6).normal(size=(4, 3))
    process = GaussianProcessRegressor(DotProduct(1.0, "fixed"), alpha=0.09, optimizer=None).fit(X, y)
    _, covariance = process.predict(X_new, return_cov=True)
    model = BayesianModel(MLP(3, 1), Gaussian(0.3))
    la = Laplace(model, fit_map(model, X, y, rng=0), hessian_structure="gp").fit(X, y)
    S = 40_000
    received = np.cov(la.functional_samples(X_new, S, rng=0)[:, :, 0].T)
    v = np.diag(covariance)
    error = np.sqrt((covariance**2 + np.outer(v, v)) / S)  # of a sample covariance
    assert np.all(np.abs(received - covariance) < 5 * error)
