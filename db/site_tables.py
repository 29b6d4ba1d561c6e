"""Whose database this is, and who may read its core."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Moment


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
