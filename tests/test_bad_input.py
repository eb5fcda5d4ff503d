"""Bad input is refused at every entrance by an error that names the argument, what was expected and what came.

Each row of the table is (entrance, what is wrong, call, error, message). Rows that hold for several entrances are
written once and crossed with them. Here the messages are held word for word; that no entrance and no argument is
forgotten is the work of `test_bad_input_everywhere.py`.
"""

from functools import partial
from importlib import import_module

import numpy as np
import pytest
import scipy.sparse

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    Laplace,
    Poisson,
    fit_map,
    toy_data_linear,
    toy_data_multi,
    toy_data_non_linear,
    toy_data_regression,
)
from minilaplace.calibration import negative_log_likelihood
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.explorer.explorer import Settings
from minilaplace.model_average import dropout_masks
from minilaplace.network.activation import ACTIVATIONS
from minilaplace.network.subset import SUBSETS
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor
from minilaplace.structures.fit import STRUCTURES, Options
from minilaplace.training.adam import Adam
from minilaplace.training.lbfgs import LBFGS

N = 4
X = np.arange(8.0).reshape(N, 2)
LABELS = np.array([0, 1, 1, 0])
NAN_IN_X, INF_IN_X = X.copy(), X.copy()
NAN_IN_X[1, 0], INF_IN_X[3, 1] = np.nan, -np.inf

NETWORK = MLP(2, 1)
MODELS = {  # and targets they take
    "Bernoulli": (BayesianModel(NETWORK, Bernoulli()), LABELS),
    "Categorical": (BayesianModel(MLP(2, 3), Categorical()), LABELS),
    "Categorical of 2": (BayesianModel(MLP(2, 2), Categorical()), LABELS),
    "Gaussian": (BayesianModel(NETWORK, Gaussian()), X[:, 0]),
    "Gaussian of 2": (BayesianModel(MLP(2, 2), Gaussian()), X),
}
MODEL, THETA = MODELS["Bernoulli"][0], np.array([1.0, 2.0, 3.0])
ROWS = []


def row(entrance, wrong, call, error, message):
    ROWS.append(pytest.param(call, error, message, id=f"{entrance}-{wrong}"))


def one_of(names):
    return f"one of {', '.join(map(repr, names))}"


def zeros(model):
    return np.zeros(model.network.n_params)


# --- X, y and theta, wherever data comes in

TAKES_DATA = {
    "fit_map": fit_map,
    "ggn": lambda model, X, y: ggn(model, zeros(model), X, y),
    "hessian": lambda model, X, y: hessian(model, zeros(model), X, y),
    "empirical_fisher": lambda model, X, y: empirical_fisher(model, zeros(model), X, y),
    "Laplace.fit": lambda model, X, y: Laplace(model, zeros(model)).fit(X, y),
}
FITTED = Laplace(MODEL, THETA).fit(X, LABELS)
TAKES_X = {name: partial(lambda take, X: take(MODEL, X, LABELS), take) for name, take in TAKES_DATA.items()} | {
    "Laplace.predict": FITTED.predict,
    "Laplace.glm_predictive_distribution": FITTED.glm_predictive_distribution,
}

SHAPE_OF_X = "shape (N, 2) with N >= 1"
NO_NUMBERS = ": if they are numbers, X.astype(float); of a category, a column of 0 and 1 for each value"
ONE_HOT, A_COLUMN = ": of one-hot rows take y.argmax(axis=1)", ": y.ravel() has the right one"
NUMBERED = ": np.unique(y, return_inverse=True)[1] numbers any labels from 0"
BAD_X = [
    ("three columns", np.ones((N, 3)), ValueError, f"{SHAPE_OF_X}, received shape (4, 3)"),
    ("one column", np.ones((N, 1)), ValueError, f"{SHAPE_OF_X}, received shape (4, 1)"),
    ("1-D", np.ones(2), ValueError, f"{SHAPE_OF_X}, received shape (2,): X[None] makes one sample of it"),
    ("0-D", 1.0, ValueError, f"{SHAPE_OF_X}, received shape ()"),
    ("3-D", np.ones((N, 2, 1)), ValueError, f"{SHAPE_OF_X}, received shape (4, 2, 1)"),
    ("empty", np.ones((0, 2)), ValueError, f"{SHAPE_OF_X}, received shape (0, 2)"),
    ("empty list", [], ValueError, f"{SHAPE_OF_X}, received shape (0,)"),
    ("NaN", NAN_IN_X, ValueError, "finite numbers, received nan at index (1, 0)"),
    ("inf", INF_IN_X, ValueError, "finite numbers, received -inf at index (3, 1)"),
    ("ragged", [[1.0, 2.0], [3.0]], ValueError, f"{SHAPE_OF_X}, received rows of different lengths"),
    ("complex", X + 0j, TypeError, f"real numbers, {SHAPE_OF_X}, received dtype complex128"),
    ("strings", X.astype(str), TypeError, f"real numbers, {SHAPE_OF_X}, received dtype <U32{NO_NUMBERS}"),
    ("objects", X.astype(object), TypeError, f"real numbers, {SHAPE_OF_X}, received dtype object{NO_NUMBERS}"),
    ("None", None, TypeError, f"real numbers, {SHAPE_OF_X}, received None"),
]
for entrance, take in TAKES_X.items():
    for wrong, bad, error, message in BAD_X:
        row(entrance, f"X: {wrong}", partial(take, bad), error, f"X: expected {message}")

