"""`Laplace` is the closed form where there is one, the dense formula elsewhere, and safe to handle."""

import copy
import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from problems import Known, random_problem

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    toy_data_linear,
)
from minilaplace import curvature as dense_curvature
from minilaplace.predictive import link_of

MODELS = {"bernoulli": ((4, 3), "tanh", 1), "categorical": ((4,), "sigmoid", 3), "gaussian": ((3, 3), "softplus", 2)}
SUBSETS = ["all", "last_layer"]
CURVATURES = ["ggn", "hessian", "empirical_fisher"]
PRIOR_PRECISION = 25.0  # makes the exact Hessian of these problems positive definite away from a mode

each_model = pytest.mark.parametrize("name", MODELS)
each_subset = pytest.mark.parametrize("subset", SUBSETS)
each_curvature = pytest.mark.parametrize("curvature", CURVATURES)


def problem(name, n_samples=30, **prior):
    return random_problem(name, *MODELS[name], n_samples=n_samples, **{"prior_precision": PRIOR_PRECISION} | prior)


def fitted(name="bernoulli", **options):
    """Return a fitted Laplace and its problem."""
    model, theta, X, y = problem(name)
    return Laplace(model, theta, **options).fit(X, y), problem(name)


def n_last(network):
    """Return the number of parameters of the last layer, which stand at the end of theta."""
    return (network.sizes[-2] + 1) * network.sizes[-1]


def assert_close(received, expected, relative):
    """Equal to `relative` of the largest entry, in shape too."""
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=relative * np.abs(expected).max())


def everything(la, X):
    """Return all that a fitted Laplace answers, as one list of arrays."""
    predictions = [np.asarray(la.predict(X, link, rng=0)) for link in la.model.likelihood.links]
    posterior = la.posterior
    answers = [posterior.mean, posterior.precision(), posterior.covariance(), np.array(posterior.log_det_precision)]
    return [*predictions, *la.glm_predictive_distribution(X), *answers, la.sample(3, rng=0), np.array(la.n_data)]


def assert_same(received, expected):
    """Equal to the last bit."""
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- what it computes


@pytest.mark.parametrize("C", [1, 2])
def test_a_linear_gaussian_model_has_the_posterior_and_predictive_of_bayesian_linear_regression(C):
    # Only the means depend on where `fit_map` ends, at a gradient of at most 1e-6 max(1, loss) in each of P entries.
    rng = np.random.default_rng(0)
    N, D, sigma = 60, 3, 0.2
    X, X_new = rng.normal(size=(N, D)), 3 * rng.normal(size=(9, D))
    Y = X @ rng.normal(size=(D, C)) - 0.4 + sigma * rng.normal(size=(N, C))
    P = C * (D + 1)
    prior_precision, prior_mean = rng.uniform(0.5, 20, size=P), rng.normal(size=P)

    def design(X):  # J_n = [I (x) x_n^T, I] for theta = (W row by row, b)
        return np.stack([np.hstack([np.kron(np.eye(C), x), np.eye(C)]) for x in X])  # (N, C, P)

    J = design(X).reshape(N * C, P)
    precision = J.T @ J / sigma**2 + np.diag(prior_precision)
    covariance = np.linalg.inv(precision)
    mean = np.linalg.solve(precision, J.T @ Y.ravel() / sigma**2 + prior_precision * prior_mean)
    f_cov = np.stack([J_n @ covariance @ J_n.T for J_n in design(X_new)])

    model = BayesianModel(MLP(D, C), Gaussian(sigma), prior_precision, prior_mean)
    la = Laplace(model, fit_map(model, X, Y, rng=0)).fit(X, Y)
    end = np.sqrt(P) * 1e-6 * max(1.0, model.loss(mean, X, Y)) / np.linalg.eigvalsh(precision)[0]
    assert end < 1e-6
    np.testing.assert_allclose(la.posterior.mean, mean, rtol=0, atol=end)
    assert_close(la.posterior.precision(), precision, 1e-10)
    assert_close(la.posterior.covariance(), covariance, 1e-10)
    assert_close(la.glm_predictive_distribution(X_new)[0], design(X_new) @ la.posterior.mean, 1e-10)
    assert_close(la.glm_predictive_distribution(X_new)[1], f_cov, 1e-10)
    prediction = la.predict(X_new)
    assert_close(prediction.mean, design(X_new) @ la.posterior.mean, 1e-10)
    assert_close(prediction.variance, np.diagonal(f_cov, axis1=1, axis2=2) + sigma**2, 1e-10)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("vector_prior", [False, True])
