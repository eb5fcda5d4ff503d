"""Draws from Markov chains, and whether the chains agree with one another.

The draws of a Markov chain depend on one another, and a chain may never see most of the posterior. Two numbers show
this, for each parameter or for any function of theta, when several chains start far apart:

- `split_r_hat` is near 1 where all halves of all chains have the same distribution, and larger where they do not;
- `effective_sample_size` is the number of independent draws whose average would be as accurate as that of these draws.

Hidden units of a network can be exchanged, or their signs reversed, without changing its outputs. Its posterior
therefore has many equal modes, and two chains need not agree on theta. They must agree on the outputs, which
`Chains.evaluate` computes.

Source: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021); Geyer (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, rfft
from scipy.special import ndtri

from ..validation import Array, finite, instance, position, real_array, real_number, refusal

LEAST_SIZE = 50  # effective draws for each half of a chain, below which R-hat itself is not reliable
MOST_DIVERGENT = 0.01  # the largest share of a chain's draws that may diverge
LEAST_APART = 0.01  # standard deviations of the draws, in at least one parameter, by which starts must differ
ROUNDING = 16 * float(np.finfo(float).eps)  # draws that differ by no more, relative to their size, are a constant


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws from a posterior by several Markov chains, without their warm-ups."""

    samples: Array  # (n_chains, n_samples, P), the draws of theta
    acceptance: Array  # (n_chains,), the average probability with which a chain accepted its proposals
    step_size: Array  # (n_chains,), the step that a chain's warm-up has chosen
    divergences: NDArray[np.intp]  # (n_chains,), how many trajectories did not keep their energy; each is rejected
    starts: Array | None = None  # (n_chains, P), where each chain started its warm-up, None if that is not known

    def __repr__(self) -> str:
        (n_chains, n_samples, P), divergences = self.samples.shape, int(self.divergences.sum())
        low, high = self.acceptance.min(), self.acceptance.max()
        counts = f"{n_chains} chains, {n_samples} draws each, {P} parameters"
        return f"Chains({counts}, acceptance {low:.2f} to {high:.2f}, {divergences} divergences)"

    @property
    def thetas(self) -> Array:
        """All draws, one chain after another, (S, P)."""
        return self.samples.reshape(-1, self.samples.shape[-1])

    def evaluate(self, function: Callable[[Array], Any]) -> Array:
        """Return function(theta) for every draw, (n_chains, n_samples, ...)."""
        values = np.array([function(theta) for theta in self.thetas])
        return values.reshape(*self.samples.shape[:2], *values.shape[1:])

    def r_hat(self) -> Array:
        """Return `split_r_hat` of every parameter, (P,)."""
        return split_r_hat(self.samples)

    def effective_sample_size(self) -> Array:
        """Return the `effective_sample_size` of every parameter, (P,)."""
        return effective_sample_size(self.samples)

    def truth(self, limit: float = 1.01, of: Callable[[Array], Any] | None = None) -> Array:
        """Return all draws (S, P) if the chains agree, and raise a ValueError if they do not.

        The chains must have started apart, since chains from one place may all stay in the same one of several modes:
        in at least one parameter, two `starts` must differ by 1% of the standard deviation of its draws. Where
        `starts` is None this cannot be asked.

        Chains agree if R-hat is at most `limit`, if the effective sample size is at least 50 for each half of a chain,
        as Vehtari et al. (2021) recommend, and if no chain diverged in more than 1% of its draws. One chain alone
        agrees with nothing. R-hat and effective sample size are those of the function `of` theta (P,), such as
        `lambda theta: network.forward(theta, X)`, by default of theta itself. The error names the worst of them and
        its index, or the number of divergences, and says what to do.
        """
        limit = real_number("limit", limit, above=1.0)
        if of is not None:
            instance("of", of, Callable, "a function of theta")
        if len(self.samples) < 2:
            raise ValueError(refusal("truth", "two chains or more, which started apart", "one"))
        self._check_apart()
        draws = self.samples if of is None else finite("of(theta)", self.evaluate(of))
        r_hat, size, least = split_r_hat(draws), effective_sample_size(draws), LEAST_SIZE * 2 * len(self.samples)
        if not r_hat.max() <= limit:
            raise self._disagreement(f"R-hat of at most {limit:g}", r_hat, r_hat.argmax(), of)
        if not size.min() >= least:
            raise self._disagreement(f"an effective sample size of at least {least}", size, size.argmin(), of)
        worst, n_draws = int(np.argmax(self.divergences)), self.samples.shape[1]
        if self.divergences[worst] > MOST_DIVERGENT * n_draws:  # some parts of the posterior cannot be reached
            expected = f"divergences in at most {MOST_DIVERGENT:.0%} of each chain's draws"
            received = f"{self.divergences[worst]} in {n_draws} draws of the chain at index {worst}"
            advice = "warm up longer (n_warmup), or make the prior stronger"
            raise ValueError(refusal("truth", expected, f"{received}; {advice}"))
        return self.thetas

    def _check_apart(self) -> None:
        """Raise a ValueError if all chains started at one place, as far as the spread of the draws can tell."""
        if self.starts is None:
            return
        between = np.ptp(self.starts, axis=0)
        if not np.any(between > LEAST_APART * self.thetas.std(axis=0)):
            received = "chains from one theta0, which may all have stayed in one of several modes"
            advice = "leave theta0 out, to start from draws of the prior, or give (n_chains, P) starts far apart"
            raise ValueError(refusal("truth", "chains that started apart", f"{received}; {advice}"))

    def _disagreement(self, expected: str, values: Array, worst: np.intp, of: object) -> ValueError:
        """Return the error that names the worst of the values, where it is, and what to do."""
        index = tuple(map(int, np.unravel_index(worst, values.shape)))
        received = f"{values[index]:.4g} for {'theta' if of is None else 'of(theta)'} at index {position(index)}"
        advice = f"{self.divergences.sum()} divergences; "
        advice += "draw more (n_samples, n_warmup), with longer trajectories (n_leapfrog)"
        if of is None:
            advice += "; for a network ask whether its outputs agree: of=lambda theta: network.forward(theta, X)"
        return ValueError(refusal("truth", f"{expected} everywhere", f"{received}, {advice}"))


