"""Weak and strong priors, little and much noise: right to the promised digits, or refused; never a wrong number.

The reference is 80 digits of mpmath, from the definitions (`extended.py`). A structure that adds prior and curvature up
keeps `DIGITS` digits or refuses; function space never adds them, and is held to nine digits everywhere.
"""

from functools import cache
from itertools import product

import mpmath as mp
import numpy as np
import pytest
from extended import Reference, eliminated, exact, fisher, forward, inverse, log_det, mean_field, rounded

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    toy_data_regression,
)
from minilaplace.curvature import ggn
from minilaplace.model_average.dropout import fit_dropout
from minilaplace.posterior import FullPosterior
from minilaplace.posterior.cholesky import DIGITS
from minilaplace.structures.low_rank import LowRankPosterior

PRIORS = (1e-8, 1e-4, 1.0, 1e4, 1e8)
NETWORKS = {"gaussian": MLP(1, 4, 1), "bernoulli": MLP(1, 4, 1), "categorical": MLP(2, 2, 3)}
SETTINGS = [("gaussian", noise, prior) for noise, prior in product((1e-6, 1e-2, 1.0, 1e3), PRIORS)]
SETTINGS += [(kind, None, prior) for kind, prior in product(("bernoulli", "categorical"), PRIORS[::2])]
REFUSED = "^the posterior precision has not 4 digits of what the prior adds to it"


@cache
def case(kind, noise, prior):
    """Return a small problem, inputs at and far from its data, and its reference."""
    network, rng = NETWORKS[kind], np.random.default_rng(0)
    theta = rng.normal(size=network.n_params)
    X = rng.uniform(-2, 2, size=(6, network.n_inputs))
    y = {"gaussian": np.sin(X[:, 0]), "bernoulli": X[:, 0] > 0, "categorical": np.arange(6) % 3}[kind]
    likelihood = {"gaussian": Gaussian(noise or 1.0), "bernoulli": Bernoulli(), "categorical": Categorical()}[kind]
    model = BayesianModel(network, likelihood, prior)
    X_new = np.vstack([X[:1], rng.uniform(-2, 2, size=(1, network.n_inputs)), np.full((1, network.n_inputs), 6.0)])
    return model, theta, X, y, X_new, Reference(model, theta, X, y)


def kept(structure, reference):
    """Return what a structure keeps of the GGN, in 80 digits."""
    network, H = reference.model.network, reference.ggn
    layer = np.repeat(np.arange(len(network.shapes)), [h * (i + 1) for h, i in network.shapes])
    if structure == "diag":
        return np.diag(np.diag(H))
    if structure == "blockdiag":
        return np.where(layer[:, None] == layer, H, mp.mpf(0))
    return kfac(reference) if structure == "kron" else H


def kfac(reference):
    """Return the blocks B (x) A and B of a network with one hidden tanh layer, in 80 digits."""
    network, X = reference.model.network, exact(reference.X)
    (W, b), (_, c) = network.layers(reference.theta)
    inputs = [X, np.vectorize(mp.tanh, otypes=[object])(X @ W.T + b)]
    f, J = forward(network, reference.theta, reference.X), reference.jacobian(reference.X)
    whole, start = exact(np.zeros((network.n_params,) * 2)), 0
    Lambda = [fisher(reference.model.likelihood, f_n) for f_n in f]
    for a, bias in zip(inputs, (b, c), strict=True):
        end = start + a.shape[1] * len(bias)
        D = J[:, :, end : end + len(bias)]  # d f / d z
        B = sum(D_n.T @ L_n @ D_n for D_n, L_n in zip(D, Lambda, strict=True))
        whole[start:end, start:end] = np.kron(B, a.T @ a / mp.mpf(len(a)))
        whole[end : end + len(bias), end : end + len(bias)] = B
        start = end + len(bias)
    return whole


