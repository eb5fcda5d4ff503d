"""Trained parameters from PyTorch and other libraries as an `MLP` with its theta, and back.

An MLP is a list of layers [(W, b), ...], W of shape (out, in), and one activation between them. `from_layers` and
`from_torch` return an `MLP` and its theta (P,); `to_layers` and `to_state_dict` return theta as layers. PyTorch need
not be installed; `modules.py` reads what comes from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..validation import Array, finite, instance, real_array, refusal, shown, vector
from .mlp import MLP
from .modules import UNUSED, Linear, linears_of_module, linears_of_state_dict


def from_layers(layers: Iterable[tuple[Any, Any]], activation: str) -> tuple[MLP, Array]:
    """Return the network that has these layers, and its theta (P,), a copy.

    Parameters
    ----------
    layers
        Pairs (W, b) from the first layer to the last, W of shape (out, in) and b of shape (out,). Where W is
        (in, out), as in scikit-learn and Keras, pass W.T.
    activation
        The name of the activation after every layer but the last, as in `MLP`.

    Raises
    ------
    ValueError
        If a layer is no such pair or does not fit the one before it; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> network, theta = from_layers([(np.ones((3, 2)), np.zeros(3)), (np.ones((1, 3)), [0.5])], "tanh")
    >>> network
    MLP(2, 3, 1, activation='tanh')
    >>> network.forward(theta, np.zeros((1, 2)))
    array([[0.5]])
    """
    linears: list[Linear] = []
    instance("layers", layers, Iterable, "pairs (W, b)")
    for l, layer in enumerate(layers):
        if not isinstance(layer, Sequence) or len(layer) != 2:
            raise ValueError(refusal(f"layers[{l}]", "a pair (W, b)", type(layer).__name__))
        linears.append((f"layers[{l}]", *layer))
    return _network(linears, activation)


def to_layers(network: MLP, theta: Any) -> list[tuple[Array, Array]]:
    """Return copies of the layers [(W, b), ...] of theta (P,), W of shape (out, in); `MLP.layers` returns views.

    Examples
    --------
    >>> network = MLP(2, 3, 1)
    >>> [(W.shape, b.shape) for W, b in to_layers(network, network.init(rng=0))]
    [((3, 2), (3,)), ((1, 3), (1,))]
    """
    instance("network", network, MLP, "an MLP")
    return [(W.copy(), b.copy()) for W, b in network.layers(vector("theta", theta, network.n_params))]


def from_torch(source: Any, activation: str | None = None) -> tuple[MLP, Array]:
    """Return the network that a PyTorch module computes, and its theta (P,) in float64.

    Parameters
    ----------
    source
        A `torch.nn.Sequential`, which may hold others, or a `state_dict`, a mapping from the names "<layer>.weight"
        and "<layer>.bias" to tensors or arrays, with the layers in the order in which they are applied. Of a module
        with a `forward` of its own pass the state_dict, if that forward computes an MLP.
    activation
        The name of the activation between the layers. A state_dict does not hold it, so it must be given if there are
        several layers. A module has its own, so it must be None.

    Raises
    ------
    ValueError
        If it is not an MLP; the message names the layer that an `MLP` cannot have. The last layer must be a `Linear`,
        because the likelihood turns its outputs into probabilities.

    Notes
    -----
    The outputs are PyTorch's up to rounding, except after a `Softplus`: above z = 20 PyTorch's returns z, which is up
    to 2e-9 too little.

    Examples
    --------
    >>> import numpy as np
    >>> state = {"fc1.weight": np.ones((3, 2)), "fc1.bias": np.zeros(3), "fc2.weight": np.ones((1, 3)), "fc2.bias": [0]}
    >>> from_torch(state, "relu")[0]
    MLP(2, 3, 1, activation='relu')
    """
    if isinstance(source, Mapping):
        linears = linears_of_state_dict(source)
        if activation is None and len(linears) > 1:
            raise ValueError(refusal("activation", "one, as a state_dict does not say", None))
        return _network(linears, UNUSED if activation is None else activation)
    if not hasattr(source, "named_parameters"):
        raise TypeError(refusal("source", "a torch.nn.Sequential or a state_dict", type(source).__name__))
    if activation is not None:
        raise ValueError(refusal("activation", "None, as the module has its own", shown(activation)))
    return _network(*linears_of_module(source))


def to_state_dict(network: MLP, theta: Any, names: Iterable[str] | None = None) -> dict[str, Array]:
    """Return theta (P,) as arrays under the names of a PyTorch state_dict.

    `names` are those of the layers, by default "0", "2", ..., as in a `Sequential` of Linear layers with an activation
    between them. `module.load_state_dict({name: torch.from_numpy(array) for name, array in ...})` loads the arrays.

    Examples
    --------
    >>> network = MLP(2, 3, 1)
    >>> list(to_state_dict(network, network.init(rng=0)))
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    layers = to_layers(network, theta)
    names = [str(2 * l) for l in range(len(layers))] if names is None else names
    instance("names", names, Iterable, f"{len(layers)} different names")
    names = list(names)
    if not len(set(names)) == len(names) == len(layers):
        raise ValueError(refusal("names", f"{len(layers)} different names", names))
    state: dict[str, Array] = {}
    for name, (W, b) in zip(names, layers, strict=True):
        path = f"{name}." if name else ""  # the keys of a lone Linear have no name before them
        state |= {f"{path}weight": W, f"{path}bias": b}
    return state


def _network(linears: list[Linear], activation: str) -> tuple[MLP, Array]:
    """Return the network and theta of these layers, or raise a ValueError if one does not fit the one before it."""
    if not linears:
        raise ValueError(refusal("layers", "at least one with W and b", "none"))
    sizes: list[int] = []
    parts: list[Array] = []
    for name, *tensors in linears:
        W, b = (real_array(name, _numbers(tensor), "W (out, in) and b (out,)") for tensor in tensors)
        if W.ndim != 2 or W.size == 0 or b.shape != W.shape[:1] or (sizes and W.shape[1] != sizes[-1]):
            expected = f"W of shape (out, {sizes[-1] if sizes else 'in'}) and b of shape (out,)"
            raise ValueError(refusal(name, expected, f"W of shape {W.shape} and b of shape {b.shape}"))
        sizes += [W.shape[0]] if sizes else [W.shape[1], W.shape[0]]
        parts += [finite(f"{name}, W", W).ravel(), finite(f"{name}, b", b)]
    return MLP(*sizes, activation=activation), np.concatenate(parts)


def _numbers(tensor: Any) -> Any:
    """Return a real tensor of any device and precision as an array in float64, and anything else as it is."""
    if not hasattr(tensor, "detach"):
        return tensor
    return (tensor.detach().cpu() if tensor.is_complex() else tensor.detach().cpu().double()).numpy()
