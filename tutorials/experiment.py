"""Is Laplace on a par with its rivals, and cheaper? The experiment behind tutorial 12.

    python tutorials/experiment.py            seventeen data sets, six splits each, half an hour on two cores
    python tutorials/experiment.py --quick    one split of two of them, in less than a minute

Each data set of `experiment_problems.py`, split by each seed, meets each method of `experiment_methods.py`. Nothing is
tuned on test data. The table is `experiment.csv`. A run that is interrupted, and started again, goes on where it
stopped: until it is done, the rows of the splits that are done are in `experiment.csv.part`.

- `seconds` of CPU and `gradients` are what a method needs from the data to its predictor, all training included. A
  gradient is one evaluation of the loss and its gradient on all data to learn from; a Laplace fit counts one for each
  output. Seconds alone change from run to run.
- `r_hat` is the largest one of HMC's predictions, inside and far outside of the data. Where it is 1.01 or more HMC is
  not the truth, and the rest of its row is empty. Where it is less, `distance` and `distance_far` are the mean total
  variation between class probabilities and HMC's, of the methods that have the very prior of HMC.
- `error` is the share of wrong labels, or the root mean square error; `score` that of Brier, or the CRPS; `calibration`
  the expected calibration error, or the mean distance between predicted and observed quantiles.
- `sure_far` is the mean probability of the most probable class, ten standard deviations away. `far_...` and
  `left_out_...` are AUROCs: they tell those inputs, or digits of classes that are not learnt, from test data, by
  predictive `entropy` (a regression's variance), largest `probability` (for more than two classes, as two are ordered
  alike by both), or mutual `information` of label and parameters.
- The prior `dial` stands for the curve of the full Gaussian around the MAP estimate over prior precisions.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU times are compared

import numpy as np
from experiment_methods import DIAL, METHODS, OF_CLASSES, walk
from experiment_problems import CLASSES, PROBLEMS, Array, Problem, problem
from experiment_workshop import Cost, Draws, OneGaussian, Workshop
from sklearn.exceptions import ConvergenceWarning as OfScikitLearn

from minilaplace import ConvergenceWarning, Prediction
from minilaplace import calibration as scores

Row = dict[str, Any]
Job = tuple[str, int, int]  # data set, seed, draws of each chain of HMC, 0 where it takes too long
SEEDS = (0, 1, 2, 3, 4, 5)
DRAWS = {"toy": 1600, "moons": 1600, "ripley": 1600, "iris": 800, "wine": 800, "biopsy": 800}
FULL = [(name, seed, DRAWS.get(name, 0)) for name in PROBLEMS for seed in SEEDS]
QUICK = [("iris", 0, 40), ("gap", 0, 0)]
CSV = Path(__file__).with_name("experiment.csv")
DIALLED = {"nll", "sure_far", "far_entropy", "far_information"}
COLUMNS = [
    *("dataset", "split", "method", "prior", "precision", "seconds", "gradients", "r_hat", "distance", "distance_far"),
    *("nll", "error", "score", "calibration", "sure_far"),
    *(f"{where}_{by}" for where in ("far", "left_out") for by in ("entropy", "probability", "information")),
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
            "error": float(np.sqrt(np.square(prediction.mean[:, 0] - np.ravel(y)).mean())),
            "score": scores.crps(*prediction, y),
            "calibration": float(np.abs(scores.quantile_coverage(*prediction, y, levels) - levels).mean()),
        }
    p = two_columns(prediction)
    return {
        "nll": scores.negative_log_likelihood(p, y),
        "error": 1 - scores.accuracy(p, y),
        "score": scores.brier_score(p, y),
        "calibration": scores.expected_calibration_error(p, y),
    }


def suspicion(predictor: Any, X: Array) -> dict[str, Array]:
    """Return scores, (N,) each, that should be larger outside of the data."""
    prediction = predictor.predict(X)
    if isinstance(prediction, Prediction):
        return {"entropy": prediction.variance[:, 0]}  # less a constant this is the information, too
    found = {"entropy": scores.entropy_score(two_columns(prediction)), "information": predictor.disagreement(X)}
    return found if prediction.ndim == 1 else found | {"probability": scores.max_probability_score(prediction)}


def all_scores(problem: Problem, predictor: Any) -> dict[str, float]:
    """Return every metric of a predictor but its distance from the truth."""
    p = predictor.predict(problem.X_test)
    found = quality(p, problem.y_test)
    if not isinstance(p, Prediction):
        found["sure_far"] = float(two_columns(predictor.predict(problem.outside["far"])).max(axis=1).mean())
    inside = suspicion(predictor, problem.X_test)
    for where in problem.outside.keys() & {"far", "left_out"}:
        for by, values in suspicion(predictor, problem.outside[where]).items():
            found[f"{where}_{by}"] = scores.auroc(inside[by], values)
    return found


def distances(problem: Problem, predictor: Any, truth: Draws) -> dict[str, float]:
    """Return the mean total variation from the truth, on test data and far away."""
    there = {"distance": problem.X_test, "distance_far": problem.outside["far"]}
    return {column: total_variation(predictor.predict(X), truth.predict(X)) for column, X in there.items()}


def total_variation(p: Array, q: Array) -> float:
    """Return the mean total variation between class probabilities, 1/2 sum_c |p_nc - q_nc|."""
    return float(0.5 * np.abs(two_columns(p) - two_columns(q)).sum(axis=1).mean())


def run(name: str, seed: int, n_draws: int = 0) -> list[Row]:
    """Return a row for each method, on one split of one data set."""
    with warnings.catch_warnings():
        for kind in (ConvergenceWarning, OfScikitLearn):  # what stops early, or tunes to the end of a range, counts too
            warnings.simplefilter("ignore", kind)
        task = problem(name, seed)
        shop, split = Workshop(task, seed), {"dataset": name, "split": seed}
        truth, rows = walked(task, shop, n_draws) if n_draws else (None, [])
        for (method, prior), make in (METHODS | (OF_CLASSES if name in CLASSES else {})).items():
            predictor, cost = shop.make(make)
            row = {"method": method, "prior": prior, **costs(method, cost), **all_scores(task, predictor)}
            if isinstance(predictor, OneGaussian) and prior != "fixed":
                row["precision"] = float(np.ravel(predictor.laplace.model.prior_precision)[0])
            if truth is not None and prior == "fixed" and method != "MAP 4/5" and name in CLASSES:
                row |= distances(task, predictor, truth)
            rows.append(row)
        return [split | row for row in rows + dialled(task, shop)]


def walked(task: Problem, shop: Workshop, n_draws: int) -> tuple[Draws | None, list[Row]]:
    """Return HMC's draws, if its chains agree, and its row."""
    draws, cost = shop.make(partial(walk, n_samples=n_draws))
    row = {"method": "HMC", "prior": "fixed", **cost._asdict()}
    row["r_hat"] = draws.r_hat(np.concatenate([task.X_test, task.outside["far"]]))
    truth = draws if row["r_hat"] < 1.01 else None
    return truth, [row | all_scores(task, draws) if truth else row]


