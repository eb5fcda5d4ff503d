"""Predictions of training samples as if each had not been seen.

The oracles are refits: in closed form for linear models with Gaussian noise, by training without the sample otherwise;
the formulas of Rasmussen and Williams (2006) for one output; and dense algebra, a precision from which what sample n
adds is subtracted, for everything else.
"""

import mpmath as mp
import numpy as np
import pytest
from problems import Known, OnlySlices, assert_close, random_problem

import minilaplace.network.jacobian
import minilaplace.predictive.left_out
from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
)
from minilaplace.calibration import negative_log_likelihood
from minilaplace.predictive import LINKS, exact

EXACT = pytest.mark.parametrize("structure", ["full", "gp"])


def others(n, N):
    return np.arange(N) != n


def rows_of(X, C):
    """Return d f / d theta of a linear network with C outputs, (N, C, P)."""
    return np.array([np.hstack([np.kron(np.eye(C), x), np.eye(C)]) for x in X])


def regression(J, y, precision, mean, sigma, offset=0.0):
    """Return mean and covariance of theta given y_n ~ N(offset_n + J_n theta, diag sigma^2)."""
    weighted = J / np.square(sigma)[:, None]
    Lambda = precision + np.einsum("ncp,ncq->pq", weighted, J)
    covariance = np.linalg.inv(Lambda)
    return covariance @ (precision @ mean + np.einsum("ncp,nc->p", weighted, y - offset)), covariance


def refitted(J, y, precision, mean, sigma, offset=0.0):
    """Return mean and variance of every y_n given the others, (N, C) each."""
    N, C = y.shape
    offset = np.broadcast_to(offset, (N, C))
    found = np.empty((2, N, C))
    for n in range(N):
        k = others(n, N)
        theta, covariance = regression(J[k], y[k], precision, mean, sigma, offset[k])
        found[:, n] = offset[n] + J[n] @ theta, np.diag(J[n] @ covariance @ J[n].T) + np.square(sigma)
    return found


def prior_of(kind, P, rng):
    """Return a prior precision of this kind, and as a matrix."""
    if kind == "matrix":
        A = rng.normal(size=(P, P))
        return (A @ A.T / P + 0.2 * np.eye(P),) * 2
    prior = 0.3 if kind == "scalar" else rng.uniform(0.1, 2, size=P)
    return prior, np.eye(P) * prior


@EXACT
@pytest.mark.parametrize("sigma", [0.4, (0.3, 0.8)])
@pytest.mark.parametrize("prior", ["scalar", "vector", "matrix"])
def test_of_a_linear_gaussian_model_it_is_n_refits(prior, sigma, structure):
    rng, C, P = np.random.default_rng(0), 2, 8
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, C))
    given, precision = prior_of(prior, P, rng)
    mean = rng.normal(size=P)
    model = BayesianModel(MLP(3, C), Gaussian(sigma), given, mean)
    J, sigmas = rows_of(X, C), np.broadcast_to(sigma, C)
    theta, _ = regression(J, y, precision, mean, sigmas)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    # 1e-9 is what is asked for; the refits solve systems of condition 100 or less, and lose three digits.
    assert_close(np.array(la.leave_one_out(X, y)), refitted(J, y, precision, mean, sigmas), rtol=1e-12)


@EXACT
@pytest.mark.parametrize("prior", ["scalar", "matrix"])
def test_of_the_last_layer_of_a_fixed_network_it_is_n_refits(prior, structure):
    rng, C = np.random.default_rng(1), 2
    network, sigmas = MLP(3, 4, C), np.array([0.3, 0.8])
    X, y, theta = rng.normal(size=(12, 3)), rng.normal(size=(12, C)), rng.normal(size=network.n_params)
    given, precision = prior_of(prior, network.n_params, rng)
    last = np.arange(16, network.n_params)
    model = BayesianModel(network, Gaussian(tuple(sigmas)), given)
    J = rows_of(np.tanh(X @ theta[:12].reshape(4, 3).T + theta[12:16]), C)
    # The prior of the last layer given the first, by the formula for conditionals of a Gaussian.
    precision, first = precision[np.ix_(last, last)], precision[np.ix_(last, np.arange(16))]
    mean = -np.linalg.solve(precision, first @ theta[:16])
    theta[last], _ = regression(J, y, precision, mean, sigmas)
    la = Laplace(model, theta, hessian_structure=structure, subset_of_weights="last_layer").fit(X, y)
    assert_close(np.array(la.leave_one_out(X, y)), refitted(J, y, precision, mean, sigmas), rtol=1e-12)


