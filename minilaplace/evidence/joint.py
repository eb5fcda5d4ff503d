"""Prior, noise and theta found together: training and tuning in turn, until they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..network.subset import Subset
from ..structures.fit import Options, add_up
from ..training.advice import warn_of_columns
from ..training.convergence import convergence_heard, warn
from ..training.lbfgs import LBFGS
from ..training.map_estimate import descended
from ..validation import Array, Seed, boolean, check_callback, instance, option, real_number, sampler, whole_number
from .marginal_likelihood import evidence_function
from .tuning import NOT_DETERMINED, at_edge


def marglik_training(
    model: BayesianModel,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    prior_structure: str = "scalar",
    optimize_noise: bool = False,
    theta0: Any = None,
    rng: Seed = None,
    tol: float = 1e-3,
    max_rounds: int = 200,
    max_iterations: int | None = None,
    to_mode: bool = True,
    callback: Callable[[int, BayesianModel, Array], object] | None = None,
    **options: Any,
) -> tuple[BayesianModel, Array]:
    """Return a model and its MAP estimate (P,), where the prior is the one that the evidence prefers at that theta.

    Alternates `fit_map` and one of MacKay's updates until no log precision, nor the log noise, moves by more than
    `tol`. (Tuning once after training does not give this: the MAP estimate under the tuned prior is another theta.)

    Parameters
    ----------
    model, X, y
        The model to start from, and the data.
    sample_weight
        A weight of at least 0 for each sample, (N,), by default 1.
    prior_structure, optimize_noise
        What is tuned, as in `Laplace.optimize_prior_precision`.
    theta0, rng
        As in `fit_map`, for the first round; each later round starts from the theta of the last.
    tol, max_rounds
        When to stop.
    max_iterations
        The largest number of iterations of a round's training, by default as many as a mode takes. Where they are few,
        prior and noise are tuned before theta has fitted what only suits the first of them, which is quicker and can
        end at another, often better mode.
    to_mode
        Whether rounds of `max_iterations` go on to modes once the numbers have settled. If not, it is cheap to compare
        several starts by their evidence, and only the best of them need be trained to a mode, the longest part.
    callback
        Called as `callback(round, model, theta)`.
    **options
        How the curvature is approximated, as in `Laplace`; by default the full GGN.

    Warns
    -----
    ConvergenceWarning
        If the last of `max_rounds` still moves by more than `tol`. If the data does not determine the noise, which then
        stays as it was given: a mode leaves less than one target to tell the noise by, and the noise does not rise from
        there. What `fit_map` would warn of is said once, of the theta that is returned.

    Notes
    -----
    Source: Immer et al. (2021), algorithm 1, with MacKay's update in place of a gradient step.

    Examples
    --------
    >>> from minilaplace import MLP, Gaussian, Laplace, toy_data_regression
    >>> X, y = toy_data_regression(50, noise=0.3, rng=0)
    >>> start = BayesianModel(MLP(1, 4, 1), Gaussian())
    >>> model, theta = marglik_training(start, X, y, optimize_noise=True, rng=0)
    >>> round(model.likelihood.sigma_noise, 1)
    0.3
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    for name in options:
        option("options", name, [field.name for field in fields(Options)])
    tol, chosen = real_number("tol", tol, above=0.0), Options(**options)
    check_callback(callback, "(round, model, theta)")
    max_rounds, rng = whole_number("max_rounds", max_rounds, least=1), sampler(rng)
    modes_alone = boolean("to_mode", to_mode) and max_iterations is None
    few = None if modes_alone else whole_number("max_iterations", max_iterations, least=1)
    data = model.check_weighted(X, y, sample_weight)
    subset = chosen.subset(model)
    empty = chosen.no_data(model.likelihood, subset)
    evidence_function(empty, model, np.zeros(model.network.n_params), prior_structure, optimize_noise)
    start = model.network.init(rng) if theta0 is None else model.check_theta(theta0, "theta0")

    warn_of_columns(model, data.X)
    rounds = _Rounds(data, start, chosen, subset, prior_structure, tol, max_rounds, few, to_mode, callback)
    model, theta, heard = rounds.run(model, optimize_noise)
    if heard:
        warn("; and ".join(heard))
    return model, theta


@dataclass(eq=False, repr=False)
class _Rounds:
    """Rounds of training and tuning on one set of data, from one start."""

    data: WeightedData
    start: Array
    options: Options
    subset: Subset
    prior_structure: str
    tol: float
    max_rounds: int
    few: int | None  # iterations of the training of a round, until the numbers have settled
    to_mode: bool  # whether rounds go on to modes then
    callback: Callable[[int, BayesianModel, Array], object] | None

    def run(self, model: BayesianModel, noise: bool) -> tuple[BayesianModel, Array, list[str]]:
        """Return the first model and theta between which MacKay's update moves by `tol` at most, and all warnings."""
        given, few, (theta, heard) = model, self.few, self._trained(model, self.start, self.few)
        for step in range(1, self.max_rounds + 1):
            fit = add_up(self.options, model, self.subset, theta, self.data)
            evidence = evidence_function(fit, model, theta, self.prior_structure, noise)
            if self.callback is not None:
                self.callback(step, model, theta)
            x = evidence.mackay(evidence.start)
            moved = np.abs(x - evidence.start).max()
            if moved <= self.tol and few is not None:
                if not self.to_mode:
                    return model, theta, []
                few = None
            elif noise and few is None and x[-1] <= evidence.start[-1] + self.tol and not evidence.determines_noise(x):
                model, theta, heard = self.run(given, noise=False)
                return model, theta, [NOT_DETERMINED, *heard]
            elif moved <= self.tol:  # the very pair that was judged: another step may lead to another mode
                return model, theta, [*at_edge("evidence", x), *heard]
            else:
                model = evidence.model_at(x)
            theta, heard = self._trained(model, theta, few)
        unsettled = (
            f"prior and MAP still move by {moved:.2g} > {self.tol:g} after {self.max_rounds} rounds; raise tol or "
            "max_rounds, or take a smaller network"
        )
        if few is not None:
            theta, heard = self._trained(model, theta, None) if self.to_mode else (theta, [])
        return model, theta, [unsettled, *heard]

    def _trained(self, model: BayesianModel, theta0: Array, few: int | None) -> tuple[Array, list[str]]:
        """Return the MAP estimate, or what a few iterations lead to, and what the training warns of."""
        optimizer = LBFGS() if few is None else LBFGS(max_iterations=few)
        with convergence_heard() as heard:
            theta = descended(model, self.data, theta0, optimizer, np.random.default_rng(0))  # which is not used
        return theta, heard
