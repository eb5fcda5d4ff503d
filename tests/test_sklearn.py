"""The estimators pass scikit-learn's own checks, are the library's functions, and take over its MLPs exactly."""

import ast
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import joblib
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import assert_close
from scipy.sparse import csr_matrix
from sklearn import exceptions
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_breast_cancer, make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import minilaplace
from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    Poisson,
    fit_map,
    marglik_training,
)
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor
from minilaplace.sklearn.fitting import EXACT, ROUNDS
from minilaplace.sklearn.mlp import FLATTEST, matching_precision
from minilaplace.structures.fit import Options
from minilaplace.training import convergence

mpl.use("Agg")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
F = X @ RNG.normal(size=(3, 3))
NOISY = F + 0.5 * RNG.normal(size=F.shape)
BINARY = np.where(NOISY[:, 0] > 0, "yes", "no")
MULTICLASS = np.array(["red", "green", "blue"])[NOISY.argmax(axis=1)]
LABELS = (NOISY > 0.5).astype(int)  # three a sample
ONE, MANY = NOISY[:, 0], NOISY
COUNTS = np.random.default_rng(1).poisson(np.exp(0.5 * F))  # (60, 3)
WHOLE = np.arange(60) % 4  # weights, of which a quarter are 0
PROBLEMS = {
    "binary": (LaplaceClassifier, MLPClassifier, BINARY),
    "multiclass": (LaplaceClassifier, MLPClassifier, MULTICLASS),
    "multilabel": (LaplaceClassifier, MLPClassifier, LABELS),
    "regression": (LaplaceRegressor, MLPRegressor, ONE),
    "multi-output": (LaplaceRegressor, MLPRegressor, MANY),
}


def probabilities_or_mean(estimator):
    return estimator.predict_proba(X) if hasattr(estimator, "classes_") else estimator.predict(X)


def trained(kind, y, **params):
    """Return a small scikit-learn MLP, trained until its own criterion is met."""
    params = {"hidden_layer_sizes": (4,), "activation": "tanh", "max_iter": 5000, "random_state": 0, **params}
    return kind(**params).fit(X, y)


def gradients(estimator, y, weight=None):
    """Return the gradients of the regularised loss in the weights and in the biases, and the weights and biases."""
    targets = np.searchsorted(estimator.classes_, y) if hasattr(estimator, "classes_") and y.ndim == 1 else y
    model, theta = estimator.model_, estimator.theta_
    parts = []
    for vector in (model.gradient(theta, X, targets, weight), np.array(theta)):
        layers = model.network.layers(vector)
        parts += [np.concatenate([W.ravel() for W, _ in layers]), np.concatenate([b for _, b in layers])]
    return parts


# --- scikit-learn's contract


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # targets without noise, ten rows
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.EfficiencyWarning")  # inputs a hundred deviations from zero
@parametrize_with_checks([LaplaceClassifier((8,), random_state=0), LaplaceRegressor((1,), random_state=0)])  # few units
def test_scikit_learns_own_checks_pass(estimator, check):
    check(estimator)


def test_every_option_of_laplace_is_a_parameter():
    for kind in (LaplaceClassifier, LaplaceRegressor):
        assert {field.name for field in fields(Options)} <= kind().get_params().keys()


def test_a_grid_search_over_a_pipeline_finds_parameters_of_the_estimator():
    pipeline = make_pipeline(StandardScaler(), LaplaceClassifier((4,), random_state=0))
    grid = {
        "laplaceclassifier__hidden_layer_sizes": [(), (4,)],
        "laplaceclassifier__hessian_structure": ["full", "kron"],
    }
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss").fit(X, MULTICLASS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(X, MULTICLASS) > -0.6  # of log(3) = 1.1 for a guess


@pytest.fixture
def shown(monkeypatch):
    """Return the list of the warnings that this process shows, in whichever thread."""
    texts = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_, **__: texts.append(str(message)))
    return texts


def several_fits(n_fits):
    """Return calls that each fit an estimator which stops before a mode, so that it has something to say."""
    return [lambda seed=seed: LaplaceClassifier((4,), max_iter=3, random_state=seed).fit(X, BINARY)
            for seed in range(n_fits)]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "joblib"])
def test_fits_in_threads_leave_the_warning_filters_as_they_were(kind, shown):
    warnings.simplefilter("always")
    before, fits = warnings.filters.copy(), several_fits(12)
    if kind == "plain":
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda fit: fit(), fits))
    else:
        joblib.Parallel(4, backend="threading")(joblib.delayed(fit)() for fit in fits)
    assert warnings.filters == before
    assert len(shown) == 12  # each says once that it is not at a mode
    warnings.warn("later", stacklevel=1)
    assert shown[-1] == "later"


def test_after_a_grid_search_in_threads_warnings_are_still_shown(shown):
    # The filters themselves are not compared: scikit-learn's own `delayed` exchanges them around each of its calls.
    warnings.simplefilter("always")
    with joblib.parallel_backend("threading", n_jobs=4):
        classifier, grid = LaplaceClassifier((4,), random_state=0), {"prior_precision": [0.1, 1.0, 10.0]}
        GridSearchCV(classifier, grid, cv=3).fit(X, BINARY)
    warnings.simplefilter("always")
    warnings.warn("later", stacklevel=1)
    assert shown[-1] == "later"


