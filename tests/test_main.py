"""The main job: the post's figures, as published and as they should be."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread

from minilaplace import Laplace, __main__, figures
from minilaplace.__main__ import main
from minilaplace.explorer import Explorer, Window
from minilaplace.figures import FIGURES, SQUARE_CENTRES, listing_1, listing_2
from minilaplace.plotting.contour import class_probabilities, plane

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "figures" / "readme"  # the pictures that the README shows
CORNERS = np.array([[5.0, 5.0], [-5.0, 5.0], [-5.0, -5.0], [5.0, -5.0]])  # counter-clockwise from upper right


@pytest.fixture(scope="module")
def mlp_as_it_should_be():
    listing = listing_2(seed=0)
    return listing, listing.as_it_should_be(0)[0]


def test_figure_1_as_published_has_the_published_probabilities():
    la, trained = listing_1(seed=0).as_published(0)
    upper_right, upper_left, lower_left, lower_right = la.predict(CORNERS)
    assert upper_right == pytest.approx(0.91, abs=0.02)
    assert lower_left == pytest.approx(0.08, abs=0.02)
    assert 0.45 < upper_left < 0.53
    assert 0.45 < lower_right < 0.53
    assert (trained.prior_precision, la.model.prior_precision) == (25, 0.5)


def test_a_listing_shows_its_settings_and_not_its_data():
    expected = "Listing(network=MLP(2, 1), lam=0.5, epochs=50, prior_precision=0.5, tuned=False)"
    assert repr(listing_1(seed=0)).replace(", activation='tanh'", "") == expected


def test_figure_2_as_published_is_unsure_on_its_data():
    la, _ = listing_2(seed=0).as_published(0)
    upper_right, upper_left, lower_left, lower_right = la.predict(SQUARE_CENTRES)
    assert 0.79 < min(upper_right, lower_left) < max(upper_right, lower_left) < 0.91
    assert 0.13 < min(upper_left, lower_right) < max(upper_left, lower_right) < 0.22
    plugin = la.predict(SQUARE_CENTRES, "plugin")
    np.testing.assert_allclose(plugin, [1, 0, 1, 0], atol=0.01)


def test_figure_2_as_it_should_be_is_sure_on_its_data(mlp_as_it_should_be):
    _, la = mlp_as_it_should_be
    p = la.predict(SQUARE_CENTRES)
    assert np.all(p[[0, 2]] > 0.85)
    assert np.all(p[[1, 3]] < 0.1)


def test_figure_2_as_it_should_be_has_the_prior_that_the_evidence_prefers_at_its_mode(mlp_as_it_should_be):
    _, la = mlp_as_it_should_be
    assert la.model.prior_precision == pytest.approx(0.072, abs=0.002)
    here = la.log_marginal_likelihood()
    for factor in (0.95, 1.05):  # the curvature is that of this theta, so this is a maximum in the prior alone
        assert la.log_marginal_likelihood(prior_precision=factor * la.model.prior_precision) < here


def test_the_empirical_fisher_at_the_same_mode_is_nearer_even_odds(mlp_as_it_should_be):
    listing, la = mlp_as_it_should_be
    fisher = Laplace(la.model, la.theta, curvature="empirical_fisher").fit(listing.X, listing.y)
    distance = np.abs(la.predict(SQUARE_CENTRES) - 0.5) - np.abs(fisher.predict(SQUARE_CENTRES) - 0.5)
    assert np.all(distance > 0.1)


def test_fifty_units_away_laplace_is_less_sure_than_the_plugin_nearly_everywhere(mlp_as_it_should_be):
    _, la = mlp_as_it_should_be
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    circle = 50 * np.column_stack([np.cos(angle), np.sin(angle)])
    gap = (class_probabilities(la, circle, "plugin") - class_probabilities(la, circle)).max(axis=1)
    assert np.mean(gap > 0.01) > 0.95
    assert gap.mean() > 0.15


def test_the_main_job_writes_the_same_bytes_twice_and_prints_its_table(tmp_path, capsys):
    written = []
    for run in ["first", "second"]:
        main(["--figure", "1", "--out", str(tmp_path / run)])
        written.append({path.name: path.read_bytes() for path in (tmp_path / run).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"figure_1.png", "figure_1_as_published.png"}
    out, err = capsys.readouterr()
    for words in ["prior precision in", "loss", "seconds", "Confidence on the data", "corners", "P(y = 1) by Laplace"]:
        assert words in out
    assert "Figure 1 as it should be: wrote" in err
    for name in written[0]:  # another FreeType changes letters; variants differ by 0.03
        assert np.abs(imread(tmp_path / "first" / name) - imread(KEPT / name)).mean() < 0.01, (
            "draw figures/readme again"
        )


def test_the_tables_of_all_figures_fit_a_terminal_of_80_columns(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "write_figure", lambda *_, **__: None)
    main(["--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for number, variant in [(n, variant) for n in (1, 2, 3) for variant in ("as published", "as it should be")]:
        assert sum(line.startswith(f"Figure {number} {variant} ") for line in lines) == 3
    (square,) = [line for line in lines if line.startswith("Figure 2 as it should be") and line.count(".") == 8]
    assert [float(p) for p in square.split()[-8:-4]] == pytest.approx([0.88, 0.06, 0.95, 0.08], abs=0.01)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_the_main_job_writes_by_default_is_not_tracked_and_what_the_readme_shows_is(tmp_path, monkeypatch, capsys):
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    shutil.copy(ROOT / ".gitignore", tmp_path)
    shutil.copytree(KEPT, tmp_path / "figures" / "readme")
    git("init", "--quiet")
    git("add", ".")
    before = git("status", "--porcelain")
    assert before.count("figures/readme/figure_") == 6
    monkeypatch.chdir(tmp_path)
    main(["--figure", "1"])
    assert (tmp_path / "figures" / "figure_1.png").exists()
    assert git("status", "--porcelain") == before


def test_another_seed_makes_another_picture(tmp_path, capsys):
    for seed in ["0", "1"]:
        main(["--figure", "1", "--out", str(tmp_path / seed), "--seed", seed])
    first, second = ((tmp_path / seed / "figure_1.png").read_bytes() for seed in ["0", "1"])
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figure", "4"], "invalid choice: '?4"),
        (["--seed", "-1"], "--seed: expected a whole number of at least 0, received -1"),
        (["--out", __file__], "--out: expected a folder, received the file"),
        (["explore", "--seed", "-1"], "--seed: expected a whole number of at least 0, received -1"),
        (["explore", "--hidden", "-1"], "argument --hidden: expected a whole number of at least 0, received -1"),
        (["explore", "--prior", "0"], "argument --prior: expected a finite number greater than 0"),
        (["explore", "--samples", "1"], "argument --samples: expected a whole number of at least 4, received 1"),
        (["explore", "--samples", "3"], "argument --samples: expected a whole number of at least 4, received 3"),
        (
            ["explore", "--samples", "1", "--data", "linear"],
            "argument --samples: expected a whole number of at least 2",
        ),
        (["explore", "--data", "moons"], "invalid choice: '?moons"),
        (["explore", "--data", "sine"], "argument --data sine: expected --html PATH beside it"),
        (["explore", "--structures", "kron"], "argument --structures: expected --html PATH beside it"),
        (["explore", "--html", "page.html", "--structures", "gp"], "invalid choice: '?gp"),
        (["explore", "--html", "."], "argument --html: expected a file in a folder that exists, received ."),
        (["explore", "--html", "no/page.html"], "argument --html: expected a file in a folder that exists"),
        (["explore", "--html", "page.html", "--hidden", "-1"], "argument --hidden: expected a whole number"),
        (["explore", "--html", "page.html", "--data", "sine", "--prior", "0"], "argument --prior: expected a finite"),
        (["explain"], "invalid choice: '?explain"),
    ],
)
def test_a_bad_argument_is_refused_before_any_work(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(arguments)
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_the_explorer_opens_on_what_was_asked_for_and_waits(monkeypatch):
    calls = []
    monkeypatch.setattr(__main__, "explore", calls.append)
    monkeypatch.setattr(__main__.plt, "show", lambda: calls.append("shown"))
    main(["explore", "--data", "linear", "--samples", "10", "--hidden", "0", "--prior", "0.5", "--seed", "3"])
    explorer, shown = calls
    assert shown == "shown"
    assert (explorer.settings.n_hidden, explorer.settings.prior_precision, explorer.seed) == (0, 0.5, 3)
    np.testing.assert_array_equal(explorer.X, __main__.toy_data_linear(10, rng=3)[0])
    main(["--seed", "4", "explore"])
    assert calls[2].seed == 4


@pytest.mark.parametrize(("data", "links"), [("linear", "probit"), ("sine", "exact")])
def test_the_explorer_writes_a_page_of_what_was_asked_for_and_opens_no_window(data, links, tmp_path, capsys):
    path = tmp_path / "page.html"
    path.write_text("an older file")
    asked = ["--samples", "20", "--hidden", "2", "--prior", "0.5", "--structures", "diag", "kron"]
    main(["explore", "--html", str(path), "--data", data, *asked])
    assert capsys.readouterr().out == f"{path}: a page of {path.stat().st_size // 1000} kB, to open in a browser\n"
    page = path.read_text(encoding="utf-8")
    assert "20 samples, " in page
    assert f'"options": ["{links}", "plugin"' in page
    assert '"options": ["diag", "kron"]' in page
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_page_that_would_be_too_large_names_what_makes_it_smaller(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["explore", "--html", str(tmp_path / "page.html"), "--samples", "4", "--hidden", "64"])
    assert re.search(r"argument --structures: expected some whose page .* 'kron'", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_page_that_is_interrupted_is_not_written(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Explorer, "train", interrupted)
    with pytest.raises(SystemExit) as end:
        main(["explore", "--html", str(tmp_path / "page.html")])
    assert (end.value.code, list(tmp_path.iterdir())) == (130, [])
    assert "no page is written" in capsys.readouterr().err


def test_the_explorer_opens_on_figure_2_and_its_slider_reaches_figure_3():
    X, y = __main__.toy_data_non_linear(200, rng=0)
    window = Window(Explorer(X, y, n_hidden=0), plt.figure())
    view = window.sliders["view"]
    (x1, x2), _ = plane(X, FIGURES[2][1], n_grid=2)
    assert window.panel.half == pytest.approx(max(map(abs, (*x1, *x2))), rel=0.1)
    (x1, x2), _ = plane(X, FIGURES[3][1], n_grid=2)
    assert 10**view.valmax > max(map(abs, (*x1, *x2)))
    plt.close("all")


BACKEND = """
import time
from matplotlib.backend_bases import FigureManagerBase, _Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg


