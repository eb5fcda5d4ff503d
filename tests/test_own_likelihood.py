"""A likelihood of one's own, with the abstract methods alone, does all that the library's own do.

`Waiting` is what a reader would write for waiting times: its derivatives, its mean, and nothing of the library's
inside. Its Hessian is not the Fisher information. `FullWaiting` says so, and its noise and a closed form of the
predictive; then the exact Hessian is right, and it has the exact link too. `Probit` has classes for its targets.
"""

import numpy as np
import pytest
from problems import assert_close, assert_is_derivative
from scipy import stats
from scipy.integrate import quad
from scipy.special import entr, log_ndtr, ndtr, roots_hermitenorm
from sklearn.linear_model import GammaRegressor

from minilaplace import MLP, BayesianModel, Laplace, Prediction, average, fit_map, hmc, marglik_training
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.model import Likelihood
from minilaplace.model_average import exact_posterior
from minilaplace.structures import STRUCTURES
from minilaplace.training import is_mode

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = RNG.exponential(np.exp(0.5 + X[:, :1] - 0.3 * X[:, 1:]))  # (N, 1)


class Waiting(Likelihood):
    """Waiting times y > 0 with log mean f: -log p(y | f) = f + y exp(-f), summed over outputs."""

    def nll(self, f, y):
        return (f + y * np.exp(-f)).sum(axis=1)

    def gradient(self, f, y):
        return 1 - y * np.exp(-f)

    def factor(self, f):
        return np.broadcast_to(np.eye(f.shape[1]), (*f.shape, f.shape[1]))  # E[y exp(-f)] = 1

    def mean(self, f):
        return np.exp(f)


class FullWaiting(Waiting):
    """The same with its Hessian, its noise, and the moments of the log-normal mean."""

    links = ("exact", "plugin", "mc", "nn")

    def hessian_minus_fisher(self, f, y):
        return (y * np.exp(-f) - 1)[:, :, None] * np.eye(f.shape[1])

    def noise_variance(self, f):
        return np.exp(2 * f)

    def moments(self, m, v):
        mean = np.exp(m + v / 2)
        return mean, mean**2 * np.exp(v), mean**2 * np.expm1(v)


class Probit(Likelihood):
    """Two classes y of 0 and 1, p(y = 1 | f) = Phi(f), whose average over f ~ N(m, v) is Phi(m / sqrt(1 + v))."""

    is_classifier = True

    def nll(self, f, y):
        return -log_ndtr(np.where(y == 1, f[:, 0], -f[:, 0]))

    def gradient(self, f, y):
        s = np.where(y == 1, 1, -1)[:, None]
        return -s * np.exp(stats.norm.logpdf(f) - log_ndtr(s * f))

    def factor(self, f):
        return np.exp(stats.norm.logpdf(f) - 0.5 * (log_ndtr(f) + log_ndtr(-f)))[:, :, None]

    def mean(self, f):
        return ndtr(f[:, 0])

    def check_targets(self, y, n_samples, n_outputs):
        return np.reshape(y, n_samples)


def fitted(likelihood, hidden=(3,), **options):
    model = BayesianModel(MLP(2, *hidden, 1), likelihood, prior_precision=0.5)
    theta = fit_map(model, X, Y, rng=0)
    return Laplace(model, theta, **options).fit(X, Y)


def test_only_four_methods_are_asked_for():
    assert Likelihood.__abstractmethods__ == {"nll", "gradient", "factor", "mean"}


def test_its_nll_is_scipys_and_its_derivatives_are_those_of_the_nll():
    f, likelihood = RNG.normal(size=(40, 1)), FullWaiting()
    np.testing.assert_allclose(likelihood.nll(f, Y), -stats.expon(scale=np.exp(f)).logpdf(Y)[:, 0], rtol=1e-12)
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


