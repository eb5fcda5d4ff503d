"""Every structure is the dense algebra that it stands for, on every subset, curvature and likelihood.

The oracle writes out what a structure keeps of the dense curvature (`kept`), adds the prior, and asks NumPy's `inv`
and `slogdet`. Prior precisions are large enough for exact Hessians to be positive definite away from a mode.
"""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from problems import from_conditional_mean, random_problem, random_targets
from scipy.linalg import block_diag, eigh
from scipy.linalg.lapack import dpocon

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
)
from minilaplace.curvature import CURVATURES, empirical_fisher, ggn, hessian
from minilaplace.posterior.gaussian import FullPosterior
from minilaplace.structures import low_rank
from minilaplace.structures.fit import STRUCTURES
from minilaplace.structures.full import without_rounding
from minilaplace.structures.kronecker import EigenPosterior

CURVATURE = {"ggn": ggn, "hessian": hessian, "empirical_fisher": empirical_fisher}
NETWORKS = {
    Bernoulli(): MLP(2, 4, 3, 1),
    BradleyTerry(): MLP(2, 3, 1, activation="softplus"),
    Categorical(): MLP(2, 4, 3, activation="sigmoid"),
    Gaussian((0.6, 1.1)): MLP(2, 3, 2, 2, activation="softplus"),
    HeteroscedasticGaussian(): MLP(2, 3, 2),
}
SUBSETS = ("all", "last_layer", "subnetwork")
each_likelihood = pytest.mark.parametrize("likelihood", NETWORKS, ids=lambda likelihood: type(likelihood).__name__)
each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def meaningless(structure, subset, curvature, likelihood):
    """Return whether a combination has no meaning: the rule of the design, written once more."""
    if structure == "kron":
        return subset == "subnetwork" or curvature == "hessian" or isinstance(likelihood, BradleyTerry)
    return structure == "gp" and curvature == "hessian"


SOUND = [case for case in product(STRUCTURES, SUBSETS, CURVATURES, NETWORKS) if not meaningless(*case)]


def problem(likelihood, n_samples=12, rng=0, **prior):
    """Draw parameters, inputs and targets."""
    rng, network = np.random.default_rng(rng), NETWORKS[likelihood]
    theta = rng.normal(scale=0.8, size=network.n_params)
    X = rng.normal(size=(n_samples, 2, 2) if isinstance(likelihood, BradleyTerry) else (n_samples, 2))
    f = likelihood.seen_through(network).forward(theta, X)
    if isinstance(likelihood, HeteroscedasticGaussian):
        y = rng.normal(f[:, :1], np.exp(f[:, 1:] / 2))
    else:
        kind = Gaussian(1.0) if isinstance(likelihood, Gaussian) else likelihood
        y = random_targets(kind, f, rng)
    return BayesianModel(network, likelihood, **{"prior_precision": 60.0} | prior), theta, X, y


def options(structure, subset, network):
    """Return what `Laplace` needs to know: a subnetwork in no order, and a rank that keeps less than all."""
    P = network.n_params
    return {
        "hessian_structure": structure,
        "subset_of_weights": subset,
        "subnetwork_indices": [P - 1, 2, P - 3, 7, 5] if subset == "subnetwork" else None,
        "rank": 3 if structure == "lowrank" else None,
    }


def jacobian(network, theta, X):
    """Return J_n (N, C, P): of a pair, the difference of its sides."""
    alone = MLP(*network.sizes, activation=network.activation)
    return alone.jacobian(theta, X) if X.ndim == 2 else alone.jacobian(theta, X[:, 0]) - alone.jacobian(theta, X[:, 1])


def kept(structure, la, X, y, rank):
    """Return what a structure keeps of the dense curvature in the subset's parameters, (P_s, P_s)."""
    at, network = la.subset.indices, la.model.network
    H = CURVATURE[la.options.curvature](la.model, la.theta, X, y)[np.ix_(at, at)]
    layer = np.repeat(np.arange(len(network.shapes)), [h * (i + 1) for h, i in network.shapes])[at]
    if structure == "diag":
        return np.diag(np.diag(H))
    if structure == "blockdiag":
        return np.where(layer[:, None] == layer, H, 0)
    if structure == "lowrank":
        values, vectors = np.linalg.eigh(H)
        values, vectors = np.maximum(values[-rank:], 0), vectors[:, -rank:]
        return vectors * values @ vectors.T
    if structure == "kron":
        return kfac(la, X, y)
    return H


