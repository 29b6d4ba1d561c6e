"""What encoders were found to be worth."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FIGURES = (
    "p_at_1", "p_at_1_low", "p_at_1_high", "map_at_r", "map_at_r_low", "map_at_r_high",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=True),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gallery", sa.Text(), nullable=False),
        sa.Column("n_queries", sa.Integer(), nullable=False),
        sa.Column("n_patients", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in FIGURES),
        sa.Column("lift_over", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("lift", "lift_low", "lift_high")),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.CheckConstraint("cover IN ('2d', '3d')", name=op.f("ck_evaluation_cover")),
        sa.CheckConstraint("task IN ('finding', 'patient')", name=op.f("ck_evaluation_task")),
        sa.CheckConstraint("gallery IN ('prior', 'open')", name=op.f("ck_evaluation_gallery")),
        sa.CheckConstraint("code IN ('earned', 'provisional')", name=op.f("ck_evaluation_code")),
        sa.CheckConstraint("reading >= 1", name=op.f("ck_evaluation_reading")),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_evaluation_encoder")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_evaluation_night")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("cover", "reading", name=op.f("uq_evaluation_cover_reading")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_evaluation_encoder"), "evaluation", ["encoder"], unique=False)
    op.create_index(op.f("ix_evaluation_made_at"), "evaluation", ["made_at"], unique=False)
