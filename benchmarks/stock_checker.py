"""Compares answers with ONNX Runtime's own, through a stock client that knows none of the servers.

Runs in an environment of its own, which has tritonclient. Takes lines of JSON with the address
of a server and a file of `payloads`; answers {"fault": ""}, or says what differs.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as triton

TOLERANCE = 1e-6
TIMEOUT_SECONDS = 20.0
_NUMPY_TYPES: dict[str, Any] = {"FP32": np.float32, "INT64": np.int64, "BYTES": np.object_}


@cache
def connect(address: str) -> Any:
    """Open one client for each server."""
    return triton.InferenceServerClient(address)


def find_fault(address: str, expected: dict[str, Any]) -> str:
    """Ask a server, compare, and say what differs; nothing if nothing does."""
    inputs = [_make_input(tensor) for tensor in expected["inputs"]]
    answer = connect(address).infer(expected["model"], inputs, client_timeout=TIMEOUT_SECONDS)
    for output in expected["outputs"]:
        found = answer.as_numpy(output["name"])
        if found is None:
            return f"output {output['name']!r} is missing"
        # A peer may say [1, 1] where the model has [1].
        if found.size != np.prod(output["shape"]):
            return f"output {output['name']!r} has the shape {found.shape}"
        if not np.allclose(found.ravel(), output["values"], rtol=0, atol=TOLERANCE):
            return f"output {output['name']!r} is {found.ravel()[:5]}"
    return ""


def _make_input(tensor: dict[str, Any]) -> Any:
    datatype = tensor["datatype"]
    values = np.array(tensor["values"], _NUMPY_TYPES[datatype]).reshape(tensor["shape"])
    made = triton.InferInput(tensor["name"], tensor["shape"], datatype)
    return made.set_data_from_numpy(values)


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            expected = json.loads(Path(question["expected"]).read_text())
            fault = find_fault(question["address"], expected)
        except triton.InferenceServerException as error:
            fault = str(error)
        print(json.dumps({"fault": fault}), flush=True)


if __name__ == "__main__":
    main()
