"""The site builds without a warning, reads without a network, and its symbols are the code's."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "minilaplace"
GLOSSARY = (ROOT / "tutorials" / "glossary.md").read_text(encoding="utf-8")


def rows_below(heading, text):
    """Return the rows of every table below this heading, cell by cell."""
    tables = [part.split("\n\n")[0].split('\n"""')[0] for part in text.split(heading + "\n")[1:]]
    return [[cell.strip() for cell in row.strip("|").split("|")] for table in tables for row in table.splitlines()[1:]]


def test_the_glossary_has_the_symbols_of_every_module_as_the_module_has_them():
    modules = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))
    }
    tables = [
        [*row, f"`{name}`"]
        for name, text in modules.items()
        for row in rows_below("| symbol | shape | meaning |", text)
    ]
    ours = rows_below("| symbol | shape | meaning | module |", GLOSSARY)
    assert ours == tables, "`python tutorials/build.py glossary` writes the table again"
    assert len(tables) > 10
    assert any("/" in name for *_, name in tables)
    assert not re.search(r"^\| symbol \| (?!shape \| meaning \|$)", "\n".join(modules.values()), flags=re.MULTILINE)


@pytest.mark.needs("jupytext", "nbclient")
def test_the_glossarys_table_is_written_from_the_modules_and_nothing_else_is_touched(tmp_path):
    heading = "| symbol | shape | meaning | module |\n|---|---|---|---|\n"
    before, table = GLOSSARY.split(heading)
    target = tmp_path / "glossary.md"
    for stale in ("", "| of | () | old | `gone.py` |\n", table):
        target.write_text(before + heading + stale + "\nMore text.\n", encoding="utf-8")
        assert runpy.run_path(str(ROOT / "tutorials" / "build.py"))["glossary"](target) == 0
        assert target.read_text(encoding="utf-8") == GLOSSARY + "\nMore text.\n"


def test_a_symbol_stands_once_in_the_table_of_all():
    symbols = [row[0] for row in rows_below("| symbol | in formulas | shape | meaning |", GLOSSARY)]
    assert len(symbols) > 20
    assert len(set(symbols)) == len(symbols)


of_the_site = pytest.mark.needs("jupytext", "nbclient", "myst_nb", "furo", "sphinx-mathjax-offline")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built once."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "tutorials" / "build.py", "site", target]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        f"building the course and the module reference in {target}, a minute or two",
        f"written: open {target / 'index.html'} in a browser",
    ]
    return target


@of_the_site
def test_the_site_has_every_tutorial_and_every_module(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    for notebook in (ROOT / "tutorials").glob("*.ipynb"):
        page = (site / f"{notebook.stem}.html").read_text(encoding="utf-8")
        assert f'href="{notebook.stem}.html"' in index
        assert "is still open" in page  # what its exercises printed
        assert "<img alt=" in page
    for path in PACKAGE.rglob("*.py"):
        room, *module = path.relative_to(PACKAGE).parts
        if room == "__init__.py":
            continue
        page = (site / "reference" / f"{room.removesuffix('.py')}.html").read_text(encoding="utf-8")
        headings = re.findall(r"<h([12])><code.*?>([\w./]+)</span></code>", page)
        assert headings[0] == ("1", f"{room}/" if module else room)
        assert module in ([], ["__init__.py"]) or ("2", module[0]) in headings


@of_the_site
def test_the_site_has_the_gallery_with_a_page_for_each_entry(site):
    gallery = site / "gallery"
    index = (gallery / "index.html").read_text(encoding="utf-8")
    assert 'href="gallery/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    for script in (ROOT / "tutorials" / "gallery").glob("*.py"):
        if script.stem != "claims":
            page = (gallery / f"{script.stem}.html").read_text(encoding="utf-8")
            alts = re.findall('"alt": "(.*?)"', script.read_text(encoding="utf-8"))
            assert f'href="{script.stem}.html"' in index
            assert all(f'<img alt="{alt}"' in page for alt in alts)
            assert "holds?" in page


@of_the_site
def test_the_reference_opens_with_the_readmes_map_whose_rooms_are_links(site):
    page = (site / "reference" / "index.html").read_text(encoding="utf-8")
    spine, beyond = page.index("<h2>The spine"), page.index("<h2>Beyond the spine")
    for path in (path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()):
        if path.name != "__init__.py":
            name = path.name if path.suffix else f"{path.name}/"
            link = rf'<a class="reference internal" href="{path.stem}\.html"><[^/]*>{re.escape(name)}</span>'
            assert re.search(link, page[spine:]), name
    assert spine < page.index('href="data.html"', spine) < beyond < page.index('href="structures.html"', beyond)


@of_the_site
def test_the_page_of_a_package_has_its_modules_and_names_them_as_they_are_imported(site):
    page = (site / "reference" / "network.html").read_text(encoding="utf-8")
    assert re.search(r'href="#network-mlp"><[^/]*>mlp\.py</span>', page)
    assert 'id="network-mlp"' in page
    assert 'id="minilaplace.network.MLP.forward"' in page
    assert "minilaplace.network.mlp.MLP" not in re.sub(r"<[^>]+>", "", page)


@of_the_site
def test_a_reference_page_shows_formulas_and_shapes_as_they_are_written(site):
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "network.html").read_text(encoding="utf-8"))
    assert "z_l = W_l a_{l-1} + b_l,   a_l = act(z_l),   a_0 = x,   f = z_L" in page
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "calibration.html").read_text(encoding="utf-8"))
    assert "sum_b n_b / N |frequency_b - confidence_b|" in page


@of_the_site
def test_the_site_asks_no_other_host_for_anything(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]*)"|<link[^>]* href="([^"]*)"', text)
        assert [url for pair in loaded for url in pair if "//" in url] == [], page
        assert ('class="math ' in text) == ("_static/mathjax/tex" in text), page
