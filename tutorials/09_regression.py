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
# # 9. Regression
#
# After this tutorial you can put error bars on a regression, say which part of them is noise and which is ignorance,
# let the evidence find the noise, let the network predict it, measure whether the error bars are as long as the
# errors, and let them choose what to measure next.
#
# - Passage of the post: *Resources*, regression with probabilistic layers; *Laplace Approximation*, uncertainty
#   quantification.
# - Modules: `model`, `predictive`, `evidence`, `calibration`, `plotting`.
#
# Targets are now real numbers. The `Gaussian` likelihood says that they are the network's output plus noise of standard
# deviation $\sigma$, the same everywhere:
#
# $$y = f(x, \theta) + \sigma e, \qquad e \sim \mathcal{N}(0, 1)$$
#
# In code $\sigma$ is `sigma_noise`. Near the MAP estimate $f$ is linear in the parameters (tutorial 6), so under the
# posterior $f(x) \sim \mathcal{N}(m, V)$. The sum of two independent Gaussians is a Gaussian, so the posterior
# predictive needs no approximation of its own:
#
# $$y \mid x, \mathcal{D} \sim \mathcal{N}(m,\; V + \sigma^2)$$
#
# This is the `exact` link. It returns a `Prediction(mean, variance)`, each of shape (N, C), the noise included.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtr

from minilaplace import (
    MLP,
    BayesianModel,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    marglik_training,
    toy_data_regression,
)
from minilaplace.calibration import crps, gaussian_nll, interval_coverage, variance_scale
from minilaplace.checks import check_equal
from minilaplace.plotting import plot_coverage, plot_pit

plt.style.use("minilaplace.course")
NOISE, FUNCTION, MEAN = "0.75", "C3", "C0"  # the colours of aleatoric, epistemic, mean

# %% [markdown]
# ## Error bars in a gap
#
# A noisy sine, without the part between 3 and 5.5. The true noise is 0.3, but let us not tell. `marglik_training` finds
# parameters, prior and noise that agree (tutorial 7). It starts from noise 1.


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
    """Draw the mean, two standard deviations of the noise, and two of noise and function together."""
    mean = la.predict(line).mean[:, 0]
    parts = la.uncertainty(line)
    noise, total = 2 * np.sqrt(parts.aleatoric[:, 0]), 2 * np.sqrt(parts.total[:, 0])
    ax.fill_between(
        line[:, 0], mean - total, mean + total, color=FUNCTION, alpha=0.5, linewidth=0, label="noise and function"
    )
    ax.fill_between(line[:, 0], mean - noise, mean + noise, color=NOISE, linewidth=0, label="noise alone")
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
# The grey band is the noise alone, two $\sigma$ to each side. The coloured margin is what the uncertain parameters
# add. It is thin where there is data, and wide in the gap and beyond the ends.
#
# ## Noise and ignorance
#
# For a regression the two kinds of uncertainty are variances, and they add up exactly:
#
# $$\underbrace{V + \sigma^2}_{\text{total}} = \underbrace{\sigma^2}_{\text{aleatoric}} +
# \underbrace{V}_{\text{epistemic}}$$
#
# More data does nothing to the noise, and makes $V$ smaller, in proportion to $1 / N$ once there is plenty. With the
# noise and the prior held fixed:

# %%
for N in (50, 200, 800):
    X_more, y_more = toy_data_regression(N, noise=0.3, rng=1)
    fixed = BayesianModel(MLP(1, 8, 1), Gaussian(sigma_noise=0.3), prior_precision=0.3)
    la_more = Laplace(fixed, fit_map(fixed, X_more, y_more, theta0=theta)).fit(X_more, y_more)
    parts = la_more.uncertainty(np.linspace(1, 7, 25)[:, None])
    print(f"N = {N:4}: aleatoric {parts.aleatoric.mean():.3f}, epistemic {parts.epistemic.mean():.5f}")

# %% [markdown]
# ## The noise, by the evidence
#
# Why not take the residuals' root mean square for $\sigma$? Because the parameters have been fitted to the same data,
# and some of the noise with them. The evidence knows. Setting its derivative in $\sigma$ to zero gives
#
# $$\sigma^2 = \frac{\sum_n (y_n - f_n)^2}{N - \gamma}$$
#
# with $\gamma$ the effective number of parameters of tutorial 7: each parameter that the data determines uses up one
# data point. For a linear model without prior this is the unbiased estimate of statistics.

