"""What several test files share: random problems over the whole range of models, and the oracles to compare with.

`CASES` covers every activation with every likelihood, 0 to 3 hidden layers and 1 to 4 outputs, and
`random_problem(*case)` draws parameters and data for one of them. The oracles know no formula of the library:
`assert_is_derivative` takes differences by `scipy.differentiate`, which estimates its own error, and `log_density`
asks `scipy.stats`.
"""

import subprocess
import sys
from itertools import cycle, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from scipy.differentiate import jacobian
from scipy.special import expit, softmax

import minilaplace
from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Poisson
from minilaplace.network import ACTIVATIONS

LIKELIHOODS = {
    "bernoulli": Bernoulli(),
    "labels": Bernoulli(),  # on several outputs
    "categorical": Categorical(),
    "gaussian": Gaussian(0.6),  # 1 hides its powers
    "poisson": Poisson(),
}
EPS = np.finfo(float).eps
STEP = (
    2.0**-10
)  # of the differences: their truncation is below roundoff, and no relu of the problems switches within it
MARGIN = 0.05  # the distance of every relu from its kink


class Problem(NamedTuple):
    """A model with parameters and data to try it on: `ggn(*problem)`, `model.loss(*problem[1:])`."""

    model: BayesianModel
    theta: Any
    X: Any
    y: Any


def random_problem(
    likelihood="bernoulli", hidden=(4, 3), activation="tanh", n_outputs=1, *, n_samples=5, n_inputs=2, rng=0, **prior
) -> Problem:
    """Draw parameters and inputs at random, and targets from the model; `prior` goes to `BayesianModel`."""
    rng = np.random.default_rng(rng)
    network = MLP(n_inputs, *hidden, n_outputs, activation=activation)
    theta = rng.normal(scale=0.8, size=network.n_params)
    X = rng.normal(size=(100 * n_samples, n_inputs))
    if activation == "relu" and hidden:
        distance = np.min([np.abs(z).min(axis=1) for z in network.trace(theta, X).hidden], axis=0)
        X = X[distance > MARGIN]
    X = X[:n_samples]
    model = BayesianModel(network, LIKELIHOODS[likelihood], **prior)
    return Problem(model, theta, X, random_targets(model.likelihood, network.forward(theta, X), rng))


class Known:
    """Outputs f ~ N(m, V) with the mean (N, C) and covariance (N, C, C) one likes, as a link asks for them."""

    def __init__(self, mean, V):
        self.mean, self.V = mean, V

    def covariance(self, R=None):
        return self.V if R is None else R @ self.V @ R.T

    def variance(self):
        return np.diagonal(self.V, axis1=1, axis2=2)


class OnlySlices:
    """Samples that are never read in another way, such as one by one into an array of them all."""

    def __init__(self, source):
        self.source, self.dtype, self.shape = source, source.dtype, source.shape

    def __getitem__(self, which):
        assert isinstance(which, slice)
        return self.source[which]


def from_conditional_mean(precision, deviation, at):
    """Return d_s - E[d_s | d_o] for d ~ N(0, precision^-1), s these places and o the others, by the covariance."""
    precision, others = np.asarray(precision), np.setdiff1d(np.arange(len(deviation)), at)
    if precision.ndim < 2 or len(others) == 0:
        return deviation[at]
    covariance = np.linalg.inv(precision)
    slopes = covariance[np.ix_(at, others)] @ np.linalg.inv(covariance[np.ix_(others, others)])
    return deviation[at] - slopes @ deviation[others]


def random_targets(likelihood, f, rng):
    """Draw y_n from p(y | f_n)."""
    if isinstance(likelihood, Gaussian):
        return rng.normal(f, likelihood.sigma_noise)
    if isinstance(likelihood, Poisson):
        return rng.poisson(np.exp(f)).astype(float)
    if isinstance(likelihood, Bernoulli):
        return rng.binomial(1, expit(f[:, 0] if f.shape[1] == 1 else f))
    return rng.multinomial(1, softmax(f, axis=1)).argmax(axis=1)


def log_density(likelihood, f, y):
    """Return log p(y_n | f_n) by `scipy.stats`, (N,)."""
    if isinstance(likelihood, Gaussian):
        covariance = likelihood.sigma_noise**2 * np.eye(f.shape[1])
        return np.array([stats.multivariate_normal.logpdf(y_n, f_n, covariance) for f_n, y_n in zip(f, y, strict=True)])
    if isinstance(likelihood, Poisson):
        return stats.poisson.logpmf(y, np.exp(f)).sum(axis=1)
    if isinstance(likelihood, Bernoulli):
        return stats.bernoulli.logpmf(y.reshape(f.shape), expit(f)).sum(axis=1)
    return stats.multinomial.logpmf(np.eye(f.shape[1])[y], 1, softmax(f, axis=1))


def assert_close(received, expected, rtol=1e-12):
    """Equal in shape, and in value to `rtol` of the largest entry (of 1, if all are smaller).

    1e-12 is thousands of roundings, more than any sum here has terms. Entries are sums that may cancel, which leaves
    small ones no relative accuracy of their own.
    """
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=rtol * np.abs(expected).max(initial=1.0))


def assert_is_derivative(received, function, theta):
    """Check d function / d theta, of shape S + (P,), for a function from (P,) to S.

    Allowed are ten times the error that SciPy estimates, which is an estimate and not a bound, and the roundoff of
    differences: the absolute weights of one of 8th order add up to 14 / step, the step is halved for the estimate, and
    the values that it weighs are accurate to a few eps, here four.
    """
    value = np.asarray(function(theta))
    assert np.shape(received) == (*value.shape, len(theta))

    def vectorised(points):  # (P, ...) -> (size of S, ...)
        return np.apply_along_axis(lambda point: np.ravel(function(point)), 0, points)

    # Below 1e-9 is roundoff only: without the absolute tolerance, zeros would be chased to ever smaller steps.
    reference = jacobian(vectorised, theta, initial_step=STEP, tolerances={"atol": 1e-9})
    roundoff = 4 * EPS * np.abs(value).max(initial=1.0) * 28 / STEP
    difference = np.abs(np.reshape(received, reference.df.shape) - reference.df)
    np.testing.assert_array_less(difference, 10 * reference.error + roundoff)


def _covering_set():
    """Pair every activation with every likelihood, and each likelihood with no hidden layer (and so no activation)."""
    depths = cycle([(4,), (3, 2), (2, 3, 2), (3,), (2, 4, 2), (4, 3), (3, 3)])
    outputs = {
        "bernoulli": cycle([1]),
        "labels": cycle([2, 3]),
        "categorical": cycle([3, 2, 4]),
        "gaussian": cycle([2, 1, 4, 3]),
        "poisson": cycle([1, 3, 2]),
    }
    pairs = [(likelihood, next(depths), activation) for activation, likelihood in product(ACTIVATIONS, LIKELIHOODS)]
    single_layers = [(likelihood, (), "identity") for likelihood in LIKELIHOODS]
    return [(*case, next(outputs[case[0]])) for case in pairs + single_layers]


CASES = _covering_set()  # (likelihood, hidden, activation, n_outputs)


def printed(code):
    """Return what Python code prints in a process of its own, which has imported nothing yet."""
    root = Path(minilaplace.__file__).parents[1]
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
