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
# # 8. Cheaper curvature
#
# After this tutorial you can say what each cheaper form of the curvature keeps and what it forgets, see it in a matrix
# and in error bars, count its numbers before you make it, and name the cases in which nothing is lost.
#
# - Passage of the post: *Laplace Approximation*, a possibly large Hessian computation.
# - Modules: `structures`, `network` (`select`), `laplace`.
#
# The curvature here is the GGN, $\sum_n J_n^\top \Lambda_n J_n$ (tutorial 4), and the posterior precision is that plus
# the prior precision $\delta$ on the diagonal. For $P$ parameters it has $P \times P$ numbers. How many is that?

# %%
import matplotlib.pyplot as plt
import numpy as np

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, fit_map, toy_data_regression
from minilaplace.checks import check_equal
from minilaplace.curvature import ggn
from minilaplace.network import select
from minilaplace.structures import STRUCTURES, largest_magnitude, largest_variance, random_weights

plt.style.use("minilaplace.course")

# %%
for network in (MLP(2, 32, 1), MLP(784, 256, 10)):
    P = network.n_params
    print(f"{network}: P = {P:,}, P x P = {P**2:,}, gigabytes {8 * P**2 / 1e9:.4f}")
assert MLP(2, 32, 1).n_params ** 2 == 16_641
assert round(8 * MLP(784, 256, 10).n_params ** 2 / 1e9) == 331

# %% [markdown]
# The post's network needs 16,641 numbers, which is nothing. A small image classifier needs 331 gigabytes. So for larger
# networks something has to be left out. There are two ways:
#
# - a cheaper **structure** of the matrix (`hessian_structure`): all parameters stay uncertain, some of their relations
#   are dropped;
# - fewer uncertain parameters (`subset_of_weights`): the others are held at the MAP estimate.
#
# The example is small enough to look at each number. A noisy sine with a gap, and a network with one input, four hidden
# units and one output: $P = 4 + 4 + 4 + 1 = 13$, in the order W1, b1, W2, b2.

# %%
X, y = toy_data_regression(60, rng=0)  # noise standard deviation 0.3
outside_gap = (X[:, 0] < 3) | (X[:, 0] > 5.5)
X, y = X[outside_gap], y[outside_gap]
model = BayesianModel(MLP(1, 4, 1), Gaussian(sigma_noise=0.3), prior_precision=0.3)
theta = fit_map(model, X, y, rng=0)
print("samples", len(X), "parameters", model.network.n_params)

# %%
options = {
    "full": {},
    "blockdiag": {"hessian_structure": "blockdiag"},
    "kron": {"hessian_structure": "kron"},
    "diag": {"hessian_structure": "diag"},
    "lowrank": {"hessian_structure": "lowrank", "rank": 4},
    "last layer": {"subset_of_weights": "last_layer"},
}
fitted = {name: Laplace(model, theta, **option).fit(X, y) for name, option in options.items()}


def whole(la, matrix):
    """Return a matrix over the subset's parameters as one over all, zero elsewhere."""
    P = la.model.network.n_params
    result = np.zeros((P, P))
    result[np.ix_(la.subset.indices, la.subset.indices)] = matrix
    return result


def show(matrices, scale, title):
    """Draw matrices over the parameters, each entry (i, j) divided by scale_i scale_j."""
    fig, panels = plt.subplots(2, 3, figsize=(6.4, 4.6))
    for ax, (name, matrix) in zip(panels.flat, matrices.items(), strict=True):
        image = ax.imshow(matrix / np.outer(scale, scale), cmap="RdBu_r", vmin=-1, vmax=1)
        for edge in (3.5, 7.5, 11.5):  # between W1, b1, W2, b2
            ax.axhline(edge, color="0.6", linewidth=0.5)
            ax.axvline(edge, color="0.6", linewidth=0.5)
        ax.set(title=name, xticks=[1.5, 5.5, 9.5, 12], yticks=[1.5, 5.5, 9.5, 12])
        ax.set_xticklabels(["W1", "b1", "W2", "b2"], fontsize=8)
        ax.set_yticklabels(["W1", "b1", "W2", "b2"], fontsize=8)
        ax.grid(False)
    fig.colorbar(image, ax=panels, shrink=0.7)
    fig.suptitle(title, fontsize=11)


