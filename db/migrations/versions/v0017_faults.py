"""Headers were read by rules that took a damaged value for an absent one, and archives of some kinds for no DICOM."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They count as changed, so that the next night reads them again.
    op.execute(
        "UPDATE identity.file SET mtime_ns = 0, inode = 0 "
        "WHERE state = 'read' OR (state = 'refused' AND code = 'not-dicom')"
    )
