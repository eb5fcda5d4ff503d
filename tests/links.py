"""Measure how far the links are from what they stand for, the average of the probabilities over f ~ N(m, V).

    python -m tests.links                 # the README's table, about a minute

Printed are mean Kullback-Leibler divergences from the average to each link, in nats, at 100 inputs that the network has
not seen, and at the same inputs moved by ten standard deviations of every feature, up or down. Less is better. Every
network is trained to a mode of its prior. For one logit the average is `quadrature`. For several it is a mean over
16 x 4,096 quasi-random f, each 4,096 a Sobol sequence scrambled independently of the others, so that their differences
tell its standard error e_c; it adds about sum_c e_c^2 / (2 p_c) to a divergence, whose largest mean is printed last.
The last column names the nearer of `mean_field` and `probit`, or neither if the difference of their divergences, in
which that addition cancels, is within two of its own standard errors.
"""

import argparse
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr, softmax
from scipy.stats.qmc import MultivariateNormalQMC
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Laplace,
    fit_map,
    toy_data_linear,
    toy_data_multi,
    toy_data_non_linear,
)
from minilaplace.predictive import LINKS, SAMPLED

N_NEW, SCRAMBLES, DRAWS, SEEDS = 100, 16, 4_096, 10
LAST_LAYER = {"subset_of_weights": "last_layer"}
KRON = {"hessian_structure": "kron"}
PRIORS = (0.01, 0.1, 1.0)
PROBLEMS = {  # data, N to learn from, hidden units, the posterior
    "two squares": (lambda: toy_data_linear(200, rng=0), 100, (), {}),
    "four squares": (lambda: toy_data_non_linear(300, rng=0), 200, (32,), {}),
    "four clusters": (lambda: toy_data_multi(200, rng=0), 100, (16,), {}),
    "iris": (lambda: load_iris(return_X_y=True), 50, (16,), {}),
    "wine": (lambda: load_wine(return_X_y=True), 78, (16,), KRON),
    "digits": (lambda: load_digits(return_X_y=True), 400, (16,), KRON),
    "digits, last layer": (lambda: load_digits(return_X_y=True), 400, (16,), LAST_LAYER),
}


class Known(NamedTuple):
    """Outputs f ~ N(m, V) whose mean (N, C) and covariance (N, C, C) are known."""

    mean: np.ndarray
    V: np.ndarray

    def covariance(self, R=None):
        return self.V if R is None else R @ self.V @ R.T

    def variance(self):
        return np.diagonal(self.V, axis1=1, axis2=2)


def fitted(name, prior):
    """Return a Laplace approximation, and inputs near its data and far from it."""
    load, n_train, hidden, options = PROBLEMS[name]
    X, y = load()
    X, X_new, y, _ = train_test_split(X, y, train_size=n_train, test_size=N_NEW, random_state=0, stratify=y)
    scaler, C = StandardScaler().fit(X), len(np.unique(y))
    X, near = scaler.transform(X), scaler.transform(X_new)
    likelihood = Bernoulli() if C == 2 else Categorical()
    model = BayesianModel(MLP(X.shape[1], *hidden, 1 if C == 2 else C), likelihood, prior)
    far = near + 10 * np.random.default_rng(0).choice([-1, 1], size=near.shape)
    return Laplace(model, fit_map(model, X, y, rng=0), **options).fit(X, y), near, far


def closed_form(link, likelihood, m, V):
    """Return a link's probabilities of all classes, (N, C): of one logit both from their own tail."""
    signs = (-1, 1) if m.shape[1] == 1 else (1,)
    p = [LINKS[link](likelihood, Known(sign * m, V)) for sign in signs]
    return np.stack(p, axis=1) if len(p) == 2 else p[0]


