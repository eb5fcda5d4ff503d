"""The memory that a call would take, compared with this machine's before any of it is taken.

Operating systems promise more memory than there is, and end the process that uses it: an error has to come before.
"""

from __future__ import annotations

import os

import numpy as np

from .shown import refusal


def check_memory(name: str, expected: str, received: str, n_floats: int) -> None:
    """Raise a ValueError if this machine has less memory than so many numbers of 8 bytes; `received` "takes" these."""
    there_is = physical_memory()
    if 8 * n_floats > there_is:
        sizes = f"{gibibytes(n_floats)}; this machine has {gibibytes(there_is / 8)}"
        raise ValueError(refusal(name, expected, f"{received} {sizes}"))


NOT_DENSE = "its variance, samples and predictions, which need no dense matrix"
SPARING = "a Laplace with hessian_structure='kron' or 'diag', or of the last layer"


def check_dense(name: str, P: int, instead: str = SPARING) -> None:
    """Raise a ValueError if this machine has no memory for a dense (P, P) matrix; it says what to use instead."""
    check_memory(name, f"fewer parameters, or {instead}", f"{P}, whose dense matrix takes", P**2)


def gibibytes(n_floats: float) -> str:
    """Return in words how much memory so many numbers of 8 bytes take."""
    return f"{8 * n_floats / 2**30:.3g} GiB"


def physical_memory() -> float:
    """Return the memory of this machine in bytes, or infinity where the operating system does not say."""
    try:
        n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # on Windows there is no sysconf
        return np.inf
    return n_bytes if n_bytes > 0 else np.inf
