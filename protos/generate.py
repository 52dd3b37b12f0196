"""Generate the Python stubs from the contract, or prove that they are fresh.

    python protos/generate.py           writes clients/python/src/modelyard/**/*_pb2*
    python protos/generate.py --check   fails if that would change a file
    python protos/generate.py --image F writes a descriptor image for buf, imports included
    python protos/generate.py --image F --bare  leaves comments and positions out of it

One protoc (the wheel grpcio-tools) does all; buf only checks.
"""

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools

PROTOS = Path(__file__).resolve().parent
TARGET = PROTOS.parent / "clients" / "python" / "src"
INCLUDES = [
    PROTOS,
    Path(grpc_tools.__path__[0]) / "_proto",
    Path(google.api.__path__[0]).parents[1],
]


def contract_files() -> list[str]:
    """Name every .proto file of the contract, relative to this folder."""
    return sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))


def run_protoc(*arguments: str) -> None:
    """Run protoc on the whole contract."""
    includes = [f"-I{path}" for path in INCLUDES]
    command = [sys.executable, "-m", "grpc_tools.protoc", *includes, *arguments]
    # The mypy plugins are scripts beside this interpreter, which need not be on PATH.
    plugins = [
        f"--plugin={name}={Path(sys.executable).parent / name}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    subprocess.run([*command, *plugins, *contract_files()], check=True)


def write_stubs(target: Path) -> None:
    """Generate messages, services and their type stubs below target."""
    target.mkdir(parents=True, exist_ok=True)
    run_protoc(
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
    )


def stale_stubs() -> list[str]:
    """Name the committed stubs that differ from what the contract gives, or have no source."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        write_stubs(fresh)
        names = {str(path.relative_to(fresh)) for path in fresh.rglob("*_pb2*")}
        kept = {str(path.relative_to(TARGET)) for path in TARGET.rglob("*_pb2*.py*")}
        kept = {name for name in kept if "__pycache__" not in name}
        _, different, missing = filecmp.cmpfiles(fresh, TARGET, names, shallow=False)
        return sorted({*different, *missing, *(kept - names)})


def main() -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    if options.image:
        source_info = [] if options.bare else ["--include_source_info"]
        run_protoc("--include_imports", *source_info, f"--descriptor_set_out={options.image}")
    elif options.check:
        for name in (stale := stale_stubs()):
            print(f"stale: {name}; run `make protos`", file=sys.stderr)
        return 1 if stale else 0
    else:
        write_stubs(TARGET)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