@each_curvature
@each_subset
@each_model
def test_precision_is_the_curvature_over_the_temperature_plus_the_prior_of_the_subset(
    name, subset, curvature, vector_prior, temperature
):
    P = problem(name).model.network.n_params
    prior_precision = PRIOR_PRECISION * (np.linspace(5, 15, P) if vector_prior else 10)
    model, theta, X, y = problem(name, prior_precision=prior_precision)
    of_subset = slice(None) if subset == "all" else slice(P - n_last(model.network), None)
    matrix = getattr(dense_curvature, curvature)(model, theta, X, y)
    expected = (matrix / temperature + np.diag(np.broadcast_to(prior_precision, P)))[of_subset, of_subset]
    la = Laplace(model, theta, curvature=curvature, subset_of_weights=subset, temperature=temperature).fit(X, y)
    # Only the order of additions, and one Cholesky factor multiplied out again, separate the two.
    assert_close(la.posterior.precision(), expected, 1e-13)
    np.testing.assert_array_equal(la.posterior.mean, theta[of_subset])


@each_curvature
@each_model
def test_the_last_layer_is_the_last_block_of_the_whole_networks_precision(name, curvature):
    whole, p = fitted(name, curvature=curvature)
    last, _ = fitted(name, curvature=curvature, subset_of_weights="last_layer")
    n = n_last(p.model.network)
    assert_close(last.posterior.precision(), whole.posterior.precision()[-n:, -n:], 1e-13)


@pytest.mark.parametrize("subset", SUBSETS)
@each_model
def test_the_outputs_are_gaussian_with_the_dense_moments(name, subset):
    la, (model, theta, X, _) = fitted(name, subset_of_weights=subset)
    J = model.network.jacobian(theta, X)[:, :, -len(la.posterior.mean) :]
    Sigma = np.linalg.inv(la.posterior.precision())
    f_mean, f_cov = la.glm_predictive_distribution(X)
    np.testing.assert_array_equal(f_mean, model.network.forward(theta, X))
    assert_close(f_cov, np.stack([J_n @ Sigma @ J_n.T for J_n in J]), 1e-12)


@each_model
def test_each_link_is_what_predictive_makes_of_these_outputs(name):
    la, (model, _, X, _) = fitted(name)
    dense = Known(*la.glm_predictive_distribution(X))
    links, C = model.likelihood.links, model.network.n_outputs
    for link in links:
        if link in ("mc", "nn"):
            continue  # these need more than moments
        assert_close(la.predict(X, link), link_of(model.likelihood, link, C)(model.likelihood, dense), 1e-14)
    np.testing.assert_array_equal(la.predict(X), la.predict(X, links[0]))


KINDS = [Bernoulli, BradleyTerry, Categorical, Gaussian, HeteroscedasticGaussian]


def test_probit_mean_field_and_exact_are_the_defaults():
    assert {kind.__name__: kind.links[0] for kind in KINDS} == {
        "Bernoulli": "probit", "BradleyTerry": "probit", "Categorical": "mean_field",
        "Gaussian": "exact", "HeteroscedasticGaussian": "exact",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "shape"), [("bernoulli", (30,)), ("categorical", (30, 3)), ("gaussian", (2, 30, 2))])
def test_predictions_have_the_documented_shapes(name, shape):
    la, p = fitted(name)
    assert np.shape(la.predict(p.X)) == shape
    assert np.shape(la.predict(p.X[:1])) == tuple(1 if n == 30 else n for n in shape)
    if name == "gaussian":
        assert la.predict(p.X)._fields == ("mean", "variance")


