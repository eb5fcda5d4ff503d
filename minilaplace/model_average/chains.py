"""*The case for Bayesian Deep Learning*, many different specifications: whether chains of draws agree.

A Markov chain draws parameter vectors that depend on one another, and it may never see most of the posterior. Two
numbers tell, for each parameter or for any function of theta, from several chains that started far apart:

- `split_r_hat`: near 1 where all halves of all chains have the same distribution, above where they do not;
- `effective_sample_size`: how many independent draws have an average as accurate as these draws have.

Hidden units can be exchanged, and their signs turned, without a change of the function: a network's posterior has many
equal modes, and no two chains need agree on theta. What must agree is what the networks say, `Chains.evaluate`.

Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021); Geyer (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri

from ..validation import Array, finite, real_array, real_number, refusal

LEAST_SIZE = 50  # effective draws for each half of a chain, below which R-hat is itself not to be relied on
MOST_DIVERGENT = 0.01  # of a chain's draws


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws from a posterior by several Markov chains, warm-up left out.

    Attributes
    ----------
    samples
        theta along every chain, (n_chains, n_samples, P).
    acceptance
        The average probability with which each chain accepted a proposal, (n_chains,).
    step_size
        The step that each chain's warm-up ended with, (n_chains,).
    divergences
        How many trajectories of each chain lost their energy, (n_chains,); each counts as a rejection.
    """

    samples: Array
    acceptance: Array
    step_size: Array
    divergences: NDArray[np.intp]

    @property
    def thetas(self) -> Array:
        """All draws, chain after chain, (S, P)."""
        return self.samples.reshape(-1, self.samples.shape[-1])

    def evaluate(self, function: Callable[[Array], Any]) -> Array:
        """Return function(theta) for every draw, (n_chains, n_samples, ...)."""
        values = np.array([np.asarray(function(theta)) for theta in self.thetas])
        return values.reshape(*self.samples.shape[:2], *values.shape[1:])

    def r_hat(self) -> Array:
        """Return `split_r_hat` of every parameter, (P,)."""
        return split_r_hat(self.samples)

    def effective_sample_size(self) -> Array:
        """Return the `effective_sample_size` of every parameter, (P,)."""
        return effective_sample_size(self.samples)

    def truth(self, limit: float = 1.01, of: Callable[[Array], Any] | None = None) -> Array:
        """Return `thetas` if the chains agree, and refuse to call them the posterior if they do not.

        The rules are three: R-hat is at most `limit`; the effective sample size is at least 50 for each half of a
        chain, as Vehtari et al. (2021) recommend; and no chain diverged in more than 1% of its draws.

        Parameters
        ----------
        limit
            The largest R-hat that counts as agreement.
        of
            What must agree, a function of theta (P,), such as `lambda theta: network.forward(theta, X)`; by default
            theta itself.

        Raises
        ------
        ValueError
            That names the worst R-hat or effective sample size, where it is, and what to do; the divergences, if
            there are too many; or that there is one chain alone.
        """
        limit = real_number("limit", limit, above=1.0)
        if of is not None and not callable(of):
            raise TypeError(refusal("of", "a function of theta", repr(of)))
        if len(self.samples) < 2:
            raise ValueError(refusal("truth", "two chains or more, which started apart", "one"))
        draws = self.samples if of is None else finite("of(theta)", self.evaluate(of))
        what = "theta" if of is None else "of(theta)"
        advice = f"{self.divergences.sum()} divergences; "
        advice += "draw more (n_samples, n_warmup), with longer trajectories (n_leapfrog)"
        if of is None:
            advice += "; for a network ask whether its outputs agree: of=lambda theta: network.forward(theta, X)"
        r_hat, size, least = split_r_hat(draws), effective_sample_size(draws), LEAST_SIZE * 2 * len(self.samples)
        if not np.max(r_hat) <= limit:
            received = f"{_at(r_hat, int(np.argmax(r_hat)), what)}, {advice}"
            raise ValueError(refusal("truth", f"R-hat of at most {limit:g} everywhere", received))
        if not np.min(size) >= least:
            received = f"{_at(size, int(np.argmin(size)), what)}, {advice}"
            raise ValueError(refusal("truth", f"an effective sample size of at least {least} everywhere", received))
        self._check_divergences()
        return self.thetas

    def _check_divergences(self) -> None:
        """Raise a ValueError if a chain lost its energy too often: there are places where it cannot go."""
        worst, n_draws = int(np.argmax(self.divergences)), self.samples.shape[1]
        if self.divergences[worst] > MOST_DIVERGENT * n_draws:
            received = f"{self.divergences[worst]} in {n_draws} draws of the chain at index {worst}"
            advice = "warm up longer (n_warmup), or make the prior stronger"
            expected = f"divergences in at most {MOST_DIVERGENT:.0%} of each chain's draws"
            raise ValueError(refusal("truth", expected, f"{received}; {advice}"))