TWO_LABELS, THREE_LABELS = f"shape ({N},) of integer labels 0..1", f"shape ({N},) of integer labels 0..2"
TWO_COLUMNS, ONE_COLUMN = f"shape ({N}, 2)", f"shape ({N}, 1) or ({N},)"
BAD_Y = {
    "Bernoulli": [
        ("label 2", [0, 1, 2, 1], ValueError, f"{TWO_LABELS}, received 2 at index 2"),
        ("label -1", [0, -1, 1, 1], ValueError, f"{TWO_LABELS}, received -1 at index 1"),
        ("label 0.5", [0.5, 1, 0, 1], ValueError, f"{TWO_LABELS}, received 0.5 at index 0"),
        ("NaN", [0, 1, 0, np.nan], ValueError, f"{TWO_LABELS}, received nan at index 3"),
        ("a column", LABELS[:, None], ValueError, f"{TWO_LABELS}, received shape (4, 1){A_COLUMN}"),
        ("too short", LABELS[:3], ValueError, f"{TWO_LABELS}, received shape (3,)"),
        ("one label", 1, ValueError, f"{TWO_LABELS}, received shape ()"),
        ("ragged", [[0], [1, 1], [0], [1]], ValueError, f"{TWO_LABELS}, received rows of different lengths"),
        ("complex", LABELS + 0j, TypeError, f"real numbers, {TWO_LABELS}, received dtype complex128"),
        ("strings", ["0", "1", "1", "0"], TypeError, f"real numbers, {TWO_LABELS}, received dtype <U1{NUMBERED}"),
        ("objects", LABELS.astype(object), TypeError, f"real numbers, {TWO_LABELS}, received dtype object{NUMBERED}"),
    ],
    "Categorical": [
        ("label 3", [0, 1, 2, 3], ValueError, f"{THREE_LABELS}, received 3 at index 3"),
        ("label -1", [-1, 1, 2, 0], ValueError, f"{THREE_LABELS}, received -1 at index 0"),
        ("label 1.5", [0, 1.5, 2, 0], ValueError, f"{THREE_LABELS}, received 1.5 at index 1"),
        ("inf", [0, 1, np.inf, 0], ValueError, f"{THREE_LABELS}, received inf at index 2"),
        (
            "one-hot",
            np.eye(3)[LABELS],
            ValueError,
            f"{THREE_LABELS}, received shape (4, 3){ONE_HOT}",
        ),
        (
            "a column",
            LABELS[:, None],
            ValueError,
            f"{THREE_LABELS}, received shape (4, 1){A_COLUMN}",
        ),
        ("strings", ["a", "b", "b", "a"], TypeError, f"real numbers, {THREE_LABELS}, received dtype <U1{NUMBERED}"),
    ],
    "Gaussian": [
        ("too short", X[:3, 0], ValueError, f"{ONE_COLUMN}, received shape (3,)"),
        ("one number, not broadcast", 1.0, ValueError, f"{ONE_COLUMN}, received shape ()"),
        ("two columns", X, ValueError, f"{ONE_COLUMN}, received shape (4, 2)"),
        ("a row", X[None, :, 0], ValueError, f"{ONE_COLUMN}, received shape (1, 4)"),
        ("NaN", NAN_IN_X[:, 0], ValueError, "finite numbers, received nan at index 1"),
        ("ragged", [[0.0], [1.0, 1.0]], ValueError, f"{ONE_COLUMN}, received rows of different lengths"),
        ("complex", X[:, 0] + 0j, TypeError, f"real numbers, {ONE_COLUMN}, received dtype complex128"),
        ("None", None, TypeError, f"real numbers, {ONE_COLUMN}, received None"),
    ],
    "Gaussian of 2": [
        ("1-D", X[:, 0], ValueError, f"{TWO_COLUMNS}, received shape (4,)"),
        ("one column", X[:, :1], ValueError, f"{TWO_COLUMNS}, received shape (4, 1)"),
        ("too short", X[:3], ValueError, f"{TWO_COLUMNS}, received shape (3, 2)"),
        ("one row, not broadcast", X[:1], ValueError, f"{TWO_COLUMNS}, received shape (1, 2)"),
        ("inf", INF_IN_X, ValueError, "finite numbers, received -inf at index (3, 1)"),
        ("ragged", [[1.0, 2.0], [3.0]], ValueError, f"{TWO_COLUMNS}, received rows of different lengths"),
        ("strings", X.astype(str), TypeError, f"real numbers, {TWO_COLUMNS}, received dtype <U32"),
    ],
}
for entrance, take in TAKES_DATA.items():
    for name, table in BAD_Y.items():
        for wrong, bad, error, message in table:
            call = partial(take, MODELS[name][0], X, bad)
            row(f"{entrance}({name})", f"y: {wrong}", call, error, f"y: expected {message}")

TAKES_THETA = {
    "ggn": ("theta", lambda theta: ggn(MODEL, theta, X, LABELS)),
    "hessian": ("theta", lambda theta: hessian(MODEL, theta, X, LABELS)),
    "empirical_fisher": ("theta", lambda theta: empirical_fisher(MODEL, theta, X, LABELS)),
    "Laplace": ("theta", lambda theta: Laplace(MODEL, theta)),
    "fit_map": ("theta0", lambda theta: fit_map(MODEL, X, LABELS, theta0=theta)),
}
BAD_THETA = [
    ("too long", np.ones(4), ValueError, "shape (3,), received shape (4,)"),
    ("too short", np.ones(2), ValueError, "shape (3,), received shape (2,)"),
    ("one number", 1.0, ValueError, "shape (3,), received shape ()"),
    ("a row", np.ones((1, 3)), ValueError, "shape (3,), received shape (1, 3)"),
    ("NaN", [1, np.nan, 3], ValueError, "finite numbers, received nan at index 1"),
    ("inf", [1, 2, np.inf], ValueError, "finite numbers, received inf at index 2"),
    ("layers", NETWORK.layers(THETA)[0], ValueError, "shape (3,), received rows of different lengths"),
    ("complex", THETA + 0j, TypeError, "real numbers, shape (3,), received dtype complex128"),
    ("strings", ["1", "2", "3"], TypeError, "real numbers, shape (3,), received dtype <U1"),
    ("objects", THETA.astype(object), TypeError, "real numbers, shape (3,), received dtype object"),
]
for entrance, (argument, take) in TAKES_THETA.items():
    for wrong, bad, error, message in BAD_THETA:
        row(entrance, f"{argument}: {wrong}", partial(take, bad), error, f"{argument}: expected {message}")

