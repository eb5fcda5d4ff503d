"""An MLP, forward and backward by hand.

An `MLP` is an architecture without parameters. These are one flat vector theta = (W1, b1, W2, b2, ...), each W
row-major (out, in), in the order of PyTorch's `parameters_to_vector`. The forward pass is

    z_l = W_l a_{l-1} + b_l,   a_l = act(z_l),   a_0 = x,   f = z_L

and is recorded in a `Trace`, from which every derivative in the library is computed. The backward pass is

    R_L = R,   R_l = (R_{l+1} W_{l+1}) * act'(z_l)

for K rows R_n in output space. For one row G_n it is called delta_l, and gives the gradient of sum_n G_n . f_n:

    dW_l = sum_n delta_l a_{l-1}^T,   db_l = sum_n delta_l

| symbol | shape | meaning |
|---|---|---|
| a_{l-1} | (N, I) | the inputs of layer l |
| z_l | (N, H) | the outputs of its linear map |
| R_l | (N, K, H) | R_n d f / d z_l, K rows a sample |
| delta_l | (N, H) | R_l for the one row G_n |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..validation import (
    Array,
    Seed,
    StoredSamples,
    check_dense,
    check_memory,
    keep,
    option,
    readable,
    refusal,
    refuse_masked,
    sampler,
    whole_number,
)
from .activation import ACTIVATIONS, Activation
from .jacobian import FactoredRows, Shape, back_propagated, layer_views, n_parameters
from .products import product
from .second_order import second_order


@dataclass(frozen=True, init=False, repr=False)
class MLP:
    """A fully connected network with layers of the given sizes, inputs first, outputs last.

    Parameters
    ----------
    *sizes
        D, H_1, ..., C: the number of units of each layer. `MLP(2, 1)` is logistic regression.
    activation
        The name in `ACTIVATIONS` of the function that follows every layer but the last.

    Attributes
    ----------
    sizes, activation
        As given.
    n_params
        P, the length of theta.
    factored
        Whether a sample's rows of the Jacobian are one product R (x) a for each layer.

    Examples
    --------
    >>> network = MLP(2, 3, 1, activation="relu")
    >>> network.n_params
    13
    >>> theta = network.init(rng=0)
    >>> network.forward(theta, np.zeros((4, 2))).shape
    (4, 1)
    """

    sizes: tuple[int, ...]
    activation: str
    n_params: int
    factored: ClassVar[bool] = True

    def __init__(self, *sizes: int, activation: str = "tanh") -> None:
        if len(sizes) == 1 and np.ndim(sizes[0]) == 1:
            expected = f"numbers one by one, MLP({', '.join(map(str, np.asarray(sizes[0])))}) or MLP(*sizes)"
            raise ValueError(refusal("sizes", expected, f"one {type(sizes[0]).__name__}"))
        if len(sizes) < 2:
            raise ValueError(refusal("sizes", "at least an input and an output size, as in MLP(2, 1)", sizes))
        if isinstance(sizes[-1], str):
            raise TypeError(refusal("sizes", f"numbers alone, then activation={sizes[-1]!r} by its name", sizes))
        sizes = tuple(whole_number("sizes", size, least=1) for size in sizes)
        keep(self, sizes=sizes, activation=option("activation", activation, ACTIVATIONS))
        keep(self, n_params=n_parameters(self.shapes))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.sizes))}, activation={self.activation!r})"

    @property
    def shapes(self) -> list[Shape]:
        """The shape (out, in) of every layer's W."""
        return [(n_out, n_in) for n_in, n_out in pairwise(self.sizes)]

    @property
    def n_inputs(self) -> int:
        """D, the number of columns of X."""
        return self.sizes[0]

    @property
    def n_outputs(self) -> int:
        """C, the number of columns of f."""
        return self.sizes[-1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(D,), the shape of one sample."""
        return (self.n_inputs,)

    def init(self, rng: Seed = None) -> Array:
        """Draw a theta (P,) to start training from: W uniform within sqrt(6 / (in + out)), b zero.

        Glorot and Bengio (2010), equation 16, which is also what the post's library draws.
        """
        rng = sampler(rng)
        theta = np.zeros(self.n_params)
        for W, _ in self.layers(theta):
            bound = np.sqrt(6 / sum(W.shape))
            W[...] = rng.uniform(-bound, bound, size=W.shape)
        return theta

    def layers(self, theta: Array) -> list[tuple[Array, Array]]:
        """Return the views [(W, b), ...] of theta, W of shape (out, in) and b of shape (out,)."""
        if np.shape(theta) != (self.n_params,):
            raise ValueError(refusal("theta", f"shape ({self.n_params},)", f"shape {np.shape(theta)}"))
        return layer_views(theta, self.shapes)

    def forward(self, theta: Array, X: Array) -> Array:
        """Return the outputs f (N, C)."""
        return self.trace(theta, X).output

    def backward(self, theta: Array, X: Array, G: Array) -> Array:
        """Return the vector-Jacobian product sum_n J_n^T G_n (P,) for G (N, C)."""
        return self.trace(theta, X).backward(G)

    def jacobian(self, theta: Array, X: Array) -> Array:
        """Return J_n = d f_n / d theta for every sample, (N, C, P)."""
        trace, n_floats = self.trace(theta, X), len(X) * self.n_outputs * self.n_params
        check_memory("X", "fewer samples at a time", f"{len(X)} samples, whose Jacobian takes", n_floats)
        return trace.pull_back().dense()

    def second_order(self, theta: Array, X: Array, G: Array) -> Array:
        """Return the network's own curvature sum_n sum_c G_nc d2 f_c(x_n) / d theta2, (P, P)."""
        check_dense("network", self.n_params)
        return self.trace(theta, X).second_order(G)

    def trace(self, theta: Array, X: Array) -> Trace:
        """Run the network forward on X (N, D) and return all that the backward passes need."""
        self._check_shape(X)
        layers, act = self.layers(theta), ACTIVATIONS[self.activation]
        a, z = [X], []  # a[l] are the inputs of layer l, counted from 0, and z[l] the outputs of its linear map
        for W, b in layers[:-1]:
            z.append(_affine(a[-1], W, b))
            a.append(act.value(z[-1]))
        W, b = layers[-1]
        return Trace([W for W, _ in layers], a, z, _affine(a[-1], W, b), act)

    def check_readable(self, X: Any, name: str = "X") -> Array | StoredSamples:
        """Return X as finite samples to be read batch by batch, or raise a ValueError."""
        return readable(name, X, self.input_shape)

    def _check_shape(self, X: Array) -> None:
        refuse_masked(X=X)
        if np.ndim(X) != 1 + len(self.input_shape) or np.shape(X)[1:] != self.input_shape:
            expected = f"shape (N, {', '.join(map(str, self.input_shape))})"
            raise ValueError(refusal("X", expected, f"shape {np.shape(X)}"))


def _affine(a: Array, W: Array, b: Array) -> Array:
    """Return a W^T + b, (N, H), by a copy of W^T: quicker beside busy processes, where OpenBLAS uses AVX-512."""
    return product(a, W.T.copy()) + b


@dataclass(eq=False, repr=False)
class Trace:
    """One forward pass: the weights, the inputs of each layer, and the outputs of its linear map."""

    weights: list[Array]  # W_l (H, I)
    inputs: list[Array]  # a_{l-1} (N, I)
    hidden: list[Array]  # z_l (N, H) of the layers that an activation follows
    output: Array  # f (N, C)
    act: Activation

    def backward(self, G: Array) -> Array:
        """Return sum_n J_n^T G_n (P,) for G (N, C)."""
        gradient = []
        for a, delta in zip(self.inputs, self.deltas(G), strict=True):
            dW, db = product(delta.T, a), delta.sum(axis=0)  # (H, I), (H,)
            gradient += [dW.ravel(), db]
        return np.concatenate(gradient)

    def deltas(self, G: Array, n_layers: int | None = None) -> list[Array]:
        """Return delta_l (N, H) of the last `n_layers` layers, or of all, for G (N, C)."""
        if np.shape(G) != self.output.shape:
            raise ValueError(refusal("G", f"shape {self.output.shape}", f"shape {np.shape(G)}"))
        return [R[:, 0] for R in self.pull_back(G[:, None, :], n_layers).deltas]

    def pull_back(
        self, R: Array | None = None, n_layers: int | None = None, columns: NDArray[np.intp] | None = None
    ) -> FactoredRows:
        """Back-propagate rows R (N, K, C), by default the identity, through the last `n_layers` layers, or all.

        `columns` are positions among the parameters of these layers, if the rows are in some of them alone.
        """
        (N, C), L = self.output.shape, len(self.weights)
        rows = [np.broadcast_to(np.eye(C), (N, C, C)) if R is None else R]
        first = 0 if n_layers is None else L - n_layers
        for l in reversed(range(first, L - 1)):
            is_identity = R is None and l == L - 2
            rows.insert(0, back_propagated(None if is_identity else rows[0], self.weights[l + 1], self.slope(l)))
        return FactoredRows(self.inputs[first:], rows, columns)

    def second_order(self, G: Array, n_layers: int | None = None, top: Array | None = None) -> Array:
        """Return sum_n G_n . d2 f_n / d theta2 (P, P), for theta of the last `n_layers` layers, or of all.

        With `top` (N, C, C), symmetric, sum_n J_n^T top_n J_n is added. The terms are in `second_order.py`.
        """
        deltas, L = self.deltas(G, n_layers), len(self.weights)
        first = L - len(deltas)
        W, hidden = self.weights[first:], range(first, L - 1)
        slopes = [self.slope(l) for l in hidden]
        bends = [self.bend(l) * (delta @ w) for l, delta, w in zip(hidden, deltas[1:], W[1:], strict=True)]
        return second_order(W, self.inputs[first:], slopes, bends, deltas, top)

    def slope(self, l: int) -> Array:
        """Return act'(z_l), (N, H)."""
        return self.act.slope(self.hidden[l], self.inputs[l + 1])

    def bend(self, l: int) -> Array:
        """Return act''(z_l), (N, H)."""
        return self.act.bend(self.hidden[l], self.inputs[l + 1])
