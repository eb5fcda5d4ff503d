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
# # 12. Rivals: ensembles, dropout, HMC
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
    DRAWN,
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
from matplotlib.ticker import FixedLocator
from scipy.special import expit, softmax
from scipy.stats import binom
from scipy.stats import t as student

from minilaplace import Laplace, fit_map
from minilaplace import calibration as scores
from minilaplace.checks import check_function
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
# So a method is a way to draw parameter vectors, an array `thetas` of shape (S, P), and `average` does the rest.
# (Laplace and its mixtures need no draws: their Gaussians belong to the linearised network, tutorial 5, and the links
# of tutorial 6 average it.) All of them get the same `BayesianModel`, hence the same prior. The data is the post's toy
# set: four squares, two classes.

# %%
toys = problem("toy", seed=0)
X, y, model = toys.X, toys.y, toys.model
theta = fit_map(model, X, y, rng=0)  # (P,)
print("data", X.shape, "prior precision", model.prior_precision, "parameters", theta.shape)
print("MAP alone, at (2.5, 2.5) and at (40, 0):", average(model, theta[None], [[2.5, 2.5], [40.0, 0.0]]).round(2))

# %% [markdown]
# An **ensemble** trains the same network from several random starts (Lakshminarayanan, Pritzel and Blundell, 2016).
# The loss has many minima, so that each training may end in another one. We take five members, which cost five
# trainings. Their losses are nearly equal, and yet no two of them are the same function: somewhere on a circle around
# the data they give one input probabilities that are 0.3 and more apart.

# %%
members = deep_ensemble(model, X, y, 5, rng=0)  # (5, P)
print("members", members.shape, "losses", [f"{model.loss(member, X, y):.1f}" for member in members])
assert np.ptp([model.loss(member, X, y) for member in members]) < 0.3
angle = np.linspace(0, 2 * np.pi, 721)
ring = 20 * np.column_stack([np.cos(angle), np.sin(angle)])  # (721, 2)
on_ring = [average(model, member[None], ring) for member in members]
assert all(np.abs(on_ring[i] - on_ring[j]).max() > 0.3 for i in range(5) for j in range(i))

# %% [markdown]
# **Dropout** silences each hidden unit with some probability, here one tenth, anew for each training step, and goes on
# doing so when it predicts (Gal and Ghahramani, 2016). To silence a unit is to put zeros where the next layer reads it:
# the parameters are multiplied by a *mask* of zeros; the entries of the units that still speak become $1 / 0.9$, so
# that the sum stays the same on average. A masked parameter vector is a parameter vector, and dropout too is an array
# (S, P).

# %%
mask = dropout_masks(model.network, 0.1, 1, rng=0)[0]  # (P,)
(W_1, b_1), (W_2, b_2) = model.network.layers(mask)
print("multipliers of the 32 units:", np.unique(W_2.round(3), return_counts=True))
print("all others:", np.unique(np.concatenate([W_1.ravel(), b_1, b_2])))
assert set(np.unique(W_2)) == {0, 1 / 0.9}
assert np.abs(dropout_masks(model.network, 0.1, 4000, rng=0).mean(axis=0) - 1).max() < 0.03
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
# **Hamiltonian Monte Carlo**, HMC, draws from the posterior itself (Neal, 2011). Think of $\theta$ as a ball on a
# landscape whose height is the loss. It gets a random push, a momentum $p$, rolls for a while, and where it is then is
# the next draw. Height plus $\frac{1}{2} \lVert p \rVert^2$ is its energy, which rolling does not change. Rolling is
# computed in **leapfrog** steps: half a push by the slope, a move, half a push. Here is a landscape of one dimension,
# $U = \theta^2 / 2$, whose draws are standard normal.


# %%
def roll(position, momentum, n_steps, step=0.3):
    """Return position and momentum after so many leapfrog steps in U = position^2 / 2."""
    for _ in range(n_steps):
        momentum = momentum - step / 2 * position  # the slope of U is theta
        position = position + step * momentum
        momentum = momentum - step / 2 * position
    return position, momentum


def energy(position, momentum):
    """Return the height of the landscape plus half of the squared momentum."""
    return 0.5 * position**2 + 0.5 * momentum**2


start = (1.0, 0.5)
there = roll(*start, 10)
print(f"rolled from 1.00 to {there[0]:.2f}; energy before {energy(*start):.3f}, after {energy(*there):.3f}")
assert 0 < abs(energy(*there) - energy(*start)) < 0.01

# %% [markdown]
# The energy is not kept exactly, and the steps' error is made good by a test: a draw is accepted with the probability
# $\min(1, e^{\text{before} - \text{after}})$ of the energies before and after it; otherwise the ball stays where it
# was, which counts as a draw again. Here are steps so coarse, 1.5, that the draws without the test have more than twice
# the variance that they should have.

