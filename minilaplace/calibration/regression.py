"""Scores of Gaussian predictions of a regression against the targets that came true.

- The quality of predictions as a whole: `gaussian_nll`, `crps`.
- Their calibration, whether error bars are as long as the errors: `quantile_coverage`, `interval_coverage`, `pit`,
  `pit_histogram`; `variance_scale` is the factor that corrects the variances.
- How certain they claim to be: `regression_sharpness`.

`mean` and `variance` are what `Laplace.predict` returns for a regression. They and the targets `y` are (N, C), or (N,)
for one output. A mean over predictions is a mean over all N C of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from ..model.likelihood import gaussian_log_density
from ..validation import Array, numbers, real_targets, refusal, refuse_where, whole_number

QUANTILES = np.linspace(0.05, 0.95, 19)


def gaussian_nll(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return -mean_n log N(y_n; mean_n, diag variance_n), in nats.

    For one sample it is 1/2 sum_c (z_nc^2 + log(2 pi variance_nc)) with z = (y - mean) / sd.
    """
    mean, variance, y = _columns(mean, variance, y)
    return float(-gaussian_log_density(mean, variance, y).mean())


def crps(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return the mean continuous ranked probability score, in units of y; a perfect prediction has 0.

    The score is the integral over t of (F(t) - [y <= t])^2 for the distribution function F of N(mean, sd^2), and
    becomes |y - mean| as sd goes to 0. With z = (y - mean) / sd it is

        sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))

    Source: Gneiting and Raftery (2007).
    """
    z, sd = _standardised(mean, variance, y)
    phi = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return float((sd * (z * (2 * ndtr(z) - 1) + 2 * phi - 1 / np.sqrt(np.pi))).mean())


def quantile_coverage(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, levels: ArrayLike = QUANTILES) -> Array:
    """Return the share of all y that are at most their predicted quantile, for each level (L,) in [0, 1].

    The shares of calibrated predictions are the levels. Source: Kuleshov, Fenner and Ermon (2018).
    """
    return _share_within(_standardised(mean, variance, y)[0], ndtri(_levels(levels)))


def interval_coverage(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, levels: ArrayLike = QUANTILES) -> Array:
    """Return the share of all y in the central interval |z| <= Phi^-1((1 + level) / 2), for each level (L,)."""
    return _share_within(np.abs(_standardised(mean, variance, y)[0]), ndtri((1 + _levels(levels)) / 2))


def pit(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> Array:
    """Return the probability integral transform Phi((y - mean) / sd), in the shape of the mean.

    Its values are uniform on [0, 1] where predictions are calibrated. Source: Dawid (1984).
    """
    return ndtr(_standardised(mean, variance, y)[0]).reshape(np.shape(mean))


def pit_histogram(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, n_bins: int = 10) -> NDArray[np.intp]:
    """Return how many values of `pit` are in each of n_bins bins of equal width, (n_bins,).

    The counts are larger in the middle where the variances are too large, and at both ends where they are too small.
    """
    values = pit(mean, variance, y)
    return np.histogram(values, bins=whole_number("n_bins", n_bins, least=1), range=(0, 1))[0]


def variance_scale(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> float:
    """Return s = mean (y - mean)^2 / variance, the scale for which N(mean, s variance) makes y most probable.

    It is near 1 for calibrated variances and larger for variances that are too small. Source: Laves et al. (2020),
    who scale standard deviations, by sqrt(s).
    """
    return float(np.square(_standardised(mean, variance, y)[0]).mean())


def regression_sharpness(variance: ArrayLike) -> float:
    """Return the mean variance; sharper predictions have a smaller one. Source: Kuleshov, Fenner and Ermon (2018)."""
    return float(_variances(variance).mean())


def _standardised(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return z = (y - mean) / sd and sd, (N, C) each, after checking the arguments."""
    mean, variance, y = _columns(mean, variance, y)
    sd = np.sqrt(variance)
    return (y - mean) / sd, sd


def _columns(mean: ArrayLike, variance: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
    """Return means, variances and targets, (N, C) each, after checking them."""
    mean, variance = numbers("mean", mean, {1: "(N,)", 2: "(N, C)"}), _variances(variance)
    if variance.shape != mean.shape:
        raise ValueError(refusal("variance", f"shape {mean.shape}, as the mean", f"shape {variance.shape}"))
    N, C = len(mean), mean[0].size
    return mean.reshape(N, C), variance.reshape(N, C), real_targets("y", y, N, C)


def _variances(value: ArrayLike) -> Array:
    """Return variances, (N,) or (N, C), that are all positive."""
    variance = numbers("variance", value, {1: "(N,)", 2: "(N, C)"})
    refuse_where("variance", variance <= 0, "positive numbers", variance)
    return variance


def _levels(value: ArrayLike) -> Array:
    """Return levels, (L,), that are all in [0, 1]."""
    levels = numbers("levels", value, {1: "(L,)"})
    refuse_where("levels", (levels < 0) | (levels > 1), "numbers in [0, 1]", levels)
    return levels


def _share_within(values: Array, limits: Array) -> Array:
    """Return the share of all values that are at most each limit, (L,)."""
    return np.searchsorted(np.sort(values, axis=None), limits, side="right") / values.size
