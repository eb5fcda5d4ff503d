"""*Laplace Approximation*, out-of-distribution detection: scores that know inputs unlike the data.

`max_probability_score`, `entropy_score` and `mutual_information_score` should be larger for such an input; `auroc` and
`fpr_at_recall` say how well a score tells outside from inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr
from scipy.stats import rankdata

from ..predictive.links import entropies
from ..validation import Array, numbers, real_number, refusal
from .probabilities import probabilities


def max_probability_score(p: ArrayLike) -> Array:
    """Return 1 - max_c p_nc, (N,). Source: Hendrycks and Gimpel (2017)."""
    return 1 - probabilities("p", p).max(axis=1)


def entropy_score(p: ArrayLike) -> Array:
    """Return the entropy -sum_c p_nc log p_nc, (N,) nats."""
    return entr(probabilities("p", p)).sum(axis=1)


def mutual_information_score(p_samples: ArrayLike) -> Array:
    """Return H[mean_s p_s] - mean_s H[p_s], (N,) nats: how far samples (S, N) or (S, N, C) of p disagree.

    It is what the label would tell about the parameters. Source: Houlsby et al. (2011).
    """
    return entropies(probabilities("p_samples", p_samples, sampled=True)).epistemic


def auroc(inside_scores: ArrayLike, outside_scores: ArrayLike) -> float:
    """Return P(outside > inside) + 1/2 P(outside = inside) for one score of each group; neither may be empty.

    It is the area under the ROC curve, from Mann and Whitney's U (Hanley and McNeil, 1982).
    """
    inside = numbers("inside_scores", inside_scores, {1: "(N,)"})
    outside = numbers("outside_scores", outside_scores, {1: "(N,)"})
    m, n = len(inside), len(outside)
    ranks = rankdata(np.concatenate([inside, outside]))
    return float((ranks[m:].sum() - n * (n + 1) / 2) / (m * n))


def fpr_at_recall(inside_scores: ArrayLike, outside_scores: ArrayLike, recall: float = 0.95) -> float:
    """Return which share of the inside is flagged by the highest threshold that flags `recall` of the outside.

    A score at the threshold is flagged. Outside is the positive class, as with Hendrycks et al. (2019); where inside
    is, as with Liang et al. (2018), negate the scores and exchange the groups.
    """
    inside = numbers("inside_scores", inside_scores, {1: "(N,)"})
    outside = numbers("outside_scores", outside_scores, {1: "(N,)"})
    if not 0 < (recall := real_number("recall", recall)) <= 1:
        raise ValueError(refusal("recall", "a number above 0 and at most 1", recall))
    recalls = np.arange(1, len(outside) + 1) / len(outside)  # of the k highest; recall * N would round
    threshold = np.sort(outside)[::-1][np.searchsorted(recalls, recall)]
    return float((inside >= threshold).mean())
