"""The pictures show what `calibration` computes, beside what would be ideal, with labels that can be read."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import binom

from minilaplace import calibration as cal
from minilaplace.plotting.calibration import plot_coverage, plot_ood, plot_pit, plot_reliability

mpl.use("Agg")
RNG = np.random.default_rng(0)
P, Y = RNG.uniform(size=200), RNG.integers(0, 2, size=200)
MEAN, VARIANCE = RNG.normal(size=100), RNG.gamma(2.0, size=100)
TARGETS = MEAN + np.sqrt(VARIANCE) * RNG.normal(size=100)
INSIDE, OUTSIDE = RNG.beta(2, 5, size=30), RNG.beta(5, 2, size=50)

PLOTS = {
    "reliability": lambda ax=None: plot_reliability(P, Y, ax=ax),
    "coverage": lambda ax=None: plot_coverage(MEAN, VARIANCE, TARGETS, ax=ax),
    "pit": lambda ax=None: plot_pit(MEAN, VARIANCE, TARGETS, ax=ax),
    "ood": lambda ax=None: plot_ood(INSIDE, OUTSIDE, ax=ax),
}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def curve(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xydata().T


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_it_draws_where_it_is_told_with_labels_and_changes_no_settings(plot):
    before = mpl.rcParams.copy()
    _, (left, right) = plt.subplots(1, 2)
    assert plot(right) is right
    assert right.get_xlabel()
    assert right.get_ylabel()
    assert right.get_legend()
    assert not left.has_data()
    assert mpl.rcParams == before


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_without_axes_it_opens_one_figure(plot):
    ax = plot()
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.figure.axes == [ax]


@pytest.mark.parametrize("p", [P / 2, np.column_stack([1 - P, P])], ids=["P(y = 1)", "both classes"])
def test_reliability_is_the_diagram_of_the_filled_bins_beside_the_diagonal(p):
    edges, confidence, frequency, count = cal.reliability_diagram(p, Y, n_bins=6)
    filled = count > 0
    assert not filled.all()
    ax = plot_reliability(p, Y, n_bins=6, label="net")
    error = f"net: ECE = {cal.expected_calibration_error(p, Y, n_bins=6):.3f}"
    np.testing.assert_array_equal(curve(ax, error), [confidence[filled], frequency[filled]])
    np.testing.assert_array_equal(curve(ax, "calibrated"), [[0, 1], [0, 1]])
    (steps,) = ax.patches
    np.testing.assert_array_equal(steps.get_data().values, count / len(Y))
    np.testing.assert_array_equal(steps.get_data().edges, edges)
    assert ax.get_xlabel() == ("predicted P(y = 1)" if p.ndim == 1 else "confidence in the predicted class")


def test_a_bins_line_holds_its_frequency_with_probability_95_percent_if_calibrated():
    _, confidence, _, count = cal.reliability_diagram(P, Y)
    (lines,) = plot_reliability(P, Y).collections
    for ((x0, low), (x1, high)), q, n in zip(lines.get_segments(), confidence, count, strict=True):
        assert x0 == x1 == q
        low, high = round(low * n), round(high * n)
        assert binom.cdf(high, n, q) - binom.cdf(low - 1, n, q) >= 0.95
        assert binom.cdf(high - 1, n, q) - binom.cdf(low, n, q) < 0.95  # and no wider than need be


def test_certain_predictions_can_be_drawn():
    ax = plot_reliability(np.full(30, 1.0), np.ones(30, int))
    np.testing.assert_array_equal(curve(ax, "ECE = 0.000"), [[1], [1]])


def test_curves_on_one_panel_differ_in_colour_and_marker_and_share_the_rest():
    ax = plot_reliability(P, Y, label="a")
    assert plot_reliability(P**2, Y, ax=ax, label="b") is ax
    _, first, second = ax.lines
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    names = [name.split(":")[0] for name in legend(ax)]
    assert sorted(names) == ["95 % if calibrated", "a", "b", "calibrated", "share of predictions"]


def test_no_two_of_twelve_curves_have_one_colour_and_marker():
    ax = None
    for i in range(12):
        ax = plot_reliability(P, Y, ax=ax, label=str(i))
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines[1:]}) == 12


def test_coverage_is_drawn_from_0_to_1():
    ax = plot_coverage(MEAN, VARIANCE, TARGETS)
    levels, observed = curve(ax, "observed")
    assert (levels[0], levels[-1], observed[0], observed[-1]) == (0, 1, 0, 1)
    np.testing.assert_array_equal(observed, cal.quantile_coverage(MEAN, VARIANCE, TARGETS, levels))
    plot_coverage(MEAN, 4 * VARIANCE, TARGETS, ax=ax, label="too wide")
    assert legend(ax) == ["calibrated", "observed", "too wide"]
    assert ax.get_aspect() == 1


def test_pit_bars_are_the_counts_and_the_line_is_their_mean():
    ax = plot_pit(MEAN, VARIANCE, TARGETS)
    counts = cal.pit_histogram(MEAN, VARIANCE, TARGETS)
    (bars,) = ax.containers
    assert [bar.get_height() for bar in bars] == counts.tolist()
    assert curve(ax, "calibrated")[1].tolist() == [10, 10]  # 100 targets in 10 bins
    (band,) = [patch for patch in ax.patches if patch.get_label() == "95 % if calibrated"]
    edges = ax.transData.inverted().transform(band.get_extents())[:, 1]
    np.testing.assert_allclose(edges, [5, 16], rtol=1e-10)  # of Binomial(100, .1): cdf(4) = .024, cdf(15) = .960


def test_ood_histograms_each_sum_to_one_on_the_same_bins_under_their_auroc():
    ax = plot_ood(INSIDE, OUTSIDE)
    inside, outside = (patch.get_data() for patch in ax.patches)
    np.testing.assert_array_equal(inside.edges, outside.edges)
    assert inside.values.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(outside.values * 50, np.histogram(OUTSIDE, outside.edges)[0], rtol=1e-14)
    assert legend(ax) == ["inside", "outside"]
    assert ax.get_legend().get_title().get_text() == f"AUROC = {cal.auroc(INSIDE, OUTSIDE):.3f}"


def test_scores_that_are_all_the_same_can_be_drawn():
    assert plot_ood([0.5, 0.5], [0.5]).get_legend().get_title().get_text() == "AUROC = 0.500"


@pytest.mark.parametrize("score", [0.0, 5e-324, 1e-300, 0.1, 1.0, -3.0, 1e3, 1e15, -1e17, 1e300])
@pytest.mark.parametrize("next_to_it", [False, True], ids=["equal", "next float"])
def test_equal_scores_of_any_size_share_a_bin_in_the_middle(score, next_to_it):
    other = np.nextafter(score, np.inf) if next_to_it else score
    ax = plot_ood([score, other], [score])
    ax.figure.draw_without_rendering()
    for steps in (patch.get_data() for patch in ax.patches):
        assert (np.diff(steps.edges) > 0).all()
        np.testing.assert_allclose(steps.values, np.eye(25)[12], rtol=1e-15)  # all of the group in the 13th of 25 bins
    assert ax.get_legend().get_title().get_text() == f"AUROC = {0.25 if next_to_it else 0.5:.3f}"  # (0 + 1/2) / 2


def test_small_differences_that_are_no_rounding_keep_their_bins():
    inside, outside = (patch.get_data() for patch in plot_ood([1, 1 + 1e-10], [1 + 2e-10]).patches)
    assert np.flatnonzero(inside.values).tolist() == [0, 12]
    assert np.flatnonzero(outside.values).tolist() == [24]


@pytest.mark.parametrize("plot", [plot_coverage, plot_pit])
@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize("y", [0.0, 1e-300, 1e9])
def test_constant_regressions_and_one_sample_can_be_drawn(plot, n, y):
    plot(np.zeros(n), np.ones(n), np.full(n, y)).figure.draw_without_rendering()


@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_constant_probabilities_and_one_sample_can_be_drawn(p, n):
    ax = plot_reliability(np.full(n, p), np.ones(n, int))
    ax.figure.draw_without_rendering()
    (x,), (frequency,) = curve(ax, f"ECE = {1 - p:.3f}")
    np.testing.assert_allclose(x, p, rtol=1e-15)
    assert frequency == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_reliability([1.2], [1]), "p: expected probabilities"),
        (lambda: plot_reliability(P, Y, n_bins=0), "n_bins: expected"),
        (lambda: plot_coverage(MEAN, -VARIANCE, TARGETS), "variance: expected positive numbers"),
        (lambda: plot_pit(MEAN, VARIANCE, TARGETS[1:]), "y: expected shape"),
        (lambda: plot_ood([], OUTSIDE), "inside_scores: expected shape"),
    ],
)
def test_a_bad_argument_is_refused_before_a_figure_is_opened(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()


@pytest.mark.parametrize("style", ["default", "dark_background", "minilaplace.course"])
@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_nothing_is_drawn_in_the_colour_of_the_paper(plot, style):
    with plt.style.context(style):
        ax = plot()
        drawn = [line.get_color() for line in ax.lines] + [text.get_color() for text in ax.get_legend().get_texts()]
        assert to_hex(ax.get_facecolor()) not in map(to_hex, drawn)
