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
# # 11. Rivals: ensembles, dropout, HMC
#
# After this tutorial you can average a network's predictions in five ways, judge each of them by proper scores and by
# the posterior itself, and say how far the post's central claim holds on small data: that Laplace keeps up with its
# rivals in saying how sure to be and in noticing inputs unlike the data, for much less work.
#
# - Passage of the post: *The case for Bayesian Deep Learning*, the model average and three ways to it; and
#   *Laplace Approximation*, the claim above.
# - Modules: `model_average`, `calibration`; and `experiment.py` beside this tutorial, a test of the claim whose
#   results it reads.
#
# Needs scikit-learn, for its data sets.

# %%
import matplotlib.pyplot as plt
import numpy as np
from experiment import run
from experiment_problems import digits, toy
from experiment_verdict import DETECTION, QUALITY, cost, estimate, gain, outcome, read, table, tally, values
from scipy.special import expit, softmax

from minilaplace import Laplace, fit_map
from minilaplace import calibration as scores
from minilaplace.checks import check_equal
from minilaplace.model_average import (
    average,
    deep_ensemble,
    dropout_masks,
    effective_sample_size,
    hmc,
    mc_dropout,
    mixture,
    split_r_hat,
)
from minilaplace.plotting import CLASS_STYLES, add_colorbar, plane, plot_ood, plot_reliability

plt.style.use("minilaplace.course")

# %% [markdown]
# ## One average, many ways to draw
#
# A Bayesian predicts by the *model average*: the predictions of all parameter vectors, each weighted by its posterior
# probability. If $\theta_1, \dots, \theta_S$ are draws from the posterior, that is a plain mean:
#
# $$p(y \mid x, \mathcal{D}) = \int p(y \mid x, \theta)\, p(\theta \mid \mathcal{D})\, d\theta
#   \approx \frac{1}{S} \sum_s p(y \mid x, \theta_s)$$
#
# So a method is a way to draw parameter vectors, an array `thetas` of shape (S, P), and `average` does the rest. All
# of them get the same `BayesianModel`, hence the same prior. The data is the post's toy set: four squares, two classes.

# %%
toys = toy(seed=0)
X, y, model = toys.X, toys.y, toys.model
theta = fit_map(model, X, y, rng=0)  # (P,)
print("data", X.shape, "prior precision", model.prior_precision, "parameters", theta.shape)
print("MAP alone, at (2.5, 2.5) and at (40, 0):", average(model, theta[None], [[2.5, 2.5], [40.0, 0.0]]).round(2))

# %% [markdown]
# **An ensemble** trains the same network from several random starts. The loss has many minima, so training ends in a
# different one each time. Five members are often enough, and cost five trainings.

# %%
members = deep_ensemble(model, X, y, 5, rng=0)  # (5, P)
print("members", members.shape, "losses", [f"{model.loss(member, X, y):.1f}" for member in members])

# %% [markdown]
# **Dropout** silences each hidden unit with some probability, here one tenth, anew for each training step, and goes on
# doing so when it predicts. To silence a unit is to put zeros where the next layer reads it: the parameters are
# multiplied by a *mask* of zeros; the entries of the units that still speak become $1 / 0.9$, so that the sum stays the
# same on average. A masked parameter vector is a parameter vector, and dropout too is an array (S, P).

# %%
mask = dropout_masks(model.network, 0.1, 1, rng=0)[0]  # (P,)
(W_1, b_1), (W_2, b_2) = model.network.layers(mask)
print("multipliers of the 32 units:", np.unique(W_2.round(3), return_counts=True))
print("all others:", np.unique(np.concatenate([W_1.ravel(), b_1, b_2])))
dropped = mc_dropout(model, X, y, 100, rate=0.1, rng=0)  # (100, P)

# %% [markdown]
# **A mixture of Laplace approximations** (Eschenhagen et al., 2021) puts a Gaussian around each member of an ensemble.
# One Gaussian knows one mode; five know five, and also what lies around each. They are weighted by their evidence: how
# much of the posterior's mass is there. (A network's modes have mirror images, by swapping hidden units: as many for
# each member, so that this factor cancels in the weights.)