TAKES_MODEL = {
    "fit_map": lambda model: fit_map(model, X, LABELS),
    "ggn": lambda model: ggn(model, THETA, X, LABELS),
    "hessian": lambda model: hessian(model, THETA, X, LABELS),
    "empirical_fisher": lambda model: empirical_fisher(model, THETA, X, LABELS),
    "Laplace": lambda model: Laplace(model, THETA),
}
for entrance, take in TAKES_MODEL.items():
    row(entrance, "model: a network", partial(take, NETWORK), TypeError,
        "model: expected a BayesianModel, received MLP(2, 1, activation='tanh')")  # fmt: skip


# --- single numbers, counts, names and seeds

POSITIVE = "a finite number greater than 0"
BAD_POSITIVE = [
    ("zero", 0, ValueError, f"{POSITIVE}, received 0"),
    ("negative", -1.5, ValueError, f"{POSITIVE}, received -1.5"),
    ("NaN", float("nan"), ValueError, f"{POSITIVE}, received nan"),
    ("inf", float("inf"), ValueError, f"{POSITIVE}, received inf"),
    ("a string", "1", TypeError, f"real numbers, {POSITIVE}, received dtype <U1"),
    ("None", None, TypeError, f"real numbers, {POSITIVE}, received None"),
    ("complex", 1j, TypeError, f"real numbers, {POSITIVE}, received dtype complex128"),
]
TAKES_POSITIVE = {
    "Gaussian": ("sigma_noise", Gaussian),
    "BayesianModel": ("prior_precision", lambda value: BayesianModel(NETWORK, Bernoulli(), value)),
    "Laplace": ("temperature", lambda value: Laplace(MODEL, THETA, temperature=value)),
    "fit_map": ("learning_rate", lambda value: fit_map(MODEL, X, LABELS, method="adam", learning_rate=value)),
}
for entrance, (argument, take) in TAKES_POSITIVE.items():
    for wrong, bad, error, message in BAD_POSITIVE:
        if argument == "prior_precision":
            message = message.replace(f"real numbers, {POSITIVE}", "real numbers, a number or shape (3,)")
        row(entrance, f"{argument}: {wrong}", partial(take, bad), error, f"{argument}: expected {message}")

TAKES_COUNT = [  # and the least it takes
    ("MLP", "sizes", 1, lambda n: MLP(2, n, 1)),
    ("fit_map", "max_iterations", 1, lambda n: fit_map(MODEL, X, LABELS, max_iterations=n)),
    ("fit_map", "epochs", 1, lambda n: fit_map(MODEL, X, LABELS, method="adam", epochs=n)),
    ("fit_map", "batch_size", 1, lambda n: fit_map(MODEL, X, LABELS, method="adam", batch_size=n)),
    ("Laplace.fit", "batch_size", 1, lambda n: FITTED.fit(X, LABELS, batch_size=n)),
    ("Laplace.sample", "n_samples", 1, FITTED.sample),
    ("toy_data_linear", "n", 2, toy_data_linear),
    ("toy_data_non_linear", "n", 4, toy_data_non_linear),
    ("toy_data_multi", "n", 4, toy_data_multi),
    ("toy_data_regression", "n", 1, toy_data_regression),
]
for entrance, argument, least, take in TAKES_COUNT:
    for bad, error in [
        (least - 1, ValueError),
        (-3, ValueError),
        (8.0, TypeError),
        (True, TypeError),
        ("8", TypeError),
    ]:
        message = f"{argument}: expected a whole number of at least {least}, received {bad!r}"
        row(entrance, f"{argument}: {bad!r}", partial(take, bad), error, message)

TAKES_SEED = {
    "MLP.init": NETWORK.init,
    "fit_map": lambda rng: fit_map(MODEL, X, LABELS, rng=rng),
    "Laplace.sample": lambda rng: FITTED.sample(2, rng),
    "toy_data_linear": lambda rng: toy_data_linear(rng=rng),
    "toy_data_non_linear": lambda rng: toy_data_non_linear(rng=rng),
    "toy_data_multi": lambda rng: toy_data_multi(rng=rng),
    "toy_data_regression": lambda rng: toy_data_regression(rng=rng),
}
for entrance, take in TAKES_SEED.items():
    for bad, error in [(-1, ValueError), (1.5, TypeError), (True, TypeError), ("0", TypeError)]:
        message = f"rng: expected a whole number of at least 0, received {bad!r}"
        row(entrance, f"rng: {bad!r}", partial(take, bad), error, message)

TAKES_NAME = [  # and the names it knows
    ("MLP", "activation", ACTIVATIONS, lambda name: MLP(2, 3, 1, activation=name)),
    ("fit_map", "method", ["lbfgs", "adam"], lambda name: fit_map(MODEL, X, LABELS, method=name)),
    (
        "Laplace",
        "curvature",
        ["ggn", "hessian", "empirical_fisher"],
        lambda name: Laplace(MODEL, THETA, curvature=name),
    ),
    ("Laplace", "hessian_structure", STRUCTURES, lambda name: Laplace(MODEL, THETA, hessian_structure=name)),
    ("Laplace", "subset_of_weights", SUBSETS, lambda name: Laplace(MODEL, THETA, subset_of_weights=name)),
]
for likelihood, (model, y) in MODELS.items():
    la = Laplace(model, zeros(model)).fit(X, y)
    links = model.likelihood.links_for(model.network.n_outputs)
    TAKES_NAME.append((f"Laplace.predict({likelihood})", "link_approx", links, partial(la.predict, X)))
