"""Shards of a night: handed out by the night, heard of from the machines that work on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Update, func, insert, select, update

from db.base import table_of
from db.engine import database_time
from db.rows import columns_of, rows_as
from db.shard_tables import Shard
from db.tables import EMBEDDING
from db.upsert import chunks

SHARD = table_of(Shard)
AT_WORK = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A row of shard."""

    night: int
    number: int
    attempt: int
    state: str
    code: str
    n_scans: int
    flow_run: str
    machine: str
    handed_at: datetime
    begun_at: datetime | None
    heard_at: datetime | None


def next_number(connection: Connection, night: int) -> int:
    """Return the number of the night's next shard."""
    return (connection.scalar(select(func.max(SHARD.c.number)).where(SHARD.c.night == night)) or 0) + 1


def hand_out(connection: Connection, *, night: int, number: int, attempt: int, n_scans: int) -> None:
    """Note that a shard is about to be handed out."""
    row = {
        "night": night, "number": number, "attempt": attempt, "state": "waiting", "code": "", "n_scans": n_scans,
        "flow_run": "", "machine": "", "handed_at": database_time(connection), "begun_at": None, "heard_at": None,
    }  # fmt: skip
    connection.execute(insert(SHARD), row)


def note_run(connection: Connection, *, night: int, number: int, attempt: int, flow_run: str) -> None:
    """Note which run of Prefect a shard became."""
    connection.execute(_one(night, number, attempt).values(flow_run=flow_run))


def begin(connection: Connection, *, night: int, number: int, attempt: int, machine: str) -> bool:
    """Take a shard; False when the night has given it up, or somebody else has taken it."""
    now = database_time(connection)
    mine = _one(night, number, attempt).where(SHARD.c.state == "waiting")
    return connection.execute(mine.values(state="running", machine=machine, begun_at=now, heard_at=now)).rowcount == 1


def hear(connection: Connection, *, night: int, number: int, attempt: int) -> bool:
    """Note a sign of work; False when the night has given the shard up: stop."""
    mine = _one(night, number, attempt).where(SHARD.c.state == "running")
    return connection.execute(mine.values(heard_at=database_time(connection))).rowcount == 1


def end(connection: Connection, *, night: int, number: int, attempt: int, state: str, code: str = "") -> bool:
    """Note how a shard ended; False when it had ended before, and stays as it is."""
    mine = _one(night, number, attempt).where(SHARD.c.state.in_(AT_WORK))
    heard = {} if state == "given_up" else {"heard_at": database_time(connection)}
    return connection.execute(mine.values(state=state, code=code, **heard)).rowcount == 1


def of_night(connection: Connection, night: int) -> list[ShardRow]:
    """Return the shards of a night, whole rows, in the order they were handed out."""
    mine = select(*columns_of(ShardRow, SHARD)).where(SHARD.c.night == night)
    return rows_as(connection, mine.order_by(SHARD.c.number, SHARD.c.attempt), ShardRow)


def not_embedded(connection: Connection, encoder: str, scans: Sequence[str]) -> list[str]:
    """Return those of some scans that have no vector of an encoder yet, in the order given."""
    found: set[str] = set()
    for some in chunks(scans):
        mine = select(EMBEDDING.c.scan).where(EMBEDDING.c.encoder == encoder, EMBEDDING.c.scan.in_(some))
        found.update(connection.scalars(mine))
    return [scan for scan in scans if scan not in found]


def _one(night: int, number: int, attempt: int) -> Update:
    mine = (SHARD.c.night == night, SHARD.c.number == number, SHARD.c.attempt == attempt)
    return update(SHARD).where(*mine)