# %% [markdown]
# ## What each keeps
#
# - **full** keeps everything.
# - **blockdiag** keeps the exact block of every layer, and forgets how layers are related.
# - **kron** (KFAC, Kronecker-factored approximate curvature) keeps for every layer two small matrices, and puts their
#   Kronecker product in the place of the block of $W$. More on it below. The bias has a block of its own.
# - **diag** keeps the diagonal: each parameter by itself.
# - **lowrank** keeps the largest eigenvalues and their eigenvectors, here 4 of 13 (its *rank*), and takes the others
#   for zero.
# - **last layer** is a subset: $W_2$ and $b_2$ are uncertain, the features that they combine are not. What is held
#   fixed has no precision to draw (it would be infinite).
#
# First the precision. Entries are scaled by the full matrix's diagonal, so that its own diagonal is 1; all panels have
# that one scale.

# %%
precisions = {name: whole(la, la.posterior.precision()) for name, la in fitted.items()}
show(precisions, np.sqrt(np.diag(precisions["full"])), "posterior precision")

# %% [markdown]
# Now its inverse, the covariance, which is what predictions see. Again one scale, the full posterior's variances. A
# pale diagonal means: far too certain.

# %%
covariances = {name: whole(la, la.posterior.covariance()) for name, la in fitted.items()}
show(covariances, np.sqrt(np.diag(covariances["full"])), "posterior covariance")

# %%
full_variance = np.diag(covariances["full"])
for name, covariance in covariances.items():
    ratio = np.diag(covariance) / full_variance
    print(f"{name:10} variance of a parameter beside full's: smallest {ratio.min():.2f}, largest {ratio.max():.2f}")

# %% [markdown]
# The precision of `diag` has the right diagonal, and its covariance does not. This is no accident. $1 / \Lambda_{pp}$
# is the variance of parameter $p$ *if all others were known*, the **conditional** variance; $(\Lambda^{-1})_{pp}$ is
# its variance while the others vary with it, the **marginal** variance. The second is never smaller. The same holds
# for blocks: forgetting relations, or holding parameters fixed, makes those that are left look more certain. `lowrank`
# errs on the other side. It leaves precision out, so its covariance is too large in every direction.

# %%
for name in ("blockdiag", "diag"):
    assert np.all(np.diag(covariances[name]) <= full_variance * (1 + 1e-9))
assert np.all(np.diag(covariances["last layer"]) <= full_variance * (1 + 1e-9))
assert np.linalg.eigvalsh(covariances["lowrank"] - covariances["full"]).min() > -1e-9
print("blockdiag, diag, last layer: never a larger variance of a parameter than full; lowrank: never a smaller one")

# %% [markdown]
# ## What it does to error bars
#
# Predictions need $V = J \Sigma J^\top$, one number for each input here. The band is the mean plus and minus two
# standard deviations $\sqrt{V}$ of the function (without the noise), the dashed lines are full's band.

# %%
line = np.linspace(-2, 10, 121)[:, None]
fig, panels = plt.subplots(2, 3, figsize=(6.2, 3.8), sharex=True, sharey=True)
m_full, V_full = fitted["full"].glm_predictive_distribution(line)
band_full = 2 * np.sqrt(V_full[:, 0, 0])
for ax, (name, la) in zip(panels.flat, fitted.items(), strict=True):
    m, V = la.glm_predictive_distribution(line)
    band = 2 * np.sqrt(V[:, 0, 0])
    ax.fill_between(line[:, 0], m[:, 0] - band, m[:, 0] + band, color="C3", alpha=0.4, linewidth=0)
    ax.plot(line[:, 0], m[:, 0], color="C0")
    for sign in (-1, 1):
        ax.plot(line[:, 0], m_full[:, 0] + sign * band_full, "--", color="black", linewidth=0.8)
    ax.plot(X[:, 0], y, ".", color="black", markersize=2)
    ax.set(title=name, ylim=(-3, 3))
