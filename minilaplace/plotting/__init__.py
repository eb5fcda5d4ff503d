"""*Plot the posterior distribution with a contour plot*: pictures of predictions, and of how good they are.

`contour.py` draws the posterior predictive over a plane, as in the panels of the post's figures. `calibration.py` draws
the scores of the room `calibration`. `style.py` holds the colours and markers of both.
"""

from .calibration import plot_coverage, plot_ood, plot_pit, plot_reliability
from .contour import LABELLED, LEVELS, add_colorbar, class_probabilities, plane, plot_contour, plot_plugin_and_laplace
from .style import CLASS_STYLES

__all__ = [
    "CLASS_STYLES",
    "LABELLED",
    "LEVELS",
    "add_colorbar",
    "class_probabilities",
    "plane",
    "plot_contour",
    "plot_coverage",
    "plot_ood",
    "plot_pit",
    "plot_plugin_and_laplace",
    "plot_reliability",
]
