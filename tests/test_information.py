"""Outputs covary between inputs as dense algebra says, and what a label would tell is what fitting it does tell.

The oracles are refits (the log-determinant of the precision after the labels have been fitted too), closed forms,
mpmath and SciPy's quadrature. That every structure, subset and likelihood is the dense algebra that it stands for is in
test_structure.py.
"""

import tracemalloc

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import random_problem
from scipy.integrate import quad
from scipy.special import entr, expit

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian, Laplace
from minilaplace.structures.fit import STRUCTURES

NETWORKS = {
    Bernoulli(): MLP(2, 4, 1),
    Categorical(): MLP(2, 4, 3),
    Gaussian(0.3): MLP(2, 4, 1),
    Gaussian((0.2, 1.5)): MLP(2, 4, 2),
    HeteroscedasticGaussian(): MLP(2, 4, 2),
}
OF_CLASSES = (Bernoulli(), Categorical())
each_likelihood = pytest.mark.parametrize("likelihood", NETWORKS, ids=str)
each_regression = pytest.mark.parametrize("likelihood", [lk for lk in NETWORKS if lk not in OF_CLASSES], ids=str)
each_structure = pytest.mark.parametrize("structure", STRUCTURES)
LINEAR = BayesianModel(MLP(1, 1), Gaussian(0.5), prior_precision=1.0)  # f = w x + b


def targets(likelihood, N, rng):
    """Draw some targets that a likelihood takes; what labels tell does not depend on them."""
    if likelihood in OF_CLASSES:
        return rng.integers(0, 2, N)
    n_targets = NETWORKS[likelihood].n_outputs // (2 if likelihood == HeteroscedasticGaussian() else 1)
    return rng.normal(size=(N, n_targets))


def fitted(likelihood, structure="full", rng=0, **options):
    """Return a fit to 15 samples, and 6 new inputs."""
    rng, network = np.random.default_rng(rng), NETWORKS[likelihood]
    model = BayesianModel(network, likelihood, prior_precision=0.5)
    la = Laplace(model, rng.normal(size=network.n_params), hessian_structure=structure, **options)
    return la.fit(rng.normal(size=(15, 2)), targets(likelihood, 15, rng)), 2 * rng.normal(size=(6, 2))


def rise(la, X):
    """Return half the rise of log det Lambda if labels at X are fitted too; changes `la`."""
    before = la.posterior.log_det_precision
    la.fit(X, targets(la.model.likelihood, len(X), np.random.default_rng(9)), override=False)
    return (la.posterior.log_det_precision - before) / 2


# --- what labels would tell is what they do tell

EXACT = [("full", None), ("gp", None), ("lowrank", 22)]  # a rank of P or more loses nothing
SUBSETS = [
    {},
    {"subset_of_weights": "last_layer"},
    {"subset_of_weights": "subnetwork", "subnetwork_indices": [9, 2, 4]},
]


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: next(iter(subset.values()), "all"))
@pytest.mark.parametrize(("structure", "rank"), EXACT)
@each_likelihood
def test_together_labels_tell_half_the_rise_of_the_log_determinant_when_they_are_fitted(
    likelihood, structure, rank, subset
):
    la, X = fitted(likelihood, structure, rank=rank, **subset)
    gain = la.information_gain(X, joint=True)
    assert isinstance(gain, float)
    assert gain > 0.01
    assert abs(gain - rise(la, X)) <= 1e-10


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: next(iter(subset.values()), "all"))
@pytest.mark.parametrize(("structure", "rank"), EXACT)
@each_regression
def test_a_label_of_a_regression_tells_half_the_rise_of_the_log_determinant(likelihood, structure, rank, subset):
    la, X = fitted(likelihood, structure, rank=rank, **subset)
    gains = la.information_gain(X)
    assert gains.shape == (6,)
    for x, gain in zip(X, gains, strict=True):
        once_more, _ = fitted(likelihood, structure, rank=rank, **subset)
        assert abs(gain - rise(once_more, x[None])) <= 1e-10


@each_structure
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_one_output_of_a_regression_tells_half_the_log_of_one_plus_its_variance_over_the_noise(structure, temperature):
    # A temperature is in the variance, not in the noise of a label to come.
    la, X = fitted(Gaussian(0.3), structure, temperature=temperature)
    expected = np.log(1 + la.glm_predictive_distribution(X)[1][:, 0, 0] / 0.3**2) / 2
    np.testing.assert_allclose(la.information_gain(X), expected, rtol=1e-12)


