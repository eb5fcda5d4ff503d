"""*the posterior predictive distribution*: from a Gaussian over the outputs to probabilities.

`outputs.py` has the Gaussian over the outputs, f ~ N(m, V), that a posterior implies; `links.py` averages the
likelihood's mean over it: exactly, by a formula, or by samples. Start with `probit` there. `left_out.py` has the same
Gaussian at a training sample as if that had not been seen, and `information.py` what outputs at several inputs tell
together; `uncertainty.py` says how much of a prediction's uncertainty is noise. `distribution.py` has the part of
`Laplace` that asks for more than a mean.
"""

from .information import covariance_between, gain_of_all, gain_of_each
from .left_out import LeftOut
from .links import (
    LINKS,
    SAMPLED,
    Prediction,
    bridge,
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
from .uncertainty import Uncertainty, decompose, entropies

__all__ = [
    "LINKS",
    "SAMPLED",
    "LeftOut",
    "LinearisedNetwork",
    "Outputs",
    "Prediction",
    "Uncertainty",
    "bridge",
    "covariance_between",
    "decompose",
    "entropies",
    "exact",
    "gain_of_all",
    "gain_of_each",
    "link_of",
    "mc",
    "mean_field",
    "nn",
    "plugin",
    "probit",
    "quadrature",
    "sample_average",
]
