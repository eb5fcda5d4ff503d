"""A fit: all that a posterior and the evidence need to know of the data, added up over samples.

These are its curvature in some structure, its negative log-likelihood, and the number of samples. A sum over samples is
also one over shards of the data: `add_up` computes it in this process or, shard by shard, in those of an executor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..curvature import CURVATURES, contributions, finite_curvature
from ..model.bayesian_model import BayesianModel
from ..model.likelihood import Likelihood
from ..model.weights import WeightedData
from ..network.jacobian import batches, n_parameters
from ..network.subset import INDICES, SUBSETS, Subset, select
from ..parallel import side_by_side
from ..validation import (
    Array,
    check_memory,
    gibibytes,
    keep,
    numeric_array,
    option,
    real_number,
    refusal,
    short_repr,
    whole_number,
)
from .full import BlockDiag, Full, Structure
from .kronecker import Diag, Kron
from .low_rank import FunctionSpace, LowRank

STRUCTURES: dict[str, type[Structure]] = {
    "full": Full,
    "kron": Kron,
    "diag": Diag,
    "blockdiag": BlockDiag,
    "lowrank": LowRank,
    "gp": FunctionSpace,
}
# How many numbers each structure keeps of the curvature, given a subset and the number of rows R_n J_n of the data.
KEPT: dict[str, Callable[[Subset, int], int]] = {
    "full": lambda subset, n_rows: len(subset) ** 2,
    "kron": lambda subset, n_rows: 1 + sum(H**2 + I**2 for H, I in subset.shapes),
    "diag": lambda subset, n_rows: len(subset),
    "blockdiag": lambda subset, n_rows: sum(size**2 for size in np.bincount(subset.tensors() // 2).tolist()),
    "lowrank": lambda subset, n_rows: len(subset) ** 2,
    "gp": lambda subset, n_rows: n_rows * len(subset),
}
# The power of 1 / sigma_noise that each curvature carries.
NOISE_POWERS = {"ggn": 2, "hessian": 2, "empirical_fisher": 4}


@dataclass(frozen=True, eq=False)
class Fit:
    """Curvature, summed nll and number of samples of the data, under the likelihood that they were added up with.

    Where samples have weights, their number is the sum of the weights.
    """

    structure: Structure
    likelihood: Likelihood
    curvature: str
    temperature: float
    nll: float = 0.0
    n_data: float = 0

    def scale(self, likelihood: Likelihood) -> float:
        """Return (sigma_fit / sigma)^k / temperature, by which the added-up curvature is that under another noise."""
        return likelihood.noise_ratio(self.likelihood) ** NOISE_POWERS[self.curvature] / self.temperature

    def tempered_energy(self, likelihood: Likelihood) -> float:
        """Return the nll under another noise without its normaliser, tempered."""
        energy = self.nll - self._log_normalizer(self.likelihood)
        return energy * likelihood.noise_ratio(self.likelihood) ** 2 / self.temperature

    def log_likelihood(self, likelihood: Likelihood) -> float:
        """Return log p(y | f) under another noise; a temperature divides all of it but the normaliser."""
        return -self.tempered_energy(likelihood) - self._log_normalizer(likelihood)

    def _log_normalizer(self, likelihood: Likelihood) -> float:
        n_outputs, _ = self.structure.subset.shapes[-1]
        return self.n_data * likelihood.log_normalizer(n_outputs)


@dataclass(frozen=True, eq=False)
class Options:
    """The choices that define a fit, checked; they are small enough to be sent to another process."""

    temperature: float = 1.0
    curvature: str = "ggn"
    hessian_structure: str = "full"
    subset_of_weights: str = "all"
    subnetwork_indices: Any = None
    rank: int | None = None
    __repr__ = short_repr

    def __post_init__(self) -> None:
        structure, indices = option("hessian_structure", self.hessian_structure, STRUCTURES), self.subnetwork_indices
        if indices is not None:  # or a mask: an array that the caller cannot change
            indices = numeric_array("subnetwork_indices", indices, INDICES.format("P - 1")).copy()
        keep(
            self,
            temperature=real_number("temperature", self.temperature, above=0.0),
            curvature=option("curvature", self.curvature, CURVATURES),
            hessian_structure=structure,
            subset_of_weights=option("subset_of_weights", self.subset_of_weights, SUBSETS),
            subnetwork_indices=indices,
        )
        if structure in ("kron", "gp") and self.curvature == "hessian":
            form = {"kron": "a Kronecker product", "gp": "a sum of squares"}[structure]
            expected = f"'ggn' or 'empirical_fisher' with hessian_structure={structure!r}"
            raise ValueError(refusal("curvature", expected, f"'hessian', which is not {form}"))
        if structure == "kron" and self.subset_of_weights == "subnetwork":
            expected = "'all' or 'last_layer' with hessian_structure='kron'"
            raise ValueError(refusal("subset_of_weights", expected, "'subnetwork': parts of W have no factors B (x) A"))
        if self.rank is not None:
            if structure != "lowrank":
                raise ValueError(refusal("rank", "None but for hessian_structure='lowrank'", f"{self.rank!r}"))
            keep(self, rank=whole_number("rank", self.rank, least=1))

    def subset(self, model: BayesianModel) -> Subset:
        """Return the model's parameters that are uncertain; raise a ValueError if structure or memory do not suit."""
        if not model.network.factored and self.hessian_structure == "kron":
            expected = "another structure for pairs"
            raise ValueError(refusal("hessian_structure", expected, "'kron': a difference of two products is none"))
        subset = select(model.network, self.subset_of_weights, self.subnetwork_indices)
        self.check_memory(subset)
        return subset

    def no_data(self, likelihood: Likelihood, subset: Subset) -> Fit:
        """Return the fit to no data."""
        structure = STRUCTURES[self.hessian_structure](subset, self.rank)
        return Fit(structure, likelihood, self.curvature, self.temperature)

    def check_memory(self, subset: Subset, n_rows: int = 0) -> None:
        """Raise a ValueError if this machine has no memory for the curvature and for what a posterior makes of it."""
        smaller = "hessian_structure='kron' or 'diag', or subset_of_weights='last_layer'"
        kept = KEPT[self.hessian_structure](subset, n_rows)
        received = f"{self.hessian_structure!r} of {len(subset)} parameters, which takes {gibibytes(kept)}"
        check_memory("hessian_structure", smaller, f"{received} and, with its factor,", 2 * kept)
        if self.curvature == "hessian":
            reached = n_parameters(subset.shapes)
            received = f"'hessian' in {reached} parameters, whose second-order term takes"
            check_memory("curvature", f"'ggn' with {smaller}", received, reached**2)