fig.supxlabel("x", fontsize=11)
fig.supylabel("f(x)", fontsize=11)
plt.show()

# %%
in_gap, far_out = np.array([[4.25]]), np.array([[10.0]])
for name, la in fitted.items():
    gap, far = (np.sqrt(la.glm_predictive_distribution(at)[1][0, 0, 0]) for at in (in_gap, far_out))
    print(f"{name:10} standard deviation of f: in the gap {gap:.2f}, at x = 10 {far:.2f}")

# %% [markdown]
# On the data all but `lowrank` agree well enough. Where the data says little, `kron`, `diag` and `last layer` are more
# certain than the full posterior. For functions there is no rule, though: a smaller variance of each parameter need
# not make a smaller variance of $f$, because correlations between parameters may cancel in $J \Sigma J^\top$. There is
# one for subsets: holding parameters fixed never makes $f$ less certain.

# %%
V_last = fitted["last layer"].glm_predictive_distribution(line)[1]
V_diag = fitted["diag"].glm_predictive_distribution(line)[1]
print("last layer never less certain than full:", bool(np.all(V_last <= V_full + 1e-12)))
print("diag never less certain than full:      ", bool(np.all(V_diag <= V_full + 1e-12)))
assert np.all(V_last <= V_full + 1e-12)
assert not np.all(V_diag <= V_full + 1e-12)

# %% [markdown]
# ## KFAC: a sum of products by a product of sums
#
# The *Kronecker product* $B \otimes A$ puts a copy of $A$, times $B_{ij}$, in the place of each entry of $B$:

# %%
print(np.kron([[1, 2], [0, 1]], [[1, 1], [1, 3]]))

# %% [markdown]
# Take one layer, $z = W a + b$, with inputs $a_n$. The chain rule gives the derivative of a weight $W_{hi}$ as the
# derivative by $z_h$ times $a_i$. With $D_n$ the rows of the likelihood's factor $R_n$ (tutorial 4), back-propagated
# to $z$, as columns of $H$ numbers, the layer's curvature is
#
# $$H_W = \sum_n D_n D_n^\top \otimes a_n a_n^\top$$
#
# a *sum of products*. KFAC (Martens and Grosse, 2015) replaces it by a *product of sums*:
#
# $$H_W \approx B \otimes A, \qquad B = \sum_n D_n D_n^\top, \qquad A = \frac{1}{N} \sum_n a_n a_n^\top$$
#
# That is exact if $D_n$ and $a_n$ have nothing to do with each other across the data. $B$ is $H \times H$, $A$ is
# $I \times I$ for a layer with $I$ inputs. And everything that is needed of $B \otimes A$ can be had from its factors:
# its eigenvalues are the products of theirs. So the prior is added exactly, and determinants, samples and predictions
# never see a matrix of size $P$.

# %%
B, A = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.2], [0.2, 3.0]])
products = np.sort(np.outer(np.linalg.eigvalsh(B), np.linalg.eigvalsh(A)).ravel())
print("eigenvalues of the product", np.linalg.eigvalsh(np.kron(B, A)).round(4))
print("products of eigenvalues   ", products.round(4))
assert np.allclose(np.linalg.eigvalsh(np.kron(B, A)), products, rtol=1e-12)

# %% [markdown]
# When is it exact, on the blocks of $W$ and $b$? For **one sample** both sides are the same product. For a **linear
# model with Gaussian noise** $D_n$ is the same for all samples. What is then still missing is the relation of $W$ and
# $b$, because each has its own block. It is zero if the inputs are centred: then `kron` is `full`.


# %%
def relative_error(la, exact):
    """Return the largest error of a posterior precision beside the largest entry of the exact one."""
    return np.abs(la.posterior.precision() - exact).max() / np.abs(exact).max()


