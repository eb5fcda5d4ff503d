"""*centered around the MAP estimate with covariance equal to the inverse Hessian*: the Gaussian over the parameters.

`gaussian.py` says what every posterior answers, and has the one that holds a Cholesky factor of the whole precision.
`cholesky.py` makes that factor, and refuses a precision that is indefinite or lost in rounding. The posteriors of
cheaper curvatures stand beside these, in `structures`.
"""

from .gaussian import BlockPosterior, FullPosterior, Posterior

__all__ = ["BlockPosterior", "FullPosterior", "Posterior"]