def test_the_package_never_exchanges_the_filters_that_all_threads_share():
    forbidden = {"catch_warnings", "filterwarnings", "simplefilter", "resetwarnings", "showwarning", "filters"}
    for path in Path(minilaplace.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        used = {getattr(node, "attr", getattr(node, "id", "")) for node in nodes}
        imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not forbidden & (used | imported), path


def test_what_training_and_tuning_say_becomes_one_warning(monkeypatch):
    def saying(*_, **__):
        for message in ("first, max_iterations", "second", "first, max_iterations"):
            convergence.warn(message)

    monkeypatch.setattr(LaplaceClassifier, "_keep", saying)
    with pytest.warns(exceptions.ConvergenceWarning) as caught:
        LaplaceClassifier((4,), random_state=0).fit(X, BINARY)
    assert [str(warning.message) for warning in caught] == ["first, max_iter\nsecond"]
    assert caught[0].filename == __file__  # where `fit` was called


def test_cross_validation_scores_both_estimators():
    assert cross_val_score(LaplaceClassifier((4,), random_state=0), X, BINARY).mean() > 0.8
    assert cross_val_score(LaplaceRegressor((4,), random_state=0), X, MANY).mean() > 0.6


def test_the_displays_draw_the_predicted_probabilities():
    points, y = make_moons(60, noise=0.2, random_state=0)
    classifier = LaplaceClassifier((8,), random_state=0).fit(points, y)
    calibration = CalibrationDisplay.from_estimator(classifier, points, y)
    assert_close(calibration.y_prob, classifier.predict_proba(points)[:, 1])
    boundary = DecisionBoundaryDisplay.from_estimator(
        classifier, points, response_method="predict_proba", grid_resolution=5
    )
    grid = np.column_stack([boundary.xx0.ravel(), boundary.xx1.ravel()])
    assert_close(boundary.response.ravel(), classifier.predict_proba(grid)[:, 1])
    plt.close("all")


@pytest.mark.parametrize("name", PROBLEMS)
def test_pickle_brings_the_posterior_back_and_clone_the_parameters(name):
    kind, _, y = PROBLEMS[name]
    estimator = kind((4,), random_state=0).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).sample_y(X, 3), estimator.sample_y(X, 3))
    blank = clone(estimator)
    assert not hasattr(blank, "laplace_")
    assert blank.get_params() == estimator.get_params()
    np.testing.assert_array_equal(blank.fit(X, y).theta_, estimator.theta_)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("pandas", "polars")])
def test_a_frame_gives_its_names_and_is_asked_for_them(name):
    frames = import_module(name)
    frame = frames.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
    classifier = LaplaceClassifier((), random_state=0).fit(frame, frames.Series(BINARY.tolist()))
    assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
    assert_close(classifier.predict_proba(frame), LaplaceClassifier((), random_state=0).fit(X, BINARY).predict_proba(X))
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame[["b", "a", "c"]])
    mlp = MLPClassifier((3,), solver="lbfgs", max_iter=2000, alpha=1.0, random_state=0).fit(frame, BINARY)
    assert LaplaceClassifier.from_fitted(mlp, frame, BINARY).feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        LaplaceClassifier.from_fitted(mlp, frame[["b", "a", "c"]], BINARY)


# --- it is the library's functions


@pytest.mark.parametrize(("y", "C", "likelihood"), [(BINARY, 1, Bernoulli()), (MULTICLASS, 3, Categorical())])
def test_the_classifier_is_map_laplace_and_evidence(y, C, likelihood):
    options = {"hessian_structure": "kron", "subset_of_weights": "last_layer", "temperature": 2.0}
    classifier = LaplaceClassifier((4,), "silu", prior_precision=0.3, random_state=0, **options).fit(X, y)
    model = BayesianModel(MLP(3, 4, C, activation="silu"), likelihood, prior_precision=0.3)
    codes = np.unique(y, return_inverse=True)[1]
    theta = fit_map(model, X, codes, rng=classifier._seed, tolerance=EXACT)
    la = Laplace(model, theta, **options).fit(X, codes).optimize_prior_precision("budget", X=X, y=codes)
    np.testing.assert_array_equal(classifier.theta_, theta)
    assert classifier.log_marginal_likelihood_ == la.log_marginal_likelihood()
    p = la.predict(X)
    assert_close(classifier.predict_proba(X), np.column_stack([1 - p, p]) if C == 1 else p)
    assert np.isin(classifier.predict(X), y).all()


def test_several_labels_are_a_bernoulli_on_several_outputs():
    classifier = LaplaceClassifier((4,), prior_precision=0.3, random_state=0).fit(X, LABELS)
    model = BayesianModel(MLP(3, 4, 3), Bernoulli(), prior_precision=0.3)
    theta = fit_map(model, X, LABELS, rng=classifier._seed, tolerance=EXACT)
    la = Laplace(model, theta).fit(X, LABELS).optimize_prior_precision("budget", X=X, y=LABELS)
    np.testing.assert_array_equal(classifier.theta_, theta)
    np.testing.assert_array_equal(classifier.predict_proba(X), la.predict(X))
    assert classifier.log_marginal_likelihood_ == la.log_marginal_likelihood()
    p, labels = la.predict(X), classifier.predict(X)
    np.testing.assert_array_equal(labels, p > 0.5)
    assert labels.dtype.kind == "i"
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert classifier.score(X, LABELS) == np.mean((labels == LABELS).all(axis=1)) > 0.5


def test_several_labels_may_be_bools_and_are_drawn_as_often_as_the_average_says():
    classifier = LaplaceClassifier((3,), random_state=0).fit(X, LABELS.astype(bool))
    S = 4000
    drawn = classifier.sample_y(X[:5], S, random_state=1)
    assert drawn.shape == (5, 3, S)
    assert set(np.unique(drawn)) == {0, 1}
    expected = classifier.set_params(link_approx="quadrature").predict_proba(X[:5])
    np.testing.assert_allclose(drawn.mean(axis=2), expected, rtol=0, atol=5 * 0.5 / np.sqrt(S))  # 5 standard errors
    one = LaplaceClassifier((3,), random_state=0).fit(X, LABELS[:, 0]).sample_y(X[:5], S, random_state=1)
    assert one.shape == (5, S)


def test_counts_are_a_poisson_whose_noise_nobody_sets():
    how = {"likelihood": "poisson", "random_state": 0}
    regressor = LaplaceRegressor((4,), tune_prior="marglik", **how).fit(X, COUNTS)
    model = BayesianModel(MLP(3, 4, 3), Poisson())
    theta = fit_map(model, X, COUNTS, rng=regressor._seed, tolerance=EXACT)
    la = Laplace(model, theta).fit(X, COUNTS).optimize_prior_precision()
    np.testing.assert_array_equal(regressor.theta_, theta)
    mean, std = regressor.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, la.predict(X).mean)
    np.testing.assert_array_equal(std, np.sqrt(la.predict(X).variance))
    assert not hasattr(regressor, "sigma_noise_")
    one = LaplaceRegressor((), **how)
    assert one.fit(X, COUNTS[:, 0]).predict(X).shape == (60,)
    ignored = clone(one).set_params(sigma_noise=7.0, optimize_noise=False, normalize_y=False).fit(X, COUNTS[:, 0])
    np.testing.assert_array_equal(ignored.predict(X, return_std=True), one.predict(X, return_std=True))
    assert LaplaceRegressor(likelihood="poisson").__sklearn_tags__().target_tags.positive_only
    assert not LaplaceRegressor().__sklearn_tags__().target_tags.positive_only


