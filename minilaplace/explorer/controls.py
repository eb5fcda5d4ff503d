"""The sliders, radio buttons and buttons of the explorer's window, and where they are in a figure of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, TransformedBbox
from matplotlib.widgets import Button, RadioButtons, Slider

from ..curvature import CURVATURES
from ..model.classes import Bernoulli
from ..structures.fit import STRUCTURES
from .layout import COLUMN, ROW, Layout

CHOICES = [  # a group of radio buttons: its name, its setting, the width in points of its longest option, its options
    ("structure", "hessian_structure", 64.0, list(STRUCTURES)),
    ("curvature", "curvature", 101.0, list(CURVATURES)),
    ("link", "link_approx", 72.0, list(Bernoulli.links)),
]
LABEL, NUMBER = 72.0, 44.0  # the widths in points of a slider's name and of its value
OPTION = 13.5  # the height in points of a radio button
LETTERS = 9.0  # the size of their letters


class Controls:
    """Sliders, radio buttons and buttons by name; `changing` is the place of what changes when a slider is moved."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self.sliders: dict[str, Slider] = {}
        self.radios: dict[str, RadioButtons] = {}
        self.buttons: dict[str, Button] = {}
        self._knobs = Bbox.unit()
        self.changing = TransformedBbox(self._knobs, figure.transFigure)

    def add_slider(
        self, name: str, low: float, high: float, value: float, act: Callable[[float], None], step: float | None = None
    ) -> None:
        """Add a slider, whose axis is a little longer than its range: at the ends, too, all of the knob can be held."""
        self.sliders[name] = slider = Slider(self._axes(name), name, low, high, valinit=value, valstep=step)
        slider.ax.set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))
        for text in (slider.label, slider.valtext):
            text.set_fontsize(LETTERS)
        slider.drawon = False  # it is drawn once, together with what it changes
        slider.on_changed(act)

    def add_choice(self, name: str, options: Sequence[str], chosen: str, act: Callable[[Any], None]) -> None:
        """Add radio buttons, which call `act` with the option that is chosen."""
        axes = self._axes(name, frameon=False)
        axes.set_title(name, loc="left", fontsize=10, pad=1)
        letters: dict[str, Sequence[Any]] = {"fontsize": [LETTERS] * len(options)}
        self.radios[name] = RadioButtons(axes, options, active=options.index(chosen), label_props=letters)
        self.radios[name].on_clicked(act)

    def add_button(self, name: str, act: Callable[[], None]) -> None:
        """Add a button that calls `act`."""
        self.buttons[name] = button = Button(self._axes(name), name)
        button.label.set_fontsize(LETTERS)
        button.on_clicked(lambda event: act())

    def place(self, layout: Layout) -> None:
        """Put all of them where the layout says."""
        left, bottom, width, height = layout.sliders
        for row, slider in enumerate(self.sliders.values()):
            at = bottom + height - ROW * (row + 1)
            put(slider.ax, left + LABEL, at, width - LABEL - NUMBER, 0.75 * ROW)
        x, y = 72 * self._figure.get_size_inches()
        self._knobs.bounds = (left + LABEL) / x, bottom / y, (width - LABEL) / x, height / y
        at, top = layout.choices.left, layout.choices.bottom + layout.choices.height - 16
        for name, _, points, options in CHOICES:
            wide, high = min(width / COLUMN, 1.3) * points, OPTION * len(options)
            put(self.radios[name].ax, at, top - high, wide, high)
            at += wide
        step = min(width, 1.5 * COLUMN) / len(self.buttons)
        for k, button in enumerate(self.buttons.values()):
            put(button.ax, left + k * step, layout.buttons.bottom, step - 5, layout.buttons.height)

    def _axes(self, name: str, **options: Any) -> Axes:
        return self._figure.add_axes((0, 0, 1, 1), label=name, **options)


def put(axes: Axes, left: float, bottom: float, width: float, height: float) -> None:
    """Put axes at a place in points."""
    figure: Any = axes.figure
    x, y = 72 * figure.get_size_inches()
    axes.set_position((left / x, bottom / y, width / x, height / y))
