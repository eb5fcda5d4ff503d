"""Measure minilaplace beside laplace-torch, where that is installed, on the same work in the same run.

    python -m tests.benchmarks            # the whole table, some minutes with the peer
    python -m tests.benchmarks --quick    # ours alone

The columns `peer` and `ratio` are empty where laplace-torch is not installed (`pip install laplace-torch`) or left out,
`of BLAS` is for full fits of all weights alone.

Ratios of one run are what to look at: machines are noisy, and this is no test. A fit includes the factorisation that
the first prediction needs, on both sides, and a prediction all that many points are worth making first; the peer is
called in the batches that suit it best, and both must give the same numbers. `of BLAS` compares a fit's GGN with
`dsyrk` on rows of the Jacobian that are already there, the textbook's limit. `memory` is what fit and prediction add at
their peak, NumPy's arrays counted by `tracemalloc`.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
import timeit
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from copy import copy
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing import get_context
from unittest.mock import patch

import numpy as np
from scipy.linalg import cholesky, eigvalsh
from scipy.linalg.blas import dsyrk
from sklearn.datasets import load_breast_cancer, make_classification, make_friedman1
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from minilaplace import MLP, BayesianModel, Categorical, Laplace, fit_map
from minilaplace.curvature import ggn, hessian
from minilaplace.evidence import EvidenceFunction, joint
from minilaplace.network.subset import select
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor, fitting
from minilaplace.sklearn.mlp import carried

TASKS = [  # sizes, N, points to predict, structure, subset, the peer's batch sizes in fit and prediction
    ((2, 32, 2), 100, 2_500, "full", "all", 100, 500),
    ((2, 32, 2), 10_000, 10_000, "full", "all", 2_000, 500),
    ((64, 32, 10), 1_797, 1_797, "full", "all", 1_797, 500),
    ((64, 32, 10), 1_797, 1_797, "kron", "all", 1_797, 500),
    ((64, 32, 10), 1_797, 1_797, "diag", "all", 1_797, 500),
    ((64, 256, 10), 1_797, 1_797, "full", "last_layer", 1_797, 500),
    ((784, 100, 10), 10_000, 200, "kron", "all", 2_000, 100),
]
LINK = "probit"  # the peer's default
HESSIANS = [((2, 2), 200), ((2, 32, 2), 200), ((2, 32, 2), 10_000), ((8, 16, 16, 3), 500), ((64, 16, 10), 500)]
PARTS = {  # of a fit of the estimators: the functions in which the time of each goes
    "training": [(fitting, "fit_map"), (joint, "descended")],
    "curvature": [(Laplace, "fit"), (joint, "add_up")],
    "tuning": [(Laplace, "optimize_prior_precision"), (EvidenceFunction, "mackay")],
}
LARGE = [((2, 32, 2), 1_000_000, 100_000, "full"), ((80, 100, 16), 10_000, 10_000, "kron")]


def alone(function, *arguments):
    """Return what a function returns in a process of its own, where no other library's threads wait for work."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def seconds(work):
    """Return the best of at least three runs and half a second, and what the work returns."""
    best, start, runs = np.inf, time.perf_counter(), 0
    while time.perf_counter() - start < 0.5 or runs < 3:
        runs += 1
        before = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - before)
    return best, result


def peak_megabytes(work):
    """Return how much memory the work adds at its peak."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def problem(sizes, N, n_points=0):
    """Draw a classifier's parameters, its data, and points to predict."""
    rng = np.random.default_rng(0)
    model = BayesianModel(MLP(*sizes), Categorical(), prior_precision=1.0)
    X, y = rng.normal(size=(N, sizes[0])), rng.integers(0, sizes[-1], size=N)
    return model, model.network.init(0), X, y, rng.normal(size=(n_points, sizes[0]))


def ours(sizes, N, n_points, structure, subset):
    """Return seconds to fit and to predict, the peak memory of both, and the prediction."""
    model, theta, X, y, points = problem(sizes, N, n_points)

    def fit():
        la = Laplace(model, theta, hessian_structure=structure, subset_of_weights=subset).fit(X, y)
        la.predict(points[:1], LINK)
        return la

    def predict():
        once = copy(la)
        once._posterior = copy(posterior)  # as it was before the first prediction
        return once.predict(points, LINK)

    to_fit, la = seconds(fit)
    posterior = copy(la.posterior)
    to_predict, p = seconds(predict)
    return to_fit, to_predict, peak_megabytes(lambda: fit().predict(points, LINK)), p


