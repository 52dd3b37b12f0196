"""Tables are kept with a typed copy, warnings and a preview; datasets can be deleted."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what there was not; tables that exist have no copy, and are read from their upload."""
    op.add_column("datasets", _time("delete_time"))
    op.drop_constraint("uq_datasets_dataset_id", "datasets")
    op.create_index(
        "uq_datasets_dataset_id",
        "datasets",
        ["dataset_id"],
        unique=True,
        postgresql_where=sa.text("delete_time is null"),
    )
    for column in (
        sa.Column("warnings", JSONB(), server_default="[]", nullable=False),
        sa.Column("csv_options", JSONB(), nullable=True),
        sa.Column("preview", JSONB(), server_default="[]", nullable=False),
        sa.Column("copy_sha256", sa.String(), nullable=True),
        sa.Column("copy_size_bytes", sa.BigInteger(), nullable=True),
        _time("delete_time"),
    ):
        op.add_column("dataset_versions", column)


def _time(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)
