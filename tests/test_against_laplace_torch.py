"""Numbers recorded from laplace-torch 0.3 hold here too, and where it is wrong the tests say by how much.

`record_laplace_torch.py` explains the entries of the file. Two conventions differ: its raw curvature leaves out
1 / sigma_noise^2, which ours carries, and its regression variance leaves out the noise, which ours includes.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minilaplace import MLP, BayesianModel, Categorical, Gaussian, Laplace
from minilaplace import curvature as dense_curvature
from minilaplace.network.layer_pairs import symmetrise

FILE = np.load(Path(__file__).with_name("laplace_torch.npz"))
NETWORKS = {"classification": MLP(2, 4, 3), "regression": MLP(2, 4, 2)}
RAW = [path for path in FILE.files if path.count("/") == 3]
CASES = [path for path in FILE.files if path.count("/") == 4]
RTOL = 1e-8  # of the largest entry: the peer's own algebra goes through float64 eigendecompositions too


def assert_close(received, expected):
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=RTOL * np.abs(expected).max())


def model_of(likelihood, sigma_noise=1.0, **prior):
    kind = Categorical() if likelihood == "classification" else Gaussian(sigma_noise)
    return BayesianModel(NETWORKS[likelihood], kind, **prior)


def unfitted(path, **options):
    """Return the Laplace that a recorded path names, and its data."""
    likelihood, curvature, structure, subset = path.split("/")[:4]
    recorded = FILE[path] if path.count("/") == 4 else None
    data, prior, sigma = FILE[f"{likelihood}/data"], 1.0, 1.0
    if recorded is not None:
        prior, sigma = recorded["prior_precision"][()], float(recorded["sigma_noise"])
        options |= {"temperature": float(recorded["temperature"])}
    model = model_of(likelihood, sigma, prior_precision=prior)
    la = Laplace(
        model, data["theta"], curvature=curvature, hessian_structure=structure, subset_of_weights=subset, **options
    )
    return la, data


def raw_matrix(la):
    """Return the curvature without the prior: the precision less a prior of 1, which is exact to rounding."""
    return la.posterior.precision() - np.eye(len(la.subset))


def as_matrix(H):
    return np.diag(H) if H.ndim == 1 else H


def is_twice_too_large(path):
    """The peer's empirical Fisher of a regression is twice the sum of squared gradients."""
    return path.startswith("regression/empirical_fisher")


def test_every_recorded_path_is_tested():
    others = {"versions", "classification/data", "regression/data"}
    assert set(RAW) | set(CASES) | others == set(FILE.files)
    assert RAW
    assert CASES


@pytest.mark.parametrize("path", RAW)
def test_raw_curvature(path):
    _, curvature, structure, subset = path.split("/")
    la, data = unfitted(path)
    H = as_matrix(FILE[path]["H"]) / (2 if is_twice_too_large(path) else 1)
    if curvature == "hessian":  # not positive definite here: no posterior, but a matrix
        assert_close(dense_curvature.hessian(la.model, data["theta"], data["X"], data["y"]), H)
        return
    la.fit(data["X"], data["y"])
    assert_close(raw_matrix(la), H)
    if is_twice_too_large(path) and (structure, subset) == ("full", "all"):
        model, theta, X, y = la.model, data["theta"], data["X"], data["y"]
        g = [model.loss_and_gradient(theta, X[n : n + 1], y[n : n + 1], share=0.0)[1] for n in range(len(X))]
        assert_close(raw_matrix(la), np.einsum("np,nq->pq", g, g))


@pytest.mark.parametrize("path", RAW)
def test_loss_is_the_nll_without_its_normaliser(path):
    la, data = unfitted(path)
    la.fit(data["X"], data["y"])
    assert_close(la._fit.tempered_energy(la.model.likelihood), FILE[path]["loss"][()])


