"""Rows of the Jacobian, written out or as the two factors of which they are products.

For each sample n let a_n (I,) be the inputs of a layer, and R_n (K, H) rows in output space, back-propagated to the
layer's linear map z = W a + b. The rows of the Jacobian are, in the layer's parameters,

    d f_n / d W = R_n (x) a_n,     d f_n / d b = R_n

`FactoredRows` holds these factors. Its methods compute what curvature, posteriors and predictions need of the rows J_n:

| needed | method |
|---|---|
| the rows themselves, the sum of their squares | `dense` and `written`, `squares` |
| J v, for vectors v | `dot` |
| J diag(v) J^T, sample by sample; its diagonal | `quadratic`, `quadratic_diagonal` |
| J^T J, added up over samples | `add_gram` |

| symbol | shape | meaning |
|---|---|---|
| a | (N, I) | inputs of a layer |
| R | (N, K, H) | back-propagated rows, K a sample; in memory samples first or last |
| v | (P,) | one number for each parameter |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..validation import Array
from .products import product, rank_k_update, samples_last

Shape = tuple[int, int]  # of a layer's W: (H, I)
BATCH_FLOATS = 2**22  # work arrays of about 32 MB: they stay near the cache, and memory does not grow with N


def n_parameters(shapes: Sequence[Shape]) -> int:
    """Return how many parameters layers of these shapes have."""
    return sum(H * (I + 1) for H, I in shapes)


def layer_views(vectors: NDArray[Any], shapes: Sequence[Shape]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the views [(W (..., H, I), b (..., H)), ...] of parameter vectors (..., P) in the order of theta."""
    views, start = [], 0
    for H, I in shapes:
        end = start + H * I
        W, b = vectors[..., start:end], vectors[..., end : end + H]
        views.append((W.reshape(*W.shape[:-1], H, I), b))
        start = end + H
    return views


