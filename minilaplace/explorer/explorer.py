"""An explorer holds data, settings and a Laplace approximation, and recomputes only what a change has made invalid.

| what changes | what is computed again | theta |
|---|---|---|
| `link_approx` | the prediction | stays |
| `prior_precision`, `temperature` | the posterior, by one factorisation | stays, but is not the new prior's mode |
| `curvature`, `hessian_structure` | the curvature, summed over the data | stays |
| a sample of the data | theta, starting from where it is | moves to the new mode |
| `n_hidden` | theta, from a new start | has another length |

Nothing is computed before it is asked for. Some settings have no posterior, such as an exact Hessian that is
indefinite. They can be set on the way to others, because an error is raised only if their posterior is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..curvature import CURVATURES
from ..data import toy_data_non_linear
from ..laplace import Laplace
from ..model.bayesian_model import BayesianModel
from ..model.classes import Bernoulli
from ..network.mlp import MLP
from ..structures.fit import STRUCTURES
from ..training.convergence import TrainingCallback
from ..training.map_estimate import fit_map
from ..validation import Array, class_labels, keep, option, real_number, refusal, short_repr, vector, whole_number


@dataclass(frozen=True)
class Settings:
    """The settings of an explorer, which are checked; the defaults are those of Figures 2 and 3 as they should be."""

    prior_precision: float = 0.1
    temperature: float = 1.0
    n_hidden: int = 32
    hessian_structure: str = "full"
    curvature: str = "ggn"
    link_approx: str = "probit"
    __repr__ = short_repr

    def __post_init__(self) -> None:
        keep(
            self,
            prior_precision=real_number("prior_precision", self.prior_precision, above=0.0),
            temperature=real_number("temperature", self.temperature, above=0.0),
            n_hidden=whole_number("n_hidden", self.n_hidden, least=0),
            hessian_structure=option("hessian_structure", self.hessian_structure, STRUCTURES),
            curvature=option("curvature", self.curvature, CURVATURES),
            link_approx=option("link_approx", self.link_approx, Bernoulli.links),
        )


class Explorer:
    """Two classes in the plane, a network and its Laplace approximation, whose data and settings can be changed.

    Parameters
    ----------
    X, y
        The data, (N, 2) and (N,) of 0 and 1; by default 200 samples of the post's four squares.
    seed
        The seed of the theta that training starts from, and of the data if they are drawn.
    **settings
        The fields of `Settings`; `n_hidden=0` is logistic regression.

    Attributes
    ----------
    X, y, settings, seed
        The present values.
    trained_under
        The prior precision under which theta is the mode for these data; None if theta has yet to be trained.
    """

    def __init__(self, X: Any = None, y: Any = None, *, seed: int = 0, **settings: Any) -> None:
        self.settings = Settings()
        self.seed = whole_number("seed", seed, least=0)
        if X is None and y is None:
            X, y = toy_data_non_linear(200, self.seed)
        self.X, self.y = BayesianModel(MLP(2, 1), Bernoulli()).check_data(X, y)
        self.trained_under: float | None = None
        self._theta: Array | None = None  # (P,), the next training starts from it; None: from the seed
        self._la: Laplace | None = None
        self._earlier: list[tuple[Array, NDArray[np.intp], Array | None, float | None]] = []  # what `undo` goes back to
        self.set(**settings)

    @property
    def model(self) -> BayesianModel:
        """The model of the present settings; without hidden units it is logistic regression."""
        hidden = [self.settings.n_hidden] if self.settings.n_hidden else []
        return BayesianModel(MLP(2, *hidden, 1, activation="sigmoid"), Bernoulli(), self.settings.prior_precision)

    @property
    def needs_training(self) -> bool:
        """Whether data or network have changed since theta was trained."""
        return self.trained_under is None

    @property
    def at_mode(self) -> bool:
        """Whether theta is the mode under the present prior, as the Laplace approximation assumes."""
        return self.trained_under == self.settings.prior_precision

    def laplace(self) -> Laplace:
        """Return the Laplace approximation under the present settings, after training and fitting where needed."""
        if self.needs_training:
            self.train()
        if self._la is None:
            names = ("temperature", "curvature", "hessian_structure")
            options: dict[str, Any] = {name: getattr(self.settings, name) for name in names}
            self._la = Laplace(self.model, self._theta, **options).fit(self.X, self.y)
        return self._la

    def probabilities(self, points: Any) -> Array:
        """Return P(y = 1), (M,), at points (M, 2); links that sample draw the same samples at every call."""
        return np.asarray(self.laplace().predict(points, self.settings.link_approx, rng=0))

    def save_page(self, path: str | Path, **options: Any) -> None:
        """Write the present state to a file that any browser shows, without Python, as a picture that moves.

        `options` are those of the function `save_page` of this room: `structures`, `title`. A structure or a link that
        the page does not have is replaced by its first.
        """
        from .page import save_page  # which needs matplotlib

        save_page(path, self.laplace(), self.X, self.y, link_approx=self.settings.link_approx, **options)

    def set(self, **changes: Any) -> None:
        """Change some settings; if one is unknown or out of range, raise and change nothing."""
        for name in changes:
            option("setting", name, [field.name for field in fields(Settings)])
        before, after = self.settings, replace(self.settings, **changes)
        self.settings = after
        if after.n_hidden != before.n_hidden:
            self._theta = self._la = self.trained_under = None
        elif (after.curvature, after.hessian_structure) != (before.curvature, before.hessian_structure):
            self._la = None
        elif self._la is not None and after != replace(before, link_approx=after.link_approx):
            self._la = self._la.under(after.prior_precision, temperature=after.temperature)

    def train(self, callback: TrainingCallback | None = None) -> None:
        """Move theta to the mode of the present prior; if the callback raises, nothing is changed."""
        prior_precision = self.settings.prior_precision
        theta = fit_map(self.model, self.X, self.y, theta0=self._theta, rng=self.seed, callback=callback)
        self._theta, self._la, self.trained_under = theta, None, prior_precision

    def start_anew(self) -> None:
        """Let the next training start from the next seed's theta, which may lead to another mode."""
        self.seed += 1
        self._theta = self._la = self.trained_under = None

    def tune_prior(self) -> None:
        """Set the prior precision to the one with the largest evidence at this theta; theta itself stays."""
        tuned = self.laplace().under().optimize_prior_precision()
        self.set(prior_precision=tuned.model.prior_precision)

    def add_point(self, point: Any, label: int) -> None:
        """Add a sample at `point` (2,) of class 0 or 1."""
        new = vector("point", point, 2)
        self._set_data(np.vstack([self.X, new]), np.append(self.y, class_labels("label", [label], 1, 2)))

    def move_point(self, index: int, point: Any) -> None:
        """Move one sample to `point` (2,)."""
        X, index = self.X.copy(), self._index(index)
        X[index] = vector("point", point, 2)
        self._set_data(X, self.y)

    def remove_point(self, index: int) -> None:
        """Remove one sample; the last one has to stay."""
        index = self._index(index)
        if len(self.X) == 1:
            raise ValueError(refusal("index", "more than one sample, as one has to stay", f"index {index} of one"))
        self._set_data(np.delete(self.X, index, axis=0), np.delete(self.y, index))

    def undo(self) -> None:
        """Take back the last change of the data, with the theta from before; raise a ValueError if there is none."""
        if not self._earlier:
            raise ValueError(refusal("undo", "a change of the data before this call", "none"))
        self.X, self.y, theta, trained_under = self._earlier.pop()
        self._la = self.trained_under = None
        if theta is not None and len(theta) == self.model.network.n_params:
            self._theta, self.trained_under = theta, trained_under

    def _index(self, index: int) -> int:
        return whole_number("index", index, least=0, most=len(self.X) - 1)

    def _set_data(self, X: Array, y: NDArray[np.intp]) -> None:
        self._earlier.append((self.X, self.y, self._theta, self.trained_under))
        self.X, self.y = X, y
        self._la = self.trained_under = None
