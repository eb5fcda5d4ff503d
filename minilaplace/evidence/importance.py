"""Is the Gaussian any good? Importance weights of its samples, and the evidence without Laplace's error.

The Gaussian q can be sampled, and the true posterior cannot; but its density is known, up to the evidence, at every
theta. The ratio of the two is how much more, or less, a sample of q should count to stand for the true posterior:

    w_s  =  p(y | theta_s) p(theta_s) / q(theta_s),    theta_s ~ q = N(theta, Lambda^-1)

Their mean estimates the evidence, the integral of p(y | theta) p(theta), and their heaviest few, by `pareto.py`, say
whether the Gaussian reaches wherever the posterior does. For a linear network with Gaussian noise the two are the
same, and all weights equal the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from ..model.bayesian_model import BayesianModel
from ..model.likelihood import Likelihood
from ..model.weights import WeightedData, weighed
from ..network.jacobian import batches
from ..predictive.left_out import check_seen
from ..predictive.outputs import OutOfRangeError
from ..validation import Array, Seed, instance, refusal, sampler, short_repr, whole_number
from .marginal_likelihood import log_prior
from .pareto import pareto_smoothed
from .tunable_fit import TunableFit

LEAST_SAMPLES = 25  # of which the largest fifth is enough to fit a tail to


@dataclass(frozen=True, eq=False)
class ImportanceSample:
    """Samples of a Gaussian with the weights by which they stand for the true posterior.

    Attributes
    ----------
    thetas
        Samples of the Gaussian, (S, P).
    log_weights
        The logarithms of their Pareto-smoothed weights, which add up to 1, (S,): for averages over the true posterior.
    pareto_k
        The verdict on the Gaussian, k-hat: up to 0.5 good, up to 0.7 usable; above that it misses mass of the
        posterior, and neither weights nor evidence can be trusted. It is -inf where all weights are equal.
    log_marginal_likelihood
        The evidence, log p(y): the logarithm of the mean of the smoothed weights.

    Examples
    --------
    >>> sample = ImportanceSample(np.zeros((4, 2)), np.log([0.7, 0.1, 0.1, 0.1]), 0.6, -3.2)
    >>> round(sample.effective_sample_size, 2), round(sample.standard_error, 2)
    (1.92, 0.6)
    """

    thetas: Array
    log_weights: Array
    pareto_k: float
    log_marginal_likelihood: float
    __repr__ = short_repr

    @property
    def effective_sample_size(self) -> float:
        """1 / sum_s w_s^2: how many samples of the true posterior would estimate an average about as well."""
        return float(np.exp(-logsumexp(2 * self.log_weights)))

    @property
    def standard_error(self) -> float:
        """The standard error of `log_marginal_likelihood`, that of a mean of S weights divided by the mean."""
        S = len(self.log_weights)
        return float(np.std(S * np.exp(self.log_weights), ddof=1) / np.sqrt(S))


def importance_sample(
    la: Any, X: Any, y: Any, n_samples: int = 1000, rng: Seed = None, *, sample_weight: Any = None
) -> ImportanceSample:
    """Return samples of a fitted `Laplace` with importance weights, which judge its Gaussian and correct it.

    Parameters
    ----------
    la
        A fitted `Laplace`. If it is about a subset of the weights, the others stay at the MAP and the prior is that of
        the subset given the others, as in `la.log_marginal_likelihood`. A temperature tempers the likelihood of the
        true posterior too: what is judged is the Gaussian, not the temperature.
    X, y, sample_weight
        The data of the fit: inputs (N, D), read in batches, targets, and the samples' weights if they had any.
    n_samples
        The number S of samples, at least 25. Each costs one pass of the data through the network.
    rng
        Seed or generator.

    Returns
    -------
    ImportanceSample
        Its `pareto_k` is the verdict, its `log_marginal_likelihood` estimates the same integral as the fit's, and
        `average(la.model, sample.thetas, X_new, weights=np.exp(sample.log_weights))` predicts.

    Raises
    ------
    ValueError
        If this is not the data of the fit, as far as the number of samples and their likelihood tell.

    Notes
    -----
    One Gaussian covers one mode. A network has others, mirror images of it and more: k-hat judges the Gaussian where
    its samples fall, and does not see what lies far from all of them.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli, Laplace, fit_map, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=10.0)
    >>> la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    >>> sample = importance_sample(la, X, y, rng=0)
    >>> sample.pareto_k < 0.7
    True
    """
    instance("la", la, TunableFit, "a Laplace")
    fit, model = la._fitted(), la.model
    data = model.check_weighted(X, y, sample_weight, stored=True)
    n_samples, rng = whole_number("n_samples", n_samples, least=LEAST_SAMPLES), sampler(rng)
    check_seen(la._linearised, data, fit.likelihood, fit.nll, fit.n_data)
    thetas = la.sample(n_samples, rng)
    log_weights, k = pareto_smoothed(_log_weights(la, thetas, data))
    log_sum = logsumexp(log_weights)
    return ImportanceSample(thetas, log_weights - log_sum, k, float(log_sum - np.log(n_samples)))


def _log_weights(la: TunableFit, thetas: Array, data: WeightedData) -> Array:
    """Return log p(y | theta_s) + log p(theta_s) - log q(theta_s), (S,); powers of 2 pi cancel."""
    fit, model, q, indices = la._fitted(), la.model, la.posterior, la.subset.indices
    nll = _summed_nll(fit.likelihood, model, thetas, data)
    if np.isnan(nll).any() or np.isinf(nll).all():
        raise OutOfRangeError(refusal("la", "a posterior whose samples have losses within float64", "one without"))
    log_likelihood = np.array([replace(fit, nll=nll_s).log_likelihood(model.likelihood) for nll_s in nll])
    log_q = 0.5 * (q.log_det_precision - q.squared_distance(thetas[:, indices] - q.mean))
    return log_likelihood + log_prior(model, indices, la.theta, thetas[:, indices]) - log_q


def _summed_nll(likelihood: Likelihood, model: BayesianModel, thetas: Array, data: WeightedData) -> Array:
    """Return sum_n -log p(y_n | f(x_n, theta_s)), (S,); memory grows neither with S nor with N."""
    network, nll = model.network, np.zeros(len(thetas))
    with np.errstate(all="ignore"):
        for batch in batches(len(data.X), 4 * sum(network.sizes) + 8 * network.n_outputs):
            X, y, weight = data.some(batch)
            nll += [weighed(likelihood.nll(network.forward(theta, X), y), weight).sum() for theta in thetas]
    return nll
