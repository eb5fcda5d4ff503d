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
# # 4. Curvature
#
# After this tutorial you can say what Hessian, GGN and empirical Fisher are, when they agree and when they do not, why
# the published Figure 2 is unsure on its own data, and what to do about a Hessian that is not positive definite.
#
# - Passage of the post: *Laplace Approximation*, the possibly large Hessian computation.
# - Modules: `curvature`, `model`, `network`, `one_page`.
#
# Laplace's Gaussian has the curvature of the loss for its precision: that of the nll, the negative log-likelihood of
# the data, and that of the prior's part. For a network the exact curvature of the nll is expensive and can be awkward,
# so two substitutes are in use. One of them is sound. The other is what the post's package inverted.

# %%
import inspect
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import SymLogNorm
from scipy.linalg import eigvalsh

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    fit_map,
    one_page,
    toy_data_non_linear,
)
from minilaplace.checks import check_function, check_jacobian
from minilaplace.curvature import empirical_fisher, ggn, hessian
from minilaplace.plotting import plot_network

plt.style.use("minilaplace.course")
COLOURS = {"Hessian": "black", "GGN": "C0", "empirical Fisher": "C1"}  # one colour for each, throughout

# %%
X, y = toy_data_non_linear(200, rng=0)
network = MLP(2, 8, 1, activation="sigmoid")
model = BayesianModel(network, Bernoulli(), prior_precision=0.1)
theta = fit_map(model, X, y, rng=0)
P = network.n_params
print("a smaller sister of Figure 2's network:", network, "with P =", P)

# %% [markdown]
# ## The Hessian in two terms
#
# A sample's nll is a function of its outputs $f_n$, and these are functions of $\theta$. In the outputs it has a
# gradient $g_n$, of shape $(C,)$, and a second derivative $\Lambda_n$, of shape $(C, C)$. The network contributes its
# Jacobian $J_n = \partial f_n / \partial \theta$, $(C, P)$, the subject of tutorial 3. By the chain rule the second
# derivative of the summed nll in $\theta$ is
#
# $$H = \sum_n J_n^\top \Lambda_n J_n \; + \; \sum_n \sum_c g_{nc} \frac{\partial^2 f_{nc}}{\partial \theta^2} .$$
#
# The prior is left out here (in tutorial 2, $H$ contained it): it adds its precision to the diagonal later. The first
# term is the *generalised Gauss-Newton matrix*, GGN, here $G$ for short. The second is the network's own curvature.
#
# > **Common mistake.** The prior counted twice, or never. A library that differentiates the *loss* twice has the
# > prior's precision in its curvature already; one that differentiates the *nll* has not. Ask which, before you add it.
#
# ### On one sheet of paper
#
# Take the network of tutorial 3 with one input, one unit and one output, at the same numbers: $x = 2$, $a = \tanh z =
# 0.6$, $w_2 = 2$, $f = 1$, and a target $y = 0.5$ with the nll $\frac{1}{2} (f - y)^2$. Only two parameters, $w_1$ and
# $w_2$, so that the matrices are 2 x 2. The derivatives of tanh are $\tanh' = 1 - a^2 = 0.64$ and
# $\tanh'' = -2 a (1 - a^2) = -0.768$.
#
# *The nll in the output.* $g = f - y = 0.5$ and $\Lambda = 1$.
#
# *The output in the parameters.* $f = w_2 \tanh(w_1 x + b_1) + b_2$, so
# $J = (w_2 \tanh' x, \; a) = (2 \cdot 0.64 \cdot 2, \; 0.6) = (2.56, \; 0.6)$, and once more:
#
# $$\frac{\partial^2 f}{\partial \theta^2} = \begin{pmatrix} w_2 \tanh'' x^2 & \tanh' x \\ \tanh' x & 0 \end{pmatrix}
# = \begin{pmatrix} -6.144 & 1.28 \\ 1.28 & 0 \end{pmatrix} .$$
#
# *The two terms.* The first is $\Lambda$ times the products of the entries of $J$, the second $g$ times that matrix:
#
# $$\underbrace{\begin{pmatrix} 6.554 & 1.536 \\ 1.536 & 0.36 \end{pmatrix}}_{J^\top \Lambda J} +
# \underbrace{\begin{pmatrix} -3.072 & 0.64 \\ 0.64 & 0 \end{pmatrix}}_{g\, \partial^2 f / \partial \theta^2} =
# \underbrace{\begin{pmatrix} 3.482 & 2.176 \\ 2.176 & 0.36 \end{pmatrix}}_{\text{Hessian}} .$$
#
# The first has the determinant 0: one sample says something about one direction, $J$, and it bends the nll upwards. The
# sum has the determinant $3.482 \cdot 0.36 - 2.176^2 = -3.48$: one of its eigenvalues is negative. The network alone
# has done that, and it would not have if the sample were fitted, with $g = 0$.

