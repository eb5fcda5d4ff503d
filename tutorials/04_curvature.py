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
# - Modules: `curvature`, `model`, `network`.
#
# Laplace's Gaussian has the curvature of the loss for its precision. For a network the exact curvature is expensive and
# can be awkward, so two substitutes are in use. One of them is sound. The other is what the post's package inverted.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import SymLogNorm
from scipy.linalg import eigvalsh

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Laplace, fit_map, toy_data_non_linear
from minilaplace.checks import check_equal, check_jacobian
from minilaplace.curvature import empirical_fisher, ggn, hessian

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
# A sample's negative log-likelihood (nll) is a function of its outputs $f_n$, and these are functions of $\theta$. In
# the outputs it has a gradient $g_n$, of shape $(C,)$, and a second derivative $\Lambda_n$, of shape $(C, C)$. The
# network contributes its Jacobian $J_n = \partial f_n / \partial \theta$, $(C, P)$, the subject of tutorial 3. By the
# chain rule the second derivative of the summed nll in $\theta$ is
#
# $$H = \sum_n J_n^\top \Lambda_n J_n \; + \; \sum_n \sum_c g_{nc} \frac{\partial^2 f_{nc}}{\partial \theta^2} .$$
#
# The prior is left out here (in tutorial 2, $H$ contained it): it adds its precision to the diagonal later. The first
# term is the *generalised Gauss-Newton matrix*, GGN, here $G$ for short. The second is the network's own curvature.

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
# That it is the second derivative of the loss, finite differences can tell: it is the Jacobian of the gradient. (The
# loss' gradient contains the prior's part, so its derivative does too.)

# %%
check = check_jacobian(
    lambda t: model.gradient(t, X, y), lambda t: hessian(model, t, X, y) + 0.1 * np.eye(P), network.init(rng=1)
)
assert check
print("the Hessian is the derivative of the gradient:", bool(check))

# %% [markdown]
# Why drop the second term? A sum of $J^\top \Lambda J$ is *positive semi-definite*: $d^\top G d \geq 0$ for every
# direction $d$, because $\Lambda_n$ is and $J_n d$ is just a motion of the outputs. So the GGN never says that the loss
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
print(f"GGN over empirical Fisher: {ratio:.1f}")

# %% [markdown]
# The *trace*, the sum of the diagonal, says how much curvature there is in all. The Hessian and the GGN are of one
# size; the empirical Fisher is 6.5 times smaller than the GGN. (The picture's colours are linear between -0.1 and 0.1,
# and logarithmic beyond.)

# %%
fig, axes = plt.subplots(1, 3, figsize=(7, 2.9), sharey=True)
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
fig.colorbar(image, ax=axes, label="entry", ticks=[-10, -1, -0.1, 0, 0.1, 1, 10], format="%g", shrink=0.8)
plt.show()

# %% [markdown]
# ## When they agree
#
# **One layer.** Without hidden layer, $f$ is linear in $\theta$, so it has no curvature of its own: GGN and Hessian are
# one matrix, at any parameters. For logistic regression there is nothing to choose.

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

# %% [markdown]
# **On average.** If a label is drawn from the model itself, with probabilities $p$ and $1 - p$, the average of the
# squared gradient is the curvature: $p (1 - p)^2 + (1 - p) p^2 = p (1 - p)$. So the *Fisher information*, this average
# over the model's own labels, equals the GGN. The *empirical* Fisher puts the actual labels there. That is the whole
# difference, and it is not small.

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
# ## Why the published Figure 2 is under-confident
#
# Look at one sample, with $p$ now the probability of the label that it has. The GGN counts it with
# $\Lambda = p (1 - p)$, the empirical Fisher with $g^2 = (1 - p)^2$. Their ratio is $(1 - p) / p$: one at
# a toss-up, and near zero where the fit is good. Training makes the fit good. So it is training itself that takes the
# empirical Fisher away.

# %%
p_label = np.where(y == 1, p, 1 - p)
assert np.allclose(Lambda[:, 0, 0], p_label * (1 - p_label))
assert np.allclose(g[:, 0] ** 2, (1 - p_label) ** 2)
share = np.mean(p_label > 0.9)
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
# Now the network of Figure 2, with its 32 hidden units. A weaker prior lets it fit better, and the gap grows:
# from 4 to 11 to 70 times.

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
# Curvature is precision: a curvature too small is a covariance too large, and the averaged probabilities move towards
# one half even amid the data. Here is the listing's prior, $N \lambda^2$ for training and $\lambda$ for Laplace (the
# first erratum of tutorial 1), and its choice of the last layer only. The one thing that we change is the matrix.

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
assert sure["empirical_fisher"] < sure["ggn"]

# %% [markdown]
# (The last layer is linear in its own parameters, so there the GGN *is* the Hessian.)

# %% [markdown]
# ## Spectra
#
# A symmetric matrix has orthogonal directions along which it only stretches, its *eigenvectors*; by how much are its
# *eigenvalues*, together the *spectrum*. For a curvature they say how well the data determines each of these
# directions. The posterior precision adds the prior's to every one of them: directions below that line are known from
# the prior alone.

