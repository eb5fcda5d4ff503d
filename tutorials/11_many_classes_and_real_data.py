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
# # 11. Many classes and real data
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
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minilaplace import MLP, BayesianModel, Categorical, Laplace, fit_map, marglik_training
from minilaplace.calibration import (
    accuracy,
    auroc,
    brier_score,
    entropy_score,
    expected_calibration_error,
    fpr_at_recall,
    maximum_calibration_error,
    negative_log_likelihood,
    reliability_diagram,
    sharpness,
)
from minilaplace.checks import check_function
from minilaplace.plotting import plot_ood, plot_reliability
from minilaplace.predictive import mean_field, probit

plt.style.use("minilaplace.course")

# %% [markdown]
# ## Softmax: one logit for each class
#
# With two classes one logit is enough. With C classes the network has C of them, and the probability of class $c$ is
#
# $$p_c = \mathrm{softmax}(f)_c = \frac{e^{f_c}}{\sum_j e^{f_j}}$$
#
# A number added to all logits changes nothing: only differences count. Our first data are 178 Italian wines of 3 grape
# varieties, with 13 chemical measurements each. Half of them are held out.

# %%
wine = load_wine()
X_wine, X_wine_test, y_wine, y_wine_test = train_test_split(
    wine.data, wine.target, test_size=0.5, random_state=0, stratify=wine.target
)
scaler = StandardScaler().fit(X_wine)
X_wine, X_wine_test = scaler.transform(X_wine), scaler.transform(X_wine_test)
print("training", X_wine.shape, "test", X_wine_test.shape, "wines of each variety", np.bincount(y_wine))
assert (*wine.data.shape, len(np.unique(wine.target))) == (178, 13, 3)
assert np.allclose(softmax([3.0, 1.0, -2.0]), softmax([103.0, 101.0, 98.0]), rtol=1e-12)  # only differences count

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
# difference $m_c - m_j$ instead, with the variance of $f_c - f_j$. Monte Carlo draws samples of $f$ and averages. Here
# is the wine of which all four are least sure.

# %%
least_sure = {}
for link in ("plugin", "probit", "mean_field", "mc"):
    p_wine = wine_la.predict(X_wine_test, link, n_samples=1000, rng=0)
    least_sure[link] = p_wine.max(axis=1).argmin()
    print(f"{link:10}: the least sure wine", p_wine[least_sure[link]].round(2))
    assert np.allclose(p_wine.sum(axis=1), 1)
assert len(set(least_sure.values())) == 1
by_mc = wine_la.predict(X_wine_test, "mc", n_samples=20_000, rng=1)
off = {link: np.abs(wine_la.predict(X_wine_test, link) - by_mc).mean() for link in ("mean_field", "probit", "plugin")}
print("mean distance from 20000 samples:", {link: round(float(distance), 3) for link, distance in off.items()})
assert off["mean_field"] < off["probit"] < off["plugin"]

# %% [markdown]
# The average over many samples is what the three formulas stand for. The mean field is nearest to it here, and the
# plugin furthest.

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
assert len(X_all) == 1797

# %% [markdown]
# A network with hardly any weight decay, as one may find it: a prior precision of 0.001.

# %%
model = BayesianModel(MLP(64, 24, 8), Categorical(), prior_precision=0.001)
theta = fit_map(model, X_train, y_train, rng=0)
P = model.network.n_params
print(f"{P} parameters, loss {model.loss(theta, X_train, y_train):.1f}")

# %% [markdown]
# A full posterior holds P x P numbers. `kron` keeps two small factors for each layer; `last_layer` is uncertain about
# the last layer alone, and has its full precision.

# %%
kron = Laplace(model, theta, hessian_structure="kron").fit(X_train, y_train)
last = Laplace(model, theta, subset_of_weights="last_layer").fit(X_train, y_train)
n_kron = sum(H**2 + D**2 for H, D in model.network.shapes)
print(f"numbers held: full {P**2}, kron {n_kron}, last layer {len(last.subset) ** 2}")

