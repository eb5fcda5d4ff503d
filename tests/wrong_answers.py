# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# Answers to the exercises that a student may give. What ends with a "?" is what the check has to say of a wrong one; an
# answer that begins with "right" is another right one.

# %% 1.1 the standard deviations?
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    precision = ggn(model, theta, X, y) + delta * np.eye(model.network.n_params)
    return np.sqrt((J * np.linalg.solve(precision, J.T).T).sum(axis=1))


# %% 1.1 the prior twice?
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    precision = ggn(model, theta, X, y) + 2 * delta * np.eye(model.network.n_params)
    return (J * np.linalg.solve(precision, J.T).T).sum(axis=1)


# %% 1.1 the prior of `model`, not delta?
def my_variances(X_new, delta):
    return la.glm_predictive_distribution(X_new)[1][:, 0, 0]


# %% 1.1 the covariances of all pairs?
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    return J @ np.linalg.solve(ggn(model, theta, X, y) + delta * np.eye(model.network.n_params), J.T)


# %% 1.1 the precision, not the covariance
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    return np.einsum("mp,pq,mq->m", J, ggn(model, theta, X, y) + delta * np.eye(model.network.n_params), J)


# %% 1.1 right, by the inverse
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    Sigma = np.linalg.inv(ggn(model, theta, X, y) + np.diag(np.full(J.shape[1], delta)))
    return np.diag(J @ Sigma @ J.T)


# %% 1.2 zero solves it, but is no prior?
def agreeing_lambda(N):
    return 0.0


# %% 1.2 N lambda^2 is to be lambda, not 1?
def agreeing_lambda(N):
    return 1 / np.sqrt(N)


# %% 1.2 upside down?
def agreeing_lambda(N):
    return N


# %% 1.2 does it use `N`?
def agreeing_lambda(N):
    return lam_2


# %% 1.3 the logit, not yet a probability?
def p_limit(d):
    (W_1, _), (W_2, b_2) = model.network.layers(theta)
    return (W_2 @ (W_1 @ d > 0) + b_2)[0]


# %% 1.3 b_2 is missing?
def p_limit(d):
    (W_1, _), (W_2, _) = model.network.layers(theta)
    return expit(W_2 @ (W_1 @ d > 0))[0]


# %% 1.3 the opposite direction?
def p_limit(d):
    (W_1, _), (W_2, b_2) = model.network.layers(theta)
    return expit(W_2 @ (W_1 @ d < 0) + b_2)[0]


# %% 1.3 p for 1 - p?
def p_limit(d):
    (W_1, _), (W_2, b_2) = model.network.layers(theta)
    return expit(-(W_2 @ (W_1 @ d > 0) + b_2))[0]


# %% 1.3 at a distance of 1
def p_limit(d):
    return la.predict(d[None], "plugin")[0]


# %% 1.3 does it use `d`?
def p_limit(d):
    return la.predict(1e9 * np.array([[0.6, -0.8]]), "plugin")[0]


# %% 1.3 right, by the limits of the units
def p_limit(d):
    (W_1, _), (W_2, b_2) = model.network.layers(theta)
    f = b_2[0] + sum(v for w, v in zip(W_1, W_2[0], strict=True) if w @ d > 0)
    return 1 / (1 + np.exp(-f))


# %% 1.4 not trained again?
def held_out_nll(prior_precision):
    posterior = Laplace(replace(tumour_model, prior_precision=prior_precision), tumour_theta).fit(X_train, y_train)
    return log_loss(y_test, posterior.predict(X_test))


# %% 1.4 the new prior in training alone?
def held_out_nll(prior_precision):
    candidate = replace(tumour_model, prior_precision=prior_precision)
    posterior = Laplace(tumour_model, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train)
    return log_loss(y_test, posterior.predict(X_test))


# %% 1.4 the plugin's?
def held_out_nll(prior_precision):
    candidate = replace(tumour_model, prior_precision=prior_precision)
    posterior = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train)
    return log_loss(y_test, posterior.predict(X_test, "plugin"))


# %% 1.4 that of the training part?
def held_out_nll(prior_precision):
    candidate = replace(tumour_model, prior_precision=prior_precision)
    posterior = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train)
    return log_loss(y_train, posterior.predict(X_train))


# %% 1.4 does it use `prior_precision`?
def held_out_nll(prior_precision):
    return log_loss(y_test, tumour_la.predict(X_test))


