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
# # 3. Forward and backward
#
# After this tutorial you can run a small network forward and backward by hand, say where each weight stands in the
# vector of all parameters, write down the Jacobian, and let finite differences judge a derivative of your own.
#
# - Passage of the post: *... to Bayesian Neural Networks*, *Build MLP*.
# - Modules: `network`, `checks`, `one_page`.
#
# All that Laplace needs of a network is its outputs and their derivatives in its parameters. These derivatives come
# from one recursion, which is short enough to be done in front of your eyes.

# %%
import inspect
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from minilaplace import MLP, BayesianModel, Gaussian, check_gradient, one_page
from minilaplace.checks import check_function
from minilaplace.network import ACTIVATIONS
from minilaplace.plotting import plot_network

plt.style.use("minilaplace.course")

# %% [markdown]
# ## Parameters in one vector
#
# The network: $D = 2$ inputs, one hidden layer of $H = 3$ *units*, the numbers that it computes, and $C = 2$
# outputs. A *layer* multiplies by a matrix of weights $W$, of shape (out, in), and adds a vector $b$ of *biases*, of
# shape (out,). All $P$ parameters live in one flat vector $\theta$: $W_1$ row by row, $b_1$, $W_2$ row by row, $b_2$.

# %%
network = MLP(2, 3, 2, activation="tanh")
P = network.n_params
assert P == 3 * 2 + 3 + 2 * 3 + 2
print(network, "has P =", P)

# %% [markdown]
# `layers` cuts the vector into its parts. Given the positions 0, 1, 2, ... instead of parameters, it shows the order.

# %%
for l, (W, b) in enumerate(network.layers(np.arange(P)), start=1):
    print(f"W_{l} at")
    print(W)
    print(f"b_{l} at {b}")

# %% [markdown]
# The parts are *views*: they share the memory of the vector. Write to a part, and the vector has changed.

# %%
blank = np.zeros(P)
(W_1, b_1), (W_2, b_2) = network.layers(blank)
b_1[:] = 7
print(blank)

# %% [markdown]
# ## Forward
#
# Four inputs, two targets for each, and parameters at random: nothing is trained in this tutorial.

# %%
rng = np.random.default_rng(0)
N = 4
X = rng.normal(size=(N, 2))  # (N, D)
y = rng.normal(size=(N, 2))  # (N, C)
theta = rng.normal(scale=0.8, size=P)
(W_1, b_1), (W_2, b_2) = network.layers(theta)

# %% [markdown]
# A layer computes $z_l = W_l a_{l-1} + b_l$ from what comes in, and the *activation*, here tanh, turns it into $a_l$: a
# curve applied to each number, without which all layers together would be a single linear map. The last layer has none,
# and its $z$ are the outputs $f$; the first one starts from $a_0$, the inputs. In the formula $a_{l-1}$ is a column. In
# the code samples are the rows of an array, and a row becomes the next one by the *transpose* of $W$ from the right:
# $a_{l-1}^\top W_l^\top = (W_l a_{l-1})^\top$.

# %%
a_0 = X  # (N, D)
z_1 = a_0 @ W_1.T + b_1  # (N, H)
a_1 = np.tanh(z_1)  # (N, H)
f = a_1 @ W_2.T + b_2  # (N, C)
assert np.allclose(f, network.forward(theta, X), rtol=1e-13)
print(f.round(3))

# %% [markdown]
# The library's `trace` does the same and remembers what the way back will need: what went into each layer, and what
# its linear map made of it.

# %%
trace = network.trace(theta, X)
assert np.allclose(trace.inputs[0], a_0)
assert np.allclose(trace.inputs[1], a_1)
assert np.allclose(trace.hidden[0], z_1)
print("inputs of the layers", [a.shape for a in trace.inputs], "before the activation", [z.shape for z in trace.hidden])

# %% [markdown]
# The same in `one_page.py`, where the activation is the sigmoid:


