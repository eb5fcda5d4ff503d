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
# After this tutorial you can turn a Gaussian over logits into class probabilities in eight ways, and say what each of
# them approximates and by how much it is off.
#
# - Passage of the post: *Figures 1 and 2*, the posterior predictive.
# - Modules: `predictive`, `laplace`, `model`.
#
# In the last tutorial a Gaussian over the parameters, $\mathcal{N}(\theta, \Sigma)$ around the MAP estimate, became one
# over the outputs. The network that is linearised around $\theta$ has, at an input $x$, the outputs
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
import inspect
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
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
    one_page,
    toy_data_multi,
    toy_data_non_linear,
)
from minilaplace.checks import check_function
from minilaplace.predictive import LINKS, bridge, mean_field, plugin, probit, quadrature

plt.style.use("minilaplace.course")
STYLES = {
    "plugin": {"color": "C1"},
    "probit": {"color": "C0", "linestyle": "--"},
    "mean_field": {"color": "C3"},
    "bridge": {"color": "C2"},
    "bridge_norm": {"color": "C2", "linestyle": ":"},
    "mc": {"color": "C4"},
    "nn": {"color": "C5"},
    "quadrature": {"color": "black"},
}

# %% [markdown]
# The post's second model, and three inputs: amid a square of class 1, between a square of either class, and far away
# from all four squares. $V$ is a 1 x 1 matrix here, because there is one logit.

# %%
X, y = toy_data_non_linear(200, rng=0)
model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)

places = np.array([[2.75, 2.75], [0.0, 2.75], [50.0, 50.0]])
m, V = la.glm_predictive_distribution(places)  # (3, 1), (3, 1, 1)
for place, mean, variance in zip(places, m[:, 0], V[:, 0, 0], strict=True):
    print(f"x = {place}: the logit is {mean:.1f} +- {np.sqrt(variance):.1f}")

# %% [markdown]
# `la.predict` takes the name of a link. Here are all the links that there are for one logit:

# %%
by_link = {link: la.predict(places, link, n_samples=2000, rng=0) for link in Bernoulli.links}
for link, p in by_link.items():
    print(f"{link:10} amid class 1 {p[0]:.2f}   between {p[1]:.2f}   far away {p[2]:.2f}")
assert np.ptp([by_link[link] for link in ("probit", "quadrature", "mc")], axis=0).max() < 0.03
assert np.all(np.abs(by_link["plugin"] - 0.5) > np.abs(by_link["quadrature"] - 0.5))
assert np.abs(by_link["nn"] - 0.5).max() < 0.05
assert len({*Bernoulli.links, *Categorical.links}) == 8

# %% [markdown]
# Three of the five nearly agree. `plugin` is surer than they are at all three places, and `nn` is not sure of anything.
# We take them one by one.
#
# ## Plugin: the probability of the average logit
#
# The plugin link is $\sigma(m)$: it takes the MAP estimate for the truth and does not look at $V$. The sigmoid is
# nearly flat where it is near 0 or 1, so of logits that vary around a large $m$ the larger ones add next to nothing,
# and the smaller ones take the average down. The plugin is right in two cases alone: when nothing is uncertain,
# $V = 0$, and when $m = 0$, by symmetry.
#
# ## Quadrature: the integral itself
#
# One logit is a one-dimensional integral, and those are easy. *Gauss-Hermite quadrature* replaces the integral over a
# Gaussian by a weighted sum, $\sum_i w_i\, \sigma(m + s x_i)$ with $s = \sqrt{V}$. Its nodes $x_i$ and weights $w_i$
# are chosen such that $n$ of them are exact for all polynomials of degree below $2n$. The `quadrature` link does this
# with 40 nodes, and changes to another form of the same integral where the Gaussian's deviation is above 0.9. It is
# correct to rounding, which makes it the judge of all other links.
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
nodes, node_weights = roots_hermitenorm(32)
by_hand = expit(2.0 + np.sqrt(0.5) * nodes) @ node_weights / node_weights.sum()
print(f"by hand {by_hand:.10f}, the link {quadrature(Bernoulli(), m_2)[0]:.10f}")
assert abs(by_hand - quadrature(Bernoulli(), m_2)[0]) < 1e-12
wide = Logits(np.array([[2.0]]), np.array([[[30.0]]]))  # by SciPy's adaptive quadrature:
by_scipy = quad(lambda e: expit(2 + np.sqrt(30) * e) * np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi), -12, 12)[0]
assert abs(by_scipy - quadrature(Bernoulli(), wide)[0]) < 1e-9

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
# It shrinks the logit by a factor $\kappa$ below 1, the more so the more uncertain the logit is (MacKay, 1992c).
# ($\Phi^{-1}$ is called the probit function, hence the name.) It is the default for one logit here and for all classes
# in the post. In `one_page.py` the function `probit` ends with it: `return sigmoid(f / np.sqrt(1 + np.pi / 8 * v))`.

