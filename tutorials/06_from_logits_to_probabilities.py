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
# # 6. From logits to probabilities
#
# After this tutorial you can turn a Gaussian over logits into class probabilities in eight ways, say what each of them
# approximates and by how much it is off, predict what Laplace says infinitely far from the data, and split the
# uncertainty of a prediction into noise and ignorance.
#
# - Passage of the post: *Figures 1 and 2*, the posterior predictive.
# - Modules: `predictive`, `laplace`, `model`.
#
# The last tutorial ended with a Gaussian over the outputs. Near the MAP estimate $\theta$ the network is close to
# linear in its parameters, so under the posterior $\mathcal{N}(\theta, \Sigma)$ its outputs at an input $x$ are
# Gaussian:
#
# $$f(x) \sim \mathcal{N}(m, V), \qquad m = f(x, \theta), \qquad V = J \Sigma J^\top$$
#
# For a classifier outputs are *logits*: any real number, turned into a probability by the sigmoid
# $\sigma(f) = 1 / (1 + e^{-f})$. What we want is the average of that probability over all plausible logits,
#
# $$p(y = 1 \mid x) = \int \sigma(f)\, \mathcal{N}(f \mid m, V)\, df$$
#
# and this integral has no closed form. A *link* is a way to get its value, or something close to it.

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit, ndtr, rel_entr, roots_hermitenorm, softmax
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

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
from minilaplace.checks import check_equal
from minilaplace.predictive import LINKS, bridge, mean_field, plugin, probit, quadrature

plt.style.use("minilaplace.course")
STYLES = {
    "plugin": {"color": "C0"},
    "probit": {"color": "C1", "linestyle": "--"},
    "mean_field": {"color": "C3"},
    "bridge": {"color": "C2"},
    "bridge_norm": {"color": "C2", "linestyle": ":"},
    "mc": {"color": "C4"},
    "nn": {"color": "C5"},
    "quadrature": {"color": "black"},
}

# %% [markdown]
# The post's second model, and three inputs: amid the squares of class 1, between a square of either class, and 50 units
# away. $V$ is a 1 x 1 matrix here, because there is one logit.

# %%
X, y = toy_data_non_linear(200, rng=0)
model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)

places = np.array([[2.75, 2.75], [0.0, 2.75], [50.0, 50.0]])
m, V = la.glm_predictive_distribution(places)  # (3, 1), (3, 1, 1)
for place, mean, variance in zip(places, m[:, 0], V[:, 0, 0], strict=True):
    print(f"x = {place}: the logit is {mean:.1f} +- {np.sqrt(variance):.1f}")

# %% [markdown]
# `la.predict` takes the name of a link. Here are all that one logit has:

# %%
for link in Bernoulli.links:
    p = la.predict(places, link, n_samples=2000, rng=0)
    print(f"{link:10} amid class 1 {p[0]:.2f}   between {p[1]:.2f}   far away {p[2]:.2f}")

# %% [markdown]
# Three of the five nearly agree. `plugin` is too sure, and `nn` is not sure of anything. We take them one by one.
#
# ## Plugin: the probability of the average logit
#
# The plugin link is $\sigma(m)$: it takes the MAP estimate for the truth and does not look at $V$. The sigmoid is
# nearly flat where it is near 0 or 1, so logits that vary around a large $m$ can only take the average down. The
# plugin is right in two cases alone: when nothing is uncertain, $V = 0$, and when $m = 0$, by symmetry.
#
# ## Quadrature: the integral itself
#
# One logit is a one-dimensional integral, and those are easy. *Gauss-Hermite quadrature* replaces the integral over a
# Gaussian by a weighted sum, $\sum_i w_i\, \sigma(m + s x_i)$ with $s = \sqrt{V}$. Its nodes $x_i$ and weights $w_i$
# are chosen such that $n$ of them are exact for all polynomials of degree below $2n$. The `quadrature` link does this
# with 40 nodes, and changes to another form of the same integral where the Gaussian is wider than 0.9. It is correct to
# rounding, which makes it the judge of all other links.
#
# To study links we want to choose $m$ and $V$ ourselves. A link asks the outputs for their mean and covariance only, so
# a small class that has these can stand in for a network:


