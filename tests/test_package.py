"""The package is a house of rooms: each is one passage of the post, and imports from rooms on lower floors alone.

`PASSAGES` holds the words of the post that name the rooms, as they stand there; the README's map and the first line of
each room's docstring quote them. `FLOORS` is the order of imports, which is not the order of reading.
"""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from problems import printed

import minilaplace
import minilaplace.explorer

PACKAGE = Path(minilaplace.__file__).parent
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

PASSAGES = {  # each a heading, a comment of a listing, a caption, or part of a sentence
    "one_page": "Truly effortless Bayesian Deep Learning in Julia",
    "data": "Toy data",
    "network": "... to Bayesian Neural Networks",
    "model": "From Bayesian Logistic Regression ...",
    "training": "Training",
    "curvature": "a possibly large Hessian computation",
    "posterior": "centered around the MAP estimate with covariance equal to the inverse Hessian",
    "structures": "fast and accurate approximations of the Hessian",
    "predictive": "the posterior predictive distribution",
    "evidence": "fine-tuning our prior and the neural network architecture",
    "laplace": "Laplace approximation",
    "model_average": "The case for Bayesian Deep Learning",
    "calibration": "Wrapping up",
    "plotting": "Plot the posterior distribution with a contour plot",
    "explorer": "Zoomed out",
}
AROUND = {"checks", "figures", "parallel", "sklearn", "storage", "validation", "__main__"}
FLOORS = [
    {"validation", "one_page"},
    {"data", "network", "checks", "parallel"},
    {"model", "posterior"},
    {"training", "curvature"},
    {"structures", "predictive"},
    {"evidence", "calibration", "storage"},
    {"model_average"},
    {"laplace"},
    {"plotting", "sklearn"},
    {"explorer", "figures"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TREES = {  # of every module, by its place: ("network", "mlp"), or ("data",) for a room of one module
    path.relative_to(PACKAGE).with_suffix("").parts: ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
}
ROOMS = {place[0] for place in TREES}
HEADING = "| room | words of the post | what lives there |"
TABLES = re.findall(rf"^{re.escape(HEADING)}\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
ROWS = [row.strip("| ").split(" | ") for table in TABLES for row in table.splitlines()]


def imported(place, tree):
    """Return the places of the package that a module imports from, wherever in it."""
    found = set()
    package = place[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            named = (*base, *(node.module or "").split(".")) if node.module else base
            found |= {named} if node.module else {(*base, alias.name) for alias in node.names}
    return {target for target in found if target and target[0] in ROOMS}


def inside(target):
    """Return the module that an import from inside a package is from: one of its modules, or its `__init__`."""
    return target if target in TREES else (target[0], "__init__")


def imported_from_outside(tree):
    """Return the top-level packages that a module imports by their full names."""
    nodes = list(ast.walk(tree))
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in whole + parts}


def first_line(room):
    tree = TREES.get((room,)) or TREES[room, "__init__"]
    return ast.get_docstring(tree).splitlines()[0]


def lines_of_code(function, source):
    """Return how many lines the body of a function has without its docstring, comments and blank lines."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    lines = source[body[0].lineno - 1 : function.end_lineno] if body else []
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def test_importing_the_package_loads_neither_matplotlib_nor_an_extra():
    code = "import sys, minilaplace; print(*(m for m in ('matplotlib', 'sklearn', 'torch') if m in sys.modules))"
    assert printed(code) == "\n"


def test_without_scikit_learn_its_room_names_the_extra():
    code = "import sys; sys.modules['sklearn'] = None; import minilaplace.sklearn"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: minilaplace.sklearn needs scikit-learn: ")
    assert 'pip install "minilaplace[sklearn]"' in last
    assert run.stderr.count("Traceback") == 1


@pytest.mark.parametrize("name", minilaplace.__all__)
def test_every_public_name_resolves_is_listed_and_is_documented(name):
    assert name in dir(minilaplace)
    assert getattr(minilaplace, name).__doc__
    assert getattr(minilaplace, name).__name__ == name


def test_public_names_are_sorted_and_unique():
    # Classes first, as ruff sorts: constants, classes, functions.
    assert len(set(minilaplace.__all__)) == len(minilaplace.__all__)
    functions = [name for name in minilaplace.__all__ if name.islower()]
    constants = [name for name in minilaplace.__all__ if name.isupper()]
    classes = [name for name in minilaplace.__all__ if not (name.islower() or name.isupper())]
    assert [*sorted(constants), *sorted(classes), *sorted(functions)] == minilaplace.__all__


def test_an_unknown_name_is_an_attribute_error():
    for module in (minilaplace, minilaplace.explorer):
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'laplace_bridge'"):
            _ = module.laplace_bridge


def test_the_version_is_that_of_the_project():
    project = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    assert re.search(r'^version = "(.*)"$', project, flags=re.MULTILINE)[1] == minilaplace.__version__


def test_every_room_is_a_passage_of_the_post_or_around_it():
    assert PASSAGES.keys() | AROUND == ROOMS == FLOOR.keys()
    assert not PASSAGES.keys() & AROUND


def test_rooms_and_passages_are_one_to_one():
    assert len({words.lower() for words in PASSAGES.values()}) == len(PASSAGES)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_rooms_first_line_quotes_its_passage(room):
    words = f"*{PASSAGES[room]}*" if room in PASSAGES else "Around the post: "
    assert first_line(room).startswith(words)


def test_the_readmes_map_has_every_room_with_its_passage():
    rows = {cells[0].strip("`").rstrip("/").removesuffix(".py"): cells[1] for cells in ROWS}
    assert rows.keys() == PASSAGES.keys()
    assert all(words == f"*{PASSAGES[room]}*" for room, words in rows.items())
    sentence = re.search(r"^Around the post: .*$", README, flags=re.MULTILINE)[0]
    assert {name.rstrip("/").removesuffix(".py") for name in re.findall(r"`(\w+(?:\.py|/))`", sentence)} == AROUND


@pytest.mark.parametrize("place", sorted(TREES), ids=".".join)
def test_imports_go_down(place):
    rooms = {target[0] for target in imported(place, TREES[place])} - {place[0]}
    assert {room for room in rooms if FLOOR[room] >= FLOOR[place[0]]} == set()


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if (room,) not in TREES))
def test_no_circle_inside_a_package(room):
    graph = {
        place: {inside(target) for target in imported(place, tree) if target[0] == room}
        for place, tree in TREES.items()
        if place[0] == room
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)  # raises a CycleError


@pytest.mark.parametrize("place", sorted(TREES), ids=".".join)
def test_a_module_imports_nothing_from_outside_but_the_dependencies(place):
    # Nor the package itself by its full name, which the order of imports above would not see.
    extra = {"plotting": {"matplotlib"}, "explorer": {"matplotlib"}, "__main__": {"matplotlib"}, "sklearn": {"sklearn"},
             "one_page": {"matplotlib"}}  # fmt: skip
    allowed = {"numpy", "scipy"} | extra.get(place[0], set())
    assert imported_from_outside(TREES[place]) - sys.stdlib_module_names <= allowed


def test_the_tests_import_at_the_top_what_the_extra_test_installs():
    # The others' tests are marked `needs`, and import it inside; `conftest.py` alone skips for lack of a package.
    tests = Path(__file__).parent
    ours = {path.stem for path in [*tests.glob("*.py"), *(tests.parent / "tutorials").glob("*.py")]}
    allowed = {
        "minilaplace",
        "numpy",
        "scipy",
        "matplotlib",
        "PIL",
        "sklearn",
        "joblib",
        "pytest",
        "hypothesis",
        "mpmath",
    }
    for path in [*tests.glob("test_*.py"), tests / "conftest.py", tests / "problems.py", tests / "extended.py"]:
        tree = ast.parse(path.read_text("utf-8"))
        at_the_top = ast.Module([node for node in tree.body if not isinstance(node, ast.FunctionDef)], [])
        assert imported_from_outside(at_the_top) - sys.stdlib_module_names - ours <= allowed, path.name
        skips = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"importorskip"}
        assert not skips, path.name


def test_the_imports_are_read_from_where_they_stand():
    # The reader of imports sees them at the top, in functions and by bare module; `laplace.py` has some to see.
    code = "from ..data import x\nfrom .. import storage\ndef f():\n    from .mlp import y\n    from . import subset"
    found = imported(("network", "jacobian"), ast.parse(code))
    assert found == {("data",), ("storage",), ("network", "mlp"), ("network", "subset")}
    assert inside(("network", "MLP")) == ("network", "__init__")
    assert imported_from_outside(ast.parse("import numpy as np, a.b\nfrom c.d import e")) == {"numpy", "a", "c"}
    assert {target[0] for target in imported(("laplace",), TREES["laplace",])} >= {"posterior", "predictive"}


@pytest.mark.parametrize("place", sorted(TREES), ids=".".join)
def test_a_module_is_one_sitting_and_a_function_one_idea(place):
    path = PACKAGE.joinpath(*place).with_suffix(".py")
    source = path.read_text("utf-8").splitlines()
    assert len(source) <= 250
    functions = [node for node in ast.walk(TREES[place]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if lines_of_code(f, source) > 30] == []


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if (room,) not in TREES))
def test_a_package_says_in_few_lines_what_lives_where(room):
    prose = ast.get_docstring(TREES[room, "__init__"]).splitlines()
    assert len(prose) <= 15
    modules = {place[1] for place in TREES if place[0] == room and place[1] != "__init__"}
    assert {name for name in modules if f"`{name}.py`" not in "\n".join(prose)} == set()
