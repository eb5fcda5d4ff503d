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
# # 2. Logistic regression
#
# After this tutorial you can derive Laplace's Gaussian for the smallest model there is, draw it beside the posterior
# that it replaces, say what it misses, and measure how fast that fades as data comes in.
#
# - Passage of the post: *From Bayesian Logistic Regression ...*
# - Modules: `model`, `training`, `curvature`, `posterior`, `model_average`, `one_page`.
#
# With one input, logistic regression has two parameters, so its posterior is a density in a plane. Here it can be
# drawn, and every integral over it can be done as a sum over a grid.

# %%
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit, ndtr

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map, one_page
from minilaplace.checks import check_function, check_gradient, check_hessian
from minilaplace.curvature import hessian
from minilaplace.model_average import exact_posterior
from minilaplace.plotting import CLASS_STYLES

plt.style.use("minilaplace.course")
EXACT, LAPLACE, PLUGIN = "black", "C0", "C1"  # one colour for each posterior, throughout

# %% [markdown]
# ## The model
#
# A *sample* is an input $x$ and a label $y$, 0 or 1; there are $N$ of them. The model computes a *logit* $f = w x + b$,
# any real number, and the *sigmoid* turns it into a probability: $p(y = 1 \mid x) = \sigma(f) = 1 / (1 + e^{-f})$. The
# parameters are collected in one vector $\theta = (w, b)$; their number is $P = 2$. The data is drawn from such a
# model.

# %%
rng = np.random.default_rng(3)
X_all = rng.normal(scale=2, size=(640, 1))
y_all = rng.binomial(1, expit(1.5 * X_all[:, 0] - 1))
X, y = X_all[:20], y_all[:20]  # the first 20 samples, for now
print("inputs", X.shape, "labels", y)

# %% [markdown]
# What is believed before the data is the *prior*: here a Gaussian around zero,
# $\theta \sim \mathcal{N}(0, \delta^{-1} I)$. The *precision* $\delta$ is the inverse of its variance: a large one
# holds the parameters close to zero. A network without hidden layer computes $f$, and a `BayesianModel` ties it to
# labels and prior.

# %%
model = BayesianModel(MLP(1, 1), Bernoulli(), prior_precision=0.1)
[(W, b)] = model.network.layers(np.array([3.0, -0.5]))  # theta is one vector; `layers` shows its parts
print("w =", W, " b =", b)

# %% [markdown]
# ## The loss
#
# By Bayes' rule the *posterior*, what is believed after the data, is
# $p(\theta \mid \mathcal{D}) \propto p(\mathcal{D} \mid \theta)\, p(\theta)$. The first factor, the probability of the
# labels if $\theta$ is true, is the *likelihood*. The negative logarithm of the product is, up to a constant, the loss:
# the negative log-likelihood (*nll*) of all samples, plus a penalty from the prior. This penalty is also known as
# weight decay, so weight decay *is* a Gaussian prior.
#
# $$L(\theta) = \sum_n -\log p(y_n \mid f_n) + \tfrac{1}{2} \delta \lVert\theta\rVert^2$$
#
# In `one_page.py` it is the function `loss`, where $\delta$ is called `lam`.

# %%
theta_try = np.array([3.0, -0.5])
f_try = model.network.forward(theta_try, X)  # (N, 1) logits
nll = model.likelihood.nll(f_try, y).sum()
penalty = 0.5 * model.prior_precision * theta_try @ theta_try
assert np.isclose(nll + penalty, model.loss(theta_try, X, y), rtol=1e-12)
assert np.isclose(nll + penalty, one_page.loss(theta_try, X, y, model.prior_precision, (1, 1)), rtol=1e-12)
print(f"nll {nll:.3f} + penalty {penalty:.3f} = loss {model.loss(theta_try, X, y):.3f}")

# %% [markdown]
# The *maximum a posteriori* (MAP) estimate is the mode of the posterior, where the loss is smallest. There its gradient
# is zero. `fit_map` goes there.

# %%
theta = fit_map(model, X, y, rng=0)
assert np.abs(model.gradient(theta, X, y)).max() < 1e-5
print("MAP estimate: w, b =", theta.round(2))

