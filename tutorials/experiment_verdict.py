"""What the experiment says: differences with intervals, ranks, the dial and costs, from `experiment.csv`.

Two methods are compared on one data set split by split, so that what both find hard cancels. Splits of one data set
overlap, so that their differences are not independent; the interval of the mean is Student's with the variance
corrected for that,

    mean +- t_{J-1} sqrt((1 / J + n_test / n_train) s^2)

for J splits with the variance s^2 of their differences (Nadeau and Bengio, 2003); data that is drawn anew for each
split needs no correction. One method is better than the other on the data set if 0 is outside of the interval.

Over data sets, each counts once: methods are ranked on each by their mean over splits, Friedman's test asks whether the
ranks are chance, and two mean ranks differ if they are further apart than the critical difference of Nemenyi's test
(Demsar, 2006), at level 0.05.

`python tutorials/experiment_verdict.py` prints the verdict: the lines that the README has.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from experiment_problems import CLASSES, DRAWN, PROBLEMS
from scipy.stats import binom, friedmanchisquare, rankdata, studentized_range
from scipy.stats import t as student

Row = dict[str, Any]
CSV = Path(__file__).with_name("experiment.csv")
WORDS = ("dataset", "method", "prior")
TEST_OVER_TRAIN = 1 / 3  # a quarter of each data set is to test on
HIGHER = ("far", "left_out")  # the metrics of which more is better start so

MAP, TEMPERATURE, ENSEMBLE, DROPOUT = "MAP", "temperature", "ensemble", "dropout"
FORMS = {f"Laplace ({prior})": ("full", prior) for prior in ("fixed", "evidence", "online", "held-out", "budget")}
RIVALS = {name: (name, "fixed") for name in (MAP, TEMPERATURE, ENSEMBLE, DROPOUT)}
RANKED = RIVALS | {name: FORMS[name] for name in ("Laplace (evidence)", "Laplace (held-out)", "Laplace (budget)")}
OTHERS = {
    f"{structure} ({prior})": (structure, prior)
    for structure in ("kron", "last layer", "mixture")
    for prior in ("evidence", "held-out", "budget")
    if (structure, prior) != ("mixture", "held-out")
}
HMC = {"HMC": ("HMC", "fixed")}
BASELINES = {name: (name, "none") for name in ("constant", "linear")}
NAMED = BASELINES | RIVALS | {"MAP 4/5": ("MAP 4/5", "fixed")} | FORMS | OTHERS | HMC


class Interval(NamedTuple):
    """A mean difference, half the width of its interval at level 0.05, and the number of splits."""

    mean: float
    half: float
    n: int

    @property
    def outcome(self) -> str:
        """`better`, `par` or `worse`."""
        if abs(self.mean) <= self.half:
            return "par"
        return "better" if self.mean > 0 else "worse"


class Tally(NamedTuple):
    """On how many data sets a method is better, on a par, and worse."""

    better: int
    par: int
    worse: int


class Ranks(NamedTuple):
    """Mean ranks of methods, 1 the best, the number of data sets, Friedman's p, and Nemenyi's critical difference."""

    mean: dict[str, float]
    n: int
    p: float
    critical: float


def read(path: Path = CSV) -> list[Row]:
    """Return the rows of the table; what is empty there is missing here."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v if k in WORDS else float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def values(rows: Iterable[Row], metric: str, dataset: str, name: str) -> dict[float, float]:
    """Return a metric of a method by split."""
    method, prior = NAMED.get(name, tuple(name.split("/")))
    return {
        r["split"]: r[metric]
        for r in rows
        if r["dataset"] == dataset and r["method"] == method and r["prior"] == prior and metric in r
    }


def mean(rows: Iterable[Row], metric: str, dataset: str, name: str) -> float:
    """Return the mean of a metric over splits, NaN if there is none."""
    found = list(values(rows, metric, dataset, name).values())
    return float(np.mean(found)) if found else np.nan


def gain(rows: Sequence[Row], metric: str, dataset: str, name: str, rival: str) -> Interval:
    """Return by how much a method is better than its rival on a data set; positive is better for all metrics."""
    a, b = values(rows, metric, dataset, name), values(rows, metric, dataset, rival)
    sign = 1 if metric.startswith(HIGHER) else -1
    x = np.array([sign * (a[split] - b[split]) for split in a if split in b])
    if len(x) < 2:
        return Interval(float(x.mean()) if len(x) else np.nan, np.nan, len(x))
    share = 1 / len(x) + (0 if dataset in DRAWN else TEST_OVER_TRAIN)
    return Interval(float(x.mean()), float(student.ppf(0.975, len(x) - 1) * np.sqrt(share) * x.std(ddof=1)), len(x))


