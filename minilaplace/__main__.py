"""Around the post: the command line.

`python -m minilaplace` reproduces the post's figures (`figures.py`); `python -m minilaplace explore` opens the window
of the room `explorer`, or writes its page.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from . import __version__
from .data import toy_data_linear, toy_data_non_linear, toy_data_regression
from .explorer.contents import POSTERIORS
from .explorer.explorer import Explorer, Settings
from .explorer.page import save_page
from .explorer.window import NoWindowError, explore
from .figures import FIGURES, make_figures
from .laplace import Laplace
from .model import BayesianModel, Gaussian
from .network import MLP
from .training import fit_map

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
                                     Figure 1's logistic regression
  minilaplace explore --html figure_3.html
                                     a page for any browser, without Python"""
EXPLORE = """\
Open Figure 2 in a window, from which the slider `view` zooms out to Figure 3; or, with --html, write it to a file that
moves in any browser. Things to try:

- Move the prior precision down: the weaker the prior, the nearer to 1/2 is what is predicted far from the data.
- Choose the link plugin, and widen the view to 50: without the average, half of the plane is above 3/4 or below 1/4.
- Choose the curvature empirical_fisher: squared gradients vanish on a good fit, and Laplace is unsure on its data.
- Move the prior up, then press `train`, then `tune prior`, and again: this is training by the evidence, by hand.
- Put a point of class 1 (right click) amid class 0, and look how far its influence reaches."""
NOISE = 0.3  # of the sine, in its data and in its model
INTERRUPTED = 130  # the exit code of what Ctrl-C has ended
# The flag of what an error names.
FLAGS = {"n": "--samples", "n_hidden": "--hidden", "prior_precision": "--prior", "structures": "--structures"}
DATA: dict[str, Callable[..., tuple[Any, Any]]] = {
    "squares": toy_data_non_linear,
    "linear": toy_data_linear,
    "sine": toy_data_regression,
}


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
    explore.add_argument(
        "--data", choices=DATA, default="squares", help="what to start from; sine: with --html (default: squares)"
    )
    explore.add_argument("--samples", type=int, default=200, help="how many samples of it (default: 200)")
    explore.add_argument("--hidden", type=int, default=32, help="hidden units; 0: none (default: 32)")
    explore.add_argument("--prior", type=float, default=0.1, help="prior precision (default: 0.1)")
    explore.add_argument("--html", type=Path, metavar="PATH", help="write a page for a browser, and open no window")
    explore.add_argument(
        "--structures", nargs="+", choices=POSTERIORS, help="those that the page offers (default: all that it knows)"
    )
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
        run_explorer(parser, options)
    elif options.out.exists() and not options.out.is_dir():
        parser.error(f"argument --out: expected a folder, received the file {options.out}")
    else:
        numbers = list(FIGURES) if options.figure is None else [options.figure]
        try:
            print(make_figures(numbers, options.out, options.seed))
        except KeyboardInterrupt:
            parser.exit(INTERRUPTED, "\nminilaplace: interrupted; the figures that are written are whole\n")


def run_explorer(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Write the page that was asked for, or open the explorer's window."""
    html = options.html
    if html is None:
        for flag, given in (("--structures", options.structures), ("--data sine", options.data == "sine")):
            if given:
                parser.error(f"argument {flag}: expected --html PATH beside it, received none")
    elif html.is_dir() or not html.parent.is_dir():
        parser.error(f"argument --html: expected a file in a folder that exists, received {html}")
    try:
        if html is None:
            explorer = make_explorer(options)
        else:
            write_page(options)
            print(f"{html}: a page of {html.stat().st_size // 1000} kB, to open in a browser")
    except ValueError as error:
        name, _, rest = str(error).partition(":")
        parser.error(f"argument {FLAGS.get(name, name)}:{rest}")
    except OSError as error:
        parser.error(f"argument --html: {error}")
    except KeyboardInterrupt:
        parser.exit(INTERRUPTED, "\nminilaplace: interrupted; no page is written\n")
    if html is None:
        open_window(parser, explorer)


def make_explorer(options: argparse.Namespace) -> Explorer:
    """Return an explorer of the data and settings that were asked for."""
    X, y = DATA[options.data](options.samples, options.seed)
    return Explorer(X, y, seed=options.seed, n_hidden=options.hidden, prior_precision=options.prior)


def write_page(options: argparse.Namespace) -> None:
    """Write the page of an explorer, or that of a regression: a sine with noise."""
    if options.data != "sine":
        make_explorer(options).save_page(options.html, structures=options.structures)
        return
    settings = Settings(n_hidden=options.hidden, prior_precision=options.prior)
    X, y = toy_data_regression(options.samples, NOISE, options.seed)
    network = MLP(1, *[settings.n_hidden] if settings.n_hidden else [], 1)
    model = BayesianModel(network, Gaussian(NOISE), settings.prior_precision)
    la = Laplace(model, fit_map(model, X, y, rng=options.seed)).fit(X, y)
    save_page(options.html, la, X, y, structures=options.structures)


def open_window(parser: argparse.ArgumentParser, explorer: Explorer) -> None:
    """Open the explorer's window and wait until it is closed; if there can be none, print why and exit with 1."""
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
