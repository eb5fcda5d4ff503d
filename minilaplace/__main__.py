"""Around the post: the command line.

`python -m minilaplace` reproduces the post's figures (`figures.py`); `python -m minilaplace explore` opens the window
of the room `explorer`.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from . import __version__
from .data import toy_data_linear, toy_data_non_linear
from .explorer.explorer import Explorer
from .explorer.window import NoWindowError, explore
from .figures import FIGURES, make_figures

DESCRIPTION = """\
A trained network becomes Bayesian after the fact: a Gaussian around its parameters, whose precision is the curvature
of the loss plus the prior. Predictions average over it, and are less sure where there is no data.

Without a command, reproduce the figures of 'Truly effortless Bayesian Deep Learning in Julia', each as published and
as it should be, and print what they show."""
EXAMPLES = """\
examples:
  minilaplace                        Figures 1-3 into figures/, and tables of what they show
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
INTERRUPTED = 130  # the exit code of what Ctrl-C has ended
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
            parser.exit(INTERRUPTED, "\nminilaplace: interrupted; the figures that are written are whole\n")


def open_window(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Open the explorer's window and wait until it is closed; if there can be none, print why and exit with 1."""
    try:
        X, y = DATA[options.data](options.samples, options.seed)
        explorer = Explorer(X, y, seed=options.seed, n_hidden=options.hidden, prior_precision=options.prior)
    except ValueError as error:
        name, _, rest = str(error).partition(":")
        parser.error(f"argument {FLAGS.get(name, name)}:{rest}")
    before = signal.signal(signal.SIGINT, lambda *_: sys.exit(INTERRUPTED))  # a window prints a KeyboardInterrupt
    try:
        explore(explorer)
        plt.show()
    except NoWindowError as error:
        parser.exit(1, f"minilaplace: {error}\n")
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    main()
