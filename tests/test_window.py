"""The window does what the mouse says, draws what the explorer answers, and says in words what has no answer.

The mouse is matplotlib's own events, sent to a canvas that has no screen.
"""

import warnings
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import MouseButton, MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal
from problems import printed

from minilaplace import toy_data_non_linear
from minilaplace.explorer import window
from minilaplace.explorer.explorer import Explorer
from minilaplace.explorer.window import NoWindowError, Window, explore
from minilaplace.posterior.cholesky import not_positive_definite
from minilaplace.training import convergence

mpl.use("Agg")
X, Y = toy_data_non_linear(24, rng=0)
LEFT, RIGHT = MouseButton.LEFT, MouseButton.RIGHT


class Canvas(FigureCanvasAgg):
    """One that draws when it is told, as windows do, and not whenever it is idle."""

    def draw_idle(self):
        pass


def opened():
    figure = Figure(figsize=(11, 6.6))
    Canvas(figure)
    return Window(Explorer(X, Y, n_hidden=3), figure)


def drawn():
    made = opened()
    made.figure.canvas.draw()
    return made


def mouse(made, what, pixel, button=LEFT):
    name = {"press": "button_press_event", "move": "motion_notify_event", "release": "button_release_event"}[what]
    canvas = made.figure.canvas
    canvas.callbacks.process(name, MouseEvent(name, canvas, *pixel, button=button))


def click(made, point, button=LEFT):
    for what in ("press", "release"):
        mouse(made, what, pixel_of(made, point), button)


def drag(made, start, *ways):
    mouse(made, "press", start)
    for way in ways:
        mouse(made, "move", way)
    mouse(made, "release", ways[-1])


def pixel_of(made, point):
    return made.panel.axes.transData.transform(point)


def centre(control):
    return control.ax.bbox.min + 0.5 * control.ax.bbox.size


def press_button(made, name):
    for what in ("press", "release"):
        mouse(made, what, centre(made.buttons[name]))


def choose(made, name, option):
    radio = made.radios[name]
    radio.set_active([label.get_text() for label in radio.labels].index(option))


def pixels(made):
    return np.array(made.figure.canvas.buffer_rgba())


def drawn_probabilities(made):
    """Return the largest and smallest probability in the contours."""
    filled = made.panel.contours[0]
    return filled.zmin, filled.zmax


def predicted_probabilities(made):
    x = np.linspace(-made.panel.half, made.panel.half, 51)
    p = made.explorer.probabilities(np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2))
    return p.min(), p.max()


@pytest.mark.parametrize(("button", "label"), [(LEFT, 0), (RIGHT, 1)])
def test_a_click_adds_a_sample_of_its_buttons_class_and_the_contour_follows(button, label):
    made, before = opened(), opened().explorer.probabilities([[0.0, 5.2]])
    click(made, (0.0, 5.2), button)
    np.testing.assert_allclose(made.explorer.X[-1], (0.0, 5.2), atol=1e-12)
    assert (len(made.explorer.X), made.explorer.y[-1]) == (25, label)
    after = made.explorer.probabilities([[0.0, 5.2]])
    assert (after > before) == (label == 1)
    assert drawn_probabilities(made) == predicted_probabilities(made)
    assert "25 samples" in made.facts.get_text()


def test_other_buttons_and_clicks_elsewhere_add_nothing():
    made = opened()
    click(made, (0.0, 5.2), MouseButton.MIDDLE)
    click(made, (0.0, 1e3))
    made.figure.canvas.widgetlock(made)  # as the toolbar's zoom does
    click(made, (0.0, 5.2))
    assert_array_equal(made.explorer.X, X)


def test_a_sample_follows_the_mouse_and_the_posterior_when_it_is_let_go():
    made = opened()
    start, end = pixel_of(made, X[5]) + 4, pixel_of(made, (-2.0, 2.0))
    mouse(made, "press", start)
    mouse(made, "move", end)
    assert_array_equal(made.explorer.X, X)
    drawn = np.vstack([points.get_offsets() for points in made.panel.classes])
    assert np.hypot(*(drawn - [-2.0, 2.0]).T).min() < 1e-12
    mouse(made, "release", end)
    np.testing.assert_allclose(made.explorer.X[5], [-2.0, 2.0], atol=1e-12)
    assert len(made.explorer.X) == 24
    assert drawn_probabilities(made) == predicted_probabilities(made)
    mouse(made, "move", start)  # nothing is held any more
    np.testing.assert_allclose(made.explorer.X[5], [-2.0, 2.0], atol=1e-12)


