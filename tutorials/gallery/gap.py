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
# # Uncertainty between two clusters
#
# Between two clusters of data a network should be unsure. Foong, Burt, Li and Turner show that approximations which
# take all weights for independent cannot be: if a line from $p$ to $q$ passes through the origin, the variance there is
# at most the sum of those at $p$ and $q$, for one hidden layer of ReLU units and any factorised Gaussian. The true
# posterior has no such bound. In their figure Hamiltonian Monte Carlo has a standard deviation of about 1.0 between the
# clusters and .02 at them, and mean-field variational inference next to none in between. Foong, Li, Hernandez-Lobato
# and Turner had reported before that the linearised Laplace approximation does much better.
#
# Here is a problem of their kind: two inputs, 50 ReLU units, weights with a prior standard deviation of 4 over the root
# of the number of inputs, noise .1, and ten points in each cluster. Four chains from draws of the prior agree on the
# function, with R-hat up to 1.02. Their standard deviation is 1.1 in the middle and .04 at the clusters; that of
# linearised Laplace, a Gaussian with all covariances around one mode, is .9 there. It jumps at the edges of the
# clusters, where hidden units of that one mode switch on or off, and just inside them it is far wider than the truth. A
# hundred random factorised Gaussians keep the bound.
#
# Source: Foong, Burt, Li and Turner (2020), *On the expressiveness of approximate inference in Bayesian neural
# networks*, NeurIPS, [arXiv:1909.00719](https://arxiv.org/abs/1909.00719), theorem 1 and figure 1; Foong, Li,
# Hernandez-Lobato and Turner (2019), *"In-between" uncertainty in Bayesian neural networks*,
# [arXiv:1906.11537](https://arxiv.org/abs/1906.11537), where we read the statement about Laplace. Figures marked * are
# quoted from memory. The data are ours, from a seed.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
from claims import QUICK, Claim, report

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, fit_map
from minilaplace.model_average import hmc, split_r_hat

plt.style.use("minilaplace.course")

# %%
H = 50
network = MLP(2, H, 1, activation="relu")
variances = np.concatenate([np.full(2 * H, 16 / 2), np.ones(H), np.full(H, 16 / H), np.ones(1)])  # of W, b, w, b
model = BayesianModel(network, Gaussian(sigma_noise=0.1), prior_precision=1 / variances)
rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(centre, 0.1, (10, 2)) for centre in (-1, 1)])
y = np.sin(X.sum(axis=1)) + 0.1 * rng.standard_normal(20)
along = np.linspace(-2, 2, 41)
line = np.column_stack([along, along])
left, middle, right = 10, 20, 30  # positions of (-1, -1), (0, 0) and (1, 1) on the line

with warnings.catch_warnings():  # a minimum lies on a kink of ReLU, where the gradient jumps and L-BFGS stops
    warnings.simplefilter("ignore")
    theta = fit_map(model, X, y, rng=0)
f_mean, f_cov = Laplace(model, theta).fit(X, y).glm_predictive_distribution(line)
laplace = np.sqrt(f_cov[:, 0, 0])
n_samples, n_warmup, n_leapfrog = (100, 200, 100) if QUICK else (1000, 1000, 400)
chains = hmc(model, X, y, n_samples, n_warmup=n_warmup, n_leapfrog=n_leapfrog, rng=0)
f = chains.evaluate(lambda theta: network.forward(theta, line)[:, 0])  # (4, S, 41)
r_hat, truth = split_r_hat(f).max(), f.std(axis=(0, 1))

ratios = []
for _ in range(100):
    centre, spread = rng.normal(0, np.sqrt(variances)), rng.gamma(1, 0.5, len(variances))
    samples = centre + spread * rng.standard_normal((500, len(centre)))
    v = np.var([network.forward(sample, line[[left, middle, right]])[:, 0] for sample in samples], axis=0)
    ratios.append(v[1] / (v[0] + v[2]))
for name, deviation in [("HMC", truth), ("Laplace", laplace)]:
    print(f"{name:8}: in the middle {deviation[middle]:.2f}, at the clusters {deviation[[left, right]].round(2)}")
print(f"R-hat {r_hat:.2f}; factorised Gaussians, variance in the middle over the sum: at most {max(ratios):.2f}")

# %% mystnb={"image": {"alt": "HMC and Laplace: bands that are narrow at two clusters and wide between"}}
fig, panels = plt.subplots(1, 2, figsize=(8, 3.6), sharex=True, sharey=True)
for ax, title, mean, deviation in [
    (panels[0], "Hamiltonian Monte Carlo", f.mean(axis=(0, 1)), truth),
    (panels[1], "linearised Laplace", f_mean[:, 0], laplace),
]:
    ax.plot(along, mean)
    ax.fill_between(along, mean - 2 * deviation, mean + 2 * deviation, alpha=0.25)
    ax.plot(X.mean(axis=1), y, ".", color="black")
    ax.set(title=title, xlabel="along the diagonal")
panels[0].set_ylabel("function, with two standard deviations")
plt.show()

# %%
at_data = truth[[left, right]].max()
agree, share = QUICK or r_hat < 1.05, laplace[middle] / truth[middle]
report(
    [
        Claim(
            *("standard deviation between and at the clusters, HMC", "1.0, 0.02"),
            *(f"{truth[middle]:.2f}, {at_data:.2f}", agree and truth[middle] > 10 * at_data),
            recalled=True,
        ),
        Claim(
            *("linearised Laplace between them, over HMC's", "handles it"),
            *(f"{laplace[middle]:.2f}, {share:.2f} of it", bool(0.5 < share < 2)),
        ),
        Claim(
            *("factorised Gaussians, variance between over the sum at the clusters", "1 at most"),
            *(f"{max(ratios):.2f} at most", max(ratios) <= 1),
        ),
    ]
)
