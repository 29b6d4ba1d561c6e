"""One night at a time: the lease, its fencing number, and the rows of nights and stages."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, inspect, select, text, update

from db.engine import Database, Fence, database_time
from db.errors import Fenced, NightRunning
from db.tables import Lease, Night, Stage
from db.upsert import change, upsert

NIGHT = "night"  # name of the only lease
OWNER_DIED = "owner-died"
LEASE = select(Lease.fence, Lease.owner, Lease.expires_at).where(Lease.name == NIGHT)


@dataclass(frozen=True)
class Begun:
    """A night that has begun.

    Attributes:
        night: Its number.
        fence: Number that each of its writes must carry, in a Fence.
    """

    night: int
    fence: int


def begin_night(
    db: Database,
    *,
    owner: str,
    ttl_s: float,
    settings_digest: str,
    version: str,
    key_id: str,
    is_dead: Callable[[str], bool],
    tick_at: datetime | None = None,
) -> Begun:
    """Take the lease and open a night, in one transaction.

    A lease that ran out by the database's clock, or whose owner is known to be dead, is taken over;
    its night is closed as failed.

    Args:
        db: An open database.
        owner: Who begins, such as machine and process.
        ttl_s: Seconds until the lease runs out unless it is renewed.
        settings_digest: Digest of the configuration.
        version: Version of the program.
        key_id: Names the site's secret without telling it.
        is_dead: Tells whether an owner is known to live no more; asked inside the transaction, so be quick.
        tick_at: The tick of the schedule that this night answers.

    Raises:
        NightRunning: Somebody alive holds the lease.
    """
    with db.read() as connection:  # a holder that stands still inside a write would make a writer wait
        _refuse_second(db, connection, is_dead)
    with db.write() as connection:
        upsert(connection, Lease, [{"name": NIGHT, "fence": 0, "owner": None, "expires_at": None}], update=[])
        held = _locked(connection)
        _refuse_second(db, connection, is_dead)
        now = db.now(connection)
        _close_abandoned(connection, now)
        fence = Fence(NIGHT, held.fence + 1)
        expires_at = now + timedelta(seconds=ttl_s)
        taken = update(Lease).where(Lease.name == NIGHT)
        connection.execute(taken.values(fence=fence.number, owner=owner, expires_at=expires_at))
        night = connection.scalar(select(func.coalesce(func.max(Night.id), 0) + 1)) or 1
        row = {
            "id": night, "fence": fence.number, "owner": owner, "state": "running", "exit_code": None,
            "begun_at": now, "ended_at": None, "tick_at": tick_at, "settings_digest": settings_digest,
            "version": version, "key_id": key_id, "summary": "{}", "error_code": "", "report": "",
        }  # fmt: skip
        connection.execute(insert(Night), row)
    return Begun(night, fence.number)


def borrow(db: Database, *, owner: str, ttl_s: float, is_dead: Callable[[str], bool]) -> Begun:
    """Take the lease without opening a night, so that none may run meanwhile; a night of a dead owner is closed.

    Returns:
        The newest night's number, 0 when there is none, and the fence.

    Raises:
        NightRunning: Somebody alive holds the lease.
    """
    with db.read() as connection:
        _refuse_second(db, connection, is_dead)
    with db.write() as connection:
        upsert(connection, Lease, [{"name": NIGHT, "fence": 0, "owner": None, "expires_at": None}], update=[])
        held = _locked(connection)
        _refuse_second(db, connection, is_dead)
        now = db.now(connection)
        _close_abandoned(connection, now)
        taken = {"fence": held.fence + 1, "owner": owner, "expires_at": now + timedelta(seconds=ttl_s)}
        connection.execute(update(Lease).where(Lease.name == NIGHT).values(taken))
        night = connection.scalar(select(func.coalesce(func.max(Night.id), 0))) or 0
    return Begun(night, held.fence + 1)


def give_back(db: Database, fence: Fence) -> None:
    """Free a borrowed lease.

    Raises:
        Fenced: It belongs to somebody else.
    """
    with db.write() as connection:
        _require_holder(connection, fence)
        connection.execute(update(Lease).where(Lease.name == fence.name).values(owner=None, expires_at=None))


def refuse_while_running(db: Database, is_dead: Callable[[str], bool]) -> None:
    """Refuse while a night holds the lease; for a database of any revision.

    Raises:
        NightRunning: Somebody alive holds it.
    """
    with db.read() as connection:
        if inspect(connection).has_table(Lease.__tablename__):
            _refuse_second(db, connection, is_dead)


def keep_nights_out(db: Database, connection: Connection, is_dead: Callable[[str], bool]) -> None:
    """Take the lease for the rest of this transaction; for a database of any revision.

    Whoever held it until it ran out is fenced off. A night that begins waits for the end of the transaction.

    Raises:
        NightRunning: Somebody alive holds it.
    """
    if not inspect(connection).has_table(Lease.__tablename__):
        return
    if not db.is_sqlite:  # there may be no row yet that could be locked; SQLite has one writer at a time anyway
        connection.execute(text("LOCK TABLE lease IN EXCLUSIVE MODE"))
    _refuse_second(db, connection, is_dead)
    fenced = update(Lease).where(Lease.name == NIGHT, Lease.owner.is_not(None))
    connection.execute(fenced.values(fence=Lease.fence + 1, owner=None, expires_at=None))


def renew(db: Database, fence: Fence, *, ttl_s: float) -> datetime:
    """Extend the lease and return its new end. One that ran out but that nobody took is extended too.

    Raises:
        Fenced: It belongs to somebody else, or was given back.
    """
    with db.write() as connection:
        _require_holder(connection, fence)
        expires_at = db.now(connection) + timedelta(seconds=ttl_s)
        connection.execute(update(Lease).where(Lease.name == fence.name).values(expires_at=expires_at))
    return expires_at


def end_night(
    db: Database,
    fence: Fence,
    *,
    night: int,
    state: str,
    exit_code: int,
    summary: str = "{}",
    error_code: str = "",
    report: str = "",
) -> None:
    """Close a night and give the lease back, in one transaction; also a lease that ran out untaken.

    Raises:
        Fenced: The lease belongs to somebody else, who has closed the night already.
    """
    with db.write() as connection:
        _require_holder(connection, fence)
        now = db.now(connection)
        _end_running_stages(connection, [night])
        closed = update(Night).where(Night.id == night)
        connection.execute(
            closed.values(
                state=state,
                exit_code=exit_code,
                ended_at=now,
                summary=summary,
                error_code=error_code,
                report=report,
            )
        )
        connection.execute(update(Lease).where(Lease.name == fence.name).values(owner=None, expires_at=None))


def begin_stage(connection: Connection, night: int, name: str) -> None:
    """Note that a stage of the night has begun; begun again, it starts afresh."""
    row = {
        "night": night, "name": name, "state": "running", "begun_at": database_time(connection),
        "seconds": None, "counts": "{}",
    }  # fmt: skip
    upsert(connection, Stage, [row])


def end_stage(
    connection: Connection, night: int, name: str, *, state: str, seconds: float, counts: Mapping[str, Any]
) -> None:
    """Note how a stage that was begun has ended.

    Args:
        connection: From `db.write(fence)`.
        night: The night.
        name: The stage.
        state: done, failed or skipped.
        seconds: How long it took, by a monotonic clock.
        counts: Its figures, kept as JSON.
    """
    row = {
        "night": night, "name": name, "state": state, "seconds": float(seconds),
        "counts": json.dumps(counts, sort_keys=True),
    }  # fmt: skip
    change(connection, Stage, [row])


def _locked(connection: Connection) -> Row[tuple[int, str | None, datetime | None]]:
    return connection.execute(LEASE.with_for_update()).one()


def _refuse_second(db: Database, connection: Connection, is_dead: Callable[[str], bool]) -> None:
    held = connection.execute(LEASE).one_or_none()
    if held is None or held.owner is None or held.expires_at is None:
        return
    if held.expires_at > db.now(connection) and not is_dead(held.owner):
        raise NightRunning(held.owner, _running(connection), held.expires_at)


def _require_holder(connection: Connection, fence: Fence) -> None:
    held = _locked(connection)
    if held.fence != fence.number or held.owner is None:
        raise Fenced(f"lease {fence.number} is no longer held (now {held.fence}): stop, and run again")


def _running(connection: Connection) -> int:
    return connection.scalar(select(func.max(Night.id)).where(Night.state == "running")) or 0


def _close_abandoned(connection: Connection, now: datetime) -> None:
    nights = list(connection.scalars(select(Night.id).where(Night.state == "running")))
    _end_running_stages(connection, nights)
    closed = update(Night).where(Night.id.in_(nights))
    connection.execute(closed.values(state="failed", exit_code=1, ended_at=now, error_code=OWNER_DIED))


def _end_running_stages(connection: Connection, nights: list[int]) -> None:
    running = update(Stage).where(Stage.night.in_(nights), Stage.state == "running")
    connection.execute(running.values(state="failed"))
