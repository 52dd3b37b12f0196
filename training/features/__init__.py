"""Feature columns to a matrix, as steps of scikit-learn and as nodes of a graph, side by side.

For each step one file holds both: what scikit-learn fits, and the nodes that do the same.
"""

from training.features.describe import describe_inputs
from training.features.numbers import LARGEST_NUMBER
from training.features.pipeline import build_pipeline
from training.features.rows import (
    Array,
    Rows,
    count_rows,
    select_rows,
    spread_rows,
    take_rows,
    to_frame,
)

__all__ = [
    "LARGEST_NUMBER",
    "Array",
    "Rows",
    "build_pipeline",
    "count_rows",
    "describe_inputs",
    "select_rows",
    "spread_rows",
    "take_rows",
    "to_frame",
]
