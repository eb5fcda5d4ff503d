"""Links: from a Gaussian over the outputs to probabilities (not the link functions of a generalised linear model).

The outputs are Gaussian under the posterior, f ~ N(m, V), see `outputs.py`. The predictive is the average of the
likelihood's mean over that Gaussian. Each link computes or approximates it:

| link | for | p(y given x) |
|---|---|---|
| `plugin` | all | mean(m), as if theta were certain: the post's left panels |
| `probit` | classes | mean(m / sqrt(1 + pi/8 diag V)): the post's right panels (MacKay, 1992) |
| `mean_field` | C > 1 logits | the same shrinkage of each difference of two logits |
| `bridge` | C > 2 logits | the mean of the Dirichlet nearest to softmax(f): the Laplace bridge |
| `bridge_norm` | C > 1 logits | the same, with m and V scaled to where the bridge is accurate |
| `quadrature` | labels of one logit | the average itself, to a relative error of 1e-12 |
| `exact` | numbers, counts | the average itself; of a regression: mean m, variance diag V + noise |
| `mc` | all | an average over samples of f, drawn jointly for all inputs |
| `nn` | all | an average over samples of theta, through the network itself: nothing is linearised |

A likelihood names the links that it has; the first is the default. For a regression `probit` is another name of
`exact`, as a mean that is linear in f needs no approximation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, ndtr, roots_hermitenorm, softmax

from ..model.classes import of_labels
from ..model.likelihood import Likelihood
from ..validation import Array, option, refusal, short
from .outputs import Outputs

NARROW = 0.9  # the deviation of a logit up to which Gauss-Hermite quadrature is the more accurate of the two rules


class Prediction(NamedTuple):
    """A predictive's mean (N, C) and variance (N, C), noise included; of a regression it is Gaussian.

    Examples
    --------
    >>> mean, variance = Prediction(np.zeros((3, 1)), np.ones((3, 1)))
    >>> variance.shape
    (3, 1)
    """

    mean: Array
    variance: Array

    @property
    def std(self) -> Array:
        """The standard deviation, the root of the variance, (N, C)."""
        return np.sqrt(self.variance)

    def __repr__(self) -> str:
        return f"Prediction(mean={short(self.mean)}, variance={short(self.variance)})"


def plugin(likelihood: Likelihood, f: Outputs) -> Array | Prediction:
    """Return mean(m) as if theta were certain: class probabilities, or a `Prediction` whose variance is the noise."""
    mean, noise = likelihood.mean(f.mean), likelihood.noise_variance(f.mean)
    return mean if noise is None else Prediction(mean, noise.copy())


def probit(likelihood: Likelihood, f: Outputs) -> Array:
    """Return mean(kappa m) with kappa = 1 / sqrt(1 + pi/8 diag V): uncertain logits shrink towards even odds."""
    return likelihood.mean(f.mean / np.sqrt(1 + np.pi / 8 * f.variance()))


def mean_field(likelihood: Likelihood, f: Outputs) -> Array:
    """Return the softmax of C logits with every difference of two logits shrunk, (N, C).

    A softmax depends on differences alone, softmax(f)_c = 1 / sum_j exp(-(f_c - f_j)), and each difference is one
    Gaussian logit, which `probit` shrinks by its variance V_cc + V_jj - 2 V_cj. So

        p_c = 1 / sum_j exp(-(m_c - m_j) / sqrt(1 + pi/8 (V_cc + V_jj - 2 V_cj)))

    divided by sum_c p_c. A number added to all logits, certain or not, changes nothing. With C = 2 this is the `probit`
    of one logit, f_1 - f_2. Under a weak prior the variance of what the logits share is so large that V_cc + V_jj -
    2 V_cj would lose its digits, so it is computed for the logits less the last one.

    Source: Lu, Ie and Sha (2020), the pairwise form.
    """
    C, m = f.mean.shape[1], f.mean.T.copy()  # (C, N), as NumPy takes long to add up many short rows
    V = np.zeros((C, *m.shape))  # (C, C, N), of f_c - f_C, of which the last is 0
    V[:-1, :-1] = f.covariance(np.eye(C)[:-1] - np.eye(C)[-1]).transpose(1, 2, 0)
    v = np.einsum("ccn->cn", V)
    v = np.maximum(v[:, None] + v - 2 * V, 0)  # Var(f_c - f_j), at least 0 but for rounding
    differences = (m[:, None] - m) / np.sqrt(1 + np.pi / 8 * v)  # of f_j and f_c, shrunk
    most = differences.max(axis=0)  # so that no exponential overflows
    return softmax(-most - np.log(np.exp(differences - most).sum(axis=0)), axis=0).T.copy()


def bridge(likelihood: Likelihood, f: Outputs, *, normalise: bool = False) -> Array:
    """Return the mean of the Dirichlet that is nearest to softmax(f), f ~ N(m, V), (N, C).

    A number added to all logits does not change the softmax, so f is first conditioned on a sum of zero: with 1 the
    vector of ones, m - V1 1^T m / 1^T V 1 and V - V1 1^T V / 1^T V 1. Then, with v = diag V,

        alpha_c = (1 - 2 / C + exp(m_c) sum_j exp(-m_j) / C^2) / v_c

    No data determines the sum of the logits. Under a weak prior its variance is so large that this difference would
    lose v to rounding, so it is computed for d, f minus its mean over the classes, which hardly covaries with the sum.
    If `normalise`, v is first divided by s = mean(v) / sqrt(C / 2), and m by sqrt(s). Where V = 0, all v are 1.

    Two logits that sum to zero have the same v, which cancels, and 1 - 2 / C = 0: what is left is the softmax of m.

    Source: MacKay (1998); Hobbhahn, Kristiadi and Hennig (2022).
    """
    C = f.mean.shape[1]
    less_mean = np.eye(C) - 1 / C
    V = f.covariance(np.vstack([less_mean, np.ones(C)]))  # (N, C + 1, C + 1), of d and the sum
    row, total, v_d = V[:, :C, C], V[:, C, C:], np.diagonal(V, axis1=1, axis2=2)[:, :C]
    share = np.divide(row, total, out=np.zeros_like(row), where=total > 0)
    m = f.mean @ less_mean - share * f.mean.sum(axis=1, keepdims=True)
    largest = v_d.max(axis=1, keepdims=True)
    none = largest <= np.finfo(float).tiny / np.finfo(float).eps  # 0, or so small that a share of it loses its digits
    v = np.where(none, 1.0, np.maximum(v_d - share * row, 1e-15 * largest))  # rounding must not take v to 0 or below
    if normalise:
        s = v.mean(axis=1, keepdims=True) / np.sqrt(C / 2)
        m, v = m / np.sqrt(s), v / s
    exponent = m + logsumexp(-m, axis=1, keepdims=True)
    top = exponent.max(axis=1, keepdims=True)  # at least log C
    # All alphas of an input are divided by exp(top), so that none overflows, and times its smallest v: it cancels.
    alpha = ((1 - 2 / C) * np.exp(-top) + np.exp(exponent - top) / C**2) * (v.min(axis=1, keepdims=True) / v)
    return alpha / alpha.sum(axis=1, keepdims=True)


def quadrature(likelihood: Likelihood, f: Outputs) -> Array:
    """Return E[sigmoid(f)] of one logit, (N,), or of each of several labels' logits, (N, C)."""
    return of_labels(of_each(average_of_sigmoid, f.mean, f.variance()))


