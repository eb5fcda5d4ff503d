"""Around the post: the command line, `python -m minilaplace`, which reproduces the post's three figures.

`python -m minilaplace explore` opens the window of the room `explorer`.

Each figure is made twice:

- *as published*, with the listing's training (Adam, one sample at a time, lambda^2 |theta|^2 / 2 in every sample's
  loss), then the empirical Fisher of the last layer and a prior precision of lambda;
- *as it should be*, with a true mode, one prior for training and posterior, and the GGN of the whole network.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from . import __version__
from .data import toy_data_linear, toy_data_non_linear
from .explorer.explorer import Explorer
from .explorer.window import NoWindowError, explore
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
    prior_precision: float  # of the corrected form

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
        return Laplace(model, theta).fit(self.X, self.y), model


def listing_1(seed: int) -> Listing:
    """Return the first listing: logistic regression on linearly separable data."""
    return Listing(MLP(2, 1), *toy_data_linear(100, rng=seed), lam=0.5, epochs=50, prior_precision=0.5)


def listing_2(seed: int) -> Listing:
    """Return the second listing: an MLP, on the data of the post's text, which are not linearly separable."""
    network = MLP(2, 32, 1, activation="sigmoid")
    return Listing(network, *toy_data_non_linear(200, rng=seed), lam=0.01, epochs=200, prior_precision=0.1)


VARIANTS = {"as published": Listing.as_published, "as it should be": Listing.as_it_should_be}
# The listing of each figure, and how far the figure reaches beyond the data: Figure 3 is a wider view of Figure 2.
FIGURES = {1: (listing_1, 0.25), 2: (listing_2, 0.25), 3: (listing_2, 50.0)}


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
    """Write the figures in both variants into the folder `out`, and return a table of what they show."""
    out.mkdir(parents=True, exist_ok=True)
    fitted, columns = {}, []
    for variant, fit in VARIANTS.items():
        suffix, n_grid = ("_as_published", 50) if variant == "as published" else ("", 200)
        for number in numbers:
            make_listing, margin = FIGURES[number]
            progress = Progress(f"Figure {number} {variant}")
            if (make_listing, variant) not in fitted:
                listing = make_listing(seed)
                fitted[make_listing, variant] = listing, *fit(listing, seed, progress.training)
            listing, la, trained = fitted[make_listing, variant]
            path = out / f"figure_{number}{suffix}.png"
            write_figure(path, la, listing, margin, n_grid, title=progress.what)
            seconds = progress.end(f"wrote {path}")
            title = [f"Figure {number}", *wrap(variant, len("published"))]
            columns.append(facts(title, la, trained, listing, margin) | {"seconds": f"{seconds:.1f}"})
            if number == 2 and variant == "as it should be":
                fisher = Laplace(la.model, la.theta, curvature="empirical_fisher").fit(listing.X, listing.y)
                columns.append(facts(["same mode,", "empirical", "Fisher"], fisher, trained, listing, margin))
    lines = [[f"{row:<42}"] + [f"{column.get(row, ''):>13}" for column in columns] for row in columns[0]]
    return "\n".join("".join(line).rstrip() for line in lines)


def write_figure(path: Path, la: Laplace, listing: Listing, margin: float, n_grid: int, title: str) -> None:
    """Draw a figure and write it as a PNG, either the whole of it or nothing."""
    figure = plot_plugin_and_laplace(la, listing.X, listing.y, margin=margin, n_grid=n_grid, title=title)
    with written_aside(path) as beside:
        figure.savefig(beside, format="png", dpi=100, metadata={"Software": None})


def facts(title: list[str], la: Laplace, trained: BayesianModel, listing: Listing, margin: float) -> dict[str, str]:
    """Return a column of the table: the confidence of plugin and Laplace on the data and away from them."""
    X, y = listing.X, listing.y
    (x1, x2), view = plane(X, margin, n_grid=50)
    corners = np.array([[x1[-1], x2[-1]], [x1[0], x2[-1]], [x1[0], x2[0]], [x1[-1], x2[0]]])

    def confidence(points: Array, link_approx: str | None = None) -> Array:
        return class_probabilities(la, points, link_approx).max(axis=1)

    column = dict(zip(["", " ", "  "], title, strict=True)) | {
        "training loss": f"{trained.loss(la.theta, X, y):.2f}",
        "prior precision in training": f"{trained.prior_precision:g}",
        "prior precision in Laplace": f"{la.model.prior_precision:g}",
        "confidence on the data, plugin": f"{confidence(X, 'plugin').mean():.2f}",
        "confidence on the data, Laplace": f"{confidence(X).mean():.2f}",
        "confidence in the corners, plugin": f"{confidence(corners, 'plugin').mean():.2f}",
        "confidence in the corners, Laplace": f"{confidence(corners).mean():.2f}",
    }
    for where, points in [("centre of the square", SQUARE_CENTRES), ("corner of the view", corners)]:
        for side, p in zip(SIDES, class_probabilities(la, points)[:, 1], strict=True):
            column[f"P(y=1), {where}, {side}"] = f"{p:.2f}"
    less_sure = np.mean(confidence(view, "plugin") - confidence(view) > 0.05)
    return column | {"view where Laplace is 0.05 less sure": f"{less_sure:.0%}"}