# %% 1.4 right, without scikit-learn
def held_out_nll(prior_precision):
    candidate = replace(tumour_model, prior_precision=prior_precision)
    p = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train).predict(X_test)
    return -np.log(np.where(y_test == 1, p, 1 - p)).mean()


# %% 1.5 the mean, not the largest?
def furthest(X_new):
    return np.abs(la.predict(X_new, "quadrature") - la.predict(X_new)).mean()


# %% 1.5 its sign, not its size?
def furthest(X_new):
    return -np.abs(la.predict(X_new, "quadrature") - la.predict(X_new)).max()


# %% 1.5 from the plugin, not from the probit link?
def furthest(X_new):
    return np.abs(la.predict(X_new, "quadrature") - la.predict(X_new, "plugin")).max()


# %% 1.5 does it use `X_new`?
def furthest(X_new):
    return np.abs(la.predict(circle, "quadrature") - la.predict(circle)).max()


# %% 1.5 right, as a norm
def furthest(X_new):
    return np.linalg.norm(la.predict(X_new, "probit") - la.predict(X_new, "quadrature"), np.inf)


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


# %% 3.1 b_1 is forgotten?
def position(D, H, C, c, h):
    return H * D + c * H + h


# %% 3.1 counted from 1?
def position(D, H, C, c, h):
    return H * (D + 1) + c * H + h + 1


# %% 3.1 column by column?
def position(D, H, C, c, h):
    return H * (D + 1) + h * C + c


# %% 3.1 W_2 alone, not theta?
def position(D, H, C, c, h):
    return c * H + h


# %% 3.1 the last one, whatever c and h are
def position(D, H, C, c, h):
    return H * (D + 1) + C * H - 1


# %% 3.1 right, by a list of names
def position(D, H, C, c, h):
    names = [("W_1", i, j) for i in range(H) for j in range(D)] + [("b_1", i) for i in range(H)]
    return (names + [("W_2", i, j) for i in range(C) for j in range(H)]).index(("W_2", c, h))


# %% 3.2 an activation after the last layer?
def my_forward(theta, X):
    a = X
    for W, b in deep.layers(theta):
        a = 1 / (1 + np.exp(-(a @ W.T + b)))
    return a


# %% 3.2 the biases are missing?
def my_forward(theta, X):
    (W_1, _), (W_2, _), (W_3, _) = deep.layers(theta)
    return 1 / (1 + np.exp(-(1 / (1 + np.exp(-X @ W_1.T))) @ W_2.T)) @ W_3.T


# %% 3.2 tanh in place of the sigmoid?
def my_forward(theta, X):
    (W_1, b_1), (W_2, b_2), (W_3, b_3) = deep.layers(theta)
    return np.tanh(np.tanh(X @ W_1.T + b_1) @ W_2.T + b_2) @ W_3.T + b_3


# %% 3.2 does it use `theta`?
def my_forward(theta, X):
    return deep.forward(np.ones(deep.n_params), X)


# %% 3.2 right, with columns for samples
def my_forward(theta, X):
    (W_1, b_1), (W_2, b_2), (W_3, b_3) = deep.layers(theta)
    a_1 = 0.5 * (1 + np.tanh((W_1 @ X.T + b_1[:, None]) / 2))
    a_2 = 0.5 * (1 + np.tanh((W_2 @ a_1 + b_2[:, None]) / 2))
    return (W_3 @ a_2 + b_3[:, None]).T


# %% 3.3 the activation's slope is missing?
def my_backward(theta, X, G):
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        parts = [(delta.T @ trace.inputs[l]).ravel(), delta.sum(axis=0), *parts]
        delta = delta @ trace.weights[l]
    return np.concatenate(parts)


# %% 3.3 the last layer first?
def my_backward(theta, X, G):
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        a = trace.inputs[l]
        parts += [(delta.T @ a).ravel(), delta.sum(axis=0)]
        delta = (delta @ trace.weights[l]) * a * (1 - a)
    return np.concatenate(parts)


# %% 3.3 a mean over the samples in place of the sum?
def my_backward(theta, X, G):
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        a = trace.inputs[l]
        parts = [(delta.T @ a).ravel() / len(X), delta.mean(axis=0), *parts]
        delta = (delta @ trace.weights[l]) * a * (1 - a)
    return np.concatenate(parts)


