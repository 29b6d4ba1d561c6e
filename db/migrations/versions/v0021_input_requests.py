"""Which encoder inputs somebody waits for, so that they are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "input_request",
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason IN ('training', 'judging', 'evaluation')", name=op.f("ck_input_request_reason")),
        sa.PrimaryKeyConstraint("recipe", "reason", name=op.f("pk_input_request")),
    )