def kfac(la, X, y):
    """Return the block diagonal of B (x) A and B for every layer, from Jacobians in biases and activations."""
    network, theta, likelihood = la.model.network, la.theta, la.model.likelihood
    f = network.forward(theta, X)
    R = likelihood.factor(f) if la.options.curvature == "ggn" else likelihood.gradient(f, y)[:, None, :]
    J = network.jacobian(theta, X)
    blocks, a, start = [], X, 0
    for W, b in network.layers(theta):
        end = start + W.size
        D = np.einsum("nkc,nch->nkh", R, J[:, :, end : end + b.size])  # d f / d b = d f / d z
        B, A = np.einsum("nkh,nkg->hg", D, D), a.T @ a / len(X)
        blocks += [np.kron(B, A), B]
        a = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "softplus": lambda z: np.log1p(np.exp(z))}[
            network.activation
        ](a @ W.T + b)
        start = end + b.size
    if la.options.subset_of_weights == "last_layer":
        blocks = blocks[-2:]
    size = sum(map(len, blocks))
    whole, start = np.zeros((size, size)), 0
    for block in blocks:
        whole[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    return whole


def assert_close(received, expected, relative=1e-10):
    """Equal to `relative` of the largest entry: the condition of the precisions here is below 1e4."""
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=relative * np.abs(expected).max())


def priors(structure, P, n_layers, rng):
    """Yield priors in every form that a structure takes, strong enough for every curvature."""
    yield 60.0
    yield np.linspace(50, 70, n_layers)  # one for each layer
    if structure != "kron":
        yield rng.uniform(50, 70, size=P)
    if structure in ("full", "lowrank", "gp"):
        A = rng.normal(size=(P, P))
        yield 60 * np.eye(P) + A @ A.T


@pytest.mark.parametrize(("structure", "subset", "curvature", "likelihood"), SOUND, ids=str)
def test_it_is_the_dense_algebra(likelihood, structure, subset, curvature):
    rng = np.random.default_rng(1)
    network = likelihood.seen_through(NETWORKS[likelihood])
    for prior_precision in priors(structure, network.n_params, len(network.shapes), rng):
        prior_mean, temperature = rng.normal(size=network.n_params), 0.7
        model, theta, X, y = problem(likelihood, prior_precision=prior_precision, prior_mean=prior_mean)
        chosen = options(structure, subset, network)
        la = Laplace(model, theta, curvature=curvature, temperature=temperature, **chosen).fit(X, y)
        at, P0 = la.subset.indices, model.prior_over(np.arange(network.n_params))
        P0 = (np.diag(P0) if P0.ndim == 1 else P0)[np.ix_(at, at)]
        precision = kept(structure, la, X, y, chosen["rank"]) / temperature + P0
        covariance, log_det = np.linalg.inv(precision), np.linalg.slogdet(precision)[1]

        assert_close(la.posterior.precision(), precision)
        assert_close(la.posterior.covariance(), covariance)
        assert_close(la.posterior.variance(), np.diag(covariance))
        assert_close(la.posterior.log_det_precision, log_det)
        steps = rng.normal(size=(3, len(at)))
        assert_close(la.posterior.squared_distance(steps), np.einsum("sp,pq,sq->s", steps, precision, steps))
        np.testing.assert_array_equal(la.posterior.mean, theta[at])
        J, d = jacobian(network, theta, X)[:, :, at], from_conditional_mean(prior_precision, theta - prior_mean, at)
        f_mean, f_cov = la.glm_predictive_distribution(X)
        assert_close(f_mean, network.forward(theta, X))
        assert_close(f_cov, np.einsum("ncp,pq,ndq->ncd", J, covariance, J))
        between = np.einsum("ncp,pq,mdq->ncmd", J, covariance, J)
        assert_close(la.functional_covariance(X), between)
        assert_close(la.functional_covariance(X[:5], X[3:]), between[:5, :, 3:])
        RJ = np.einsum("nkc,ncp->nkp", likelihood.factor(f_mean), J)
        singles = np.linalg.slogdet(precision + np.einsum("nkp,nkq->npq", RJ, RJ))[1] - log_det
        together = np.linalg.slogdet(precision + np.einsum("nkp,nkq->pq", RJ, RJ))[1] - log_det
        assert_close(la.information_gain(X, joint=True), together / 2)
        if not likelihood.is_classifier:
            assert_close(la.information_gain(X), singles / 2)
        for n_copies in (1, len(at)):  # whether there are few rows or many
            rows = network.trace(theta, np.tile(X, (n_copies,) + (1,) * (X.ndim - 1)))
            rows = rows.pull_back(None, la.subset.n_layers, la.subset.columns)
            V = np.tile(np.einsum("ncp,pq,ndq->ncd", J, covariance, J), (n_copies, 1, 1))
            assert_close(la.posterior.functional_covariance(rows), V)
            assert_close(la.posterior.functional_variance(rows), np.einsum("ncc->nc", V))
            B = la.posterior.functional_root(rows)
            assert_close(B @ B.transpose(0, 2, 1), V)

        normaliser = len(X) * likelihood.log_normalizer(network.n_outputs)
        log_likelihood = -(likelihood.nll(f_mean, y).sum() - normaliser) / temperature - normaliser
        occam = log_det - np.linalg.slogdet(P0)[1] + d @ P0 @ d
        assert_close(la.log_marginal_likelihood(), log_likelihood - occam / 2)


