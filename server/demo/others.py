"""Clients that are not ours, each in a process of its own."""

import asyncio
import base64
import json
import shutil
import sys
from pathlib import Path

_SECONDS = 30.0
_STANDARD_METHOD = "inference.GRPCInferenceService/ModelInfer"


async def predict_with_stock_client(address: str) -> str:
    """Run the stock client; say where to get it if it is not there."""
    python = Path(sys.prefix).parent / ".venv-stock" / "bin" / "python"
    if not python.is_file():
        return "not installed here; `make setup` makes an environment for it"
    return await _run(str(python), str(Path(__file__).with_name("stock_client.py")), address)


async def predict_by_reflection(address: str, row: dict[str, str | float]) -> str:
    """Call the server from the shell, by reflection alone."""
    command = reflection_command(address, row)
    if command is None:
        return "neither buf nor grpcurl is installed here"
    answer = json.loads(await _run(*command))
    # The first output is the label: its length in four bytes, then the text.
    label = base64.b64decode(answer["rawOutputContents"][0])[4:].decode()
    return f"{label}, answered by version {answer['modelVersion']}"


def reflection_command(address: str, row: dict[str, str | float]) -> list[str] | None:
    """Make the command line of buf, or of grpcurl, whichever is there."""
    request = json.dumps(infer_request(row))
    beside_python = Path(sys.executable).parent / "buf"
    if buf := shutil.which("buf") or shutil.which(beside_python):
        options = ["--protocol", "grpc", "--http2-prior-knowledge", "--data", request]
        return [buf, "curl", *options, f"http://{address}/{_STANDARD_METHOD}"]
    if grpcurl := shutil.which("grpcurl"):
        return [grpcurl, "-plaintext", "-d", request, address, _STANDARD_METHOD]
    return None


def infer_request(row: dict[str, str | float]) -> dict[str, object]:
    """Write a row as the JSON form of a ModelInferRequest."""
    return {
        "model_name": "penguins",
        "inputs": [_tensor(name, value) for name, value in row.items()],
    }


def _tensor(name: str, value: str | float) -> dict[str, object]:
    if isinstance(value, str):
        text = base64.b64encode(value.encode()).decode()
        return _one("BYTES", name, {"bytes_contents": [text]})
    if name == "year":
        return _one("INT64", name, {"int64_contents": [value]})
    return _one("FP32", name, {"fp32_contents": [value]})


def _one(datatype: str, name: str, contents: dict[str, object]) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": [1, 1], "contents": contents}


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise SystemExit(f"{Path(command[0]).name} did not answer within {_SECONDS:g} s") from None
    if process.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed: {errors.decode(errors='replace')}")
    return output.decode().strip()
