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
# - Modules: `network`, `checks`.
#
# Everything that Laplace needs of a network are derivatives of its outputs in its parameters. They all come from one
# recursion, which is short enough to be done in front of your eyes.

# %%
import re

import matplotlib.pyplot as plt
import numpy as np

from minilaplace import MLP, BayesianModel, Gaussian, check_gradient
from minilaplace.checks import check_equal

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
# A layer makes $z_l = W_l a_{l-1} + b_l$ of what comes in, and the *activation*, here tanh, makes $a_l$ of it: a curve
# applied to each number, without which all layers together would be a single linear map. The last layer has none, and
# its $z$ are the outputs $f$. Samples are the rows of $X$, so $W$ is applied from the right.

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
# ## Backward
#
# Let a number depend on the outputs, with derivative $G_{nc}$ in $f_{nc}$, output $c$ of sample $n$. What is its
# derivative in each parameter? The *chain rule* answers layer by layer, from the outputs back. Write $\delta_l$ for the
# derivative in $z_l$, of shape (N, units of layer l):
#
# $$\delta_2 = G, \qquad \delta_1 = (\delta_2 W_2) \cdot \tanh'(z_1), \qquad \tanh'(z) = 1 - \tanh(z)^2 .$$
#
# The product with $\tanh'$ is taken entry by entry. A layer multiplies by $W$ on the way forward, and by $W$ transposed
# on the way back. As an example of such a number take half the squared distance to the targets, summed: then
# $G = f - y$.

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
# That was *back-propagation*. The library starts from the trace, makes the same deltas, and multiplies them alike.

# %%
deltas = trace.deltas(G)
assert np.allclose(deltas[0], delta_1)
assert np.allclose(deltas[1], delta_2)
assert np.allclose(trace.backward(G), by_hand)
assert np.allclose(trace.slope(0), 1 - a_1**2)
print("deltas of the layers:", [delta.shape for delta in deltas])

# %% [markdown]
# ## The Jacobian
#
# `backward` gives one number's derivative. The *Jacobian* $J_n = \partial f_n / \partial \theta$ of a sample has those
# of all its outputs, of shape $(C, P)$, and for all samples $(N, C, P)$. Each of its rows is a backward pass that
# starts from a single one.

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

# %%
fig, ax = plt.subplots(figsize=(6, 3.6))
size = np.abs(J).max()
image = ax.imshow(J.reshape(-1, P), cmap="RdBu_r", vmin=-size, vmax=size)
for edge in (5.5, 8.5, 14.5):
    ax.axvline(edge, color="black", linewidth=1)
ax.set_xticks([2.5, 7, 11.5, 15.5], ["$W_1$", "$b_1$", "$W_2$", "$b_2$"])
ax.set_yticks(range(2 * N), [f"n = {n}, c = {c}" for n in range(N) for c in range(2)], fontsize=8)
ax.set(title="the rows of the Jacobian")
ax.grid(False)
fig.colorbar(image, label="derivative", shrink=0.8)
plt.show()

# %% [markdown]
# White squares are zeros: an output does not depend on the other output's weights. In $b_2$ the derivative is 1.
#
# ## Is it right?
#
# A `BayesianModel` puts the pieces together: its gradient is the likelihood's derivative in the outputs, pulled back
# through the network, plus the prior's part. With `Gaussian()`, targets with noise of standard deviation 1, the
# likelihood's derivative is the $f - y$ from above.

# %%
model = BayesianModel(network, Gaussian(), prior_precision=0.1)
assert np.allclose(model.gradient(theta, X, y), by_hand + 0.1 * theta, rtol=1e-12)

# %% [markdown]
# A derivative can be checked without knowing where it came from: move one parameter a little, and see how the function
# changes. `check_gradient` does that for every parameter.


# %%
def loss(t):
    """Return the loss without its prior."""
    return model.likelihood.nll(network.forward(t, X), y).sum()


def right(t):
    """Return its gradient."""
    return network.backward(t, X, network.forward(t, X) - y)


check = check_gradient(loss, right, theta)
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


check_twice = check_gradient(loss, twice, theta)
check_slope = check_gradient(loss, without_slope, theta)
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
# Why not simply use $(L(\theta + h) - L(\theta)) / h$ with a tiny $h$, where $L$ is the loss? Because two errors
# compete. The *truncation error*, by which the formula itself is wrong, shrinks with $h$. But the function's values are
# only accurate to *rounding*, a relative $\epsilon \approx 2 \cdot 10^{-16}$, and the quotient divides that by $h$.
# The *central* difference $(L(\theta + h) - L(\theta - h)) / 2h$ has a truncation error that goes like $h^2$
# instead of $h$.

# %%
steps = np.logspace(-15, 0, 61)
e = np.zeros(P)
e[0] = 1  # along the first weight
exact = right(theta)[0]
forward = np.array([(loss(theta + h * e) - loss(theta)) / h for h in steps])
central = np.array([(loss(theta + h * e) - loss(theta - h * e)) / (2 * h) for h in steps])
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
# From the right, truncation: the steeper line is the central difference's. From the left, rounding, along
# $\epsilon / h$ for both. Each has its best step where the two meet, and it is not the smallest one.

