"""Which candidate was chosen; why a match entered its list, moved or left; random controls among judged matches."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("encoder", sa.Column("chosen_reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("match", sa.Column("entered_why", sa.Text(), nullable=False, server_default=""))
    op.add_column("match", sa.Column("left_why", sa.Text(), nullable=False, server_default=""))
    op.add_column("match", sa.Column("moved_night", sa.Integer(), nullable=True))
    op.add_column("match", sa.Column("rank_before", sa.Integer(), nullable=True))
    op.create_table(
        "control",
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_control_night")),
        sa.ForeignKeyConstraint(
            ["prior", "encoder"], ["embedding.scan", "embedding.encoder"], name=op.f("fk_control_prior_encoder")
        ),
        sa.ForeignKeyConstraint(
            ["scan", "encoder"], ["embedding.scan", "embedding.encoder"], name=op.f("fk_control_scan_encoder")
        ),
        sa.PrimaryKeyConstraint("scan", "prior", "encoder", name=op.f("pk_control")),
    )
