"""*Truly effortless Bayesian Deep Learning in Julia*: the whole method on one page, by its textbook definitions.

A network with sigmoid hidden units, sizes = (D, units, ..., 1), tells two classes apart by one logit. Run as
`python -m minilaplace.one_page`, it prints how sure plugin and Laplace are, and draws Figure 2 into one_page.png.

N, D, P   how many samples, inputs, parameters         theta     all parameters (P,): W_1 by rows, b_1, W_2, ...
X, y      inputs x_n (N, D), labels 0 or 1 (N,)        a_l       a_0 = x, then a_l = sigmoid(z_l), (N, out)
W_l, b_l  (out, in), (out,): z_l = W_l a_{l-1} + b_l   delta_l   df / dz_l, (N, out)
f, p      logit: the last z; p(y = 1) = sigmoid(f)     Lambda_n  p_n (1 - p_n) = d2 -log p(y_n | f_n) / df_n2
J_n       df_n / dtheta (P,), a row of J (N, P)        G         generalised Gauss-Newton matrix, the GGN (P, P)
lam       lambda: the prior is theta ~ N(0, I / lam)   L, Sigma  L L^T = G + lam I, Sigma its inverse
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit as sigmoid

Array = NDArray[np.floating]


def toy_data(N: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw N / 4 inputs from each of four squares, X (N, 2), and label opposite squares alike, y (N,)."""
    corners = np.repeat([[0.5, 0.5], [-5, -5], [0.5, -5], [-5, 0.5]], N // 4, axis=0)  # (N, 2)
    return corners + rng.uniform(0, 4.5, size=(N, 2)), np.repeat([1.0, 1.0, 0.0, 0.0], N // 4)


def layers(theta: Array, sizes: tuple[int, ...]) -> list[tuple[Array, Array]]:
    """Cut theta into [(W_1, b_1), (W_2, b_2), ...], W of shape (out, in) and b of shape (out,)."""
    pieces = np.split(theta, np.cumsum([[n_out * n_in, n_out] for n_in, n_out in pairwise(sizes)])[:-1])
    return [(W.reshape(len(b), -1), b) for W, b in zip(pieces[0::2], pieces[1::2], strict=True)]


def forward(theta: Array, X: Array, sizes: tuple[int, ...]) -> tuple[list[Array], Array]:
    """Return what goes into each layer, [a_0, a_1, ...], and the logits f (N,)."""
    a = [X]
    for W, b in layers(theta, sizes):
        z = a[-1] @ W.T + b  # (N, out)
        a.append(sigmoid(z))  # the last one is p, and does not go into a layer
    return a[:-1], z[:, 0]


def jacobian(theta: Array, X: Array, sizes: tuple[int, ...]) -> Array:
    """Return J (N, P), backward by the chain rule from delta = 1: df/dW_l = delta_l a_{l-1}^T, df/db_l = delta_l."""
    a, _ = forward(theta, X, sizes)
    delta, J = np.ones((len(X), 1)), np.empty((len(X), 0))
    for (W, _), a_in in zip(layers(theta, sizes)[::-1], a[::-1], strict=True):
        J = np.hstack([(delta[:, :, None] * a_in[:, None, :]).reshape(len(X), -1), delta, J])
        delta = (delta @ W) * a_in * (1 - a_in)  # delta_{l-1} (N, in); delta_0 is not needed
    return J


def loss(theta: Array, X: Array, y: Array, lam: float, sizes: tuple[int, ...]) -> float:
    """Return sum_n -log p(y_n | f_n) + lam / 2 |theta|^2, where -log p(y | f) = log(1 + exp(f)) - y f."""
    _, f = forward(theta, X, sizes)
    return np.sum(np.logaddexp(0, f) - y * f) + lam / 2 * np.sum(theta**2)


def gradient(theta: Array, X: Array, y: Array, lam: float, sizes: tuple[int, ...]) -> Array:
    """Return d loss / dtheta = sum_n (p_n - y_n) J_n + lam theta, (P,)."""
    return (plugin(theta, X, sizes) - y) @ jacobian(theta, X, sizes) + lam * theta


def map_estimate(X: Array, y: Array, lam: float, sizes: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return a theta (P,) at which the loss has a minimum, the MAP estimate, searched for from a random start."""
    start = rng.standard_normal(sum(n_out * n_in + n_out for n_in, n_out in pairwise(sizes)))
    return minimize(loss, start, (X, y, lam, sizes), method="BFGS", jac=gradient, options={"gtol": 1e-6}).x


def ggn(theta: Array, X: Array, sizes: tuple[int, ...]) -> Array:
    """Return G = sum_n Lambda_n J_n J_n^T (P, P), the Hessian of sum_n -log p(y_n | f_n) if f were linear in theta."""
    p, J = plugin(theta, X, sizes), jacobian(theta, X, sizes)
    Lambda = p * (1 - p)  # (N,)
    return sum(Lambda[n] * np.outer(J[n], J[n]) for n in range(len(X)))


def posterior(theta: Array, X: Array, lam: float, sizes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return L and Sigma of the posterior N(theta, Sigma), with Sigma^-1 = G + lam I = L L^T."""
    L = np.linalg.cholesky(ggn(theta, X, sizes) + lam * np.eye(len(theta)))
    return L, np.linalg.solve(L.T, np.linalg.solve(L, np.eye(len(theta))))


def sample(theta: Array, L: Array, rng: np.random.Generator) -> Array:
    """Draw parameters (P,) from the posterior: theta + L^-T epsilon with epsilon ~ N(0, I)."""
    return theta + np.linalg.solve(L.T, rng.standard_normal(len(theta)))


def plugin(theta: Array, X: Array, sizes: tuple[int, ...]) -> Array:
    """Return p(y = 1 | x, theta) = sigmoid(f) at the one theta, (N,)."""
    return sigmoid(forward(theta, X, sizes)[1])


def probit(theta: Array, Sigma: Array, X: Array, sizes: tuple[int, ...]) -> Array:
    """Return sigmoid(f / sqrt(1 + pi/8 v)), v_n = J_n^T Sigma J_n, which is nearly the posterior's average p, (N,)."""
    (_, f), J = forward(theta, X, sizes), jacobian(theta, X, sizes)
    v = np.sum(J @ Sigma * J, axis=1)  # (N,)
    return sigmoid(f / np.sqrt(1 + np.pi / 8 * v))


def log_evidence(theta: Array, L: Array, X: Array, y: Array, lam: float, sizes: tuple[int, ...]) -> float:
    """Return log p(y) = -loss + P/2 log lam - 1/2 log det(L L^T); the 2 pi of prior and integral cancel."""
    half_log_det = np.sum(np.log(np.diag(L)))
    return -loss(theta, X, y, lam, sizes) + len(theta) / 2 * np.log(lam) - half_log_det


if __name__ == "__main__":  # Figure 2
    from matplotlib.figure import Figure

    rng, sizes, lam = np.random.default_rng(0), (2, 32, 1), 0.1
    X, y = toy_data(200, rng)
    theta = map_estimate(X, y, lam, sizes, rng)
    L, Sigma = posterior(theta, X, lam, sizes)
    print(f"log evidence {log_evidence(theta, L, X, y, lam, sizes):.2f}")
    grid, places = np.linspace(-5.25, 5.25, 50), np.array([[2.75, 2.75], [-2.75, 2.75], [10, 10]])
    points = np.vstack([places, np.dstack(np.meshgrid(grid, grid)).reshape(-1, 2)])  # (3 + 50^2, 2)
    predictions = {"Plugin": plugin(theta, points, sizes), "Laplace": probit(theta, Sigma, points, sizes)}
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    for panel, (name, p) in zip(figure.subplots(1, 2), predictions.items(), strict=True):
        print(f"{name}: p(y = 1) amid class 1 {p[0]:.3f}, amid class 0 {p[1]:.3f}, far away {p[2]:.3f}")
        p_plane = p[3:].reshape(50, 50)
        filled = panel.contourf(grid, grid, p_plane, np.linspace(0, 1, 21), cmap="viridis")
        panel.clabel(panel.contour(grid, grid, p_plane, [0.25, 0.5, 0.75], colors="white"))
        for label, marker, colour in [(0, "o", "#56B4E9"), (1, "^", "#D55E00")]:
            panel.plot(*X[y == label].T, marker, color=colour, markeredgecolor="black", label=f"y = {label}")
        panel.set(title=name, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.colorbar(filled, ax=figure.axes, ticks=[0, 0.25, 0.5, 0.75, 1], label="p(y = 1)")
    figure.savefig("one_page.png")
