"""The package is light to import, its names resolve, and it is built in the order of the post.

The README's table of modules is the order: each module is one passage of the post, named alike in the table and in the
first line of the module's docstring, and imports only what stands above it.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minilaplace

PACKAGE = Path(minilaplace.__file__).parent
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
TREES = {path.name: ast.parse(path.read_text("utf-8")) for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
FIRST_LINES = {name: ast.get_docstring(tree).splitlines()[0] for name, tree in TREES.items()}
AROUND = {name for name, line in FIRST_LINES.items() if line.startswith("Around the post: ")}

HEADING = "| module | passage of the post | what lives there |"
TABLE = README.split(HEADING)[1].split("\n\n")[0].splitlines()[2:]
PASSAGES = {cells[0].strip("`"): cells[1] for cells in (re.split(r"\s*\|\s*", row.strip("| ")) for row in TABLE)}

# What everything may use, and what may use everything.
BELOW, ABOVE = (
    ["validation.py"],
    ["differences.py", "verdict.py", "checks.py", "sklearn_mlp.py", "sklearn_base.py", "sklearn.py", "__main__.py"],
)
PASSAGE_ORDER = list(PASSAGES)
BEFORE_LAPLACE = PASSAGE_ORDER.index("laplace.py")
ORDER = [*BELOW, *PASSAGE_ORDER[:BEFORE_LAPLACE], "storage.py", *PASSAGE_ORDER[BEFORE_LAPLACE:], *ABOVE]


def imported_modules(tree):
    """Return the modules of the package that a module imports, wherever in it."""
    relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    named = {f"{node.module}.py" for node in relative if node.module}
    return named | {f"{alias.name}.py" for node in relative if not node.module for alias in node.names} & TREES.keys()


def imported_from_outside(tree):
    """Return the top-level packages that a module imports by their full names."""
    nodes = list(ast.walk(tree))
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in whole + parts}


def test_importing_the_package_loads_neither_matplotlib_nor_an_extra():
    code = "import sys, minilaplace; print(*(m for m in ('matplotlib', 'sklearn', 'torch') if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert run.stdout == "\n"


@pytest.mark.parametrize("name", minilaplace.__all__)
def test_every_public_name_resolves_is_listed_and_is_documented(name):
    assert name in dir(minilaplace)
    assert getattr(minilaplace, name).__doc__
    assert getattr(minilaplace, name).__name__ == name


def test_public_names_are_sorted_and_unique():
    # Classes first, as ruff sorts: constants, classes, functions.
    assert len(set(minilaplace.__all__)) == len(minilaplace.__all__)
    functions = [name for name in minilaplace.__all__ if name.islower()]
    classes = [name for name in minilaplace.__all__ if not name.islower()]
    assert [*classes, *functions] == minilaplace.__all__
    assert functions == sorted(functions)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'minilaplace' has no attribute 'laplace_bridge'"):
        _ = minilaplace.laplace_bridge


def test_the_version_is_that_of_the_project():
    project = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    assert re.search(r'^version = "(.*)"$', project, flags=re.MULTILINE)[1] == minilaplace.__version__


def test_the_package_is_flat():
    assert [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


def test_every_row_of_the_table_has_three_cells():
    assert len(PASSAGES) == len(TABLE) >= 10
    assert all(row.count("|") == 4 for row in TABLE)


def test_the_table_lists_exactly_the_modules_that_are_passages_of_the_post():
    assert set(PASSAGES) == TREES.keys() - AROUND


def test_each_passage_has_one_module():
    assert len(set(PASSAGES.values())) == len(PASSAGES)
    assert all(PASSAGES.values())


@pytest.mark.parametrize("module", PASSAGES)
def test_a_modules_first_line_starts_with_its_passage(module):
    assert FIRST_LINES[module].startswith(f"{PASSAGES[module]}: ")


def test_the_readme_names_the_modules_around_the_post():
    sentence = re.search(r"^Around the post: .*$", README, flags=re.MULTILINE)[0]
    assert set(re.findall(r"`(\w+\.py)`", sentence)) == AROUND
    assert set(ORDER) >= AROUND


@pytest.mark.parametrize("module", sorted(TREES))
def test_imports_point_upward_in_the_table(module):
    assert imported_modules(TREES[module]) <= set(ORDER[: ORDER.index(module)])


@pytest.mark.parametrize("module", sorted(TREES))
def test_a_module_imports_nothing_from_outside_but_the_dependencies(module):
    # Nor the package itself by its full name, which the order of imports above would not see.
    drawing = ["__main__.py", "plotting.py", "plot_calibration.py", "panel.py", "window.py"]
    extra = {name: {"matplotlib"} for name in drawing}
    extra |= {name: {"sklearn"} for name in TREES if name.startswith("sklearn")}
    allowed = {"numpy", "scipy"} | extra.get(module, set())
    assert imported_from_outside(TREES[module]) - sys.stdlib_module_names <= allowed


def test_the_imports_are_read_from_where_they_stand():
    # The reader of imports sees them at the top, in functions and by bare module; `laplace.py` has some to see.
    tree = ast.parse("from .data import x\nfrom . import __version__, model\ndef f():\n    from .network import y")
    assert imported_modules(tree) == {"data.py", "model.py", "network.py"}
    assert imported_from_outside(ast.parse("import numpy as np, a.b\nfrom c.d import e")) == {"numpy", "a", "c"}
    assert imported_modules(TREES["laplace.py"]) >= {"outputs.py", "posterior.py", "predictive.py"}
