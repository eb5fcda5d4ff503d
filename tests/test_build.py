"""`tutorials/build.py` makes the same notebook each time, and none of what a reader should not see."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("jupytext", "nbclient", "nbformat", "ipykernel")
SCRIPT = Path(__file__).parents[1] / "tutorials" / "build.py"

GOOD = """\
# %% [markdown]
# # 1. A tutorial

# %%
import matplotlib.pyplot as plt

for word in ["two", "lines"]:
    print(word, flush=True)

# %%
plt.style.use("minilaplace.course")
fig, ax = plt.subplots()
ax.plot([0, 1], [0, 1], label="the line")
ax.legend()
_ = ax.set(title="a line", xlabel=r"$\\theta_1$", ylabel="y")

# %%
fig

# %% tags=["exercise"]
answer = ...
"""


def build(folder, *arguments):
    """Run the build of a folder's notebooks, with a backend and warnings that must not matter."""
    command = [sys.executable, SCRIPT, "notebooks", "--folder", folder, *arguments]
    environment = os.environ | {"MPLBACKEND": "svg", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_notebook_is_the_same_each_time_and_a_check_names_the_cell_that_is_not(tmp_path):
    import nbformat

    script, written = tmp_path / "01_good.py", tmp_path / "01_good.ipynb"
    script.write_text(GOOD)
    assert build(tmp_path, "--check").stderr == "01_good: its notebook is missing\n"
    first = build(tmp_path)
    assert (first.returncode, first.stdout, first.stderr) == (0, "01_good: written\n", "")
    before = written.read_bytes()
    assert build(tmp_path).returncode == 0
    assert written.read_bytes() == before

    notebook = nbformat.read(written, as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells] == [f"cell-{k:03}" for k in range(1, 6)]
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4]
    assert [[o.output_type for o in cell.outputs] for cell in notebook.cells[1:]] == [
        ["stream"],
        ["display_data"],
        ["execute_result"],
        [],
    ]
    assert notebook.cells[1].outputs[0].text == "two\nlines\n"
    words = "a line: y over theta_1; legend: the line"
    assert [cell.outputs[0].metadata["image/png"] for cell in notebook.cells[2:4]] == [{"alt": words}] * 2
    assert "600x400" in notebook.cells[2].outputs[0].data["text/plain"]
    assert notebook.cells[4].metadata == {"tags": ["exercise"]}
    assert notebook.metadata.language_info == {"name": "python"}

    notebook.cells[1].outputs[0].text = "two\nwords\n"
    notebook.cells[3].outputs[0].data["image/png"] = notebook.cells[2].outputs[0].data["image/png"]
    nbformat.write(notebook, written)
    (tmp_path / "02_gone.ipynb").write_text("{}")
    check = build(tmp_path, "--check")
    assert (check.returncode, check.stdout) == (1, "01_good: failed\n")
    assert check.stderr.splitlines() == [
        "02_gone.ipynb has no script",
        "01_good.ipynb is not what 01_good.py gives now: cell-002",
    ]


BAD = {
    "print(1)\n1 / 0": "cell-002: ZeroDivisionError: division by zero",
    "# %% tags=['raises-exception']\n[][0]\n\n# %%\n1 / 0": "cell-003: ZeroDivisionError: division by zero",
    "import os\nos._exit(1)": "cell-002: DeadKernelError: Kernel died",
    "import warnings\nwarnings.warn('look out')": "cell-002: UserWarning: look out",
    "import sys\nprint('look out', file=sys.stderr)": "cell-002: writes to stderr: look out",
    "print(object())": "cell-002: shows an address of memory: <object object at 0x",
    "1 + 1": "cell-002: its last line is a value that shows: print it, or end with `plt.show()`",
}


def test_what_a_reader_should_not_see_is_named_and_not_written(tmp_path):
    for number, code in enumerate(BAD, 1):
        cells = code if code.startswith("# %%") else f"# %%\n{code}"
        (tmp_path / f"0{number}_bad.py").write_text(f"# %% [markdown]\n# # {number}. Bad\n\n{cells}\n")
    bad = build(tmp_path)
    assert bad.returncode == 1
    assert bad.stdout == "".join(f"0{number}_bad: failed\n" for number in range(1, len(BAD) + 1))
    for number, problem in enumerate(BAD.values(), 1):
        assert f"0{number}_bad, {problem}" in bad.stderr
    assert not list(tmp_path.glob("*.ipynb"))


def test_a_cell_without_an_end_is_named_and_not_written(tmp_path, monkeypatch):
    script = tmp_path / "01_long.py"
    script.write_text("# %%\nprint(1)\n\n# %%\nwhile True:\n    pass\n")
    work = runpy.run_path(str(SCRIPT))["work"]
    executed = sys.modules["executed"]
    start = executed.NotebookClient

    def client(notebook, *, timeout, **options):
        assert timeout == executed.TIMEOUT >= 300
        return start(notebook, timeout_func=lambda cell: 1 if "while" in cell.source else None, **options)

    monkeypatch.setattr(executed, "NotebookClient", client)  # other cells may take as long as a busy machine needs
    assert work(script, False).startswith("01_long, cell-002: CellTimeoutError: ")
    assert not script.with_suffix(".ipynb").exists()


def test_what_is_missing_is_named_with_the_extra_before_any_work(tmp_path, monkeypatch):
    main = runpy.run_path(str(SCRIPT))["main"]
    monkeypatch.setitem(main.__globals__["NEEDED"], "site", ["sphinx", "no_such_package"])
    with pytest.raises(SystemExit, match=r"^site needs no_such_package: pip install -e '\.\[site\]'$"):
        main(["site", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "executed")
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with pytest.raises(SystemExit, match=r"^tutorials/build\.py needs nbclient: pip install -e '\.\[site\]'$"):
        runpy.run_path(str(SCRIPT))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", ["99", "1"])
def test_a_number_that_no_tutorial_has_is_refused_with_those_there_are(tmp_path, number):
    for name in ("01_good.py", "02_good.py"):
        (tmp_path / name).write_text(GOOD)
    unknown = build(tmp_path, "02", number, "--check")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert f"error: no tutorial '{number}'; there are 01, 02\n" in unknown.stderr