for entrance, argument, known, take in TAKES_NAME:
    for bad in ["no such name", "", 3, ["ggn"]]:
        message = f"{argument}: expected {one_of(known)}, received {bad!r}"
        row(entrance, f"{argument}: {bad!r}", partial(take, bad), ValueError, message)
for likelihood, foreign, why in [
    ("Bernoulli", "bridge", "the mean of one logit's bridge is the plugin"),
    ("Bernoulli", "mean_field", "of one logit it is 'probit'"),
    ("Categorical", "quadrature", "it is the average of one logit; of many, 'mc' is"),
    ("Categorical of 2", "bridge", "the mean of two logits' bridge is the plugin"),
    ("Gaussian", "mean_field", "there are no class probabilities"),
    ("Gaussian", "bridge", "there are no class probabilities"),
    ("Gaussian", "quadrature", "there are no class probabilities"),
    ("Bernoulli", "bridge_norm", "the mean of one logit's bridge is the plugin"),
]:
    model, y = MODELS[likelihood]
    known, name = one_of(model.likelihood.links_for(model.network.n_outputs)), type(model.likelihood).__name__
    message = f"link_approx: expected {known} for {name}, received {foreign!r}: {why}"
    call = partial(Laplace(model, zeros(model)).fit(X, y).predict, X, foreign)
    row(f"Laplace.predict({likelihood})", f"link_approx: {foreign!r}", call, ValueError, message)


# --- what only one entrance takes

ADAM_KNOWS = one_of(["epochs", "batch_size", "learning_rate", "shuffle"])
PRIOR, PRIOR_MEAN = partial(BayesianModel, NETWORK, Bernoulli()), partial(BayesianModel, NETWORK, Bernoulli(), 1.0)
FORMS_OF_PRIOR = "a number, shape (1,) for layers, (3,) for parameters, or (3, 3)"
UNFITTED = Laplace(MODEL, THETA)
NOT_FITTED = "Laplace: expected a fit to data before this call: la.fit(X, y), received no fit yet"

