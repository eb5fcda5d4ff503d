"""Around the post: jobs side by side, on any `concurrent.futures.Executor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

T = TypeVar("T")


NO_THREADS = "can't start new thread"  # Python's own words, in a browser for example


def side_by_side(jobs: Iterable[partial[T]], executor: Executor | None) -> Iterator[T]:
    """Yield what each job returns, in order; without an executor they run here, one after the other.

    So they do where the executor is one of threads, and the system starts none.
    """
    if executor is None:
        return (job() for job in jobs)
    results = [_result_of(job, executor) for job in jobs]
    return (result() for result in results)


def _result_of(job: partial[T], executor: Executor) -> Callable[[], T]:
    """Hand a job to the executor; return what waits for its result, or if it can start no thread, the job itself."""
    try:
        return executor.submit(job.func, *job.args, **job.keywords).result
    except RuntimeError as error:
        if str(error) != NO_THREADS:
            raise
        return job
