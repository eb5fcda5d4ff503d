"""What Python writes into a page: the network, the data, the spectrum of every posterior, and the controls.

A posterior's eigenvectors are written row by row, as whole multiples of 2^-31: under the most extreme prior and
temperature that the sliders reach this moves probabilities by less than 1e-8. All other numbers are float64, but for
the data, which are only drawn.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from ..curvature import CURVATURES
from ..laplace import Laplace
from ..model.likelihood import Likelihood
from ..plotting.contour import LABELLED
from ..plotting.style import CLASS_STYLES, CURVE_STYLES, LIGHT_GREY, ORANGE
from ..posterior.cholesky import DIGITS, not_positive_definite, not_resolved
from ..predictive.links import SAMPLED, link_of
from ..structures.fit import NOISE_POWERS
from ..validation import Array

# What the page offers as structures, and which options of `Laplace` each is.
POSTERIORS: dict[str, dict[str, str]] = {
    "full": {"hessian_structure": "full", "subset_of_weights": "all"},
    "kron": {"hessian_structure": "kron", "subset_of_weights": "all"},
    "diag": {"hessian_structure": "diag", "subset_of_weights": "all"},
    "last_layer": {"hessian_structure": "full", "subset_of_weights": "last_layer"},
}
COLOURS = {"mean": CURVE_STYLES[0][0], "function": CURVE_STYLES[3][0], "noise": LIGHT_GREY}  # as in tutorial 10


def links_of(likelihood: Likelihood) -> list[str]:
    """Return the names of the links that draw no samples, each function once."""
    names = [name for name in likelihood.links_for(1) if name not in SAMPLED]
    first = {link_of(likelihood, name, 1): name for name in reversed(names)}
    return [name for name in names if name in first.values()]


def noise_of(la: Laplace) -> float | None:
    """Return the standard deviation of the noise, or None for classes."""
    noise = la.model.likelihood.sigma_noise
    return None if noise is None else float(np.ravel(noise)[0])


def _text(array: Any, kind: str = "<f8") -> str:
    return b64encode(np.asarray(array, dtype=kind).tobytes()).decode()


def _rows(U: Array) -> str | None:
    """Return the columns of an orthogonal matrix, one after another, or None if it is the identity."""
    whole = np.minimum(np.round(U.T * 2.0**31), 2**31 - 1)
    return None if np.array_equal(U, np.eye(len(U))) else _text(whole, "<i4")


def _spectrum(la: Laplace, X: Array, y: NDArray[Any], name: str, curvature: str) -> dict[str, Any]:
    """Return the eigenvalues and eigenvectors of a curvature in a structure, or why there are none."""
    try:
        options: dict[str, Any] = {"curvature": curvature, **POSTERIORS[name]}
        structure = Laplace(la.model, la.theta, **options).fit(X, y)._fit.structure
    except ValueError as error:
        return {"refused": str(error)}
    pairs = structure.eigenvectors()
    blocks = [{"H": len(B), "I": len(A), "left": _rows(B), "right": _rows(A)} for B, A in pairs]
    values = {"values": _text(structure.eigenvalues), "rounding": _text(structure.rounding)}
    return {"start": int(structure.subset.indices[0]), "power": NOISE_POWERS[curvature], "blocks": blocks, **values}


def data_of(la: Laplace, X: Array, y: NDArray[Any], offered: list[str]) -> dict[str, Any]:
    """Return what is not a control: network, data, posteriors, colours and the texts of refusals."""
    viridis = matplotlib.colormaps["viridis"](np.arange(256), bytes=True)[:, :3]
    spectra = {name: {c: _spectrum(la, X, y, name, c) for c in CURVATURES} for name in offered}
    network, likelihood = la.model.network, la.model.likelihood
    return {
        "sizes": list(network.sizes), "activation": network.activation, "theta": _text(la.theta),
        "X": _text(X, "<f4"), "y": _text(y, "<f4"), "classes": likelihood.is_classifier,
        "noise": noise_of(la), "spectra": spectra, "digits": DIGITS,
        "indefinite": str(not_positive_definite(np.nan)), "unresolved": str(not_resolved()),
        "viridis": _text(viridis, "u1"), "labelled": LABELLED, "samples": ORANGE,
        "colours": [colour for colour, _ in CLASS_STYLES[:2]], "curves": COLOURS,
    }  # fmt: skip


def controls_of(la: Laplace, X: Array, offered: list[str], links: list[str], link: str) -> dict[str, Any]:
    """Return the sliders, whose values are decimal logarithms, the choices, and the centre of the view."""
    low, high = X.min(axis=0), X.max(axis=0)
    half = float(np.log10(max(np.ptp(X, axis=0).max() / 2, 1e-3)))
    sliders: list[tuple[str, str, float, float, float]] = [
        ("prior", "prior precision", float(la.model.prior_precision), -4, 4),
        ("temperature", "temperature", la.options.temperature, -3, 3),
    ]
    if noise := noise_of(la):
        sliders += [("noise", "noise", noise, np.log10(noise) - 1, np.log10(noise) + 1)]
    sliders += [("view", "view", 10 ** (half + 0.04), half - 0.5, half + 1.5)]
    own = {"hessian_structure": la.options.hessian_structure, "subset_of_weights": la.options.subset_of_weights}
    structure = next((name for name in offered if POSTERIORS[name] == own), offered[0])
    choices = [("link", links, link), ("structure", offered, structure)]
    choices += [("curvature", list(CURVATURES), la.options.curvature)]
    return {
        "centre": ((low + high) / 2).tolist(),
        "sliders": [
            {"key": key, "label": label, "value": np.log10(v), "low": min(a, np.log10(v)), "high": max(b, np.log10(v))}
            for key, label, v, a, b in sliders
        ],
        "choices": [{"key": key, "options": options, "value": value} for key, options, value in choices],
    }