W2 = np.arange(8, 12)
one = Laplace(model, theta, hessian_structure="kron").fit(X[:1], y[:1]).posterior.precision()
one_exact = ggn(model, theta, X[:1], y[:1]) + 0.3 * np.eye(13)
print("one sample, block of W2: equal to rounding:", bool(np.abs(one - one_exact)[np.ix_(W2, W2)].max() < 1e-9))

linear = BayesianModel(MLP(3, 2), Gaussian(sigma_noise=0.5), prior_precision=1.0)
X_linear = np.random.default_rng(0).standard_normal((50, 3))
y_linear = X_linear[:, :2] + 0.5 * np.random.default_rng(1).standard_normal((50, 2))
for name, inputs in [("not centred", X_linear + 1), ("centred", X_linear - X_linear.mean(axis=0))]:
    theta_linear = fit_map(linear, inputs, y_linear, rng=0)
    la = Laplace(linear, theta_linear, hessian_structure="kron").fit(inputs, y_linear)
    error = relative_error(la, ggn(linear, theta_linear, inputs, y_linear) + np.eye(8))
    print(f"linear model, {name:17}", f"{error:.0e}" if error > 1e-12 else "exact to rounding")
    assert (error < 1e-12) == (name == "centred")
assert np.abs(one - one_exact)[np.ix_(W2, W2)].max() < 1e-9

# %% [markdown]
# ## Function space: nothing lost
#
# The structure `gp` goes another way. The curvature is $G^\top G$ with one row of $G$ for each sample and output,
# $N C$ rows of $P$ numbers. If $N C < P$, it is cheaper to keep $G$ and to work with $G G^\top$, which is
# $N C \times N C$. This is algebra, not an approximation. What comes out is a *Gaussian process*, a Gaussian
# distribution over functions, whose covariance of $f(x)$ and $f(x')$ is $J(x)\, J(x')^\top / \delta$ before any data:
# the same posterior, seen from the functions instead of the parameters.

# %%
gp = Laplace(model, theta, hessian_structure="gp").fit(X[:8], y[:8])  # 8 rows instead of 13 x 13
full = Laplace(model, theta).fit(X[:8], y[:8])
V_gp, V_of_full = (la.glm_predictive_distribution(line)[1] for la in (gp, full))
print("V equal to rounding:", bool(np.abs(V_gp - V_of_full).max() < 1e-9 * V_of_full.max()))
print(f"log evidence: {gp.log_marginal_likelihood():.4f} and {full.log_marginal_likelihood():.4f}")
assert np.abs(V_gp - V_of_full).max() < 1e-9 * V_of_full.max()
assert abs(gp.log_marginal_likelihood() - full.log_marginal_likelihood()) < 1e-8

# %% [markdown]
# More such identities: `lowrank` with all $P$ eigenvalues is `full`; `blockdiag` of a network with one layer is
# `full`; the last layer's precision is a block of full's. And one inequality: of positive definite matrices with the
# same diagonal blocks, the block-diagonal one has the largest determinant. So at the same $\theta$ the log evidence
# can only fall from `full` to `blockdiag` to `diag`. The last two approximate the number of the first; they are not the
# evidences of other models, and a larger value does not make `full` a better one.

# %%
of_rank_13 = Laplace(model, theta, hessian_structure="lowrank", rank=13).fit(X, y)
assert relative_error(of_rank_13, precisions["full"]) < 1e-10
one_layer = Laplace(linear, theta_linear, hessian_structure="blockdiag").fit(X_linear, y_linear)
assert relative_error(one_layer, ggn(linear, theta_linear, X_linear, y_linear) + np.eye(8)) < 1e-12
assert np.allclose(fitted["last layer"].posterior.precision(), precisions["full"][8:, 8:], rtol=1e-10)
values = [fitted[name].log_marginal_likelihood() for name in ("full", "blockdiag", "diag")]
print("log evidence of full, blockdiag, diag:", np.round(values, 1))
assert values[0] > values[1] > values[2]

# %% [markdown]
# ## What it costs
#
# The arrays that a structure adds up are its `parts`. We count their numbers for the post's network, by asking for the
# sum over no data yet. (`gp` keeps $P$ numbers for each sample and output. `kron` keeps one more, the number of
# samples.)

