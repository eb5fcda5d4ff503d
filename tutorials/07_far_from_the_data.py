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
# # 7. Far from the data
#
# After this tutorial you can predict what Laplace says infinitely far from the data; split the uncertainty of a
# prediction into noise and ignorance; and say what that split does not see.
#
# - Passage of the post: *Figures 1 and 2*, the corners of the posterior predictive.
# - Modules: `predictive/links`, `predictive/uncertainty`.
#
# A posterior matters most where there is no data: there the plugin can be certain without a reason. It is time to go
# there, with the Gaussian over logits, $f(x) \sim \mathcal{N}(m, V)$, and the links of the last tutorial. The model is
# the same, the post's second one, which learns four squares of two classes.

# %%
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit, ndtr, rel_entr, roots_hermitenorm, softmax

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Laplace,
    fit_map,
    toy_data_linear,
    toy_data_multi,
    toy_data_non_linear,
)
from minilaplace.checks import check_function
from minilaplace.predictive import probit, quadrature

plt.style.use("minilaplace.course")
STYLES = {
    "plugin": {"color": "C1"},
    "probit": {"color": "C0", "linestyle": "--"},
    "quadrature": {"color": "black"},
}

X, y = toy_data_non_linear(200, rng=0)
model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)

# %% [markdown]
# ## Along a ray
#
# Walk away from the data along a ray, $x = r u$ with $r \to \infty$. What do the logit and the probabilities tend to?
#
# For **logistic regression** the logit is $w^\top x + b$. Its mean grows like $r$ and its standard deviation $s$, too,
# so $m / s$ tends to a finite number $z$. The plugin goes to certainty, $\sigma(m) \to 1$. The probit link does not:
# $\kappa m = m / \sqrt{1 + \pi s^2 / 8} \to \sqrt{8 / \pi}\, z$, and
#
# $$\sigma(\kappa m) \to \sigma\left(\sqrt{8/\pi}\, z\right), \qquad
# \text{while the integral itself} \to \Phi(z)$$
#
# because on that scale the sigmoid is a step, and $\Phi(z)$ is the probability that the logit is positive. Networks
# with ReLU units, which are zero on one side and linear on the other, are linear far out, and behave the same
# (Kristiadi, Hein and Hennig, 2020).
#
# With **sigmoid units** each hidden unit switches to 0 or 1 at some distance of its own. Beyond the last of them mean
# and variance stand still, and so does every link.
#
# > **Predict first.** We follow one ray, in a direction near the boundary of a logistic regression. Where does each
# > curve go as $r$ grows: to one, to even odds, or to something between? And in the network of the four squares?
#
# <details><summary>Answer</summary>
#
# In logistic regression the plugin goes to one, the average to 0.62. In the network the average stays near even odds
# for a while, from $r = 20$ to $200$, and then goes to 0.68, and the plugin to 0.98. None ends at even odds.
#
# </details>

# %%
X_linear, y_linear = toy_data_linear(100, rng=0)
logistic = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
la_linear = Laplace(logistic, fit_map(logistic, X_linear, y_linear, rng=0)).fit(X_linear, y_linear)

radius = 10 ** np.linspace(0, 3, 61)
u = np.array([np.cos(2.2), np.sin(2.2)])  # near the boundary of the logistic regression
fig, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
for ax, fitted, name in [(panels[0], la_linear, "logistic regression"), (panels[1], la, "32 sigmoid units")]:
    for link in ("plugin", "quadrature", "probit"):
        ax.semilogx(radius, fitted.predict(radius[:, None] * u, link), **STYLES[link], label=link)
    ax.axhline(0.5, color="grey", linewidth=0.8)
    ax.set(xlabel="distance r from the origin", title=name, ylim=(-0.02, 1.02))
panels[0].set_ylabel("P(y = 1)")
panels[0].legend(loc="lower right")
plt.show()
assert round(la_linear.predict(1e6 * u[None])[0], 2) == 0.62
waiting = la.predict(np.array([[20.0], [50.0], [100.0], [200.0]]) * u)
assert np.abs(waiting - 0.5).max() < 0.02
assert round(la.predict(1e6 * u[None])[0], 2) == 0.68
assert round(la.predict(1e6 * u[None], "plugin")[0], 2) == 0.98

# %%
m_far, V_far = la_linear.glm_predictive_distribution(1e6 * u[None])
z = m_far[0, 0] / np.sqrt(V_far[0, 0, 0])
print(f"z = {z:.3f}: limit by probit {expit(np.sqrt(8 / np.pi) * z):.4f}, of the integral {ndtr(z):.4f}")
print(f"at r = 1e6: probit {la_linear.predict(1e6 * u[None])[0]:.4f}", end=", ")
print(f"quadrature {la_linear.predict(1e6 * u[None], 'quadrature')[0]:.4f}")
assert abs(la_linear.predict(1e6 * u[None])[0] - expit(np.sqrt(8 / np.pi) * z)) < 1e-4
assert abs(la_linear.predict(1e6 * u[None], "quadrature")[0] - ndtr(z)) < 1e-4

