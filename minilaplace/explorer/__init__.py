"""*Zoomed out*: Figure 2 in a window that zooms out to Figure 3; prior, network and data can be changed by hand.

`explorer.py` holds the data and settings and computes the posterior, without matplotlib. `panel.py` draws the picture
and listens to the mouse, and `window.py` has the sliders and buttons around it. `explore` opens the window; the names
of `window.py` are imported on first use, because they need matplotlib.
"""

from typing import TYPE_CHECKING, Any

from .explorer import Explorer, Settings

if TYPE_CHECKING:
    from .window import NoWindowError, Window, explore

__all__ = ["Explorer", "NoWindowError", "Settings", "Window", "explore"]


def __getattr__(name: str) -> Any:
    if name in ("NoWindowError", "Window", "explore"):
        from . import window

        return getattr(window, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
