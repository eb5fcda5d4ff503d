"""What a fit of the estimators takes beside scikit-learn's MLP, and where its time goes."""

import time
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
from sklearn.datasets import load_breast_cancer, make_classification, make_friedman1
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from minilaplace import Laplace, fit_map
from minilaplace.evidence import EvidenceFunction, joint
from minilaplace.network.subset import select
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor, fitting
from minilaplace.sklearn.mlp import carried

PARTS = {  # of a fit of the estimators: the functions in which the time of each goes
    "training": [(fitting, "fit_map"), (joint, "descended")],
    "curvature": [(Laplace, "fit"), (joint, "add_up")],
    "tuning": [(Laplace, "optimize_prior_precision"), (EvidenceFunction, "mackay")],
}


def estimator(name):
    """Return a sentence on what an estimator's fit of 1,000 rows takes beside scikit-learn's MLP, and where time goes.

    The MLP is the same network with the same penalty, `alpha`, on its weights (it has none on biases), trained by
    L-BFGS until that can lower the loss no more. From different initial weights both end at different modes, so times
    are those of five seeds together. `above` is what further training of the MLP gains, in nats: its loss is ours, the
    loss of a mode, as far as that is 0.
    """
    X, y = thousand_rows(name)
    kind, peer = (LaplaceRegressor, MLPRegressor) if name == "regression" else (LaplaceClassifier, MLPClassifier)
    ours, theirs, losses, their_losses, above = 0.0, 0.0, [], [], []
    parts, seeds = dict.fromkeys(PARTS, 0.0), range(1 if name == "regression" else 5)
    for seed in seeds:
        spent, fitted, of_parts = in_parts(lambda seed=seed: kind(random_state=seed).fit(X, y))
        ours, parts = ours + spent, {part: total + of_parts[part] for part, total in parts.items()}
        noise = getattr(fitted.model_.likelihood, "sigma_noise", None) or 1.0
        precision = 1.0 if kind is LaplaceClassifier else fitted.model_.prior_precision  # that of the training
        options = {"activation": "tanh", "solver": "lbfgs", "max_iter": 100_000, "max_fun": 1_000_000, "tol": 1e-10}
        targets = y if kind is LaplaceClassifier else (y - fitted.y_mean_) / fitted.y_scale_
        mlp = peer(hidden_layer_sizes=(32,), alpha=precision * noise**2, random_state=seed, **options)
        before = time.perf_counter()
        mlp.fit(X, targets)
        theirs += time.perf_counter() - before
        network, theta = carried(mlp)
        targets = targets if kind is LaplaceClassifier else targets[:, None]
        on_weights = np.where(select(network, "all").tensors() % 2, 1e-9, precision)
        model, mode = (fitted.model_.under(prior) for prior in (on_weights, precision))
        losses.append(mode.loss(fitted.theta_, X, targets))
        their_losses.append(model.loss(theta, X, targets))
        above.append(their_losses[-1] - model.loss(fit_map(model, X, targets, theta0=theta), X, targets))
    parts["rest"] = ours - sum(parts.values())
    where = ", ".join(f"{part} {100 * share / ours:.0f}%" for part, share in parts.items())
    mean_ms, mean_mlp_ms = (1e3 * total / len(seeds) for total in (ours, theirs))
    return (
        f"{kind.__name__}().fit of 1,000 x {X.shape[1]}, {name}: {mean_ms:.0f} ms, {ours / theirs:.1f} times its MLP's "
        f"{mean_mlp_ms:.0f} ms; {where}; losses {np.mean(losses):.1f} and {np.mean(their_losses):.1f}, the MLP's at "
        f"most {max(above):.1g} above its mode"
    )


def thousand_rows(name):
    """Return 1,000 standardised rows: two classes, those of the tumours with a little noise, or numbers.

    The tumours are 569, drawn 1,000 times.
    """
    rng = np.random.default_rng(0)
    if name == "classification":
        X, y = make_classification(1_000, 30, n_informative=10, random_state=0)
    elif name == "tumours":
        X, y = load_breast_cancer(return_X_y=True)
        rows = rng.choice(len(X), 1_000)
        X, y = StandardScaler().fit_transform(X)[rows] + 0.1 * rng.normal(size=(1_000, 30)), y[rows]
    else:
        X, y = make_friedman1(1_000, 8, noise=1.0, random_state=0)  # of 30 columns 1,025 parameters fit every y
    return StandardScaler().fit_transform(X), y


def in_parts(work):
    """Return the seconds of a fit, what it returns, and the seconds of its parts, by clocks around `PARTS`."""
    spent = dict.fromkeys(PARTS, 0.0)
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), part, spent)))
        before = time.perf_counter()
        result = work()
        return time.perf_counter() - before, result, spent


def _timed(function, part, spent):
    def timed(*arguments, **options):
        before = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[part] += time.perf_counter() - before

    return timed
