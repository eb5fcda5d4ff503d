"""*Plot the posterior distribution with a contour plot*: pictures of predictions, and of how good they are.

`contour.py` draws the posterior predictive over a plane, as in the panels of the post's figures. `calibration.py` draws
the scores of the room `calibration`, and `method.py` the steps of the method in one picture. `style.py` holds the
colours and markers of all.
"""

from .calibration import plot_coverage, plot_ood, plot_pit, plot_reliability
from .contour import LABELLED, LEVELS, add_colorbar, class_probabilities, plane, plot_contour, plot_plugin_and_laplace
from .method import plot_method, plot_network
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
    "plot_method",
    "plot_network",
    "plot_ood",
    "plot_pit",
    "plot_plugin_and_laplace",
    "plot_reliability",
]
