"""Jobs have queues, bounds of their own, searches, and something to do with their version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; jobs that exist get what they had: one queue, the operator's bounds."""
    for name, kind, default in (
        ("queue", sa.String(), "default"),
        ("priority", sa.BigInteger(), "0"),
        ("memory_mb", sa.BigInteger(), "0"),
        ("seconds", sa.Float(precision=53), "0"),
        ("max_attempts", sa.BigInteger(), "0"),
        ("on_success", JSONB(), "{}"),
    ):
        op.add_column(
            "training_jobs", sa.Column(name, kind, server_default=default, nullable=False)
        )
    for name in ("search", "promotion"):
        op.add_column("training_jobs", sa.Column(name, JSONB(), nullable=True))
    for name, kind, default in (("level", sa.String(), "INFO"), ("metrics", JSONB(), "[]")):
        op.add_column(
            "training_job_events", sa.Column(name, kind, server_default=default, nullable=False)
        )
    op.add_column("training_job_events", sa.Column("trial", JSONB(), nullable=True))
    op.create_table(
        "training_trials",
        sa.Column("job_row", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("trial", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_row"], ["training_jobs.id"], name="fk_training_trials_job_row"
        ),
        sa.PrimaryKeyConstraint("job_row", "number", name="pk_training_trials"),
    )
