"""The same sums over rows of the Jacobian, faster: one pair of layers at a time.

The textbook GGN multiplies rows of the Jacobian, K of them a sample. In layer l such a row is R_lk (x) a, in layer m
R_mk (x) a', and what a sample adds to the block between the two layers is

    sum_k (R_lk (x) a)(R_mk (x) a')^T = (R_l^T R_m) (x) (a a'^T)

The sum over samples is *one* matrix product, of all the vectorised R_l^T R_m (N, H_l H_m) with all the vectorised
a a'^T (N, I_l I_m), whose cost does not depend on K. Within a layer both factors are symmetric, and a quarter of the
products is enough; a layer of few units with many inputs is left to `unit_pairs`. The same identity gives
J Sigma J^T from the blocks of a covariance, without a Jacobian.

A bias is the weight of an input that is always 1: here inputs have a column of ones, and a layer's [W b] is (H, I + 1).

| symbol | shape | meaning |
|---|---|---|
| a | (N, I + 1) | inputs of a layer, of which the last is 1 |
| R | (N, K, H) | back-propagated rows, K a sample |
| M | (N, H_l, H_m) | for each sample a matrix between the units of two layers |
| E | (H_l, I_l + 1, H_m, I_m + 1) | the block of a matrix over parameters between two layers |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..validation import Array
from .jacobian import FactoredRows, Shape, n_parameters
from .layer_blocks import add_block, block, unit_views
from .products import product
from .unit_pairs import add_unit_pairs, few_units, unit_quadratics

Indices = NDArray[np.intp]
PIECE_FLOATS = 2**21  # how many numbers of a product's factor are computed at a time, about 16 MB
BAND = 128  # rows of a matrix that are transposed at a time: they stay in the cache
WRITTEN = 30  # operations of a matrix product that take as long as writing one number to memory


def symmetrise(lower: Array) -> Array:
    """Copy a matrix' lower triangle to its upper one, in place, a band of rows at a time, and return the matrix."""
    for start in range(0, len(lower), BAND):
        corner, below = slice(start, start + BAND), slice(start + BAND, None)
        lower[corner, corner] = np.tril(lower[corner, corner]) + np.tril(lower[corner, corner], -1).T
        lower[corner, below] = lower[below, corner].T
    return lower


def with_ones(inputs: Sequence[Array]) -> list[Array]:
    """Return every layer's inputs with the bias' input, 1, as one more column, (N, I + 1)."""
    return [np.column_stack([a, np.ones(len(a))]) for a in inputs]


def outer_sum(M: Array, u: Array, v: Array) -> Array:
    """Return sum_n M_n (x) (u_n v_n^T), einsum("nhg,ni,nj->higj"), as one matrix product."""
    shape = *M.shape[1:], u.shape[1], v.shape[1]
    return _products(M.reshape(len(M), -1), u, v).reshape(shape).transpose(0, 2, 1, 3)


def diagonal_outer_sum(c: Array, u: Array) -> Array:
    """Return `outer_sum(M, u, u)` for M_n = diag(c_n), c (N, H)."""
    (_, _, inputs), (H, I) = _triangle(u.shape[1]), (c.shape[1], u.shape[1])
    E = np.zeros((H, I, H, I))
    np.einsum("hihj->hij", E)[...] = _products(c, u)[:, inputs]
    return E


def in_pairs(rows: FactoredRows) -> bool:
    """Return whether pairs of layers are possible for these rows, and cheaper than to write the rows out."""
    whole = rows.columns is None and type(rows) is FactoredRows
    return whole and pairs_are_cheaper(rows.shapes, rows.n_each)


def add_gram(lower: Array, rows: FactoredRows) -> None:
    """Add sum_n J_n^T J_n to the lower triangle of a (P, P) matrix, in place, as `FactoredRows.add_gram` does."""
    shapes, a, R = rows.shapes, with_ones(rows.inputs), [np.ascontiguousarray(R) for R in rows.deltas]
    for l, m in _pairs(shapes):
        M = R[l].transpose(0, 2, 1) @ R[m]  # (N, H_l, H_m)
        if l == m:
            add_symmetric_block(lower, shapes, l, M, a[l])
        else:
            add_block(lower, shapes, l, m, outer_sum(M, a[l], a[m]))