def of_each(average: Callable[[Array, Array], Array], m: Array, v: Array) -> Array:
    """Return an average over the logit of each label, (N, C), of its mean m and variance v, (N, C)."""
    return np.stack(list(map(average, m.T, v.T)), axis=1)


def average_of_sigmoid(m: Array, v: Array) -> Array:
    """Return E[sigmoid(f)] for f ~ N(m, s^2), s^2 = v, (N,), to a relative error of 1e-12 where it exceeds 1e-300.

    As exp(f) N(f; m, s^2) = exp(m + s^2/2) N(f; m + s^2, s^2), and sigmoid(f) = exp(f) sigmoid(-f),

        E[sigmoid(f)] = exp(m + s^2/2) E[sigmoid(f')],   f' ~ N(-(m + s^2), s^2)

    which is used where m < -s^2/2: a probability that only a tail of the sum would hold becomes one of ordinary size.

    For s <= 0.9 the average is Gauss-Hermite quadrature, sum_i w_i sigmoid(m + s x_i). Seen from a wider Gaussian the
    sigmoid is nearly a step, which polynomials approximate badly. There use that sigmoid(f) = P(e < f) for logistic
    noise e: the average is P(e < f) over both, E[Phi((m - e) / s)] over e, which is smooth in e, by the trapezoidal
    rule. At m = -s^2/2, the least that is left, its terms fall as exp(e/2), so that the sum goes further to the left.
    """
    m, v = m[:, None], v[:, None]
    m, factor, s = np.maximum(m, -(m + v)), np.exp(np.minimum(m + v / 2, 0)), np.sqrt(v)
    x, w = roots_hermitenorm(40)
    narrow = expit(m + np.minimum(s, NARROW) * x) @ (w / w.sum())
    e, step = np.linspace(-80, 40, 321, retstep=True)
    wide = ndtr((m - e) / np.maximum(s, NARROW)) @ (step * expit(e) * expit(-e))
    return np.minimum(factor[:, 0] * np.where(s[:, 0] <= NARROW, narrow, wide), 1)  # rounding may take it above 1


