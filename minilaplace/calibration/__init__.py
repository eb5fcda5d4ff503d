"""*Wrapping up*, systems that need to be trustworthy: whether predictions are right as often as they say.

`classes.py` scores probabilities of classes, `regression.py` means and variances, and `out_of_distribution.py` how
well a score knows inputs unlike the data. `probabilities.py` checks what the first and the last are given.
"""

from .classes import (
    BrierDecomposition,
    ReliabilityDiagram,
    accuracy,
    brier_decomposition,
    brier_score,
    expected_calibration_error,
    maximum_calibration_error,
    negative_log_likelihood,
    reliability_diagram,
    sharpness,
)
from .out_of_distribution import auroc, entropy_score, fpr_at_recall, max_probability_score, mutual_information_score
from .regression import (
    crps,
    gaussian_nll,
    interval_coverage,
    pit,
    pit_histogram,
    quantile_coverage,
    regression_sharpness,
    variance_scale,
)

__all__ = [
    "BrierDecomposition",
    "ReliabilityDiagram",
    "accuracy",
    "auroc",
    "brier_decomposition",
    "brier_score",
    "crps",
    "entropy_score",
    "expected_calibration_error",
    "fpr_at_recall",
    "gaussian_nll",
    "interval_coverage",
    "max_probability_score",
    "maximum_calibration_error",
    "mutual_information_score",
    "negative_log_likelihood",
    "pit",
    "pit_histogram",
    "quantile_coverage",
    "regression_sharpness",
    "reliability_diagram",
    "sharpness",
    "variance_scale",
]
