"""What can take long says how far it is, and can be interrupted without loss."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.figure import Figure
from problems import random_problem

from minilaplace import Laplace
from minilaplace.__main__ import main
from minilaplace.structures.fit import STRUCTURES

METHODS = ("marglik", "mackay", "held_out")


def fitted():
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=21)
    return Laplace(model, theta).fit(X, y), X, y


def work_on(la, X, y, work, callback):
    if work == "fit":
        return la.fit(X, y, override=False, batch_size=4, callback=callback)
    held_out = {"X": X, "y": y} if work == "held_out" else {}
    return la.optimize_prior_precision(work, callback=callback, **held_out)


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_fit_counts_the_samples_that_are_added_up(structure):
    model, theta, X, y = random_problem("categorical", (3,), "tanh", 3, n_samples=21)
    told = []
    la = Laplace(model, theta, hessian_structure=structure)
    la.fit(X, y, batch_size=8, callback=lambda *progress: told.append(progress))
    assert told == [(8, 21), (16, 21), (21, 21)]


def test_with_an_executor_it_counts_shards(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    la, X, y = fitted()
    told = []
    with ThreadPoolExecutor(2) as executor:
        la.fit(X, y, executor=executor, callback=lambda *progress: told.append(progress))
    assert told == [(6, 21), (12, 21), (18, 21), (21, 21)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore:the held-out score still rises")
def test_tuning_shows_each_prior_that_it_tries(method):
    la, X, y = fitted()
    steps, priors = [], []
    chosen = work_on(la, X, y, method, lambda step, model: (steps.append(step), priors.append(model.prior_precision)))
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 2
    assert np.abs(np.log(priors) - np.log(chosen.model.prior_precision)).min() < 1e-4
    assert np.ptp(np.log(priors)) > 0.1


@pytest.mark.parametrize("work", ["fit", *METHODS])
def test_an_interrupt_leaves_the_posterior_as_it_was(work):
    la, X, y = fitted()
    before = la.model, la.log_marginal_likelihood(), la.n_data, la.predict(X)
    with pytest.raises(KeyboardInterrupt):
        work_on(la, X, y, work, interrupt)
    assert (la.model, la.log_marginal_likelihood(), la.n_data) == before[:3]
    np.testing.assert_array_equal(la.predict(X), before[3])


def test_a_callback_is_a_function():
    la, X, y = fitted()
    with pytest.raises(TypeError, match=r"callback: expected a function of \(done, n_samples\), received 3"):
        la.fit(X, y, callback=3)
    with pytest.raises(TypeError, match=r"callback: expected a function of \(step, model\), received 3"):
        la.optimize_prior_precision(callback=3)


@pytest.mark.parametrize("earlier", [b"an earlier picture", None])
def test_an_interrupted_figure_is_the_earlier_one_or_none(earlier, tmp_path, monkeypatch, capsys):
    path = tmp_path / "figure_1_as_published.png"
    if earlier is not None:
        path.write_bytes(earlier)

    def half_written(figure, file, **_):
        file.write_bytes(b"half a picture")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", half_written)
    with pytest.raises(SystemExit) as end:
        main(["--figure", "1", "--out", str(tmp_path)])
    assert end.value.code == 130
    assert "minilaplace: interrupted" in capsys.readouterr().err
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == ([(path, earlier)] if earlier else [])