# %%
def lines_of(function, start, stop):
    """Return the lines of a function from the one that begins with `start` to the one that begins with `stop`."""
    lines = [line.strip() for line in inspect.getsource(function).splitlines()]
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    last = next(i for i, line in enumerate(lines) if i >= first and line.startswith(stop))
    return "\n".join(lines[first : last + 1])


print(lines_of(one_page.forward, "for W, b in", "a.append"))

# %% [markdown]
# ## Backward, on one sheet of paper
#
# Let a number depend on the outputs. What is its derivative in each parameter? Take the smallest network that has a
# hidden layer, with one input, one unit and one output, and parameters for which tanh is a fraction:
#
# - $x = 2$, $w_1 = 0.5$ and $b_1 = \log 2 - 1 = -0.307$, so $z = w_1 x + b_1 = \log 2 = 0.693$;
# - $a = \tanh z = (e^z - e^{-z}) / (e^z + e^{-z}) = (2 - \frac{1}{2}) / (2 + \frac{1}{2}) = 0.6$;
# - $w_2 = 2$ and $b_2 = -0.2$, so $f = w_2 a + b_2 = 1$.
#
# The number is half the squared distance to a target $y = 0.5$: it is $\frac{1}{2} (f - y)^2 = 0.125$. Now go back,
# from right to left, and ask at each place how fast the number changes when *this* value does. That is the *chain
# rule*: one factor for each connection on the way. Write $\delta_2$ for the derivative in $f$, and $\delta_1$ for that
# in $z$.
#
# - In $f$: $\delta_2 = f - y = 0.5$.
# - In $w_2$, which $f$ multiplies by $a$: $\delta_2\, a = 0.5 \cdot 0.6 = 0.3$. In $b_2$: $\delta_2 = 0.5$.
# - In $z$: through $w_2$ and through the slope of the activation, $\tanh'(z) = 1 - \tanh(z)^2 = 1 - 0.36 = 0.64$. So
#   $\delta_1 = \delta_2\, w_2 \tanh'(z) = 0.5 \cdot 2 \cdot 0.64 = 0.64$.
# - In $w_1$, which $z$ multiplies by $x$: $\delta_1\, x = 1.28$. In $b_1$: $\delta_1 = 0.64$.
#
# That is all of it: *the derivative in a weight is the delta where it leads to times the value where it comes from.*

# %%
tiny = MLP(1, 1, 1)
theta_tiny = np.array([0.5, np.log(2) - 1, 2.0, -0.2])  # w_1, b_1, w_2, b_2
fig, ax = plt.subplots(figsize=(6.4, 2.4))
texts = [
    ["$x = 2$"],
    ["$z = 0.693$\n$a = 0.6$\n$\\delta_1 = 0.64$"],
    ["$f = 1$\n$y = 0.5$\n$\\delta_2 = 0.5$"],
]
plot_network(tiny, theta_tiny, texts=texts, ax=ax)
for at, derivatives in [(1, "$w_1$: 1.28\n$b_1$: 0.64"), (3, "$w_2$: 0.3\n$b_2$: 0.5")]:
    ax.text(at, -0.12, derivatives, ha="center", va="top", color="C1")
ax.set(title="above the lines: weights; below, in orange: derivatives", ylim=(-1, 0.4))
plt.show()

# %% [markdown]
# The same in code, number by number, and by the library:

# %%
x_1, y_1 = 2.0, 0.5
weight_1, bias_1, weight_2, bias_2 = theta_tiny
z = weight_1 * x_1 + bias_1
a = np.tanh(z)
f_1 = weight_2 * a + bias_2
delta_2 = f_1 - y_1
delta_1 = delta_2 * weight_2 * (1 - a**2)
on_paper = np.array([delta_1 * x_1, delta_1, delta_2 * a, delta_2])
print("z, a, f:", np.array([z, a, f_1]).round(3), " derivatives:", on_paper.round(3))
assert np.allclose([z, a, f_1, (f_1 - y_1) ** 2 / 2], [np.log(2), 0.6, 1, 0.125])
assert np.allclose(on_paper, [1.28, 0.64, 0.3, 0.5])
assert np.allclose(on_paper, tiny.backward(theta_tiny, np.array([[x_1]]), np.array([[f_1 - y_1]])))

