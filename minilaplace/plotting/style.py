"""What the pictures have in common: colours, markers, and where to draw.

The colours are Okabe and Ito's, which readers with any colour vision can tell apart. Each class and each curve has a
pair of a colour and a marker, so that it can be told apart without colours too. Okabe and Ito have eight colours; white
and grey are added, so that ten classes have a colour of their own.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, YELLOW = "#0072B2", "#D55E00", "#CC79A7", "#F0E442"
WHITE, LIGHT_GREY, GREY = "#FFFFFF", "#BFBFBF", "#999999"

# Classes are drawn on viridis, and curves on white: each list starts with the colours that stand out from its ground.
CLASS_STYLES = [
    (SKY_BLUE, "o"), (VERMILLION, "^"), (PURPLE, "s"), (ORANGE, "D"), (WHITE, "v"),
    (BLACK, "P"), (YELLOW, "X"), (GREY, "*"), (BLUE, "<"), (GREEN, ">"),
]  # fmt: skip
CURVE_STYLES = [(BLUE, "o"), (VERMILLION, "^"), (GREEN, "s"), (PURPLE, "D"), (ORANGE, "v")]


def style_of(i: int, styles: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the colour and the marker of the i-th class or curve, a pair that none of the first K^2 others has.

    The first K are the `styles` (K,). After each K the colours start again, with the markers moved on by one.
    """
    rounds, k = divmod(i, len(styles))
    return styles[k][0], styles[(k + rounds) % len(styles)][1]


def panel(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure if it is None."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax
