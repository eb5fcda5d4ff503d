"""The explorer as a page for a browser: one file, which asks nothing of a network, in which the posterior still moves.

Python writes theta, the data, and the eigenvalues and eigenvectors of each curvature into the file. The page itself
computes the rest, in `laplace.js`, which begins with the equations, and `average.js`: a slider changes one weighted sum
a point. `page.js` and `drawing.js` draw, and `page.html` is the frame around all. The controls and what they offer are
listed in `contents.py`, and nowhere else.
"""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..curvature import CURVATURES
from ..laplace import Laplace
from ..model.classes import Bernoulli
from ..model.gaussian import Gaussian
from ..network.subset import select
from ..plotting.contour import plot_contour
from ..predictive.links import link_of
from ..storage import written_aside
from ..structures.fit import KEPT
from ..validation import Array, instance, option, refusal
from .contents import COLOURS, POSTERIORS, controls_of, data_of, links_of, noise_of

LIMIT = 500_000  # bytes of a page
TITLE = "The Laplace approximation by hand"
CLASSES = (
    "Colours are P(y = 1), the posterior predictive of a trained network. Move the view out, and the prior precision "
    "down: the weaker the prior, the nearer to 1/2 is what is predicted far from the data. Choose the link plugin, "
    "which takes the parameters for certain, and see how much surer it is there."
)
REGRESSION = (
    "The line is the mean of the posterior predictive, with two standard deviations to each side: the grey band is the "
    "noise alone, and the coloured margin is what the uncertain parameters add. Move the prior precision down, or the "
    "view out: the margin grows where there is no data. The noise decides how much each sample counts."
)
FACTS = (
    "{N} samples, {P} parameters. Theta is the same throughout: a slider reshapes the Gaussian around it, and nothing "
    "is trained again."
)


def save_page(
    path: str | Path,
    la: Laplace,
    X: Any,
    y: Any,
    *,
    link_approx: str | None = None,
    structures: Sequence[str] | None = None,
    title: str = TITLE,
) -> None:
    """Write the `page` of these arguments to `path`; a file there is replaced as a whole.

    Examples
    --------
    >>> from minilaplace import MLP, BayesianModel, fit_map, toy_data_linear
    >>> X, y = toy_data_linear(100, rng=0)
    >>> model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    >>> la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    >>> save_page("figure_1.html", la, X, y, title="Figure 1, by hand")  # doctest: +SKIP
    """
    path = Path(path)
    html = page(la, X, y, link_approx=link_approx, structures=structures, title=title)
    with written_aside(path) as beside:
        beside.write_text(html, encoding="utf-8")


def page(
    la: Laplace,
    X: Any,
    y: Any,
    *,
    link_approx: str | None = None,
    structures: Sequence[str] | None = None,
    title: str = TITLE,
) -> str:
    """Return a page of HTML that shows the posterior predictive of `la`, and lets a reader move it.

    Parameters
    ----------
    la
        A fitted `Laplace` whose prior precision is one number: with `Bernoulli`, of two inputs and one logit; or with
        `Gaussian`, of one input and one output. The page starts from its prior, temperature, noise and curvature, and
        from its structure if that is one of the page's. Theta is the same throughout.
    X, y
        The data of the fit, (N, D) and (N,), without weights.
    link_approx
        The link to start from, as in `Laplace.predict`, if it is one of the page's: those that draw samples are not.
    structures
        Those that the reader can choose from: `"full"`, `"kron"`, `"diag"`, `"last_layer"`, by default all. The page
        takes at most 500 kB, which is enough for `"full"` of about 130 parameters, and for the others of thousands.
    title
        The heading of the page.

    Raises
    ------
    ValueError
        If the page would take more than 500 kB, or if it has no picture for the model.
    """
    instance("la", la, Laplace, "a Laplace")
    likelihood = la.model.likelihood
    _check_shown(la)
    start = link_of(likelihood, link_approx, 1)
    X, y = la.model.check_data(X, y)
    if la.n_data != len(X):
        raise ValueError(refusal("X", f"the {la.n_data:g} samples that la was fitted to", f"{len(X)}"))
    offered = _offered(la, structures)
    links = links_of(likelihood)
    link = next((name for name in links if link_of(likelihood, name, 1) is start), links[0])
    data = data_of(la, X, y, offered) | controls_of(la, X, offered, links, link)
    texts = {
        "title": escape(str(title)), "lead": CLASSES if likelihood.is_classifier else REGRESSION,
        "facts": FACTS.format(N=len(X), P=len(la.theta)), "still": _still(la, X, y, link),
        "data": json.dumps(data).replace("<", "\\u003c"), "style": _part("page.css"),
        "scripts": "".join(map(_part, ("average.js", "drawing.js", "laplace.js", "page.js"))),
    }  # fmt: skip
    html = re.sub(r"\{\{(\w+)\}\}", lambda place: texts[place[1]], _part("page.html"))
    if len(html.encode()) > LIMIT:
        raise _too_large(len(html.encode()), la)
    return html


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _check_shown(la: Laplace) -> None:
    """Raise a ValueError if the page has no picture for this model."""
    network, likelihood = la.model.network, la.model.likelihood
    D = {Bernoulli: 2, Gaussian: 1}.get(type(likelihood))
    if D is None or network.input_shape != (D,) or network.n_outputs != 1:
        expected = "a Laplace of two inputs and one logit with Bernoulli(), or of one input and output with Gaussian()"
        raise ValueError(refusal("la", expected, f"{network} with {likelihood}"))
    if np.ndim(la.model.prior_precision):
        raise ValueError(refusal("la", "a prior precision that is one number, for one slider", la.model))


