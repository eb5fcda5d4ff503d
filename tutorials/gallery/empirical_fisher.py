# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The empirical Fisher
#
# The empirical Fisher is the sum of squared gradients of the samples, and is often used in place of the GGN, as in the
# post. Kunstner, Hennig and Balles argue that it is no approximation of it: the two agree at an optimum of a model that
# is right and has much data, and else the empirical Fisher has no reason to. It weighs each sample by its squared
# residual, so it is large where the fit is bad, and its inverse takes small steps there, in directions of its own.
#
# Their figure 1 is a linear regression of 1,000 points, $y = 2 + 2x$ plus noise, on inputs with a long tail. Over the
# plane of slope and intercept, gradients preconditioned by the GGN all point at the optimum. Those of the empirical
# Fisher hardly change the slope: in most of the plane they point up or down, and not at the optimum. At (4.5, 2) the
# two are more than a right angle apart. All steps have been scaled to one length in the picture.
#
# Source: Kunstner, Hennig and Balles (2019), *Limitations of the empirical Fisher approximation for natural gradient
# descent*, NeurIPS, [arXiv:1905.12558](https://arxiv.org/abs/1905.12558), figure 1. What the figure shows has no
# printed number; the recipe of its data is quoted from memory, and drawn from NumPy's seed 0.

# %%
import matplotlib.pyplot as plt
import numpy as np
from claims import Claim, report

from minilaplace import MLP, BayesianModel, Gaussian, fit_map
from minilaplace.curvature import empirical_fisher, ggn

plt.style.use("minilaplace.course")

# %%
rng = np.random.RandomState(0)
X = rng.lognormal(0, 0.75, 1000)[:, None]
y = 2 + 2 * X[:, 0] + rng.standard_normal(1000)
model = BayesianModel(MLP(1, 1), Gaussian(sigma_noise=1.0), prior_precision=1e-8)
optimum = fit_map(model, X, y, theta0=np.zeros(2))  # slope and intercept


def step(curvature, theta):
    """Return the preconditioned step from theta, downhill, (2,)."""
    return -np.linalg.solve(curvature(model, theta, X, y), model.gradient(theta, X, y))


def ratios(theta):
    """Return the diagonal of the empirical Fisher over that of the GGN, (2,)."""
    return np.diag(empirical_fisher(model, theta, X, y)) / np.diag(ggn(model, theta, X, y))


place = np.array([4.5, 2.0])
steps = [step(curvature, place) for curvature in (ggn, empirical_fisher)]
cosine = steps[0] @ steps[1] / np.prod(np.linalg.norm(steps, axis=1))
print(
    "EF / GGN at the optimum",
    ratios(optimum).round(2),
    "and at slope 0, intercept 1",
    ratios(np.array([0.0, 1.0])).round(0),
)
print(f"cosine of the two steps at slope 4.5, intercept 2: {cosine:.2f}")

# %% mystnb={"image": {"alt": "GGN steps point at the optimum, empirical Fisher steps up or down"}}
slopes, intercepts = np.meshgrid(np.linspace(-1, 5, 13), np.linspace(-1, 5, 13))
grid = np.column_stack([slopes.ravel(), intercepts.ravel()])
fine = np.linspace(-1, 5, 61)
loss = np.array([[model.loss(np.array([w, b]), X, y) for w in fine] for b in fine])
fig, panels = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
for ax, curvature, title in [(panels[0], ggn, "GGN"), (panels[1], empirical_fisher, "empirical Fisher")]:
    arrows = np.array([step(curvature, theta) for theta in grid])
    arrows /= np.linalg.norm(arrows, axis=1, keepdims=True)
    ax.contour(fine, fine, np.log(loss), levels=8, colors="gray", linewidths=0.6)
    ax.quiver(*grid.T, *arrows.T, angles="xy", color="C0", width=0.005)
    ax.plot(*optimum, "*", color="C1", markersize=14)
    ax.set(title=title, xlabel="slope", aspect="equal")
panels[0].set_ylabel("intercept")
plt.show()

# %%
near, far = ratios(optimum), ratios(np.array([0.0, 1.0]))
report(
    [
        Claim(
            "EF / GGN at the optimum, diagonal", "near 1", f"{near[0]:.2f}, {near[1]:.2f}", np.abs(near - 1).max() < 0.1
        ),
        Claim("EF / GGN away from it", "not", f"{far[0]:.0f}, {far[1]:.0f}", far.min() > 10),
        Claim("cosine of the two steps, away from it", "not near 1", f"{cosine:.2f}", cosine < 0),
    ]
)
