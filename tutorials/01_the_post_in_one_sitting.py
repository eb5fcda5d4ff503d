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
# # 1. The post in one sitting
#
# After this tutorial you can make a trained network Bayesian in four lines, say what each of them assumes, draw the
# post's three figures, and name the four places where the published ones are not what the text says.
#
# - Passage of the post: all of it, *The case for Bayesian Deep Learning* to *Wrapping up*.
# - Modules: `data`, `network`, `model`, `training`, `laplace`, `plotting`; the others by name.
#
# The idea. Training picks *one* vector of parameters $\theta$, although many others fit the data $\mathcal{D}$ nearly
# as well. A Bayesian averages the predictions of all of them. Before the data come, a *prior* $p(\theta)$ says which
# parameters are plausible; after that, the *posterior* $p(\theta \mid \mathcal{D})$ does, and it weights the average:
#
# $$p(y \mid x, \mathcal{D}) = \int p(y \mid x, \theta)\, p(\theta \mid \mathcal{D})\, d\theta$$
#
# Laplace's approximation makes the integral easy. It replaces the posterior by a Gaussian. Its centre is the *mode* of
# the posterior, its most probable $\theta$, which is what training with a prior looks for (the *MAP estimate*, for
# maximum a posteriori). Its *precision*, the inverse of its covariance, is the curvature of the loss at the mode plus
# the precision of the prior.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Laplace,
    fit_map,
    marglik_training,
    toy_data_linear,
    toy_data_non_linear,
)
from minilaplace.checks import check_equal
from minilaplace.curvature import ggn
from minilaplace.plotting import plot_plugin_and_laplace

plt.style.use("minilaplace.course")

# %% [markdown]
# ## From Bayesian Logistic Regression ...
#
# Two classes, two inputs, 100 samples. A network gives one number for an input, the *logit* $f(x, \theta)$; the sigmoid
# of it is the probability of class 1. Without hidden layer this is logistic regression. The prior on $\theta$ is a
# Gaussian around zero, and its precision, `prior_precision`, is what is known as weight decay.

# %%
X_linear, y_linear = toy_data_linear(100, rng=0)
logistic = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
print("inputs", X_linear.shape, "labels", np.unique(y_linear), "parameters", logistic.network.n_params)

# %% [markdown]
# `fit_map` goes to the mode, `Laplace` puts the Gaussian there. That is the whole method.

# %%
theta_logistic = fit_map(logistic, X_linear, y_linear, rng=0)
la_logistic = Laplace(logistic, theta_logistic).fit(X_linear, y_linear)
print("MAP estimate      ", la_logistic.posterior.mean.round(2))
print("standard deviation", np.sqrt(np.diag(la_logistic.posterior.covariance())).round(2))

# %% [markdown]
# There are two ways to predict now. The *plugin* predicts as if the MAP estimate were the truth. Laplace averages over
# the Gaussian: where there is no data, plausible boundaries disagree, and the probability moves towards one half. This
# is the post's **Figure 1**.

# %%
plot_plugin_and_laplace(la_logistic, X_linear, y_linear, title="Figure 1 as it should be")

# %% [markdown]
# **First erratum.** The published Figure 1 looks softer, and not by choice. The listing adds
# $\frac{1}{2}\lambda^2 \lVert\theta\rVert^2$ to the loss of *every sample*, which over $N$ samples is a prior precision
# of $N\lambda^2$; its Laplace step then takes $\lambda$. Two priors for one model, one fifty times the other:

# %%
lam_1 = 0.5
print("prior precision in the listing's training:", len(X_linear) * lam_1**2)
print("prior precision in its Laplace step:      ", lam_1)
assert len(X_linear) * lam_1**2 == 50 * lam_1

# %% [markdown]
# Here the prior is written once, in the `BayesianModel` that both receive. To reproduce the post we have to work at it:
# train under one model and replace its prior afterwards. The listing also trains by Adam for 50 epochs, one sample at a
# time and never shuffled, and the package of its day took for the curvature not the second derivatives of the loss, the
# *Hessian*, but the *empirical Fisher*, of which more below.

