"""Measure minilaplace beside laplace-torch, where that is installed, on the same work in the same run.

    python -m tests.benchmarks            # all of it, some ten minutes with the peer
    python -m tests.benchmarks --quick    # the first table alone, without the peer, in less than a minute

The columns `peer` and `ratio` are empty where laplace-torch is not installed (`pip install laplace-torch`) or left out.

Ratios of one run are what to look at: machines are noisy, and this is no test. A fit ends with the factor that
predictions need, on both sides, and a prediction includes all that many points are worth making first; the peer is
called in the batches that suit it best, and both must give the same numbers. `floors` is the time in units of the
least that the method takes here, by two prices of the operations that it cannot do without: at the rate of a large
product (`dgemm`, `dsyrk`), and by what calls of BLAS and LAPACK of the same sizes take alone. To both is added what
must be written, rows, factors of products and results, at the bandwidth of memory. `memory` is what fit and
prediction add at their peak, NumPy's arrays counted by `tracemalloc`. A second table has ways that were chosen beside
those that they took the place of.
"""
