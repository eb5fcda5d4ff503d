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
# # 9. Cheaper curvature
#
# After this tutorial you can say what each cheaper form of the curvature keeps and what it forgets, see it in a matrix
# and in error bars, count its numbers before you make it, and name the cases in which nothing is lost.
#
# - Passage of the post: *Laplace Approximation*, a possibly large Hessian computation.
# - Modules: `structures`, `network` (`select`), `laplace`.
#
# The curvature here is the GGN, $\sum_n J_n^\top \Lambda_n J_n$ (tutorial 4), and the posterior precision $\Sigma^{-1}$
# is that plus the prior precision $\delta$ on the diagonal. In `one_page.py` the sum stands as it is,
# `sum(Lambda[n] * np.outer(J[n], J[n]) for n in range(len(X)))`, and makes a matrix of $P \times P$ numbers for $P$
# parameters. How many is that?

# %%
import inspect
from bisect import bisect_right

import matplotlib.pyplot as plt
import numpy as np

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, fit_map, one_page, toy_data_regression
from minilaplace.checks import check_function
from minilaplace.curvature import ggn
from minilaplace.network import select
from minilaplace.structures import STRUCTURES, largest_magnitude, largest_variance, random_weights

plt.style.use("minilaplace.course")
assert "sum(Lambda[n] * np.outer(J[n], J[n]) for n in range(len(X)))" in inspect.getsource(one_page)

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
        colours = plt.get_cmap("RdBu_r", 21)  # one for each tenth, white around zero
        image = ax.imshow(matrix / np.outer(scale, scale), cmap=colours, vmin=-1.05, vmax=1.05)
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
# - **lowrank** keeps the largest eigenvalues of the curvature and their eigenvectors, here 4 of 13 (its *rank*), and
#   takes the others for zero. The prior stays as it is.
# - **last layer** is a subset: $W_2$ and $b_2$ are uncertain, the features that they combine are not. What is held
#   fixed has no precision to draw (it would be infinite).
#
# First the precision. Entries are scaled by the full matrix's diagonal, so that its own diagonal is 1; all panels have
# that one scale. What is beyond 1 is drawn as 1: in the block of $W_1$ `kron` has a diagonal entry that is 3.4 times
# as large as full's; the section on KFAC says where that comes from.

# %%
precisions = {name: whole(la, la.posterior.precision()) for name, la in fitted.items()}
diagonal_of_full = np.diag(precisions["full"])
assert np.allclose(np.diag(precisions["blockdiag"]), diagonal_of_full)
assert np.allclose(np.diag(precisions["diag"]), diagonal_of_full)
assert round((np.diag(precisions["kron"]) / diagonal_of_full).max(), 1) == 3.4
show(precisions, np.sqrt(np.diag(precisions["full"])), "posterior precision")

# %% [markdown]
# Now its inverse, the covariance, which is what predictions see. Again one scale, the full posterior's variances. A
# pale diagonal means: far too certain.
#
# > **Predict first.** The precision of `diag` has the right diagonal. What will the diagonal of its inverse look like?
# > In which panels will there be variances larger than full's?
#
# <details><summary>Answer</summary>
#
# It is pale all along: no variance is more than a hundredth of full's. Only `lowrank` has variances
# larger than full's, the largest of them nearly five times as large.
#
# </details>

# %%
covariances = {name: whole(la, la.posterior.covariance()) for name, la in fitted.items()}
show(covariances, np.sqrt(np.diag(covariances["full"])), "posterior covariance")

# %%
full_variance = np.diag(covariances["full"])
assert np.all(np.diag(covariances["diag"]) < 0.01 * full_variance)
assert 4.5 < (np.diag(covariances["lowrank"]) / full_variance).max() < 5
for name, covariance in covariances.items():
    assert name == "lowrank" or np.all(np.diag(covariance) <= full_variance * (1 + 1e-9))
    ratio = np.diag(covariance) / full_variance
    print(f"{name:10} variance of a parameter beside full's: smallest {ratio.min():.2f}, largest {ratio.max():.2f}")

