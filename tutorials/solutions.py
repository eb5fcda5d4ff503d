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


# It is least near 1. The evidence chose 0.35, a third of that, which costs about a hundredth of a nat a sample.


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
def tempered_precision(T):
    """Return the posterior precision at the temperature T, (P, P)."""
    return ggn(model, theta, X, y) / T + model.prior_precision * np.eye(P)


# %% 5.2
def log_det_covariance(L):
    """Return the log-determinant of the inverse of L L^T, a number."""
    return -2 * np.log(np.diag(L)).sum()


# %% 5.3
def draw_one(m, A, z):
    """Return a draw of the Gaussian with mean m (P,) and precision A (P, P), made of white noise z (P,)."""
    return m + solve_triangular(cholesky(A, lower=True), z, lower=True, trans="T")


# %% 5.4
def target_deviation(x, L):
    """Return the standard deviations of targets at x (N, 1), as numbers (N,); L L^T is the posterior precision."""
    J_x = network.jacobian(theta, x)[:, 0]  # (N, P)
    return np.sqrt((solve_triangular(L, J_x.T, lower=True) ** 2).sum(axis=0) + sigma**2)


# %% 5.5
def difference(x, x_other):
    """Return mean and variance of f(x_other) - f(x) under the posterior of `la`, (2,), for two numbers."""
    f, f_other = network.forward(theta, np.array([[x], [x_other]]))[:, 0]
    before, after = network.jacobian(theta, np.array([[x], [x_other]]))[:, 0]  # (P,) each
    return np.array([f_other - f, (solve_triangular(L, after - before, lower=True) ** 2).sum()])


fall, rise = difference(3.3, 4.3), difference(4.3, 4.8)
assert fall[0] < -3 * np.sqrt(fall[1])  # -1.00 +- 0.27: it falls, that is decided
assert 0 < rise[0] < np.sqrt(rise[1])  # 0.08 +- 0.16: it may rise or fall

# %% 5.6 [markdown]
# The loss is a sum of squares of $y_n - j_n^\top \theta$ and of $\theta$, so its derivatives of third order are zero,
# and the expansion around the mode is exact: loss$(\theta_s)$ = loss$(\theta) + \frac{1}{2} d_s^\top \Sigma^{-1} d_s$
# with $d_s = \theta_s - \theta$ (1). The numerator of a weight is $c\, e^{-\text{loss}(\theta_s)}$, with $c$ the
# constants of likelihood and prior; the denominator is
# $(2\pi)^{-P/2} \det(\Sigma)^{-1/2} e^{-d_s^\top \Sigma^{-1} d_s / 2}$. What depends on $\theta_s$ cancels (1). All
# weights are one number, and their mean is the integral of the numerator, since $\int (p / q)\, q = \int p$; so the
# number is $p(y)$ (1). With labels the nll is $\log(1 + e^{\pm f})$, whose third derivative is not zero, so the first
# step fails (1).

# %% 5.7 [markdown]
# The GGN is the curvature of the linearised network, so the Gaussian is wide in directions that leave the linearised
# fit alone; the true network changes there on such long steps, in second order (1). They should predict with the
# linearised network, as the default does: the Gaussian is that network's posterior (1). A stronger prior shortens the
# steps, so the samples come nearer to the data, but it also takes away uncertainty, in the gap as well, and changes the
# MAP estimate: it hides the mismatch and does not mend it (1).


# %% 6.1
def my_probit(m, V):
    """Return the probabilities of the probit link, (N,)."""
    kappa = 1 / np.sqrt(1 + np.pi / 8 * V)
    return expit(kappa * m)


# %% 6.2
def probability_to_ring(m, V, t, s):
    """Return the average of Phi((f - t) / s) over f ~ N(m, V), a number."""
    return ndtr((m - t) / np.sqrt(s**2 + V))  # e - f ~ N(t - m, s^2 + V)


