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
# # Confidence of a ReLU network far away
#
# Along a ray away from the origin a ReLU network is linear in the end, so its logit grows without bound and its
# confidence goes to 1: far from all data it is surest. Kristiadi, Hein and Hennig prove that under a Gaussian over the
# weights the confidence stays bounded away from 1. For the logit's mean grows in proportion to the distance $t$, but so
# does its standard deviation, and the probit link takes the ratio of the two:
#
# $$\sigma\left(\frac{|f(t x)|}{\sqrt{1 + \pi/8\, V(t x)}}\right) \to
# \sigma\left(\frac{|u^T x|}{\sqrt{\pi/8\, v^T \Sigma v}}\right)$$
#
# Here $u$ is the slope of the network along the ray, which the units that are active there make up, and $v$ is its
# derivative by the weights. Both can be written down from the weights alone. At a distance of $10^9$ the confidence is
# that limit to nine digits in twelve directions, while the plugin is at 1 in all of them. One sees the curves reach
# their limits within some hundred units, some of them high: away from 1 does not mean near one half.
#
# Source: Kristiadi, Hein and Hennig (2020), *Being Bayesian, even just a bit, fixes overconfidence in ReLU networks*,
# ICML, [arXiv:2002.10118](https://arxiv.org/abs/2002.10118). The claim is a theorem, and has no number to confirm; the
# data are those of the post.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
from claims import Claim, report
from scipy.special import expit

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map, toy_data_non_linear

plt.style.use("minilaplace.course")

# %%
X, y = toy_data_non_linear(200, rng=0)
model = BayesianModel(MLP(2, 20, 1, activation="relu"), Bernoulli(), prior_precision=0.1)
with warnings.catch_warnings():  # a minimum lies on a kink of ReLU, where the gradient jumps and L-BFGS stops
    warnings.simplefilter("ignore")
    theta = fit_map(model, X, y, rng=0)
la = Laplace(model, theta).fit(X, y)
angles = 0.1 + 2 * np.pi * np.arange(12) / 12
rays = np.column_stack([np.cos(angles), np.sin(angles)])  # (12, 2)


def confidence(distance, link):
    """Return how sure the network is of its label at this distance along each ray, (12,)."""
    p = la.predict(distance * rays, link)
    return np.maximum(p, 1 - p)


(W, _), (w, _) = model.network.layers(theta)
reach = np.maximum(rays @ W.T, 0)  # (12, 20): by how much each hidden unit grows for a unit step along the ray
slope = reach @ w[0]
of_weights = np.einsum("nh,h,nd->nhd", reach > 0, w[0], rays).reshape(12, -1)
v = np.hstack([of_weights, np.zeros((12, 20)), reach, np.zeros((12, 1))])  # in the order of theta: W, b, w, b
variance = np.einsum("np,pq,nq->n", v, la.posterior.covariance(), v)
limit = expit(np.abs(slope) / np.sqrt(np.pi / 8 * variance))
print("limits     ", limit.round(3))
print("at 10^9    ", confidence(1e9, "probit").round(3))
print("plugin     ", confidence(1e9, "plugin").round(3))

# %% mystnb={"image": {"alt": "Along six rays the confidence falls to limits of .64 to .92"}}
distances = np.geomspace(1, 1e4, 121)
curves = np.array([confidence(t, "probit") for t in distances])
fig, ax = plt.subplots()
for k in range(0, 12, 2):
    ax.semilogx(distances, curves[:, k], label=f"{np.degrees(angles[k]):.0f} degrees")
    ax.plot(distances[-1], limit[k], "o", color=f"C{k // 2}")
ax.axvspan(1, np.linalg.norm(X, axis=1).max(), color="gray", alpha=0.15)
ax.set(xlabel="distance from the origin (shaded: as far as the data)", ylabel="confidence", ylim=(0.49, 1.01))
ax.set_title("along six rays, with the limits as dots")
ax.legend(fontsize=8, ncols=2, loc="lower right")
plt.show()

# %%
off, largest, sure = np.abs(confidence(1e9, "probit") - limit).max(), limit.max(), confidence(1e9, "plugin").min()
report(
    [
        Claim("confidence far away", "below 1", f"at most {largest:.3f}", largest < 0.99),
        Claim(
            "its limit along 12 rays, from the formula",
            "equal",
            "to 1e-9" if off < 1e-9 else f"{off:.0e} off",
            off < 1e-9,
        ),
        Claim("confidence of the plugin far away", "1", f"{sure:.3f}", sure > 1 - 1e-9),
    ]
)