# %% [markdown]
# ## Backward
#
# Wider layers have more ways back, and the ways add up; more samples add up, too. Back to the network with three units.
# Let a number depend on the outputs, with derivative $G_{nc}$ in $f_{nc}$, output $c$ of sample $n$, and write
# $\delta_l$ for the derivative in $z_l$, of shape (N, units of layer l):
#
# $$\delta_2 = G, \qquad \delta_1 = (\delta_2 W_2) \cdot \tanh'(z_1), \qquad \tanh'(z) = 1 - \tanh(z)^2 .$$
#
# The product with $\tanh'$ is taken entry by entry. Rows went forward by $W^\top$, and go back by $W$; columns would go
# forward by $W$ and back by $W^\top$. As an example of such a number take again half the squared distance to the
# targets, summed: then $G = f - y$.
#
# > **Common mistake.** The slope belongs to the *z* of its own layer. `1 - a_1**2` is $\tanh'(z_1)$ because
# > $a_1 = \tanh(z_1)$; `1 - np.tanh(a_1)**2` is the slope at another place, and `a_1 * (1 - a_1)` that of another
# > activation, the sigmoid. All three run, and have the same shape.

# %%
G = f - y  # (N, C)
delta_2 = G
delta_1 = (delta_2 @ W_2) * (1 - a_1**2)  # (N, H)

# %% [markdown]
# From there it is one step to the parameters. $z_l = W_l a_{l-1} + b_l$, so the derivative in a weight is the delta of
# the unit that it leads to, times the activation that it comes from; in a bias it is the delta alone. The samples'
# contributions add up: for the weights, that sum is a matrix product.

# %%
W_2_grad, b_2_grad = delta_2.T @ a_1, delta_2.sum(axis=0)  # (C, H), (C,)
W_1_grad, b_1_grad = delta_1.T @ a_0, delta_1.sum(axis=0)  # (H, D), (H,)
by_hand = np.concatenate([W_1_grad.ravel(), b_1_grad, W_2_grad.ravel(), b_2_grad])  # (P,) in the order of theta
assert np.allclose(by_hand, network.backward(theta, X, G), rtol=1e-12)
print("by hand and by the library:", by_hand[:4].round(3), "...")

# %% [markdown]
# That was *back-propagation* (Rumelhart, Hinton and Williams, 1986). The library starts from the trace, makes the same
# deltas, and multiplies them alike. So does `one_page.jacobian`, which goes back from $\delta = 1$ at its one output
# and keeps a row for each sample in place of the sum:

# %%
deltas = trace.deltas(G)
assert np.allclose(deltas[0], delta_1)
assert np.allclose(deltas[1], delta_2)
assert np.allclose(trace.backward(G), by_hand)
assert np.allclose(trace.slope(0), 1 - a_1**2)
print("deltas of the layers:", [delta.shape for delta in deltas])
print(lines_of(one_page.jacobian, "for (W, _), a_in", "delta = (delta @ W)"))

# %% [markdown]
# ## The Jacobian
#
# `backward` gives one number's derivative. The *Jacobian* $J_n = \partial f_n / \partial \theta$ of a sample has those
# of all its outputs, of shape $(C, P)$, and for all samples $(N, C, P)$. Each of its rows is a backward pass that
# starts from a $G$ with a 1 for this output of this sample, and zeros elsewhere.

# %%
J = np.zeros((N, 2, P))
for n in range(N):
    for c in range(2):
        one = np.zeros((N, 2))
        one[n, c] = 1
        J[n, c] = network.backward(theta, X, one)
assert np.allclose(J, network.jacobian(theta, X), rtol=1e-12)
print("Jacobian:", J.shape)

# %% [markdown]
# The other way round, a backward pass is a sum over the Jacobian's rows, $\sum_n J_n^\top G_n$, hence its other name,
# *vector-Jacobian product*. And a row has structure: its part for $W_1$ is the product of every delta with every input.

