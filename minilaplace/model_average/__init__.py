"""*The case for Bayesian Deep Learning*: the average over many networks, by other methods than Laplace's.

`average.py` averages predictions over given parameter vectors. The other modules draw them: `ensemble.py` trains
several networks, `dropout.py` silences units at random, and `hamiltonian.py` samples the posterior itself, with
`warm_up.py` to tune it and `chains.py` to tell whether its chains agree. `exact.py` takes the integral over theta
itself, for up to three parameters. `mixture.py` averages over Laplace approximations around several modes.
"""

from .average import average
from .chains import Chains, effective_sample_size, split_r_hat
from .dropout import dropout_masks, fit_dropout, mc_dropout
from .ensemble import deep_ensemble
from .exact import ExactPosterior, exact_average, exact_posterior
from .hamiltonian import hmc, leapfrog
from .mixture import mixture
from .warm_up import DualAveraging

__all__ = [
    "Chains",
    "DualAveraging",
    "ExactPosterior",
    "average",
    "deep_ensemble",
    "dropout_masks",
    "effective_sample_size",
    "exact_average",
    "exact_posterior",
    "fit_dropout",
    "hmc",
    "leapfrog",
    "mc_dropout",
    "mixture",
    "split_r_hat",
]
