"""The parameters that are treated as uncertain: all of theta, the last layer, or some of them.

A posterior can be about some of the parameters, while the others stay at the MAP. A `Subset` holds the positions of
these parameters, how many layers a backward pass has to reach for them, and how much memory it takes for a sample.

| subset_of_weights | parameters |
|---|---|
| `all` | all of theta |
| `last_layer` | the W and b of the last layer: logistic regression on learned features |
| `subnetwork` | those at `subnetwork_indices`, in that order, or where this is True, a mask (P,) |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..validation import Array, numeric_array, option, refusal, refuse_where, short_repr, shown
from .jacobian import Shape, layer_views, n_parameters
from .layer_pairs import pair_floats, pairs_are_cheaper
from .mlp import MLP, Trace

SUBSETS = ("all", "last_layer", "subnetwork")
INDICES = "different whole numbers from 0 to {}"


@dataclass(frozen=True, eq=False)
class Subset:
    """P_s of the P parameters.

    Attributes
    ----------
    n_layers
        How many layers a backward pass has to reach, counted from the outputs.
    shapes
        The shapes (H, I) of those layers.
    indices
        The positions of the parameters in theta, (P_s,).
    columns
        Their positions among those layers' parameters; None if they are all of these.
    floats_factored, floats_written
        About how many numbers the C rows of a sample take as factors, and written out or taken by pairs of layers.
    """

    n_layers: int
    shapes: list[Shape]
    indices: NDArray[np.intp]
    columns: NDArray[np.intp] | None
    floats_factored: int
    floats_written: int
    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.indices)

    def second_order(self, trace: Trace, G: Array, top: Array | None = None) -> Array:
        """Return `trace.second_order(G, top)` in these parameters, (P_s, P_s)."""
        whole = trace.second_order(G, self.n_layers, top)
        return whole if self.columns is None else whole[np.ix_(self.columns, self.columns)]

    def tensors(self) -> NDArray[np.intp]:
        """Return for each parameter the number of its W or b, (P_s,): 2 l for the W of layer l, 2 l + 1 for its b."""
        labels = np.empty(n_parameters(self.shapes), dtype=np.intp)
        for l, (W, b) in enumerate(layer_views(labels, self.shapes)):
            W[...], b[...] = 2 * l, 2 * l + 1
        return labels if self.columns is None else labels[self.columns]


def select(network: MLP, name: str, subnetwork_indices: Any = None) -> Subset:
    """Return the subset of this name, or raise a ValueError."""
    name = option("subset_of_weights", name, SUBSETS)
    if (subnetwork_indices is not None) != (name == "subnetwork"):
        expected = "indices with subset_of_weights='subnetwork', and there alone (see structures.largest_variance)"
        raise ValueError(refusal("subnetwork_indices", expected, f"{shown(subnetwork_indices)} with {name!r}"))
    P = network.n_params
    if name == "subnetwork":
        indices = _checked(subnetwork_indices, P)
        below = [P - n_parameters(network.shapes[-n:]) for n in range(1, len(network.shapes) + 1)]
        n_layers = 1 + next(n for n, start in enumerate(below) if start <= indices.min())
        return _subset(network, n_layers, indices, indices - below[n_layers - 1])
    n_layers = len(network.shapes) if name == "all" else 1
    return _subset(network, n_layers, np.arange(P - n_parameters(network.shapes[-n_layers:]), P), None)


def _subset(network: MLP, n_layers: int, indices: NDArray[np.intp], columns: NDArray[np.intp] | None) -> Subset:
    """Return the subset together with the memory that a sample's rows take."""
    shapes, C = network.shapes[-n_layers:], network.n_outputs
    factored = sum(I + 2 * C * H for H, I in shapes)
    in_pairs = network.factored and columns is None and pairs_are_cheaper(shapes, C)
    written = factored + (pair_floats(shapes) if in_pairs else 2 * C * n_parameters(shapes))
    return Subset(n_layers, shapes, indices, columns, factored if network.factored else written, written)


def _checked(subnetwork_indices: Any, P: int) -> NDArray[np.intp]:
    """Return different positions in theta, in the order in which they were given, or those where a mask is True."""
    name, expected = "subnetwork_indices", INDICES.format(P - 1)
    values = numeric_array(name, subnetwork_indices, expected)
    if values.dtype == bool:
        if values.shape != (P,) or not values.any():
            received = f"a mask of shape {values.shape} that has {np.count_nonzero(values)} True"
            raise ValueError(refusal(name, f"{expected}, or a mask of shape ({P},) that selects some", received))
        return np.flatnonzero(values)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(refusal(name, f"shape (P_s,) of {expected}", f"shape {values.shape}"))
    refuse_where(name, ~np.isin(values, np.arange(P)), expected, values)
    indices = values.astype(np.intp)
    if len(np.unique(indices)) < len(indices):
        raise ValueError(refusal(name, expected, "an index twice"))
    return indices
