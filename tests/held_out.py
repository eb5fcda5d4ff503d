"""Measure what `from_fitted`, and the classifier's own training, do to the held-out likelihood of scikit-learn's MLPs.

    python -m tests.held_out              # the README's first table, some minutes
    python -m tests.held_out --splits 5
    python -m tests.held_out --defaults   # its second table, of classifiers that train by themselves

Each MLP has scikit-learn's defaults but for its solver, its iterations and its seed, and learns from 70 % of the
standardised data. Printed are means over random splits of minus the log likelihood of a test label, in nats, on 15 %:
the MLP's own, and how much each way of making it Bayesian adds to it, with the standard error of that mean and in how
many splits it is better. Less is better. The other 15 % choose the prior where it is held-out data that does.

The second table has 32 units everywhere, standardised inputs and 30 % to test on. In each cell are the mean loss of a
test label, and the mean probability of the most probable class at inputs that are ten standard deviations from the
centre of the data, in random directions, where no class should be certain.
"""

import argparse
import warnings
from functools import partial

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_moons
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from minilaplace import toy_data_non_linear
from minilaplace.sklearn import LaplaceClassifier

DATA = {"breast cancer": load_breast_cancer, "digits": load_digits}
SOLVERS = ("adam", "lbfgs", "sgd")
LAST_LAYER = {"hessian_structure": "kron", "subset_of_weights": "last_layer"}
WAYS = {
    "all weights, budget": {"hessian_structure": "kron"},
    "all weights, alpha": {"hessian_structure": "kron", "tune_prior": None},
    "all weights, evidence": {"hessian_structure": "kron", "tune_prior": "marglik"},
    "last layer, evidence": LAST_LAYER | {"tune_prior": "marglik"},
    "last layer, held-out": LAST_LAYER | {"tune_prior": None},
}
SIX = {
    "moons": partial(make_moons, 300, noise=0.25, random_state=0),
    "wine": partial(load_wine, return_X_y=True),
    "iris": partial(load_iris, return_X_y=True),
    "breast cancer": partial(load_breast_cancer, return_X_y=True),
    "the post's squares": partial(toy_data_non_linear, 300, rng=0),
    "digits": partial(load_digits, return_X_y=True),
}
PRIORS = ("budget", "marglik", "online")


def split(load, seed):
    """Return inputs, standardised by the training data, and labels: to train on, to choose by, to test on."""
    X, y = load(return_X_y=True)
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=0.7, random_state=seed, stratify=y)
    scaler = StandardScaler().fit(X_train)
    rest = train_test_split(scaler.transform(X_rest), y_rest, train_size=0.5, random_state=seed, stratify=y_rest)
    return (scaler.transform(X_train), y_train), (rest[0], rest[2]), (rest[1], rest[3])


def losses(load, solver, n_splits, names):
    """Return the held-out losses (n_splits, 1 + len(names)) of MLPs, and of what each way makes of them."""
    rows = []
    for seed in range(n_splits):
        train, choose, (X, y) = split(load, seed)
        mlp = MLPClassifier(solver=solver, max_iter=1000, random_state=seed).fit(*train)
        predictors = [mlp]
        for name in names:
            predictors.append(LaplaceClassifier.from_fitted(mlp, *train, **WAYS[name]))
            if name.endswith("held-out"):
                predictors[-1].tune_on_held_out(*choose)
        rows.append([log_loss(y, predictor.predict_proba(X)) for predictor in predictors])
    return np.array(rows)


def near_and_far(data, seed):
    """Return loss near the data and confidence far away, (1 + len(PRIORS), 2): of an MLP, and under each prior."""
    X, y = data()
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.7, random_state=seed, stratify=y)
    scaler = StandardScaler().fit(X_train)
    train, X_test = (scaler.transform(X_train), y_train), scaler.transform(X_test)
    direction = np.random.default_rng(seed).normal(size=(500, X.shape[1]))
    far = 10 * np.sqrt(X.shape[1]) * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    structure = "kron" if X.shape[1] > 40 else "full"  # of the digits, whose full posterior takes minutes
    predictors = [MLPClassifier((32,), max_iter=1000, random_state=seed)]
    predictors += [
        LaplaceClassifier((32,), tune_prior=prior, hessian_structure=structure, random_state=seed) for prior in PRIORS
    ]
    for predictor in predictors:
        predictor.fit(*train)
    return np.array([(log_loss(y_test, p.predict_proba(X_test)), p.predict_proba(far).max(axis=1).mean())
                     for p in predictors])  # fmt: skip


def cell(difference):
    """Return the mean of a difference, its standard error, and in how many splits it is below zero."""
    n = len(difference)
    error = difference.std(ddof=1) / np.sqrt(n)
    return f"{difference.mean():+.3f} ({error:.3f}), {np.count_nonzero(difference < 0)} of {n}"


def main():
    parser = argparse.ArgumentParser(
        "python -m tests.held_out", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=int, default=8, help="random splits of each data set (default: 8)")
    parser.add_argument("--defaults", action="store_true", help="print the second table in place of the first")
    arguments = parser.parse_args()
    (defaults if arguments.defaults else from_fitted)(arguments.splits)


def defaults(n_splits):
    """Print the second table."""
    print("| " + " | ".join(["data", "MLP", *PRIORS]) + " |")
    print("|" + "---|" * (2 + len(PRIORS)))
    for name, data in SIX.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            means = np.mean([near_and_far(data, seed) for seed in range(n_splits)], axis=0)
        print("| " + " | ".join([name, *(f"{loss:.3f}, {sure:.2f}" for loss, sure in means)]) + " |", flush=True)


def from_fitted(n_splits):
    """Print the first table."""
    print("| " + " | ".join(["data", "solver", "MLP", *WAYS]) + " |")
    print("|" + "---|" * (3 + len(WAYS)))
    for name, load in DATA.items():
        for solver in SOLVERS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an MLP that stops early is one to measure, too
                rows = losses(load, solver, n_splits, WAYS)
            cells = [cell(row - rows[:, 0]) for row in rows.T[1:]]
            print("| " + " | ".join([name, solver, f"{rows[:, 0].mean():.3f}", *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
