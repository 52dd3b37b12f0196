"""What the composition root would give the reconciler, with gates to hold it up."""

import asyncio
import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np

from registry.batching import Batching
from registry.errors import ArtifactNotFound
from registry.signature import Signature
from serving.loaded import LoadedVersion
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableModel, ServableVersion, Snapshot
from tests.unit.serving.graphs import ADDER, adder

ZERO = {"x": np.zeros((1, 1), np.float32)}


class Store:
    """A system of record in memory.

    A version is held up while its number has a gate; the gate's `asked` tells that
    somebody came to it.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.models: dict[str, ServableModel] = {}
        self.files: dict[str, bytes] = {}
        self.gates: dict[int, asyncio.Event] = {}
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.reads: list[int] = []
        self.is_away = False

    def add(
        self,
        number: int,
        content: bytes | None = None,
        signature: Signature = ADDER,
        *,
        memory_bytes: int = 0,
        **names: int,
    ) -> ServableVersion:
        """Add an ACTIVE version of model `m`, by default one that adds its number."""
        content = adder(number) if content is None else content
        digest = hashlib.sha256(content).hexdigest()
        version = ServableVersion(
            "m", number, digest, len(content), signature, memory_bytes=memory_bytes
        )
        self.files[digest] = content
        before = self.models.get("m", ServableModel({}, {}))
        self.put({**before.versions, number: version}, {**before.aliases, **names})
        return version

    def put(self, versions: Mapping[int, ServableVersion], aliases: Mapping[str, int]) -> None:
        batching = self.models["m"].batching if "m" in self.models else None
        self.models["m"] = ServableModel(versions, aliases, batching)

    def batch(self, batching: Batching | None) -> None:
        self.models["m"] = dataclasses.replace(self.models["m"], batching=batching)

    def promote(self, number: int, alias: str = "champion") -> None:
        model = self.models["m"]
        self.put(model.versions, {**model.aliases, alias: number})

    def archive(self, number: int) -> None:
        model = self.models["m"]
        self.put({n: v for n, v in model.versions.items() if n != number}, model.aliases)

    def hold(self, number: int) -> asyncio.Event:
        return self.gates.setdefault(number, asyncio.Event())

    async def source(self) -> Snapshot:
        if self.is_away:
            raise ConnectionError("the database is away")
        return Snapshot(dict(self.models))

    async def read_model(self, version: ServableVersion) -> bytes:
        self.reads.append(version.number)
        self.asked.put_nowait(version.number)
        if gate := self.gates.get(version.number):
            await gate.wait()
        if version.digest not in self.files:
            raise ArtifactNotFound("the bytes are lost")
        return self.files[version.digest]


async def settled(reconciler: Reconciler) -> None:
    """Wait until no load runs."""
    while tasks := list(reconciler._loads._running.values()):
        await asyncio.wait(tasks)


def answer(handle: LoadedVersion) -> float:
    return float(handle.model.run(ZERO, ["y"])[0][0, 0])


async def follow(reconciler: Reconciler) -> None:
    await reconciler.refresh()
    await settled(reconciler)


def served(predictor: Predictor, text: str = "") -> int | None:
    handle = predictor.find("m", text)
    return handle.version.number if handle else None
