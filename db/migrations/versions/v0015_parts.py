"""Several people under one study UID: each has a study of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("part", sa.Text(), nullable=False, server_default=""), schema="identity")
    op.create_index("ix_file_part", "file", ["part"], unique=False, schema="identity")