# %%
@dataclass
class Logits:
    """Logits f ~ N(mean, cov), which a link averages over."""

    mean: np.ndarray  # (N, C)
    cov: np.ndarray  # (N, C, C)

    def covariance(self, R=None):
        """Return V, or the covariance R V R^T of R f."""
        return self.cov if R is None else R @ self.cov @ R.T

    def variance(self):
        """Return diag V."""
        return np.diagonal(self.cov, axis1=1, axis2=2)


m_2 = Logits(np.array([[2.0]]), np.array([[[0.5]]]))  # one logit, 2 +- 0.7
x, w = roots_hermitenorm(32)
by_hand = expit(2.0 + np.sqrt(0.5) * x) @ w / w.sum()
print(f"by hand {by_hand:.10f}, the link {quadrature(Bernoulli(), m_2)[0]:.10f}")
assert abs(by_hand - quadrature(Bernoulli(), m_2)[0]) < 1e-12

# %% [markdown]
# ## Probit: one line that is nearly as good
#
# With another function in place of the sigmoid the integral does have a closed form. Let $\Phi$ be the cumulative
# distribution of the standard normal: $\Phi(a)$ is the probability that a standard normal number is below $a$. Then
#
# $$\int \Phi(a f)\, \mathcal{N}(f \mid m, V)\, df = \Phi\left(\frac{a m}{\sqrt{1 + a^2 V}}\right)$$
#
# exactly. (Exercise 6.2 shows why.) $\Phi$ and $\sigma$ are both S-shaped. They have the same slope at zero if
# $a^2 = \pi / 8$. So: go from $\sigma$ to $\Phi$, average there, and come back. What remains is the **probit link**,
#
# $$p(y = 1 \mid x) \approx \sigma(\kappa m), \qquad \kappa = \frac{1}{\sqrt{1 + \frac{\pi}{8} V}}$$
#
# It shrinks the logit by a factor $\kappa$ below 1, the more so the more uncertain the logit is. ($\Phi^{-1}$ is called
# the probit function, hence the name.) It is the default for one logit here and for all classes in the post.

# %%
step = 1e-6
slope_sigmoid = (expit(step) - expit(-step)) / (2 * step)
slope_phi = (ndtr(np.sqrt(np.pi / 8) * step) - ndtr(-np.sqrt(np.pi / 8) * step)) / (2 * step)
print(f"slope at zero: sigmoid {slope_sigmoid:.4f}, Phi(sqrt(pi / 8) f) {slope_phi:.4f}")

mean_grid = np.linspace(-8, 8, 161)
fig, ax = plt.subplots(figsize=(5, 3.4))
for variance, at in [(0, 1.2), (5, 2.8), (30, 4.5), (300, 6.5)]:
    f = Logits(mean_grid[:, None], np.full((161, 1, 1), float(variance)))
    for link in (quadrature, probit):
        ax.plot(mean_grid, link(Bernoulli(), f), **STYLES[link.__name__], label=None if variance else link.__name__)
    height = np.interp(at, mean_grid, quadrature(Bernoulli(), f))
    ax.text(at, height, f"V = {variance}", fontsize=9, ha="center", va="center", bbox={"color": "white", "pad": 0.5})
ax.set(xlabel="mean m of the logit", ylabel="P(y = 1)", title="The average probability, exact and by probit")
ax.legend()
plt.show()

# %% [markdown]
# At $V = 0$ both are the plugin, $\sigma(m)$. As $V$ grows both flatten towards one half. How far apart do they get?
# The answer depends on two numbers only, so one picture holds all of it.

# %%
mean_axis, log_variance_axis = np.linspace(0, 12, 121), np.linspace(-2, 3, 101)
grid_m, grid_v = np.meshgrid(mean_axis, 10**log_variance_axis)
grid = Logits(grid_m.reshape(-1, 1), grid_v.reshape(-1, 1, 1))
error = (probit(Bernoulli(), grid) - quadrature(Bernoulli(), grid)).reshape(grid_m.shape)
fig, ax = plt.subplots(figsize=(5, 3.4))
image = ax.pcolormesh(mean_axis, 10**log_variance_axis, 100 * error, cmap="RdBu_r", vmin=-2, vmax=2, shading="auto")
ax.set(yscale="log", xlabel="mean m of the logit", ylabel="variance V of the logit")
ax.set_title("Probit minus quadrature, in percentage points")
ax.grid(False)
fig.colorbar(image)
print(f"largest excess {100 * error.max():.1f}, largest shortfall {100 * error.min():.1f} percentage points")
assert round(100 * error.max(), 1) == 0.4
assert round(100 * error.min(), 1) == -1.6

