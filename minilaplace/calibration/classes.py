"""Scores of class probabilities against the labels that came true.

- The quality of predictions as a whole: `negative_log_likelihood`, `brier_score`, `accuracy`.
- Their calibration, whether predictions are right as often as they say: `reliability_diagram` and its two summaries,
  `expected_calibration_error` and `maximum_calibration_error`.
- How certain they claim to be: `sharpness`. `brier_decomposition` separates the two in one score.

Scores take `(p, y)`, the prediction first; scikit-learn's take the labels first. `p` is what `Laplace.predict` returns
for classes, probabilities (N,) of y = 1 or (N, C) of all classes. `y` are the labels (N,); not all classes need occur.
Of several labels a sample, score each by itself: `brier_score(p[:, c], y[:, c])`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..model.likelihood import class_log_probability, every_class
from ..validation import Array, class_labels, numbers, option, refusal, refuse_where, whole_number

Integers = NDArray[np.intp]
ROUNDING = 1e-6  # a float32 softmax of 1000 classes sums to 1 within 3e-7; a larger error is a mistake


class BrierDecomposition(NamedTuple):
    """The three parts of the Brier score, which is reliability - resolution + uncertainty, by Murphy (1973)."""

    reliability: float
    resolution: float
    uncertainty: float


class ReliabilityDiagram(NamedTuple):
    """The mean confidence of each bin of predictions, and how often they were right; both NaN where a bin is empty."""

    edges: Array  # (n_bins + 1,); a bin includes its upper edge, and the first its lower edge too
    confidence: Array  # (n_bins,)
    frequency: Array  # (n_bins,)
    count: Integers  # type: ignore[assignment]  # (n_bins,); it hides the method `tuple.count`


def negative_log_likelihood(p: ArrayLike, y: ArrayLike) -> float:
    """Return -mean_n log p_n(y_n), in nats; p is clipped to [eps, 1 - eps], as in scikit-learn's `log_loss`."""
    p, y = _checked(p, y)
    return float(-class_log_probability(p, y).mean())


def brier_score(p: ArrayLike, y: ArrayLike) -> float:
    """Return mean_n sum_c (p_nc - [y_n = c])^2, and for two classes half of that, mean_n (p_n1 - y_n)^2.

    The half is also scikit-learn's default. P(y = 1) as (N,) and both classes as (N, 2) have the same score.
    Source: Brier (1950).
    """
    p, y = _checked(p, y)
    C = p.shape[1]
    return float(np.square(p - np.eye(C)[y]).sum(axis=1).mean() / (2 if C == 2 else 1))


def brier_decomposition(p: ArrayLike, y: ArrayLike, n_bins: int | None = None) -> BrierDecomposition:
    """Return reliability, resolution and uncertainty, the parts of the Brier score of p (N,) = P(y = 1).

    With n_k predictions in group k, p_k their mean, o_k their frequency of y = 1, and o the frequency among all,

        reliability = sum_k n_k (p_k - o_k)^2 / N
        resolution  = sum_k n_k (o_k - o)^2 / N
        uncertainty = o (1 - o)

    By default a group is a distinct value of p, and reliability - resolution + uncertainty is the Brier score. With
    `n_bins` the groups are the uniform bins of `reliability_diagram`, and the sum is the Brier score of predictions
    that are replaced by the mean of their bin.

    Source: Murphy (1973).
    """
    columns, y = _checked(p, y)
    if np.ndim(p) != 1:
        raise ValueError(refusal("p", "shape (N,) of P(y = 1)", f"shape {np.shape(p)}"))
    if n_bins is None:
        distinct, group = np.unique(columns[:, 1], return_inverse=True)
        p_k, o_k, n_k = _group_means(group, len(distinct), columns[:, 1], y)
    else:
        _, p_k, o_k, n_k = reliability_diagram(p, y, n_bins)
    filled, o = n_k > 0, y.mean()
    p_k, o_k, share = p_k[filled], o_k[filled], n_k[filled] / len(y)
    return BrierDecomposition(float(share @ (p_k - o_k) ** 2), float(share @ (o_k - o) ** 2), float(o * (1 - o)))


