"""The picture in the explorer's window, in the colours of `plot_contour`, and the mouse over it."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import Event, MouseButton, MouseEvent
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.transforms import BboxBase
from numpy.typing import NDArray

from ..plotting.contour import CLOSE, LABELLED, LEVELS, fill_contours, scatter_class
from ..validation import Array
from .explorer import Explorer
from .layout import LETTER

REACH = 8.0  # pixels within which a press takes hold of a sample
SIZE = 10.0  # of the letters of a refusal, in points
STILL = 4.0  # pixels that the mouse may move in a click
WHITE: dict[str, Any] = {"colors": "white", "linestyles": ["--", "-", "--"], "linewidths": 1.2}


class Overlay:
    """Artists that are drawn alone when they change, on top of a stored picture of all others, which is quick.

    Matplotlib calls this blitting. Where a backend does not support it, the whole figure is drawn each time.
    """

    def __init__(self, figure: Figure, artists: Callable[[], list[Artist]], regions: list[BboxBase]) -> None:
        self._canvas: Any = figure.canvas
        self._artists, self._regions = artists, regions
        self._behind: list[Any] | None = None
        if self._canvas.supports_blit:
            self._canvas.mpl_connect("draw_event", self._drawn)

    def draw(self, *, everything: bool = False) -> None:
        """Draw the artists again; with `everything`, or before a picture is stored, ask for the whole figure."""
        for artist in self._artists():
            artist.set_animated(self._canvas.supports_blit)  # an animated artist is left out of the stored picture
        if everything or self._behind is None:
            self._canvas.draw_idle()
            return
        for behind in self._behind:
            self._canvas.restore_region(behind)
        self._draw_artists()
        for region in self._regions:
            self._canvas.blit(region)

    def _drawn(self, event: Event) -> None:
        """Store what is behind the artists after the rest of the figure has been drawn, and draw the artists."""
        self._behind = [self._canvas.copy_from_bbox(region) for region in self._regions]
        self._draw_artists()

    def _draw_artists(self) -> None:
        for artist in self._artists():
            self._canvas.figure.draw_artist(artist)


class Panel:
    """The picture of P(y = 1) over a square of the plane, with the data on top."""

    def __init__(self, figure: Figure) -> None:
        self.axes = ax = figure.add_axes((0, 0, 1, 1), label="picture", xlabel="$x_1$", ylabel="$x_2$")
        self.classes = [scatter_class(ax, c, np.empty((0, 2)), size=36) for c in (0, 1)]
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2, **CLOSE)
        scale = ScalarMappable(Normalize(0, 1), "viridis")
        self.bar = figure.add_axes((0, 0, 1, 1), label="bar")
        bar = figure.colorbar(scale, cax=self.bar, boundaries=LEVELS, ticks=[0, *LABELLED, 1])
        bar.set_label("P(y = 1)", labelpad=2)
        bar.ax.hlines(LABELLED, 0, 1, **WHITE)
        self.half = 1.0  # half the width of the view
        self.contours: list[QuadContourSet] = []
        self.refusal = ax.text(0.5, 0.5, "", transform=ax.transAxes, ha="center", va="center", fontsize=SIZE)
        self.why = ""  # the text of the refusal, in one line
        self.refusal.set_bbox({"facecolor": "white", "edgecolor": "black", "boxstyle": "round,pad=0.6"})

    @property
    def artists(self) -> list[Artist]:
        """The artists that change, from the lowest to the topmost."""
        return [*self.contours, *self.classes, self.refusal]

    def show(self, x: Array, p: Array) -> None:
        """Draw the probabilities p (n, n) over the square whose two axes are both x (n,)."""
        self._clear()
        lines = self.axes.contour(x, x, p, levels=LABELLED, **WHITE, zorder=0.5)
        self.contours = [fill_contours(self.axes, x, x, p, zorder=0), lines]

    def refuse(self, why: str) -> None:
        """Remove the probabilities, and write in their place why there are none."""
        self._clear()
        self.refusal.set_visible(True)
        self.why = why
        self.wrap()

    def wrap(self) -> None:
        """Break the text of the refusal into lines for which the picture is wide enough."""
        figure: Any = self.axes.figure
        letters = self.axes.bbox.width * 72 / figure.dpi / (LETTER * SIZE) - 4
        self.refusal.set_text(fill(self.why, max(int(letters), 12)))

    def show_data(self, X: Array, y: NDArray[np.intp]) -> None:
        """Draw the data X (N, 2) and y (N,), with smaller markers where the view is much wider than the data."""
        size = np.clip(30 * np.abs(X).max() / self.half, 6, 30)
        for c, samples in enumerate(self.classes):
            samples.set(offsets=X[y == c], sizes=[size])

    def look(self, half: float) -> None:
        """Set the view to a square of this half width around the origin."""
        self.half = half
        self.axes.set(xlim=(-half, half), ylim=(-half, half))

    def _clear(self) -> None:
        self.refusal.set_visible(False)
        for contours in self.contours:
            contours.remove()
        self.contours = []


class Hand:
    """The mouse over a panel, which adds, moves and removes samples of an explorer.

    It calls `change` with a function that makes a change, and `moved` when a held sample has followed the mouse.
    """

    def __init__(
        self, explorer: Explorer, panel: Panel, change: Callable[[Callable[[], None]], None], moved: Callable[[], None]
    ) -> None:
        self._explorer, self._panel, self._change, self._moved = explorer, panel, change, moved
        self._held: int | None = None  # the sample under the mouse
        self._pressed: tuple[float, float] | None = None  # where a button went down beside all samples
        self._canvas: Any = panel.axes.figure.canvas
        self._canvas.mpl_connect("button_press_event", self._press)
        self._canvas.mpl_connect("motion_notify_event", self._move)
        self._canvas.mpl_connect("button_release_event", self._release)

    def _press(self, event: MouseEvent) -> None:
        """Hold the sample within reach of the left button; if there is none, a click there adds one."""
        if event.inaxes is not self._panel.axes or self._canvas.widgetlock.locked():  # locked: the toolbar zooms, pans
            return
        place = (event.x, event.y)
        distance = np.hypot(*(self._panel.axes.transData.transform(self._explorer.X) - place).T)
        if event.button == MouseButton.LEFT and distance.min() <= REACH:
            self._held = int(distance.argmin())
        elif event.button in (MouseButton.LEFT, MouseButton.RIGHT):
            self._pressed = place

    def _move(self, event: MouseEvent) -> None:
        """Draw the held sample under the mouse; the posterior changes when the sample is let go."""
        if self._held is not None and event.inaxes is self._panel.axes:
            X = self._explorer.X.copy()
            X[self._held] = event.xdata, event.ydata
            self._panel.show_data(X, self._explorer.y)
            self._moved()

    def _release(self, event: MouseEvent) -> None:
        """Move the held sample to where the mouse is, or remove it if that is outside; or add one, after a click.

        A press beside a sample that then moves away was meant for that sample, and adds nothing.
        """
        held, self._held = self._held, None
        pressed, self._pressed = self._pressed, None
        inside, point = event.inaxes is self._panel.axes, (event.xdata, event.ydata)
        label = 0 if event.button == MouseButton.LEFT else 1
        if held is not None and inside:
            self._change(lambda: self._explorer.move_point(held, point))
        elif held is not None:
            self._change(lambda: self._explorer.remove_point(held))
        elif pressed is not None and inside and np.hypot(event.x - pressed[0], event.y - pressed[1]) <= STILL:
            self._change(lambda: self._explorer.add_point(point, label))
