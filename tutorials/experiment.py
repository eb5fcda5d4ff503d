"""Is Laplace on a par with its rivals, and cheaper? The experiment behind tutorial 11.

    python tutorials/experiment.py            five data sets, five seeds, into tutorials/experiment.csv
    python tutorials/experiment.py --quick    one seed of two of them, in less than a minute

Each data set of `experiment_problems.py`, split by each seed, meets each method of `experiment_methods.py`, under two
priors: the `fixed` one, and the one that the `evidence` chooses from the training data, by `marglik_training`. All
methods receive the same model, and so the same prior. Under the fixed one Laplace alone goes on to tune its prior, by
the evidence at theta, as it can for a network that is trained already. Nothing is tuned on test data.

- `train_cost`, and `predict_cost` of the test set, are CPU times in units of one MAP training under the fixed prior.
  They count all that a method needs, and they alone change from run to run.
- `r_hat` is the largest one of HMC's predictions, inside and far outside of the data. Where it is 1.01 or more HMC is
  not the truth, and the rest of its row is empty. Where it is less, `distance` and `distance_far` are the mean total
  variation between a method's class probabilities and HMC's under the same prior.
- `auroc_...` and `fpr95_...` tell inputs outside from test data, by the predicted `probability`, its `entropy`, or the
  mutual `information` of label and parameters; for a regression these two are variances.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU times are compared

import numpy as np
from experiment_methods import FROM_SCRATCH, METHODS, Draws
from experiment_problems import PROBLEMS, Array, Problem

from minilaplace import Prediction, fit_map, marglik_training
from minilaplace import calibration as scores

Row = dict[str, Any]
SEEDS = (0, 1, 2, 3, 4)
DRAWS = {"toy": 1600, "wine": 800}  # of each chain, where HMC is run: elsewhere it takes too long
FULL = [(name, seed, DRAWS) for name in PROBLEMS for seed in SEEDS]
QUICK = [("toy", 0, {"toy": 40}), ("wine", 0, {})]
CSV = Path(__file__).with_name("experiment.csv")
COLUMNS = [
    *("dataset", "seed", "prior", "method", "prior_precision", "train_cost", "predict_cost"),
    *("r_hat", "distance", "distance_far", "nll", "accuracy", "brier", "ece", "rmse", "crps", "coverage_error"),
    *("nll_noisy", "accuracy_noisy", "brier_noisy", "ece_noisy"),
    *(
        f"{metric}_{where}_{score}"
        for metric in ("auroc", "fpr95")
        for where in ("far", "left_out", "noisy", "rotated")
        for score in ("probability", "entropy", "information")
    ),
]


def two_columns(p: Array) -> Array:
    """Return the probabilities of every class, (N, C), for one logit as for many."""
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def quality(prediction: Any, y: Array) -> dict[str, float]:
    """Return how good predictions are, and whether they are right as often as they say."""
    if isinstance(prediction, Prediction):
        levels = np.linspace(0.05, 0.95, 19)
        return {
            "nll": scores.gaussian_nll(*prediction, y),
            "rmse": float(np.sqrt(np.square(prediction.mean[:, 0] - y).mean())),
            "crps": scores.crps(*prediction, y),
            "coverage_error": float(np.abs(scores.quantile_coverage(*prediction, y, levels) - levels).mean()),
        }
    p = two_columns(prediction)
    return {
        "nll": scores.negative_log_likelihood(p, y),
        "accuracy": scores.accuracy(p, y),
        "brier": scores.brier_score(p, y),
        "ece": scores.expected_calibration_error(p, y),
    }


def suspicion(predictor: Any, X: Array) -> dict[str, Array]:
    """Return scores, (N,) each, that should be larger outside of the data; a regression's entropy is its variance."""
    prediction, information = predictor.predict(X), predictor.disagreement(X)
    if isinstance(prediction, Prediction):
        return {"entropy": prediction.variance[:, 0], "information": information}
    p = two_columns(prediction)
    return {
        "probability": scores.max_probability_score(p),
        "entropy": scores.entropy_score(p),
        "information": information,
    }


