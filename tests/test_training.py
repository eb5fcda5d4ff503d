"""`fit_map` goes where independent optimisers go, along the steps that the papers and the post prescribe."""

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from problems import LIKELIHOODS, random_problem
from scipy.optimize import minimize
from scipy.special import expit

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    ConvergenceWarning,
    Gaussian,
    fit_map,
    toy_data_linear,
)
from minilaplace.training import is_mode
from minilaplace.training.convergence import convergence_heard, warn

N_OUTPUTS = {"bernoulli": 1, "labels": 2, "categorical": 3, "gaussian": 2, "poisson": 1}


def logistic_data(N, rng=0):
    """Return inputs with a column of ones, and labels that no line separates, for a logistic regression by hand."""
    rng = np.random.default_rng(rng)
    X = rng.normal(size=(N, 2))
    return X, np.column_stack([X, np.ones(N)]), rng.binomial(1, expit(X @ [1.5, -1.0] + 0.5))


def logistic_model(prior_precision):
    return BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=prior_precision)


def tolerance(loss):
    """Return what `fit_map` promises: the largest entry of the gradient at its end."""
    return 1e-6 * max(1.0, loss)


def optimum_by_newton(A, y, prior_precision):
    """Return argmin and minimum of sum_n log(1 + exp(a_n t)) - y_n a_n t + prior_precision / 2 |t|^2."""

    def loss(t):
        return np.sum(np.logaddexp(0, A @ t) - y * (A @ t)) + prior_precision / 2 * t @ t

    def gradient(t):
        return A.T @ (expit(A @ t) - y) + prior_precision * t

    def hessian(t):
        p = expit(A @ t)
        return (A.T * (p * (1 - p))) @ A + prior_precision * np.eye(3)

    result = minimize(loss, np.zeros(3), jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-12})
    return result.x, result.fun


# --- L-BFGS


@pytest.mark.parametrize("hidden", [(), (6,), (4, 3)], ids=str)
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_lbfgs_ends_at_a_mode(name, hidden):
    model, _, X, y = random_problem(name, hidden, n_outputs=N_OUTPUTS[name], n_samples=40, prior_precision=0.1)
    theta = fit_map(model, X, y, rng=0)
    assert np.abs(model.gradient(theta, X, y)).max() <= tolerance(model.loss(theta, X, y))


