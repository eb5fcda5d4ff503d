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


# %% 1.1 the diagonal of the precision alone?
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    return (J**2 / np.diag(ggn(model, theta, X, y) + delta * np.eye(J.shape[1]))).sum(axis=1)


# %% 1.1 right, by the inverse
def my_variances(X_new, delta):
    J = model.network.jacobian(theta, X_new)[:, 0]
    Sigma = np.linalg.inv(ggn(model, theta, X, y) + np.diag(np.full(J.shape[1], delta)))
    return np.diag(J @ Sigma @ J.T)


# %% 1.2 zero solves it, but is no prior?
def agreeing_lambda(N):
    return 0.0


# %% 1.2 N lambda^2 set to 1, not to lambda?
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


# %% 1.4 a sum over the held-out part, not the mean?
def held_out_nll(prior_precision):
    candidate = replace(tumour_model, prior_precision=prior_precision)
    p = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train).predict(X_test)
    return -np.log(np.where(y_test == 1, p, 1 - p)).sum()


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


# %% 1.5 by samples of the logit
def furthest(X_new):
    return np.abs(la.predict(X_new, "mc", rng=0) - la.predict(X_new)).max()


# %% 1.5 without absolute values
def furthest(X_new):
    return (la.predict(X_new, "quadrature") - la.predict(X_new)).max()


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


# %% 2.2 the prior is missing at b?
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


# %% 2.2 with the logits of another theta
def my_gradient(theta):
    residual = expit(f_try[:, 0]) - y
    return np.array([residual @ X[:, 0], residual.sum()]) + model.prior_precision * theta_try


# %% 2.2 right, with a column of ones
def my_gradient(t):
    with_one = np.column_stack([X[:, 0], np.ones_like(y)])
    return with_one.T @ (expit(with_one @ t) - y) + model.prior_precision * t


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


# %% 2.3 with the logits of another theta
def my_precision(theta):
    p = expit(f_try[:, 0])
    with_one = np.column_stack([X, np.ones(len(X))])
    return (with_one.T * p * (1 - p)) @ with_one + model.prior_precision * np.eye(2)


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


# %% 2.4 one step too many?
def newton(start, n_steps):
    t = start
    for _ in range(n_steps + 1):
        H_t = hessian(model, t, X, y) + model.prior_precision * np.eye(2)
        t = t - np.linalg.solve(H_t, model.gradient(t, X, y))
    return t


# %% 2.4 the mode to the last digit, whatever the start
def newton(start, n_steps):
    t = theta
    for _ in range(5):
        H_t = hessian(model, t, X, y) + model.prior_precision * np.eye(2)
        t = t - np.linalg.solve(H_t, model.gradient(t, X, y))
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


# %% 2.5 P is two, not one?
def log_evidence(theta, H, delta):
    loss = replace(model, prior_precision=delta).loss(theta, X, y)
    return -loss + 0.5 * np.log(delta) - 0.5 * np.linalg.slogdet(H)[1]


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


# %% 3.1 rows of D numbers, as in W_1?
def position(D, H, C, c, h):
    return H * (D + 1) + c * D + h


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


# %% 3.2 no activation at all?
def my_forward(theta, X):
    a = X
    for W, b in deep.layers(theta):
        a = a @ W.T + b
    return a


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


# %% 3.3 the slope of tanh
def my_backward(theta, X, G):
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        a = trace.inputs[l]
        parts = [(delta.T @ a).ravel(), delta.sum(axis=0), *parts]
        delta = (delta @ trace.weights[l]) * (1 - a**2)
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


# %% 3.5 a step of length 1, not a rate?
def motion(theta, X, v):
    return network.forward(theta + v, X) - network.forward(theta, X)


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


# %% 4.2 p in every row, not on the diagonal alone?
def my_lambda(p):
    return p - np.outer(p, p)


# %% 4.2 right, entry by entry
def my_lambda(p):
    return np.array([[p[c] * ((c == d) - p[d]) for d in range(len(p))] for c in range(len(p))])


# %% 4.3 upside down?
def factors(sigma):
    return [sigma**2, sigma**4]


# %% 4.3 the two swapped?
def factors(sigma):
    return [sigma**-4, sigma**-2]


# %% 4.3 the GGN's factor for both?
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


# %% 4.4 a one-sided difference?
def hessian_times(t, v):
    h = 1e-4
    return (model.gradient(t + h * v, X, y) - model.gradient(t, X, y)) / h - model.prior_precision * v


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


# %% 4.5 the trace
def threshold(t):
    return -np.trace(hessian(model, t, X, y))


# %% 4.5 right, by the largest eigenvalue of the negative
def threshold(t):
    return np.linalg.eigvals(-hessian(model, t, X, y)).real.max()


# %% 5.1 T divides the prior as well?
def tempered_precision(T):
    return precision / T


# %% 5.1 the prior is missing?
def tempered_precision(T):
    return ggn(model, theta, X, y) / T


# %% 5.1 the prior once inside and once outside?
def tempered_precision(T):
    return precision / T + model.prior_precision * np.eye(P)


# %% 5.1 T times the curvature in place of a T-th of it?
def tempered_precision(T):
    return T * ggn(model, theta, X, y) + model.prior_precision * np.eye(P)


# %% 5.1 does it use `T`?
def tempered_precision(T):
    return Laplace(model, theta, temperature=2.0).fit(X, y).posterior.precision()


# %% 5.1 the covariance
def tempered_precision(T):
    return np.linalg.inv(ggn(model, theta, X, y) / T + model.prior_precision * np.eye(P))


# %% 5.1 right, from the precision
def tempered_precision(T):
    prior = model.prior_precision * np.identity(P)
    return (precision - prior) / T + prior


# %% 5.2 that of the precision?
def log_det_covariance(L):
    return 2 * np.log(np.diag(L)).sum()


# %% 5.2 that of one of the two factors?
def log_det_covariance(L):
    return -np.log(np.diag(L)).sum()


# %% 5.2 a product that has left the range of floating point?
def log_det_covariance(L):
    with np.errstate(divide="ignore"):
        return -2 * np.log(np.prod(np.diag(L)))


# %% 5.2 the number that stands above
def log_det_covariance(L):
    return -log_det


# %% 5.2 the logarithm of the sum
def log_det_covariance(L):
    return -2 * np.log(np.diag(L).sum())


# %% 5.2 right, by slogdet of the factor
def log_det_covariance(L):
    return -2 * np.linalg.slogdet(L)[1]


# %% 5.3 the precision for the covariance?
def draw_one(m, A, z):
    return m + cholesky(A, lower=True) @ z


# %% 5.3 L^-1 z in place of L^-T z?
def draw_one(m, A, z):
    return m + solve_triangular(cholesky(A, lower=True), z, lower=True)


# %% 5.3 the covariance times z?
def draw_one(m, A, z):
    return m + np.linalg.solve(A, z)


# %% 5.3 the mean is missing?
def draw_one(m, A, z):
    return solve_triangular(cholesky(A, lower=True), z, lower=True, trans="T")


# %% 5.3 white noise alone
def draw_one(m, A, z):
    return m + z


# %% 5.3 only the diagonal of L is read?
def draw_one(m, A, z):
    return m + solve_triangular(cholesky(A, lower=True), z, trans="T")


# %% 5.3 right, with a factor of the covariance
def draw_one(m, A, z):
    return m + np.linalg.cholesky(np.linalg.inv(A)) @ z


# %% 5.3 right, with the upper factor that SciPy gives
def draw_one(m, A, z):
    return m + solve_triangular(cholesky(A), z)


