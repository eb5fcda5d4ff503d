"""Figures 1 and 2, the posterior predictive: from a Gaussian over logits to probabilities.

The outputs are Gaussian under the posterior, f ~ N(m, V), see `outputs.py`. The predictive averages the likelihood's
mean over them; each link approximates that average:

| link | for | p(y given x) |
|---|---|---|
| `plugin` | all | mean(m): the post's left panels, as if theta were certain |
| `probit` | classes | mean(m / sqrt(1 + pi/8 diag V)): the post's right panels (MacKay, 1992) |
| `bridge` | C > 1 logits | the mean of the Dirichlet nearest to softmax(f): the Laplace bridge |
| `bridge_norm` | C > 1 logits | the same, with V brought to the scale that the bridge is good at |
| `quadrature` | one logit | the average itself, to rounding |
| `exact` | regression | the average itself: mean m, variance diag V + noise |
| `mc` | all | an average over samples of f, drawn jointly for all inputs |
| `nn` | all | an average over samples of theta, through the network itself: nothing is linearised |

`LINKS` says which likelihood has which; the first is the default. For a regression `probit` is another name of
`exact`: a mean that is linear in f needs no approximation. `decompose` says where the uncertainty comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import entr, expit, logsumexp, ndtr, roots_hermitenorm

from ..model.heteroscedastic import HeteroscedasticGaussian
from ..model.likelihood import Bernoulli, BradleyTerry, Categorical, Gaussian, Likelihood, Regression
from ..validation import Array, every_class, option, refusal
from .outputs import Outputs


class Prediction(NamedTuple):
    """A Gaussian predictive: mean (N, C) and variance (N, C), noise included.

    Examples
    --------
    >>> mean, variance = Prediction(np.zeros((3, 1)), np.ones((3, 1)))
    >>> variance.shape
    (3, 1)
    """

    mean: Array
    variance: Array


class Uncertainty(NamedTuple):
    """How uncertain a prediction is, total = aleatoric + epistemic: (N,) nats for classes, (N, C) variances.

    Examples
    --------
    >>> uncertainty = Uncertainty(total=np.array([0.5]), aleatoric=np.array([0.4]), epistemic=np.array([0.1]))
    >>> uncertainty.epistemic
    array([0.1])
    """

    total: Array
    aleatoric: Array
    epistemic: Array


def plugin(likelihood: Likelihood, f: Outputs) -> Array:
    """Return mean(m): class probabilities as if the parameters were certain."""
    return likelihood.mean(f.mean)


def probit(likelihood: Likelihood, f: Outputs) -> Array:
    """Return mean(kappa m) with kappa = 1 / sqrt(1 + pi/8 diag V): uncertain logits shrink towards even odds."""
    return likelihood.mean(f.mean / np.sqrt(1 + np.pi / 8 * f.variance()))


def bridge(likelihood: Categorical, f: Outputs, *, normalise: bool = False) -> Array:
    """Return the mean of the Dirichlet that is nearest to softmax(f), f ~ N(m, V), (N, C).

    Softmax does not see a number added to all logits, so f is first conditioned on a sum of zero: with 1 the vector of
    ones, m - V1 1^T m / 1^T V 1 and V - V1 1^T V / 1^T V 1. Then, with v = diag V,

        alpha_c = (1 - 2 / C + exp(m_c) sum_j exp(-m_j) / C^2) / v_c

    No data tells the sum of the logits, and under a weak prior its variance is so large that the difference would lose
    v to rounding. So it is taken of f less its mean, d, whose covariance with the sum is small.
    To `normalise`, v is first divided by s = mean(v) / sqrt(C / 2), and m by sqrt(s). Where V = 0 all v count as equal.

    Source: MacKay (1998); Hobbhahn, Kristiadi and Hennig (2022).
    """
    C = f.mean.shape[1]
    less_mean = np.eye(C) - 1 / C
    V = f.covariance(np.vstack([less_mean, np.ones(C)]))  # of d and of the sum
    row, total, v_d = V[:, :C, C], V[:, C, C:], np.diagonal(V, axis1=1, axis2=2)[:, :C]
    share = np.divide(row, total, out=np.zeros_like(row), where=total > 0)
    m = f.mean @ less_mean - share * f.mean.sum(axis=1, keepdims=True)
    top = v_d.max(axis=1, keepdims=True)
    none = top <= np.finfo(float).tiny / np.finfo(float).eps  # 0, or so small that a share of it has no digits
    v = np.where(none, 1.0, np.maximum(v_d - share * row, 1e-15 * top))  # rounding must not take v to 0 or below
    if normalise:
        s = v.mean(axis=1, keepdims=True) / np.sqrt(C / 2)
        m, v = m / np.sqrt(s), v / s
    exponent = m + logsumexp(-m, axis=1, keepdims=True)
    top = np.maximum(exponent.max(axis=1, keepdims=True), 0)  # taken out of all alphas, so that none overflows
    alpha = ((1 - 2 / C) * np.exp(-top) + np.exp(exponent - top) / C**2) * (v.min(axis=1, keepdims=True) / v)
    return alpha / alpha.sum(axis=1, keepdims=True)


def quadrature(likelihood: Likelihood, f: Outputs) -> Array:
    """Return E[sigmoid(f)] for one logit f ~ N(m, s^2), (N,), to rounding.

    For s <= 1 by Gauss-Hermite quadrature: sum_i w_i sigmoid(m + s x_i). For a wide Gaussian the sigmoid looks like a
    step, which no polynomial follows, and the roles are exchanged: sigmoid(f) is the probability that logistic noise
    e stays below f, so the average is E[Phi((m - e) / s)] over e, smooth in e, by the trapezoidal rule.
    """
    m, s = f.mean, np.sqrt(f.variance())  # (N, 1)
    x, w = roots_hermitenorm(32)
    narrow = expit(m + np.minimum(s, 1) * x) @ (w / w.sum())
    e, step = np.linspace(-40, 40, 161, retstep=True)
    wide = ndtr((m - e) / np.maximum(s, 1)) @ (step * expit(e) * expit(-e))
    return np.minimum(np.where(s[:, 0] <= 1, narrow, wide), 1)  # weights that sum to 1 may round to more


def exact(likelihood: Regression, f: Outputs) -> Prediction:
    """Return the mean m and the variance diag V + E[noise], which is sigma^2, or E[exp(s)] = exp(m_s + V_ss / 2)."""
    _, aleatoric, epistemic = _variances(likelihood, f)
    return Prediction(likelihood.mean(f.mean), aleatoric + epistemic)


def plugin_regression(likelihood: Regression, f: Outputs) -> Prediction:
    """Return N(m, noise): the noise alone."""
    return Prediction(likelihood.mean(f.mean), likelihood.noise_variance(f.mean).copy())


def average(likelihood: Likelihood, outputs: Iterable[Array]) -> Array | Prediction:
    """Return the predictive of S equally likely outputs (N, C), each looked at once and forgotten.

    The average of the means mu_s = mean(f_s); for a regression a `Prediction` whose variance is the average noise plus
    sum_s (mu_s - their average)^2 / (S - 1), or plus nothing where S = 1. The running sums are Welford's (1962).
    """
    mean, squares, noise, s = np.zeros(()), np.zeros(()), np.zeros(()), 0
    for s, f in enumerate(outputs, start=1):
        deviation = likelihood.mean(f) - mean
        mean = mean + deviation / s
        if isinstance(likelihood, Regression):
            squares = squares + deviation**2 * ((s - 1) / s)
            noise = noise + (likelihood.noise_variance(f) - noise) / s
    if not isinstance(likelihood, Regression):
        return mean
    return Prediction(mean, squares / max(1, s - 1) + noise)


def mc(likelihood: Likelihood, f: Outputs) -> Array | Prediction:
    """Return the average over samples of the linearised outputs."""
    return average(likelihood, f.linear_samples())


def nn(likelihood: Likelihood, f: Outputs) -> Array | Prediction:
    """Return the average over samples of theta, each through the network."""
    return average(likelihood, f.network_samples())


def log_score(prediction: Array | Prediction, y: Any) -> Array:
    """Return the log density that a prediction gave to the targets, (N,); probabilities count as in [eps, 1 - eps]."""
    if isinstance(prediction, Prediction):
        mean, variance = prediction
        return -0.5 * ((y - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1)
    eps = np.finfo(np.float64).eps
    return np.log(np.clip(every_class(prediction)[np.arange(len(y)), y], eps, 1 - eps))


def decompose(likelihood: Likelihood, f: Outputs) -> Uncertainty:
    """Return total = aleatoric + epistemic uncertainty.

    For classes entropies, over samples of f, see `entropies`. For a regression variances, exactly:
    Var y = E[noise] + diag V.
    """
    if isinstance(likelihood, Regression):
        return Uncertainty(*_variances(likelihood, f))
    return entropies(every_class(np.stack([likelihood.mean(f_s) for f_s in f.linear_samples()]), n_axes=2))


def entropies(p: Array) -> Uncertainty:
    """Return H[E p] = E H[p] + the mutual information of y and parameters, for samples p (S, N, C), in nats."""
    total, aleatoric = entr(p.mean(axis=0)).sum(axis=1), entr(p).sum(axis=2).mean(axis=0)
    return Uncertainty(total, aleatoric, np.maximum(total - aleatoric, 0))  # 0 but for rounding


def _variances(likelihood: Regression, f: Outputs) -> tuple[Array, Array, Array]:
    """Return Var y, E[noise] and Var m, each (N, C), for a regression."""
    V = f.variance()
    aleatoric, epistemic = likelihood.noise_variance(f.mean), V
    if isinstance(likelihood, HeteroscedasticGaussian):
        epistemic, V_s = np.split(V, 2, axis=1)
        aleatoric = np.exp(np.split(f.mean, 2, axis=1)[1] + V_s / 2)
    return aleatoric + epistemic, aleatoric, epistemic


Link = Callable[..., "Array | Prediction"]
SAMPLED: dict[str, Link] = {"mc": mc, "nn": nn}
REGRESSION: dict[str, Link] = {"exact": exact, "probit": exact, "plugin": plugin_regression, **SAMPLED}
ONE_LOGIT: dict[str, Link] = {"probit": probit, "plugin": plugin, "quadrature": quadrature, **SAMPLED}
LINKS: dict[type[Likelihood], dict[str, Link]] = {
    Bernoulli: ONE_LOGIT,
    BradleyTerry: ONE_LOGIT,
    Categorical: {
        "probit": probit, "plugin": plugin, "bridge": bridge, "bridge_norm": partial(bridge, normalise=True), **SAMPLED,
    },
    Gaussian: REGRESSION,
    HeteroscedasticGaussian: REGRESSION,
}  # fmt: skip
MEANINGLESS: dict[tuple[type[Likelihood], str], str] = {
    **{
        (kind, link): "the mean of one logit's bridge is the plugin"
        for kind in (Bernoulli, BradleyTerry)
        for link in ("bridge", "bridge_norm")
    },
    (Categorical, "quadrature"): "it is the average of one logit; of many, 'mc' is",
    **{
        (kind, link): "there are no class probabilities"
        for kind in (Gaussian, HeteroscedasticGaussian)
        for link in ("bridge", "bridge_norm", "quadrature")
    },
}


def link_of(likelihood: Likelihood, name: str | None) -> Link:
    """Return the link of this name, by default the likelihood's own, or raise a ValueError that says what is wrong."""
    kind = type(likelihood)
    links = LINKS[kind]
    if name is None:
        return next(iter(links.values()))
    if isinstance(name, str) and (kind, name) in MEANINGLESS:
        expected = f"one of {', '.join(map(repr, links))} for {kind.__name__}"
        raise ValueError(refusal("link_approx", expected, f"{name!r}: {MEANINGLESS[kind, name]}"))
    return links[option("link_approx", name, links)]
