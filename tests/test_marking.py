"""A folder of students' notebooks is marked by the tutorials' own checks."""

import csv
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("jupytext", "nbformat")
FOLDER = Path(__file__).parents[1] / "tutorials"
TUTORIAL = FOLDER / "03_forward_and_backward.py"


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def handed_in(path, answers):
    """Write the notebook of a student who has replaced what an exercise's cell holds, or left it, or (None) lost it."""
    nbformat, exercises = import_module("nbformat"), import_module("exercises")
    notebook = nbformat.read(TUTORIAL.with_suffix(".ipynb"), as_version=4)
    for cell in list(notebook.cells):
        for number, code in exercises.exercises_of([cell]).items():
            if answers.get(number, "") is None:
                notebook.cells.remove(cell)
            elif number in answers:
                cell.source = answers[number](code)
        if cell.source == "*Your answer:*":
            cell.source += " because"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["notebook"], row["exercise"]): (row["mark"], row["says"]) for row in csv.DictReader(file)}


def test_a_folder_is_marked_by_the_tutorials_own_checks(tmp_path, capsys):
    exercises, mark = import_module("exercises"), import_module("mark")
    right = exercises.titled(FOLDER / "solutions.py")

    def solved(number):
        return lambda code: exercises.answered(code, right[number])

    handed_in(tmp_path / "ada" / "03.ipynb", {number: solved(number) for number in ("3.1", "3.2", "3.3", "3.4", "3.5")})
    handed_in(tmp_path / "bob" / "03.ipynb", {
        "3.1": lambda code: right["3.1"] + "\nexercise_3_1 = True\nprint('it agrees')",  # a check of one's own
        "3.2": lambda code: "def my_forward(theta, X):\n    return 1 / 0\n\n" + exercises.gap_and_check(code)[1],
        "3.3": lambda code: "import sys\nsys.exit()\n\n" + exercises.gap_and_check(code)[1],
        "3.4": None,
    })  # fmt: skip
    (tmp_path / "ada" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "ada" / ".ipynb_checkpoints" / "03.ipynb").write_text("{}")
    assert mark.main([str(tmp_path), str(tmp_path / "marks.csv")]) == 0
    assert capsys.readouterr().out == "ada/03.ipynb: 5 of 5\nbob/03.ipynb: 1 of 5\n"
    table = rows(tmp_path / "marks.csv")
    assert [table["ada/03.ipynb", f"3.{k}"][0] for k in range(1, 6)] == ["1"] * 5
    assert table["bob/03.ipynb", "3.1"][0] == "1"  # the answer is right, whatever the check was changed to
    assert table["bob/03.ipynb", "3.2"] == ("0", "ZeroDivisionError: division by zero")
    assert table["bob/03.ipynb", "3.3"] == ("0", "SystemExit: ")
    assert table["bob/03.ipynb", "3.4"] == ("0", "its cell is missing")
    assert table["bob/03.ipynb", "3.5"] == ("0", "motion of the outputs: the gap `...` is still open")
    in_words = [says for (notebook, _), (given, says) in table.items() if notebook == "ada/03.ipynb" and not given]
    assert in_words == ["because", "because"]


def test_an_answer_that_does_not_end_costs_no_other_exercise(tmp_path, monkeypatch):
    exercises, mark = import_module("exercises"), import_module("mark")
    handed_in(tmp_path / "03.ipynb", {"3.1": lambda code: "while True: pass\n\n" + exercises.gap_and_check(code)[1]})

    def run(path, folder, apart, timeout):
        if any("while True" in code for _, code in apart):
            raise subprocess.TimeoutExpired("python", timeout)
        return exercises.run(path, folder, apart, timeout)

    monkeypatch.setattr(mark, "run", run)
    found = {number: (given, says) for number, given, says in mark.marks(tmp_path / "03.ipynb", 600.0)}
    assert found["3.1"] == (0, "not finished within 600 s")
    assert found["3.2"] == (0, "outputs: the gap `...` is still open")


def test_what_is_no_tutorial_is_named_and_the_others_are_marked(tmp_path, capsys):
    nbformat, mark = import_module("nbformat"), import_module("mark")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# My notes")])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    handed_in(tmp_path / "b.ipynb", {})
    assert mark.main([str(tmp_path), str(tmp_path / "marks.csv")]) == 1
    out, err = capsys.readouterr()
    assert out == "b.ipynb: 0 of 5\n"
    assert err.endswith("a.ipynb: its first heading is that of no tutorial\n")
    with pytest.raises(SystemExit):
        mark.main([str(tmp_path / "nowhere"), str(tmp_path / "marks.csv")])
    assert "expected notebooks in it" in capsys.readouterr().err
