"""Record what laplace-torch computes, for the tests to compare with.

laplace-torch and PyTorch are not dependencies of the tests. This script runs where
``pip install laplace-torch==0.3`` has put both, and writes ``laplace_torch.npz`` beside itself, in float64::

    python tests/record_laplace_torch.py

Two runs on one machine with the same versions write the same bytes; the file holds the versions it was made
with. Parameters and data are seeded random numbers, not a mode: every formula has to hold there too.

It also writes ``sinusoid.npz`` in ``tutorials/gallery``: what the example of laplace-torch's documentation draws and
trains, in float32, and the noise and prior precision that its evidence then prefers.

Names in the file are paths. All entries but ``versions`` are 0-d structured arrays: ``data[path]["f_mu"]``.

    {likelihood}/data                                     what everything is computed from
    {likelihood}/{curvature}/{structure}/{subset}         the raw curvature
    {likelihood}/{curvature}/{structure}/{subset}/{case}  what follows for one prior, noise and temperature

    likelihood   classification (C = 3 logits), regression (C = 2); networks 2-4-C, tanh
    curvature    ggn, empirical_fisher, hessian (raw, full, all)
    structure    full, kron, diag
    subset       all, last_layer
    case         base, tempered, vector (a vector prior; not for kron, last_layer), regression also noise;
                 of the empirical Fisher: base of classification; of the hessian: none

N = 20 samples, M = 7 test points, P parameters: those of the subset, for ``last_layer`` the last of theta.

    data
      theta               in the order of ``parameters_to_vector``: W1 row-major as (out, in), b1, W2, b2
      X, y, X_test        (N, 2), (N,) integers or (N, C), (M, 2)
      theta_probe         where ``log_prob`` is evaluated; whole network, a subset takes its own entries
      prior_vector        a precision for each parameter of the network
      prior_by_tensor     the same, constant on each W and on each b: the vector prior of kron
    raw curvature
      H                   sum over the data; without prior, temperature and 1 / sigma_noise^2;
                          (P, P), diag (P,), kron dense (P, P)
      loss                summed negative log-likelihood for sigma_noise = 1, without the normaliser
      B_W1, A_W1, B_b1, B_W2, A_W2, B_b2   kron: the factors; H has the blocks B_W (x) A_W and B_b
      H_batches           kron: H from one fit in batches of 12 and 8
      H_override          kron of all: H from a fit to 12 samples and one to 8 with ``override=False``
    case
      prior_precision     number, or vector of the whole network
      sigma_noise, temperature
      f_mu, f_var         linearised (GLM) predictive at X_test, noise excluded; (M, C), (M, C, C)
      f_joint             base: covariance of all outputs at all test points; (M C, M C), test point outermost
      probit, bridge, bridge_norm   classification: probabilities (M, C); bridge_norm is bridge with the
                          variance correction
      mean, variance      regression: what calling the object returns; (M, C), (M, C, C), noise *not* added
      precision           of the posterior; shape of H
      log_det_precision, log_det_prior
      scatter             theta^T diag(prior) theta
      log_likelihood      of the data, tempered; the Gaussian's normaliser is there, and is not tempered
      log_marginal_likelihood
      log_prob            log density of the posterior at theta_probe
      other_prior_precision, log_marginal_likelihood_other_prior          another prior, all else as before
      other_sigma_noise, log_marginal_likelihood_other_prior_and_noise    regression: and another noise

The backend is laplace-torch's default, curvlinops. Its GGN is exact: all C columns of the output Hessian, no
Monte Carlo. Its KFAC treats weight and bias as separate blocks, B (x) A and B, with

    B = sum_n J_n^T Lambda_n J_n,  A = 1/N sum_n a_n a_n^T,  J_n the outputs' Jacobian in the pre-activations.

For regression the factor 1/2 of the squared error is shared out between a W's two factors: its B is sqrt(2)
times, its A sqrt(1/2) times these formulas; the product and the bias's B are as they say. Over batches of M_i
samples, A_i is scaled by M_i / N and factors are added one by one, so that batches give the same as one.
The BackPACK backend treats the bias alike and agrees to rounding.

Regression's empirical Fisher is recorded although its H is twice the sum of squared gradients (and its kron
twice the formula), for a test to say so. Not recorded: the diag empirical Fisher of a last layer, which is
all zeros.
"""

