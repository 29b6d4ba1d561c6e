"""The move of a match before its last one, which counts again when the last one is taken back within its night."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("match", sa.Column("former_moved_night", sa.Integer(), nullable=True))
    op.add_column("match", sa.Column("former_rank_before", sa.Integer(), nullable=True))
