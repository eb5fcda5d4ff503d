"""Around the post: find wrong derivatives in your own code, and wrong numbers.

`derivatives.py` has the three checks of a derivative, and `differences.py` the finite differences that they compare
with. `answers.py` compares numbers and functions with right ones, as an exercise does. `verdict.py` has `Check`, which
says whether all entries agree, which one is worst, and what usually causes such a mistake.

An exercise has a gap, `...`, for the answer. The check of a value that still is the gap, or of a function that returns
it, fails and says that the gap is open.
"""

from .answers import check_equal, check_function
from .derivatives import check_gradient, check_hessian, check_jacobian
from .verdict import Check

__all__ = ["Check", "check_equal", "check_function", "check_gradient", "check_hessian", "check_jacobian"]