DESCRIPTION = """\
A trained network becomes Bayesian after the fact: a Gaussian around its parameters, whose precision is the curvature
of the loss plus the prior. Predictions average over it, and are less sure where there is no data.

Without a command, reproduce the figures of 'Truly effortless Bayesian Deep Learning in Julia', each as published and
as it should be, and print what they show."""
EXAMPLES = """\
examples:
  minilaplace                        Figures 1-3 into figures/, and the table of what they show
  minilaplace --figure 2 --out /tmp  Figure 2 alone
  minilaplace explore                move the prior, the temperature, the data: the contour follows
  minilaplace explore --data linear --hidden 0
                                     Figure 1's logistic regression"""
EXPLORE = """\
Open Figure 2 in a window, from which the slider `view` zooms out to Figure 3. Things to try:

- Move the prior precision down. Far from the data nothing speaks against large parameters: the contour goes to 1/2.
- Choose the link plugin, and widen the view: without the average, most of the plane is certain.
- Choose the curvature empirical_fisher: squared gradients vanish on a good fit, and Laplace is unsure on its data.
- Move the prior up, then press `train`, then `tune prior`, and again: this is training by the evidence, by hand.
- Put a point of class 1 (right click) amid class 0, and look how far its influence reaches."""
FLAGS = {"n": "--samples", "n_hidden": "--hidden", "prior_precision": "--prior"}  # of what an error names
DATA = {"squares": toy_data_non_linear, "linear": toy_data_linear}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("minilaplace", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"minilaplace {__version__}")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder to write to (default: figures)")
    parser.add_argument("--seed", type=int, default=0, help="seed of data and initial parameters (default: 0)")
    parser.add_argument("--figure", type=int, choices=FIGURES, help="make this figure alone (default: all three)")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="command")
    explore = commands.add_parser(
        "explore", help="open a window to move prior, network and data in", description=EXPLORE, formatter_class=raw
    )
    explore.add_argument("--data", choices=DATA, default="squares", help="what to start from (default: squares)")
    explore.add_argument("--samples", type=int, default=200, help="how many samples of it (default: 200)")
    explore.add_argument("--hidden", type=int, default=32, help="hidden units; 0: logistic regression (default: 32)")
    explore.add_argument("--prior", type=float, default=0.1, help="prior precision (default: 0.1)")
    explore.add_argument(
        "--seed", type=int, default=argparse.SUPPRESS, help="seed of data and initial parameters (default: 0)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"argument --seed: expected a whole number of at least 0, received {options.seed}")
    if options.command == "explore":
        open_window(parser, options)
    elif options.out.exists() and not options.out.is_dir():
        parser.error(f"argument --out: expected a folder, received the file {options.out}")
    else:
        numbers = list(FIGURES) if options.figure is None else [options.figure]
        try:
            print(make_figures(numbers, options.out, options.seed))
        except KeyboardInterrupt:
            parser.exit(130, "\nminilaplace: interrupted; the figures that are written are whole\n")


def open_window(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Open the explorer's window and wait until it is closed; if there can be none, print why and exit with 1."""
    try:
        X, y = DATA[options.data](options.samples, options.seed)
        explorer = Explorer(X, y, seed=options.seed, n_hidden=options.hidden, prior_precision=options.prior)
    except ValueError as error:
        name, _, rest = str(error).partition(":")
        parser.error(f"argument {FLAGS.get(name, name)}:{rest}")
    before = signal.signal(signal.SIGINT, lambda *_: sys.exit(130))  # a window prints a KeyboardInterrupt
    try:
        explore(explorer)
        plt.show()
    except NoWindowError as error:
        parser.exit(1, f"minilaplace: {error}\n")
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    main()
