"""Scores of predictions that should be larger at inputs outside of the data, and how well they separate the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr
from scipy.stats import mannwhitneyu

from ..predictive.uncertainty import entropies
from ..validation import Array, numbers, real_number, refusal
from .classes import probabilities


def max_probability_score(p: ArrayLike) -> Array:
    """Return 1 - max_c p_nc, (N,). Source: Hendrycks and Gimpel (2017)."""
    return 1 - probabilities("p", p).max(axis=1)


def entropy_score(p: ArrayLike) -> Array:
    """Return the entropy -sum_c p_nc log p_nc, (N,) nats."""
    return entr(probabilities("p", p)).sum(axis=1)


def mutual_information_score(p_samples: ArrayLike) -> Array:
    """Return H[mean_s p_s] - mean_s H[p_s], (N,) nats, for samples of the probabilities (S, N) or (S, N, C).

    It measures how far the samples disagree, and is the information about the parameters that the label would give.
    Source: Houlsby et al. (2011).
    """
    return entropies(probabilities("p_samples", p_samples, sampled=True)).epistemic


def auroc(inside_scores: ArrayLike, outside_scores: ArrayLike) -> float:
    """Return P(outside > inside) + 1/2 P(outside = inside), for one score drawn from each group.

    It is the area under the ROC curve, and U / (m n) of Mann and Whitney's statistic (Hanley and McNeil, 1982).
    """
    inside, outside = _both_groups(inside_scores, outside_scores)
    # No p-value is needed: "asymptotic" has the cheapest one.
    U = mannwhitneyu(outside, inside, method="asymptotic").statistic
    return float(U / (len(outside) * len(inside)))


def fpr_at_recall(inside_scores: ArrayLike, outside_scores: ArrayLike, recall: float = 0.95) -> float:
    """Return the share of the inside that is flagged by the highest threshold that flags `recall` of the outside.

    A score at the threshold is flagged. Outside is the positive class, as in Hendrycks et al. (2019); where inside is
    the positive class, as in Liang et al. (2018), negate the scores and exchange the groups.
    """
    inside, outside = _both_groups(inside_scores, outside_scores)
    if not 0 < (recall := real_number("recall", recall)) <= 1:
        raise ValueError(refusal("recall", "a number above 0 and at most 1", recall))
    recalls = np.arange(1, len(outside) + 1) / len(outside)  # of the k highest scores: recall * N would be rounded
    threshold = np.sort(outside)[::-1][np.searchsorted(recalls, recall)]
    return float((inside >= threshold).mean())


def _both_groups(inside_scores: ArrayLike, outside_scores: ArrayLike) -> tuple[Array, Array]:
    """Return the scores of both groups, neither of which may be empty, after checking them."""
    return numbers("inside_scores", inside_scores, {1: "(N,)"}), numbers("outside_scores", outside_scores, {1: "(N,)"})