@each_structure
@each_likelihood
def test_what_a_batch_tells_is_the_log_determinant_over_the_covariance_between_its_outputs(likelihood, structure):
    la, X = fitted(likelihood, structure)
    R = likelihood.factor(la.model.network.forward(la.theta, X))  # (N, K, C)
    N, K, _ = R.shape
    M = np.einsum("nkc,ncmd,mld->nkml", R, la.functional_covariance(X), R).reshape(N * K, N * K)
    assert abs(la.information_gain(X, joint=True) - np.linalg.slogdet(np.eye(N * K) + M)[1] / 2) <= 1e-12


@each_regression
@each_structure
def test_a_batch_of_one_is_the_label_of_one(likelihood, structure):
    la, X = fitted(likelihood, structure)
    alone = [la.information_gain(x[None], joint=True) for x in X]
    np.testing.assert_allclose(la.information_gain(X), alone, rtol=1e-12)


@each_likelihood
def test_the_second_batch_tells_what_the_first_has_left(likelihood):
    la, X = fitted(likelihood)
    both, first = la.information_gain(X, joint=True), la.information_gain(X[:2], joint=True)
    la.fit(X[:2], targets(likelihood, 2, np.random.default_rng(0)), override=False)
    assert abs(both - first - la.information_gain(X[2:], joint=True)) <= 1e-12


# --- what a batch tells


@each_likelihood
@each_structure
def test_a_batch_tells_no_more_than_its_labels_one_by_one_and_no_less_than_part_of_it(likelihood, structure):
    for seed in range(5):
        la, X = fitted(likelihood, structure, rng=seed)
        alone = np.array([la.information_gain(x[None], joint=True) for x in X])
        growing = np.array([0.0] + [la.information_gain(X[: n + 1], joint=True) for n in range(len(X))])
        added = np.diff(growing)
        assert np.all(added >= -1e-13)
        assert np.all(added <= alone + 1e-13)
        assert growing[-1] < alone.sum() - 1e-4  # some of it is told twice


@each_likelihood
@pytest.mark.parametrize("joint", [False, True])
def test_the_order_of_inputs_does_not_matter(likelihood, joint):
    la, X = fitted(likelihood)
    order = np.random.default_rng(1).permutation(len(X))
    gains, permuted = (la.information_gain(x, joint=joint, rng=3) for x in (X, X[order]))
    np.testing.assert_allclose(permuted, gains if joint else gains[order], rtol=1e-12)


@pytest.mark.parametrize("noise", [1.0, 1e-3, 1e-6])
@given(copies=st.integers(1, 40))
def test_measuring_again_and_again_is_measuring_once_with_less_noise(noise, copies):
    # The singular values know that repeated inputs are one direction, though they are 1e12 times as large as the noise.
    X = np.full((copies, 1), 0.7)
    la = Laplace(LINEAR.under(sigma_noise=noise), [0.3, 0.1], hessian_structure="gp").fit([[1.0]], [0.4])
    v = la.glm_predictive_distribution(X[:1])[1].item()
    assert la.information_gain(X, joint=True) == pytest.approx(np.log1p(copies * v / noise**2) / 2, rel=1e-12)


def test_what_is_known_tells_nothing_and_keeps_its_digits():
    # v / sigma^2 = 1e-20 is nothing beside 1, and half of it is what a label tells.
    la = Laplace(BayesianModel(MLP(1, 1), Gaussian(1e4), prior_precision=1e12), [0.0, 0.0]).fit([[1.0]], [0.0])
    expected = la.glm_predictive_distribution([[0.0]])[1].item() / 1e8 / 2
    assert expected == pytest.approx(5e-21, rel=1e-8)
    assert la.information_gain([[0.0]])[0] == pytest.approx(expected, rel=1e-12)
    assert la.information_gain([[0.0]], joint=True) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("noise", [(1e-6, 1e4), (1e-3, 1e-3), (1e3, 1e5)])
