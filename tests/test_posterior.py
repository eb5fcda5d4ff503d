"""The Cholesky-based posterior answers what dense linear algebra answers, and its samples have that covariance.

The oracles are NumPy's `inv` and `slogdet`, which share no code path with a Cholesky factor.
"""

import numpy as np
import pytest
from scipy.linalg.lapack import dpocon, dpotri

from minilaplace import MLP
from minilaplace.network.subset import select
from minilaplace.posterior.cholesky import DIGITS, cholesky
from minilaplace.posterior.gaussian import BlockPosterior, FullPosterior

CONDITION = 1e3  # of the random precisions: `inv` loses a factor of it to rounding, and 1e-10 is far above 1e3 eps


def random_precision(P, rng):
    """Draw a symmetric (P, P) matrix with eigenvalues from 1 / sqrt(CONDITION) to sqrt(CONDITION)."""
    Q, _ = np.linalg.qr(rng.normal(size=(P, P)))
    precision = Q * np.geomspace(CONDITION**-0.5, CONDITION**0.5, P) @ Q.T
    return (precision + precision.T) / 2


@pytest.fixture(params=[(1, 1), (2, 3), (3, 4, 2), (3, 5, 4, 3)], ids=str)
def network(request):
    return MLP(*request.param)


@pytest.fixture
def mean(network):
    return np.random.default_rng(1).normal(size=network.n_params)


@pytest.fixture
def precision(network):
    return random_precision(network.n_params, np.random.default_rng(2))


@pytest.fixture
def posterior(mean, precision):
    return FullPosterior(mean, precision)


def assert_close(received, expected):
    """Equal to 1e-10 of the largest entry, in shape too."""
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_precision_is_what_was_given(posterior, precision):
    assert_close(posterior.precision(), precision)


def test_covariance_is_the_inverse_of_the_precision(posterior, precision):
    assert_close(posterior.covariance(), np.linalg.inv(precision))


def test_covariance_is_exactly_symmetric(posterior):
    np.testing.assert_array_equal(posterior.covariance(), posterior.covariance().T)


def test_log_det_precision_is_that_of_an_lu_decomposition(mean, precision):
    # Scaled by 7, because a geometric series around 1 has determinant 1, whatever its span.
    sign, log_det = np.linalg.slogdet(7 * precision)
    assert sign == 1
    np.testing.assert_allclose(FullPosterior(mean, 7 * precision).log_det_precision, log_det, rtol=1e-10, atol=0)


def test_log_det_does_not_overflow_where_the_determinant_does():
    posterior = FullPosterior(np.zeros(4), 1e200 * np.eye(4))
    np.testing.assert_allclose(posterior.log_det_precision, 800 * np.log(10), rtol=1e-14)


@pytest.mark.parametrize("n_samples", [1, 7, 200])
def test_functional_covariance_is_the_dense_product(posterior, precision, network, mean, n_samples):
    X = np.random.default_rng(3).normal(size=(n_samples, network.n_inputs))
    J = network.jacobian(mean, X)
    expected = np.stack([J_n @ np.linalg.inv(precision) @ J_n.T for J_n in J])
    assert_close(posterior.functional_covariance(network.trace(mean, X).pull_back()), expected)


