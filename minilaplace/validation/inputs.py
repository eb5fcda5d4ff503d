"""What a fit or a prediction is given: samples, counts and seeds; `targets.py` has what belongs to each sample.

Whatever holds numbers becomes an array of float64 here, or is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from .shown import position, refusal, shown

Array: TypeAlias = NDArray[np.float64]
Seed: TypeAlias = int | np.random.Generator | None

NUMERIC = "buif"  # the kinds of NumPy's types that are bools, whole numbers and real numbers
DENSE = "make it dense by .toarray()"
NUMBERED = "np.unique(y, return_inverse=True)[1] numbers any labels from 0"
READ_FLOATS = 2**20  # how many numbers of a stored array are read at a time, about 8 MB


def real_array(
    name: str, value: Any, expected: str, fits: Callable[[tuple[int, ...]], bool] = lambda shape: True
) -> Array:
    """Return `value` as a float64 array whose shape fits; strings, objects and complex numbers are refused."""
    array = numeric_array(name, value, expected)
    if not fits(array.shape):
        raise ValueError(refusal(name, expected, f"shape {array.shape}"))
    return array.astype(np.float64, copy=False)


def numeric_array(name: str, value: Any, expected: str) -> NDArray[Any]:
    """Return `value` as an array of bools, whole or real numbers, in the type that it has, or raise an error.

    Masked entries and sparse matrices are refused: NumPy would drop a mask, and take a sparse matrix for one object. In
    the numbers of pandas that may be missing, those that are become NaN. A plain array of numbers is returned at once:
    training asks at every step.
    """
    if type(value) is np.ndarray and value.dtype.kind in NUMERIC:
        return value
    refuse_masked(**{name: value})
    if issparse(value):
        raise TypeError(refusal(name, f"real numbers, {expected}", f"a sparse {type(value).__name__}: {DENSE}"))
    try:
        array = _from_pandas(np.asarray(value), value)
    except ValueError:
        raise ValueError(refusal(name, expected, "rows of different lengths")) from None
    if array.dtype.kind not in NUMERIC:
        received = "None" if value is None else f"dtype {array.dtype}{_advice(name, array, expected)}"
        raise TypeError(refusal(name, f"real numbers, {expected}", received))
    return array


def _advice(name: str, array: NDArray[Any], expected: str) -> str:
    """Return what to do about an array that holds no numbers, if that is known."""
    if array.dtype.kind == "c" or array.ndim == 0:
        return ""
    if any(map(issparse, array.flat)):
        return f": sparse matrices; {DENSE}"
    if name == "X":
        return ": if they are numbers, X.astype(float); of a category, a column of 0 and 1 for each value"
    return f": {NUMBERED}" if name == "y" and "labels" in expected else ""


def refuse_masked(**arguments: Any) -> None:
    """Raise a ValueError if one of the arguments is a masked array, or a list of some, with masked entries."""
    for name, value in arguments.items():
        if isinstance(value, (list, tuple)):
            for element in value:
                if isinstance(element, (list, tuple, np.ma.MaskedArray)):
                    refuse_masked(**{name: element})
            continue
        if isinstance(getattr(value, "_meta", None), np.ma.MaskedArray):
            value = value.compute()  # an array of dask, which would drop the mask
        if np.ma.is_masked(value):
            expected = "numbers without a mask (leave masked samples out, or fill what is missing)"
            raise ValueError(refusal(name, expected, f"{np.ma.getmaskarray(value).sum()} masked entries"))


def _from_pandas(array: NDArray[Any], source: Any) -> NDArray[Any]:
    """Return the numbers of `source`, where pandas makes objects of columns of different or nullable types."""
    if array.dtype != object or not hasattr(source, "to_numpy"):
        return array
    dtypes = np.ravel(np.array(getattr(source, "dtypes", getattr(source, "dtype", None)), dtype=object))
    kinds = {getattr(dtype, "kind", "O") for dtype in dtypes}
    if not kinds <= set(NUMERIC):
        return array
    numbers: NDArray[Any] = source.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers.astype(bool) if kinds == {"b"} and not np.isnan(numbers).any() else numbers


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


def refuse_where(
    name: str, wrong: NDArray[np.bool_], expected: str, values: Array, first: int = 0, cure: str = ""
) -> None:
    """Raise a ValueError that shows the first of the values that are wrong, if any is; rows count from `first`."""
    if wrong.any():
        index = tuple(map(int, np.argwhere(wrong)[0]))
        place = position((first + index[0], *index[1:]) if index else ())
        raise ValueError(refusal(name, expected, f"{values[index]:g} at index {place}{cure}"))


def matrix(name: str, value: ArrayLike, each: tuple[int, ...]) -> Array:
    """Return `value` as a finite (N, *each) array with at least one row."""
    array = real_array(name, value, _expected_samples(each))
    _check_samples(name, array.shape, each)
    return finite(name, array)


class StoredSamples:
    """Samples in an array of another type or on a disk, of which each slice that is read becomes float64.

    `each` is the shape of a sample. The source has a NumPy `dtype`, a `shape` and slices, as `numpy.memmap` and the
    arrays of h5py and zarr have. That all its entries are finite is checked once, at the start.
    """

    def __init__(self, name: str, source: Any, each: tuple[int, ...]) -> None:
        if np.isnan(source.shape[:1]).any():  # dask's word for a length that it has not computed
            expected, cure = _expected_samples(each), "call its .compute_chunk_sizes() first"
            raise ValueError(refusal(name, expected, f"an array of unknown length, shape {source.shape}: {cure}"))
        _check_samples(name, source.shape, each)
        self._name, self._source, self.each = name, source, each
        step = max(1, READ_FLOATS // int(np.prod(each)))
        for start in range(0, len(self), step):
            finite(name, self[start : start + step], start)

    def __len__(self) -> int:
        return int(self._source.shape[0])

    def __getitem__(self, which: slice) -> Array:
        return real_array(self._name, self._source[which], _expected_samples(self.each))


Readable: TypeAlias = Array | StoredSamples  # samples (N, ...) that are read by slices


def readable(name: str, value: Any, each: tuple[int, ...]) -> Readable:
    """Return `value` as finite (N, *each) samples: an array where it is float64 in memory, else `StoredSamples`.

    `StoredSamples` have been checked already, and stay what they are.
    """
    if isinstance(value, StoredSamples):
        _check_samples(name, (len(value), *value.each), each)
        return value
    elsewhere = isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape") and not issparse(value)
    if not elsewhere or (isinstance(value, np.ndarray) and value.dtype == np.float64):
        return matrix(name, value, each)
    return StoredSamples(name, value, each)


def _check_samples(name: str, shape: tuple[int, ...], each: tuple[int, ...]) -> None:
    if shape[1:] != each or shape[:1] in ((), (0,)):
        cure = ""
        if len(shape) == 1 and each == (1,):
            cure = f": {name}[:, None] makes a column of it"
        elif shape == each:
            cure = f": {name}[None] makes one sample of it"
        raise ValueError(refusal(name, _expected_samples(each), f"shape {shape}{cure}"))


def _expected_samples(each: tuple[int, ...]) -> str:
    return f"shape (N, {', '.join(map(str, each))}) with N >= 1"


def check_shape(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the array has this shape."""
    if np.shape(array) != shape:
        raise ValueError(refusal(name, f"shape {shape}", f"shape {np.shape(array)}"))


