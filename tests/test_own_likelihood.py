"""A likelihood of one's own, with the abstract methods alone, does all that the library's own do.

`Poisson` is what a reader would write for counts: its derivatives, its mean, and nothing of the library's inside.
`FullPoisson` says more, its noise and a closed form of the predictive, and then has the exact link too.
"""

import numpy as np
import pytest
from problems import assert_close, assert_is_derivative
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln, roots_hermitenorm

from minilaplace import MLP, BayesianModel, Laplace, Prediction, average, fit_map, hmc, marglik_training
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.model import Likelihood
from minilaplace.structures import STRUCTURES
from minilaplace.training import is_mode

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = RNG.poisson(np.exp(0.5 + X[:, :1] - 0.3 * X[:, 1:])).astype(float)  # (N, 1)


class Poisson(Likelihood):
    """Counts y with log rate f: -log p(y | f) = exp(f) - y f + log y!, summed over outputs."""

    def nll(self, f, y):
        return (np.exp(f) - y * f + gammaln(y + 1)).sum(axis=1)

    def gradient(self, f, y):
        return np.exp(f) - y

    def factor(self, f):
        return np.exp(f / 2)[:, :, None] * np.eye(f.shape[1])

    def mean(self, f):
        return np.exp(f)


class FullPoisson(Poisson):
    """The same with its noise, and the moments of the log-normal rate."""

    links = ("exact", "plugin", "mc", "nn")

    def noise_variance(self, f):
        return np.exp(f)

    def moments(self, m, v):
        rate = np.exp(m + v / 2)
        return rate, rate, rate**2 * np.expm1(v)


def fitted(likelihood, hidden=(3,), **options):
    model = BayesianModel(MLP(2, *hidden, 1), likelihood, prior_precision=0.5)
    theta = fit_map(model, X, Y, rng=0)
    return Laplace(model, theta, **options).fit(X, Y)


def test_only_four_methods_are_asked_for():
    assert Likelihood.__abstractmethods__ == {"nll", "gradient", "factor", "mean"}


def test_its_nll_is_scipys_and_its_derivatives_are_those_of_the_nll():
    f, likelihood = RNG.normal(size=(40, 1)), Poisson()
    np.testing.assert_allclose(likelihood.nll(f, Y), -stats.poisson(np.exp(f)).logpmf(Y)[:, 0], rtol=1e-12)
    for n in range(3):
        assert_is_derivative(
            likelihood.gradient(f[n : n + 1], Y[n : n + 1])[0],
            lambda t, n=n: likelihood.nll(t[None], Y[n : n + 1])[0],
            f[n],
        )
        assert_is_derivative(
            likelihood.hessian(f[n : n + 1], Y[n : n + 1])[0],
            lambda t, n=n: likelihood.gradient(t[None], Y[n : n + 1])[0],
            f[n],
        )


def test_training_ends_at_a_mode():
    la = fitted(Poisson())
    assert is_mode(la.model, la.theta, X, Y)


def test_its_curvatures_are_their_definitions():
    la = fitted(Poisson())
    model, theta = la.model, la.theta
    J, f = model.network.jacobian(theta, X), model.network.forward(theta, X)
    assert_close(ggn(model, theta, X, Y), np.einsum("ncp,ncd,ndq->pq", J, model.likelihood.hessian(f, Y), J))
    assert_is_derivative(hessian(model, theta, X, Y), lambda t: model.loss_and_gradient(t, X, Y, share=0.0)[1], theta)
    g = np.einsum("nc,ncp->np", model.likelihood.gradient(f, Y), J)
    assert_close(empirical_fisher(model, theta, X, Y), g.T @ g)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_has_a_posterior_and_an_evidence(structure):
    la = fitted(Poisson(), hessian_structure=structure)
    G = ggn(la.model, la.theta, X, Y)
    if structure in ("full", "gp"):
        assert_close(la.posterior.precision(), G + 0.5 * np.eye(len(G)), 1e-10)
        log_likelihood = -la.model.likelihood.nll(la.model.network.forward(la.theta, X), Y).sum()
        occam = np.linalg.slogdet(2 * G + np.eye(len(G)))[1] + 0.5 * la.theta @ la.theta
        assert la.log_marginal_likelihood() == pytest.approx(log_likelihood - occam / 2, rel=1e-10)
    assert_close(la.posterior.precision() @ la.posterior.covariance(), np.eye(len(la.theta)), 1e-9)
    before = la.log_marginal_likelihood()
    assert la.optimize_prior_precision().log_marginal_likelihood() > before


