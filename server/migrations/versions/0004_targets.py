"""Jobs say how their targets are learned, and versions name what they predict."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both; what exists has one target, learned plainly, and its name is in the job."""
    op.add_column(
        "training_jobs", sa.Column("learning", JSONB(), server_default="{}", nullable=False)
    )
    op.add_column(
        "model_versions", sa.Column("target_names", JSONB(), server_default="[]", nullable=False)
    )
