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
# # 14. A likelihood of your own
#
# After this tutorial you can write the likelihood that your data needs, check its derivatives, and hand it to all that
# the other tutorials use: training, curvature, posterior, evidence, predictions.
#
# - Passage of the post: *From Bayesian Logistic Regression ...*, the likelihood of a label is one choice of many.
# - Modules: `model` (`Likelihood`), `checks`, `curvature`, `training`, `evidence`, `predictive`.
#
# N samples, C outputs, P parameters. A likelihood is $p(y \mid f)$: how probable a target is, given the outputs
# $f$ (N, C) of the network. The library asks it for four things, and knows nothing else about it:
#
# | method | returns | shape |
# |---|---|---|
# | `nll(f, y)` | $-\log p(y_n \mid f_n)$ | (N,) |
# | `gradient(f, y)` | its derivative in $f_n$ | (N, C) |
# | `factor(f)` | rows $R_n$ with $R_n^T R_n$ = the Fisher information | (N, K, C) |
# | `mean(f)` | $\mathrm{E}[y \mid f]$ | (N, C) |
#
# All derivatives are *in the outputs*. The network's own (tutorial 3) do the rest, by the chain rule. `nll` is the
# likelihood alone, negative and in logarithms; with the prior's penalty it becomes the loss (tutorial 2). In
# `one_page.py` the likelihood of labels is three expressions: the nll is `np.logaddexp(0, f) - y * f`, the gradient in
# `gradient` is `plugin(theta, X, sizes) - y`, and the square of the factor in `ggn` is `p * (1 - p)`; the mean is
# `sigmoid(f)`.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import t as student

from minilaplace import (
    MLP,
    BayesianModel,
    Gaussian,
    Laplace,
    check_function,
    check_gradient,
    check_hessian,
    fit_map,
    marglik_training,
    one_page,
)
from minilaplace.curvature import hessian
from minilaplace.model import Bernoulli, Categorical, Likelihood
from minilaplace.model_average import exact_posterior

plt.style.use("minilaplace.course")
for line in ("np.logaddexp(0, f) - y * f", "plugin(theta, X, sizes) - y", "p * (1 - p)"):
    assert line in inspect.getsource(one_page)

# %% [markdown]
# ## Waiting times
#
# How many minutes until the bus comes? It depends on the hour x, here in units of three hours from noon. Nobody has
# waited around x = 0. The times are positive, and where the mean is long they scatter more: an *exponential*
# distribution, $p(y) = \frac{1}{\mu} e^{-y / \mu}$ with mean $\mu$.

# %%
rng = np.random.default_rng(0)
x = rng.uniform(-2.5, 2.5, size=160)
X = x[np.abs(x) > 0.6, None]


def true_mean(x):
    """Return the mean waiting time in minutes."""
    return np.exp(1.5 + np.sin(2 * x))


y = rng.exponential(true_mean(X))  # (N, 1)
print(f"{len(X)} times, from {60 * y.min():.1f} seconds to {y.max():.0f} minutes")

# %% [markdown]
# The likelihood of tutorial 10 does not know that time is positive. Its prior and its noise are chosen by the evidence,
# and still it gives a good part of its probability to buses that came before one had begun to wait.

# %%
start = BayesianModel(MLP(1, 8, 1), Gaussian(), prior_precision=1.0)
gaussian, theta_gaussian = marglik_training(start, X, y, optimize_noise=True, rng=0)
la_gaussian = Laplace(gaussian, theta_gaussian).fit(X, y)
mean, variance = la_gaussian.predict([[-1.0], [1.0]])
for place, below in zip(["x = -1", "x =  1"], ndtr(-mean / np.sqrt(variance))[:, 0], strict=True):
    print(f"{place}: probability of a negative time {below:.2f}")
    assert below > 0.1

