"""From a version to a loaded one: read the file, load it, check it, off the event loop."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from serving.errors import ModelNotServable
from serving.loaded import LoadedVersion
from serving.onnx_model import OnnxModel
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion

ReadModel = Callable[[ServableVersion], Awaitable[bytes]]
"""Reads a version's model file from wherever it is kept."""


class Loader:
    """Loads versions, a bounded number at a time.

    Args:
        read_model: Reads a version's model file.
        policy: How many at once, and how long a file may take to read.
    """

    def __init__(self, read_model: ReadModel, policy: ServingPolicy) -> None:
        self._read_model = read_model
        self._policy = policy
        self._slots = asyncio.Semaphore(policy.concurrent_loads)
        # Its own threads: calls of slow models never wait behind a load, nor a load behind them.
        self._threads = ThreadPoolExecutor(policy.concurrent_loads, thread_name_prefix="load")

    async def load(self, version: ServableVersion) -> LoadedVersion:
        """Read, load and check a version.

        Raises:
            ModelNotServable: The file can't be read, is not the version's, can't be
                loaded, or does not do what its signature says. The text is for callers;
                the cause is for the log.
        """
        async with self._slots:
            content = await self._read(version)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _build, version, content)

    def close(self) -> None:
        """Start no load any more. A load that runs is left to end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, version: ServableVersion) -> bytes:
        try:
            async with asyncio.timeout(self._policy.read_timeout_seconds):
                return await self._read_model(version)
        except Exception as error:  # whatever the store raises, its text is not for callers
            raise ModelNotServable("the model file can't be read from the store") from error


def _build(version: ServableVersion, content: bytes) -> LoadedVersion:
    if hashlib.sha256(content).hexdigest() != version.digest:
        raise ModelNotServable("the model file is damaged: it does not have its digest")
    return LoadedVersion(version, OnnxModel(content, version.signature))
