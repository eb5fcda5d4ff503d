"""*Zoomed out*: Figure 2 in a window that zooms out to Figure 3; prior, network and data can be changed by hand.

`explorer.py` holds the data and settings and computes the posterior, without matplotlib. `panel.py` draws the picture
and listens to the mouse, `controls.py` has the sliders and buttons, `layout.py` says where all of them are, and
`window.py` joins them: `explore` opens the window. `page.py` writes one file for a browser, in which `laplace.js` moves
prior and view without Python; `contents.py` says what is in that file. The names of `window.py` and `page.py` are
imported on first use, because they need matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .explorer import Explorer, Settings

if TYPE_CHECKING:
    from .page import save_page
    from .window import NoWindowError, Window, explore

__all__ = ["Explorer", "NoWindowError", "Settings", "Window", "explore", "save_page"]


def __getattr__(name: str) -> Any:
    if name in ("NoWindowError", "Window", "explore", "save_page"):
        return getattr(import_module(".page" if name == "save_page" else ".window", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
