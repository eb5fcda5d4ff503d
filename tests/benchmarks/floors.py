"""The least time in which this machine could do what a method cannot do without.

That is a list of operations, which are priced twice: at the rates of one large product, this machine's best, and by
what calls of BLAS, LAPACK and NumPy's functions of the same sizes take alone.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.blas import dgemm, dsyrk
from scipy.linalg.lapack import dpotrf, dpotri

from minilaplace.network.layer_pairs import _pairs, pair_sizes
from minilaplace.network.unit_pairs import few_units

from .work import seconds

PART = 2**21  # numbers of the largest matrix for which a call is timed; more takes as much longer
WORK = {
    "multiply": lambda m, k, n: 2 * m * k * n,
    "update": lambda n, k: n**2 * k,
    "factor": lambda n: n**3 / 3,
    "inverse": lambda n: 2 * n**3 / 3,
    "eigenvectors": lambda n: 10 * n**3 / 3,
    "write": lambda count: count,
    "tanh": lambda count: count,
    "exp": lambda count: count,
}


def rates():
    """Return operations a second of a large product, update and array: written to memory, and of `tanh` and `exp`."""
    rng = np.random.default_rng(0)
    A, z, out = np.asfortranarray(rng.normal(size=(1_500, 1_500))), rng.normal(size=PART), np.empty(PART)
    timed = {
        "multiply": (2 * len(A) ** 3, lambda: dgemm(1.0, A, A)),
        "update": (len(A) ** 3, lambda: dsyrk(1.0, A)),
        "write": (PART, lambda: out.fill(1.0)),
        "tanh": (PART, lambda: np.tanh(z, out=out)),
        "exp": (PART, lambda: np.exp(z, out=out)),
    }
    return {name: operations / seconds(work)[0] for name, (operations, work) in timed.items()}


def floors(sizes, N, n_points, structure, subset, rates):
    """Return for a fit and a prediction by `probit` the least seconds at these rates, and those of calls."""
    ways = zip(*operations(sizes, N, n_points, structure, subset), strict=True)
    return [tuple(min(price(way, rates) for way in some) for price in (at_rates, of_calls)) for some in ways]


def at_rates(way, rates):
    """Return the seconds that operations take at the rates of one large product, update and array."""
    return sum(WORK[name](*sizes) / rates.get(name, rates["update"]) for name, *sizes in way)


def of_calls(way, rates):
    """Return the seconds that operations take as calls of BLAS, LAPACK and NumPy, one by one."""
    return sum(sizes[0] / rates[name] if name == "write" else call(name, *sizes) for name, *sizes in way)


@cache
def call(name, *sizes):
    """Return the seconds that BLAS, LAPACK or NumPy takes for an operation of these sizes."""
    rng = np.random.default_rng(0)
    if name in ("tanh", "exp"):
        z = rng.normal(size=min(sizes[0], PART))
        out = np.empty_like(z)
        return seconds(lambda: getattr(np, name)(z, out=out), 0.1)[0] * sizes[0] / len(z)
    if name == "multiply":
        (short, long), k = sorted(sizes[::2]), sizes[1]
        part = min(long, max(1, PART // k))
        A, B, C = rng.normal(size=(k, short)), rng.normal(size=(part, k)), np.empty((part, short))
        return seconds(lambda: dgemm(1.0, A.T, B.T, 0.0, C.T, overwrite_c=1), 0.1)[0] * long / part
    if name == "update":
        n, k = sizes
        part = min(k, max(1, PART // n))
        A, C = rng.normal(size=(part, n)), np.zeros((n, n))
        return seconds(lambda: dsyrk(1.0, A.T, 1.0, C.T, overwrite_c=1), 0.1)[0] * k / part
    B = rng.normal(size=(sizes[0],) * 2)
    A = np.asfortranarray(B @ B.T + len(B) * np.eye(len(B)))
    of = {
        "factor": lambda: dpotrf(A),
        "inverse": lambda: dpotri(A),  # A is taken for a factor: the time is the same
        "eigenvectors": lambda: eigh(A, driver="evd", check_finite=False),
    }
    return seconds(of[name], 0.1)[0]


def operations(sizes, N, n_points, structure, subset):
    """Yield ways, each a list of operations to fit and one to predict: two for `full`, one for others."""
    shapes, C = [(H, I) for I, H in pairwise(sizes)], sizes[-1]
    chosen = shapes if subset == "all" else shapes[-1:]

    def chain(n, K, start):  # forward, and K rows a sample backward from the layer `start` of the chosen ones
        forward = [("multiply", n, I, H) for H, I in shapes]
        backward = [("multiply", n * K, H, I) for H, I in chosen[1:start]]
        written = sum(H for H, _ in shapes) + K * sum(H for H, _ in chosen[:start])
        functions = [("tanh", n * sum(sizes[1:-1])), ("exp", n * C)]
        return [*forward, *functions, *backward, ("write", n * written)]

    fit = chain(N, C - 1, len(chosen))
    predict = chain(n_points, C, len(chosen) - 1)  # the rows of the last layer are the identity
    if structure == "full":
        P = sum(H * (I + 1) for H, I in chosen)
        factor = [("factor", P), ("write", 2 * P**2)]
        rows = [("update", P, N * (C - 1)), ("write", N * (C - 1) * P)]
        solved = [("update", P, n_points * C), ("write", n_points * C * P)]  # L^-1 J^T takes as many operations
        inverse = [("inverse", P), ("write", P**2)]
        yield fit + rows + factor, predict + solved
        yield fit + by_pairs(chosen, N) + factor, predict + inverse + by_pairs(chosen, n_points, predicted=True)
        return
    for l, (H, I) in enumerate(chosen, start=1):
        if structure == "kron":  # two factors a layer, which are decomposed, and turn inputs and rows
            fit += [("update", H, N * (C - 1)), ("update", I, N), ("eigenvectors", H), ("eigenvectors", I)]
            turned = [("multiply", n_points * C, H, H)] * (l < len(chosen))
            predict += [*turned, ("multiply", n_points, I, I)]
        else:
            fit += [("multiply", H, N, I)]
        predict += [("multiply", n_points, I, H)]
    yield fit, predict


def by_pairs(shapes, n, *, predicted=False):
    """Return the products of `layer_pairs`, or of `unit_pairs` within a layer of few units, to fit or to predict."""
    way = []
    for (l, m), (units, inputs, written) in zip(_pairs(shapes), pair_sizes(shapes), strict=True):
        way += [("write", n * written)]
        if l == m and few_units(*shapes[l]):
            way += [("update", shapes[l][1] + 1, n)] * units  # a triangular product takes as many operations
        else:
            way += [("multiply", n, inputs, units) if predicted else ("multiply", units, n, inputs)]
    return way