# %%
assert np.allclose(np.einsum("ncp,nc->p", J, G), by_hand, rtol=1e-12)
n, c = 2, 1
delta_of_output = W_2[c] * (1 - a_1[n] ** 2)  # (H,) derivative of f_nc in z_1
assert np.allclose(J[n, c, :6].reshape(3, 2), np.outer(delta_of_output, X[n]), rtol=1e-12)
print("six numbers for W_1, made from", len(delta_of_output), "deltas and", len(X[n]), "inputs")

# %% [markdown]
# > **Predict first.** The picture below has a row for each output of each sample, and a column for each parameter.
# > Which squares must be zero, whatever the numbers are? And which must be 1?
#
# <details><summary>Answer</summary>
#
# An output does not depend on the weights and the bias that lead to the other output: half of the columns of $W_2$ and
# of $b_2$. In its own bias the derivative is 1.
#
# </details>

# %%
fig, ax = plt.subplots(figsize=(7.5, 4))
size = np.abs(J).max()
rows = np.ma.masked_equal(J.reshape(-1, P), 0)
image = ax.imshow(rows, cmap=plt.get_cmap("RdBu_r").with_extremes(bad="0.75"), vmin=-size, vmax=size)
for edge in (5.5, 8.5, 14.5):
    ax.axvline(edge, color="black", linewidth=1)
ax.set_xticks([2.5, 7, 11.5, 15.5], ["$W_1$", "$b_1$", "$W_2$", "$b_2$"])
ax.set_yticks(range(2 * N), [f"n = {n}, c = {c}" for n in range(N) for c in range(2)], fontsize=10)
ax.set(title="the rows of the Jacobian; grey: exactly zero")
ax.grid(False)
fig.colorbar(image, label="derivative", shrink=0.8)
plt.show()

# %%
zero = J.reshape(-1, P) == 0
assert zero.sum() == 2 * N * 4  # three weights and a bias of the other output, for each output of each sample
assert zero[:, :9].sum() == 0
assert (J[:, [0, 1], [15, 16]] == 1).all()
print(f"{zero.sum()} of {zero.size} squares are exactly zero, all of them in W_2 and b_2")

# %% [markdown]
# ## Is it right?
#
# A `BayesianModel` puts the pieces together: its gradient is the likelihood's derivative in the outputs, pulled back
# through the network, plus the prior's part. With `Gaussian()`, targets with noise of standard deviation 1, a sample's
# *nll*, its negative log-likelihood, is half the squared distance plus a constant, and its derivative the $f - y$ from
# above. (The *loss* is the nll of all samples and the prior's part.)

# %%
model = BayesianModel(network, Gaussian(), prior_precision=0.1)
assert np.allclose(model.gradient(theta, X, y), by_hand + 0.1 * theta, rtol=1e-12)

# %% [markdown]
# A derivative can be checked without knowing where it came from: move one parameter a little, and see how the function
# changes. `check_gradient` does that for every parameter.


# %%
def nll(t):
    """Return the summed negative log-likelihood."""
    return model.likelihood.nll(network.forward(t, X), y).sum()


def right(t):
    """Return its gradient."""
    return network.backward(t, X, network.forward(t, X) - y)


check = check_gradient(nll, right, theta)
assert check
print("right:", bool(check))

# %% [markdown]
# Now plant two mistakes that everybody makes once: a factor 2, from a square that had a one half before it, and a
# forgotten $\tanh'$.


# %%
def twice(t):
    """Return what one gets for a square without its one half."""
    return 2 * right(t)


def without_slope(t):
    """Return what one gets without the derivative of the activation."""
    trace = network.trace(t, X)
    delta_2 = trace.output - y
    delta_1 = delta_2 @ trace.weights[1]  # times trace.slope(0) is missing
    parts = [(delta_1, trace.inputs[0]), (delta_2, trace.inputs[1])]
    return np.concatenate([part for d, a in parts for part in ((d.T @ a).ravel(), d.sum(axis=0))])