# %% 6.3
def dirichlet_mean(m, v):
    """Return the mean of the Dirichlet, (C,)."""
    C = len(m)
    alpha = (1 - 2 / C + np.exp(m) * np.exp(-m).sum() / C**2) / v
    return alpha / alpha.sum()


# %% 6.4 [markdown]
# The sum over $j$ has two terms. For $j = c$ the difference and its variance are zero, and the term is 1 (1). So $p_1
# \propto 1 / (1 + e^{-\kappa d})$ with $\kappa = 1 / \sqrt{1 + \frac{\pi}{8} v}$, that is $\sigma(\kappa d)$; and since
# the variance of $f_2 - f_1$ is $v$ as well, $p_2 \propto \sigma(-\kappa d)$ (1). Now $\sigma(a) + \sigma(-a) = 1$, so
# the two add up to 1, and $p_1 = \sigma(\kappa d)$ is the probit link of a logit with mean $d$ and variance $v$ (1).
# For $C = 3$ the differences are shrunk by three numbers $\kappa$. Shrunk differences need not add up any more, so the
# three reciprocals are not the probabilities of one softmax, and their sum is not 1 (1).

# %% 6.5 [markdown]
# `probit` looks at the diagonal of $V$ alone: what the logits share counts as uncertainty, though the softmax does not
# see it, and the link is too modest (1). `mean_field` sees differences, but adds up the odds of all rivals, which win
# together where the logit itself is low; with many classes it takes too much from the most probable one (1). `mc`
# converges to the average and costs draws of ten logits for each input, which are cheap beside $V$: take some thousand
# on a sample of their inputs, near the data and far from it, and see whether a closed form is near enough (1).


# %% 7.1
def limit(w, Sigma_w, ray):
    """Return the limit of the probit link's probability at r * ray as r grows, a number."""
    z = ray @ w / np.sqrt(ray @ Sigma_w @ ray)
    return expit(np.sqrt(8 / np.pi) * z)


# %% 7.2
def mutual_information(p_s):
    """Return the entropy of the average less the average entropy, (N,)."""

    def entropy(p):
        return -(p * np.log(p)).sum(axis=-1)

    return entropy(p_s.mean(axis=0)) - entropy(p_s).mean(axis=0)


# %% 7.3
def small_epistemic(m, V):
    """Return the leading term in V of the mutual information of label and logit, (N,)."""
    return V / 2 * expit(m) * expit(-m)  # sigma'(m)^2 V is the variance of p, and H''[p] = -1 / (p (1 - p))


# %% 7.4 [markdown]
# Write $\bar p$ for the mean. $H[\bar p] = -\sum_c \bar p_c \log \bar p_c = -\sum_c \text{mean}_s\, p_{sc} \log \bar
# p_c$, since $\bar p_c$ is a mean over $s$ and the logarithm does not depend on $s$ (1). Take off $\text{mean}_s\,
# H[p_s] = -\text{mean}_s \sum_c p_{sc} \log p_{sc}$: what is left is $\text{mean}_s \sum_c p_{sc} \log (p_{sc} / \bar
# p_c)$, the mean divergence (1). Each divergence is $-\sum_c p_{sc} \log (\bar p_c / p_{sc}) \ge -\log \sum_c p_{sc}\,
# \bar p_c / p_{sc} \ge -\log 1 = 0$, by Jensen, for $-\log$ is convex (1). It is strictly convex, so there is equality
# only where $\bar p = p_s$; all $p_s$ are equal then, whatever the parameters (1).


# %% 7.5 [markdown]
# Aleatoric: patients like this one turn out either way, and more cases of the same kind would not help; what may help
# is another measurement (1). Epistemic: the model's parameters disagree; more labelled cases like this one would settle
# it, and until then a doctor should decide (1). The epistemic part is what plausible parameters of this model disagree
# about. If the data on all sides, or the prior, makes all of them go on in the same way, they agree where there is no
# data: in a gap, or in a direction far away for which the data has decided. There the model extrapolates, and does not
# see it (1).