# %% [markdown]
# Never more than 0.4 percentage points too sure (where the logit is small and quite certain), never more than 1.6
# points too modest (for larger means than the picture's the bound is 1.8, see below). For a plot, and for most
# decisions, this is nothing. The probit link also keeps every *decision*: since $\kappa > 0$, its probability is above
# one half exactly where the plugin's is. The same is true of the integral itself. With one logit, averaging changes
# how sure we are, and never the label.

# %%
grid_x = np.stack(np.meshgrid(*[np.linspace(-10, 10, 41)] * 2), axis=-1).reshape(-1, 2)
labels = [la.predict(grid_x, link) > 0.5 for link in ("plugin", "probit", "quadrature")]
print("all labels equal:", np.array_equal(labels[0], labels[1]) and np.array_equal(labels[0], labels[2]))
assert np.array_equal(labels[0], labels[1])
assert np.array_equal(labels[0], labels[2])

# %% [markdown]
# ## Monte Carlo: right on average
#
# *Monte Carlo* averages over random draws. The `mc` link draws $S$ logits from $\mathcal{N}(m, V)$ and averages their
# probabilities. Its expected value is the integral; its error is random, and shrinks like $1/\sqrt{S}$: four times the
# draws for half the error.
#
# The `nn` link draws *parameters* from $\mathcal{N}(\theta, \Sigma)$, sends each through the network, and averages.
# Nothing is linearised, which sounds better. Look at what it converges to. (The picture shows the root mean square,
# RMS, of the errors of ten seeds.)

# %%
sizes = np.array([10, 100, 1000, 4000])
truth = la.predict(places[:1], "quadrature")[0]
probit_error = abs(la.predict(places[:1])[0] - truth)
fig, ax = plt.subplots(figsize=(5, 3.4))
for link in ("mc", "nn"):
    tries = [[la.predict(places[:1], link, n_samples=S, rng=seed)[0] for seed in range(10)] for S in sizes]
    rms = np.sqrt(np.mean((np.array(tries) - truth) ** 2, axis=1))
    ax.loglog(sizes, rms, marker="o", **STYLES[link], label=link)
    print(f"{link}: RMS error from {rms[0]:.3f} at S = 10 to {rms[-1]:.3f} at S = 4000")
    assert rms[1] > probit_error
    assert (rms[2] < probit_error) == (link == "mc")
ax.axhline(probit_error, **STYLES["probit"], label="probit")
ax.loglog(sizes, 0.3 / np.sqrt(sizes), ":", color="grey", label="slope of $1 / \\sqrt{S}$")
ax.set(xlabel="number of draws S", ylabel="RMS error against quadrature", title="Amid class 1")
ax.legend()
plt.show()

# %% [markdown]
# `mc` needs some hundred draws to be as good as the probit link, which needs none. `nn` does not come closer, however
# many draws it gets, because it averages something else. Amid class 1, where all data agree, it says:

# %%
p_nn = la.predict(places[:1], "nn", n_samples=4000, rng=0)[0]
print(f"through the network {p_nn:.2f}, through its linearisation {truth:.2f}")
assert p_nn < 0.6
assert round(truth, 2) == 0.92

