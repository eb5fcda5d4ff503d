"""*Toy data*: small data sets on which to look at a posterior.

Every function draws `n` samples from `rng` and returns `(X, y)`, X of shape (n, D). Samples of classes are uniform in
squares of side 4.5, one in each quadrant, half a unit away from both axes, and sorted by class, as in the post.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .validation import Array, Seed, real_number, refusal, sampler, whole_number

# The lower left corners of the squares.
UPPER_RIGHT, UPPER_LEFT, LOWER_LEFT, LOWER_RIGHT = (0.5, 0.5), (-5.0, 0.5), (-5.0, -5.0), (0.5, -5.0)
SIDE = 4.5


def toy_data_linear(n: int = 100, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw class 1 in the upper right square and class 0 in the lower left, (n, 2) and (n,): linearly separable.

    Examples
    --------
    >>> X, y = toy_data_linear(5, rng=0)
    >>> X.shape, y
    ((5, 2), array([1, 1, 1, 0, 0]))
    """
    return _squares(n, rng, [(UPPER_RIGHT, 1), (LOWER_LEFT, 0)])


def toy_data_non_linear(n: int = 200, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw class 1 in the upper right and lower left squares and class 0 in the others (XOR), (n, 2) and (n,).

    Examples
    --------
    >>> X, y = toy_data_non_linear(200, rng=0)
    >>> bool(np.all((X[:, 0] * X[:, 1] > 0) == y))
    True
    """
    return _squares(n, rng, [(UPPER_RIGHT, 1), (LOWER_LEFT, 1), (LOWER_RIGHT, 0), (UPPER_LEFT, 0)])


def toy_data_multi(n: int = 200, rng: Seed = None) -> tuple[Array, NDArray[np.intp]]:
    """Draw classes 0 to 3, one a square, counter-clockwise from the upper right, (n, 2) and (n,).

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
    """Draw n samples in squares (corner, label), as many in each; the first ones get one more if n is no multiple."""
    n = whole_number("n", n, least=len(squares))
    corners = np.array([corner for corner, _ in squares])
    labels = np.array([label for _, label in squares], dtype=np.intp)
    share = np.sort(np.arange(n) % len(squares))  # (n,) which square each sample falls into
    return sampler(rng).uniform(0, SIDE, size=(n, 2)) + corners[share], labels[share]
