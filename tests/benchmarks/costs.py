"""How cost grows: the exact Hessian beside the GGN, memory, the evidence, the import."""

import os
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

import numpy as np
from scipy.linalg import cholesky, eigvalsh

from minilaplace import Laplace

from .work import peak_megabytes, problem, seconds

HESSIANS = [((2, 2), 200), ((2, 32, 2), 200), ((2, 32, 2), 10_000), ((8, 16, 16, 3), 500), ((64, 16, 10), 500)]
LARGE = [((2, 32, 2), 1_000_000, 100_000, "full"), ((80, 100, 16), 10_000, 10_000, "kron")]


def curvature_seconds(function, sizes, N):
    """Return the seconds that `ggn` or `hessian` takes."""
    model, theta, X, y, _ = problem(sizes, N)
    return seconds(lambda: function(model, theta, X, y))[0]


def large(sizes, N, n_points, structure):
    """Return how many megabytes a fit adds, and a prediction."""
    model, theta, X, y, points = problem(sizes, N, n_points)
    la = Laplace(model, theta, hessian_structure=structure)
    return peak_megabytes(lambda: la.fit(X, y)), peak_megabytes(lambda: la.predict(points))


def evidence():
    """Return how long 100 evidences take beside the eigenvalues that they need once, and these beside Cholesky."""
    model, theta, X, y, _ = problem((64, 16, 10), 1_000)
    la = Laplace(model, theta).fit(X, y)
    precision = la.posterior.precision()
    to_factor, to_decompose = (seconds(lambda f=f: f(precision))[0] for f in (cholesky, eigvalsh))
    before = time.perf_counter()
    for delta in np.geomspace(1e-3, 1e3, 100):
        la.log_marginal_likelihood(prior_precision=delta)
    return (time.perf_counter() - before) / to_decompose, to_decompose / to_factor


def imports():
    """Return the seconds that the import takes, as a share of its dependencies', each the best of twenty processes.

    A process imports the dependencies first, so that what minilaplace adds is measured by itself: as the difference of
    two imports it would drown in their noise. All modules are compiled beforehand, as they are in an installed package.
    """
    names = "import sys, minilaplace; print(*sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'scipy')))"
    with TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}

        def run(code):
            command = [sys.executable, "-c", code]
            return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()

        parts = f"import {', '.join(part for part in run(names) if '._' not in part)}"
        code = f"""
import time
start = time.perf_counter()
{parts}
between = time.perf_counter()
import minilaplace
print(between - start, time.perf_counter() - between)
"""
        theirs, added = np.min([np.array(run(code), dtype=float) for _ in range(20)], axis=0)
        return float(1 + added / theirs)