def test_outputs_of_very_unlike_noise_keep_their_digits(noise, joint):
    # One output in nanometres and one in miles: against the determinant in 50 digits of the same V.
    model, theta, X, y = random_problem("gaussian", (4,), "tanh", 2, n_samples=6)
    prior = np.where(np.arange(22) % 2, 1.0, 3.0)
    la = Laplace(BayesianModel(model.network, Gaussian(noise), prior), theta, hessian_structure="gp").fit(X, y)
    (gain,) = np.atleast_1d(la.information_gain(2 * X[:1], joint=joint))
    V = la.glm_predictive_distribution(2 * X[:1])[1][0]
    with mp.workdps(50):
        M = mp.eye(2) + mp.diag([1 / mp.mpf(s) for s in noise]) * mp.matrix(V) * mp.diag([1 / mp.mpf(s) for s in noise])
        expected = mp.log(mp.det(M)) / 2
    assert gain == pytest.approx(float(expected), rel=1e-12, abs=0)


def test_outputs_that_are_one_and_the_same_tell_as_one_and_no_number_is_lost_to_their_correlation():
    # Uncertain are the weights of the hidden layer alone, which all three outputs read with the same weight.
    model = BayesianModel(MLP(1, 1, 3), Gaussian(1e-9))
    options = {"subset_of_weights": "subnetwork", "subnetwork_indices": [0, 1], "hessian_structure": "gp"}
    la = Laplace(model, [0.3, 0.2, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], **options).fit([[1.0]], [[0.0, 0.0, 0.0]])
    v = la.glm_predictive_distribution([[3.0]])[1][0]
    np.testing.assert_allclose(v, v[0, 0], rtol=1e-9)
    of_one = np.log1p(v[0, 0] / 1e-18) / 2
    gain = la.information_gain([[3.0]])[0]
    assert of_one < gain < 3 * of_one  # rounding leaves of 1 - correlation^2 = 0 about 1e-16
    assert la.information_gain([[3.0]], joint=True) == pytest.approx(of_one + np.log(3) / 2, rel=1e-9)


@pytest.mark.parametrize("joint", [False, True])
def test_what_a_label_tells_does_not_depend_on_how_the_caller_treats_underflow(joint):
    # Two outputs whose covariance, times their scale, is below the smallest normal number.
    la = Laplace(BayesianModel(MLP(1, 2), Gaussian(1e80), 1e150), np.zeros(4)).fit([[1.0]], [[0.0, 0.0]])
    expected = la.information_gain([[0.5]], joint=joint)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(la.information_gain([[0.5]], joint=joint), expected)


# --- classes


@pytest.mark.parametrize("likelihood", OF_CLASSES, ids=str)
def test_a_label_of_classes_tells_the_epistemic_part_of_its_uncertainty(likelihood):
    la, X = fitted(likelihood)
    expected = la.uncertainty(X, n_samples=300, rng=4).epistemic
    np.testing.assert_array_equal(la.information_gain(X, n_samples=300, rng=4), expected)


@pytest.mark.parametrize(("ask", "n_samples"), [
    (lambda la, X, **how: la.uncertainty(X, rng=0, **how), 1000),
    (lambda la, X, **how: la.information_gain(X, rng=0, **how), 1000),
    (lambda la, X, **how: la.predict(X, "mc", rng=0, **how), 100),
])  # fmt: skip
def test_a_question_draws_as_many_samples_as_it_is_told_and_else_as_many_as_its_signature_says(ask, n_samples):
    la, X = fitted(Categorical())
    np.testing.assert_array_equal(ask(la, X), ask(la, X, n_samples=n_samples))
    assert np.abs(np.subtract(ask(la, X), ask(la, X, n_samples=n_samples + 1))).max() > 0


def test_functions_that_are_drawn_lie_one_after_the_other_in_memory_and_are_joint_over_batches(monkeypatch):
    la, X = fitted(Categorical())
    samples = la.functional_samples(X, 50, rng=3)
    assert samples.shape == (50, 6, 3)
    assert samples.flags.c_contiguous
    J = la.model.network.jacobian(la.theta, X)
    expected = la.model.network.forward(la.theta, X) + np.einsum("ncp,sp->snc", J, la.sample(50, rng=3) - la.theta)
    np.testing.assert_allclose(samples, expected, rtol=1e-12, atol=1e-12)
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", 1)
    np.testing.assert_allclose(la.functional_samples(X, 50, rng=3), expected, rtol=1e-12, atol=1e-12)