def test_the_inverse_is_made_for_many_rows_alone(posterior, network, mean, monkeypatch):
    calls = []
    monkeypatch.setattr("minilaplace.posterior.gaussian.dpotri", lambda *a, **k: calls.append(a) or dpotri(*a, **k))
    few = -(-2 * network.n_params // (3 * network.n_outputs)) - 1
    for n_samples, expected in [(few, 0), (few + 1, 1), (few + 1, 1)]:
        X = np.ones((n_samples, network.n_inputs))
        posterior.functional_variance(network.trace(mean, X).pull_back())
        assert len(calls) == expected


@pytest.mark.parametrize("method", ["functional_covariance", "functional_variance"])
@pytest.mark.parametrize("layers", [False, True])
def test_the_inverse_of_each_layer_is_made_for_many_rows(precision, network, mean, layers, method, monkeypatch):
    calls = []
    monkeypatch.setattr("minilaplace.posterior.gaussian.dpotri", lambda *a, **k: calls.append(a) or dpotri(*a, **k))
    posterior = FullPosterior(mean, precision)
    if layers:
        labels = select(network, "all").tensors() // 2
        at = [np.flatnonzero(labels == l) for l in range(len(network.shapes))]
        posterior = BlockPosterior(mean, at, [FullPosterior(mean[l], precision[np.ix_(l, l)]) for l in at])
    rows = network.trace(mean, np.ones((200, network.n_inputs))).pull_back()
    getattr(posterior, method)(rows)
    assert len(calls) == (len(at) if layers else 1)


def test_sample_mean_and_covariance_are_the_posteriors():
    # Five standard errors of each entry, with S draws: sqrt(Sigma_ii / S) for the mean and
    # sqrt((Sigma_ii Sigma_jj + Sigma_ij^2) / S) for the covariance of a Gaussian (Isserlis).
    S, P = 100_000, 6
    rng = np.random.default_rng(4)
    mean, precision = rng.normal(size=P), random_precision(P, rng)
    Sigma = np.linalg.inv(precision)
    draws = FullPosterior(mean, precision).sample(S, rng)
    assert draws.shape == (S, P)
    variance = np.diag(Sigma)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5 * np.sqrt(variance / S))
    error = np.abs(np.cov(draws, rowvar=False) - Sigma)
    assert np.all(error < 5 * np.sqrt((np.outer(variance, variance) + Sigma**2) / S))


def test_the_same_seed_draws_the_same_and_another_does_not(posterior):
    first, again, other = (posterior.sample(3, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


class UnitVectors:
    """In the place of white noise: every vector that is drawn is a unit vector, and each another one."""

    def __init__(self):
        self.n_drawn = 0

    def standard_normal(self, shape):
        noise = np.eye(*shape, self.n_drawn)
        self.n_drawn += shape[0]
        return noise


def test_samples_of_unit_vectors_add_up_to_the_covariance(posterior, precision, mean):
    draws = posterior.deviations(len(mean), UnitVectors())
    assert_close(draws.T @ draws, np.linalg.inv(precision))
    expected = mean + posterior.deviations(3, np.random.default_rng(5))
    np.testing.assert_array_equal(posterior.sample(3, np.random.default_rng(5)), expected)


def test_the_distance_is_that_of_mahalanobis(posterior, precision, mean):
    deviations = np.random.default_rng(6).normal(size=(4, len(mean)))
    assert_close(posterior.squared_distance(deviations), np.array([d @ precision @ d for d in deviations]))


@pytest.mark.parametrize("indices", [range(17), [16, 0, 9, 3, 12, 8]], ids=["all", "some, in another order"])
def test_independent_layers_are_one_posterior_of_a_block_matrix(indices):
    network, rng = MLP(2, 3, 2), np.random.default_rng(0)
    subset = select(network, "subnetwork", list(indices))
    P, layer = len(subset), subset.tensors() // 2
    theta, X, deviations = rng.normal(size=network.n_params), rng.normal(size=(4, 2)), rng.normal(size=(5, P))
    precision = np.where(layer[:, None] == layer, random_precision(P, rng), 0)
    at = [np.flatnonzero(layer == l) for l in range(2)]
    mean = theta[subset.indices]
    posterior = BlockPosterior(mean, at, [FullPosterior(mean[l], precision[np.ix_(l, l)]) for l in at])
    Sigma, J = np.linalg.inv(precision), network.jacobian(theta, X)[:, :, subset.indices]
    rows, V = network.trace(theta, X).pull_back(None, subset.n_layers, subset.columns), J @ Sigma @ J.transpose(0, 2, 1)
    F, draws = posterior.functional_root(rows), posterior.deviations(P, UnitVectors())
    for received, expected in (
        (posterior.precision(), precision),
        (posterior.covariance(), Sigma),
        (posterior.variance(), np.diag(Sigma)),
        (posterior.log_det_precision, np.linalg.slogdet(precision)[1]),
        (posterior.squared_distance(deviations), np.einsum("sp,pq,sq->s", deviations, precision, deviations)),
        (posterior.functional_covariance(rows), V),
        (posterior.functional_variance(rows), np.einsum("ncc->nc", V)),
        (np.einsum("ncr,mdr->ncmd", F, F), np.einsum("ncp,pq,mdq->ncmd", J, Sigma, J)),
        (draws.T @ draws, Sigma),
    ):
        assert_close(received, expected)


def test_mean_is_a_read_only_copy(posterior, mean):
    expected = mean.copy()
    mean += 1
    np.testing.assert_array_equal(posterior.mean, expected)
    with pytest.raises(ValueError, match="read-only"):
        posterior.mean[0] = 0


def test_the_given_precision_is_neither_modified_nor_kept(mean, precision):
    expected = precision.copy()
    posterior = FullPosterior(mean, precision)
    np.testing.assert_array_equal(precision, expected)
    precision += np.eye(len(mean))
    assert_close(posterior.precision(), expected)


def test_a_factor_is_numpys_of_the_scaled_curvature_and_the_prior_and_of_none_by_default(precision):
    P = len(precision)
    assert_close(cholesky(precision), np.linalg.cholesky(precision))
    upper_half_unknown = np.where(np.tri(P, dtype=bool), precision, np.nan)
    for prior in (0.5, np.linspace(0.1, 2, P), np.eye(P) + 0.2):
        added = prior if np.ndim(prior) == 2 else prior * np.eye(P)
        assert_close(np.tril(cholesky(upper_half_unknown, prior, 3.0)), np.linalg.cholesky(3 * precision + added))


@pytest.mark.parametrize("smallest", [-3.25, -1e-3])
def test_an_indefinite_precision_is_refused_with_its_smallest_eigenvalue_and_both_ways_out(smallest):
    Q, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(5, 5)))
    precision = Q * [2.0, 1.0, smallest, 5.0, 3.0] @ Q.T
    with pytest.raises(np.linalg.LinAlgError) as error:
        FullPosterior(np.zeros(5), (precision + precision.T) / 2)
    for words in (f"smallest eigenvalue is {smallest:g}", "curvature='ggn'", "larger prior_precision"):
        assert words in str(error.value)