@each_subset
def test_a_hot_posterior_is_the_prior_and_a_cold_one_is_certain(subset):
    hot, _ = fitted(temperature=1e12, subset_of_weights=subset)
    n = len(hot.posterior.mean)
    # The curvature, some hundreds, over 1e12.
    np.testing.assert_allclose(hot.posterior.precision(), PRIOR_PRECISION * np.eye(n), rtol=0, atol=1e-9)
    # Logistic regression on separated features: every direction has curvature, so dividing by 1e-12 leaves no doubt.
    X, y = toy_data_linear(50, rng=0)
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=1.0)
    cold = Laplace(model, fit_map(model, X, y, rng=0), temperature=1e-12, subset_of_weights=subset).fit(X, y)
    assert np.linalg.eigvalsh(cold.posterior.covariance())[-1] < 1e-11
    np.testing.assert_allclose(cold.predict(X), cold.predict(X, "plugin"), rtol=0, atol=1e-9)


def test_a_one_logit_posterior_is_not_the_prior():
    # One logit is a class more than a softmax over one: its curvature p (1 - p) must reach the posterior. The second
    # moment of the inputs is about 10, so 200 of them at p = .5 have a curvature of hundreds in every direction.
    X, _ = toy_data_linear(200, rng=0)
    y = np.random.default_rng(0).integers(0, 2, size=200)
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=1.0)
    la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    A = np.column_stack([X, np.ones(200)])
    p = la.predict(X, "plugin")
    np.testing.assert_allclose(la.posterior.precision(), (A.T * p * (1 - p)) @ A + np.eye(3), rtol=1e-12)
    assert np.linalg.eigvalsh(la.posterior.covariance())[-1] < 0.05
    assert np.abs(la.predict(10 * X) - la.predict(10 * X, "plugin")).max() > 0.01


# --- adding up data


@pytest.mark.parametrize("batch_size", [1, 7, 29, 30, 1000])
@each_curvature
@each_model
def test_the_fit_does_not_depend_on_the_batch_size(name, curvature, batch_size):
    la, p = fitted(name, curvature=curvature)
    batched = Laplace(p.model, p.theta, curvature=curvature).fit(p.X, p.y, batch_size=batch_size)
    assert_close(batched.posterior.precision(), la.posterior.precision(), 1e-12)
    assert batched.n_data == la.n_data == 30


@each_subset
@each_curvature
@each_model
def test_shards_add_up_to_the_whole(name, curvature, subset):
    whole, (model, theta, X, y) = fitted(name, curvature=curvature, subset_of_weights=subset)
    la = Laplace(model, theta, curvature=curvature, subset_of_weights=subset)
    for shard, n_data in [(slice(0, 1), 1), (slice(1, 13), 13), (slice(13, 30), 30)]:
        la.fit(X[shard], y[shard], override=False)
        assert la.n_data == n_data
        la.predict(X)  # factors what there is so far, which the next shard must not keep
    assert_close(la.posterior.precision(), whole.posterior.precision(), 1e-12)
    for received, expected in zip(everything(la, X), everything(whole, X), strict=True):
        assert_close(received, expected, 1e-10)


@each_model
def test_fitting_again_forgets_what_was_before(name):
    la, (_, _, X, y) = fitted(name)
    expected = everything(la, X)
    la.fit(X[:5], y[:5])
    assert la.n_data == 5
    assert not np.array_equal(la.predict(X), expected[0])
    assert_same(everything(la.fit(X, y), X), expected)


def test_fit_returns_itself_and_n_data_is_0_before():
    model, theta, X, y = problem("bernoulli")
    la = Laplace(model, theta)
    assert la.n_data == 0
    assert la.fit(X, y) is la


# --- predicting much


@each_model
def test_predicting_10_000_points_is_predicting_them_in_pieces(name):
    la, _ = fitted(name)
    X = 3 * np.random.default_rng(0).normal(size=(10_000, 2))
    pieces = np.concatenate(
        [np.asarray(la.predict(piece)) for piece in np.array_split(X, 7)], axis=-2 + (name == "bernoulli")
    )
    assert_close(np.asarray(la.predict(X)), pieces, 1e-13)


