"""The Gaussian over the outputs at a training sample, as if that sample had not been seen.

The posterior N(theta, Sigma) is a product over prior and samples, and sample n is in it as the expansion of its
likelihood to second order in the outputs. With V_n = J_n Sigma J_n^T, and the likelihood's gradient g_n and Hessian
Lambda_n in f, both times the sample's weight and divided by the temperature, dividing by this factor leaves
f_n ~ N(m_-n, V_-n) with

    V_-n = (I - V_n Lambda_n)^-1 V_n,    m_-n = f_n + V_-n g_n

No network is trained again, and each link of f ~ N(m, V) gives a prediction for a sample that was held out. It is exact
for a linear model with Gaussian noise. Otherwise m_-n is one step of Newton's method towards the theta of the other
samples, so that theta must be the mode: of *this* prior, and at this temperature.

Where Lambda_n = R_n^T D_n R_n with D_n a diagonal of signs, Woodbury's identity puts the inverse between rows R_n:

    V_-n = V_n + V_n R_n^T (D_n - R_n V_n R_n^T)^-1 R_n V_n

With the GGN D_n is I and both terms are sums of squares. The eigenvalues of I - R_n V_n R_n^T are between 0 and 1: near
0 the sample alone determines an output, and its prediction is refused where rounding leaves too few digits. What is
left out is what the fit has added up, J_n^T Lambda_n J_n:

| curvature | Lambda_n |
|---|---|
| `ggn` | the Fisher information |
| `hessian` | the Hessian in f; the network's own curvature at the sample, g_n . d2 f_n, stays in the fit |
| `empirical_fisher` | refused: a step of Newton's method with squared gradients for its Hessian is too long |

The other term of the Hessian stays because a fit without it, at the same theta, is often indefinite. `full` and `gp`
hold all that a sample adds. Structures that drop a part of it may leave no positive precision without the sample, which
is refused; where they leave one, their steps may be several times too long.

| symbol | shape | meaning |
|---|---|---|
| V | (N, C, C) | covariance of the outputs |
| g | (N, C) | gradient of the nll in the outputs |
| R, D | (N, K, C), (N, K) | rows and signs of its Hessian |
| B | (N, K, M) | a root of the covariance of rows: B B^T = R V R^T |

Source: the cavity of Rasmussen and Williams (2006), section 3.6, with the sites of Laplace's approximation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..curvature import CURVATURES
from ..model.likelihood import Likelihood
from ..model.weights import WeightedData, weighed
from ..network.jacobian import batches, n_parameters
from ..posterior.cholesky import DIGITS, rounding_of
from ..validation import Array, refusal
from .links import nn
from .outputs import NO_SAMPLES, LinearisedNetwork, Outputs

SAME = 1e-9  # how far, relatively, sums over the same data differ by rounding


@dataclass(eq=False, repr=False)
class LeftOut(Outputs):
    """The Gaussian f(x_n) ~ N(m_-n, V_-n) at training samples, each as if it had not been seen.

    `noise` (N, S, C) is white noise for `mc`, and `first` the index of the first of these samples, for errors.
    """

    gradient: Array  # g
    rows: Array  # R
    signs: Array  # D
    noise: Array
    first: int

    @cached_property
    def mean(self) -> Array:
        """The outputs at the theta of the other samples, to first order, m_-n = f_n + V_-n g_n, (N, C)."""
        (B, X, _), (b, _, x) = self._factors, self._factors_of(self.gradient[:, None, :])
        step = B @ b.transpose(0, 2, 1) + X @ x.transpose(0, 2, 1)
        return self.trace.output + step[:, :, 0]

    def covariance(self, R: Array | None = None) -> Array:
        """Return V_-n, (N, C, C), or the covariance of R f for R (K, C) or (N, K, C), (N, K, K)."""
        B, X, divided = self._factors if R is None else self._factors_of(R)
        return B @ B.transpose(0, 2, 1) + divided @ X.transpose(0, 2, 1)

    def variance(self) -> Array:
        """Return diag V_-n, (N, C)."""
        B, X, divided = self._factors
        return (B**2).sum(axis=2) + (X * divided).sum(axis=2)

    def linear_samples(self) -> Array:
        """Return samples of N(m_-n, V_-n), (S, N, C), of each training sample by itself."""
        values, vectors = np.linalg.eigh(self.covariance())
        root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
        return (self.mean[:, None, :] + self.noise @ root.transpose(0, 2, 1)).transpose(1, 0, 2)

    @cached_property
    def _factors(self) -> tuple[Array, Array, Array]:
        """`_factors_of` the outputs themselves."""
        return self._factors_of(None)

    def _factors_of(self, A: Array | None) -> tuple[Array, Array, Array]:
        """Return B, X and X diag(e)^-1 for A f: its covariance without sample n is B B^T + X diag(e)^-1 X^T."""
        of_R, e, U = self._removed
        B = self.root(A)
        X = B @ (of_R.transpose(0, 2, 1) @ U)
        return B, X, X / e[:, None, :]

    @cached_property
    def _removed(self) -> tuple[Array, Array, Array]:
        """The root of R V R^T, and eigenvalues e (N, K) and eigenvectors of D - R V R^T."""
        B = self.root(self.rows)
        D = self.signs[:, :, None] * np.eye(self.signs.shape[1])
        e, U = np.linalg.eigh(D - B @ B.transpose(0, 2, 1))
        self._check(e, B)
        return B, e, U

    def _check(self, e: Array, B: Array) -> None:
        """Raise a ValueError at the first sample without which no posterior is left, or none with enough digits.

        The posterior without sample n is positive definite if D - R V R^T has as many negative eigenvalues as D.
        """
        lost = np.abs(e).min(axis=1) * 10.0**-DIGITS < rounding_of(1.0, len(self.at.subset))
        if lost.any():
            n = int(lost.argmax())
            expected = "one under which no sample determines an output all by itself (a larger one)"
            received = f"one under which the sample at index {self.first + n} does, by all but {np.abs(e[n]).min():.2g}"
            raise ValueError(refusal("prior_precision", expected, f"{received}: too few digits are left without it"))
        indefinite = (e < 0).sum(axis=1) != (self.signs < 0).sum(axis=1)
        if indefinite.any():
            n = int(indefinite.argmax())
            largest = np.linalg.eigvals(self.signs[n][:, None] * (B[n] @ B[n].T)).real.max()
            expected = "'full' or 'gp' with curvature='ggn', which contain each sample's whole contribution"
            received = f"a posterior that is not positive definite without the sample at index {self.first + n}"
            value = f"an eigenvalue of V_n Lambda_n is {largest:.4g}, not below 1"
            raise ValueError(refusal("hessian_structure", expected, f"{received}: {value}"))


@dataclass(eq=False, repr=False)
class TrainingSamples:
    """The data of a fit, read by slices: `samples[batch]` are the outputs at each sample as if it had not been seen.

    The likelihood is that of the predictions, whose noise may be another than that of the fit. With `n_samples`, white
    noise for samples of the outputs is drawn from `rng`, in the order of the data.
    """

    at: LinearisedNetwork
    likelihood: Likelihood
    curvature: str
    temperature: float
    data: WeightedData
    n_samples: int
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.data.X)

    def __getitem__(self, batch: slice) -> LeftOut:
        X, y, weight = self.data.some(batch)
        trace = self.at.network.trace(self.at.theta, X)
        f, share = trace.output, weight / self.temperature
        g, (R, D) = self.likelihood.gradient(f, y), signed_rows(self.likelihood, self.curvature, f, y)
        noise = self.rng.standard_normal((len(X), self.n_samples, f.shape[1]))
        g, R = weighed(g, share), weighed(R, np.sqrt(share))
        return LeftOut(self.at, X, trace, NO_SAMPLES, g, R, D, noise, batch.start)

    @property
    def floats_each(self) -> int:
        """About how many numbers of memory a sample takes: rows for f, R f and g, their roots, and samples of f."""
        C = self.at.network.n_outputs
        return 10 * C * n_parameters(self.at.subset.shapes) + 3 * C * self.n_samples


def check_seen(at: LinearisedNetwork, data: WeightedData, likelihood: Likelihood, nll: float, n_data: float) -> None:
    """Raise a ValueError unless this can be the data of a fit: by the number of samples, and their summed nll."""
    count = data.weight.sum()
    if not abs(count - n_data) <= SAME * n_data:
        expected = f"the data of the fit, whose weights (1 if none were given) add up to {n_data:g}"
        raise ValueError(refusal("X", expected, f"{len(data.X)} samples, whose weights add up to {count:g}"))
    total = size = 0.0
    for batch in batches(len(data.X), at.floats_each()):
        X, y, weight = data.some(batch)
        f = at.network.forward(at.theta, X)
        each = weighed(likelihood.nll(f, y), weight)
        total += each.sum()
        size += np.abs(each).sum() + np.abs(f * weighed(likelihood.gradient(f, y), weight)).sum()
    if not abs(total - nll) <= SAME * size:
        expected = f"the data of the fit, whose summed negative log-likelihood at theta is {nll:.10g}"
        raise ValueError(refusal("X", expected, f"data for which it is {total:.10g}"))


def signed_rows(likelihood: Likelihood, curvature: str, f: Array, y: Any) -> tuple[Array, Array]:
    """Return rows R (N, K, C) and signs D (N, K) with R^T D R what sample n adds to this curvature, in the outputs."""
    R = CURVATURES[curvature](likelihood, f, y)
    more = likelihood.hessian_minus_fisher(f, y) if curvature == "hessian" else None
    D = np.ones(R.shape[:2])
    if more is None:
        return R, D
    values, vectors = np.linalg.eigh(more)
    rows = np.sqrt(np.abs(values))[:, :, None] * vectors.transpose(0, 2, 1)
    return np.concatenate([R, rows], axis=1), np.concatenate([D, np.where(values < 0, -1.0, 1.0)], axis=1)


def check_left_out(link: Callable[..., Any], curvature: str) -> None:
    """Raise a ValueError if predictions by this link, or from this curvature, cannot be made without a sample."""
    if link is nn:
        received = "'nn', whose samples of theta would be others for each sample that is left out"
        raise ValueError(refusal("link_approx", "a link of the Gaussian over the outputs, such as 'mc'", received))
    if curvature == "empirical_fisher":
        expected = "'ggn' or 'hessian' to leave samples out, which moves theta by a step of Newton's method"
        received = "'empirical_fisher', whose squared gradients are not the Hessian of that step"
        raise ValueError(refusal("curvature", expected, received))