for entrance, wrong, call, error, message in [
    ("MLP", "no sizes", MLP, ValueError,
        "sizes: expected at least an input and an output size, as in MLP(2, 1), received ()"),
    ("MLP", "a list", partial(MLP, [2, 32, 1]), ValueError,
        "sizes: expected numbers one by one, MLP(2, 32, 1) or MLP(*sizes), received one list"),
    ("MLP", "an array", partial(MLP, np.array([2, 1])), ValueError,
        "sizes: expected numbers one by one, MLP(2, 1) or MLP(*sizes), received one ndarray"),
    ("MLP", "an activation among the sizes", partial(MLP, 2, 3, 1, "relu"), TypeError,
        "sizes: expected numbers alone, then activation='relu' by its name, received (2, 3, 1, 'relu')"),
    ("MLP", "one size", partial(MLP, 2), ValueError,
        "sizes: expected at least an input and an output size, as in MLP(2, 1), received (2,)"),
    ("MLP.layers", "theta: too long", partial(NETWORK.layers, np.ones(4)), ValueError,
        "theta: expected shape (3,), received shape (4,)"),
    ("MLP.forward", "theta: too short", partial(NETWORK.forward, np.ones(2), X), ValueError,
        "theta: expected shape (3,), received shape (2,)"),
    ("MLP.forward", "X: three columns", partial(NETWORK.forward, THETA, np.ones((N, 3))), ValueError,
        "X: expected shape (N, 2), received shape (4, 3)"),
    ("MLP.jacobian", "X: 1-D", partial(NETWORK.jacobian, THETA, np.ones(2)), ValueError,
        "X: expected shape (N, 2), received shape (2,)"),
    ("MLP.backward", "G: 1-D", partial(NETWORK.backward, THETA, X, np.ones(N)), ValueError,
        "G: expected shape (4, 1), received shape (4,)"),
    ("MLP.second_order", "G: one row", partial(NETWORK.second_order, THETA, X, np.ones((1, 1))), ValueError,
        "G: expected shape (4, 1), received shape (1, 1)"),
    ("Bernoulli.nll", "y: a column", partial(Bernoulli().nll, X[:, :1], LABELS[:, None]), ValueError,
        "y: expected shape (4,), received shape (4, 1)"),
    ("Bernoulli.gradient", "f: two columns", partial(Bernoulli().gradient, X, LABELS), ValueError,
        "y: expected shape (4, 2), received shape (4,)"),
    ("Bernoulli.gradient", "f: no column", partial(Bernoulli().gradient, X[:, 0], LABELS), ValueError,
        "f: expected shape (4, 1), received shape (4,)"),
    ("Bernoulli.check_targets", "one class of two", partial(Bernoulli().check_targets, LABELS, 4, 2), ValueError,
        "y: expected shape (4, 2), a label for each output (one of several classes: Categorical), received shape (4,)"),
    ("Bernoulli.check_targets", "a third class", partial(Bernoulli().check_targets, [[0, 1], [2, 0]], 2, 2), ValueError,
        "y: expected shape (2, 2) of integer labels 0..1, received 2 at index (1, 0)"),
    ("Bernoulli.check_targets", "three labels", partial(Bernoulli().check_targets, np.eye(3), 3, 2), ValueError,
        "y: expected shape (3, 2) of integer labels 0..1, received shape (3, 3)"),
    ("Poisson.check_targets", "a fraction", partial(Poisson().check_targets, [1, 0.5], 2, 1), ValueError,
        "y: expected counts, whole numbers of at least 0, received 0.5 at index 1"),
    ("Poisson.check_targets", "a debt", partial(Poisson().check_targets, [[1, 0], [0, -2]], 2, 2), ValueError,
        "y: expected counts, whole numbers of at least 0, received -2 at index (1, 1)"),
    ("Poisson.check_targets", "no number", partial(Poisson().check_targets, [1, np.nan], 2, 1), ValueError,
        "y: expected finite numbers, received nan at index 1"),
    ("Poisson.check_targets", "one column of two", partial(Poisson().check_targets, [1, 2], 2, 2), ValueError,
        "y: expected shape (2, 2), received shape (2,)"),
    ("Poisson.nll", "y: too short", partial(Poisson().nll, X, X[:3]), ValueError,
        "y: expected shape (4, 2), received shape (3, 2)"),
    ("Categorical.gradient", "y: too short", partial(Categorical().gradient, X, LABELS[:3]), ValueError,
        "y: expected shape (4,), received shape (3,)"),
    ("Gaussian.nll", "y: one column", partial(Gaussian().nll, X, X[:, :1]), ValueError,
        "y: expected shape (4, 2), received shape (4, 1)"),
    ("Gaussian.hessian", "y: too short", partial(Gaussian().hessian, X, X[:3]), ValueError,
        "y: expected shape (4, 2), received shape (3, 2)"),
    ("Gaussian", "sigma_noise: a matrix", partial(Gaussian, np.ones((2, 2))), ValueError,
        f"sigma_noise: expected {POSITIVE}, received shape (2, 2)"),
    ("Gaussian", "sigma_noise: none", partial(Gaussian, []), ValueError,
        f"sigma_noise: expected {POSITIVE}, received shape (0,)"),
    ("Gaussian", "sigma_noise: a zero inside", partial(Gaussian, [1.0, 0.0]), ValueError,
        f"sigma_noise: expected {POSITIVE}, received 0.0"),
    ("BayesianModel", "a noise too many", partial(BayesianModel, NETWORK, Gaussian([1.0, 2.0])), ValueError,
        "network: expected 2 outputs, one for each sigma_noise, received 1 outputs"),
    ("BayesianModel", "network: sizes", partial(BayesianModel, (2, 1), Bernoulli()), TypeError,
        "network: expected an MLP, received (2, 1)"),
    ("BayesianModel", "likelihood: a name", partial(BayesianModel, NETWORK, "bernoulli"), TypeError,
        "likelihood: expected a likelihood such as Bernoulli(), received 'bernoulli'"),
    ("BayesianModel", "two logits", partial(BayesianModel, MLP(2, 2), BradleyTerry()), ValueError,
        "network: expected 1 output (one logit) for BradleyTerry, received 2 outputs"),
    ("BayesianModel", "one logit", partial(BayesianModel, MLP(2, 1), Categorical()), ValueError,
        "network: expected 2 outputs or more for Categorical (Bernoulli takes one), received 1"),
    ("BayesianModel", "prior_precision: too long", partial(PRIOR, np.ones(4)), ValueError,
        f"prior_precision: expected {FORMS_OF_PRIOR}, received shape (4,)"),
    ("BayesianModel", "prior_precision: a zero", partial(PRIOR, [1, 0, 1]), ValueError,
        "prior_precision: expected positive numbers, received 0 at index 1"),
    ("BayesianModel", "prior_precision: a zero among the layers",
        partial(BayesianModel, MLP(2, 3, 1), Bernoulli(), [1.0, 0.0]), ValueError,
        "prior_precision: expected positive numbers, received 0 at index 1"),
    ("BayesianModel", "prior_precision: NaN inside", partial(PRIOR, [1, 1, np.nan]), ValueError,
        "prior_precision: expected finite numbers, received nan at index 2"),
    ("BayesianModel", "prior_precision: a matrix too small", partial(PRIOR, np.eye(2)), ValueError,
        f"prior_precision: expected {FORMS_OF_PRIOR}, received shape (2, 2)"),
    ("BayesianModel", "prior_precision: an asymmetric matrix", partial(PRIOR, np.tri(3)), ValueError,
        "prior_precision: expected a symmetric matrix, received one that is not"),
    ("BayesianModel", "prior_precision: an indefinite matrix", partial(PRIOR, -2 * np.eye(3)), ValueError,
        "prior_precision: expected a positive definite matrix, received smallest eigenvalue -2, its positive diagonal "
        "scaled to ones"),
    ("BayesianModel", "prior_precision: an indefinite matrix of positive numbers",
        partial(PRIOR, 6 - 3 * np.eye(3)), ValueError,
        "prior_precision: expected a positive definite matrix, received smallest eigenvalue -1, its positive diagonal "
        "scaled to ones"),
    ("BayesianModel", "prior_precision: ragged", partial(PRIOR, [[1, 1], [1]]), ValueError,
        "prior_precision: expected a number or shape (3,), received rows of different lengths"),
    ("BayesianModel", "prior_mean: NaN", partial(PRIOR_MEAN, np.nan), ValueError,
        "prior_mean: expected a finite number, received nan"),
    ("BayesianModel", "prior_mean: too short", partial(PRIOR_MEAN, [0.0, 0.0]), ValueError,
        "prior_mean: expected shape (3,), received shape (2,)"),
    ("BayesianModel", "prior_mean: ragged", partial(PRIOR_MEAN, [[1, 1], [1]]), ValueError,
        "prior_mean: expected a number or shape (3,), received rows of different lengths"),
    ("BayesianModel", "prior_mean: complex", partial(PRIOR_MEAN, 1j), TypeError,
        "prior_mean: expected real numbers, a number or shape (3,), received dtype complex128"),
    ("fit_map", "Adam's option", partial(fit_map, MODEL, X, LABELS, epochs=3), ValueError,
        "option of method 'lbfgs': expected one of 'max_iterations', 'tolerance', received 'epochs'"),
    ("fit_map", "L-BFGS' option", partial(fit_map, MODEL, X, LABELS, method="adam", max_iterations=3), ValueError,
        f"option of method 'adam': expected {ADAM_KNOWS}, received 'max_iterations'"),
    ("fit_map", "shuffle: a string", partial(fit_map, MODEL, X, LABELS, method="adam", shuffle="no"), TypeError,
        "shuffle: expected True or False, received 'no'"),
    ("fit_map", "callback: a number", partial(fit_map, MODEL, X, LABELS, callback=3), TypeError,
        "callback: expected a function of (step, theta, loss), received 3"),
    ("Laplace.fit", "override: a string", partial(FITTED.fit, X, LABELS, override="no"), TypeError,
        "override: expected True or False, received 'no'"),
    ("Laplace.fit", "override: None", partial(FITTED.fit, X, LABELS, override=None), TypeError,
        "override: expected True or False, received None"),
    ("Laplace.predict", "before fit", partial(UNFITTED.predict, X), ValueError, NOT_FITTED),
    ("Laplace.predict", "plugin before fit", partial(UNFITTED.predict, X, "plugin"), ValueError, NOT_FITTED),
    ("Laplace.glm_predictive_distribution", "before fit", partial(UNFITTED.glm_predictive_distribution, X), ValueError,
        NOT_FITTED),
    ("Laplace.sample", "before fit", partial(UNFITTED.sample, 1), ValueError, NOT_FITTED),
    ("Laplace.posterior", "before fit", lambda: UNFITTED.posterior, ValueError, NOT_FITTED),
    ("toy_data_regression", "noise: negative", partial(toy_data_regression, 10, -0.5), ValueError,
        "noise: expected a number of at least 0, received -0.5"),
    ("toy_data_regression", "noise: NaN", partial(toy_data_regression, 10, float("nan")), ValueError,
        "noise: expected a finite number, received nan"),
    ("toy_data_regression", "noise: a string", partial(toy_data_regression, 10, "a"), TypeError,
        "noise: expected real numbers, a finite number, received dtype <U1"),
]:  # fmt: skip
    row(entrance, wrong, call, error, message)


