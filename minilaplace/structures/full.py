"""What every structure answers, and those that keep the whole curvature or its blocks.

A structure adds up the curvature M (P_s, P_s) of the data, or an approximation of M that takes less memory, and makes a
posterior of the sum. All have the same methods, so that nothing else in the library asks which one it holds:

| structure | keeps of M = sum_n J_n^T Lambda_n J_n | memory | posterior |
|---|---|---|---|
| `full` | the whole matrix | P^2 | `FullPosterior` |
| `blockdiag` | the exact block of every layer | sum_l P_l^2 | `BlockPosterior` |
| `kron` | B (x) A for a layer's W, B for its b | sum_l H_l^2 + I_l^2 | `EigenPosterior` |
| `diag` | the diagonal | P | `EigenPosterior` |
| `lowrank` | the largest eigenvalues and their eigenvectors | P^2 to find them | `LowRankPosterior` |
| `gp` | the whole matrix, as the rows R_n J_n | N C P, for N C < P | `LowRankPosterior` |

The first two are here, the next two in `kronecker.py`, the last two in `low_rank.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from ..curvature import Contribution, add_gram
from ..network.jacobian import FactoredRows
from ..network.layer_pairs import symmetrise
from ..network.subset import Subset
from ..posterior.cholesky import not_positive_definite, resolved, rounding_of
from ..posterior.gaussian import BlockPosterior, FullPosterior, Posterior
from ..validation import Array, refusal

FACTORS = 7  # how many Cholesky factors take as long as the eigenvalues


class Structure(ABC):
    """The curvature of the data as a sum over samples; the sums of two shards of the data add.

    Attributes
    ----------
    parts
        The arrays that hold the sum, which are saved and added.
    factored
        Whether the Jacobian's rows are used as their factors alone, and never written out.
    of_squares
        Whether the sum is known to be one of squares, so that no eigenvalue is negative.
    """

    factored = False
    _n_log_dets = 0  # how many were asked for

    def __init__(self, subset: Subset, rank: int | None = None) -> None:
        self.subset, self.rank = subset, rank
        self.parts: list[Array] = self._zeros()
        self.of_squares = True

    @abstractmethod
    def _zeros(self) -> list[Array]:
        """Return the parts of a sum over no data."""

    @abstractmethod
    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        """Add sum_n (R_n J_n)^T (R_n J_n), where the rows R_n are times the root of their samples' weights (N,)."""

    def add_matrix(self, M: Array) -> None:
        """Add a symmetric (P_s, P_s) matrix that is no sum of squares, if the structure can hold one."""
        raise NotImplementedError

    def add_up(self, contributions: Iterable[Contribution]) -> float:
        """Add all contributions, and return the sum of their nll."""
        nll = 0.0
        for rows, weight, second_order, block_nll in contributions:
            self.add_rows(rows, weight)
            if second_order is not None:
                self.add_matrix(second_order)
                self.of_squares = False
            nll += block_nll
        return nll

    def add(self, other: Structure) -> None:
        """Add what another shard of the data has accumulated."""
        self.parts = [mine + yours for mine, yours in zip(self.parts, other.parts, strict=True)]
        self.of_squares = self.of_squares and other.of_squares

    def restore(self, parts: list[Array]) -> None:
        """Replace the parts by those of a sum that was saved; raise a ValueError if their shapes are others."""
        expected, received = ([part.shape for part in some] for some in (self.parts, parts))
        if received != expected:
            raise ValueError(refusal("parts", f"shapes {expected}", received))
        self.parts, self.of_squares = parts, False

    @abstractmethod
    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        """Return N(mean, (scale * M + prior)^-1) for a prior precision (P_s,) or (P_s, P_s)."""

    def eigenspaces(self) -> NDArray[np.intp]:
        """Return labels (P_s,): M has eigenvectors in common with every diagonal prior that is constant on each label.

        By default all parameters have the same one.
        """
        return np.zeros(len(self.subset.indices), dtype=np.intp)

    @property
    @abstractmethod
    def eigenvalues(self) -> Array:
        """The eigenvalues of M, (P_s,), each at a parameter of its eigenspace; those within rounding of 0 are 0.

        They are computed on first use, after all data has been added.
        """

    def eigenvectors(self) -> list[tuple[Array, Array]]:
        """Return the eigenvectors of M as pairs (U_B, U_A): the blocks U_B (x) U_A of Q, beside `eigenvalues`.

        They are in the order of theta, of which whole layers are uncertain. `lowrank` and `gp` have none to return.
        """
        raise NotImplementedError

    @property
    def rounding(self) -> Array:
        """A bound of each eigenvalue's rounding error, (P_s,)."""
        return np.zeros(len(self.subset))

    def is_resolved(self, prior: Array, scale: float) -> bool:
        """Return whether the eigenvalues of scale * M + prior, (P_s,) or (P_s, P_s), have enough correct digits."""
        weakest = prior if prior.ndim == 1 else eigvalsh(prior, subset_by_index=[0, 0])
        return resolved(scale * self.rounding, scale * np.abs(self.eigenvalues) + weakest)

    def log_det(self, prior: Array, scale: float) -> float:
        """Return log det(scale * M + prior), from a posterior, or from M's eigenvalues if there are or will be many."""
        self._n_log_dets += 1
        many = "eigenvalues" in vars(self) or self._n_log_dets > FACTORS
        if many and self._shares_eigenvectors(prior) and self.is_resolved(prior, scale):
            return self.log_det_and_traces(prior, scale, np.zeros(len(self.subset), dtype=np.intp))[0]
        return self.posterior(np.zeros(len(self.subset)), prior, scale).log_det_precision

    def log_det_and_traces(self, prior: Array, scale: float, groups: NDArray[np.intp]) -> tuple[float, Array]:
        """Return log det(scale * M + prior), and for each group of parameters the sum of its posterior variances.

        `groups` are labels (P_s,) from 0 on. Where neither these nor the prior, (P_s,), vary within an eigenspace, both
        come from the eigenvalues of M, which are computed once, in O(P_s); otherwise from a new posterior.
        """
        if self._shares_eigenvectors(prior, groups):
            eigenvalues = scale * self.eigenvalues + prior
            if not np.all(eigenvalues > 0):
                raise not_positive_definite(eigenvalues.min())
            log_det, variances = float(np.log(eigenvalues).sum()), 1 / eigenvalues
        else:
            posterior = self.posterior(np.zeros(len(self.subset)), prior, scale)
            log_det, variances = posterior.log_det_precision, posterior.variance()
        return log_det, np.bincount(groups, variances).astype(float)

    def _shares_eigenvectors(self, prior: Array, *more: NDArray[Any]) -> bool:
        """Return whether this is a prior (P_s,) that, as all others that are given, is constant on each eigenspace."""
        _, first, space = np.unique(self.eigenspaces(), return_index=True, return_inverse=True)
        return prior.ndim == 1 and all(np.array_equal(v, v[first][space]) for v in (prior, *more))