# %% [markdown]
# The precision of `diag` has the right diagonal, and its covariance does not. This is no accident.
# $1 / (\Sigma^{-1})_{pp}$ is the variance of parameter $p$ *if all others were known*, the **conditional** variance;
# $\Sigma_{pp}$ is its variance while the others vary with it, the **marginal** variance. The second is never smaller.
# The same holds for blocks: forgetting relations between exact blocks, or holding parameters fixed, makes those that
# are left look more certain. `kron` replaces blocks by others, so no rule holds for it. `lowrank` errs on the other
# side. It leaves precision out, so its covariance is in no direction smaller than full's.

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
#
# > **Predict first.** All but `lowrank` are surer than full of every parameter. Are they surer of the function, too: on
# > the data, and in the gap?
#
# <details><summary>Answer</summary>
#
# In the gap all of them are. On the data `diag` is the other way round, less sure of the function at every point.
#
# </details>

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


def beside_full(name, at):
    """Return the standard deviations of f at some inputs, each divided by full's."""
    variances = [fitted[key].glm_predictive_distribution(at)[1][:, 0, 0] for key in (name, "full")]
    return np.sqrt(variances[0] / variances[1])


uncertain = line[band_full > 0.6]  # where full's deviation is above 0.3
for name in list(fitted)[1:]:
    on_data, in_doubt = beside_full(name, X), beside_full(name, uncertain)
    print(f"{name:10} beside full's: on the data {on_data.min():.2f} to {on_data.max():.2f}", end=", ")
    print(f"where full is uncertain {in_doubt.min():.2f} to {in_doubt.max():.2f}")
    assert (in_doubt.max() < 1) == (name != "lowrank")
assert np.abs(uncertain - in_gap).min() < 0.06  # the gap is among these
for name in ("blockdiag", "kron"):
    assert 0.7 < beside_full(name, X).min() < 1 < beside_full(name, X).max() < 1.6
assert beside_full("diag", X).min() > 1
assert round(beside_full("diag", X).max(), 1) == 2.2
assert beside_full("lowrank", X).min() > 1
assert beside_full("lowrank", X).max() > 3
assert round(beside_full("last layer", X).min(), 2) == 0.33

# %% [markdown]
# On the data `blockdiag` and `kron` have bars of 0.7 to 1.6 times full's, `diag` and `lowrank` have wider ones
# throughout, up to 2.2 times and more than three times as wide, and those of `last layer` are too narrow, down to a
# third. Where the full posterior is uncertain, in the gap and beyond the data, all but `lowrank` are too certain.
#
# For functions there is no rule, then: a smaller variance of each parameter need not make a smaller variance of $f$,
# because correlations between parameters may cancel in $J \Sigma J^\top$. There is one for subsets: holding parameters
# fixed never makes $f$ less certain.

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
# Take one layer of $H$ units, $z = W a + b$, with inputs $a_n$. The chain rule gives the derivative in a weight
# $W_{hi}$ as the derivative in $z_h$ times $a_i$. Let $R_n$ be a factor of the likelihood's curvature, $R_n^\top R_n =
# \Lambda_n$. Each of its rows is passed back through the network to $z$ (tutorial 3), where it has $H$ numbers. These
# are the columns of a matrix $D_n$; with Gaussian noise and one output it has a single column. Then the curvature of
# $W$ is
#
# $$\sum_n D_n D_n^\top \otimes a_n a_n^\top ,$$
#
# a *sum of products*. KFAC (Martens and Grosse, 2015) replaces it by a *product of sums*:
#
# $$B \otimes A, \qquad B = \sum_n D_n D_n^\top, \qquad A = \frac{1}{N} \sum_n a_n a_n^\top$$
#
# That is exact if the two factors of the terms, $D_n D_n^\top$ and $a_n a_n^\top$, are uncorrelated over the samples.
# Where they are correlated, as in the block of $W_1$ here, an entry can be several times too large. For a layer with
# $I$ inputs $B$ is $H \times H$ and $A$ is $I \times I$. And everything that is needed of $B \otimes A$ can be had
# from its factors: its eigenvalues are the products of theirs. So the prior is added exactly, and determinants, samples
# and predictions never see a matrix of size $P$.
#
# > **Common mistake.** To add up in both factors. A product of two sums over $N$ samples has $N^2$ terms, and the
# > curvature comes out $N$ times too large. One of the two is a mean. (To take two means is no better: then the
# > curvature does not grow with the data.)

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