@EXACT
@pytest.mark.parametrize("temperature", [0.2, 7.0])
def test_at_any_temperature_it_is_n_refits_at_this_temperature(temperature, structure):
    # A likelihood to the power of 1 / T is that of T times the noise variance, but for its own noise in a prediction.
    rng = np.random.default_rng(2)
    X, y, sigma = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), np.array([0.3, 0.8])
    tempered, J, precision = np.sqrt(temperature) * sigma, rows_of(X, 2), 0.3 * np.eye(8)
    theta, _ = regression(J, y, precision, np.zeros(8), tempered)
    model = BayesianModel(MLP(3, 2), Gaussian(tuple(sigma)), 0.3)
    la = Laplace(model, theta, temperature=temperature, hessian_structure=structure).fit(X, y)
    mean, variance = refitted(J, y, precision, np.zeros(8), tempered)
    expected = np.array([mean, variance - tempered**2 + sigma**2])
    assert_close(np.array(la.leave_one_out(X, y)), expected)
    again = Laplace(model, theta, hessian_structure=structure).fit(X, y).under(temperature=temperature)
    assert_close(np.array(again.leave_one_out(X, y)), expected)


@EXACT
def test_a_noise_and_a_prior_exchanged_after_the_fit_are_those_of_the_refits(structure):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    J, precision = rows_of(X, 2), 0.3 * np.eye(8)
    theta, _ = regression(J, y, precision, np.zeros(8), np.array([0.5, 0.5]))
    before = Laplace(BayesianModel(MLP(3, 2), Gaussian(2.0), 5.0), theta, hessian_structure=structure).fit(X, y)
    la = before.under(0.3, sigma_noise=0.5)
    expected = refitted(J, y, precision, np.zeros(8), np.array([0.5, 0.5]))
    assert_close(np.array(la.leave_one_out(X, y)), expected)


@EXACT
def test_a_sample_is_left_out_with_all_its_weight(structure):
    # Weights divide the noise variances of a regression; a weight of 0 is a sample that the fit has not seen anyway.
    rng = np.random.default_rng(8)
    X, y, weight = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), np.array([2, 0.5, 0, 1, 3, 1, 0.1, 0, 4])
    J, precision, sigma, found = rows_of(X, 2), 0.3 * np.eye(8), np.array([0.5, 0.5]), np.empty((2, 9, 2))
    root = np.sqrt(weight)[:, None]
    theta, _ = regression(root[:, :, None] * J, root * y, precision, np.zeros(8), sigma)
    for n in range(9):
        k = others(n, 9)
        of_others, covariance = regression(root[k, :, None] * J[k], root[k] * y[k], precision, np.zeros(8), sigma)
        found[:, n] = J[n] @ of_others, np.diag(J[n] @ covariance @ J[n].T) + 0.25
    la = Laplace(BayesianModel(MLP(3, 2), Gaussian(0.5), 0.3), theta, hessian_structure=structure)
    la.fit(X, y, sample_weight=weight)
    assert_close(np.array(la.leave_one_out(X, y, sample_weight=weight)), found)
    with pytest.raises(ValueError, match=r"X: expected the data of the fit, whose weights .* 11.6, received 9 samples"):
        la.leave_one_out(X, y)
    with pytest.raises(ValueError, match="X: expected the data of the fit, whose summed"):
        la.leave_one_out(X, y, sample_weight=weight[::-1])


# --- the book's formulas


