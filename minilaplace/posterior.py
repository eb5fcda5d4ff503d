"""*From Bayesian Logistic Regression ...*, Taylor expansion to a Gaussian: the posterior.

Minus the log posterior, expanded to second order around its mode theta, is a quadratic: the posterior is close to a
Gaussian centred there, whose precision is the curvature of the loss plus the prior's precision:

    p(theta' | data) ~ N(theta' | theta, Sigma),    Sigma^-1 = curvature / temperature + diag(prior_precision) = L L^T

One Cholesky factor L serves every question: variances by a triangular solve, the log-determinant from its diagonal,
samples from L^-T times white noise. The inverse itself is never needed; `covariance` is there to look at.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, eigvalsh, solve_triangular
from scipy.linalg.lapack import dpotri

from .network import FactoredRows
from .validation import Array


class FullPosterior:
    """N(mean, (L L^T)^-1): a Gaussian over P_s parameters by the Cholesky factor of its precision.

    Attributes
    ----------
    mean
        (P_s,), read-only.
    log_det_precision
        log det(L L^T) = 2 sum_i log L_ii.
    """

    def __init__(self, mean: Array, precision: Array) -> None:
        self.mean = mean.copy()
        self.mean.setflags(write=False)
        self._factor = _cholesky(precision)
        self.log_det_precision = float(2 * np.log(np.diagonal(self._factor)).sum())

    def precision(self) -> Array:
        """Return L L^T, (P_s, P_s)."""
        return self._factor @ self._factor.T

    def covariance(self) -> Array:
        """Return (L L^T)^-1, (P_s, P_s)."""
        lower, _ = dpotri(self._factor, lower=1)
        return np.tril(lower) + np.tril(lower, -1).T

    def functional_covariance(self, jacobian: FactoredRows) -> Array:
        """Return J_n Sigma J_n^T, (N, C, C): with V = L^-1 J^T it is V^T V."""
        J = jacobian.dense()  # (N, C, P_s)
        N, C, P = J.shape
        V = solve_triangular(self._factor, J.reshape(N * C, P).T, lower=True).T.reshape(N, C, P)
        return V @ V.transpose(0, 2, 1)

    def sample(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw mean + L^-T noise, (S, P_s), whose covariance is L^-T L^-1 = Sigma."""
        noise = rng.standard_normal((len(self.mean), n_samples))
        return self.mean + solve_triangular(self._factor, noise, lower=True, trans="T").T


def _cholesky(precision: Array) -> Array:
    """Return L, or raise an error that says how indefinite the precision is and what to do about it."""
    try:
        return cholesky(precision, lower=True)
    except np.linalg.LinAlgError:
        smallest = eigvalsh(precision, subset_by_index=[0, 0])[0]
        raise np.linalg.LinAlgError(
            f"the posterior precision is not positive definite: its smallest eigenvalue is {smallest:.6g}. An exact "
            "Hessian is indefinite away from a mode. Two ways out: curvature='ggn', or a larger prior_precision"
        ) from None