def tally(rows: Sequence[Row], metric: str, name: str, rival: str, datasets: Iterable[str] = PROBLEMS) -> Tally:
    """Return how a method fares against a rival by one metric, each data set that has it counted once."""
    outcomes = [gained.outcome for d in datasets if (gained := gain(rows, metric, d, name, rival)).n > 1]
    return Tally(*(outcomes.count(word) for word in Tally._fields))


def ranks(rows: Sequence[Row], metric: str, names: Iterable[str], datasets: Iterable[str] = PROBLEMS) -> Ranks:
    """Return how methods rank by one metric over the data sets, ties sharing their mean rank."""
    names = list(names)
    sign = -1 if metric.startswith(HIGHER) else 1
    table = np.array([[sign * mean(rows, metric, dataset, name) for name in names] for dataset in datasets])
    table = table[~np.isnan(table).any(axis=1)]  # (n, k)
    (n, k), each = table.shape, rankdata(table, axis=1)
    p = float(friedmanchisquare(*table.T).pvalue)
    return Ranks(dict(zip(names, map(float, each.mean(axis=0)), strict=True)), n, p, critical_difference(k, n))


def critical_difference(k: int, n: int) -> float:
    """Return how far two mean ranks of k methods over n data sets are apart by chance, at most, at level 0.05."""
    return float(studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))


def cost(rows: Sequence[Row], name: str, column: str = "gradients", datasets: Iterable[str] = PROBLEMS) -> float:
    """Return the median over data sets of what a method costs, in trainings of the MAP estimate."""
    ratios = [mean(rows, column, dataset, name) / mean(rows, column, dataset, MAP) for dataset in datasets]
    return float(np.median(ratios))


def over_map(rows: Sequence[Row], name: str, datasets: Iterable[str] = CLASSES) -> tuple[float, float]:
    """Return a method's mean nll less that of the MAP estimate, and its mean AUROC far away, each over data sets."""
    datasets = list(datasets)
    nll = [mean(rows, "nll", dataset, name) - mean(rows, "nll", dataset, MAP) for dataset in datasets]
    return float(np.mean(nll)), float(np.mean([mean(rows, "far_entropy", dataset, name) for dataset in datasets]))


def dial(rows: Sequence[Row], datasets: Iterable[str] = CLASSES) -> list[tuple[float, float, float]]:
    """Return prior precision, and what `over_map` says under it, for each precision of the dial."""
    datasets, points = list(datasets), []
    for precision in sorted({row["precision"] for row in rows if row["prior"] == "dial"}):
        here = [row for row in rows if row["prior"] != "dial" or row["precision"] == precision]
        points.append((precision, *over_map(here, "full/dial", datasets)))
    return points


def table(rows: Sequence[Row], metric: str, names: Iterable[str], digits: int = 3) -> str:
    """Return means of a metric, a row for each data set that has it, a column for each method."""
    names = list(names)
    lines = ["".join([f"{metric:<14}", *(f"{name.removeprefix('Laplace '):>12}" for name in names)])]
    for dataset in PROBLEMS:
        cells = [mean(rows, metric, dataset, name) for name in names]
        if not np.isnan(cells).all():
            text = ["" if np.isnan(cell) else f"{cell:.{digits}f}" for cell in cells]
            lines.append("".join([f"{dataset:<14}", *(f"{cell:>12}" for cell in text)]).rstrip())
    return "\n".join(lines)


def word(counts: Tally) -> str:
    """Return `better`, `worse`, `mixed`, or `par` over data sets.

    Among equals a data set comes out better in one of forty, and worse in one. A method is better if it is so on more
    of them than chance allows at level 0.05, three of seventeen; likewise worse; and `mixed` if it is both.
    """
    n = sum(counts)
    better, worse = (binom.sf(count - 1, n, 0.025) <= 0.05 for count in (counts.better, counts.worse))
    return {(True, False): "better", (False, True): "worse", (True, True): "mixed"}.get((better, worse), "par")


