"""*Laplace Approximation*, uncertainty quantification: whether error bars are as long as the errors.

- Good, all in all? `gaussian_nll`, `crps`.
- Right as often as they say? `quantile_coverage`, `interval_coverage`, `pit`, `pit_histogram`; the remedy is
  `variance_scale`.
- Do they commit themselves? `regression_sharpness`.

`mean` and `variance` are what `Laplace.predict` returns of a regression, and `y` what came true, all (N, C), or (N,)
for one output. A mean over predictions is one over all N C of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from ..validation import Array, numbers, real_targets, refusal, refuse_where, whole_number

LEVELS = np.linspace(0.05, 0.95, 19)


def gaussian_nll(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return -mean_n log N(y_n; mean_n, diag variance_n), in nats.

    Per row it is 1/2 sum_c (z_nc^2 + log(2 pi variance_nc)) with z = (y - mean) / sd.
    """
    z, sd = _standardised(mean, variance, y)
    return float((0.5 * z**2 + np.log(sd) + 0.5 * np.log(2 * np.pi)).sum() / len(z))


def crps(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return the mean continuous ranked probability score, in units of y: 0 is best, |y - mean| that of certainty.

    The integral of (F(t) - [y <= t])^2 over t for the cumulative F of N(mean, sd^2) is, with z = (y - mean) / sd,

        sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))

    Source: Gneiting and Raftery (2007).
    """
    z, sd = _standardised(mean, variance, y)
    phi = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return float((sd * (z * (2 * ndtr(z) - 1) + 2 * phi - 1 / np.sqrt(np.pi))).mean())


def quantile_coverage(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, levels: ArrayLike = LEVELS) -> Array:
    """Return which share of all y is at most its predicted quantile, for each level (L,) within [0, 1].

    Calibrated predictions return the levels. Source: Kuleshov, Fenner and Ermon (2018).
    """
    return _share_within(_standardised(mean, variance, y)[0], ndtri(_levels(levels)))


def interval_coverage(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, levels: ArrayLike = LEVELS) -> Array:
    """Return which share of all y is in the central interval of each level (L,), |z| <= Phi^-1((1 + level) / 2)."""
    return _share_within(np.abs(_standardised(mean, variance, y)[0]), ndtri((1 + _levels(levels)) / 2))


def pit(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> Array:
    """Return the probability integral transform Phi((y - mean) / sd), shaped as the mean.

    It is uniform on [0, 1] where predictions are calibrated: Dawid (1984).
    """
    return ndtr(_standardised(mean, variance, y)[0])


def pit_histogram(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, n_bins: int = 10) -> NDArray[np.intp]:
    """Return the counts (n_bins,) of `pit` in bins of equal width: a hump says too wide, a bowl too narrow."""
    values = pit(mean, variance, y)
    return np.histogram(values, bins=whole_number("n_bins", n_bins, least=1), range=(0, 1))[0]


def variance_scale(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return s = mean (y - mean)^2 / variance, for which N(mean, s variance) makes all y most probable.

    It is 1 for calibrated variances, more for too small ones. Source: Laves et al. (2020), whose factor of standard
    deviations is sqrt(s).
    """
    return float(np.square(_standardised(mean, variance, y)[0]).mean())


def regression_sharpness(variance: ArrayLike) -> float:
    """Return the mean variance, smaller for sharper predictions. Source: Kuleshov, Fenner and Ermon (2018)."""
    return float(_variances(variance).mean())


def _standardised(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return z = (y - mean) / sd and sd of checked arguments, both shaped as the mean."""
    mean, variance = numbers("mean", mean, {1: "(N,)", 2: "(N, C)"}), _variances(variance)
    if variance.shape != mean.shape:
        raise ValueError(refusal("variance", f"shape {mean.shape}, as the mean", f"shape {variance.shape}"))
    N, C = mean.reshape(len(mean), -1).shape
    sd = np.sqrt(variance)
    return (real_targets("y", y, N, C).reshape(mean.shape) - mean) / sd, sd


def _variances(value: ArrayLike) -> Array:
    variance = numbers("variance", value, {1: "(N,)", 2: "(N, C)"})
    refuse_where("variance", variance <= 0, "positive numbers", variance)
    return variance


def _levels(value: ArrayLike) -> Array:
    levels = numbers("levels", value, {1: "(L,)"})
    refuse_where("levels", (levels < 0) | (levels > 1), "numbers in [0, 1]", levels)
    return levels


def _share_within(values: Array, limits: Array) -> Array:
    """Return which share of all values is at most each limit (L,)."""
    return np.searchsorted(np.sort(values, axis=None), limits, side="right") / values.size