# %%
post_network = MLP(2, 32, 1)
for name, structure in STRUCTURES.items():
    numbers = sum(part.size for part in structure(select(post_network, "all")).parts)
    numbers += 200 * post_network.n_params * (name == "gp")  # 200 samples, one output
    print(f"{name:10} {numbers:7,} numbers")


# %% [markdown]
# For larger networks use the formulas, before the memory is asked for:


# %%
def count(network, N):
    """Return how many numbers each structure keeps."""
    layers = network.shapes  # (outputs, inputs) of each layer
    P = network.n_params
    return {
        "full, lowrank": P**2,
        "blockdiag": sum((H * I + H) ** 2 for H, I in layers),
        "kron": 1 + sum(H**2 + I**2 for H, I in layers),
        "diag": P,
        "gp": N * network.n_outputs * P,
        "last layer, full": (layers[-1][0] * (layers[-1][1] + 1)) ** 2,
    }


assert count(post_network, 200)["kron"] == sum(p.size for p in STRUCTURES["kron"](select(post_network, "all")).parts)
widths = 2 ** np.arange(2, 12)
counts = [count(MLP(64, H, 10), 1797) for H in widths]
fig, ax = plt.subplots(figsize=(5.5, 3.6))
for k, name in enumerate(counts[0]):
    ax.loglog(widths, [8 * c[name] / 1e6 for c in counts], color=f"C{k}", label=name)
ax.axhline(16e3, color="grey", linestyle=":")
ax.annotate("16 GB", (4.2, 2e4), fontsize=9)
ax.set(xlabel="hidden units H of a 64-H-10 network", ylabel="megabytes", title="1797 samples, 8 bytes a number")
ax.set_ylim(1e-3, 1e8)
ax.legend(fontsize=8, ncols=2)
classifier = count(MLP(784, 256, 10), 60_000)
print(f"784-256-10: full {classifier['full, lowrank'] * 8 / 1e9:.0f} GB, kron {classifier['kron'] * 8 / 1e6:.0f} MB")
assert round(classifier["full, lowrank"] * 8 / 1e9) == 331

# %% [markdown]
# ## A subnetwork
#
# Between the last layer and all parameters there is any choice of them. `subnetwork` makes a few parameters uncertain,
# with all relations among these, and holds the rest. Which few? Three proposals: those with the largest variance under
# a `diag` posterior, those largest in size, and random ones as a baseline. The question is how much of full's $V$ they
# recover, on average over the line above.

# %%
sizes = [1, 2, 4, 6, 8, 10, 12, 13]
choices = {
    "largest variance": lambda n: [largest_variance(model, theta, X, y, n)],
    "largest magnitude": lambda n: [largest_magnitude(theta, n)],
    "random (mean of 20)": lambda n: [random_weights(model.network, n, rng=seed) for seed in range(20)],
}


def share_of_variance(indices):
    """Return the subnetwork's mean V over the line, beside full's."""
    la = Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=indices).fit(X, y)
    return la.glm_predictive_distribution(line)[1].mean() / V_full.mean()


fig, ax = plt.subplots(figsize=(5, 3.4))
for style, (name, choose) in zip(("o-", "^-", "s--"), choices.items(), strict=True):
    shares = [np.mean([share_of_variance(indices) for indices in choose(n)]) for n in sizes]
    ax.plot(sizes, shares, style, label=name)
    print(f"{name:19} 4 of 13: {shares[2]:.2f}, 10 of 13: {shares[5]:.2f} of full's mean variance")
ax.set(xlabel="uncertain parameters, of 13", ylabel="share of full's mean V")
ax.legend()
plt.show()