def all_scores(problem: Problem, predictor: Any, truth: Draws | None) -> dict[str, float]:
    """Return every metric of a predictor."""
    p = predictor.predict(problem.X_test)
    found = quality(p, problem.y_test)
    if problem.noisy is not None:
        noisy = quality(predictor.predict(problem.noisy), problem.y_test)
        found |= {f"{name}_noisy": value for name, value in noisy.items()}
    inside = suspicion(predictor, problem.X_test)
    for where, X in problem.outside.items():
        for score, values in suspicion(predictor, X).items():
            found[f"auroc_{where}_{score}"] = scores.auroc(inside[score], values)
            found[f"fpr95_{where}_{score}"] = scores.fpr_at_recall(inside[score], values)
    if truth is not None and truth is not predictor and not isinstance(p, Prediction):
        for column, X in [("distance", problem.X_test), ("distance_far", problem.outside["far"])]:
            found[column] = total_variation(predictor.predict(X), truth.predict(X))
    return found


def total_variation(p: Array, q: Array) -> float:
    """Return the mean total variation between class probabilities, 1/2 sum_c |p_nc - q_nc|."""
    return float(0.5 * np.abs(two_columns(p) - two_columns(q)).sum(axis=1).mean())


def run(name: str, seed: int, draws: dict[str, int] = DRAWS) -> list[Row]:
    """Return a row for each method, on one split of one data set."""
    problem, rows = PROBLEMS[name](seed), []
    X, y, model = problem.X, problem.y, problem.model
    theta, unit = timed(fit_map, model, X, y, rng=seed)
    for prior, methods in METHODS.items():
        spent = 0.0
        if prior == "evidence":
            (model, theta), spent = timed(marglik_training, model, X, y, theta0=theta)
        truth = None
        for method, make in methods.items():
            if method == "HMC":
                if name not in draws:
                    continue
                make = partial(make, n_samples=draws[name])
            predictor, seconds = timed(make, model, theta, X, y, seed)
            trained = 0.0 if prior == "fixed" and method in FROM_SCRATCH else unit
            row = {"dataset": name, "seed": seed, "prior": prior, "method": method}
            row["prior_precision"] = float(np.ravel(predictor.model.prior_precision)[-1])
            row["train_cost"] = (trained + spent + seconds) / unit
            row["predict_cost"] = timed(predictor.predict, problem.X_test)[1] / unit
            if method == "HMC":
                row["r_hat"] = predictor.r_hat(np.concatenate([problem.X_test, problem.outside["far"]]))
                truth = predictor if row["r_hat"] < 1.01 else None
            if method != "HMC" or truth is not None:
                row |= all_scores(problem, predictor, truth)
            rows.append(row)
    return rows


def timed(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    """Return what a function returns, and the seconds of CPU that it took."""
    start = time.process_time()
    value = function(*arguments, **options)
    return value, time.process_time() - start


def run_all(jobs: Sequence[tuple[str, int, Any]]) -> list[Row]:
    """Run the jobs, two at a time, and return their rows in the order of the jobs."""
    rows, start = [], time.perf_counter()
    with Pool(2, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        show_progress(0, len(jobs), "started")
        for done, part in enumerate(pool.imap(partial(apply, run), jobs), start=1):
            rows += part
            seconds = time.perf_counter() - start
            show_progress(done, len(jobs), f"{part[0]['dataset']}, seed {part[0]['seed']}, {seconds:.0f} s")
    return rows


def show_progress(done: int, total: int, what: str) -> None:
    """Show how many jobs are done, on one line of a terminal."""
    live = sys.stderr.isatty()
    line = f"[{'#' * (20 * done // total):<20}] {done} of {total}: {what}"
    print(f"\r{line:<79}" if live else line, end="" if live and done < total else "\n", file=sys.stderr, flush=True)


def apply(function: Callable[..., Any], arguments: Iterable[Any]) -> Any:
    """Return function(*arguments)."""
    return function(*arguments)


def write(rows: Iterable[Row], path: Path) -> None:
    """Write the table; what is at `path` is replaced as a whole, or stays as it is."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            for row in rows:
                table.writerow({name: f"{x:.4g}" if isinstance(x, float) else x for name, x in row.items()})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed of two data sets, in less than a minute")
    parser.add_argument("--out", type=Path, help="file to write (default: experiment.csv here, or none if --quick)")
    options = parser.parse_args(arguments)
    jobs = QUICK if options.quick else FULL
    out = options.out or (None if options.quick else CSV)
    if out is not None and not out.parent.is_dir():
        parser.error(f"argument --out: expected a file in a folder that exists, received {out}")
    try:
        rows = run_all(jobs)
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing is written")
    if out is not None:
        write(rows, out)
    for row in rows:
        told = f"nll {row['nll']:.3f}" if "nll" in row else f"not converged, R-hat {row['r_hat']:.2f}"
        print(f"{row['dataset']:10}{row['seed']:<4}{row['prior']:10}{row['method']:20}{told}")


if __name__ == "__main__":
    main()