def test_the_condition_is_estimated_where_the_prior_does_not_bound_it(mean, precision, monkeypatch):
    calls = []
    monkeypatch.setattr("minilaplace.posterior.cholesky.dpocon", lambda *a, **k: calls.append(a) or dpocon(*a, **k))
    edge = 10**DIGITS * np.finfo(float).eps * np.sqrt(len(mean)) * np.diag(precision).max()
    for least, expected in [(0.5 / CONDITION**0.5, 0), (1.1 * edge, 0), (0.9 * edge, 1), (0.0, 1)]:
        calls.clear()
        prior = np.full(len(mean), least)
        FullPosterior(mean, precision - np.diag(prior), prior, of_squares=True)
        assert len(calls) == expected
    whole = np.full((len(mean),) * 2, 0.5) + np.eye(len(mean))
    for prior, of_squares in [(np.ones(len(mean)), False), (whole, True)]:
        calls.clear()
        FullPosterior(mean, precision, prior, of_squares=of_squares)
        assert len(calls) == 1


@pytest.mark.parametrize("curvature", [[[1e308, 0], [0, 1]], [[1, 0], [np.inf, 1]], [[np.inf, 0], [0, 1]]])
def test_a_precision_that_overflows_is_refused_without_a_warning(curvature):
    with pytest.raises(np.linalg.LinAlgError, match="has not 4 digits"), np.errstate(all="raise"):
        cholesky(np.array(curvature, dtype=float), 1e308)


def test_a_prior_bounds_nothing_where_the_curvature_is_not_known_to_be_of_squares():
    curvature = np.array([[0.5, 1 - 1e-14], [1 - 1e-14, 0.5]])  # of eigenvalues 1.5 and -0.5 + 1e-14
    with pytest.raises(np.linalg.LinAlgError, match="has not 4 digits"):
        cholesky(curvature, 0.5)
