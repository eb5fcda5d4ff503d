"""*fast and accurate approximations of the Hessian*: forms in which the curvature is added up and kept.

`full.py` says what every structure answers, and keeps everything or the blocks of the layers. `kronecker.py` keeps
Kronecker factors or the diagonal, `low_rank.py` few eigenvectors or the rows of the Jacobian. `fit.py` adds the data
up in one of them, here or on an executor. `subnetwork.py` chooses few parameters to be uncertain about.
"""

from .fit import STRUCTURES, Fit, Options, add_up
from .full import BlockDiag, Full, Structure
from .kronecker import Diag, EigenPosterior, Kron
from .low_rank import FunctionSpace, LowRank, LowRankPosterior
from .subnetwork import largest_magnitude, largest_variance, random_weights, weights_of_layers

__all__ = [
    "STRUCTURES",
    "BlockDiag",
    "Diag",
    "EigenPosterior",
    "Fit",
    "Full",
    "FunctionSpace",
    "Kron",
    "LowRank",
    "LowRankPosterior",
    "Options",
    "Structure",
    "add_up",
    "largest_magnitude",
    "largest_variance",
    "random_weights",
    "weights_of_layers",
]