def test_a_linear_regressor_of_counts_predicts_what_poisson_regression_does():
    # alpha is on the mean loss and spares the intercept.
    peer = PoissonRegressor(alpha=0.1, solver="newton-cholesky", tol=1e-12).fit(X, COUNTS[:, 0])
    regressor = LaplaceRegressor(
        (), likelihood="poisson", link_approx="plugin", prior_precision=[6.0, 6.0, 6.0, 1e-12], tune_prior=None
    ).fit(X, COUNTS[:, 0])
    np.testing.assert_allclose(regressor.predict(X), peer.predict(X), rtol=1e-7)


@pytest.mark.parametrize("columns", [0, slice(None)], ids=["one", "many"])
def test_sampled_counts_are_whole_and_have_the_predicted_mean_and_spread(columns):
    y = COUNTS[:, columns]
    regressor = LaplaceRegressor((), likelihood="poisson", random_state=0).fit(X, y)
    S = 20_000
    drawn = regressor.sample_y(X[:5], S, random_state=1)
    assert drawn.shape == (5, S) if columns == 0 else (5, 3, S)
    np.testing.assert_array_equal(drawn, np.floor(drawn))
    assert drawn.min() >= 0
    mean, std = regressor.predict(X[:5], return_std=True)
    assert np.abs((drawn.mean(axis=-1) - mean) / std).max() < 5 / np.sqrt(S)
    np.testing.assert_allclose(drawn.std(axis=-1), std, rtol=0.1)  # of a skewed count
    with pytest.raises(ValueError, match=r"^X: expected inputs at which no drawn function has a rate above 1e\+18"):
        regressor.sample_y(100 * X, 10)


def test_counts_learn_in_parts():
    regressor = LaplaceRegressor((), likelihood="poisson", tune_prior=None, random_state=0)
    at_once = clone(regressor).fit(X, COUNTS)
    for half in (slice(0, 30), slice(30, 60)):
        regressor.partial_fit(X[half], COUNTS[half])
    # The Gaussian of the first half is not quite its posterior.
    np.testing.assert_allclose(regressor.predict(X), at_once.predict(X), rtol=0.3)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (COUNTS[:, 0] - 1, "y: expected counts, whole numbers of at least 0, received -1 at index"),
        (COUNTS[:, 0] + 0.5, r"y: expected counts, whole numbers of at least 0, received .*5 at index"),
    ],
)
def test_what_is_no_count_is_named_before_any_training(y, message):
    regressor = LaplaceRegressor(likelihood="poisson")
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)
    with pytest.raises(ValueError, match="likelihood: expected one of 'gaussian', 'poisson', received 'gamma'"):
        LaplaceRegressor(likelihood="gamma").fit(X, y)


def test_online_tuning_is_marglik_training():
    # A convex problem, to both's tolerance of 2 % of a precision.
    tuning = {"prior_structure": "layerwise", "sigma_noise": 1.0, "normalize_y": False}
    regressor = LaplaceRegressor((), tune_prior="online", random_state=0, **tuning).fit(X, MANY)
    start = BayesianModel(MLP(3, 3), Gaussian())
    how = {"prior_structure": "layerwise", "optimize_noise": True, **ROUNDS}
    model, theta = marglik_training(start, X, MANY, rng=0, **how)
    assert_close(regressor.theta_, theta, rtol=1e-4)
    assert_close(regressor.model_.likelihood.sigma_noise, model.likelihood.sigma_noise, rtol=1e-4)


@pytest.mark.parametrize("tune_prior", ["online", "marglik", "budget", None])
@pytest.mark.parametrize("normalize_y", [True, False])
def test_noise_stays_if_it_is_not_to_be_optimised(tune_prior, normalize_y):
    how = {"tune_prior": tune_prior, "normalize_y": normalize_y, "random_state": 0}
    regressor = LaplaceRegressor((), sigma_noise=0.7, optimize_noise=False, **how).fit(X, ONE)
    assert regressor.sigma_noise_ == pytest.approx(0.7, rel=1e-15)
    assert (regressor.model_.prior_precision != 1.0) == (tune_prior is not None)


@pytest.mark.parametrize("params", [{"tune_prior": None}, {"tune_prior": "budget"}, {"optimize_noise": False}])
def test_noise_that_nothing_tunes_is_asked_for(params):
    with pytest.raises(ValueError, match="sigma_noise: expected a number in the units of y, as the noise is not tuned"):
        LaplaceRegressor((), **params).fit(X, ONE)


def test_predictions_have_the_shape_of_the_targets():
    for y, shape in [(ONE, (60,)), (ONE[:, None], (60, 1)), (MANY, (60, 3))]:
        regressor = LaplaceRegressor((), normalize_y=False, random_state=0).fit(X, y)
        mean, std = regressor.predict(X, return_std=True)
        prediction = regressor.laplace_.predict(X)
        assert mean.shape == std.shape == shape
        np.testing.assert_array_equal(mean.reshape(prediction.mean.shape), prediction.mean)
        np.testing.assert_array_equal(std.reshape(prediction.mean.shape), np.sqrt(prediction.variance))
        assert regressor.sample_y(X, 5).shape == (*shape, 5)


@pytest.mark.parametrize("link", ["mc", "nn"])
def test_links_that_sample_predict_the_same_each_time(link):
    classifier = LaplaceClassifier((3,), link_approx=link, n_samples=10, random_state=0).fit(X, MULTICLASS)
    np.testing.assert_array_equal(classifier.predict_proba(X), classifier.predict_proba(X))
    assert not np.array_equal(classifier.predict_proba(X), classifier.set_params(n_samples=20).predict_proba(X))


