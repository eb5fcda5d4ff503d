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
# # 10. Regression
#
# After this tutorial you can put error bars on a regression, say which part of them is noise and which is ignorance,
# let the evidence find the noise, let the network predict it, measure whether the error bars are as long as the
# errors, and let them choose what to measure next.
#
# - Passage of the post: *Resources*, regression with probabilistic layers; *Laplace Approximation*, uncertainty
#   quantification.
# - Modules: `model`, `predictive`, `evidence`, `calibration`, `plotting`, `explorer`.
#
# Targets are now real numbers. The `Gaussian` likelihood says that they are the network's output plus noise of standard
# deviation $\sigma$, the same everywhere:
#
# $$y = f(x, \theta) + \sigma e, \qquad e \sim \mathcal{N}(0, 1)$$
#
# In code $\sigma$ is `sigma_noise`. Near the MAP estimate $f$ is taken to be linear in the parameters (tutorial 5), so
# under the posterior $f(x) \sim \mathcal{N}(m, V)$, with $V = J \Sigma J^\top$, which is `np.sum(J @ Sigma * J,
# axis=1)` in `one_page.py`. The sum of two independent Gaussians is a Gaussian, so the posterior predictive needs no
# further approximation:
#
# $$y \mid x, \mathcal{D} \sim \mathcal{N}(m,\; V + \sigma^2)$$
#
# This is the `exact` link. It returns a `Prediction(mean, variance)`, each of shape (N, C), the noise included.

# %%
import inspect
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from minilaplace import (
    MLP,
    BayesianModel,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    marglik_training,
    one_page,
    toy_data_regression,
)
from minilaplace.calibration import crps, gaussian_nll, interval_coverage, pit_histogram, variance_scale
from minilaplace.checks import check_function
from minilaplace.explorer import save_page
from minilaplace.plotting import plot_coverage, plot_pit

plt.style.use("minilaplace.course")
TARGET, FUNCTION, MEAN = "0.82", "C3", "C0"  # the colours of the bands of targets and of the function, and of the mean
assert "np.sum(J @ Sigma * J, axis=1)" in inspect.getsource(one_page)

# %% [markdown]
# ## Error bars in a gap
#
# A noisy sine, without the part between 3 and 5.5. The true noise is 0.3, but let us not tell. `marglik_training` finds
# parameters, prior and noise that agree (tutorial 8). It starts from noise 1. The picture after the fit has two bands
# around the mean, one for the function and one for the targets, each two standard deviations wide to both sides.
#
# > **Predict first.** Where will the band of the function be wide? In the gap, will the truth lie within it? And to the
# > right of 8, where the data ends?
#
# <details><summary>Answer</summary>
#
# In the gap and beyond both ends. In the gap the truth is within the band. To the right of 8 it leaves even the band of
# the targets: the sine turns down, and the mean goes on rising.
#
# </details>


# %%
def sine_with_gap(n, rng):
    """Return toy data outside of the gap."""
    X, y = toy_data_regression(n, noise=0.3, rng=rng)
    outside = (X[:, 0] < 3) | (X[:, 0] > 5.5)
    return X[outside], y[outside]


X, y = sine_with_gap(80, rng=0)
start = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=1.0), prior_precision=1.0)
model, theta = marglik_training(start, X, y, optimize_noise=True, rng=0, tol=1e-6)
la = Laplace(model, theta).fit(X, y)
sigma = model.likelihood.sigma_noise
print(f"samples {len(X)}, noise {sigma:.3f}, prior precision {model.prior_precision:.2f}")

# %%
line = np.linspace(-1, 10, 221)[:, None]


def draw_bands(ax, la):
    """Draw the mean, two standard deviations of the targets to each side, and two of the function alone."""
    mean = la.predict(line).mean[:, 0]
    parts = la.uncertainty(line)
    function, target = 2 * np.sqrt(parts.epistemic[:, 0]), 2 * np.sqrt(parts.total[:, 0])
    ax.fill_between(line[:, 0], mean - target, mean + target, color=TARGET, linewidth=0, label="targets")
    ax.fill_between(
        line[:, 0], mean - function, mean + function, color=FUNCTION, alpha=0.6, linewidth=0, label="function"
    )
    ax.plot(line[:, 0], mean, color=MEAN, label="mean")
    ax.set(xlabel="x", ylabel="y")


fig, ax = plt.subplots(figsize=(5.5, 3.6))
draw_bands(ax, la)
ax.plot(line[:, 0], np.sin(line[:, 0]), ":", color="black", label="truth")
ax.plot(X[:, 0], y, ".", color="black", markersize=4)
ax.set(ylim=(-3.5, 4.2), title="mean and two standard deviations")
ax.legend(ncols=2, fontsize=9, loc="upper center")
plt.show()

# %% [markdown]
# The coloured band is what the uncertain parameters leave open about the function: $\pm 2 \sqrt{V}$. It is thin where
# there is data, and wide in the gap and beyond the ends. The grey band around it is for targets, which have the noise
# as well: $\pm 2 \sqrt{V + \sigma^2}$. Where there is data nearly all of it is noise.

# %%
middle, ends = np.array([[4.25]]), np.array([[-1.0], [10.0]])
of_function = {
    "among the data, at most": np.sqrt(la.uncertainty(X).epistemic.max()),
    "amid the gap": np.sqrt(la.uncertainty(middle).epistemic[0, 0]),
    "one unit before the data, two after it, at least": np.sqrt(la.uncertainty(ends).epistemic.min()),
}
for name, deviation in of_function.items():
    print(f"deviation of the function {name}: {deviation:.2f}")
