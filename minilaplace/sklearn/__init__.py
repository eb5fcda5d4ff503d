"""Around the post: scikit-learn estimators that train an MLP, tune its prior, and say how sure they are.

`estimators.py` has `LaplaceClassifier` and `LaplaceRegressor`, and `base.py` their common base class. `mlp.py` finds
the network, the prior and the noise that correspond to a trained MLP of scikit-learn, and `conventions.py` has what
scikit-learn expects of every estimator. The room needs the extra `minilaplace[sklearn]`.
"""

from .estimators import LaplaceClassifier, LaplaceRegressor
from .mlp import matching_precision, residual_noise

__all__ = ["LaplaceClassifier", "LaplaceRegressor", "matching_precision", "residual_noise"]