@pytest.mark.parametrize("y", [BINARY, MULTICLASS], ids=["binary", "multiclass"])
def test_sampled_labels_are_as_frequent_as_the_average_says(y):
    classifier = LaplaceClassifier((3,), random_state=0).fit(X, y)
    S = 4000
    drawn = classifier.sample_y(X[:5], S, random_state=1)
    assert drawn.shape == (5, S)
    frequency = (drawn[:, :, None] == classifier.classes_).mean(axis=1)
    expected = classifier.set_params(link_approx="mc", n_samples=20_000).predict_proba(X[:5])
    np.testing.assert_allclose(frequency, expected, rtol=0, atol=5 * 0.5 / np.sqrt(S))  # 5 standard errors at most


def test_sampled_targets_have_the_predicted_mean_and_spread():
    regressor = LaplaceRegressor((3,), random_state=0).fit(X, MANY)
    S = 4000
    drawn = regressor.sample_y(X[:5], S, random_state=1)
    mean, std = regressor.predict(X[:5], return_std=True)
    assert np.abs((drawn.mean(axis=2) - mean) / std).max() < 5 / np.sqrt(S)
    assert np.abs(drawn.std(axis=2) / std - 1).max() < 5 / np.sqrt(2 * S)


@pytest.mark.parametrize(("kind", "y"), [(LaplaceClassifier, BINARY), (LaplaceRegressor, ONE)])
def test_held_out_data_chooses_the_prior_as_it_does_for_laplace(kind, y):
    params = {} if kind is LaplaceClassifier else {"normalize_y": False}
    estimator = kind((3,), tune_prior="marglik", random_state=0, **params).fit(X[:30], y[:30])
    targets = np.searchsorted(estimator.classes_, y) if kind is LaplaceClassifier else y
    la = copy(estimator.laplace_).optimize_prior_precision("held_out", X=X[30:], y=targets[30:])
    evidence = estimator.log_marginal_likelihood_
    assert estimator.tune_on_held_out(X[30:], y[30:]) is estimator
    assert estimator.model_.prior_precision == la.model.prior_precision
    assert estimator.log_marginal_likelihood_ == la.log_marginal_likelihood() < evidence


# --- more data


def test_a_warm_start_goes_on_from_the_last_theta():
    classifier = LaplaceClassifier((4,), warm_start=True, random_state=0).fit(X, BINARY)
    theta = classifier.theta_
    assert classifier.n_iter_ > 0
    np.testing.assert_array_equal(classifier.fit(X, BINARY).theta_, theta)  # a mode is where it ends
    assert classifier.n_iter_ == 0
    with pytest.raises(ValueError, match="y: expected labels among the classes"):
        classifier.fit(X, MULTICLASS)
    np.testing.assert_array_equal(classifier.theta_, theta)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("params", [{}, {"hessian_structure": "kron", "tune_prior": "online"}])
def test_whole_weights_are_repeated_rows_to_the_estimators_too(name, params):
    # Two trainings from one start end within the tolerance of a mode, 1e-9 nats.
    kind, _, y = PROBLEMS[name]
    copies = [np.repeat(array, WHOLE, axis=0) for array in (X, y)]
    weighted, repeated = kind((3,), random_state=0, **params), kind((3,), random_state=0, **params)
    weighted.fit(X, y, WHOLE)
    repeated.fit(*copies)
    np.testing.assert_allclose(probabilities_or_mean(weighted), probabilities_or_mean(repeated), rtol=0, atol=1e-5)
    assert weighted.log_marginal_likelihood_ == pytest.approx(repeated.log_marginal_likelihood_, abs=1e-4)
    assert weighted.score(X, y, WHOLE) == pytest.approx(repeated.score(*copies), abs=1e-5)
    assert weighted.laplace_.n_data == WHOLE.sum()


@pytest.mark.parametrize("y", [ONE, MANY])
def test_partial_fit_takes_weights(y):
    halves = [slice(0, 30), slice(30, 60)]
    weighted, repeated = (LaplaceRegressor((), tune_prior=None, sigma_noise=0.5) for _ in range(2))
    for half in halves:
        weighted.partial_fit(X[half], y[half], sample_weight=WHOLE[half])
        repeated.partial_fit(*(np.repeat(array[half], WHOLE[half], axis=0) for array in (X, y)))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=0, atol=1e-7)


def test_samples_of_weight_zero_are_not_read():
    missing = np.where(WHOLE[:, None] == 0, np.nan, X)
    labels = np.where(WHOLE == 0, "unknown", BINARY)
    classifier = LaplaceClassifier((), random_state=0).fit(missing, labels, sample_weight=WHOLE)
    assert classifier.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("y", [ONE, MANY], ids=["one", "many"])
def test_a_linear_regression_learns_in_parts_what_it_learns_at_once(y):
    # The posterior of a linear-Gaussian model is exact, and so is its use as a prior; the evidences multiply.
    regressor = LaplaceRegressor((), sigma_noise=0.5, tune_prior=None, normalize_y=False, random_state=0)
    whole = clone(regressor).fit(X, y)
    evidence = 0.0
    for part in (slice(0, 25), slice(25, 40), slice(40, 60)):
        regressor.partial_fit(X[part], y[part])
        evidence += regressor.log_marginal_likelihood_
    assert_close(regressor.theta_, whole.theta_, rtol=1e-5)  # of three trainings, each to 1e-6 of its loss
    assert_close(regressor.predict(X, return_std=True)[1], whole.predict(X, return_std=True)[1], rtol=1e-10)
    assert abs(evidence - whole.log_marginal_likelihood_) < 1e-8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("tune_prior", ["marglik", "mackay"])
def test_partial_fit_from_one_row_keeps_the_noise_that_was_given(tune_prior):
    # One target shows no noise: what was tuned here, .0045, made all later rows a hundred times too certain.
    regressor = LaplaceRegressor((8,), sigma_noise=0.5, tune_prior=tune_prior, random_state=0)
    with pytest.warns(exceptions.ConvergenceWarning, match="not the noise: sigma_noise stays as given"):
        regressor.partial_fit(X[:1], ONE[:1])
    assert regressor.sigma_noise_ == pytest.approx(0.5, rel=1e-15)
    regressor.partial_fit(X[1:], ONE[1:])
    mean, std = regressor.predict(X, return_std=True)
    assert np.mean((ONE - mean) ** 2 / std**2) < 2  # the residuals are as wide as the error bars say


