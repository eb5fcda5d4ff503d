"""Print the tables."""

import argparse
import os
import platform
from importlib.util import find_spec

import numpy as np

from minilaplace import MLP
from minilaplace.curvature import ggn, hessian

from . import __doc__ as said
from .chosen import WAYS
from .costs import HESSIANS, LARGE, curvature_seconds, evidence, imports, large
from .estimators import estimator
from .floors import floors, rates
from .peer import TASKS, exponent, ours, peers, torch_hessian
from .work import alone


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks", description=said, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the first table alone, without the peer")
    quick = parser.parse_args().quick
    with_peer = not quick and find_spec("laplace") is not None
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"{os.cpu_count()} cores, {threads} BLAS threads, {blas['name']} {blas['version']}, NumPy {np.__version__}, "
          f"Python {platform.python_version()}", flush=True)  # fmt: skip
    if not with_peer:
        why = "left out by --quick" if quick else "not installed: pip install laplace-torch"
        print(f"peer and ratio are empty, as laplace-torch is {why}", flush=True)
    columns = "work", "N", *("fit, ms", "floors", "peer", "ratio"), *("predict, ms", "floors", "peer", "ratio")
    columns, measured = (*columns, "memory, MB"), alone(rates)
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for sizes, N, n_points, structure, subset, *batches in TASKS:
        to_fit, to_predict, memory, p = alone(ours, sizes, N, n_points, structure, subset)
        peer, ratio = ["", ""], ["", ""]
        if with_peer:
            *times, q = alone(peers, sizes, N, n_points, structure, subset, *batches)
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)
            peer = [f"{1e3 * t:.0f}" for t in times]
            ratio = [f"{t / mine:.0f}x" for t, mine in zip(times, (to_fit, to_predict), strict=True)]
        row = [f"{'-'.join(map(str, sizes))}, {structure}{', last layer' * (subset == 'last_layer')}", str(N)]
        least = alone(floors, sizes, N, n_points, structure, subset, measured)
        for mine, (best, of_calls), theirs, times in zip((to_fit, to_predict), least, peer, ratio, strict=True):
            row += [f"{1e3 * mine:.1f}", f"{mine / best:.1f}, {mine / of_calls:.1f}", theirs, times]
        print("| " + " | ".join(row) + f" | {memory:.0f} |", flush=True)
    if quick:
        return

    print("\n| work | ms | in place of | ms |\n|---|---|---|---|", flush=True)
    for ways in WAYS:
        for work, mine, other, theirs in alone(ways):
            print(f"| {work} | {1e3 * mine:.1f} | {other} | {1e3 * theirs:.1f} |", flush=True)
    for sizes, N in HESSIANS:
        exact, gauss_newton = (alone(curvature_seconds, f, sizes, N) for f in (hessian, ggn))
        peer = f", torch.func.hessian {alone(torch_hessian, sizes, N) / exact:.0f} times as long" if with_peer else ""
        print(f"exact Hessian of {'-'.join(map(str, sizes))}, N = {N}: {1e3 * exact:.1f} ms, "
              f"{exact / gauss_newton:.1f} times the GGN{peer}", flush=True)  # fmt: skip
    print(f"a full fit's time grows with N to the power {exponent((2, 32, 2), 'N', [10_000, 30_000, 100_000]):.2f}, "
          f"with P to the power {exponent((64, 32, 10), 'P', [16, 24, 32]):.2f}", flush=True)  # fmt: skip
    for sizes, N, n_points, structure in LARGE:
        fit, predict = alone(large, sizes, N, n_points, structure)
        print(f"{structure} of {'-'.join(map(str, sizes))}, P = {MLP(*sizes).n_params}: the fit of {N} rows adds "
              f"{fit:.0f} MB, the prediction of {n_points} points {predict:.0f} MB", flush=True)  # fmt: skip
    share, cost = alone(evidence)
    print(f"100 evaluations of the evidence of 64-16-10 take {share:.2f} times as long as the eigenvalues of the "
          f"curvature, which take {cost:.0f} times as long as a Cholesky factor", flush=True)  # fmt: skip
    for name in ("classification", "tumours", "regression"):
        print(alone(estimator, name), flush=True)
    print(f"importing minilaplace takes {imports():.2f} of importing NumPy and what it uses of SciPy")


if __name__ == "__main__":
    main()
