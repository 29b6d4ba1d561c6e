"""Headers were read without tags that kinds, values and places are told by now: all of them are read again."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    file = sa.table("file", *(sa.column(name) for name in ("mtime_ns", "inode", "header")), schema="identity")
    op.execute(file.update().where(file.c.header != "").values(mtime_ns=0, inode=0))  # they count as changed
