"""The tutorials' scripts, and each as an executed notebook, in which nothing is of the machine or the day."""

import base64
import os
import re
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import jupytext
import nbformat
from arithmetic import ARITHMETIC
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

HERE = Path(__file__).resolve().parent
GALLERY = HERE / "gallery"
TIMEOUT = 900  # seconds that a cell may take
COLOURS = 256

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Runs before the first cell and is not kept. A picture is as large as its style says, names no version, and comes with
# what it shows in words; warnings are errors while a cell runs, which includes drawing its picture.
PREPARE = """
def prepare(shell):
    import warnings

    from alt_text import alternative
    from matplotlib.figure import Figure

    pictures = {"bbox_inches": None, "metadata": {"Software": None}}
    shell.run_line_magic("matplotlib", "inline")
    shell.run_line_magic("config", f"InlineBackend.print_figure_kwargs = {pictures}")
    formatter = shell.display_formatter.formatters["image/png"]
    draw = formatter.lookup_by_type(Figure)
    formatter.for_type(Figure, lambda figure: (draw(figure), {"alt": alternative(figure)}))
    usual = warnings.filters[:]
    shell.events.register("pre_run_cell", lambda info: warnings.simplefilter("error"))
    shell.events.register("post_run_cell", lambda result: warnings.filters.__setitem__(slice(None), usual))

prepare(get_ipython())
del prepare
"""
ENVIRONMENT = ARITHMETIC | {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
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
