"""Nothing happens behind one's back: inputs stay, results are one's own, and an interruption leaves no trace."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    check_gradient,
    fit_map,
    marglik_training,
)
from minilaplace.calibration import brier_score, crps, reliability_diagram
from minilaplace.curvature import CURVATURES, empirical_fisher, ggn, hessian
from minilaplace.predictive.links import LINKS
from minilaplace.structures.fit import STRUCTURES
from minilaplace.structures.subnetwork import largest_magnitude, largest_variance

KINDS = {
    Bernoulli(): MLP(2, 3, 1),
    BradleyTerry(): MLP(2, 3, 1),
    Categorical(): MLP(2, 3, 3),
    Gaussian(0.5): MLP(2, 3, 2),
    HeteroscedasticGaussian(): MLP(2, 3, 2),
}
each_kind = pytest.mark.parametrize("likelihood", KINDS, ids=lambda likelihood: type(likelihood).__name__)


def problem(likelihood, **prior):
    """Return a model, theta, and data, all arrays read-only."""
    network, rng, paired = KINDS[likelihood], np.random.default_rng(0), isinstance(likelihood, BradleyTerry)
    theta, X = rng.normal(size=network.n_params), rng.normal(size=(9, 2, 2) if paired else (9, 2))
    y = rng.normal(size=(9, 2)) if isinstance(likelihood, Gaussian) else rng.integers(0, 2, size=9)
    if isinstance(likelihood, HeteroscedasticGaussian):
        y = rng.normal(size=(9, 1))
    for array in (theta, X, y):
        array.setflags(write=False)
    return BayesianModel(network, likelihood, **prior), theta, X, y


def fitted(likelihood, structure="full", **options):
    model, theta, X, y = problem(likelihood)
    return Laplace(model, theta, hessian_structure=structure, **options).fit(X, y), X, y


def state(*arrays):
    return [(array.tobytes(), array.dtype, array.shape, array.strides) for array in arrays]


def suits(likelihood, structure, curvature="ggn"):
    meaningless = {("kron", "hessian"), ("gp", "hessian")}
    pairs = isinstance(likelihood, BradleyTerry)
    return (structure, curvature) not in meaningless and not (structure == "kron" and pairs)


# --- inputs are read, never written


@each_kind
@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_input_of_a_posterior_is_modified(likelihood, structure, tmp_path):
    if not suits(likelihood, structure):
        return
    P = KINDS[likelihood].n_params
    precision, mean, indices = np.full(P, 1e4), np.full(P, 0.1), np.arange(P)
    for array in (precision, mean, indices):
        array.setflags(write=False)
    model, theta, X, y = problem(likelihood, prior_precision=precision, prior_mean=mean)
    before = state(theta, X, y, precision, mean, indices)
    for curvature in CURVATURES:
        subsets = [{}, {"subset_of_weights": "subnetwork", "subnetwork_indices": indices}]
        for chosen in subsets[: 1 + (structure != "kron")] if suits(likelihood, structure, curvature) else []:
            la = Laplace(model, theta, hessian_structure=structure, curvature=curvature, **chosen).fit(X, y)
            la.fit(X, y, override=False)
            for link in likelihood.links:
                la.predict(X, link, n_samples=2, rng=0)
            la.uncertainty(X, n_samples=2, rng=0)
            if (structure, curvature) == ("full", "ggn"):
                la.fit(X, y).leave_one_out(X, y, "mc", n_samples=2, rng=0)
            la.functional_samples(X, 2, rng=0)
            la.glm_predictive_distribution(X)
            la.functional_covariance(X, X)
            la.information_gain(X, n_samples=2, rng=0)
            la.information_gain(X, joint=True)
            la.log_marginal_likelihood(precision)
            la.save(tmp_path / "la.npz")
    assert state(theta, X, y, precision, mean, indices) == before


@each_kind
@pytest.mark.filterwarnings("ignore::minilaplace.ConvergenceWarning")
def test_no_input_of_training_curvature_and_tuning_is_modified(likelihood):
    model, theta, X, y = problem(likelihood, prior_precision=50.0)
    before = state(theta, X, y)
    fit_map(model, X, y, theta0=theta)
    fit_map(model, X, y, theta0=theta, method="adam", epochs=2, rng=0)
    for curvature in (ggn, hessian, empirical_fisher):
        curvature(model, theta, X, y)
    la = Laplace(model, theta).fit(X, y)
    la.optimize_prior_precision("held_out", X=X, y=y)
    largest_magnitude(theta, 2)
    largest_variance(model, theta, X, y, 2)
    model.network.second_order(theta, X, np.ones((9, model.network.n_outputs)))
    assert state(theta, X, y) == before


@pytest.mark.filterwarnings("ignore::minilaplace.ConvergenceWarning")
def test_no_input_of_the_other_functions_is_modified():
    model, theta, X, y = problem(Bernoulli(), prior_precision=1.0)
    p, mean, variance = np.linspace(0.1, 0.9, 9), np.zeros(9), np.ones(9)
    before = state(theta, X, y, p, mean, variance)
    for array in (p, mean, variance):
        array.setflags(write=False)
    marglik_training(model, X, y, theta0=theta, max_rounds=2)
    brier_score(p, y)
    reliability_diagram(p, y)
    crps(mean, variance, mean)
    check_gradient(lambda t: t @ t, lambda t: 2 * t, theta)
    assert state(theta, X, y, p, mean, variance) == before


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a[::-1][::-1]])
def test_the_layout_of_the_inputs_in_memory_does_not_matter(layout):
    la, X, y = fitted(Categorical())
    twin = Laplace(la.model, layout(la.theta), hessian_structure="full").fit(layout(X), layout(y))
    np.testing.assert_array_equal(twin.posterior.precision(), la.posterior.precision())
    np.testing.assert_array_equal(twin.predict(layout(X)), la.predict(X))


# --- results are one's own


@each_kind
@pytest.mark.parametrize("structure", STRUCTURES)
def test_what_is_returned_can_be_overwritten_without_harm(likelihood, structure):
    if not suits(likelihood, structure):
        return
    la, X, y = fitted(likelihood, structure)
    left_out = [link for link in likelihood.links if structure == "full" and link != "nn"]
    questions = [
        lambda: la.posterior.precision(), lambda: la.posterior.covariance(), lambda: la.posterior.variance(),
        lambda: la.sample(2, rng=0), lambda: la.functional_samples(X, 2, rng=0),
        lambda: la.glm_predictive_distribution(X), lambda: la.uncertainty(X, n_samples=2, rng=0),
        lambda: la.functional_covariance(X), lambda: la.information_gain(X, n_samples=2, rng=0),
        lambda: la.model.network.forward(la.theta, X),
        lambda: la.model.network.jacobian(la.theta, X),
        *(lambda link=link: la.predict(X, link, n_samples=2, rng=0) for link in likelihood.links),
        *(lambda link=link: la.leave_one_out(X, y, link, n_samples=2, rng=0) for link in left_out),
    ]  # fmt: skip
    for ask in questions:
        first = ask()
        parts = first if isinstance(first, tuple) else (first,)
        expected = [part.copy() for part in parts]
        for part in parts:
            part[...] = np.pi  # raises if it is a read-only view of something
        again = ask()
        for part, value in zip(again if isinstance(again, tuple) else (again,), expected, strict=True):
            np.testing.assert_array_equal(part, value)


def test_a_posterior_keeps_to_the_theta_and_prior_that_it_was_given():
    theta, precision = np.ones(13), np.full(13, 2.0)
    X, y = np.ones((3, 2)), np.array([0, 1, 1])
    model = BayesianModel(MLP(2, 3, 1), Bernoulli(), precision)
    la = Laplace(model, theta).fit(X, y)
    expected = la.predict(X)
    theta[:], precision[:], X_old = 9.0, 9.0, X.copy()
    X[:] = 9.0
    np.testing.assert_array_equal(la.predict(X_old), expected)
    np.testing.assert_array_equal(Laplace(model, la.theta).fit(X_old, y).predict(X_old), expected)
    for attribute in (la.theta, la.posterior.mean, la.model.prior_precision):
        with pytest.raises(ValueError, match="read-only"):
            attribute[0] = 0


def test_an_executor_and_a_generator_are_used_and_not_kept():
    la, X, y = fitted(Bernoulli())
    with ThreadPoolExecutor(1) as executor:
        la.fit(X, y, executor=executor)
    la.predict(X, "mc", rng=np.random.default_rng(0))
    pickle.dumps(la)


# --- copies


@each_kind
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda la: pickle.loads(pickle.dumps(la))], ids=range(3))
def test_a_copy_answers_the_same_and_lives_its_own_life(likelihood, structure, way):
    if not suits(likelihood, structure):
        return
    la, X, y = fitted(likelihood, structure)
    expected = la.glm_predictive_distribution(X)[1]
    twin = way(la)
    np.testing.assert_array_equal(twin.glm_predictive_distribution(X)[1], expected)
    twin.fit(X, y, override=False)
    assert (la.n_data, twin.n_data) == (9, 18)
    np.testing.assert_array_equal(la.glm_predictive_distribution(X)[1], expected)
    la._posterior = None  # factored anew from what was added up
    np.testing.assert_array_equal(la.glm_predictive_distribution(X)[1], expected)


@each_kind
def test_models_are_equal_after_pickling_in_what_they_compute(likelihood):
    model, theta, X, y = problem(likelihood)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (twin.network, twin.likelihood) == (model.network, model.likelihood)
        assert twin.loss(theta, X, y) == model.loss(theta, X, y)


# --- threads


@pytest.mark.parametrize("structure", STRUCTURES)
def test_threads_that_predict_from_one_posterior_agree(structure):
    la, *_ = fitted(Categorical(), structure)
    alone = copy.deepcopy(la)
    inputs = [np.random.default_rng(seed).normal(size=(n, 2)) for seed, n in enumerate([1, 300, 7, 40] * 6)]
    with ThreadPoolExecutor(8) as pool:  # the posterior is factored by whoever comes first
        together = list(pool.map(la.predict, inputs))
        samples = list(pool.map(lambda seed: la.sample(2, rng=seed), range(8)))
    for received, X_new in zip(together, inputs, strict=True):
        np.testing.assert_array_equal(received, alone.predict(X_new))
    for seed, received in enumerate(samples):
        np.testing.assert_array_equal(received, alone.sample(2, rng=seed))


# --- interruptions


class Interrupting:
    """Data whose rows are read from somewhere; the third read is interrupted, as by Ctrl-C."""

    def __init__(self, rows, error, reads=3):
        self._rows, self._error, self._left = rows.astype(np.float32), error, reads
        self.dtype, self.shape = self._rows.dtype, rows.shape

    def __getitem__(self, rows):
        self._left -= 1
        if self._left == 0:
            raise self._error
        return self._rows[rows]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("override", [True, False])
def test_an_interrupted_fit_leaves_the_previous_one(structure, override, error):
    la, X, y = fitted(Categorical(), structure)
    before = la.n_data, la.posterior.precision(), la.predict(X), la.log_marginal_likelihood()
    with pytest.raises(error):
        la.fit(Interrupting(X, error), y, batch_size=1, override=override)
    for received, expected in zip(
        (la.n_data, la.posterior.precision(), la.predict(X), la.log_marginal_likelihood()), before, strict=True
    ):
        np.testing.assert_array_equal(received, expected)
    la.fit(X, y, override=False)
    assert la.n_data == 18


def test_an_interrupted_tuning_leaves_the_prior(monkeypatch):
    la, X, y = fitted(Bernoulli())
    before = la.model, la.predict(X)
    calls = []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args)

    original = STRUCTURES["full"].log_det_and_traces
    monkeypatch.setattr(STRUCTURES["full"], "log_det_and_traces", interrupted)
    with pytest.raises(KeyboardInterrupt):
        la.optimize_prior_precision()
    monkeypatch.undo()
    assert la.model is before[0]
    np.testing.assert_array_equal(la.predict(X), before[1])

    def held_out(f):
        raise KeyboardInterrupt

    monkeypatch.setitem(LINKS, "plugin", lambda likelihood, f: held_out(f))
    with pytest.raises(KeyboardInterrupt):
        la.optimize_prior_precision("held_out", X=X, y=y, link_approx="plugin")
    assert la.model is before[0]
    np.testing.assert_array_equal(la.predict(X), before[1])


def test_a_precision_that_is_refused_leaves_the_fit():
    la, X, _ = fitted(Bernoulli())
    before = la.predict(X)
    weak = copy.copy(la)
    weak.model = BayesianModel(la.model.network, Bernoulli(), 1e-300)
    weak._posterior = None
    with pytest.raises(np.linalg.LinAlgError):
        weak.predict(X)
    np.testing.assert_array_equal(la.predict(X), before)
    weak.model = la.model
    np.testing.assert_array_equal(weak.predict(X), before)
