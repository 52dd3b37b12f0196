"""Joins serving to the registry: serving itself knows neither database nor store."""

from sqlalchemy import text

from registry.artifact_store import ArtifactStore
from registry.served import ServedModel, list_served
from registry.transactions import Sessions, begin
from serving.snapshot import ServableModel, ServableVersion, Snapshot


class ServingSource:
    """Reads what should be served, and the bytes of it.

    Args:
        sessions: Opens transactions.
        store: Holds the files.
    """

    def __init__(self, sessions: Sessions, store: ArtifactStore) -> None:
        self._sessions = sessions
        self._store = store

    async def read_snapshot(self) -> Snapshot:
        """Read every model with its versions and aliases, all of the same moment."""
        async with begin(self._sessions) as session:
            await session.execute(text("set transaction isolation level repeatable read"))
            models = await list_served(session)
        return Snapshot({id_: _servable(id_, model) for id_, model in models.items()})

    async def read_model(self, version: ServableVersion) -> bytes:
        """Read a version's model file."""
        return b"".join([chunk async for chunk in self._store.get(version.digest)])


def _servable(model_id: str, model: ServedModel) -> ServableModel:
    versions = {
        version.number: ServableVersion(
            model_id=model_id,
            number=version.number,
            digest=version.sha256,
            size_bytes=version.size_bytes,
            signature=version.signature,
        )
        for version in model.versions
    }
    return ServableModel(versions, model.aliases, model.batching)