one = Laplace(model, theta, hessian_structure="kron").fit(X[:1], y[:1]).posterior.precision()
one_exact = ggn(model, theta, X[:1], y[:1]) + 0.3 * np.eye(13)
for block in np.split(np.arange(13), [4, 8, 12]):  # W1, b1, W2, b2
    assert np.abs(one - one_exact)[np.ix_(block, block)].max() < 1e-9
print("one sample: the blocks of W1, b1, W2 and b2 are equal to rounding")

linear = BayesianModel(MLP(3, 2), Gaussian(sigma_noise=0.5), prior_precision=1.0)
X_linear = np.random.default_rng(0).standard_normal((50, 3))
y_linear = X_linear[:, :2] + 0.5 * np.random.default_rng(1).standard_normal((50, 2))
for name, inputs in [("not centred", X_linear + 1), ("centred", X_linear - X_linear.mean(axis=0))]:
    theta_linear = fit_map(linear, inputs, y_linear, rng=0)
    la = Laplace(linear, theta_linear, hessian_structure="kron").fit(inputs, y_linear)
    error = relative_error(la, ggn(linear, theta_linear, inputs, y_linear) + np.eye(8))
    print(f"linear model, {name:17}", f"{error:.0e}" if error > 1e-12 else "exact to rounding")
    assert (error < 1e-12) == (name == "centred")

# %% [markdown]
# ## Function space: nothing lost
#
# The structure `gp` goes another way. Put the rows $R_n J_n$ of all samples into one matrix $Q$, a row for each sample
# and output, $N C$ rows of $P$ numbers. Then the curvature is $Q^\top Q$. If $N C < P$, it is cheaper to keep $Q$ and
# to work with $Q Q^\top$, which is $N C \times N C$. This is algebra, not an approximation. What comes out is a
# *Gaussian process*, a Gaussian distribution over functions, whose covariance of $f(x)$ and $f(x')$ is
# $J(x)\, J(x')^\top / \delta$ before any data: the same posterior, seen from the functions instead of the parameters.

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
# can only fall from `full` to `blockdiag` to `diag`.
#
# > **Common mistake.** To compare these numbers as if they were evidences of different models. There is one model. The
# > last two numbers approximate the first, and a larger one does not make a structure the better one.

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
# sum over no data yet. (`gp` keeps $P$ numbers for each sample and output. `kron` keeps one number beside its factors,
# that of the samples. `lowrank` needs as many as `full`, for it finds its eigenvalues from the full matrix.)

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


# %% [markdown]
# > **Predict first.** A 64-$H$-10 network has $75 H + 10$ parameters, and the data has 1797 samples. From which width
# > on is `gp` cheaper than `full`?
#
# <details><summary>Answer</summary>
#
# $P$ numbers for each of $N C = 17970$ rows are fewer than $P^2$ if $N C < P$, so from $H = 240$ on.
#
# </details>

# %%
in_order = [count(MLP(64, H, 10), 1797) for H in (239, 240)]
assert in_order[0]["gp"] > in_order[0]["full, lowrank"]
assert in_order[1]["gp"] < in_order[1]["full, lowrank"]
assert MLP(64, 240, 10).n_params == 75 * 240 + 10
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
    "random (mean of 100)": lambda n: [random_weights(model.network, n, rng=seed) for seed in range(100)],
}


def share_of_variance(indices):
    """Return the subnetwork's mean V over the line, beside full's."""
    la = Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=indices).fit(X, y)
    return la.glm_predictive_distribution(line)[1].mean() / V_full.mean()


recovered = {}
fig, ax = plt.subplots(figsize=(5, 3.4))
for style, (name, choose) in zip(("o-", "^-", "s--"), choices.items(), strict=True):
    shares = [np.mean([share_of_variance(indices) for indices in choose(n)]) for n in sizes]
    ax.plot(sizes, shares, style, label=name)
    print(f"{name:20} 4 of 13: {shares[2]:.2f}, 10 of 13: {shares[5]:.2f} of full's mean variance")
    assert max(shares[:3]) < 0.2
    if name.startswith("largest"):
        assert max(shares[:6]) < 0.6
        assert shares[6] > 0.95
    recovered[name] = np.array(shares)
