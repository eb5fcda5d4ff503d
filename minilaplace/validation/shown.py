"""How values are shown in reprs and errors, in one line, arrays by shape and range; what every refusal says."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

FEW = 4  # numbers that are shown one by one
LONGEST = 80  # characters of a value in an error


def refusal(name: str, expected: object, received: object) -> str:
    """Return the message of an error, in the form that all errors of the library have."""
    return f"{name}: expected {expected}, received {received if isinstance(received, str) else shown(received)}"


def short_repr(owner: Any) -> str:
    """Return the repr of a dataclass with its values in short; it is a method, `__repr__ = short_repr`."""
    values = [f"{field.name}={short(getattr(owner, field.name))}" for field in fields(owner) if field.repr]
    return f"{type(owner).__name__}({', '.join(values)})"


def short(value: Any) -> str:
    """Return a number to four digits, many numbers by their shape and range, and what is none of these by its repr."""
    if isinstance(value, (float, np.floating)):
        exact = repr(float(value))
        return exact if len(exact) <= 6 else f"{value:.4g}"
    if isinstance(value, tuple) and len(value) <= FEW:
        return f"({', '.join(map(short, value))}{',' * (len(value) == 1)})"
    if isinstance(value, (tuple, np.ndarray)) and np.asarray(value).dtype.kind in "buif":
        return _short_numbers(np.asarray(value))
    return repr(value)


def _short_numbers(array: Any) -> str:
    """Return an array of numbers in short: `[0.1, 2.0]`, `(651,) from 0.01 to 3.2`."""
    if array.ndim == 0:
        return short(array[()])
    if array.ndim == 1 and len(array) <= FEW:
        return f"[{', '.join(map(short, array.tolist()))}]"
    if array.size == 0:
        return f"{array.shape}"
    if array.dtype == bool:
        return f"{array.shape} with {array.sum()} True"
    square = array.ndim == 2 and len(set(array.shape)) == 1
    part = np.diagonal(array) if square else array
    low, high = (short(extreme.item()) for extreme in (part.min(), part.max()))
    return f"{array.shape}{', diagonal' * square} " + (f"of {low}" if low == high else f"from {low} to {high}")


def shown(value: Any) -> str:
    """Return what was received in an error's words, in one line that is not long."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of shape {value.shape}"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def position(index: tuple[int, ...]) -> str:
    """Return an index as it is written in brackets, `2` of a vector, `(2, 0)` of a matrix."""
    return str(index[0] if len(index) == 1 else index)