class Manager(FigureManagerBase):
    def show(self):
        pass

    @classmethod
    def pyplot_show(cls, *, block=None):
        print("shown", flush=True)
        try:
            time.sleep(60)
        except KeyboardInterrupt:  # as toolkits do that report errors of their callbacks
            import traceback

            traceback.print_exc()


class FigureCanvas(FigureCanvasAgg):
    manager_class = Manager
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process alone")
def test_ctrl_c_ends_the_explorer_quietly(tmp_path):
    (tmp_path / "sleepy.py").write_text(BACKEND)
    command = [sys.executable, "-m", "minilaplace", "explore", "--hidden", "0", "--samples", "20"]
    process = subprocess.Popen(
        command, env=environment(tmp_path) | {"MPLBACKEND": "module://sleepy"}, cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "shown\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "")


def environment(*folders, **chosen):
    """Return the environment without a number of BLAS threads but the chosen one, and with the package on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    path = os.pathsep.join([str(Path(__main__.__file__).parents[1]), *map(str, folders)])
    return kept | {"PYTHONPATH": path} | chosen


@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one thread in any case")
@pytest.mark.parametrize(
    ("arguments", "chosen", "threads"),
    [
        (["-m", "minilaplace", "--version"], {}, {1}),
        (["-m", "minilaplace", "--version"], {"OPENBLAS_NUM_THREADS": "2"}, {2}),
        (["-c", "import minilaplace"], {}, {os.cpu_count()}),
        (["-c", "import conftest, minilaplace"], {}, {1}),
        (["-c", "import conftest, minilaplace"], {"OMP_NUM_THREADS": "2"}, {2}),
    ],
)
def test_the_command_line_and_the_tests_take_one_blas_thread_where_none_is_chosen(arguments, chosen, threads):
    ask = "import threadpoolctl; print(sorted(pool['num_threads'] for pool in threadpoolctl.threadpool_info()))"
    run = subprocess.run(
        [sys.executable, "-i", *arguments],
        input=ask,
        env=environment(Path(__file__).parent, **chosen),
        capture_output=True,
        text=True,
    )  # in interactive mode, which asks after the command has ended
    assert set(json.loads(run.stdout.splitlines()[-1])) == threads


def test_without_a_screen_the_explorer_says_so_and_fails(capsys):
    with pytest.raises(SystemExit) as end:
        main(["explore", "--hidden", "0"])
    assert end.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("minilaplace: matplotlib cannot open a window here: ")
    assert "Traceback" not in err


def test_the_help_says_what_it_is_for_and_what_to_try(capsys):
    for arguments, words in [(["--help"], ["a Gaussian around its parameters", "minilaplace explore"]), (
        ["explore", "--help"], ["Things to try", "prior precision down", "Open Figure 2"],
    )]:  # fmt: skip
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert all(word in out for word in words)