# %%
trained_1 = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=len(X_linear) * lam_1**2)
theta_1 = fit_map(trained_1, X_linear, y_linear, method="adam", epochs=50, batch_size=1, shuffle=False, rng=0)
published_1 = Laplace(
    replace(trained_1, prior_precision=lam_1), theta_1, curvature="empirical_fisher", subset_of_weights="last_layer"
).fit(X_linear, y_linear)
plot_plugin_and_laplace(published_1, X_linear, y_linear, title="Figure 1 as published")

# %% [markdown]
# ## ... to Bayesian Neural Networks
#
# **Second erratum.** The post's text says that the next data is not linearly separable; its second listing draws the
# same linear data again. The figures come from four squares, which is what we draw.

# %%
X, y = toy_data_non_linear(200, rng=0)
model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
theta = fit_map(model, X, y, rng=0)
la = Laplace(model, theta).fit(X, y)
plot_plugin_and_laplace(la, X, y, title="Figure 2 as it should be")

# %% [markdown]
# The code is the same; only the network has grown. Now the listing's way, to the letter of its numbers:

# %%
lam_2 = 0.01
trained_2 = replace(model, prior_precision=len(X) * lam_2**2)
theta_2 = fit_map(trained_2, X, y, method="adam", epochs=200, batch_size=1, shuffle=False, rng=0)
published_2 = Laplace(
    replace(model, prior_precision=lam_2), theta_2, curvature="empirical_fisher", subset_of_weights="last_layer"
).fit(X, y)
plot_plugin_and_laplace(published_2, X, y, title="Figure 2 as published")

# %% [markdown]
# **Third erratum.** The text says: the covariance is the inverse Hessian. The package inverted the empirical Fisher of
# the last layer. That is a sum of squared gradients, one for each sample, and where the network fits well its gradients
# vanish. So the curvature comes out too small, the covariance too large, and the figure is unsure *on* its data.
#
# Our own figures use the *GGN* (generalised Gauss-Newton matrix), the Hessian of the loss with the network replaced by
# its linear approximation at the mode; tutorial 4 compares them all. To see that it is the curvature that matters,
# change nothing else: the same mode, the same prior, the whole network.

# %%
centres = np.array([[2.75, 2.75], [-2.75, -2.75], [2.75, -2.75], [-2.75, 2.75]])  # two of class 1, two of class 0
fisher = Laplace(model, theta, curvature="empirical_fisher").fit(X, y)
print("P(y = 1) amid the squares")
print("  plugin                          ", la.predict(centres, "plugin").round(2))
print("  GGN, whole network              ", la.predict(centres).round(2))
print("  empirical Fisher, same mode     ", fisher.predict(centres).round(2))
print("  as published                    ", published_2.predict(centres).round(2))
sure, unsure = (np.abs(posterior.predict(centres) - 0.5).min() for posterior in (la, fisher))
assert sure > 0.4 > unsure

# %% [markdown]
# The prior matters as much as the curvature does: a weaker one leaves the Gaussian wider. Which one the data prefers is
# a question that the *evidence* answers, the probability of the data under the model, averaged over the prior. Tutorial
# 7 is about it; here the largest log evidence wins.

# %%
for prior_precision in (0.01, 0.1, 1.0):
    weaker = replace(model, prior_precision=prior_precision)
    at_its_mode = Laplace(weaker, fit_map(weaker, X, y, rng=0)).fit(X, y)
    evidence = at_its_mode.log_marginal_likelihood()
    print(f"prior precision {prior_precision:4}: {at_its_mode.predict(centres).round(2)}, log evidence {evidence:.1f}")

# %% [markdown]
# **Fourth erratum.** A second-order expansion belongs at a mode, where the gradient is zero. A fixed number of epochs
# of Adam ends near one; `fit_map` goes on until it is there.

