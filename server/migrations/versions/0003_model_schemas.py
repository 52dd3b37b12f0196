"""Models have typed services: what each takes and gives, and how strictly."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the record of field numbers; a server decides on versions that exist as it starts."""
    op.add_column("models", sa.Column("input_contract", sa.String(), nullable=True))
    op.add_column("model_versions", sa.Column("schema_major", sa.BigInteger(), nullable=True))
    op.create_table(
        "model_schemas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_row", sa.BigInteger(), nullable=False),
        sa.Column("major", sa.BigInteger(), nullable=False),
        sa.Column("inputs", JSONB(), nullable=False),
        sa.Column("outputs", JSONB(), nullable=False),
        sa.Column("version_row", sa.BigInteger(), nullable=True),
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
        sa.ForeignKeyConstraint(
            ["model_row"],
            ["models.id"],
            name="fk_model_schemas_model_row",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["version_row"],
            ["model_versions.id"],
            name="fk_model_schemas_version_row",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_model_schemas"),
        sa.UniqueConstraint("model_row", "major", name="uq_model_schemas_model_row_major"),
    )