ax.set(xlabel="uncertain parameters, of 13", ylabel="share of full's mean V")
ax.legend()
plt.show()
at_random = recovered.pop("random (mean of 100)")
for shares in recovered.values():
    assert np.all(shares[2:6] < at_random[2:6])  # from 4 to 10 parameters
    assert shares[6] > at_random[6]

# %% [markdown]
# Two lessons. Few parameters recover little: four of 13 less than a fifth of the variance, and the ten of largest size
# or variance less than six tenths. The wide error bars come from parameters that vary *together*, and one that is held
# fixed holds the others. And from four parameters to ten no proposal beats the baseline; they do when a single one
# is left out. A large variance under `diag` says that the data does not determine a parameter by itself, not that
# predictions depend on it. On large networks with many superfluous parameters the picture is reported to be brighter
# (Daxberger et al., 2021b). Measure it on yours, against random choices.
#
# ## Summary
#
# | | keeps | numbers | beside full |
# |---|---|---|---|
# | `blockdiag` | each layer's block | $\sum_l P_l^2$ | parameters never less certain |
# | `kron` | two factors for each layer | $1 + \sum_l (H_l^2 + I_l^2)$ | no rule; here too certain far from the data |
# | `diag` | the diagonal | $P$ | parameters never less certain |
# | `lowrank` | the largest eigenvalues | $P^2$ to find them | never more certain, in $f$ too |
# | `gp` | everything | $N C P$ | equal |
# | last layer, subnetwork | a block | $P_s^2$ | never less certain, in $f$ too |
#
# - To forget relations between exact blocks makes parameters look more certain: it puts a conditional variance in the
#   place of a marginal one. `lowrank` errs on the other side.
# - KFAC takes a sum of products for a product of sums; it is exact for one sample, and for centred linear regression.
# - If $N C < P$, function space is free of loss and cheaper.
#
# *Read on* (entries in the [references](references.md)): Martens and Grosse (2015), section 3, for the Kronecker
# factors with all their assumptions, and Ritter, Botev and Barber (2018a) for a Laplace approximation that is made of
# them; Daxberger et al. (2021a), section 2, for subsets and structures side by side; Rasmussen and Williams (2006),
# sections 2.1 and 2.2, for the two views of one posterior, weights and functions.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 9.1: count before you build
#
# The factors $A$ and $B$ of both layers of a $D$-$H$-$C$ network are to fit in a given number of bytes, eight for each
# number. How many hidden units may the network have at most?


# %% tags=["exercise"]
def widest(D, C, n_bytes):
    """Return the largest H for which all four factors fit in so many bytes, a whole number."""
    return ...


def widest_by(numbers):
    """Return the largest H, by counting the numbers of factors for one H after the other."""
    return lambda D, C, n_bytes: bisect_right(range(1, 10_000), n_bytes, key=lambda H: 8 * numbers(D, H, C))


def of_factors(D, H, C):
    """Return how many numbers are in the factors."""
    return count(MLP(D, H, C), 1)["kron"] - 1


exercise_9_1 = check_function(
    "hidden units",
    widest,
    widest_by(of_factors),
    draw=lambda rng: (int(rng.integers(10, 300)), int(rng.integers(2, 20)), int(rng.integers(1_000_000, 40_000_000))),
    mistakes={
        "one byte for each number, not eight": lambda D, C, n_bytes: widest_by(of_factors)(D, C, 8 * n_bytes),
        "one factor of H x H, not two": widest_by(lambda D, H, C: of_factors(D, H, C) - H**2),
        "the biases counted in A": widest_by(lambda D, H, C: of_factors(D, H, C) + 2 * D + 2 * H + 2),
        "rounded up, which does not fit": lambda D, C, n_bytes: widest_by(of_factors)(D, C, n_bytes) + 1,
    },
)
print(exercise_9_1)

# %% [markdown]
# ### Exercise 9.2: the diagonal posterior's error bars
#
# Compute the variances of $f$ under the diagonal posterior, (N,), from the Jacobian `J` (N, P) at some inputs, the GGN
# `curvature` (P, P) and the prior precision `delta`. The check comes with other inputs and priors.