def exact(likelihood: Likelihood, f: Outputs) -> Prediction:
    """Return mean and variance of y in closed form; the variance is the average noise plus the variance of the mean."""
    mean, noise, spread = likelihood.moments(f.mean, f.variance())
    return Prediction(mean, noise + spread)


def sample_average(
    likelihood: Likelihood, outputs: Iterable[Array], weights: Iterable[float] = repeat(1.0)
) -> Array | Prediction:
    """Return the predictive of S outputs (N, C), of which one at a time is held in memory, by default equally likely.

    With weights w_s that add up to 1 it is the average sum_s w_s mu_s of the means mu_s = mean(f_s); for a regression a
    `Prediction` whose variance is the average noise plus sum_s w_s (mu_s - average)^2 / (1 - sum_s w_s^2), or plus 0 if
    S = 1. For equal weights the divisor is (S - 1) / S. Weights are positive and may have any sum.
    """
    mean, noise, spread = sample_moments(likelihood, outputs, weights)
    return Prediction(mean, noise + spread) if likelihood.has_noise else mean


def sample_moments(
    likelihood: Likelihood, outputs: Iterable[Array], weights: Iterable[float] = repeat(1.0)
) -> tuple[Array, Array, Array]:
    """Return the mean, noise (0 if there is none) and variance of the means, by West's (1979) weighted running sums.

    With W the sum of the weights so far, a mean at distance d from the average of those before moves the average by d w
    / W, and adds w d^2 (W - w) / W to the sum of squares. W^2 - sum_s w_s^2 is twice the sum of all products of two
    weights, `pairs`.
    """
    mean, noise, squares = np.zeros(()), np.zeros(()), np.zeros(())
    total = pairs = 0.0
    for f, w in zip(outputs, weights, strict=False):
        before, total = total, total + w
        pairs += w * before
        deviation, noise_s = likelihood.mean(f) - mean, likelihood.noise_variance(f)
        mean = mean + deviation * w / total
        if not likelihood.is_classifier:  # of whom nobody asks for a variance
            squares = squares + deviation**2 * (w * before / total)
        if noise_s is not None:
            noise = noise + (noise_s - noise) * w / total
    return mean, noise, squares / (2 * pairs / total) if pairs > 0 else squares


def mc(likelihood: Likelihood, f: Outputs) -> Array | Prediction:
    """Return the average over samples of the linearised outputs."""
    return sample_average(likelihood, f.linear_samples())


def nn(likelihood: Likelihood, f: Outputs) -> Array | Prediction:
    """Return the average over samples of theta, each put through the network."""
    return sample_average(likelihood, f.network_samples())


Link = Callable[[Likelihood, Outputs], Array | Prediction]
LINKS: dict[str, Link] = {
    "plugin": plugin,
    "probit": probit,
    "mean_field": mean_field,
    "bridge": bridge,
    "bridge_norm": partial(bridge, normalise=True),
    "quadrature": quadrature,
    "exact": exact,
    "mc": mc,
    "nn": nn,
}
SAMPLED = ("mc", "nn")


def link_of(likelihood: Likelihood, name: str | None, n_outputs: int) -> Link:
    """Return the link of this name, by default the likelihood's first, or raise a ValueError that says which it has."""
    known = likelihood.links_for(n_outputs)
    if isinstance(name, str) and name in likelihood.meaningless and name not in known:
        expected = f"one of {', '.join(map(repr, known))} for {type(likelihood).__name__}"
        raise ValueError(refusal("link_approx", expected, f"{name!r}: {likelihood.meaningless[name]}"))
    chosen = known[0] if name is None else option("link_approx", name, known)
    return exact if chosen == "probit" and "exact" in known else LINKS[chosen]