# %%
spectra = {name: eigvalsh(matrix)[::-1] for name, matrix in matrices.items()}
for name, values in spectra.items():
    print(f"{name:16}: {np.sum(values > 10 * model.prior_precision):2} of {P} directions above ten times the prior")
assert spectra["GGN"].min() > -1e-10
assert spectra["empirical Fisher"].min() > -1e-10

# %%
fig, ax = plt.subplots()
for (name, values), marker in zip(spectra.items(), "os^", strict=True):
    at = np.arange(1, P + 1)
    ax.semilogy(at[values > 0], values[values > 0], marker, color=COLOURS[name], markersize=4, label=name)
    if name == "Hessian":
        negative = values < 0
        ax.semilogy(
            at[negative], -values[negative], marker, color=COLOURS[name], fillstyle="none", label="Hessian, negative"
        )
ax.axhline(model.prior_precision, color="C2", linestyle="--", label="prior precision")
ax.set(xlabel="rank", ylabel="eigenvalue", ylim=(1e-6, 1e2))
ax.legend(fontsize=9, loc="lower left")
plt.show()

# %% [markdown]
# Of 33 directions the data determines some well and others not at all; the same is meant by *underspecified* in the
# post. The empirical Fisher is below the GGN everywhere. And the Hessian has negative eigenvalues, even at this mode:
# there the *nll* bends down, and it takes the prior to bend the loss up again.

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
# Both make a Gaussian, and neither makes it Laplace's approximation: for that one has to be at a mode. The third way
# out is the right one here, to train.
#
# ## Summary
#
# - Hessian = GGN + the network's own curvature, weighted by the gradients $g_n$ in the outputs.
# - GGN: $\sum_n J_n^\top \Lambda_n J_n$, positive semi-definite everywhere; equal to the Hessian for one layer and for
#   a perfect fit.
# - Empirical Fisher: $\sum_n J_n^\top g_n g_n^\top J_n$. On average over labels drawn from the model it is the GGN;
#   with the actual labels it vanishes as the fit gets good. This is what makes the published Figure 2 unsure on its
#   data.
# - The data determines few directions; the prior determines the rest.
# - A Hessian away from a mode can be indefinite. The library says so, and how to go on.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 4.1: squared gradients
#
# Make the empirical Fisher at `theta` from the per-sample gradients $J_n^\top g_n$. `J` and `g` are still there.

# %% tags=["exercise"]
rows = ...  # (N, P) the gradient of every sample
my_fisher = ...  # (P, P)

exercise_4_1 = check_equal("empirical Fisher", my_fisher, empirical_fisher(model, theta, X, y))
print(exercise_4_1)

# %% [markdown]
# ### Exercise 4.2: several classes
#
# With $C$ logits the probabilities are $p = \mathrm{softmax}(f)$: exponentials, divided by their sum. The gradient of
# a sample's nll is $p$ minus the label as a unit vector. Differentiate once more in $f$:
# $\partial p_c / \partial f_d = p_c (1 - p_c)$ if $c = d$, and $-p_c p_d$ if not. Write $\Lambda$ as one
# expression of the vector $p$.

# %% tags=["exercise"]
f_three = np.array([[2.0, -1.0, 0.5]])  # (1, C) logits of one sample
p_three = Categorical().mean(f_three)[0]  # (C,)
my_lambda = ...  # (C, C)

exercise_4_2 = check_equal("Lambda of three classes", my_lambda, Categorical().hessian(f_three, np.array([0]))[0])
print(exercise_4_2)

# %% [markdown]
# ### Exercise 4.3: noise
#
# A regression with noise $\sigma$ has the nll $(y - f)^2 / 2\sigma^2$ plus a constant. By which factors do the GGN and
# the empirical Fisher grow when $\sigma$ goes from 1 to 1/2? They are not the same.

# %% tags=["exercise"]
factors = ...  # two numbers: of the GGN, of the empirical Fisher

noisy = [replace(regression, likelihood=Gaussian(sigma_noise=sigma)) for sigma in (1.0, 0.5)]
traces = np.array([[np.trace(c(m, theta, X, X[:, 0])) for c in (ggn, empirical_fisher)] for m in noisy])
exercise_4_3 = check_equal("factors", factors, traces[1] / traces[0])
print(exercise_4_3)

# %% [markdown]
# ### Exercise 4.4: curvature along a direction
#
# $H v$ is how fast the gradient changes along $v$, which takes two gradients and no matrix. Use a central difference
# (tutorial 3) with step $h$ for the gradient of the loss, and mind what the prior adds.

# %% tags=["exercise"]
v = np.random.default_rng(3).normal(size=P)
h = 1e-4
hessian_times_v = ...  # (P,) without the prior's part

exercise_4_4 = check_equal("H v", hessian_times_v, H @ v, rtol=1e-5)
print(exercise_4_4)

# %% [markdown]
# ### Exercise 4.5: how strong a prior?
#
# From which prior precision on is the exact Hessian's posterior at `untrained` a Gaussian?

# %% tags=["exercise"]
threshold = ...

eigenvalues = eigvalsh(hessian(model, untrained, X, y))
exercise_4_5 = check_equal("the smallest prior precision", threshold, -eigenvalues.min())
print(exercise_4_5)
