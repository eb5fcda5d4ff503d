"""What a model, a search or a score is made with: names, numbers, vectors and matrices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh

from .inputs import Array, finite, real_array, refuse_where
from .shown import refusal, shown


def option(name: str, value: object, known: Collection[str]) -> str:
    """Return `value` if it is one of the `known` names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(refusal(name, f"one of {', '.join(map(repr, known))}", shown(value)))
    return str(value)


def real_number(name: str, value: object, *, above: float = -np.inf) -> float:
    """Return `value` as a finite float greater than `above`."""
    expected = "a finite number" if above == -np.inf else f"a finite number greater than {above:g}"
    number = real_array(name, value, expected, lambda shape: shape == ())
    if not above < number < np.inf:
        raise ValueError(refusal(name, expected, shown(value)))
    return float(number)


def keep(owner: Any, **checked: Any) -> None:
    """Set attributes of a frozen dataclass, while it is made, to what the checks have returned for them."""
    for name, value in checked.items():
        object.__setattr__(owner, name, value)


def vector(name: str, value: ArrayLike, length: int) -> Array:
    """Return a copy of `value` as a finite vector of the given length."""
    array = real_array(name, value, f"shape ({length},)", lambda shape: shape == (length,))
    return finite(name, array).copy()


def positive_numbers(name: str, value: Any) -> float | tuple[float, ...]:
    """Return one positive number as a float, or a vector of positive numbers as a tuple."""
    if real_array(name, value, "a finite number greater than 0", lambda shape: shape != (0,)).ndim != 1:
        return real_number(name, value, above=0.0)
    return tuple(real_number(name, float(element), above=0.0) for element in value)


def positive_definite(name: str, value: ArrayLike) -> Array:
    """Return a copy of a square `value` if it is a symmetric positive definite matrix, in any units of its rows."""
    array = finite(name, real_array(name, value, "a symmetric positive definite matrix")).copy()
    diagonal = np.diag(array)
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = array / root / root[:, None]
    if not np.allclose(scaled, scaled.T, rtol=1e-10, atol=1e-10):
        raise ValueError(refusal(name, "a symmetric matrix", "one that is not"))
    smallest = eigvalsh(scaled, subset_by_index=[0, 0])[0]
    if smallest <= 0:
        received = f"smallest eigenvalue {smallest:g}, its positive diagonal scaled to ones"
        raise ValueError(refusal(name, "a positive definite matrix", received))
    return array


def number_or_vector(name: str, value: ArrayLike, length: int, *, positive: bool = False) -> float | Array:
    """Return `value` as a float if it is one number, or as a finite vector of the given length."""
    if real_array(name, value, f"a number or shape ({length},)").ndim == 0:
        return real_number(name, value, above=0.0 if positive else -np.inf)
    array = vector(name, value, length)
    if positive:
        refuse_where(name, array <= 0, "positive numbers", array)
    return array


def numbers(name: str, value: ArrayLike, shapes: Mapping[int, str]) -> Array:
    """Return finite numbers, at least one, in an array whose number of axes is a key of `shapes`: {2: "(N, C)"}."""
    expected = f"shape {' or '.join(shapes.values())} with nothing empty"
    return finite(name, real_array(name, value, expected, lambda shape: len(shape) in shapes and 0 not in shape))
