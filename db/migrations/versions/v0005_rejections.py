"""Rejection notes; which scans are one exposure; contrast in the words of the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rejection",
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sop_uid", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("note", "sop_uid", name=op.f("pk_rejection")),
        schema="identity",
    )
    op.create_index(op.f("ix_rejection_sop_uid"), "rejection", ["sop_uid"], unique=False, schema="identity")
    op.add_column("scan", sa.Column("acquisition", sa.Text(), nullable=True))
    op.execute("UPDATE scan SET contrast = 'not-given' WHERE contrast = 'none'")
    # Key objects were read without what they name: they count as changed, so that the next night reads them again.
    op.execute(
        "UPDATE identity.file SET mtime_ns = 0, inode = 0 "
        "WHERE state = 'read' AND header LIKE '%\"1.2.840.10008.5.1.4.1.1.88.59\"%'"
    )
    op.execute("UPDATE identity.file SET grouped = FALSE WHERE state = 'read'")  # every scan gets its exposure
