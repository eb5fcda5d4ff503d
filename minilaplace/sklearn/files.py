"""A fitted estimator in a file: the file of its `Laplace`, with one line of JSON and some arrays more.

The line holds the kind of the estimator, its parameters and its fitted attributes; arrays of numbers or text are
entries of their own. Nothing in the file is ever executed (no pickle).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator

from ..laplace import Laplace
from ..storage import read, save
from ..validation import refusal

ENTRY = "estimator"
OF_LAPLACE = {"laplace_", "model_", "theta_"}  # attributes that the `Laplace` brings back

Estimator = TypeVar("Estimator", bound=BaseEstimator)


def write_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator to `path`, or raise a ValueError that names a parameter which no file can hold."""
    params, la = estimator.get_params(deep=False), estimator.laplace_
    arrays: dict[str, Any] = {}
    attributes = {name: value for name, value in vars(estimator).items() if name not in {*params, *OF_LAPLACE}}
    described = {
        "kind": type(estimator).__name__,
        "params": {name: _packed(name, value, arrays) for name, value in params.items()},
        "attributes": {name: _packed(name, value, arrays) for name, value in attributes.items()},
    }
    save(la.model, la.theta, la.options, la._fit, path, {ENTRY: json.dumps(described), **arrays})


def read_estimator(kind: type[Estimator], path: Path) -> Estimator:
    """Return the estimator of this kind that `write_estimator` wrote, or raise a ValueError that says why it cannot."""
    contents = read(path)
    described: Any = json.loads(str(contents[ENTRY])) if ENTRY in contents else {"kind": "Laplace"}
    if described["kind"] != kind.__name__:
        expected = f"a file that {kind.__name__}.save wrote"
        raise ValueError(refusal("path", expected, f"{path}, which {described['kind']}.save wrote"))
    la: Any = Laplace.load(path)
    estimator = kind(**{name: _unpacked(value, contents) for name, value in described["params"].items()})
    vars(estimator).update({name: _unpacked(value, contents) for name, value in described["attributes"].items()})
    vars(estimator).update(laplace_=la, model_=la.model, theta_=la.theta)
    return estimator


def _packed(name: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return a value as JSON has it, and put an array into `arrays`."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return _packed(name, value.item(), arrays)
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_packed(name, each, arrays) for each in value]}
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return {"objects": [_packed(name, each, arrays) for each in value]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUS":
        arrays[f"{ENTRY}.{name}"] = value
        return {"array": f"{ENTRY}.{name}"}
    expected = "None, numbers, text, or arrays of them, which a file can hold; set_params() can exchange it"
    raise ValueError(refusal(name, expected, repr(value)))


def _unpacked(value: Any, contents: dict[str, Any]) -> Any:
    """Return what `_packed` packed."""
    if not isinstance(value, dict):
        return value
    [(form, inner)] = value.items()
    if form == "array":
        return contents[inner]
    each = [_unpacked(one, contents) for one in inner]
    if form == "objects":
        array = np.empty(len(each), dtype=object)
        array[:] = each
        return array
    return tuple(each) if form == "tuple" else each
