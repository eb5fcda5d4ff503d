"""Predictions of the same inputs under one scalar prior after another.

Every precision scale * M + delta I has the eigenvectors of the curvature, M = Q diag(l) Q^T. Seen as a function of the
parameters Q^T theta, the network has the Jacobian J Q, and their posterior is diagonal. So one decomposition and one
product serve all priors: the covariance of the outputs is

    V_n = (J_n Q) diag(1 / (scale l + delta)) (J_n Q)^T

The decomposition takes as long as some twelve Cholesky factors; a search asks for 20 to 40 of these, and as often for
what is made of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from ..model.bayesian_model import BayesianModel
from ..network.jacobian import batches
from ..posterior.cholesky import resolved, rounding_of
from ..predictive.links import Prediction, link_of, mc, nn
from ..predictive.outputs import NO_SAMPLES, LinearisedNetwork, Outputs, in_batches
from ..structures.fit import Fit
from ..structures.full import Full
from ..structures.kronecker import EigenPosterior
from ..validation import Array

KEPT = 2**24  # the numbers of J Q that are kept at most, 128 MB
CACHED = 2**17  # the numbers of J Q that are multiplied at a time, 1 MB

Predict = Callable[[BayesianModel], Array | Prediction]


@dataclass(eq=False, repr=False)
class RotatedOutputs(Outputs):
    """The Gaussian over the outputs, from the posterior over Q^T theta, which is diagonal, and the rows J Q."""

    rows: Array  # (N, C, P_s)

    def covariance(self, R: Array | None = None) -> Array:
        """Return V_n, (N, C, C), or R V_n R^T for R (K, C) or (N, K, C), (N, K, K)."""
        variance, parts, (N, C, P) = self.at.posterior.variance(), [], self.rows.shape
        R = np.eye(C) if R is None else R
        R = np.broadcast_to(R, (N, *R.shape[-2:]))
        for some in batches(N, size=max(1, CACHED // (C * P))):
            rows = R[some] @ self.rows[some]
            parts.append((rows * variance) @ rows.transpose(0, 2, 1))
        return np.concatenate(parts)

    def variance(self) -> Array:
        """Return diag V_n, (N, C)."""
        return np.einsum("ncp,ncp,p->nc", self.rows, self.rows, self.at.posterior.variance())


def at_same_inputs(
    fit: Fit, model: BayesianModel, theta: Array, X: Array, link_approx: str | None, alone: Predict
) -> Predict:
    """Return a function that predicts X (N, D) under models with other scalar priors, as `alone`, which it may call.

    It shares eigenvectors where the structure is the whole matrix, the link draws no thetas, and J Q is not too large
    to keep; and but for a prior so weak that the eigenvalues have not its digits.
    """
    structure, subset, C = fit.structure, fit.structure.subset, model.network.n_outputs
    link = link_of(model.likelihood, link_approx, C)
    if type(structure) is not Full or link in (mc, nn) or len(X) * C * len(subset) > KEPT:
        return alone
    values, Q = eigh(structure.matrix(), driver="evd", overwrite_a=True, check_finite=False)
    error = rounding_of(np.abs(values).max(), len(values))
    trace = model.network.trace(theta, X)
    J = trace.pull_back(None, subset.n_layers, subset.columns).written()  # (P_s, C, N)
    rows = (J.reshape(len(J), -1).T @ Q).reshape(C, len(X), -1).transpose(1, 0, 2)  # (N, C, P_s)

    def predict(under: BayesianModel) -> Array | Prediction:
        scale = fit.scale(under.likelihood)
        precisions = scale * values + under.prior_over(subset.indices)
        if not resolved(scale * error, precisions):
            return alone(under)
        at = LinearisedNetwork(model.network, theta, EigenPosterior(theta[subset.indices] @ Q, precisions), subset)
        outputs = RotatedOutputs(at, X, trace, NO_SAMPLES, rows)
        return in_batches(lambda _: link(under.likelihood, outputs), X, 1, room=len(X))  # which is one batch

    return predict
