"""How much a patient changed, beside what chance gives."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("match", sa.Column("change_code", sa.Text(), nullable=False, server_default=""))
    op.add_column("match", sa.Column("change_percentile", sa.Double(), nullable=True))
    op.add_column("match", sa.Column("change_references", sa.Integer(), nullable=True))
    op.add_column("match", sa.Column("change_scanner", sa.Text(), nullable=False, server_default=""))
    op.add_column("calibration", sa.Column("unchanged", sa.Text(), nullable=False, server_default=""))
