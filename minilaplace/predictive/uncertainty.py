"""How uncertain a prediction is, and how much of it is noise: total = aleatoric + epistemic uncertainty.

Aleatoric is what is left if the parameters were known, and epistemic what is not known of them: the variance of the
mean, or, for classes, the mutual information of label and parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import entr, expit, roots_hermitenorm

from ..model.classes import of_labels
from ..model.likelihood import Likelihood
from ..validation import Array, short
from .links import NARROW, average_of_sigmoid, of_each, sample_moments
from .outputs import Outputs

WITHOUT_SAMPLES = {"exact", "quadrature"}  # the links of a likelihood whose uncertainty takes none


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

    def __repr__(self) -> str:
        return f"Uncertainty({', '.join(f'{name}={short(value)}' for name, value in self._asdict().items())})"


def decompose(likelihood: Likelihood, f: Outputs) -> Uncertainty:
    """Return total = aleatoric + epistemic uncertainty.

    For classes of a logit each these are `entropies` over samples of f, and `entropies_of_labels` for labels of one
    logit. For others they are variances, Var y = E[noise] + Var[mean], in closed form if the likelihood has one, else
    over samples of f; without a noise all of it is epistemic.
    """
    if "quadrature" in likelihood.links:
        return entropies_of_labels(f.mean, f.variance())
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


def entropies_of_labels(m: Array, v: Array) -> Uncertainty:
    """Return H[E p] = E H[p] + the mutual information, p = sigmoid(f) for f ~ N(m, v), (N, C); (N,) if C = 1.

    Nothing is drawn: both averages are quadrature, to an error of 1e-14 nats.
    """
    p = of_each(average_of_sigmoid, -np.abs(m), v)  # of the less probable label
    total = entr(p) - (1 - p) * np.log1p(-p)
    aleatoric = of_each(average_of_entropy, m, v)
    parts = total, np.minimum(aleatoric, total), np.maximum(total - aleatoric, 0)  # but for rounding
    return Uncertainty(*map(of_labels, parts))


def average_of_entropy(m: Array, v: Array) -> Array:
    """Return the average over f ~ N(m, s^2), s^2 = v, (N,), of the entropy of a label of probability sigmoid(f).

    The entropy log(1 + exp(-|f|)) + |f| sigmoid(-|f|) is smooth, and falls as |f| exp(-|f|). The rules are those of
    `average_of_sigmoid`: Gauss-Hermite for s <= 0.9, and for a wider Gaussian the trapezoidal rule over f.
    """

    def entropy(f: Array) -> Array:
        size = np.abs(f)
        return np.log1p(np.exp(-size)) + size * expit(-size)

    m, s = m[:, None], np.sqrt(v)[:, None]
    x, w = roots_hermitenorm(40)
    narrow = entropy(m + np.minimum(s, NARROW) * x) @ (w / w.sum())
    f, step = np.linspace(-60, 60, 321, retstep=True)
    wider = np.maximum(s, NARROW)
    wide = np.exp(-0.5 * ((f - m) / wider) ** 2) / (wider * np.sqrt(2 * np.pi)) @ (step * entropy(f))
    return np.where(s[:, 0] <= NARROW, narrow, wide)
