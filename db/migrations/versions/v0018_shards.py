"""Shards of a night's embedding: how they get on, on which machine, and why one failed."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shard",
        sa.Column("night", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("n_scans", sa.Integer(), nullable=False),
        sa.Column("flow_run", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(begun_at IS NULL) = (machine = '')", name=op.f("ck_shard_begun_somewhere")),
        sa.CheckConstraint("number >= 1 AND attempt >= 1", name=op.f("ck_shard_counted_from_one")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'given_up')", name=op.f("ck_shard_state")
        ),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_shard_night")),
        sa.PrimaryKeyConstraint("night", "number", "attempt", name=op.f("pk_shard")),
    )
