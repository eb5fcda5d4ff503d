"""Record what PyTorch's automatic differentiation says, for `test_against_pytorch.py` to compare with.

Run `python tests/record_pytorch.py` in an environment with NumPy and PyTorch. It writes
`pytorch_autograd.npz` beside this file; the tests read that file and need no PyTorch. Nothing here imports
minilaplace, and every derivative is autograd's, in float64: an independent route to the same numbers.

The file holds one structured record per case, named "<activation>-<likelihood>-<sizes>", with the fields

    sizes, activation, likelihood                 the network and p(y | f)
    theta (P,), X (N, D), y                       the problem; theta in the order of parameters_to_vector
    outputs (N, C), jacobian (N, C, P)            f(x_n) and its derivative in theta
    G (N, C), vjp (P,), second_order (P, P)       gradient and Hessian in theta of sum_nc G_nc f_c(x_n)
    nll (N,), gradient (N, C), hessian (N, C, C)  -log p(y_n | f_n) and its derivatives in f_n
    loss_gradient (P,), loss_hessian (P, P)       derivatives in theta of sum_n nll_n, without a prior
    ggn (P, P), empirical_fisher (P, P)           sum_n J_n^T hessian_n J_n, and sum_n g_n g_n^T with
                                                  g_n the derivative of nll_n in theta

Every (P, P) matrix is symmetric and stored as its lower triangle, in the order of np.tril_indices(P). Beside
the cases stand "post" (the post's 2-32-1 network on XOR data: parts of its loss Hessian), the Gaussian's
"sigma_noise", and the "versions" of the packages the file was recorded with.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal
from torch.func import functional_call, hessian, jacrev

SIGMA_NOISE = 0.7
KINK_MARGIN = 1e-2  # no relu is closer than this to its kink, so its derivatives are unambiguous

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "softplus": lambda: nn.Softplus(threshold=40.0),  # the default, 20, is off by 2e-9 where it turns linear
    "silu": nn.SiLU,
    "gelu": lambda: nn.GELU(approximate="none"),
    "identity": nn.Identity,
}
LIKELIHOODS = {
    "bernoulli": lambda f: Bernoulli(logits=f.squeeze(1), validate_args=False),
    "categorical": lambda f: Categorical(logits=f, validate_args=False),
    "gaussian": lambda f: Normal(f, SIGMA_NOISE, validate_args=False),
}
SIZES = {  # one network per activation, in the order above, then one without a hidden layer
    "bernoulli": "2-4-1 1-3-2-1 3-2-2-2-1 2-3-2-1 3-3-1 2-2-3-2-1 2-3-1 3-1",
    "categorical": "2-3-3 1-2-2-2-4 2-3-2-3 3-3-2 2-2-2-2-2 1-3-4 3-2-3 3-4",
    "gaussian": "1-2-3-2-2 2-4-1 3-2-4 1-2-2-2-1 2-3-2-3 3-2-2-1 2-2-2-2 2-4",
}


def build(sizes, activation):
    """The network as a module, and f(theta, X) -> (N, C), the same as a function of the flat theta."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
    net = nn.Sequential(*layers[:-1])  # no activation after the last layer
    shapes = {name: p.shape for name, p in net.named_parameters()}

    def f(theta, X):
        parts = theta.split([shape.numel() for shape in shapes.values()])
        named = {name: part.view(shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}
        return functional_call(net, named, (X,))

    return net, f


def per_sample_nll(likelihood, f, y):
    """-log p(y_n | f_n) (N,), normaliser included; the Gaussian's is summed over its C outputs."""
    return -LIKELIHOODS[likelihood](f).log_prob(y).reshape(len(y), -1).sum(1)


def draw_theta(net, X, activation, rng):
    """theta (P,) from N(0, 0.7^2). Each relu is on for some sample, off for another, near 0 for none."""
    while True:
        theta = torch.from_numpy(0.7 * rng.standard_normal(sum(p.numel() for p in net.parameters())))
        nn.utils.vector_to_parameters(theta, net.parameters())
        hidden = [net[: i + 1](X) for i in range(0, len(net) - 1, 2)]  # pre-activations
        if activation != "relu" or all(
            z.abs().min() > KINK_MARGIN and (z > 0).any(0).all() and (z < 0).any(0).all() for z in hidden
        ):
            return theta


def draw_targets(likelihood, N, C, rng):
    """Targets y: 0/1 or class labels (N,) in which every class occurs, or real numbers (N, C)."""
    if likelihood == "gaussian":
        return torch.from_numpy(rng.standard_normal((N, C)))
    labels = torch.from_numpy(rng.permutation(np.arange(N) % max(C, 2)))
    return labels.double() if likelihood == "bernoulli" else labels


def record(sizes, activation, likelihood, seed):
    """All the quantities of one case."""
    rng = np.random.default_rng(seed)
    N, D, C = 5 + seed % 3, sizes[0], sizes[-1]
    X = torch.from_numpy(rng.standard_normal((N, D)))
    y = draw_targets(likelihood, N, C, rng)
    G = torch.from_numpy(rng.standard_normal((N, C)))
    net, f = build(sizes, activation)
    theta = draw_theta(net, X, activation, rng)

    def nll(outputs):  # (N, C) -> (N,)
        return per_sample_nll(likelihood, outputs, y)

    def weighted(t):
        return (G * f(t, X)).sum()

    def loss(t):
        return nll(f(t, X)).sum()

    outputs = f(theta, X)
    J = jacrev(f)(theta, X)  # (N, C, P)
    Lambda = torch.einsum("ncnd->ncd", hessian(lambda o: nll(o).sum())(outputs))
    g = jacrev(lambda t: nll(f(t, X)))(theta)  # (N, P)
    return structured(
        {
            "sizes": sizes,
            "activation": activation,
            "likelihood": likelihood,
            "theta": theta,
            "X": X,
            "y": y,
            "G": G,
            "outputs": outputs,
            "jacobian": J,
            "vjp": jacrev(weighted)(theta),
            "second_order": lower(hessian(weighted)(theta)),
            "nll": nll(outputs),
            "gradient": jacrev(lambda o: nll(o).sum())(outputs),
            "hessian": Lambda,
            "loss_gradient": jacrev(loss)(theta),
            "loss_hessian": lower(hessian(loss)(theta)),
            "ggn": lower(torch.einsum("ncp,ncd,ndq->pq", J, Lambda, J)),
            "empirical_fisher": lower(g.T @ g),
        }
    )


def record_post(seed):
    """Parts of the loss Hessian of the post's network (2-32-1, sigmoid) on 200 points of XOR data."""
    rng = np.random.default_rng(seed)
    quadrants = np.repeat([[1, 1], [-1, -1], [1, -1], [-1, 1]], 50, axis=0)
    X = torch.from_numpy(quadrants * rng.uniform(0.5, 5.0, size=(200, 2)))
    y = torch.from_numpy(np.repeat([0.0, 1.0], 100))
    net, f = build((2, 32, 1), "sigmoid")
    theta = draw_theta(net, X, "sigmoid", rng)
    H = hessian(lambda t: per_sample_nll("bernoulli", f(t, X), y).sum())(theta)
    return structured(
        {
            "theta": theta,
            "X": X,
            "y": y,
            "diagonal": H.diagonal(),
            "first_row": H[0],
            "trace": H.trace(),
            "extreme_eigenvalues": torch.linalg.eigvalsh(H)[[0, -1]],
        }
    )


def lower(matrix):
    """The lower triangle of a symmetric (P, P) matrix as a vector."""
    return matrix.numpy()[np.tril_indices(len(matrix))]


def structured(fields):
    """One structured scalar out of a dictionary of arrays, so that a case is one member of the file."""
    arrays = {name: np.asarray(value) for name, value in fields.items()}
    return np.array(tuple(arrays.values()), dtype=[(name, a.dtype, a.shape) for name, a in arrays.items()])


def main():
    """Record every case and write the file; the same environment writes the same bytes."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    file = {
        "versions": np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"]),
        "sigma_noise": np.array(SIGMA_NOISE),
        "post": record_post(seed=2022),
    }
    for likelihood, networks in SIZES.items():
        for sizes, activation in zip(networks.split(), [*ACTIVATIONS, "tanh"], strict=True):
            case = [int(size) for size in sizes.split("-")], activation, likelihood
            file[f"{activation}-{likelihood}-{sizes}"] = record(*case, seed=len(file))
    np.savez_compressed(Path(__file__).with_name("pytorch_autograd.npz"), **file)


if __name__ == "__main__":
    main()