# %%
rng = np.random.default_rng(0)
spread = {}
for tested in (False, True):
    position = np.zeros(20_000)  # as many balls at once
    for _ in range(30):
        momentum = rng.normal(size=position.shape)
        moved, then = roll(position, momentum, 3, step=1.5)
        accepted = rng.random(position.shape) < np.exp(energy(position, momentum) - energy(moved, then))
        position = np.where(accepted | (not tested), moved, position)
    spread[tested] = position.var()
print(f"variance, which should be 1: without the test {spread[False]:.2f}, with it {spread[True]:.2f}")
assert spread[False] > 2
assert abs(spread[True] - 1) < 0.05

# %% [markdown]
# Two numbers say whether there are enough draws, from several *chains* that start far apart (Vehtari et al., 2021):
#
# - *R-hat* compares the spread of all draws with the spread within each half of each chain. It is near 1 when all
#   halves look alike. We ask for 1.01 at most.
# - the *effective sample size* is how many independent draws would estimate the mean as well, because neighbouring
#   draws resemble each other.

# %%
independent = np.random.default_rng(0).normal(size=(4, 500))  # 4 chains of 500 draws
elsewhere = independent + np.array([[0], [0], [0], [1]])  # one chain is one deviation away
sticky = np.repeat(independent[:, :50], 10, axis=1)  # each draw ten times
for name, draws in [("independent", independent), ("one elsewhere", elsewhere), ("sticky", sticky)]:
    print(f"{name:13}: R-hat {split_r_hat(draws):.2f}, effective sample size {effective_sample_size(draws):.0f}")
assert split_r_hat(independent) < 1.01 < split_r_hat(sticky) < split_r_hat(elsewhere)
assert effective_sample_size(elsewhere) < effective_sample_size(sticky) < independent.size / 10 < 2000

# %% [markdown]
# Now the network. A quick look: four chains of 100 draws, each of at most 20 leapfrog steps. Hidden units can trade
# places without changing the function, so nobody asks that chains agree on $\theta$; what must agree is the
# predictions. `truth` returns the draws only if they do. These do not, and may not be called the truth. For a picture
# they will do: the standard error of its probabilities is about .05 around the data, so read its colours to a tenth.
# (To the last digit the draws of HMC are not the same on every machine, which is why fewer digits are printed here.)

# %%
chains = hmc(model, X, y, 100, n_chains=4, n_warmup=100, n_leapfrog=20, rng=0)
try:
    chains.truth(of=lambda t: model.network.forward(t, toys.outside["far"][:50]))
    raise AssertionError("the chains agree")
except ValueError as error:
    print(str(error).split(" everywhere")[0])
of_chains = chains.evaluate(lambda t: expit(model.network.forward(t, ring[::20])[:, 0]))  # (4, 100, 37)
standard_error = of_chains.std(axis=(0, 1)) / np.sqrt(effective_sample_size(of_chains))
assert 0.03 < standard_error.mean() < 0.08
assert split_r_hat(of_chains).max() > 1.1

# %% [markdown]
# > **Predict first.** Six ways to predict, seen from 15 units outside of the data. Which of them become unsure out
# > there, and which stay sure?
#
# <details><summary>Answer</summary>
#
# HMC, Laplace and the mixture become unsure. The MAP estimate, dropout and, less expected, the ensemble stay sure in
# wide streaks: five networks that agree by chance are as sure as one.
#
# </details>

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
        ax.scatter(*X[y == label].T, s=4, c=colour, marker=marker, label=f"y = {label}")
    ax.set(title=name, aspect="equal")
    ax.grid(visible=False)
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower right", ncols=2, markerscale=3)
fig.supxlabel("$x_1$")
fig.supylabel("$x_2$")
add_colorbar(filled, list(axes.flat), target=1)

# %% [markdown]
# HMC is what the others approximate. It loses its certainty away from the data: on the circle 20 units from the centre
# the more probable class has about .65 on average. Laplace and the mixture go further, to .56. The streaks of single
# modes are weaker in the mixture, not gone. The ensemble loses certainty only where its five members happen to
# disagree, and has .75 or a little more; dropout and the MAP estimate have .77. On the data it is the other way round:
# there the MAP estimate is as sure as HMC, .98 and .97, and Laplace, at .90, too modest.

# %%
ways = {
    "HMC": lambda X: average(model, chains.thetas, X),
    "Laplace": la.predict,
    "mixture of five": lambda X: mixture(laplaces, X),
    "MAP": lambda X: average(model, theta[None], X),
    "ensemble of five": lambda X: average(model, members, X),
    "dropout": lambda X: average(model, dropped, X),
}
sure = {name: [np.maximum(p, 1 - p).mean() for p in (predict(X), predict(ring))] for name, predict in ways.items()}
for name, (here, out_there) in sure.items():
    print(f"{name:17}: on the circle {'above' if out_there > 0.7 else 'below'} .7, on the data {here:.2f}")
there_mean = {name: out_there for name, (_, out_there) in sure.items()}
assert [round(there_mean[name], 2) for name in ("Laplace", "mixture of five", "MAP", "dropout")] == [
    0.56,
    0.56,
    0.77,
    0.77,
]
for name, predict in ways.items():
    streaks = np.mean(np.abs(predict(ring) - 0.5) > 0.4)  # the share of the circle that is surer than .9
    assert (streaks > 0.1) == (name in {"MAP", "ensemble of five", "dropout"})
