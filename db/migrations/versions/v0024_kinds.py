"""Classifiers that tell kinds from vectors, where the header does not."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kind_classifier",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("n_named", sa.Integer(), nullable=False),
        sa.Column("n_wrong", sa.Integer(), nullable=False),
        sa.Column("in_use", sa.Boolean(), nullable=False),
        sa.Column("off_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("off_night", sa.Integer(), nullable=True),
        sa.Column("forgotten_patients", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cover IN ('2d', '3d')", name=op.f("ck_kind_classifier_cover")),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_kind_classifier_encoder")),
        sa.ForeignKeyConstraint(["off_night"], ["night.id"], name=op.f("fk_kind_classifier_off_night")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kind_classifier")),
    )
    op.create_index(op.f("ix_kind_classifier_encoder"), "kind_classifier", ["encoder"])
