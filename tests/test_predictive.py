"""The links average the likelihood's mean over Gaussian outputs as well as they say.

The oracle for one logit is the integral E[sigmoid(m + s z)], z ~ N(0, 1), by SciPy's adaptive quadrature in pieces
around the sigmoid's step: another rule, in another variable, than the two that `quadrature` switches between.
"""

import math
import tracemalloc
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import Known
from scipy.integrate import quad
from scipy.stats import norm

from minilaplace import MLP, Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian, Prediction
from minilaplace.network.subset import select
from minilaplace.posterior.gaussian import FullPosterior
from minilaplace.predictive.links import (
    LINKS,
    NARROW,
    bridge,
    exact,
    plugin,
    probit,
    quadrature,
    sample_average,
)
from minilaplace.predictive.outputs import LinearisedNetwork, OutOfRangeError, Outputs, finite, in_batches
from minilaplace.structures.kronecker import EigenPosterior

MEANS = [0.0, 0.3, -1.0, 3.0, -10.0, 30.0, -50.0]
JUST_BELOW, JUST_ABOVE = NARROW - 1e-9, NARROW + 1e-9  # quadrature changes its rule at s = NARROW
DEVIATIONS = [0.0, 1e-3, 0.1, 0.5, JUST_BELOW, NARROW, JUST_ABOVE, 1.0, 1.0001, 1.1, 2.0, 10.0, 100.0, 1e3]

means = st.floats(-50, 50)
deviations = st.one_of(st.floats(0, 2), st.floats(0, 1e3))


def logits(m, s):
    """Return Known one-logit outputs N(m, s^2), m and s broadcast to vectors."""
    m, s = np.broadcast_arrays(np.atleast_1d(m).astype(float), s)
    return Known(m[:, None], s[:, None, None] ** 2)


def one(link, m, s):
    """Return what a link makes of the one logit N(m, s^2)."""
    (p,) = link(Bernoulli(), logits(m, s))
    return p


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def expected_sigmoid(m, s):
    """Return E[sigmoid(m + s z)] to about 1e-13."""
    if s == 0:
        return sigmoid(m)
    end = 10.0  # the Gaussian beyond holds 2e-23
    step = [(-m + width) / s for width in (-40, -15, -6, -2, 0, 2, 6, 15, 40)]  # the sigmoid's
    # Rounded, so that two of them are one or lie apart: between neighbours in the last digit SciPy warns.
    edges = sorted({-end, end, *range(-8, 9, 2), *(round(z, 6) for z in step if abs(z) < end)})
    total = 0.0
    for a, b in pairwise(edges):
        piece, error = quad(
            lambda z: sigmoid(m + s * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi), a, b, epsabs=1e-14, epsrel=0
        )
        assert error <= 1e-14
        total += piece
    return total


@pytest.mark.parametrize("s", DEVIATIONS)
@pytest.mark.parametrize("m", MEANS)
def test_quadrature_is_the_integral_to_1e_12(m, s):
    assert abs(one(quadrature, m, s) - expected_sigmoid(m, s)) <= 1e-12


@given(means, deviations)
def test_quadrature_is_the_integral_anywhere(m, s):
    assert abs(one(quadrature, m, s) - expected_sigmoid(m, s)) <= 1e-12


@given(means)
def test_quadrature_does_not_jump_where_it_changes_its_rule(m):
    # dp/ds = s E[sigmoid''(f)] is below .1 at s = .9, so 2e-9 in s moves p by less than 2e-10.
    assert abs(one(quadrature, m, JUST_BELOW) - one(quadrature, m, JUST_ABOVE)) <= 2e-10


def expected_in_25_digits(m, s):
    """Return E[sigmoid(f)], f ~ N(m, s^2), by mpmath: Gauss-Legendre in pieces around the integrand's peak and f = 0.

    The peak, where sigmoid(-f) = (f - m) / s^2, is found by bisection; in the variable z = (f - peak) / s the integrand
    falls at least as fast as a Gaussian.
    """
    with mp.workdps(25):
        m, s = mp.mpf(float(m)), mp.mpf(float(s))
        low, high = m, m + s * s
        for _ in range(60):  # near enough: nothing but where the pieces lie depends on it
            peak = (low + high) / 2
            low, high = (peak, high) if 1 / (1 + mp.exp(peak)) > (peak - m) / s**2 else (low, peak)
        step = [(-peak + width) / s for width in (-60, -30, -12, -4, 0, 4, 12, 30, 60)]

        def integrand(z):
            return mp.npdf(z + (peak - m) / s) / (1 + mp.exp(-(peak + s * z)))

        edges = sorted({*map(mp.mpf, range(-12, 13, 3)), *(z for z in step if abs(z) < 12)})
        largest = integrand(0)
        return largest * mp.quad(lambda z: integrand(z) / largest, edges)


