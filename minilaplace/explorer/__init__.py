"""*Zoomed out*: Figure 3 in a window, with prior, network and data to be moved by hand.

`explorer.py` holds data and settings and computes, without matplotlib; `panel.py` is the picture, and `window.py` the
sliders and buttons around it. `explore` opens the window; it is fetched on first use, as it needs matplotlib.
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