def variances(posterior, network, theta, X):
    """Return the variances of f, by the routes for few and for many rows."""
    many = np.tile(X, (len(theta), 1))
    one_by_one = [posterior.functional_variance(network.trace(theta, x[None]).pull_back())[0] for x in X]
    return [np.array(one_by_one), posterior.functional_variance(network.trace(theta, many).pull_back())[: len(X)]]


@cache
def expected(structure, *setting):
    """Return what a structure keeps of the curvature; its covariance, log det, variances of f, and evidence."""
    *_, X_new, reference = case(*setting)
    H = kept(structure, reference)
    precision = H + reference.prior
    covariance, volume = inverse(precision), log_det(precision)
    V = np.array([np.diag(J_n @ covariance @ J_n.T) for J_n in reference.jacobian(X_new)])
    evidence = reference.log_joint() + (log_det(reference.prior) - volume) / 2
    return rounded(H), rounded(covariance), float(volume), rounded(V), float(evidence)


WHOLE = ("full", "lowrank", "gp")
ENDS = [setting for setting in SETTINGS if setting[1] in (1e-6, 1.0, None) and setting[2] in (1e-8, 1.0, 1e8)]


@pytest.mark.parametrize(
    ("structure", "setting"),
    [*product(WHOLE, SETTINGS), *product(("blockdiag", "diag", "kron"), ENDS)],
    ids=str,
)
def test_a_posterior_is_right_or_refused(structure, setting):
    model, theta, X, y, X_new, _ = case(*setting)
    rank = {"rank": len(theta)} if structure == "lowrank" else {}
    la = Laplace(model, theta, hessian_structure=structure, **rank).fit(X, y)
    rtol = 1e-9 if structure in ("gp", "diag") else 10.0**-DIGITS
    H, covariance, volume, V, evidence = expected("full" if structure in WHOLE else structure, *setting)
    try:
        posterior = la.posterior
    except np.linalg.LinAlgError as error:
        assert error.args[0].startswith(REFUSED[1:])  # noqa: PT017
        assert structure not in ("gp", "diag")
        assert np.diag(H).max() / setting[2] > 1e10  # what has ten digits less than the curvature keeps four of them
        with pytest.raises(np.linalg.LinAlgError, match=REFUSED):
            la.log_marginal_likelihood()
        return
    for received in variances(posterior, model.network, theta, X_new):
        np.testing.assert_allclose(received, V, rtol=rtol)
    np.testing.assert_allclose(posterior.variance(), np.diag(covariance), rtol=rtol)
    np.testing.assert_allclose(posterior.covariance(), covariance, rtol=0, atol=rtol * np.abs(covariance).max())
    assert abs(posterior.log_det_precision - volume) <= rtol * len(theta) + 1e-13 * abs(volume)
    assert abs(la.log_marginal_likelihood() - evidence) <= rtol * len(theta) + 1e-13 * abs(evidence)


def test_most_settings_are_not_refused():
    def is_refused(setting):
        model, theta, X, y, *_ = case(*setting)
        try:
            _ = Laplace(model, theta).fit(X, y).posterior
        except np.linalg.LinAlgError:
            return True
        return False

    refused = {setting for setting in SETTINGS if is_refused(setting)}
    assert {setting[1:] for setting in refused} == {(1e-6, 1e-8), (1e-6, 1e-4), (1e-6, 1.0), (1e-2, 1e-8)}


@pytest.mark.parametrize("structure", ["full", "gp"])
@pytest.mark.parametrize(("kind", "noise", "prior"), SETTINGS[::2])
def test_a_prior_per_layer_has_the_same_accuracy(structure, kind, noise, prior):
    model, theta, X, y, _, _ = case(kind, noise, prior)
    model = BayesianModel(model.network, model.likelihood, [prior, 1.0])
    reference = Reference(model, theta, X, y)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    try:
        variance = la.posterior.variance()
    except np.linalg.LinAlgError:
        assert structure == "full"
        return
    rtol = 1e-9 if structure == "gp" else 10.0**-DIGITS
    np.testing.assert_allclose(variance, rounded(np.diag(reference.covariance)), rtol=rtol)
    evidence = float(reference.log_evidence())
    assert abs(la.log_marginal_likelihood() - evidence) <= rtol * len(theta) + 1e-13 * abs(evidence)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("graded", ["rows", "parameters"])
