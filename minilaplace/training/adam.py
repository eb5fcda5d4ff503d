"""Adam, the optimiser of the post's listing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..model.weights import WeightedData
from ..validation import Array, boolean, keep, real_number, whole_number
from .convergence import TrainingCallback


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1) on mini-batches, for a fixed number of epochs.

    Each step follows an estimate of the gradient of loss / N from one mini-batch B:
    mean over n in B of d nll_n / d theta, plus (1 / N) Lambda0 (theta - mu0). With `batch_size=1, shuffle=False` and a
    prior precision of N lambda^2 this is the post's listing, which adds lambda^2 |theta|^2 / 2 to every sample's loss.
    Where samples have weights, N is the sum of these, and every sample stands for the mean weight.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    shuffle: bool = True

    def __post_init__(self) -> None:
        keep(self, epochs=whole_number("epochs", self.epochs, least=1))
        keep(self, batch_size=whole_number("batch_size", self.batch_size, least=1))
        keep(self, learning_rate=real_number("learning_rate", self.learning_rate, above=0.0))
        keep(self, shuffle=boolean("shuffle", self.shuffle))

    def minimise(
        self,
        model: BayesianModel,
        data: WeightedData,
        theta: Array,
        rng: np.random.Generator,
        callback: TrainingCallback,
    ) -> Array:
        """Return theta after the last epoch."""
        N, total = len(data.X), data.weight.sum()
        beta1, beta2, epsilon = 0.9, 0.999, 1e-8
        mean, square = np.zeros_like(theta), np.zeros_like(theta)  # running moments of the gradient
        step = 0
        for epoch in range(1, self.epochs + 1):
            order = rng.permutation(N) if self.shuffle else np.arange(N)
            for start in range(0, N, self.batch_size):
                batch = data.some(order[start : start + self.batch_size])
                step += 1
                share = len(batch.X) / N
                g = self.gradient(model, theta, batch, share) / (share * total)
                mean = beta1 * mean + (1 - beta1) * g
                square = beta2 * square + (1 - beta2) * g**2
                corrected = mean / (1 - beta1**step), square / (1 - beta2**step)
                theta = theta - self.learning_rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
            callback(epoch, theta.copy(), model.loss(theta, *data))
        return theta

    def gradient(self, model: BayesianModel, theta: Array, batch: WeightedData, share: float) -> Array:
        """Return the gradient of a batch's loss, with this share of the prior's term, (P,)."""
        return model.loss_and_gradient(theta, *batch, share=share)[1]
