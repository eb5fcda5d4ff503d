"""Data added up on any executor, or read from a disk, is data added up; and a failure changes nothing."""

import multiprocessing
import tracemalloc
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from distributed import Client, LocalCluster
from problems import random_problem

from minilaplace import Laplace
from minilaplace.structures.fit import STRUCTURES

each_structure = pytest.mark.parametrize("structure", STRUCTURES)


@pytest.fixture(scope="module", params=["threads", "fork processes", "spawn processes", "dask"])
def executor(request):
    with ExitStack() as stack:
        if request.param == "threads":
            pool = ThreadPoolExecutor(2)
        elif request.param == "dask":
            one_worker = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
            cluster = stack.enter_context(LocalCluster(**one_worker, dashboard_address=None, silence_logs=50))
            pool = stack.enter_context(Client(cluster)).get_executor()
        else:
            method = request.param.split()[0]
            pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))
        yield stack.enter_context(pool)


@each_structure
def test_an_executor_gives_the_same_as_none(executor, structure):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=21)
    alone = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    for batch_size in (None, 4):
        la = Laplace(model, theta, hessian_structure=structure).fit(X, y, executor=executor, batch_size=batch_size)
        assert la.n_data == 21
        precision = alone.posterior.precision()
        np.testing.assert_allclose(la.posterior.precision(), precision, rtol=0, atol=1e-12 * precision.max())
        assert la.log_marginal_likelihood() == pytest.approx(alone.log_marginal_likelihood(), rel=1e-12, abs=0)


def test_an_executor_adds_to_what_is_there(executor):
    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_samples=21)
    whole = Laplace(model, theta).fit(X, y)
    la = Laplace(model, theta).fit(X[:8], y[:8], executor=executor)
    la.fit(X[8:], y[8:], executor=executor, override=False)
    precision = whole.posterior.precision()
    np.testing.assert_allclose(la.posterior.precision(), precision, rtol=0, atol=1e-12 * precision.max())


def test_fewer_samples_than_shards_are_enough(executor):
    model, theta, X, y = random_problem(n_samples=1)
    la = Laplace(model, theta).fit(X, y, executor=executor)
    np.testing.assert_array_equal(la.posterior.precision(), Laplace(model, theta).fit(X, y).posterior.precision())


class Recording(Executor):
    """Runs jobs at once, in this thread, and remembers them; fails at the one asked for."""

    def __init__(self, failing=None):
        self.jobs, self.failing = [], failing

    def submit(self, function, /, *arguments, **options):
        self.jobs.append(arguments)
        future = Future()
        if len(self.jobs) == self.failing:
            future.set_exception(MemoryError("no room"))
        else:
            future.set_result(function(*arguments, **options))
        return future


def test_shards_are_few_and_large_and_cover_the_data(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    model, theta, X, y = random_problem(n_samples=20)
    executor = Recording()
    Laplace(model, theta).fit(X, y, executor=executor)
    shards = [
        [argument for argument in job if isinstance(argument, np.ndarray) and len(argument) < 20]
        for job in executor.jobs
    ]
    assert [len(shard[0]) for shard in shards] == [7, 7, 6]
    np.testing.assert_array_equal(np.concatenate([shard[0] for shard in shards]), X)
    np.testing.assert_array_equal(np.concatenate([shard[1] for shard in shards]), y)


@pytest.mark.parametrize("override", [True, False])
def test_a_worker_that_fails_leaves_the_previous_fit(override, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    model, theta, X, y = random_problem(n_samples=20)
    la = Laplace(model, theta).fit(X[:5], y[:5])
    before = la.predict(X)
    with pytest.raises(MemoryError, match="no room"):
        la.fit(X, y, executor=Recording(failing=2), override=override)
    assert la.n_data == 5
    np.testing.assert_array_equal(la.predict(X), before)


def test_what_is_no_executor_is_named():
    model, theta, X, y = random_problem()
    message = "^executor: expected a concurrent.futures.Executor, received 'threads'"
    with pytest.raises(TypeError, match=message):
        Laplace(model, theta).fit(X, y, executor="threads")


# --- data that is too large to convert as a whole


class Lazy:
    """Rows that are read when they are asked for, as h5py and zarr have them."""

    def __init__(self, array):
        self._array, self.dtype, self.shape = array, array.dtype, array.shape

    def __getitem__(self, rows):
        return self._array[rows]


@pytest.fixture(params=["memmap float64", "memmap float32", "memmap uint8", "lazy"])
def stored(request, tmp_path):
    """Return a function that stores an array, and what dtype it is stored in."""
    kind, *dtype = request.param.split()
    dtype = np.dtype(*dtype or ["float32"])

    def store(array):
        if kind == "lazy":
            return Lazy(array.astype(dtype))
        X = np.memmap(tmp_path / "X", dtype, "w+", shape=array.shape)
        X[:] = array
        return X

    return store, dtype


def test_rows_on_a_disk_give_the_same_as_in_memory(stored, monkeypatch):
    monkeypatch.setattr("minilaplace.validation.arrays.READ_FLOATS", 2**6)
    store, dtype = stored
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=100)
    X = np.abs(10 * X).astype(dtype).astype(float)
    in_memory, on_disk = Laplace(model, theta).fit(X, y), Laplace(model, theta).fit(store(X), y)
    np.testing.assert_array_equal(on_disk.posterior.precision(), in_memory.posterior.precision())
    np.testing.assert_array_equal(on_disk.predict(store(X)), in_memory.predict(X))
    on_disk.fit(store(X), y, executor=Recording())
    np.testing.assert_allclose(on_disk.posterior.precision(), in_memory.posterior.precision(), rtol=0, atol=1e-11)


def test_memory_does_not_grow_with_rows_on_a_disk(stored):
    store, _ = stored
    model, theta, X, y = random_problem(hidden=(3,), n_samples=10, n_inputs=8)
    peaks = []
    for repeats in (20_000, 40_000):
        rows, labels = store(np.abs(np.tile(X, (repeats, 1)))), np.tile(y, repeats)
        tracemalloc.start()
        Laplace(model, theta).fit(rows, labels)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 200,000 rows more would be 13 MB more as float64; the labels are in memory, and copied for their check.
    assert peaks[1] - peaks[0] < 5e6


def test_what_is_wrong_with_rows_on_a_disk_is_named_before_any_work(stored, monkeypatch):
    monkeypatch.setattr("minilaplace.validation.arrays.READ_FLOATS", 2**6)
    store, dtype = stored
    model, theta, X, y = random_problem(n_samples=100)
    la = Laplace(model, theta)
    with pytest.raises(ValueError, match=r"^X: expected shape \(N, 2\) with N >= 1, received shape \(100, 3\)"):
        la.fit(store(np.ones((100, 3))), y)
    if dtype.kind == "f":
        X[70, 1] = np.nan
        with pytest.raises(ValueError, match=r"^X: expected finite numbers, received nan at index \(70, 1\)"):
            la.fit(store(X), y)
    assert la.n_data == 0
