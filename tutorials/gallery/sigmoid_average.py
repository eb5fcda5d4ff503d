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
# # The average of a sigmoid over a Gaussian
#
# The probability that a classifier reports is $E[\sigma(f)]$ with $f \sim \mathcal{N}(m, s^2)$, which has no closed
# form. MacKay's formula, the link `probit`, is $\sigma(m / \sqrt{1 + a s^2})$ with $a = \pi/8$, for which a probit of
# the same slope at 0 can stand in for the sigmoid. Daunizeau fits $a = 0.368$ instead, gives a like formula for $E[\log
# \sigma(f)]$, and reports that his approximations are highly accurate, with 5 % error at most.
#
# We measure both against quadrature, for means up to 10 and standard deviations up to 10. As differences of
# probabilities they are better than that: 1.2 percentage points, where MacKay's formula has 1.6; the error is largest
# where $m$ and $s$ are both large, and then depends on their ratio alone. The formula for the logarithm is within 3.3
# points as the probability $e^{E[\log \sigma]}$. But as a share of the probability the error has no such bound: of a
# probability of one in a thousand, a formula that is off by a point knows nothing. So "5 %" is of the range of what is
# approximated, not of its value, which matters wherever rare events do.
#
# Source: Daunizeau (2017), *Semi-analytical approximations to statistical moments of sigmoid and softmax mappings of
# normal variables*, [arXiv:1703.00091](https://arxiv.org/abs/1703.00091); we read the 5 % in its abstract, and the
# constants in the author's own [toolbox](https://github.com/MBB-team/VBA-toolbox). MacKay (1992), *The evidence
# framework applied to classification networks*,
# [doi:10.1162/neco.1992.4.5.720](https://doi.org/10.1162/neco.1992.4.5.720).

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from claims import Claim, report
from scipy.special import expit, log_expit

from minilaplace import Bernoulli
from minilaplace.predictive import probit, quadrature

plt.style.use("minilaplace.course")


# %%
@dataclass
class Logits:
    """Gaussian logits of mean m (Q, 1) and variance v (Q, 1)."""

    mean: np.ndarray
    v: np.ndarray

    def variance(self):
        """Return the variances, as the links ask for them."""
        return self.v


m, s = np.meshgrid(np.linspace(-10, 10, 161), np.linspace(0, 10, 81))
f = Logits(m.reshape(-1, 1), s.reshape(-1, 1) ** 2)
truth, mackay = (link(Bernoulli(), f).reshape(m.shape) for link in (quadrature, probit))
daunizeau = expit(m / np.sqrt(1 + 0.368 * s**2))
points = {"MacKay": 100 * np.abs(mackay - truth), "Daunizeau": 100 * np.abs(daunizeau - truth)}
shares = np.abs(daunizeau - truth) / truth  # errors as shares of the probability
relative, at = shares.max(), np.unravel_index(shares.argmax(), m.shape)

z = np.linspace(-9, 9, 2001)  # the trapezoidal rule, for the logarithm
weights = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
log_truth = np.array([log_expit(m_row[:, None] + s_row[0] * z) @ weights for m_row, s_row in zip(m, s, strict=True)])
log_daunizeau = log_expit((m - 0.319 * s ** (2 * 0.781)) / np.sqrt(1 + 0.205 * s ** (2 * 0.870)))
log_points = 100 * np.abs(np.exp(log_daunizeau) - np.exp(log_truth)).max()
for name, error in points.items():
    print(f"{name:10}: at most {error.max():.2f} percentage points")
print(
    f"m = {m[at]:.1f}, s = {s[at]:.1f}: the average is {truth[at]:.5f}, Daunizeau's formula gives {daunizeau[at]:.5f}"
)

# %% mystnb={"image": {"alt": "Errors are largest for large m and s; MacKay's reach 1.6 points"}}
fig, panels = plt.subplots(1, 2, figsize=(8, 3.6), sharex=True, sharey=True)
for ax, (name, error) in zip(panels, points.items(), strict=True):
    filled = ax.contourf(m, s, error, levels=np.linspace(0, 1.8, 10))
    ax.set(title=name, xlabel="m")
panels[0].set_ylabel("s")
fig.colorbar(filled, ax=panels, label="error, percentage points")
plt.show()

# %%
worst = points["Daunizeau"].max()
report(
    [
        Claim("E[sigmoid], difference of probabilities", "5 % at most", f"{worst:.1f} %", worst < 5),
        Claim("exp E[log sigmoid], the same", "5 % at most", f"{log_points:.1f} %", log_points < 5),
        Claim(
            *("E[sigmoid], share of the probability", "5 % at most", f"{100 * relative:.0f} %", relative < 0.05),
            but="5 % of the range, not of a small value",
        ),
    ]
)
