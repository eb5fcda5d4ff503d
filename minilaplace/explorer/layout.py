"""Where the parts of the explorer's window are, for a figure of any size, in points: text keeps its size, too.

The controls are beside the picture or below it, wherever the picture is the larger. What the mouse does is said below
the picture, where there is room for it.

    beside:   picture | sliders        below:   picture
              help    | choices                 help
                      | buttons                 sliders, choices, buttons, numbers
                      | numbers
"""

from __future__ import annotations

from typing import NamedTuple

LEFT, RIGHT, TOP, BOTTOM = 50.0, 8.0, 22.0, 36.0  # around the picture: tick labels, nothing, legend, tick labels
BAR = 64.0  # the colour bar with its labels
COLUMN, CONTROLS = 240.0, 302.0  # the least width of the controls, and their height
LINE = 8 * 1.35  # of the help, whose letters have 8 points
LETTER = 0.56  # the width of a letter on average, in units of its height, rounded up
LEAST = 150.0  # the size of a picture below which its help is left out
ROW, GAP = 20.0, 8.0  # the height of a slider or a line of numbers, and the space between groups


class Box(NamedTuple):
    """A place in points: its left and bottom edge, its width and height."""

    left: float
    bottom: float
    width: float
    height: float

    def letters(self, size: float) -> int:
        """Return how many letters of this size, in points, fit into a line."""
        return max(int(self.width / (LETTER * size)), 20)


class Layout(NamedTuple):
    """The places of all parts; `help` and `facts` are the upper left corners of texts so many letters wide."""

    picture: Box
    bar: Box
    help: Box
    sliders: Box
    choices: Box
    buttons: Box
    facts: Box


def lay_out(width: float, height: float, n_letters: int) -> Layout:
    """Return the layout of a figure of this size, in points, with a help of so many letters."""
    beside = _picture(width - COLUMN - GAP, height, n_letters)
    below = _picture(width, height - CONTROLS, n_letters)
    size, for_help = max(beside, below)
    picture = Box(LEFT, height - TOP - size, size, size)
    end = picture.left + size + BAR
    if beside >= below:
        column = Box(end + GAP, 0.0, max(width - end - GAP - RIGHT, COLUMN), height - 4)
        help_width = end - GAP
    else:
        column = Box(GAP, 0.0, max(width - GAP - RIGHT, COLUMN), picture.bottom - BOTTOM - for_help)
        help_width = column.width
    return Layout(
        picture,
        Box(picture.left + size + 8, picture.bottom, 9.0, size),
        Box(GAP, picture.bottom - BOTTOM, help_width, for_help),
        *_column(column),
    )


def _picture(width: float, height: float, n_letters: int) -> tuple[float, float]:
    """Return the size of the square that fits here, and the height of the help below it, 0 if it is left out."""
    size = alone = min(width - LEFT - BAR, height - TOP - BOTTOM)
    for _ in range(3):  # a smaller picture has a narrower help below it, which is higher
        lines = 2 + int(n_letters * LETTER * 8 / max(size + LEFT + BAR - GAP, 1.0))  # two paragraphs
        for_help = lines * LINE + GAP
        size = min(alone, height - TOP - BOTTOM - for_help)
    return (size, for_help) if size >= LEAST else (max(alone, 60.0), 0.0)


def _column(column: Box) -> list[Box]:
    """Return the places of sliders, choices, buttons and numbers below each other, from the top of the column."""
    top, boxes = column.height, []
    for height in (4 * ROW, 96.0, 22.0, 78.0):
        boxes.append(Box(column.left, top - height, column.width, height))
        top -= height + GAP
    return boxes