@pytest.mark.parametrize(("call", "error", "message"), ROWS)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("y", [LABELS.astype(bool), LABELS.astype(float), LABELS.astype(np.uint8), LABELS.tolist()])
def test_labels_in_any_numeric_type_are_the_same_labels(y):
    assert np.array_equal(ggn(MODEL, THETA, X, y), ggn(MODEL, THETA, X, LABELS))
    assert MODEL.check_data(X, y)[1].tolist() == LABELS.tolist()


@pytest.mark.parametrize("like", [np.float32, np.int64, np.ndarray.tolist, np.asfortranarray, lambda a: a[::-1][::-1]])
def test_inputs_in_any_numeric_type_and_layout_are_the_same_inputs(like):
    values = X.astype(like) if isinstance(like, type) else like(X)
    np.testing.assert_array_equal(FITTED.predict(values), FITTED.predict(X))


# --- numbers in other containers

MASKED_X = np.ma.masked_array(X, mask=[[0, 0], [0, 1], [0, 0], [1, 0]])
MASKED_Y = np.ma.masked_array(LABELS, mask=[0, 0, 0, 1])
NO_MASK = r"^{}: expected numbers without a mask \(leave .* out, or fill .*\), received {} masked entries$"


class Rows:
    """Rows that are read when they are asked for."""

    def __init__(self, array):
        self._array, self.dtype, self.shape = array, array.dtype, array.shape

    def __getitem__(self, rows):
        return self._array[rows]


def as_dask(X, **options):
    return import_module("dask.array").from_array(X, chunks=2, **options)


@pytest.mark.parametrize("take", TAKES_X.values(), ids=TAKES_X)
@pytest.mark.parametrize(
    "like",
    [
        lambda X: X,
        lambda X: X.astype(np.float32),
        list,
        lambda X: [list(row) for row in X],
        pytest.param(lambda X: as_dask(X, asarray=False), marks=pytest.mark.needs("dask")),
    ],
    ids=["array", "other type", "list of rows", "list of lists", "dask"],
)
def test_masked_entries_are_refused_and_not_read_as_what_is_under_the_mask(take, like):
    with pytest.raises(ValueError, match=NO_MASK.format("X", "[12]")):
        take(like(MASKED_X))


def test_masked_entries_in_slices_are_refused():
    for take in (FITTED.predict, lambda rows: Laplace(MODEL, THETA).fit(rows, LABELS)):
        with pytest.raises(ValueError, match=NO_MASK.format("X", 2)):
            take(Rows(MASKED_X))


@pytest.mark.parametrize("take", TAKES_DATA.values(), ids=TAKES_DATA)
@pytest.mark.parametrize("name", MODELS)
def test_masked_targets_are_refused(take, name):
    model, y = MODELS[name]
    with pytest.raises(ValueError, match=NO_MASK.format("y", 1)):
        take(model, X, np.ma.masked_array(y, mask=np.arange(y.size).reshape(y.shape) == 2))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("y", lambda: Bernoulli().nll(X[:, :1], MASKED_Y)),
        ("y", lambda: Categorical().gradient(X, MASKED_Y)),
        ("y", lambda: Gaussian().nll(X[:, :1], MASKED_Y)),
        ("y", lambda: MODEL.loss(THETA, X, MASKED_Y)),
        ("y", lambda: negative_log_likelihood([0.1, 0.9, 0.8, 0.1], MASKED_Y)),
        ("p", lambda: negative_log_likelihood(np.ma.masked_array([0.1, 0.9, 0.8, 0.1], [0, 1, 0, 0]), LABELS)),
        ("theta", lambda: Laplace(MODEL, np.ma.masked_array(THETA, [0, 0, 1]))),
        ("prior_precision", lambda: BayesianModel(NETWORK, Bernoulli(), np.ma.masked_array(THETA, [0, 0, 1]))),
        ("sigma_noise", lambda: Gaussian(np.ma.masked_array([1.0, 2.0], [0, 1]))),
    ],
)
def test_masked_entries_of_other_arguments_are_refused(name, call):
    with pytest.raises(ValueError, match=NO_MASK.format(name, 1)):
        call()


