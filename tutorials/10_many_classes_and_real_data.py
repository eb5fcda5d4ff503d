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
# # 10. Many classes and real data
#
# After this tutorial you can make a classifier of many classes Bayesian, judge its probabilities by four scores and a
# reliability diagram, choose its prior by held-out data, and test whether it notices inputs that are unlike its data.
#
# - Passage of the post: *Laplace Approximation*, uncertainty quantification and out-of-distribution detection;
#   *Wrapping up*, trustworthy systems.
# - Modules: `model` (`Categorical`), `structures` (`kron`), `evidence`, `calibration`, `plotting`.
#
# N samples, D inputs, C classes; $f$ (C,) are the outputs of the network, called logits; $m$ and $V$ their mean and
# covariance under the posterior.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minilaplace import MLP, BayesianModel, Categorical, Laplace, check_equal, fit_map, marglik_training
from minilaplace.calibration import (
    accuracy,
    auroc,
    brier_score,
    entropy_score,
    expected_calibration_error,
    fpr_at_recall,
    max_probability_score,
    negative_log_likelihood,
    sharpness,
)
from minilaplace.plotting import plot_ood, plot_reliability

plt.style.use("minilaplace.course")

# %% [markdown]
# ## Softmax: one logit for each class
#
# With two classes one logit is enough. With C classes the network has C of them, and the probability of class $c$ is
#
# $$p_c = \mathrm{softmax}(f)_c = \frac{e^{f_c}}{\sum_j e^{f_j}}$$
#
# A number added to all logits changes nothing: only differences count. Our first data are 178 Italian wines from 3
# vineyards, with 13 chemical measurements each. Half of them are held out.

# %%
wine = load_wine()
X_wine, X_wine_test, y_wine, y_wine_test = train_test_split(
    wine.data, wine.target, test_size=0.5, random_state=0, stratify=wine.target
)
scaler = StandardScaler().fit(X_wine)
X_wine, X_wine_test = scaler.transform(X_wine), scaler.transform(X_wine_test)
print("training", X_wine.shape, "test", X_wine_test.shape, "wines of each vineyard", np.bincount(y_wine))

# %% [markdown]
# `Categorical` is the likelihood of classes: it takes labels 0 .. C-1 and C outputs. The evidence chooses the prior,
# alternating with the training (`marglik_training`), and the posterior covers all parameters.

# %%
wine_model, wine_theta = marglik_training(BayesianModel(MLP(13, 8, 3), Categorical()), X_wine, y_wine, rng=0)
wine_la = Laplace(wine_model, wine_theta).fit(X_wine, y_wine)
print(f"{wine_model.network.n_params} parameters, prior precision {wine_model.prior_precision:.1f}")

# %% [markdown]
# Four ways from $m$ and $V$ to probabilities (tutorial 6 has them all). The plugin takes the softmax of $m$. Probit
# first divides each $m_c$ by $\sqrt{1 + \frac{\pi}{8} V_{cc}}$. The mean field, which is the default, divides each
# difference $m_c - m_j$ instead, with the variance of $f_c - f_j$. Monte Carlo draws samples of $f$ and averages.

# %%
for link in ("plugin", "probit", "mean_field", "mc"):
    p_wine = wine_la.predict(X_wine_test, link, n_samples=1000, rng=0)
    print(f"{link:10}: the least sure wine", p_wine[p_wine.max(axis=1).argmin()].round(2))
    assert np.allclose(p_wine.sum(axis=1), 1)

# %% [markdown]
# ## Digits, and a network that has not seen them all
#
# 1797 handwritten digits of 8 x 8 pixels. The network learns from **200** of them, and only from the digits **0 to 7**:
# 8 and 9 are kept back to see what it makes of the unknown. 200 more choose the prior, the rest is for testing.

# %%
digits = load_digits()
X_all, y_all, seen = digits.data / 16, digits.target, digits.target < 8
X_train, X_rest, y_train, y_rest = train_test_split(
    X_all[seen], y_all[seen], train_size=200, random_state=0, stratify=y_all[seen]
)
X_held, X_test, y_held, y_test = train_test_split(X_rest, y_rest, train_size=200, random_state=0, stratify=y_rest)
X_unseen = X_all[~seen]
print("training", X_train.shape, "held out", X_held.shape, "test", X_test.shape, "unseen", X_unseen.shape)

# %% [markdown]
# A network with hardly any weight decay, as one may find it: a prior precision of 0.001.

# %%
model = BayesianModel(MLP(64, 24, 8), Categorical(), prior_precision=0.001)
theta = fit_map(model, X_train, y_train, rng=0)
P = model.network.n_params
print(f"{P} parameters, loss {model.loss(theta, X_train, y_train):.1f}")

# %% [markdown]
# A full posterior holds P x P numbers. `kron` keeps two small factors for each layer; `last_layer` is uncertain about
# the last layer alone, and keeps all that there is to know about it.