def test_rows_and_parameters_of_any_sizes_keep_nine_digits_in_function_space(graded, seed):
    # As of samples of very different weights, or inputs in very different units.
    rng = np.random.default_rng(seed)
    K, P = rng.integers(2, 12), rng.integers(3, 9)
    sizes = 10.0 ** rng.uniform(-5, 5, size=(K, 1) if graded == "rows" else P)
    rows, prior = rng.normal(size=(K, P)) * sizes, 10.0 ** rng.uniform(-8, 4, size=1) * rng.uniform(0.1, 1, size=P)
    found = LowRankPosterior(np.zeros(P), rows, prior)
    G = mp.matrix(rows.tolist())
    Lambda = G.T * G + mp.diag([mp.mpf(float(p)) for p in prior])
    Sigma, volume = Lambda**-1, mp.log(mp.det(Lambda))
    np.testing.assert_allclose(found.variance(), [float(Sigma[p, p]) for p in range(P)], rtol=1e-9)
    assert found.log_det_precision == pytest.approx(float(volume), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("noise", "prior"), [(0.03, 1e-2), (1.0, 1e-2), (1e3, 1e2)])
@pytest.mark.parametrize("n_samples", [9, 20])  # for 13 parameters
def test_function_space_keeps_its_digits_by_whichever_factor(n_samples, noise, prior):
    model, theta, *_ = case("gaussian", 1.0, 1.0)
    model = BayesianModel(model.network, Gaussian(noise), prior)
    X = np.random.default_rng(1).uniform(-2, 2, size=(n_samples, 1))
    y, X_new = np.sin(X[:, 0]), np.array([[0.5], [6.0]])
    reference = Reference(model, theta, X, y)
    la = Laplace(model, theta, hessian_structure="gp").fit(X, y)
    mild = (ggn(model, theta, X, y).diagonal() / prior).max() < 1e5
    assert mild == (noise > 0.1)
    assert isinstance(la.posterior, FullPosterior) == (mild and n_samples > 13)
    V = rounded(reference.functional_covariance(X_new))
    np.testing.assert_allclose(la.glm_predictive_distribution(X_new)[1], V, rtol=1e-9)
    np.testing.assert_allclose(la.posterior.variance(), rounded(np.diag(reference.covariance)), rtol=1e-9)
    evidence = float(reference.log_evidence())
    assert abs(la.log_marginal_likelihood() - evidence) <= 1e-9 * len(theta) + 1e-13 * abs(evidence)


