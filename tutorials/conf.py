"""How the site is built; `python tutorials/build.py site` does it."""

import re

import site_links
from formulas import is_formula, latex
from sphinx.application import Sphinx

import minilaplace

project = "minilaplace"
copyright = "the minilaplace maintainers, MIT licence"
release = version = minilaplace.__version__

extensions = [
    "myst_nb",  # Markdown, and notebooks as they were executed
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # its own copy of MathJax: the site needs no network
]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 2

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures have them, the docstrings say the shapes
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["Returns", ("Attributes", "params_style")]  # in sentences; several names a line

html_theme = "furo"
html_title = "minilaplace"
html_show_sphinx = False
html_copy_source = False

html_static_path = ["static"]
html_css_files = ["course.css"]
html_js_files = ["site.js"]
html_favicon = "static/favicon.svg"
html_extra_path = ["added"]  # the pages that move, and what can be downloaded


def setup(app: Sphinx) -> None:
    """Read docstrings as what they are, plain text with backticks, before napoleon reads their sections."""
    app.connect("autodoc-process-docstring", plain_text, priority=400)
    site_links.connect(app)


def plain_text(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn a docstring into reStructuredText, in place: formulas are mathematics, sources stand before sections."""
    prose, sections = [], []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if block.startswith("Source: ") or not (sections or re.search("^---+$", block, flags=re.MULTILINE)):
            prose.append(indented(block) if block.startswith("    ") else escaped(block))
        else:
            sections.append(escaped(block))
    lines[:] = [line for block in prose + sections for line in [*block.splitlines(), ""]]


def indented(block: str) -> str:
    """Return an indented block: a formula as mathematics, anything else as it is written."""
    return f".. math::\n\n   {latex(block)}" if is_formula(block) else "::\n\n" + block


def escaped(block: str) -> str:
    """Let `*`, `|`, `_` and backslashes mean themselves; emphasis, code in backticks and examples stay."""
    text, example, rest = block.partition(">>>")
    parts = re.split(r"(``[^`]+``|`[^`]+`|(?<![\w*])\*\w[^*`]*\*(?!\w))", text)
    parts[::2] = [re.sub(r"([*|\\]|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = ["``" + part.strip("`") + "``" if part.startswith("`") else part for part in parts[1::2]]
    joined = parts[0]
    for marked, after in zip(parts[1::2], parts[2::2], strict=True):
        joined += marked + ("\\ " if after[:1].isalnum() else "") + after
    return joined + example + rest
