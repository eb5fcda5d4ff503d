"""The tutorials run, their notebooks are what they print, and their exercises are open, can be solved, and notice it.

Each tutorial is executed once: its cells as a script, and after them its exercises again, with their solutions.
"""

import ast
import base64
import importlib.util
import io
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.needs("jupytext", "nbformat")
FOLDER = Path(__file__).parents[1] / "tutorials"
WRONG = Path(__file__).with_name("wrong_answers.py")
PATHS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
HEADER = PATHS[0].read_text(encoding="utf-8").split("# %%")[0]
BESIDE = {path.stem for path in FOLDER.glob("experiment*.py")}
MAY_IMPORT = {"numpy", "scipy", "matplotlib", "minilaplace", "sklearn"} | sys.stdlib_module_names | BESIDE

every_tutorial = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@pytest.fixture(scope="module", autouse=True)
def beside():
    """Make what stands beside the tutorials importable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield


@cache
def cells_of(path):
    return import_module("jupytext").read(path, fmt="py:percent").cells


def notebook_of(path):
    return import_module("nbformat").read(path.with_suffix(".ipynb"), as_version=4)


def solutions():
    return import_module("exercises").titled(FOLDER / "solutions.py")


def exercises_of(path):
    """Return the exercises' cells by their numbers, "3.1", as they stand."""
    return import_module("exercises").exercises_of(cells_of(path))


@cache
def other_answers():
    """Return other answers to exercises by number and title; what is said of wrong ones ends with a "?"."""
    found = {}
    for title, code in import_module("exercises").titled(WRONG).items():
        number, _, what = title.partition(" ")
        found.setdefault(number, {})[what] = code
    return found


