"""Scalar priors chosen by what the fit predicts: the best for held-out data, or the weakest that costs little.

Both ask for predictions at the same theta under one prior after another, and score their mean log density,

    score(delta) = sum_n w_n log p(y_n | x_n, data, delta) / sum_n w_n

`tune_on_held_out` maximises it on data that the fit has not seen. `tune_to_budget` compares it with the plugin's, to
which it tends under stronger priors, and takes the weakest prior whose averaged predictions are at most `budget` nats
a sample worse. That is a decision about how much harm may be done near the data, and no inference: the training data
will do, theta need not be a mode, and far from the data the predictions are as doubtful as the budget allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from ..model.bayesian_model import BayesianModel
from ..predictive.links import Prediction
from ..predictive.outputs import OutOfRangeError
from ..training.convergence import warn
from ..training.lbfgs import FORBIDDING
from ..validation import Array
from .marginal_likelihood import LOG_BOUNDS
from .tuning import TuningCallback, at_edge

GRID = np.linspace(*LOG_BOUNDS, 33)  # log precisions; a score may rise and fall more than once between its ends
PRECISE = 1e-4  # of a log precision


@dataclass(eq=False, repr=False)
class PriorScore:
    """Minus the mean log density of targets y as a function of log delta, large where there is no prediction.

    `predict(model)` returns the predictions of a model for these targets, and `weight` is theirs, (N,), 1 if not given.
    """

    model: BayesianModel
    predict: Callable[[BayesianModel], Array | Prediction]
    y: Any
    weight: Array | None = None
    callback: TuningCallback | None = None
    refused: list[Exception] = field(default_factory=list)
    steps: count[int] = field(default_factory=lambda: count(1))

    def at(self, log_delta: float) -> BayesianModel:
        """Return the model with this prior."""
        return replace(self.model, prior_precision=float(np.exp(log_delta)))

    def loss(self, log_delta: float) -> float:
        """Return minus the score; an OutOfRangeError or a LinAlgError counts as the worst."""
        trial = self.at(log_delta)
        if self.callback is not None:
            self.callback(next(self.steps), trial)
        try:
            return self.of(self.predict(trial))
        except (OutOfRangeError, np.linalg.LinAlgError) as error:  # the prior is too weak for the data or the curvature
            self.refused.append(error)
            return FORBIDDING

    def of(self, predictions: Array | Prediction) -> float:
        """Return minus the mean log density of these predictions."""
        score = float(np.average(self.model.likelihood.log_score(predictions, self.y), weights=self.weight))
        return -score if score > -FORBIDDING else FORBIDDING


def tune_on_held_out(score: PriorScore) -> BayesianModel:
    """Return the model whose scalar prior precision gives held-out targets the largest mean log density.

    SciPy's bounded search goes on between the neighbours of the best prior of the grid.
    Issues a ConvergenceWarning if the optimum is at the edge of the range that is searched, 1e-8 to 1e8.
    """
    losses = [score.loss(x) for x in GRID]
    if len(score.refused) == len(GRID):  # no prior is possible
        raise score.refused[-1]
    k = int(np.argmin(losses))
    bounds = GRID[max(k - 1, 0)], GRID[min(k + 1, len(GRID) - 1)]
    found = minimize_scalar(score.loss, bounds=bounds, options={"xatol": PRECISE})
    best = found.x if found.fun <= losses[k] else GRID[k]
    for message in at_edge("held-out score", np.array([best])):
        warn(message)
    return score.at(best)


def tune_to_budget(score: PriorScore, plugin: Array | Prediction, budget: float) -> BayesianModel:
    """Return the model with the weakest scalar prior above which predictions cost at most `budget` nats a sample.

    The cost is the mean log density of `plugin`, the predictions at theta alone, minus that of the average. Priors from
    1e-8 to 1e8 are tried; issues a ConvergenceWarning if the strongest of them costs more. Where theta
    explains the data no better than the average does, the weakest may cost less, and is taken.
    """
    allowed = score.of(plugin) + budget
    kept = sum(1 for _ in takewhile(lambda x: score.loss(x) <= allowed, GRID[::-1]))  # from the strongest on
    if kept == len(GRID):
        best = GRID[0]
    elif kept == 0:
        if score.refused:
            raise score.refused[-1]
        warn(f"predictions cost more than the budget of {budget:g} nats a sample even under the strongest prior, 1e8")
        best = GRID[-1]
    else:
        low, high = GRID[-kept - 1], GRID[-kept]
        best = brentq(lambda x: min(score.loss(x) - allowed, 1.0), low, high, xtol=PRECISE)
        step = PRECISE
        while best < high and score.loss(best) > allowed:  # beside rounding that forbids a prior, another may be, too
            best, step = min(best + step, high), 2 * step
    return score.at(best)