def test_the_low_level_refuses_masked_inputs():
    for call in (NETWORK.forward, NETWORK.jacobian):
        with pytest.raises(ValueError, match=NO_MASK.format("X", 2)):
            call(THETA, MASKED_X)


@pytest.mark.parametrize("kind", [LaplaceClassifier, LaplaceRegressor])
def test_the_estimators_refuse_masked_entries(kind):
    noise = {"sigma_noise": 0.5} if kind is LaplaceRegressor else {}
    fitted = kind((), tune_prior=None, random_state=0, **noise).fit(X, LABELS)
    for call in (fitted.fit, fitted.partial_fit, fitted.tune_on_held_out, fitted.score):
        with pytest.raises(ValueError, match=NO_MASK.format("X", 2)):
            call(MASKED_X, LABELS)
    for call in (fitted.fit, fitted.partial_fit, fitted.tune_on_held_out):
        with pytest.raises(ValueError, match=NO_MASK.format("y", 1)):
            call(X, MASKED_Y)
    with pytest.raises(ValueError, match=NO_MASK.format("X", 2)):
        fitted.predict(MASKED_X)


def test_an_array_that_masks_nothing_is_taken():
    taken = Laplace(MODEL, THETA).fit(np.ma.masked_array(X), np.ma.masked_array(LABELS, mask=False))
    np.testing.assert_array_equal(taken.predict(np.ma.masked_array(X)), FITTED.predict(X))


@pytest.fixture
def pd():
    return import_module("pandas")


@pytest.mark.needs("pandas")
@pytest.mark.parametrize("dtypes", ["Float64", "Int64", "mixed"])
def test_nullable_numbers_of_pandas_are_numbers(dtypes, pd):
    frame, labels = pd.DataFrame(X, columns=["a", "b"]), pd.Series(LABELS, dtype="Int64")
    frame = frame.astype({"a": "Float64", "b": "Int64"} if dtypes == "mixed" else dtypes)
    taken = Laplace(MODEL, THETA).fit(frame, labels)
    np.testing.assert_array_equal(taken.predict(frame), FITTED.predict(X))
    # A frame lies in memory by columns, which rounds sums in another order.
    np.testing.assert_allclose(fit_map(MODEL, frame, labels, rng=0), fit_map(MODEL, X, LABELS, rng=0), atol=1e-13)
    truth = pd.array(LABELS == 1, dtype="boolean")
    assert np.array_equal(ggn(MODEL, THETA, frame, truth), ggn(MODEL, THETA, X, LABELS))


@pytest.mark.needs("pandas")
def test_what_convert_dtypes_makes_is_numbers(pd):
    frame = pd.DataFrame({"a": X[:, 0] + 0.5, "b": LABELS == 1}).convert_dtypes()
    assert np.asarray(frame).dtype == object  # as it comes to NumPy
    values = np.stack([X[:, 0] + 0.5, LABELS], axis=1)
    np.testing.assert_array_equal(FITTED.predict(frame), FITTED.predict(values))


@pytest.mark.needs("pandas")
@pytest.mark.parametrize("take", TAKES_X.values(), ids=TAKES_X)
@pytest.mark.parametrize("kind", ["Float64", "Int64", "boolean"])
def test_numbers_that_are_missing_are_not_finite(take, kind, pd):
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.array([1, 0, None, 1], dtype=kind)})
    with pytest.raises(ValueError, match=r"^X: expected finite numbers, received nan at index \(2, 1\)$"):
        take(frame)


@pytest.mark.needs("pandas")
@pytest.mark.parametrize("column", ["strings", "categories", "objects"])
def test_columns_that_are_no_numbers_stay_refused(column, pd):
    columns = {"strings": list("1234"), "categories": pd.Categorical([1, 2, 1, 2]), "objects": [object(), 1, 2, 3]}
    frame = pd.DataFrame({"a": pd.array([1, 0, None, 1], dtype="Int64"), "b": columns[column]})
    with pytest.raises(TypeError, match=r"^X: expected real numbers, .*, received dtype object: if they are"):
        FITTED.predict(frame)


@pytest.mark.parametrize("take", TAKES_X.values(), ids=TAKES_X)
@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_sparse_inputs_are_refused_with_the_cure(take, kind):
    sparse = getattr(scipy.sparse, kind)(X)
    message = r"^X: expected real numbers, .*, received a sparse {}: make it dense by \.toarray\(\)$"
    with pytest.raises(TypeError, match=message.format(kind)):
        take(sparse)
    take(sparse.toarray())


@pytest.mark.needs("dask")
def test_rows_of_unknown_length_are_refused_with_the_cure():
    rows = as_dask(X)
    rows = rows[rows.sum(axis=1) >= 0]
    for call in (FITTED.predict, lambda X: Laplace(MODEL, THETA).fit(X, LABELS)):
        with pytest.raises(ValueError, match=r"^X: expected .*, received an array of unknown length, shape \(nan, 2\): "
                                             r"call its \.compute_chunk_sizes\(\) first$"):  # fmt: skip
            call(rows)
    np.testing.assert_array_equal(FITTED.predict(rows.compute_chunk_sizes()), FITTED.predict(X))


# --- labels at the low level

LOW_LEVEL = {
    "Bernoulli": (Bernoulli(), X[:, :1], 2),
    "Categorical": (Categorical(), np.hstack([X, X[:, :1]]), 3),
}


