"""The units of inputs and targets: columns that are standardised inside, and a warning where they should be."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import EfficiencyWarning

from ..model.bayesian_model import BayesianModel
from ..training.advice import warn_of_columns
from ..training.convergence import convergence_heard
from ..validation import Array
from .conventions import callers_level

APART = 1e3  # scales that differ by so much make L-BFGS take thousands of steps
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


def standard_targets(y: Array, weight: Array | None = None) -> Scale:
    """Return the scale of targets (N,) or (N, C); a column of one number has zero 0 and that number's size as unit.

    With its mean as zero there would be nothing to learn from a first row, and the evidence would believe that.
    """
    mean, unit = standard(y, weight)
    constant, size = np.all(y == y[0], axis=0), np.abs(y[0])
    scale = Scale(np.where(constant, 0.0, mean), np.where(constant, np.where(size > 0, size, 1.0), unit))
    return scale if y.ndim > 1 else Scale(float(scale.mean), float(scale.unit))


def warn_of_scales(model: BayesianModel, X: Array) -> None:
    """Issue scikit-learn's EfficiencyWarning if hidden units are to be trained on columns of unlike scales.

    That is where `fit_map` would say so, and where columns of X (N, D) are a thousand times as wide as others, or as 1,
    or as far from 0 in units of their own width. Constant columns do not count.
    """
    if len(model.network.shapes) == 1:
        return
    with convergence_heard() as heard:
        warn_of_columns(model, X)
    mean, unit = standard(X)
    varies = np.any(X[:1] != X, axis=0)
    if not varies.any():
        return
    mean, unit = mean[varies], unit[varies]
    if not heard and max(unit.max(), 1 / unit.min(), unit.max() / unit.min(), np.abs(mean / unit).max()) < APART:
        return
    message = (
        f"the columns of X have standard deviations from {unit.min():.3g} to {unit.max():.3g} and means up to "
        f"{np.abs(mean / unit).max():.3g} of them; training may take very long or end early: pass normalize_X=True, or "
        "put a StandardScaler before the estimator in a pipeline"
    )
    warnings.warn(message, EfficiencyWarning, stacklevel=callers_level())
