"""Checks of an answer tell the mistakes that were foreseen, and a function is asked at inputs that nobody has seen."""

import numpy as np
import pytest

from minilaplace.checks import check_equal, check_function, check_gradient, check_hessian, check_jacobian

RIGHT = np.array([1.0, 4.0])


def volume(base, height):
    return base * height / 3


def two_lengths(rng):
    return tuple(rng.uniform(1, 2, size=2))


# --- mistakes that were foreseen


@pytest.mark.parametrize(("received", "message"), [
    (2 * RIGHT, "it is wrong at (0,): expected 1, received 2; the prior twice?"),
    (1 / RIGHT, "it is wrong at (1,): expected 4, received 0.25; the precision?"),
    (5.0, "it has the wrong shape: expected (2,), received (); a sum over the outputs?"),
    (2 * RIGHT + 1e-6, "it is wrong at (0,): expected 1, received 2.000001"),  # near a mistake, but not it
    (RIGHT, "it agrees, worst at (0,): expected 1, received 1"),
    (..., "it: the gap `...` is still open"),
])  # fmt: skip
def test_a_mistake_that_was_foreseen_is_named(received, message):
    mistakes = {"the prior twice": 2 * RIGHT, "the precision": 1 / RIGHT, "a sum over the outputs": RIGHT.sum()}
    assert str(check_equal("it", received, RIGHT, mistakes=mistakes)) == message


def test_the_name_of_a_mistake_comes_before_a_guess():
    assert str(check_equal("it", -1.0, 1.0)).endswith("wrong sign?")
    assert str(check_equal("it", -1.0, 1.0, mistakes={"y and t swapped": -1.0})).endswith("; y and t swapped?")


def test_what_is_further_from_a_mistake_than_the_tolerance_is_not_named_after_it():
    for factor, hint in [(1 + 0.5e-9, "; twice?"), (1 + 1.5e-9, "")]:
        check = check_equal("it", 7.0 * factor, 3.5, rtol=1e-9, mistakes={"twice": 7.0})
        assert str(check).partition(f"received {7 * factor:.9g}")[2] in (hint, "; a missing factor 1/2?" * (not hint))


@pytest.mark.parametrize("value", [RIGHT, RIGHT * (1 + 1e-12)])
def test_a_mistake_that_is_right_is_refused_even_while_the_gap_is_open(value):
    for received in (..., RIGHT):
        with pytest.raises(ValueError, match=r"mistakes: expected answers that differ .*, received 'itself', which is"):
            check_equal("it", received, RIGHT, mistakes={"itself": value})
        with pytest.raises(ValueError, match=r"mistakes: expected answers that differ .*, received 'itself', which is"):
            check_function("it", volume, volume, two_lengths, mistakes={"itself": lambda b, h: b * h / 3})


@pytest.mark.parametrize(("mistakes", "message"), [
    (["twice"], "mistakes: expected wrong answers by what is wrong with them"),
    ({1: 2.0}, "mistakes: expected names that are strings"),
    ({"twice": "2"}, "mistakes: expected real numbers"),
])  # fmt: skip
def test_what_are_no_mistakes_is_named(mistakes, message):
    with pytest.raises(TypeError, match=message):
        check_equal("it", 1.0, 3.0, mistakes=mistakes)


def test_a_mistake_in_a_derivative_is_named():
    theta = np.array([1.0, 3.0])
    mistakes = {"the square is missing": lambda t: t, "a sum": lambda t: t.sum()}
    for received, hint in [(lambda t: t, "the square is missing?"), (lambda t: t.sum(), "a sum?"), (lambda t: -t, "")]:
        for check in (check_gradient, check_jacobian):
            verdict = check(lambda t: t @ t * t.prod(), received, theta, mistakes=mistakes)
            assert not verdict
            assert str(verdict).endswith(hint)
    foreseen = {"a sum": lambda t: t.sum()}
    shape = check_gradient(lambda t: t @ t, lambda t: 4.0, theta, mistakes=foreseen)  # the sum at theta
    assert str(shape) == "gradient has the wrong shape: expected (2,), received (); a sum?"
    with pytest.raises(TypeError, match=r"^mistakes\(theta\): expected real numbers"):
        check_gradient(lambda t: t @ t, lambda t: 2 * t, theta, mistakes={"words": lambda t: "4"})
    with pytest.raises(TypeError, match=r"^mistakes: expected a function, received 3\.0"):
        check_gradient(lambda t: t @ t, lambda t: 2 * t, theta, mistakes={"none": 3.0})
    hessian = check_hessian(lambda t: t @ t, lambda t: np.eye(2), theta, mistakes={"one for two": lambda t: np.eye(2)})
    assert str(hessian).endswith("; one for two?")
    assert check_gradient(lambda t: t @ t, lambda t: 2 * t, theta, mistakes=mistakes)
    with pytest.raises(TypeError, match="mistakes: expected wrong answers by what is wrong with them"):
        check_gradient(lambda t: t @ t, lambda t: 2 * t, theta, mistakes=["a sum"])