def split_r_hat(draws: ArrayLike) -> Array:
    """Return the rank-normalised split R-hat of draws (n_chains, T, ...), of shape (...).

    Each chain is cut into two halves of n = T // 2 draws, without the middle one if T is odd, which leaves
    S = 2 n_chains n draws. They are replaced by their normal scores, Phi^-1((rank - 3/8) / (S + 1/4)), which have a
    mean and a variance even where the distribution of the draws has none. Then

        R-hat = sqrt(total / within),   total = (n - 1) / n within + between

    where `within` is the average variance within a half and `between` is the variance of the halves' means. The same is
    computed for |draw - median|, which shows differences of scale, and the larger one is returned. It is 1 for draws
    that are all equal, or that differ by rounding alone.

    Source: Vehtari et al. (2021), equations 1-4 and 14, and section 3.
    """

    def rank_normalised(x: Array) -> float:
        return max(_r_hat(_normal_scores(x)), _r_hat(_normal_scores(np.abs(x - np.median(x)))))

    return _for_each_number(rank_normalised, draws)


def effective_sample_size(draws: ArrayLike) -> Array:
    """Return the effective number of draws (n_chains, T, ...) for the estimate of their mean, of shape (...).

        ESS = S / tau,   tau = 1 + 2 sum_t rho_t,   rho_t = 1 - (within - n / (n - 1) autocovariance_t) / total

    n, S, `within` and `total` are those of `split_r_hat`, here of the draws themselves; if chains disagree, `total` is
    large and the ESS is small. It is S for draws that are all equal, or that differ by rounding alone. autocovariance_t
    is the average over the halves of 1 / n sum_i (x_i - mean) (x_i+t - mean). The sum is Geyer's initial monotone
    sequence: it takes the pairs rho_2k + rho_2k+1 up to the first that is not positive, each reduced to the smallest
    one before it. The Monte Carlo standard error of the mean is the standard deviation of the draws / sqrt(ESS).

    Source: Vehtari et al. (2021); Geyer (1992).
    """
    return _for_each_number(_effective_sample_size, draws)


def _for_each_number(statistic: Callable[[Array], float], draws: ArrayLike) -> Array:
    """Return statistic(halves (2 n_chains, n)) for each number in a draw; draws (n_chains, T, ...) give (...).

    A number whose draws differ by rounding alone is a constant, whose order and means say nothing: they become zeros.
    """
    expected = "shape (n_chains, T, ...) with T >= 4"
    draws = finite("draws", real_array("draws", draws, expected, lambda s: len(s) > 1 and s[1] >= 4 and 0 not in s))
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]])
    columns = halves.reshape(*halves.shape[:2], -1)  # (2 n_chains, n, K)
    error = ROUNDING * np.abs(columns).max(axis=(0, 1)) + np.finfo(float).tiny  # (K,)
    constant = np.ptp(columns, axis=(0, 1)) <= error  # (K,)
    columns = np.where(constant, 0.0, columns)
    values = [statistic(columns[:, :, k]) for k in range(columns.shape[2])]
    return np.reshape(values, draws.shape[2:])


def _r_hat(x: Array) -> float:
    """Return sqrt(total / within) of chains x (M, n), which is 1 for a constant."""
    within, total = _within_and_total(x)
    if within == 0:
        return 1.0 if total == 0 else np.inf
    return float(np.sqrt(total / within))


def _within_and_total(x: Array) -> tuple[float, float]:
    """Return the variance within chains x (M, n), and the total variance (n - 1) / n within + between."""
    moved = x - x[:, :1]  # exactly 0 in a chain that never moves, whose mean would be rounded
    within = float(moved.var(axis=1, ddof=1).mean())
    between = float((x[:, 0] - x[0, 0] + moved.mean(axis=1)).var(ddof=1))
    return within, within * (1 - 1 / x.shape[1]) + between


def _normal_scores(x: Array) -> Array:
    """Return Phi^-1((rank - 3/8) / (size + 1/4)) of x (M, n); equal draws, which rejections make, share a mean rank."""
    from scipy.stats import rankdata  # not at the top: loading it takes nearly as long as loading minilaplace

    return ndtri((rankdata(x).reshape(x.shape) - 3 / 8) / (x.size + 1 / 4))


def _effective_sample_size(x: Array) -> float:
    """Return the effective number of draws x (M, n), which is their number for a constant."""
    n = x.shape[1]
    within, total = _within_and_total(x)
    if total == 0:
        return float(x.size)
    rho = 1 - (within - _autocovariance(x).mean(axis=0) * n / (n - 1)) / total  # (n,)
    rho[0] = 1
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0)
    tau = 2 * np.minimum.accumulate(pairs)[positive].sum() - 1
    return float(x.size / max(tau, 1 / np.log10(x.size)))  # alternating draws are worth more than S, within this bound


def _autocovariance(x: Array) -> Array:
    """Return 1 / n sum_i (x_i - mean) (x_i+t - mean) of each chain, (M, n), by FFT of chains padded with zeros."""
    n = x.shape[1]
    spectrum = rfft(x - x.mean(axis=1, keepdims=True), 2 * n)
    return irfft(np.abs(spectrum) ** 2)[:, :n] / n
