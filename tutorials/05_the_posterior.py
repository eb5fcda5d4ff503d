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
# # 5. The posterior
#
# After this tutorial you can get everything there is to get from a Gaussian posterior out of one triangular matrix:
# covariance, log-determinant, samples of parameters, samples of functions, and error bars. You can show why the inverse
# is never computed on the way, and you can ask whether the posterior is a Gaussian at all.
#
# - Passage of the post: *From Bayesian Logistic Regression ...*, a Gaussian centred around the MAP estimate.
# - Modules: `posterior`, `laplace`, `predictive`; `evidence` for the verdict on the Gaussian.
#
# We look at a regression with one input, where a posterior over parameters can be seen as what it really is: a
# posterior over curves.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from minilaplace import MLP, BayesianModel, Gaussian, Laplace, fit_map, one_page, toy_data_regression
from minilaplace.checks import check_function
from minilaplace.curvature import ggn

plt.style.use("minilaplace.course")

# %% [markdown]
# The targets are $\sin x$ plus noise of standard deviation $\sigma$, and a stretch in the middle is missing. The
# likelihood is `Gaussian`: the network's output $f$ is the mean of the target,
# $y \sim \mathcal{N}(f(x, \theta), \sigma^2)$.

# %%
sigma = 0.2
X, y = toy_data_regression(80, noise=sigma, rng=0)
seen = (X[:, 0] < 3) | (X[:, 0] > 5.5)
X, y = X[seen], y[seen]
network = MLP(1, 4, 1, activation="tanh")
model = BayesianModel(network, Gaussian(sigma), prior_precision=0.5)
theta = fit_map(model, X, y, rng=0)
P = network.n_params
print("N =", len(X), "samples, P =", P, "parameters")

# %% [markdown]
# ## Precision, and its Cholesky factor
#
# The posterior is $\mathcal{N}(\theta, \Sigma)$. What Laplace gives directly is not the covariance $\Sigma$ but its
# inverse, the posterior precision: the curvature of the data, here the GGN of tutorial 4, plus the prior's precision
# $\delta$ on the diagonal.

# %%
la = Laplace(model, theta).fit(X, y)
precision = la.posterior.precision()
assert np.allclose(precision, ggn(model, theta, X, y) + model.prior_precision * np.eye(P), rtol=0, atol=1e-8)

# %% [markdown]
# Every positive definite matrix is a product $L L^\top$ with $L$ lower triangular: all zeros above the diagonal. $L$ is
# the *Cholesky factor*, a square root of a kind. (In tutorial 2, $L$ was the loss; from here on it is this.) What makes
# it so useful is that equations with a triangular matrix solve themselves: the first one has a single unknown, the
# second one has one more, and so on.

# %%
small = np.array([[4.0, 2.0], [2.0, 5.0]])
L_small = cholesky(small, lower=True)
r = np.array([2.0, 9.0])
first = r[0] / L_small[0, 0]
second = (r[1] - L_small[1, 0] * first) / L_small[1, 1]
assert np.allclose([first, second], solve_triangular(L_small, r, lower=True))
print(L_small)
print("solution of L u = r:", first, second)

# %%
L = cholesky(precision, lower=True)  # (P, P)
assert np.allclose(L @ L.T, precision, rtol=0, atol=1e-9)
print("numbers above the diagonal that are not zero:", np.count_nonzero(np.triu(L, k=1)))

# %% [markdown]
# ## What one factor answers
#
# **The determinant.** That of a triangular matrix is the product of its diagonal, so $\log \det (L L^\top) = 2 \sum_i
# \log L_{ii}$. The Gaussian's height needs it, and so does the evidence (exercise 2.5).

# %%
log_det = 2 * np.log(np.diag(L)).sum()
assert np.isclose(log_det, la.posterior.log_det_precision, rtol=1e-12)
print(f"log det of the precision: {log_det:.2f}")

# %% [markdown]
# **The covariance**, which we need only to look at it. Its diagonal holds the variances of the parameters; divided by
# the deviations of row and column it becomes the *correlations*, between -1 and 1.

# %%
Sigma = la.posterior.covariance()
deviation = np.sqrt(la.posterior.variance())
assert np.allclose(Sigma @ precision, np.eye(P), rtol=0, atol=1e-8)
print("deviation of a parameter before the data:", round(1 / np.sqrt(model.prior_precision), 2))
print(f"after: from {deviation.min():.2f} to {deviation.max():.2f}")

# %%
fig, ax = plt.subplots(figsize=(5.6, 4.2))
colours = plt.get_cmap("RdBu_r", 21)  # one for each tenth, white around zero
image = ax.imshow(Sigma / np.outer(deviation, deviation), cmap=colours, vmin=-1.05, vmax=1.05)
for edge in (3.5, 7.5, 11.5):
    ax.axhline(edge, color="black", linewidth=0.8)
    ax.axvline(edge, color="black", linewidth=0.8)
ax.set_xticks([1.5, 5.5, 9.5, 12], ["$W_1$", "$b_1$", "$W_2$", "$b_2$"])
ax.set_yticks([1.5, 5.5, 9.5, 12], ["$W_1$", "$b_1$", "$W_2$", "$b_2$"])
ax.grid(False)
fig.colorbar(image, label="posterior correlation")
plt.show()

# %% [markdown]
# The best-known single parameter has a deviation of 0.14. But the data fixes *combinations* of parameters, and those
# much better: along its best-known direction, an eigenvector of the precision, the posterior has a deviation of 0.004.
# The correlations contain that knowledge; a list of single deviations does not.