# %% [markdown]
# ## Are the probabilities right?
#
# Four scores, smaller is better in all but the first. The **accuracy** only asks for the most probable class. The
# **mean nll** $-\frac{1}{N}\sum_n \log p_{n y_n}$ and the **Brier score**
# $\frac{1}{N}\sum_n \sum_c (p_{nc} - [y_n = c])^2$, where $[\cdot]$ is 1 if it is so and 0 if not, judge whole
# probabilities. The *confidence* of a prediction is its largest probability. The **expected calibration error** (ECE)
# asks: of the predictions that are 80 % sure, are 80 % right? It sorts them into bins $b$ by their confidence and
# averages $|\text{accuracy}_b - \text{confidence}_b|$, each bin by its share of the predictions. The mean confidence is
# the accuracy that the network promises.
#
# > **Predict first.** Under its prior precision of 0.001 the network has learnt 200 digits by heart. How sure will its
# > plugin be of new ones, and how sure Laplace, with the same prior? Will Laplace misread more of them?
#
# <details><summary>Answer</summary>
#
# The plugin promises 98 %, and is right in between 96 and 97 %. Laplace promises 14 or 16 %, not much more than one in
# eight, which is chance. It reads as many digits right, but for two in a thousand.
#
# </details>


# %%
def scores(name, p, y):
    """Print what the scores say of probabilities, and return the mean nll."""
    numbers = accuracy(p, y), sharpness(p), negative_log_likelihood(p, y), brier_score(p, y)
    print(f"{name:28}" + "".join(f"{x:9.3f}" for x in [*numbers, expected_calibration_error(p, y)]))
    return numbers[2]


print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "mean nll", "Brier", "ECE")))
nll_plugin = scores("plugin", kron.predict(X_test, "plugin"), y_test)
nll_kron = scores("kron, prior 0.001", kron.predict(X_test), y_test)
nll_last = scores("last layer, prior 0.001", last.predict(X_test), y_test)
assert nll_plugin < nll_last < nll_kron
p_kron, p_last, p_plugin = kron.predict(X_test), last.predict(X_test), kron.predict(X_test, "plugin")
assert 0.96 < accuracy(p_plugin, y_test) < 0.97 < 0.98 < sharpness(p_plugin) < 0.99
assert [round(sharpness(p), 2) for p in (p_kron, p_last)] == [0.14, 0.16]
assert max(abs(accuracy(p, y_test) - accuracy(p_plugin, y_test)) for p in (p_kron, p_last)) < 0.0025
V_digits = kron.glm_predictive_distribution(X_test)[1]  # (N, C, C)
deviation = np.sqrt(np.diagonal(V_digits, axis1=1, axis2=2)).mean()
print(f"mean standard deviation of a logit under kron: {deviation:.0f}")
assert 90 < deviation < 120

# %% [markdown]
# The plugin promises more than it keeps, by a little. Laplace under this prior is not the cure: it is right as often,
# and hardly dares to say so. The prior lets every weight go as far as $1 / \sqrt{0.001} \approx 32$, 200 digits cannot
# hold 1760 parameters back, and the average runs over logits with a standard deviation of about 100.
#
# > **Common mistake.** To take a small ECE for good predictions. Whoever always states the frequencies of the classes
# > is calibrated, and says nothing about any digit. Report the ECE beside a score of whole probabilities, never alone.

# %%
frequencies = np.tile(np.bincount(y_train) / len(y_train), (len(y_test), 1))
_ = scores("frequencies of the classes", frequencies, y_test)
assert expected_calibration_error(frequencies, y_test) < 0.005 < expected_calibration_error(p_plugin, y_test)
assert accuracy(frequencies, y_test) < 0.13

# %% [markdown]
# ## A prior for the posterior
#
# Three ways to choose a better one. The evidence asks which prior makes the training data probable:
# `optimize_prior_precision()`. It can be asked at this $\theta$, or, as in tutorial 8, in turn with training:
# `marglik_training`. And held-out data asks directly what we want to know, how probable the true labels of new digits
# are: `optimize_prior_precision("held_out", X=..., y=...)`. That, too, leaves $\theta$ as it is. Its prior is then no
# longer the one that $\theta$ has been trained with, so what comes out is the posterior of no model. It is a choice of
# how far to average. (Held-out labels are not taken in as leave-one-out was in tutorial 8: $\theta$ has not seen them.)
# `optimize_prior_precision` changes the fit that it is called on; `kron.under()` is a copy, so that `kron` stays.

