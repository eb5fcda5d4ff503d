"""Kronecker factors and diagonals: curvatures whose eigenvectors are known in factored form.

A layer's block of the GGN is sum_n R_n^T R_n (x) a_n a_n^T. KFAC (Martens and Grosse, 2015) replaces the sum of
products by a product of sums,

    M_W = B (x) A,   M_b = B,   A = (1/N) sum_n a_n a_n^T,   B = sum_n R_n^T R_n

With eigenvalues l_A, l_B and eigenvectors U_A, U_B of the factors, the eigenvalues of M_W are the products l_B l_A^T
and its eigenvectors U_B (x) U_A. A prior that is constant on each W and each b adds to the eigenvalues, without an
approximation, and no (P, P) matrix is needed. A diagonal curvature is the special case whose eigenvectors are those of
the identity.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh

from ..model.weights import weighed
from ..network.jacobian import FactoredRows, layer_views
from ..network.products import in_one_matrix, product, rank_k_update
from ..posterior.cholesky import not_positive_definite, not_resolved, rounding_of
from ..posterior.gaussian import Posterior
from ..validation import NOT_DENSE, Array, check_dense, refusal
from .full import Structure, diagonal_prior, without_rounding

Basis = list[tuple[Array, Array]]  # for each layer (U_B (H, H), U_A (I, I))


class Kron(Structure):
    """The parts are N, the sum of the weights, and for every layer B (H, H) and N A = sum_n w_n a_n a_n^T, (I, I).

    Of B and A the lower triangles are added up.
    """

    factored = True

    def _zeros(self) -> list[Array]:
        return [np.zeros(1), *(np.zeros((size, size)) for shape in self.subset.shapes for size in shape)]

    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        """Add to the factor B = sum_n R_n^T R_n of every layer, and to N A = sum_n w_n a_n a_n^T."""
        n_samples, *factors = self.parts
        n_samples += weight.sum()
        for a, R, B, A in zip(rows.inputs, rows.deltas, factors[::2], factors[1::2], strict=True):
            rank_k_update(B, in_one_matrix(R))
            rank_k_update(A, weighed(a, np.sqrt(weight)))

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        prior = diagonal_prior(prior, "kron")
        for values in (part for layer in layer_views(prior, self.subset.shapes) for part in layer):
            if np.ptp(values) > 0:
                expected = "one value on each W and each b for hessian_structure='kron'"
                raise ValueError(refusal("prior_precision", expected, f"{values.min():g} to {values.max():g} on one"))
        if not self.is_resolved(prior, scale):
            raise not_resolved()
        basis = [(U_B, U_A) for _, U_B, _, U_A in self._decomposed]
        return EigenPosterior(mean, scale * self.eigenvalues + prior, basis)

    def eigenspaces(self) -> NDArray[np.intp]:
        return self.subset.tensors()

    @cached_property
    def eigenvalues(self) -> Array:
        """The eigenvalues l_B l_A^T of B (x) A and l_B of B for every layer, in the order of theta."""
        parts = []
        for l_B, _, l_A, _ in self._decomposed:
            parts += [np.outer(l_B, l_A).ravel(), l_B]
        return np.concatenate(parts)

    def eigenvectors(self) -> list[tuple[Array, Array]]:
        return [pair for _, U_B, _, U_A in self._decomposed for pair in ((U_B, U_A), (U_B, np.eye(1)))]

    @property
    def rounding(self) -> Array:
        """By the product rule, from the rounding r of the factors: l_B r_A^T + r_B (l_A + r_A)^T."""
        parts = []
        for l_B, _, l_A, _ in self._decomposed:
            r_B, r_A = rounding_of(l_B.max(), len(l_B)), rounding_of(l_A.max(), len(l_A))
            parts += [(l_B[:, None] * r_A + r_B * (l_A + r_A)).ravel(), np.full(len(l_B), r_B)]
        return np.concatenate(parts)

    @cached_property
    def _decomposed(self) -> list[tuple[Array, ...]]:
        """For every layer l_B, U_B, l_A, U_A: the eigenvalues and eigenvectors of B and of A."""
        n_samples, *factors = self.parts
        return [_decompose(B) + _decompose(A / n_samples) for B, A in zip(factors[::2], factors[1::2], strict=True)]


def _decompose(factor: Array) -> tuple[Array, Array]:
    """Return the eigenvalues and the eigenvectors of a sum of squares, whose eigenvalues are not negative."""
    values, vectors = eigh(factor, driver="evd", check_finite=False)
    return without_rounding(np.maximum(values, 0), len(values)), vectors


class Diag(Structure):
    """The diagonal of M: sums of squared inputs times squared back-propagated rows."""

    factored = True

    def _zeros(self) -> list[Array]:
        return [np.zeros(len(self.subset))]

    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        self.parts[0] += rows.squares()

    def add_matrix(self, M: Array) -> None:
        self.parts[0] += np.diagonal(M)

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        return EigenPosterior(mean, scale * self.parts[0] + diagonal_prior(prior, "diag"))

    def eigenspaces(self) -> NDArray[np.intp]:
        return np.arange(len(self.subset))

    def eigenvectors(self) -> list[tuple[Array, Array]]:
        return [(np.eye(len(self.subset)), np.eye(1))]

    @property
    def eigenvalues(self) -> Array:
        return self.parts[0]


class EigenPosterior(Posterior):
    """Lambda = Q diag(eigenvalues) Q^T, with Q orthogonal.

    For a Kronecker-factored curvature Q has the blocks U_B (x) U_A for a layer's W and U_B for its b; `basis` holds the
    pair (U_B, U_A) of every layer. For a diagonal curvature Q is the identity, and `basis` is None. In the coordinates
    of the basis a layer's inputs are a U_A and its back-propagated rows R U_B. So the Jacobian's rows are still
    factored, and J Sigma J^T is `FactoredRows.quadratic` of the inverse eigenvalues.
    """

    factored = True

    def __init__(self, mean: Array, eigenvalues: Array, basis: Basis | None = None) -> None:
        super().__init__(mean)
        if not np.all(eigenvalues > 0):
            raise not_positive_definite(eigenvalues.min())
        self._eigenvalues, self._basis = eigenvalues, basis

    @property
    def log_det_precision(self) -> float:
        """The sum of the logarithms of the eigenvalues."""
        return float(np.log(self._eigenvalues).sum())

    def precision(self) -> Array:
        """Return Q diag(eigenvalues) Q^T, (P_s, P_s)."""
        return self._dense(self._eigenvalues)

    def covariance(self) -> Array:
        """Return Q diag(1 / eigenvalues) Q^T, (P_s, P_s)."""
        return self._dense(1 / self._eigenvalues)

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,): the sums over i of Q_pi^2 / eigenvalue_i."""
        squares = None if self._basis is None else [(U_B**2, U_A**2) for U_B, U_A in self._basis]
        return _turned(1 / self._eigenvalues, squares)

    def functional_root(self, rows: FactoredRows) -> Array:
        """Return the rows in the basis' coordinates, divided by the square roots of the eigenvalues, (N, K, P_s)."""
        return self._in_basis(rows).dense() / np.sqrt(self._eigenvalues)

    def squared_distance(self, deviations: Array) -> Array:
        """Return the sums over i of eigenvalue_i (Q^T d)_i^2, (S,)."""
        transposed = None if self._basis is None else [(U_B.T, U_A.T) for U_B, U_A in self._basis]
        return _turned(deviations, transposed) ** 2 @ self._eigenvalues

    def functional_covariance(self, rows: FactoredRows) -> Array:
        return self._in_basis(rows).quadratic(1 / self._eigenvalues)

    def functional_variance(self, rows: FactoredRows) -> Array:
        """Return the diagonals of J_n Sigma J_n^T, (N, K), with rows and 1 / eigenvalues in the basis' coordinates."""
        return self._in_basis(rows).quadratic_diagonal(1 / self._eigenvalues)

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Return Q diag(eigenvalues)^-1/2 z for white noise z, (S, P_s)."""
        return _turned(rng.standard_normal((n_samples, len(self.mean))) / np.sqrt(self._eigenvalues), self._basis)

    def _in_basis(self, rows: FactoredRows) -> FactoredRows:
        """Return the Jacobian's rows in the coordinates of the basis."""
        if self._basis is None:
            return rows
        inputs = [product(a, U_A) for a, (_, U_A) in zip(rows.inputs, self._basis, strict=True)]
        flat = [R.reshape(-1, R.shape[2]) for R in rows.deltas]  # (N K, H): one product, not one a sample
        deltas = [product(R, U_B) for R, (U_B, _) in zip(flat, self._basis, strict=True)]
        return FactoredRows(inputs, [R.reshape(-1, rows.n_each, R.shape[1]) for R in deltas])

    def _dense(self, eigenvalues: Array) -> Array:
        """Return Q diag(eigenvalues) Q^T, (P_s, P_s)."""
        check_dense("posterior", len(eigenvalues), NOT_DENSE)
        if self._basis is None:
            return np.diag(eigenvalues)
        Q = block_diag(*(block for U_B, U_A in self._basis for block in (np.kron(U_B, U_A), U_B)))
        return (Q * eigenvalues) @ Q.T


def _turned(vectors: Array, basis: Basis | None) -> Array:
    """Return Q v for vectors v (..., P_s), from the coordinates of the basis: U_B W U_A^T and U_B b for every layer."""
    if basis is None:
        return vectors
    turned = np.empty_like(vectors)
    shapes = [(len(U_B), len(U_A)) for U_B, U_A in basis]
    layers = zip(basis, layer_views(vectors, shapes), layer_views(turned, shapes), strict=True)
    for (U_B, U_A), (W, b), (turned_W, turned_b) in layers:
        turned_W[...], turned_b[...] = U_B @ W @ U_A.T, b @ U_B.T
    return turned
