# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# Answers to the exercises that a student may give. What ends with a "?" is what the check has to say of a wrong one; an
# answer that begins with "right" is another right one.

# %% 2.1 the prior is missing?
def my_loss(theta):
    return np.logaddexp(0, (1 - 2 * y) * (theta[0] * X[:, 0] + theta[1])).sum()


# %% 2.1 the prior without its 1/2?
def my_loss(theta):
    f = theta[0] * X[:, 0] + theta[1]
    return np.logaddexp(0, (1 - 2 * y) * f).sum() + model.prior_precision * theta @ theta


# %% 2.1 the prior once for each sample?
def my_loss(theta):
    f = theta[0] * X[:, 0] + theta[1]
    return (np.logaddexp(0, (1 - 2 * y) * f) + 0.5 * model.prior_precision * theta @ theta).sum()


# %% 2.1 a mean over the samples in place of the sum?
def my_loss(theta):
    f = theta[0] * X[:, 0] + theta[1]
    return np.logaddexp(0, (1 - 2 * y) * f).mean() + 0.5 * model.prior_precision * theta @ theta


# %% 2.1 y and 1 - y swapped?
def my_loss(theta):
    f = theta[0] * X[:, 0] + theta[1]
    return np.logaddexp(0, (2 * y - 1) * f).sum() + 0.5 * model.prior_precision * theta @ theta


# %% 2.1 does it use `theta`?
def my_loss(theta):
    return model.loss(theta_try, X, y)


# %% 2.1 right, from probabilities
def my_loss(t):
    p = expit(t[0] * X[:, 0] + t[1])
    return -np.log(np.where(y == 1, p, 1 - p)).sum() + model.prior_precision * (t[0] ** 2 + t[1] ** 2) / 2


# %% 2.2 the prior is missing?
def my_gradient(theta):
    residual = expit(theta[0] * X[:, 0] + theta[1]) - y
    return np.array([residual @ X[:, 0], residual.sum()])


# %% 2.2 the prior pulls at b, too?
def my_gradient(theta):
    residual = expit(theta[0] * X[:, 0] + theta[1]) - y
    return np.array([residual @ X[:, 0] + model.prior_precision * theta[0], residual.sum()])


# %% 2.2 y - p in place of p - y?
def my_gradient(theta):
    residual = y - expit(theta[0] * X[:, 0] + theta[1])
    return np.array([residual @ X[:, 0], residual.sum()]) + model.prior_precision * theta


# %% 2.2 b before w
def my_gradient(theta):
    residual = expit(theta[0] * X[:, 0] + theta[1]) - y
    return np.array([residual.sum(), residual @ X[:, 0]]) + model.prior_precision * theta


# %% 2.3 the prior is missing?
def my_precision(theta):
    p = expit(X[:, 0] * theta[0] + theta[1])
    with_one = np.column_stack([X, np.ones(len(X))])
    return (with_one.T * p * (1 - p)) @ with_one


# %% 2.3 the prior twice?
def my_precision(theta):
    p = expit(X[:, 0] * theta[0] + theta[1])
    with_one = np.column_stack([X, np.ones(len(X))])
    return (with_one.T * p * (1 - p)) @ with_one + 2 * model.prior_precision * np.eye(2)


# %% 2.3 the covariance, its inverse?
def my_precision(theta):
    p = expit(X[:, 0] * theta[0] + theta[1])
    with_one = np.column_stack([X, np.ones(len(X))])
    return np.linalg.inv((with_one.T * p * (1 - p)) @ with_one + model.prior_precision * np.eye(2))


# %% 2.3 a mean over the samples in place of the sum?
def my_precision(theta):
    p = expit(X[:, 0] * theta[0] + theta[1])
    with_one = np.column_stack([X, np.ones(len(X))])
    return (with_one.T * p * (1 - p)) @ with_one / len(X) + model.prior_precision * np.eye(2)


# %% 2.3 the posterior's, whatever theta is
def my_precision(theta):
    return la.posterior.precision()


# %% 2.4 no step is made?
def newton(start, n_steps):
    return start


# %% 2.4 the mode, which is known
def newton(start, n_steps):
    return theta


# %% 2.4 one step, however many are asked for
def newton(start, n_steps):
    H_t = hessian(model, start, X, y) + model.prior_precision * np.eye(2)
    return start - np.linalg.solve(H_t, model.gradient(start, X, y)) if n_steps else start


# %% 2.4 the Hessian without the prior
def newton(start, n_steps):
    t = start
    for _ in range(n_steps):
        t = t - np.linalg.solve(hessian(model, t, X, y), model.gradient(t, X, y))
    return t


# %% 2.4 right, by recursion
def newton(start, n_steps):
    if n_steps == 0:
        return start
    H = hessian(model, start, X, y) + model.prior_precision * np.eye(2)
    return newton(start - np.linalg.inv(H) @ model.gradient(start, X, y), n_steps - 1)


