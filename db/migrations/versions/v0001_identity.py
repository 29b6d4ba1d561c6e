"""The schema identity: persons, studies and files as the hospital knows them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("sop_uid", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("pixel_sha256", sa.Text(), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("grouped", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state IN ('listed', 'read', 'refused', 'arriving', 'gone')", name=op.f("ck_file_state")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_file")),
        sa.UniqueConstraint("path", name=op.f("uq_file_path")),
        schema="identity",
    )
    op.create_index(
        "ix_file_listing",
        "file",
        ["path", "size_bytes", "mtime_ns", "inode", "state"],
        unique=False,
        schema="identity",
    )
    op.create_index("ix_file_pending", "file", ["grouped", "series"], unique=False, schema="identity")
    op.create_index(op.f("ix_file_series"), "file", ["series"], unique=False, schema="identity")
    op.create_index(op.f("ix_file_sop_uid"), "file", ["sop_uid"], unique=False, schema="identity")
    op.create_index(op.f("ix_file_state"), "file", ["state"], unique=False, schema="identity")
    op.create_index(op.f("ix_file_study"), "file", ["study"], unique=False, schema="identity")
    op.create_table(
        "patient",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_patient")),
        schema="identity",
    )
    op.create_index(op.f("ix_patient_patient_id"), "patient", ["patient_id"], unique=False, schema="identity")
    op.create_table(
        "study",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("study_uid", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["identity.patient.key"], name=op.f("fk_study_patient")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_study")),
        schema="identity",
    )
    op.create_index(op.f("ix_study_accession_number"), "study", ["accession_number"], unique=False, schema="identity")
    op.create_index(op.f("ix_study_patient"), "study", ["patient"], unique=False, schema="identity")
    op.create_index(op.f("ix_study_study_uid"), "study", ["study_uid"], unique=False, schema="identity")