@pytest.mark.parametrize("s", [1e-3, 0.1, 0.5, JUST_BELOW, 0.95, 1.0, 1.0001, 1.5, 3.0, 10.0, 26.0, 40.0, 200.0, 1e3])
def test_quadrature_keeps_the_relative_accuracy_of_the_least_probabilities(s):
    # Down to the end of the range of float64, where the logit that is left is -s^2 / 2 and beyond.
    m = np.unique([-700.0, -300.0, -60.0, -5.0, -1.0, 0.0, 2.0, 700.0, *(m for m in (-s * s, -s * s / 2) if m > -700)])
    expected = [expected_in_25_digits(m_n, s) for m_n in m]
    for p, truth in zip(quadrature(Bernoulli(), logits(m, s)), expected, strict=True):
        assert truth > 1e-306
        assert abs(mp.mpf(float(p)) / truth - 1) <= 1e-12


def test_quadrature_of_a_logit_far_below_is_the_closed_form():
    # Where the sigmoid is exp(f) all over the Gaussian, its average is exp(m + s^2 / 2): 1.4e-26 for m = -60 and s = 1.
    s = np.array([0.5, 1.0, 1.0001, 2.0, 5.0])
    np.testing.assert_allclose(quadrature(Bernoulli(), logits(-60.0, s)), np.exp(-60 + s**2 / 2), rtol=1e-9)
    assert one(quadrature, -60.0, 1.0001) == pytest.approx(1.44384e-26, rel=1e-4)


@pytest.mark.parametrize("s", DEVIATIONS)
def test_quadrature_rises_with_the_mean(s):
    # Up to rounding, a few eps of 1; the steps of .05 are strict rises wherever p is not all but 0 or 1.
    m = np.linspace(-50, 50, 2001)
    p = quadrature(Bernoulli(), logits(m, s))
    assert np.all(np.diff(p) >= -4 * np.finfo(float).eps)
    inner = (p[:-1] > 1e-9) & (p[:-1] < 1 - 1e-9)
    assert np.all(np.diff(p)[inner] > 0)


@given(means, deviations)
def test_quadrature_gives_the_mirrored_logit_the_other_probability(m, s):
    assert abs(one(quadrature, -m, s) - (1 - one(quadrature, m, s))) <= 1e-14


@given(means, deviations)
def test_quadrature_is_a_probability(m, s):
    assert -1e-15 <= one(quadrature, m, s) <= 1 + 1e-15


@given(means)
def test_without_variance_every_one_logit_link_is_the_plugin(m):
    assert one(probit, m, 0.0) == one(plugin, m, 0.0)
    assert abs(one(quadrature, m, 0.0) - one(plugin, m, 0.0)) <= 1e-15


@given(means, deviations)
def test_plugin_does_not_see_the_variance(m, s):
    assert one(plugin, m, s) == pytest.approx(sigmoid(m), rel=1e-15, abs=0)


@given(means, deviations)
def test_probit_is_mackays_formula(m, s):
    assert one(probit, m, s) == pytest.approx(sigmoid(m / math.sqrt(1 + math.pi * s * s / 8)), rel=1e-13, abs=0)


@given(means, deviations)
def test_probit_stays_between_the_plugin_and_one_half(m, s):
    low, high = sorted([one(plugin, m, s), 0.5])
    assert low <= one(probit, m, s) <= high


# As s grows with m / s = x fixed, the average tends to Phi(x) and probit to sigmoid(sqrt(8 / pi) x). The largest
# difference of the two over x, .01767 at x = +-1.74, is probit's worst case: smaller variances do better.
WORST_PROBIT = 0.0177


