"""A network r on pairs of inputs, for preferences: f is the difference between its outputs for the two.

    f(x_1, x_2) = r(x_1) - r(x_2),     d f / d theta = d r(x_1) / d theta - d r(x_2) / d theta

A pair is two samples of the network r, one after the other, whose rows of the Jacobian are added up with their signs.
A `PairedMLP` has the methods of an `MLP`, for inputs X (N, 2, D), so that others need not know which one they have.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..validation import Array
from .jacobian import FactoredRows
from .mlp import MLP, Trace


class PairedMLP(MLP):
    """An MLP whose inputs are pairs, (N, 2, D), and whose outputs (N, C) are differences of a network's outputs.

    Examples
    --------
    >>> network = PairedMLP(2, 3, 1)
    >>> network.forward(network.init(rng=0), np.zeros((4, 2, 2))).ravel()  # both sides are the same
    array([0., 0., 0., 0.])
    """

    factored: ClassVar[bool] = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(2, D), the shape of one sample."""
        return (2, self.n_inputs)

    def trace(self, theta: Array, X: Array) -> Trace:
        """Run the network on both sides of every pair, X (N, 2, D)."""
        self._check_shape(X)
        sides = MLP(*self.sizes, activation=self.activation).trace(theta, np.reshape(X, (-1, self.n_inputs)))
        f = sides.output[0::2] - sides.output[1::2]
        return PairedTrace(sides.weights, sides.inputs, sides.hidden, f, sides.act)


class PairedTrace(Trace):
    """A forward pass over both sides of every pair: inputs and hidden units have 2N rows, the output has N."""

    def pull_back(
        self, R: Array | None = None, n_layers: int | None = None, columns: NDArray[np.intp] | None = None
    ) -> FactoredRows:
        """Back-propagate R (N, K, C) through the first side of each pair, and -R through the second."""
        N, C = self.output.shape
        R = np.broadcast_to(np.eye(C), (N, C, C)) if R is None else R
        rows = super().pull_back(np.stack([R, -R], axis=1).reshape(2 * N, -1, C), n_layers)
        return PairedRows(rows.inputs, rows.deltas, columns)


class PairedRows(FactoredRows):
    """Factors of 2N samples' rows: those of samples 2n and 2n + 1 add up to the rows of pair n."""

    def written(self) -> Array:
        """Return the rows written out with pairs last, (P, K, N)."""
        rows = super().written()
        return rows[:, :, 0::2] + rows[:, :, 1::2]

    def squares(self) -> Array:
        """Return the sum of the squares of all rows, (P,)."""
        return (self.dense() ** 2).sum(axis=(0, 1))

    def dot(self, vectors: Array) -> Array:
        """Return J_n v for vectors v (S, P), (S, N, K)."""
        sides = super().dot(vectors)
        return sides[:, 0::2] + sides[:, 1::2]

    def quadratic(self, v: Array) -> Array:
        """Return J_n diag(v) J_n^T for v (P,), (N, K, K)."""
        rows = self.dense()
        return (rows * v) @ rows.transpose(0, 2, 1)

    def quadratic_diagonal(self, v: Array) -> Array:
        """Return the diagonals of `quadratic`, (N, K)."""
        return self.dense() ** 2 @ v
