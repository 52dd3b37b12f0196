"""A version that another ONNX Runtime was checked with runs its golden rows before it serves."""

import dataclasses

import pytest

from registry import golden_rows
from registry.golden_rows import GoldenRows, GoldenTensor
from registry.runtime import read_onnxruntime_version
from serving.errors import ModelNotServable
from serving.loader import Loader
from serving.memory import ModelMemory
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion
from tests.unit.serving.store import Store, answer

OLD = "1.0.0"


def golden(wanted: float) -> bytes:
    """Make golden rows of a model that adds 1, for the number 2."""
    two, sum_of_both = (GoldenTensor("FP32", (1, 1), (value,)) for value in (2.0, wanted))
    return golden_rows.to_json(GoldenRows({"x": two}, {"y": sum_of_both}))


class Files:
    """A store of one model and its golden rows."""

    def __init__(self, rows: bytes) -> None:
        self.rows = rows
        self.golden_reads = 0
        self.store = Store()
        self.loader = Loader(
            self.store.read_model,
            ModelMemory(1 << 30, lambda _: None),
            ServingPolicy(),
            self.read_golden_rows,
        )

    def version(self, **changes: str) -> ServableVersion:
        said = {"golden_digest": "ab" * 32, "onnxruntime_version": OLD} | changes
        return dataclasses.replace(self.store.add(1), **said)  # type: ignore[arg-type]  # all text

    async def read_golden_rows(self, version: ServableVersion) -> bytes:
        assert version.golden_digest == "ab" * 32
        self.golden_reads += 1
        return self.rows


async def test_golden_rows_run_again_and_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    files = Files(golden(3.0))
    handle = await files.loader.load(files.version())
    assert answer(handle) == 1.0
    assert files.golden_reads == 1
    assert f"was checked with ONNX Runtime {OLD}" in caplog.text


@pytest.mark.parametrize("rows", [golden(3.5), b"{}"])
async def test_what_answers_otherwise_is_not_served(rows: bytes) -> None:
    files = Files(rows)
    with pytest.raises(ModelNotServable, match="golden"):
        await files.loader.load(files.version())


@pytest.mark.parametrize(
    ("changes", "tells"),
    [
        ({"onnxruntime_version": read_onnxruntime_version()}, ""),
        ({"onnxruntime_version": ""}, ""),
        ({"golden_digest": ""}, "it has no golden rows"),
    ],
)
async def test_else_no_golden_rows_are_read(
    changes: dict[str, str], tells: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = Files(golden(99.0))
    assert answer(await files.loader.load(files.version(**changes))) == 1.0
    assert files.golden_reads == 0
    assert tells in caplog.text
    assert bool(tells) is bool(caplog.text)
