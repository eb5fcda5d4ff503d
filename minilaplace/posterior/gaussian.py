"""*From Bayesian Logistic Regression ...*, Taylor expansion to a Gaussian: the posterior.

Minus the log posterior, expanded to second order around its mode theta, is a quadratic: the posterior is close to a
Gaussian centred there, whose precision is the curvature of the loss plus the prior's precision:

    p(theta' | data) ~ N(theta' | theta, Sigma),    Sigma^-1 = Lambda = scale * curvature + prior_precision

Every posterior answers the same questions: precision, covariance and its diagonal, log-determinant, samples, and the
covariance of the outputs that it implies, J Sigma J^T. They differ in the factor they hold, and in what that costs:

| posterior | holds | for curvatures that are |
|---|---|---|
| `FullPosterior` | the Cholesky factor L of Lambda | any matrix |
| `BlockPosterior` | one `FullPosterior` a layer | block-diagonal |
| `EigenPosterior` (`kronecker.py`) | eigenvalues, an orthogonal basis in factored form | Kronecker-factored, diagonal |
| `LowRankPosterior` (`low_rank.py`) | rows G with curvature G^T G | of few rows: low rank, function space |

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
from ..network.layer_pairs import PairQuadratic, symmetrise
from ..validation import Array
from .cholesky import cholesky


class Posterior(ABC):
    """N(mean, Lambda^-1), a Gaussian over P_s parameters.

    Attributes
    ----------
    mean
        (P_s,), read-only.
    log_det_precision
        log det Lambda.
    factored
        Whether the factors of the Jacobian's rows are enough to predict, and these are never written out.
    """

    factored = False
    log_det_precision: float

    def __init__(self, mean: Array) -> None:
        self.mean = mean.copy()
        self.mean.setflags(write=False)

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
    def functional_covariance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return J_n Sigma J_n^T, (N, C, C); `n_rows`, if these rows are a block of so many, tells what may pay."""

    def functional_variance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return the diagonals of `functional_covariance`, (N, C)."""
        return np.diagonal(self.functional_covariance(jacobian, n_rows), axis1=1, axis2=2)

    def sample(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw parameter vectors, (S, P_s)."""
        return self.mean + self._deviations(n_samples, rng)

    @abstractmethod
    def _deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Draw from N(0, Sigma), (S, P_s)."""


class FullPosterior(Posterior):
    """One Cholesky factor, Lambda = L L^T, serves every question.

    The log-determinant comes from its diagonal, 2 sum_i log L_ii, samples are L^-T times white noise. J Sigma J^T is
    V^T V with V = L^-1 J^T; for many rows J, Sigma is made once, from L: see `_few`.
    """

    def __init__(
        self, mean: Array, curvature: Array, prior: Array | float = 0.0, scale: float = 1.0, of_squares: bool = False
    ) -> None:
        super().__init__(mean)
        self._factor = cholesky(curvature, prior, scale, of_squares)
        self._pairs: PairQuadratic | None = None
        self.log_det_precision = float(2 * np.log(np.diagonal(self._factor)).sum())

    def precision(self) -> Array:
        """Return L L^T, (P_s, P_s)."""
        return self._factor @ self._factor.T

    def covariance(self) -> Array:
        """Return (L L^T)^-1, (P_s, P_s)."""
        return symmetrise(self._inverse())

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return np.diagonal(self._inverse()).copy()

    def functional_covariance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return J_n Sigma J_n^T, (N, C, C): of many rows by pairs of layers or, if that is cheaper, J times Sigma."""
        if self._few(jacobian, n_rows):
            V = self._solved(jacobian)
            return np.einsum("pcn,pdn->ncd", V, V)
        if jacobian.in_pairs:
            return self._by_pairs(jacobian)(jacobian.inputs, jacobian.deltas)
        J = jacobian.written()  # (P_s, C, N)
        return np.einsum("pcn,pdn->ncd", self._covariance_times(J), J)

    def functional_variance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return the diagonals of `functional_covariance`, (N, C)."""
        if self._few(jacobian, n_rows):
            return (self._solved(jacobian) ** 2).sum(axis=0).T
        if jacobian.in_pairs:
            return self._by_pairs(jacobian)(jacobian.inputs, jacobian.deltas, diagonal=True)
        J = jacobian.written()
        return np.einsum("pcn,pcn->nc", self._covariance_times(J), J)

    def _few(self, jacobian: FactoredRows, n_rows: int | None) -> bool:
        """Return whether to solve with L, P^2 operations a row, is less work than Sigma itself is to make, 2/3 P^3."""
        return 3 * (jacobian.n_rows if n_rows is None else n_rows) < 2 * len(self.mean)

    def _solved(self, jacobian: FactoredRows) -> Array:
        """Return V = L^-1 J^T, (P_s, C, N)."""
        J = jacobian.written()
        return solve_triangular(self._factor, J.reshape(len(J), -1), lower=True, overwrite_b=True).reshape(J.shape)

    def _inverse(self) -> Array:
        """Return the lower triangle of the covariance."""
        upper, _ = dpotri(self._factor.T, lower=0)
        return upper.T

    def _covariance_times(self, J: Array) -> Array:
        return (self._whole_covariance @ J.reshape(len(J), -1)).reshape(J.shape)

    @cached_property
    def _whole_covariance(self) -> Array:
        return self.covariance()

    def _by_pairs(self, jacobian: FactoredRows) -> PairQuadratic:
        if self._pairs is None:
            self._pairs = PairQuadratic(self._whole_covariance, jacobian.shapes)
        return self._pairs

    def _deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((len(self.mean), n_samples))
        return solve_triangular(self._factor, noise, lower=True, trans="T").T


class BlockPosterior(Posterior):
    """Independent layers, each with a `FullPosterior`; `blocks` says where each one's parameters stand."""

    def __init__(
        self,
        mean: Array,
        blocks: Sequence[NDArray[np.intp]],
        curvatures: Sequence[Array],
        prior: Array,
        scale: float,
        of_squares: bool,
    ) -> None:
        super().__init__(mean)
        self._blocks = blocks
        parts = zip(blocks, curvatures, strict=True)
        self._parts = [FullPosterior(mean[at], part, prior[at], scale, of_squares) for at, part in parts]
        self.log_det_precision = sum(part.log_det_precision for part in self._parts)

    def precision(self) -> Array:
        """Return the blocks' precisions and zeros between them, (P_s, P_s)."""
        return self._assembled([part.precision() for part in self._parts])

    def covariance(self) -> Array:
        """Return the blocks' covariances and zeros between them, (P_s, P_s)."""
        return self._assembled([part.covariance() for part in self._parts])

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return self._joined([part.variance() for part in self._parts])

    def functional_covariance(self, jacobian: FactoredRows, n_rows: int | None = None) -> Array:
        """Return the sum of the layers' J_n Sigma J_n^T, (N, C, C)."""
        layers = zip(self._parts, jacobian.layers(), strict=True)
        return np.add.reduce([part.functional_covariance(rows, n_rows) for part, rows in layers])

    def _deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        return self._joined([part._deviations(n_samples, rng) for part in self._parts])

    def _assembled(self, matrices: list[Array]) -> Array:
        whole = np.zeros((len(self.mean),) * 2)
        for at, matrix in zip(self._blocks, matrices, strict=True):
            whole[np.ix_(at, at)] = matrix
        return whole

    def _joined(self, vectors: list[Array]) -> Array:
        whole = np.empty((*vectors[0].shape[:-1], len(self.mean)))
        for at, vector in zip(self._blocks, vectors, strict=True):
            whole[..., at] = vector
        return whole
