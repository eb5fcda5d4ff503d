"""*Toy data*: small data sets to see a posterior on.

Every function draws `n` samples from `rng` and returns `(X, y)`, X of shape (n, D). Class data is sorted by class,
as the post's is. Two-class squares are uniform of side 4.5; their corners nearest the origin are half a unit away.

| function | y | where |
|---|---|---|
| `toy_data_linear` | {0, 1} | class 1 in the upper right square, class 0 in the lower left |
| `toy_data_non_linear` | {0, 1} | class 1 there and there, class 0 in the two other squares (XOR) |
| `toy_data_multi` | {0, 1, 2, 3} | one class a square, counter-clockwise from the upper right |
| `toy_data_regression` | real | sin(x) plus noise, x uniform on [0, 8] |
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .validation import Array, Seed, real_number, refusal, sampler, whole_number

# Lower left corners of the squares, counter-clockwise from the upper right.
UPPER_RIGHT, UPPER_LEFT, LOWER_LEFT, LOWER_RIGHT = (0.5, 0.5), (-5.0, 0.5), (-5.0, -5.0), (0.5, -5.0)
SIDE = 4.5


def toy_data_linear(n: int = 100, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw two linearly separable classes, (n, 2) and (n,) of 1 then 0.

    Examples
    --------
    >>> X, y = toy_data_linear(5, rng=0)
    >>> X.shape, y
    ((5, 2), array([1, 1, 1, 0, 0]))
    """
    return _squares(n, rng, [(UPPER_RIGHT, 1), (LOWER_LEFT, 0)])


def toy_data_non_linear(n: int = 200, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw two classes in opposite pairs of squares (XOR), (n, 2) and (n,) of 1 then 0.

    Examples
    --------
    >>> X, y = toy_data_non_linear(200, rng=0)
    >>> bool(np.all((X[:, 0] * X[:, 1] > 0) == y))
    True
    """
    return _squares(n, rng, [(UPPER_RIGHT, 1), (LOWER_LEFT, 1), (LOWER_RIGHT, 0), (UPPER_LEFT, 0)])


def toy_data_multi(n: int = 200, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw four classes, one in each square, (n, 2) and (n,) of 0..3 in order.

    Examples
    --------
    >>> X, y = toy_data_multi(8, rng=0)
    >>> y
    array([0, 0, 1, 1, 2, 2, 3, 3])
    """
    return _squares(n, rng, [(UPPER_RIGHT, 0), (UPPER_LEFT, 1), (LOWER_LEFT, 2), (LOWER_RIGHT, 3)])


def toy_data_regression(n: int = 100, noise: float = 0.3, rng: Seed = None) -> tuple[Array, Array]:
    """Draw y = sin(x) + noise * N(0, 1) at x uniform on [0, 8], (n, 1) and (n,).

    Examples
    --------
    >>> X, y = toy_data_regression(50, noise=0.0, rng=0)
    >>> bool(np.all(y == np.sin(X[:, 0])))
    True
    """
    n = whole_number("n", n, least=1)
    noise = real_number("noise", noise)
    if noise < 0:
        raise ValueError(refusal("noise", "a number of at least 0", noise))
    rng = sampler(rng)
    X = rng.uniform(0, 8, size=(n, 1))
    return X, np.sin(X[:, 0]) + noise * rng.standard_normal(n)


def _squares(n: int, rng: Seed, squares: list[tuple[tuple[float, float], int]]) -> tuple[Array, NDArray[np.intp]]:
    """Share n samples among (corner, label) squares as evenly as n allows, the first ones taking what is over."""
    n = whole_number("n", n, least=len(squares))
    corners = np.array([corner for corner, _ in squares])
    labels = np.array([label for _, label in squares], dtype=np.intp)
    share = np.sort(np.arange(n) % len(squares))  # (n,) which square each sample falls into
    return sampler(rng).uniform(0, SIDE, size=(n, 2)) + corners[share], labels[share]
