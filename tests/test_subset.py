"""A subset is the parameters it names, and the ready-made choices choose what they say."""

from importlib import import_module

import numpy as np
import pytest
from problems import random_problem

from minilaplace import MLP, BayesianModel, Gaussian, Laplace
from minilaplace.curvature import ggn
from minilaplace.network.pairs import PairedMLP
from minilaplace.network.subset import select
from minilaplace.structures.full import BlockDiag
from minilaplace.structures.subnetwork import largest_magnitude, largest_variance, random_weights, weights_of_layers

NETWORK = MLP(2, 4, 3, 2)  # layers of 12, 15 and 8 parameters


@pytest.mark.parametrize(
    ("name", "given", "indices", "n_layers"),
    [
        ("all", None, range(35), 3),
        ("last_layer", None, range(27, 35), 1),
        ("subnetwork", [34, 30], [34, 30], 1),
        ("subnetwork", [34, 12], [34, 12], 2),
        ("subnetwork", [20.0, 11, 27], [20, 11, 27], 3),
    ],
)
def test_a_subset_knows_its_parameters_and_how_far_back_they_are(name, given, indices, n_layers):
    subset = select(NETWORK, name, given)
    np.testing.assert_array_equal(subset.indices, list(indices))
    assert subset.n_layers == n_layers
    assert subset.shapes == NETWORK.shapes[-n_layers:]
    assert len(subset) == len(list(indices))


CHOICES = [("all", None), ("last_layer", None), ("subnetwork", [34, 12, 30]), ("subnetwork", [5, 20, 0, 33])]


@pytest.mark.parametrize(("name", "given"), CHOICES)
@pytest.mark.parametrize("with_top", [False, True])
def test_the_second_order_term_of_a_subset_is_its_block_of_the_whole(name, given, with_top):
    rng, subset = np.random.default_rng(0), select(NETWORK, name, given)
    trace = NETWORK.trace(rng.normal(size=35), rng.normal(size=(6, 2)))
    G, A = rng.normal(size=(6, 2)), rng.normal(size=(6, 2, 2))
    top = A + A.transpose(0, 2, 1) if with_top else None
    block = trace.second_order(G, None, top)[np.ix_(subset.indices, subset.indices)]
    np.testing.assert_allclose(subset.second_order(trace, G, top), block, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "given"), [*CHOICES[:2], ("subnetwork", [3, 0])])
@pytest.mark.parametrize("network", [NETWORK, MLP(30, 4, 2), PairedMLP(2, 4, 1)])
def test_the_memory_of_a_sample_is_that_of_its_rows_within_a_factor_of_three(network, name, given):
    subset = select(network, name, given)
    trace = network.trace(network.init(0), np.ones((1, *network.input_shape)))
    rows = trace.pull_back(None, subset.n_layers)
    factors = sum(part.size for part in (*rows.inputs, *rows.deltas))
    written = rows.dense().size
    assert factors <= subset.floats_factored <= 3 * (factors if network.factored else factors + written)
    assert factors <= subset.floats_written <= 3 * (factors + written)


def test_tensors_and_layers_label_the_parameters():
    assert select(NETWORK, "all").tensors().dtype == np.intp  # they are positions in arrays
    whole = select(NETWORK, "all")
    np.testing.assert_array_equal(whole.tensors(), np.repeat(range(6), [8, 4, 12, 3, 6, 2]))
    some = select(NETWORK, "subnetwork", [34, 0, 12, 33, 11])
    np.testing.assert_array_equal(some.tensors(), [5, 0, 2, 5, 1])
    assert [at.tolist() for at in BlockDiag(some)._blocks()] == [[1, 4], [2], [0, 3]]