def add_up(
    options: Options,
    model: BayesianModel,
    subset: Subset,
    theta: Array,
    data: WeightedData,
    *,
    batch_size: int | None = None,
    executor: Executor | None = None,
    callback: Callable[[int, int], object] | None = None,
) -> Fit:
    """Return the fit of `model` at `theta` to the data, added up shard by shard where there is an executor."""
    N = len(data.X)
    if options.hessian_structure == "gp":
        f = np.zeros((1, model.network.n_outputs))
        rows_each = 1 if options.curvature == "empirical_fisher" else model.likelihood.factor(f).shape[1]
        options.check_memory(subset, rows_each * N)
    shard = partial(_shard, options, model, subset, theta, batch_size)
    if executor is None:
        return shard(data, callback)
    slices = list(batches(N, size=-(-N // (os.cpu_count() or 1))))
    fits = side_by_side([partial(shard, data.some(some)) for some in slices], executor)
    total = options.no_data(model.likelihood, subset)
    for some, fit in zip(slices, fits, strict=True):
        total = merged(total, fit)
        if callback is not None:
            callback(some.stop, N)
    return total


def merged(fit: Fit, other: Fit) -> Fit:
    """Return the fit to the data of both; the structure of `fit` is changed into the sum of the two."""
    fit.structure.add(other.structure)
    return replace(fit, nll=fit.nll + other.nll, n_data=fit.n_data + other.n_data)


def _shard(
    options: Options,
    model: BayesianModel,
    subset: Subset,
    theta: Array,
    batch_size: int | None,
    data: WeightedData,
    callback: Callable[[int, int], object] | None = None,
) -> Fit:
    """Return the fit to one shard of the data, added up in this process."""
    fit = options.no_data(model.likelihood, subset)
    how: dict[str, Any] = {"factored": fit.structure.factored, "callback": callback}
    with np.errstate(all="ignore"):
        nll = fit.structure.add_up(contributions(options.curvature, model, theta, data, subset, batch_size, **how))
    finite_curvature(np.array(nll), *fit.structure.parts)
    return replace(fit, nll=nll, n_data=float(data.weight.sum()))