assert 0.62 < there_mean["HMC"] < 0.68
assert 0.745 < there_mean["ensemble of five"] < 0.77
assert [round(sure[name][0], 2) for name in ("MAP", "HMC", "Laplace")] == [0.98, 0.97, 0.9]


def unevenness(p):
    """Return how far probabilities go up and down in all, along the circle."""
    return np.abs(np.diff(p)).sum()


single = np.mean([unevenness(each.predict(ring)) for each in laplaces])
assert single / 2 < unevenness(mixture(laplaces, ring)) < 0.9 * single

# %% [markdown]
# ## Scores
#
# - The *negative log-likelihood* (NLL) is here a mean: $-\log$ of the probability that was given to what came true, on
#   average. (Other tutorials call it *mean nll*; *nll* alone is the sum.)
# - The *Brier score* is the squared distance of the probabilities from the label written as 0s and 1s (of two classes,
#   half of it). For a regression the *CRPS* is its counterpart, in units of $y$. These three are *proper*: on average
#   no probabilities score better than the true ones (Gneiting and Raftery, 2007).
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
said = np.linspace(0.01, 0.99, 99)
for score in (scores.negative_log_likelihood, scores.brier_score):
    expected = [0.7 * score([p], [1]) + 0.3 * score([p], [0]) for p in said]  # if the truth is 0.7
    assert np.isclose(said[np.argmin(expected)], 0.7)

# %% [markdown]
# ## The experiment
#
# `experiment.py` gives seventeen data sets, thirteen with classes and four regressions, to every method, each split six
# times. Small networks of one hidden layer. Two *baselines* are in the table: the frequencies of the classes, or mean
# and variance of the targets (`constant`), and a logistic or linear regression (`linear`). Where a network does worse
# than these, there is little point in making it Bayesian.
#
# A method that needs labels to tune by, a temperature, a rate of dropout or Laplace's prior, gets a fifth of the data
# for it (`held-out`), always the same fifth, and learns from the rest. All others learn from that fifth, too. Laplace's
# prior has four more choices: the model's own (`fixed`), which the rivals have; the one that maximises the evidence at
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
assert (len(PROBLEMS), len(CLASSES), len({row["split"] for row in rows})) == (17, 13, 6)
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
assert round(above["MAP 4/5"], 3) == 0.016
for dataset, times in {"digits": 8, "toy": 4, "wine": 3}.items():
    ours, theirs = (mean(rows, "nll", dataset, name) for name in ("Laplace (evidence)", "MAP"))
    assert round(ours / theirs) == times
    assert abs(mean(rows, "error", dataset, "Laplace (evidence)") - mean(rows, "error", dataset, "MAP")) < 0.001
helped = [d for d in PROBLEMS if gain(rows, "nll", d, "Laplace (evidence)", "MAP").outcome == "better"]
print("Laplace by evidence is better than MAP on", helped)
assert helped == ["birthweight", "friedman"]
for dataset in ("birthweight", "pima", "boston", "friedman"):
    assert mean(rows, "nll", dataset, "Laplace (evidence)") < mean(rows, "nll", dataset, "MAP")
    assert mean(rows, "nll", dataset, "Laplace (evidence)") < mean(rows, "nll", dataset, "ensemble")
assert mean(rows, "nll", "birthweight", "constant") < mean(rows, "nll", "birthweight", "Laplace (evidence)")
assert mean(rows, "nll", "pima", "linear") < mean(rows, "nll", "pima", "Laplace (evidence)")
assert mean(rows, "nll", "birthweight", "constant") < mean(rows, "nll", "birthweight", "MAP")
assert mean(rows, "nll", "pima", "linear") < mean(rows, "nll", "pima", "MAP")

# %% [markdown]
# Lower is better. Where classes are easy to tell apart, the evidence's prior makes Laplace too modest: it gets as many
# labels right, with three to four times the NLL of the MAP estimate on wine and the toy set, and eight times on the
# digits. Where data is scarce and noisy it is the MAP estimate that is too sure: on the birthweights it is worse than
# the frequencies of the classes, on Pima than a logistic regression. There, and on the Boston and Friedman regressions,
# Laplace has a smaller NLL than the MAP estimate and than the ensemble. (Against the MAP estimate that is more than
# chance, as the verdict below counts it, on the birthweights and Friedman alone.) On the birthweights and Pima
# it does not reach the baseline either: there one does best not to use these networks at all.
#
# To hold a fifth of the labels out costs a network .016 nats on average (`MAP 4/5`). A temperature makes up for that,
# Laplace's prior by `held-out` for most of it. The `budget` needs no labels, and on average costs nothing.
#
# > **Common mistake.** To judge by the calibration error alone. It is not proper: whoever tells every patient the same,
# > the frequencies of the classes, is calibrated and of no use. The baseline `constant` does just that, and on each of
# > the thirteen data sets with classes its ECE is smaller than that of every other method.

