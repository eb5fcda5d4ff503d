"""Measure what `from_fitted` does to the held-out likelihood of scikit-learn's MLPs.

    python -m tests.held_out              # the README's table, some minutes
    python -m tests.held_out --splits 5

Each MLP has scikit-learn's defaults but for its solver, its iterations and its seed, and learns from 70 % of the
standardised data. Printed are means over random splits of minus the log likelihood of a test label, in nats: the
MLP's own, and how much each way of making it Bayesian adds to it, with the standard error of that mean and in how many
splits it is better. Less is better.
"""

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from minilaplace.sklearn import LaplaceClassifier

DATA = {"breast cancer": load_breast_cancer, "digits": load_digits}
SOLVERS = ("adam", "lbfgs", "sgd")
WAYS = {
    "all weights, alpha": {"hessian_structure": "kron", "tune_prior": None},
    "all weights, tuned": {"hessian_structure": "kron"},
    "last layer, tuned": {"hessian_structure": "kron", "subset_of_weights": "last_layer"},
}


def split(load, seed):
    """Return standardised training and test inputs, and their labels."""
    X, y = load(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, train_size=0.7, random_state=seed, stratify=y)
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test), y_train, y_test


def losses(load, solver, n_splits, ways):
    """Return the held-out losses (n_splits, 1 + len(ways)) of MLPs, and of what each way makes of them."""
    rows = []
    for seed in range(n_splits):
        train, test, y_train, y_test = split(load, seed)
        mlp = MLPClassifier(solver=solver, max_iter=1000, random_state=seed).fit(train, y_train)
        bayesian = [LaplaceClassifier.from_fitted(mlp, train, y_train, **way) for way in ways]
        rows.append([log_loss(y_test, predictor.predict_proba(test)) for predictor in (mlp, *bayesian)])
    return np.array(rows)


def cell(difference):
    """Return the mean of a difference, its standard error, and in how many splits it is below zero."""
    n = len(difference)
    error = difference.std(ddof=1) / np.sqrt(n)
    return f"{difference.mean():+.3f} ({error:.3f}), {np.count_nonzero(difference < 0)} of {n}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=10)
    n_splits = parser.parse_args().splits
    print("| " + " | ".join(["data", "solver", "MLP", *WAYS]) + " |")
    print("|" + "---|" * (3 + len(WAYS)))
    for name, load in DATA.items():
        for solver in SOLVERS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an MLP that stops early is one to measure, too
                rows = losses(load, solver, n_splits, WAYS.values())
            cells = [cell(row - rows[:, 0]) for row in rows.T[1:]]
            print("| " + " | ".join([name, solver, f"{rows[:, 0].mean():.3f}", *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
