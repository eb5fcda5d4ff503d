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
def my_variances(X_new, delta):
    """Return the variance of the logit at X_new (M, 2) under the prior precision delta, (M,)."""
    J = model.network.jacobian(theta, X_new)[:, 0]  # (M, P)
    precision = ggn(model, theta, X, y) + delta * np.eye(model.network.n_params)
    return (J * np.linalg.solve(precision, J.T).T).sum(axis=1)


# %% 1.2
def agreeing_lambda(N):
    """Return the lambda with which training and Laplace step of the listing have one prior, a number."""
    return 1 / N  # N lambda^2 = lambda; so the second listing, with 100 samples and 0.01, is right by accident


# %% 1.3
def p_limit(d):
    """Return the plugin's probability of class 1 infinitely far out in the direction d (2,), a number."""
    (W_1, _), (W_2, b_2) = model.network.layers(theta)  # (32, 2), (32,), (1, 32), (1,)
    units = W_1 @ d > 0  # (32,) 1 where a unit's input goes to plus infinity
    return expit(W_2 @ units + b_2)[0]


# %% 1.4
def held_out_nll(prior_precision):
    """Return Laplace's mean nll of the held-out part under this prior, fitted anew."""
    candidate = replace(tumour_model, prior_precision=prior_precision)
    posterior = Laplace(candidate, fit_map(candidate, X_train, y_train, rng=0)).fit(X_train, y_train)
    return log_loss(y_test, posterior.predict(X_test))


# It is least near 1. The evidence chose 0.35, a third of that, which costs some hundredths of a nat a sample.


# %% 1.5
def furthest(X_new):
    """Return the largest distance between probit link and average at the inputs X_new (M, 2), a number."""
    return np.abs(la.predict(X_new, "quadrature") - la.predict(X_new)).max()


# %% 1.6 [markdown]
# The logit has the mean $m = r\, u^\top w + b$ and, with $J = (r u^\top, 1)$, the variance $V = J \Sigma J^\top = r^2\,
# u^\top \Sigma_w u + 2 r\, u^\top \Sigma_{wb} + \Sigma_{bb}$ (1). Divide numerator and denominator of the probit link's
# argument by $r$: the numerator tends to $u^\top w$, and the denominator, $\sqrt{1 / r^2 + \pi V / 8 r^2}$, to
# $\sqrt{\pi / 8}\, \sqrt{u^\top \Sigma_w u}$ (1). The quotient is $\sqrt{8 / \pi}\, z$, a finite number (1). It is 0,
# and the probability one half, only if $u^\top w = 0$, along the boundary; the plugin, $\sigma(r\, u^\top w + b)$,
# tends to 0 or 1 for all other $u$ (1).

# %% 1.7 [markdown]
# The published curvature is the empirical Fisher, a sum of squared gradients, and amid the squares the network fits
# well, so that its gradients nearly vanish (1). A small curvature is a small precision and a wide Gaussian: logits that
# the data does determine are said to be uncertain, and their average probability moves to one half (1). To be Bayesian
# is to be unsure of what the data leaves open; so change the curvature first, to the GGN or the Hessian, which count
# data that is well fitted, and then use one prior for training and Laplace (1).


# %% 2.1
def my_loss(theta):
    """Return the summed nll of X, y plus the prior's penalty, a number."""
    w, b = theta
    f = w * X[:, 0] + b
    s = 1 - 2 * y
    return np.logaddexp(0, s * f).sum() + 0.5 * model.prior_precision * theta @ theta


# %% 2.2
def my_gradient(theta):
    """Return the gradient of the loss, (2,)."""
    w, b = theta
    residual = expit(w * X[:, 0] + b) - y
    return np.array([residual @ X[:, 0], residual.sum()]) + model.prior_precision * theta