# %% 2.5 the prior's density without its factor?
def log_evidence(theta, H, delta):
    return -replace(model, prior_precision=delta).loss(theta, X, y) - 0.5 * np.linalg.slogdet(H)[1]


# %% 2.5 the 2 pi of the integral is missing?
def log_evidence(theta, H, delta):
    loss = replace(model, prior_precision=delta).loss(theta, X, y)
    return -loss + np.log(delta / (2 * np.pi)) - 0.5 * np.linalg.slogdet(H)[1]


# %% 2.5 det H in place of its inverse?
def log_evidence(theta, H, delta):
    loss = replace(model, prior_precision=delta).loss(theta, X, y)
    return -loss + np.log(delta) + 0.5 * np.linalg.slogdet(H)[1]


# %% 2.5 det H without its root?
def log_evidence(theta, H, delta):
    loss = replace(model, prior_precision=delta).loss(theta, X, y)
    return -loss + np.log(delta) - np.linalg.slogdet(H)[1]


# %% 2.5 that of the model at hand, whatever the prior
def log_evidence(theta, H, delta):
    return la.log_marginal_likelihood()


# %% 9.1 the noise is missing?
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    return np.einsum("np,pq,nq->n", J, la.posterior.covariance(), J)[:, None]


# %% 9.1 the noise's standard deviation, not its variance?
def predictive_variance(la, x):
    return la.glm_predictive_distribution(x)[1][:, :, 0] + la.model.likelihood.sigma_noise


# %% 9.1 standard deviations added?
def predictive_variance(la, x):
    return (np.sqrt(la.glm_predictive_distribution(x)[1][:, :, 0]) + la.model.likelihood.sigma_noise) ** 2


# %% 9.1 a standard deviation, not a variance?
def predictive_variance(la, x):
    return np.sqrt(la.glm_predictive_distribution(x)[1][:, :, 0] + la.model.likelihood.sigma_noise**2)


# %% 9.1 the noise alone?
def predictive_variance(la, x):
    return np.full((len(x), 1), la.model.likelihood.sigma_noise**2)


# %% 9.1 the precision for the covariance
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    return np.einsum("np,pq,nq->n", J, la.posterior.precision(), J)[:, None] + la.model.likelihood.sigma_noise**2


# %% 9.1 right, by the root of the covariance
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    z = np.linalg.solve(np.linalg.cholesky(la.posterior.precision()), J.T)
    return la.model.likelihood.sigma_noise**2 + np.sum(z**2, axis=0)[:, None]


# %% 9.2 gamma is not taken off?
def noise_of(residuals, gamma):
    return np.sqrt(np.mean(residuals**2))


# %% 9.2 gamma is added?
def noise_of(residuals, gamma):
    return np.sqrt((residuals**2).sum() / (len(residuals) + gamma))


# %% 9.2 the variance, not the standard deviation?
def noise_of(residuals, gamma):
    return (residuals**2).sum() / (len(residuals) - gamma)


# %% 9.2 1 taken off, as for a sample's variance?
def noise_of(residuals, gamma):
    return np.linalg.norm(residuals) / np.sqrt(len(residuals) - 1)


# %% 9.2 what `marglik_training` found
def noise_of(residuals, gamma):
    return sigma


# %% 9.2 right, with norms
def noise_of(residuals, gamma):
    return np.linalg.norm(residuals) * (len(residuals) - gamma) ** -0.5


# %% 9.3 the variance in place of its root?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= ndtri((1 + level) / 2) * variance).mean()


# %% 9.3 an interval that leaves 1 - level on each side?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= abs(ndtri(level)) * np.sqrt(variance)).mean()


# %% 9.3 one side only?
def coverage(mean, variance, y, level):
    return (y <= mean + ndtri((1 + level) / 2) * np.sqrt(variance)).mean()


# %% 9.3 the share outside?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) > ndtri((1 + level) / 2) * np.sqrt(variance)).mean()


# %% 9.3 the number, not the share?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= ndtri((1 + level) / 2) * np.sqrt(variance)).sum()


# %% 9.3 does it use `level`?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= 1.6448536 * np.sqrt(variance)).mean()


# %% 9.3 right, by the probability of anything smaller
def coverage(mean, variance, y, level):
    return np.mean(np.abs(ndtr((y - mean) / np.sqrt(variance)) - 0.5) <= level / 2)


# %% 9.4 not squared?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return np.abs(ndtr((t - mean) / sd) - (t >= y)).sum() * (t[1] - t[0])


# %% 9.4 the variance in place of its root?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr((t - mean) / sd**2) - (t >= y)) ** 2).sum() * (t[1] - t[0])


