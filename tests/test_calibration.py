"""Scores agree with scikit-learn where it has them, with integrals and hand-made numbers where it has not."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import kstest, norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from minilaplace import calibration as cal
from minilaplace.model.likelihood import class_log_probability, gaussian_log_density

# Sums of at most 60 numbers of size 1, in another order than the oracle's: 60 eps is 1e-14.
ROUNDING = 1e-12
STRATEGIES = ["uniform", "quantile"]

seeds = st.integers(0, 2**32 - 1)
# Few distinct scores, so that many tie, within and between the groups.
scores = st.lists(st.integers(0, 6), min_size=1, max_size=30)
# Twelfths meet the edges of 2, 3, 4, 6 and 12 bins exactly or nearly: where bins could disagree.
edge_cases = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


def binary(seed, N=50):
    """Return probabilities (N,), some of them 0 and 1, and labels that have both classes."""
    rng = np.random.default_rng(seed)
    p = np.concatenate([[0.0, 1.0, 0.0, 1.0], rng.beta(0.5, 0.5, size=N - 4)])
    return p, np.concatenate([[0, 1, 1, 0], rng.integers(0, 2, size=N - 4)])


def multiclass(seed, N=50, C=4):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(C, 0.5), size=N)
    p[0] = np.eye(C)[0]
    return p, np.concatenate([[1], rng.integers(0, C, size=N - 1)])


def regression(seed, shape=(40,), scale=1.0):
    """Return predictions and what came true, whose variance is `scale` times the predicted one."""
    rng = np.random.default_rng(seed)
    mean, variance = rng.normal(size=shape), rng.gamma(2.0, size=shape) + 0.1
    return mean, variance, mean + np.sqrt(scale * variance) * rng.normal(size=shape)


# --- classes: proper scores


@given(seeds)
def test_negative_log_likelihood_is_sklearns_log_loss_certain_mistakes_included(seed):
    for p, y in [binary(seed), multiclass(seed)]:
        labels = range(2 if p.ndim == 1 else p.shape[1])
        expected = log_loss(y, p, labels=list(labels))
        assert cal.negative_log_likelihood(p, y) == pytest.approx(expected, rel=ROUNDING, abs=0)


def test_a_certain_mistake_costs_minus_log_eps():
    assert cal.negative_log_likelihood([0.0], [1]) == -math.log(np.finfo(float).eps)
    assert cal.negative_log_likelihood([[1.0, 0.0, 0.0]], [2]) == -math.log(np.finfo(float).eps)


def test_the_mean_log_score_of_the_library_is_the_negative_log_likelihood():
    p, y = multiclass(0)
    p, y = p[1:], y[1:]  # without the certain mistake, which the two floor at different numbers
    assert cal.negative_log_likelihood(p, y) == pytest.approx(-class_log_probability(p, y).mean(), rel=ROUNDING)
    mean, variance, y = regression(0, shape=(20, 3))
    expected = -gaussian_log_density(mean, variance, y).mean()
    assert cal.gaussian_nll(mean, variance, y) == pytest.approx(expected, rel=ROUNDING)


@given(seeds)
def test_brier_score_is_sklearns_for_two_classes_in_either_form(seed):
    p, y = binary(seed)
    expected = brier_score_loss(y, p)
    assert cal.brier_score(p, y) == pytest.approx(expected, rel=ROUNDING)
    assert cal.brier_score(np.column_stack([1 - p, p]), y) == pytest.approx(expected, rel=ROUNDING)


@given(seeds)
def test_brier_score_of_many_classes_is_the_sum_of_each_class_against_the_rest(seed):
    p, y = multiclass(seed)
    expected = sum(brier_score_loss(y == c, p[:, c], pos_label=True) for c in range(p.shape[1]))
    assert cal.brier_score(p, y) == pytest.approx(expected, rel=ROUNDING)


def test_a_certain_mistake_has_brier_score_1_for_two_classes_and_2_for_three():
    assert cal.brier_score([1.0], [0]) == 1
    assert cal.brier_score([[0.0, 0.0, 1.0]], [0]) == 2


@given(edge_cases)
def test_brier_score_is_reliability_less_resolution_plus_uncertainty(pairs):
    p, y = np.array([k / 12 for k, _ in pairs]), np.array([label for _, label in pairs])
    reliability, resolution, uncertainty = cal.brier_decomposition(p, y)
    assert reliability - resolution + uncertainty == pytest.approx(cal.brier_score(p, y), rel=0, abs=ROUNDING)


@pytest.mark.parametrize("n_bins", [1, 4, 50])
def test_binned_brier_decomposition_is_that_of_forecasts_replaced_by_their_bins_mean(n_bins):
    p, y = binary(3, N=60)
    order = np.argsort(p)
    p, y = p[order], y[order]
    _, confidence, _, count = cal.reliability_diagram(p, y, n_bins)
    replaced = np.repeat(confidence, count)
    reliability, resolution, uncertainty = cal.brier_decomposition(p, y, n_bins)
    np.testing.assert_allclose(
        (reliability, resolution, uncertainty), cal.brier_decomposition(replaced, y), rtol=0, atol=ROUNDING
    )
    assert reliability - resolution + uncertainty == pytest.approx(cal.brier_score(replaced, y), rel=ROUNDING)
    assert abs(cal.brier_score(replaced, y) - cal.brier_score(p, y)) > 1e-6  # the bins do change the forecasts


def test_brier_decomposition_by_hand():
    # Forecast .2: one of four came true; forecast .7: one of two. Together 2 of 6.
    parts = cal.brier_decomposition([0.2] * 4 + [0.7] * 2, [1, 0, 0, 0, 1, 0])
    expected = (4 * 0.05**2 + 2 * 0.2**2) / 6, (4 / 12**2 + 2 / 6**2) / 6, 2 / 9
    np.testing.assert_allclose(parts, expected, rtol=1e-14)


def test_accuracy_is_sklearns_and_even_odds_predict_the_first_class():
    for p, y in [binary(4), multiclass(4)]:
        predicted = p > 0.5 if p.ndim == 1 else p.argmax(axis=1)
        assert cal.accuracy(p, y) == accuracy_score(y, predicted)
    assert cal.accuracy([0.5, 0.5, 0.5], [0, 0, 1]) == 2 / 3


# --- classes: calibration


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n_bins", [1, 3, 4, 10, 12])
@given(pairs=edge_cases)
def test_the_filled_bins_are_sklearns_calibration_curve(strategy, n_bins, pairs):
    p, y = np.array([k / 12 for k, _ in pairs]), np.array([label for _, label in pairs], dtype=int)
    diagram = cal.reliability_diagram(p, y, n_bins, strategy)
    frequency, confidence = calibration_curve(y, p, n_bins=n_bins, strategy=strategy, pos_label=1)
    filled = diagram.count > 0
    np.testing.assert_array_equal(diagram.frequency[filled], frequency)
    np.testing.assert_array_equal(diagram.confidence[filled], confidence)


def test_empty_bins_hold_nan_and_count_zero():
    edges, confidence, frequency, count = cal.reliability_diagram([0.1, 0.2, 0.9], [0, 1, 1], n_bins=4)
    np.testing.assert_array_equal(edges, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(count, [2, 0, 0, 1])
    np.testing.assert_allclose(confidence, [0.15, np.nan, np.nan, 0.9], rtol=1e-15)
    np.testing.assert_array_equal(frequency, [0.5, np.nan, np.nan, 1.0])


def test_a_bin_holds_its_upper_edge_and_the_first_one_its_lower_edge_too():
    np.testing.assert_array_equal(cal.reliability_diagram([0, 0.5, 0.75, 1], [0, 0, 1, 1], n_bins=2).count, [2, 2])


def test_quantile_bins_share_distinct_predictions_equally():
    p = np.random.default_rng(5).permutation(np.linspace(0.1, 0.3, 44))
    diagram = cal.reliability_diagram(p, np.zeros(44), n_bins=4, strategy="quantile")
    np.testing.assert_array_equal(diagram.count, [11, 11, 11, 11])
    assert diagram.edges[[0, -1]].tolist() == [0.1, 0.3]


def test_the_confidence_of_many_classes_is_that_of_the_predicted_one():
    p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.1, 0.7, 0.2]]
    diagram = cal.reliability_diagram(p, [0, 1, 0, 2], n_bins=2)
    np.testing.assert_array_equal(diagram.count, [1, 3])
    np.testing.assert_allclose(diagram.confidence, [0.4, 2.2 / 3], rtol=1e-15)
    np.testing.assert_array_equal(diagram.frequency, [0, 2 / 3])
    assert cal.expected_calibration_error(p, [0, 1, 0, 2], n_bins=2) == pytest.approx((0.4 + 0.2) / 4, rel=1e-14)
    assert cal.maximum_calibration_error(p, [0, 1, 0, 2], n_bins=2) == pytest.approx(0.4, rel=1e-14)


def test_the_two_forms_of_two_classes_have_the_two_definitions():
    # Of y = 1 half came true at .1, and all at .9: gaps of .4 and .1. Of predicted classes, all with confidence .9,
    # three of four are right: one gap of .15.
    p, y = np.array([0.1, 0.1, 0.9, 0.9]), [0, 1, 1, 1]
    assert cal.expected_calibration_error(p, y) == pytest.approx((0.4 + 0.1) / 2, rel=1e-14)
    assert cal.expected_calibration_error(np.column_stack([1 - p, p]), y) == pytest.approx(0.15, rel=1e-14)


def calibrated(N, seed, temperature=1.0):
    """Return y ~ Bernoulli(p), and p made `temperature` times too confident in its logit."""
    rng = np.random.default_rng(seed)
    logit = 1.5 * rng.normal(size=N)
    y = rng.uniform(size=N) < 1 / (1 + np.exp(-logit))
    return 1 / (1 + np.exp(-temperature * logit)), y


def test_calibrated_predictions_have_an_error_that_vanishes_like_one_over_root_n():
    # A bin's |frequency - confidence| has mean sqrt(2 o (1 - o) / (pi n_b)); summed with n_b / N over 10 bins it is
    # below sqrt(2 / pi) sqrt(.25 * 10 / N) = 1.27 / sqrt(N), by Cauchy and Schwarz.
    for N, seed in itertools.product([100, 10_000, 1_000_000], range(3)):
        assert cal.expected_calibration_error(*calibrated(N, seed)) < 2 * 1.27 / math.sqrt(N)


@pytest.mark.parametrize("form", ["P(y = 1)", "both classes"])
def test_overconfident_predictions_have_an_error_that_does_not_vanish(form):
    for N in [10_000, 1_000_000]:
        p, y = calibrated(N, 0, temperature=3.0)
        p = p if form == "P(y = 1)" else np.column_stack([1 - p, p])
        assert cal.expected_calibration_error(p, y) > 0.1
        assert cal.maximum_calibration_error(p, y) > cal.expected_calibration_error(p, y)
        if form == "both classes":  # the accuracy that is promised is more than what is kept
            assert cal.sharpness(p) > cal.accuracy(p, y) + 0.1


def test_there_are_ten_bins_of_equal_width_unless_others_are_asked_for():
    p, y = binary(3, N=200)
    np.testing.assert_array_equal(cal.reliability_diagram(p, y).edges, np.linspace(0, 1, 11))
    for error in (cal.expected_calibration_error, cal.maximum_calibration_error):
        assert error(p, y) == error(p, y, 10, "uniform") != error(p, y, 11)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_errors_are_the_mean_and_the_largest_distance_of_their_diagram(strategy):
    p, y = binary(5, N=200)
    _, confidence, frequency, count = cal.reliability_diagram(p, y, 7, strategy)
    distance = np.abs(confidence - frequency)[count > 0]
    assert cal.maximum_calibration_error(p, y, 7, strategy) == pytest.approx(distance.max(), rel=ROUNDING)
    expected = np.average(distance, weights=count[count > 0])
    assert cal.expected_calibration_error(p, y, 7, strategy) == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 2)])
def test_the_transform_has_the_shape_of_the_mean_and_one_bin_holds_it_all(shape):
    mean, variance, y = regression(0, shape)
    assert cal.pit(mean, variance, y).shape == shape
    assert cal.pit_histogram(mean, variance, y, n_bins=1).tolist() == [mean.size]


def test_calibrated_predictions_keep_the_accuracy_that_their_sharpness_promises():
    p, y = calibrated(1_000_000, 1)
    assert cal.sharpness(p) == pytest.approx(cal.accuracy(p, y), abs=4 * 0.5 / 1000)  # four standard errors


def test_sharpness_is_1_for_certainty_and_one_over_the_classes_for_ignorance():
    assert cal.sharpness([0.0, 1.0]) == cal.sharpness([[0.0, 0.0, 1.0]]) == 1
    assert cal.sharpness([[0.25] * 4] * 3) == 0.25


# --- regression


@given(st.floats(-50, 50), st.floats(1e-2, 1e2))
def test_crps_is_the_integral_of_the_squared_difference_of_distribution_functions(z, sd):
    mean, end = -1.0, 40.0  # F is 0 or 1 beyond 40 sd
    y = mean + z * sd

    def squared_difference(t):
        x = (t - mean) / (sd * math.sqrt(2))  # math's erfc is quicker than SciPy's for a number
        return (math.erfc(-x if t < y else x) / 2) ** 2

    around = [k for k in (-end, *range(-8, 9, 2), end) if abs(k - z) > 0.01]  # slivers are hard to integrate
    edges = sorted([y, *(mean + sd * k for k in around)])  # both F and the step are met
    total = sum(quad(squared_difference, a, b, epsabs=1e-13 * sd)[0] for a, b in itertools.pairwise(edges))
    assert cal.crps([mean], [sd**2], [y]) == pytest.approx(total, rel=1e-10, abs=1e-11 * sd)


def test_crps_is_that_of_the_r_package_scoringrules():
    # crps_norm(-3) and crps_norm(-3 * .9, scale = .9) in its tests, to the 8 decimals given there.
    assert cal.crps([0.0], [1.0], [-3.0]) == pytest.approx(2.43657473, abs=5e-9)
    assert cal.crps([0.0], [0.81], [-2.7]) == pytest.approx(2.43657473 * 0.9, abs=5e-9)


def test_crps_of_a_certain_prediction_is_the_absolute_error():
    # What sd is left takes sd / sqrt(pi) away.
    assert cal.crps([1.0, 2.0], [1e-24, 1e-24], [4.0, 1.0]) == pytest.approx(2.0, abs=1e-12)


@pytest.mark.parametrize("shape", [(30,), (30, 1), (10, 3)])
def test_gaussian_nll_is_the_sum_over_outputs_of_scipys_log_densities(shape):
    mean, variance, y = regression(6, shape)
    expected = -norm.logpdf(y, mean, np.sqrt(variance)).sum() / shape[0]
    assert cal.gaussian_nll(mean, variance, y) == pytest.approx(expected, rel=ROUNDING)


def test_coverage_by_hand():
    # z = -2, -1, 0, 1, 2 with four variances; Phi(-1) = .1587, and a target on its own quantile is covered.
    sd = np.array([1.0, 2.0, 1.0, 0.5, 3.0])
    mean = np.arange(5.0)
    y = mean + sd * [-2, -1, 0, 1, 2]
    assert cal.quantile_coverage(mean, sd**2, y, [0, 0.02, 0.1, 0.5, 0.8, 0.9, 1]).tolist() == [
        0, 0, 0.2, 0.6, 0.6, 0.8, 1,
    ]  # fmt: skip
    assert cal.interval_coverage(mean, sd**2, y, [0, 0.6, 0.7, 0.95, 0.96, 1]).tolist() == [0.2, 0.2, 0.6, 0.6, 1, 1]


@pytest.mark.parametrize("coverage", [cal.quantile_coverage, cal.interval_coverage])
def test_coverage_is_the_level_under_the_truth_and_not_with_half_the_variance(coverage):
    mean, variance, y = regression(7, shape=(50_000, 2))
    levels = np.linspace(0.05, 0.95, 19)  # the default
    error = 4 * 0.5 / math.sqrt(mean.size)  # four standard errors
    np.testing.assert_allclose(coverage(mean, variance, y), levels, rtol=0, atol=error)
    assert np.abs(coverage(mean, variance / 2, y) - levels).max() > 10 * error


def test_pit_is_uniform_under_the_truth_and_not_otherwise():
    mean, variance, y = regression(8, shape=(5000,))
    assert kstest(cal.pit(mean, variance, y), "uniform").pvalue > 0.01  # the seed is fixed: it does not flicker
    assert kstest(cal.pit(mean, 2 * variance, y), "uniform").pvalue < 1e-6
    assert kstest(cal.pit(mean + 0.2, variance, y), "uniform").pvalue < 1e-6


def test_pit_is_scipys_distribution_function_in_the_shape_of_the_mean():
    mean, variance, y = regression(9, shape=(5, 2))
    np.testing.assert_allclose(cal.pit(mean, variance, y), norm.cdf(y, mean, np.sqrt(variance)), rtol=1e-13)


def test_pit_histogram_counts_every_target_once_certain_mistakes_included():
    z = np.array([-40.0, -0.1, 0.1, 40.0, 41.0])  # Phi(+-40) is 0 or 1
    np.testing.assert_array_equal(cal.pit_histogram(np.zeros(5), np.ones(5), z, n_bins=4), [1, 1, 1, 2])
    # The bins are of [0, 1], not of what values there are: Phi(-.1), Phi(.1) and Phi(.2) are all near a half.
    np.testing.assert_array_equal(cal.pit_histogram(np.zeros(3), np.ones(3), [-0.1, 0.1, 0.2], n_bins=4), [0, 1, 2, 0])
    assert cal.pit_histogram(*regression(10, shape=(50, 3))).shape == (10,)
    assert cal.pit_histogram(*regression(10, shape=(50, 3))).sum() == 150


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_variance_scale_is_the_factor_that_makes_the_targets_most_probable(scale):
    mean, variance, y = regression(11, shape=(200, 2), scale=scale)
    s = cal.variance_scale(mean, variance, y)
    best = minimize_scalar(lambda log_s: cal.gaussian_nll(mean, math.exp(log_s) * variance, y), bounds=(-5, 5))
    # A minimum is found to the square root of the function's rounding, here 1e-8 times a few; xatol is 1e-5.
    assert math.log(s) == pytest.approx(best.x, abs=2e-5)
    assert s == pytest.approx(scale, rel=4 * math.sqrt(2 / 400))  # four standard errors of a mean of chi^2
    assert cal.variance_scale(mean, s * variance, y) == pytest.approx(1, rel=ROUNDING)


def test_variance_scale_squares_the_residuals():
    assert cal.variance_scale([0.0, 1.0], [4.0, 1.0], [4.0, 4.0]) == (16 / 4 + 9 / 1) / 2


def test_regression_sharpness_is_the_mean_variance():
    assert cal.regression_sharpness([[1.0, 2.0], [3.0, 6.0]]) == 3


@pytest.mark.parametrize("score", [cal.gaussian_nll, cal.crps, cal.quantile_coverage, cal.pit_histogram])
def test_one_output_may_be_a_column_or_a_vector(score):
    mean, variance, y = regression(12)
    expected = score(mean, variance, y)
    np.testing.assert_array_equal(score(mean[:, None], variance[:, None], y[:, None]), expected)
    np.testing.assert_array_equal(score(mean[:, None], variance[:, None], y), expected)  # as `fit` takes it


# --- outside of the data


def test_scores_of_certainty_are_0_and_of_ignorance_their_largest():
    p = [[0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(cal.max_probability_score(p), [0, 2 / 3], rtol=1e-15)
    np.testing.assert_allclose(cal.entropy_score(p), [0, math.log(3)], rtol=1e-15)
    np.testing.assert_allclose(cal.max_probability_score([0.0, 0.2, 0.5, 1.0]), [0, 0.2, 0.5, 0], rtol=1e-15)
    np.testing.assert_allclose(cal.entropy_score([0.0, 0.5, 1.0]), [0, math.log(2), 0], rtol=1e-15)


def test_samples_that_agree_have_no_mutual_information_and_opposite_certainties_log_2():
    np.testing.assert_allclose(cal.mutual_information_score([[0.3, 0.0], [0.3, 1.0]]), [0, math.log(2)], atol=1e-15)


def test_mutual_information_is_the_mean_divergence_from_the_mean():
    p = np.random.default_rng(13).dirichlet(np.ones(3), size=(6, 5))  # (S, N, C)
    expected = (p * np.log(p / p.mean(axis=0))).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(cal.mutual_information_score(p), expected, rtol=1e-12)
    two = p[:, :, :2] / p[:, :, :2].sum(axis=2, keepdims=True)
    np.testing.assert_allclose(
        cal.mutual_information_score(two[:, :, 1]), cal.mutual_information_score(two), rtol=1e-12
    )


@given(scores, scores)
def test_auroc_is_sklearns_ties_included(inside, outside):
    y = [0] * len(inside) + [1] * len(outside)
    assert cal.auroc(inside, outside) == pytest.approx(roc_auc_score(y, inside + outside), abs=ROUNDING)


@given(scores, scores)
def test_auroc_counts_pairs_and_a_tie_as_half(inside, outside):
    pairs = [(o > i) + (o == i) / 2 for i, o in itertools.product(inside, outside)]
    assert cal.auroc(inside, outside) == pytest.approx(sum(pairs) / len(pairs), abs=ROUNDING)


@pytest.mark.parametrize("recall", [0.05, 0.5, 0.9, 0.95, 1.0])
@given(inside=scores, outside=scores)
def test_fpr_at_recall_is_the_first_such_point_of_sklearns_roc_curve(recall, inside, outside):
    y = [0] * len(inside) + [1] * len(outside)
    fpr, tpr, _ = roc_curve(y, inside + outside, drop_intermediate=False)
    assert cal.fpr_at_recall(inside, outside, recall) == fpr[tpr >= recall].min()


def test_fpr_at_recall_by_hand():
    outside = np.arange(20.0)  # 19 of 20 are at least 1
    assert cal.fpr_at_recall([0.0, 0.5, 1.0, 2.0], outside) == 0.5
    assert cal.fpr_at_recall([0.0, 0.5, 1.0, 2.0], outside, recall=1.0) == 1.0
    # 7 of 100 are enough for a recall of .07, although .07 * 100 is more than 7 in floating point.
    assert cal.fpr_at_recall([92.5], np.arange(100.0), recall=0.07) == 0.0


# --- the boundary


def test_one_class_alone_can_be_scored():
    p, y = [0.2, 0.4], [0, 0]
    assert cal.negative_log_likelihood(p, y) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2, rel=1e-15)
    assert cal.brier_decomposition(p, y)[1:] == (0, 0)
    assert cal.expected_calibration_error(p, y) == pytest.approx(0.3, rel=1e-15)


def test_rounding_of_probabilities_is_no_mistake():
    p = np.random.default_rng(14).dirichlet(np.ones(1000), size=5).astype(np.float32)
    assert np.isfinite(cal.negative_log_likelihood(p, np.zeros(5)))
    assert cal.max_probability_score([1 + 1e-15, -1e-15]).tolist() == [0, 0]


VALID = {"p": np.array([0.2, 0.7]), "y": np.array([0, 1])}
CLASSES = {
    "negative_log_likelihood": cal.negative_log_likelihood,
    "brier_score": cal.brier_score,
    "brier_decomposition": cal.brier_decomposition,
    "accuracy": cal.accuracy,
    "reliability_diagram": cal.reliability_diagram,
    "expected_calibration_error": cal.expected_calibration_error,
    "maximum_calibration_error": cal.maximum_calibration_error,
    "sharpness": lambda p, y: cal.sharpness(p),
    "max_probability_score": lambda p, y: cal.max_probability_score(p),
    "entropy_score": lambda p, y: cal.entropy_score(p),
}
SHAPE_OF_P = r"shape \(N,\) or \(N, C\) with nothing empty"
BAD_P = [
    ([0.2, 1.1], r"p: expected probabilities in \[0, 1\], received 1.1 at index 1"),
    ([-0.1, 0.5], r"p: expected probabilities in \[0, 1\], received -0.1 at index 0"),
    ([0.2, np.nan], r"p: expected finite numbers, received nan at index 1"),
    ([0.2, np.inf], r"p: expected finite numbers, received inf at index 1"),
    ([[0.5, 0.5], [0.5, 0.4]], r"p: expected rows that sum to 1, received 0.9 at index 1"),
    ([[0.3], [0.4]], r"p: expected at least two classes, or one axis less, received shape \(2, 1\)"),
    (0.5, rf"p: expected {SHAPE_OF_P}, received shape \(\)"),
    ([], rf"p: expected {SHAPE_OF_P}, received shape \(0,\)"),
    (np.ones((2, 2, 2)) / 2, rf"p: expected {SHAPE_OF_P}, received shape \(2, 2, 2\)"),
    ([[0.5, 0.5], [1.0]], rf"p: expected {SHAPE_OF_P}, received rows of different lengths"),
]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(("p", "message"), BAD_P)
def test_what_is_no_probability_is_refused(name, p, message):
    with pytest.raises(ValueError, match=message):
        CLASSES[name](p, VALID["y"])


@pytest.mark.parametrize("name", [name for name in CLASSES if "score" not in name[4:] and name != "sharpness"])
@pytest.mark.parametrize(
    ("y", "received"),
    [
        ([0, 2], r"2 at index 1"),
        ([0.5, 1], r"0.5 at index 0"),
        ([np.nan, 1], r"nan at index 0"),
        ([0, 1, 1], r"shape \(3,\)"),
        ([[0], [1]], r"shape \(2, 1\)"),
    ],
)
def test_what_is_no_label_is_refused(name, y, received):
    with pytest.raises(ValueError, match=rf"y: expected shape \(2,\) of integer labels 0..1, received {received}"):
        CLASSES[name](VALID["p"], y)


GAUSSIAN = {
    name: getattr(cal, name)
    for name in [
        "gaussian_nll",
        "quantile_coverage",
        "interval_coverage",
        "crps",
        "pit",
        "pit_histogram",
        "variance_scale",
    ]
}
ONES = np.ones(3)
BAD_GAUSSIAN = [
    (ONES, [1, 0, 1], ONES, r"variance: expected positive numbers, received 0 at index 1"),
    (ONES, [1, 1, -2], ONES, r"variance: expected positive numbers, received -2 at index 2"),
    (ONES, [1, np.nan, 1], ONES, r"variance: expected finite numbers, received nan"),
    ([1, np.inf, 1], ONES, ONES, r"mean: expected finite numbers, received inf"),
    (ONES, ONES, [1, np.nan, 1], r"y: expected finite numbers, received nan"),
    (ONES, [1], ONES, r"variance: expected shape \(3,\), as the mean, received shape \(1,\)"),
    (ONES, ONES[:, None], ONES, r"variance: expected shape \(3,\), as the mean, received shape \(3, 1\)"),
    (ONES, ONES, [1, 1], r"y: expected shape \(3, 1\) or \(3,\), received shape \(2,\)"),
    (np.ones((3, 2)), np.ones((3, 2)), ONES, r"y: expected shape \(3, 2\), received shape \(3,\)"),
    ([], [], [], r"mean: expected shape \(N,\) or \(N, C\) with nothing empty, received shape \(0,\)"),
    (1.0, 1.0, 1.0, r"mean: expected shape \(N,\) or \(N, C\) with nothing empty, received shape \(\)"),
]


@pytest.mark.parametrize("name", GAUSSIAN)
@pytest.mark.parametrize(("mean", "variance", "y", "message"), BAD_GAUSSIAN)
def test_what_is_no_gaussian_prediction_is_refused(name, mean, variance, y, message):
    with pytest.raises(ValueError, match=message):
        GAUSSIAN[name](mean, variance, y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cal.regression_sharpness([1, -1]), ValueError, "variance: expected positive numbers, received -1"),
        (lambda: cal.reliability_diagram(**VALID, n_bins=0), ValueError, "n_bins: expected a whole number of at least"),
        (lambda: cal.reliability_diagram(**VALID, n_bins=2.0), TypeError, "n_bins: expected a whole number"),
        (lambda: cal.brier_decomposition(**VALID, n_bins=0), ValueError, "n_bins: expected a whole number of at"),
        (lambda: cal.brier_decomposition([[0.5, 0.5]], [1]), ValueError, r"p: expected shape \(N,\) of P\(y = 1\)"),
        (
            lambda: cal.expected_calibration_error(**VALID, strategy="equal"),
            ValueError,
            "strategy: expected one of 'uniform', 'quantile', received 'equal'",
        ),
        (lambda: cal.pit_histogram(ONES, ONES, ONES, n_bins=0), ValueError, "n_bins: expected a whole number of at"),
        (
            lambda: cal.quantile_coverage(ONES, ONES, ONES, [0.5, 1.1]),
            ValueError,
            r"levels: expected numbers in \[0, 1",
        ),
        (lambda: cal.interval_coverage(ONES, ONES, ONES, [-0.5]), ValueError, r"levels: expected numbers in \[0, 1"),
        (lambda: cal.quantile_coverage(ONES, ONES, ONES, []), ValueError, r"levels: expected shape \(L,\) with"),
        (lambda: cal.quantile_coverage(ONES, ONES, ONES, 0.5), ValueError, r"levels: expected shape \(L,\) with"),
        (lambda: cal.mutual_information_score([0.2, 0.3]), ValueError, r"p_samples: expected shape \(S, N\) or"),
        (lambda: cal.mutual_information_score([[[0.2, 0.3]]]), ValueError, "p_samples: expected rows that sum to 1"),
        (lambda: cal.auroc([], [1.0]), ValueError, r"inside_scores: expected shape \(N,\) with nothing empty"),
        (lambda: cal.auroc([1.0], []), ValueError, r"outside_scores: expected shape \(N,\) with nothing empty"),
        (lambda: cal.auroc([1.0], [np.nan]), ValueError, "outside_scores: expected finite numbers, received nan"),
        (lambda: cal.auroc([[1.0]], [1.0]), ValueError, r"inside_scores: .* received shape \(1, 1\)"),
        (lambda: cal.auroc(["a"], [1.0]), TypeError, "inside_scores: expected real numbers"),
        (lambda: cal.fpr_at_recall([1.0], []), ValueError, "outside_scores: expected shape"),
        (lambda: cal.fpr_at_recall([1.0], [1.0], 0), ValueError, "recall: expected a number above 0 and at most 1"),
        (lambda: cal.fpr_at_recall([1.0], [1.0], 1.1), ValueError, "recall: .* received 1.1"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