# %% 2.3
def my_precision(theta):
    """Return the second derivative of the loss, (2, 2), which at the MAP estimate is the posterior precision."""
    p = expit(X[:, 0] * theta[0] + theta[1])  # (N,)
    with_one = np.column_stack([X, np.ones(len(X))])  # (N, 2) rows (x, 1)
    return (with_one.T * p * (1 - p)) @ with_one + model.prior_precision * np.eye(2)


# %% 2.4
def newton(start, n_steps):
    """Return theta after so many steps from start; `model.gradient` and `hessian` give the derivatives."""
    t = start
    for _ in range(n_steps):
        H_t = hessian(model, t, X, y) + model.prior_precision * np.eye(2)
        t = t - np.linalg.solve(H_t, model.gradient(t, X, y))
    return t


# %% 2.5
def log_evidence(theta, H, delta):
    """Return Laplace's log evidence: log-likelihood, the prior's density, and the integral of the quadratic."""
    loss = replace(model, prior_precision=delta).loss(theta, X, y)
    return -loss + np.log(delta) - 0.5 * np.linalg.slogdet(H)[1]  # the (2 pi)^(P/2) cancel, and P/2 = 1


# %% 2.6 [markdown]
# The prior's density at the mode is $(\delta / 2\pi)^{P/2} e^{-\text{penalty}}$ (1). With the likelihood at the mode,
# and the quadratic in its place elsewhere, the integrand is that number times $e^{-\text{nll}} e^{-d^\top H d / 2}$
# (1), and the integral over $d$ gives $(2\pi)^{P/2} (\det H)^{-1/2}$ (1): $(2\pi)^{P/2}$ is divided by itself. A flat
# prior has no normalised density, so its factor $\delta^{P/2}$ goes to 0 and the evidence with it: there is none (1).

# %% 2.7 [markdown]
# The exact posterior is skewed: it has its tail on the side of large slopes, where the Gaussian has too little mass,
# and less than the Gaussian on the side of small ones (1). With few labels that are nearly separated, a steeper
# sigmoid explains them about as well as a less steep one, while a flatter one does not (1). With more samples the
# posterior narrows, to where the third derivative of the loss no longer matters, and the two agree (1).


# %% 3.1
def position(D, H, C, c, h):
    """Return the position of W_2[c, h] in theta, a whole number."""
    return H * D + H + c * H + h  # all of W_1 and b_1, then c rows, then h places


# %% 3.2
def my_forward(theta, X):
    """Return the outputs of `deep`, (N, 1)."""
    *hidden, (W, b) = deep.layers(theta)
    a = X
    for W_l, b_l in hidden:
        a = 1 / (1 + np.exp(-(a @ W_l.T + b_l)))
    return a @ W.T + b


# %% 3.3
def my_backward(theta, X, G):
    """Return the derivative of the sum of G * outputs in theta, (P,), in the order of theta."""
    trace = deep.trace(theta, X)
    delta, parts = G, []
    for l in (2, 1, 0):
        a = trace.inputs[l]
        parts = [(delta.T @ a).ravel(), delta.sum(axis=0), *parts]
        if l > 0:
            delta = (delta @ trace.weights[l]) * a * (1 - a)
    return np.concatenate(parts)


# %% 3.4
def repaired(t):
    """Return the gradient of `nll_soft`, (17,)."""
    (W_1, b_1), (W_2, b_2) = soft.layers(t)
    z_1 = X @ W_1.T + b_1
    a_1 = np.logaddexp(0, z_1)
    delta_2 = a_1 @ W_2.T + b_2 - y
    delta_1 = (delta_2 @ W_2) / (1 + np.exp(-z_1))  # the slope of softplus, where somebody had that of the sigmoid
    parts = [delta_1.T @ X, delta_1.sum(axis=0), delta_2.T @ a_1, delta_2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])