among, *elsewhere = of_function.values()
assert min(elsewhere) > 2 * among
assert np.median(la.uncertainty(X).epistemic / la.uncertainty(X).total) < 0.15
gap, last = np.linspace(3, 5.5, 26)[:, None], np.array([[10.0]])
mean_off = la.predict(gap).mean - np.sin(gap)
assert np.all(np.abs(mean_off) < 2 * np.sqrt(la.uncertainty(gap).epistemic))
assert np.abs(la.predict(last).mean - np.sin(last))[0, 0] > 2 * la.predict(last).std[0, 0]

# %% [markdown]
# [Move the prior precision, and then the noise](gap.html), and watch the coloured margin. With the prior down at .0001
# it is four times as wide amid the gap, and among the data, say at x = 1, only a fifth wider: there the data has
# spoken. A tenth of the noise makes it about a tenth as wide at x = 1, where samples are near, and amid the gap still
# more than a quarter as wide. (Without the site `save_page("gap.html", la, X, y)` writes this page, and one of any
# regression with one input; here it goes to a folder that is thrown away.)

# %%
with TemporaryDirectory() as folder:
    save_page(Path(folder, "gap.html"), la, X, y)
among_and_amid, prior_precision = np.array([[1.0], [4.25]]), model.prior_precision


def deviations_under(prior_precision, sigma_noise):
    """Return the standard deviations of the function among the data and amid the gap, (2,)."""
    return np.sqrt(la.under(prior_precision, sigma_noise=sigma_noise).uncertainty(among_and_amid).epistemic[:, 0])


at_start = deviations_under(prior_precision, sigma)
weak_prior, little_noise = deviations_under(1e-4, sigma), deviations_under(prior_precision, sigma / 10)
for name, deviations in [
    ("at the start", at_start),
    ("prior 0.0001", weak_prior),
    ("a tenth of the noise", little_noise),
]:
    print(f"{name:20}: at x = 1 {deviations[0]:.3f}, at x = 4.25 {deviations[1]:.3f}")
assert 3.8 < weak_prior[1] / at_start[1] < 4.5
assert round(weak_prior[0] / at_start[0], 1) == 1.2
assert 8 < at_start[0] / little_noise[0] < 12
assert little_noise[1] > at_start[1] / 4

# %% [markdown]
# ## Noise and ignorance
#
# For a regression the two kinds of uncertainty are variances, and they add up exactly:
#
# $$\underbrace{V + \sigma^2}_{\text{total}} = \underbrace{\sigma^2}_{\text{aleatoric}} +
# \underbrace{V}_{\text{epistemic}}$$
#
# More data does nothing to the noise, and makes $V$ smaller, nearly in proportion to $1 / N$ once there is plenty. With
# the noise and the prior held fixed:

# %%
epistemic = []
for N in (50, 200, 800):
    X_more, y_more = toy_data_regression(N, noise=0.3, rng=1)
    fixed = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=0.3), prior_precision=0.3)
    la_more = Laplace(fixed, fit_map(fixed, X_more, y_more, theta0=theta)).fit(X_more, y_more)
    parts = la_more.uncertainty(np.linspace(1, 7, 25)[:, None])
    epistemic.append(parts.epistemic.mean())
    print(f"N = {N:4}: aleatoric {parts.aleatoric.mean():.3f}, epistemic {epistemic[-1]:.5f}")
assert all(3 < few / many < 4.5 for few, many in pairwise(epistemic))  # a quarter, with four times the data

# %% [markdown]
# > **Common mistake.** To add standard deviations. Variances add up, so noise 0.3 and function 0.4 make 0.5, not 0.7.
# > `predict` returns variances with the noise in them, `glm_predictive_distribution` covariances of the function
# > without it, and `sigma_noise` is a standard deviation.
#
# ## The noise, by the evidence
#
# Why not take the residuals' root mean square for $\sigma$? Because the parameters have been fitted to the same data,
# and some of the noise with them. The evidence takes that into account. Setting its derivative in $\sigma$ to zero
# gives
#
# $$\sigma^2 = \frac{\sum_n (y_n - f_n)^2}{N - \gamma}$$
#
# with $\gamma$ the effective number of parameters of tutorial 8: each parameter that the data determines uses up one
# data point. For a linear model and a prior that is nearly flat $\gamma$ is $P$, and this is the unbiased estimate of
# statistics.

# %%
residuals = y - model.network.forward(theta, X)[:, 0]
gamma = (1 - model.prior_precision * la.posterior.variance()).sum()
print(f"root mean square of the residuals {np.sqrt(np.mean(residuals**2)):.3f}")
print(f"with gamma = {gamma:.1f} taken off     {np.sqrt(np.sum(residuals**2) / (len(X) - gamma)):.3f}")
print(f"by marglik_training               {sigma:.3f}")
assert round(sigma, 3) == 0.305
assert round(np.sqrt(np.mean(residuals**2)), 3) == 0.283
straight = BayesianModel(MLP(1, 1), Gaussian(sigma_noise=0.3), prior_precision=1e-9)
variances = Laplace(straight, fit_map(straight, X, y, rng=0)).fit(X, y).posterior.variance()
assert np.isclose((1 - straight.prior_precision * variances).sum(), straight.network.n_params, rtol=1e-6)

