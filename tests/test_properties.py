"""What holds for every model, every prior, every form of the posterior and all data, however strange.

Hypothesis draws architectures, likelihoods, priors, structures, subsets and data: logits of 1e4, saturated units,
duplicated rows, one sample, one unit, fewer samples than classes, collinear columns, columns and parameters of zeros,
equal targets. Any warning is an error, as in all tests. `MINILAPLACE_EXAMPLES=2000` looks at more examples, fresh ones
each time; the default ones are always the same.
"""

import os
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from problems import assert_close, from_conditional_mean

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    Prediction,
)
from minilaplace.curvature import CURVATURES, empirical_fisher, ggn, hessian
from minilaplace.network.activation import ACTIVATIONS
from minilaplace.network.jacobian import n_parameters
from minilaplace.structures.fit import STRUCTURES

MORE = int(os.environ.get("MINILAPLACE_EXAMPLES", "0"))


def examples(n):
    """Return settings of n examples, or of as many as are asked for."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=MORE or n, derandomize=not MORE, deadline=None, suppress_health_check=checks)


class Case(NamedTuple):
    """A model with parameters, data, and new inputs; and a source of randomness."""

    model: BayesianModel
    theta: Any
    X: Any
    y: Any
    X_new: Any
    rng: Any


KINDS = {  # the numbers of outputs that a likelihood takes
    Bernoulli: [1],
    BradleyTerry: [1],
    Categorical: [2, 3, 5],
    Gaussian: [1, 2, 3],
    HeteroscedasticGaussian: [2, 4],
}


@st.composite
def cases(draw, extreme=False, kinds=tuple(KINDS), activations=tuple(ACTIVATIONS)):
    """Draw a case; an extreme one has parameters and inputs of all sizes."""
    kind = draw(st.sampled_from(kinds))
    C = draw(st.sampled_from(KINDS[kind]))
    D, hidden = draw(st.integers(1, 3)), draw(st.lists(st.integers(1, 4), max_size=3))
    network = MLP(D, *hidden, C, activation=draw(st.sampled_from(activations)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = st.sampled_from([0.0, 1e-4, 1.0, 30.0, 1e4] if extreme else [0.3, 1.0])
    theta = rng.normal(size=network.n_params) * draw(sizes)
    N, N_new = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    X, X_new = (_inputs(draw, rng, n, D, kind, draw(sizes)) for n in (N, N_new))
    likelihood = kind(draw(st.sampled_from([0.01, 0.5, 30.0]))) if kind is Gaussian else kind()
    model = BayesianModel(network, likelihood, *_prior(draw, rng, network, extreme))
    return Case(model, theta, X, _targets(draw, rng, kind, N, C, draw(sizes) + 0.1), X_new, rng)


def _inputs(draw, rng, n, D, kind, size):
    X = size * rng.normal(size=(n, 2, D) if kind is BradleyTerry else (n, D))
    strange = draw(st.sampled_from(["ordinary", "ordinary", "equal rows", "equal columns", "constant column"]))
    if strange == "equal rows":
        X[:] = X[0]
    elif strange == "equal columns":
        X[..., :] = X[..., :1]
    elif strange == "constant column":
        X[..., 0] = size
    return X


def _targets(draw, rng, kind, N, C, size):
    if kind().has_noise:
        y = size * rng.normal(size=(N, C // 2 if kind is HeteroscedasticGaussian else C))
    else:
        y = rng.integers(0, max(2, C), size=N)
    if draw(st.sampled_from(["ordinary", "ordinary", "ordinary", "equal"])) == "equal":
        y[:] = y[0]
    return y


def _prior(draw, rng, network, extreme):
    least, most = (1e-8, 1e8) if extreme else (0.1, 10.0)
    form, P = draw(st.sampled_from(["number", "layers", "parameters", "matrix"])), network.n_params
    size = {"number": (), "layers": len(network.shapes)}.get(form, P)
    precision = np.exp(rng.uniform(np.log(least), np.log(most), size=size))
    if form == "matrix":
        Q, _ = np.linalg.qr(rng.normal(size=(P, P)))
        precision = Q * np.clip(precision, 1e-2, 1e2) @ Q.T
        precision = (precision + precision.T) / 2
    return precision, rng.normal(size=draw(st.sampled_from([(), P])))


def choices(draw, case, structures=tuple(STRUCTURES), curvatures=tuple(CURVATURES)):
    """Draw a form of the posterior that suits the case."""
    kind, P = type(case.model.likelihood), case.model.network.n_params
    prior = np.asarray(case.model.prior_precision)
    structure = draw(st.sampled_from(structures))
    subset = draw(st.sampled_from(["all", "last_layer", "subnetwork"]))
    curvature = draw(st.sampled_from(curvatures))
    if prior.ndim == 2 and structure in ("kron", "diag", "blockdiag"):
        structure = "full"
    if structure == "kron" and (kind is BradleyTerry or subset == "subnetwork" or curvature == "hessian"):
        structure = "diag"
    if structure == "kron" and prior.ndim == 1 and len(np.unique(prior)) > len(case.model.network.shapes):
        structure = "diag"
    if prior.ndim == 2 and structure == "diag":
        structure = "full"
    if structure == "gp" and curvature == "hessian":
        curvature = "ggn"
    indices = case.rng.permutation(P)[: draw(st.integers(1, P))] if subset == "subnetwork" else None
    chosen = {"subset_of_weights": subset, "subnetwork_indices": indices, "curvature": curvature}
    return {**chosen, "hessian_structure": structure, "temperature": draw(st.sampled_from([1.0, 0.3, 5.0]))}


DOCUMENTED = (
    "the posterior precision is not positive definite: ",
    "the posterior precision has not 4 digits of ",
    "theta: expected parameters at which loss and curvature of the data are within the range of float64",
    "X: expected inputs at which predictions and their variances are within the range of float64",
)


def unresolved(la):
    """Return whether the data is so informative (a predicted noise of nearly nothing) that the prior has no digits."""
    try:
        _ = la.posterior
    except np.linalg.LinAlgError as error:
        return str(error).startswith(DOCUMENTED[1])
    return False


def answers(la, case):
    """Yield everything that a posterior says of the new inputs."""
    model = case.model
    for link in model.likelihood.links_for(model.network.n_outputs):
        yield link, la.predict(case.X_new, link, n_samples=3, rng=0)
    yield "uncertainty", la.uncertainty(case.X_new, n_samples=3, rng=0)
    yield "distribution", la.glm_predictive_distribution(case.X_new)
    yield "samples", la.sample(2, rng=0)
    yield "functions", la.functional_samples(case.X_new, 2, rng=0)
    yield "between", la.functional_covariance(case.X_new)
    yield "gains", la.information_gain(case.X_new, n_samples=3, rng=0)
    yield "gain", la.information_gain(case.X_new, joint=True)
    yield "variance", la.posterior.variance()
    yield "precision", la.posterior.precision()
    yield "covariance", la.posterior.covariance()
    yield "log_det", la.posterior.log_det_precision
    yield "evidence", la.log_marginal_likelihood()


@given(st.data())
@examples(250)
def test_every_answer_is_finite_and_possible_or_refused_as_documented(data):
    case = data.draw(cases(extreme=True))
    chosen = choices(data.draw, case)
    try:
        la = Laplace(case.model, case.theta, **chosen).fit(case.X, case.y)
        for name, answer in answers(la, case):
            for part in answer if isinstance(answer, tuple) else (answer,):
                assert np.all(np.isfinite(part)), name
            if isinstance(answer, Prediction):
                assert np.all(answer.variance >= 0), name  # a predicted noise of exp(-7000) is 0
            elif name in case.model.likelihood.links:
                assert np.all((answer >= 0) & (answer <= 1)), name
                if answer.ndim == 2:
                    np.testing.assert_allclose(answer.sum(axis=1), 1, rtol=1e-12)
            elif name == "distribution":
                covariance = answer[1]
                assert np.array_equal(covariance, covariance.transpose(0, 2, 1)) or np.allclose(
                    covariance, covariance.transpose(0, 2, 1), rtol=0, atol=1e-12 * np.abs(covariance).max()
                )
                variances = np.diagonal(covariance, axis1=1, axis2=2)
                assert np.all(variances >= 0), name
            elif name == "variance":
                assert np.all(answer > 0), name
    except (np.linalg.LinAlgError, ValueError) as error:
        assert str(error).startswith(DOCUMENTED), error  # noqa: PT017
        assert "positive definite" not in str(error) or chosen["curvature"] == "hessian"  # noqa: PT017


def rows_of(case, X):
    """Return J_n (N, C, P); of pairs the difference."""
    network = case.model.network
    jacobian = MLP(*network.sizes, activation=network.activation).jacobian
    return jacobian(case.theta, X) if X.ndim == 2 else jacobian(case.theta, X[:, 0]) - jacobian(case.theta, X[:, 1])


@given(cases())
@examples(60)
def test_curvatures_are_their_definitions(case):
    model, theta, X, y, _, rng = case
    network, likelihood, J = model.network, model.likelihood, rows_of(case, X)
    f = network.forward(theta, X)
    R, g = likelihood.factor(f), likelihood.gradient(f, y)
    fisher, gradients = np.einsum("nkc,ncp->nkp", R, J), np.einsum("nc,ncp->np", g, J)
    G = np.einsum("nkp,nkq->pq", fisher, fisher)
    assert_close(ggn(model, theta, X, y), G)
    assert_close(empirical_fisher(model, theta, X, y), gradients.T @ gradients)
    assert_close(network.backward(theta, X, g), gradients.sum(axis=0))
    more = likelihood.hessian_minus_fisher(f, y)
    bent = network.second_order(theta, X, g) + (0 if more is None else np.einsum("ncp,ncd,ndq->pq", J, more, J))
    assert_close(hessian(model, theta, X, y), G + bent)
    other = rng.normal(size=g.shape)
    both = network.second_order(theta, X, g + 2 * other)
    assert_close(both, network.second_order(theta, X, g) + 2 * network.second_order(theta, X, other))
    assert_close(model.gradient(theta, X, y), gradients.sum(axis=0) + _prior_of(model) @ (theta - model.prior_mean))


def _prior_of(model):
    prior = model.prior_over(np.arange(model.network.n_params))
    return np.diag(prior) if prior.ndim == 1 else prior


@given(st.data())
@examples(100)
def test_a_posterior_is_the_dense_algebra_of_its_precision(data):
    # Condition numbers here reach some 1e9 (noise 0.01 and priors of 0.1), of which `inv` loses its share.
    case = data.draw(cases())
    chosen = choices(data.draw, case, curvatures=("ggn", "empirical_fisher"))
    la = Laplace(case.model, case.theta, **chosen).fit(case.X, case.y)
    assume(not unresolved(la))
    posterior, at = la.posterior, la.subset.indices
    Lambda = posterior.precision()
    Sigma = np.linalg.inv(Lambda)
    rtol = 1e-13 * np.linalg.cond(Lambda)
    J = rows_of(case, case.X_new)[:, :, at]
    f, V = la.glm_predictive_distribution(case.X_new)
    assert_close(f, case.model.network.forward(case.theta, case.X_new))
    assert_close(posterior.covariance(), Sigma, rtol)
    assert_close(posterior.variance(), np.diag(Sigma), rtol)
    assert_close(V, J @ Sigma @ J.transpose(0, 2, 1), rtol * np.abs(J).max(initial=1.0) ** 2)
    assert_close(posterior.log_det_precision, np.linalg.slogdet(Lambda)[1], rtol)
    prior = _prior_of(case.model)[np.ix_(at, at)]
    d = from_conditional_mean(case.model.prior_precision, case.theta - case.model.prior_mean, at)
    occam = posterior.log_det_precision - np.linalg.slogdet(prior)[1] + d @ prior @ d
    assert_close(la.log_marginal_likelihood(), la._fit.log_likelihood(case.model.likelihood) - occam / 2, 1e-9)
    assert np.all(posterior.variance() <= np.diag(np.linalg.inv(prior)) * (1 + 1e-9))  # data takes uncertainty away


@given(st.data())
@examples(60)
def test_neither_the_order_of_the_data_nor_its_blocks_matter(data):
    case = data.draw(cases())
    chosen, N = choices(data.draw, case), len(case.X)
    whole = Laplace(case.model, case.theta, **chosen).fit(case.X, case.y)
    order, size, cut = case.rng.permutation(N), data.draw(st.integers(1, N)), data.draw(st.integers(0, N))
    shuffled = Laplace(case.model, case.theta, **chosen).fit(case.X[order], case.y[order], batch_size=size)
    shards = Laplace(case.model, case.theta, **chosen)
    for shard in (order[:cut], order[cut:]):
        if len(shard):
            shards.fit(case.X[shard], case.y[shard], override=False)
    for other in (shuffled, shards):
        assert other.n_data == N
        if chosen["hessian_structure"] != "lowrank":  # whose eigenvectors turn where two eigenvalues are equal
            assert_same_posterior(other, whole)


def assert_same_posterior(one, other, at=slice(None)):
    """Equal precision and evidence, or equally refused; `at` is where the one's parameters stand in the other's."""
    try:
        expected = other.posterior.precision()
    except np.linalg.LinAlgError:
        with pytest.raises(np.linalg.LinAlgError):
            _ = one.posterior
        return
    assert_close(one.posterior.precision(), expected[at][:, at], 1e-11)
    scale = max(1.0, abs(other.posterior.log_det_precision), abs(other._fit.nll))
    assert abs(one.log_marginal_likelihood() - other.log_marginal_likelihood()) <= 1e-7 * scale


def relabelled(case, orders):
    """Return where each parameter goes when the units of every layer are put in other orders (of inputs: their own)."""
    network, P = case.model.network, case.model.network.n_params
    index, start, before = np.arange(P), 0, np.arange(network.n_inputs)
    moved = []
    for (W, b), order in zip(network.layers(index), orders, strict=True):
        moved += [W[order][:, before].ravel(), b[order]]
        start, before = start + W.size + b.size, order
    assert start == n_parameters(network.shapes)
    return index[np.concatenate(moved)]


def reordered(model, moved):
    """Return the model with its prior in the new order."""
    prior = model.prior_over(np.arange(len(moved)))
    prior = prior[moved] if prior.ndim == 1 else prior[np.ix_(moved, moved)]
    mean = np.broadcast_to(model.prior_mean, len(moved))[moved]
    return BayesianModel(model.network, model.likelihood, prior, mean)


@given(st.data())
@examples(60)
def test_neither_the_names_of_hidden_units_nor_of_outputs_matter(data):
    case = data.draw(cases())
    network, kind = case.model.network, type(case.model.likelihood)
    structures = ("full", "diag", "blockdiag", "gp") if np.ndim(case.model.prior_precision) < 2 else ("full", "gp")
    structure = data.draw(st.sampled_from(structures))
    curvature = data.draw(st.sampled_from(["ggn", "empirical_fisher"]))
    orders = [case.rng.permutation(size) for size in network.sizes[1:]]
    if kind is HeteroscedasticGaussian:
        means = case.rng.permutation(network.n_outputs // 2)
        orders[-1] = np.concatenate([means, means + len(means)])
    outputs, moved = orders[-1], relabelled(case, orders)
    y = case.y
    if kind is Categorical:
        y = np.argsort(outputs)[y]
    elif kind().has_noise:
        y = y[:, outputs[: y.shape[1]]]
    options = {"hessian_structure": structure, "curvature": curvature}
    la = Laplace(case.model, case.theta, **options).fit(case.X, case.y)
    twin = Laplace(reordered(case.model, moved), case.theta[moved], **options).fit(case.X, y)
    assert_same_posterior(twin, la, moved)
    assume(not unresolved(la))
    p, q = la.predict(case.X_new), twin.predict(case.X_new)
    rtol = 1e-13 * np.linalg.cond(la.posterior.precision())
    for one, other in zip(p if isinstance(p, tuple) else [p], q if isinstance(q, tuple) else [q], strict=True):
        assert_close(other, one if one.ndim == 1 else one[:, outputs[: one.shape[1]]], rtol)


def in_units(model, unit_x, unit_y):
    """Return a regression's model for inputs and targets in other units, and by what its parameters are multiplied."""
    layers = model.network.layers(np.ones(model.network.n_params))
    layers[0] = layers[0][0] / unit_x, layers[0][1]
    layers[-1] = layers[-1][0] * unit_y, layers[-1][1] * unit_y
    c = np.concatenate([part.ravel() for layer in layers for part in layer])
    prior = model.prior_over(np.arange(len(c)))
    prior = prior / (c**2 if prior.ndim == 1 else np.outer(c, c))
    noise = Gaussian(model.likelihood.sigma_noise * unit_y)
    return BayesianModel(model.network, noise, prior, model.prior_mean * c), c


