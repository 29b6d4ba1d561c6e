"""The archive by key, and the nights that read it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "night",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tick_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settings_digest", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'nothing_new', 'partial', 'failed', 'fenced')",
            name=op.f("ck_night_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_night")),
    )
    op.create_index(op.f("ix_night_begun_at"), "night", ["begun_at"], unique=False)
    op.create_index(op.f("ix_night_state"), "night", ["state"], unique=False)
    op.create_table(
        "patient",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("split", sa.Double(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("own_lane", sa.Boolean(), nullable=False),
        sa.Column("first_night", sa.Integer(), nullable=False),
        sa.CheckConstraint("split >= 0 AND split < 1", name=op.f("ck_patient_split")),
        sa.ForeignKeyConstraint(["first_night"], ["night.id"], name=op.f("fk_patient_first_night")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_patient")),
    )
    op.create_table(
        "stage",
        sa.Column("night", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'skipped')", name=op.f("ck_stage_state")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_stage_night")),
        sa.PrimaryKeyConstraint("night", "name", name=op.f("pk_stage")),
    )
    op.create_table(
        "study",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("age_years", sa.Double(), nullable=True),
        sa.Column("local_date", sa.Date(), nullable=True),
        sa.Column("acquired_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acquired_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_night", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(acquired_from IS NULL) = (acquired_until IS NULL) AND acquired_from <= acquired_until",
            name=op.f("ck_study_acquired"),
        ),
        sa.ForeignKeyConstraint(["first_night"], ["night.id"], name=op.f("fk_study_first_night")),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_study_patient")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_study")),
    )
    op.create_index(op.f("ix_study_patient"), "study", ["patient"], unique=False)
    op.create_table(
        "scan",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("kind_rule", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("is_main", sa.Boolean(), nullable=True),
        sa.Column("main_rule", sa.Text(), nullable=False),
        sa.Column("acquired_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acquired_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acquired_local_date", sa.Date(), nullable=True),
        sa.Column("date_precision", sa.Text(), nullable=False),
        sa.Column("age_years", sa.Double(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("tensor", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("n_slices", sa.Integer(), nullable=True),
        sa.Column("n_rows", sa.Integer(), nullable=True),
        sa.Column("n_columns", sa.Integer(), nullable=True),
        sa.Column("spacing_z_mm", sa.Double(), nullable=True),
        sa.Column("spacing_y_mm", sa.Double(), nullable=True),
        sa.Column("spacing_x_mm", sa.Double(), nullable=True),
        sa.Column("coverage_mm", sa.Double(), nullable=True),
        sa.Column("largest_gap_mm", sa.Double(), nullable=True),
        sa.Column("tilt_deg", sa.Double(), nullable=True),
        sa.Column("orientation", sa.Text(), nullable=True),
        sa.Column("slice_thickness_mm", sa.Double(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("kernel", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Text(), nullable=True),
        sa.Column("contrast", sa.Text(), nullable=True),
        sa.Column("transfer_syntax", sa.Text(), nullable=True),
        sa.Column("photometric", sa.Text(), nullable=True),
        sa.Column("image_type", sa.Text(), nullable=True),
        sa.Column("rescale_slope", sa.Double(), nullable=True),
        sa.Column("rescale_intercept", sa.Double(), nullable=True),
        sa.Column("padding", sa.BigInteger(), nullable=True),
        sa.Column("first_night", sa.Integer(), nullable=False),
        sa.Column("withdrawn_night", sa.Integer(), nullable=True),
        sa.CheckConstraint("(state = 'withdrawn') = (withdrawn_night IS NOT NULL)", name=op.f("ck_scan_withdrawn")),
        sa.CheckConstraint("cover IN ('2d', '3d')", name=op.f("ck_scan_cover")),
        sa.CheckConstraint("date_precision IN ('second', 'day', 'unknown')", name=op.f("ck_scan_date_precision")),
        sa.CheckConstraint("state IN ('accepted', 'held_back', 'withdrawn')", name=op.f("ck_scan_state")),
        sa.CheckConstraint(
            "(acquired_from IS NULL) = (acquired_until IS NULL) AND acquired_from <= acquired_until",
            name=op.f("ck_scan_acquired"),
        ),
        sa.ForeignKeyConstraint(["first_night"], ["night.id"], name=op.f("fk_scan_first_night")),
        sa.ForeignKeyConstraint(["patient"], ["patient.key"], name=op.f("fk_scan_patient")),
        sa.ForeignKeyConstraint(["study"], ["study.key"], name=op.f("fk_scan_study")),
        sa.ForeignKeyConstraint(["withdrawn_night"], ["night.id"], name=op.f("fk_scan_withdrawn_night")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_scan")),
    )
    op.create_index(op.f("ix_scan_first_night"), "scan", ["first_night"], unique=False)
    op.create_index(op.f("ix_scan_kind"), "scan", ["kind"], unique=False)
    op.create_index(op.f("ix_scan_patient"), "scan", ["patient"], unique=False)
    op.create_index(op.f("ix_scan_series"), "scan", ["series"], unique=False)
    op.create_index(op.f("ix_scan_study"), "scan", ["study"], unique=False)
    op.create_index(op.f("ix_scan_withdrawn_night"), "scan", ["withdrawn_night"], unique=False)
    op.create_table(
        "file",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("scan", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_night", sa.Integer(), nullable=False),
        sa.Column("changed_night", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('used', 'skipped', 'quarantined', 'waiting', 'gone')", name=op.f("ck_file_outcome")
        ),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_file_size_bytes")),
        sa.ForeignKeyConstraint(["changed_night"], ["night.id"], name=op.f("fk_file_changed_night")),
        sa.ForeignKeyConstraint(["first_night"], ["night.id"], name=op.f("fk_file_first_night")),
        sa.ForeignKeyConstraint(["scan"], ["scan.key"], name=op.f("fk_file_scan")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_file")),
    )
    op.create_index(op.f("ix_file_changed_night"), "file", ["changed_night"], unique=False)
    op.create_index(op.f("ix_file_outcome_code"), "file", ["outcome", "code"], unique=False)
    op.create_index(op.f("ix_file_scan"), "file", ["scan"], unique=False)