# %%
residuals = y - model.network.forward(theta, X)[:, 0]
gamma = (1 - model.prior_precision * la.posterior.variance()).sum()
print(f"root mean square of the residuals {np.sqrt(np.mean(residuals**2)):.3f}")
print(f"with gamma = {gamma:.1f} taken off     {np.sqrt(np.sum(residuals**2) / (len(X) - gamma)):.3f}")
print(f"by marglik_training               {sigma:.3f}")
assert round(sigma, 3) == 0.305
assert round(np.sqrt(np.mean(residuals**2)), 3) == 0.283

# %% [markdown]
# A noise that is set wrongly makes a wrong model, not just wrong error bars. If $\sigma$ is too small, the network has
# to explain the noise by its function. The evidence over $\sigma$, each with a MAP estimate of its own:

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

# %% [markdown]
# ## Other links
#
# `plugin` leaves the parameters' uncertainty out: variance $\sigma^2$. `nn` samples parameters and sends each through
# the network. As in tutorial 6, the posterior of the *linearised* network does not suit the network itself:

# %%
at_data, in_gap = [[1.0]], [[4.25]]
for link in ("exact", "plugin", "mc", "nn"):
    on, off = (la.predict(place, link, n_samples=1000, rng=0) for place in (at_data, in_gap))
    print(f"{link:6} at x = 1: {on.mean[0, 0]:5.2f} +- {np.sqrt(on.variance[0, 0]):.2f}", end="    ")
    print(f"at x = 4.25: {off.mean[0, 0]:5.2f} +- {np.sqrt(off.variance[0, 0]):.2f}")
assert np.sqrt(la.predict(at_data, "nn", n_samples=1000, rng=0).variance[0, 0]) > 5 * np.sqrt(
    la.predict(at_data).variance[0, 0]
)

# %% [markdown]
# ## A noise that the network predicts
#
# Often the noise depends on the input. Then the network gets a second output for it. `HeteroscedasticGaussian` takes
# $f = (m, s)$ with $y \sim \mathcal{N}(m, e^s)$: the first output is the mean, the second the logarithm of the noise's
# variance, so that any real number will do. (*Homoscedastic* means the same noise everywhere, *heteroscedastic* not
# so.) Here the true noise grows from 0.05 to 0.69.


