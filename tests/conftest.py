"""What holds for all tests: one BLAS thread for each process, no hurry, and what is skipped without `--everything`.

The cores are the processes', and small matrices are quicker with one thread; a number in the environment is kept. Files
that take long are begun first, so that no process waits for one at the end; no test depends on the machine's speed.
`python -m pytest` runs what the extra `test` is enough for; tests of more than the library, which need other packages,
or take long, say so when they are skipped. `python -m pytest --everything` skips neither, and a package that is missing
is an error; so CI calls it.
"""

import os
from importlib.util import find_spec

import pytest

if not {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys():
    os.environ["OMP_NUM_THREADS"] = "1"  # which all of them read

from browser import CHROMIUM
from hypothesis import HealthCheck, settings  # it imports NumPy, whose threads are chosen above

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

LONG = ("test_tutorials", "test_site", "test_gallery", "test_defaults", "test_sklearn", "test_marking")  # by time


def pytest_addoption(parser):
    parser.addoption(
        "--everything", action="store_true", help="skip neither what needs the extra `ci` nor what takes long"
    )


def pytest_collection_modifyitems(config, items):
    """Begin with files that take long; skip what is `long`, a `browser` that is not there, or `needs` what is not."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if config.getoption("everything"):
        return
    for item in items:
        needed = {name for mark in item.iter_markers("needs") for name in mark.args}
        missing = sorted(name for name in needed if find_spec(name) is None)
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}: pip install -e '.[ci]'"))
        elif item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="needs Chromium: apt-get install chromium"))
        elif item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes long: python -m pytest --everything"))
