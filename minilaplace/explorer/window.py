"""The explorer's window: sliders for prior and temperature, buttons, and data that the mouse can move.

`explore` opens a window on an `Explorer`, which computes what is drawn here. In a notebook call it after
`%matplotlib widget`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, TransformedBbox

from ..predictive.links import SAMPLED
from ..training.convergence import convergence_heard
from ..validation import Array, instance
from .controls import CHOICES, Controls, put
from .explorer import Explorer
from .layout import lay_out
from .panel import Hand, Overlay, Panel

HELP = [
    "Prior and temperature reshape the Gaussian around theta. Nothing is refitted: the curvature that was added up is "
    "used again, and theta stays. `train` moves theta to the mode of the present prior, `tune prior` moves the prior "
    "to where the evidence is largest at this theta.",
    "Click to add a point: left class 0, right class 1. Drag a point to move it, out of the picture to remove it; "
    "`undo` takes the last change back.",
]
AT_MODE = (
    "Theta is a mode as far as training goes: it ends where the slope is nearly zero, and where the loss is flat too, "
    "the curvature may still be slightly negative"
)
PAUSE = 0.1  # seconds between two reports of the training


class NoWindowError(RuntimeError):
    """Matplotlib cannot open a window, because there is no screen or because its backend only writes files."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"matplotlib cannot open a window here: {why}. On a desktop, install Tk (python3-tk) or `pip install "
            "pyside6`; over ssh, use `ssh -X`; in a notebook, `pip install ipympl` and `%matplotlib widget`. Without a "
            "window an Explorer still answers, see help(minilaplace.explorer.Explorer)"
        )


class SupersededError(Exception):
    """The data or settings have changed during a training, so that its result is not needed."""


def explore(explorer: Explorer | None = None) -> Window:
    """Open a window on an explorer, by default that of Figure 2, and return the window; `view` zooms out to Figure 3.

    `matplotlib.pyplot.show` waits until it is closed. Raises a `NoWindowError` where matplotlib cannot open a window.
    """
    explorer = Explorer() if explorer is None else explorer
    instance("explorer", explorer, Explorer, "an Explorer")
    try:
        figure = plt.figure(figsize=(11, 6.6))
    except ImportError as error:  # the backend that was asked for needs a screen
        raise NoWindowError(str(error)) from None
    manager = figure.canvas.manager
    if manager is None or type(manager).show is FigureManagerBase.show:
        plt.close(figure)
        raise NoWindowError(f"its backend {plt.get_backend()!r} only writes files")
    manager.set_window_title("minilaplace: the Laplace approximation by hand")
    return Window(explorer, figure)


