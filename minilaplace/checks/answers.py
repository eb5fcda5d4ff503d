"""Checks of an answer: of numbers against known ones, and of a function against one that is right.

| you have | call |
|---|---|
| numbers, and what they should be, both S | `check_equal(name, received, expected)` |
| a function, and one that is right, `(...) -> S` | `check_function(name, received, expected, draw)` |

S stands for any shape. Who sets an exercise knows what is likely to go wrong: `mistakes` are such answers by what is
wrong with them, and the check of one of them says which it is.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import signature
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..validation import Array, Seed, instance, real_array, refusal, sampler, whole_number
from .verdict import Check, agree, by_name, check_rtol, is_open, judge_all, still_open, which

Function: TypeAlias = Callable[..., Any]

WANTED = "a number or an array"
SEED = 1812  # of the inputs that are drawn if no other is given, so that no exercise shows it


def check_equal(
    name: str,
    received: ArrayLike,
    expected: ArrayLike,
    *,
    rtol: float = 1e-9,
    mistakes: Mapping[str, ArrayLike] | None = None,
) -> Check:
    """Check that a number, or an array of any shape, is equal to the expected one within a tolerance.

    An entry agrees if `|received - expected| <= rtol max(|expected|, 0.001 largest)`, where `largest` is the largest
    finite |expected| of all entries, or 1 if they are zero. An infinity agrees with the same infinity, and NaN with
    nothing, not even with NaN. Shapes must be equal. If the answer agrees with one of the `mistakes`, wrong answers by
    what is wrong with them, the check says with which.

    Raises
    ------
    TypeError, ValueError
        If `name` is no string, `received`, `expected` or a mistake holds no real numbers, `rtol` is not in [0, 1), or
        a mistake agrees with what is expected.

    Examples
    --------
    >>> print(check_equal("covariance", [[2.0, 0.5], [0.1, 3.0]], [[2.0, 0.1], [0.5, 3.0]]))
    covariance is wrong at (0, 1): expected 0.1, received 0.5; transposed?
    >>> print(check_equal("variance", 4.0, 0.25, mistakes={"the precision": 4.0}))
    variance is wrong: expected 0.25, received 4; the precision?
    >>> print(check_equal("log evidence", ..., -12.3))
    log evidence: the gap `...` is still open
    """
    instance("name", name, str, "a string")
    check_rtol(rtol)
    wrong = {
        text: [real_array("mistakes", value, WANTED)] for text, value in by_name(mistakes, functions=False).items()
    }
    right = [_not_empty(real_array("expected", expected, WANTED))]
    _refuse_right_ones(wrong, right, rtol)
    if is_open(received):
        return still_open(name)
    answers = [real_array("received", received, WANTED)]
    return judge_all(name, answers, right, rtol, which(answers, wrong, rtol))


def check_function(
    name: str,
    received: Function,
    expected: Function,
    draw: Callable[[np.random.Generator], Any],
    *,
    n_draws: int = 5,
    rtol: float = 1e-9,
    mistakes: Mapping[str, Function] | None = None,
    rng: Seed = SEED,
) -> Check:
    """Check that a function returns what `expected` returns, at inputs that nobody has seen before.

    `draw(rng)` returns the arguments of a call: a tuple of them, or one that is no tuple. At `n_draws` of them the two
    results are compared as `check_equal` does, and the verdict is on the first one that is wrong. If the answer agrees
    everywhere with one of the `mistakes`, wrong functions by what is wrong with them, or does not change with an
    argument with which it should, the check says so; for that an argument is exchanged for the one of another draw, so
    that shapes which belong together must be the same in all draws.

    Raises
    ------
    TypeError, ValueError
        If `name` is no string, a function cannot be called or returns no real numbers, `n_draws` is less than 1,
        `rtol` is not in [0, 1), or a mistake agrees with what is expected everywhere.

    Examples
    --------
    >>> def area(width, height):
    ...     return width**2
    >>> sides = lambda rng: tuple(rng.integers(1, 9, size=2))
    >>> print(check_function("area", area, lambda width, height: width * height, sides))
    area is wrong: expected 35, received 25; does it use `height`?
    """
    instance("name", name, str, "a string")
    check_rtol(rtol)
    whole_number("n_draws", n_draws, least=1)
    functions = by_name(mistakes, functions=True)
    instance("expected", expected, Callable, "a function")
    instance("draw", draw, Callable, "a function")
    if is_open(received):
        return still_open(name)
    instance("received", received, Callable, "a function")
    rng = sampler(rng)
    calls = [drawn if isinstance(drawn := draw(rng), tuple) else (drawn,) for _ in range(n_draws)]
    right = [_not_empty(each) for each in _answers("expected", expected, calls)]
    wrong = {text: _answers("mistakes", function, calls) for text, function in functions.items()}
    _refuse_right_ones(wrong, right, rtol)
    results = [received(*deepcopy(call)) for call in calls]
    if any(map(is_open, results)):
        return still_open(name)
    answers = [real_array("received(...)", result, WANTED) for result in results]
    cause = (
        "" if agree(answers, right, rtol) else which(answers, wrong, rtol) or _unused(received, expected, calls, rtol)
    )
    return judge_all(name, answers, right, rtol, cause)


def _unused(received: Function, expected: Function, calls: list[tuple[Any, ...]], rtol: float) -> str:
    """Return the question whether an argument is used that changes what is expected, but not the answer."""
    if len(calls) < 2:
        return ""
    first, second = calls[:2]
    try:
        arguments = list(signature(received).parameters)[: len(first)]
    except ValueError:  # of some functions in C
        return ""
    for i, argument in enumerate(arguments):
        changed = [first, (*first[:i], second[i], *first[i + 1 :])]
        ours, theirs = _answers("received", received, changed), _answers("expected", expected, changed)
        if agree(ours[:1], ours[1:], rtol) and not agree(theirs[:1], theirs[1:], rtol):
            return f"does it use `{argument}`?"
    return ""


def _answers(name: str, function: Function, calls: list[tuple[Any, ...]]) -> list[Array]:
    return [real_array(f"{name}(...)", function(*deepcopy(call)), WANTED) for call in calls]


def _refuse_right_ones(wrong: dict[str, list[Array]], right: list[Array], rtol: float) -> None:
    for text, values in wrong.items():
        if agree(values, right, rtol):
            raise ValueError(refusal("mistakes", "answers that differ from the expected one", f"{text!r}, which is it"))


def _not_empty(expected: Array) -> Array:
    if expected.size == 0:
        raise ValueError(refusal("expected", "at least one number", f"shape {expected.shape}"))
    return expected
