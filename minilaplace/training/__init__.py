"""*Training*: find the MAP estimate, where Laplace's Gaussian is centred.

`map_estimate.py` has `fit_map`, to read first. `lbfgs.py` runs to a true mode, the default and what Laplace asks for;
`adam.py` is the post's listing, noisy steps for a fixed number of epochs, which stop near a mode, not at one.
`convergence.py` has the warning that an optimum was not reached, and `advice.py` says in it what to do.
"""

from .adam import Adam
from .convergence import ConvergenceWarning
from .lbfgs import LBFGS, is_mode
from .map_estimate import fit_map

__all__ = ["LBFGS", "Adam", "ConvergenceWarning", "fit_map", "is_mode"]