# %%
of_one_page = one_page.probit(la.theta, la.posterior.covariance(), places, (2, 32, 1))
assert np.allclose(of_one_page, la.predict(places, "probit"), rtol=1e-7)
assert "return sigmoid(f / np.sqrt(1 + np.pi / 8 * v))" in inspect.getsource(one_page.probit)
step = 1e-6
slope_sigmoid = (expit(step) - expit(-step)) / (2 * step)
slope_phi = (ndtr(np.sqrt(np.pi / 8) * step) - ndtr(-np.sqrt(np.pi / 8) * step)) / (2 * step)
print(f"slope at zero: sigmoid {slope_sigmoid:.4f}, Phi(sqrt(pi / 8) f) {slope_phi:.4f}")
assert abs(slope_sigmoid - slope_phi) < 1e-9

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
colours = plt.get_cmap("RdBu_r", 17)  # one for each quarter of a point, white around zero
image = ax.pcolormesh(
    mean_axis, 10**log_variance_axis, 100 * error, cmap=colours, vmin=-2.125, vmax=2.125, shading="auto"
)
ax.set(yscale="log", xlabel="mean m of the logit", ylabel="variance V of the logit")
ax.set_title("Probit minus quadrature, in percentage points")
ax.grid(False)
fig.colorbar(image)
print(f"largest excess {100 * error.max():.1f}, largest shortfall {100 * error.min():.1f} percentage points")
assert round(100 * error.max(), 1) == 0.4
assert round(100 * error.min(), 1) == -1.6
row, column = np.unravel_index(error.argmax(), error.shape)
assert round(mean_axis[column]) == 1
assert round(10 ** log_variance_axis[row]) == 2
of_ends = np.meshgrid(10 ** np.linspace(-2, 4, 61), 10 ** np.linspace(-3, 9, 81))  # m to 10,000 and V to 1e9
beyond = Logits(of_ends[0].reshape(-1, 1), of_ends[1].reshape(-1, 1, 1))
assert round(100 * (probit(Bernoulli(), beyond) - quadrature(Bernoulli(), beyond)).min(), 1) == -1.8

# %% [markdown]
# Never more than 0.4 percentage points too sure (where the mean is about 1 and the variance about 2), never more than
# 1.6 points too modest (for larger means than the picture's the bound is 1.8; the next tutorial says why). For a plot,
# and for most decisions, this is nothing. The probit link also keeps every *decision*: since $\kappa > 0$, its
# probability is above one half exactly where the plugin's is. The same is true of the integral itself. With one logit,
# averaging changes how sure we are, and never the label.

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
# Nothing is linearised, which sounds better.
#
# > **Predict first.** The next picture shows the error of both links amid class 1, the root mean square (RMS) over many
# > seeds, for 10 to 4000 draws, and the error of `probit`. Which lines fall, and how fast? Which line does not, and
# > what does that say of what it converges to?
#
# <details><summary>Answer</summary>
#
# `mc` falls, by a factor of ten for a hundred times the draws. `probit` has no draws, so its line is level. `nn` stays
# where it is: it converges, but to another number than the integral.
#
# </details>

