"""The exercises of the tutorials, their solutions, and answers to them.

An exercise's cell has a gap, `...`, and below it its check, which ends with the assignment to `exercise_3_2` and a line
that prints it. An answer takes the place of all that stands above the check.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
from arithmetic import ARITHMETIC

HERE = Path(__file__).resolve().parent
ENVIRONMENT = ARITHMETIC | {
    "MPLBACKEND": "Agg",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
}


def cells_of(path: Path) -> list[Any]:
    """Return the cells of a script in percent format, or of a notebook."""
    return jupytext.read(path, fmt="py:percent" if path.suffix == ".py" else "ipynb").cells


def exercises_of(cells: list[Any]) -> dict[str, str]:
    """Return the exercises' cells, gap and check, by their numbers, "3.1"."""
    found = {}
    for cell in cells:
        check = re.search(r"^exercise_(\d+)_(\d+) = ", cell.source, re.MULTILINE)
        if cell.cell_type == "code" and check:
            found[f"{check[1]}.{check[2]}"] = cell.source
    return found


def titled(path: Path) -> dict[str, str]:
    """Return the cells of a script by their titles: the solutions by "3.1", other answers by "3.1 what they are"."""
    return {cell.metadata["title"]: cell.source for cell in cells_of(path) if "title" in cell.metadata}


def gap_and_check(code: str) -> tuple[str, str]:
    """Return an exercise's cell in two parts: up to the statement that has the gap `...`, and from there on."""
    for statement in ast.parse(code).body:
        if any(getattr(node, "value", None) is ... for node in ast.walk(statement)):
            lines = code.splitlines(keepends=True)
            return "".join(lines[: statement.end_lineno]), "".join(lines[statement.end_lineno :]).strip()
    raise ValueError(f"an exercise's cell has no gap: {code}")


def answer_in(code: str, exercise: str) -> str:
    """Return a student's answer: what stands in the cell above the exercise's check, or above its verdict."""
    check = gap_and_check(exercise)[1]
    for line in (check.splitlines()[0], check[check.index("exercise_") :].splitlines()[0]):
        above, found, _ = code.partition(f"\n{line}")
        if found:
            return above
    return code


def answered(exercise: str, answer: str) -> str:
    """Return an exercise's cell with an answer above its check."""
    return f"{answer}\n\n{gap_and_check(exercise)[1]}"


def run(path: Path, folder: Path, apart: list[tuple[str, str]], timeout: float | None = None) -> Any:
    """Run a tutorial's cells in a process of its own, which works in `folder`, then others in copies of what is there.

    Returns the finished process, and by the names of the cells, "cell-001" those of the tutorial, what `run_cells.py`
    says of them. A process that has failed has said less.
    """
    cells = [(f"cell-{i:03}", c.source, False) for i, c in enumerate(cells_of(path), 1) if c.cell_type == "code"]
    cells += [(name, code, True) for name, code in apart]
    process = subprocess.run(
        [sys.executable, "-W", "error", HERE / "run_cells.py"],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=timeout,
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"} | ENVIRONMENT,
    )
    results = json.loads(process.stdout) if process.returncode == 0 else []
    return process, dict(zip([name for name, *_ in cells], results, strict=False))