def test_a_sample_dragged_out_of_the_picture_is_gone_but_the_last_one_stays():
    made = opened()
    drag(made, pixel_of(made, X[0]), (5, 5))
    assert_array_equal(made.explorer.X, X[1:])
    one = Window(Explorer(X[:1], Y[:1], n_hidden=0), made.figure)
    drag(one, pixel_of(one, X[0]), (5, 5))
    assert_array_equal(one.explorer.X, X[:1])
    assert "expected more than one sample, as one has to stay" in one.facts.get_text()


def test_a_press_that_misses_a_sample_and_moves_away_adds_nothing():
    made = opened()
    near = pixel_of(made, X[5]) + np.array([0, 11])  # beyond reach
    assert np.hypot(*(made.panel.axes.transData.transform(X) - near).T).min() > 8
    drag(made, near, near + 2, pixel_of(made, (-2.0, 2.0)))
    assert_array_equal(made.explorer.X, X)
    click(made, made.panel.axes.transData.inverted().transform(near))  # without moving it is meant
    assert len(made.explorer.X) == 25


def test_undo_takes_back_one_change_of_the_data_after_another():
    made, points = opened(), [[0.0, 5.2], [3.0, -3.0]]
    before, theta = made.explorer.probabilities(points), made.explorer.laplace().theta
    click(made, (0.0, 5.2))
    drag(made, pixel_of(made, X[0]), (5, 5))
    assert len(made.explorer.X) == 24
    press_button(made, "undo")
    assert len(made.explorer.X) == 25
    press_button(made, "undo")
    assert_array_equal(made.explorer.X, X)
    assert_array_equal(made.explorer.laplace().theta, theta)
    assert_array_equal(made.explorer.probabilities(points), before)
    assert drawn_probabilities(made) == predicted_probabilities(made)
    press_button(made, "undo")
    assert "undo: expected a change of the data before this call" in " ".join(made.facts.get_text().split())


def test_an_undo_while_training_ends_at_the_mode_of_the_data_before(monkeypatch):
    made, undone = opened(), []

    def flush_events():
        if not undone:
            undone.append(True)
            press_button(made, "undo")

    monkeypatch.setattr(window, "PAUSE", 0.0)
    monkeypatch.setattr(made.figure.canvas, "flush_events", flush_events)
    click(made, (-3.0, -3.0))
    assert undone
    assert_array_equal(made.explorer.X, X)
    theta = made.explorer.laplace().theta
    assert np.abs(made.explorer.model.gradient(theta, X, Y)).max() < 1e-4


@pytest.mark.parametrize("side", [-5, 5])
def test_a_knob_at_the_end_of_its_slider_can_be_held_at_both_sides(side):
    for name, end in [("prior precision", "valmin"), ("temperature", "valmax"), ("hidden units", "valmin")]:
        made = opened()
        slider = made.sliders[name]
        slider.set_val(getattr(slider, end))
        at = slider.ax.transData.transform((slider.val, 0.5)) + np.array([side, 0])
        assert slider.ax.bbox.contains(*at)
        mouse(made, "press", at)
        mouse(made, "move", centre(slider))
        mouse(made, "release", centre(slider))
        assert slider.val == pytest.approx((slider.valmin + slider.valmax) / 2, abs=0.05)


SIZES = [(800, 600), (1100, 660), (1920, 1080), (500, 800), (640, 480), (1400, 500)]
LONG = "a word of a warning that is rather long and says what to do next, " * 8


