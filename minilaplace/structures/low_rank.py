"""Curvatures of few rows: the largest eigenvectors, and the function-space view.

A curvature G^T G of K < P rows needs algebra in K dimensions only. Its rows are either the largest eigenvectors of a
matrix, `LowRank`, or the back-propagated rows R_n J_n of the data themselves, `FunctionSpace`: then nothing is lost,
G G^T is the kernel matrix of a Gaussian process, and the cost is in N C instead of P.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr, solve_triangular, svdvals

from ..network.jacobian import FactoredRows, batches
from ..posterior.cholesky import cholesky, rounding_of
from ..posterior.gaussian import Posterior
from ..validation import Array, refusal
from .full import Full, Structure, without_rounding

DEFAULT_RANK = 10


class LowRank(Full):
    """The `rank` largest eigenvalues of M, as far as they are positive; M itself is added up to find them.

    Sketches that do without M depend on the order of the data, and shards of it would not add.
    """

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        values, vectors = self._largest
        self.check_resolved(prior, scale)
        return LowRankPosterior(mean, np.sqrt(scale * values)[:, None] * vectors.T, prior)

    @cached_property
    def eigenvalues(self) -> Array:
        values, _ = self._largest
        return np.pad(values, (0, len(self.subset) - len(values)))

    @property
    def rounding(self) -> Array:
        values, _ = self._largest
        error = rounding_of(values.max(initial=0), len(self.subset))
        return np.pad(np.full(len(values), error), (0, len(self.subset) - len(values)))  # what is not kept is exact

    @cached_property
    def _largest(self) -> tuple[Array, Array]:
        """The eigenvalues that are kept, and their eigenvectors (P_s, rank)."""
        P = len(self.subset)
        kept = min(self.rank or DEFAULT_RANK, P)
        values, vectors = eigh(self.matrix(), subset_by_index=[P - kept, P - 1])
        return without_rounding(np.maximum(values, 0), P), vectors


class FunctionSpace(Structure):
    """M = G^T G as its rows G (N K, P_s), never multiplied out; the parts are pieces of G."""

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

    def eigenspaces(self) -> NDArray[np.intp]:
        return np.zeros(len(self.subset), dtype=np.intp)

    @cached_property
    def eigenvalues(self) -> Array:
        """The squares of the singular values of G, and zeros."""
        G, P = np.concatenate(self.parts), len(self.subset)
        squares = svdvals(G) ** 2
        return np.pad(squares, (0, P - len(squares)))

    @property
    def rounding(self) -> Array:
        """Of a singular value rounding moves its square by twice their product; of none by the square of that."""
        s = np.sqrt(self.eigenvalues)
        error = rounding_of(s.max(initial=0), len(s))
        return 2 * s * error + error**2


class LowRankPosterior(Posterior):
    """Lambda = G^T G + prior for K rows G (K, P_s), by algebra in k = min(K, P_s) dimensions.

    With prior = L0 L0^T, whitened rows V = G L0^-T, and the QR decompositions V^T = Q T and [T^T; I] = O S:

        Sigma = L0^-T [(I - Q Q^T) + Q (S^T S)^-1 Q^T] L0^-1,    log det Lambda = log det S^T S + log det prior

    What the data does not see, the complement of Q (P_s, k), stays as the prior has it; what it sees has the precision
    S^T S = I + T T^T. Woodbury's identity says the same as I - V^T (I + V V^T)^-1 V, a difference of nearly
    equal numbers where the prior is weak. Here nothing is squared and taken off, and variances are sums of squares.
    """

    def __init__(self, mean: Array, rows: Array, prior: Array) -> None:
        super().__init__(mean)
        self._rows, self._prior = rows, prior
        self._root = np.sqrt(prior) if prior.ndim == 1 else cholesky(prior)  # L0
        self._V = self._whitened(rows)
        self._Q, T, _ = qr(self._V.T, mode="economic", pivoting=True)  # T T^T does not see the pivoting
        self._S = qr(np.vstack([T.T, np.eye(len(T))]), mode="r")[0][: len(T)]

    @property
    def log_det_precision(self) -> float:
        """Log det S^T S + log det prior, each twice the sum of the logarithms of its root's diagonal."""
        of_prior = self._root if self._root.ndim == 1 else np.diagonal(self._root)
        return float(2 * (np.log(np.abs(np.diagonal(self._S))).sum() + np.log(of_prior).sum()))

    def precision(self) -> Array:
        """Return G^T G + prior, (P_s, P_s)."""
        return self._rows.T @ self._rows + (np.diag(self._prior) if self._prior.ndim == 1 else self._prior)

    def covariance(self) -> Array:
        """Return Sigma, (P_s, P_s)."""
        factors = self._factors(np.eye(len(self.mean)))
        return np.add.reduce([F @ F.T for F in factors])

    def variance(self) -> Array:
        """Return the diagonal of Sigma, (P_s,), some rows of the identity at a time."""
        P = len(self.mean)
        units = (np.eye(batch.stop - batch.start, P, batch.start) for batch in batches(P, 3 * P))
        return np.concatenate([np.add.reduce([(F**2).sum(axis=1) for F in self._factors(unit)]) for unit in units])

    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return J_n Sigma J_n^T, (N, K, K): what the prior leaves and what the data leaves."""
        J = rows.dense()  # (N, K, P_s)
        factors = [F.reshape(*J.shape[:2], -1) for F in self._factors(J.reshape(-1, J.shape[2]))]
        return np.add.reduce([F @ F.transpose(0, 2, 1) for F in factors])

    def _factors(self, rows: Array) -> list[Array]:
        """Return F_1 = W (I - Q Q^T) and F_2 = W Q S^-1, W = rows L0^-T: rows Sigma rows^T is F_1 F_1^T + F_2 F_2^T."""
        W = self._whitened(rows)
        seen = W @ self._Q
        told = solve_triangular(self._S, seen.T, trans="T").T
        return [W - seen @ self._Q.T, told]

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw z from the whitened prior, and for what the data sees Q (S^T S)^-1 Q^T (z + V^T e) (Matheron)."""
        z = rng.standard_normal((n_samples, len(self.mean)))
        e = rng.standard_normal((n_samples, len(self._rows)))
        seen = (z - e @ self._V) @ self._Q
        told = solve_triangular(self._S, solve_triangular(self._S, seen.T, trans="T")).T
        return self._unwhitened(z + (told - z @ self._Q) @ self._Q.T)

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