# %% 9.4 the prediction is not used?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr(t) - (t >= y)) ** 2).sum() * (t[1] - t[0])


# %% 9.4 the absolute error?
def area(y, mean, sd):
    return abs(y - mean)


# %% 9.4 a mean over the grid, not an area
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr((t - mean) / sd) - (t >= y)) ** 2).mean()


# %% 9.4 right, by the closed form
def area(y, mean, sd):
    z = (y - mean) / sd
    return sd * (z * (2 * ndtr(z) - 1) + np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) - 1 / np.sqrt(np.pi))


# %% 9.4 right, by the trapezoidal rule
def area(y, mean, sd):
    t = np.arange(-30, 30, 1e-4)
    height = np.where(t < y, ndtr((t - mean) / sd), ndtr((mean - t) / sd)) ** 2
    return (height[1:] + height[:-1]).sum() / 2 * 1e-4


# %% 9.5 the uncertainty of the noise is missing?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1]) + f_cov[:, 0, 0]


# %% 9.5 the uncertainty of the mean is missing?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 1, 1] / 2)


# %% 9.5 V_ss without its 1/2?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 1, 1]) + f_cov[:, 0, 0]


# %% 9.5 s taken for the logarithm of a standard deviation?
def total_variance(f_mean, f_cov):
    return np.exp(2 * f_mean[:, 1] + 2 * f_cov[:, 1, 1]) + f_cov[:, 0, 0]


# %% 9.5 V_mm and V_ss swapped?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 0, 0] / 2) + f_cov[:, 1, 1]


# %% 9.5 the three places of the text, whatever is asked
def total_variance(f_mean, f_cov):
    return la_two.predict(np.resize(places, (4, 1))).variance[:, 0]


# %% 9.5 right, by Gauss and Hermite
def total_variance(f_mean, f_cov):
    z, w = np.polynomial.hermite_e.hermegauss(60)
    noises = np.exp(f_mean[:, 1:] + np.sqrt(f_cov[:, 1, 1])[:, None] * z)
    return noises @ w / w.sum() + f_cov[:, 0, 0]


# %% 12.1 the prior of each laboratory counts?
def merged(precisions, delta):
    return sum(precisions)


# %% 12.1 no prior is left?
def merged(precisions, delta):
    return sum(A - delta * np.eye(len(A)) for A in precisions)


# %% 12.1 a mean in place of the sum?
def merged(precisions, delta):
    return np.mean(precisions, axis=0)


# %% 12.1 delta taken off all entries, not off the diagonal?
def merged(precisions, delta):
    return sum(precisions) - (len(precisions) - 1) * delta


# %% 12.1 covariances added in place of precisions?
def merged(precisions, delta):
    return np.linalg.inv(sum(np.linalg.inv(A) for A in precisions))


# %% 12.1 that of the text
def merged(precisions, delta):
    return whole.posterior.precision()


# %% 12.1 right, one after the other
def merged(precisions, delta):
    total = delta * np.eye(len(precisions[0]))
    for A in precisions:
        total = total + A - delta * np.eye(len(A))
    return total


# %% 12.2 yesterday's mean is missing?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, Phi.T @ y / sigma**2)


# %% 12.2 yesterday is forgotten?
def next_day(mu, Lambda, X, y, sigma):
    return np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]


# %% 12.2 the covariance, Lambda's inverse?
def next_day(mu, Lambda, X, y, sigma):
    Phi, Sigma = np.column_stack([X, np.ones(len(X))]), np.linalg.inv(Lambda)
    return np.linalg.solve(Sigma + Phi.T @ Phi / sigma**2, Sigma @ mu + Phi.T @ y / sigma**2)


# %% 12.2 sigma in place of its square?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma, Lambda @ mu + Phi.T @ y / sigma)


# %% 12.2 Lambda is not applied to mu?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, mu + Phi.T @ y / sigma**2)


# %% 12.2 the ones before x
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([np.ones(len(X)), X])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, Lambda @ mu + Phi.T @ y / sigma**2)


# %% 12.2 right, by the residuals of yesterday's mean
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    Sigma = np.linalg.inv(Lambda)
    return mu + Sigma @ Phi.T @ np.linalg.solve(Phi @ Sigma @ Phi.T + sigma**2 * np.eye(len(X)), y - Phi @ mu)


# %% 12.3 a high temperature makes the data count less?
def of_copies(la, k):
    return la.under(temperature=k).posterior.precision()


# %% 12.3 the prior counts k times, too?
def of_copies(la, k):
    return k * la.posterior.precision()


# %% 12.3 the prior is missing?
def of_copies(la, k):
    return k * (la.posterior.precision() - la.model.prior_precision * np.eye(len(la.theta)))


# %% 12.3 k - 1 copies?
def of_copies(la, k):
    P = la.posterior.precision()
    return P + (k - 2) * (P - la.model.prior_precision * np.eye(len(P)))


