"""What factored rows answer is what the rows written out answer, and pairs of layers are the rows' Gram matrix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilaplace import MLP
from minilaplace.curvature import add_gram as add_gram_cheaply
from minilaplace.network.jacobian import FactoredRows, layer_views, n_parameters
from minilaplace.network.layer_blocks import add_block, block, unit_views
from minilaplace.network.layer_pairs import (
    PairQuadratic,
    add_gram,
    add_symmetric_block,
    diagonal_outer_sum,
    in_pairs,
    outer_sum,
    pair_floats,
    pair_sizes,
    pairs_are_cheaper,
    symmetrise,
)
from minilaplace.network.pairs import PairedRows
from minilaplace.network.unit_pairs import add_unit_pairs, few_units, unit_quadratics

SHAPES = [(4, 2), (3, 4), (2, 3)]  # of three layers 2-4-3-2


def factored(N=6, K=3, columns=None, paired=False, shapes=SHAPES, order="C"):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(N, I)) for _, I in shapes]
    deltas = [np.array(rng.normal(size=(N, K, H)), order=order) for H, _ in shapes]
    return (PairedRows if paired else FactoredRows)(inputs, deltas, columns)


CASES = {
    "all": {},
    "one row": {"K": 1},
    "columns": {"columns": np.array([30, 2, 17, 9])},
    "pairs": {"paired": True},
    "columns at the edges of layers": {"columns": np.array([34, 12, 11, 0, 27, 26])},
    "columns of pairs": {"columns": np.array([30, 2, 17, 9]), "paired": True},
    "one layer": {"shapes": [(2, 3)]},
    "samples last in memory": {"order": "F"},
    "columns, samples last in memory": {"columns": np.array([30, 2, 17, 9]), "order": "F"},
}


@pytest.fixture(params=CASES)
def rows(request):
    return factored(**CASES[request.param])


def written(rows):
    """Return the rows by Kronecker products, one at a time."""
    every = np.array(
        [
            [
                np.concatenate([part for a, D in layers for part in (np.kron(D, a), D)])
                for layers in (
                    [(a[n], D[n, k]) for a, D in zip(rows.inputs, rows.deltas, strict=True)] for k in range(K)
                )
            ]
            for K in [rows.deltas[0].shape[1]]
            for n in range(len(rows.inputs[0]))
        ]
    )
    every = every[0::2] + every[1::2] if isinstance(rows, PairedRows) else every
    return every if rows.columns is None else every[:, :, rows.columns]


def assert_close(received, expected):
    """Equal to 1e-13 of the largest entry: sums of some tens of products."""
    assert np.shape(received) == np.shape(expected)
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-13 * max(1, np.abs(expected).max()))


def test_dense_rows_are_kronecker_products(rows):
    np.testing.assert_array_equal(rows.dense(), written(rows))
    np.testing.assert_array_equal(rows.written().transpose(2, 1, 0), rows.dense())


def test_sums_products_and_quadratic_forms_are_those_of_the_dense_rows(rows):
    J, rng = written(rows), np.random.default_rng(1)
    v, vectors = rng.uniform(1, 2, size=J.shape[2]), rng.normal(size=(5, J.shape[2]))
    assert_close(rows.squares(), (J**2).sum(axis=(0, 1)))
    assert_close(rows.dot(vectors), np.einsum("nkp,sp->snk", J, vectors))
    assert_close(rows.quadratic(v), np.einsum("nkp,p,nlp->nkl", J, v, J))
    assert_close(rows.quadratic_diagonal(v), np.einsum("nkp,p,nkp->nk", J, v, J))


@pytest.mark.parametrize("cheaper", [True, False])
def test_gram_matrices_by_either_way_are_those_of_the_dense_rows(rows, cheaper, monkeypatch):
    monkeypatch.setattr("minilaplace.network.layer_pairs.pairs_are_cheaper", lambda *_: cheaper)
    J = written(rows)
    start = np.random.default_rng(1).normal(size=(J.shape[2],) * 2)
    start = start + start.T
    lower = start.copy()
    add_gram_cheaply(lower, rows)
    assert_close(symmetrise(lower), start + np.einsum("nkp,nkq->pq", J, J))
    assert in_pairs(rows) == (cheaper and rows.columns is None and not isinstance(rows, PairedRows))


def test_layers_are_their_columns_of_the_dense_rows(rows):
    J, sizes = written(rows), [H * (I + 1) for H, I in rows.shapes]
    columns = np.arange(sum(sizes)) if rows.columns is None else rows.columns
    layer = np.repeat(np.arange(len(sizes)), sizes)[columns]
    for l, part in zip(np.unique(layer), rows.layers(), strict=True):
        np.testing.assert_array_equal(part.dense(), J[:, :, layer == l])


# --- pairs of layers


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1, 3), st.integers(1, 5))
def test_pairs_are_the_rows_for_any_architecture(sizes, K, N):
    rng = np.random.default_rng(0)
    shapes = MLP(*sizes).shapes
    rows = factored(N, K, shapes=shapes)
    P, J = n_parameters(shapes), written(rows)
    lower = np.zeros((P, P))
    add_gram(lower, rows)
    assert_close(symmetrise(lower), np.einsum("nkp,nkq->pq", J, J))
    A = rng.normal(size=(P, P))
    quadratic = PairQuadratic(A @ A.T, shapes)
    V = np.einsum("nkp,pq,nlq->nkl", J, A @ A.T, J)
    assert_close(quadratic(rows), V)
    assert_close(quadratic(rows, diagonal=True), np.diagonal(V, axis1=1, axis2=2))


@pytest.mark.parametrize("n_floats", [1, 20])
def test_pairs_are_the_rows_in_pieces_of_any_size(n_floats, monkeypatch):
    monkeypatch.setattr("minilaplace.network.layer_pairs.PIECE_FLOATS", n_floats)
    rows = factored()
    J, lower = written(rows), np.zeros((35, 35))
    add_gram(lower, rows)
    G = symmetrise(lower)
    assert_close(G, np.einsum("nkp,nkq->pq", J, J))
    assert_close(PairQuadratic(G, SHAPES)(rows), np.einsum("nkp,pq,nlq->nkl", J, G, J))


@pytest.mark.parametrize("n_floats", [1, 20, 2**20])
def test_outer_sums_are_their_einsum_in_pieces_of_any_size(n_floats, monkeypatch):
    monkeypatch.setattr("minilaplace.network.layer_pairs.PIECE_FLOATS", n_floats)
    rng = np.random.default_rng(0)
    M, u, v = rng.normal(size=(7, 3, 2)), rng.normal(size=(7, 4)), rng.normal(size=(7, 5))
    assert_close(outer_sum(M, u, v), np.einsum("nhg,ni,nj->higj", M, u, v))
    c = rng.normal(size=(7, 3))
    assert_close(diagonal_outer_sum(c, u), np.einsum("nh,hg,ni,nj->higj", c, np.eye(3), u, u))


@pytest.mark.parametrize("n_floats", [1, 20, 2**20])
def test_a_symmetric_block_is_its_einsum_in_pieces_of_any_size(n_floats, monkeypatch):
    monkeypatch.setattr("minilaplace.network.layer_pairs.PIECE_FLOATS", n_floats)
    rng = np.random.default_rng(0)
    shapes, S, u = [(2, 3), (3, 4)], rng.normal(size=(7, 3, 3)), rng.normal(size=(7, 5))
    S, P = S + S.transpose(0, 2, 1), n_parameters(shapes)
    added, expected = np.zeros((P, P)), np.zeros((P, P))
    add_symmetric_block(added, shapes, 1, S, u)
    add_block(expected, shapes, 1, 1, np.einsum("nhg,ni,nj->higj", S, u, u))
    assert_close(np.tril(added), np.tril(expected))


def test_a_weight_that_is_nan_is_seen_in_the_block_of_few_units():
    M, u, block_of = np.ones((7, 2, 2)), np.ones((7, 4)), np.zeros((8, 8))
    M[1] = np.nan
    add_unit_pairs(*unit_views(block_of, [(2, 3)], 0), M, u)
    assert np.isnan(block_of[np.tril_indices(8)]).all()


@pytest.mark.parametrize("signs", ["all", "positive", "negative", "none"])
def test_the_block_of_few_units_is_its_einsum_for_weights_of_any_signs(signs):
    rng = np.random.default_rng(0)
    shapes, M, u = [(2, 3), (3, 4)], rng.normal(size=(7, 3, 3)), rng.normal(size=(7, 5))
    M = {"all": M, "positive": abs(M), "negative": -abs(M), "none": 0 * M}[signs]
    M, P = M + M.transpose(0, 2, 1), n_parameters(shapes)
    added = rng.normal(size=(P, P))
    expected = added.copy()
    add_unit_pairs(*unit_views(added, shapes, 1), M, u)
    add_block(expected, shapes, 1, 1, np.einsum("nhg,ni,nj->higj", M, u, u))
    assert_close(np.tril(added), np.tril(expected))


def test_quadratics_of_few_units_are_those_of_the_blocks_between_them():
    rng = np.random.default_rng(0)
    shapes, a, S = [(2, 3), (3, 4)], rng.normal(size=(7, 5)), rng.normal(size=(23, 23))
    S = S + S.T
    Q = np.einsum("ni,higj,nj->nhg", a, block(S, shapes, 1, 1), a)
    assert_close(unit_quadratics(*unit_views(S, shapes, 1), a), Q[(slice(None), *np.tril_indices(3))])


def test_rows_of_a_last_layer_with_few_units_give_the_same_sums():
    shapes = [(2, 11)]
    assert few_units(*shapes[0])
    assert not few_units(2, 10)
    rows = factored(shapes=shapes)
    J, lower = written(rows), np.zeros((24, 24))
    add_gram(lower, rows)
    G = symmetrise(lower)
    assert_close(G, np.einsum("nkp,nkq->pq", J, J))
    assert_close(PairQuadratic(G, shapes)(rows), np.einsum("nkp,pq,nlq->nkl", J, G, J))


@pytest.mark.parametrize("band", [1, 3, 128])
def test_symmetrise_writes_the_lower_triangle_over_the_upper_in_bands_of_any_width(band, monkeypatch):
    monkeypatch.setattr("minilaplace.network.layer_pairs.BAND", band)
    A = np.random.default_rng(0).normal(size=(7, 7))
    expected = np.tril(A) + np.tril(A, -1).T
    assert symmetrise(A) is A
    np.testing.assert_array_equal(A, expected)


def test_a_block_is_cut_where_the_layers_parameters_stand():
    P = n_parameters(SHAPES)
    (W1, _), _, (_, b3) = layer_views(np.arange(P), SHAPES)
    matrix = np.arange(P * P).reshape(P, P)
    E = block(matrix, SHAPES, 2, 0)
    assert E.shape == (2, 4, 4, 3)
    assert E[1, 3, 2, 0] == matrix[b3[1], W1[2, 0]]


def test_theta_is_ordered_w_row_by_row_then_b():
    theta = np.arange(float(n_parameters(SHAPES)))
    (W1, b1), (W2, b2), (W3, b3) = layer_views(theta, SHAPES)
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in (W1, b1, W2, b2, W3, b3)]), theta)
    np.testing.assert_array_equal(W1, [[0, 1], [2, 3], [4, 5], [6, 7]])
    W1[0, 0] = -1
    assert theta[0] == -1  # a view
    stacked = layer_views(np.tile(theta, (3, 1)), SHAPES)
    assert [W.shape for W, _ in stacked] == [(3, 4, 2), (3, 3, 4), (3, 2, 3)]


@pytest.mark.parametrize("h", range(1, 40, 3))
def test_the_cost_rule_counts_what_it_says_it_counts(h):
    # Of a network 3-h-2: triangles of units and of inputs, with the bias', within a layer, and all pairs across.
    shapes, P = MLP(3, h, 2).shapes, 4 * h + 2 * (h + 1)
    inputs = (h + 1) * (h + 2) / 2
    last = 3 * (h + 1) if h >= 11 else 3 + inputs  # two units with 11 inputs go by pairs of units
    units = h * (h + 1) / 2
    first = 4 if h == 1 else units + 10  # and so does one unit with three
    factors = [(units, 10, first), (2 * h, 4 * (h + 1), 2 * h + 4 * (h + 1)), (3, inputs, last)]
    assert sorted(pair_sizes(shapes)) == sorted(factors)
    assert pair_floats(shapes) == 2 * max(units for units, _, _ in factors)
    pairs = sum(2 * units * inputs + 30 * (units + written) for units, inputs, written in factors)
    for K in range(1, 30):
        assert pairs_are_cheaper(shapes, K) == (K > 1 and pairs < K * P**2 + 30 * K * P)


@pytest.mark.parametrize(
    ("sizes", "K", "cheaper"),
    [
        ((2, 32, 1), 1, False),
        ((2, 32, 2), 2, False),
        ((64, 32, 10), 9, True),
        ((256, 10), 9, True),
        ((784, 100, 10), 2, True),
        ((784, 100, 10), 1, False),
    ],
)
def test_many_rows_a_sample_are_taken_by_pairs_and_few_of_a_small_network_are_not(sizes, K, cheaper):
    assert pairs_are_cheaper(MLP(*sizes).shapes, K) == cheaper
