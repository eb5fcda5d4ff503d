"""Wheel and source archive hold what they should, install clean, and show their types and their style to others.

The wheel is built from the source archive, without network, and installed into an environment of its own, which sees
this one's other packages.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from runpy import run_path

import pytest

import minilaplace

pytestmark = pytest.mark.needs("pyproject_hooks", "hatchling")  # the first for `build`, a name of our own too
ROOT = Path(__file__).parents[1]
SCRIPT = """
from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map, plot_contour, toy_data_linear

X, y = toy_data_linear(20, rng=0)
model = BayesianModel(MLP(2, 1), Bernoulli())
theta = fit_map(model, X, y, rng=0)
reveal_type(theta)
reveal_type(Laplace(model, theta).fit(X, y).posterior.log_det_precision)
reveal_type(plot_contour)
n_params: str = model.network.n_params
"""


def run(*command, cwd, **environment):
    """Return what a command prints, run outside of the repository."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the paths of the wheel and of the source archive."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Return the Python of an environment that the wheel is installed into."""
    place = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=place)
    python = place / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, *install, built[0], cwd=place)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    Path(packages, "others.pth").write_text("\n".join({sysconfig.get_path(kind) for kind in ("purelib", "platlib")}))
    return python


def test_the_wheel_is_for_every_python_3_and_machine(built):
    assert built[0].name == f"minilaplace-{minilaplace.__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_package_and_nothing_else(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    files = [path for path in (ROOT / "minilaplace").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    package = {path.relative_to(ROOT).as_posix() for path in files}
    assert package >= {"minilaplace/py.typed", "minilaplace/course.mplstyle", "minilaplace/sklearn/base.py"}
    parts = ("page.html", "page.css", "page.js", "laplace.js", "average.js", "drawing.js")
    assert package >= {f"minilaplace/explorer/{name}" for name in parts}
    assert {name for name in names if ".dist-info/" not in name} == package
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_archive_holds_what_a_reader_and_a_tester_need(built):
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    here = {f"{folder}/{path.name}" for folder, kind in [("tests", "*.py"), ("tests", "*.npz"), ("tutorials", "*.py")]
            for path in (ROOT / folder).glob(kind)}  # fmt: skip
    assert names >= here | {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"}


def test_the_metadata_are_complete(built):
    wheel = zipfile.ZipFile(built[0])
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    fields, _, description = metadata.partition("\n\n")
    assert description.startswith("# minilaplace\n")
    for line in ("License-Expression: MIT", "Requires-Python: >=3.10", "Description-Content-Type: text/markdown"):
        assert line in fields
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", fields, flags=re.MULTILINE)
    assert required == ["matplotlib", "numpy", "scipy"]
    assert set(re.findall(r"^Provides-Extra: (\w+)$", fields, flags=re.MULTILINE)) >= {"sklearn", "test", "tutorials"}


def test_the_installed_package_is_the_one_of_the_wheel_and_has_its_command(installed, tmp_path):
    where = run(installed, "-c", "import minilaplace; print(minilaplace.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parents[1])
    for command in ([installed, "-m", "minilaplace"], [installed.with_name("minilaplace")]):
        assert run(*command, "--version", cwd=tmp_path).split() == ["minilaplace", minilaplace.__version__]


def test_the_style_of_the_course_can_be_used_by_name(installed, tmp_path):
    code = "import matplotlib.pyplot as plt; plt.style.use('minilaplace.course'); print(plt.rcParams['axes.grid'])"
    assert run(installed, "-W", "error", "-c", code, cwd=tmp_path, MPLBACKEND="Agg").strip() == "True"


def test_the_installed_package_writes_a_page(installed, tmp_path):
    command = ["-m", "minilaplace", "explore", "--hidden", "0", "--html", "page.html"]
    assert run(installed, *command, cwd=tmp_path).startswith("page.html: a page of ")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


@pytest.mark.needs("mypy")
def test_a_type_checker_sees_the_types_from_outside(installed, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed), "script.py"]
    out = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout
    types = re.findall(r'Revealed type is "(.*)"', out)
    assert len(types) == 3, out
    assert "ndarray" in types[0]
    assert types[1].removeprefix("builtins.") == "float"
    assert "QuadContourSet" in types[2]
    errors = re.findall(r"script.py:(\d+): error: (.*)", out)
    assert errors == [("10", errors[0][1])]  # the one that was put there
    assert 'expression has type "int", variable has type "str"' in errors[0][1]


def test_mutants_are_made_of_modules_that_exist_and_judged_by_tests_that_do():
    mutants = run_path(str(Path(__file__).parent / "mutants.py"))
    for module, tests in mutants["TESTS"].items():
        assert (ROOT / "minilaplace" / f"{module}.py").is_file()
        assert all((ROOT / "tests" / f"test_{name}.py").is_file() for name in tests.split())
    numerical = {"network", "model", "training", "posterior", "structures", "predictive", "evidence", "model_average"}
    for room in numerical | {"calibration", "checks"}:
        modules = {f"{room}/{path.stem}" for path in (ROOT / "minilaplace" / room).glob("*.py")}
        assert modules - {f"{room}/__init__", "model/weights"} <= mutants["TESTS"].keys()