class Full(Structure):
    """The whole (P_s, P_s) matrix, as its lower triangle: one block, as all parameters are in one eigenspace."""

    def _blocks(self) -> list[NDArray[np.intp]]:
        """Return for each part the positions of its parameters among the P_s."""
        return [np.arange(len(self.subset))]

    def _zeros(self) -> list[Array]:
        return [np.zeros((len(at),) * 2) for at in self._blocks()]

    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        add_gram(self.parts[0], rows)

    def add_matrix(self, M: Array) -> None:
        self.parts[0] += M

    def matrix(self) -> Array:
        """Return M, (P_s, P_s)."""
        M = np.zeros((len(self.subset),) * 2)
        for part, at in zip(self.parts, self._blocks(), strict=True):
            M[np.ix_(at, at)] = part
        return symmetrise(M)

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        return FullPosterior(mean, self.parts[0], prior, scale, self.of_squares)

    @cached_property
    def eigenvalues(self) -> Array:
        eigenvalues = np.empty(len(self.subset))
        for part, at in zip(self.parts, self._blocks(), strict=True):
            eigenvalues[at] = without_rounding(eigvalsh(part), len(at))
        return eigenvalues

    def eigenvectors(self) -> list[tuple[Array, Array]]:
        return [(np.eye(1), np.linalg.eigh(part)[1]) for part in self.parts]

    @property
    def rounding(self) -> Array:
        error = np.empty(len(self.subset))
        for at in self._blocks():
            error[at] = rounding_of(np.abs(self.eigenvalues[at]).max(), len(at))
        return error


class BlockDiag(Full):
    """The exact block of every layer, each as its lower triangle."""

    def _blocks(self) -> list[NDArray[np.intp]]:
        layers = self.eigenspaces()
        return [np.flatnonzero(layers == l) for l in np.unique(layers)]

    def add_rows(self, rows: FactoredRows, weight: Array) -> None:
        for layer, part in zip(rows.layers(), self.parts, strict=True):
            add_gram(part, layer)

    def add_matrix(self, M: Array) -> None:
        for part, at in zip(self.parts, self._blocks(), strict=True):
            part += M[np.ix_(at, at)]

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        prior, blocks = diagonal_prior(prior, "blockdiag"), self._blocks()
        layers = zip(blocks, self.parts, strict=True)
        parts = [FullPosterior(mean[at], part, prior[at], scale, self.of_squares) for at, part in layers]
        return BlockPosterior(mean, blocks, parts)

    def eigenspaces(self) -> NDArray[np.intp]:
        return self.subset.tensors() // 2  # a layer's W and b


def without_rounding(eigenvalues: Array, size: int) -> Array:
    """Return eigenvalues of a matrix of this size with zeros where there is nothing but rounding."""
    sizes = np.abs(eigenvalues)
    return np.where(sizes <= rounding_of(sizes.max(), size), 0, eigenvalues)


def diagonal_prior(prior: Array, structure: str) -> Array:
    """Return a prior precision that is a vector, or say that this structure takes no other."""
    if prior.ndim == 2:
        expected = f"a diagonal prior for hessian_structure={structure!r} ('full', 'lowrank' and 'gp' take any)"
        raise ValueError(refusal("prior_precision", expected, f"shape {prior.shape}"))
    return prior
