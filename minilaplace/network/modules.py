"""PyTorch's modules and state_dicts, read by name, without PyTorch.

Classes of your own and layers with forward hooks are refused, as they may compute something else:

| layer of a `torch.nn.Sequential` | here |
|---|---|
| `Linear` | W, b |
| one of `ACTIVATION_LAYERS`, the same between all `Linear` | `activation` |
| `Dropout` after `.eval()`, `Flatten`, `Identity` | nothing, because they return rows (N, D) unchanged |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ..validation import refusal
from .mlp import MLP

ACTIVATION_LAYERS = ("Tanh", "Sigmoid", "ReLU", "Softplus", "SiLU", "GELU")  # in lower case they are names of ours
KNOWN_LAYERS = ("Linear", *ACTIVATION_LAYERS, "Dropout", "Flatten", "Identity")
SETTINGS: dict[str, dict[str, object]] = {  # that a layer must have to compute what the table above says
    "Softplus": {"beta": 1, "threshold": 20},
    "GELU": {"approximate": "none"},
    "Dropout": {"training": False},
    "Flatten": {"start_dim": 1, "end_dim": -1},
}
ADDED = ("forward", "_forward_hooks", "_forward_pre_hooks")  # attributes by which a layer computes something else
PYTORCHS = "torch.nn.modules."  # where PyTorch defines its layers; a class of the same name may be another's
STATE_DICT = "where its forward computes an MLP, pass module.state_dict() and the name of the activation"
CURES = {  # of what is often met and no part of an MLP, or set otherwise
    "Softmax": "leave it out, as the likelihood makes probabilities of the outputs; beneath a CrossEntropyLoss, which "
    "makes them too, train again without it",
    "LogSoftmax": "leave it out, as the likelihood makes probabilities of the outputs",
    "training": "call module.eval() first",
    "weight alone": "give it a bias of zeros, layer.bias = torch.nn.Parameter(torch.zeros(layer.out_features)), and "
    "leave its places out of subnetwork_indices, as it is certain",
}
Linear: TypeAlias = tuple[str, Any, Any]  # a layer's name in errors, and its W and b as they were received
UNUSED = MLP(1, 1).activation  # of a network without a hidden layer, which does not use its activation


def linears_of_state_dict(state: Mapping[str, Any]) -> list[Linear]:
    """Return the Linear layers whose tensors a state_dict holds, in its order."""
    layers: dict[str, dict[str, Any]] = {}
    for key, tensor in state.items():
        name, _, kind = str(key).rpartition(".")
        layers.setdefault(name, {})[kind] = tensor
    return [_linear(f"layer {name!r}", tensors) for name, tensors in layers.items()]


def _linear(name: str, tensors: Mapping[str, Any]) -> Linear:
    """Return a Linear layer that has these tensors, or raise a ValueError if they are not its weight and bias."""
    if tensors.keys() != {"weight", "bias"}:
        received = "weight alone" if tensors.keys() == {"weight"} else " and ".join(tensors)
        raise ValueError(refusal(name, "a Linear's weight and bias", _with_cure(received, received)))
    return name, tensors["weight"], tensors["bias"]


def linears_of_module(module: Any) -> tuple[list[Linear], str]:
    """Return the Linear layers of a module, and the name of the one activation between them."""
    linears: list[Linear] = []
    after: list[list[str]] = []  # for each Linear, the activations that follow it
    for name, layer in _flattened(module):
        kind = _known_kind(name, layer)
        if kind == "Linear":
            linears.append(_linear(name, dict(layer.named_parameters())))
            after.append([])
        elif kind in ACTIVATION_LAYERS:
            if not linears:
                raise ValueError(refusal(name, "a Linear before the first activation", kind))
            after[-1].append(kind.lower())
    if not linears:
        raise ValueError(refusal("source", "at least one Linear", "none"))
    if len({id(W) for _, W, _ in linears}) < len(linears):
        raise ValueError(refusal("source", "a Linear of its own for every layer", "weights that two of them share"))
    return linears, _common_activation([name for name, *_ in linears], after)


def _flattened(module: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the layers in the order in which they are applied, each with its place, say "layer 2.0"."""
    if type(module).__name__ != "Sequential" or not type(module).__module__.startswith(PYTORCHS):
        yield f"layer {'.'.join(map(str, path or (0,)))}", module
        return
    _check_forward(f"layer {'.'.join(map(str, path))}" if path else "source", module)
    for i, layer in enumerate(module):  # `named_children` would leave out a layer that occurs twice
        yield from _flattened(layer, (*path, i))


def _check_forward(name: str, layer: Any) -> None:
    """Raise a ValueError if a layer does more than the forward of its class, say by the hook of a weight norm."""
    if added := [what for what in ADDED if vars(layer).get(what)]:
        expected = f"a {type(layer).__name__} without {', '.join(added)} of its own, or the state_dict"
        raise ValueError(refusal(name, expected, " and ".join(added)))


def _known_kind(name: str, layer: Any) -> str:
    """Return the name of a layer's class, or raise a ValueError unless an MLP can have it with its settings."""
    kind, home = type(layer).__name__, type(layer).__module__
    if kind not in KNOWN_LAYERS or not home.startswith(PYTORCHS):
        own = STATE_DICT if not home.startswith("torch.") else ""
        received = _with_cure(f"{kind} of {home}", kind, own)
        raise ValueError(refusal(name, f"one of {', '.join(KNOWN_LAYERS)} of torch.nn", received))
    _check_forward(name, layer)
    for setting, value in SETTINGS.get(kind, {}).items():
        if (received := getattr(layer, setting)) != value:
            shown = _with_cure(f"{setting}={received!r}", setting)
            raise ValueError(refusal(name, f"{kind} with {setting}={value!r}", shown))
    return kind


def _with_cure(received: str, what: str, otherwise: str = "") -> str:
    """Return what was received, followed by the cure for `what`, if there is one."""
    cure = CURES.get(what, otherwise)
    return f"{received}: {cure}" if cure else received


def _common_activation(names: list[str], after: list[list[str]]) -> str:
    """Return the one activation that follows every layer but the last, or the identity, from those after each."""
    if after[-1]:
        received = f"{after[-1][0]!r}: leave it out"
        raise ValueError(refusal(f"after {names[-1]}", "nothing, as the likelihood goes on", received))
    between = [activations or ["identity"] for activations in after[:-1]]
    for name, activations in zip(names, between, strict=False):
        if activations != between[0][:1]:
            expected = f"{between[0][0]!r}, as after every other Linear"
            raise ValueError(refusal(f"after {name}", expected, " and ".join(map(repr, activations))))
    return between[0][0] if between else UNUSED