# %% [markdown]
# The reason. The posterior is a Gaussian whose precision is the GGN, and the GGN is the curvature of the *linearised*
# network (tutorial 4). In that model wide steps in many directions of $\theta$ change the outputs little at the data.
# In the true network the same wide steps break the fit: its outputs there are far from what the linear model says. The
# Gaussian and the linearised network belong together. Predicting through the network with it is a known way to
# underfit (Immer, Korzepa and Bauer, 2021), and the reason why links here start from $m$ and $V$.
#
# ## Several classes
#
# With $C > 1$ logits probabilities are $\text{softmax}(f)_c = e^{f_c} / \sum_j e^{f_j}$, $m$ is a vector of $C$
# numbers and $V$ a $C \times C$ matrix. Quadrature in $C$ dimensions is expensive, and Monte Carlo takes its place as
# the judge. There are three closed forms to be judged.
#
# - The **probit** link scales each logit by its own $\kappa_c$, with $V_{cc}$ for $V$. It does not see how logits are
#   correlated.
# - The **mean field** link scales each *difference* of two logits. Divide the fraction above by $e^{f_c}$: what is left
#   is $1 / \sum_j e^{-(f_c - f_j)}$, so a softmax sees differences alone. And a difference is one Gaussian logit, with
#   mean $m_c - m_j$ and a variance that knows of the correlation, $V_{cc} + V_{jj} - 2 V_{cj}$. Shrink it as the probit
#   link does, and divide by the sum so that probabilities add up to one (Lu, Ie and Sha, 2020):
#
#   $$p_c \propto \left[\sum_j \exp\left(-\frac{m_c - m_j}{\sqrt{1 + \frac{\pi}{8}
#   (V_{cc} + V_{jj} - 2 V_{cj})}}\right)\right]^{-1}$$
#
#   It is the default for several classes here.
# - The **Laplace bridge** goes through another distribution. A *Dirichlet* is a distribution over probability vectors,
#   with parameters $\alpha_1, \dots, \alpha_C > 0$ and mean $\alpha_c / \sum_j \alpha_j$. The bridge matches a
#   Dirichlet to the Gaussian (a Laplace approximation, read backwards) and takes its mean.
#
# First, what correlation does. Softmax does not see a number added to *all* logits. So if the logits are uncertain only
# in what they share, probabilities are certain. Here each logit has variance 10.1, nearly all of it shared:

# %%
m_three = np.array([[2.0, 0.0, -1.0]])
shared = Logits(m_three, (10 * np.ones((3, 3)) + 0.1 * np.eye(3))[None])
draws = np.random.default_rng(0).multivariate_normal(m_three[0], shared.cov[0], size=40_000)  # (S, C)
print("Monte Carlo", softmax(draws, axis=1).mean(axis=0).round(2))
for link in ("plugin", "probit", "mean_field"):
    print(f"{link:11}", LINKS[link](Categorical(), shared)[0].round(2))
p_mc, p_probit = softmax(draws, axis=1).mean(axis=0), probit(Categorical(), shared)[0]
assert p_mc[0] - p_probit[0] > 0.15
assert np.abs(p_mc - plugin(Categorical(), shared)[0]).max() < 0.015
assert np.abs(p_mc - mean_field(Categorical(), shared)[0]).max() < 0.01

# %% [markdown]
# The probit link is too modest by more than 0.15 here, and the plugin nearly right. This is the price of looking at the
# diagonal of $V$ alone. The mean field does not see what the logits share, be it certain or not. And of two logits it
# makes what the probit link makes of the one logit that counts, their difference:

# %%
two, contrast = Logits(np.array([[1.5, -0.5]]), np.array([[[3.0, 1.0], [1.0, 2.0]]])), np.array([[1.0, -1.0]])
difference = Logits(two.mean @ contrast.T, two.covariance(contrast))  # the one logit f_1 - f_2
of_two, of_one = mean_field(Categorical(), two)[0, 0], probit(Bernoulli(), difference)[0]
print(f"mean field of two logits {of_two:.6f}, probit of their difference {of_one:.6f}")
print(f"probit of two logits {probit(Categorical(), two)[0, 0]:.6f}")
assert abs(of_two - of_one) < 1e-12

# %% [markdown]
# With the probit link of several logits the answer depends on whether two classes are coded by one logit or by two.
#
# The bridge, too, first takes the shared part out. It conditions the logits on a sum of zero (the
# formula is in the docstring of `bridge`), and then takes, with $v = \text{diag}\, V$,
#
# $$\alpha_c = \frac{1}{v_c} \left(1 - \frac{2}{C} + \frac{e^{m_c}}{C^2} \sum_j e^{-m_j}\right)$$
#
# Look at it closely. If all $v_c$ are equal, they cancel in the mean: then the bridge's probabilities do not depend on
# how uncertain the logits are! With two classes they always are equal; then the bridge is the plugin, and `la.predict`
# refuses it. With more it is good for a certain size of $V$ and for no other. `bridge_norm` scales $m$ and $V$ to that
# size first. Each link against 40,000 Monte Carlo draws (whose own error is below 0.003), for the same means
# and a growing $V$:

