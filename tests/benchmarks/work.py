"""What is measured, and how: the best of several runs, in a process of its own."""

import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from minilaplace import MLP, BayesianModel, Categorical


def alone(function, *arguments):
    """Return what a function returns in a process of its own, where no other library's threads wait for work."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=settle) as pool:
        return pool.submit(function, *arguments).result()


def settle():
    """Free an array of 16 MB: from then on the C library keeps what is freed, as in a process that has read data."""
    np.ones(2**21)


def seconds(work, least=0.5):
    """Return the best of at least three runs and half a second, or `least`, and what the work returns."""
    best, start, runs = np.inf, time.perf_counter(), 0
    while time.perf_counter() - start < least or runs < 3:
        runs += 1
        before = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - before)
    return best, result


def peak_megabytes(work):
    """Return how much memory the work adds at its peak."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def problem(sizes, N, n_points=0):
    """Draw a classifier's parameters, its data, and points to predict."""
    rng = np.random.default_rng(0)
    model = BayesianModel(MLP(*sizes), Categorical(), prior_precision=1.0)
    X, y = rng.normal(size=(N, sizes[0])), rng.integers(0, sizes[-1], size=N)
    return model, model.network.init(0), X, y, rng.normal(size=(n_points, sizes[0]))