# %% [markdown]
# ## The Taylor expansion
#
# A small step $d$ from $\theta$ changes a smooth function by a term that is linear in $d$, with its slope, and one that
# is quadratic in $d$, with its curvature; further terms are smaller. At a mode the slope is zero, so
#
# $$L(\theta + d) \approx L(\theta) + \tfrac{1}{2} d^\top H d .$$
#
# $H$ is the *Hessian*, the matrix of second derivatives of the loss, of shape $(P, P)$. In the library, curvature is a
# sum over the data alone, and the prior adds $\delta$ to the diagonal.

# %%
H = hessian(model, theta, X, y) + model.prior_precision * np.eye(2)
print(H.round(3))

# %% [markdown]
# The next term of the expansion is of third order: a step half as long leaves an error an eighth as large. That is how
# one sees that the second-order terms are right.

# %%
direction = np.array([1.0, 0.0])  # along w
sizes = np.array([0.04, 0.02, 0.01])
errors = np.array([
    model.loss(theta + size * direction, X, y)
    - model.loss(theta, X, y)
    - 0.5 * size**2 * direction @ H @ direction
    for size in sizes
])  # fmt: skip
ratios = errors[:-1] / errors[1:]
assert np.all(np.abs(ratios - 8) < 0.2)
print("error shrinks by", ratios.round(1), "when the step is halved")

# %%
w_axis = np.linspace(0, 8, 81)
thetas = np.column_stack([w_axis, np.full(81, theta[1])])
along = np.array([model.loss(t, X, y) for t in thetas])
quadratic = model.loss(theta, X, y) + 0.5 * H[0, 0] * (w_axis - theta[0]) ** 2
fig, ax = plt.subplots()
ax.plot(w_axis, along, color=EXACT, label="loss")
ax.plot(w_axis, quadratic, color=LAPLACE, linestyle="--", label="second-order expansion")
ax.plot(theta[0], model.loss(theta, X, y), "o", color=PLUGIN, label="MAP estimate")
assert np.array_equal(along > quadratic, w_axis < theta[0])
ax.set(xlabel="$w$, at the MAP's $b$", ylabel="loss $L$", ylim=(3, 15))
ax.legend()
plt.show()

# %% [markdown]
# The loss rises faster than its expansion on the left and slower on the right: a very steep sigmoid still explains the
# data, a flat one does not. We shall come back to this picture.
#
# ## The Gaussian
#
# The exponential of minus a quadratic is a Gaussian. So the expansion says of any parameters $\theta'$
#
# $$p(\theta' \mid \mathcal{D}) \approx \mathcal{N}(\theta' \mid \theta, \Sigma), \qquad \Sigma^{-1} = H .$$
#
# Centre: the MAP estimate. *Posterior precision*: the Hessian of the loss. Its inverse $\Sigma$ is the covariance. That
# is Laplace's approximation, and `Laplace` holds nothing else.

# %%
la = Laplace(model, theta).fit(X, y)
assert np.allclose(la.posterior.precision(), H, rtol=1e-12)
assert np.array_equal(la.posterior.mean, theta)
print("covariance")
print(la.posterior.covariance().round(2))
deviations, as_if_known = np.sqrt(np.diag(la.posterior.covariance())), 1 / np.sqrt(np.diag(H))
assert round(deviations[0], 2) == 1.47
assert round(as_if_known[0], 2) == 1.29
assert np.all(as_if_known < deviations)
print("deviations of w and b", deviations.round(2), "and if the other one were known", as_if_known.round(2))

# %% [markdown]
# > **Common mistake.** To read the error bar of $w$ off the precision, as $1 / \sqrt{H_{ww}}$. That is its deviation if
# > $b$ were known, 1.29 here. But $b$ is not known, and a steeper sigmoid that is moved to the side explains the data
# > nearly as well: over all $b$ the deviation is 1.47. First invert the matrix, then look at the diagonal.

# %% [markdown]
# ## The exact posterior
#
# Here the Gaussian can be compared with the truth. On a fine grid of $(w, b)$ we evaluate $e^{-L}$ and divide by its
# sum: *quadrature*, an integral done as a sum. For smooth functions that vanish at its border such sums are very
# accurate. `exact_posterior` lays the grid: a parallelogram around all that matters of the posterior, as tilted as it
# is.

