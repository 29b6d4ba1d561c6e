"""Whose database this is, and which accounts read its core."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Digests of the views whose text changed with this revision: View.digest. The newest one of each view holds.
VIEWS = {
    "active_encoder": "206ad07572260e09",
    "match_for_review": "74a2a64b9b7393b8",
    "night_summary": "8ddef38e04c99a29",
    "study_match": "bfdcf978c33f799d",
}


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_site_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    op.create_table(
        "analyst",
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_analyst")),
    )