# %%
tiny = BayesianModel(MLP(1, 1, 1), Gaussian())
theta_tiny = np.array([0.5, np.log(2) - 1, 2.0, -0.2])  # w_1, b_1, w_2, b_2
x_tiny, y_tiny = np.array([[2.0]]), np.array([[0.5]])
fig, ax = plt.subplots(figsize=(6.4, 2.4))
texts = [
    ["$x = 2$"],
    ["$a = 0.6$\n$\\tanh' = 0.64$\n$\\tanh'' = -0.768$"],
    ["$f = 1$\n$g = 0.5$\n$\\Lambda = 1$"],
]
plot_network(tiny.network, theta_tiny, texts=texts, ax=ax)
for at, derivative in [(1, "$J_1 = 2.56$"), (3, "$J_2 = 0.6$")]:
    ax.text(at, -0.12, derivative, ha="center", va="top", color="C1")
ax.set(title="above the lines: weights; below, in orange: derivatives of $f$", ylim=(-1, 0.4))
plt.show()

# %% [markdown]
# The same in code, first by those numbers, then by the library, whose matrices are 4 x 4, with $b_1$ and $b_2$:

# %%
w_1, b_1, w_2, b_2 = theta_tiny
a = np.tanh(w_1 * 2 + b_1)
slope, bend = 1 - a**2, -2 * a * (1 - a**2)
J_tiny = np.array([w_2 * slope * 2, a])
second = np.array([[w_2 * bend * 2**2, slope * 2], [slope * 2, 0]])
first_term, second_term = np.outer(J_tiny, J_tiny), 0.5 * second
print(first_term.round(3), second_term.round(3), (first_term + second_term).round(3), sep="\n\n")
kept = np.ix_([0, 2], [0, 2])  # w_1 and w_2
assert np.allclose(J_tiny, [2.56, 0.6])
assert np.allclose(second, [[-6.144, 1.28], [1.28, 0]])
assert np.allclose(first_term, ggn(tiny, theta_tiny, x_tiny, y_tiny)[kept])
assert np.allclose(first_term + second_term, hessian(tiny, theta_tiny, x_tiny, y_tiny)[kept])
assert abs(np.linalg.det(first_term)) < 1e-12
assert round(np.linalg.det(first_term + second_term), 2) == -3.48

# %% [markdown]
# ### All samples, all parameters

# %%
f = network.forward(theta, X)  # (N, C)
J = network.jacobian(theta, X)  # (N, C, P)
g = model.likelihood.gradient(f, y)  # (N, C)
Lambda = model.likelihood.hessian(f, y)  # (N, C, C)
G = np.einsum("ncp,ncd,ndq->pq", J, Lambda, J)  # (P, P)
own = network.second_order(theta, X, g)  # (P, P)
assert np.allclose(G, ggn(model, theta, X, y), rtol=0, atol=1e-10)
assert np.allclose(G + own, hessian(model, theta, X, y), rtol=0, atol=1e-10)
print("GGN, network's own curvature and their sum:", G.shape, own.shape, (G + own).shape)

# %% [markdown]
# In `one_page.py` the first term is one line of the function `ggn`, a sum that one can see. There is one logit, so
# $\Lambda_n$ is a number and $J_n$ a row:

# %%
line = "return sum(Lambda[n] * np.outer(J[n], J[n]) for n in range(len(X)))"
assert line in inspect.getsource(one_page.ggn)
assert np.allclose(one_page.ggn(theta, X, network.sizes), G)
print(line)