@pytest.mark.parametrize(("name", "n_outputs"), [("bernoulli", 1), ("categorical", 4)])
def test_memory_does_not_grow_with_the_number_of_points(name, n_outputs):
    # The rows J_n of all points and their products with Sigma would take 2 * 8 * 100,000 * 129 bytes = 206 MB for one
    # logit and 1.4 GB for four. A block of work arrays has 2^22 floats, 34 MB.
    model, theta, X, y = random_problem(name, (32,), "sigmoid", n_outputs, n_samples=100)
    la = Laplace(model, theta).fit(X, y)
    points = np.random.default_rng(0).normal(size=(100_000, 2))
    la.predict(points[:10])
    tracemalloc.start()
    la.predict(points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 8 * 2**22


# --- samples


@each_model
def test_samples_are_whole_vectors_with_the_rest_at_the_map(name):
    la, p = fitted(name, subset_of_weights="last_layer")
    n = n_last(p.model.network)
    draws = la.sample(4, rng=0)
    assert draws.shape == (4, p.model.network.n_params)
    np.testing.assert_array_equal(draws[:, :-n], np.tile(p.theta[:-n], (4, 1)))
    assert not np.any(draws[:, -n:] == p.theta[-n:])
    np.testing.assert_array_equal(draws[:, -n:], la.posterior.sample(4, np.random.default_rng(0)))


@each_subset
def test_a_seed_and_its_generator_draw_the_same_samples_and_none_fresh_ones(subset):
    la, _ = fitted(subset_of_weights=subset)
    n = len(la.posterior.mean)
    draws = la.sample(3, rng=5)
    np.testing.assert_array_equal(la.sample(3, rng=5), draws)
    np.testing.assert_array_equal(la.sample(3, rng=np.random.default_rng(5)), draws)
    for other in (la.sample(3, rng=6), la.sample(3)):
        assert not np.any(other[:, -n:] == draws[:, -n:])


def test_samples_of_the_whole_network_have_the_posteriors_covariance():
    # Five standard errors of each entry, as for the posterior itself.
    la, _ = fitted("bernoulli")
    S, Sigma = 50_000, la.posterior.covariance()
    variance = np.diag(Sigma)
    error = np.abs(np.cov(la.sample(S, rng=0), rowvar=False) - Sigma)
    assert np.all(error < 5 * np.sqrt((np.outer(variance, variance) + Sigma**2) / S))


# --- nothing changes behind one's back


@each_model
def test_arrays_that_the_user_changes_afterwards_change_nothing(name):
    P = problem(name).model.network.n_params
    prior_precision, prior_mean = np.linspace(20, 30, P), np.zeros(P)
    model, theta, X, y = problem(name, prior_precision=prior_precision, prior_mean=prior_mean)
    points = X.copy()
    expected = everything(Laplace(model, theta.copy()).fit(X.copy(), y.copy()), points)
    la = Laplace(model, theta).fit(X, y)
    for array in (theta, X, y, prior_precision, prior_mean):
        array[...] = 1
    assert_same(everything(la, points), expected)


@each_subset
def test_the_map_can_not_be_written_through_the_object(subset):
    la, _ = fitted(subset_of_weights=subset)
    for array in (la.theta, la.posterior.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@each_model
def test_answers_are_the_callers_to_write_into(name):
    la, p = fitted(name)
    expected = everything(la, p.X)
    predictions = [la.predict(p.X, link) for link in p.model.likelihood.links]
    arrays = [column for pair in predictions for column in pair] if name == "gaussian" else predictions
    arrays += [*la.glm_predictive_distribution(p.X), la.sample(2), la.posterior.precision(), la.posterior.covariance()]
    for array in arrays:
        array[...] = np.nan
    assert_same(everything(la, p.X), expected)


@each_curvature
@each_model
def test_inputs_are_only_read(name, curvature):
    model, theta, X, y = problem(name)
    before = [array.copy() for array in (theta, X, y)]
    for array in (theta, X, y):
        array.setflags(write=False)
    everything(Laplace(model, theta, curvature=curvature).fit(X, y), X)
    assert_same([theta, X, y], before)


@pytest.mark.parametrize("bad", ["X", "y", "override", "batch_size"])
@pytest.mark.parametrize("override", [True, False])
@each_model
def test_a_failed_fit_leaves_the_previous_one_as_it_was(name, override, bad):
    la, (_, _, X, y) = fitted(name)
    expected = everything(la, X)
    X_nan = X.copy()
    X_nan[-1, -1] = np.nan
    call = {"X": X, "y": y, "override": override, "batch_size": 10}
    call[bad] = {"X": X_nan, "y": y[:-1], "override": "no", "batch_size": 0}[bad]
    with pytest.raises((ValueError, TypeError), match=f"^{bad}: "):
        la.fit(**call)
    assert_same(everything(la, X), expected)


def test_an_error_in_the_middle_of_a_fit_leaves_the_previous_one_as_it_was(monkeypatch):
    la, (_, _, X, y) = fitted()
    expected = everything(la, X)
    factor, calls = Bernoulli.factor, []

    def failing(self, f):
        calls.append(f)
        if len(calls) == 3:
            raise MemoryError
        return factor(self, f)

    monkeypatch.setattr(Bernoulli, "factor", failing)
    with pytest.raises(MemoryError):
        la.fit(X, y, batch_size=5, override=False)
    monkeypatch.undo()
    assert_same(everything(la, X), expected)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda la: pickle.loads(pickle.dumps(la))],
    ids=["copy", "deepcopy", "pickle"],
)
@each_subset
@each_model
def test_copies_answer_the_same_and_go_their_own_way(name, subset, duplicate):
    la, (_, _, X, y) = fitted(name, subset_of_weights=subset)
    expected = everything(la, X)
    twin = duplicate(la)
    assert_same(everything(twin, X), expected)
    twin.fit(X[:3], y[:3], override=False)
    assert twin.n_data == 33
    assert_same(everything(la, X), expected)


