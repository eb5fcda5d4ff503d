"""An explorer answers as a new Laplace of the same settings would, and makes anew only what a change has touched."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map, marglik_training, toy_data_non_linear
from minilaplace.explorer import Explorer
from minilaplace.structures.fit import STRUCTURES

X, Y = toy_data_non_linear(40, rng=0)
POINTS = np.random.default_rng(1).uniform(-6, 6, size=(30, 2))
RTOL = 1e-10  # the same sums in the same order, but for the scale of the curvature


def small(**settings):
    return Explorer(X, Y, **{"n_hidden": 4, "prior_precision": 0.1} | settings)


def made_anew(explorer):
    """Return the probabilities of a Laplace built from the explorer's theta and settings alone."""
    s = explorer.settings
    la = Laplace(
        explorer.model, explorer.laplace().theta, temperature=s.temperature, curvature=s.curvature,
        hessian_structure=s.hessian_structure,
    )  # fmt: skip
    return la.fit(explorer.X, explorer.y).predict(POINTS, s.link_approx, rng=0)


def largest_slope(explorer):
    return np.abs(explorer.model.gradient(explorer.laplace().theta, explorer.X, explorer.y)).max()


def test_it_starts_with_figure_2_as_it_should_be():
    X, y = toy_data_non_linear(200, rng=0)
    model = BayesianModel(MLP(2, 32, 1, activation="sigmoid"), Bernoulli(), prior_precision=0.1)
    la = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)
    assert_array_equal(Explorer().probabilities(POINTS), la.predict(POINTS))


def test_what_it_says_to_try_shows_what_it_says():
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    far = 50 * np.column_stack([np.cos(angle), np.sin(angle)])
    la = Explorer().laplace()
    off_half = [np.abs(la.under(prior).predict(far) - 0.5).mean() for prior in (1e-4, 1e-2, 1.0, 10.0)]
    assert np.all(np.diff(off_half) > 0)  # the weaker the prior, the nearer to 1/2
    axis = np.linspace(-50, 50, 50)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    sure = {link: np.mean(np.abs(la.predict(plane, link) - 0.5) > 0.25) for link in ("plugin", "probit")}
    assert sure["plugin"] > 0.5 > 0.05 > sure["probit"]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_prior_and_temperature_reuse_theta_and_the_accumulated_curvature(structure):
    explorer = small(hessian_structure=structure)
    before, first = explorer.laplace(), explorer.probabilities(POINTS)
    explorer.set(prior_precision=1.5, temperature=0.3)
    after = explorer.laplace()
    assert after.theta is before.theta
    assert after._fit.structure is before._fit.structure
    assert_allclose(explorer.probabilities(POINTS), made_anew(explorer), rtol=RTOL)
    assert np.abs(explorer.probabilities(POINTS) - first).max() > 0.01
    explorer.set(prior_precision=0.1, temperature=1.0)
    assert_allclose(explorer.probabilities(POINTS), first, rtol=RTOL)


@pytest.mark.parametrize(
    "changes",
    [{"curvature": "hessian"}, {"curvature": "empirical_fisher", "hessian_structure": "kron"}]
    + [{"link_approx": link} for link in Bernoulli.links],
    ids=str,
)
def test_curvature_structure_and_link_are_those_of_a_laplace_made_anew_at_the_same_theta(changes):
    explorer = small()
    theta = explorer.laplace().theta
    explorer.set(**changes)
    assert_array_equal(explorer.probabilities(POINTS), made_anew(explorer))
    assert_array_equal(explorer.laplace().theta, theta)


def test_the_gaussian_is_factored_again_under_another_prior_or_temperature_and_not_for_another_link():
    explorer = small()
    before = explorer.laplace().posterior
    explorer.set(link_approx="mc", prior_precision=0.1)
    assert explorer.laplace().posterior is before
    explorer.set(prior_precision=0.2)
    under_prior = explorer.laplace().posterior
    explorer.set(temperature=2.0)
    assert len({id(posterior) for posterior in (before, under_prior, explorer.laplace().posterior)}) == 3


def test_under_another_prior_theta_is_no_mode_until_it_is_trained():
    explorer = small()
    explorer.train()
    assert explorer.at_mode
    explorer.set(prior_precision=1.0)
    assert not explorer.at_mode
    assert (explorer.trained_under, largest_slope(explorer) > 0.1) == (0.1, True)
    explorer.train()
    assert explorer.at_mode
    assert largest_slope(explorer) < 1e-4


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.add_point([-3.0, -2.0], 0),
        lambda e: e.move_point(3, [4.0, -4.0]),
        lambda e: e.remove_point(0),
        lambda e: e.set(n_hidden=0),
        lambda e: e.set(n_hidden=6),
        lambda e: e.start_anew(),
    ],
)
def test_after_data_or_network_have_changed_it_is_at_a_mode_again(change):
    explorer = small()
    explorer.train()
    change(explorer)
    assert explorer.needs_training
    assert largest_slope(explorer) < 1e-4
    assert_array_equal(explorer.probabilities(POINTS), made_anew(explorer))


def test_points_are_added_moved_and_removed_and_the_callers_data_stays():
    given = X.copy(), Y.copy()
    explorer = Explorer(*given, n_hidden=0)
    explorer.add_point([1.0, 2.0], 1)
    explorer.move_point(0, [3.0, 4.0])
    explorer.remove_point(1)
    assert_array_equal(explorer.X, np.vstack([[3.0, 4.0], X[2:], [1.0, 2.0]]))
    assert_array_equal(explorer.y, [Y[0], *Y[2:], 1])
    assert_array_equal(given[0], X)
    assert_array_equal(given[1], Y)