# %% [markdown]
# Do $G$ and the network's own curvature add up to the second derivative? That is the derivative of the gradient, so
# finite differences of the gradient can tell. (`model.gradient` is that of the loss, so the prior's precision is in its
# derivative, too.)

# %%
check = check_jacobian(
    lambda t: model.gradient(t, X, y), lambda t: hessian(model, t, X, y) + 0.1 * np.eye(P), network.init(rng=1)
)
assert check
print("the Hessian is the derivative of the gradient:", bool(check))

# %% [markdown]
# Why drop the second term? A sum of $J^\top \Lambda J$ is *positive semi-definite*: $d^\top G d \geq 0$ for every
# direction $d$, because $\Lambda_n$ is, and $J_n d$ is just a motion of the outputs. So the GGN never says that the nll
# bends down. It needs first derivatives of the network only. And it is what the Hessian *is* if the network is replaced
# by its linearisation, $f(x, \theta) + J (\theta' - \theta)$, which has no curvature of its own.
#
# ## The empirical Fisher
#
# The third matrix takes the squared gradients of the samples, $J_n^\top g_n$, in place of curvature:
#
# $$F = \sum_n J_n^\top g_n g_n^\top J_n .$$

# %%
F = empirical_fisher(model, theta, X, y)
H = hessian(model, theta, X, y)
matrices = {"Hessian": H, "GGN": G, "empirical Fisher": F}
for name, matrix in matrices.items():
    print(f"trace of {name:16}: {np.trace(matrix):6.1f}")
ratio = np.trace(G) / np.trace(F)
assert round(ratio, 1) == 6.5
assert abs(np.trace(H) / np.trace(G) - 1) < 1 / 6
print(f"GGN over empirical Fisher: {ratio:.1f}")

# %% [markdown]
# The *trace*, the sum of the diagonal, says how much curvature there is in all. The Hessian and the GGN differ by less
# than a sixth; the empirical Fisher is 6.5 times smaller than the GGN. (The picture's colours are linear between -0.1
# and 0.1, and logarithmic beyond.)

# %%
fig, axes = plt.subplots(1, 3, figsize=(9, 3.6), sharey=True)
tensors = {"$W_1$": 16, "$b_1$": 8, "$W_2$": 8, "$b_2$": 1}
ends = np.cumsum(list(tensors.values()))
for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
    image = ax.imshow(matrix, cmap="RdBu_r", norm=SymLogNorm(0.1, vmin=-30, vmax=30))
    for end in ends[:-1] - 0.5:
        ax.axhline(end, color="black", linewidth=0.8)
        ax.axvline(end, color="black", linewidth=0.8)
    centres = ends - np.array(list(tensors.values())) / 2 - 0.5
    ax.set_xticks(centres, tensors)
    ax.set_yticks(centres, tensors)
    ax.set_title(name)
    ax.grid(False)
fig.colorbar(image, ax=axes, label="entry", ticks=[-10, -1, -0.1, 0, 0.1, 1, 10], format="%g", shrink=0.75)
plt.show()

# %% [markdown]
# ## When they agree
#
# **One layer.** Without hidden layer, $f$ is linear in $\theta$, so it has no curvature of its own: GGN and Hessian are
# one matrix, at any parameters. For logistic regression there is no choice to be made between these two.

# %%
one_layer = BayesianModel(MLP(2, 1), Bernoulli())
anywhere = np.array([0.3, -2.0, 1.0])
assert np.allclose(ggn(one_layer, anywhere, X, y), hessian(one_layer, anywhere, X, y), rtol=1e-12)

# %% [markdown]
# **A perfect fit.** The network's own curvature is weighted by $g_n$, the gradient in the outputs. In a regression
# whose outputs meet every target, $g_n = 0$, and the Hessian is the GGN again. The empirical Fisher is then exactly
# zero: it says that the data has taught us nothing.

# %%
regression = BayesianModel(network, Gaussian(sigma_noise=1.0))
y_met = network.forward(theta, X)
assert np.allclose(ggn(regression, theta, X, y_met), hessian(regression, theta, X, y_met), rtol=1e-12)
print("at a perfect fit: trace of GGN", np.trace(ggn(regression, theta, X, y_met)).round(1), end=", ")
print("of empirical Fisher", np.trace(empirical_fisher(regression, theta, X, y_met)))
assert not empirical_fisher(regression, theta, X, y_met).any()

