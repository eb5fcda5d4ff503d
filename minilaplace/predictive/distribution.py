"""A fit that is asked for more of the posterior predictive distribution than its mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from ..model.bayesian_model import BayesianModel
from ..network.subset import Subset
from ..posterior.gaussian import Posterior
from ..validation import Array, Readable, Seed, boolean, sampler, whole_number
from .information import covariance_between, gain_of_all, gain_of_each
from .left_out import TrainingSamples, check_left_out, check_seen
from .links import Prediction, link_of, mc
from .outputs import NO_SAMPLES, LinearisedNetwork, Outputs, in_batches
from .uncertainty import WITHOUT_SAMPLES, Uncertainty, decompose


class PredictiveDistribution(ABC):
    """The part of `Laplace` that says how uncertain its predictions are, and how its outputs vary together."""

    model: BayesianModel
    theta: Array
    subset: Subset

    @property
    @abstractmethod
    def posterior(self) -> Posterior:
        """The Gaussian over the parameters of the subset."""

    @abstractmethod
    def _fitted(self) -> Any:
        """Return the fit, or raise a ValueError if no data has been added."""

    @abstractmethod
    def predict(
        self, X: Any, link_approx: str | None = None, *, n_samples: int = 100, rng: Seed = None
    ) -> Array | Prediction:
        """Return the posterior predictive at X (N, D)."""

    @abstractmethod
    def sample(self, n_samples: int, rng: Seed = None) -> Array:
        """Draw whole parameter vectors from the posterior, (S, P)."""

    def leave_one_out(
        self,
        X: Any,
        y: Any,
        link_approx: str | None = None,
        *,
        sample_weight: Any = None,
        n_samples: int = 100,
        rng: Seed = None,
    ) -> Array | Prediction:
        """Return what `predict` returns, for each sample of the fit as if it had not been seen, without a new fit.

        X, y and `sample_weight` are the data of the fit; a sample is left out with its whole weight. Theta must be the
        mode of the loss under *this* prior and temperature, as each prediction takes a step from it towards the theta
        of the other samples: compare priors only with theta trained again for each, because at one theta that fits its
        data perfectly the strongest prior seems the best. It is exact for a linear model with Gaussian noise;
        `hessian_structure` `"full"` and `"gp"` can leave out any sample, and other structures, which hold another
        curvature than the samples', are only as good as that is. See `predictive.left_out`; `"mc"` draws samples of the
        outputs for each sample by itself.
        """
        fit, likelihood = self._fitted(), self.model.likelihood
        link = link_of(likelihood, link_approx, self.model.network.n_outputs)
        check_left_out(link, fit.curvature)
        data = self.model.check_weighted(X, y, sample_weight, stored=True)
        n_samples, rng = whole_number("n_samples", n_samples, least=1), sampler(rng)
        drawn, at = n_samples if link is mc else 0, self._linearised
        check_seen(at, data, fit.likelihood, fit.nll, fit.n_data)
        samples = TrainingSamples(at, likelihood, fit.curvature, fit.temperature, data, drawn, rng)
        return in_batches(lambda f: link(likelihood, f), samples, samples.floats_each, self.posterior.room)

    def uncertainty(self, X: Any, *, n_samples: int = 1000, rng: Seed = None) -> Uncertainty:
        """Return how uncertain a prediction is, total = aleatoric (noise) + epistemic (uncertain parameters).

        Classes: the entropy of the average, the average entropy, and their difference, the mutual information of label
        and parameters, (N,) in nats; for several labels a sample (N, C), those of each label by itself. For three and
        more classes they are averages over `n_samples` samples of f, for labels of one logit they are exact, and
        nothing is drawn. Regression and counts: variances, (N, C), exact.
        """
        X, n_samples, rng = self._checked(X, n_samples, rng)
        likelihood = self.model.likelihood
        thetas = self.sample(n_samples, rng) if WITHOUT_SAMPLES.isdisjoint(likelihood.links) else NO_SAMPLES
        return self._ask(lambda f: decompose(likelihood, f), X, thetas)

    def glm_predictive_distribution(self, X: Any) -> tuple[Array, Array]:
        """Return mean (N, C) and covariance (N, C, C) of the linearised outputs, noise excluded."""
        self._fitted()
        return self._ask(lambda f: (f.mean, f.covariance()), self.model.network.check_readable(X))

    def functional_covariance(self, X: Any, X_other: Any = None) -> Array:
        """Return the covariance of the linearised outputs at X (N, D) with those at X_other (M, D), (N, C, M, C).

        Entry [n, c, m, d] is that of f_c(x_n) with f_d(x'_m), V_nm = J_n Sigma J'_m^T, noise excluded. By default
        X_other is X: then it is symmetric, and its blocks V_nn are those of `glm_predictive_distribution`.
        """
        self._fitted()
        network = self.model.network
        X, X_other = network.check_readable(X), None if X_other is None else network.check_readable(X_other, "X_other")
        return covariance_between(self._linearised, X, X_other)

    def information_gain(
        self, X: Any, *, joint: bool = False, n_samples: int = 1000, rng: Seed = None
    ) -> Array | float:
        """Return how much one would learn of the parameters from a label at each of the inputs X (N, D), (N,) nats.

        Classes: the mutual information of label and parameters (BALD), the epistemic part of `uncertainty`, which says
        where `n_samples` samples of f are drawn; of several labels a sample, each by itself, (N, C). Others: 1/2 log
        det(I + R_n V_n R_n^T), where R_n^T R_n is the Fisher information of a label at the MAP outputs; for a
        `Gaussian` that is exact, and 1/2 log(1 + v / sigma^2) if it has one output.

        `joint=True` returns a float, the gain of labels at all inputs together, which does not count twice what two of
        them tell: 1/2 log det(I + R V R^T) with V = `functional_covariance(X)` and the blocks R_n on the diagonal of R.
        For `"full"` and `"gp"` at temperature 1 it is half the rise of log det Lambda when such labels are fitted too.
        Exact for a `Gaussian`, it is for classes that of the GGN at the MAP outputs: near 0 where these are sure of a
        class, and not bounded by N log C.

        A temperature counts in the posterior that there is, not in the noise of labels to come, as in `predict`.

        Source: MacKay (1992); Houlsby, Huszar, Ghahramani and Lengyel (2011) for classes.
        """
        likelihood = self.model.likelihood
        if not boolean("joint", joint) and likelihood.is_classifier:
            return self.uncertainty(X, n_samples=n_samples, rng=rng).epistemic
        X, _, _ = self._checked(X, n_samples, rng)
        return (gain_of_all if joint else gain_of_each)(likelihood, self._linearised, X)

    def functional_samples(self, X: Any, n_samples: int, rng: Seed = None) -> Array:
        """Draw linearised functions f(x) + J (theta_s - theta) at X, (S, N, C): one theta_s for all inputs."""
        X, n_samples, rng = self._checked(X, n_samples, rng)
        thetas = self.sample(n_samples, rng)
        samples = self._ask(lambda f: f.linear_samples().transpose(1, 0, 2), X, thetas)  # (N, S, C)
        return np.ascontiguousarray(samples.transpose(1, 0, 2))

    @property
    def _linearised(self) -> LinearisedNetwork:
        """The network, linear around the MAP, with the posterior over its parameters."""
        return LinearisedNetwork(self.model.network, self.theta, self.posterior, self.subset)

    def _checked(self, X: Any, n_samples: Any, rng: Seed) -> tuple[Readable, int, np.random.Generator]:
        """Return the checked arguments of a prediction; the check comes before a number is drawn from `rng`."""
        self._fitted()
        X = self.model.network.check_readable(X)
        return X, whole_number("n_samples", n_samples, least=1), sampler(rng)

    def _ask(self, link: Callable[[Outputs], Any], X: Readable, thetas: Array = NO_SAMPLES) -> Any:
        """Return `link` of the Gaussian over the outputs at X, computed in batches."""
        outputs = self._linearised
        floats = outputs.floats_each(len(thetas))
        return in_batches(lambda some: link(outputs(some, thetas)), X, floats, self.posterior.room)