def _at(values: Array, k: int, what: str) -> str:
    """Say the k-th of the values, and where it is."""
    return f"{np.ravel(values)[k]:.4g} for {what} at index {tuple(map(int, np.unravel_index(k, np.shape(values))))}"


def split_r_hat(draws: Any) -> Array:
    """Return the rank-normalised split R-hat of draws (n_chains, T, ...), of shape (...).

    Each chain is cut into two halves of n = T // 2 draws (an odd middle one is left out), S = 2 n_chains n in all.
    With W the average variance within a half and B / n the variance of the halves' means,

        R-hat = sqrt(((n - 1) / n W + B / n) / W)

    of the draws' normal scores, Phi^-1((rank - 3/8) / (S + 1/4)), which do without moments; or of the scores of
    |draw - median|, which see a difference of scale, if that is larger. A constant has 1.

    Source: Vehtari et al. (2021), equations 1-4 and 14, and section 3.
    """
    return _column_by_column(_rank_normalised_r_hat, draws)


def effective_sample_size(draws: Any) -> Array:
    """Return the effective number of draws (n_chains, T, ...) for the estimate of their mean, of shape (...).

        ESS = S / tau,  tau = 1 + 2 sum_t rho_t,  rho_t = 1 - (W - n / (n - 1) C_t) / V

    with n, S, W and V = (n - 1) / n W + B / n of the halves as in `split_r_hat`, so that chains that disagree count for
    little. C_t is the average over the halves of 1 / n sum_i (x_i - mean) (x_i+t - mean); n / (n - 1) C_0 is W. The sum
    goes over pairs rho_2k + rho_2k+1 as long as they are positive, and never lets them rise again: Geyer's initial
    monotone sequence. The Monte Carlo error of the mean is the standard deviation / sqrt(ESS).

    Source: Vehtari et al. (2021); Geyer (1992).
    """
    return _column_by_column(_effective_sample_size, draws)


def _column_by_column(statistic: Callable[[Array], float], draws: Any) -> Array:
    """Return the statistic of the halves (2 n_chains, n) of every number that was drawn."""
    expected = "shape (n_chains, T, ...) with T >= 4"
    draws = finite("draws", real_array("draws", draws, expected))
    if draws.ndim < 2 or draws.shape[1] < 4 or draws.size == 0:
        raise ValueError(refusal("draws", expected, f"shape {draws.shape}"))
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]])
    columns = halves.reshape(*halves.shape[:2], -1)
    values = [statistic(columns[:, :, k]) for k in range(columns.shape[2])]
    return np.reshape(values, draws.shape[2:])


def _rank_normalised_r_hat(x: Array) -> float:
    return max(_r_hat(_normal_scores(x)), _r_hat(_normal_scores(np.abs(x - np.median(x)))))


def _r_hat(x: Array) -> float:
    W, V = _within_and_total(x)
    if W == 0:
        return 1.0 if V == 0 else np.inf
    return float(np.sqrt(V / W))


def _within_and_total(x: Array) -> tuple[float, float]:
    """Return W and V = (n - 1) / n W + B / n of chains (M, n)."""
    W = float(x.var(axis=1, ddof=1).mean())
    between = float(x.mean(axis=1).var(ddof=1))  # B / n
    return W, W * (1 - 1 / x.shape[1]) + between


def _normal_scores(x: Array) -> Array:
    """Return Phi^-1 of the ranks; equal draws, which rejections make, share the average of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ndtri((ranks[inverse.reshape(x.shape)] - 3 / 8) / (x.size + 1 / 4))


def _effective_sample_size(x: Array) -> float:
    n = x.shape[1]
    W, V = _within_and_total(x)
    if V == 0:
        return float(x.size)
    rho = 1 - (W - _autocovariance(x).mean(axis=0) * n / (n - 1)) / V  # (n,)
    rho[0] = 1
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0)
    tau = 2 * np.minimum.accumulate(pairs)[positive].sum() - 1
    return float(x.size / max(tau, 1 / np.log10(x.size)))  # draws that alternate are worth more than S, within reason


def _autocovariance(x: Array) -> Array:
    """Return 1 / n sum_i (x_i - mean) (x_i+t - mean) of every chain, (M, n), by FFT of the padded chains."""
    n = x.shape[1]
    size = next_fast_len(2 * n, real=True)
    spectrum = rfft(x - x.mean(axis=1, keepdims=True), size, axis=1)
    return irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :n] / n
