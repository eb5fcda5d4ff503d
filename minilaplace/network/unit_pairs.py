"""The block between a layer and itself, one pair of its units at a time: for few units that have many inputs.

Over pairs of layers all products a_i a_j of a sample's inputs are written, I^2 / 2 numbers that serve every pair of
units. Where a layer has many inputs for its units, as a last layer has, it is less to write the inputs once more for
each pair of units h >= g:

    block[h, g] = sum_n M_n[h, g] a_n a_n^T,    Q_n[h, g] = a_n^T Sigma_hg a_n

Both functions take a matrix over the layer's parameters as three views: W of unit h against W of unit g, b against W,
b against b.

| symbol | shape | meaning |
|---|---|---|
| a | (N, I + 1) | inputs of the layer, with the bias' input 1 as the last |
| M | (N, H, H) | for each sample a symmetric matrix between the layer's units |
| of_W, of_bW, of_b | (H, I, H, I), (H, H, I), (H, H) | views of a (P, P) matrix |
"""

from __future__ import annotations

import numpy as np

from ..validation import Array
from .products import product, rank_k_update


def few_units(H: int, I: int) -> bool:
    """Return whether H units with I inputs are so few that pairs of units are quicker than products of inputs.

    They write fewer numbers where H (H + 1) < I + 1. Half of that is asked, as BLAS is faster at one large product.
    """
    return 2 * H * (H + 1) <= I + 1


def add_unit_pairs(of_W: Array, of_bW: Array, of_b: Array, M: Array, a: Array) -> None:
    """Add sum_n M_n (x) (a_n a_n^T) to the lower triangle of the layer's block, in place."""
    work = np.empty_like(a)
    for h, g in zip(*np.tril_indices(len(of_b)), strict=True):
        S = _weighted_gram(M[:, h, g], a, work)
        if h > g:  # this block stands below the diagonal as a whole
            S += np.tril(S, -1).T
        of_W[h, :, g] += S[:-1, :-1]
        of_bW[h, g] += S[-1, :-1]
        of_bW[g, h] += S[:-1, -1]
        of_b[h, g] += S[-1, -1]


def unit_quadratics(of_W: Array, of_bW: Array, of_b: Array, a: Array) -> Array:
    """Return Q_n[h, g] = a_n^T Sigma_hg a_n for symmetric Sigma and the pairs h >= g, (N, H (H + 1) / 2)."""
    I, quadratics = of_W.shape[1], []
    for h, g in zip(*np.tril_indices(len(of_b)), strict=True):
        S = np.empty((I + 1, I + 1))
        S[:-1, :-1], S[-1, :-1], S[:-1, -1], S[-1, -1] = of_W[h, :, g], of_bW[h, g], of_bW[g, h], of_b[h, g]
        quadratics.append(np.einsum("ni,ni->n", product(a, S), a))
    return np.column_stack(quadratics)


def _weighted_gram(c: Array, a: Array, work: Array) -> Array:
    """Return the lower triangle of sum_n c_n a_n a_n^T: a rank-k update of what has c > 0, minus one of c < 0."""
    np.multiply(np.sqrt(np.abs(c))[:, None], a, out=work)
    lower = np.zeros((a.shape[1],) * 2)
    for sign in (1.0, -1.0):
        of_sign = sign * c > 0
        if of_sign.any():
            rank_k_update(lower, work if of_sign.all() else work[of_sign], sign)
    return lower
