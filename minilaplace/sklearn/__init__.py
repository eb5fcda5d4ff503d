"""Around the post: scikit-learn estimators that train an MLP, tune its prior, and say how sure they are.

`estimators.py` has `LaplaceClassifier` and `LaplaceRegressor`, and `base.py` their common base class. `mlp.py` finds
the network, the prior and the noise that correspond to a trained MLP of scikit-learn, and `conventions.py` has what
scikit-learn expects of every estimator. The room needs the extra `minilaplace[sklearn]`.
"""

try:
    from .estimators import LaplaceClassifier, LaplaceRegressor
    from .mlp import matching_precision, residual_noise
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] != "sklearn":
        raise
    cure = 'minilaplace.sklearn needs scikit-learn: python -m pip install "minilaplace[sklearn]"'
    raise ModuleNotFoundError(cure, name="sklearn") from None

__all__ = ["LaplaceClassifier", "LaplaceRegressor", "matching_precision", "residual_noise"]
