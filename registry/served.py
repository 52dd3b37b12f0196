"""What may be served: every model with its ACTIVE versions and aliases, read at one moment."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ARRAY, BigInteger, and_, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from registry.artifacts import MODEL_FILE
from registry.batching import Batching
from registry.golden_rows import ARTIFACT_ID as GOLDEN_FILE
from registry.input_contract import InputContract
from registry.schema import ModelSchema
from registry.signature import Signature
from registry.tables import AliasRow, ArtifactRow, ModelRow, SchemaRow, VersionRow
from registry.version import VersionState

# Measured: the graphs made here take two to twenty times their file, plain weights once.
_GUESSED_MEMORY_PER_BYTE = 6
_GUESSED_MEMORY_BYTES = 256 << 10
# Whoever runs them again holds them in memory beside the model.
_MOST_GOLDEN_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """An ACTIVE version, as far as serving needs it.

    Attributes:
        number: Its number.
        sha256: The digest of its model file.
        size_bytes: The length of that file.
        memory_bytes: What it takes once loaded: as admission measured it, else a guess.
        signature: What goes in and comes out.
        classes: What a classifier tells apart, in the order of its probabilities.
        golden_sha256: The digest of its golden rows; empty if it has none or very many.
        onnxruntime_version: What admission ran it with; empty if that is not known.
    """

    number: int
    sha256: str
    size_bytes: int
    memory_bytes: int
    signature: Signature
    classes: tuple[str, ...] = ()
    golden_sha256: str = ""
    onnxruntime_version: str = ""


SchemaKey = tuple[int, int]
"""The row of a schema and its revision: what was read of one never changes."""


@dataclass(slots=True)
class ServedModel:
    """A model, as far as serving needs it; without versions it can't answer yet.

    Attributes:
        batching: How its requests are joined; None joins none.
        input_contract: How strictly its typed services hold input to training.
        versions: The row of every ACTIVE version, for `read_served`.
        aliases: Alias to number.
        schemas: Row and revision of each typed service, for `read_schemas`, to the number
            of the version that answers it.
    """

    batching: Batching | None = None
    input_contract: InputContract = InputContract.EXPLAIN
    versions: list[int] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    schemas: dict[SchemaKey, int] = field(default_factory=dict)


async def list_served(session: AsyncSession) -> dict[str, ServedModel]:
    """Return every model by id, those whose aliases moved last first.

    One statement each for models, versions, aliases and schemas. The transaction should be
    REPEATABLE READ, so that all see the same moment.
    """
    moved = func.max(AliasRow.update_time)
    ids = (
        select(ModelRow.model_id, ModelRow.batching, ModelRow.input_contract)
        .outerjoin(AliasRow, AliasRow.model_row == ModelRow.id)
        .group_by(ModelRow.id)
        .order_by(moved.desc().nulls_last(), ModelRow.model_id)
    )
    models = {
        id_: ServedModel(batching, InputContract(contract or InputContract.EXPLAIN))
        for id_, batching, contract in await session.execute(ids)
    }
    versions = (
        select(ModelRow.model_id, VersionRow.id)
        .join(VersionRow, VersionRow.model_row == ModelRow.id)
        .join(ArtifactRow, ArtifactRow.version_row == VersionRow.id)
        .where(VersionRow.state == VersionState.ACTIVE, ArtifactRow.artifact_id == MODEL_FILE)
    )
    for model_id, row in await session.execute(versions):
        models[model_id].versions.append(row)
    aliases = (
        select(ModelRow.model_id, AliasRow.alias_id, VersionRow.number)
        .join(AliasRow, AliasRow.model_row == ModelRow.id)
        .join(VersionRow, VersionRow.id == AliasRow.version_row)
    )
    for model_id, alias_id, number in await session.execute(aliases):
        models[model_id].aliases[alias_id] = number
    schemas = (
        select(ModelRow.model_id, SchemaRow.id, SchemaRow.revision, VersionRow.number)
        .join(SchemaRow, SchemaRow.model_row == ModelRow.id)
        .join(VersionRow, VersionRow.id == SchemaRow.version_row)
        .where(VersionRow.state == VersionState.ACTIVE)
    )
    for model_id, row, revision, number in await session.execute(schemas):
        models[model_id].schemas[row, revision] = number
    return models


async def read_schemas(
    session: AsyncSession, keys: Iterable[SchemaKey]
) -> dict[SchemaKey, ModelSchema]:
    """Return schemas by row and revision; in the transaction that listed them."""
    wanted = any_(literal([row for row, _ in keys], ARRAY(BigInteger)))
    query = (
        select(
            SchemaRow.id,
            SchemaRow.revision,
            ModelRow.model_id,
            SchemaRow.major,
            SchemaRow.inputs,
            SchemaRow.outputs,
        )
        .join(ModelRow, ModelRow.id == SchemaRow.model_row)
        .where(SchemaRow.id == wanted)
    )
    return {
        (row, revision): ModelSchema(model_id, major, inputs, outputs)
        for row, revision, model_id, major, inputs, outputs in await session.execute(query)
    }


async def read_served(session: AsyncSession, rows: Iterable[int]) -> dict[int, ServedVersion]:
    """Return versions by row. An ACTIVE version never changes: each is read once."""
    # One array instead of a parameter a row: the protocol has room for 65535 of those.
    wanted = any_(literal(list(rows), ARRAY(BigInteger)))
    golden = aliased(ArtifactRow)
    is_golden = and_(
        golden.version_row == VersionRow.id,
        golden.artifact_id == GOLDEN_FILE,
        golden.size_bytes <= _MOST_GOLDEN_BYTES,
    )
    query = (
        select(
            VersionRow.id,
            VersionRow.number,
            ArtifactRow.sha256,
            ArtifactRow.size_bytes,
            VersionRow.admission_report,
            VersionRow.signature,
            VersionRow.classes,
            golden.sha256,
        )
        .join(ArtifactRow, ArtifactRow.version_row == VersionRow.id)
        .outerjoin(golden, is_golden)
        .where(VersionRow.id == wanted, ArtifactRow.artifact_id == MODEL_FILE)
    )
    found = {}
    for found_row in await session.execute(query):
        row, number, sha256, size_bytes, report, signature, classes, golden_sha256 = found_row
        assert signature  # an ACTIVE version has one
        found[row] = ServedVersion(
            number=number,
            sha256=sha256,
            size_bytes=size_bytes,
            memory_bytes=(report and report.memory_bytes) or _guess_memory(size_bytes),
            signature=signature,
            classes=classes,
            golden_sha256=golden_sha256 or "",
            onnxruntime_version=report.onnxruntime_version if report else "",
        )
    return found


def _guess_memory(size_bytes: int) -> int:
    return _GUESSED_MEMORY_BYTES + _GUESSED_MEMORY_PER_BYTE * size_bytes
