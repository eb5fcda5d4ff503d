"""Tutorial 2's page of slope and intercept computes what the library does, and asks nothing of anyone.

Chromium opens it from a disk. Loss, mode, Gaussian, exact posterior and the three predictives are held to `minilaplace`
for many numbers of samples and priors, and its sliders, keys and pointers move the same point.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from numpy.testing import assert_allclose

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, fit_map
from minilaplace.model_average import exact_posterior

TUTORIALS = Path(__file__).parents[1] / "tutorials"
INPUTS = np.linspace(-7, 7, 57)[:, None]
ATOL = 1e-6


@pytest.fixture(scope="module")
def slope():
    """Return the module that writes the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TUTORIALS))
        import slope

        yield slope
    sys.modules.pop("slope")


@pytest.fixture(scope="module")
def address(slope, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "slope.html"
    slope.write(path)
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def start(browser, address, at=""):
    browser.open("about:blank")
    browser.open(address + at)
    browser.settle()


def move(browser, key, value):
    """Move a slider to its number."""
    browser.run(f"""(() => {{
        const control = document.getElementById({json.dumps(key)});
        control.value = {json.dumps(str(value))};
        control.dispatchEvent(new Event("input"));
    }})()""")
    browser.settle()


def point(browser):
    return np.array(browser.run("theta()"))


def test_its_data_are_those_of_the_tutorial(slope):
    (script,) = TUTORIALS.glob("02_*.py")
    (cell,) = [cell for cell in script.read_text(encoding="utf-8").split("# %%") if "X_all = " in cell]
    names = {"np": np, "expit": slope.expit}
    exec(cell, names)
    x, y = slope.samples()
    assert np.array_equal(x[:, None], names["X_all"])
    assert np.array_equal(y, names["y_all"])
    assert len(names["X"]) == slope.COUNTS[slope.START["samples"]]


def test_it_takes_less_than_100_kb_and_is_the_same_each_time(slope):
    assert 10_000 < len(slope.page().encode()) < 100_000
    assert slope.page() == slope.page()
    assert not re.search(r"\{\{\w+\}\}", slope.page())


@pytest.mark.browser
@pytest.mark.parametrize("prior", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("N", [5, 20, 40, 80, 640])
def test_it_computes_what_the_library_does(browser, address, slope, N, prior):
    x, y = slope.samples()
    X, y = x[:N, None], y[:N]
    model = BayesianModel(MLP(1, 1), Bernoulli(), prior)
    la, exact = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y), exact_posterior(model, X, y)
    start(browser, address, f"#samples={N}&prior={prior}")

    def ask(expression):
        return np.array(browser.run(expression))

    for theta in np.random.default_rng(0).uniform(-2, 5, size=(5, 2)):
        at = f"{theta.tolist()}, inferred.problem"
        assert_allclose(ask(f"loss({at})"), model.loss(theta, X, y), rtol=1e-12)
        nll = model.likelihood.nll(model.network.forward(theta, X), y).sum()
        assert_allclose(ask(f"nll({at})"), nll, rtol=1e-12, atol=1e-12)
        assert_allclose(ask(f"gradient({at})"), model.gradient(theta, X, y), rtol=1e-10, atol=1e-10)
        d, H = theta - la.theta, la.posterior.precision()
        expansion = model.loss(la.theta, X, y) + d @ H @ d / 2
        assert_allclose(ask(f"expansion({theta.tolist()}, inferred)"), expansion, rtol=1e-5)  # at fit_map's mode
    assert_allclose(ask("inferred.mode"), la.theta, rtol=0, atol=1e-5)  # `fit_map` ends at gradients below 1e-6 N
    assert np.abs(ask("gradient(inferred.mode, inferred.problem)")).max() < 1e-9
    assert_allclose(ask("inferred.exact.mean"), exact.mean, rtol=0, atol=ATOL)
    inputs = json.dumps(INPUTS[:, 0].tolist())
    for name, expected in [
        ("plugin", la.predict(INPUTS, "plugin")),
        ("laplace", la.predict(INPUTS, "quadrature")),
        ("exact", exact.predict(INPUTS)),
    ]:
        p = ask(f"{inputs}.map((x) => PREDICTIVES.{name}(x, inferred))")
        assert_allclose(p, expected, rtol=0, atol=ATOL)
        print(f"largest difference of {name}: {np.abs(p - expected).max():.1e}")
    assert browser.failures() == []
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert asked == [address]


@pytest.mark.browser
def test_the_curves_enclose_what_they_say(browser, address):
    start(browser, address)
    for share in (0.5, 0.95):
        loss, ellipse = browser.run(f"""[
            level(inferred.exact, {share}), expansion(onEllipse(inferred, {share}, 1), inferred)
        ]""")
        inside = browser.run(f"""(() => {{
            const {{ w, b, mass }} = inferred.exact;
            return mass.reduce((sum, m, k) => sum + m * (loss([w[k], b[k]], inferred.problem) < {loss}), 0);
        }})()""")
        assert inside == pytest.approx(share, abs=2e-4)  # one point of the grid
        least = browser.run("inferred.least")
        assert np.exp(least - ellipse) == pytest.approx(1 - share, rel=1e-9)


@pytest.mark.browser
def test_sliders_keys_pointer_and_finger_move_one_point(browser, address):
    browser.resize(1280, 900)
    start(browser, address)
    move(browser, "w", 6.8)
    move(browser, "b", 1)
    assert_allclose(point(browser), [6.8, 1.0])
    browser.run("plane.focus()")
    browser.press("ArrowLeft")
    browser.press("ArrowUp")
    assert_allclose(point(browser), [6.75, 1.05])
    assert browser.run("Number(document.getElementById('w').value)") == pytest.approx(6.75)

    def pixel(w, b):
        return browser.run(f"""(({{ left, top }}) => [
            left + parameters.place(0, {w}), top + parameters.place(1, {b})
        ])(plane.getBoundingClientRect())""")

    for kind, at in [("mousePressed", (1, 1)), ("mouseMoved", (4, -2)), ("mouseReleased", (4, -2))]:
        x, y = pixel(*at)
        browser.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    assert_allclose(point(browser), [4, -2], atol=0.03)  # a pixel
    for kind, at in [("touchStart", (4, -2)), ("touchMove", (5, 3)), ("touchEnd", None)]:
        touches = [dict(zip("xy", pixel(*at), strict=True))] if at else []
        browser.ask("Input.dispatchTouchEvent", type=kind, touchPoints=touches)
    assert_allclose(point(browser), [5, 3], atol=0.03)
    browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'to the mode').click()")
    assert_allclose(point(browser), browser.run("inferred.mode"))
    assert browser.failures() == []


