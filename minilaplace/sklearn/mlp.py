"""Around the post: what a trained scikit-learn MLP knows, in the terms of this library.

`carried` brings its network and parameters over, `matching_precision` and `residual_noise` the prior and the noise that
its training stood for. Needs the extra, `minilaplace[sklearn]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from ..model.likelihood import columns
from ..network.interchange import from_layers
from ..network.mlp import MLP
from ..validation import Array, refusal

FLATTEST = 1e-8  # stands for a precision of zero, which no Gaussian has: the least that tuning looks at


def activation_here(name: Any) -> Any:
    """Return what an activation is called here; scikit-learn says "logistic" for "sigmoid"."""
    return "sigmoid" if isinstance(name, str) and name == "logistic" else name


def carried(mlp: Any) -> tuple[MLP, Array]:
    """Return the network and theta (P,) of a trained MLP; its W are (in, out)."""
    layers = [(W.T, b) for W, b in zip(mlp.coefs_, mlp.intercepts_, strict=True)]
    return from_layers(layers, activation_here(mlp.activation))


def matching_precision(mlp: Any, n_samples: int) -> float:
    """Return the prior precision that a scikit-learn MLP was trained under, in units of its loss summed over the data.

    Its `alpha` adds alpha |W|^2 / (2 B) to the mean loss of a batch of B. With `lbfgs` the batch is all N samples: the
    precision is alpha. The steps of `sgd` and `adam` add up to N mean(1 / B) alpha, which is N / B alpha if all batches
    are of one size (200 by default). `early_stopping` keeps samples back; N is what is left. FLATTEST stands for
    alpha = 0.

    With several regression outputs, scikit-learn's `lbfgs` receives the sum's gradient with the mean's loss, and stops
    where neither is at its optimum; alpha matches the gradient.

    Biases have no penalty there, but a flat prior is no Gaussian and leaves no evidence: they get the weights'
    precision, as in the rest of this library. So the gradient that is left at scikit-learn's optimum is precision * b.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> matching_precision(MLPClassifier(alpha=1e-4, solver="adam"), 1000)  # five batches of 200
    0.0005
    """
    N, sizes = n_samples, [n_samples]
    if mlp.solver != "lbfgs":
        if mlp.early_stopping:
            N -= int(np.ceil(mlp.validation_fraction * N))
        B = min(200 if mlp.batch_size == "auto" else mlp.batch_size, N)
        sizes = [batch.stop - batch.start for batch in gen_batches(N, B)]
    return max(float(mlp.alpha * N * np.mean(1 / np.array(sizes))), FLATTEST)


def residual_noise(mlp: Any, X: Any, y: Array) -> float:
    """Return the root mean square of an MLP's residuals, over samples and outputs, or raise a ValueError if it is 0."""
    shape = len(y), mlp.n_outputs_
    sigma = float(np.sqrt(np.mean((columns(y, shape) - columns(mlp.predict(X), shape)) ** 2)))
    if sigma == 0:
        raise ValueError(refusal("sigma_noise", "a value, as the MLP leaves no residuals", "none"))
    return sigma
