"""The committed table of numbers (`REFERENCE.md`) is what mpmath says, and what minilaplace computes."""

import json

import numpy as np
import pytest
from problems import assert_close
from write_reference_values import CASES, LIKELIHOODS, PATH, entry

from minilaplace import MLP, BayesianModel, Laplace
from minilaplace.curvature import empirical_fisher, ggn, hessian

TABLE = json.loads(PATH.read_text("utf-8"))


def read(name):
    """Return a case's model, parameters, data and new inputs, read from the file as anyone would, and its values."""
    problem = TABLE[name]["problem"]
    options = dict(problem["likelihood"])
    likelihood = LIKELIHOODS[options.pop("name")](**options)
    model = BayesianModel(
        MLP(*problem["sizes"], activation=problem["activation"]), likelihood, problem["prior_precision"]
    )
    data = (np.array(problem[key]) for key in ("theta", "X", "y", "X_new"))
    return model, *data, {key: np.array(value) for key, value in TABLE[name]["values"].items()}


def test_the_table_has_all_cases():
    assert list(TABLE) == list(CASES)


@pytest.mark.parametrize("name", ["logistic regression", "silu, regression, a noise that is predicted"])
def test_the_table_is_what_mpmath_says(name):
    written, computed = TABLE[name], json.loads(json.dumps(entry(name)))
    assert written["problem"] == computed["problem"]
    assert written["values"].keys() == computed["values"].keys()
    for key, value in written["values"].items():
        np.testing.assert_allclose(value, computed["values"][key], rtol=1e-15, atol=1e-40)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_and_curvatures(name):
    model, theta, X, y, _, values = read(name)
    network, likelihood = model.network, model.likelihood
    f = network.forward(theta, X)
    assert_close(f, values["outputs"])
    assert_close(network.jacobian(theta, X), values["jacobian"])
    assert_close(likelihood.nll(f, y), values["nll"])
    assert_close(network.backward(theta, X, likelihood.gradient(f, y)), values["gradient"])
    assert_close(hessian(model, theta, X, y), values["hessian"])
    assert_close(ggn(model, theta, X, y), values["ggn"])
    assert_close(empirical_fisher(model, theta, X, y), values["empirical_fisher"])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("structure", ["full", "gp"])
def test_posterior_evidence_and_predictions(name, structure):
    model, theta, X, y, X_new, values = read(name)
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    assert_close(la.posterior.covariance(), values["posterior_covariance"])
    assert_close(la.posterior.log_det_precision, values["log_det_precision"])
    assert_close(la.log_marginal_likelihood(), values["log_marginal_likelihood"])
    mean, covariance = la.glm_predictive_distribution(X_new)
    assert_close(mean, values["new_mean"])
    assert_close(covariance, values["new_covariance"])
    links = {"plugin", "probit", "mean_field", "quadrature"} & values.keys()
    for link in links:
        assert_close(la.predict(X_new, link), values[link])
    if not links:
        prediction = la.predict(X_new)
        assert_close(prediction.mean, values["predictive_mean"])
        assert_close(prediction.variance, values["predictive_variance"])