@pytest.mark.parametrize("options", [{"subset_of_weights": "subnetwork", "subnetwork_indices": [3, 0, 7]}, {}])
def test_what_is_saved_answers_the_same(options, tmp_path):
    la, (_, _, X, _) = fitted(temperature=0.7, **options)
    la.save(tmp_path / "la.npz")
    twin = Laplace.load(tmp_path / "la.npz")
    assert_same(everything(twin, X), everything(la, X))
    assert twin.options.temperature == 0.7
    assert repr(twin) == repr(la)


def test_it_shows_its_choices_but_those_that_are_none():
    model, theta, X, y = problem("gaussian")
    la = Laplace(model, theta, hessian_structure="lowrank", rank=3)
    chosen = "temperature=1.0, curvature='ggn', hessian_structure='lowrank', subset_of_weights='all', rank=3"
    assert repr(la) == f"Laplace({model}, {chosen}), n_data=0"
    assert repr(la.fit(X, y)).endswith("rank=3), n_data=30")


@pytest.mark.parametrize("rank", [1, 4])
def test_the_rank_and_the_subnetwork_are_those_given(rank):
    indices = [5, 1, 9, 2, 30]
    la, _ = fitted(hessian_structure="lowrank", rank=rank, subset_of_weights="subnetwork", subnetwork_indices=indices)
    np.testing.assert_array_equal(la.subset.indices, indices)
    # Beside the prior there is something in `rank` directions.
    assert np.linalg.matrix_rank(la.posterior.precision() - PRIOR_PRECISION * np.eye(5), tol=1e-8) == rank


def test_one_sample_is_a_fit():
    la, (_, _, X, y) = fitted()
    assert la.fit(X[:1], y[:1]).n_data == 1
    assert la.predict(X).shape == (30,)


def test_samples_and_their_noise_must_have_room(monkeypatch):
    la, _ = fitted()
    P = len(la.theta)
    monkeypatch.setattr("minilaplace.validation.memory.physical_memory", lambda: 8.0 * 2 * 50 * P)
    assert la.sample(50, rng=0).shape == (50, P)
    with pytest.raises(ValueError, match=rf"^n_samples: expected fewer .* at a time, received 51 of {P} param"):
        la.sample(51, rng=0)


def test_a_link_that_needs_no_samples_draws_none():
    la, (_, _, X, _) = fitted()
    rng = np.random.default_rng(0)
    la.predict(X, "probit", rng=rng)
    assert rng.random() == np.random.default_rng(0).random()


# --- an exact Hessian that is no covariance


