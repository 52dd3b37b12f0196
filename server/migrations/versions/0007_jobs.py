"""Jobs have queues, bounds of their own and something to do with their version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0002"
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
    op.add_column("training_jobs", sa.Column("promotion", JSONB(), nullable=True))
    for name, kind, default in (("level", sa.String(), "INFO"), ("metrics", JSONB(), "[]")):
        op.add_column(
            "training_job_events", sa.Column(name, kind, server_default=default, nullable=False)
        )
