"""The evidence, and its derivatives in the prior and the noise.

The evidence, or marginal likelihood, is the probability of the data under the model as a whole: the integral of
likelihood times prior over theta. With Laplace's Gaussian in place of the posterior it is

    log p(y) = log p(y | theta) - 1/2 [log det Lambda - log det Lambda0 + (theta - mu0)^T Lambda0 (theta - mu0)]

with Lambda = scale * M + Lambda0 the posterior's precision. The first term is how well the MAP fits; the rest, Occam's
factor, is how much narrower the posterior is than the prior. This is exact for Bayesian linear regression. Let delta_g
be the prior precision of group g of the parameters, and v_p the posterior variance of parameter p. Then

    d log p / d log delta_g = 1/2 [gamma_g - delta_g sum_g (theta_p - mu0_p)^2],   gamma_g = sum_g (1 - delta_g v_p)
    d log p / d log sigma   = 2 E - (N C - k/2 gamma)

where gamma, the sum of all gamma_g, is how many parameters the data determines, E is the tempered squared error over
2 sigma^2, and M is proportional to sigma^-k. MacKay (1992) sets these derivatives to zero with gamma held fixed, which
gives the iteration delta_g = gamma_g / sum_g (theta_p - mu0_p)^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..model.bayesian_model import BayesianModel
from ..structures.fit import NOISE_POWERS, Fit
from ..structures.kronecker import Kron
from ..validation import Array, boolean, option, refusal

PRIOR_STRUCTURES = ("scalar", "layerwise", "diag")
LOG_BOUNDS = float(np.log(1e-8)), float(np.log(1e8))  # where prior precisions and noise are searched


def log_evidence(fit: Fit, model: BayesianModel, theta: Array, log_det: float | None = None) -> float:
    """Return log p(y | theta) - 1/2 [log det Lambda - log det Lambda0 + (theta - mu0)^T Lambda0 (theta - mu0)].

    `model` may have another prior and noise than the fit. `log_det` is log det Lambda, if that is known already.
    """
    indices = fit.structure.subset.indices
    if log_det is None:
        log_det = fit.structure.log_det(model.prior_over(indices), fit.scale(model.likelihood))
    of_prior = float(log_prior(model, indices, theta, theta[indices]))
    return fit.log_likelihood(model.likelihood) + of_prior - 0.5 * log_det


def log_prior(model: BayesianModel, indices: NDArray[np.intp], theta: Array, some: Array) -> Array:
    """Return log p(some) without its (2 pi)^(-P_s/2), for parameters (..., P_s) given that the others are theta's.

    It is 1/2 [log det Lambda0 - (some - mu0)^T Lambda0 (some - mu0)].
    """
    prior, deviation = model.prior_over(indices), some - model.prior_mean_over(indices, theta)
    if prior.ndim == 2:
        log_det, quadratic = np.linalg.slogdet(prior)[1], ((deviation @ prior) * deviation).sum(axis=-1)
    else:
        log_det, quadratic = np.log(prior).sum(), deviation**2 @ prior
    return 0.5 * (log_det - quadratic)


@dataclass(eq=False, repr=False)
class EvidenceFunction:
    """The evidence as a function of x: log delta_g for each group of parameters, and log sigma if `noise` is set."""

    fit: Fit
    model: BayesianModel
    theta: Array
    groups: NDArray[np.intp]  # (P_s,) which group each parameter is in
    noise: bool

    @property
    def start(self) -> Array:
        """The x of the model's own prior, of which each group takes the geometric mean, and of its own noise."""
        prior = self.model.prior_over(self._indices)
        log_delta = np.bincount(self.groups, np.log(prior)) / np.bincount(self.groups)
        return np.append(log_delta, np.log(self._sigma.mean()) if self.noise else [])

    def model_at(self, x: Array) -> BayesianModel:
        """Return the model with the prior precisions and noise of x; parameters outside the subset keep their prior."""
        delta, P = np.exp(x[: len(x) - self.noise]), self.model.network.n_params
        sigma = self._sigma * np.exp(x[-1] - np.log(self._sigma.mean())) if self.noise else None
        if len(delta) == 1 and len(self._indices) == P:
            return self.model.under(float(delta[0]), sigma)
        prior = np.array(self.model.prior_over(np.arange(P)))
        prior[self._indices] = delta[self.groups]
        return self.model.under(prior, sigma)

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return the evidence and its gradient in x = (log delta_1, log delta_2, ..., log sigma)."""
        model = self.model_at(x)
        log_det, gamma, delta, squares = self._statistics(model)
        gradient = 0.5 * (gamma - delta * squares)
        if self.noise:
            errors, left = self._noise_statistics(model, gamma)
            gradient = np.append(gradient, errors - left)
        return log_evidence(self.fit, model, self.theta, log_det), gradient

    def mackay(self, x: Array) -> Array:
        """Return MacKay's next x, at which the derivatives would be zero if gamma were the same there."""
        model = self.model_at(x)
        _, gamma, _, squares = self._statistics(model)
        with np.errstate(divide="ignore"):
            new = np.log(np.maximum(gamma, 0) / squares)  # the logarithm of delta_g = gamma_g / sum_g (...)^2
        if self.noise:
            errors, left = self._noise_statistics(model, gamma)
            with np.errstate(divide="ignore"):  # no residual at all
                new = np.append(new, x[-1] + 0.5 * np.log(errors / max(left, 1e-12 * self._n_targets)))
        return np.clip(new, *LOG_BOUNDS)

    def determines_noise(self, x: Array) -> bool:
        """Return whether the N C targets outnumber gamma, the parameters that they determine at x, by one or more.

        Otherwise the network can pass through all targets, no residual is left to tell the noise from, and the evidence
        prefers one that depends on the start.
        """
        _, gamma, _, _ = self._statistics(self.model_at(x))
        return bool(self._n_targets - gamma.sum() >= 1)

    def _statistics(self, model: BayesianModel) -> tuple[float, Array, Array, Array]:
        """Return log det Lambda, and for the groups gamma_g, delta_g and sum_g (theta_p - mu0_p)^2."""
        prior, scale = model.prior_over(self._indices), self.fit.scale(model.likelihood)
        log_det, traces = self.fit.structure.log_det_and_traces(prior, scale, self.groups)
        deviation = self.theta[self._indices] - model.prior_mean_over(self._indices, self.theta)
        sizes = np.bincount(self.groups)
        delta = np.bincount(self.groups, prior) / sizes
        return log_det, sizes - delta * traces, delta, np.bincount(self.groups, deviation**2).astype(float)

    def _noise_statistics(self, model: BayesianModel, gamma: Array) -> tuple[float, float]:
        """Return 2 E and N C - k/2 gamma; the evidence is stationary in the noise where they are equal."""
        determined = 0.5 * NOISE_POWERS[self.fit.curvature] * gamma.sum()
        return 2 * self.fit.tempered_energy(model.likelihood), self._n_targets - determined

    @property
    def _indices(self) -> NDArray[np.intp]:
        return self.fit.structure.subset.indices

    @property
    def _sigma(self) -> Array:
        return np.asarray(self.model.likelihood.sigma_noise)

    @property
    def _n_targets(self) -> float:
        return self.fit.n_data * self.model.network.n_outputs