def test_several_labels_a_sample_tell_each_by_itself_and_together_what_independent_models_do():
    # Of a single layer the labels share no parameter, so that their information adds up.
    rng = np.random.default_rng(0)
    X, X_new, Y = rng.normal(size=(15, 2)), rng.normal(size=(6, 2)), rng.integers(0, 2, (15, 3))
    theta = rng.normal(size=9)
    la = Laplace(BayesianModel(MLP(2, 3), Bernoulli()), theta).fit(X, Y)
    np.testing.assert_array_equal(la.information_gain(X_new, rng=1), la.uncertainty(X_new, rng=1).epistemic)
    assert la.information_gain(X_new, rng=1).shape == (6, 3)
    alone = [
        Laplace(BayesianModel(MLP(2, 1), Bernoulli()), theta[[2 * c, 2 * c + 1, 6 + c]]).fit(X, Y[:, c])
        for c in range(3)
    ]
    expected = sum(one.information_gain(X_new, joint=True) for one in alone)
    assert abs(la.information_gain(X_new, joint=True) - expected) <= 1e-12


def test_a_label_of_one_logit_tells_the_integral_of_the_mutual_information():
    # Five standard errors of H(mean p) - mean H(p), by the delta method: the deviation of H'(E p) p - H(p).
    S = 20_000
    la, X = fitted(Bernoulli())
    m, V = la.glm_predictive_distribution(X)
    received = la.information_gain(X, n_samples=S, rng=0)
    for gain, m_n, s_n in zip(received, m[:, 0], np.sqrt(V[:, 0, 0]), strict=True):

        def average(g, m=m_n, s=s_n):
            def weighted(z):
                return g(expit(m + s * z)) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

            return quad(weighted, -12, 12, epsabs=1e-12, limit=200)[0]

        def entropy(p):
            return entr(p) + entr(1 - p)

        p = average(lambda p: p)
        expected = entropy(p) - average(entropy)

        def linear(p_s, p=p):
            return np.log(1 / p - 1) * p_s - entropy(p_s)

        deviation = np.sqrt(average(lambda p_s: linear(p_s) ** 2) - average(linear) ** 2)
        assert expected > 0.01
        assert abs(gain - expected) < 5 * deviation / np.sqrt(S)


# --- the covariance between inputs


@each_structure
@each_likelihood
def test_the_covariance_of_all_outputs_is_symmetric_and_positive_semi_definite(likelihood, structure):
    la, X = fitted(likelihood, structure)
    V = la.functional_covariance(np.vstack([X, X[:2]]))  # repeated inputs: exactly singular
    N, C = V.shape[:2]
    assert V.shape == (8, C, 8, C)
    flat = V.reshape(N * C, N * C)
    np.testing.assert_array_equal(flat, flat.T)
    eigenvalues = np.linalg.eigvalsh(flat)
    assert eigenvalues[0] >= -N * C * np.finfo(float).eps * eigenvalues[-1]


@each_structure
@each_likelihood
def test_its_diagonal_blocks_are_the_predictive_distribution_at_each_input(likelihood, structure):
    la, X = fitted(likelihood, structure)
    blocks = np.einsum("ncnd->ncd", la.functional_covariance(X))
    expected = la.glm_predictive_distribution(X)[1]
    np.testing.assert_allclose(blocks, expected, rtol=0, atol=1e-13 * expected.max())


@each_structure
@each_likelihood
@pytest.mark.parametrize("batch_floats", [1, 2000])
def test_it_is_the_same_in_one_piece_and_in_many(likelihood, structure, batch_floats, monkeypatch):
    la, X = fitted(likelihood, structure)
    X_other = X[1:] + 0.3

    def answers():
        gains = [la.information_gain(X, joint=joint, rng=0) for joint in (False, True)]
        return [la.functional_covariance(X), la.functional_covariance(X, X_other), *gains]

    whole = answers()
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", batch_floats)
    for received, expected in zip(answers(), whole, strict=True):
        np.testing.assert_allclose(received, expected, rtol=0, atol=1e-13 * np.max(expected))
    cross = la.functional_covariance(X_other, X)
    np.testing.assert_allclose(whole[1], cross.transpose(2, 3, 0, 1), rtol=0, atol=1e-13 * np.abs(cross).max())
    np.testing.assert_allclose(la.functional_covariance(X, X), whole[0], rtol=0, atol=1e-13 * whole[0].max())


def test_inputs_are_read_by_slices_too(tmp_path):
    la, X = fitted(Gaussian(0.3))
    stored = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=X.shape)
    stored[:] = X
    rounded = X.astype(np.float32).astype(float)
    np.testing.assert_array_equal(la.functional_covariance(stored), la.functional_covariance(rounded))
    np.testing.assert_array_equal(la.functional_covariance(X, stored), la.functional_covariance(X, rounded))
    assert la.information_gain(stored, joint=True) == la.information_gain(rounded, joint=True)