@pytest.mark.parametrize("C", [1, 2])
def test_a_linear_gaussian_model_is_solved_like_a_ridge_regression(C):
    # The curvature is above 1000 in every direction and the loss below 1 at its mode: what `fit_map` may leave of the
    # gradient, 1e-6 in each of at most 8 entries, is less than 3e-9 from the solution.
    rng = np.random.default_rng(1)
    N, D, sigma = 50, 3, 0.15
    X = rng.normal(size=(N, D))
    Y = X @ rng.normal(size=(D, C)) + 0.3 + sigma * rng.normal(size=(N, C))
    P = C * (D + 1)
    precision, mean = rng.uniform(0.5, 20, size=P), rng.normal(size=P)
    model = BayesianModel(MLP(D, C), Gaussian(sigma), precision, mean)
    # f_n = J_n theta for theta = (W row by row, b): J_n = [I (x) x_n^T, I].
    J = np.concatenate([np.hstack([np.kron(np.eye(C), x), np.eye(C)]) for x in X])  # (N C, P)
    A = J.T @ J / sigma**2 + np.diag(precision)
    assert np.linalg.eigvalsh(A)[0] > 1000
    expected = np.linalg.solve(A, J.T @ Y.ravel() / sigma**2 + precision * mean)
    assert model.loss(expected, X, Y) < 1
    np.testing.assert_allclose(fit_map(model, X, Y, rng=0), expected, rtol=0, atol=3e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sigma", [1.0, 0.05, 0.01])
def test_little_noise_keeps_no_regression_from_its_mode(sigma, seed):
    # Warnings are errors. Little noise makes the loss negative and steep: its changes drown in rounding before the
    # gradient, which does not, is as small as promised.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    y = X @ rng.normal(size=3) + sigma * rng.normal(size=60)
    model = BayesianModel(MLP(3, 1), Gaussian(sigma))
    theta = fit_map(model, X, y, rng=seed)
    assert np.abs(model.gradient(theta, X, y)).max() <= tolerance(model.loss(theta, X, y))


def test_logistic_regression_is_at_the_optimum_of_a_newton_method():
    # A prior precision of 2 makes the loss 2-strongly convex: a gradient of norm e is at most e / 2 from the optimum.
    X, A, y = logistic_data(100)
    optimum, loss = optimum_by_newton(A, y, prior_precision=2.0)
    theta = fit_map(logistic_model(2.0), X, y, rng=0)
    np.testing.assert_allclose(theta, optimum, rtol=0, atol=np.sqrt(3) * tolerance(loss) / 2)


def test_where_a_convex_descent_starts_does_not_matter():
    X, _, y = logistic_data(100)
    model = logistic_model(2.0)
    starts = [np.zeros(3), np.array([5.0, 5.0, -5.0]), None]
    ends = [fit_map(model, X, y, theta0=theta0, rng=3) for theta0 in starts]
    atol = 2 * np.sqrt(3) * tolerance(model.loss(ends[0], X, y)) / 2  # both ends, each as above
    for end in ends[1:]:
        np.testing.assert_allclose(end, ends[0], rtol=0, atol=atol)


def test_stopping_short_of_a_mode_is_a_convergence_warning_at_the_callers_line():
    X, _, y = logistic_data(100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_map(logistic_model(1.0), X, y, max_iterations=1, rng=0)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__
    for words in ("stopped after 1 iteration", "max abs gradient", "not a mode", "raise max_iterations"):
        assert words in str(warning.message)


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_lbfgs_takes_no_more_than_max_iterations(iterations):
    model, theta0, X, y = random_problem(n_samples=40, prior_precision=0.1)
    steps = []
    with pytest.warns(ConvergenceWarning):
        fit_map(model, X, y, theta0=theta0, max_iterations=iterations, callback=lambda step, *_: steps.append(step))
    assert steps == list(range(1, iterations + 1))


# --- Adam


def adam_by_the_paper(theta, gradients, alpha=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma and Ba (2015), algorithm 1, with g_t = gradients[t - 1](theta_{t-1})."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, gradient in enumerate(gradients, start=1):
        g = gradient(theta)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


@pytest.mark.parametrize("learning_rate", [1e-3, 0.1])
def test_adams_first_step_has_the_size_of_the_learning_rate_in_every_entry(learning_rate):
    # m_hat / (sqrt(v_hat) + eps) = g / (|g| + eps): with |g| > .01, short of 1 by at most 1e-8 / .01.
    X, _, y = logistic_data(10)
    model, theta0 = logistic_model(1.0), np.array([0.3, -0.2, 0.4])
    mean_gradient = model.gradient(theta0, X, y) / 10
    assert np.abs(mean_gradient).min() > 0.01
    theta = fit_map(model, X, y, theta0=theta0, method="adam", epochs=1, batch_size=10, learning_rate=learning_rate)
    np.testing.assert_allclose(theta - theta0, -learning_rate * np.sign(mean_gradient), rtol=1e-6)


@pytest.mark.parametrize(("N", "batch_size", "epochs"), [(10, 1, 1), (5, 1, 2), (10, 4, 3), (6, 100, 10)])
def test_unshuffled_adam_is_the_papers_algorithm_on_the_listings_loss(N, batch_size, epochs):
    # The listing's loss of one sample is its cross-entropy + lambda^2 / 2 |theta|^2; a batch takes the mean of its own.
    # Rounding alone separates the two: tens of steps of 1e-3, each to some eps.
    X, A, y = logistic_data(N)
    lam, theta0 = 0.5, np.array([0.3, -0.2, 0.1])

    def of_batch(start):
        a, t = A[start : start + batch_size], y[start : start + batch_size]
        return lambda theta: np.mean(a * (expit(a @ theta) - t)[:, None], axis=0) + lam**2 * theta

    gradients = epochs * [of_batch(start) for start in range(0, N, batch_size)]
    theta = fit_map(
        logistic_model(N * lam**2), X, y, theta0=theta0, method="adam", epochs=epochs, batch_size=batch_size,
        shuffle=False,
    )  # fmt: skip
    np.testing.assert_allclose(theta, adam_by_the_paper(theta0, gradients), rtol=0, atol=1e-14)


def test_full_batch_adam_approaches_the_optimum_of_a_convex_loss():
    # Without noise in the gradient Adam settles: 1e-6 is a thousandth of one of its steps.
    X, A, y = logistic_data(100)
    optimum, _ = optimum_by_newton(A, y, prior_precision=2.0)
    settings = {"theta0": np.zeros(3), "method": "adam", "batch_size": 100}
    early, late = (fit_map(logistic_model(2.0), X, y, epochs=epochs, **settings) for epochs in (20, 5000))
    assert np.abs(early - optimum).max() > 0.1
    np.testing.assert_allclose(late, optimum, rtol=0, atol=1e-6)


def test_shuffling_visits_every_sample_once_an_epoch_in_ever_new_order():
    visited = []

    class Recorder(Gaussian):
        def gradient(self, f, y):
            visited.extend(np.ravel(y))
            return super().gradient(f, y)

    X, y = np.ones((20, 1)), np.arange(20.0)
    model = BayesianModel(MLP(1, 1), Recorder())
    fit_map(model, X, y, method="adam", epochs=3, batch_size=7, rng=0)
    epochs = np.reshape(visited, (3, 20))
    np.testing.assert_array_equal(np.sort(epochs, axis=1), [y, y, y])
    assert len({tuple(order) for order in [*epochs, y]}) == 4


# --- both


METHODS = {"lbfgs": {}, "adam": {"epochs": 4, "batch_size": 7}}
either_method = pytest.mark.parametrize(("method", "options"), METHODS.items(), ids=METHODS)


@either_method
def test_a_seed_and_its_generator_reproduce_the_fit_and_another_seed_starts_elsewhere(method, options):
    model, _, X, y = random_problem(n_samples=20, prior_precision=0.1)
    ends = [fit_map(model, X, y, method=method, rng=rng, **options) for rng in (5, 5, np.random.default_rng(5), 6)]
    np.testing.assert_array_equal(ends[1], ends[0])
    np.testing.assert_array_equal(ends[2], ends[0])
    assert not np.any(ends[3] == ends[0])


@either_method
def test_no_seed_means_a_fresh_start(method, options):
    model, _, X, y = random_problem(n_samples=20, prior_precision=0.1)
    ends = [fit_map(model, X, y, method=method, **options) for _ in range(2)]
    assert not np.any(ends[0] == ends[1])


@either_method
def test_callbacks_count_up_and_get_theta_with_its_loss_and_the_last_is_what_is_returned(method, options):
    model, _, X, y = random_problem(n_samples=20, prior_precision=0.1)
    calls = []
    theta = fit_map(model, X, y, method=method, rng=0, callback=lambda *call: calls.append(call), **options)
    assert [step for step, _, _ in calls] == list(range(1, len(calls) + 1))
    assert len(calls) == options.get("epochs", len(calls)) > 1
    for _, at, loss in calls:
        assert isinstance(loss, float)
        assert loss == pytest.approx(model.loss(at, X, y), rel=1e-14, abs=0)
    assert len({loss for _, _, loss in calls}) > 1
    np.testing.assert_array_equal(calls[-1][1], theta)


@either_method
def test_a_callback_may_write_into_the_theta_it_gets(method, options):
    model, theta0, X, y = random_problem(n_samples=20, prior_precision=0.1)
    undisturbed = fit_map(model, X, y, theta0=theta0, method=method, rng=0, **options)

    def vandal(step, theta, loss):
        theta[:] = np.nan

    disturbed = fit_map(model, X, y, theta0=theta0, method=method, rng=0, callback=vandal, **options)
    np.testing.assert_array_equal(disturbed, undisturbed)


@either_method
def test_arguments_are_only_read_and_the_result_is_a_new_array(method, options):
    model, theta0, X, y = random_problem(n_samples=20, prior_precision=0.1)
    for array in (theta0, X, y):
        array.setflags(write=False)
    before = [array.copy() for array in (theta0, X, y)]
    theta = fit_map(model, X, y, theta0=theta0, method=method, rng=0, **options)
    for array, copy in zip((theta0, X, y), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert theta.flags.writeable
    assert not np.shares_memory(theta, theta0)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"epochs": 3}, "option of method 'lbfgs'"),
        ({"method": "adam", "max_iterations": 3}, "option of method 'adam'"),
        ({"method": "sgd"}, "method"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"theta0": [1.0, 2.0]}, "theta0"),
        ({"method": "adam", "epochs": 0}, "epochs"),
        ({"method": "adam", "batch_size": 0}, "batch_size"),
        ({"method": "adam", "learning_rate": -1.0}, "learning_rate"),
    ],
    ids=str,
)
def test_a_bad_option_is_refused_before_any_work(options, refused):
    # No callback was called and nothing was drawn from the generator. `test_bad_input.py` has the messages.
    model, _, X, y = random_problem()
    rng, calls = np.random.default_rng(0), []
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=f"^{refused}: expected "):
        fit_map(model, X, y, rng=rng, callback=lambda *call: calls.append(call), **options)
    assert not calls
    assert rng.bit_generator.state == before