def test_its_factor_is_that_of_the_hessian_averaged_over_y():
    f = np.array([[0.7]])
    average_hessian = quad(
        lambda y: FullWaiting().hessian(f, [[y]])[0, 0, 0] * stats.expon(scale=np.exp(0.7)).pdf(y), 0, np.inf
    )[0]
    assert Waiting().factor(f)[0, 0, 0] ** 2 == pytest.approx(average_hessian, rel=1e-8)


def test_training_ends_at_a_mode():
    la = fitted(Waiting())
    assert is_mode(la.model, la.theta, X, Y)


def test_the_mode_of_its_linear_model_is_that_of_scikit_learns_gamma_regression():
    # The deviance of a gamma has the same derivatives in f; alpha is on the mean loss, and the intercept is free.
    peer = GammaRegressor(alpha=0.1, solver="newton-cholesky", tol=1e-12).fit(X, Y[:, 0])
    model = BayesianModel(MLP(2, 1), Waiting(), prior_precision=[4.0, 4.0, 1e-12])
    theta = fit_map(model, X, Y, rng=0)
    np.testing.assert_allclose(theta, [*peer.coef_, peer.intercept_], rtol=0, atol=1e-5)


def test_its_curvatures_are_their_definitions():
    la = fitted(FullWaiting())
    model, theta = la.model, la.theta
    J, f = model.network.jacobian(theta, X), model.network.forward(theta, X)
    assert_close(ggn(model, theta, X, Y), np.einsum("ncp,ncq->pq", J, J))  # the Fisher information is 1
    assert_is_derivative(hessian(model, theta, X, Y), lambda t: model.loss_and_gradient(t, X, Y, share=0.0)[1], theta)
    g = np.einsum("nc,ncp->np", model.likelihood.gradient(f, Y), J)
    assert_close(empirical_fisher(model, theta, X, Y), g.T @ g)


def test_without_the_hook_the_fisher_information_stands_for_the_hessian():
    la = fitted(Waiting(), hidden=())
    exact = hessian(BayesianModel(MLP(2, 1), FullWaiting(), 0.5), la.theta, X, Y)
    received = hessian(la.model, la.theta, X, Y)
    assert_close(received, ggn(la.model, la.theta, X, Y))
    np.testing.assert_array_equal(Waiting().hessian(np.zeros((40, 1)), Y), np.ones((40, 1, 1)))
    assert np.abs(received - exact).max() > 0.05 * np.abs(exact).max()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_has_a_posterior_and_an_evidence(structure):
    la = fitted(Waiting(), hessian_structure=structure)
    G = ggn(la.model, la.theta, X, Y)
    if structure in ("full", "gp"):
        assert_close(la.posterior.precision(), G + 0.5 * np.eye(len(G)), 1e-10)
        log_likelihood = -la.model.likelihood.nll(la.model.network.forward(la.theta, X), Y).sum()
        occam = np.linalg.slogdet(2 * G + np.eye(len(G)))[1] + 0.5 * la.theta @ la.theta
        assert la.log_marginal_likelihood() == pytest.approx(log_likelihood - occam / 2, rel=1e-10)
    assert_close(la.posterior.precision() @ la.posterior.covariance(), np.eye(len(la.theta)), 1e-9)
    before = la.log_marginal_likelihood()
    assert la.optimize_prior_precision().log_marginal_likelihood() > before


def test_a_temperature_divides_all_of_its_log_likelihood():
    la = fitted(Waiting(), temperature=4.0)
    G = ggn(la.model, la.theta, X, Y)
    log_likelihood = -la.model.likelihood.nll(la.model.network.forward(la.theta, X), Y).sum()
    occam = np.linalg.slogdet(G / 2 + np.eye(len(G)))[1] + 0.5 * la.theta @ la.theta  # (G / 4 + 1/2) / (1/2)
    assert la.log_marginal_likelihood() == pytest.approx(log_likelihood / 4 - occam / 2, rel=1e-10)