def extents(made):
    """Return the boxes of all that is seen beside the picture, by name, in pixels."""
    renderer, figure = made.figure.canvas.get_renderer(), made.figure
    parts = {"picture": made.panel.axes, "bar": made.panel.bar, "facts": made.facts}
    parts |= {f"{name}, buttons": button.ax for name, button in made.buttons.items()}
    if made.help.get_visible():
        parts["help"] = made.help
    for name, slider in made.sliders.items():
        parts[f"{name}, slider"], parts[f"{name}, number"] = slider.ax.patch, slider.valtext
        parts[f"{name}, name"] = slider.label
    for name, radio in made.radios.items():
        parts |= {f"{name}: {label.get_text()}": label for label in radio.labels}
        parts[name] = radio.ax._left_title
    boxes = {name: part.get_tightbbox(renderer) for name, part in parts.items()}
    return {name: box for name, box in boxes.items() if box is not None and box.width > 0}, figure.bbox


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_overlaps_or_is_clipped_at_any_end_of_the_controls(size, monkeypatch):
    made = opened()
    made.figure.set_size_inches(*np.array(size) / made.figure.dpi)
    event = ResizeEvent("resize_event", made.figure.canvas)
    made.figure.canvas.callbacks.process("resize_event", event)
    for end in ("valmin", "valmax"):
        for name in ("view", "temperature", "prior precision"):
            made.sliders[name].set_val(getattr(made.sliders[name], end))
        monkeypatch.setattr(made, "_news", LONG)
        made._show()
        made.figure.canvas.draw()
        boxes, whole = extents(made)
        assert len(boxes) > 35
        for name, box in boxes.items():
            assert whole.x0 <= box.x0 < box.x1 <= whole.x1, (name, end)
            assert whole.y0 <= box.y0 < box.y1 <= whole.y1, (name, end)
        for (one, a), (other, b) in combinations(boxes.items(), 2):
            overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert min(overlap) < 1, (one, other, end)
        width, height = made.panel.axes.bbox.size
        assert width == pytest.approx(height)
    made.panel.refuse(str(not_positive_definite(-0.0123)))
    made.figure.canvas.draw()
    box, picture = made.panel.refusal.get_bbox_patch().get_window_extent(), made.panel.axes.bbox
    assert picture.x0 <= box.x0 < box.x1 <= picture.x1
    made.figure.set_size_inches(8, 6)
    made.figure.canvas.callbacks.process("resize_event", event)
    made.figure.canvas.draw()
    box, picture = made.panel.refusal.get_bbox_patch().get_window_extent(), made.panel.axes.bbox
    assert picture.x0 <= box.x0 < box.x1 <= picture.x1


def test_at_a_mode_an_eigenvalue_below_zero_is_said_to_be_of_the_training(monkeypatch):
    made = opened()

    def refuse(points):
        raise not_positive_definite(-6.5e-06)

    monkeypatch.setattr(made.explorer, "probabilities", refuse)
    made.refresh()
    assert "-6.5e-06" in made.panel.refusal.get_text()
    assert "a mode as far as training goes" in " ".join(made.panel.refusal.get_text().split())
    made.sliders["prior precision"].set_val(2.0)
    assert not made.explorer.at_mode
    assert "as far as training goes" not in " ".join(made.panel.refusal.get_text().split())


def test_the_slider_of_the_prior_moves_the_contour_and_leaves_theta():
    made = opened()
    theta, before = made.explorer.laplace().theta, drawn_probabilities(made)
    slider = made.sliders["prior precision"]
    drag(made, centre(slider), centre(slider) + np.array([60, 0]))
    assert made.explorer.settings.prior_precision == 10.0**slider.val > 10
    assert made.explorer.laplace().theta is theta
    assert drawn_probabilities(made) == predicted_probabilities(made) != before
    assert f"the mode of prior 0.1, not of {10.0**slider.val:.3g}" in made.facts.get_text()
    assert slider.valtext.get_text() == f"{10.0**slider.val:.3g}"


def test_the_other_sliders_set_temperature_hidden_units_and_view():
    made = opened()
    made.sliders["temperature"].set_val(1.0)
    made.sliders["hidden units"].set_val(0)
    made.sliders["view"].set_val(2.0)
    assert (made.explorer.settings.temperature, made.explorer.settings.n_hidden) == (10, 0)
    assert "3 parameters" in made.facts.get_text()
    assert made.panel.axes.get_xlim() == made.panel.axes.get_ylim() == (-100, 100)
    assert drawn_probabilities(made) == predicted_probabilities(made)


def test_the_radio_buttons_set_structure_curvature_and_link():
    made = opened()
    choose(made, "structure", "diag")
    choose(made, "curvature", "empirical_fisher")
    choose(made, "link", "plugin")
    s = made.explorer.settings
    assert (s.hessian_structure, s.curvature, s.link_approx) == ("diag", "empirical_fisher", "plugin")
    assert drawn_probabilities(made) == predicted_probabilities(made)