# %% [markdown]
# ## On paper
#
# A network's output can be any number, a mean waiting time only a positive one. So let the output be its logarithm,
# $f = \log \mu$. Then
#
# $$-\log p(y \mid f) = f + y e^{-f}, \qquad \frac{d}{df} = 1 - y e^{-f}, \qquad \frac{d^2}{df^2} = y e^{-f}$$
#
# The second derivative depends on $y$. Its average over $y$, which has the mean $e^f$, is the **Fisher information**:
#
# $$\mathrm{E}\left[y e^{-f}\right] = e^f e^{-f} = 1$$
#
# It is what the generalised Gauss-Newton matrix (tutorial 4) is made with. The Fisher information is never negative,
# whatever the density, and that is why the method asks for a *factor* R of it: here $R = 1$.
#
# ## Four methods


# %%
class Waiting(Likelihood):
    """Waiting times y > 0 with the log means f: -log p(y | f) = f + y exp(-f), summed over outputs."""

    def nll(self, f, y):
        """Return -log p(y | f), (N,)."""
        return (f + y * np.exp(-f)).sum(axis=1)

    def gradient(self, f, y):
        """Return its derivative in f, (N, C): here with a mistake."""
        return 1 + y * np.exp(-f)

    def factor(self, f):
        """Return R = 1 for each output, (N, C, C)."""
        return np.broadcast_to(np.eye(f.shape[1]), (*f.shape, f.shape[1]))

    def mean(self, f):
        """Return the mean waiting time, (N, C)."""
        return np.exp(f)


# %% [markdown]
# Everybody loses a sign once in a while. So before it is used, each line is checked against another route to the same
# number. For the gradient these are finite differences (tutorial 3). Here $f$ of eight samples is what varies:

# %%
f_try, y_try = np.linspace(-2, 2, 8), y[:8]


def nll_of(likelihood):
    """Return the summed nll as a function of the outputs (8,)."""
    return lambda f: likelihood.nll(f[:, None], y_try).sum()


def gradient_of(likelihood):
    """Return the likelihood's gradient as a function of the outputs (8,)."""
    return lambda f: likelihood.gradient(f[:, None], y_try)[:, 0]


wrong = check_gradient(nll_of(Waiting()), gradient_of(Waiting()), f_try)
print(f"agrees: {wrong.passed}; at {wrong.index} expected {wrong.expected:.4f}, received {wrong.received:.4f}")
assert not wrong
assert round(f_try[wrong.index[0]], 2) == 0.29
assert np.isclose(1 - wrong.expected, wrong.received - 1, rtol=1e-6)

# %% [markdown]
# There $f = 0.29$, and the two numbers differ from 1 by the same amount, in opposite directions. Mend the sign:


# %%
class Signed(Waiting):
    """The same with the right gradient."""

    def gradient(self, f, y):
        """Return the derivative of nll in f, (N, C)."""
        return 1 - y * np.exp(-f)


right = check_gradient(nll_of(Signed()), gradient_of(Signed()), f_try)
print(f"agrees: {right.passed}")
assert right

# %% [markdown]
# A derivative says nothing about a constant that was left out. But the evidence needs a density that integrates to one
# over $y$, so that likelihoods can be compared. And the factor has to be that of an average over $y$. Both are
# integrals.
#
# > **Common mistake.** An nll without its normaliser, `y * np.exp(-f)` in place of `f + y * np.exp(-f)`, or without a
# > constant. In the first the gradient is wrong as well, and a check of one against the other passes. In the second
# > training, curvature and predictions are right, and only the evidence is not. The integral notices both.

# %%
f_one = np.array([[0.7]])


def average(of):
    """Return the integral of of(y) p(y | f) over y > 0."""
    return quad(lambda t: of(np.array([[t]])) * np.exp(-Signed().nll(f_one, np.array([[t]]))[0]), 0, np.inf)[0]


total = average(lambda y: 1.0)
fisher = average(lambda y: Signed().gradient(f_one, y)[0, 0] ** 2)
print(f"the density integrates to {total:.6f}, the mean square of its gradient is {fisher:.6f}")
assert np.isclose(total, 1, rtol=1e-8)
assert np.isclose(quad(lambda t: np.exp(-t * np.exp(-0.7)), 0, np.inf)[0], np.exp(0.7), rtol=1e-8)  # without the f
assert np.isclose(fisher, Signed().factor(f_one)[0, 0, 0] ** 2, rtol=1e-8)