# --- identities


def precision(likelihood, structure, subset="all", curvature="ggn", shard=slice(None), **more):
    """Return the posterior precision of a structure."""
    model, theta, X, y = problem(likelihood)
    la = Laplace(model, theta, curvature=curvature, hessian_structure=structure, subset_of_weights=subset, **more)
    return la.fit(X[shard], y[shard]).posterior.precision()


@each_likelihood
def test_function_space_and_full_rank_are_the_whole(likelihood):
    P = NETWORKS[likelihood].n_params
    model, theta, X, y = problem(likelihood, prior_precision=2.0)
    X_new = np.random.default_rng(3).normal(size=X.shape)
    full, gp, lowrank = (
        Laplace(model, theta, hessian_structure=name, rank=rank).fit(X, y)
        for name, rank in [("full", None), ("gp", None), ("lowrank", P)]
    )
    for other in (gp, lowrank):
        assert_close(other.posterior.covariance(), full.posterior.covariance())
        assert_close(other.posterior.log_det_precision, full.posterior.log_det_precision)
        for received, expected in zip(
            other.glm_predictive_distribution(X_new), full.glm_predictive_distribution(X_new), strict=True
        ):
            assert_close(received, expected)
        assert_close(other.log_marginal_likelihood(), full.log_marginal_likelihood())
        assert_close(other.log_marginal_likelihood(0.3), full.log_marginal_likelihood(0.3))


def counted_eigh(monkeypatch):
    """Return a list that grows by the sizes of the matrices which `lowrank` decomposes as a whole."""
    sizes = []
    monkeypatch.setattr(low_rank, "eigh", lambda M, **some: (sizes.append(len(M)), eigh(M, **some))[1])
    return sizes


def assert_largest(M, values, vectors):
    """Assert that these are the largest eigenvalues of M, and orthonormal eigenvectors."""
    every = np.linalg.eigvalsh(M)
    np.testing.assert_allclose(values, every[-len(values) :], rtol=0, atol=2e-14 * every[-1])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), rtol=0, atol=2e-14)
    np.testing.assert_allclose(M @ vectors, vectors * values, rtol=0, atol=2e-14 * every[-1])


