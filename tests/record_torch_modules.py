"""Record what PyTorch's modules look like and compute, for `test_interchange.py` to carry over.

Run `python tests/record_torch_modules.py` where ``pip install laplace-torch==0.3`` has put laplace-torch and PyTorch.
It writes `torch_modules.npz` beside this file; the tests read that file and need neither. Nothing here imports
minilaplace.

Names in the file are paths. For each module in `ACCEPTED` and `REFUSED`

    {name}/module        JSON: its class and the module that defines it, its plain attributes, which of the attributes
                         in `ADDED` it has, where its parameters are, and the layers it holds
    {name}/{i}/{tensor}  the parameters of its i-th layer, of all depths, in the module's own precision
    {name}/keys          the names in its state_dict

and for those in `ACCEPTED`, in float64 and evaluation mode,

    {name}/outputs       at `X` (N, D), (N, C)
    {name}/evidence      with C > 1: laplace-torch's log marginal likelihood of the full GGN of all weights under
                         `prior_precision`, for the class labels `y_{C}`

Beside them stands `versions`, of the packages.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from laplace import Laplace
from torch import nn
from torch.ao.nn import qat
from torch.ao.quantization import get_default_qat_qconfig
from torch.nn.utils import parametrizations, prune
from torch.utils.data import DataLoader, TensorDataset

N, D, PRIOR_PRECISION = 15, 3, 0.7
PLAIN = (str, int, float, bool, type(None))
PRE = "register_forward_pre_hook"
ADDED = ("forward", "_forward_hooks", "_forward_pre_hooks")  # by which one layer computes other than its class


class SiLU(nn.Module):
    """A module with the name of PyTorch's that computes something else."""

    def forward(self, x):
        return x**2


class Shifted(nn.Linear):
    """A Linear with a forward of its own."""

    def forward(self, x):
        return super().forward(x) + 1


class Sequential(nn.Sequential):
    """A Sequential with a forward of its own and PyTorch's name."""

    def forward(self, x):
        return x + super().forward(x)