@pytest.mark.parametrize("hessian_structure", ["full", "diag", "lowrank"])
def test_partial_fit_teaches_the_classifier_new_data_and_keeps_the_old(hessian_structure):
    classifier = LaplaceClassifier((4,), hessian_structure=hessian_structure, random_state=0)
    old, new = np.flatnonzero(X[:, 0] < 0), np.flatnonzero(X[:, 0] >= 0)
    y = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
    classifier.partial_fit(X[old], y[old], classes=["down", "up"])
    before = log_loss(y[new], classifier.predict_proba(X[new])), log_loss(y[old], classifier.predict_proba(X[old]))
    classifier.partial_fit(X[new], y[new])
    assert log_loss(y[new], classifier.predict_proba(X[new])) < before[0]
    assert classifier.score(X[old], y[old]) > 0.9


def test_partial_fit_knows_classes_that_have_not_come_yet():
    classifier = LaplaceClassifier((), random_state=0).partial_fit(X, BINARY, classes=["maybe", "no", "yes"])
    assert classifier.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match="y: expected labels among the classes"):
        classifier.partial_fit(X, MULTICLASS)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"subset_of_weights": "last_layer"}, "subset_of_weights"), ({"hessian_structure": "kron"}, "prior_precision")],
)
def test_partial_fit_refuses_what_would_forget_and_loses_nothing(options, message):
    classifier = LaplaceClassifier((3,), random_state=0, **options).partial_fit(X, BINARY)
    p = classifier.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(X, BINARY)
    np.testing.assert_array_equal(classifier.predict_proba(X), p)


def test_partial_fit_takes_the_classes_of_the_first_call_alone():
    classifier = LaplaceClassifier((), random_state=0).partial_fit(X, BINARY)
    classifier.partial_fit(X, BINARY, classes=["yes", "no"])
    with pytest.raises(ValueError, match=r"classes: expected those of the first call, \['no', 'yes'\]"):
        classifier.partial_fit(X, BINARY, classes=["yes", "no", "maybe"])


@pytest.mark.parametrize(("kind", "y"), [(LaplaceClassifier, BINARY), (LaplaceRegressor, ONE)])
def test_a_fit_that_fails_leaves_what_was_there(kind, y, monkeypatch):
    estimator = kind((3,), random_state=0).fit(X, y)
    before, predicted = dict(vars(estimator)), estimator.predict(X)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("minilaplace.sklearn.fitting.fit_map", interrupted)
    for again in (estimator.fit, estimator.partial_fit):
        inputs = X[:, :2] if again == estimator.fit else X
        with pytest.raises(KeyboardInterrupt):
            again(inputs, y)
        assert vars(estimator) == before
    np.testing.assert_array_equal(estimator.predict(X), predicted)


def test_log_probabilities_are_the_logarithms():
    classifier = LaplaceClassifier((), random_state=0).fit(X, MULTICLASS)
    np.testing.assert_array_equal(classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)))


def test_partial_fit_knows_several_labels_again():
    classifier = LaplaceClassifier((), random_state=0).partial_fit(X[:30], LABELS[:30], classes=[0, 1, 2])
    before = classifier.predict_proba(X)
    classifier.partial_fit(X[30:], LABELS[30:])
    assert np.abs(classifier.predict_proba(X) - before).max() > 0.01
    with pytest.raises(
        ValueError, match=r"y: expected shape \(60, 3\) of integer labels 0..1, received shape \(60, 2\)"
    ):
        classifier.partial_fit(X, LABELS[:, :2])
    with pytest.raises(ValueError, match=r"y: expected shape \(60, 3\) of integer labels 0..1, received shape \(60,\)"):
        classifier.partial_fit(X, LABELS[:, 0])
    of_one = LaplaceClassifier((), random_state=0).partial_fit(X, MULTICLASS)
    with pytest.raises(ValueError, match=r"y: expected shape \(60,\), one label a sample as before, received shape"):
        of_one.partial_fit(X, LABELS)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (2 * LABELS, ValueError, r"y: expected shape \(60, 3\) of integer labels 0..1, received 2 at index"),
        (np.where(LABELS == 1, "yes", "no"), TypeError, "y: expected real numbers, .* received dtype"),
        (csr_matrix(LABELS), TypeError, r"y: expected real numbers, .* received a sparse .*: make it dense"),
        (NOISY, ValueError, "Unknown label type: continuous-multioutput"),
    ],
)
def test_what_is_no_indicator_of_labels_is_refused(y, error, message):
    with pytest.raises(error, match=message):
        LaplaceClassifier(()).fit(X, y)


# --- from a trained scikit-learn MLP


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_plugin_predicts_what_the_mlp_does(name, activation, solver):
    kind, peer, y = PROBLEMS[name]
    mlp = trained(peer, y, hidden_layer_sizes=(5, 4), activation=activation, solver=solver, alpha=0.1, tol=0.05)
    estimator = kind.from_fitted(mlp, X, y, link_approx="plugin", tune_prior=None)
    if kind is LaplaceRegressor:
        assert_close(estimator.predict(X), mlp.predict(X))
    else:
        assert_close(estimator.predict_proba(X), mlp.predict_proba(X))
        np.testing.assert_array_equal(estimator.predict(X), mlp.predict(X))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh"])
@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "regression"])
def test_alpha_is_the_matching_precision_at_a_mode_of_the_mlp(name, activation):
    # Its L-BFGS stops at a relative change of 2e-9, so that it takes a few runs to come close.
    kind, peer, y = PROBLEMS[name]
    mlp = trained(peer, y, activation=activation, solver="lbfgs", alpha=1.0, tol=1e-12, warm_start=True)
    for _ in range(30):
        mlp.fit(X, y)
    estimator = kind.from_fitted(mlp, X, y, tune_prior=None)
    sigma = getattr(estimator, "sigma_noise", 1.0)
    in_weights, in_biases, weights, biases = gradients(estimator, y)
    assert_close(estimator.prior_precision, 1.0 / sigma**2)
    assert np.abs(weights).max() > 0.3
    assert np.abs(sigma**2 * in_weights).max() < 1e-3
    assert np.abs(sigma**2 * in_biases - biases).max() < 1e-3  # all that is left of the gradient is their prior