@pytest.mark.parametrize("n_samples", [1, 2, 40])  # of three outputs: fewer than ten eigenvalues are not zero, or all
def test_few_of_many_eigenvalues_are_found_without_the_others(n_samples, monkeypatch):
    model, theta, X, y = random_problem("gaussian", (60,), "tanh", 3, n_inputs=10, n_samples=n_samples)
    la, sizes = Laplace(model, theta, hessian_structure="lowrank").fit(X, y), counted_eigh(monkeypatch)
    assert_largest(ggn(model, theta, X, y), *la._fit.structure._largest)
    assert n_samples < 10 or not sizes


def test_eigenvalues_that_are_repeated_are_found_as_often_as_they_are_there():
    model, theta, X, y = random_problem("gaussian", (), "tanh", 10, n_inputs=64, n_samples=300)
    la = Laplace(model, theta, hessian_structure="lowrank", rank=6).fit(X, y)  # each is there for all ten outputs:
    # rounding decides how many of them Lanczos finds
    assert_largest(ggn(model, theta, X, y), *la._fit.structure._largest)


def matrix_of(eigenvalues):
    """Return a symmetric matrix of these eigenvalues, and its eigenvectors."""
    Q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(len(eigenvalues),) * 2))
    return (Q * eigenvalues) @ Q.T, Q


def test_few_eigenvalues_are_the_largest_and_not_those_largest_in_size_and_the_same_each_time(monkeypatch):
    M, _ = matrix_of(np.array([-10.0, *np.linspace(0, 1, 196), 3.0, 4.0, 5.0]))
    sizes = counted_eigh(monkeypatch)
    values, vectors = low_rank._largest_of(M, 3)
    np.testing.assert_allclose(values, [3, 4, 5], rtol=1e-13)
    assert_largest(M, values, vectors)
    assert sizes == []
    again = low_rank._largest_of(M, 3)
    np.testing.assert_array_equal(values, again[0])
    np.testing.assert_array_equal(vectors, again[1])


def test_of_eigenvalues_that_lanczos_is_slow_to_tell_apart_all_are_found(monkeypatch):
    M, _ = matrix_of(np.linspace(1, 1.001, 500))
    sizes = counted_eigh(monkeypatch)
    assert_largest(M, *low_rank._largest_of(M, 3))
    assert sizes == [500]


@pytest.mark.parametrize("missed", [None, 198, 199])
@pytest.mark.parametrize("gap", [1.0, 1e-6, 0.0])  # where all four are equal, any three are the largest
def test_an_eigenvalue_that_lanczos_misses_is_found_and_none_is_looked_for_in_vain(missed, gap, monkeypatch):
    every = np.array([*np.linspace(0, 1, 196), *(3 + gap * np.arange(4))])
    M, Q = matrix_of(every)
    found = [k for k in range(196, 200) if k != missed][-3:]
    monkeypatch.setattr(low_rank, "eigsh", lambda *_, **__: (every[found], Q[:, found]))
    sizes = counted_eigh(monkeypatch)
    assert_largest(M, *low_rank._largest_of(M, 3))
    assert sizes == ([] if missed is None or gap == 0 else [200])


def test_of_no_curvature_all_eigenvalues_are_zero():
    values, vectors = low_rank._largest_of(np.zeros((500, 500)), 3)
    assert not values.any()
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-15)


@pytest.mark.parametrize("curvature", ["ggn", "empirical_fisher"])
@pytest.mark.parametrize(
    "likelihood", [lk for lk in NETWORKS if not isinstance(lk, BradleyTerry)], ids=lambda lk: type(lk).__name__
)
def test_of_one_datum_krons_weights_are_the_exact_blocks(likelihood, curvature):
    kron, block = (precision(likelihood, name, curvature=curvature, shard=slice(1)) for name in ("kron", "blockdiag"))
    start = 0
    for h, i in NETWORKS[likelihood].shapes:
        W = slice(start, start + h * i)
        assert_close(kron[W, W], block[W, W])
        start += h * (i + 1)