# --- a mode is one in any units


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_the_units_of_a_regressions_targets_do_not_matter(unit):
    # With the noise in the same unit and the prior in its inverse square, theta of a linear model is in that unit too.
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(50, 1))
    y = 3 + x[:, 0] + 0.1 * rng.normal(size=50)
    expected = fit_map(BayesianModel(MLP(1, 1), Gaussian(0.1), 1e-3), x, y, rng=0)
    model = BayesianModel(MLP(1, 1), Gaussian(0.1 * unit), 1e-3 / unit**2)
    np.testing.assert_allclose(fit_map(model, x, unit * y, rng=0), unit * expected, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3, 1e6])
def test_the_units_of_the_inputs_do_not_matter(unit):
    X, y = toy_data_linear(100, rng=0)
    expected = fit_map(BayesianModel(MLP(2, 1), Bernoulli(), 0.5), X, y, rng=0)
    prior = np.array([0.5 * unit**2, 0.5 * unit**2, 0.5])
    theta = fit_map(BayesianModel(MLP(2, 1), Bernoulli(), prior), unit * X, y, rng=0)
    np.testing.assert_allclose(theta * [unit, unit, 1], expected, atol=1e-4)


def test_large_targets_with_a_small_noise_are_ridge_regression():
    x = np.random.default_rng(0).uniform(size=(50, 1))
    y = 1e6 * (3 + x[:, 0])
    theta = fit_map(BayesianModel(MLP(1, 1), Gaussian(), 1e-3), x, y, rng=0)
    J = np.column_stack([x, np.ones(50)])
    expected = np.linalg.solve(J.T @ J + 1e-3 * np.eye(2), J.T @ y)
    np.testing.assert_allclose(theta, expected, rtol=1e-9)


