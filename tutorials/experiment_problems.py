"""The data sets of the experiment: a model, data to learn from, test data like it, and inputs unlike it.

Real data is split by the seed, two thirds to learn from. Inputs, and the targets of the regression, are standardised
with the statistics of those. Networks have one hidden layer of 16 tanh units and a prior of precision 1. The toy set is
as in the README: 200 points to learn from, the post's network of 32 sigmoid units, a prior of precision 0.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, toy_data_non_linear
from minilaplace.model import Likelihood

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A model, data to learn from, test data like it, and inputs unlike it."""

    model: BayesianModel
    X: Array
    y: Array
    X_test: Array
    y_test: Array
    outside: dict[str, Array]
    noisy: Array | None = None  # the test inputs, corrupted, their labels still true


def toy(seed: int) -> Problem:
    """Return the post's four squares."""
    rng = np.random.default_rng(seed)
    (X, y), (X_test, y_test) = toy_data_non_linear(200, rng), toy_data_non_linear(1000, rng)
    network = MLP(2, 32, 1, activation="sigmoid")
    return beside_far_noise(network, Bernoulli(), (X, X_test), y, y_test, seed, prior_precision=0.1)


def tumours(seed: int) -> Problem:
    """Return scikit-learn's breast cancer data."""
    X, X_test, y, y_test = split(*load_breast_cancer(return_X_y=True), seed)
    return beside_far_noise(MLP(30, 16, 1), Bernoulli(), standardised(X, X_test), y, y_test, seed)


def wine(seed: int) -> Problem:
    """Return three kinds of wine."""
    X, X_test, y, y_test = split(*load_wine(return_X_y=True), seed)
    return beside_far_noise(MLP(13, 16, 3), Categorical(), standardised(X, X_test), y, y_test, seed)


def diabetes(seed: int) -> Problem:
    """Return the course of diabetes, a regression; its noise is what a linear fit leaves over."""
    X, X_test, y, y_test = split(*load_diabetes(return_X_y=True), seed)
    (X, X_test), (y, y_test) = standardised(X, X_test), standardised(y, y_test)
    residual = y - LinearRegression().fit(X, y).predict(X)
    sigma_noise = float(np.sqrt(residual @ residual / (len(X) - X.shape[1] - 1)))
    return beside_far_noise(MLP(10, 16, 1), Gaussian(sigma_noise), (X, X_test), y, y_test, seed)


def digits(seed: int) -> Problem:
    """Return the digits 0 to 7; outside are 8 and 9, corrupted and rotated images, and noise."""
    X, y = load_digits(return_X_y=True)
    known, left_out = y < 8, X[y >= 8]
    X, X_test, y, y_test = split(X[known], y[known], seed)
    X, X_test, left_out = standardised(X, X_test, left_out, axis=None)
    problem = beside_far_noise(MLP(64, 16, 8), Categorical(), (X, X_test), y, y_test, seed)
    noisy = X_test + np.random.default_rng(seed).normal(size=X_test.shape)
    rotated = np.rot90(X_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
    outside = {"left_out": left_out, "noisy": noisy, "rotated": rotated} | problem.outside
    return replace(problem, outside=outside, noisy=noisy)


def split(X: Array, y: Array, seed: int) -> list[Array]:
    """Return X and X_test, y and y_test."""
    return train_test_split(X, y, test_size=1 / 3, random_state=seed)


def standardised(train: Array, *others: Array, axis: int | None = 0) -> tuple[Array, ...]:
    """Return all with the mean and deviation of the training part removed, of each column or (None) of all pixels."""
    mean, deviation = train.mean(axis), train.std(axis)
    return tuple((part - mean) / deviation for part in (train, *others))


def beside_far_noise(
    network: MLP,
    likelihood: Likelihood,
    inputs: tuple[Array, ...],
    y: Array,
    y_test: Array,
    seed: int,
    prior_precision: float = 1.0,
) -> Problem:
    """Return the problem, with Gaussian noise outside, ten times as wide as the data."""
    X, X_test = inputs
    far = np.random.default_rng(seed).normal(scale=10 * X.std(), size=X_test.shape)
    return Problem(BayesianModel(network, likelihood, prior_precision), X, y, X_test, y_test, {"far": far})


PROBLEMS = {"toy": toy, "tumours": tumours, "wine": wine, "diabetes": diabetes, "digits": digits}
