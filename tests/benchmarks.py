"""Measure minilaplace beside laplace-torch, where that is installed, on the same work in the same run.

    python -m tests.benchmarks            # the whole table, some minutes with the peer
    python -m tests.benchmarks --quick    # ours alone, in less than a minute

The columns `peer` and `ratio` are empty where laplace-torch is not installed (`pip install laplace-torch`) or left out.

Ratios of one run are what to look at: machines are noisy, and this is no test. A fit includes the factorisation that
the first prediction needs, on both sides, and a prediction all that many points are worth making first; the peer is
called in the batches that suit it best, and both must give the same numbers. `floors` is the time in units of the
least that the method takes here: the operations that it cannot do without at the rate of a large product (`dgemm`,
`dsyrk`), plus the factors of products, and the results, written at the bandwidth of memory. `memory` is what fit and
prediction add at their peak, NumPy's arrays counted by `tracemalloc`. A second table has ways that were chosen beside
those that they took the place of.
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
from itertools import pairwise, product
from multiprocessing import get_context
from unittest.mock import patch

import numpy as np
from scipy.linalg import cholesky, eigh, eigvalsh
from scipy.linalg.blas import dgemm, dsyrk
from sklearn.datasets import load_breast_cancer, make_classification, make_friedman1
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from minilaplace import MLP, BayesianModel, Categorical, Laplace, fit_map
from minilaplace.curvature import ggn, hessian
from minilaplace.evidence import EvidenceFunction, joint
from minilaplace.network.layer_pairs import _pair_sizes
from minilaplace.network.subset import select
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor, fitting
from minilaplace.sklearn.mlp import carried
from minilaplace.structures.low_rank import LowRankPosterior, _largest_of

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
    P, pairs = sum(H * (I + 1) for H, I in shapes), list(_pair_sizes(shapes))

    def chain(n, K):  # forward, and K rows a sample backward, if any layer is behind the last
        return 2 * n * (weights + K * passed * (len(shapes) > 1)) / of_product

    def by_pairs(n):  # products of `layer_pairs`, and their factors
        return sum(2 * n * units * inputs / of_product + n * (units + inputs) / written for units, inputs in pairs)

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
        least = floors(sizes, N, n_points, structure, subset, measured)
        for mine, floor, theirs, times in zip((to_fit, to_predict), least, peer, ratio, strict=True):
            row += [f"{1e3 * mine:.1f}", f"{mine / floor:.1f}", theirs, times]
        print("| " + " | ".join(row) + f" | {memory:.0f} |", flush=True)

    print("\n| work | ms | in place of | ms |\n|---|---|---|---|", flush=True)
    for chosen in (one_evidence, few_eigenvalues, function_space, turned_rows, default_link):
        for work, mine, other, theirs in alone(chosen):
            print(f"| {work} | {1e3 * mine:.1f} | {other} | {1e3 * theirs:.1f} |", flush=True)
    if quick:
        return
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


def one_evidence():
    """Return the evidence of another prior by a factor, and by eigenvalues."""
    model, theta, X, y, _ = problem((64, 28, 10), 1_000)
    la = Laplace(model, theta).fit(X, y)
    structure = la._fit.structure

    def by_factor():
        structure._n_log_dets = 0
        la.log_marginal_likelihood(0.3)

    mine, theirs = seconds(by_factor)[0], seconds(lambda: eigvalsh(structure.parts[0]))[0]
    return [(f"evidence of one prior, P = {model.network.n_params}", mine, "eigenvalues", theirs)]


def few_eigenvalues():
    """Return the ten largest eigenvalues of `lowrank`, by Lanczos' iteration and all at once, for two spectra."""
    rows = []
    for spectrum, scale in (("close", 1.0), ("apart", 0.9)):
        model, theta, X, y, _ = problem((64, 28, 10), 1_000)
        M, P = ggn(model, theta, X * scale ** np.arange(64), y), model.network.n_params
        mine = seconds(lambda M=M: _largest_of(M, 10))[0]
        theirs = seconds(lambda M=M, P=P: eigh(M, subset_by_index=[P - 10, P - 1]))[0]
        rows.append((f"ten eigenvalues that are {spectrum}, P = {P}", mine, "eigh", theirs))
    return rows


def function_space():
    """Return the posterior of `gp`, by Cholesky factors and by QR decompositions alone."""
    rows = []
    for N in (500, 1_000):
        model, theta, X, y, _ = problem((28, 60, 3), N)
        la = Laplace(model, theta, hessian_structure="gp").fit(X, y)
        mine = seconds(lambda la=la: la.under(1.0).posterior)[0]
        weak = la.under(1e-12)  # of which Cholesky factors would not keep nine digits
        assert isinstance(weak.posterior, LowRankPosterior)
        theirs = seconds(lambda weak=weak: weak.under(1e-12).posterior)[0]
        rows.append((f"gp of {2 * N} rows, P = {model.network.n_params}", mine, "QR, for a weak prior", theirs))
    return rows


def turned_rows():
    """Return the time to turn the rows of a `kron` prediction in one product, and sample by sample."""
    rows = []
    for N, K, H in ((1_000, 2, 1_024), (1_797, 10, 256)):
        R, U = np.random.default_rng(0).normal(size=(N, K, H)), np.eye(H)
        mine, theirs = (seconds(f)[0] for f in (lambda R=R, U=U: R.reshape(-1, len(U)) @ U, lambda R=R, U=U: R @ U))
        rows.append((f"rows of {N} samples, {K} each, H = {H}", mine, "a product a sample", theirs))
    return rows


def default_link():
    """Return the time of the covariance for `mean_field`, and of the variances for `probit`, of every structure."""
    rows, contrasts = [], np.eye(10)[:-1] - np.eye(10)[-1]
    for structure, subset in [("full", "all"), ("full", "last_layer"), *product(("kron", "diag", "lowrank"), ["all"])]:
        model, theta, X, y, _ = problem((64, 32, 10), 1_000)
        la = Laplace(model, theta, hessian_structure=structure, subset_of_weights=subset).fit(X, y)
        f = la._linearised(X)
        of_all, of_each = seconds(lambda f=f: f.covariance(contrasts))[0], seconds(lambda f=f: f.variance())[0]
        rows.append((f"{structure}, {subset}: covariance of nine contrasts", of_all, "ten variances", of_each))
    return rows


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
