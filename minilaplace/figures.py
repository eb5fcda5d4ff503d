"""Around the post: its three figures, which the main job draws, each of them twice.

- *As published*, with the listing's training (Adam, one sample at a time, lambda^2 |theta|^2 / 2 in every sample's
  loss), then the empirical Fisher of the last layer and a prior precision of lambda;
- *as it should be*, with a true mode, one prior for training and posterior, and the GGN of the whole network. The MLP's
  prior precision is the one on which evidence and MAP estimate agree.

`make_figures` writes them and returns tables of what they show; `python -m minilaplace` calls it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .data import toy_data_linear, toy_data_non_linear
from .evidence.joint import marglik_training
from .laplace import Laplace
from .model.bayesian_model import BayesianModel
from .model.classes import Bernoulli
from .network.mlp import MLP
from .plotting.contour import class_probabilities, plane, plot_plugin_and_laplace
from .storage import written_aside
from .training.convergence import TrainingCallback
from .training.map_estimate import fit_map
from .validation import Array

SIDES = ["upper right", "upper left", "lower left", "lower right"]
SQUARE_CENTRES = np.array([[2.75, 2.75], [-2.75, 2.75], [-2.75, -2.75], [2.75, -2.75]])


@dataclass(frozen=True)
class Listing:
    """One of the post's two listings: its network, data and training, and the prior of its corrected form."""

    network: MLP
    X: Array = field(repr=False)
    y: NDArray[np.intp] = field(repr=False)
    lam: float  # the listing's lambda
    epochs: int
    prior_precision: float  # of the corrected form, or from where the evidence's choice starts
    tuned: bool = False  # whether the evidence chooses

    def as_published(self, seed: int, callback: TrainingCallback | None = None) -> tuple[Laplace, BayesianModel]:
        """Return the Laplace approximation, and the model of its training, whose prior is another one."""
        trained = BayesianModel(self.network, Bernoulli(), prior_precision=len(self.X) * self.lam**2)
        theta = fit_map(
            trained, self.X, self.y, method="adam", epochs=self.epochs, batch_size=1, shuffle=False, rng=seed,
            callback=callback,
        )  # fmt: skip
        model = replace(trained, prior_precision=self.lam)
        la = Laplace(model, theta, curvature="empirical_fisher", subset_of_weights="last_layer")
        return la.fit(self.X, self.y), trained

    def as_it_should_be(self, seed: int, callback: TrainingCallback | None = None) -> tuple[Laplace, BayesianModel]:
        """Return the Laplace approximation, and the model of its training, whose prior is the same."""
        model = BayesianModel(self.network, Bernoulli(), prior_precision=self.prior_precision)
        theta = fit_map(model, self.X, self.y, rng=seed, callback=callback)
        if self.tuned:
            model, theta = marglik_training(model, self.X, self.y, theta0=theta)
        return Laplace(model, theta).fit(self.X, self.y), model


def listing_1(seed: int) -> Listing:
    """Return the first listing: logistic regression on linearly separable data."""
    return Listing(MLP(2, 1), *toy_data_linear(100, rng=seed), lam=0.5, epochs=50, prior_precision=0.5)


def listing_2(seed: int) -> Listing:
    """Return the second listing: an MLP, on the data of the post's text, which are not linearly separable."""
    network = MLP(2, 32, 1, activation="sigmoid")
    return Listing(network, *toy_data_non_linear(200, rng=seed), lam=0.01, epochs=200, prior_precision=0.1, tuned=True)


VARIANTS = {"as published": Listing.as_published, "as it should be": Listing.as_it_should_be}
# The listing of each figure, and how far the figure reaches beyond the data: Figure 3 is a wider view of Figure 2.
FIGURES = {1: (listing_1, 0.25), 2: (listing_2, 0.25), 3: (listing_2, 50.0)}
Row = dict[str, str]  # of a table: what is shown, by the headings of its columns
TITLES = [  # of the tables that the main job prints
    "Training: its loss, and the prior precision in it and in Laplace",
    "Confidence on the data and in the corners of the view, and the share of the\nview where Laplace is 0.05 less sure",
    "P(y = 1) by Laplace, amid the squares and in the corners of the view",
]