def test_cholesky_does_not_depend_on_the_units_of_the_parameters():
    # Precisions from 1e-8 to 1e8 in one prior: a condition number of 1e16, but only because of the units.
    model, theta, X, y, _, _ = case("gaussian", 1.0, 1.0)
    model = BayesianModel(model.network, Gaussian(1e4), np.geomspace(1e-8, 1e8, len(theta)))
    la = Laplace(model, theta).fit(X, y)
    expected = rounded(np.diag(Reference(model, theta, X, y).covariance))
    np.testing.assert_allclose(la.posterior.variance(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("structure", "n_nonzero"), [("full", 1), ("lowrank", 1), ("blockdiag", 2), ("kron", 4), ("gp", 1)]
)
def test_eigenvalues_that_are_nothing_but_rounding_are_zero(structure, n_nonzero):
    # One sample of one output: a gradient's outer product, of rank 1, for each block. Tuning may look at priors that
    # are too weak for a posterior, and rounding of some 1e-9 in such a curvature would be all that it sees there.
    model, theta, X, y, *_ = case("gaussian", 1e-2, 1.0)
    rank = {"rank": len(theta)} if structure == "lowrank" else {}
    found = Laplace(model, theta, hessian_structure=structure, **rank).fit(X[:1], y[:1])._fit.structure
    assert np.count_nonzero(found.eigenvalues) == n_nonzero
    assert np.all(found.eigenvalues >= 0)
    volume, traces = found.log_det_and_traces(np.full(len(theta), 1e-12), 1.0, np.zeros(len(theta), dtype=int))
    np.testing.assert_allclose(traces, [1e12 * (len(theta) - n_nonzero)], rtol=1e-12)
    nonzero = found.eigenvalues[found.eigenvalues > 0]
    expected = np.log(nonzero).sum() + (len(theta) - n_nonzero) * np.log(1e-12)
    np.testing.assert_allclose(volume, expected, rtol=1e-12)


class Units:
    """A source of randomness whose draws are the unit vectors, so that samples are the columns of their factor."""

    def __init__(self, *sizes):
        self._units = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)

    def standard_normal(self, shape):
        units = self._units.pop(0)
        return units if units.shape == shape else units.T.reshape(shape)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("structure", "rtol"), [("full", 10.0**-DIGITS), ("gp", 1e-9), ("kron", 10.0**-DIGITS)])
def test_samples_have_the_covariance_to_these_digits(structure, rtol, prior):
    model, theta, X, y, *_ = case("gaussian", 1.0, prior)
    posterior = Laplace(model, theta, hessian_structure=structure).fit(X, y).posterior
    P = len(theta)
    sizes = (P, len(X)) if structure == "gp" else (P,)
    columns = posterior.deviations(sum(sizes), Units(*sizes))
    Sigma = expected("kron" if structure == "kron" else "full", "gaussian", 1.0, prior)[1]
    np.testing.assert_allclose(columns.T @ columns, Sigma, rtol=0, atol=rtol * np.abs(Sigma).max())


# --- links


def bridge(m, V):
    """Return the bridge's mean by its formula, in 80 digits."""
    C, one = len(m), exact(np.ones(len(m)))
    total = one @ V @ one
    m, v = m - V @ one * (one @ m) / total, np.diag(V - np.outer(V @ one, one @ V) / total)
    alpha = [
        (1 - mp.mpf(2) / C + mp.exp(g) * mp.fsum(mp.exp(-h) for h in m) / C**2) / u for g, u in zip(m, v, strict=True)
    ]
    return np.array(alpha) / mp.fsum(alpha)


@pytest.mark.parametrize("prior", PRIORS[::2])
@pytest.mark.parametrize("structure", ["full", "gp"])
def test_the_bridge_keeps_its_digits_where_the_sum_of_the_logits_is_unknown(structure, prior):
    model, theta, X, y, X_new, reference = case("categorical", None, prior)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    f, V = forward(model.network, theta, X_new), reference.functional_covariance(X_new)
    expected = rounded(np.array([bridge(m, S) for m, S in zip(f, V, strict=True)]))
    rtol = 1e-9 if structure == "gp" else 10.0**-DIGITS
    np.testing.assert_allclose(la.predict(X_new, "bridge"), expected, rtol=rtol)


@pytest.mark.parametrize("prior", PRIORS[::2])
@pytest.mark.parametrize("structure", ["full", "gp"])
def test_the_mean_field_keeps_its_digits_where_the_sum_of_the_logits_is_unknown(structure, prior):
    model, theta, X, y, X_new, reference = case("categorical", None, prior)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    f, V = forward(model.network, theta, X_new), reference.functional_covariance(X_new)
    expected = rounded(np.array([mean_field(m, S) for m, S in zip(f, V, strict=True)]))
    rtol = 1e-9 if structure == "gp" else 10.0**-DIGITS
    np.testing.assert_allclose(la.predict(X_new, "mean_field"), expected, rtol=rtol)


