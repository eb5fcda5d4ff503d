"""The Cholesky factor of a precision, which serves in the place of an inverse.

A sum of curvature and prior is rounded to 16 digits of its largest entries. Where so weak a prior, or so little noise,
leaves fewer than `DIGITS` for what the prior alone determines, a posterior would be precise and wrong: it is refused,
and the error says what to do. The same is asked of the structures that hold eigenvalues, `resolved`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh
from scipy.linalg.lapack import dpocon, dpotrf

from ..validation import Array

DIGITS = 4  # how many digits of variances survive rounding, or the posterior is refused


@np.errstate(all="ignore")
def cholesky(curvature: Array, prior: Array | float = 0.0, scale: float = 1.0, of_squares: bool = False) -> Array:
    """Return L of Lambda = scale * curvature + prior, or an error that says what is wrong with it and what to do.

    Of a curvature only the lower triangle counts; a prior is a number, a diagonal (P_s,) or a matrix (P_s, P_s).

    Rounding moves Lambda by eps times its diagonal, and its inverse, relatively, by eps times the norm of the inverse:
    of Lambda scaled to a unit diagonal, because L does not depend on the parameters' units. Where the curvature is
    a sum `of_squares`, no eigenvalue of Lambda is below the least prior, and that norm is at most
    sqrt(P) max diagonal / least: often enough to know.
    """
    Lambda = _sum(curvature, prior, scale)
    diagonal = np.diagonal(Lambda).copy()
    upper, failed = dpotrf(Lambda.T, lower=0, overwrite_a=1)  # LAPACK sees columns where NumPy has rows
    if failed:
        Lambda = _sum(curvature, prior, scale)  # overwritten by now
        eigenvalues = eigvalsh(Lambda) if np.isfinite(Lambda).all() else np.zeros(1)
        if eigenvalues[0] < -rounding_of(eigenvalues[-1], len(Lambda)):
            raise not_positive_definite(eigenvalues[0])
        raise not_resolved()
    L = upper.T
    eps, least = np.finfo(float).eps, np.min(prior) if of_squares and np.ndim(prior) < 2 else 0.0
    if not resolved(eps * np.sqrt(len(L)) * diagonal.max(), least):
        one_over_norm, _ = dpocon(L.T / np.sqrt(diagonal), anorm=1.0)  # 1 / |inverse|_1, estimated
        if not resolved(eps, one_over_norm):
            raise not_resolved()
    return L


def _sum(curvature: Array, prior: Array | float, scale: float) -> Array:
    Lambda = scale * curvature
    part = Lambda if np.ndim(prior) == 2 else np.einsum("pp->p", Lambda)
    part += prior
    return Lambda


def rounding_of(largest: float, size: int) -> float:
    """Return how far rounding moves the eigenvalues of a symmetric matrix of this size and largest eigenvalue."""
    return size * np.finfo(float).eps * abs(largest)


def resolved(error: ArrayLike, value: ArrayLike) -> bool:
    """Return whether so small an error leaves `DIGITS` digits of every value."""
    return bool(np.all(np.asarray(error) <= 10.0**-DIGITS * np.asarray(value)))


def not_positive_definite(smallest: float) -> np.linalg.LinAlgError:
    """Return the error that names the smallest eigenvalue and the two ways out."""
    return np.linalg.LinAlgError(
        f"the posterior precision is not positive definite: its smallest eigenvalue is {smallest:.6g}. An exact "
        "Hessian is indefinite away from a mode. Two ways out: curvature='ggn', or a larger prior_precision"
    )


def not_resolved() -> np.linalg.LinAlgError:
    """Return the error that says where the digits have gone, and the two ways out."""
    return np.linalg.LinAlgError(
        f"the posterior precision has not {DIGITS} digits of what the prior adds to it: rounding of the curvature "
        "outweighs so small a prior_precision. Two ways out: hessian_structure='gp', which never adds the two, or a "
        "larger prior_precision (or noise)"
    )
