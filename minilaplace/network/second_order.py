"""The network's own curvature, sum_n G_n . d2 f_n / d theta2, as two families of matrix products.

The second derivative of an output in the parameters has two causes. With delta_l = dL/dz_l of L = sum_n G_n . f_n, T_lk
= d z_l / d z_k, and U_lk = d a_l / d z_k = diag(act'_l) T_lk, layers l >= k share

- *bending*: z_l bends through its activation. Its second derivative B_l is collected from the top, B_L = `top`,

      B_l = S_l^T B_{l+1} S_l + diag(c_l),   S_l = d z_{l+1} / d z_l,   c_l = act''(z_l) * (delta_{l+1} W_{l+1})

  and the layers share sum_n (B_l T_lk) (x) a_{l-1} a_{k-1}^T, the bias' input being 1;
- *bilinear*: z_l = W_l a_{l-1} is a product of parameters and what they make, which adds, for l > k,
  sum_n delta_l (x) U_{l-1,k} (x) a_{k-1}.

With `top` (N, C, C), symmetric, sum_n J_n^T top_n J_n is added: it is the bending of the outputs themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..validation import Array
from .jacobian import Shape, n_parameters
from .layer_pairs import (
    add_block,
    add_symmetric_block,
    diagonal_outer_sum,
    outer_sum,
    symmetrise,
    with_ones,
)


def second_order(
    weights: Sequence[Array],
    inputs: Sequence[Array],
    slopes: Sequence[Array],
    bends: Sequence[Array],
    deltas: Sequence[Array],
    top: Array | None = None,
) -> Array:
    """Return the sum of all bending and bilinear terms, (P, P), symmetric.

    For each layer its W (H, I), inputs a (N, I) and delta (N, H); for each but the last act' and c, (N, H).
    """
    shapes = [(len(W), W.shape[1]) for W in weights]
    a = with_ones(inputs)
    S = [W * slope[:, None, :] for W, slope in zip(weights[1:], slopes, strict=True)]  # (N, H_{l+1}, H_l)
    T: dict[tuple[int, int], Array] = {}  # (N, H_l, H_k) for l > k
    for l in range(1, len(weights)):
        T[l, l - 1] = S[l - 1]
        for k in range(l - 1):
            T[l, k] = S[l - 1] @ T[l - 1, k]
    lower = np.zeros((n_parameters(shapes),) * 2)
    _add_bending(lower, shapes, a, S, T, bends, top)
    _add_bilinear(lower, shapes, a, slopes, T, deltas)
    return symmetrise(lower)


def _add_bending(
    lower: Array,
    shapes: Sequence[Shape],
    a: Sequence[Array],
    S: Sequence[Array],
    T: dict[tuple[int, int], Array],
    bends: Sequence[Array],
    top: Array | None,
) -> None:
    """Add sum_n (B_l T_lk) (x) a_{l-1} a_{k-1}^T to the block of every l >= k, from the top layer down."""
    passed = top  # B_l without its diagonal c_l; None stands for zeros
    for l in reversed(range(len(shapes))):
        if passed is not None:
            add_symmetric_block(lower, shapes, l, passed, a[l])
        if l < len(bends):
            add_block(lower, shapes, l, l, diagonal_outer_sum(bends[l], a[l]))
        if l == 0:
            return
        B = passed if l == len(bends) else _with_diagonal(passed, bends[l])
        if B is not None:
            for k in range(l):
                add_block(lower, shapes, l, k, outer_sum(B @ T[l, k], a[l], a[k]))
            passed = S[l - 1].transpose(0, 2, 1) @ B @ S[l - 1]


def _with_diagonal(B: Array | None, c: Array) -> Array:
    """Return B_n + diag(c_n), (N, H, H), where None stands for zeros."""
    return c[:, :, None] * np.eye(c.shape[1]) + (0.0 if B is None else B)


def _add_bilinear(
    lower: Array,
    shapes: Sequence[Shape],
    a: Sequence[Array],
    slopes: Sequence[Array],
    T: dict[tuple[int, int], Array],
    deltas: Sequence[Array],
) -> None:
    """Add sum_n delta_l (x) U_{l-1,k} (x) a_{k-1} to the block of every l > k; a bias takes no part in it as l."""
    for l, k in T:
        (H, I), (G, J) = shapes[l], shapes[k]
        E = np.zeros((H, I + 1, G, J + 1))
        if k == l - 1:  # U is the diagonal matrix of act'_k
            both = deltas[l][:, :, None] * slopes[k][:, None, :]  # (N, H, G)
            np.einsum("hggj->hgj", E[:, :-1])[...] = (both.reshape(len(both), -1).T @ a[k]).reshape(H, G, -1)
        else:
            U = slopes[l - 1][:, :, None] * T[l - 1, k]  # (N, I, G)
            E[:, :-1] = outer_sum(U, deltas[l], a[k]).transpose(1, 0, 2, 3)
        add_block(lower, shapes, l, k, E)