# %%
best_direction = 1 / np.sqrt(np.linalg.eigvalsh(precision).max())
assert round(deviation.min(), 2) == 0.14
assert round(best_direction, 3) == 0.004
print(f"best-known parameter {deviation.min():.2f}, best-known direction {best_direction:.3f}")

# %% [markdown]
# > **Common mistake.** To take a precision for a variance. The inverse of a number on the *diagonal* of the precision,
# > $1 / (\Sigma^{-1})_{ii}$, is the variance of a parameter if all others were known. Its variance is $\Sigma_{ii}$, on
# > the diagonal of the *inverse*, which is never smaller. Here the mistake makes the deviation of each parameter at
# > least nine times too small. (Tutorial 9 is about approximations that make it on purpose.)

# %%
if_others_were_known = 1 / np.sqrt(np.diag(precision))
assert (deviation / if_others_were_known).min() > 9
print(f"deviation if all others were known: from {if_others_were_known.min():.3f} to {if_others_were_known.max():.2f}")

# %% [markdown]
# **Samples.** Let $z$ be *white noise*, independent standard normal numbers. Then $\theta + L^{-\top} z$ has the
# covariance $L^{-\top} L^{-1} = (L L^\top)^{-1} = \Sigma$. One triangular system to solve, and we have drawn from the
# posterior. The page that holds the whole method, `one_page.py`, does it in its function `sample`:
# `theta + np.linalg.solve(L.T, rng.standard_normal(len(theta)))`.

# %%
S = 20_000
z = np.random.default_rng(0).standard_normal((P, S))
thetas = theta + solve_triangular(L, z, lower=True, trans="T").T  # (S, P)
assert np.allclose(thetas, la.sample(S, rng=0), rtol=0, atol=1e-8)
off = np.linalg.norm(np.cov(thetas.T) - Sigma) / np.linalg.norm(Sigma)
assert off < 0.05
print("covariance of 20000 samples: less than 5% from Sigma")
white = np.random.default_rng(0).standard_normal(P)
assert "theta + np.linalg.solve(L.T, rng.standard_normal(len(theta)))" in inspect.getsource(one_page.sample)
of_one_page = one_page.sample(theta, L, np.random.default_rng(0))
assert np.allclose(of_one_page, theta + solve_triangular(L, white, lower=True, trans="T"), rtol=0, atol=1e-10)

# %% [markdown]
# ## Samples as functions
#
# Each sampled $\theta_s$ is a network, so a curve. There are two ways to draw it: run the network, $f(x, \theta_s)$,
# or its *linearisation* around the MAP estimate, with the Jacobian $J$ of tutorial 3,
# $f(x, \theta) + J (\theta_s - \theta)$. The latter is what `functional_samples` draws.

# %%
x_new = np.linspace(-1, 9, 201)[:, None]
linear = la.functional_samples(x_new, 8, rng=1)[:, :, 0]  # (S, N)
through = np.stack([network.forward(t, x_new)[:, 0] for t in la.sample(8, rng=1)])  # (S, N), the same samples
J = network.jacobian(theta, x_new)[:, 0]  # (N, P)
mean = network.forward(theta, x_new)[:, 0]  # (N,)
assert np.allclose(linear, mean + (la.sample(8, rng=1) - theta) @ J.T, rtol=0, atol=1e-10)

# %% [markdown]
# > **Predict first.** Both pictures show the same eight samples. In which of them do the curves follow the data, in
# > one, in both, or in none? Where do they differ most from each other?
#
# <details><summary>Answer</summary>
#
# The linearised ones follow the data, and differ most where there is none: in the gap by five times as much as amid the
# data. Of the eight networks each is at least twice as far from the targets as the MAP estimate is.
#
# </details>

