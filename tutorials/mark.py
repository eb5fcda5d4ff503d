"""Mark a folder of students' notebooks.

    python tutorials/mark.py answers/ marks.csv

Each notebook in the folder, or in folders inside, is one student's work on one tutorial, which its first heading names.
What a student has written above an exercise's check is run with the tutorial's own cells and the tutorial's own check,
so that a changed check changes nothing. The table has a row for each exercise: the notebook, the exercise, 1 or 0, and
what the check says; then, to be read and marked by hand, the answers in words.

It runs the students' code, with all that you may do on this machine: take an account or a container that may do little.
"""

import argparse
import csv
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from exercises import HERE, answer_in, answered, cells_of, exercises_of, run

COLUMNS = ("notebook", "exercise", "mark", "says")
PATIENCE = 300.0  # seconds for one notebook
WORDS = "*Your answer:*"  # how the cell begins in which a student answers in words


def tutorial_of(notebook: Path) -> Path:
    """Return the script of the tutorial that a notebook was; raise a ValueError if its heading names none."""
    heading = re.match(r"# (\d+)\. ", cells_of(notebook)[0].source)
    found = sorted(HERE.glob(f"{int(heading[1]):02}_*.py")) if heading else []
    if not found:
        raise ValueError(f"{notebook}: its first heading is that of no tutorial")
    return found[0]


def marks(notebook: Path, patience: float = PATIENCE) -> Iterator[tuple[str, int | str, str]]:
    """Yield exercise, mark and message for each exercise of a notebook's tutorial, and the answers in words."""
    tutorial = tutorial_of(notebook)
    asked, given = exercises_of(cells_of(tutorial)), exercises_of(cells_of(notebook))
    answers = {k: answered(asked[k], answer_in(given[k], asked[k])) for k in asked if k in given}
    verdicts = judged(tutorial, answers, patience)
    for number in asked:
        yield number, *verdicts.get(number, (0, "its cell is missing"))
    for question, cell in zip(cells_of(notebook), cells_of(notebook)[1:], strict=False):
        if cell.source.startswith(WORDS):
            title = re.search(r"^### (.+)$", question.source, re.MULTILINE)
            yield title[1] if title else "", "", cell.source.removeprefix(WORDS).strip()


def judged(tutorial: Path, answers: dict[str, str], patience: float) -> dict[str, tuple[int, str]]:
    """Return mark and message of each answer; those of a notebook that does not end are run one by one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            process, results = run(tutorial, Path(folder), list(answers.items()), patience)
        except subprocess.TimeoutExpired:
            if len(answers) == 1:
                return dict.fromkeys(answers, (0, f"not finished within {patience:g} s"))
            alone = (judged(tutorial, {number: code}, patience) for number, code in answers.items())
            return {number: verdict for each in alone for number, verdict in each.items()}
    if process.returncode:
        *_, why = process.stderr.strip().splitlines() or [f"it ended with code {process.returncode}"]
        raise ValueError(f"{tutorial.name} does not run here: {why}")
    verdicts = {}
    for number in answers:
        ((passed, says),) = results[number]["checks"].values() or [(False, results[number]["error"])]
        verdicts[number] = int(passed), says
    return verdicts


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 if a notebook could not be marked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the notebooks are")
    parser.add_argument("table", type=Path, help="the CSV to write")
    given = parser.parse_args(arguments)
    notebooks = sorted(path for path in given.folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not notebooks:
        parser.error(f"argument folder: expected notebooks in it, received {given.folder}")
    failed = 0
    with given.table.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for notebook in notebooks:
            name = notebook.relative_to(given.folder).as_posix()
            try:
                rows = list(marks(notebook))
            except ValueError as problem:
                failed += 1
                print(problem, file=sys.stderr)
                continue
            table.writerows((name, *row) for row in rows)
            got = [mark for _, mark, _ in rows if mark != ""]
            print(f"{name}: {sum(got)} of {len(got)}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
