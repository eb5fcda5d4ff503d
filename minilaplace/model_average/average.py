"""The average of the predictions of many networks, which stand for the posterior.

    p(y | x, data)  =  integral of p(y | x, theta) p(theta | data)  ~  sum_s w_s p(y | x, theta_s),    sum_s w_s = 1

Each method draws parameter vectors theta_s, an array (S, P), in another way; `average` is the same for all of them, and
weighs them equally, w_s = 1/S, unless told otherwise:

| method | theta_s |
|---|---|
| `fit_map(...)[None]` | one mode: the plugin |
| `Laplace.sample` | draws from a Gaussian around a mode |
| `deep_ensemble` | modes, each from a start of its own (Lakshminarayanan, Pritzel and Blundell, 2016) |
| `mc_dropout` | one theta with random units silenced (Gal and Ghahramani, 2016), see `dropout.py` |
| `importance_sample`, in `evidence` | draws from a Gaussian around a mode, with weights that correct it |
| `hmc` | draws from the posterior itself, where the chains agree (Neal, 2011), see `hamiltonian.py` |

Where theta has no more than three dimensions, `exact_average` computes the integral itself, see `exact.py`.
"""

from __future__ import annotations

from typing import Any

from ..model.bayesian_model import BayesianModel
from ..predictive.links import Prediction, sample_average
from ..predictive.outputs import in_batches
from ..validation import Array, instance, matrix, sample_weights


def average(model: BayesianModel, thetas: Any, X: Any, weights: Any = None) -> Array | Prediction:
    """Return the model average over parameter vectors, equally likely ones unless there are weights.

    Parameters
    ----------
    model
        The `BayesianModel` that they are parameters of.
    thetas
        Parameter vectors, (S, P).
    X
        Inputs, (N, D). They are read in batches, for one theta after the other, so that memory does not grow with S,
        nor with N beyond the result.
    weights
        How likely each of them is, (S,) numbers of at least 0 with any sum but 0, such as the weights of an
        `importance_sample`; by default all are equal.

    Returns
    -------
    What `Laplace.predict` returns. The variance of a `Prediction` is the average noise plus that of the samples' means,
    sum_s w_s (mean_s - mean)^2 / (1 - sum_s w_s^2) for weights that add up to 1, which is 0 for a single theta.

    Examples
    --------
    >>> from minilaplace import MLP, Bernoulli
    >>> model = BayesianModel(MLP(2, 1), Bernoulli())
    >>> average(model, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [[5.0, 0.0]])  # two that disagree
    array([0.5])
    >>> average(model, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [[5.0, 0.0]], weights=[3, 1]).round(2)
    array([0.75])
    """
    instance("model", model, BayesianModel, "a BayesianModel")
    network, likelihood = model.network, model.likelihood
    thetas = matrix("thetas", thetas, (network.n_params,))
    X = network.check_readable(X)
    w = sample_weights("weights", weights, len(thetas))
    thetas, w = thetas[w > 0], w[w > 0] / w.max()  # equal weights become ones, whatever their size
    floats = 4 * sum(network.sizes) + 8 * network.n_outputs

    def averaged(some: Array) -> Array | Prediction:
        return sample_average(likelihood, (network.forward(theta, some) for theta in thetas), w)

    return in_batches(averaged, X, floats)