@pytest.mark.browser
def test_the_numbers_below_are_those_of_the_point(browser, address, slope):
    x, y = slope.samples()
    X, y = x[:20, None], y[:20]
    model = BayesianModel(MLP(1, 1), Bernoulli(), 0.1)
    la, theta = Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y), np.array([6.0, 0.5])
    start(browser, address, "#w=6&b=0.5")
    total, least, d = model.loss(theta, X, y), model.loss(la.theta, X, y), theta - la.theta
    expansion = least + d @ la.posterior.precision() @ d / 2
    penalty = 0.05 * theta @ theta
    said = browser.run("reading.textContent")
    assert said == (f"At the point (6.00, 0.50): nll {total - penalty:.3f} + penalty {penalty:.3f} = loss {total:.3f}")
    rows = browser.run("[...numbers.rows].map((row) => [...row.cells].map((cell) => cell.textContent))")
    g, linear = model.gradient(theta, X, y), la.posterior.precision() @ d
    assert [row[1:] for row in rows] == [
        ["exact", "Laplace"],
        [f"{total:.3f}", f"{expansion:.3f}"],
        [f"{total - least:.3f}", f"{expansion - least:.3f}"],
        [f"{np.exp(least - total):.2g}", f"{np.exp(least - expansion):.2g}"],
        [f"({g[0]:.2f}, {g[1]:.2f})".replace("-", "\u2212") for g in (g, linear)],
    ]
    browser.run("line.focus()")
    browser.press("ArrowRight")
    browser.settle()
    at = np.array([[0.1]])
    p = [1 / (1 + np.exp(-0.1 * 6 - 0.5)), la.predict(at, "plugin")[0], la.predict(at, "quadrature")[0]]
    p.append(exact_posterior(model, X, y).predict(at)[0])
    numbers = re.findall(r"\d\.\d{3}", browser.run("reading.textContent"))
    assert numbers == [f"{each:.3f}" for each in p]


@pytest.mark.browser
def test_a_posterior_that_is_switched_off_is_not_drawn(browser, address):
    start(browser, address)
    pictures = {browser.run("plane.toDataURL() + line.toDataURL()")}
    for name in ("exact", "laplace", "plugin"):
        browser.run(f"document.getElementById('show-{name}').click()")
        browser.settle()
        pictures.add(browser.run("plane.toDataURL() + line.toDataURL()"))
    assert len(pictures) == 4


@pytest.mark.browser
def test_an_address_can_say_where_it_starts(browser, address):
    start(browser, address, "#w=-1&b=99&samples=80&prior=0.5")
    assert_allclose(point(browser), [-1, 5.5])
    assert browser.run("[inferred.problem.x.length, inferred.problem.prior]") == [80, pytest.approx(0.5)]
    start(browser, address, "#w=steep&samples=21&prior=-1")
    assert_allclose(point(browser), [3, -0.5])
    assert browser.run("[inferred.problem.x.length, inferred.problem.prior]") == [20, 0.1]
    browser.open("about:blank")


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_every_width_light_and_dark(browser, address, dark):
    for width, height in [(360, 740), (390, 844), (700, 600), (800, 600), (1280, 800), (1600, 900)]:
        browser.resize(width, height, dark)
        start(browser, address)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("parameters.box.width > 200 && plane.clientWidth <= innerWidth")
        ground = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (ground != "rgb(255, 255, 255)") is dark
    browser.resize(1280, 800)


@pytest.mark.browser
def test_without_javascript_it_shows_the_still_figure(browser, address):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(address)
        size = browser.run("(({ naturalWidth, clientWidth }) => [naturalWidth, clientWidth])(document.images[0])")
        assert min(size) > 300
        assert "slope and intercept" in browser.run("document.images[0].alt")
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