@given(st.data())
@examples(60)
def test_the_units_of_inputs_and_targets_do_not_matter(data):
    case = data.draw(cases(kinds=(Gaussian,)))
    structures = ("full", "diag", "blockdiag", "gp") if np.ndim(case.model.prior_precision) < 2 else ("full", "gp")
    structure = data.draw(st.sampled_from(structures))
    unit_x, unit_y = (data.draw(st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6])) for _ in range(2))
    model, c = in_units(case.model, unit_x, unit_y)
    la = Laplace(case.model, case.theta, hessian_structure=structure).fit(case.X, case.y)
    twin = Laplace(model, c * case.theta, hessian_structure=structure).fit(unit_x * case.X, unit_y * case.y)
    assume(not unresolved(la))
    rtol = 1e-12 * np.linalg.cond(la.posterior.precision())
    assert_close(twin.posterior.variance() / c**2, la.posterior.variance(), rtol)
    expected, received = la.predict(case.X_new), twin.predict(unit_x * case.X_new)
    assert_close(received.mean / unit_y, expected.mean, 1e-9)
    assert_close(received.variance / unit_y**2, expected.variance, rtol)
    density = case.y.size * np.log(unit_y)  # per unit of y
    scale = max(1.0, abs(la.log_marginal_likelihood()), abs(density))
    assert abs(twin.log_marginal_likelihood() + density - la.log_marginal_likelihood()) <= rtol * scale