@pytest.mark.parametrize("curvature", CURVATURES)
@each_likelihood
def test_subsets_are_blocks_of_the_whole(likelihood, curvature):
    whole, P = precision(likelihood, "full", curvature=curvature), NETWORKS[likelihood].n_params
    h, i = NETWORKS[likelihood].shapes[-1]
    last = np.arange(P - h * (i + 1), P)
    everything = np.arange(P)

    def sub(indices):
        return precision(likelihood, "full", "subnetwork", curvature, subnetwork_indices=indices)

    assert_close(precision(likelihood, "diag", curvature=curvature), np.diag(np.diag(whole)))
    assert_close(precision(likelihood, "full", "last_layer", curvature), whole[np.ix_(last, last)])
    assert_close(sub(last), whole[np.ix_(last, last)])
    assert_close(sub(everything), whole)
    assert_close(sub(everything[::-1]), whole[::-1, ::-1])


@each_likelihood
def test_the_hessian_is_the_ggn_plus_the_residual_term(likelihood):
    model, theta, X, y = problem(likelihood)
    f, network = model.network.forward(theta, X), model.network
    residual = network.second_order(theta, X, likelihood.gradient(f, y))
    more = likelihood.hessian_minus_fisher(f, y)
    if more is not None:
        J = network.jacobian(theta, X)
        residual += np.einsum("ncp,ncd,ndq->pq", J, more, J)
    difference = precision(likelihood, "full", curvature="hessian") - precision(likelihood, "full")
    np.testing.assert_allclose(difference, residual, rtol=0, atol=1e-11)  # of precisions of some 60


