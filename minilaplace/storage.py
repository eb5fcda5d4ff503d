"""Around the post: a fitted posterior in a file, which is written as a whole or not at all.

The file holds arrays and one line of JSON, the header; nothing in it is ever executed (no pickle). A checksum of its
contents tells a damaged file from a whole one. A new file is written beside its place and then moved there, so that an
interrupted `save` leaves an older file as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .model import Bernoulli, BradleyTerry, Categorical, Gaussian, HeteroscedasticGaussian, Likelihood, Poisson
from .model.bayesian_model import BayesianModel
from .network import MLP, PairedMLP
from .structures.fit import Fit, Options
from .validation import Array, refusal

FORMAT, VERSION = "minilaplace.Laplace", 1
LIKELIHOODS = {
    kind.__name__: kind for kind in (Bernoulli, BradleyTerry, Categorical, Gaussian, HeteroscedasticGaussian, Poisson)
}


def save(
    model: BayesianModel, theta: Array, options: Options, fit: Fit, path: Path, more: dict[str, Any] | None = None
) -> None:
    """Write a fit, with the model, theta and options that it was made with, to `path`.

    `more` are entries of the file that `load` does not ask for, and `read` finds.
    """
    network = model.network
    header = {
        "format": FORMAT,
        "version": VERSION,
        "network": {"sizes": network.sizes, "activation": network.activation, "paired": isinstance(network, PairedMLP)},
        "likelihood": _described(model.likelihood),
        "options": asdict(options) | {"subnetwork_indices": None},  # they are an array of their own
        "fit": {"likelihood": _described(fit.likelihood), "nll": fit.nll, "n_data": fit.n_data},
    }
    contents: dict[str, Any] = {**(more or {}), "header": json.dumps(header), "theta": theta}
    contents |= {"prior_precision": model.prior_precision, "prior_mean": model.prior_mean}
    contents |= {f"part_{i}": part for i, part in enumerate(fit.structure.parts)}
    if options.subnetwork_indices is not None:
        contents["subnetwork_indices"] = fit.structure.subset.indices
    contents = {name: np.asarray(array) for name, array in contents.items()}
    contents["checksum"] = np.array(_checksum(contents))
    with written_aside(path) as beside, beside.open("wb") as file:
        np.savez(file, **contents)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and move the file to `path` if writing did not raise an error."""
    if not path.parent.is_dir():
        raise FileNotFoundError(refusal("path", "a file in a folder that exists", f"{path}, whose folder does not"))
    beside = path.with_name(f"{path.name}.{os.urandom(16).hex()}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path) -> tuple[BayesianModel, Array, Options, Fit]:
    """Return the model, theta, options and fit that `save` wrote, or raise a ValueError that says why it cannot."""
    contents = read(path)
    try:
        header = json.loads(str(contents["header"]))
        found = header["format"], header["version"]
        if found == (FORMAT, VERSION):
            return _restored(header, contents)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refusal(path, f"whose contents do not fit together ({error})") from None
    raise _refusal(path, f"of format {found[0]!r} version {found[1]!r}, not {FORMAT!r} version {VERSION}")


def read(path: Path) -> dict[str, Any]:
    """Return the arrays of a file that `save` wrote, whose checksum is right, or raise a ValueError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            contents = dict(arrays)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:  # zip and array headers fail in many ways, all of which mean the same
        raise _refusal(path, f"which is damaged or something else ({type(error).__name__})") from None
    if not {"header", "checksum"} <= contents.keys():
        raise _refusal(path, "which holds something else")
    if str(contents.pop("checksum")) != _checksum(contents):
        raise _refusal(path, "which is damaged: its checksum is not that of its contents")
    return contents


def _restored(header: dict[str, Any], contents: dict[str, Any]) -> tuple[BayesianModel, Array, Options, Fit]:
    described = header["network"]
    kind = PairedMLP if described.get("paired") else MLP
    network = kind(*described["sizes"], activation=described["activation"])
    prior = {name: contents[name] for name in ("prior_precision", "prior_mean")}
    model = BayesianModel(network, _likelihood(header["likelihood"]), **prior)
    options = Options(**header["options"] | {"subnetwork_indices": contents.get("subnetwork_indices")})
    empty = options.no_data(model.likelihood, options.subset(model))
    n_parts = sum(name.startswith("part_") for name in contents)
    empty.structure.restore([contents[f"part_{i}"] for i in range(n_parts)])
    fit = header["fit"] | {"likelihood": _likelihood(header["fit"]["likelihood"])}
    return model, model.check_theta(contents["theta"]), options, replace(empty, **fit)


def _refusal(path: Path, why: str) -> ValueError:
    return ValueError(refusal("path", "a file that Laplace.save wrote", f"{path}, {why}"))


def _checksum(contents: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(contents):
        array = contents[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _described(likelihood: Likelihood) -> dict[str, Any]:
    if type(likelihood) not in LIKELIHOODS.values():
        expected = f"one of {', '.join(LIKELIHOODS)}, which a file can name"
        raise ValueError(refusal("likelihood", expected, repr(likelihood)))
    return {"name": type(likelihood).__name__, **vars(likelihood)}


def _likelihood(described: dict[str, Any]) -> Likelihood:
    return LIKELIHOODS[described["name"]](**{name: value for name, value in described.items() if name != "name"})
