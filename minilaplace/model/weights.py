"""Data whose samples count more than once, or less, or not at all.

A sample of weight w adds w times its negative log-likelihood, gradient and curvature: a whole number stands for as
many copies of the sample, and 0 for its absence.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..validation import Array, check_shape


class WeightedData(NamedTuple):
    """Inputs, targets and weights, in the order in which `BayesianModel.loss` takes them."""

    X: Any  # (N, D) samples: an array, or what is read from a disk by slices
    y: Any  # (N, ...) targets in the likelihood's form
    weight: Array  # (N,)

    def some(self, which: slice | NDArray[np.intp]) -> WeightedData:
        """Return the samples at these positions."""
        return WeightedData(*(part[which] for part in self))


def weighed(values: Array, weight: Array | None) -> Array:
    """Return values (N, ...), each times its sample's weight (N,), or as they are where there is none, or each is 1."""
    if weight is None:
        return values
    check_shape("sample_weight", weight, (len(values),))
    return values if (weight == 1).all() else values * np.reshape(weight, (-1, *(1,) * (values.ndim - 1)))
