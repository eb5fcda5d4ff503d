"""What the pictures have in common: colours, markers, and where to draw.

The colours are Okabe and Ito's, which readers with any colour vision can tell apart. Each class and each curve has a
pair of a colour and a marker, so that it can be told apart without colours too.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, WHITE = "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF"

# Classes are drawn on viridis, and curves on white: each list starts with the colours that stand out from its ground.
CLASS_STYLES = [(SKY_BLUE, "o"), (VERMILLION, "^"), (PURPLE, "s"), (ORANGE, "D"), (WHITE, "v"), (BLACK, "P")]
CURVE_STYLES = [(BLUE, "o"), (VERMILLION, "^"), (GREEN, "s"), (PURPLE, "D"), (ORANGE, "v")]


def panel(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure if it is None."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax
