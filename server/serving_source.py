"""Joins serving to the registry: serving itself knows neither database nor store."""

from sqlalchemy import text

from registry.artifact_store import ArtifactStore
from registry.schema import ModelSchema
from registry.served import (
    SchemaKey,
    ServedModel,
    ServedVersion,
    list_served,
    read_schemas,
    read_served,
)
from registry.transactions import Sessions, begin
from serving.snapshot import ServableModel, ServableSchema, ServableVersion, Snapshot


class ServingSource:
    """Reads what should be served, and the bytes of it.

    Args:
        sessions: Opens transactions.
        store: Holds the files.
    """

    def __init__(self, sessions: Sessions, store: ArtifactStore) -> None:
        self._sessions = sessions
        self._store = store
        # By row. To read thousands of signatures at each change would hold up calls.
        self._versions: dict[int, ServableVersion] = {}
        self._schemas: dict[SchemaKey, ModelSchema] = {}

    async def read_snapshot(self) -> Snapshot:
        """Read every model with its versions and aliases, all of the same moment."""
        async with begin(self._sessions) as session:
            await session.execute(text("set transaction isolation level repeatable read"))
            models = await list_served(session)
            owners = {row: id_ for id_, model in models.items() for row in model.versions}
            if unknown := owners.keys() - self._versions.keys():
                for row, version in (await read_served(session, unknown)).items():
                    self._versions[row] = _servable_version(owners[row], version)
            keys = {key for model in models.values() for key in model.schemas}
            if new := keys - self._schemas.keys():
                self._schemas |= await read_schemas(session, new)
        self._versions = {row: v for row, v in self._versions.items() if row in owners}
        self._schemas = {key: schema for key, schema in self._schemas.items() if key in keys}
        return Snapshot({id_: self._servable_model(model) for id_, model in models.items()})

    async def read_model(self, version: ServableVersion) -> bytes:
        """Read a version's model file."""
        return await self._store.read(version.digest)

    async def read_golden_rows(self, version: ServableVersion) -> bytes:
        """Read a version's golden rows."""
        return await self._store.read(version.golden_digest)

    def _servable_model(self, model: ServedModel) -> ServableModel:
        versions = [self._versions[row] for row in model.versions]
        by_number = {version.number: version for version in versions}
        schemas = [
            ServableSchema(self._schemas[key], number) for key, number in model.schemas.items()
        ]
        return ServableModel(
            by_number,
            model.aliases,
            model.batching,
            schemas={served.schema.major: served for served in schemas},
            input_contract=model.input_contract,
        )


def _servable_version(model_id: str, version: ServedVersion) -> ServableVersion:
    return ServableVersion(
        model_id=model_id,
        number=version.number,
        digest=version.sha256,
        size_bytes=version.size_bytes,
        signature=version.signature,
        memory_bytes=version.memory_bytes,
        classes=version.classes,
        golden_digest=version.golden_sha256,
        onnxruntime_version=version.onnxruntime_version,
    )
