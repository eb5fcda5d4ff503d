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
# - Modules: `data`, `network`, `model`, `training`, `laplace`, `plotting`, `explorer`, `one_page`; the others by name.
#
# The idea. Training picks *one* vector of parameters $\theta$, although many others fit the data $\mathcal{D}$ nearly
# as well. A Bayesian averages the predictions of all of them. Before the data comes, a *prior* $p(\theta)$ says which
# parameters are plausible; after that, the *posterior* $p(\theta \mid \mathcal{D})$ does, and it weights the average:
#
# $$p(y \mid x, \mathcal{D}) = \int p(y \mid x, \theta)\, p(\theta \mid \mathcal{D})\, d\theta$$
#
# Laplace's approximation makes the integral easy: it replaces the posterior by a Gaussian.

# %%
import inspect
from dataclasses import replace
from functools import cache

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
    one_page,
    toy_data_linear,
    toy_data_non_linear,
)
from minilaplace.checks import check_function
from minilaplace.curvature import empirical_fisher, ggn
from minilaplace.explorer import Explorer
from minilaplace.plotting import plot_method, plot_plugin_and_laplace

plt.style.use("minilaplace.course")

# %% [markdown]
# ## The whole method in one picture
#
# Here it is for the network of the post's Figure 2. The star is an input at which we want a probability.

# %%
X, y = toy_data_non_linear(200, rng=0)
start = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
model, theta = marglik_training(start, X, y, rng=0)
la = Laplace(model, theta).fit(X, y)
plot_method(la, X, y, at=[-1, -5])

# %% [markdown]
# 1. **Data.** Inputs $x$ in a plane, each with a label $y$, 0 or 1.
# 2. **Network.** It turns an input into one number, the *logit* $f(x, \theta)$. The sigmoid
#    $\sigma(f) = 1 / (1 + e^{-f})$ turns that into the probability of class 1.
# 3. **MAP estimate.** The *nll*, the negative log-likelihood of the data, says how badly $\theta$ explains the labels;
#    with $-\log p(\theta)$, the prior's part, it is the *loss*. The prior is a Gaussian around zero, and its
#    *precision* is the inverse of its variance. Training goes to a minimum of the loss. That is a *mode* of the
#    posterior, a $\theta$ more probable than all others near it; it is called the *maximum a posteriori* or MAP
#    estimate, although the loss of a network has many minima. (`marglik_training` also chooses the prior on the way;
#    more of that below.)
# 4. **Curvature.** Around the minimum the loss is nearly a quadratic. How steeply it bends is its second derivative:
#    that of the nll plus that of the prior's part.
# 5. **Gaussian.** The posterior is proportional to $e^{-\text{loss}}$, and the exponential of minus a quadratic is a
#    Gaussian. Its centre is the MAP estimate, and its precision, the inverse of its covariance, is the curvature. That
#    is Laplace's approximation of the posterior; the picture has both along one line through $\theta$.
# 6. **Link.** Many $\theta$, so many logits at the star: a Gaussian again, if $f$ is taken to be linear in $\theta$
#    around the mode. The *link* is the formula that averages the sigmoid over it. The *plugin* predicts as if the MAP
#    estimate were the truth, and is surer than the average.

# %%
star = np.array([[-1.0, -5.0]])
p_plugin, p_laplace = la.predict(star, "plugin")[0], la.predict(star)[0]
print(f"at the star: plugin {p_plugin:.2f}, Laplace {p_laplace:.2f}")
assert p_plugin > p_laplace > 0.5

# %% [markdown]
# ## The whole method on one page
#
# The module `minilaplace/one_page.py` is the same story in 130 lines of NumPy, written to be copied to a blackboard:
# read it now, before anything else. What you do not understand yet is what tutorials 2 to 8 are about; each of them
# comes back to the lines that it explains. Steps 4 and 5, for instance, are two functions. Their variables are in the
# table at the top of the page; the GGN is the nll's part of the curvature, and we come to it below.

# %%
print(inspect.getsource(one_page.ggn))
print(inspect.getsource(one_page.posterior))

