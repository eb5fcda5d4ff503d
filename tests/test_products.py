"""Products by SciPy's BLAS are NumPy's products, however the matrices lie in memory."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from problems import assert_close

from minilaplace.network.products import _in_columns, in_one_matrix, product, rank_k_update

LAYOUTS = {
    "rows in one piece": np.ascontiguousarray,
    "columns in one piece": np.asfortranarray,
    "every second number": lambda A: np.repeat(A, 2, axis=1)[:, ::2],
    "read-only": lambda A: np.broadcast_to(A, A.shape),
}
SIZES = st.tuples(*[st.integers(0, 5)] * 3)
layouts = pytest.mark.parametrize("layout", LAYOUTS)


def whole_numbers(shape):
    """Draw a matrix whose products are exact, so that the order of a sum does not matter."""
    return arrays.arrays(float, shape, elements=st.integers(-9, 9).map(float))


@layouts
@pytest.mark.parametrize("other", LAYOUTS)
@given(data=st.data(), sizes=SIZES)
def test_a_product_is_that_of_numpy(layout, other, data, sizes):
    M, K, N = sizes
    A, B = LAYOUTS[layout](data.draw(whole_numbers((M, K)))), LAYOUTS[other](data.draw(whole_numbers((K, N))))
    before = A.copy(), B.copy()
    received = product(A, B)
    np.testing.assert_array_equal(received, A @ B)
    assert received.shape == (M, N)
    assert received.flags.c_contiguous
    for matrix, copy in zip((A, B), before, strict=True):
        np.testing.assert_array_equal(matrix, copy)


@layouts
@given(data=st.data(), sizes=SIZES)
def test_with_out_it_is_added_there(layout, data, sizes):
    M, K, N = sizes
    A, B, out = (data.draw(whole_numbers(shape)) for shape in ((M, K), (K, N), (M, N)))
    expected = out + A @ B
    received = product(LAYOUTS[layout](A), B, out=out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(received, expected)


@layouts
@given(data=st.data(), sizes=SIZES.filter(all), factor=st.integers(-2, 2))
def test_a_rank_k_update_adds_a_multiple_to_the_lower_triangle(layout, data, sizes, factor):
    K, P, _ = sizes
    A, lower = data.draw(whole_numbers((K, P))), data.draw(whole_numbers((P, P)))
    expected = np.tril(lower + factor * A.T @ A)
    rank_k_update(lower, LAYOUTS[layout](A), factor)
    np.testing.assert_array_equal(np.tril(lower), expected)


@pytest.mark.parametrize(("order", "rows"), [("C", [0, 1, 2, 3]), ("F", [0, 2, 1, 3])])
def test_rows_of_samples_are_one_matrix_in_the_order_of_memory(order, rows):
    R = np.array(np.arange(12.0).reshape(2, 2, 3), order=order)
    matrix = in_one_matrix(R)
    assert np.shares_memory(matrix, R)
    np.testing.assert_array_equal(matrix, R.reshape(4, 3)[rows])


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 3), (2, 2, 1), (3, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_single_sample_row_or_unit_are_one_matrix_too(order, shape):
    R = np.array(np.arange(float(np.prod(shape))).reshape(shape), order=order)
    matrix = in_one_matrix(R)
    assert np.shares_memory(matrix, R)
    np.testing.assert_array_equal(matrix.T @ matrix, np.einsum("nkh,nkg->hg", R, R))


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_lies_in_one_piece_is_not_copied(order):
    A = np.array(np.arange(6.0).reshape(2, 3), order=order)
    columns, transposed = _in_columns(A)
    assert np.shares_memory(columns, A)
    assert columns.flags.f_contiguous
    np.testing.assert_array_equal(columns.T if transposed else columns, A.T)


@pytest.mark.parametrize("sizes", [(2, 3, 4), (200, 2, 300), (300, 200, 100)])
def test_what_stood_in_the_memory_of_a_product_does_not_count(sizes, monkeypatch):
    M, K, N = sizes
    A, B = np.ones((M, K)), np.ones((K, N))
    monkeypatch.setattr("minilaplace.network.products.np", SimpleNamespace(empty=lambda shape: np.full(shape, np.nan)))
    np.testing.assert_array_equal(product(A, B), np.full((M, N), K))


def test_sums_of_many_numbers_agree_to_rounding():
    rng = np.random.default_rng(0)
    A, B, lower = rng.normal(size=(300, 1_000)), rng.normal(size=(1_000, 200)), np.zeros((300, 300))
    assert_close(product(A, B), A @ B)
    rank_k_update(lower, A.T)
    assert_close(np.tril(lower), np.tril(A @ A.T))
