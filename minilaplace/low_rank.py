"""*Laplace Approximation*, many at least at par: curvatures of few rows, and the function-space view.

A curvature G^T G of K < P rows needs algebra in K dimensions only. Its rows are either the largest eigenvectors of a
matrix, `LowRank`, or the back-propagated rows R_n J_n of the data themselves, `FunctionSpace`: then nothing is lost,
G G^T is the kernel matrix of a Gaussian process, and the cost is in N C instead of P.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh, solve_triangular

from .jacobian import FactoredRows
from .posterior import Posterior, cholesky
from .structure import Full, Structure
from .validation import Array, refusal

DEFAULT_RANK = 10


class LowRank(Full):
    """The `rank` largest eigenvalues of H, as far as they are positive; H itself is added up to find them.

    Sketches that do without H depend on the order of the data, and shards of it would not add.
    """

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        values, vectors = self._largest
        return LowRankPosterior(mean, np.sqrt(scale * values)[:, None] * vectors.T, prior)

    @cached_property
    def eigenvalues(self) -> Array:
        values, _ = self._largest
        return np.pad(values, (0, len(self.subset) - len(values)))

    @cached_property
    def _largest(self) -> tuple[Array, Array]:
        """The eigenvalues that are kept, and their eigenvectors (P_s, rank)."""
        P = len(self.subset)
        kept = min(self.rank or DEFAULT_RANK, P)
        values, vectors = eigh(self.matrix(), subset_by_index=[P - kept, P - 1])
        return np.maximum(values, 0), vectors


class FunctionSpace(Structure):
    """H = G^T G as its rows G (N K, P_s), never multiplied out; the parts are the blocks of G."""

    def _zeros(self) -> list[Array]:
        return []

    def add_rows(self, rows: FactoredRows) -> None:
        self.parts.append(rows.dense().reshape(-1, len(self.subset)))

    def add(self, other: Structure) -> None:
        self.parts = self.parts + other.parts

    def restore(self, parts: list[Array]) -> None:
        P = len(self.subset)
        if any(part.shape[1:] != (P,) for part in parts):
            raise ValueError(refusal("parts", f"shapes (N K, {P})", [part.shape for part in parts]))
        self.parts = parts

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        return LowRankPosterior(mean, np.sqrt(scale) * np.concatenate(self.parts), prior)

    def blocks(self) -> NDArray[np.intp]:
        return np.zeros(len(self.subset), dtype=np.intp)

    @cached_property
    def eigenvalues(self) -> Array:
        G, P = np.concatenate(self.parts), len(self.subset)
        found = np.maximum(eigvalsh(G @ G.T if len(G) < P else G.T @ G), 0)
        return np.pad(found, (0, P - len(found)))


class LowRankPosterior(Posterior):
    """Lambda = G^T G + prior for K rows G (K, P_s), by algebra in K dimensions (Woodbury).

    With prior = L0 L0^T, the whitened rows V = G L0^-T, M = I + V V^T (K, K) and its Cholesky factor, M = C C^T:

        Sigma = L0^-T (I - U^T U) L0^-1,    U = C^-1 V,    log det Lambda = log det M + log det prior

    This is the function-space view of the same Gaussian: V V^T is the kernel matrix of the data, and U^T U what the
    data takes off the prior's covariance.
    """

    def __init__(self, mean: Array, rows: Array, prior: Array) -> None:
        super().__init__(mean)
        self._rows, self._prior = rows, prior
        self._root = np.sqrt(prior) if prior.ndim == 1 else cholesky(prior)  # L0
        self._V = self._whitened(rows)
        self._C = cholesky(np.eye(len(rows)) + self._V @ self._V.T)
        self._U = solve_triangular(self._C, self._V, lower=True)
        diagonal = self._root if prior.ndim == 1 else np.diagonal(self._root)
        self.log_det_precision = float(2 * np.log(np.diagonal(self._C)).sum() + 2 * np.log(diagonal).sum())

    def precision(self) -> Array:
        """Return G^T G + prior, (P_s, P_s)."""
        return self._rows.T @ self._rows + (np.diag(self._prior) if self._prior.ndim == 1 else self._prior)

    def covariance(self) -> Array:
        """Return Sigma, (P_s, P_s)."""
        prior, told = self._unwhitened(np.eye(len(self.mean))), self._unwhitened(self._U)
        return prior.T @ prior - told.T @ told

    def variance(self) -> Array:
        """Return the diagonal of Sigma, (P_s,)."""
        if self._prior.ndim == 2:
            return np.diagonal(self.covariance()).copy()
        return 1 / self._prior - (self._unwhitened(self._U) ** 2).sum(axis=0)

    def functional_covariance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return J_n Sigma J_n^T, (N, C, C): the prior's kernel less what the data tells."""
        J = jacobian.dense()  # (N, C, P_s)
        white = self._whitened(J.reshape(-1, J.shape[2]))
        told = (white @ self._U.T).reshape(*J.shape[:2], -1)  # (N, C, K)
        white = white.reshape(J.shape)
        return white @ white.transpose(0, 2, 1) - told @ told.transpose(0, 2, 1)

    def _deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw z from the whitened prior and correct it by what the data tells, z - V^T M^-1 (V z + e) (Matheron)."""
        z = rng.standard_normal((n_samples, len(self.mean)))
        e = rng.standard_normal((n_samples, len(self._rows)))
        z -= solve_triangular(self._C, (z @ self._V.T + e).T, lower=True).T @ self._U
        return self._unwhitened(z)

    def _whitened(self, rows: Array) -> Array:
        """Return rows L0^-T."""
        if self._root.ndim == 1:
            return rows / self._root
        return solve_triangular(self._root, rows.T, lower=True).T

    def _unwhitened(self, rows: Array) -> Array:
        """Return rows L0^-1."""
        if self._root.ndim == 1:
            return rows / self._root
        return solve_triangular(self._root, rows.T, lower=True, trans="T").T
