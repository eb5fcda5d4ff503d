"""Conventions of scikit-learn: random states, sample weights, warnings, and fits that succeed or change nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn import exceptions
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils.validation import _num_samples

from ..training.convergence import convergence_heard
from ..validation import sample_weights


@contextmanager
def as_a_whole(estimator: Any) -> Iterator[None]:
    """Restore the attributes that the estimator had if the block fails or is interrupted.

    What training and tuning have to say of their convergence becomes one warning in scikit-learn's own category, by
    which its users filter. The process' filters are not touched, as other threads may be fitting.
    """
    before = estimator.__dict__.copy()
    try:
        with convergence_heard() as heard:
            try:
                yield
            finally:
                if heard:
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
