"""Conventions of scikit-learn: random states, sample weights, warnings, and fits that succeed or change nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import exceptions
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils.validation import _num_samples

from ..model.weights import WeightedData
from ..training.convergence import convergence_heard
from ..validation import Array, class_labels, refusal, sample_weights

LARGEST_RATE = 1e18  # of a count; whole numbers of 64 bits end at 9e18


@contextmanager
def as_a_whole(estimator: Any) -> Iterator[None]:
    """Restore the attributes that the estimator had if the block fails or is interrupted.

    What training and tuning have to say of their convergence becomes one warning in scikit-learn's own category, by
    which its users filter; of the columns of X the estimators have warned before the work (`warn_of_scales`). The
    process' filters are not touched, as other threads may be fitting.
    """
    before = estimator.__dict__.copy()
    try:
        with convergence_heard() as heard:
            try:
                yield
            finally:
                if heard := [message for message in heard if not message.startswith("X: ")]:
                    message = "\n".join(dict.fromkeys(heard)).replace("max_iterations", "max_iter")
                    warnings.warn(message, exceptions.ConvergenceWarning, stacklevel=4)
    except BaseException:
        estimator.__dict__ = before
        raise


def seed_of(random_state: Any) -> int:
    """Return a seed for NumPy's generators from what scikit-learn takes as `random_state`."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def present(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return the inputs and targets whose weight is not 0, in the form in which they come, and their weights.

    Where `sample_weight` is None all samples count, and it stays None.
    """
    if sample_weight is None:
        return X, y, None
    check_consistent_length(X, y)
    weight = sample_weights("sample_weight", np.asarray(sample_weight), _num_samples(X))
    at = np.flatnonzero(weight)
    X, y = (part if hasattr(part, "__getitem__") else np.asarray(part) for part in (X, y))
    return _safe_indexing(X, at), _safe_indexing(y, at), weight[at]


def gathered(data: WeightedData) -> WeightedData:
    """Return data with each row once, in one order, and the weights of equal rows added.

    Repeated rows and rows of that weight then are the same numbers to the last bit, and so is all that follows.
    """
    rows = np.column_stack([data.X, data.y])
    _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return WeightedData(data.X[first], data.y[first], np.bincount(which.ravel(), data.weight).astype(float))


def codes(y: Any, known: Any, several: bool) -> NDArray[np.intp]:
    """Return the place of each label (N,) among those known; of several labels a sample, y (N, C) of 0 and 1 as ints.

    Raises a ValueError if y is neither, or has other labels.
    """
    if several:
        return class_labels("y", y, y.shape[0], 2, len(known))
    if y.ndim == 2:
        raise ValueError(refusal("y", f"shape ({len(y)},), one label a sample as before", f"shape {y.shape}"))
    if len(known) < 2:
        expected = "at least two classes (of which partial_fit takes all that will come as `classes`)"
        raise ValueError(refusal("y", expected, f"one class, {known.tolist()}"))
    if len(strange := np.setdiff1d(y, known)):
        raise ValueError(refusal("y", f"labels among the classes {known.tolist()}", strange.tolist()))
    return np.searchsorted(known, y)


def drawn_counts(rate: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a count for each rate, in its shape, or raise a ValueError if one is too large for whole numbers."""
    if not rate.max() < LARGEST_RATE:
        expected = f"inputs at which no drawn function has a rate above {LARGEST_RATE:g}"
        raise ValueError(refusal("X", expected, f"one with a rate of {rate.max():.3g}"))
    return rng.poisson(rate)
