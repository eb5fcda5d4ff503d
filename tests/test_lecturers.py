"""What the page for lecturers says of tutorials and exercises is so."""

import re
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("jupytext", "nbformat")
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tutorials"
PAGE = (FOLDER / "lecturers.md").read_text(encoding="utf-8")
SCRIPTS = {int(path.name[:2]): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9][0-9]_*.py"))}


def rows(heading):
    """Return the cells of the table below a heading, row by row."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def wrong(monkeypatch):
    """Return the titles of the wrong answers to each exercise."""
    monkeypatch.syspath_prepend(str(FOLDER))
    titles = [t.partition(" ") for t in import_module("exercises").titled(ROOT / "tests" / "wrong_answers.py")]
    return {(number, what) for number, _, what in titles}


def test_each_misconception_is_a_wrong_answer_to_the_exercises_that_are_named_with_it(wrong):
    table = rows("Misconceptions")
    assert len(table) > 20
    for _, exercises, said in table:
        for number in exercises.split(", "):
            assert (number, said.strip('"')) in wrong


def test_an_exercise_that_has_the_named_mistake_is_in_its_row(wrong):
    for _, exercises, said in rows("Misconceptions"):
        assert {number for number, what in wrong if what == said.strip('"')} == set(exercises.split(", ")), said


def test_every_tutorial_has_a_row_with_its_objectives_and_times():
    table = rows("What each is for")
    assert [int(row[0]) for row in table] == list(SCRIPTS)
    assert all(0 < int(row[-1]) < 30 for row in table)


def test_the_marks_of_the_scheme_are_those_of_the_questions():
    marks = {kind: int(number) for kind, number, _ in rows("A marking scheme")}
    for script in SCRIPTS.values():
        asked = re.findall(r"^# ### (Derive|Explain) \d+\.\d+: .* \((\d) marks\)$", script, flags=re.MULTILINE)
        assert [(kind.lower(), int(number)) for kind, number in asked] == [
            (kind, marks[kind]) for kind in ("derive", "explain")
        ]
    five = [script for script in SCRIPTS.values() if script.count("\n# ### Exercise ") == 5]
    assert len(five) > 5
    assert f"has {5 * marks['code'] + marks['derive'] + marks['explain']} marks, {5 * marks['code']} of them" in PAGE


def test_the_exercises_for_paper_are_there():
    section = PAGE.split("## What fits on paper\n")[1].split("\n## ")[0]
    numbers = re.findall(r"\d+\.\d+", section)
    assert len(numbers) > 10
    for number in numbers:
        assert f"\n# ### Exercise {number}: " in SCRIPTS[int(number.split(".")[0])]


def test_one_thread_is_set_where_people_start():
    for page in (PAGE, (FOLDER / "index.md").read_text(encoding="utf-8")):
        assert "OPENBLAS_NUM_THREADS=1" in page
