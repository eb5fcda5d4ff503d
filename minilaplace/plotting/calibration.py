"""*Wrapping up*, trustworthy systems, drawn: what calibrated and wary predictions look like, and what others do.

- `plot_reliability` draws how often class predictions are right against how often they say so.
- `plot_coverage` and `plot_pit` draw the same of a regression: quantiles against targets below them, and the PIT.
- `plot_ood` draws a score inside and outside of the data.

Each draws on `ax`, a new figure's if not given, and returns it. The first two can be called again with the same `ax`:
each curve has a colour and a marker of its own (Okabe and Ito's colours).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from numpy.typing import ArrayLike
from scipy.stats import binom

from ..calibration.classes import (
    auroc,
    expected_calibration_error,
    pit_histogram,
    quantile_coverage,
    reliability_diagram,
)
from ..validation import Array

# Okabe and Ito's palette, those of its colours that stand out from white; a curve is a (colour, marker) pair.
STYLES = [("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"), ("#CC79A7", "D"), ("#E69F00", "v")]
IDEAL, LIKELY, SHARE = "calibrated", "95 % if calibrated", "share of predictions"


def plot_reliability(
    p: ArrayLike, y: ArrayLike, *, n_bins: int = 10, ax: Axes | None = None, label: str | None = None
) -> Axes:
    """Draw the `reliability_diagram` of p (N,) or (N, C), and its expected calibration error into the legend.

    Steps show how many of the predictions are in each bin. Were they calibrated, a bin's frequency would be on the
    vertical line around the diagonal with probability .95, Binomial(n_b, confidence_b): bins of few say little.
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
    """Draw the `quantile_coverage` of Gaussian predictions: flat in the middle if too narrow, steep if too wide."""
    levels = np.linspace(0, 1, 21)
    coverage = quantile_coverage(mean, variance, y, levels)
    ax, (colour, marker), _ = _unit_square(ax)
    label = "observed" if label is None else label
    ax.plot(levels, coverage, color=colour, marker=marker, markersize=4, clip_on=False, label=label)
    ax.set(xlabel="level of the predicted quantile", ylabel="share of targets at most that quantile")
    return _legend_below(ax)


def plot_pit(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw the `pit_histogram`: flat if calibrated, a bowl if the variance is too small, a hump if it is too large.

    Were predictions calibrated, a bin's count would be in the band with probability .95: Binomial(N, 1 / n_bins).
    """
    count = pit_histogram(mean, variance, y)
    n, n_bins = int(count.sum()), len(count)
    ax = _panel(ax)
    edges = np.linspace(0, 1, n_bins + 1)
    ax.bar(
        edges[:-1],
        count,
        np.diff(edges),
        align="edge",
        color=to_rgba(STYLES[0][0], 0.6),
        edgecolor=plt.rcParams["axes.facecolor"],
    )
    ax.axhspan(
        *binom.ppf([0.025, 0.975], n, 1 / n_bins),
        color=plt.rcParams["text.color"],
        alpha=0.2,
        linewidth=0,
        label=LIKELY,
    )
    ax.axhline(n / n_bins, color=plt.rcParams["text.color"], linestyle="--", label=IDEAL)
    ax.set(xlim=(0, 1), xlabel="probability integral transform of y", ylabel="number of targets")
    return _legend_below(ax)


def plot_ood(inside_scores: ArrayLike, outside_scores: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw a score's distribution inside and outside of the data, and the `auroc` into the legend."""
    area = auroc(inside_scores, outside_scores)
    groups = {"inside": np.asarray(inside_scores), "outside": np.asarray(outside_scores)}
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())), bins=25)
    ax = _panel(ax)
    for (name, scores), (colour, _), hatch in zip(groups.items(), STYLES[:2], ["", "///"], strict=True):
        _steps(ax, np.histogram(scores, edges)[0] / len(scores), edges, colour, 0.4, name, hatch)
    ax.set(xlabel="score", ylabel="share of inputs")
    return _legend_below(ax, title=f"AUROC = {area:.3f}")


def _steps(ax: Axes, heights: Array, edges: Array, colour: str, alpha: float, label: str, hatch: str = "") -> None:
    """Draw a histogram whose outline is seen through another one."""
    face = to_rgba(colour, alpha)
    ax.stairs(heights, edges, fill=True, facecolor=face, edgecolor=colour, linewidth=1, hatch=hatch, label=label)


def _unit_square(ax: Axes | None) -> tuple[Axes, tuple[str, str], bool]:
    """Return a unit square with its diagonal, the style of the next curve on it, and whether it is the first."""
    ax = _panel(ax)
    n_curves = sum(line.get_marker() != "None" for line in ax.lines)
    if IDEAL not in [line.get_label() for line in ax.lines]:
        ax.plot([0, 1], [0, 1], color=plt.rcParams["text.color"], linestyle="--", label=IDEAL)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return ax, STYLES[n_curves % len(STYLES)], n_curves == 0


def _panel(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _legend_below(ax: Axes, title: str | None = None) -> Axes:
    """Add a legend that hides no data."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False, title=title)
    return ax