def test_alpha_is_the_matching_precision_where_a_full_batch_ends():
    # SGD with a step size that goes to zero, of all samples at once: gradient descent to a true mode.
    mlp = trained(
        MLPClassifier, MULTICLASS, solver="sgd", batch_size=60, alpha=0.5, learning_rate="adaptive",
        learning_rate_init=0.2, tol=0.0, n_iter_no_change=20,
    )  # fmt: skip
    classifier = LaplaceClassifier.from_fitted(mlp, X, MULTICLASS, tune_prior=None)
    in_weights, in_biases, weights, biases = gradients(classifier, MULTICLASS)
    assert np.abs(0.5 * weights).max() > 0.5
    assert np.abs(in_weights).max() < 1e-6
    assert np.abs(in_biases - 0.5 * biases).max() < 1e-6


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel", "regression"])
def test_an_mlp_that_was_trained_with_weights_is_taken_over_with_them(name):
    kind, peer, y = PROBLEMS[name]
    params = {"activation": "tanh", "solver": "lbfgs", "alpha": 1.0, "tol": 1e-12, "max_iter": 5000}
    mlp = peer(hidden_layer_sizes=(4,), warm_start=True, random_state=0, **params)
    for _ in range(30):
        mlp.fit(X, y, WHOLE)
    estimator = kind.from_fitted(mlp, X, y, WHOLE, tune_prior=None)
    sigma = getattr(estimator, "sigma_noise", 1.0)
    in_weights, in_biases, weights, biases = gradients(estimator, y, WHOLE)
    assert np.abs(weights).max() > 0.3
    assert np.abs(sigma**2 * in_weights).max() < 1e-3
    assert np.abs(sigma**2 * in_biases - biases).max() < 1e-3
    repeated = kind.from_fitted(mlp, *(np.repeat(array, WHOLE, axis=0) for array in (X, y)), tune_prior=None)
    assert_close(estimator.prior_precision, repeated.prior_precision)
    assert_close(probabilities_or_mean(estimator), probabilities_or_mean(repeated), 1e-10)
    assert_close(estimator.log_marginal_likelihood_, repeated.log_marginal_likelihood_, 1e-10)


@pytest.mark.parametrize("name", PROBLEMS)
def test_mini_batches_multiply_alpha_by_their_number(name):
    # With batches of 15 of 60, SGD ends, but for its noise, where the prior has four times alpha.
    kind, peer, y = PROBLEMS[name]
    mlp = trained(
        peer, y, solver="sgd", batch_size=15, alpha=0.5, learning_rate="adaptive", learning_rate_init=0.2, tol=0.0,
        n_iter_no_change=20,
    )  # fmt: skip
    assert matching_precision(mlp, 60) == pytest.approx(2.0, rel=1e-15)
    estimator = kind.from_fitted(mlp, X, y, tune_prior=None)
    in_weights, _, weights, _ = gradients(estimator, y)
    in_weights = getattr(estimator, "sigma_noise", 1.0) ** 2 * in_weights
    with_alpha_itself = in_weights - (2.0 - 0.5) * weights
    assert np.abs(in_weights).max() < 0.1 * np.abs(with_alpha_itself).max()


def test_early_stopping_keeps_samples_from_training():
    mlp = MLPRegressor(solver="adam", alpha=3.0, batch_size=40, early_stopping=True, validation_fraction=0.2)
    assert matching_precision(mlp, 500) == pytest.approx(30.0)  # ten batches of the 400 that are left


def test_unequal_batches_count_by_their_mean_inverse_size():
    mlp = MLPRegressor(solver="adam", alpha=3.0)
    assert matching_precision(mlp, 150) == pytest.approx(3.0)  # one batch
    assert matching_precision(mlp, 500) == pytest.approx(3.0 * 500 * (1 / 200 + 1 / 200 + 1 / 100) / 3)
    assert matching_precision(mlp.set_params(batch_size=10**6), 500) == pytest.approx(3.0)
    assert matching_precision(mlp.set_params(solver="lbfgs"), 500) == 3.0


def test_a_linear_mlp_becomes_ridge_regression_with_its_error_bars():
    mlp = trained(MLPRegressor, ONE, hidden_layer_sizes=(), solver="lbfgs", alpha=2.0, tol=1e-8)
    regressor = LaplaceRegressor.from_fitted(mlp, X, ONE, tune_prior=None)
    sigma = np.sqrt(np.mean((ONE - mlp.predict(X)) ** 2))
    A = np.column_stack([X, np.ones(60)])
    covariance = sigma**2 * np.linalg.inv(A.T @ A + 2.0 * np.eye(4))
    std = np.sqrt(np.einsum("ni,ij,nj->n", A, covariance, A) + sigma**2)
    assert_close(regressor.predict(X, return_std=True)[1], std)


def test_alpha_is_divided_by_the_noise_that_is_given():
    mlp = trained(MLPRegressor, MANY, solver="adam", alpha=2.0, batch_size=60, tol=1e-3)
    params = LaplaceRegressor.from_fitted(mlp, X, MANY, tune_prior=None, sigma_noise=0.5).get_params()
    assert params["prior_precision"] == pytest.approx(8.0)
    assert LaplaceRegressor.from_fitted(mlp, X, MANY, tune_prior=None, prior_precision=3.0).prior_precision == 3.0


def test_no_alpha_is_the_flattest_prior():
    mlp = trained(MLPClassifier, BINARY, solver="adam", alpha=0.0, tol=1e-3)
    classifier = LaplaceClassifier.from_fitted(mlp, X, BINARY, tune_prior=None)
    assert classifier.prior_precision == FLATTEST
    assert np.isfinite(classifier.predict_proba(X)).all()
    assert LaplaceClassifier.from_fitted(mlp, X, BINARY).model_.prior_precision > 1e-3


