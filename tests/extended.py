"""The definitions in 80 digits, by mpmath: what the library's numbers should be where doubles run out.

Nothing here is stable or fast. Derivatives are central differences with steps of 1e-25, whose error is some 1e-50, and
matrices are inverted as they stand. Inputs are the doubles that the library receives, taken as exact.
"""

from functools import cache, cached_property

import mpmath as mp
import numpy as np

from minilaplace import Bernoulli, Categorical, Gaussian, HeteroscedasticGaussian

mp.mp.dps = 80
STEP = mp.mpf(10) ** -25
exact = np.vectorize(mp.mpf, otypes=[object])
ONE = mp.mpf(1)
ACTIVATIONS = {
    "tanh": mp.tanh,
    "sigmoid": lambda z: ONE / (1 + mp.exp(-z)),
    "relu": lambda z: max(z, mp.mpf(0)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gelu": lambda z: z * mp.ncdf(z),
    "identity": lambda z: z,
}


def rounded(array):
    """Return the nearest doubles."""
    return np.vectorize(float, otypes=[float])(array)


def forward(network, theta, X):
    """Return f (N, C)."""
    act, a = np.vectorize(ACTIVATIONS[network.activation], otypes=[object]), exact(X)
    *hidden, (W, b) = network.layers(np.asarray(theta))
    for V, c in hidden:
        a = act(a @ V.T + c)
    return a @ W.T + b


def nll(likelihood, f, y):
    """Return sum_n -log p(y_n | f_n)."""
    if isinstance(likelihood, Bernoulli):
        return mp.fsum(mp.log(1 + mp.exp((1 - 2 * int(t)) * g)) for g, t in zip(f[:, 0], y, strict=True))
    if isinstance(likelihood, Categorical):
        return mp.fsum(mp.log(mp.fsum(map(mp.exp, g))) - g[t] for g, t in zip(f, y, strict=True))
    if isinstance(likelihood, HeteroscedasticGaussian):
        C = f.shape[1] // 2
        m, s = f[:, :C], f[:, C:]
    else:
        m, s = f, 2 * np.vectorize(mp.log, otypes=[object])(exact(np.broadcast_to(likelihood.sigma_noise, f.shape)))
    y = exact(np.reshape(y, m.shape))
    return mp.fsum(
        ((u - t) ** 2 * mp.exp(-v) + v + mp.log(2 * mp.pi)) / 2
        for u, t, v in zip(m.ravel(), y.ravel(), s.ravel(), strict=True)
    )


def fisher(likelihood, f):
    """Return the expected Hessian of -log p(y | f) in f, (C, C), for one sample's f (C,)."""
    if isinstance(likelihood, Bernoulli):
        return np.array([[ONE / (2 + mp.exp(f[0]) + mp.exp(-f[0]))]])
    if isinstance(likelihood, Categorical):
        p = np.array([ONE / mp.fsum(mp.exp(g - h) for g in f) for h in f])
        return np.diag(p) - np.outer(p, p)
    if isinstance(likelihood, HeteroscedasticGaussian):
        C = len(f) // 2
        return np.diag([mp.exp(-s) for s in f[C:]] + [ONE / 2] * C)
    assert isinstance(likelihood, Gaussian)
    return np.diag([1 / mp.mpf(s) ** 2 for s in np.broadcast_to(likelihood.sigma_noise, len(f))])


def gradient(function, theta):
    """Return d function / d theta, S + (P,), for a function from (P,) to S."""
    units = STEP * np.array(mp.eye(len(theta)).tolist(), dtype=object)
    return np.stack([(function(theta + u) - function(theta - u)) / (2 * STEP) for u in units], axis=-1)


def inverse(A):
    """Return A^-1 by Gauss and Jordan; the pivots of a positive definite matrix are on its diagonal."""
    P = len(A)
    A, B = A.copy(), exact(np.eye(P))
    for k in range(P):
        B[k], A[k] = B[k] / A[k, k], A[k] / A[k, k]
        for i in set(range(P)) - {k}:
            B[i], A[i] = B[i] - A[i, k] * B[k], A[i] - A[i, k] * A[k]
    return B


def eliminated(A, n):
    """Return what is left of A when its first n variables are eliminated, their Schur complement, and the pivots."""
    A, pivots = A.copy(), []
    for k in range(n):
        pivots.append(A[k, k])
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k, k + 1 :])
    return A[n:, n:], pivots


def log_det(A):
    """Return log det A, by the pivots."""
    return mp.fsum(map(mp.log, eliminated(A, len(A))[1]))


@cache
def jacobian(network, theta, shape, data):
    """Return J_n (N, C, P), of inputs as bytes; the same ones are asked for under many priors."""
    X = np.frombuffer(data).reshape(shape)
    return gradient(lambda t: forward(network, t, X), exact(theta))


class Reference:
    """The GGN's full posterior, its evidence and what it says of f, in 80 digits; one of the tests' small models."""

    def __init__(self, model, theta, X, y):
        self.model, self.theta = model, exact(theta)
        self.X, self.y = np.asarray(X), np.asarray(y)

    def jacobian(self, X):
        """Return J_n, (N, C, P)."""
        return jacobian(self.model.network, tuple(map(float, self.theta)), np.shape(X), np.ravel(X).tobytes())

    @cached_property
    def ggn(self):
        f = forward(self.model.network, self.theta, self.X)
        J = self.jacobian(self.X)
        return sum(J_n.T @ fisher(self.model.likelihood, f_n) @ J_n for f_n, J_n in zip(f, J, strict=True))

    @cached_property
    def prior(self):
        prior = exact(self.model.prior_over(np.arange(len(self.theta))))
        return np.diag(prior) if prior.ndim == 1 else prior

    @cached_property
    def precision(self):
        return self.ggn + self.prior

    @cached_property
    def covariance(self):
        return inverse(self.precision)

    def functional_covariance(self, X):
        """Return J_n Sigma J_n^T, (N, C, C)."""
        return np.array([J_n @ self.covariance @ J_n.T for J_n in self.jacobian(X)])

    def log_evidence(self):
        """Return log p(y | theta) - 1/2 [log det Lambda - log det Lambda0 + quadratic]."""
        return self.log_joint() + (log_det(self.prior) - log_det(self.precision)) / 2

    def log_joint(self):
        """Return log p(y | theta) less half of the prior's quadratic."""
        fit = nll(self.model.likelihood, forward(self.model.network, self.theta, self.X), self.y)
        d = self.theta - exact(np.broadcast_to(self.model.prior_mean, len(self.theta)))
        return -fit - d @ self.prior @ d / 2


def mean_field(m, V):
    """Return 1 / sum_j exp(-(m_c - m_j) / sqrt(1 + pi/8 Var(f_c - f_j))) for every class c, divided by their sum."""
    classes = range(len(m))
    p = [
        1 / mp.fsum(mp.exp((m[j] - m[c]) / mp.sqrt(1 + mp.pi / 8 * (V[c, c] + V[j, j] - 2 * V[c, j]))) for j in classes)
        for c in classes
    ]
    return [p_c / mp.fsum(p) for p_c in p]