def peers(sizes, N, n_points, structure, subset, fit_batch, predict_batch):
    """Return laplace-torch's seconds to fit and to predict the same, and its prediction."""
    import torch
    from laplace import Laplace as Peer
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_default_dtype(torch.float64)
    _, theta, X, y, points = problem(sizes, N, n_points)
    layers = [part for n_in, n_out in pairwise(sizes) for part in (torch.nn.Linear(n_in, n_out), torch.nn.Tanh())]
    network = torch.nn.Sequential(*layers[:-1])
    torch.nn.utils.vector_to_parameters(torch.tensor(theta), network.parameters())
    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(y)), batch_size=fit_batch)
    points = torch.tensor(points).split(predict_batch)

    def fit():
        la = Peer(network, "classification", subset, structure, prior_precision=1.0)
        la.fit(loader)
        la(points[0][:1])
        return la

    to_fit, la = seconds(fit)
    to_predict, p = seconds(lambda: torch.cat([la(batch) for batch in points]).detach().numpy())
    return to_fit, to_predict, p


def of_blas(sizes, N):
    """Return how many times faster our GGN is than `dsyrk` on the explicit rows."""
    model, theta, X, y, _ = problem(sizes, min(N, 2_000))
    R, J = model.likelihood.factor(model.network.forward(theta, X)), model.network.jacobian(theta, X)
    rows = np.asfortranarray((R @ J).reshape(-1, J.shape[2]).T)
    return seconds(lambda: dsyrk(1.0, rows))[0] / seconds(lambda: ggn(model, theta, X, y))[0]


def exponent(sizes, axis, values):
    """Return the power with which a full fit's time grows along the axis, N or the hidden units, hence P."""
    times = []
    for value in values:
        N, shape = (value, sizes) if axis == "N" else (1_000, (sizes[0], value, sizes[-1]))
        times.append((value if axis == "N" else MLP(*shape).n_params, ours(shape, N, 1, "full", "all")[0]))
    return np.polyfit(*np.log(np.array(times)).T, 1)[0]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="leave the peer out")
    quick = parser.parse_args().quick
    with_peer = not quick and find_spec("laplace") is not None
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"{os.cpu_count()} cores, {threads} BLAS threads, {blas['name']} {blas['version']}, NumPy {np.__version__}, "
          f"Python {platform.python_version()}", flush=True)  # fmt: skip
    if not with_peer:
        why = "left out by --quick" if quick else "not installed: pip install laplace-torch"
        print(f"peer and ratio are empty, as laplace-torch is {why}", flush=True)
    columns = "work", "N", "fit, ms", "peer", "ratio", "predict, ms", "peer", "ratio", "of BLAS", "memory, MB"
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for sizes, N, n_points, structure, subset, *batches in TASKS:
        to_fit, to_predict, memory, p = alone(ours, sizes, N, n_points, structure, subset)
        peer, ratio = ["", ""], ["", ""]
        if with_peer:
            *times, q = alone(peers, sizes, N, n_points, structure, subset, *batches)
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)
            peer = [f"{1e3 * t:.0f}" for t in times]
            ratio = [f"{t / mine:.0f}x" for t, mine in zip(times, (to_fit, to_predict), strict=True)]
        limit = f"{alone(of_blas, sizes, N):.1f}x" if (structure, subset) == ("full", "all") else ""
        work = f"{'-'.join(map(str, sizes))}, {structure}{', last layer' * (subset == 'last_layer')}"
        row = work, N, f"{1e3 * to_fit:.1f}", peer[0], ratio[0], f"{1e3 * to_predict:.1f}", peer[1], ratio[1], limit
        print("| " + " | ".join(map(str, row)) + f" | {memory:.0f} |", flush=True)

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
    for name in ("classification", "tumours", *([] if quick else ["regression"])):  # which takes a quarter of a minute
        print(alone(estimator, name), flush=True)
    print(f"importing minilaplace takes {imports():.2f} of importing NumPy and what it uses of SciPy")


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
    """Return the seconds that the import takes, as a share of its dependencies', best of ten processes each."""
    code = "import sys, minilaplace; print(*sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'scipy')))"
    parts = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    dependencies = f"import {', '.join(part for part in parts if '._' not in part)}"

    def best(code):
        def run():
            subprocess.run([sys.executable, "-c", code], check=True)

        return min(timeit.repeat(run, number=1, repeat=10))

    start = best("pass")
    return (best("import minilaplace") - start) / (best(dependencies) - start)


def curvature_seconds(function, sizes, N):
    """Return the seconds that `ggn` or `hessian` takes."""
    model, theta, X, y, _ = problem(sizes, N)
    return seconds(lambda: function(model, theta, X, y))[0]


