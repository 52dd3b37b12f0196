"""Fits the benchmark's three models on made-up rows and writes them as ONNX files.

    python make_models.py FOLDER

Runs in an environment of its own, which has skl2onnx. The same seed makes the same files.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 20_261_125
ROWS = 4000
FLOATS = 30
TREES = 100
NUMERIC = [f"number_{index}" for index in range(8)]
CATEGORIES = {
    "country": ["Austria", "Brazil", "Canada", "Denmark", "Estonia"],
    "channel": ["branch", "phone", "web"],
    "segment": ["private", "small business", "corporate", "public sector"],
}
OPSET = {"": 21, "ai.onnx.ml": 3}


def main(folder: Path) -> None:
    """Write every model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    matrix, labels = _make_matrix(rng)
    one_tensor = [("x", FloatTensorType([None, FLOATS]))]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    _write(folder / "scaled-logistic.onnx", linear.fit(matrix, labels), one_tensor)
    forest = RandomForestClassifier(TREES, max_depth=8, random_state=SEED)
    _write(folder / "random-forest.onnx", forest.fit(matrix, labels), one_tensor)
    table, labels = _make_table(rng)
    tensors = [(name, StringTensorType([None, 1])) for name in CATEGORIES]
    tensors += [(name, FloatTensorType([None, 1])) for name in NUMERIC]
    _write(folder / "mixed-columns.onnx", _make_column_pipeline().fit(table, labels), tensors)


def _make_matrix(rng: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    matrix = rng.normal(size=(ROWS, FLOATS)).astype(np.float32)
    noise = rng.normal(scale=0.5, size=ROWS)
    return matrix, (matrix[:, :5].sum(axis=1) + noise > 0).astype(np.int64)


def _make_table(rng: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray[Any, Any]]:
    texts = {name: rng.choice(values, ROWS) for name, values in CATEGORIES.items()}
    numbers = {name: rng.normal(size=ROWS).astype(np.float32) for name in NUMERIC}
    is_web = texts["channel"] == "web"
    labels = (numbers["number_0"] + is_web > numbers["number_1"]).astype(np.int64)
    return pl.DataFrame({**texts, **numbers}), labels


def _make_column_pipeline() -> Pipeline:
    columns = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore"), list(CATEGORIES)),
            ("numbers", StandardScaler(), NUMERIC),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def _write(path: Path, fitted: Any, inputs: list[tuple[str, Any]]) -> None:
    model = to_onnx(
        fitted,
        initial_types=inputs,
        options={"zipmap": False},
        target_opset=OPSET,
        name=path.stem,
    )
    # The converter takes them out of a set, whose order changes from process to process.
    model.opset_import.sort(key=lambda opset: opset.domain)
    path.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