# %% 5.3 right, with the symmetric root
def draw_one(m, A, z):
    values, vectors = np.linalg.eigh(A)
    return m + vectors @ (vectors.T @ z / np.sqrt(values))


# %% 5.4 the noise is missing?
def target_deviation(x, L):
    return np.sqrt((solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True) ** 2).sum(axis=0))


# %% 5.4 deviations added up, not variances?
def target_deviation(x, L):
    v = solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True)
    return np.linalg.norm(v, axis=0) + sigma


# %% 5.4 sigma in place of its square?
def target_deviation(x, L):
    v = solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True)
    return np.sqrt((v**2).sum(axis=0) + sigma)


# %% 5.4 the variance in place of its root?
def target_deviation(x, L):
    v = solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True)
    return (v**2).sum(axis=0) + sigma**2


# %% 5.4 L^T for L in the triangular system?
def target_deviation(x, L):
    v = solve_triangular(L, network.jacobian(theta, x)[:, 0].T, lower=True, trans=1)
    return np.sqrt((v**2).sum(axis=0) + sigma**2)


# %% 5.4 does it use `L`?
def target_deviation(x, L):
    return la.predict(x).std[:, 0]


# %% 5.4 right, from the covariance
def target_deviation(x, L):
    J_x = network.jacobian(theta, x)[:, 0]
    return np.array([np.sqrt(j @ np.linalg.solve(L @ L.T, j) + sigma**2) for j in J_x])


# %% 5.5 as if the two were independent?
def difference(x, x_other):
    f_mean, f_cov = la.glm_predictive_distribution([[x], [x_other]])
    return f_mean[1, 0] - f_mean[0, 0], f_cov.sum()


# %% 5.5 the covariance taken off once, not twice?
def difference(x, x_other):
    j, j_other = network.jacobian(theta, np.array([[x], [x_other]]))[:, 0]
    f, f_other = network.forward(theta, np.array([[x], [x_other]]))[:, 0]
    return f_other - f, j @ Sigma @ j + j_other @ Sigma @ j_other - j @ Sigma @ j_other


# %% 5.5 the variance of the sum?
def difference(x, x_other):
    j = network.jacobian(theta, np.array([[x], [x_other]]))[:, 0].sum(axis=0)
    f, f_other = network.forward(theta, np.array([[x], [x_other]]))[:, 0]
    return f_other - f, j @ Sigma @ j


# %% 5.5 f(x) - f(x'), the other way round?
def difference(x, x_other):
    j, j_other = network.jacobian(theta, np.array([[x], [x_other]]))[:, 0]
    f, f_other = network.forward(theta, np.array([[x], [x_other]]))[:, 0]
    return f - f_other, (j - j_other) @ Sigma @ (j - j_other)


# %% 5.5 the noise of two targets is in it?
def difference(x, x_other):
    j, j_other = network.jacobian(theta, np.array([[x], [x_other]]))[:, 0]
    f, f_other = network.forward(theta, np.array([[x], [x_other]]))[:, 0]
    return f_other - f, (j - j_other) @ Sigma @ (j - j_other) + 2 * sigma**2


# %% 5.5 the difference of the variances
def difference(x, x_other):
    f_mean, f_cov = la.glm_predictive_distribution([[x], [x_other]])
    return f_mean[1, 0] - f_mean[0, 0], f_cov[1, 0, 0] - f_cov[0, 0, 0]


# %% 5.5 right, from the covariance of both
def difference(x, x_other):
    both = np.array([[x], [x_other]])
    V_both = la.functional_covariance(both)[:, 0, :, 0]
    return np.diff(network.forward(theta, both)[:, 0])[0], np.array([-1, 1]) @ V_both @ np.array([-1, 1])


# %% 6.1 the factor pi / 8 is missing?
def my_probit(m, V):
    return expit(m / np.sqrt(1 + V))


# %% 6.1 the deviation in place of the variance?
def my_probit(m, V):
    return expit(m / np.sqrt(1 + np.pi / 8 * np.sqrt(V)))


# %% 6.1 kappa without its root?
def my_probit(m, V):
    return expit(m / (1 + np.pi / 8 * V))


# %% 6.1 the probability of class 0?
def my_probit(m, V):
    return expit(-m / np.sqrt(1 + np.pi / 8 * V))


# %% 6.1 Phi in place of the sigmoid at the end?
def my_probit(m, V):
    a = np.sqrt(np.pi / 8)
    return ndtr(a * m / np.sqrt(1 + a**2 * V))


# %% 6.1 does it use `V`?
def my_probit(m, V):
    return expit(m)


# %% 6.2 s counts as a variance?
def probability_to_ring(m, V, t, s):
    return ndtr((m - t) / np.sqrt(s + V))


# %% 6.2 V counts as a deviation?
def probability_to_ring(m, V, t, s):
    return ndtr((m - t) / np.sqrt(s**2 + V**2))


# %% 6.2 the probability not to ring?
def probability_to_ring(m, V, t, s):
    return ndtr((t - m) / np.sqrt(s**2 + V))


# %% 6.2 t is left out?
def probability_to_ring(m, V, t, s):
    return ndtr(m / np.sqrt(s**2 + V))


# %% 6.2 does it use `V`?
def probability_to_ring(m, V, t, s):
    return ndtr((m - t) / s)


# %% 6.2 the formula of the text, for noise of variance 1
def probability_to_ring(m, V, t, s):
    return ndtr((m - t) / np.sqrt(1 + V))


# %% 6.2 right, by the formula of the text
def probability_to_ring(m, V, t, s):
    a = 1 / s
    return ndtr(a * (m - t) / np.sqrt(1 + a**2 * V))


# %% 6.3 the variances are left out?
def dirichlet_mean(m, v):
    alpha = 1 - 2 / len(m) + np.exp(m) * np.exp(-m).sum() / len(m) ** 2
    return alpha / alpha.sum()


# %% 6.3 times v_c in place of over v_c?
def dirichlet_mean(m, v):
    alpha = v * (1 - 2 / len(m) + np.exp(m) * np.exp(-m).sum() / len(m) ** 2)
    return alpha / alpha.sum()


# %% 6.3 deviations in place of variances?
def dirichlet_mean(m, v):
    alpha = (1 - 2 / len(m) + np.exp(m) * np.exp(-m).sum() / len(m) ** 2) / np.sqrt(v)
    return alpha / alpha.sum()


# %% 6.3 the plugin?
def dirichlet_mean(m, v):
    return np.exp(m) / np.exp(m).sum()


# %% 6.3 alpha, not divided by its sum
def dirichlet_mean(m, v):
    return (1 - 2 / len(m) + np.exp(m) * np.exp(-m).sum() / len(m) ** 2) / v


# %% 6.3 C is three, as in the text
def dirichlet_mean(m, v):
    alpha = (1 - 2 / 3 + np.exp(m) * np.exp(-m).sum() / 9) / v
    return alpha / alpha.sum()


# %% 7.1 the limit of the integral, Phi(z)?
def limit(w, Sigma_w, ray):
    return ndtr(ray @ w / np.sqrt(ray @ Sigma_w @ ray))


# %% 7.1 the variance of the logit in place of its deviation?
def limit(w, Sigma_w, ray):
    return expit(np.sqrt(8 / np.pi) * ray @ w / (ray @ Sigma_w @ ray))


# %% 7.1 the factor sqrt(8 / pi) is missing?
def limit(w, Sigma_w, ray):
    return expit(ray @ w / np.sqrt(ray @ Sigma_w @ ray))


