"""Alembic runs this file to migrate the connection it is handed."""

from alembic import context

from db.base import Base
from db.migrate import is_ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_schemas=True,
    include_object=is_ours,
    render_as_batch=True,
)
context.run_migrations()
