"""Admission: no version is ACTIVE before it was seen to work, in a process of its own."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from registry import golden_rows
from registry.admission_files import CheckOutcome, CheckRequest
from registry.artifact_store import ArtifactStore
from registry.artifacts import MODEL_FILE, manifest_digest
from registry.child_process import ChildLimits, ChildProcess
from registry.errors import VersionStateInvalid
from registry.reports import Fault
from registry.signature import Signature
from registry.version import Verdict, Version, VersionState
from registry.versions import finish_version, get_version

_AT_ONCE = 2


class _File(Protocol):
    @property
    def artifact_id(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class Admission:
    """Checks versions.

    Args:
        store: Where their files are.
        children: Starts the throw-away processes.
        limits: What one check may use.
        folder: Where checks have their folders; made if it does not exist.
    """

    def __init__(
        self, store: ArtifactStore, children: ChildProcess, limits: ChildLimits, folder: Path
    ) -> None:
        self._store = store
        self._children = children
        self._limits = limits
        self._folder = folder
        self._places = asyncio.Semaphore(_AT_ONCE)
        folder.mkdir(parents=True, exist_ok=True)

    async def finalize(
        self, sessions: async_sessionmaker[AsyncSession], model_id: str, number: int
    ) -> Version:
        """Check a version whose files are uploaded, and end its making.

        Opens two transactions, one before and one after the check, because no
        transaction may wait for a child. A repeat after the end returns the end.

        Raises:
            ModelNotFound, VersionNotFound: There is none.
            VersionStateInvalid: It has no model file, or got one more during the check.
        """
        async with sessions.begin() as session:
            version = await get_version(session, model_id, str(number))
        if version.state != VersionState.CREATING:
            return version
        if MODEL_FILE not in {artifact.artifact_id for artifact in version.artifacts}:
            raise VersionStateInvalid(
                f"version {number} of {model_id!r} has no artifact {MODEL_FILE!r}; upload it first",
                details={"model": model_id, "version": str(number)},
            )
        verdict = await self.check(version.artifacts)
        digest = manifest_digest(version.artifacts)
        async with sessions.begin() as session:
            return await finish_version(session, model_id, number, digest, verdict)

    async def check(self, files: Sequence[_File], declared: Signature | None = None) -> Verdict:
        """Run a version's files in a child and say whether they are fit to be served.

        Args:
            files: The stored files; those that admission does not know are left alone.
            declared: What goes in and comes out, if its makers know more than the file.
        """
        async with self._places:
            with tempfile.TemporaryDirectory(dir=self._folder) as name:
                return await self._ask(Path(name), files, declared)

    async def _ask(
        self, folder: Path, files: Sequence[_File], declared: Signature | None
    ) -> Verdict:
        digests = {file.artifact_id: file.sha256 for file in files}
        wanted = [name for name in (MODEL_FILE, golden_rows.ARTIFACT_ID) if name in digests]
        for name in wanted:
            await self._store.copy_to(digests[name], folder / name)
        request = CheckRequest(declared, has_golden_rows=golden_rows.ARTIFACT_ID in wanted)
        outcome = await self._children.ask(
            "registry.admission_check", folder, request, CheckOutcome, self._limits
        )
        if isinstance(outcome, Fault):
            message = f"the model could not be checked: {outcome.message}"
            return Verdict((Fault(outcome.reason, message),))
        return Verdict(outcome.faults, outcome.signature, outcome.report)
