"""The block between a layer and itself, one pair of its units at a time: for few units that have many inputs.

`layer_pairs` writes all products a_i a_j of a sample's inputs, some I^2 / 2 numbers, once for all pairs of units. Where
a layer has few units and many inputs, as a last layer has, fewer numbers are written if the inputs themselves are
written once for each pair of units h >= g:

    block[h, g] = sum_n M_n[h, g] a_n a_n^T,    Q_n[h, g] = a_n^T Sigma_hg a_n

The functions take a matrix over parameters as three views: `of_W[h, :, g]` is W of unit h against W of unit g,
`of_bW[h, g]` b of h against W of g, and `of_b[h, g]` b against b.

| symbol | shape | meaning |
|---|---|---|
| a | (N, I + 1) | inputs of the layer, with the bias' input 1 as the last |
| M | (N, H, H) | for each sample a symmetric matrix between the layer's units |
| of_W, of_bW, of_b | (H, I, H, I), (H, H, I), (H, H) | views of a (P, P) matrix |
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dtrmm

from ..validation import Array
from .products import rank_k_update


def few_units(H: int, I: int) -> bool:
    """Return whether H units with I inputs are so few that pairs of units are quicker than products of inputs.

    These write fewer numbers where H (H + 1) < I + 2; at most half as many are asked for, as one large product is
    faster than many small ones.
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
        of_bW[g, h] += S[:-1, -1]  # for h = g zeros, as S is a lower triangle
        of_b[h, g] += S[-1, -1]


def unit_quadratics(of_W: Array, of_bW: Array, of_b: Array, a: Array) -> Array:
    """Return Q_n[h, g] = a_n^T Sigma_hg a_n for symmetric Sigma and the pairs h >= g, (N, H (H + 1) / 2).

    A quadratic form sees of a matrix S only S + S^T, whose lower triangle takes half the operations.
    """
    I, quadratics, work = of_W.shape[1], [], np.empty_like(a)
    for h, g in zip(*np.tril_indices(len(of_b)), strict=True):
        S = np.empty((I + 1, I + 1))
        S[:-1, :-1], S[-1, :-1], S[:-1, -1], S[-1, -1] = of_W[h, :, g], of_bW[h, g], of_bW[g, h], of_b[h, g]
        S += S.T
        np.einsum("ii->i", S)[...] /= 2
        work[...] = a
        dtrmm(1.0, S.T, work.T, lower=0, overwrite_b=1)  # work = a tril(S)
        quadratics.append(np.einsum("ni,ni->n", work, a))
    return np.column_stack(quadratics)


def _weighted_gram(c: Array, a: Array, work: Array) -> Array:
    """Return the lower triangle of sum_n c_n a_n a_n^T: from samples with c_n > 0, less that from those with c_n < 0.

    `work` (N, I + 1) is written over.
    """
    np.multiply(np.sqrt(np.abs(c))[:, None], a, out=work)
    lower = np.zeros((a.shape[1],) * 2)
    for sign in (1.0, -1.0):
        of_sign = ~(sign * c <= 0)  # also where c is NaN, which has to be seen in the sum
        if of_sign.any():
            rank_k_update(lower, work if of_sign.all() else work[of_sign], sign)
    return lower