# %% 12.3 does it use `k`?
def of_copies(la, k):
    return la.under(temperature=0.5).posterior.precision()


# %% 12.3 right, without a temperature
def of_copies(la, k):
    return k * la.posterior.precision() - (k - 1) * la.model.prior_precision * np.eye(len(la.theta))


# %% 12.4 weights column by column?
def flattened(state):
    return np.concatenate([array.T.ravel() for array in state.values()])


# %% 12.4 all weights before all biases?
def flattened(state):
    arrays = sorted(state.values(), key=lambda array: -array.ndim)
    return np.concatenate([array.ravel() for array in arrays])


# %% 12.4 the biases are missing?
def flattened(state):
    return np.concatenate([array.ravel() for array in state.values() if array.ndim == 2])


# %% 12.4 each bias before its weight?
def flattened(state):
    weights = [name for name in state if name.endswith("weight")]
    return np.concatenate([np.append(state[name.replace("weight", "bias")], state[name]) for name in weights])


# %% 12.4 from the last layer to the first?
def flattened(state):
    layers = sorted({name.split(".")[0] for name in state}, key=int, reverse=True)
    return np.concatenate([state[f"{l}.{part}"].ravel() for l in layers for part in ("weight", "bias")])


# %% 12.4 the theta of the text
def flattened(state):
    return theta_carried


# %% 12.4 right, by names
def flattened(state):
    layers = sorted({name.split(".")[0] for name in state}, key=int)
    return np.hstack([np.append(state[f"{l}.weight"], state[f"{l}.bias"]) for l in layers])


# %% 13.1 the gradient in y, or y - f in place of f - y?
def student_gradient(f):
    r = y_student - f
    return (nu + 1) * r / (nu + r**2)


# %% 13.1 the residual, as for a Gaussian?
def student_gradient(f):
    return f - y_student


# %% 13.1 nu is missing below?
def student_gradient(f):
    r = f - y_student
    return (nu + 1) * r / (1 + r**2)


# %% 13.1 the inner derivative, that of r^2 / nu, is missing?
def student_gradient(f):
    return (nu + 1) / 2 / (1 + (f - y_student) ** 2 / nu)


# %% 13.1 a sum over the samples?
def student_gradient(f):
    r = f - y_student
    return np.sum((nu + 1) * r / (nu + r**2))


# %% 13.1 half of it
def student_gradient(f):
    r = f - y_student
    return (nu + 1) / 2 * r / (nu + r**2)


# %% 13.1 right, as it comes from the chain rule
def student_gradient(f):
    r = f - y_student
    return (nu + 1) / 2 * (2 * r / nu) / (1 + r**2 / nu)


# %% 13.2 not weighted with the density, which gives 0?
def student_fisher(nu):
    return quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2, -np.inf, np.inf)[0]


# %% 13.2 half of the line?
def student_fisher(nu):
    return quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * student(nu).pdf(r), 0, np.inf)[0]


# %% 13.2 that of r at zero, not an average?
def student_fisher(nu):
    return (nu + 1) / nu


# %% 13.2 as for a Gaussian?
def student_fisher(nu):
    return 1


# %% 13.2 that of four degrees of freedom
def student_fisher(nu):
    return 5 / 7


# %% 13.2 a normal density in place of Student's
def student_fisher(nu):
    def integrand(r):
        return (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi)

    return quad(integrand, -np.inf, np.inf)[0]


# %% 13.2 right, the fraction
def student_fisher(nu):
    return (nu + 1) / (nu + 3)


# %% 13.2 right, the mean square of the gradient
def student_fisher(nu):
    return student(nu).expect(lambda r: ((nu + 1) * r / (nu + r**2)) ** 2)


# %% 13.3 the mean of those who saw a bus?
def mean_wait(seen, came):
    return np.sum(seen * came) / np.sum(came)


# %% 13.3 the mean of all, as if all had seen one?
def mean_wait(seen, came):
    return np.mean(seen)


# %% 13.3 divided by those who gave up?
def mean_wait(seen, came):
    return np.sum(seen) / np.sum(came == 0)


# %% 13.3 the two means added?
def mean_wait(seen, came):
    return seen[came == 1].mean() + seen[came == 0].mean()


# %% 13.3 f, the logarithm of it?
def mean_wait(seen, came):
    return np.log(seen.sum() / came.sum())


# %% 13.3 of the people of the text
def mean_wait(seen_by_them, came_to_them):
    return by_bisection(seen, came)


# %% 13.3 right, by the nll's minimum
def mean_wait(seen, came):
    from scipy.optimize import newton

    return np.exp(newton(lambda f: came.sum() - seen.sum() * np.exp(-f), np.log(seen.mean()), tol=1e-14))