# %% [markdown]
# **On average.** If a label is drawn from the model itself, with probabilities $p$ and $1 - p$, the average of the
# squared gradient is the curvature: $p (1 - p)^2 + (1 - p) p^2 = p (1 - p)$. The sum of $J_n^\top g_n g_n^\top J_n$,
# averaged over labels of the model's own, is called the *Fisher information*. So here it equals the GGN. The
# *empirical* Fisher puts the actual labels there. That is the whole difference, and it is not small.

# %%
rng = np.random.default_rng(0)
p = model.likelihood.mean(f)  # (N,) P(y = 1)
total, distance = np.zeros((P, P)), {}
for s in range(1, 401):
    total += empirical_fisher(model, theta, X, rng.binomial(1, p))
    distance[s] = np.linalg.norm(total / s - G) / np.linalg.norm(G)
for s in (4, 40, 400):
    print(f"average over {s:3} sets of drawn labels: {distance[s]:.2f} from the GGN")
actual = np.linalg.norm(F - G) / np.linalg.norm(G)
print(f"with the actual labels: {actual:.2f}")
assert distance[400] < 0.1 < 0.5 < actual

# %% [markdown]
# How general is that? For *every* likelihood the average of $g_n g_n^\top$ over its own labels is the average of
# $\Lambda_n$ over them (exercise 4.6). If $\Lambda_n$ does not depend on the label, its average is itself, and the
# Fisher information is the GGN: so it is for classes, for counts by their log rate, and for a regression with a given
# noise. It is not where the network predicts the noise, too (tutorial 10): there the two differ, and what the library
# calls `ggn` is the one with the average, which is positive semi-definite.

# %%
labels = rng.normal(size=(2, 1))  # two labels for one and the same output
f_given, f_noisy = np.array([[0.3]]), np.array([[0.3, -1.0]])  # one output, and two: mean and log of the variance
of_given = [Gaussian().hessian(f_given, label[:, None])[0] for label in labels]
of_noisy = [HeteroscedasticGaussian().hessian(f_noisy, label)[0] for label in labels]
print("Lambda depends on the label: noise given", not np.allclose(*of_given), "- noise predicted", end=" ")
print(not np.allclose(*of_noisy))
assert np.allclose(*of_given)
assert not np.allclose(*of_noisy)

# %% [markdown]
# > **Common mistake.** To call the sum over the actual labels "the Fisher". Both matrices are made of squared
# > gradients, and their traces differ by a factor of 6.5 here. (Kunstner, Balles and Hennig, 2019, find the same slip
# > in optimisers.)

# %% [markdown]
# ## Why the published Figure 2 is under-confident
#
# Look at one sample, with $p$ now the probability of the label that it has. The GGN counts it with
# $\Lambda = p (1 - p)$, the empirical Fisher with $g^2 = (1 - p)^2$. Their ratio is $(1 - p) / p$: one at
# a toss-up, and near zero where the fit is good. Training makes the fit good. So training itself makes the empirical
# Fisher vanish.
#
# > **Predict first.** Draw the two weights as functions of $p$. Where do they cross? And where, on the axis of $p$, are
# > the 200 samples of a trained network?
#
# <details><summary>Answer</summary>
#
# They cross at one half. Nearly nine samples of ten are at $p > 0.9$, where both weights are small, and the empirical
# Fisher's is the far smaller one.
#
# </details>

# %%
p_label = np.where(y == 1, p, 1 - p)
assert np.allclose(Lambda[:, 0, 0], p_label * (1 - p_label))
assert np.allclose(g[:, 0] ** 2, (1 - p_label) ** 2)
share = np.mean(p_label > 0.9)
assert 0.85 < share < 0.9
print(f"{share:.0%} of the samples have p > 0.9; there the empirical Fisher sees less than 1/9 of the curvature")