# %%
at_the_data = np.stack([network.forward(t, X)[:, 0] for t in la.sample(8, rng=1)])  # (S, N)
from_targets = np.sqrt(np.mean((at_the_data - y) ** 2, axis=1))
of_the_mode = np.sqrt(np.mean((network.forward(theta, X)[:, 0] - y) ** 2))
amid, gap = np.searchsorted(x_new[:, 0], [2.0, 4.3])
assert round(linear[:, gap].std() / linear[:, amid].std()) == 5
assert from_targets.min() > 2 * of_the_mode
print("networks, root mean square from the targets:", from_targets.round(1), f"MAP estimate {of_the_mode:.1f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True)
for ax, curves, title in zip(axes, [linear, through], ["linearised", "through the network"], strict=True):
    samples_drawn = ax.plot(x_new, curves.T, color="C4", linewidth=1)
    (middle,) = ax.plot(x_new, mean, color="C0", linewidth=2.4)
    ax.plot(X, y, "k.", markersize=4)
    ax.set(xlabel="$x$", title=title, ylim=(-3, 3))
axes[0].set_ylabel("$f$")
axes[0].legend([middle, samples_drawn[0]], ["MAP estimate", "samples"], loc="upper right", fontsize=9)
plt.show()

# %% [markdown]
# Eight are few, so take 200, and measure how far a curve is from the targets, by the root of the mean square. Of the
# networks nine in ten are further away than two standard deviations of the noise, of the linearised curves none is.

# %%
draws = la.sample(200, rng=2)
f_linear = la.functional_samples(X, 200, rng=2)[:, :, 0]  # (S, N)
f_network = np.stack([network.forward(t, X)[:, 0] for t in draws])
for name, curves in [("linearised", f_linear), ("network", f_network)]:
    distances = np.sqrt(np.mean((curves - y) ** 2, axis=1))  # (S,)
    too_far = np.mean(distances > 2 * sigma)
    print(f"{name:10}: median distance {np.median(distances):.2f}, too far {too_far:.0%}")
    assert too_far == 0 if name == "linearised" else round(too_far, 1) == 0.9

# %% [markdown]
# Why? The Gaussian is wide in the directions that the data does not determine. Take those in which the curvature of the
# data is less than the prior's, 0.5: there are six of the thirteen. To *first order* a step in these directions hardly
# changes the fit. But it is a long step, and on a long step the second order counts: at the data the network changes
# more than fifty times as much as its linearisation does.

# %%
eigenvalues, directions = np.linalg.eigh(ggn(model, theta, X, y))
weak_directions = directions[:, eigenvalues < model.prior_precision]  # (P, 6)
steps = (draws - theta) @ weak_directions @ weak_directions.T  # (S, P), what of each step lies in them
change_linear = steps @ network.jacobian(theta, X)[:, 0].T  # (S, N)
change_network = np.stack([network.forward(theta + step, X) - network.forward(theta, X) for step in steps])[:, :, 0]
sizes = [np.sqrt(np.mean(change**2)) for change in (change_linear, change_network)]
assert weak_directions.shape[1] == 6
assert sizes[1] > 50 * sizes[0]
print(f"root mean square of the change at the data: linearised {sizes[0]:.2f}, network {sizes[1]:.2f}")

# %% [markdown]
# On short steps the two agree, with a difference of second order: half the step, a quarter of the difference.

# %%
step = draws[0] - theta
differences = []
for scale in (1e-3, 5e-4):
    along = network.forward(theta + scale * step, x_new)[:, 0] - (mean + scale * J @ step)
    differences.append(np.abs(along).max())
assert abs(differences[0] / differences[1] - 4) < 0.1
print(f"half the step: the difference is {differences[0] / differences[1]:.1f} times smaller")

# %% [markdown]
# So which one is right? The GGN is the Hessian of the *linearised* network (tutorial 4), so its Gaussian is the
# posterior of the linearised network: here even exactly, since a linear model with Gaussian noise has a Gaussian
# posterior. Predicting with that same network is consistent, and it is the library's default.
#
# > **Common mistake.** To fit a Gaussian with the GGN, and then to send its samples through the network,
# > `link_approx="nn"`. That is for a Gaussian so narrow that a network is linear across it.
#
# ## Error bars
#
# For the linearised network no samples are needed. $f(x)$ is linear in $\theta$, so it is Gaussian too, with mean
# $m = f(x, \theta)$ and variance $V = J \Sigma J^\top$. The factor gives it without $\Sigma$: $V = v^\top v$
# with $v = L^{-1} J^\top$. A sum of squares, which cannot come out negative. A new target has noise on top,
# $V + \sigma^2$. (In `one_page.py` there is $\Sigma$ itself: `v = np.sum(J @ Sigma * J, axis=1)` is $V$.)

# %%
v = solve_triangular(L, J.T, lower=True)  # (P, N)
V = (v**2).sum(axis=0)  # (N,)
f_mean, f_cov = la.glm_predictive_distribution(x_new)  # (N, C) and (N, C, C)
prediction = la.predict(x_new)
assert np.allclose(f_mean[:, 0], mean, rtol=1e-12)
assert np.allclose(f_cov[:, 0, 0], V, rtol=1e-8)
assert np.allclose(prediction.variance[:, 0], V + sigma**2, rtol=1e-8)
assert np.allclose(V, np.sum(J @ Sigma * J, axis=1), rtol=1e-6)
assert "v = np.sum(J @ Sigma * J, axis=1)" in inspect.getsource(one_page.probit)
in_data, in_gap = np.sqrt(V[[amid, gap]])
assert in_gap > 4 * in_data
print(f"deviation of f at x = 2.0: {in_data:.2f}, at x = 4.3, in the gap: {in_gap:.2f}")

# %% [markdown]
# > **Predict first.** The next picture has two bands, two deviations to either side, for the curve and for a new
# > target. Where is the band of a target much wider than that of the curve, and where are they nearly the same? Will
# > the true curve, $\sin x$, stay within the band of the curve?
#
# <details><summary>Answer</summary>
#
# Variances add up. Where the curve is known, as at $x = 2$, most of a target's variance is noise, and its band is more
# than twice as wide as the curve's. In the gap at $x = 4.3$ the curve's own variance is over four times the noise's,
# and the bands differ by a tenth. The true curve stays within its band from 0 to 8, and leaves it to the right.
#
# </details>

# %%
wider = np.sqrt(1 + sigma**2 / V[[amid, gap]])  # the band of a target beside that of the curve
assert wider[0] > 2
assert V[gap] > 4 * sigma**2
assert round(wider[1], 1) == 1.1
fig, ax = plt.subplots()
for variance, alpha, label in [(V + sigma**2, 0.25, "a new target"), (V, 0.4, "the curve $f$")]:
    half = 2 * np.sqrt(variance)
    ax.fill_between(x_new[:, 0], mean - half, mean + half, color="C0", alpha=alpha, linewidth=0, label=label)
ax.plot(x_new, mean, color="C0", label="MAP estimate")
ax.plot(x_new, np.sin(x_new), color="black", linestyle=":", label=r"$\sin x$")
ax.plot(X, y, "k.", markersize=5)
ax.set(xlabel="$x$", ylabel="$y$", ylim=(-3, 3), title="two standard deviations")
ax.legend(ncols=2, fontsize=9)
plt.show()

# %% [markdown]
# The bars widen in the gap and beyond the data, and from 0 to 8 the true curve stays within them. Further to the right
# it leaves: $\sin x$ turns down, which nothing in the data announced. Error bars say what follows from the assumptions
# and the data. They do not know the truth.

# %%
outside = np.abs(np.sin(x_new[:, 0]) - mean) > 2 * np.sqrt(V)
in_range = (x_new[:, 0] >= 0) & (x_new[:, 0] <= 8)
assert not outside[in_range].any()
assert outside[-1]
assert V[[0, -1]].min() > 3 * V[in_range & (x_new[:, 0] > 6)].min()  # beyond the data on either side
print("is sin x outside? from 0 to 8:", outside[in_range].any(), "at 9:", outside[-1])

# %% [markdown]
# ## Why never the inverse
#
# $J \Sigma J^\top$ could be had from `np.linalg.inv(precision)` too. What would be lost? About one digit: the appendix
# measures it against exact arithmetic. And the inverse does not say when there is no answer. If the precision is not
# positive definite, Cholesky stops with an error, as in tutorial 4; an inverse comes out all the same, here with
# negative variances on its diagonal.

# %%
indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
assert np.all(np.diag(np.linalg.inv(indefinite)) < 0)
print("diagonal of the inverse:", np.diag(np.linalg.inv(indefinite)).round(2))
try:
    cholesky(indefinite, lower=True)
except np.linalg.LinAlgError:
    print("Cholesky: an error")
else:
    raise AssertionError("Cholesky's factor of this matrix does not exist")

# %% [markdown]
# The determinant has a trap of its own. A product of hundreds of numbers leaves the range of floating point, while the
# sum of their logarithms does not.

# %%
large = BayesianModel(MLP(1, 100, 1), Gaussian(sigma), prior_precision=0.01)
la_large = Laplace(large, large.network.init(rng=0)).fit(X, y)
assert np.linalg.det(la_large.posterior.precision()) == 0.0
print(f"P = {large.network.n_params}: determinant", np.linalg.det(la_large.posterior.precision()), end=", ")
print(f"its logarithm by Cholesky {la_large.posterior.log_det_precision:.0f}")

# %% [markdown]
# ## Is the Gaussian any good?
#
# All of this is exact algebra for a Gaussian. Whether the *posterior* is one is another question, and it can be asked.
# The Gaussian $q$ is easy to sample. The posterior is not, but its density is known at every $\theta$ up to a factor,
# the evidence. So each sample gets an *importance weight*, the ratio of the two:
#
# $$w_s = \frac{p(y \mid \theta_s)\, p(\theta_s)}{q(\theta_s)}, \qquad \theta_s \sim q$$
#
# Their mean estimates the evidence, the integral of the numerator, without Laplace's error. If $q$ is the posterior,
# all weights are equal. If $q$ misses places where the posterior is, the few samples at its edge have huge weights. The
# number $\hat k$ says how heavy the tail of such weights is: up to 0.5 the Gaussian is good, up to 0.7 usable, and
# above that neither weights nor evidence can be trusted, however many samples there are (Vehtari et al., 2024). The
# *effective sample size* is the number of draws from the posterior itself that would say as much.
#
# First a network without hidden layer, which is linear. Its posterior is Gaussian.

# %%
from minilaplace import Bernoulli, average, toy_data_linear, toy_data_non_linear
from minilaplace.evidence import importance_sample, pareto_smoothed
from minilaplace.model_average import exact_posterior

line = BayesianModel(MLP(1, 1), Gaussian(sigma), prior_precision=0.5)
la_line = Laplace(line, fit_map(line, X, y, rng=0)).fit(X, y)
sample = importance_sample(la_line, X, y, rng=0)
assert sample.pareto_k == -np.inf
assert np.ptp(sample.log_weights) < 1e-3
assert np.isclose(sample.log_marginal_likelihood, la_line.log_marginal_likelihood(), rtol=0, atol=1e-4)
print("all weights equal: k =", sample.pareto_k)

# %% [markdown]
# Now classes. Logistic regression on the post's first data set, which a line separates, under a strong and under a very
# weak prior; and the post's network on the four squares, its last layer alone and all of it. For logistic regression
# `exact_posterior` has the evidence itself, by a sum over a grid.
#
# > **Predict first.** Which of the four posteriors is nearest to a Gaussian, and which is the furthest from one?
#
# <details><summary>Answer</summary>
#
# The nearest is logistic regression under the strong prior: there the prior, which is a Gaussian, has the most to say.
# The furthest is that of the whole network.
#
# </details>

# %%
X_line, y_line = toy_data_linear(100, rng=0)
X_squares, y_squares = toy_data_non_linear(200, rng=0)
deep = MLP(2, 32, 1, activation="sigmoid")
cases = {
    "logistic, strong prior": (BayesianModel(MLP(2, 1), Bernoulli(), 10.0), X_line, y_line, "all"),
    "logistic, weak prior": (BayesianModel(MLP(2, 1), Bernoulli(), 1e-3), X_line, y_line, "all"),
    "network, last layer": (BayesianModel(deep, Bernoulli(), 0.1), X_squares, y_squares, "last_layer"),
    "network, all of it": (BayesianModel(deep, Bernoulli(), 0.1), X_squares, y_squares, "all"),
}
samples, laplace, exact = {}, {}, {}
for name, (one, inputs, labels, subset) in cases.items():
    fit = Laplace(one, fit_map(one, inputs, labels, rng=0), subset_of_weights=subset).fit(inputs, labels)
    drawn = samples[name] = importance_sample(fit, inputs, labels, 4000, rng=0)
    laplace[name] = fit.log_marginal_likelihood()
    print(f"{name:23}: k {drawn.pareto_k:5.2f}, effective sample size {drawn.effective_sample_size:4.0f} of 4000")
    print(f"    log evidence {drawn.log_marginal_likelihood:.2f} +- {drawn.standard_error:.2f}", end="")
    print(f", Laplace's {laplace[name]:.2f}", end="")
    if one.network.n_params == 3:
        exact[name] = exact_posterior(one, inputs, labels)
        print(f", exact {exact[name].log_marginal_likelihood:.2f}", end="")
    print()

# %%
fig, (ax, plane) = plt.subplots(1, 2, figsize=(7.4, 3.8))
for (name, drawn), colour, line_style in zip(
    samples.items(), ["C0", "C1", "C2", "black"], ["-", "--", "-.", ":"], strict=True
):
    relative = np.sort(np.exp(drawn.log_weights))[::-1] * len(drawn.log_weights)
    ax.loglog(np.arange(1, 4001), relative, line_style, color=colour, label=name)
ax.set(xlabel="rank of the sample", ylabel="weight, divided by the mean", ylim=(1e-4, 1e4))
ax.legend(fontsize=8, loc="upper right")
weak, true = samples["logistic, weak prior"], exact["logistic, weak prior"]
rng = np.random.default_rng(0)
of_posterior = true.thetas[rng.choice(len(true.thetas), 1000, p=true.weights)]  # points of a grid
of_posterior += rng.uniform(-0.5, 0.5, size=of_posterior.shape) @ true.edges.T  # anywhere in their cells
shown = slice(1000)
plane.plot(*of_posterior[:, :2].T, ".", color="0.6", markersize=3, label="the posterior")
plane.plot(*weak.thetas[shown, :2].T, ".", color="C1", markersize=3, label="the Gaussian")
largest = np.argsort(weak.log_weights)[-10:]
plane.plot(*weak.thetas[largest, :2].T, "o", color="black", fillstyle="none", label="ten largest weights")
plane.set(xlabel="$w_1$", ylabel="$w_2$", title="logistic, weak prior", ylim=(-60, 160))
plane.legend(fontsize=8, loc="upper right")
plt.show()

# %% [markdown]
# - **Strong prior: good.** The samples are worth nearly nine tenths of their number, and the evidence is right within
#   its standard error.
# - **Weak prior: bad.** Many lines separate the data, and only the prior stops them from being as steep as they like:
#   the posterior is a cone that opens to the upper right. The Gaussian sits across its tip. Four in five of its samples
#   are outside of the cone and have next to no weight, and the largest weights are where it reaches furthest into the
#   cone. What lies beyond was never drawn. So the estimated evidence is too small, by five of its standard errors, and
#   less right than Laplace's own: the standard error does not see the samples that are missing, and $\hat k$ does.
# - **Last layer: good.** It is logistic regression on 32 features. Its evidence is no rival of the next one: it takes
#   the features as given, though they were fitted to the same labels.
# - **The whole network: hopeless.** Three of 4000 samples have nearly all the weight. It is as in the picture further
#   up: networks drawn from this Gaussian miss the data. It is a verdict on `link_approx="nn"`, and on Laplace's
#   evidence as that of the network itself.
#
# $\hat k$ is an estimate too: under the weak prior six draws of 4000 samples have it between 0.79 and 1.04. And it
# judges the Gaussian where its samples are. The other modes of a network, far from all of them, it does not see.

# %%
verdict = {name: drawn.pareto_k for name, drawn in samples.items()}
assert min(verdict, key=verdict.get) == "logistic, strong prior"
assert max(verdict, key=verdict.get) == "network, all of it"
assert verdict["network, last layer"] < 0.5
assert verdict["logistic, weak prior"] > 0.7
assert samples["logistic, strong prior"].effective_sample_size > 0.85 * 4000
assert np.exp(np.sort(samples["network, all of it"].log_weights)[-3:]).sum() > 0.99
errors = {
    name: (samples[name].log_marginal_likelihood - exact[name].log_marginal_likelihood) / samples[name].standard_error
    for name in exact
}
assert abs(errors["logistic, strong prior"]) < 1
assert round(errors["logistic, weak prior"]) == -5
truth = exact["logistic, weak prior"].log_marginal_likelihood
assert weak.log_marginal_likelihood < laplace["logistic, weak prior"] < truth
depth = weak.thetas[:, :2].sum(axis=1)  # into the cone
assert depth[largest].min() > np.quantile(depth, 0.97)
without_weight = np.mean(weak.log_weights < np.log(1e-4 / 4000))
assert round(without_weight, 1) == 0.8
print({name: f"{error:.1f} standard errors" for name, error in errors.items()})
weak_model = cases["logistic, weak prior"][0]
la_weak = Laplace(weak_model, fit_map(weak_model, X_line, y_line, rng=0)).fit(X_line, y_line)
assert np.array_equal(la_weak.predict(X_line, "plugin") > 0.5, y_line == 1)  # a line separates the data
of_six = [importance_sample(la_weak, X_line, y_line, 4000, rng=seed).pareto_k for seed in range(6)]
assert (round(min(of_six), 2), round(max(of_six), 2)) == (0.79, 1.04)

# %% [markdown]
# And the default predictions, which put the samples through the *linearised* network? They deserve a verdict of their
# own. The same samples of the whole network, weighted by the likelihood of the linearised one:

# %%
whole = BayesianModel(deep, Bernoulli(), 0.1)
theta_whole = fit_map(whole, X_squares, y_squares, rng=0)
la_whole = Laplace(whole, theta_whole).fit(X_squares, y_squares)
d = la_whole.sample(4000, rng=0) - theta_whole  # (S, P)
f_of_samples = deep.forward(theta_whole, X_squares)[:, 0] + d @ deep.jacobian(theta_whole, X_squares)[:, 0].T  # (S, N)
log_posterior = -np.logaddexp(0, (1 - 2 * y_squares) * f_of_samples).sum(axis=1)
log_posterior -= 0.5 * 0.1 * ((theta_whole + d) ** 2).sum(axis=1)
log_gaussian = -0.5 * ((d @ cholesky(la_whole.posterior.precision(), lower=True)) ** 2).sum(axis=1)
smoothed, k_linearised = pareto_smoothed(log_posterior - log_gaussian)
weights = np.exp(smoothed - smoothed.max())
effective = weights.sum() ** 2 / (weights**2).sum()
assert 0.7 < k_linearised < 0.1 * verdict["network, all of it"]
assert np.array_equal(deep.forward(theta_whole, X_squares)[:, 0] > 0, y_squares == 1)  # separated
print(f"the linearised network: k {k_linearised:.2f}, effective sample size {effective:.0f} of 4000")

# %% [markdown]
# Not good either, though $\hat k$ is far from the network's. The linearised network is logistic regression on 129
# features, which separate the four squares, so its posterior is no Gaussian either, as under the weak prior. Only in a
# regression, as in the first half of this tutorial, is the Gaussian the exact posterior of the linearised network.

# %% [markdown]
# The weights also mend predictions: `average` takes them. Even under the weak prior the weighted average is nearer to
# the exact one, at these three points by a factor of three, than the plain average over the Gaussian's samples.

# %%
points = np.array([[2.0, -3.0], [4.0, -2.0], [10.0, -9.0]])
p_exact = true.predict(points)
p_plain = average(weak_model, weak.thetas, points)
p_weighted = average(weak_model, weak.thetas, points, weights=np.exp(weak.log_weights))
off_plain, off_weighted = (np.abs(p - p_exact).mean() for p in (p_plain, p_weighted))
assert round(off_plain / off_weighted) == 3
print("exact   ", p_exact.round(2))
print("plain   ", p_plain.round(2))
print("weighted", p_weighted.round(2))

# %% [markdown]
# ## Appendix: the digits that an inverse loses
#
# To measure an error of rounding one needs the true answer. `Fraction` holds a floating-point number exactly and
# computes without rounding, so elimination in fractions gives $r A^{-1} r^\top$ exactly, for the matrix $A$ and the row
# $r$ that are in memory. It is slow, and here it can be.

# %%
from fractions import Fraction


def exact_variances(A, rows):
    """Return r A^-1 r^T for each of the rows, in exact arithmetic up to the last line."""
    A = [[Fraction(number) for number in row] for row in A]
    rows = [[Fraction(number) for number in row] for row in rows]
    total = [Fraction(0)] * len(rows)
    for k in range(len(A)):  # A = M D M^T with M lower triangular, ones on its diagonal; the sum is (M^-1 r)^2 / D
        total = [t + r[k] ** 2 / A[k][k] for t, r in zip(total, rows, strict=True)]
        for i in range(k + 1, len(A)):
            factor = A[i][k] / A[k][k]
            A[i] = [a - factor * b for a, b in zip(A[i], A[k], strict=True)]
            for r in rows:
                r[i] -= factor * r[k]
    return np.array([float(t) for t in total])


assert np.allclose(exact_variances(precision, J[:3]), V[:3], rtol=1e-10)

# %% [markdown]
# A weak prior makes a precision *ill-conditioned*. Its *condition number*, the largest eigenvalue over the smallest, is
# then large, for what the data leaves open is held by the prior alone. Take a network of 25 parameters at random
# values, the variances of $f$ at 15 inputs, and weaker and weaker priors.

# %%
larger = BayesianModel(MLP(1, 8, 1, activation="tanh"), Gaussian(sigma))
theta_larger = np.random.default_rng(0).normal(size=larger.network.n_params)
curvature = ggn(larger, theta_larger, X, y)
rows = larger.network.jacobian(theta_larger, np.linspace(0, 8, 15)[:, None])[:, 0]  # (15, P)
conditions = np.array([1e6, 1e8, 1e10, 1e12, 1e14])
rounding = {"with the inverse": [], "with the Cholesky factor": []}
for condition in conditions:
    A = curvature + np.linalg.norm(curvature, 2) / condition * np.eye(len(curvature))
    assert np.isclose(np.linalg.cond(A), condition, rtol=0.01)
    by_inverse = np.einsum("np,pq,nq->n", rows, np.linalg.inv(A), rows)
    by_factor = (solve_triangular(cholesky(A, lower=True), rows.T, lower=True) ** 2).sum(axis=0)
    without_rounding = exact_variances(A, rows)
    for name, variances in zip(rounding, [by_inverse, by_factor], strict=True):
        rounding[name].append(np.median(np.abs(variances / without_rounding - 1)))
inverse, factor = rounding.values()
assert 5 < np.exp(np.mean(np.log(np.divide(inverse, factor)))) < 50
assert np.all(np.diff([inverse, factor]) > 0)
print("the inverse's error is larger: on (geometric) average 5 to 50 times")

# %%
fig, ax = plt.subplots()
for (name, error), colour, marker in zip(rounding.items(), ["C1", "C0"], "s^", strict=True):
    ax.loglog(conditions, error, marker + "-", color=colour, label=name)
ax.set(xlabel="condition number of the precision", ylabel="relative error of the variance of $f$")
ax.legend()
plt.show()

# %% [markdown]
# Digits are lost as the condition number grows, and by either way: that is in the nature of the problem. The inverse
# loses about one more.

# %% [markdown]
# ## Summary
#
# - Posterior precision = curvature + prior; its Cholesky factor $L$ answers everything:
#   $\log\det = 2 \sum_i \log L_{ii}$, samples $\theta + L^{-\top} z$, variances $|L^{-1} J^\top|^2$.
# - A posterior over parameters is one over functions. Sampled functions agree where there is data and part elsewhere.
# - The Gaussian belongs to the linearised network; long steps through the network itself miss the data.
# - Error bars: $V = J \Sigma J^\top$ for the curve, $V + \sigma^2$ for a new target.
# - The inverse costs digits and says nothing when it fails. Solve with the factor instead.
# - Importance weights tell whether the posterior is near its Gaussian: $\hat k$ above 0.7 says that it is not.
#
# *Read on* (entries in the [references](references.md)): Higham (2002), chapter 10 on the Cholesky factor and chapter
# 14 on why one does not invert; Immer, Korzepa and Bauer (2021b), section 3, on the linearised network to which the GGN
# belongs; Vehtari et al. (2024) on $\hat k$ and what it does not see.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 5.1: temperature
#
# A *temperature* $T$ divides the curvature of the data and leaves the prior alone: with $T > 1$ the data counts less.
# Write the posterior precision of `model` at `theta` for any $T$, from pieces of this tutorial.


# %% tags=["exercise"]
def tempered_precision(T):
    """Return the posterior precision at the temperature T, (P, P)."""
    return ...


def by_the_library(T):
    """Return it from a Laplace approximation with this temperature."""
    return Laplace(model, theta, temperature=T).fit(X, y).posterior.precision()


def prior_counts(times):
    """Return the posterior precision that counts the prior so many times, as a function of the temperature."""
    return lambda T: by_the_library(T) + (times(T) - 1) * model.prior_precision * np.eye(P)


exercise_5_1 = check_function(
    "tempered precision",
    tempered_precision,
    by_the_library,
    draw=lambda rng: rng.uniform(0.2, 5),
    mistakes={
        "T divides the prior as well": prior_counts(lambda T: 1 / T),
        "the prior is missing": prior_counts(lambda T: 0),
        "the prior once inside and once outside": prior_counts(lambda T: 1 + 1 / T),
        "T times the curvature in place of a T-th of it": lambda T: by_the_library(1 / T),
    },
)
print(exercise_5_1)

# %% [markdown]
# ### Exercise 5.2: the determinant of the covariance
#
# $A = L L^\top$ is a precision, and $L$ is given. What is $\log \det A^{-1}$, that of the covariance this time? Use $L$
# and no other matrix. The check comes with 400 parameters: neither $\det A$ nor the product of the $L_{ii}$ is in the
# range of floating point there.


# %% tags=["exercise"]
def log_det_covariance(L):
    """Return the log-determinant of the inverse of L L^T, a number."""
    return ...


def by_eigenvalues(L):
    """Return it from the eigenvalues of L L^T."""
    return -np.log(np.linalg.eigvalsh(L @ L.T)).sum()


def a_factor(rng):
    """Return a lower triangular matrix with small positive numbers on its diagonal, (400, 400)."""
    return np.tril(rng.normal(scale=1e-4, size=(400, 400)), k=-1) + np.diag(rng.uniform(0.05, 0.2, size=400))


exercise_5_2 = check_function(
    "log det of the covariance",
    log_det_covariance,
    by_eigenvalues,
    draw=a_factor,
    mistakes={
        "that of the precision": lambda L: -by_eigenvalues(L),
        "that of one of the two factors": lambda L: by_eigenvalues(L) / 2,
        "a product that has left the range of floating point": lambda L: np.inf,
    },
)
print(exercise_5_2)

# %% [markdown]
# ### Exercise 5.3: draw from it
#
# Make a draw of $\mathcal{N}(m, A^{-1})$ from white noise $z$. (Beware: $L z$ has the covariance $L L^\top$, which is
# the precision.) There is more than one way to do it. So the check does not ask for certain numbers. What you do to $z$
# is linear, $m + M z$, and the check finds $M M^\top$, which has to be the covariance, by asking for the draws of
# orthonormal $z$.


# %% tags=["exercise"]
def draw_one(m, A, z):
    """Return a draw of the Gaussian with mean m (P,) and precision A (P, P), made of white noise z (P,)."""
    return ...


def mean_and_covariance(draw_one, m, A, Q):
    """Return the mean of the draws, below it their covariance, (P + 1, P); the rows of Q are orthonormal."""
    centre = draw_one(m, A, np.zeros(len(m)))
    if centre is ...:
        return ...
    M = np.stack([np.subtract(draw_one(m, A, z), centre) for z in Q], axis=1)
    return np.vstack([centre, M @ M.T])


def a_gaussian(rng):
    """Return a mean, a precision and orthonormal vectors."""
    rows = rng.normal(size=(9, 6))
    return rng.normal(size=6), rows.T @ rows, np.linalg.qr(rng.normal(size=(6, 6)))[0]


exercise_5_3 = check_function(
    "mean, and below it covariance, of a draw",
    lambda m, A, Q: mean_and_covariance(draw_one, m, A, Q),
    lambda m, A, Q: np.vstack([m, np.linalg.inv(A)]),
    draw=a_gaussian,
    rtol=1e-7,
    mistakes={
        "the precision for the covariance": lambda m, A, Q: np.vstack([m, A]),
        "L^-1 z in place of L^-T z": lambda m, A, Q: np.vstack([m, np.linalg.inv(cholesky(A) @ cholesky(A).T)]),
        "only the diagonal of L is read": lambda m, A, Q: np.vstack([m, np.diag(np.diag(cholesky(A)) ** -2)]),
        "the covariance times z": lambda m, A, Q: np.vstack([m, np.linalg.inv(A @ A)]),
        "the mean is missing": lambda m, A, Q: np.vstack([0 * m, np.linalg.inv(A)]),
    },
)
print(exercise_5_3)

# %% [markdown]
# ### Exercise 5.4: an error bar
#
# With which standard deviations does the model predict *targets* at the inputs `x`? Go the whole way: Jacobian,
# triangular solve, noise. The check comes with other priors, so `L` is the factor to use, whatever `la` is.


# %% tags=["exercise"]
def target_deviation(x, L):
    """Return the standard deviations of targets at x (N, 1), as numbers (N,); L L^T is the posterior precision."""
    return ...


def variance_of_f(x, L):
    """Return the variance of the linearised outputs, from the covariance, (N,)."""
    rows = network.jacobian(theta, x)[:, 0]
    return np.sum(rows @ cho_solve((L, True), np.eye(P)) * rows, axis=1)


def inputs_and_factor(rng):
    """Return three inputs, and the factor of the posterior precision under another prior."""
    return rng.uniform(-1, 9, size=(3, 1)), cholesky(
        ggn(model, theta, X, y) + rng.uniform(0.1, 3) * np.eye(P), lower=True
    )


exercise_5_4 = check_function(
    "deviation of a target",
    target_deviation,
    lambda x, L: np.sqrt(variance_of_f(x, L) + sigma**2),
    draw=inputs_and_factor,
    rtol=1e-7,
    mistakes={
        "the noise is missing": lambda x, L: np.sqrt(variance_of_f(x, L)),
        "deviations added up, not variances": lambda x, L: np.sqrt(variance_of_f(x, L)) + sigma,
        "sigma in place of its square": lambda x, L: np.sqrt(variance_of_f(x, L) + sigma),
        "the variance in place of its root": lambda x, L: variance_of_f(x, L) + sigma**2,
        "L^T for L in the triangular system": lambda x, L: np.sqrt(
            (solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True, trans="T") ** 2).sum(axis=0) + sigma**2
        ),
    },
)
print(exercise_5_4)

