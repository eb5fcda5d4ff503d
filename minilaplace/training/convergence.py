"""What is said where an optimum was not reached, and who hears it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..validation import Array

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


def warn(message: str, stacklevel: int = 2) -> None:
    """Issue a `ConvergenceWarning`, or tell the `convergence_heard` around it."""
    heard = _HEARD.get()
    if heard is None:
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel + 1)
    else:
        heard.append(message)
