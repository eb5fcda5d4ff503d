"""Slides from a tutorial's executed notebook; `python tutorials/build.py slides` makes them.

A heading opens a slide, to the right of the last; each further text, each picture, and what prints many lines, opens
one below it. Code that is long or that draws is folded away, and its output stays. What is still too long for a slide
is set in smaller type there. The slides need no network: reveal.js and MathJax are copied beside them from the packages
that hold them, sphinx-revealjs and sphinx-mathjax-offline.
"""

import importlib.util
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode

SHORT = 6  # lines of code that are shown, not folded
LONG = 15  # lines that are printed, from which on they have a slide to themselves
REVEAL = ("dist", "plugin/notes")  # what the slides use of reveal.js
TEMPLATE = """
{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}
<script>MathJax = {tex: {inlineMath: [["$", "$"]], tags: "none"}}</script>
<script src="mathjax/tex-chtml.js"></script>
{%- endblock -%}
{%- block html_head_css -%}
<style>
.reveal .slides { text-align: left; }
.reveal .slides section { max-height: 700px; overflow-y: auto; }
.reveal .slides h1, .reveal .slides h2, .reveal .slides h3 { text-transform: none; }
.reveal pre { width: 100%; box-shadow: none; white-space: pre-wrap; }
.reveal summary.code { color: gray; font-size: 16px; }
.reveal .jp-OutputArea-output img { width: 100%; max-height: 620px; object-fit: contain; margin: 0; }
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none; }
</style>
{%- endblock -%}
{%- block input -%}
{%- if cell.metadata.folded -%}
<details><summary class="code">code</summary>{{ super() }}</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock -%}
{%- block footer_js -%}
<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>
Reveal.initialize({width: 1100, height: 750, hash: true, center: false, transition: "none", slideNumber: "h.v",
                   plugins: [RevealNotes]});
function fit() { // a slide that is too long is set in smaller type; one that would take less than .64 scrolls
  const slide = Reveal.getCurrentSlide();
  for (let zoom = 1; slide.scrollHeight > slide.clientHeight && zoom > 0.63; zoom -= 0.03) {
    slide.style.zoom = zoom;
    slide.style.maxHeight = `${700 / zoom}px`;
  }
}
Reveal.on("slidechanged", fit);
MathJax.startup.promise.then(fit);
</script>
{%- endblock -%}
"""


def write_slides(notebook: Path, target: Path) -> Path:
    """Write the slides of an executed notebook into the folder `target`; return where they are."""
    content = nbformat.read(notebook, as_version=4)
    content.cells = [part for cell in content.cells if cell.source != "*Your answer:*" for part in parts(cell)]
    content.metadata["title"] = content.cells[0].source.splitlines()[0].removeprefix("# ")
    for before, cell in zip([None, *content.cells], content.cells, strict=False):
        cell.metadata["slideshow"] = {"slide_type": place(cell, before)}
        if cell.cell_type == "code":
            cell.metadata["folded"] = len(cell.source.splitlines()) > SHORT or draws(cell)
        else:  # a link to another page of the site leads nowhere from here
            cell.source = re.sub(r"\[([^\]]+)\]\([\w/]+\.(?:md|ipynb|html)(?:#[^)]*)?\)", r"\1", cell.source)
    page, _ = SlidesExporter(
        raw_template=TEMPLATE, reveal_url_prefix="reveal", reveal_theme="white"
    ).from_notebook_node(content)
    path = target / f"{notebook.stem}.html"
    path.write_text(page, encoding="utf-8")
    return path


def parts(cell: NotebookNode) -> list[NotebookNode]:
    """Return a cell, or if it is a text with headings in it, a cell for each of them."""
    if cell.cell_type == "code":
        return [cell]
    texts = re.split(r"^(?=#{1,3} )", cell.source, flags=re.MULTILINE)
    return [nbformat.v4.new_markdown_cell(text.strip()) for text in texts if text.strip()]


def place(cell: NotebookNode, before: NotebookNode | None) -> str:
    """Return which slide a cell begins, after the cell before it: one to the right, one below, or none ("-")."""
    if cell.cell_type == "markdown":
        return "slide" if re.match(r"#{1,3} ", cell.source) else "subslide"
    alone = draws(cell) or printed(cell) > LONG or (before is not None and draws(before))
    return "subslide" if alone else "-"


def draws(cell: NotebookNode) -> bool:
    """Return whether a cell's output is a picture."""
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def printed(cell: NotebookNode) -> int:
    """Return how many lines a cell's output has."""
    return sum(len(output.get("text", "").splitlines()) for output in cell.get("outputs", []))


def copy_scripts(target: Path) -> None:
    """Copy reveal.js and MathJax, with their fonts, into folders of the slides' folder."""
    for part in REVEAL:
        beside("sphinx_revealjs", f"_static/revealjs/{part}", target / "reveal" / part)
    beside("sphinx-mathjax-offline", "static/mathjax", target / "mathjax")


def beside(package: str, folder: str, target: Path) -> None:
    """Copy a folder of an installed package, without importing it."""
    (home,) = importlib.util.find_spec(package).submodule_search_locations
    shutil.copytree(Path(home) / folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.map"))
