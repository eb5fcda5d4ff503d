"""Around the post: scikit-learn estimators that train an MLP, tune its prior, and say how sure they are.

`classifier.py` has `LaplaceClassifier`, `regressor.py` has `LaplaceRegressor`. `base.py` is what both do for their
users, `fitting.py` how training and tuning follow from their parameters, and `starts.py` which of several starts is
kept. `mlp.py` finds the network, the prior and the noise that correspond to a trained MLP of scikit-learn, `scales.py`
standardises columns, `files.py` writes an estimator to a file, and `conventions.py` has what scikit-learn expects of
every estimator. The room needs the extra `minilaplace[sklearn]`.
"""

try:
    from .classifier import LaplaceClassifier
    from .mlp import matching_precision, residual_noise
    from .regressor import LaplaceRegressor
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] != "sklearn":
        raise
    cure = 'minilaplace.sklearn needs scikit-learn: python -m pip install "minilaplace[sklearn]"'
    raise ModuleNotFoundError(cure, name="sklearn") from None

__all__ = ["LaplaceClassifier", "LaplaceRegressor", "matching_precision", "residual_noise"]