# %% 7.1 the precision for the covariance?
def limit(w, Sigma_w, ray):
    return expit(np.sqrt(8 / np.pi) * ray @ w / np.sqrt(ray @ np.linalg.solve(Sigma_w, ray)))


# %% 7.1 does it use `Sigma_w`?
def limit(w, Sigma_w, ray):
    return expit(np.sqrt(8 / np.pi) * ray @ w)


# %% 7.1 even odds, as one hears it said
def limit(w, Sigma_w, ray):
    return 0.5


# %% 7.1 right, going nearly there
def limit(w, Sigma_w, ray):
    far = 1e7 * ray
    return expit(far @ w / np.sqrt(1 + np.pi / 8 * far @ Sigma_w @ far))


# %% 7.2 the entropy of the average?
def mutual_information(p_s):
    p = p_s.mean(axis=0)
    return -(p * np.log(p)).sum(axis=1)


# %% 7.2 the average entropy?
def mutual_information(p_s):
    return -(p_s * np.log(p_s)).sum(axis=2).mean(axis=0)


# %% 7.2 the sum of the two in place of the difference?
def mutual_information(p_s):
    p = p_s.mean(axis=0)
    return -(p * np.log(p)).sum(axis=1) - (p_s * np.log(p_s)).sum(axis=2).mean(axis=0)


# %% 7.2 the difference the other way round?
def mutual_information(p_s):
    p = p_s.mean(axis=0)
    return (p * np.log(p)).sum(axis=1) - (p_s * np.log(p_s)).sum(axis=2).mean(axis=0)


# %% 7.2 bits in place of nats?
def mutual_information(p_s):
    p = p_s.mean(axis=0)
    return -(p * np.log2(p)).sum(axis=1) + (p_s * np.log2(p_s)).sum(axis=2).mean(axis=0)


# %% 7.2 what the whole batch has
def mutual_information(p_s):
    p = p_s.mean(axis=(0, 1))
    return np.full(p_s.shape[1], rel_entr(p_s, p).sum(axis=2).mean())


# %% 7.2 right, as the mean divergence from the average
def mutual_information(p_s):
    return rel_entr(p_s, p_s.mean(axis=0)).sum(axis=2).mean(axis=0)


# %% 7.3 the factor 1 / 2 is missing?
def small_epistemic(m, V):
    p = expit(m)
    return V * p * (1 - p)


# %% 7.3 the deviation in place of the variance?
def small_epistemic(m, V):
    p = expit(m)
    return np.sqrt(V) * p * (1 - p) / 2


# %% 7.3 the variance of p, not yet over p (1 - p)?
def small_epistemic(m, V):
    p = expit(m)
    return V * (p * (1 - p)) ** 2 / 2


# %% 7.3 bits in place of nats?
def small_epistemic(m, V):
    p = expit(m)
    return V * p * (1 - p) / 2 / np.log(2)


# %% 7.3 does it use `m`?
def small_epistemic(m, V):
    return V / 8


# %% 7.3 the total, not the epistemic part
def small_epistemic(m, V):
    p = expit(m)
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


# %% 7.3 right, by the divergence of two points one deviation from the mean
def small_epistemic(m, V):
    p = expit(m + np.outer([-1, 1], np.sqrt(V)))
    average = p.mean(axis=0)
    return (rel_entr(p, average) + rel_entr(1 - p, 1 - average)).mean(axis=0)


# %% 8.1 the 1/2 that is missing in the penalty?
def precision_of_decay(N, B, c):
    return N * c


# %% 8.1 the minibatch for all samples?
def precision_of_decay(N, B, c):
    return 2 * B * c


# %% 8.1 as if it were added to the sum?
def precision_of_decay(N, B, c):
    return 2 * c


# %% 8.1 as if it were added to the sum over a minibatch?
def precision_of_decay(N, B, c):
    return 2 * c * N / B


# %% 8.1 the variance
def precision_of_decay(N, B, c):
    return 1 / (2 * N * c)