def evidence_function(
    fit: Fit, model: BayesianModel, theta: Array, prior_structure: str, noise: bool
) -> EvidenceFunction:
    """Return the evidence as a function of a prior of this structure and, if `noise` is set, of the noise.

    Raises a ValueError if the prior is a matrix, which is what earlier data has told (`as_prior`) and would be lost, if
    the likelihood has no such noise, or if the structure of the curvature takes no such prior; a fit to no data is
    enough to ask.
    """
    shape = np.shape(model.prior_precision)
    if len(shape) == 2:
        expected = "a number or (P,) to tune, for a matrix is an earlier posterior; under() exchanges it"
        raise ValueError(refusal("prior_precision", expected, f"shape {shape}"))
    prior_structure = option("prior_structure", prior_structure, PRIOR_STRUCTURES)
    noise = boolean("optimize_noise", noise)
    if noise and model.likelihood.sigma_noise is None:
        expected = "False but for a Gaussian likelihood"
        raise ValueError(refusal("optimize_noise", expected, f"True with {model.likelihood}"))
    subset = fit.structure.subset
    if prior_structure == "diag" and isinstance(fit.structure, Kron) and len(subset) > len(np.unique(subset.tensors())):
        expected = "'scalar' or 'layerwise' with hessian_structure='kron', whose prior is one number on each W and b"
        received = "'diag' (with 'full', 'diag', 'lowrank' or 'gp' it is taken)"
        raise ValueError(refusal("prior_structure", expected, received))
    layers = np.unique(subset.tensors() // 2, return_inverse=True)[1]
    groups = {"scalar": np.zeros(len(subset), dtype=np.intp), "layerwise": layers, "diag": np.arange(len(subset))}
    return EvidenceFunction(fit, model, theta, groups[prior_structure], noise)