# %%
exact = exact_posterior(model, X, y)
L = np.array([model.loss(point, X, y) for point in exact.thetas])
by_hand = np.exp(L.min() - L)
assert np.allclose(exact.weights, by_hand / by_hand.sum(), rtol=1e-9)
assert len(exact.thetas) > 20_000
print(f"more than 20000 points; their weights add up to {exact.weights.sum():.10f}")

# %% [markdown]
# How does one know that a grid is good enough? Take half as many points along each axis, and see that nothing changes:
# a quarter of the points has a quarter of the mass. The columns of `edges` lead from a point to its two neighbours, so
# these points are those with two even numbers of steps from the first.

# %%
n_steps = np.linalg.solve(exact.edges, (exact.thetas - exact.thetas[0]).T).round()  # (2, points)
even = np.all(n_steps % 2 == 0, axis=0)
assert abs(4 * exact.weights[even].sum() - 1) < 1e-8
print("half as many points along each axis change the integral by less than 1e-8 of it")

# %% [markdown]
# The density is the mass of a point over the area of its cell, the determinant of the edges. Laplace's density has a
# formula. (`log_det_precision` is the logarithm of the determinant of $\Sigma^{-1}$: the Gaussian's height needs it.)


# %%
def exact_density(exact):
    """Return p(theta | data) at the grid's points, by quadrature."""
    return exact.weights / abs(np.linalg.det(exact.edges))


def laplace_density(points, la):
    """Return Laplace's N(theta' | theta, Sigma) at the points."""
    d = points - la.posterior.mean
    square = np.einsum("sp,pq,sq->s", d, la.posterior.precision(), d)
    return np.exp(0.5 * la.posterior.log_det_precision - 0.5 * square) / (2 * np.pi)


assert np.isclose(laplace_density(theta[None], la)[0], np.sqrt(np.linalg.det(H)) / (2 * np.pi), rtol=1e-12)

# %% [markdown]
# Now draw both, each by the two curves of equal density that enclose 50% and 95% of the mass. The Gaussian's are
# ellipses, images of circles: $z \sim \mathcal{N}(0, I)$ lies within a circle of radius $r$ with probability
# $1 - e^{-r^2 / 2}$, and NumPy's `cholesky` gives a matrix that makes a draw of $\mathcal{N}(0, \Sigma)$ of it.
#
# > **Predict first.** To the right of the mode the loss rises slower than its expansion. On which side will the exact
# > curves reach further out than the ellipses, and on which side less far?
#
# <details><summary>Answer</summary>
#
# Further to the right, where the sigmoid is steep, and less far to the left. So the exact mean is to the right of the
# MAP estimate.
#
# </details>

# %%
density = exact_density(exact)
falling = np.argsort(density)[::-1]  # from the highest point down
enclosed = np.cumsum(exact.weights[falling])
angle = np.linspace(0, 2 * np.pi, 200)
circle = np.array([np.cos(angle), np.sin(angle)])
root = np.linalg.cholesky(la.posterior.covariance())
fig, ax = plt.subplots()
for mass in (0.95, 0.5):
    height = density[falling][np.searchsorted(enclosed, mass)]
    ax.tricontour(*exact.thetas.T, density, levels=[height], colors=EXACT)
    ellipse = theta[:, None] + np.sqrt(-2 * np.log(1 - mass)) * root @ circle  # (2, 200)
    ax.plot(*ellipse, color=LAPLACE, linestyle="--")
ax.plot([], [], color=EXACT, label="exact: 50% and 95% of the mass")
ax.plot([], [], color=LAPLACE, linestyle="--", label="Laplace: the same")
ax.plot(*exact.mean, "P", color=EXACT, label="exact mean")
ax.plot(*theta, "o", color=PLUGIN, label="MAP estimate, Laplace's mean")
ax.set(xlabel="$w$", ylabel="$b$", xlim=(-1, 9), ylim=(-3, 5.5))
ax.legend(loc="upper left", fontsize=9)
plt.show()

