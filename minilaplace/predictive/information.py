"""How the outputs at several inputs vary together, and how much one would learn from labels there.

With a root F_n of each input's covariance, the outputs at x_n and x'_m have the covariance V_nm = J_n Sigma J'_m^T =
F_n F_m^T. A label whose likelihood has the Fisher information R_n^T R_n would add the rows R_n J_n to the posterior
precision Lambda. Let A be the rows R_n F_n of several inputs, one below the other. Half the rise of the log-determinant
is what their labels would tell of the parameters, in nats:

    1/2 [log det(Lambda + sum_n J_n^T R_n^T R_n J_n) - log det Lambda] = 1/2 log det(I + A A^T)

For one output of variance v, under the noise sigma^2, at one input it is 1/2 log(1 + v / sigma^2).

| symbol | shape | meaning |
|---|---|---|
| V_nm | (C, C) | covariance of the outputs at x_n with those at x'_m |
| F_n | (C, r) | the input's root; the posterior determines r |
| A | (N K, r) | the rows R_n F_n of all inputs |
| B_n | (K, K) | R_n V_nn R_n^T, the block of A A^T that belongs to one input |
"""

from __future__ import annotations

import numpy as np

from ..model.likelihood import Likelihood
from ..network.jacobian import batches
from ..network.layer_pairs import symmetrise
from ..validation import Array, Readable, check_memory
from .outputs import LinearisedNetwork, finite, in_batches


def covariance_between(at: LinearisedNetwork, X: Readable, X_other: Readable | None = None) -> Array:
    """Return V_nm = F_n F_m^T between the outputs at X and those at X_other, by default X, (N, C, M, C).

    It is written block by block, so that no more than two batches' roots are held. Without X_other the blocks on and
    below the diagonal are computed, and the others are their transposes.
    """
    other = X if X_other is None else X_other
    N, M, C = len(X), len(other), at.network.n_outputs
    received = f"{N} inputs and {M}, the covariance of whose outputs takes"
    check_memory("X", "fewer inputs at a time", received, N * C * M * C)
    V, floats, room = np.empty((N * C, M * C)), at.floats_of_root, at.posterior.room
    with np.errstate(all="ignore"):
        for rows in batches(N, floats, room=room):
            F = _stacked(finite(at(X[rows]).root(), start=rows.start))
            for columns in batches(rows.stop if X_other is None else M, floats, room=room):
                block = V[rows.start * C : rows.stop * C, columns.start * C : columns.stop * C]
                F_other = _stacked(finite(at(other[columns]).root(), "X_other", columns.start))
                np.matmul(F, F_other.T, out=block)
    return finite((V if X_other is not None else symmetrise(V)).reshape(N, C, M, C))


def gain_of_each(likelihood: Likelihood, at: LinearisedNetwork, X: Readable) -> Array:
    """Return 1/2 log det(I + B_n) for every input, (N,).

    With d = 1 + diag B_n it is the sum of what the K rows tell one by one, 1/2 log d_k, plus 1/2 log det of the
    correlations, B_kl / sqrt(d_k d_l) beside a diagonal of ones: at most 0, it takes off what two of them tell twice.
    In this form small gains keep their digits, also beside large ones.
    """

    def of_batch(batch: Array) -> Array:
        f = at(batch)
        return f.covariance(likelihood.factor(f.mean))

    B = in_batches(of_batch, X, at.floats_each(), at.posterior.room)  # (N, K, K)
    with np.errstate(all="ignore"):
        alone = np.maximum(np.einsum("nkk->nk", B), 0)  # (N, K)
        scale = 1 / np.sqrt(1 + alone)
        beside = B * scale[:, :, None] * scale[:, None, :]
        np.einsum("nkk->nk", beside)[...] = 0
        twice = np.maximum(np.linalg.eigvalsh(beside), np.finfo(float).eps - 1)  # above -1 but for rounding
        return 0.5 * (np.log1p(alone).sum(axis=1) + np.log1p(twice).sum(axis=1))


def gain_of_all(likelihood: Likelihood, at: LinearisedNetwork, X: Readable) -> float:
    """Return 1/2 log det(I + A A^T), of labels at all inputs together: the sum of log(1 + s^2) / 2.

    With the singular values s of A it keeps its digits where inputs are nearly the same and there is little noise.
    """
    n_floats = 2 * len(X) * at.network.n_outputs * len(at.subset)
    check_memory("X", "fewer inputs at a time", f"{len(X)} inputs, whose rows take", n_floats)

    def of_batch(batch: Array) -> Array:
        f = at(batch)
        return f.root(likelihood.factor(f.mean))

    A = _stacked(in_batches(of_batch, X, at.floats_of_root, at.posterior.room))
    with np.errstate(all="ignore"):
        s = np.linalg.svd(A, compute_uv=False)
        return float(0.5 * np.logaddexp(0, 2 * np.log(s)).sum())


def _stacked(rows: Array) -> Array:
    """Return rows (N, K, r) one input's below the other's, (N K, r)."""
    return rows.reshape(-1, rows.shape[2])
