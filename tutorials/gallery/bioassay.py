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
# # A bioassay of four doses
#
# Twenty animals receive four doses, five animals each, and 0, 1, 3 and 5 of them die. Gelman et al. use this logistic
# regression of two parameters, under a flat prior, for their first posterior without a closed form. They give the mode
# of intercept and slope as (0.8, 7.7), with standard errors of 1.0 and 4.9, and the mean of the posterior itself, from
# 1,000 draws, as (1.4, 11.9): with so few animals the posterior is skewed, and the Gaussian around its mode misses the
# tail of steep slopes. It also allows slopes below 0, with a probability of 5 % where the posterior has next to none.
#
# All of this can be seen below. Five animals of one dose are two rows, deaths and survivors, with their counts as
# sample weights. The grid of `exact_posterior` gives the mean without the error of a thousand draws, which for the
# slope is 0.2; the published mean agrees with it within that error.
#
# Source: Gelman, Carlin, Stern, Dunson, Vehtari and Rubin (2013), [*Bayesian Data Analysis*, third
# edition](https://sites.stat.columbia.edu/gelman/book/), sections 3.7 and 4.1, where we read the numbers; the data are
# those of Racine, Grieve, Fluehler and Smith (1986), [doi:10.2307/2347264](https://doi.org/10.2307/2347264).

# %%
import matplotlib.pyplot as plt
import numpy as np
from claims import number, report
from scipy.special import ndtr

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map
from minilaplace.model_average import exact_posterior

plt.style.use("minilaplace.course")

# %%
dose, deaths = np.array([-0.86, -0.30, -0.05, 0.73]), np.array([0, 1, 3, 5])
X, y = np.repeat(dose, 2)[:, None], np.tile([1, 0], 4)
counts = np.column_stack([deaths, 5 - deaths]).ravel()  # of the animals that a row stands for
model = BayesianModel(MLP(1, 1), Bernoulli(), prior_precision=1e-6)
theta = fit_map(model, X, y, sample_weight=counts, theta0=np.zeros(2))
la = Laplace(model, theta, curvature="hessian").fit(X, y, sample_weight=counts)
exact = exact_posterior(model, X, y, sample_weight=counts)
(slope, intercept), (slope_error, intercept_error) = theta, np.sqrt(np.diag(la.posterior.covariance()))
positive = ndtr(slope / slope_error)
print(f"mode ({intercept:.3f}, {slope:.3f}), standard errors {intercept_error:.3f}, {slope_error:.3f}")

# %% mystnb={"image": {"alt": "The posterior leans to steep slopes; Laplace's ellipse reaches below 0"}}
a, b = np.meshgrid(np.linspace(-3, 6, 121), np.linspace(-10, 40, 121))  # intercept and slope
z = b[..., None] * X[:, 0] + a[..., None]
log_density = np.sum(counts * (y * z - np.logaddexp(0, z)), axis=-1)
off = np.stack([b - slope, a - intercept], axis=-1)
log_gaussian = -0.5 * np.einsum("...p,pq,...q->...", off, la.posterior.precision(), off)
fig, panels = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
for ax, title, log_p in [(panels[0], "the posterior", log_density), (panels[1], "Laplace", log_gaussian)]:
    ax.contour(a, b, np.exp(log_p - log_p.max()), levels=[0.05, 0.25, 0.5, 0.75, 0.95], cmap="viridis")
    ax.axhline(0, color="gray", linewidth=0.8)
    ax.plot(intercept, slope, "o", color="black", label="mode")
    ax.set(title=title, xlabel="intercept")
panels[0].plot(exact.mean[1], exact.mean[0], "D", color="C1", label="mean")
panels[0].set_ylabel("slope")
panels[0].legend(loc="lower right")
plt.show()

# %%
draws = 1000  # of the source; means over them have an error, and so has the share of positive slopes
slope_spread, intercept_spread = np.sqrt(np.diag(exact.covariance()) / draws)
report(
    [
        number("mode, intercept", "0.8", intercept),
        number("mode, slope", "7.7", slope),
        number("standard error, intercept", "1.0", intercept_error),
        number("standard error, slope", "4.9", slope_error),
        number("mean, intercept", "1.4", exact.mean[1], within=0.05 + 2 * intercept_spread),
        number("mean, slope", "11.9", exact.mean[0], within=0.05 + 2 * slope_spread),
        number("P(slope > 0) by the Gaussian", "0.95", positive, within=2 * np.sqrt(0.95 * 0.05 / draws)),
    ]
)