def costs(method: str, cost: Cost) -> Row:
    """Return what a method costs; scikit-learn does not count gradients, and the baselines have none."""
    counted = not method.startswith(("MLP", "from_fitted", "constant", "linear"))
    return cost._asdict() if counted else {"seconds": cost.seconds}


def dialled(task: Problem, shop: Workshop) -> list[Row]:
    """Return a row for each prior precision of the dial."""
    rows, point = [], {"method": "full", "prior": "dial"}
    for precision in DIAL:
        la = OneGaussian(shop.laplace("full").under(precision))
        found = all_scores(task, la)
        rows.append(point | {"precision": precision} | {name: found[name] for name in DIALLED & found.keys()})
    return rows


# --- the table


def run_all(jobs: Sequence[Job], kept: Path | None) -> list[Row]:
    """Run the jobs that are not in `kept` yet, two at a time; return the rows of all, in the order of the jobs."""
    there = read(kept) if kept is not None and kept.exists() else []
    done = {(row["dataset"], int(row["split"])) for row in there}
    left = [job for job in jobs if job[:2] not in done]
    start, rows = time.perf_counter(), list(there)
    with Pool(2, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        show_progress(len(jobs) - len(left), len(jobs), "started")
        for part in pool.imap_unordered(partial(apply, run), left):
            rows += [as_text(row) for row in part]
            if kept is not None:
                add(rows[-len(part) :], kept)
            n_done = len({(row["dataset"], row["split"]) for row in rows})
            seconds = time.perf_counter() - start
            show_progress(n_done, len(jobs), f"{part[0]['dataset']}, split {part[0]['split']}, {seconds:.0f} s")
    order = {(name, str(seed)): place for place, (name, seed, _) in enumerate(jobs)}
    wanted = [row for row in rows if (row["dataset"], row["split"]) in order]
    return sorted(wanted, key=lambda row: order[row["dataset"], row["split"]])


def as_text(row: Row) -> dict[str, str]:
    """Return the words and numbers of a row as they are written: three digits of each, five of R-hat, near 1."""
    digits = {name: 5 if name == "r_hat" else 3 for name in row}
    return {
        name: f"{x:.{digits[name]}g}".replace("0.", ".", x < 1) if isinstance(x, float) else str(x)
        for name, x in row.items()
    }


def add(rows: Iterable[Row], path: Path) -> None:
    """Add rows at the end of a table, which is begun if it is not there."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            table.writeheader()
        table.writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table that has our columns; a last line that is not whole is no row."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(line for line in file if line.endswith("\n"))
        if table.fieldnames != COLUMNS:
            raise SystemExit(f"{path} has other columns than this experiment: remove it to begin anew")
        return [{name: x for name, x in row.items() if x} for row in table]


def show_progress(done: int, total: int, what: str) -> None:
    """Show how many jobs are done, on one line of a terminal."""
    live = sys.stderr.isatty()
    line = f"[{'#' * (20 * done // total):<20}] {done} of {total}: {what}"
    print(f"\r{line:<79}" if live else line, end="" if live and done < total else "\n", file=sys.stderr, flush=True)


def apply(function: Callable[..., Any], arguments: Iterable[Any]) -> Any:
    """Return function(*arguments)."""
    return function(*arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one split of two data sets, in less than a minute")
    parser.add_argument("--out", type=Path, help="file to write (default: experiment.csv here, or none if --quick)")
    options = parser.parse_args(arguments)
    jobs = QUICK if options.quick else FULL
    out = options.out or (None if options.quick else CSV)
    if out is not None and not out.parent.is_dir():
        parser.error(f"argument --out: expected a file in a folder that exists, received {out}")
    kept = None if out is None else out.with_name(out.name + ".part")
    try:
        rows = run_all(jobs, kept)
    except KeyboardInterrupt:
        sys.exit("interrupted" + (f": {kept} has what is done, and the same command goes on" if kept else ""))
    if kept is not None and out is not None:
        kept.unlink(missing_ok=True)
        add(rows, kept)  # in the order of the jobs
        os.replace(kept, out)
    for row in rows:
        told = f"nll {row['nll']}" if "nll" in row else f"not converged, R-hat {row['r_hat']}"
        print(f"{row['dataset']:12}{row['split']:<4}{row['method']:20}{row['prior']:10}{told}")


if __name__ == "__main__":
    main()