# %% 8.1
def precision_of_decay(N, B, c):
    """Return the prior precision, a number."""
    return 2 * N * c  # the mean over minibatches is the mean over all; times N it is the sum, and c = (2 c) / 2


# %% 8.2
def occam_factor(precision, theta, delta):
    """Return Occam's factor, a number."""
    _, log_det = np.linalg.slogdet(precision)
    return -0.5 * (log_det - len(theta) * np.log(delta) + delta * theta @ theta)


# %% 8.3
def effective_parameters(curvature, delta):
    """Return gamma, a number."""
    eigenvalues = np.linalg.eigvalsh(curvature)
    return (eigenvalues / (eigenvalues + delta)).sum()


# %% 8.4
def fixed_point_delta(curvature, theta):
    """Return the delta with delta = gamma / |theta|^2, a number."""
    eigenvalues = np.linalg.eigvalsh(curvature)
    before, delta = 0.0, 1.0
    while abs(delta - before) > 1e-8 * delta:
        before, delta = delta, (eigenvalues / (eigenvalues + delta)).sum() / (theta @ theta)
    return delta


# %% 8.5
def log_density(x, y, degree, sigma, delta):
    """Return log p(y), a number."""
    Phi = np.column_stack([polynomials(x, degree), np.ones(len(x))])
    L = np.linalg.cholesky(sigma**2 * np.eye(len(x)) + Phi @ Phi.T / delta)
    white = np.linalg.solve(L, y)
    return -0.5 * white @ white - np.log(np.diag(L)).sum() - len(x) / 2 * np.log(2 * np.pi)


assert round(log_symmetries(MLP(1, 6, 1)) - log_symmetries(MLP(1, 3, 1)), 1) == 6.9  # which 8.7 says


# %% 8.6 [markdown]
# The posterior precision has the eigenvalues $\lambda_i + \delta$, the prior's has $\delta$, $P$ times; so the terms
# are $-\frac{1}{2} [\sum_i \log(\lambda_i + \delta) - P \log \delta + \delta \lVert\theta\rVert^2]$ (1). The derivative
# is zero where $\lVert\theta\rVert^2 = P / \delta - \sum_i 1 / (\lambda_i + \delta)$, and $\delta$ times the right side
# is $\sum_i (1 - \delta / (\lambda_i + \delta)) = \sum_i \lambda_i / (\lambda_i + \delta)$ (1). The $v_p$ are the
# diagonal of the inverse precision, whose trace is also the sum of its eigenvalues: $\sum_p v_p = \sum_i 1 / (\lambda_i
# + \delta)$. So the number is $\sum_p (1 - \delta v_p) = \gamma$ as well, and $\delta = \gamma / \lVert\theta\rVert^2$
# (1). A term is near 1 if the data bends the nll along its direction much more than the prior does, $\lambda_i \gg
# \delta$, and near 0 if the prior alone decides there; the eigenvectors are combinations of parameters that the data
# determines or not (1).

# %% 8.7 [markdown]
# (a) The two numbers are probabilities of different data, of 80 targets and of 100, and cannot be compared. Fit both
# models to the same 80 patients, or to all 100 with a model that says what a missing feature is (1). (b) The formula
# takes $\theta$ for the mode of each prior, and it is the mode of none of them; under a strong prior leaving a sample
# out then changes nothing, so that a $\theta$ that has seen every sample is judged by these samples. Train for each
# prior (1). (c) Laplace counts one of $2^H H!$ equal modes, whose logarithm is larger for six units by 6.9 nats; with
# `log_symmetries` added the two are equal, or nearly so if the prior has turned units off. Compare by new data, too
# (1).


