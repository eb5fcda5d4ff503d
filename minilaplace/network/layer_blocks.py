"""Where the blocks between layers stand in a matrix over parameters, with the bias as the last column of [W b].

| symbol | shape | meaning |
|---|---|---|
| E | (H_l, I_l + 1, H_m, I_m + 1) | the block of a matrix (P, P) between the layers l and m |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from ..validation import Array
from .jacobian import Shape, n_parameters


def block(matrix: Array, shapes: Sequence[Shape], l: int, m: int) -> Array:
    """Return a copy of the block between layers l and m, E (H_l, I_l + 1, H_m, I_m + 1)."""
    (H_l, I_l), (H_m, I_m) = shapes[l], shapes[m]
    E = np.empty((H_l, I_l + 1, H_m, I_m + 1))
    for of_matrix, of_E in _views(matrix, E, shapes, l, m):
        of_E[...] = of_matrix
    return E


def add_block(matrix: Array, shapes: Sequence[Shape], l: int, m: int, E: Array) -> None:
    """Add E to the block between layers l and m, in place."""
    for of_matrix, of_E in _views(matrix, E, shapes, l, m):
        of_matrix += of_E


def unit_views(matrix: Array, shapes: Sequence[Shape], l: int) -> tuple[Array, Array, Array]:
    """Return the block of layer l as views: W against W, (H, I, H, I), b against W, (H, H, I), b against b, (H, H)."""
    (H, I), ((W, _), (b, _)) = shapes[l], _tensors(shapes, l)
    return matrix[W, W].reshape(H, I, H, I), matrix[b, W].reshape(H, H, I), matrix[b, b]


def _tensors(shapes: Sequence[Shape], l: int) -> list[tuple[slice, slice]]:
    """Return for a layer's W and b the slice of theta that it is, and the slice of the I + 1 columns of [W b]."""
    start, (H, I) = n_parameters(shapes[:l]), shapes[l]
    middle, end = start + H * I, start + H * (I + 1)
    return [(slice(start, middle), slice(I)), (slice(middle, end), slice(I, None))]


def _views(matrix: Array, E: Array, shapes: Sequence[Shape], l: int, m: int) -> Iterator[tuple[Array, Array]]:
    """Yield the four parts of the block, W or b of layer l against W or b of layer m, as views of both arrays."""
    for (at_l, columns_l), (at_m, columns_m) in product(_tensors(shapes, l), _tensors(shapes, m)):
        of_E = E[:, columns_l, :, columns_m]
        yield matrix[at_l, at_m].reshape(of_E.shape), of_E
