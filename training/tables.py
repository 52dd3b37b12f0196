"""The tables of training. The migrations make them; a test holds the two equal."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, JsonValue
from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registry.json_column import AsJson
from registry.reports import Fault, Metric
from registry.tables import (
    Base,
    ModelRow,
    new_row_id,
    time_of_insert,
    time_of_update,
)
from training.columns import Column, PreviewRows, TableWarning
from training.csv_options import CsvOptions
from training.evaluation.scheme import Scheme
from training.feature_steps import FeaturePlan
from training.learning import Learning
from training.promotion import OnSuccess, PromotionOutcome
from training.search.spec import SearchSpec, Trial

# Jobs of the first release have a list of columns.
_StoredFeatures = Annotated[
    FeaturePlan,
    BeforeValidator(lambda kept: {"columns": kept} if isinstance(kept, list) else kept),
]


class DatasetRow(Base):
    """A dataset. The row of a deleted one stays for the jobs that used it; its id is free."""

    __tablename__ = "datasets"
    __table_args__ = (
        Index(
            "uq_datasets_dataset_id",
            "dataset_id",
            unique=True,
            postgresql_where=text("delete_time is null"),
        ),
    )

    id: Mapped[int] = new_row_id()
    dataset_id: Mapped[str]
    uid: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    display_name: Mapped[str]
    description: Mapped[str]
    labels: Mapped[dict[str, str]] = mapped_column(AsJson(dict[str, str]))
    # The last number handed out. Numbers are never reused, so it only grows.
    last_version: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    update_time: Mapped[datetime] = time_of_update()
    delete_time: Mapped[datetime | None]


class DatasetVersionRow(Base):
    """A table; the bytes of its files are in the artifact store under their digests.

    The row of a deleted one stays for the jobs that used it, and keeps the digests until the
    files are removed.
    """

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("dataset_row", "number"),
        CheckConstraint("state in ('ACTIVE', 'FAILED')", name="state"),
    )

    id: Mapped[int] = new_row_id()
    dataset_row: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    number: Mapped[int]
    state: Mapped[str]
    format: Mapped[str | None]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    row_count: Mapped[int]
    columns: Mapped[tuple[Column, ...]] = mapped_column(AsJson(tuple[Column, ...]))
    warnings: Mapped[tuple[TableWarning, ...]] = mapped_column(
        AsJson(tuple[TableWarning, ...]), server_default="[]"
    )
    csv_options: Mapped[CsvOptions | None] = mapped_column(AsJson(CsvOptions))
    preview: Mapped[PreviewRows] = mapped_column(
        AsJson(PreviewRows), server_default="[]", deferred=True, deferred_raiseload=True
    )
    # The typed copy, which fits read.
    copy_sha256: Mapped[str | None]
    copy_size_bytes: Mapped[int | None]
    faults: Mapped[tuple[Fault, ...]] = mapped_column(AsJson(tuple[Fault, ...]))
    create_time: Mapped[datetime] = time_of_insert()
    delete_time: Mapped[datetime | None]

    dataset: Mapped[DatasetRow] = relationship(lazy="raise")


class JobRow(Base):
    """A training job: what is wanted, who works on it, what came of it."""

    __tablename__ = "training_jobs"
    __table_args__ = (
        CheckConstraint(
            "state in ('QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')",
            name="state",
        ),
        ForeignKeyConstraint(
            ["model_row", "version_number"], ["model_versions.model_row", "model_versions.number"]
        ),
        # Workers look for open jobs again and again; ended ones pile up beside them.
        Index(
            "ix_training_jobs_open",
            "lease_end",
            postgresql_where=text("state in ('QUEUED', 'RUNNING', 'CANCELLING')"),
        ),
    )

    id: Mapped[int] = new_row_id()
    job_id: Mapped[str] = mapped_column(unique=True)
    uid: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    state: Mapped[str]
    model_row: Mapped[int] = mapped_column(ForeignKey("models.id"))
    dataset_version_row: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    target: Mapped[str]
    task: Mapped[str | None]
    trainer: Mapped[str]
    settings: Mapped[dict[str, JsonValue]] = mapped_column(AsJson(dict[str, JsonValue]))
    features: Mapped[FeaturePlan] = mapped_column(AsJson(_StoredFeatures))
    holdout_fraction: Mapped[float] = mapped_column(Float(53))
    seed: Mapped[int]
    # Jobs from before there was a choice have none.
    evaluation: Mapped[Scheme | None] = mapped_column(AsJson(Scheme))
    labels: Mapped[dict[str, str]] = mapped_column(AsJson(dict[str, str]))
    learning: Mapped[Learning] = mapped_column(AsJson(Learning), server_default="{}")
    queue: Mapped[str] = mapped_column(server_default="default")
    priority: Mapped[int] = mapped_column(server_default="0")
    # Of these three, 0 is the operator's bound.
    memory_mb: Mapped[int] = mapped_column(server_default="0")
    seconds: Mapped[float] = mapped_column(Float(53), server_default="0")
    max_attempts: Mapped[int] = mapped_column(server_default="0")
    on_success: Mapped[OnSuccess] = mapped_column(AsJson(OnSuccess), server_default="{}")
    search: Mapped[SearchSpec | None] = mapped_column(AsJson(SearchSpec))
    promotion: Mapped[PromotionOutcome | None] = mapped_column(AsJson(PromotionOutcome))
    stage: Mapped[str] = mapped_column(server_default="")
    progress_percent: Mapped[int] = mapped_column(server_default="0")
    # Fences: what a worker writes counts only while this is still the attempt it claimed.
    attempt: Mapped[int] = mapped_column(server_default="0")
    # How many of the attempts ended because their worker was stopped, which is no one's fault.
    releases: Mapped[int] = mapped_column(server_default="0")
    # Until when the worker that claimed the job is believed to be alive.
    lease_end: Mapped[datetime | None]
    last_sequence: Mapped[int] = mapped_column(server_default="0")
    version_number: Mapped[int | None]
    fault: Mapped[Fault | None] = mapped_column(AsJson(Fault))
    metrics: Mapped[tuple[Metric, ...]] = mapped_column(AsJson(tuple[Metric, ...]))
    revision: Mapped[int] = mapped_column(server_default="1")
    create_time: Mapped[datetime] = time_of_insert()
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    update_time: Mapped[datetime] = time_of_update()

    model: Mapped[ModelRow] = relationship(lazy="raise")
    dataset_version: Mapped[DatasetVersionRow] = relationship(lazy="raise")


class JobEventRow(Base):
    """Something that happened to a job, for those who follow it."""

    __tablename__ = "training_job_events"

    job_row: Mapped[int] = mapped_column(ForeignKey("training_jobs.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    # The clock at this statement: events of one transaction happen one after another.
    event_time: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    state: Mapped[str]
    stage: Mapped[str]
    progress_percent: Mapped[int]
    message: Mapped[str]
    attempt: Mapped[int]
    level: Mapped[str] = mapped_column(server_default="INFO")
    metrics: Mapped[tuple[Metric, ...]] = mapped_column(
        AsJson(tuple[Metric, ...]), server_default="[]"
    )
    trial: Mapped[Trial | None] = mapped_column(AsJson(Trial))


class TrialRow(Base):
    """A trial of a job's search, which a later attempt does not repeat once it has ended."""

    __tablename__ = "training_trials"

    job_row: Mapped[int] = mapped_column(ForeignKey("training_jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[Trial] = mapped_column(AsJson(Trial))
