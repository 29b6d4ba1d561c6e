"""The schema `identity`, continued: who is one person, who was forgotten, and what keys were made from."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import IDENTITY, Base, Moment


class IdentityPerson(Base):
    """One row a set of patient id, issuer, name, birth date and sex that stands together in headers."""

    __tablename__ = "person"
    __table_args__ = ({"schema": IDENTITY},)

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="digest of the other columns but patient")
    patient_id: Mapped[str] = mapped_column(Text, index=True, doc="PatientID (0010,0020)")
    issuer: Mapped[str] = mapped_column(Text, doc="IssuerOfPatientID (0010,0021), empty when absent")
    name: Mapped[str] = mapped_column(Text, doc="PatientName (0010,0010)")
    birth_date: Mapped[str] = mapped_column(Text, doc="PatientBirthDate (0010,0030) as written")
    sex: Mapped[str] = mapped_column(Text, doc="PatientSex (0010,0040)")
    patient: Mapped[str] = mapped_column(Text, index=True, doc="patient.key; empty: each study counts for itself")


class IdentityMerge(Base):
    """One row a patient id that the hospital has merged into another one."""

    __tablename__ = "merge"
    __table_args__ = ({"schema": IDENTITY},)

    from_id: Mapped[str] = mapped_column(Text, primary_key=True, doc="the id that was merged")
    from_issuer: Mapped[str] = mapped_column(Text, primary_key=True, doc="its issuer, empty when absent")
    to_id: Mapped[str] = mapped_column(Text, doc="the id that stays")
    to_issuer: Mapped[str] = mapped_column(Text, doc="its issuer, empty when absent")
    at: Mapped[datetime] = mapped_column(Moment, doc="when it was told")


class IdentityScan(Base):
    """One row a scan ever made: what its key was made from."""

    __tablename__ = "scan"
    __table_args__ = ({"schema": IDENTITY},)

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="the same key as scan.key")
    digest: Mapped[str] = mapped_column(Text, doc="digest of the stack's content")


class Tombstone(Base):
    """One row a forgotten person and secret: files of that person are not taken in again."""

    __tablename__ = "tombstone"
    __table_args__ = ({"schema": IDENTITY},)

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of id and issuer, or of a study's UID")
    pending: Mapped[str] = mapped_column(Text, doc="patient.key while the forgetting is not finished, else empty")
    at: Mapped[datetime] = mapped_column(Moment, doc="when it was asked for")


class BackupMade(Base):
    """One row a backup that was written: it may still hold persons who were forgotten since."""

    __tablename__ = "backup"
    __table_args__ = ({"schema": IDENTITY},)

    folder: Mapped[str] = mapped_column(Text, primary_key=True, doc="where it was written")
    at: Mapped[datetime] = mapped_column(Moment, doc="when")
