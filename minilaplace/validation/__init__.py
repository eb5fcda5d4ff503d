"""Around the post: the boundary's checks.

Every value a user hands in passes through one of these functions once, before any work is done. Each returns the
value in the form the library computes with, or raises a `ValueError` (`TypeError` where the type is wrong) that
names the argument, what was expected and what was received. What it returns is what the caller keeps.

| module | takes |
|---|---|
| `values.py` | single values: numbers, counts, names, switches, functions, seeds |
| `arrays.py` | vectors, matrices and targets, and samples that may be too many to convert as a whole |
| `conversion.py` | whatever holds numbers, and makes float64 of it, or refuses it |
| `memory.py` | the size of what would be computed |
"""

from .arrays import (
    Readable,
    StoredSamples,
    check_shape,
    class_labels,
    matrix,
    number_or_vector,
    numbers,
    positive_definite,
    positive_numbers,
    readable,
    real_targets,
    vector,
)
from .conversion import Array, finite, numeric_array, real_array, refusal, refuse_masked, refuse_where
from .memory import check_dense, check_memory, gibibytes
from .values import (
    Seed,
    boolean,
    check_callback,
    check_executor,
    instance,
    keep,
    option,
    real_number,
    sampler,
    whole_number,
)

__all__ = [
    "Array",
    "Readable",
    "Seed",
    "StoredSamples",
    "boolean",
    "check_callback",
    "check_dense",
    "check_executor",
    "check_memory",
    "check_shape",
    "class_labels",
    "finite",
    "gibibytes",
    "instance",
    "keep",
    "matrix",
    "number_or_vector",
    "numbers",
    "numeric_array",
    "option",
    "positive_definite",
    "positive_numbers",
    "readable",
    "real_array",
    "real_number",
    "real_targets",
    "refusal",
    "refuse_masked",
    "refuse_where",
    "sampler",
    "vector",
    "whole_number",
]
