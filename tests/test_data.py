"""Toy data lie where the post's figures show them, in the numbers, order and noise that were asked for."""

import numpy as np
import pytest

from minilaplace import toy_data_linear, toy_data_multi, toy_data_non_linear, toy_data_regression

# Label -> the quadrants, as signs of (x1, x2), that hold its squares. Each square reaches from .5 to 5 along both axes.
QUADRANTS = {
    toy_data_linear: {1: {(1, 1)}, 0: {(-1, -1)}},
    toy_data_non_linear: {1: {(1, 1), (-1, -1)}, 0: {(1, -1), (-1, 1)}},
    toy_data_multi: {0: {(1, 1)}, 1: {(-1, 1)}, 2: {(-1, -1)}, 3: {(1, -1)}},
}
EVERY_FUNCTION = [*QUADRANTS, toy_data_regression]

class_data = pytest.mark.parametrize("toy_data", QUADRANTS)
any_data = pytest.mark.parametrize("toy_data", EVERY_FUNCTION)


def quadrants(X):
    return list(map(tuple, np.sign(X).astype(int).tolist()))


@any_data
@pytest.mark.parametrize("n", [4, 5, 6, 7, 101])
def test_there_are_exactly_n_samples_divisible_or_not(toy_data, n):
    X, y = toy_data(n, rng=0)
    assert X.shape == (n, 1 if toy_data is toy_data_regression else 2)
    assert y.shape == (n,)
    assert X.dtype == np.float64


@class_data
@pytest.mark.parametrize("n", [8, 9, 10, 11])
def test_squares_share_the_samples_as_evenly_as_n_allows(toy_data, n):
    X, _ = toy_data(n, rng=0)
    counts = [quadrants(X).count(q) for q in set(quadrants(X))]
    assert len(counts) == sum(map(len, QUADRANTS[toy_data].values()))
    assert max(counts) - min(counts) == (n % len(counts) > 0)


@class_data
def test_every_sample_lies_in_a_square_of_its_class_and_every_square_is_used(toy_data):
    X, y = toy_data(400, rng=0)
    assert np.all((np.abs(X) >= 0.5) & (np.abs(X) <= 5))
    assert {label: set(quadrants(X[y == label])) for label in np.unique(y).tolist()} == QUADRANTS[toy_data]


@class_data
def test_squares_are_filled_to_their_edges(toy_data):
    # 2000 uniform samples a square at least: none within .05 of an edge has probability (1 - .05 / 4.5)^2000 < 1e-9.
    X, _ = toy_data(8000, rng=0)
    for quadrant in set(quadrants(X)):
        inside = np.abs(X[[q == quadrant for q in quadrants(X)]])
        np.testing.assert_allclose(inside.min(axis=0), 0.5, rtol=0, atol=0.05)
        np.testing.assert_allclose(inside.max(axis=0), 5, rtol=0, atol=0.05)


@class_data
def test_samples_are_uniform_on_their_square(toy_data):
    # Distance from the near corner is uniform on [0, 4.5]: mean 2.25, standard deviation 4.5 / sqrt(12), and the two
    # axes are independent. Five standard errors for each, at a fixed seed.
    n = 8000
    X, _ = toy_data(n, rng=1)
    z = (np.abs(X) - 0.5 - 2.25) / (4.5 / np.sqrt(12))
    assert np.all(np.abs(z.mean(axis=0)) < 5 / np.sqrt(n))
    assert abs(np.mean(z[:, 0] * z[:, 1])) < 5 / np.sqrt(n)


@pytest.mark.parametrize("toy_data", [toy_data_linear, toy_data_non_linear])
def test_two_classes_are_sorted_class_1_first(toy_data):
    _, y = toy_data(11, rng=0)
    assert y.tolist() == sorted(y.tolist(), reverse=True)
    assert set(y.tolist()) == {0, 1}


def test_four_classes_are_sorted_0_to_3():
    _, y = toy_data_multi(11, rng=0)
    assert y.tolist() == sorted(y.tolist())
    assert set(y.tolist()) == {0, 1, 2, 3}


@class_data
def test_labels_are_integers(toy_data):
    assert np.issubdtype(toy_data(4, rng=0)[1].dtype, np.integer)


@any_data
def test_a_seed_and_its_generator_draw_the_same_and_another_seed_does_not(toy_data):
    X, y = toy_data(20, rng=7)
    for rng in (7, np.int64(7), np.random.default_rng(7)):
        again_X, again_y = toy_data(20, rng=rng)
        np.testing.assert_array_equal(again_X, X)
        np.testing.assert_array_equal(again_y, y)
    assert not np.any(toy_data(20, rng=8)[0] == X)


@any_data
def test_a_generator_moves_on_from_call_to_call(toy_data):
    rng = np.random.default_rng(7)
    assert not np.any(toy_data(20, rng=rng)[0] == toy_data(20, rng=rng)[0])


@any_data
def test_no_seed_means_fresh_draws(toy_data):
    assert not np.any(toy_data(20)[0] == toy_data(20)[0])


@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_regression_targets_scatter_around_the_sine_by_the_noise(noise):
    # Five standard errors: noise / sqrt(n) for the mean, noise / sqrt(2n) for the standard deviation.
    n = 20_000
    X, y = toy_data_regression(n, noise, rng=0)
    residual = y - np.sin(X[:, 0])
    assert abs(residual.mean()) < 5 * noise / np.sqrt(n)
    assert abs(residual.std() - noise) < 5 * noise / np.sqrt(2 * n)


def test_regression_inputs_fill_0_to_8():
    # As for the squares: none of 20,000 within .05 of an end has probability below 1e-54.
    X, _ = toy_data_regression(20_000, rng=0)
    assert 0 <= X.min() < 0.05
    assert 7.95 < X.max() <= 8


def test_regression_without_noise_is_the_sine():
    X, y = toy_data_regression(50, noise=0, rng=0)
    np.testing.assert_array_equal(y, np.sin(X[:, 0]))
