"""The likelihoods are SciPy's densities, their derivatives are derivatives, and no logit is too large for them."""

from dataclasses import FrozenInstanceError
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import EPS, LIKELIHOODS, assert_close, assert_is_derivative, log_density, random_targets
from scipy import stats
from scipy.special import expit, softmax

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    Poisson,
    fit_map,
)
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.model.likelihood import every_class

METHODS = ["nll", "gradient", "hessian"]
SHAPES = [
    ("bernoulli", 1),
    *(("labels", C) for C in (2, 3)),
    *(("categorical", C) for C in (2, 3, 4)),
    *(("gaussian", C) for C in (1, 2, 3)),
    *(("poisson", C) for C in (1, 2)),
]


@pytest.fixture(params=SHAPES, ids=str)
def drawn(request):
    """Return a likelihood with random outputs f (6, C) and targets y."""
    name, C = request.param
    rng = np.random.default_rng(C)
    f = rng.normal(scale=2, size=(6, C))
    return LIKELIHOODS[name], f, random_targets(LIKELIHOODS[name], f, rng)


def enumeration(likelihood, f):
    """Return [(weight (N,), y)] that average every quadratic of y exactly as p(y | f) does.

    For a Gaussian these are the corners f +- sigma, equally likely: they have its mean and covariance. So have the
    corners r +- sqrt(r) of a Poisson with the rates r, which are no counts; no derivative asks for that.
    """
    N, C = f.shape
    if isinstance(likelihood, Gaussian | Poisson):
        mean, sd = (f, likelihood.sigma_noise) if isinstance(likelihood, Gaussian) else (np.exp(f), np.exp(f / 2))
        return [(np.full(N, 0.5**C), mean + sd * np.array(corner)) for corner in product([-1, 1], repeat=C)]
    if isinstance(likelihood, Bernoulli) and C > 1:
        corners = [np.tile(corner, (N, 1)) for corner in product([0, 1], repeat=C)]
        return [(np.where(y == 1, expit(f), expit(-f)).prod(axis=1), y) for y in corners]
    p = softmax(f, axis=1) if isinstance(likelihood, Categorical) else np.hstack([expit(-f), expit(f)])
    return [(p[:, c], np.full(N, c)) for c in range(p.shape[1])]


def test_nll_is_minus_scipys_log_density(drawn):
    likelihood, f, y = drawn
    assert_close(likelihood.nll(f, y), -log_density(likelihood, f, y), rtol=1e-14)


def test_gradient_and_hessian_are_derivatives(drawn):
    likelihood, f, y = drawn
    for n in range(len(f)):
        one = slice(n, n + 1)
        assert_is_derivative(likelihood.gradient(f, y)[n], lambda t, at=one: likelihood.nll(t[None], y[at])[0], f[n])
        assert_is_derivative(
            likelihood.hessian(f, y)[n], lambda t, at=one: likelihood.gradient(t[None], y[at])[0], f[n]
        )


def test_factor_squared_is_the_hessian(drawn):
    likelihood, f, y = drawn
    R = likelihood.factor(f)
    assert_close(np.einsum("nkc,nkd->ncd", R, R), likelihood.hessian(f, y), rtol=4 * EPS)


def test_gradient_has_mean_zero_and_the_hessian_as_its_covariance(drawn):
    likelihood, f, y = drawn
    draws = [(weight, likelihood.gradient(f, target)) for weight, target in enumeration(likelihood, f)]
    assert_close(sum(weight[:, None] * g for weight, g in draws), np.zeros_like(f), rtol=1e-14)
    fisher = sum(np.einsum("n,nc,nd->ncd", weight, g, g) for weight, g in draws)
    assert_close(fisher, likelihood.hessian(f, y), rtol=1e-14)