# %%
assert P == 1760
p_test = {"plugin": kron.predict(X_test, "plugin"), "prior 0.001": kron.predict(X_test)}
evidence = Laplace(model, theta, hessian_structure="kron").fit(X_train, y_train).optimize_prior_precision()
model_in_turn, theta_in_turn = marglik_training(model, X_train, y_train, theta0=theta, hessian_structure="kron")
in_turn = Laplace(model_in_turn, theta_in_turn, hessian_structure="kron").fit(X_train, y_train)
tuned = kron.under().optimize_prior_precision("held_out", X=X_held, y=y_held)
tuned_last = last.under().optimize_prior_precision("held_out", X=X_held, y=y_held)
p_test |= {"evidence": evidence.predict(X_test), "evidence, in turn": in_turn.predict(X_test)}
p_test["held-out"] = tuned.predict(X_test)
print(f"prior precision by the evidence {evidence.model.prior_precision:.2f}", end=", ")
print(f"in turn with training {model_in_turn.prior_precision:.1f}, held-out {tuned.model.prior_precision:.0f}")
by_full_curvature = Laplace(model, theta).fit(X_train, y_train).optimize_prior_precision().model.prior_precision
print(f"by the evidence with the full curvature {by_full_curvature:.2f}")
assert 0.05 < by_full_curvature < evidence.model.prior_precision < 0.11
assert round(model_in_turn.prior_precision, 1) == 2.4
assert kron.model.prior_precision == 0.001  # `tuned` is a copy

# %%
print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "mean nll", "Brier", "ECE")))
nll = {name: scores(name, p, y_test) for name, p in p_test.items()}
nll["last layer"] = scores("last layer, held-out", tuned_last.predict(X_test), y_test)
assert len(tuned_last.subset) == 200
for score in (negative_log_likelihood, brier_score, expected_calibration_error):
    assert score(p_test["held-out"], y_test) < score(p_test["plugin"], y_test)
assert max(nll["held-out"], nll["last layer"]) < nll["plugin"] < nll["evidence"] < nll["prior 0.001"]
assert nll["evidence, in turn"] < 0.4 * nll["evidence"]
assert np.linalg.norm(theta) > 2 * np.linalg.norm(theta_in_turn)
assert nll["evidence, in turn"] > 4 * nll["plugin"]
assert abs(nll["last layer"] - nll["held-out"]) < 0.001
assert abs(brier_score(tuned_last.predict(X_test), y_test) - brier_score(p_test["held-out"], y_test)) < 0.001

# %% [markdown]
# At the old $\theta$ the evidence moves in the right direction and not far enough. The Kronecker product is not to
# blame, with the full curvature it chooses even less. But a $\theta$ that was trained under a weak prior is large, and
# asks for a weak prior. In turn with training it comes to 2.4 and to a mean nll that is still more than four times the
# plugin's. The evidence asks about the training labels, not about new ones, and tutorial 12 finds the same where
# classes are easy to tell apart. The held-out choice beats the plugin in every score of probabilities. The last layer,
# with 200 parameters instead of 1760, does as well by mean nll and Brier score.
#
# But the held-out choice has seen 200 labels more than the plugin. What else could they have been used for? One number
# that divides all logits, a **temperature** (not that of tutorial 5, which divides the curvature), can be chosen by the
# same labels (Guo et al., 2017). Or a network can learn from them.