# %%
fig, ax = plt.subplots()
axis = np.linspace(0.3, 1, 200)
ax.plot(axis, axis * (1 - axis), color=COLOURS["GGN"], label=r"GGN: $\Lambda = p (1 - p)$")
ax.plot(axis, (1 - axis) ** 2, color=COLOURS["empirical Fisher"], label="empirical Fisher: $g^2 = (1 - p)^2$")
ax.plot(p_label, np.full(len(y), -0.012), "|", color="black", alpha=0.4, label="the 200 samples")
ax.set(xlabel="probability $p$ of the label", ylabel="weight of the sample", ylim=(-0.03, 0.4))
ax.legend()
plt.show()

# %% [markdown]
# Now the network of Figure 2, with its 32 hidden units. A weaker prior lets it fit better.
#
# > **Predict first.** What happens to the ratio of the two traces if the prior precision goes from 1 to .1 and to .01?

# %%
wide = replace(model, network=MLP(2, 32, 1, activation="sigmoid"))
ratios = []
for prior_precision in (1.0, 0.1, 0.01):
    trial = replace(wide, prior_precision=prior_precision)
    theta_trial = fit_map(trial, X, y, rng=0)
    ratio = np.trace(ggn(trial, theta_trial, X, y)) / np.trace(empirical_fisher(trial, theta_trial, X, y))
    logit = np.abs(trial.network.forward(theta_trial, X)).mean()
    print(f"prior precision {prior_precision:4}: mean |logit| {logit:.1f}, GGN over empirical Fisher {ratio:2.0f}")
    ratios.append(round(ratio))
assert ratios == [4, 11, 70]

# %% [markdown]
# <details><summary>Answer</summary>
#
# The gap grows with the fit: from 4 to 11 to 70 times.
#
# </details>

# %% [markdown]
# Curvature is precision: a curvature too small is a covariance too large, and the averaged probabilities move towards
# one half even amid the data. Here is the listing's prior precision, $N \lambda^2$ for training and $\lambda$ for
# Laplace (the first erratum of tutorial 1), and its choice of the last layer only. The one thing that we change is the
# matrix.

# %%
lam = 0.01
theta_listing = fit_map(replace(wide, prior_precision=len(X) * lam**2), X, y, rng=0)
amid = np.array([[2.75, 2.75], [-2.75, -2.75], [2.75, -2.75], [-2.75, 2.75]])  # two of class 1, two of class 0
sure = {}
for curvature in ("empirical_fisher", "ggn", "hessian"):
    la = Laplace(
        replace(wide, prior_precision=lam), theta_listing, curvature=curvature, subset_of_weights="last_layer"
    ).fit(X, y)
    p_amid = la.predict(amid)
    sure[curvature] = np.abs(p_amid - 0.5).min()
    print(f"{curvature:16}: P(y = 1) amid the squares {p_amid.round(2)}")
assert sure["empirical_fisher"] < 0.2 < 0.4 < sure["ggn"]
assert abs(sure["ggn"] - sure["hessian"]) < 1e-6

# %% [markdown]
# (The last layer is linear in its own parameters, so there the GGN *is* the Hessian.)

# %% [markdown]
# ## Spectra
#
# A symmetric matrix has orthogonal directions along which it only stretches, its *eigenvectors*. The factors are its
# *eigenvalues*, and together they are its *spectrum*. For a curvature they say how well the data determines each of
# these directions. The posterior precision adds the prior's to every one of them. If an eigenvalue is smaller than the
# prior's precision, most of what is known of its direction comes from the prior.
#
# > **Predict first.** The network has 33 parameters and 200 samples. How many eigenvalues of the GGN are exactly zero?
# > Can the Hessian of the nll have negative ones at the mode of the posterior?

# %%
spectra = {name: eigvalsh(matrix)[::-1] for name, matrix in matrices.items()}
for name, values in spectra.items():
    print(f"{name:16}: {np.sum(values > 10 * model.prior_precision):2} of {P} directions above ten times the prior")
assert spectra["GGN"].min() > -1e-10
assert spectra["empirical Fisher"].min() > -1e-10

