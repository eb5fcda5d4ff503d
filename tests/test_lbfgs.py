"""What counts as a mode, and how training gets to one: by L-BFGS, started again, in other units, and polished.

SciPy's L-BFGS rarely ends before a mode. Here it is made to: a `minimize` in its place stays where it starts, or takes
two steps, and what `LBFGS` does then is held to what its docstring says.
"""

import numpy as np
import pytest
from problems import random_problem
from scipy.optimize import OptimizeResult, minimize

from minilaplace import MLP, BayesianModel, ConvergenceWarning, Gaussian, Poisson, fit_map
from minilaplace.curvature import ggn
from minilaplace.training import is_mode, lbfgs

MATRIX = "matrix"


def stays(fun, x0, *, options, **how):
    """Stand for a `minimize` that gives up at once."""
    return OptimizeResult(x=x0, fun=fun(x0)[0])


def replace(monkeypatch, instead):
    """Let `instead(fun, x0, ...)` stand for SciPy's `minimize`, and return what it is called with."""
    calls = []
    monkeypatch.setattr(lbfgs, "minimize", lambda fun, x0, **how: calls.append((fun, x0)) or instead(fun, x0, **how))
    return calls


def fitted(model, X, y, theta0, **options):
    """Return the end of `fit_map` and what its callback was called with."""
    calls = []
    return fit_map(model, X, y, theta0=theta0, callback=lambda *call: calls.append(call), **options), calls


def line(N=100, sigma=1.0, rng=0):
    """Return a line with its data: a model whose loss has its minimum at the prior mean, and the Hessian h I there."""
    x = np.tile([1.0, -1.0], N // 2)
    truth = np.random.default_rng(rng).normal(size=2)
    model = BayesianModel(MLP(1, 1), Gaussian(sigma), 1.0, truth)
    return model, x[:, None], truth[0] * x + truth[1], truth, N / sigma**2 + 1


def plane(unit=1.0, rng=0):
    """Return a regression on two inputs of different sizes, whose targets are in some unit, and its mode."""
    rng = np.random.default_rng(rng)
    X = rng.normal(size=(40, 2)) * [1.0, 30.0] + [0.5, 0.0]
    y = unit * (X @ [1.0, -0.1] + 0.3 + rng.normal(size=40))
    model = BayesianModel(MLP(2, 1), Gaussian(unit), 0.5 / unit**2)
    A = np.column_stack([X, np.ones(40)])
    return model, X, y, np.linalg.solve(A.T @ A + 0.5 * np.eye(3), A.T @ y)


def two_wells(sigma=0.3):
    """Return y = v tanh(w x) of slope 1, data and a mode (w, b, v, c): minus w and v are another, and 0 is a saddle."""
    x = np.linspace(-1, 1, 20)
    model = BayesianModel(MLP(1, 1, 1), Gaussian(sigma), 0.1)
    return model, x[:, None], x, fit_map(model, x[:, None], x, theta0=[1.0, 0.0, 1.0, 0.0])


# --- a mode


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("prior", ["number", "vector", MATRIX])
@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "gaussian"])
def test_a_mode_is_where_the_best_step_in_each_parameter_would_gain_no_more_than_half_a_billionth_nat(
    likelihood, prior, weighted
):
    # The prior mean gives the loss any gradient g, and not another curvature: sum g^2 / d is 1e-9 times `share`.
    model, theta, X, y = random_problem(likelihood, (3,), n_outputs=1 if likelihood == "bernoulli" else 3)
    P, rng = len(theta), np.random.default_rng(1)
    M = rng.normal(size=(P, P))
    Lambda0 = {"number": 0.7 * np.eye(P), "vector": np.diag(rng.uniform(0.1, 9, P)), MATRIX: M @ M.T + np.eye(P)}[prior]
    weight = rng.uniform(0, 9, len(X)) if weighted else None
    flat = model.under(1e-300)
    d = np.diagonal(ggn(flat, theta, X, y, weight) + Lambda0)
    for share in (0.99, 1.01):
        g = rng.normal(size=P)
        g *= np.sqrt(1e-9 * share / (g**2 / d).sum())
        mean = theta - np.linalg.solve(Lambda0, g - flat.gradient(theta, X, y, weight))
        precision = {"number": 0.7, "vector": np.diagonal(Lambda0), MATRIX: Lambda0}[prior]
        shifted = BayesianModel(model.network, model.likelihood, precision, mean)
        assert is_mode(shifted, theta, X, y, weight) is (share < 1)


@pytest.mark.parametrize(("sigma", "loss"), [(1.0, 50 * np.log(2 * np.pi)), (np.sqrt(0.5 / np.pi), 0.0)])
def test_it_goes_on_until_no_gradient_is_above_a_millionth_of_the_loss_or_of_1(sigma, loss):
    model, X, y, truth, h = line(sigma=sigma)
    assert model.loss(truth, X, y) == pytest.approx(loss, abs=1e-9)
    for share in (0.99, 1.01):
        start = truth + np.array([share * 1e-6 * max(1, loss) / h, 0.0])
        assert is_mode(model, start, X, y[:, None])
        end, calls = fitted(model, X, y, start)
        assert (len(calls) > 0) is (share > 1)
        assert np.array_equal(end, start) is (share < 1)


