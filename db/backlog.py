"""The work that is left."""

from sqlalchemy import Connection, and_, func, select

from db.embeddings import scans_to_embed
from db.encoders import active_encoders, chosen_encoders
from db.identity import pending_files, pending_series
from db.scans import may_be_listed
from db.tables import EMBEDDING, SCAN


def work_left(connection: Connection) -> int:
    """Count the work that waits: files, series, vectors and lists."""
    return sum(work_left_by_stage(connection).values())


def work_left_by_stage(connection: Connection) -> dict[str, int]:
    """Count what waits: files to read, series to group, scans to embed (also for chosen encoders), scans to match."""
    active = active_encoders(connection)
    embedding = [*active, *chosen_encoders(connection)]
    unmatched = select(func.count()).select_from(EMBEDDING).join(SCAN, SCAN.c.key == EMBEDDING.c.scan)
    waiting = and_(EMBEDDING.c.encoder.in_([row.id for row in active]), EMBEDDING.c.matched_night.is_(None))
    return {
        "files": len(pending_files(connection, ["listed"])),
        "series": len(pending_series(connection)),
        "embed": sum(len(scans_to_embed(connection, row.id, row.cover)) for row in embedding),
        "match": connection.scalar(unmatched.where(waiting, may_be_listed())) or 0,
    }
