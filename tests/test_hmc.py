"""HMC draws from the posterior.

The oracles: the closed form of Bayesian linear regression, the integral over a grid (`test_model_average.py` holds it
against SciPy's), and the Hamiltonian's conservation laws. Monte Carlo errors are judged by the effective sample size,
at five standard errors; seeds are fixed.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from problems import random_problem
from scipy.special import expit

from minilaplace import MLP, BayesianModel, Bernoulli, Gaussian, HeteroscedasticGaussian, average, hmc
from minilaplace.model_average.chains import effective_sample_size, split_r_hat
from minilaplace.model_average.exact import exact_posterior
from minilaplace.model_average.hamiltonian import _chain, _move, _start, leapfrog
from minilaplace.model_average.warm_up import DualAveraging, Point, _first_step, warm_up


def assert_within_error(draws, expected):
    """The mean of draws (n_chains, n, ...) is `expected` to five standard errors, none of which is large."""
    error = draws.std(axis=(0, 1)) / np.sqrt(effective_sample_size(draws))
    assert np.all(error < 0.1 * draws.std(axis=(0, 1)))
    assert np.all(np.abs(draws.mean(axis=(0, 1)) - expected) <= 5 * error)


def assert_has_moments(chains, mean, covariance):
    assert_within_error(chains.samples, mean)
    deviation = chains.samples - mean
    products = np.einsum("msp,msq->mspq", deviation, deviation)
    assert_within_error(products, covariance)


# --- it draws from the posterior


def test_it_draws_from_a_correlated_gaussian():
    # Bayesian linear regression on two features that are nearly the same: correlation -.95 of their weights.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1)) + 0.2 * rng.normal(size=(30, 2))
    y = X @ [1.0, -1.0] + 0.5 * rng.normal(size=30)
    model = BayesianModel(MLP(2, 1), Gaussian(0.5), [0.3, 0.3, 2.0], prior_mean=0.4)
    A = np.column_stack([X, np.ones(30)])
    precision = A.T @ A / 0.25 + np.diag([0.3, 0.3, 2.0])
    covariance = np.linalg.inv(precision)
    mean = covariance @ (A.T @ y / 0.25 + 0.4 * np.array([0.3, 0.3, 2.0]))
    assert covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]) < -0.9
    chains = hmc(model, X, y, 600, n_warmup=200, n_leapfrog=16, rng=0)
    assert np.all(chains.divergences == 0)
    assert np.all(chains.r_hat() < 1.02)
    assert_has_moments(chains, mean, covariance)


def test_it_draws_from_a_skewed_logistic_posterior():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(12, 1))
    y = rng.binomial(1, expit(3 * X[:, 0]))
    model = BayesianModel(MLP(1, 1), Bernoulli(), 0.1)
    exact = exact_posterior(model, X, y)
    chains = hmc(model, X, y, 1000, n_warmup=200, n_leapfrog=8, rng=0)
    assert_has_moments(chains, exact.mean, exact.covariance())
    X_new = np.array([[-3.0], [0.2], [1.0]])
    assert_within_error(chains.evaluate(lambda t: expit(X_new[:, 0] * t[0] + t[1])), exact.predict(X_new))
    np.testing.assert_allclose(average(model, chains.truth(1.05), X_new), exact.predict(X_new), rtol=0, atol=0.02)


def test_one_leapfrog_step_a_draw_will_do():
    # Langevin's method. One target of great noise leaves the prior as it is.
    model = BayesianModel(MLP(1, 1), Gaussian(1e6), [4.0, 0.25], prior_mean=[1.0, -2.0])
    chains = hmc(model, [[1.0]], [0.0], 2000, n_chains=2, n_warmup=200, n_leapfrog=1, rng=0)
    assert_within_error(chains.samples, [1.0, -2.0])
    assert_within_error((chains.samples - [1.0, -2.0]) ** 2, [0.25, 4.0])


# --- Hamilton's equations


def oscillator(rng=0):
    """Return the potential of a random Gaussian in 3 dimensions, and a point and momentum in it."""
    rng = np.random.default_rng(rng)
    A = rng.normal(size=(3, 3))
    Lambda = A @ A.T + np.eye(3)

    def potential(theta):
        return 0.5 * theta @ Lambda @ theta + np.sum(theta**4) / 10, Lambda @ theta + 0.4 * theta**3

    theta = rng.normal(size=3)
    return potential, Point(theta, *potential(theta)), rng.normal(size=3), rng.uniform(0.5, 2, size=3)


def test_leapfrog_runs_back_to_where_it_came_from():
    potential, start, p, v = oscillator()
    there, q = leapfrog(potential, start, p, 0.1, 25, v)
    assert np.abs(there.theta - start.theta).max() > 0.1
    back, r = leapfrog(potential, there, -q, 0.1, 25, v)
    np.testing.assert_allclose(back.theta, start.theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(r, -p, rtol=0, atol=1e-12)


def test_leapfrog_keeps_the_energy_to_the_square_of_the_step():
    # The same time with half the step: a fourth of the error, up to terms of the fourth order.
    potential, start, p, v = oscillator()

    def error(step):
        there, q = leapfrog(potential, start, p, step, round(2.0 / step), v)
        return there.loss - start.loss + 0.5 * (v @ q**2 - v @ p**2)

    assert 0 < abs(error(0.01)) < 0.01
    assert error(0.01) / error(0.005) == pytest.approx(4, rel=0.01)


def test_leapfrog_keeps_volumes():
    # The determinant of d(theta, p) after / d(theta, p) before, by central differences of 1e-5.
    potential, start, p, v = oscillator()

    def flow(state):
        theta = state[:3]
        there, q = leapfrog(potential, Point(theta, *potential(theta)), state[3:], 0.2, 5, v)
        return np.concatenate([there.theta, q])

    state = np.concatenate([start.theta, p])
    columns = [(flow(state + h) - flow(state - h)) / 2e-5 for h in 1e-5 * np.eye(6)]
    assert np.linalg.det(np.array(columns)) == pytest.approx(1, abs=1e-7)


def test_a_trajectory_ends_where_the_potential_has_no_number():
    calls = []

    def cliff(theta):
        calls.append(theta)
        return (np.nan if theta[0] > 1 else 0.0), np.zeros(1)

    there, _ = leapfrog(cliff, Point(np.zeros(1), 0.0, np.zeros(1)), np.ones(1), 0.6, 50, np.ones(1))
    assert len(calls) == 2
    assert np.isnan(there.loss)


# --- one move

ORIGIN = Point(np.zeros(2), 0.0, np.zeros(2))


@pytest.mark.parametrize("n_leapfrog", [1, 2, 5])
def test_a_free_particle_moves_by_its_random_momentum_for_a_random_time(n_leapfrog):
    # The displacement is u step n v p with p ~ N(0, 1 / v), u uniform within a fifth of 1 and n of 1 .. n_leapfrog: its
    # mean square is step^2 E[u^2] E[n^2] v, of which 20,000 moves have an error of some 2%.
    calls, v, rng = [], np.array([0.25, 9.0]), np.random.default_rng(0)

    def flat(theta):
        calls[-1] += 1
        return 0.0, np.zeros(2)

    moved = []
    for _ in range(20_000):
        calls.append(0)
        there, probability, diverged = _move(flat, ORIGIN, 0.5, n_leapfrog, v, rng)
        assert (probability, diverged) == (1.0, False)
        moved.append(there.theta)
    assert set(calls) == set(range(1, n_leapfrog + 1))
    expected = 0.25 * (1 + 0.2**2 / 3) * np.mean(np.arange(1, n_leapfrog + 1) ** 2) * v
    np.testing.assert_allclose(np.mean(np.square(moved), axis=0), expected, rtol=0.06)
    assert np.all(np.abs(np.mean(moved, axis=0)) < 5 * np.sqrt(expected / 20_000))
    np.testing.assert_allclose(np.corrcoef(np.transpose(moved))[0, 1], 0, atol=0.05)


def test_the_step_of_a_move_is_longer_or_shorter_by_up_to_a_fifth():
    # Under a constant force g the second differences of theta are -step^2 v g.
    rng, v, g, steps = np.random.default_rng(0), np.array([2.0]), np.array([0.3]), []
    for _ in range(2000):
        path = []

        def slope(theta, path=path):
            path.append(theta)
            return float(g @ theta), g

        _move(slope, Point(np.zeros(1), 0.0, g), 0.5, 8, v, rng)
        steps += list(np.sqrt(-np.diff(path, n=2, axis=0)[:1, 0] / (v * g)[0]))
    assert 0.4 <= min(steps) < 0.402
    assert 0.598 < max(steps) <= 0.6
    assert np.mean(steps) == pytest.approx(0.5, abs=5 * 0.2 / np.sqrt(12 * len(steps)))


@pytest.mark.parametrize(
    ("gained", "probability", "diverged"),
    [(-5.0, 1.0, False), (0.3, np.exp(-0.3), False), (1000.0, 0.0, False), (1001.0, 0.0, True), (np.nan, 0.0, True)],
)
def test_an_end_is_accepted_with_metropolis_probability(gained, probability, diverged):
    # Where the potential is a number but at the start, the momentum stays what it was.
    rng, ends = np.random.default_rng(0), []
    for _ in range(2000):
        there, *received = _move(
            lambda theta: (7.0 + gained, np.zeros(2)), ORIGIN._replace(loss=7.0), 0.1, 3, np.ones(2), rng
        )
        assert received == [pytest.approx(probability, rel=1e-12), diverged]
        ends.append(there is not ORIGIN and bool(there.theta.any()))
    assert np.mean(ends) == pytest.approx(probability, abs=5 * np.sqrt(probability * (1 - probability) / 2000))


def test_the_energy_of_a_move_is_potential_and_kinetic(monkeypatch):
    # From one leapfrog step of a known length the momenta follow: (theta' - theta) / (step v) is p half a step later.
    monkeypatch.setattr("minilaplace.model_average.hamiltonian.JITTER", 0.0)
    potential, here, _, v = oscillator()
    rng, path, step = np.random.default_rng(1), [], 0.7

    def watched(theta):
        path.append(Point(theta, *potential(theta)))
        return path[-1][1:]

    less_than_sure = 0
    for _ in range(50):
        there, probability, _ = _move(watched, here, step, 1, v, rng)
        end = path[-1]
        halfway = (end.theta - here.theta) / (step * v)
        before, after = halfway + step / 2 * here.gradient, halfway - step / 2 * end.gradient
        gained = end.loss - here.loss + 0.5 * (np.sum(v * after**2) - np.sum(v * before**2))
        assert probability == pytest.approx(min(1.0, np.exp(-gained)), rel=1e-9)
        less_than_sure += probability < 0.99
        here = there
    assert less_than_sure > 5


def test_a_chain_counts_its_divergences_and_averages_its_acceptance(monkeypatch):
    moves = [(Point(np.full(2, float(s)), 0.0, np.zeros(2)), 0.1 * s, s in (2, 3)) for s in range(5)]
    script, asked = iter(moves), []

    def scripted(potential, here, step, n_leapfrog, v, rng):
        asked.append((float(here.theta[0]), step, n_leapfrog, *v))
        return next(script)

    monkeypatch.setattr("minilaplace.model_average.hamiltonian._move", scripted)
    monkeypatch.setattr(
        "minilaplace.model_average.hamiltonian.warm_up", lambda move, here, *_: (here, 0.3, np.array([4.0, 5.0]))
    )
    start = Point(np.full(2, -1.0), 0.0, np.zeros(2))
    samples, acceptance, step, divergences = _chain(None, 5, 20, 6, start, np.random.default_rng(0))
    np.testing.assert_array_equal(samples, [[s, s] for s in range(5)])
    assert acceptance == pytest.approx(0.2, rel=1e-15)
    assert (step, divergences) == (0.3, 2)
    assert asked == [(s - 1.0, 0.3, 6, 4.0, 5.0) for s in range(5)]


# --- the warm-up


def test_dual_averaging_finds_the_step_with_the_target_acceptance():
    # Acceptance exp(-step^2) is .8 at sqrt(-log .8).
    tuned = DualAveraging(5.0)
    for _ in range(2000):
        tuned.update(np.exp(-(tuned.step**2)))
    assert tuned.average == pytest.approx(np.sqrt(-np.log(0.8)), rel=0.01)


def test_dual_averaging_is_its_closed_form():
    # The average of the shortfalls, over m + 10 in place of m, telescopes; that of the log steps has the weights
    # eta_i (1 - eta_i+1) .. (1 - eta_m), eta_i = i^-0.75.
    a = np.random.default_rng(0).uniform(size=30)
    tuned, log_steps = DualAveraging(0.7), []
    assert tuned.step == tuned.average == 0.7
    for m in range(1, 31):
        tuned.update(a[m - 1])
        log_steps.append(np.log(7.0) - np.sqrt(m) / 0.05 * np.sum(0.8 - a[:m]) / (m + 10))
        eta = np.arange(1, m + 1) ** -0.75
        weights = [eta[i] * np.prod(1 - eta[i + 1 :]) for i in range(m)]
        assert np.log(tuned.step) == pytest.approx(log_steps[-1], abs=1e-12)
        assert np.log(tuned.average) == pytest.approx(np.dot(weights, log_steps), abs=1e-12)


@pytest.mark.parametrize("crossing", [1e-9, 0.3, 0.6, 1.5, 100.0, 1e9])
def test_the_first_step_is_the_power_of_two_at_which_acceptance_crosses_a_half(crossing):
    asked, here, v = [], object(), object()

    def move(*arguments):
        asked.append(arguments)
        return None, 0.5 ** (arguments[1] / crossing), False

    step = _first_step(move, here, v)
    tried = [given[1] for given in asked]
    assert [(given[0], *given[2:]) for given in asked] == [(here, 1, v)] * len(asked)
    # From where a step of 1 is accepted it is the first one that is not, from elsewhere the first one that is.
    assert step == tried[-1] == 2.0 ** (np.ceil(np.log2(crossing)) if crossing > 1 else np.floor(np.log2(crossing)))
    np.testing.assert_array_equal(tried, 2.0 ** (np.sign(np.log(crossing)) * np.arange(len(tried))))


@pytest.mark.parametrize(
    ("acceptance", "step"), [(0.0, 2.0**-100), (0.5, 2.0**-100), (0.51, 2.0**100), (1.0, 2.0**100)]
)
def test_the_search_for_a_first_step_ends(acceptance, step):
    assert _first_step(lambda *_: (None, acceptance, False), None, None) == step


def test_the_warm_up_learns_masses_in_its_middle_and_the_step_in_its_last_quarter():
    # Moves draw from N(0, diag(1, 100)). They are accepted with exp(-step^2) while masses are 1, then exp(-4 step^2).
    rng, asked, draws, acceptances = np.random.default_rng(0), [], [], []

    def move(here, step, n_steps, v):
        probability = float(np.exp(-(step**2) * (1 if np.all(v == 1) else 4)))
        asked.append((n_steps, step, v))
        if n_steps == 7:
            draws.append(rng.normal(size=2) * [1.0, 10.0])
            acceptances.append(probability)
            here = Point(draws[-1], 0.0, np.zeros(2))
        return here, probability, False

    here, step, v = warm_up(move, ORIGIN, 1000, 7)
    np.testing.assert_array_equal(here.theta, draws[-1])
    assert {n for n, _, _ in asked} == {1, 7}
    assert len(draws) == 1000
    kept = [given for given in asked if given[0] == 7]
    for quarter, since in [(1, 500), (2, 750)]:
        variances = np.var(draws[250 * quarter : 250 * (quarter + 1)], axis=0, ddof=1)
        learned = (250 * variances + 5 * 1e-3) / 255  # five draws of a variance of 0.001 beside them
        np.testing.assert_allclose([given[2] for given in kept[since : since + 250]], [learned] * 250, rtol=1e-14)
    np.testing.assert_array_equal([given[2] for given in kept[:500]], np.ones((500, 2)))
    np.testing.assert_array_equal(v, kept[-1][2])
    assert step == pytest.approx(np.sqrt(-np.log(0.8)) / 2, rel=0.1)
    # The first quarter starts where a halved 1 is accepted, the second where that came to, the others from 1 / 4.
    assert kept[0][1] == 0.5
    assert kept[500][1] == kept[750][1] == 0.25
    of_first, of_last = DualAveraging(0.5), DualAveraging(0.25)
    for acceptance in acceptances[:250]:
        of_first.update(acceptance)
    for acceptance in acceptances[750:]:
        of_last.update(acceptance)
    assert kept[250][1] == of_first.average
    assert step == of_last.average


def test_the_masses_make_scales_equal():
    # Features a thousand times apart, unit masses: the step would be that of the narrow one, the wide one would creep.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2)) * [30.0, 0.03]
    model = BayesianModel(MLP(2, 1), Gaussian(1.0), [1.0, 1e-4, 1.0])
    chains = hmc(model, X, rng.normal(size=50), 200, n_chains=2, n_warmup=300, n_leapfrog=16, rng=0)
    assert chains.samples.std(axis=(0, 1))[:2] @ [-300, 1] > 0
    assert np.all(chains.step_size > 0.1)
    assert np.all(chains.effective_sample_size() > 100)
    assert np.all(chains.acceptance > 0.6)


def test_chains_start_from_the_prior():
    # The prior is a matrix, its covariance [[2, 1], [1, 1]].
    model = BayesianModel(MLP(1, 1), Gaussian(1e6), np.array([[1.0, -1.0], [-1.0, 2.0]]), prior_mean=[3.0, 0.0])
    rng = np.random.default_rng(0)
    starts = np.array([_start(model, lambda theta: (0.0, theta), rng).theta for _ in range(4000)])
    np.testing.assert_allclose(starts.mean(axis=0), [3, 0], rtol=0, atol=5 * np.sqrt(2 / 4000))
    # A product of two correlated Gaussians with variances up to 2 varies by at most 2 sqrt(2).
    np.testing.assert_allclose(np.cov(starts.T), [[2, 1], [1, 1]], rtol=0, atol=5 * np.sqrt(8 / 4000))


def test_the_search_for_a_start_halves_its_distance_a_hundred_times():
    model = BayesianModel(MLP(1, 1), Gaussian(), 0.25, prior_mean=[3.0, 1.0])
    for bad in [(np.nan, np.zeros(2)), (0.0, np.array([0.0, np.inf]))]:
        tried = []

        def nowhere(theta, tried=tried, bad=bad):
            tried.append(theta - [3.0, 1.0])
            return bad

        _start(model, nowhere, np.random.default_rng(5))
        assert len(tried) == 101
        drawn = np.random.default_rng(5).normal(size=2) / np.sqrt(0.25)
        for halvings, away in enumerate(tried[:40]):
            np.testing.assert_allclose(away, drawn / 2**halvings, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(tried[-1], [0, 0])


# --- divergences


def test_a_divergence_is_a_rejection_and_no_warning():
    # Warnings are errors. A log-variance far below 0 makes exp(-s) overflow: that is a trajectory lost, not a crash.
    model = BayesianModel(MLP(1, 2), HeteroscedasticGaussian(), 1e-5)
    X, y = np.linspace(-1, 1, 8)[:, None], np.linspace(0, 1, 8)
    chains = hmc(model, X, y, 50, n_chains=2, n_warmup=20, n_leapfrog=4, rng=0)
    assert np.isfinite(chains.samples).all()
    assert np.isfinite(chains.acceptance).all()


def test_numbers_that_overflow_on_the_way_are_no_warning():
    # Warnings are errors, and this potential says nothing of its own: its walls are higher than a float.
    def walls(theta):
        return float(np.exp(1e3 * theta**2).sum()), 2e3 * theta * np.exp(1e3 * theta**2)

    start = Point(np.zeros(2), *walls(np.zeros(2)))
    samples, *_ = _chain(walls, 20, 20, 8, start, np.random.default_rng(0))
    assert np.ptp(samples[:, 0]) > 0.01
    assert np.abs(samples).max() < 1
    model = BayesianModel(MLP(1, 1), Gaussian(), 1e-4)
    assert np.isfinite(_start(model, walls, np.random.default_rng(0)).loss)


def test_divergences_are_counted_and_leave_the_chain_where_it_is(monkeypatch):
    # The steps are a hundred times too large for a Gaussian of deviation .01.
    monkeypatch.setattr("minilaplace.model_average.hamiltonian.warm_up", lambda move, here, *_: (here, 1.0, np.ones(2)))
    model, X, y = BayesianModel(MLP(1, 1), Gaussian(0.01)), np.array([[1.0], [-1.0]]), np.zeros(2)
    chains = hmc(model, X, y, 20, n_chains=2, theta0=np.array([0.01, 0.0]), rng=0)
    np.testing.assert_array_equal(chains.divergences, 20)
    np.testing.assert_array_equal(chains.acceptance, 0)
    np.testing.assert_array_equal(chains.thetas, np.tile([0.01, 0.0], (40, 1)))


# --- reproducibility


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_the_seed_gives_the_same_bits_with_or_without_an_executor(pool):
    model, _, X, y = random_problem(hidden=(3,), n_samples=10)
    options = {"n_samples": 10, "n_chains": 3, "n_warmup": 20, "n_leapfrog": 3}
    alone = hmc(model, X, y, rng=7, **options)
    spawning = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(2) if pool == "threads" else ProcessPoolExecutor(2, mp_context=spawning) as executor:
        together = hmc(model, X, y, rng=7, executor=executor, **options)
    for name in ("samples", "acceptance", "step_size", "divergences", "starts"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
    np.testing.assert_array_equal(hmc(model, X, y, rng=7, **{**options, "n_chains": 2}).samples, alone.samples[:2])
    assert not np.any(hmc(model, X, y, rng=8, **options).samples == alone.samples)
    assert len(np.unique(alone.samples[:, -1, 0])) == 3


def test_each_chain_is_a_task_of_the_executor():
    model, _, X, y = random_problem(hidden=(3,), n_samples=10)
    tasks = []

    class Recorder(ThreadPoolExecutor):
        def submit(self, *task, **options):
            tasks.append(task)
            return super().submit(*task, **options)

    with Recorder(2) as executor:
        hmc(model, X, y, 4, n_chains=3, n_warmup=20, n_leapfrog=2, rng=0, executor=executor)
    assert len(tasks) == 3


def test_the_callback_gets_each_chain_and_theta0_is_only_read():
    model, _, X, y = random_problem(hidden=(3,), n_samples=10)
    theta0 = np.random.default_rng(0).normal(size=(2, model.network.n_params))
    theta0.setflags(write=False)
    calls = []
    options = {"n_chains": 2, "n_warmup": 20, "n_leapfrog": 2, "rng": 0, "theta0": theta0}
    chains = hmc(model, X, y, 5, callback=lambda *call: calls.append(call), **options)
    assert [chain for chain, _, _ in calls] == [1, 2]
    np.testing.assert_array_equal([theta for _, theta, _ in calls], chains.samples[:, -1])
    assert [loss for _, _, loss in calls] == [model.loss(theta, X, y) for theta in chains.samples[:, -1]]


def test_the_callback_cannot_change_a_draw():
    model, _, X, y = random_problem(hidden=(3,), n_samples=10)
    options = {"n_chains": 2, "n_warmup": 20, "n_leapfrog": 2, "rng": 0}
    expected = hmc(model, X, y, 5, **options).samples
    np.testing.assert_array_equal(
        hmc(model, X, y, 5, callback=lambda _, theta, __: theta.fill(9), **options).samples, expected
    )


def test_a_weight_of_two_counts_a_sample_twice():
    model, _, X, y = random_problem(hidden=(), n_samples=6)
    weight, calls = np.array([2.0, 1, 1, 2, 1, 0]), []
    options = {"n_chains": 2, "n_warmup": 20, "n_leapfrog": 3, "rng": 0}
    received = hmc(model, X, y, 8, sample_weight=weight, callback=lambda *call: calls.append(call), **options)
    twice = np.repeat(np.arange(6), weight.astype(int))
    # Roundings differ by the order of a sum, and grow in 28 trajectories of a smooth potential to no more than this.
    np.testing.assert_allclose(received.samples, hmc(model, X[twice], y[twice], 8, **options).samples, rtol=1e-6)
    for _, theta, loss in calls:
        assert loss == pytest.approx(model.loss(theta, X[twice], y[twice]), rel=1e-12)


# --- chains


def test_chains_from_one_start_are_no_truth_however_well_they_agree():
    # The posterior of this network has two modes, theta and its mirror image, between which the chains do not move.
    X = np.linspace(-2, 2, 20)[:, None]
    model, mode = BayesianModel(MLP(1, 1, 1), Gaussian(0.1)), np.array([1.0, 0.0, 2.0, 0.0])
    options = {"n_chains": 2, "n_warmup": 100, "n_leapfrog": 8, "rng": 0}
    one = hmc(model, X, 2 * np.tanh(X), 200, theta0=mode, **options)
    np.testing.assert_array_equal(one.starts, [mode, mode])
    assert np.all(one.thetas[:, 2] > 0)
    assert one.r_hat().max() < 1.1
    expected = r"^truth: expected chains that started apart, received chains from one theta0, .*; leave theta0 out"
    for of in (None, lambda theta: model.network.forward(theta, X)):
        with pytest.raises(ValueError, match=expected):
            one.truth(100.0, of=of)
    mirrored = hmc(model, X, 2 * np.tanh(X), 200, theta0=[mode, mode * [-1, -1, -1, 1]], **options)
    with pytest.raises(ValueError, match="R-hat"):
        mirrored.truth(1.1)


def test_the_default_starts_are_apart_and_are_kept():
    model, _, X, y = random_problem(hidden=(3,), n_samples=10)
    chains = hmc(model, X, y, 4, n_chains=3, n_warmup=20, n_leapfrog=2, rng=0)
    assert chains.starts.shape == (3, model.network.n_params)
    assert np.ptp(chains.starts, axis=0).min() > 0.01


def test_chains_of_a_network_agree_on_its_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 1))
    model = BayesianModel(MLP(1, 3, 1), Gaussian(0.3), 1.0)
    chains = hmc(model, X, np.sin(2 * X) + 0.3 * rng.normal(size=(20, 1)), 300, n_warmup=200, n_leapfrog=24, rng=0)
    assert chains.samples.shape == (4, 300, 10)
    assert chains.thetas.shape == (1200, 10)
    f = chains.evaluate(lambda theta: model.network.forward(theta, X))
    assert f.shape == (4, 300, 20, 1)
    np.testing.assert_array_equal(f[1, 2], model.network.forward(chains.samples[1, 2], X))
    assert split_r_hat(f).max() < 1.05


# --- bad input

MODEL, X, Y = BayesianModel(MLP(2, 3, 1), Bernoulli()), np.ones((4, 2)), np.array([0, 1, 1, 0])
BAD = [
    (lambda: hmc("model", X, Y), TypeError, "model: expected a BayesianModel"),
    (lambda: hmc(MODEL, X, Y[:3]), ValueError, "y: expected shape (4,)"),
    (lambda: hmc(MODEL, X[:, :1], Y), ValueError, "X: expected shape (N, 2)"),
    (lambda: hmc(MODEL, X, Y, 3), ValueError, "n_samples: expected a whole number of at least 4, received 3"),
    (lambda: hmc(MODEL, X, Y, n_chains=0), ValueError, "n_chains: expected a whole number of at least 1, received 0"),
    (
        lambda: hmc(MODEL, X, Y, n_warmup=19),
        ValueError,
        "n_warmup: expected a whole number of at least 20, received 19",
    ),
    (lambda: hmc(MODEL, X, Y, n_leapfrog=1.5), TypeError, "n_leapfrog: expected a whole number"),
    (
        lambda: hmc(MODEL, X, Y, theta0=np.ones(12)),
        ValueError,
        "theta0: expected shape (13,) or (4, 13), received shape (12,)",
    ),
    (lambda: hmc(MODEL, X, Y, theta0=np.ones((3, 13))), ValueError, "theta0: expected shape (13,) or (4, 13)"),
    (lambda: hmc(MODEL, X, Y, theta0=np.full((4, 13), np.inf)), ValueError, "theta0: expected finite numbers"),
    (lambda: hmc(MODEL, X, Y, executor=2), TypeError, "executor: expected a concurrent.futures.Executor"),
    (lambda: hmc(MODEL, X, Y, callback=2), TypeError, "callback: expected a function of (chain, theta, loss)"),
    (lambda: hmc(MODEL, X, Y, rng=1.5), TypeError, "rng: expected"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error) as refused:
        call()
    assert str(refused.value).startswith(message)


def test_a_start_without_a_loss_is_refused_and_nothing_is_drawn():
    # exp(-s) of the log-variance s = -2000 is more than a float holds.
    model = BayesianModel(MLP(1, 2), HeteroscedasticGaussian())
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^theta0: expected a start"):
        hmc(model, [[1.0], [2.0]], [0.0, 1.0], theta0=[0.0, 0.0, 0.0, -2000.0], rng=rng)
    assert rng.bit_generator.seed_seq.n_children_spawned == 0


def test_targets_without_a_loss_even_at_the_prior_mean_are_refused_and_nothing_is_drawn():
    # The square of 1e200 is more than a float holds, at whatever theta.
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^y: expected targets whose loss is finite .* received a loss of inf"):
        hmc(BayesianModel(MLP(1, 1), Gaussian()), [[1.0]], [[1e200]], 4, n_warmup=20, n_chains=1, rng=rng)
    assert rng.bit_generator.seed_seq.n_children_spawned == 0


def test_the_search_for_a_start_ends_at_the_prior_mean_even_where_no_place_will_do():
    model = BayesianModel(MLP(1, 1), Gaussian(), prior_mean=[3.0, 0.0])
    start = _start(model, lambda theta: (np.nan, np.zeros(2)), np.random.default_rng(0))
    np.testing.assert_array_equal(start.theta, [3, 0])


def test_a_start_is_nearer_to_the_prior_mean_where_the_loss_has_no_number():
    model = BayesianModel(MLP(1, 1), Gaussian(), prior_mean=[3.0, 0.0])

    def near(theta):
        return (0.0 if np.abs(theta - [3, 0]).max() < 0.01 else np.inf), np.zeros(2)

    start = _start(model, near, np.random.default_rng(0))
    assert 0.001 < np.abs(start.theta - [3, 0]).max() < 0.01