@pytest.mark.parametrize("rows", [10, 10_000])
@each_structure
def test_beside_the_result_it_takes_the_memory_of_some_batches(structure, rows):
    # The roots of all inputs would take 8 * 2 * 10,000 * 1842 = 295 MB. A batch has 2^22 floats, 34 MB.
    model, theta, X, y = random_problem("gaussian", (40, 40), "tanh", 2, n_samples=10, prior_precision=1.0)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    points = np.random.default_rng(0).normal(size=(10_000, 2))
    la.functional_covariance(points[:2])
    tracemalloc.start()
    V = la.functional_covariance(points[:rows], points[: 100_000 // rows])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - V.nbytes < 3 * 8 * 2**22


# --- what is refused


def test_more_than_this_machine_has_is_refused_before_it_is_made(monkeypatch):
    la, _ = fitted(Gaussian((0.2, 1.5)))  # two outputs, 22 parameters
    there_is = [2.0**30]
    monkeypatch.setattr("minilaplace.validation.memory.physical_memory", lambda: there_is[0])
    X = np.zeros((10_000, 2))
    message = r"^X: expected fewer inputs at a time, received 10000 inputs and 10000, .* takes 2.98 GiB; .* has 1 GiB$"
    with pytest.raises(ValueError, match=message):
        la.functional_covariance(X)
    assert la.functional_covariance(X, X[:1]).shape == (10_000, 2, 1, 2)
    there_is[0] = 2.0**22  # its rows, and what their singular values take: 8 * 2 * 10,000 * 2 * 22 bytes
    message = r"^X: expected fewer inputs at a time, received 10000 inputs, whose rows take 0.00656 GiB; this machine"
    with pytest.raises(ValueError, match=message):
        la.information_gain(X, joint=True)
    assert la.information_gain(X).shape == (10_000,)


@pytest.mark.parametrize("batch_floats", [1, 2**22])
@pytest.mark.parametrize("ask", ["functional_covariance", "information_gain", "joint"])
def test_inputs_beyond_the_range_of_numbers_are_named(ask, batch_floats, monkeypatch):
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", batch_floats)
    la = Laplace(LINEAR, [0.0, 0.0]).fit([[1.0]], [0.4])
    la.posterior.room = 0
    X = [[1.0], [1e160]]  # the square, a variance, is out of range
    if ask == "joint":  # which needs no variance: 1/2 log(1 + (1e160)^2 / sigma^2) is a number
        assert la.information_gain(X, joint=True) > 160 * np.log(10)
        X = [[1.0], [1.7e308]]
    calls = {"joint": lambda X: la.information_gain(X, joint=True)}
    with pytest.raises(ValueError, match=r"^X: expected inputs at which .* are within the range .* at index 1: scale"):
        calls.get(ask, getattr(la, ask, None))(X)


@pytest.mark.parametrize("call", [lambda la, X: la.functional_covariance(X), lambda la, X: la.information_gain(X)])
def test_there_is_nothing_to_ask_before_a_fit(call):
    with pytest.raises(ValueError, match="before this call"):
        call(Laplace(LINEAR, [0.0, 0.0]), [[1.0]])


@each_structure
@pytest.mark.parametrize(
    "ask",
    [
        lambda la, X: la.predict(X),
        lambda la, X: la.glm_predictive_distribution(X),
        lambda la, X: la.functional_covariance(X),
        lambda la, X: la.functional_covariance(X[:1], X),
        lambda la, X: la.information_gain(X, joint=True),
    ],
    ids=["predict", "distribution", "covariance", "cross-covariance", "joint gain"],
)
@pytest.mark.parametrize("batch_floats", [1, 2**22])
def test_inputs_whose_jacobian_overflows_are_named(structure, ask, batch_floats, monkeypatch):
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", batch_floats)
    network = MLP(1, 1, 1, activation="identity")
    la = Laplace(BayesianModel(network, Gaussian(0.5)), [1e200, 0, 1, 0], hessian_structure=structure, temperature=1e9)
    la.fit([[1e-200]], [0.4])
    la.posterior.room = 0
    with pytest.raises(
        ValueError,
        match=r"^X(_other)?: expected inputs at which .* within the range .* at index 1: scale",
    ):
        ask(la, [[1e-200], [1e200]])