from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from laplace import Laplace
from laplace.curvature import CurvlinopsEF, CurvlinopsGGN, CurvlinopsHessian
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 20220218
N, M, N_FIRST = 20, 7, 12  # N_FIRST of the N samples are the first of two batches
INPUTS, UNITS, OUTPUTS = 2, 4, {"classification": 3, "regression": 2}
PRIOR_PRECISION, OTHER_PRIOR_PRECISION, OTHER_SIGMA_NOISE = 0.7, 2.5, 0.55
BACKENDS = {"ggn": CurvlinopsGGN, "empirical_fisher": CurvlinopsEF, "hessian": CurvlinopsHessian}
CASES = {
    "classification": {"base": {}, "tempered": {"temperature": 0.5}, "vector": {}},
    "regression": {
        "base": {},
        "noise": {"sigma_noise": 0.3},
        "tempered": {"sigma_noise": 0.3, "temperature": 0.5},
        "vector": {"sigma_noise": 0.3},
    },
}


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    packages = ("laplace-torch", "curvlinops-for-pytorch", "torch", "numpy")
    entries = {"versions": np.array([f"{package} {version(package)}" for package in packages])}
    for likelihood in OUTPUTS:
        network, data = draw(likelihood)
        entries[f"{likelihood}/data"] = record(data)
        for path in curvatures():
            raw, fit = raw_curvature(network, data, likelihood, *path)
            entries["/".join((likelihood, *path))] = record(raw)
            for case, options in cases(likelihood, *path).items():
                prior, options["prior_precision"] = priors(network, data, case, *path[1:])
                la = fit(**options)
                quantities = {"prior_precision": prior, **predictive(la, data, case), **evidence(la, data)}
                entries["/".join((likelihood, *path, case))] = record(quantities)
    np.savez_compressed(Path(__file__).with_name("laplace_torch.npz"), **entries)
    torch.set_default_dtype(torch.float32)
    np.savez_compressed(Path(__file__).parents[1] / "tutorials" / "gallery" / "sinusoid.npz", **sinusoid())


def sinusoid():
    """The documentation's example: a regression trained by Adam, its prior and noise tuned by the evidence."""
    torch.manual_seed(711)
    X = torch.rand(150, 1) * 8
    y = torch.sin(X) + torch.randn_like(X) * 0.3
    torch.manual_seed(711)
    network = nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 1))
    ascend(lambda: -nn.functional.mse_loss(network(X), y), network.parameters(), 1e-2)
    la = Laplace(network, "regression", subset_of_weights="all", hessian_structure="full")
    la.fit(DataLoader(TensorDataset(X, y), batch_size=len(X)))
    log_prior, log_sigma = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    ascend(lambda: la.log_marginal_likelihood(log_prior.exp(), log_sigma.exp()), [log_prior, log_sigma], 1e-1)
    found = {"prior_precision": log_prior.exp(), "sigma_noise": log_sigma.exp()}
    found["log_marginal_likelihood"] = la.log_marginal_likelihood(*found.values())
    theta = nn.utils.parameters_to_vector(network.parameters())
    arrays = {"X": X, "y": y[:, 0], "theta": theta} | {name: value.squeeze() for name, value in found.items()}
    return {name: value.detach().double().numpy() for name, value in arrays.items()}


def ascend(objective, parameters, learning_rate):
    """A thousand steps of Adam."""
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    for _ in range(1000):
        optimizer.zero_grad()
        (-objective()).backward()
        optimizer.step()


def draw(likelihood):
    """A network with random parameters, and data to go with it."""
    rng = np.random.default_rng(SEED)
    C = OUTPUTS[likelihood]
    network = nn.Sequential(nn.Linear(INPUTS, UNITS), nn.Tanh(), nn.Linear(UNITS, C))
    sizes = tensor_sizes(network)
    theta = rng.normal(size=sum(sizes))
    nn.utils.vector_to_parameters(torch.tensor(theta), network.parameters())
    return network, {
        "theta": theta,
        "X": rng.normal(scale=1.5, size=(N, INPUTS)),
        "y": rng.integers(C, size=N) if likelihood == "classification" else rng.normal(size=(N, C)),
        "X_test": rng.normal(scale=3.0, size=(M, INPUTS)),
        "theta_probe": theta + 0.3 * rng.normal(size=theta.size),
        "prior_vector": np.exp(rng.normal(size=theta.size)),
        "prior_by_tensor": np.repeat([0.4, 1.3, 0.9, 2.1], sizes),
    }


def tensor_sizes(network):
    return [parameter.numel() for parameter in network.parameters()]


def curvatures():
    """All (curvature, structure, subset) that laplace-torch computes, right or wrong by a factor."""
    for structure in ("full", "kron", "diag"):
        for subset in ("all", "last_layer"):
            yield "ggn", structure, subset
            if (structure, subset) != ("diag", "last_layer"):  # zeros: its gradients miss the layer's names
                yield "empirical_fisher", structure, subset
    yield "hessian", "full", "all"


