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
from experiment_problems import CLASSES, PROBLEMS, problem
from experiment_verdict import (
    BASELINES,
    FORMS,
    OTHERS,
    RANKED,
    RIVALS,
    cost,
    dial,
    gain,
    mean,
    over_map,
    ranks,
    read,
    table,
    tally,
    values,
    with_hmc,
)
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
toys = problem("toy", seed=0)
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
# - *AUROC*: of an input outside and one inside of the data, how often the score is larger for the one outside. The
#   score is the predictive entropy, $-\sum_c p_c \log p_c$, unless said otherwise.
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
# `experiment.py` gives seventeen data sets, thirteen with classes and four regressions, to every method, each split six
# times. Small networks of one hidden layer. Two *baselines* are in the table: the frequencies of the classes, and a
# straight line. A network that does worse than these is not worth being Bayesian about.
#
# A method that needs labels to tune by, a temperature, a rate of dropout or Laplace's prior, gets a fifth of the data
# for it (`held-out`), always the same fifth, and learns from the rest. All others learn from that fifth, too. Laplace's
# prior has three more choices: the model's own (`fixed`), which the rivals have; the one that maximises the evidence at
# theta (`evidence`), or at a theta that is trained under it (`online`); and the `budget`, the weakest prior under which
# averaging costs at most .01 nats a training label against the MAP estimate. Nobody sees the test data. One split of
# one data set, live:

# %%
for row in run("iris", seed=0):
    if (row["method"], row["prior"]) in RANKED.values():
        told = f"NLL {row['nll']:.2f}, AUROC far away {row['far_entropy']:.2f}, {row['gradients']:5.0f} gradients"
        print(f"{row['method']:12}{row['prior']:10}{told}")

# %% [markdown]
# The results of all are in `experiment.csv`. A row is a data set, a split, a method and a prior. First the NLL of test
# data, means over six splits.

# %%
rows = read()
print(len(rows), "rows")
print(table(rows, "nll", [*BASELINES, *RIVALS]))
print()
print(table(rows, "nll", FORMS))

# %%
print(f"{'mean of the classifications':30}{'NLL over MAP':>14}{'AUROC far':>12}{'gradients':>12}")
for name in [*RIVALS, "MAP 4/5", *FORMS, *OTHERS]:
    nll, area = over_map(rows, name)
    print(f"{name:30}{nll:+14.3f}{area:12.2f}{cost(rows, name):12.2f}")
above = {name: over_map(rows, name)[0] for name in [*RIVALS, "MAP 4/5", *FORMS]}
assert 0.03 < above["Laplace (online)"] < above["Laplace (evidence)"] < above["Laplace (fixed)"] < 0.06
assert abs(above["Laplace (budget)"]) < 0.005 < 0.01 < above["MAP 4/5"] < 0.02
assert above["temperature"] < 0 < above["Laplace (held-out)"] < 0.01
ratio = {d: mean(rows, "nll", d, "Laplace (evidence)") / mean(rows, "nll", d, "MAP") for d in PROBLEMS}
assert ratio["digits"] > 7 > 4.5 > ratio["toy"] > 3.5 > ratio["wine"] > 2.5
helped = [d for d in PROBLEMS if gain(rows, "nll", d, "Laplace (evidence)", "MAP").outcome == "better"]
print("Laplace by evidence is better than MAP on", helped)
assert helped == ["birthweight", "friedman"]
for dataset in ("boston", "friedman"):
    assert mean(rows, "nll", dataset, "Laplace (evidence)") < mean(rows, "nll", dataset, "ensemble")
assert mean(rows, "nll", "birthweight", "constant") < mean(rows, "nll", "birthweight", "MAP")
assert mean(rows, "nll", "pima", "linear") < mean(rows, "nll", "pima", "MAP")

