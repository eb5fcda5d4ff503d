"""*Wrapping up*, "systems that need to be trustworthy": scores that say whether predictions can be relied on.

`classes.py` scores probabilities of classes, and `regression.py` means and variances. `out_of_distribution.py` holds
scores of how unlike the data an input is, and measures how well they separate the two.
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
