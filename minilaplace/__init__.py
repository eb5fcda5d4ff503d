"""The Laplace approximation for neural networks in pure NumPy, to read and to teach from.

A trained network becomes Bayesian after the fact, by a Gaussian around its parameters whose precision is the
curvature of the loss plus the prior:

>>> from minilaplace import BayesianModel, Bernoulli, Laplace, MLP, fit_map, toy_data_non_linear
>>> X, y = toy_data_non_linear(200, rng=0)
>>> model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
>>> theta = fit_map(model, X, y, rng=0)
>>> la = Laplace(model, theta).fit(X, y)
>>> la.predict(X).shape
(200,)
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# BLAS reads how many threads to take while NumPy is loaded, which is before `__main__` runs. The command line, whose
# matrices are small, takes one where none is chosen; a program that imports the package is left as it is.
if (
    os.path.basename("".join(sys.argv[:1])) in ("minilaplace", "minilaplace.exe")
    or (sys.argv[:1] == ["-m"] and {"minilaplace", "minilaplace.one_page"} & set(sys.orig_argv))  # still looked for
) and not {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys():
    os.environ["OMP_NUM_THREADS"] = "1"

from .checks import check_equal, check_function, check_gradient, check_hessian, check_jacobian
from .data import toy_data_linear, toy_data_multi, toy_data_non_linear, toy_data_regression
from .evidence import marglik_training
from .laplace import Laplace
from .model import BayesianModel, Bernoulli, BradleyTerry, Categorical, Gaussian, HeteroscedasticGaussian, Poisson
from .model_average import average, deep_ensemble, hmc, mc_dropout
from .network import MLP, from_layers, from_torch, to_layers, to_state_dict
from .predictive import Prediction, Uncertainty
from .training import ConvergenceWarning, fit_map

if TYPE_CHECKING:
    from .plotting import plot_contour

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "BayesianModel",
    "Bernoulli",
    "BradleyTerry",
    "Categorical",
    "ConvergenceWarning",
    "Gaussian",
    "HeteroscedasticGaussian",
    "Laplace",
    "Poisson",
    "Prediction",
    "Uncertainty",
    "average",
    "check_equal",
    "check_function",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
    "deep_ensemble",
    "fit_map",
    "from_layers",
    "from_torch",
    "hmc",
    "marglik_training",
    "mc_dropout",
    "plot_contour",
    "to_layers",
    "to_state_dict",
    "toy_data_linear",
    "toy_data_multi",
    "toy_data_non_linear",
    "toy_data_regression",
]


def __getattr__(name: str) -> Any:
    if name == "plot_contour":  # imported on first use, because it imports matplotlib
        return import_module(".plotting", __name__).plot_contour
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "plot_contour"])