class PairQuadratic:
    """J_n Sigma J_n^T for every sample, from the blocks of Sigma (P, P).

    For units h and g of layers l and m let Q_n[h, g] = a_n^T Sigma_hg a'_n, where Sigma_hg (I_l + 1, I_m + 1) is the
    covariance of their weights. For a pair of layers all Q_n are one matrix product, within a layer of few units one
    for each pair of these. The pair of layers adds R_l Q R_m^T, and for m < l its transpose.
    """

    def __init__(self, Sigma: Array, shapes: Sequence[Shape]) -> None:
        self._quadratics = {(l, m): _quadratic_of(Sigma, shapes, l, m) for l, m in _pairs(shapes)}

    def __call__(self, rows: FactoredRows, diagonal: bool = False) -> Array:
        """Return J Sigma J^T, (N, K, K), or its `diagonal` alone, (N, K)."""
        a, R = with_ones(rows.inputs), rows.deltas
        N, K, _ = R[0].shape
        V = np.zeros((N, K) if diagonal else (N, K, K))
        for (l, m), quadratic in self._quadratics.items():
            H_l, H_m = R[l].shape[2], R[m].shape[2]
            Q = quadratic(a[l]) if l == m else quadratic(a[l], a[m])
            left = R[l] @ (Q[:, _triangle(H_l)[2]] if l == m else Q.reshape(N, H_l, H_m))  # (N, K, H_m)
            if diagonal:
                V += (1 + (l != m)) * np.einsum("nkh,nkh->nk", left, R[m])
            else:
                part = left @ R[m].transpose(0, 2, 1)
                V += part if l == m else part + part.transpose(0, 2, 1)
        return V


def _quadratic_of(Sigma: Array, shapes: Sequence[Shape], l: int, m: int) -> Callable[..., Array]:
    """Return the function that computes Q of the inputs of two layers, (N, H_l H_m), or of one, for h >= g alone."""
    if l == m and few_units(*shapes[l]):
        return partial(unit_quadratics, *unit_views(Sigma, shapes, l))
    E = block(Sigma, shapes, l, m).transpose(1, 3, 0, 2)  # (I_l + 1, I_m + 1, H_l, H_m)
    if l != m:
        return partial(_weighted_products, E.reshape(E.shape[0] * E.shape[1], -1))
    (i, j, _), (h, g, _) = _triangle(E.shape[0]), _triangle(E.shape[2])
    E = E[:, :, h, g]
    return partial(_weighted_products, np.where((i == j)[:, None], E[i, j], E[i, j] + E[j, i]))  # a_i a_j and a_j a_i


def _weighted_products(table: Array, u: Array, v: Array | None = None) -> Array:
    """Return sum_ij table_ijp u_ni v_nj over the pairs (i, j) of `_outer_pieces`, for each column p, (N, columns)."""
    Q = np.zeros((len(u), table.shape[1]))
    for piece, outer in _outer_pieces(u, v):
        product(outer.T, table[piece], out=Q)
    return Q


