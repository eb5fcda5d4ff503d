"""Activations and their first two derivatives.

Each rule gives a = act(z), act'(z) and act''(z), elementwise. The derivatives receive the value a as well, because
for some (tanh, sigmoid) it is the cheap way to write them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from ..validation import Array


class Activation(NamedTuple):
    """An elementwise function of z, and its two derivatives, which may also use a.

    `odd` says whether act(-z) = -act(z), `smooth` whether act' has no jumps.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    bend: Callable[[Array, Array], Array]
    odd: bool = False
    smooth: bool = True


def _density(z: Array) -> Array:
    return np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)


ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda z, a: 1 - a**2, lambda z, a: -2 * a * (1 - a**2), odd=True),
    "sigmoid": Activation(expit, lambda z, a: a * (1 - a), lambda z, a: a * (1 - a) * (1 - 2 * a)),
    "relu": Activation(
        lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float), lambda z, a: np.zeros_like(z),
        smooth=False,
    ),
    "softplus": Activation(
        lambda z: np.logaddexp(0, z), lambda z, a: expit(z), lambda z, a: expit(z) * expit(-z)
    ),
    "silu": Activation(
        lambda z: z * expit(z),
        lambda z, a: expit(z) * (1 + z * expit(-z)),
        lambda z, a: expit(z) * expit(-z) * (2 + z * (1 - 2 * expit(z))),
    ),
    "gelu": Activation(
        lambda z: z * ndtr(z),
        lambda z, a: ndtr(z) + z * _density(z),
        lambda z, a: (2 - z**2) * _density(z),
    ),
    "identity": Activation(
        lambda z: z, lambda z, a: np.ones_like(z), lambda z, a: np.zeros_like(z), odd=True
    ),
}  # fmt: skip
