"""The pictures show what `predict` returns, with labels that can be read."""

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import minilaplace
from minilaplace import MLP, BayesianModel, Bernoulli, Categorical, Gaussian, Laplace, plot_contour
from minilaplace.plotting.contour import class_probabilities, plane, plot_plugin_and_laplace
from minilaplace.plotting.style import CLASS_STYLES, style_of

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


@pytest.mark.parametrize("n_classes", range(2, 11))
def test_every_class_up_to_ten_has_a_colour_and_a_marker_of_its_own(n_classes):
    styles = [style_of(c, CLASS_STYLES) for c in range(n_classes)]
    for kinds in zip(*styles, strict=True):
        assert len(set(kinds)) == n_classes


def test_a_hundred_classes_have_a_pair_of_their_own():
    assert len({style_of(c, CLASS_STYLES) for c in range(100)}) == 100


@pytest.mark.parametrize("shape", [(1, 1), (1, 1.1), (1, 20), (20, 1)], ids=["square", "high", "tall", "wide"])
@pytest.mark.parametrize("n_classes", [2, 10, *(pytest.param(n, marks=pytest.mark.long) for n in range(3, 10))])
def test_the_legend_is_inside_the_figure_and_names_every_class_in_its_style(n_classes, shape):
    network = MLP(2, n_classes)
    y = np.arange(len(X)) % n_classes
    la = Laplace(BayesianModel(network, Categorical()), network.init(0)).fit(X, y)
    one = plot_contour(la, X * shape, y, n_grid=5).axes.figure
    two = plot_plugin_and_laplace(la, X * shape, y, n_grid=5)
    for figure in (one, two):
        figure.draw_without_rendering()
        (legend,) = filter(None, [*(ax.get_legend() for ax in figure.axes), *figure.legends])
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert [text.get_text() for text in legend.get_texts()] == [f"y = {c}" for c in range(n_classes)]
        shown = [to_hex(handle.get_facecolor()[0]).upper() for handle in legend.legend_handles]
        assert shown == [colour for colour, _ in CLASS_STYLES[:n_classes]]
    (legend,) = two.legends
    assert all(legend.get_window_extent().y1 < ax.get_tightbbox().y0 for ax in two.axes)
    plt.close("all")


@pytest.mark.parametrize("theta", [0.0, 900.0, -900.0], ids=["half", "one", "zero"])
@pytest.mark.parametrize("rows", [X[:1], np.ones((3, 2)), X * [1, 0]], ids=["one sample", "one point", "on a line"])
def test_constant_probabilities_and_data_without_extent_can_be_drawn(theta, rows):
    y = np.zeros(len(rows), int)
    la = Laplace(BayesianModel(MLP(2, 1), Bernoulli()), [0, 0, theta]).fit(rows, y)
    filled = plot_contour(la, rows, y, link_approx="plugin", n_grid=5)
    filled.axes.figure.draw_without_rendering()
    assert filled.zmin == filled.zmax == {0.0: 0.5, 900.0: 1.0, -900.0: 0.0}[theta]
    plt.close("all")


def test_one_logit_and_many_give_probabilities_of_every_class(binary):
    la, _ = binary
    p = class_probabilities(la, X)
    np.testing.assert_array_equal(p[:, 1], la.predict(X))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 2}, "target: expected a whole number from 0 to 1, received 2"),
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
