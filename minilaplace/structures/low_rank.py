"""Curvatures G^T G of few rows: the largest eigenvectors, and the function-space view.

A curvature G^T G of fewer rows than P needs algebra in as many dimensions as there are rows. In `LowRank` these are the
largest eigenvectors of M. In `FunctionSpace` they are all back-propagated rows R_n J_n of the data, so that G^T G = M;
then G G^T is the kernel matrix of a Gaussian process, and the cost grows with N C instead of P.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, eigh, qr, solve_triangular, svdvals
from scipy.linalg import cholesky as scipy_cholesky
from scipy.sparse.linalg import ArpackError, eigsh

from ..network.jacobian import FactoredRows, batches
from ..posterior.cholesky import cholesky, not_resolved, rounding_of
from ..posterior.gaussian import FullPosterior, Posterior
from ..validation import NOT_DENSE, Array, check_dense, refusal
from .full import Full, Structure, without_rounding

DEFAULT_RANK = 10
FEW, ITERATIONS = 40, 15  # of more eigenvalues, or after more restarts, `eigh` is the faster way


class LowRank(Full):
    """The `rank` largest eigenvalues of M, as far as they are positive; M itself is added up to find them.

    Methods that do without M depend on the order of the data, and their results for two shards could not be added.
    """

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        values, vectors = self._largest
        if not self.is_resolved(prior, scale):
            raise not_resolved()
        return LowRankPosterior(mean, np.sqrt(scale * values)[:, None] * vectors.T, prior)

    @cached_property
    def eigenvalues(self) -> Array:
        """The eigenvalues that are kept, and zeros."""
        return _padded(self._largest[0], len(self.subset))

    @property
    def rounding(self) -> Array:
        """The same bound for all eigenvalues that are kept; the others are exactly 0."""
        values, P = self._largest[0], len(self.subset)
        return _padded(np.full(len(values), rounding_of(values.max(), P)), P)

    @cached_property
    def _largest(self) -> tuple[Array, Array]:
        """The eigenvalues that are kept, and their eigenvectors (P_s, rank)."""
        P = len(self.subset)
        values, vectors = _largest_of(self.matrix(), min(self.rank or DEFAULT_RANK, P))
        return without_rounding(np.maximum(values, 0), P), vectors


def _largest_of(M: Array, kept: int) -> tuple[Array, Array]:
    """Return the largest eigenvalues of M (P, P) and their eigenvectors (P, kept); few of many by Lanczos' iteration.

    It may miss one that is repeated, as those of a regression of several outputs are. Whether all that are left are
    smaller, so that none was missed, is told by a Cholesky factor; if not, `eigh` finds them in M itself.
    """
    P = len(M)
    if FEW * kept < P:
        try:
            start = np.random.default_rng(0).standard_normal(P)
            values, vectors = eigsh(M, kept, which="LA", v0=start, maxiter=ITERATIONS)
            left = (vectors * values) @ vectors.T - M
            left.flat[:: P + 1] += values.min() + rounding_of(values.max(), P)
            scipy_cholesky(left, overwrite_a=True)
            return values, vectors
        except (ArpackError, np.linalg.LinAlgError):
            pass
    return eigh(M, subset_by_index=[P - kept, P - 1])


class FunctionSpace(Structure):
    """M = G^T G, held as its rows G (N K, P_s); the parts are the rows of each batch."""

    def _zeros(self) -> list[Array]:
        return []

    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        self.parts.append(rows.dense().reshape(-1, len(self.subset)))

    def add(self, other: Structure) -> None:
        self.parts = self.parts + other.parts

    def restore(self, parts: list[Array]) -> None:
        P = len(self.subset)
        if any(part.shape[1:] != (P,) for part in parts):
            raise ValueError(refusal("parts", f"shapes (N K, {P})", [part.shape for part in parts]))
        self.parts = parts

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        G = np.sqrt(scale) * np.concatenate(self.parts)
        if len(G) >= len(mean) and prior.ndim == 1 and _is_mild(_squares(G) / prior):
            return FullPosterior(mean, G.T @ G, prior, of_squares=True)
        return LowRankPosterior(mean, G, prior)

    @cached_property
    def eigenvalues(self) -> Array:
        """The squares of the singular values of G, and zeros."""
        return _padded(svdvals(np.concatenate(self.parts)) ** 2, len(self.subset))

    @property
    def rounding(self) -> Array:
        """An error e of a singular value s changes its square by at most 2 s e + e^2."""
        s = np.sqrt(self.eigenvalues)
        error = rounding_of(s.max(), len(s))
        return 2 * s * error + error**2


def _is_mild(squares: Array) -> bool:
    """Return whether Cholesky factors of I + V^T V and I + V V^T keep nine digits, so that there is no need of V's QR.

    `squares` is the diagonal of V^T V, (P,). No eigenvalue is below 1, so that rounding moves variances, relatively, by
    eps sqrt(P) (1 + max squares) at most.
    """
    return bool(np.finfo(float).eps * np.sqrt(len(squares)) * (1 + squares.max()) <= 1e-9)


def _squares(rows: Array) -> Array:
    """Return the sums of the squares of the columns, (P,)."""
    return np.einsum("kp,kp->p", rows, rows)


def _padded(values: Array, P: int) -> Array:
    """Return the values and as many zeros as make them P."""
    return np.pad(values, (0, P - len(values)))


class LowRankPosterior(Posterior):
    """Lambda = G^T G + prior for K rows G (K, P_s), by algebra in k = min(K, P_s) dimensions.

    With prior = L0 L0^T, whitened rows V = G L0^-T, their QR decomposition V^T = Q T, and I + T T^T = L L^T:

        Sigma = L0^-T [(I - Q Q^T) + Q (L L^T)^-1 Q^T] L0^-1,    log det Lambda = log det L L^T + log det prior

    In whitened coordinates the data gives the directions Q (P_s, k) the precision L L^T; all directions orthogonal to Q
    keep the prior's precision I. Woodbury's identity has I - V^T (I + V V^T)^-1 V for the bracket, a difference of
    nearly equal numbers where the prior is weak. In the form above variances are sums of squares.

    The QR decomposition of a matrix whose rows and columns have very different sizes keeps the digits of the small ones
    if its rows are in order of size and its columns are pivoted (Cox and Higham, 1998). T's rows are then in order of
    size, too, and its Cholesky factor L keeps their digits.
    """

    def __init__(self, mean: Array, rows: Array, prior: Array) -> None:
        super().__init__(mean)
        self._rows, self._prior = rows, prior
        self._root = np.sqrt(prior) if prior.ndim == 1 else cholesky(prior)  # L0
        self._V = self._whitened(rows)
        squares = _squares(self._V)
        order = np.argsort(-squares)
        # T T^T does not see the pivoting.
        Q, T, *_ = qr(self._V.T[order], mode="economic", pivoting=not _is_mild(squares))
        self._Q, self._L = Q[np.argsort(order)], cholesky(T @ T.T, 1.0)

    @property
    def log_det_precision(self) -> float:
        """Log det L L^T + log det L0 L0^T, each twice the sum of the logarithms of the factor's diagonal."""
        of_prior = self._root if self._root.ndim == 1 else np.diagonal(self._root)
        return float(2 * (np.log(np.diagonal(self._L)).sum() + np.log(of_prior).sum()))

    def precision(self) -> Array:
        """Return G^T G + prior, (P_s, P_s)."""
        check_dense("posterior", len(self.mean), NOT_DENSE)
        return self._rows.T @ self._rows + (np.diag(self._prior) if self._prior.ndim == 1 else self._prior)

    def covariance(self) -> Array:
        check_dense("posterior", len(self.mean), NOT_DENSE)
        F = self._times_root(np.eye(len(self.mean)))
        return F @ F.T

    def variance(self) -> Array:
        """Return the diagonal of Sigma, (P_s,), for some rows of the identity at a time."""
        P = len(self.mean)
        units = (np.eye(batch.stop - batch.start, P, batch.start) for batch in batches(P, 3 * P))
        return np.concatenate([(self._times_root(unit) ** 2).sum(axis=1) for unit in units])

    def squared_distance(self, deviations: Array) -> Array:
        """Return |G d|^2 + |L0^T d|^2, (S,)."""
        scaled = deviations * self._root if self._root.ndim == 1 else deviations @ self._root
        return ((deviations @ self._rows.T) ** 2).sum(axis=1) + (scaled**2).sum(axis=1)

    def functional_root(self, rows: FactoredRows) -> Array:
        J = rows.dense()  # (N, K, P_s)
        return self._times_root(J.reshape(-1, J.shape[2])).reshape(*J.shape[:2], -1)

    def _times_root(self, rows: Array) -> Array:
        """Return W (I - Q Q^T) and W Q L^-T side by side, W = rows L0^-T: F (M, P_s + k), F F^T = rows Sigma rows^T."""
        W, (P, k) = self._whitened(rows), self._Q.shape
        along_Q, F = W @ self._Q, np.empty((len(rows), P + k))
        np.subtract(W, along_Q @ self._Q.T, out=F[:, :P])
        F[:, P:] = solve_triangular(self._L, along_Q.T, lower=True, check_finite=False).T  # what overflows stays so
        return F

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw from N(0, Sigma), (S, P_s), by Matheron's rule.

        For white noise z (P_s,) and e (K,), in whitened coordinates, z along Q becomes (L L^T)^-1 Q^T (z - V^T e).
        """
        z = rng.standard_normal((n_samples, len(self.mean)))
        e = rng.standard_normal((n_samples, len(self._rows)))
        along_Q = cho_solve((self._L, True), self._Q.T @ (z - e @ self._V).T).T
        return self._whitened(z + (along_Q - z @ self._Q) @ self._Q.T, transposed=True)

    def _whitened(self, rows: Array, transposed: bool = False) -> Array:
        """Return rows L0^-T, or `transposed` rows L0^-1."""
        if self._root.ndim == 1:
            return rows / self._root
        return solve_triangular(self._root, rows.T, lower=True, trans=int(transposed), check_finite=False).T