# %%
white = np.random.default_rng(1).standard_normal((40_000, 3))
scales = 10 ** np.linspace(-2, 3, 21)
shapes = {"independent logits": np.eye(3), "nine tenths shared": 0.9 * np.ones((3, 3)) + 0.1 * np.eye(3)}
fig, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
worst = {}
for ax, (name, shape) in zip(panels, shapes.items(), strict=True):
    coloured = white @ np.linalg.cholesky(shape).T
    judge = np.array([softmax(m_three + np.sqrt(s) * coloured, axis=1).mean(axis=0) for s in scales])
    for link in ("plugin", "probit", "mean_field", "bridge", "bridge_norm"):
        p = np.array([LINKS[link](Categorical(), Logits(m_three, s * shape[None]))[0] for s in scales])
        off = np.abs(p - judge).max(axis=1)
        worst[link, name] = off.max()
        ax.semilogx(scales, off, **STYLES[link], label=link)
    ax.set(xlabel="variance of each logit", title=name)
panels[0].set_ylabel("largest error of a probability")
panels[0].legend()
for (link, name), value in worst.items():
    print(f"{link:11} {name}: at worst off by {value:.2f}")

# %% [markdown]
# For three classes the mean field is off by less than 0.02, whatever the size of $V$ and whatever is shared. The probit
# link is off by up to 0.05 where logits are uncertain independently of each other, and by 0.17 where they share most.
# The plain bridge is off by 0.1 even where next to nothing is uncertain, and the plugin is exact there.

# %%
certain = Logits(m_three, 1e-6 * np.eye(3)[None])
off = np.abs(bridge(Categorical(), certain) - plugin(Categorical(), certain)).max()
print(f"the bridge where V is next to nothing: off by {off:.2f}")
assert round(off, 1) == 0.1
assert max(worst["mean_field", name] for name in shapes) < 0.02
assert round(worst["probit", "independent logits"], 2) == 0.05
assert 0.15 < worst["probit", "nine tenths shared"] < 0.18

# %% [markdown]
# ## Which link on real data?
#
# The distance of a link's probabilities $q$ from the average $p$ is measured by the *Kullback-Leibler divergence*,
# $\sum_c p_c \log(p_c / q_c)$, in nats: 0 if they are equal, and how much log-likelihood one loses on average by
# predicting $q$ where $p$ is true. Four clusters with two inputs, 178 wines of three vineyards, ten handwritten digits
# (of them the last layer of a network): at inputs that the network has not seen, and at the same inputs moved by ten
# standard deviations of each feature, up or down. The judge is `mc` with 20,000 draws, whose own error adds less than
# 0.0003.


# %%
def kl(p, q):
    """Return the mean divergence over inputs."""
    return rel_entr(p, q).sum(axis=1).mean()


def fitted_near_far(data, n_train, hidden, prior, **options):
    """Return a Laplace approximation, 50 inputs it has not seen, and those moved far away."""
    X, y = data[0][: n_train + 50], data[1][: n_train + 50]
    X = StandardScaler().fit(X[:n_train]).transform(X)
    model = BayesianModel(MLP(X.shape[1], hidden, y.max() + 1), Categorical(), prior_precision=prior)
    la = Laplace(model, fit_map(model, X[:n_train], y[:n_train], rng=0), **options).fit(X[:n_train], y[:n_train])
    far = X[n_train:] + 10 * np.random.default_rng(0).choice([-1, 1], size=X[n_train:].shape)
    return la, X[n_train:], far


def shuffled(X, y):
    """Return samples in a random order."""
    order = np.random.default_rng(0).permutation(len(X))
    return X[order], y[order]


wine, digits = load_wine(return_X_y=True), load_digits(return_X_y=True)
sets = {
    "4 clusters": fitted_near_far(shuffled(*toy_data_multi(150, rng=0)), 100, 16, 0.1),
    "3 wines": fitted_near_far(shuffled(*wine), 100, 16, 0.1),
    "10 digits": fitted_near_far(shuffled(*digits), 400, 16, 1.0, subset_of_weights="last_layer"),
}

