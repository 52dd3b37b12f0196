"""A model in ONNX Runtime. The only file of this area that imports it."""

import math
import time
from itertools import zip_longest
from typing import Any

import numpy as np
import onnxruntime

from registry.datatypes import NUMPY_TYPES, datatype_of
from registry.signature import Signature, TensorSpec
from serving.errors import ModelNotServable, ModelRunFailed

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]

_BATCH_ROWS = 64
_MEASURED_RUNS = 5
_MEASURED_SECONDS = 0.05
_LONG_SECONDS = 1e-3


class OnnxModel:
    """A model that can be run; from any thread, and by several at once.

    Making one takes milliseconds to seconds, blocks, and runs the model a few times.

    Args:
        content: The model file.
        signature: What the file must have; it is checked.

    Attributes:
        seconds_per_run: What a run of one row takes, measured here.
        seconds_per_row: What each further row adds; 0 where the batch is fixed.

    Raises:
        ModelNotServable: The file can't be loaded, has another signature, or fails on
            the row it is tried with.
    """

    def __init__(self, content: bytes, signature: Signature) -> None:
        self._session = _open_session(content)
        _check_signature(self._session, signature)
        self._try_one_row(signature)
        self.seconds_per_run, self.seconds_per_row = self._measure(signature)

    def run(self, feeds: Feeds, output_names: list[str]) -> list[Array]:
        """Run the model.

        Args:
            feeds: Every input by name, of the signature's type and shape; text is an
                object array of str.
            output_names: The wanted outputs.

        Returns:
            The outputs, in the order asked for.

        Raises:
            ModelRunFailed: ONNX Runtime raised; its error is the cause, for the log.
        """
        try:
            return self._session.run(output_names, feeds)  # type: ignore[no-any-return]  # the library has no types
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise ModelRunFailed(
                "the model failed on this input, which fits its signature; the server's log"
                " has the reason"
            ) from error

    def _try_one_row(self, signature: Signature) -> None:
        names = [spec.name for spec in signature.outputs]
        try:
            self.run(make_rows(signature, 1), names)
        except ModelRunFailed as error:
            raise ModelNotServable(
                "the model fails on the row it is tried with: zeros and empty texts, or the"
                " first category where categories are known"
            ) from error

    def _measure(self, signature: Signature) -> tuple[float, float]:
        one = self._time(signature, 1)
        if one >= _LONG_SECONDS or not any(spec.shape[:1] == (-1,) for spec in signature.inputs):
            return one, 0.0
        try:
            many = self._time(signature, _BATCH_ROWS)
        except ModelRunFailed:
            # Some graphs say any batch and mean one row. That is for their callers to find.
            return one, 0.0
        return one, max(0.0, (many - one) / (_BATCH_ROWS - 1))

    def _time(self, signature: Signature, rows: int) -> float:
        """Return the seconds of the quickest of a few runs; of slow models there is one."""
        feeds, names = make_rows(signature, rows), [spec.name for spec in signature.outputs]
        best, began = math.inf, time.perf_counter()
        for _ in range(_MEASURED_RUNS):
            started = time.perf_counter()
            self.run(feeds, names)
            ended = time.perf_counter()
            best = min(best, ended - started)
            # Not after one long run: the processor may have been taken away meanwhile.
            if ended - began >= _MEASURED_SECONDS:
                break
        return best


def make_rows(signature: Signature, rows: int) -> Feeds:
    """Make inputs to try a model with: what training saw where that is known, else zeros."""
    return {spec.name: _fill(spec, rows) for spec in signature.inputs}


def _fill(spec: TensorSpec, rows: int) -> Array:
    lengths = [1 if length < 0 else length for length in spec.shape]
    if spec.shape[:1] == (-1,):
        lengths[0] = rows
    value: Any = spec.minimum or 0
    if spec.datatype == "BYTES":
        value = spec.categories[0] if spec.categories else ""
    return np.full(lengths, value, NUMPY_TYPES[spec.datatype])


def _open_session(content: bytes) -> onnxruntime.InferenceSession:
    try:
        session = onnxruntime.InferenceSession(content, _make_options(), ["CPUExecutionProvider"])
    except Exception as error:  # the library's errors have no common class of their own
        raise ModelNotServable("ONNX Runtime can't load the model file") from error
    # It keeps the file for a change of providers, which we never make: with plain weights
    # that is half of what a model takes.
    session._model_bytes = None  # noqa: SLF001 - there is no other way
    return session


def _make_options() -> onnxruntime.SessionOptions:
    """Choose what answers one small call soonest and leaves the other cores alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Neither makes small tabular models quicker, and each holds memory for every model.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is raised as well
    return options


def _check_signature(session: onnxruntime.InferenceSession, signature: Signature) -> None:
    for kind, nodes, specs in (
        ("inputs", session.get_inputs(), signature.inputs),
        ("outputs", session.get_outputs(), signature.outputs),
    ):
        found = [(node.name, _read_datatype(node), _read_shape(node)) for node in nodes]
        wanted = [(spec.name, spec.datatype, spec.shape) for spec in specs]
        for has, needs in zip_longest(found, wanted):
            if has != needs:
                raise ModelNotServable(
                    f"the model file has {has} among its {kind}, its signature {needs}"
                )


def _read_datatype(node: onnxruntime.NodeArg) -> str:
    datatype = datatype_of(node.type)
    if datatype is None:
        raise ModelNotServable(
            f"{node.name!r} of the model file is a {node.type}; only plain tensors can be served"
        )
    return datatype


def _read_shape(node: onnxruntime.NodeArg) -> tuple[int, ...]:
    # A length that changes has a name here; the protocol knows -1 for it.
    return tuple(n if isinstance(n, int) and n >= 0 else -1 for n in node.shape)
