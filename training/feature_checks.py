"""Whether declared features can be had: checked before any training.

Every step here ends in the one graph that is served, with the same numbers to the last digit.
What has no such graph is known by name and answered with what does nearly the same.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.errors import FieldInvalid
from training.columns import Column
from training.errors import StepNotExportable
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    Steps,
    TextSteps,
    TimeSteps,
    declared_steps,
)
from training.roles import list_roles

TIME_PARTS = (
    "age_days", "year", "month", "day", "weekday", "hour", "day_of_year",
    "month_cycle", "weekday_cycle", "hour_cycle", "day_of_year_cycle",
)  # fmt: skip
MOST_PRODUCTS = 2000

_LARGEST_FP32 = (2 - 2.0**-23) * 2.0**127
_MOST_BINS = 100
_MOST_CATEGORIES = 1000
_MOST_TERMS = 2000
_DEGREES = (0, 2, 3)
_LENGTH = 100

_DISTANCES = "what it fills in hangs on distances that no graph computes alike"
_SPREAD = "its curve has no graph that agrees with it"
_HASHES = "a graph has no hash of texts"
_PIECES = "a graph has no pieces of words"
REFUSED_STEPS: dict[str, tuple[str, str]] = {
    "knn": (_DISTANCES, "impute 'median' with missing_indicator"),
    "iterative": (_DISTANCES, "impute 'median' with missing_indicator"),
    "none": ("trees fed what misses take other branches in a graph", "impute 'median'"),
    "power": (_SPREAD, "log with scale 'standard'"),
    "yeojohnson": (_SPREAD, "log with scale 'standard'"),
    "boxcox": (_SPREAD, "log with scale 'standard'"),
    "quantiletransformer": (_SPREAD, "bins with bin_encoding 'ordinal'"),
    "spline": (_SPREAD, "bins, or polynomial_degree 3"),
    "kmeans": ("its bins hang on chance", "bin_strategy 'quantile'"),
    "hashing": (_HASHES, "encoding 'target' for categories, 'tf_idf' for texts"),
    "hash": (_HASHES, "encoding 'target' for categories, 'tf_idf' for texts"),
    "char": (_PIECES, "encoding 'tf_idf', which counts words"),
    "charwb": (_PIECES, "encoding 'tf_idf', which counts words"),
    "embedding": ("it is a model of its own", "encoding 'tf_idf' or 'target'"),
    "rfe": ("it trains hundreds of models", "method 'importance'"),
    "sequential": ("it trains hundreds of models", "method 'importance'"),
    "mutualinfo": ("its scores hang on chance", "method 'univariate'"),
}
_ENDINGS = ("imputer", "scaler", "encoder", "vectorizer", "discretizer")


def check_features(
    features: Sequence[FeatureColumn],
    selection: FeatureSelection | None,
    columns: Mapping[str, Column],
    *,
    several_targets: bool = False,
) -> None:
    """Check all that is declared of a job's features.

    Args:
        features: The declarations.
        selection: Which columns of the matrix are kept.
        columns: The table's columns by name; features that are none of them are passed over.
        several_targets: Whether the model predicts more than one thing.

    Raises:
        StepNotExportable: A step has no graph; the details name it and its replacement.
        FieldInvalid: Something else is not legal. Both name the field.
    """
    for position, feature in enumerate(features):
        field = f"training_job.features[{position}]"
        if column := columns.get(feature.column):
            _check_role(feature, column, field)
        if steps := declared_steps(feature):
            name, check = _CHECKS[type(steps)]
            check(steps, f"{field}.{name}", several_targets)
    _check_products(features)
    if selection:
        _check_selection(selection, "training_job.feature_selection", several_targets)


def _check_role(feature: FeatureColumn, column: Column, field: str) -> None:
    if not list_roles(feature, column):
        bare = FeatureColumn(feature.column)
        able = " or ".join(list_roles(bare, column))
        raise FieldInvalid(
            f"the column {column.name[:_LENGTH]!r} holds {column.type} and can't be what is"
            f" declared of it; it can be {able}",
            field=f"{field}.role" if feature.role else field,
        )


def _check_numeric(steps: NumericSteps, field: str, _: bool) -> None:  # noqa: FBT001  one shape for all checks
    _check_name(steps.impute, ("median", "mean", "most_frequent", "constant"), f"{field}.impute")
    _check_name(steps.bin_strategy, ("quantile", "uniform"), f"{field}.bin_strategy")
    _check_name(steps.bin_encoding, ("one_hot", "ordinal"), f"{field}.bin_encoding")
    _check_name(steps.scale, ("standard", "min_max", "robust", "none"), f"{field}.scale")
    _check_bounds(steps, field)
    _check_bins(steps, f"{field}.bins")
    if steps.polynomial_degree not in _DEGREES:
        raise FieldInvalid(
            "polynomial_degree must be 2 or 3, or 0 for none", field=f"{field}.polynomial_degree"
        )
    if steps.bins and steps.polynomial_degree and steps.bin_encoding != "ordinal":
        raise FieldInvalid(
            "products of one-hot bins are nearly all 0; set bin_encoding 'ordinal'",
            field=f"{field}.polynomial_degree",
        )


def _check_bins(steps: NumericSteps, field: str) -> None:
    if steps.bins not in (0, *range(2, _MOST_BINS + 1)):
        raise FieldInvalid(f"bins must be 2 to {_MOST_BINS}, or 0 for none", field=field)
    if (steps.bin_strategy or steps.bin_encoding) and not steps.bins:
        raise FieldInvalid("bin_strategy and bin_encoding go with bins", field=field)


def _check_bounds(steps: NumericSteps, field: str) -> None:
    numbers = {
        "constant": steps.constant,
        "clip_minimum": steps.clip_minimum,
        "clip_maximum": steps.clip_maximum,
    }
    for name, number in numbers.items():
        if number is not None and not abs(number) <= _LARGEST_FP32:
            raise FieldInvalid(f"{name} must be a number of FP32", field=f"{field}.{name}")
    if steps.constant and steps.impute != "constant":
        raise FieldInvalid("constant goes with impute 'constant'", field=f"{field}.constant")
    low, high = steps.clip_minimum, steps.clip_maximum
    if low is not None and high is not None and low >= high:
        raise FieldInvalid("clip_minimum must be under clip_maximum", field=f"{field}.clip_minimum")


def _check_categorical(steps: CategoricalSteps, field: str, several_targets: bool) -> None:  # noqa: FBT001  one shape for all checks
    _check_name(steps.encoding, ("one_hot", "ordinal", "target"), f"{field}.encoding")
    _check_range(steps.max_categories, _MOST_CATEGORIES, f"{field}.max_categories")
    _check_range(steps.min_count, None, f"{field}.min_count")
    if steps.encoding == "target":
        _check_target(steps, field, several_targets=several_targets)
    if steps.min_count and steps.encoding in ("ordinal", "target"):
        raise FieldInvalid("min_count goes with encoding 'one_hot'", field=f"{field}.min_count")
    if steps.order and steps.encoding != "ordinal":
        raise FieldInvalid("order goes with encoding 'ordinal'", field=f"{field}.order")
    if len(steps.order) > _MOST_CATEGORIES or len(set(steps.order)) < len(steps.order):
        raise FieldInvalid(
            f"order must be at most {_MOST_CATEGORIES} different categories",
            field=f"{field}.order",
        )
    if not (math.isfinite(steps.smoothing) and steps.smoothing >= 0):
        raise FieldInvalid("smoothing must be 0 or more rows", field=f"{field}.smoothing")
    if steps.smoothing and steps.encoding != "target":
        raise FieldInvalid("smoothing goes with encoding 'target'", field=f"{field}.smoothing")


def _check_target(steps: CategoricalSteps, field: str, *, several_targets: bool) -> None:
    if several_targets:
        raise StepNotExportable(
            "encoding 'target' is of one target, and this model has several; use 'one_hot' or"
            " 'ordinal'",
            field=f"{field}.encoding",
            details={"step": "target", "replacement": "encoding 'one_hot' or 'ordinal'"},
        )
    if steps.max_categories:
        raise FieldInvalid(
            "encoding 'target' takes every category, and smooths the rare ones",
            field=f"{field}.max_categories",
        )


def _check_time(steps: TimeSteps, field: str, _: bool) -> None:  # noqa: FBT001  one shape for all checks
    for number, part in enumerate(steps.parts):
        _check_name(part or "''", TIME_PARTS, f"{field}.parts[{number}]")
    if len(set(steps.parts)) < len(steps.parts):
        raise FieldInvalid("a part of times is named twice", field=f"{field}.parts")


def _check_text(steps: TextSteps, field: str, _: bool) -> None:  # noqa: FBT001  one shape for all checks
    _check_name(steps.encoding, ("tf_idf",), f"{field}.encoding")
    _check_range(steps.max_terms, _MOST_TERMS, f"{field}.max_terms")
    _check_range(steps.min_count, None, f"{field}.min_count")
    _check_range(steps.max_words, 2, f"{field}.max_words")


def _check_selection(selection: FeatureSelection, field: str, several_targets: bool) -> None:  # noqa: FBT001  one shape for all checks
    if not selection.method:
        raise FieldInvalid("name the method of the selection", field=f"{field}.method")
    methods = ("variance", "univariate", "importance")
    _check_name(selection.method, methods, f"{field}.method")
    if selection.method == "univariate" and several_targets:
        raise StepNotExportable(
            "method 'univariate' is of one target, and this model has several; use 'importance'",
            field=f"{field}.method",
            details={"step": "univariate", "replacement": "method 'importance'"},
        )
    by_variance = selection.method == "variance"
    if by_variance == bool(selection.max_columns) or selection.max_columns < 0:
        raise FieldInvalid(
            "max_columns must be 1 or more with methods 'univariate' and 'importance', and goes"
            " with no other",
            field=f"{field}.max_columns",
        )
    if not selection.min_variance >= 0 or (selection.min_variance and not by_variance):
        raise FieldInvalid(
            "min_variance must be 0 or more, and goes with method 'variance'",
            field=f"{field}.min_variance",
        )


def _check_products(features: Sequence[FeatureColumn]) -> None:
    """Bound the products: they are made of all columns with one declaration."""
    numeric = [feature.numeric for feature in features if feature.numeric]
    for steps, columns in Counter(steps for steps in numeric if steps.polynomial_degree).items():
        made = math.comb(columns + steps.polynomial_degree, steps.polynomial_degree) - 1
        if made > MOST_PRODUCTS:
            place = next(i for i, feature in enumerate(features) if feature.numeric == steps)
            raise FieldInvalid(
                f"{columns} columns of one declaration make {made} products; at most"
                f" {MOST_PRODUCTS} are made: ask for them of fewer columns",
                field=f"training_job.features[{place}].numeric.polynomial_degree",
            )


def _check_range(number: int, most: int | None, field: str) -> None:
    if number < 0 or (most is not None and number > most):
        bound = f"from 0, which is the usual, to {most}" if most else "0 or more"
        raise FieldInvalid(f"{field.rpartition('.')[2]} must be {bound}", field=field)


def _check_name(name: str, known: Sequence[str], field: str) -> None:
    if not name or name in known:
        return
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    stem = next((plain.removesuffix(end) for end in _ENDINGS if plain.endswith(end)), plain)
    if stem in REFUSED_STEPS:
        why, replacement = REFUSED_STEPS[stem]
        raise StepNotExportable(
            f"the step {name[:_LENGTH]!r} can't be served as trained: {why}; use {replacement}",
            field=field,
            details={"step": name[:_LENGTH], "replacement": replacement},
        )
    able = ", ".join(repr(one) for one in known)
    raise FieldInvalid(f"there is no {name[:_LENGTH]!r} here; there are {able}", field=field)


_CHECKS: dict[type[Steps], tuple[str, Callable[[Any, str, bool], None]]] = {
    NumericSteps: ("numeric", _check_numeric),
    CategoricalSteps: ("categorical", _check_categorical),
    TimeSteps: ("time", _check_time),
    TextSteps: ("text", _check_text),
}
