"""From whatever holds numbers to an array of float64; and the sentence of every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

Array: TypeAlias = NDArray[np.float64]

NUMERIC = "buif"  # the kinds of NumPy's types that are bools, whole numbers and real numbers
DENSE = "make it dense by .toarray()"


def refusal(name: str, expected: object, received: object) -> str:
    """Return the message of an error, in the form that all errors of the library have."""
    return f"{name}: expected {expected}, received {received}"


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
    the numbers of pandas that may be missing, those that are become NaN.
    """
    refuse_masked(**{name: value})
    if issparse(value):
        raise TypeError(refusal(name, f"real numbers, {expected}", f"a sparse {type(value).__name__}: {DENSE}"))
    try:
        array = _from_pandas(np.asarray(value), value)
    except ValueError:
        raise ValueError(refusal(name, expected, "rows of different lengths")) from None
    if array.dtype.kind not in NUMERIC:
        raise TypeError(refusal(name, f"real numbers, {expected}", f"dtype {array.dtype}"))
    return array


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


def refuse_where(name: str, wrong: NDArray[np.bool_], expected: str, values: Array, first: int = 0) -> None:
    """Raise a ValueError that shows the first of the values that are wrong, if any is; rows count from `first`."""
    if wrong.any():
        index = tuple(map(int, np.argwhere(wrong)[0]))
        place = (first + index[0], *index[1:]) if index else ()
        raise ValueError(refusal(name, expected, f"{values[index]:g} at index {place}"))