@given(cases(kinds=(BradleyTerry,)))
@examples(30)
def test_naming_the_other_side_of_each_pair_first_turns_the_preference_around(case):
    la = Laplace(case.model, case.theta).fit(case.X, case.y)
    twin = Laplace(case.model, case.theta).fit(case.X[:, ::-1], 1 - case.y)
    assert_same_posterior(twin, la)
    assume(not unresolved(la))
    assert_close(twin.predict(case.X_new[:, ::-1]), 1 - la.predict(case.X_new), 1e-9)


@given(st.data())
@examples(40)
def test_more_data_never_makes_a_ggn_posterior_less_sure(data):
    case = data.draw(cases())
    structures = ("full", "diag", "blockdiag", "gp") if np.ndim(case.model.prior_precision) < 2 else ("full", "gp")
    structure = data.draw(st.sampled_from(structures))
    la = Laplace(case.model, case.theta, hessian_structure=structure)
    volume, spread = -np.inf, np.inf
    for n in range(len(case.X)):
        la.fit(case.X[n : n + 1], case.y[n : n + 1], override=False)
        assume(not unresolved(la))
        variance = np.diagonal(la.glm_predictive_distribution(case.X_new)[1], axis1=1, axis2=2)
        assert la.posterior.log_det_precision >= volume - 1e-9 * abs(volume)
        assert np.all(variance <= spread * (1 + 1e-6) + 1e-12)
        volume, spread = la.posterior.log_det_precision, variance


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(z=st.floats(-1e4, 1e4))
@examples(50)
def test_activations_are_finite_and_between_their_limits_at_any_input(activation, z):
    act, z = ACTIVATIONS[activation], np.array([z])
    a = act.value(z)
    slope, bend = act.slope(z, a), act.bend(z, a)
    assert np.all(np.isfinite([a, slope, bend]))
    limits = {"tanh": (-1, 1), "sigmoid": (0, 1), "identity": (z[0], z[0])}  # others are above z, if not 0, by log 2
    low, high = limits.get(activation, (-0.28, max(z[0], 0) + 0.7))
    assert low <= a[0] <= high
    assert -0.13 <= slope[0] <= 1.13  # gelu and silu overshoot on both sides
    assert abs(bend[0]) <= 0.8


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
@examples(40)
def test_likelihoods_take_logits_of_any_size(kind, data):
    C, size = data.draw(st.sampled_from(KINDS[kind])), data.draw(st.sampled_from([1.0, 30.0, 700.0, 1e4]))
    size = min(size, 30.0) if kind is HeteroscedasticGaussian else size  # beyond, the noise leaves float64
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    f, likelihood = size * rng.normal(size=(5, C)), kind()
    y = _targets(data.draw, rng, kind, 5, C, 1.0)
    nll, g, R = likelihood.nll(f, y), likelihood.gradient(f, y), likelihood.factor(f)
    Lambda = R.transpose(0, 2, 1) @ R
    assert all(np.all(np.isfinite(part)) for part in (nll, g, R, likelihood.mean(f)))
    assert kind().has_noise or np.all(nll >= 0)
    assert np.all(np.linalg.eigvalsh(Lambda) >= -1e-15 * np.abs(Lambda).max())
    if kind is Categorical:
        p = likelihood.mean(f)
        np.testing.assert_allclose(Lambda, p[:, :, None] * np.eye(C) - p[:, :, None] * p[:, None, :], atol=1e-15)
        np.testing.assert_allclose(g.sum(axis=1), 0, atol=1e-15)
        shifted = f + 3.0
        np.testing.assert_allclose(likelihood.nll(shifted, y), nll, rtol=1e-12, atol=1e-12 * size)


