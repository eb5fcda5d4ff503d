"""The least time in which this machine could do what a method cannot do without.

That is a list of operations, which are priced twice: at the rates of one large product, this machine's best, and by
what BLAS and LAPACK take for the same calls alone, each at its own sizes.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import dgemm, dsyrk
from scipy.linalg.lapack import dpotrf, dpotri

from minilaplace.network.layer_pairs import _pair_sizes, _pairs

from .work import seconds

PART = 2**21  # numbers of the largest matrix for which a call is timed; more takes as much longer
WORK = {
    "multiply": lambda m, k, n: 2 * m * k * n,
    "update": lambda n, k: n**2 * k,
    "factor": lambda n: n**3 / 3,
    "inverse": lambda n: 2 * n**3 / 3,
    "eigenvectors": lambda n: 10 * n**3 / 3,
    "write": lambda count: count,
}


def rates():
    """Return operations a second of a large `dgemm` and `dsyrk`, and numbers a second that are written to memory."""
    A, written = np.asfortranarray(np.random.default_rng(0).normal(size=(1_500, 1_500))), np.ones(2**22)
    multiply, update = seconds(lambda: dgemm(1.0, A, A))[0], seconds(lambda: dsyrk(1.0, A))[0]
    return 2 * len(A) ** 3 / multiply, len(A) ** 3 / update, written.size / seconds(lambda: written.fill(1.0))[0]


def floors(sizes, N, n_points, structure, subset, rates):
    """Return for a fit and a prediction by `probit` the least seconds at these rates, and those of their calls."""
    ways = zip(*operations(sizes, N, n_points, structure, subset), strict=True)
    best = [min(some, key=lambda way: at_rates(way, rates)) for some in ways]
    return [(at_rates(way, rates), of_calls(way, rates)) for way in best]


def at_rates(way, rates):
    """Return the seconds that operations take at the rates of one large product, update and array."""
    of_product, of_update, written = rates
    rate = {"multiply": of_product, "write": written}
    return sum(WORK[name](*sizes) / rate.get(name, of_update) for name, *sizes in way)


def of_calls(way, rates):
    """Return the seconds that operations take as calls of BLAS and LAPACK, one by one."""
    return sum(sizes[0] / rates[2] if name == "write" else call(name, *sizes) for name, *sizes in way)


@cache
def call(name, *sizes):
    """Return the seconds that BLAS or LAPACK takes for an operation of these sizes."""
    rng = np.random.default_rng(0)
    if name == "multiply":
        (short, long), k = sorted(sizes[::2]), sizes[1]
        part = min(long, max(1, PART // k))
        A, B = rng.normal(size=(short, k)), rng.normal(size=(part, k))
        return seconds(lambda: dgemm(1.0, A.T, B.T, trans_a=1), 0.1)[0] * long / part
    if name == "update":
        n, k = sizes
        part = min(k, max(1, PART // n))
        A = rng.normal(size=(part, n))
        return seconds(lambda: dsyrk(1.0, A.T), 0.1)[0] * k / part
    B = rng.normal(size=(sizes[0],) * 2)
    A = np.asfortranarray(B @ B.T + len(B) * np.eye(len(B)))
    of = {
        "factor": lambda: dpotrf(A),
        "inverse": lambda: dpotri(A),  # of whatever matrix this is the factor
        "eigenvectors": lambda: eigh(A, driver="evd", check_finite=False),
    }
    return seconds(of[name], 0.1)[0]


def operations(sizes, N, n_points, structure, subset):
    """Yield a way to fit and a way to predict, two of each for a `full` curvature."""
    shapes, C = [(H, I) for I, H in pairwise(sizes)], sizes[-1]
    chosen = shapes if subset == "all" else shapes[-1:]

    def chain(n, K):  # forward, and K rows a sample backward through the chosen layers
        forward = [("multiply", n, I, H) for H, I in shapes]
        backward = [("multiply", n * K, H, I) for H, I in chosen[1:]]
        written = sum(H for H, _ in shapes) + K * sum(H for H, _ in chosen)
        return [*forward, *backward, ("write", n * written)]

    fit, predict = chain(N, C - 1), chain(n_points, C)
    if structure == "full":
        P = sum(H * (I + 1) for H, I in chosen)
        factor = [("factor", P), ("write", 2 * P**2)]
        rows = [("update", P, N * (C - 1)), ("write", N * (C - 1) * P)]
        solved = [("update", P, n_points * C), ("write", n_points * C * P)]  # L^-1 J^T takes as many operations
        yield fit + rows + factor, predict + solved
        inverse = [("inverse", P), ("write", P**2)]
        yield fit + by_pairs(chosen, N) + factor, predict + inverse + by_pairs(chosen, n_points)
        return
    for H, I in chosen:
        if structure == "kron":  # two factors a layer, which are decomposed, and turn inputs and rows
            fit += [("update", H, N * (C - 1)), ("update", I, N), ("eigenvectors", H), ("eigenvectors", I)]
            predict += [("multiply", n_points * C, H, H), ("multiply", n_points, I, I)]
        else:
            fit += [("multiply", H, N, I)]
        predict += [("multiply", n_points, I, H)]
    yield fit, predict


def by_pairs(shapes, n):
    """Return the products of `layer_pairs`, and what is written for them: within a layer as little as `unit_pairs`."""
    way = []
    for (l, m), (units, inputs) in zip(_pairs(shapes), _pair_sizes(shapes), strict=True):
        written = min(units + inputs, units * (shapes[l][1] + 1)) if l == m else units + inputs
        way += [("multiply", units, n, inputs), ("write", n * written)]
    return way