class Window:
    """A panel with the picture, the controls beside it and the mouse, all of which act on an explorer.

    `sliders`, `radios` and `buttons` hold the controls by name; all sliders but that of the hidden units hold decimal
    logarithms. `facts` is the text with the numbers of the present state.
    """

    def __init__(self, explorer: Explorer, figure: Figure) -> None:
        self.explorer, self.figure, self.panel = explorer, figure, Panel(figure)
        self._training, self._superseded = False, False
        self._shown, self._news = 0.0, ""  # when progress was last shown, and warnings to show
        self._controls = Controls(figure)
        self.sliders, self.radios, self.buttons = self._controls.sliders, self._controls.radios, self._controls.buttons
        self.facts = figure.text(0, 0, "", va="top", fontsize=9, linespacing=1.3)
        self.help = figure.text(0, 0, "", va="top", fontsize=8, color="0.35", linespacing=1.3)
        self._add_sliders()
        for name, field, _, options in CHOICES:
            chosen = getattr(explorer.settings, field)
            self._controls.add_choice(name, options, chosen, partial(self._choose, field))
        for name, act in (("train", self._train), ("tune prior", self._tune)):
            self._controls.add_button(name, act)
        for name, change in (("new start", explorer.start_anew), ("undo", explorer.undo)):
            self._controls.add_button(name, partial(self._change, change))
        self._numbers = Bbox.unit()  # the place of the facts
        places = [self._controls.changing, TransformedBbox(self._numbers, figure.transFigure)]
        self._overlay = Overlay(figure, self._changing, [self.panel.axes.bbox, *places])
        self._lay_out()
        figure.canvas.mpl_connect("resize_event", lambda event: self._lay_out())
        self.refresh()
        self.hand = Hand(explorer, self.panel, self._change, self._overlay.draw)
        figure.window = self  # type: ignore[attr-defined]  # matplotlib itself does not keep its widgets alive

    def _add_sliders(self) -> None:
        now, size = self.explorer.settings, np.log10(np.abs(self.explorer.X).max())
        add, change = self._controls.add_slider, partial(self._change, self.explorer.set)
        add("prior precision", -4, 4, np.log10(now.prior_precision), lambda v: change(prior_precision=10.0**v))
        add("temperature", -3, 3, np.log10(now.temperature), lambda v: change(temperature=10.0**v))
        add("view", size - 0.5, size + 1.5, size + 0.04, lambda v: self.refresh())
        add("hidden units", 0, 64, now.n_hidden, lambda v: change(n_hidden=int(v)), step=1)

    def _choose(self, field: str, chosen: Any) -> None:
        self._change(self.explorer.set, **{field: str(chosen)})

    def _lay_out(self) -> None:
        """Put everything where there is room for it in a figure of the present size."""
        width, height = 72 * self.figure.get_size_inches()
        layout = lay_out(width, height, sum(map(len, HELP)))
        put(self.panel.axes, *layout.picture)
        put(self.panel.bar, *layout.bar)
        self.panel.wrap()
        self._controls.place(layout)
        x, y, wide, high = layout.facts
        self._letters = layout.facts.letters(9)
        self.facts.set_position((x / width, (y + high) / height))
        self._numbers.bounds = x / width, y / height, wide / width, high / height
        text = "\n".join(fill(paragraph, layout.help.letters(8)) for paragraph in HELP)
        self.help.set(text=text, visible=layout.help.height > 0)
        self.help.set_position((layout.help.left / width, layout.help.bottom / height))

    def _changing(self) -> list[Artist]:
        """Return the artists that are drawn again when a slider moves."""
        knobs = [a for s in self.sliders.values() for a in (*s.ax.patches, *s.ax.lines, s.valtext)]
        return [*self.panel.artists, *knobs, self.facts]

    def refresh(self) -> None:
        """Draw the present state, after a training if data or network have changed."""
        if self.explorer.needs_training or self._training:
            self._train()
        else:
            self._show()

    def _show(self) -> None:
        """Draw the data, and the prediction or the reason why there is none."""
        half = 10.0 ** self.sliders["view"].val
        view_changed = half != self.panel.half
        self.panel.look(half)
        if failed := self.explorer.needs_training:
            self.panel.refuse(self._news)
        self._say("none" if failed else self._predict())
        self.panel.show_data(self.explorer.X, self.explorer.y)
        self._overlay.draw(everything=view_changed)

    def _predict(self) -> str:
        """Draw the probabilities, or the reason why there are none, and return the log evidence as text."""
        x = np.linspace(-self.panel.half, self.panel.half, 25 if self.explorer.settings.link_approx in SAMPLED else 51)
        points = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
        try:
            self.panel.show(x, self.explorer.probabilities(points).reshape(len(x), len(x)))
            return f"{self.explorer.laplace().log_marginal_likelihood():.1f}"
        except (ValueError, np.linalg.LinAlgError) as error:
            flat = isinstance(error, np.linalg.LinAlgError) and self.explorer.at_mode
            self.panel.refuse(f"{error}. {AT_MODE}" if flat else str(error))
            return "none"

    def _say(self, evidence: str) -> None:
        """Write the numbers of the present state beside the controls, and the last training's or tuning's warnings."""
        explorer, now = self.explorer, self.explorer.settings
        self.sliders["prior precision"].valtext.set_text(f"{now.prior_precision:.3g}")
        self.sliders["temperature"].valtext.set_text(f"{now.temperature:.3g}")
        self.sliders["view"].valtext.set_text(rf"$\pm${self.panel.half:.3g}")
        theta = "none" if explorer.trained_under is None else f"the mode of prior {explorer.trained_under:.3g}"
        if not (explorer.at_mode or explorer.needs_training):
            theta += f", not of {now.prior_precision:.3g}"
        lines = [
            f"{len(explorer.X)} samples, {explorer.model.network.n_params} parameters, start {explorer.seed}",
            f"theta: {theta}",
            f"log evidence: {evidence}",
            fill(self._news, self._letters, max_lines=3, placeholder=" ..."),
        ]
        self.facts.set_text("\n".join(lines).strip())

    def _change(self, change: Callable[..., None], **settings: Any) -> None:
        """Make a change to the explorer, and draw the result."""
        with self._reporting():
            change(**settings)
        self.refresh()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Keep what is said of convergence and the texts of errors, to be shown beside the controls."""
        self._news = ""
        with convergence_heard() as heard:
            try:
                yield
            except (ValueError, np.linalg.LinAlgError) as error:
                self._news = str(error)
        self._news = " ".join([self._news, *heard]).strip()

    def _train(self) -> None:
        """Train and show the progress, start again after each change that comes in meanwhile, and draw the result."""
        self._superseded = True
        if self._training:
            return
        self._training = True
        try:
            while self._superseded:
                self._superseded = False
                with self._reporting(), suppress(SupersededError):
                    self.explorer.train(self._progress)
        finally:
            self._training = False
        self._show()

    def _progress(self, step: int, theta: Array, loss: float) -> None:
        """Show a training step from time to time, and end the training if a change has come in meanwhile."""
        if time.perf_counter() - self._shown > PAUSE:
            self.facts.set_text(f"training: step {step}, loss {loss:.2f} ...")
            self._overlay.draw()
            self.figure.canvas.flush_events()
            self._shown = time.perf_counter()
        if self._superseded:
            raise SupersededError

    def _tune(self) -> None:
        """Tune the prior and move its slider there, unless a training is under way."""
        if self._training:
            return
        with self._reporting():
            self.explorer.tune_prior()
        slider = self.sliders["prior precision"]
        slider.eventson = False
        slider.set_val(np.log10(self.explorer.settings.prior_precision))
        slider.eventson = True
        self.refresh()