# %%
for dataset in CLASSES:
    of_others = [mean(rows, "calibration", dataset, name) for name in ["linear", *RIVALS, *FORMS, *OTHERS]]
    assert mean(rows, "calibration", dataset, "constant") < min(of_others)

# %%
images = problem("digits", seed=2)
theta_digits = fit_map(images.model, images.X, images.y, rng=0)
la_digits = Laplace(images.model, theta_digits).fit(images.X, images.y)
la_budget = la_digits.under().optimize_prior_precision("budget", X=images.X, y=images.y)
la_digits.optimize_prior_precision()  # in place; `la_budget` is from a copy, `under()`
laplace_p = la_digits.predict(images.X_test)
fig, ax = plt.subplots(figsize=(5.6, 5))
for name, p in [
    ("Laplace (evidence)", laplace_p),
    ("Laplace (budget)", la_budget.predict(images.X_test)),
    ("MAP", la_digits.predict(images.X_test, "plugin")),
]:
    plot_reliability(p, images.y_test, ax=ax, label=name)
    print(f"{name:20}NLL {scores.negative_log_likelihood(p, images.y_test):.3f}")
unsure = (laplace_p.max(axis=1) > 0.5) & (laplace_p.max(axis=1) < 0.8)
right = (laplace_p.argmax(axis=1) == images.y_test)[unsure].mean()
print(f"digits that Laplace (evidence) gives between 50 and 80 %: {unsure.sum()}, {right:.0%} right")
assert right == 1

# %% [markdown]
# Above the diagonal one is right more often than one says: of the digits that Laplace under the evidence's prior gives
# between 50 and 80 %, all are right.
#
# Now inputs unlike the data: ten standard deviations away in random directions (`far`); for digits, learnt from 0 to 7,
# also 8s and 9s (`left_out`), and images on their side.
#
# > **Predict first.** Ten deviations away: is the MAP estimate less sure there than of the test data, as sure, or
# > surer?
#
# <details><summary>Answer</summary>
#
# On nine of thirteen data sets it is surer: there the AUROC of its entropy is below one half.
#
# </details>

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
    assert (scores.auroc(inside, outside) > 0.8) == (name != "MAP")
_ = axes[1].set_ylabel("")

# %% [markdown]
# What costs Laplace likelihood near the data is of use here: its modesty grows where the data does not reach, and that
# tells outside from inside. On nine of thirteen sets the MAP estimate is surer of what is far away than of the test
# data: an AUROC below one half. That can happen to Laplace, too, under the evidence's prior on the moons, at .47, and
# by the budget on four sets. With two classes a temperature does not change which of two inputs has the larger entropy,
# so that its AUROC is exactly that of the same network without it (`MAP 4/5`); with more classes it is nearly the same.
# Left-out digits, which look like digits, are noticed by all methods alike; digits on their side more by Laplace.
#
# Another score is how far plausible parameters disagree, the *mutual information* of label and parameters: the entropy
# of the average less the average entropy, the epistemic part of tutorial 7. A single theta has none. Far away it is the
# better score for all that have it: an entropy is large, too, where the labels of the test data are mixed. It helps the
# ensemble most, which then notices more than Laplace by the budget. On left-out digits it makes little difference.

# %%
print(table(rows, "far_information", ["ensemble", "dropout", *FORMS], digits=2))
for name in ("ensemble", "Laplace (evidence)", "Laplace (budget)"):
    by = [np.mean([mean(rows, f"far_{score}", d, name) for d in CLASSES]) for score in ("entropy", "information")]
    print(f"{name:18}mean AUROC by entropy {by[0]:.2f}, by information {by[1]:.2f}")
    assert by[1] > by[0] + 0.1
by_both = {
    name: [np.mean([mean(rows, f"far_{score}", d, name) for d in CLASSES]) for score in ("entropy", "information")]
    for name in ["ensemble", "dropout", *FORMS]
}
assert all(information > entropy for entropy, information in by_both.values())
assert max(by_both, key=lambda name: by_both[name][1] - by_both[name][0]) == "ensemble"
assert by_both["ensemble"][1] > by_both["Laplace (budget)"][1]
for name in by_both:
    a, b = (mean(rows, f"left_out_{score}", "digits", name) for score in ("entropy", "information"))
    assert abs(a - b) < 0.025
below = [d for d in CLASSES if mean(rows, "far_entropy", d, "MAP") < 0.5]
print("below one half by the MAP estimate:", len(below))
assert len(below) == 9
assert [d for d in CLASSES if mean(rows, "far_entropy", d, "Laplace (evidence)") < 0.5] == ["moons"]
assert round(mean(rows, "far_entropy", "moons", "Laplace (evidence)"), 2) == 0.47
assert sum(mean(rows, "far_entropy", d, "Laplace (budget)") < 0.5 for d in CLASSES) == 4
left_out = [mean(rows, "left_out_entropy", "digits", name) for name in [*RIVALS, *FORMS]]
assert max(left_out) - min(left_out) < 0.03
many = {"iris", "wine", "digits", "glass", "crabs"}  # more than two classes
for d in CLASSES:
    moved = mean(rows, "far_entropy", d, "temperature") - mean(rows, "far_entropy", d, "MAP 4/5")
    assert abs(moved) < 0.03 if d in many else moved == 0