# %%
laplaces = [Laplace(model, member).fit(X, y) for member in members]
evidence = np.array([each.log_marginal_likelihood() for each in laplaces])
by_hand = softmax(evidence) @ [each.predict(X) for each in laplaces]
assert np.allclose(mixture(laplaces, X), by_hand, rtol=0, atol=1e-12)
print("log evidence", evidence.round(1), "weights", softmax(evidence).round(2))

# %% [markdown]
# **Hamiltonian Monte Carlo**, HMC, draws from the posterior itself. Think of $\theta$ as a ball on a landscape whose
# height is the loss. It gets a random push, a momentum $p$, rolls for a while, and where it is then is the next draw.
# Height plus $\frac{1}{2} \lVert p \rVert^2$ is its energy, which rolling does not change. Rolling is computed in
# *leapfrog* steps: half a push by the slope, a move, half a push. Here is a landscape of one dimension, $U = \theta^2 /
# 2$, whose draws are standard normal.


# %%
def roll(position, momentum, n_steps, step=0.3):
    """Return position and momentum after so many leapfrog steps in U = position^2 / 2."""
    for _ in range(n_steps):
        momentum -= step / 2 * position  # the slope of U is theta
        position += step * momentum
        momentum -= step / 2 * position
    return position, momentum


def energy(position, momentum):
    """Return the height of the landscape plus half of the squared momentum."""
    return 0.5 * position**2 + 0.5 * momentum**2


start = (1.0, 0.5)
there = roll(*start, 10)
print(f"rolled from 1.00 to {there[0]:.2f}; energy before {energy(*start):.3f}, after {energy(*there):.3f}")

# %% [markdown]
# The energy is not kept exactly, and a draw is accepted with probability $\min(1, e^{\text{before} - \text{after}})$;
# otherwise the ball stays. That makes the draws right, however coarse the steps. Two numbers say whether there are
# enough of them, from several *chains* that start far apart:
#
# - *R-hat* compares the spread of all draws with the spread within each half of each chain. It is near 1 when all
#   halves look alike. We ask for less than 1.01.
# - the *effective sample size* is how many independent draws would estimate the mean as well, because neighbouring
#   draws resemble each other.

# %%
independent = np.random.default_rng(0).normal(size=(4, 500))  # 4 chains of 500 draws
elsewhere = independent + np.array([[0], [0], [0], [1]])  # one chain is one deviation away
sticky = np.repeat(independent[:, :50], 10, axis=1)  # each draw ten times
for name, draws in [("independent", independent), ("one elsewhere", elsewhere), ("sticky", sticky)]:
    print(f"{name:13}: R-hat {split_r_hat(draws):.2f}, effective sample size {effective_sample_size(draws):.0f}")

# %% [markdown]
# Now the network. A quick look: 400 draws, each of 20 leapfrog steps. Hidden units can trade places without changing
# the function, so nobody asks that chains agree on $\theta$; what must agree is the predictions. `truth` returns the
# draws only if they do, and 400 draws are too few to be called the truth; good enough for a picture they are.

# %%
chains = hmc(model, X, y, 100, n_chains=4, n_warmup=100, n_leapfrog=20, rng=0)
try:
    chains.truth(of=lambda t: model.network.forward(t, toys.outside["far"][:50]))
except ValueError as error:
    print(str(error).split(" everywhere")[0])

# %%
la = Laplace(model, theta).fit(X, y)
(x_1, x_2), points = plane(X, margin=15, n_grid=50)
panels = {
    "HMC": average(model, chains.thetas, points),
    "Laplace": la.predict(points),
    "mixture of five": mixture(laplaces, points),
    "MAP": average(model, theta[None], points),
    "ensemble of five": average(model, members, points),
    "dropout": average(model, dropped, points),
}
fig, axes = plt.subplots(2, 3, figsize=(7.4, 5), sharex=True, sharey=True)
for ax, (name, p) in zip(axes.flat, panels.items(), strict=True):
    filled = ax.contourf(x_1, x_2, p.reshape(50, 50), levels=np.linspace(0, 1, 21), cmap="viridis", vmin=0, vmax=1)
    for label, (colour, marker) in enumerate(CLASS_STYLES[:2]):
        ax.scatter(*X[y == label].T, s=3, c=colour, marker=marker, label=f"y = {label}")
    ax.set(title=name, aspect="equal")
    ax.grid(visible=False)
