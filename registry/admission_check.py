"""The child that checks a version: reads the file, runs it, measures it.

Run by `admission` as `python -m registry.sandbox registry.admission_check FOLDER ...`.
The file may come from anyone: it is read and run here and nowhere else before this
check has passed.
"""

import ctypes
import re
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from pydantic import TypeAdapter

from registry import golden_rows
from registry.admission_files import CheckOutcome, CheckRequest
from registry.artifacts import MODEL_FILE
from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.datatypes import NUMPY_TYPES, datatype_of
from registry.golden_comparison import (
    Feeds,
    GoldenRowsRefused,
    parse_golden_rows,
    run_golden_rows,
    to_array,
)
from registry.golden_rows import GoldenRows
from registry.onnx_file import Refused, check_graph, first_line
from registry.reports import AdmissionReport
from registry.signature import Signature, TensorSpec

_LONGEST_NAME = 256
_MEASURED_RUNS = 200
_MEASURED_SECONDS = 1.0
_MANY_ROWS = 100
_MOST_ELEMENTS = 1_000_000


def check_version(folder: Path) -> CheckOutcome:
    """Check the version in a folder. Never raises for what is wrong with the version."""
    request = TypeAdapter(CheckRequest).validate_json((folder / REQUEST_FILE).read_bytes())
    try:
        return _check(folder, request)
    except (Refused, GoldenRowsRefused) as refused:
        return CheckOutcome((refused.fault,))


def _check(folder: Path, request: CheckRequest) -> CheckOutcome:
    content = (folder / MODEL_FILE).read_bytes()
    node_count = check_graph(content)
    _warm_up()
    memory_before = _private_bytes()
    session, load_us = _load(content)
    signature = _agree(_read_signature(session), request.declared)
    golden = None
    difference = 0.0
    if request.has_golden_rows:
        golden = parse_golden_rows((folder / golden_rows.ARTIFACT_ID).read_bytes())
        difference = run_golden_rows(partial(_run, session), signature, golden)
    row = _one_row(signature, golden)
    durations_us = _measure(session, row)
    memory_bytes = max(0, _private_bytes() - memory_before)
    report = AdmissionReport(
        load_us=load_us,
        row_p50_us=round(float(np.percentile(durations_us, 50)), 1),
        row_p99_us=round(float(np.percentile(durations_us, 99)), 1),
        memory_bytes=memory_bytes,
        golden_row_count=_count_rows(golden) if golden else 0,
        golden_max_difference=difference,
        onnxruntime_version=onnxruntime.__version__,
        create_time=datetime.now(UTC),
        hundred_rows_p50_us=_measure_many(session, row, signature, durations_us[0]),
        node_count=node_count,
    )
    return CheckOutcome((), signature, report)


def _load(content: bytes) -> tuple[onnxruntime.InferenceSession, int]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # As in serving, so that the memory found here is what it will take there.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 4
    started = time.perf_counter()
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        raise Refused(
            "LOAD_FAILED", f"ONNX Runtime can't load the graph: {first_line(error)}"
        ) from error
    return session, int((time.perf_counter() - started) * 1e6)


def _read_signature(session: onnxruntime.InferenceSession) -> Signature:
    signature = Signature(
        inputs=tuple(_read_spec(node, "input") for node in session.get_inputs()),
        outputs=tuple(_read_spec(node, "output") for node in session.get_outputs()),
    )
    for specs in (signature.inputs, signature.outputs):
        names = [spec.name for spec in specs]
        if len(set(names)) < len(names) or not all(_is_name(name) for name in names):
            raise Refused(
                "NAME_NOT_SERVABLE",
                "inputs and outputs need different names of 1 to 256 characters, without"
                " control characters",
            )
    return signature


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _read_spec(node: onnxruntime.NodeArg, kind: str) -> TensorSpec:
    datatype = datatype_of(node.type)
    if datatype is None:
        raise Refused(
            "TYPE_NOT_SERVABLE",
            f"the {kind} {node.name!r} is a {node.type}; only plain tensors can be served (for a"
            " scikit-learn classifier convert with zipmap=False)",
        )
    # A name stands for a length that changes; the protocol knows -1 for that.
    shape = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in node.shape)
    return TensorSpec(node.name, datatype, shape)