# %% [markdown]
# ### Exercise 5.5: how sure is a difference?
#
# Does the curve fall between $x = 3.3$ and $x = 4.3$? Does it rise between $x = 4.3$ and $x = 4.8$? The values at both
# ends are uncertain, but they move together, so their difference is known better. Write a function that returns the
# mean and the variance of $f(x') - f(x)$. (For the linearised network, the difference has a Jacobian too.) Then call a
# difference *decided* if zero is more than two deviations from its mean, and answer the two questions.


# %% tags=["exercise"]
def difference(x, x_other):
    """Return mean and variance of f(x_other) - f(x) under the posterior of `la`, (2,), for two numbers."""
    return ...


def two_outputs(x, x_other):
    """Return mean (2,) and covariance (2, 2) of the linearised outputs at two inputs."""
    two = np.array([[x], [x_other]])
    return network.forward(theta, two)[:, 0], la.functional_covariance(two)[:, 0, :, 0]


def with_covariance(times):
    """Return mean and variance of the difference as a function that takes off the covariance so many times."""

    def mean_and_variance(x, x_other):
        f, cov = two_outputs(x, x_other)
        return np.array([f[1] - f[0], cov[0, 0] + cov[1, 1] - times * cov[0, 1]])

    return mean_and_variance


exercise_5_5 = check_function(
    "mean and variance of the difference",
    difference,
    with_covariance(2),
    draw=lambda rng: tuple(rng.uniform(0, 8, size=2)),
    rtol=1e-7,
    mistakes={
        "as if the two were independent": with_covariance(0),
        "the covariance taken off once, not twice": with_covariance(1),
        "the variance of the sum": with_covariance(-2),
        "f(x) - f(x'), the other way round": lambda x, x_other: with_covariance(2)(x_other, x),
        "the noise of two targets is in it": lambda *xs: with_covariance(2)(*xs) + np.array([0, 2 * sigma**2]),
    },
)
print(exercise_5_5)

# %% [markdown]
# ### Derive 5.6: all weights are equal (4 marks)
#
# Let the model be linear in $\theta$, $f_n = j_n^\top \theta$, with Gaussian noise and a Gaussian prior around zero.
# Show that the importance weights $w_s$ of Laplace's Gaussian do not depend on $\theta_s$, and that each is the
# evidence $p(y)$. Start from the loss: what are its derivatives of third order? At which step would the argument fail
# for labels?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 5.7: samples that miss the data (3 marks)
#
# Somebody fits Laplace with the GGN, draws ten parameter vectors, runs the network with each of them, and finds that
# none of the ten follows the training data. They conclude that the Gaussian is wrong and make the prior stronger. What
# happened, what should they do instead, and what would the stronger prior have done?

# %% [markdown]
# *Your answer:*