def test_mean_is_the_average_of_y(drawn):
    likelihood, f, _ = drawn
    one_hot = np.eye(f.shape[1]) if isinstance(likelihood, Categorical) else None
    average = sum((weight * (y if one_hot is None else one_hot[y]).T).T for weight, y in enumeration(likelihood, f))
    assert_close(likelihood.mean(f), average, rtol=1e-15)


def test_of_two_classes_each_has_what_the_other_leaves_of_1():
    p = np.random.default_rng(0).uniform(size=(4, 3))
    for of_one, axes in [(p[0], ()), (p, (2,))]:  # (N,), and samples of it, (S, N)
        received = every_class(of_one, *axes)
        assert received.shape == (*of_one.shape, 2)
        np.testing.assert_array_equal(received[..., 0], 1 - of_one)
        np.testing.assert_array_equal(received[..., 1], of_one)
    np.testing.assert_array_equal(every_class(p), p)


# f, y, nll, gradient, Lambda; 1 + e^-40 is 1 and e^-1e4 is 0, while e^-745 is 5e-324, TINY, or rounds to 0.
TINY = 5e-324
EXTREMES = [
    (Bernoulli(), [1e4], 0, 1e4, [1], [[0]]),
    (Bernoulli(), [1e4], 1, 0, [0], [[0]]),
    (Bernoulli(), [-1e4], 0, 0, [0], [[0]]),
    (Bernoulli(), [-1e4], 1, 1e4, [-1], [[0]]),
    (Bernoulli(), [40.0], 1, np.exp(-40), [-np.exp(-40)], [[np.exp(-40)]]),
    (Bernoulli(), [-40.0], 0, np.exp(-40), [np.exp(-40)], [[np.exp(-40)]]),
    (Bernoulli(), [745.0], 0, 745, [1], [[0]]),
    (Bernoulli(), [-745.0], 0, 0, [0], [[0]]),
    (Bernoulli(), [1e4, -1e4, 0], [0, 1, 1], 2e4 + np.log(2), [1, -1, -0.5], np.diag([0, 0, 0.25])),
    (Poisson(), [-1e4], 3, 3e4 + np.log(6), [-3], [[0]]),
    (Poisson(), [700.0], 0, np.exp(700), [np.exp(700)], [[np.exp(700)]]),
    (Poisson(), [1e4], 7, np.inf, [np.inf], [[np.inf]]),
    (Categorical(), [1e4, 0, -1e4], 0, 0, [0, 0, 0], np.zeros((3, 3))),
    (Categorical(), [1e4, 0, -1e4], 1, 1e4, [1, -1, 0], np.zeros((3, 3))),
    (Categorical(), [1e4, 0, -1e4], 2, 2e4, [1, 0, -1], np.zeros((3, 3))),
    (Categorical(), [1e4, 1e4, -745], 0, np.log(2), [-0.5, 0.5, 0], [[0.25, -0.25, 0], [-0.25, 0.25, 0], [0, 0, 0]]),
    (Categorical(), [745.0, 0], 1, 745, [1, -1], [[0, 0], [0, 0]]),
]


@pytest.mark.parametrize(("likelihood", "f", "y", "nll", "gradient", "hessian"), EXTREMES)
def test_extreme_logits_give_the_exact_numbers(likelihood, f, y, nll, gradient, hessian):
    for method, expected in zip(METHODS, (nll, gradient, hessian), strict=True):
        received = getattr(likelihood, method)(np.array([f]), np.array([y]))[0]
        np.testing.assert_allclose(received, expected, rtol=4 * EPS, atol=TINY)


@given(f=st.floats(-700, 700), y=st.integers(0, 1))
def test_bernoulli_is_categorical_on_logits_zero_and_f(f, y):
    one, two, y = np.array([[f]]), np.array([[0, f]]), np.array([y])
    # log softmax and p - 1 cancel for the class that is nearly sure, to the roundoff of 1 and no further; ...
    for method, of_f in [("nll", ...), ("gradient", (slice(None), slice(1, 2)))]:
        received, expected = (getattr(L, method)(x, y) for L, x in [(Bernoulli(), one), (Categorical(), two)])
        np.testing.assert_allclose(received, expected[of_f], rtol=4 * EPS, atol=2 * EPS)
    # ... the curvature keeps its relative accuracy down to e^-700, a handful of roundings.
    expected = Categorical().hessian(two, y)[:, 1:, 1:]
    np.testing.assert_allclose(Bernoulli().hessian(one, y), expected, rtol=16 * EPS)