def _offered(la: Laplace, structures: Sequence[str] | None) -> list[str]:
    """Return the names of the structures, or raise a ValueError if their eigenvectors alone take too much."""
    names = tuple(POSTERIORS) if structures is None else structures
    if isinstance(names, str) or not np.iterable(names) or len(names) == 0:
        raise ValueError(refusal("structures", f"some of {', '.join(map(repr, POSTERIORS))}", repr(names)))
    offered = [option("structures", name, POSTERIORS) for name in names]
    kept = 0
    for name in offered:
        subset = select(la.model.network, POSTERIORS[name]["subset_of_weights"])
        kept += KEPT[POSTERIORS[name]["hessian_structure"]](subset, 0)
    if (size := 16 * kept * len(CURVATURES) // 3) > LIMIT:  # four bytes a number, in base64
        raise _too_large(size, la)
    return offered


def _too_large(size: int, la: Laplace) -> ValueError:
    expected = f"some whose page takes at most {LIMIT // 1000} kB, as 'kron', 'diag' and 'last_layer' do"
    return ValueError(refusal("structures", expected, f"a page of {size // 1000} kB for {len(la.theta)} parameters"))


def _still(la: Laplace, X: Array, y: NDArray[Any], link: str) -> str:
    """Return the picture that is shown without JavaScript, or why there is none."""
    figure, text = Figure(figsize=(6.4, 5.2), dpi=80, layout="constrained"), io.BytesIO()
    try:
        if la.model.likelihood.is_classifier:
            plot_contour(la, X, y, link_approx=link, ax=figure.subplots())
        else:
            _draw_bands(figure, la, X, y, link)
    except np.linalg.LinAlgError as error:
        return escape(str(error))
    figure.savefig(text, format="png", metadata={"Software": None})
    alt = "The posterior predictive of the network, with the data. With JavaScript, prior and view can be moved."
    return f'<img alt="{alt}" src="data:image/png;base64,{b64encode(text.getvalue()).decode()}">'


def _draw_bands(figure: Figure, la: Laplace, X: Array, y: NDArray[Any], link: str) -> None:
    """Draw the mean of a regression, and two standard deviations of its noise, and of noise and function together."""
    ax, reach = figure.subplots(), 0.25 * np.ptp(X)
    x = np.linspace(X.min() - reach, X.max() + reach, 200)
    predicted: Any = la.predict(x[:, None], link)
    mean, std, noise = predicted.mean[:, 0], predicted.std[:, 0], np.full(len(x), noise_of(la))
    for colour, width in ((COLOURS["function"], std), (COLOURS["noise"], noise)):
        ax.fill_between(x, mean - 2 * width, mean + 2 * width, color=colour, linewidth=0)
    ax.plot(x, mean, color=COLOURS["mean"])
    ax.plot(X[:, 0], y, ".", color="black", markersize=4)
    ax.set(xlabel="x", ylabel="y")
