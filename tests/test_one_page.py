"""The page is what mpmath, SciPy and the textbook say, and the library is what the page says.

The page comes first: its derivatives are compared with differences, its numbers on small problems with 50 digits of
mpmath, written here once more from the definitions. Then it is an oracle itself, and the library is compared with it.
"""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.image
import mpmath as mp
import numpy as np
import pytest
from matplotlib.contour import ContourSet
from problems import assert_close, assert_is_derivative
from scipy.differentiate import jacobian as differences
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, one_page, toy_data_non_linear
from minilaplace.curvature import ggn

PAGE = Path(one_page.__file__)
LAM = 0.3
DEPTHS = pytest.mark.parametrize("sizes", [(2, 1), (2, 4, 1), (3, 3, 2, 1)], ids=str)  # 0, 1 and 2 hidden layers


def random_case(sizes, n_samples=6):
    """Return theta (P,), X (N, D), y (N,) with both labels, and X_new (3, D) further out."""
    rng = np.random.default_rng(len(sizes))
    theta = rng.normal(size=sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes)))
    y = np.arange(n_samples) % 2
    return theta, rng.normal(size=(n_samples, sizes[0])), y, 3 * rng.normal(size=(3, sizes[0]))


# The toy data


def test_the_four_squares_get_a_quarter_of_the_data_each():
    X, _ = one_page.toy_data(200, np.random.default_rng(0))
    assert X.shape == (200, 2)
    assert np.all((np.abs(X) >= 0.5) & (np.abs(X) <= 5))
    _, counts = np.unique(np.sign(X), axis=0, return_counts=True)
    np.testing.assert_array_equal(counts, [50, 50, 50, 50])


def test_the_labels_are_xor():
    X, y = one_page.toy_data(200, np.random.default_rng(0))
    np.testing.assert_array_equal(y, (X[:, 0] > 0) == (X[:, 1] > 0))