# %% 3.5
def motion(theta, X, v):
    """Return how fast the outputs of `network` move when theta moves by v (P,), (N, C)."""
    (W_1, b_1), (W_2, _) = network.layers(theta)
    (W_1_dot, b_1_dot), (W_2_dot, b_2_dot) = network.layers(v)
    a_1 = np.tanh(X @ W_1.T + b_1)
    a_1_dot = (1 - a_1**2) * (X @ W_1_dot.T + b_1_dot)
    return a_1 @ W_2_dot.T + a_1_dot @ W_2.T + b_2_dot


# %% 3.6 [markdown]
# $z_{l,j}$ acts on the number through every $z_{l+1,k}$ of the next layer, so the chain rule sums over $k$:
# $\delta_{l,j} = \sum_k \delta_{l+1,k}\, \partial z_{l+1,k} / \partial z_{l,j}$ (1). The derivative is
# $W_{l+1,kj}\, \mathrm{act}'(z_{l,j})$, because only the $j$-th term of the sum depends on $z_{l,j}$ (1). The factor
# $\mathrm{act}'(z_{l,j})$ does not depend on $k$, and $\sum_k \delta_{l+1,k} W_{l+1,kj}$ is the $j$-th entry of the row
# $\delta_{l+1} W_{l+1}$ (1). Last, $\partial z_{l,j} / \partial W_{l,ji} = a_{l-1,i}$, so one sample's derivative is
# $\delta_{l,j}\, a_{l-1,i}$, and the sum over samples the matrix product $\delta_l^\top a_{l-1}$, of the shape of $W_l$
# (1).

# %% 3.7 [markdown]
# Time: a thousand and one forward passes for each gradient, where back-propagation needs about three (1). Digits: the
# nll is known to a relative $2 \cdot 10^{-16}$, divided by $10^{-12}$ that leaves an error of some $10^{-4}$ to
# $10^{-2}$ in each derivative; the best step would be near $10^{-8}$, or $10^{-5}$ for central differences (1). They
# know nothing of the formulas, and that is their use: an independent check of a derivative, once, at a small network
# (1).


# %% 4.1
def my_fisher(theta, X, y):
    """Return the sum of J_n^T g_n g_n^T J_n over the samples, (P, P)."""
    g = model.likelihood.gradient(network.forward(theta, X), y)  # (N, C)
    rows = np.einsum("ncp,nc->np", network.jacobian(theta, X), g)  # (N, P) the gradient of every sample
    return rows.T @ rows


# %% 4.2
def my_lambda(p):
    """Return the second derivative of a sample's nll in its logits, (C, C), from its probabilities p (C,)."""
    return np.diag(p) - np.outer(p, p)


# %% 4.3
def factors(sigma):
    """Return two numbers: the factor of the GGN, and that of the empirical Fisher."""
    return [sigma**-2, sigma**-4]  # a gradient has 1 / sigma^2, as a curvature has, and it is squared


# %% 4.4
def hessian_times(t, v):
    """Return H v at the parameters t, (P,), without the prior's part."""
    h = 1e-4
    difference = model.gradient(t + h * v, X, y) - model.gradient(t - h * v, X, y)
    return difference / (2 * h) - model.prior_precision * v


# %% 4.5
def threshold(t):
    """Return the smallest prior precision with which the posterior precision at t has no negative eigenvalue."""
    return -eigvalsh(hessian(model, t, X, y)).min()  # the prior adds its precision to every eigenvalue


# %% 4.6 [markdown]
# $\sum_y p(y \mid f) = 1$ for every $f$; its derivative is $0 = \sum_y \nabla p = \sum_y p\, \nabla \log p$, because
# $\nabla p = p\, \nabla \log p$ (1). That is $\mathrm{E}[\nabla \log p] = -\mathrm{E}[g] = 0$ (1). Differentiate
# $\sum_y p\, \nabla \log p = 0$ again, by the product rule: $\sum_y (\nabla p\, \nabla \log p^\top + p\, \nabla^2 \log
# p) = \mathrm{E}[g g^\top] - \mathrm{E}[\Lambda] = 0$ (1). The Fisher information is $\sum_n J_n^\top \mathrm{E}[g_n
# g_n^\top] J_n = \sum_n J_n^\top \mathrm{E}[\Lambda_n] J_n$; it is the GGN where $\Lambda_n$ does not depend on $y$,
# and is its own average, as $p (1 - p)$ is (1).

