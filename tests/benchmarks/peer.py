"""The tasks of the first table, by minilaplace and by laplace-torch."""

from copy import copy
from itertools import pairwise

import numpy as np

from minilaplace import MLP, Laplace

from .work import peak_megabytes, problem, seconds

TASKS = [  # sizes, N, points to predict, structure, subset, the peer's batch sizes in fit and prediction
    ((2, 32, 2), 100, 2_500, "full", "all", 100, 500),
    ((2, 32, 2), 10_000, 10_000, "full", "all", 2_000, 500),
    ((64, 32, 10), 1_797, 1_797, "full", "all", 1_797, 500),
    ((64, 32, 10), 1_797, 1_797, "kron", "all", 1_797, 500),
    ((64, 32, 10), 1_797, 1_797, "diag", "all", 1_797, 500),
    ((64, 256, 10), 1_797, 1_797, "full", "last_layer", 1_797, 500),
    ((784, 100, 10), 10_000, 200, "kron", "all", 2_000, 100),
]
LINK = "probit"  # the peer's default


def ours(sizes, N, n_points, structure, subset):
    """Return seconds to fit and to predict, the peak memory of both, and the prediction."""
    model, theta, X, y, points = problem(sizes, N, n_points)

    def fit():
        la = Laplace(model, theta, hessian_structure=structure, subset_of_weights=subset).fit(X, y)
        return la, la.posterior  # which is factored on first use

    def predict():
        once = copy(la)
        once._posterior = copy(posterior)  # as it was before the first prediction
        return once.predict(points, LINK)

    to_fit, (la, posterior) = seconds(fit)
    to_predict, p = seconds(predict)
    return to_fit, to_predict, peak_megabytes(lambda: fit()[0].predict(points, LINK)), p


def peers(sizes, N, n_points, structure, subset, fit_batch, predict_batch):
    """Return laplace-torch's seconds to fit and to predict the same, and its prediction."""
    import torch
    from laplace import Laplace as Peer
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_default_dtype(torch.float64)
    _, theta, X, y, points = problem(sizes, N, n_points)
    layers = [part for n_in, n_out in pairwise(sizes) for part in (torch.nn.Linear(n_in, n_out), torch.nn.Tanh())]
    network = torch.nn.Sequential(*layers[:-1])
    torch.nn.utils.vector_to_parameters(torch.tensor(theta), network.parameters())
    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(y)), batch_size=fit_batch)
    points = torch.tensor(points).split(predict_batch)

    def fit():
        la = Peer(network, "classification", subset, structure, prior_precision=1.0)
        la.fit(loader)
        return la, la.posterior_precision if structure == "kron" else la.posterior_scale

    to_fit, (la, _) = seconds(fit)
    to_predict, p = seconds(lambda: torch.cat([la(batch) for batch in points]).detach().numpy())
    return to_fit, to_predict, p


def torch_hessian(sizes, N):
    """Return the seconds that `torch.func.hessian` takes for the Hessian of the summed nll."""
    import torch

    model, theta, X, y, _ = problem(sizes, N)
    X, y, shapes = torch.tensor(X), torch.tensor(y), model.network.shapes

    def loss(t):
        a, start = X, 0
        for l, (H, I) in enumerate(shapes):
            z = a @ t[start : start + H * I].reshape(H, I).T + t[start + H * I : start + H * (I + 1)]
            a, start = torch.tanh(z) if l < len(shapes) - 1 else z, start + H * (I + 1)
        return torch.nn.functional.cross_entropy(a, y, reduction="sum")

    return seconds(lambda: torch.func.hessian(loss)(torch.tensor(theta)))[0]


def exponent(sizes, axis, values):
    """Return the power with which a full fit's time grows along the axis, N or the hidden units, hence P."""
    times = []
    for value in values:
        N, shape = (value, sizes) if axis == "N" else (1_000, (sizes[0], value, sizes[-1]))
        times.append((value if axis == "N" else MLP(*shape).n_params, ours(shape, N, 1, "full", "all")[0]))
    return np.polyfit(*np.log(np.array(times)).T, 1)[0]
