"""How many modes of a network's posterior are the same mode: exchanged units, and units with both signs turned.

The hidden units of a layer can be exchanged, their weights in and out with them, and the outputs stay: H! orders of H
units. If the activation is odd, act(-z) = -act(z), the signs of a unit's weights in and out can be turned too: 2^H.
Under a prior that treats the units of a layer alike, and of mean 0 where signs are turned, all these are modes of equal
height. Laplace's evidence integrates around one of them; that of the model is the sum, and where they do not overlap

    log p(y) = log_evidence + sum over hidden layers of log(2^H H!)

| activation | equal modes of a hidden layer |
|---|---|
| tanh | 2^H H! |
| sigmoid, softplus, silu, gelu | H! |
| relu | H!: a unit's weights can be scaled by c in and by 1 / c out, but of these the prior prefers one |
| identity | no number: rotations of the units change neither outputs nor a scalar prior |

A turned sigmoid unit, sigmoid(-z) = 1 - sigmoid(z), needs another bias in the next layer, which has another prior. What
a Gaussian prior alone decides (relu's scale, a number added to all logits, or to all rewards of a `PairedMLP`) adds no
modes.

The count is right for units that are all used and all different. A unit that the prior has turned off is at the centre
of its own symmetry, and its Gaussian holds all its turned copies already: there the sum is an upper bound.

Source: Bishop (2006), section 5.1.1.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ..network.activation import ACTIVATIONS
from ..network.mlp import MLP
from ..validation import instance, refusal


def log_symmetries(network: MLP) -> float:
    """Return the logarithm of the number of equal modes, the sum over hidden layers of log(2^H H!) or log H!.

    To be added to the evidence before sizes of a network are compared; for one network it changes nothing.

    Examples
    --------
    >>> round(np.exp(log_symmetries(MLP(2, 3, 1))))  # 8 choices of signs, 6 orders
    48
    """
    instance("network", network, MLP, "an MLP")
    hidden = network.sizes[1:-1]
    if network.activation == "identity" and hidden:
        expected = "a network whose equal modes can be counted"
        raise ValueError(refusal("network", expected, "hidden layers of activation 'identity', which can be rotated"))
    signs = np.log(2) if ACTIVATIONS[network.activation].odd else 0.0
    return float(sum(H * signs + gammaln(H + 1) for H in hidden))
