"""Record what ArviZ makes of importance weights, for `test_importance.py` to compare with.

Run `python tests/record_psislw.py` where ``pip install "arviz<1"`` has put ArviZ, which is no dependency of the tests.
It writes `psislw.npz` beside this file. Names in the file are paths. For each kind of weights, and S of them,

    {kind}/{S}/log_weights   the logarithms of the weights, (S,), on a scale of their own
    {kind}/{S}/smoothed      Pareto-smoothed, and normalised to add up to 1, (S,)
    {kind}/{S}/k             k-hat

Beside them stands `versions`, of the packages.
"""

from importlib.metadata import version
from pathlib import Path

import arviz
import numpy as np

KINDS = {
    "bounded": lambda rng, S: np.log(rng.beta(5, 1, S)),
    "exponential": lambda rng, S: np.log(rng.exponential(size=S)) - 300,
    "nearly equal": lambda rng, S: 1e-2 * rng.normal(size=S) + 1e3,
    "pareto 0.5": lambda rng, S: 0.5 * rng.exponential(size=S),
    "pareto 0.9": lambda rng, S: 0.9 * rng.exponential(size=S) - 40,
    "pareto 3": lambda rng, S: 3 * rng.exponential(size=S),
    "log-normal": lambda rng, S: rng.normal(size=S) + 7,
    "chi-squared": lambda rng, S: 20 * (rng.normal(size=(S, 5)) ** 2).sum(axis=1),  # a Gaussian that is too narrow
    "nearly all zero": lambda rng, S: np.where(np.arange(S) % 100 < 3, rng.normal(size=S), -900 - rng.exponential(S)),
}


def main():
    rng = np.random.default_rng(20240101)
    file = {"versions": np.array([f"{package} {version(package)}" for package in ("arviz", "numpy")])}
    for kind, draw in KINDS.items():
        for S in (25, 100, 500):
            log_weights = draw(rng, S)
            smoothed, k = arviz.psislw(log_weights)
            path = f"{kind}/{S}"
            file |= {f"{path}/log_weights": log_weights, f"{path}/smoothed": smoothed, f"{path}/k": np.array(float(k))}
    np.savez_compressed(Path(__file__).with_name("psislw.npz"), **file)


if __name__ == "__main__":
    main()