def test_a_start_is_no_mode_though_the_loss_is_large_there():
    # The noise and the targets are of size 3e5: the gradient at the start is small beside the loss, and no mode.
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(50, 1))
    y = 3e5 * np.sin(6 * x[:, 0]) + 3e4 * rng.normal(size=50)
    model = BayesianModel(MLP(1, 2, 1), Gaussian(3e5), 1e-10)
    X, targets = model.check_data(x, y)
    start = model.network.init(0)
    assert not is_mode(model, start, X, targets)
    theta = fit_map(model, x, y, theta0=start)
    assert is_mode(model, theta, X, targets)
    assert model.loss(theta, X, targets) < model.loss(start, X, targets) - 5


def test_where_convergence_is_heard_nobody_is_warned_and_others_are(recwarn):
    with convergence_heard() as messages:
        warn("near, but not there")
        with ThreadPoolExecutor(1) as pool:  # another thread hears nothing of it, and warns
            pool.submit(warn, "elsewhere").result()
    assert messages == ["near, but not there"]
    assert [str(w.message) for w in recwarn] == ["elsewhere"]
    with pytest.warns(ConvergenceWarning, match="^here$"):
        warn("here")


# --- warnings that name the cure


def ages_and_incomes(N=100):
    """Return inputs (N, 2) in years and in money, the same standardised, and labels."""
    rng = np.random.default_rng(0)
    age, income = rng.uniform(18, 80, N), np.exp(rng.normal(10.8, 0.5, N))
    y = rng.binomial(1, expit((age - 45) / 10 + (income - 5e4) / 2e4))
    X = np.column_stack([age, income])
    return X, (X - X.mean(axis=0)) / X.std(axis=0), y


