"""What may be served: every model with its ACTIVE versions and aliases, read at one moment."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from registry.artifacts import MODEL_FILE
from registry.batching import Batching
from registry.signature import Signature
from registry.tables import AliasRow, ArtifactRow, ModelRow, VersionRow
from registry.version import VersionState


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """An ACTIVE version, as far as serving needs it.

    Attributes:
        number: Its number.
        sha256: The digest of its model file.
        size_bytes: The length of that file.
        signature: What goes in and comes out.
    """

    number: int
    sha256: str
    size_bytes: int
    signature: Signature


@dataclass(slots=True)
class ServedModel:
    """A model, as far as serving needs it; without versions it can't answer yet."""

    batching: Batching | None = None
    versions: list[ServedVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)


async def list_served(session: AsyncSession) -> dict[str, ServedModel]:
    """Return every model by id. One statement each for models, versions and aliases.

    The transaction should be REPEATABLE READ, so that the three see the same moment.
    """
    rows = await session.execute(select(ModelRow.model_id, ModelRow.batching))
    models = {model_id: ServedModel(batching) for model_id, batching in rows}
    versions = (
        select(
            ModelRow.model_id,
            VersionRow.number,
            ArtifactRow.sha256,
            ArtifactRow.size_bytes,
            VersionRow.signature,
        )
        .join(VersionRow, VersionRow.model_row == ModelRow.id)
        .join(ArtifactRow, ArtifactRow.version_row == VersionRow.id)
        .where(VersionRow.state == VersionState.ACTIVE, ArtifactRow.artifact_id == MODEL_FILE)
    )
    for model_id, number, sha256, size_bytes, signature in await session.execute(versions):
        assert signature  # an ACTIVE version has one
        models[model_id].versions.append(ServedVersion(number, sha256, size_bytes, signature))
    aliases = (
        select(ModelRow.model_id, AliasRow.alias_id, VersionRow.number)
        .join(AliasRow, AliasRow.model_row == ModelRow.id)
        .join(VersionRow, VersionRow.id == AliasRow.version_row)
    )
    for model_id, alias_id, number in await session.execute(aliases):
        models[model_id].aliases[alias_id] = number
    return models
