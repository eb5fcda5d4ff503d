"""A page for a browser with the plane of slope and intercept, in which the reader moves a point and sees its sigmoid.

    python tutorials/slope.py slope.html

The page is one file, which asks nothing of a network. Its data are tutorial 2's; the mathematics is in `slope.js`,
written to be read, `slope_page.js` draws, and `slope_frame.html` is the frame around both. The average of a sigmoid
over a Gaussian, the symbols and the look are the explorer's. An address can say where the page starts, by slope,
intercept, number of samples and prior precision: `slope.html#w=6.8&b=1&samples=20&prior=0.1`.
"""

import argparse
import io
import json
import re
from base64 import b64encode
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import expit

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map
from minilaplace.model_average import exact_posterior
from minilaplace.plotting.style import CLASS_STYLES, GREEN, PURPLE

HERE = Path(__file__).resolve().parent
COUNTS = [5, 10, 20, 40, 80, 160, 320, 640]  # numbers of samples to choose from
PLANE = [[-2.5, 9.5], [-5.5, 5.5]]  # slopes and intercepts, around all curves of 95% under priors of .1 or more
LINE = [[-7, 7], [-0.08, 1.08]]  # inputs and probabilities
PRIORS = [-1, 1]  # decimal logarithms of the least and the largest prior precision
START = {"w": 3.0, "b": -0.5, "samples": COUNTS.index(20), "prior": 0.1}  # theta_try of the tutorial
COLOURS = 64  # of the still picture, most of whose bytes this saves
TITLE = "Slope and intercept, by hand"
LEAD = (
    "Each point of the plane is a sigmoid. Drag the point, move it by the arrow keys, or move the sliders: where is "
    "the loss low, and what do sigmoids look like that are nearly as probable as the mode? The curves enclose 50% "
    "and 95% of the exact posterior, and of Laplace's Gaussian. The second picture has their averages."
)
FACTS = (
    "The loss is minus the logarithm of the exact posterior, up to a constant. Laplace's is its second-order expansion "
    "around the mode. The dot is the mode, the cross the exact mean. Point at the curves to read their probabilities."
)


def samples():
    """Return the inputs (640,) and labels (640,) of tutorial 2, which begins with the first 20."""
    rng = np.random.default_rng(3)
    x = rng.normal(scale=2, size=(640, 1))[:, 0]
    return x, rng.binomial(1, expit(1.5 * x - 1))


def page():
    """Return the page, as HTML."""
    x, y = samples()
    data = {
        "x": x.tolist(), "y": y.tolist(), "counts": COUNTS, "plane": PLANE, "line": LINE, "priors": PRIORS,
        "start": START, "colours": [colour for colour, _ in CLASS_STYLES[:2]],
    }  # fmt: skip
    shared = files("minilaplace.explorer")
    scripts = [shared / "average.js", shared / "drawing.js", HERE / "slope.js", HERE / "slope_page.js"]
    texts = {
        "title": TITLE, "lead": LEAD, "facts": FACTS, "plugin": GREEN, "point": PURPLE, "still": still(x, y),
        "style": (shared / "page.css").read_text(encoding="utf-8"), "data": json.dumps(data, separators=(",", ":")),
        "scripts": "".join(script.read_text(encoding="utf-8") for script in scripts),
    }  # fmt: skip
    frame = (HERE / "slope_frame.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: texts[place[1]], frame)


def write(path):
    """Write the page to `path`."""
    Path(path).write_text(page(), encoding="utf-8")


def still(x, y):
    """Return the picture that is shown without JavaScript, as an <img>."""
    X, y = x[:20, None], y[:20]
    model = BayesianModel(MLP(1, 1), Bernoulli(), prior_precision=START["prior"])
    la, exact = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y), exact_posterior(model, X, y)
    figure, text = Figure(figsize=(9, 3.6), dpi=80, layout="constrained"), io.BytesIO()
    plane, line = figure.subplots(1, 2)
    draw_posteriors(plane, la, exact)
    inputs = np.linspace(*LINE[0], 141)[:, None]
    for p, colour, dashes, name in [
        (exact.predict(inputs), "black", "-", "exact average"),
        (la.predict(inputs, "quadrature"), "C0", "--", "Laplace's average"),
        (la.predict(inputs, "plugin"), GREEN, ":", "plugin"),
    ]:
        line.plot(inputs, p, color=colour, linestyle=dashes, label=name)
    for label, (colour, marker) in enumerate(CLASS_STYLES[:2]):
        at = X[y == label]
        line.scatter(at, np.full(len(at), label), color=colour, marker=marker, edgecolors="black", zorder=3)
    line.set(xlabel="x", ylabel="P(y = 1)")
    line.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.1))
    figure.savefig(text, format="png", metadata={"Software": None})
    reduced = io.BytesIO()
    Image.open(text).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1).save(
        reduced, "PNG", optimize=True
    )
    alt = escape("The posterior over slope and intercept, exact and by Laplace, and what averaging over each predicts.")
    return f'<img alt="{alt}" src="data:image/png;base64,{b64encode(reduced.getvalue()).decode()}">'


def draw_posteriors(ax, la, exact):
    """Draw the curves that enclose 50% and 95% of the exact posterior and of Laplace's Gaussian, and the mode."""
    falling = np.argsort(exact.weights)[::-1]  # from the most probable point down
    enclosed, angle = np.cumsum(exact.weights[falling]), np.linspace(0, 2 * np.pi, 200)
    root = np.linalg.cholesky(la.posterior.covariance())
    for mass in (0.95, 0.5):
        height = exact.weights[falling][np.searchsorted(enclosed, mass)]
        ax.tricontour(*exact.thetas.T, exact.weights, levels=[height], colors="black")
        ellipse = la.theta[:, None] + np.sqrt(-2 * np.log(1 - mass)) * root @ [np.cos(angle), np.sin(angle)]
        ax.plot(*ellipse, color="C0", linestyle="--")
    ax.plot(*exact.mean, "P", color="black")
    ax.plot(*la.theta, "o", color=GREEN)
    ax.set(xlabel="slope w", ylabel="intercept b", xlim=PLANE[0], ylim=PLANE[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="the file to write")
    write(parser.parse_args().path)