# %% [markdown]
# Lower is better. Where classes are easy to tell apart, the evidence's prior makes Laplace too modest: it gets the same
# labels right, with three to four times the NLL of the MAP estimate on wine and the toy set, and eight times on the
# digits. Where data is scarce and noisy it is the MAP estimate that is too sure: on the birthweights it is worse than
# the frequencies of the classes, on Pima than a logistic regression, and there, and on the Boston and Friedman
# regressions, Laplace has less than it; on Boston and Friedman, less than the ensemble too. (Beyond chance, as the
# verdict below counts it, is that on the birthweights and Friedman alone.)
#
# To hold a fifth of the labels out costs a network .016 nats on average (`MAP 4/5`). A temperature makes up for that,
# Laplace's prior by `held-out` for most of it. The `budget` needs no labels, and on average costs nothing.

# %%
images = problem("digits", seed=2)
theta_digits = fit_map(images.model, images.X, images.y, rng=0)
la_digits = Laplace(images.model, theta_digits).fit(images.X, images.y)
la_budget = la_digits.under().optimize_prior_precision("budget", X=images.X, y=images.y)
la_digits.optimize_prior_precision()
laplace_p = la_digits.predict(images.X_test)
fig, ax = plt.subplots(figsize=(5.6, 5))
for name, p in [
    ("Laplace (evidence)", laplace_p),
    ("Laplace (budget)", la_budget.predict(images.X_test)),
    ("MAP", la_digits.predict(images.X_test, "plugin")),
]:
    plot_reliability(p, images.y_test, ax=ax, label=name)
    print(f"{name:18}NLL {scores.negative_log_likelihood(p, images.y_test):.3f}")
unsure = (laplace_p.max(axis=1) > 0.5) & (laplace_p.max(axis=1) < 0.8)
right = (laplace_p.argmax(axis=1) == images.y_test)[unsure].mean()
print(f"digits that Laplace (evidence) gives between 50 and 80 %: {unsure.sum()}, {right:.0%} right")
assert round(right, 2) == 1

# %% [markdown]
# Above the diagonal one is right more often than one says: of the digits that Laplace under the evidence's prior gives
# between 50 and 80 %, all are right.
#
# Now inputs unlike the data: ten standard deviations away in random directions (`far`); for digits, learnt from 0 to 7,
# also 8s and 9s (`left_out`), and images on their side.

# %%
print(table(rows, "far_entropy", [*RIVALS, *FORMS], digits=2))
print()
print(table(rows, "left_out_entropy", [*RIVALS, *FORMS], digits=2))

# %%
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True)
rotated = images.outside["rotated"]
for ax, (name, link) in zip(axes, [("MAP", "plugin"), ("Laplace (evidence)", "mean_field")], strict=True):
    inside = scores.entropy_score(la_digits.predict(images.X_test, link))
    outside = scores.entropy_score(la_digits.predict(rotated, link))
    plot_ood(inside, outside, ax=ax)
    ax.set(title=f"{name}, rotated digits", xlabel="entropy, nats")
    print(f"{name}, rotated digits: AUROC {scores.auroc(inside, outside):.2f}")

# %% [markdown]
# Here it is the other way round. Laplace's modesty grows where the data does not reach, and that is what tells outside
# from inside. On nine of thirteen sets the MAP estimate is surer of what is far away than of the test data: an AUROC
# below one half. With two classes a temperature leaves the order of the predictions as it is, with more of them nearly.
# Left-out digits, which look like digits, are noticed by all methods alike; digits on their side more by Laplace.
#
# Another score is how far plausible parameters disagree, the *mutual information* of label and parameters: the entropy
# of the average less the average entropy. It helps an ensemble a good deal; a single theta has none.

# %%
print(table(rows, "far_information", ["ensemble", "dropout", *FORMS], digits=2))
for name in ("ensemble", "Laplace (evidence)", "Laplace (budget)"):
    by = [np.mean([mean(rows, f"far_{score}", d, name) for d in CLASSES]) for score in ("entropy", "information")]
    print(f"{name:18}mean AUROC by entropy {by[0]:.2f}, by information {by[1]:.2f}")
    assert by[1] > by[0] + 0.1
