"""The tables of the registry. The migrations make them; a test holds the two equal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    MetaData,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from registry.batching import Batching
from registry.json_column import AsJson
from registry.reports import AdmissionReport, Fault, Lineage, Metric, ParityReport
from registry.schema import SchemaField
from registry.signature import Signature


class Base(DeclarativeBase):
    """The root of every table, with names for constraints that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    # Values that the database makes are read back with the statement that makes them: a
    # later read would be a query behind the code's back, which asyncio forbids.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it so
    type_annotation_map = {datetime: DateTime(timezone=True), int: BigInteger}  # noqa: RUF012 - SQLAlchemy reads it so


def new_row_id() -> Mapped[int]:
    """Make the column that tells rows apart inside the database; callers never see it."""
    return mapped_column(Identity(always=True), primary_key=True)


def time_of_insert() -> Mapped[datetime]:
    """Make a column that takes the database's clock, the one clock of all servers."""
    return mapped_column(server_default=func.now())


def time_of_update() -> Mapped[datetime]:
    """Make a column that takes the database's clock at each change of the row."""
    return mapped_column(server_default=func.now(), onupdate=func.now())


class ModelRow(Base):
    """A model."""

    __tablename__ = "models"

    id: Mapped[int] = new_row_id()
    model_id: Mapped[str] = mapped_column(unique=True)
    uid: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    display_name: Mapped[str]
    description: Mapped[str]
    labels: Mapped[dict[str, str]] = mapped_column(AsJson(dict[str, str]))
    batching: Mapped[Batching | None] = mapped_column(AsJson(Batching))
    input_contract: Mapped[str | None]
    # The last number handed out. Numbers are never reused, so it only grows.
    last_version: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    update_time: Mapped[datetime] = time_of_update()


class VersionRow(Base):
    """A version of a model."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("model_row", "number"),
        CheckConstraint("state in ('CREATING', 'ACTIVE', 'FAILED', 'ARCHIVED')", name="state"),
    )

    id: Mapped[int] = new_row_id()
    model_row: Mapped[int] = mapped_column(ForeignKey("models.id"))
    number: Mapped[int]
    uid: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    state: Mapped[str]
    description: Mapped[str]
    labels: Mapped[dict[str, str]] = mapped_column(AsJson(dict[str, str]))
    task: Mapped[str | None]
    signature: Mapped[Signature | None] = mapped_column(AsJson(Signature))
    classes: Mapped[tuple[str, ...]] = mapped_column(AsJson(tuple[str, ...]))
    target_names: Mapped[tuple[str, ...]] = mapped_column(
        AsJson(tuple[str, ...]), server_default="[]"
    )
    metrics: Mapped[tuple[Metric, ...]] = mapped_column(AsJson(tuple[Metric, ...]))
    parameters: Mapped[dict[str, str]] = mapped_column(AsJson(dict[str, str]))
    lineage: Mapped[Lineage] = mapped_column(AsJson(Lineage))
    parity_report: Mapped[ParityReport | None] = mapped_column(AsJson(ParityReport))
    admission_report: Mapped[AdmissionReport | None] = mapped_column(AsJson(AdmissionReport))
    faults: Mapped[tuple[Fault, ...]] = mapped_column(AsJson(tuple[Fault, ...]))
    digest: Mapped[str]
    # The typed service that it belongs to: 0 is none, NULL is not decided yet.
    schema_major: Mapped[int | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    update_time: Mapped[datetime] = time_of_update()

    model: Mapped[ModelRow] = relationship(lazy="raise")
    artifacts: Mapped[list["ArtifactRow"]] = relationship(
        lazy="raise", order_by="ArtifactRow.artifact_id"
    )
    aliases: Mapped[list["AliasRow"]] = relationship(lazy="raise", order_by="AliasRow.alias_id")


class SchemaRow(Base):
    """What one package of a model's typed services takes and gives. It only ever grows."""

    __tablename__ = "model_schemas"
    __table_args__ = (UniqueConstraint("model_row", "major"),)

    id: Mapped[int] = new_row_id()
    model_row: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    major: Mapped[int]
    inputs: Mapped[tuple[SchemaField, ...]] = mapped_column(AsJson(tuple[SchemaField, ...]))
    outputs: Mapped[tuple[SchemaField, ...]] = mapped_column(AsJson(tuple[SchemaField, ...]))
    # What answers: the last of its versions that was champion.
    version_row: Mapped[int | None] = mapped_column(
        ForeignKey("model_versions.id", ondelete="SET NULL")
    )
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    update_time: Mapped[datetime] = time_of_update()


class AliasRow(Base):
    """A movable name for a version."""

    __tablename__ = "model_aliases"
    __table_args__ = (UniqueConstraint("model_row", "alias_id"),)

    id: Mapped[int] = new_row_id()
    model_row: Mapped[int] = mapped_column(ForeignKey("models.id"))
    alias_id: Mapped[str]
    version_row: Mapped[int] = mapped_column(ForeignKey("model_versions.id"), index=True)
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    update_time: Mapped[datetime] = time_of_update()

    model: Mapped[ModelRow] = relationship(lazy="raise")
    version: Mapped[VersionRow] = relationship(lazy="raise", overlaps="aliases")


class ArtifactRow(Base):
    """A file of a version; the bytes are in the artifact store under their digest."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("version_row", "artifact_id"),)

    id: Mapped[int] = new_row_id()
    version_row: Mapped[int] = mapped_column(ForeignKey("model_versions.id"))
    artifact_id: Mapped[str]
    mime_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    create_time: Mapped[datetime] = time_of_insert()


class RequestRow(Base):
    """A request that was done, so that its repeat finds the first answer."""

    __tablename__ = "requests"

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    # SHA-256 over the method and the request without its id.
    fingerprint: Mapped[str]
    resource_name: Mapped[str]
    create_time: Mapped[datetime] = time_of_insert()