# %% [markdown]
# A noise that is set wrongly gives another function, not just other error bars. The smaller $\sigma$ is, the more of
# the noise the network explains by its function: the residuals become smaller and the parameters larger, and at 0.1 the
# function is further from the truth than with the noise that was found. The evidence over $\sigma$, each with a MAP
# estimate of its own:

# %%
sigmas = 10 ** np.linspace(-1, 0, 11)
by_sigma = {}
for s in sigmas:
    wrong = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=s), prior_precision=model.prior_precision)
    by_sigma[s] = Laplace(wrong, fit_map(wrong, X, y, theta0=theta)).fit(X, y)
evidences = [fitted.log_marginal_likelihood() for fitted in by_sigma.values()]
fig, ax = plt.subplots(figsize=(5, 3.2))
ax.semilogx(sigmas, evidences, "o-", color="C0", markersize=4)
ax.axvline(0.3, color="black", linestyle=":", label="true noise")
ax.axvline(sigma, color="C1", linestyle="--", label="marglik_training")
ax.set(xlabel="noise standard deviation $\\sigma$", ylabel="log evidence, nats", xticks=[0.1, 0.3, 1])
ax.set_xticklabels(["0.1", "0.3", "1"])
ax.legend()
plt.show()


def rms(values):
    """Return the root of the mean square."""
    return np.sqrt(np.mean(values**2))


seen_part = line[(line[:, 0] > 0) & (line[:, 0] < 8) & (np.abs(line[:, 0] - 4.25) > 1.25)]
too_small, tuned = by_sigma[sigmas[0]], by_sigma[sigmas[5]]
assert sigmas[np.argmax(evidences)] == sigmas[5]  # the one next to what `marglik_training` found
assert np.abs(np.log(sigmas / sigma)).argmin() == 5
of_residuals = [rms(fitted.predict(X).mean[:, 0] - y) for fitted in by_sigma.values()]
assert np.all(np.diff(of_residuals) > 0)
assert np.all(np.diff([rms(fitted.theta) for fitted in by_sigma.values()]) < 0)
from_truth = [rms(fitted.predict(seen_part).mean - np.sin(seen_part)) for fitted in (too_small, tuned)]
assert from_truth[0] > 1.1 * from_truth[1]

# %% [markdown]
# ## Other links
#
# `plugin` leaves the parameters' uncertainty out: variance $\sigma^2$. `mc` samples $f$, which gives the exact link's
# numbers up to the error of 1000 samples. `nn` samples parameters and sends each through the network. As in tutorial 6,
# the posterior of the *linearised* network does not suit the network itself: at x = 1, amid the data, its deviation is
# more than ten times that of the exact link.

# %%
at_data, in_gap = [[1.0]], [[4.25]]
for link in ("exact", "plugin", "mc", "nn"):
    on, off = (la.predict(place, link, n_samples=1000, rng=0) for place in (at_data, in_gap))
    print(f"{link:6} at x = 1: {on.mean[0, 0]:5.2f} +- {np.sqrt(on.variance[0, 0]):.2f}", end="    ")
    print(f"at x = 4.25: {off.mean[0, 0]:5.2f} +- {np.sqrt(off.variance[0, 0]):.2f}")
by_nn, by_mc, by_formula = (la.predict(at_data, link, n_samples=1000, rng=0) for link in ("nn", "mc", "exact"))
assert by_nn.std[0, 0] > 10 * by_formula.std[0, 0]
assert np.isclose(by_mc.std[0, 0], by_formula.std[0, 0], rtol=0.02)

# %% [markdown]
# ## A noise that the network predicts
#
# Often the noise depends on the input. Then the network gets a second output for it. `HeteroscedasticGaussian` takes
# $f = (m, s)$ with $y \sim \mathcal{N}(m, e^s)$: the first output is the mean, the second the logarithm of the noise's
# variance, so that any real number will do. (*Homoscedastic* means the same noise everywhere, *heteroscedastic* not
# so.) Here the true noise grows with x.


