"""Around the post: find wrong derivatives in your own code, and wrong numbers.

`derivatives.py` has the checks to call; `differences.py` the finite differences that they compare with, which know
their own error; `verdict.py` says what a check has found.
"""

from .derivatives import check_equal, check_gradient, check_hessian, check_jacobian
from .verdict import Check

__all__ = ["Check", "check_equal", "check_gradient", "check_hessian", "check_jacobian"]
