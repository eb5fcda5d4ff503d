"""What every structure answers, and those that keep the whole curvature or its blocks.

A structure adds up the curvature of the data in a form of a certain cost, and turns the sum into a posterior. All
answer the same questions, so that nothing else in the library asks which one it holds:

| structure | keeps of M = sum_n J_n^T Lambda_n J_n | memory | posterior |
|---|---|---|---|
| `full` | everything | P^2 | `FullPosterior` |
| `blockdiag` | the exact block of every layer | sum_l P_l^2 | `BlockPosterior` |
| `kron` | B (x) A for a layer's W, B for its b | sum_l H_l^2 + I_l^2 | `EigenPosterior` |
| `diag` | the diagonal | P | `EigenPosterior` |
| `lowrank` | the largest eigenvalues and their eigenvectors | P^2 to find them | `LowRankPosterior` |
| `gp` | everything, as the rows R_n J_n | N C P, for N C < P | `LowRankPosterior` |

The first two are here, the next two in `kronecker.py`, the last two in `low_rank.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from ..curvature import Contribution, add_gram
from ..network.jacobian import FactoredRows
from ..network.layer_pairs import symmetrise
from ..network.subset import Subset
from ..posterior.cholesky import not_positive_definite, not_resolved, resolved, rounding_of
from ..posterior.gaussian import BlockPosterior, FullPosterior, Posterior
from ..validation import Array, refusal


class Structure(ABC):
    """A sum over the data; sums over shards of the data add.

    Attributes
    ----------
    parts
        The arrays that hold the sum: all there is to save, and to add.
    factored
        Whether it needs the factors of the Jacobian's rows alone, and these are never written out.
    of_squares
        Whether the sum is known to be one of squares, so that no eigenvalue is negative.
    """

    factored = False

    def __init__(self, subset: Subset, rank: int | None = None) -> None:
        self.subset, self.rank = subset, rank
        self.parts: list[Array] = self._zeros()
        self.of_squares = True

    @abstractmethod
    def _zeros(self) -> list[Array]:
        """Return the parts of a sum over no data."""

    @abstractmethod
    def add_rows(self, rows: FactoredRows) -> None:
        """Add sum_n (R_n J_n)^T (R_n J_n)."""

    def add_matrix(self, M: Array) -> None:
        """Add a symmetric (P_s, P_s) matrix that is no sum of squares, where the structure can hold one."""
        raise NotImplementedError

    def add_up(self, contributions: Iterable[Contribution]) -> float:
        """Add all contributions, and return the sum of their nll."""
        nll = 0.0
        for rows, second_order, block_nll in contributions:
            self.add_rows(rows)
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
        """Take over the parts of a sum that was saved, or raise a ValueError if they are not of this structure."""
        expected, received = ([part.shape for part in some] for some in (self.parts, parts))
        if received != expected:
            raise ValueError(refusal("parts", f"shapes {expected}", received))
        self.parts, self.of_squares = parts, False

    @abstractmethod
    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        """Return N(mean, (scale * M + prior)^-1) for a prior precision (P_s,) or (P_s, P_s)."""

    @abstractmethod
    def eigenspaces(self) -> NDArray[np.intp]:
        """Return labels (P_s,): a diagonal prior that is constant on each of them has eigenvectors in common with M."""

    @property
    @abstractmethod
    def eigenvalues(self) -> Array:
        """The eigenvalues of M, (P_s,), each standing in its block; found on first use, when all data is in.

        Those that are nothing but rounding are 0.
        """

    @property
    def rounding(self) -> Array:
        """How far off each eigenvalue may be, (P_s,)."""
        return np.zeros(len(self.subset))

    def check_resolved(self, prior: Array, scale: float) -> None:
        """Raise a LinAlgError if, for a prior (P_s,) or (P_s, P_s), some of the eigenvalues are lost in rounding."""
        weakest = prior if prior.ndim == 1 else eigvalsh(prior, subset_by_index=[0, 0])
        if not resolved(scale * self.rounding, scale * np.abs(self.eigenvalues) + weakest):
            raise not_resolved()

    def log_det_and_traces(self, prior: Array, scale: float, groups: NDArray[np.intp]) -> tuple[float, Array]:
        """Return log det(scale * M + prior), and for each group of parameters the sum of its posterior variances.

        `groups` are labels (P_s,) from 0 on. Where neither these nor the prior, (P_s,), vary within an eigenspace, both
        answers come from the eigenvalues of M, found once, in O(P_s); otherwise from a posterior, whose factorisation
        is the cost.
        """
        _, first, space = np.unique(self.eigenspaces(), return_index=True, return_inverse=True)
        if prior.ndim == 1 and all(np.array_equal(v, v[first][space]) for v in (prior, groups)):
            eigenvalues = scale * self.eigenvalues + prior
            if not np.all(eigenvalues > 0):
                raise not_positive_definite(eigenvalues.min())
            return float(np.log(eigenvalues).sum()), _summed(1 / eigenvalues, groups)
        posterior = self.posterior(np.zeros(len(self.subset)), prior, scale)
        return posterior.log_det_precision, _summed(posterior.variance(), groups)


class Full(Structure):
    """The whole (P_s, P_s) matrix, as its lower triangle."""

    def _zeros(self) -> list[Array]:
        return [np.zeros((len(self.subset.indices),) * 2)]

    def add_rows(self, rows: FactoredRows) -> None:
        add_gram(self.parts[0], rows)

    def add_matrix(self, M: Array) -> None:
        self.parts[0] += M

    def matrix(self) -> Array:
        """Return M, (P_s, P_s)."""
        return symmetrise(self.parts[0].copy())

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        return FullPosterior(mean, self.parts[0], prior, scale, self.of_squares)

    def eigenspaces(self) -> NDArray[np.intp]:
        return np.zeros(len(self.subset), dtype=np.intp)

    @cached_property
    def eigenvalues(self) -> Array:
        return without_rounding(eigvalsh(self.parts[0]), len(self.subset))

    @property
    def rounding(self) -> Array:
        return np.full(len(self.subset), rounding_of(np.abs(self.eigenvalues).max(), len(self.subset)))


class BlockDiag(Structure):
    """The exact block of every layer."""

    def _zeros(self) -> list[Array]:
        return [np.zeros((len(at),) * 2) for at in self.subset.layers()]

    def add_rows(self, rows: FactoredRows) -> None:
        for layer, part in zip(rows.layers(), self.parts, strict=True):
            add_gram(part, layer)

    def add_matrix(self, M: Array) -> None:
        for part, at in zip(self.parts, self.subset.layers(), strict=True):
            part += M[np.ix_(at, at)]

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        prior = diagonal_prior(prior, "blockdiag")
        return BlockPosterior(mean, self.subset.layers(), self.parts, prior, scale, self.of_squares)

    def eigenspaces(self) -> NDArray[np.intp]:
        return self.subset.tensors() // 2  # a layer's W and b

    @cached_property
    def eigenvalues(self) -> Array:
        eigenvalues = np.empty(len(self.subset))
        for part, at in zip(self.parts, self.subset.layers(), strict=True):
            eigenvalues[at] = without_rounding(eigvalsh(part), len(part))
        return eigenvalues

    @property
    def rounding(self) -> Array:
        error = np.empty(len(self.subset))
        for at in self.subset.layers():
            error[at] = rounding_of(np.abs(self.eigenvalues[at]).max(), len(at))
        return error


def _summed(v: Array, groups: NDArray[np.intp]) -> Array:
    """Return the sum of v (P_s,) over each group of parameters."""
    return np.bincount(groups, v).astype(float)


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
