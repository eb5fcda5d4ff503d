"""One arithmetic for the numbers that notebooks print, on whichever machine they are executed.

NumPy and OpenBLAS have kernels for each generation of processors, whose rounding differs, and a long training that is
rounded otherwise can end at another mode. What a tutorial claims is asserted, and holds all the same. What it prints is
what the kernels for processors with AVX2 print; those that can do more have these too.
"""

import numpy as np

# Whether this machine has it: X86_V3 is NumPy's name for AVX2 and FMA.
EVERYWHERE = "X86_V3" in np.show_config(mode="dicts")["SIMD Extensions"]["found"]
ARITHMETIC = {"OPENBLAS_NUM_THREADS": "1"}
if EVERYWHERE:
    ARITHMETIC |= {"OPENBLAS_CORETYPE": "Haswell", "NPY_ENABLE_CPU_FEATURES": "X86_V3"}