# --- functions


def test_a_right_function_agrees_however_it_is_written():
    assert check_function("volume", lambda a, b: (1 / 3) * b * a, volume, two_lengths)
    assert check_function("sine", np.sin, lambda t: np.cos(t - np.pi / 2), lambda rng: rng.normal(size=3), rtol=1e-12)


@pytest.mark.parametrize(("received", "hint"), [
    (lambda base, height: base * height, "a missing factor 1/3?"),
    (lambda base, height: base, "does it use `height`?"),
    (lambda base, height: 7.0, "does it use `base`?"),
    (lambda base, height: -base * height / 3, "wrong sign?"),
    (lambda base, height: np.array([base * height / 3]), "received (1,)"),
])  # fmt: skip
def test_a_wrong_function_is_found_and_told_why(received, hint):
    mistakes = {"a missing factor 1/3": lambda base, height: base * height}
    check = check_function("volume", received, volume, two_lengths, mistakes=mistakes)
    assert not check
    assert str(check).endswith(hint)


@pytest.mark.parametrize(("n_draws", "hint"), [(1, ""), (2, "; does it use `height`?"), (3, "; does it use `height`?")])
def test_whether_an_argument_is_used_is_asked_of_two_draws_or_more(n_draws, hint):
    base, height = two_lengths(np.random.default_rng(0))
    check = check_function("volume", lambda base, height: base, volume, two_lengths, n_draws=n_draws, rng=0)
    assert str(check) == f"volume is wrong: expected {base * height / 3:.9g}, received {base:.9g}{hint}"


def test_of_a_function_whose_arguments_have_no_names_none_is_asked_for():
    drawn = two_lengths(np.random.default_rng(0))
    check = check_function("smaller", max, min, two_lengths, rng=0)
    assert str(check) == f"smaller is wrong: expected {min(drawn):.9g}, received {max(drawn):.9g}"


def test_a_function_that_is_right_at_some_inputs_only_is_found():
    seen = []

    def at_first(base, height):
        seen.append((base, height))
        return volume(base, height) + (base > 1.5)

    assert not check_function("volume", at_first, volume, two_lengths)
    assert len(set(seen)) > 2


def test_the_inputs_are_those_of_the_seed_and_others_for_another():
    def inputs(**seed):
        seen = []
        check_function("volume", volume, volume, lambda rng: seen.append(two_lengths(rng)) or seen[-1], **seed)
        return seen

    assert inputs(rng=0) == inputs(rng=0) != inputs(rng=1)
    assert len(set(inputs())) == 5
    assert inputs() == inputs()
    assert inputs(rng=None) != inputs(rng=None)


def test_a_right_function_is_asked_once_for_each_input():
    asked = []
    check_function("volume", lambda base, height: asked.append(base) or volume(base, height), volume, two_lengths)
    assert len(asked) == 5


def test_a_function_that_changes_its_arguments_is_judged_by_what_it_returns():
    def doubled(t):
        t *= 2
        return t

    def draw(rng):
        return rng.normal(size=2)

    assert check_function("it", doubled, lambda t: 2 * t, draw)
    assert check_function("it", lambda t: 2 * t, doubled, draw, mistakes={"four times": lambda t: doubled(doubled(t))})


@pytest.mark.parametrize("gap", [..., lambda base, height: ..., lambda base, height: [base, ...]])
def test_a_function_that_is_a_gap_is_open(gap):
    assert str(check_function("volume", gap, volume, two_lengths)) == "volume: the gap `...` is still open"


@pytest.mark.parametrize(("changed", "error", "message"), [
    ({"received": 3.0}, TypeError, r"received: expected a function, received 3\.0"),
    ({"expected": 3.0}, TypeError, r"expected: expected a function, received 3\.0"),
    ({"draw": 3.0}, TypeError, r"draw: expected a function, received 3\.0"),
    ({"mistakes": {"none": 3.0}}, TypeError, r"mistakes: expected a function, received 3\.0"),
    ({"received": lambda b, h: "4"}, TypeError, r"received\(\.\.\.\): expected real numbers"),
    ({"expected": lambda b, h: "4"}, TypeError, r"expected\(\.\.\.\): expected real numbers"),
    ({"mistakes": {"it": lambda b, h: "4"}}, TypeError, r"mistakes\(\.\.\.\): expected real numbers"),
    ({"expected": lambda b, h: []}, ValueError, "expected: expected at least one number"),
    ({"n_draws": 0}, ValueError, "n_draws: expected"),
    ({"rtol": 1.0}, ValueError, "rtol: expected"),
    ({"name": 1}, TypeError, "name: expected a string"),
])  # fmt: skip
def test_what_is_no_function_is_named(changed, error, message):
    arguments = {"name": "it", "received": volume, "expected": volume, "draw": two_lengths} | changed
    with pytest.raises(error, match=message):
        check_function(**arguments)