@EXACT
def test_of_one_logit_it_is_the_books_cavity_with_laplaces_sites(structure):
    # Rasmussen and Williams (2006), section 3.6: s_-^2 = 1 / (1/s^2 - 1/s~^2), m_- = s_-^2 (m/s^2 - m~/s~^2), with the
    # sites 1/s~^2 = W = -d^2 log p / d f^2 and W m~ = W f + d log p / d f of Laplace's approximation, section 3.4.
    model, theta, X, y = random_problem("bernoulli", (3,), n_samples=12)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    f, V = la.glm_predictive_distribution(X)
    f, v, p = f[:, 0], V[:, 0, 0], 1 / (1 + np.exp(-f[:, 0]))
    W, slope = p * (1 - p), y - p
    v_cavity = 1 / (1 / v - W)
    m_cavity = v_cavity * (f / v - (W * f + slope))
    cavity = Known(m_cavity[:, None], v_cavity[:, None, None])
    for link in ("probit", "plugin", "quadrature"):
        assert_close(la.leave_one_out(X, y, link), LINKS[link](model.likelihood, cavity))


@EXACT
def test_of_a_regression_it_is_the_books_formula_in_function_space(structure):
    # Rasmussen and Williams (2006), equation 5.12, with K the covariance of the targets, noise included:
    # m_-n = y_n - [K^-1 y]_n / [K^-1]_nn, variance 1 / [K^-1]_nn.
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(10, 2)), rng.normal(size=10)
    K = (X @ X.T + 1) / 0.7 + 0.3**2 * np.eye(10)
    model = BayesianModel(MLP(2, 1), Gaussian(0.3), 0.7)
    theta, _ = regression(rows_of(X, 1), y[:, None], 0.7 * np.eye(3), np.zeros(3), np.array([0.3]))
    mean, variance = Laplace(model, theta, hessian_structure=structure).fit(X, y).leave_one_out(X, y)
    inverse = np.linalg.inv(K)
    assert_close(mean[:, 0], y - inverse @ y / np.diag(inverse), rtol=1e-10)  # K^-1 loses digits: its condition is 200
    assert_close(variance[:, 0], 1 / np.diag(inverse), rtol=1e-10)


# --- refits by training


CENTRES = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.5]])


def three_classes():
    y = np.repeat(np.arange(3), 20)
    return CENTRES[y] + 0.9 * np.random.default_rng(0).normal(size=(60, 2)), y


@pytest.mark.parametrize(("hidden", "prior"), [((), 0.1), ((5,), 0.3), ((5,), 1.0)])
def test_its_nll_is_within_5_percent_of_that_of_refits(hidden, prior):
    X, y = three_classes()
    model = BayesianModel(MLP(2, *hidden, 3), Categorical(), prior)
    starts = [fit_map(model, X, y, rng=seed) for seed in range(3)]
    theta = min(starts, key=lambda theta: model.loss(theta, X, y))
    la, p = Laplace(model, theta).fit(X, y), []
    for n in range(60):
        k = others(n, 60)
        p += [Laplace(model, fit_map(model, X[k], y[k], theta0=theta)).fit(X[k], y[k]).predict(X[n : n + 1], "probit")]
    refits = negative_log_likelihood(np.concatenate(p), y)
    received = negative_log_likelihood(la.leave_one_out(X, y, "probit"), y)
    assert abs(received / refits - 1) < 0.05
    seen = negative_log_likelihood(la.predict(X, "probit"), y)
    assert abs(received - refits) < 0.2 * (refits - seen)  # the test would not pass by predicting what has been seen


# --- dense algebra


def dense(la, X, y):
    """Return m_-n (N, C) and V_-n (N, C, C): J_n (Lambda - J_n^T Lambda_n J_n / T)^-1 J_n^T, and f_n + V_-n g_n / T."""
    model, T = la.model, la.options.temperature
    f = model.network.forward(la.theta, X)
    R = model.likelihood.factor(f)
    J, g = model.network.jacobian(la.theta, X)[:, :, la.subset.indices], model.likelihood.gradient(f, y)
    in_f = R.transpose(0, 2, 1) @ R if la.options.curvature == "ggn" else model.likelihood.hessian(f, y)
    V = [
        J_n @ np.linalg.solve(la.posterior.precision() - J_n.T @ L @ J_n / T, J_n.T)
        for J_n, L in zip(J, in_f, strict=True)
    ]
    return f + np.einsum("ncd,nd->nc", V, g) / T, np.array(V)


