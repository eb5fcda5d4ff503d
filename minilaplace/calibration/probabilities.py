"""The check of predicted probabilities, which every score of classes takes as its argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..model.likelihood import every_class
from ..validation import Array, numbers, refusal, refuse_where

ROUNDING = 1e-6  # a float32 softmax of 1000 classes sums to 1 within 3e-7; a larger error is a mistake


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
