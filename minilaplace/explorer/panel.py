"""Figure 3, *zoomed out*: the picture that an explorer's window holds, quick to draw.

A `Panel` shows P(y = 1) and the data, with the colours and contours of `plotting.plot_contour`; an `Overlay` draws what
changes over what does not; a `Hand` is the mouse over the panel.
"""

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

from ..plotting.contour import CLASS_STYLES, LABELLED, LEVELS
from ..validation import Array
from .explorer import Explorer

REACH = 8.0  # pixels within which a press takes hold of a sample
WHITE: dict[str, Any] = {"colors": "white", "linestyles": ["--", "-", "--"], "linewidths": 1.2}


class Overlay:
    """Artists over a picture of all the others: to change them costs their own drawing, not that of the figure.

    Matplotlib calls it blitting. Where a backend cannot do it, the whole figure is drawn.
    """

    def __init__(self, figure: Figure, artists: Callable[[], list[Artist]], regions: list[BboxBase]) -> None:
        self._figure, self._artists, self._regions = figure, artists, regions
        self._canvas: Any = figure.canvas
        self._behind: list[Any] | None = None
        if self._canvas.supports_blit:
            self._canvas.mpl_connect("draw_event", self._drawn)

    def draw(self, *, everything: bool = False) -> None:
        """Draw the artists anew, or the whole figure, soon."""
        for artist in self._artists():
            artist.set_animated(self._canvas.supports_blit)  # which keeps it out of the picture behind
        if everything or self._behind is None:
            return self._canvas.draw_idle()
        for behind in self._behind:
            self._canvas.restore_region(behind)
        self._draw_artists()
        for region in self._regions:
            self._canvas.blit(region)
        return None

    def _drawn(self, event: Event) -> None:
        self._behind = [self._canvas.copy_from_bbox(region) for region in self._regions]
        self._draw_artists()

    def _draw_artists(self) -> None:
        for artist in self._artists():
            self._figure.draw_artist(artist)


class Panel:
    """The picture: P(y = 1) over a square of the plane, and the data on it."""

    def __init__(self, figure: Figure) -> None:
        self.axes = ax = figure.add_axes((0.055, 0.09, 0.5, 0.835), xlabel="$x_1$", ylabel="$x_2$")
        self.classes = [
            ax.scatter([], [], c=colour, marker=marker, edgecolors="black", linewidths=0.5, label=f"y = {label}")
            for label, (colour, marker) in enumerate(CLASS_STYLES[:2])
        ]
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
        scale = ScalarMappable(Normalize(0, 1), "viridis")
        bar = figure.colorbar(
            scale, cax=figure.add_axes((0.565, 0.09, 0.012, 0.835)), boundaries=LEVELS, ticks=[0, *LABELLED, 1]
        )
        bar.set_label("P(y = 1)", labelpad=2)
        bar.ax.hlines(LABELLED, 0, 1, **WHITE)
        self.half = 1.0  # of the width of the view
        self.contours: list[QuadContourSet] = []
        self.refusal = ax.text(0.5, 0.5, "", transform=ax.transAxes, ha="center", va="center")
        self.refusal.set_bbox({"facecolor": "white", "edgecolor": "black", "boxstyle": "round,pad=0.6"})

    @property
    def artists(self) -> list[Artist]:
        """What changes, from the lowest to the topmost."""
        return [*self.contours, *self.classes, self.refusal]

    def show(self, x: Array, p: Array) -> None:
        """Draw probabilities (n, n) over the square of x (n,)."""
        self._clear()
        filled = self.axes.contourf(x, x, p, levels=LEVELS, cmap="viridis", vmin=0, vmax=1, zorder=0)
        self.contours = [filled, self.axes.contour(x, x, p, levels=LABELLED, **WHITE, zorder=0.5)]

    def refuse(self, why: str) -> None:
        """Draw no probabilities, but why there are none."""
        self._clear()
        self.refusal.set(text=fill(why, 60), visible=True)

    def show_data(self, X: Array, y: NDArray[np.intp]) -> None:
        """Draw the data, smaller where the view is much wider than it."""
        size = np.clip(30 * np.abs(X).max() / self.half, 6, 30)
        for label, points in enumerate(self.classes):
            points.set(offsets=X[y == label], sizes=[size])

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
    """The mouse over a panel: it adds, moves and takes out samples of an explorer.

    `edit` is called with each change to be made, `moved` while a sample follows the mouse.
    """

    def __init__(
        self, explorer: Explorer, panel: Panel, edit: Callable[[Callable[[], None]], None], moved: Callable[[], None]
    ) -> None:
        self._explorer, self._panel, self._edit, self._moved = explorer, panel, edit, moved
        self._held: int | None = None  # the sample under the mouse
        self._canvas: Any = panel.axes.figure.canvas
        self._canvas.mpl_connect("button_press_event", self._press)
        self._canvas.mpl_connect("motion_notify_event", self._move)
        self._canvas.mpl_connect("button_release_event", self._release)

    def _press(self, event: MouseEvent) -> None:
        """Take hold of a sample within reach of the left button, or else add one."""
        if not self._over_panel(event) or self._canvas.widgetlock.locked():  # by the toolbar's zoom or pan
            return
        left, place, point = event.button == MouseButton.LEFT, (event.x, event.y), (event.xdata, event.ydata)
        distance = np.hypot(*(self._panel.axes.transData.transform(self._explorer.X) - place).T)
        if left and distance.min() <= REACH:
            self._held = int(distance.argmin())
        elif left or event.button == MouseButton.RIGHT:
            self._edit(lambda: self._explorer.add_point(point, label=0 if left else 1))

    def _move(self, event: MouseEvent) -> None:
        """Draw the held sample under the mouse; the posterior follows when it is let go."""
        if self._held is not None and self._over_panel(event):
            X = self._explorer.X.copy()
            X[self._held] = event.xdata, event.ydata
            self._panel.show_data(X, self._explorer.y)
            self._moved()

    def _release(self, event: MouseEvent) -> None:
        """Leave the held sample where the mouse is, or take it out if that is outside."""
        held, self._held = self._held, None
        if held is None:
            return
        if self._over_panel(event):
            self._edit(lambda: self._explorer.move_point(held, (event.xdata, event.ydata)))
        else:
            self._edit(lambda: self._explorer.remove_point(held))

    def _over_panel(self, event: MouseEvent) -> bool:
        return event.inaxes is self._panel.axes