# %%
def growing_noise(n, seed):
    """Return a sine whose noise grows with x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 8, n)
    return x[:, None], np.sin(x) + (0.05 + 0.08 * x) * rng.standard_normal(n)


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
panels[0].legend(fontsize=8, loc="lower left")
plt.show()

# %% [markdown]
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
# makes a wide $s$ into a huge average noise. Some units beyond the data the variance is astronomical, which says "no
# idea", but not in a form to compute with:

# %%
beyond = la_two.predict([[-4.0]])
print(f"at x = -4: standard deviation {'above' if beyond.variance[0, 0] > 1e4 else 'below'} 100")
assert beyond.variance[0, 0] > 1e4

# %% [markdown]
# ## Are the error bars right?
#
# Error bars are claims, and claims can be checked on new data. There are three things to ask.
#
# **Coverage.** Of intervals that should hold 90 % of the targets, how many hold theirs? For
# $\mathcal{N}(\text{mean}, \text{sd}^2)$ the 90 % interval is the mean plus and minus 1.64 sd. Predictions whose
# intervals of every level hold what they say are *calibrated*. We ask three models about new points from outside of
# the gap: one whose noise is set too small, the tuned one, one whose noise is too large.

# %%
X_new, y_new = sine_with_gap(2000, rng=1)
print("new points:", len(X_new))
print(f"probability within 1.645 sd of a Gaussian's mean: {ndtr(1.645) - ndtr(-1.645):.3f}")
candidates = {"noise 0.1": by_sigma[sigmas[0]], "noise tuned": la, "noise 1.0": by_sigma[sigmas[-1]]}
for name, fitted in candidates.items():
    half, nine_tenths = interval_coverage(*fitted.predict(X_new), y_new, levels=[0.5, 0.9])
    print(f"{name:11}: 50 % intervals hold {half:.2f}, 90 % intervals hold {nine_tenths:.2f}")

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
# 1. A bowl says that targets fall into the tails too often: error bars too short. A hump says too long. The dashed
#    line is a uniform count; chance alone keeps a bin's count within the band 19 times out of 20.

# %%
fig, panels = plt.subplots(1, 3, figsize=(7, 2.8))
for ax, (name, fitted) in zip(panels, candidates.items(), strict=True):
    plot_pit(*fitted.predict(X_new), y_new, ax=ax)
    ax.get_legend().remove()
    ax.set(title=name, xlabel="PIT", ylabel="")
panels[0].set_ylabel("targets of a bin")
plt.show()

# %% [markdown]
# **One number.** A constant prediction with honest error bars is calibrated and useless. A *score* asks for both,
# honest and short. The negative log density does; it punishes a target far outside of the error bars very hard. The
# *continuous ranked probability score* (CRPS) is milder: the area under the squared difference of the predicted
# cumulative distribution $F$ and the step at the target, $[y \le t]$, which is 0 to the left of $y$ and 1 to the
# right,
#
# $$\text{CRPS} = \int (F(t) - [y \le t])^2\, dt$$
#
# It is in the units of $y$, and smaller is better. For a prediction without error bars it is the absolute error. And
# `variance_scale` says by which factor all variances should be multiplied: the mean of
# $(y - \text{mean})^2 / \text{variance}$.

# %%
for name, fitted in candidates.items():
    p = fitted.predict(X_new)
    print(f"{name:11}: negative log density {gaussian_nll(*p, y_new):.2f}, CRPS {crps(*p, y_new):.3f}", end=", ")
    print(f"variances should be multiplied by {variance_scale(*p, y_new):.2f}")
scores = [crps(*fitted.predict(X_new), y_new) for fitted in candidates.values()]
assert np.argmin(scores) == 1

# %% [markdown]
# The tuned model is best by both scores, and nearly calibrated.
#
# ## Where there was no data
#
# All of this was asked where the training data came from. The same questions in the gap, and beyond the end, of the
# tuned model:

# %%
rng = np.random.default_rng(2)
for name, low, high in [("in the gap", 3, 5.5), ("beyond the end", 8, 12)]:
    X_where = rng.uniform(low, high, (2000, 1))
    y_where = np.sin(X_where[:, 0]) + 0.3 * rng.standard_normal(2000)
    for link in ("plugin", "exact"):
        p = la.predict(X_where, link)
        half, nine_tenths = interval_coverage(*p, y_where, levels=[0.5, 0.9])
        print(f"{name:14} {link:6}: 50 % intervals hold {half:.2f}, 90 % hold {nine_tenths:.2f}", end=", ")
        print(f"negative log density {gaussian_nll(*p, y_where):.1f}")
        if link == "exact":
            assert half < 0.4
            assert (nine_tenths > 0.85) == (name == "in the gap")

# %% [markdown]
# In both places Laplace is far less wrong than the plugin. In the gap nine of ten targets are in its 90 % intervals,
# but far fewer than half in its 50 % intervals: the mean is off to one side over the whole gap, as one wrong function
# is. Coverage is an average, and within a gap all errors are one error. Beyond the end the intervals fail: the sine
# turns down there, and no function near this MAP estimate does. Laplace's error bars know about the parameters around
# *one* mode. They do not know about other modes, nor about functions that the network would not think of.
#
# ## Where to measure next
#
# Error bars that know where they are ignorant can say where to look. A measurement at $x$ tells of the parameters, in
# nats,
#
# $$\tfrac{1}{2} \log\left(1 + \frac{V}{\sigma^2}\right)$$
#
# which is half of what it adds to the log-determinant of the posterior precision: much where the function is uncertain
# and the noise small. The target itself does not occur in it. So several measurements can be planned before the first
# one is made. But two places side by side tell nearly the same, and must not count twice. Together, measurements at $N$
# places tell
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
for name, choose in [("most uncertain", most_uncertain), ("planned", plan)]:
    three = choose(la_sides, 3)
    one_by_one, together = la_sides.information_gain(three).sum(), la_sides.information_gain(three, joint=True)
    print(f"{name:14}: {three[:, 0].round(1)}, one by one {one_by_one:.1f} nats, together {together:.1f}")
assert together > la_sides.information_gain(most_uncertain(la_sides, 3), joint=True) + 0.5

# %% [markdown]
# The three most uncertain places are neighbours, and the second and third of them tell little that the first has not
# told. The planned ones are spread over the gap. Measure there, or at three random places, and train again:

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
    column[0].set(title=title, xlabel="", ylim=(-3.6, 3))
    column[1].plot(line[:, 0], after.information_gain(line), color=FUNCTION)
    column[1].set(xlabel="x", ylim=(0, 4))
for place in three[:, 0]:
    panels[1, 0].axvline(place, color="C1", linestyle="--", linewidth=1)
panels[1, 0].set_ylabel("gain, nats")
for ax in panels[:, 1:].ravel():
    ax.set_ylabel("")
panels[0, 2].legend(fontsize=7, loc="lower left")
fig.align_ylabels()
plt.show()

# %% [markdown]
# Below each picture is what a further measurement at $x$ would tell, with the planned places dashed. One set of data
# may be luck. Ten of them, and the root mean square of the errors of the mean within the gap:

# %%
gap = np.linspace(2, 6, 81)[:, None]
errors, first = {"before": [], "random": [], "most uncertain": [], "planned": []}, []
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
for name, of_seeds in errors.items():
    print(f"{name:14}: error in the gap {np.mean(of_seeds):.2f}, from {min(of_seeds):.2f} to {max(of_seeds):.2f}")
print("the place planned first lies between", min(first).round(1), "and", max(first).round(1))
assert 2 < min(first) < max(first) < 6
assert np.mean(errors["planned"]) < 0.75 * min(np.mean(errors["random"]), np.mean(errors["most uncertain"]))

# %% [markdown]
# With three planned measurements the error is that of the noise. All of this rests on the model: the gain is large
# where *it* has doubts, which at times is an end of the data and not the gap, and where it is wrong without doubt it
# sees no reason to look. For classes the same method returns the mutual information of label and parameters, the
# epistemic part of tutorial 6.
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
# ## Exercises

# %% [markdown]
# ### Exercise 9.1: the predictive variance by hand
#
# `m` (3, 1) and `V` (3, 1, 1) are mean and covariance of the function at three inputs. Compute the predictive variance
# of the target, (3, 1).

# %% tags=["exercise"]
x_three = np.array([[1.0], [4.25], [9.0]])
m, V = la.glm_predictive_distribution(x_three)
variance = ...
exercise_9_1 = check_equal("predictive variance", variance, la.predict(x_three).variance)
print(exercise_9_1)

# %% [markdown]
# ### Exercise 9.2: the noise of the evidence
#
# At the end of `marglik_training` noise and parameters agree. Compute the noise from `residuals`, `gamma` and the
# number of samples.

# %% tags=["exercise"]
noise = ...
exercise_9_2 = check_equal("noise standard deviation", noise, sigma, rtol=1e-5)
print(exercise_9_2)

# %% [markdown]
# ### Exercise 9.3: coverage by hand
#
# Which share of the new targets is within 1.6448536 predicted standard deviations of the mean? `mean` and
# `variance_new` are (N,).

# %% tags=["exercise"]
mean, variance_new = (column[:, 0] for column in la.predict(X_new))
share = ...
exercise_9_3 = check_equal("coverage of 90 %", share, interval_coverage(mean, variance_new, y_new, levels=[0.9])[0])
print(exercise_9_3)

# %% [markdown]
# ### Exercise 9.4: the CRPS as an area
#
# One target, `y_one` = 0.4, and the prediction $\mathcal{N}(0, 1)$. Compute the CRPS by numerical integration of its
# definition over the grid `t`; `ndtr` is $\Phi$. (The step falls between two points of the grid.)

# %% tags=["exercise"]
y_one = 0.4
t = np.linspace(-10, 10, 200_001) + 5e-5
score = ...
exercise_9_4 = check_equal("CRPS", score, crps([0.0], [1.0], [y_one]), rtol=1e-4)
print(exercise_9_4)

# %% [markdown]
# ### Exercise 9.5: the law of total variance
#
# `f_mean` (3, 2) and `f_cov` (3, 2, 2) are the distribution of $(m, s)$ at three inputs. Compute the total variance of
# the target, (3,).

# %% tags=["exercise"]
f_mean, f_cov = la_two.glm_predictive_distribution(places)
total = ...
exercise_9_5 = check_equal("total variance", total, la_two.predict(places).variance[:, 0])
print(exercise_9_5)
