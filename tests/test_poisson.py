"""Counts: the MAP estimate is scikit-learn's, the predictive an integral over the log rate, and nothing overflows."""

import numpy as np
import pytest
from problems import Known, assert_close
from scipy import stats
from scipy.integrate import dblquad, quad
from scipy.special import gammaln, roots_hermitenorm
from sklearn.linear_model import PoissonRegressor

from minilaplace import MLP, BayesianModel, Laplace, Poisson, Prediction, average, fit_map, hmc
from minilaplace.model_average import exact_posterior
from minilaplace.predictive import exact, mc, plugin
from minilaplace.predictive.outputs import OutOfRangeError
from minilaplace.training import is_mode

RNG = np.random.default_rng(0)
N = 50
X = RNG.normal(size=(N, 2))
Y = RNG.poisson(np.exp(0.7 + X @ [0.8, -0.5]))  # (N,)
X_NEW = 1.5 * RNG.normal(size=(7, 2))


def fitted(y=Y, hidden=(3,), prior_precision=0.5, **options):
    model = BayesianModel(MLP(2, *hidden, 1 if y.ndim == 1 else y.shape[1]), Poisson(), prior_precision)
    return Laplace(model, fit_map(model, X, y, rng=0), **options).fit(X, y)


# --- the mode


@pytest.mark.parametrize("alpha", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_map_estimate_of_a_linear_model_is_scikit_learns(alpha, fit_intercept):
    # scikit-learn minimises the mean of exp(f) - y f plus alpha |w|^2 / 2, and leaves the intercept free: N times that
    # is our loss where the precision of w is N alpha and that of b is next to nothing, or, without it, huge.
    peer = PoissonRegressor(alpha=alpha, fit_intercept=fit_intercept, solver="newton-cholesky", tol=1e-12).fit(X, Y)
    in_b = 1e-12 if fit_intercept else 1e14
    model = BayesianModel(MLP(2, 1), Poisson(), prior_precision=[N * alpha, N * alpha, in_b])
    theta = fit_map(model, X, Y, rng=0)
    expected = np.append(peer.coef_, peer.intercept_)
    assert np.abs(model.gradient(expected, X, Y)[: 2 + fit_intercept]).max() < 1e-8  # scikit-learn's is a mode here
    # Our gradient may be 1e-6 of the loss, about 1e-4, and the curvature exceeds 50 in every direction.
    np.testing.assert_allclose(theta, expected, rtol=0, atol=2e-6)
    la = Laplace(model, expected).fit(X, Y)
    np.testing.assert_allclose(la.predict(X_NEW, "plugin").mean[:, 0], peer.predict(X_NEW), rtol=1e-12)


def test_training_from_rates_that_are_far_too_large_ends_at_the_mode_without_a_warning():
    model = BayesianModel(MLP(2, 1), Poisson(), 0.5)
    mode = fit_map(model, X, Y, theta0=np.zeros(3))
    start = np.array([60.0, 30.0, 180.0])
    assert (X @ start[:2] + start[2]).max() > 300  # log rates
    far = fit_map(model, X, Y, theta0=start)
    assert is_mode(model, far, X, Y)
    np.testing.assert_allclose(far, mode, rtol=0, atol=2e-5)
    with pytest.raises(ValueError, match="theta0: expected one that leads to a loss within the range of float64"):
        fit_map(model, X, Y, theta0=[0.0, 0.0, 1000.0])


def test_loss_and_gradient_of_a_rate_of_infinity_or_0_do_not_warn():
    model = BayesianModel(MLP(2, 1), Poisson(), 0.5)
    with np.errstate(over="raise", under="raise"):
        assert model.loss(np.array([0.0, 0.0, 1000.0]), X, Y) == np.inf
        np.testing.assert_array_equal(Poisson().mean(np.array([[-1000.0, 1000.0]])), [[0, np.inf]])
    with pytest.raises(ValueError, match="range of float64"):
        Laplace(model, [0.0, 0.0, 1000.0]).fit(X, Y)


def test_several_counts_are_independent_regressions_of_a_single_layer():
    y = np.column_stack([Y, RNG.poisson(2, size=N)])
    together, each = fitted(y, hidden=()), [fitted(column, hidden=()) for column in y.T]
    theta = np.concatenate([la.theta[:2] for la in each] + [la.theta[2:] for la in each])
    np.testing.assert_allclose(together.theta, theta, rtol=0, atol=1e-5)
    together = Laplace(together.model, theta).fit(X, y)
    evidence = sum(la.log_marginal_likelihood() for la in each)
    assert together.log_marginal_likelihood() == pytest.approx(evidence, rel=1e-12)
    for received, *expected in zip(together.predict(X_NEW), *(la.predict(X_NEW) for la in each), strict=True):
        assert_close(received, np.hstack(expected))


def test_counts_may_be_a_column():
    np.testing.assert_array_equal(fitted(Y).theta, fitted(Y[:, None]).theta)


# --- predictions


def test_the_counts_moments_are_those_of_the_integral_over_the_log_rate():
    la = fitted()
    prediction = la.predict(X_NEW)
    assert isinstance(prediction, Prediction)
    m, V = la.glm_predictive_distribution(X_NEW)
    z, w = roots_hermitenorm(80)  # exact for exp(2 f) to rounding, as the deviations are below 2
    assert V.max() < 4
    rate = np.exp(m + np.sqrt(V[:, :, 0]) * z)  # (N, 80)
    first, second = rate @ w / w.sum(), (rate**2 + rate) @ w / w.sum()  # of a Poisson's y and y^2
    np.testing.assert_allclose(prediction.mean[:, 0], first, rtol=1e-12)
    np.testing.assert_allclose(prediction.variance[:, 0], second - first**2, rtol=1e-10)
    total, aleatoric, epistemic = la.uncertainty(X_NEW)
    np.testing.assert_array_equal(total, prediction.variance)
    np.testing.assert_array_equal(aleatoric, prediction.mean)  # the noise of a count is its rate
    np.testing.assert_allclose(epistemic[:, 0], (rate**2) @ w / w.sum() - first**2, rtol=1e-10)


def test_the_links_are_exact_plugin_and_samples():
    la = fitted()
    m, _ = la.glm_predictive_distribution(X_NEW)
    as_if_certain = la.predict(X_NEW, "plugin")
    np.testing.assert_array_equal(as_if_certain.mean, np.exp(m))
    np.testing.assert_array_equal(as_if_certain.variance, np.exp(m))
    assert not np.shares_memory(*as_if_certain)
    S, near = 40_000, 0.3 * X_NEW
    exactly, sampled = la.predict(near), la.predict(near, "mc", n_samples=S, rng=0)
    of_rate = exactly.variance - exactly.mean
    assert np.all(np.abs(sampled.mean - exactly.mean) < 5 * np.sqrt(of_rate / S))
    np.testing.assert_allclose(sampled.variance, exactly.variance, rtol=0.02)  # where tails are light
    np.testing.assert_array_equal(
        average(la.model, la.sample(9, rng=1), X_NEW), la.predict(X_NEW, "nn", n_samples=9, rng=1)
    )
    for link, why in [
        ("probit", "needs no approximation: 'exact'"),
        ("quadrature", "there are no class probabilities"),
    ]:
        with pytest.raises(ValueError, match=rf"^link_approx: expected one of 'exact', .*, received '{link}': .*{why}"):
            la.predict(X_NEW, link)


@pytest.mark.parametrize("link", ["exact", "plugin", "mc", "nn"])
def test_predictions_beyond_float64_are_refused_by_the_place_of_the_input(link):
    la = fitted(hidden=())
    far = np.vstack([X_NEW[:2], 1e4 * np.array([[0.8, -0.5]])])
    with pytest.raises(OutOfRangeError, match=r"^X: expected inputs at which .* received one where .* at index 2"):
        la.predict(far, link, rng=0)


# --- the probability of a count


def by_quad(y, m, v):
    """Return P(y) of a count whose log rate is N(m, v), by SciPy's adaptive quadrature."""

    def integrand(f):
        return np.exp(y * f - np.exp(f) - gammaln(y + 1)) * stats.norm.pdf(f, m, np.sqrt(v))

    peak = np.log(y + 0.5)
    points = sorted({m, peak, m - 5 * np.sqrt(v), m + 5 * np.sqrt(v), peak - 1, peak + 1})
    ends = m - 12 * np.sqrt(v) - 3, max(m + 12 * np.sqrt(v), peak) + 3
    return quad(integrand, *ends, points=points, epsabs=0, epsrel=1e-12, limit=400)[0]


@pytest.mark.parametrize("v", [1e-4, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("m", [-4.0, 0.0, 3.0])
def test_the_log_score_of_the_exact_link_is_the_log_of_the_integral(m, v):
    f = Known(np.array([[m]]), np.array([[[v]]]))
    for y in (0, 1, 4, 30):
        expected = np.log(by_quad(y, m, v))
        # v is had back from variance - mean, which loses the digits that the mean is larger than it.
        lost = np.exp(-m) / v * np.finfo(float).eps
        received = Poisson().log_score(exact(Poisson(), f), [[y]])
        np.testing.assert_allclose(received, [expected], rtol=1e-10 + 100 * lost)


@pytest.mark.parametrize("v", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("y", [1000, 3000, 10_000])
def test_the_log_score_of_a_large_count_is_the_log_of_the_integral(y, v):
    # The integrand is a peak of width 1 / sqrt(y), of which 9 widths to each side leave out 1e-18.
    f = Known(np.array([[8.0]]), np.array([[[v]]]))

    def integrand(t):
        log_rate = np.log(y) + t
        return np.exp(y * t - y * np.expm1(t)) * stats.norm.pdf(log_rate, 8.0, np.sqrt(v))

    end = 9 / np.sqrt(y)
    integral = quad(integrand, -end, end, points=[0], epsabs=0, epsrel=1e-12, limit=400)[0]
    expected = stats.poisson.logpmf(y, y) + np.log(integral)
    received = Poisson().log_score(exact(Poisson(), f), [[y]])
    np.testing.assert_allclose(received, [expected], rtol=0, atol=1e-10)


def test_the_log_score_of_the_plugin_is_a_poissons():
    m, y = RNG.normal(scale=2, size=(40, 2)), RNG.poisson(3, size=(40, 2))
    prediction = plugin(Poisson(), Known(m, np.zeros((40, 2, 2))))
    expected = stats.poisson.logpmf(y, np.exp(m)).sum(axis=1)
    np.testing.assert_allclose(Poisson().log_score(prediction, y), expected, rtol=1e-12)


@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.3), (2.0, 2.5), (2.0, 30.0), (20.0, 400.0)])
def test_its_probabilities_add_up_to_one_and_have_the_moments(mean, variance):
    y = np.arange(200_000)[:, None]
    p = np.exp(Poisson().log_score(Prediction(np.full(y.shape, mean), np.full(y.shape, variance)), y))
    assert p.sum() == pytest.approx(1, abs=1e-8)
    assert p @ y[:, 0] == pytest.approx(mean, rel=1e-6)
    assert p @ (y[:, 0] - mean) ** 2 == pytest.approx(variance, rel=1e-3)  # a heavy tail's, of which some is cut off


def test_the_log_score_is_finite_or_minus_infinity_at_extremes():
    tiny, huge = np.finfo(float).tiny, 1e150
    mean = np.array([[0.0], [tiny], [1e-200], [huge], [1e6], [1.0], [0.0]])
    variance = np.array([[0.0], [tiny], [1e-200], [huge**2], [1e6], [1e300], [1.0]])
    for y in (0, 3, 10**6):
        score = Poisson().log_score(Prediction(mean, variance), np.full((7, 1), y))
        assert not np.isnan(score).any()
        assert np.all(score <= 0)
    np.testing.assert_allclose(Poisson().log_score(Prediction(mean[:3], variance[:3]), np.zeros((3, 1))), 0, atol=1e-9)


def test_held_out_counts_choose_the_prior_that_makes_them_most_probable():
    model = BayesianModel(MLP(2, 3, 1), Poisson(), 0.5)
    la = Laplace(model, fit_map(model, X[:20], Y[:20], rng=0)).fit(X[:20], Y[:20])
    rng = np.random.default_rng(2)
    new = rng.normal(size=(60, 2))
    y = rng.poisson(np.exp(model.network.forward(la.theta, new)[:, 0] + rng.normal(size=60)))  # less sure than la is
    chosen = la.optimize_prior_precision("held_out", X=new, y=y).model.prior_precision

    def score(prior_precision):
        m, V = la.under(prior_precision).glm_predictive_distribution(new)
        return sum(np.log(by_quad(*one)) for one in zip(y, m[:, 0], V[:, 0, 0], strict=True))

    assert 1e-6 < chosen < 1e6
    best = score(chosen)
    assert all(best >= score(r * chosen) for r in (0.3, 0.8, 1.25, 3.0))


# --- the evidence, and the integral itself


def test_the_exact_posterior_is_the_integral_and_laplace_is_near_it():
    x, y, delta = X[:12, :1], Y[:12], 0.5
    model = BayesianModel(MLP(1, 1), Poisson(), delta)
    posterior = exact_posterior(model, x, y)
    theta = fit_map(model, x, y)
    least, root = model.loss(theta, x, y), np.sqrt(np.diag(posterior.covariance()))

    def integral(of):
        def integrand(b, w):
            return of(w, b) * np.exp(least - model.loss(np.array([w, b]), x, y))

        (low_w, low_b), (high_w, high_b) = posterior.mean - 9 * root, posterior.mean + 9 * root
        return dblquad(integrand, low_w, high_w, low_b, high_b, epsabs=1e-9, epsrel=1e-9)[0]

    total = integral(lambda w, b: 1.0)
    evidence = np.log(total) - least + np.log(delta / (2 * np.pi))
    assert posterior.log_marginal_likelihood == pytest.approx(evidence, abs=1e-7)
    first = integral(lambda w, b: np.exp(1.5 * w + b)) / total
    second = integral(lambda w, b: np.exp(2 * (1.5 * w + b))) / total
    mean, variance = posterior.predict([[1.5]])
    np.testing.assert_allclose(mean, [[first]], rtol=1e-6)
    np.testing.assert_allclose(variance, [[first + second - first**2]], rtol=1e-5)
    la = Laplace(model, theta).fit(x, y)
    assert la.log_marginal_likelihood() == pytest.approx(evidence, abs=0.05)
    np.testing.assert_allclose(la.predict([[1.5]]).mean, mean, rtol=0.1)


def test_leaving_a_sample_out_is_nearly_training_without_it():
    la = fitted(hidden=(), prior_precision=2.0)
    received = la.leave_one_out(X, Y)
    for n in np.argsort(Y)[[0, 10, 25, 40]]:  # not the largest counts, which move theta by more than one Newton step
        others = np.arange(N) != n
        theta = fit_map(la.model, X[others], Y[others], theta0=la.theta)
        refit = Laplace(la.model, theta).fit(X[others], Y[others]).predict(X[[n]])
        np.testing.assert_allclose(received.mean[n], refit.mean[0], rtol=0.01)
        np.testing.assert_allclose(received.variance[n], refit.variance[0], rtol=0.03)


def test_a_count_tells_by_its_fisher_information_the_rate():
    la = fitted()
    m, V = la.glm_predictive_distribution(X_NEW)
    expected = 0.5 * np.log1p(np.exp(m[:, 0]) * V[:, 0, 0])
    np.testing.assert_allclose(la.information_gain(X_NEW), expected, rtol=1e-12)


def test_hmc_samples_it_too():
    model = BayesianModel(MLP(2, 1), Poisson(), 0.5)
    chains = hmc(model, X, Y, 500, n_chains=2, n_warmup=300, rng=0)
    truth = average(model, chains.truth(1.05), X_NEW)
    la = Laplace(model, fit_map(model, X, Y, rng=0)).fit(X, Y)
    np.testing.assert_allclose(truth.mean, la.predict(X_NEW).mean, rtol=0.1)


def test_there_is_no_noise_to_set():
    la = fitted()
    with pytest.raises(ValueError, match=r"^sigma_noise: expected None for Poisson, which has no such noise"):
        la.log_marginal_likelihood(sigma_noise=0.5)
    with pytest.raises(ValueError, match=r"^optimize_noise: expected False but for a Gaussian likelihood"):
        la.optimize_prior_precision(optimize_noise=True)


@pytest.mark.parametrize("y", [[1, 2, -1], [0.5, 1, 2], [np.inf, 1, 2], [1, 2]])
def test_what_is_no_count_is_refused_before_any_work(y):
    la = fitted()
    before = la.posterior
    with pytest.raises(ValueError, match=r"^y: expected "):
        la.fit(X[:3], y)
    assert la.posterior is before


def test_what_is_no_count_is_named_by_its_place_in_what_was_given():
    with pytest.raises(ValueError, match=r"^y: expected counts, .*, received -1 at index 1$"):
        fitted().fit(X[:3], [1, -1, 2])
    with pytest.raises(ValueError, match=r"^y: expected counts, .*, received 0\.5 at index \(2, 0\)$"):
        fitted().fit(X[:3], [[1], [2], [0.5]])


def test_the_mean_of_sampled_rates_is_theirs():
    assert mc(Poisson(), Sampled()).mean == 1.5


class Sampled:
    """Outputs of which there are two samples, with the rates 1 and 2."""

    def linear_samples(self):
        return np.log([[[1.0]], [[2.0]]])
