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
# # Gaussian-process classification
#
# Scikit-learn's example of a Gaussian-process classifier draws fifty points on a line, those above 2.5 of class 1, and
# gives the latent function the covariance $\exp(-(x - x')^2 / 2)$. Its classifier approximates the posterior of the
# latent function by Laplace's method, algorithm 3.1 of Rasmussen and Williams, and prints a log marginal likelihood of
# -17.598, and on the training data an accuracy of 1 and a log loss of .214.
#
# The same model is a logistic regression. Where $K = L L^T$, the latent function at the training points is $L w$ with
# $w \sim \mathcal{N}(0, I)$, so the rows of $L$ are the inputs of a network without hidden units, whose bias is held at
# 0 by a prior of nearly no width. Laplace's approximation does not depend on the coordinates, so the evidence is the
# same number, from code that knows nothing of Gaussian processes. One sees the probability level off at one half away
# from the data, as the source's picture shows for these hyperparameters.
#
# Source: scikit-learn, [*Probabilistic predictions with Gaussian process
# classification*](https://scikit-learn.org/stable/auto_examples/gaussian_process/plot_gpc.html), where the numbers are
# printed; Rasmussen and Williams (2006), [*Gaussian Processes for Machine
# Learning*](https://gaussianprocess.org/gpml/), sections 3.4 and 3.5.

# %%
import matplotlib.pyplot as plt
import numpy as np
from claims import number, report
from scipy.linalg import cholesky, solve_triangular
from sklearn.gaussian_process.kernels import RBF

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map
from minilaplace.calibration import accuracy, negative_log_likelihood

plt.style.use("minilaplace.course")

# %%
x = np.random.RandomState(0).uniform(0, 5, 100)[:50, None]  # the source draws 100 and trains on 50
y = (x[:, 0] > 2.5).astype(int)
kernel, N = RBF(1.0), len(x)
L = cholesky(kernel(x) + 1e-10 * np.eye(N), lower=True)  # (N, N)
prior = np.append(np.ones(N), 1e10)  # of w, and of a bias that is held at 0
model = BayesianModel(MLP(N, 1), Bernoulli(), prior_precision=prior)
la = Laplace(model, fit_map(model, L, y, theta0=np.zeros(N + 1))).fit(L, y)
p = la.predict(L, "quadrature")
print(f"log evidence {la.log_marginal_likelihood():.5f}")

# %% mystnb={"image": {"alt": "P(y = 1) is a smooth step at 2.5 that returns to one half away from the data"}}
line = np.linspace(-2, 7, 181)[:, None]
rows = solve_triangular(L, kernel(x, line), lower=True).T  # (M, N): at the training points, these are the rows of L
fig, ax = plt.subplots()
ax.plot(line, la.predict(rows, "quadrature"), label="Laplace")
ax.plot(x, y, ".", color="black", label="training data")
ax.axhline(0.5, color="gray", linewidth=0.8)
ax.set(xlabel="x", ylabel="P(y = 1)")
ax.legend(loc="lower right")
plt.show()

# %%
report(
    [
        number("log evidence by Laplace", "-17.598", la.log_marginal_likelihood()),
        number("log loss on the training data", "0.214", negative_log_likelihood(p, y)),
        number("accuracy on the training data", "1.000", accuracy(p, y)),
    ]
)