# %%
links = ("plugin", "probit", "mean_field", "bridge", "bridge_norm", "mc")
print(" " * 16 + "".join(f"{link:>13}" for link in links))
divergence = {}
for name, (fitted, *inputs) in sets.items():
    for place, X_place in zip(("near", "far"), inputs, strict=True):
        p = fitted.predict(X_place, "mc", n_samples=20_000, rng=0)
        row = {link: kl(p, fitted.predict(X_place, link, n_samples=100, rng=1)) for link in links}
        divergence[name, place] = row
        print(f"{name:11} {place:4}" + "".join(f"{value:13.4f}" for value in row.values()))

# %% [markdown]
# The plugin and the bridge lose up to several nats, the others hundredths of one. The mean field is nearer than the
# probit link for the wines, and near the clusters. It is not nearer far from the clusters, and not for ten digits. Its
# sum adds for each rival $j$ the odds that $j$ beats $c$. With many rivals these events overlap, since all of them
# happen when $f_c$ itself is low; added up they take too much from the most probable class:

# %%
fitted, near, _ = sets["10 digits"]
largest = {link: fitted.predict(near, link, n_samples=20_000, rng=0).max(axis=1).mean() for link in ("mc", *links[1:3])}
print("10 digits, mean of the largest probability:", {link: f"{p:.2f}" for link, p in largest.items()})
assert largest["mean_field"] < largest["mc"] - 0.05
assert largest["probit"] > largest["mc"]
for where, nearer, farther in [
    (("3 wines", "near"), "mean_field", "probit"), (("3 wines", "far"), "mean_field", "probit"),
    (("4 clusters", "near"), "mean_field", "probit"), (("4 clusters", "far"), "probit", "mean_field"),
    (("10 digits", "near"), "probit", "mean_field"), (("10 digits", "far"), "probit", "mean_field"),
]:  # fmt: skip
    assert divergence[where][nearer] < divergence[where][farther] < divergence[where]["plugin"] / 5

# %% [markdown]
# The README has this table for seven posteriors under three priors: there the mean field is nearer in 23 of 30 places,
# in all with three classes. `mc` can always be made the nearest, with more draws; a few thousand are cheap. Compare
# with it before you trust a closed form with many classes.

# %% [markdown]
# ## Far from the data
#
# Walk away from the data along a ray, $x = r u$ with $r \to \infty$. What tends to what?
#
# For **logistic regression** the logit is $w^\top x + b$. Its mean grows like $r$ and its standard deviation $s$, too,
# so $m / s$ tends to a finite number $z$. The plugin goes to certainty, $\sigma(m) \to 1$. The probit link does not:
# $\kappa m = m / \sqrt{1 + \pi s^2 / 8} \to \sqrt{8 / \pi}\, z$, and
#
# $$\sigma(\kappa m) \to \sigma\left(\sqrt{8/\pi}\, z\right), \qquad
# \text{while the integral itself} \to \Phi(z)$$
#
# because on that scale the sigmoid is a step, and $\Phi(z)$ is the probability that the logit is positive. Networks
# with ReLU units, $\max(0, z)$, are linear far out, and behave the same (Kristiadi, Hein and Hennig, 2020).
#
# With **sigmoid units** each hidden unit switches to 0 or 1 at some distance of its own. Beyond the last of them mean
# and variance stand still, and so does every link.

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
panels[0].legend()
plt.show()

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
# direction that the data has told about stays decided for ever; one that it has not goes to even odds. The two limits
# differ by at most 1.8 percentage points, which is the bound promised above:

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

# %%
rng = np.random.default_rng(0)
x_coin = np.concatenate([rng.uniform(-4, -2, 60), rng.uniform(1, 3, 60)])[:, None]  # (N, 1)
y_coin = (rng.random(120) < np.where(x_coin[:, 0] < 0, 0.5, 0.97)).astype(int)
coin = BayesianModel(MLP(1, 16, 1), Bernoulli(), prior_precision=0.1)
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
inside_coins, inside_ones, outside = la_coin.uncertainty([[-3.0], [2.0], [-9.0]], n_samples=20000, rng=0).epistemic
print(f"epistemic: amid the coins {inside_coins:.2f}, amid the ones {inside_ones:.2f}, outside {outside:.2f} nats")
assert max(inside_coins, inside_ones) < 0.05 < 0.2 < outside