check_twice = check_gradient(nll, twice, theta)
check_slope = check_gradient(nll, without_slope, theta)
assert not check_twice
assert not check_slope
print("twice: received / expected =", round(check_twice.received / check_twice.expected, 6))
print("twice:", check_twice.message.split("; ")[1])
print("without slope:", re.sub(r" .reference error .*?[)]", "", check_slope.message))

# %% [markdown]
# A check names the worst entry, what finite differences expect there and what was received. Printed in full it also
# says how well the expected value is known, the *reference error*. If the ratio of the two is a telling one, the
# message adds what that usually means: here every entry is twice what it should be. In the second case the place tells:
# the worst entry belongs to the first layer, and all those of the second are right. So look between the two.

# %%
worst = check_slope.index[0]
assert check_twice.message.endswith("a missing factor 1/2?")
assert worst < 6
assert np.allclose(without_slope(theta)[9:], right(theta)[9:], rtol=1e-12)
print(f"entry {worst} is in W_1; b_1 starts at 6, W_2 at 9")

# %% [markdown]
# ## The best step
#
# Why not simply use $(L(\theta + h) - L(\theta)) / h$ with a tiny $h$, where $L$ is the nll? Because two errors
# compete. The *truncation error*, by which the formula itself is wrong, shrinks with $h$. But the function's values are
# only accurate to *rounding*, a relative $\epsilon \approx 2 \cdot 10^{-16}$, and the quotient divides that by $h$. The
# *central* difference $(L(\theta + h) - L(\theta - h)) / 2h$ has a truncation error that goes like $h^2$ instead of
# $h$.
#
# > **Predict first.** A rounding error of $\epsilon / h$ and a truncation error of about $h$, or $h^2$: where is each
# > least in total, and how small is it there?
#
# <details><summary>Answer</summary>
#
# Where the two are of one size: $h \approx \sqrt\epsilon \approx 10^{-8}$ for the forward difference, with an error of
# that size; $h \approx \epsilon^{1/3} \approx 10^{-5}$ for the central one, with an error of $h^2 \approx 10^{-10}$. So
# half of the digits, or two thirds of them.
#
# </details>

# %%
steps = np.logspace(-15, 0, 61)
e = np.zeros(P)
e[0] = 1  # along the first weight
exact = right(theta)[0]
forward = np.array([(nll(theta + h * e) - nll(theta)) / h for h in steps])
central = np.array([(nll(theta + h * e) - nll(theta - h * e)) / (2 * h) for h in steps])
error_forward, error_central = np.abs(forward / exact - 1), np.abs(central / exact - 1)

# %%
large = (steps > 1e-3) & (steps < 1e-1)
slope_forward = np.polyfit(np.log(steps[large]), np.log(error_forward[large]), 1)[0]
slope_central = np.polyfit(np.log(steps[large]), np.log(error_central[large]), 1)[0]
assert round(slope_forward) == 1
assert round(slope_central) == 2
print("for large steps the error goes like h to the power", round(slope_forward), "and", round(slope_central))

# %%
fig, ax = plt.subplots()
ax.loglog(steps, error_forward + 1e-17, ".-", linewidth=1, label="forward difference")
ax.loglog(steps, error_central + 1e-17, ".-", linewidth=1, label="central difference")
ax.loglog(steps, np.finfo(float).eps / steps, color="0.5", linestyle=":", label=r"$\epsilon / h$")
ax.set(xlabel="step $h$", ylabel="relative error of the derivative", ylim=(1e-13, 10))
ax.legend()
plt.show()

# %% [markdown]
# On the right is truncation: the steeper line is the central difference's. On the left is rounding, for both parallel
# to $\epsilon / h$, and above it, because the nll is sixty times as large as its derivative here. Each has its best
# step where the two meet, and it is not the smallest one.