@each_structure
@pytest.mark.parametrize(
    ("by", "of"), [("tensors", "tensors"), ("layers", "layers"), ("one", "one"), ("tensors", "one"), ("one", "tensors")]
)
def test_determinants_and_sums_of_variances_are_those_of_the_posterior(structure, by, of):
    # The prior varies by one kind of labels, and the variances are added up within another.
    model, theta, X, y = problem(Categorical())
    la = Laplace(model, theta, **options(structure, "all", model.network)).fit(X, y)
    tensors = la.subset.tensors()
    labels = {"tensors": tensors, "layers": tensors // 2, "one": 0 * tensors}
    prior, groups = 3.0 + 2 * labels[by], labels[of]
    log_det, traces = la._fit.structure.log_det_and_traces(prior, 0.7, groups)
    posterior = la._fit.structure.posterior(theta, prior, 0.7)
    assert log_det == pytest.approx(np.linalg.slogdet(posterior.precision())[1], rel=1e-12)
    expected = np.bincount(groups, np.diagonal(posterior.covariance()))
    np.testing.assert_allclose(traces, expected, rtol=1e-10)


def test_variances_of_few_rows_need_no_more_memory_than_rows_and_blocks(monkeypatch):
    P, n_floats = 1000, 2**16
    rows, prior = np.random.default_rng(0).normal(size=(20, P)), np.linspace(1, 2, P)
    monkeypatch.setattr("minilaplace.network.jacobian.BATCH_FLOATS", n_floats)
    tracemalloc.start()
    variance = low_rank.LowRankPosterior(np.zeros(P), rows, prior).variance()
    peak = tracemalloc.get_traced_memory()[1] / variance.itemsize
    tracemalloc.stop()
    assert peak < 3 * n_floats < P**2 / 5
    assert_close(variance, np.diagonal(np.linalg.inv(rows.T @ rows + np.diag(prior))))


def test_a_dense_matrix_without_room_is_refused_with_what_needs_none(monkeypatch):
    posterior = low_rank.LowRankPosterior(np.zeros(20), np.ones((1, 20)), np.ones(20))
    monkeypatch.setattr("minilaplace.validation.memory.physical_memory", lambda: 8 * 20**2 - 1)
    for dense in (posterior.precision, posterior.covariance):
        with pytest.raises(ValueError, match=r"^posterior: .* its variance, samples and predictions, .* received 20, "):
            dense()
    np.testing.assert_allclose(posterior.variance(), 20 / 21, rtol=1e-14)


def test_a_sum_of_many_rows_needs_no_estimate_of_its_condition_either(monkeypatch):
    calls = []
    monkeypatch.setattr("minilaplace.posterior.cholesky.dpocon", lambda *a, **k: calls.append(a) or dpocon(*a, **k))
    model, theta, X, y = problem(Categorical(), n_samples=100)
    assert isinstance(Laplace(model, theta, hessian_structure="gp").fit(X, y).posterior, FullPosterior)
    assert not calls


@pytest.mark.parametrize("structure", ["full", "blockdiag"])
def test_a_sum_that_is_known_to_be_of_squares_needs_no_estimate_of_its_condition(structure, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("minilaplace.posterior.cholesky.dpocon", lambda *a, **k: calls.append(a) or dpocon(*a, **k))
    model, theta, X, y = problem(Categorical())
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    assert la.posterior
    assert la.fit(X, y, override=False).posterior
    assert not calls
    la.save(tmp_path / "la.npz")
    assert Laplace.load(tmp_path / "la.npz").posterior  # what a file holds could be anything
    assert calls


@pytest.mark.parametrize("subset", ["all", "last_layer"])
@pytest.mark.parametrize("structure", ["full", "blockdiag", "kron", "diag"])
def test_eigenvalues_and_eigenvectors_make_the_curvature(structure, subset):
    model, theta, X, y = problem(Categorical(), prior_precision=1.0)
    la = Laplace(model, theta, hessian_structure=structure, subset_of_weights=subset).fit(X, y)
    Q = block_diag(*(np.kron(B, A) for B, A in la._fit.structure.eigenvectors()))
    assert_close(Q @ Q.T, np.eye(len(Q)))
    M = (Q * la._fit.structure.eigenvalues) @ Q.T
    assert_close(M + np.eye(len(Q)), la.posterior.precision())


def test_only_what_is_small_beside_the_largest_eigenvalue_is_rounding():
    np.testing.assert_array_equal(without_rounding(np.array([1e-37, 1e-30, 1e-20]), 3), [0, 1e-30, 1e-20])


@pytest.mark.parametrize("structure", sorted({*STRUCTURES} - {"kron"}))
@pytest.mark.parametrize("n_samples", [3, 40])
def test_rounding_of_an_eigenvalue_is_size_times_eps_times_the_largest_of_its_matrix(structure, n_samples):
    # gp decomposes G, the square of whose singular value moves by (s + e)^2 - s^2.
    model, theta, X, y = problem(Gaussian((0.6, 1.1)), n_samples)
    held = Laplace(model, theta, hessian_structure=structure, rank=5 if structure == "lowrank" else None).fit(X, y)
    held, eps, P = held._fit.structure, np.finfo(float).eps, len(theta)
    largest, bound = np.linalg.eigvalsh(ggn(model, theta, X, y)).max(), held.rounding
    assert bound.shape == (P,)
    if structure in ("full", "lowrank"):
        kept = P if structure == "full" else 5
        np.testing.assert_allclose(bound[:kept], P * eps * largest, rtol=1e-12)
        np.testing.assert_array_equal(bound[kept:], 0)
    elif structure == "gp":
        s = np.sqrt(held.eigenvalues)
        e = P * eps * np.sqrt(largest)
        np.testing.assert_allclose(bound[s > 0], 2 * s[s > 0] * e, rtol=1e-6)
        np.testing.assert_allclose(bound[s == 0], e**2, rtol=1e-12)
        assert (s == 0).any() == (2 * n_samples < P)
    elif structure == "blockdiag":
        for l in range(3):
            at = held.subset.tensors() // 2 == l
            of_layer = np.linalg.eigvalsh(ggn(model, theta, X, y)[np.ix_(at, at)]).max()
            np.testing.assert_allclose(bound[at], at.sum() * eps * of_layer, rtol=1e-12)
    else:  # diag: nothing is decomposed
        np.testing.assert_array_equal(bound, 0)


@each_structure
def test_a_sum_is_restored_from_parts_of_its_own_shapes_alone(structure):
    model, theta, X, y = problem(Gaussian((0.6, 1.1)))
    saved, empty = (Laplace(model, theta, hessian_structure=structure) for _ in range(2))
    parts = saved.fit(X, y)._fit.structure.parts
    empty = type(saved._fit.structure)(saved.subset)
    empty.restore(parts)
    assert empty.parts is parts
    np.testing.assert_array_equal(empty.eigenvalues, saved._fit.structure.eigenvalues)
    wrong = [part[..., 1:] for part in parts]
    for bad in (wrong, [*parts[:-1], wrong[-1]]):
        with pytest.raises(ValueError, match=r"^parts: expected shapes .*, received \[\("):
            empty.restore(bad)
    assert empty.parts is parts


def test_an_eigenvalue_of_zero_is_refused():
    with pytest.raises(np.linalg.LinAlgError, match="its smallest eigenvalue is 0"):
        EigenPosterior(np.zeros(2), np.array([1.0, 0.0]))


# --- samples


@pytest.mark.parametrize(
    ("structure", "prior"), [*((structure, 2.0) for structure in STRUCTURES), ("gp", "matrix"), ("lowrank", "matrix")]
)
def test_samples_have_the_posteriors_covariance(structure, prior):
    # Five standard errors of each entry; the same seed draws the same.
    if prior == "matrix":
        A = np.random.default_rng(1).normal(size=(21, 21)) / 5
        prior = 2 * np.eye(21) + A @ A.T
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=20, prior_precision=prior)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    S, Sigma = 100_000, la.posterior.covariance()
    draws = la.sample(S, rng=0)
    np.testing.assert_array_equal(la.sample(S, rng=0), draws)
    error = np.abs(np.cov(draws, rowvar=False) - Sigma)
    assert np.all(error < 5 * np.sqrt((np.outer(np.diag(Sigma), np.diag(Sigma)) + Sigma**2) / S))
    assert np.all(np.abs(draws.mean(axis=0) - theta) < 5 * np.sqrt(np.diag(Sigma) / S))


@pytest.mark.parametrize(("structure", "subset"), [case[:2] for case in SOUND if case[2:] == ("ggn", Categorical())])
def test_functions_are_sampled_jointly_for_all_inputs(structure, subset):
    model, theta, X, y = problem(Categorical())
    la = Laplace(model, theta, **options(structure, subset, model.network)).fit(X, y)
    S, X_new = 50_000, X[:4]
    draws = la.functional_samples(X_new, S, rng=0).reshape(S, -1)  # (S, N C)
    J = model.network.jacobian(theta, X_new)[:, :, la.subset.indices].reshape(draws.shape[1], -1)
    V = J @ la.posterior.covariance() @ J.T
    error = np.abs(np.cov(draws, rowvar=False) - V)
    assert np.all(error < 5 * np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / S) + 1e-15)
    np.testing.assert_array_equal(la.functional_samples(X_new, S, rng=0).reshape(S, -1), draws)
    steps = (la.sample(S, rng=0) - theta)[:, la.subset.indices]
    f = model.network.forward(theta, X_new).ravel()
    np.testing.assert_allclose(draws, f + steps @ J.T, rtol=0, atol=1e-12)


