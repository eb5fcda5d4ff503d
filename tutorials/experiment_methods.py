"""The methods of the experiment: Laplace in three structures under four priors, its rivals, and two baselines.

A method is a function (workshop) -> predictor. Its second name is the prior:

- `fixed` is the prior of the problem's model, which the rivals have, too.
- `evidence` maximises the evidence at theta, and `online` trains theta under the prior that the evidence prefers there.
- `held-out` learns from four fifths of the data and maximises the likelihood of the last fifth. A temperature and the
  rate of dropout are chosen by the same labels, and `MAP 4/5` is the network that has not learnt from them.
- `budget` costs at most .01 nats a sample against the MAP estimate, on the data that both have learnt from.

The networks of scikit-learn have 32 units and its defaults but for the solver, and `from_fitted` its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from experiment_problems import Array
from experiment_workshop import N_CHAINS, STRUCTURES, Draws, Mixture, OneGaussian, Sure, Workshop
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier

from minilaplace import Gaussian, Laplace, Prediction, marglik_training
from minilaplace.calibration import variance_scale
from minilaplace.model_average import hmc, mc_dropout
from minilaplace.sklearn import LaplaceClassifier

RATES = (0.05, 0.1, 0.2, 0.4)  # of dropout
DIAL = tuple(float(f"{delta:.3g}") for delta in np.logspace(-2, 4, 9))  # prior precisions
SOLVERS = ("adam", "lbfgs", "sgd")
Method = Callable[[Workshop], Any]

# --- Laplace


def laplace(shop: Workshop, structure: str, prior: str) -> OneGaussian:
    """Put a Gaussian around the MAP estimate."""
    la = shop.laplace(structure, "fit" if prior == "held-out" else "all")
    return OneGaussian(tuned(shop, la, prior))


def tuned(shop: Workshop, la: Laplace, prior: str) -> Laplace:
    """Return a Laplace under the prior that it prefers, or leaves as it is."""
    if prior == "evidence":
        return la.optimize_prior_precision()
    if prior in ("held-out", "budget"):
        X, y = shop.held if prior == "held-out" else shop.all
        return la.optimize_prior_precision(prior.replace("-", "_"), X=X, y=y)
    return la


def online(shop: Workshop) -> tuple[Any, Array]:
    """Return model and theta under the prior that the evidence prefers there."""
    return shop.shared("online", lambda: marglik_training(shop.model, *shop.all, rng=shop.seed))


def mixture(shop: Workshop, prior: str) -> Mixture:
    """Put a Gaussian around each member of the ensemble, under a prior of its own where it is tuned."""
    members = shop.members()
    five = shop.shared("five", lambda: [shop.gaussian(shop.model, theta) for theta in members])
    return Mixture([tuned(shop, la.under(), prior) for la in five])


# --- rivals


def map_estimate(shop: Workshop, part: str = "all") -> Draws:
    """Predict as if the MAP estimate were the truth."""
    return Draws(shop.model, shop.theta(part)[None])


def temperature(shop: Workshop) -> Sure:
    """Divide the logits by the temperature T that makes the held-out labels most probable; scale a regression's noise.

    A few labels that are all right would ask for T = 0: log T has a standard normal prior, which many outvote.
    """
    theta, (X, y), likelihood = shop.theta("fit"), shop.held, shop.model.likelihood
    f = shop.model.network.forward(theta, X)
    if isinstance(likelihood, Gaussian):
        variance = likelihood.noise_variance(f)
        scale = variance_scale(f, variance, y)
        return Sure(lambda X: scaled(map_estimate(shop, "fit").predict(X), scale))

    def loss(log_t: float) -> float:
        return float(likelihood.nll(f / np.exp(log_t), y).sum()) + 0.5 * log_t**2

    t = np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x)
    return Sure(lambda X: likelihood.mean(shop.model.network.forward(theta, X) / t))


def scaled(prediction: Prediction, scale: float) -> Prediction:
    """Return a prediction with this multiple of its variance."""
    return Prediction(prediction.mean, scale * prediction.variance)


def ensemble(shop: Workshop) -> Draws:
    """Train five networks."""
    return Draws(shop.model, shop.members())


def dropout(shop: Workshop) -> Draws:
    """Train a network that loses hidden units at random, and goes on losing them, at the rate that is best for held."""
    X, y = shop.held
    tried = [Draws(shop.model, mc_dropout(shop.model, *shop.fit, 100, rate=rate, rng=shop.seed)) for rate in RATES]
    return max(tried, key=lambda draws: shop.model.likelihood.log_score(draws.predict(X), y).mean())


def walk(shop: Workshop, n_samples: int) -> Draws:
    """Draw from the posterior itself, by four chains of HMC."""
    warm = {"n_chains": N_CHAINS, "n_warmup": n_samples // 2}
    return Draws(shop.model, hmc(shop.model, *shop.all, n_samples, rng=shop.seed, **warm).thetas)


# --- baselines, and scikit-learn's networks


def constant(shop: Workshop) -> Sure:
    """Predict the frequencies of the classes, or mean and variance of the targets."""
    _, y = shop.all
    if isinstance(shop.model.likelihood, Gaussian):
        return Sure(lambda X: Prediction(np.full((len(X), 1), y.mean()), np.full((len(X), 1), y.var())))
    share = np.bincount(y) / len(y)
    return Sure(lambda X: np.tile(share if len(share) > 2 else share[1], (len(X), 1) if len(share) > 2 else len(X)))


def linear(shop: Workshop) -> Sure:
    """Predict by a logistic regression, or a ridge regression and what it leaves over."""
    X, y = shop.all
    if isinstance(shop.model.likelihood, Gaussian):
        ridge = Ridge(1.0).fit(X, y[:, 0])
        variance = np.square(y[:, 0] - ridge.predict(X)).sum() / (len(X) - X.shape[1] - 1)
        return Sure(lambda X: Prediction(ridge.predict(X)[:, None], np.full((len(X), 1), variance)))
    return Sure(one_column(LogisticRegression(max_iter=10_000).fit(X, y).predict_proba))


def scikit(shop: Workshop, solver: str) -> MLPClassifier:
    """Return a trained network of scikit-learn's."""
    options = {"solver": solver, "max_iter": 1000, "random_state": shop.seed}
    return shop.shared(f"MLP {solver}", lambda: MLPClassifier((32,), **options).fit(*shop.all))