# %%
def growing_noise(n, seed):
    """Return a sine whose noise grows with x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 8, n)
    return x[:, None], np.sin(x) + (0.05 + 0.08 * x) * rng.standard_normal(n)


print(f"the true noise grows from {0.05 + 0.08 * 0:.2f} to {0.05 + 0.08 * 8:.2f}")
X_grow, y_grow = growing_noise(150, seed=0)
two_heads = BayesianModel(MLP(1, 5, 2), HeteroscedasticGaussian(), prior_precision=0.3)
la_two = Laplace(two_heads, fit_map(two_heads, X_grow, y_grow, rng=0)).fit(X_grow, y_grow)
one_head, theta_one = marglik_training(
    BayesianModel(MLP(1, 5, 1), Gaussian(sigma_noise=0.5), 0.3), X_grow, y_grow, optimize_noise=True, rng=0, tol=1e-2
)
la_one = Laplace(one_head, theta_one).fit(X_grow, y_grow)

# %%
line = np.linspace(0, 8, 161)[:, None]
fig, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
for ax, fitted, title in [(panels[0], la_one, "one noise for all"), (panels[1], la_two, "noise predicted")]:
    draw_bands(ax, fitted)
    ax.plot(X_grow[:, 0], y_grow, ".", color="black", markersize=3)
    ax.set(title=title, ylim=(-3, 3))
panels[0].legend(fontsize=9, loc="lower left")
panels[1].set_ylabel("")
plt.show()
deviations = np.sqrt(la_one.uncertainty(line).aleatoric[:, 0])
assert np.ptp(deviations) < 1e-12
assert deviations[0] > 5 * 0.05  # the true noise there
within = np.abs(y_grow - la_one.predict(X_grow).mean[:, 0]) < 2 * deviations[0]
assert within[X_grow[:, 0] < 2].all()
assert not within[X_grow[:, 0] > 4].all()

# %% [markdown]
# One noise for all is a compromise: at the left end its band is more than five times too wide for the targets, and no
# target below x = 2 leaves it; on the right some do. The network with two outputs sees the difference.
#
# The posterior is over the parameters of both outputs, so the noise is uncertain as well. Its average is in closed
# form: if $s \sim \mathcal{N}(m_s, V_{ss})$, then $E[e^s] = e^{m_s + V_{ss} / 2}$. The total variance is
# $E[e^s] + V_{mm}$: the *law of total variance*, the average variance plus the variance of the average.

# %%
places = np.array([[1.0], [4.0], [7.0]])
parts = la_two.uncertainty(places)
for x, aleatoric, epistemic in zip(places[:, 0], parts.aleatoric[:, 0], parts.epistemic[:, 0], strict=True):
    print(
        f"x = {x:.0f}: noise {np.sqrt(aleatoric):.2f} (true {0.05 + 0.08 * x:.2f}), function {np.sqrt(epistemic):.2f}"
    )
print(f"log evidence: one noise {la_one.log_marginal_likelihood():.0f}", end=", ")
print(f"predicted noise {la_two.log_marginal_likelihood():.0f}")
assert la_two.log_marginal_likelihood() > la_one.log_marginal_likelihood() + 10

# %% [markdown]
# The evidence, which takes the price of the second output into account, prefers it clearly. A caution: the exponential
# makes a wide $s$ into a huge average noise. Four units before the data the standard deviation is above 100, for
# targets of which none is beyond 3. That says "no idea", but not in a form to compute with:

# %%
beyond = la_two.predict([[-4.0]])
print(f"at x = -4: standard deviation {'above' if beyond.variance[0, 0] > 1e4 else 'below'} 100")
assert beyond.variance[0, 0] > 1e4
assert np.abs(y_grow).max() < 3

# %% [markdown]
# ## Are the error bars right?
#
# Error bars are claims, and claims can be checked on new data. There are three things to ask.
#
# **Coverage.** Which share of the targets is in the intervals that should hold 90 % of them? For
# $\mathcal{N}(\text{mean}, \text{sd}^2)$ the 90 % interval is the mean plus and minus 1.64 sd. Predictions are
# *calibrated* if at every level the intervals hold as large a share as they say. We ask three models about new points
# from outside of the gap: one whose noise is set too small, the tuned one, one whose noise is too large.
#
# > **Predict first.** The noise is 0.3 and one model believes that it is 1.0. How many of the targets are in its 50 %
# > intervals, which reach 0.67 standard deviations to each side?
#
# <details><summary>Answer</summary>
#
# Its 50 % interval is at least 0.67 to each side, which is more than two true standard deviations: nearly all of them.
#
# </details>

# %%
X_new, y_new = sine_with_gap(2000, rng=1)
print("new points:", len(X_new))
print(f"probability within 1.645 sd of a Gaussian's mean {ndtr(1.645) - ndtr(-1.645):.3f}", end=", ")
print(f"within 0.674 sd {ndtr(0.674) - ndtr(-0.674):.3f}")
candidates = {"noise 0.1": by_sigma[sigmas[0]], "noise tuned": la, "noise 1.0": by_sigma[sigmas[-1]]}
for name, fitted in candidates.items():
    half, nine_tenths = interval_coverage(*fitted.predict(X_new), y_new, levels=[0.5, 0.9])
    print(f"{name:11}: 50 % intervals hold {half:.2f}, 90 % intervals hold {nine_tenths:.2f}")
    assert (half > 0.95, half < 0.25) == (name == "noise 1.0", name == "noise 0.1")

# %% [markdown]
# A picture of all levels at once: for each level $q$, which share of targets is below the predicted $q$-quantile, the
# value that a share $q$ should stay below? Calibrated predictions are on the diagonal.

# %%
fig, ax = plt.subplots(figsize=(4.2, 4.6))
for name, fitted in candidates.items():
    plot_coverage(*fitted.predict(X_new), y_new, ax=ax, label=name)

# %% [markdown]
# **Where each target falls.** The *probability integral transform* (PIT) of a target is the predicted probability of
# anything smaller, $\Phi((y - \text{mean}) / \text{sd})$. If predictions are calibrated, it is uniform between 0 and
# 1. A bowl says that targets fall into the tails too often: error bars too short. A hump says too long. The dashed line
# is a uniform count; chance alone keeps a bin's count within the grey band 19 times out of 20.

# %%
fig, panels = plt.subplots(1, 3, figsize=(7, 2.8), sharey=True)
for ax, (name, fitted) in zip(panels, candidates.items(), strict=True):
    plot_pit(*fitted.predict(X_new), y_new, ax=ax)
    ax.get_legend().remove()
    ax.set(title=name, xlabel="PIT", ylabel="")
panels[0].set_ylabel("targets of a bin")
plt.show()
bowl, flat, hump = (pit_histogram(*fitted.predict(X_new), y_new) for fitted in candidates.values())
assert bowl[[0, -1]].min() > 3 * bowl[1:-1].max()
assert hump[[0, -1]].max() < 0.1 * hump[4:6].min()
assert np.all(np.abs(flat / np.mean(flat) - 1) < 0.2)

# %% [markdown]
# **One number.** A constant prediction with honest error bars is calibrated and useless. A *score* asks for both,
# honest and short. The negative log density does; it punishes a target far outside of the error bars very hard. The
# *continuous ranked probability score* (CRPS) is milder: the area under the squared difference of the predicted
# cumulative distribution $F$ and the step at the target, $[y \le t]$, which is 0 to the left of $y$ and 1 to the
# right,
#
# $$\text{CRPS} = \int (F(t) - [y \le t])^2\, dt$$
#
# It is in the units of $y$, and smaller is better. As error bars shrink to nothing it becomes the absolute error. And
# `variance_scale` says by which factor all variances should be multiplied: the mean of
# $(y - \text{mean})^2 / \text{variance}$.

# %%
for name, fitted in candidates.items():
    p = fitted.predict(X_new)
    print(f"{name:11}: negative log density {gaussian_nll(*p, y_new):.2f}, CRPS {crps(*p, y_new):.3f}", end=", ")
    print(f"variances should be multiplied by {variance_scale(*p, y_new):.2f}")
for score in (gaussian_nll, crps):
    assert np.argmin([score(*fitted.predict(X_new), y_new) for fitted in candidates.values()]) == 1
assert abs(variance_scale(*la.predict(X_new), y_new) - 1) < 0.15
assert np.isclose(crps([0.0], [1e-16], [0.7]), 0.7, rtol=1e-6)

# %% [markdown]
# The tuned model is best by both scores, and nearly calibrated: its variances are less than 15 % off.
#
# ## Where there was no data
#
# All of this was asked where the training data came from. The same questions of the tuned model in the gap, and beyond
# the end. In the gap its bands are wide, and the truth is within them.
#
# > **Predict first.** Are the intervals calibrated in the gap, the 90 % ones and the 50 % ones?
#
# <details><summary>Answer</summary>
#
# The 90 % intervals are, nearly; the 50 % ones hold far fewer than half. One function is wrong to the same side from
# one end of the gap to the other, so that more than nine of ten targets lie above the middle of their intervals.
#
# </details>

# %%
rng = np.random.default_rng(2)
densities = {}
for name, low, high in [("in the gap", 3, 5.5), ("beyond the end", 8, 12)]:
    X_where = rng.uniform(low, high, (2000, 1))
    y_where = np.sin(X_where[:, 0]) + 0.3 * rng.standard_normal(2000)
    for link in ("plugin", "exact"):
        p = la.predict(X_where, link)
        half, nine_tenths = interval_coverage(*p, y_where, levels=[0.5, 0.9])
        print(f"{name:14} {link:6}: 50 % intervals hold {half:.2f}, 90 % hold {nine_tenths:.2f}", end=", ")
        densities[name, link] = gaussian_nll(*p, y_where)
        print(f"negative log density {densities[name, link]:.1f}")
        if link == "exact":
            above = (y_where > p.mean[:, 0]).mean()
            assert half < 1 / 3
            assert above > 0.9 or name == "beyond the end"
            assert (0.85 < nine_tenths < 0.95) == (name == "in the gap")
    assert densities[name, "exact"] < 0.5 * densities[name, "plugin"]
assert np.all(mean_off < 0)

further = np.linspace(8, 10.9, 30)[:, None]
assert np.all(np.diff(la.predict(further).mean[:, 0]) > 0)
assert np.all(np.diff(np.sin(further[:, 0])) < 0)

# %% [markdown]
# In both places Laplace is far less wrong than the plugin: its negative log density is less than half. In the gap about
# nine of ten targets are in its 90 % intervals, but far fewer than half in its 50 % intervals: the mean is off to one
# side over the whole gap, as one wrong function is. Coverage is an average, and within a gap all errors are one error.
# Beyond the end the intervals fail: the sine turns down there, and the mean goes on rising. Laplace's error bars are
# about the parameters around *one* mode. They do not include other modes, nor functions that the network cannot take.
#
# ## Where to measure next
#
# Error bars that know where they are ignorant can say where to look. How much a measurement at $x$ tells of the
# parameters is its *information gain*. In nats it is
#
# $$\tfrac{1}{2} \log\left(1 + \frac{V}{\sigma^2}\right)$$
#
# which is half of what it adds to the log-determinant of the posterior precision: much where the function is uncertain
# and the noise small. It is also the entropy of the target, $\tfrac{1}{2} \log(V + \sigma^2)$ up to a constant, less
# that of the noise: not all that is uncertain about a target can be learnt, only the epistemic part of it. The target
# itself does not occur in it. So several measurements can be planned before the first one is made. But two places side
# by side tell nearly the same, and must not count twice. Together, measurements at $N$ places tell
#
# $$\tfrac{1}{2} \log \det\left(I + \frac{V}{\sigma^2}\right)$$
#
# where $V$ is now (N, N), the covariance of the function between the places (`functional_covariance`).
# `la.information_gain(X)` is the first, one number for each place, and `joint=True` the second, one for all. Choosing
# measurements in this way is called *active learning*. Here is a sine that was not seen between 2 and 6:


# %%
def measure(X, rng):
    """Return the sine at X with a noise of 0.1."""
    return np.sin(X[:, 0]) + 0.1 * rng.standard_normal(len(X))


def seen_on_two_sides(rng):
    """Return ten measurements on each side of the gap."""
    X = np.concatenate([rng.uniform(0, 2, 10), rng.uniform(6, 8, 10)])[:, None]
    return X, measure(X, rng)


PLACES = np.linspace(0, 8, 41)[:, None]  # where one could measure


def plan(la, n):
    """Return n places, each the one that tells most beside those before it."""
    chosen = []
    for _ in range(n):
        gains = [la.information_gain(PLACES[[*chosen, i]], joint=True) for i in range(len(PLACES))]
        chosen.append(np.argmax(gains))
    return PLACES[chosen]


def most_uncertain(la, n):
    """Return the n places that tell most, each for itself."""
    return PLACES[np.argsort(-la.information_gain(PLACES))[:n]]


precise = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=0.1), prior_precision=0.1)
rng = np.random.default_rng(1)
X_sides, y_sides = seen_on_two_sides(rng)
theta_sides = fit_map(precise, X_sides, y_sides, rng=0)
la_sides = Laplace(precise, theta_sides).fit(X_sides, y_sides)
gain = la_sides.information_gain(PLACES[20:21], joint=True)
with_it = Laplace(precise, theta_sides).fit(np.vstack([X_sides, PLACES[20:21]]), np.append(y_sides, 123.0))
risen = with_it.posterior.log_det_precision - la_sides.posterior.log_det_precision
assert np.isclose(gain, risen / 2, rtol=1e-9)  # whatever the target is, here 123
for name, choose in [("most uncertain", most_uncertain), ("planned", plan)]:
    three = choose(la_sides, 3)
    one_by_one, together = la_sides.information_gain(three).sum(), la_sides.information_gain(three, joint=True)
    print(f"{name:14}: {three[:, 0].round(1)}, one by one {one_by_one:.1f} nats, together {together:.1f}")
neighbours = most_uncertain(la_sides, 3)
assert together > la_sides.information_gain(neighbours, joint=True) + 0.5
assert np.ptp(neighbours) < 0.5
assert la_sides.information_gain(neighbours, joint=True) < 1.5 * la_sides.information_gain(neighbours[:1], joint=True)
assert 0.8 < np.diff(np.sort(three[:, 0])).min() < 1.2

# %% [markdown]
# The three most uncertain places are neighbours: the second and third together add less than half of what the first
# tells. The planned ones are spread over the gap, the nearest two about one unit apart. Measure there, or at three
# random places, and train again:

# %%
random_places = rng.uniform(0, 8, (3, 1))
fig, panels = plt.subplots(2, 3, figsize=(8, 4.6), sharex=True, sharey="row", height_ratios=[3, 1])
for column, (title, X_add) in zip(
    panels.T, [("seen so far", PLACES[:0]), ("three at random", random_places), ("three planned", three)], strict=True
):
    X_all, y_all = np.vstack([X_sides, X_add]), np.append(y_sides, measure(X_add, rng))
    after = Laplace(precise, fit_map(precise, X_all, y_all, theta0=theta_sides)).fit(X_all, y_all)
    draw_bands(column[0], after)
    column[0].plot(line[:, 0], np.sin(line[:, 0]), ":", color="black", label="truth")
    column[0].plot(X_sides[:, 0], y_sides, ".", color="black", markersize=3)
    column[0].plot(X_add[:, 0], y_all[len(X_sides) :], "D", color="C1", markeredgecolor="black", label="new")
    column[0].set(title=title, xlabel="", ylim=(-4.4, 3))
    column[1].plot(line[:, 0], after.information_gain(line), color=FUNCTION)
    column[1].set(xlabel="x", ylim=(0, 4))
for place in three[:, 0]:
    panels[1, 0].axvline(place, color="C1", linestyle="--", linewidth=1)
panels[1, 0].set_ylabel("gain, nats")
for ax in panels[:, 1:].ravel():
    ax.set_ylabel("")
panels[0, 2].legend(fontsize=8, loc="lower left", ncols=2)
fig.align_ylabels()
plt.show()

# %% [markdown]
# Below each picture is what a further measurement at $x$ would tell, with the planned places dashed. One set of data
# may be luck. Here are ten, and of each the root mean square error of the mean within the gap:

# %%
gap = np.linspace(2, 6, 81)[:, None]
errors, first, at_an_end = {"before": [], "random": [], "most uncertain": [], "planned": []}, [], []
for seed in range(10):
    rng = np.random.default_rng(seed)
    X_sides, y_sides = seen_on_two_sides(rng)
    theta_seed = fit_map(precise, X_sides, y_sides, theta0=theta_sides)
    la_seed = Laplace(precise, theta_seed).fit(X_sides, y_sides)
    choices = [PLACES[:0], rng.uniform(0, 8, (3, 1)), most_uncertain(la_seed, 3), plan(la_seed, 3)]
    for name, X_add in zip(errors, choices, strict=True):
        X_all, y_all = np.vstack([X_sides, X_add]), np.append(y_sides, measure(X_add, rng))
        mean = precise.network.forward(fit_map(precise, X_all, y_all, theta0=theta_seed), gap)[:, 0]
        errors[name].append(np.sqrt(np.mean((mean - np.sin(gap[:, 0])) ** 2)))
    first.append(choices[-1][0, 0])
    at_an_end.append(choices[-1].min() < 2 or choices[-1].max() > 6)
for name, of_seeds in errors.items():
    print(f"{name:14}: error in the gap {np.mean(of_seeds):.2f}, from {min(of_seeds):.2f} to {max(of_seeds):.2f}")
print("the place planned first lies between", min(first).round(1), "and", max(first).round(1))
assert 2 < min(first) < max(first) < 6
assert 1 <= sum(at_an_end) <= 5
assert np.mean(errors["planned"]) < 0.75 * min(np.mean(errors["random"]), np.mean(errors["most uncertain"]))
assert abs(np.mean(errors["planned"]) - 0.1) < 0.04
assert np.mean(errors["most uncertain"]) > 0.9 * np.mean(errors["random"])

# %% [markdown]
# With three planned measurements the error is about as large as the noise, 0.1. The three most uncertain places, which
# are neighbours, do no better than three random ones. All of this rests on the model: the gain is large where *it* has
# doubts, so that in some of the ten one of the three places is an end of the data and not in the gap; and where it is
# wrong without doubt it sees no reason to look. For classes the same method returns the mutual information of label and
# parameters, the epistemic part of tutorial 7.
#
# ## Summary
#
# - The predictive of a regression is $\mathcal{N}(m, V + \sigma^2)$, exactly so for the linearised network; the noise
#   is aleatoric, $V$ epistemic.
# - The evidence finds the noise and corrects for the data points that fitting has used up:
#   $\sigma^2 = \sum r^2 / (N - \gamma)$.
# - `HeteroscedasticGaussian` predicts the noise; its average over the posterior is $e^{m_s + V_{ss}/2}$.
# - Check error bars on new data: coverage, PIT, CRPS. Good ones among the data are no promise beyond it.
# - A measurement tells $\tfrac{1}{2} \log(1 + V / \sigma^2)$ nats; measure where a batch tells most together.
#
# *Read on:* Bishop (2006), sections 3.3 and 3.5, has the predictive and the evidence of a linear regression, with
# $\gamma$ and the noise. Gneiting and Raftery (2007), section 4.2, is about the CRPS. Foong et al. (2019) ask which
# approximations see that they do not know what lies in a gap, and MacKay (1992b) what to measure next.
# All are in the [references](references.md).
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 10.1: the predictive variance by hand
#
# Of a fit `la` you may use `la.model.network.jacobian(la.theta, x)`, (N, 1, P) for one output,
# `la.posterior.covariance()` and `la.model.likelihood.sigma_noise`. Compute the predictive variance of a target at each
# x, (N, 1). The check asks for it under other noises, at other inputs; `la.predict` has the answer, but the sum is
# yours.


# %% tags=["exercise"]
def predictive_variance(la, x):
    """Return the variance of a target at each x (N, 1), shape (N, 1)."""
    return ...


def another_noise(rng):
    """Return a fit with another noise, and inputs."""
    return la.under(sigma_noise=rng.uniform(0.1, 1)), rng.uniform(-1, 10, size=(3, 1))


def of_the_function(la, x):
    """Return the variance of the function, (N, 1)."""
    return la.uncertainty(x).epistemic


exercise_10_1 = check_function(
    "predictive variance",
    predictive_variance,
    lambda la, x: la.predict(x).variance,
    draw=another_noise,
    mistakes={
        "the noise is missing": of_the_function,
        "the noise alone": lambda la, x: la.predict(x, "plugin").variance,
        "the noise's standard deviation, not its variance": lambda la, x: (
            of_the_function(la, x) + la.model.likelihood.sigma_noise
        ),
        "a standard deviation, not a variance": lambda la, x: la.predict(x).std,
        "standard deviations added": lambda la, x: (
            (np.sqrt(of_the_function(la, x)) + la.model.likelihood.sigma_noise) ** 2
        ),
    },
)
print(exercise_10_1)

# %% [markdown]
# ### Exercise 10.2: the noise of the evidence
#
# Which noise has the largest evidence, if the residuals $r_n = y_n - f_n$ are (N,) and $\gamma$ of the parameters are
# determined by the data? The check sets the derivative $\sum_n r_n^2 / \sigma^3 - (N - \gamma) / \sigma$ to zero by
# bisection, for residuals of its own; yours is a line. Try it on `residuals` and `gamma`, beside `sigma`.


# %% tags=["exercise"]
def noise_of(residuals, gamma):
    """Return the standard deviation of the noise, a number."""
    return ...


def slope(s, residuals, gamma):
    """Return the derivative of the log evidence in the noise s."""
    return (residuals**2).sum() / s**3 - (len(residuals) - gamma) / s


def some_residuals(rng):
    """Return residuals, and the effective number of parameters."""
    n = rng.integers(20, 60)
    return rng.uniform(0.1, 2) * rng.normal(size=n), rng.uniform(3, 15)


exercise_10_2 = check_function(
    "noise standard deviation",
    noise_of,
    lambda r, g: brentq(slope, 1e-3, 1e3, args=(r, g), xtol=1e-14),
    draw=some_residuals,
    rtol=1e-8,
    mistakes={
        "gamma is not taken off": lambda r, g: np.sqrt(np.mean(r**2)),
        "gamma is added": lambda r, g: np.sqrt((r**2).sum() / (len(r) + g)),
        "the variance, not the standard deviation": lambda r, g: (r**2).sum() / (len(r) - g),
        "1 taken off, as for a sample's variance": lambda r, g: np.sqrt((r**2).sum() / (len(r) - 1)),
        "the mean of the residuals taken off, as `np.std` does": lambda r, g: np.std(r, ddof=g),
    },
)
print(exercise_10_2)

# %% [markdown]
# ### Exercise 10.3: coverage by hand
#
# Which share of the targets y is within the central interval of a level, such as 0.9, of predictions with these means
# and variances, all (N,)? `ndtri` is the inverse of $\Phi$.


# %% tags=["exercise"]
def coverage(mean, variance, y, level):
    """Return the share of targets within their intervals, a number."""
    return ...


def predictions_and_targets(rng):
    """Return means, variances, targets and a level."""
    mean, variance = rng.normal(size=80), rng.uniform(0.1, 4, size=80)
    return mean, variance, mean + 1.3 * np.sqrt(variance) * rng.normal(size=80) + 0.4, rng.uniform(0.3, 0.95)


def share_within(deviations, reach):
    """Return the share of deviations that are at most so far from zero."""
    return (np.abs(deviations) <= reach).mean()


exercise_10_3 = check_function(
    "coverage",
    coverage,
    lambda mean, variance, y, level: interval_coverage(mean, variance, y, levels=[level])[0],
    draw=predictions_and_targets,
    mistakes={
        "the variance in place of its root": lambda m, v, y, level: share_within((y - m) / v, ndtri((1 + level) / 2)),
        "an interval that leaves 1 - level on each side": lambda m, v, y, level: share_within(
            (y - m) / np.sqrt(v), abs(ndtri(level))
        ),
        "one side only": lambda m, v, y, level: (y <= m + np.sqrt(v) * ndtri((1 + level) / 2)).mean(),
        "the share outside": lambda m, v, y, level: 1 - interval_coverage(m, v, y, levels=[level])[0],
        "the number, not the share": lambda m, v, y, level: len(y) * interval_coverage(m, v, y, levels=[level])[0],
    },
)
print(exercise_10_3)

# %% [markdown]
# ### Exercise 10.4: the CRPS as an area
#
# Compute the CRPS of the prediction $\mathcal{N}(\text{mean}, \text{sd}^2)$ for one target y by numerical integration
# of its definition, over a fine grid that reaches well beyond the prediction and the target, to both sides; `ndtr` is
# $\Phi$. Three digits are enough.


# %% tags=["exercise"]
def area(y, mean, sd):
    """Return the CRPS, a number."""
    return ...


def on_a_grid(integrand):
    """Return the integral of a function of t, y, mean and sd over a fine grid of t."""
    grid = np.linspace(-40, 40, 400_001)
    return lambda *call: integrand(grid, *call).sum() * (grid[1] - grid[0])


exercise_10_4 = check_function(
    "CRPS",
    area,
    lambda y, mean, sd: crps([mean], [sd**2], [y]),
    draw=lambda rng: (rng.uniform(-8, 8), rng.uniform(-1, 1), rng.uniform(0.5, 2)),
    rtol=3e-3,
    mistakes={
        "not squared": on_a_grid(lambda t, y, m, sd: np.abs(ndtr((t - m) / sd) - (y <= t))),
        "the variance in place of its root": on_a_grid(lambda t, y, m, sd: (ndtr((t - m) / sd**2) - (y <= t)) ** 2),
        "the prediction is not used": on_a_grid(lambda t, y, m, sd: (ndtr(t) - (y <= t)) ** 2),
        "the absolute error": lambda y, m, sd: abs(y - m),
    },
)
print(exercise_10_4)

# %% [markdown]
# ### Exercise 10.5: the law of total variance
#
# `f_mean` (N, 2) and `f_cov` (N, 2, 2) are the distribution of $(m, s)$ at some inputs. Compute the total variance of
# the target, (N,). The check takes `la_two.glm_predictive_distribution` at inputs of its own.


# %% tags=["exercise"]
def total_variance(f_mean, f_cov):
    """Return the variance of the target at each input, (N,)."""
    return ...


def at(variance):
    """Return a function of inputs, made from one of the mean and covariance of f there."""
    return lambda x: variance(*la_two.glm_predictive_distribution(x))


exercise_10_5 = check_function(
    "total variance",
    at(total_variance),
    lambda x: la_two.predict(x).variance[:, 0],
    draw=lambda rng: rng.uniform(-2, 8, size=(4, 1)),
    mistakes={
        "the uncertainty of the noise is missing": at(lambda f, V: np.exp(f[:, 1]) + V[:, 0, 0]),
        "the uncertainty of the mean is missing": at(lambda f, V: np.exp(f[:, 1] + V[:, 1, 1] / 2)),
        "V_ss without its 1/2": at(lambda f, V: np.exp(f[:, 1] + V[:, 1, 1]) + V[:, 0, 0]),
        "s taken for the logarithm of a standard deviation": at(
            lambda f, V: np.exp(2 * f[:, 1] + 2 * V[:, 1, 1]) + V[:, 0, 0]
        ),
        "V_mm and V_ss swapped": at(lambda f, V: np.exp(f[:, 1] + V[:, 0, 0] / 2) + V[:, 1, 1]),
    },
)
print(exercise_10_5)

# %% [markdown]
# ### Derive 10.6: a data point for each parameter (4 marks)
#
# Let $\lambda_i$ be the eigenvalues of $\sum_n J_n^\top J_n$, with $J_n$ (1, P), so that those of the posterior
# precision are $\lambda_i / \sigma^2 + \delta$. Write the terms of the log evidence that depend on $\sigma$, and show
# that its derivative is zero where $\sigma^2 = \sum_n r_n^2 / (N - \gamma)$, with $\gamma = \sum_i \lambda_i /
# (\lambda_i + \delta \sigma^2)$. Why may $\theta$ be held fixed when the loss is differentiated, though it is the mode
# for one $\sigma$ alone?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 10.7: nine of ten (3 marks)
#
# A colleague has measured that 90 % intervals hold 92 % of the targets in the gap, and concludes that the error bars
# are right there. What else does this tutorial show of the same predictions, why can both be true, and what would you
# measure before you believe such error bars?

# %% [markdown]
# *Your answer:*
