"""The whole method in one picture, and a network as a graph.

`plot_method` follows one line through the space of the parameters, theta + t d, in five steps: data, network, MAP
estimate, curvature, Gaussian; and ends with the link, which makes a probability of the Gaussian over the logit. Along

    d = Sigma J^T / sqrt(V),   V = J Sigma J^T,   J (1, P) the Jacobian of the logit at one input,

the posterior precision is d^T Sigma^-1 d = 1, so t counts standard deviations, and f moves by sqrt(V) for each.
`plot_network` draws the graph of an `MLP` with what one wants to write at its units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.special import expit

from ..laplace import Laplace
from ..model.classes import Bernoulli
from ..network.mlp import MLP
from ..validation import Array, instance, refusal, vector
from .contour import scatter_class
from .style import BLACK, BLUE, GREEN, GREY, VERMILLION, WHITE, panel

MOST = 6  # the units that are drawn of a larger layer
RADIUS = 0.17
WRITTEN = 12  # of no more weights than these the values are written
T = np.linspace(-3, 3, 201)


def plot_method(la: Laplace, X: Any, y: Any, at: Any) -> Figure:
    """Draw the steps of the Laplace approximation, for one logit f at the input `at` (2,); return the figure.

    `la` is a fitted `Laplace` of one logit with two inputs, over all weights; X (N, 2) and y (N,) are its data. pyplot
    does not show the figure.

    Examples
    --------
    >>> from minilaplace import BayesianModel, fit_map, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    >>> la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    >>> [ax.get_title() for ax in plot_method(la, X, y, at=[2, -4]).axes]
    ['1  data', '2  network', '3  MAP estimate', '4  curvature', '5  Gaussian', '6  link']
    """
    instance("la", la, Laplace, "a Laplace")
    model = la.model
    one_logit = isinstance(model.likelihood, Bernoulli) and model.network.n_outputs == 1
    if not one_logit or model.network.n_inputs != 2 or la.options.subset_of_weights != "all":
        received = f"{model.network} with {model.likelihood}, subset_of_weights={la.options.subset_of_weights!r}"
        raise ValueError(refusal("la", "one logit of two inputs, all weights uncertain", received))
    X, y = model.check_data(X, y)
    x = vector("at", at, 2)[None]  # (1, 2)
    J = model.network.jacobian(la.theta, x)[0]  # (1, P)
    m, V = (moment.item() for moment in la.glm_predictive_distribution(x))
    d = la.posterior.covariance() @ J[0] / np.sqrt(V)  # (P,)
    excess = np.array([model.loss(la.theta + t * d, X, y) for t in T]) - model.loss(la.theta, X, y)

    figure = Figure(figsize=(8.6, 5.4), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    steps = ["data", "network", "MAP estimate", "curvature", "Gaussian", "link"]
    for number, (ax, title) in enumerate(zip(axes, steps, strict=True), 1):
        ax.grid(visible=False)
        ax.set_title(f"{number}  {title}")
    _data(axes[0], X, y, x[0])
    plot_network(model.network, la.theta, ax=axes[1])
    _loss(axes[2:5], excess)
    _link(axes[5], m, V)
    return figure


def _data(ax: Axes, X: Array, y: Any, x: Array) -> None:
    for c in (0, 1):
        scatter_class(ax, c, X[y == c], 12)
    ax.plot(*x, "*", color=WHITE, markeredgecolor=BLACK, markersize=14)
    ax.margins(0.1)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")


def _loss(axes: Sequence[Axes], excess: Array) -> None:
    """Draw the loss above its minimum along the line, its quadratic expansion, and the two densities."""
    mode, bowl, bell = axes
    for ax in (mode, bowl):
        ax.plot(T, excess, color=BLACK, label="loss")
        ax.plot(0, 0, "o", color=VERMILLION, zorder=3)
        ax.set(ylabel="loss", xticks=[0], xticklabels=[r"$\theta$"], yticks=[], ylim=(-0.4, 7))
    bowl.plot(T, T**2 / 2, color=BLUE, linestyle="--", label="quadratic")
    bell.plot(T, np.exp(-excess), color=BLACK, label="posterior")
    bell.plot(T, np.exp(-(T**2) / 2), color=BLUE, linestyle="--", label="Laplace")
    bell.fill_between(T, np.exp(-(T**2) / 2), color=BLUE, alpha=0.2)
    bell.set(ylabel="density", xticks=[0], xticklabels=[r"$\theta$"], yticks=[], ylim=(0, 1.6))
    for ax in (bowl, bell):
        ax.legend(frameon=False, loc="upper center", ncols=2, columnspacing=1, handlelength=1.5)


def _link(ax: Axes, m: float, V: float) -> None:
    """Draw the sigmoid over the logit's Gaussian, and the probabilities of plugin and probit link."""
    f = np.linspace(min(-8, m - 3 * np.sqrt(V)), max(8, m + 3 * np.sqrt(V)), 401)
    average = expit(m / np.sqrt(1 + np.pi / 8 * V))
    ax.fill_between(f, 0.6 * np.exp(-((f - m) ** 2) / (2 * V)), color=BLUE, alpha=0.2)
    ax.plot(f, expit(f), color=BLACK)
    for p, name, colour in [(expit(m), "plugin", VERMILLION), (average, "Laplace", GREEN)]:
        ax.plot([f[0], m], [p, p], color=colour, linestyle=":")
        ax.plot(m, p, "o", color=colour, zorder=3)
        ax.annotate(f"{name} {p:.2f}", (f[0], p), xytext=(2, 3), textcoords="offset points", color=colour)
    ax.set(xlabel="logit $f$ at the star", ylabel="P(y = 1)", ylim=(0, 1.12), yticks=[0, 0.5, 1])