def kinked(activation):
    return BayesianModel(MLP(2, 4, 1, activation=activation), Bernoulli())


def said_and_steps(model, X, y, **options):
    """Return what `fit_map` warns of, each with the number of steps that were taken before, and all steps."""
    steps, said = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings, "warn", lambda message, *_, **__: said.append((len(steps), message)))
        fit_map(model, X, y, rng=0, callback=lambda *call: steps.append(call), **options)
    return said, len(steps)


def test_inputs_that_are_not_scaled_are_said_before_any_work_and_scaling_is_the_cure():
    X, scaled, y = ages_and_incomes()
    model = BayesianModel(MLP(2, 4, 1), Bernoulli())
    said, steps = said_and_steps(model, X, y)
    before, message = said[0]
    assert before == 0
    assert re.match(r"X: column 1 has entries up to .*e\+05, column 0 up to 80; .*: standardise X", message)
    nothing, fewer = said_and_steps(model, scaled, y)
    assert nothing == []
    assert fewer < steps / 10  # 49 for 2017 to 8105, as rounding has it


def test_small_inputs_and_those_of_a_linear_model_are_not_warned_of():
    X, scaled, y = ages_and_incomes()
    assert said_and_steps(BayesianModel(MLP(2, 1), Bernoulli()), X, y)[0] == []
    for size in ([1, 1e-4], [1, 0]):
        assert said_and_steps(BayesianModel(MLP(2, 4, 1), Bernoulli()), scaled * size, y)[0] == []


def test_more_iterations_are_advised_where_they_were_used_up_and_there_alone():
    _, X, y = ages_and_incomes()
    for max_iterations, used_up in [(20, True), (10_000, False)]:
        said, steps = said_and_steps(kinked("relu"), X, y, max_iterations=max_iterations)
        ((_, message),) = said
        assert (steps == max_iterations) is used_up
        assert ("raise max_iterations" in message) is used_up


def test_a_network_with_kinks_is_told_so_and_a_smooth_activation_is_the_cure():
    _, X, y = ages_and_incomes()
    ((_, message),), _ = said_and_steps(kinked("relu"), X, y)
    assert "not a mode; take a smooth activation, such as 'softplus' or 'silu' (relu has kinks" in message
    for words in ("raise", "standardise", "strengthen"):
        assert words not in message
    for activation in ("softplus", "silu"):
        assert said_and_steps(kinked(activation), X, y)[0] == []


def test_noise_that_is_too_small_for_the_residuals_is_named_and_either_cure_is_one():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, (60, 1))
    y = 200 * np.sin(x[:, 0]) + 20 * rng.normal(size=60)
    ((_, message),), _ = said_and_steps(BayesianModel(MLP(1, 8, 1), Gaussian()), x, y, max_iterations=300)
    residual = float(re.search(r"the residuals are (.*) sigma_noise", message)[1])
    assert residual > 3
    assert "raise max_iterations, or raise sigma_noise, or divide y by its standard deviation" in message
    assert said_and_steps(BayesianModel(MLP(1, 8, 1), Gaussian(residual)), x, y, max_iterations=300)[0] == []
    assert said_and_steps(BayesianModel(MLP(1, 8, 1), Gaussian()), x, y / y.std(), max_iterations=300)[0] == []


def test_a_loss_with_kinks_is_given_up_where_a_thousand_steps_gain_a_hundredth_of_a_nat():
    _, X, y = ages_and_incomes(400)
    model = BayesianModel(MLP(2, 32, 1, activation="relu"), Bernoulli())
    losses = []
    with pytest.warns(ConvergenceWarning, match="kinks"):
        fit_map(model, X, y, rng=0, callback=lambda step, theta, loss: losses.append(loss))
    gains = np.array(losses[:-1000]) - np.array(losses[1000:])
    assert gains[-1] <= 0.01 < gains[:-1].min()
