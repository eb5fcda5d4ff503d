"""What a warning of training says: which columns are large, whether there are kinks, how large the residuals are."""

import warnings

import numpy as np
import pytest

from minilaplace import MLP, BayesianModel, Bernoulli, ConvergenceWarning, Gaussian
from minilaplace.model.weights import WeightedData
from minilaplace.training.advice import cures, has_kinks, warn_of_columns

HIDDEN = BayesianModel(MLP(3, 4, 1), Bernoulli())


def said_before(model, X):
    """Return what `warn_of_columns` says of X, and the file in whose line it says so."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warn_of_columns(model, X)
    return [(str(warning.message), warning.filename) for warning in caught]


@pytest.mark.parametrize(
    ("sizes", "clause"),
    [
        ([1e4, 0.5, 2.0], "column 0 has entries up to 1e+04, column 1 up to 0.5"),
        ([2.0, 1e4, 0.0], "column 1 has entries up to 1e+04, column 0 up to 2"),  # a column of zeros has no size
        ([1e4, 99.0, 1e4], "column 0 has entries up to 1e+04, column 1 up to 99"),
        ([1e4, 100.0, 1e4], "column 0 has entries up to 1e+04, column 1 up to 1e+02"),
        ([1e4, 101.0, 1e4], None),  # not a hundred times as large
        ([1e4, 1e4, 1e4], None),
        ([100.0, 0.5, 0.5], None),  # not more than 100
        ([101.0, 0.5, 0.5], "column 0 has entries up to 1e+02, column 1 up to 0.5"),
    ],
)
def test_a_column_is_named_before_the_work_if_it_is_large_and_a_hundred_times_as_large_as_another(sizes, clause):
    X = np.array([[1.0, -1.0, 0.5], [-0.5, 1.0, -1.0]]) * sizes
    said = said_before(HIDDEN, X)
    assert said == [] if clause is None else said[0][0].startswith(f"X: {clause}; training may be slow")
    assert said_before(BayesianModel(MLP(3, 1), Bernoulli()), X) == []


def test_large_columns_are_a_convergence_warning_at_the_callers_line():
    ((_, file),) = said_before(HIDDEN, np.array([[1e4, 1.0, 1.0]]))
    assert file == __file__


@pytest.mark.parametrize(
    ("sizes", "clause"),
    [
        ([500.0, 50.5, 400.0], "column 0 has entries up to 5e+02"),
        ([500.0, 49.5, 400.0], "column 0 has entries up to 5e+02, column 1 up to 50"),
        ([1.0, 2.0, 3.0], None),
    ],
)
def test_after_the_work_a_large_column_is_named_beside_one_a_tenth_as_large(sizes, clause):
    data = WeightedData(np.ones((2, 3)) * sizes, np.array([0, 1]), np.ones(2))
    advice = cures(HIDDEN, np.zeros(HIDDEN.network.n_params), data, used_up=False)
    assert advice == ("strengthen the prior" if clause is None else f"standardise X ({clause})")


def test_used_up_iterations_are_named_first_and_the_prior_where_nothing_else_is_seen():
    data, theta = WeightedData(np.ones((2, 3)), np.array([0, 1]), np.ones(2)), np.zeros(HIDDEN.network.n_params)
    assert cures(HIDDEN, theta, data, used_up=True) == "raise max_iterations, or strengthen the prior"
    large = WeightedData(1e3 * data.X, data.y, data.weight)
    expected = "raise max_iterations, or standardise X (column 0 has entries up to 1e+03)"
    assert cures(HIDDEN, theta, large, used_up=True) == expected


@pytest.mark.parametrize(("residual", "named"), [(3.1, True), (2.9, False)])
def test_residuals_count_in_units_of_the_noise_by_their_samples_weights(residual, named):
    # Two outputs, three samples; the third has weight 0. The root mean square over both outputs is `residual` sigma.
    sigma, weight = 0.2, np.array([1.0, 3.0, 0.0])
    y = sigma * residual * np.sqrt([[4.0, 0.0], [2 / 3, 2 / 3], [1e6, 1e6]])
    model = BayesianModel(MLP(1, 2, 2), Gaussian(sigma))
    data = WeightedData(np.zeros((3, 1)), y, weight)
    advice = cures(model, np.zeros(model.network.n_params), data, used_up=False)
    assert (f"the residuals are {residual:.3g} sigma_noise" in advice) is named


@pytest.mark.parametrize(
    ("network", "kinks"),
    [
        (MLP(2, 3, 1, activation="relu"), True),
        (MLP(2, 1, activation="relu"), False),  # without a hidden layer the activation is not used
        (MLP(2, 3, 1, activation="softplus"), False),
    ],
)
def test_a_loss_has_kinks_where_hidden_units_have(network, kinks):
    assert has_kinks(BayesianModel(network, Bernoulli())) is kinks