# %% 8.1 right, with exact halves
def precision_of_decay(N, B, c):
    return B * (N // B) * c / 0.5


# %% 8.2 the 1/2 is missing?
def occam_factor(precision, theta, delta):
    return -(np.linalg.slogdet(precision)[1] - len(theta) * np.log(delta) + delta * theta @ theta)


# %% 8.2 the determinant of the prior is missing?
def occam_factor(precision, theta, delta):
    return -0.5 * (np.linalg.slogdet(precision)[1] + delta * theta @ theta)


# %% 8.2 log delta once, not for each parameter?
def occam_factor(precision, theta, delta):
    return -0.5 * (np.linalg.slogdet(precision)[1] - np.log(delta) + delta * theta @ theta)


# %% 8.2 the quadratic term is missing?
def occam_factor(precision, theta, delta):
    return -0.5 * (np.linalg.slogdet(precision)[1] - len(theta) * np.log(delta))


# %% 8.2 the determinant of the covariance?
def occam_factor(precision, theta, delta):
    log_det = np.linalg.slogdet(np.linalg.inv(precision))[1]
    return -0.5 * (log_det - len(theta) * np.log(delta) + delta * theta @ theta)


# %% 8.2 the factor of degree 9
def occam_factor(precision, theta, delta):
    return -19.5


# %% 8.2 right, by a Cholesky factor
def occam_factor(precision, theta, delta):
    L = np.linalg.cholesky(precision / delta)
    return -np.log(np.diag(L)).sum() - delta * (theta**2).sum() / 2


# %% 8.3 how many are not determined?
def effective_parameters(curvature, delta):
    eigenvalues = np.linalg.eigvalsh(curvature)
    return (delta / (eigenvalues + delta)).sum()


# %% 8.3 the prior is added to the curvature?
def effective_parameters(curvature, delta):
    eigenvalues = np.linalg.eigvalsh(curvature + delta * np.eye(len(curvature)))
    return (eigenvalues / (eigenvalues + delta)).sum()


# %% 8.3 the diagonal of the curvature for its eigenvalues?
def effective_parameters(curvature, delta):
    diagonal = np.diag(curvature)
    return (diagonal / (diagonal + delta)).sum()


# %% 8.3 the number of directions that the curvature has?
def effective_parameters(curvature, delta):
    return np.linalg.matrix_rank(curvature)


# %% 8.3 a count of eigenvalues above delta?
def effective_parameters(curvature, delta):
    return np.count_nonzero(np.linalg.eigvalsh(curvature) > delta)


# %% 8.3 that of the tutorial
def effective_parameters(curvature, delta):
    return gamma


# %% 8.3 right, by a trace
def effective_parameters(curvature, delta):
    return np.trace(np.linalg.solve(curvature + delta * np.eye(len(curvature)), curvature))


# %% 8.3 right, by the variances
def effective_parameters(curvature, delta):
    return len(curvature) - delta * np.linalg.inv(curvature + delta * np.eye(len(curvature))).trace()


# %% 8.4 all parameters for the effective ones?
def fixed_point_delta(curvature, theta):
    return len(theta) / (theta @ theta)


# %% 8.4 |theta| for its square?
def fixed_point_delta(curvature, theta):
    eigenvalues, delta = np.linalg.eigvalsh(curvature), 1.0
    for _ in range(1000):
        delta = (eigenvalues / (eigenvalues + delta)).sum() / np.linalg.norm(theta)
    return delta


# %% 8.4 a mean of theta^2 for their sum?
def fixed_point_delta(curvature, theta):
    eigenvalues, delta = np.linalg.eigvalsh(curvature), 1.0
    for _ in range(1000):
        delta = (eigenvalues / (eigenvalues + delta)).sum() / (theta**2).mean()
    return delta


# %% 8.4 one step
def fixed_point_delta(curvature, theta):
    eigenvalues = np.linalg.eigvalsh(curvature)
    return (eigenvalues / (eigenvalues + 1)).sum() / (theta @ theta)


# %% 8.4 ten steps, however far it still moves
def fixed_point_delta(curvature, theta):
    eigenvalues, delta = np.linalg.eigvalsh(curvature), 1.0
    for _ in range(10):
        delta = (eigenvalues / (eigenvalues + delta)).sum() / (theta @ theta)
    return delta


# %% 8.4 the number of the tutorial
def fixed_point_delta(curvature, theta):
    return polynomial_laplace(9, 1.0).optimize_prior_precision("mackay").model.prior_precision


# %% 8.4 right, by a root
def fixed_point_delta(curvature, theta):
    from scipy.optimize import brentq

    def off(t):
        inverse = np.linalg.inv(curvature + np.exp(t) * np.eye(len(theta)))
        return np.exp(t) * theta @ theta - len(theta) + np.exp(t) * np.trace(inverse)

    return np.exp(brentq(off, -12, 12, xtol=1e-12))


# %% 8.5 the bias is missing?
def log_density(x, y, degree, sigma, delta):
    Phi = polynomials(x, degree)
    L = np.linalg.cholesky(sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta)
    white = np.linalg.solve(L, y)
    return -0.5 * white @ white - np.log(np.diag(L)).sum() - len(x) / 2 * np.log(2 * np.pi)


# %% 8.5 sigma counts as a variance?
def log_density(x, y, degree, sigma, delta):
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    L = np.linalg.cholesky(sigma * np.eye(len(x)) + Phi @ Phi.T / delta)
    white = np.linalg.solve(L, y)
    return -0.5 * white @ white - np.log(np.diag(L)).sum() - len(x) / 2 * np.log(2 * np.pi)


# %% 8.5 times delta in place of over it?
def log_density(x, y, degree, sigma, delta):
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    L = np.linalg.cholesky(sigma**2 * np.eye(len(x)) + delta * Phi @ Phi.T)
    white = np.linalg.solve(L, y)
    return -0.5 * white @ white - np.log(np.diag(L)).sum() - len(x) / 2 * np.log(2 * np.pi)


# %% 8.5 the 2 pi is missing?
def log_density(x, y, degree, sigma, delta):
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    L = np.linalg.cholesky(sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta)
    white = np.linalg.solve(L, y)
    return -0.5 * white @ white - np.log(np.diag(L)).sum()


# %% 8.5 half of the sum over L's diagonal, which is half of log det already?
def log_density(x, y, degree, sigma, delta):
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    L = np.linalg.cholesky(sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta)
    white = np.linalg.solve(L, y)
    return -0.5 * (white @ white + np.log(np.diag(L)).sum() + len(x) * np.log(2 * np.pi))


# %% 8.5 a determinant that is zero in floating point
def log_density(x, y, degree, sigma, delta):
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    covariance = sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta
    with np.errstate(divide="ignore"):
        log_det = np.log(np.linalg.det(covariance))
    return -0.5 * (y @ np.linalg.solve(covariance, y) + log_det + len(x) * np.log(2 * np.pi))


# %% 8.5 right, by slogdet
def log_density(x, y, degree, sigma, delta):
    Phi = np.polynomial.legendre.legvander(x, degree)
    covariance = sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return -0.5 * (y @ np.linalg.solve(covariance, y) + log_det)


# %% 9.1 one byte for each number, not eight?
def widest(D, C, n_bytes):
    return int(np.sqrt((n_bytes - D**2 - C**2) / 2))


# %% 9.1 one factor of H x H, not two?
def widest(D, C, n_bytes):
    return int(np.sqrt(n_bytes / 8 - D**2 - C**2))


# %% 9.1 the biases counted in A?
def widest(D, C, n_bytes):
    H = 1
    while n_bytes >= 8 * ((D + 1) ** 2 + H**2 + (H + 1) ** 2 + C**2):
        H += 1
    return H - 1


# %% 9.1 rounded up, which does not fit?
def widest(D, C, n_bytes):
    return np.ceil(np.sqrt((n_bytes / 8 - D**2 - C**2) / 2))


# %% 9.1 the full matrix
def widest(D, C, n_bytes):
    return int((np.sqrt(n_bytes / 8) - C) / (D + 1 + C))


# %% 9.1 right, by trying
def widest(D, C, n_bytes):
    H = 1
    while n_bytes >= 8 * (D**2 + 2 * (H + 1) ** 2 + C**2):
        H += 1
    return H


# %% 9.2 the prior is missing?
def diagonal_variance(J, curvature, delta):
    return (J**2 / np.diag(curvature)).sum(axis=1)


# %% 9.2 the prior twice?
def diagonal_variance(J, curvature, delta):
    return (J**2 / (np.diag(curvature) + 2 * delta)).sum(axis=1)


# %% 9.2 the full posterior's variance?
def diagonal_variance(J, curvature, delta):
    return np.einsum("np,pq,nq->n", J, np.linalg.inv(curvature + delta * np.eye(len(curvature))), J)


# %% 9.2 a deviation, the root of the variance?
def diagonal_variance(J, curvature, delta):
    return np.sqrt((J**2 / (np.diag(curvature) + delta)).sum(axis=1))


# %% 9.2 the diagonal of the inverse in place of the inverse of the diagonal
def diagonal_variance(J, curvature, delta):
    return J**2 @ np.diag(np.linalg.inv(curvature + delta * np.eye(len(curvature))))


# %% 9.2 that of the fitted posterior, whatever the prior
def diagonal_variance(J, curvature, delta):
    return J**2 @ fitted["diag"].posterior.variance()


# %% 9.2 right, with matrices
def diagonal_variance(J, curvature, delta):
    Sigma = np.diag(1 / np.diag(curvature + delta * np.eye(len(curvature))))
    return np.diag(J @ Sigma @ J.T)


# %% 9.3 the exact block, a sum of products?
def kfac_block(D, a):
    return sum(np.kron(np.outer(d, d), np.outer(a_n, a_n)) for d, a_n in zip(D, a, strict=True))


# %% 9.3 a sum in A, not a mean?
def kfac_block(D, a):
    return np.kron(D.T @ D, a.T @ a)


# %% 9.3 a mean in B, not a sum?
def kfac_block(D, a):
    return np.kron(D.T @ D / len(D), a.T @ a / len(a))


# %% 9.3 A and B the other way round?
def kfac_block(D, a):
    return np.kron(a.T @ a / len(a), D.T @ D)


# %% 9.3 covariances, with the means taken off
def kfac_block(D, a):
    return np.kron(len(D) * np.cov(D.T, bias=True), np.cov(a.T, bias=True))


# %% 9.3 right, with the mean in B
def kfac_block(D, a):
    return np.einsum("nh,nk,mi,mj->hikj", D, D, a, a).reshape(6, 6) / len(D)


# %% 9.4 K_** alone, the variance before the data?
def process_variance(J_data, J_new, noise_variance, delta):
    return (J_new**2).sum(axis=1) / delta


# %% 9.4 delta is missing in K?
def process_variance(J_data, J_new, noise_variance, delta):
    K, K_star = J_data @ J_data.T, J_new @ J_data.T
    told = np.linalg.solve(K + noise_variance * np.eye(len(K)), K_star.T)
    return (J_new**2).sum(axis=1) - (K_star * told.T).sum(axis=1)


# %% 9.4 the noise's deviation in place of its variance?
def process_variance(J_data, J_new, noise_variance, delta):
    K, K_star = J_data @ J_data.T / delta, J_new @ J_data.T / delta
    told = np.linalg.solve(K + np.sqrt(noise_variance) * np.eye(len(K)), K_star.T)
    return (J_new**2).sum(axis=1) / delta - (K_star * told.T).sum(axis=1)


# %% 9.4 a new target's, with the noise on top?
def process_variance(J_data, J_new, noise_variance, delta):
    K, K_star = J_data @ J_data.T / delta, J_new @ J_data.T / delta
    told = np.linalg.solve(K + noise_variance * np.eye(len(K)), K_star.T)
    return (J_new**2).sum(axis=1) / delta - (K_star * told.T).sum(axis=1) + noise_variance


# %% 9.4 the second term added, not taken off?
def process_variance(J_data, J_new, noise_variance, delta):
    K, K_star = J_data @ J_data.T / delta, J_new @ J_data.T / delta
    told = np.linalg.solve(K + noise_variance * np.eye(len(K)), K_star.T)
    return (J_new**2).sum(axis=1) / delta + (K_star * told.T).sum(axis=1)


# %% 9.4 that of the text, whatever is asked for
def process_variance(J_data, J_new, noise_variance, delta):
    return V_full[: len(J_new), 0, 0]


# %% 9.4 right, from the weights
def process_variance(J_data, J_new, noise_variance, delta):
    precision = J_data.T @ J_data / noise_variance + delta * np.eye(J_data.shape[1])
    return (J_new * np.linalg.solve(precision, J_new.T).T).sum(axis=1)


# %% 9.5 the two the other way round?
def two_covariances(precision, kept):
    conditional = np.linalg.inv(precision[np.ix_(kept, kept)])
    return np.stack([np.linalg.inv(precision)[np.ix_(kept, kept)], conditional])


# %% 9.5 both with the others held fixed?
def two_covariances(precision, kept):
    return np.stack([np.linalg.inv(precision[np.ix_(kept, kept)])] * 2)


# %% 9.5 both with the others varying along?
def two_covariances(precision, kept):
    return np.stack([np.linalg.inv(precision)[np.ix_(kept, kept)]] * 2)


# %% 9.5 precisions, not covariances?
def two_covariances(precision, kept):
    marginal = np.linalg.inv(precision)[np.ix_(kept, kept)]
    return np.stack([precision[np.ix_(kept, kept)], np.linalg.inv(marginal)])


# %% 9.5 the block of the precision, not inverted?
def two_covariances(precision, kept):
    block = np.ix_(kept, kept)
    return np.stack([precision[block], np.linalg.inv(precision)[block]])


# %% 9.5 those of the last layer
def two_covariances(precision, kept):
    return np.stack([fitted["last layer"].posterior.covariance(), covariances["full"][8:, 8:]])


# %% 9.5 right, by Schur complements
def two_covariances(precision, kept):
    rest = np.setdiff1d(np.arange(len(precision)), kept)
    Sigma = np.linalg.inv(precision)
    across = Sigma[np.ix_(kept, rest)]
    told = across @ np.linalg.solve(Sigma[np.ix_(rest, rest)], across.T)
    return Sigma[np.ix_(kept, kept)] - told, Sigma[np.ix_(kept, kept)]


# %% 10.1 the noise is missing?
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    return np.einsum("np,pq,nq->n", J, la.posterior.covariance(), J)[:, None]


# %% 10.1 the noise's standard deviation, not its variance?
def predictive_variance(la, x):
    return la.glm_predictive_distribution(x)[1][:, :, 0] + la.model.likelihood.sigma_noise


# %% 10.1 standard deviations added?
def predictive_variance(la, x):
    return (np.sqrt(la.glm_predictive_distribution(x)[1][:, :, 0]) + la.model.likelihood.sigma_noise) ** 2


# %% 10.1 a standard deviation, not a variance?
def predictive_variance(la, x):
    return np.sqrt(la.glm_predictive_distribution(x)[1][:, :, 0] + la.model.likelihood.sigma_noise**2)


# %% 10.1 the noise alone?
def predictive_variance(la, x):
    return np.full((len(x), 1), la.model.likelihood.sigma_noise**2)


# %% 10.1 the precision for the covariance
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    return np.einsum("np,pq,nq->n", J, la.posterior.precision(), J)[:, None] + la.model.likelihood.sigma_noise**2


# %% 10.1 right, by the root of the covariance
def predictive_variance(la, x):
    J = la.model.network.jacobian(la.theta, x)[:, 0]
    z = np.linalg.solve(np.linalg.cholesky(la.posterior.precision()), J.T)
    return la.model.likelihood.sigma_noise**2 + np.sum(z**2, axis=0)[:, None]


# %% 10.2 gamma is not taken off?
def noise_of(residuals, gamma):
    return np.sqrt(np.mean(residuals**2))


# %% 10.2 gamma is added?
def noise_of(residuals, gamma):
    return np.sqrt((residuals**2).sum() / (len(residuals) + gamma))


# %% 10.2 the variance, not the standard deviation?
def noise_of(residuals, gamma):
    return (residuals**2).sum() / (len(residuals) - gamma)


# %% 10.2 1 taken off, as for a sample's variance?
def noise_of(residuals, gamma):
    return np.linalg.norm(residuals) / np.sqrt(len(residuals) - 1)


# %% 10.2 the mean of the residuals taken off, as `np.std` does?
def noise_of(residuals, gamma):
    return np.std(residuals, ddof=gamma)


# %% 10.2 what `marglik_training` found
def noise_of(residuals, gamma):
    return sigma


# %% 10.2 right, with norms
def noise_of(residuals, gamma):
    return np.linalg.norm(residuals) * (len(residuals) - gamma) ** -0.5


# %% 10.3 the variance in place of its root?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= ndtri((1 + level) / 2) * variance).mean()


# %% 10.3 an interval that leaves 1 - level on each side?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= abs(ndtri(level)) * np.sqrt(variance)).mean()


# %% 10.3 one side only?
def coverage(mean, variance, y, level):
    return (y <= mean + ndtri((1 + level) / 2) * np.sqrt(variance)).mean()


# %% 10.3 the share outside?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) > ndtri((1 + level) / 2) * np.sqrt(variance)).mean()


# %% 10.3 the number, not the share?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= ndtri((1 + level) / 2) * np.sqrt(variance)).sum()


# %% 10.3 does it use `level`?
def coverage(mean, variance, y, level):
    return (np.abs(y - mean) <= 1.6448536 * np.sqrt(variance)).mean()


# %% 10.3 right, by the probability of anything smaller
def coverage(mean, variance, y, level):
    return np.mean(np.abs(ndtr((y - mean) / np.sqrt(variance)) - 0.5) <= level / 2)


# %% 10.4 not squared?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return np.abs(ndtr((t - mean) / sd) - (t >= y)).sum() * (t[1] - t[0])


# %% 10.4 the variance in place of its root?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr((t - mean) / sd**2) - (t >= y)) ** 2).sum() * (t[1] - t[0])


# %% 10.4 the prediction is not used?
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr(t) - (t >= y)) ** 2).sum() * (t[1] - t[0])


