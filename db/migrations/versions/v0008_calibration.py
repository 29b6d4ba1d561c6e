"""What a distance is worth by chance, cut-offs, alarms; why a trained encoder was not made active."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calibration",
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("n_patients", sa.Integer(), nullable=False),
        sa.Column("curve", sa.Text(), nullable=False),
        sa.Column("why_not", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.Double(), nullable=True),
        sa.Column("wrong_patient", sa.Double(), nullable=True),
        sa.Column("same_person", sa.Double(), nullable=True),
        sa.Column("rates", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_calibration_encoder")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_calibration_night")),
        sa.PrimaryKeyConstraint("encoder", "kind", name=op.f("pk_calibration")),
    )
    op.add_column("match", sa.Column("chance_code", sa.Text(), nullable=False, server_default="not-calibrated"))
    for name in ("chance_share", "chance_below", "chance_low", "chance_high"):
        op.add_column("match", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("match", sa.Column("chance_basis", sa.Text(), nullable=False, server_default=""))
    op.add_column("lane_outcome", sa.Column("alarm", sa.Text(), nullable=False, server_default=""))
    op.add_column("encoder", sa.Column("held_reason", sa.Text(), nullable=False, server_default=""))
