"""Models, versions and aliases: look, and move an alias."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.names import ModelRef, VersionRef, last_id, model_name, version_id, version_name
from modelyard.registry.v1 import registry_pb2 as messages
from modelyard.registry.v1.resources_pb2 import Model, ModelAlias, ModelVersion


class ModelOperations(Operations):
    """What can be done with models that exist."""

    async def create_model(
        self,
        model: str,
        *,
        display_name: str = "",
        description: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Model:
        """Make a model without versions.

        Raises:
            ModelyardError: The id is taken, or the call failed.
        """
        request = messages.CreateModelRequest(
            model=Model(display_name=display_name, description=description, labels=labels),
            model_id=last_id(model),
            request_id=str(uuid4()),
        )
        return await self._calls.unary(self._calls.registry.CreateModel, request)

    async def get_model(self, model: ModelRef) -> Model:
        """Return a model with its aliases.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetModelRequest(name=model_name(model))
        return await self._calls.unary(self._calls.registry.GetModel, request)

    async def list_models(
        self, limit: int | None = None, where: str = "", order_by: str = ""
    ) -> list[Model]:
        """Return the models by name, all unless limited.

        Args:
            limit: How many at most.
            where: A filter, such as `labels.team = "sea"`.
            order_by: Such as `create_time desc`; empty is the list's own order.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.registry.ListModels,
            messages.ListModelsRequest(filter=where, order_by=order_by),
            lambda page: page.models,
            limit,
        )

    async def set_batching(
        self, model: ModelRef, max_rows: int, max_delay_seconds: float = 0.002
    ) -> Model:
        """Have requests that come at about the same time joined into one run.

        Args:
            model: The model or its id.
            max_rows: How many rows are joined at most; 0 joins none any more.
            max_delay_seconds: How long a request waits for others at most.

        Raises:
            ModelyardError: There is no such model, a number is out of bounds, or the
                call failed.
        """
        wanted = Model(name=model_name(model))
        if max_rows:
            wanted.batching.max_rows = max_rows
            wanted.batching.max_delay.FromTimedelta(timedelta(seconds=max_delay_seconds))
        request = messages.UpdateModelRequest(
            model=wanted, update_mask=FieldMask(paths=["batching"]), request_id=str(uuid4())
        )
        return await self._calls.unary(self._calls.registry.UpdateModel, request)

    async def get_model_proto(
        self, model: ModelRef, schema_major: int = 0
    ) -> messages.GetModelProtoResponse:
        """Return the .proto file of a model's typed service, to generate stubs from.

        Args:
            model: The model or its id.
            schema_major: The number in the package's name; 0 is that of the champion.

        Raises:
            ModelyardError: The model has no such typed service, or the call failed.
        """
        request = messages.GetModelProtoRequest(name=model_name(model), schema_major=schema_major)
        return await self._calls.unary(self._calls.registry.GetModelProto, request)

    async def get_model_version(
        self, model: ModelRef, version: VersionRef = "champion"
    ) -> ModelVersion:
        """Return a version of a model, by number or alias.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetModelVersionRequest(name=version_name(model, version))
        return await self._calls.unary(self._calls.registry.GetModelVersion, request)

    async def list_model_versions(
        self, model: ModelRef, limit: int | None = None, where: str = "", order_by: str = ""
    ) -> list[ModelVersion]:
        """Return the versions of a model, newest first, all unless limited.

        Args:
            model: The model or its id.
            limit: How many at most.
            where: A filter, such as `state = ACTIVE`.
            order_by: Such as `create_time`; empty is newest first.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.registry.ListModelVersions,
            messages.ListModelVersionsRequest(
                parent=model_name(model), filter=where, order_by=order_by
            ),
            lambda page: page.model_versions,
            limit,
        )

    async def get_model_alias(self, model: ModelRef, alias: str = "champion") -> ModelAlias:
        """Return an alias of a model.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetModelAliasRequest(name=f"{model_name(model)}/aliases/{alias}")
        return await self._calls.unary(self._calls.registry.GetModelAlias, request)

    async def list_model_aliases(
        self, model: ModelRef, limit: int | None = None
    ) -> list[ModelAlias]:
        """Return the aliases of a model by name, all unless limited.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.registry.ListModelAliases,
            messages.ListModelAliasesRequest(parent=model_name(model)),
            lambda page: page.model_aliases,
            limit,
        )

    async def validate_schema_change(
        self, model: ModelRef, version: VersionRef
    ) -> messages.ValidateSchemaChangeResponse:
        """Tell what callers of the champion's typed service would notice of a version.

        Args:
            model: The model or its id.
            version: The version that may be promoted, its number or an alias.

        Raises:
            ModelyardError: There is no such version, or the call failed.
        """
        request = messages.ValidateSchemaChangeRequest(name=version_name(model, version))
        return await self._calls.unary(self._calls.registry.ValidateSchemaChange, request)

    async def promote(
        self,
        model: ModelRef,
        version: VersionRef,
        alias: str = "champion",
        *,
        seen: ModelAlias | None = None,
        validate_only: bool = False,
    ) -> ModelAlias:
        """Move an alias to a version, unless somebody else moves it meanwhile.

        Moving `champion` is the deployment: every server loads the version beside the
        one it serves and then flips.

        Args:
            model: The model or its id.
            version: The version, its number, or another alias that points to it.
            alias: The alias to move; made if it does not exist.
            seen: The alias as it was when the move was decided; None reads it now.
            validate_only: Whether to learn only if the move would be done.

        Raises:
            ModelyardError: With code ABORTED or ALREADY_EXISTS, somebody else moved or
                made the alias since it was seen: look again. Otherwise there is no such
                version, or a call failed.
        """
        number = version_id(version)
        if not number.isdecimal():
            number = last_id((await self.get_model_version(model, number)).name)
        wanted = ModelAlias(model_version=version_name(model, number))
        try:
            seen = seen or await self.get_model_alias(model, alias)
        except ModelyardError as error:
            if error.code is not grpc.StatusCode.NOT_FOUND:
                raise
            return await self._create_alias(model, alias, wanted, validate_only=validate_only)
        wanted.name, wanted.etag = seen.name, seen.etag
        request = messages.UpdateModelAliasRequest(
            model_alias=wanted, request_id=str(uuid4()), validate_only=validate_only
        )
        return await self._calls.unary(self._calls.registry.UpdateModelAlias, request)

    async def _create_alias(
        self, model: ModelRef, alias: str, wanted: ModelAlias, *, validate_only: bool
    ) -> ModelAlias:
        """Make an alias. A setting update would not notice one that somebody else just made."""
        request = messages.CreateModelAliasRequest(
            parent=model_name(model),
            model_alias=wanted,
            model_alias_id=alias,
            request_id=str(uuid4()),
            validate_only=validate_only,
        )
        return await self._calls.unary(self._calls.registry.CreateModelAlias, request)