# %% [markdown]
# The ellipses are around the right mode, and have about the right size and tilt: the Gaussian's standard deviations
# (*deviations*, for short) are a tenth too small, and its correlation of $w$ and $b$ is off by less than .02. What it
# cannot have is *skew*: the exact posterior reaches further towards steep sigmoids than towards flat ones. So its mean
# lies beyond its mode, by .6 of Laplace's deviations, and Laplace's 95% ellipse holds only 87% of it. The Gaussian also
# gives more than one part in a hundred of its mass to slopes below zero, where the exact posterior has less than one in
# a million. Skewness is the mean of ((w - mean) / deviation) cubed, zero for every Gaussian.

# %%
exact_sd = np.sqrt(np.diag(exact.covariance()))
skewness = exact.weights @ ((exact.thetas - exact.mean) / exact_sd) ** 3
assert exact.mean[0] > theta[0]
assert skewness[0] > 0.5
off_mode = exact.thetas - theta
in_ellipse = np.einsum("sp,pq,sq->s", off_mode, H, off_mode) < -2 * np.log(1 - 0.95)
laplace_sd = np.sqrt(la.posterior.variance()[0])
assert np.array_equal((1 - deviations / exact_sd).round(1), [0.1, 0.1])
correlations = [one.covariance()[0, 1] / np.prod(sd) for one, sd in [(exact, exact_sd), (la.posterior, deviations)]]
assert np.ptp(correlations) < 0.02
assert round((exact.mean[0] - theta[0]) / laplace_sd, 1) == 0.6
assert round(exact.weights @ in_ellipse, 2) == 0.87
assert exact.weights @ (exact.thetas[:, 0] < 0) < 1e-6 < 0.01 < ndtr(-theta[0] / laplace_sd)
print(f"mean of w:      exact {exact.mean[0]:.2f}, Laplace {theta[0]:.2f}")
print(f"deviation of w: exact {exact_sd[0]:.2f}, Laplace {laplace_sd:.2f}")
print(f"skewness of w:  exact {skewness[0]:.2f}, Laplace 0")

# %% [markdown]
# [Move a point in this plane yourself](slope.html), and see its sigmoid beside it. (Without the site `python
# tutorials/slope.py slope.html` writes this page.)
#
# > **Predict first.** On Laplace's ellipse of 95% all points are equally dense, a twentieth of the mode. Its leftmost
# > point is near (-.4, -1), its rightmost near (6.8, 1.2). What do these two sigmoids look like beside the data, and
# > what does the exact posterior make of them? Then move the point there.
#
# <details><summary>Answer</summary>
#
# The left one falls, and gives less than a fifth to every label 1 on the right of the data: the exact density is more
# than a million times less than the Gaussian's twentieth. The right one is nearly a step where the labels change, which
# suits them well: the exact density is three times the Gaussian's.
#
# </details>

# %%
to_the_side = np.sqrt(-2 * np.log(1 - 0.95)) * root[:, 0]  # from the mode to where the ellipse ends in w
of_mode = {}
for side, end in [("leftmost", theta - to_the_side), ("rightmost", theta + to_the_side)]:
    of_mode[side] = np.exp(model.loss(theta, X, y) - model.loss(end, X, y))
    by_gaussian = laplace_density(end[None], la)[0] / laplace_density(theta[None], la)[0]
    print(f"{side:9} {end.round(1)}: density over that of the mode", end=" ")
    print(f"{of_mode[side]:.2g} exactly, {by_gaussian:.2f} by Laplace")
    assert np.isclose(by_gaussian, 1 / 20)
assert of_mode["leftmost"] < 0.05 / 1e6
assert 3 < of_mode["rightmost"] / 0.05 < 3.5
assert (theta - to_the_side)[0] < 0
assert expit(model.network.forward(theta - to_the_side, X))[X > 0.5].max() < 0.2

# %% [markdown]
# ## More data makes it better
#
# The *total variation* distance of two densities is half the integral of their absolute difference: the largest amount
# by which they can disagree on the probability of anything. It is 0 for equal densities and 1 for disjoint ones. Both
# integrate to 1, so it is also the integral of how much one exceeds the other, where it does. Here it is as samples are
# added.

# %%
counts = np.array([10, 20, 40, 80, 160, 320, 640])
distances = []
for N in counts:
    X_n, y_n = X_all[:N], y_all[:N]
    la_n = Laplace(model, fit_map(model, X_n, y_n, rng=0)).fit(X_n, y_n)
    exact_n = exact_posterior(model, X_n, y_n)
    ratio = laplace_density(exact_n.thetas, la_n) / exact_density(exact_n)
    distances.append(exact_n.weights @ np.maximum(1 - ratio, 0))
    print(f"N = {N:3}: total variation {distances[-1]:.3f}")