def test_a_click_on_a_radio_button_is_one():
    made = opened()
    labels = made.radios["link"].labels
    mouse(made, "press", labels[1].get_window_extent().get_points().mean(axis=0))
    assert made.explorer.settings.link_approx == "plugin"


def test_what_has_no_posterior_is_said_in_the_panel_and_the_old_contour_is_gone(monkeypatch):
    made = opened()
    choose(made, "curvature", "hessian")
    choose(made, "structure", "kron")
    assert "'hessian', which is not a Kronecker product" in " ".join(made.panel.refusal.get_text().split())
    assert made.panel.refusal.get_visible()
    assert (made.panel.contours, len(made.panel.axes.collections)) == ([], 2)
    assert "log evidence: none" in made.facts.get_text()
    choose(made, "structure", "full")
    made.sliders["prior precision"].set_val(1.5)
    press_button(made, "train")
    made.sliders["prior precision"].set_val(-3.0)
    assert "not positive definite" in made.panel.refusal.get_text()

    def refuse():
        raise not_positive_definite(-0.0123)

    with monkeypatch.context() as patched:  # as where no prior has a posterior
        patched.setattr(made.explorer, "tune_prior", refuse)
        press_button(made, "tune prior")
    assert "not positive definite" in made.facts.get_text()
    assert len(made.facts.get_text().splitlines()) == 6  # as many as there is room for
    choose(made, "curvature", "ggn")
    assert "not positive definite" not in made.facts.get_text()
    assert not made.panel.refusal.get_visible()
    choose(made, "curvature", "hessian")
    assert made.panel.refusal.get_visible()
    press_button(made, "tune prior")  # from priors that are strong enough
    assert not made.panel.refusal.get_visible()
    assert drawn_probabilities(made) == predicted_probabilities(made)


def test_the_buttons_train_start_anew_and_tune():
    made = opened()
    made.sliders["prior precision"].set_val(0.0)
    assert not made.explorer.at_mode
    press_button(made, "train")
    assert made.explorer.trained_under == 1.0
    assert "theta: the mode of prior 1\n" in made.facts.get_text()
    press_button(made, "new start")
    assert "start 1" in made.facts.get_text()
    press_button(made, "tune prior")
    tuned = made.explorer.settings.prior_precision
    assert tuned != 1.0
    assert made.sliders["prior precision"].val == pytest.approx(np.log10(tuned), abs=1e-12)


def test_training_shows_its_progress(monkeypatch):
    made, seen = opened(), []
    monkeypatch.setattr(window, "PAUSE", 0.0)
    monkeypatch.setattr(made.figure.canvas, "flush_events", lambda: seen.append(made.facts.get_text()))
    click(made, (-3.0, -3.0))
    assert seen[0].startswith("training: step 1, loss ")
    assert len(seen) > 5
    assert "training" not in made.facts.get_text()


def test_a_change_that_comes_in_while_training_is_trained_for_too(monkeypatch):
    made, others, steps = opened(), [(3.0, -3.0), (-3.0, 3.0)], []

    def flush_events():
        steps.append(made.facts.get_text().split(",")[0])
        if others:
            click(made, others.pop(), RIGHT)

    monkeypatch.setattr(window, "PAUSE", 0.0)
    monkeypatch.setattr(made.figure.canvas, "flush_events", flush_events)
    click(made, (-3.0, -3.0))
    assert steps[:4] == [f"training: step {n}" for n in (1, 1, 1, 2)]  # two were cut short
    assert len(made.explorer.X) == 27
    assert not made.explorer.needs_training
    theta = made.explorer.laplace().theta
    assert np.abs(made.explorer.model.gradient(theta, made.explorer.X, made.explorer.y)).max() < 1e-4
    assert drawn_probabilities(made) == predicted_probabilities(made)


def test_what_training_warns_of_is_said(monkeypatch):
    made = opened()

    def warning(callback):
        made.explorer.__class__.train(made.explorer, callback)
        convergence.warn("which is not a mode")

    monkeypatch.setattr(made.explorer, "train", warning)
    press_button(made, "train")
    assert made.facts.get_text().endswith("which is not a mode")


def test_what_is_said_beside_the_controls_does_not_touch_the_warning_filters(monkeypatch):
    made, filters, seen = opened(), warnings.filters.copy(), []
    monkeypatch.setattr(made.explorer, "train", lambda callback: seen.append(warnings.filters.copy()))
    press_button(made, "train")
    assert seen == [filters]


