"""The posterior, a Gaussian: what every one answers, and those that hold Cholesky factors.

Minus the log posterior, expanded to second order around its mode theta, is a quadratic: the posterior is close to a
Gaussian centred there, whose precision is the curvature of the loss plus the prior's precision:

    p(theta' | data) ~ N(theta' | theta, Sigma),    Sigma^-1 = Lambda = scale * curvature + prior_precision

Every posterior answers the same questions: precision, covariance and its diagonal, log-determinant, samples, and the
covariance of the outputs that it implies, J Sigma J^T. They differ in the factor they hold, and in what that costs:

| posterior | holds | for curvatures that are |
|---|---|---|
| `FullPosterior` | the Cholesky factor L of Lambda | any matrix |
| `BlockPosterior` | one `FullPosterior` a layer | block-diagonal |
| `EigenPosterior`, in `structures` | eigenvalues, an orthogonal basis in factored form | Kronecker-factored, diagonal |
| `LowRankPosterior`, there too | rows G with curvature G^T G | of few rows: low rank, function space |

The inverse itself is never needed; `covariance` is there to look at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotri

from ..network.jacobian import FactoredRows
from ..network.layer_pairs import PairQuadratic, in_pairs, symmetrise
from ..validation import Array
from .cholesky import cholesky


class Posterior(ABC):
    """N(mean, Lambda^-1), a Gaussian over P_s parameters.

    Attributes
    ----------
    mean
        (P_s,), read-only.
    factored
        Whether predictions need the factors of the Jacobian's rows alone, and these are never written out.
    room
        How many numbers may be worked on at a time, if these are more than usual: a share of what itself takes.
    """

    factored = False
    room = 0

    def __init__(self, mean: Array) -> None:
        self.mean = mean.copy()
        self.mean.setflags(write=False)

    @property
    @abstractmethod
    def log_det_precision(self) -> float:
        """Log det Lambda."""

    @abstractmethod
    def precision(self) -> Array:
        """Return Lambda, (P_s, P_s)."""

    @abstractmethod
    def covariance(self) -> Array:
        """Return Sigma = Lambda^-1, (P_s, P_s)."""

    @abstractmethod
    def variance(self) -> Array:
        """Return the diagonal of Sigma, (P_s,)."""

    @abstractmethod
    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return J_n Sigma J_n^T for K rows J_n a sample, (N, K, K)."""

    def functional_variance(self, rows: FactoredRows) -> Array:
        """Return the diagonals of `functional_covariance`, (N, C)."""
        return np.diagonal(self.functional_covariance(rows), axis1=1, axis2=2)

    def sample(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw parameter vectors, (S, P_s)."""
        return self.mean + self.deviations(n_samples, rng)

    @abstractmethod
    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw from N(0, Sigma), (S, P_s)."""


class FullPosterior(Posterior):
    """One Cholesky factor, Lambda = L L^T, serves every question.

    The log-determinant comes from its diagonal, 2 sum_i log L_ii, samples are L^-T times white noise, and J Sigma J^T
    is V^T V with V = L^-1 J^T. For many rows J it is less work to make Sigma once, from L.
    """

    def __init__(
        self, mean: Array, curvature: Array, prior: Array | float = 0.0, scale: float = 1.0, of_squares: bool = False
    ) -> None:
        super().__init__(mean)
        self._factor = cholesky(curvature, prior, scale, of_squares)
        self._pairs: PairQuadratic | None = None
        self.room = self._factor.size // 4

    @property
    def log_det_precision(self) -> float:
        """Log det Lambda = 2 sum_i log L_ii."""
        return float(2 * np.log(np.diagonal(self._factor)).sum())

    def precision(self) -> Array:
        """Return L L^T, (P_s, P_s)."""
        return self._factor @ self._factor.T

    def covariance(self) -> Array:
        """Return (L L^T)^-1, (P_s, P_s)."""
        return symmetrise(self._inverse())

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return np.diagonal(self._inverse()).copy()

    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return J_n Sigma J_n^T, (N, K, K)."""
        if rows.n_each > 1 and in_pairs(rows) and not self._are_few(rows):
            return self._by_pairs(rows)
        left, right = self._products(rows)
        return np.einsum("pkn,pln->nkl", left, right)

    def functional_variance(self, rows: FactoredRows) -> Array:
        """Return the diagonals of `functional_covariance`, (N, K)."""
        if rows.n_each > 1 and in_pairs(rows) and not self._are_few(rows):
            return self._by_pairs(rows, diagonal=True)
        left, right = self._products(rows)
        return np.einsum("pkn,pkn->nk", left, right)

    def _products(self, rows: FactoredRows) -> tuple[Array, Array]:
        """Return (P_s, K, N) arrays whose products, summed over P_s, are J Sigma J^T: V twice, or Sigma J^T and J^T."""
        J = rows.written()  # (P_s, K, N)
        flat = J.reshape(len(J), -1)
        if self._are_few(rows):
            V = solve_triangular(self._factor, flat, lower=True, overwrite_b=True).reshape(J.shape)
            return V, V
        return (self._whole_covariance @ flat).reshape(J.shape), J

    def _are_few(self, rows: FactoredRows) -> bool:
        """Return whether to solve with L, P^2 operations a row, is less work than Sigma itself is to make, 2/3 P^3."""
        return 3 * len(rows.deltas[0]) * rows.n_each < 2 * len(self.mean)

    def _inverse(self) -> Array:
        """Return the lower triangle of the covariance."""
        upper, _ = dpotri(self._factor.T, lower=0)
        return upper.T

    @cached_property
    def _whole_covariance(self) -> Array:
        return self.covariance()

    def _by_pairs(self, rows: FactoredRows, *, diagonal: bool = False) -> Array:
        """Return J Sigma J^T from the blocks of Sigma between pairs of layers."""
        if self._pairs is None:
            self._pairs = PairQuadratic(self._whole_covariance, rows.shapes)
        return self._pairs(rows, diagonal)

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Return L^-T z for white noise z, (S, P_s)."""
        noise = rng.standard_normal((len(self.mean), n_samples))
        return solve_triangular(self._factor, noise, lower=True, trans="T").T


class BlockPosterior(Posterior):
    """Independent layers, each with a `FullPosterior`; `layers` says where each one's parameters stand."""

    def __init__(
        self,
        mean: Array,
        layers: Sequence[NDArray[np.intp]],
        curvatures: Sequence[Array],
        prior: Array,
        scale: float,
        of_squares: bool,
    ) -> None:
        super().__init__(mean)
        self._layers = layers
        parts = zip(layers, curvatures, strict=True)
        self._parts = [FullPosterior(mean[at], part, prior[at], scale, of_squares) for at, part in parts]

    @property
    def log_det_precision(self) -> float:
        """The sum of the layers' log-determinants."""
        return sum(part.log_det_precision for part in self._parts)

    def precision(self) -> Array:
        """Return the blocks' precisions and zeros between them, (P_s, P_s)."""
        return self._assembled([part.precision() for part in self._parts])

    def covariance(self) -> Array:
        """Return the blocks' covariances and zeros between them, (P_s, P_s)."""
        return self._assembled([part.covariance() for part in self._parts])

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return self._joined([part.variance() for part in self._parts])

    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return the sum of the layers' J_n Sigma J_n^T, (N, K, K)."""
        layers = zip(self._parts, rows.layers(), strict=True)
        return np.add.reduce([part.functional_covariance(layer) for part, layer in layers])

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Return each layer's deviations side by side, (S, P_s)."""
        return self._joined([part.deviations(n_samples, rng) for part in self._parts])

    def _assembled(self, matrices: list[Array]) -> Array:
        whole = np.zeros((len(self.mean),) * 2)
        for at, matrix in zip(self._layers, matrices, strict=True):
            whole[np.ix_(at, at)] = matrix
        return whole

    def _joined(self, vectors: list[Array]) -> Array:
        whole = np.empty((*vectors[0].shape[:-1], len(self.mean)))
        for at, vector in zip(self._layers, vectors, strict=True):
            whole[..., at] = vector
        return whole