def add_symmetric_block(matrix: Array, shapes: Sequence[Shape], l: int, M: Array, u: Array) -> None:
    """Add `outer_sum(M, u, u)` for symmetric M_n to the lower triangle of the block of layer l, in place.

    A quarter of the products is enough, those of h >= g and i >= j. The block itself is never written: for each unit,
    the entries below the diagonal are read from the table of products. A layer of few units is left to
    `add_unit_pairs`.
    """
    of_W, of_bW, of_b = unit_views(matrix, shapes, l)
    if few_units(*shapes[l]):
        add_unit_pairs(of_W, of_bW, of_b, M, u)
        return
    (h, g, units), (_, _, inputs) = _triangle(M.shape[1]), _triangle(u.shape[1])
    table = _products(M.reshape(len(M), -1).take(h * len(of_b) + g, axis=1), u)
    for unit, first in enumerate(units[:, 0]):  # the pairs of a unit and those before it stand together
        E = table[first : first + unit + 1].take(inputs[:-1, :-1], axis=1)  # (unit + 1, I, I)
        of_W[unit, :, : unit + 1] += E.transpose(1, 0, 2)
    of_bias = table[:, inputs[-1]][units]  # (H, H, I + 1)
    of_bW += of_bias[:, :, :-1]
    of_b += of_bias[:, :, -1]


def pairs_are_cheaper(shapes: Sequence[Shape], n_each: int) -> bool:
    """Return whether pairs of layers beat `n_each` rows a sample of the Jacobian written out.

    Counted are operations of matrix products, and `WRITTEN` for every number that has to be written first. A single
    row is always written out.
    """
    P = n_parameters(shapes)
    rows = n_each * P * P + WRITTEN * n_each * P
    pairs = sum(2 * units * inputs + WRITTEN * (units + written) for units, inputs, written in pair_sizes(shapes))
    return n_each > 1 and pairs < rows


def pair_floats(shapes: Sequence[Shape]) -> int:
    """Return how many numbers the largest pair of layers needs for each sample."""
    return max(2 * units for units, _, _ in pair_sizes(shapes))


def pair_sizes(shapes: Sequence[Shape]) -> Iterator[tuple[int, int, int]]:
    """Yield for every pair of layers the sizes of its two factors, and how many numbers a sample writes for both."""
    for l, m in _pairs(shapes):
        (H_l, I_l), (H_m, I_m) = shapes[l], shapes[m]
        if l != m:
            units, inputs = H_l * H_m, (I_l + 1) * (I_m + 1)
        else:
            units, inputs = H_l * (H_l + 1) // 2, (I_l + 1) * (I_l + 2) // 2
        yield units, inputs, units * (I_l + 1) if l == m and few_units(H_l, I_l) else units + inputs


def _pairs(shapes: Sequence[Shape]) -> Iterator[tuple[int, int]]:
    """Yield all (l, m) with l >= m."""
    return ((l, m) for l in range(len(shapes)) for m in range(l + 1))


def _products(M: Array, u: Array, v: Array | None = None) -> Array:
    """Return sum_n M_np u_ni v_nj for the pairs (i, j) of `_outer_pieces`, (columns of M, pairs)."""
    products = [product(M.T, outer.T) for _, outer in _outer_pieces(u, v)]
    return np.concatenate(products, axis=1)


def _outer_pieces(u: Array, v: Array | None = None) -> Iterator[tuple[slice, Array]]:
    """Yield u_ni v_nj for all pairs (i, j), (pairs, N), or, if v is None, u_ni u_nj for the pairs of i >= j.

    The pairs come in pieces, so that memory does not grow with their number; each piece overwrites the one before.
    """
    left = np.ascontiguousarray(u.T)  # (I, N)
    right = left if v is None else np.ascontiguousarray(v.T)
    (I, N), J = left.shape, len(right)
    piece, start, filled = np.empty((max(J, PIECE_FLOATS // N), N)), 0, 0
    for i in range(I):
        width = i + 1 if v is None else J
        if filled + width > len(piece):
            yield slice(start, start + filled), piece[:filled]
            start, filled = start + filled, 0
        np.multiply(left[i], right[:width], out=piece[filled : filled + width])
        filled += width
    yield slice(start, start + filled), piece[:filled]


def _triangle(n: int) -> tuple[Indices, Indices, Indices]:
    """Return the i and j with i >= j, and for each entry of a symmetric (n, n) matrix which of them it equals."""
    i, j = np.tril_indices(n)
    same = np.empty((n, n), dtype=np.intp)
    same[i, j] = same[j, i] = np.arange(len(i))
    return i, j, same
