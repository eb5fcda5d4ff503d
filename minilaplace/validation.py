"""Around the post: the boundary's checks.

Every value a user hands in passes through one of these functions once, before any work is done. Each returns the
value in the form the library computes with, or raises a `ValueError` (`TypeError` where the type is wrong) that
names the argument, what was expected and what was received.

- `instance`, `real_number`, `whole_number`, `boolean`, `option`, `check_callback` for single values,
- `positive_numbers`, `vector`, `number_or_vector`, `matrix`, `positive_definite` for arrays, always float64 and finite,
- `numbers` for arrays of a given number of axes, `readable` for samples that may be too many to convert as a whole,
- `class_labels`, `real_targets` for what a model learns from,
- `sampler` for the source of randomness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = int | np.random.Generator | None

READ_FLOATS = 2**20  # numbers of a large array that are looked at together, about 8 MB


def refusal(name: str, expected: object, received: object) -> str:
    """Return the sentence every error of the library is made of."""
    return f"{name}: expected {expected}, received {received}"


def instance(name: str, value: Any, kind: type, expected: str) -> None:
    """Raise unless `value` is of this kind."""
    if not isinstance(value, kind):
        raise TypeError(refusal(name, expected, repr(value)))


def boolean(name: str, value: object) -> bool:
    """Return `value` if it is True or False; what merely counts as true, like "no", does not pass."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(refusal(name, "True or False", repr(value)))
    return bool(value)


def option(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the `known` names."""
    known = list(known)
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


def real_number(name: str, value: object, *, above: float | None = None) -> float:
    """Return `value` as a finite float, greater than `above` where a bound is given."""
    expected = "a finite number" if above is None else f"a finite number greater than {above:g}"
    number = real_array(name, value, expected)
    if number.ndim != 0:
        raise ValueError(refusal(name, expected, f"an array of shape {number.shape}"))
    if not np.isfinite(number) or (above is not None and number <= above):
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
    """Return `value` as a finite vector of the given length, a copy that aliases nothing."""
    expected = f"shape ({length},)"
    array = real_array(name, value, expected)
    if array.shape != (length,):
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    return finite(name, array).copy()


def positive_numbers(name: str, value: Any) -> float | tuple[float, ...]:
    """Return one positive number as a float, or a vector of them as a tuple."""
    expected = "a finite number greater than 0"
    if real_array(name, value, expected).ndim != 1:
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
    """Samples in an array of another type, or on a disk: those that are asked for become finite float64.

    What can be read so has a NumPy `dtype`, a `shape`, and slices, as `numpy.memmap`, h5py's and zarr's arrays do.
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


def readable(name: str, value: Any, each: tuple[int, ...]) -> Array | StoredSamples:
    """Return `value` as finite (N, *each) samples to be read batch by batch; what is float64 in memory is itself."""
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
    """Return one number for all parameters as a float, or one for each of `length` as a vector."""
    if real_array(name, value, f"a number or shape ({length},)").ndim == 0:
        return real_number(name, value, above=0.0 if positive else None)
    array = vector(name, value, length)
    if positive and np.any(array <= 0):
        raise ValueError(refusal(name, "positive numbers", f"{array.min():g} at index {array.argmin()}"))
    return array


def class_labels(name: str, value: ArrayLike, n_samples: int, n_classes: int) -> NDArray[np.intp]:
    """Return `value` as N integer labels in 0 .. n_classes - 1; whole floats and, for two classes, bools count."""
    expected = f"shape ({n_samples},) of integer labels 0..{n_classes - 1}"
    array = real_array(name, value, expected)
    if array.shape != (n_samples,):
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    strange = ~np.isin(array, np.arange(n_classes))
    if strange.any():
        n = int(strange.argmax())
        raise ValueError(refusal(name, expected, f"{array[n]:g} at index {n}"))
    return array.astype(np.intp)


def real_targets(name: str, value: ArrayLike, n_samples: int, n_outputs: int) -> Array:
    """Return `value` as finite (n_samples, n_outputs) targets; for one output (n_samples,) counts as a column."""
    accepted = [(n_samples, n_outputs)] + [(n_samples,)] * (n_outputs == 1)
    expected = "shape " + " or ".join(map(str, accepted))
    array = real_array(name, value, expected)
    if array.shape not in accepted:
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    return finite(name, array).reshape(n_samples, n_outputs)


def numbers(name: str, value: ArrayLike, shapes: Mapping[int, str]) -> Array:
    """Return finite numbers, at least one, with a number of axes that `shapes` has a name for: {2: "(N, C)"}."""
    expected = f"shape {' or '.join(shapes.values())} with nothing empty"
    array = real_array(name, value, expected)
    if array.ndim not in shapes or array.size == 0:
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    return finite(name, array)


def refuse_where(name: str, wrong: NDArray[np.bool_], expected: str, values: Array) -> None:
    """Raise a ValueError that shows the first of the values that are wrong, if any is."""
    if wrong.any():
        index = tuple(map(int, np.argwhere(wrong)[0]))
        raise ValueError(refusal(name, expected, f"{values[index]:g} at index {index}"))


def sampler(rng: Seed) -> np.random.Generator:
    """Return a generator: the one given, a new one from a seed, or one from fresh entropy for None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None:
        rng = whole_number("rng", rng, least=0)
    return np.random.default_rng(rng)


def real_array(name: str, value: Any, expected: str) -> Array:
    """Return `value` as a float64 array; bools and integers count, strings, objects and complex numbers do not."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(refusal(name, expected, "rows of different lengths")) from None
    if array.dtype.kind not in "buif":
        raise TypeError(refusal(name, f"real numbers, {expected}", f"dtype {array.dtype}"))
    return array.astype(np.float64, copy=False)


def finite(name: str, array: Array, first: int = 0) -> Array:
    """Return `array`, whose rows count from `first`, if every entry is finite.

    The sum tells, which needs no memory of the array's size; only if it is not finite the entries are looked at.
    """
    with np.errstate(all="ignore"):
        total = array.sum()
    if not np.isfinite(total) and not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        place = (first + index[0], *index[1:]) if index else ()
        raise ValueError(refusal(name, "finite numbers", f"{array[index]} at index {place}"))
    return array