# %%
slope_adam = np.abs(trained_2.gradient(theta_2, X, y)).max()
slope_map = np.abs(model.gradient(theta, X, y)).max()
print(f"largest gradient entry, Adam's end: {slope_adam:.1f}")
print("largest gradient entry, fit_map's:  below 1e-4")
assert slope_map < 1e-4

# %% [markdown]
# ## Far from the data
#
# **Figure 3** has no code in the post: it is Figure 2 seen from 50 units further out on each side. The plugin goes on
# to give most of the plane to one class or the other, regions about which it has been told nothing. Laplace does not.
# Its average needs a formula, since the average of a sigmoid over a Gaussian has no closed form: the *probit link* is
# the usual one, named after the bell-shaped integral that it puts in the sigmoid's place (tutorial 6).

# %%
plot_plugin_and_laplace(la, X, y, title="Figure 3 as it should be", margin=50)

# %%
angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
circle = 50 * np.column_stack([np.cos(angle), np.sin(angle)])
for link in ("plugin", "probit"):
    p_far = la.predict(circle, link)
    confidence = np.maximum(p_far, 1 - p_far).mean()
    print(f"mean confidence 50 units away, {link:6}: {confidence:.2f}")
assert confidence < 0.6

# %% [markdown]
# ## The same lines on real data
#
# Nothing above knows that the data is a toy. Here are 569 tumours with 30 measurements each; a third is held out. The
# inputs are standardised with the training part's mean and deviation.

# %%
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

