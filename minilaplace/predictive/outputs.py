"""The Gaussian over the outputs that a posterior implies, f ~ N(m, V).

The network is linearised around theta: f(x, theta') is nearly f(x, theta) + J (theta' - theta). A linear function of a
Gaussian is Gaussian, so under the posterior m = f(x, theta) and V = J Sigma J^T. Where data is scarce, V is large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..network.jacobian import FactoredRows, batches, n_parameters
from ..network.mlp import MLP, Trace
from ..network.subset import Subset
from ..posterior.gaussian import Posterior
from ..validation import Array, refusal

NO_SAMPLES = np.empty((0, 0))


class OutOfRangeError(ValueError):
    """Predictions, or their variances, are not within the range of float64: the inputs or the prior are too extreme."""


@dataclass(eq=False, repr=False)
class LinearisedNetwork:
    """A network linearised around theta (P,), with a posterior over a subset of its parameters."""

    network: MLP
    theta: Array
    posterior: Posterior
    subset: Subset

    def __call__(self, X: Array, thetas: Array = NO_SAMPLES) -> Outputs:
        """Return the Gaussian over the outputs at X (N, D); `thetas` (S, P) are for links that average over samples."""
        return Outputs(self, X, self.network.trace(self.theta, X), thetas)

    def floats_each(self, n_samples: int = 0) -> int:
        """Return about how many numbers of memory an input takes, with this many samples of its outputs."""
        floats = self.subset.floats_factored if self.posterior.factored else self.subset.floats_written
        C = self.network.n_outputs
        return floats + 3 * C * n_samples + 4 * C**2

    @property
    def floats_of_root(self) -> int:
        """About how many numbers of memory an input takes, with its rows written out and their root."""
        return self.subset.floats_factored + 4 * self.network.n_outputs * n_parameters(self.subset.shapes)


@dataclass(eq=False, repr=False)
class Outputs:
    """The Gaussian f(x_n) ~ N(m_n, V_n) at inputs X (N, D), of which a link computes only what it needs."""

    at: LinearisedNetwork
    X: Array
    trace: Trace
    thetas: Array

    @property
    def mean(self) -> Array:
        """The outputs at theta, m (N, C)."""
        return self.trace.output

    def covariance(self, R: Array | None = None) -> Array:
        """Return V_n = J_n Sigma J_n^T, (N, C, C), or the covariance of R f for R (K, C) or (N, K, C), (N, K, K)."""
        return self.at.posterior.functional_covariance(self._jacobian(R))

    def variance(self) -> Array:
        """Return diag V_n, (N, C)."""
        return self.at.posterior.functional_variance(self._jacobian())

    def root(self, R: Array | None = None) -> Array:
        """Return F_n with V_nm = F_n F_m^T also between inputs, (N, C, r); of R f, R as in `covariance`, (N, K, r)."""
        return self.at.posterior.functional_root(self._jacobian(R))

    def linear_samples(self) -> Array:
        """Return m + J (theta_s - theta) for every sampled theta, (S, N, C)."""
        rows, deviations = self._jacobian(), (self.thetas - self.at.theta)[:, self.at.subset.indices]
        some = batches(len(deviations), len(self.X) * max(H for H, _ in self.at.subset.shapes))
        return self.mean + np.concatenate([rows.dot(deviations[batch]) for batch in some])

    def network_samples(self) -> Iterator[Array]:
        """Yield f(x, theta_s) for every sampled theta, (N, C) each."""
        return (self.at.network.forward(theta, self.X) for theta in self.thetas)

    def _jacobian(self, R: Array | None = None) -> FactoredRows:
        """Return the Jacobian of f, or of R f, in the uncertain parameters, (N, C or K, P_s)."""
        R = None if R is None else np.ascontiguousarray(np.broadcast_to(R, (len(self.X), *R.shape[-2:])))
        return self.trace.pull_back(R, self.at.subset.n_layers, self.at.subset.columns)


class Sliced(Protocol):
    """What is read by slices: inputs, or the outputs at training samples that are left out."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice, /) -> Any: ...


def in_batches(function: Callable[[Any], Any], X: Sliced, floats_each: int, room: int = 0) -> Any:
    """Return function(X), an array or a tuple of arrays, computed in batches so that memory does not grow with N."""
    with np.errstate(all="ignore"):
        parts = [function(X[batch]) for batch in batches(len(X), floats_each, room=room)]
    if not isinstance(parts[0], tuple):
        return finite(np.concatenate(parts))
    whole = [finite(np.concatenate(answers)) for answers in zip(*parts, strict=True)]
    return parts[0]._make(whole) if hasattr(parts[0], "_make") else tuple(whole)


def finite(answer: Array, name: str = "X", start: int = 0) -> Array:
    """Return an answer, one for each input from `start` on; an OutOfRangeError says at which input it is not finite."""
    if not np.isfinite(answer).all():
        n = int(np.argwhere(~np.isfinite(answer))[0, 0])
        expected = "inputs at which predictions and their variances are within the range of float64"
        received = f"one where they are not, at index {start + n}: scale it, or strengthen the prior"
        raise OutOfRangeError(refusal(name, expected, received))
    return answer
