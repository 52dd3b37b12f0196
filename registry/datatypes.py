"""The types of tensors: the Open Inference Protocol's names, NumPy's and ONNX Runtime's."""

from typing import Any

import numpy as np

NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""Every type that can be served. Text is an object array of str."""

_ONNX_NAMES = {
    "bool": "BOOL",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
} | {
    f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def datatype_of(onnxruntime_type: str) -> str | None:
    """Name a type of ONNX Runtime, such as `tensor(float)`, as the protocol does.

    Returns:
        The name, or None for what can't be served: sequences, maps, optional values,
        and element types that the protocol or NumPy lacks.
    """
    element = onnxruntime_type.removeprefix("tensor(").removesuffix(")")
    return _ONNX_NAMES.get(element) if onnxruntime_type.startswith("tensor(") else None