assert {d: problem(d, seed=0).model.network.n_outputs for d in ("tumours", "wine")} == {"tumours": 1, "wine": 3}

# %% [markdown]
# ## The dial
#
# So is Laplace good or bad? One number decides: the precision of the prior under which the Gaussian is put around one
# and the same MAP estimate. The grey curve turns it, from .01 to 10,000. It shows at each what is lost on test data and
# what is won far away, means over the thirteen classifications. Up and to the left is better.
#
# > **Predict first.** A large precision holds the Gaussian close to the MAP estimate. Where must the curve end for that
# > reason? Which way does it leave from there, up only, or up and to the right at once? And on which side of the curve
# > is the ensemble?
#
# <details><summary>Answer</summary>
#
# It ends at the MAP estimate, and leaves it upwards and even a little to the left: the first bit of averaging costs
# nothing. Then it goes to the right. The ensemble is on the left, where the curve does not get.
#
# </details>

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
    ax.xaxis.set_major_locator(FixedLocator([-0.05, -0.02, -0.01, 0, 0.01, 0.02, 0.1, 0.5]))
    ax.minorticks_off()
    ax.xaxis.set_major_formatter("{x:g}")
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
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
for ax in axes[1]:
    ax.set_xlabel("NLL minus MAP's, nats")
_ = fig.supylabel("AUROC, ten deviations away")

# %%
curve = np.array(dial(rows))  # (9, 3): prior precision, NLL over MAP, AUROC
strongest, best_nll = curve[-1], curve[:, 1].min()
print(f"smallest NLL on the curve {best_nll:+.3f}, under the strongest prior {strongest[1]:+.4f}")
assert np.abs(strongest[1:] - over_map(rows, "MAP")).max() < 0.01
assert best_nll < curve[-2, 1] < 0
assert over_map(rows, "ensemble")[0] < over_map(rows, "temperature")[0] < best_nll
assert max(over_map(rows, name)[1] for name in ("ensemble", "temperature")) < over_map(rows, "Laplace (budget)")[1]
for datasets in (CLASSES, ["wine"], ["digits"]):
    ((nll_won, area_won),) = [over_map(rows, "Laplace (evidence)", datasets)]
    assert nll_won > 0.03
    assert area_won > over_map(rows, "MAP", datasets)[1]
nll_pima, area_pima = over_map(rows, "Laplace (evidence)", ["pima"])
assert nll_pima < min(nll for _, nll, _ in dial(rows, ["pima"])) < 0
assert area_pima > over_map(rows, "MAP", ["pima"])[1] + 0.2
by_budget = [row for row in rows if (row["method"], row["prior"]) == ("full", "budget")]
chosen = [np.median([row["precision"] for row in by_budget if row["dataset"] == d]) for d in CLASSES]
print("median precisions by the budget: from", min(chosen), "to", max(chosen))
assert max(chosen) > 200
assert min(chosen) < 0.01
nll_budget, area_budget = over_map(rows, "Laplace (budget)")
assert area_budget > np.interp(nll_budget, curve[:6, 1][::-1], curve[:6, 2][::-1]) + 0.05

# %% [markdown]
# At the weak end of the curve the average runs over networks that have little in common; at the strong end it is the
# MAP estimate. On average, and on wine and the digits, what is won far away is paid for on test data. On Pima, where
# the MAP estimate is too sure, both are won, and the evidence's NLL is smaller than that of every point of the curve.
# But the evidence does not ask how much we are willing to lose on the other data sets. Held-out labels come from where
# the data comes from, and on five of thirteen sets they choose the end where Laplace does nothing, in every split. The
# budget says how much may be lost, and stops there: on each data set at another precision, which is why its point in
# the first picture is above a curve that has one for all.
#
# On test data the ensemble is better than the curve gets under any prior, for the price of five trainings. So is the
# temperature, by less, for the price of less than one. Far away both notice less than Laplace by the budget.
#
# ## The verdict
#
# Two methods are compared on one data set split by split: $s^2$ is the variance of their $J$ differences. Splits
# overlap, so that the differences are not independent, and Student's interval with $s^2 / J$ would be too narrow: the
# variance of their mean is taken as $(\frac{1}{J} + \frac{n_\text{test}}{n_\text{train}}) s^2$ (Nadeau and Bengio,
# 2003). Over data sets, each counts once. The methods are ranked on each. Friedman's test (which has nothing to do with
# the data set of that name) asks whether the ranks are chance altogether, and two mean ranks differ if they are further
# apart than Nemenyi's *critical difference*, at level .05 (Demsar, 2006). In the picture the grey band starts at the
# best rival and is as wide as this difference: a method to the right of it ranks worse than the best rival.
#
# > **Common mistake.** To count overlapping splits as independent experiments. Of 260 comparisons on real data, of
# > Laplace's five priors with four rivals, 123 are then significant. Counted as above, 77 are.

