"""A symbol means what the glossary says, in the tutorials that it names, and no term stands before it is explained."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("jupytext")
FOLDER = Path(__file__).parents[1] / "tutorials"
GLOSSARY = (FOLDER / "glossary.md").read_text(encoding="utf-8")
PATHS = {int(path.name[:2]): path for path in sorted(FOLDER.glob("[0-9][0-9]_*.py"))}
EVERYWHERE = {*"ijkdeI", "pi"}  # indices, and what they are in all of mathematics
GREEK = [
    "alpha",
    "gamma",
    "delta",
    "epsilon",
    "eta",
    "kappa",
    "lambda",
    "Lambda",
    "mu",
    "nu",
    "pi",
    "Phi",
    "rho",
    "sigma",
    "Sigma",
    "theta",
    "ell",
]

every_tutorial = pytest.mark.parametrize("number", PATHS)


def table(heading):
    """Return the rows of the table whose first column has this heading, as dictionaries."""
    head, rows = re.findall(rf"^(\| {heading} .*)\n\|[-|]+\n((?:\|.*\n)+)", GLOSSARY, flags=re.MULTILINE)[0]
    names = [name.strip() for name in head.strip("|").split("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]
    return [dict(zip(names, row, strict=True)) for row in cells]


@cache
def prose(number):
    cells = import_module("jupytext").read(PATHS[number], fmt="py:percent").cells
    return " ".join(" ".join(cell.source for cell in cells if cell.cell_type == "markdown").split())


def letters(formula):
    """Return the letters of a formula, Greek ones by their names; words in upright type are none."""
    formula = re.sub(r"\\(text|mathrm|operatorname|begin|end|mathbf)\{[^}]*\}(\{[lcr]+\})?", "", formula)
    commands, roman = re.findall(r"\\([A-Za-z]+)", formula), re.sub(r"\\[A-Za-z]+", " ", formula)
    return {*re.findall(r"[A-Za-z]", roman)} | {name for name in commands if name in GREEK}


def used(number):
    return set().union(*(letters("".join(found)) for found in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose(number))))


def known(number):
    everywhere = [row["in formulas"] for row in table("symbol [|] in formulas [|] shape")]
    here = [
        row["in formulas"]
        for row in table("symbol [|] in formulas [|] tutorials")
        if str(number) in re.findall(r"\d+", row["tutorials"])
    ]
    return set().union(*map(letters, everywhere + here)) | EVERYWHERE


@every_tutorial
def test_every_letter_of_its_formulas_is_in_the_glossary(number):
    assert used(number) - known(number) == set()


def test_a_letter_is_said_to_be_in_a_tutorial_that_has_it():
    for row in table("symbol [|] in formulas [|] tutorials"):
        for number in map(int, row["tutorials"].split(", ")):
            assert letters(row["in formulas"]) <= used(number) | EVERYWHERE, (row, number)


TERMS = {row["term"].strip("*"): int(row["explained in"]) for row in table("term")}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_set_off_where_it_is_explained_and_stands_in_no_tutorial_before(term):
    explained = TERMS[term]
    assert re.search(rf"(\*\*?|_){term}[\w ]*(\*\*?|_)", prose(explained), flags=re.IGNORECASE), "not in italics there"
    for number in range(2, explained):
        assert not re.search(rf"(?<![\w`-]){term}", re.sub(r"`[^`]*`", "", prose(number)), flags=re.IGNORECASE), number


def test_the_glossarys_bold_words_are_explained_among_its_terms():
    bold = set(re.findall(r"\*\*([^*]+)\*\*", GLOSSARY.split("## Terms")[0]))
    assert bold <= set(TERMS) | {"MAP estimate", "logits", "generalised Gauss-Newton matrix", "empirical Fisher"}