# %% [markdown]
# So the limit is not one half. It is as far from one half as $m$ is from zero in units of $s$, in that direction. A
# direction that the data has told about stays decided for ever; one that it has not goes to even odds. The
# network has limits in between, too. Look all around: how large is the larger of the two probabilities, in 360
# directions?

# %%
around = np.linspace(0, 2 * np.pi, 360, endpoint=False)
directions = np.column_stack([np.cos(around), np.sin(around)])  # (360, 2)
for name, fitted in [("logistic", la_linear), ("32 units", la)]:
    for r in (50, 1000, 1_000_000):
        p, p_plugin = fitted.predict(r * directions), fitted.predict(r * directions, "plugin")
        sure, sure_plugin = np.maximum(p, 1 - p), np.maximum(p_plugin, 1 - p_plugin)
        print(f"{name:8} r = {r:7}: mean {sure.mean():.2f}, largest {sure.max():.2f}; plugin {sure_plugin.mean():.2f}")
        assert sure.mean() < sure_plugin.mean() - 0.1
    assert sure.max() > 0.85
    assert (sure.mean() < 0.6) == (name == "32 units")
    assert np.mean(sure > 0.75) > 0.7 or name == "32 units"

# %% [markdown]
# The network is near even odds on average, and surer than 0.85 in some directions for ever: the average is more modest
# than the plugin, and it does not go to even odds everywhere. For logistic regression it is sure in most directions,
# for the data has told about all but those along the boundary.
#
# The two limits, of the probit link and of the integral, differ by at most 1.8 percentage points, which is the bound of
# the last tutorial:

# %%
z_grid = np.linspace(0, 6, 6001)
gap = np.abs(expit(np.sqrt(8 / np.pi) * z_grid) - ndtr(z_grid)).max()
print(f"largest difference of the limits: {100 * gap:.1f} percentage points")
assert round(100 * gap, 1) == 1.8

# %% [markdown]
# ## Noise and ignorance
#
# A probability of one half can mean two things. *The labels here are mixed*: more data would not help. Or: *nothing is
# known here*: more data would. The first is called **aleatoric** uncertainty (of dice), the second **epistemic** (of
# knowledge). Averaging over parameters can tell them apart.
#
# The *entropy* of a probability vector, $H[p] = -\sum_c p_c \log p_c$, says how uncertain it is: 0 for certainty,
# $\log 2 = 0.69$ for a fair coin. Let $p_s$ be the probabilities under the sampled logits $f_s$. Then
#
# $$\underbrace{H[\text{mean}_s\, p_s]}_{\text{total}} = \underbrace{\text{mean}_s\, H[p_s]}_{\text{aleatoric}} +
# \underbrace{\text{the rest}}_{\text{epistemic}}$$
#
# Each sample may be uncertain about the label: that is noise. Samples may also disagree with each other: that is the
# rest. The rest is the *mutual information* of label and parameters, that is, how much the label would tell about the
# parameters; it is never negative. `la.uncertainty` computes all three, in nats (natural logarithms).
#
# Some data with one input: to the left labels are coin tosses, to the right nearly all are 1, in between there is no
# data.
#
# > **Predict first.** At which of these is the epistemic part large: amid the coins, $x = -3$; amid the ones, $x = 2$;
# > in the gap between them, $x = 0$; far to the left, $x = -9$?
#
# <details><summary>Answer</summary>
#
# At $x = -9$ alone. In the gap there is no data either, but it is 0.03 nats there, of 0.41: read on below the picture.
#
# </details>

# %%
rng = np.random.default_rng(0)
x_coin = np.concatenate([rng.uniform(-4, -2, 60), rng.uniform(1, 3, 60)])[:, None]  # (N, 1)
y_coin = (rng.random(120) < np.where(x_coin[:, 0] < 0, 0.5, 0.97)).astype(int)
coin = BayesianModel(MLP(1, 16, 1), Bernoulli(), prior_precision=0.1)
assert y_coin[x_coin[:, 0] > 0].mean() > 0.9
la_coin = Laplace(coin, fit_map(coin, x_coin, y_coin, rng=0)).fit(x_coin, y_coin)

