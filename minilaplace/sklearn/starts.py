"""The starts of a regressor whose noise is not known: from much noise, and from little.

A mode under little noise takes thousands of steps, and nearly all the time of a fit. So each start is followed until
prior and noise have settled around a theta of few steps, and where the evidence is largest then is trained to a mode.
But a ReLU network, which is trained along kinks, does not promise where it will end, and is trained from every start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..training.convergence import convergence_heard, warn
from .fitting import Trained

FEW = 20  # iterations of training between two steps of tuning: long training under little noise fits the noise
STARTS = ((0.3, FEW), (0.1, FEW))  # the noise in standard deviations of y, and the iterations
KINKED = (*STARTS, (0.1, 1000))  # a ReLU network whose noise is tuned early can stay near a line
LEAST = 1e-3  # of the noise, where it is found: less is none, and would take very long
ROUGHLY = 0.2  # how far the prior may still move under a noise that is only assumed, where training takes longest
NONE_SEEN = (
    f"the noise seems to be less than {LEAST:g} standard deviations of y, which is taken for it: y may have none, or "
    "be too few to tell, and then the error bars are far too small; set sigma_noise"
)
NOT_TOLD = (
    f"the data tell neither noise nor parameters, and {STARTS[0][0]:g} standard deviations of y are taken for the "
    "noise: take a smaller network, or set sigma_noise"
)


class NoNoiseError(Exception):
    """The noise has become so small that tuning it has no end."""


@dataclass(eq=False, repr=False)
class Attempts:
    """What trainings from several starts have led to, the largest evidence first, and what each said of convergence.

    An attempt that ends without a posterior, as rounding outweighs the prior, is left out.
    """

    vanished: bool = False  # whether the noise of an attempt did
    _made: list[tuple[float, Trained, list[str]]] = field(default_factory=list)

    def attempt(self, train: Callable[..., Trained], *start: Any) -> None:
        """Train from a start."""
        with convergence_heard() as said:
            try:
                trained = train(*start)
                evidence = trained.la.log_marginal_likelihood()
            except (np.linalg.LinAlgError, NoNoiseError) as error:
                self.vanished |= isinstance(error, NoNoiseError)
                return
        self._made.append((evidence, trained, said))
        self._made.sort(key=lambda each: -each[0])

    def found(self) -> list[Trained]:
        """Return what they led to, the best one first."""
        return [trained for _, trained, _ in self._made]

    def told(self) -> Trained:
        """Return the best, and say what was said of it."""
        _, best, said = self._made[0]
        for message in said:
            warn(message)
        return best
