"""*The case for Bayesian Deep Learning*, typically huge: the parameters that are treated as uncertain.

A posterior need not be about all of theta: the rest stays at the MAP. A `Subset` says which parameters count, and
how far a backward pass has to reach for them.

| subset_of_weights | parameters |
|---|---|
| `all` | all of theta |
| `last_layer` | the W and b of the last layer: logistic regression on learned features |
| `subnetwork` | those at `subnetwork_indices`, in that order |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..validation import Array, option, real_array, refusal
from .jacobian import FactoredRows
from .layer_pairs import Shape, layer_views, n_parameters, pair_floats, pairs_are_cheaper
from .mlp import MLP, Trace

SUBSETS = ("all", "last_layer", "subnetwork")


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
        Where the parameters stand in theta, (P_s,).
    columns
        Where they stand among those layers' parameters; None if they are all of these.
    """

    n_layers: int
    shapes: list[Shape]
    indices: NDArray[np.intp]
    columns: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def rows(self, trace: Trace, R: Array | None = None) -> FactoredRows:
        """Back-propagate rows R (N, K, C), by default the identity, to these parameters."""
        rows = trace.pull_back(R, self.n_layers)
        return FactoredRows(rows.inputs, rows.deltas, self.columns, rows.paired)

    def second_order(self, trace: Trace, G: Array, top: Array | None = None) -> Array:
        """Return `trace.second_order(G, top)` in these parameters, (P_s, P_s)."""
        H = trace.second_order(G, self.n_layers, top)
        return H if self.columns is None else H[np.ix_(self.columns, self.columns)]

    def floats_each(self, n_rows: int, factored: bool) -> int:
        """Return about how many numbers K rows of a sample take, in factors or written out (or taken by pairs)."""
        factors = sum(I + 2 * n_rows * H for H, I in self.shapes)
        if factored:
            return factors
        in_pairs = self.columns is None and pairs_are_cheaper(self.shapes, n_rows)
        return factors + (pair_floats(self.shapes) if in_pairs else 2 * n_rows * n_parameters(self.shapes))

    def layers(self) -> list[NDArray[np.intp]]:
        """Return for each layer where its parameters stand among the P_s, for those layers that have any."""
        layer = self.tensors() // 2
        return [np.flatnonzero(layer == l) for l in np.unique(layer)]

    def tensors(self) -> NDArray[np.intp]:
        """Return for each parameter the number of the W or b that it belongs to, (P_s,)."""
        labels = np.empty(n_parameters(self.shapes), dtype=np.intp)
        for l, (W, b) in enumerate(layer_views(labels, self.shapes)):
            W[...], b[...] = 2 * l, 2 * l + 1
        return labels if self.columns is None else labels[self.columns]


def select(network: MLP, name: str, subnetwork_indices: Any = None) -> Subset:
    """Return the subset of this name, or raise a ValueError."""
    option("subset_of_weights", name, SUBSETS)
    if (subnetwork_indices is not None) != (name == "subnetwork"):
        expected = "indices with subset_of_weights='subnetwork', and there alone"
        raise ValueError(refusal("subnetwork_indices", expected, f"{subnetwork_indices} with {name!r}"))
    if name == "subnetwork":
        return _subnetwork(network, subnetwork_indices)
    shapes = network.shapes if name == "all" else network.shapes[-1:]
    P = network.n_params
    return Subset(len(shapes), shapes, np.arange(P - n_parameters(shapes), P))


def _subnetwork(network: MLP, subnetwork_indices: Any) -> Subset:
    name, P = "subnetwork_indices", network.n_params
    expected = f"different whole numbers from 0 to {P - 1}"
    values = real_array(name, subnetwork_indices, expected)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(refusal(name, f"shape (P_s,) of {expected}", f"shape {values.shape}"))
    strange = ~np.isin(values, np.arange(P))
    if strange.any():
        n = int(strange.argmax())
        raise ValueError(refusal(name, expected, f"{values[n]:g} at index {n}"))
    indices = values.astype(np.intp)
    if len(np.unique(indices)) < len(indices):
        raise ValueError(refusal(name, expected, "an index twice"))
    n_layers = next(
        n for n in range(1, len(network.shapes) + 1) if P - n_parameters(network.shapes[-n:]) <= indices.min()
    )
    shapes = network.shapes[-n_layers:]
    return Subset(n_layers, shapes, indices, indices - (P - n_parameters(shapes)))