def cases(likelihood, curvature, structure, subset):
    """The cases worth recording, as options of laplace-torch's constructor, without the prior."""
    wanted = dict(CASES[likelihood])
    if (structure, subset) == ("kron", "last_layer"):
        del wanted["vector"]  # laplace-torch takes a value for each tensor, and then fails to expand the two
    if curvature == "hessian" or (curvature, likelihood) == ("empirical_fisher", "regression"):
        wanted = {}  # nothing sound follows: not positive definite away from a mode, or the wrong factor
    elif curvature == "empirical_fisher":
        wanted = {"base": wanted["base"]}
    return {case: dict(options) for case, options in wanted.items()}


def priors(network, data, case, structure, subset):
    """The prior precision as recorded, and as laplace-torch wants it."""
    if case != "vector":
        return PRIOR_PRECISION, PRIOR_PRECISION
    sizes = tensor_sizes(network)
    if structure == "kron":  # laplace-torch wants one value for each tensor here
        vector = data["prior_by_tensor"]
        return vector, torch.tensor(vector[np.cumsum(sizes) - 1])
    vector = data["prior_vector"]
    return vector, torch.tensor(vector if subset == "all" else vector[-sum(sizes[2:]) :])


def raw_curvature(network, data, likelihood, curvature, structure, subset):
    """The raw curvature, and a function that fits the same with other options."""

    def fit(*bounds, batch_size=N, **options):
        la = Laplace(network, likelihood, subset, structure, backend=BACKENDS[curvature], **options)
        for i, (start, stop) in enumerate(pairwise(bounds or (0, N))):
            part = TensorDataset(*(torch.tensor(data[name][start:stop]) for name in ("X", "y")))
            la.fit(DataLoader(part, batch_size=batch_size), override=i == 0)
        return la

    la = fit()
    raw = {"H": dense(la.H), "loss": la.loss}
    if structure == "kron":
        names = ("W1", "b1", "W2", "b2")[-len(la.H_facs.kfacs) :]
        for name, factors in zip(names, la.H_facs.kfacs, strict=True):
            raw |= {f"{letter}_{name}": factor for letter, factor in zip("BA", factors, strict=False)}
        raw["H_batches"] = dense(fit(batch_size=N_FIRST).H)
        if subset == "all":  # laplace-torch refuses override=False for a last layer
            raw["H_override"] = dense(fit(0, N_FIRST, N).H)
    return raw, fit


def predictive(la, data, case):
    """Moments of the outputs at the test points, and what laplace-torch makes of them."""
    X_test = torch.tensor(data["X_test"])
    f_mu, f_var = la._glm_predictive_distribution(X_test)
    recorded = {"f_mu": f_mu, "f_var": f_var}
    if case == "base":
        recorded["f_joint"] = la._glm_predictive_distribution(X_test, joint=True)[1]
    if la.likelihood == "regression":
        recorded["mean"], recorded["variance"] = la(X_test)
    else:
        recorded |= {link: la(X_test, link_approx=link) for link in ("probit", "bridge", "bridge_norm")}
    return recorded


def evidence(la, data):
    """Posterior precision and evidence; the other evidences come last, as asking for them changes ``la``."""
    other_prior_precision = torch.tensor(OTHER_PRIOR_PRECISION)
    recorded = {
        "sigma_noise": la.sigma_noise,
        "temperature": la.temperature,
        "precision": dense(la.posterior_precision),
        "log_det_precision": la.log_det_posterior_precision,
        "log_det_prior": la.log_det_prior_precision,
        "scatter": la.scatter,
        "log_likelihood": la.log_likelihood,
        "log_marginal_likelihood": la.log_marginal_likelihood(),
        "log_prob": la.log_prob(torch.tensor(data["theta_probe"][-la.n_params :])),
        "other_prior_precision": other_prior_precision,
        "log_marginal_likelihood_other_prior": la.log_marginal_likelihood(other_prior_precision),
    }
    if la.likelihood == "regression":
        other_sigma_noise = torch.tensor(OTHER_SIGMA_NOISE)
        recorded["other_sigma_noise"] = other_sigma_noise
        recorded["log_marginal_likelihood_other_prior_and_noise"] = la.log_marginal_likelihood(
            other_prior_precision, other_sigma_noise
        )
    return recorded


def dense(matrix):
    return matrix.to_matrix() if hasattr(matrix, "to_matrix") else matrix


def record(quantities):
    """A dictionary of arrays and numbers as one 0-d structured array."""
    arrays = {name: as_array(name, value) for name, value in quantities.items()}
    entry = np.zeros((), dtype=[(name, array.dtype, array.shape) for name, array in arrays.items()])
    for name, array in arrays.items():
        entry[name] = array
    return entry


def as_array(name, value):
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.dtype not in (np.float64, np.int64) or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite float64 or int64, got {array.dtype} {array}")
    return array


if __name__ == "__main__":
    main()