# %%
kron = Laplace(model, theta, hessian_structure="kron").fit(X_train, y_train)
last = Laplace(model, theta, subset_of_weights="last_layer").fit(X_train, y_train)
n_kron = sum(H**2 + D**2 for H, D in model.network.shapes)
print(f"numbers held: full {P**2}, kron {n_kron}, last layer {len(last.subset) ** 2}")

# %% [markdown]
# ## Are the probabilities right?
#
# Four scores, smaller is better in all but the first. The **accuracy** only asks for the most probable class. The
# **negative log-likelihood** (NLL) $-\frac{1}{N}\sum_n \log p_n(y_n)$ and the **Brier score**
# $\frac{1}{N}\sum_n \sum_c (p_{nc} - [y_n = c])^2$ judge whole probabilities. The **expected calibration error** (ECE)
# asks: of the predictions that are 80 % sure, are 80 % right? It sorts them into bins $b$ by their confidence and
# averages $|\text{accuracy}_b - \text{confidence}_b|$. The mean confidence is the accuracy that the network promises.


# %%
def scores(name, p, y):
    """Print what the scores say of probabilities, and return the NLL."""
    numbers = accuracy(p, y), sharpness(p), negative_log_likelihood(p, y), brier_score(p, y)
    print(f"{name:28}" + "".join(f"{x:9.2f}" for x in numbers) + f"{expected_calibration_error(p, y):9.3f}")
    return numbers[2]


print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "NLL", "Brier", "ECE")))
nll_plugin = scores("plugin", kron.predict(X_test, "plugin"), y_test)
nll_kron = scores("kron, prior 0.001", kron.predict(X_test), y_test)
nll_last = scores("last layer, prior 0.001", last.predict(X_test), y_test)
assert nll_plugin < nll_last < nll_kron

# %% [markdown]
# The plugin promises more than it keeps, by a little. Laplace under this prior is not the cure: it is right as often,
# and hardly dares to say so. The prior lets every weight go as far as $1 / \sqrt{0.001} \approx 30$, 200 digits cannot
# hold 1760 parameters back, and the average runs over networks that have nothing in common.
#
# ## A prior for the posterior
#
# Two ways to choose a better one. The evidence asks which prior makes the training data probable:
# `optimize_prior_precision()`. Held-out data asks directly what we want to know, how probable the true labels of new
# digits are: `optimize_prior_precision("held_out", X=..., y=...)`. Theta stays as it is in both.

# %%
assert P == 1760
p_test = {"plugin": kron.predict(X_test, "plugin"), "prior 0.001": kron.predict(X_test)}
evidence = Laplace(model, theta, hessian_structure="kron").fit(X_train, y_train).optimize_prior_precision()
tuned = kron.under().optimize_prior_precision("held_out", X=X_held, y=y_held)
tuned_last = last.under().optimize_prior_precision("held_out", X=X_held, y=y_held)
p_test |= {"evidence": evidence.predict(X_test), "held-out": tuned.predict(X_test)}
print(
    f"prior precision by the evidence {evidence.model.prior_precision:.2f}, held-out {tuned.model.prior_precision:.0f}"
)

# %%
print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "NLL", "Brier", "ECE")))
nll = {name: scores(name, p, y_test) for name, p in p_test.items()}
nll["last layer"] = scores("last layer, held-out", tuned_last.predict(X_test), y_test)
assert len(tuned_last.subset) == 200
for score in (negative_log_likelihood, brier_score, expected_calibration_error):
    assert score(p_test["held-out"], y_test) < score(p_test["plugin"], y_test)
assert max(nll["held-out"], nll["last layer"]) < nll["plugin"] < nll["evidence"] < nll["prior 0.001"]

# %% [markdown]
# The evidence moves in the right direction and not far enough: it assumes that the model with its Gaussian prior is
# true, and that a Kronecker product is its curvature. The held-out choice beats the plugin in every score of
# probabilities. The last layer, with 200 parameters instead of 1760, does as well; it often does.
#
# But the held-out choice has seen 200 labels more than the plugin. What else could they have been used for? One number
# that divides all logits, a **temperature**, can be chosen by the same labels. Or a network can learn from them.

# %%
f_held, f_test = (model.network.forward(theta, inputs) for inputs in (X_held, X_test))
log_t = minimize_scalar(lambda x: model.likelihood.nll(f_held / np.exp(x), y_held).sum(), bounds=(-3, 3)).x
theta_both = fit_map(model, np.concatenate([X_train, X_held]), np.concatenate([y_train, y_held]), rng=0)
print(f"temperature {np.exp(log_t):.2f}")
print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "NLL", "Brier", "ECE")))
nll["temperature"] = scores("plugin, temperature", softmax(f_test / np.exp(log_t), axis=1), y_test)
f_both = model.network.forward(theta_both, X_test)
nll["learnt"] = scores("plugin, learnt from all 400", softmax(f_both, axis=1), y_test)
assert abs(nll["temperature"] - nll["held-out"]) < 0.002
assert nll["learnt"] < nll["held-out"] - 0.01