# %% [markdown]
# The coin tosses are noise: uncertain, and known to be so. Outside of the data the epistemic part takes over. A score
# for "this input is unlike the data" should be the epistemic part, not the total one.
#
# ## Summary
#
# - Under the posterior a logit is $\mathcal{N}(m, V)$; a link averages the sigmoid, or softmax, over it.
# - One logit: `quadrature` is exact, `probit` within 2 percentage points of it, and neither changes a label.
# - Several logits: `mean_field` shrinks differences and does not see what all logits share; with many classes it may be
#   too modest. `probit` overlooks correlations, `bridge` the size of $V$, `bridge_norm` is between; `mc` converges to
#   the average. `nn` averages the network itself, to which the GGN's Gaussian does not belong.
# - Far away the plugin of a linear logit goes to certainty, the average to $\Phi(m/s)$: even odds only where the data
#   has nothing to say about the direction.
# - Total uncertainty is aleatoric (samples are unsure) plus epistemic (samples disagree).
#
# ## Exercises

# %% [markdown]
# ### Exercise 6.1: the probit link by hand
#
# From `m` (3, 1) and `V` (3, 1, 1) of the beginning, compute the three probabilities of the probit link, (3,).

# %% tags=["exercise"]
probabilities = ...
exercise_6_1 = check_equal("probit probabilities", probabilities, la.predict(places, "probit"))
print(exercise_6_1)

# %% [markdown]
# ### Exercise 6.2: why the normal cumulative averages so well
#
# $\Phi(f)$ is the probability that a standard normal $e$ is below $f$. So its average over $f \sim \mathcal{N}(m, V)$
# is the probability that $e - f < 0$, and $e - f$ is Gaussian. Which mean and variance does it have? Write the average
# as $\Phi$ of something. The check compares with quadrature.

# %% tags=["exercise"]
mean_f, variance_f = 0.7, 0.4
average = ...
nodes, weights = roots_hermitenorm(64)
expected = ndtr(mean_f + np.sqrt(variance_f) * nodes) @ weights / weights.sum()
exercise_6_2 = check_equal("average of Phi", average, expected)
print(exercise_6_2)

# %% [markdown]
# ### Exercise 6.3: the bridge, for logits that already sum to zero
#
# Given `m_zero` (C,) and `v` (C,), compute the $\alpha_c$ of the formula above and the mean of the Dirichlet, (C,).
# (The covariance is that of logits whose sum is certain, so the bridge's first step leaves them as they are.)

# %% tags=["exercise"]
m_zero, C = np.array([1.0, 0.5, -1.5]), 3
v = np.full(C, 0.8 * (1 - 1 / C))
dirichlet_mean = ...
certain_sum = Logits(m_zero[None], 0.8 * (np.eye(C) - 1 / C)[None] + 1e-12)
expected = bridge(Categorical(), certain_sum)[0]
exercise_6_3 = check_equal("mean of the Dirichlet", dirichlet_mean, expected, rtol=1e-6)
print(exercise_6_3)

# %% [markdown]
# ### Exercise 6.4: the limit along a ray
#
# `w` (D,) are the weights of the logistic regression, `Sigma_w` (D, D) is their posterior covariance. Compute what the
# probit link tends to in the direction `ray`, without going there.

# %% tags=["exercise"]
ray = np.array([-0.6, 0.8])
w = la_linear.posterior.mean[:2]
Sigma_w = la_linear.posterior.covariance()[:2, :2]
limit = ...
exercise_6_4 = check_equal("limit of the probit link", limit, la_linear.predict(1e9 * ray[None])[0], rtol=1e-6)
print(exercise_6_4)

# %% [markdown]
# ### Exercise 6.5: the mutual information, for three and more classes
#
# `p_s` (S, N, C) are the class probabilities of sampled logits. Write a function that returns the epistemic part, (N,).

# %% tags=["exercise"]
X_multi, y_multi = toy_data_multi(80, rng=0)
multi = BayesianModel(MLP(2, 8, 4), Categorical(), prior_precision=0.3)
la_multi = Laplace(multi, fit_map(multi, X_multi, y_multi, rng=0)).fit(X_multi, y_multi)
p_s = softmax(la_multi.functional_samples(X_multi[::10], 500, rng=1), axis=2)


def mutual_information(p_s):
    """Return the entropy of the average less the average entropy, (N,)."""
    return ...


expected = la_multi.uncertainty(X_multi[::10], n_samples=500, rng=1).epistemic
exercise_6_5 = check_equal("mutual information", mutual_information(p_s), expected)
print(exercise_6_5)