# %%
compared = [
    (gain(rows, "nll", d, name, rival), values(rows, "nll", d, name), values(rows, "nll", d, rival))
    for d in PROBLEMS
    for name in FORMS
    for rival in RIVALS
    if d not in DRAWN
]
differences = [np.array([a[split] - b[split] for split in a]) for _, a, b in compared]
as_independent = [abs(x.mean()) > student.ppf(0.975, 5) * x.std(ddof=1) / np.sqrt(6) for x in differences]
assert len(compared) == 260
assert sum(as_independent) == 123
assert sum(gained.outcome != "par" for gained, *_ in compared) == 77

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
#   mixture, and dropout with four rates to choose from, five trainings; HMC some hundreds. (In seconds dropout costs
#   eighteen: its batches are small.) To find the budget's prior takes no gradients but predictions of the training
#   data, as long as another training takes.
# - **Out-of-distribution detection: yes**, far away and by entropy. Under the evidence's prior full Laplace is better
#   than the MAP estimate on all 17 data sets, than the ensemble on 12, and worse on none. By the budget it is better
#   than the ensemble on 9 and worse on 1. By mutual information, of 13 data sets, the ensemble is better than the
#   budget on 7 and worse on 2, and the evidence is better than the ensemble on 8 and worse on 1.
# - **Uncertainty on test data: no**, if the rival is an ensemble: by the evidence, held-out labels or the budget full
#   Laplace is better than it on none of 17 data sets, and worse on 5 or 6 (`online`: better on one, worse on 6). How
#   much worse depends on the prior: by the evidence .05 nats on the average classification, by the budget .01. Ranks
#   see no difference: all but dropout are within the critical difference of the ensemble.
# - **Labels to tune by are not worth holding out.** By the budget, which has none, full Laplace is nearer to the MAP
#   estimate on test data than by held-out labels, and notices more. A temperature does well near the data, and nothing
#   far from it.
# - **A mixture of five** costs five trainings and is on a par with one Gaussian on every data set by NLL. **Cheaper
#   curvature** (tutorial 9), under the evidence's prior, is less modest on test data and notices less far away: `kron`
#   somewhat, the last layer much.
# - **Near the posterior: far from the data.** HMC's chains agree wherever they were run, on six sets under the fixed
#   prior. Far away full Laplace, under the same prior, is closer to them than the MAP estimate on five and on a par on
#   one; on test data it is further away on five: a Gaussian reaches where the posterior does not.
#
# All this is about small networks on small data, and about inputs that are far away in random directions. The networks
# of Daxberger et al. (2021a), on whom the post relies, are large, and their outside is other pictures.

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
assert round(cost(rows, "dropout", "seconds")) == 18
assert cost(rows, "temperature") < 1
assert binom.sf(2, 17, 1 / 40) < 0.05 < binom.sf(1, 17, 1 / 40)
assert tally(rows, "far_entropy", "Laplace (evidence)", "MAP") == (17, 0, 0)
assert tally(rows, "far_entropy", "Laplace (evidence)", "ensemble") == (12, 5, 0)
assert tally(rows, "far_entropy", "Laplace (budget)", "ensemble") == (9, 7, 1)
assert tally(rows, "far_information", "Laplace (budget)", "ensemble") == (2, 4, 7)
assert tally(rows, "far_information", "Laplace (evidence)", "ensemble") == (8, 4, 1)
for name, worse in [("Laplace (evidence)", 6), ("Laplace (held-out)", 5), ("Laplace (budget)", 5)]:
    assert tally(rows, "nll", name, "ensemble") == (0, 17 - worse, worse)
assert tally(rows, "nll", "Laplace (online)", "ensemble") == (1, 10, 6)
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
costs = [over_map(rows, name)[0] for name in ("Laplace (evidence)", "kron (evidence)", "last layer (evidence)")]
assert costs == sorted(costs, reverse=True)
assert min(RANK["far_entropy"].mean, key=RANK["far_entropy"].mean.get) == "Laplace (evidence)"
assert max(FORMS, key=lambda name: over_map(rows, name)[1]) == "Laplace (online)"
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
# - Ensembles, dropout and HMC are ways to draw parameter vectors, and the model average does the rest; Laplace and its
#   mixtures average the linearised network without draws.
# - HMC draws from the posterior itself, at the price of hundreds of trainings. R-hat, of what the network says, tells
#   whether its draws may be called the truth.
# - Laplace costs little more than one training. By its entropy far from the data, under the evidence's prior, it ranks
#   first.
# - How modest it is about data like the training data is a choice, made with the prior. The evidence's notice most, and
#   cost most where classes are easy to tell apart; held-out labels turn Laplace off on five of thirteen data sets; a
#   budget bounds the cost and keeps a good part of the rest.
# - An ensemble of five is better on test data, by little, and by entropy notices less far away. One temperature is as
#   good as any tuning near the data, and does nothing far from it.
# - Splits of one data set overlap, and data sets count once: whoever forgets it finds differences that are chance.
#
# *Read on* (entries in the [references](references.md)): Lakshminarayanan, Pritzel and Blundell (2016), section 2, for
# the ensemble's recipe. Neal (2011), sections 5.2 and 5.3 of the handbook, for HMC, from the rolling ball to the test
# of the energy. Demsar (2006), section 3.2, for how to compare methods over many data sets. Eschenhagen et al. (2021)
# put a Gaussian around each member, and show what that does far from the data.
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not.