# %%
line = np.linspace(-9, 9, 181)[:, None]
parts = la_coin.uncertainty(line, n_samples=2000, rng=0)
fig, ax = plt.subplots(figsize=(5.5, 3.6))
names = ["aleatoric: noise", "epistemic: ignorance"]
ax.stackplot(line[:, 0], parts.aleatoric, parts.epistemic, colors=["0.75", "C3"], labels=names)
ax.axhline(np.log(2), color="grey", linewidth=0.8)
ax.annotate("log 2", (-9, np.log(2) + 0.01), fontsize=9)
ax.plot(x_coin[:, 0], np.where(y_coin == 1, -0.03, -0.06), "|", color="black", markersize=7)
ax.set(xlabel="x (ticks: the data, class 1 above class 0)", ylabel="entropy of the label, nats", ylim=(-0.08, 0.95))
ax.legend(loc="upper right")
plt.show()

# %%
x_five = np.array([[-9.0], [-3.0], [0.0], [2.0], [9.0]])
five = la_coin.uncertainty(x_five, n_samples=20_000, rng=0)
of_logit = np.sqrt(la_coin.glm_predictive_distribution(x_five)[1][:, 0, 0])
for k, name in enumerate(["to the left", "amid the coins", "in the gap", "amid the ones", "to the right"]):
    of_total = f"total {five.total[k]:.2f}, epistemic {five.epistemic[k]:.2f}"
    print(f"{name:15} {of_total}; deviation of the logit {of_logit[k]:.1f}")
left, coins, in_gap, ones, right = five.epistemic
assert max(coins, ones) < 0.02
assert round(in_gap, 2) == 0.03
assert round(five.total[2], 2) == 0.41
assert left > five.aleatoric[0]
assert right > five.aleatoric[4]
assert -4 < line[parts.total.argmax(), 0] < -2  # the coins
assert five.total[1] == five.total.max()
assert of_logit[2] < 0.8
assert min(of_logit[[0, 4]]) > 4

# %% [markdown]
# The coin tosses are noise: uncertain, and known to be so. Outside of the data, on either side, the epistemic part is
# the larger one. An entropy would call the coins the strangest of these inputs, and the epistemic part calls them
# familiar.
#
# **Where it matters most, look twice.** In the gap there is no data, and yet only 0.03 of 0.41 nats are epistemic. The
# data on both sides holds the curve: functions that this network and this prior allow, and that fit both sides, have
# little freedom between them. The logit's deviation is 0.7 in the gap, and 4 and more at the ends. So the epistemic
# part does not measure the distance from the data. It measures what the plausible parameters of *this model* disagree
# about, and if all of them interpolate, they agree. Whether it is right to interpolate is not asked.
#
# > **Common mistake.** To call an input unknown because its probability is near one half: so it is amid the coins,
# > where all is known that can be. Or to call it known because its epistemic part is small: so it is in the gap.
#
# Which of the two, entropy or epistemic part, finds inputs unlike the data is then a question for data: tutorials 11
# and 12 try both.

# %% [markdown]
# ## Summary
#
# - Far away the plugin of a linear logit goes to certainty, the average to $\Phi(m/s)$: even odds only where the data
#   has nothing to say about the direction. A network with sigmoid units has a limit, too, and it need not be even odds.
# - Total uncertainty is aleatoric (samples are unsure) plus epistemic (samples disagree). Samples may agree where there
#   is no data.
#
# *Read on* (entries in the [references](references.md)): Kristiadi, Hein and Hennig (2020), section 2, for the limits
# far from the data; Hüllermeier and Waegeman (2021), section 2, for what is aleatoric and what is epistemic, and how
# far one can tell.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 7.1: the limit along a ray
#
# `w` (D,) is the posterior mean of the weights of a logistic regression, and `Sigma_w` (D, D) their posterior
# covariance. Compute what the probit link tends to in the direction `ray` (D,), without going there. The check goes
# there.


# %% tags=["exercise"]
def limit(w, Sigma_w, ray):
    """Return the limit of the probit link's probability at r * ray as r grows, a number."""
    return ...


def far_along(w, Sigma_w, ray, link=probit, power=1):
    """Return what a link says 1e9 times further out; the variance of the logit is taken to a power."""
    mean, variance = 1e9 * ray @ w, 1e18 * (ray @ Sigma_w @ ray) ** power
    logit = SimpleNamespace(
        mean=np.array([[mean]]), variance=lambda: np.array([[variance]])
    )  # all that a link asks for
    return link(Bernoulli(), logit)[0]


def weights_and_ray(rng):
    """Return mean and covariance of three weights, and a direction."""
    root = rng.normal(size=(3, 3))
    return rng.normal(size=3), root @ root.T, rng.normal(size=3)


