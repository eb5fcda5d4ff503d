"""Write `reference_values.json`: small problems and their numbers, for whoever writes the same thing elsewhere.

    python -m tests.write_reference_values

The numbers come from `extended.py`, the definitions in 80 digits of mpmath with derivatives by differences, and share
no formula with the library. `REFERENCE.md` says how to test against them.
"""

import json
import sys
from pathlib import Path

import mpmath as mp
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from extended import Reference, exact, forward, gradient, log_det, mean_field, nll, rounded

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian

PATH = Path(__file__).with_name("reference_values.json")
LIKELIHOODS = {kind.__name__: kind for kind in (Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian)}
CASES = {  # sizes, activation, likelihood, prior precision
    "logistic regression": ((2, 1), "identity", Bernoulli(), 0.5),
    "tanh, two classes": ((2, 3, 1), "tanh", Bernoulli(), 0.5),
    "gelu, two classes, two hidden layers": ((2, 2, 2, 1), "gelu", Bernoulli(), 2.0),
    "sigmoid, three classes": ((2, 2, 3), "sigmoid", Categorical(), 1.5),
    "linear regression": ((2, 1), "identity", Gaussian(0.5), 0.25),
    "softplus, regression": ((1, 3, 1), "softplus", Gaussian(0.3), 1.0),
    "relu, regression, two outputs with a noise each": ((2, 2, 2), "relu", Gaussian((0.5, 2.0)), 1.0),
    "silu, regression, a noise that is predicted": ((1, 2, 2), "silu", HeteroscedasticGaussian(), 3.0),
}


def problem(name):
    """Return a case's model, theta, data and new inputs, all of few decimals, which are the same in every language."""
    sizes, activation, likelihood, prior = CASES[name]
    rng, network = np.random.default_rng(len(name)), MLP(*sizes, activation=activation)
    theta = rng.normal(size=network.n_params).round(2)
    X, X_new = rng.normal(size=(5, sizes[0])).round(2), (3 * rng.normal(size=(3, sizes[0]))).round(2)
    if isinstance(likelihood, (Bernoulli, Categorical)):
        y = np.arange(5) % max(2, sizes[-1])
    else:
        y = rng.normal(size=(5, 1 if isinstance(likelihood, HeteroscedasticGaussian) else sizes[-1])).round(2)
    return BayesianModel(network, likelihood, prior), theta, X, y, X_new


def values(model, theta, X, y, X_new):
    """Return the numbers of a case, to the nearest double."""
    reference, likelihood, network = Reference(model, theta, X, y), model.likelihood, model.network

    def losses(t):
        f = forward(network, t, X)
        return np.array([nll(likelihood, f[n : n + 1], y[n : n + 1]) for n in range(len(X))])

    gradients = gradient(losses, reference.theta)  # (N, P)
    found = {
        "nll": losses(reference.theta),
        "gradient": gradients.sum(axis=0),
        "hessian": gradient(lambda t: gradient(lambda s: losses(s).sum(), t), reference.theta),
        "ggn": reference.ggn,
        "empirical_fisher": gradients.T @ gradients,
        "outputs": forward(network, theta, X),
        "jacobian": reference.jacobian(X),
        "posterior_covariance": reference.covariance,
        "log_det_precision": log_det(reference.precision),
        "log_marginal_likelihood": reference.log_evidence(),
        "new_mean": forward(network, theta, X_new),
        "new_covariance": reference.functional_covariance(X_new),
    }
    found |= predictions(likelihood, found["new_mean"], found["new_covariance"])
    return {name: rounded(np.asarray(value, dtype=object)).tolist() for name, value in found.items()}


def predictions(likelihood, m, V):
    """Return the predictive of outputs N(m_n, V_n) in 80 digits (its quadrature in 25)."""
    v = np.array([np.diag(V_n) for V_n in V])
    shrunk = [[g / mp.sqrt(1 + mp.pi / 8 * u) for g, u in zip(*pair, strict=True)] for pair in zip(m, v, strict=True)]
    if isinstance(likelihood, Bernoulli):
        return {
            "plugin": [sigmoid(g) for g in m[:, 0]],
            "probit": [sigmoid(g) for (g,) in shrunk],
            "quadrature": [average(g, mp.sqrt(u)) for g, u in zip(m[:, 0], v[:, 0], strict=True)],
        }
    if isinstance(likelihood, Categorical):
        by_pairs = [mean_field(*pair) for pair in zip(m, V, strict=True)]
        return {"plugin": [softmax(g) for g in m], "probit": [softmax(g) for g in shrunk], "mean_field": by_pairs}
    if isinstance(likelihood, HeteroscedasticGaussian):
        C = m.shape[1] // 2
        noise = [
            [mp.exp(s + u / 2) for s, u in zip(s_n, u_n, strict=True)]
            for s_n, u_n in zip(m[:, C:], v[:, C:], strict=True)
        ]
        return {"predictive_mean": m[:, :C], "predictive_variance": v[:, :C] + np.array(noise)}
    noise = exact(np.broadcast_to(likelihood.sigma_noise, m.shape)) ** 2
    return {"predictive_mean": m, "predictive_variance": v + noise}


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def softmax(f):
    return [mp.exp(g) / mp.fsum(map(mp.exp, f)) for g in f]


def average(m, s):
    """Return E sigmoid(m + s z) for z ~ N(0, 1)."""
    with mp.workdps(25):
        edges = sorted({-12, 12, *(z for z in ((-40 - m) / s, -m / s, (40 - m) / s) if abs(z) < 12)})
        return mp.quad(lambda z: mp.npdf(z) * sigmoid(m + s * z), edges)


def entry(name):
    """Return a case with everything that one needs to know to repeat it."""
    model, theta, X, y, X_new = case = problem(name)
    likelihood = {"name": type(model.likelihood).__name__, **vars(model.likelihood)}
    asked = {
        "sizes": model.network.sizes, "activation": model.network.activation, "likelihood": likelihood,
        "prior_precision": model.prior_precision, "theta": theta.tolist(), "X": X.tolist(), "y": y.tolist(),
        "X_new": X_new.tolist(),
    }  # fmt: skip
    return {"problem": asked, "values": values(*case)}


def main():
    lines = [f"{json.dumps(name)}: {json.dumps(entry(name))}" for name in CASES]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    print(f"{PATH.name}: {len(CASES)} cases")


if __name__ == "__main__":
    main()