below = [d for d in CLASSES if mean(rows, "far_entropy", d, "MAP") < 0.5]
print("below one half by the MAP estimate:", len(below))
assert len(below) == 9
left_out = [mean(rows, "left_out_entropy", "digits", name) for name in [*RIVALS, *FORMS]]
assert max(left_out) - min(left_out) < 0.03
kinds = {d: problem(d, seed=0).model.network.n_outputs for d in ("toy", "moons", "tumours")}
assert set(kinds.values()) == {1}
for d in kinds:
    assert mean(rows, "far_entropy", d, "temperature") == mean(rows, "far_entropy", d, "MAP 4/5")

# %% [markdown]
# ## The dial
#
# So is Laplace good or bad? One number decides: the precision of the prior under which the Gaussian is put around one
# and the same MAP estimate. The grey curve turns it, from .01 to 10,000. It shows at each what is lost on test data and
# what is won far away, means over the thirteen classifications. Up and to the left is better.

# %%
STYLES = dict(zip(RANKED, ["^", "D", "s", "v", "P", "X", "*"], strict=True))
COLOURS = dict(zip(RANKED, ["#D55E00", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#56B4E9", "#000000"], strict=True))


def draw_dial(ax, datasets, labelled=False):
    """Draw full Laplace's curve over prior precisions, and each method's point."""
    precisions, nll, area = np.transpose(dial(rows, datasets))
    ax.plot(nll, area, ".-", color="#999999", label="Laplace, the dial")
    if labelled:
        for precision, *place in list(zip(precisions, nll, area, strict=True))[::2]:
            ax.annotate(f"{precision:g}", place, textcoords="offset points", xytext=(6, -9), fontsize=7)
    for name in RANKED:
        ax.plot(*over_map(rows, name, datasets), STYLES[name], color=COLOURS[name], markersize=7, label=name)
    ax.set_xscale("symlog", linthresh=0.02)
    ax.grid(visible=True, alpha=0.3)


fig, ax = plt.subplots(figsize=(6.6, 4.8))
draw_dial(ax, CLASSES, labelled=True)
ax.set(xlabel="NLL of test data minus that of the MAP estimate, nats", ylabel="AUROC, ten deviations away")
_ = fig.legend(loc="outside lower center", ncols=3, fontsize=8)

# %%
fig, axes = plt.subplots(2, 2, figsize=(7.2, 6))
for ax, dataset in zip(axes.flat, ["wine", "tumours", "pima", "digits"], strict=True):
    draw_dial(ax, [dataset])
    ax.set(title=dataset)
fig.supxlabel("NLL minus MAP's, nats")
_ = fig.supylabel("AUROC, ten deviations away")

# %% [markdown]
# At the weak end of the curve the average runs over networks that have little in common; at the strong end it is the
# MAP estimate. On average, and on wine and the digits, what is won far away is paid for on test data. On Pima, where
# the MAP estimate is too sure, both are won, and the evidence chooses the best place. It does not know what we want to
# lose elsewhere. Held-out labels judge by data like the data, and on five of thirteen sets they choose the end where
# Laplace does nothing, in every split. The budget says how much may be lost, and stops there: on each data set at
# another precision, which is why its point in the first picture is above a curve that has one for all. The ensemble is
# where no prior gets on test data, for five times the price, and a temperature nearly so; far away they notice less
# than Laplace by the budget.
#
# ## The verdict
#
# Two methods are compared on one data set split by split. Splits overlap, so that their differences are not
# independent, and Student's interval would be too narrow: the variance of their mean is taken as $(\frac{1}{J} +
# \frac{n_\text{test}}{n_\text{train}}) s^2$ (Nadeau and Bengio, 2003). Over data sets, each counts once. The methods
# are ranked on each, and mean ranks differ if they are further apart than Nemenyi's *critical difference*, at level
# .05: in the picture, if one is in the grey band, which starts at the best rival, and the other to its right.

# %%
RANK = {metric: ranks(rows, metric, RANKED) for metric in ("nll", "far_entropy")}
fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.4), sharey=True)
for ax, (metric, title) in zip(axes, [("nll", "NLL of test data"), ("far_entropy", "AUROC far away")], strict=True):
    ranked = RANK[metric]
    best = min(ranked.mean[rival] for rival in RIVALS)
    ax.axvspan(best, best + ranked.critical, color="#999999", alpha=0.25)
    for k, name in enumerate(RANKED):
        ax.plot(ranked.mean[name], -k, STYLES[name], color=COLOURS[name], markersize=8)
    ax.set(title=title, xlabel=f"mean rank over {ranked.n} data sets", xlim=(1, 7))
    ax.set(yticks=-np.arange(len(RANKED)), yticklabels=list(RANKED))
    ax.grid(visible=True, alpha=0.3)
    print(title, f"Friedman's p {ranked.p:.1g}, critical difference {ranked.critical:.1f}")
    print({name: float(round(value, 1)) for name, value in ranked.mean.items()})

# %%
for told, metric in [("NLL", "nll"), ("detection", "far_entropy"), ("by information", "far_information")]:
    for name in [*FORMS, *OTHERS]:
        counts = "".join(f"{rival:>13} {'/'.join(map(str, tally(rows, metric, name, rival)))}" for rival in RIVALS)
        print(f"{told:15}{name:23}{counts}")

# %% [markdown]
# Among equals one data set in forty comes out better, and one worse; three or more of seventeen are more than chance.
#
# - **Significantly cheaper: yes.** Full Laplace costs one training and a backward pass for each output; an ensemble, a
#   mixture, and dropout with four rates to choose from, five trainings; HMC some hundreds. To find the budget's prior
#   takes no gradients but predictions of the training data, as long as another training takes.
# - **Out-of-distribution detection: yes**, far away and by entropy. Under the evidence's prior full Laplace is better
#   than the MAP estimate on all 17 data sets, than the ensemble on 12, and worse on none. By the budget it is better
#   than the ensemble on 9 and worse on 1. By mutual information, of 13 data sets, the ensemble is better than the
#   budget on 7 and worse on 2, and the evidence is better than the ensemble on 8 and worse on 1.
# - **Uncertainty on test data: no**, if the rival is an ensemble: by no prior is full Laplace better than it on any of
#   17 data sets, and it is worse on 5 or 6. How much worse depends on the prior: by the evidence .05 nats on the
#   average classification, by the budget .01. Ranks see no difference: all but dropout are within the critical
#   difference of the ensemble.
# - **Labels to tune by are not worth holding out.** By the budget, which has none, full Laplace is nearer to the MAP
#   estimate on test data than by held-out labels, and notices more. A temperature does well near the data, and nothing
#   far from it.
# - **A mixture of five** costs five trainings and is on a par with one Gaussian on every data set by NLL. **Cheaper
#   curvature** is less modest and notices less, `kron` less so, the last layer most.
# - **Near the posterior: far from the data.** HMC's chains agree wherever they were run, on six sets under the fixed
#   prior. Far away full Laplace, under the same prior, is closer to them than the MAP estimate on five and on a par on
#   one; on test data it is further away on five: a Gaussian reaches where the posterior does not.
#
# All this is about small networks on small data, and about inputs that are far away in random directions; the paper's
# are large, and its outside is other pictures.

# %%
for metric in ("distance", "distance_far"):
    print(table(rows, metric, ["MAP", "ensemble", "dropout", "Laplace (fixed)"]), end="\n\n")
far, near = (tally(rows, metric, "Laplace (fixed)", "MAP", with_hmc(rows)) for metric in ("distance_far", "distance"))
assert (far, near) == ((5, 1, 0), (0, 1, 5))
assert len(with_hmc(rows)) == 6
assert all("nll" in row for row in rows if row["method"] == "HMC")
price = {name: cost(rows, name) for name in ("Laplace (budget)", "mixture (budget)", "ensemble", "dropout")}
assert [round(value) for value in price.values()] == [1, 5, 5, 5]
assert 100 < cost(rows, "HMC", datasets=with_hmc(rows)) < 1000
assert 1.5 < cost(rows, "Laplace (budget)", "seconds") < 2.5
assert tally(rows, "far_entropy", "Laplace (evidence)", "MAP") == (17, 0, 0)
assert tally(rows, "far_entropy", "Laplace (evidence)", "ensemble") == (12, 5, 0)
assert tally(rows, "far_entropy", "Laplace (budget)", "ensemble") == (9, 7, 1)
assert tally(rows, "far_information", "Laplace (budget)", "ensemble") == (2, 4, 7)
assert tally(rows, "far_information", "Laplace (evidence)", "ensemble") == (8, 4, 1)
for name, worse in [("Laplace (evidence)", 6), ("Laplace (held-out)", 5), ("Laplace (budget)", 5)]:
    assert tally(rows, "nll", name, "ensemble") == (0, 17 - worse, worse)
behind = {name: over_map(rows, name)[0] - over_map(rows, "ensemble")[0] for name in RANKED}
assert [round(behind[name], 2) for name in ("Laplace (evidence)", "Laplace (budget)")] == [0.05, 0.01]
within = {name: rank - RANK["nll"].mean["ensemble"] < RANK["nll"].critical for name, rank in RANK["nll"].mean.items()}
assert [name for name, close in within.items() if not close] == ["dropout"]
assert over_map(rows, "Laplace (budget)")[0] < over_map(rows, "Laplace (held-out)")[0]
assert over_map(rows, "Laplace (budget)")[1] > over_map(rows, "Laplace (held-out)")[1] + 0.1
assert tally(rows, "nll", "mixture (evidence)", "Laplace (evidence)") == (0, 17, 0)
assert tally(rows, "nll", "mixture (budget)", "Laplace (budget)") == (0, 17, 0)
areas = [over_map(rows, name)[1] for name in ("Laplace (evidence)", "kron (evidence)", "last layer (evidence)")]
assert areas == sorted(areas, reverse=True)
pima = [mean(rows, "nll", "pima", name) for name in ("Laplace (evidence)", "ensemble", "Laplace (budget)", "MAP")]
assert pima[0] < min(pima[1:]) - 0.02
off = [
    d
    for d in CLASSES
    if values(rows, "nll", d, "Laplace (held-out)") == values(rows, "nll", d, "MAP 4/5")
    and values(rows, "far_entropy", d, "Laplace (held-out)") == values(rows, "far_entropy", d, "MAP 4/5")
]
print("held-out labels turn Laplace off, in all splits:", off)
assert len(off) == 5

# %% [markdown]
# ## Summary
#
# - Ensembles, dropout, HMC, Laplace and its mixtures are ways to draw parameter vectors; the model average does the
#   rest.
# - HMC draws from the posterior itself, at the price of hundreds of trainings. R-hat, of what the network says, tells
#   whether its draws may be called the truth.
# - Laplace costs little more than one training, and by its entropy knows best what is far from the data.
# - How modest it is about data like the training data is a choice, made with the prior. The evidence's notices most,
#   and costs most where classes are easy to tell apart; held-out labels often turn Laplace off; a budget bounds the
#   cost and keeps a good part of the rest.
# - An ensemble of five is better on test data, by little, and notices less far away. One temperature is as good as any
#   tuning near the data, and does nothing far from it.
# - Splits of one data set overlap, and data sets count once: intervals and ranks that know it are wider than one likes.
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