# %% [markdown]
# The temperature does as well as the held-out prior, near the data. To learn from the labels does better than both,
# and is right more often. What a temperature hardly changes is the order of inputs by how sure the network is of them,
# and so what it notices: tutorial 11 compares both on many data sets, near the data and far from it.
#
# A **reliability diagram** shows what is promised and kept. Accuracy against confidence, bin by bin: below the diagonal
# a network promises too much, above it too little. The vertical lines are where a calibrated network's points would be
# with probability .95.

# %%
_, ax = plt.subplots(figsize=(5, 5.2))
for name in ("plugin", "evidence", "held-out"):
    plot_reliability(p_test[name], y_test, ax=ax, label=name)

# %% [markdown]
# ## Inputs unlike the data
#
# What does the network say about something that is none of its digits? A score that should be larger outside than
# inside is the **entropy** of the prediction, $-\sum_c p_c \log p_c$: 0 if one class is certain, $\log C$ if all are
# equally likely. The **AUROC** is the probability that a random input from outside has the larger score; 0.5 is chance.
#
# Three kinds of outside: the digits 8 and 9, the test digits turned by a quarter, and noise.

# %%
turned = np.rot90(X_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
noise = np.random.default_rng(0).uniform(size=(500, 64))
outside = {"digits 8 and 9": X_unseen, "turned digits": turned, "noise": noise}
print(f"{'AUROC of the entropy':28}" + "".join(f"{name:>16}" for name in outside))
area = {}
for name, la, link in [
    ("plugin", kron, "plugin"), ("prior 0.001", kron, None), ("evidence", evidence, None), ("held-out", tuned, None),
]:  # fmt: skip
    inside = entropy_score(la.predict(X_test, link))
    area[name] = [auroc(inside, entropy_score(la.predict(X, link))) for X in outside.values()]
    print(f"{name:28}" + "".join(f"{a:16.2f}" for a in area[name]))

# %% [markdown]
# Read the columns. Unseen digits are found by all, the plugin included. Turned digits are found by the widest posterior
# alone; for the others it is a matter of chance. Noise is far from all data, and there Laplace is at its best, even
# under the prior that made its probabilities useless: AUROC looks at the order of the scores, calibration at their
# size. One prior is not the best for both.

# %%
assert area["prior 0.001"][2] > 0.99 > area["plugin"][2]
assert area["prior 0.001"][1] > area["plugin"][1] + 0.1
assert min(unseen_area for unseen_area, _, _ in area.values()) > 0.9
_ = plot_ood(entropy_score(evidence.predict(X_test)), entropy_score(evidence.predict(noise)))

# %% [markdown]
# The picture is of the evidence's prior. Now turn the test digits slowly, and compare how often the network is right
# with how often it claims to be.

# %%
angles = np.arange(0, 100, 10)
slowly = [rotate(X_test.reshape(-1, 8, 8), angle, axes=(1, 2), reshape=False, order=1) for angle in angles]
slowly = [images.reshape(-1, 64) for images in slowly]
right_at = [accuracy(tuned.predict(X), y_test) for X in slowly]
claims = {"plugin": (kron, "plugin"), "Laplace, evidence": (evidence, None), "Laplace, held-out": (tuned, None)}
claimed_at = {name: [sharpness(la.predict(X, link)) for X in slowly] for name, (la, link) in claims.items()}
_, ax = plt.subplots()
for (name, values), marker in zip(claimed_at.items(), "o^s", strict=True):
    ax.plot(angles, values, marker=marker, markersize=4, label=f"claimed: {name}")
ax.plot(angles, right_at, color="black", linestyle="--", label="accuracy")
ax.set(xlabel="turned by, degrees", ylabel="share of test digits", ylim=(0, 1))
_ = ax.legend(fontsize=9)

# %% [markdown]
# Turned by 40 degrees, about three digits in four are misread. The plugin still claims to be right nearly nine times in
# ten, and so does the posterior whose prior was tuned on upright digits: calibration is measured on one distribution,
# and holds for that one. The wide posterior claims little, but of all digits alike. None of them knows when it fails.

# %%
print(f"at 40 degrees: accuracy {right_at[4]:.2f}, claimed", {k: round(v[4], 2) for k, v in claimed_at.items()})
assert 0.2 < right_at[4] < 0.3
assert 0.85 < claimed_at["Laplace, held-out"][4] < claimed_at["plugin"][4] < 0.91

# %% [markdown]
# ## Knowing when to pass
#
# A system that may say *I do not know* hands its least sure cases to a human. Sort the test digits by entropy, reject
# the most uncertain share, and look at the accuracy of the rest.

# %%
p_sure = p_test["held-out"]
order = np.argsort(entropy_score(p_sure))  # the surest first
right = (p_sure.argmax(axis=1) == y_test)[order]
accuracy_of_kept = np.cumsum(right) / np.arange(1, len(right) + 1)
_, ax = plt.subplots()
rejected = 1 - np.arange(1, len(right) + 1) / len(right)
ax.plot(100 * rejected, accuracy_of_kept, label="reject by entropy")
ax.axhline(right.mean(), color="black", linestyle="--", label="reject at random")
ax.set(xlabel="rejected, % of test digits", ylabel="accuracy of the others", xlim=(0, 50))
_ = ax.legend()

# %%
wrong = entropy_score(p_sure)[p_sure.argmax(axis=1) != y_test]
found = auroc(entropy_score(p_sure)[p_sure.argmax(axis=1) == y_test], wrong)
kept = int(0.9 * len(right))
print(f"accuracy of all {right.mean():.3f}, without the least sure tenth {accuracy_of_kept[kept - 1]:.3f}")
print(f"AUROC of finding the errors {found:.2f}")
assert accuracy_of_kept[kept - 1] > 0.99 > right.mean()
assert found > 0.9

# %% [markdown]
# More than two thirds of the errors are in that tenth. The digits it is least sure of are hard for us too:

# %%
n_errors = np.count_nonzero(~right)
assert np.count_nonzero(~right[kept:]) > 2 / 3 * n_errors
_, panels = plt.subplots(2, 5, figsize=(6, 3.4))
for ax, n in zip(panels.flat, order[::-1][:10], strict=True):
    ax.imshow(X_test[n].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"is {y_test[n]}, says {p_sure[n].argmax()}\nat {p_sure[n].max():.2f}", fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## Summary
#
# - `Categorical` takes C logits to probabilities by softmax; structures, subsets, links and evidence are as before.
# - Accuracy does not see whether probabilities are right. NLL and Brier score do; ECE and the reliability diagram show
#   in which direction they are wrong.
# - The prior decides. Under a weak one Laplace is far too modest; held-out data finds one that beats the plugin. A
#   temperature, chosen by the same labels, does so too, and to learn from them is better still.
# - Noise is found easily, unseen digits mostly, turned digits hardly; the prior that detects best calibrates worst.
# - Rejecting the least sure predictions takes out most of the errors.
#
# ## Exercises

# %% [markdown]
# ### Exercise 10.1: softmax without overflow
#
# $e^{1000}$ overflows. Subtract the largest logit of each row first; the probabilities do not change. Write it without
# SciPy.

# %% tags=["exercise"]
f_large = np.array([[1000.0, 999.0, 998.0], [-1000.0, 0.0, 1.0]])
p_large = ...  # (2, 3)

exercise_10_1 = check_equal("softmax", p_large, softmax(f_large, axis=1))
print(exercise_10_1)

# %% [markdown]
# ### Exercise 10.2: the mean field
#
# From the moments $m$ (N, C) and $V$ (N, C, C) of the logits to the probabilities that `tuned.predict` returns: to
# $1 / \sum_j \exp(-(m_c - m_j) / \sqrt{1 + \frac{\pi}{8} (V_{cc} + V_{jj} - 2 V_{cj})})$, divided by their sum.

# %% tags=["exercise"]
f_mean, f_cov = tuned.glm_predictive_distribution(X_test)
p_mean_field = ...  # (N, C)

exercise_10_2 = check_equal("mean field", p_mean_field, tuned.predict(X_test))
print(exercise_10_2)

# %% [markdown]
# ### Exercise 10.3: the expected calibration error
#
# Of `confidence` (N,) and `correct` (N,) make the ECE with 10 bins of equal width. A bin holds its upper edge, so
# `np.ceil(10 * confidence)` is the number of its bin, 1 to 10.

# %% tags=["exercise"]
confidence, correct = p_sure.max(axis=1), p_sure.argmax(axis=1) == y_test
ece = ...

exercise_10_3 = check_equal("ECE", ece, expected_calibration_error(p_sure, y_test))
print(exercise_10_3)

# %% [markdown]
# ### Exercise 10.4: a threshold for the unseen
#
# An alarm should ring for 95 % of the digits 8 and 9. With the score $1 - \max_c p_c$, at which share of the seen
# digits does it ring too? Find the threshold among the scores of the unseen, and count.

# %% tags=["exercise"]
inside, unseen = (max_probability_score(tuned.predict(X)) for X in (X_test, X_unseen))
false_alarms = ...

exercise_10_4 = check_equal("false alarms", false_alarms, fpr_at_recall(inside, unseen, recall=0.95))
print(exercise_10_4)
