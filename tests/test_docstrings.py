"""The examples in docstrings run and print what they say; public docstrings have the form that numpydoc expects."""

import doctest
import importlib
import inspect
import pkgutil
import re
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import minilaplace
from minilaplace.sklearn import LaplaceClassifier, LaplaceRegressor

mpl.use("Agg")

MODULES = ["minilaplace", *(m.name for m in pkgutil.walk_packages(minilaplace.__path__, "minilaplace."))]
MODULES = [name for name in MODULES if not name.endswith("__main__")]
PUBLIC = [getattr(minilaplace, name) for name in minilaplace.__all__] + [
    LaplaceClassifier,
    LaplaceRegressor,
]
# What is not asked for. Types stand in the signature; a summary of one sentence can say all there is to say, and starts
# with what is returned; where the Returns section describes several kinds at once, it has no types.
NOT_ASKED_FOR = {"PR04", "ES01", "SA01", "RT01", "RT03"}


def path_of(item):
    return f"{item.__module__}.{item.__qualname__}"


def methods_of(kind):
    """Return the public methods and properties that a class documents itself, not those that it inherits."""
    own = [item for name, item in vars(kind).items() if not name.startswith("_")]
    functions = [item.__func__ if isinstance(item, classmethod) else item for item in own]
    functions = [item.fget if isinstance(item, property) else item for item in functions]
    return [item for item in functions if inspect.isfunction(item) and item.__doc__]


METHODS = [method for item in PUBLIC if inspect.isclass(item) for method in methods_of(item)]


def problems(item, *not_asked_for):
    """Return what numpydoc finds wrong; a docstring without a Parameters section names them in its sentences."""
    from numpydoc.docscrape import get_doc_object
    from numpydoc.validate import validate

    skipped = NOT_ASKED_FOR | set(not_asked_for)
    if not get_doc_object(item)["Parameters"]:
        skipped |= {"PR01"}
    return [error for error in validate(path_of(item))["errors"] if error[0] not in skipped]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name):
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        result = doctest.testmod(module)
    plt.close("all")
    assert result.failed == 0


@pytest.mark.parametrize("item", PUBLIC, ids=path_of)
def test_everything_public_has_examples(item):
    assert any(example.source for test in doctest.DocTestFinder(recurse=False).find(item) for example in test.examples)
    assert re.search(r"^ *Examples\n *--------$", item.__doc__, flags=re.MULTILINE)


@pytest.mark.needs("numpydoc")
@pytest.mark.parametrize("item", PUBLIC, ids=path_of)
def test_public_docstrings_have_numpydocs_form(item):
    assert problems(item) == []


@pytest.mark.needs("numpydoc")
@pytest.mark.parametrize("item", METHODS, ids=path_of)
def test_the_docstrings_of_their_methods_do_too(item):
    assert problems(item, "EX01") == []


def test_methods_are_found():
    found = {path_of(method) for method in METHODS}
    assert {"minilaplace.laplace.Laplace.fit", "minilaplace.network.mlp.MLP.shapes"} <= found
    assert "minilaplace.sklearn.classifier.LaplaceClassifier.partial_fit" in found