# %% [markdown]
# The mean square of the gradient is the Fisher information too (you showed it in 4.6), so there are two ways to check
# a factor.
#
# ## When the Hessian is not the Fisher information
#
# For `Bernoulli`, `Categorical` and `Gaussian`, the likelihoods of most tutorials so far, the second derivative in the
# outputs does not depend on $y$, and equals its average. Not so here. `hessian` returns the Fisher information as long
# as it is told nothing else:

# %%
for likelihood, targets in [(Bernoulli(), (0, 1)), (Categorical(), (0, 2)), (Gaussian(), (-1.0, 3.0))]:
    outputs = np.array([[0.7, -0.2, 0.4]]) if likelihood == Categorical() else f_one
    one, other = (likelihood.hessian(outputs, np.array([target])) for target in targets)
    assert np.array_equal(one, other)


def hessian_of(likelihood):
    """Return the likelihood's Hessian as a function of the outputs (8,), a diagonal (8, 8)."""
    return lambda f: np.diag(likelihood.hessian(f[:, None], y_try)[:, 0, 0])


only_fisher = check_hessian(nll_of(Signed()), hessian_of(Signed()), f_try)
print(f"agrees: {only_fisher.passed}; expected {only_fisher.expected:.4f}, received {only_fisher.received:.4f}")
assert not only_fisher

# %% [markdown]
# The hook for it is called `hessian_minus_fisher`: what the exact Hessian has beyond the Fisher information, here
# $y e^{-f} - 1$. Only the exact Hessian asks for it; the GGN does not. While we are at it, let us say what else is
# known: that the variance of an exponential is the square of its mean, and that a time is positive.


# %%
class Exponential(Signed):
    """Waiting times with their exact Hessian, their noise, and a check of targets."""

    def hessian_minus_fisher(self, f, y):
        """Return d2 nll / d f2 less its average over y, (N, C, C)."""
        return (y * np.exp(-f) - 1)[:, :, None] * np.eye(f.shape[1])

    def noise_variance(self, f):
        """Return Var[y | f], in the shape of the mean."""
        return np.exp(2 * f)

    def check_targets(self, y, n_samples, n_outputs):
        """Return y as (N, C) positive numbers, or raise a ValueError."""
        y = super().check_targets(y, n_samples, n_outputs)
        if not (y > 0).all():
            raise ValueError(f"y: expected positive waiting times, received {y.min():g}")
        return y


exact = check_hessian(nll_of(Exponential()), hessian_of(Exponential()), f_try)
print(f"agrees: {exact.passed}")
assert exact

# %% [markdown]
# ## It trains, and it fits
#
# Nothing in the library has to be told of the new class. A model takes it as it takes `Bernoulli()`, and the
# derivatives in all P parameters are right if those in $f$ are:

# %%
model = BayesianModel(MLP(1, 8, 1), Exponential(), prior_precision=1.0)
P = model.network.n_params
theta_try = model.network.init(rng=1)
in_theta = check_gradient(lambda t: model.loss(t, X, y), lambda t: model.gradient(t, X, y), theta_try)
twice = check_hessian(
    lambda t: model.loss(t, X, y), lambda t: hessian(model, t, X, y) + model.prior_precision * np.eye(P), theta_try
)
print(f"the gradient of the loss agrees: {in_theta.passed}; its Hessian: {twice.passed}")
assert in_theta
assert twice

# %%
theta = fit_map(model, X, y, rng=0)
la = Laplace(model, theta).fit(X, y)
print(f"log evidence {la.log_marginal_likelihood():.1f}, of the Gaussian {la_gaussian.log_marginal_likelihood():.1f}")
tuned, theta = marglik_training(model, X, y, theta0=theta)
la = Laplace(tuned, theta).fit(X, y)
print(f"log evidence {la.log_marginal_likelihood():.1f} with prior precision {tuned.prior_precision:.2f}")
assert la.log_marginal_likelihood() > la_gaussian.log_marginal_likelihood() + 50

# %% [markdown]
# The evidence compares likelihoods as it compares priors (tutorial 8), because both are densities of the same $y$. Here
# it is more than 50 nats higher for the waiting times, although the Gaussian could choose its noise.
#
# > **Common mistake.** To compare evidences of different data: of minutes and of seconds, of $y$ and of $\log y$, of
# > all samples and of those that are left when outliers are thrown out. They are densities in different units, or of
# > different numbers of samples. The next cell makes the mistake; question 14.5 is about what it prints.