# %% [markdown]
# Two lessons. No choice recovers much before nearly all parameters are in: the wide error bars come from parameters
# that vary *together*, and one that is held fixed holds the others. And the baseline is not beaten here. A large
# variance under `diag` says that the data does not determine a parameter by itself, not that predictions depend on it.
# On large networks with many superfluous parameters the picture is reported to be brighter (Daxberger et al., 2021b).
# Measure it on yours, against random choices.
#
# ## Summary
#
# | | keeps | numbers | beside full |
# |---|---|---|---|
# | `blockdiag` | each layer's block | $\sum_l P_l^2$ | parameters too certain |
# | `kron` | two factors for each layer | $\sum_l H_l^2 + I_l^2$ | no rule; here too certain far from the data |
# | `diag` | the diagonal | $P$ | parameters too certain |
# | `lowrank` | the largest eigenvalues | $P^2$ to find them | never too certain |
# | `gp` | everything | $N C P$ | equal |
# | last layer, subnetwork | a block | $P_s^2$ | never less certain, in $f$ too |
#
# - What is forgotten is certainty gained for parameters: a conditional variance in the place of a marginal one.
# - KFAC takes a sum of products for a product of sums; it is exact for one sample, and for centred linear regression.
# - If $N C < P$, function space is free of loss and cheaper.
#
# ## Exercises

# %% [markdown]
# ### Exercise 8.1: count before you build
#
# How many numbers are in the factors $A$ and $B$ of all layers of a 784-256-10 network? The check counts the arrays
# that the library would make.

# %% tags=["exercise"]
numbers = ...
parts = STRUCTURES["kron"](select(MLP(784, 256, 10), "all")).parts
exercise_8_1 = check_equal("numbers in the factors", numbers, sum(part.size for part in parts[1:]))
print(exercise_8_1)

# %% [markdown]
# ### Exercise 8.2: the diagonal posterior's error bars
#
# Compute the variance of $f$ at `line` under the diagonal posterior, (121,), from the Jacobian `J` (121, 1, 13) and the
# GGN `H` (13, 13).

# %% tags=["exercise"]
J = model.network.jacobian(theta, line)
H = ggn(model, theta, X, y)
variance = ...
exercise_8_2 = check_equal("variance of f", variance, V_diag[:, 0, 0])
print(exercise_8_2)

# %% [markdown]
# ### Exercise 8.3: KFAC of the last layer
#
# `a` (N, 4) are the hidden activations. The output is $z$ itself and the noise 0.3, so $D_n = 1 / 0.3$ for all $n$.
# Build $B \otimes A$ for $W_2$, (4, 4), without the prior.

# %% tags=["exercise"]
(W1, b1), _ = model.network.layers(theta)
a = np.tanh(X @ W1.T + b1)
H_W2 = ...
exercise_8_3 = check_equal("KFAC block of W2", H_W2, precisions["kron"][8:12, 8:12] - 0.3 * np.eye(4))
print(exercise_8_3)

# %% [markdown]
# ### Exercise 8.4: the same posterior as a Gaussian process
#
# Before any data, $f$ has covariance $K = J J^\top / \delta$. With `J_data` (N, P) and `J_line` (121, P), noise
# variance $0.09$ and $\delta = 0.3$, the rule of Gaussian processes is
# $V = K_{**} - K_{*} (K + 0.09 I)^{-1} K_{*}^\top$. Compute its diagonal, (121,).

# %% tags=["exercise"]
J_data = model.network.jacobian(theta, X)[:, 0]
J_line = model.network.jacobian(theta, line)[:, 0]
variance_of_process = ...
exercise_8_4 = check_equal("variance of f", variance_of_process, V_full[:, 0, 0], rtol=1e-6)
print(exercise_8_4)

# %% [markdown]
# ### Exercise 8.5: held fixed, or averaged over
#
# From the full precision `Lambda` (13, 13) compute two covariances of the last layer's five parameters, stacked to (2,
# 5, 5): first with the other parameters held fixed, then with them varying along. Which is `last_layer`'s?

# %% tags=["exercise"]
Lambda = precisions["full"]
both = ...
expected = np.stack([fitted["last layer"].posterior.covariance(), covariances["full"][8:, 8:]])
exercise_8_5 = check_equal("covariances of the last layer", both, expected, rtol=1e-6)
print(exercise_8_5)