fig.supxlabel("$x_1$")
fig.supylabel("$x_2$")
add_colorbar(filled, list(axes.flat), target=1)

# %% [markdown]
# HMC is what the others try to be. It loses its certainty away from the data, and so do Laplace and the mixture, in
# which the streaks of the single modes are averaged away. The ensemble does so only where its five members happen to
# disagree; dropout and the MAP estimate hardly do.
#
# ## Scores
#
# - The *negative log-likelihood* (NLL) is $-\log$ of the probability that was given to what came true, on average.
# - The *Brier score* is the squared distance of the probabilities from the label written as 0s and 1s. For a regression
#   the *CRPS* is its counterpart, in units of $y$. These three are *proper*: the true probabilities score best.
# - The *expected calibration error* (ECE) sorts predictions into bins by how sure they are, and averages the distance
#   between how sure and how often right. For a regression, *coverage error* is that of predicted quantiles.
# - *AUROC*: of an input outside and one inside of the data, how often the score is larger for the one outside. *FPR at
#   95 % recall*: the share of the inside that is flagged if 95 % of the outside must be. The score is the predictive
#   entropy, $-\sum_c p_c \log p_c$, unless said otherwise.
# - *Total variation* $\frac{1}{2} \sum_c |p_c - q_c|$: how far two predictions are apart, between 0 and 1.

# %%
p_two = np.array([0.9, 0.8, 0.7, 0.6])  # P(y = 1) of four predictions
y_two = np.array([1, 1, 1, 0])
print(f"NLL         {scores.negative_log_likelihood(p_two, y_two):.3f}")
print(f"Brier score {scores.brier_score(p_two, y_two):.3f}")
print(f"ECE         {scores.expected_calibration_error(p_two, y_two):.3f}")
print(f"AUROC       {scores.auroc([0.1, 0.2, 0.4], [0.3, 0.5]):.3f}")

# %% [markdown]
# ## The experiment
#
# `experiment.py` gives five data sets to every method, each split five times. Small networks of one hidden layer; the
# prior has precision 1 (0.1 for the toy set), and every method has the same one. Laplace alone then tunes its prior by
# the evidence, without training again. A second round gives all methods the prior that the evidence chooses
# (`marglik_training`). Nobody sees the test data. One split of one data set, live:

# %%
for row in run("wine", seed=0, draws={}):
    if row["prior"] == "fixed":
        told = f"NLL {row['nll']:.2f}, AUROC against far noise {row['auroc_far_entropy']:.2f}"
        print(f"{row['method']:20}{told}")

# %% [markdown]
# The results of all of them are in `experiment.csv`. A row is a data set, a split, a prior and a method. First the
# uncertainty on test data: means over five splits, with standard errors.

# %%
rows = read()
print(len(rows), "rows;", sorted({row["dataset"] for row in rows}))
print(table(rows, "nll"))

# %%
METHODS = {"MAP": "#D55E00", "Laplace full": "#0072B2", "Laplace last layer": "#56B4E9", "Laplace mixture": "#CC79A7"}
METHODS |= {"ensemble": "#E69F00", "dropout": "#009E73", "HMC": "#000000"}
MARKERS = dict(zip(METHODS, "^odPsv*", strict=True))
datasets = ["toy", "wine", "tumours", "digits", "diabetes"]

fig, ax = plt.subplots(figsize=(6.4, 4))
for k, (method, colour) in enumerate(METHODS.items()):
    found = [np.array(list(values(rows, "nll", dataset, method).values())) for dataset in datasets]
    drawn = [(i + 0.11 * (k - 3), x.mean(), x.std(ddof=1) / np.sqrt(len(x))) for i, x in enumerate(found) if len(x)]
    ax.errorbar(*np.transpose(drawn), fmt=MARKERS[method], color=colour, label=method, capsize=2)
