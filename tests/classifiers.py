"""Measure a classifier that trains by itself beside scikit-learn's MLP of the same size.

    python -m tests.classifiers             # the README's table, some minutes
    python -m tests.classifiers --splits 8

All have 32 units, standardised inputs and 30 % to test on. In each cell are the mean over random splits of minus the
log likelihood of a test label, in nats, and the mean probability of the most probable class at inputs that are ten
standard deviations from the centre of the data, in random directions, where no class should be certain.
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

SIX = {
    "moons": partial(make_moons, 300, noise=0.25, random_state=0),
    "wine": partial(load_wine, return_X_y=True),
    "iris": partial(load_iris, return_X_y=True),
    "breast cancer": partial(load_breast_cancer, return_X_y=True),
    "the post's squares": partial(toy_data_non_linear, 300, rng=0),
    "digits": partial(load_digits, return_X_y=True),
}
PRIORS = ("budget", "marglik", "online")


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


def main():
    parser = argparse.ArgumentParser(
        "python -m tests.classifiers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--splits", type=int, default=4, help="random splits of each data set (default: 4)")
    n_splits = parser.parse_args().splits
    print("| " + " | ".join(["data", "MLP", *PRIORS]) + " |")
    print("|" + "---|" * (2 + len(PRIORS)))
    for name, data in SIX.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            means = np.mean([near_and_far(data, seed) for seed in range(n_splits)], axis=0)
        print("| " + " | ".join([name, *(f"{loss:.3f}, {sure:.2f}" for loss, sure in means)]) + " |", flush=True)


if __name__ == "__main__":
    main()