# %% 3.3 does it use `G`?
def my_backward(theta, X, G):
    return deep.backward(theta, X, np.ones((len(X), 1)))


# %% 3.3 the matrices of weights by columns
def my_backward(theta, X, G):
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        a = trace.inputs[l]
        parts = [(a.T @ delta).ravel(), delta.sum(axis=0), *parts]
        delta = (delta @ trace.weights[l]) * a * (1 - a)
    return np.concatenate(parts)


# %% 3.3 right, from the Jacobian
def my_backward(theta, X, G):
    return np.einsum("ncp,nc->p", deep.jacobian(theta, X), G)


# %% 3.4 nothing is repaired?
repaired = suspicious


# %% 3.4 no slope at all?
def repaired(t):
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    a_1 = np.logaddexp(0, X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = delta_2 @ W_2
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


# %% 3.4 the slope of tanh?
def repaired(t):
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    a_1 = np.logaddexp(0, X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) * (1 - a_1**2)
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


# %% 3.4 does it use `t`?
def repaired(t):
    return soft.backward(theta, X, soft.forward(theta, X) - y)


# %% 3.4 the slope at the activation
def repaired(t):
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    a_1 = np.logaddexp(0, X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) / (1 + np.exp(-a_1))
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


# %% 3.4 right, by the slope in a
def repaired(t):
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    a_1 = np.logaddexp(0, X @ W_1.T + b_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) * (1 - np.exp(-a_1))
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


# %% 3.5 the hidden units do not move?
def motion(theta, X, v):
    (W_1, b_1), _ = network.layers(theta)
    _, (W_2_dot, b_2_dot) = network.layers(v)
    return np.tanh(X @ W_1.T + b_1) @ W_2_dot.T + b_2_dot


# %% 3.5 W_2 does not move?
def motion(theta, X, v):
    (W_1, b_1), (W_2, _) = network.layers(theta)
    (W_1_dot, b_1_dot), (_, b_2_dot) = network.layers(v)
    a_1 = np.tanh(X @ W_1.T + b_1)
    return ((1 - a_1**2) * (X @ W_1_dot.T + b_1_dot)) @ W_2.T + b_2_dot


# %% 3.5 the biases do not move?
def motion(theta, X, v):
    (W_1, b_1), (W_2, _) = network.layers(theta)
    (W_1_dot, _), (W_2_dot, _) = network.layers(v)
    a_1 = np.tanh(X @ W_1.T + b_1)
    return a_1 @ W_2_dot.T + ((1 - a_1**2) * (X @ W_1_dot.T)) @ W_2.T


# %% 3.5 the slope of the activation is missing
def motion(theta, X, v):
    (W_1, b_1), (W_2, _) = network.layers(theta)
    (W_1_dot, b_1_dot), (W_2_dot, b_2_dot) = network.layers(v)
    return np.tanh(X @ W_1.T + b_1) @ W_2_dot.T + (X @ W_1_dot.T + b_1_dot) @ W_2.T + b_2_dot


# %% 3.5 right, by a central difference
def motion(theta, X, v):
    return (network.forward(theta + 1e-5 * v, X) - network.forward(theta - 1e-5 * v, X)) / 2e-5


# %% 3.5 right, from the Jacobian
def motion(theta, X, v):
    return network.jacobian(theta, X) @ v


# %% 4.1 the square of the sum, not the sum of squares?
def my_fisher(theta, X, y):
    g = model.likelihood.gradient(network.forward(theta, X), y)
    total = np.einsum("ncp,nc->p", network.jacobian(theta, X), g)
    return np.outer(total, total)


# %% 4.1 a mean over the samples in place of the sum?
def my_fisher(theta, X, y):
    g = model.likelihood.gradient(network.forward(theta, X), y)
    rows = np.einsum("ncp,nc->np", network.jacobian(theta, X), g)
    return rows.T @ rows / len(rows)


# %% 4.1 the GGN?
def my_fisher(theta, X, y):
    J, p = network.jacobian(theta, X)[:, 0], model.likelihood.mean(network.forward(theta, X))
    return (J.T * (p * (1 - p)).ravel()) @ J


# %% 4.1 the prior is in it?
def my_fisher(theta, X, y):
    g = model.likelihood.gradient(network.forward(theta, X), y)
    rows = np.einsum("ncp,nc->np", network.jacobian(theta, X), g)
    return rows.T @ rows + 0.1 * np.eye(P)


# %% 4.1 does it use `theta`?
def my_fisher(theta, X, y):
    t = np.zeros(P)
    rows = np.einsum("ncp,nc->np", network.jacobian(t, X), model.likelihood.gradient(network.forward(t, X), y))
    return rows.T @ rows


# %% 4.1 the matrix that is at hand
def my_fisher(theta, X, y):
    return F


# %% 4.1 right, one sample at a time
def my_fisher(theta, X, y):
    total = 0
    for n in range(len(X)):
        g = model.likelihood.gradient(network.forward(theta, X[n : n + 1]), y[n : n + 1])
        gradient = network.backward(theta, X[n : n + 1], g)
        total = total + np.outer(gradient, gradient)
    return total


# %% 4.2 the off-diagonal entries are missing?
def my_lambda(p):
    return np.diag(p * (1 - p))


# %% 4.2 plus in place of minus?
def my_lambda(p):
    return np.diag(p) + np.outer(p, p)


# %% 4.2 the diagonal has -p_c^2 alone?
def my_lambda(p):
    return -np.outer(p, p)


# %% 4.2 a number, p (1 - p) summed
def my_lambda(p):
    return p @ (1 - p)


# %% 4.2 right, entry by entry
def my_lambda(p):
    return np.array([[p[c] * ((c == d) - p[d]) for d in range(len(p))] for c in range(len(p))])


# %% 4.3 upside down?
def factors(sigma):
    return [sigma**2, sigma**4]


# %% 4.3 the two swapped?
def factors(sigma):
    return [sigma**-4, sigma**-2]


# %% 4.3 the gradient's sigma is squared, too?
def factors(sigma):
    return [sigma**-2, sigma**-2]


# %% 4.3 sigma in place of its square?
def factors(sigma):
    return [1 / sigma, 1 / sigma**2]


# %% 4.3 from 1 to 1/2, whatever sigma is
def factors(sigma):
    return [4, 16]


# %% 4.3 right, as an array
def factors(sigma):
    return np.full(2, 1 / sigma**2) ** [1, 2]


# %% 4.4 the prior's part is still in it?
def hessian_times(t, v):
    h = 1e-4
    return (model.gradient(t + h * v, X, y) - model.gradient(t - h * v, X, y)) / (2 * h)


# %% 4.4 divided by h, not by 2 h?
def hessian_times(t, v):
    h = 1e-4
    return (model.gradient(t + h * v, X, y) - model.gradient(t - h * v, X, y)) / h - model.prior_precision * v


# %% 4.4 the prior's part of theta, not of v?
def hessian_times(t, v):
    h = 1e-4
    difference = model.gradient(t + h * v, X, y) - model.gradient(t - h * v, X, y)
    return difference / (2 * h) - model.prior_precision * t


# %% 4.4 at the mode, whatever t is
def hessian_times(t, v):
    return H @ v


# %% 4.4 the GGN's
def hessian_times(t, v):
    return ggn(model, t, X, y) @ v


# %% 4.4 right, by gradients of the nll
def hessian_times(t, v):
    def gradient(t):
        return network.backward(t, X, model.likelihood.gradient(network.forward(t, X), y))

    return (gradient(t + 1e-4 * v) - gradient(t - 1e-4 * v)) / 2e-4


# %% 4.4 right, by the matrix
def hessian_times(t, v):
    return (network.second_order(t, X, model.likelihood.gradient(network.forward(t, X), y)) + ggn(model, t, X, y)) @ v


# %% 4.5 the wrong sign?
def threshold(t):
    return eigvalsh(hessian(model, t, X, y)).min()


# %% 4.5 the largest eigenvalue, not the smallest?
def threshold(t):
    return np.abs(eigvalsh(hessian(model, t, X, y))).max()


# %% 4.5 on top of the prior that is there?
def threshold(t):
    return -eigvalsh(hessian(model, t, X, y) + model.prior_precision * np.eye(P)).min()


# %% 4.5 does it use `t`?
def threshold(t):
    return -eigvalsh(hessian(model, untrained, X, y)).min()


# %% 4.5 the smallest size of an eigenvalue
def threshold(t):
    return np.abs(eigvalsh(hessian(model, t, X, y))).min()


# %% 4.5 right, by the largest eigenvalue of the negative
def threshold(t):
    return np.linalg.eigvals(-hessian(model, t, X, y)).real.max()