# %%
sizes = np.array([10, 100, 1000, 4000])
truth = la.predict(places[:1], "quadrature")[0]
probit_error = abs(la.predict(places[:1], "probit")[0] - truth)
f_mc = m[0, 0] + np.sqrt(V[0, 0, 0]) * np.random.default_rng(0).standard_normal(200 * 4000)  # as `mc` draws
f_nn = np.array([model.network.forward(t, places[:1])[0, 0] for t in la.sample(10 * 4000, rng=1)])  # as `nn` draws
rms = {}
for link, f in [("mc", f_mc), ("nn", f_nn)]:
    tries = {S: expit(f[: len(f) // S * S].reshape(-1, S)).mean(axis=1)[:200] for S in sizes}  # at most 200
    rms[link] = np.array([np.sqrt(np.mean((tries[S] - truth) ** 2)) for S in sizes])
    print(f"{link}: RMS error from {rms[link][0]:.3f} at S = 10 to {rms[link][-1]:.3f} at S = 4000")
slope = np.polyfit(np.log(sizes), np.log(rms["mc"]), 1)[0]
assert round(slope, 1) == -0.5
assert rms["nn"].min() > 0.3
n_needed = (expit(f_mc).std() / probit_error) ** 2  # draws that are as good as the probit link
assert 200 < n_needed < 300
assert abs(la.predict(places[:1], "mc", n_samples=4000, rng=0)[0] - truth) < 4 * rms["mc"][-1]

# %%
fig, ax = plt.subplots(figsize=(5.4, 3.4))
for link, markers in [("nn", "s-"), ("mc", "o-")]:
    ax.loglog(sizes, rms[link], markers, **STYLES[link], label=link)
ax.axhline(probit_error, **STYLES["probit"], label="probit")
ax.loglog(sizes, 0.3 / np.sqrt(sizes), ":", color="grey", label="slope of $1 / \\sqrt{S}$")
ax.set(xlabel="number of draws S", ylabel="RMS error against quadrature", title="Amid class 1")
fig.legend(loc="outside right center", fontsize=9)
plt.show()

# %% [markdown]
# `mc` needs between two and three hundred draws to be as good as the probit link, which needs none. `nn` does not come
# closer, however many draws it gets, because it averages something else. Amid class 1, where all data agree, it says:

# %%
p_nn = expit(f_nn).mean()
print(f"through the network {p_nn:.2f}, through its linearisation {truth:.2f}")
assert p_nn < 0.6
assert round(truth, 2) == 0.92

# %% [markdown]
# The reason. The Gaussian has the GGN in its precision, beside the prior, and the GGN is the curvature of the
# *linearised* network (tutorial 4). In that model wide steps in many directions of $\theta$ change the outputs little
# at the data. In the true network the same wide steps break the fit (tutorial 5 shows it): its outputs there are far
# from what the linear model says. The Gaussian and the linearised network belong together. Predicting through the
# network with it is a known way to underfit (Immer, Korzepa and Bauer, 2021b), and the reason why links here start from
# $m$ and $V$.
#
# ## Several classes
#
# With $C > 1$ logits probabilities are $\text{softmax}(f)_c = e^{f_c} / \sum_j e^{f_j}$, $m$ is a vector of $C$
# numbers and $V$ a $C \times C$ matrix. Quadrature in $C$ dimensions is expensive, and Monte Carlo takes its place as
# the judge. There are three closed forms to be judged.
#
# - The **probit** link scales each logit by its own $\kappa_c$, with $V_{cc}$ for $V$. It does not see how logits are
#   correlated.
# - The **mean field** link scales each *difference* of two logits. Divide numerator and denominator of the fraction
#   above by $e^{f_c}$: what is left is $1 / \sum_j e^{-(f_c - f_j)}$, so a softmax depends on differences alone. And a
#   difference is one Gaussian logit, with mean $m_c - m_j$ and a variance in which the correlation counts,
#   $V_{cc} + V_{jj} - 2 V_{cj}$. Shrink it as the probit link does, and divide by the sum so that probabilities add up
#   to one (Lu, Ie and Sha, 2020):
#
#   $$p_c \propto \left[\sum_j \exp\left(-\frac{m_c - m_j}{\sqrt{1 + \frac{\pi}{8}
#   (V_{cc} + V_{jj} - 2 V_{cj})}}\right)\right]^{-1}$$
#
#   It is the default for several classes here.
# - The **Laplace bridge** takes the mean of another distribution, one over probability vectors, that is matched to the
#   Gaussian; `bridge_norm` first scales $m$ and $V$ to a size for which it is made. The appendix has the formulas.
#
# First, what correlation does. A number added to *all* logits does not change their softmax. So if the logits are
# uncertain only in what they share, probabilities are certain. Here each logit has variance 10.1, nearly all of it
# shared:

# %%
m_three = np.array([[2.0, 0.0, -1.0]])
shared = Logits(m_three, (10 * np.ones((3, 3)) + 0.1 * np.eye(3))[None])
draws = np.random.default_rng(0).multivariate_normal(m_three[0], shared.cov[0], size=40_000)  # (S, C)
print("Monte Carlo", softmax(draws, axis=1).mean(axis=0).round(2))
for link in ("plugin", "probit", "mean_field"):
    print(f"{link:11}", LINKS[link](Categorical(), shared)[0].round(2))
p_mc, p_probit = softmax(draws, axis=1).mean(axis=0), probit(Categorical(), shared)[0]
assert p_mc[0] - p_probit[0] > 0.2
assert np.abs(p_mc - plugin(Categorical(), shared)[0]).max() < 0.015
assert np.abs(p_mc - mean_field(Categorical(), shared)[0]).max() < 0.01

# %% [markdown]
# The probit link is too modest by more than 0.2 here, and the plugin nearly right. This is the price of looking at the
# diagonal of $V$ alone. The mean field does not depend on what the logits share, be it certain or not. And for two
# logits it says what the probit link says for the one logit that counts, their difference:

# %%
two, contrast = Logits(np.array([[1.5, -0.5]]), np.array([[[3.0, 1.0], [1.0, 2.0]]])), np.array([[1.0, -1.0]])
difference = Logits(two.mean @ contrast.T, two.covariance(contrast))  # the one logit f_1 - f_2
of_two, of_one = mean_field(Categorical(), two)[0, 0], probit(Bernoulli(), difference)[0]
print(f"mean field of two logits {of_two:.6f}, probit of their difference {of_one:.6f}")
print(f"probit of two logits {probit(Categorical(), two)[0, 0]:.6f}")
assert abs(of_two - of_one) < 1e-12
assert abs(probit(Categorical(), two)[0, 0] - of_one) > 0.005

# %% [markdown]
# With the probit link of several logits the answer depends on whether two classes are coded by one logit or by two.
#
# > **Common mistake.** To look at the diagonal of $V$ alone, one deviation for each logit, and to call the class with
# > the larger one less certain. What counts is the variance of *differences*, for which one needs the whole of $V$.
#
# Now each link against 40,000 Monte Carlo draws (whose own standard error is at most $0.5 / \sqrt{40000} = 0.0025$),
# for the same means and a growing $V$.
#
# > **Predict first.** Where must the plugin be right, and what should every other link say there, too? On which side of
# > the pictures will the plugin be at its worst?
#
# <details><summary>Answer</summary>
#
# On the left, where $V$ is next to nothing, the plugin is right, and a link that is not has a fault of its own. The
# plugin is at its worst on the right, where $V$ is largest.
#
# </details>

# %%
white = np.random.default_rng(1).standard_normal((40_000, 3))
scales = 10 ** np.linspace(-2, 3, 21)
shapes = {"independent logits": np.eye(3), "nine tenths shared": 0.9 * np.ones((3, 3)) + 0.1 * np.eye(3)}
fig, panels = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
off_by = {}  # (21,) errors, one for each size of V
for ax, (name, shape) in zip(panels, shapes.items(), strict=True):
    coloured = white @ np.linalg.cholesky(shape).T
    judge = np.array([softmax(m_three + np.sqrt(s) * coloured, axis=1).mean(axis=0) for s in scales])
    for link in ("plugin", "probit", "mean_field", "bridge", "bridge_norm"):
        p = np.array([LINKS[link](Categorical(), Logits(m_three, s * shape[None]))[0] for s in scales])
        off_by[link, name] = np.abs(p - judge).max(axis=1)
        ax.semilogx(scales, off_by[link, name], **STYLES[link], label=link)
    ax.set(xlabel="variance of each logit", title=name)
panels[0].set_ylabel("largest error of a probability")
panels[0].legend()
for (link, name), value in off_by.items():
    print(f"{link:11} {name}: at worst off by {value.max():.2f}")

# %% [markdown]
# In these pictures the mean field is off by less than 0.02 for every size of $V$. The probit link is off by up to 0.05
# where logits are uncertain independently of each other, and by up to 0.17 where they share most. Where next to nothing
# is uncertain, the plugin is exact, the bridge is off by 0.1, and `bridge_norm` by 0.16; where most is uncertain
# `bridge_norm` is nearer than the bridge.

# %%
assert max(off_by["mean_field", name].max() for name in shapes) < 0.02
assert round(off_by["probit", "independent logits"].max(), 2) == 0.05
assert 0.15 < off_by["probit", "nine tenths shared"].max() < 0.18
for name in shapes:
    assert off_by["plugin", name][0] < 0.003
    assert round(off_by["bridge", name][0], 1) == 0.1
    assert round(off_by["bridge_norm", name][0], 2) == 0.16
    assert off_by["bridge_norm", name][-1] < off_by["bridge", name][-1] < off_by["plugin", name][-1]
    assert off_by["plugin", name].argmax() == 20

# %% [markdown]
# ## Which link on real data?
#
# The distance of a link's probabilities $q$ from the average $p$ is measured by the *Kullback-Leibler divergence*,
# $\sum_c p_c \log(p_c / q_c)$, in nats: 0 if they are equal, and how much log-likelihood one loses on average by
# predicting $q$ where $p$ is true. Four clusters with two inputs, wines of three cultivars, and ten handwritten digits
# (these with a posterior of the last layer alone): at inputs that the network has not seen, and at the same inputs
# moved by ten standard deviations of each feature, up or down. The judge is the average of two runs of `mc` with 5000
# draws each, which differ from each other by less than 0.001.


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
        halves = [fitted.predict(X_place, "mc", n_samples=5000, rng=seed) for seed in (0, 2)]
        assert kl(*halves) < 0.001
        p = (halves[0] + halves[1]) / 2
        row = {link: kl(p, fitted.predict(X_place, link, n_samples=100, rng=1)) for link in links}
        divergence[name, place] = row
        print(f"{name:11} {place:4}" + "".join(f"{value:13.4f}" for value in row.values()))

# %% [markdown]
# The plugin and the bridge lose about a sixth of a nat at least, and up to nearly three. `bridge_norm` loses up to a
# third. The probit link, the mean field and a hundred draws of `mc` lose no more than a twentieth. The mean field is
# nearer than the probit link for the wines, and near the clusters. It is not nearer far from the clusters, and not for
# ten digits. Its sum adds for each rival $j$ the odds that $j$ beats $c$. With many rivals these events overlap, since
# all of them happen when $f_c$ itself is low; added up they take too much from the most probable class:

# %%
fitted, near, _ = sets["10 digits"]
largest = {link: fitted.predict(near, link, n_samples=5000, rng=0).max(axis=1).mean() for link in ("mc", *links[1:3])}
print("10 digits, mean of the largest probability:", {link: f"{p:.2f}" for link, p in largest.items()})
assert largest["mean_field"] < largest["mc"] - 0.05
assert largest["probit"] > largest["mc"]
lost = {link: [row[link] for row in divergence.values()] for link in links}
assert min(lost["plugin"] + lost["bridge"]) > 1 / 6.5
assert 2.5 < max(lost["plugin"] + lost["bridge"]) < 3
assert 0.3 < max(lost["bridge_norm"]) < 0.35
assert max(lost["probit"] + lost["mean_field"] + lost["mc"]) < 0.053
for where, nearer, farther in [
    (("3 wines", "near"), "mean_field", "probit"), (("3 wines", "far"), "mean_field", "probit"),
    (("4 clusters", "near"), "mean_field", "probit"), (("4 clusters", "far"), "probit", "mean_field"),
    (("10 digits", "near"), "probit", "mean_field"), (("10 digits", "far"), "probit", "mean_field"),
]:  # fmt: skip
    assert divergence[where][nearer] < divergence[where][farther] < divergence[where]["plugin"] / 5

# %% [markdown]
# The README has a larger table of this kind, for more posteriors and priors. `mc` can always be made the nearest, with
# more draws; a few thousand are cheap. Compare with it before you trust a closed form with many classes.

# %% [markdown]
# ## Appendix: the Laplace bridge
#
# A *Dirichlet* is a distribution over probability vectors, with parameters $\alpha_1, \dots, \alpha_C > 0$ and mean
# $\alpha_c / \sum_j \alpha_j$. The bridge matches a Dirichlet to the Gaussian, a Laplace approximation read backwards
# (MacKay, 1998; Hobbhahn, Kristiadi and Hennig, 2022), and takes its mean.
#
# It, too, first takes out what the logits share: it conditions them on a sum of zero (the formula is in the docstring
# of `bridge`). Then it takes, with $v = \text{diag}\, V$,
#
# $$\alpha_c = \frac{1}{v_c} \left(1 - \frac{2}{C} + \frac{e^{m_c}}{C^2} \sum_j e^{-m_j}\right)$$
#
# If all $v_c$ are equal, they cancel in the mean: then the bridge's probabilities do not depend on how uncertain the
# logits are! With two classes they always are equal, and $1 - 2 / C$ is zero: what is left is the softmax of $m$, the
# plugin of logits that sum to zero, and `la.predict` refuses the bridge. With more classes it is good for a certain
# size of $V$ and for no other. `bridge_norm` scales $m$ and $V$ to that size first. That mends it where $V$ is large,
# and makes it worse where $V$ is small, as the pictures of the links have shown.

# %%
P_zero = np.eye(3) - 1 / 3  # takes the mean off: logits with this covariance have a certain sum
m_sum_zero = m_three @ P_zero
sure, unsure = (bridge(Categorical(), Logits(m_sum_zero, v * P_zero[None])) for v in (0.01, 100.0))
print("bridge, equal variances of 0.007 and of 67:", sure[0].round(3), unsure[0].round(3))
assert np.allclose(sure, unsure, rtol=1e-9)
assert "bridge" not in Categorical().links_for(2)
of_two_classes = Logits(np.array([[0.7, -0.7]]), 5 * (np.eye(2) - 1 / 2)[None])
assert np.allclose(bridge(Categorical(), of_two_classes), plugin(Categorical(), of_two_classes), rtol=1e-9)

# %% [markdown]
# ## Summary
#
# - Under the posterior a logit is $\mathcal{N}(m, V)$; a link averages the sigmoid, or softmax, over it.
# - One logit: `quadrature` is exact, `probit` within 2 percentage points of it, and neither changes a label.
# - Several logits: `mean_field` shrinks differences and does not see what all logits share; with many classes it may be
#   too modest. `probit` overlooks correlations, `bridge` the size of $V$; `bridge_norm` is worse than the bridge where
#   little is uncertain, and better where much is. `mc` converges to the average. `nn` averages the network itself, to
#   which the GGN's Gaussian does not belong.
#
# *Read on* (entries in the [references](references.md)): Bishop (2006), section 4.5.2, for the probit link in two
# pages; Lu, Ie and Sha (2020) for the mean field and its relatives.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 6.1: the probit link by hand
#
# From means `m` (N,) and variances `V` (N,) of one logit each, compute the probabilities of the probit link, (N,). The
# check draws its own `m` and `V`.


# %% tags=["exercise"]
def my_probit(m, V):
    """Return the probabilities of the probit link, (N,)."""
    return ...


def the_link(m, V):
    """Return what the library's link says of N logits."""
    return probit(Bernoulli(), Logits(m[:, None], V[:, None, None]))


exercise_6_1 = check_function(
    "probit probabilities",
    my_probit,
    the_link,
    draw=lambda rng: (rng.normal(scale=3, size=4), rng.exponential(5, size=4)),
    mistakes={
        "the factor pi / 8 is missing": lambda m, V: the_link(m, 8 / np.pi * V),
        "the deviation in place of the variance": lambda m, V: the_link(m, np.sqrt(V)),
        "kappa without its root": lambda m, V: the_link(m, (2 + np.pi / 8 * V) * V),
        "the probability of class 0": lambda m, V: 1 - the_link(m, V),
        "Phi in place of the sigmoid at the end": lambda m, V: ndtr(
            np.sqrt(np.pi / 8) * m / np.sqrt(1 + np.pi / 8 * V)
        ),
    },
)
print(exercise_6_1)

# %% [markdown]
# ### Exercise 6.2: why the normal cumulative averages so well
#
# A sensor with noise $e \sim \mathcal{N}(t, s^2)$ rings if $e$ is below $f$. For a known $f$ that has the probability
# $\Phi((f - t) / s)$. Now $f \sim \mathcal{N}(m, V)$ is uncertain as well, and independent of $e$. Then $e - f$ is
# Gaussian. Which mean and variance does it have, and with which probability is it below zero? The check compares with
# numerical integrals.


# %% tags=["exercise"]
def probability_to_ring(m, V, t, s):
    """Return the average of Phi((f - t) / s) over f ~ N(m, V), a number."""
    return ...


def by_integration(m, V, t, s):
    """Return it by adaptive quadrature over f."""
    scale = 1 / np.sqrt(2 * np.pi * V)
    ends = m + 12 * np.sqrt(V) * np.array([-1, 1])
    return quad(
        lambda f: ndtr((f - t) / s) * scale * np.exp(-((f - m) ** 2) / (2 * V)), *ends, epsabs=1e-13, limit=200
    )[0]


def some_sensor(rng):
    """Return m, V, t and s, with m not near t, where all probabilities are one half."""
    t = rng.normal()
    return t + rng.choice([-1, 1]) * rng.uniform(1, 2), rng.uniform(0.2, 4), t, rng.uniform(0.3, 2)


exercise_6_2 = check_function(
    "probability to ring",
    probability_to_ring,
    by_integration,
    draw=some_sensor,
    mistakes={
        "s counts as a variance": lambda m, V, t, s: by_integration(m, V, t, np.sqrt(s)),
        "V counts as a deviation": lambda m, V, t, s: by_integration(m, V**2, t, s),
        "the probability not to ring": lambda m, V, t, s: 1 - by_integration(m, V, t, s),
        "t is left out": lambda m, V, t, s: by_integration(m, V, 0, s),
    },
)
print(exercise_6_2)

# %% [markdown]
# ### Exercise 6.3: the bridge, for logits that already sum to zero
#
# From the means `m` (C,) and the variances `v` (C,) of logits whose sum is certainly zero, compute the $\alpha_c$ of
# the appendix, and the mean of their Dirichlet, (C,).


# %% tags=["exercise"]
def dirichlet_mean(m, v):
    """Return the mean of the Dirichlet, (C,)."""
    return ...


def of_sum_zero(rng):
    """Return means and covariance of four logits that sum to zero."""
    off_mean = np.eye(4) - 1 / 4
    return off_mean @ rng.normal(size=4), off_mean @ np.diag(rng.uniform(0.05, 3, size=4)) @ off_mean


def bridge_times(power):
    """Return the mean of a Dirichlet whose alphas are the bridge's times a power of v, as a function."""

    def mean(m, covariance):
        alpha = bridge(Categorical(), Logits(m[None], covariance[None]))[0] * np.diag(covariance) ** power
        return alpha / alpha.sum()

    return mean


exercise_6_3 = check_function(
    "mean of the Dirichlet",
    lambda m, covariance: dirichlet_mean(m, np.diag(covariance)),
    bridge_times(0),
    draw=of_sum_zero,
    rtol=1e-7,
    mistakes={
        "the variances are left out": bridge_times(1),
        "times v_c in place of over v_c": bridge_times(2),
        "deviations in place of variances": bridge_times(0.5),
        "the plugin": lambda m, covariance: softmax(m),
    },
)
print(exercise_6_3)

# %% [markdown]
# ### Derive 6.4: of two logits the mean field makes one (4 marks)
#
# Write the mean field's formula for $C = 2$, with $d = m_1 - m_2$ and $v$ the variance of $f_1 - f_2$. Show that before
# the division by the sum the two numbers add up to one already, so that $p_1 = \sigma(\kappa d)$: the probit link of
# the one logit $f_1 - f_2$. Which property of $\sigma$ do you need? Why does the argument fail for $C = 3$?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 6.5: which link? (3 marks)
#
# A team has a classifier with ten classes and asks which link to use: `probit`, since the post has it; `mean_field`,
# the default here; or `mc`. What does each of the first two overlook or count twice, what does the third cost, and how
# would you decide for their data?

# %% [markdown]
# *Your answer:*
