"""Means and variances of samples that come one at a time, each with its weight."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import numpy as np

from ..model.likelihood import Likelihood
from ..validation import Array


def sample_moments(
    likelihood: Likelihood, outputs: Iterable[Array], weights: Iterable[float] = repeat(1.0)
) -> tuple[Array, Array, Array]:
    """Return the mean, noise (0 if there is none) and variance of the means, by West's (1979) weighted running sums.

    With W the sum of the weights so far, a mean at distance d from the average of those before moves the average by d w
    / W, and adds w d^2 (W - w) / W to the sum of squares. W^2 - sum_s w_s^2 is twice the sum of all products of two
    weights, `pairs`.
    """
    mean, noise, squares = np.zeros(()), np.zeros(()), np.zeros(())
    total = pairs = 0.0
    for f, w in zip(outputs, weights, strict=False):
        before, total = total, total + w
        pairs += w * before
        deviation, noise_s = likelihood.mean(f) - mean, likelihood.noise_variance(f)
        mean = mean + deviation * w / total
        if not likelihood.is_classifier:  # of whom nobody asks for a variance
            squares = squares + deviation**2 * (w * before / total)
        if noise_s is not None:
            noise = noise + (noise_s - noise) * w / total
    return mean, noise, squares / (2 * pairs / total) if pairs > 0 else 0 * squares
