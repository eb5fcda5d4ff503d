"""Products of matrices by SciPy's BLAS, the one that also computes the Cholesky factors.

NumPy and SciPy each bring a BLAS of their own, and each BLAS has threads that wait for more work by spinning for some
hundredths of a second. Whoever multiplies with one and factorises with the other computes on half of the cores. So
the large products of fits and predictions are made here; `@` stays for small matrices, stacks of them, and vectors.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk

from ..validation import Array


def product(A: Array, B: Array, out: Array | None = None) -> Array:
    """Return A @ B for A (M, K) and B (K, N); with `out` (M, N), contiguous, add it there, in place.

    BLAS sees columns where NumPy has rows, so it is asked for B^T A^T. Memory for the result is not filled with zeros
    first, as it would be by SciPy: that takes nearly as long as a product of few terms.
    """
    if 0 in (*A.shape, *B.shape):  # SciPy refuses to write where there is no room for a number
        return A @ B if out is None else out
    (b, transposed_b), (a, transposed_a) = _in_columns(B), _in_columns(A)
    kept, out = (0.0, np.empty((len(A), B.shape[1]))) if out is None else (1.0, out)
    return dgemm(1.0, b, a, kept, out.T, trans_a=transposed_b, trans_b=transposed_a, overwrite_c=1).T


def in_one_matrix(R: Array) -> Array:
    """Return the rows R (N, K, H) of all samples as one matrix (N K, H), in the order in which they lie in memory."""
    return R.T.reshape(R.shape[2], -1).T if samples_last(R) else R.reshape(-1, R.shape[2])


def samples_last(R: Array) -> bool:
    """Return whether an array (N, K, H) lies in memory as (H, K, N), in long runs of samples."""
    return R.flags.f_contiguous and not R.flags.c_contiguous


def rank_k_update(lower: Array, A: Array, factor: float = 1.0) -> None:
    """Add `factor` A^T A to the lower triangle of a contiguous (P, P) matrix, in place, for A (K, P).

    It takes half the operations of a product. Entries above the diagonal have no meaning afterwards.
    """
    columns, transposed = _in_columns(A)
    dsyrk(factor, columns, 1.0, lower.T, trans=transposed, lower=0, overwrite_c=1)


def _in_columns(A: Array) -> tuple[Array, int]:
    """Return A^T and 0, or, where A's columns lie in one piece, A and 1: what BLAS reads, and whether it transposes it.

    Where neither rows nor columns do, SciPy makes a copy.
    """
    return (A, 1) if A.flags.f_contiguous and not A.flags.c_contiguous else (A.T, 0)