# %% [markdown]
# The library does what the page does, faster and for more cases. Here are both on Figure 2's network.

# %%
lam, sizes = model.prior_precision, model.network.sizes
L, Sigma = one_page.posterior(theta, X, lam, sizes)
assert len(inspect.getsource(one_page).splitlines()) <= 130
assert np.allclose(one_page.gradient(theta, X, y, lam, sizes), model.gradient(theta, X, y))
assert np.allclose(one_page.ggn(theta, X, sizes), ggn(model, theta, X, y))
assert np.allclose(one_page.probit(theta, Sigma, X, sizes), la.predict(X))
assert np.allclose(one_page.log_evidence(theta, L, X, y, lam, sizes), la.log_marginal_likelihood())
print("the page and the library agree: gradient, GGN, probabilities, evidence")

# %% [markdown]
# ## From Bayesian Logistic Regression ...
#
# Now slowly. Two classes, two inputs, 100 samples. A network without hidden layer is logistic regression. The prior on
# $\theta$ is a Gaussian around zero, and its precision, `prior_precision`, is what is known as weight decay.

# %%
X_linear, y_linear = toy_data_linear(100, rng=0)
logistic = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
assert X_linear.shape == (100, 2)
print("inputs", X_linear.shape, "labels", np.unique(y_linear), "parameters", logistic.network.n_params)

# %% [markdown]
# `fit_map` goes to the mode, `Laplace` puts the Gaussian there. That is the whole method.

# %%
theta_logistic = fit_map(logistic, X_linear, y_linear, rng=0)
la_logistic = Laplace(logistic, theta_logistic).fit(X_linear, y_linear)
print("MAP estimate      ", la_logistic.posterior.mean.round(2))
print("standard deviation", np.sqrt(np.diag(la_logistic.posterior.covariance())).round(2))

# %% [markdown]
# > **Predict first.** The data lies in two opposite corners of the view. The plugin's boundary is a line between them,
# > and its probabilities depend on the distance to that line alone. How will Laplace's picture differ in the two
# > corners without data?
#
# <details><summary>Answer</summary>
#
# Lines of many slopes separate the two classes. Near the data they agree; in the empty corners they do not. So at the
# same distance from the plugin's line the average is nearer to one half there, and the contours of .25 and .75 fan out.
#
# </details>
#
# This is the post's **Figure 1**.

# %%
plot_plugin_and_laplace(la_logistic, X_linear, y_linear, title="Figure 1 as it should be")

# %%
beside_the_line = np.array([[0.5, 0.5], [-4.0, 5.0]])  # beside data, and in an empty corner: x_1 + x_2 is the same
p_plugin, p_laplace = la_logistic.predict(beside_the_line, "plugin"), la_logistic.predict(beside_the_line)
print("plugin ", p_plugin.round(2))
print("Laplace", p_laplace.round(2))
assert np.ptp(p_plugin) < 0.03
assert p_laplace[1] < p_laplace[0] - 0.1

# %% [markdown]
# **First erratum.** The published Figure 1, below, is less sure of its data, and not by choice. The listing adds
# $\frac{1}{2}\lambda^2 \lVert\theta\rVert^2$ to the nll of *every sample*, which over $N$ samples is a prior precision
# of $N\lambda^2$; its Laplace step then takes $\lambda$. Two priors for one model, one fifty times the other:

# %%
lam_1 = 0.5
print("prior precision in the listing's training:", len(X_linear) * lam_1**2)
print("prior precision in its Laplace step:      ", lam_1)
assert len(X_linear) * lam_1**2 == 50 * lam_1

# %% [markdown]
# > **Common mistake.** Weight decay *per sample*. A sum of $N$ negative log-likelihoods takes the prior's part once; a
# > mean of them takes $1/N$ of it. Libraries that train on batches mostly minimise means, and a `weight_decay` there
# > stands for a prior precision that is $N$ times as large. Ask of every loss: how many priors are in it?
#
# Here the prior is written once, in the `BayesianModel` that both receive. To reproduce the post takes some effort:
# train under one model and replace its prior afterwards. The listing also trains by Adam for 50 epochs, one sample at a
# time and never shuffled, and the package of its day took for the curvature not the second derivatives of the nll, the
# *Hessian*, but the *empirical Fisher*, of which more below.