def test_probit_is_off_by_no_more_than_its_worst_case_on_a_grid():
    m = np.linspace(0, 50, 501)  # of -m both give the other probability
    s = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 121)])
    f = logits(*map(np.ravel, np.meshgrid(m, s)))
    error = np.abs(probit(Bernoulli(), f) - quadrature(Bernoulli(), f))
    assert 0.0170 < error.max() < WORST_PROBIT


@given(means, deviations)
def test_probit_is_off_by_no_more_than_its_worst_case_anywhere(m, s):
    assert abs(one(probit, m, s) - expected_sigmoid(m, s)) < WORST_PROBIT


def random_covariances(N, C, rng):
    A = rng.normal(size=(N, C, C))
    return A @ A.transpose(0, 2, 1)


@pytest.mark.parametrize("C", [2, 3, 5])
def test_multiclass_probit_is_the_softmax_of_each_logit_over_its_own_spread(C):
    rng = np.random.default_rng(0)
    f = Known(3 * rng.normal(size=(6, C)), 4 * random_covariances(6, C, rng))
    for p_n, m_n, V_n in zip(probit(Categorical(), f), f.mean, f.V, strict=True):
        powers = [math.exp(m_n[c] / math.sqrt(1 + math.pi * V_n[c, c] / 8)) for c in range(C)]
        np.testing.assert_allclose(p_n, np.array(powers) / sum(powers), rtol=1e-13)


@pytest.mark.parametrize("N", [1, 2, 3, 301])  # BLAS adds up few rows in another order than many
@pytest.mark.parametrize("s", [NARROW, 2.0])
def test_quadrature_is_never_above_1_though_its_weights_round(s, N):
    assert quadrature(Bernoulli(), logits(np.linspace(60, 30, N), s)).max() <= 1


@pytest.mark.parametrize("link", [plugin, probit, bridge, LINKS["bridge_norm"]])
@given(st.integers(0, 2**32 - 1), st.floats(0, 1e3))
def test_class_probabilities_sum_to_one(link, seed, scale):
    rng = np.random.default_rng(seed)
    p = link(Categorical(), Known(50 * rng.normal(size=(4, 3)), scale * random_covariances(4, 3, rng)))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=4 * np.finfo(float).eps)
    assert p.min() >= 0


@pytest.mark.parametrize("C", [1, 3])
def test_gaussian_variance_is_that_of_the_outputs_plus_the_noise_and_plugins_the_noise_alone(C):
    rng = np.random.default_rng(1)
    f = Known(rng.normal(size=(5, C)), random_covariances(5, C, rng))
    averaged, certain = exact(Gaussian(0.7), f), plugin(Gaussian(0.7), f)
    assert isinstance(averaged, Prediction)
    assert isinstance(certain, Prediction)
    np.testing.assert_array_equal(averaged.mean, f.mean)
    np.testing.assert_array_equal(certain.mean, f.mean)
    expected = [[V_n[c, c] + 0.49 for c in range(C)] for V_n in f.V]
    np.testing.assert_allclose(averaged.variance, expected, rtol=1e-15)
    np.testing.assert_allclose(certain.variance, np.full((5, C), 0.49), rtol=1e-15)


@pytest.mark.parametrize("S", [2, 5])
def test_an_average_of_regressions_adds_their_spread_to_their_noise(S):
    f = np.random.default_rng(3).normal(size=(S, 4, 2))  # means, and logarithms of variances
    mean, variance = sample_average(HeteroscedasticGaussian(), iter(f))
    np.testing.assert_allclose(mean, f[:, :, :1].mean(axis=0), rtol=1e-13)
    expected = f[:, :, :1].var(axis=0, ddof=1) + np.exp(f[:, :, 1:]).mean(axis=0)
    np.testing.assert_allclose(variance, expected, rtol=1e-13)


def test_the_log_score_of_a_regression_is_its_log_density():
    rng = np.random.default_rng(2)
    y, mean, variance = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), rng.uniform(0.1, 3, size=(5, 2))
    expected = norm(mean, np.sqrt(variance)).logpdf(y).sum(axis=1)
    np.testing.assert_allclose(Gaussian().log_score(Prediction(mean, variance), y), expected, rtol=1e-14)