class Run:
    """What a tutorial printed, drew and checked, cell by cell; `answers` after it, by number and title."""

    def __init__(self, path, folder):
        exercises = import_module("exercises")
        answers = [((number, ""), solutions()[number]) for number in exercises_of(path)]
        answers += [
            ((number, what), code)
            for number in exercises_of(path)
            for what, code in other_answers().get(number, {}).items()
        ]
        apart = [(str(key), exercises.answered(exercises_of(path)[key[0]], code)) for key, code in answers]
        self.process, results = exercises.run(path, folder, apart)
        self.cells = {name: result for name, result in results.items() if name.startswith("cell-")}
        self.answers = {key: results[str(key)] for key, _ in answers if str(key) in results}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the run of a tutorial; all are started at once, two at a time."""
    pool = ThreadPoolExecutor(2)
    runs = {path: pool.submit(Run, path, tmp_path_factory.mktemp("tutorial")) for path in PATHS}
    yield lambda path: runs[path].result()
    pool.shutdown(cancel_futures=True)


# --- form


def test_the_tutorials_are_numbered_from_one_without_a_gap():
    assert [int(path.name[:2]) for path in PATHS] == list(range(1, len(PATHS) + 1))


@every_tutorial
def test_a_tutorial_starts_with_its_aim_and_ends_with_summary_and_exercises(path):
    first, *rest = cells_of(path)
    assert path.read_text(encoding="utf-8").startswith(HEADER)
    assert first.source.startswith(f"# {int(path.name[:2])}. ")
    assert "After this tutorial you can" in " ".join(first.source.split())
    assert re.search(r"^- Passage of the post: ", first.source, flags=re.MULTILINE)
    assert re.search(r"^- Modules: ", first.source, flags=re.MULTILINE)
    headings = re.findall(r"^##+ .*$", "\n".join(cell.source for cell in rest if cell.cell_type == "markdown"), re.M)
    exercises = [heading for heading in headings if heading.startswith("### Exercise ")]
    words = [heading for heading in headings if heading.startswith(("### Derive ", "### Explain "))]
    asked = ["## Summary", "## Exercises", *exercises, *words]
    assert headings[-len(asked) :] == asked


@every_tutorial
def test_the_modules_that_a_tutorial_names_are_there(path):
    (named,) = re.findall(r"^- Modules: ((?:.+\n)+)", cells_of(path)[0].source, flags=re.MULTILINE)
    for name in re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", named)):
        assert importlib.util.find_spec(f"minilaplace.{name}"), name


@every_tutorial
def test_its_exercises_are_three_to_five_cells_each_a_gap_and_its_check(path):
    numbers = [f"{int(path.name[:2])}.{k}" for k in range(1, 6)]
    exercises = exercises_of(path)
    asked = [cell.source for cell in cells_of(path) if cell.source.startswith("### Exercise ")]
    assert [re.match(r"### Exercise (\d+\.\d+): \S", text)[1] for text in asked] == list(exercises)
    assert len(exercises) in {3, 4, 5}
    assert list(exercises) == numbers[: len(exercises)]
    for number, code in exercises.items():
        name = f"exercise_{number.replace('.', '_')}"
        gap, check = code.split(f"{name} = ")
        assert any(getattr(node, "value", None) is ... for node in ast.walk(ast.parse(gap))), f"{number} has no gap"
        assert re.fullmatch(rf"check_\w+\(.*\)\nprint\({name}\)", check, flags=re.DOTALL), number


def in_words(path):
    """Return what is asked in words by number: whether to derive or to explain, the marks, and the cell below."""
    found = {}
    for question, below in zip(cells_of(path), cells_of(path)[1:], strict=False):
        heading = re.match(r"### (Derive|Explain) (\d+\.\d+): .* \((\d+) marks\)$", question.source, flags=re.MULTILINE)
        if heading:
            found[heading[2]] = heading[1], int(heading[3]), below.source
    return found


@every_tutorial
def test_its_last_exercises_are_one_to_derive_and_one_to_explain_with_room_for_the_answer(path):
    first = len(exercises_of(path)) + 1
    assert list(in_words(path)) == [f"{int(path.name[:2])}.{first + k}" for k in range(2)]
    assert [kind for kind, *_ in in_words(path).values()] == ["Derive", "Explain"]
    assert [room for *_, room in in_words(path).values()] == [import_module("mark").WORDS] * 2


@every_tutorial
def test_a_model_answer_says_for_what_each_mark_is(path):
    for number, (_, marks, _) in in_words(path).items():
        given = [int(mark) for mark in re.findall(r"\((\d)\)", solutions()[number])]
        assert sum(given) == marks, number


def test_every_exercise_has_a_solution_and_every_solution_an_exercise():
    assert list(solutions()) == [number for path in PATHS for number in [*exercises_of(path), *in_words(path)]]


@every_tutorial
def test_a_tutorial_imports_what_readers_have(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {name.split(".")[0] for name in names} <= MAY_IMPORT
    ours = {name for name in names if name.startswith("minilaplace.")}
    assert {name for name in ours if name.count(".") > 1} == set()  # from rooms, not from the modules inside


@pytest.mark.parametrize("page", [FOLDER / "index.md", FOLDER.parent / "README.md"], ids=lambda page: page.name)
def test_the_tables_of_the_course_have_the_tutorials_titles(page):
    table = page.read_text(encoding="utf-8").split("| | tutorial | you learn |")[1].split("\n\n")[0]
    titles = {f"# {number}. {title}" for number, title in re.findall(r"^\| (\d+) \| ([^|]+) \|", table, flags=re.M)}
    assert {cells_of(path)[0].source.splitlines()[0] for path in PATHS} <= titles
    assert len(titles) == 14


# --- execution


@every_tutorial
def test_a_tutorial_runs_without_a_warning(path, run):
    assert run(path).process.stderr == ""
    assert run(path).process.returncode == 0


@every_tutorial
def test_its_exercises_fail_as_long_as_their_gaps_are_open(path, run):
    checks = {name: check for cell in run(path).cells.values() for name, check in cell["checks"].items()}
    assert list(checks) == [f"exercise_{number.replace('.', '_')}" for number in exercises_of(path)]
    for passed, message in checks.values():
        assert passed is False
        assert message.endswith("the gap `...` is still open")


def said_of(run, path, number, what):
    """Return whether an answer passed, and what its check said."""
    result = run(path).answers[number, what]
    assert result["error"] == "", (number, what, result["error"])
    ((passed, message),) = result["checks"].values()
    return passed, message


@every_tutorial
def test_its_solutions_pass(path, run):
    for number in exercises_of(path):
        passed, message = said_of(run, path, number, "")
        assert passed is True, message


@every_tutorial
def test_wrong_answers_do_not_pass_and_the_mistakes_that_are_named_are_told(path, run):
    for number, code in exercises_of(path).items():
        wrong = [what for what in other_answers()[number] if not what.startswith("right")]
        assert 3 <= len(wrong) <= 6, number
        for what in wrong:
            passed, message = said_of(run, path, number, what)
            assert passed is False, (number, what, message)
            if what.endswith("?"):
                assert message.endswith(f"; {what}"), (number, message)
        assert {f"{name}?" for name in foreseen(code)} <= set(wrong), number


@every_tutorial
def test_other_right_answers_pass(path, run):
    for number in exercises_of(path):
        for what in other_answers()[number]:
            if what.startswith("right"):
                passed, message = said_of(run, path, number, what)
                assert passed is True, (number, what, message)


def foreseen(code):
    """Return the names of the mistakes that an exercise's check knows."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    given = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "mistakes"]
    return [key.value for dictionary in given for key in dictionary.keys]


@every_tutorial
def test_its_notebook_is_what_it_says_prints_and_draws(path, run):
    notebook = notebook_of(path)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in cells_of(path)
    ], "build the notebooks again"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            here = run(path).cells[cell.id]
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            assert printed == here["printed"] or not import_module("arithmetic").EVERYWHERE
            assert sum(output.output_type == "display_data" for output in cell.outputs) == here["pictures"]
    assert path.with_suffix(".ipynb").stat().st_size < 300_000