# %% 10.4 the absolute error?
def area(y, mean, sd):
    return abs(y - mean)


# %% 10.4 a grid around the mean, of which the target may be outside
def area(y, mean, sd):
    t = np.linspace(mean - 6 * sd, mean + 6 * sd, 20_001)
    return ((ndtr((t - mean) / sd) - (y <= t)) ** 2).sum() * (t[1] - t[0])


# %% 10.4 a mean over the grid, not an area
def area(y, mean, sd):
    t = np.linspace(-30, 30, 300_001)
    return ((ndtr((t - mean) / sd) - (t >= y)) ** 2).mean()


# %% 10.4 right, by the closed form
def area(y, mean, sd):
    z = (y - mean) / sd
    return sd * (z * (2 * ndtr(z) - 1) + np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) - 1 / np.sqrt(np.pi))


# %% 10.4 right, by the trapezoidal rule
def area(y, mean, sd):
    t = np.arange(-30, 30, 1e-4)
    height = np.where(t < y, ndtr((t - mean) / sd), ndtr((mean - t) / sd)) ** 2
    return (height[1:] + height[:-1]).sum() / 2 * 1e-4


# %% 10.5 the uncertainty of the noise is missing?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1]) + f_cov[:, 0, 0]


# %% 10.5 the uncertainty of the mean is missing?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 1, 1] / 2)


