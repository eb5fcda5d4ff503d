"""The picture of the method shows the loss, its expansion and the probabilities of the fit that it is given."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Laplace, fit_map, toy_data_linear
from minilaplace.plotting import plot_method, plot_network

mpl.use("Agg")
X, y = toy_data_linear(100, rng=0)
AT = np.array([2.0, -4.0])


@pytest.fixture(scope="module")
def logistic():
    model = BayesianModel(MLP(2, 1), Bernoulli(), prior_precision=0.5)
    return Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y)


def line(ax, label):
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return found.get_data()


def test_it_has_a_panel_for_each_step_and_is_not_shown(logistic):
    figure = plot_method(logistic, X, y, AT)
    titles = ["1  data", "2  network", "3  MAP estimate", "4  curvature", "5  Gaussian", "6  link"]
    assert [ax.get_title() for ax in figure.axes] == titles
    assert not plt.get_fignums()


def test_the_quadratic_is_the_expansion_of_the_loss_in_standard_deviations(logistic):
    bowl, bell = plot_method(logistic, X, y, AT).axes[3:5]
    (t, loss), (_, quadratic) = line(bowl, "loss"), line(bowl, "quadratic")
    middle = len(t) // 2
    step = t[middle + 1]
    bend = (loss[middle + 1] - 2 * loss[middle] + loss[middle - 1]) / step**2
    assert bend == pytest.approx(1, rel=1e-3)  # logistic regression: the GGN is the Hessian; the error goes like step^2
    np.testing.assert_allclose(quadratic, t**2 / 2, rtol=1e-14)
    np.testing.assert_allclose(line(bell, "posterior")[1], np.exp(-loss), rtol=1e-14)
    np.testing.assert_allclose(line(bell, "Laplace")[1], np.exp(-(t**2) / 2), rtol=1e-14)


def test_along_the_line_the_logit_moves_by_its_standard_deviation(logistic):
    J = logistic.model.network.jacobian(logistic.theta, AT[None])[0, 0]
    V = logistic.glm_predictive_distribution(AT[None])[1].item()
    t, loss = line(plot_method(logistic, X, y, AT).axes[3], "loss")
    d = np.linalg.solve(logistic.posterior.precision(), J) / np.sqrt(V)
    assert J @ d == pytest.approx(np.sqrt(V), rel=1e-12)
    moved = logistic.model.loss(logistic.theta + t[-1] * d, X, y) - logistic.model.loss(logistic.theta, X, y)
    assert loss[-1] == pytest.approx(moved, rel=1e-10)


def test_the_marks_are_the_predictions(logistic):
    link = plot_method(logistic, X, y, AT).axes[5]
    marks = [each.get_ydata()[0] for each in link.lines if each.get_marker() == "o"]
    expected = [logistic.predict(AT[None], name)[0] for name in ("plugin", "probit")]
    np.testing.assert_allclose(marks, expected, rtol=1e-12)
    assert [text.get_text().split()[1] for text in link.texts] == [f"{p:.2f}" for p in expected]


def test_what_it_cannot_draw_is_refused(logistic):
    network = MLP(2, 3)
    classes = Laplace(BayesianModel(network, Categorical()), network.init(0)).fit(X, y)
    last = Laplace(logistic.model, logistic.theta, subset_of_weights="last_layer").fit(X, y)
    for la in (classes, last):
        with pytest.raises(ValueError, match=r"^la: expected one logit of two inputs, all weights uncertain, received"):
            plot_method(la, X, y, AT)
    with pytest.raises(ValueError, match=r"^at: expected shape \(2,\), received shape \(3,\)"):
        plot_method(logistic, X, y, [1, 2, 3])


def test_a_network_has_all_its_connections_and_what_is_written_at_them():
    _, ax = plt.subplots()
    theta = np.arange(12) / 10
    assert plot_network(MLP(2, 2, 2), theta, texts=[["a", "b"], ["c", "d"], ["e", "f"]], ax=ax) is ax
    assert len(ax.lines) == 8
    assert len(ax.patches) == 6
    weights = ["0", "0.1", "0.2", "0.3", "0.6", "0.7", "0.8", "0.9"]
    assert [text.get_text() for text in ax.texts] == [*weights, *"abcdef"]
    plt.close("all")


def test_of_a_large_layer_a_few_units_are_drawn_and_the_number_is_told():
    network = MLP(2, 32, 1)
    ax = plot_network(network, network.init(0))
    assert len(ax.lines) == 2 * 6 + 6
    assert [text.get_text() for text in ax.texts] == ["32 units"]
    plt.close("all")


def test_texts_for_another_network_are_refused():
    with pytest.raises(ValueError, match=r"^texts: expected as many texts as units, \[2, 1\], received \[1, 1\]"):
        plot_network(MLP(2, 1), np.zeros(3), texts=[["x"], ["f"]])
    with pytest.raises(ValueError, match=r"^theta: expected .*3.*, received"):
        plot_network(MLP(2, 1), [1.0, 2.0])
    plt.close("all")