class Residual(nn.Module):
    """A module whose forward does what its layers do not say."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        return x + self.inner(x)


def with_hook(module, register="register_forward_hook"):
    getattr(module, register)(lambda *_: None)
    return module


def with_forward(module):
    module.forward = torch.sin
    return module


def one_activation_twice():
    shared = nn.Tanh()
    return nn.Sequential(nn.Linear(3, 4), shared, nn.Linear(4, 4), shared, nn.Linear(4, 2))


def one_linear_twice():
    shared = nn.Linear(3, 3)
    return nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(3, 2))


ACCEPTED = {
    "tanh": lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)),
    "sigmoid": lambda: nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 3)),
    "relu": lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)),
    "softplus": lambda: nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2)),
    "silu": lambda: nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 1)),
    "gelu": lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2)),
    "identity": lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)),
    "one layer": lambda: nn.Linear(3, 2),
    "single precision": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).float(),
    "one activation twice": one_activation_twice,
    "nested, with dropout": lambda: nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Dropout(0.3)),
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.3)),
        nn.Linear(4, 3),
        nn.Identity(),
    ).eval(),
}
REFUSED = {
    "convolution": lambda: nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)),
    "layer norm": lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 2)),
    "batch norm": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)),
    "no bias": lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False)),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.Linear(4, 2)),
    "two activations": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)),
    "one gap": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2)),
    "two in one place": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Tanh(), nn.Linear(4, 2)),
    "dropout in training": lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.3), nn.Linear(4, 2)),
    "approximate gelu": lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(approximate="tanh"), nn.Linear(4, 2)),
    "steep softplus": lambda: nn.Sequential(nn.Linear(3, 4), nn.Softplus(beta=2), nn.Linear(4, 2)),
    "probabilities": lambda: nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid()),
    "softmax": lambda: nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2), nn.Softmax(dim=1)),
    "activation first": lambda: nn.Sequential(nn.Tanh(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
    "one linear twice": one_linear_twice,
    "forward of its own": Residual,
    "name of PyTorch's": lambda: nn.Sequential(nn.Linear(3, 3), SiLU(), nn.Linear(3, 2)),
    "linear's forward": lambda: nn.Sequential(Shifted(3, 4), nn.Tanh(), nn.Linear(4, 2)),
    "sequential's forward": lambda: nn.Sequential(Sequential(nn.Linear(3, 3)), nn.Tanh(), nn.Linear(3, 2)),
    "forward of one": lambda: nn.Sequential(nn.Linear(3, 3), with_forward(nn.Tanh()), nn.Linear(3, 2)),
    "hook": lambda: nn.Sequential(with_hook(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 2)),
    "hook before": lambda: nn.Sequential(nn.Linear(3, 4), with_hook(nn.Tanh(), PRE), nn.Linear(4, 2)),
    "hook of all": lambda: with_hook(nn.Sequential(nn.Linear(3, 2))),
    "hook of some": lambda: nn.Sequential(nn.Linear(3, 4), with_hook(nn.Sequential(nn.Tanh()), PRE), nn.Linear(4, 2)),
    "hook of one layer": lambda: with_hook(nn.Linear(3, 2)),
    "old spectral norm": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 2)),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 2)),
    "pruned": lambda: nn.Sequential(prune.l1_unstructured(nn.Linear(3, 4), "weight", 0.5), nn.Tanh(), nn.Linear(4, 2)),
    "complex": lambda: nn.Sequential(nn.Linear(3, 2, dtype=torch.complex128)),
    "quantized": lambda: nn.Sequential(qat.Linear(3, 2, qconfig=get_default_qat_qconfig())),
    "no linear": lambda: nn.Sequential(nn.Identity()),
}


def main():
    torch.manual_seed(20220218)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(20220218)
    packages = ("torch", "laplace-torch", "numpy")
    file = {"versions": np.array([f"{package} {version(package)}" for package in packages])}
    file |= {"X": rng.normal(size=(N, D)), "prior_precision": np.array(PRIOR_PRECISION)}
    file |= {f"y_{C}": rng.permutation(np.arange(N) % C) for C in (2, 3)}
    for name, make in (ACCEPTED | REFUSED).items():
        module = make()
        file[f"{name}/module"] = np.array(json.dumps(described(module, name, file, {})))
        file[f"{name}/keys"] = np.array(list(module.state_dict()))
        if name in ACCEPTED:
            file |= computed(module.double().eval(), name, file)
    np.savez_compressed(Path(__file__).with_name("torch_modules.npz"), **file)


def described(module, name, file, seen):
    """What a module looks like; its parameters go into the file. `seen` numbers the modules, as one may occur twice."""
    number = seen.setdefault(id(module), len(seen))
    own = {key: f"{name}/{number}/{key}" for key, _ in module.named_parameters(recurse=False)}
    file |= {path: getattr(module, key).detach().numpy() for key, path in own.items()}
    layers = [described(layer, name, file, seen) for layer in module] if isinstance(module, nn.Sequential) else []
    settings = {k: v for k, v in vars(module).items() if not k.startswith("_") and isinstance(v, PLAIN)}
    kind = {"class": type(module).__name__, "defined_in": type(module).__module__}
    added = [name for name in ADDED if vars(module).get(name)]
    return kind | {"added": added, "number": number, "settings": settings, "own": own, "layers": layers}


def computed(module, name, file):
    """What PyTorch and laplace-torch make of the module."""
    X = torch.from_numpy(file["X"])
    with torch.no_grad():
        outputs = module(X.clone()).numpy()
    C = outputs.shape[1]
    if C == 1:
        return {f"{name}/outputs": outputs}
    la = Laplace(module, "classification", subset_of_weights="all", hessian_structure="full")
    la.fit(DataLoader(TensorDataset(X, torch.from_numpy(file[f"y_{C}"])), batch_size=N))
    evidence = la.log_marginal_likelihood(prior_precision=torch.tensor(PRIOR_PRECISION)).item()
    return {f"{name}/outputs": outputs, f"{name}/evidence": np.array(evidence)}


if __name__ == "__main__":
    main()