assert all(later < earlier for earlier, later in pairwise(distances))

# %%
rate = np.polyfit(np.log(counts[3:]), np.log(distances[3:]), 1)[0]
assert round(rate, 1) == -0.5
print(f"from 80 samples on, the distance goes like N to the power {rate:.1f}")

# %%
fig, ax = plt.subplots()
ax.loglog(counts, distances, "o-", color=LAPLACE, label="exact against Laplace")
ax.loglog(counts, distances[-1] * np.sqrt(640 / counts), color="0.5", linestyle=":", label="$N^{-1/2}$")
ax.set(xlabel="number of samples $N$", ylabel="total variation", xticks=counts, xticklabels=counts)
ax.set(ylim=(0.025, 0.35), yticks=[0.03, 0.1, 0.3], yticklabels=[0.03, 0.1, 0.3])
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# Why the square root? Curvature is a sum over the data, so it grows like $N$, and the posterior's width shrinks like
# $N^{-1/2}$. Third derivatives grow like $N$ too, but they meet the cube of the width: $N \cdot N^{-3/2} = N^{-1/2}$.
#
# ## Back to probabilities
#
# To predict, average $\sigma(w x + b)$ over the posterior. The *plugin* does not average: it takes the MAP estimate as
# if it were certain. Laplace averages over its Gaussian: then the logit is Gaussian too, and `"quadrature"` does that
# integral. With the grid at hand we can average over the exact posterior as well.
#
# > **Predict first.** Which of the two is nearer to the exact average here, the plugin or Laplace?
#
# <details><summary>Answer</summary>
#
# The plugin: it is at most .03 off, and Laplace .07. The text below the picture says why.
#
# </details>

# %%
x_new = np.linspace(-6, 6, 121)[:, None]
p_exact = exact.predict(x_new)
p_by_hand = exact.weights @ expit(exact.thetas @ [x_new[:, 0], np.ones(121)])
assert np.abs(p_exact - p_by_hand).max() < 1e-9
p_laplace = la.predict(x_new, "quadrature")
p_plugin = la.predict(x_new, "plugin")
for name, p in [("plugin", p_plugin), ("Laplace", p_laplace)]:
    print(f"{name:7}: at most {np.abs(p - p_exact).max():.3f} from the exact predictive")

# %%
fig, ax = plt.subplots()
for label, (colour, marker) in enumerate(CLASS_STYLES[:2]):
    at = X[y == label]
    ax.scatter(at, np.full(len(at), label), color=colour, marker=marker, edgecolors="black", label=f"y = {label}")
ax.plot(x_new, p_exact, color=EXACT, label="exact")
ax.plot(x_new, p_laplace, color=LAPLACE, linestyle="--", label="Laplace")
ax.plot(x_new, p_plugin, color=PLUGIN, linestyle=":", label="plugin")
ax.set(xlabel="$x$", ylabel="$P(y = 1)$")
ax.legend()
plt.show()

# %% [markdown]
# Here Laplace is too cautious, because of the mass that it gives to flat sigmoids, and the plugin is closer to the
# exact curve: averaging over the exact posterior moves no probability by more than .03. The next tutorials are about
# networks, where the data leaves many directions open, and a plugin is certain where nothing is known (Figure 3 of
# tutorial 1).

# %%
assert np.abs(p_plugin - p_exact).max() < 0.031 < 0.065 < np.abs(p_laplace - p_exact).max() < 0.075
caution = np.abs(p_laplace - 0.5) < np.abs(p_exact - 0.5)
assert caution[np.abs(x_new[:, 0]) > 1].all()
print("wherever |x| > 1, Laplace is the more cautious of the two averages")

