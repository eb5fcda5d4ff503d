"""*... to Bayesian Neural Networks*, *Build MLP*: an MLP, forward and backward by hand.

An `MLP` is an architecture and nothing else; its parameters are one flat vector theta = (W1, b1, W2, b2, ...), each W
row-major (out, in), the order of PyTorch's `parameters_to_vector`. One forward pass leaves a `Trace`; every
derivative in the library starts from one and needs a single backward recursion, `Trace.pull_back`:

    z_l = W_l a_{l-1} + b_l,   a_l = act(z_l),   a_0 = x,   f = z_L

| symbol | shape | meaning |
|---|---|---|
| a_{l-1} | (N, I) | what goes into layer l |
| z_l | (N, H) | what its linear map makes of it |
| D_l | (N, K, H) | R_n d f / d z_l for K rows R_n in output space: the back-propagated factor |
| delta_l | (N, H) | D_l for the one row G_n |

What it returns is kept as factors, see `jacobian.py`: R_n d f / d W_l = D_l,n (x) a_{l-1},n, R_n d f / d b_l = D_l,n.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..validation import Array, Seed, option, refusal, sampler, whole_number
from .activation import ACTIVATIONS, Activation
from .jacobian import FactoredRows
from .layer_pairs import (
    Shape,
    add_block,
    add_symmetric_block,
    diagonal_outer_sum,
    layer_views,
    n_parameters,
    outer_sum,
    symmetrise,
    with_ones,
)


@dataclass(frozen=True, init=False, repr=False)
class MLP:
    """A fully connected network with layers of the given sizes, inputs first, outputs last.

    Parameters
    ----------
    *sizes
        D, H_1, ..., C: the number of units of each layer. `MLP(2, 1)` is logistic regression.
    activation
        What follows every layer but the last: a name in `ACTIVATIONS`.

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

    def __init__(self, *sizes: int, activation: str = "tanh") -> None:
        if len(sizes) < 2:
            raise ValueError(refusal("sizes", "at least an input and an output size", sizes))
        sizes = tuple(whole_number("sizes", size, least=1) for size in sizes)
        set_once = object.__setattr__
        set_once(self, "sizes", sizes)
        set_once(self, "activation", option("activation", activation, ACTIVATIONS))
        set_once(self, "n_params", n_parameters(self.shapes))

    def __repr__(self) -> str:
        return f"MLP({', '.join(map(str, self.sizes))}, activation={self.activation!r})"

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
        return self.trace(theta, X).pull_back_one(G).sum()

    def jacobian(self, theta: Array, X: Array) -> Array:
        """Return J_n = d f_n / d theta for every sample, (N, C, P)."""
        return self.trace(theta, X).pull_back().dense()

    def second_order(self, theta: Array, X: Array, G: Array) -> Array:
        """Return the network's own curvature sum_n sum_c G_nc d2 f_c(x_n) / d theta2, (P, P)."""
        return self.trace(theta, X).second_order(G)

    def trace(self, theta: Array, X: Array) -> Trace:
        """Run the network forward on X (N, D) and remember what the backward passes need.

        X may hold pairs, (N, 2, D): then f is the difference between the outputs of the first and of the second.
        """
        paired = np.ndim(X) == 3 and np.shape(X)[1] == 2
        if np.shape(X)[-1:] != (self.n_inputs,) or not (np.ndim(X) == 2 or paired):
            raise ValueError(refusal("X", f"shape (N, {self.n_inputs})", f"shape {np.shape(X)}"))
        layers = self.layers(theta)
        act = ACTIVATIONS[self.activation]
        a, z = [X.reshape(-1, self.n_inputs)], []  # a[l] goes into layer l, z[l] comes out of its linear map
        for W, b in layers[:-1]:
            z.append(a[-1] @ W.T + b)
            a.append(act.value(z[-1]))
        W, b = layers[-1]
        f = a[-1] @ W.T + b
        return Trace([W for W, _ in layers], a, z, f[0::2] - f[1::2] if paired else f, act, paired)


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass, remembered: weights, what went into each layer, and what came out of its linear map."""

    weights: list[Array]  # W_l (H, I)
    inputs: list[Array]  # a_{l-1} (N, I)
    hidden: list[Array]  # z_l (N, H) of the layers that an activation follows
    output: Array  # f (N, C)
    act: Activation
    paired: bool  # inputs 2n and 2n + 1 make one output, their difference

    def slope(self, l: int) -> Array:
        """Return act'(z_l), (N, H)."""
        return self.act.slope(self.hidden[l], self.inputs[l + 1])

    def bend(self, l: int) -> Array:
        """Return act''(z_l), (N, H)."""
        return self.act.bend(self.hidden[l], self.inputs[l + 1])

    def pull_back(self, R: Array | None = None, n_layers: int | None = None) -> FactoredRows:
        """Back-propagate rows R (N, K, C) in output space, by default the identity, through the last `n_layers`.

        D_L = R,   D_l = (D_{l+1} W_{l+1}) * act'(z_l)
        """
        N, C = self.output.shape
        D = [np.broadcast_to(np.eye(C), (N, C, C)) if R is None else R]
        if self.paired:
            D = [np.stack([D[0], -D[0]], axis=1).reshape(2 * N, -1, C)]
        L = len(self.weights)
        first = 0 if n_layers is None else L - n_layers
        for l in reversed(range(first, L - 1)):
            n, K, H = D[0].shape
            back = (D[0].reshape(n * K, H) @ self.weights[l + 1]).reshape(n, K, -1)
            back *= self.slope(l)[:, None, :]
            D.insert(0, back)
        return FactoredRows(self.inputs[first:], D, paired=self.paired)

    def pull_back_one(self, G: Array, n_layers: int | None = None) -> FactoredRows:
        """Back-propagate one row G_n a sample, G of shape (N, C)."""
        if np.shape(G) != self.output.shape:
            raise ValueError(refusal("G", f"shape {self.output.shape}", f"shape {np.shape(G)}"))
        return self.pull_back(G[:, None, :], n_layers)

    def second_order(self, G: Array, n_layers: int | None = None, top: Array | None = None) -> Array:
        """Return sum_n G_n . d2 f_n / d theta2 (P, P), for theta of the last `n_layers`, as two families of products.

        With `top` (N, C, C), symmetric, sum_n J_n^T top_n J_n is added: it is the bending of the outputs themselves.

        With S_l = d z_{l+1} / d z_l = W_{l+1} diag(act'_l), T_lk = d z_l / d z_k and U_lk = d a_l / d z_k:

        - *bending*: z_l bends through its activation by diag(act''_l * W_{l+1}^T delta_{l+1}). Collected from the top,
          B_l = S_l^T B_{l+1} S_l + that diagonal, B_L = top, is the second derivative in z_l, and layers l >= k share
          sum_n (B_l T_lk) (x) a_{l-1} a_{k-1}^T, the bias' input being 1;
        - *bilinear*: z_l = W_l a_{l-1} is a product, which adds sum_n delta_l (x) U_{l-1,k} (x) a_{k-1} for l > k.
        """
        first = 0 if n_layers is None else len(self.weights) - n_layers
        W, L = self.weights[first:], len(self.weights) - first
        delta = [D[:, 0] for D in self.pull_back_one(G, n_layers).deltas]  # (N, H_l)
        slope = [self.slope(first + l) for l in range(L - 1)]  # (N, H_l)
        S = [W[l + 1] * slope[l][:, None, :] for l in range(L - 1)]  # (N, H_{l+1}, H_l)
        inputs = with_ones(self.inputs[first:])  # (N, I_l + 1)

        bend = [self.bend(first + l) * (delta[l + 1] @ W[l + 1]) for l in range(L - 1)]  # (N, H_l)
        B = [top]  # (N, H_l, H_l) without the diagonal `bend`, or None for zeros
        for l in reversed(range(L - 1)):
            above = _with_diagonal(B[0], bend[l + 1] if l < L - 2 else None)
            B.insert(0, None if above is None else S[l].transpose(0, 2, 1) @ above @ S[l])

        shapes = [(len(w), w.shape[1]) for w in W]
        lower = np.zeros((n_parameters(shapes),) * 2)
        for k in range(L):
            if k < L - 1:
                add_block(lower, shapes, k, k, diagonal_outer_sum(bend[k], inputs[k]))
            if (dense := B[k]) is not None:
                add_symmetric_block(lower, shapes, k, dense, inputs[k])
            T = np.empty(0)  # d z_l / d z_k (N, H_l, H_k)
            for l in range(k + 1, L):
                E = np.zeros((len(W[l]), inputs[l].shape[1], len(W[k]), inputs[k].shape[1]))
                if l == k + 1:  # d a_k / d z_k is diagonal
                    T = S[k]
                    product = (delta[l][:, :, None] * slope[k][:, None, :]).reshape(len(T), -1).T @ inputs[k]
                    np.einsum("ghhj->ghj", E[:, :-1])[...] = product.reshape(len(W[l]), len(W[k]), -1)
                else:
                    E[:, :-1] = outer_sum(slope[l - 1][:, :, None] * T, delta[l], inputs[k]).transpose(1, 0, 2, 3)
                    T = S[l - 1] @ T
                bent = _with_diagonal(B[l], bend[l] if l < L - 1 else None)
                if bent is not None:
                    E += outer_sum(bent @ T, inputs[l], inputs[k])
                add_block(lower, shapes, l, k, E)
        return symmetrise(lower)


def _with_diagonal(B: Array | None, diagonal: Array | None) -> Array | None:
    """Return B_n + diag(diagonal_n), (N, H, H), where None stands for zeros."""
    if diagonal is None:
        return B
    H = diagonal.shape[1]
    return diagonal[:, :, None] * np.eye(H) + (0.0 if B is None else B)
