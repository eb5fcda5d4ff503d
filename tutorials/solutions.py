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

# %% 1.1
curvature = ggn(model, theta, X, y)  # (P, P)
J = model.network.jacobian(theta, centres)[:, 0]  # (4, P)
precision = curvature + model.prior_precision * np.eye(model.network.n_params)
variances = (J * np.linalg.solve(precision, J.T).T).sum(axis=1)

# %% 1.2
agreeing_lambda = 1 / len(X_linear)  # N lambda^2 = lambda; so the second listing, with 100 samples, is right

root = brentq(lambda lam: len(X_linear) * lam**2 - lam, 1e-4, 1)

# %% 1.3
d = np.array([0.6, -0.8])
(W_1, b_1), (W_2, b_2) = model.network.layers(theta)  # (32, 2), (32,), (1, 32), (1,)
units = W_1 @ d > 0  # (32,) 1 where a unit's input goes to plus infinity
p_limit = expit(W_2 @ units + b_2)[0]


# %% 1.4
def held_out_nll(prior_precision):
    """Return Laplace's negative log-likelihood of the held-out part under this prior, fitted anew."""
    candidate = replace(tumour_model, prior_precision=prior_precision)
    posterior = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train)
    return log_loss(y_test, posterior.predict(X_test))


# %% 1.5
furthest = np.abs(la.predict(circle, "quadrature") - la.predict(circle)).max()

f_mean, f_cov = la.glm_predictive_distribution(circle)
u = np.linspace(-8, 8, 4001)  # in standard deviations
weights = np.exp(-0.5 * u**2)
averages = expit(f_mean + np.sqrt(f_cov[:, 0]) * u) @ weights / weights.sum()