@each_model
def test_an_exact_hessian_away_from_a_mode_is_refused_when_first_asked_for(name):
    model, theta, X, y = problem(name, prior_precision=1e-3)
    la = Laplace(model, theta, curvature="hessian").fit(X, y)
    smallest = np.linalg.eigvalsh(dense_curvature.hessian(model, theta, X, y))[0] + 1e-3
    assert smallest < 0
    for ask in (lambda: la.predict(X), lambda: la.sample(1), lambda: la.posterior):
        with pytest.raises(np.linalg.LinAlgError) as error:
            ask()
        for words in (f"smallest eigenvalue is {smallest:.6g}", "curvature='ggn'", "larger prior_precision"):
            assert words in str(error.value)


@each_model
def test_both_ways_out_of_an_indefinite_hessian_lead_out(name):
    model, theta, X, y = problem(name, prior_precision=1e-3)
    assert np.all(np.isfinite(Laplace(model, theta, curvature="ggn").fit(X, y).predict(X)))
    smallest = np.linalg.eigvalsh(dense_curvature.hessian(model, theta, X, y))[0]
    stronger = problem(name, prior_precision=0.1 - smallest).model
    assert np.all(np.isfinite(Laplace(stronger, theta, curvature="hessian").fit(X, y).predict(X)))


# --- the same fit under other assumptions


@each_subset
@each_model
def test_under_another_prior_and_temperature_it_is_a_new_fit_and_the_old_one_stays(name, subset):
    la, (model, theta, X, y) = fitted(name, subset_of_weights=subset)
    before = everything(la, X)
    other = la.under(40.0, temperature=0.5)
    assert other._fit.structure is la._fit.structure  # nothing was added up
    again = Laplace(replace(model, prior_precision=40.0), theta, temperature=0.5, subset_of_weights=subset).fit(X, y)
    assert_same(everything(other, X), everything(again, X))
    assert other.log_marginal_likelihood() == again.log_marginal_likelihood()
    assert_same(everything(la, X), before)
    assert_same(everything(other.under(PRIOR_PRECISION, temperature=1.0), X), before)
    other.fit(X, y, override=False)
    assert_same(everything(la, X), before)


@each_curvature
def test_under_another_noise_it_is_a_new_fit(curvature):
    la, (model, theta, X, y) = fitted("gaussian", curvature=curvature)
    again = Laplace(replace(model, likelihood=Gaussian(0.9)), theta, curvature=curvature).fit(X, y)
    for received, expected in zip(everything(la.under(sigma_noise=0.9), X), everything(again, X), strict=True):
        assert_close(received, expected, 1e-10)


@each_curvature
def test_data_is_added_under_the_noise_of_the_data_before_and_that_of_a_new_fit_is_the_models(curvature):
    la, (model, theta, X, y) = fitted("gaussian", curvature=curvature)
    again = Laplace(replace(model, likelihood=Gaussian(0.9)), theta, curvature=curvature).fit(X, y)
    other = la.fit(X[:12], y[:12]).under(sigma_noise=0.9).fit(X[12:], y[12:], override=False)
    assert other.log_marginal_likelihood() == pytest.approx(again.log_marginal_likelihood(), rel=1e-12)
    for received, expected in zip(everything(other, X), everything(again, X), strict=True):
        assert_close(received, expected, 1e-10)
    assert_same(everything(other.fit(X, y), X), everything(again, X))
    # Before there is data, two noises need not have one ratio to those that the model had.
    two = Gaussian((0.5, 1.0))
    before = Laplace(model, theta, curvature=curvature).under(sigma_noise=two.sigma_noise)
    again = Laplace(replace(model, likelihood=two), theta, curvature=curvature).fit(X, y)
    assert_same(everything(before.fit(X, y, override=False), X), everything(again, X))


def test_nonsense_to_be_under_is_refused():
    la, _ = fitted("bernoulli")
    with pytest.raises(ValueError, match="temperature: expected a finite number greater than 0"):
        la.under(temperature=0.0)
    with pytest.raises(ValueError, match="prior_precision"):
        la.under(-1.0)
    with pytest.raises(ValueError, match="sigma_noise"):
        la.under(sigma_noise=0.5)