@pytest.mark.parametrize("method", ["nll", "gradient", "hessian"])
@pytest.mark.parametrize("name", LOW_LEVEL)
@pytest.mark.parametrize("label", [-1, 7, 0.5, np.nan, np.inf])
def test_a_likelihood_takes_no_label_outside_its_classes(name, method, label):
    likelihood, f, C = LOW_LEVEL[name]
    message = rf"^y: expected shape \(4,\) of integer labels 0\.\.{C - 1}, received {label} at index 2(: np.*)?$"
    with pytest.raises(ValueError, match=message):
        getattr(likelihood, method)(f, [0, 1, label, 1])
    with pytest.raises(ValueError, match=message):
        likelihood.log_score(likelihood.mean(f), [0, 1, label, 1])


def test_the_loss_takes_no_label_outside_its_classes():
    for call in (MODEL.loss, MODEL.gradient):
        with pytest.raises(ValueError, match=r"^y: expected shape \(4,\) of integer labels 0\.\.1, received 2 at"):
            call(THETA, X, [0, 1, 2, 1])


def test_the_log_score_of_real_targets_is_one_number_a_sample():
    # -1/2 log(2 pi) - y^2 / 2 under N(0, 1), for targets as a vector and as a column.
    prediction, y = (np.zeros((3, 1)), np.ones((3, 1))), np.array([0.0, 1.0, 2.0])
    expected = -0.5 * np.log(2 * np.pi) - 0.5 * y**2
    for targets in (y, y[:, None]):
        np.testing.assert_allclose(Gaussian().log_score(prediction, targets), expected, rtol=1e-15)


# --- what a check has returned is what is kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Adam, {"epochs": np.int64(3), "batch_size": np.uint8(200), "learning_rate": np.float32(0.5),
                "shuffle": np.bool_(True)}),
        (LBFGS, {"max_iterations": np.int8(3)}),
        (Options, {"rank": np.int64(3), "temperature": np.float32(0.5), "hessian_structure": np.str_("lowrank")}),
        (Settings, {"n_hidden": np.int8(3), "prior_precision": np.float32(0.5), "curvature": np.str_("ggn"),
                    "link_approx": np.str_("mc"), "hessian_structure": np.str_("diag")}),
    ],
)  # fmt: skip
def test_choices_in_numpys_types_are_kept_in_pythons(kind, given):
    kept = kind(**given)
    for name, value in given.items():
        assert type(getattr(kept, name)) is type(value.item())
        assert getattr(kept, name) == value


def test_a_rate_of_dropout_in_single_precision_scales_in_double():
    # 1 / (1 - rate) of a rate that float32 holds only roughly, computed by Python's floats.
    masks = dropout_masks(MLP(2, 3, 1), np.float32(0.1), 20, rng=0)
    assert masks.max() == 1 / (1 - float(np.float32(0.1)))


# --- what an error advises works


def test_labels_of_any_kind_are_numbered_as_the_error_says():
    model = BayesianModel(MLP(2, 2), Categorical())
    expected = fit_map(model, X, LABELS, rng=0)
    for y in (np.array(["no", "yes"])[LABELS], 2 * LABELS - 1, LABELS + 1, np.array([5.0, 7.0])[LABELS]):
        with pytest.raises((TypeError, ValueError), match=r"^y: .*: np\.unique\(y, return_inverse=True\)\[1\] numbers"):
            fit_map(model, X, y)
        np.testing.assert_array_equal(fit_map(model, X, np.unique(y, return_inverse=True)[1], rng=0), expected)
    for y, cure in [(LABELS[:, None], lambda y: y.ravel()), (np.eye(2)[LABELS], lambda y: y.argmax(axis=1))]:
        with pytest.raises(ValueError, match=r"^y: expected shape \(4,\) .*: (y\.ravel|of one-hot rows take y)"):
            fit_map(model, X, y)
        np.testing.assert_array_equal(fit_map(model, X, cure(y), rng=0), expected)


def test_labels_that_numbering_does_not_mend_are_refused_without_it():
    for y in ([0, 1, 2, 1], [0.5, 1, 0, 1], [0, np.nan, 1, 1], [[0, 0], [1, 1], [1, 0], [0, 1]]):
        with pytest.raises(ValueError, match=r"^y: expected .* received (?!.*(unique|argmax))"):
            fit_map(MODEL, X, y)


def test_inputs_of_one_axis_become_a_column_or_one_sample_as_the_error_says():
    line = BayesianModel(MLP(1, 1), Gaussian())
    with pytest.raises(ValueError, match=r"received shape \(4,\): X\[:, None\] makes a column of it$"):
        fit_map(line, X[:, 0], X[:, 1])
    assert fit_map(line, X[:, 0][:, None], X[:, 1]).shape == (2,)
    with pytest.raises(ValueError, match=r"received shape \(2,\): X\[None\] makes one sample of it$"):
        FITTED.predict(X[0])
    assert FITTED.predict(X[0][None]).shape == (1,)


def test_numbers_of_another_type_and_lists_of_sparse_rows_become_numbers_as_the_error_says():
    for inputs in (X.astype(object), X.astype(str)):
        with pytest.raises(TypeError, match=r"received dtype .*: if they are numbers, X\.astype\(float\)"):
            FITTED.predict(inputs)
        np.testing.assert_array_equal(FITTED.predict(inputs.astype(float)), FITTED.predict(X))
    rows = [scipy.sparse.csr_matrix(row) for row in X]
    with pytest.raises(TypeError, match=r"received dtype object: sparse matrices; make it dense by \.toarray\(\)$"):
        FITTED.predict(rows)
    labels = scipy.sparse.csr_matrix(LABELS[:, None])
    with pytest.raises(TypeError, match=r"^y: .* received a sparse csr_matrix: make it dense by \.toarray\(\)$"):
        fit_map(MODEL, X, labels)