def test_a_training_that_fails_is_refused_in_the_panel_and_can_be_tried_again(monkeypatch):
    made, tries = opened(), []

    def failing(callback):
        tries.append(callback)
        raise ValueError("theta: no minimum")

    with monkeypatch.context() as patch:
        patch.setattr(made.explorer, "train", failing)
        click(made, (-3.0, -3.0))
        assert len(tries) == 1
        assert (made.panel.refusal.get_text(), made.panel.contours) == ("theta: no minimum", [])
        assert "theta: none\nlog evidence: none\ntheta: no minimum" in made.facts.get_text()
        assert sum(len(points.get_offsets()) for points in made.panel.classes) == len(X) + 1
        made.sliders["view"].set_val(2.0)
        assert made.panel.axes.get_xlim() == (-100, 100)
    press_button(made, "train")
    assert not made.panel.refusal.get_visible()
    assert drawn_probabilities(made) == predicted_probabilities(made)


def test_a_moved_slider_draws_over_the_figure_what_a_new_figure_would_show():
    made, draws = drawn(), []
    made.figure.canvas.mpl_connect("draw_event", draws.append)
    before = pixels(made)
    made.sliders["prior precision"].set_val(2.0)
    overlaid = pixels(made)
    assert not draws
    made.figure.canvas.draw()
    assert_array_equal(overlaid, pixels(made))
    assert np.any(overlaid != before)
    # The bar beside the picture stays as it is, and the slider's name, down to where the numbers are.
    left, right = round(made.panel.bar.bbox.x0), round(made.sliders["prior precision"].ax.bbox.x0) - 2
    rows = slice(round(made.figure.bbox.height - made.facts.get_window_extent().y1))
    assert right - left > 150
    assert_array_equal(overlaid[rows, left:right], before[rows, left:right])


def test_a_view_that_changes_while_training_is_drawn_with_its_axes(monkeypatch):
    made, asked, views = drawn(), [], [2.0]

    def flush_events():
        if views:
            made.sliders["view"].set_val(views.pop())

    monkeypatch.setattr(window, "PAUSE", 0.0)
    monkeypatch.setattr(made.figure.canvas, "flush_events", flush_events)
    monkeypatch.setattr(made.figure.canvas, "draw_idle", lambda: asked.append("draw"))
    click(made, (-3.0, -3.0))
    assert made.panel.axes.get_xlim() == (-100, 100)
    assert asked  # of the whole figure: the overlay has no tick labels


def test_a_saved_picture_holds_the_contour(tmp_path):
    made = drawn()
    made.figure.savefig(tmp_path / "saved.png", dpi=made.figure.dpi)
    saved = plt.imread(tmp_path / "saved.png")[..., :3]
    assert np.abs(saved - pixels(made)[..., :3] / 255).mean() < 0.01


def test_a_backend_that_cannot_draw_over_draws_the_whole(monkeypatch):
    monkeypatch.setattr(Canvas, "supports_blit", False)
    whole, asked = drawn(), []
    monkeypatch.setattr(whole.figure.canvas, "draw_idle", lambda: asked.append("draw"))
    whole.sliders["prior precision"].set_val(2.0)
    assert asked
    assert not any(artist.get_animated() for artist in whole.panel.artists)


def test_without_a_screen_it_says_what_would_help(monkeypatch):
    with pytest.raises(NoWindowError, match=r"its backend '[aA]gg' only writes files.*%matplotlib widget"):
        explore(Explorer(X, Y, n_hidden=0))
    assert not plt.get_fignums()

    def headless(**options):
        raise ImportError("Cannot load backend 'TkAgg'")

    monkeypatch.setattr(plt, "figure", headless)
    with pytest.raises(NoWindowError, match="Cannot load backend 'TkAgg'"):
        explore(Explorer(X, Y, n_hidden=0))


def test_only_an_explorer_is_explored():
    with pytest.raises(TypeError, match="explorer: expected an Explorer, received 3"):
        explore(3)


def test_only_the_names_of_the_window_load_matplotlib():
    code = (
        "import sys\n"
        "from minilaplace.explorer import Explorer\n"
        "Explorer(n_hidden=0).probabilities([[1.0, 2.0]])\n"
        "print('matplotlib' in sys.modules)\n"
        "from minilaplace.explorer import explore\n"
        "print('matplotlib' in sys.modules)"
    )
    assert printed(code).split() == ["False", "True"]