# %% [markdown]
# ## Summary
#
# - The regularised loss of logistic regression is minus the log posterior, up to a constant; its minimum is the MAP
#   estimate.
# - At the MAP estimate the gradient is zero, so the second-order expansion of the loss is a quadratic, and its
#   exponential a Gaussian: centre $\theta$, precision $H$.
# - Laplace's Gaussian is at the mode and has about the posterior's scale and tilt, but no skew.
# - Its distance to the exact posterior shrinks like $N^{-1/2}$.
#
# *Read on*: Bishop (2006), section 4.4 for Laplace's approximation and section 4.5 for logistic regression; MacKay
# (1998) on parameters in which a posterior is nearer to a Gaussian. The [references](references.md) have the addresses.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 2.1: the loss
#
# Write the loss of logistic regression with NumPy alone. With $s = 1 - 2 y$, a sample's nll is $\log(1 + e^{s f})$, and
# `np.logaddexp(0, s * f)` computes it without overflow.


# %% tags=["exercise"]
def my_loss(theta):
    """Return the summed nll of X, y plus the prior's penalty, a number."""
    return ...


def nll_and_penalties(nlls, penalties):
    """Return a loss that counts the nll and the penalty otherwise than one time each."""
    return lambda t: nlls * model.likelihood.nll(model.network.forward(t, X), y).sum() + penalties * t @ t


half = model.prior_precision / 2
exercise_2_1 = check_function(
    "loss",
    my_loss,
    lambda t: model.loss(t, X, y),
    draw=lambda rng: rng.normal(size=2),
    mistakes={
        "the prior is missing": nll_and_penalties(1, 0),
        "the prior without its 1/2": nll_and_penalties(1, 2 * half),
        "the prior once for each sample": nll_and_penalties(1, len(y) * half),
        "a mean over the samples in place of the sum": nll_and_penalties(1 / len(y), half),
        "y and 1 - y swapped": lambda t: model.loss(t, X, 1 - y),
    },
)
print(exercise_2_1)

# %% [markdown]
# ### Exercise 2.2: the gradient
#
# The derivative of a sample's nll in its logit is $\sigma(f) - y$. What is the gradient of the loss in
# $\theta = (w, b)$? Here the check is `check_gradient`, which differentiates the loss numerically, at parameters that
# you have not seen.


# %% tags=["exercise"]
def my_gradient(theta):
    """Return the gradient of the loss, (2,)."""
    return ...


exercise_2_2 = check_gradient(
    lambda t: model.loss(t, X, y),
    my_gradient,
    rng.normal(size=2),
    mistakes={
        "the prior is missing": lambda t: model.gradient(t, X, y) - model.prior_precision * t,
        "the prior is missing at b": lambda t: model.gradient(t, X, y) - model.prior_precision * t * [0, 1],
        "y - p in place of p - y": lambda t: 2 * model.prior_precision * t - model.gradient(t, X, y),
    },
)
print(exercise_2_2)

# %% [markdown]
# ### Exercise 2.3: the posterior precision
#
# Differentiate once more. With $p = \sigma(f)$ the second derivative of a sample's nll in its logit is $p (1 - p)$, and
# the logit is linear in $\theta$: $f = (x, 1) \cdot \theta$. `np.column_stack([X, np.ones(len(X))])` has these rows.
# The check differentiates the loss twice, at parameters that you have not seen.


# %% tags=["exercise"]
def my_precision(theta):
    """Return the second derivative of the loss, (2, 2), which at the MAP estimate is the posterior precision."""
    return ...


prior = model.prior_precision * np.eye(2)
exercise_2_3 = check_hessian(
    lambda t: model.loss(t, X, y),
    my_precision,
    rng.normal(size=2),
    mistakes={
        "the prior is missing": lambda t: hessian(model, t, X, y),
        "the prior twice": lambda t: hessian(model, t, X, y) + 2 * prior,
        "the covariance, its inverse": lambda t: np.linalg.inv(hessian(model, t, X, y) + prior),
        "a mean over the samples in place of the sum": lambda t: hessian(model, t, X, y) / len(X) + prior,
    },
)
print(exercise_2_3)

# %% [markdown]
# ### Exercise 2.4: Newton's method
#
# Where the slope is not zero, the quadratic with gradient $g$ and Hessian $H$ has its minimum at $\theta - H^{-1} g$.
# Go there, expand again, and repeat: that is Newton's method, and a few steps reach the MAP estimate. Use
# `np.linalg.solve(H, g)`. The check asks where no step leads, which is to the start, and for the slope of the quadratic
# where your last step ends: it should be zero.