# %% tags=["exercise"]
def diagonal_variance(J, curvature, delta):
    """Return the variance of f under the diagonal posterior, (N,)."""
    return ...


def variance_under(structure, factor=1.0):
    """Return the variance of f by the library, as a function; the prior counts so many times."""

    def variance(inputs, delta):
        other = BayesianModel(model.network, model.likelihood, prior_precision=factor * delta)
        la = Laplace(other, theta, hessian_structure=structure).fit(X, y)
        return la.glm_predictive_distribution(inputs)[1][:, 0, 0]

    return variance


exercise_9_2 = check_function(
    "variance of f",
    lambda inputs, delta: diagonal_variance(
        model.network.jacobian(theta, inputs)[:, 0], ggn(model, theta, X, y), delta
    ),
    variance_under("diag"),
    draw=lambda rng: (rng.uniform(-2, 10, size=(4, 1)), rng.uniform(0.1, 3)),
    rtol=1e-7,
    mistakes={
        "the prior is missing": variance_under("diag", 1e-12),
        "the prior twice": variance_under("diag", 2),
        "the full posterior's variance": variance_under("full"),
        "a deviation, the root of the variance": lambda inputs, delta: np.sqrt(variance_under("diag")(inputs, delta)),
    },
)
print(exercise_9_2)

# %% [markdown]
# ### Exercise 9.3: the Kronecker factors of a layer
#
# `a` (N, I) are the inputs of a layer, and `D` (N, H) has for each sample the one column $D_n$. Build $B \otimes A$,
# (H I, H I), without the prior. The check takes the hidden layer of a small network at other parameters and inputs.
# There $D_n$ varies with the sample, so that the product of sums is not the exact block.


# %% tags=["exercise"]
def kfac_block(D, a):
    """Return the product of the two Kronecker factors."""
    return ...


small = BayesianModel(MLP(2, 3, 1), Gaussian(sigma_noise=0.5), prior_precision=1.0)


def of_hidden_layer(theta, inputs):
    """Return D and a of the hidden layer of `small`, of three tanh units."""
    (W1, b1), (W2, _) = small.network.layers(theta)
    return W2 * (1 - np.tanh(inputs @ W1.T + b1) ** 2) / 0.5, inputs


def by_the_library(theta, inputs, structure="kron"):
    """Return the curvature of the hidden layer's weights, (6, 6)."""
    la = Laplace(small, theta, hessian_structure=structure).fit(inputs, np.zeros(len(inputs)))
    return la.posterior.precision()[:6, :6] - np.eye(6)


def swapped(theta, inputs):
    """Return it with the two factors in the other order."""
    return by_the_library(theta, inputs).reshape(3, 2, 3, 2).transpose(1, 0, 3, 2).reshape(6, 6)


exercise_9_3 = check_function(
    "Kronecker product of the factors",
    lambda theta, inputs: kfac_block(*of_hidden_layer(theta, inputs)),
    by_the_library,
    draw=lambda rng: (rng.normal(size=13), rng.normal(size=(20, 2))),
    rtol=1e-7,
    mistakes={
        "the exact block, a sum of products": lambda theta, inputs: by_the_library(theta, inputs, "full"),
        "a sum in A, not a mean": lambda theta, inputs: len(inputs) * by_the_library(theta, inputs),
        "a mean in B, not a sum": lambda theta, inputs: by_the_library(theta, inputs) / len(inputs),
        "A and B the other way round": swapped,
    },
)
print(exercise_9_3)

# %% [markdown]
# ### Exercise 9.4: the same posterior as a Gaussian process
#
# Before any data, $f$ has covariance $K = J J^\top / \delta$. With `J_data` (N, P) and `J_new` (M, P), a noise of
# variance $\sigma^2$ and the prior precision $\delta$, the rule of Gaussian processes is
# $V = K_{**} - K_{*} (K + \sigma^2 I)^{-1} K_{*}^\top$. Compute its diagonal, (M,). The check comes with other inputs,
# noises and priors.


# %% tags=["exercise"]
def process_variance(J_data, J_new, noise_variance, delta):
    """Return the variance of f at the new inputs, (M,)."""
    return ...