@pytest.mark.parametrize("path", [path for path in RAW if "/kron/" in path])
def test_kron_factors_batches_and_further_fits(path):
    # The peer shares out a regression's 1/2 between A and B: their product is compared, and the bias' B by itself.
    recorded, half = FILE[path], 2 if is_twice_too_large(path) else 1
    la, data = unfitted(path)
    la.fit(data["X"], data["y"])
    n_samples, *triangles = la._fit.structure.parts
    factors = [symmetrise(triangle.copy()) for triangle in triangles]
    layers = zip(["W1", "W2"][-len(factors) // 2 :], factors[::2], factors[1::2], strict=True)
    for name, B, A in layers:
        assert_close(np.kron(B, A / n_samples), np.kron(recorded[f"B_{name}"], recorded[f"A_{name}"]) / half)
        assert_close(B, recorded[f"B_{name.replace('W', 'b')}"] / half)
    batches, _ = unfitted(path)
    assert_close(raw_matrix(batches.fit(data["X"], data["y"], batch_size=12)), recorded["H_batches"] / half)
    if path.endswith("/all"):
        twice, _ = unfitted(path)
        for shard in (slice(12), slice(12, 20)):
            twice.fit(data["X"][shard], data["y"][shard], override=False)
        assert_close(raw_matrix(twice), recorded["H_override"] / half)


@pytest.mark.parametrize("path", CASES)
def test_posterior_and_its_density(path):
    recorded = FILE[path]
    la, data = unfitted(path)
    posterior = la.fit(data["X"], data["y"]).posterior
    assert_close(posterior.precision(), as_matrix(recorded["precision"]))
    assert_close(posterior.log_det_precision, recorded["log_det_precision"][()])
    log_prob = multivariate_normal.logpdf(
        data["theta_probe"][la.subset.indices], posterior.mean, posterior.covariance()
    )
    assert_close(log_prob, recorded["log_prob"][()])


@pytest.mark.parametrize("path", CASES)
def test_outputs_and_predictions(path):
    recorded = FILE[path]
    la, data = unfitted(path)
    X = data["X_test"]
    f_mean, f_cov = la.fit(data["X"], data["y"]).glm_predictive_distribution(X)
    assert_close(f_mean, recorded["f_mu"])
    assert_close(f_cov, recorded["f_var"])
    if "f_joint" in recorded.dtype.names:
        J = la.model.network.jacobian(la.theta, X)[:, :, la.subset.indices].reshape(-1, len(la.subset))
        assert_close(J @ la.posterior.covariance() @ J.T, recorded["f_joint"])
    if path.startswith("classification"):
        for link in ("probit", "bridge", "bridge_norm"):
            assert_close(la.predict(X, link), recorded[link])
    else:
        prediction = la.predict(X)
        assert_close(prediction.mean, recorded["mean"])
        noise = float(recorded["sigma_noise"]) ** 2
        assert_close(prediction.variance, np.diagonal(recorded["variance"], axis1=1, axis2=2) + noise)


@pytest.mark.parametrize("path", CASES)
def test_evidence_and_its_parts(path):
    recorded = FILE[path]
    la, data = unfitted(path)
    la.fit(data["X"], data["y"])
    prior, mean = la.model.prior_over(la.subset.indices), la.posterior.mean
    assert_close(np.log(prior).sum(), recorded["log_det_prior"][()])
    assert_close(prior @ mean**2, recorded["scatter"][()])
    assert_close(la._fit.log_likelihood(la.model.likelihood), recorded["log_likelihood"][()])
    assert_close(la.log_marginal_likelihood(), recorded["log_marginal_likelihood"][()])
    other = float(recorded["other_prior_precision"])
    assert_close(la.log_marginal_likelihood(other), recorded["log_marginal_likelihood_other_prior"][()])
    if "other_sigma_noise" in recorded.dtype.names:
        both = la.log_marginal_likelihood(other, float(recorded["other_sigma_noise"]))
        assert_close(both, recorded["log_marginal_likelihood_other_prior_and_noise"][()])
        # Asking has changed nothing.
        assert_close(la.log_marginal_likelihood(), recorded["log_marginal_likelihood"][()])
