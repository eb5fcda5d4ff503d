"""*From Bayesian Logistic Regression ...*: what is assumed before the data, a likelihood and a prior.

`likelihood.py` has p(y | f): what every likelihood answers, and those of classes and of a Gaussian noise. Read
`Bernoulli` there, then `bayesian_model.py`, which joins network, likelihood and prior into the regularised loss.
`heteroscedastic.py` has a likelihood whose noise the network predicts.
"""

from .bayesian_model import BayesianModel
from .heteroscedastic import HeteroscedasticGaussian
from .likelihood import Bernoulli, BradleyTerry, Categorical, Gaussian, Likelihood

__all__ = [
    "BayesianModel",
    "Bernoulli",
    "BradleyTerry",
    "Categorical",
    "Gaussian",
    "HeteroscedasticGaussian",
    "Likelihood",
]
