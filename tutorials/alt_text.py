"""What a figure shows, in words, for who does not see it: its titles, axes and legends.

When a notebook is executed, each picture's output gets these words as its metadata, `{"image/png": {"alt": "..."}}`,
from where the site takes them, and Jupyter's own exports do. A cell of a script that says it better begins with

    # %% mystnb={"image": {"alt": "HMC and Laplace: bands that are narrow at two clusters and wide between"}}
"""

import re
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from nbformat import NotebookNode

NAMED = {
    r"\to": " to ", r"\mid": "|", r"\sqrt": "root of ", r"\top": "T", r"\le": " at most ", r"\times": " x ",
    r"\pm": "+-", r"\,": " ", r"\ ": " ",
}  # fmt: skip


def alternative(figure: Figure) -> str:
    """Return what a figure shows: its title, each of its panels, and its legends."""
    shown = [figure.get_suptitle(), *map(panel, figure.axes), *map(entries, figure.legends)]
    return ". ".join(dict.fromkeys(filter(None, map(plain, shown))))


def panel(ax: Axes) -> str:
    """Return a panel's title, axes and legend, "loss: nll over x; legend: a, b"; of a colour bar, its label."""
    if ax.get_label() == "<colorbar>":
        label = ax.get_ylabel() or ax.get_xlabel()
        return f"colours: {label}" if label else ""
    title, x, y = ax.get_title() or ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel()
    axes = f"{y} over {x}".removesuffix(" over ").strip()
    legend = entries(ax.get_legend()) if ax.get_legend() else ""
    return "; ".join(filter(None, [": ".join(filter(None, [title, axes])), legend]))


def entries(legend) -> str:
    """Return the words of a legend's entries."""
    return "legend: " + ", ".join(entry.get_text() for entry in legend.get_texts())


def plain(text: str) -> str:
    """Return a label in one line and without TeX."""
    text = re.sub(r"\\(?:mathrm|mathbf|text|bf|rm)\b", "", text.replace("$", ""))
    for name, word in NAMED.items():
        text = re.sub(re.escape(name) + (r"\b" if name[-1].isalpha() else ""), word, text)
    return " ".join(re.sub(r"[\\{}]", "", text).split())


def alt_of(cell: NotebookNode) -> str:
    """Return what a cell's pictures show: as the cell says, else as the figures say; empty if neither does."""
    said = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
    return said or " ".join(dict.fromkeys(filter(None, (by_figure(output) for output in pictures([cell])))))


def by_figure(output: NotebookNode) -> str:
    """Return what a figure has said of itself when it was drawn."""
    return output.get("metadata", {}).get("image/png", {}).get("alt", "")


def pictures(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Return the outputs of cells that are pictures."""
    return [output for cell in cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
