"""Mixtures of Laplace approximations: Gaussians around several modes, where one Gaussian covers one mode alone.

An ensemble finds several modes theta_k of the posterior, and around each there is a Gaussian q_k. Their mixture

    q(theta) = sum_k w_k q_k(theta),    w_k proportional to p_k(y),    sum_k w_k = 1

weighs each by its evidence p_k(y), the mass that the posterior has around that mode. Predictions are averaged with the
same weights: a mixture of Gaussians over the outputs.

A network's modes come in families of mirror images, with the same outputs and the same evidence: 2^H H! for a layer of
H tanh units, see `evidence.symmetry`. Components of one architecture stand for equally many each, so this factor
cancels in their weights. It does not cancel between architectures, where it is added to the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from ..evidence.symmetry import log_symmetries
from ..evidence.tunable_fit import TunableFit
from ..predictive.links import Prediction, link_of
from ..validation import Array, Seed, instance, option, refusal, sample_weights, sampler, shown, whole_number

WEIGHTS = ("evidence", "uniform")


def mixture(
    laplaces: Any,
    X: Any,
    link_approx: str | None = None,
    *,
    weights: Any = "evidence",
    n_samples: int = 100,
    rng: Seed = None,
) -> Array | Prediction:
    """Return the average of the predictions of several `Laplace` approximations of one data set.

    Parameters
    ----------
    laplaces
        K fitted `Laplace`, around different modes of one model, or of models with the same likelihood. They must be
        fits to the same data, of which only the number of samples can be compared.
    X, link_approx, n_samples
        As in `Laplace.predict`.
    weights
        `"evidence"`: proportional to the evidence of each fit, under one temperature and with the same uncertain
        parameters. Between different architectures these must be all, and the evidence is that times the number of the
        mode's mirror images. `"uniform"`: 1 / K each. Or (K,) numbers of at least 0, of any sum but 0.
    rng
        Seed or generator, from which each component gets a generator of its own.

    Returns
    -------
    What `Laplace.predict` returns. Class probabilities are averaged. A `Prediction` has the mean and variance of the
    mixture of the components' Gaussians, by the law of total variance: mean = sum_k w_k mean_k, variance = sum_k w_k
    [variance_k + (mean_k - mean)^2].

    Notes
    -----
    A mode that two components share, itself or its mirror image, counts twice.

    Source: Eschenhagen, Daxberger, Hennig and Kristiadi (2021).

    Examples
    --------
    >>> from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, deep_ensemble, toy_data_non_linear
    >>> X, y = toy_data_non_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 4, 1), Bernoulli(), prior_precision=0.1)
    >>> modes = deep_ensemble(model, X, y, 3, rng=0)
    >>> mixture([Laplace(model, theta).fit(X, y) for theta in modes], [[2.5, 2.5], [2.5, -2.5]]).round(1)
    array([0.9, 0.1])
    """
    laplaces = _checked(laplaces)
    likelihood = laplaces[0].model.likelihood
    link_of(likelihood, link_approx, laplaces[0].model.network.n_outputs)
    X = laplaces[0].model.network.check_readable(X)
    n_samples, rng = whole_number("n_samples", n_samples, least=1), sampler(rng)
    w = _shares(weights, laplaces)
    each = [
        la.predict(X, link_approx, n_samples=n_samples, rng=own)
        for la, own in zip(laplaces, rng.spawn(len(laplaces)), strict=True)
    ]
    if not likelihood.has_noise:
        return np.tensordot(w, np.array(each), axes=1)
    means, variances = np.array(each).swapaxes(0, 1)  # (K, N, C) each
    mean = np.tensordot(w, means, axes=1)
    return Prediction(mean, np.tensordot(w, variances + (means - mean) ** 2, axes=1))


def _checked(laplaces: Any) -> list[TunableFit]:
    """Return fits to as many samples, with one likelihood and one shape of inputs and outputs, or raise an error."""
    expected = "a list of fitted Laplace"
    if not isinstance(laplaces, Sequence) or len(laplaces) == 0:
        raise TypeError(refusal("laplaces", expected, shown(laplaces)))
    for la in laplaces:
        instance("laplaces", la, TunableFit, expected)
        if la.n_data == 0:
            raise ValueError(refusal("laplaces", expected, "one without data"))
    _refuse_different("a number of samples", [f"{la.n_data:.9g}" for la in laplaces])  # of weights, to rounding
    _refuse_different("a likelihood", [type(la.model.likelihood).__name__ for la in laplaces])
    _refuse_different("a shape of inputs", [la.model.network.input_shape for la in laplaces])
    _refuse_different("a number of outputs", [la.model.network.n_outputs for la in laplaces])
    return list(laplaces)


def _shares(weights: Any, laplaces: Sequence[TunableFit]) -> Array:
    """Return the weights of the components, (K,), which add up to 1, or raise an error."""
    K = len(laplaces)
    if weights is not None and not isinstance(weights, str):
        w = sample_weights("weights", weights, K)
        w = w / w.max()
        return w / w.sum()
    if option("weights", weights, WEIGHTS) == "uniform":
        return np.full(K, 1 / K)
    return softmax(_evidences(laplaces))


def _evidences(laplaces: Sequence[TunableFit]) -> Array:
    """Return the log evidence of each component, mirror images included if there are several architectures, (K,)."""
    only, networks = " for weights='evidence' (or give weights)", [la.model.network for la in laplaces]
    _refuse_different("a temperature", [la.options.temperature for la in laplaces], only)
    if any(len(la.subset) < la.model.network.n_params for la in laplaces):
        uncertain = [set(la.subset.indices.tolist()) for la in laplaces]
        same = ["those of the first" if each == uncertain[0] else "others" for each in uncertain]
        _refuse_different("their uncertain parameters", same, only)
        _refuse_different("an architecture, as these are not all parameters,", networks, only)
    evidences = np.array([la.log_marginal_likelihood() for la in laplaces])
    return evidences + [log_symmetries(network) for network in networks] if len(set(networks)) > 1 else evidences


def _refuse_different(what: str, values: Sequence[Any], only: str = "") -> None:
    """Raise a ValueError if not all of the fits' values are the same."""
    for k, value in enumerate(values):
        if value != values[0]:
            received = f"{values[0]} and {value} at index {k}"
            raise ValueError(refusal("laplaces", f"fits that share {what}{only}", received))
