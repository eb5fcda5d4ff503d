"""The units of inputs and targets: columns that are standardised inside, and a warning where they should be.

Beside it, the other warning that comes before the work: of what takes long for the number of parameters.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import EfficiencyWarning

from ..model.bayesian_model import BayesianModel
from ..training.advice import warn_of_columns
from ..training.convergence import callers_level, convergence_heard
from ..validation import Array

APART = 1e3  # scales that differ by so much make L-BFGS take thousands of steps
FAR = 10.0  # standard deviations from 0: 80 points of a sine, so far away, ended as a flat line
WIDTHS = 0.1, 30.0  # of the widest column: outside of them such fits ended as a flat line, too, without a sign of it
MANY = 4000  # parameters of which `"full"` takes a minute, and twice as many eight
CONSTANT = 1e-13  # of the largest number in a column: a spread as small is rounding


class Scale(NamedTuple):
    """The zero and the unit of each column, in which its numbers have mean 0 and standard deviation 1."""

    mean: Any  # a number, or one for each column
    unit: Any

    def inside(self, values: Array) -> Array:
        """Return numbers in the user's units as standardised ones."""
        return (values - self.mean) / self.unit

    def outside(self, values: Array) -> Array:
        """Return standardised numbers in the user's units."""
        return values * self.unit + self.mean


def as_they_are(values: Array) -> Scale:
    """Return the scale that changes nothing."""
    shape = values.shape[1:]
    return Scale(np.zeros(shape), np.ones(shape)) if shape else Scale(0.0, 1.0)


def standard(values: Array, weight: Array | None = None) -> Scale:
    """Return the weighted mean and standard deviation of each column of (N,) or (N, C); a constant one has unit 1."""
    most = np.abs(values).max(axis=0)
    most = np.where(most > 0, most, 1.0)
    shares = values / most  # so that no square over- or underflows
    mean = np.average(shares, axis=0, weights=weight)
    spread = np.sqrt(np.average((shares - mean) ** 2, axis=0, weights=weight))
    unit = np.where(spread > CONSTANT, spread * most, 1.0)
    return Scale(mean * most, unit) if values.ndim > 1 else Scale(float(mean * most), float(unit))


def standard_targets(y: Array, weight: Array) -> Scale:
    """Return the scale of targets (N,) or (N, C); a column of one number has zero 0 and that number's size as unit.

    With its mean as zero there would be nothing to learn from a first row, and the evidence would believe that.
    """
    mean, unit = standard(y, weight)
    constant, size = np.all(y == y[0], axis=0), np.abs(y[0])
    scale = Scale(np.where(constant, 0.0, mean), np.where(constant, np.where(size > 0, size, 1.0), unit))
    return scale if y.ndim > 1 else Scale(float(scale.mean), float(scale.unit))


def warn_of_scales(model: BayesianModel, X: Array) -> None:
    """Issue scikit-learn's EfficiencyWarning if hidden units are to be trained on columns that they are not made for.

    Prior and initial weights are meant for columns of X (N, D) around 0 and about 1 wide. Elsewhere training takes very
    long, or the prior that is chosen holds the network to a line. Constant columns do not count.
    """
    if len(model.network.shapes) == 1:
        return
    with convergence_heard() as heard:
        warn_of_columns(model, X)
    mean, unit = standard(X)
    varies = np.any(X[:1] != X, axis=0)
    if not varies.any():
        return
    unit, far = unit[varies], np.abs(mean[varies] / unit[varies]).max()
    apart = unit.max() / unit.min() >= APART
    if not heard and not apart and far < FAR and WIDTHS[0] <= unit.max() <= WIDTHS[1]:
        return
    message = (
        f"the columns of X have standard deviations from {unit.min():.3g} to {unit.max():.3g}, and means of up to "
        f"{far:.3g} of them; training may take very long, or end at a flat line: pass normalize_X=True, or put a "
        "StandardScaler before the estimator in a pipeline"
    )
    warnings.warn(message, EfficiencyWarning, stacklevel=callers_level())


def warn_of_size(hessian_structure: str, n_params: int) -> None:
    """Issue scikit-learn's EfficiencyWarning if a full posterior is to be factored again and again that is large."""
    if hessian_structure == "full" and n_params >= MANY:
        message = (
            f"the posterior of {n_params:,} parameters is factored for each prior that is tried, which takes minutes "
            "and more: pass hessian_structure='kron', or subset_of_weights='last_layer'"
        )
        warnings.warn(message, EfficiencyWarning, stacklevel=callers_level())