def plain(shop: Workshop, solver: str) -> Sure:
    """Predict as scikit-learn does."""
    return Sure(one_column(scikit(shop, solver).predict_proba))


def from_fitted(shop: Workshop, solver: str) -> OneGaussian:
    """Make it Bayesian, by default."""
    return OneGaussian(LaplaceClassifier.from_fitted(scikit(shop, solver), *shop.all).laplace_)


def one_column(predict: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return P(y = 1) alone where there are two classes."""
    return lambda X: p[:, 1] if (p := predict(X)).shape[1] == 2 else p


BASELINES: dict[tuple[str, str], Method] = {("constant", "none"): constant, ("linear", "none"): linear}
RIVALS: dict[tuple[str, str], Method] = {
    ("MAP", "fixed"): map_estimate,
    ("MAP", "online"): lambda shop: Draws(online(shop)[0], online(shop)[1][None]),
    ("MAP 4/5", "fixed"): partial(map_estimate, part="fit"),
    ("temperature", "fixed"): temperature,
    ("ensemble", "fixed"): ensemble,
    ("dropout", "fixed"): dropout,
}
GAUSSIANS: dict[tuple[str, str], Method] = {
    **{
        (structure, prior): partial(laplace, structure=structure, prior=prior)
        for structure in STRUCTURES
        for prior in ("fixed", "evidence", "held-out", "budget")
    },
    ("full", "online"): lambda shop: OneGaussian(shop.gaussian(*online(shop))),
    **{("mixture", prior): partial(mixture, prior=prior) for prior in ("fixed", "evidence", "budget")},
}
METHODS = BASELINES | RIVALS | GAUSSIANS  # HMC is one more, where it is run
OF_CLASSES: dict[tuple[str, str], Method] = {
    (f"{name} {solver}", prior): partial(method, solver=solver)
    for solver in SOLVERS
    for name, prior, method in [("MLP", "alpha", plain), ("from_fitted", "budget", from_fitted)]
}
