"""Every tutorial runs from top to bottom, without a warning, and what it tells is what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[1] / "tutorials").glob("*.py"))


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Return what a tutorial prints, running it once."""
    outputs = {}

    def run(path):
        if path not in outputs:
            outputs[path] = subprocess.run(
                [sys.executable, "-W", "error", path],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path_factory.mktemp("tutorial"),
                env=os.environ | {"MPLBACKEND": "Agg"},
            )
        return outputs[path]

    return run


def test_there_are_tutorials():
    assert len(TUTORIALS) >= 1


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_leaves_nothing_behind(path, printed):
    run = printed(path)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_starts_with_its_aim_and_ends_with_summary_and_exercises(path):
    text = path.read_text(encoding="utf-8")
    cells = re.split(r"^# %%.*\n", text, flags=re.MULTILINE)
    assert cells[1].startswith(f"# # {int(path.name[:2])}. ")
    assert "you can" in cells[1]
    assert "Passage of the post" in cells[1]
    assert re.search(r"^# ## Summary$", cells[-1], flags=re.MULTILINE)
    assert len(re.findall(r"^# \d\. ", cells[-1].split("## Exercises")[1], flags=re.MULTILINE)) in {3, 4, 5}


def test_the_post_in_one_sitting_tells_what_it_shows(printed):
    out = printed(TUTORIALS[0]).stdout

    def numbers(line):
        (rest,) = re.findall(rf"^\s*{line}(.*)$", out, flags=re.MULTILINE)
        return [float(number) for number in re.findall(r"\d+\.?\d*(?:e-?\d+)?", rest)]

    # The listing's two priors differ; Adam's end is no mode and fit_map's is.
    assert numbers("prior precision in the listing's training:") == [25.0]
    assert numbers("prior precision in its Laplace step:") == [0.5]
    assert numbers("largest gradient entry, Adam's end:")[0] > 1e4 * numbers("largest gradient entry, fit_map's:")[0]
    # Amid its squares the GGN is sure, the empirical Fisher less; far away the plugin is surer than Laplace.
    for ggn, fisher in zip(numbers("GGN, whole network"), numbers("empirical Fisher, same mode"), strict=True):
        assert abs(ggn - 0.5) > 0.4 > abs(fisher - 0.5)
    far = {link: numbers(f"mean confidence 50 units away, {link}:")[0] for link in ("plugin", "probit")}
    assert far["plugin"] > far["probit"] + 0.1
    # On real data the first prior makes Laplace too modest, and the evidence's does not.
    nll = {
        (prior, name): numbers(rf"{prior}, {name} *:")[1]
        for prior in ("prior 0.1", "tuned prior")
        for name in ("plugin", "Laplace")
    }
    assert nll["prior 0.1", "plugin"] < nll["prior 0.1", "Laplace"]
    assert nll["tuned prior", "Laplace"] < 0.7 * nll["prior 0.1", "Laplace"]
    assert abs(nll["tuned prior", "Laplace"] - nll["tuned prior", "plugin"]) < 0.02
