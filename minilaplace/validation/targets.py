"""What belongs to each sample: its labels, its real targets, its weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .inputs import NUMBERED, Array, finite, real_array, refuse_where
from .shown import refusal


def class_labels(
    name: str, value: Any, n_samples: int, n_classes: int, n_labels: int | None = None
) -> NDArray[np.intp]:
    """Return `value` as integer labels 0 .. n_classes - 1; whole floats and bools count as integers.

    Their shape is (n_samples,), or (n_samples, n_labels) if each sample has several labels. An array that holds such
    labels already is returned as it is, quickly: training asks at every step.
    """
    shape = (n_samples,) if n_labels is None else (n_samples, n_labels)
    whole = type(value) is np.ndarray and value.dtype == np.intp and value.shape == shape
    if whole and value.view(np.uintp).max(initial=0) < n_classes:  # as unsigned, a negative label is larger than these
        return value
    expected = f"shape {shape} of integer labels 0..{n_classes - 1}"
    array = real_array(name, value, expected)
    if array.shape != shape:
        raise ValueError(refusal(name, expected, f"shape {array.shape}{_as_labels(name, array, shape)}"))
    with np.errstate(invalid="ignore"):  # NaN becomes some number, which is not equal to NaN
        labels = array.astype(np.intp)
    unknown = (labels != array) | (labels < 0) | (labels >= n_classes)
    if unknown.any():
        others = name == "y" and np.array_equal(labels, array) and len(np.unique(array)) <= n_classes
        refuse_where(name, unknown, expected, array, cure=f": {NUMBERED}" * others)
    return labels


def _as_labels(name: str, array: Array, shape: tuple[int, ...]) -> str:
    """Return how to make labels of this shape (N,) of a column, or of one-hot rows, if the array is one of these."""
    if array.ndim != 2 or shape != array.shape[:1]:
        return ""
    if array.shape[1] == 1:
        return f": {name}.ravel() has the right one"
    one_hot = set(array.ravel()) == {0, 1} and np.all(array.sum(axis=1) == 1)
    return f": of one-hot rows take {name}.argmax(axis=1)" if one_hot else ""


def real_targets(name: str, value: ArrayLike, n_samples: int, n_outputs: int) -> Array:
    """Return `value` as finite (n_samples, n_outputs) targets; for one output (n_samples,) counts as a column."""
    accepted = [(n_samples, n_outputs)] + [(n_samples,)] * (n_outputs == 1)
    array = real_array(name, value, f"shape {' or '.join(map(str, accepted))}", lambda shape: shape in accepted)
    return finite(name, array).reshape(n_samples, n_outputs)


def sample_weights(name: str, value: Any, n_samples: int) -> Array:
    """Return a finite weight of at least 0 for each sample, (n_samples,), not all of them 0; None stands for ones."""
    if value is None:
        return np.ones(n_samples)
    expected = f"shape ({n_samples},) of numbers of at least 0, some of them above"
    weight = finite(name, real_array(name, value, expected, lambda shape: shape == (n_samples,)))
    refuse_where(name, weight < 0, expected, weight)
    if not weight.any():
        raise ValueError(refusal(name, expected, "zeros alone"))
    return weight
