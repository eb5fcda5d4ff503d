"""*a possibly large Hessian computation*: the second derivative of the loss.

The Hessian of the summed negative log-likelihood splits by the chain rule. With J_n = d f_n / d theta (C, P),
g_n = d nll_n / d f_n (C,) and Lambda_n = d2 nll_n / d f_n2 (C, C):

    Hessian          = sum_n J_n^T Lambda_n J_n  +  sum_n sum_c g_nc d2 f_c(x_n) / d theta2
    GGN              = sum_n J_n^T Lambda_n J_n                   the first term: positive semi-definite everywhere
    empirical Fisher = sum_n J_n^T g_n g_n^T J_n                  a sum of squared gradients, which vanish on good fits

All three are raw sums over the data, prior and temperature excluded; a sample's weight multiplies its term. Where
Lambda_n = R_n^T R_n, the GGN is the Gram matrix of the rows R_n J_n; the empirical Fisher is the Gram matrix of the one
row g_n^T J_n a sample. So the two differ only in the rows that are back-propagated. (Where a likelihood's Hessian is
not its Fisher information, Lambda_n is the latter in the GGN, and the difference belongs to the Hessian's second term.)

`ggn`, `hessian` and `empirical_fisher` return the dense (P, P) matrix. `contributions` yields what each batch of the
data adds to it, for these functions and for every cheaper form in the room `structures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .model.bayesian_model import BayesianModel
from .model.likelihood import Likelihood
from .model.weights import WeightedData, weighed
from .network import layer_pairs
from .network.jacobian import FactoredRows, batches
from .network.subset import Subset, select
from .validation import Array, check_dense, instance, refusal


def ggn(model: BayesianModel, theta: Array, X: Any, y: Any, sample_weight: Any = None) -> Array:
    """Return the generalised Gauss-Newton matrix sum_n w_n J_n^T Lambda_n J_n, (P, P)."""
    return _dense("ggn", model, theta, X, y, sample_weight)


def hessian(model: BayesianModel, theta: Array, X: Any, y: Any, sample_weight: Any = None) -> Array:
    """Return the exact Hessian of the summed negative log-likelihood, (P, P): the GGN plus the network's curvature.

    It is symmetric, but away from a mode it need not be positive semi-definite.
    """
    return _dense("hessian", model, theta, X, y, sample_weight)


def empirical_fisher(model: BayesianModel, theta: Array, X: Any, y: Any, sample_weight: Any = None) -> Array:
    """Return the empirical Fisher information sum_n w_n J_n^T g_n g_n^T J_n, (P, P): squared per-sample gradients.

    It is not an approximation of the Hessian that one can rely on (Kunstner, Balles and Hennig, 2019).
    """
    return _dense("empirical_fisher", model, theta, X, y, sample_weight)


def _dense(curvature: str, model: BayesianModel, theta: Any, X: Any, y: Any, sample_weight: Any) -> Array:
    instance("model", model, BayesianModel, "a BayesianModel")
    theta = model.check_theta(theta)
    data = model.check_weighted(X, y, sample_weight, stored=True)
    check_dense("model", model.network.n_params)
    lower = np.zeros((model.network.n_params,) * 2)
    with np.errstate(all="ignore"):
        for part in contributions(curvature, model, theta, data, select(model.network, "all")):
            add_gram(lower, part.rows)
            if part.second_order is not None:
                lower += part.second_order
    return finite_curvature(layer_pairs.symmetrise(lower))


def add_gram(lower: Array, rows: FactoredRows) -> None:
    """Add sum_n J_n^T J_n to the lower triangle of a (P, P) matrix, in place, by pairs of layers where it is faster."""
    if layer_pairs.in_pairs(rows):
        layer_pairs.add_gram(lower, rows)
    else:
        rows.add_gram(lower)


def finite_curvature(*sums: Array) -> Array:
    """Return the first of some sums over the data, or raise a ValueError if one of them has overflowed."""
    if not all(np.isfinite(part).all() for part in sums):
        expected = "parameters at which loss and curvature of the data are within the range of float64"
        raise ValueError(refusal("theta", expected, "some too large for this data: scale X and y, and train again"))
    return sums[0]


# The rows R (N, K, C) that each curvature back-propagates; the exact Hessian adds the network's second-order term.
CURVATURES: dict[str, Callable[[Likelihood, Array, Any], Array]] = {
    "ggn": lambda likelihood, f, y: likelihood.factor(f),
    "hessian": lambda likelihood, f, y: likelihood.factor(f),
    "empirical_fisher": lambda likelihood, f, y: likelihood.gradient(f, y)[:, None, :],
}


class Contribution(NamedTuple):
    """What a batch adds: rows, whose Gram matrix is a curvature, a second-order term (P_s, P_s), and its summed nll.

    The samples' weights (B,) are part of all three; who averages inputs alone, as KFAC does, needs them once more.
    """

    rows: FactoredRows
    weight: Array
    second_order: Array | None
    nll: float


def contributions(
    curvature: str,
    model: BayesianModel,
    theta: Array,
    data: WeightedData,
    subset: Subset,
    batch_size: int | None = None,
    *,
    factored: bool = False,
    callback: Callable[[int, int], object] | None = None,
) -> Iterator[Contribution]:
    """Yield what the data adds to the curvature in the subset's parameters, batch by batch.

    A batch has `batch_size` samples, or as many as fit into a fixed amount of memory: more if the rows are only used in
    `factored` form. `callback(done, n_samples)` is called after each batch, when the next one is asked for.
    """
    network, likelihood, exact = model.network, model.likelihood, curvature == "hessian"
    floats = subset.floats_factored if factored else subset.floats_written
    floats += exact * sum(H for H, _ in subset.shapes) ** 2  # between all units, for the second-order term
    for batch in batches(len(data.X), floats, batch_size):
        X, y, weight = data.some(batch)
        trace = network.trace(theta, X)
        f, second_order = trace.output, None
        R = weighed(CURVATURES[curvature](likelihood, f, y), np.sqrt(weight))  # R^T R is then weighted once
        if exact:
            more = likelihood.hessian_minus_fisher(f, y)
            more = None if more is None else weighed(more, weight)
            second_order = subset.second_order(trace, weighed(likelihood.gradient(f, y), weight), more)
        rows = trace.pull_back(R, subset.n_layers, subset.columns)
        yield Contribution(rows, weight, second_order, float(weighed(likelihood.nll(f, y), weight).sum()))
        if callback is not None:
            callback(batch.stop, len(data.X))