# %% tags=["exercise"]
def newton(start, n_steps):
    """Return theta after so many steps from start; `model.gradient` and `hessian` give the derivatives."""
    return ...


def expansion(t):
    """Return gradient (2,) and Hessian (2, 2) of the loss."""
    return model.gradient(t, X, y), hessian(model, t, X, y) + model.prior_precision * np.eye(2)


def way_and_slope(start, n_steps):
    """Return how far no step leads, and below it the slope where the last step ends, of the quadratic it went by."""
    none, before, after = (newton(start, n) for n in (0, n_steps - 1, n_steps))
    if after is ...:
        return after
    gradient, H_before = expansion(before)
    return np.stack([none - start, gradient + H_before @ (after - before)])


exercise_2_4 = check_function(
    "way after no step, and below it the slope where a step ends",
    way_and_slope,
    lambda start, n_steps: np.zeros((2, 2)),
    draw=lambda rng: (rng.normal(size=2), rng.integers(1, 4)),
    mistakes={
        "no step is made": lambda start, n_steps: np.stack([0 * start, expansion(start)[0]]),
        "one step too many": lambda start, n_steps: np.stack([-np.linalg.solve(*expansion(start)[::-1]), 0 * start]),
    },
)
print(exercise_2_4)

# %% [markdown]
# ### Exercise 2.5: the integral itself
#
# Laplace also gives the number that Bayes' rule divides by, the *evidence*
# $p(\mathcal{D}) = \int p(\mathcal{D} \mid \theta)\, p(\theta)\, d\theta$. The prior's density is
# $(\delta / 2\pi)^{P/2} e^{-\text{penalty}}$, and the integral of $e^{-d^\top H d / 2}$ over all $d$ is
# $(2\pi)^{P/2} (\det H)^{-1/2}$. Which number follows for the logarithm of the evidence? The check asks for it under
# other priors; try yours at `theta`, `H` and `model.prior_precision`, beside `exact.log_marginal_likelihood`.


# %% tags=["exercise"]
def log_evidence(theta, H, delta):
    """Return Laplace's log evidence, a number, at the mode theta (2,) of the prior precision delta.

    H (2, 2) is the Hessian of the loss there, prior included.
    """
    return ...


def another_prior(rng):
    """Return a mode, the Hessian there, and the prior precision."""
    other = replace(model, prior_precision=rng.uniform(0.1, 3))
    mode = fit_map(other, X, y, rng=0)
    return mode, hessian(other, mode, X, y) + other.prior_precision * np.eye(2), other.prior_precision


def by_the_library(theta, H, delta):
    """Return Laplace's log evidence."""
    return Laplace(replace(model, prior_precision=delta), theta).fit(X, y).log_marginal_likelihood()


def log_det(H):
    """Return log det H."""
    return np.linalg.slogdet(H)[1]


exercise_2_5 = check_function(
    "Laplace's log evidence",
    log_evidence,
    by_the_library,
    draw=another_prior,
    mistakes={
        "the prior's density without its factor": lambda t, H, delta: by_the_library(t, H, delta) - np.log(delta),
        "P is two, not one": lambda t, H, delta: by_the_library(t, H, delta) - np.log(delta) / 2,
        "the 2 pi of the integral is missing": lambda t, H, delta: by_the_library(t, H, delta) - np.log(2 * np.pi),
        "det H in place of its inverse": lambda t, H, delta: by_the_library(t, H, delta) + log_det(H),
        "det H without its root": lambda t, H, delta: by_the_library(t, H, delta) - log_det(H) / 2,
    },
)
print(exercise_2_5)

# %% [markdown]
# ### Derive 2.6: where the factors of 2 pi go (4 marks)
#
# Write the density of the prior, the quadratic around the mode and its integral with all their factors, for $P$
# parameters, and show that $\log p(\mathcal{D}) \approx -\text{loss} + \frac{P}{2} \log \delta - \frac{1}{2} \log\det
# H$: no $2 \pi$ is left, whatever $P$ is. What is different if the prior is flat?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 2.7: a Gaussian that is nearly right (3 marks)
#
# To somebody who has seen the two contours of this tutorial, exact and Laplace: where does the Gaussian have too little
# mass, where too much, and what of the labels makes the exact posterior lean that way? When does the difference vanish?

# %% [markdown]
# *Your answer:*