# --- shards


@pytest.mark.parametrize(
    ("structure", "likelihood"), [(case[0], case[3]) for case in SOUND if case[1:3] == ("all", "ggn")], ids=str
)
def test_shards_in_any_order_and_of_any_size_add_up_to_the_whole(likelihood, structure):
    model, theta, X, y = problem(likelihood)
    chosen = options(structure, "all", model.network)
    whole = Laplace(model, theta, **chosen).fit(X, y)
    for shards, batch_size in [([slice(5), slice(5, 12)], 2), ([slice(9, 12), slice(9)], None), ([slice(12)], 1)]:
        la = Laplace(model, theta, **chosen)
        for shard in shards:
            la.fit(X[shard], y[shard], override=False, batch_size=batch_size)
            la.predict(X)  # factors what there is so far, which the next shard must not keep
        assert la.n_data == 12
        assert_close(la.posterior.precision(), whole.posterior.precision(), 1e-12)
        assert_close(la.log_marginal_likelihood(), whole.log_marginal_likelihood(), 1e-12)
        assert_close(la.log_marginal_likelihood(3.0), whole.log_marginal_likelihood(3.0), 1e-12)


@each_structure
def test_the_same_data_three_times_is_three_times_the_curvature(structure):
    model, theta, X, y = problem(Categorical())
    chosen = options(structure, "all", model.network)
    once, thrice = Laplace(model, theta, **chosen).fit(X, y), Laplace(model, theta, **chosen)
    for _ in range(3):
        thrice.fit(X, y, override=False)
    prior = 60 * np.eye(model.network.n_params)
    assert_close(thrice.posterior.precision() - prior, 3 * (once.posterior.precision() - prior))


