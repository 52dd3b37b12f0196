"""Alembic's entry: runs the migrations on the connection that `server.database` gives."""

from alembic import context

import training.tables  # noqa: F401 - fills the metadata
from registry.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
