"""From a version to a loaded one: read the file, load it, check it, off the event loop."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from registry.errors import ArtifactNotFound
from serving.errors import ModelLoading, ModelNotServable
from serving.loaded import LoadedVersion
from serving.memory import ModelMemory
from serving.onnx_model import OnnxModel
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion

ReadModel = Callable[[ServableVersion], Awaitable[bytes]]
"""Reads a version's model file from wherever it is kept; gives up when it is cancelled."""


class Loader:
    """Loads versions, a bounded number at a time.

    Files are read before a place to load is taken, and each in limited time: a store that
    hangs on some of them holds up nobody else's load.

    Args:
        read_model: Reads a version's model file.
        memory: Makes room for what is loaded.
        policy: How many at once, and how long a file may take to read.
    """

    def __init__(self, read_model: ReadModel, memory: ModelMemory, policy: ServingPolicy) -> None:
        self._read_model = read_model
        self._memory = memory
        self._policy = policy
        self._readers = asyncio.Semaphore(policy.concurrent_reads)
        self._places = asyncio.Semaphore(policy.concurrent_loads)
        # Its own threads: calls of slow models never wait behind a load, nor a load behind them.
        self._threads = ThreadPoolExecutor(policy.concurrent_loads, thread_name_prefix="load")

    async def load(self, version: ServableVersion) -> LoadedVersion:
        """Read, load and check a version.

        Raises:
            ModelNotServable: The file is lost, is not the version's, can't be loaded, does
                not do what its signature says, or needs more memory than there is.
            ModelLoading: The file can't be read at present. The texts are for callers; the
                causes are for the log.
        """
        self._memory.check_size(version)
        # Until a place is found: whoever has read a file holds on to memory for it.
        async with self._readers:
            content = await self._read(version)
            await self._places.acquire()
        rest_seconds = 0.0
        try:
            async with self._memory.make_room(version) as others_went:
                started = time.monotonic()
                loop = asyncio.get_running_loop()
                handle = await loop.run_in_executor(self._threads, _build, version, content)
                if others_went:
                    rest_seconds = self._choose_rest(time.monotonic() - started)
                return handle
        finally:
            asyncio.get_running_loop().call_later(rest_seconds, self._places.release)

    def close(self) -> None:
        """Start no load any more. A load that runs is left to end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _choose_rest(self, load_seconds: float) -> float:
        return min(load_seconds * self._policy.rest_factor, self._policy.rest_longest_seconds)

    async def _read(self, version: ServableVersion) -> bytes:
        seconds = version.size_bytes / self._policy.read_bytes_per_second
        try:
            async with asyncio.timeout(self._policy.read_timeout_seconds + seconds):
                return await self._read_model(version)
        except ArtifactNotFound as error:
            raise ModelNotServable("the model file is not in the store") from error
        except Exception as error:  # whatever the store raises, its text is not for callers
            raise ModelLoading("the model file can't be read from the store") from error


def _build(version: ServableVersion, content: bytes) -> LoadedVersion:
    if hashlib.sha256(content).hexdigest() != version.digest:
        raise ModelNotServable("the model file is damaged: it does not have its digest")
    return LoadedVersion(version, OnnxModel(content, version.signature))