def accuracy(p: ArrayLike, y: ArrayLike) -> float:
    """Return the share of samples whose label is the most probable class, of equally probable ones the first."""
    p, y = _checked(p, y)
    return float((p.argmax(axis=1) == y).mean())


def reliability_diagram(p: ArrayLike, y: ArrayLike, n_bins: int = 10, strategy: str = "uniform") -> ReliabilityDiagram:
    """Return the mean confidence, the frequency of being right and the count of each bin of predictions.

    For p (N,) the confidence is P(y = 1), and a prediction is right where y = 1, as in scikit-learn's
    `calibration_curve`. For p (N, C) the confidence is the probability of the predicted class, at least 1 / C, and a
    prediction is right where that class is the label, as in Guo et al. (2017). The two definitions give different
    diagrams of the same predictions of two classes.

    Bins have equal widths, or, with `strategy="quantile"`, equal counts; tied confidences can then leave bins empty.
    """
    columns, y = _checked(p, y)
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

    For p (N,) it is the error of P(y = 1), and for p (N, C) that of the predicted class. It is not 0 even for
    calibrated predictions, because the frequency among n_b labels varies by about 1 / sqrt(n_b).
    Source: Naeini et al. (2015).
    """
    _, confidence, frequency, count = reliability_diagram(p, y, n_bins, strategy)
    return float(np.nansum(count * np.abs(frequency - confidence)) / count.sum())


def maximum_calibration_error(p: ArrayLike, y: ArrayLike, n_bins: int = 10, strategy: str = "uniform") -> float:
    """Return max_b |frequency_b - confidence_b| over the bins that are not empty. Source: Naeini et al. (2015)."""
    _, confidence, frequency, _ = reliability_diagram(p, y, n_bins, strategy)
    return float(np.nanmax(np.abs(frequency - confidence)))


def sharpness(p: ArrayLike) -> float:
    """Return mean_n max_c p_nc, the accuracy that the predictions claim: 1 / C where they are uniform, 1 where certain.

    Sharpness is a property of the predictions alone (Gneiting, Balabdaoui and Raftery, 2007), so there is no y.
    """
    return float(probabilities("p", p).max(axis=1).mean())


def probabilities(name: str, value: ArrayLike, *, sampled: bool = False) -> Array:
    """Return probabilities of every class, (N, C), or (S, N, C) of samples; P(y = 1) becomes the columns 1 - p, p."""
    array = numbers(name, value, {2: "(S, N)", 3: "(S, N, C)"} if sampled else {1: "(N,)", 2: "(N, C)"})
    refuse_where(name, np.abs(array - 0.5) > 0.5 + ROUNDING, "probabilities in [0, 1]", array)
    array = np.clip(array, 0, 1)
    if array.ndim == 1 + sampled:
        return every_class(array, 1 + sampled)
    if array.shape[-1] < 2:
        raise ValueError(refusal(name, "at least two classes, or one axis less", f"shape {array.shape}"))
    total = array.sum(axis=-1)
    refuse_where(name, np.abs(total - 1) > ROUNDING, "rows that sum to 1", total)
    return array


def _checked(p: ArrayLike, y: ArrayLike) -> tuple[Array, Integers]:
    """Return the probabilities of every class, (N, C), and the labels, (N,), after checking both."""
    columns = probabilities("p", p)
    return columns, class_labels("y", y, *columns.shape)


def _group_means(
    group: Integers, n_groups: int, confidence: Array, right: NDArray[np.bool_] | Integers
) -> tuple[Array, Array, Integers]:
    """Return each group's mean confidence, frequency of being right and size; both means of an empty group are NaN."""
    count = np.bincount(group, minlength=n_groups)
    sums = [np.bincount(group, weights=values, minlength=n_groups) for values in (confidence, right)]
    with np.errstate(invalid="ignore"):
        return sums[0] / count, sums[1] / count, count
