"""The pictures show what `predict` returns, with labels that can be read."""

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import minilaplace
from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Laplace, plot_contour
from minilaplace.plotting.contour import class_probabilities, plane, plot_plugin_and_laplace

mpl.use("Agg")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))


def fitted(likelihood, n_outputs):
    network = MLP(2, 3, n_outputs)
    y = RNG.integers(0, max(2, n_outputs), size=len(X))
    return Laplace(BayesianModel(network, likelihood), network.init(0)).fit(X, y), y


@pytest.fixture
def binary():
    yield fitted(Bernoulli(), 1)
    plt.close("all")


def test_the_contours_are_of_the_predicted_probabilities(binary):
    la, y = binary
    (x1, x2), points = plane(X, 0.5, 7)
    assert x1[0] == X[:, 0].min() - 0.5
    assert x2[-1] == X[:, 1].max() + 0.5
    filled = plot_contour(la, X, y, margin=0.5, n_grid=7)
    np.testing.assert_array_equal(filled.zmax, la.predict(points).max())
    np.testing.assert_array_equal(filled.zmin, la.predict(points).min())
    corner = points.reshape(7, 7, 2)[0, -1]
    np.testing.assert_array_equal(corner, [x1[-1], x2[0]])  # rows run along x2, as contourf wants them


def test_a_panel_has_labels_a_legend_of_every_class_and_equal_aspect(binary):
    la, y = binary
    ax = plot_contour(la, X, y, title="Laplace").axes
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Laplace", "$x_1$", "$x_2$")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["y = 0", "y = 1"]
    assert ax.get_aspect() == 1
    assert ax.figure.axes[1].get_ylabel() == "P(y = 1)"


def test_the_two_panels_share_one_colour_scale(binary):
    la, y = binary
    figure = plot_plugin_and_laplace(la, X, y, title="Figure")
    plugin, laplace, bar = figure.axes
    assert (plugin.get_title(), laplace.get_title()) == ("Plugin", "Laplace")
    assert bar.get_ylim() == (0, 1)
    assert not plt.get_fignums()  # no window of pyplot's is left open


def test_it_draws_where_it_is_told(binary):
    la, y = binary
    _, (left, right) = plt.subplots(1, 2)
    assert plot_contour(la, X, y, ax=right, colorbar=False).axes is right
    assert not left.collections


def test_two_panels_of_ones_own_get_one_colour_bar(binary):
    la, y = binary
    figure, panels = plt.subplots(1, 3)
    assert plot_plugin_and_laplace(la, X, y, ax=panels[:2]) is figure
    assert [ax.get_title() for ax in panels] == ["Plugin", "Laplace", ""]
    assert len(figure.axes) == 4
    with pytest.raises(ValueError, match=r"ax: expected two panels, received shape \(3,\)"):
        plot_plugin_and_laplace(la, X, y, ax=panels)


def test_any_class_of_many_can_be_drawn():
    la, y = fitted(Categorical(), 3)
    (_, _), points = plane(X, 0.25, 50)
    filled = plot_contour(la, X, y, target=2)
    assert filled.zmax == class_probabilities(la, points)[:, 2].max()
    assert len(filled.axes.get_legend().get_texts()) == 3
    plt.close("all")


def test_one_logit_and_many_give_probabilities_of_every_class(binary):
    la, _ = binary
    p = class_probabilities(la, X)
    np.testing.assert_array_equal(p[:, 1], la.predict(X))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 2}, "target: expected a class below 2, received 2"),
        ({"n_grid": 1}, "n_grid: expected a whole number of at least 2, received 1"),
        ({"margin": np.nan}, "margin: expected a finite number, received nan"),
        ({"link_approx": "logit"}, "link_approx: expected one of"),
    ],
)
def test_a_bad_option_is_refused_before_a_figure_is_opened(options, message, binary):
    la, y = binary
    with pytest.raises(ValueError, match=message):
        plot_contour(la, X, y, **options)
    assert not plt.get_fignums()


def test_only_a_classifier_of_two_inputs_can_be_drawn():
    network = MLP(2, 1)
    la = Laplace(BayesianModel(network, Gaussian()), network.init(0)).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="la: expected a classifier of two inputs, received MLP"):
        plot_contour(la, X, X[:, 0])


def test_colours_are_named_in_one_module_and_on_the_page_that_imports_none():
    modules = Path(minilaplace.__file__).parent.rglob("*.py")
    named = {module.name for module in modules if re.search('"#[0-9A-Fa-f]{6}"', module.read_text("utf-8"))}
    assert named == {"style.py", "one_page.py"}
