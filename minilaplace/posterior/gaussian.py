"""The posterior, a Gaussian: the questions that every posterior answers, and two that hold Cholesky factors.

Minus the log posterior, expanded to second order around its mode theta, is a quadratic: the posterior is close to a
Gaussian centred there, whose precision is the curvature of the loss plus the prior's precision:

    p(theta' | data) ~ N(theta' | theta, Sigma),    Sigma^-1 = Lambda = scale * curvature + prior_precision

Every posterior answers the same questions: precision, covariance and its diagonal, log-determinant, samples, how far
a theta is from the mean, and the covariance of the outputs that it implies, J Sigma J^T, sample by sample or, by its
square root, between samples. Posteriors differ in the factors of Lambda that they hold:

| posterior | holds | for curvatures that are |
|---|---|---|
| `FullPosterior` | the Cholesky factor L of Lambda | any matrix |
| `BlockPosterior` | one `FullPosterior` a layer | block-diagonal |
| `EigenPosterior`, in `structures` | eigenvalues, eigenvectors in factored form | Kronecker-factored, diagonal |
| `LowRankPosterior`, in `structures` | rows G with curvature G^T G | of few rows: low rank, function space |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, solve_triangular
from scipy.linalg.lapack import dpotri

from ..network.jacobian import FactoredRows
from ..network.layer_pairs import PairQuadratic, in_pairs, symmetrise
from ..network.products import product
from ..validation import Array
from .cholesky import cholesky


class Posterior(ABC):
    """N(mean, Lambda^-1), a Gaussian over P_s parameters.

    Attributes
    ----------
    mean
        (P_s,), read-only.
    factored
        Whether predictions use the Jacobian's rows as their factors alone, and never write them out.
    room
        How many numbers a batch of a prediction may take, if more than usual: a share of the posterior's own memory.
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
    def squared_distance(self, deviations: Array) -> Array:
        """Return d^T Lambda d for deviations d (S, P_s) from the mean, (S,): minus twice the log density's exponent."""

    @abstractmethod
    def functional_root(self, rows: FactoredRows) -> Array:
        """Return F_n (N, K, r) with F_n F_m^T = J_n Sigma J_m^T, within and between samples of K rows J_n each."""

    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return J_n Sigma J_n^T for K rows J_n a sample, (N, K, K): from their roots, unless that takes longer."""
        F = self.functional_root(rows)
        return F @ F.transpose(0, 2, 1)

    def functional_variance(self, rows: FactoredRows) -> Array:
        """Return the diagonals of J_n Sigma J_n^T, (N, K)."""
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
    is V^T V with V = L^-1 J^T. For many rows J it is less work to compute Sigma once, from L.
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
        return product(self._factor, self._factor.T)

    def covariance(self) -> Array:
        """Return (L L^T)^-1, (P_s, P_s)."""
        upper, _ = dpotri(self._factor.T, lower=0)
        return symmetrise(upper.T)

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return np.diagonal(self.covariance()).copy()

    def functional_root(self, rows: FactoredRows) -> Array:
        """Return the transposes of L^-1 J_n^T, (N, K, P_s)."""
        return self._solved(rows).transpose(2, 1, 0)

    def squared_distance(self, deviations: Array) -> Array:
        """Return |L^T d|^2, (S,)."""
        return ((deviations @ self._factor) ** 2).sum(axis=1)

    def functional_variance(self, rows: FactoredRows) -> Array:
        """Return the diagonals of J_n Sigma J_n^T, (N, K)."""
        return self.functional_covariance(rows, diagonal=True)

    def functional_covariance(self, rows: FactoredRows, diagonal: bool = False) -> Array:
        """Return J Sigma J^T or its diagonals: from V = L^-1 J^T, from Sigma J^T, or from Sigma by pairs of layers."""
        # To solve with L takes P^2 operations a row; to compute Sigma takes 2/3 P^3, once.
        few = 3 * len(rows.deltas[0]) * rows.n_each < 2 * len(self.mean)
        if not few and in_pairs(rows):
            if self._pairs is None:
                self._pairs = PairQuadratic(self._sigma, rows.shapes)
            return self._pairs(rows, diagonal)
        if few:
            left = right = self._solved(rows)
        else:
            right = rows.written()  # (P_s, K, N)
            left = product(self._sigma, right.reshape(len(right), -1)).reshape(right.shape)
        return np.einsum("pkn,pkn->nk" if diagonal else "pkn,pln->nkl", left, right)

    def _solved(self, rows: FactoredRows) -> Array:
        """Return L^-1 J^T, (P_s, K, N)."""
        J = rows.written()
        flat = J.reshape(len(J), -1)
        return solve_triangular(self._factor, flat, lower=True, overwrite_b=True, check_finite=False).reshape(J.shape)

    @cached_property
    def _sigma(self) -> Array:
        return self.covariance()

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Return L^-T z for white noise z, (S, P_s)."""
        noise = rng.standard_normal((len(self.mean), n_samples))
        return solve_triangular(self._factor, noise, lower=True, trans="T").T


class BlockPosterior(Posterior):
    """Independent layers, each with a posterior of its own: `layers` are the positions of its parameters."""

    def __init__(self, mean: Array, layers: Sequence[NDArray[np.intp]], parts: Sequence[Posterior]) -> None:
        super().__init__(mean)
        self._parts, self._layers = parts, layers
        self._order = np.argsort(np.concatenate(layers))  # (P_s,) positions in the layers' parameters side by side

    @property
    def log_det_precision(self) -> float:
        """The sum of the layers' log-determinants."""
        return sum(part.log_det_precision for part in self._parts)

    def precision(self) -> Array:
        """Return the layers' precisions and zeros between them, (P_s, P_s)."""
        return block_diag(*(part.precision() for part in self._parts))[np.ix_(self._order, self._order)]

    def covariance(self) -> Array:
        """Return the layers' covariances and zeros between them, (P_s, P_s)."""
        return block_diag(*(part.covariance() for part in self._parts))[np.ix_(self._order, self._order)]

    def variance(self) -> Array:
        """Return the diagonal of the covariance, (P_s,)."""
        return np.concatenate([part.variance() for part in self._parts])[self._order]

    def functional_root(self, rows: FactoredRows) -> Array:
        """Return the layers' roots side by side, (N, K, P_s)."""
        layers = zip(self._parts, rows.layers(), strict=True)
        return np.concatenate([part.functional_root(layer) for part, layer in layers], axis=2)

    def squared_distance(self, deviations: Array) -> Array:
        """Return the sum of the layers' d^T Lambda d, (S,)."""
        layers = zip(self._parts, self._layers, strict=True)
        return np.add.reduce([part.squared_distance(deviations[:, at]) for part, at in layers])

    def functional_covariance(self, rows: FactoredRows) -> Array:
        """Return the sum of the layers' J_n Sigma J_n^T, (N, K, K)."""
        layers = zip(self._parts, rows.layers(), strict=True)
        return np.add.reduce([part.functional_covariance(layer) for part, layer in layers])

    def deviations(self, n_samples: int, rng: np.random.Generator) -> Array:
        """Return each layer's deviations side by side, (S, P_s)."""
        return np.hstack([part.deviations(n_samples, rng) for part in self._parts])[:, self._order]
