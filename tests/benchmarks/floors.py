"""The least time in which this machine could do what a method cannot do without."""

from itertools import pairwise

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk

from minilaplace.network.layer_pairs import _pair_sizes, _pairs

from .work import seconds


def rates():
    """Return operations a second of a large `dgemm` and `dsyrk`, and numbers a second that are written to memory."""
    A, written = np.asfortranarray(np.random.default_rng(0).normal(size=(1_500, 1_500))), np.ones(2**22)
    multiply, update = seconds(lambda: dgemm(1.0, A, A))[0], seconds(lambda: dsyrk(1.0, A))[0]
    return 2 * len(A) ** 3 / multiply, len(A) ** 3 / update, written.size / seconds(lambda: written.fill(1.0))[0]


def floors(sizes, N, n_points, structure, subset, rates):
    """Return the seconds that a fit and a prediction by `probit` take at least at these rates."""
    shapes = [(H, I) for I, H in pairwise(sizes)]
    of_product, of_update, written = rates
    C, weights, passed = sizes[-1], sum(H * I for H, I in shapes), sum(H * I for H, I in shapes[1:])
    shapes = shapes if subset == "all" else shapes[-1:]
    P, pairs = (
        sum(H * (I + 1) for H, I in shapes),
        [
            (units, inputs, min(units + inputs, units * (shapes[l][1] + 1)) if l == m else units + inputs)
            for (l, m), (units, inputs) in zip(_pairs(shapes), _pair_sizes(shapes), strict=True)
        ],
    )

    def chain(n, K):  # forward, and K rows a sample backward, if any layer is behind the last
        return 2 * n * (weights + K * passed * (len(shapes) > 1)) / of_product

    def by_pairs(n):  # products of `layer_pairs`, and their factors, or within a layer those of `unit_pairs`
        return sum(2 * n * units * inputs / of_product + n * least / written for units, inputs, least in pairs)

    fit, predict = chain(N, C - 1), chain(n_points, C)
    if structure == "full":
        rows = N * (C - 1) * P * (P / of_update + 1 / written)
        fit += min(rows, by_pairs(N)) + P**3 / 3 / of_update + 2 * P**2 / written
        solved = n_points * C * P * (P / of_update + 1 / written)
        predict += min(solved, 2 / 3 * P**3 / of_update + P**2 / written + by_pairs(n_points))
        return fit, predict
    H, I = np.array(shapes).T
    if structure == "kron":  # two factors a layer, which are decomposed, and turn inputs and rows
        fit += (N * ((C - 1) * H**2 + I**2) + 10 / 3 * (H**3 + I**3)).sum() / of_update
        predict += 2 * n_points * (C * H**2 + I**2).sum() / of_product
    squares = 2 * (H * I).sum() / of_product
    return fit + N * squares * (structure == "diag"), predict + n_points * squares
