"""Single values: numbers, counts, names, switches, functions, and the source of randomness."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor
from typing import Any, TypeAlias

import numpy as np

from .conversion import real_array, refusal

Seed: TypeAlias = int | np.random.Generator | None


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
    return str(value)


def check_callback(callback: Any, arguments: str) -> None:
    """Raise a TypeError unless `callback` is None or a function of these arguments."""
    if callback is not None and not callable(callback):
        raise TypeError(refusal("callback", f"a function of {arguments}", repr(callback)))


def check_executor(executor: Any) -> None:
    """Raise a TypeError unless this is None or an executor."""
    if executor is not None:
        instance("executor", executor, Executor, "a concurrent.futures.Executor")


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


def sampler(rng: Seed) -> np.random.Generator:
    """Return the generator `rng`, or a new one from the seed `rng`, or one from fresh entropy if `rng` is None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None:
        rng = whole_number("rng", rng, least=0)
    return np.random.default_rng(rng)


def keep(owner: Any, **checked: Any) -> None:
    """Set attributes of a frozen dataclass, while it is made, to what the checks have returned for them."""
    for name, value in checked.items():
        object.__setattr__(owner, name, value)