# %%
of_logarithms, theta_log = marglik_training(start, X, np.log(y), optimize_noise=True, rng=0)
la_log = Laplace(of_logarithms, theta_log).fit(X, np.log(y))
print(f"log evidence of the Gaussian, fitted to log y: {la_log.log_marginal_likelihood():.0f}")
assert la_log.log_marginal_likelihood() > la.log_marginal_likelihood() + 100

# %% [markdown]
# How good is Laplace's evidence? For a single layer with two parameters, `exact_posterior` does the integral on a grid
# (tutorial 2), for any likelihood. The GGN and the exact Hessian are now two different approximations of it, and the
# exact Hessian, which has seen the targets, is the better one here:

# %%
linear = BayesianModel(MLP(1, 1), Exponential(), prior_precision=1.0)
theta_linear = fit_map(linear, X, y, rng=0)
integral = exact_posterior(linear, X, y).log_marginal_likelihood
errors = {}
for curvature in ("ggn", "hessian"):
    by_laplace = Laplace(linear, theta_linear, curvature=curvature).fit(X, y).log_marginal_likelihood()
    errors[curvature] = abs(by_laplace - integral)
    print(f"{curvature:8} {by_laplace:.2f}, the integral {integral:.2f}, difference {errors[curvature]:.3f}")
assert errors["hessian"] < 0.01 < errors["ggn"] < 0.1

# %% [markdown]
# ## It predicts
#
# With nothing but the four methods a prediction is the mean, averaged over samples of $f$ (`mc`), which works for any
# likelihood. With a `noise_variance` it is a `Prediction` of mean and variance. And where the average is known in
# closed form, `moments` says so, and the link `exact` needs no samples. Under the posterior $f \sim \mathcal{N}(m, v)$,
# so that $e^f$ is log-normal:
#
# $$\mathrm{E}[y] = e^{m + v/2}, \qquad \mathrm{E}[\mathrm{Var}(y \mid f)] = \mathrm{E}[e^{2f}] = e^{2m + 2v}, \qquad
# \mathrm{Var}(\mathrm{E}[y \mid f]) = e^{2m + v} (e^v - 1)$$


# %%
class ExactExponential(Exponential):
    """Waiting times whose predictive has closed moments; the first of `links` is the default."""

    links = ("exact", "plugin", "mc", "nn")

    def moments(self, m, v):
        """Return E[y], E[Var[y | f]] and Var[E[y | f]] for f ~ N(m, v)."""
        return np.exp(m + v / 2), np.exp(2 * m + 2 * v), np.exp(2 * m + v) * np.expm1(v)


closed = Laplace(BayesianModel(tuned.network, ExactExponential(), tuned.prior_precision), theta).fit(X, y)
places = [[-1.0], [0.0], [1.0]]
for link in ("exact", "mc"):
    mean, variance = closed.predict(places, link, n_samples=100_000, rng=0)
    print(f"{link:5}: mean {mean[:, 0].round(1)}, standard deviation {np.sqrt(variance[:, 0]).round(1)}")
assert np.allclose(closed.predict(places).mean, closed.predict(places, "mc", n_samples=100_000, rng=0).mean, rtol=0.02)

# %% [markdown]
# And the picture. On the left the Gaussian, on the right the waiting times. The blue band is the uncertainty of the
# mean alone; the grey one holds 90% of the times to come, by sampling $f$ and then $y$. Both leave the picture where
# nobody has waited, the Gaussian's at the bottom, those of the waiting times at the top.
#
# > **Predict first.** How will the width of the grey band change with x, on the left and on the right? What will the
# > Gaussian's mean do near x = 0.7, where five people have waited for more than 25 minutes?
#
# <details><summary>Answer</summary>
#
# The Gaussian's band is about as wide everywhere among the data, so too wide where times are short, as at x = 2, where
# a part of it is below zero. The band of the waiting times grows with the mean. The Gaussian's mean goes right through
# the long times, up to three times the true mean, because under its noise they would be nearly impossible otherwise.
#
# </details>