# %%
f_held, f_test = (model.network.forward(theta, inputs) for inputs in (X_held, X_test))
log_t = minimize_scalar(lambda x: model.likelihood.nll(f_held / np.exp(x), y_held).sum(), bounds=(-3, 3)).x
theta_both = fit_map(model, np.concatenate([X_train, X_held]), np.concatenate([y_train, y_held]), rng=0)
print(f"temperature {np.exp(log_t):.2f}")
print(" " * 28 + "".join(f"{name:>9}" for name in ("accuracy", "promised", "mean nll", "Brier", "ECE")))
nll["temperature"] = scores("plugin, temperature", softmax(f_test / np.exp(log_t), axis=1), y_test)
f_both = model.network.forward(theta_both, X_test)
nll["learnt"] = scores("plugin, learnt from all 400", softmax(f_both, axis=1), y_test)
assert abs(nll["temperature"] - nll["held-out"]) < 0.002
assert nll["learnt"] < nll["held-out"] - 0.01
p_both = softmax(f_both, axis=1)
assert brier_score(p_both, y_test) < brier_score(p_test["held-out"], y_test) - 0.01
assert accuracy(p_both, y_test) > accuracy(p_test["held-out"], y_test) + 0.01
assert expected_calibration_error(p_both, y_test) > expected_calibration_error(p_test["held-out"], y_test)

# %% [markdown]
# The temperature does as well as the held-out prior, near the data. To learn from the labels does better than both by
# mean nll and Brier score, and is right more often; only its ECE is a little larger. A temperature hardly changes which
# inputs the network is surer of than of others, and so it hardly changes what the network notices; the table of the
# next section shows that. Tutorial 12 compares both on many data sets, near the data and far from it.
#
# A **reliability diagram** shows what is promised and kept. Accuracy against confidence, bin by bin: below the diagonal
# a network promises too much, above it too little. The vertical lines are where a calibrated network's points would be
# with probability .95.

# %%
_, ax = plt.subplots(figsize=(5.8, 5.8))
for name in ("plugin", "evidence, in turn", "held-out"):
    plot_reliability(p_test[name], y_test, ax=ax, label=name)
_, promised, kept, n_in_bin = reliability_diagram(p_test["evidence, in turn"], y_test)
assert np.all(kept[n_in_bin > 0] > promised[n_in_bin > 0])
for name in ("plugin", "held-out"):
    assert (p_test[name].max(axis=1) > 0.9).mean() > 0.9

# %% [markdown]
# The prior that was chosen in turn with training promises too little in every bin. Plugin and held-out prior have nine
# in ten of their predictions in the last bin, and so few in the others that the points there are mostly chance.
#
# ## Inputs unlike the data
#
# What does the network say about something that is none of its digits? A score that should be larger outside than
# inside is the **entropy** of the prediction, $-\sum_c p_c \log p_c$: 0 if one class is certain, $\log C$ if all are
# equally likely. The **AUROC** is the probability that a random input from outside has the larger score; 0.5 is chance.
#
# Three kinds of outside: the digits 8 and 9, the test digits turned by a quarter, and noise.
#
# > **Predict first.** Which of the three is found most easily by the plugin, and which hardly at all? Where will
# > Laplace make the largest difference?
#
# <details><summary>Answer</summary>
#
# Noise and the unseen digits are found by the plugin; of the turned digits it is as sure as of upright ones. These are
# where a wide posterior makes the largest difference.
#
# </details>

