"""*Laplace Approximation*, the large Hessian computation: the second derivative of the loss.

The Hessian of the summed negative log-likelihood splits by the chain rule. With J_n = d f_n / d theta (C, P),
g_n = d nll_n / d f_n (C,) and Lambda_n = d2 nll_n / d f_n2 (C, C):

    Hessian          = sum_n J_n^T Lambda_n J_n  +  sum_n sum_c g_nc d2 f_c(x_n) / d theta2
    GGN              = sum_n J_n^T Lambda_n J_n                   the first term: positive semi-definite everywhere
    empirical Fisher = sum_n J_n^T g_n g_n^T J_n                  a sum of squared gradients, which vanish on good fits

All three are raw sums over the data. Where Lambda_n = R_n^T R_n, the GGN is the Gram matrix of the rows R_n J_n, and
the empirical Fisher is the same with the one row g_n^T: what differs between them is only what is back-propagated.
`ggn`, `hessian` and `empirical_fisher` return the dense (P, P) matrix; `Laplace` adds up a `FullCurvature`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk

from .likelihood import Likelihood
from .model import BayesianModel
from .network import FactoredRows
from .validation import Array, instance

BLOCK_FLOATS = 2**21  # work arrays of about 16 MB: they stay near the cache, and memory does not grow with N


def ggn(model: BayesianModel, theta: Array, X: Any, y: Any) -> Array:
    """Return the generalised Gauss-Newton matrix sum_n J_n^T Lambda_n J_n, (P, P)."""
    return _dense("ggn", model, theta, X, y)


def hessian(model: BayesianModel, theta: Array, X: Any, y: Any) -> Array:
    """Return the exact Hessian of the summed negative log-likelihood, (P, P): the GGN plus the network's curvature.

    It is symmetric, but away from a mode it need not be positive semi-definite.
    """
    return _dense("hessian", model, theta, X, y)


def empirical_fisher(model: BayesianModel, theta: Array, X: Any, y: Any) -> Array:
    """Return the empirical Fisher information sum_n J_n^T g_n g_n^T J_n, (P, P): squared per-sample gradients.

    It is not an approximation of the Hessian that one can rely on (Kunstner, Balles and Hennig, 2019).
    """
    return _dense("empirical_fisher", model, theta, X, y)


def _dense(curvature: str, model: BayesianModel, theta: Any, X: Any, y: Any) -> Array:
    instance("model", model, BayesianModel, "a BayesianModel")
    theta = model.check_theta(theta)
    X, y = model.check_data(X, y)
    full = FullCurvature(model.network.n_params)
    accumulate(full, curvature, model, theta, X, y)
    return full.dense()


def _fisher_rows(likelihood: Likelihood, f: Array, y: Any) -> Array:
    return likelihood.factor(f)  # (N, K, C)


def _gradient_row(likelihood: Likelihood, f: Array, y: Any) -> Array:
    return likelihood.gradient(f, y)[:, None, :]  # (N, 1, C)


# What each curvature back-propagates; the exact Hessian adds the network's second-order term.
CURVATURES: dict[str, Callable[[Likelihood, Array, Any], Array]] = {
    "ggn": _fisher_rows,
    "hessian": _fisher_rows,
    "empirical_fisher": _gradient_row,
}


class FullCurvature:
    """The whole (P, P) matrix, as the lower triangle of a sum that shards of the data can be added to."""

    def __init__(self, n_params: int) -> None:
        self.lower = np.zeros((n_params, n_params), order="F")

    def add_rows(self, rows: FactoredRows) -> None:
        """Add sum_n (R_n J_n)^T (R_n J_n): one symmetric rank-k update of one triangle, in place."""
        dense = rows.dense()  # (N, K, P)
        self.lower = dsyrk(1.0, dense.reshape(-1, dense.shape[2]).T, 1.0, self.lower, lower=1, overwrite_c=1)

    def add_matrix(self, H: Array) -> None:
        """Add a symmetric (P, P) matrix."""
        self.lower += np.tril(H)

    def add(self, other: FullCurvature) -> None:
        """Add what another shard of the data has accumulated."""
        self.lower += other.lower

    def dense(self) -> Array:
        """Return the symmetric matrix, (P, P)."""
        return self.lower + np.tril(self.lower, -1).T


def accumulate(
    full: FullCurvature,
    curvature: str,
    model: BayesianModel,
    theta: Array,
    X: Array,
    y: Any,
    *,
    n_layers: int | None = None,
    batch_size: int | None = None,
) -> None:
    """Add the curvature of (X, y), as seen by the parameters of the last `n_layers`, to `full` block by block.

    The blocks have `batch_size` samples, or as many as fit into `BLOCK_FLOATS`.
    """
    network, likelihood = model.network, model.likelihood
    has_second_order = curvature == "hessian"
    rows = network.n_outputs * len(full.lower)
    floats = 2 * rows + has_second_order * (sum(network.sizes) + len(network.sizes)) ** 2
    for block in blocks(len(X), floats, batch_size):
        trace = network.trace(theta, X[block])
        R = CURVATURES[curvature](likelihood, trace.output, y[block])
        full.add_rows(trace.pull_back(R, n_layers))
        if has_second_order:
            full.add_matrix(trace.second_order(likelihood.gradient(trace.output, y[block]), n_layers))


def blocks(n_samples: int, floats_each: int, size: int | None = None) -> Iterator[slice]:
    """Cut n samples into slices of the given size, or of as many as take about `BLOCK_FLOATS` floats of memory."""
    size = size or max(1, BLOCK_FLOATS // floats_each)
    for start in range(0, n_samples, size):
        yield slice(start, start + size)
