"""Shards: parts of a night's embedding that are handed to other machines."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Moment, one_of

SHARD_STATES = ("waiting", "running", "done", "failed", "given_up")


class Shard(Base):
    """One row a time that a shard was handed out; its machine writes here how it gets on, and why it failed."""

    __tablename__ = "shard"
    __table_args__ = (
        one_of("state", SHARD_STATES),
        CheckConstraint("number >= 1 AND attempt >= 1", name="counted_from_one"),
        CheckConstraint("(begun_at IS NULL) = (machine = '')", name="begun_somewhere"),
    )

    night: Mapped[int] = mapped_column(ForeignKey("night.id"), primary_key=True, doc="the run")
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="1, 2, 3 ... within the night")
    attempt: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, doc="1 for the first time that it was handed out"
    )
    state: Mapped[str] = mapped_column(Text, doc="how it stands; given_up by the night, the others by its machine")
    code: Mapped[str] = mapped_column(Text, doc="why it failed or was given up, as a code; empty when it was not")
    n_scans: Mapped[int] = mapped_column(doc="scans in it")
    flow_run: Mapped[str] = mapped_column(Text, doc="its run in Prefect; empty until that is known")
    machine: Mapped[str] = mapped_column(Text, doc="host that took it; empty until one did")
    handed_at: Mapped[datetime] = mapped_column(Moment, doc="when it was handed out, by the database's clock")
    begun_at: Mapped[datetime | None] = mapped_column(Moment, doc="when a machine took it, by the same clock")
    heard_at: Mapped[datetime | None] = mapped_column(Moment, doc="last sign of work: begin, vectors or end")