ax.set(yscale="log", ylabel="NLL of test data, nats", xticks=range(len(datasets)), xticklabels=datasets)
_ = fig.legend(loc="outside lower center", ncols=3)

# %% [markdown]
# Lower is better. On the toy set and on wine, whose classes are easy to tell apart, full Laplace has 4 times the NLL of
# the MAP estimate; on the digits, with eight classes, 8 times. It gets the same labels right, and is too modest about
# them; the last layer alone is less so. A mixture of five is as modest as one. On diabetes, where the MAP estimate
# overfits, Laplace helps; to train again, five times or with dropout, helps more, as that changes the mean and not only
# its error bars.

# %%
images = digits(seed=0)
theta_digits = fit_map(images.model, images.X, images.y, rng=0)
la_digits = Laplace(images.model, theta_digits).fit(images.X, images.y).optimize_prior_precision()
p_of = {
    link: la_digits.predict(images.X_test, link, n_samples=1000, rng=0)
    for link in ("plugin", "probit", "mc", "mean_field")
}
plugin_p, laplace_p = p_of["plugin"], p_of["mean_field"]
fig, ax = plt.subplots(figsize=(5, 5))
plot_reliability(laplace_p, images.y_test, ax=ax, label="Laplace")
_ = plot_reliability(plugin_p, images.y_test, ax=ax, label="MAP")

for dataset, times in [("toy", 4), ("wine", 4), ("digits", 8)]:
    forms = ("MAP", "Laplace full", "Laplace last layer", "Laplace mixture")
    plugin, full, last, five = (estimate(values(rows, "nll", dataset, form).values()).mean for form in forms)
    print(f"{dataset:6}: NLL of full Laplace over that of MAP {full / plugin:.1f}")
    assert round(full / plugin) == times
    assert last < 0.6 * full
    assert 0.95 < five / full < 1.05
unsure = (laplace_p.max(axis=1) > 0.5) & (laplace_p.max(axis=1) < 0.8)
right = (laplace_p.argmax(axis=1) == images.y_test)[unsure].mean()
print(f"digits that Laplace gives between 50 and 80 %: {unsure.sum()}, {right:.0%} right")
assert round(right, 2) == 1
nll = {link: scores.negative_log_likelihood(p, images.y_test) for link, p in p_of.items()}
print("NLL of the digits:", {link: float(round(value, 3)) for link, value in nll.items()})
assert nll["probit"] < nll["mc"] < nll["mean_field"]
assert round((nll["mc"] - nll["plugin"]) / (nll["mean_field"] - nll["plugin"]), 1) == 0.7

# %% [markdown]
# Above the diagonal one is right more often than one says: of the digits that Laplace gives between 50 and 80 %, all
# are right. Two thirds of what its NLL is too large by come from the Gaussian: a thousand draws of the logits (`mc`)
# average it, and they are modest too. The rest comes from the default link, `mean_field`, which says too little of the
# most probable of many classes. `probit` errs the other way, towards the MAP estimate, and here that helps: its NLL is
# less than that of the average that it stands for.
#
# Now inputs unlike the data: for all data sets noise ten times as wide as the data (`far`); for digits, learnt from 0
# to 7, also 8s and 9s (`left_out`), images with noise (`noisy`), and images on their side (`rotated`). The score is the
# entropy of the prediction.

# %%
for where in ("far", "left_out", "noisy", "rotated"):
    print(table(rows, f"auroc_{where}_entropy", digits=2), end="\n\n")

# %%
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True)
for ax, (name, link) in zip(axes, [("MAP", "plugin"), ("Laplace", "mean_field")], strict=True):
    inside = scores.entropy_score(la_digits.predict(images.X_test, link))
    outside = scores.entropy_score(la_digits.predict(images.outside["rotated"], link))
    plot_ood(inside, outside, ax=ax)
    ax.set(title=f"{name}, rotated digits", xlabel="entropy, nats")