def test_the_evidence_of_one_mean_is_the_integral_up_to_laplaces_error():
    # One parameter with 40 times: the posterior of a log mean is nearly Gaussian, and Laplace's error is O(1 / N).
    model = BayesianModel(MLP(1, 1), FullWaiting(), prior_precision=[1.0, 1e8])  # the bias stays at 0
    x = np.ones((40, 1))
    theta = fit_map(model, x, Y, theta0=[0.5, 0.0])
    one = {"subset_of_weights": "subnetwork", "subnetwork_indices": [0]}

    def density(t):
        prior = stats.norm(0, 1).pdf(t)
        return prior * np.exp(-Waiting().nll(np.full((40, 1), t), Y).sum() + shift)

    shift = Waiting().nll(np.full((40, 1), theta[0]), Y).sum()
    expected = np.log(quad(density, theta[0] - 2, theta[0] + 2)[0]) - shift
    for curvature in ("ggn", "hessian"):
        la = Laplace(model, theta, curvature=curvature, **one).fit(x, Y)
        assert la.log_marginal_likelihood() == pytest.approx(expected, abs=0.01)


def test_its_exact_posterior_averages_its_own_mean():
    model = BayesianModel(MLP(1, 1), FullWaiting(), prior_precision=0.5)
    x = X[:, :1]
    posterior = exact_posterior(model, x, Y)
    f = posterior.thetas @ [2.0, 1.0]
    mean = posterior.weights @ np.exp(f)
    received = posterior.predict([[2.0]])
    np.testing.assert_allclose(received.mean, [[mean]], rtol=1e-12)
    second = posterior.weights @ (2 * np.exp(2 * f))  # E[y^2] of an exponential is twice its mean squared
    np.testing.assert_allclose(received.variance, [[second - mean**2]], rtol=1e-10)
    bare = exact_posterior(BayesianModel(MLP(1, 1), Waiting(), prior_precision=0.5), x, Y)
    np.testing.assert_allclose(bare.predict([[2.0]]), [[mean]], rtol=1e-12)


def test_without_a_noise_its_predictions_are_means():
    la = fitted(Waiting())
    X_new = X[:5]
    np.testing.assert_array_equal(la.predict(X_new, "plugin"), np.exp(la.model.network.forward(la.theta, X_new)))
    assert la.predict(X_new, rng=0).shape == (5, 1)  # by samples of f, the first of its links
    m, V = la.glm_predictive_distribution(X_new)
    S = 20_000
    error = np.sqrt(np.exp(2 * m + V[:, :, 0]) * np.expm1(V[:, :, 0]) / S)  # of an average of log-normal draws
    received = la.predict(X_new, "mc", n_samples=S, rng=0)
    assert np.all(np.abs(received - np.exp(m + V[:, :, 0] / 2)) < 5 * error)


def test_with_a_closed_form_its_predictions_are_the_times_moments():
    la = fitted(FullWaiting())
    prediction = la.predict(X[:3])
    assert isinstance(prediction, Prediction)
    m, V = la.glm_predictive_distribution(X[:3])
    z, w = roots_hermitenorm(60)  # the average over f of any smooth function
    mean_of_y = np.exp(m + np.sqrt(V[:, :, 0]) * z)  # (N, 60)
    mean, second = mean_of_y @ w / w.sum(), 2 * mean_of_y**2 @ w / w.sum()  # of an exponential's y and y^2
    np.testing.assert_allclose(prediction.mean[:, 0], mean, rtol=1e-12)
    np.testing.assert_allclose(prediction.variance[:, 0], second - mean**2, rtol=1e-11)
    total, aleatoric, epistemic = la.uncertainty(X[:3])
    np.testing.assert_allclose(total, prediction.variance, rtol=1e-12)
    np.testing.assert_allclose(aleatoric[:, 0], second / 2, rtol=1e-11)
    np.testing.assert_allclose(aleatoric + epistemic, total, rtol=1e-12)


def test_what_it_has_no_link_for_is_said():
    la = fitted(Waiting())
    with pytest.raises(ValueError, match=r"^link_approx: expected one of 'mc', 'plugin', 'nn', received 'probit'"):
        la.predict(X, "probit")


