"""*Wrapping up*, trustworthy systems: whether predictions are right as often as they say.

- Good, all in all? `negative_log_likelihood`, `brier_score`, `accuracy`.
- Right as often as they say? `reliability_diagram`, `expected_calibration_error`, `maximum_calibration_error`.
- Do they commit themselves? `sharpness`. `brier_decomposition` splits one score into both.

Scores take `(p, y)`, the prediction first; scikit-learn's take the labels first. `p` is what `Laplace.predict` returns
of classes, probabilities (N,) of y = 1 or (N, C) of all classes, and `y` what came true, the labels (N,); not all
classes need occur. The same questions about a regression are in `regression_calibration.py`, those about inputs unlike
the data in `out_of_distribution.py`; all can be asked here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..model.likelihood import class_log_probability
from ..validation import Array, class_labels, option, refusal, whole_number
from .out_of_distribution import auroc, entropy_score, fpr_at_recall, max_probability_score, mutual_information_score
from .probabilities import probabilities
from .regression import (
    crps,
    gaussian_nll,
    interval_coverage,
    pit,
    pit_histogram,
    quantile_coverage,
    regression_sharpness,
    variance_scale,
)

__all__ = [
    "BrierDecomposition",
    "ReliabilityDiagram",
    "accuracy",
    "auroc",
    "brier_decomposition",
    "brier_score",
    "crps",
    "entropy_score",
    "expected_calibration_error",
    "fpr_at_recall",
    "gaussian_nll",
    "interval_coverage",
    "max_probability_score",
    "maximum_calibration_error",
    "mutual_information_score",
    "negative_log_likelihood",
    "pit",
    "pit_histogram",
    "quantile_coverage",
    "regression_sharpness",
    "reliability_diagram",
    "sharpness",
    "variance_scale",
]

Labels = NDArray[np.intp]


class BrierDecomposition(NamedTuple):
    """Murphy's parts of the Brier score: reliability - resolution + uncertainty."""

    reliability: float
    resolution: float
    uncertainty: float


class ReliabilityDiagram(NamedTuple):
    """Bins of predictions: mean confidence and frequency of being right, both NaN where the count is 0."""

    edges: Array  # (n_bins + 1,); a bin holds its upper edge, the first its lower one too
    confidence: Array  # (n_bins,)
    frequency: Array  # (n_bins,)
    count: Labels  # type: ignore[assignment]  # (n_bins,), in the place of tuple's method of that name


def negative_log_likelihood(p: ArrayLike, y: ArrayLike) -> float:
    """Return -mean_n log p_n(y_n), in nats; as in scikit-learn's `log_loss` p counts as within [eps, 1 - eps]."""
    p, y = _probabilities_and_labels(p, y)
    return float(-class_log_probability(p, y).mean())


def brier_score(p: ArrayLike, y: ArrayLike) -> float:
    """Return mean_n sum_c (p_nc - [y_n = c])^2, for two classes half of it, which is mean_n (p_n1 - y_n)^2.

    The half is scikit-learn's default too; P(y = 1) as (N,) and both classes as (N, 2) score alike.
    Source: Brier (1950).
    """
    p, y = _probabilities_and_labels(p, y)
    C = p.shape[1]
    return float(np.square(p - np.eye(C)[y]).sum(axis=1).mean() / (2 if C == 2 else 1))


def brier_decomposition(p: ArrayLike, y: ArrayLike, n_bins: int | None = None) -> BrierDecomposition:
    """Return Murphy's parts of the Brier score of p (N,), the probabilities of y = 1.

    With n_k forecasts in group k, p_k their mean, o_k their frequency of y = 1, and o that of all,

        reliability = sum_k n_k (p_k - o_k)^2 / N
        resolution  = sum_k n_k (o_k - o)^2 / N
        uncertainty = o (1 - o)

    The groups are the distinct forecasts, and reliability - resolution + uncertainty is the Brier score. With `n_bins`
    they are the uniform bins of `reliability_diagram`, and it is the score of forecasts replaced by their bin's mean.

    Source: Murphy (1973).
    """
    columns, y = _probabilities_and_labels(p, y)
    if np.ndim(p) != 1:
        raise ValueError(refusal("p", "shape (N,) of P(y = 1)", f"shape {np.shape(p)}"))
    if n_bins is None:
        distinct, group = np.unique(columns[:, 1], return_inverse=True)
        p_k, o_k, n_k = _group_means(group, len(distinct), columns[:, 1], y)
    else:
        _, p_k, o_k, n_k = reliability_diagram(p, y, n_bins)
    filled, o = n_k > 0, y.mean()
    p_k, o_k, share = p_k[filled], o_k[filled], n_k[filled] / len(y)
    return BrierDecomposition(
        float(share @ np.square(p_k - o_k)), float(share @ np.square(o_k - o)), float(o * (1 - o))
    )


