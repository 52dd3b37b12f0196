"""What a person would write by hand for every trainer, with the libraries alone."""

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

Build = Callable[[int], Any]
"""Takes the number of training rows."""

_BOOSTING: dict[str, Any] = {
    "n_estimators": 20,
    "learning_rate": 0.1,
    "random_state": 3,
    "n_jobs": 1,
}
_LIGHTGBM = _BOOSTING | {"deterministic": True, "force_row_wise": True, "verbosity": -1}
_EXACT: dict[str, Any] = {"n_estimators": 20, "random_state": 3}
_NETWORK: dict[str, Any] = {
    "hidden_layer_sizes": (16, 8),
    "learning_rate_init": 0.01,
    "max_iter": 100,
    "random_state": 3,
}


def _scale_target(regressor: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


CLASSIFIERS: dict[str, Build] = {
    "logistic-regression": lambda _: LogisticRegression(C=1.0, max_iter=1000),
    "gradient-boosting": lambda _: HistGradientBoostingClassifier(
        max_iter=20, early_stopping=False, categorical_features=None, random_state=3
    ),
    "exact-gradient-boosting": lambda _: GradientBoostingClassifier(**_EXACT),
    "random-forest": lambda _: RandomForestClassifier(25, max_depth=16, random_state=3),
    "extra-trees": lambda _: ExtraTreesClassifier(15, max_depth=10, random_state=3),
    "decision-tree": lambda _: DecisionTreeClassifier(
        max_depth=8, min_samples_leaf=5, random_state=3
    ),
    "k-nearest-neighbors": lambda _: KNeighborsClassifier(5, algorithm="kd_tree"),
    "svm": lambda _: CalibratedClassifierCV(SVC(), cv=5, ensemble=False),
    "naive-bayes": lambda _: GaussianNB(var_smoothing=1e-2),
    "mlp": lambda _: MLPClassifier(**_NETWORK),
    "lightgbm": lambda _: lightgbm.LGBMClassifier(**_LIGHTGBM),
    "xgboost": lambda _: xgboost.XGBClassifier(**_BOOSTING),
}

REGRESSORS: dict[str, Build] = {
    "linear-regression": lambda _: Ridge(1.0),
    "gradient-boosting": lambda _: HistGradientBoostingRegressor(
        max_iter=20, early_stopping=False, categorical_features=None, random_state=3
    ),
    "exact-gradient-boosting": lambda _: GradientBoostingRegressor(**_EXACT),
    "random-forest": lambda _: RandomForestRegressor(25, max_depth=16, random_state=3),
    "extra-trees": lambda _: ExtraTreesRegressor(15, max_depth=10, random_state=3),
    "decision-tree": lambda _: DecisionTreeRegressor(
        max_depth=8, min_samples_leaf=5, random_state=3
    ),
    "k-nearest-neighbors": lambda _: KNeighborsRegressor(5, algorithm="kd_tree"),
    "svm": lambda _: _scale_target(SVR()),
    "mlp": lambda _: _scale_target(MLPRegressor(**_NETWORK)),
    "lightgbm": lambda _: lightgbm.LGBMRegressor(**_LIGHTGBM),
    "xgboost": lambda _: _scale_target(xgboost.XGBRegressor(**_BOOSTING)),
}

# The same with settings that make another model of it.
OTHERWISE: dict[tuple[str, str], tuple[dict[str, Any], Build]] = {
    ("logistic-regression", "multiclass"): (
        {"l1_ratio": 0.5},
        lambda _: LogisticRegression(
            C=1.0, l1_ratio=0.5, solver="saga", max_iter=1000, random_state=3
        ),
    ),
    ("linear-regression", "regression"): (
        {"l1_ratio": 0.9, "regularization": 20.0},
        lambda rows: _scale_target(ElasticNet(alpha=20.0 / rows, l1_ratio=0.9)),
    ),
    ("k-nearest-neighbors", "multiclass"): (
        {"weights": "distance", "neighbors": 9},
        lambda _: KNeighborsClassifier(9, weights="distance", algorithm="kd_tree"),
    ),
    ("k-nearest-neighbors", "regression"): (
        {"weights": "distance"},
        lambda _: KNeighborsRegressor(5, weights="distance", algorithm="kd_tree"),
    ),
    ("svm", "multiclass"): (
        {"kernel": "linear", "class_weight": "balanced"},
        lambda _: CalibratedClassifierCV(
            SVC(kernel="linear", class_weight="balanced"), cv=5, ensemble=False
        ),
    ),
    ("svm", "binary"): (
        {"gamma": 0.02, "regularization": 0.1},
        lambda _: CalibratedClassifierCV(SVC(gamma=0.02, C=10.0), cv=5, ensemble=False),
    ),
    ("svm", "regression"): (
        {"kernel": "linear", "epsilon": 0.3},
        lambda _: _scale_target(SVR(kernel="linear", epsilon=0.3)),
    ),
    ("mlp", "binary"): (
        {"activation": "tanh", "max_iterations": 50},
        lambda _: MLPClassifier((64,), activation="tanh", max_iter=50, random_state=3),
    ),
    ("mlp", "regression"): (
        {"activation": "logistic", "max_iterations": 50},
        lambda _: _scale_target(
            MLPRegressor(
                hidden_layer_sizes=(64,), activation="logistic", max_iter=50, random_state=3
            )
        ),
    ),
}  # fmt: skip


def build_pipeline(frame: pl.DataFrame, estimator: Any, *, scale: bool) -> Pipeline:
    """Put the usual steps before an estimator: medians for numbers, one-hot for text.

    Args:
        frame: The rows to be fitted on.
        estimator: Unfitted.
        scale: Whether to standardize numbers.
    """
    # Decimal numbers stand before whole ones, since forests draw columns by their place.
    kinds = frame.schema.items()
    decimals = [name for name, kind in kinds if kind.is_float()]
    numbers = decimals + [name for name, kind in kinds if kind.is_integer()]
    texts = [name for name, kind in kinds if kind == pl.String]
    # And the most frequent category before the others, for the same reason.
    orders = [
        frame[name].value_counts().sort(["count", name], descending=[True, False])[name].to_list()
        for name in texts
    ]
    encode = OneHotEncoder(categories=orders, handle_unknown="ignore", sparse_output=False)
    impute = SimpleImputer(strategy="median")
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(impute, StandardScaler()) if scale else impute, numbers),
            ("texts", encode, texts),
        ]
    )
    return make_pipeline(columns, estimator)


def prepare(frame: pl.DataFrame) -> pl.DataFrame:
    """Take numbers in the precision in which they are served, and missing text as text."""
    holed = [name for name in frame.columns if frame[name].null_count()]
    return frame.with_columns(
        [pl.col(name).cast(pl.Float64) for name in holed if frame[name].dtype.is_integer()]
    ).with_columns(
        pl.selectors.float().cast(pl.Float32).cast(pl.Float64).fill_null(np.nan),
        pl.selectors.string().fill_null(""),
    )