# --- how it gets there


def test_where_lbfgs_ends_early_it_is_started_again_as_long_as_that_lowers_the_loss(monkeypatch):
    def twice(fun, x0, *, options, **how):
        return minimize(fun, x0, options=options | {"maxiter": 2}, **how)

    calls = replace(monkeypatch, twice)
    model, X, y, mode = plane()
    end, steps = fitted(model, X, y, np.zeros(3))
    assert len(calls) > 3
    for (_, start), (_, before, _) in zip(calls[1:], steps[1::2], strict=False):
        np.testing.assert_array_equal(start, before)
    np.testing.assert_allclose(end, mode, rtol=0, atol=1e-5)


def test_its_units_are_then_those_of_the_curvature(monkeypatch):
    # A linear model's curvature is that of its loss, whose differences are exact but for rounding.
    def in_units_alone(fun, x0, **how):
        return stays(fun, x0, **how) if len(tried) <= 2 else minimize(fun, x0, **how)

    tried = replace(monkeypatch, in_units_alone)
    model, X, y, mode = plane()
    end, calls = fitted(model, X, y, np.ones(3))
    np.testing.assert_allclose(end, mode, rtol=0, atol=1e-5)
    for _, theta, loss in calls:
        assert loss == pytest.approx(model.loss(theta, X, y), rel=1e-12)
    in_units, u = tried[2]
    for p in range(3):
        step = np.eye(3)[p]
        assert (in_units(u + step)[1] - in_units(u)[1])[p] == pytest.approx(1, rel=1e-9)


def test_what_overflows_turns_the_line_search_back(monkeypatch):
    # e^f is beyond float64 for f above 709.8; just below it is not, but its product with an x of 1000 is.
    tried = replace(monkeypatch, stays)
    model = BayesianModel(MLP(1, 1), Poisson(), 1e-6)
    X, y = np.array([[1000.0], [0.0]]), np.array([3.0, 5.0])
    with pytest.warns(ConvergenceWarning):
        fit_map(model, X, y, theta0=np.zeros(2))
    loss, _ = tried[0]
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isfinite(model.loss(np.array([0.7, 0.0]), X, y))
        assert not np.isfinite(model.gradient(np.array([0.709, 0.0]), X, y)).all()
        for w, finite in [(0.1, True), (0.709, False), (0.8, False)]:
            value, gradient = loss(np.array([w, 0.0]))
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()
            assert (value == 1e100) is not finite
            assert gradient.any() == finite


@pytest.mark.parametrize("most", [1, 2])
def test_nothing_follows_the_last_iteration(most):
    model, X, y, _ = plane()
    with pytest.warns(ConvergenceWarning, match=f"stopped after {most} iterations"):
        end, calls = fitted(model, X, y, np.zeros(3), max_iterations=most)
    assert len(calls) == most
    np.testing.assert_array_equal(end, calls[-1][1])


# --- the polish


def test_a_polish_is_taken_if_it_ends_at_a_mode_of_no_larger_loss(monkeypatch):
    model, X, y, mode = two_wells()
    replace(monkeypatch, stays)
    saddle, lower = np.zeros(4), 0.9 * mode
    start = 0.4 * mode
    losses = [model.loss(theta, X, y) for theta in (mode, lower, start, saddle)]
    assert losses == sorted(losses)
    assert is_mode(model, saddle, X, y[:, None])
    assert losses[3] < 2 * losses[2]  # nearly as small is not enough
    for polished in (saddle, lower):
        monkeypatch.setattr(lbfgs, "_polished", lambda *_, end=polished: end)
        with pytest.warns(ConvergenceWarning):
            end, calls = fitted(model, X, y, start)
        np.testing.assert_array_equal(end, start)
        assert calls == []
    monkeypatch.setattr(lbfgs, "_polished", lambda *_: mode)
    end, ((step, theta, loss),) = fitted(model, X, y, start)
    np.testing.assert_array_equal([end, theta], [mode, mode])
    assert (step, loss) == (1, losses[0])


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_the_polish_alone_ends_at_a_mode_in_any_units(monkeypatch, unit):
    replace(monkeypatch, stays)
    for seed in range(5):
        model, X, y, mode = plane(unit, seed)
        start = mode + 0.03 * unit * np.random.default_rng(seed).normal(size=3)
        end = fit_map(model, X, y, theta0=start)
        assert np.abs(model.gradient(end, X, y)).max() <= 1e-6 * max(1, model.loss(end, X, y))


def test_the_polish_starts_where_lbfgs_has_ended(monkeypatch):
    model, X, y, mode = two_wells()
    replace(monkeypatch, stays)
    for sign in (1, -1):
        well = np.array([sign, 1, sign, 1]) * mode
        np.testing.assert_allclose(fit_map(model, X, y, theta0=well + 0.02), well, rtol=0, atol=1e-5)
