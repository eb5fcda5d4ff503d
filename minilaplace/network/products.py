"""Products of matrices by SciPy's BLAS, the one that also computes the Cholesky factors.

NumPy and SciPy each bring a BLAS of their own, and each BLAS has threads that wait for more work by spinning for some
hundredths of a second. Whoever multiplies with one and factorises with the other computes on half of the cores. So
what is large enough for threads is multiplied here; `@` stays for stacks of small matrices and for vectors.
"""

from __future__ import annotations

from typing import Any

from scipy.linalg.blas import dgemm, dsyrk

from ..validation import Array


def product(A: Array, B: Array, out: Array | None = None) -> Array:
    """Return A @ B for A (M, K) and B (K, N); with `out` (M, N), contiguous, add it there, in place.

    BLAS sees columns where NumPy has rows, so it is asked for B^T A^T.
    """
    (b, transposed_b), (a, transposed_a) = _in_columns(B), _in_columns(A)
    more: dict[str, Any] = {} if out is None else {"beta": 1.0, "c": out.T, "overwrite_c": 1}
    return dgemm(1.0, b, a, trans_a=transposed_b, trans_b=transposed_a, **more).T


def rank_k_update(lower: Array, A: Array, factor: float = 1.0) -> None:
    """Add `factor` A^T A to the lower triangle of a contiguous (P, P) matrix, in place, for A (K, P).

    It takes half the operations of a product. Entries above the diagonal have no meaning afterwards.
    """
    columns, transposed = _in_columns(A)
    dsyrk(factor, columns, 1.0, lower.T, trans=transposed, lower=0, overwrite_c=1)


def _in_columns(A: Array) -> tuple[Array, int]:
    """Return A^T as BLAS reads it without a copy: columns in one piece, and whether they are those of A instead."""
    return (A, 1) if A.flags.f_contiguous and not A.flags.c_contiguous else (A.T, 0)
