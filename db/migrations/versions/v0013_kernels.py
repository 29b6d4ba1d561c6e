"""The kernel level of the processor that trained an encoder and of the one that made a vector."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("encoder", "embedding"):
        op.add_column(table, sa.Column("kernels", sa.Text(), nullable=False, server_default=""))