def batches(n_samples: int, floats_each: int = 1, size: int | None = None, room: int = 0) -> Iterator[slice]:
    """Yield slices of N samples, of `size`, or equal ones that fit into `BATCH_FLOATS` numbers, or `room` if more."""
    if size is None:
        most = max(1, max(BATCH_FLOATS, room) // floats_each)
        size = max(1, -(-n_samples // max(1, -(-n_samples // most))))
    for start in range(0, n_samples, size):
        yield slice(start, min(start + size, n_samples))


def back_propagated(R: Array | None, W: Array, slope: Array) -> Array:
    """Return (R W) * slope, (N, K, I), for rows R (N, K, H), None for the identity, and slope (N, I).

    Its numbers lie in memory in the order of R's, samples first or last.
    """
    N, (H, I) = len(slope), W.shape
    if R is not None and samples_last(R):
        back, slope = product(W.T, R.T.reshape(H, -1)).reshape(I, -1, N).T, np.asfortranarray(slope)
    else:
        back = np.tile(W, (N, 1, 1)) if R is None else product(R.reshape(-1, H), W).reshape(N, -1, I)
    back *= slope[:, None, :]
    return back


@dataclass(eq=False, repr=False)
class FactoredRows:
    """K rows of every sample's Jacobian as their factors: for each layer inputs a (N, I) and deltas R (N, K, H)."""

    inputs: list[Array]
    deltas: list[Array]
    columns: NDArray[np.intp] | None = None  # positions of the rows' parameters among those of the layers; None: all

    @property
    def shapes(self) -> list[Shape]:
        """The shapes (H, I) of the layers."""
        return [(R.shape[2], a.shape[1]) for a, R in self._layers]

    @property
    def n_each(self) -> int:
        """K, the number of rows a sample."""
        return self.deltas[0].shape[1]

    def dense(self) -> Array:
        """Return the rows written out, (N, K, P): R (x) a for the W of a layer, then R for its b."""
        return self.written().transpose(2, 1, 0)

    def written(self) -> Array:
        """Return the rows written out with samples last, (P, K, N), so that memory is written in long runs."""
        N, K, _ = self.deltas[0].shape
        rows, start = np.empty((n_parameters(self.shapes), K, N)), 0
        for a, R in self._layers:
            a, R = np.ascontiguousarray(a.T), np.ascontiguousarray(R.transpose(2, 1, 0))  # (I, N), (H, K, N)
            end = start + len(R) * len(a)
            np.multiply(R[:, None], a[:, None], out=rows[start:end].reshape(len(R), len(a), K, N))
            rows[end : end + len(R)] = R
            start = end + len(R)
        return rows if self.columns is None else rows[self.columns]

    def squares(self) -> Array:
        """Return the sum of the squares of all rows, the diagonal of J^T J, (P,): (R (x) a)^2 = R^2 (x) a^2."""
        parts = []
        for a, R in self._layers:
            of_b = (R**2).sum(axis=1)  # (N, H)
            parts += [product(of_b.T, a**2).ravel(), of_b.sum(axis=0)]
        squares = np.concatenate(parts)
        return squares if self.columns is None else squares[self.columns]

    def dot(self, vectors: Array) -> Array:
        """Return J_n v for vectors v (S, P), (S, N, K): the sum over layers of R (W a + b), where W and b are v's."""
        total = np.zeros((*self.deltas[0].shape[:2], len(vectors)))
        for (a, R), (W, b) in zip(self._layers, self._per_layer(vectors), strict=True):
            push = a @ W.transpose(0, 2, 1) + b[:, None, :]  # (S, N, H)
            total += R @ push.transpose(1, 2, 0)
        return total.transpose(2, 0, 1)

    def quadratic(self, v: Array) -> Array:
        """Return J_n diag(v) J_n^T for v (P,), (N, K, K): the sum over layers of R diag(w) R^T, w = v_W a^2 + v_b."""
        return np.add.reduce([(R * w[:, None, :]) @ R.transpose(0, 2, 1) for R, w in self._weighted(v)])

    def quadratic_diagonal(self, v: Array) -> Array:
        """Return the diagonals of `quadratic`, (N, K)."""
        return np.add.reduce([np.einsum("nkh,nkh,nh->nk", R, R, w) for R, w in self._weighted(v)])

    def add_gram(self, lower: Array) -> None:
        """Add J^T J = sum_n J_n^T J_n to the lower triangle of a (P, P) matrix, in place, from the rows written out.

        It is one symmetric rank-k update. The entries above the diagonal have no meaning afterwards.
        """
        rows = self.written()
        rank_k_update(lower, rows.reshape(len(rows), -1).T)

    def layers(self) -> list[FactoredRows]:
        """Return for each layer the rows in its parameters alone; layers of which no parameter counts are left out."""
        parts, start = [], 0
        for (a, R), (H, I) in zip(self._layers, self.shapes, strict=True):
            local = None if self.columns is None else self.columns - start
            start += H * (I + 1)
            if local is not None:
                local = local[(local >= 0) & (local < H * (I + 1))]
            if local is None or local.size:
                parts.append(type(self)([a], [R], local))
        return parts

    @property
    def _layers(self) -> list[tuple[Array, Array]]:
        """The pairs (a, R) of the layers."""
        return list(zip(self.inputs, self.deltas, strict=True))

    def _weighted(self, v: Array) -> list[tuple[Array, Array]]:
        """Return for each layer R and w = v_W a^2 + v_b, (N, H)."""
        layers = zip(self._layers, self._per_layer(v), strict=True)
        return [(R, product(a**2, W.T) + b) for (a, R), (W, b) in layers]

    def _per_layer(self, vectors: Array) -> list[tuple[Array, Array]]:
        """Return vectors (..., P) as [(W, b), ...], with zeros for parameters that do not count."""
        if self.columns is not None:
            whole = np.zeros((*vectors.shape[:-1], n_parameters(self.shapes)))
            whole[..., self.columns] = vectors
            vectors = whole
        return layer_views(vectors, self.shapes)
