"""*fine-tuning our prior and the neural network architecture*: the evidence, and priors chosen by it.

`marginal_likelihood.py` has the evidence log p(y), its gradient in the prior and the noise, and MacKay's step.
`tuning.py` maximises it; `by_predictions.py` chooses by what is predicted, of held-out data or within a budget, which
`same_inputs.py` predicts under all priors by the same eigenvectors.
`joint.py` has `marglik_training`, which trains and tunes in turn, `tunable_fit.py` the part of `Laplace` that asks for
all this. `symmetry.py` counts the equal modes that Laplace's evidence leaves out, which matter where sizes are
compared. `importance.py` asks whether the Gaussian is any good, by importance weights whose tail `pareto.py` judges and
smooths.
"""

from .by_predictions import PriorScore, tune_on_held_out, tune_to_budget
from .importance import ImportanceSample, importance_sample
from .joint import marglik_training
from .marginal_likelihood import PRIOR_STRUCTURES, EvidenceFunction, log_evidence
from .pareto import pareto_smoothed
from .symmetry import log_symmetries
from .tuning import METHODS, tune

__all__ = [
    "METHODS",
    "PRIOR_STRUCTURES",
    "EvidenceFunction",
    "ImportanceSample",
    "PriorScore",
    "importance_sample",
    "log_evidence",
    "log_symmetries",
    "marglik_training",
    "pareto_smoothed",
    "tune",
    "tune_on_held_out",
    "tune_to_budget",
]
