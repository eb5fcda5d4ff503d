"""The experiment runs, its table is whole, and README and tutorial say what the table says."""

import csv
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import brier_score_loss, log_loss

from minilaplace import Prediction

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tutorials"))
experiment = import_module("experiment")
judge = import_module("experiment_verdict")
methods_of = import_module("experiment_methods")
problems = import_module("experiment_problems")

ROWS = judge.read()
WORDS = ("dataset", "prior", "method", "seed")
COSTS = ("train_cost", "predict_cost")


def start_quick(out):
    command = [sys.executable, "-W", "error", ROOT / "tutorials" / "experiment.py", "--quick", "--out", out]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        command, **pipes, cwd=out.parent, preexec_fn=heed_interrupts if os.name == "posix" else None
    )


def heed_interrupts():
    """Undo what a shell does to a run in the background, whose processes ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Return the folder and output of a quick run."""
    folder = tmp_path_factory.mktemp("quick")
    process = start_quick(folder / "quick.csv")
    out, err = process.communicate()
    assert process.returncode == 0, err
    return folder, out, err


# --- runs


@pytest.mark.long
def test_quick_mode_runs_end_to_end(quick):
    folder, out, err = quick
    assert [path.name for path in folder.iterdir()] == ["quick.csv"]
    assert "2 of 2" in err
    assert out.count("\n") == len(judge.read(folder / "quick.csv"))


@pytest.mark.long
def test_the_table_is_what_the_code_computes(quick):
    # Wine's first split, but for HMC and the times; four digits are kept, and other BLAS round otherwise.
    new = {tuple(row[w] for w in WORDS): row for row in judge.read(quick[0] / "quick.csv") if row["dataset"] == "wine"}
    kept = [row for row in ROWS if row["dataset"] == "wine" and row["seed"] == 0 and row["method"] != "HMC"]
    assert len(kept) == len(new) == 13
    for row in kept:
        computed = new[tuple(row[w] for w in WORDS)]
        for name in row.keys() - {*WORDS, *COSTS, "distance", "distance_far"}:
            assert computed[name] == pytest.approx(row[name], rel=0.02, abs=0.01), (row["method"], name)


def test_an_interrupted_run_leaves_what_was_there(tmp_path):
    out = tmp_path / "table.csv"
    out.write_text("the last one")
    process = start_quick(out)
    assert "0 of 2: started" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode != 0
    assert err == "interrupted: nothing is written\n"
    assert out.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [out]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    def rows():
        yield {"dataset": "toy"}
        raise OSError("the disk is full")

    out = tmp_path / "table.csv"
    out.write_text("the last one")
    with pytest.raises(OSError, match="full"):
        experiment.write(rows(), out)
    assert out.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_is_not_there_is_refused_before_any_work(tmp_path, capsys):
    with pytest.raises(SystemExit):
        experiment.main(["--quick", "--out", str(tmp_path / "nowhere" / "table.csv")])
    assert "expected a file in a folder that exists" in capsys.readouterr().err


# --- the table


def test_the_table_has_every_data_set_split_prior_and_method_in_order():
    expected = [
        (name, prior, method, seed)
        for name in problems.PROBLEMS
        for seed in range(5)
        for prior, methods in methods_of.METHODS.items()
        for method in methods
        if method != "HMC" or name in experiment.DRAWS
    ]
    assert [tuple(row[w] for w in WORDS) for row in ROWS] == expected


def test_every_row_has_its_numbers():
    classes = {"nll", "accuracy", "brier", "ece", "auroc_far_probability"}
    regression = {"nll", "rmse", "crps", "coverage_error"}
    images = {
        f"{m}_{w}_{s}" for m in ("auroc", "fpr95") for w in ("left_out", "noisy", "rotated") for s in ("entropy",)
    }
    for row in ROWS:
        needed = {"prior_precision", *COSTS, "auroc_far_entropy", "fpr95_far_information"}
        needed |= regression if row["dataset"] == "diabetes" else classes
        needed |= images | {"nll_noisy", "ece_noisy"} if row["dataset"] == "digits" else set()
        if row["method"] == "HMC" and row["r_hat"] >= 1.01:
            assert "nll" not in row
        else:
            assert needed <= row.keys()
            assert np.isfinite([row[name] for name in needed]).all()


def test_hmc_is_the_truth_only_where_its_chains_agree():
    for row in ROWS:
        if row["dataset"] in experiment.DRAWS and row["prior"] == "fixed":
            chains = next(
                r for r in ROWS if r["method"] == "HMC" and all(r[w] == row[w] for w in ("dataset", "prior", "seed"))
            )
            assert ("distance" in row) == (row["method"] != "HMC" and chains["r_hat"] < 1.01)
        else:
            assert "distance" not in row


def test_the_table_is_small():
    assert judge.CSV.stat().st_size < 100_000
    with judge.CSV.open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == experiment.COLUMNS


# --- what it says


def test_readme_says_what_the_table_says():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(judge.verdict(ROWS)) == 3
    for line in judge.verdict(ROWS):
        assert line in readme


@pytest.mark.parametrize("metric", ["nll", "auroc_far_entropy"])
@pytest.mark.parametrize("dataset", list(problems.PROBLEMS))
def test_better_and_worse_are_students_t_test_of_pairs(dataset, metric):
    a, b = (np.array(list(judge.values(ROWS, metric, dataset, m).values())) for m in ("Laplace full", "MAP"))
    sign = 1 if metric.startswith("auroc") else -1
    expected = "par" if ttest_rel(a, b).pvalue >= 0.05 else "better" if sign * (a - b).mean() > 0 else "worse"
    assert judge.outcome(judge.gain(ROWS, metric, dataset, "Laplace full", "MAP")) == expected


