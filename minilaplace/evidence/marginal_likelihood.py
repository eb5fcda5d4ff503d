"""Below Figure 3, *fine-tuning our prior and the architecture*: the evidence, and priors chosen by it.

What the data says of the model as a whole is the marginal likelihood. Laplace's Gaussian integrates to

    log p(y) ~ log p(y | theta) - 1/2 [log det Lambda - log det Lambda0 + (theta - mu0)^T Lambda0 (theta - mu0)]

with Lambda = scale * H + Lambda0 the posterior's precision: how well the MAP fits, less how much of the prior's volume
it had to give up for that (Occam's factor). It is exact for Bayesian linear regression. As a function of the prior
precisions delta_g of groups of parameters, and of the noise, its derivatives need the posterior variances v_p alone:

    d log p / d log delta_g = 1/2 [gamma_g - delta_g sum_g (theta_p - mu0_p)^2],   gamma_g = sum_g (1 - delta_g v_p)
    d log p / d log sigma   = 2 E - N C + k/2 gamma

gamma is how many parameters the data determines, E the tempered squared error over 2 sigma^2, and H goes with
sigma^-k. Setting them to zero is MacKay's (1992) fixed point: delta_g = gamma_g / sum_g (theta_p - mu0_p)^2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..model.bayesian_model import BayesianModel
from ..model.likelihood import Gaussian
from ..structures.fit import NOISE_POWERS, Fit
from ..validation import Array, option, refusal, truth

PRIOR_STRUCTURES = ("scalar", "layerwise", "diag")
LOG_BOUNDS = float(np.log(1e-8)), float(np.log(1e8))  # of prior precisions and noise


def log_evidence(fit: Fit, model: BayesianModel, theta: Array) -> float:
    """Return the log marginal likelihood of a fit under `model`, whose prior and noise may be others than the fit's."""
    indices = fit.structure.subset.indices
    prior = model.prior_over(indices)
    deviation = theta[indices] - model.prior_mean_over(indices)
    log_det, _ = fit.structure.log_det_and_variance(prior, fit.scale(model.likelihood))
    if prior.ndim == 2:
        log_det_prior, quadratic = np.linalg.slogdet(prior)[1], deviation @ prior @ deviation
    else:
        log_det_prior, quadratic = np.log(prior).sum(), prior @ deviation**2
    return fit.log_likelihood(model.likelihood) - 0.5 * float(log_det - log_det_prior + quadratic)


@dataclass(frozen=True)
class Tunable:
    """The evidence as a function of log delta_g, one for each group of parameters, and perhaps of log sigma."""

    fit: Fit
    model: BayesianModel
    theta: Array
    groups: NDArray[np.intp]  # (P_s,) which group each parameter is in
    noise: bool

    @property
    def start(self) -> Array:
        """The model's own prior, averaged over each group, and noise."""
        prior = self.model.prior_over(self._indices)
        diagonal = np.diagonal(prior) if prior.ndim == 2 else prior
        log_delta = np.bincount(self.groups, np.log(diagonal)) / np.bincount(self.groups)
        return np.append(log_delta, np.log(self._sigma.mean()) if self.noise else [])

    def model_at(self, x: Array) -> BayesianModel:
        """Return the model with these log precisions and noise; what is outside the subset keeps its prior."""
        log_delta, P = x[: len(x) - self.noise], self.model.network.n_params
        if len(log_delta) == 1 and len(self._indices) == P:
            model = replace(self.model, prior_precision=float(np.exp(log_delta[0])))
        else:
            prior = self.model.prior_over(np.arange(P))
            prior = np.array(np.diagonal(prior) if prior.ndim == 2 else prior)
            prior[self._indices] = np.exp(log_delta)[self.groups]
            model = replace(self.model, prior_precision=prior)
        if self.noise:
            sigma = self._sigma * np.exp(x[-1] - np.log(self._sigma.mean()))
            model = replace(model, likelihood=Gaussian(sigma))
        return model

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return the evidence and its derivatives in x."""
        model = self.model_at(x)
        gamma, squares, delta, energy = self._statistics(model)
        gradient = 0.5 * (gamma - delta * squares)
        if self.noise:
            power = NOISE_POWERS[self.fit.curvature]
            gradient = np.append(gradient, 2 * energy - self._n_targets + 0.5 * power * gamma.sum())
        return log_evidence(self.fit, model, self.theta), gradient

    def mackay(self, x: Array) -> Array:
        """Return MacKay's next x: where the derivatives would vanish if gamma stayed as it is."""
        gamma, squares, _, energy = self._statistics(self.model_at(x))
        with np.errstate(divide="ignore"):
            new = np.log(np.maximum(gamma, 0) / squares)
        if self.noise:
            left = self._n_targets - 0.5 * NOISE_POWERS[self.fit.curvature] * gamma.sum()
            new = np.append(new, x[-1] + 0.5 * np.log(2 * energy / max(left, 1e-12 * self._n_targets)))
        return np.clip(new, *LOG_BOUNDS)

    def _statistics(self, model: BayesianModel) -> tuple[Array, Array, Array, float]:
        """Return gamma_g, sum_g (theta_p - mu0_p)^2 and delta_g for every group, and E."""
        prior = model.prior_over(self._indices)
        _, v = self.fit.structure.log_det_and_variance(prior, self.fit.scale(model.likelihood), self.groups)
        deviation = self.theta[self._indices] - model.prior_mean_over(self._indices)
        gamma, squares, total, size = (
            np.bincount(self.groups, terms).astype(float)
            for terms in (1 - prior * v, deviation**2, prior, np.ones_like(v))
        )
        return gamma, squares, total / size, self.fit.tempered_energy(model.likelihood)

    @property
    def _indices(self) -> NDArray[np.intp]:
        return self.fit.structure.subset.indices

    @property
    def _sigma(self) -> Array:
        return np.asarray(cast(Gaussian, self.model.likelihood).sigma_noise)

    @property
    def _n_targets(self) -> int:
        return self.fit.n_data * self.model.network.n_outputs


def tunable(fit: Fit, model: BayesianModel, theta: Array, prior_structure: str, noise: bool) -> Tunable:
    """Return the evidence of a fit as a function of a prior of this structure and, if asked for, of the noise."""
    option("prior_structure", prior_structure, PRIOR_STRUCTURES)
    if truth("optimize_noise", noise) and not isinstance(model.likelihood, Gaussian):
        raise ValueError(
            refusal("optimize_noise", "False but for a Gaussian likelihood", f"True with {model.likelihood}")
        )
    subset = fit.structure.subset
    layers = np.unique(subset.tensors() // 2, return_inverse=True)[1]
    groups = {"scalar": np.zeros(len(subset), dtype=np.intp), "layerwise": layers, "diag": np.arange(len(subset))}
    return Tunable(fit, model, theta, groups[prior_structure], noise)
