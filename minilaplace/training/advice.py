"""What keeps training from a mode, and what to do about it: the words of its warnings."""

from __future__ import annotations

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData, weighed
from ..network.activation import ACTIVATIONS
from ..validation import Array
from .convergence import warn

LARGE = 100.0  # an entry of X above which training takes ten times as many steps as at 1; small ones do no harm
FAR = 3.0  # the size of a residual, in units of the noise, above which the noise is too small for what is reached


def warn_of_columns(model: BayesianModel, X: Array) -> None:
    """Warn, before any work, if hidden units are to be trained on columns that differ by orders of magnitude.

    Prior and initial weights are meant for inputs of size 1. Hidden units that see larger ones are saturated, and the
    steps that are right for one column are too short or too long for another. Without hidden units the loss is convex,
    and training ends at its mode all the same.
    """
    if len(model.network.shapes) > 1 and (sizes := _large_columns(X, ratio=LARGE)):
        cure = "standardise X, and new inputs by the same means and standard deviations"
        warn(f"X: {sizes}; training may be slow, and stop short of a mode: {cure}")


def has_kinks(model: BayesianModel) -> bool:
    """Return whether the loss has kinks, on which its gradient jumps, as that of a network of relu has."""
    return len(model.network.shapes) > 1 and not ACTIVATIONS[model.network.activation].smooth


def cures(model: BayesianModel, theta: Array, data: WeightedData, *, used_up: bool) -> str:
    """Return what to do where training has ended at a theta that is no mode, by what is seen to be in its way."""
    found = ["raise max_iterations"] if used_up else []
    if sizes := _large_columns(data.X):
        found.append(f"standardise X ({sizes})")
    if (residual := _residual(model, theta, data)) > FAR:
        found.append(
            f"raise sigma_noise, or divide y by its standard deviation (the residuals are {residual:.3g} sigma_noise)"
        )
    if has_kinks(model):
        why = f"{model.network.activation} has kinks, and where a minimum lies on one, no gradient is that of a mode"
        found.append(f"take a smooth activation, such as 'softplus' or 'silu' ({why})")
    if found in ([], ["raise max_iterations"]):
        found.append("strengthen the prior")
    return ", or ".join(found)


def _large_columns(X: Array, ratio: float = 1.0) -> str:
    """Return a clause that names the column of X (..., D) with the largest entries, if there is something to say.

    That is if these are large, and at least so many times as large as those of the smallest column that is not zero.
    """
    size = np.abs(X).max(axis=tuple(range(X.ndim - 1)))  # (D,)
    largest, smallest = int(size.argmax()), int(np.where(size > 0, size, np.inf).argmin())
    if size[largest] <= LARGE or size[largest] < ratio * size[smallest]:
        return ""
    beside = f", column {smallest} up to {size[smallest]:.2g}" if size[smallest] < size[largest] / 10 else ""
    return f"column {largest} has entries up to {size[largest]:.2g}{beside}"


def _residual(model: BayesianModel, theta: Array, data: WeightedData) -> float:
    """Return the root mean square of (y - f) / sigma_noise, or 0 for a likelihood without this noise."""
    likelihood, C = model.likelihood, model.network.n_outputs
    if likelihood.sigma_noise is None:
        return 0.0
    energy = likelihood.nll(model.network.forward(theta, data.X), data.y) - likelihood.log_normalizer(C)
    return float(np.sqrt(2 * weighed(energy, data.weight).sum() / (C * data.weight.sum())))
