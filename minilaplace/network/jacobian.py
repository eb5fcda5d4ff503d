"""*Laplace Approximation*, autodifferentiation leveraged: Jacobian rows that are never written out.

The derivative of an MLP's outputs factors over layers, sample by sample. With a_n what goes into a layer and D_n what
comes back to its linear map when rows R_n in output space are back-propagated, those rows of the Jacobian are

    R_n d f / d W = D_n (x) a_n,     R_n d f / d b = D_n

`FactoredRows` keeps the factors and answers what curvature, posteriors and predictions ask of the rows:

| question | method |
|---|---|
| the rows themselves | `dense` |
| their sum, the sum of their squares | `sum`, `squares` |
| J v, for vectors v | `dot` |
| J diag(v) J^T, sample by sample; its diagonal | `quadratic`, `quadratic_diagonal` |
| J^T J, added up over samples | `add_gram` |
| each layer's rows by themselves | `layers` |

| symbol | shape | meaning |
|---|---|---|
| a | (N, I) | inputs of a layer |
| D | (N, K, H) | back-propagated rows, K a sample |
| P | | the parameters that the rows are about: all of these layers', or the chosen `columns` |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from ..validation import Array
from .layer_pairs import Shape, add_gram, layer_views, n_parameters, pairs_are_cheaper


@dataclass(frozen=True, eq=False)
class FactoredRows:
    """K rows R_n J_n of every sample's Jacobian, kept as their factors: inputs a (N, I) and deltas D (N, K, H)."""

    inputs: list[Array]
    deltas: list[Array]
    columns: NDArray[np.intp] | None = None  # the parameters that count, among those of these layers; None: all
    paired: bool = False  # samples 2n and 2n + 1 are the two sides of a pair, whose rows add up to one

    @property
    def shapes(self) -> list[Shape]:
        """The shapes (H, I) of the layers."""
        return [(D.shape[2], a.shape[1]) for a, D in zip(self.inputs, self.deltas, strict=True)]

    @property
    def n_rows(self) -> int:
        """N K, the number of rows."""
        N, K, _ = self.deltas[0].shape
        return N * K // (1 + self.paired)

    def dense(self) -> Array:
        """Return the rows written out, (N, K, P): D_l (x) a_{l-1} for W_l, then D_l for b_l."""
        return self.written().transpose(2, 1, 0)

    def written(self) -> Array:
        """Return the rows written out with samples last, (P, K, N): memory is then filled in long strides."""
        N, K, _ = self.deltas[0].shape
        rows, start = np.empty((n_parameters(self.shapes), K, N)), 0
        for a, D in zip(self.inputs, self.deltas, strict=True):
            a, D = np.ascontiguousarray(a.T), np.ascontiguousarray(D.transpose(2, 1, 0))  # (I, N), (H, K, N)
            end = start + len(D) * len(a)
            np.multiply(D[:, None], a[:, None], out=rows[start:end].reshape(len(D), len(a), K, N))
            rows[end : end + len(D)] = D
            start = end + len(D)
        if self.paired:
            rows = rows[:, :, 0::2] + rows[:, :, 1::2]
        return rows if self.columns is None else rows[self.columns]

    def sum(self) -> Array:
        """Return the sum of all rows over samples and k, (P,)."""
        return self._of_columns([(D.sum(axis=1), a) for a, D in zip(self.inputs, self.deltas, strict=True)])

    def squares(self) -> Array:
        """Return the sum of the squares of all rows, the diagonal of J^T J, (P,): (D (x) a)^2 = D^2 (x) a^2."""
        if self.paired:
            return (self.dense() ** 2).sum(axis=(0, 1))
        return self._of_columns([((D**2).sum(axis=1), a**2) for a, D in zip(self.inputs, self.deltas, strict=True)])

    def dot(self, vectors: Array) -> Array:
        """Return J_n v for vectors (S, P), (S, N, K): the sum over layers of D (dW a + db)."""
        total = np.zeros((len(vectors), *self.deltas[0].shape[:2]))
        for a, D, (W, b) in zip(self.inputs, self.deltas, self._per_layer(vectors), strict=True):
            push = a @ W.transpose(0, 2, 1) + b[:, None, :]  # (S, N, H)
            total += (D @ push.transpose(1, 2, 0)).transpose(2, 0, 1)
        return self._of_pairs(total.transpose(1, 2, 0)).transpose(2, 0, 1)

    def quadratic(self, v: Array) -> Array:
        """Return J_n diag(v) J_n^T for v (P,), (N, K, K): with w = v_W a^2 + v_b, D diag(w) D^T."""
        if self.paired:
            rows = self.dense()
            return (rows * v) @ rows.transpose(0, 2, 1)
        return np.add.reduce([(D * w[:, None, :]) @ D.transpose(0, 2, 1) for D, w in self._weighted(v)])

    def quadratic_diagonal(self, v: Array) -> Array:
        """Return the diagonals of `quadratic`, (N, K)."""
        if self.paired:
            return self.dense() ** 2 @ v
        return np.add.reduce([np.einsum("nkh,nkh,nh->nk", D, D, w) for D, w in self._weighted(v)])

    def add_gram(self, lower: Array) -> None:
        """Add J^T J = sum_n (R_n J_n)^T (R_n J_n) to the lower triangle of a (P, P) matrix, in place.

        By pairs of layers where that is cheaper (`layer_pairs.py`), or as it is defined: one symmetric rank-k update of
        one triangle by the rows written out. What stands above the diagonal afterwards has no meaning.
        """
        if self.in_pairs:
            add_gram(lower, self.inputs, self.deltas)
        else:
            rows = self.written()
            rows = rows.reshape(len(rows), -1).T  # BLAS sees transposes: of the rows, and of the lower triangle
            dsyrk(1.0, rows, 1.0, lower.T, trans=1, lower=0, overwrite_c=1)

    @property
    def in_pairs(self) -> bool:
        """Whether these rows are better taken by pairs of layers than written out."""
        whole = self.columns is None and not self.paired
        return whole and pairs_are_cheaper(self.shapes, self.deltas[0].shape[1])

    def layers(self) -> list[FactoredRows]:
        """Return the rows of each layer by itself, of those that have parameters that count."""
        parts, start = [], 0
        for a, D, (H, I) in zip(self.inputs, self.deltas, self.shapes, strict=True):
            local = None if self.columns is None else self.columns - start
            start += H * (I + 1)
            if local is not None:
                local = local[(local >= 0) & (local < H * (I + 1))]
            if local is None or local.size:
                parts.append(FactoredRows([a], [D], local, self.paired))
        return parts

    def _of_pairs(self, rows: Array) -> Array:
        """Add up the two sides of every pair, along the first axis."""
        return rows[0::2] + rows[1::2] if self.paired else rows

    def _weighted(self, v: Array) -> list[tuple[Array, Array]]:
        """Return for each layer D and w = v_W a^2 + v_b, (N, H)."""
        layers = self._per_layer(v)
        return [(D, a**2 @ W.T + b) for a, D, (W, b) in zip(self.inputs, self.deltas, layers, strict=True)]

    def _per_layer(self, vectors: Array) -> list[tuple[Array, Array]]:
        """Return (..., P) as [(W, b), ...], with zeros where a parameter does not count."""
        if self.columns is not None:
            whole = np.zeros((*vectors.shape[:-1], n_parameters(self.shapes)))
            whole[..., self.columns] = vectors
            vectors = whole
        return layer_views(vectors, self.shapes)

    def _of_columns(self, layers: list[tuple[Array, Array]]) -> Array:
        """Return for each (d, a) sum_n d_n (x) a_n and sum_n d_n in the order of theta, (P,)."""
        vector = np.concatenate([part for d, a in layers for part in ((d.T @ a).ravel(), d.sum(axis=0))])
        return vector if self.columns is None else vector[self.columns]