@pytest.mark.parametrize(
    ("name", "given", "error", "message"),
    [
        (
            "some",
            None,
            ValueError,
            "subset_of_weights: expected one of 'all', 'last_layer', 'subnetwork', received 'some'",
        ),
        ("subnetwork", None, ValueError, "subnetwork_indices: expected indices with subset_of_weights='subnetwork'"),
        ("all", [1, 2], ValueError, "subnetwork_indices: expected indices with subset_of_weights='subnetwork'"),
        ("subnetwork", [], ValueError, r"subnetwork_indices: expected shape \(P_s,\) of .*, received shape \(0,\)"),
        ("subnetwork", 3, ValueError, r"subnetwork_indices: expected shape \(P_s,\) of .*, received shape \(\)"),
        (
            "subnetwork",
            [[1]],
            ValueError,
            r"subnetwork_indices: expected shape \(P_s,\) of .*, received shape \(1, 1\)",
        ),
        ("subnetwork", [1, 35], ValueError, "subnetwork_indices: expected .* from 0 to 34, received 35 at index 1"),
        ("subnetwork", [-1], ValueError, "subnetwork_indices: expected .* from 0 to 34, received -1 at index 0"),
        ("subnetwork", [0.5], ValueError, "subnetwork_indices: expected .* from 0 to 34, received 0.5 at index 0"),
        ("subnetwork", [3, 1, 3], ValueError, "subnetwork_indices: expected different .*, received an index twice"),
        (
            "subnetwork",
            [False, True],
            ValueError,
            r"subnetwork_indices: expected .* from 0 to 34, or a mask of shape "
            r"\(35,\) that selects some, received a mask of shape \(2,\) that has 1 True$",
        ),
        ("subnetwork", np.zeros(35, bool), ValueError, r"subnetwork_indices: .*, received a mask .* that has 0 True$"),
        (
            "subnetwork",
            np.ones((35, 1), bool),
            ValueError,
            r"subnetwork_indices: .* a mask of shape \(35, 1\)",
        ),
        ("subnetwork", np.ma.masked_array([1, 2], [0, 1]), ValueError, "subnetwork_indices: .* received 1 masked"),
        ("subnetwork", ["a"], TypeError, "subnetwork_indices: expected real numbers, different whole numbers"),
    ],
)
def test_impossible_subsets_are_named(name, given, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Laplace(BayesianModel(NETWORK, Gaussian()), np.zeros(35), subset_of_weights=name, subnetwork_indices=given)


def nullable(mask):
    return import_module("pandas").array(mask, dtype="boolean")


@pytest.mark.needs("pandas")
def test_a_nullable_mask_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"^subnetwork_indices: .* a mask of"):
        select(NETWORK, "subnetwork", nullable([False, True]))


@pytest.mark.parametrize("like", [np.asarray, list, pytest.param(nullable, marks=pytest.mark.needs("pandas"))])
def test_a_mask_is_the_positions_where_it_is_true(like):
    positions = [0, 11, 20, 34]
    mask = like(np.isin(np.arange(35), positions))
    np.testing.assert_array_equal(select(NETWORK, "subnetwork", mask).indices, positions)
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=10)
    mask = np.abs(theta) > np.median(np.abs(theta))
    options = {"subset_of_weights": "subnetwork"}
    masked = Laplace(model, theta, **options, subnetwork_indices=like(mask)).fit(X, y)
    chosen = Laplace(model, theta, **options, subnetwork_indices=np.flatnonzero(mask)).fit(X, y)
    np.testing.assert_array_equal(masked.predict(X), chosen.predict(X))


def test_a_subset_does_not_change_with_the_callers_list():
    indices = [0, 3]
    la = Laplace(BayesianModel(NETWORK, Gaussian()), np.zeros(35), subset_of_weights="subnetwork",
                 subnetwork_indices=indices)  # fmt: skip
    indices[0] = 7
    assert la.subset.indices.tolist() == la.options.subnetwork_indices.tolist() == [0, 3]


# --- choices


def test_largest_magnitude_is_farthest_from_zero():
    assert largest_magnitude([0.1, -5.0, 2.0, 0.0, -0.3], 3).tolist() == [1, 2, 4]


