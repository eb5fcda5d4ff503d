"""One BLAS thread for each test process: the cores are the processes', and small matrices are quicker with one.

Hypothesis has no deadline: how long an example takes says how busy the machine is.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings  # it imports NumPy, whose threads are chosen above

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
