"""The warm-up of a Hamiltonian chain, which chooses its step and its masses by draws that are not kept.

A step that is too long does not keep the energy, and its draws are rejected; with one that is too short the chain
hardly moves. Parameters with a wide posterior need longer steps than those with a narrow one, and inverse masses give
them that. Both are chosen while the chain moves from its start to the posterior, and are fixed from then on, because
draws that are kept must not influence how later ones are drawn.

Source: Hoffman and Gelman (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..validation import Array

TARGET = 0.8  # the average acceptance that the warm-up aims at


class Point(NamedTuple):
    """A point in parameter space: theta (P,), and the loss and its gradient (P,) there."""

    theta: Array
    loss: float
    gradient: Array


# From (here, step, n_leapfrog, v) to the next point of the chain, its acceptance, and whether it diverged.
Move = Callable[[Point, float, int, Array], tuple[Point, float, bool]]


def warm_up(move: Move, here: Point, n_warmup: int, n_leapfrog: int) -> tuple[Point, float, Array]:
    """Return a point in the posterior, the step and the inverse masses v (P,) that `n_warmup` moves have led to.

    There are four quarters. The first one reaches the posterior. The second and the third each set the inverse masses
    to the variances of their draws. The last one tunes the step for these masses.
    """
    v = np.ones(len(here.theta))
    step = _first_step(move, here, v)
    for quarter, n in enumerate(np.diff(np.linspace(0, n_warmup, 5).astype(int))):
        tuned, draws = DualAveraging(step), np.empty((n, len(v)))
        for i in range(n):
            here, probability, _ = move(here, tuned.step, n_leapfrog, v)
            tuned.update(probability)
            draws[i] = here.theta
        step = tuned.average
        if quarter in (1, 2):
            v = (n * draws.var(axis=0, ddof=1) + 5 * 1e-3) / (n + 5)  # few draws must not give a variance of 0
            step = _first_step(move, here, v)
    return here, step, v


class DualAveraging:
    """The search for the step whose average acceptance is TARGET (Hoffman and Gelman, 2014, section 3.2).

    After m moves with acceptances a_1 .. a_m, and with g_m for a running average of the shortfalls TARGET - a_i,

        log step = log(10 first) - sqrt(m) / gamma g_m,   gamma = 0.05

    is the logarithm of the next step to try. `average` is exp of a running average of log step with weights m^-0.75,
    so that early steps are forgotten.
    """

    def __init__(self, first: float) -> None:
        self.step = self.average = first
        self._centre, self._shortfall, self._m = np.log(10 * first), 0.0, 0

    def update(self, acceptance: float) -> None:
        """Change the step after one more move with this acceptance."""
        self._m += 1
        m, t0 = self._m, 10
        self._shortfall += (TARGET - acceptance - self._shortfall) / (m + t0)
        log_step = self._centre - np.sqrt(m) / 0.05 * self._shortfall
        log_average = m**-0.75 * log_step + (1 - m**-0.75) * np.log(self.average)
        self.step, self.average = float(np.exp(log_step)), float(np.exp(log_average))


def _first_step(move: Move, here: Point, v: Array) -> float:
    """Return a first step: 1, doubled or halved until the acceptance of a single leapfrog step crosses 1/2.

    This is algorithm 4 of Hoffman and Gelman (2014), except that each trial draws a new momentum and jitters its step,
    as every move here does.
    """
    step, factor = 1.0, 0.0
    for _ in range(100):
        wanted = 2.0 if move(here, step, 1, v)[1] > 0.5 else 0.5
        factor = factor or wanted
        if wanted != factor:
            break
        step *= factor
    return step
