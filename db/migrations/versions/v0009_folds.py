"""An evaluation may be of several encoders, one a fold of patients, none of which is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("evaluation") as evaluation:
        evaluation.alter_column("encoder", existing_type=sa.Text(), nullable=True)
        evaluation.add_column(sa.Column("folds", sa.Integer(), nullable=False, server_default="1"))
        evaluation.create_check_constraint("folds", "folds >= 1")
