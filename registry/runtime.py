"""Which ONNX Runtime this server runs models with."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def read_onnxruntime_version() -> str:
    """Read its version without loading it; empty where it comes under another name."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return ""
