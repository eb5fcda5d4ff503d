"""Pages that move in the reader's hand, made when the site is built, and how a text shows one.

A paragraph of a tutorial, or of another page of the course, that begins with a link to one of `PAGES`,

    [Move the prior precision yourself](figure_3.html#prior=0.01&view=50), and look at the corners.

is shown below that page in a frame; any other link to one is a link. Behind `#` stand the settings to start from, as
`prior=0.01`, `view=50`, `temperature=2` and `noise=0.5` in numbers, `link=plugin`, `structure=kron` and
`curvature=hessian` by name. Where there is no site, say in Jupyter, the link leads to a file of this name beside the
notebook, which `python -m minilaplace explore --html figure_3.html` writes.
"""

import re
from html import escape
from pathlib import Path

import slope

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, marglik_training, toy_data_regression
from minilaplace.explorer import Explorer, save_page

ADDED = r"(?:downloads|lite)/[\w./-]+"  # what the site's build puts beside the pages, without a frame


def write_figure_3(path: Path) -> None:
    """Write the posterior of the post's Figures 2 and 3, of which the second is the first from far out."""
    Explorer().save_page(path, title="Figures 2 and 3, by hand")


def write_gap(path: Path) -> None:
    """Write the regression with a gap in its data, of the tutorial on regression."""
    X, y = toy_data_regression(80, noise=0.3, rng=0)
    outside = (X[:, 0] < 3) | (X[:, 0] > 5.5)
    X, y = X[outside], y[outside]
    start = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=1.0), prior_precision=1.0)
    model, theta = marglik_training(start, X, y, optimize_noise=True, rng=0, tol=1e-6)
    save_page(path, Laplace(model, theta).fit(X, y), X, y, title="A gap in the data, by hand")


PAGES = {"figure_3.html": write_figure_3, "gap.html": write_gap, "slope.html": slope.write}
LINK = re.compile(rf"\[([^\]]+)\]\(((?:{'|'.join(map(re.escape, PAGES))})(?:#[^)\s]*)?|{ADDED})\)")


def embedded(markdown: str, up: str = "") -> str:
    """Make the links to these pages those of the site, with a frame above paragraphs that begin with one.

    `up` leads from the page that the text is of to the site's root.
    """

    def linked(found: re.Match[str]) -> str:
        return f'<a href="{up}{escape(found[2])}">{found[1]}</a>'

    def framed(paragraph: str) -> str:
        first = LINK.match(paragraph)
        if first is None or re.fullmatch(ADDED, first[2]):
            return LINK.sub(linked, paragraph)
        frame = (
            f'<iframe class="moves" src="{up}{escape(first[2])}" title="{escape(first[1])}" loading="lazy"></iframe>'
        )
        return f"{frame}\n\n{LINK.sub(linked, paragraph)}"

    return "\n\n".join(map(framed, markdown.split("\n\n")))