def plot_network(
    network: MLP, theta: Any, *, texts: Sequence[Sequence[str]] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a network's units and connections, inputs at the left; return the axes.

    The weights in `theta` (P,) are written at the connections if they are few; `texts`, a text for each unit of each
    layer, inputs first, below the units. Of a large layer a few units are drawn, and their number is written.

    Examples
    --------
    >>> ax = plot_network(MLP(1, 1, 1), [0.5, 0, 2, 0], texts=[["x = 2"], ["a = 0.76"], ["f = 1.52"]])
    >>> [text.get_text() for text in ax.texts]
    ['0.5', '2', 'x = 2', 'a = 0.76', 'f = 1.52']
    """
    instance("network", network, MLP, "an MLP")
    weights = [W for W, _ in network.layers(vector("theta", theta, network.n_params))]
    written = [[""] * size for size in network.sizes] if texts is None else texts
    instance("texts", written, Sequence, "a list of the units' texts for each layer")
    for layer in written:
        instance("texts", layer, Sequence, "a list of the units' texts for each layer")
    received = [len(layer) for layer in written]
    if received != list(network.sizes):
        raise ValueError(refusal("texts", f"as many texts as units, {list(network.sizes)}", received))
    places = [(min(size, MOST) - 1) / 2 - np.arange(min(size, MOST)) for size in network.sizes]
    on = panel(ax)
    for l, (left, right) in enumerate(pairwise(places)):
        for (i, high), (j, low) in product(enumerate(right), enumerate(left)):
            on.plot([2 * l, 2 * l + 2], [low, high], color=GREY, linewidth=0.8, zorder=1)
            if sum(W.size for W in weights) <= WRITTEN:
                at = (2 * l + 1, (low + high) / 2)
                on.annotate(f"{weights[l][i, j]:.3g}", at, xytext=(0, 3), textcoords="offset points", ha="center")
    for l, (heights, layer) in enumerate(zip(places, written, strict=True)):
        for height, text in zip(heights, layer, strict=False):
            on.add_patch(Circle((2 * l, height), RADIUS, facecolor=WHITE, edgecolor=BLACK, zorder=2))
            if text:
                on.annotate(text, (2 * l, height - RADIUS), xytext=(0, -4), textcoords="offset points", ha="center",
                            va="top")  # fmt: skip
        if network.sizes[l] > MOST:
            on.annotate(f"{network.sizes[l]} units", (2 * l, heights[-1] - 0.3), ha="center", va="top")
    on.set(xlim=(-0.7, 2 * len(places) - 1.3), aspect="equal")
    on.set_axis_off()
    return on