exercise_7_1 = check_function(
    "limit of the probit link",
    limit,
    far_along,
    draw=weights_and_ray,
    rtol=1e-7,
    mistakes={
        "the limit of the integral, Phi(z)": lambda *given: far_along(*given, link=quadrature),
        "the variance of the logit in place of its deviation": lambda *given: far_along(*given, power=2),
        "the factor sqrt(8 / pi) is missing": lambda w, Sigma_w, ray: far_along(w, 8 / np.pi * Sigma_w, ray),
        "the precision for the covariance": lambda w, Sigma_w, ray: far_along(w, np.linalg.inv(Sigma_w), ray),
    },
)
print(exercise_7_1)

# %% [markdown]
# ### Exercise 7.2: the mutual information, for three and more classes
#
# `p_s` (S, N, C) are the class probabilities of sampled logits. Write a function that returns the epistemic part, (N,).


# %% tags=["exercise"]
def mutual_information(p_s):
    """Return the entropy of the average less the average entropy, (N,)."""
    return ...


X_multi, y_multi = toy_data_multi(80, rng=0)
multi = BayesianModel(MLP(2, 8, 4), Categorical(), prior_precision=0.3)
la_multi = Laplace(multi, fit_map(multi, X_multi, y_multi, rng=0)).fit(X_multi, y_multi)


def yours(inputs, seed):
    """Return your answer for 200 samples at some inputs."""
    return mutual_information(softmax(la_multi.functional_samples(inputs, 200, rng=seed), axis=2))


def the_librarys(inputs, seed):
    """Return total, aleatoric and epistemic uncertainty by the same samples."""
    return la_multi.uncertainty(inputs, n_samples=200, rng=seed)


exercise_7_2 = check_function(
    "mutual information",
    yours,
    lambda inputs, seed: the_librarys(inputs, seed).epistemic,
    draw=lambda rng: (rng.uniform(-6, 6, size=(5, 2)), int(rng.integers(1000))),
    mistakes={
        "the entropy of the average": lambda inputs, seed: the_librarys(inputs, seed).total,
        "the average entropy": lambda inputs, seed: the_librarys(inputs, seed).aleatoric,
        "the sum of the two in place of the difference": lambda inputs, seed: sum(the_librarys(inputs, seed)[:2]),
        "the difference the other way round": lambda inputs, seed: -the_librarys(inputs, seed).epistemic,
        "bits in place of nats": lambda inputs, seed: the_librarys(inputs, seed).epistemic / np.log(2),
    },
)
print(exercise_7_2)

# %% [markdown]
# ### Exercise 7.3: a little ignorance
#
# If the logit is $\mathcal{N}(m, V)$ with a small $V$, the epistemic part is proportional to $V$. The second
# derivatives of the entropy $H[p]$ in $p$ and of $\sigma(f)$ in $f$ give the factor. Write the leading term. The check
# asks at $V$ of about $10^{-4}$, and integrates over the logit.


# %% tags=["exercise"]
def small_epistemic(m, V):
    """Return the leading term in V of the mutual information of label and logit, (N,)."""
    return ...


def by_quadrature(m, V):
    """Return the mean divergence of the probabilities from their mean."""
    nodes, weights = roots_hermitenorm(40)
    p = expit(m[:, None] + np.sqrt(V)[:, None] * nodes)  # (N, 40)
    average = (p @ weights / weights.sum())[:, None]
    return (rel_entr(p, average) + rel_entr(1 - p, 1 - average)) @ weights / weights.sum()


exercise_7_3 = check_function(
    "epistemic part",
    small_epistemic,
    by_quadrature,
    draw=lambda rng: (rng.normal(scale=2, size=4), rng.uniform(0.5e-4, 2e-4, size=4)),
    rtol=1e-3,
    mistakes={
        "the factor 1 / 2 is missing": lambda m, V: 2 * by_quadrature(m, V),
        "the deviation in place of the variance": lambda m, V: by_quadrature(m, V) / np.sqrt(V),
        "the variance of p, not yet over p (1 - p)": lambda m, V: by_quadrature(m, V) * expit(m) * expit(-m),
        "bits in place of nats": lambda m, V: by_quadrature(m, V) / np.log(2),
    },
)
print(exercise_7_3)

# %% [markdown]
# ### Derive 7.4: ignorance is never negative (4 marks)
#
# Show that the epistemic part is the mean Kullback-Leibler divergence of the $p_s$ from their mean, and that it is
# never negative. When is it zero?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 7.5: one half, twice (3 marks)
#
# A doctor sees $P(y = 1) = 0.5$ for two patients, and the system says of one that all of it is aleatoric, and of the
# other that most of it is epistemic. What does each of the two mean for what to do next? And a third patient is unlike
# all others, but her epistemic part is small and her $P(y = 1)$ is 0.9. How can that be?

# %% [markdown]
# *Your answer:*