# %% 10.5 V_ss without its 1/2?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 1, 1]) + f_cov[:, 0, 0]


# %% 10.5 s taken for the logarithm of a standard deviation?
def total_variance(f_mean, f_cov):
    return np.exp(2 * f_mean[:, 1] + 2 * f_cov[:, 1, 1]) + f_cov[:, 0, 0]


# %% 10.5 V_mm and V_ss swapped?
def total_variance(f_mean, f_cov):
    return np.exp(f_mean[:, 1] + f_cov[:, 0, 0] / 2) + f_cov[:, 1, 1]


# %% 10.5 the three places of the text, whatever is asked
def total_variance(f_mean, f_cov):
    return la_two.predict(np.resize(places, (4, 1))).variance[:, 0]


# %% 10.5 right, by Gauss and Hermite
def total_variance(f_mean, f_cov):
    z, w = np.polynomial.hermite_e.hermegauss(60)
    noises = np.exp(f_mean[:, 1:] + np.sqrt(f_cov[:, 1, 1])[:, None] * z)
    return noises @ w / w.sum() + f_cov[:, 0, 0]


# %% 11.1 over the samples in place of the classes?
def my_softmax(f):
    shifted = np.exp(f - f.max(axis=0))
    return shifted / shifted.sum(axis=0)


# %% 11.1 not divided by the sum?
def my_softmax(f):
    return np.exp(f - f.max(axis=1, keepdims=True))


# %% 11.1 divided by the sum of all rows?
def my_softmax(f):
    shifted = np.exp(f - f.max(axis=1, keepdims=True))
    return shifted / shifted.sum()


# %% 11.1 the logarithm of the probabilities?
def my_softmax(f):
    shifted = f - f.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


# %% 11.1 with overflow
def my_softmax(f):
    with np.errstate(all="ignore"):
        return np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)


# %% 11.1 the largest of all, so that whole rows vanish
def my_softmax(f):
    shifted = np.exp(f - f.max())
    with np.errstate(all="ignore"):
        return shifted / shifted.sum(axis=1, keepdims=True)


# %% 11.1 right, by the differences of logits
def my_softmax(f):
    with np.errstate(over="ignore"):
        return 1 / np.exp(f[:, None, :] - f[:, :, None]).sum(axis=2)


# %% 11.2 the covariance of the two logits is missing?
def my_mean_field(m, V):
    v = np.diagonal(V, axis1=1, axis2=2)
    d = (m[:, :, None] - m[:, None, :]) / np.sqrt(
        1 + np.pi / 8 * (v[:, :, None] + v[:, None, :] - 2 * v[:, :, None] * np.eye(4))
    )
    p = 1 / np.exp(-d).sum(axis=2)
    return p / p.sum(axis=1, keepdims=True)


# %% 11.2 the covariance taken off once, not twice?
def my_mean_field(m, V):
    v = np.diagonal(V, axis1=1, axis2=2)
    d = (m[:, :, None] - m[:, None, :]) / np.sqrt(1 + np.pi / 8 * (v[:, :, None] + v[:, None, :] - V))
    p = 1 / np.exp(-d).sum(axis=2)
    return p / p.sum(axis=1, keepdims=True)


# %% 11.2 not divided by their sum over the classes?
def my_mean_field(m, V):
    variance = np.diagonal(V, axis1=1, axis2=2)
    of_differences = variance[:, :, None] + variance[:, None, :] - 2 * V
    return 1 / np.exp((m[:, None, :] - m[:, :, None]) / np.sqrt(1 + np.pi / 8 * of_differences)).sum(axis=2)


# %% 11.2 the factor pi / 8 is missing?
def my_mean_field(m, V):
    v = np.diagonal(V, axis1=1, axis2=2)
    d = (m[:, :, None] - m[:, None, :]) / np.sqrt(1 + v[:, :, None] + v[:, None, :] - 2 * V)
    p = 1 / np.exp(-d).sum(axis=2)
    return p / p.sum(axis=1, keepdims=True)


# %% 11.2 m_j - m_c in place of m_c - m_j?
def my_mean_field(m, V):
    v = np.diagonal(V, axis1=1, axis2=2)
    d = (m[:, None, :] - m[:, :, None]) / np.sqrt(1 + np.pi / 8 * (v[:, :, None] + v[:, None, :] - 2 * V))
    p = 1 / np.exp(-d).sum(axis=2)
    return p / p.sum(axis=1, keepdims=True)


# %% 11.2 the probit link?
def my_mean_field(m, V):
    return softmax(m / np.sqrt(1 + np.pi / 8 * np.diagonal(V, axis1=1, axis2=2)), axis=1)


# %% 11.2 right, class by class
def my_mean_field(m, V):
    p = np.empty_like(m)
    for n in range(len(m)):
        for c in range(m.shape[1]):
            v = np.diag(V[n])
            kappa = 1 / np.sqrt(1 + np.pi / 8 * (v[c] + v - 2 * V[n, c]))
            p[n, c] = 1 / np.exp(kappa * (m[n] - m[n, c])).sum()
    return p / p.sum(axis=1)[:, None]


# %% 11.3 the bins counted alike, full or not?
def my_ece(confidence, correct):
    errors = []
    for b in range(1, 11):
        in_bin = np.ceil(10 * confidence) == b
        if in_bin.any():
            errors.append(abs(correct[in_bin].mean() - confidence[in_bin].mean()))
    return np.mean(errors)


# %% 11.3 the largest error of a bin?
def my_ece(confidence, correct):
    number = np.ceil(10 * confidence)
    return max(abs((correct[number == b] - confidence[number == b]).mean()) for b in np.unique(number))


# %% 11.3 signs that cancel?
def my_ece(confidence, correct):
    return abs(correct.mean() - confidence.mean())


# %% 11.3 of single predictions, not of bins?
def my_ece(confidence, correct):
    return np.abs(correct - confidence).mean()


# %% 11.3 a confidence of 1 in a bin of its own?
def my_ece(confidence, correct):
    number = np.floor(10 * confidence)
    return sum(abs((correct[number == b] - confidence[number == b]).sum()) for b in np.unique(number)) / len(correct)


# %% 11.3 that of the digits
def my_ece(confidence, correct):
    return expected_calibration_error(p_sure, y_test)


# %% 11.3 right, by sums
def my_ece(confidence, correct):
    number = np.minimum((10 * confidence).astype(int), 9)
    return np.abs(np.bincount(number, weights=confidence - correct)).sum() / len(correct)


# %% 11.4 the share that is let through?
def false_alarms(inside, outside, recall):
    return (inside < np.quantile(outside, 1 - recall)).mean()


