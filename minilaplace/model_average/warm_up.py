"""*Resources*, the Turing.jl tutorial, before the first draw: a step and masses, from draws that do not count.

Steps too long lose the energy, and their draws are rejected; steps too short arrive nowhere. A parameter with a wide
posterior wants longer steps than one with a narrow one, which is what inverse masses do. Both are found on the way from
the start to where the posterior is, and then left alone: draws that count must not depend on what they are to tune.

Source: Hoffman and Gelman (2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..validation import Array

TARGET = 0.8  # acceptance that the warm-up aims at


class Point(NamedTuple):
    """A place in parameter space, with the loss and its gradient there."""

    theta: Array
    loss: float
    gradient: Array


# (here, step, n_leapfrog, v) to the next point of the chain, its acceptance, and whether it diverged.
Move = Callable[[Point, float, int, Array], tuple[Point, float, bool]]


def warm_up(move: Move, here: Point, n_warmup: int, n_leapfrog: int) -> tuple[Point, float, Array]:
    """Walk to where the posterior is, and return that point, a step, and inverse masses.

    In four quarters: the first arrives, the second and the third each end with the variances of their draws as the
    new inverse masses, the last tunes the step to them.
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
            v = (n * draws.var(axis=0, ddof=1) + 5 * 1e-3) / (n + 5)  # few draws do not make a variance of 0
            step = _first_step(move, here, v)
    return here, step, v


class DualAveraging:
    """The step whose average acceptance is the target (Hoffman and Gelman, 2014, section 3.2).

    After m moves with acceptances a_1 .. a_m, g_m being a running average of the shortfalls target - a_i,

        log step = log(10 first) - sqrt(m) / gamma g_m,   gamma = 0.05

    and `average` is a running average of log step, whose weights m^-0.75 forget the beginning.
    """

    def __init__(self, first: float, target: float = TARGET) -> None:
        self.step = self.average = first
        self._centre, self._target, self._shortfall, self._m = np.log(10 * first), target, 0.0, 0

    def update(self, acceptance: float) -> None:
        """Learn from one more move."""
        self._m += 1
        m, t0 = self._m, 10
        self._shortfall += (self._target - acceptance - self._shortfall) / (m + t0)
        log_step = self._centre - np.sqrt(m) / 0.05 * self._shortfall
        log_average = m**-0.75 * log_step + (1 - m**-0.75) * np.log(self.average)
        self.step, self.average = float(np.exp(log_step)), float(np.exp(log_average))


def _first_step(move: Move, here: Point, v: Array) -> float:
    """Double or halve a step of 1 until the acceptance of a single one crosses 1/2.

    As algorithm 4 of Hoffman and Gelman (2014), but each trial draws a new momentum and jitters its step, like every
    move here.
    """
    step, larger = 1.0, None
    for _ in range(100):
        fine = move(here, step, 1, v)[1] > 0.5
        if larger is None:
            larger = fine
        if fine != larger:
            break
        step *= 2.0 if larger else 0.5
    return step
