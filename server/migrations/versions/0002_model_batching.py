"""Models may ask for their requests to be joined."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the setting; models that exist do not have it, as before."""
    op.add_column("models", sa.Column("batching", JSONB(), nullable=True))
