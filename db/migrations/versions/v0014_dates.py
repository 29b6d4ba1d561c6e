"""What speaks against the date of a scan, and a date that was left out for lying in the future."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scan", sa.Column("date_doubts", sa.Text(), nullable=False, server_default=""))
    op.add_column("scan", sa.Column("dated_ahead", sa.Date(), nullable=True))
