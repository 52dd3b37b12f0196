"""From a version to a loaded one: read the file, load it, check it, off the event loop."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from registry.errors import ArtifactNotFound
from registry.golden_comparison import GoldenRowsRefused, parse_golden_rows, run_golden_rows
from registry.runtime import read_onnxruntime_version
from serving.errors import ModelLoading, ModelNotServable, ModelRunFailed
from serving.loaded import LoadedVersion
from serving.memory import ModelMemory
from serving.onnx_model import OnnxModel
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion

ReadFile = Callable[[ServableVersion], Awaitable[bytes]]
"""Reads a version's file from wherever it is kept; gives up when it is cancelled."""

logger = logging.getLogger(__name__)


class Loader:
    """Loads versions, a bounded number at a time.

    Files are read before a place to load is taken, and each in limited time: a store that
    hangs on some of them holds up nobody else's load.

    Args:
        read_model: Reads a version's model file.
        memory: Makes room for what is loaded.
        policy: How many at once, and how long a file may take to read.
        read_golden_rows: Reads a version's golden rows. They are run when it was checked with
            another ONNX Runtime than the one here; None leaves that to admission.
    """

    def __init__(
        self,
        read_model: ReadFile,
        memory: ModelMemory,
        policy: ServingPolicy,
        read_golden_rows: ReadFile | None = None,
    ) -> None:
        self._read_model = read_model
        self._read_golden_rows = read_golden_rows
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
            content = await self._read(version, self._read_model)
            golden = await self._read_golden(version)
            await self._places.acquire()
        rest_seconds = 0.0
        try:
            async with self._memory.make_room(version) as others_went:
                started = time.monotonic()
                loop = asyncio.get_running_loop()
                handle = await loop.run_in_executor(self._threads, _build, version, content, golden)
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

    async def _read_golden(self, version: ServableVersion) -> bytes | None:
        """Read the golden rows of a version that was checked with another ONNX Runtime."""
        running = read_onnxruntime_version()
        if version.onnxruntime_version in ("", running):
            return None
        logger.warning(
            "%s was checked with ONNX Runtime %s and runs with %s; %s",
            version,
            version.onnxruntime_version,
            running,
            "its golden rows are run again" if version.golden_digest else "it has no golden rows",
        )
        if not version.golden_digest or self._read_golden_rows is None:
            return None
        return await self._read(version, self._read_golden_rows)

    async def _read(self, version: ServableVersion, read_file: ReadFile) -> bytes:
        seconds = version.size_bytes / self._policy.read_bytes_per_second
        try:
            async with asyncio.timeout(self._policy.read_timeout_seconds + seconds):
                return await read_file(version)
        except ArtifactNotFound as error:
            raise ModelNotServable("the model file is not in the store") from error
        except Exception as error:  # whatever the store raises, its text is not for callers
            raise ModelLoading("the model file can't be read from the store") from error


def _build(version: ServableVersion, content: bytes, golden: bytes | None) -> LoadedVersion:
    if hashlib.sha256(content).hexdigest() != version.digest:
        raise ModelNotServable("the model file is damaged: it does not have its digest")
    model = OnnxModel(content, version.signature)
    if golden is not None:
        _check_golden_rows(version, model, golden)
    return LoadedVersion(version, model)


def _check_golden_rows(version: ServableVersion, model: OnnxModel, golden: bytes) -> None:
    try:
        run_golden_rows(model.run, version.signature, parse_golden_rows(golden))
    except (GoldenRowsRefused, ModelRunFailed) as error:
        raise ModelNotServable(
            "the model does not answer its golden rows with this server's ONNX Runtime as it did"
            f" with {version.onnxruntime_version}, which it was checked with: {error}; make the"
            " version anew, or run the server with that ONNX Runtime"
        ) from error