def torch_hessian(sizes, N):
    """Return the seconds that `torch.func.hessian` takes for the Hessian of the summed nll."""
    import torch

    model, theta, X, y, _ = problem(sizes, N)
    X, y, shapes = torch.tensor(X), torch.tensor(y), model.network.shapes

    def loss(t):
        a, start = X, 0
        for l, (H, I) in enumerate(shapes):
            z = a @ t[start : start + H * I].reshape(H, I).T + t[start + H * I : start + H * (I + 1)]
            a, start = torch.tanh(z) if l < len(shapes) - 1 else z, start + H * (I + 1)
        return torch.nn.functional.cross_entropy(a, y, reduction="sum")

    return seconds(lambda: torch.func.hessian(loss)(torch.tensor(theta)))[0]


def estimator(name):
    """Return a sentence on what an estimator's fit of 1,000 rows takes beside scikit-learn's MLP, and where time goes.

    The MLP is the same network with the same penalty, `alpha`, on its weights (it has none on biases), trained by
    L-BFGS until that can lower the loss no more. From different initial weights both end at different modes, so times
    are those of five seeds together. `above` is what further training of the MLP gains, in nats: its loss is ours, the
    loss of a mode, as far as that is 0.
    """
    X, y = thousand_rows(name)
    kind, peer = (LaplaceRegressor, MLPRegressor) if name == "regression" else (LaplaceClassifier, MLPClassifier)
    ours, theirs, losses, their_losses, above = 0.0, 0.0, [], [], []
    parts, seeds = dict.fromkeys(PARTS, 0.0), range(1 if name == "regression" else 5)
    for seed in seeds:
        spent, fitted, of_parts = in_parts(lambda seed=seed: kind(random_state=seed).fit(X, y))
        ours, parts = ours + spent, {part: total + of_parts[part] for part, total in parts.items()}
        noise = getattr(fitted.model_.likelihood, "sigma_noise", None) or 1.0
        precision = 1.0 if kind is LaplaceClassifier else fitted.model_.prior_precision  # that of the training
        options = {"activation": "tanh", "solver": "lbfgs", "max_iter": 100_000, "max_fun": 1_000_000, "tol": 1e-10}
        targets = y if kind is LaplaceClassifier else (y - fitted.y_mean_) / fitted.y_scale_
        mlp = peer(hidden_layer_sizes=(32,), alpha=precision * noise**2, random_state=seed, **options)
        before = time.perf_counter()
        mlp.fit(X, targets)
        theirs += time.perf_counter() - before
        network, theta = carried(mlp)
        targets = targets if kind is LaplaceClassifier else targets[:, None]
        on_weights = np.where(select(network, "all").tensors() % 2, 1e-9, precision)
        model, mode = (fitted.model_.under(prior) for prior in (on_weights, precision))
        losses.append(mode.loss(fitted.theta_, X, targets))
        their_losses.append(model.loss(theta, X, targets))
        above.append(their_losses[-1] - model.loss(fit_map(model, X, targets, theta0=theta), X, targets))
    parts["rest"] = ours - sum(parts.values())
    where = ", ".join(f"{part} {100 * share / ours:.0f}%" for part, share in parts.items())
    mean_ms, mean_mlp_ms = (1e3 * total / len(seeds) for total in (ours, theirs))
    return (
        f"{kind.__name__}().fit of 1,000 x {X.shape[1]}, {name}: {mean_ms:.0f} ms, {ours / theirs:.1f} times its MLP's "
        f"{mean_mlp_ms:.0f} ms; {where}; losses {np.mean(losses):.1f} and {np.mean(their_losses):.1f}, the MLP's at "
        f"most {max(above):.1g} above its mode"
    )


def thousand_rows(name):
    """Return 1,000 standardised rows: two classes, those of the tumours with a little noise, or numbers.

    The tumours are 569, drawn 1,000 times.
    """
    rng = np.random.default_rng(0)
    if name == "classification":
        X, y = make_classification(1_000, 30, n_informative=10, random_state=0)
    elif name == "tumours":
        X, y = load_breast_cancer(return_X_y=True)
        rows = rng.choice(len(X), 1_000)
        X, y = StandardScaler().fit_transform(X)[rows] + 0.1 * rng.normal(size=(1_000, 30)), y[rows]
    else:
        X, y = make_friedman1(1_000, 8, noise=1.0, random_state=0)  # of 30 columns 1,025 parameters fit every y
    return StandardScaler().fit_transform(X), y


def in_parts(work):
    """Return the seconds of a fit, what it returns, and the seconds of its parts, by clocks around `PARTS`."""
    spent = dict.fromkeys(PARTS, 0.0)
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), part, spent)))
        before = time.perf_counter()
        result = work()
        return time.perf_counter() - before, result, spent


def _timed(function, part, spent):
    def timed(*arguments, **options):
        before = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[part] += time.perf_counter() - before

    return timed


if __name__ == "__main__":
    main()
