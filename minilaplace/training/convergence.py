"""What is said where an optimum was not reached, and who hears it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..validation import Array

PACKAGE = __name__.partition(".")[0]

TrainingCallback = Callable[[int, Array, float], object]  # called with step, theta and loss


class ConvergenceWarning(UserWarning):
    """The optimiser stopped before it reached a mode.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ConvergenceWarning)  # from here on an error
    """


_HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def convergence_heard() -> Iterator[list[str]]:
    """Yield a list that receives what `warn` says inside, in this thread alone, in the place of warnings.

    Who wants to say it in other words need not touch the process' warning filters, which all threads share.
    """
    messages: list[str] = []
    token = _HEARD.set(messages)
    try:
        yield messages
    finally:
        _HEARD.reset(token)


def warn(message: str) -> None:
    """Issue a `ConvergenceWarning`, or tell the `convergence_heard` around it."""
    heard = _HEARD.get()
    if heard is None:
        warnings.warn(message, ConvergenceWarning, stacklevel=callers_level())
    else:
        heard.append(message)


def callers_level() -> int:
    """Return the `stacklevel` at which a warning issued by the caller points to the first line outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == PACKAGE:
        frame, level = frame.f_back, level + 1
    return level