# %%
line = np.linspace(-3, 3, 121)[:, None]
f_drawn = closed.functional_samples(line, 2000, rng=0)[:, :, 0]  # (S, 121)
y_drawn = np.random.default_rng(0).exponential(np.exp(f_drawn))
f_normal = la_gaussian.functional_samples(line, 2000, rng=0)[:, :, 0]
y_normal = np.random.default_rng(0).normal(f_normal, gaussian.likelihood.sigma_noise)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for ax, title, means, times in zip(
    axes, ["Gaussian noise", "waiting times"], [f_normal, np.exp(f_drawn)], [y_normal, y_drawn], strict=True
):
    ax.fill_between(line[:, 0], *np.quantile(times, [0.05, 0.95], axis=0), color="0.85", label="90% of the times")
    low, high = np.quantile(means, [0.05, 0.95], axis=0)
    ax.fill_between(line[:, 0], low, high, color="C0", alpha=0.5, label="90% of the means")
    ax.plot(line[:, 0], np.median(means, axis=0), color="C0", label="median of the means")
    ax.plot(line[:, 0], true_mean(line[:, 0]), ":", color="black", label="true mean")
    ax.plot(X[:, 0], y[:, 0], ".", color="black", markersize=4)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(title=title, xlabel="x", ylim=(-12, 55))
axes[0].set_ylabel("minutes")
fig.legend(*axes[0].get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=4)
plt.show()

# %%
assert y_drawn.min() > 0 > y_normal.min()
at = [np.abs(line[:, 0] - place).argmin() for place in (-2.0, -1.0, 1.0, 2.0)]
short, long = [at[1], at[3]], [at[0], at[2]]
width, width_normal = (np.ptp(np.quantile(times, [0.05, 0.95], axis=0), axis=0) for times in (y_drawn, y_normal))
width_true = np.log(0.95 / 0.05) * true_mean(line[:, 0])  # of an exponential with the true mean
assert np.all(width[short] < 1.6 * width_true[short])
assert width[long].min() > 2 * width[short].max()
assert np.ptp(width_normal[at]) < 3
assert np.quantile(y_normal[:, at[3]], 0.05) < 0
unseen = np.abs(line[:, 0]) < 0.6  # both bands leave the picture, the Gaussian's below, the waiting times' above
assert max(np.quantile(values[:, unseen], 0.05, axis=0).min() for values in (f_normal, y_normal)) < -12
assert min(np.quantile(values[:, unseen], 0.95, axis=0).max() for values in (np.exp(f_drawn), y_drawn)) > 55
assert np.all(width_normal[short] > 2.5 * width_true[short])
mean_normal = la_gaussian.predict(line).mean[:, 0]
assert 2.5 < mean_normal.max() / true_mean(line).max() < 3.1
assert abs(line[mean_normal.argmax(), 0] - 0.7) < 0.1
assert np.sum(y[np.abs(X - 0.7) < 0.1] > 25) == 5
too_long = np.sum(y - true_mean(X) > 4.5 * gaussian.likelihood.sigma_noise)
print(f"times more than 4.5 standard deviations of the Gaussian's noise above the true mean: {too_long}")
assert too_long == 3