def _agree(found: Signature, declared: Signature | None) -> Signature:
    """Return the richer of the two, if they say the same."""
    if declared is None:
        return found
    for kind in ("inputs", "outputs"):
        real = [(s.name, s.datatype, s.shape) for s in getattr(found, kind)]
        said = [(s.name, s.datatype, s.shape) for s in getattr(declared, kind)]
        if real != said:
            raise Refused("SIGNATURE_MISMATCH", f"the file has {kind} {real}, declared are {said}")
    return declared


def _run(
    session: onnxruntime.InferenceSession, feeds: Feeds, names: list[str] | None = None
) -> list[np.ndarray[Any, Any]]:
    try:
        answers: list[np.ndarray[Any, Any]] = session.run(names, feeds)
    except Exception as error:
        raise Refused("RUN_FAILED", f"running the model fails: {first_line(error)}") from error
    return answers


def _one_row(signature: Signature, golden: GoldenRows | None) -> Feeds:
    """Make the input of a run to measure: the first golden row, or zeros and empty texts."""
    row: Feeds = {}
    for spec in signature.inputs:
        shape = [1 if size < 0 else size for size in spec.shape]
        empty = "" if spec.datatype == "BYTES" else 0
        row[spec.name] = np.full(shape, empty, NUMPY_TYPES[spec.datatype])
        if golden and spec.shape[:1] == (-1,):
            row[spec.name] = to_array(spec.name, golden.inputs[spec.name])[:1]
    return row


def _measure(session: onnxruntime.InferenceSession, row: Feeds) -> list[float]:
    """Run one row again and again; return each run's microseconds."""
    _run(session, row)
    durations: list[float] = []
    until = time.perf_counter() + _MEASURED_SECONDS
    while len(durations) < _MEASURED_RUNS and time.perf_counter() < until:
        started = time.perf_counter()
        _run(session, row)
        durations.append((time.perf_counter() - started) * 1e6)
    return durations or [_MEASURED_SECONDS * 1e6]


def _measure_many(
    session: onnxruntime.InferenceSession, row: Feeds, signature: Signature, row_us: float
) -> float:
    """Return the median microseconds of 100 rows; 0 if no run or no short one takes them."""
    elements = sum(values.size for values in row.values()) * _MANY_ROWS
    takes_rows = all(spec.shape[:1] == (-1,) for spec in signature.inputs)
    too_long = row_us * _MANY_ROWS > _MEASURED_SECONDS * 1e6
    if not signature.inputs or not takes_rows or elements > _MOST_ELEMENTS or too_long:
        return 0.0
    try:
        many = {name: np.repeat(values, _MANY_ROWS, axis=0) for name, values in row.items()}
        return round(float(np.median(_measure(session, many))), 1)
    except Refused:
        # Some graphs say any batch and mean one row. That is for their callers to find.
        return 0.0


def _count_rows(golden: GoldenRows) -> int:
    shapes = [tensor.shape for tensor in golden.inputs.values()]
    return shapes[0][0] if shapes and shapes[0] else 1


def _warm_up() -> None:
    """Run a first model: what the library takes for that is not the next one's memory."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session, _ = _load(model.SerializeToString())
    _run(session, {"x": np.zeros(1, np.float32)})


def _private_bytes() -> int:
    """Read how much memory this process alone has; 0 where the system does not tell.

    Code is left out: the pages of the library are there once for all models. Freed memory
    is given back first, or a model would move in there and seem to take nothing.
    """
    with suppress(AttributeError, OSError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def main() -> None:
    """Check the version in the folder named on the command line."""
    folder = Path(sys.argv[1])
    outcome = check_version(folder)
    (folder / OUTCOME_FILE).write_bytes(TypeAdapter(CheckOutcome).dump_json(outcome))


if __name__ == "__main__":
    main()
