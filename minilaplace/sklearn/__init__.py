"""Around the post: scikit-learn estimators that train an MLP, tune its prior, and say how sure they are.

`estimators.py` has `LaplaceClassifier` and `LaplaceRegressor`; `base.py` what the two share; `mlp.py` what a trained
MLP of scikit-learn stands for in the terms of this library. Needs the extra, `minilaplace[sklearn]`.
"""

from .estimators import LaplaceClassifier, LaplaceRegressor

__all__ = ["LaplaceClassifier", "LaplaceRegressor"]
