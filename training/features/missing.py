"""Columns that tell where a value misses."""

from collections.abc import Callable

import numpy as np
import polars as pl
from sklearn.impute import MissingIndicator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from training.features.rows import Array


def build_indicator(read: Callable[[pl.DataFrame], Array]) -> Pipeline:
    """Build what tells 1 where the matrix that is read from a frame is NaN, else 0."""
    parts = [
        ("read", FunctionTransformer(read)),
        # Every column has its own, whether or not training rows miss it: inputs decide.
        ("missing", MissingIndicator(features="all")),
        ("number", FunctionTransformer(_to_doubles)),
    ]
    return Pipeline(parts)


def _to_doubles(matrix: Array) -> Array:
    return matrix.astype(np.float64)