def test_tuning_keeps_theta_and_raises_the_evidence():
    mlp = trained(MLPRegressor, ONE, solver="lbfgs", alpha=0.1)
    as_trained, tuned = (LaplaceRegressor.from_fitted(mlp, X, ONE, tune_prior=how) for how in (None, "marglik"))
    np.testing.assert_array_equal(as_trained.theta_, tuned.theta_)
    assert tuned.log_marginal_likelihood_ > as_trained.log_marginal_likelihood_
    assert_close(tuned.predict(X), mlp.predict(X))
    assert clone(tuned).fit(X, ONE).score(X, ONE) > 0.6  # trains by itself, under the MLP's prior and noise


LAST_LAYER = {"hessian_structure": "kron", "subset_of_weights": "last_layer"}
WAYS = {
    "all weights, budget": {"hessian_structure": "kron"},
    "all weights, alpha": {"hessian_structure": "kron", "tune_prior": None},
    "all weights, evidence": {"hessian_structure": "kron", "tune_prior": "marglik"},
    "last layer, evidence": LAST_LAYER | {"tune_prior": "marglik"},
    "last layer, held-out": LAST_LAYER | {"tune_prior": None},
}


def losses(load, solver, n_splits, names):
    """Return the losses of test labels (n_splits, 1 + len(names)) of MLPs, and of what each way makes of them.

    70 % of the standardised data are to train on, 15 % to choose by, and 15 % to test on.
    """
    rows = []
    for seed in range(n_splits):
        X_all, y_all = load(return_X_y=True)
        inner, rest, y_inner, y_rest = train_test_split(X_all, y_all, train_size=0.7, random_state=seed, stratify=y_all)
        scaler = StandardScaler().fit(inner)
        inner, rest = scaler.transform(inner), scaler.transform(rest)
        held, test, y_held, y_test = train_test_split(rest, y_rest, train_size=0.5, random_state=seed, stratify=y_rest)
        mlp = MLPClassifier(solver=solver, max_iter=1000, random_state=seed).fit(inner, y_inner)
        predictors = [mlp]
        for name in names:
            predictors.append(LaplaceClassifier.from_fitted(mlp, inner, y_inner, **WAYS[name]))
            if name.endswith("held-out"):
                predictors[-1].tune_on_held_out(held, y_held)
        rows.append([log_loss(y_test, predictor.predict_proba(test)) for predictor in predictors])
    return np.array(rows)


def test_an_over_confident_mlp_predicts_better_with_the_probit():
    # Of four MLPs, three are so sure that a wrong label costs them dear.
    plugin, probit = losses(load_breast_cancer, "lbfgs", 4, ["last layer, evidence"]).T
    over_confident = plugin > 0.1
    assert np.count_nonzero(over_confident) == 3
    assert np.all(probit[over_confident] < plugin[over_confident] - 0.05)
    assert np.mean(probit - plugin) < -0.2


def test_the_evidence_mends_a_prior_as_flat_as_the_usual_alpha():
    plugin, budget, as_trained, tuned, last_layer, held_out = losses(load_breast_cancer, "adam", 2, WAYS).T
    assert np.all(budget < plugin + 0.02)
    assert np.all(as_trained > plugin + 0.3)
    assert np.all(tuned < as_trained - 0.3)
    assert np.all(last_layer < tuned)
    assert np.all(held_out < tuned)


# --- bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tune_prior": "evidence"}, "tune_prior: expected one of 'budget', 'marglik', 'mackay', 'online'"),
        ({"budget": 0.0}, "budget: expected"),
        ({"prior_structure": "flat"}, "prior_structure: expected one of"),
        ({"hessian_structure": "dense"}, "hessian_structure: expected one of"),
        ({"link_approx": "bridge"}, "link_approx: expected one of"),
        ({"solver": "sgd"}, "solver: expected one of 'lbfgs', 'adam'"),
        ({"activation": "step"}, "activation: expected one of"),
        ({"n_samples": 0}, "n_samples: expected a whole number"),
        ({"max_iter": 0}, "max_iter: expected a whole number"),
        ({"hidden_layer_sizes": (0,)}, "sizes: expected a whole number"),
        ({"prior_precision": -1.0}, "prior_precision: expected"),
    ],
)
def test_a_bad_parameter_is_named_before_any_training(params, message):
    classifier = LaplaceClassifier(**params)
    with pytest.raises(ValueError, match=message):
        classifier.fit(X, BINARY)


@pytest.mark.parametrize("name", ["verbose", "normalize_X", "normalize_y"])
def test_what_is_neither_true_nor_false_is_named(name):
    with pytest.raises(TypeError, match=f"{name}: expected True or False"):
        LaplaceRegressor(**{name: "yes"}).fit(X, ONE)


def never(*_, **__):
    raise AssertionError("training in vain")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        *(({"hessian_structure": "kron", "prior_structure": "diag", "tune_prior": how},
           "prior_structure: expected 'scalar' or 'layerwise' with hessian_structure='kron'.*received 'diag' ")
          for how in ("marglik", "mackay", "online")),
        ({"hessian_structure": "kron", "prior_precision": np.arange(1.0, 12.0), "tune_prior": None},
         "prior_precision: expected one value on each W and each b"),
        ({"hessian_structure": "blockdiag", "prior_precision": np.eye(11), "tune_prior": None},
         "prior_precision: expected a diagonal prior"),
    ],
)  # fmt: skip
def test_choices_that_do_not_go_together_are_named_before_any_training(params, message, monkeypatch):
    monkeypatch.setattr("minilaplace.sklearn.fitting.fit_map", never)
    classifier = LaplaceClassifier((2,), **params)
    with pytest.raises(ValueError, match=message):
        classifier.fit(X, BINARY)


@pytest.mark.parametrize("prior_structure", ["scalar", "layerwise", "diag"])
def test_prior_structure_of_a_kron_estimator_is_refused_only_where_it_is_asked(prior_structure):
    options = {"hessian_structure": "kron", "random_state": 0, "prior_structure": prior_structure}
    assert LaplaceClassifier((2,), tune_prior=None, **options).fit(X, BINARY).score(X, BINARY) > 0.8
    if prior_structure != "diag":
        assert LaplaceClassifier((2,), **options).fit(X, BINARY).score(X, BINARY) > 0.8