# %% [markdown]
# ### Exercise 12.1: the model average
#
# The members of an ensemble have the logits `f` (S, N) at N inputs. A logit $f$ stands for the probability $1 / (1 +
# e^{-f})$, which is `expit(f)`. What does the ensemble predict? The check draws its own networks.


# %% tags=["exercise"]
def ensemble_predicts(f):
    """Return the ensemble's P(y = 1), (N,), from the logits (S, N) of its members."""
    return ...


def logits_of(thetas, inputs):
    """Return the logits of some networks, (S, N)."""
    return np.stack([model.network.forward(theta, inputs)[:, 0] for theta in thetas])


exercise_12_1 = check_function(
    "the ensemble's P(y = 1)",
    lambda thetas, inputs: ensemble_predicts(logits_of(thetas, inputs)),
    lambda thetas, inputs: average(model, thetas, inputs),
    draw=lambda rng: (rng.normal(scale=0.5, size=(4, len(theta))), rng.uniform(-9, 9, size=(6, 2))),
    mistakes={
        "the probability of the average logit": lambda *given: expit(logits_of(*given).mean(axis=0)),
        "the average logit, which is no probability": lambda *given: logits_of(*given).mean(axis=0),
        "the share of members that vote for class 1": lambda *given: (logits_of(*given) > 0).mean(axis=0),
        "one member alone": lambda thetas, inputs: average(model, thetas[:1], inputs),
        "the probability of class 0": lambda thetas, inputs: 1 - average(model, thetas, inputs),
    },
)
print(exercise_12_1)

# %% [markdown]
# ### Exercise 12.2: silent units, without a mask
#
# The output layer reads the values of the units, (N, H), and its outputs are `units @ W.T + b`. Under dropout with a
# certain `rate` those units of which `speaks` (H,) is 0 are silent, and the others, of which it is 1, speak up. Compute
# the outputs. The check masks theta.


# %% tags=["exercise"]
def with_silent_units(units, speaks, rate, W, b):
    """Return the outputs (N, C) of the layer W (C, H), b (C,) under dropout."""
    return ...


def yours(theta, inputs, speaks, rate):
    """Return your answer for the outputs of a network with one hidden layer."""
    (W_1, b_1), (W_2, b_2) = model.network.layers(theta)
    return with_silent_units(expit(inputs @ W_1.T + b_1), speaks, rate, W_2, b_2)


def by_mask(theta, inputs, speaks, rate):
    """Return the outputs at a masked theta."""
    mask = np.ones_like(theta)
    model.network.layers(mask)[1][0][:] = speaks / (1 - rate)
    return model.network.forward(mask * theta, inputs)


exercise_12_2 = check_function(
    "outputs with silent units",
    yours,
    by_mask,
    draw=lambda rng: (
        rng.normal(size=len(theta)),
        rng.uniform(-5, 5, size=(4, 2)),
        rng.integers(2, size=32),
        rng.uniform(0.1, 0.6),
    ),
    mistakes={
        "those that speak do not speak up": lambda *given: by_mask(*given[:3], 0),
        "times 1 - rate, not over it": lambda *given: by_mask(*given[:3], 1 - 1 / (1 - given[3])),
        "over the rate, not over 1 - rate": lambda *given: by_mask(*given[:3], 1 - given[3]),
        "the bias speaks up, too": lambda *given: by_mask(*given[:3], 0) / (1 - given[3]),
        "the bias is missing": lambda *given: by_mask(*given) - given[0][-1],
        "the silent ones speak, and the others do not": lambda *given: by_mask(*given[:2], 1 - given[2], given[3]),
    },
)
print(exercise_12_2)


# %% [markdown]
# ### Exercise 12.3: rolling back
#
# Leapfrog steps can be undone. After `n_steps` of them the ball is at `position` and has `momentum`. Where was it
# before, and how fast? `roll` may help. (That its steps can be undone is half of the reason why HMC's draws need no
# correction but for the energy.)


# %% tags=["exercise"]
def start_of(position, momentum, n_steps, step):
    """Return position and momentum before so many leapfrog steps of this size."""
    return ...


def there_and_back(position, momentum, n_steps, step):
    """Return where your answer says that a ball came from, which started here."""
    return start_of(*roll(position, momentum, n_steps, step), n_steps, step)