def test_its_rivals_take_it_too():
    model = BayesianModel(MLP(2, 1), FullWaiting(), prior_precision=0.5)
    chains = hmc(model, X, Y, 300, n_chains=2, n_warmup=200, rng=0)
    mean = average(model, chains.truth(1.05), X[:5]).mean
    np.testing.assert_allclose(mean, fitted(FullWaiting(), hidden=()).predict(X[:5]).mean, rtol=0.1)
    tuned, theta = marglik_training(model, X, Y, rng=0)
    evidence = Laplace(tuned, theta).fit(X, Y).log_marginal_likelihood
    assert evidence() >= max(evidence(tuned.prior_precision * r) for r in (0.7, 1.4))


def test_a_file_cannot_name_it_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"^likelihood: expected one of Bernoulli, .* which a file can name, received"):
        fitted(Waiting()).save(tmp_path / "times.npz")
    assert list(tmp_path.iterdir()) == []


def test_its_uncertainty_without_a_noise_is_the_variance_of_the_mean():
    la = fitted(Waiting())
    total, aleatoric, epistemic = la.uncertainty(X[:4], n_samples=20_000, rng=0)
    m, V = la.glm_predictive_distribution(X[:4])
    np.testing.assert_allclose(epistemic, np.exp(2 * m + V[:, 0]) * np.expm1(V[:, 0]), rtol=0.15)  # a heavy tail's
    np.testing.assert_array_equal(aleatoric, np.zeros((4, 1)))
    np.testing.assert_array_equal(total, epistemic)


def test_held_out_data_asks_for_a_density_and_a_contour_for_classes():
    la = fitted(FullWaiting())
    rng = np.random.default_rng(1)
    new = rng.normal(size=(200, 2))
    y = rng.exponential(np.exp(0.5 + new[:, :1] - 0.3 * new[:, 1:] + 0.4 * rng.normal(size=(200, 1))))  # wider
    chosen = la.optimize_prior_precision("held_out", X=new, y=y).model.prior_precision
    assert 1e-6 < chosen < 1e6
    with pytest.raises(ValueError, match=r"^likelihood: expected one with class probabilities, a noise_variance, or"):
        fitted(Waiting()).optimize_prior_precision("held_out", X=X, y=Y)
    from minilaplace.plotting import plot_contour

    with pytest.raises(ValueError, match=r"^la: expected a classifier of two inputs, received MLP"):
        plot_contour(la, X, Y)


def test_classes_of_its_own_are_predicted_scored_and_uncertain_as_the_librarys():
    labels = (Y[:, 0] > 1.5).astype(int)
    model = BayesianModel(MLP(2, 1), Probit(), prior_precision=0.5)
    la = Laplace(model, fit_map(model, X, labels, rng=0)).fit(X, labels)
    assert is_mode(model, la.theta, X, labels)
    m, V = la.glm_predictive_distribution(X[:5])
    expected = ndtr(m[:, 0] / np.sqrt(1 + V[:, 0, 0]))
    S = 20_000
    assert np.all(np.abs(la.predict(X[:5], n_samples=S, rng=0) - expected) < 5 * 0.5 / np.sqrt(S))  # a deviation <= 1/2
    scores = Probit().log_score(expected, labels[:5])
    np.testing.assert_allclose(scores, np.log(np.where(labels[:5] == 1, expected, 1 - expected)), rtol=1e-14)
    p = ndtr(la.functional_samples(X[:5], 50, rng=1)[:, :, 0])  # (S, N)
    total, aleatoric, _ = la.uncertainty(X[:5], n_samples=50, rng=1)
    np.testing.assert_allclose(total, entr(p.mean(axis=0)) + entr(1 - p.mean(axis=0)), rtol=1e-10)
    np.testing.assert_allclose(aleatoric, (entr(p) + entr(1 - p)).mean(axis=0), rtol=1e-10)