# --- what comes in


@pytest.mark.parametrize("kind", [Bernoulli, Categorical])
@examples(100)
@given(data=st.data())
def test_labels_of_any_type_are_classes_or_refused_at_every_level(kind, data):
    labels = data.draw(st.lists(st.sampled_from([-(2**40), -2, -1, 0, 1, 2, 3, 4, 200, 0.5]), min_size=1, max_size=4))
    dtype = data.draw(st.sampled_from([np.int64, np.int8, np.uint8, np.float32, bool]))
    with np.errstate(all="ignore"):
        y = np.array(labels).astype(dtype)
    C = data.draw(st.sampled_from(KINDS[kind]))
    n_classes = max(C, 2)
    model = BayesianModel(MLP(1, C), kind())
    X, theta = np.linspace(-1, 1, len(y))[:, None], np.linspace(-1, 1, 2 * C)
    f = model.network.forward(theta, X)
    if all(float(label) in range(n_classes) for label in y):
        logits = np.hstack([np.zeros_like(f), f]) if C == 1 else f
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)  # the definition
        expected = [-np.log(p[n, c]) for n, c in enumerate(y.astype(int).tolist())]
        np.testing.assert_allclose(model.likelihood.nll(f, y), expected, rtol=1e-12)
        assert model.check_targets(y, len(y)).tolist() == y.astype(int).tolist()
        return
    for call in (
        lambda: model.likelihood.nll(f, y),
        lambda: model.loss(theta, X, y),
        lambda: model.gradient(theta, X, y),
        lambda: model.check_targets(y, len(y)),
    ):
        with pytest.raises(ValueError, match=r"^y: expected shape .* of integer labels 0\.\.\d, received"):
            call()


