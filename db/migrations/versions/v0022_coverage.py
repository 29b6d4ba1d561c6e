"""Which series a file is of, and where series come from, so that coverage is counted without headers."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("modality", sa.Text(), nullable=False),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_series")),
    )
    op.add_column("file", sa.Column("series", sa.Text(), server_default="", nullable=False))
    # Filled here, since a row that the next night changed would count as that night's.
    op.execute(
        "UPDATE file SET series = coalesce("
        "(SELECT known.series FROM identity.file AS known WHERE known.key = file.key), '')"
    )
    op.create_index(op.f("ix_file_series_code_changed_night"), "file", ["series", "code", "changed_night"])