def test_the_evidence_of_one_rate_is_the_integral_up_to_laplaces_error():
    # One parameter with 40 counts: the posterior of a log rate is nearly Gaussian, and Laplace's error is O(1 / N).
    model = BayesianModel(MLP(1, 1), Poisson(), prior_precision=[1.0, 1e8])  # the bias stays at 0
    x = np.ones((40, 1))
    theta = fit_map(model, x, Y, theta0=[0.5, 0.0])
    la = Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=[0]).fit(x, Y)

    def density(t):
        prior = stats.norm(0, 1).pdf(t)
        return prior * np.exp(-Poisson().nll(np.full((40, 1), t), Y).sum() + shift)

    shift = Poisson().nll(np.full((40, 1), theta[0]), Y).sum()
    expected = np.log(quad(density, theta[0] - 2, theta[0] + 2)[0]) - shift
    assert la.log_marginal_likelihood() == pytest.approx(expected, abs=0.01)


def test_without_a_noise_its_predictions_are_means():
    la = fitted(Poisson())
    X_new = X[:5]
    np.testing.assert_array_equal(la.predict(X_new, "plugin"), np.exp(la.model.network.forward(la.theta, X_new)))
    assert la.predict(X_new, rng=0).shape == (5, 1)  # by samples of f, the first of its links
    m, V = la.glm_predictive_distribution(X_new)
    S = 20_000
    error = np.sqrt(np.exp(2 * m + V[:, :, 0]) * np.expm1(V[:, :, 0]) / S)  # of an average of log-normal draws
    received = la.predict(X_new, "mc", n_samples=S, rng=0)
    assert np.all(np.abs(received - np.exp(m + V[:, :, 0] / 2)) < 5 * error)


def test_with_a_closed_form_its_predictions_are_the_counts_moments():
    la = fitted(FullPoisson())
    prediction = la.predict(X[:3])
    assert isinstance(prediction, Prediction)
    m, V = la.glm_predictive_distribution(X[:3])
    z, w = roots_hermitenorm(60)  # the average over f of any smooth function
    rate = np.exp(m + np.sqrt(V[:, :, 0]) * z)  # (N, 60)
    mean, second = rate @ w / w.sum(), (rate**2 + rate) @ w / w.sum()  # of a Poisson's y and y^2
    np.testing.assert_allclose(prediction.mean[:, 0], mean, rtol=1e-12)
    np.testing.assert_allclose(prediction.variance[:, 0], second - mean**2, rtol=1e-11)
    total, aleatoric, epistemic = la.uncertainty(X[:3])
    np.testing.assert_allclose(total, prediction.variance, rtol=1e-12)
    np.testing.assert_allclose(aleatoric, prediction.mean, rtol=1e-12)
    np.testing.assert_allclose(aleatoric + epistemic, total, rtol=1e-12)


def test_what_it_has_no_link_for_is_said():
    la = fitted(Poisson())
    with pytest.raises(ValueError, match=r"^link_approx: expected one of 'mc', 'plugin', 'nn', received 'probit'"):
        la.predict(X, "probit")


def test_its_rivals_take_it_too():
    model = BayesianModel(MLP(2, 1), FullPoisson(), prior_precision=0.5)
    chains = hmc(model, X, Y, 300, n_chains=2, n_warmup=200, rng=0)
    mean = average(model, chains.truth(1.05), X[:5]).mean
    np.testing.assert_allclose(mean, fitted(FullPoisson(), hidden=()).predict(X[:5]).mean, rtol=0.1)
    tuned, theta = marglik_training(model, X, Y, rng=0)
    evidence = Laplace(tuned, theta).fit(X, Y).log_marginal_likelihood
    assert evidence() >= max(evidence(tuned.prior_precision * r) for r in (0.7, 1.4))


def test_a_file_cannot_name_it_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"^likelihood: expected one of Bernoulli, .* which a file can name, received"):
        fitted(Poisson()).save(tmp_path / "counts.npz")
    assert list(tmp_path.iterdir()) == []


def test_its_uncertainty_without_a_noise_is_the_variance_of_the_mean():
    la = fitted(Poisson())
    total, aleatoric, epistemic = la.uncertainty(X[:4], n_samples=20_000, rng=0)
    m, V = la.glm_predictive_distribution(X[:4])
    np.testing.assert_allclose(epistemic, np.exp(2 * m + V[:, 0]) * np.expm1(V[:, 0]), rtol=0.15)  # a heavy tail's
    np.testing.assert_array_equal(aleatoric, np.zeros((4, 1)))
    np.testing.assert_array_equal(total, epistemic)


def test_held_out_data_asks_for_a_density_and_a_contour_for_classes():
    la = fitted(FullPoisson())
    rng = np.random.default_rng(1)
    new = rng.normal(size=(200, 2))
    y = rng.negative_binomial(2, 2 / (2 + np.exp(0.5 + new[:, :1]))).astype(float)  # wider than a Poisson
    chosen = la.optimize_prior_precision("held_out", X=new, y=y).model.prior_precision
    assert 1e-6 < chosen < 1e6
    with pytest.raises(ValueError, match=r"^likelihood: expected one with class probabilities, a noise_variance, or"):
        fitted(Poisson()).optimize_prior_precision("held_out", X=X, y=Y)
    from minilaplace.plotting import plot_contour

    with pytest.raises(ValueError, match=r"^la: expected a classifier of two inputs, received MLP"):
        plot_contour(la, X, Y)