# %% 4.7 [markdown]
# Training lets the gradients of the samples go to zero, those that it fits well first, and the empirical Fisher is the
# sum of their squares: it vanishes, and the posterior falls back to the prior, the surer the network is of its data
# (1). A squared gradient is the curvature only on average over labels that the model itself would draw, and the actual
# labels of a good fit are the ones with the small gradients (1). The GGN needs the Jacobian of the outputs and
# $\Lambda$, the second derivative of the nll in the outputs, still no second derivatives of the network; it counts how
# much a motion of the outputs would bend the nll, also where the label is met (1).


# %% 5.1
tempered_precision = ggn(model, theta, X, y) / 2 + model.prior_precision * np.eye(P)
tempered = Laplace(model, theta, temperature=2.0).fit(X, y)


# %% 5.2
log_det_covariance = -2 * np.log(np.diag(L)).sum()


# %% 5.3
L_tempered = cholesky(tempered.posterior.precision(), lower=True)
white = np.random.default_rng(5).standard_normal((P, 1))[:, 0]  # (P,)
theta_sample = theta + solve_triangular(L_tempered, white, lower=True, trans="T")  # (P,)


# %% 5.4
x_gap = np.array([[4.3]])
row = network.jacobian(theta, x_gap)[0, 0]  # (P,)
target_deviation = np.sqrt((solve_triangular(L, row, lower=True) ** 2).sum() + sigma**2)  # a number


# %% 5.5
pair = np.array([[4.3], [4.8]])
before, after = network.jacobian(theta, pair)[:, 0]  # (P,) each
variance_of_difference = (solve_triangular(L, after - before, lower=True) ** 2).sum()  # a number
curves = la.functional_samples(pair, 20_000, rng=0)[:, :, 0]  # (S, 2)
sampled = np.var(curves[:, 1] - curves[:, 0])
# %% 6.1
kappa = 1 / np.sqrt(1 + np.pi / 8 * V[:, 0, 0])
probabilities = expit(kappa * m[:, 0])

# %% 6.2
mean_f, variance_f = 0.7, 0.4
average = ndtr(mean_f / np.sqrt(1 + variance_f))  # e - f ~ N(-m, 1 + V)
nodes, weights = roots_hermitenorm(64)
expected = ndtr(mean_f + np.sqrt(variance_f) * nodes) @ weights / weights.sum()

# %% 6.3
m_zero, C = np.array([1.0, 0.5, -1.5]), 3
v = np.full(C, 0.8 * (1 - 1 / C))
alpha = (1 - 2 / C + np.exp(m_zero) * np.exp(-m_zero).sum() / C**2) / v
dirichlet_mean = alpha / alpha.sum()
certain_sum = Logits(m_zero[None], 0.8 * (np.eye(C) - 1 / C)[None] + 1e-12)
expected = bridge(Categorical(), certain_sum)[0]

# %% 6.4
ray = np.array([-0.6, 0.8])
w = la_linear.posterior.mean[:2]
Sigma_w = la_linear.posterior.covariance()[:2, :2]
z = ray @ w / np.sqrt(ray @ Sigma_w @ ray)
limit = expit(np.sqrt(8 / np.pi) * z)

# %% 6.5
X_multi, y_multi = toy_data_multi(80, rng=0)
multi = BayesianModel(MLP(2, 8, 4), Categorical(), prior_precision=0.3)
la_multi = Laplace(multi, fit_map(multi, X_multi, y_multi, rng=0)).fit(X_multi, y_multi)
p_s = softmax(la_multi.functional_samples(X_multi[::10], 500, rng=1), axis=2)


