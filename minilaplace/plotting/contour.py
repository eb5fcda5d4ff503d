"""A posterior predictive over the plane of two inputs, as in the post's Figures 1-3.

`plot_contour` draws one panel of the figures, and `plot_plugin_and_laplace` a whole figure. Probabilities are drawn in
viridis from 0 to 1 everywhere, and classes in the colours and markers of `style.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..laplace import Laplace
from ..validation import Array, boolean, instance, real_number, refusal, whole_number
from .style import CLASS_STYLES, panel, style_of

LEVELS = np.linspace(0, 1, 21)
LABELLED = [0.25, 0.5, 0.75]
A_ROW = 7  # the classes in a row of a legend below two panels
MARKER = 20.0  # the area of a sample's marker in points^2, if the view is as wide as the data
CLOSE = {"handlelength": 1.0, "handletextpad": 0.4, "columnspacing": 1.2}  # a legend of several rows, in font sizes


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
    """Draw P(y = target) over the plane of the two inputs, with the data on top.

    Parameters
    ----------
    la
        A fitted `Laplace` with two inputs and a class likelihood.
    X, y
        The data to draw, (N, 2) and (N,).
    link_approx
        As in `Laplace.predict`; `"plugin"` gives the post's left panels.
    target
        The class whose probability is drawn.
    margin
        How far the view reaches beyond the data on each side, in units of X.
    n_grid
        Grid points along each axis.
    ax, title, colorbar
        Where to draw (by default a new figure), the panel's title, and whether to add a colour bar. The legend is
        below the panel; a figure of your own makes room for it if it has `layout="constrained"`.

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
    colorbar = boolean("colorbar", colorbar)
    instance("la", la, Laplace, "a Laplace")
    network, likelihood = la.model.network, la.model.likelihood
    if network.n_inputs != 2 or not likelihood.is_classifier or len(network.input_shape) != 1:
        raise ValueError(refusal("la", "a classifier of two inputs", f"{network} with {likelihood}"))
    X, y = la.model.check_data(X, y)
    if np.ndim(y) > 1:
        expected = "a classifier of one label a sample (of several, draw a column of its predictions by contourf)"
        raise ValueError(refusal("la", expected, f"{network.n_outputs} labels"))
    margin, n_grid = real_number("margin", margin), whole_number("n_grid", n_grid, least=2)
    n_classes = max(2, network.n_outputs)
    target = whole_number("target", target, least=0, most=n_classes - 1)
    (x1, x2), points = plane(X, margin, n_grid)
    p = class_probabilities(la, points, link_approx)[:, target].reshape(n_grid, n_grid)

    on = panel(ax)
    on.grid(visible=False)
    filled = fill_contours(on, x1, x2, p)
    lines = on.contour(x1, x2, p, levels=LABELLED, colors="white", linewidths=0.8)
    on.clabel(lines, fmt="%.2f", fontsize=0.8 * plt.rcParams["font.size"])
    _draw_data(on, X, y, n_classes)
    on.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title=title)
    if colorbar:
        add_colorbar(filled, [on], target)
    if ax is None and n_classes > 2:  # the first layout takes the panel for too high, for a legend of several rows
        plt.gcf().draw_without_rendering()
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
    """Draw the plugin's panel beside Laplace's with one colour scale, as in the post's Figures 1-3; return the figure.

    The parameters are those of `plot_contour`, but `ax` holds two panels. By default they are those of a new figure,
    which has one legend for both, which `figure.savefig` writes, and which pyplot does not show.
    """
    panels: Any = Figure(figsize=(8.6, 4.4), layout="constrained").subplots(1, 2) if ax is None else ax
    if np.shape(panels) != (2,):
        raise ValueError(refusal("ax", "two panels", f"shape {np.shape(panels)}"))
    figure: Figure = panels[0].figure
    for each, link_approx, name in zip(panels, ["plugin", None], ["Plugin", "Laplace"], strict=True):
        filled = plot_contour(
            la, X, y, link_approx=link_approx, margin=margin, n_grid=n_grid, ax=each, title=name, colorbar=False
        )
    add_colorbar(filled, list(panels), target=1)
    if title is not None:
        figure.suptitle(title)
    if ax is None:
        _share_legend(panels)
    return figure


def plane(X: Array, margin: float, n_grid: int) -> tuple[tuple[Array, Array], Array]:
    """Return the coordinates (n_grid,) along each axis of a grid, and its points (n_grid^2, 2).

    The grid reaches `margin` beyond the data X (N, 2) on each side. Reshaped to (n_grid, n_grid), rows run along x2.
    """
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    x1, x2 = np.linspace(low, high, n_grid).T
    return (x1, x2), np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)


def class_probabilities(la: Laplace, X: Array, link_approx: str | None = None) -> Array:
    """Return the probabilities of every class, (N, max(2, C)); one logit has the classes 0 and 1."""
    return la.model.likelihood.every_class(np.asarray(la.predict(X, link_approx)))


def add_colorbar(filled: QuadContourSet, panels: list[Axes], target: int) -> None:
    """Add one colour bar beside all panels, labelled with the probability that it shows."""
    panels[0].figure.colorbar(filled, ax=panels, ticks=np.linspace(0, 1, 5), label=f"P(y = {target})")


def fill_contours(ax: Axes, x1: Array, x2: Array, p: Array, **options: Any) -> QuadContourSet:
    """Fill the contours of the probabilities p (n, n) over x1 (n,) and x2 (n,), in viridis from 0 to 1."""
    return ax.contourf(x1, x2, p, levels=LEVELS, cmap="viridis", vmin=0, vmax=1, **options)


def scatter_class(ax: Axes, c: int, points: Array, size: float) -> PathCollection:
    """Draw the samples (M, 2) of class c in its colour and with its marker, each of size points^2."""
    (colour, marker), (x1, x2) = style_of(c, CLASS_STYLES), points.T
    return ax.scatter(x1, x2, s=size, c=colour, marker=marker, edgecolors="black", linewidths=0.5, label=f"y = {c}")


def _share_legend(panels: Sequence[Axes]) -> None:
    """Replace the legends of two panels, which are the same, by one below both."""
    legends: list[Any] = [each.get_legend() for each in panels]
    handles, labels = panels[0].get_legend_handles_labels()
    rows = -(-len(labels) // A_ROW)
    panels[0].figure.legend(
        handles, labels, loc="outside lower center", ncols=-(-len(labels) // rows), frameon=False,
        markerscale=legends[0].markerscale,
    )  # fmt: skip
    for legend in legends:
        legend.remove()


def _draw_data(ax: Axes, X: Array, y: NDArray[np.intp], n_classes: int) -> None:
    """Draw the samples of each class, smaller where the view is much wider than the data, and a legend below."""
    share = np.min(np.ptp(X, axis=0) / [np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    size = float(np.clip(MARKER * share, 4, MARKER))
    for c in range(n_classes):
        scatter_class(ax, c, X[y == c], size)
    scale = np.sqrt(MARKER / size)  # the legend's markers keep their size
    below: dict[str, Any] = {"bbox_to_anchor": (0.5, -0.12), "frameon": False, "markerscale": scale}
    for rows in range(1, (n_classes + 1) // 2 + 1):  # as few as the width of the panel allows
        ncols = -(-n_classes // rows)
        legend = ax.legend(loc="upper center", ncols=ncols, **below)
        if legend.get_window_extent().width <= ax.bbox.width:
            break
        below |= CLOSE
