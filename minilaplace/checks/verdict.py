"""The verdict of a check: whether all entries agree, which is the worst, and what usually causes such a mistake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import Array, instance, real_array, refusal

SMALL = 1e-3  # an entry below this part of the largest one has the tolerance of an entry of just this size
ROUNDED = 1e-2  # a smaller relative difference looks like rounding or an approximation
# What usually causes a mistake, by the ratio of the received number to the expected one.
HINTS = {-1.0: "wrong sign?", 0.0: "a missing term?", 0.5: "a missing factor 2?", 2.0: "a missing factor 1/2?"}


@dataclass(frozen=True)
class Check:
    """The verdict of a check, which is true if the check has passed, and prints as its message.

    For a wrong shape or an open gap no entries were compared: `index` is `()` and the numbers are NaN.
    """

    passed: bool
    index: tuple[int, ...]  # of the worst entry
    expected: float  # by finite differences, or as it was given
    received: float  # from the derivative or the numbers under test
    error: float  # estimated error of `expected`: zero if it was given, infinite if there is no estimate
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return self.message


def judge(name: str, off: Array, received: Array, expected: Array, error: Array, cause: str) -> Check:
    """Return the verdict on the entry that is most tolerances off: above 1 it is wrong, at 1 unknown, below 1 right."""
    index = tuple(int(i) for i in np.unravel_index(np.argmax(off), off.shape))
    e, r, err = float(expected[index]), float(received[index]), float(error[index])
    if off[index] > 1:
        finding = "is wrong"
        hint = cause or next((text for ratio, text in HINTS.items() if e and abs(r / e - ratio) < 1e-6), "")
    elif off[index] == 1:
        finding, hint = "cannot be checked", "not smooth there, or too noisy: try another theta"
    else:
        finding, hint = "agrees, worst" if index else "agrees", ""
    place = f" at {index}" if index else ""
    digits = 17 if finding == "is wrong" and f"{e:.9g}" == f"{r:.9g}" else 9
    values = f"expected {e:.{digits}g}, received {r:.{digits}g}" + (f" (reference error {err:.0e})" if err else "")
    message = f"{name} {finding}{place}: {values}" + (f"; {hint}" if hint else "")
    return Check(bool(off[index] < 1), index, e, r, err, message)


def judge_all(name: str, answers: list[Array], right: list[Array], rtol: float, cause: str) -> Check:
    """Return the verdict on the first wrong answer, or else on the first; without `cause` the usual one is guessed."""
    verdicts = []
    for r, e in zip(answers, right, strict=True):
        if r.shape != e.shape:
            return wrong_shape(name, e.shape, r.shape, cause)
        why = cause or usual_cause(r, e, rtol)
        verdicts.append(judge(name, tolerances_off(r, e, rtol), r, e, np.zeros(e.shape), why))
    return next((verdict for verdict in verdicts if not verdict), verdicts[0])


def tolerances_off(received: Array, expected: Array, rtol: float) -> Array:
    """Return by how many tolerances each number is off: less than 1 if it agrees, infinitely many for NaN."""
    with np.errstate(all="ignore"):
        size = np.abs(expected)
        largest = size.max(initial=0.0, where=np.isfinite(size)) or 1.0
        tolerance = np.nextafter(rtol * np.maximum(size, SMALL * largest), np.inf)  # off by just this much agrees
        off = np.abs(received - expected) / tolerance
    return np.where(received == expected, 0.0, np.where(np.isnan(off), np.inf, off))


def usual_cause(received: Array, expected: Array, rtol: float) -> str:
    """Return a hint at the usual mistake that would explain all entries, or an empty string if there is none."""
    ordered = [np.sort(array, axis=None) for array in (received, expected)]
    for hint, (r, e), tolerance in [
        ("transposed?", (received.T, expected), rtol),
        ("the right numbers in another order?", ordered, rtol),
        ("rounded, or an approximation?", (received, expected), ROUNDED),
    ]:
        if r.shape == e.shape and (tolerances_off(r, e, tolerance) < 1).all():
            return hint
    return ""


def agree(answers: list[Array], others: list[Array], rtol: float) -> bool:
    """Return whether arrays are equal to others, one by one, in shape and within the tolerance."""
    pairs = list(zip(answers, others, strict=True))
    return all(a.shape == b.shape and bool((tolerances_off(a, b, rtol) < 1).all()) for a, b in pairs)


def by_name(mistakes: Any, *, functions: bool) -> dict[str, Any]:
    """Return the mistakes by what is wrong with them, or raise a TypeError if they are not, or not functions."""
    if mistakes is None:
        return {}
    instance("mistakes", mistakes, Mapping, "wrong answers by what is wrong with them, {text: answer}")
    for text, mistake in mistakes.items():
        instance("mistakes", text, str, "names that are strings")
        if functions:
            instance("mistakes", mistake, Callable, "a function")
    return dict(mistakes)


def which(answers: list[Array], wrong: dict[str, list[Array]], rtol: float) -> str:
    """Return the question whether the answers are a mistake that was foreseen, or an empty string."""
    return next((f"{text}?" for text, values in wrong.items() if agree(answers, values, rtol)), "")


def wrong_shape(name: str, expected: tuple[int, ...], received: tuple[int, ...], cause: str) -> Check:
    """Return the failed check of an array of another shape, even of one that would broadcast to the expected one."""
    cause = cause or ("transposed?" if received == expected[::-1] else "")
    hint = f"; {cause}" if cause else ""
    return _nothing_to_show(f"{name} has the wrong shape: expected {expected}, received {received}{hint}")


def still_open(name: str) -> Check:
    """Return the failed check of an exercise whose gap `...` has not been filled."""
    return _nothing_to_show(f"{name}: the gap `...` is still open")


def is_open(value: Any) -> bool:
    """Return whether a value is the gap `...`, or a list, tuple or array that holds it."""
    if isinstance(value, (list, tuple)):
        return any(map(is_open, value))
    return value is ... or (isinstance(value, np.ndarray) and value.dtype == object and any(map(is_open, value.flat)))


def check_rtol(rtol: float) -> None:
    """Raise a TypeError or ValueError unless `rtol` is a number in [0, 1)."""
    if np.ndim(real_array("rtol", rtol, "a number in [0, 1)")) or not 0 <= rtol < 1:
        raise ValueError(refusal("rtol", "a number in [0, 1)", rtol))


def _nothing_to_show(message: str) -> Check:
    return Check(False, (), np.nan, np.nan, np.nan, message)