def test_the_data_of_a_seed_is_the_librarys():
    for ours, theirs in zip(one_page.toy_data(40, np.random.default_rng(5)), toy_data_non_linear(40, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Derivatives are those of the functions that they belong to


@DEPTHS
def test_the_jacobian_is_the_derivative_of_the_logits(sizes):
    theta, X, _, _ = random_case(sizes)
    assert_is_derivative(one_page.jacobian(theta, X, sizes), lambda t: one_page.forward(t, X, sizes)[1], theta)


@DEPTHS
def test_the_gradient_is_the_derivative_of_the_loss(sizes):
    theta, X, y, _ = random_case(sizes)
    assert_is_derivative(
        one_page.gradient(theta, X, y, LAM, sizes), lambda t: one_page.loss(t, X, y, LAM, sizes), theta
    )


@DEPTHS
def test_the_ggn_is_made_of_derivatives_of_logits_and_of_the_negative_log_likelihood(sizes):
    theta, X, _, _ = random_case(sizes)

    def logits(points):  # (P, ...) -> (N, ...)
        return np.apply_along_axis(lambda t: one_page.forward(t, X, sizes)[1], 0, points)

    J = differences(logits, theta, initial_step=2.0**-10, tolerances={"atol": 1e-9}).df  # (N, P)
    f = one_page.forward(theta, X, sizes)[1]
    Lambda = np.diag(differences(expit, f).df)  # d p / d f is the second derivative of -log p(y | f), whatever y
    # Differences of numbers near 1 at this step are accurate to some 28 eps / step, 6e-12.
    assert_close(one_page.ggn(theta, X, sizes), J.T @ np.diag(Lambda) @ J, rtol=1e-9)


def test_without_a_hidden_layer_the_ggn_is_the_hessian():
    theta, X, y, _ = random_case((2, 1))
    hessian = one_page.ggn(theta, X, (2, 1)) + LAM * np.eye(3)
    assert_is_derivative(hessian, lambda t: one_page.gradient(t, X, y, LAM, (2, 1)), theta)


# The definitions once more, in 50 digits


class FiftyDigits:
    """One problem by its definitions: numbers one at a time, derivatives by differences, densities written out."""

    def __init__(self, sizes):
        theta, X, y, X_new = random_case(sizes)
        self.sizes, self.theta, self.y = sizes, [mp.mpf(t) for t in theta], [int(label) for label in y]
        self.X, self.X_new = ([[mp.mpf(u) for u in x] for x in inputs] for inputs in (X, X_new))

    def logit(self, theta, x):
        """Walk through theta and the units, one number at a time."""
        position, units = 0, x
        for l, (n_in, n_out) in enumerate(pairwise(self.sizes)):
            bias = position + n_out * n_in
            z = [
                theta[bias + o] + mp.fsum(theta[position + o * n_in + i] * units[i] for i in range(n_in))
                for o in range(n_out)
            ]
            units = [1 / (1 + mp.exp(-u)) for u in z] if l < len(self.sizes) - 2 else z
            position = bias + n_out
        (f,) = units
        return f

    def probability(self, theta, x):
        return 1 / (1 + mp.exp(-self.logit(theta, x)))

    def log_likelihood(self, theta):
        ps = [self.probability(theta, x) for x in self.X]
        return mp.fsum(mp.log(p if label else 1 - p) for p, label in zip(ps, self.y, strict=True))

    def log_prior(self, theta):
        return mp.fsum(mp.log(mp.npdf(t, 0, 1 / mp.sqrt(mp.mpf(LAM)))) for t in theta)

    def derivative(self, function):
        """Return d function / dtheta, a list of P numbers."""
        P = len(self.theta)
        return [
            mp.diff(lambda t, i=i: function([*self.theta[:i], t, *self.theta[i + 1 :]]), self.theta[i])
            for i in range(P)
        ]

    def gradients(self, inputs):
        return [mp.matrix(self.derivative(lambda t, x=x: self.logit(t, x))) for x in inputs]

    def ggn(self):
        P = len(self.theta)
        total = mp.zeros(P, P)
        for x, J in zip(self.X, self.gradients(self.X), strict=True):
            p = self.probability(self.theta, x)
            total += p * (1 - p) * J * J.T
        return total

    def precision(self):
        return self.ggn() + mp.mpf(LAM) * mp.eye(len(self.theta))

    def log_evidence(self):
        """Integrate likelihood and prior as if they were a Gaussian around theta."""
        volume = (2 * mp.pi) ** (mp.mpf(len(self.theta)) / 2) / mp.sqrt(mp.det(self.precision()))
        return self.log_likelihood(self.theta) + self.log_prior(self.theta) + mp.log(volume)

    def probit(self):
        A = self.precision()
        variances = [(J.T * mp.lu_solve(A, J))[0] for J in self.gradients(self.X_new)]
        logits = [self.logit(self.theta, x) for x in self.X_new]
        return [1 / (1 + mp.exp(-f / mp.sqrt(1 + mp.pi / 8 * v))) for f, v in zip(logits, variances, strict=True)]


@pytest.fixture(params=[(2, 3, 1), (3, 2, 2, 1)], ids=str)
def exact(request):
    with mp.workdps(50):
        yield FiftyDigits(request.param)


def numbers(values):
    """Return mpmath's numbers as floats, in the shape that they have."""
    return np.array(values.tolist() if isinstance(values, mp.matrix) else values, dtype=float)


def test_the_loss_has_the_right_digits(exact):
    theta, X, y, _ = random_case(exact.sizes)
    negative_log_joint = -exact.log_likelihood(exact.theta) - exact.log_prior(exact.theta)
    normaliser = len(theta) / 2 * np.log(2 * np.pi / LAM)
    assert_close(one_page.loss(theta, X, y, LAM, exact.sizes), float(negative_log_joint) - normaliser, rtol=1e-14)


def test_the_gradient_has_the_right_digits(exact):
    theta, X, y, _ = random_case(exact.sizes)
    expected = exact.derivative(lambda t: -exact.log_likelihood(t) - exact.log_prior(t))
    assert_close(one_page.gradient(theta, X, y, LAM, exact.sizes), numbers(expected), rtol=1e-14)


def test_the_ggn_has_the_right_digits(exact):
    theta, X, _, _ = random_case(exact.sizes)
    assert_close(one_page.ggn(theta, X, exact.sizes), numbers(exact.ggn()), rtol=1e-14)


def test_the_covariance_has_the_right_digits(exact):
    theta, X, _, _ = random_case(exact.sizes)
    _, Sigma = one_page.posterior(theta, X, LAM, exact.sizes)
    assert_close(Sigma, numbers(exact.precision() ** -1), rtol=1e-13)


def test_the_probabilities_have_the_right_digits(exact):
    theta, X, _, X_new = random_case(exact.sizes)
    _, Sigma = one_page.posterior(theta, X, LAM, exact.sizes)
    plugin = [exact.probability(exact.theta, x) for x in exact.X_new]
    assert_close(one_page.plugin(theta, X_new, exact.sizes), numbers(plugin), rtol=1e-14)
    assert_close(one_page.probit(theta, Sigma, X_new, exact.sizes), numbers(exact.probit()), rtol=1e-14)


def test_the_log_evidence_has_the_right_digits(exact):
    theta, X, y, _ = random_case(exact.sizes)
    L, _ = one_page.posterior(theta, X, LAM, exact.sizes)
    assert_close(one_page.log_evidence(theta, L, X, y, LAM, exact.sizes), float(exact.log_evidence()), rtol=1e-14)


# What the words promise


class Columns:
    """A generator whose normal draws are e_1, e_2, ..., so that samples show what multiplies epsilon."""

    def __init__(self):
        self.drawn = 0

    def standard_normal(self, size):
        self.drawn += 1
        return np.eye(size)[self.drawn - 1]


def test_the_factor_is_the_lower_triangle_of_the_posterior_precision():
    theta, X, _, _ = random_case((2, 4, 1))
    L, _ = one_page.posterior(theta, X, LAM, (2, 4, 1))
    np.testing.assert_array_equal(L, np.tril(L))
    assert_close(L @ L.T, one_page.ggn(theta, X, (2, 4, 1)) + LAM * np.eye(len(theta)))


def test_a_sample_has_the_posteriors_covariance_exactly():
    theta, X, _, _ = random_case((2, 4, 1))
    L, Sigma = one_page.posterior(theta, X, LAM, (2, 4, 1))
    rng = Columns()
    deviations = np.array([one_page.sample(theta, L, rng) - theta for _ in theta])  # its rows are L^-T e_i
    assert_close(deviations.T @ deviations, Sigma)


def test_the_map_estimate_is_a_minimum_of_the_loss():
    sizes = (2, 6, 1)
    X, y = one_page.toy_data(40, np.random.default_rng(0))
    theta = one_page.map_estimate(X, y, 0.1, sizes, np.random.default_rng(1))
    assert np.abs(one_page.gradient(theta, X, y, 0.1, sizes)).max() <= 1e-6

    def gradient(points):
        return np.apply_along_axis(lambda t: one_page.gradient(t, X, y, 0.1, sizes), 0, points)

    hessian = differences(gradient, theta, initial_step=2.0**-10, tolerances={"atol": 1e-9}).df
    assert np.linalg.eigvalsh(hessian).min() > 1e-4  # of a flat direction, the differences leave 1e-10


def test_the_map_estimate_starts_where_the_generator_says():
    X, y = one_page.toy_data(40, np.random.default_rng(0))
    first, again, other = (
        one_page.map_estimate(X, y, 0.1, (2, 6, 1), np.random.default_rng(seed)) for seed in [1, 1, 2]
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@DEPTHS
def test_probit_is_nearly_the_average_over_the_logits_gaussian(sizes):
    theta, X, _, X_new = random_case(sizes)
    _, Sigma = one_page.posterior(theta, X, LAM, sizes)
    f, J = one_page.forward(theta, X_new, sizes)[1], one_page.jacobian(theta, X_new, sizes)
    s = np.sqrt(np.einsum("np,pq,nq->n", J, Sigma, J))
    average = [quad(lambda z, m=m, s=s: expit(m + s * z) * norm.pdf(z), -12, 12)[0] for m, s in zip(f, s, strict=True)]
    np.testing.assert_allclose(one_page.probit(theta, Sigma, X_new, sizes), average, rtol=0, atol=0.005)


# The library is what the page says


def model_of(sizes, lam=LAM):
    return BayesianModel(MLP(*sizes, activation="sigmoid"), Bernoulli(), prior_precision=lam)


@DEPTHS
def test_the_librarys_network_is_the_pages(sizes):
    theta, X, _, _ = random_case(sizes)
    network = model_of(sizes).network
    assert_close(network.forward(theta, X)[:, 0], one_page.forward(theta, X, sizes)[1])
    assert_close(network.jacobian(theta, X)[:, 0], one_page.jacobian(theta, X, sizes))
    for ours, theirs in zip(one_page.layers(theta, sizes), network.layers(theta), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


@DEPTHS
def test_the_librarys_loss_and_gradient_are_the_pages(sizes):
    theta, X, y, _ = random_case(sizes)
    model = model_of(sizes)
    assert_close(model.loss(theta, X, y), one_page.loss(theta, X, y, LAM, sizes))
    assert_close(model.gradient(theta, X, y), one_page.gradient(theta, X, y, LAM, sizes))


@DEPTHS
def test_the_librarys_ggn_is_the_pages(sizes):
    theta, X, y, _ = random_case(sizes)
    assert_close(ggn(model_of(sizes), theta, X, y), one_page.ggn(theta, X, sizes))


@DEPTHS
def test_the_librarys_posterior_predictions_and_evidence_are_the_pages(sizes):
    theta, X, y, X_new = random_case(sizes)
    assert_the_same_laplace(sizes, LAM, theta, X, y, X_new)


def test_on_the_four_squares_the_librarys_are_too():
    sizes, rng = (2, 32, 1), np.random.default_rng(0)
    X, y = one_page.toy_data(200, rng)
    theta = one_page.map_estimate(X, y, 0.1, sizes, rng)
    assert_the_same_laplace(sizes, 0.1, theta, X, y, 2 * X)


def assert_the_same_laplace(sizes, lam, theta, X, y, X_new):
    """Compare everything that comes after the mode, to what the posterior's condition leaves of rounding."""
    L, Sigma = one_page.posterior(theta, X, lam, sizes)
    la = Laplace(model_of(sizes, lam), theta).fit(X, y)
    assert_close(la.posterior.covariance(), Sigma, rtol=1e-11)
    assert_close(la.predict(X_new, "plugin"), one_page.plugin(theta, X_new, sizes))
    assert_close(la.predict(X_new, "probit"), one_page.probit(theta, Sigma, X_new, sizes), rtol=1e-11)
    assert_close(la.log_marginal_likelihood(), one_page.log_evidence(theta, L, X, y, lam, sizes), rtol=1e-11)


# The page as a page


def test_it_is_one_page():
    assert len(PAGE.read_text("utf-8").splitlines()) <= 130


def test_it_imports_nothing_of_the_library():
    nodes = list(ast.walk(ast.parse(PAGE.read_text("utf-8"))))
    names = ["." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert {name.split(".")[0] for name in names} == {"itertools", "numpy", "scipy", "matplotlib"}


def run(folder, *arguments):
    """Run Python in a folder, with the library within reach, and return what it prints."""
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the folder that the page ran in and what it printed there."""
    folder = tmp_path_factory.mktemp("page")
    return folder, run(folder, "-m", "minilaplace.one_page")


def test_importing_it_does_not_load_matplotlib(tmp_path):
    assert run(tmp_path, "-c", "import sys, minilaplace.one_page; print('matplotlib' in sys.modules)") == "False\n"


def test_it_draws_both_classes_over_probabilities_from_0_to_1(ran):
    folder, _ = ran
    assert [path.name for path in folder.iterdir()] == ["one_page.png"]
    pixels = (255 * matplotlib.image.imread(folder / "one_page.png")[:, :, :3]).round().astype(int).reshape(-1, 3)
    colours = {tuple(pixel) for pixel in pixels.tolist()}
    okabe_ito = {(0x56, 0xB4, 0xE9), (0xD5, 0x5E, 0x00)}
    assert okabe_ito <= colours
    viridis = matplotlib.colormaps["viridis"](np.linspace(0.025, 0.975, 20), bytes=True)[:, :3]
    nearest = [min(np.abs(np.array(colour) - band).max() for colour in colours) for band in viridis.astype(int)]
    assert max(nearest) <= 8  # each of the twenty bands is there, in the plot or in the bar


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Return the names that the page leaves when it has run: `figure`, `theta` and so on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("names"))
        return runpy.run_path(str(PAGE), run_name="__main__")


def test_an_inch_is_as_far_in_both_directions_and_the_data_is_all_in_view(names):
    for panel in names["figure"].axes[:2]:
        assert panel.get_aspect() == 1
        (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
        assert left <= -5 < 5 <= right
        assert bottom <= -5 < 5 <= top


def test_each_class_has_a_marker_and_a_colour_of_its_own(names):
    X, y = names["X"], names["y"]
    for panel in names["figure"].axes[:2]:
        zero, one = panel.lines
        np.testing.assert_array_equal(zero.get_xydata(), X[y == 0])
        np.testing.assert_array_equal(one.get_xydata(), X[y == 1])
        assert zero.get_marker() != one.get_marker()
        assert zero.get_color() != one.get_color()


@pytest.mark.parametrize("position", [0, 1], ids=["plugin", "laplace"])
def test_the_labelled_lines_run_where_the_probability_is_what_they_say(names, position):
    theta, Sigma, sizes = names["theta"], names["Sigma"], names["sizes"]
    panel = names["figure"].axes[position]
    assert panel.get_title() == ["Plugin", "Laplace"][position]
    (lines,) = [artist for artist in panel.collections if isinstance(artist, ContourSet) and not artist.filled]
    assert {text.get_text() for text in lines.labelTexts} == {"0.25", "0.50", "0.75"}
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        X = path.vertices
        p = one_page.probit(theta, Sigma, X, sizes) if position else one_page.plugin(theta, X, sizes)
        # A line is straight between two points of the grid, where the probability is not quite.
        assert np.abs(p - level).max() < 0.02


def test_copied_elsewhere_it_prints_the_same(ran, tmp_path):
    shutil.copy(PAGE, tmp_path)
    assert run(tmp_path, "-I", PAGE.name) == ran[1]  # -I: from this folder and PYTHONPATH nothing can be imported


def test_it_prints_the_log_evidence(ran):
    sizes, rng = (2, 32, 1), np.random.default_rng(0)
    X, y = one_page.toy_data(200, rng)
    theta = one_page.map_estimate(X, y, 0.1, sizes, rng)
    L, _ = one_page.posterior(theta, X, 0.1, sizes)
    (printed,) = re.findall(r"log evidence (-?\d+\.\d+)", ran[1])
    assert float(printed) == pytest.approx(one_page.log_evidence(theta, L, X, y, 0.1, sizes), abs=0.006)


def test_it_shows_what_figure_2_shows(ran):
    amid_1, amid_0, far = {}, {}, {}
    pattern = r"(\w+): p\(y = 1\) amid class 1 (\S+), amid class 0 (\S+), far away (\S+)"
    for name, *probabilities in re.findall(pattern, ran[1]):
        amid_1[name], amid_0[name], far[name] = map(float, probabilities)
    assert amid_1["Plugin"] > 0.99  # sure where the data is ...
    assert amid_0["Plugin"] < 0.01
    assert far["Plugin"] > 0.95  # ... and where there is none
    assert 0.85 < amid_1["Laplace"] < amid_1["Plugin"]
    assert amid_0["Plugin"] < amid_0["Laplace"] < 0.15
    assert 0.5 < far["Laplace"] < 0.75
