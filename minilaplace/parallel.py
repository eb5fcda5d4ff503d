"""Around the post: jobs side by side, on any `concurrent.futures.Executor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def side_by_side(jobs: Iterable[partial[T]], executor: Executor | None) -> Iterator[T]:
    """Yield what each job returns, in order; without an executor they run here, one after the other."""
    if executor is None:
        return (job() for job in jobs)
    futures = [executor.submit(job.func, *job.args, **job.keywords) for job in jobs]
    return (future.result() for future in futures)
