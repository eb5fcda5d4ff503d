"""Around the post: find wrong derivatives in your own code, and wrong numbers.

`derivatives.py` has the four checks to call. `differences.py` computes the finite differences that three of them
compare with, and estimates their error. `verdict.py` has `Check`, which says whether all entries agree, which one is
worst, and what usually causes such a mistake.
"""

from .derivatives import check_equal, check_gradient, check_hessian, check_jacobian
from .verdict import Check

__all__ = ["Check", "check_equal", "check_gradient", "check_hessian", "check_jacobian"]
