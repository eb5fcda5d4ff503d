"""What is printed of models, fits and errors is one line that a person can read."""

from fractions import Fraction

import numpy as np
import pytest

from minilaplace import MLP, BayesianModel, Bernoulli, Gaussian, Laplace, fit_map, toy_data_linear
from minilaplace.evidence import importance_sample
from minilaplace.explorer import Settings
from minilaplace.model_average import exact_posterior
from minilaplace.validation import short, shown

X, Y = toy_data_linear(40, rng=0)
P = 4 * 2 + 4 + 4 + 1
RAMP = np.linspace(0.01, 3.2, P)
SMALL = BayesianModel(MLP(2, 1), Bernoulli())


def fitted(prior_precision=0.1, **options):
    model = BayesianModel(MLP(2, 4, 1), Bernoulli(), prior_precision)
    return Laplace(model, model.network.init(rng=0), **options).fit(X, Y)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1.0"),
        (3, "3"),
        (123456, "123456"),
        (9.999999999999999e-05, "0.0001"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.3333"),
        (np.float64(0.25), "0.25"),
        (-2.5e-17, "-2.5e-17"),
        (123456.0, "1.235e+05"),
        (None, "None"),
        (True, "True"),
        ("full", "'full'"),
        ((0.1 + 0.2, 2.0), "(0.3, 2.0)"),
        ((1 / 3,), "(0.3333,)"),
        ((), "()"),
        (tuple(np.linspace(0.1, 0.9, 9)), "(9,) from 0.1 to 0.9"),
        (np.array(1 / 3), "0.3333"),
        (np.array([1, 5]), "[1, 5]"),
        (np.arange(651), "(651,) from 0 to 650"),
        (np.full(9, 0.3), "(9,) of 0.3"),
        (np.diag([1.0, 2.0, 3.0]) - 9 * (1 - np.eye(3)), "(3, 3), diagonal from 1.0 to 3.0"),
        (np.arange(6.0).reshape(2, 3), "(2, 3) from 0.0 to 5.0"),
        (np.zeros((0, 3)), "(0, 3)"),
        (np.arange(9) % 3 == 0, "(9,) with 3 True"),
        ((MLP(2, 1), 3), "(MLP(2, 1, activation='tanh'), 3)"),
    ],
    ids=str,
)
def test_a_value_in_short(value, expected):
    assert short(value) == expected


def reprs():
    la = fitted()
    return {
        "vector prior": BayesianModel(MLP(2, 4, 1), Bernoulli(), RAMP, RAMP),
        "layers' priors": BayesianModel(MLP(2, 4, 1), Bernoulli(), [0.1, 2.0]),
        "matrix prior": la.as_prior(),
        "noises": Gaussian(np.linspace(0.1, 1 / 3, 9)),
        "tuned": la.under().optimize_prior_precision(),
        "subnetwork": fitted(subset_of_weights="subnetwork", subnetwork_indices=np.arange(9)),
        "mask": fitted(subset_of_weights="subnetwork", subnetwork_indices=RAMP > 1),
        "subset": la.subset,
        "options": fitted(subset_of_weights="subnetwork", subnetwork_indices=np.arange(9)).options,
        "importance": importance_sample(la, X, Y, n_samples=50, rng=0),
        "exact": exact_posterior(SMALL, X, Y),
        "settings": Settings(prior_precision=9.999999999999999e-05),
    }


REPRS = reprs()


@pytest.mark.parametrize("name", REPRS)
def test_a_repr_is_one_line_without_long_numbers(name):
    text = repr(REPRS[name])
    assert text == str(REPRS[name])
    assert "\n" not in text
    assert len(text) < 400
    assert "array(" not in text
    digits = [word for word in text.replace(",", " ").replace("=", " ").replace(")", " ").split() if "." in word]
    assert all(len(number.lstrip("([-")) <= 10 for number in digits)


def test_the_repr_of_what_a_call_made_is_the_call_where_numbers_are_few():
    for model in (
        BayesianModel(MLP(2, 4, 1), Gaussian(0.5), 0.1),
        BayesianModel(MLP(2, 1), Gaussian((0.5,)), [1, 2, 3]),
    ):
        again = eval(repr(model), {"BayesianModel": BayesianModel, "MLP": MLP, "Gaussian": Gaussian})
        assert repr(again) == repr(model)
        assert again.likelihood == model.likelihood
        np.testing.assert_array_equal(again.prior_precision, model.prior_precision)


def test_a_vector_is_shown_by_its_range_and_a_matrix_by_its_diagonals():
    assert "prior_precision=(17,) from 0.01 to 3.2, prior_mean=(17,) from 0.01 to 3.2" in repr(REPRS["vector prior"])
    assert "prior_precision=(17, 17), diagonal from 0." in repr(REPRS["matrix prior"])
    assert "subnetwork_indices=(9,) from 0 to 8" in repr(REPRS["subnetwork"])


def test_what_an_error_received_is_one_short_line():
    for value in (X, [X], "a" * 1000, {"a": np.arange(50.0)}, list(range(1000)), Fraction(1, 3)):
        assert len(shown(value)) <= 80
        assert "\n" not in shown(value)
    assert shown(X) == "an array of shape (40, 2)"
    assert shown("tanh") == "'tanh'"
    for call in (lambda: fit_map(X, Y, X), lambda: fitted().sample(1, rng=list(range(1000)))):
        with pytest.raises(TypeError) as error:
            call()
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 150
