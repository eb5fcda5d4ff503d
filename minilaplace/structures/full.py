"""*Laplace Approximation*, fast and accurate approximations of the Hessian: what of the curvature is kept.

A structure adds up the curvature of the data in a form of a certain cost, and turns the sum into a posterior. All
answer the same questions, so that nothing else in the library asks which one it holds:

| structure | keeps of H = sum_n J_n^T Lambda_n J_n | memory | posterior |
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

from ..curvature import Contribution
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
        Whether the factors of the Jacobian's rows are enough, and these are never written out.
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

    def add_matrix(self, H: Array) -> None:
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
        """Return N(mean, (scale * H + prior)^-1) for a prior precision (P_s,) or (P_s, P_s)."""

    @abstractmethod
    def blocks(self) -> NDArray[np.intp]:
        """Return labels (P_s,) of the blocks within which a constant prior leaves the eigenvectors as they are."""

    @property
    @abstractmethod
    def eigenvalues(self) -> Array:
        """The eigenvalues of H, (P_s,), each standing in its block; found on first use, when all data is in.

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

    def log_det_and_variance(
        self, prior: Array, scale: float, groups: NDArray[np.intp] | None = None
    ) -> tuple[float, Array]:
        """Return log det(scale * H + prior), and variances (P_s,) whose sum over any of the groups is the posterior's.

        `groups` are labels (P_s,), by default one for all. Where neither these nor the prior vary within a block, both
        answers come from the eigenvalues of H, found once, in O(P_s); otherwise from a posterior, whose factorisation
        is the cost.
        """
        _, first, block = np.unique(self.blocks(), return_index=True, return_inverse=True)
        varying = any(not np.array_equal(v, v[first][block]) for v in (prior, groups) if v is not None and v.ndim == 1)
        if prior.ndim == 2 or varying:
            posterior = self.posterior(np.zeros(len(self.subset)), prior, scale)
            return posterior.log_det_precision, posterior.variance()
        eigenvalues = scale * self.eigenvalues + prior
        if not np.all(eigenvalues > 0):
            raise not_positive_definite(eigenvalues.min())
        return float(np.log(eigenvalues).sum()), 1 / eigenvalues


class Full(Structure):
    """The whole (P_s, P_s) matrix, as its lower triangle."""

    def _zeros(self) -> list[Array]:
        return [np.zeros((len(self.subset),) * 2)]

    def add_rows(self, rows: FactoredRows) -> None:
        rows.add_gram(self.parts[0])

    def add_matrix(self, H: Array) -> None:
        self.parts[0] += H

    def matrix(self) -> Array:
        """Return H, (P_s, P_s)."""
        return symmetrise(self.parts[0].copy())

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        return FullPosterior(mean, self.parts[0], prior, scale, self.of_squares)

    def blocks(self) -> NDArray[np.intp]:
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
            layer.add_gram(part)

    def add_matrix(self, H: Array) -> None:
        for part, at in zip(self.parts, self.subset.layers(), strict=True):
            part += H[np.ix_(at, at)]

    def posterior(self, mean: Array, prior: Array, scale: float) -> Posterior:
        prior = diagonal_prior(prior, "blockdiag")
        return BlockPosterior(mean, self.subset.layers(), self.parts, prior, scale, self.of_squares)

    def blocks(self) -> NDArray[np.intp]:
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