def turned(position, momentum):
    """Return the same place, with the momentum turned around."""
    return position, -momentum


exercise_12_3 = check_function(
    "where it came from, and how fast",
    there_and_back,
    lambda *start: start[:2],
    draw=lambda rng: (*rng.normal(size=2), int(rng.integers(4, 15)), rng.uniform(0.1, 0.7)),
    mistakes={
        "with the momentum turned around": lambda *start: turned(*start[:2]),
        "rolled on, not back": lambda *start: roll(*start[:2], 2 * start[2], start[3]),
        "the end, not the start": lambda *start: roll(*start),
        "steps of 0.3, whatever the step": lambda *start: turned(*roll(*turned(*roll(*start)), start[2])),
        "one step back": lambda *start: roll(*start[:2], start[2] - 1, start[3]),
    },
)
print(exercise_12_3)

# %% [markdown]
# ### Exercise 12.4: AUROC, pair by pair
#
# Compute the AUROC of scores `inside` (m,) and `outside` (n,) from its definition: over all pairs of one input inside
# and one outside, how often the outer score is larger; a tie counts one half.


# %% tags=["exercise"]
def area_under_roc(inside, outside):
    """Return the AUROC, a number."""
    return ...


def pairs(inside, outside):
    """Return how many pairs there are, and in how many of them the scores are equal."""
    return len(inside) * len(outside), sum(np.count_nonzero(inside == score) for score in outside)


exercise_12_4 = check_function(
    "AUROC",
    area_under_roc,
    scores.auroc,
    draw=lambda rng: (rng.integers(6, size=7).astype(float), rng.integers(2, 8, size=9).astype(float)),
    mistakes={
        "inside larger than outside": lambda inside, outside: scores.auroc(outside, inside),
        "a tie counts nothing": lambda *two: scores.auroc(*two) - 0.5 * pairs(*two)[1] / pairs(*two)[0],
        "a tie counts one": lambda *two: scores.auroc(*two) + 0.5 * pairs(*two)[1] / pairs(*two)[0],
        "a number of pairs, not a share": lambda *two: scores.auroc(*two) * pairs(*two)[0],
    },
)
print(exercise_12_4)

# %% [markdown]
# ### Exercise 12.5: how far splits can be trusted
#
# Two methods differ by `x` (J,) on J splits of one data set, whose parts to test on and to learn from have the ratio
# $n_\text{test} / n_\text{train}$. Compute half the width of the interval of their mean difference at level .05: the
# root of the variance in *The verdict*, times Student's quantile `student.ppf(0.975, J - 1)`. Which ratio gives the
# interval of independent experiments?


# %% tags=["exercise"]
def half_width(x, test_over_train):
    """Return half the width of the interval of the mean of x (J,)."""
    return ...


def by_gain(x, test_over_train):
    """Return what the verdict says of these differences on drawn data, for a ratio of 0, or real data."""
    name = "iris" if test_over_train else "toy"
    told = [{"dataset": name, "split": j, "method": "MAP", "prior": "fixed", "nll": value} for j, value in enumerate(x)]
    told += [row | {"method": "ensemble", "nll": 0.0} for row in told]
    return gain(told, "nll", name, "ensemble", "MAP").half


exercise_12_5 = check_function(
    "half the width",
    half_width,
    by_gain,
    draw=lambda rng: (rng.normal(size=rng.integers(4, 12)), rng.choice([1 / 3, 0])),
    mistakes={
        "as if splits were independent": lambda x, ratio: by_gain(x, 0),
        "the sum of squares over J, not over J - 1": lambda x, ratio: by_gain(x, ratio) * np.sqrt(1 - 1 / len(x)),
        "the whole width": lambda x, ratio: 2 * by_gain(x, ratio),
        "J degrees of freedom, not J - 1": lambda x, ratio: (
            by_gain(x, ratio) * student.ppf(0.975, len(x)) / student.ppf(0.975, len(x) - 1)
        ),
        "the variance without its root": lambda x, ratio: by_gain(x, ratio) ** 2 / student.ppf(0.975, len(x) - 1),
    },
)
print(exercise_12_5)

# %% [markdown]
# ### Derive 12.6: an average is no worse than its parts are on average (4 marks)
#
# Member $s$ of an ensemble gives the probability $p_s$ to the label that came true, and the ensemble the mean of these.
# Show that the NLL of the mean is at most the mean of the members' NLLs. Which property of the logarithm do you need?
# Show for two classes that the Brier score gains, too, and that the gain is the variance of the $p_s$. Why does neither
# say that the ensemble is better than each of its members? And why is it no contradiction that Laplace's average is
# worse than the MAP estimate on the wines?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 12.7: a report on your desk (3 marks)
#
# *We split the data fifty times at random, and chose each method's temperature on the test part. Our method's ECE is
# smaller than the ensemble's; a t-test of the fifty differences gives p = 0.001. So ours has the better
# probabilities.* Find three faults. Say of each in which direction it may mislead, and what you would ask for instead.

# %% [markdown]
# *Your answer:*