# %%
trained_1 = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=len(X_linear) * lam_1**2)
theta_1 = fit_map(trained_1, X_linear, y_linear, method="adam", epochs=50, batch_size=1, shuffle=False, rng=0)
published_1 = Laplace(
    replace(trained_1, prior_precision=lam_1), theta_1, curvature="empirical_fisher", subset_of_weights="last_layer"
).fit(X_linear, y_linear)
for link in ("plugin", "probit"):
    off_half = [np.abs(each.predict(X_linear, link) - 0.5).mean() for each in (published_1, la_logistic)]
    assert off_half[0] < off_half[1] - 0.03
plot_plugin_and_laplace(published_1, X_linear, y_linear, title="Figure 1 as published")

# %% [markdown]
# ## ... to Bayesian Neural Networks
#
# **Second erratum.** The post's text says that the next data is not linearly separable; its second listing draws the
# same linear data again. The figures come from four squares: `X` and `y` of the first picture. Its `model`, `theta` and
# `la` make **Figure 2**. The code is the same as before; only the network has grown.

# %%
plot_plugin_and_laplace(la, X, y, title="Figure 2 as it should be")

# %% [markdown]
# Now as the listing does it, with its own numbers:

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
# the last layer. That is a sum of squared gradients of the nll, one for each sample, and where the network fits well
# these gradients are nearly zero. So the curvature comes out too small, the covariance too large, and the figure is
# unsure *on* its data: two in five of the inputs get a probability between .25 and .75. In our own figure it is one in
# fifty.
#
# Our own figures use the *GGN* (generalised Gauss-Newton matrix), the Hessian of the nll with the network replaced by
# its linear approximation at the mode; tutorial 4 compares them all. To see that it is the curvature that matters,
# change nothing else: the same mode, the same prior, the whole network. (The last row is the published figure. There
# the last layer alone is uncertain, and amid the squares that hides a part of what the empirical Fisher does.)

# %%
centres = np.array([[2.75, 2.75], [-2.75, -2.75], [2.75, -2.75], [-2.75, 2.75]])  # two of class 1, two of class 0
fisher = Laplace(model, theta, curvature="empirical_fisher").fit(X, y)
print("P(y = 1) amid the squares")
print("  plugin                          ", la.predict(centres, "plugin").round(2))
print("  GGN, whole network              ", la.predict(centres).round(2))
print("  empirical Fisher, same mode     ", fisher.predict(centres).round(2))
print("  as published                    ", published_2.predict(centres).round(2))
sure, unsure = (np.abs(posterior.predict(centres) - 0.5).min() for posterior in (la, fisher))
assert sure > 0.38 > 0.27 > unsure
between = [np.mean(np.abs(posterior.predict(X) - 0.5) < 0.25) for posterior in (la, published_2)]
assert between[0] < 0.03 < 0.36 < between[1] < 0.44
whole = Laplace(replace(model, prior_precision=lam_2), theta_2, curvature="empirical_fisher").fit(X, y)
assert (np.abs(whole.predict(centres) - 0.5) < np.abs(published_2.predict(centres) - 0.5)).all()
times = np.trace(ggn(model, theta, X, y)) / np.trace(empirical_fisher(model, theta, X, y))
print(f"trace of the GGN over that of the empirical Fisher: {times:.0f}")
assert times > 10

# %% [markdown]
# ## Which prior?
#
# The prior matters, too: a weaker one leaves the Gaussian wider. Which one the data prefers is a question that the
# *evidence* answers, the probability of the data under the model, averaged over the prior; tutorial 8 is about it. Its
# logarithm is measured in *nats*. If two priors were equally probable before the data, a difference of $d$ nats makes
# one $e^d$ times as probable as the other.
#
# > **Predict first.** Prior precisions from 0.01 to 1, each with a training of its own. Will the evidence single one
# > out?