def holds(rows: Sequence[Row], metric: str, name: str) -> str:
    """Return `yes` if a method is at least on a par with each rival, `no` if it is worse than one, or mixed."""
    words = {word(tally(rows, metric, name, rival)) for rival in RIVALS}
    return "yes" if words <= {"better", "par"} else "no"


def verdict(rows: Sequence[Row]) -> list[str]:
    """Return the three lines of the README."""
    tuned = {prior: f"Laplace ({prior})" for prior in ("evidence", "held-out", "budget")}

    def answers(metric: str) -> str:
        return ", ".join(f"{holds(rows, metric, name)} by {prior}" for prior, name in tuned.items())

    def against(metric: str) -> str:
        parts = []
        for prior, name in tuned.items():
            counts = [f"{'/'.join(map(str, tally(rows, metric, name, rival)))} than {rival}" for rival in RIVALS]
            parts.append(f"{prior} {', '.join(counts)}")
        return f"Full Laplace is better/on a par/worse on so many of {len(PROBLEMS)} data sets: {'; '.join(parts)}"

    def ranked(metric: str) -> str:
        found = ranks(rows, metric, RANKED)
        listed = ", ".join(f"{name} {found.mean[name]:.1f}" for name in RANKED)
        return f"Mean ranks, critical difference {found.critical:.1f}: {listed}"

    def means(place: int, form: str) -> str:
        return ", ".join(f"{name} {over_map(rows, name)[place]:{form}}" for name in RANKED if place or name != MAP)

    return [
        f"- *Uncertainty quantification* on test data, by log-likelihood, at least on a par with all rivals: "
        f"{answers('nll')}. {against('nll')}. {ranked('nll')}. Mean loss less that of MAP over {len(CLASSES)} "
        f"classifications, nats: {means(0, '+.3f')}.",
        f"- *Out-of-distribution detection* ten standard deviations away, by entropy: {answers('far_entropy')}. "
        f"{against('far_entropy')}. {ranked('far_entropy')}. Mean AUROC of the classifications: {means(1, '.2f')}.",
        f"- *Significantly cheaper*: {prices(rows)}",
    ]


def prices(rows: Sequence[Row]) -> str:
    """Return whether full Laplace costs less than half of what its rivals of several networks do, and what all cost."""
    half = min(cost(rows, rival) for rival in (ENSEMBLE, DROPOUT)) / 2
    named = ("Laplace (evidence)", "Laplace (budget)", "last layer (budget)", "mixture (budget)", ENSEMBLE, DROPOUT)

    def times(x: float) -> str:
        return f"{x:.1f}" if x < 10 else f"{x:.0f}"

    told = {"gradients": "gradients", "seconds": "seconds of CPU"}
    parts = [
        f"in {unit} {', '.join(f'{name} {times(cost(rows, name, column))}' for name in named)}; HMC, where it is run, "
        f"{times(cost(rows, 'HMC', column, with_hmc(rows)))}"
        for column, unit in told.items()
    ]
    answer = "yes" if cost(rows, "Laplace (budget)") < half else "no"
    return f"{answer}. Trainings of one network, medians over data sets: {'; '.join(parts)}."


def with_hmc(rows: Sequence[Row]) -> list[str]:
    """Return the data sets on which HMC was run."""
    return [dataset for dataset in PROBLEMS if values(rows, "r_hat", dataset, "HMC")]


def scikit_table(rows: Sequence[Row]) -> list[str]:
    """Return the README's table of what `from_fitted` does to scikit-learn's networks."""
    solvers = ("adam", "lbfgs", "sgd")
    lines = ["| data | " + " | ".join(solvers) + " |", "|" + "---|" * (1 + len(solvers))]
    for dataset in CLASSES:
        cells = []
        for solver in solvers:
            taken, mlp = f"from_fitted {solver}/budget", f"MLP {solver}/alpha"
            difference = gain(rows, "nll", dataset, taken, mlp)
            sure = [mean(rows, "sure_far", dataset, name) for name in (mlp, taken)]
            cells.append(
                f"{mean(rows, 'nll', dataset, mlp):.3f} {-difference.mean:+.3f} ({difference.half:.3f}), "
                f"{sure[0]:.2f} to {sure[1]:.2f}"
            )
        lines.append(f"| {dataset} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    print(*verdict(read()), "", *scikit_table(read()), sep="\n")