def test_the_log_score_of_classes_is_the_log_of_what_the_label_was_given_and_is_finite():
    eps = np.finfo(float).eps
    p, y = np.array([0.8, 0.3, 0.0, 1.0, 0.0]), np.array([1, 0, 1, 1, 0])
    expected = np.log([0.8, 0.7, eps, 1 - eps, 1 - eps])
    np.testing.assert_allclose(Bernoulli().log_score(p, y), expected, rtol=1e-15)
    np.testing.assert_array_equal(Categorical().log_score(np.stack([1 - p, p], axis=1), y), Bernoulli().log_score(p, y))


def test_the_log_score_of_several_labels_is_the_sum_of_their_own():
    rng = np.random.default_rng(0)
    p, y = rng.uniform(size=(5, 3)), rng.integers(0, 2, size=(5, 3))
    expected = sum(Bernoulli().log_score(p[:, c], y[:, c]) for c in range(3))
    np.testing.assert_allclose(Bernoulli().log_score(p, y), expected, rtol=1e-14)


def test_outputs_of_a_linear_network_have_the_moments_of_a_linear_map():
    # f = w x + b with (w, b) ~ N((2, -1), S): mean 2 x - 1, variance S_ww x^2 + 2 S_wb x + S_bb.
    S = np.array([[0.5, -0.2], [-0.2, 0.3]])
    x = np.array([-3.0, 0.0, 0.4, 10.0])
    theta = np.array([2.0, -1.0])
    network = MLP(1, 1)
    posterior = FullPosterior(theta, np.linalg.inv(S))
    f = LinearisedNetwork(network, theta, posterior, select(network, "all"))(x[:, None])
    np.testing.assert_allclose(f.mean[:, 0], 2 * x - 1, rtol=1e-15)
    np.testing.assert_allclose(f.variance()[:, 0], 0.5 * x**2 - 0.4 * x + 0.3, rtol=1e-13)
    np.testing.assert_array_equal(f.covariance()[:, :, 0], f.variance())


SUBSETS = {"all": ("all",), "last layer": ("last_layer",), "some": ("subnetwork", [2, 20, 9])}


@pytest.mark.parametrize("chosen", SUBSETS)
def test_outputs_have_the_moments_and_samples_of_the_jacobian_in_what_is_uncertain(chosen):
    network, rng = MLP(2, 4, 3), np.random.default_rng(0)
    subset, theta, X = select(network, *SUBSETS[chosen]), rng.normal(size=network.n_params), rng.normal(size=(5, 2))
    root = rng.normal(size=(len(subset), len(subset))) + 2 * np.eye(len(subset))
    linearised = LinearisedNetwork(network, theta, FullPosterior(theta[subset.indices], root @ root.T), subset)
    thetas = theta + rng.normal(size=(6, network.n_params))
    f, J = linearised(X, thetas), network.jacobian(theta, X)[:, :, subset.indices]
    V = np.einsum("ncp,pq,mdq->ncmd", J, np.linalg.inv(root @ root.T), J)
    of_one = np.einsum("ncnd->ncd", V)
    of_all, of_each = rng.normal(size=(2, 3)), rng.normal(size=(5, 2, 3))
    near = {"rtol": 0, "atol": 1e-11 * V.max()}
    np.testing.assert_allclose(f.covariance(), of_one, **near)
    np.testing.assert_allclose(f.variance(), np.einsum("ncc->nc", of_one), **near)
    np.testing.assert_allclose(f.covariance(of_all), of_all @ of_one @ of_all.T, **near)
    np.testing.assert_allclose(f.covariance(of_each), of_each @ of_one @ of_each.transpose(0, 2, 1), **near)
    np.testing.assert_allclose(np.einsum("ncr,mdr->ncmd", f.root(), f.root()), V, **near)
    of_both = np.einsum("nkc,ncmd,mld->nkml", of_each, V, of_each)
    np.testing.assert_allclose(np.einsum("nkr,mlr->nkml", f.root(of_each), f.root(of_each)), of_both, **near)
    moved = network.forward(theta, X) + np.einsum("ncp,sp->snc", J, (thetas - theta)[:, subset.indices])
    np.testing.assert_allclose(f.linear_samples(), moved, rtol=0, atol=1e-13 * np.abs(moved).max())
    np.testing.assert_array_equal(list(f.network_samples()), [network.forward(each, X) for each in thetas])