# %%
best_forward, best_central = steps[error_forward.argmin()], steps[error_central.argmin()]
assert 1e-9 < best_forward < 1e-5
assert 1e-7 < best_central < 1e-3
assert error_central.min() < 0.1 * error_forward.min()
assert 1e-9 < error_forward.min() < 1e-7
assert 1e-11 < error_central.min() < 1e-9
assert round(abs(nll(theta) / exact), -1) == 60
assert error_forward[steps < 1e-14].max() > 0.1
near_1e12 = np.abs(np.log10(steps) + 12) < 0.6
assert 1e-3 < np.median(error_forward[near_1e12]) < 1e-2
print("best step, forward: between 1e-9 and 1e-5; central: between 1e-7 and 1e-3, and at least ten times as accurate")

# %% [markdown]
# `check_gradient` extrapolates central differences at steps $h, h/2, h/4, \dots$ to $h = 0$. The truncation error of
# the result goes like $h^{10}$ at best, so that its steps can be large and rounding hurts little. It estimates its own
# error, from the change between one step and the next and from the noise of narrower steps, and calls nothing wrong
# that is off by less.
#
# Differences are for checking. Central ones need two forward passes for each of the $P$ parameters. Back-propagation
# gives all $P$ derivatives for about the price of three: the way forward is one matrix product in each layer, and the
# way back two, one for the deltas and one for the weights.
#
# > **Common mistake.** To take $h = 10^{-12}$, "to be on the safe side". The quotient then has two or three correct
# > digits, and a right derivative looks wrong.
#
# ## Summary
#
# - All parameters are one vector $\theta$: $W_1$ row by row, $b_1$, $W_2$, $b_2$, ...; `layers` shows its parts.
# - Forward: $z_l = W_l a_{l-1} + b_l$, $a_l = \mathrm{act}(z_l)$. Backward:
#   $\delta_{l} = (\delta_{l+1} W_{l+1}) \cdot \mathrm{act}'(z_l)$, starting from $G$ at the outputs.
# - The derivative in $W_l$ is $\delta_l$ times $a_{l-1}$, in $b_l$ it is $\delta_l$.
# - The Jacobian $J$, $(N, C, P)$, holds the derivatives of all outputs; `backward` gives $\sum_n J_n^\top G_n$
#   without it.
# - A finite difference has a best step, between truncation and rounding; `check_gradient` knows its own error.
#
# *Read on*: Rumelhart, Hinton and Williams (1986), three pages; Bishop (2006), section 5.3, with the Jacobian in 5.3.4;
# Baydin et al. (2018), section 3, for the forward and the reverse mode of what frameworks do automatically. Addresses
# are in the [references](references.md).
#
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not. Some of the exercises
# are about `deep`, which has two hidden layers and the sigmoid, $1 / (1 + e^{-z})$, for its activation, and one is
# about `suspicious`, somebody's gradient of `nll_soft`, the nll of a network with the activation *softplus*, $\log(1 +
# e^z)$.

# %%
deep = MLP(2, 4, 3, 1, activation="sigmoid")
soft = MLP(2, 3, 2, activation="softplus")


def nll_soft(t):
    """Return half the squared distance of the outputs of `soft` to the targets, summed."""
    return 0.5 * np.sum((soft.forward(t, X) - y) ** 2)


def suspicious(t):
    """Return somebody's gradient of `nll_soft`, (17,)."""
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    a_1 = np.logaddexp(0, X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) * a_1 * (1 - a_1)
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


assert not check_gradient(nll_soft, suspicious, theta)

# %% [markdown]
# ### Exercise 3.1: where is it?
#
# A network has $D$ inputs, one hidden layer of $H$ units and $C$ outputs. At which position of `theta` stands
# $W_2[c, h]$, the weight from hidden unit $h$ to output $c$, if both are counted from 0?


# %% tags=["exercise"]
def position(D, H, C, c, h):
    """Return the position of W_2[c, h] in theta, a whole number."""
    return ...


def by_its_views(D, H, C, c, h):
    """Return the position, from the views of the positions themselves."""
    sizes = MLP(int(D), int(H), int(C))
    return sizes.layers(np.arange(sizes.n_params))[1][0][c, h]