class Progress:
    """A line on stderr that names a task, shows its progress on a terminal, and ends with the time that it took."""

    def __init__(self, what: str) -> None:
        self.what, self.start, self.live = what, time.perf_counter(), sys.stderr.isatty()

    def training(self, step: int, theta: Array, loss: float) -> None:
        """Show a step of training; this is a `callback` of `fit_map`."""
        if self.live:
            print(f"\r{self.what}: training, step {step}, loss {loss:.2f} ", end="", file=sys.stderr, flush=True)

    def end(self, outcome: str) -> float:
        """Print the outcome of the task, and return the seconds that it took."""
        seconds = time.perf_counter() - self.start
        line = f"{self.what}: {outcome}, {seconds:.1f} s"
        print(f"\r{line:<79}" if self.live else line, file=sys.stderr, flush=True)
        return seconds


def make_figures(numbers: Sequence[int], out: Path, seed: int) -> str:
    """Write the figures in both variants into the folder `out`, and return tables of what they show."""
    out.mkdir(parents=True, exist_ok=True)
    fitted, shown = {}, {}
    for number, variant in product(numbers, VARIANTS):
        suffix, n_grid = ("_as_published", 50) if variant == "as published" else ("", 200)
        make_listing, margin = FIGURES[number]
        progress = Progress(f"Figure {number} {variant}")
        if (make_listing, variant) not in fitted:
            listing = make_listing(seed)
            fitted[make_listing, variant] = listing, *VARIANTS[variant](listing, seed, progress.training)
        listing, la, trained = fitted[make_listing, variant]
        path = out / f"figure_{number}{suffix}.png"
        write_figure(path, la, listing, margin, n_grid, title=progress.what)
        seconds = progress.end(f"wrote {path}")
        shown[progress.what] = facts(la, trained, listing, margin, f"{seconds:.1f}")
        if number == 2 and variant == "as it should be":
            fisher = Laplace(la.model, la.theta, curvature="empirical_fisher").fit(listing.X, listing.y)
            shown["same mode, empirical Fisher"] = facts(fisher, trained, listing, margin, "")
    tables = zip(TITLES, zip(*shown.values(), strict=True), strict=True)
    return "\n\n".join(table(title, dict(zip(shown, rows, strict=True))) for title, rows in tables)


def write_figure(path: Path, la: Laplace, listing: Listing, margin: float, n_grid: int, title: str) -> None:
    """Draw a figure and write it as a PNG, either the whole of it or nothing."""
    figure = plot_plugin_and_laplace(la, listing.X, listing.y, margin=margin, n_grid=n_grid, title=title)
    with written_aside(path) as beside:
        figure.savefig(beside, format="png", dpi=100, metadata={"Software": None})


def facts(la: Laplace, trained: BayesianModel, listing: Listing, margin: float, seconds: str) -> list[Row]:
    """Return a row for each table: the priors, the confidence of plugin and Laplace, and probabilities."""
    X, y = listing.X, listing.y
    (x1, x2), view = plane(X, margin, n_grid=50)
    corners = np.array([[x1[-1], x2[-1]], [x1[0], x2[-1]], [x1[0], x2[0]], [x1[-1], x2[0]]])

    def confidence(points: Array, link_approx: str | None = None) -> Array:
        return class_probabilities(la, points, link_approx).max(axis=1)

    training = {
        "loss": f"{trained.loss(la.theta, X, y):.2f}", "training": f"{trained.prior_precision:.3g}",
        "Laplace": f"{la.model.prior_precision:.3g}", "seconds": seconds,
    }  # fmt: skip
    sure, probability = {}, {}
    for where, points in [("data", X), ("corners", corners)]:
        sure[f"{where} plugin"] = f"{confidence(points, 'plugin').mean():.2f}"
        sure[f"{where} Laplace"] = f"{confidence(points).mean():.2f}"
    for where, points in [("amid", SQUARE_CENTRES), ("view", corners)]:
        for side, p in zip(SIDES, class_probabilities(la, points)[:, 1], strict=True):
            probability[f"{where} {side}"] = f"{p:.2f}"
    less_sure = np.mean(confidence(view, "plugin") - confidence(view) > 0.05)
    return [training, sure | {"less sure": f"{less_sure:.0%}"}, probability]


def table(title: str, rows: dict[str, Row]) -> str:
    """Return a table, at most 80 characters wide, below its title; a word of a heading takes a line."""
    headings = next(iter(rows.values()))
    lines = [("", words) for words in zip(*map(str.split, headings), strict=True)]
    lines += [(name, tuple(row.values())) for name, row in rows.items()]
    width = 50 // len(headings)
    written = (f"{name:<28}" + "".join(f"{cell:>{width}}" for cell in row) for name, row in lines)
    return "\n".join([title, *map(str.rstrip, written)])
