"""*From Bayesian Logistic Regression ...*, predicted probabilities that fan out: the Gaussian over the outputs.

Linearised around theta, f(x, theta') ~ f(x, theta) + J (theta' - theta), the network's outputs are Gaussian under the
posterior: f ~ N(m, V) with m = f(x, theta) and V = J Sigma J^T. Where data is scarce, V is large.

`Outputs` holds them for a block of inputs, `answers` asks them block by block, so that memory does not grow with N.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ..curvature import blocks
from ..network.jacobian import FactoredRows
from ..network.mlp import MLP
from ..network.subset import Subset
from ..posterior.gaussian import Posterior
from ..validation import Array, Rows, refusal


class Outputs:
    """f(x_n) ~ N(m_n, V_n) under a posterior, for a block of inputs; only what a link asks for is computed.

    `thetas` (S, P) are samples of the posterior, for the links that average over some; `n_rows` is how many outputs the
    prediction is about that this block belongs to.
    """

    def __init__(
        self,
        network: MLP,
        theta: Array,
        X: Array,
        posterior: Posterior,
        subset: Subset,
        thetas: Array | None = None,
        n_rows: int | None = None,
    ) -> None:
        self._network, self._theta, self._X = network, theta, X
        self._posterior, self._subset, self._thetas = posterior, subset, np.array([]) if thetas is None else thetas
        self._n_rows = n_rows
        self._trace = network.trace(theta, X)
        self.mean = self._trace.output  # (N, C)

    def covariance(self, R: Array | None = None) -> Array:
        """Return V_n = J_n Sigma J_n^T, (N, C, C), or the covariance of R f for rows R (K, C), (N, K, K)."""
        if R is None:
            return self._posterior.functional_covariance(self._jacobian, self._n_rows)
        rows = self._subset.rows(self._trace, np.broadcast_to(R, (len(self.mean), *R.shape)))
        return self._posterior.functional_covariance(rows, self._n_rows)

    def variance(self) -> Array:
        """Return diag V_n, (N, C)."""
        return self._posterior.functional_variance(self._jacobian, self._n_rows)

    def linear_samples(self) -> Array:
        """Return m + J (theta_s - theta) for every sampled theta, (S, N, C)."""
        return self.mean + self._jacobian.dot((self._thetas - self._theta)[:, self._subset.indices])

    def network_samples(self) -> Iterator[Array]:
        """Yield f(x, theta_s) for every sampled theta, (N, C) each."""
        return (self._network.forward(theta, self._X) for theta in self._thetas)

    @cached_property
    def _jacobian(self) -> FactoredRows:
        return self._subset.rows(self._trace)


def answers(
    ask: Callable[[Outputs], Any],
    X: Array | Rows,
    network: MLP,
    theta: Array,
    posterior: Posterior,
    subset: Subset,
    thetas: Array | None = None,
) -> Any:
    """Return what the outputs at X answer, joined over blocks of X, or raise a ValueError if that is not finite."""
    C, N = network.n_outputs, len(X)
    paired = len(X[:1].shape) == 3
    floats = subset.floats_each(C, posterior.factored and not paired) + (0 if thetas is None else 3 * C * len(thetas))
    with np.errstate(all="ignore"):
        asked = (Outputs(network, theta, X[block], posterior, subset, thetas, N * C) for block in blocks(N, floats))
        answer = joined([ask(f) for f in asked])
    for part in answer if isinstance(answer, tuple) else (answer,):
        if not np.isfinite(part).all():
            n = int(np.argwhere(~np.isfinite(part))[0, 0])
            expected = "inputs at which predictions and their variances are within the range of float64"
            raise ValueError(refusal("X", expected, f"one where they are not, at index {n}"))
    return answer


def joined(parts: list[Any]) -> Any:
    """Concatenate arrays, or tuples of arrays, that belong to consecutive blocks of inputs."""
    if isinstance(parts[0], tuple):
        columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        return parts[0]._make(columns) if hasattr(parts[0], "_make") else tuple(columns)
    return np.concatenate(parts)
