"""The foundation: registry, datasets, training jobs, and the queue's own schema."""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table of the first release."""
    _make_registry()
    _make_training()
    _make_queue()


def _make_queue() -> None:
    """Make the queue library's objects in a schema of their own.

    A later release of the library brings its own migration files: a later revision runs
    them, and the comment tells which release made a database.
    """
    op.execute("create schema queue")
    op.execute("set local search_path = queue")
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute("set local search_path to default")
    op.execute("comment on schema queue is 'procrastinate 3.10.0'")


def _make_registry() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("labels", JSONB(), nullable=False),
        sa.Column("last_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("model_id", name="uq_models_model_id"),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("resource_name", sa.String(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("request_id", name="pk_requests"),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_row", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("labels", JSONB(), nullable=False),
        sa.Column("task", sa.String(), nullable=True),
        sa.Column("signature", JSONB(), nullable=True),
        sa.Column("classes", JSONB(), nullable=False),
        sa.Column("metrics", JSONB(), nullable=False),
        sa.Column("parameters", JSONB(), nullable=False),
        sa.Column("lineage", JSONB(), nullable=False),
        sa.Column("parity_report", JSONB(), nullable=True),
        sa.Column("admission_report", JSONB(), nullable=True),
        sa.Column("faults", JSONB(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state in ('CREATING', 'ACTIVE', 'FAILED', 'ARCHIVED')", name="ck_model_versions_state"
        ),
        sa.ForeignKeyConstraint(["model_row"], ["models.id"], name="fk_model_versions_model_row"),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("model_row", "number", name="uq_model_versions_model_row_number"),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_row", sa.BigInteger(), nullable=False),
        sa.Column("artifact_id", sa.String(), nullable=False),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["version_row"], ["model_versions.id"], name="fk_artifacts_version_row"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
        sa.UniqueConstraint(
            "version_row", "artifact_id", name="uq_artifacts_version_row_artifact_id"
        ),
    )
    op.create_table(
        "model_aliases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_row", sa.BigInteger(), nullable=False),
        sa.Column("alias_id", sa.String(), nullable=False),
        sa.Column("version_row", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["model_row"], ["models.id"], name="fk_model_aliases_model_row"),
        sa.ForeignKeyConstraint(
            ["version_row"], ["model_versions.id"], name="fk_model_aliases_version_row"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_aliases"),
        sa.UniqueConstraint("model_row", "alias_id", name="uq_model_aliases_model_row_alias_id"),
    )
    op.create_index("ix_model_aliases_version_row", "model_aliases", ["version_row"], unique=False)


def _make_training() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("labels", JSONB(), nullable=False),
        sa.Column("last_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("dataset_id", name="uq_datasets_dataset_id"),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dataset_row", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("columns", JSONB(), nullable=False),
        sa.Column("faults", JSONB(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("state in ('ACTIVE', 'FAILED')", name="ck_dataset_versions_state"),
        sa.ForeignKeyConstraint(
            ["dataset_row"], ["datasets.id"], name="fk_dataset_versions_dataset_row"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dataset_versions"),
        sa.UniqueConstraint("dataset_row", "number", name="uq_dataset_versions_dataset_row_number"),
    )
    op.create_table(
        "training_jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("model_row", sa.BigInteger(), nullable=False),
        sa.Column("dataset_version_row", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("task", sa.String(), nullable=True),
        sa.Column("trainer", sa.String(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("features", JSONB(), nullable=False),
        sa.Column("holdout_fraction", sa.Float(precision=53), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("labels", JSONB(), nullable=False),
        sa.Column("stage", sa.String(), server_default="", nullable=False),
        sa.Column("progress_percent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("releases", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version_number", sa.BigInteger(), nullable=True),
        sa.Column("fault", JSONB(), nullable=True),
        sa.Column("metrics", JSONB(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state in ('QUEUED', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')",
            name="ck_training_jobs_state",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_version_row"],
            ["dataset_versions.id"],
            name="fk_training_jobs_dataset_version_row",
        ),
        sa.ForeignKeyConstraint(
            ["model_row", "version_number"],
            ["model_versions.model_row", "model_versions.number"],
            name="fk_training_jobs_model_row_version_number",
        ),
        sa.ForeignKeyConstraint(["model_row"], ["models.id"], name="fk_training_jobs_model_row"),
        sa.PrimaryKeyConstraint("id", name="pk_training_jobs"),
        sa.UniqueConstraint("job_id", name="uq_training_jobs_job_id"),
    )
    op.create_index(
        "ix_training_jobs_open",
        "training_jobs",
        ["lease_end"],
        unique=False,
        postgresql_where=sa.text("state in ('QUEUED', 'RUNNING', 'CANCELLING')"),
    )
    op.create_table(
        "training_job_events",
        sa.Column("job_row", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column(
            "event_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("progress_percent", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_row"], ["training_jobs.id"], name="fk_training_job_events_job_row"
        ),
        sa.PrimaryKeyConstraint("job_row", "sequence", name="pk_training_job_events"),
    )
