"""Measure what `from_fitted` does to the held-out likelihood of scikit-learn's MLPs.

    python -m tests.held_out              # the README's table, some minutes
    python -m tests.held_out --splits 5

Each MLP has scikit-learn's defaults but for its solver, its iterations and its seed, and learns from 70 % of the
standardised data. Printed are means over random splits of minus the log likelihood of a test label, in nats, on 15 %:
the MLP's own, and how much each way of making it Bayesian adds to it, with the standard error of that mean and in how
many splits it is better. Less is better. The other 15 % choose the prior where it is held-out data that does.
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
LAST_LAYER = {"hessian_structure": "kron", "subset_of_weights": "last_layer"}
WAYS = {
    "all weights, alpha": {"hessian_structure": "kron", "tune_prior": None},
    "all weights, evidence": {"hessian_structure": "kron", "tune_prior": "marglik"},
    "last layer, evidence": LAST_LAYER | {"tune_prior": "marglik"},
    "last layer, held-out": LAST_LAYER | {"tune_prior": None},
}


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
    n_splits = parser.parse_args().splits
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
