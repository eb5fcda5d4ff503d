"""What the experiment says: means with standard errors, and who is better than whom, from `experiment.csv`.

Two methods are compared on one data set by one metric, seed by seed, so that what both find hard cancels. One is
better than the other if the mean of the differences is further from 0 than chance takes it: Student's t at level 0.05,
two-sided. Otherwise they are on a par. Of twenty comparisons of equals one is expected to say better or worse.

`python tutorials/experiment_verdict.py` prints the verdict: the lines that the README has.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

Row = dict[str, Any]
CSV = Path(__file__).with_name("experiment.csv")
WORDS = ("dataset", "prior", "method")
RIVALS = {"MAP": "MAP", "ensemble": "an ensemble of five", "dropout": "dropout"}
COMPARED = ("MAP", "Laplace full", "Laplace last layer", "Laplace mixture", "ensemble", "dropout")
QUALITY = ("nll", "brier", "ece", "crps", "coverage_error", "nll_noisy", "brier_noisy", "ece_noisy")
DETECTION = tuple(
    f"{metric}_{where}_entropy" for metric in ("auroc", "fpr95") for where in ("far", "left_out", "noisy", "rotated")
)


class Estimate(NamedTuple):
    """A mean over seeds and its standard error."""

    mean: float
    error: float
    n: int


class Tally(NamedTuple):
    """In how many comparisons a method is better, on a par, and worse."""

    better: int
    par: int
    worse: int


def read(path: Path = CSV) -> list[Row]:
    """Return the rows of the table; what is empty there is missing here."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v if k in WORDS else float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def values(rows: Iterable[Row], metric: str, dataset: str, method: str, prior: str = "fixed") -> dict[float, float]:
    """Return a metric by seed."""
    wanted = (dataset, prior, method)
    return {r["seed"]: r[metric] for r in rows if tuple(r[w] for w in WORDS) == wanted and metric in r}


def estimate(numbers: Iterable[float]) -> Estimate:
    """Return mean, standard error and count; NaN where there are too few."""
    x = np.array(list(numbers))
    if len(x) < 2:
        return Estimate(float(x.mean()) if len(x) else np.nan, np.nan, len(x))
    return Estimate(float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))), len(x))


def gain(rows: list[Row], metric: str, dataset: str, method: str, rival: str, prior: str = "fixed") -> Estimate:
    """Return by how much a method is better than its rival, seed by seed; positive is better for all metrics."""
    a, b = values(rows, metric, dataset, method, prior), values(rows, metric, dataset, rival, prior)
    sign = 1 if metric.startswith(("auroc", "accuracy")) else -1
    return estimate(sign * (a[seed] - b[seed]) for seed in a if seed in b)


def outcome(difference: Estimate) -> str:
    """Return `better`, `par` or `worse`."""
    mean, error, n = difference
    if abs(mean) <= student.ppf(0.975, n - 1) * error:
        return "par"
    return "better" if mean > 0 else "worse"


def tally(rows: list[Row], metrics: Iterable[str], method: str, rival: str, prior: str = "fixed") -> Tally:
    """Return how a method fares against a rival over all data sets that have the metrics."""
    metrics = list(metrics)
    datasets = dict.fromkeys(row["dataset"] for row in rows)
    differences = [gain(rows, metric, dataset, method, rival, prior) for metric in metrics for dataset in datasets]
    outcomes = [outcome(difference) for difference in differences if difference.n > 1]
    return Tally(*(outcomes.count(word) for word in Tally._fields))


def average_of(rows: list[Row], columns: Iterable[str], method: str, prior: str = "fixed") -> float:
    """Return the mean over data sets and columns of a metric's means over seeds."""
    columns = list(columns)
    datasets = dict.fromkeys(row["dataset"] for row in rows)
    means = [estimate(values(rows, column, d, method, prior).values()).mean for column in columns for d in datasets]
    return float(np.nanmean([mean for mean in means if not np.isnan(mean)]))


def cost(rows: list[Row], method: str, prior: str = "fixed", column: str = "train_cost") -> float:
    """Return the median cost in MAP trainings, over all data sets and seeds."""
    return float(np.median([r[column] for r in rows if r["method"] == method and r["prior"] == prior]))


def table(rows: list[Row], metric: str, prior: str = "fixed", digits: int = 3) -> str:
    """Return mean +- standard error of a metric, a row for each method, a column for each data set that has it."""
    here = [row for row in rows if row["prior"] == prior and metric in row]
    datasets, methods = (dict.fromkeys(row[word] for row in here) for word in ("dataset", "method"))
    lines = ["".join([f"{metric:<26}", *(f"{dataset:>17}" for dataset in datasets)])]
    for method in methods:
        cells = [estimate(values(rows, metric, dataset, method, prior).values()) for dataset in datasets]
        text = [f"{cell.mean:.{digits}f} +- {cell.error:.{digits}f}" if cell.n else "" for cell in cells]
        lines.append("".join([f"{method:<26}", *(f"{cell:>17}" for cell in text)]).rstrip())
    return "\n".join(lines)


def verdict(rows: list[Row]) -> list[str]:
    """Return the three lines of the README.

    The claim to be at least on a par counts as held if full Laplace is worse than no rival more often than chance would
    have it among equals, in one of twenty comparisons.
    """

    def parity(metrics: tuple[str, ...]) -> str:
        full = [tally(rows, metrics, "Laplace full", rival) for rival in RIVALS]
        held = all(one.worse <= sum(one) / 20 for one in full)
        last, several = (
            [tally(rows, metrics, f"Laplace {form}", rival) for rival in RIVALS] for form in ("last layer", "mixture")
        )
        to_one = tally(rows, metrics, "Laplace mixture", "Laplace full")
        return (
            f"{'yes' if held else 'no'}. Better, on a par, worse in {sum(full[0])} comparisons with each rival: full "
            f"Laplace {against(full)}; last-layer Laplace {against(last)}; a mixture of five full ones "
            f"{against(several)}, {to_one.better}, {to_one.par}, {to_one.worse} against one."
        )

    def against(tallies: list[Tally]) -> str:
        counts = zip(tallies, RIVALS.values(), strict=True)
        return ", ".join(f"{one.better}, {one.par}, {one.worse} against {rival}" for one, rival in counts)

    def means(*columns: str, dataset: str | None = None) -> str:
        here = [row for row in rows if dataset in (None, row["dataset"])]
        return ", ".join(f"{method} {average_of(here, columns, method):.2f}" for method in COMPARED)

    areas = [column for column in DETECTION if column.startswith("auroc")]
    costs = {method: cost(rows, method) for method in (*COMPARED[1:], "HMC")}
    cheaper = 2 * costs["Laplace full"] < min(costs["ensemble"], costs["dropout"])
    return [
        f"- *Uncertainty quantification* on test data, at least on a par: {parity(QUALITY)} Mean negative "
        f"log-likelihood of the digits, eight classes: {means('nll', dataset='digits')}.",
        f"- *Out-of-distribution detection* by entropy, at least on a par: {parity(DETECTION)} Mean AUROC: "
        f"{means(*areas)}.",
        f"- *Significantly cheaper*: {'yes' if cheaper else 'no'}. In trainings of one network: "
        f"{', '.join(f'{method} {price:.3g}' for method, price in costs.items())}. What HMC's price buys: the others' "
        f"mean total variation from it is {means('distance')} on test data, and {means('distance_far')} far away.",
    ]


if __name__ == "__main__":
    print(*verdict(read()), sep="\n")