# %%
turned = np.rot90(X_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
noise = np.random.default_rng(0).uniform(size=(500, 64))
outside = {"digits 8 and 9": X_unseen, "turned digits": turned, "noise": noise}
claimants = {
    "plugin": lambda X: kron.predict(X, "plugin"),
    "plugin, temperature": lambda X: softmax(model.network.forward(theta, X) / np.exp(log_t), axis=1),
    "prior 0.001": kron.predict,
    "evidence": evidence.predict,
    "evidence, in turn": in_turn.predict,
    "held-out": tuned.predict,
}
print(f"{'AUROC of the entropy':28}" + "".join(f"{name:>16}" for name in outside))
area = {}
for name, predict in claimants.items():
    inside = entropy_score(predict(X_test))
    area[name] = np.array([auroc(inside, entropy_score(predict(X))) for X in outside.values()])
    print(f"{name:28}" + "".join(f"{a:16.2f}" for a in area[name]))

# %% [markdown]
# Read the columns. Unseen digits are found by all, the plugin included. Turned digits are found by the weakest prior
# and by the one that was chosen in turn with training. For plugin, temperature and held-out prior they are a matter of
# chance, and the evidence's prior at the old $\theta$ is worse than chance. Noise is found by all, and best by the wide
# posteriors, even by the one that made its probabilities useless: AUROC looks at the order of the scores, calibration
# at their size. One prior is not the best for both: what the evidence chooses in turn with training finds more than the
# plugin in each column, and promises 58 % where it is right in 96. The temperature has the plugin's numbers.

# %%
assert min(of_unseen for of_unseen, _, _ in area.values()) > 0.9
assert area["prior 0.001"][1] > 0.75
assert area["evidence, in turn"][1] > 0.75
assert all(abs(area[name][1] - 0.5) < 0.04 for name in ("plugin", "plugin, temperature", "held-out"))
assert area["evidence"][1] < 0.45
assert all(area[name][2] > 0.985 > 0.97 > area["plugin"][2] > 0.95 for name in claimants if name.startswith("evidence"))
assert area["prior 0.001"][2] > 0.99
assert np.abs(area["plugin, temperature"] - area["plugin"]).max() < 0.015
assert np.all(area["evidence, in turn"] - area["plugin"] > [0, 0.2, 0.04])
assert round(sharpness(p_test["evidence, in turn"]), 2) == 0.58
assert round(accuracy(p_test["evidence, in turn"], y_test), 2) == 0.96
_ = plot_ood(entropy_score(in_turn.predict(X_test)), entropy_score(in_turn.predict(noise))).set_xlabel("entropy, nats")

# %% [markdown]
# The picture is of the prior that was chosen in turn with training.
#
# **Two looks behind the table.** First, its probabilities are those of the mean field. Where logits have a deviation of
# 100, under the prior 0.001, that is no longer an approximation of the average. By Monte Carlo, the average itself, the
# entropy of noise is hardly larger than that of digits, and turned digits look *more* certain than upright ones. Under
# the prior that was chosen in turn, where the deviation is 2, the two ways agree. Second, an entropy is not all
# ignorance. Its epistemic part, the mutual information of tutorial 7, is another score. On unseen digits it is a little
# behind the entropy, and on turned ones far ahead of it: the sampled networks are as sure of these as of upright ones,
# and sure of different digits.

# %%
print(f"{'AUROC by 500 samples':28}" + "".join(f"{name:>16}" for name in outside))
by_samples = {}
for name, la in [("prior 0.001", kron), ("evidence, in turn", in_turn)]:
    inside = la.uncertainty(X_test, n_samples=500, rng=0)
    beyond = [la.uncertainty(X, n_samples=500, rng=1) for X in outside.values()]
    for part, score in [("entropy", "total"), ("information", "epistemic")]:
        areas = np.array([auroc(getattr(inside, score), getattr(there, score)) for there in beyond])
        by_samples[name, part] = areas
        print(f"{name + ', ' + part:28}" + "".join(f"{a:16.2f}" for a in areas))
in_turn_deviation = np.sqrt(np.diagonal(in_turn.glm_predictive_distribution(X_test)[1], axis1=1, axis2=2)).mean()
assert by_samples["prior 0.001", "entropy"][2] < 0.7
assert by_samples["prior 0.001", "entropy"][1] < 0.4
assert round(in_turn_deviation) == 2
assert np.abs(by_samples["evidence, in turn", "entropy"] - area["evidence, in turn"]).max() < 0.02
gained = by_samples["evidence, in turn", "information"] - by_samples["evidence, in turn", "entropy"]
assert -0.03 < gained[0] < 0
assert gained[1] > 0.1
assert beyond[1].aleatoric.mean() < inside.aleatoric.mean()  # of the posterior chosen in turn

# %% [markdown]
# Now turn the test digits slowly, and compare how often the network is right with how often it claims to be.
#
# > **Predict first.** Turned by 90 degrees about one digit in eight is read right, which is chance. What does the
# > plugin claim there?
#
# <details><summary>Answer</summary>
#
# To be right in 99 of 100, as often as for upright digits.
#
# </details>

# %%
angles = np.arange(0, 100, 10)
slowly = [rotate(X_test.reshape(-1, 8, 8), angle, axes=(1, 2), reshape=False, order=1) for angle in angles]
slowly = [images.reshape(-1, 64) for images in slowly]
right_at = [accuracy(tuned.predict(X), y_test) for X in slowly]
claimed_at = {}
_, ax = plt.subplots()
for name, marker in zip(["plugin", "held-out", "evidence, in turn", "evidence"], "osv^", strict=True):
    claimed_at[name] = np.array([sharpness(claimants[name](X)) for X in slowly])
    ax.plot(angles, claimed_at[name], marker=marker, markersize=4, label=f"claimed: {name}")
ax.plot(angles, right_at, color="black", linestyle="--", label="accuracy")
ax.set(xlabel="turned by, degrees", ylabel="share of test digits", ylim=(0, 1.4), yticks=np.arange(0, 1.1, 0.2))
_ = ax.legend(fontsize=9, ncols=2, loc="upper center")

# %% [markdown]
# Turned by 40 degrees, about three digits in four are misread. The plugin still claims to be right nearly nine times in
# ten, and so does the posterior whose prior was tuned on upright digits: calibration is measured on one distribution,
# and holds for that one. The prior that was chosen in turn with training claims little more than half as much for
# digits tilted by 30 to 60 degrees as for upright ones, and is three times too sure at 90 degrees all the same; the
# evidence's at the old $\theta$ claims little, but of all digits alike. None of them knows when it fails.

# %%
print(f"at 40 degrees: accuracy {right_at[4]:.2f}, claimed", {k: round(float(v[4]), 2) for k, v in claimed_at.items()})
print(f"at 90 degrees: accuracy {right_at[9]:.2f}, claimed", {k: round(float(v[9]), 2) for k, v in claimed_at.items()})
assert 0.2 < right_at[4] < 0.3
assert 0.85 < claimed_at["held-out"][4] < claimed_at["plugin"][4] < 0.91
assert abs(right_at[9] - 1 / 8) < 0.01
assert round(claimed_at["plugin"][9], 2) == 0.99
assert abs(claimed_at["plugin"][9] - claimed_at["plugin"][0]) < 0.01
assert np.all(np.abs(claimed_at["evidence, in turn"][3:7] / claimed_at["evidence, in turn"][0] - 0.58) < 0.04)
assert claimed_at["evidence, in turn"][9] > 3 * accuracy(in_turn.predict(slowly[9]), y_test)
assert np.ptp(claimed_at["evidence"]) < 0.06

# %% [markdown]
# ## Knowing when to pass
#
# A system that may say *I do not know* hands its least sure cases to a human. Sort the test digits by the entropy under
# the held-out prior, reject the most uncertain share, and look at the accuracy of the rest.

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
# More than two thirds of the errors are in that tenth. These are the ten digits that it is least sure of, seven of them
# misread. Some are hard for us too, and some are not:

# %%
n_errors = np.count_nonzero(~right)
assert np.count_nonzero(~right[kept:]) > 2 / 3 * n_errors
assert np.count_nonzero(~right[-10:]) == 7
_, panels = plt.subplots(2, 5, figsize=(6, 3.4))
for ax, n in zip(panels.flat, order[::-1][:10], strict=True):
    ax.imshow(X_test[n].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"is {y_test[n]}, says {p_sure[n].argmax()}\nat {p_sure[n].max():.2f}", fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## Summary
#
# - `Categorical` takes C logits to probabilities by softmax; structures, subsets, links and evidence are as before.
# - Accuracy does not see whether probabilities are right. Mean nll and Brier score do; ECE measures how far promise and
#   accuracy are apart, and the reliability diagram shows in which direction. A small ECE alone says little.
# - The prior decides. Under a weak one Laplace is far too modest; held-out data finds one that beats the plugin. A
#   temperature, chosen by the same labels, does so too, and to learn from them is better still.
# - Noise and unseen digits are found by all, turned digits by wide posteriors alone, best by the mutual information.
#   The priors that detect best are far from calibrated, and the calibrated one detects as the plugin does.
# - Rejecting the least sure predictions takes out most of the errors.
#
# *Read on* (entries in the [references](references.md)): Guo et al. (2017), section 2 for reliability diagrams and ECE,
# section 4 for the temperature; Gneiting and Raftery (2007), sections 1 to 4, for scores that reward the truth;
# Hendrycks and Gimpel (2017) for inputs unlike the data and their AUROC.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 11.1: softmax without overflow
#
# $e^{1000}$ overflows. Subtract the largest logit of each row first; the probabilities do not change. Write the softmax
# of logits `f` (N, C), without SciPy. The logits of the check are in the thousands, of either sign.


# %% tags=["exercise"]
def my_softmax(f):
    """Return the probabilities, (N, C)."""
    return ...


exercise_11_1 = check_function(
    "softmax",
    my_softmax,
    lambda f: softmax(f, axis=1),
    draw=lambda rng: rng.uniform(-2000, 2000, size=(4, 1)) + rng.normal(scale=2, size=(4, 5)),
    mistakes={
        "over the samples in place of the classes": lambda f: softmax(f, axis=0),
        "not divided by the sum": lambda f: softmax(f, axis=1) / softmax(f, axis=1).max(axis=1, keepdims=True),
        "divided by the sum of all rows": lambda f: (
            (e := softmax(f, axis=1) / softmax(f, axis=1).max(axis=1, keepdims=True)) / e.sum()
        ),
        "the logarithm of the probabilities": lambda f: np.log(softmax(f, axis=1)),
    },
)
print(exercise_11_1)

# %% [markdown]
# ### Exercise 11.2: the mean field
#
# From the moments `m` (N, C) and `V` (N, C, C) of the logits to the probabilities of the mean field: to
# $1 / \sum_j \exp(-(m_c - m_j) / \sqrt{1 + \frac{\pi}{8} (V_{cc} + V_{jj} - 2 V_{cj})})$, divided by their sum over
# the classes.


# %% tags=["exercise"]
def my_mean_field(m, V):
    """Return the probabilities, (N, C)."""
    return ...


def by_the_link(m, V, link=mean_field):
    """Return what a link of the library says; it asks the outputs for these three."""
    outputs = SimpleNamespace(
        mean=m,
        variance=lambda: np.diagonal(V, axis1=1, axis2=2),
        covariance=lambda R=None: V if R is None else R @ V @ R.T,
    )
    return link(Categorical(), outputs)


def undivided(m, V):
    """Return the numbers before they are divided by their sum, from the links of two classes at a time."""
    odds = np.ones((*m.shape, m.shape[1]))  # (N, C, C), those of class j against c
    for c, j in np.argwhere(~np.eye(m.shape[1], dtype=bool)):
        two = by_the_link(m[:, [c, j]], V[:, [[c], [j]], [c, j]])
        odds[:, c, j] = two[:, 1] / two[:, 0]
    return 1 / odds.sum(axis=2)


def moments(rng):
    """Return mean and covariance of four logits at three inputs."""
    root = rng.normal(size=(3, 4, 4))
    return rng.normal(scale=2, size=(3, 4)), root @ np.swapaxes(root, 1, 2)


def of_variances(V):
    """Return a covariance with these variances and no correlation."""
    return np.einsum("ncc,cd->ncd", V, np.eye(V.shape[1]))


exercise_11_2 = check_function(
    "mean field",
    my_mean_field,
    by_the_link,
    draw=moments,
    mistakes={
        "the covariance of the two logits is missing": lambda m, V: by_the_link(m, of_variances(V)),
        "the covariance taken off once, not twice": lambda m, V: by_the_link(m, (V + of_variances(V)) / 2),
        "not divided by their sum over the classes": undivided,
        "the factor pi / 8 is missing": lambda m, V: by_the_link(m, 8 / np.pi * V),
        "m_j - m_c in place of m_c - m_j": lambda m, V: by_the_link(-m, V),
        "the probit link": lambda m, V: by_the_link(m, V, probit),
    },
)
print(exercise_11_2)

# %% [markdown]
# ### Exercise 11.3: the expected calibration error
#
# Of `confidence` (N,) and `correct` (N,), a truth value for each prediction, make the ECE with 10 bins of equal width.
# A bin holds its upper edge, so `np.ceil(10 * confidence)` is the number of its bin, 1 to 10.


# %% tags=["exercise"]
def my_ece(confidence, correct):
    """Return the expected calibration error, a number."""
    return ...


def by_the_score(confidence, correct, score=expected_calibration_error):
    """Return a score of ten classes, of which the first is predicted with this confidence."""
    others = np.repeat((1 - confidence)[:, None] / 9, 9, axis=1)
    return score(np.column_stack([confidence, others]), np.where(correct, 0, 1))


def promises(rng):
    """Return 80 confidences, five of them 1, and whether the predictions were correct."""
    confidence = np.concatenate([rng.uniform(0.25, 1, size=75), np.ones(5)])
    chance = np.where(confidence > 0.9, 1, confidence**2)
    chance[-5:] = 0.4
    return confidence, rng.random(80) < chance


def ones_apart(confidence, correct):
    """Return the error with bins that hold their lower edge, not their upper one, so that 1 is in an eleventh."""
    number = np.floor(10 * confidence)
    return sum(abs(np.sum(confidence[number == b] - correct[number == b])) for b in range(11)) / len(correct)


def unweighted(confidence, correct):
    """Return the mean of the bins' errors, as if all bins were equally full."""
    number = np.ceil(10 * confidence)
    return np.mean([abs(np.mean(confidence[number == b] - correct[number == b])) for b in np.unique(number)])


exercise_11_3 = check_function(
    "ECE",
    my_ece,
    by_the_score,
    draw=promises,
    mistakes={
        "the bins counted alike, full or not": unweighted,
        "the largest error of a bin": lambda *given: by_the_score(*given, score=maximum_calibration_error),
        "a confidence of 1 in a bin of its own": ones_apart,
        "signs that cancel": lambda confidence, correct: abs(np.mean(confidence - correct)),
        "of single predictions, not of bins": lambda confidence, correct: np.mean(np.abs(confidence - correct)),
    },
)
print(exercise_11_3)

# %% [markdown]
# ### Exercise 11.4: a threshold for the unseen
#
# An alarm rings at all scores that are at least as high as a threshold. Take the highest threshold at which it rings
# for a share `recall` of the scores from outside, or more. For which share of the scores from inside does it ring, too?
# Then use it: with a recall of .95 for the digits 8 and 9, and the entropy of `tuned.predict(...)` as score, how often
# does it ring for the test digits?


# %% tags=["exercise"]
def false_alarms(inside, outside, recall):
    """Return the share of the inside (N,) for which the alarm rings, a number."""
    return ...


def two_groups(rng):
    """Return scores inside and outside, the outside higher on average, and a recall."""
    return rng.normal(size=50), rng.normal(1, 1, size=41), 1 - rng.integers(4, 16) / 40


exercise_11_4 = check_function(
    "false alarms",
    false_alarms,
    fpr_at_recall,
    draw=two_groups,
    mistakes={
        "the share that is let through": lambda *given: 1 - fpr_at_recall(*given),
        "1 - recall in place of recall": lambda inside, outside, recall: fpr_at_recall(inside, outside, 1 - recall),
        "inside and outside exchanged": lambda inside, outside, recall: fpr_at_recall(outside, inside, recall),
        "the share of the outside, which is the recall": lambda inside, outside, recall: fpr_at_recall(
            outside, outside, recall
        ),
        "an alarm for low scores": lambda inside, outside, recall: fpr_at_recall(-inside, -outside, recall),
    },
)
print(exercise_11_4)

# %% [markdown]
# ### Derive 11.5: a score that rewards the truth, and one that does not (4 marks)
#
# The labels of an input are drawn with the probabilities $q_1, \dots, q_C$. You announce $p_1, \dots, p_C$. Write the
# nll that you must expect, and show that it is least if $p = q$, and only then. (Use $\log a \le a - 1$, with equality
# for $a = 1$ alone.) Then show that, of many inputs with different $q$, announcing the same $p$ for all can have an ECE
# of zero in the long run. Which $p$ is it?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 11.6: an ECE of .01 (3 marks)
#
# A classifier of skin images has an ECE of .01 on held-out patients of its own hospital, and is sold to another one
# with other cameras. What does the .01 say about its probabilities there? Its makers add that the AUROC of its entropy
# is .99 for images of furniture. What does that say about images of skin from the other cameras? Name one thing that
# the other hospital should measure before use.

# %% [markdown]
# *Your answer:*