def test_a_tally_counts_every_comparison_once_and_turns_around():
    for metrics, n in [(judge.QUALITY, 18), (judge.DETECTION, 16)]:
        one, other = (judge.tally(ROWS, metrics, *pair) for pair in [("Laplace full", "MAP"), ("MAP", "Laplace full")])
        assert sum(one) == n
        assert one == other[::-1]


def test_equals_are_on_a_par():
    assert judge.outcome(judge.Estimate(0.0, 0.0, 5)) == "par"
    assert judge.outcome(judge.Estimate(1e-9, 0.0, 5)) == "better"
    assert judge.outcome(judge.Estimate(-2.0, 1.0, 5)) == "par"
    assert judge.outcome(judge.Estimate(-3.0, 1.0, 5)) == "worse"


# --- how it measures


def test_class_predictions_are_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    p, y = rng.uniform(0.01, 0.99, 50), rng.integers(0, 2, 50)
    found = experiment.quality(p, y)
    assert found["nll"] == pytest.approx(log_loss(y, p), rel=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p), rel=1e-12)
    assert found["accuracy"] == np.mean((p > 0.5) == y)


def test_regressions_are_scored_by_their_errors_and_quantiles():
    y = np.random.default_rng(0).normal(size=(2000, 1))
    right = experiment.quality(Prediction(np.zeros_like(y), np.ones_like(y)), y)
    wide = experiment.quality(Prediction(np.zeros_like(y), 9 * np.ones_like(y)), y)
    assert right["rmse"] == pytest.approx(np.sqrt(np.mean(y**2)), rel=1e-12)
    assert right["coverage_error"] < 0.02 < 0.1 < wide["coverage_error"]  # 1 / sqrt(2000) = 0.022
    assert right["crps"] < wide["crps"]


def test_total_variation_is_the_largest_difference_of_any_event():
    p, q = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.4, 0.4]])
    events = [np.array(event) for event in np.ndindex(2, 2, 2)]
    assert experiment.total_variation(p, q) == pytest.approx(max((p - q)[0] @ event for event in events))
    assert experiment.total_variation(np.array([0.9]), np.array([0.6])) == pytest.approx(0.3)


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_data_is_standardised_by_the_training_part_and_split_by_the_seed(name):
    first, again, other = problems.PROBLEMS[name](0), problems.PROBLEMS[name](0), problems.PROBLEMS[name](1)
    for a, b in [
        (first.X, again.X),
        (first.X_test, again.X_test),
        *zip(first.outside.values(), again.outside.values(), strict=True),
    ]:
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.X, other.X)
    if name not in ("toy", "digits"):
        np.testing.assert_allclose(first.X.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(first.X.std(axis=0), 1, rtol=1e-12)
    if name == "digits":
        assert (first.X.mean(), first.X.std()) == pytest.approx((0, 1), abs=1e-12)
        assert set(first.y) == set(first.y_test) == set(range(8))
        assert len(first.outside["left_out"]) == 354  # scikit-learn's 8s and 9s


def test_methods_share_model_and_prior_and_laplace_alone_tunes_its_own():
    wine = [row for row in ROWS if row["dataset"] == "wine" and row["seed"] == 0]
    fixed = {row["method"]: row["prior_precision"] for row in wine if row["prior"] == "fixed"}
    chosen = {row["prior_precision"] for row in wine if row["prior"] == "evidence"}
    assert {method for method, prior in fixed.items() if prior != 1} == {m for m in fixed if m.startswith("Laplace")}
    assert len(chosen) == 1


def test_a_mixture_of_copies_disagrees_as_one_of_them_does():
    for problem in (problems.wine(0), problems.diabetes(0)):
        one = methods_of.laplace(problem.model, problem.model.network.init(0), problem.X, problem.y, 0, tune=False)
        X = problem.X_test
        two = methods_of.Mixture([one, one])
        alone, both = (predictor.disagreement(X) for predictor in (one, two))
        np.testing.assert_array_equal(np.array(two.predict(X)), np.array(one.predict(X)))
        if len(set(problem.y)) > 3:  # a regression, in closed form
            np.testing.assert_allclose(both, alone, rtol=1e-9)
        else:  # 100 draws
            assert both.shape == alone.shape
            assert np.abs(both - alone).mean() < 0.1 * alone.mean()


def test_a_mixture_is_of_the_ensembles_members():
    problem = problems.wine(0)
    model, X, y = problem.model, problem.X, problem.y
    members = methods_of.ensemble(model, None, X, y, 0).thetas
    components = methods_of.several(model, None, X, y, 0, tune=False).laplaces
    np.testing.assert_array_equal([la.theta for la in components], members)


def test_a_plugin_does_not_disagree_with_itself():
    problem = problems.wine(0)
    theta = problem.model.network.init(np.random.default_rng(0))
    one = methods_of.one_theta(problem.model, theta, problem.X, problem.y, 0)
    two = methods_of.Draws(problem.model, np.stack([theta, 2 * theta]))
    np.testing.assert_allclose(one.disagreement(problem.X), 0, atol=1e-12)
    assert two.disagreement(problem.X).max() > 0.001