KINDS = {
    "bernoulli": (Bernoulli(), 1),
    "preferences": (BradleyTerry(), 1),
    "categorical": (Categorical(), 3),
    "gaussian": (Gaussian((1.2, 0.8)), 2),
    "heteroscedastic": (HeteroscedasticGaussian(), 2),
}


def fitted(kind, *, hidden=(4,), prior=0.5, **options):
    likelihood, C = KINDS[kind]
    rng, network = np.random.default_rng(5), MLP(2, *hidden, C)
    X = rng.normal(size=(14, 2, 2) if kind == "preferences" else (14, 2))
    y = rng.integers(0, max(2, C), size=14) if likelihood.is_classifier else rng.normal(size=(14, 2))
    y = y[:, :1] if kind == "heteroscedastic" else y
    theta = 0.5 * rng.normal(size=network.n_params)  # no mode: the algebra holds anywhere
    return Laplace(BayesianModel(network, likelihood, prior), theta, **options).fit(X, y), X, y


OPTIONS = {
    "full": {},
    "gp": {"hessian_structure": "gp"},
    "hessian": {"curvature": "hessian", "prior": 20.0},
    "last layer": {"subset_of_weights": "last_layer"},
    "subnetwork": {"subset_of_weights": "subnetwork", "subnetwork_indices": [0, 5, 13, 9]},
    "hot": {"temperature": 3.0},
    "diag": {"hessian_structure": "diag", "prior": 8.0},
    "blockdiag": {"hessian_structure": "blockdiag", "prior": 8.0},
    "lowrank": {"hessian_structure": "lowrank", "rank": 6, "prior": 8.0},
    "kron": {"hessian_structure": "kron", "prior": 8.0},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_link_is_that_of_the_dense_algebra(kind, options):
    if (kind, options) == ("preferences", "kron"):
        return
    la, X, y = fitted(kind, **OPTIONS[options])
    f = Known(*dense(la, X, y))
    for link in set(la.model.likelihood.links) - {"mc", "nn"}:
        of_link = exact if link == "probit" and not la.model.likelihood.is_classifier else LINKS[link]
        expected = np.array(of_link(la.model.likelihood, f))
        assert_close(np.array(la.leave_one_out(X, y, link)), expected, rtol=1e-11)


def test_a_hessian_with_negative_eigenvalues_in_f_is_left_out_too():
    # The Hessian of a predicted noise is indefinite where the residual is large, and more than the Fisher where not.
    la, X, y = fitted("heteroscedastic", **OPTIONS["hessian"])
    f = la.model.network.forward(la.theta, X)
    eigenvalues = np.linalg.eigvalsh(la.model.likelihood.hessian(f, y))
    assert eigenvalues.min() < -0.1
    mean, V = dense(la, X, y)
    expected = exact(la.model.likelihood, Known(mean, V))
    assert_close(np.array(la.leave_one_out(X, y)), np.array(expected), rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_the_outputs_average_to_its_moments(kind):
    la, X, y = fitted(kind)
    f, likelihood, S = Known(*dense(la, X, y)), la.model.likelihood, 20_000
    draws = np.random.default_rng(0).normal(size=(S, *f.mean.shape))
    means = [likelihood.mean(f.mean + np.einsum("ncd,nd->nc", np.linalg.cholesky(f.V), z)) for z in draws]
    received = la.leave_one_out(X, y, "mc", n_samples=S, rng=1)
    received = received if likelihood.is_classifier else received.mean
    error = np.sqrt(2) * np.std(means, axis=0) / np.sqrt(S)  # of a difference of two averages
    assert np.all(np.abs(received - np.mean(means, axis=0)) < 5 * error)


def test_samples_are_those_of_the_seed_whatever_the_batches(monkeypatch):
    la, X, y = fitted("categorical")
    whole = la.leave_one_out(X, y, "mc", n_samples=20, rng=3)
    np.testing.assert_array_equal(la.leave_one_out(X, y, "mc", n_samples=20, rng=np.random.default_rng(3)), whole)
    assert np.abs(la.leave_one_out(X, y, "mc", n_samples=20, rng=4) - whole).max() > 1e-3
    hundred = la.leave_one_out(X, y, "mc", n_samples=100, rng=3)  # by default
    np.testing.assert_array_equal(la.leave_one_out(X, y, "mc", rng=3), hundred)
    monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", 3000)
    la.posterior.room = 0
    assert_close(la.leave_one_out(X, y, "mc", n_samples=20, rng=3), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_samples_does_not_matter(kind):
    la, X, y = fitted(kind)
    order = np.random.default_rng(6).permutation(len(X))
    expected = np.array(la.leave_one_out(X, y))
    axis = 0 if la.model.likelihood.is_classifier else 1
    assert_close(np.array(la.leave_one_out(X[order], y[order])), np.take(expected, order, axis))


def test_batches_change_nothing(monkeypatch):
    la, X, y = fitted("categorical")
    whole = la.leave_one_out(X, y)
    monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", 3000)
    la.posterior.room = 0
    assert_close(la.leave_one_out(X, y), whole)


def test_inputs_on_a_disk_are_read_by_slices(tmp_path):
    la, X, y = fitted("categorical")
    stored = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    stored[:] = X
    la = Laplace(la.model, la.theta).fit(stored, y)
    assert_close(la.leave_one_out(stored, y), la.leave_one_out(np.array(stored, dtype=float), y))
    assert_close(la.leave_one_out(OnlySlices(stored), y), la.leave_one_out(stored, y))


# --- samples that alone determine an output


def in_60_digits(X, y, sigma, delta):
    """Return mean and variance of every y_n given the others, (N,) each, for one output and a prior precision delta."""
    with mp.workdps(60):
        rows = [[mp.mpf(float(x)) for x in (*X_n, 1.0)] for X_n in X]
        found = []
        for n, a in enumerate(rows):
            Phi = mp.matrix([row for k, row in enumerate(rows) if k != n])
            targets = mp.matrix([mp.mpf(float(y_k)) for k, y_k in enumerate(y) if k != n])
            Lambda = Phi.T * Phi + mp.mpf(sigma) ** 2 * mp.mpf(delta) * mp.eye(len(a))
            theta, of_a = mp.lu_solve(Lambda, Phi.T * targets), mp.lu_solve(Lambda, mp.matrix(a))
            found.append((mp.fdot(a, theta), mp.mpf(sigma) ** 2 * (1 + mp.fdot(a, of_a))))
        return np.array(found, dtype=float).T


def polynomial(degree, N, delta, structure):
    """Return Laplace for a polynomial that can pass through all N targets or nearly so, and its data."""
    x = np.linspace(-1, 1, N)
    X, y = np.polynomial.legendre.legvander(x, degree)[:, 1:], np.sin(3 * x)
    model = BayesianModel(MLP(degree, 1), Gaussian(0.2), delta)
    rows = np.vstack([rows_of(X, 1)[:, 0] / 0.2, np.sqrt(delta) * np.eye(degree + 1)])
    theta = np.linalg.lstsq(rows, np.concatenate([y / 0.2, np.zeros(degree + 1)]))[0]
    return Laplace(model, theta, hessian_structure=structure).fit(X, y), X, y


@EXACT
@pytest.mark.parametrize("delta", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize(("degree", "size"), [(9, 1e-11), (11, 1e-16)])
def test_under_a_weak_prior_no_digits_are_lost_beyond_those_of_the_share_of_others(degree, size, delta, structure):
    # Degree 11 passes through all 12 points. Without one of them only the prior bounds f there: its variance is about
    # 1 / delta, and of 1 - R V R^T, which is .04 / variance, rounding leaves eps * variance / .04.
    la, X, y = polynomial(degree, 12, delta, structure)
    mean, variance = in_60_digits(X, y, 0.2, delta)
    received = np.array(la.leave_one_out(X, y))[:, :, 0]
    allowed = size + 12 * np.finfo(float).eps * variance.max() / 0.2**2
    assert allowed < 1e-4
    np.testing.assert_allclose(received[1], variance, rtol=allowed)
    assert np.all(np.abs(received[0] - mean) < allowed * np.sqrt(variance))


@EXACT
def test_a_sample_that_leaves_no_digits_to_the_others_is_refused(structure):
    la, X, y = polynomial(11, 12, 1e-10, structure)
    with pytest.raises(ValueError, match=r"prior_precision: .* the sample at index 0 does, by all but"):
        la.leave_one_out(X, y)


def test_the_sample_that_leaves_no_digits_to_the_others_is_named():
    # The fourth sample alone has anything to say of the slope, under a prior that has nothing to say.
    X, y = np.array([[0.0], [0.0], [0.0], [1.0], [0.0]]), np.arange(5.0)
    model = BayesianModel(MLP(1, 1), Gaussian(0.2), 1e-13)
    la = Laplace(model, [0.0, 1.0], hessian_structure="gp").fit(X, y)
    with pytest.raises(ValueError, match=r"prior_precision: .* the sample at index 3 does, by all but"):
        la.leave_one_out(X, y)


def test_differences_of_logits_keep_their_digits_where_no_data_determines_the_sum():
    # The sum of the logits has the prior's variance, 1e9; the sample's share of it is exactly none.
    X, y = three_classes()
    weak, weaker = (BayesianModel(MLP(2, 3), Categorical(), delta) for delta in (1e-7, 1e-9))
    theta = fit_map(BayesianModel(MLP(2, 3), Categorical(), 1e-7), X, y, rng=0)
    p, q = (
        Laplace(model, theta, hessian_structure="gp").fit(X, y).leave_one_out(X, y, "bridge")
        for model in (weak, weaker)
    )
    # Differences have variances of about 1, which the prior changes by a share of 1e-7.
    np.testing.assert_allclose(p, q, rtol=1e-6)


# --- what is refused


def test_it_takes_the_data_of_the_fit_alone():
    la, X, y = fitted("categorical")
    with pytest.raises(ValueError, match=r"X: expected the data of the fit, whose weights .* 14, received 13 samples"):
        la.leave_one_out(X[1:], y[1:])
    for data in [(X + 1e-6, y), (X[::-1], y), (X, (y + 1) % 3)]:
        with pytest.raises(ValueError, match="X: expected the data of the fit, whose summed negative log-likelihood"):
            la.leave_one_out(*data)
    with pytest.raises(ValueError, match="expected a fit"):
        Laplace(la.model, la.theta).leave_one_out(X, y)


def test_weights_of_any_size_are_those_of_the_fit_in_any_order():
    # Sums of them in another order differ by more than one whole sample.
    la, X, y = fitted("categorical")
    weight = np.random.default_rng(0).uniform(1e17, 1e18, 14)
    la = Laplace(la.model.under(1e18), la.theta).fit(X, y, sample_weight=weight)
    orders = (np.random.default_rng(seed).permutation(14) for seed in range(100))
    order = next(order for order in orders if abs(weight[order].sum() - weight.sum()) > 1)
    minilaplace.predictive.left_out.check_seen(
        la._linearised,
        la.model.check_weighted(X[order], y[order], weight[order]),
        la.model.likelihood,
        la._fit.nll,
        la._fit.n_data,
    )


def test_rounding_is_that_of_all_data_also_where_the_last_batch_weighs_nothing(monkeypatch):
    la, X, y = fitted("categorical")
    weight = np.append(np.random.default_rng(0).uniform(0.5, 2, 13), 0.0)
    la = Laplace(la.model, la.theta).fit(X, y, sample_weight=weight)
    monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", 1)
    for seed in range(10):
        order = np.append(np.random.default_rng(seed).permutation(13), 13)
        la.leave_one_out(X[order], y[order], sample_weight=weight[order])


def test_data_of_little_weight_is_recognised_by_as_many_digits():
    la, X, y = fitted("categorical")
    weight = np.full(14, 1e-12)
    la = Laplace(la.model, la.theta).fit(X, y, sample_weight=weight)
    la.leave_one_out(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match="X: expected the data of the fit, whose summed negative log-likelihood"):
        la.leave_one_out(X + 1e-6, y, sample_weight=weight)


def test_whether_data_is_the_fits_is_asked_of_all_of_it_and_of_no_more_than_a_batch_at_a_time(monkeypatch):
    class Slices(OnlySlices):
        def __getitem__(self, which):
            read.append(which.stop - which.start)
            return super().__getitem__(which)

    read, rng = [], np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    la = Laplace(BayesianModel(MLP(2, 1), Bernoulli()), np.ones(3)).fit(X, y)
    monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", 100)
    other = y.copy()
    other[-1] = 1 - other[-1]
    for targets in (y, other):
        data = la.model.check_weighted(Slices(X), targets, None, stored=True)
        read.clear()
        check = (la._linearised, data, la.model.likelihood, la._fit.nll, la._fit.n_data)
        if targets is y:
            minilaplace.predictive.left_out.check_seen(*check)
        else:
            with pytest.raises(ValueError, match="X: expected the data of the fit, whose summed"):
                minilaplace.predictive.left_out.check_seen(*check)
        assert sum(read) >= 200
        assert max(read) < 50  # a sample takes three numbers and more


def test_data_added_in_shards_is_the_data_of_the_fit():
    la, X, y = fitted("categorical")
    shards = Laplace(la.model, la.theta).fit(X[:5], y[:5]).fit(X[5:], y[5:], override=False)
    assert_close(shards.leave_one_out(X, y), la.leave_one_out(X, y))


def test_a_regression_that_passes_through_its_targets_knows_its_data():
    # Residuals of 1e-8 have seven digits left after rounding, and so has their nll.
    rng = np.random.default_rng(7)
    X, theta = rng.normal(size=(9, 2)), rng.normal(size=3)
    y = X @ theta[:2] + theta[2] + 1e-8 * rng.normal(size=9)
    la = Laplace(BayesianModel(MLP(2, 1), Gaussian(1e-8)), theta).fit(X, y)
    order = rng.permutation(9)
    la.leave_one_out(X[order], y[order])


def test_links_and_curvatures_without_a_sample_to_leave_out_are_refused():
    la, X, y = fitted("categorical")
    with pytest.raises(ValueError, match=r"link_approx: .*, received 'nn', whose samples of theta"):
        la.leave_one_out(X, y, "nn")
    with pytest.raises(ValueError, match=r"link_approx: .*it is the average of one logit"):
        la.leave_one_out(X, y, "quadrature")
    la = Laplace(la.model, la.theta, curvature="empirical_fisher").fit(X, y)
    with pytest.raises(ValueError, match=r"curvature: expected 'ggn' or 'hessian' .* received 'empirical_fisher'"):
        la.leave_one_out(X, y)


@pytest.mark.parametrize("batch", [None, 1])
def test_a_structure_that_lacks_what_a_sample_adds_says_which_sample(batch, monkeypatch):
    # Under a diagonal curvature V_n forgets what the parameters have in common, and V_n Lambda_n may exceed 1.
    la, X, y = fitted("categorical", hessian_structure="diag", prior=0.01)
    R, (_, V) = la.model.likelihood.factor(la.model.network.forward(la.theta, X)), la.glm_predictive_distribution(X)
    largest = np.linalg.eigvalsh(R @ V @ R.transpose(0, 2, 1)).max(axis=1)
    order = np.argsort(largest)
    n = int((largest[order] > 1).argmax())
    assert 0 < n < 13
    if batch is not None:
        monkeypatch.setattr(minilaplace.network.jacobian, "BATCH_FLOATS", batch)
    value = f"is {largest[order][n]:.4g}, not below 1"
    with pytest.raises(ValueError, match=f"hessian_structure: expected 'full' or 'gp' .* index {n}: .* {value}"):
        la.leave_one_out(X[order], y[order])