@every_tutorial
def test_its_pictures_are_few_and_of_a_size_to_be_read(path):
    outputs = [output for cell in notebook_of(path).cells for output in cell.get("outputs", [])]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) <= 7
    for picture in pictures:
        width, height = Image.open(io.BytesIO(base64.b64decode(picture))).size
        assert 400 <= width <= 1100
        assert 150 <= height <= 1000  # a row of small pictures is low


def test_the_courses_page_opens_with_the_first_picture_of_tutorial_1():
    notebook = notebook_of(PATHS[0])
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    first = next(output.data["image/png"] for output in outputs if "image/png" in output.get("data", {}))
    assert (FOLDER / "method.png").read_bytes() == base64.b64decode(first), "build the notebook of tutorial 1 again"
    assert "](method.png)" in (FOLDER / "index.md").read_text(encoding="utf-8")


CITED = re.compile(  # Higham (2002); Foong et al., 2019; Lu, Ie and Sha (2020)
    r"((?:[A-Z][\w-]+, )*[A-Z][\w-]+ and [A-Z][\w-]+|[A-Z][\w-]+)(?: et al\.)?,? \(?((?:19|20)\d\d[a-c]?)\b"
)


@cache
def references():
    """Return the entries of the bibliography by their first author and year, (surname, year): surnames."""
    page = (FOLDER / "references.md").read_text(encoding="utf-8")
    found = {}
    for entry in re.findall(r"^- (.+?\((?:19|20)\d\d[a-c]?\))\.", page, flags=re.MULTILINE | re.DOTALL):
        authors, year = " ".join(entry.split()).rsplit(" (", 1)
        surnames = re.findall(r"([A-Z][\w-]+), (?:[A-Z]\.[ ,-]?)+", authors + ",")
        found[surnames[0], year.rstrip(")")] = surnames
    return found


def citations(path):
    """Return what a tutorial cites: the surnames that it names, the first one first, and the year."""
    prose = " ".join(" ".join(cell.source.split()) for cell in cells_of(path) if cell.cell_type == "markdown")
    return [(re.split(r", | and ", names), year) for names, year in CITED.findall(prose)]


@every_tutorial
def test_its_citations_are_in_the_references(path):
    for names, year in citations(path):
        assert (names[0], year) in references(), (names, year)
        assert set(names) <= set(references()[names[0], year])


def test_every_reference_is_cited_and_they_are_in_order_with_links():
    page = (FOLDER / "references.md").read_text(encoding="utf-8")
    entries = re.findall(r"^- .+?(?=^- |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    assert len(entries) == len(references())
    assert all("](https://" in entry for entry in entries)
    assert entries[1:] == sorted(entries[1:], key=str.lower)
    assert "*Truly effortless Bayesian Deep Learning in Julia.*" in " ".join(entries[0].split())
    cited = {(names[0], year) for path in PATHS for names, year in citations(path)}
    assert set(references()) - cited == set()


def test_every_notebook_has_its_script():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {path.stem for path in PATHS}


# --- content


def test_the_post_in_one_sitting_tells_what_it_shows(run):
    out = "".join(cell["printed"] for cell in run(PATHS[0]).cells.values())

    def numbers(line):
        (rest,) = re.findall(rf"^\s*{line}(.*)$", out, flags=re.MULTILINE)
        return [float(number) for number in re.findall(r"\d+\.?\d*(?:e-?\d+)?", rest)]

    # The listing's two priors differ; Adam's end is no mode and fit_map's is.
    assert numbers("prior precision in the listing's training:") == [25.0]
    assert numbers("prior precision in its Laplace step:") == [0.5]
    assert numbers("largest gradient entry, Adam's end:")[0] > 1e3 * numbers("largest gradient entry, fit_map's:")[0]
    # Amid its squares the GGN is sure, the empirical Fisher less; far away the plugin is surer than Laplace.
    for ggn, fisher in zip(numbers("GGN, whole network"), numbers("empirical Fisher, same mode"), strict=True):
        assert abs(ggn - 0.5) > 0.37 > 0.27 > abs(fisher - 0.5)
    far = {link: numbers(f"mean confidence 50 units away, {link}:")[0] for link in ("plugin", "probit")}
    assert far["plugin"] > far["probit"] + 0.1
    # On real data the first prior makes Laplace too modest, and the evidence's does not.
    nll = {
        (prior, name): numbers(rf"{prior}, {name} *:")[1]
        for prior in ("prior 0.1", "tuned prior")
        for name in ("plugin", "Laplace")
    }
    assert nll["prior 0.1", "plugin"] < nll["prior 0.1", "Laplace"]
    assert nll["tuned prior", "Laplace"] < 0.7 * nll["prior 0.1", "Laplace"]
    assert abs(nll["tuned prior", "Laplace"] - nll["tuned prior", "plugin"]) < 0.02
