"""The same seed gives the same bits in every process, and the same numbers on any number of BLAS threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import hashlib, sys
import numpy as np
from minilaplace import MLP, BayesianModel, Categorical, Gaussian, Laplace, fit_map, toy_data_multi, toy_data_regression
from minilaplace.structures.fit import STRUCTURES

X, y = toy_data_multi(120, rng=0)
model = BayesianModel(MLP(2, 20, 4), Categorical(), prior_precision=1.0)
theta = model.network.init(rng=1)
results = {"data": X, "init": theta}
if sys.argv[2] == "train":
    results["lbfgs"] = fit_map(model, X, y, rng=2, max_iterations=2000)
    results["adam"] = fit_map(model, X, y, rng=2, method="adam", epochs=2)
for structure in STRUCTURES:
    la = Laplace(model, theta, hessian_structure=structure).fit(X, y)
    results[f"{structure} precision"] = la.posterior.precision()
    results[f"{structure} evidence"] = np.array(la.log_marginal_likelihood())
    for link in ("probit", "bridge", "plugin"):
        results[f"{structure} {link}"] = la.predict(X, link)
    if structure != "lowrank":
        results[f"{structure} sample"] = la.sample(3, rng=4)
        results[f"{structure} mc"] = la.predict(X, "mc", n_samples=5, rng=3)
        results[f"{structure} nn"] = la.predict(X, "nn", n_samples=5, rng=3)
X, y = toy_data_regression(50, rng=5)
la = Laplace(BayesianModel(MLP(1, 10, 1), Gaussian(0.3)), MLP(1, 10, 1).init(6)).fit(X, y)
results["tuned"] = np.array(la.optimize_prior_precision().model.prior_precision)
results["variance"] = la.predict(X).variance
np.savez(sys.argv[1], **results)
"""


def run(path, threads, train="train"):
    """Return what the script computes in a process of its own."""
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(threads),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT, str(path), train], check=True, env=environment)
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return run(tmp_path_factory.mktemp("first") / "results.npz", 1)


def test_the_same_seed_gives_the_same_bits_in_another_process(first, tmp_path):
    again = run(tmp_path / "results.npz", 1)
    assert again.keys() == first.keys()
    for name, value in first.items():
        assert again[name].tobytes() == value.tobytes(), name


def test_the_number_of_blas_threads_changes_nothing_but_rounding(first, tmp_path):
    # Optimisers amplify rounding along their way, so they are not compared; all else is within 1e-12 of its largest.
    other = run(tmp_path / "results.npz", 2, "no training")
    for name in other:
        scale = np.abs(first[name]).max()
        np.testing.assert_allclose(other[name], first[name], rtol=0, atol=1e-12 * scale, err_msg=name)
