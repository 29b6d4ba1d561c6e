"""More of the geometry passport, and files whose frames make several scans."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PASSPORT: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("smallest_gap_mm", sa.Double()),
    ("n_missing", sa.Integer()),
    ("rescale_varies", sa.Boolean()),
    ("decoder", sa.Text()),
    ("burned_in", sa.Text()),
    ("slice_order", sa.Text()),
    ("n_files", sa.Integer()),
    ("repairs", sa.Text()),
)
MULTI_FRAME = tuple(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2.1", "2.2", "4.1", "4.4"))


def upgrade() -> None:
    with op.batch_alter_table("scan") as scan:
        for name, type_ in PASSPORT:
            scan.add_column(sa.Column(name, type_, nullable=True))
    op.create_table(
        "further_scan",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["file.key"], name=op.f("fk_further_scan_file")),
        sa.ForeignKeyConstraint(["scan"], ["scan.key"], name=op.f("fk_further_scan_scan")),
        sa.PrimaryKeyConstraint("file", "scan", name=op.f("pk_further_scan")),
    )
    op.create_index(op.f("ix_further_scan_scan"), "further_scan", ["scan"], unique=False)
    names = ("mtime_ns", "header", "grouped", "state")
    file = sa.table("file", *(sa.column(name) for name in names), schema="identity")
    op.execute(file.update().where(file.c.state == "read").values(grouped=sa.false()))  # for the passports of old scans
    for sop_class in MULTI_FRAME:  # their headers were read without frames: the next night reads them again
        was_read = file.c.header.contains(f'"sop_class_uid":"{sop_class}"', autoescape=True)
        op.execute(file.update().where(was_read).values(mtime_ns=0))