@pytest.mark.parametrize("prior", PRIORS)
def test_quadrature_keeps_its_digits(prior):
    model, theta, X, y, X_new, reference = case("bernoulli", None, prior)
    p = Laplace(model, theta, hessian_structure="gp").fit(X, y).predict(X_new, "quadrature")
    f, V = forward(model.network, theta, X_new)[:, 0], reference.functional_covariance(X_new)[:, 0, 0]
    with mp.workdps(16):
        for received, m, v in zip(p, f, V, strict=True):
            s = mp.sqrt(v)  # the step of the sigmoid is at z = -m / s, and 40 / s wide
            edges = sorted({-12, 12, *(z for z in ((-40 - m) / s, -m / s, (40 - m) / s) if abs(z) < 12)})
            average = mp.quad(lambda z, m=m, s=s: mp.npdf(z) / (1 + mp.exp(-m - s * z)), edges)
            np.testing.assert_allclose(received, float(average), rtol=1e-9)


# --- where single precision fails


def test_a_sine_whose_prior_single_precision_loses_has_its_digits():
    # 1-50-1, noise 0.1, prior 0.01: laplace-torch, in float32, answers NaN. The reference is function space, 80 digits.
    X, y = toy_data_regression(30, noise=0.1, rng=0)
    network = MLP(1, 50, 1)
    model = BayesianModel(network, Gaussian(0.1), 0.01)
    theta = 5 * network.init(0)  # weights as large as trained ones
    rows = (network.jacobian(theta, X)[:, 0] / 0.1).astype(np.float32)
    single = rows.T @ rows + np.float32(0.01) * np.eye(151, dtype=np.float32)
    assert np.linalg.eigvalsh(single).min() < 0.005  # by definition at least 0.01; how far below, BLAS decides

    X_new = np.array([[1.0], [4.0], [9.0]])
    (W, b), (w, _) = network.layers(exact(theta))
    x = exact(np.vstack([X, X_new]))
    a = np.vectorize(mp.tanh, otypes=[object])(x @ W.T + b)
    J = np.hstack([w * (1 - a**2) * x, w * (1 - a**2), a, exact(np.ones((len(x), 1)))])
    kernel, N = J @ J.T / mp.mpf(0.01), len(X)
    M = kernel.copy()
    M[:N, :N] += mp.mpf(0.1) ** 2 * exact(np.eye(N))
    left, pivots = eliminated(M, N)
    V = rounded(np.diag(left))
    volume = float(mp.fsum(mp.log(p / mp.mpf(0.1) ** 2) for p in pivots) + 151 * mp.log(mp.mpf(0.01)))
    for structure, rtol in [("full", 10.0**-DIGITS), ("gp", 1e-9)]:
        la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
        mean, variance = la.predict(X_new)
        assert np.isfinite(mean).all()
        np.testing.assert_allclose(variance[:, 0] - 0.01, V, rtol=rtol, atol=1e-16)
        np.testing.assert_allclose(la.posterior.log_det_precision, volume, rtol=rtol)


# --- beyond the range


HETERO = BayesianModel(MLP(1, 2), HeteroscedasticGaussian())
X2, Y2 = np.array([[0.0], [1.0]]), np.array([0.0, 1.0])
EXTREME = np.array([0.0, 0.0, 0.0, -800.0])  # a noise of exp(-400): its precision exceeds the largest float


def test_a_curvature_beyond_the_range_is_refused():
    with pytest.raises(
        ValueError, match=r"^theta: expected parameters at which loss and curvature of the data are with"
    ):
        ggn(HETERO, EXTREME, X2, Y2)
    la = Laplace(HETERO, np.zeros(4)).fit(X2, Y2)
    bad = Laplace(HETERO, EXTREME)
    with pytest.raises(ValueError, match=r"^theta: expected parameters at which"):
        bad.fit(X2, Y2)
    assert bad.n_data == 0
    assert la.n_data == 2