def some_weight(rng):
    """Return sizes of a network, an output and a hidden unit."""
    D, H, C = rng.integers(2, 7, size=3)
    return D, H, C, rng.integers(C), rng.integers(H)


exercise_3_1 = check_function(
    "position",
    position,
    by_its_views,
    draw=some_weight,
    mistakes={
        "b_1 is forgotten": lambda D, H, C, c, h: by_its_views(D, H, C, c, h) - H,
        "counted from 1": lambda D, H, C, c, h: by_its_views(D, H, C, c, h) + 1,
        "rows of D numbers, as in W_1": lambda D, H, C, c, h: by_its_views(D, H, C, 0, 0) + c * D + h,
        "column by column": lambda D, H, C, c, h: by_its_views(D, H, C, 0, 0) + h * C + c,
        "W_2 alone, not theta": lambda D, H, C, c, h: by_its_views(D, H, C, c, h) - by_its_views(D, H, C, 0, 0),
    },
)
print(exercise_3_1)

# %% [markdown]
# ### Exercise 3.2: a deeper forward pass
#
# Write the forward pass of `deep` as a loop over `deep.layers(theta)`; mind that the last layer has no activation.


# %% tags=["exercise"]
def my_forward(theta, X):
    """Return the outputs of `deep`, (N, 1)."""
    return ...


def some_inputs(rng):
    """Return parameters of `deep` and some inputs."""
    return rng.normal(size=deep.n_params), rng.normal(size=(rng.integers(2, 6), 2))


def without_biases(theta):
    """Return the parameters of `deep` with all biases zero."""
    return np.concatenate([part.ravel() for W, b in deep.layers(theta) for part in (W, 0 * b)])


exercise_3_2 = check_function(
    "outputs",
    my_forward,
    deep.forward,
    draw=some_inputs,
    mistakes={
        "an activation after the last layer": lambda theta, X: 1 / (1 + np.exp(-deep.forward(theta, X))),
        "the biases are missing": lambda theta, X: deep.forward(without_biases(theta), X),
        "no activation at all": MLP(*deep.sizes, activation="identity").forward,
        "tanh in place of the sigmoid": MLP(*deep.sizes, activation="tanh").forward,
    },
)
print(exercise_3_2)

# %% [markdown]
# ### Exercise 3.3: a deeper backward pass
#
# The same network, backward: from the outputs to the inputs, one layer after the other. `deep.trace(theta, X)` has the
# `inputs` $a_0, a_1, a_2$ of the layers and their `weights`; the derivative of the sigmoid is $a (1 - a)$.


# %% tags=["exercise"]
def my_backward(theta, X, G):
    """Return the derivative of the sum of G * outputs in theta, (P,), in the order of theta."""
    return ...


def some_derivative(rng):
    """Return parameters of `deep`, five inputs, and a G (5, 1)."""
    return rng.normal(size=deep.n_params), rng.normal(size=(5, 2)), rng.normal(size=(5, 1))


def parts_of(theta, X, G):
    """Return the derivative in the parts of theta: W_1, b_1, W_2, ..., each flat."""
    return [part.ravel() for layer in deep.layers(deep.backward(theta, X, G)) for part in layer]


def without_slopes(theta, X, G):
    """Return what comes out if the activation's derivative is left away."""
    return replace(deep.trace(theta, X), act=ACTIVATIONS["identity"]).backward(G)


exercise_3_3 = check_function(
    "derivative",
    my_backward,
    deep.backward,
    draw=some_derivative,
    mistakes={
        "the activation's slope is missing": without_slopes,
        "the last layer first": lambda theta, X, G: np.concatenate(
            [part for l in (4, 2, 0) for part in parts_of(theta, X, G)[l : l + 2]]
        ),
        "a mean over the samples in place of the sum": lambda theta, X, G: deep.backward(theta, X, G) / len(X),
    },
)
print(exercise_3_3)

