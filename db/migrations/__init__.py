"""The history of the tables, for Alembic; `db.migrate` runs it."""
