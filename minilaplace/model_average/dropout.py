"""Dropout in training and at test time, as samples of parameter vectors.

Dropout silences each hidden unit with probability `rate`, and multiplies what the others send on by 1 / (1 - rate), so
that the next layer receives the same on average. What a unit sends on is multiplied by its column of the next layer's
W. A pattern of silent units is therefore a mask (P,) of multipliers, 0 for the columns of silent units, and
mask * theta is a parameter vector like any other:

    train      argmin over theta of E[ sum_n nll_n(mask * theta) ] + 1/2 (theta - mu0)^T Lambda0 (theta - mu0)
    predict    the average over theta_s = mask_s * theta

Source: the post; Gal and Ghahramani (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..network.mlp import MLP
from ..training.adam import Adam
from ..training.convergence import TrainingCallback
from ..training.map_estimate import descended
from ..validation import Array, Seed, check_callback, instance, real_number, refusal, sampler, shown, whole_number


def mc_dropout(
    model: BayesianModel, X: Any, y: Any, n_samples: int = 100, *, rate: float = 0.1, rng: Seed = None, **options: Any
) -> Array:
    """Train with dropout, and return `n_samples` masked parameter vectors mask_s * theta, (S, P).

    Parameters
    ----------
    model, X, y
        The `BayesianModel`, with a hidden layer; inputs (N, D) and targets.
    n_samples
        The number S of masks.
    rate
        The probability, at least 0 and below 1, that a mask silences a hidden unit; inputs are never silent. With 0
        all samples are the same theta, the plugin.
    rng
        Seed or generator for the start, the order of the data and the masks.
    **options
        The other options of `fit_dropout`: `sample_weight`, `theta0`, `callback`, `epochs`, `batch_size` and
        `learning_rate`.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> mc_dropout(BayesianModel(MLP(2, 4, 1), Bernoulli()), X, y, 10, rng=0, epochs=5).shape
    (10, 17)
    """
    n_samples, rng = whole_number("n_samples", n_samples, least=1), sampler(rng)
    theta = fit_dropout(model, X, y, rate=rate, rng=rng, **options)
    return dropout_masks(model.network, rate, n_samples, rng) * theta


def fit_dropout(
    model: BayesianModel,
    X: Any,
    y: Any,
    *,
    rate: float = 0.1,
    sample_weight: Any = None,
    theta0: Any = None,
    rng: Seed = None,
    callback: TrainingCallback | None = None,
    epochs: int = 500,
    batch_size: int = 32,
    learning_rate: float = 0.01,
) -> Array:
    """Return the theta (P,) with the smallest expected loss over masks, by Adam with a new mask for each mini-batch.

    With a rate of 0 this is `fit_map` by `adam` with the same options.

    The first arguments are those of `mc_dropout`. Training starts at `theta0` (P,), by default a draw of
    `network.init(rng)`. After each epoch, `callback(epoch, theta, loss)` receives the model's loss at theta, without
    a mask. The last three are the options of Adam.
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    adam = Adam(epochs, batch_size, learning_rate)
    check_callback(callback, "(epoch, theta, loss)")
    rate = _checked_rate(model.network, rate)
    data = model.check_weighted(X, y, sample_weight)
    rng = sampler(rng)
    theta = model.network.init(rng) if theta0 is None else model.check_theta(theta0, "theta0")
    masks = rng.spawn(1)[0]  # a generator of their own, so that the order of the data does not depend on the rate
    return descended(model, data, theta, _MaskedAdam(**vars(adam), rate=rate, masks=masks), rng, callback)


@dataclass(frozen=True, eq=False, kw_only=True)
class _MaskedAdam(Adam):
    """Adam along gradients of nll(mask * theta), each under a new mask, and of the prior at theta itself.

    By the chain rule the gradient of nll(mask * theta) is mask times the gradient at mask * theta.
    """

    rate: float
    masks: np.random.Generator

    def gradient(self, model: BayesianModel, theta: Array, batch: WeightedData, share: float) -> Array:
        mask = _mask(model.network, self.rate, self.masks)
        return mask * model.loss_and_gradient(mask * theta, *batch, share=0.0)[1] + share * model.pull(theta)


def dropout_masks(network: MLP, rate: float, n_samples: int, rng: Seed = None) -> Array:
    """Draw masks (S, P): 0 for the columns of silent units, 1 / (1 - rate) for those of others, and 1 elsewhere."""
    rate = _checked_rate(network, rate)
    n_samples, rng = whole_number("n_samples", n_samples, least=1), sampler(rng)
    return np.array([_mask(network, rate, rng) for _ in range(n_samples)])


def _mask(network: MLP, rate: float, rng: np.random.Generator) -> Array:
    """Draw one mask (P,), without checking the arguments."""
    mask = np.ones(network.n_params)
    for W, _ in network.layers(mask)[1:]:  # views into the mask
        W *= rng.binomial(1, 1 - rate, size=W.shape[1]) / (1 - rate)  # (H, I) times (I,)
    return mask


def _checked_rate(network: MLP, rate: float) -> float:
    """Return the rate, a probability below 1, or raise a ValueError; also if the network has no hidden layer."""
    instance("network", network, MLP, "an MLP")
    if not 0 <= (number := real_number("rate", rate)) < 1:
        raise ValueError(refusal("rate", "a probability of at least 0 and below 1", shown(rate)))
    if len(network.shapes) == 1:
        raise ValueError(refusal("network", "a hidden layer, whose units dropout can silence", repr(network)))
    return number
