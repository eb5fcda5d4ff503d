"""One BLAS thread for each test process: the cores are the processes', and small matrices are quicker with one."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