# %% [markdown]
# Here it is the other way round. Laplace's modesty grows where the data does not reach, and that is what tells outside
# from inside. For tumours the MAP estimate is surer of noise than of tumours: an AUROC below one half.
#
# Another score is how far plausible parameters disagree, the *mutual information* of label and parameters: the entropy
# of the average less the average entropy. It helps an ensemble a good deal, on the digits past full Laplace, and a
# single theta has none.

# %%
print(table(rows, "auroc_far_information", digits=2))
assert outcome(gain(rows, "auroc_far_information", "digits", "Laplace full", "ensemble")) == "worse"

# %% [markdown]
# Against the posterior itself: total variation from HMC, where the R-hat of its predictions is below 1.01, on test data
# and far away. HMC was run under the fixed prior, on the toy set and on wine; elsewhere it would have taken too long.

# %%
for column in ("r_hat", "distance", "distance_far"):
    print(table(rows, column), end="\n\n")

# %% [markdown]
# And the price, in trainings of a single network:

# %%
for column in ("train_cost", "predict_cost"):
    costs = {method: cost(rows, method, column=column) for method in METHODS}
    print(column, {method: float(f"{value:.2g}") for method, value in costs.items()})

# %%
fig, ax = plt.subplots(figsize=(6, 3.8))
for method in list(METHODS)[:-1]:  # HMC was not run everywhere
    areas = [np.mean(list(values(rows, "auroc_far_entropy", dataset, method).values())) for dataset in datasets]
    ax.plot(cost(rows, method), np.mean(areas), MARKERS[method], color=METHODS[method], markersize=9, label=method)
ax.set(xlim=(0, 7), xlabel="cost, trainings of one network", ylabel="mean AUROC, far noise")
_ = fig.legend(loc="outside lower center", ncols=3)

# %% [markdown]
# ## The verdict
#
# How often is Laplace better than a rival, on a par with it, worse? Counted over data sets and metrics: NLL, Brier
# score and ECE (CRPS and coverage error for diabetes), on digits also those of the noisy test images; AUROC and FPR by
# entropy for detection. Two methods differ if the mean of their differences, split by split, is further from 0 than
# chance takes it (Student's t, level 0.05); of twenty comparisons of equals one is expected to look different.

# %%
counts = {}
for told, metrics in [("uncertainty", QUALITY), ("detection", DETECTION)]:
    of_fixed = [("fixed", f"Laplace {form}") for form in ("full", "last layer", "mixture")]
    for prior, method in [*of_fixed, ("evidence", "Laplace full")]:
        for rival in ("MAP", "ensemble", "dropout"):
            counts[told, prior, method, rival] = tally(rows, metrics, method, rival, prior)
            better, par, worse = counts[told, prior, method, rival]
            pair = f"{method} and {rival}"
            print(f"{told:12}{prior:9}{pair:31}: better {better:2}, on a par {par:2}, worse {worse:2}")

# %% [markdown]
# - **Significantly cheaper: yes.** Full Laplace costs 1.3 trainings, the last layer 1.1, an ensemble five, dropout
#   six (it trains by Adam, which takes longer than L-BFGS to a mode), HMC some hundreds.
# - **Out-of-distribution detection: yes.** Full Laplace is worse than no rival in any of 16 comparisons, and better
#   than the ensemble in 12.
# - **Uncertainty on test data: no.** Full Laplace is worse than the ensemble in 14 of 18 comparisons and better in
#   none, and under the evidence's prior for all in 13. On the digits its NLL is 0.38, and the ensemble's 0.04. The
#   exception is that it mends an overfitted regression: on diabetes it is better than the MAP estimate.
# - **A mixture of five** costs six trainings and is on a par with one in most: in 14 of 18 comparisons on test data and
#   in 14 of 16 of detection, better in 3 and 2. It gains in far noise beside the digits, and in NLL and CRPS of the
#   regression, whose quantiles fit less well. Elsewhere the average of five modest predictions is as modest.
# - **Near the posterior: far from the data.** There full Laplace is closer to HMC than ensemble and dropout are, on
#   both data sets. On test data it is further away than they are, on both. On the toy set HMC is nearly as sure as the
#   MAP estimate, and Laplace is not: a Gaussian reaches where the posterior does not. On wine HMC is itself modest, by
#   the model and its prior, with twice the NLL of the MAP estimate; Laplace, with four times, is more so.
#
# All this is about small networks on small data, and five splits of it; the paper's are large.

