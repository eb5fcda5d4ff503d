"""Data added up on any executor, or read from a disk, is data added up; and a failure changes nothing."""

import multiprocessing
import tracemalloc
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Thread

import numpy as np
import pytest
from problems import random_problem

from minilaplace import MLP, BayesianModel, BradleyTerry, Categorical, Gaussian, Laplace, marglik_training
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.model import WeightedData
from minilaplace.sklearn import LaplaceClassifier
from minilaplace.structures.fit import KEPT, STRUCTURES, Options
from minilaplace.validation import memory

each_structure = pytest.mark.parametrize("structure", STRUCTURES)


DASK = pytest.param("dask", marks=pytest.mark.needs("distributed"))


@pytest.fixture(scope="module", params=["threads", "fork processes", "spawn processes", DASK])
def executor(request):
    with ExitStack() as stack:
        if request.param == "threads":
            pool = ThreadPoolExecutor(2)
        elif request.param == "dask":
            from distributed import Client, LocalCluster

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


def test_where_no_thread_starts_the_shards_are_added_up_here(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    model, theta, X, y = random_problem("gaussian", (3,), "tanh", 2, n_samples=21)
    expected = Laplace(model, theta).fit(X, y).posterior.precision()
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(Thread, "start", start)
        la = Laplace(model, theta).fit(X, y, executor=pool)
    np.testing.assert_allclose(la.posterior.precision(), expected, rtol=0, atol=1e-12 * expected.max())
    with pytest.raises(RuntimeError, match="shutdown"):  # another error is none of a system without threads
        Laplace(model, theta).fit(X, y, executor=pool)


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
    shards = [argument for job in executor.jobs for argument in job if isinstance(argument, WeightedData)]
    assert [len(shard.X) for shard in shards] == [7, 7, 6]
    for part, whole in zip(zip(*shards, strict=True), (X, y, np.ones(20)), strict=True):
        np.testing.assert_array_equal(np.concatenate(part), whole)


def test_a_machine_that_does_not_say_its_cores_has_one(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: None)
    model, theta, X, y = random_problem(n_samples=20)
    executor = Recording()
    Laplace(model, theta).fit(X, y, executor=executor)
    assert len(executor.jobs) == 1


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
    monkeypatch.setattr("minilaplace.validation.inputs.READ_FLOATS", 2**6)
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
    monkeypatch.setattr("minilaplace.validation.inputs.READ_FLOATS", 2**6)
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


# --- what is too large for this machine

LARGE = MLP(784, 300, 10)  # the network of many a first try: 238,510 parameters, whose square is 424 GiB of float64
DIGITS, NUMERALS = np.ones((3, 784)), [0, 1, 9]
SMALLER = r"hessian_structure='kron' or 'diag', or subset_of_weights='last_layer'"


@pytest.fixture
def machine(monkeypatch):
    """Give this machine a memory of 16 GiB."""
    monkeypatch.setattr(memory, "physical_memory", lambda: 16 * 2**30)


def refused_at_once(call):
    """Call with an error and less than 100 MB at any time, and return what it says."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"; this machine has 16 GiB$") as caught:
            call()
        assert tracemalloc.get_traced_memory()[1] < 1e8
    finally:
        tracemalloc.stop()
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "takes"),
    [
        ({}, "'full' of 238510 parameters, which takes 424 GiB"),
        ({"hessian_structure": "lowrank"}, "'lowrank' of 238510 parameters, which takes 424 GiB"),
        # (300 x 785)^2 + (10 x 301)^2 numbers
        ({"hessian_structure": "blockdiag"}, "'blockdiag' of 238510 parameters, which takes 413 GiB"),
        ({"subset_of_weights": "subnetwork", "subnetwork_indices": np.arange(50_000)},
            "'full' of 50000 parameters, which takes 18.6 GiB"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("machine")
def test_a_posterior_too_large_for_memory_is_refused_before_any_of_it(options, takes):
    theta, model = np.zeros(LARGE.n_params), BayesianModel(LARGE, Categorical())
    message = refused_at_once(lambda: Laplace(model, theta, **options))
    assert message.startswith(f"hessian_structure: expected {SMALLER}, received {takes} and, with its factor, ")
    classifier = LaplaceClassifier((300,), activation="tanh", **options)  # before it is trained
    assert takes in refused_at_once(lambda: classifier.fit(np.repeat(DIGITS, 4, axis=0)[:10], np.arange(10)))
    assert takes in refused_at_once(lambda: marglik_training(model, DIGITS, NUMERALS, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"hessian_structure": "diag"},
        {"subset_of_weights": "subnetwork", "subnetwork_indices": [0]},  # an entry of the first W
    ],
)
@pytest.mark.usefixtures("machine")
def test_the_second_order_term_of_a_hessian_counts_whatever_is_kept_of_it(options):
    model, theta = BayesianModel(LARGE, Categorical()), np.zeros(LARGE.n_params)
    message = refused_at_once(lambda: Laplace(model, theta, curvature="hessian", **options))
    assert message.startswith(f"curvature: expected 'ggn' with {SMALLER}, received 'hessian' in 238510 parameters, ")
    assert "whose second-order term takes 424 GiB" in message


@pytest.mark.parametrize(("curvature", "takes"), [("ggn", "80 GiB"), ("empirical_fisher", "8.89 GiB")])
@pytest.mark.usefixtures("machine")
def test_the_rows_of_a_gp_are_counted_before_they_are_made(curvature, takes):
    # 9 rows a sample, as the tenth of the softmax' factor is 0, or one gradient; 5,000 samples; 238,510 parameters.
    X, y, model = np.zeros((5_000, 784)), np.zeros(5_000), BayesianModel(LARGE, Categorical())
    la = Laplace(model, np.zeros(LARGE.n_params), hessian_structure="gp", curvature=curvature)
    assert f"'gp' of 238510 parameters, which takes {takes} and" in refused_at_once(lambda: la.fit(X, y))
    assert la.n_data == 0


@pytest.mark.parametrize(
    "options", [{"hessian_structure": "kron"}, {"hessian_structure": "diag"}, {"subset_of_weights": "last_layer"}]
)
@pytest.mark.usefixtures("machine")
def test_what_the_refusal_names_will_do(options):
    la = Laplace(BayesianModel(LARGE, Categorical()), LARGE.init(0), **options).fit(DIGITS, NUMERALS)
    np.testing.assert_allclose(la.predict(DIGITS).sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("curvature", [ggn, hessian, empirical_fisher])
@pytest.mark.usefixtures("machine")
def test_a_dense_curvature_too_large_for_memory_is_refused(curvature):
    model, theta = BayesianModel(LARGE, Categorical()), np.zeros(LARGE.n_params)
    message = refused_at_once(lambda: curvature(model, theta, DIGITS, NUMERALS))
    assert message.startswith("model: expected fewer parameters, or a Laplace with hessian_structure='kron'")
    assert "received 238510, whose dense matrix takes 424 GiB" in message


@pytest.mark.usefixtures("machine")
def test_a_jacobian_a_second_order_term_and_a_dense_prior_too_large_are_refused():
    theta, X = np.zeros(LARGE.n_params), np.zeros((1000, 784))
    message = refused_at_once(lambda: LARGE.jacobian(theta, X))  # 1,000 x 10 x 238,510 numbers
    assert message.startswith("X: expected fewer samples at a time, received 1000 samples, whose Jacobian takes 17.8 G")
    assert "takes 424 GiB" in refused_at_once(lambda: LARGE.second_order(theta, X, np.zeros((1000, 10))))
    la = Laplace(BayesianModel(LARGE, Categorical()), theta, hessian_structure="diag").fit(DIGITS, NUMERALS)
    said = refused_at_once(la.as_prior)
    assert "takes 424 GiB" in said
    assert "fewer parameters, or training on all data again" in said


@pytest.mark.usefixtures("machine")
def test_what_is_asked_of_a_large_posterior_is_refused_with_what_it_can_do_instead():
    model = BayesianModel(LARGE, Categorical())
    for structure in ("diag", "kron"):
        la = Laplace(model, np.zeros(LARGE.n_params), hessian_structure=structure).fit(DIGITS, NUMERALS)
        for dense in (la.posterior.precision, la.posterior.covariance):
            assert "its variance, samples and predictions, which need no dense matrix" in refused_at_once(dense)
        assert la.posterior.variance().shape == (LARGE.n_params,)
        said = refused_at_once(lambda la=la: la.sample(10_000))
        assert said.startswith("n_samples: expected fewer samples at a time, received 10000 of 238510 parameters")
        assert la.sample(2, rng=0).shape == (2, LARGE.n_params)


@each_structure
@pytest.mark.parametrize("curvature", ["ggn", "empirical_fisher"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical"])
def test_what_is_counted_is_what_is_kept(structure, curvature, likelihood):
    C = {"bernoulli": 1, "categorical": 3}[likelihood]
    model, theta, X, y = random_problem(likelihood, (3, 4), "tanh", C, n_samples=5)
    la = Laplace(model, theta, hessian_structure=structure, curvature=curvature).fit(X, y)
    rows = 5 * (2 if (likelihood, curvature) == ("categorical", "ggn") else 1)
    kept = sum(part.size for part in la._fit.structure.parts)
    assert KEPT[structure](la.subset, rows) == kept


@pytest.mark.parametrize(
    ("options", "matrices", "name"),
    [({}, 2, "hessian_structure"), ({"hessian_structure": "diag", "curvature": "hessian"}, 1, "curvature")],
)
def test_a_curvature_has_room_for_what_it_counts_and_for_no_less(options, matrices, name, monkeypatch):
    model, theta, *_ = random_problem(hidden=(3,))
    room = 8.0 * matrices * model.network.n_params**2  # the matrix, and its factor if it is kept
    monkeypatch.setattr(memory, "physical_memory", lambda: room)
    Laplace(model, theta, **options)
    monkeypatch.setattr(memory, "physical_memory", lambda: room - 1)
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        Laplace(model, theta, **options)


@pytest.mark.parametrize("answer", [AttributeError, ValueError, OSError, -1])
def test_a_machine_that_does_not_say_its_memory_refuses_nothing(answer, monkeypatch):
    def sysconf(name):
        if answer != -1:
            raise answer
        return 4096 if name == "SC_PAGE_SIZE" else answer

    monkeypatch.setattr("os.sysconf", sysconf, raising=False)
    assert memory.physical_memory() == np.inf


# --- choices that do not go together

REFUSED = [
    ({"hessian_structure": "kron", "curvature": "hessian"},
     "curvature: expected 'ggn' or 'empirical_fisher' with hessian_structure='kron', "
     "received 'hessian', which is not a Kronecker product"),
    ({"hessian_structure": "gp", "curvature": "hessian"},
     "curvature: expected 'ggn' or 'empirical_fisher' with hessian_structure='gp', "
     "received 'hessian', which is not a sum of squares"),
    ({"hessian_structure": "kron", "subset_of_weights": "subnetwork"},
     "subset_of_weights: expected 'all' or 'last_layer' with hessian_structure='kron', received 'subnetwork'"),
    ({"temperature": 0.0}, "temperature: expected "),
    ({"subset_of_weights": "half"}, "subset_of_weights: expected one of 'all', 'last_layer', 'subnetwork', rec"),
    ({"hessian_structure": "lowrank", "rank": 0}, "rank: expected a whole number of at least 1"),
    ({"rank": 3}, "rank: expected None but for hessian_structure='lowrank', received 3"),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_choices_that_do_not_go_together_are_refused_by_name(choices, message):
    with pytest.raises(ValueError, match="expected") as refused:
        Options(**choices)
    assert str(refused.value).startswith(message)


def test_a_difference_of_two_products_has_no_factors():
    model = BayesianModel(MLP(2, 3, 1), BradleyTerry())
    with pytest.raises(ValueError, match=r"^hessian_structure: expected another structure for pairs, received 'kron'"):
        Laplace(model, np.zeros(model.network.n_params), hessian_structure="kron")


def test_choices_are_kept_as_plain_numbers_and_words():
    options = Options(temperature=np.float32(2), hessian_structure=np.str_("lowrank"), rank=np.int64(1))
    received = options.temperature, options.hessian_structure, options.rank
    assert received == (2.0, "lowrank", 1)
    assert [type(value) for value in received] == [float, str, int]


def test_indices_that_the_caller_changes_afterwards_are_those_given():
    indices = np.array([3, 0])
    options = Options(subset_of_weights="subnetwork", subnetwork_indices=indices)
    indices[0] = 5
    np.testing.assert_array_equal(options.subnetwork_indices, [3, 0])


def test_every_batch_is_told_and_none_is_larger_than_asked():
    model, theta, X, y = random_problem(n_samples=10)
    told = []
    Laplace(model, theta).fit(X, y, batch_size=4, callback=lambda *progress: told.append(progress))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_loss_beyond_the_range_is_refused_though_the_curvature_is_none():
    # A Gaussian's curvature does not depend on the residual, whose square overflows.
    model = BayesianModel(MLP(1, 1), Gaussian())
    with pytest.raises(ValueError, match=r"^theta: expected parameters at which loss and curvature"):
        Laplace(model, np.array([0.0, 1e200])).fit([[0.0]], [0.0])


@each_structure
def test_a_curvature_beyond_the_range_is_refused_though_the_loss_is_none(structure):
    # At theta = 0 there is no residual; the square of an input overflows, or in the rows of a gp the input's multiple.
    la = Laplace(BayesianModel(MLP(1, 1), Gaussian(1e-150)), np.zeros(2), hessian_structure=structure)
    with pytest.raises(ValueError, match=r"^theta: expected parameters at which loss and curvature"):
        la.fit([[1e200]], [0.0])
    assert la.n_data == 0