def mutual_information(p_s):
    """Return the entropy of the average less the average entropy, (N,)."""

    def entropy(p):
        return -(p * np.log(p)).sum(axis=-1)

    return entropy(p_s.mean(axis=0)) - entropy(p_s).mean(axis=0)


expected = la_multi.uncertainty(X_multi[::10], n_samples=500, rng=1).epistemic

# %% 7.1
sizes = np.array([50, 100, 200])
lam_where_they_agree = 1 / sizes  # N lambda^2 = lambda
expected = [brentq(lambda lam, N=N: N * lam**2 - lam, 1e-6, 10, xtol=1e-15) for N in sizes]

# %% 7.2
_, log_det = np.linalg.slogdet(la_9.posterior.precision())
occam = -0.5 * (log_det - 10 * np.log(1.0) + 1.0 * la_9.theta @ la_9.theta)
fit_term = -la_9.model.likelihood.nll(la_9.model.network.forward(la_9.theta, polynomials(x, 9)), y).sum()

# %% 7.3
delta_9 = 1.0
eigenvalues = np.linalg.eigvalsh(la_9.posterior.precision() - delta_9 * np.eye(10))
gamma_from_eigenvalues = (eigenvalues / (eigenvalues + delta_9)).sum()

# %% 7.4
curvature = la_9.posterior.precision() - np.eye(10)


def next_delta(delta):
    """Return gamma / |theta|^2."""
    eigenvalues = np.linalg.eigvalsh(curvature)
    return (eigenvalues / (eigenvalues + delta)).sum() / (la_9.theta @ la_9.theta)


delta_k = 1.0
for _ in range(100):
    delta_k = next_delta(delta_k)
by_library = polynomial_laplace(9, 1.0).optimize_prior_precision("mackay").model.prior_precision

# %% 7.5
features = np.column_stack([polynomials(x, 5), np.ones(20)])
L = np.linalg.cholesky(0.2**2 * np.eye(20) + features @ features.T)
white = np.linalg.solve(L, y)
log_density = -0.5 * white @ white - np.log(np.diag(L)).sum() - 10 * np.log(2 * np.pi)

# %% 8.1
numbers = sum(H**2 + I**2 for H, I in MLP(784, 256, 10).shapes)  # B is (H, H), A is (I, I)
parts = STRUCTURES["kron"](select(MLP(784, 256, 10), "all")).parts

# %% 8.2
J = model.network.jacobian(theta, line)
H = ggn(model, theta, X, y)
variance = (J[:, 0] ** 2 / (np.diag(H) + 0.3)).sum(axis=1)

# %% 8.3
(W1, b1), _ = model.network.layers(theta)
a = np.tanh(X @ W1.T + b1)
B = np.array([[len(X) / 0.3**2]])
A = a.T @ a / len(X)
H_W2 = np.kron(B, A)

# %% 8.4
J_data = model.network.jacobian(theta, X)[:, 0]
J_line = model.network.jacobian(theta, line)[:, 0]
K, K_star = J_data @ J_data.T / 0.3, J_line @ J_data.T / 0.3
told = np.linalg.solve(K + 0.09 * np.eye(len(X)), K_star.T)  # (N, 121)
variance_of_process = (J_line**2).sum(axis=1) / 0.3 - (K_star * told.T).sum(axis=1)

# %% 8.5
Lambda = precisions["full"]
conditional = np.linalg.solve(Lambda[8:, 8:], np.eye(5))
marginal = np.linalg.solve(Lambda, np.eye(13))[8:, 8:]
both = np.stack([conditional, marginal])
expected = np.stack([fitted["last layer"].posterior.covariance(), covariances["full"][8:, 8:]])

# %% 9.1
x_three = np.array([[1.0], [4.25], [9.0]])
m, V = la.glm_predictive_distribution(x_three)
variance = V[:, :, 0] + sigma**2

# %% 9.2
noise = np.sqrt(np.sum(residuals**2) / (len(residuals) - gamma))