# %% 11.4 1 - recall in place of recall?
def false_alarms(inside, outside, recall):
    return (inside >= np.quantile(outside, recall, method="higher")).mean()


# %% 11.4 inside and outside exchanged?
def false_alarms(inside, outside, recall):
    return fpr_at_recall(outside, inside, recall)


# %% 11.4 the share of the outside, which is the recall?
def false_alarms(inside, outside, recall):
    return (outside >= np.quantile(outside, 1 - recall) - 1e-12).mean()


# %% 11.4 an alarm for low scores?
def false_alarms(inside, outside, recall):
    return (inside <= np.quantile(outside, recall) + 1e-12).mean()


# %% 11.4 a threshold from the inside
def false_alarms(inside, outside, recall):
    return (inside >= np.quantile(inside, recall)).mean()


# %% 11.4 right, by np.quantile
def false_alarms(inside, outside, recall):
    return np.mean(inside >= np.quantile(outside, 1 - recall))


# %% 11.4 right, by trying all thresholds
def false_alarms(inside, outside, recall):
    return min((inside >= t).mean() for t in outside if (outside >= t).mean() >= recall)


# %% 12.1 the probability of the average logit?
def ensemble_predicts(f):
    return expit(f.mean(axis=0))


# %% 12.1 the average logit, which is no probability?
def ensemble_predicts(f):
    return f.mean(axis=0)


# %% 12.1 the share of members that vote for class 1?
def ensemble_predicts(f):
    return np.mean(expit(f) > 0.5, axis=0)


# %% 12.1 one member alone?
def ensemble_predicts(f):
    return expit(f[0])


# %% 12.1 the probability of class 0?
def ensemble_predicts(f):
    return expit(-f).mean(axis=0)


# %% 12.1 that of the text
def ensemble_predicts(f):
    return average(model, members, X[: f.shape[1]])


# %% 12.1 right, one after the other
def ensemble_predicts(f):
    p = 0
    for member in f:
        p = p + 1 / (1 + np.exp(-member))
    return p / len(f)


# %% 12.2 those that speak do not speak up?
def with_silent_units(units, speaks, rate, W, b):
    return units * speaks @ W.T + b


# %% 12.2 times 1 - rate, not over it?
def with_silent_units(units, speaks, rate, W, b):
    return units * speaks * (1 - rate) @ W.T + b


# %% 12.2 over the rate, not over 1 - rate?
def with_silent_units(units, speaks, rate, W, b):
    return units * speaks / rate @ W.T + b


# %% 12.2 the bias speaks up, too?
def with_silent_units(units, speaks, rate, W, b):
    return (units * speaks @ W.T + b) / (1 - rate)


# %% 12.2 the bias is missing?
def with_silent_units(units, speaks, rate, W, b):
    return units * speaks / (1 - rate) @ W.T


# %% 12.2 the silent ones speak, and the others do not?
def with_silent_units(units, speaks, rate, W, b):
    return units * (1 - speaks) / (1 - rate) @ W.T + b


# %% 12.2 right, less the silent units
def with_silent_units(units, speaks, rate, W, b):
    silent = speaks == 0
    return ((units @ W.T) - units[:, silent] @ W[:, silent].T) / (1 - rate) + b


# %% 12.2 right, by the columns of W
def with_silent_units(units, speaks, rate, W, b):
    return units @ (W * speaks / (1 - rate)).T + b


# %% 12.3 with the momentum turned around?
def start_of(position, momentum, n_steps, step):
    return roll(position, -momentum, n_steps, step)


# %% 12.3 rolled on, not back?
def start_of(position, momentum, n_steps, step):
    return roll(position, momentum, n_steps, step)


# %% 12.3 the end, not the start?
def start_of(position, momentum, n_steps, step):
    return position, momentum


# %% 12.3 steps of 0.3, whatever the step?
def start_of(position, momentum, n_steps, step):
    position, momentum = roll(position, -momentum, n_steps)
    return position, -momentum


# %% 12.3 one step back?
def start_of(position, momentum, n_steps, step):
    position, momentum = roll(position, -momentum, 1, step)
    return position, -momentum


# %% 12.3 that of the text
def start_of(position, momentum, n_steps, step):
    return 1.0, 0.5


# %% 12.3 right, by the mirror image, in a landscape that is the same on both sides
def start_of(position, momentum, n_steps, step):
    position, momentum = roll(-position, momentum, n_steps, step)
    return -position, momentum


# %% 12.3 right, by steps of minus the size
def start_of(position, momentum, n_steps, step):
    return roll(position, momentum, n_steps, -step)


# %% 12.4 inside larger than outside?
def area_under_roc(inside, outside):
    return np.mean(inside[:, None] > outside) + 0.5 * np.mean(inside[:, None] == outside)


# %% 12.4 a tie counts nothing?
def area_under_roc(inside, outside):
    return np.mean(outside[:, None] > inside)


# %% 12.4 a tie counts one?
def area_under_roc(inside, outside):
    return np.mean(outside[:, None] >= inside)


# %% 12.4 a number of pairs, not a share?
def area_under_roc(inside, outside):
    return np.sum(outside[:, None] > inside) + 0.5 * np.sum(outside[:, None] == inside)


# %% 12.4 whether outside is larger on average
def area_under_roc(inside, outside):
    return float(outside.mean() > inside.mean())


# %% 12.4 right, by ranks
def area_under_roc(inside, outside):
    from scipy.stats import rankdata

    n = len(outside)
    of_outside = rankdata(np.concatenate([outside, inside]))[:n].sum()
    return (of_outside - n * (n + 1) / 2) / (n * len(inside))


# %% 12.4 right, by loops
def area_under_roc(inside, outside):
    count = sum((b > a) + (b == a) / 2 for a in inside for b in outside)
    return count / len(inside) / len(outside)


# %% 12.5 as if splits were independent?
def half_width(x, test_over_train):
    return student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))


# %% 12.5 the sum of squares over J, not over J - 1?
def half_width(x, test_over_train):
    J = len(x)
    return student.ppf(0.975, J - 1) * np.sqrt((1 / J + test_over_train) * x.var())


# %% 12.5 the whole width?
def half_width(x, test_over_train):
    J = len(x)
    return 2 * student.ppf(0.975, J - 1) * np.sqrt((1 / J + test_over_train) * x.var(ddof=1))


# %% 12.5 J degrees of freedom, not J - 1?
def half_width(x, test_over_train):
    J = len(x)
    return student.ppf(0.975, J) * np.sqrt((1 / J + test_over_train) * x.var(ddof=1))


# %% 12.5 the variance without its root?
def half_width(x, test_over_train):
    J = len(x)
    return student.ppf(0.975, J - 1) * (1 / J + test_over_train) * x.var(ddof=1)


# %% 12.5 1.96 deviations, as of a Gaussian
def half_width(x, test_over_train):
    return 1.96 * np.sqrt((1 / len(x) + test_over_train) * x.var(ddof=1))


# %% 12.5 right, written out
def half_width(x, test_over_train):
    J = len(x)
    s2 = np.sum((x - np.mean(x)) ** 2) / (J - 1)
    return student(J - 1).isf(0.025) * (s2 / J + s2 * test_over_train) ** 0.5


# %% 13.1 the prior of each laboratory counts?
def merged(precisions, delta):
    return sum(precisions)


# %% 13.1 no prior is left?
def merged(precisions, delta):
    return sum(A - delta * np.eye(len(A)) for A in precisions)


# %% 13.1 a mean in place of the sum?
def merged(precisions, delta):
    return np.mean(precisions, axis=0)


