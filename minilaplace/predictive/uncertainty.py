"""How uncertain a prediction is, and how much of it is noise: total = aleatoric + epistemic uncertainty.

Aleatoric is what is left if the parameters were known, and epistemic what is not known of them: the variance of the
mean, or, for classes, the mutual information of label and parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import entr

from ..model.likelihood import Likelihood
from ..validation import Array
from .links import sample_moments
from .outputs import Outputs


class Uncertainty(NamedTuple):
    """How uncertain a prediction is, total = aleatoric + epistemic: nats for classes, else (N, C) variances.

    The nats are (N,), or (N, C) where each sample has C labels, those of each label by itself.

    Examples
    --------
    >>> uncertainty = Uncertainty(total=np.array([0.5]), aleatoric=np.array([0.4]), epistemic=np.array([0.1]))
    >>> uncertainty.epistemic
    array([0.1])
    """

    total: Array
    aleatoric: Array
    epistemic: Array


def decompose(likelihood: Likelihood, f: Outputs) -> Uncertainty:
    """Return total = aleatoric + epistemic uncertainty.

    For classes these are `entropies` over samples of f. For others they are variances, Var y = E[noise] + Var[mean], in
    closed form if the likelihood has one, else over samples of f; without a noise all of it is epistemic.
    """
    if likelihood.is_classifier:
        return entropies(np.stack([likelihood.every_class(likelihood.mean(f_s)) for f_s in f.linear_samples()]))
    if "exact" in likelihood.links:
        _, noise, spread = likelihood.moments(f.mean, f.variance())
    else:
        _, noise, spread = sample_moments(likelihood, f.linear_samples())
    return Uncertainty(noise + spread, np.broadcast_to(noise, spread.shape).copy(), spread)


def entropies(p: Array) -> Uncertainty:
    """Return H[E p] = E H[p] + the mutual information of y and parameters, in nats.

    For samples of the probabilities of K classes, p (S, N, K), they are (N,). For samples of those of several labels,
    p (S, N, C, K), they are (N, C), each label by itself: no sum over labels, as parameters make them dependent.
    """
    total, aleatoric = entr(p.mean(axis=0)).sum(axis=-1), entr(p).sum(axis=-1).mean(axis=0)
    return Uncertainty(total, aleatoric, np.maximum(total - aleatoric, 0))  # 0 but for rounding