@given(shift=st.integers(-1000, 1000), seed=st.integers(0, 2**32 - 1))
def test_categorical_does_not_see_a_shift(shift, seed):
    rng = np.random.default_rng(seed)
    f, y = rng.integers(-64, 64, size=(4, 3)) / 16, rng.integers(3, size=4)  # sixteenths: adding a shift is exact
    for method in METHODS:
        function = getattr(Categorical(), method)
        np.testing.assert_array_equal(function(f + shift, y), function(f, y))


WRONG_SHAPES = [
    (Bernoulli(), (4, 1), (4, 1)),
    (Bernoulli(), (4, 1), (1,)),
    (Bernoulli(), (4, 1), ()),
    (Bernoulli(), (1, 1), (4,)),
    (Bernoulli(), (4, 2), (4,)),
    (Bernoulli(), (4,), (4,)),
    (Bernoulli(), (4, 2), (4, 1)),
    (Bernoulli(), (4, 2), (1, 2)),
    (Bernoulli(), (4, 2), (2,)),
    (Bernoulli(), (1, 2), (4, 2)),
    (Poisson(), (4, 2), (4,)),
    (Poisson(), (4, 2), (1, 2)),
    (Poisson(), (1, 1), (4,)),
    (Categorical(), (4, 3), (4, 1)),
    (Categorical(), (4, 3), (4, 3)),
    (Categorical(), (4, 3), (1,)),
    (Categorical(), (4, 3), ()),
    (Categorical(), (1, 3), (4,)),
    (Gaussian(), (4, 2), (4,)),
    (Gaussian(), (4, 2), (2,)),
    (Gaussian(), (4, 2), (4, 1)),
    (Gaussian(), (4, 1), (4, 2)),
    (Gaussian(), (4, 2), (1, 2)),
    (Gaussian(), (4, 2), ()),
    (Gaussian(), (1, 1), (4,)),
    (Gaussian(), (4, 4), (4,)),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", WRONG_SHAPES, ids=str)
def test_shapes_never_broadcast(case, method):
    likelihood, f, y = case
    with pytest.raises(ValueError, match=r"^[fy]: expected shape \(.*\), received shape \(") as refused:
        getattr(likelihood, method)(np.zeros(f), np.zeros(y, dtype=int))
    received = {"f": f, "y": y}[str(refused.value)[0]]
    assert str(refused.value).endswith((f"received shape {received}", f"received shape {(*received, 1)}"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("likelihood", "C"), [(Bernoulli(), 1), (Bernoulli(), 2), (Categorical(), 3)])
@pytest.mark.parametrize("kind", [int, float])
def test_a_class_that_there_is_not_is_refused_by_every_method(likelihood, C, method, kind):
    n_classes = C if isinstance(likelihood, Categorical) else 2
    for label in (-1, n_classes):
        y = np.ones((4, C) if isinstance(likelihood, Bernoulli) and C > 1 else 4, dtype=kind)
        y[2] = label
        with pytest.raises(ValueError, match=rf"^y: expected .* labels 0..{n_classes - 1}, received {label} at index"):
            getattr(likelihood, method)(np.zeros((4, C)), y)


@pytest.mark.parametrize(("likelihood", "C"), [(Bernoulli(), 1), (Bernoulli(), 2), (Categorical(), 3)])
def test_no_samples_have_no_likelihood_and_no_derivatives(likelihood, C):
    y = np.zeros((0, C) if isinstance(likelihood, Bernoulli) and C > 1 else 0, dtype=np.intp)
    for method, shape in zip(METHODS, [(0,), (0, C), (0, C, C)], strict=True):
        assert getattr(likelihood, method)(np.zeros((0, C)), y).shape == shape


@pytest.mark.parametrize("kind", [bool, np.uint8, int, float])
@pytest.mark.parametrize(
    ("likelihood", "C", "y"), [(Bernoulli(), 1, [1, 1]), (Bernoulli(), 2, [[1, 0], [1, 1]]), (Categorical(), 2, [1, 1])]
)
def test_two_classes_may_be_bool_int_or_float(likelihood, C, y, kind):
    f, y = np.array([[0.5, -1.5], [2.0, 1.0]])[:, :C], np.array(y)
    y_checked = likelihood.check_targets(y.astype(kind), 2, C)
    for method in METHODS:
        expected = getattr(likelihood, method)(f, y)
        np.testing.assert_array_equal(getattr(likelihood, method)(f, y_checked), expected)
        np.testing.assert_array_equal(getattr(likelihood, method)(f, y.astype(kind)), expected)


def test_a_single_gaussian_output_takes_a_vector_of_targets():
    f, y = np.zeros((3, 1)), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(Gaussian().check_targets(y.tolist(), 3, 1), y[:, None])
    for method in METHODS:
        function = getattr(Gaussian(), method)
        np.testing.assert_array_equal(function(f, y), function(f, y[:, None]))


@pytest.mark.parametrize(
    ("likelihood", "C", "y", "error", "message"),
    [
        (Bernoulli(), 1, [[0], [1]], ValueError, r"y: expected shape \(2,\) of integer labels 0..1, .* shape \(2, 1\)"),
        (Bernoulli(), 1, [0, 1, 1], ValueError, r"y: expected shape \(2,\) of .*, received shape \(3,\)"),
        (Bernoulli(), 1, 1, ValueError, r"y: expected shape \(2,\) of .*, received shape \(\)"),
        (Bernoulli(), 2, [0, 1], ValueError, r"y: expected shape \(2, 2\), a label for each output"),
        (Bernoulli(), 1, [0, 2], ValueError, "y: .*, received 2 at index 1"),
        (Bernoulli(), 1, [0.5, 1], ValueError, "y: .*, received 0.5 at index 0"),
        (Bernoulli(), 1, [0, np.nan], ValueError, "y: .*, received nan at index 1"),
        (Bernoulli(), 1, ["a", "b"], TypeError, "y: expected real numbers, .* received dtype <U1"),
        (Categorical(), 3, [0, -1], ValueError, "y: expected .* labels 0..2, received -1 at index 1"),
        (Categorical(), 3, [3, 0], ValueError, "y: expected .* labels 0..2, received 3 at index 0"),
        (Categorical(), 2, np.eye(2), ValueError, r"y: .* labels 0..1, received shape \(2, 2\)"),
        (Gaussian(), 2, [0.0, 1.0], ValueError, r"y: expected shape \(2, 2\), received shape \(2,\)"),
        (Gaussian(), 1, [[0.0, 1.0]], ValueError, r"y: expected shape \(2, 1\) or \(2,\), received shape \(1, 2\)"),
        (Gaussian(), 1, [0.0, 1.0, 2.0], ValueError, r"y: expected .* or \(2,\), received shape \(3,\)"),
        (Gaussian(), 1, [0.0, np.inf], ValueError, r"y: expected finite numbers, received inf at index 1"),
        (Gaussian(), 1, [1j, 0], TypeError, "y: expected real numbers, .* received dtype complex128"),
        (Gaussian(), 1, [[0.0], [1.0, 2.0]], ValueError, "y: expected .* received rows of different lengths"),
    ],
)
def test_impossible_targets_are_named(likelihood, C, y, error, message):
    with pytest.raises(error, match=message):
        likelihood.check_targets(y, 2, C)


@pytest.mark.parametrize(
    ("likelihood", "outputs"),
    [(Bernoulli(), [1, 2, 3]), (BradleyTerry(), [1]), (Categorical(), [2, 3]), (Gaussian(), [1, 2, 3])],
)
def test_outputs_that_cannot_feed_a_likelihood_are_refused(likelihood, outputs):
    for n_outputs in (1, 2, 3):
        if n_outputs in outputs:
            likelihood.check_outputs(n_outputs)
        else:
            with pytest.raises(ValueError, match=f"network: expected .* for {type(likelihood).__name__}.*{n_outputs}"):
                likelihood.check_outputs(n_outputs)


@pytest.mark.parametrize(("sigma", "n_outputs"), [((1.0, 2.0), 1), ((1.0, 2.0), 3), ((1.0,), 2)])
def test_there_is_one_noise_or_one_for_each_output(sigma, n_outputs):
    Gaussian(sigma).check_outputs(len(sigma))
    with pytest.raises(ValueError, match=rf"^network: expected {len(sigma)} outputs, .*received {n_outputs} outputs"):
        Gaussian(sigma).check_outputs(n_outputs)


@pytest.mark.parametrize("sigma", [0, -1.0, np.nan, np.inf, "one", [1.0, -2.0], None])
def test_noise_that_is_not_a_positive_number_is_refused(sigma):
    with pytest.raises(
        (ValueError, TypeError), match=r"sigma_noise: expected .*a finite number greater than 0, received"
    ):
        Gaussian(sigma)


@pytest.mark.parametrize(
    "kind", [Bernoulli, BradleyTerry, Categorical, Gaussian, HeteroscedasticGaussian, Poisson], ids=lambda k: k.__name__
)
def test_likelihoods_are_frozen(kind):
    with pytest.raises(FrozenInstanceError):
        kind().sigma_noise = 2.0
    assert kind() == kind()


# --- a noise that the network predicts, a noise for each output, and preferences


def heteroscedastic(C=2):
    rng = np.random.default_rng(0)
    return HeteroscedasticGaussian(), rng.normal(size=(5, 2 * C)), rng.normal(size=(5, C))


def test_predicted_noise_has_scipys_density():
    likelihood, f, y = heteroscedastic()
    expected = -stats.norm.logpdf(y, f[:, :2], np.exp(f[:, 2:] / 2)).sum(axis=1)
    assert_close(likelihood.nll(f, y), expected)
    np.testing.assert_array_equal(likelihood.mean(f), f[:, :2])
    np.testing.assert_array_equal(likelihood.noise_variance(f), np.exp(f[:, 2:]))


@pytest.mark.parametrize("n", range(5))
def test_predicted_noise_has_the_derivatives_of_its_nll(n):
    likelihood, f, y = heteroscedastic()
    gradient = likelihood.gradient(f, y)[n]
    assert_is_derivative(gradient, lambda t: likelihood.nll(t[None], y[[n]])[0], f[n])
    assert_is_derivative(likelihood.hessian(f, y)[n], lambda t: likelihood.gradient(t[None], y[[n]])[0], f[n])


def test_the_expected_hessian_of_a_predicted_noise_is_its_factor_squared():
    # E over y ~ N(m, exp(s)) by Gauss-Hermite quadrature, exact for the quadratic that the Hessian is in y.
    likelihood, f, _ = heteroscedastic(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    expected = np.zeros((5, 2, 2))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        expected += weight * likelihood.hessian(f, f[:, :1] + np.exp(f[:, 1:] / 2) * node)
    R = likelihood.factor(f)
    assert_close(R.transpose(0, 2, 1) @ R, expected)


@pytest.mark.parametrize("likelihood", [Gaussian((0.3, 0.8)), Poisson(), HeteroscedasticGaussian()], ids=repr)
def test_moments_are_averages_over_gaussian_outputs(likelihood):
    # By Gauss-Hermite quadrature. No mean and no noise depends on two outputs, so all can move together.
    rng = np.random.default_rng(0)
    C = 4 if isinstance(likelihood, HeteroscedasticGaussian) else 2
    m, v = rng.normal(size=(6, C)), rng.uniform(0.1, 1, size=(6, C))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)

    def average(of_f):
        pairs = zip(nodes, weights / weights.sum(), strict=True)
        return sum(weight * of_f(m + np.sqrt(v) * node) for node, weight in pairs)

    mean, noise, spread = likelihood.moments(m, v)
    assert_close(mean, average(likelihood.mean))
    assert_close(noise, average(likelihood.noise_variance))
    assert_close(spread, average(lambda f: (likelihood.mean(f) - mean) ** 2))


def test_a_noise_for_each_output_is_that_of_independent_outputs():
    rng = np.random.default_rng(0)
    f, y, sigma = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), (0.3, 1.0, 2.5)
    likelihood = Gaussian(np.array(sigma))
    assert likelihood == Gaussian(sigma)
    parts = [Gaussian(s) for s in sigma]
    assert_close(likelihood.nll(f, y), sum(p.nll(f[:, [c]], y[:, [c]]) for c, p in enumerate(parts)))
    assert_close(likelihood.gradient(f, y), np.hstack([p.gradient(f[:, [c]], y[:, [c]]) for c, p in enumerate(parts)]))
    assert_close(likelihood.hessian(f, y), np.tile(np.diag(1 / np.square(sigma)), (4, 1, 1)))
    assert likelihood.log_normalizer(3) == pytest.approx(sum(p.log_normalizer(1) for p in parts), rel=1e-15)


@pytest.mark.parametrize("sigma", [0.5, (0.5,), (0.7, 2.0, 1e-3)])
@pytest.mark.parametrize("ratio", [4.0, 1 / 3, 1e-9])
def test_the_ratio_of_two_noises_is_the_number_that_one_is_of_the_other(sigma, ratio):
    before = Gaussian(sigma)
    after = before.with_noise(np.multiply(sigma, 1 / ratio))
    assert after == Gaussian(np.multiply(sigma, 1 / ratio))
    assert after.noise_ratio(before) == pytest.approx(ratio, rel=1e-15)
    assert isinstance(after.noise_ratio(before), float)


@pytest.mark.parametrize(
    ("after", "before"),
    [
        (Gaussian((1.0, 2.0)), Gaussian()),
        (Gaussian((1.0, 1.0 + 1e-9)), Gaussian(0.3)),
        (Gaussian((1.0, 2.0)), Gaussian((1e-9, 1e-9))),  # both ratios are next to nothing, and one is half the other
        (Gaussian((1.0, 2.0)), Gaussian((2.0, 1.0))),
        (Gaussian(), Poisson()),
    ],
)
def test_noises_that_are_not_one_number_times_the_other_have_no_ratio(after, before):
    with pytest.raises(ValueError, match=r"^sigma_noise: expected the noise of the fit, .*, times one number"):
        after.noise_ratio(before)


@pytest.mark.parametrize("curvature", [ggn, hessian, empirical_fisher])
@pytest.mark.parametrize("likelihood", [HeteroscedasticGaussian(), BradleyTerry()], ids=str)
def test_their_models_curvatures_are_their_definitions(likelihood, curvature):
    rng = np.random.default_rng(0)
    network = MLP(2, 3, 1 if isinstance(likelihood, BradleyTerry) else 2)
    model, theta = BayesianModel(network, likelihood, 0.7), rng.normal(size=network.n_params)
    X = rng.normal(size=(6, 2, 2) if isinstance(likelihood, BradleyTerry) else (6, 2))
    y = rng.integers(0, 2, size=6) if isinstance(likelihood, BradleyTerry) else rng.normal(size=(6, 1))
    assert_is_derivative(model.gradient(theta, X, y), lambda t: model.loss(t, X, y), theta)
    H = curvature(model, theta, X, y)
    if curvature is hessian:
        assert_is_derivative(H, lambda t: model.loss_and_gradient(t, X, y, share=0.0)[1], theta)
        return
    J = model.network.jacobian(theta, X)
    f = model.network.forward(theta, X)
    R = likelihood.factor(f) if curvature is ggn else likelihood.gradient(f, y)[:, None, :]
    rows = np.einsum("nkc,ncp->nkp", R, J)
    assert_close(H, np.einsum("nkp,nkq->pq", rows, rows))


def test_preferences_are_a_bernoulli_on_the_difference_of_rewards():
    rng = np.random.default_rng(0)
    network = MLP(3, 4, 1, activation="softplus")  # not the default
    theta, pairs, y = rng.normal(size=network.n_params), rng.normal(size=(7, 2, 3)), rng.integers(0, 2, size=7)
    rewards = network.forward(theta, pairs.reshape(14, 3)).reshape(7, 2)
    model = BayesianModel(network, BradleyTerry())
    f = model.network.forward(theta, pairs)
    assert_close(f[:, 0], rewards[:, 0] - rewards[:, 1])
    np.testing.assert_array_equal(BradleyTerry().nll(f, y), Bernoulli().nll(f, y))
    la = Laplace(model, fit_map(model, pairs, y, rng=0)).fit(pairs, y)
    assert_close(la.predict(pairs) + la.predict(pairs[:, ::-1]), np.ones(7))  # a preference, seen from either side
    assert la.predict(pairs).shape == (7,)


def test_of_a_linear_reward_only_the_difference_of_inputs_counts():
    rng = np.random.default_rng(0)
    pairs, y = rng.normal(size=(20, 2, 3)), rng.integers(0, 2, size=20)
    difference = BayesianModel(MLP(3, 1), Bernoulli(), prior_precision=2.0)
    preference = BayesianModel(MLP(3, 1), BradleyTerry(), prior_precision=2.0)
    theta = np.append(rng.normal(size=3), 0.0)
    H = ggn(preference, theta, pairs, y)
    assert_close(H[:3, :3], ggn(difference, theta, pairs[:, 0] - pairs[:, 1], y)[:3, :3])
    assert not H[3].any()  # the bias is in every reward and in no difference


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BayesianModel(MLP(2, 3), HeteroscedasticGaussian()), "network: expected an even number of outputs"),
        (lambda: BayesianModel(MLP(2, 2), BradleyTerry()),
            r"network: expected 1 output \(one logit\) for BradleyTerry, received 2 outputs"),
        (lambda: ggn(BayesianModel(MLP(2, 1), BradleyTerry()), np.ones(3), np.ones((4, 2)), [0, 1, 1, 0]),
            r"X: expected shape \(N, 2, 2\) with N >= 1, received shape \(4, 2\)"),
        (lambda: ggn(BayesianModel(MLP(2, 1), BradleyTerry()), np.ones(3), np.ones((4, 3, 2)), [0, 1, 1, 0]),
            r"X: expected shape \(N, 2, 2\) with N >= 1, received shape \(4, 3, 2\)"),
        (lambda: ggn(BayesianModel(MLP(2, 1), Bernoulli()), np.ones(3), np.ones((4, 2, 2)), [0, 1, 1, 0]),
            r"X: expected shape \(N, 2\) with N >= 1, received shape \(4, 2, 2\)"),
        (lambda: BayesianModel(MLP(2, 4), HeteroscedasticGaussian()).check_data(np.ones((4, 2)), np.ones((4, 4))),
            r"y: expected shape \(4, 2\), received shape \(4, 4\)"),
        (lambda: Laplace(BayesianModel(MLP(2, 1), BradleyTerry()), np.ones(3), hessian_structure="kron"),
            "hessian_structure: expected another structure for pairs, received 'kron'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_them_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
