"""Arrays: vectors, matrices and samples as float64 and finite, and the targets that a model learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh
from scipy.sparse import issparse

from .conversion import Array, finite, real_array, refusal
from .values import real_number

READ_FLOATS = 2**20  # how many numbers of a stored array are read at a time, about 8 MB


def check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the array has this shape."""
    if np.shape(array) != shape:
        raise ValueError(refusal(name, f"shape {shape}", f"shape {np.shape(array)}"))


def vector(name: str, value: ArrayLike, length: int) -> Array:
    """Return a copy of `value` as a finite vector of the given length."""
    array = real_array(name, value, f"shape ({length},)", lambda shape: shape == (length,))
    return finite(name, array).copy()


def positive_numbers(name: str, value: Any) -> float | tuple[float, ...]:
    """Return one positive number as a float, or a vector of positive numbers as a tuple."""
    if real_array(name, value, "a finite number greater than 0").ndim != 1:
        return real_number(name, value, above=0.0)
    return tuple(real_number(name, float(element), above=0.0) for element in value)


def positive_definite(name: str, value: ArrayLike) -> Array:
    """Return a copy of a square `value` if it is a symmetric positive definite matrix."""
    array = finite(name, real_array(name, value, "a symmetric positive definite matrix")).copy()
    if not np.allclose(array, array.T, rtol=1e-10, atol=1e-10 * np.abs(array).max()):
        raise ValueError(refusal(name, "a symmetric matrix", "one that is not"))
    smallest = eigvalsh(array, subset_by_index=[0, 0])[0]
    if smallest <= 0:
        raise ValueError(refusal(name, "a positive definite matrix", f"smallest eigenvalue {smallest:g}"))
    return array


def matrix(name: str, value: ArrayLike, each: tuple[int, ...]) -> Array:
    """Return `value` as a finite (N, *each) array with at least one row."""
    array = real_array(name, value, _expected_samples(each))
    _check_samples(name, array.shape, each)
    return finite(name, array)


class StoredSamples:
    """Samples in an array of another type or on a disk, of which each slice that is read becomes float64.

    The source has a NumPy `dtype`, a `shape` and slices, as `numpy.memmap` and the arrays of h5py and zarr have. That
    all its entries are finite is checked once, at the start.
    """

    def __init__(self, name: str, source: Any, each: tuple[int, ...]) -> None:
        if np.isnan(source.shape[:1]).any():  # dask's word for a length that it has not computed
            expected, cure = _expected_samples(each), "call its .compute_chunk_sizes() first"
            raise ValueError(refusal(name, expected, f"an array of unknown length, shape {source.shape}: {cure}"))
        _check_samples(name, source.shape, each)
        self._name, self._source, self._each = name, source, each
        step = max(1, READ_FLOATS // int(np.prod(each)))
        for start in range(0, len(self), step):
            finite(name, self[start : start + step], start)

    def __len__(self) -> int:
        return int(self._source.shape[0])

    def __getitem__(self, which: slice) -> Array:
        return real_array(self._name, self._source[which], _expected_samples(self._each))


Readable: TypeAlias = Array | StoredSamples  # samples (N, ...) that are read by slices


def readable(name: str, value: Any, each: tuple[int, ...]) -> Readable:
    """Return `value` as finite (N, *each) samples: an array where it is float64 in memory, else `StoredSamples`."""
    elsewhere = isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape") and not issparse(value)
    if not elsewhere or (isinstance(value, np.ndarray) and value.dtype == np.float64):
        return matrix(name, value, each)
    return StoredSamples(name, value, each)


def _check_samples(name: str, shape: tuple[int, ...], each: tuple[int, ...]) -> None:
    if shape[1:] != each or shape[:1] in ((), (0,)):
        raise ValueError(refusal(name, _expected_samples(each), f"shape {shape}"))


def _expected_samples(each: tuple[int, ...]) -> str:
    return f"shape (N, {', '.join(map(str, each))}) with N >= 1"


def number_or_vector(name: str, value: ArrayLike, length: int, *, positive: bool = False) -> float | Array:
    """Return `value` as a float if it is one number, or as a finite vector of the given length."""
    if real_array(name, value, f"a number or shape ({length},)").ndim == 0:
        return real_number(name, value, above=0.0 if positive else -np.inf)
    array = vector(name, value, length)
    if positive and np.any(array <= 0):
        raise ValueError(refusal(name, "positive numbers", f"{array.min():g} at index {array.argmin()}"))
    return array


def class_labels(name: str, value: ArrayLike, n_samples: int, n_classes: int) -> NDArray[np.intp]:
    """Return `value` as integer labels 0 .. n_classes - 1, (n_samples,); whole floats and bools count as integers."""
    expected = f"shape ({n_samples},) of integer labels 0..{n_classes - 1}"
    array = real_array(name, value, expected, lambda shape: shape == (n_samples,))
    with np.errstate(invalid="ignore"):  # NaN becomes some number, which is not equal to NaN
        labels = array.astype(np.intp)
    unknown = (labels != array) | (labels < 0) | (labels >= n_classes)
    if unknown.any():
        n = int(unknown.argmax())
        raise ValueError(refusal(name, expected, f"{array[n]:g} at index {n}"))
    return labels


def real_targets(name: str, value: ArrayLike, n_samples: int, n_outputs: int) -> Array:
    """Return `value` as finite (n_samples, n_outputs) targets; for one output (n_samples,) counts as a column."""
    accepted = [(n_samples, n_outputs)] + [(n_samples,)] * (n_outputs == 1)
    array = real_array(name, value, f"shape {' or '.join(map(str, accepted))}", lambda shape: shape in accepted)
    return finite(name, array).reshape(n_samples, n_outputs)


def numbers(name: str, value: ArrayLike, shapes: Mapping[int, str]) -> Array:
    """Return finite numbers, at least one, in an array whose number of axes is a key of `shapes`: {2: "(N, C)"}."""
    expected = f"shape {' or '.join(shapes.values())} with nothing empty"
    return finite(name, real_array(name, value, expected, lambda shape: len(shape) in shapes and 0 not in shape))
