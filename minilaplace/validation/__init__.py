"""Around the post: the boundary's checks.

Every value a user hands in passes through one of these functions once, before any work is done. Each returns the
value in the form the library computes with, or raises a `ValueError` (`TypeError` where the type is wrong) that
names the argument, what was expected and what was received. What it returns is what the caller keeps.

| module | takes |
|---|---|
| `inputs.py` | what a fit or a prediction is given: samples, counts and seeds |
| `targets.py` | what belongs to each sample: labels, real targets, weights |
| `arguments.py` | names, numbers, vectors and matrices |
| `memory.py` | the size of what would be computed |

`shown.py` says how values look in errors, and in reprs.
"""

from .arguments import keep, number_or_vector, numbers, option, positive_definite, positive_numbers, real_number, vector
from .inputs import (
    Array,
    Readable,
    Seed,
    StoredSamples,
    boolean,
    check_callback,
    check_executor,
    check_shape,
    finite,
    instance,
    matrix,
    numeric_array,
    readable,
    real_array,
    refuse_masked,
    refuse_where,
    sampler,
    whole_number,
)
from .memory import NOT_DENSE, check_dense, check_memory, gibibytes
from .shown import position, refusal, short, short_repr, shown
from .targets import class_labels, real_targets, sample_weights