# %% 13.1 delta taken off all entries, not off the diagonal?
def merged(precisions, delta):
    return sum(precisions) - (len(precisions) - 1) * delta


# %% 13.1 covariances added in place of precisions?
def merged(precisions, delta):
    return np.linalg.inv(sum(np.linalg.inv(A) for A in precisions))


# %% 13.1 that of the text
def merged(precisions, delta):
    return whole.posterior.precision()


# %% 13.1 right, one after the other
def merged(precisions, delta):
    total = delta * np.eye(len(precisions[0]))
    for A in precisions:
        total = total + A - delta * np.eye(len(A))
    return total


# %% 13.2 yesterday's mean is missing?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, Phi.T @ y / sigma**2)


# %% 13.2 yesterday is forgotten?
def next_day(mu, Lambda, X, y, sigma):
    return np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]


# %% 13.2 the covariance, Lambda's inverse?
def next_day(mu, Lambda, X, y, sigma):
    Phi, Sigma = np.column_stack([X, np.ones(len(X))]), np.linalg.inv(Lambda)
    return np.linalg.solve(Sigma + Phi.T @ Phi / sigma**2, Sigma @ mu + Phi.T @ y / sigma**2)


# %% 13.2 sigma in place of its square?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma, Lambda @ mu + Phi.T @ y / sigma)


# %% 13.2 Lambda is not applied to mu?
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, mu + Phi.T @ y / sigma**2)


# %% 13.2 the ones before x
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([np.ones(len(X)), X])
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, Lambda @ mu + Phi.T @ y / sigma**2)


# %% 13.2 right, by the residuals of yesterday's mean
def next_day(mu, Lambda, X, y, sigma):
    Phi = np.column_stack([X, np.ones(len(X))])
    Sigma = np.linalg.inv(Lambda)
    return mu + Sigma @ Phi.T @ np.linalg.solve(Phi @ Sigma @ Phi.T + sigma**2 * np.eye(len(X)), y - Phi @ mu)


# %% 13.3 k for 1 / k, which makes the data count less?
def of_copies(la, k):
    return la.under(temperature=k).posterior.precision()


# %% 13.3 the prior counts k times, too?
def of_copies(la, k):
    return k * la.posterior.precision()


# %% 13.3 the prior is missing?
def of_copies(la, k):
    return k * (la.posterior.precision() - la.model.prior_precision * np.eye(len(la.theta)))


# %% 13.3 the prior k times weaker, which makes k times the covariance?
def of_copies(la, k):
    return la.under(prior_precision=la.model.prior_precision / k).posterior.precision()


# %% 13.3 k - 1 copies?
def of_copies(la, k):
    P = la.posterior.precision()
    return P + (k - 2) * (P - la.model.prior_precision * np.eye(len(P)))


# %% 13.3 does it use `k`?
def of_copies(la, k):
    return la.under(temperature=0.5).posterior.precision()


# %% 13.3 right, without a temperature
def of_copies(la, k):
    return k * la.posterior.precision() - (k - 1) * la.model.prior_precision * np.eye(len(la.theta))


# %% 13.4 weights column by column?
def flattened(state):
    return np.concatenate([array.T.ravel() for array in state.values()])


# %% 13.4 all weights before all biases?
def flattened(state):
    arrays = sorted(state.values(), key=lambda array: -array.ndim)
    return np.concatenate([array.ravel() for array in arrays])


# %% 13.4 the biases are missing?
def flattened(state):
    return np.concatenate([array.ravel() for array in state.values() if array.ndim == 2])


# %% 13.4 each bias before its weight?
def flattened(state):
    weights = [name for name in state if name.endswith("weight")]
    return np.concatenate([np.append(state[name.replace("weight", "bias")], state[name]) for name in weights])


# %% 13.4 from the last layer to the first?
def flattened(state):
    layers = sorted({name.split(".")[0] for name in state}, key=int, reverse=True)
    return np.concatenate([state[f"{l}.{part}"].ravel() for l in layers for part in ("weight", "bias")])


# %% 13.4 the theta of the text
def flattened(state):
    return theta_carried


# %% 13.4 right, by names
def flattened(state):
    layers = sorted({name.split(".")[0] for name in state}, key=int)
    return np.hstack([np.append(state[f"{l}.weight"], state[f"{l}.bias"]) for l in layers])


# %% 14.1 the gradient in y, or y - f in place of f - y?
def student_gradient(f):
    r = y_student - f
    return (nu + 1) * r / (nu + r**2)


# %% 14.1 the residual, as for a Gaussian?
def student_gradient(f):
    return f - y_student


# %% 14.1 nu is missing below?
def student_gradient(f):
    r = f - y_student
    return (nu + 1) * r / (1 + r**2)


# %% 14.1 the inner derivative, that of r^2 / nu, is missing?
def student_gradient(f):
    return (nu + 1) / 2 / (1 + (f - y_student) ** 2 / nu)


# %% 14.1 a sum over the samples?
def student_gradient(f):
    r = f - y_student
    return np.sum((nu + 1) * r / (nu + r**2))


# %% 14.1 the numbers at one f, whatever is asked
def student_gradient(f):
    r = np.array([0.3, 0.5, 0.1, 0.2]) - y_student
    return (nu + 1) * r / (nu + r**2)


# %% 14.1 right, as it comes from the chain rule
def student_gradient(f):
    r = f - y_student
    return (nu + 1) / 2 * (2 * r / nu) / (1 + r**2 / nu)


# %% 14.2 not weighted with the density, or the gradient not squared, which both give 0?
def student_fisher(nu):
    return quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2, -np.inf, np.inf)[0]


# %% 14.2 half of the line?
def student_fisher(nu):
    return quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * student(nu).pdf(r), 0, np.inf)[0]


# %% 14.2 that of r at zero, not an average?
def student_fisher(nu):
    return (nu + 1) / nu


# %% 14.2 as for a Gaussian?
def student_fisher(nu):
    return 1


# %% 14.2 that of four degrees of freedom
def student_fisher(nu):
    return 5 / 7


# %% 14.2 a normal density in place of Student's
def student_fisher(nu):
    def integrand(r):
        return (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi)

    return quad(integrand, -np.inf, np.inf)[0]


# %% 14.2 right, the fraction
def student_fisher(nu):
    return (nu + 1) / (nu + 3)


# %% 14.2 right, the mean square of the gradient
def student_fisher(nu):
    return student(nu).expect(lambda r: ((nu + 1) * r / (nu + r**2)) ** 2)


# %% 14.3 the mean of those who saw a bus?
def mean_wait(seen, came):
    return np.sum(seen * came) / np.sum(came)


# %% 14.3 the mean of all, as if all had seen one?
def mean_wait(seen, came):
    return np.mean(seen)


# %% 14.3 divided by those who gave up?
def mean_wait(seen, came):
    return np.sum(seen) / np.sum(came == 0)


# %% 14.3 the two means added?
def mean_wait(seen, came):
    return seen[came == 1].mean() + seen[came == 0].mean()


# %% 14.3 f, the logarithm of it?
def mean_wait(seen, came):
    return np.log(seen.sum() / came.sum())


# %% 14.3 of the people of the text
def mean_wait(seen_by_them, came_to_them):
    return by_bisection(seen, came)


# %% 14.3 right, by the nll's minimum
def mean_wait(seen, came):
    from scipy.optimize import newton

    return np.exp(newton(lambda f: came.sum() - seen.sum() * np.exp(-f), np.log(seen.mean()), tol=1e-14))
