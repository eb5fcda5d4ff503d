"""Listing, *Plot*; Figures 1-3: a posterior predictive over a plane.

- `plot_contour` draws P(y = 1) over the plane of two inputs, with the data on top: one panel of the post's figures.
- `plot_plugin_and_laplace` sets the plugin's panel beside Laplace's, under one colour scale: one figure.
- `plot_reliability`, `plot_coverage`, `plot_pit` and `plot_ood` are those of `plot_calibration.py`.

A class has its colour *and* its marker (Okabe and Ito's colours), probabilities are viridis from 0 to 1 everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..laplace import Laplace
from ..model.likelihood import every_class
from ..validation import Array, boolean, instance, real_number, refusal, whole_number
from .calibration import plot_coverage, plot_ood, plot_pit, plot_reliability

__all__ = [
    "plot_contour",
    "plot_coverage",
    "plot_ood",
    "plot_pit",
    "plot_plugin_and_laplace",
    "plot_reliability",
]

# Okabe and Ito's palette, the colours that stand out from viridis first; a class is a (colour, marker) pair.
CLASS_STYLES = [
    ("#56B4E9", "o"),
    ("#D55E00", "^"),
    ("#CC79A7", "s"),
    ("#E69F00", "D"),
    ("#FFFFFF", "v"),
    ("#000000", "P"),
]
LEVELS = np.linspace(0, 1, 21)
LABELLED = [0.25, 0.5, 0.75]
MARKER = 20.0  # points^2 of a sample, where the view is as wide as the data


def plot_contour(
    la: Laplace,
    X: Any,
    y: Any,
    *,
    link_approx: str | None = None,
    target: int = 1,
    margin: float = 0.25,
    n_grid: int = 50,
    ax: Axes | None = None,
    title: str | None = None,
    colorbar: bool = True,
) -> QuadContourSet:
    """Draw P(y = target) over the plane of the two inputs, and the data on it.

    Parameters
    ----------
    la
        A fitted `Laplace` with two inputs and a class likelihood.
    X, y
        The data to draw, (N, 2) and (N,).
    link_approx
        As in `Laplace.predict`: `"plugin"` for the post's left panels.
    target
        Which class' probability to draw.
    margin
        How far the view reaches beyond the data on each side, in units of X.
    n_grid
        Grid points along each axis.
    ax, title, colorbar
        Where to draw (a new figure if not given), what to call it, and whether to add a colour bar.

    Returns
    -------
    The filled contours, whose `.axes` holds the panel.

    Examples
    --------
    >>> from minilaplace import MLP, BayesianModel, Bernoulli, fit_map, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    >>> la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    >>> panel = plot_contour(la, X, y, title="Laplace").axes
    >>> panel.get_title()
    'Laplace'
    """
    instance("la", la, Laplace, "a Laplace")
    boolean("colorbar", colorbar)
    network, likelihood = la.model.network, la.model.likelihood
    if network.n_inputs != 2 or likelihood.has_noise or not network.factored:
        raise ValueError(refusal("la", "a classifier of two inputs", f"{network} with {la.model.likelihood}"))
    X, y = la.model.check_data(X, y)
    margin = real_number("margin", margin)
    n_grid = whole_number("n_grid", n_grid, least=2)
    n_classes = max(2, network.n_outputs)
    if whole_number("target", target, least=0) >= n_classes:
        raise ValueError(refusal("target", f"a class below {n_classes}", target))
    axes, points = plane(X, margin, n_grid)
    p = class_probabilities(la, points, link_approx)[:, target].reshape(n_grid, n_grid)

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    ax.grid(visible=False)
    filled = ax.contourf(*axes, p, levels=LEVELS, cmap="viridis", vmin=0, vmax=1)
    lines = ax.contour(*axes, p, levels=LABELLED, colors="white", linewidths=0.8)
    ax.clabel(lines, fmt="%.2f", fontsize=0.7 * plt.rcParams["font.size"])
    size = _draw_classes(ax, X, y, n_classes)
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title=title)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=n_classes, frameon=False,  # hides no data
        markerscale=np.sqrt(MARKER / size),
    )  # fmt: skip
    if colorbar:
        add_colorbar(filled, [ax], target)
    return filled


def plot_plugin_and_laplace(
    la: Laplace,
    X: Any,
    y: Any,
    *,
    margin: float = 0.25,
    n_grid: int = 50,
    ax: Sequence[Axes] | None = None,
    title: str | None = None,
) -> Figure:
    """Set the plugin's panel beside Laplace's under one colour scale, as in the post's Figures 1-3; return the figure.

    The parameters are those of `plot_contour`, but `ax` is two panels. A figure that is made here belongs to no pyplot
    window: `figure.savefig` writes it.
    """
    instance("la", la, Laplace, "a Laplace")
    panels: Any = Figure(figsize=(10, 4.8), layout="constrained").subplots(1, 2) if ax is None else ax
    if np.shape(panels) != (2,):
        raise ValueError(refusal("ax", "two panels", f"shape {np.shape(panels)}"))
    figure: Figure = panels[0].figure
    for panel, link_approx, name in zip(panels, ["plugin", None], ["Plugin", "Laplace"], strict=True):
        filled = plot_contour(
            la, X, y, link_approx=link_approx, margin=margin, n_grid=n_grid, ax=panel, title=name, colorbar=False
        )
    add_colorbar(filled, list(panels), target=1)
    if title is not None:
        figure.suptitle(title)
    return figure


def plane(X: Array, margin: float, n_grid: int) -> tuple[tuple[Array, Array], Array]:
    """Return the two axes (n_grid,) of a grid that reaches `margin` beyond the data, and its points (n_grid^2, 2)."""
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    x1, x2 = np.linspace(low, high, n_grid).T
    return (x1, x2), np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)


def class_probabilities(la: Laplace, X: Array, link_approx: str | None = None) -> Array:
    """Return the probabilities of every class, (N, max(2, C)), for one logit as for many."""
    return every_class(np.asarray(la.predict(X, link_approx)))


def add_colorbar(filled: QuadContourSet, panels: list[Axes], target: int) -> None:
    """Add one colour bar for all panels, and say which probability it shows."""
    panels[0].figure.colorbar(filled, ax=panels, ticks=np.linspace(0, 1, 5), label=f"P(y = {target})")


def _draw_classes(ax: Axes, X: Array, y: NDArray[np.intp], n_classes: int) -> float:
    """Draw each class with its colour and marker, and return its size, smaller where the view is much wider."""
    share = np.min(np.ptp(X, axis=0) / [np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    size = float(np.clip(MARKER * share, 4, MARKER))
    for label in range(n_classes):
        colour, marker = CLASS_STYLES[label % len(CLASS_STYLES)]
        x1, x2 = X[y == label].T
        ax.scatter(x1, x2, s=size, c=colour, marker=marker, edgecolors="black", linewidths=0.5, label=f"y = {label}")
    return size