# %%
evidence, amid = {}, {}
for prior_precision in (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.3, 1.0):
    other = replace(model, prior_precision=prior_precision)
    at_its_mode = Laplace(other, fit_map(other, X, y, rng=0)).fit(X, y)
    evidence[prior_precision] = at_its_mode.log_marginal_likelihood()
    amid[prior_precision] = at_its_mode.predict(centres)
    print(f"prior {prior_precision:4}: {amid[prior_precision].round(2)}, log evidence {evidence[prior_precision]:.1f}")
print(f"`marglik_training` chose {model.prior_precision:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It rules out strong priors, and does not tell the weaker ones apart: from .01 to .07 it is flat to about one nat,
# which is no evidence to speak of, and bumpy, since each training ends at a mode of its own.
#
# </details>
#
# Over that range the probability amid the first square goes from three quarters to nearly .9. So *how sure Figure 2
# ought to be, within these bounds, its data does not say*. One has to choose, and say how: `marglik_training`
# alternates between the mode and the prior that the evidence prefers with that mode's curvature, until both stand
# still. That ends near .07, whether it starts from .01, .1 or 1. A prior precision of .1 is two nats behind the best,
# and 1 is out of the question.
# (`minilaplace explore` opens Figure 2 in a window with a slider for the prior.)

# %%
flat = [evidence[prior_precision] for prior_precision in (0.01, 0.02, 0.03, 0.05, 0.07)]
assert max(flat) - min(flat) < 1.2
assert flat[1] > flat[2] < flat[3]  # bumpy
assert amid[0.01][0] < 0.76 < 0.87 < amid[0.07][0]
assert 1.8 < max(flat) - evidence[0.1] < 2.5 < 40 < max(flat) - evidence[1.0]
for prior_precision in (0.01, 1.0):
    again, _ = marglik_training(replace(model, prior_precision=prior_precision), X, y, rng=0)
    print(f"from {prior_precision:4}: {again.prior_precision:.2f}")
    assert 0.065 < again.prior_precision < 0.08

# %% [markdown]
# **Fourth erratum.** A second-order expansion belongs at a mode, where the gradient is zero. A fixed number of epochs
# of Adam ends near one; `fit_map`, and with it `marglik_training`, goes on until it is there.

# %%
slope_adam = np.abs(trained_2.gradient(theta_2, X, y)).max()
slope_map = np.abs(model.gradient(theta, X, y)).max()
print(f"largest gradient entry, Adam's end: {slope_adam:.1f}")
print("largest gradient entry, fit_map's:  below 1e-4")
assert slope_map < 1e-4

# %% [markdown]
# ## Far from the data
#
# **Figure 3** has no code in the post: it is Figure 2 seen from 50 units further out on each side.
#
# > **Predict first.** Nothing is known out there. What will the plugin say, and what Laplace?
#
# <details><summary>Answer</summary>
#
# The plugin goes on as if it knew: infinitely far out each hidden unit is at 0 or at 1, so its probability depends on
# the direction alone, and the plane is cut into wedges. Laplace is near one half in most of them.
#
# </details>
#
# Laplace's average needs a formula, since the average of a sigmoid over a Gaussian has no closed form. The usual one is
# the *probit link*: it puts the integral of the bell curve in the sigmoid's place. The probit is the inverse of that
# integral, hence the name (tutorial 6).

# %%
plot_plugin_and_laplace(la, X, y, title="Figure 3 as it should be", margin=50, n_grid=200)

# %%
angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
directions = np.column_stack([np.cos(angle), np.sin(angle)])
circle = 50 * directions
sure_of = {}
for link in ("plugin", "probit"):
    p_far = la.predict(circle, link)
    sure_of[link] = np.maximum(p_far, 1 - p_far)
    print(f"mean confidence 50 units away, {link:6}: {sure_of[link].mean():.2f}")
print(
    f"above 0.75 in {np.mean(sure_of['plugin'] > 0.75):.0%} and {np.mean(sure_of['probit'] > 0.75):.0%} of directions"
)
assert sure_of["probit"].mean() < 0.6
assert np.mean(sure_of["probit"] < 0.6) > 0.8
assert np.mean(sure_of["plugin"] > 0.75) > 0.5
assert np.mean(sure_of["probit"] > 0.75) == 0

# %% [markdown]
# [Move the prior precision of Figure 3 yourself](figure_3.html#view=50), up to 10 and further, and watch Laplace come
# back to the plugin's wedges: the stronger the prior, the less is left open. Then move it down to .0001, and the view
# in to 5: now Laplace is less sure amid the squares as well. (Without the site `python -m minilaplace explore --html
# figure_3.html` writes this page. Its network has been trained under a prior precision of .1; when the prior moves, the
# Gaussian changes, and nothing is trained again.)

# %%
explored = Explorer().laplace()  # what the page starts from
far_sure, amid_sure = {}, {}
for prior_precision in (1e-4, 0.1, 10.0):
    moved = explored.under(prior_precision)
    p_far, p_amid = moved.predict(circle), moved.predict(centres)
    far_sure[prior_precision] = np.maximum(p_far, 1 - p_far)
    amid_sure[prior_precision] = np.maximum(p_amid, 1 - p_amid).min()
    print(f"prior {prior_precision:6}: above 0.75 in {np.mean(far_sure[prior_precision] > 0.75):.0%}", end=" ")
    print(f"of directions 50 units away, amid the squares {amid_sure[prior_precision]:.2f} at least")
assert explored.model.prior_precision == 0.1
assert np.mean(far_sure[10.0] > 0.75) > 0.4 > 0 == np.mean(far_sure[0.1] > 0.75)
assert far_sure[1e-4].mean() < far_sure[0.1].mean() < far_sure[10.0].mean()
assert amid_sure[1e-4] < 0.85 < 0.9 < amid_sure[0.1]

# %% [markdown]
# *Near* one half, and not one half: far from the data the average tends to a limit, and the limit is not "don't know".
# Walk away from the data along a direction $u$, $x = r u$. The logit of logistic regression has the mean
# $r\, u^\top w + b$, and under the Gaussian of the weights $w$ a standard deviation that grows like $r$, too. So the
# ratio of the two tends to a finite number $z$, and the probit link's probability to $\sigma(\sqrt{8/\pi}\, z)$, which
# is one half only along the boundary. Networks of ReLU units behave the same (Kristiadi, Hein and Hennig, 2020;
# tutorial 7). With sigmoid units mean and variance both stand still far out, except in the directions in which a unit
# is not yet near 0 or 1.

# %%
r = np.logspace(0.5, 4, 60)
u = np.array([1.0, 0.0])
w, Sigma_w = la_logistic.posterior.mean[:2], la_logistic.posterior.covariance()[:2, :2]
z = u @ w / np.sqrt(u @ Sigma_w @ u)
limit = expit(np.sqrt(8 / np.pi) * z)

fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
for link, name, colour in [("plugin", "plugin", "C1"), ("probit", "Laplace", "C0")]:
    left.semilogx(r, la_logistic.predict(np.outer(r, u), link), color=colour, label=name)
    p_far = np.array([la.predict(distance * directions, link) for distance in r])  # (60, 360)
    far = np.maximum(p_far, 1 - p_far)
    right.semilogx(r, far.mean(axis=1), color=colour, label=f"{name}, mean")
    right.semilogx(r, far.max(axis=1), color=colour, linestyle="--", label=f"{name}, largest")
left.axhline(limit, color="black", linestyle=":", label="its limit")
left.set(title="logistic regression, one direction", xlabel="distance $r$", ylabel="confidence")
right.set(title="Figure 2's network, all directions", xlabel="distance $r$", ylim=(0.48, 1.02))
left.legend()
right.legend(loc="center right", bbox_to_anchor=(1, 0.36), fontsize=9)
plt.show()

# %%
print(f"logistic regression: limit {limit:.3f}, at r = 10,000 {la_logistic.predict(1e4 * u[None])[0]:.3f}")
print(f"Figure 2's network: mean {far[-1].mean():.2f}, largest {far[-1].max():.2f}", end="; ")
print(f"at r = 50 largest {sure_of['probit'].max():.2f}")
assert abs(la_logistic.predict(1e4 * u[None])[0] - limit) < 1e-3
assert far[-1].mean() < 0.6
assert round(far[-1].max(), 2) == 0.88
assert np.mean(far[-1] > 0.75) < 0.2
assert sure_of["probit"].max() < 0.75

# %% [markdown]
# So Laplace is modest on average over the directions, and in a few of them it is not: .88 at the farthest, by a network
# that has seen nothing within thousands of units. What averaging promises is less certainty than the plugin's, not even
# odds.
#
# ## The same lines on real data
#
# Nothing above depends on the data being a toy. Here are 569 tumours with 30 measurements each; a third is held out.
# The inputs are standardised with the training part's mean and deviation.

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
    accuracy, mean_nll = accuracy_score(y_test, p_test > 0.5), log_loss(y_test, p_test)
    print(f"prior 0.1, {name:7}: accuracy {accuracy:.3f}, mean nll {mean_nll:.3f}")
assert tumours.data.shape == (569, 30)
assert ((p_plugin > 0.5) == (p_laplace > 0.5)).all()
assert log_loss(y_test, p_plugin) < log_loss(y_test, p_laplace)

# %% [markdown]
# The mean nll of held-out data, the mean of $-\log p$ of what happened, is smaller for better probabilities. The two
# agree on every label: for one logit the probit link never moves a probability across one half. They differ in how sure
# they are, and here being less sure does not pay: a prior that suits four squares is too weak for 30 inputs, and
# Laplace with it too modest. Let the data choose the prior again.

# %%
chosen_model, chosen_theta = marglik_training(tumour_model, X_train, y_train, rng=0)
chosen_la = Laplace(chosen_model, chosen_theta).fit(X_train, y_train)
chosen_plugin, chosen_laplace = chosen_la.predict(X_test, "plugin"), chosen_la.predict(X_test)
print(f"prior precision by the evidence: {chosen_model.prior_precision:.2f}")
for name, p_test in [("plugin", chosen_plugin), ("Laplace", chosen_laplace)]:
    accuracy, mean_nll = accuracy_score(y_test, p_test > 0.5), log_loss(y_test, p_test)
    print(f"tuned prior, {name:7}: accuracy {accuracy:.3f}, mean nll {mean_nll:.3f}")
assert chosen_model.prior_precision > 3 * tumour_model.prior_precision
assert log_loss(y_test, chosen_laplace) < 0.7 * log_loss(y_test, p_laplace)
assert abs(log_loss(y_test, chosen_laplace) - log_loss(y_test, chosen_plugin)) < 0.02

# %% [markdown]
# > **Common mistake.** The prior is strengthened until Laplace looks sure, at the MAP estimate of the old prior.
# > Another prior has another mode: train again, or let `marglik_training` do it. (Exercise 1.4 shows the difference.)
#
# The tuned Laplace is far better than the first one, and about as good as the plugin under the same prior: held-out
# data from the same distribution is where a point estimate does well. What Laplace adds shows where data is missing.
#
# ## Summary
#
# - A `BayesianModel` is network, likelihood and *one* prior; `fit_map` finds its mode, `Laplace` puts a Gaussian there,
#   `predict` averages over it.
# - Away from the data the average is less sure than the plugin, and far away it tends to a limit, which is not one
#   half.
# - How sure Laplace is depends on the prior and on the curvature; the evidence can choose the prior, within bounds.
# - The published figures rest on two priors, another data set than the listing's, the empirical Fisher of the last
#   layer in place of the Hessian, and a training that stops short of a mode.
#
# *Read on*: the post itself (Altmeyer, 2022); Daxberger et al. (2021a), section 2, for the method and its variants;
# Bishop (2006), sections 4.4 and 4.5, for Laplace's approximation and logistic regression. The
# [references](references.md) have the addresses.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 1.1: the posterior by hand
#
# Take `Laplace` apart. The curvature is the GGN, `ggn(model, theta, X, y)`, $(P, P)$; the prior adds its precision to
# the diagonal; and $f$ at an input has the variance $V = J \Sigma J^\top$, where $J$, $(1, P)$, is the derivative of
# the logit in $\theta$ and $\Sigma$ the covariance. `model.network.jacobian(theta, X_new)[:, 0]` has a row $J$ for each
# input. Compute the variances under any prior precision `delta`. `np.linalg.solve` does without an inverse.


# %% tags=["exercise"]
def my_variances(X_new, delta):
    """Return the variance of the logit at X_new (M, 2) under the prior precision delta, (M,)."""
    return ...


def under(delta, structure="full"):
    """Return the Laplace approximation at theta under this prior precision."""
    return Laplace(replace(model, prior_precision=delta), theta, hessian_structure=structure).fit(X, y)


def by_the_library(X_new, delta, structure="full"):
    """Return the variances of the logits, (M,)."""
    return under(delta, structure).glm_predictive_distribution(X_new)[1][:, 0, 0]


exercise_1_1 = check_function(
    "variances",
    my_variances,
    by_the_library,
    draw=lambda rng: (rng.uniform(-6, 6, size=(4, 2)), rng.uniform(0.1, 2)),
    rtol=1e-8,
    mistakes={
        "the standard deviations": lambda X_new, delta: np.sqrt(by_the_library(X_new, delta)),
        "the prior twice": lambda X_new, delta: by_the_library(X_new, 2 * delta),
        "the prior of `model`, not delta": lambda X_new, delta: by_the_library(X_new, model.prior_precision),
        "the diagonal of the precision alone": lambda X_new, delta: by_the_library(X_new, delta, "diag"),
        "the covariances of all pairs": lambda X_new, delta: under(delta).functional_covariance(X_new)[:, 0, :, 0],
    },
)
print(exercise_1_1)

# %% [markdown]
# ### Exercise 1.2: one prior
#
# For which $\lambda > 0$ do the listing's two priors agree, if there are $N$ samples? And is the second listing right,
# with its 100 samples and $\lambda = 0.01$?


# %% tags=["exercise"]
def agreeing_lambda(N):
    """Return the lambda with which training and Laplace step of the listing have one prior, a number."""
    return ...


exercise_1_2 = check_function(
    "lambda",
    agreeing_lambda,
    lambda N: brentq(lambda lam: N * lam**2 - lam, 1e-5, 1, xtol=1e-14),
    draw=lambda rng: int(rng.integers(10, 1000)),
    mistakes={
        "zero solves it, but is no prior": lambda N: 0.0,
        "N lambda^2 set to 1, not to lambda": lambda N: N**-0.5,
        "upside down": lambda N: N,
    },
)
print(exercise_1_2)

# %% [markdown]
# ### Exercise 1.3: the plugin's wedges
#
# Why is the plugin's Figure 3 made of wedges? Infinitely far out in a direction $d$, every sigmoid unit is at 0 or at
# 1, so the probability depends on $d$ alone. Compute it from the weights. The logit is
# $f = W_2\, \sigma(W_1 x + b_1) + b_2$, and `(W_1, b_1), (W_2, b_2) = model.network.layers(theta)`.


# %% tags=["exercise"]
def p_limit(d):
    """Return the plugin's probability of class 1 infinitely far out in the direction d (2,), a number."""
    return ...


def some_direction(rng):
    """Return a vector (2,) of length 1."""
    d = rng.normal(size=2)
    return d / np.linalg.norm(d)


def far_out(d, parameters=theta):
    """Return the probability very far out."""
    return expit(model.network.forward(parameters, 1e9 * d[None])[0, 0])


exercise_1_3 = check_function(
    "probability far out",
    p_limit,
    far_out,
    draw=some_direction,
    mistakes={
        "the logit, not yet a probability": lambda d: model.network.forward(theta, 1e9 * d[None])[0, 0],
        "b_2 is missing": lambda d: far_out(d, np.append(theta[:-1], 0)),
        "the opposite direction": lambda d: far_out(-d),
        "p for 1 - p": lambda d: 1 - far_out(d),
    },
)
print(exercise_1_3)

# %% [markdown]
# ### Exercise 1.4: which prior for the tumours?
#
# Write the experiment of the last section as a function: train with this prior precision (with `rng=0`), and return
# Laplace's mean nll of the held-out part. Then try it from 0.01 to 10. Where is it least, and is that near the
# evidence's choice?


# %% tags=["exercise"]
def held_out_nll(prior_precision):
    """Return Laplace's mean nll of the held-out part under this prior, fitted anew."""
    return ...


@cache
def trained(prior_precision):
    """Return the model with this prior and its MAP estimate."""
    candidate = replace(tumour_model, prior_precision=prior_precision)
    return candidate, fit_map(candidate, X_train, y_train, rng=0)


def tumour_nll(model, theta, X_new=X_test, y_new=y_test, link="probit"):
    """Return the mean nll of a Laplace approximation."""
    return log_loss(y_new, Laplace(model, theta).fit(X_train, y_train).predict(X_new, link))


exercise_1_4 = check_function(
    "held-out nll",
    held_out_nll,
    lambda delta: tumour_nll(*trained(delta)),
    draw=lambda rng: float(rng.uniform(0.2, 4)),
    n_draws=2,
    rtol=1e-3,
    mistakes={
        "not trained again": lambda delta: tumour_nll(trained(delta)[0], tumour_theta),
        "the new prior in training alone": lambda delta: tumour_nll(tumour_model, trained(delta)[1]),
        "the plugin's": lambda delta: tumour_nll(*trained(delta), link="plugin"),
        "a sum over the held-out part, not the mean": lambda delta: len(y_test) * tumour_nll(*trained(delta)),
        "that of the training part": lambda delta: tumour_nll(*trained(delta), X_train, y_train),
    },
)
print(exercise_1_4)

# %% [markdown]
# ### Exercise 1.5: how good is the probit link?
#
# `la.predict(X_new, "quadrature")` computes the average without the probit link's approximation. How far apart are the
# two, at most, over some inputs? The check integrates for itself, over the Gaussian of each logit.


# %% tags=["exercise"]
def furthest(X_new):
    """Return the largest distance between probit link and average at the inputs X_new (M, 2), a number."""
    return ...


def off(X_new):
    """Return by how much the probit link is above the average, (M,)."""
    f_mean, f_cov = la.glm_predictive_distribution(X_new)
    deviations = np.linspace(-8, 8, 4001)
    weights = np.exp(-0.5 * deviations**2)
    return la.predict(X_new) - expit(f_mean + np.sqrt(f_cov[:, 0]) * deviations) @ weights / weights.sum()


exercise_1_5 = check_function(
    "largest distance",
    furthest,
    lambda X_new: np.abs(off(X_new)).max(),
    draw=lambda rng: rng.uniform(5, 60) * directions,
    rtol=1e-4,
    mistakes={
        "the mean, not the largest": lambda X_new: np.abs(off(X_new)).mean(),
        "its sign, not its size": lambda X_new: -np.abs(off(X_new)).max(),
        "from the plugin, not from the probit link": lambda X_new: np.abs(
            la.predict(X_new) - off(X_new) - la.predict(X_new, "plugin")
        ).max(),
    },
)
print(exercise_1_5)

# %% [markdown]
# ### Derive 1.6: how sure, far away? (4 marks)
#
# Logistic regression, $f = w^\top x + b$, with Laplace's Gaussian over $(w, b)$. Walk along $x = r u$. Write down mean
# and variance of $f$ as functions of $r$, and show that the probit link's $\sigma(m / \sqrt{1 + \pi V / 8})$ tends to
# $\sigma(\sqrt{8 / \pi}\, z)$ with $z = u^\top w / \sqrt{u^\top \Sigma_w u}$. For which $u$ is that one half? What does
# the plugin tend to?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 1.7: unsure of what it has seen (3 marks)
#
# To somebody who knows neural networks, and sees the published Figure 2 for the first time: why is Laplace unsure there
# *amid* the squares, and why is that not what being Bayesian means? What would you change first?

# %% [markdown]
# *Your answer:*