def test_a_start_of_infinite_loss_is_refused():
    with pytest.raises(ValueError, match=r"^theta0: expected one that leads to a loss within the range"):
        fit_map(HETERO, X2, Y2, theta0=EXTREME)
    with pytest.raises(ValueError, match=r"a loss of (inf|nan): scale X and y, or start nearer to 0$"):
        fit_map(HETERO, X2, Y2, theta0=EXTREME)


def test_steps_beyond_the_range_are_refused_by_name():
    with pytest.raises(ValueError, match=r"^learning_rate: expected one that leads to a loss"):
        fit_map(HETERO, X2, Y2, method="adam", learning_rate=1e4, epochs=3, rng=0)
    with pytest.raises(ValueError, match=r": take a smaller one$"):
        fit_map(HETERO, X2, Y2, method="adam", learning_rate=1e4, epochs=3, rng=0)

    with pytest.raises(ValueError, match=r"^learning_rate: expected one that leads to a loss"):
        fit_dropout(BayesianModel(MLP(1, 2, 2), HeteroscedasticGaussian()), X2, Y2, learning_rate=1e4, epochs=3, rng=0)


def test_dropout_refuses_a_start_of_infinite_loss_too():
    model = BayesianModel(MLP(1, 2, 2), HeteroscedasticGaussian())
    theta0 = np.zeros(model.network.n_params)
    theta0[-1] = -1e4  # a log variance whose precision is beyond float64
    with pytest.raises(ValueError, match=r"^theta0: .* a loss of (inf|nan): scale X and y, or start nearer to 0$"):
        fit_dropout(model, X2, Y2, theta0=theta0)


def test_a_predicted_noise_beyond_the_range_is_refused_by_row():
    la = Laplace(HETERO, np.zeros(4)).fit(X2, Y2)
    with pytest.raises(ValueError, match=r"^X: expected inputs at which predictions .* at index 1"):
        la.predict([[0.0], [1e3]])


def test_a_tiny_noise_with_a_large_uncertainty_is_not_zero_times_infinity():
    # E exp(s) = exp(m_s + V_ss / 2), where exp(m_s) = 0 and exp(V_ss / 2) = inf in double precision.
    class Spread:
        mean = np.array([[0.0, -800.0]])

        def variance(self):
            return np.array([[1.0, 1600.0]])

    from minilaplace.predictive.links import exact as exact_link

    np.testing.assert_allclose(exact_link(HeteroscedasticGaussian(), Spread()).variance, 2.0)


def test_an_nll_where_the_weight_vanishes_is_its_log_variance():
    f = np.array([[1.0, 1e4]])
    np.testing.assert_allclose(HeteroscedasticGaussian().nll(f, np.zeros((1, 1))), 5000 + 0.5 * np.log(2 * np.pi))


@pytest.mark.parametrize("structure", ["full", "gp"])
def test_where_there_is_a_posterior_there_is_an_evidence(structure):
    # Targets in thousands: the curvature's eigenvalues have too few digits beside the prior, its factor has enough.
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(30, 1))
    y = 3000 * np.sin(2 * X) + 5000 + 10 * rng.normal(size=(30, 1))
    model = BayesianModel(MLP(1, 5, 1), Gaussian(10.0), 1e-5)
    theta = rng.normal(size=16) * np.repeat([1.0, 2000.0], [10, 6])
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    if structure == "full":
        assert not la._fit.structure.is_resolved(model.prior_over(np.arange(16)), 1.0)
    expected = float(Reference(model, theta, X, y).log_evidence())
    assert la.log_marginal_likelihood() == pytest.approx(expected, rel=1e-9)
    assert la.log_marginal_likelihood(model.prior_precision) == pytest.approx(expected, rel=1e-9)