# %% [markdown]
# ### Exercise 3.4: find the bug
#
# `suspicious` is meant to be the gradient of `nll_soft`. It runs, its shape is right, and it is wrong. Let
# `print(check_gradient(nll_soft, suspicious, theta))` tell you where, then write `repaired`. The check here compares it
# with central differences, at other parameters and to five digits.


# %% tags=["exercise"]
def repaired(t):
    """Return the gradient of `nll_soft`, (17,)."""
    return ...


def by_differences(t, h=1e-5):
    """Return the gradient by central differences."""
    return np.array([(nll_soft(t + h * e) - nll_soft(t - h * e)) / (2 * h) for e in np.eye(len(t))])


exercise_3_4 = check_function(
    "gradient",
    repaired,
    by_differences,
    draw=lambda rng: rng.normal(size=soft.n_params),
    rtol=1e-5,
    mistakes={
        "nothing is repaired": suspicious,
        "no slope at all": lambda t: replace(soft.trace(t, X), act=ACTIVATIONS["identity"]).backward(
            soft.forward(t, X) - y
        ),
        "the slope of tanh": lambda t: replace(soft.trace(t, X), act=ACTIVATIONS["tanh"]).backward(
            soft.forward(t, X) - y
        ),
    },
)
print(exercise_3_4)

# %% [markdown]
# ### Exercise 3.5: forwards, for once
#
# If the parameters move in a direction $v$, how fast do the outputs move? That is $J_n v$, and it needs no Jacobian:
# push the motion through the first network of this tutorial together with the values. With $\dot{W}_l, \dot{b}_l$ the
# parts of $v$, the motion of $z_l$ is $\dot{z}_l = \dot{W}_l a_{l-1} + W_l \dot{a}_{l-1} + \dot{b}_l$, and
# $\dot{a}_l = \tanh'(z_l) \cdot \dot{z}_l$.


# %% tags=["exercise"]
def motion(theta, X, v):
    """Return how fast the outputs of `network` move when theta moves by v (P,), (N, C)."""
    return ...


def some_motion(rng):
    """Return parameters, some inputs, and a direction (P,)."""
    return rng.normal(size=P), rng.normal(size=(rng.integers(2, 6), 2)), rng.normal(size=P)


def only(*kept):
    """Return 1 for the parameters that are kept of W_1 (0), b_1 (1), W_2 (2), b_2 (3), and 0 for the others."""
    return np.repeat([float(k in kept) for k in range(4)], [6, 3, 6, 2])


exercise_3_5 = check_function(
    "motion of the outputs",
    motion,
    lambda theta, X, v: network.jacobian(theta, X) @ v,
    draw=some_motion,
    rtol=1e-6,
    mistakes={
        "a step of length 1, not a rate": lambda theta, X, v: network.forward(theta + v, X) - network.forward(theta, X),
        "the hidden units do not move": lambda theta, X, v: network.jacobian(theta, X) @ (v * only(2, 3)),
        "W_2 does not move": lambda theta, X, v: network.jacobian(theta, X) @ (v * only(0, 1, 3)),
        "the biases do not move": lambda theta, X, v: network.jacobian(theta, X) @ (v * only(0, 2)),
    },
)
print(exercise_3_5)

# %% [markdown]
# ### Derive 3.6: back-propagation, with all its indices (4 marks)
#
# A layer $l < L$ has $z_{l,j}$, and the next one $z_{l+1,k} = \sum_j W_{l+1,kj}\, \mathrm{act}(z_{l,j}) + b_{l+1,k}$.
# With $\delta_{l,j}$ for the derivative of a number in $z_{l,j}$, one sample at a time, derive
# $\delta_l = (\delta_{l+1} W_{l+1}) \cdot \mathrm{act}'(z_l)$ and, for all samples, the matrix of derivatives in $W_l$.

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ### Explain 3.7: training by differences (3 marks)
#
# A friend trains a network of a thousand parameters by gradients from forward differences with $h = 10^{-12}$: "no
# formulas, no bugs". What do you say of the time, of the digits, and of what differences are good for?

# %% [markdown]
# *Your answer:*
