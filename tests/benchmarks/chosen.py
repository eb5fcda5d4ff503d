"""Ways that were chosen, beside those that they took the place of."""

import os
import subprocess
import sys
from functools import partial
from importlib import import_module
from itertools import product
from timeit import timeit
from unittest.mock import patch

import numpy as np
from scipy.linalg import eigh, eigvalsh
from scipy.linalg.blas import dgemm
from scipy.special import softmax

from minilaplace import Categorical, Laplace
from minilaplace.curvature import ggn, hessian
from minilaplace.evidence import same_inputs
from minilaplace.network import layer_pairs, mlp, products, subset
from minilaplace.structures.low_rank import LowRankPosterior, _largest_of

from .work import problem, seconds

PAIRS = [  # sizes, N, which weights, pairs of what, the rule that asks for them, and what they took the place of
    ((64, 32, 10), 1_797, "all", "layers", "pairs_are_cheaper", "rows written out"),
    ((64, 256, 10), 1_797, "last_layer", "units", "few_units", "products of inputs"),
    ((64, 128, 4), 10_000, "last_layer", "units", "few_units", "products of inputs"),
]


def by_columns():
    """Return the time of a softmax by columns, and row by row."""
    rows = []
    for N, C in ((10_000, 2), (1_797, 10)):
        likelihood, f = Categorical(), np.random.default_rng(0).normal(size=(N, C))
        mine, theirs = seconds(partial(likelihood.mean, f))[0], seconds(partial(softmax, f, axis=1))[0]
        rows.append((f"softmax of {N} samples, C = {C}, by columns", mine, "by rows", theirs))
    return rows


def unfilled():
    """Return the time of products of few terms into memory as it is, and into zeros."""
    rows = []
    for M, K, N in ((16_173, 10, 32), (11_250, 10, 100)):
        A, B = np.ones((M, K)), np.ones((K, N))
        mine, theirs = seconds(partial(products.product, A, B))[0], seconds(partial(dgemm, 1.0, B.T, A.T))[0]
        rows.append((f"product of {M} x {K} and {K} x {N}", mine, "into zeros", theirs))
    return rows


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


def one_blas():
    """Return the time of a fit whose products are by the BLAS of its Cholesky factor, and by NumPy's."""
    model, theta, X, y, _ = problem((64, 32, 10), 1_797)

    def numpys(A, B, out=None):
        return A @ B if out is None else np.add(out, A @ B, out=out)

    mine = seconds(lambda: Laplace(model, theta).fit(X, y).posterior)[0]
    with patch.object(mlp, "product", numpys), patch.object(layer_pairs, "product", numpys):
        theirs = seconds(lambda: Laplace(model, theta).fit(X, y).posterior)[0]
    return [(f"products and factor by one BLAS, P = {model.network.n_params}", mine, "by two", theirs)]


def in_pairs():
    """Return the times of a fit and of a first prediction by pairs of layers or units, and without."""
    rows = []
    for sizes, N, which, pairs, rule, instead in PAIRS:
        model, theta, X, y, _ = problem(sizes, N)

        def fit(model=model, theta=theta, X=X, y=y, which=which):
            return Laplace(model, theta, subset_of_weights=which).fit(X, y)

        la = fit()
        works = {"fit": fit, "first prediction": lambda la=la, X=X: la.under().predict(X, "probit")}
        for name, work in works.items():
            mine, no = seconds(work)[0], lambda *_: False
            with patch.object(layer_pairs, rule, no), patch.object(subset, rule, no, create=True):
                theirs = seconds(work)[0]
            rows.append((f"{name}, {'-'.join(map(str, sizes))}, {which}: pairs of {pairs}", mine, instead, theirs))
    return rows


def one_decomposition():
    """Return the time of a prior chosen to a budget by one eigendecomposition, and by a factor for each prior."""
    rows = []
    for sizes in ((8, 32, 3), (30, 32, 2), (64, 16, 10)):
        model, theta, X, y, _ = problem(sizes, 500)
        la = Laplace(model, theta).fit(X, y)
        tune = partial(la.optimize_prior_precision, "budget", X=X, y=y)
        mine = seconds(tune)[0]
        with patch.object(same_inputs, "KEPT", 0):
            theirs = seconds(tune)[0]
        rows.append((f"a prior to a budget, P = {model.network.n_params}", mine, "a factor for each prior", theirs))
    return rows


def symmetric():
    """Return the time of copying a lower triangle upwards in bands, and as a whole."""
    A = np.ones((2_410, 2_410))

    def whole():
        below = np.tril(A)
        return below + np.tril(below, -1).T

    mine, theirs = seconds(partial(layer_pairs.symmetrise, A))[0], seconds(whole)[0]
    return [(f"symmetry of a matrix, P = {len(A)}, in bands", mine, "as a whole", theirs)]


def diagonal_bending():
    """Return the time of an exact Hessian whose units bend each by itself, and by a matrix between units."""
    rows, module = [], import_module("minilaplace.network.second_order")

    def between_units(c, u):
        return layer_pairs.outer_sum(c[:, :, None] * np.eye(c.shape[1]), u, u)

    for sizes, N in (((2, 32, 2), 10_000), ((64, 16, 10), 500)):
        model, theta, X, y, _ = problem(sizes, N)
        work = partial(hessian, model, theta, X, y)
        mine = seconds(work)[0]
        with patch.object(module, "diagonal_outer_sum", between_units):
            theirs = seconds(work)[0]
        rows.append((f"Hessian, {'-'.join(map(str, sizes))}: each unit with itself", mine, "with all", theirs))
    return rows


def on_a_loaded_machine():
    """Return the mean time of a step of training beside busy processes, by a copy of W^T and by a transposed W."""
    model, theta, X, y, _ = problem((30, 32, 2), 1_000)
    step, n = partial(model.loss_and_gradient, theta, X, y), 500

    def transposed(a, W, b):
        return products.product(a, W.T) + b

    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        mine = timeit(step, number=n) / n
        with patch.object(mlp, "_affine", transposed):
            theirs = timeit(step, number=n) / n
    finally:
        for process in busy:
            process.kill()
    return [("step of training, 30-32-2, beside busy processes: W^T copied", mine, "by BLAS", theirs)]


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
    for structure, which in [("full", "all"), ("full", "last_layer"), *product(("kron", "diag", "lowrank"), ["all"])]:
        model, theta, X, y, _ = problem((64, 32, 10), 1_000)
        la = Laplace(model, theta, hessian_structure=structure, subset_of_weights=which).fit(X, y)
        f = la._linearised(X)
        of_all, of_each = seconds(lambda f=f: f.covariance(contrasts))[0], seconds(lambda f=f: f.variance())[0]
        rows.append((f"{structure}, {which}: covariance of nine contrasts", of_all, "ten variances", of_each))
    return rows


WAYS = (
    one_blas,
    unfilled,
    by_columns,
    symmetric,
    in_pairs,
    diagonal_bending,
    on_a_loaded_machine,
    one_evidence,
    one_decomposition,
    few_eigenvalues,
    function_space,
    turned_rows,
    default_link,
)
