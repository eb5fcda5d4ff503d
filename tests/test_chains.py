"""R-hat and the effective sample size are their definitions, and chains say whether they agree by them.

The oracles: loops over the definitions, and the closed forms of an autoregressive process.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import printed
from scipy.special import ndtri
from scipy.stats import rankdata

from minilaplace import MLP
from minilaplace.model_average.chains import (
    Chains,
    _autocovariance,
    _normal_scores,
    _within_and_total,
    effective_sample_size,
    split_r_hat,
)

# --- R-hat


def test_r_hat_of_independent_draws_is_near_1_and_of_displaced_chains_far_from_it():
    draws = np.random.default_rng(0).normal(size=(4, 1000, 3))
    assert np.all(np.abs(split_r_hat(draws) - 1) < 0.005)
    displaced = draws + np.array([0, 0, 0, 2])[:, None, None]
    assert np.all(split_r_hat(displaced) > 1.3)


def test_r_hat_sees_a_trend_within_a_chain_a_difference_of_scale_and_chains_without_moments():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4, 1000))
    assert split_r_hat(draws + np.linspace(0, 3, 1000)) > 1.2
    assert split_r_hat(draws * np.array([1, 1, 1, 3])[:, None]) > 1.1
    cauchy = rng.standard_cauchy(size=(4, 1000))
    assert abs(split_r_hat(cauchy) - 1) < 0.005
    assert split_r_hat(cauchy + np.array([0, 0, 0, 4])[:, None]) > 1.1


def test_r_hat_is_its_formula():
    # Where the bulk's is the larger one: n times the between-variance against the within-variance, of normal scores.
    x = np.random.default_rng(0).normal(size=(2, 50)) + np.array([0, 3])[:, None]
    z = _normal_scores(np.concatenate([x[:, :25], x[:, 25:]]))
    n = 25
    W = np.mean([np.sum((c - c.mean()) ** 2) / (n - 1) for c in z])
    B = n / 3 * sum((c.mean() - z.mean()) ** 2 for c in z)
    assert split_r_hat(x) == pytest.approx(np.sqrt(((n - 1) / n * W + B / n) / W), rel=1e-12)


def test_r_hat_of_scales_is_its_formula_of_distances_from_the_median():
    x = np.random.default_rng(0).normal(size=(2, 51)) * np.array([1, 5])[:, None]
    halves = np.concatenate([x[:, :25], x[:, 26:]])  # without the middle one of an odd number
    z = _normal_scores(np.abs(halves - np.median(halves)))
    W = np.mean(np.var(z, axis=1, ddof=1))
    expected = np.sqrt((24 / 25 * W + np.var(z.mean(axis=1), ddof=1)) / W)
    assert expected > 1.3
    assert split_r_hat(x) == pytest.approx(expected, rel=1e-12)


def test_normal_scores_share_ranks_where_rejections_repeat_draws():
    x = np.array([[1.0, 1.0, 5.0], [0.0, 5.0, 1.0]])
    np.testing.assert_allclose(_normal_scores(x), ndtri((rankdata(x).reshape(2, 3) - 0.375) / 6.25), rtol=1e-14)


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_r_hat_does_not_depend_on_units(scale, shift):
    draws = np.random.default_rng(0).normal(size=(2, 40)) + np.array([[0], [1]])
    assert split_r_hat(scale * draws + shift) == pytest.approx(split_r_hat(draws), rel=1e-12)


def test_a_constant_agrees_with_itself_and_stuck_chains_with_nothing():
    assert split_r_hat(np.ones((4, 10))) == 1
    assert effective_sample_size(np.ones((4, 10))) == 40
    stuck = np.repeat([[0.0], [1.0]], 10, axis=1)
    assert split_r_hat(stuck) == np.inf
    assert effective_sample_size(stuck) < 3


@pytest.mark.parametrize("value", [0.1, 1.0, -0.1, 1 / 3, 1e-300, 1e300, 12345.678, 0.0])
@pytest.mark.parametrize("T", [100, 101])
def test_a_constant_counts_all_its_draws_whatever_its_value_and_rounding(value, T):
    # S is the number of draws without the middle one of a chain of odd length; no draw says less than another.
    for unit in (0, 1, 4):  # last places by which rounding may move the value
        draws = value + unit * np.spacing(value) * np.random.default_rng(0).integers(0, 2, size=(4, T))
        draws[0] = value
        assert effective_sample_size(draws) == 400
        assert split_r_hat(draws) == 1
        assert chains_of(draws[:, :, None]).truth().shape == (4 * T, 1)
    draws = np.random.default_rng(0).normal(size=(4, 200, 2))
    np.testing.assert_array_equal(chains_of(draws).truth(1.1, of=lambda theta: value), draws.reshape(-1, 2))


@pytest.mark.parametrize("stuck", [[0.1, 0.2], [0.1, 0.1, 0.3]])
def test_chains_that_are_stuck_apart_agree_with_nothing_whatever_the_values(stuck):
    draws = np.repeat(np.array(stuck)[:, None], 100, axis=1)
    assert split_r_hat(draws) == np.inf
    assert effective_sample_size(draws) < 2 * len(stuck)


def test_a_small_spread_around_a_large_value_is_no_constant():
    # Units and origin change neither number: 1e-9 around 1 has a million last places.
    x = np.random.default_rng(0).normal(size=(4, 200)) + np.array([0, 0, 0, 1])[:, None]
    for statistic in (split_r_hat, effective_sample_size):
        assert statistic(1 + 1e-9 * x) == pytest.approx(statistic(x), rel=1e-4)


def test_variances_of_numbers_far_from_0_are_those_of_their_differences():
    # All numbers are whole multiples of 2^-52, which is 1's last place, so that no difference is rounded.
    k = np.random.default_rng(0).integers(-1000, 1000, size=(3, 50)).astype(float)
    unit = np.finfo(float).eps
    np.testing.assert_allclose(_within_and_total(1 + unit * k), unit**2 * np.array(_within_and_total(k)), rtol=1e-12)


# --- the effective sample size


def autoregression(phi, n_chains, n, rng=0):
    """Draw x_t = phi x_{t-1} + e_t from its stationary distribution, of variance 1 / (1 - phi^2)."""
    rng = np.random.default_rng(rng)
    x = np.empty((n_chains, n))
    x[:, 0] = rng.normal(size=n_chains) / np.sqrt(1 - phi**2)
    for t in range(1, n):
        x[:, t] = phi * x[:, t - 1] + rng.normal(size=n_chains)
    return x


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_the_effective_size_of_an_autoregression_is_its_closed_form(phi):
    # rho_t = phi^t adds up to ESS / S = (1 - phi) / (1 + phi). Estimates of it vary by some 3% here.
    x = autoregression(phi, 4, 20_000)
    assert effective_sample_size(x) == pytest.approx(x.size * (1 - phi) / (1 + phi), rel=0.1)


def tau_by_loops(halves):
    """Return tau of chains (M, n), S / ESS, from its definition."""
    M, n = halves.shape
    within = np.mean([np.sum((x - x.mean()) ** 2) / (n - 1) for x in halves])
    means = halves.mean(axis=1)
    total = (n - 1) / n * within + np.sum((means - means.mean()) ** 2) / (M - 1)
    rho = [1.0]
    for t in range(1, n):
        autocovariance = np.mean([np.sum((x[: n - t] - x.mean()) * (x[t:] - x.mean())) / n for x in halves])
        rho.append(1 - (within - n / (n - 1) * autocovariance) / total)
    tau, smallest = -1.0, np.inf
    for k in range(n // 2):
        pair = rho[2 * k] + rho[2 * k + 1]
        if pair <= 0:
            break
        smallest = min(smallest, pair)
        tau += 2 * smallest
    return tau


@pytest.mark.parametrize("phi", [-0.3, 0.0, 0.5, 0.95])
@pytest.mark.parametrize("T", [4, 6, 19, 80])
def test_the_effective_size_is_its_definition(phi, T):
    x = autoregression(phi, 3, T, rng=T)
    halves = np.concatenate([x[:, : T // 2], x[:, -(T // 2) :]])
    expected = halves.size / max(tau_by_loops(halves), 1 / np.log10(halves.size))
    assert effective_sample_size(x) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("T", [8, 200])
def test_draws_that_alternate_are_worth_more_than_their_number_within_a_bound(T):
    x = np.tile([1.0, -1.0], (4, T // 2)) + 1e-3 * np.random.default_rng(0).normal(size=(4, T))
    assert effective_sample_size(x) == pytest.approx(4 * T * np.log10(4 * T), rel=1e-12)


@pytest.mark.parametrize("n", [8, 9, 50])
def test_autocovariances_do_not_wrap_around(n):
    x = np.random.default_rng(0).normal(size=(3, n)).cumsum(axis=1)
    deviation = x - x.mean(axis=1, keepdims=True)
    expected = [[d[: n - t] @ d[t:] / n for t in range(n)] for d in deviation]
    np.testing.assert_allclose(_autocovariance(x), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_chains_that_disagree_count_for_little():
    x = np.random.default_rng(0).normal(size=(4, 1000))
    assert effective_sample_size(x) > 3000
    assert effective_sample_size(x + np.array([0, 0, 0, 5])[:, None]) < 20


def test_each_number_drawn_has_its_own():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(2, 50, 3, 2)).cumsum(axis=1) * np.array([1e-30, 1.0, 1e30])[:, None]
    draws[:, :, 1, 1] = 0.1 + np.spacing(0.1) * rng.integers(0, 2, size=(2, 50))  # a constant but for rounding
    for statistic in (split_r_hat, effective_sample_size):
        expected = [[statistic(draws[:, :, i, j]) for j in range(2)] for i in range(3)]
        np.testing.assert_array_equal(statistic(draws), expected)


# --- chains


def chains_of(samples):
    M = len(samples)
    return Chains(np.asarray(samples), np.full(M, 0.8), np.full(M, 0.1), np.zeros(M, dtype=int))


def test_chains_say_in_one_line_how_many_they_are_and_how_they_went():
    samples = np.zeros((3, 500, 129))
    chains = Chains(samples, np.array([0.81, 0.795, 0.9]), np.full(3, 0.1), np.array([0, 2, 1]))
    expected = "Chains(3 chains, 500 draws each, 129 parameters, acceptance 0.80 to 0.90, 3 divergences)"
    assert repr(chains) == str(chains) == expected


def test_scipys_statistics_are_loaded_by_r_hat_and_not_by_the_import():
    code = (
        "import sys, minilaplace\n"
        "print('scipy.stats' in sys.modules)\n"
        "minilaplace.model_average.split_r_hat([[1, 2, 3, 4], [2, 1, 4, 3]])\n"
        "print('scipy.stats' in sys.modules)"
    )
    assert printed(code).split() == ["False", "True"]


def test_chains_have_the_statistics_of_their_draws():
    samples = np.random.default_rng(0).normal(size=(2, 50, 3)).cumsum(axis=1)
    chains = chains_of(samples)
    np.testing.assert_array_equal(chains.r_hat(), split_r_hat(samples))
    np.testing.assert_array_equal(chains.effective_sample_size(), effective_sample_size(samples))


def test_truth_is_all_draws_where_the_chains_agree_and_refused_where_they_do_not():
    samples = np.random.default_rng(0).normal(size=(4, 500, 3))
    chains = chains_of(samples)
    np.testing.assert_array_equal(chains.truth(), samples.reshape(-1, 3))
    samples[2, :, 1] += 3
    worst = f"{chains_of(samples).r_hat()[1]:.4g}"
    expected = f"^truth: expected R-hat of at most 1.01 everywhere, received {worst} for theta at index 1,"
    with pytest.raises(ValueError, match=expected) as refused:
        replace(chains_of(samples), divergences=np.array([0, 4, 0, 3])).truth()
    assert str(refused.value).endswith(
        " at index 1, 7 divergences; draw more (n_samples, n_warmup), with longer trajectories (n_leapfrog); "
        "for a network ask whether its outputs agree: of=lambda theta: network.forward(theta, X)"
    )
    samples[2, :, 1] -= 2.6
    assert 1.01 < chains_of(samples).r_hat()[1] < 1.05
    with pytest.raises(ValueError, match=r"R-hat of at most 1\.01 everywhere"):
        chains_of(samples).truth()
    for limit in (1.05, chains_of(samples).r_hat().max()):
        np.testing.assert_array_equal(chains_of(samples).truth(limit), samples.reshape(-1, 3))


def test_one_chain_is_no_truth_however_well_its_halves_agree():
    samples = np.random.default_rng(0).normal(size=(1, 1000, 3))
    assert np.all(split_r_hat(samples) < 1.01)
    with pytest.raises(ValueError, match=r"^truth: expected two chains or more"):
        chains_of(samples).truth()


@pytest.mark.parametrize(("apart", "enough"), [(0.0, False), (1e-9, False), (1e-3, False), (0.1, True), (3.0, True)])
def test_starts_are_apart_by_the_measure_of_the_draws(apart, enough):
    # One parameter has a deviation of 1, the other of 1e-6: whether chains started apart does not depend on units.
    samples = np.random.default_rng(0).normal(size=(4, 500, 2)) * [1.0, 1e-6]
    starts = np.tile([0.0, 7.0], (4, 1))
    starts[2, 1] += apart * 1e-6
    chains = replace(chains_of(samples), starts=starts)
    if enough:
        np.testing.assert_array_equal(chains.truth(), samples.reshape(-1, 2))
    else:
        with pytest.raises(ValueError, match="expected chains that started apart") as refused:
            chains.truth()
        advice = "; leave theta0 out, to start from draws of the prior, or give (n_chains, P) starts far apart"
        assert str(refused.value).endswith(advice)


def test_chains_that_stayed_at_one_start_did_not_start_apart():
    chains = replace(chains_of(np.ones((2, 200, 3))), starts=np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected chains that started apart"):
        chains.truth()


def test_few_draws_are_no_truth_however_well_they_agree():
    # Four chains have 8 halves, which take 50 effective draws each. Draws that repeat count once.
    draws = np.random.default_rng(1).normal(size=(4, 150, 3))
    assert effective_sample_size(draws).min() > 400
    np.testing.assert_array_equal(chains_of(draws).truth(1.05), draws.reshape(-1, 3))
    sticky = draws.copy()
    sticky[:, :, 1] = np.repeat(draws[:, :75, 1], 2, axis=1)
    size = effective_sample_size(sticky)[1]
    assert size < 400
    assert np.all(split_r_hat(sticky) < 1.05)
    expected = rf"^truth: expected an effective sample size of at least 400 everywhere, received {size:.4g} for theta"
    with pytest.raises(ValueError, match=expected + r" at index 1"):
        chains_of(sticky).truth(1.05)
    np.testing.assert_array_equal(chains_of(sticky).truth(1.05, of=lambda theta: theta[::2]), sticky.reshape(-1, 3))
    with pytest.raises(ValueError, match=r"effective sample size .* for of\(theta\) at index \(\)"):
        chains_of(sticky).truth(1.05, of=lambda theta: theta[1])


def test_chains_that_diverged_in_more_than_a_hundredth_of_their_draws_are_no_truth():
    samples = np.random.default_rng(0).normal(size=(4, 500, 3))

    def chains(*divergences):
        return Chains(samples, np.full(4, 0.8), np.full(4, 0.1), np.array(divergences))

    np.testing.assert_array_equal(chains(5, 0, 5, 5).truth(), samples.reshape(-1, 3))
    expected = r"^truth: expected divergences in at most 1% .*, received 6 in 500 draws of the chain at index 2;"
    with pytest.raises(ValueError, match=expected + r" warm up longer \(n_warmup\), or make the prior stronger$"):
        chains(0, 5, 6, 0).truth()
    with pytest.raises(ValueError, match="received 6 in 500 draws"):
        chains(0, 5, 6, 0).truth(of=lambda theta: theta[0])


def test_a_function_of_theta_that_has_no_number_is_named():
    chains = chains_of(np.random.default_rng(0).normal(size=(2, 200, 3)))
    with pytest.raises(ValueError, match=r"^of\(theta\): expected finite numbers"):
        chains.truth(of=lambda theta: np.nan if theta[0] > 2 else theta[0])


def test_truth_of_outputs_does_not_mind_modes_that_are_the_same_function():
    # Two chains in two modes of a network, which differ by the sign of the one hidden unit.
    network = MLP(1, 1, 1)
    one = np.array([1.0, 0.0, 2.0, 0.0]) + 0.1 * np.random.default_rng(0).normal(size=(2, 500, 4))
    one[1] *= [-1, -1, -1, 1]
    chains, X = chains_of(one), np.array([[0.3], [1.0]])
    with pytest.raises(ValueError, match="of=lambda theta"):
        chains.truth()
    np.testing.assert_array_equal(chains.truth(of=lambda theta: network.forward(theta, X)), one.reshape(-1, 4))
    with pytest.raises(ValueError, match=r"for of\(theta\) at index 0"):
        chains.truth(of=lambda theta: theta[:1])
    with pytest.raises(ValueError, match=r"for of\(theta\) at index \(\)"):
        chains.truth(of=lambda theta: theta[0])


# --- bad input

CHAINS = chains_of(np.ones((2, 8, 3)))
BAD = [
    (lambda: CHAINS.truth(limit=1.0), ValueError, "limit: expected a finite number greater than 1"),
    (lambda: CHAINS.truth(of="outputs"), TypeError, "of: expected a function of theta, received 'outputs'"),
    (lambda: split_r_hat(np.ones(9)), ValueError, "draws: expected shape (n_chains, T, ...) with T >= 4"),
    (lambda: split_r_hat(np.ones((2, 9, 0))), ValueError, "draws: expected shape (n_chains, T, ...) with T >= 4"),
    (lambda: split_r_hat(np.ones((4, 3))), ValueError, "draws: expected shape (n_chains, T, ...) with T >= 4"),
    (lambda: effective_sample_size([[1.0, np.nan, 1, 1]]), ValueError, "draws: expected finite numbers"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error) as refused:
        call()
    assert str(refused.value).startswith(message)