def whole_number(name: str, value: object, *, least: int, most: float = np.inf) -> int:
    """Return `value` as an int from `least` to `most`."""
    expected = f"a whole number {f'of at least {least}' if most == np.inf else f'from {least} to {most}'}"
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal(name, expected, shown(value)))
    if not least <= value <= most:
        raise ValueError(refusal(name, expected, shown(value)))
    return int(value)


def sampler(rng: Seed) -> np.random.Generator:
    """Return the generator `rng`, or a new one from the seed `rng`, or one from fresh entropy if `rng` is None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None:
        rng = whole_number("rng", rng, least=0)
    return np.random.default_rng(rng)


def boolean(name: str, value: object) -> bool:
    """Return `value` as a bool if it is True or False, and not a string like "no", which Python counts as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(refusal(name, "True or False", shown(value)))
    return bool(value)


def instance(name: str, value: Any, kind: Any, expected: str) -> None:
    """Raise a TypeError unless `value` is of this kind, a type or `Callable`."""
    if not isinstance(value, kind):
        raise TypeError(refusal(name, expected, shown(value)))


def check_callback(callback: Any, arguments: str) -> None:
    """Raise a TypeError unless `callback` is None or a function of these arguments."""
    if callback is not None:
        instance("callback", callback, Callable, f"a function of {arguments}")


def check_executor(executor: Any) -> None:
    """Raise a TypeError unless this is None or an executor."""
    if executor is not None:
        instance("executor", executor, Executor, "a concurrent.futures.Executor")
