"""A version's files: push a model made elsewhere, download what is kept."""

import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO, Literal
from uuid import uuid4

import grpc

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.files import Content, Progress, Source, digested, opened
from modelyard.names import ModelRef, VersionRef, last_id, model_name, version_name
from modelyard.registry.v1 import registry_pb2 as messages
from modelyard.registry.v1.resources_pb2 import Artifact, Model, ModelVersion, Task

MODEL_FILE = "model.onnx"
GOLDEN_ROWS_FILE = "golden-rows.json"
CARD_FILE, MARKDOWN_CARD_FILE = "model-card.html", "model-card.md"

# The server loads the model in a process of its own and runs its golden rows.
FINALIZE_TIMEOUT_SECONDS = 300.0


class ArtifactOperations(Operations):
    """What can be done with a version's files."""

    async def push(  # noqa: PLR0913  most are by keyword
        self,
        model: ModelRef,
        onnx: Source,
        *,
        golden_rows: Source | Mapping[str, Any] | None = None,
        task: Literal["classification", "regression", "multilabel_classification"] | None = None,
        classes: Sequence[str] = (),
        description: str = "",
        labels: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> ModelVersion:
        """Register an ONNX model made elsewhere as the next version of a model.

        Args:
            model: The model or its id; made if it does not exist.
            onnx: The model's path, its bytes, or a binary file that can seek.
            golden_rows: Inputs with the outputs that the version must give, as the JSON
                file or its content.
            task: What the model does.
            classes: The classes in the order of the output `probabilities`.
            description: What is special about this version.
            labels: Free words to find the version by.
            progress: Is told how many bytes of the model are sent, and of how many.

        Returns:
            The version, checked. Its state is ACTIVE, or FAILED with its faults. The
            first ACTIVE version of a model becomes its champion.

        Raises:
            ModelyardError: A call failed.
            OSError: A file can't be read.
        """
        version = ModelVersion(
            task=Task.Value(f"TASK_{task.upper()}") if task else Task.TASK_UNSPECIFIED,
            classes=classes,
            description=description,
            labels=labels,
        )
        with opened(onnx) as file:
            await self._make_model(last_id(model_name(model)))
            created = await self._create_version(model, version)
            await self._upload(created.name, MODEL_FILE, file, progress)
        if golden_rows is not None:
            await self._upload_golden_rows(created.name, golden_rows)
        request = messages.FinalizeModelVersionRequest(name=created.name)
        return await self._calls.unary(
            self._calls.registry.FinalizeModelVersion, request, FINALIZE_TIMEOUT_SECONDS
        )

    async def download_artifact(
        self,
        model: ModelRef,
        version: VersionRef,
        artifact: str,
        destination: str | os.PathLike[str],
        progress: Progress | None = None,
    ) -> Artifact:
        """Write one file of a version to a path, which appears only when it is whole.

        Args:
            model: The model or its id.
            version: The version, its number or an alias.
            artifact: The file's id, such as `model.onnx`.
            destination: Where to write; a file that is there is replaced.
            progress: Is told how many bytes are there, and of how many.

        Returns:
            What was downloaded.

        Raises:
            ModelyardError: There is none, the bytes are not those that were stored
                (code DATA_LOSS), or the call failed.
            OSError: The file can't be written.
        """
        request = messages.DownloadArtifactRequest(
            name=f"{version_name(model, version)}/artifacts/{artifact}"
        )
        target = Path(destination)
        partial = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            found = await self._write(request, partial, progress)
            await self._calls.transport.offload(partial.replace, target)
        finally:
            partial.unlink(missing_ok=True)
        return found

    async def _make_model(self, model_id: str) -> None:
        """Make a model, or find that it is there."""
        request = messages.CreateModelRequest(
            model=Model(), model_id=model_id, request_id=str(uuid4())
        )
        try:
            await self._calls.unary(self._calls.registry.CreateModel, request)
        except ModelyardError as error:
            if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise

    async def _create_version(self, model: ModelRef, version: ModelVersion) -> ModelVersion:
        """Make a version that waits for its files."""
        request = messages.CreateModelVersionRequest(
            parent=model_name(model), model_version=version, request_id=str(uuid4())
        )
        return await self._calls.unary(self._calls.registry.CreateModelVersion, request)

    async def _upload_golden_rows(self, parent: str, rows: Source | Mapping[str, Any]) -> None:
        """Store golden rows, given as their file or their content."""
        source = json.dumps(rows).encode() if isinstance(rows, Mapping) else rows
        with opened(source) as file:
            await self._upload(parent, GOLDEN_ROWS_FILE, file, None)

    async def _upload(
        self, parent: str, artifact_id: str, file: BinaryIO, progress: Progress | None
    ) -> Artifact:
        """Store one file of a version."""
        content = await self._calls.transport.offload(digested, file)
        header = messages.UploadArtifactRequest.Header(
            parent=parent, artifact_id=artifact_id, sha256=content.sha256
        )
        return await self._calls.upload(
            self._calls.registry.UploadArtifact,
            lambda: self._artifact_pieces(header, content, progress),
        )

    async def _artifact_pieces(
        self,
        header: messages.UploadArtifactRequest.Header,
        content: Content,
        progress: Progress | None,
    ) -> AsyncIterator[messages.UploadArtifactRequest]:
        """Yield the header, then the bytes."""
        yield messages.UploadArtifactRequest(header=header)
        async for chunk in content.chunks(self._calls.transport, progress):
            yield messages.UploadArtifactRequest(chunk=chunk)

    async def _write(
        self, request: messages.DownloadArtifactRequest, path: Path, progress: Progress | None
    ) -> Artifact:
        """Write what comes, and compare its digest with the promised one."""
        found, digest, done = Artifact(), hashlib.sha256(), 0
        answers = self._calls.stream(self._calls.registry.DownloadArtifact, request)
        with path.open("wb") as file:
            async with aclosing(answers) as pieces:
                async for piece in pieces:
                    if piece.HasField("artifact"):
                        found = piece.artifact
                        continue
                    await self._calls.transport.offload(file.write, piece.chunk)
                    digest.update(piece.chunk)
                    done += len(piece.chunk)
                    if progress is not None:
                        progress(done, found.size_bytes)
        if digest.hexdigest() != found.sha256:
            raise ModelyardError(
                f"{request.name} came damaged: its SHA-256 is {digest.hexdigest()} where "
                f"{found.sha256 or 'none'} was promised; download it again",
                code=grpc.StatusCode.DATA_LOSS,
                reason="DIGEST_MISMATCH",
            )
        return found
