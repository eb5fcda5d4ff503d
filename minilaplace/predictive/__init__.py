"""*the posterior predictive distribution*: from a Gaussian over the outputs to probabilities.

`outputs.py` has the Gaussian over the outputs, f ~ N(m, V), that a posterior implies; `links.py` averages the
likelihood's mean over it: exactly, by a formula, or by samples. Start with `probit` there. `distribution.py` has the
part of `Laplace` that says more of a prediction than its mean.
"""

from .links import (
    LINKS,
    SAMPLED,
    Prediction,
    Uncertainty,
    bridge,
    decompose,
    entropies,
    exact,
    link_of,
    mc,
    mean_field,
    nn,
    plugin,
    probit,
    quadrature,
    sample_average,
)
from .outputs import LinearisedNetwork, Outputs

__all__ = [
    "LINKS",
    "SAMPLED",
    "LinearisedNetwork",
    "Outputs",
    "Prediction",
    "Uncertainty",
    "bridge",
    "decompose",
    "entropies",
    "exact",
    "link_of",
    "mc",
    "mean_field",
    "nn",
    "plugin",
    "probit",
    "quadrature",
    "sample_average",
]