# %% 9.3
mean, variance_new = (column[:, 0] for column in la.predict(X_new))
share = (np.abs(y_new - mean) <= 1.6448536 * np.sqrt(variance_new)).mean()

# %% 9.4
y_one = 0.4
t = np.linspace(-10, 10, 200_001) + 5e-5
score = ((ndtr(t) - (y_one <= t)) ** 2).sum() * (t[1] - t[0])

# %% 9.5
f_mean, f_cov = la_two.glm_predictive_distribution(places)
average_noise = np.exp(f_mean[:, 1] + f_cov[:, 1, 1] / 2)
total = average_noise + f_cov[:, 0, 0]
# %% 10.1
shifted = np.exp(f_large - f_large.max(axis=1, keepdims=True))
p_large = shifted / shifted.sum(axis=1, keepdims=True)

# %% 10.2
variance = np.diagonal(f_cov, axis1=1, axis2=2)  # (N, C)
differences = f_mean[:, :, None] - f_mean[:, None, :]  # (N, C, C)
of_differences = variance[:, :, None] + variance[:, None, :] - 2 * f_cov
p_mean_field = 1 / np.exp(-differences / np.sqrt(1 + np.pi / 8 * of_differences)).sum(axis=2)
p_mean_field /= p_mean_field.sum(axis=1, keepdims=True)

# %% 10.3
ece = 0.0
for b in range(1, 11):
    in_bin = np.ceil(10 * confidence) == b
    if in_bin.any():
        ece += in_bin.mean() * abs(correct[in_bin].mean() - confidence[in_bin].mean())

# %% 10.4
k = int(np.ceil(0.95 * len(unseen)))  # so many of the unseen must ring
threshold = np.sort(unseen)[::-1][k - 1]
false_alarms = (inside >= threshold).mean()

# %% 11.1
logits = np.stack([model.network.forward(member, X) for member in members])  # (5, N, 1)
p_ensemble = expit(logits).mean(axis=0)[:, 0]  # of the probabilities, not of the logits

# %% 11.2
(W_1, b_1), (W_2, b_2) = model.network.layers(theta)
units = expit(X @ W_1.T + b_1)  # (N, 32)
f_silent = units @ W_2.T + b_2 - units[:, [3]] * W_2[:, 3]

silent = np.ones_like(theta)
model.network.layers(silent)[1][0][:, 3] = 0

# %% 11.3
back = roll(there[0], -there[1], 10)

# %% 11.4
area = np.mean(outside[:, None] > inside) + 0.5 * np.mean(outside[:, None] == inside)

# %% 11.5
confidence, right = laplace_p.max(axis=1), laplace_p.argmax(axis=1) == images.y_test
edges = np.linspace(0, 1, 11)[1:-1]
in_bin = np.digitize(confidence, edges)[:, None] == np.arange(10)  # (N, 10)
error = np.abs((right - confidence) @ in_bin).sum() / len(right)

# %% 12.1
merged = A + B - delta * np.eye(len(A))  # the prior is in both, and counts once

# %% 12.2
precision = Lambda + Phi.T @ Phi / sigma**2
today_mean = np.linalg.solve(precision, Lambda @ mu + Phi.T @ y_2 / sigma**2)

# %% 12.3
precision_of_twice = whole.under(temperature=0.5).posterior.precision()  # curvature / T

# %% 12.4
by_hand = np.concatenate([array.ravel() for array in state.values()])

# %% 13.1


def student_gradient(f):
    """Return its gradient in f, (4,): bounded, so that an outlier pulls no more than others."""
    r = f - y_student
    return (nu + 1) * r / (nu + r**2)


# %% 13.2
fisher_student = quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * density(r), -np.inf, np.inf, epsabs=1e-12)[
    0
]

# %% 13.3
mean_wait = seen.sum() / came.sum()  # all the time that was waited, for each bus that came