# %%
best_forward, best_central = steps[error_forward.argmin()], steps[error_central.argmin()]
assert 1e-9 < best_forward < 1e-5
assert 1e-7 < best_central < 1e-3
assert error_central.min() < 0.1 * error_forward.min()
assert error_forward[steps < 1e-14].max() > 0.1
print("best step, forward: between 1e-9 and 1e-5; central: between 1e-7 and 1e-3, and at least ten times as accurate")

# %% [markdown]
# `check_gradient` extrapolates central differences at steps $h, h/2, h/4, \dots$ to $h = 0$. The truncation error of
# the result goes like $h^{10}$ at best, so that its steps can be large and rounding hurts little. The change from one
# step to the next, and the noise of narrower steps, it takes for its own error; what is wrong by less than that error
# it does not call wrong.
#
# Differences are for checking. Central ones need two forward passes for each of the $P$ parameters; one forward and one
# backward pass give all $P$ derivatives, for about the price of three forward passes.
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
# ## Exercises
#
# Replace each `...` and run the cell: the check at its end says what is right and what is not. Some of the exercises
# are about the following network, which has two hidden layers and the sigmoid, $1 / (1 + e^{-z})$, for its activation,
# and one is about `suspicious`, somebody's gradient of `loss`.

# %%
deep = MLP(2, 4, 3, 1, activation="sigmoid")
theta_deep = np.random.default_rng(1).normal(size=deep.n_params)
ones = np.ones((N, 1))


def suspicious(t):
    """Return somebody's gradient of `loss`, (17,)."""
    (W_1, b_1), (W_2, b_2) = network.layers(t)
    a_1 = np.tanh(X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) * a_1 * (1 - a_1)
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


assert not check_gradient(loss, suspicious, theta)

# %% [markdown]
# ### Exercise 3.1: where is it?
#
# At which position of `theta` stands $W_2[1, 2]$, the weight from the last hidden unit (units count from 0) to the last
# output? Work it out from the sizes $D$, $H$ and $C$.

# %% tags=["exercise"]
D, H, C = network.sizes
position = ...

exercise_3_1 = check_equal("position of W_2[1, 2]", position, network.layers(np.arange(P))[1][0][1, 2])
print(exercise_3_1)

# %% [markdown]
# ### Exercise 3.2: a deeper forward pass
#
# Write the forward pass of `deep` as a loop over `deep.layers(theta)`; mind that the last layer has no activation.


# %% tags=["exercise"]
def my_forward(theta, X):
    """Return the outputs of `deep`, (N, 1)."""
    return ...


exercise_3_2 = check_equal("outputs", my_forward(theta_deep, X), deep.forward(theta_deep, X))
print(exercise_3_2)

# %% [markdown]
# ### Exercise 3.3: a deeper backward pass
#
# The same network, backward: from the outputs to the inputs, one layer after the other. `deep.trace(theta, X)` has the
# `inputs` $a_0, a_1, a_2$ of the layers and their `weights`; the derivative of the sigmoid is $a (1 - a)$. The check
# differentiates the sum of all outputs, so there $G$ is all ones.


# %% tags=["exercise"]
def my_backward(theta, X, G):
    """Return the derivative of the sum of G * outputs in theta, (P,), in the order of theta."""
    return ...


exercise_3_3 = check_gradient(lambda t: deep.forward(t, X).sum(), lambda t: my_backward(t, X, ones), theta_deep)
print(exercise_3_3)

# %% [markdown]
# ### Exercise 3.4: find the bug
#
# `suspicious` is meant to be the gradient of `loss` for the first network of this tutorial. It runs, its shape is
# right, and it is wrong. Let `print(check_gradient(loss, suspicious, theta))` tell you where, then write `repaired`.


# %% tags=["exercise"]
def repaired(t):
    """Return the gradient of `loss`, (17,)."""
    return ...


exercise_3_4 = check_gradient(loss, repaired, theta)
print(exercise_3_4)

# %% [markdown]
# ### Exercise 3.5: forwards, for once
#
# If the parameters move in a direction $v$, how fast do the outputs move? That is $J_n v$, and it needs no Jacobian:
# push the motion through the network together with the values. With $\dot{W}_l, \dot{b}_l$ the parts of $v$, the
# motion of $z_l$ is $\dot{z}_l = \dot{W}_l a_{l-1} + W_l \dot{a}_{l-1} + \dot{b}_l$, and
# $\dot{a}_l = \tanh'(z_l) \cdot \dot{z}_l$.

# %% tags=["exercise"]
v = np.random.default_rng(2).normal(size=P)
(W_1, b_1), (W_2, b_2) = network.layers(theta)
(W_1_dot, b_1_dot), (W_2_dot, b_2_dot) = network.layers(v)
motion = ...  # (N, C)

exercise_3_5 = check_equal("motion of the outputs", motion, network.jacobian(theta, X) @ v)
print(exercise_3_5)
