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
# # laplace-torch's example of a regression
#
# laplace-torch's documentation trains a network of 50 tanh units on 150 points of a sine with noise .3, by 1,000 steps
# of Adam without any prior, and then lets the evidence choose prior and noise for it by gradient ascent. It reports a
# noise of about .28, close to the truth without any validation data, and a prior precision of about .10.
#
# Data and trained parameters were recorded from PyTorch by `tests/record_laplace_torch.py`, as is what laplace-torch
# itself then finds: .2818 and .1008. Here `optimize_prior_precision` finds the same maximum from the same parameters;
# the hundredth of a nat between the two evidences is the peer's rounding, which computes in float32 here. The picture
# is the documentation's: the standard deviation grows where there are no data. The parameters are no mode of the prior
# that is chosen, which the evidence does not ask about; `marglik_training` would go on to one.
#
# Source: laplace-torch, [*Full example: optimization of the marginal likelihood and
# prediction*](https://aleximmer.github.io/Laplace/regression_example/), where we read the numbers; Daxberger et al.
# (2021), *Laplace Redux*, [arXiv:2106.14806](https://arxiv.org/abs/2106.14806).

# %%
from pathlib import Path

import claims
import matplotlib.pyplot as plt
import numpy as np
from claims import number, report

from minilaplace import MLP, BayesianModel, Gaussian, Laplace

plt.style.use("minilaplace.course")

# %%
recorded = np.load(Path(claims.__file__).with_name("sinusoid.npz"))
X, y, theta = recorded["X"], recorded["y"], recorded["theta"]
model = BayesianModel(MLP(1, 50, 1), Gaussian(sigma_noise=1.0), prior_precision=1.0)
la = Laplace(model, theta).fit(X, y)
la.optimize_prior_precision(optimize_noise=True)  # changes la
sigma, delta, evidence = la.model.likelihood.sigma_noise, la.model.prior_precision, la.log_marginal_likelihood()
print(f"noise {sigma:.4f}, by laplace-torch {recorded['sigma_noise']:.4f}")
print(f"prior precision {delta:.4f}, by laplace-torch {recorded['prior_precision']:.4f}")
print(f"log evidence {evidence:.3f}, by laplace-torch {recorded['log_marginal_likelihood']:.3f}")

# %% mystnb={"image": {"alt": "The band is narrow along the sine's data and opens wide on both sides"}}
line = np.linspace(-5, 13, 361)[:, None]
prediction = la.predict(line)
mean, two = prediction.mean[:, 0], 2 * prediction.std[:, 0]
fig, ax = plt.subplots()
ax.plot(X, y, ".", color="black", markersize=3, label="data")
ax.plot(line, mean, label="mean")
ax.fill_between(line[:, 0], mean - two, mean + two, alpha=0.25, label="two standard deviations")
ax.plot(line, np.sin(line), ":", color="black", linewidth=1, label="sine")
ax.set(xlabel="x", ylabel="y", ylim=(-5, 5))
ax.legend(loc="upper center", ncols=2)
plt.show()

# %%
report(
    [
        number("noise that the evidence prefers", "0.28", sigma),
        number("prior precision that it prefers", "0.10", delta),
        number("noise, recorded from laplace-torch", f"{recorded['sigma_noise']:.3f}", sigma),
        number("log evidence, recorded from it", f"{recorded['log_marginal_likelihood']:.2f}", evidence, within=0.02),
    ]
)