@examples(60)
@given(case=cases(), data=st.data())
def test_a_mask_over_data_is_refused_where_it_hides_anything_and_has_no_effect_elsewhere(case, data):
    model, theta, X, y, _, _ = case
    la = Laplace(model, theta).fit(X, y)
    before = la._fit.structure.matrix()
    hidden = np.zeros(X.size, dtype=bool)
    hidden[data.draw(st.lists(st.integers(0, X.size - 1), max_size=2))] = True
    X = np.ma.masked_array(X, hidden.reshape(X.shape))
    if hidden.any():
        with pytest.raises(ValueError, match=r"^X: expected numbers without a mask"):
            la.fit(X, y)
    else:
        la.fit(X, np.ma.masked_array(y))
    np.testing.assert_array_equal(la._fit.structure.matrix(), before)


@examples(60)
@given(case=cases(), data=st.data())
def test_a_mask_over_parameters_is_the_positions_where_it_is_true(case, data):
    model, theta, X, y, _, _ = case
    P = len(theta)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=P, max_size=P)))
    assume(mask.any())
    as_mask, as_positions = (
        Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=which).fit(X, y)
        for which in (mask.tolist(), np.flatnonzero(mask))
    )
    np.testing.assert_array_equal(as_mask._fit.structure.matrix(), as_positions._fit.structure.matrix())
    with pytest.raises(ValueError, match=r"^subnetwork_indices: .* a mask of shape \(\d+,\) that selects some"):
        Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=[*mask.tolist(), True])
