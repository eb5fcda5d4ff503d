"""Around the post: the boundary's checks.

Every value a user hands in passes through one of these functions once, before any work is done. Each returns the
value in the form the library computes with, or raises a `ValueError` (`TypeError` where the type is wrong) that
names the argument, what was expected and what was received.

- `instance`, `real_number`, `whole_number`, `boolean`, `option`, `check_callback` for single values,
- `positive_numbers`, `vector`, `number_or_vector`, `matrix`, `positive_definite` for arrays, always float64 and finite,
- `numbers` for arrays of a given number of axes, `readable` for samples that may be too many to convert as a whole,
- `class_labels`, `real_targets` for the targets that a model learns from,
- `sampler` for the source of randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = int | np.random.Generator | None

READ_FLOATS = 2**20  # how many numbers of a stored array are read at a time, about 8 MB


def refusal(name: str, expected: object, received: object) -> str:
    """Return the message of an error, in the form that all errors of the library have."""
    return f"{name}: expected {expected}, received {received}"


def instance(name: str, value: Any, kind: type, expected: str) -> None:
    """Raise a TypeError unless `value` is of this kind."""
    if not isinstance(value, kind):
        raise TypeError(refusal(name, expected, repr(value)))


def boolean(name: str, value: object) -> bool:
    """Return `value` as a bool if it is True or False, and not a string like "no", which Python counts as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(refusal(name, "True or False", repr(value)))
    return bool(value)


def option(name: str, value: object, known: Collection[str]) -> str:
    """Return `value` if it is one of the `known` names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(refusal(name, f"one of {', '.join(map(repr, known))}", repr(value)))
    return value


def check_callback(callback: Any, arguments: str) -> None:
    """Raise a TypeError unless `callback` is None or a function of these arguments."""
    if callback is not None and not callable(callback):
        raise TypeError(refusal("callback", f"a function of {arguments}", repr(callback)))


def check_executor(executor: Any) -> None:
    """Raise a TypeError unless this is None or an executor."""
    if executor is not None:
        instance("executor", executor, Executor, "a concurrent.futures.Executor")


def check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the array has this shape."""
    if np.shape(array) != shape:
        raise ValueError(refusal(name, f"shape {shape}", f"shape {np.shape(array)}"))


def real_number(name: str, value: object, *, above: float = -np.inf) -> float:
    """Return `value` as a finite float greater than `above`."""
    expected = "a finite number" if above == -np.inf else f"a finite number greater than {above:g}"
    number = real_array(name, value, expected, lambda shape: shape == ())
    if not above < number < np.inf:
        raise ValueError(refusal(name, expected, repr(value)))
    return float(number)


def whole_number(name: str, value: object, *, least: int) -> int:
    """Return `value` as an int that is at least `least`."""
    expected = f"a whole number of at least {least}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal(name, expected, repr(value)))
    if value < least:
        raise ValueError(refusal(name, expected, repr(value)))
    return int(value)


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
    elsewhere = isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape")
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
    unknown = ~np.isin(array, np.arange(n_classes))
    if unknown.any():
        n = int(unknown.argmax())
        raise ValueError(refusal(name, expected, f"{array[n]:g} at index {n}"))
    return array.astype(np.intp)


def real_targets(name: str, value: ArrayLike, n_samples: int, n_outputs: int) -> Array:
    """Return `value` as finite (n_samples, n_outputs) targets; for one output (n_samples,) counts as a column."""
    accepted = [(n_samples, n_outputs)] + [(n_samples,)] * (n_outputs == 1)
    array = real_array(name, value, f"shape {' or '.join(map(str, accepted))}", lambda shape: shape in accepted)
    return finite(name, array).reshape(n_samples, n_outputs)


def numbers(name: str, value: ArrayLike, shapes: Mapping[int, str]) -> Array:
    """Return finite numbers, at least one, in an array whose number of axes is a key of `shapes`: {2: "(N, C)"}."""
    expected = f"shape {' or '.join(shapes.values())} with nothing empty"
    return finite(name, real_array(name, value, expected, lambda shape: len(shape) in shapes and 0 not in shape))


def refuse_where(name: str, wrong: NDArray[np.bool_], expected: str, values: Array, first: int = 0) -> None:
    """Raise a ValueError that shows the first of the values that are wrong, if any is; rows count from `first`."""
    if wrong.any():
        index = tuple(map(int, np.argwhere(wrong)[0]))
        place = (first + index[0], *index[1:]) if index else ()
        raise ValueError(refusal(name, expected, f"{values[index]:g} at index {place}"))


def sampler(rng: Seed) -> np.random.Generator:
    """Return the generator `rng`, or a new one from the seed `rng`, or one from fresh entropy if `rng` is None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None:
        rng = whole_number("rng", rng, least=0)
    return np.random.default_rng(rng)


def real_array(
    name: str, value: Any, expected: str, fits: Callable[[tuple[int, ...]], bool] = lambda shape: True
) -> Array:
    """Return `value` as a float64 array whose shape fits; strings, objects and complex numbers are refused."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(refusal(name, expected, "rows of different lengths")) from None
    if array.dtype.kind not in "buif":
        raise TypeError(refusal(name, f"real numbers, {expected}", f"dtype {array.dtype}"))
    if not fits(array.shape):
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    return array.astype(np.float64, copy=False)


def finite(name: str, array: Array, first: int = 0) -> Array:
    """Return `array` if every entry is finite; in an error rows count from `first`.

    The sum of finite entries is finite too, unless it overflows: only a sum that is not finite makes this look at each
    entry, which takes memory of the array's size.
    """
    with np.errstate(all="ignore"):
        total = array.sum()
    if not np.isfinite(total):
        refuse_where(name, ~np.isfinite(array), "finite numbers", array, first)
    return array
