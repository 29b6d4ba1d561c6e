"""Labels may say how large and how clear a finding is, and at which site the scan was made."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("label", sa.Column("size_mm", sa.Double(), nullable=True))
    op.add_column("label", sa.Column("contrast_to_noise", sa.Double(), nullable=True))
    op.add_column("label", sa.Column("site", sa.Text(), nullable=True))
