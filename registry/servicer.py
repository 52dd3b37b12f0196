"""RegistryService: messages to values, one domain call, values to messages."""

from collections.abc import AsyncIterator
from typing import Any

from modelyard.registry.v1 import registry_pb2 as rpc
from modelyard.registry.v1 import registry_pb2_grpc as stubs
from modelyard.registry.v1 import resources_pb2 as pb
from registry import aliases, models, names, schemas, versions
from registry.admission import Admission
from registry.artifacts import StoredFile
from registry.list_filters import name_list, read_selection
from registry.messages import (
    alias_to_create,
    alias_to_move,
    request_key,
    to_alias,
    to_artifact,
    to_version,
    version_draft,
)
from registry.model_messages import model_draft, model_to_change, to_model
from registry.paging import cut_page, read_page
from registry.registry_filters import MODELS, VERSIONS, place_of_model
from registry.requests import do_once
from registry.schema_messages import to_model_proto, to_schema_comparison
from registry.transactions import Sessions, begin
from registry.transfers import ArtifactTransfers
from registry.uploads import split_upload

_SHOWN_ALIASES = 20


class RegistryServicer(stubs.RegistryServiceServicer):
    """Answers RegistryService.

    Args:
        sessions: Opens transactions.
        transfers: Takes and gives the bytes of artifacts.
        admission: Checks versions.
    """

    def __init__(
        self, sessions: Sessions, transfers: ArtifactTransfers, admission: Admission
    ) -> None:
        self._sessions = sessions
        self._transfers = transfers
        self._admission = admission

    async def CreateModel(self, request: rpc.CreateModelRequest, context: Any) -> pb.Model:
        """Make a model."""
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            model = await do_once(
                session,
                request_key("CreateModel", request),
                lambda: models.create_model(session, request.model_id, model_draft(request.model)),
                lambda model: model.model_id,
                lambda model_id: models.get_model(session, model_id),
            )
        return to_model(model, [])

    async def GetModel(self, request: rpc.GetModelRequest, context: Any) -> pb.Model:
        """Return a model."""
        model_id = names.model_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            model = await models.get_model(session, model_id)
            found = await aliases.list_aliases_of(session, [model_id], _SHOWN_ALIASES)
        return to_model(model, found[model_id])

    async def ListModels(
        self, request: rpc.ListModelsRequest, context: Any
    ) -> rpc.ListModelsResponse:
        """List models."""
        wanted = read_selection(MODELS, request.filter, request.order_by)
        name = name_list("models", request)
        page = read_page(name, request.page_size, request.page_token, wanted.place_pattern)
        async with begin(self._sessions) as session:
            found = await models.list_models(session, page, wanted)
            shown, token = cut_page(found, page, name, lambda it: place_of_model(it, wanted.order))
            ids = [model.model_id for model in shown]
            of_models = await aliases.list_aliases_of(session, ids, _SHOWN_ALIASES)
        return rpc.ListModelsResponse(
            models=[to_model(model, of_models[model.model_id]) for model in shown],
            next_page_token=token,
        )

    async def UpdateModel(self, request: rpc.UpdateModelRequest, context: Any) -> pb.Model:
        """Change a model."""
        change = model_to_change(request)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            model = await do_once(
                session,
                request_key("UpdateModel", request),
                lambda: models.update_model(session, change),
                lambda model: model.model_id,
                lambda model_id: models.get_model(session, model_id),
            )
            ids = [model.model_id]
            found = await aliases.list_aliases_of(session, ids, _SHOWN_ALIASES)
        return to_model(model, found[model.model_id])

    async def CreateModelVersion(
        self, request: rpc.CreateModelVersionRequest, context: Any
    ) -> pb.ModelVersion:
        """Make a version in state CREATING."""
        model_id = names.model_id_of(request.parent, "parent")
        draft = version_draft(request.model_version)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            version = await do_once(
                session,
                request_key("CreateModelVersion", request),
                lambda: versions.create_version(session, model_id, draft),
                lambda version: str(version.number),
                lambda number: versions.get_version(session, model_id, number),
            )
        return to_version(version)

    async def GetModelVersion(
        self, request: rpc.GetModelVersionRequest, context: Any
    ) -> pb.ModelVersion:
        """Return a version, by its number or an alias."""
        model_id, reference = names.version_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_version(await versions.get_version(session, model_id, reference))

    async def ListModelVersions(
        self, request: rpc.ListModelVersionsRequest, context: Any
    ) -> rpc.ListModelVersionsResponse:
        """List the versions of a model."""
        model_id = names.model_id_of(request.parent, "parent")
        wanted = read_selection(VERSIONS, request.filter, request.order_by)
        list_name = name_list(f"{request.parent}/versions", request)
        page = read_page(list_name, request.page_size, request.page_token, wanted.place_pattern)
        async with begin(self._sessions) as session:
            found = await versions.list_versions(session, model_id, page, wanted)
        shown, token = cut_page(found, page, list_name, lambda version: str(version.number))
        return rpc.ListModelVersionsResponse(
            model_versions=[to_version(version) for version in shown], next_page_token=token
        )

    async def FinalizeModelVersion(
        self, request: rpc.FinalizeModelVersionRequest, context: Any
    ) -> pb.ModelVersion:
        """Check a version and make it ACTIVE, or FAILED."""
        model_id, number = names.numbered_version_of(request.name, "name")
        return to_version(await self._admission.finalize(self._sessions, model_id, number))

    async def UploadArtifact(
        self, requests: AsyncIterator[rpc.UploadArtifactRequest], context: Any
    ) -> pb.Artifact:
        """Store one file of a version."""
        header, chunks = await split_upload(requests)
        model_id, number = names.numbered_version_of(header.parent, "header.parent")
        artifact_id = names.check_artifact_id(header.artifact_id, "header.artifact_id")
        file = StoredFile(artifact_id, header.mime_type[:255], 0, header.sha256)
        artifact = await self._transfers.receive(model_id, number, file, chunks)
        return to_artifact(model_id, number, artifact)

    async def DownloadArtifact(
        self, request: rpc.DownloadArtifactRequest, context: Any
    ) -> AsyncIterator[rpc.DownloadArtifactResponse]:
        """Return the bytes of one file."""
        model_id, reference, artifact_id = names.artifact_of(request.name, "name")
        number, artifact = await self._transfers.find(model_id, reference, artifact_id)
        message = to_artifact(model_id, number, artifact)
        yield rpc.DownloadArtifactResponse(artifact=message)
        async for chunk in self._transfers.send(artifact):
            yield rpc.DownloadArtifactResponse(chunk=chunk)

    async def CreateModelAlias(
        self, request: rpc.CreateModelAliasRequest, context: Any
    ) -> pb.ModelAlias:
        """Make an alias."""
        move = alias_to_create(request)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            alias = await do_once(
                session,
                request_key("CreateModelAlias", request),
                lambda: aliases.create_alias(session, move),
                lambda alias: alias.alias_id,
                lambda alias_id: aliases.get_alias(session, move.model_id, alias_id),
            )
        return to_alias(alias)

    async def GetModelAlias(self, request: rpc.GetModelAliasRequest, context: Any) -> pb.ModelAlias:
        """Return an alias."""
        model_id, alias_id = names.alias_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_alias(await aliases.get_alias(session, model_id, alias_id))

    async def ListModelAliases(
        self, request: rpc.ListModelAliasesRequest, context: Any
    ) -> rpc.ListModelAliasesResponse:
        """List the aliases of a model."""
        model_id = names.model_id_of(request.parent, "parent")
        list_name = f"{request.parent}/aliases"
        page = read_page(list_name, request.page_size, request.page_token)
        async with begin(self._sessions) as session:
            found = await aliases.list_aliases(session, model_id, page)
        shown, token = cut_page(found, page, list_name, lambda alias: alias.alias_id)
        return rpc.ListModelAliasesResponse(
            model_aliases=[to_alias(alias) for alias in shown], next_page_token=token
        )

    async def UpdateModelAlias(
        self, request: rpc.UpdateModelAliasRequest, context: Any
    ) -> pb.ModelAlias:
        """Move an alias."""
        move = alias_to_move(request)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            alias = await do_once(
                session,
                request_key("UpdateModelAlias", request),
                lambda: aliases.move_alias(session, move),
                lambda alias: alias.alias_id,
                lambda alias_id: aliases.get_alias(session, move.model_id, alias_id),
            )
        return to_alias(alias)

    async def GetModelProto(
        self, request: rpc.GetModelProtoRequest, context: Any
    ) -> rpc.GetModelProtoResponse:
        """Return the .proto file of a typed service."""
        model_id = names.model_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_model_proto(await schemas.get_schema(session, model_id, request.schema_major))

    async def ValidateSchemaChange(
        self, request: rpc.ValidateSchemaChangeRequest, context: Any
    ) -> rpc.ValidateSchemaChangeResponse:
        """Tell what callers of the champion's typed service would notice of a version."""
        model_id, reference = names.version_of(request.name, "name")
        async with begin(self._sessions) as session:
            found = await schemas.compare_with_champion(session, model_id, reference)
        return to_schema_comparison(model_id, found)