def sampled(link, la, X, seed):
    """Return the probabilities of all classes, (N, C), by `mc` or `nn` with the 100 draws that are the default."""
    if link == "mc":
        f = la.functional_samples(X, 100, rng=seed)
    else:
        f = np.stack([la.model.network.forward(theta, X) for theta in la.sample(100, rng=seed)])
    if f.shape[2] == 1:
        f = np.concatenate([np.zeros_like(f), f], axis=2)
    return softmax(f, axis=2).mean(axis=0)


def averages(m, V, scrambles=SCRAMBLES, draws=DRAWS):
    """Return independent estimates of the average of softmax(f), (scrambles, N, C)."""
    C = m.shape[1]
    less_mean = np.eye(C) - 1 / C  # softmax does not see the mean of the logits
    values, vectors = np.linalg.eigh(less_mean @ V @ less_mean)
    root = (vectors * np.sqrt(np.maximum(values, 0))[:, None])[:, :, 1:]  # (N, C, C - 1)
    p = np.empty((scrambles, *m.shape))
    for s in range(scrambles):
        z = MultivariateNormalQMC(np.zeros(C - 1), rng=np.random.default_rng(s)).random(draws)  # (S, C - 1)
        for n, (m_n, root_n) in enumerate(zip(m, root, strict=True)):
            p[s, n] = softmax(m_n + z @ root_n.T, axis=1).mean(axis=0)
    return p


class Measured(NamedTuple):
    """Mean divergences of the links at some inputs, what the average's error adds to each, and the nearer link."""

    divergence: dict[str, float]
    error: float
    nearer: str


def measured(la, X, seeds=SEEDS, **how):
    """Return the mean divergences from the average to every link at X."""
    likelihood, (m, V) = la.model.likelihood, la.glm_predictive_distribution(X)
    closed = [link for link in likelihood.links if link not in SAMPLED]
    q = {link: [closed_form(link, likelihood, m, V)] for link in closed}
    q |= {link: [sampled(link, la, X, seed) for seed in range(seeds)] for link in SAMPLED if seeds}
    several = m.shape[1] > 1
    each = averages(m, V, **how) if several else q["quadrature"][0][None]  # (scrambles, N, C)
    p = each.mean(axis=0)
    divergence = {link: float(np.mean([rel_entr(p, q_s).sum(axis=1).mean() for q_s in q[link]])) for link in q}
    if not several:
        return Measured(divergence, 0.0, "")
    error = float((each.var(axis=0, ddof=1) / len(each) / (2 * p)).sum(axis=1).mean())
    gains = (each * np.log(q["mean_field"][0] / q["probit"][0])).sum(axis=2).mean(axis=1)  # (scrambles,)
    clear = abs(gains.mean()) > 2 * gains.std(ddof=1) / np.sqrt(len(gains))
    return Measured(divergence, error, ("mean_field" if gains.mean() > 0 else "probit") if clear else "neither")


def digits(value):
    """Return a number with two significant digits, without an exponent."""
    return np.format_float_positional(value, precision=2, fractional=False, trim="-")


def main():
    argparse.ArgumentParser(
        "python -m tests.links", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    columns = ["plugin", "probit", "mean_field", "bridge", "bridge_norm", "mc", "nn"]
    print("| " + " | ".join(["data", "logits", "prior", *columns, "nearer"]) + " |")
    print("|" + "---|" * (4 + len(columns)))
    error = 0.0
    for name in PROBLEMS:
        for prior in PRIORS:
            la, *places = fitted(name, prior)
            found = [measured(la, X) for X in places]
            error = max(error, *(place.error for place in found))
            cells = [
                ", ".join(digits(place.divergence[link]) for place in found if link in place.divergence)
                for link in columns
            ]
            cells += [", ".join(place.nearer for place in found if place.nearer)]
            print("| " + " | ".join([name, str(la.model.network.n_outputs), f"{prior:g}", *cells]) + " |", flush=True)
    print(f"\nThe average's own error adds at most {error:.1g} to a mean divergence.")


if __name__ == "__main__":
    main()
