"""Jobs may say how their version is evaluated."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the setting; jobs that exist do not have it."""
    op.add_column("training_jobs", sa.Column("evaluation", JSONB(), nullable=True))