# %% [markdown]
# The waiting times' bands are narrow where times are short, wide where they are long, and never below zero. The
# Gaussian has one noise for all hours: it is too wide where times are short, and a few long waits bend its mean up to
# about three times the true mean. Under its noise such times would be nearly impossible otherwise: three of them are
# more than 4.5 of its standard deviations above the true mean.
#
# ## What else there is to say
#
# Everything beyond the four methods is there to be overridden when you know more:
#
# | method | say it when | otherwise |
# |---|---|---|
# | `hessian_minus_fisher` | the second derivative depends on y, and you want exact Hessians | it is taken to be 0 |
# | `noise_variance` | predictions should be a mean *and* a variance | they are means |
# | `moments`, and `"exact"` in `links` | the average over f is known | it is sampled |
# | `check_targets` | not every real number is a target | (N, C) real numbers |
# | `check_outputs` | not every number of outputs makes sense | any number |
# | `log_score` | held-out data should judge by another density | the Gaussian of mean and variance |
# | `sigma_noise`, `with_noise`, `noise_ratio`, `log_normalizer` | the evidence should tune a noise | it has none |
#
# The library's own likelihoods are written in the same way, through the same methods. `Poisson`, for counts, is a good
# one to read next: `minilaplace/model/poisson.py`.
#
# ## Summary
#
# - A likelihood is four methods: nll, gradient, a factor of the Fisher information, mean; all in the outputs f.
# - Check each by a second route: finite differences for derivatives, an integral for the normaliser and the factor.
# - The GGN takes the Fisher information, which is never negative; the exact Hessian may differ, and be indefinite.
# - Then training, curvature in every structure, evidence, links and the model averages work as for any other.
#
# *Read on:* McCullagh and Nelder (1989), chapter 8, has models whose deviation grows with their mean, as here. Bishop
# (2006), section 2.3.7, has Student's t. Martens (2020) relates Fisher information, Gauss-Newton matrix and Hessian.
# All are in the [references](references.md).
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 14.1: the gradient of a noise with outliers
#
# Student's t has heavy tails: with $\nu$ degrees of freedom and $r = f - y$,
# $-\log p(y \mid f) = \frac{\nu + 1}{2} \log(1 + r^2 / \nu) + \text{const}$. Write its gradient in $f$.

# %% tags=["exercise"]
nu = 4.0
y_student = np.array([0.0, 1.0, -2.0, 30.0])  # the last is an outlier


def student_gradient(f):
    """Return the gradient of the nll in f, (4,), for the targets y_student (4,)."""
    return ...


def student_nll(f):
    """Return the summed nll, up to a constant."""
    return ((nu + 1) / 2 * np.log1p((f - y_student) ** 2 / nu)).sum()


def off_by(f):
    """Return the residuals, (4,)."""
    return f - y_student


exercise_14_1 = check_gradient(
    student_nll,
    student_gradient,
    np.random.default_rng(14).normal(size=4),
    mistakes={
        "the gradient in y, or y - f in place of f - y": lambda f: -(nu + 1) * off_by(f) / (nu + off_by(f) ** 2),
        "the residual, as for a Gaussian": off_by,
        "nu is missing below": lambda f: (nu + 1) * off_by(f) / (1 + off_by(f) ** 2),
        "the inner derivative, that of r^2 / nu, is missing": lambda f: (nu + 1) / 2 / (1 + off_by(f) ** 2 / nu),
        "a sum over the samples": lambda f: ((nu + 1) * off_by(f) / (nu + off_by(f) ** 2)).sum(),
    },
)
print(exercise_14_1)

# %% [markdown]
# ### Exercise 14.2: why a factor, and not a Hessian
#
# Differentiate once more: $\frac{d^2}{df^2} = (\nu + 1) \frac{\nu - r^2}{(\nu + r^2)^2}$. For the outlier it is
# *negative*: no factor R has $R^2$ below zero. Find its average over $y$, the Fisher information, by `quad` and SciPy's
# density of r, `student(nu).pdf`. The check takes the other way, the mean square of the gradient. The answer is $(\nu +
# 1) / (\nu + \dots)$ with a whole number in the place of the dots: which one?


# %% tags=["exercise"]
def student_fisher(nu):
    """Return the Fisher information, a number, for nu degrees of freedom."""
    return ...


r_outlier = 0.2 - 30.0
second = (4.0 + 1) * (4.0 - r_outlier**2) / (4.0 + r_outlier**2) ** 2
assert second < 0


def over_all(integrand):
    """Return the integral over all r of a function of r and nu."""
    return lambda nu: quad(integrand, -np.inf, np.inf, args=(nu,), epsabs=1e-12)[0]


def second_derivative(r, nu):
    """Return the second derivative of the nll."""
    return (nu + 1) * (nu - r**2) / (nu + r**2) ** 2


exercise_14_2 = check_function(
    "Fisher information",
    student_fisher,
    over_all(lambda r, nu: ((nu + 1) * r / (nu + r**2)) ** 2 * student(nu).pdf(r)),
    draw=lambda rng: rng.uniform(2, 9),
    rtol=1e-6,
    mistakes={
        "not weighted with the density, or the gradient not squared, which both give 0": lambda nu: 0.0,
        "half of the line": lambda nu: quad(lambda r: second_derivative(r, nu) * student(nu).pdf(r), 0, np.inf)[0],
        "that of r at zero, not an average": lambda nu: second_derivative(0, nu),
        "as for a Gaussian": lambda nu: 1.0,
    },
)
print(exercise_14_2)