# %%
full_price, last_price = cost(rows, "Laplace full"), cost(rows, "Laplace last layer")
assert (round(full_price, 1), round(last_price, 1)) == (1.3, 1.1)
assert [round(cost(rows, method)) for method in ("ensemble", "dropout", "Laplace mixture")] == [5, 6, 6]
assert 100 < cost(rows, "HMC") < 1000
assert all(count.worse == 0 for key, count in counts.items() if key[0] == "detection")
assert counts["detection", "fixed", "Laplace full", "ensemble"] == (12, 4, 0)
assert counts["uncertainty", "fixed", "Laplace full", "ensemble"] == (0, 4, 14)
assert counts["uncertainty", "evidence", "Laplace full", "ensemble"] == (0, 5, 13)
assert tally(rows, QUALITY, "Laplace mixture", "Laplace full") == (3, 14, 1)
assert tally(rows, DETECTION, "Laplace mixture", "Laplace full") == (2, 14, 0)
for dataset, metric, how in [
    ("digits", "auroc_far_entropy", "better"),
    ("digits", "fpr95_far_entropy", "better"),
    ("diabetes", "nll", "better"),
    ("diabetes", "crps", "better"),
    ("diabetes", "coverage_error", "worse"),
]:
    assert outcome(gain(rows, metric, dataset, "Laplace mixture", "Laplace full")) == how
for metric in ("nll", "crps", "coverage_error"):
    assert outcome(gain(rows, metric, "diabetes", "Laplace full", "MAP")) == "better"
for dataset in ("toy", "wine"):
    for rival in ("MAP", "ensemble", "dropout"):
        assert outcome(gain(rows, "distance_far", dataset, "Laplace full", rival)) == "better"
        assert outcome(gain(rows, "distance", dataset, "Laplace full", rival)) == "worse"
of_three = [(d, m) for d in ("toy", "wine") for m in ("MAP", "Laplace full", "HMC")]
nll = {(d, m): estimate(values(rows, "nll", d, m).values()).mean for d, m in of_three}
print({key: float(round(value, 3)) for key, value in nll.items()})
assert nll["toy", "HMC"] < 0.5 * nll["toy", "Laplace full"]
assert [round(nll["wine", method] / nll["wine", "MAP"]) for method in ("HMC", "Laplace full")] == [2, 4]
of_two = [estimate(values(rows, "nll", "digits", method).values()).mean for method in ("Laplace full", "ensemble")]
assert [round(value, 2) for value in of_two] == [0.38, 0.04]

# %% [markdown]
# It is also about a prior that the evidence chose. Another choice looks at predictions: the weakest prior under which
# averaging costs at most 0.01 nats a training sample. On the digits, first split:

# %%
la_budget = Laplace(images.model, theta_digits).fit(images.X, images.y)
la_budget.optimize_prior_precision("budget", X=images.X, y=images.y, budget=0.01)
trade = {}
for name, la_of, link in [
    ("MAP", la_digits, "plugin"),
    ("evidence", la_digits, "mean_field"),
    ("budget", la_budget, "mean_field"),
]:
    p_test, *p_outside = (
        la_of.predict(inputs, link) for inputs in (images.X_test, images.outside["far"], images.outside["rotated"])
    )
    areas = [scores.auroc(scores.entropy_score(p_test), scores.entropy_score(p)) for p in p_outside]
    trade[name] = np.array([scores.negative_log_likelihood(p_test, images.y_test), *areas])
    print("{:9}NLL {:.2f}, AUROC far {:.2f}, rotated {:.2f}".format(name, *trade[name]))