def memory_of_an_input(ask, X):
    """Return by how many numbers the memory that a question takes grows with every input."""
    peaks = []
    for inputs in (X[: len(X) // 2], X):
        tracemalloc.start()
        try:
            ask(inputs)
            peaks.append(tracemalloc.get_traced_memory()[1] / X.itemsize)
        finally:
            tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (len(X) // 2)


@pytest.mark.parametrize("kind", ["full", "eigen"])
@pytest.mark.parametrize(("sizes", "n_samples"), [((20, 30, 1), 0), ((1, 30), 0), ((8, 30, 2), 300)], ids=str)
def test_an_input_takes_about_as_much_memory_as_is_said(kind, sizes, n_samples, monkeypatch):
    network, rng, N = MLP(*sizes), np.random.default_rng(0), 1000
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", N * 30)  # for one sample of all inputs' 30 units
    theta, P = network.init(rng), network.n_params
    posterior = FullPosterior(theta, np.eye(P)) if kind == "full" else EigenPosterior(theta, np.ones(P))
    linearised = LinearisedNetwork(network, theta, posterior, select(network, "all"))
    X, thetas = rng.normal(size=(2 * N, sizes[0])), rng.normal(size=(n_samples, P))
    answer = Outputs.linear_samples if n_samples else Outputs.covariance
    peak, said = memory_of_an_input(lambda some: answer(linearised(some, thetas)), X), linearised.floats_each(n_samples)
    assert peak / 3 < said < 3 * peak
    assert linearised.floats_each() == linearised.floats_each(0)
    if not n_samples:
        peak = memory_of_an_input(lambda some: linearised(some).root(), X[::10])
        assert peak / 3 < linearised.floats_of_root < 3 * peak


def test_questions_in_batches_have_one_answer_and_each_batch_as_many_numbers_as_there_is_room_for(monkeypatch):
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 12)
    X, sizes = np.arange(20.0)[:, None], []
    asked = lambda some: sizes.append(len(some)) or (some, some**2)  # noqa: E731
    for room, most in ((None, 4), (30, 10), (5, 4)):  # of three numbers each
        sizes.clear()
        kinds = [asked, lambda some: Prediction(*asked(some))]
        for kind, function in zip((tuple, Prediction), kinds, strict=True):
            answer = in_batches(function, X, 3) if room is None else in_batches(function, X, 3, room)
            assert type(answer) is kind
            np.testing.assert_array_equal(answer[0], X)
            np.testing.assert_array_equal(answer[1], X**2)
        assert set(sizes) == {most}
    np.testing.assert_array_equal(in_batches(np.cos, X, 3), np.cos(X))


def test_an_answer_beyond_the_range_is_refused_by_its_input_without_a_warning():
    X = np.array([[1.0], [2.0], [800.0], [900.0]])
    expected = "^X: expected inputs at which predictions and their variances are within the range of float64"
    for function in (np.exp, lambda some: (some, np.exp(some))):
        with np.errstate(all="raise"), pytest.raises(OutOfRangeError, match=f"{expected}.*are not, at index 2: scale"):
            in_batches(function, X, 1)
    bad = np.array([[[0.0, 1.0]], [[0.0, np.nan]], [[np.inf, 0.0]]])
    with pytest.raises(OutOfRangeError, match=f"{expected}.* at index 1:"):
        finite(bad)
    with pytest.raises(OutOfRangeError, match=r"^X_other: .* at index 11:"):
        finite(bad, "X_other", start=10)
    np.testing.assert_array_equal(finite(bad[:1]), bad[:1])


def test_the_standard_deviation_of_a_prediction_is_scipys():
    mean, variance = np.arange(6.0).reshape(3, 2), np.linspace(0.5, 3, 6).reshape(3, 2)
    prediction = Prediction(mean, variance)
    np.testing.assert_allclose(prediction.std, norm(mean, variance**0.5).std(), rtol=1e-15)
    assert len(prediction) == 2  # it is still unpacked into mean and variance


def test_a_prediction_is_printed_by_its_moments_in_short():
    prediction = Prediction(np.full((9, 1), 0.5), np.array([[0.25], [1.0]]))
    assert repr(prediction) == "Prediction(mean=(9, 1) of 0.5, variance=(2, 1) from 0.25 to 1.0)"