# --- the whole table


def test_every_combination_works_or_says_in_one_line_why_not():
    every_link = sorted({link for likelihood in NETWORKS for link in likelihood.links})
    works, refused = 0, 0
    for likelihood, structure, subset, curvature in product(NETWORKS, STRUCTURES, SUBSETS, CURVATURES):
        model, theta, X, y = problem(likelihood)
        chosen = options(structure, subset, model.network)
        if meaningless(structure, subset, curvature, likelihood):
            with pytest.raises(ValueError, match=r"^[a-z_]+: expected [^\n]+, received [^\n]+$"):
                Laplace(model, theta, curvature=curvature, **chosen)
            refused += len(every_link)
            continue
        la = Laplace(model, theta, curvature=curvature, **chosen).fit(X, y)
        for link in every_link:
            if link not in likelihood.links:
                with pytest.raises(ValueError, match=r"^link_approx: expected one of [^\n]+, received [^\n]+$"):
                    la.predict(X, link)
                refused += 1
                continue
            prediction = np.asarray(la.predict(X, link, n_samples=3, rng=0))
            assert np.all(np.isfinite(prediction))
            shape = {1: (12,), 3: (12, 3)}[model.network.n_outputs] if prediction.ndim < 3 else (2, *y.shape)
            assert prediction.shape == shape
            works += 1
    links = {likelihood: len(likelihood.links) for likelihood in NETWORKS}
    assert works == sum(links[likelihood] for *_, likelihood in SOUND)
    assert works + refused == len(NETWORKS) * len(STRUCTURES) * 3 * 3 * len(every_link)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"hessian_structure": "kron", "prior_precision": "varying"}, "prior_precision: expected one value on each W"),
        ({"hessian_structure": "kron", "prior_precision": "matrix"}, "prior_precision: expected a diagonal .*='kron'"),
        ({"hessian_structure": "diag", "prior_precision": "matrix"}, "prior_precision: .* a diagonal .*='diag'"),
        ({"hessian_structure": "blockdiag", "prior_precision": "matrix"}, "prior_precision: .*='blockdiag'"),
        ({"hessian_structure": "full", "rank": 3}, "rank: expected None but for hessian_structure='lowrank', rec"),
        ({"hessian_structure": "lowrank", "rank": 0}, "rank: expected a whole number of at least 1, received 0"),
    ],
)
def test_what_a_structure_cannot_hold_is_named(bad, message):
    P = NETWORKS[Bernoulli()].n_params
    priors = {None: 1.0, "varying": np.linspace(1, 2, P), "matrix": np.eye(P) + 0.1}
    choices = {name: value for name, value in bad.items() if name != "prior_precision"}
    model, theta, X, y = problem(Bernoulli(), prior_precision=priors[bad.get("prior_precision")])
    with pytest.raises(ValueError, match=f"^{message}"):
        _ = Laplace(model, theta, **choices).fit(X, y).posterior


def test_an_exact_hessian_is_not_known_to_be_of_squares_in_whatever_order_shards_come():
    model, theta, X, y = problem(Bernoulli())
    for first, second in [("ggn", "hessian"), ("hessian", "ggn")]:
        sums = [Laplace(model, theta, curvature=name).fit(X, y)._fit.structure for name in (first, second)]
        assert [part.of_squares for part in sums] == [first == "ggn", second == "ggn"]
        sums[0].add(sums[1])
        assert not sums[0].of_squares