assert trade["budget"][0] < trade["MAP"][0] + 0.01 < trade["evidence"][0] - 0.3
assert abs(trade["budget"][1] - trade["evidence"][1]) < 0.005
assert abs(trade["budget"][2] - trade["MAP"][2]) < 0.01 < trade["evidence"][2] - trade["MAP"][2] - 0.1

# %% [markdown]
# Nearly all of the modesty is gone. Noise far away is noticed as well as before; digits on their side, which are closer
# to the data, no better than by the MAP estimate: to notice these takes the modesty.

# %% [markdown]
# ## Summary
#
# - Ensembles, dropout, HMC, Laplace and its mixtures are ways to draw parameter vectors; the model average does the
#   rest.
# - HMC draws from the posterior itself, at the price of hundreds of trainings. R-hat, of what the network says, tells
#   whether its draws may be called the truth.
# - Laplace costs little more than one training, and by its entropy knows best what is unlike the data; a mixture of
#   five adds little.
# - On data like the training data it is too modest, most so on the digits with their eight classes; an ensemble or the
#   plain MAP estimate is better calibrated there. A prior chosen by predictions takes most of the modesty away, and
#   with it some of the detection.
# - One claim, two answers: ask which uncertainty is meant, and measure it by proper scores on data that no one has
#   seen.
#
# ## Exercises

# %% [markdown]
# ### Exercise 11.1: the model average
#
# `members` holds the five parameter vectors of the ensemble, (5, P). What does the ensemble predict on `X`? A logit $f$
# stands for the probability $1 / (1 + e^{-f})$, which is `expit(f)`.

# %% tags=["exercise"]
logits = np.stack([model.network.forward(member, X) for member in members])  # (5, N, 1)
p_ensemble = ...  # (N,)

exercise_11_1 = check_equal("the ensemble's P(y = 1)", p_ensemble, average(model, members, X))
print(exercise_11_1)

# %% [markdown]
# ### Exercise 11.2: a silent unit
#
# A mask puts zeros where the output layer reads unit 3. Compute the outputs without a mask, from the values of the
# units. If none is silent they are `units @ W_2.T + b_2`.

# %% tags=["exercise"]
(W_1, b_1), (W_2, b_2) = model.network.layers(theta)
units = expit(X @ W_1.T + b_1)  # (N, 32)
f_silent = ...  # (N, 1)

silent = np.ones_like(theta)
model.network.layers(silent)[1][0][:, 3] = 0
exercise_11_2 = check_equal("outputs without unit 3", f_silent, model.network.forward(silent * theta, X))
print(exercise_11_2)


# %% [markdown]
# ### Exercise 11.3: rolling back
#
# Leapfrog steps can be undone: turn the momentum around and roll on for as long. Let the ball go back with
# `roll`, from `there`, to where it came from. (That is why HMC's draws need no correction but for the energy.)

# %% tags=["exercise"]
back = ...  # position and momentum

exercise_11_3 = check_equal("where it came from, and how fast", back, (1.0, -0.5))
print(exercise_11_3)

# %% [markdown]
# ### Exercise 11.4: AUROC, pair by pair
#
# Compute the AUROC of `inside` and `outside`, the entropies of the second histogram, from its definition: over all
# pairs of one input inside and one outside, how often the outer score is larger; a tie counts one half.

# %% tags=["exercise"]
area = ...

exercise_11_4 = check_equal("AUROC", area, scores.auroc(inside, outside))
print(exercise_11_4)

# %% [markdown]
# ### Exercise 11.5: the calibration error
#
# Compute the ECE of `laplace_p`, (N, 8), on `images.y_test`: with ten bins of equal width for the confidence, the
# probability of the predicted class, it is $\sum_b \frac{n_b}{N} |\text{frequency}_b - \text{confidence}_b|$.
# `np.digitize(confidence, edges)` says which bin each is in.

# %% tags=["exercise"]
confidence, right = laplace_p.max(axis=1), laplace_p.argmax(axis=1) == images.y_test
edges = np.linspace(0, 1, 11)[1:-1]
error = ...

exercise_11_5 = check_equal("ECE", error, scores.expected_calibration_error(laplace_p, images.y_test))
print(exercise_11_5)