def by_weights(inputs, noise_variance, delta):
    """Return the variance of f from the posterior over parameters."""
    other = BayesianModel(model.network, Gaussian(np.sqrt(noise_variance)), prior_precision=delta)
    return Laplace(other, theta).fit(X, y).glm_predictive_distribution(inputs)[1][:, 0, 0]


def before_data(inputs, noise_variance, delta):
    """Return the variance of f under the prior alone."""
    return by_weights(inputs, 1e14, delta)


exercise_9_4 = check_function(
    "variance of f",
    lambda inputs, noise_variance, delta: process_variance(
        model.network.jacobian(theta, X)[:, 0], model.network.jacobian(theta, inputs)[:, 0], noise_variance, delta
    ),
    by_weights,
    draw=lambda rng: (rng.uniform(-2, 10, size=(4, 1)), rng.uniform(0.05, 1), rng.uniform(0.1, 3)),
    rtol=1e-6,
    mistakes={
        "K_** alone, the variance before the data": before_data,
        "delta is missing in K": lambda inputs, noise_variance, delta: by_weights(inputs, noise_variance, 1),
        "the noise's deviation in place of its variance": lambda inputs, noise_variance, delta: by_weights(
            inputs, np.sqrt(noise_variance), delta
        ),
        "the second term added, not taken off": lambda *given: 2 * before_data(*given) - by_weights(*given),
        "a new target's, with the noise on top": lambda inputs, noise_variance, delta: (
            by_weights(inputs, noise_variance, delta) + noise_variance
        ),
    },
)
print(exercise_9_4)

# %% [markdown]
# ### Exercise 9.5: held fixed, or averaged over
#
# From the full posterior's `precision` (P, P) compute two covariances of the k parameters at the positions `kept`,
# stacked to (2, k, k): first with the other parameters held fixed, then with them varying along. Which of the two is
# that of a subnetwork?


# %% tags=["exercise"]
def two_covariances(precision, kept):
    """Return the covariance of some parameters, first given the others, then whatever these are, (2, k, k)."""
    return ...


def a_subset(rng):
    """Return a prior precision, and the positions of five parameters."""
    return rng.uniform(0.3, 3), np.sort(rng.choice(13, size=5, replace=False))


def posterior_of(delta, **options):
    """Return the posterior under a prior precision."""
    return Laplace(BayesianModel(model.network, model.likelihood, delta), theta, **options).fit(X, y).posterior


def known(delta, kept):
    """Return both covariances from Laplace approximations, the one of a subnetwork and the one of all parameters."""
    subnetwork = posterior_of(delta, subset_of_weights="subnetwork", subnetwork_indices=kept)
    return np.stack([subnetwork.covariance(), posterior_of(delta).covariance()[np.ix_(kept, kept)]])


exercise_9_5 = check_function(
    "the two covariances",
    lambda delta, kept: two_covariances(posterior_of(delta).precision(), kept),
    known,
    draw=a_subset,
    rtol=1e-6,
    mistakes={
        "the two the other way round": lambda delta, kept: known(delta, kept)[::-1],
        "both with the others held fixed": lambda delta, kept: known(delta, kept)[[0, 0]],
        "both with the others varying along": lambda delta, kept: known(delta, kept)[[1, 1]],
        "the block of the precision, not inverted": lambda delta, kept: np.stack(
            [np.linalg.inv(known(delta, kept)[0]), known(delta, kept)[1]]
        ),
        "precisions, not covariances": lambda delta, kept: np.linalg.inv(known(delta, kept)),
    },
)
print(exercise_9_5)

# %% [markdown]
# ### Derive 9.6: what a diagonal forgets (4 marks)
#
# Two parameters have the posterior precision $\begin{pmatrix} a & b \\ b & c \end{pmatrix}$. Find the variance of the
# first under the full posterior and under `diag`. Show that the second over the first is $1 - \rho^2$, with $\rho$ the
# correlation of the two, and say when nothing is lost, and how much can be.

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 9.7: narrow bars and a large number (3 marks)
#
# A colleague has fitted `full`, `kron` and `diag` to one trained network and reports: "`diag` has the narrowest error
# bars in the gap, so it has learnt most. Its log evidence is lower than that of `full`, so it is the worse model."
# Judge both sentences, and say how one could find out which of the cheap structures to use for a larger network.

# %% [markdown]
# *Your answer:*
