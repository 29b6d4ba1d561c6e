"""Which candidate was chosen, while its vectors are made."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("encoder", sa.Column("chosen_reason", sa.Text(), nullable=False, server_default=""))