# %% 9.1
def widest(D, C, n_bytes):
    """Return the largest H for which all four factors fit in so many bytes, a whole number."""
    left = n_bytes // 8 - D**2 - C**2  # A of the first layer is (D, D), B of the second (C, C)
    return int(np.sqrt(left // 2))  # B of the first and A of the second are (H, H)


# %% 9.2
def diagonal_variance(J, curvature, delta):
    """Return the variance of f under the diagonal posterior, (N,)."""
    return (J**2 / (np.diag(curvature) + delta)).sum(axis=1)


# %% 9.3
def kfac_block(D, a):
    """Return the product of the two Kronecker factors."""
    B = D.T @ D
    A = a.T @ a / len(a)
    return np.kron(B, A)


# %% 9.4
def process_variance(J_data, J_new, noise_variance, delta):
    """Return the variance of f at the new inputs, (M,)."""
    K, K_star = J_data @ J_data.T / delta, J_new @ J_data.T / delta
    told = np.linalg.solve(K + noise_variance * np.eye(len(K)), K_star.T)  # (N, M)
    return (J_new**2).sum(axis=1) / delta - (K_star * told.T).sum(axis=1)


# %% 9.5
def two_covariances(precision, kept):
    """Return the covariance of some parameters, first given the others, then whatever these are, (2, k, k)."""
    conditional = np.linalg.solve(precision[np.ix_(kept, kept)], np.eye(len(kept)))  # that of a subnetwork
    marginal = np.linalg.solve(precision, np.eye(len(precision)))[np.ix_(kept, kept)]
    return np.stack([conditional, marginal])


# %% 9.6 [markdown]
# The inverse is $\frac{1}{a c - b^2} \begin{pmatrix} c & -b \\ -b & a \end{pmatrix}$, so under the full posterior the
# variance of the first is $c / (a c - b^2)$ (1); under `diag` it is $1 / a$ (1). The second over the first is
# $(a c - b^2) / (a c) = 1 - b^2 / (a c)$, and the correlation is $\rho = -b / \sqrt{a c}$, so it is $1 - \rho^2$ (1).
# Nothing is lost if $b = 0$, when the two are independent. As $|\rho|$ goes to 1 the ratio goes to zero: there is no
# bound on how much too certain `diag` can be (1).

# %% 9.7 [markdown]
# Narrow bars are not knowledge: `diag` has the variance of each parameter as if all others were known, which is never
# larger than its true one; all three have seen the same data (1). The evidences are not those of three models. There is
# one model, and `kron` and `diag` approximate its number; a lower one says only that the determinant was approximated
# worse (1). To choose, compare $V$, or the predictive, of each structure with full's on a network that is small enough,
# or held-out log-likelihood near the data and far from it on the large one (1).


# %% 10.1
def predictive_variance(la, x):
    """Return the variance of a target at each x (N, 1), shape (N, 1)."""
    J = la.model.network.jacobian(la.theta, x)[:, 0]  # (N, P)
    of_function = np.sum(J @ la.posterior.covariance() * J, axis=1)  # (N,)
    return of_function[:, None] + la.model.likelihood.sigma_noise**2


# %% 10.2
def noise_of(residuals, gamma):
    """Return the standard deviation of the noise, a number."""
    return np.sqrt((residuals**2).sum() / (len(residuals) - gamma))


# %% 10.3
def coverage(mean, variance, y, level):
    """Return the share of targets within their intervals, a number."""
    reach = ndtri((1 + level) / 2)  # in standard deviations: (1 - level) / 2 is left on each side
    return (np.abs(y - mean) <= reach * np.sqrt(variance)).mean()


# %% 10.4
def area(y, mean, sd):
    """Return the CRPS, a number."""
    t = np.linspace(min(y, mean) - 10 * sd, max(y, mean) + 10 * sd, 200_001)
    return ((ndtr((t - mean) / sd) - (y <= t)) ** 2).sum() * (t[1] - t[0])


# %% 10.5
def total_variance(f_mean, f_cov):
    """Return the variance of the target at each input, (N,)."""
    average_noise = np.exp(f_mean[:, 1] + f_cov[:, 1, 1] / 2)
    return average_noise + f_cov[:, 0, 0]


# %% 10.6 [markdown]
# The log evidence is $-N \log \sigma - \sum_n r_n^2 / (2 \sigma^2) - \frac{1}{2} \sum_i \log(\lambda_i / \sigma^2 +
# \delta)$, plus the penalty and other terms without $\sigma$ (1). At the mode the derivative of the loss in $\theta$ is
# zero, so that a change of the mode with $\sigma$ does not change the loss to first order; the eigenvalues are taken as
# fixed, which is exact for a linear model (1). The derivative in $\sigma$ of the last sum is $\frac{1}{\sigma} \sum_i
# \frac{\lambda_i / \sigma^2}{\lambda_i / \sigma^2 + \delta} = \gamma / \sigma$ (1). So the whole is $-N / \sigma +
# \sum_n r_n^2 / \sigma^3 + \gamma / \sigma$, which is zero where $\sigma^2 = \sum_n r_n^2 / (N - \gamma)$ (1).

# %% 10.7 [markdown]
# The 50 % intervals hold less than a third: the mean is too low over the whole gap (1). Coverage is an average over
# targets, and within the gap these share one error, that of the function; one level can come out right by chance, while
# one draw of the function says little about how often such bands hold it (1). So look at several levels, or the PIT,
# and at many gaps: other data sets, other functions, other parts left out of the data (1).


# %% 11.1
def my_softmax(f):
    """Return the probabilities, (N, C)."""
    shifted = np.exp(f - f.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


# %% 11.2
def my_mean_field(m, V):
    """Return the probabilities, (N, C)."""
    variance = np.diagonal(V, axis1=1, axis2=2)  # (N, C)
    differences = m[:, :, None] - m[:, None, :]  # (N, C, C)
    of_differences = variance[:, :, None] + variance[:, None, :] - 2 * V
    p = 1 / np.exp(-differences / np.sqrt(1 + np.pi / 8 * of_differences)).sum(axis=2)
    return p / p.sum(axis=1, keepdims=True)


# %% 11.3
def my_ece(confidence, correct):
    """Return the expected calibration error, a number."""
    ece = 0.0
    for b in range(1, 11):
        in_bin = np.ceil(10 * confidence) == b
        if in_bin.any():
            ece += in_bin.mean() * abs(correct[in_bin].mean() - confidence[in_bin].mean())
    return ece


# %% 11.4
def false_alarms(inside, outside, recall):
    """Return the share of the inside (N,) for which the alarm rings, a number."""
    highest_first = np.sort(outside)[::-1]
    threshold = highest_first[int(np.ceil(recall * len(outside))) - 1]  # for so many of the outside it has to ring
    return (inside >= threshold).mean()


rings = false_alarms(entropy_score(tuned.predict(X_test)), entropy_score(tuned.predict(X_unseen)), 0.95)
assert round(rings, 2) == 0.19

# %% 11.5 [markdown]
# One must expect $-\sum_c q_c \log p_c$ (1). Announcing $q$ itself costs $-\sum_c q_c \log q_c$, and $p$ costs more by
# $-\sum_c q_c \log (p_c / q_c) \ge -\sum_c q_c (p_c / q_c - 1) = 1 - \sum_c p_c \ge 0$, the sums over classes with $q_c
# > 0$ (1). With equality in both places only if every $p_c / q_c$ is 1, that is $p = q$ (1). Announce for all inputs
# the average of their $q$, the frequencies of the classes: all confidences are in one bin, the class that is predicted
# is right as often as its frequency says, so accuracy and confidence of the bin are equal, and the ECE tends to zero
# (1).

# %% 11.6 [markdown]
# Nothing: an ECE is measured on one distribution, of its own patients and cameras, and holds for that one (1). The
# AUROC looks at the order of entropies, of furniture beside skin. Images of skin from other cameras are nearer to the
# data, and the network may be as sure of them as of its own, as it is of digits turned by a quarter (1). Measure mean
# nll or Brier score, and the reliability diagram, on labelled images from the new cameras (1).


# %% 12.1
def ensemble_predicts(f):
    """Return the ensemble's P(y = 1), (N,), from the logits (S, N) of its members."""
    return expit(f).mean(axis=0)  # of the probabilities, not of the logits


# %% 12.2
def with_silent_units(units, speaks, rate, W, b):
    """Return the outputs (N, C) of the layer W (C, H), b (C,) under dropout."""
    return units * speaks / (1 - rate) @ W.T + b


# %% 12.3
def start_of(position, momentum, n_steps, step):
    """Return position and momentum before so many leapfrog steps of this size."""
    position, momentum = roll(position, -momentum, n_steps, step)
    return position, -momentum


# %% 12.4
def area_under_roc(inside, outside):
    """Return the AUROC, a number."""
    return np.mean(outside[:, None] > inside) + 0.5 * np.mean(outside[:, None] == inside)


# %% 12.5
def half_width(x, test_over_train):
    """Return half the width of the interval of the mean of x (J,)."""
    J = len(x)
    variance = (1 / J + test_over_train) * x.var(ddof=1)  # a ratio of 0: independent experiments
    return student.ppf(0.975, J - 1) * np.sqrt(variance)


# %% 12.6 [markdown]
# $-\log$ is convex, and by Jensen's inequality $-\log \frac{1}{S} \sum_s p_s \le \frac{1}{S} \sum_s -\log p_s$ (1). The
# Brier score of two classes is $(1 - p_s)^2$. With the mean $\bar p$ the cross terms of $(1 - \bar p + \bar p - p_s)^2$
# add up to zero, so that $\frac{1}{S} \sum_s (1 - p_s)^2 = (1 - \bar p)^2 + \frac{1}{S} \sum_s (p_s - \bar p)^2$: the
# members' mean score is the ensemble's plus the variance (1). That is about the members' *mean*; one of them may be
# better than it, and than the ensemble (1). Laplace averages draws from its Gaussian, and is no worse than these are on
# average. The MAP estimate is not one of them but the centre; under a weak prior a typical draw lies far from it and
# predicts much worse (1).

# %% 12.7 [markdown]
# Splits of one data set overlap, so their differences are not independent, and the test takes chance for a difference:
# ask for the corrected variance, and for more than one data set (1). The temperatures have seen the test labels, which
# flatters every method, and most those that gain most by tuning: choose them on labels that are held out from training
# and test (1). The ECE is not proper, and the frequencies of the classes would have won: ask for the NLL or the Brier
# score (1).


# %% 13.1
def merged(precisions, delta):
    """Return the precision for all data, (P, P), from those of K laboratories, (K, P, P)."""
    K, P, _ = precisions.shape
    return precisions.sum(axis=0) - (K - 1) * delta * np.eye(P)  # the prior is in each of them, and counts once


# %% 13.2
def next_day(mu, Lambda, X, y, sigma):
    """Return today's mean (2,), from yesterday's mu (2,) and Lambda (2, 2), and X (N, 1), y (N,)."""
    Phi = np.column_stack([X, np.ones(len(X))])  # (N, 2)
    return np.linalg.solve(Lambda + Phi.T @ Phi / sigma**2, Lambda @ mu + Phi.T @ y / sigma**2)


# %% 13.3
def of_copies(la, k):
    """Return the posterior precision (P, P) of k copies of the data that `la` has seen."""
    return la.under(temperature=1 / k).posterior.precision()  # curvature / T


# %% 13.4
def flattened(state):
    """Return theta (P,)."""
    return np.concatenate([array.ravel() for array in state.values()])


# %% 13.5 [markdown]
# With the rows $(x_n, 1)$ in $\Phi_1$, yesterday's precision is $\Lambda_1 = \delta I + \Phi_1^\top \Phi_1 / \sigma^2$,
# and its mean solves $\Lambda_1 \mu_1 = \Phi_1^\top y_1 / \sigma^2$ (1). With $\mathcal{N}(\mu_1, \Lambda_1^{-1})$ as
# the prior today's precision is $\Lambda_2 = \Lambda_1 + \Phi_2^\top \Phi_2 / \sigma^2$, and the gradient is zero where
# $\Lambda_2 \mu_2 = \Lambda_1 \mu_1 + \Phi_2^\top y_2 / \sigma^2$ (1). Put in the first line: $\Lambda_2 = \delta I +
# (\Phi_1^\top \Phi_1 + \Phi_2^\top \Phi_2) / \sigma^2$ and $\Lambda_2 \mu_2 = (\Phi_1^\top y_1 + \Phi_2^\top y_2) /
# \sigma^2$, sums over all data, as of one fit (1). Yesterday's posterior is exactly Gaussian because the outputs are
# linear in theta; a network's Jacobian depends on theta, so that $\Lambda_1$ belongs to yesterday's theta and is wrong
# at today's (1).

# %% 13.6 [markdown]
# The ten precisions have the prior in them ten times (1). Curvatures add up only if all are taken at the same theta;
# the ten thetas are different modes, and as hidden units can be exchanged their average need not be near any mode (1).
# So let all hospitals work at one theta: each sends the gradient of its nll, the sums give a step of the training, and
# at its end each sends its curvature without the prior, which is added once (1).

# %% 14.1
nu = 4.0
y_student = np.array([0.0, 1.0, -2.0, 30.0])


def student_gradient(f):
    """Return the gradient of the nll in f, (4,): bounded, so that an outlier pulls no more than others."""
    r = f - y_student
    return (nu + 1) * r / (nu + r**2)


# %% 14.2
def student_fisher(nu):
    """Return the Fisher information, a number, for nu degrees of freedom; it is (nu + 1) / (nu + 3)."""
    density = student(nu).pdf  # of r
    return quad(lambda r: (nu + 1) * (nu - r**2) / (nu + r**2) ** 2 * density(r), -np.inf, np.inf, epsabs=1e-12)[0]


# %% 14.3
def mean_wait(seen, came):
    """Return the mean waiting time in minutes: all the time that was waited, for each bus that came."""
    return seen.sum() / came.sum()


of_minutes = la_log.log_marginal_likelihood() - np.log(y).sum()  # the numbers of 14.5
assert [round(-np.log(y).sum()), round(of_minutes)] == [-143, -357]
assert round(la.log_marginal_likelihood() - of_minutes) == 20


# %% 14.4 [markdown]
# $\ell = a(\eta) - \eta\, t(y) - \log h(y)$, so $\ell' = a'(\eta) - t(y)$ and $\ell'' = a''(\eta)$, without $y$ (1). By
# 4.6 the average of $\ell'$ is zero, so $a'(\eta)$ is the mean of $t(y)$, and $\ell'' = \mathrm{E}[\ell''] =
# \mathrm{E}[\ell'^2]$ is the mean square of $t(y)$ less its mean: its variance (1). For the waiting times $\ell = f +
# y\, e^{-f} = -\log \eta + \eta\, y$ with the rate $\eta = e^{-f}$, so $t = -y$ and $a = -\log \eta$; indeed $a'' = 1 /
# \eta^2$ is the variance of $y$ (1). But $f$ is not $\eta$. By the chain rule $d^2 \ell / df^2 = a''\, (d\eta / df)^2 +
# (a' - t)\, d^2 \eta / df^2$, and the label is in the last term, whose average is zero: $1 + (y - e^f)\, e^{-f} = y\,
# e^{-f}$, on average 1 (1).

# %% 14.5 [markdown]
# The evidence is a density of the targets, and the two have different targets: minutes and their logarithms (1). With
# $z = \log y$ the density of $y$ is $p(z)\, dz / dy = p(z) / y$, so $-\sum_n \log y_n$ has to be added to the log
# evidence of the Gaussian before it is compared: here that is -143, the sum -357, and the waiting times are better by
# 20 nats (1). On held-out data the same holds for the log density of each target, again with $-\log y_n$; or both are
# turned into predictions of minutes, and a score of these, such as the CRPS, is compared (1).
