"""*From Bayesian Logistic Regression ...*: what is assumed before the data, a likelihood and a prior.

| module | holds |
|---|---|
| `classes.py` | likelihoods of classes; start with `Bernoulli` |
| `bayesian_model.py` | `BayesianModel`: network, likelihood and prior, joined in the regularised loss; read it next |
| `likelihood.py` | what every likelihood answers, and how to write one of your own |
| `gaussian.py` | the likelihood of a regression |
| `heteroscedastic.py` | the likelihood of a regression whose noise the network predicts |
| `poisson.py` | the likelihood of counts |
| `weights.py` | data whose samples count more than once, or less |
"""

from .bayesian_model import BayesianModel
from .classes import Bernoulli, BradleyTerry, Categorical
from .gaussian import Gaussian
from .heteroscedastic import HeteroscedasticGaussian
from .likelihood import Likelihood
from .poisson import Poisson
from .weights import WeightedData, weighed

__all__ = [
    "BayesianModel",
    "Bernoulli",
    "BradleyTerry",
    "Categorical",
    "Gaussian",
    "HeteroscedasticGaussian",
    "Likelihood",
    "Poisson",
    "WeightedData",
    "weighed",
]