# %% [markdown]
# ### Exercise 14.3: those who gave up
#
# Some people went home before the bus came. All that is known of them is that they would have waited longer than $y$:
# the probability of that is $e^{-y / \mu}$, so that their nll is $y e^{-f}$ without the $f$. Let `came` be 1 where the
# bus came and 0 where it did not. For one common $f$ the summed nll is least where its derivative is zero. Find the
# mean waiting time $e^f$ there. The check looks for the zero by bisection, of other people's times.


# %% tags=["exercise"]
def mean_wait(seen, came):
    """Return the mean waiting time in minutes, from the times (N,) that were waited and whether the bus came, (N,)."""
    return ...


class Censored(Exponential):
    """Times of which some are only known to be longer; targets are (N, 2), the time and whether the bus came."""

    def nll(self, f, y):
        """Return -log p, (N,)."""
        return y[:, 1] * f[:, 0] + y[:, 0] * np.exp(-f[:, 0])

    def gradient(self, f, y):
        """Return its derivative in f, (N, 1)."""
        return y[:, 1:] - y[:, :1] * np.exp(-f)

    def check_targets(self, y, n_samples, n_outputs):
        """Return y as (N, 2)."""
        return np.reshape(y, (n_samples, 2))


def some_people(rng):
    """Return how long they waited, and whether the bus came."""
    waited, patience = rng.exponential(6.0, size=200), rng.exponential(8.0, size=200)
    return np.minimum(waited, patience), (waited < patience).astype(float)


def by_bisection(seen, came):
    """Return e^f where the derivative of the summed nll is zero."""
    times = np.column_stack([seen, came])
    return np.exp(brentq(lambda f: Censored().gradient(np.full((len(seen), 1), f), times).sum(), -9, 9, xtol=1e-13))


seen, came = some_people(np.random.default_rng(1))
constant = BayesianModel(MLP(1, 1), Censored(), prior_precision=[1e8, 1e-8])  # the bias alone is free
theta_constant = fit_map(constant, np.zeros((200, 1)), np.column_stack([seen, came]), rng=0)
assert np.isclose(np.exp(theta_constant[1]), by_bisection(seen, came), rtol=1e-5)  # the library finds it, too
assert by_bisection(seen, came) > max(seen[came == 1].mean(), seen.mean())  # longer than both means
exercise_14_3 = check_function(
    "mean waiting time",
    mean_wait,
    by_bisection,
    draw=some_people,
    mistakes={
        "the mean of those who saw a bus": lambda seen, came: seen[came == 1].mean(),
        "the mean of all, as if all had seen one": lambda seen, came: seen.mean(),
        "divided by those who gave up": lambda seen, came: seen.sum() / (1 - came).sum(),
        "the two means added": lambda seen, came: seen[came == 1].mean() + seen[came == 0].mean(),
        "f, the logarithm of it": lambda seen, came: np.log(by_bisection(seen, came)),
    },
)
print(exercise_14_3)

# %% [markdown]
# ### Derive 14.4: when the label drops out of the curvature (4 marks)
#
# Let $p(y \mid \eta) = h(y)\, e^{\eta\, t(y) - a(\eta)}$, with any functions $h$, $t$ and $a$ of one number. Show that
# the second derivative of $\ell = -\log p$ in $\eta$ does not depend on $y$, and that it is the variance of $t(y)$.
# (Use what you showed in 4.6.) Which $\eta$ and $t$ do the waiting times have? And why does the label stand in their
# curvature all the same, $y\, e^{-f}$?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 14.5: minutes and their logarithms (3 marks)
#
# The `Gaussian` that was fitted to $\log y$ has a log evidence more than 100 nats above that of the waiting times. Why
# can the two numbers not be compared, what has to be added to which of them, and which of the two is better then? How
# would you check the result by a score on held-out data?

# %% [markdown]
# *Your answer:*