def accuracy(p: ArrayLike, y: ArrayLike) -> float:
    """Return how often the most probable class is the label; of equally probable classes the first is predicted."""
    p, y = _probabilities_and_labels(p, y)
    return float((p.argmax(axis=1) == y).mean())


def reliability_diagram(p: ArrayLike, y: ArrayLike, n_bins: int = 10, strategy: str = "uniform") -> ReliabilityDiagram:
    """Return how confident predictions are and how often they are right, bin by bin.

    Of p (N,) the confidence is P(y = 1), in [0, 1], and right is y = 1: scikit-learn's `calibration_curve`. Of p
    (N, C) the confidence is that of the predicted class, at least 1 / C, and right is the prediction: Guo et al.
    (2017). The two differ for the same two-class predictions.

    Bins are of equal width, or, by `strategy="quantile"`, of equal count; tied confidences then leave bins empty.
    """
    columns, y = _probabilities_and_labels(p, y)
    n_bins = whole_number("n_bins", n_bins, least=1)
    strategy = option("strategy", strategy, ["uniform", "quantile"])
    if np.ndim(p) == 1:
        confidence, right = columns[:, 1], y == 1
    else:
        confidence, right = columns.max(axis=1), y == columns.argmax(axis=1)
    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.percentile(confidence, 100 * edges)
    group = np.searchsorted(edges[1:-1], confidence)
    return ReliabilityDiagram(edges, *_group_means(group, n_bins, confidence, right))


def expected_calibration_error(p: ArrayLike, y: ArrayLike, n_bins: int = 10, strategy: str = "uniform") -> float:
    """Return sum_b n_b / N |frequency_b - confidence_b| over the bins of `reliability_diagram`.

    For p (N,) that is the error of P(y = 1), for (N, C) that of the predicted class. Even where predictions are
    calibrated it is not 0: a frequency of n_b labels is off by up to 1 / sqrt(n_b) or so. Source: Naeini et al. (2015).
    """
    gap, count = _calibration_gaps(p, y, n_bins, strategy)
    return float(gap @ count / count.sum())


def maximum_calibration_error(p: ArrayLike, y: ArrayLike, n_bins: int = 10, strategy: str = "uniform") -> float:
    """Return max_b |frequency_b - confidence_b| over the bins that are not empty. Source: Naeini et al. (2015)."""
    return float(_calibration_gaps(p, y, n_bins, strategy)[0].max())


def sharpness(p: ArrayLike) -> float:
    """Return mean_n max_c p_nc, between 1 / C and 1 for certainty: the accuracy that the predictions promise.

    Sharpness is a property of the predictions alone (Gneiting, Balabdaoui and Raftery, 2007), so y is not asked for.
    """
    return float(probabilities("p", p).max(axis=1).mean())


def _probabilities_and_labels(p: ArrayLike, y: ArrayLike) -> tuple[Array, Labels]:
    """Return checked probabilities of every class (N, C) and labels (N,)."""
    columns = probabilities("p", p)
    return columns, class_labels("y", y, *columns.shape)


def _group_means(
    group: Labels, n_groups: int, confidence: Array, right: NDArray[np.bool_] | Labels
) -> tuple[Array, Array, Labels]:
    """Return mean confidence, frequency of being right, and size of each group; the means of an empty one are NaN."""
    count = np.bincount(group, minlength=n_groups)
    sums = [np.bincount(group, weights=values, minlength=n_groups) for values in (confidence, right)]
    with np.errstate(invalid="ignore"):
        return sums[0] / count, sums[1] / count, count


def _calibration_gaps(p: ArrayLike, y: ArrayLike, n_bins: int, strategy: str) -> tuple[Array, Labels]:
    """Return |frequency - confidence| and count of the bins that are not empty."""
    _, confidence, frequency, count = reliability_diagram(p, y, n_bins, strategy)
    filled = count > 0
    return np.abs(frequency - confidence)[filled], count[filled]
