"""Pictures of the scores of the room `calibration`, each beside what calibrated predictions would look like.

Each function draws on `ax`, by default that of a new figure, and returns it. `plot_reliability` and `plot_coverage` can
be called again with the same `ax`: every curve has a colour and a marker of its own.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from numpy.typing import ArrayLike
from scipy.stats import binom

from ..calibration.classes import expected_calibration_error, reliability_diagram
from ..calibration.out_of_distribution import auroc
from ..calibration.regression import pit_histogram, quantile_coverage
from ..validation import Array
from .style import CURVE_STYLES, panel, style_of

IDEAL, LIKELY, SHARE = "calibrated", "95 % if calibrated", "share of predictions"


def plot_reliability(
    p: ArrayLike, y: ArrayLike, *, n_bins: int = 10, ax: Axes | None = None, label: str | None = None
) -> Axes:
    """Draw the `reliability_diagram` of p (N,) or (N, C), with the expected calibration error in the legend.

    The steps are the share of the predictions in each bin. If the predictions were calibrated, the frequency of bin b
    would be on its vertical line with probability .95, by Binomial(n_b, confidence_b).
    """
    edges, confidence, frequency, count = reliability_diagram(p, y, n_bins)
    error = f"ECE = {expected_calibration_error(p, y, n_bins):.3f}"
    ax, (colour, marker), first = _unit_square(ax)
    x, n = confidence[count > 0], count[count > 0]
    _steps(ax, count / count.sum(), edges, colour, 0.15, SHARE if first else "")
    low, high = binom.ppf([[0.025], [0.975]], n, x) / n
    ax.vlines(x, low, high, color=colour, alpha=0.4, linewidth=3, label=LIKELY if first else "")
    label = error if label is None else f"{label}: {error}"
    ax.plot(x, frequency[count > 0], color=colour, marker=marker, clip_on=False, label=label)
    if np.ndim(p) == 1:
        ax.set(xlabel="predicted P(y = 1)", ylabel="observed frequency of y = 1")
    else:
        ax.set(xlabel="confidence in the predicted class", ylabel="accuracy")
    return _legend_below(ax)


def plot_coverage(
    mean: ArrayLike, variance: ArrayLike, y: ArrayLike, *, ax: Axes | None = None, label: str | None = None
) -> Axes:
    """Draw the `quantile_coverage` of Gaussian predictions against the level, with the diagonal of calibrated ones.

    The curve is flat in the middle if the variances are too small, and steep there if they are too large.
    """
    levels = np.linspace(0, 1, 21)
    coverage = quantile_coverage(mean, variance, y, levels)
    ax, (colour, marker), _ = _unit_square(ax)
    label = "observed" if label is None else label
    ax.plot(levels, coverage, color=colour, marker=marker, markersize=4, clip_on=False, label=label)
    ax.set(xlabel="level of the predicted quantile", ylabel="share of targets at most that quantile")
    return _legend_below(ax)


def plot_pit(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw the `pit_histogram`, with the count N / n_bins that calibrated predictions have on average.

    If the predictions were calibrated, a bin's count would be in the band with probability .95, by
    Binomial(N, 1 / n_bins). The bars are highest at both ends if the variances are too small, and in the middle if
    they are too large.
    """
    count = pit_histogram(mean, variance, y)
    N, n_bins = int(count.sum()), len(count)
    ax, ink, paper = panel(ax), plt.rcParams["text.color"], plt.rcParams["axes.facecolor"]
    left = np.arange(n_bins) / n_bins
    ax.bar(left, count, 1 / n_bins, align="edge", color=to_rgba(CURVE_STYLES[0][0], 0.6), edgecolor=paper)
    low, high = binom.ppf([0.025, 0.975], N, 1 / n_bins)
    ax.axhspan(low, high, color=ink, alpha=0.2, linewidth=0, label=LIKELY)
    ax.axhline(N / n_bins, color=ink, linestyle="--", label=IDEAL)
    ax.set(xlim=(0, 1), xlabel="probability integral transform of y", ylabel="number of targets")
    return _legend_below(ax)


def plot_ood(inside_scores: ArrayLike, outside_scores: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw the histograms of a score inside and outside of the data, with the `auroc` in the legend."""
    area = auroc(inside_scores, outside_scores)
    groups = {"inside": np.asarray(inside_scores), "outside": np.asarray(outside_scores)}
    edges = _score_edges(np.concatenate(list(groups.values())))
    ax = panel(ax)
    for (name, scores), (colour, _), hatch in zip(groups.items(), CURVE_STYLES[:2], ["", "///"], strict=True):
        _steps(ax, np.histogram(scores, edges)[0] / len(scores), edges, colour, 0.4, name, hatch)
    ax.set(xlabel="score", ylabel="share of inputs")
    return _legend_below(ax, title=f"AUROC = {area:.3f}")


def _score_edges(scores: Array) -> Array:
    """Return the edges (26,) of 25 bins from the lowest to the highest score, or around scores that are equal.

    Scores whose differences are less than 1e-12 of their size, or than 1e-280, count as equal: Matplotlib's axes do
    not resolve such differences, and floating point has no room for the edges between them.
    """
    low, high = float(scores.min()), float(scores.max())
    size = max(abs(low), abs(high))
    if high - low <= 1e-12 * size + 1e-280:
        half = max(0.5, 1e-9 * size)
        low, high = low - half, high + half
    return np.linspace(low, high, 26)


def _steps(ax: Axes, heights: Array, edges: Array, colour: str, alpha: float, label: str, hatch: str = "") -> None:
    """Draw a histogram that is transparent, so that two can overlap, and has an outline."""
    face = to_rgba(colour, alpha)
    ax.stairs(heights, edges, fill=True, facecolor=face, edgecolor=colour, linewidth=1, hatch=hatch, label=label)


def _unit_square(ax: Axes | None) -> tuple[Axes, tuple[str, str], bool]:
    """Return a unit square with its diagonal, the style of the next curve on it, and whether that is the first."""
    ax = panel(ax)
    n_curves = sum(line.get_marker() != "None" for line in ax.lines)
    if IDEAL not in [line.get_label() for line in ax.lines]:
        ax.plot([0, 1], [0, 1], color=plt.rcParams["text.color"], linestyle="--", label=IDEAL)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return ax, style_of(n_curves, CURVE_STYLES), n_curves == 0


def _legend_below(ax: Axes, title: str | None = None) -> Axes:
    """Add a legend below the panel, where it hides no data, and return the panel."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False, title=title)
    return ax
