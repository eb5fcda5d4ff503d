"""*fine-tuning our prior and the neural network architecture*: the evidence, and priors chosen by it.

`marginal_likelihood.py` has the evidence log p(y), its gradient in the prior and the noise, and MacKay's step.
`tuning.py` maximises it; `by_predictions.py` chooses by what is predicted, of held-out data or within a budget.
`joint.py` has `marglik_training`, which trains and tunes in turn. `symmetry.py` counts the equal modes that Laplace's
evidence leaves out, which matter where sizes are compared. `tunable_fit.py` has the part of `Laplace` that asks for all
this.
"""

from .by_predictions import PriorScore, tune_on_held_out, tune_to_budget
from .joint import marglik_training
from .marginal_likelihood import PRIOR_STRUCTURES, EvidenceFunction, log_evidence
from .symmetry import log_symmetries
from .tuning import METHODS, tune

__all__ = [
    "METHODS",
    "PRIOR_STRUCTURES",
    "EvidenceFunction",
    "PriorScore",
    "log_evidence",
    "log_symmetries",
    "marglik_training",
    "tune",
    "tune_on_held_out",
    "tune_to_budget",
]
