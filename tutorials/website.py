"""The site: the notebooks as they were executed, the pages beside them and the module reference, as HTML."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from alt_text import alt_of, pictures
from executed import ENVIRONMENT, GALLERY, HERE, scripts
from moving_pages import PAGES, embedded
from nbformat import NotebookNode
from reference_pages import reference

TESTS = HERE.parent / "tests"
NUMBERS = ["reference_values.json", "pytorch_autograd.npz", "laplace_torch.npz", "psislw.npz"]  # for other libraries
NO_LITE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not here yet</title><link rel="icon" href="data:,">
<p>The notebooks that run in a browser are built apart: <code>python tutorials/build.py lite</code>
writes them into this folder. <a href="../index.html">Back to the course</a>.</p></html>
"""


def build_site(target: Path) -> int:
    """Build the site in a folder; return Sphinx's code, 0 if all went well."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        copy_pages(source)
        (source / "reference").mkdir()
        for name, page in reference().items():
            (source / "reference" / f"{name}.md").write_text(page, encoding="utf-8")
        write_added(source / "added")
        (source / "static").mkdir()
        shutil.copy(HERE / "course.css", source / "static")
        shutil.copy(HERE / "site.js", source / "static")
        (source / "static" / "favicon.svg").write_text(favicon(), encoding="utf-8")
        command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", source, target]
        code = subprocess.run(command, check=False, env=os.environ | ENVIRONMENT).returncode
    lite = target / "lite" / "index.html"
    if code == 0 and not lite.exists():
        lite.parent.mkdir(exist_ok=True)
        lite.write_text(NO_LITE, encoding="utf-8")
    return code


def copy_pages(source: Path) -> None:
    """Copy the pages and the notebooks of the course and of its gallery, with what only the site adds to them."""
    for pattern in ["conf.py", "*.png"]:
        for path in HERE.glob(pattern):
            shutil.copy(path, source)
    (source / "gallery").mkdir()
    for folder, up in [(HERE, ""), (GALLERY, "../")]:
        for path in folder.glob("*.md"):
            text = path.read_text(encoding="utf-8").replace("](../tests/REFERENCE.md)", "](numbers.md)")
            text = embedded(text.replace("](../tests/", "](downloads/"), up)
            if path == HERE / "index.md":
                text = with_links_to_tutorials(text)
            (source / path.relative_to(HERE)).write_text(text, encoding="utf-8")
        for path in folder.glob("*.ipynb"):
            notebook = for_the_site(nbformat.read(path, as_version=4), path.stem, up)
            nbformat.write(notebook, source / path.relative_to(HERE))
    shutil.copy(TESTS / "REFERENCE.md", source / "numbers.md")


def with_links_to_tutorials(index: str) -> str:
    """Return the course's page with the titles in its table as links."""
    for path in scripts(HERE, []):
        number = int(path.name[:2])
        row = rf"^\| {number} \| ([^|]+) \|"
        index = re.sub(row, rf"| {number} | [\1]({path.stem}.ipynb) |", index, flags=re.MULTILINE)
    return index


def for_the_site(notebook: NotebookNode, name: str, up: str) -> NotebookNode:
    """Return a notebook whose pictures say what they show, with its moving pages and its downloads."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.*)$", cell.source, flags=re.MULTILINE)
            heading = headings[-1] if headings else heading
            cell.source = embedded(cell.source, up)
        elif pictures([cell]):
            alt = alt_of(cell) or f"A picture of the section: {re.sub('[$`*]', '', heading)}"
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(downloads(name, up), id="downloads"))
    return notebook


def downloads(name: str, up: str) -> str:
    """Return the line of a notebook's page from which it can be taken along."""
    offered = {"notebook": f"{name}.ipynb", "script": f"{name}.py"}
    if not up:
        offered |= {"solutions of all tutorials": "solutions.py", "all of the course": "course.zip"}
    return "Download: " + ", ".join(
        f'<a href="{up}downloads/{file}" download>{what}</a>' for what, file in offered.items()
    )


def write_added(folder: Path) -> None:
    """Write what stands beside the pages: those that move, and what can be downloaded."""
    loads, course = folder / "downloads", folder / "course"
    loads.mkdir(parents=True)
    for name, write in PAGES.items():
        write(folder / name)
    for path in [*scripts(HERE, []), *GALLERY.glob("*.py"), HERE / "solutions.py"]:
        shutil.copy(path, loads)
    for path in [*HERE.glob("*.ipynb"), *GALLERY.glob("*.ipynb")]:
        shutil.copy(path, loads)
    for path in [*(TESTS / name for name in NUMBERS), *TESTS.glob("record_*.py")]:
        shutil.copy(path, loads)
    shutil.copytree(HERE, course, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.make_archive(str(loads / "course"), "zip", course)
    shutil.rmtree(course)


def favicon() -> str:
    """Return a Gaussian over its axis, in the course's colours, as SVG."""
    curve = " ".join(f"{x},{27 - 22 * 2.718281828 ** (-(((x - 16) / 6.0) ** 2) / 2):.1f}" for x in range(2, 31))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<polygon points="2,27 {curve} 30,27" fill="#56b4e9"/>'
        f'<polyline points="{curve}" fill="none" stroke="#0072b2" stroke-width="2.5"/>'
        '<path d="M1 28.5h30" stroke="#888" stroke-width="2"/></svg>\n'
    )