@pytest.mark.parametrize("hessian_structure", ["kron", "blockdiag"])
def test_partial_fit_names_the_structure_before_it_trains_again(hessian_structure, monkeypatch):
    classifier = LaplaceClassifier((3,), random_state=0, hessian_structure=hessian_structure).partial_fit(X, BINARY)
    monkeypatch.setattr("minilaplace.sklearn.fitting.fit_map", never)
    with pytest.raises(ValueError, match=f"hessian_structure: expected 'full', .*, received '{hessian_structure}'"):
        classifier.partial_fit(X, BINARY)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"y: expected at least two classes .*, received one class, \['no'\]"):
        LaplaceClassifier().fit(X, ["no"] * 60)


def test_a_fit_that_stops_early_warns_in_the_category_of_scikit_learn():
    with pytest.warns(exceptions.ConvergenceWarning, match="which is not a mode; raise max_iter,"):
        LaplaceClassifier(max_iter=2, random_state=0).fit(X, BINARY)


def test_a_fit_that_fails_after_its_training_still_says_what_training_warned_of(monkeypatch):
    def failing(*_, **__):
        raise ValueError("no posterior")

    monkeypatch.setattr(LaplaceClassifier, "_posterior", failing)
    with (
        pytest.warns(exceptions.ConvergenceWarning, match="which is not a mode; raise max_iter,"),
        pytest.raises(ValueError, match="no posterior"),
    ):
        LaplaceClassifier(max_iter=2, random_state=0).fit(X, BINARY)


def test_where_that_warning_is_an_error_the_fit_has_failed_as_a_whole():
    classifier = LaplaceClassifier(max_iter=2, random_state=0)
    before = dict(vars(classifier))
    with warnings.catch_warnings():
        warnings.simplefilter("error", exceptions.ConvergenceWarning)
        with pytest.raises(exceptions.ConvergenceWarning):
            classifier.fit(X, BINARY)
    assert vars(classifier) == before


def test_adam_counts_epochs():
    assert LaplaceClassifier(solver="adam", max_iter=7, random_state=0).fit(X, BINARY).n_iter_ == 7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tune_prior": "online"}, "tune_prior: expected None, 'budget', 'marglik' or 'mackay' around"),
        ({"normalize_X": True}, "normalize_X: expected no value, as the MLP has its own"),
        ({"activation": "tanh"}, "activation: expected no value, as the MLP has its own"),
        ({"alpha": 1.0}, "Invalid parameter 'alpha'"),
    ],
)
def test_from_fitted_refuses_parameters_that_are_not_its_to_set(params, message):
    mlp = trained(MLPClassifier, BINARY, tol=1e-2)
    with pytest.raises(ValueError, match=message):
        LaplaceClassifier.from_fitted(mlp, X, BINARY, **params)


def test_from_fitted_refuses_what_is_no_trained_mlp_of_its_kind():
    with pytest.raises(TypeError, match="mlp: expected a trained MLPClassifier"):
        LaplaceClassifier.from_fitted(MLPRegressor(), X, BINARY)
    with pytest.raises(exceptions.NotFittedError):
        LaplaceClassifier.from_fitted(MLPClassifier(), X, BINARY)


def test_from_fitted_asks_for_as_many_labels_a_sample_as_the_mlp_has():
    multilabel, multiclass = trained(MLPClassifier, LABELS, tol=1e-2), trained(MLPClassifier, MULTICLASS, tol=1e-2)
    with pytest.raises(ValueError, match=r"y: expected the targets of an MLP with 3 outputs and logistic activation"):
        LaplaceClassifier.from_fitted(multilabel, X, LABELS.argmax(axis=1))
    with pytest.raises(ValueError, match=r"y: expected the targets of an MLP with 3 outputs and softmax activation"):
        LaplaceClassifier.from_fitted(multiclass, X, LABELS)


@pytest.mark.skipif("loss" not in MLPRegressor().get_params(), reason="scikit-learn before 1.7 has no Poisson loss")
@pytest.mark.parametrize("y", [COUNTS[:, 0], COUNTS], ids=["one", "many"])
def test_an_mlp_of_counts_is_taken_over_with_its_loss(y):
    mlp = trained(MLPRegressor, y, solver="lbfgs", alpha=0.5, tol=1e-12, loss="poisson", warm_start=True)
    for _ in range(30):
        mlp.fit(X, y)
    regressor = LaplaceRegressor.from_fitted(mlp, X, y, link_approx="plugin", tune_prior=None)
    assert regressor.likelihood == "poisson"
    assert_close(regressor.predict(X), mlp.predict(X))
    assert regressor.prior_precision == 0.5
    in_weights, in_biases, _, biases = gradients(regressor, y)
    if y.ndim == 1:  # for several outputs its L-BFGS stops at no mode, see `matching_precision`
        assert np.abs(in_weights).max() < 1e-2
        assert np.abs(in_biases - 0.5 * biases).max() < 1e-2
    with pytest.raises(
        ValueError, match="mlp: expected one trained by loss='squared_error', for likelihood='gaussian'"
    ):
        LaplaceRegressor.from_fitted(mlp, X, y, likelihood="gaussian")
    with pytest.raises(ValueError, match="mlp: expected one trained by loss='poisson', for likelihood='poisson'"):
        LaplaceRegressor.from_fitted(trained(MLPRegressor, ONE, tol=1e-2), X, ONE, likelihood="poisson")


def test_from_fitted_refuses_other_data():
    mlp = trained(MLPClassifier, BINARY, tol=1e-2)
    with pytest.raises(ValueError, match="expecting 3 features"):
        LaplaceClassifier.from_fitted(mlp, X[:, :2], BINARY)
    with pytest.raises(ValueError, match="y: expected labels among the classes"):
        LaplaceClassifier.from_fitted(mlp, X, MULTICLASS)
    with pytest.raises(ValueError, match=r"y: expected shape \(60, 3\)"):
        LaplaceRegressor.from_fitted(trained(MLPRegressor, MANY, tol=1e-2), X, ONE)


def test_from_fitted_asks_for_the_noise_where_there_are_no_residuals():
    mlp = trained(MLPRegressor, ONE, tol=1e-2)
    with pytest.raises(ValueError, match="sigma_noise: expected a value, as the MLP leaves no residuals"):
        LaplaceRegressor.from_fitted(mlp, X, mlp.predict(X))