tumours = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(tumours.data, tumours.target, test_size=1 / 3, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
tumour_model = BayesianModel(MLP(30, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
tumour_theta = fit_map(tumour_model, X_train, y_train, rng=0)
tumour_la = Laplace(tumour_model, tumour_theta).fit(X_train, y_train)
p_plugin, p_laplace = tumour_la.predict(X_test, "plugin"), tumour_la.predict(X_test)
for name, p_test in [("plugin", p_plugin), ("Laplace", p_laplace)]:
    accuracy, nll = accuracy_score(y_test, p_test > 0.5), log_loss(y_test, p_test)
    print(f"prior 0.1, {name:7}: accuracy {accuracy:.3f}, negative log-likelihood {nll:.3f}")
assert tumours.data.shape == (569, 30)
assert ((p_plugin > 0.5) == (p_laplace > 0.5)).all()
assert log_loss(y_test, p_plugin) < log_loss(y_test, p_laplace)

# %% [markdown]
# The negative log-likelihood, the mean of $-\log p$ of what happened, is smaller for better probabilities. The two
# agree on every label: for one logit the probit link never moves a probability across one half. They differ in how sure
# they are, and here being less sure does not pay: the prior that suited four squares is too weak for 30 inputs, and
# Laplace with it too modest. A posterior is as good as its prior. `marglik_training` lets the data choose it, by
# alternating between the mode and the prior until both stand still.

# %%
chosen_model, chosen_theta = marglik_training(tumour_model, X_train, y_train, rng=0)
chosen_la = Laplace(chosen_model, chosen_theta).fit(X_train, y_train)
chosen_plugin, chosen_laplace = chosen_la.predict(X_test, "plugin"), chosen_la.predict(X_test)
print(f"prior precision by the evidence: {chosen_model.prior_precision:.2f}")
for name, p_test in [("plugin", chosen_plugin), ("Laplace", chosen_laplace)]:
    accuracy, nll = accuracy_score(y_test, p_test > 0.5), log_loss(y_test, p_test)
    print(f"tuned prior, {name:7}: accuracy {accuracy:.3f}, negative log-likelihood {nll:.3f}")
assert log_loss(y_test, chosen_laplace) < 0.7 * log_loss(y_test, p_laplace)
assert abs(log_loss(y_test, chosen_laplace) - log_loss(y_test, chosen_plugin)) < 0.02

# %% [markdown]
# The tuned Laplace is far better than the first one, and about as good as the plugin under the same prior: held-out
# data from the same distribution is where a point estimate does well. What Laplace adds shows where data is missing.
#
# ## Summary
#
# - A `BayesianModel` is network, likelihood and *one* prior; `fit_map` finds its mode, `Laplace` puts a Gaussian there,
#   `predict` averages over it.
# - Away from the data the average goes towards even odds, and the plugin does not.
# - How sure Laplace is depends on the prior as much as on the curvature; the evidence can choose it.
# - The published figures rest on two priors, another data set than the listing's, the empirical Fisher of the last
#   layer in place of the Hessian, and a training that stops short of a mode.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 1.1: the posterior by hand
#
# Take `Laplace` apart. `curvature` is the GGN, (P, P), the prior adds its precision to the diagonal, and $f$ at an
# input has the variance $V = J \Sigma J^\top$, where $J$ (P,) is the derivative of the logit in $\theta$ and $\Sigma$
# the covariance. Compute the variances at the four `centres`, (4,). `np.linalg.solve` does without an inverse.

# %% tags=["exercise"]
curvature = ggn(model, theta, X, y)  # (P, P)
J = model.network.jacobian(theta, centres)[:, 0]  # (4, P)
variances = ...

exercise_1_1 = check_equal("variances", variances, la.glm_predictive_distribution(centres)[1][:, 0, 0])
print(exercise_1_1)

# %% [markdown]
# ### Exercise 1.2: one prior
#
# For which $\lambda > 0$ do the listing's two priors agree, if there are as many samples as in `X_linear`? And is the
# second listing right, with its 100 samples and $\lambda = 0.01$?

# %% tags=["exercise"]
agreeing_lambda = ...

root = brentq(lambda lam: len(X_linear) * lam**2 - lam, 1e-4, 1)
exercise_1_2 = check_equal("lambda", agreeing_lambda, root)
print(exercise_1_2)

# %% [markdown]
# ### Exercise 1.3: the plugin's wedges
#
# Why is the plugin's Figure 3 made of wedges? Infinitely far out in a direction $d$, every sigmoid unit is at 0 or at
# 1, so the probability depends on $d$ alone. Compute it from the weights. The logit is
# $f = W_2\, \mathrm{sigmoid}(W_1 x + b_1) + b_2$.

# %% tags=["exercise"]
d = np.array([0.6, -0.8])
(W_1, b_1), (W_2, b_2) = model.network.layers(theta)  # (32, 2), (32,), (1, 32), (1,)
p_limit = ...

exercise_1_3 = check_equal("probability far out", p_limit, la.predict(1e9 * d[None], "plugin")[0])
print(exercise_1_3)

# %% [markdown]
# ### Exercise 1.4: which prior for the tumours?
#
# Write the experiment of the last section as a function: train with this prior precision, and return Laplace's negative
# log-likelihood of the held-out part. Then try it from 0.01 to 10. Where is it least, and is that near the evidence's
# choice?


# %% tags=["exercise"]
def held_out_nll(prior_precision):
    """Return Laplace's negative log-likelihood of the held-out part under this prior, fitted anew."""
    return ...


exercise_1_4 = check_equal("nll at 0.1", held_out_nll(0.1), log_loss(y_test, p_laplace), rtol=1e-3)
print(exercise_1_4)

# %% [markdown]
# ### Exercise 1.5: how good is the probit link?
#
# `la.predict(circle, "quadrature")` computes the average without the probit link's approximation. How far apart are the
# two on the `circle`, at most? The check integrates for itself, over the Gaussian of each logit.

# %% tags=["exercise"]
furthest = ...

f_mean, f_cov = la.glm_predictive_distribution(circle)
u = np.linspace(-8, 8, 4001)  # in standard deviations
weights = np.exp(-0.5 * u**2)
averages = expit(f_mean + np.sqrt(f_cov[:, 0]) * u) @ weights / weights.sum()
exercise_1_5 = check_equal("largest difference", furthest, np.abs(averages - la.predict(circle)).max(), rtol=1e-4)
print(exercise_1_5)