def test_largest_variance_is_where_curvature_and_prior_are_least():
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=10)
    prior = np.random.default_rng(0).uniform(1, 5, size=len(theta))
    model = BayesianModel(model.network, model.likelihood, prior)
    variance = 1 / (np.diag(ggn(model, theta, X, y)) + prior)
    chosen = largest_variance(model, theta, X, y, 5)
    assert sorted(chosen) == chosen.tolist()
    assert variance[chosen].min() >= np.delete(variance, chosen).max()


@pytest.mark.parametrize("with_matrix", [False, True])
def test_the_largest_variances_are_those_of_one_over_the_ggns_diagonal_plus_the_priors(with_matrix):
    model, theta, X, y = random_problem("categorical", (4,), "tanh", 3, n_samples=6)
    P = len(theta)
    A = np.random.default_rng(0).normal(size=(P, P))
    prior = A @ A.T + np.eye(P) if with_matrix else np.geomspace(0.1, 10, P)
    model = model.under(prior)
    variance = 1 / (np.diagonal(ggn(model, theta, X, y)) + (np.diagonal(prior) if with_matrix else prior))
    order = np.argsort(-variance)
    for k in range(1, P + 1):  # all of them is a choice, too
        assert largest_variance(model, theta, X, y, k).tolist() == sorted(order[:k])


def test_of_equal_sizes_the_first_are_chosen_and_all_can_be():
    assert largest_magnitude(np.tile([1.0, -2.0], 50), 60).tolist() == sorted([*range(1, 100, 2), *range(0, 20, 2)])
    assert random_weights(NETWORK, 35, rng=0).tolist() == list(range(35))


def test_random_weights_are_different_seeded_and_evenly_spread():
    chosen = [random_weights(NETWORK, 7, rng=seed) for seed in range(2000)]
    assert all(len(set(indices.tolist())) == 7 for indices in chosen)
    np.testing.assert_array_equal(chosen[3], random_weights(NETWORK, 7, rng=np.random.default_rng(3)))
    counts = np.bincount(np.concatenate(chosen), minlength=35)
    assert np.all(np.abs(counts - 400) < 5 * np.sqrt(2000 * 0.2 * 0.8))  # five standard errors of a share of 7 / 35


def test_weights_of_layers_are_theirs():
    assert weights_of_layers(NETWORK, [0]).tolist() == list(range(12))
    assert weights_of_layers(NETWORK, [-1, 1]).tolist() == list(range(12, 35))


def test_the_last_layer_as_a_subnetwork_is_the_last_layer():
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=10)
    at = weights_of_layers(model.network, [-1])
    chosen = Laplace(model, theta, subset_of_weights="subnetwork", subnetwork_indices=at).fit(X, y)
    last = Laplace(model, theta, subset_of_weights="last_layer").fit(X, y)
    np.testing.assert_allclose(chosen.predict(X), last.predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: largest_magnitude(np.ones(3), 4), "n_weights: expected a whole number from 1 to 3, received 4"),
        (
            lambda: largest_magnitude(np.ones((3, 1)), 1),
            r"theta: expected shape \(P,\) with nothing .*, received shape \(3, 1\)",
        ),
        (lambda: random_weights(NETWORK, 0), "n_weights: expected a whole number from 1 to 35, received 0"),
        (lambda: weights_of_layers(NETWORK, [3]), "layers: expected a whole number from -3 to 2, received 3"),
        (lambda: weights_of_layers(NETWORK, [-4]), "layers: expected a whole number from -3 to 2, received -4"),
        (lambda: weights_of_layers(NETWORK, []), "layers: expected at least one layer, received none"),
    ],
)
def test_impossible_choices_are_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("mask", [[True, False, True], np.array([True, False, True])])
def test_a_mask_of_layers_is_not_read_as_numbers_of_layers(mask):
    with pytest.raises(TypeError, match=r"^layers: expected a whole number from -3 to 2, received"):
        weights_of_layers(NETWORK, mask)