# %%
ROUNDING = 1e-11  # what is smaller than this, beside eigenvalues of 50, is zero
fig, ax = plt.subplots(figsize=(7, 4.4))
for (name, values), marker in zip(spectra.items(), "os^", strict=True):
    at = np.arange(1, P + 1)
    above, below = values > ROUNDING, values < -ROUNDING
    ax.semilogy(at[above], values[above], marker, color=COLOURS[name], markersize=4, label=name)
    if below.any():
        ax.semilogy(at[below], -values[below], marker, color=COLOURS[name], fillstyle="none", label=f"{name}, negative")
ax.axhline(model.prior_precision, color="C2", linestyle="--", label="prior precision")
ax.set(xlabel="rank", ylabel="eigenvalue", ylim=(1e-8, 1e2), title="what is not drawn is zero")
ax.legend(fontsize=10, loc="lower left")
plt.show()

# %%
zeros = {name: int(np.sum(np.abs(values) < ROUNDING)) for name, values in spectra.items()}
print("eigenvalues that are zero:", zeros)
assert zeros == {"Hessian": 0, "GGN": 4, "empirical Fisher": 4}
assert np.sum(spectra["Hessian"] < 0) == 3
assert (spectra["empirical Fisher"][:-4] < spectra["GGN"][:-4]).all()
W_1, b_1, W_2 = theta[:16].reshape(8, 2), theta[16:24], theta[24:32]
units = np.column_stack([W_1, b_1, W_2])  # (8, 4) all parameters of a unit
assert np.allclose(units[0], units[4], atol=1e-3)
print("unit 0:", units[0].round(2), " unit 4:", units[4].round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Four. Two of the eight units have become one and the same, in each of their four parameters: what one of them does the
# other can undo, and the outputs do not notice. The Hessian has three negative eigenvalues, even at this mode: there
# the *nll* bends down, and it takes the prior to bend the loss up again.
#
# </details>
#
# Of 33 directions the data determines some well and others not at all. The post calls such a network *underspecified*.
# The empirical Fisher's eigenvalues are below the GGN's at every rank.

# %%
smallest = spectra["Hessian"][-1]
assert smallest < 0 < smallest + model.prior_precision
print(f"smallest eigenvalue of the Hessian {smallest:.3f}; with the prior {smallest + model.prior_precision:.3f}")

# %% [markdown]
# ## Away from a mode
#
# At a mode, the Hessian of the loss cannot have a negative eigenvalue: along its eigenvector the loss would fall. Away
# from one it can, and then there is no Gaussian: its precision would be negative. Take untrained parameters.

# %%
untrained = network.init(rng=0)
la = Laplace(model, untrained, curvature="hessian").fit(X, y)
try:
    la.predict(X)
except np.linalg.LinAlgError as error:
    print(error)

# %% [markdown]
# No covariance comes out, and no NaN: the error names the smallest eigenvalue of the posterior precision, and two ways
# out. The GGN is positive semi-definite everywhere. And a prior precision that outweighs the eigenvalue is enough.

# %%
lowest = eigvalsh(hessian(model, untrained, X, y))[0]
assert lowest + model.prior_precision < 0
first_way = Laplace(model, untrained, curvature="ggn").fit(X, y)
second_way = Laplace(replace(model, prior_precision=1.01 * abs(lowest)), untrained, curvature="hessian").fit(X, y)
for name, way in [("GGN", first_way), ("larger prior", second_way)]:
    lowest_of_precision = eigvalsh(way.posterior.precision())[0]
    assert lowest_of_precision > 0
    print(f"{name}: smallest eigenvalue of the precision {lowest_of_precision:.2f}")

# %% [markdown]
# Both make a Gaussian, and neither makes it Laplace's approximation: for that one has to be at a mode. The right way
# out is a third one: train the network.
#
# ## Summary
#
# - Hessian = GGN + the network's own curvature, weighted by the gradients $g_n$ in the outputs.
# - GGN: $\sum_n J_n^\top \Lambda_n J_n$, positive semi-definite everywhere; equal to the Hessian for one layer and for
#   a perfect fit.
# - Empirical Fisher: $\sum_n J_n^\top g_n g_n^\top J_n$. On average over labels drawn from the model it is the Fisher
#   information, which is the GGN where $\Lambda_n$ does not depend on the label; with the actual labels it vanishes as
#   the fit gets good. This is what makes the published Figure 2 unsure on its data.
# - The data determines some directions; the prior determines the rest.
# - A Hessian away from a mode can be indefinite. The library says so, and how to go on.
#
# *Read on*: Kunstner, Balles and Hennig (2019), the section *Critical discussion of the empirical Fisher*; Martens
# (2020) on the GGN and the Fisher information; Bishop (2006), section 5.4, on the Hessian of a network, with products
# like that of exercise 4.4, which Pearlmutter (1994) made exact. Addresses are in the [references](references.md).
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 4.1: squared gradients
#
# Make the empirical Fisher of `model` from the gradients of the samples, $J_n^\top g_n$. `network.jacobian(theta, X)`
# and `model.likelihood.gradient(f, y)` give the factors, $(N, C, P)$ and $(N, C)$.


# %% tags=["exercise"]
def my_fisher(theta, X, y):
    """Return the sum of J_n^T g_n g_n^T J_n over the samples, (P, P)."""
    return ...


def other_data(rng):
    """Return parameters, and some of the inputs with labels at random."""
    return rng.normal(size=P), rng.permutation(X)[:50], rng.integers(0, 2, size=50)


def square_of_sum(theta, X, y):
    """Return the square of the gradient of all samples together."""
    gradient = network.backward(theta, X, model.likelihood.gradient(network.forward(theta, X), y))
    return np.outer(gradient, gradient)


exercise_4_1 = check_function(
    "empirical Fisher",
    my_fisher,
    lambda theta, X, y: empirical_fisher(model, theta, X, y),
    draw=other_data,
    mistakes={
        "the square of the sum, not the sum of squares": square_of_sum,
        "a mean over the samples in place of the sum": lambda theta, X, y: (
            empirical_fisher(model, theta, X, y) / len(X)
        ),
        "the GGN": lambda theta, X, y: ggn(model, theta, X, y),
        "the prior is in it": lambda theta, X, y: (
            empirical_fisher(model, theta, X, y) + model.prior_precision * np.eye(P)
        ),
    },
)
print(exercise_4_1)

# %% [markdown]
# ### Exercise 4.2: several classes
#
# With $C$ logits the probabilities are $p = \mathrm{softmax}(f)$: exponentials, divided by their sum. The gradient of
# a sample's nll is $p$ minus the label as a unit vector. Differentiate once more in $f$:
# $\partial p_c / \partial f_d = p_c (1 - p_c)$ if $c = d$, and $-p_c p_d$ if not. Write $\Lambda$ as one
# expression of the vector $p$.


# %% tags=["exercise"]
def my_lambda(p):
    """Return the second derivative of a sample's nll in its logits, (C, C), from its probabilities p (C,)."""
    return ...


def by_the_library(p):
    """Return Lambda of the logits log p, whose softmax is p."""
    return Categorical().hessian(np.log(p)[None], np.array([0]))[0]


exercise_4_2 = check_function(
    "Lambda",
    my_lambda,
    by_the_library,
    draw=lambda rng: rng.dirichlet(np.ones(4)),
    mistakes={
        "the off-diagonal entries are missing": lambda p: np.diag(np.diag(by_the_library(p))),
        "p in every row, not on the diagonal alone": lambda p: by_the_library(p) - np.diag(p) + p,
        "plus in place of minus": lambda p: 2 * np.diag(p) - by_the_library(p),
        "the diagonal has -p_c^2 alone": lambda p: by_the_library(p) - np.diag(p),
    },
)
print(exercise_4_2)

# %% [markdown]
# ### Exercise 4.3: noise
#
# A regression with noise $\sigma$ has the nll $(y - f)^2 / 2\sigma^2$ plus a constant. By which factors do the GGN and
# the empirical Fisher grow when $\sigma$ goes from 1 to `sigma`? They are not the same.


# %% tags=["exercise"]
def factors(sigma):
    """Return two numbers: the factor of the GGN, and that of the empirical Fisher."""
    return ...


def by_traces(sigma):
    """Return the two ratios, (2,), measured."""
    noisy = [replace(regression, likelihood=Gaussian(sigma_noise=noise)) for noise in (1.0, sigma)]
    before, after = ([np.trace(c(m, theta, X, X[:, 0])) for c in (ggn, empirical_fisher)] for m in noisy)
    return np.array(after) / before


exercise_4_3 = check_function(
    "factors",
    factors,
    by_traces,
    draw=lambda rng: float(rng.uniform(0.3, 3)),
    mistakes={
        "upside down": lambda sigma: 1 / by_traces(sigma),
        "the two swapped": lambda sigma: by_traces(sigma)[::-1],
        "the GGN's factor for both": lambda sigma: by_traces(sigma)[[0, 0]],
        "sigma in place of its square": lambda sigma: np.sqrt(by_traces(sigma)),
    },
)
print(exercise_4_3)

# %% [markdown]
# ### Exercise 4.4: curvature along a direction
#
# $H v$ is how fast the gradient changes along $v$, which takes two gradients and no matrix. Use a central difference
# (tutorial 3) with a step of $10^{-4}$ for `model.gradient`, the gradient of the loss, and mind what the prior adds.


# %% tags=["exercise"]
def hessian_times(t, v):
    """Return H v at the parameters t, (P,), without the prior's part."""
    return ...


def some_direction(rng):
    """Return parameters and a direction of length 1."""
    v = rng.normal(size=P)
    return network.init(rng), v / np.linalg.norm(v)


def by_matrix(t, v):
    """Return H v."""
    return hessian(model, t, X, y) @ v


delta = model.prior_precision
exercise_4_4 = check_function(
    "H v",
    hessian_times,
    by_matrix,
    draw=some_direction,
    rtol=1e-5,
    mistakes={
        "the prior's part is still in it": lambda t, v: by_matrix(t, v) + delta * v,
        "a one-sided difference": lambda t, v: (
            (model.gradient(t + 1e-4 * v, X, y) - model.gradient(t, X, y)) / 1e-4 - delta * v
        ),
        "divided by h, not by 2 h": lambda t, v: 2 * by_matrix(t, v) + delta * v,
        "the prior's part of theta, not of v": lambda t, v: by_matrix(t, v) + delta * v - delta * t,
    },
)
print(exercise_4_4)

# %% [markdown]
# ### Exercise 4.5: how strong a prior?
#
# From which prior precision on is the exact Hessian's posterior at untrained parameters a Gaussian? The check tries
# Cholesky factors of the precision under more and more priors, until it has the one from which on there are any.


# %% tags=["exercise"]
def threshold(t):
    """Return the smallest prior precision with which the posterior precision at t has no negative eigenvalue."""
    return ...


def has_factor(matrix):
    """Return whether a matrix has a Cholesky factor, which is to say, is positive definite."""
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def by_trial(t):
    """Return the smallest prior precision that is enough, by halving an interval that contains it."""
    curvature, low, high = hessian(model, t, X, y), 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if has_factor(curvature + middle * np.eye(P)) else (middle, high)
    return high


exercise_4_5 = check_function(
    "the smallest prior precision",
    threshold,
    by_trial,
    draw=network.init,
    rtol=1e-6,
    mistakes={
        "the wrong sign": lambda t: -by_trial(t),
        "the largest eigenvalue, not the smallest": lambda t: np.linalg.norm(hessian(model, t, X, y), 2),
        "on top of the prior that is there": lambda t: by_trial(t) - model.prior_precision,
    },
)
print(exercise_4_5)

# %% [markdown]
# ### Derive 4.6: squared gradients and curvature (4 marks)
#
# Let $p(y \mid f)$ be any likelihood whose derivatives in $f$ may be taken under the sum or integral over $y$. With $g
# = -\nabla_f \log p$ and $\Lambda = -\nabla_f^2 \log p$, show that $\mathrm{E}[g] = 0$ and $\mathrm{E}[g g^\top] =
# \mathrm{E}[\Lambda]$ if $y$ is drawn from $p(y \mid f)$. When is the Fisher information the GGN?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 4.7: the better the fit, the less it knows (3 marks)
#
# To somebody who uses the empirical Fisher for Laplace's precision because it needs gradients alone: what happens to
# the posterior as training goes on, and why? What does the GGN need beyond that, and what does it count in its place?

# %% [markdown]
# *Your answer:*
