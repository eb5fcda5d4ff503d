"""The network's own curvature, sum_n G_n . d2 f_n / d theta2, as two families of matrix products.

With delta_l = d (sum_n G_n . f_n) / d z_l, T_lk = d z_l / d z_k and U_lk = d a_l / d z_k = diag(act'_l) T_lk, the
second derivative in the parameters of layers l >= k is a sum of two terms:

- *bending*: activations are not linear. Their second derivatives are collected in B_l (N, H_l, H_l), from the last
  layer down, where B_L = `top`, and add sum_n (B_l T_lk) (x) a_{l-1} a_{k-1}^T; the input of a bias is 1:

      B_l = T_{l+1,l}^T B_{l+1} T_{l+1,l} + diag(c_l),   c_l = act''(z_l) * (delta_{l+1} W_{l+1})

- *bilinear*: z_l = W_l a_{l-1} + b_l is a product of W_l and of units that depend on the parameters of the layers
  below. For l > k this adds sum_n delta_l (x) U_{l-1,k} (x) a_{k-1}.

`top` (N, C, C), symmetric, is a second derivative in the outputs themselves, so that sum_n J_n^T top_n J_n is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..validation import Array
from .jacobian import Shape, n_parameters
from .layer_blocks import add_block
from .layer_pairs import add_symmetric_block, diagonal_outer_sum, outer_sum, symmetrise, with_ones

Arrays: TypeAlias = Sequence[Array]  # one for each layer
Between: TypeAlias = dict[tuple[int, int], Array]  # one for each pair of layers l > k


def second_order(
    weights: Arrays, inputs: Arrays, slopes: Arrays, bends: Arrays, deltas: Arrays, top: Array | None = None
) -> Array:
    """Return the sum of all bending and bilinear terms, (P, P), symmetric.

    For each layer its W (H, I), inputs a (N, I) and delta (N, H); for each but the last act' and c, (N, H).
    """
    shapes = [(len(W), W.shape[1]) for W in weights]
    a = with_ones(inputs)
    T: Between = {}  # (N, H_l, H_k)
    for l in range(1, len(weights)):
        T[l, l - 1] = weights[l] * slopes[l - 1][:, None, :]
        for k in range(l - 1):
            T[l, k] = T[l, l - 1] @ T[l - 1, k]
    lower = np.zeros((n_parameters(shapes),) * 2)
    _add_bending(lower, shapes, a, T, bends, top)
    _add_bilinear(lower, shapes, a, T, slopes, deltas)
    return symmetrise(lower)


def _add_bending(
    lower: Array, shapes: Sequence[Shape], a: Arrays, T: Between, bends: Arrays, top: Array | None
) -> None:
    """Add sum_n (B_l T_lk) (x) a_{l-1} a_{k-1}^T to the block of every l >= k, from the last layer down."""
    B = top  # (N, H_l, H_l), first without its diagonal c_l; None stands for zeros
    for l in reversed(range(len(shapes))):
        if B is not None:
            add_symmetric_block(lower, shapes, l, B, a[l])
        if l < len(bends):
            add_block(lower, shapes, l, l, diagonal_outer_sum(bends[l], a[l]))
        if l == 0:
            return
        if l < len(bends):
            diagonal = bends[l][:, :, None] * np.eye(shapes[l][0])
            B = diagonal if B is None else B + diagonal
        if B is not None:
            for k in range(l):
                add_block(lower, shapes, l, k, outer_sum(B @ T[l, k], a[l], a[k]))
            B = T[l, l - 1].transpose(0, 2, 1) @ B @ T[l, l - 1]


def _add_bilinear(lower: Array, shapes: Sequence[Shape], a: Arrays, T: Between, slopes: Arrays, deltas: Arrays) -> None:
    """Add sum_n delta_l (x) U_{l-1,k} (x) a_{k-1} to the block of every l > k, in the rows of W_l, not of b_l."""
    for l, k in T:
        (H_l, I_l), (H_k, I_k) = shapes[l], shapes[k]
        E = np.zeros((H_l, I_l + 1, H_k, I_k + 1))
        if k == l - 1:  # U is the diagonal matrix of act'_k
            both = deltas[l][:, :, None] * slopes[k][:, None, :]  # (N, H_l, H_k)
            np.einsum("hggj->hgj", E[:, :-1])[...] = (both.reshape(len(both), -1).T @ a[k]).reshape(H_l, H_k, -1)
        else:
            U = slopes[l - 1][:, :, None] * T[l - 1, k]  # (N, I_l, H_k)
            E[:, :-1] = outer_sum(U, deltas[l], a[k]).transpose(1, 0, 2, 3)
        add_block(lower, shapes, l, k, E)
