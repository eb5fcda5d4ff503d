"""The network, parameters, prior and noise of this library that correspond to a trained scikit-learn MLP."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.special import xlogy
from sklearn.utils import gen_batches

from ..model.bayesian_model import BayesianModel
from ..model.likelihood import columns
from ..model.weights import WeightedData
from ..network.interchange import from_layers
from ..network.mlp import MLP
from ..training.convergence import callers_level
from ..validation import Array, option, refusal

LOSSES = {"gaussian": "squared_error", "poisson": "poisson"}  # of an MLPRegressor, by the likelihood here
FLATTEST = 1e-8  # in place of a precision of zero, which no Gaussian has; the tuning considers no smaller ones

OTHER = 2.0  # times the loss of training: the data is not what the MLP was trained on


def activation_here(name: Any) -> Any:
    """Return the name here of an activation of scikit-learn, where "sigmoid" is called "logistic"."""
    return "sigmoid" if isinstance(name, str) and name == "logistic" else name


def carried(mlp: Any) -> tuple[MLP, Array]:
    """Return the network and theta (P,) of a trained MLP, whose W are (in, out)."""
    layers = [(W.T, b) for W, b in zip(mlp.coefs_, mlp.intercepts_, strict=True)]
    return from_layers(layers, activation_here(mlp.activation))


def matching_precision(mlp: Any, n_samples: int) -> float:
    """Return the prior precision that corresponds to the penalty `alpha` of a scikit-learn MLP.

    scikit-learn adds alpha |W|^2 / (2 B) to the mean loss of a batch of B samples. For the loss summed over all N
    training samples, the precision of the weights W is therefore N mean(1 / B) alpha, the mean taken over the batches
    of an epoch. With `lbfgs` there is one batch, B = N, and it is alpha. With `sgd` and `adam`, batches have 200
    samples by default, and the last one has the rest. With `early_stopping`, N leaves out the samples that are held
    back. Sample weights change nothing of it but that with `sgd` and `adam`, where the batches' total weights differ,
    it is an average. If alpha is 0, the result is FLATTEST.

    For several regression outputs, scikit-learn's `lbfgs` receives the loss as a mean over the outputs, but its
    gradient as a sum, and stops where neither is at its optimum. Here alpha is taken to belong to the gradient.

    scikit-learn does not penalise biases. But there is no evidence under a flat prior, so here biases have the
    precision of the weights. At scikit-learn's optimum the gradient of our loss in a bias b is then precision * b.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> matching_precision(MLPClassifier(alpha=1e-4, solver="adam"), 1000)  # five batches of 200
    0.0005
    """
    N, sizes = n_samples, [n_samples]
    if mlp.solver != "lbfgs":
        if mlp.early_stopping:
            N -= int(np.ceil(mlp.validation_fraction * N))
        B = min(200 if mlp.batch_size == "auto" else mlp.batch_size, N)
        sizes = [batch.stop - batch.start for batch in gen_batches(N, B)]
    return max(float(mlp.alpha * N * np.mean(1 / np.array(sizes))), FLATTEST)


def matching_likelihood(mlp: Any, chosen: str | None) -> str:
    """Return the name of the likelihood that corresponds to the loss of a scikit-learn MLPRegressor.

    Raises a ValueError if another was chosen.
    """
    name = next(each for each in LOSSES if LOSSES[each] == mlp.loss) if chosen is None else chosen
    if LOSSES[option("likelihood", name, LOSSES)] != mlp.loss:
        expected = f"one trained by loss={LOSSES[name]!r}, for likelihood={name!r}"
        raise ValueError(refusal("mlp", expected, f"loss={mlp.loss!r}"))
    return name


def residual_noise(mlp: Any, X: Any, y: Array, sample_weight: Array | None = None) -> float:
    """Return the root mean square of an MLP's residuals over samples and outputs, or raise a ValueError if it is 0."""
    shape = len(y), mlp.n_outputs_
    squares = (columns(y, shape) - columns(mlp.predict(X), shape)) ** 2  # (N, C)
    sigma = float(np.sqrt(np.average(squares.mean(axis=1), weights=sample_weight)))
    if sigma == 0:
        raise ValueError(refusal("sigma_noise", "a value, as the MLP leaves no residuals", "none"))
    return sigma


def training_loss(mlp: Any, model: BayesianModel, theta: Array, data: WeightedData) -> float:
    """Return the loss that scikit-learn's MLP has on data: its mean negative log-likelihood and its penalty.

    Squared error is halved and a mean over the outputs. The Poisson loss is a sum over them, with terms of the targets
    alone that make it 0 where every count is its rate.
    """
    X, y, weight = data
    f = model.network.forward(theta, X)
    if not hasattr(mlp, "classes_"):
        y = columns(y, f.shape)
        poisson = mlp.loss == "poisson"
        each = (np.exp(f) - y - y * f + xlogy(y, y)).sum(axis=1) if poisson else ((f - y) ** 2 / 2).mean(axis=1)
    else:
        each = model.likelihood.nll(f, y)
    squares = sum(float(np.sum(W**2)) for W in mlp.coefs_)
    return float(np.average(each, weights=weight)) + matching_precision(mlp, len(X)) / len(X) * squares / 2


def warn_of_other_data(mlp: Any, model: BayesianModel, theta: Array, data: WeightedData) -> None:
    """Issue a UserWarning if an MLP's loss on data is more than twice what it was at the end of its training.

    On its own data it was .99 to 1.6 times as large on five data sets and solvers, on data without the scaling that it
    was trained with 4 to 400,000 times, but for MLPs that had learnt next to nothing.
    """
    loss = training_loss(mlp, model, theta, data)
    if not loss <= OTHER * mlp.loss_:
        message = (
            f"the MLP's loss on X, y is {loss:.3g}, and was {mlp.loss_:.3g} in its training: give the data that it was "
            "trained on, scaled as there; if a Pipeline did that, give the Pipeline in the MLP's place"
        )
        warnings.warn(message, UserWarning, stacklevel=callers_level())