def test_the_network_of_a_number_of_hidden_units_does_not_depend_on_the_way_there():
    explorer = small()
    theta = explorer.laplace().theta
    explorer.set(n_hidden=7)
    assert len(explorer.laplace().theta) == 29
    explorer.set(n_hidden=4)
    assert_array_equal(explorer.laplace().theta, theta)
    explorer.start_anew()
    assert np.abs(explorer.laplace().theta - theta).max() > 0.1
    assert_array_equal(explorer.laplace().theta, small(seed=1).laplace().theta)


def test_a_training_that_its_callback_ends_changes_nothing():
    explorer = small()
    before = explorer.probabilities(POINTS)
    explorer.set(prior_precision=2.0)
    after = explorer.probabilities(POINTS)

    def stop(step, theta, loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explorer.train(stop)
    assert explorer.trained_under == 0.1
    assert_array_equal(explorer.probabilities(POINTS), after)
    explorer.set(prior_precision=0.1)
    assert_allclose(explorer.probabilities(POINTS), before, rtol=RTOL)


def test_settings_without_an_answer_can_be_passed_through():
    explorer = small()
    explorer.set(curvature="hessian")
    explorer.set(hessian_structure="kron")
    with pytest.raises(ValueError, match="'hessian', which is not a Kronecker product"):
        explorer.probabilities(POINTS)
    explorer.set(hessian_structure="full")
    explorer.set(prior_precision=1e-4)
    explorer.move_point(0, [-3.0, 3.0])
    explorer.train()
    explorer.set(temperature=1e-3)
    assert_allclose(explorer.probabilities(POINTS), made_anew(explorer), rtol=1e-6)


def test_an_indefinite_hessian_is_refused_and_a_larger_prior_is_the_way_out():
    explorer = small(prior_precision=10.0, curvature="hessian")
    explorer.train()  # so strong a prior leaves theta near a saddle of the likelihood
    explorer.set(prior_precision=1e-3)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite: its smallest eigenvalue is -"):
        explorer.probabilities(POINTS)
    explorer.set(prior_precision=10.0)
    assert explorer.probabilities(POINTS).shape == (30,)


def test_tuning_and_training_in_turn_end_where_marglik_training_does():
    explorer = small()
    untuned = explorer.laplace()
    explorer.tune_prior()
    assert explorer.settings.prior_precision == untuned.optimize_prior_precision().model.prior_precision
    for _ in range(60):
        explorer.train()
        explorer.tune_prior()
    chosen, _ = marglik_training(small().model, X, Y, theta0=small().laplace().theta, tol=1e-6)
    assert_allclose(explorer.settings.prior_precision, chosen.prior_precision, rtol=1e-3)


def test_undo_goes_back_to_the_data_and_the_theta_from_before():
    explorer = small()
    before, theta = explorer.probabilities(POINTS), explorer.laplace().theta
    explorer.add_point([0.0, 0.0], 1)
    explorer.train()
    explorer.remove_point(3)
    explorer.undo()
    assert len(explorer.X) == len(explorer.y) == 41
    explorer.undo()
    assert_array_equal(explorer.X, X)
    assert_array_equal(explorer.y, Y)
    assert not explorer.needs_training
    assert_array_equal(explorer.laplace().theta, theta)
    assert_array_equal(explorer.probabilities(POINTS), before)
    with pytest.raises(ValueError, match="undo: expected a change of the data before this call, received none"):
        explorer.undo()


def test_undo_keeps_the_network_that_has_been_chosen_since():
    explorer = small()
    explorer.train()
    explorer.add_point([0.0, 0.0], 1)
    explorer.set(n_hidden=2)
    explorer.undo()
    assert explorer.needs_training
    assert len(explorer.laplace().theta) == explorer.model.network.n_params == 9
    assert largest_slope(explorer) < 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.set(prior=1.0), "setting: expected one of 'prior_precision', .* received 'prior'"),
        (lambda e: e.set(prior_precision=0.0), "prior_precision: expected a finite number greater than 0"),
        (lambda e: e.set(temperature=-1.0), "temperature: expected a finite number greater than 0"),
        (lambda e: e.set(n_hidden=-1), "n_hidden: expected a whole number of at least 0"),
        (lambda e: e.set(curvature="fisher"), "curvature: expected one of"),
        (lambda e: e.set(link_approx="bridge"), "link_approx: expected one of"),
        (lambda e: e.add_point([1.0, 2.0], 2), r"label: expected shape \(1,\) of integer labels 0..1, received 2"),
        (lambda e: e.add_point([1.0, np.nan], 1), "point: expected finite numbers"),
        (lambda e: e.move_point(40, [1.0, 1.0]), "index: expected a whole number from 0 to 39, received 40"),
        (lambda e: Explorer(X[:1], Y[:1]).remove_point(0), "index: expected more than one sample, as one has to stay"),
        (lambda e: Explorer(X, Y, seed=-1), "seed: expected a whole number of at least 0"),
        (lambda e: Explorer(X[:, :1], Y), r"X: expected shape \(N, 2\)"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(call, message):
    explorer = small()
    settings, before = explorer.settings, explorer.laplace()
    with pytest.raises(ValueError, match=message):
        call(explorer)
    assert explorer.settings is settings
    assert explorer.laplace() is before
    assert_array_equal(explorer.X, X)
