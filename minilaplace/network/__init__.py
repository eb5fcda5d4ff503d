"""*... to Bayesian Neural Networks*: the MLP, forward and backward by hand.

| module | holds |
|---|---|
| `activation.py` | seven activations with their first two derivatives |
| `mlp.py` | `MLP`: forward, backward, Jacobian, second derivative; the place to start |
| `jacobian.py` | the rows of the Jacobian, written out or as their factors |
| `subset.py` | all parameters, the last layer, or a subnetwork |
| `pairs.py` | the same network on pairs of inputs, for preferences |
| `interchange.py`, `modules.py` | parameters from PyTorch and scikit-learn, and back; what PyTorch's modules are |
| `second_order.py`, `layer_pairs.py`, `unit_pairs.py` | the same numbers, faster; skip these at first |
| `layer_blocks.py`, `products.py` | where a layer's blocks stand, and products of large matrices |
"""

from .activation import ACTIVATIONS, Activation
from .interchange import from_layers, from_torch, to_layers, to_state_dict
from .jacobian import FactoredRows
from .mlp import MLP, Trace
from .pairs import PairedMLP
from .second_order import second_order
from .subset import SUBSETS, Subset, select

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "SUBSETS",
    "Activation",
    "FactoredRows",
    "PairedMLP",
    "Subset",
    "Trace",
    "from_layers",
    "from_torch",
    "second_order",
    "select",
    "to_layers",
    "to_state_dict",
]
