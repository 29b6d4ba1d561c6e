"""Whose database this is, who may read its core, and which encoder inputs somebody waits for."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Moment, one_of

REASONS = ("training", "judging", "evaluation")


class SiteRow(Base):
    """One row a database: the site that it belongs to."""

    __tablename__ = "site"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="always 1")
    key_id: Mapped[str] = mapped_column(Text, doc="names the site's secret, without telling it, that made every key")
    store: Mapped[str] = mapped_column(Text, doc="the site's folder of tensors, pictures and encoders")
    at: Mapped[datetime] = mapped_column(Moment, doc="when the site took it")


class Analyst(Base):
    """One row an account of PostgreSQL that reads core; its rights are given again after each upgrade."""

    __tablename__ = "analyst"

    role: Mapped[str] = mapped_column(Text, primary_key=True, doc="name of the account")
    at: Mapped[datetime] = mapped_column(Moment, doc="when it was given the right")


class InputRequest(Base):
    """One row a recipe and reason: its encoder inputs are asked for, and none of them is dropped meanwhile."""

    __tablename__ = "input_request"
    __table_args__ = (one_of("reason", REASONS),)

    recipe: Mapped[str] = mapped_column(Text, primary_key=True, doc="digest of the preprocessing")
    reason: Mapped[str] = mapped_column(Text, primary_key=True, doc="what needs them")
    at: Mapped[datetime] = mapped_column(Moment, doc="when they were last asked for; it lapses after a week")
